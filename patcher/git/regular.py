"""Refuse what git would wait for: a FIFO, device or socket in the place of a file that it opens."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator

from patcher.git.alternates import folders
from patcher.git.errors import GitError
from patcher.git.runner import time_left
from patcher.text import printable


def check_objects(places: Iterable[str]) -> None:
    """See that all that git may open to find an object is a regular file, in folders of objects and
    in their alternates. Raises `GitError`."""
    for place in dict.fromkeys(each for objects in places for each in folders(objects)):
        for entry in _entries(place):
            if len(entry.name) == 2 or entry.name in ("pack", "info"):
                _check(entry)
                _check_below(entry.path)


def check_refs(place: str, prefix: str = "") -> None:
    """See that git can read all refs below a prefix, a path below ``place``. On its way there it
    reads what lies in the folders above. Raises `GitError`."""
    folder = place
    for part in prefix.split("/") if prefix else ():
        for entry in _entries(folder):
            _check(entry)
        folder = f"{folder}/{part}"
    below = [folder]
    while below:
        for entry in _entries(below.pop()):
            _check(entry)
            if entry.is_dir(follow_symlinks=False):
                below.append(entry.path)
            elif entry.is_dir():
                raise GitError(f"{printable(entry.path)} is a symbolic link: name each --base")


def _check_below(folder: str) -> None:
    for entry in _entries(folder):
        _check(entry)
        if entry.is_dir():  # pack/multi-pack-index.d, info/commit-graphs
            for inner in _entries(entry.path):
                _check(inner)


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    time_left()
    try:
        with os.scandir(folder) as scanned:
            yield from scanned
    except OSError:  # none, or one that git cannot read either
        return


def _check(entry: os.DirEntry[str]) -> None:
    if entry.is_file() or entry.is_dir():
        return
    try:
        mode = os.stat(entry.path).st_mode  # noqa: PTH116
    except OSError:  # gone in between, or a link to nothing
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise GitError(f"{printable(entry.path)} is no regular file: remove it")

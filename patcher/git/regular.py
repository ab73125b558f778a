"""Refuse what git would wait for: a FIFO, device or socket in the place of a file that it opens."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator

from patcher.git.alternates import folders
from patcher.git.errors import GitError
from patcher.git.limits import time_left
from patcher.text import printable


class _Seen(threading.local):
    places: set[str] | None = None


_seen = _Seen()


@contextlib.contextmanager
def checked_once() -> Iterator[None]:
    """Within it, `check_objects` looks at each folder once for this thread."""
    before, _seen.places = _seen.places, set()
    try:
        yield
    finally:
        _seen.places = before


def check_objects(places: Iterable[str]) -> None:
    """See that all that git may open to find an object is a regular file, in folders of objects and
    in their alternates. Raises `GitError`."""
    for objects in places:
        for place in folders(objects):
            if place not in (_seen.places or ()):
                _check_objects(place)
                if _seen.places is not None:
                    _seen.places.add(place)


def _check_objects(place: str) -> None:
    for name in _checked(place, lambda name: len(name) == 2 or name in ("pack", "info")):
        for inner in _checked(f"{place}/{name}"):  # pack/multi-pack-index.d
            _checked(f"{place}/{name}/{inner}")


def check_refs(place: str, prefix: str = "") -> None:
    """See that git can read all refs below a prefix, a path below ``place``. On its way there it
    reads what lies in the folders above. Raises `GitError`."""
    folder = place
    for part in prefix.split("/") if prefix else ():
        _checked(folder)
        folder = f"{folder}/{part}"
    below = [folder]
    while below:
        folder = below.pop()
        for name in _checked(folder):
            if os.path.islink(f"{folder}/{name}"):  # noqa: PTH114
                shown = printable(f"{folder}/{name}")
                raise GitError(f"{shown} is a symbolic link: name each --base")
            below.append(f"{folder}/{name}")


def _checked(folder: str, opens: Callable[[str], bool] = lambda name: True) -> list[str]:
    """The folders in a folder, in which git ``opens`` files of these names. Raises `GitError` where
    one of them is neither."""
    time_left()
    found = []
    try:
        scanned = os.scandir(folder)
    except OSError:  # none, or one that git cannot read either
        return []
    with scanned:
        for entry in scanned:
            if opens(entry.name) and not entry.is_file(follow_symlinks=False):
                try:
                    mode = os.stat(entry.path).st_mode  # noqa: PTH116
                except OSError:  # gone in between, or a link to nothing
                    continue
                if stat.S_ISDIR(mode):
                    found.append(entry.name)
                elif not stat.S_ISREG(mode):
                    raise GitError(f"{printable(entry.path)} is no regular file: remove it")
    return found

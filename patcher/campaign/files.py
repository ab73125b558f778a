"""Files outside git: judged, and edited in place when asked for."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from patcher import git
from patcher.campaign import replace
from patcher.campaign.includes import beside
from patcher.campaign.look import judge
from patcher.campaign.replace import FilePlace
from patcher.campaign.selection import Selection
from patcher.findings import Result
from patcher.results import MAX_DROPPED, Located, Outcome, Target


def check(
    names: Iterable[str], selection: Selection, *, fix: bool = False, timeout: float | None = None
) -> Iterator[Target]:
    """One target for each file that is named, or lies in a folder that is named.

    ``Target.repository`` is the file's name; ``outcome`` is ``COMMITTED`` where it was edited.
    ``timeout``: seconds that one file may take.
    """
    for place in meant(names, selection):
        with git.limited(timeout):
            checked = _file(place, selection, fix)
        yield checked


MAX_DEPTH = 500
"""Folders that may lie within each other below one that is named; each is held open."""


def meant(names: Iterable[str], selection: Selection) -> Iterator[FilePlace]:
    """The files that are named, and those wanted below folders that are named; each place is good
    until the next one is taken."""
    for name in names:
        path = Path(name)
        folder = -1
        try:
            folder = os.open(path, _FOLDER)
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                yield FilePlace(path, -1, error)
                continue
        if folder < 0:
            try:
                with replace.at(path) as place:
                    yield place
            except OSError as error:
                yield FilePlace(path, -1, error)
            continue
        wanted = selection.wanted()
        for place in _below(path, folder):
            if wanted is None or wanted(os.fsencode(place.path.relative_to(path))):
                yield place


def failed(name: str, reason: str) -> Target:
    """The target of a file that was not read to its end."""
    return Target(name, None, None, Outcome.FAILED, error=reason)


def target(
    name: str, result: Result, selection: Selection, *, fixed: bool, note: str | None = None
) -> Target:
    """The file's findings as a target."""
    path = os.fsencode(name)
    found = Target(
        repository=name,
        base=None,
        commit=None,
        outcome=Outcome.COMMITTED if fixed else Outcome.SCANNED,
        note=note,
        findings=tuple(Located(path, finding) for finding in result.findings),
        dropped=tuple((path, each) for each in result.dropped[:MAX_DROPPED]),
        read=True,
    )
    return selection.reported(found)


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def _below(path: Path, folder: int) -> Iterator[FilePlace]:
    """The regular files in a folder and below it; what cannot be read comes as a place with an
    error. No folder is opened by a path, which could lead elsewhere by now. Closes ``folder``."""
    held = [folder]
    walk = [iter(_listed(path, folder))]
    try:
        while walk:
            place = next(walk[-1], None)
            if place is None:
                walk.pop()
                os.close(held.pop())
            elif place.error is not None or not isinstance(place, _Folder):
                yield place
            else:
                try:
                    if len(held) >= MAX_DEPTH:
                        raise OSError(
                            errno.ELOOP, f"is more than {MAX_DEPTH} folders deep: name it"
                        )
                    held.append(os.open(place.path.name, _FOLDER, dir_fd=place.folder))
                except OSError as error:
                    yield FilePlace(place.path, -1, error)
                    continue
                walk.append(iter(_listed(place.path, held[-1])))
    finally:
        for descriptor in held:
            os.close(descriptor)


class _Folder(FilePlace):
    """A folder, not a file."""


def _listed(path: Path, folder: int) -> list[FilePlace]:
    """The files of a folder, and then the folders in it."""
    try:
        with os.scandir(folder) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
            files = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
            folders = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError as error:
        return [FilePlace(path, -1, error)]
    return [
        *(FilePlace(path / name, folder) for name in files if not replace.is_temporary(name)),
        *(_Folder(path / name, folder) for name in folders if name != ".git"),
    ]


def _file(place: FilePlace, selection: Selection, fix: bool) -> Target:
    name = str(place.path)
    try:
        with replace.opened(place, selection.max_bytes) as opened:
            result, _ = judge(name, opened.content, selection, beside(place.path))
            if not fix or not result.edits:
                return target(name, result, selection, fixed=False)
            replace.write(opened, result.content)
    except OSError as error:
        return failed(name, error.strerror or str(error))
    except git.GitTimeout as error:
        return failed(name, str(error))
    note = None
    if opened.links:
        note = f"it has {opened.links} more hard links, which keep the old content"
    return target(name, result, selection, fixed=True, note=note)

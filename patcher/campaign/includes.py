"""Files that policy includes: those of the same repository, and of the system.

AppArmor looks them up below one base directory, ``/etc/apparmor.d`` on most systems. In a
repository any directory above the profile may become that, or hold one that does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from patcher import git
from patcher.campaign import replace
from patcher.proof.includes import BASE, Find

_LAYOUTS = ("", "apparmor.d", "etc/apparmor.d", "profiles/apparmor.d")
_MOST = 1 << 18
"""Bytes of an included file."""


class InRepository:
    """Looks up includes at one base of a repository, and those that it lacks in the system."""

    def __init__(self, repository: git.Repository, commit: str) -> None:
        self._repository = repository
        self._commit = commit
        self._known: dict[tuple[PurePosixPath, str], bytes | None] = {}

    def finder(self, path: bytes) -> Find:
        """What looks up the includes of the file at ``path``. A file that is in neither may still
        be where the profile is loaded, ``if exists`` or not: it is not known."""
        folder = PurePosixPath(path.decode("utf-8", "surrogateescape")).parent

        def find(name: str, optional: bool) -> bytes | None:
            key = folder, name
            if key not in self._known:
                self._known[key] = self._find(folder, name)
            return self._known[key]

        return find

    def _find(self, folder: PurePosixPath, name: str) -> bytes | None:
        paths = [str(place).encode("utf-8", "surrogateescape") for place in _places(folder, name)]
        entries = git.entries(self._repository, self._commit, paths)
        for path in paths:
            mode, oid = entries.get(path, ("", ""))
            if not mode.startswith("100"):
                continue
            folder_of_objects = self._repository.common_dir / "objects"
            with git.Objects(folder_of_objects, hexsize=len(self._commit)) as objects:
                content = objects.one(oid.encode(), _MOST).content
            if content is not None:
                return content
        return _read(Path(BASE, name))


def beside(file: Path) -> Find:
    """What looks up the includes of a file outside git, as they are on this system: an optional one
    that is not there adds nothing."""
    folder = PurePosixPath(file.absolute().parent)

    def find(name: str, optional: bool) -> bytes | None:
        for place in _places(folder, name):
            content = _read(Path(place))
            if content is not None:
                return content
        return b"" if optional else None

    return find


def _places(folder: PurePosixPath, name: str) -> Iterator[PurePosixPath]:
    """Where an included file may be, for a profile in ``folder``: the nearest first."""
    for above in (folder, *folder.parents):
        for layout in _LAYOUTS:
            yield above / layout / name


def _read(file: Path) -> bytes | None:
    """A file's content, or that of the files in a directory; None where there is neither."""
    try:
        if file.is_dir():
            parts = [_read(each) for each in sorted(file.iterdir()) if each.is_file()]
            return b"\n".join(part for part in parts if part is not None)
        opened = replace.read(file, _MOST)
    except OSError:
        return None
    return opened.content if len(opened.content) <= _MOST else None

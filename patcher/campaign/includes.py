"""Files that policy includes: those of the same repository, and of the system.

AppArmor looks them up below one base directory, ``/etc/apparmor.d`` on most systems. In a
repository any directory above the profile may become that, or hold one that does.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from patcher import git
from patcher.campaign import replace
from patcher.policy.includes import BASE, Find, Unreadable, nothing

if TYPE_CHECKING:
    from patcher.policy.judgement import Included, Includes

_LAYOUTS = ("", "apparmor.d", "etc/apparmor.d", "profiles/apparmor.d")
_FOLDER = "40000"
_NO_FILES = (_FOLDER, "160000")
"""Modes of folders and submodules."""
_NOT_LOADED = re.compile(
    r"\.|README$|.*(?:~|\.(?:dpkg-(?:new|old|dist|bak|remove)|pacsave|pacnew|rpmnew|rpmsave|orig|rej))$"
)
"""Files of an included directory that the parser leaves out (``is_blacklisted`` in its
``parser_misc.c``)."""
_DEEPEST = 50
"""Folders above a profile in a repository, and those in which includes of a file outside one may
be; where there are more, no include is looked up."""
_MOST = 1 << 18
"""Bytes of an included file, or of the files of an included directory."""
_MOST_NAMES = 1000
"""Files that one outside git may include, each of which is looked for in a dozen folders."""
_MOST_OF_ALL = 4 << 20
"""Bytes of all that one commit's policy includes, or that of a file outside git; apparmor.d has
1 MiB. Rules take twenty times as much in memory."""


_MOST_REMEMBERED = 1 << 14
"""Names of files that are looked up in folders."""


class InRepository:
    """Looks up includes at one base of a repository."""

    def __init__(
        self,
        repository: git.Repository,
        commit: str,
        *,
        otherwise: Find = nothing,
    ) -> None:
        """``otherwise``: looks up those that it lacks."""
        self._objects = git.Objects(repository.common_dir / "objects", hexsize=len(commit))
        self._files = git.Files(self._objects, commit)
        self._otherwise = otherwise
        self._known: tuple[PurePosixPath, Includes] | None = None
        """Of the last folder: files come folder by folder."""
        self._places: tuple[PurePosixPath, list[bytes]] | None = None
        self._entries: dict[tuple[bytes, bytes], tuple[str, bytes] | None] = {}
        self._contents: dict[bytes, bytes | None] = {}
        self._left = _MOST_OF_ALL
        self._included: Included | None = None

    def __enter__(self) -> InRepository:
        return self

    def __exit__(self, *_: object) -> None:
        self._objects.close()

    def of(self, path: bytes) -> Includes:
        """The includes of the file at ``path``. A file that the repository lacks may still be where
        the profile is loaded: it is not known. Nor is what a link is for."""
        folder = PurePosixPath(path.decode("utf-8", "surrogateescape")).parent
        if self._known is None or self._known[0] != folder:
            from patcher.policy.judgement import Included, Includes

            self._included = self._included or Included()
            self._known = folder, Includes(partial(self._find, folder), self._included)
        return self._known[1]

    def _find(self, folder: PurePosixPath, name: str, optional: bool) -> bytes | None:
        git.time_left()
        if len(folder.parts) > _DEEPEST:
            return None
        if self._places is None or self._places[0] != folder:
            places = [os.fsencode(place) for place in _places(folder)]
            there = [place for place in places if place == b"." or self._files.entry(place)]
            self._places = folder, there
        file = os.fsencode(name)
        for place in self._places[1]:
            if entry := self._entry(place, file):
                return self._content(*entry)
        return self._otherwise(name, optional)

    def _entry(self, place: bytes, file: bytes) -> tuple[str, bytes] | None:
        """The mode and the id of what lies in a folder by that name; None for nothing. Most
        includes are of files that no folder but one has: its first part is looked up first."""
        first = file.partition(b"/")[0]
        for name in (first, file):
            key = place, name
            if key not in self._entries:
                if len(self._entries) >= _MOST_REMEMBERED:
                    self._entries.clear()
                path = posixpath.normpath(posixpath.join(place, name))
                self._entries[key] = self._files.entry(path)
            if self._entries[key] is None:
                return None
        return self._entries[key]

    def _content(self, mode: str, oid: bytes) -> bytes:
        if oid not in self._contents:
            content = None
            if mode == _FOLDER:
                content = self._joined(oid)
            elif mode.startswith("100"):
                content = self._objects.one(oid, _MOST).content
            self._left -= len(content or b"")
            self._contents[oid] = content if self._left >= 0 else None
        content = self._contents[oid]
        if content is None:
            raise Unreadable
        return content

    def _joined(self, folder: bytes) -> bytes:
        inside = sorted(self._files.folder(folder).items())
        return _joined(
            self._content(*entry)
            for name, entry in inside
            if entry[0] not in _NO_FILES and _is_loaded(os.fsdecode(name))
        )


def system(name: str, optional: bool) -> bytes | None:
    """The text of an included file as this system has it."""
    return _read(BASE, name)


def beside(file: Path) -> Includes:
    """What looks up the includes of a file outside git, as they are on this system: an optional one
    that is not there adds nothing.

    They lie in the folder of the file, in those above it in the same repository, and below folders
    that are called as folders of policy are.
    """
    folder = PurePosixPath(file.absolute().parent)
    places: list[PurePosixPath] = []
    known: dict[str, bytes | None] = {}
    left = _MOST_OF_ALL

    def find(name: str, optional: bool) -> bytes | None:
        nonlocal left
        if not places:  # the file's own folder is one
            inside = _inside(folder)
            places.extend(
                place
                for place in _places(folder)
                if (place in inside or place not in folder.parents) and _may_be_there(place)
            )
        if len(places) > _DEEPEST:
            raise Unreadable
        if name not in known and len(known) < _MOST_NAMES:
            found = (_read(os.fspath(place), name) for place in places)
            known[name] = next((each for each in found if each is not None), None)
            left -= len(known[name] or b"")
        if left < 0 or name not in known:
            raise Unreadable
        return b"" if known[name] is None and optional else known[name]

    from patcher.policy.judgement import Includes

    return Includes(find)


def _may_be_there(place: PurePosixPath) -> bool:
    try:
        os.stat(place)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _inside(folder: PurePosixPath) -> list[PurePosixPath]:
    """A folder, and those above it in the same repository, or else in the same folder of policy."""
    every = [folder, *folder.parents]
    roots = [above for above in every if os.path.lexists(above / ".git")]
    roots += [above for above in every if above.name == "apparmor.d"]
    return every[: every.index(roots[0]) + 1] if roots else [folder]


def _places(folder: PurePosixPath) -> Iterator[PurePosixPath]:
    """The folders below which an included file may be, for a profile in ``folder``: the nearest
    first."""
    for above in (folder, *folder.parents):
        for layout in _LAYOUTS:
            yield above / layout


def _read(place: str, name: str) -> bytes | None:
    """The content of a regular file below a folder, or of the files in a directory there; None
    where there is neither. No link leads out of the folder. Raises Unreadable."""
    try:
        root = os.path.realpath(place)
        path = os.path.realpath(f"{root}/{name}")
        mode = os.stat(path).st_mode  # noqa: PTH116
        if not path.startswith(f"{root.rstrip('/')}/"):
            raise Unreadable
        if stat.S_ISDIR(mode):
            inside = [f"{name}/{each}" for each in sorted(os.listdir(path)) if _is_loaded(each)]  # noqa: PTH208
            files = (each for each in inside if os.path.isfile(f"{root}/{each}"))  # noqa: PTH113
            return _joined(_read(place, each) or b"" for each in files)
        content = replace.read(Path(path), _MOST)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError:
        raise Unreadable from None
    return _joined([content])


def _joined(parts: Iterable[bytes]) -> bytes:
    """The files of a directory as one text. Raises Unreadable where that is too much."""
    text = bytearray()
    for part in parts:
        text += part
        if len(text) > _MOST:
            raise Unreadable
        text += b"\n"
    return bytes(text)


def _is_loaded(name: str) -> bool:
    return _NOT_LOADED.match(name) is None

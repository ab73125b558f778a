"""What a commit names and does not hold: submodules, and files in Git LFS."""

from __future__ import annotations

import re
from collections.abc import Iterable

from patcher.git import printable
from patcher.results import NOT_READ

MODULES, ATTRIBUTES = b".gitmodules", b".gitattributes"
FILES = frozenset((MODULES, ATTRIBUTES))

_SHOWN = 3
_MOST_KEPT = 1000
_IN_LFS = rb"[ \t]*[^\s#].*\sfilter=lfs(?:\s|$)"
_MEDIA = tuple(
    b"png jpg jpeg gif bmp ico webp tif tiff psd woff woff2 ttf otf eot mp3 mp4 m4a mov avi mkv"
    b" webm ogg flac wav pdf zip gz tgz bz2 xz zst 7z rar jar whl deb rpm exe dll so dylib o a"
    b" class pyc wasm iso img".split()
)


def is_one(path: bytes) -> bool:
    """Whether a file has one of the names."""
    return path.rpartition(b"/")[2] in FILES


def is_media(path: bytes) -> bool:
    """Whether a file is, by its name, an image, font, film, archive or program, and no text."""
    return path.rpartition(b".")[2].lower() in _MEDIA and b"." in path.rpartition(b"/")[2][1:]


class Elsewhere:
    """Gathers what is not read: from `FILES` (gitmodules(5), gitattributes(5)), and gitlinks, which
    a tree may have without a ``.gitmodules``."""

    def __init__(self) -> None:
        self._modules, self._kept = _Few(), _Few()

    def add(self, path: bytes, content: bytes) -> None:
        """Take a file. A ``.gitmodules`` counts at the root alone, and patterns in a
        ``.gitattributes`` are for its folder."""
        folder, slash, name = path.rpartition(b"/")
        if name == ATTRIBUTES:
            lines = (line for line in content.splitlines() if re.match(_IN_LFS, line))
            patterns = (line.split()[0] for line in lines)
            self._kept.add(folder + slash + each for each in patterns if not is_media(each))
        elif not slash:
            self._modules.add(re.findall(rb"(?m)^[ \t]*path[ \t]*=[ \t]*(.+)", content))

    def add_gitlinks(self, number: int, paths: Iterable[bytes]) -> None:
        """Take the number of gitlinks in a tree, and the paths of the first."""
        self._modules.add(paths)
        self._modules.least = number

    def note(self) -> str | None:
        """One line that says what is not read; None where all is."""
        parts = []
        if self._modules:
            parts.append(f"submodules ({self._modules}): scan their own repositories")
        if self._kept:
            parts.append(f"files in Git LFS ({self._kept})")
        return f"{NOT_READ}{'; '.join(parts)}" if parts else None


class _Few:
    """How many names there are, and the first of them."""

    def __init__(self) -> None:
        self.least = 0
        """How many there are at least, named or not."""
        self._number = 0
        self._kept: set[bytes] = set()
        self._shown: list[str] = []

    def add(self, names: Iterable[bytes]) -> None:
        for name in names:
            start = name.strip()[:100]
            if start in self._kept:
                continue
            self._number += 1
            if len(self._kept) < _MOST_KEPT:
                self._kept.add(start)
            if len(self._shown) < _SHOWN:
                self._shown.append(printable(start))

    def __bool__(self) -> bool:
        return self._number > 0

    def __str__(self) -> str:
        rest = max(self._number, self.least) - len(self._shown)
        return ", ".join([*self._shown, *[f"{rest} more"] * (rest > 0)])

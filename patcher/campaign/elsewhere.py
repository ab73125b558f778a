"""What a commit names and does not hold: submodules, and files in Git LFS."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from patcher.git import printable
from patcher.results import NOT_READ

MODULES, ATTRIBUTES = b".gitmodules", b".gitattributes"
FILES = frozenset((MODULES, ATTRIBUTES))

_SHOWN = 3
_IN_LFS = rb"[ \t]*[^\s#].*\sfilter=lfs(?:\s|$)"
_MEDIA = tuple(
    b"png jpg jpeg gif bmp ico webp tif tiff psd woff woff2 ttf otf eot mp3 mp4 m4a mov avi mkv"
    b" webm ogg flac wav pdf zip gz tgz bz2 xz zst 7z rar jar whl deb rpm exe dll so dylib o a"
    b" class pyc wasm iso img".split()
)


def is_media(path: bytes) -> bool:
    """Whether a file is, by its name, an image, font, film, archive or program, and no text."""
    return path.rpartition(b".")[2].lower() in _MEDIA and b"." in path.rpartition(b"/")[2][1:]


def note(contents: Mapping[bytes, bytes]) -> str | None:
    """One line that says what is not read, by the contents of `FILES` (gitmodules(5),
    gitattributes(5)); None where all is."""
    modules = re.findall(rb"(?m)^[ \t]*path[ \t]*=[ \t]*(.+)", contents.get(MODULES, b""))
    lines = contents.get(ATTRIBUTES, b"").splitlines()
    kept = [line.split()[0] for line in lines if re.match(_IN_LFS, line)]
    kept = [pattern for pattern in kept if not is_media(pattern)]
    parts = []
    if modules:
        parts.append(f"submodules ({_few(modules)}): scan their own repositories")
    if kept:
        parts.append(f"files in Git LFS ({_few(kept)})")
    return f"{NOT_READ}{'; '.join(parts)}" if parts else None


def _few(names: Sequence[bytes]) -> str:
    shown = [printable(name.strip()[:100]) for name in names[:_SHOWN]]
    more = [f"{len(names) - _SHOWN} more"] * (len(names) > _SHOWN)
    return ", ".join([*shown, *more])

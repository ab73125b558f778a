"""Repositories that git makes once, and that are written again from memory.

Most tests begin with one of a few repositories. Git needs four processes to make one, and each
takes longer than writing its files.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path

_Image = list[tuple[str, int, bytes | None]]
"""Path below the folder, permissions, and content; a folder has none."""

_images: dict[Hashable, _Image] = {}


def write(place: Path, make: Callable[[], object], *what: Hashable) -> None:
    """Write the folder ``place`` as ``make`` wrote it when it was first called for ``what``, under
    the same configuration of git. What it writes may not depend on where ``place`` is."""
    key = (*what, _surroundings())
    if key not in _images:
        make()
        _images[key] = _read(place)
        return
    place.mkdir(parents=True, exist_ok=True)
    for name, mode, content in _images[key]:
        path = f"{place}/{name}"
        if content is None:
            os.mkdir(path)  # noqa: PTH102
        else:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            os.write(file, content)
            os.close(file)
        os.chmod(path, mode)  # noqa: PTH101


def clone(source: Path, place: Path, make: Callable[[], object], *options: str) -> None:
    """Write a bare clone of a work tree, which ``make`` makes with these options."""
    here, there = (f"\turl = {each}\n".encode() for each in ("//source", source))
    config = place / "config"

    def made() -> None:
        make()
        assert there in config.read_bytes()
        config.write_bytes(config.read_bytes().replace(there, here))

    write(place, made, "clone", options, _refs(source / ".git"))
    config.write_bytes(config.read_bytes().replace(here, there))


def without_samples(git_dir: Path) -> None:
    """Make the folders of hooks and excludes, which git makes only for what it puts into them."""
    for name in ("hooks", "info"):
        (git_dir / name).mkdir(exist_ok=True)


def tip(git_dir: Path) -> str | None:
    """The commit that is checked out, if that is written in one file, as it is after a commit."""
    try:
        head = (git_dir / "HEAD").read_text().strip()
        reference = head.removeprefix("ref: ")
        oid = (git_dir / reference).read_text().strip() if reference != head else head
    except (OSError, ValueError):
        return None
    return oid if len(oid) in (40, 64) else None


def contents(files: Mapping[str, str | bytes] | Mapping[str | bytes, bytes]) -> Hashable:
    """The files, as a part of what an image is remembered by."""
    return tuple(files.items())


def _surroundings() -> Hashable:
    """What git goes by, but for the repository."""
    variables = {n: v for n, v in os.environ.items() if n.startswith(("GIT_", "XDG_", "EMAIL"))}
    try:
        config = Path(os.environ["HOME"], ".gitconfig").read_bytes()
    except (KeyError, OSError):
        config = b""
    return config, tuple(sorted(variables.items()))


def _refs(git_dir: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted((git_dir / "refs").rglob("*")):
        if file.is_file():
            digest.update(b"%s %s" % (os.fsencode(file.relative_to(git_dir)), file.read_bytes()))
    for name in ("HEAD", "packed-refs"):
        file = git_dir / name
        digest.update(b"%s" % (file.read_bytes() if file.exists() else b"-"))
    return digest.hexdigest()


def _read(place: Path) -> _Image:
    image: _Image = []
    for folder, folders, files in os.walk(place):
        for name in (*folders, *files):
            path = Path(folder, name)
            status = path.lstat()
            assert not path.is_symlink(), path
            content = path.read_bytes() if stat.S_ISREG(status.st_mode) else None
            image.append((str(path.relative_to(place)), stat.S_IMODE(status.st_mode), content))
    return image

"""Which campaign files may be run without being named.

Whoever writes a campaign file chooses what is pushed where, and which variables of the environment
and files become public there. So one that merely lies in the current folder, as in a clone or an
unpacked archive of others, is not run unasked: `patcher init` must have written it there, for this
user, and it must not be in a work tree, where a checkout may have replaced it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from patcher.git.places import state_folder


def remember(path: str) -> None:
    """Note that `patcher init` wrote it. Raises OSError, GitError."""
    note = _note(path)
    note.parent.mkdir(mode=0o700, exist_ok=True)
    note.write_bytes(os.fsencode(_real(path)) + b"\n")


def why_not(path: str) -> str | None:
    """Why a file is not run unasked, in a few words; None: it is. Raises GitError,
    OSError."""
    if _in_a_repository(Path(_real(path)).parent):
        return "lies in a git repository"
    status = os.stat(path)  # noqa: PTH116 - a path as text
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o002:
        return "is another user's, or everyone may write to it"
    if not _note(path).exists():
        return "was not written there by `patcher init`"
    return None


def _note(path: str) -> Path:
    name = hashlib.blake2b(os.fsencode(_real(path)), digest_size=16).hexdigest()
    return state_folder() / "campaign-files" / name


def _real(path: str) -> str:
    return os.path.realpath(path)


def _in_a_repository(folder: Path) -> bool:
    """Whether it, or a folder above it, has a ``.git`` or is a bare repository."""
    return any(
        os.path.lexists(each / ".git") or ((each / "HEAD").exists() and (each / "objects").is_dir())
        for each in (folder, *folder.parents)
    )

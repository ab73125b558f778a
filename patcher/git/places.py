"""Where patcher keeps things on this machine: mirrors, which may go at any time, and the ledger,
which may not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from patcher.git.errors import GitError
from patcher.text import printable


def cache_folder() -> Path:
    """The folder of what can be fetched again: ``$PATCHER_CACHE_DIR``, else the user's cache
    folder (the XDG Base Directory Specification; platformdirs knows other systems').

    It is made if it is not there. Raises `GitError` where it cannot be, or is another user's.
    """
    return _folder("PATCHER_CACHE_DIR", "cache")


def state_folder() -> Path:
    """The folder of what must last: ``$PATCHER_STATE_DIR``, else the user's state folder. As
    `cache_folder` otherwise."""
    return _folder("PATCHER_STATE_DIR", "state")


def _folder(variable: str, kind: str) -> Path:
    given = os.environ.get(variable)
    if given:
        path = Path(given)
        if not path.is_absolute():
            raise GitError(f"{variable} is {given!r}, and needs to be an absolute path")
    else:
        import platformdirs

        known = {"cache": platformdirs.user_cache_dir, "state": platformdirs.user_state_dir}
        path = Path(known[kind]("patcher"))
    own_folder(path, hint=f"set {variable} to a folder of your own")
    return path


def own_folder(path: Path, *, hint: str) -> None:
    """Make a folder for this user alone (mode 0700), or see that it is the user's: neither it nor a
    link in its place is another's, and nobody else may write there. ``hint`` says what to do
    otherwise."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        status, link = path.stat(), path.lstat()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise GitError(f"{printable(path)} cannot be made ({why}): {hint}") from error
    if {status.st_uid, link.st_uid} != {os.geteuid()}:
        raise GitError(f"{printable(path)} belongs to another user: {hint}")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise GitError(f"{printable(path)} may be written by others: chmod go-w, or {hint}")

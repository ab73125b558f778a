"""Whether a process that works on a campaign still lives: it holds a lock on a file of its own."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from patcher import locks
from patcher.campaign.database import Database
from patcher.campaign.trouble import no_locks, unusable

_FOLDER = "running"


def lock_path(database: Database, token: str) -> Path:
    """The file of the process with this token."""
    return database.path.parent / _FOLDER / token


def hold(path: Path) -> int:
    """A new file, locked for as long as the descriptor is open."""
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unusable(path, error) from None
    try:
        locks.lock(descriptor)
    except OSError:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            path.unlink()
        raise no_locks(path) from None
    return descriptor


def lives(database: Database, token: str) -> bool:
    """Whether the process with this token does."""
    path = str(lock_path(database, token))
    # Who lives has its file: it is made before others can know of it, and goes with its row.
    return os.path.lexists(path) and not locks.is_abandoned(path)

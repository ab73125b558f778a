"""Why the ledger or the cache cannot be used, each in one line that says what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from patcher.text import printable

LEDGER, CACHED = "ledger.db", "findings.db"

_ELSEWHERE = {LEDGER: "PATCHER_STATE_DIR", CACHED: "PATCHER_CACHE_DIR"}


class LedgerError(Exception):
    """The ledger cannot be used. ``str(error)`` is one printable line that says what to do."""

    def __init__(self, message: str, *, is_useless: bool = False) -> None:
        super().__init__(printable(message))
        self.is_useless = is_useless
        """Whether the file is damaged, or of another version: it will never do."""


def elsewhere(path: Path) -> str:
    """What names another folder for the file."""
    return _ELSEWHERE.get(path.name, _ELSEWHERE[LEDGER])


class NoSuchCampaign(LedgerError):
    """There is no campaign of that name."""


class NoName(LedgerError):
    """What was given cannot be the name of a campaign."""


class OtherSettings(LedgerError):
    """A campaign was made with other settings; ``differences`` are their names, what they are
    there, and what they were to be."""

    def __init__(self, message: str, differences: list[tuple[str, Any, Any]]) -> None:
        super().__init__(message)
        self.differences = differences


def no_locks(path: Path) -> LedgerError:
    """Its file system is not of this machine."""
    return LedgerError(
        f"{path} is on a file system without locks or shared memory (a network file system?): set "
        f"{elsewhere(path)} to a folder on a local disk"
    )


def unusable(path: Path, error: OSError) -> LedgerError:
    """The system says no."""
    return LedgerError(
        f"cannot write {path} ({error.strerror}): set {elsewhere(path)} to a folder of your own"
    )


def busy(path: Path) -> LedgerError:
    """Another process writes."""
    return LedgerError(
        f"another patcher has been writing to {path} for long: try again when it has ended"
    )


def explained(error: sqlite3.Error, path: Path) -> LedgerError:
    """What SQLite says, with what to do (https://www.sqlite.org/rescode.html)."""
    name = getattr(error, "sqlite_errorname", None) or ""
    kind = "_".join(name.split("_")[:2])
    if kind in ("SQLITE_BUSY", "SQLITE_LOCKED"):
        return busy(path)
    if kind in ("SQLITE_PROTOCOL", "SQLITE_NOLFS") or name.startswith(
        ("SQLITE_IOERR_LOCK", "SQLITE_IOERR_SHMLOCK", "SQLITE_IOERR_SHMMAP", "SQLITE_IOERR_RDLOCK")
    ):
        return no_locks(path)
    if kind in ("SQLITE_CORRUPT", "SQLITE_NOTADB"):
        what, do = "is damaged", "move it away, with -wal and -shm beside it, and a new one is made"
    elif kind == "SQLITE_FULL":
        what, do = "cannot grow", "make room on its disk, and run it again: what is done is kept"
    elif kind in ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH"):
        what, do = (
            "cannot be written",
            f"make it yours, or set {elsewhere(path)} to another folder",
        )
    elif kind == "SQLITE_IOERR":
        what, do = "cannot be read or written", "look at its disk, and whether it is full"
    elif "malformed database schema" in str(error) or "no such" in str(error):
        what, do = "does not hold what it should", "was it made with a newer SQLite? Move it away"
    else:
        what, do = "cannot be used", f"set {elsewhere(path)} to another folder"
    damaged = kind in ("SQLITE_CORRUPT", "SQLITE_NOTADB")
    return LedgerError(f"{path} {what} ({error}): {do}", is_useless=damaged)

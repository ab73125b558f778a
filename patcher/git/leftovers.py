"""What a killed patcher leaves behind: its scratch folder, and the lock file of a killed git.

Both are told from those of a living process by flock(2), which ends with the processes that hold
it: patcher holds the ``HEAD`` of its scratch folder, and each move of a branch is noted there in a
file that patcher and its git hold together.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator

_NAME = re.compile(r"patcher-([0-9]+)-[0-9a-f]{16}(\.new)?\Z")
_NOTE = "moving-"
_FILES = ("config", "sign", "HEAD", "trusted", _NOTE)
_FOLDERS = ("objects", "refs", "view-")
"""What begins the names of what lies in a scratch folder; in folders that are views of a repository
there are links, which are not followed."""

UNFINISHED = 3600.0
"""Seconds after which a folder that was never finished is taken for left behind."""

SETTLED = 2.0
"""Seconds for which a lock file has to stay as it is: a git that lives holds a ref's for less."""


def hold(path: str) -> int:
    """Show the file to be in use, for as long as the descriptor is open here or in a child. A file
    system without locks shows nothing; there, nothing is ever taken for left behind."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    lock(descriptor)
    return descriptor


def lock(descriptor: int) -> None:
    """As `hold`, for a file that is open."""
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_abandoned(path: str, folder: int | None = None) -> bool:
    """Whether nobody holds a file of our own; a relative path starts at a folder's descriptor.
    False where that cannot be told."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, dir_fd=folder)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        status = os.fstat(descriptor)
        return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
    except OSError:
        return False
    finally:
        os.close(descriptor)


def is_running(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def clean(folder: str) -> None:
    """Remove scratch folders of our own user's processes that are no more."""
    for path in _abandoned(folder):
        if is_done_with(path):
            remove(path)


def is_done_with(path: str) -> bool:
    """Whether no note in a scratch folder tells of a lock file that is still there."""
    return all(_is_settled(note) for note in _notes(path))


def remove(path: str) -> None:
    """Remove a scratch folder, and nothing in it that patcher did not make."""
    with contextlib.suppress(OSError):
        for name in os.listdir(path):  # noqa: PTH208
            if name.startswith(_FOLDERS):
                shutil.rmtree(f"{path}/{name}", ignore_errors=True)
            elif name.startswith(_FILES):
                os.unlink(f"{path}/{name}")  # noqa: PTH108
        os.rmdir(path)  # noqa: PTH106


@contextlib.contextmanager
def moving(scratch: str, lock: str, ended: Callable[[BaseException], bool]) -> Iterator[int]:
    """Note that the git that is given the descriptor will make this lock file.

    ``ended`` tells of an error whether git ended by itself, and so without leaving its lock. After
    any other the lock is taken back, or the note stays for the next patcher.
    """
    path = f"{scratch}/{_NOTE}{os.urandom(8).hex()}"
    with open(path, "x", encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
        file.write(lock)
    descriptor = hold(path)
    killed = False
    try:
        yield descriptor
    except BaseException as error:
        killed = not ended(error)
        raise
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            if not killed or _reclaimed(path, lock) or _is_settled(path):
                os.unlink(path)  # noqa: PTH108


def take_back(folder: str, lock: str) -> bool:
    """Remove a lock file that a patcher of our own user noted before it and its git were killed;
    whether that was done.

    The file dates from after the note, and does not change for `SETTLED` seconds.
    """
    for path in _abandoned(folder):
        for note in _notes(path):
            if _read(note) != lock or not _reclaimed(note, lock):
                continue
            with contextlib.suppress(OSError):
                os.unlink(note)  # noqa: PTH108
            if is_done_with(path):
                remove(path)
            return True
    return False


def _reclaimed(note: str, lock: str) -> bool:
    """Remove the lock file of a note, if it can only be that of the git that the note is about."""
    if not is_abandoned(note):
        return False
    try:
        was, noted = os.lstat(lock), os.lstat(note)
        if not stat.S_ISREG(was.st_mode) or was.st_uid != os.geteuid():
            return False
        if was.st_mtime_ns < noted.st_mtime_ns:
            return False
        time.sleep(min(max(0.0, was.st_mtime + SETTLED - time.time()), SETTLED))
        now = os.lstat(lock)
        if (now.st_ino, now.st_mtime_ns) != (was.st_ino, was.st_mtime_ns):
            return False
        os.unlink(lock)  # noqa: PTH108
    except OSError:
        return False
    return True


def _abandoned(folder: str) -> Iterator[str]:
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except OSError:
        return
    for name in names:
        match = _NAME.match(name)
        if match is None or is_running(int(match[1])):
            continue
        path = f"{folder}/{name}"
        try:
            status = os.lstat(path)
        except OSError:
            continue
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            continue
        if status.st_mode & 0o077:
            continue
        finished = match[2] is None and os.path.lexists(f"{path}/HEAD")
        old = time.time() - status.st_mtime > UNFINISHED
        if is_abandoned(f"{path}/HEAD") if finished else old:
            yield path


def _notes(path: str) -> list[str]:
    try:
        names = os.listdir(path)  # noqa: PTH208
    except OSError:
        return []
    return [f"{path}/{name}" for name in names if name.startswith(_NOTE)]


def _read(note: str) -> str:
    try:
        descriptor = os.open(note, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, 1 << 16).decode("utf-8", "surrogateescape")
    finally:
        os.close(descriptor)


def _is_settled(note: str) -> bool:
    """Whether a note is of no more use."""
    return is_abandoned(note) and not os.path.lexists(_read(note) or "/dev/null/none")

"""Locks on files (flock(2)), which end with the processes that hold them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time


class NoLocks(OSError):
    """The file system has no locks."""


def lock(descriptor: int) -> bool:
    """Lock an open file for as long as it is open here or in a child; False when another has it.
    Raises `NoLocks`."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise NoLocks(error.errno, error.strerror) from None
    return True


def hold(path: str) -> int:
    """Show a file to be in use, for as long as the descriptor is open here or in a child. A file
    system without locks shows nothing; there, nothing is ever taken for left behind."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    with contextlib.suppress(NoLocks):
        lock(descriptor)
    return descriptor


def is_abandoned(path: str, folder: int | None = None) -> bool:
    """Whether nobody holds a file of our own; a relative path starts at a folder's descriptor.
    False where that is not known."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, dir_fd=folder)
    except OSError:
        return False
    try:
        status = os.fstat(descriptor)
        ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
        return ours and lock(descriptor)
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


class FileLock:
    """A file that exists for its lock alone."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.descriptor = -1
        """For a child that is to hold the lock too: where patcher is killed and the child is not,
        whoever comes next waits for its end."""

    def take(self, end: float) -> bool:
        """Wait for it until ``end``, of the monotonic clock; False when time is up. Raises
        OSError."""
        wait = 0.005
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        while True:
            self.descriptor = os.open(self._path, flags, 0o600)
            with contextlib.suppress(FileNotFoundError):
                # Else whoever had it removed it.
                if lock(self.descriptor) and os.path.samestat(
                    os.stat(self._path),  # noqa: PTH116
                    os.fstat(self.descriptor),
                ):
                    return True
            self.release()
            if time.monotonic() + wait > end:
                return False
            time.sleep(wait)
            wait = min(2 * wait, 0.1)

    def remove(self) -> None:
        """Remove the file; whoever waits for it makes a new one."""
        with contextlib.suppress(OSError):
            os.unlink(self._path)  # noqa: PTH108

    def release(self) -> None:
        """Let others have it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

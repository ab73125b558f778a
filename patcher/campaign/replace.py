"""Replace a file's content in one step, so that nobody ever sees half of it."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from patcher import interrupts
from patcher.git import leftovers

_SUFFIX = ".patcher-new"
_TEMPORARY = re.compile(r"\.([0-9]+)-[^./-]+\.patcher-new\Z")


@dataclass(frozen=True, slots=True)
class Opened:
    """A file as it was read."""

    path: Path
    content: bytes
    status: os.stat_result

    @property
    def links(self) -> int:
        """How many other names the file has."""
        return self.status.st_nlink - 1


def read(path: Path, most: int) -> Opened:
    """Read a regular file, ``most`` bytes and one. A symbolic link is not followed: it may lead
    anywhere.

    Raises OSError.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "is a symbolic link: name the file that it is for") from None
        raise
    with open(descriptor, "rb") as stream:  # noqa: PTH123 - a descriptor, not a path
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "is not a file")
        return Opened(path, stream.read(most + 1), status)


def write(opened: Opened, content: bytes) -> None:
    """Put new content in the place of what was read: a temporary file beside it, on disk before it
    takes the name, with the old one's mode, owner and extended attributes.

    Other hard links keep the old content. Raises OSError, then with nothing changed.
    """
    with interrupts.shielded():
        _write(opened, content)


def _write(opened: Opened, content: bytes) -> None:
    path, old = opened.path, opened.status
    _remove_abandoned(path)
    descriptor, name = tempfile.mkstemp(
        prefix=f".{path.name[:100]}.{os.getpid()}-", suffix=_SUFFIX, dir=path.parent
    )
    held = -1
    try:
        with open(descriptor, "wb") as stream:  # noqa: PTH123 - a descriptor, not a path
            held = leftovers.hold(name)
            stream.write(content)
            stream.flush()
            new = os.fstat(descriptor)
            if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
                os.fchown(descriptor, old.st_uid, old.st_gid)
            _copy_attributes(path, descriptor)
            os.fchmod(descriptor, stat.S_IMODE(old.st_mode))  # last: chown clears set-id bits
            os.fsync(descriptor)
        _check_unchanged(path, old)
        os.rename(name, path)  # noqa: PTH104 - both are plain names
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise
    finally:
        if held >= 0:
            os.close(held)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def is_temporary(name: str) -> bool:
    """Whether a file is one that `write` makes, or left behind when it was killed."""
    return _TEMPORARY.search(name) is not None


def _remove_abandoned(path: Path) -> None:
    """Remove what was left of the file by a patcher that was killed."""
    prefix = f".{path.name[:100]}."
    with contextlib.suppress(OSError):
        for name in os.listdir(path.parent):  # noqa: PTH208 - names alone
            match = _TEMPORARY.search(name)
            if match is None or name[: match.start() + 1] != prefix:
                continue
            file = os.path.join(path.parent, name)  # noqa: PTH118
            if not leftovers.is_running(int(match[1])) and leftovers.is_abandoned(file):
                os.unlink(file)  # noqa: PTH108


def _copy_attributes(path: Path, descriptor: int) -> None:
    if not hasattr(os, "listxattr"):
        return
    with contextlib.suppress(OSError):  # a file system without them
        for attribute in os.listxattr(path, follow_symlinks=False):
            value = os.getxattr(path, attribute, follow_symlinks=False)
            with contextlib.suppress(PermissionError):  # what only the system may set
                os.setxattr(descriptor, attribute, value)


def _check_unchanged(path: Path, old: os.stat_result) -> None:
    now = path.lstat()
    if (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns) != (
        old.st_dev,
        old.st_ino,
        old.st_size,
        old.st_mtime_ns,
    ):
        raise OSError(errno.EBUSY, "changed while it was looked at; left alone")

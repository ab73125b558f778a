"""Replace a file's content in one step, so that nobody ever sees half of it.

Whoever owns the folder may swap what lies in it at any moment. So a folder is opened once, and what
lies in it is read, made and renamed through its descriptor, by names without a slash.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from patcher import interrupts, locks
from patcher.values import dataclass

_SUFFIX = ".patcher-new"
_TEMPORARY = re.compile(r"\..*\.([0-9]+)-[0-9a-z_]+\.patcher-new\Z", re.DOTALL)
_FOLDER = os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)


@dataclass(frozen=True, slots=True)
class FilePlace:
    """Where a file lies: what it is called, and the descriptor of its folder. ``folder`` is -1
    where that cannot be opened, or ``error`` says why something cannot be read."""

    path: Path
    folder: int
    error: OSError | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A file as it was read."""

    place: FilePlace
    content: bytes
    status: os.stat_result
    descriptor: int

    @property
    def links(self) -> int:
        """How many other names the file has."""
        return self.status.st_nlink - 1


def read(path: Path, most: int) -> bytes:
    """The content of a regular file, ``most`` bytes and one, by an absolute path of which no part
    is a link. Raises OSError."""
    folder = os.open("/", _FOLDER)
    try:
        for part in path.parts[1:-1]:
            inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        with opened(FilePlace(path, folder), most) as file:
            return file.content
    finally:
        os.close(folder)


@contextlib.contextmanager
def at(path: Path) -> Iterator[FilePlace]:
    """The place of a file that was named. Raises OSError where its folder cannot be opened."""
    folder = os.open(path.parent, _FOLDER)
    try:
        yield FilePlace(path, folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def opened(place: FilePlace, most: int) -> Iterator[Opened]:
    """Open a regular file, and read ``most`` bytes and one. A symbolic link is not followed: it may
    lead anywhere.

    Raises OSError.
    """
    if place.error is not None:
        raise place.error
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        _check_regular(os.stat(place.path.name, dir_fd=place.folder, follow_symlinks=False))
        descriptor = os.open(place.path.name, flags, dir_fd=place.folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "is a symbolic link: name the file that it is for") from None
        raise
    with open(descriptor, "rb", closefd=True) as stream:  # noqa: PTH123 - a descriptor, not a path
        status = os.fstat(descriptor)
        _check_regular(status)
        content = stream.read(most + 1)
        if content is None:  # in /proc there are some that wait
            raise OSError(errno.EINVAL, "is not a file")
        yield Opened(place, content, status, descriptor)


def _check_regular(status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, "")
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "is not a file")


def write(file: Opened, content: bytes) -> None:
    """Put new content in the place of what was read: a temporary file beside it, on disk before it
    takes the name, with the old one's owner, permissions and extended attributes, but not what
    would let a program run with another user's rights.

    Other hard links keep the old content. Raises OSError, then with nothing changed.
    """
    with interrupts.shielded():
        folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=file.place.folder)
        try:
            _write(file, content, folder)
            os.fsync(folder)
        finally:
            os.close(folder)


def _write(file: Opened, content: bytes, folder: int) -> None:
    name, old = file.place.path.name, file.status
    temporary, descriptor = make_temporary(name, folder)
    try:
        with open(descriptor, "wb") as stream:  # noqa: PTH123 - a descriptor, not a path
            stream.write(content)
            stream.flush()
            new = os.fstat(descriptor)
            if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
                os.fchown(descriptor, old.st_uid, old.st_gid)
            _copy_attributes(file.descriptor, descriptor)
            os.fchmod(descriptor, stat.S_IMODE(old.st_mode) & 0o777)
            os.fsync(descriptor)
            _check_unchanged(file, folder)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise


def make_temporary(name: str, folder: int) -> tuple[str, int]:
    """Make a file that is to take the name of another one in a folder, for this user alone: what it
    is called, and its descriptor. What a patcher that was killed left of one is removed. Raises
    OSError."""
    _remove_abandoned(name, folder)
    temporary = f"{_prefix(name)}{os.getpid()}-{os.urandom(6).hex()}{_SUFFIX}"
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600, dir_fd=folder)
    with contextlib.suppress(locks.NoLocks):
        locks.lock(descriptor)
    return temporary, descriptor


def is_temporary(name: str) -> bool:
    """Whether a file is one that `make_temporary` makes, or left behind when it was killed."""
    return _TEMPORARY.match(name) is not None


def _prefix(name: str) -> str:
    return f".{os.fsdecode(os.fsencode(name)[:100])}."


def _remove_abandoned(name: str, folder: int) -> None:
    """Remove what was left of the file by a patcher that was killed."""
    with contextlib.suppress(OSError):
        for other in os.listdir(folder):
            match = _TEMPORARY.match(other)
            if match is None or other[: match.start(1)] != _prefix(name):
                continue
            if not locks.is_running(int(match[1])) and locks.is_abandoned(other, folder):
                os.unlink(other, dir_fd=folder)


_NOT_COPIED = ("security.capability", "security.ima", "security.evm")
"""Rights of a program, and what vouches for the old content."""
_OF_THE_SYSTEM = ("security.", "trusted.")
"""Attributes that only the system may set; those that grant rights to users are not among them."""


def _copy_attributes(source: int, descriptor: int) -> None:
    """Give a new file the attributes of another, and none besides: a folder may have a default list
    of who may read what is made in it. Raises OSError where they would not be the same."""
    names = _attributes(source)
    for name in names + [each for each in _attributes(descriptor) if each not in names]:
        try:
            if name in names:
                os.setxattr(descriptor, name, os.getxattr(source, name))
            else:
                os.removexattr(descriptor, name)
        except OSError:
            if not name.startswith(_OF_THE_SYSTEM):
                raise


def _attributes(descriptor: int) -> list[str]:
    try:
        names = os.listxattr(descriptor)
    except AttributeError:  # not Linux
        return []
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return []
    return [name for name in names if name not in _NOT_COPIED]


def _check_unchanged(file: Opened, folder: int) -> None:
    """By the time of its last change, which nobody can set, and which new rights change too."""
    old = file.status
    now = os.stat(file.place.path.name, dir_fd=folder, follow_symlinks=False)
    if not os.path.samestat(now, old) or (now.st_size, now.st_ctime_ns) != (
        old.st_size,
        old.st_ctime_ns,
    ):
        raise OSError(errno.EBUSY, "changed while it was looked at; left alone")

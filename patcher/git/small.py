"""Small files of a repository, and files that the user named, which may be anything."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def read_small(
    path: Path | str, limit: int = 8192, *, links: bool = True, whole: bool = True
) -> bytes | None:
    """A small regular file of a repository, or None; never blocks on a FIFO or device. Unless
    ``links`` are followed, one raises OSError. Not ``whole``: the beginning of a larger one."""
    try:
        descriptor = os.open(path, _FLAGS if links else _FLAGS | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.ELOOP and not links:
            raise
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        content = os.read(descriptor, limit + whole)
        return content if len(content) <= limit else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def open_file(path: Path | str) -> BinaryIO:
    """Open a regular file to read bytes from. Raises OSError, also for a pipe or a device: whoever
    reads one may wait for ever."""
    descriptor = os.open(path, _FLAGS)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, "a pipe, device or directory: name a file")

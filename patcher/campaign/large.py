"""Files that take much memory to judge or to prove, one after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from patcher import git

_LARGE = 1 << 18
"""Bytes; no file with a profile is nearly as large."""

_ONE = threading.Lock()


@contextmanager
def in_turn(size: int) -> Iterator[None]:
    """Wait until no other large file is at work, if this one, of ``size`` bytes, is large. Raises
    GitTimeout.

    However many repositories are looked at, the interpreter runs one thread at a time anyway.
    """
    if size <= _LARGE:
        yield
        return
    while not _ONE.acquire(timeout=git.time_left()):
        pass
    try:
        yield
    finally:
        _ONE.release()

"""Files that take much memory to judge or to prove, one after the other."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext

_LARGE = 1 << 18
"""Bytes; no file with a profile is nearly as large."""

_ONE = threading.Lock()


def in_turn(size: int) -> AbstractContextManager[object]:
    """Wait until no other large file is at work, if this one, of ``size`` bytes, is large.

    However many repositories are looked at, the interpreter runs one thread at a time anyway.
    """
    return _ONE if size > _LARGE else nullcontext()

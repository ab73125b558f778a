"""What takes much memory is done by one thread at a time.

However many repositories are looked at, the interpreter runs one thread at a time anyway.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from patcher.git.limits import waiting

LARGE = 1 << 18
"""Bytes of a file; no file with a profile is nearly as large."""


class _Mine(threading.local):
    within = False
    held = False


_mine = _Mine()
_turn = threading.Lock()


@contextmanager
def in_turns() -> Iterator[None]:
    """Within it, `large` waits for this thread's turn, which ends with it."""
    within, _mine.within = _mine.within, True
    try:
        yield
    finally:
        _mine.within = within
        if _mine.held and not within:
            _mine.held = False
            _turn.release()


def large(size: int, most: int = LARGE) -> None:
    """Wait for this thread's turn before something of ``size`` bytes is held in memory, if that is
    more than ``most``. The wait does not count against a time limit."""
    if size <= most or _mine.held or not _mine.within:
        return
    if not _turn.acquire(blocking=False):
        with waiting():
            _turn.acquire()
    _mine.held = True

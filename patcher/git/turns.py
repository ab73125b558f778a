"""What takes much memory is done by one thread at a time, and in the order of the tasks.

However many repositories are looked at, the interpreter runs one thread at a time anyway. Results
are reported in the order of the tasks, and those that are done early stay in memory until then.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from heapq import heapify, heappop, heappush
from itertools import count

from patcher.git.limits import waiting

LARGE = 1 << 18
"""Bytes of a file; no file with a profile is nearly as large."""


class _Mine(threading.local):
    within = False
    held = False
    task = 0


class _Line:
    """A lock that, when it is free again, goes to the waiting thread whose task began first."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: list[tuple[int, int, threading.Lock]] = []
        self._numbers = count()

    def acquire(self, task: int) -> None:
        """Wait for it; the wait does not count against a time limit."""
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            gate = threading.Lock()
            gate.acquire()
            place = (task, next(self._numbers), gate)
            heappush(self._waiting, place)
        try:
            with waiting():
                gate.acquire()
        except BaseException:
            self._leave(place)
            raise

    def release(self) -> None:
        """Give it to the next one."""
        with self._guard:
            self._taken = bool(self._waiting)
            if self._waiting:
                heappop(self._waiting)[2].release()

    def _leave(self, place: tuple[int, int, threading.Lock]) -> None:
        with self._guard:
            if place in self._waiting:
                self._waiting.remove(place)
                heapify(self._waiting)
                return
        self.release()  # it was given to this thread in the meantime


_mine = _Mine()
_turn = _Line()
_tasks = count(1)


def next_task() -> None:
    """What this thread does from here on waits behind all tasks that began before."""
    _mine.task = next(_tasks)


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
    _turn.acquire(_mine.task)
    _mine.held = True

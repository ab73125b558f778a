"""How long what a thread is doing may take."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from patcher.git.errors import GitTimeout

TIMEOUT = 300.0
"""Seconds that one call to git may take."""


class _Limits(threading.local):
    """The time limit of what this thread is doing."""

    seconds: float = 0
    until: float | None = None
    """Of this thread's `clock`."""
    waited: float = 0
    """Seconds that did not count."""


_limits = _Limits()

watching_waits: list[Callable[[float | None], object]] = []
"""Called when this thread begins to wait (None), and when that is over, with the seconds."""


def clock() -> float:
    """Seconds, from an arbitrary point in time, which do not pass while this thread is in
    `waiting`."""
    return time.monotonic() - _limits.waited


@contextlib.contextmanager
def waiting() -> Iterator[None]:
    """Within it no time passes: what takes so long is the work of others, who have the slot or the
    lock that this thread waits for."""
    started = time.monotonic()
    for call in watching_waits:
        call(None)
    try:
        yield
    finally:
        seconds = time.monotonic() - started
        _limits.waited += seconds
        for call in watching_waits:
            call(seconds)


@contextlib.contextmanager
def limited(seconds: float | None, spent: float = 0) -> Iterator[None]:
    """Limit the time of all that this thread does within: each git that it starts is ended then,
    and `time_left` raises `GitTimeout`. None: no limit but that of what this is within, which none
    extends. ``spent`` is how much of it is gone already."""
    before = _limits.seconds, _limits.until
    if seconds is not None:
        until = clock() + seconds - spent
        if _limits.until is None or until < _limits.until:
            _limits.seconds, _limits.until = seconds, until
    try:
        yield
    finally:
        _limits.seconds, _limits.until = before


def time_left(seconds: float = TIMEOUT) -> float:
    """So many seconds, or what is left of the time limit. Raises `GitTimeout` when nothing is."""
    if _limits.until is None:
        return seconds
    left = _limits.until - clock()
    if left <= 0:
        raise late()
    return min(seconds, left)


def late() -> GitTimeout:
    """Return the error for a time limit that is over."""
    return GitTimeout(f"took longer than the limit of {_limits.seconds:g} s (--timeout)")

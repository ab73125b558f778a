"""Ctrl-C and SIGTERM: end soon, whatever is going on, and leave nothing half done.

Python raises KeyboardInterrupt wherever the main thread happens to be, also between two steps that
belong together, in code that cleans up, and while the interpreter ends. So:

- What must not be cut in two stands in `shielded`. In the main thread a signal waits for its end.
- The first signal raises KeyboardInterrupt. From then on a signal within `SAME` seconds is taken
  for the same one (a terminal and a wrapper both send it), and a later one ends the program at
  once, without the report.
- The program's end waits for the threads that are in `shielded`, lets no thread enter it any more,
  and runs what was given to `at_end`.

`install` is for the command line. Without it, as in a program that imports patcher, signals do what
that program wants, and the end of the program still waits for what is shielded.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

PATIENCE = 5.0
"""Seconds that what is shielded gets to end by itself; it takes milliseconds, but disks hang."""

SAME = 1.0
"""Seconds within which a second signal is the first one again."""

_AGAIN = 0.01


class _State:
    """What the handlers know. They run in the main thread between any two steps of it, so there
    are no locks: one that is held there would never be released."""

    received: int = 0
    """The first signal."""
    since: float = 0.0
    running: bool = False
    """A signal raises; before that there is nothing to unwind, and it ends the program at once."""
    ended: bool = False
    deferred: bool = False
    """A signal waits for the main thread to leave what is shielded."""
    depth: int = 0
    """How many `shielded` the main thread is in."""


_state = _State()
_shielded: set[object] = set()
_endings: list[Callable[[], object]] = []


class shielded:
    """``with shielded():`` what must not be cut in two by a signal, nor by the program's end.

    In another thread than the main one, once the program is ending, SystemExit is raised on the way
    in, which ends a thread without a word.
    """

    __slots__ = ("_main",)

    def __init__(self) -> None:
        self._main = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> None:
        if self._main:
            _state.depth += 1
        _shielded.add(self)  # and only then look: `settle` does it the other way round
        if _state.ended and not self._main:
            _shielded.discard(self)
            raise SystemExit

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _shielded.discard(self)
        if self._main:
            _state.depth -= 1
            if not _state.depth and _state.deferred:
                signal.setitimer(signal.ITIMER_REAL, 0)
                _state.deferred = False
                raise KeyboardInterrupt


def install() -> None:
    """Handle the signals that end a program. Those that it was started to ignore it ignores."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handle)
    signal.signal(signal.SIGALRM, _raise)
    sys.unraisablehook = _unraisable


def begin() -> None:
    """From now on a signal raises KeyboardInterrupt."""
    _state.running = True


def finish() -> None:
    """Clean up. From now on signals do nothing: it takes no more than `PATIENCE`."""
    _state.ended = True
    for number in (*SIGNALS, signal.SIGALRM):
        if signal.getsignal(number) in (_handle, _raise):
            signal.signal(number, signal.SIG_IGN)
    # After KeyboardInterrupt within the exec of a string, as dataclasses do it, `python -m` ends by
    # SIGINT whatever the exit status is, unless another exec went well (CPython's Py_RunMain).
    exec("")  # noqa: S102
    _end()  # before other modules' atexit takes away what threads still use


def exit_code() -> int:
    """What a shell calls the end by the signal that was received."""
    return 128 + (_state.received or signal.SIGINT)


def received() -> bool:
    """Whether a signal came. Any exception may come of it: while a class is made, Python 3.11
    turns KeyboardInterrupt into RuntimeError."""
    return bool(_state.received)


def check(error: Exception) -> None:
    """Raise KeyboardInterrupt, not to take for a failure what may come of a signal."""
    if received():
        raise KeyboardInterrupt from error


def at_end(call: Callable[[], object]) -> None:
    """Have something called at the program's end, however it comes, when nothing is shielded any
    more (or `PATIENCE` is over)."""
    _endings.append(call)


def settle() -> bool:
    """Let nothing more be shielded, and wait for what is; whether that ended in time."""
    _state.ended = True
    until = time.monotonic() + PATIENCE
    while _shielded:
        if time.monotonic() > until:
            return False
        time.sleep(0.002)
    return True


@atexit.register
def _end() -> None:
    settle()
    while _endings:
        _endings.pop()()


def _handle(number: int, frame: FrameType | None) -> None:
    if _state.ended:
        return
    now = time.monotonic()
    if _state.received or not _state.running:
        if not _state.received:
            _state.received = number
        elif now - _state.since < SAME:
            return
        _end_now()
    _state.received, _state.since = number, now
    if _state.depth:
        _state.deferred = True
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        return
    raise KeyboardInterrupt


def _raise(number: int, frame: FrameType | None) -> None:
    """The time is over."""
    if _state.received and not _state.ended:
        _state.deferred = False
        raise KeyboardInterrupt


def _end_now() -> None:
    _end()
    os.write(2, b"patcher: interrupted\n")
    os._exit(exit_code())


def _unraisable(what: sys.UnraisableHookArgs) -> None:
    """KeyboardInterrupt in a place that no exception leaves, such as ``__del__``: raise it again
    a little later, somewhere else."""
    if _state.received and what.exc_type is KeyboardInterrupt:
        if not _state.ended:
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        return
    sys.__unraisablehook__(what)

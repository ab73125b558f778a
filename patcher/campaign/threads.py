"""Threads that never keep the program from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Task = tuple["Future[Any]", Callable[[], Any]]


class DaemonThreads(Executor):
    """An executor like ThreadPoolExecutor, whose threads the interpreter waits for when it ends:
    a user who breaks off would have to wait for git."""

    def __init__(self, workers: int) -> None:
        _share_memory()
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"patcher {number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """As the interface says."""
        future: Future[_T] = Future()
        self._tasks.put((future, lambda: fn(*args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As the interface says."""
        if cancel_futures:
            try:
                while task := self._tasks.get_nowait():
                    task[0].cancel()
            except Empty:
                pass
        for _ in self._threads:
            self._tasks.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        while task := self._tasks.get():
            _do(*task)
            del task  # the result is held by whoever waits for it, and not by an idle thread


def _do(future: Future[Any], work: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def _share_memory() -> None:
    """Have all threads allocate from one heap (mallopt(3)), and large files outside of it.

    glibc gives each thread a heap of its own, which keeps what it once took: as much as the largest
    file. Under the interpreter's lock there is nothing to gain by several. Files lie outside of the
    heap until glibc has seen some of their size given back; small things between large ones would
    keep the heap from becoming smaller.
    """
    import ctypes

    with suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, 1 << 19)


_ARENA_MAX, _MMAP_THRESHOLD = -8, -3

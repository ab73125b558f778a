"""Work on other machines: a dask.distributed scheduler hands batches to its workers.

A worker needs patcher, git and what the user may read and push to; mirrors and memory are its own,
the ledger is the client's. What a worker that is lost was at is done again by another one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any, TypeVar

from patcher import __version__, extras, git
from patcher.campaign.steps import Steps
from patcher.git.runner import require_version

_ADDRESS = re.compile(r"(?:tcp|tls|ws|wss)://\S+\Z")
_PATIENCE = 10
"""Seconds that the scheduler gets to answer."""

_PATIENCE_WORKERS = 30
"""Seconds that it gets to have a worker."""

_SILENCE = 60
"""Seconds that it gets for an answer while it works."""

_SCHEDULER = "the scheduler's machine"
_T = TypeVar("_T")


class Unreachable(Exception):
    """There is no scheduler to work with: one line."""


def is_address(text: str) -> bool:
    """Whether it is written as a scheduler's address is."""
    return bool(_ADDRESS.match(text))


@contextlib.contextmanager
def connected(address: str, steps: Steps) -> Iterator[tuple[Executor, int, Steps]]:
    """The scheduler as an executor, how many jobs its workers do at once, and the steps as they
    get it: together they make no more calls to one host than was said, but one each. Raises
    Unreachable."""
    try:
        from distributed import Client
    except ImportError:
        install = extras.command("distributed")
        raise Unreachable(f"--scheduler needs dask: run {install}") from None
    if not os.environ.get("PATCHER_DEBUG"):
        # What matters is told by us, in a line.
        for name in ("asyncio", "distributed", "distributed.client", "tornado.application"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    _check_speaker(address)
    _check_certificate(address)
    client = _within(_PATIENCE, address, lambda: _client(Client, address))
    try:
        patience = _PATIENCE + _PATIENCE_WORKERS
        workers = _within(patience, address, lambda: _workers(client, address))
        jobs = sum(worker["nthreads"] for worker in workers.values())
        share = max(1, steps.per_host // len(workers))
        executor = client.get_executor(pure=False, retries=2)
        try:
            with _watched(client):
                yield executor, jobs, replace(steps, per_host=share)
        except Exception:
            if client.status == "running":
                raise
            raise Unreachable(f"the scheduler at {address} went away") from None
    finally:
        with contextlib.suppress(TimeoutError):
            client.close(timeout=_PATIENCE)


_MOST_FIRST = 1 << 20
"""Bytes of the first message of a scheduler; it says which compression it knows."""


def _check_speaker(address: str) -> None:
    """Raise Unreachable where something else than a scheduler takes connections: dask's client
    makes room for what its first bytes announce. A scheduler speaks first: a message, behind its
    length in eight bytes (distributed/comm/tcp.py)."""
    from distributed.comm.addressing import get_address_host_port

    if not address.startswith("tcp://"):  # of the others the client speaks first
        return
    try:
        where = get_address_host_port(address)
        connection = socket.create_connection(where, timeout=_PATIENCE)
    except (OSError, ValueError):
        return  # told by the client, in its own words
    said = b""
    with connection, contextlib.suppress(OSError):
        while len(said) < 8 and (more := connection.recv(8 - len(said))):
            said += more
    if len(said) < 8 or not 0 < int.from_bytes(said, sys.byteorder) < _MOST_FIRST:
        raise Unreachable(f"what answers at {address} is no dask scheduler")


def _check_certificate(address: str) -> None:
    from distributed.security import Security

    if address.startswith(("tls:", "wss:")):
        known: Any = Security()  # type: ignore[no-untyped-call]
        if known.get_connection_args("client").get("ssl_context") is None:
            raise Unreachable(
                f"{address} needs certificates: set distributed.comm.tls in dask's configuration"
            )


def _client(make: Any, address: str) -> Any:
    try:
        return make(address, timeout=_PATIENCE, set_as_default=False)
    except Exception as error:  # dask's, of many kinds
        why = _reason(error)
        told = "" if address in why else f": {why}"
        raise Unreachable(f"no scheduler answers at {address}{told}") from None


def _workers(client: Any, address: str) -> Any:
    """The workers. Raises Unreachable unless there are some, and all are as this patcher is."""
    try:
        client.wait_for_workers(1, timeout=_PATIENCE_WORKERS)
    except TimeoutError:
        raise Unreachable(f"the scheduler at {address} has no workers") from None
    _compare(client)
    return client.scheduler_info(n_workers=-1)["workers"]


def _within(seconds: float, address: str, work: Callable[[], _T]) -> _T:
    """What ``work`` returns. It has a thread of its own, which is left behind where that takes too
    long: dask waits for ever for what its peer does not say."""
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="patcher scheduler", daemon=True).start()
    try:
        return future.result(seconds + 1)  # dask's own time limit comes first
    except TimeoutError:
        raise Unreachable(f"no scheduler answers at {address} within {seconds:g} s") from None


@contextlib.contextmanager
def _watched(client: Any) -> Iterator[None]:
    """Within it, a scheduler that says nothing for long is taken for gone."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_SILENCE / 4):
            try:
                client.sync(client.scheduler.versions, callback_timeout=_SILENCE)
            except Exception:
                if not over.is_set():
                    client.loop.add_callback(client.scheduler_comm.abort)
                return

    threading.Thread(target=watch, name="patcher scheduler", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _compare(client: Any) -> None:
    """Raise Unreachable where scheduler or workers are not as this patcher is."""
    try:
        told: dict[str, Any] = client.run(_there, on_error="return")
        told[_SCHEDULER] = client.run_on_scheduler(_version)
    except Exception as error:
        told = {_SCHEDULER: error}
    for who, answer in told.items():
        where = who if who == _SCHEDULER else f"worker {who}"
        if isinstance(answer, git.GitError):
            raise Unreachable(f"{where}: {answer}")
        if isinstance(answer, Exception):
            why = _reason(answer)
            raise Unreachable(
                f"{where} needs patcher {__version__}, which does not run there: {why}"
            )
        if answer != __version__:
            raise Unreachable(f"{where} has patcher {answer}: install {__version__} there, as here")


def _version() -> str:
    """patcher's version on another machine."""
    return __version__


def _there() -> str:
    """The same of one that works. Raises GitError where git cannot be used."""
    require_version()
    return _version()


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]

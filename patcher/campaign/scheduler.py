"""Work on other machines: a dask.distributed scheduler hands batches to its workers.

A worker needs patcher, git and what the user may read and push to; mirrors and memory are its own,
the ledger is the client's. What a worker that is lost was at is done again by another one.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

from patcher.campaign.run import Campaign

_ADDRESS = re.compile(r"(?:tcp|tls|ws|wss)://\S+\Z")
_PATIENCE = 30
"""Seconds that the scheduler gets to answer, and to have a worker."""


class Unreachable(Exception):
    """There is no scheduler to work with: one line."""


@contextlib.contextmanager
def connected(address: str, campaign: Campaign) -> Iterator[tuple[Executor, int, Campaign]]:
    """The scheduler as an executor, how many jobs its workers do at once, and the campaign as they
    get it: together they make no more calls to one host than was said, but one each. Raises
    Unreachable."""
    if not _ADDRESS.match(address):
        raise Unreachable(f"{address!r} is no scheduler: write tcp://HOST:PORT")
    try:
        from distributed import Client
    except ImportError:
        raise Unreachable("--scheduler needs dask: pip install 'patcher[distributed]'") from None
    try:
        client: Any = Client(address, timeout=_PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        raise Unreachable(f"no scheduler answers at {address}: {_reason(error)}") from None
    try:
        try:
            client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError:
            raise Unreachable(f"the scheduler at {address} has no workers") from None
        workers = client.scheduler_info(n_workers=-1)["workers"]
        jobs = sum(worker["nthreads"] for worker in workers.values())
        share = max(1, campaign.per_host // len(workers))
        executor = client.get_executor(pure=False, retries=2)
        yield executor, jobs, replace(campaign, per_host=share)
    finally:
        client.close()


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]

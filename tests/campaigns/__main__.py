"""``python -m tests.campaigns --repositories 2000 --kills 5``: a campaign over a real server,
killed at random moments; figures, and what is wrong in the end."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.campaigns.kill import harness
from tests.faults.world import environment, quick_folder


@contextlib.contextmanager
def _workers(wanted: bool, folder: Path) -> Iterator[list[str]]:
    if not wanted:
        yield []
        return
    from tests.campaigns.workers import cluster

    with cluster(folder / "workers", environment(folder / "home")) as workers:
        yield ["--scheduler", workers.address]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns", description=__doc__)
    parser.add_argument("--repositories", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=time.time_ns() // 1_000_000)
    parser.add_argument("--scheduler", action="store_true", help="work on two dask workers")
    parser.add_argument("--folder", default=quick_folder(), help="where to work (default: memory)")
    options = parser.parse_args()
    begun = time.monotonic()

    def told(line: str) -> None:
        print(f"{time.monotonic() - begun:5.0f} s  {line}", flush=True)

    with tempfile.TemporaryDirectory(prefix="campaigns-", dir=options.folder) as folder:
        root = Path(folder)
        with _workers(options.scheduler, root) as more:
            figures = harness(root, options.repositories, options.kills, options.seed, more, told)
    for problem in figures.problems[:50]:
        print(problem)
    print(
        f"seed {options.seed}: {options.repositories} repositories, {figures.kills} kills, "
        f"{figures.runs} runs in {figures.seconds:.0f} s, {figures.pushed} branches pushed, "
        f"{figures.requests} requests; all again in {figures.again:.0f} s; "
        f"{len(figures.problems)} problems"
    )
    return 1 if figures.problems else 0


if __name__ == "__main__":
    sys.exit(main())

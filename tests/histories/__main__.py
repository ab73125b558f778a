"""``python -m tests.histories --orders 1000``: so many random histories; see `story`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tests.histories.story import told


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.histories", description=__doc__)
    parser.add_argument("--orders", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="the number of the first one")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    met: Counter[str] = Counter()
    broken = done = 0
    with (
        tempfile.TemporaryDirectory(prefix="histories-") as folder,
        get_context("spawn").Pool(options.jobs, maxtasksperchild=50) as pool,
    ):
        seeds = range(options.seed, options.seed + options.orders)
        for happened, problem in pool.imap_unordered(partial(told, Path(folder)), seeds):
            done += 1
            if problem is not None:
                broken += 1
                print(problem, *happened, sep="\n", flush=True)
            met.update(line.split(" ", 3)[-1] for line in happened if " -> " in line)
            if done % 100 == 0:
                print(f"{done} done, {broken} broken", flush=True)
    for what, number in sorted(met.items()):
        print(f"{number:7} {what}")
    print(f"{options.orders} histories, {broken} broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

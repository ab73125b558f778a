"""``python -m tests.faults --kills 300``: kill patcher, look, run it again, and print figures."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.kill import Harness
from tests.faults.world import quick_folder


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=time.time_ns() // 1_000_000)
    parser.add_argument("--folder", default=quick_folder(), help="where to work (default: memory)")
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-", dir=options.folder) as folder:
        harness = Harness(Path(folder), options.seed)
        figures = harness.run(options.kills, lambda problem: print(problem, flush=True))
    print(
        f"seed {options.seed}: {figures.kills} kills in {time.monotonic() - started:.0f} s "
        f"({figures.missed} runs ended first); {len(figures.corrupt)} corrupt, "
        f"{len(figures.lost)} lost changes, {figures.finished} finished by the second run"
    )
    print("killed:", ", ".join(f"{how} {count}" for how, count in sorted(figures.how.items())))
    print("left:", ", ".join(f"{count} {what}" for what, count in sorted(figures.left.items())))
    return 1 if figures.problems or figures.kills < options.kills else 0


if __name__ == "__main__":
    sys.exit(main())

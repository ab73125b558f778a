"""``python -m tests.differential --cases 10000 --seed N``: does patcher see what git sees?

Each case follows from the seed and its number; ``--only 17 33`` repeats some. Where patcher refuses
a case, that is no difference.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.differential.cases import Store
from tests.differential.compare import REFUSED, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, nargs="+", help="these numbers alone")
    parser.add_argument("--findings", type=Path, help="where to keep repositories that differ")
    options = parser.parse_args()
    started = time.monotonic()
    kinds: Counter[str] = Counter()
    different = 0
    with tempfile.TemporaryDirectory(prefix="patcher-differential-") as name:
        folder = Path(name) / "around"
        store = Store(folder / "case")
        for number in options.only or range(options.cases):
            kind, found = run(folder, options.seed, number, store)
            kinds[kind] += 1
            different += bool(found)
            for each in found:
                print(f"{number} ({kind}): {each}", flush=True)
            if found and options.findings:
                keep = options.findings / str(number)
                shutil.copytree(folder / "case", keep, symlinks=True, dirs_exist_ok=True)
    took = time.monotonic() - started
    print(
        f"seed {options.seed}: {kinds.total()} cases in {took:.0f} s "
        f"({', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}), "
        f"{different} differences"
    )
    for reason, count in REFUSED.most_common():
        print(f"refused {count} times, where git writes: {reason}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.fuzz --minutes 30``: fuzz, and print figures.

Each input follows from ``--seed`` and its number. What breaks a property is written, as small as it
gets, to ``--findings``; it belongs into ``fixtures/`` or a test.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.fuzz.run import fuzz


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--executions", type=int, default=None, help="stop after so many")
    parser.add_argument("--seed", type=int, default=time.time_ns() // 1_000_000)
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"))
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="patcher-fuzz-") as scratch:
        os.environ |= {
            "PATCHER_STATE_DIR": f"{scratch}/state",
            "GIT_COMMITTER_NAME": "A Fuzzer",
            "GIT_COMMITTER_EMAIL": "fuzzer@example.org",
        }
        figures = fuzz(
            options.seed,
            Path(scratch),
            seconds=options.minutes * 60,
            executions=options.executions,
            found=lambda finding: print(f"{finding.kind}: {finding.problem}", flush=True),
        )
    took = time.monotonic() - started
    kinds = Counter(finding.kind for finding in figures.findings)
    print(
        f"seed {options.seed}: {figures.executions} executions in {took:.0f} s, "
        f"{figures.edited} with edits, {figures.migrations} of migrations "
        f"({figures.loaded} of them loaded), {figures.repositories} of repositories "
        f"({figures.commits} commits); the slowest took {figures.slowest:.2f} s; "
        f"{len(figures.findings)} findings {dict(kinds) or ''}"
    )
    for number, finding in enumerate(figures.findings):
        options.findings.mkdir(exist_ok=True)
        name = f"{options.seed}-{number}-{Path(finding.path).name}"
        (options.findings / name).write_bytes(finding.content)
        (options.findings / f"{name}.txt").write_text(
            f"{finding.path}\noptions {finding.options}\n{finding.problem}\n"
        )
    return 1 if figures.findings else 0


if __name__ == "__main__":
    sys.exit(main())

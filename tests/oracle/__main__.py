"""``python -m tests.oracle --programs 20000``: many programs, judged, run and compiled.

``python -m tests.oracle --parser-tests FOLDER``: AppArmor's own parser tests.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.oracle import published
from tests.oracle.checking import Policies, check
from tests.oracle.compiled import MISSING
from tests.oracle.programs import LANGUAGES
from tests.oracle.running import missing

_AT_ONCE = 200
_SHOWN = 3


def main() -> int:
    """Print figures by language, and the first faults; 1 where there are any."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle")
    parser.add_argument("--programs", type=int, default=1000, help="in all languages together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--language", action="append", choices=sorted(LANGUAGES))
    parser.add_argument(
        "--parser-tests", type=Path, metavar="FOLDER",
        help="no programs, but parser/tst/simple_tests of AppArmor's sources",
    )  # fmt: skip
    parser.add_argument("--needless", action="store_true", help="list what needs review needlessly")
    options = parser.parse_args()
    if MISSING:
        parser.error(MISSING)
    if options.parser_tests is not None:
        return _parser_tests(options.parser_tests, options.needless)
    names = options.language or list(LANGUAGES)
    faults = 0
    for name in names:
        if why := missing(LANGUAGES[name]):
            print(f"{name}: left out, {why}")
            continue
        policies, began, left = Policies(), time.monotonic(), -(-options.programs // len(names))
        figures = dict.fromkeys(
            ("programs", "texts", "open before", "edited", "need review after", "faults"), 0
        )
        seed = options.seed
        while left > 0:
            report = check(LANGUAGES[name], seed, min(left, _AT_ONCE), policies)
            seed, left = seed + 1, left - _AT_ONCE
            counts = (report.programs, report.texts, report.open_before, report.edited,
                      report.cautious, len(report.faults))  # fmt: skip
            for key, count in zip(figures, counts, strict=True):
                figures[key] += count
            for fault in report.faults[: max(_SHOWN - faults, 0)]:
                print(f"-- {name}, seed {seed - 1}: {fault}", file=sys.stderr)
            faults += len(report.faults)
        told = ", ".join(f"{count} {key}" for key, count in figures.items())
        print(f"{name}: {told} ({time.monotonic() - began:.0f} s)", flush=True)
    return 1 if faults else 0


def _parser_tests(folder: Path, needless: bool) -> int:
    report = published.check(folder.resolve())
    print("\n".join(report.lines()))
    for line in (*(report.needless if needless else ()), *report.faults):
        print(line)
    return 1 if report.faults or not report.profiles else 0


if __name__ == "__main__":
    sys.exit(main())

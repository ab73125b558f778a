"""``python -m tests.mutants --sample 60 --seed 1``: make mistakes that some test should notice.

The places are drawn at random from the files that ``tests/mutants/areas.py`` lists. Each is changed
in a copy of the tree, in which the tests that matter for its file run until one fails. Prints what
was killed, and the difference of what survived. Needs ``pip install cosmic-ray``.
"""

from __future__ import annotations

import argparse
import ast
import random
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.areas import ROOT, area, files
from tests.mutants.places import Mutant, mutants
from tests.mutants.sandbox import Outcome, Sandbox


def drawn(paths: list[str], number: int, seed: int) -> list[Mutant]:
    """So many changes of these files, no two of the same place, each of which still compiles."""
    chance = random.Random(seed)
    places = [place for path in paths for place in mutants(ROOT, path)]
    chance.shuffle(places)
    found: list[Mutant] = []
    for place in places:
        usable = [mutant for mutant in place if _changes(mutant)]
        if usable:
            found.append(chance.choice(usable))
        if len(found) == number:
            break
    return found


def _changes(mutant: Mutant) -> bool:
    source = (ROOT / mutant.path).read_text("utf-8")
    try:
        return ast.dump(ast.parse(mutant.apply(source))) != ast.dump(ast.parse(source))
    except SyntaxError:
        return False


@contextmanager
def taken(free: SimpleQueue[Sandbox]) -> Iterator[Sandbox]:
    """A sandbox that nobody else uses meanwhile."""
    sandbox = free.get()
    try:
        yield sandbox
    finally:
        free.put(sandbox)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=60, help="how many places to change")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--file", default="", help="only files whose path holds this")
    parser.add_argument("--only", type=int, nargs="*", help="only these numbers of the sample")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--limit",
        type=float,
        default=0.0,
        help="seconds for the tests of one change (default: what they take unchanged tells)",
    )
    options = parser.parse_args()
    paths = [path for path in files() if options.file in path]
    sample = list(enumerate(drawn(paths, options.sample, options.seed), 1))
    if options.only:
        sample = [(number, mutant) for number, mutant in sample if number in options.only]
    print(f"seed {options.seed}: {len(sample)} places of {len(paths)} files", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="patcher-mutants-") as scratch,
        ThreadPoolExecutor(options.jobs) as pool,
    ):
        free: SimpleQueue[Sandbox] = SimpleQueue()
        for job in range(options.jobs):
            free.put(Sandbox(ROOT, Path(scratch) / str(job)))

        def tried(numbered: tuple[int, Mutant]) -> Outcome:
            number, mutant = numbered
            with taken(free) as sandbox:
                outcome = sandbox.tried(mutant, limit, left_out)
            word = "survived" if outcome.survived else "killed  "
            kind = mutant.operator.removeprefix("core/")
            place = f"{mutant.path}:{mutant.start[0]}"
            print(f"{number:3} {word} {place} {kind} {outcome.by}", flush=True)
            return outcome

        with taken(free) as sandbox:
            limit: float = options.limit
            left_out: list[str] = []
            if not limit:
                limit, left_out = sandbox.unchanged({area(mutant.path) for _, mutant in sample})
        for test in left_out:
            print(f"    fails unchanged, so left out: {test}", flush=True)
        outcomes = list(pool.map(tried, sample))
    survived = 0
    for (number, _), outcome in zip(sample, outcomes, strict=True):
        if outcome.survived:
            survived += 1
            print(f"\n-- {number}\n{outcome.difference}")
    killed = len(sample) - survived
    print(f"\nseed {options.seed}: {killed} of {len(sample)} killed, {survived} survived")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())

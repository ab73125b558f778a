"""How long `patcher scan` takes beside `git grep`, both measured in turns in one run.

    python benchmarks/scan.py large PATH_TO_A_CLONE     # one large repository, such as moby/moby
    python benchmarks/scan.py small [--count 1000]      # many small bare repositories, built here
    python benchmarks/scan.py earlier PYTHON PATH...    # each clone, against the scan of a patcher
                                                        # that is installed for that Python

The short way to two figures; `campaign.py` has all of them. Nothing is remembered from run to run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import corpora
from benchmarks.measure import Ran, Side, compared, in_turns, run, say, table
from benchmarks.peers import grep


def compare(
    what: str, places: Sequence[Path], repositories: Sequence[Path], jobs: int, rounds: int
) -> None:
    """Measure both, and print the ratio."""
    env = {**corpora.environment()}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "patcher", "scan", "-q", "--fresh", "--jobs", str(jobs)]

    def scan(memory: bool = False) -> Ran:
        return run([*command, *places], env, allowed=(0, 1), memory=memory)

    say(f"patcher and all below it: {scan(memory=True).megabytes:.0f} MB at most")
    loop = "`git grep`"
    times = in_turns([Side(loop, lambda: run(grep(repositories), env)), Side("scan", scan)], rounds)
    print(table([compared(what, times, "scan", loop)]))


def compare_earlier(python: str, places: Sequence[Path], rounds: int) -> None:
    """Measure the scan of each place by this patcher and by that of another Python."""
    ours = str(Path(__file__).resolve().parents[1])

    def scan(command: str, place: Path) -> Ran:
        with tempfile.TemporaryDirectory(prefix="patcher-benchmark-") as name:
            env = {**corpora.environment(), "PATCHER_STATE_DIR": name, "XDG_CACHE_HOME": name}
            env.pop("PYTHONDONTWRITEBYTECODE", None)
            if command == sys.executable:
                env["PYTHONPATH"] = ours
            # -P: not the patcher of the directory in which this is run.
            words = [command, "-P", "-m", "patcher", "scan", "-q"]
            return run([*words, place], env, allowed=(0, 1, 3))

    rows = []
    for place in places:
        say(f"{place}:")
        sides = [
            Side("earlier", lambda place=place: scan(python, place)),  # type: ignore[misc]
            Side("scan", lambda place=place: scan(sys.executable, place)),  # type: ignore[misc]
        ]
        rows.append(compared(f"scan of {place}", in_turns(sides, rounds), "scan", "earlier"))
    print(table(rows))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("large").add_argument("path", type=Path)
    commands.add_parser("small").add_argument("--count", type=int, default=1000)
    earlier = commands.add_parser("earlier")
    earlier.add_argument("python")
    earlier.add_argument("paths", type=Path, nargs="+")
    arguments = parser.parse_args()
    if arguments.command == "earlier":
        compare_earlier(arguments.python, [p.resolve() for p in arguments.paths], arguments.rounds)
        return
    if arguments.command == "large":
        place = arguments.path.resolve()
        compare(f"scan of {place.name}", [place], [place], arguments.jobs, arguments.rounds)
        return
    with tempfile.TemporaryDirectory(prefix="patcher-benchmark-") as name:
        folder = Path(name)
        corpora.small(folder, arguments.count, loose=True)
        places = corpora.repositories(corpora.groups(folder, arguments.count))
        what = f"scan of {len(places)} small repositories"
        compare(what, [folder], places, arguments.jobs, arguments.rounds)


if __name__ == "__main__":
    main()

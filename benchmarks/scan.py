"""How long `patcher scan` takes, as a ratio to `git grep`, both measured in turns in one run.

    python benchmarks/scan.py large PATH_TO_A_CLONE     # one large repository, such as moby/moby
    python benchmarks/scan.py small [--count 1000]      # many small bare repositories, built here

`patcher` is the command of the Python that runs this; the warm cache is warmed first.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PROFILE = """\
package apparmor

const profile = `
profile {{.Name}} flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,

  deny @{PROC}/sysrq-trigger rwklx,
  deny mount,
  deny /sys/firmware/** rwklx,
}
`
"""


def run(command: Sequence[str]) -> None:
    """Run a command; 0 and 1 are answers (nothing found), more is a failure."""
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode not in (0, 1):
        sys.exit(f"{command}: {done.returncode}\n{done.stderr.decode()}")


def compare(rounds: int, ours: Callable[[], None], theirs: Callable[[], None]) -> None:
    """Run both in turns and print their medians and the ratio."""
    times: dict[str, list[float]] = {"git grep": [], "patcher": []}
    theirs()
    ours()
    for _ in range(rounds):
        for name, action in (("git grep", theirs), ("patcher", ours)):
            started = time.perf_counter()
            action()
            times[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        print(
            f"{name:9} median {medians[name]:.3f} s  (least {min(values):.3f} s, {rounds} rounds)"
        )
    print(f"ratio     {medians['patcher'] / medians['git grep']:.2f}")


def peak_megabytes() -> float:
    """The largest resident set of any child so far, in MB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def scan(paths: Sequence[str], jobs: int) -> list[str]:
    """The command that scans."""
    return [sys.executable, "-m", "patcher", "scan", "-q", "--jobs", str(jobs), *paths]


def large(path: str, jobs: int, rounds: int) -> None:
    """One repository."""
    grep = ["git", "-C", path, "grep", "-c", "-F", "network,", "HEAD"]
    run(scan([path], jobs))
    print(f"patcher   peak {peak_megabytes():.0f} MB (with its git processes, the largest one)")
    compare(rounds, lambda: run(scan([path], jobs)), lambda: run(grep))


def small(count: int, jobs: int, rounds: int) -> None:
    """Many small bare repositories, one in twenty with an affected profile."""
    folder = Path(tempfile.mkdtemp(prefix="patcher-benchmark-"))
    try:
        build(folder, count)
        loop = 'for r in "$1"/*.git; do git --git-dir "$r" grep -c -F network, HEAD; done; true'
        grep = ["sh", "-c", loop, "sh", str(folder)]
        run(scan([str(folder)], jobs))
        print(f"patcher   peak {peak_megabytes():.0f} MB")
        compare(rounds, lambda: run(scan([str(folder)], jobs)), lambda: run(grep))
    finally:
        shutil.rmtree(folder)


def build(folder: Path, count: int) -> None:
    """Build the repositories: about 40 files of 2 kB each, by one fast-import each."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for number in range(count):
        repository = folder / f"repository-{number:05}.git"
        subprocess.run(
            ["git", "init", "-q", "--bare", "-b", "main", str(repository)],
            check=True,
            env=environment,
        )
        files = {
            f"pkg/part{part % 7}/file{part}.go": f"package part{part % 7}\n\n"
            + f"// {number} {part}\nfunc dial(network, address string) error {{\n"
            + "\treturn nil // the network is up\n}\n\n" * 40
            for part in range(40)
        }
        if number % 20 == 0:
            files["pkg/apparmor/template.go"] = PROFILE
        stream = [
            "commit refs/heads/main\ncommitter a <a@example.org> 1700000000 +0000\ndata 1\nx\n"
        ]
        for path, text in files.items():
            stream.append(f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n")
        subprocess.run(
            ["git", "--git-dir", str(repository), "fast-import", "--quiet"],
            input="".join(stream).encode(),
            check=True,
            env=environment,
        )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("large").add_argument("path")
    commands.add_parser("small").add_argument("--count", type=int, default=1000)
    arguments = parser.parse_args()
    if arguments.command == "large":
        large(arguments.path, arguments.jobs, arguments.rounds)
    else:
        small(arguments.count, arguments.jobs, arguments.rounds)


if __name__ == "__main__":
    main()

"""Many repositories: how long patcher takes beside its peers, as ratios of one run.

    python benchmarks/campaign.py [PART ...] [--rounds 7] [--count 1000] [--folder FOLDER]

Parts (default: all but the profile):

floors   what starting processes and reading the bytes takes at least
small    scan of many small repositories, cold and again, beside a shell loop of `git grep`
family   the same for forks of one large repository
large    the same for one large repository (``--large PATH``: one of yours)
apply    commit in each affected repository, beside a shell loop and all-repos, without their push
push     from clone URLs to pushed branches, beside the same two
growth   time and memory for 100, 1,000 ... ``--most`` repositories
profile  where the time of each goes: functions, and processes that were started

`patcher` is the command of the Python that runs this. What is measured is looked at: a side that
did not do its work ends the run. The table at the end is Markdown, and all that goes to standard
output. Repositories are built in ``--folder`` (2.5 GB; kept, and not built twice), else in a
temporary folder that goes at the end. Only all-repos needs the network: it comes from PyPI.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import corpora
from benchmarks.measure import (
    Failed,
    Ran,
    Row,
    Side,
    compared,
    duration,
    in_turns,
    median,
    processor,
    run,
    say,
    table,
)
from benchmarks.peers import BRANCH, PATH, RULE, AllRepos, grep, shell

REVIEW = "patcher/deny-af-alg"
FLAT = 1.2
"""How many times the memory for the fewest the memory for the most repositories may be."""
MOST_MEGABYTES = 250


@dataclass(frozen=True)
class Bench:
    """A run: where things lie, and how large they are."""

    folder: Path
    count: int
    forks: int
    folders: int
    most: int
    rounds: int
    jobs: int
    loose: bool
    given: Path | None
    all_repos: bool

    @property
    def state(self) -> Path:
        """What patcher remembers, and its mirrors."""
        return self.folder / "state"

    @cached_property
    def environment(self) -> dict[str, str]:
        """For all sides. Python may write its byte code, as anywhere else."""
        kept = corpora.environment()
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        return {
            **kept,
            "PATCHER_STATE_DIR": str(self.state / "state"),
            "PATCHER_CACHE_DIR": str(self.state / "cache"),
        }

    @cached_property
    def small(self) -> Path:
        """The folder of the small repositories."""
        place = self.folder / ("small-loose" if self.loose else "small")
        say(f"building {self.count} small repositories")
        corpora.small(place, self.count, loose=self.loose)
        return place

    @cached_property
    def large(self) -> Path:
        """The large repository that was built."""
        place = self.folder / f"large-{self.folders}" / "upstream.git"
        say("building a large repository")
        corpora.large(place, folders=self.folders)
        return place

    @cached_property
    def family(self) -> Path:
        """The folder of the forks; there may be more of them from an earlier run."""
        place = self.folder / f"family-{self.folders}-{self.forks}"
        upstream = self.large
        say(f"building {self.forks} forks of it")
        corpora.family(place, upstream, self.forks)
        return place

    @cached_property
    def served(self) -> Served:
        """Copies of the affected small repositories."""
        return Served(corpora.affected(self.small, self.count), self.folder / "served")

    @cached_property
    def peer(self) -> AllRepos | None:
        """all-repos, if it is wanted."""
        if not self.all_repos:
            return None
        say("installing all-repos")
        return AllRepos(self.folder)

    def patcher(self, *words: str | Path, memory: bool = False, cwd: Path | None = None) -> Ran:
        """Run patcher. That it found something affected is no failure."""
        command = [sys.executable, "-m", "patcher", *words]
        return run(command, self.environment, allowed=(0, 1), memory=memory, cwd=cwd)

    def scan(self, places: Sequence[Path], *, memory: bool = False) -> Ran:
        """Scan folders of repositories."""
        return self.patcher("scan", "-q", "--jobs", str(self.jobs), *places, memory=memory)

    def forget(self) -> None:
        """Leave nothing of what patcher remembers."""
        shutil.rmtree(self.state, ignore_errors=True)
        self.state.mkdir()

    def renew(self) -> None:
        """The same, with new copies of the affected repositories."""
        self.forget()
        self.served.renew()

    def shell(self, *, push: bool) -> list[str]:
        """The loop that commits in each."""
        return shell(self.folder / "clone", self.served.urls, push=push)

    def shell_side(self, name: str) -> Side:
        """The loop with its push."""
        return Side(
            name,
            lambda: run(self.shell(push=True), self.environment),
            self.served.renew,
            lambda: self.served.check(BRANCH),
        )

    def configured(self, peer: AllRepos, *, push: bool) -> Path:
        """all-repos' configuration, without any clones yet."""
        folder = self.folder / "all-repos-clones"
        shutil.rmtree(folder / "clones", ignore_errors=True)
        return peer.configure(folder, self.served.urls, push=push)

    def check_scan(self, places: Sequence[Path], repositories: int, affected: int) -> None:
        """Whether a scan finds what was built, the second time too. Raises Failed."""
        command = [sys.executable, "-m", "patcher", "scan", "--format", "json", *map(str, places)]
        for _ in range(2):
            done = subprocess.run(command, env=self.environment, capture_output=True)
            if done.returncode not in (0, 1):
                raise Failed(done.stderr.decode(errors="replace"))
            totals = json.loads(done.stdout)["totals"]
            found = totals["repositories"], totals["to_fix"]
            if found != (repositories, affected):
                raise Failed(f"scan found {found}, not {(repositories, affected)}, in {places}")


class Served:
    """Copies of repositories, as new for each run that writes to them."""

    def __init__(self, originals: Sequence[Path], folder: Path) -> None:
        self._originals = originals
        self.folder = folder
        self.places = [folder / original.name for original in originals]
        self.urls = [f"file://{place}" for place in self.places]
        self.list = folder.with_suffix(".txt")

    def renew(self) -> None:
        """Bring them back to where they were."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for original, place in zip(self._originals, self.places, strict=True):
            shutil.copytree(original, place)
        self.list.write_text("".join(f"{url}\n" for url in self.urls))

    def check(self, branch: str) -> None:
        """Whether each has the branch, with the rule in the profile. Raises Failed."""
        for place in self.places:
            shown = subprocess.run(
                ["git", "--git-dir", place, "show", f"refs/heads/{branch}:{PATH}"],
                env=corpora.environment(),
                capture_output=True,
            )
            if f"  network,\n  {RULE}\n".encode() not in shown.stdout:
                raise Failed(f"{place} has no branch {branch} with the change")


# -- scans


def small(bench: Bench) -> list[Row]:
    """Many small repositories."""
    folders = corpora.groups(bench.small, bench.count)
    repositories = corpora.repositories(folders)[: bench.count]
    affected = len(corpora.affected(bench.small, bench.count))
    kind = "loose" if bench.loose else "packed"
    what = f"{bench.count} small repositories ({kind}, {affected} affected)"
    return _scans(bench, what, folders, repositories, affected, cold=1.0, again=50)


def family(bench: Bench) -> list[Row]:
    """Forks of one large repository."""
    repositories = corpora.repositories([bench.family])
    what = f"{len(repositories)} forks of a large repository"
    return _scans(bench, what, [bench.family], repositories, len(repositories), cold=10, again=50)


def large(bench: Bench) -> list[Row]:
    """One large repository."""
    place = bench.given or bench.large
    what = "one large repository" + (f" ({place.name})" if bench.given else "")
    affected = None if bench.given else 1
    return _scans(bench, what, [place], [place], affected, cold=None, again=None)


def _scans(
    bench: Bench,
    what: str,
    places: Sequence[Path],
    repositories: Sequence[Path],
    affected: int | None,
    *,
    cold: float | None,
    again: float | None,
) -> list[Row]:
    say(what)
    bench.forget()
    if affected is not None:
        bench.check_scan(places, len(repositories), affected)
    loop = "`git grep`"
    theirs = Side(loop, lambda: run(grep(repositories), bench.environment))
    first = Side("cold scan", lambda: bench.scan(places), bench.forget)
    # The cold one leaves behind what the second one remembers.
    second = Side("second scan", lambda: bench.scan(places), lambda: bench.scan(places))
    times = in_turns([theirs, first, second], bench.rounds)
    of = len(repositories)
    each = " (of each)" if of > 1 else ""
    return [
        compared(f"cold scan of {what}{each}", times, "cold scan", loop, of=of, asked=cold),
        compared(f"second scan of {what}{each}", times, "second scan", loop, of=of, asked=again),
    ]


# -- changes


def apply(bench: Bench) -> list[Row]:
    """Commit in each affected repository."""
    say("commits in the affected repositories")
    served, env = bench.served, bench.environment
    words = ("apply", "-q", "--proof", "off", "--jobs", str(bench.jobs), served.folder)
    committing, pushing = "`clone --depth 1; sed; commit`", "`clone --depth 1; sed; commit; push`"
    sides = [
        Side("patcher", lambda: bench.patcher(*words), bench.renew, lambda: served.check(REVIEW)),
        # What does not push leaves nothing to look at. The loop's status tells, and all-repos does
        # the same as with its push.
        Side(committing, lambda: run(bench.shell(push=False), env), served.renew),
        bench.shell_side(pushing),
    ]
    asked = {committing: 5.0, pushing: 5.0}
    peer = bench.peer
    if peer is not None:
        env = {**env, "PYTHONPATH": peer.plugins}
        commit, push = (bench.configured(peer, push=push) for push in (False, True))
        served.renew()
        run(peer.clone(commit, bench.jobs), env)
        sides += [
            Side(
                "all-repos, no push", lambda: run(peer.sed(commit, bench.jobs), env), served.renew
            ),
            Side(
                "all-repos, push",
                lambda: run(peer.sed(push, bench.jobs), env),
                served.renew,
                lambda: served.check(AllRepos.BRANCH),
            ),
        ]
        asked |= {"all-repos, no push": 10.0, "all-repos, push": 10.0}
    what = f"`apply --proof off` in {len(served.urls)} small repositories (of each)"
    return _against_all(bench, what, sides, asked)


def push(bench: Bench) -> list[Row]:
    """From clone URLs to pushed branches."""
    say("from clone URLs to pushed branches")
    served = bench.served
    words = ("apply", "--push", "-q", "--proof", "off", "--jobs", str(bench.jobs))
    named = ("--from", served.list)
    loop = "`clone --depth 1; sed; commit; push`"
    sides = [
        Side(
            "patcher",
            lambda: bench.patcher(*words, *named),
            bench.renew,
            lambda: served.check(REVIEW),
        ),
        bench.shell_side(loop),
    ]
    asked: dict[str, float | None] = {loop: None}
    peer = bench.peer
    if peer is not None:
        env = {**bench.environment, "PYTHONPATH": peer.plugins}
        both, alone = "all-repos", "all-repos, its clones there already"
        config = bench.configured(peer, push=True)
        clone, sed = peer.clone(config, bench.jobs), peer.sed(config, bench.jobs)

        def renew() -> None:
            served.renew()
            bench.configured(peer, push=True)

        def renew_and_clone() -> None:
            renew()
            run(clone, env)

        def end_to_end() -> Ran:
            first, second = run(clone, env), run(sed, env)
            return Ran(first.seconds + second.seconds, first.processor + second.processor)

        sides += [
            Side(both, end_to_end, renew, lambda: served.check(AllRepos.BRANCH)),
            Side(
                alone,
                lambda: run(sed, env),
                renew_and_clone,
                lambda: served.check(AllRepos.BRANCH),
            ),
        ]
        asked |= {both: 3, alone: None}
    what = f"`apply --push --proof off` of {len(served.urls)} URLs (of each)"
    return _against_all(bench, what, sides, asked)


def _against_all(
    bench: Bench, what: str, sides: Sequence[Side], asked: Mapping[str, float | None]
) -> list[Row]:
    """The first side beside each of the others."""
    times = in_turns(sides, bench.rounds)
    of = len(bench.served.urls)
    return [
        compared(what, times, sides[0].name, side.name, of=of, asked=asked[side.name])
        for side in sides[1:]
    ]


# -- growth


def growth(bench: Bench) -> list[Row]:
    """Time and memory for more and more repositories."""
    say("growth")
    sizes = [size for size in (100, 1_000, 10_000, 100_000) if size <= bench.most] or [bench.most]
    place = bench.folder / ("small-loose" if bench.loose else "small")
    say(f"building {sizes[-1]} small repositories")
    corpora.small(place, sizes[-1], loose=bench.loose)
    rows = []
    peaks: dict[str, list[float]] = {"cold": [], "second": []}
    times: dict[str, list[float]] = {"cold": [], "second": []}
    for size in sizes:
        folders = corpora.groups(place, size)
        found = len(corpora.repositories(folders))
        rounds = max(1, min(bench.rounds, 5_000 // size))
        runs: dict[str, list[Ran]] = {"cold": [], "second": []}
        bench.scan(folders)
        for _ in range(rounds):
            bench.forget()
            runs["cold"].append(bench.scan(folders, memory=True))
            runs["second"].append(bench.scan(folders, memory=True))
        for kind, done in runs.items():
            seconds = median(done)
            times[kind].append(seconds / found)
            peaks[kind].append(max(one.megabytes for one in done))
            rows.append(
                Row(
                    f"{kind} scan of {found} small repositories",
                    duration(seconds),
                    "",
                    f"{duration(times[kind][-1])} each, {peaks[kind][-1]:.0f} MB at most",
                )
            )
            say(f"  {rows[-1].what}: {rows[-1].ours}, {rows[-1].reached}")
    if len(sizes) > 1:
        for kind in ("cold", "second"):
            more = peaks[kind][-1] / peaks[kind][0]
            slower = times[kind][-1] / times[kind][-2]
            good = more <= FLAT and peaks[kind][-1] <= MOST_MEGABYTES
            rows.append(
                Row(
                    f"memory of a {kind} scan, {sizes[-1]} against {sizes[0]} repositories",
                    f"{peaks[kind][-1]:.0f} MB",
                    "",
                    f"{more:.2f} times as much" + ("" if good else ", **missed**"),
                    f"{FLAT} times at most, {MOST_MEGABYTES} MB",
                )
            )
            rows.append(
                Row(
                    f"time of a {kind} scan for each, {sizes[-1]} against {sizes[-2]} repositories",
                    duration(times[kind][-1]),
                    "",
                    f"{slower:.2f} times as long" + ("" if slower <= FLAT else ", **missed**"),
                    f"linear: {FLAT} times at most",
                )
            )
    return rows


# -- floors


def floors(bench: Bench) -> list[Row]:
    """What starting processes and reading the bytes takes at least."""
    say("floors")
    empty = bench.folder / "empty"
    empty.mkdir(exist_ok=True)
    commands = {
        "`/bin/true`": ["/bin/true"],
        "`git --version`": ["git", "--version"],
        "`python -c pass`": [sys.executable, "-c", "pass"],
        "`python -c 'import click'`": [sys.executable, "-c", "import click"],
        "`patcher --version`": [sys.executable, "-m", "patcher", "--version"],
        "`patcher scan` of an empty folder": [
            *(sys.executable, "-m", "patcher", "scan", "-q", str(empty))
        ],
    }
    sides = [
        # An empty folder holds no repository, which is a failure.
        Side(name, lambda command=command: run(command, bench.environment, allowed=(0, 3)))  # type: ignore[misc]
        for name, command in commands.items()
    ]
    times = in_turns(sides, max(3, 3 * bench.rounds))
    rows = [
        Row(f"floor: {name}", duration(median(runs)), "", "", "", duration(processor(runs)))
        for name, runs in times.items()
    ]
    folders = corpora.groups(bench.small, bench.count)
    return [
        *rows,
        _inflated(bench, "small", corpora.repositories(folders)[: bench.count]),
        _inflated(bench, "large", [bench.given or bench.large]),
    ]


def _inflated(bench: Bench, what: str, repositories: Sequence[Path]) -> Row:
    """One git that reads all trees and files at HEAD, of a hundred repositories at a time."""
    tasks = []
    for start in range(0, len(repositories), 100):
        names: dict[str, None] = {}
        objects = []
        for place in repositories[start : start + 100]:
            for line in corpora.git("-C", place, "ls-tree", "-r", "-t", "HEAD").splitlines():
                _, kind, name = line.split()[:3]
                if kind != "commit":  # a submodule
                    names[name] = None
            folder = corpora.git("-C", place, "rev-parse", "--git-path", "objects").strip()
            objects.append(os.fspath(place / folder))
        tasks.append((objects, "".join(f"{name}\n" for name in names).encode()))
    scratch = bench.folder / "scratch.git"
    corpora.git("init", "-q", "--bare", scratch)
    spent: list[Ran] = []
    size = 0
    for _ in range(max(3, bench.rounds)):
        parts = []
        size = 0
        for objects, wanted in tasks:
            env = {
                **corpora.environment(),
                "GIT_DIR": str(scratch),
                "GIT_OBJECT_DIRECTORY": objects[0],
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": ":".join(objects[1:]),
            }
            request = bench.folder / "wanted"
            request.write_bytes(wanted)
            script = f'git cat-file --batch --buffer < "{request}" > /dev/null'
            parts.append(run(["sh", "-c", script], env))
            told = subprocess.run(
                ["git", "cat-file", "--batch-check=%(objectsize)"],
                input=wanted,
                env=env,
                check=True,
                stdout=subprocess.PIPE,
            )
            size += sum(map(int, told.stdout.split()))
        spent.append(Ran(sum(one.seconds for one in parts), sum(one.processor for one in parts)))
    each = f", {duration(median(spent) / len(repositories))} each" if len(repositories) > 1 else ""
    return Row(
        f"floor: git inflates what is at HEAD of {len(repositories)} {what}, one process for 100",
        duration(median(spent)),
        "",
        f"{size / 1e6:.0f} MB, {size / 1e6 / median(spent):.0f} MB/s{each}",
        "",
        duration(processor(spent)),
    )


# -- profile


def profile(bench: Bench) -> list[Row]:
    """Where the time goes. Prints its own tables, and adds nothing to the other one."""
    folders = corpora.groups(bench.small, bench.count)
    served = bench.served
    count, forks, changed = bench.count, bench.forks, len(served.urls)
    apply_words = ("apply", "-q", "--proof", "off", "--jobs", "1")

    _profiled(
        bench, "cold scan, small", count, ("scan", "-q", "--jobs", "1", *folders), bench.renew
    )
    _profiled(bench, "second scan, small", count, ("scan", "-q", "--jobs", "1", *folders))
    _profiled(
        bench, "cold scan, family", forks, ("scan", "-q", "--jobs", "1", bench.family), bench.renew
    )
    _profiled(bench, "second scan, family", forks, ("scan", "-q", "--jobs", "1", bench.family))
    _profiled(bench, "apply", changed, (*apply_words, served.folder), bench.renew)
    pushed = (*apply_words, "--push", "--from", served.list)
    _profiled(bench, "apply --push", changed, pushed, bench.renew)
    return []


_SHOWN = 18


def _profiled(
    bench: Bench,
    what: str,
    repositories: int,
    words: Sequence[str | Path],
    prepare: Callable[[], object] = lambda: None,
) -> None:
    """Run it twice: in a profiler, and with a git that is counted."""
    say(what)
    (bench.folder / "state").mkdir(exist_ok=True)
    remembered = bench.folder / "remembered"
    prepare()
    shutil.rmtree(remembered, ignore_errors=True)
    shutil.copytree(bench.state, remembered)
    counted = _counted(bench, words)
    prepare()
    shutil.rmtree(bench.state)
    shutil.copytree(remembered, bench.state)
    told = bench.folder / "profile"
    profiler = Path(__file__).with_name("profiled.py")
    run([sys.executable, profiler, told, *words], bench.environment, allowed=(0, 1))
    spent = json.loads(told.with_suffix(".json").read_text())
    listed = ", ".join(
        f"{name} {number / repositories:.3g}" for name, number in counted.most_common()
    )
    print(
        f"\n### {what}: {repositories} repositories, 1 job\n\n"
        f"{duration(spent['wall'])} in the profiler; processor time: {duration(spent['own'])} in "
        f"Python, {duration(spent['below'])} below it.\n"
        f"git processes for each repository: {listed or 'none'}\n"
    )
    print(_functions(told, repositories))


def _counted(bench: Bench, words: Sequence[str | Path]) -> Counter[str]:
    """How often each git command is started."""
    folder, log = bench.folder / "counting", bench.folder / "counted"
    folder.mkdir(exist_ok=True)
    log.unlink(missing_ok=True)
    log.touch()
    real = shutil.which("git")
    wrapper = folder / "git"
    wrapper.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> "{log}"\nexec "{real}" "$@"\n')
    wrapper.chmod(0o755)
    env = {**bench.environment, "PATH": f"{folder}:{os.environ['PATH']}"}
    run([sys.executable, "-m", "patcher", *words], env, allowed=(0, 1))
    return Counter(_command(line.split()) for line in log.read_text().splitlines())


def _command(words: Sequence[str]) -> str:
    """The command among git's arguments."""
    rest = iter(words)
    for word in rest:
        if word in ("-c", "-C", "--git-dir"):
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return "?"


def _functions(told: Path, repositories: int) -> str:
    """The functions that take most time themselves, as Markdown."""
    import pstats

    stats: Mapping[tuple[str, int, str], tuple[int, int, float, float, object]]
    stats = pstats.Stats(str(told)).stats  # type: ignore[attr-defined]
    total = sum(own for _, _, own, _, _ in stats.values())
    lines = [
        "| function | calls | ms itself, for each repository | share |",
        "| --- | --- | --- | --- |",
    ]
    most = sorted(stats.items(), key=lambda item: -item[1][2])[:_SHOWN]
    for (file, _, name), (_, calls, own, _, _) in most:
        where = "" if file == "~" else "/".join(Path(file).parts[-2:]) + ": "
        lines.append(
            f"| `{where}{name}` | {calls} | {1000 * own / repositories:.4f} | {own / total:.0%} |"
        )
    return "\n".join(lines)


PARTS: Mapping[str, Callable[[Bench], list[Row]]] = {
    "floors": floors,
    "small": small,
    "family": family,
    "large": large,
    "apply": apply,
    "push": push,
    "growth": growth,
    "profile": profile,
}


def main() -> None:
    """Read the command line, run the parts, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=1_000, help="small repositories")
    parser.add_argument("--forks", type=int, default=50)
    parser.add_argument("--folders", type=int, default=600, help="of the large repository")
    parser.add_argument("--most", type=int, default=10_000, help="repositories in growth")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--loose", action="store_true", help="small ones have no packs")
    parser.add_argument("--large", type=Path, metavar="PATH", help="a large repository of yours")
    parser.add_argument("--without-all-repos", action="store_true", help="needs no network")
    parser.add_argument("--folder", type=Path, help="build and keep everything there")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    kept = arguments.folder
    folder = Path(kept or tempfile.mkdtemp(prefix="patcher-benchmark-")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(
        folder=folder,
        count=arguments.count,
        forks=arguments.forks,
        folders=arguments.folders,
        most=arguments.most,
        rounds=arguments.rounds,
        jobs=arguments.jobs,
        loose=arguments.loose,
        given=arguments.large and arguments.large.resolve(),
        all_repos=not arguments.without_all_repos,
    )
    try:
        rows = []
        for part in arguments.parts or [name for name in PARTS if name != "profile"]:
            rows += PARTS[part](bench)
        if rows:
            print(f"\n{_machine(bench)}\n\n{table(rows)}")
    except Failed as error:
        sys.exit(f"benchmark: {error}")
    finally:
        if kept is None:
            shutil.rmtree(folder)


def _machine(bench: Bench) -> str:
    load = os.getloadavg()[0]
    version = corpora.git("--version").split()[2]
    return (
        f"{os.cpu_count()} cores, load {load:.1f} at the end, git {version}, "
        f"Python {platform.python_version()}; medians of {bench.rounds} rounds, {bench.jobs} jobs."
    )


if __name__ == "__main__":
    main()

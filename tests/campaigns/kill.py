"""Kill a campaign at random moments, let it go on, and look at all that is there in the end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.campaigns.world import BASES, OPTIONS, World, build, exported, ran, review, started
from tests.git.server import Server

NAME = "campaign"


@dataclass(slots=True)
class Figures:
    """What was seen."""

    kills: int = 0
    runs: int = 0
    """Runs until the campaign was complete, the killed ones too."""
    seconds: float = 0
    """Of all runs together."""
    pushed: int = 0
    """Branches that the server took."""
    requests: int = 0
    again: float = 0
    """Seconds of a run that does everything again."""
    problems: list[str] = field(default_factory=list)

    def wrong(self, problem: str) -> None:
        self.problems.append(problem)


def harness(
    root: Path,
    repositories: int,
    kills: int,
    seed: int,
    more: Sequence[str] = (),
    told: Callable[[str], None] = lambda line: None,
) -> Figures:
    """Run a campaign over so many repositories, and kill it so often. ``more``: options of every
    run."""
    random, figures = Random(seed), Figures()
    world = build(root, repositories)
    told(f"{repositories} repositories, {world.branches} branches to push")
    with Server(world.served) as server:
        begin = ["--push", "--from", os.fspath(world.urls(server)), *OPTIONS]
        # The last ones are left, so that there is always something to be killed at.
        moments = sorted(random.uniform(0, world.branches * 0.8) for _ in range(kills))
        for pushes in moments:
            _kill(world, server, pushes, random, figures, [*begin, *more])
            told(f"killed after {server.pushes.total()} pushes, {figures.seconds:.0f} s")
            begin = []
        _finish(world, figures, [*begin, *more])
        told(f"complete after {figures.runs} runs, {figures.seconds:.0f} s")
        figures.requests = len(server.requests)
        _look(world, server, figures)
        told("looked at")
        _again(world, server, figures, more)
        figures.pushed = server.pushes.total()
    return figures


def _kill(
    world: World,
    server: Server,
    pushes: float,
    random: Random,
    figures: Figures,
    options: Sequence[str],
) -> None:
    begun = time.monotonic()
    process = started(world, "apply", "--campaign", NAME, "-q", *options)
    while server.pushes.total() < pushes and process.poll() is None:
        time.sleep(0.002)
    with contextlib.suppress(Exception):
        process.wait(random.uniform(0, 0.2))
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    output, errors = process.communicate()
    figures.runs += 1
    figures.seconds += time.monotonic() - begun
    if process.returncode == -signal.SIGKILL:
        figures.kills += 1
    else:
        figures.wrong(f"it ended by itself: {process.returncode} {output}{errors}")
    if errors:
        figures.wrong(f"before the kill it said: {errors.strip()}")


def _finish(world: World, figures: Figures, options: Sequence[str]) -> None:
    begun = time.monotonic()
    done = ran(world, "apply", "--campaign", NAME, *options, timeout=3600)
    figures.runs += 1
    figures.seconds += time.monotonic() - begun
    if done.returncode != 0:
        figures.wrong(f"exit status {done.returncode}: {done.stderr[-2000:]}")


def _look(world: World, server: Server, figures: Figures) -> None:
    """Compare the server, what it counted, and the ledger with what there should be."""
    figures.problems += world.faults()
    wanted = {
        (name, f"refs/heads/{branch}")
        for name, branches in world.expected.items()
        for branch in branches
    }
    for pushed, times in (server.pushes - Counter(wanted)).items():
        figures.wrong(f"{pushed} was pushed {times} times more than it should")
    for unpushed in wanted - server.pushes.keys():
        figures.wrong(f"{unpushed} was not pushed")
    tips = world.tips()
    rows = exported(world, NAME)
    if len(rows) != len(BASES) * len(world.names):
        figures.wrong(f"the ledger has {len(rows)} rows")
    for (place, base), row in rows.items():
        if row["error"]:
            figures.wrong(f"{place} {base}: {row['error']}")
            continue
        name = place.removeprefix(f"{server.url}/ok/")
        branch = review(base.removeprefix("refs/heads/"))
        expected = branch in world.expected[name]
        stage, commit = ("pushed", tips.get(f"{name} {branch}")) if expected else (None, None)
        seen = (row["stage"], row["new_commit"], row["branch"])
        if seen != (stage or "nothing to do", commit, branch if expected else None):
            figures.wrong(f"{name} {base} is {seen} in the ledger, and {commit} at the server")
    done = ran(world, "cache", "verify", timeout=3600)
    if done.returncode != 0:
        figures.wrong(f"cache verify: {done.stdout[-2000:]}{done.stderr[-2000:]}")


_KEPT = re.compile(r"[a-z0-9._-]+-[0-9a-f]{20}\.git|\.[a-z0-9._-]+\.lock|\.family-[0-9a-f]{20}")


def _again(world: World, server: Server, figures: Figures, more: Sequence[str]) -> None:
    """Do everything again: nothing is pushed, and what killed runs left behind is gone."""
    before, begun = server.pushes.copy(), time.monotonic()
    done = ran(world, "apply", "--campaign", NAME, "--retry", "all", *more, timeout=3600)
    figures.again = time.monotonic() - begun
    if done.returncode != 0 or server.pushes != before:
        pushed = server.pushes - before
        figures.wrong(f"again: exit status {done.returncode}, pushed {pushed}: {done.stderr}")
    mirrors = Path(world.env["PATCHER_CACHE_DIR"]) / "mirrors"
    for path in mirrors.iterdir() if mirrors.exists() else ():
        if not _KEPT.fullmatch(path.name):
            figures.wrong(f"left behind in the mirrors: {path.name}")
        for left in [*path.rglob("*.lock"), *path.rglob("tmp_*"), *path.rglob("*.new")]:
            figures.wrong(f"left behind in a mirror: {left}")
    if more:
        return  # workers are still there
    for left in Path(world.env["TMPDIR"]).iterdir():
        figures.wrong(f"left behind: {left}")

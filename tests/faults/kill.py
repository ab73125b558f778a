"""Kill patcher and all of its children at some moment, look at what is left, and run it again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.faults.world import (
    BRANCH,
    World,
    build,
    command,
    copied,
    fixed,
    fsck,
    leftovers,
    patcher,
    snapshot,
)

APPLY = ["apply", "--jobs", "2", "--proof", "off"]
FIX = ["check", "--fix"]

# A git that kills patcher, itself and every other child before, while, or after a command runs, or
# when it has just made the lock file of the branch.
_GIT = """\
#!/bin/sh
case " $* " in
*" $FAULT_COMMAND "*)
  if [ -n "$FAULT_REPOSITORY" ]; then
    case "$1" in *"/$FAULT_REPOSITORY/"*|*"/$FAULT_REPOSITORY") ;; *) exec {git} "$@" ;; esac
  fi
  case "$FAULT_MOMENT" in
  before) kill -9 0 ;;
  during) {git} "$@" & sleep "$FAULT_DELAY"; kill -9 0 ;;
  after) {git} "$@"; kill -9 0 ;;
  locked)
    lock="${{1#--git-dir=}}/refs/heads/{branch}.lock"
    mkdir -p "${{lock%/*}}" && : >"$lock"
    kill -9 0 ;;
  esac ;;
esac
exec {git} "$@"
"""
STEPS = [
    ("unpack-objects", "before"), ("unpack-objects", "during"), ("unpack-objects", "after"),
    ("update-ref", "before"), ("update-ref", "during"), ("update-ref", "after"),
    ("update-ref", "locked"),
]  # fmt: skip


@dataclass(slots=True)
class Figures:
    """What was seen."""

    kills: int = 0
    missed: int = 0
    """Runs that ended before they were to be killed; they do not count as kills."""
    how: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    finished: int = 0
    corrupt: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        return self.corrupt + self.lost + self.unfinished


class Harness:
    """One world that was measured, and copies of it to kill in."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.random = root, Random(seed)
        self.figures = Figures()
        self.original = build(root / "original")
        self.contents = {
            file.name: file.read_bytes() for file in sorted(self.original.files.iterdir())
        }
        self.expected, self.apply_seconds, self.fix_seconds = self._measured()
        real = shutil.which("git")
        assert real is not None
        wrapper = root / "bin/git"
        wrapper.parent.mkdir()
        wrapper.write_text(_GIT.format(git=real, branch=BRANCH))
        wrapper.chmod(0o755)

    def _measured(self) -> tuple[dict[str, str], float, float]:
        """The trees of an undisturbed run, and how long it takes."""
        world = copied(self.original, self.root / "measured")
        started = time.monotonic()
        done = patcher(world.env, *APPLY, world.root / "src")
        applied = time.monotonic() - started
        assert done.returncode == 0, done.stderr
        trees = {place.name: world.tree(place) for place in world.repositories}
        assert all(trees.values())
        started = time.monotonic()
        done = patcher(world.env, *FIX, world.files)
        taken = time.monotonic() - started
        assert done.returncode == 0, done.stderr
        assert self._files(world) == ["new"] * len(self.contents)
        assert leftovers(world.env) == []
        shutil.rmtree(world.root)
        return trees, applied, taken

    def run(self, kills: int, told: Callable[[str], None] = lambda line: None) -> Figures:
        """Kill so often, in turns: apply by the clock, apply at a step, and check --fix."""
        turns = [self._apply_by_clock, self._apply_at_step, self._fix]
        attempt = 0
        while self.figures.kills < kills and attempt < 3 * kills + 10:
            before = len(self.figures.problems)
            world = copied(self.original, self.root / f"world-{attempt}")
            turns[attempt % 3](world)
            attempt += 1
            for problem in self.figures.problems[before:]:
                told(problem)
            if len(self.figures.problems) == before:
                shutil.rmtree(world.root)
        return self.figures

    # -- three ways to be killed

    def _apply_by_clock(self, world: World) -> None:
        delay = self.random.uniform(0, self.apply_seconds * 1.05)
        missed = self.figures.missed
        self._apply(world, f"apply after {delay:.3f} s", delay, {})
        if self.figures.missed > missed:
            self.apply_seconds *= 0.95

    def _apply_at_step(self, world: World) -> None:
        name, moment = self.random.choice(STEPS)
        place = self.random.choice(["", *(place.name for place in world.repositories)])
        extra = {
            "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
            "FAULT_COMMAND": name,
            "FAULT_MOMENT": moment,
            "FAULT_REPOSITORY": place,
            "FAULT_DELAY": f"{self.random.uniform(0, 0.008):.4f}",
        }
        self._apply(world, f"{moment} {name}", None, extra)

    def _apply(self, world: World, how: str, delay: float | None, extra: dict[str, str]) -> None:
        before = {place: snapshot(place) for place in world.repositories}
        source = str(world.root / "src")
        if not self._killed([*APPLY, source], world.env | extra, delay, how):
            return
        whole = self._whole(world, before, how)
        self.figures.left["whole branches"] += whole
        self.figures.left["no branch yet"] += len(before) - whole
        for place in before:
            inner = place / ".git" if (place / ".git").is_dir() else place
            self.figures.left["lock files"] += len(list(inner.glob("**/*.lock")))
            self.figures.left["tmp_obj files"] += len(list(inner.glob("objects/**/tmp_obj_*")))
        self.figures.left["scratch folders"] += len(leftovers(world.env))
        done = patcher(world.env, *APPLY, source)
        again = self._whole(world, before, f"{how}, then again")
        locks = list((world.root / "src").glob("**/*.lock"))
        if done.returncode == 0 and again == len(before) and not locks:
            self.figures.finished += 1
        else:
            last = done.stderr.strip() or f"exit status {done.returncode}"
            self.figures.unfinished.append(f"{how}: {again} of {len(before)}: {last} {locks}")
        # A folder that was never finished is kept for an hour: its maker may be in a container.
        behind = [name for name in leftovers(world.env) if not name.endswith(".new")]
        if behind:
            self.figures.unfinished.append(f"{how}: left behind: {behind}")

    def _whole(self, world: World, before: Mapping[Path, object], how: str) -> int:
        """How many repositories hold the whole commit; all else must be as it was."""
        whole = 0
        for place, was in before.items():
            wrong = fsck(world.env, place)
            if wrong:
                self.figures.corrupt.append(f"{how}: {place}: {wrong}")
            if snapshot(place) != was:
                self.figures.lost.append(f"{how}: {place} is not as it was")
            tree = world.tree(place)
            if tree not in ("", self.expected[place.name]):
                self.figures.corrupt.append(f"{how}: {place}: another tree {tree}")
            whole += tree == self.expected[place.name]
        return whole

    def _fix(self, world: World) -> None:
        # Half of the time goes by before the first file is read.
        delay = self.random.uniform(self.fix_seconds * 0.3, self.fix_seconds * 1.02)
        how = f"check --fix after {delay:.3f} s"
        if not self._killed([*FIX, str(world.files)], world.env, delay, how):
            self.fix_seconds *= 0.95  # it was measured when the machine was busier
            return
        states = self._files(world)
        self.figures.left["old files"] += states.count("old")
        self.figures.left["new files"] += states.count("new")
        mixed = len(states) - states.count("old") - states.count("new")
        if mixed:
            self.figures.corrupt.append(f"{how}: {mixed} files are neither old nor new")
        names = {file.name for file in world.files.iterdir()}
        self.figures.left["temporary files"] += len(names - self.contents.keys())
        done = patcher(world.env, *FIX, world.files)
        names = {file.name for file in world.files.iterdir()}
        if (
            done.returncode == 0
            and names == self.contents.keys()
            and set(self._files(world)) == {"new"}
        ):
            self.figures.finished += 1
        else:
            more = sorted(names - self.contents.keys())
            self.figures.unfinished.append(f"{how}: {done.stderr.strip()} {more}")

    def _files(self, world: World) -> list[str]:
        """For each file, whether it is old, new or something else."""
        states = []
        for name, old in self.contents.items():
            now = (world.files / name).read_bytes()
            new = fixed(old.decode()).encode()
            states.append("old" if now == old else "new" if now == new else "mixed")
        return states

    # -- the kill

    def _killed(
        self, arguments: list[str], env: dict[str, str], delay: float | None, how: str
    ) -> bool:
        """Start patcher, kill its process group after a time, or let its git do so; whether it was
        killed before it ended."""
        process = subprocess.Popen(
            command(*arguments),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if delay is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(delay)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        status = process.wait(120)
        end = time.monotonic() + 2
        with contextlib.suppress(ProcessLookupError):
            while time.monotonic() < end:  # its children die in their own time
                os.killpg(process.pid, 0)
                time.sleep(0.005)
        if status != -signal.SIGKILL:
            self.figures.missed += 1
            return False
        self.figures.kills += 1
        self.figures.how[how.split(" after ")[0] if delay is not None else how] += 1
        return True

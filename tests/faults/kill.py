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
    case "$GIT_OBJECT_DIRECTORY" in *"/$FAULT_REPOSITORY/"*) ;; *) exec {git} "$@" ;; esac
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
    ("index-pack", "before"), ("index-pack", "during"), ("index-pack", "after"),
    ("update-ref", "before"), ("update-ref", "during"), ("update-ref", "after"),
    ("update-ref", "locked"),
]  # fmt: skip


# Python imports this before it starts patcher: `check --fix` has no git that could kill it, and
# writing a file takes a millisecond, which no clock hits. It kills at the so many-th call of one of
# the functions that write a file takes; "half": when half of a new file is written.
_SITE = """\
import os, signal

def die():
    os.kill(0, signal.SIGKILL)

name, moment = os.environ["FAULT_CALL"].split()
left = [int(os.environ["FAULT_NUMBER"])]
real = getattr(os, name)

def call(*arguments, **named):
    if name == "open" and not str(arguments[0]).endswith(".patcher-new"):
        return real(*arguments, **named)
    left[0] -= 1
    if left[0] == 0 and moment == "before":
        die()
    result = real(*arguments, **named)
    if left[0] == 0:
        if moment == "half":
            os.write(result, b"profile half {\\n  net")
        die()
    return result

setattr(os, name, call)
"""
CALLS = [
    ("open", "before"), ("open", "after"), ("open", "half"),
    ("fchmod", "before"), ("fsync", "before"), ("fsync", "after"),
    ("rename", "before"), ("rename", "after"),
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
        self.expected, self.apply_seconds = self._measured()
        self.fixing_seconds = self._fixing()
        real = shutil.which("git")
        assert real is not None
        wrapper = root / "bin/git"
        wrapper.parent.mkdir()
        wrapper.write_text(_GIT.format(git=real, branch=BRANCH))
        wrapper.chmod(0o755)
        (root / "site").mkdir()
        (root / "site/sitecustomize.py").write_text(_SITE)

    def _measured(self) -> tuple[dict[str, str], float]:
        """The trees of an undisturbed run, and how long it takes."""
        world = copied(self.original, self.root / "measured")
        started = time.monotonic()
        done = patcher(world.env, *APPLY, world.root / "src")
        applied = time.monotonic() - started
        assert done.returncode == 0, done.stderr
        trees = {place.name: world.tree(place) for place in world.repositories}
        assert all(trees.values())
        assert leftovers(world.env) == []
        shutil.rmtree(world.root)
        return trees, applied

    def _fixing(self) -> float:
        """For how long an undisturbed `check --fix` writes files."""
        world = copied(self.original, self.root / "measured")
        process = self._start([*FIX, str(world.files)], world.env)
        assert self._has_begun(world, process)
        began = time.monotonic()
        assert process.wait(60) == 0
        taken = time.monotonic() - began
        assert self._files(world) == ["new"] * len(self.contents)
        shutil.rmtree(world.root)
        return taken

    def _has_begun(self, world: World, process: subprocess.Popen[bytes]) -> bool:
        """Wait until a file is being written; False when the process ended first."""
        before = {file.name: file.stat().st_ino for file in world.files.iterdir()}
        while process.poll() is None:
            with os.scandir(world.files) as entries:
                if any(before.get(entry.name) != entry.inode() for entry in entries):
                    return True
        return False

    def run(self, kills: int, told: Callable[[str], None] = lambda line: None) -> Figures:
        """Kill so often, in turns: apply by the clock and at a step, and check --fix by the clock
        and at a step: a quarter of the kills are of check --fix."""
        apply = [self._apply_by_clock, self._apply_at_step, self._apply_at_step]
        turns = [*apply, self._fix_at_step, *apply, self._fix_by_clock]
        attempt = 0
        while self.figures.kills < kills and attempt < 3 * kills + 10:
            before = len(self.figures.problems)
            world = copied(self.original, self.root / f"world-{attempt}")
            turns[attempt % len(turns)](world)
            attempt += 1
            for problem in self.figures.problems[before:]:
                told(problem)
            if len(self.figures.problems) == before:
                shutil.rmtree(world.root)
        return self.figures

    # -- four ways to be killed

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
            self.figures.left["tmp_* files"] += len(list(inner.glob("objects/pack/tmp_*")))
            self.figures.left["keep files"] += len(list(inner.glob("objects/pack/*.keep")))
        self.figures.left["scratch folders"] += len(leftovers(world.env))
        done = patcher(world.env, *APPLY, source)
        locks = list((world.root / "src").glob("**/*.lock"))
        if locks:  # of a git that was killed: patcher names it, and a person removes it
            if done.returncode != 3 or any(f"{lock} exists" not in done.stderr for lock in locks):
                self.figures.unfinished.append(f"{how}: {locks}: {done.stderr}")
            for lock in locks:
                lock.unlink()
            done = patcher(world.env, *APPLY, source)
        again = self._whole(world, before, f"{how}, then again")
        if done.returncode == 0 and again == len(before):
            self.figures.finished += 1
        else:
            last = done.stderr.strip() or f"exit status {done.returncode}"
            self.figures.unfinished.append(f"{how}: {again} of {len(before)}: {last}")
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

    def _fix_at_step(self, world: World) -> None:
        name, moment = self.random.choice(CALLS)
        calls = len(self.contents) * (2 if name == "fsync" else 1)  # the file's, and its folder's
        number = self.random.randint(1, calls)
        extra = {
            "PYTHONPATH": f"{self.root / 'site'}:{world.env['PYTHONPATH']}",
            "FAULT_CALL": f"{name} {moment}",
            "FAULT_NUMBER": str(number),
        }
        self._fix(world, f"check --fix {moment} {name}", None, extra)

    def _fix_by_clock(self, world: World) -> None:
        # Starting takes far longer than writing does, so the clock starts at the first file.
        delay = self.random.uniform(0, self.fixing_seconds * 0.9)
        missed = self.figures.missed
        self._fix(world, f"check --fix after {delay:.4f} s", delay, {})
        if self.figures.missed > missed:
            self.fixing_seconds *= 0.8  # it was measured when the machine was busier

    def _fix(self, world: World, how: str, delay: float | None, extra: dict[str, str]) -> None:
        arguments = [*FIX, str(world.files)]
        if not self._killed(arguments, world.env | extra, delay, how, world):
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

    def _start(self, arguments: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command(*arguments),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _killed(
        self,
        arguments: list[str],
        env: dict[str, str],
        delay: float | None,
        how: str,
        begins: World | None = None,
    ) -> bool:
        """Start patcher, kill its process group after a time, or let it be done at a step; whether
        it was killed before it ended. ``begins``: the time counts from the first file there."""
        process = self._start(arguments, env)
        if delay is not None:
            if begins is not None:
                self._has_begun(begins, process)
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

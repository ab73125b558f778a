"""Run commands, several sides in turns; times, memory of whole process trees, Markdown tables."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SAMPLE = 0.02
"""Seconds between two looks at a process tree's memory."""


class Failed(Exception):
    """A command did not do what is measured: its time would say nothing."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What one command took."""

    seconds: float
    processor: float
    """Seconds of processor time, of the process and all below it."""
    megabytes: float = 0
    """The most that the process and all below it had resident at once, shared pages counted for
    each; 0 where it was not asked for."""


def run(
    command: Sequence[str | Path],
    env: Mapping[str, str],
    *,
    allowed: Sequence[int] = (0,),
    memory: bool = False,
    cwd: Path | None = None,
) -> Ran:
    """Run a command to its end. Raises Failed for an exit status that is not allowed."""
    arguments = [os.fspath(word) for word in command]
    before = _processor()
    started = time.perf_counter()
    with subprocess.Popen(
        arguments,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        sampler = _Sampler(process.pid) if memory else None
        _, errors = process.communicate()
        seconds = time.perf_counter() - started
    peak = sampler.end() if sampler is not None else 0
    if process.returncode not in allowed:
        last = errors.decode(errors="replace")[-2000:]
        raise Failed(f"{' '.join(arguments)[:300]}: exit status {process.returncode}\n{last}")
    return Ran(seconds, _processor() - before, peak / (1 << 20))


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Sampler:
    """Looks at the memory of a process tree until it is told to end."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> int:
        """The most bytes that were seen."""
        self._ended.set()
        self._thread.join()
        return self._peak

    def _look(self) -> None:
        while not self._ended.wait(_SAMPLE):
            self._peak = max(self._peak, _held(self._pid))


def _held(root: int) -> int:
    """The bytes that a process and all below it have resident (see proc(5)). One that is about to
    run another program has its parent's memory and none of its own, so it counts for nothing
    (vfork(2))."""
    total = 0
    stack = [(root, (0, 0))]
    while stack:
        pid, above = stack.pop()
        try:
            size, resident = map(int, Path(f"/proc/{pid}/statm").read_bytes().split()[:2])
            for thread in Path(f"/proc/{pid}/task").iterdir():
                children = (thread / "children").read_bytes().split()
                stack += [(int(child), (size, resident)) for child in children]
        except (OSError, ValueError):  # it ended
            continue
        if (size, resident) != above:
            total += resident
    return total * _PAGE


_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Side:
    """One of those that are compared."""

    name: str
    act: Callable[[], Ran]
    prepare: Callable[[], object] = lambda: None
    """Brings everything back to where it was; not measured."""
    check: Callable[[], object] = lambda: None
    """Raises Failed where the work was not done; not measured."""


def in_turns(sides: Sequence[Side], rounds: int) -> dict[str, list[Ran]]:
    """What each side took: one round to warm up, then so many, each begun by another side."""
    times: dict[str, list[Ran]] = {side.name: [] for side in sides}
    for turn in range(-1, rounds):
        first = turn % len(sides)
        for side in (*sides[first:], *sides[:first]):
            side.prepare()
            ran = side.act()
            side.check()
            if turn >= 0:
                times[side.name].append(ran)
    for name, runs in times.items():
        least = min(ran.seconds for ran in runs)
        say(f"  {name}: {median(runs):.3f} s (least {least:.3f}), processor {processor(runs):.3f}")
    return times


def median(runs: Iterable[Ran]) -> float:
    """Of the seconds."""
    return statistics.median(ran.seconds for ran in runs)


def processor(runs: Iterable[Ran]) -> float:
    """The median of the processor time."""
    return statistics.median(ran.processor for ran in runs)


def say(text: str) -> None:
    """Tell what is being done; the table is all that goes to standard output."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    what: str
    ours: str
    theirs: str
    reached: str
    asked: str = ""
    processor: str = ""


def compared(
    what: str,
    times: Mapping[str, Sequence[Ran]],
    ours: str,
    theirs: str,
    *,
    of: int = 1,
    asked: float | None = None,
) -> Row:
    """A row that says how many times as fast as ``theirs`` ``ours`` is: the ratio of the medians,
    and the range of the ratios of the rounds. ``of``: so many repositories are in each time.

    The ratio of processor times is given too: it hardly changes on a machine that others use, and
    does not count that patcher has several jobs and a loop has one.
    """
    mine, other = times[ours], times[theirs]
    ratio = median(other) / median(mine)
    ratios = [b.seconds / a.seconds for a, b in zip(mine, other, strict=True)]
    reached = f"{ratio:.3g} times as fast ({min(ratios):.3g} to {max(ratios):.3g})"
    if asked is not None:
        reached += "" if ratio >= asked else ", **missed**"
    spent = processor(mine)
    return Row(
        what,
        duration(median(mine) / of),
        f"{theirs}: {duration(median(other) / of)}",
        reached,
        "" if asked is None else f"{asked:g}",
        f"{processor(other) / spent:.3g} times less" if spent else "",
    )


def duration(seconds: float) -> str:
    """A time with three digits."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def table(rows: Iterable[Row]) -> str:
    """As Markdown."""
    lines = [
        "| what | patcher | peer | reached | asked for | processor time |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        cells = (row.what, row.ours, row.theirs, row.reached, row.asked, row.processor)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)

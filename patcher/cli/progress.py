"""How far a run is: one line on standard error that is drawn over itself; where that is no
terminal, a line each minute."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

import click

from patcher.campaign.steps import place
from patcher.findings import Status
from patcher.text import printable, without_secrets

if TYPE_CHECKING:
    from patcher.results import Target
    from patcher.sources.found import Found

_PATIENCE = 0.5
"""Seconds after which there is something to wait for."""

_INTERVAL = 0.1
_HEARTBEAT = 60.0
"""Seconds between two lines where there is no terminal: CI services end what is silent for ten
minutes."""
_SLOW = 5.0
"""Seconds after which it is said which repository is waited for."""
_BAR = 20
_RECENT = 20.0
"""Seconds over which the rate is taken."""


def wanted(*, quiet: bool) -> bool:
    """Whether there is a terminal to draw on, and nobody else (a pager that reads our output)
    draws on it."""
    terminal = sys.stderr.isatty() and os.environ.get("TERM", "") != "dumb"
    return terminal and not quiet and not _is_pipe(sys.stdout)


def heartbeat(*, quiet: bool) -> bool:
    """Whether lines are to be printed now and then."""
    return not quiet and not sys.stderr.isatty()


def _is_pipe(stream: TextIO) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return False


class ProgressLine:
    """Counts what is done, from any thread (see `patcher.campaign.steps.Watch`), and shows it."""

    def __init__(self, total: int | None, *, drawn: bool = True) -> None:
        """``total``: repositories; None: nobody knows. ``drawn``: on a terminal."""
        self._total, self._is_drawn = total, drawn
        self._begun: dict[str, float] = {}
        self._done = self._affected = self._failed = 0
        self._lock = threading.RLock()
        self._started = time.monotonic()
        self._drawn = 0.0 if drawn else self._started
        self._shown = False
        self._ended = threading.Event()
        self._marks: list[tuple[float, int]] = [(self._started, 0)]
        threading.Thread(target=self._redraw, name="patcher progress", daemon=True).start()

    def warn(self, problem: str) -> None:
        """As `Watch` says."""

    def begin(self, found: Found) -> None:
        """As `Watch` says."""
        with self._lock:
            self._begun[place(found)] = time.monotonic()

    def done(self, found: Found, targets: Sequence[Target]) -> None:
        """As `Watch` says."""
        with self._lock:
            self._begun.pop(place(found), None)
            self._count(targets)
            self._draw()

    def count(self, target: Target) -> None:
        """What no work was begun on."""
        with self._lock:
            self._count([target])

    def _count(self, targets: Sequence[Target]) -> None:
        self._done += 1
        self._affected += any(target.status is Status.AFFECTED for target in targets)
        self._failed += any(target.failed for target in targets)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Make room for other output."""
        with self._lock:
            self._clear()
            yield

    def end(self) -> None:
        """Draw no more."""
        self._ended.set()
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)
            self._shown = False

    def _redraw(self) -> None:
        while not self._ended.wait(1.0):
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        now = time.monotonic()
        interval = _INTERVAL if self._is_drawn else _HEARTBEAT
        late = now - self._started >= _PATIENCE and now - self._drawn >= interval
        if not late or self._ended.is_set():
            return
        self._drawn = now
        if not self._is_drawn:
            click.echo(f"patcher: {', '.join(self._parts(now))}", err=True)
            return
        self._shown = True
        from shutil import get_terminal_size

        width = get_terminal_size().columns
        click.echo("\r\x1b[K" + self._line(now, width - 1), nl=False, err=True)

    def _line(self, now: float, width: int) -> str:
        """The widest one that fits."""
        total = max(self._total or 0, self._done)
        full = _BAR * self._done // max(1, total)
        parts = self._parts(now)
        line = f"[{'#' * full}{'.' * (_BAR - full)}] " + ", ".join(parts)
        if len(line) > width:
            parts[0] = f"{self._done}/{total}"
            line = ", ".join(parts)
        while len(line) > width and len(parts) > 1:
            del parts[-1]
            line = ", ".join(parts)
        return line[: max(0, width)]

    def _parts(self, now: float) -> list[str]:
        """What there is to say, the most important first."""
        of_all = "" if self._total is None else f"/{max(self._total, self._done)}"
        rate = self._rate(now)
        parts = [f"{self._done}{of_all} repositories"]
        parts += [f"{self._affected} affected"] if self._affected else []
        parts += [f"{self._failed} failed"] if self._failed else []
        slowest = min(self._begun.items(), key=lambda item: item[1], default=None)
        if slowest is not None and now - slowest[1] >= _SLOW:
            name = "/".join(slowest[0].rstrip("/").split("/")[-2:])
            parts.append(f"waiting for {printable(without_secrets(name))}")
        if rate > 0:
            parts.append(f"{rate:.0f}/s" if rate >= 10 else f"{rate:.1f}/s")
            if self._total is not None:
                parts.append(f"{_time((max(self._total, self._done) - self._done) / rate)} left")
        return parts

    def _rate(self, now: float) -> float:
        """Repositories a second, lately."""
        self._marks.append((now, self._done))
        while len(self._marks) > 2 and now - self._marks[0][0] > _RECENT:
            del self._marks[0]
        start, done = self._marks[0]
        return (self._done - done) / (now - start) if now > start else 0.0


def _time(seconds: float) -> str:
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02}"
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"

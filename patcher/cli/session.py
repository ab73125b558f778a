"""What scan, diff and apply have in common: run the campaign, write the report, tell failures."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import click

from patcher import git
from patcher.campaign import caches
from patcher.campaign.asking import Quit
from patcher.campaign.run import in_turn, run
from patcher.campaign.steps import Item, Steps, Watch
from patcher.cli import FAILED, USAGE, options
from patcher.cli.log import LogWatch
from patcher.cli.output import tell, write
from patcher.findings import Status
from patcher.reports.text import count
from patcher.results import NOT_READ_ELSEWHERE, Target, Totals

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from patcher.cli.progress import ProgressLine
    from patcher.reports import Report
    from patcher.sources import Found, Tally

_REMOTE_JOBS = 8
"""Repositories worked on at once where the network is what takes the time."""


def conduct(
    steps: Steps,
    sources: options.Sources,
    work: options.Work,
    report: Report,
    *,
    quiet: bool,
    verbose: int,
) -> Totals:
    """Run the campaign over the repositories of ``sources``, and write the report as it goes.

    A failure is a line on standard error, whatever the report. When the user breaks off, the report
    is finished with what was done.
    """
    items, tally = found(sources, quiet=quiet)
    total = tally.total if sources.remote else None
    if work.limit is not None:
        items = _first(items, work.limit)
        total = None if total is None else min(total, work.limit)
    pushes = steps.commits is not None and steps.commits.push
    remote = sources.remote or pushes
    totals = carry_out(
        steps, items, total, work, report, remote=remote, quiet=quiet, verbose=verbose
    )
    totals.unanswered = unanswered(tally, totals)
    return totals


def _first(items: Iterable[Item], limit: int) -> Iterator[Item]:
    """The first so many; a line says whether there are more."""
    rest = iter(items)
    yield from islice(rest, limit)
    if next(rest, None) is not None:
        tell(f"--limit: there are more repositories than the {limit} that were taken")


def unanswered(tally: Tally | None = None, totals: Totals | None = None) -> bool:
    """Whether the user named something that matches nothing; print the number that each glob and
    filter matches if so."""
    lines = [] if tally is None else tally.unanswered()
    if totals is not None and 0 in totals.globs.values():
        of = count(totals.repositories, "repository", "repositories")
        lines += [f"--base {glob!r} matches in {n} of {of}" for glob, n in totals.globs.items()]
    if totals is not None:
        wrong = [glob for glob, matches in totals.included.items() if not matches]
        lines += [f"--include {glob!r} matches 0 files" for glob in wrong]
    for line in lines:
        tell(line)
    return bool(lines)


def carry_out(
    steps: Steps,
    items: Iterable[Item],
    total: int | None,
    work: options.Work,
    report: Report,
    *,
    remote: bool,
    quiet: bool,
    verbose: int,
    watch: Watch | None = None,
    ahead: int | None = None,
) -> Totals:
    """Run the campaign over ``items``, of which there are ``total``; None: they can be counted."""
    from patcher.cli import progress

    totals = Totals()
    bar = None
    if steps.asker is None and progress.wanted(quiet=quiet or verbose > 1):
        if total is None:
            items = list(items)
            total = len(items)
        bar = progress.ProgressLine(total)
    elif progress.heartbeat(quiet=quiet):
        bar = progress.ProgressLine(total, drawn=False)
    jobs = work.jobs or max(os.cpu_count() or 1, _REMOTE_JOBS if remote else 1)
    watches = [each for each in (_Teller(), LogWatch(), watch, bar) if each is not None]
    with _executor(work, steps, jobs) as (executor, jobs, steps):
        every = _All(watches)
        if steps.asker is not None:
            targets = in_turn(steps, items, every)
        else:
            targets = run(steps, items, jobs=jobs, executor=executor, watch=every, ahead=ahead)
        write(report.start())
        try:
            for target in targets:
                totals.add(target)
                _tell(report, target, totals, bar, traced=verbose > 1)
                del target  # while the next one is waited for, which may be as large
        except Quit:
            totals.complete = False
        except BaseException:
            totals.complete = False
            raise
        finally:
            if bar is not None:
                bar.end()
            caches.close()
            if not isinstance(sys.exc_info()[1], BrokenPipeError):
                write(report.finish(totals))
    return totals


def _tell(
    report: Report, target: Target, totals: Totals, bar: ProgressLine | None, *, traced: bool
) -> None:
    """Report a target that was added to ``totals``. ``traced``: also where an error arose that
    nobody foresaw."""
    piece = report.target(target)
    if not piece and target.error is None:
        return
    with bar.aside() if bar is not None else contextlib.nullcontext():
        write(piece)
        if target.error is not None:
            for line in target.trace if traced or os.environ.get("PATCHER_DEBUG") else ():
                click.echo(line, err=True)
            if target.cause != git.IdentityMissing.cause:
                tell(failure(target))
            elif totals.causes[target.cause].targets == 1:
                # It is the user's configuration that is wrong, and no repository.
                tell(target.error)


@contextlib.contextmanager
def _executor(
    work: options.Work, steps: Steps, jobs: int
) -> Iterator[tuple[Executor | None, int, Steps]]:
    """What runs the work: threads of this process, or a scheduler's workers."""
    if work.scheduler is None:
        yield None, jobs, steps
        return
    from patcher.campaign.scheduler import Unreachable, connected

    try:
        with connected(work.scheduler, steps) as (executor, slots, theirs):
            yield executor, work.jobs or slots, theirs
    except Unreachable as error:
        raise options.Failed(str(error)) from None


class _Teller:
    """The watch that prints what is worth knowing, and nothing else."""

    def warn(self, problem: str) -> None:
        tell(problem)

    def begin(self, found: Found) -> None:
        pass

    def done(self, found: Found, targets: Sequence[Target]) -> None:
        pass


class _All:
    """Several watches as one."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self._watches = watches

    def warn(self, problem: str) -> None:
        for watch in self._watches:
            watch.warn(problem)

    def begin(self, found: Found) -> None:
        for watch in self._watches:
            watch.begin(found)

    def done(self, found: Found, targets: Sequence[Target]) -> None:
        for watch in self._watches:
            watch.done(found, targets)


def found(sources: options.Sources, *, quiet: bool) -> tuple[Iterable[Item], Tally]:
    """The repositories of the sources, and how many there are. Where there is more than paths, they
    are all found first, and their number is printed."""
    from patcher.sources import Tally, WrongSource, find, gather

    words, lists, filters = sources.words, sources.lists, sources.filters
    if not sources.remote:
        tally = Tally()
        return sources.ready(find(words, filters=filters, tell=tell, tally=tally), tally), tally
    try:
        gathered = gather(words, lists=lists, filters=filters, tell=tell)
    except WrongSource as error:
        raise options.Wrong(str(error)) from None
    if not quiet:
        tell(gathered.tally.line())
    return sources.ready(gathered, gathered.tally), gathered.tally


def failure(target: Target) -> str:
    """One line that says what failed."""
    from patcher.reports.text import short

    where = f"{target.repository} {short(target.base)}" if target.base else target.repository
    return f"{where}: {target.error}"


def exit_code(totals: Totals, otherwise: int, *, strict: bool) -> int:
    """``otherwise``, unless something failed, or nothing answered to what the user named."""
    if strict and (doubts := _doubts(totals)):
        tell(f"--strict: {', '.join(doubts)}")
        return FAILED
    if totals.failed:
        return FAILED
    return USAGE if totals.unanswered else otherwise


def _doubts(totals: Totals) -> list[str]:
    """What --strict counts as failures."""
    review = totals.profiles[Status.UNDER_INVESTIGATION]
    left, unread = totals.left_alone, totals.unread
    number = totals.seccomp[Status.AFFECTED] + totals.seccomp[Status.UNDER_INVESTIGATION]
    seccomp = [f"{count(number, 'seccomp profile')} affected or in need of review"]
    return [
        *[f"{count(review, 'profile needs', 'profiles need')} review"] * bool(review),
        *[f"{count(left, 'affected profile was', 'affected profiles were')} left alone"]
        * bool(left),
        *seccomp * bool(number),
        *[f"{count(unread, 'repository has', 'repositories have')} no commit to read"]
        * bool(unread),
        *[NOT_READ_ELSEWHERE] * bool(totals.elsewhere),
    ]

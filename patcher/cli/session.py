"""What scan, diff and apply have in common: run the campaign, write the report, tell failures."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from patcher import git
from patcher.campaign import memory
from patcher.campaign.run import Campaign, run
from patcher.campaign.target import Target, Totals
from patcher.cli import FAILED, options
from patcher.reports.text import clean

if TYPE_CHECKING:
    from patcher.campaign.look import Selection
    from patcher.reports import Report
    from patcher.sources import Found


def conduct(
    campaign: Campaign,
    sources: options.Sources,
    report: Report,
    *,
    jobs: int | None,
    quiet: bool,
    verbose: int,
) -> Totals:
    """Run the campaign over the repositories of ``sources``, and write the report as it goes.

    A failure is a line on standard error, whatever the report. When the user breaks off, the report
    is finished with what was done.
    """
    if verbose > 1:
        os.environ["PATCHER_DEBUG"] = "1"
    totals = Totals()
    repositories: Iterable[git.Repository | git.Failure] = _local(found(sources, quiet=quiet))
    bar = None
    if not quiet and sys.stderr.isatty() and os.environ.get("TERM", "") != "dumb":
        repositories = list(repositories)
        bar = _Bar(len(repositories))
    targets = run(campaign, repositories, jobs=jobs or os.cpu_count() or 1)
    write(report.start())
    try:
        for target in targets:
            totals.add(target)
            piece = report.target(target)
            if bar is not None and (piece or target.error is not None):
                bar.clear()
            write(piece)
            if target.error is not None:
                tell(failure(target))
            if bar is not None:
                bar.draw(totals.repositories)
    finally:
        if bar is not None:
            bar.clear()
        memory.close()
        if not isinstance(sys.exc_info()[1], BrokenPipeError):
            write(report.finish(totals))
    return totals


def found(sources: options.Sources, *, quiet: bool) -> Iterable[Found | git.Failure]:
    """The repositories of the sources. Where there is more than paths, they are all found first,
    and their number is told."""
    from patcher.sources import find, gather, remote

    words, lists, filters = sources.words, sources.lists, sources.filters
    if not remote(words, lists):
        return find(words, filters=filters, tell=tell)
    gathered = gather(words, lists=lists, filters=filters, tell=tell)
    if not quiet:
        tell(clean(gathered.tally.line()))
    return gathered


def _local(items: Iterable[Found | git.Failure]) -> Iterator[git.Repository | git.Failure]:
    """What is on this machine; the rest is a failure."""
    told = False
    for item in items:
        if not told and not isinstance(item, git.Failure) and item.bases:
            told = True
            tell("the bases in lists are not used yet: name them with --base")
        if isinstance(item, git.Failure):
            yield item
        elif isinstance(item.place, git.Address):
            path = Path(item.place.name)
            yield git.Failure(path, "cannot be fetched yet: clone it", named=item.place.url)
        else:
            yield item.place


def reporter(
    format: str,
    selection: Selection,
    *,
    color: str = "never",
    quiet: bool = False,
    verbose: int = 0,
    explain: bool = False,
    applied: bool = False,
) -> Report:
    """The report in a format; ``quiet`` silences the one for people."""
    if format == "json":
        from patcher.reports.json import Report as Json

        return Json([migration.id for migration in selection.migrations])
    from patcher.reports.table import Report as Table
    from patcher.reports.table import Style

    style = Style(
        color=options.colored(color),
        width=options.terminal_width(),
        explain=explain,
        verbose=verbose > 0,
        quiet=quiet,
        several_migrations=len(selection.migrations) > 1,
    )
    return Table(style, applied=applied)


def failure(target: Target) -> str:
    """One line that says what failed."""
    from patcher.reports.table import short

    where = f"{target.repository} {short(target.base)}" if target.base else target.repository
    return clean(f"{where}: {target.error}")


def tell(text: str) -> None:
    """A line on standard error."""
    click.echo(f"patcher: {text}", err=True)


def write(piece: bytes) -> None:
    """A piece of the report on standard output."""
    if piece:
        click.echo(piece, nl=False)


def exit_code(totals: Totals, otherwise: int) -> int:
    """``otherwise``, unless something failed."""
    return FAILED if totals.failed else otherwise


class _Bar:
    """A progress bar on standard error, shown when there is something to wait for."""

    _PATIENCE = 0.5
    _INTERVAL = 0.1
    _WIDTH = 24

    def __init__(self, total: int) -> None:
        self._total = total
        self._drawn = time.monotonic() + self._PATIENCE - self._INTERVAL
        self._shown = self._cleared = False

    def clear(self) -> None:
        """Make room for other output."""
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)
            self._shown, self._cleared = False, True

    def draw(self, done: int) -> None:
        """Show how many repositories are done."""
        now = time.monotonic()
        # Where other output took the bar's place it is drawn again at once: the next may be long.
        interval = self._INTERVAL if self._shown or not self._cleared else 0
        if now - self._drawn < interval or not self._total:
            return
        self._drawn = now
        self._shown = True
        full = self._WIDTH * done // self._total
        bar = "#" * full + "." * (self._WIDTH - full)
        click.echo(f"\r\x1b[K[{bar}] {done}/{self._total} repositories", nl=False, err=True)

"""``patcher refresh``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from patcher.cli import options


@click.command("refresh", cls=options.Command, short_help="Bring a campaign's reviews up to date.")
@click.argument("name", metavar="NAME", shell_complete=options.completed("campaigns"))
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@options.format_option("targets")
@options.working
@options.telling
def command(
    name: str,
    dry_run: bool,
    format: str,
    quiet: bool,
    verbose: int,
    color: str,
    **chosen: Any,
) -> int:
    """Make the branches of the campaign NAME again, from their current bases.

    A branch on which others committed stays as it is. Where the base needs no edit any more, the
    review is closed with a comment and its branch removed, if nobody else committed there.

    Exit status: 0 all are up to date, 1 some were left (closed by a person, archived, gone), 2
    wrong use, 3 something failed, with its reason on standard error.

    \b
    Examples:
      patcher refresh af-alg --dry-run
      patcher refresh af-alg
    """
    from patcher.cli.campaigns import over_all, with_reviews

    style = options.style(color=color, quiet=quiet, verbose=verbose)
    report = options.report("targets", format, replace(style, applied=not dry_run))
    return over_all(
        name,
        "all",
        lambda commits: replace(
            with_reviews(name, commits),
            refresh=True,
            on_existing="replace",
            discard_others=False,
            dry_run=dry_run,
        ),
        options.work(chosen),
        report,
        quiet=quiet,
        verbose=verbose,
    )

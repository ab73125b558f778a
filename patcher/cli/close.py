"""``patcher close``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from patcher.cli import options


@click.command("close", cls=options.Command, short_help="Close a campaign's reviews.")
@click.argument("name", metavar="NAME", shell_complete=options.completed("campaigns"))
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be closed, and close nothing.")
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
    """Close the open reviews of the campaign NAME with a comment, and remove their branches.

    A branch on which others committed stays, and so does one that is merged. `patcher apply
    --campaign NAME` opens them again.

    Exit status: 0 all are closed, 2 wrong use, 3 one could not be closed, or its branch not
    removed.

    \b
    Examples:
      patcher close af-alg --dry-run
      patcher close af-alg
    """
    from patcher.cli.campaigns import over_all, with_reviews

    style = options.style(color=color, quiet=quiet, verbose=verbose)
    report = options.report("targets", format, replace(style, applied=True, undone=True))
    return over_all(
        name,
        "undo",
        lambda commits: replace(with_reviews(name, commits), undo=True, dry_run=dry_run),
        options.work(chosen),
        report,
        quiet=quiet,
        verbose=verbose,
    )

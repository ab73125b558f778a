"""``patcher ready``."""

from __future__ import annotations

import click

from patcher.cli import options


@click.command("ready", cls=options.Command, short_help="Make a campaign's drafts ready.")
@click.argument("name", metavar="NAME", shell_complete=options.completed("campaigns"))
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@options.format_option("reviews")
def command(name: str, dry_run: bool, format: str) -> int:
    """Make the reviews of the campaign NAME ready that are drafts.

    Exit status: 0 none is a draft any more, 1 one still is, 2 wrong use, 3 one could not be looked
    at or changed.

    \b
    Examples:
      patcher ready af-alg
    """
    from patcher.campaign.follow import Readying
    from patcher.cli.campaigns import follow

    return follow(name, Readying(dry_run), format)

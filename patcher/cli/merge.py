"""``patcher merge``."""

from __future__ import annotations

from typing import Any

import click

from patcher.cli import options


@click.command("merge", cls=options.Command, short_help="Merge a campaign's reviews.")
@click.argument("name", metavar="NAME", shell_complete=options.completed("campaigns"))
@click.option(
    "--method",
    type=click.Choice(["merge", "squash", "rebase"]),
    default="merge",
    show_default=True,
    help="How the forge merges.",
)
@click.option("--force", is_flag=True, help="Merge also what is not approved, or not green.")
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="Stop after N reviews, as a pilot."
)
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be merged, and merge nothing.")
@options.format_option("reviews")
def command(
    name: str, method: Any, force: bool, limit: int | None, dry_run: bool, format: str
) -> int:
    """Merge the reviews of the campaign NAME that are approved and whose checks passed.

    Each is looked at right before it is merged, at the commit that `patcher apply` saw last: with
    others in it, it is not merged. Without any CI there is nothing to wait for. --force leaves out
    the approval, the checks and the rules of the base, and nothing else.

    Exit status: 0 all are merged, or so many as --limit says; 1 some are not, or have no review
    yet; 2 wrong use; 3 one could not be looked at or merged.

    \b
    Examples:
      patcher merge af-alg --dry-run
      patcher merge af-alg --method squash --limit 5
    """
    from patcher.campaign.follow import Merging
    from patcher.cli.campaigns import follow

    return follow(name, Merging(method, force, dry_run), format, limit=limit, complete=True)

"""``patcher undo``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from patcher.cli import FAILED, options

if TYPE_CHECKING:
    from patcher.reports import Report


@click.command(
    "undo",
    cls=options.Command,
    short_help="Remove review branches that are patcher's own and not merged.",
)
@options.selecting
@click.option("--branch", metavar="NAME", help="The review branch, as `patcher apply` was told.")
@click.option("--campaign", "name", metavar="NAME", help="In all repositories of this campaign.")
@click.option(
    "-n", "--dry-run", is_flag=True, help="Say what would be removed, and remove nothing."
)
@options.format_option("targets")
@options.telling
def command(
    paths: tuple[str, ...],
    branch: str | None,
    name: str | None,
    dry_run: bool,
    format: str,
    quiet: bool,
    verbose: int,
    color: str,
    max_size: int,
    **chosen: Any,
) -> int:
    """Remove the review branches that `patcher apply` made, where they are all patcher's and not
    merged.

    SOURCE is what `patcher apply` takes; name the same bases and migrations. In a repository on
    this machine the branch goes there, and what a clone URL names loses it at its remote. A branch
    that others edited, that is merged, or that is someone else's stays. The report has the commit
    that each branch was at: `git branch NAME COMMIT` brings it back.

    \b
    Examples:
      patcher undo --dry-run ~/src
      patcher undo --base main --base 'release/*' github:acme
      patcher undo --campaign af-alg
    """
    from patcher.campaign.apply import Commits
    from patcher.cli.session import conduct, exit_code

    sources, work = options.sources(paths, chosen), options.work(chosen)
    selection = options.selection(max_size=max_size, **chosen)
    style = options.style(selection, color, quiet=quiet, verbose=verbose)
    report = options.report("targets", format, replace(style, applied=True, undone=True))
    if name is not None:
        if sources.given or branch is not None:
            raise click.UsageError("--campaign knows its SOURCEs and its --branch: leave them out")
        return _of_campaign(name, work, report, dry_run=dry_run, quiet=quiet, verbose=verbose)
    commits = Commits(branch=branch, undo=True, dry_run=dry_run)
    steps = options.steps(work, selection, commits)
    totals = conduct(steps, sources, work, report, quiet=quiet, verbose=verbose)
    return exit_code(totals, 0, strict=False)


def _of_campaign(
    name: str, work: options.Work, report: Report, *, dry_run: bool, quiet: bool, verbose: int
) -> int:
    """Undo what a campaign did, and record that; a dry run records nothing."""
    from patcher.campaign import settings
    from patcher.campaign.booking import Booking, Planning
    from patcher.campaign.database import open_database
    from patcher.campaign.ledger import Ledger
    from patcher.campaign.trouble import LedgerError, NoSuchCampaign
    from patcher.cli.output import tell
    from patcher.cli.session import carry_out, exit_code
    from patcher.reports.text import count

    try:
        with open_database() as database:
            account = Ledger(database).open(name)
            selection, commits = settings.read(account.settings)
            commits = replace(commits, undo=True, dry_run=dry_run)
            with account.owner() as owner:
                booking = Booking(account, owner, "undo", Planning(tell).with_secret)
                totals = carry_out(
                    options.steps(work, replace(selection, proof="off"), commits),
                    booking.every() if dry_run else booking.items(),
                    account.counts().repositories,
                    work,
                    report,
                    remote=True,
                    quiet=quiet,
                    verbose=verbose,
                    watch=None if dry_run else booking,
                    ahead=2,
                )
                held = 0 if dry_run else account.counts().repositories - booking.taken
    except NoSuchCampaign as error:
        raise click.UsageError(str(error)) from None
    except LedgerError as error:
        raise options.Failed(str(error)) from None
    if held > 0:
        tell(
            f"another process was at work on {count(held, 'repository', 'repositories')} of "
            f"campaign {name}, where nothing was undone: wait for its end, and undo again"
        )
        return FAILED
    return exit_code(totals, 0, strict=False)

"""``patcher unfork``."""

from __future__ import annotations

import click

from patcher.cli import FAILED, FOUND, options


@click.command("unfork", cls=options.Command, short_help="Remove the forks of a campaign.")
@click.option(
    "--campaign",
    "name",
    metavar="NAME",
    required=True,
    shell_complete=options.completed("campaigns"),
    help="The campaign whose forks to remove.",
)
@click.option(
    "-n", "--dry-run", is_flag=True, help="Say what would be removed, and remove nothing."
)
def command(name: str, dry_run: bool) -> int:
    """Remove your forks of the repositories of a campaign that --fork made, once no review needs
    them.

    A fork stays if it was made before the campaign began. It stays while anyone has an open review
    into it, or from it into any repository that the token may see. It stays, too, while a branch or
    tag of it has commits that its parent does not have and the campaign did not push. The issues,
    wiki and settings of a fork go with it, and closed reviews from it cannot be opened again. The
    token needs the right to delete repositories. Forks at GitHub, GitLab, Gitea and Forgejo are
    removed. At all of these but GitHub, a fork whose network has more than 100 forks stays: a
    review from it may be open in any of them.

    Exit status: 0 no fork is left, or would be; 1 some stay; 2 wrong use; 3 one could not be looked
    at or removed, with its reason on standard error.

    \b
    Examples:
      patcher unfork --campaign af-alg --dry-run
      patcher unfork --campaign af-alg
    """
    from patcher.campaign.unfork import Unforking
    from patcher.cli.campaigns import campaign
    from patcher.cli.output import tell, write
    from patcher.reports.text import columns
    from patcher.text import printable

    rows = [("repository", "fork", "")]
    failed = left = 0
    with campaign(name) as account:
        if account.summary().running:
            tell(f"another process is at work on campaign {name}: wait for its end")
            return FAILED
        for state in Unforking(account, tell, dry_run).each():
            if state.error is not None:
                failed += 1
                tell(f"{state.place}: {state.error}")
            left += not state.is_done
            did = "failed" if state.error is not None else state.did
            rows.append((printable(state.place), printable(state.fork) or "-", printable(did)))
    if len(rows) > 1:
        write(columns(rows, width=options.style().width, above=(0, 1)))
    else:
        write(b"No repository of the campaign has a clone URL, so that it has no fork.\n")
    return FAILED if failed else FOUND if left else 0

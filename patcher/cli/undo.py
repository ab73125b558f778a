"""``patcher undo``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from patcher.cli import options


@click.command(
    "undo",
    cls=options.Command,
    short_help="Remove review branches that are patcher's own and not merged.",
)
@options.selecting
@click.option("--branch", metavar="NAME", help="The same as for `patcher apply`.")
@click.option(
    "--campaign",
    "name",
    metavar="NAME",
    shell_complete=options.completed("campaigns"),
    help="In all repositories of this campaign.",
)
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
    that others edited, that is merged, or that is someone else's stays. Reviews that a campaign
    opened are closed with a comment. The report has the commit that each branch was at: `git branch
    NAME COMMIT` brings it back.

    \b
    Examples:
      patcher undo --dry-run ~/src
      patcher undo --base main --base 'release/*' github:acme
      patcher undo --campaign af-alg
    """
    from patcher.campaign.commits import Commits
    from patcher.cli.session import conduct, exit_code

    sources, work = options.sources(paths, chosen), options.work(chosen)
    selection = options.selection(max_size=max_size, **chosen)
    style = options.style(selection, color, quiet=quiet, verbose=verbose)
    report = options.report("targets", format, replace(style, applied=True, undone=True))
    if name is not None:
        if sources.given or branch is not None:
            raise click.UsageError("--campaign knows its SOURCEs and its --branch: leave them out")
        from patcher.cli.campaigns import over_all

        return over_all(
            name,
            "undo",
            lambda commits: replace(commits, undo=True, dry_run=dry_run),
            work,
            report,
            quiet=quiet,
            verbose=verbose,
        )
    commits = Commits(branch=branch, undo=True, dry_run=dry_run)
    steps = options.steps(work, selection, commits)
    totals = conduct(steps, sources, work, report, quiet=quiet, verbose=verbose)
    return exit_code(totals, 0, strict=False)

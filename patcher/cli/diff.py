"""``patcher diff``."""

from __future__ import annotations

from typing import Any

import click

from patcher.cli import FOUND, options


@click.command("diff", cls=options.Command, short_help="Print the change that apply would commit.")
@options.selecting
@options.format_option("changes")
@options.proving
@options.strict
@click.option(
    "--pager/--no-pager",
    default=True,
    help="In a terminal, show pages: with $GIT_PAGER, $PAGER or less.  [default: --pager]",
)
@options.telling
def command(
    paths: tuple[str, ...],
    format: str,
    strict: bool,
    pager: bool,
    quiet: bool,
    verbose: int,
    color: str,
    max_size: int,
    **chosen: Any,
) -> int:
    """Print the change that `patcher apply` would commit, as a unified diff.

    SOURCE is a path, a clone URL, or what `patcher repos --help` lists; default: here. `git apply`
    takes the diff of one repository; that of several says whose each part is, in a line that begins
    with #. --format patch prints mails as `git format-patch` does, with the message that `patcher
    apply` would write.

    \b
    Examples:
      patcher diff ~/src
      patcher diff ~/src/moby | git -C ~/src/moby apply --index
      patcher diff --format patch ~/src/moby | git -C ~/src/moby am
    """
    from patcher.cli.output import paged
    from patcher.cli.session import conduct, exit_code

    sources, work = options.sources(paths, chosen), options.work(chosen)
    selection = options.selection(max_size=max_size, **chosen)
    report = options.report("changes", format, options.style(selection, color, verbose=verbose))
    commits = None
    if format == "patch":
        from patcher.campaign.commits import Commits

        commits = Commits(dry_run=True, shown="base")
    steps = options.steps(work, selection, commits, contents=True)
    with paged(wanted=pager):
        totals = conduct(steps, sources, work, report, quiet=quiet, verbose=verbose)
    return exit_code(totals, FOUND if totals.to_fix else 0, strict=strict)

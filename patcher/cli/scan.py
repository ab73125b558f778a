"""``patcher scan``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from patcher.cli import FOUND, options


@click.command(
    "scan", cls=options.Command, short_help="Report the AppArmor profiles in git repositories."
)
@options.selecting
@options.format_option("targets")
@options.showing
@click.option("--explain", is_flag=True, help="Show the evidence for each profile.")
@options.seccomp
@options.strict
@options.telling
def command(
    paths: tuple[str, ...],
    format: str,
    only: tuple[str, ...],
    everything: bool,
    explain: bool,
    strict: bool,
    quiet: bool,
    verbose: int,
    color: str,
    max_size: int,
    **chosen: Any,
) -> int:
    """Report the AppArmor profiles in git repositories, and whether they are affected.

    SOURCE is a path, a clone URL, or what `patcher repos --help` lists; default: here. What is read
    is the commit at the base, never the work tree, and nothing is written there.

    \b
    Examples:
      patcher scan
      patcher scan ~/src --base main --base 'release/*'
      patcher scan --only under_investigation ~/src
      patcher scan --format json ~/src | jq '.targets[] | select(.status == "affected")'
    """
    from patcher.cli.again import commands
    from patcher.cli.session import conduct, exit_code

    sources, work = options.sources(paths, chosen), options.work(chosen)
    selection = options.selection(max_size=max_size, **chosen)
    style = options.style(selection, color, quiet=quiet, verbose=verbose, explain=explain)
    style = options.shown(style, format, only=only, everything=everything)
    report = options.report("targets", format, replace(style, again=commands()))
    steps = options.steps(work, selection)
    totals = conduct(steps, sources, work, report, quiet=quiet, verbose=verbose)
    return exit_code(totals, FOUND if totals.to_fix else 0, strict=strict)

"""``patcher check``."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from patcher.cli import FOUND, options

if TYPE_CHECKING:
    from patcher.results import Target


@click.command("check", cls=options.Command, short_help="Report, or fix, files outside git.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=str))
@click.option("--fix", is_flag=True, help="Edit the files in place, each in one step.")
@click.option(
    "--stdin-name",
    default="-",
    metavar="NAME",
    help="The name of the file on standard input, which decides its format.",
)
@options.judging
@options.globs
@options.timeout
@options.format_option("files")
@options.showing
@click.option("--explain", is_flag=True, help="Show the evidence for each profile.")
@options.seccomp
@options.strict
@options.telling
def command(
    files: tuple[str, ...],
    fix: bool,
    stdin_name: str,
    timeout: float,
    format: str,
    only: tuple[str, ...],
    everything: bool,
    explain: bool,
    strict: bool,
    quiet: bool,
    verbose: int,
    color: str,
    **chosen: Any,
) -> int:
    """Report the AppArmor profiles in files, wherever they lie; --fix edits them in place.

    FILE may be a folder: every file below it, but nothing in .git and behind symbolic links. FILE -
    is standard input: what it becomes goes to standard output, and the report to standard error.
    With --fix the exit status is 0 when nothing that patcher changes is affected any more.

    \b
    Examples:
      patcher check /etc/apparmor.d
      patcher check --fix profiles/docker-default
      patcher check --fix - --stdin-name template.go < template.go > fixed.go
    """
    from patcher.campaign.files import check
    from patcher.cli.output import tell, write
    from patcher.cli.session import exit_code
    from patcher.results import Totals

    selection = options.selection(bases=(), **chosen)
    piped = "-" in files
    if piped and len(files) > 1:
        raise click.UsageError("standard input cannot be checked along with other files")
    style = options.style(
        selection,
        "never" if piped and color == "auto" else color,
        quiet=quiet,
        verbose=verbose,
        explain=explain,
    )
    style = options.shown(style, format, only=only, everything=everything)
    if piped:
        style = replace(style, width=None, advise=False)
    report = options.report("files", format, style)
    totals = Totals()
    write(report.start(), err=piped)
    for target in (
        [_piped(stdin_name, selection, fix, timeout)]
        if piped
        else check(files, selection, fix=fix, timeout=timeout)
    ):
        totals.add(target)
        write(report.target(target), err=piped)
        if target.error is not None:
            tell(f"{target.repository}: {target.error}")
        elif target.note is not None and not quiet:
            tell(f"{target.repository}: {target.note}")
    write(report.finish(totals), err=piped)
    if not totals.targets:
        tell("there is no file in what was named, or none that --include and --exclude leave")
        totals.unanswered = True
    return exit_code(totals, FOUND if totals.to_fix and not fix else 0, strict=strict)


def _piped(name: str, selection: Any, fix: bool, timeout: float) -> Target:
    from patcher import git
    from patcher.campaign.files import failed, target
    from patcher.campaign.look import judge

    try:
        content = sys.stdin.buffer.read(selection.max_bytes + 1)
    except OSError as error:
        raise options.Wrong(f"standard input: {error.strerror or error}") from None
    result, late = None, ""
    try:
        with git.limited(timeout):
            result, _ = judge(name, content, selection)
    except git.GitTimeout as error:
        late = str(error)
    click.echo(content if result is None else result.content, nl=False)
    while content := sys.stdin.buffer.read(1 << 16):  # what is too large passes through
        click.echo(content, nl=False)
    if result is None:
        return failed(name, late)
    return target(name, result, selection, fixed=fix and bool(result.edits))

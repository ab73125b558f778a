"""``patcher verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from patcher.cli import FAILED, FOUND, UNDECIDED, USAGE, options

if TYPE_CHECKING:
    from patcher.results import Verified


@click.command(
    "verify", cls=options.Command, short_help="Compile profiles: do they deny the family?"
)
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=str))
@options.bases
@options.migrating
@options.globs
@click.option("--docs", is_flag=True, help="Profiles that documentation quotes, too.")
@options.max_size
@options.timeout
@options.format_option("compiled profiles")
@options.telling
def command(
    paths: tuple[str, ...],
    timeout: float,
    format: str,
    quiet: bool,
    verbose: int,
    color: str,
    **chosen: Any,
) -> int:
    """Compile the profiles in PATH with AppArmor's own parser, and say of each whether the family
    is denied in what that gives. Nothing is loaded, and no root is needed.

    PATH is a repository, a folder of some, or a file or folder outside git; default: here. A file
    of policy is compiled as it stands; a template is filled in with stand-ins, in each way in which
    it may come out. Includes are looked up in the same repository and in /etc/apparmor.d. Policy
    without an `abi` rule compiles with the features that the system's parser.conf pins.

    Exit status: 0 each profile that was found denies the family; 1 some profile allows it; 2 wrong
    use, no file, or a glob that matches nothing; 3 a file could not be read; 4 none allows it, but
    of some it is not decidable: an include that is not there, an expression that may print a rule,
    policy that does not compile here or without network rules.

    \b
    Examples:
      patcher verify /etc/apparmor.d
      patcher verify --base 'release/*' ~/src/moby
    """
    from patcher.campaign.verify import run
    from patcher.cli.output import tell, write
    from patcher.cli.session import unanswered
    from patcher.proof import parser
    from patcher.reports import renderer
    from patcher.reports.verify import total
    from patcher.results import Answer, Totals

    selection = options.selection(profiles="all", comment=False, **chosen)
    try:
        by = parser.usable()
    except parser.Unusable as error:
        raise options.Failed(str(error)) from None
    verified = []
    covered = Totals()
    for file in run(paths or (".",), selection, by, timeout, covered):
        verified.append(file)
        if file.error is not None:
            tell(f"{_place(file)}: {file.error}")
        elif file.note is not None and not quiet:
            tell(f"{_place(file)}: {file.note}")
    style = options.style(selection, color, quiet=quiet, verbose=verbose)
    for piece in renderer("compiled profiles", format)(style, verified, by.name):
        write(piece)
    totals = total(verified)
    if totals["failed"]:
        return FAILED
    if unanswered(totals=covered):
        return USAGE
    if not covered.targets:
        tell("there is no file in what was named, or none that --include and --exclude leave")
        return USAGE
    if totals[Answer.ALLOWED]:
        return FOUND
    return UNDECIDED if totals[Answer.UNDECIDED] else 0


def _place(file: Verified) -> str:
    """The file, and the repository that it lies in."""
    path = file.path.decode("utf-8", "surrogateescape")
    if file.repository is None:
        return path
    from patcher.reports.text import short

    where = f"{file.repository} {short(file.base)}" if file.base else file.repository
    return f"{where}: {path}" if path else where

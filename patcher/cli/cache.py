"""``patcher cache``: the mirrors of remote repositories on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from patcher.cli import FAILED, options

if TYPE_CHECKING:
    from patcher.git.mirrors import Mirror, Mirrors
    from patcher.results import MirrorState

_DAY = 86400.0


@click.group("cache", short_help="See, verify and clear the mirrors of remote repositories.")
def command() -> None:
    """See, verify and clear the mirrors of remote repositories.

    Repositories that are named by a clone URL are kept one commit deep in $PATCHER_CACHE_DIR
    (default: patcher in the user's cache folder), so that the next run fetches only what moved.
    All of it can be fetched again; nothing that is not at the remote is kept here.

    \b
    Examples:
      patcher cache list
      patcher cache verify
      patcher cache clear --older-than 30
    """


@command.command("list", short_help="List the mirrors.")
@options.format_option("mirrors")
def list_command(format: str) -> int:
    """List the mirrors: branches that were fetched, size on disk, and when each was last used.

    What shares the objects of another mirror says so; its size is its own part alone.

    \b
    Examples:
      patcher cache list
      patcher cache list --format json | jq '.mirrors[] | select(.size > 1e9)'
    """
    from patcher.cli.output import write
    from patcher.reports import renderer

    found = map(_state, _mirrors().list())
    for piece in renderer("mirrors", format)(options.style(), found):
        write(piece)
    return 0


@command.command("verify", short_help="Read every object of the mirrors.")
@click.argument("urls", nargs=-1, metavar="[URL]...")
@click.option("-q", "--quiet", is_flag=True, help="Print faults only.")
def verify_command(urls: tuple[str, ...], quiet: bool) -> int:
    """Read every object of the mirrors, or of those that are named, and follow their branches.

    The next run that uses a damaged mirror replaces it with a new one. Exit status: 0 all are
    whole, 3 some are not.

    \b
    Examples:
      patcher cache verify
      patcher cache verify https://github.com/moby/moby
    """
    from patcher.cli.output import tell
    from patcher.git import GitError

    mirrors = _mirrors()
    chosen = _chosen(mirrors.list(), urls)
    faults = 0
    for number, mirror in enumerate(chosen, 1):
        with _Counter(number, len(chosen), quiet):
            try:
                why = mirrors.verify(mirror)
            except GitError as error:
                why = str(error)
        if why is not None:
            faults += 1
            tell(f"{mirror.repository.place}: {why}")
    if not quiet:
        rest = f", {faults} not: the next run that uses them makes new ones" if faults else ""
        click.echo(f"{_count(len(chosen) - faults)} whole{rest}.")
    return FAILED if faults else 0


@command.command("clear", short_help="Remove mirrors.")
@click.argument("urls", nargs=-1, metavar="[URL]...")
@click.option(
    "--older-than",
    type=options.Finite(min=0),
    metavar="DAYS",
    help="Only mirrors that were not used for so many days.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def clear_command(urls: tuple[str, ...], older_than: float | None, yes: bool) -> int:
    """Remove mirrors: those that are named, or all; it asks before it removes all of them.

    With a mirror whose objects others share, those go as well, and with --older-than a family stays
    while one of it is in use.

    \b
    Examples:
      patcher cache clear https://github.com/moby/moby
      patcher cache clear --older-than 30
      patcher cache clear -y
    """
    from patcher.git import GitError
    from patcher.reports import places

    mirrors = _mirrors()
    there = mirrors.list()
    chosen = _chosen(there, urls)
    if older_than is not None:
        chosen = _unused(chosen, there, time.time() - older_than * _DAY)
    if not urls and older_than is None and not yes and there:
        size = places.size(sum(mirror.size for mirror in there))
        if not options.confirm(f"Remove {_count(len(there))} ({size})?"):
            raise click.Abort
    try:
        number = mirrors.clear(chosen)
        if not urls:
            mirrors.sweep()
    except GitError as error:
        raise options.Failed(str(error)) from None
    click.echo(f"{_count(number)} removed.")
    return 0


def _mirrors() -> Mirrors:
    from patcher.git import GitError
    from patcher.git.mirrors import Mirrors

    try:
        return Mirrors()
    except GitError as error:
        raise options.Failed(str(error)) from None


def _chosen(there: Sequence[Mirror], urls: Iterable[str]) -> Sequence[Mirror]:
    """The mirrors of these addresses; without any, all."""
    from patcher.git import Address, GitError

    known = {mirror.repository.address: mirror for mirror in there}
    chosen = []
    for url in urls:
        try:
            address = Address.parse(url)
        except GitError as error:
            raise click.UsageError(str(error)) from None
        if address not in known:
            raise click.UsageError(f"there is no mirror of {address}: see patcher cache list")
        chosen.append(known[address])
    return chosen if urls else there


def _unused(chosen: Sequence[Mirror], there: Sequence[Mirror], since: float) -> Sequence[Mirror]:
    """Those that were not used since then, nor any that would go with them."""
    used = {mirror.family for mirror in there if mirror.used >= since}
    return [
        mirror for mirror in chosen if mirror.used < since and mirror.repository.git_dir not in used
    ]


class _Counter:
    """Which of how many, on standard error where that is a terminal."""

    def __init__(self, number: int, total: int, quiet: bool) -> None:
        import sys

        self._shown = not quiet and sys.stderr.isatty()
        self._text = f"\r\x1b[K{number}/{total}"

    def __enter__(self) -> None:
        if self._shown:
            click.echo(self._text, nl=False, err=True)

    def __exit__(self, *_: object) -> None:
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)


def _state(mirror: Mirror) -> MirrorState:
    """What a report says of a mirror."""
    from datetime import UTC, datetime

    from patcher.results import MirrorState

    return MirrorState(
        url=mirror.repository.place,
        path=str(mirror.repository.git_dir),
        branches=mirror.branches,
        size=mirror.size,
        last_used=datetime.fromtimestamp(mirror.used, UTC).isoformat(timespec="seconds"),
        shares_objects_of=None if mirror.family is None else str(mirror.family),
    )


def _count(number: int) -> str:
    return f"{number} mirror{'' if number == 1 else 's'}"

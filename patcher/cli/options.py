"""Options that several commands share."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.core import ParameterSource

from patcher.cli import output
from patcher.cli.command import SOURCE, SourceArgument
from patcher.cli.command import Command as Command
from patcher.cli.errors import Failed as Failed
from patcher.cli.errors import Wrong as Wrong
from patcher.values import dataclass

if TYPE_CHECKING:
    from patcher.campaign.commits import Commits
    from patcher.campaign.selection import Selection
    from patcher.campaign.steps import Item, Steps
    from patcher.migrations import Migration
    from patcher.reports import Report, Style
    from patcher.sources import Filters, Tally

_F = TypeVar("_F", bound=Callable[..., Any])
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


class Finite(click.FloatRange):
    """A number, which ``nan`` and ``inf`` are not."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value!r} is no number.", param, ctx)
        return number


def _size(ctx: click.Context, param: click.Parameter, value: str) -> int:
    """Bytes, with a unit: ``8M``."""
    text = value.strip().lower().removesuffix("ib").removesuffix("b")
    number = text.rstrip("kmg")
    unit = _UNITS.get(text[len(number) :])
    if unit is None or not number.isascii() or not number.isdigit() or len(number) > 15:
        raise click.BadParameter(f"{value!r} is no size: write it as 500k, 8M or 1G")
    if not int(number):
        raise click.BadParameter("0 reads no file: write it as 500k, 8M or 1G")
    return int(number) * unit


def _since(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
    """A date, or how long ago."""
    if value is None:
        return None
    from patcher.sources import since

    try:
        return since(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _scheduler(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        from patcher.campaign.scheduler import is_address

        if not is_address(value):
            raise click.BadParameter(f"{value!r} is no scheduler: write tcp://HOST:PORT")
    return value


def chain(*decorators: Callable[[_F], _F]) -> Callable[[_F], _F]:
    """One decorator of several, in reading order."""

    def apply(function: _F) -> _F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


def completed(what: str) -> Callable[[click.Context, click.Parameter, str], list[Any]]:
    """What a shell completes a value with: a function of `patcher.cli.candidates`."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from patcher.cli import candidates

        found: list[Any] = getattr(candidates, what)(ctx, param, incomplete)
        return found

    return complete


migrating = click.option(
    "-m",
    "--migration",
    "migrations",
    multiple=True,
    metavar="NAME|FILE",
    shell_complete=completed("migrations"),
    help="What to insert: a name that `patcher migrations` lists, or a YAML file. May be "
    "repeated.  [default: deny-af-alg]",
)
max_size = click.option(
    "--max-size",
    callback=_size,
    metavar="SIZE",
    default="8M",
    show_default=True,
    help="Report larger files without reading them.",
)
bases = click.option(
    "--base",
    "bases",
    multiple=True,
    metavar="REF",
    shell_complete=completed("bases"),
    help="Branch, tag, commit or glob (release/*) to start from; in a clone, main is the local "
    "branch where there is one, and origin/main the remote's. May be repeated.  "
    "[default: origin/HEAD, else HEAD]",
)
judging = chain(
    migrating,
    click.option(
        "--profiles",
        type=click.Choice(["moby", "all"]),
        default="moby",
        show_default=True,
        help="Which affected profiles to change.",
    ),
    click.option("--docs", is_flag=True, help="Change documentation that quotes a profile, too."),
    click.option("--comment", is_flag=True, help="Write the migration's comment above its rule."),
    max_size,
)
globs = chain(
    click.option(
        "--include",
        multiple=True,
        metavar="GLOB",
        help="Look only at matching files (as in gitignore). May be repeated.",
    ),
    click.option(
        "--exclude",
        multiple=True,
        metavar="GLOB",
        help="Skip matching files (as in gitignore). May be repeated.",
    ),
)
_choice = click.Choice(["include", "exclude", "only"])
sourcing = chain(
    click.argument(
        "paths", cls=SourceArgument, nargs=-1, metavar=SOURCE, type=click.Path(path_type=str)
    ),
    click.option(
        "--file",
        metavar="FILE",
        type=click.Path(path_type=str),
        help="Take what is not said here from a campaign file, as `patcher init` writes it.",
    ),
    click.option(
        "--from",
        "lists",
        multiple=True,
        metavar="FILE|-",
        type=click.Path(path_type=str),
        help="Take the repositories of a list, too: one a line, or YAML, JSON or CSV with a url or "
        "path and a base. May be repeated.",
    ),
    click.option(
        "--match",
        multiple=True,
        metavar="GLOB",
        help="Only repositories whose name, owner/name or whole path matches. May be repeated.",
    ),
    click.option(
        "--skip",
        multiple=True,
        metavar="GLOB",
        help="Skip repositories that match. May be repeated.",
    ),
    click.option(
        "--topic",
        "topics",
        multiple=True,
        metavar="NAME",
        help="Only those with this topic, or one of several.",
    ),
    click.option(
        "--archived", type=_choice, default="exclude", show_default=True, help="Archived ones."
    ),
    click.option("--forks", type=_choice, default="include", show_default=True, help="Forks."),
    click.option(
        "--visibility",
        multiple=True,
        type=click.Choice(["public", "private", "internal"]),
        help="Only those that are this, or one of several.",
    ),
    click.option(
        "--pushed-since",
        metavar="DATE|AGO",
        callback=_since,
        help="Only those pushed to since 2026-01-31, or in the last 12h, 30d, 6w or 1y.",
    ),
)
timeout = click.option(
    "--timeout",
    type=Finite(0, min_open=True),
    metavar="SECONDS",
    default=600.0,
    show_default=True,
    help="Give up a repository, or a file outside of any, that takes longer.",
)
working = chain(
    click.option(
        "-j",
        "--jobs",
        type=click.IntRange(1, 1024),
        metavar="N",
        help="Work on N repositories at once.  [default: the number of processors, 8 at least "
        "where there are clone URLs]",
    ),
    click.option(
        "--per-host",
        type=click.IntRange(1, 1024),
        metavar="N",
        default=4,
        show_default=True,
        help="Open at most N connections to one host.",
    ),
    timeout,
    click.option(
        "--fresh", is_flag=True, help="Read everything again, whatever earlier runs found."
    ),
    click.option(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        callback=_scheduler,
        help="Work on the workers of a dask.distributed scheduler.",
    ),
)
selecting = chain(sourcing, bases, judging, globs, working)
strict = click.option(
    "--strict",
    is_flag=True,
    help="Exit with 3 also where a profile needs review, an affected one was left alone or is one "
    "of seccomp, there was no commit to read, or submodules and files in Git LFS were not read.",
)
seccomp = click.option(
    "--seccomp/--no-seccomp",
    default=True,
    show_default=True,
    help="Report seccomp profiles that let socket(2) open AF_ALG, too; they are never changed.",
)
proving = click.option(
    "--proof",
    type=click.Choice(["auto", "require", "off"]),
    default="auto",
    show_default=True,
    help="Prove each change by compiling it before and after: with apparmor_parser where there is "
    "one; in any case, and leave out what is not proved; not at all.",
)
_telling = chain(
    click.option("-q", "--quiet", is_flag=True, help="Print failures only."),
    click.option(
        "-v",
        "--verbose",
        count=True,
        help="Print more: in tables, also what reads as a profile and does not count, and why; -vv "
        "shows each call to git with its duration, and where errors arose.",
    ),
    click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        help="Color; auto follows NO_COLOR and FORCE_COLOR.",
    ),
    click.option(
        "--log-file",
        metavar="FILE",
        type=click.Path(path_type=str),
        help="Add to a file, with the time, what is printed on standard error, what came of each "
        "repository, what was skipped and why, and each call to git.",
    ),
)


def telling(function: _F) -> _F:
    """``--quiet``, ``--verbose``, ``--color`` and ``--log-file``."""

    @functools.wraps(function)
    def run(*arguments: Any, log_file: str | None, **chosen: Any) -> Any:
        from patcher.cli import log

        shown = click.get_current_context().command_path
        with log.kept(log_file, shown, output.tell, calls_shown=chosen["verbose"] > 1):
            return function(*arguments, **chosen)

    return _telling(cast(_F, run))


_STATUSES = ("affected", "under_investigation", "fixed", "not_affected")
showing = chain(
    click.option(
        "--only",
        multiple=True,
        type=click.Choice(_STATUSES),
        help="In the table, show profiles of this status only. May be repeated.",
    ),
    click.option(
        "--all",
        "everything",
        is_flag=True,
        help="In the table, show also profiles that are fixed or not affected.  [default: those "
        "that are affected or need review; the others are counted]",
    ),
)


def shown(style: Style, format: str, *, only: tuple[str, ...], everything: bool) -> Style:
    """The style with what `showing` gathered."""
    if everything and only:
        raise click.UsageError("--all shows every status, and --only some: leave out one of them")
    if only and format != "table":
        raise click.UsageError("--only is for tables: other formats hold every finding")
    return replace(style, shown=frozenset(_STATUSES if everything else only or style.shown))


def format_option(shown: str) -> Callable[[_F], _F]:
    """``--format``, with those in which it can be shown, and ``--output``."""
    from patcher.cli.output import into
    from patcher.reports import FORMATS

    formats = list(FORMATS[shown])
    choice = click.option(
        "--format", type=click.Choice(formats), default=formats[0], show_default=True
    )
    place = click.option(
        "--output",
        metavar="FILE",
        type=click.Path(path_type=str),
        help="Write the report there, whole or not at all.",
    )

    def decorate(function: _F) -> _F:
        @functools.wraps(function)
        def run(*arguments: Any, output: str | None, **chosen: Any) -> Any:
            with into(output):
                return function(*arguments, **chosen)

        return choice(place(cast(_F, run)))

    return decorate


def style(
    selection: Selection | None = None,
    color: str = "never",
    *,
    quiet: bool = False,
    verbose: int = 0,
    explain: bool = False,
) -> Style:
    """How a report is laid out where the output goes."""
    from patcher.reports import Style

    return Style(
        migrations=selection.migrations if selection else (),
        seccomp=selection is not None and selection.seccomp,
        at=_now(),
        narrowed=bool(selection and (selection.include or selection.exclude)),
        color=output.colored(color),
        terminal=output.is_terminal(),
        width=output.terminal_width(),
        explain=explain,
        verbose=verbose > 0,
        quiet=quiet,
    )


def _now() -> str:
    """The time, or the one that SOURCE_DATE_EPOCH names, for reports that can be made again:
    https://reproducible-builds.org/specs/source-date-epoch/"""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    seconds = int(given) if given.isascii() and given.isdigit() and len(given) < 12 else None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def report(shown: str, format: str, style: Style) -> Report:
    """What shows targets in a format."""
    from patcher.reports import renderer

    made: Report = renderer(shown, format)(style)
    return made


def confirm(question: str) -> bool:
    """Whether the user answers yes. Raises Wrong where nobody can answer."""
    from patcher import interrupts

    try:
        return click.confirm(question, err=True)
    except click.Abort:
        if interrupts.received():
            raise
        click.echo(err=True)
        raise Wrong("nobody is there to answer: use --yes") from None


def load_migrations(names: tuple[str, ...]) -> tuple[Migration, ...]:
    """The migrations that were named, or the default one, in the order of insertion."""
    from patcher.migrations import MigrationError, choose, load_migration

    try:
        return choose([load_migration(name) for name in names] or None)
    except MigrationError as error:
        raise click.UsageError(str(error)) from None


@dataclass(frozen=True, slots=True)
class Sources:
    """The repositories that were asked for."""

    words: tuple[str, ...]
    lists: tuple[str, ...]
    filters: Filters
    given: bool = True
    """Whether they were named, and are not just what lies here."""
    filtered: tuple[str, ...] = ()
    """The options that filter them, as they were written."""
    has_file: bool = False
    """Whether a campaign file may say something of single ones."""

    def ready(self, items: Iterable[Item], tally: Tally) -> Iterable[Item]:
        """The repositories as they are to be worked on."""
        if not self.has_file:
            return items
        from patcher.cli.campaignfile import with_overrides

        return with_overrides(items, tally)

    @property
    def remote(self) -> bool:
        """Whether there may be more than paths."""
        return bool(self.lists) or self.named_remote

    @property
    def named_remote(self) -> bool:
        """Whether something else than a path was named."""
        from patcher.sources import remote

        return remote(self.words, ())


def overrides(names: Collection[str]) -> tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]:
    """What a campaign file says of single repositories: for each glob the parameters among
    ``names`` with their values."""
    if click.get_current_context().default_map is None:
        return ()
    from patcher.cli import campaignfile

    return campaignfile.overrides(names)


_FILTERS = ("match", "skip", "topics", "archived", "forks", "visibility", "pushed_since")


def sources(words: tuple[str, ...], chosen: dict[str, Any]) -> Sources:
    """What `sourcing` gathered; its options are taken out of ``chosen``. No source is: here."""
    from patcher.sources import Filters, WrongSource, understood

    lists, file = chosen.pop("lists"), chosen.pop("file")
    filters = Filters(**{name: chosen.pop(name) for name in _FILTERS})
    given = bool(words or lists)
    context = click.get_current_context()
    filtered = tuple(
        f"--{name.replace('_', '-').replace('topics', 'topic')}"
        for name in _FILTERS
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    )
    try:
        words = tuple(map(understood, words))
    except WrongSource as error:
        raise Wrong(str(error)) from None
    return Sources(words if given else (".",), lists, filters, given, filtered, file is not None)


@dataclass(frozen=True, slots=True)
class Work:
    """How the work is done, which changes nothing about what comes of it."""

    jobs: int | None
    per_host: int
    timeout: float
    fresh: bool
    scheduler: str | None
    limit: int | None = None
    """Repositories that are taken; None: all."""


_WORK = ("jobs", "per_host", "timeout", "fresh", "scheduler")


def work(chosen: dict[str, Any]) -> Work:
    """What `working` gathered; its options are taken out of ``chosen``."""
    return Work(**{name: chosen.pop(name) for name in _WORK})


def steps(
    work: Work,
    selection: Selection,
    commits: Commits | None = None,
    *,
    contents: bool = False,
) -> Steps:
    """What is done with each repository."""
    from patcher.campaign.steps import Steps

    return Steps(
        selection,
        commits,
        contents=contents,
        fresh=work.fresh,
        timeout=work.timeout,
        per_host=work.per_host,
    )


def selection(
    *,
    migrations: tuple[str, ...],
    profiles: Any,
    docs: bool,
    comment: bool,
    max_size: int,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    bases: tuple[str, ...],
    proof: Any = "off",
    seccomp: bool = False,
) -> Selection:
    """What the options ask for."""
    from patcher.campaign.selection import Selection

    if "" in bases:
        raise click.UsageError("--base needs a branch, tag, commit or glob, and not an empty name")
    if proof != "off":
        from patcher.campaign.prove import Unproved, check
        from patcher.cli.output import tell

        try:
            note = check(proof)
        except Unproved as error:
            raise Failed(str(error)) from None
        if note:
            tell(note)
    if include or exclude:
        from patcher.campaign.globs import chooser

        try:
            chooser(include, exclude)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    return Selection(
        migrations=load_migrations(migrations),
        profiles=profiles,
        docs=docs,
        comment=comment,
        max_bytes=max_size,
        include=include,
        exclude=exclude,
        proof=proof,
        bases=bases,
        seccomp=seccomp,
    )

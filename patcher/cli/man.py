"""``patcher man``: manual pages, made from the help of the commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from patcher import __version__
from patcher.cli import group, groups, options

_EXIT = "Exit status: "
_FILES = """\
.SH FILES
.TP
.I patcher.yaml
A campaign file, which \\fBpatcher init\\fR writes and \\fBpatcher apply\\fR reads where it stands.
.SH ENVIRONMENT
.TP
.BR PATCHER_STATE_DIR ", " PATCHER_CACHE_DIR
Where campaigns and mirrors are kept.
.TP
.BR GITHUB_TOKEN ", " GITLAB_TOKEN ", " GITEA_TOKEN
Tokens for forges; the documentation lists the variables of each forge.
.TP
.BR NO_COLOR ", " FORCE_COLOR
Never, or always, print in color.
"""


@click.command(
    "man", cls=options.Command, short_help="Print the manual page of patcher, or of a command."
)
@click.argument("name", metavar="[COMMAND]", required=False)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write all pages there: patcher.1, patcher-scan.1 and so on. "
    "The directory is made if it does not exist.",
)
def command(name: str | None, folder: Path | None) -> int:
    """Print the manual page of patcher, or of one of its commands.

    \b
    Examples:
      patcher man | man -l -                                  read it
      patcher man apply | man -l -                            the page of a command
      patcher man --folder ~/.local/share/man/man1            have them where man finds them
    """
    if folder is not None:
        if name is not None:
            raise click.UsageError("--folder writes the pages of all commands: leave out COMMAND")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for file, text in pages().items():
                (folder / file).write_text(text, encoding="utf-8")
        except OSError as error:
            raise click.UsageError(f"--folder: {error.filename}: {error.strerror}") from None
        return 0
    if name is not None and name not in _names():
        raise click.UsageError(f"there is no command {name!r}: `patcher --help` lists them")
    click.echo(page(name), nl=False)
    return 0


def pages() -> dict[str, str]:
    """Every page, by the name of its file."""
    return {f"{_title(each)}.1": page(each) for each in (None, *_names())}


def page(name: str | None) -> str:
    """The page of a command, None: of patcher itself; for man(7) and its macros of groff."""
    top = click.Context(group, info_name="patcher", **group.context_settings)
    inner = group if name is None else group.get_command(top, name)
    assert inner is not None
    here = top if name is None else click.Context(inner, info_name=name, parent=top)
    brief = (
        "add a deny rule to vendored AppArmor profiles in git repositories"
        if name is None
        else (inner.short_help or "").rstrip(".")
    )
    title = _title(name)
    pages = [f"patcher-{each}" for each in _names()] if name is None else ["patcher"]
    lines = [
        f'.TH "{_plain(title.upper())}" "1" "" "patcher {_plain(__version__)}" "patcher"',
        ".SH NAME",
        f"{_plain(title)} \\- {_plain(brief[:1].lower() + brief[1:])}",
        *_commands(inner, here),
        *_statuses(top),
        *(_FILES.rstrip("\n").split("\n") if name is None else ()),
        ".SH SEE ALSO",
        *(f".BR {_plain(each)} (1)," for each in pages),
        ".BR apparmor.d (5)",
    ]
    return "\n".join(lines) + "\n"


def _names() -> list[str]:
    return group.list_commands(click.Context(group))


def _title(name: str | None) -> str:
    return "patcher" if name is None else f"patcher-{name}"


def _commands(command: click.Command, here: click.Context) -> Iterator[str]:
    """Usage, description and options of a command; then those of its own commands."""
    yield ".SH SYNOPSIS"
    yield f".B {_plain(here.command_path)}"
    yield _plain(" ".join(command.collect_usage_pieces(here)))
    yield ".SH DESCRIPTION"
    yield from _text(command.help)
    yield from _options(command, here, ".SH")
    if isinstance(command, click.Group):
        yield ".SH COMMANDS"
        for each in command.list_commands(here):
            inner = command.get_command(here, each)
            assert inner is not None
            if here.parent is None:
                yield ".TP"
                yield f".BR {_plain(f'patcher-{each}')} (1)"
                yield from _filled(inner.short_help)
                continue
            below = click.Context(inner, info_name=each, parent=here)
            yield f".SS {_plain(' '.join([each, *inner.collect_usage_pieces(below)]))}"
            yield from _text(inner.help, ".PP")
            yield from _options(inner, below, "")
    yield from _text("".join((command.epilog or "").partition("\b\n")[1:]))


def _options(command: click.Command, here: click.Context, heading: str) -> Iterator[str]:
    for title, rows in groups.grouped(command, here).items():
        if heading:
            yield f".SH {_plain(title.upper())}"
        for names, meaning in rows:
            yield ".TP"
            yield f".B {_plain(names)}"
            yield from _filled(meaning)


def _statuses(top: click.Context) -> Iterator[str]:
    text = " ".join((group.epilog or "").partition("\n\n")[0].split())
    assert text.startswith(_EXIT)
    yield ".SH EXIT STATUS"
    for each in re.split(r"; (?=\d )", text.removeprefix(_EXIT).rstrip(".")):
        status, _, meaning = each.partition(" ")
        yield ".TP"
        yield f".B {status}"
        yield _plain(meaning)


def _text(help_text: str | None, heading: str = ".SH") -> Iterator[str]:
    """Paragraphs; what click does not fill stands as it is, below a heading of its own."""
    for paragraph in cleandoc(help_text or "").split("\n\n"):
        first, _, rest = paragraph.partition("\n")
        if first == "\b":
            head, _, lines = rest.partition("\n")
            if head.endswith(":") and not head.startswith(" "):
                yield from (
                    (heading, _plain(head))
                    if heading == ".PP"
                    else (f".SH {_plain(head[:-1].upper())}",)
                )
                rest = lines
            yield ".nf"
            yield from map(_plain, cleandoc(rest).split("\n"))
            yield ".fi"
        elif paragraph:
            yield ".PP"
            yield from _filled(paragraph)


def _filled(text: str | None) -> Iterator[str]:
    yield _plain(" ".join((text or "").split()))


def _plain(text: str) -> str:
    """Text that no line of which is a request, and no part an escape."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    escaped = escaped.replace("'", "\\(aq").replace("`", "\\(ga").replace("^", "\\(ha")
    escaped = escaped.replace("~", "\\(ti")
    return f"\\&{escaped}" if escaped.startswith(".") else escaped

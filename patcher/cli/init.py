"""``patcher init``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from patcher.campaignfile import NAME, known
from patcher.campaignfile.schema import FILE
from patcher.campaignfile.schema import options as keys
from patcher.cli import campaignfile, errors
from patcher.cli.apply import ApplyCommand
from patcher.cli.apply import command as apply
from patcher.git.errors import GitError

_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_META = "patcher.init"


class _InitCommand(ApplyCommand):
    """Keeps the options as they were written."""

    def _takes_file(self, ctx: click.Context, args: list[str]) -> bool:
        ctx.meta[_META] = campaignfile.given(ctx, args) or {}
        return False


@click.command(
    "init", cls=_InitCommand, short_help="Write a campaign file, patcher.yaml, for apply."
)
@click.option(
    "--file",
    default=NAME,
    show_default=True,
    metavar="FILE",
    type=click.Path(path_type=str),
    help="The file to write.",
)
@click.option("--force", is_flag=True, help="Overwrite the file if it exists.")
@click.option(
    "--update",
    is_flag=True,
    help="Put what is said here into the file that is there; what else stands in it stays.",
)
@click.option("--schema", is_flag=True, help="Print the file's JSON Schema, for editors.")
def command(file: str, force: bool, update: bool, schema: bool, **_: Any) -> None:
    """Write a campaign file with a comment for each key: `patcher apply` does what it says.

    SOURCE and the options are those of `patcher apply`, and what is said here stands in the file.
    Without a SOURCE it is the current folder.

    \b
    Examples:
      patcher init --base main --base 'release/*' github:acme && patcher apply --dry-run
      patcher init --update --push
      patcher init --schema > patcher.schema.json
    """
    from patcher.campaignfile import reading, writing
    from patcher.cli.output import into, tell, write

    if schema:
        click.echo(FILE.read_text("utf-8"), nl=False)
        return
    values = _values(click.get_current_context(), file)
    there = os.path.lexists(file)
    if there and not (force or update):
        raise errors.Wrong(
            f"{file} is there already, and was not touched: `patcher apply` runs it; --update puts "
            "what is said here into it, and --force overwrites it"
        )
    try:
        if update:
            before = reading.content(file)
            reading.read(file, before)
            text = writing.updated(before, values)
        else:
            text = writing.text(_beginning(file, values))
        campaignfile.check_sources(reading.read(file, text))
    except reading.WrongFile as error:
        raise errors.Wrong(str(error)) from None
    with into(file, "--file"):
        write(text.encode("utf-8"))
    try:
        if not update:  # which leaves what others wrote
            known.remember(file)
        tell(f"{file} {'has that now' if update else 'is written'}: {_next(file)}")
    except GitError as error:
        raise errors.Failed(str(error)) from None


_KNOWN = {option for option, _, _ in keys()}
command.params[:0] = [
    param for param in apply.params if param.name == "paths" or _KNOWN & set(param.opts)
]


def _values(ctx: click.Context, file: str) -> dict[str, Any]:
    """What was said, by the keys of the file."""
    given: Mapping[str, Any] = ctx.meta[_META]
    params = {opt: param for param in ctx.command.params for opt in param.opts}
    params["SOURCE"] = params["paths"]
    values = {}
    for option, key, part in keys():
        name = params[option].name or ""
        if given.get(name) in (None, [], ()):
            continue
        value: Any = given[name]
        if isinstance(value, list | tuple):
            value = list(value)
        elif part.get("type") in ("integer", "number"):
            number = ctx.params[name]
            value = int(number) if number == int(number) else number
        elif value == "" and "boolean" in part.get("type", ()):
            value = True  # as of the option without its value
        values[key] = _from(value, option, file) if part.get("x-path") else value
    return values


def _from(value: Any, option: str, file: str) -> Any:
    """Paths as they are from the file's folder, where that is another one."""
    if not os.path.dirname(file):  # noqa: PTH120
        return value
    words = value if isinstance(value, list) else [value]
    words = [campaignfile.located(word, option, os.getcwd()) for word in words]  # noqa: PTH109
    return words if isinstance(value, list) else words[0]


def _beginning(file: str, values: dict[str, Any]) -> dict[str, Any]:
    """The values, with those that no campaign does without."""
    if not ({"sources", "lists"} & set(values)):
        values = {"sources": _from(["."], "SOURCE", file), **values}
    return values if "campaign" in values else {"campaign": _name(file), **values}


def _name(file: str) -> str:
    """A name for the campaign that none has yet: that of the file's folder."""
    from patcher.campaign.database import open_database
    from patcher.campaign.ledger import Ledger
    from patcher.campaign.trouble import LedgerError

    folder = Path(os.path.abspath(file)).parent.name  # noqa: PTH100 - a link in it stays one
    name = _NO_NAME.sub("-", folder).strip("._-")[:90] or "campaign"
    try:
        with open_database() as database:
            taken = set(Ledger(database).names())
    except LedgerError as error:
        raise errors.Failed(str(error)) from None
    more = (f"{name}-{number}" for number in range(2, len(taken) + 3))
    return next(each for each in (name, *more) if each not in taken)


def _next(file: str) -> str:
    unasked = file == NAME and not known.why_not(file)
    named = "" if unasked else f" --file {file}"
    return (
        f"`patcher apply --dry-run{named}` shows what it does, and `patcher apply{named}` does it"
    )

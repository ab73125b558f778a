"""The next command, with the arguments of this one."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime

import click
from click.core import ParameterSource

_ABOUT_THE_REPORT = frozenset(
    ("format", "output", "explain", "strict", "quiet", "verbose", "color", "log_file", "dry_run")
)


def commands() -> tuple[str, str, str]:
    """`diff`, and `apply` without and with ``--push``, as they show and commit what this command
    saw."""
    context = click.get_current_context()
    own = list(_words(context, frozenset()))
    shown = own
    if context.info_name == "apply":
        from patcher.cli.diff import command

        shown = list(_words(context, frozenset(param.name or "" for param in command.params)))
    pushed = own if "--push" in own else ["--push", *own]
    return _line("diff", shown), _line("apply", own), _line("apply", pushed)


def _words(context: click.Context, known: frozenset[str]) -> Iterator[str]:
    """The words of the command line that say what is looked at; ``known``: those of these
    parameters alone, if there are some."""
    last: list[str] = []
    for param in context.command.params:
        name = param.name or ""
        said = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not said or name in _ABOUT_THE_REPORT or (known and name not in known):
            continue
        value = context.params[name]
        values = [_text(each) for each in (value if isinstance(value, tuple) else (value,))]
        if isinstance(param, click.Argument):
            last += values
            continue
        option = max(param.opts, key=len)
        for each in values:
            if isinstance(param, click.Option) and param.is_flag:
                yield option
            elif option in ("--sign", "--auto-merge", "--fork"):
                yield f"{option}={each}" if each else option
            else:
                yield from (option, each)
    if any(word.startswith("-") for word in last):
        yield "--"
    yield from last


def _text(value: object) -> str:
    """A value as it may be written; without a password, which is asked for again."""
    from patcher.text import without_secret

    if isinstance(value, datetime):
        return value.isoformat()
    text = str(value)
    return without_secret(text) if "://" in text else text


def _line(command: str, words: list[str]) -> str:
    return shlex.join([command, *words])

"""What ``--help`` prints."""

from __future__ import annotations

import re

import click
import pytest
from click.testing import CliRunner

from patcher.cli import group

COMMANDS = [name for name in group.list_commands(click.Context(group)) if name not in ("cache",)]
MANY = 8


def shown(*arguments: str, width: int = 80) -> str:
    result = CliRunner().invoke(group, [*arguments, "--help"], terminal_width=width)
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_stands_under_one_heading(name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    text = shown(name)
    text = text[text.index("\n\n", text.rindex("Examples:") if "Examples:" in text else 0) :]
    options = [each for each in command.params if isinstance(each, click.Option)]
    for option in options:
        pattern = rf"^  (?:-\w, )?{re.escape(max(option.opts, key=len))}(?![\w-])"
        assert len(re.findall(pattern, text, re.MULTILINE)) == 1, option.name
    if len(options) >= MANY and name != "init":
        assert "\nOptions:" not in text, "an option without a group"
        assert "\nOutput:" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_come_before_the_options(name: str) -> None:
    text = shown(name)
    heading = re.search(r"^\w[\w ]+:$", text, re.MULTILINE)
    assert heading is not None
    if "Examples:" in text:
        assert text.index("Examples:") < heading.start()

"""Write ``docs/reference/commands.md``: the help of every command, as the code has it.

python docs/commands.py
"""

from __future__ import annotations

from pathlib import Path

import click

from patcher.cli import group

PAGE = Path(__file__).resolve().parent / "reference/commands.md"


def main() -> None:
    parts = ["# Commands\n", "What `--help` prints.\n", *pages(group, "patcher", None)]
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def pages(command: click.Command, name: str, parent: click.Context | None) -> list[str]:
    """The page of a command, and those of its own commands."""
    context = click.Context(command, info_name=name, parent=parent, terminal_width=88)
    found = [f"## {context.command_path}\n", f"```text\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            inner = command.get_command(context, each)
            assert inner is not None
            found += pages(inner, each, context)
    return found


if __name__ == "__main__":
    main()

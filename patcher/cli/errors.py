"""Errors of a command that are one line."""

from __future__ import annotations

from typing import IO, Any

import click

from patcher.cli import FAILED


class Failed(click.ClickException):
    """What was asked for cannot be done here: one line."""

    exit_code = FAILED

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it on standard error, like other failures."""
        from patcher.cli.output import tell

        tell(self.message)


class Wrong(Failed):
    """The user named something that is not there: one line, without the usage of the command."""

    exit_code = 2

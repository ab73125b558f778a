"""``--interactive``: each change is shown and asked about, at the terminal."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from patcher.campaign.asking import Decision, Quit
from patcher.cli.errors import Wrong
from patcher.cli.output import tell

if TYPE_CHECKING:
    from patcher.reports import Style
    from patcher.results import Target

_HELP = """\
y  commit this
n  leave it; a campaign does not ask again, unless with --retry all
a  commit this, and all that follow
q  end here: nothing more is done
e  edit the commit message, and commit this
s  leave this repository, with its other bases
"""


class TerminalAsker:
    """Asks on standard error, and reads standard input. Raises Wrong where they are no
    terminal."""

    def __init__(self, style: Style, color: str) -> None:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise Wrong(
                "--interactive asks at a terminal, and standard input and standard error are none: "
                "leave it out, or see the changes with `patcher diff`"
            )
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "") == "dumb"
        colored = color == "always" or (color == "auto" and not plain)
        self._style = replace(
            style, color=colored, terminal=True, explain=True, quiet=False, applied=False
        )
        self._takes_all = False
        self._left = ""
        """The repository that is left alone with all its bases."""

    def __call__(self, target: Target, message: str | None) -> Decision:
        """As `patcher.campaign.asking.Asker`."""
        from patcher.git.limits import waiting

        if self._takes_all:
            return Decision(True)
        if target.repository == self._left:
            return Decision(False)
        self._show(target)
        try:
            with waiting():  # a person is not the repository's time
                return self._answer(target, message)
        except (KeyboardInterrupt, Quit):
            click.echo(err=True)
            raise

    def _show(self, target: Target) -> None:
        from patcher.reports import diff, table

        shown = replace(target, branch=None)  # which the question names
        click.echo(table.Report(self._style).target(shown), nl=False, err=True)
        report = diff.Report(self._style)
        report.target(target)
        click.echo(report.rest(), nl=False, err=True)

    def _answer(self, target: Target, message: str | None) -> Decision:
        keys = "y,n,a,q,e,s,?" if message is not None else "y,n,a,q,s,?"
        while True:
            click.echo(f"Commit this on {target.branch}? [{keys}] ", nl=False, err=True)
            line = sys.stdin.readline()
            answer = line.strip().lower()
            if answer == "q" or not line:
                raise Quit
            if answer in ("y", "yes"):
                return Decision(True)
            if answer in ("n", "no"):
                return Decision(False)
            if answer == "a":
                self._takes_all = True
                return Decision(True)
            if answer == "s":
                self._left = target.repository
                return Decision(False)
            if answer == "e" and message is not None:
                edited = _edited(message)
                if edited is not None:
                    return Decision(True, edited)
            else:
                click.echo(_HELP, nl=False, err=True)


def _edited(message: str) -> str | None:
    """The message as the user's editor leaves it; None where it is not to be used."""
    try:
        edited = click.edit(message, extension=".txt")
    except click.ClickException as error:
        tell(f"{error.message}: set EDITOR")
        return None
    if edited is None or not edited.strip():
        tell("the message was not saved, or is empty: nothing is committed yet")
        return None
    return edited

"""What commands write: pieces of a report, and lines on standard error."""

from __future__ import annotations

import click

from patcher.text import printable


def tell(text: str) -> None:
    """A line on standard error, whatever stands in ``text``."""
    click.echo(f"patcher: {printable(text)}", err=True)


def write(piece: bytes) -> None:
    """A piece of the report on standard output."""
    if piece:
        click.echo(piece, nl=False)

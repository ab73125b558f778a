"""What commands write: pieces of a report, and lines on standard error."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import IO

import click

from patcher.cli import log
from patcher.text import printable

_NARROW = 60

_file: IO[bytes] | None = None
"""Where the report goes; None: to standard output."""
_name = ""
"""What the user calls it, after the option that named it."""


def tell(text: str) -> None:
    """A line on standard error, whatever stands in ``text``; and in the log."""
    log.line(text)
    click.echo(f"patcher: {printable(text)}", err=True)


def write(piece: bytes, *, err: bool = False) -> None:
    """A piece of the report. ``err``: standard output is for something else."""
    if not piece:
        return
    if _file is not None:
        with _told():
            _file.write(piece)
    else:
        click.echo(piece, nl=False, err=err)


def is_terminal() -> bool:
    """Whether a terminal shows the report."""
    return _file is None and sys.stdout.isatty()


def colored(color: str) -> bool:
    """Whether standard output takes color."""
    if color != "auto":
        return color == "always"
    if os.environ.get("NO_COLOR"):  # https://no-color.org
        return False
    forced = os.environ.get("FORCE_COLOR", "")  # https://force-color.org
    if forced not in ("", "0"):
        return _file is None
    return is_terminal() and os.environ.get("TERM", "") != "dumb"


def terminal_width() -> int | None:
    """Columns of the terminal that standard output is; None where it is none, or too narrow for
    columns."""
    if not is_terminal():
        return None
    import shutil

    width = shutil.get_terminal_size().columns
    return width if width >= _NARROW else None


@contextlib.contextmanager
def into(name: str | None, option: str = "--output") -> Iterator[None]:
    """Within it, the report goes to a file of this name: it stands there when all is written, and
    what was there before stays where something ends the command earlier. None, ``-``: standard
    output. ``option``: the one that named it."""
    global _file, _name
    if name is None or name == "-":
        yield
        return
    from patcher.campaign.replace import make_temporary

    above, last = os.path.split(os.path.abspath(name))  # noqa: PTH100 - a link in it stays one
    folder = -1
    try:
        if os.path.exists(name) and not os.path.isfile(name):  # noqa: PTH110, PTH113
            raise IsADirectoryError(0, "is not a regular file")
        folder = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        new, descriptor = make_temporary(last, folder)
    except OSError as error:
        if folder >= 0:
            os.close(folder)
        raise click.UsageError(f"{option} {name}: {error.strerror}") from None
    try:
        with open(descriptor, "wb") as stream:  # noqa: PTH123 - a descriptor, not a path
            _file, _name = stream, f"{option} {name}"
            try:
                yield
            finally:
                _file = None
            with _told():
                mask = os.umask(0)
                os.umask(mask)
                os.fchmod(descriptor, 0o666 & ~mask)
                stream.flush()
                os.fsync(descriptor)
                os.rename(new, last, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new, dir_fd=folder)
        os.close(folder)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{_name}: {error.strerror}") from None

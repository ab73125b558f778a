"""What commands write: pieces of a report, and lines on standard error."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

import click

from patcher.cli import log
from patcher.text import printable

if TYPE_CHECKING:
    import subprocess

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


def pager() -> str | None:
    """The command that shows pages, as the user's environment has it and git takes it from there:
    ``GIT_PAGER``, ``PAGER``, else less; None: there is none. What a repository configures does not
    count."""
    import shutil

    for name in ("GIT_PAGER", "PAGER"):
        if (given := os.environ.get(name)) is not None:
            return None if given.strip() in ("", "cat") else given
    return shutil.which("less")


@contextlib.contextmanager
def paged(*, wanted: bool = True) -> Iterator[None]:
    """Within it, what a terminal would show goes through the user's pager."""
    command = pager() if wanted and is_terminal() else None
    if command is None:
        yield
        return
    import subprocess

    sys.stdout.flush()
    # As git sets them: leave what fits on a screen, show colors, do not clear.
    env = {"LESS": "FRX", "LV": "-c", **os.environ}
    # The user's own words, for a shell, as git takes them.
    with subprocess.Popen(["sh", "-c", command], stdin=subprocess.PIPE, env=env) as process:
        assert process.stdin is not None
        terminal = os.dup(sys.stdout.fileno())
        os.dup2(process.stdin.fileno(), sys.stdout.fileno())
        process.stdin.close()
        try:
            try:
                yield
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            # What is left of it must not come out when the program ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.stdout.flush()
            raise
        finally:
            os.dup2(terminal, sys.stdout.fileno())
            os.close(terminal)
            _see_out(process)


def _see_out(process: subprocess.Popen[bytes]) -> None:
    """Wait until the user leaves the pager, which Ctrl-C does not end."""
    while True:
        try:
            process.wait()
            return
        except KeyboardInterrupt:
            continue


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

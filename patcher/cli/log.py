"""What a run did, for whoever wants to know more: lines of ``--log-file``, and of ``-vv``."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from patcher import __version__
from patcher.git import calls
from patcher.text import printable, without_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from patcher.results import Target
    from patcher.sources.found import Found

_FLAGS = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_APPEND
    | os.O_NOFOLLOW
    | os.O_NONBLOCK
    | os.O_NOCTTY
    | os.O_CLOEXEC
)
"""A symbolic link in the place of the file is not followed, and a pipe there is not waited for."""


class _LogFile:
    """A file that grows by lines, from any thread."""

    def __init__(self, name: str) -> None:
        self.name, self.fault = name, ""
        self._lock = threading.Lock()
        try:
            self._descriptor = os.open(name, _FLAGS, 0o600)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is no name of a file"
            raise click.UsageError(f"--log-file {name}: {reason}") from None
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            os.close(self._descriptor)
            raise click.UsageError(f"--log-file {name}: is not a regular file")

    def line(self, text: str) -> None:
        """Add a line with the time; the first failure ends the log."""
        now = time.time()
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        whole = f"{at}.{int(now * 1000) % 1000:03}Z {printable(without_secrets(text))}\n"
        left = whole.encode("utf-8", "replace")
        with self._lock:
            try:
                while left and not self.fault:
                    left = left[os.write(self._descriptor, left) :]
            except OSError as error:
                self.fault = error.strerror or "cannot be written"

    def close(self) -> None:
        with self._lock:
            self.fault = self.fault or "is closed"
            os.close(self._descriptor)


_file: _LogFile | None = None


def line(text: str) -> None:
    """Add a line to the log, where there is one."""
    if _file is not None:
        _file.line(text)


@contextlib.contextmanager
def kept(
    name: str | None, command: str, tell: Callable[[str], None], *, calls_shown: bool
) -> Iterator[None]:
    """Within it, a file of this name gets what the command does. ``calls_shown``: ``tell`` gets
    each call to git."""
    global _file
    if name is None and not calls_shown:
        yield
        return

    def follow(call: calls.Call) -> None:
        text = _words(call)
        if calls_shown:
            with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
                tell(text)
        else:
            line(text)

    _file = log = None if name is None else _LogFile(name)
    line(f"patcher {__version__}: {command}")
    calls.followers.append(follow)
    try:
        yield
        line("ended")
    except click.ClickException as error:
        line(f"ended: {error.format_message()}")
        raise
    except BaseException as error:
        line(f"broken off: {type(error).__name__}: {error}")
        raise
    finally:
        calls.followers.remove(follow)
        _file = None
        if log is not None:
            fault = log.fault
            log.close()
            if fault:
                tell(f"--log-file {log.name}: {fault}: the log is not whole")


def _words(call: calls.Call) -> str:
    where = f" in {call.place}" if call.place else ""
    status = call.status or 0
    ended = f", exit status {status}" if status > 0 else f", signal {-status}" if status else ""
    return f"git {call.command}{where}: {call.seconds * 1000:.0f} ms{ended}"


class LogWatch:
    """Writes to the log what comes of each repository."""

    def warn(self, problem: str) -> None:
        """As `Watch` says; what is worth knowing is printed, and so in the log."""

    def begin(self, found: Found) -> None:
        """As `Watch` says."""
        from patcher.campaign.steps import place

        if _file is not None:
            line(f"{place(found)}: begun")

    def done(self, found: Found, targets: Sequence[Target]) -> None:
        """As `Watch` says."""
        for target in targets if _file is not None else ():
            _log(target)


def _log(target: Target) -> None:
    where = " ".join(filter(None, (target.repository, target.base)))
    status = target.status.value if target.status is not None else "no status"
    facts = [target.outcome.value, status, f"{len(target.files)} files to change"]
    facts += filter(None, (target.error, target.note))
    line(f"{where}: {', '.join(facts)}")
    for path, dropped in target.dropped:
        name = path.decode("utf-8", "surrogateescape")
        line(f"{where}: {name}:{dropped.line}: {dropped.profile or '-'} skipped: {dropped.reason}")

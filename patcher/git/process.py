"""Git processes: started here and nowhere else, with bounds on time, memory and output."""

from __future__ import annotations

import contextlib
import io
import os
import select
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from patcher import interrupts
from patcher.git import calls
from patcher.git.door import PIPE, start
from patcher.git.environment import program
from patcher.git.errors import BoundExceeded, GitError, GitFailed, GitTimeout
from patcher.git.limits import TIMEOUT, time_left, watching_waits
from patcher.text import printable, without_secrets

MOST_ERRORS = 1 << 20
"""Bytes of git's standard error that are kept, the first ones; a repository or a server can have it
write without end."""

OUTPUT_LIMIT = 64 << 20
"""Bytes that one call to `run` may write to its standard output."""

MEMORY_LIMIT = 256 << 20
"""Bytes of private memory for a git process that reads a repository (``RLIMIT_DATA``).

Searching moby/moby takes 75 MB, most of it the mapped pack, which does not count. A blob or delta
that unpacks to a gigabyte fails to allocate instead.
"""

_LIMITED = ("/bin/sh", "-c", 'ulimit -d "$0"; exec "$@"')
"""Limits the memory of a git before it runs: what it starts meanwhile (``git-upload-pack`` for
``file://``) would have no limit, if that came when it is under way already."""

_PAUSE = 0.05
"""Seconds between two looks at whether git has ended."""

_PATIENCE = 2.0
"""Seconds that patcher's end waits for processes that are being started."""


class Watchdog:
    """One thread that ends every git process that outlives its time limit."""

    def __init__(self) -> None:
        lock = threading.RLock()
        self._changed = threading.Condition(lock)
        self._started = threading.Condition(lock)
        self._deadlines: dict[Process, float] = {}
        self._paused: dict[Process, float] = {}
        """Those of threads that are in `waiting`."""
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self._over = False
        self._starting = 0

    @contextlib.contextmanager
    def starting(self, ends: bool) -> Iterator[None]:
        """Within it a process is started and watched: patcher's end waits for that. One that
        ``ends`` with patcher is not started once that ends. Raises `GitError`."""
        with self._changed:
            if ends and self._over and self._pid == os.getpid():
                raise GitError("patcher was interrupted")
            self._starting += 1
        try:
            yield
        finally:
            with self._changed:
                self._starting -= 1
                self._started.notify_all()

    def watch(self, process: Process, seconds: float) -> None:
        with self._changed:
            if self._over and self._pid == os.getpid():
                self._end(process)
            deadline = time.monotonic() + seconds
            soonest = min(self._deadlines.values(), default=None)
            self._deadlines[process] = deadline
            if self._thread is None or self._pid != os.getpid():
                self._pid = os.getpid()
                self._thread = threading.Thread(
                    target=self._guard, name="git time limit", daemon=True
                )
                self._thread.start()
            elif soonest is None or deadline < soonest:
                self._changed.notify()

    def forget(self, process: Process) -> None:
        with self._changed:
            self._deadlines.pop(process, None)
            self._paused.pop(process, None)

    def pause(self, seconds: float | None) -> None:
        """No time passes for the processes of this thread, from None on until it is called with the
        seconds that it took."""
        thread = threading.get_ident()
        with self._changed:
            before, after = self._deadlines, self._paused
            if seconds is not None:
                before, after = after, before
            for process in [each for each in before if each.thread == thread]:
                after[process] = before.pop(process) + (seconds or 0)
            self._changed.notify()

    def _guard(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for process, deadline in list(self._deadlines.items()):
                    if deadline <= now:
                        del self._deadlines[process]
                        process.timed_out = True
                        process.kill()
                soonest = min(self._deadlines.values(), default=None)
                self._changed.wait(None if soonest is None else max(0.0, soonest - now))

    def end_readers(self) -> None:
        """End what still searches, fetches or pushes when patcher ends, and what threads that are
        cut off would still begin."""
        if self._pid == os.getpid():
            with self._changed:
                self._over = True
                self._started.wait_for(lambda: not self._starting, _PATIENCE)
                left = [*self._deadlines, *self._paused]
            for process in left:
                self._end(process)

    def _end(self, process: Process) -> None:
        if process.reads or process.session:
            process.kill()


_watchdog = Watchdog()
interrupts.at_end(_watchdog.end_readers)
watching_waits.append(_watchdog.pause)


@contextlib.contextmanager
def _blocked() -> Iterator[None]:
    """What is started within never gets the signals that end patcher."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, interrupts.SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Process:
    """A running git with pipes for its input and output. Leaving the ``with`` block ends it.

    With ``session`` it has no terminal, so nothing that it starts (ssh) can ask there, and all that
    it started ends with it. ``memory`` and ``file_size`` are bytes that it and what it starts may
    take of memory and write to one file. What only ``reads`` is ended when patcher ends.

    Ctrl-C goes to every process there, and would make a failure of what is about to be broken off,
    and leave git's lock file if it comes in the moment after that was made. So it does not reach
    git, which ends by its task, by `close`, or by the end of its pipes, unless ``signals`` says so.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str],
        *,
        stdin: int = PIPE,
        timeout: float = TIMEOUT,
        memory: int | None = None,
        file_size: int | None = None,
        pass_fds: Sequence[int] = (),
        session: bool = False,
        signals: bool = False,
        reads: bool = True,
    ) -> None:
        self.arguments = arguments
        self.thread = threading.get_ident()
        self.timeout = time_left(timeout)
        self.session = session
        self.timed_out = False
        self._place = calls.place_of(arguments, env) if calls.followers else ""
        self._started = time.monotonic()
        self._is_closed = False
        self._errors = bytearray()
        self.reads = reads
        with _watchdog.starting(reads or session):
            self._start(env, stdin, pass_fds, signals, memory)
            if memory is not None:
                limit_memory(self.child.pid, memory)
            if file_size is not None:
                limit_file_size(self.child.pid, file_size)
            _watchdog.watch(self, self.timeout)

    def _start(
        self,
        env: Mapping[str, str],
        stdin: int,
        pass_fds: Sequence[int],
        signals: bool,
        memory: int | None,
    ) -> None:
        command = [program(), *self.arguments]
        if self.session and memory is not None:
            command = [*_LIMITED, str(memory >> 10), *command]
        try:
            with contextlib.nullcontext() if signals or self.session else _blocked():
                self.child = start(
                    command, env, stdin=stdin, pass_fds=pass_fds, session=self.session
                )
        except OSError as error:
            raise GitError(f"git could not be started: {error.strerror or error}") from error
        self._error_pipe = [cast(io.FileIO, cast(io.BufferedReader, self.child.stderr).raw)]
        """Without its end."""

    def limit(self, seconds: float) -> None:
        """Give git so many seconds from now."""
        self.timeout = time_left(seconds)
        _watchdog.watch(self, self.timeout)

    @property
    def stdin(self) -> io.FileIO:
        """git's standard input, without a buffer."""
        return cast(io.FileIO, cast(io.BufferedWriter, self.child.stdin).raw)

    @property
    def stdout(self) -> io.FileIO:
        """git's standard output, without a buffer."""
        return cast(io.FileIO, cast(io.BufferedReader, self.child.stdout).raw)

    def has_output(self, seconds: float | None = None) -> bool:
        """Wait for git's output, or its end, and return whether it came within so many seconds.

        What git writes to its standard error meanwhile is kept: else a repository with a million
        errors would block it on a full pipe.
        """
        while True:
            pipes = [self.stdout, *self._error_pipe]
            readable = _readable(pipes, seconds)
            if self.stdout in readable or not readable:
                return bool(readable)
            self._keep_errors()

    def output(self, limit: int = OUTPUT_LIMIT) -> bytes:
        """git's standard output, to its end. Raises `GitError` where that is over the limit."""
        pieces = []
        size = 0
        while self.has_output() and (piece := self.stdout.read(1 << 16)):
            size += len(piece)
            if size > limit:
                raise BoundExceeded(
                    f"git {self.arguments_shown()} wrote more than its limit of {limit} bytes"
                )
            pieces.append(piece)
        return b"".join(pieces)

    def errors(self) -> bytes:
        """What git wrote to its standard error until it ended, of which the first ``MOST_ERRORS``
        bytes are kept."""
        return bytes(self._errors)

    def _keep_errors(self) -> None:
        piece = self._error_pipe[0].read(1 << 16)
        if not piece:
            self._error_pipe = []
        else:
            self._errors += piece[: MOST_ERRORS - len(self._errors)]

    def wait(self) -> int:
        """git's exit status, once it has ended."""
        # Something that git started may keep its standard error.
        while self.child.poll() is None and self._error_pipe:
            if _readable(self._error_pipe, _PAUSE):
                self._keep_errors()
        status = self.child.wait()
        while len(self._errors) < MOST_ERRORS and _readable(self._error_pipe, 0):
            self._keep_errors()
        _watchdog.forget(self)
        if self.timed_out:
            time_left()
            raise GitTimeout(f"git {self.arguments_shown()} took longer than {self.timeout:g} s")
        return status

    def arguments_shown(self) -> str:
        """The git command's name, without its arguments (they may hold secrets or strange
        names)."""
        return next((word for word in self.arguments if not word.startswith("-")), "")

    def failure(self, status: int) -> GitFailed:
        """The error that says how this call failed."""
        stderr = self.errors()
        return GitFailed(
            f"git {self.arguments_shown()} failed: {last_words(stderr) or f'exit status {status}'}",
            status,
            stderr,
        )

    def kill(self) -> None:
        """End git at once, and with a session of its own all that it started."""
        if self.session and self.child.returncode is None:
            with contextlib.suppress(OSError):
                os.killpg(self.child.pid, signal.SIGKILL)
        self.child.kill()

    def close(self) -> None:
        """End git, whatever it is doing, and leave nothing open."""
        status = self.child.poll()
        if status is None:  # else a closed pipe might end git alone
            self.kill()
            self.child.wait()
        elif self.session and self.child.returncode:
            with contextlib.suppress(OSError):
                os.killpg(self.child.pid, signal.SIGKILL)  # no other group has that number yet
        for pipe in (self.child.stdin, self.child.stdout, self.child.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        _watchdog.forget(self)
        if calls.followers and not self._is_closed:
            seconds = time.monotonic() - self._started
            call = calls.Call(self.arguments_shown(), self._place, seconds, status)
            for follow in calls.followers:
                follow(call)
        self._is_closed = True

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _readable(pipes: Sequence[io.FileIO], seconds: float | None) -> list[io.FileIO]:
    """Those with something to read, or at their end, which are waited for."""
    if not pipes:
        return []
    poll = select.poll()
    for pipe in pipes:
        poll.register(pipe, select.POLLIN)
    ready = dict(poll.poll(None if seconds is None else seconds * 1000))
    return [pipe for pipe in pipes if pipe.fileno() in ready]


def spool(content: bytes = b"") -> int:
    """A nameless file that holds ``content``, as a descriptor at its start."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("patcher")
    else:  # not Linux
        import tempfile

        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def limit_memory(pid: int, size: int) -> None:
    """Limit the private memory of another process. A system that cannot is left as it is."""
    _limit(pid, "RLIMIT_DATA", size)


def limit_file_size(pid: int, size: int) -> None:
    """Limit what another process and those that it starts may write to one file."""
    _limit(pid, "RLIMIT_FSIZE", size)


def most_file_size(size: int) -> int:
    """``size``, or what this process may write to one file, where that is less."""
    import resource

    own, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return size if own == resource.RLIM_INFINITY else min(size, own)


def _limit(pid: int, name: str, size: int) -> None:
    try:
        import resource

        resource.prlimit(pid, getattr(resource, name), (size, size))
    except (ImportError, AttributeError, OSError, ValueError):
        return


# What git says last when it cannot write; why comes before it.
_SUMMARY = frozenset((b"fatal: failed to write object", b"fatal: failed to write commit object"))


def last_words(stderr: bytes) -> str:
    """The line of git's error output that says why, printable, without passwords."""
    lines = [line for line in stderr.split(b"\n") if line.strip()]
    telling = [line for line in lines if line.startswith((b"fatal:", b"error:"))]
    telling = [line for line in telling if line not in _SUMMARY] or telling
    if not lines:
        return ""
    line = (telling or lines)[-1]
    text = line.decode("utf-8", "replace").removeprefix("fatal: ").removeprefix("error: ")
    return printable(without_secrets(text)[:500])

"""The one door to git: every git process starts here, and nothing of a repository runs.

What is done to each call, and why:

- The command is an explicit list of arguments; no shell. The repository is named by an explicit
  ``--git-dir`` (or ``GIT_DIR``), and the working directory is ``/``.
- Every inherited ``GIT_*`` variable is dropped, and the system's and the user's configuration are
  not read; what may be wanted of them (identity, signing, credentials) is read by
  `user_configuration` and passed on purpose.
- The repository's own configuration may name programs (hooks, fsmonitor, pagers, credential
  helpers, gpg): each such key is overridden through ``GIT_CONFIG_COUNT``, which wins over files.
- No transport is allowed (``GIT_ALLOW_PROTOCOL=``), so a partial clone cannot fetch what it lacks
  by a command that its configuration names.
- Time, output and memory are limited.

GitPython's own runner merges the whole environment of the process into each call, and there is no
argument that removes an inherited ``GIT_DIR`` or ``GIT_EXEC_PATH``; that is why processes are
started with `subprocess` here. GitPython also takes 70 ms to import, a sixth of a whole scan.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, cast

from patcher import interrupts
from patcher.git import leftovers
from patcher.git.errors import GitError, GitFailed, GitTimeout
from patcher.git.limits import TIMEOUT, time_left
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

_CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.alternateRefsCommand": "false",
    "core.pager": "cat",
    "core.askPass": "/bin/false",
    "core.editor": "false",
    "core.sshCommand": "/bin/false",
    "core.gitProxy": "/bin/false",
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.commitGraph": "false",  # saves opening files that no call here needs
    "core.bigFileThreshold": "8m",  # larger blobs are streamed, not held
    "core.deltaBaseCacheLimit": "48m",  # 16m: half as fast on long chains; 96m: 25 MB more
    "core.filesRefLockTimeout": "100",
    "core.packedRefsTimeout": "1000",
    "reftable.lockTimeout": "100",
    "credential.helper": "",
    "gpg.program": "/bin/false",
    "gpg.openpgp.program": "/bin/false",
    "gpg.x509.program": "/bin/false",
    "gpg.ssh.program": "/bin/false",
    "gpg.ssh.defaultKeyCommand": "/bin/false",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "log.showSignature": "false",
    "color.ui": "false",
    "submodule.recurse": "false",
    "i18n.commitEncoding": "UTF-8",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    "advice.graftFileDeprecated": "false",  # said because of GIT_GRAFT_FILE
}

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "SSH_ASKPASS": "/bin/false",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": "/dev/null",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "false",
    "LC_ALL": "C",
    "LANGUAGE": "C",
}

# Versions from which the environment above is honoured: GIT_CONFIG_COUNT came with git 2.31.
_OLDEST = (2, 31)


def environment(
    config: Mapping[str, str | None] | None = None,
    extra: Mapping[str, str] | None = None,
    protocols: str = "",
    chosen: Sequence[tuple[str, str]] = (),
) -> dict[str, str]:
    """The cleaned environment for one call.

    ``config`` overrides or adds configuration keys (None: leaves one out), ``extra`` adds
    variables, and ``protocols`` is a colon-separated list of the transports that the call may use
    (none for local work). ``chosen`` comes after all other configuration, and may name a key
    several times: what the user configured and is passed on.
    """
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") and name != "SSH_ASKPASS"
    }
    env.update(_ENVIRONMENT)
    env["PATH"] = search_path()
    pairs: dict[str, str | None] = {**_CONFIG, **(config or {})}
    if protocols:
        env["GIT_ALLOW_PROTOCOL"] = protocols
        pairs["protocol.allow"] = None
    listed = [(key, value) for key, value in pairs.items() if value is not None]
    listed += chosen
    env["GIT_CONFIG_COUNT"] = str(len(listed))
    for number, (key, value) in enumerate(listed):
        env[f"GIT_CONFIG_KEY_{number}"] = key
        env[f"GIT_CONFIG_VALUE_{number}"] = value
    if extra:
        env.update(extra)
    return env


_program: tuple[str | None, str] | None = None


def search_path() -> str:
    """``PATH`` without its relative entries, which would find a program (git, gpg, ssh) inside
    whatever directory the user happens to stand in."""
    entries = (os.environ.get("PATH") or os.defpath).split(os.pathsep)
    return os.pathsep.join(entry for entry in entries if entry.startswith("/"))


def program() -> str:
    """The git to run, as an absolute path."""
    global _program
    search = os.environ.get("PATH")
    if _program is not None and _program[0] == search:
        return _program[1]
    for folder in search_path().split(os.pathsep):
        candidate = os.path.join(folder, "git")  # noqa: PTH118 - on the path of every scan
        if os.access(candidate, os.X_OK):
            _program = (search, candidate)
            return candidate
    raise GitError("git was not found in PATH: install git 2.31 or newer")


_importing = threading.Lock()


def actor_of(text: str) -> tuple[str, str]:
    """Name and address of ``Name <mail>`` as GitPython reads it; either may be empty.

    GitPython runs ``git version`` when it is imported: our git, without what the environment says
    to git.
    """
    with _importing:
        environment = dict(os.environ)
        try:
            for name in environment:
                if name.startswith("GIT_"):
                    del os.environ[name]
            os.environ["GIT_PYTHON_GIT_EXECUTABLE"] = program()
            from git.util import Actor
        finally:
            os.environ.clear()
            os.environ.update(environment)
    actor = Actor._from_string(text)
    return (actor.name or "").strip(), (actor.email or "").strip()


_PATIENCE = 2.0
"""Seconds that patcher's end waits for processes that are being started."""


class Watchdog:
    """One thread that ends every git process that outlives its time limit."""

    def __init__(self) -> None:
        lock = threading.RLock()
        self._changed = threading.Condition(lock)
        self._started = threading.Condition(lock)
        self._deadlines: dict[Process, float] = {}
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
                left = list(self._deadlines)
            for process in left:
                self._end(process)

    def _end(self, process: Process) -> None:
        if process.reads or process.session:
            process.kill()


_watchdog = Watchdog()
interrupts.at_end(_watchdog.end_readers)


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
        stdin: int = subprocess.PIPE,
        timeout: float = TIMEOUT,
        memory: int | None = None,
        file_size: int | None = None,
        pass_fds: Sequence[int] = (),
        session: bool = False,
        signals: bool = False,
        reads: bool = True,
    ) -> None:
        self.arguments = arguments
        self.timeout = time_left(timeout)
        self.session = session
        self.timed_out = False
        self._errors = _bounded_file(MOST_ERRORS)
        self.reads = reads
        try:
            with _watchdog.starting(reads or session):
                self._start(env, stdin, pass_fds, signals)
                if memory is not None:
                    limit_memory(self.child.pid, memory)
                if file_size is not None:
                    limit_file_size(self.child.pid, file_size)
                _watchdog.watch(self, self.timeout)
        except BaseException:
            os.close(self._errors)
            raise

    def _start(
        self, env: Mapping[str, str], stdin: int, pass_fds: Sequence[int], signals: bool
    ) -> None:
        try:
            with contextlib.nullcontext() if signals or self.session else _blocked():
                self.child = subprocess.Popen(
                    [program(), *self.arguments],
                    env=env,
                    cwd="/",
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=self._errors,
                    bufsize=0,
                    pass_fds=pass_fds,
                    start_new_session=self.session,
                )
        except OSError as error:
            raise GitError(f"git could not be started: {error.strerror or error}") from error

    def limit(self, seconds: float) -> None:
        """Give git so many seconds from now."""
        self.timeout = time_left(seconds)
        _watchdog.watch(self, self.timeout)

    @property
    def stdin(self) -> BinaryIO:
        return cast(BinaryIO, self.child.stdin)

    @property
    def stdout(self) -> BinaryIO:
        return cast(BinaryIO, self.child.stdout)

    def output(self, limit: int = OUTPUT_LIMIT) -> bytes:
        """git's standard output, to its end. Raises `GitError` where that is over the limit."""
        pieces = []
        size = 0
        while piece := self.stdout.read(1 << 16):
            size += len(piece)
            if size > limit:
                raise GitError(
                    f"git {self.arguments_shown()} wrote more than its limit of {limit} bytes"
                )
            pieces.append(piece)
        return b"".join(pieces)

    def errors(self) -> bytes:
        """What git wrote to its standard error, of which the first ``MOST_ERRORS`` bytes are
        kept."""
        written = os.lseek(self._errors, 0, os.SEEK_CUR)
        return os.pread(self._errors, min(written, MOST_ERRORS), 0)

    def wait(self) -> int:
        """git's exit status, once it has ended."""
        status = self.child.wait()
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
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        if self.child.poll() is None:
            self.kill()
            self.child.wait()
        _watchdog.forget(self)
        if self._errors >= 0:
            os.close(self._errors)
            self._errors = -1

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def run(
    arguments: Sequence[str],
    *,
    git_dir: Path | str | None = None,
    stdin: bytes = b"",
    config: Mapping[str, str] | None = None,
    extra: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
    limit: int = OUTPUT_LIMIT,
    allowed: Sequence[int] = (0,),
    pass_fds: Sequence[int] = (),
    memory: int | None = None,
    file_size: int | None = None,
    session: bool = False,
    signals: bool = False,
) -> bytes:
    """Run git and return its standard output, at most ``limit`` bytes.

    ``git_dir`` is the repository; without one, git runs outside of any. ``env`` replaces the
    cleaned environment (see `environment`) and is for reading the user's own configuration and for
    speaking to a remote only. An exit status that is not ``allowed`` raises `GitFailed`.
    ``memory`` is for what reads; without it, a call for a repository may take `MEMORY_LIMIT`. Of
    ``file_size`` and ``session`` see `Process`; ``signals`` is for a git that starts a program of
    the user's, which Ctrl-C is to reach.
    """
    command = [f"--git-dir={scratch() if git_dir is None else git_dir}", *arguments]
    if env is None:
        env = environment(config, extra)
    limit_of_memory = memory
    if memory is None and git_dir is not None and not signals:
        limit_of_memory = MEMORY_LIMIT  # its configuration alone can take all there is
    source = spool(stdin)
    try:
        with Process(
            command,
            env,
            stdin=source,
            timeout=timeout,
            memory=limit_of_memory,
            file_size=file_size,
            pass_fds=pass_fds,
            session=session,
            signals=signals,
            reads=memory is not None,
        ) as process:
            output = process.output(limit)
            status = process.wait()
            if status not in allowed:
                failure = process.failure(status)
                failure.output = output
                raise failure
            return output
    finally:
        os.close(source)


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


def _bounded_file(size: int) -> int:
    """A nameless file of that size at most, as a descriptor; what is written behind it is lost.

    A file, not a pipe: a repository with a million errors must not block git on a full pipe. Where
    files cannot be sealed (not Linux), it has no bound.
    """
    descriptor = -1
    try:
        import fcntl

        descriptor = os.memfd_create("patcher", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(descriptor, size)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
    except (ImportError, AttributeError, OSError):
        if descriptor >= 0:
            os.close(descriptor)
        return spool()
    return descriptor


def limit_memory(pid: int, size: int) -> None:
    """Limit the private memory of another process. A system that cannot is left as it is."""
    _limit(pid, "RLIMIT_DATA", size)


def limit_file_size(pid: int, size: int) -> None:
    """Limit what another process and those that it starts may write to one file."""
    _limit(pid, "RLIMIT_FSIZE", size)


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


_scratch: dict[tuple[int, int], str] = {}
_scratch_lock = threading.Lock()


def scratch(hexsize: int = 40) -> str:
    """An empty repository of our own, as a git directory, for object ids of ``hexsize`` digits.

    Objects are read through it: with ``GIT_DIR`` here and ``GIT_OBJECT_DIRECTORY`` in the
    repository at hand, git reads no configuration, no refs and no attributes of that repository,
    and does not know that it is a partial clone, so there is nothing to run and nothing to fetch.
    It goes when the process ends; those of killed processes go when the next one makes its own.
    """
    key = (os.getpid(), hexsize)
    if key in _scratch:
        return _scratch[key]
    with interrupts.shielded(), _scratch_lock:
        if key not in _scratch:
            folder = temporary_folder()
            if not _scratch:
                leftovers.clean(folder)
            path = f"{folder}/patcher-{os.getpid()}-{os.urandom(8).hex()}"
            try:
                _make_scratch(path, hexsize)
            except OSError as error:
                raise no_room(error) from error
            _scratch[key] = path
            interrupts.at_end(functools.partial(_remove_scratch, path, os.getpid()))
        return _scratch[key]


@contextlib.contextmanager
def object_directory(hexsize: int = 40) -> Iterator[str]:
    """A directory for objects that are of use within the block alone. Raises `GitError`."""
    path = f"{scratch(hexsize)}/objects/{os.urandom(8).hex()}"
    try:
        os.mkdir(path)  # noqa: PTH102
    except OSError as error:
        raise no_room(error) from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def no_room(error: OSError) -> GitError:
    """Return the error that a scratch folder could not be made."""
    folder = temporary_folder()
    return GitError(f"no room for a scratch folder in {folder} ({error.strerror}): set TMPDIR")


def setting(section: str, name: str, value: str) -> str:
    """A key as it stands in a file of configuration (git-config(1))."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'[{section}]\n\t{name} = "{quoted}"\n'


def temporary_folder() -> str:
    """Where scratch folders lie."""
    return os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - mode 0700, an unguessable name


_FORMATS = {40: "sha1", 64: "sha256"}


def _make_scratch(path: str, hexsize: int) -> None:
    new = f"{path}.new"
    config = "[core]\n\trepositoryFormatVersion = 1\n\tbare = true\n"
    config += f"[extensions]\n\tobjectFormat = {_FORMATS[hexsize]}\n" if hexsize != 40 else ""
    try:
        os.mkdir(new, 0o700)  # noqa: PTH102
        for folder in ("objects", "refs"):
            os.mkdir(f"{new}/{folder}")  # noqa: PTH102
        for name, text in (("HEAD", "ref: refs/heads/none\n"), ("config", config)):
            with open(f"{new}/{name}", "x") as file:  # noqa: PTH123
                file.write(text)
        leftovers.hold(f"{new}/HEAD")  # until the process ends
        os.rename(new, path)  # noqa: PTH104
    except OSError:
        leftovers.remove(new)
        raise


def _remove_scratch(path: str, pid: int) -> None:
    if os.getpid() == pid and leftovers.is_done_with(path):
        leftovers.remove(path)


_checked_version: tuple[int, ...] | None = None


def require_version() -> tuple[int, ...]:
    """git's version. One that is too old to be hardened is refused."""
    global _checked_version
    if _checked_version is None:
        words = run(["version"]).decode("ascii", "replace").split()
        numbers = words[2].split(".") if len(words) > 2 else []
        version = tuple(int(number) for number in numbers[:2] if number.isdigit())
        if version < _OLDEST:
            raise GitError(
                f"git {'.'.join(numbers) or '(unknown)'} is too old: install git 2.31 or newer"
            )
        _checked_version = version
    return _checked_version

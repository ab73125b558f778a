"""The door to git: GitPython starts every git process, and nothing else here starts one.

Only its runner is used. Its objects, index and refs take many times as long as git's plumbing, know
no SHA-256 and hold no bound.
"""

from __future__ import annotations

import functools
import io
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec, module_from_spec
from typing import TYPE_CHECKING, NamedTuple, cast

from patcher.git.environment import inherited, only
from patcher.git.errors import GitError
from patcher.git.limits import waiting
from patcher.text import printable

if TYPE_CHECKING:
    from subprocess import Popen

    from git.cmd import Git
    from git.util import Actor

PIPE = -1
"""Gives a process a pipe as its standard input (``subprocess.PIPE``)."""


class Library(NamedTuple):
    """What patcher uses of GitPython."""

    git: Git
    """Starts processes."""
    gone: type[Exception]
    """Raised for a program that is not there."""
    actor: type[Actor]


@functools.cache
def library() -> Library:
    """GitPython's runner. Importing it takes 20 ms, so that waits for the first git, and counts
    against no repository's time limit. Raises `GitError`."""
    with waiting(), only([name for name in inherited() if not name.startswith("GIT_")]):
        try:
            return _runner()
        except (ImportError, OSError) as error:  # no more files, no memory
            raise GitError(f"git could not be started: {printable(str(error))}") from error


@functools.cache
def _runner() -> Library:
    """Import ``git.cmd`` and what it imports, and not the rest of GitPython.

    The package's ``__init__`` imports all of it (objects, index, refs), which takes 30 ms, and runs
    ``git version`` twice. So the modules are imported below an empty package, which is taken away
    again: whoever imports ``git`` later gets the whole.
    """
    spec = None if "git" in sys.modules else find_spec("git")
    if spec is not None:
        sys.modules["git"] = module_from_spec(spec)
    try:
        from git.cmd import Git
        from git.exc import GitCommandNotFound
        from git.util import Actor
    finally:
        if spec is not None:
            for name in filter(_is_of_library, list(sys.modules)):
                del sys.modules[name]
    return Library(Git("/"), GitCommandNotFound, Actor)


def _is_of_library(module: str) -> bool:
    return module == "git" or module.startswith("git.")


def start(
    command: Sequence[str],
    env: Mapping[str, str],
    *,
    stdin: int,
    pass_fds: Sequence[int],
    session: bool,
) -> Popen[bytes]:
    """Start a command, with exactly this environment, in ``/``, with pipes for what it writes.
    ``stdin`` is `PIPE` or a descriptor. Raises `GitError` and OSError."""
    git, gone, _ = library()
    try:
        with only(env):
            running = git.execute(
                command,
                istream=PIPE if stdin == PIPE else io.FileIO(stdin, closefd=False),  # 0 is none
                as_process=True,
                shell=False,
                env=env,
                pass_fds=pass_fds,
                start_new_session=session,
            )
    except gone as error:
        raise GitError(f"git could not be started: {command[0]} is gone") from error
    # GitPython ends the process as soon as nothing refers to its own object.
    child, running.proc = running.proc, None
    return cast("Popen[bytes]", child)

"""The door to git: GitPython starts every git process, and nothing else here starts one.

Only its runner is used. Its objects, index and refs take many times as long as git's plumbing, know
no SHA-256 and hold no bound.
"""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from patcher.git.environment import inherited, only, program
from patcher.git.errors import GitError
from patcher.git.limits import waiting
from patcher.text import printable

if TYPE_CHECKING:
    from subprocess import Popen

    from git.cmd import Git

PIPE = -1
"""Gives a process a pipe as its standard input (``subprocess.PIPE``)."""


@functools.cache
def library(program: str) -> Git:
    """GitPython, for the git at an absolute path, which it runs when it is imported (``git
    version``). That takes 60 ms, so it waits for the first git, and counts against no repository's
    time limit. Raises `GitError`."""
    with waiting(), only([name for name in inherited() if not name.startswith("GIT_")]):
        os.environ["GIT_PYTHON_GIT_EXECUTABLE"] = program
        try:
            from git.cmd import Git
        except (ImportError, OSError) as error:  # no more files, no memory, a git that fails
            raise GitError(f"git could not be started: {printable(str(error))}") from error
        finally:
            del os.environ["GIT_PYTHON_GIT_EXECUTABLE"]
    return Git("/")


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
    git = library(program())
    from git.exc import GitCommandNotFound

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
    except GitCommandNotFound as error:
        raise GitError(f"git could not be started: {command[0]} is gone") from error
    # GitPython ends the process as soon as nothing refers to its own object.
    child, running.proc = running.proc, None
    return cast("Popen[bytes]", child)

"""The one door to git: nothing of a repository runs.

What is done to each call, and why:

- The command is an explicit list of arguments; no shell. The repository is named by an explicit
  ``--git-dir`` (or ``GIT_DIR``), and the working directory is ``/``.
- The environment is cleaned, and overrides what configuration may name: see `environment`.
- Time, output and memory are limited: see `process`.

GitPython starts the process: see `door`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from patcher.git.environment import environment
from patcher.git.errors import GitError
from patcher.git.limits import TIMEOUT
from patcher.git.process import MEMORY_LIMIT, OUTPUT_LIMIT, Process, spool
from patcher.git.scratch import scratch

# Versions from which the environment above is honoured: GIT_CONFIG_COUNT came with git 2.31.
_OLDEST = (2, 31)


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
    errors: Callable[[bytes], object] | None = None,
) -> bytes:
    """Run git and return its standard output, at most ``limit`` bytes.

    ``git_dir`` is the repository; without one, git runs outside of any. ``env`` replaces the
    cleaned environment (see `environment`) and is for reading the user's own configuration and for
    speaking to a remote only. An exit status that is not ``allowed`` raises `GitFailed`.
    ``memory`` is for what reads; without it, a call for a repository may take `MEMORY_LIMIT`. Of
    ``file_size`` and ``session`` see `Process`; ``signals`` is for a git that starts a program of
    the user's, which Ctrl-C is to reach. ``errors`` gets what a git that ends well wrote to its
    standard error.
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
            if errors is not None:
                errors(process.errors())
            return output
    finally:
        os.close(source)


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

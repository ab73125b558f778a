"""A repository as a git sees it that lists or moves refs: its refs and objects, and nothing else.

What a repository configures may include any file, and say how long to wait for a lock. So git is
given a folder of our own, in which the refs are links into the repository, and of the configuration
only what says how refs are written.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping

from patcher import interrupts
from patcher.git.errors import GitError, GitFailed
from patcher.git.identity import configuration, matching
from patcher.git.regular import check_objects, check_refs
from patcher.git.scratch import no_room, scratch, setting
from patcher.git.values import Repository

_KEYS = "core\\.(repositoryformatversion|sharedrepository|logallrefupdates|bare)|extensions\\..*"
_OTHERS = re.compile(
    rb'(?<!\\)\n\[(?:remote|branch) "[^"\\\n]*"\](?:\n[\t ]+[A-Za-z]+ = [^"\\#;\n]*)*(?=\n\[|\n?\Z)'
)
"""Sections of which nothing is wanted, as git itself writes them. Without them many clones have
the same configuration."""

_INCLUDES = "include(if\\..*)?\\.path"


def uses_reftable(repository: Repository) -> bool:
    """Whether git alone can read the refs."""
    return os.path.isdir(f"{repository.common_dir}/reftable")  # noqa: PTH112


@contextlib.contextmanager
def opened(repository: Repository, *, writes: bool = False) -> Iterator[tuple[str, dict[str, str]]]:
    """A git directory for a call that lists or moves refs, and the variables that it needs.
    ``writes``: it moves some, so that the folder of reflogs has to be there.

    Raises `GitError` where git could not read, or would wait for, what is there.
    """
    try:
        pairs = matching(_OTHERS.sub(b"", configuration(repository)), f"^({_KEYS}|{_INCLUDES})$")
    except GitFailed as error:
        raise GitError(f"config cannot be read: {error}") from None
    objects = f"{repository.common_dir}/objects"
    check_objects([objects])
    if uses_reftable(repository):
        _check_reftable(repository, pairs)
        yield os.fspath(repository.git_dir), {}
        return
    text = _text(pairs)
    path = f"{scratch()}/view-{os.urandom(8).hex()}"
    try:
        with interrupts.shielded():
            if writes and _has_reflogs(dict(pairs)):
                with contextlib.suppress(OSError):
                    os.mkdir(f"{repository.common_dir}/logs")  # noqa: PTH102
            _make(path, os.fspath(repository.common_dir), text)
        yield path, {"GIT_OBJECT_DIRECTORY": objects}
    finally:
        with interrupts.shielded():
            shutil.rmtree(path, ignore_errors=True)


def _make(path: str, common: str, config: str) -> None:
    try:
        os.mkdir(path, 0o700)  # noqa: PTH102
        for name in ("refs", "packed-refs", "logs"):
            os.symlink(f"{common}/{name}", f"{path}/{name}")  # noqa: PTH211
        for name, text in (("HEAD", "ref: refs/heads/none\n"), ("config", config)):
            with open(f"{path}/{name}", "x", errors="surrogateescape") as file:  # noqa: PTH123
                file.write(text)
    except OSError as error:
        raise no_room(error) from error


def _text(pairs: list[tuple[str, str]]) -> str:
    """The configuration of the folder that stands for the repository."""
    lines = []
    for key, value in pairs:
        section, _, name = key.partition(".")
        if section.startswith("include"):
            continue
        if "." in name:
            raise GitError(f"its configuration has {key}, which git does not know")
        lines.append(setting(section, name, value))
    return "".join(lines)


def _has_reflogs(configured: Mapping[str, str]) -> bool:
    """Whether git keeps a reflog of branches (git-config(1))."""
    no = ("false", "no", "off", "0", "")
    wanted = configured.get("core.logallrefupdates")
    if wanted is not None:
        return wanted.lower() not in no
    if configured.get("core.repositoryformatversion") not in ("0", "1"):  # git ignores core.bare
        return True
    return configured.get("core.bare", "false").lower() in no


def _check_reftable(repository: Repository, pairs: list[tuple[str, str]]) -> None:
    """Such a repository stands for itself, with its configuration."""
    if any(key.startswith("include") for key, _ in pairs):
        raise GitError("its configuration includes other files, which patcher does not read")
    check_refs(f"{repository.common_dir}/reftable")

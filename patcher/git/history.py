"""What a branch has that another one lacks, commit by commit."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from patcher.git.base_refs import is_staging, listed, tips
from patcher.git.commits import Commit, made_for, read_commits
from patcher.git.errors import GitError, GitFailed
from patcher.git.objects import Objects
from patcher.git.refs import HEADS, branch_tip
from patcher.git.regular import check_objects
from patcher.git.runner import run
from patcher.git.scratch import scratch
from patcher.git.values import Base, Repository

MAX_OWN = 1000
"""Commits that a review branch may have and its base lacks."""

_MEMORY = 160 << 20
"""Bytes of memory for a git that walks through history: a million commits."""


class History(NamedTuple):
    """A branch beside its base."""

    own: tuple[Commit, ...]
    """What the base lacks, each before its parents; `MAX_OWN` at most."""
    is_whole: bool
    """Whether that is all."""
    merge_bases: tuple[str, ...]


def tip(repository: Repository, branch: str) -> str | None:
    """The commit of a review branch; None where there is none."""
    return branch_tip(repository, branch)


def history(repository: Repository, base: Base, branch: str, tip: str) -> History:
    """The history of ``branch``, which is at ``tip``, beside that of ``base``, as the repository
    has it. Raises `GitError`."""
    objects = repository.common_dir / "objects"
    return compared(scratch(len(tip)), _environment(repository), objects, tip, base.commit)


def is_elsewhere(repository: Repository, commit: str, branch: str) -> bool:
    """Whether some other branch or tag than ``branch`` has a commit, which lasts: staging branches
    do not. Raises `GitError`."""
    own = (f"refs/heads/{branch}", f"refs/remotes/origin/{branch}")
    others = [oid for ref, oid in tips(repository) if not (ref in own or is_staging(ref))]
    return is_reachable(scratch(len(commit)), _environment(repository), commit, others)


def reviews(repository: Repository, stem: str) -> list[str]:
    """The local branches ``stem`` and ``stem-...`` that patcher made under that name."""
    globs = (f"{HEADS}{stem}*", f"{HEADS}{stem}-*/**")
    found = {
        ref.removeprefix(HEADS): oid for glob in globs for ref, oid in listed(repository, glob)
    }
    named = [(name, oid) for name, oid in found.items() if f"{name}-".startswith(f"{stem}-")]
    if not named:
        return []
    with Objects(repository.common_dir / "objects", hexsize=len(named[0][1])) as objects:
        return [name for name, oid in named if made_for(objects, oid, name) is not None]


def _environment(repository: Repository) -> dict[str, str]:
    """For a git directory of our own that reads the commits of a repository."""
    objects = f"{repository.common_dir}/objects"
    check_objects([objects])
    extra = {"GIT_OBJECT_DIRECTORY": objects}
    shallow = repository.common_dir / "shallow"
    if shallow.is_file():
        extra["GIT_SHALLOW_FILE"] = os.fspath(shallow)
    return extra


def compared(
    git_dir: str, extra: Mapping[str, str], objects: Path, tip: str, base: str | None
) -> History:
    """As `history`, in a git directory of our own. Without a ``base`` all is the branch's own, and
    where that begins is where it left the base."""
    lacking = [] if base is None else [f"^{base}"]
    listed = _listed(
        git_dir, extra, ["rev-list", "--topo-order", f"-n{MAX_OWN + 1}", tip, *lacking]
    )
    own = tuple(read_commits(objects, listed[:MAX_OWN]))
    is_whole = len(listed) <= MAX_OWN
    inside = {commit.oid for commit in own}
    parents = dict.fromkeys(parent for commit in own for parent in commit.parents)
    common = [parent for parent in parents if parent not in inside]
    is_cut = os.path.lexists(extra.get("GIT_SHALLOW_FILE", f"{git_dir}/shallow"))
    if base is not None and (is_cut or not is_whole or len(common) != 1):
        common = _listed(git_dir, extra, ["merge-base", "--all", base, tip])
    return History(own, is_whole, tuple(common))


def is_reachable(git_dir: str, extra: Mapping[str, str], commit: str, tips: Sequence[str]) -> bool:
    """Whether one of ``tips`` has ``commit`` in its history."""
    command = ["rev-list", "-n1", "--stdin"]
    names = "".join(f"{name}\n" for name in (commit, *(f"^{tip}" for tip in tips)))
    return not _listed(git_dir, extra, command, names.encode())


def _listed(
    git_dir: str, extra: Mapping[str, str], command: Sequence[str], stdin: bytes = b""
) -> list[str]:
    try:
        output = run(
            command,
            git_dir=git_dir,
            extra=extra,
            stdin=stdin,
            memory=_MEMORY,
            allowed=(0, 1) if command[0] == "merge-base" else (0,),
        )
    except GitFailed as error:
        raise GitError(f"the history of the review branch cannot be read: {error}") from None
    return output.decode("ascii", "replace").split()

"""Read commits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from patcher.git import marks
from patcher.git.errors import BoundExceeded, GitError
from patcher.git.objects import ObjectHeader, Objects

_MOST_COMMIT = 1 << 20

RECENT = 20
"""Commits from the tip of a branch in which a mark of patcher's is looked for."""
_MOST_READ = 8 << 20
"""Bytes of the commits that are read at once; a thousand real ones take one."""


class Commit(NamedTuple):
    """A commit; ``author`` and ``committer`` as git writes them."""

    oid: str
    parents: tuple[str, ...]
    author: str
    committer: str
    message: str
    is_signed: bool

    def mark(self, branch: str) -> marks.Mark | None:
        """Its mark, if patcher made it for this review branch."""
        if len(self.parents) != 1:
            return None
        made = marks.Made(branch, self.parents[0], self.author, self.committer)
        return marks.mark_of(made, self.message)


def read_commits(objects: Path, oids: Sequence[str]) -> list[Commit]:
    """Read commits of a review branch. Raises `GitError` for what is none, and for too much."""
    if not oids:
        return []
    with Objects(objects, hexsize=len(oids[0])) as reader:
        commits = []
        left = _MOST_READ
        for header in reader.read([oid.encode() for oid in oids], _MOST_COMMIT):
            left -= header.size
            if left < 0:
                raise BoundExceeded(
                    f"the commits of the review branch are over the limit of {_MOST_READ >> 20} MiB"
                )
            commits.append(as_commit(header))
        return commits


def made_for(objects: Objects, tip: str, branch: str, most: int = RECENT) -> Commit | None:
    """The last commit that patcher made for a review branch, among the first ``most`` from ``tip``
    on, each the first parent of the one before; None where there is none."""
    oid = tip
    for _ in range(most):
        header = objects.one(oid.encode(), _MOST_COMMIT)
        if header.kind != "commit" or header.content is None:
            return None
        commit = as_commit(header)
        if commit.mark(branch) is not None:
            return commit
        if not commit.parents:
            return None
        oid = commit.parents[0]
    return None


def as_commit(header: ObjectHeader) -> Commit:
    """The commit that was read. Raises `GitError` for what is none."""
    if header.kind != "commit" or header.content is None:
        raise GitError(f"commit {header.oid} cannot be read: run git fsck")
    head, _, message = header.content.partition(b"\n\n")
    fields: dict[str, list[str]] = {}
    for line in head.decode("utf-8", "surrogateescape").split("\n"):
        name, _, value = line.partition(" ")
        fields.setdefault(name, []).append(value)
    return Commit(
        oid=header.oid,
        parents=tuple(fields.get("parent", ())),
        author=fields.get("author", [""])[0],
        committer=fields.get("committer", [""])[0],
        message=message.decode("utf-8", "replace"),
        is_signed=not fields.keys().isdisjoint(("gpgsig", "gpgsig-sha256")),
    )

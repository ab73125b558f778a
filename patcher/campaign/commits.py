"""How the commits of a run are made, and what their review branches are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from patcher import git
from patcher.values import dataclass

if TYPE_CHECKING:
    from patcher.migrations import Migration
    from patcher.reviews.wishes import Wishes

OnExisting = Literal["fail", "replace", "append"]


@dataclass(frozen=True, slots=True)
class Commits:
    """How the commits are made."""

    branch: str | None = None
    """The review branch's name; None: ``patcher/`` and the migrations."""
    on_existing: OnExisting = "fail"
    """What to do with a branch that others edited, where merging it does not fix the base. One that
    is ours and fixes it is replaced only where another commit is wanted now."""
    discard_others: bool = False
    """Whether ``replace`` may take away commits of others."""
    ignore_authors: tuple[str, ...] = ()
    """Globs of names and addresses of bots: what they committed does not count as edited by
    others."""
    author: str | None = None
    """``Name <address>``; None: from the user's git configuration and environment."""
    signoff: bool = False
    sign: bool = False
    key: str | None = None
    """The key to sign with; None: as the user's git configuration says."""
    verified_commits: bool = False
    """Whether GitHub makes the commits of the branches that are pushed, and signs them."""
    message: str | None = None
    """The user's own message, with placeholders; None: the migrations'."""
    per_file: bool = False
    """One commit for each file, not one for all."""
    push: bool = False
    """Whether the branch goes to the remote that the repository mirrors, or was cloned from."""
    remote: str | None = None
    """The remote of clones that were named by a path; None: the one that the base tracks, else
    origin."""
    pause: float = 0.0
    """Seconds between two pushes to one host, of each process."""
    dry_run: bool = False
    shown: Literal["", "base", "branch"] = ""
    """In a dry run, give the target the commit: as it would be on the base, whatever review branch
    there is; or as ``on_existing`` has it."""
    undo: bool = False
    """Remove the review branch instead, where it is ours and not merged; and close its review."""
    refresh: bool = False
    """Close the reviews of bases that need no edit any more, and remove their branches."""
    reviews: Wishes | None = None
    """How reviews are opened; None: they are not."""
    change: str | None = None
    """The Change-Id of the commit, where its review is a change at Gerrit."""
    date: str | None = None
    """The time of the commit as git writes it (``seconds offset``), for a user who sets none. With
    it, the same edit of the same base is the same commit in each run. None: now."""


def branch_name(
    migrations: Sequence[Migration], base: git.Base, *, given: str | None, alone: bool
) -> str:
    """The review branch for a base. ``alone``: it is the only base of its repository.

    The base's name follows a ``-``: ``patcher/deny-af-alg`` and ``patcher/deny-af-alg/release``
    cannot both be refs.
    """
    stem = given or "patcher/" + "+".join(migration.id for migration in migrations)
    if base.default or (given is not None and alone):
        return stem
    name = base.name[:12] if base.name == base.commit else base.name
    if base.ref.startswith("refs/tags/"):  # a branch may be called the same
        name = f"tags/{name}"
    return f"{stem}-{name}"


def staging_branch(branch: str) -> str:
    """The branch on which GitHub makes the commits of a review branch. No glob for bases matches
    it."""
    return git.STAGING_BRANCHES + branch

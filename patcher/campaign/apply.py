"""Commit what a look found, on a review branch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from patcher import git
from patcher.campaign import message
from patcher.campaign.look import Looker
from patcher.campaign.selection import Selection
from patcher.migrations import Migration
from patcher.results import Outcome, Target

OnExisting = Literal["fail", "replace", "append"]
Push = Callable[[git.Repository, str, str, str | None], str]
"""As `patcher.git.remote.push`."""


@dataclass(frozen=True, slots=True)
class Commits:
    """How the commits are made."""

    branch: str | None = None
    """The review branch's name; None: ``patcher/`` and the migrations."""
    on_existing: OnExisting = "fail"
    """What to do with a branch that is there and does not hold the change."""
    author: str | None = None
    """``Name <address>``; None: from the user's git configuration and environment."""
    signoff: bool = False
    sign: bool = False
    key: str | None = None
    """The key to sign with; None: as the user's git configuration says."""
    message: str | None = None
    """The user's own message, with placeholders; None: the migrations'."""
    per_file: bool = False
    """One commit for each file, not one for all."""
    push: bool = False
    """Whether the branch goes to the remote that the repository mirrors."""
    dry_run: bool = False


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
    return f"{stem}-{name}"


def apply(
    repository: git.Repository,
    base: git.Base,
    target: Target,
    selection: Selection,
    commits: Commits,
    *,
    alone: bool,
    push: Push | None = None,
) -> Target:
    """Commit the target's changed files; the target with what came of it. ``push`` takes what is
    committed in a mirror to its remote. Raises GitError."""
    branch = branch_name(selection.migrations, base, given=commits.branch, alone=alone)
    if not target.files:
        return replace(target, outcome=Outcome.FAILED if target.failed else Outcome.NOTHING_TO_DO)
    git.check_branch_name(branch)
    target = replace(target, branch=branch)
    tip = git.branch_tip(repository, branch)
    parent = base.commit
    if tip is not None:
        if _holds(repository, tip, target):
            return _up_to_date(target, tip, repository)
        if commits.on_existing == "fail":
            raise git.BranchTaken(
                f"branch {branch} exists and does not hold this change: use --on-existing replace "
                "or append, or another --branch"
            )
        if commits.on_existing == "append":
            parent = tip
            there = Looker(repository, selection).look(replace(base, commit=tip))
            if not there.files:
                return _up_to_date(target, tip, repository)
            target = replace(target, files=there.files, findings=there.findings, error=there.error)
    if commits.dry_run:
        return target
    with git.Store(repository) as store:
        new, committer = _write(repository, base, branch, parent, target, selection, commits, store)
        if push is not None:
            # The mirror's branches are the remote's, so that is all that has to move.
            said = push(repository, branch, new, tip)
            target = replace(target, outcome=Outcome.PUSHED, new_commit=new, at_remote=True)
            return target.noted(f"the server says: {said}" if said else "")
        git.move_branch(repository, branch, new, tip, committer)
    return replace(target, outcome=Outcome.COMMITTED, new_commit=new)


def _up_to_date(target: Target, tip: str, repository: git.Repository) -> Target:
    """The branches of a mirror are as those of its remote."""
    at_remote = repository.address is not None
    return replace(target, outcome=Outcome.UP_TO_DATE, new_commit=tip, at_remote=at_remote)


def _holds(repository: git.Repository, tip: str, target: Target) -> bool:
    """Whether every file that is to change stands at ``tip`` as it is to become."""
    there = git.entries(repository, tip, [file.path for file in target.files])
    return all(there.get(file.path) == (file.mode, file.new_oid) for file in target.files)


def _write(
    repository: git.Repository,
    base: git.Base,
    branch: str,
    parent: str,
    target: Target,
    selection: Selection,
    commits: Commits,
    store: git.Store,
) -> tuple[str, git.Identity]:
    """The new tip, and who committed it; ``store`` takes what is written."""
    vouched = commits.sign or commits.signoff
    author, committer = git.identities(repository, commits.author, vouched=vouched)
    sign = git.signing(commits.key, repository) if commits.sign else None
    signoff = f"{committer.name} <{committer.email}>" if commits.signoff else None
    groups = [(file,) for file in target.files] if commits.per_file else [target.files]
    for files in groups:
        facts = message.MessageFacts(
            migrations=selection.migrations,
            files=files,
            findings=target.findings,
            base=base.name,
            branch=branch,
            repository=repository.path.name,
        )
        parent = git.write_commit(
            repository,
            parent,
            [git.Change(file.path, file.new) for file in files],
            message.write(facts, template=commits.message, signoff=signoff),
            author,
            committer,
            sign,
            store,
        )
    return parent, committer

"""Commit what a look found, on a review branch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from patcher import git
from patcher.campaign.asking import Asker, declined
from patcher.campaign.branch import Reader, Remote, ReviewBranch
from patcher.campaign.clone import PushedClone
from patcher.campaign.commits import Commits, branch_name
from patcher.campaign.selection import Selection
from patcher.campaign.verified import VerifiedPush, staged, unstaged, without_forge
from patcher.campaign.writer import Writer
from patcher.git import history, marks
from patcher.results import BranchState, Outcome, Stage, Target

_MOST_NAMED = 5
"""Branches that a note names."""


def apply(
    repository: git.Repository,
    base: git.Base,
    target: Target,
    selection: Selection,
    commits: Commits,
    *,
    alone: bool,
    bases: Sequence[git.Base] = (),
    remote: Remote | None = None,
    clone: Callable[[str], PushedClone] | None = None,
    ask: Asker | None = None,
) -> Target:
    """Commit the target's changed files; the target with what came of it. ``bases``: all of the
    repository in this run. ``remote``: of a mirror. ``clone``: asks the remote of a clone, where
    the review branch of that name is to be pushed to it. ``ask``: whether something is to be
    written. Raises GitError."""
    past, ignored = remote or history, commits.ignore_authors
    name = partial(branch_name, selection.migrations, given=commits.branch, alone=alone)
    folder = repository.common_dir / "objects"
    with git.Objects(folder, hexsize=len(base.commit)) as objects:  # to start one takes 2 ms
        reader = Reader(repository, base, target, selection, past, objects, ignored)
        return _applied(reader, name, commits, bases, remote, clone, ask)


def _applied(
    reader: Reader,
    name: Callable[[git.Base], str],
    commits: Commits,
    bases: Sequence[git.Base],
    remote: Remote | None,
    clone: Callable[[str], PushedClone] | None,
    ask: Asker | None,
) -> Target:
    repository, base, target = reader.repository, reader.base, reader.target
    branch = name(base)
    if commits.undo:
        target = _undone(replace(target, branch=branch), reader, commits, remote)
        if remote is not None and target.branch_state is not BranchState.FOREIGN:
            target = target.noted(unstaged(remote, repository, base, branch, commits))
        return target if base != bases[-1] else target.noted(_not_undone(reader, commits, bases))
    own = branch == base.name and branch.startswith(git.REVIEW_BRANCHES)
    if base.default and (own or reader.base_is_review(branch)):
        raise git.BranchTaken(
            f"{base.name} is a review branch, and never a base: name the branch that it is to be "
            "merged into with --base"
        )
    if not target.files:
        done = Outcome.FAILED if target.failed else Outcome.NOTHING_TO_DO
        target = replace(target, outcome=done, stage=Stage.NOTHING_TO_DO)
        return replace(target, branch_state=_leftover(reader, branch))
    git.check_branch_name(branch)
    if commits.shown == "base":
        return Writer(reader, branch, commits).shown(replace(target, branch=branch), base.commit)
    _check_no_base(repository, branch, base, [each for each in bases if name(each) == branch])
    target = replace(target, branch=branch)
    if clone is not None:
        reader.objects.close()  # a server may take longer than a git
    asked = None if clone is None else clone(branch)
    if asked is None:
        review = _read(reader, branch)
    else:  # what the clone knows of its remote is what that was
        review = replace(_read(reader, branch, lambda *_: asked.tip), origin=None)
    target = replace(target, branch_state=review.state)
    try:
        return _done(target, review, Writer(reader, branch, commits), remote, asked, ask)
    except git.BranchTaken as taken:
        # With the state, unlike a failure that is raised.
        error = "; ".join(filter(None, (target.error, str(taken))))
        return replace(target, outcome=Outcome.FAILED, error=error, cause=taken.cause)


def _done(
    target: Target,
    review: ReviewBranch,
    writer: Writer,
    remote: Remote | None,
    clone: PushedClone | None,
    ask: Asker | None,
) -> Target:
    reader, branch, commits = writer.reader, review.name, writer.commits
    repository, base = reader.repository, reader.base
    target, parent = _to_write(target, review, writer)
    if parent is None and clone is not None:
        return clone.kept(target, review, dry_run=commits.dry_run)
    if parent is None or commits.dry_run:
        return target if parent is None or not commits.shown else writer.shown(target, parent)
    if ask is not None:
        reader.objects.close()  # a person may take longer than a git
        decision = ask(target, writer.words(target))
        if not decision.is_wanted:
            return declined(target)
        writer = replace(writer, own=decision.message)
    forge = remote if isinstance(remote, VerifiedPush) else None
    if commits.verified_commits and forge is None:
        raise without_forge(repository)
    with git.Store(repository) as store, staged(forge, repository, branch, parent):
        on: marks.On = "base" if parent == base.commit else "branch"
        new, committer = writer.write(target, parent, on, store, forge)
        reader.objects.close()
        if parent != base.commit:
            _check_fixed(reader, review, new)
        if remote is not None and commits.push:
            # The mirror's branches are the remote's, so that is all that has to move.
            said = remote.push(repository, branch, new, review.local, pause=commits.pause)
            target = replace(target, outcome=Outcome.PUSHED, stage=Stage.PUSHED, new_commit=new)
            target = target if forge is None else forge.told(target)
            return target.noted(f"the server says: {said}" if said else "")
        git.move_branch(repository, branch, new, review.local, committer)
    if clone is not None:
        return clone.pushed(target, new)
    target = replace(target, outcome=Outcome.COMMITTED, stage=Stage.COMMITTED, new_commit=new)
    return target.noted(_beside(review, parent))


def _undone(target: Target, reader: Reader, commits: Commits, remote: Remote | None) -> Target:
    """Remove the review branch, where it is ours and not merged."""
    repository, branch = reader.repository, target.branch or ""
    git.check_branch_name(branch)
    target = replace(target, files=(), outcome=Outcome.NOTHING_TO_DO, stage=Stage.NOTHING_TO_DO)
    if branch == reader.base.name:
        return replace(target, branch=None)
    if repository.address is not None:
        from patcher.git.remote import check_pushes

        check_pushes(repository.address)
    review = _read(reader, branch)
    tip = review.local
    target = replace(target, branch_state=review.state)
    if tip is None:
        there = f"only {review.shown} is there: name the clone URL to remove that"
        return replace(target, note=there if review.origin else "there is no review branch")
    ours = (BranchState.CURRENT, BranchState.STALE)
    # Of a merged one the base has everything; whoever undoes keeps it, to see what was merged.
    if review.state not in (*ours, *[BranchState.MERGED] * commits.refresh):
        return replace(target, new_commit=tip, note="the review branch was left alone")
    if commits.dry_run:
        return replace(target, new_commit=tip, outcome=Outcome.SCANNED, stage=Stage.SCANNED)
    if remote is not None:
        remote.push(repository, branch, None, tip, pause=commits.pause)
    else:
        git.move_branch(repository, branch, None, tip)
        if commits.push:
            target = target.noted("at the clone's remote it stays: name its URL to remove it there")
    return replace(target, new_commit=tip, outcome=Outcome.REMOVED, stage=Stage.PLANNED)


def _not_undone(reader: Reader, commits: Commits, bases: Sequence[git.Base]) -> str:
    """What to know of review branches of patcher's that no base of this run has."""
    name = partial(branch_name, reader.selection.migrations, given=commits.branch)
    names = {name(base, alone=len(bases) == 1) for base in bases}
    stem = name(replace(reader.base, default=True), alone=True)
    left = [each for each in history.reviews(reader.repository, stem) if each not in names]
    shown = [*left[:_MOST_NAMED], *[f"{len(left) - _MOST_NAMED} more"] * (len(left) > _MOST_NAMED)]
    return f"of patcher's, and left: {', '.join(shown)}" if left else ""


def _leftover(reader: Reader, branch: str) -> BranchState | None:
    """The state of a review branch where nothing is to be done; None where there is none, or it
    cannot be read: that is no failure."""
    try:
        review = _read(reader, branch)
    except git.GitError:
        git.time_left()
        return None
    return None if review.state is BranchState.NONE else review.state


def _check_no_base(
    repository: git.Repository, branch: str, base: git.Base, same: Sequence[git.Base]
) -> None:
    """Raise BranchTaken for a review branch that is something else as well."""
    if len(same) > 1:
        others = " and ".join(each.ref for each in same)
        raise git.BranchTaken(
            f"{others} would have one review branch, {branch}: name them in runs of their own, "
            "with another --branch"
        )
    if branch in (base.name, *git.default_names(repository)):
        what = "its own base" if branch == base.name else "the default branch"
        raise git.BranchTaken(
            f"branch {branch} would be a review branch, and is {what}: use another --branch or "
            "--base"
        )


def _read(
    reader: Reader,
    branch: str,
    tip_there: Callable[[git.Repository, str], str | None] = git.remote_tip,
) -> ReviewBranch:
    """The review branch that counts. In a clone, origin's does where it has commits that the local
    one lacks, and they are those of others or fix the base."""
    repository = reader.repository
    tip = reader.past.tip(repository, branch)
    there = None
    if repository.address is None:
        there = tip_there(repository, branch)
    if there is None or there == tip:
        return replace(reader.read(branch, tip), local=tip)
    theirs = reader.read(branch, there)
    origin = there if theirs.own else None
    theirs = replace(theirs, local=tip, origin=origin)
    if tip is None or any(commit.oid == tip for commit in theirs.own):
        return theirs
    ours = replace(reader.read(branch, tip), local=tip, origin=origin)
    if any(commit.oid == there for commit in ours.own):
        return ours
    if theirs.others and ours.others:
        raise git.BranchTaken(
            f"branch {branch} and origin/{branch} both have commits of others: merge them, or use "
            "another --branch"
        )
    # One of ours is not put beside one of origin's that is ours and fixes the base: its push would
    # be rejected.
    return theirs if theirs.others or (theirs.fixes and not ours.others) else ours


def _beside(review: ReviewBranch, parent: str | None) -> str:
    """What to know of the local review branch and origin's where they differ. ``parent``: on what
    the local one was written anew; None: it stays as it is."""
    if review.origin is None:
        return ""
    if parent is None and review.tip == review.origin:
        same = (
            "" if review.local is None else "; the local branch of that name is at another commit"
        )
        return f"that is {review.shown}{same}"
    if parent in (None, review.tip) and any(each.oid == review.origin for each in review.own):
        return ""
    return f"origin/{review.name} has commits that this lacks: push it with --force-with-lease"


def _to_write(target: Target, review: ReviewBranch, writer: Writer) -> tuple[Target, str | None]:
    """The target with what is to be written, and the commit to write it on; None where the branch
    stays as it is. Raises BranchTaken where that does not fix the base."""
    commits, base = writer.commits, writer.reader.base
    on_existing = commits.on_existing
    if review.state is BranchState.FOREIGN:
        raise git.BranchTaken(
            f"branch {review.shown} is someone else's, nothing on it is patcher's: use another "
            "--branch, or rename or remove that one"
        )
    if review.state is BranchState.CURRENT and review.fixes:
        if on_existing == "replace" and not writer.is_wanted(target, review):
            return target, base.commit
        return _kept(target, review, Outcome.UP_TO_DATE, writer), None
    if review.state is not BranchState.EDITED or (
        on_existing == "replace" and commits.discard_others
    ):
        return target, base.commit
    if review.fixes:
        return _kept(target, review, Outcome.EDITED, writer), None
    mend = "mend it there"
    if review.tip is not None and review.left:
        there = writer.reader.look(review.tip)
        # It helps only where all that is left is on the branch itself.
        if review.left <= {file.path for file in there.files}:
            if on_existing == "append":
                mended = replace(target, files=there.files, findings=there.findings)
                return replace(mended, error=there.error), review.tip
            mend += ", or use --on-existing append"
        else:
            mend = "merge the base into it"
    raise git.BranchTaken(
        f"branch {review.shown} was edited by others, and {review.why}: {mend}, or use "
        "--on-existing replace with --discard-others, or another --branch"
    )


def _kept(target: Target, review: ReviewBranch, outcome: Outcome, writer: Writer) -> Target:
    """The branches of a mirror are as those of its remote."""
    at_remote = writer.reader.repository.address is not None or review.local != review.tip
    stage = Stage.PUSHED if at_remote else Stage.COMMITTED
    target = replace(target, outcome=outcome, stage=stage, new_commit=review.tip)
    return target.noted(_beside(review, None))


def _check_fixed(reader: Reader, review: ReviewBranch, new: str) -> None:
    """Raise BranchTaken where commits on top of others' do not make the branch fix the base."""
    why = reader.left(new, review)
    if why:
        raise git.BranchTaken(
            f"branch {review.name} was edited by others, and with one more commit {why}: merge the "
            "base into it, or use --on-existing replace with --discard-others"
        )

"""Push the review branch of a clone that was named by a path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from patcher import git
from patcher.git.clones import PushPlace
from patcher.results import Outcome, Stage, Target
from patcher.values import dataclass

if TYPE_CHECKING:
    from patcher.campaign.branch import ReviewBranch
    from patcher.git.mirrors import Mirrors


@dataclass(frozen=True, slots=True)
class PushedClone:
    """A clone, and its remote as it is now."""

    repository: git.Repository
    """With the address of its remote."""
    place: PushPlace
    branch: str
    tip: str | None
    """What the review branch is at, there."""
    send: Callable[[str, str | None], str]
    """Pushes a commit to the review branch, from where that is."""

    def kept(self, target: Target, review: ReviewBranch, *, dry_run: bool) -> Target:
        """The target of a branch that stays as it is here; pushed where the remote lacks it."""
        if target.outcome is not Outcome.UP_TO_DATE or review.tip == self.tip:
            at_remote = target.outcome is not Outcome.EDITED or review.tip == self.tip
            return replace(target, stage=Stage.PUSHED) if at_remote else target
        if dry_run:
            scanned = replace(target, outcome=Outcome.SCANNED, stage=Stage.SCANNED)
            return scanned.noted(f"the branch is here already, and not at {self.place.address.url}")
        assert review.local is not None
        return self.pushed(target, review.local)

    def pushed(self, target: Target, commit: str) -> Target:
        """Push a commit that the clone has on its review branch. Raises GitError."""
        said = self.send(commit, self.tip)
        target = replace(target, outcome=Outcome.PUSHED, stage=Stage.PUSHED, new_commit=commit)
        target = target.noted(f"pushed to {self.place.address.url}")
        return target.noted(f"the server says: {said}" if said else "")


def asked(
    repository: git.Repository,
    base: git.Base,
    branch: str,
    *,
    remote: str | None,
    mirrors: Mirrors,
    pause: float,
) -> PushedClone:
    """Ask the remote of a clone what it has of the base and of the review branch. Raises GitError
    where the clone does not have the same: else more than the change would be pushed, or what is
    said of the branch would not be so there."""
    from patcher.forges import with_token
    from patcher.git.clones import push_place
    from patcher.git.remote import check_pushes

    place = push_place(repository, base, remote)
    place = replace(place, address=with_token(place.address, None, ()))
    check_pushes(place.address)
    ref = f"refs/heads/{branch}"
    refs = mirrors.refs(place.address, (ref, place.base)).refs
    at = f"at {place.address.url}"
    how = f"git -C {git.printable(repository.path)} fetch {git.printable(place.remote)}"
    if refs.get(place.base) != base.commit:
        there = refs.get(place.base)
        is_at = "is not there" if there is None else f"is at {there[:12]}"
        raise git.GitError(
            f"{base.name} is at {base.commit[:12]} here, and {place.base} {is_at} {at}: fetch or "
            f"push it first ({how}), so that the change alone is pushed"
        )
    tip = refs.get(ref)
    if tip is not None and not _has(repository, tip):
        raise git.GitError(f"branch {branch} has commits {at} that are not here: {how}")
    known = replace(repository, address=place.address)

    def send(commit: str, expected: str | None) -> str:
        return mirrors.send(known, branch, commit, expected, pause=pause)

    return PushedClone(known, place, branch, tip, send)


def _has(repository: git.Repository, commit: str) -> bool:
    with git.Objects(repository.common_dir / "objects", hexsize=len(commit)) as objects:
        return [header.kind for header in objects.read([commit.encode()], 0)] == ["commit"]

"""A push of a commit as a change of Gerrit's: the change takes the place of the review branch.

Gerrit keeps no review branch. The commit is pushed to ``refs/for/BASE``, and the patch set that a
change has now is what a branch's tip is at other forges.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from patcher import git
from patcher.campaign.commits import Commits
from patcher.forges import gerrit
from patcher.forges.review import Life, Review, Wanted
from patcher.forges.reviewing import missing
from patcher.forges.server import ForgeError
from patcher.git.history import History
from patcher.results import ReviewAct, ReviewResult
from patcher.reviews import opening
from patcher.reviews.wishes import Wishes
from patcher.values import dataclass

if TYPE_CHECKING:
    from patcher.git.mirrors import Mirrors

_NUMBER = re.compile(r"[0-9]+\Z")


@dataclass(frozen=True, slots=True)
class ChangePush:
    """The remote of a mirror at Gerrit."""

    mirrors: Mirrors
    place: opening.Place
    open: Review | None
    """The change as it was looked at before."""
    wanted: Wanted | None = None
    """None: nothing is pushed."""
    said: list[str] = field(default_factory=list)
    """What the server said to each push."""

    def tip(self, repository: git.Repository, branch: str) -> str | None:
        """The commit of the current patch set, which is in the mirror then; None without a
        change, and of other branches than that of the change, which patcher makes none of there."""
        if self.open is None or branch != self.place.head:
            return None
        commit = self.open.head_commit
        if commit is not None:
            assert repository.address is not None
            self.mirrors.bring_commits(repository, repository.address, [commit])
        return commit

    def history(self, repository: git.Repository, base: git.Base, branch: str, tip: str) -> History:
        """As the mirror has it."""
        return self.mirrors.history(repository, base, branch, tip)

    def is_elsewhere(self, repository: git.Repository, commit: str, branch: str) -> bool:
        """As the mirror has it."""
        return self.mirrors.is_elsewhere(repository, commit, branch)

    def push(
        self,
        repository: git.Repository,
        branch: str,
        commit: str | None,
        expected: str | None,
        *,
        pause: float = 0.0,
    ) -> str:
        """Push a commit for review; to remove the branch (None) does nothing, since the change is
        abandoned. Gerrit compares nothing with ``expected``, so that the change is looked at once
        more right before. Raises RemoteMoved and RemoteError."""
        if commit is None or self.wanted is None:
            return ""
        now = opening.look(self.place).open
        if (now and now.head_commit) != expected:
            raise git.RemoteMoved(
                f"the change for {self.wanted.base} was moved there in between: run again",
                "rejected",
            )
        request = gerrit.pushed(self._asked(), self.place.project.path)
        assert request.to is not None
        push = self.mirrors.push
        said = push(repository, branch, commit, expected, pause=pause, ref=request.to)
        self.said.append(said)
        return said

    def _asked(self) -> Wanted:
        """What this push asks for: of a change that is there only what that lacks, and whether it
        is a draft is left to people."""
        assert self.wanted is not None
        if self.open is None:
            return self.wanted
        return replace(
            self.wanted,
            draft=False,
            labels=tuple(missing(self.wanted.labels, self.open.labels)),
            reviewers=tuple(missing(self.wanted.reviewers, self.open.asked)),
            teams=(),  # its members were asked; who was added later is not known
        )


def check(repository: git.Repository, commits: Commits, wishes: Wishes) -> None:
    """Raise ForgeError for what a change cannot be."""
    if repository.address is None:
        raise ForgeError("a change at Gerrit is opened from a clone URL: name that, and not a path")
    if commits.per_file:
        raise ForgeError("Gerrit makes a change of each commit: leave out --commit-per file")
    if commits.on_existing == "append":
        raise ForgeError("a change at Gerrit is one commit: leave out --on-existing append")
    if wishes.fork == "always":
        raise ForgeError("Gerrit has no forks: leave out --fork")


def id_of(place: opening.Place, known: Sequence[Review], open_one: Review | None) -> str:
    """The Change-Id for the commit: that of the change that is open, else one that none has.
    ``known``: the changes that there are, the newest first."""
    number = len(known)
    if open_one is not None:
        numbers = [each.number for each in reversed(known)]
        number = numbers.index(open_one.number)
    return gerrit.change_id(place.project.path, place.base, place.head, number)


def result(push: ChangePush, wanted: Wanted, commit: str | None, has_token: bool) -> ReviewResult:
    """What became of the change, whose current patch set is to be ``commit``. Raises ForgeError
    where that is not known."""
    place = push.place
    now = opening.look(place).open
    if now is not None and now.head_commit != commit:
        raise ForgeError(f"{now.url} has another patch set meanwhile: run again")
    url = next((url for said in reversed(push.said) if (url := _url(push, said))), None)
    act = ReviewAct.UNCHANGED if push.open else ReviewAct.OPENED
    if push.open is not None and push.said:
        act = ReviewAct.UPDATED
    if now is None:
        if url is None:
            raise ForgeError(
                f"{place.client.server.host} lists no open change for it, and named none: set "
                f"{place.client.server.variables}"
            )
        number = _NUMBER.search(url)
        missed = gerrit.pushed(wanted, place.project.path).missed
        return ReviewResult(act, url, number[0] if number else "", Life.OPEN.value, (), missed)
    if not has_token:
        missed = gerrit.pushed(wanted, place.project.path).missed
        lacking = missing((*wanted.labels, *wanted.reviewers), (*now.labels, *now.asked))
        if not push.said and lacking:
            missed = (*missed, f"{', '.join(lacking)}: set {place.client.server.variables}")
        return opening.result(act, now, missed)
    wish = wanted if push.open is None else replace(wanted, teams=())
    done = place.forge.update(place.client, place.project, now, wish)
    if act is ReviewAct.UNCHANGED and (done.review.asked, done.review.labels) != (
        now.asked,
        now.labels,
    ):
        act = ReviewAct.UPDATED
    return opening.result(act, done.review, done.missed)


def _url(push: ChangePush, said: str) -> str | None:
    return gerrit.pushed_url(said, push.place.project.path)

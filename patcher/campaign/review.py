"""The step from a pushed branch to its review, and back: asked before the work, opened after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from patcher import git
from patcher.campaign import change_push
from patcher.campaign.asking_push import AskingPush
from patcher.campaign.at_forge import RepositoryAtForge
from patcher.campaign.branch import Remote
from patcher.campaign.commits import Commits, branch_name
from patcher.campaign.selection import Selection
from patcher.campaign.verified import VerifiedPush
from patcher.findings import Status
from patcher.forges import homes
from patcher.forges.client import RequestRefused
from patcher.forges.review import Life, Review, Wanted
from patcher.forges.server import ForgeError
from patcher.git.commits import read_commits
from patcher.results import BranchState, Outcome, ReviewAct, ReviewResult, Stage, Target
from patcher.reviews import opening, owners, rollout, text, tree
from patcher.reviews.wishes import Wishes
from patcher.sources.filters import matching

if TYPE_CHECKING:
    from patcher.git.mirrors import Mirrors
    from patcher.sources.found import Found

Apply = Callable[[Commits, Remote | None], Target]
"""Does with the target of one base what `patcher.campaign.apply` does; at a fork, if there is
one."""

_DIALECTS: dict[str, owners.Dialect] = {"github": "github", "gitlab": "gitlab", "gitea": "gitea"}
_OTHERS = (BranchState.EDITED, BranchState.FOREIGN)
_HEADS = "refs/heads/"


@dataclass(slots=True)
class RepositoryReviews:
    """The reviews of one repository in a run."""

    found: Found
    commits: Commits
    selection: Selection
    servers: Sequence[str]
    """Of the whole campaign."""
    warn: Callable[[str], None]
    mirrors: Callable[[], Mirrors]
    wishes: Wishes = field(init=False)
    """What the user wants of them."""
    _forge: RepositoryAtForge = field(init=False)

    def __post_init__(self) -> None:
        wishes = self.commits.reviews
        assert wishes is not None
        where = self.found.place
        name = where.url if isinstance(where, git.Address) else where.place
        for glob, changes in wishes.overrides:
            if matching([glob], name):
                wishes = replace(wishes, **dict(changes))
        self.wishes = wishes
        self._forge = RepositoryAtForge(
            self.found, self.commits, wishes, self.servers, self.warn, self.mirrors
        )

    def applied(
        self, repository: git.Repository, base: git.Base, target: Target, alone: bool, apply: Apply
    ) -> Target:
        """The target with its change committed and pushed, and its review opened or updated; or
        undone, with the review closed. Raises GitError for what fails before anything is done."""
        name = branch_name(self.selection.migrations, base, given=self.commits.branch, alone=alone)
        done = self._applied(repository, base, target, name, apply)
        if done.review is None or self._forge.url is None:
            return done
        return replace(done, review=done.review._replace(at=self._forge.url))

    def _applied(
        self, repository: git.Repository, base: git.Base, target: Target, name: str, apply: Apply
    ) -> Target:
        if self.commits.undo:
            return self._undone(repository, base, name, apply)
        if not target.files:
            return self._without_edit(repository, base, name, apply)
        place = self._forge.place_to_push(repository, base, name)
        if self._forge.is_gerrit:
            return self._changed(repository, base, target, place, apply)
        if not self._forge.has_token:
            return self._without_token(repository, base, target, place, apply)
        there = opening.look(place)
        if place.project.archived:
            return _left(target, name, ReviewResult(ReviewAct.ARCHIVED))
        if there.is_declined and there.last is not None and not self.wishes.reopen:
            return _left(target, name, opening.declined(there.last))
        done = self._pushed(repository, base, place, name, apply)
        if self.commits.dry_run:
            if done.error is not None:
                return done
            what = "opened" if there.open is None else f"brought up to date: {there.open.url}"
            return done.noted(f"its review would be {what}")
        if done.stage is not Stage.PUSHED:
            return done
        try:
            return self._opened(repository, base, done, place, there)
        except (ForgeError, git.GitTimeout, text.TemplateWrong) as error:
            why = f"branch {name} is pushed, and its review is not done: {error}"
            cause = getattr(error, "cause", "review")
            return replace(done, error="; ".join(filter(None, (done.error, why))), cause=cause)

    def _pushed(
        self,
        repository: git.Repository,
        base: git.Base,
        place: opening.Place,
        name: str,
        apply: Apply,
    ) -> Target:
        """The target with its branch pushed, with commits that GitHub made where they are to be
        verified."""
        if not self.commits.verified_commits or self.commits.dry_run:
            return apply(self.commits, self._forge.fork)
        from patcher.git.mirrors.forks import Fork

        assert repository.address is not None
        mirrors, fork = self.mirrors(), self._forge.fork
        push = VerifiedPush(
            fork or mirrors,
            fork or Fork(mirrors, repository.address),
            place.client,
            place.head_project,
            base,
            self._forge.turn,
            self.warn,
            self.commits.pause,
        )
        done = apply(self.commits, push)
        if not push.verdicts:
            push.tidy(repository, name)
        return done

    def _without_token(
        self,
        repository: git.Repository,
        base: git.Base,
        target: Target,
        place: opening.Place,
        apply: Apply,
    ) -> Target:
        """The target with its branch pushed, and its review asked for by the push, where the forge
        takes that; else with the address to open it at."""
        home = self._forge.home
        asking, commits = None, self.commits
        if (forge := homes.pushes(home.forge)) is not None and not self.commits.dry_run:
            request = forge.pushed(self._wanted(repository, base, target, place)[0], home.path)
            if request.to is None:
                asking = AskingPush(self.mirrors(), forge, request, home.path)
            # A branch that is there may have a review, which a push elsewhere would not change.
            elif repository.address and not self.mirrors().tip(repository, place.head):
                asking = AskingPush(self.mirrors(), forge, request, home.path)
                (there,) = read_commits(repository.common_dir / "objects", (base.commit,))
                commits = replace(commits, date=there.committer.rpartition("> ")[2])
        done = apply(commits, asking)
        if self.commits.dry_run or done.stage is not Stage.PUSHED:
            return done
        if asking is not None and asking.is_same:
            done = replace(done, outcome=Outcome.UP_TO_DATE)
            return done.noted("its pull request is open, and has this commit")
        if asking is not None and (result := asking.result()) is not None:
            done = replace(done, stage=Stage.REVIEWED, review=result)
            return done.noted(_BLIND if asking.request.to else "")
        if asking is not None and asking.request.to is not None:
            why = f"it is pushed to {asking.request.to}, and the server names no pull request: set "
            why += home.server.variables
            return replace(done, error="; ".join(filter(None, (done.error, why))), cause="no token")
        url = homes.new_review_url(home, place.base, place.head)
        why = (
            f"branch {place.head} is pushed, and it takes a token to know whether its review is "
            f"open: set {home.server.variables}"
        )
        why += f", or open it at {url}" if url else ""
        return replace(done, error="; ".join(filter(None, (done.error, why))), cause="no token")

    def _changed(
        self,
        repository: git.Repository,
        base: git.Base,
        target: Target,
        place: opening.Place,
        apply: Apply,
    ) -> Target:
        """The target with its commit pushed as a change of Gerrit's, or as a new patch set of the
        one that is open. Raises ForgeError."""
        change_push.check(repository, self.commits, self.wishes)
        if place.project.archived:
            return _left(target, place.head, ReviewResult(ReviewAct.ARCHIVED))
        known = place.reviews()
        there = opening.among(known)
        if there.is_declined and there.last is not None:
            if not self.wishes.reopen:
                return _left(target, place.head, opening.declined(there.last))
            if not self.commits.dry_run:
                if not self._forge.has_token:
                    raise ForgeError(f"it takes a token: set {place.client.server.variables}")
                with self._forge.turn():
                    place.forge.reopen(place.client, place.project, there.last)
            there = opening.There(open=there.last)
        is_reopened = there.open is not None and there.open.life is not Life.OPEN
        wanted, missed = self._wanted(repository, base, target, place)
        if self.wishes.title is not None or self.wishes.body is not None:
            missed = (
                *missed,
                "title and text: they are the commit's message there (--message)",
            )
        push = change_push.ChangePush(self.mirrors(), place, there.open, wanted)
        own = change_push.id_of(place, known, there.open)
        done = apply(replace(self.commits, change=own), push)
        if self.commits.dry_run:
            if done.error is not None:
                return done
            what = "opened" if there.open is None else f"brought up to date: {there.open.url}"
            return done.noted(f"its review would be {what}")
        if done.stage is not Stage.PUSHED:
            return done
        try:
            with self._forge.turn():
                result = change_push.result(push, wanted, done.new_commit, self._forge.has_token)
        except (ForgeError, git.GitTimeout) as error:
            why = f"what became of its change is not known: {error}"
            return replace(
                done, error="; ".join(filter(None, (done.error, why))), cause=error.cause
            )
        if is_reopened:
            result = result._replace(act=ReviewAct.REOPENED)
        result = result._replace(missed=(*missed, *result.missed))
        return replace(done, stage=Stage.REVIEWED, review=result)

    def gone(self, target: Target, error: git.RemoteError) -> Target | None:
        """The target of a repository that git does not find, where its forge knows nothing of it
        either; None where it does. Raises ForgeError."""
        assert isinstance(self.found.place, git.Address)
        try:
            project = self._forge.known(self.found.place).project
        except RequestRefused as refused:
            if refused.status not in (404, 410):
                raise
            left = _left(target, None, ReviewResult(ReviewAct.GONE))
            return left.noted(f"it is gone, or the token may not see it: {error}")
        if project.archived:
            return _left(target, None, ReviewResult(ReviewAct.ARCHIVED))
        return None

    def _opened(
        self,
        repository: git.Repository,
        base: git.Base,
        target: Target,
        place: opening.Place,
        there: opening.There,
    ) -> Target:
        wanted, missed = self._wanted(repository, base, target, place)
        with self._forge.turn():
            result = opening.open_review(
                place,
                there,
                wanted,
                reopen=self.wishes.reopen,
                retitle=self.wishes.title is not None,
            )
        if result.act is ReviewAct.DECLINED:
            return _left(target, target.branch, result)
        result = result._replace(missed=(*missed, *result.missed))
        return replace(target, stage=Stage.REVIEWED, review=result)

    def _wanted(
        self, repository: git.Repository, base: git.Base, target: Target, place: opening.Place
    ) -> tuple[Wanted, tuple[str, ...]]:
        """The review as it should be, and what of the owners was not understood."""
        wishes, migrations = self.wishes, self.selection.migrations
        asked = owners.Owners()
        with tree.opened(repository, base.commit) as files:
            notes = rollout.notes(target, files, migrations)
            facts = text.ReviewFacts(
                target, migrations, place.project.path, place.base, place.head, notes
            )
            body = text.body(facts, wishes.body)
            if wishes.review_template is not None and (own := tree.review_template(files)):
                body = text.with_template(body, own, before=wishes.review_template == "before")
            dialect = _DIALECTS.get(self._forge.home.forge)
            if wishes.code_owners and dialect is not None:
                asked = owners.owners(files, dialect, [file.path for file in target.files])
        wanted = Wanted(
            head=place.head,
            head_project=place.head_project.path,
            base=place.base,
            title=text.title(facts, wishes.title),
            body=body,
            draft=wishes.draft,
            labels=wishes.labels,
            reviewers=_union(wishes.reviewers, asked.users),
            teams=_union(wishes.teams, asked.teams),
            assignees=wishes.assignees,
            milestone=wishes.milestone,
            auto_merge=wishes.auto_merge,
        )
        return wanted, asked.missed

    def _without_edit(
        self, repository: git.Repository, base: git.Base, name: str, apply: Apply
    ) -> Target:
        """The target of a base that needs no edit; its review is closed where that is wanted."""
        place = None
        if self.commits.refresh:
            place = self._forge.place(repository, base, name)
        if place is None:
            return apply(self.commits, None)
        done = apply(self.commits, self._forge.remote(repository, base, name))
        return self._obsolete(repository, base, done, place, apply)

    def _obsolete(
        self,
        repository: git.Repository,
        base: git.Base,
        target: Target,
        place: opening.Place,
        apply: Apply,
    ) -> Target:
        """Close the review of a base that is fixed by now, where nobody else worked on it."""
        is_fixed = target.read and target.status in (Status.FIXED, Status.NOT_AFFECTED)
        if target.outcome is not Outcome.NOTHING_TO_DO or target.failed or not is_fixed:
            return target
        there, name = self._there(place), place.head
        review = there.open
        if review is None:
            return self._left_behind(repository, base, name, there, target, apply)
        if target.branch_state in _OTHERS:
            return target.noted(f"others committed to its branch, so {review.url} stays open")
        if target.branch_state is None:
            return target.noted(f"its branch could not be read, so {review.url} stays open")
        if self.commits.dry_run:
            return target.noted(f"{review.url} would be closed: the base is fixed")
        why = f"`{place.base}` needs this change no more, so it is closed."
        remote = self._forge.remote(repository, base, name)
        return self._closed(place, review, why, apply, target, remote)

    def _left_behind(
        self,
        repository: git.Repository,
        base: git.Base,
        name: str,
        there: opening.There,
        target: Target,
        apply: Apply,
    ) -> Target:
        """Remove the branch of a review that patcher closed, and then ended before it did that."""
        is_closed = there.last is not None and there.last.life is Life.CLOSED
        is_other = target.branch_state in (None, BranchState.NONE, *_OTHERS)
        if not is_closed or is_other or there.is_declined or self._forge.is_gerrit:
            return target
        if self.commits.dry_run:
            return target.noted(f"branch {name} of its closed review would be removed")
        done = apply(replace(self.commits, undo=True), self._forge.remote(repository, base, name))
        if done.outcome is not Outcome.REMOVED:
            return target.noted(f"branch {name} of its closed review stays: {done.note}")
        return target.noted(f"branch {name} of its closed review is removed")

    def _there(self, place: opening.Place) -> opening.There:
        """What there is of reviews. Raises ForgeError, also without a token: a review that is not
        seen is not closed either, and the forge would do that once its branch is gone."""
        if not self._forge.has_token:
            raise ForgeError(f"it takes a token: set {place.client.server.variables}")
        return opening.look(place)

    def _undone(
        self, repository: git.Repository, base: git.Base, name: str, apply: Apply
    ) -> Target:
        place = self._forge.place(repository, base, name)
        if place is None:
            seen = apply(replace(self.commits, dry_run=True), None)
            nothing = replace(seen, branch_state=None, new_commit=None, note="")
            nothing = replace(nothing, outcome=Outcome.NOTHING_TO_DO, stage=Stage.NOTHING_TO_DO)
            return nothing.noted("there is no fork of yours, so no review branch")
        there = self._there(place)
        review = there.open or opening.by_push(place)
        remote = self._forge.remote(repository, base, name)
        if review is None:
            return apply(self.commits, remote)
        seen = apply(replace(self.commits, dry_run=True), remote)
        if seen.branch_state is BranchState.FOREIGN:
            return seen.noted(f"nothing on it is patcher's, so {review.url} stays open")
        if self.commits.dry_run:
            return seen.noted(f"{review.url} would be closed")
        done = self._closed(place, review, "This change is withdrawn.", apply, None, remote)
        stays = repository.address is None and "its branch at the remote stays: remove it there"
        return done.noted(stays or "")

    def _closed(
        self,
        place: opening.Place,
        review: Review,
        why: str,
        apply: Apply,
        target: Target | None,
        remote: Remote | None,
    ) -> Target:
        """Close the review, and then remove its branch where that is all patcher's. A forge closes
        what has no branch any more by itself, without a word."""
        with self._forge.turn():
            result = opening.close_review(place, review, why)
        done = apply(replace(self.commits, undo=True), remote)
        if target is not None:
            done = replace(target, note=done.note, new_commit=done.new_commit, branch=done.branch)
        return replace(done, review=result)


_BLIND = (
    "without a token it is not known whether this pull request is new, and whether a person closed "
    "an earlier one"
)


def _left(target: Target, branch: str | None, result: ReviewResult) -> Target:
    """The target where nobody is to change anything."""
    return replace(target, outcome=Outcome.LEFT, stage=Stage.LEFT, branch=branch, review=result)


def _union(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))

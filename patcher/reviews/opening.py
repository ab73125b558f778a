"""Open a review, or bring the one that is open up to what is wanted: never a second one.

What to do is read from the forge each time, and nothing is remembered between two runs: a review is
that from this head of this repository into this base. So a run that was killed, and one of another
machine, are continued by the next. What patcher did last with a review stands in its body, in marks
that no reader sees: that it closed it, and whom it asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from patcher.forges import ForgeError
from patcher.forges.review import (
    AlreadyThere,
    Done,
    Life,
    Project,
    Review,
    Reviews,
    Unsupported,
    Wanted,
)
from patcher.results import ReviewAct, ReviewResult
from patcher.reviews import text
from patcher.values import dataclass

if TYPE_CHECKING:
    from patcher.forges.client import Client

_AGAIN = 3
"""How often to look again for a review that is said to be there."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a review belongs."""

    forge: Reviews
    client: Client
    project: Project
    """The repository with the base."""
    head_project: Project
    """The one with the review branch: the same, or a fork of it."""
    head: str
    base: str

    def reviews(self) -> Sequence[Review]:
        """All from this head into this base, the newest first. Raises ForgeError."""
        return self.forge.reviews(
            self.client, self.project, self.head, self.head_project, self.base
        )


class There(NamedTuple):
    """What there is of reviews."""

    open: Review | None = None
    last: Review | None = None
    """The newest one, where none is open."""

    @property
    def is_declined(self) -> bool:
        """Whether a person closed it."""
        last = self.last
        return (
            last is not None
            and last.life is Life.CLOSED
            and not (last.is_closed_by_patcher or text.is_marked_closed(last.body))
        )


def look(place: Place) -> There:
    """What there is. Raises ForgeError."""
    return among(place.reviews())


def by_push(place: Place) -> Review | None:
    """The review that is open and that a push without a token opened for this branch, where the
    forge does not find it by that: Gitea's, whose texts say for which branch they are. Raises
    ForgeError, also where one with patcher's marks does not say so."""
    find = getattr(place.forge, "open_by_push", None)
    if find is None:
        return None
    opened: list[Review] = list(find(place.client, place.project, place.base))
    ours = [each for each in opened if text.is_patchers(each.body)]
    for each in ours:
        if text.is_for(each.body, place.head, place.base):
            return each
    for each in ours:
        if not text.names_a_branch(each.body):
            raise ForgeError(
                f"{each.url} was opened by a push, and does not say for which branch: if it is "
                f"for {place.head}, close it at its forge"
            )
    return None


def among(found: Sequence[Review]) -> There:
    """What there is among reviews, the newest first."""
    opened = [each for each in found if each.life is Life.OPEN]
    if opened:
        return There(open=opened[0])
    return There(last=next(iter(found), None))


def result(act: ReviewAct, review: Review, missed: Sequence[str] = ()) -> ReviewResult:
    """What became of a review, as a value that travels."""
    asked = tuple(dict.fromkeys([*review.asked, *review.assignees]))
    return ReviewResult(act, review.url, review.number, review.life.value, asked, tuple(missed))


def declined(review: Review) -> ReviewResult:
    """A review that a person closed stays closed."""
    return result(ReviewAct.DECLINED, review)


def open_review(
    place: Place, there: There, wanted: Wanted, *, reopen: bool = False, retitle: bool = False
) -> ReviewResult:
    """Open a review as it is wanted, or make the one that is there so. ``reopen``: also where a
    person closed it. ``retitle``: the title is the user's own, and replaces that of the one that is
    there. Raises ForgeError."""
    if there.open is not None:
        return _updated(place, there.open, wanted, retitle=retitle)
    if there.is_declined and there.last is not None:
        if not reopen:
            return declined(there.last)
        if (again := _reopened(place, there.last)) is not None:
            updated = _updated(place, again, wanted, retitle=retitle)
            return updated._replace(act=ReviewAct.REOPENED)
    try:
        done = place.forge.create(place.client, place.project, wanted)
    except AlreadyThere as error:
        for _ in range(_AGAIN):
            there = look(place)
            if there.open is not None:
                return _updated(place, there.open, wanted, retitle=retitle)
        raise ForgeError(f"{error}, but the forge lists none: run again") from None
    _check(place, done.review)
    review = done.review if done.missed else _marked(place, done.review, wanted)
    return result(ReviewAct.OPENED, review, done.missed)


def close_review(place: Place, review: Review, comment: str) -> ReviewResult:
    """Close a review with a comment, so that the next run knows that no person did. Raises
    ForgeError."""
    body = text.marked_closed(review.body)
    if body != review.body:
        # First of all: whoever finds it closed must not take that for a person's no.
        review = _with_body(place, review, body)
        place.forge.comment(place.client, place.project, review, comment)
    closed = place.forge.close(place.client, place.project, review)
    if closed.life is not Life.CLOSED:
        raise ForgeError(f"{review.url} is {closed.life.value}, and not closed")
    return result(ReviewAct.CLOSED, closed)


def _reopened(place: Place, review: Review) -> Review | None:
    """The review, open again; None where the forge does not do that: GitHub where the branch was
    replaced meanwhile, Bitbucket Cloud never."""
    from patcher.forges.client import RequestRefused

    try:
        again = place.forge.reopen(place.client, place.project, review)
        _check(place, again)
        return again
    except Unsupported:
        return None
    except RequestRefused as refused:
        if refused.status in (409, 422):
            return None
        raise


def _check(place: Place, review: Review) -> None:
    """Raise ForgeError where a review that was opened is not the one that was asked for."""
    if review.life is not Life.OPEN:
        raise ForgeError(f"{review.url} is {review.life.value}, and not open")
    if (review.head, review.base) != (place.head, place.base):
        raise ForgeError(
            f"the forge answers with {review.url}, which is from {review.head} into {review.base}"
        )


def _updated(place: Place, review: Review, wanted: Wanted, *, retitle: bool) -> ReviewResult:
    """Make a review as it is wanted, but for what others did about it: its title, what they wrote
    around the body, whether it is a draft, and whom patcher asked before."""
    mark = _people(wanted)
    is_asked = text.asked_mark(review.body) == mark
    body = text.renewed(text.unmarked(review.body), text.with_asked(wanted.body, mark))
    if not is_asked:  # only when they were asked is it said that they were
        body = text.with_asked(body, text.asked_mark(review.body))
    wanted = replace(
        wanted,
        title=wanted.title if retitle or not review.title else review.title,
        body=body,
        draft=review.draft,
    )
    if is_asked:
        wanted = replace(
            wanted,
            labels=(),
            reviewers=(),
            teams=(),
            assignees=(),
            milestone=None,
            auto_merge=None,
        )
    done: Done = place.forge.update(place.client, place.project, review, wanted)
    after = done.review
    if not (is_asked or done.missed):  # what is missed may be there the next time
        after = _marked(place, after, wanted)
    same = (is_asked or bool(done.missed)) and (review.title, review.body) == (
        wanted.title,
        wanted.body,
    )
    act = ReviewAct.UNCHANGED if same else ReviewAct.UPDATED
    return result(act, after, done.missed)


def _marked(place: Place, review: Review, wanted: Wanted) -> Review:
    """The review with the mark that everybody was asked."""
    body = text.with_asked(review.body, _people(wanted))
    return review if body == review.body else _with_body(place, review, body)


def _with_body(place: Place, review: Review, body: str) -> Review:
    wanted = Wanted(
        place.head,
        place.head_project.path,
        place.base,
        review.title,
        body,
        draft=review.draft,
    )
    return place.forge.update(place.client, place.project, review, wanted).review


def _people(wanted: Wanted) -> str:
    """A mark for all that is asked of people and of the forge; empty for nothing."""
    asked = (
        wanted.labels,
        wanted.reviewers,
        wanted.teams,
        wanted.assignees,
        wanted.milestone,
        wanted.auto_merge,
    )
    if not any(asked):
        return ""
    return hashlib.sha256(repr(asked).encode("utf-8", "replace")).hexdigest()[:12]

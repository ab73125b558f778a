"""Reviews: pull requests, merge requests, changes; and what every forge can do with them.

The modules of the forges that have reviews hold the functions of `Reviews`. They are the forge's
requests and no more: what is to be done, and what was done already, is decided in
`patcher.reviews`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from patcher.forges.server import ForgeError
from patcher.values import dataclass

if TYPE_CHECKING:
    from patcher.forges.client import Client

MergeMethod = Literal["merge", "squash", "rebase"]


class Unsupported(ForgeError):
    """The forge has no such thing; ``str(error)`` says what it lacks."""


class AlreadyThere(ForgeError):
    """A review from this head into this base is open already."""


class Life(StrEnum):
    """What became of a review."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"
    """Closed without a merge."""


class Checks(StrEnum):
    """What the forge's CI says of the tip of a review. A check that was skipped counts as passed
    where another one ran."""

    PASSED = "passed"
    FAILED = "failed"
    PENDING = "pending"
    NONE = "none"
    """Nothing looks at it."""


@dataclass(frozen=True, slots=True)
class Project:
    """A repository as its forge knows it."""

    id: str
    """What stays when it is renamed."""
    path: str
    """Its full name now, as the forge spells it: ``owner/name``."""
    clone_url: str
    default_branch: str | None
    archived: bool = False
    can_push: bool | None = None
    """Whether the token may push branches; None where the forge does not say."""
    fork_of: str | None = None
    """The `id` of the repository that it was forked from."""


@dataclass(frozen=True, slots=True)
class Review:
    """A review as it is at its forge; None where the forge does not say, or not in this request."""

    number: str
    """What the forge calls it in its project."""
    url: str
    """Where a person sees it."""
    life: Life
    head: str
    """The branch with the change, without ``refs/heads/``."""
    head_project: str | None
    """The `Project.id` where that branch is; None where that one is gone."""
    head_commit: str | None
    base: str
    title: str = ""
    body: str = ""
    draft: bool = False
    approved: bool | None = None
    """Whether it has all approvals that the forge asks for, and at least one of a person, of the
    commit as it is; no one's request for changes stands against it."""
    checks: Checks | None = None
    conflicts: bool | None = None
    blocked: bool = False
    """Whether the forge says that a rule of the base is not met. An administrator's token may merge
    it all the same."""
    labels: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    """Users and teams whose review was asked for."""
    assignees: tuple[str, ...] = ()
    milestone: str | None = None
    auto_merge: bool = False
    """Whether the forge is to merge it by itself, once all that it asks for is there."""
    closed_by: str | None = None
    """The login of whoever closed it."""
    is_closed_by_patcher: bool = False
    """Whether patcher closed it, where the forge keeps a mark of that beside the body."""
    merge_commit: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A review as it should be."""

    head: str
    head_project: str
    """The `Project.path` that has the branch."""
    base: str
    title: str
    body: str
    draft: bool = False
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    milestone: str | None = None
    auto_merge: MergeMethod | None = None
    """Have the forge merge it, once all that it asks for is there."""


class Done(NamedTuple):
    """A review that was opened or changed, and what of the wish could not be met, in a line each:
    ``label security: there is none``."""

    review: Review
    missed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PushRequest:
    """How a push asks for a review, without a token for the forge's interface."""

    to: str | None
    """The full name of the ref to push to; None: the branch itself, with its lease."""
    options: tuple[str, ...]
    missed: tuple[str, ...]
    """What of the wish no push can ask for, in a line each, as in `Done`."""


class Pushes(Protocol):
    """What a forge does for a push; its module has these functions where it does something."""

    def pushed(self, wanted: Wanted, path: str) -> PushRequest:
        """The push that asks for a review in the repository ``path``, or changes the one that is
        open."""
        ...

    def pushed_url(self, said: str, path: str) -> str | None:
        """Where the review is, as the server says after the push; None: it does not say so, and
        there may be none."""
        ...


class Together(Protocol):
    """What a forge does where it shows many reviews at once; its package has the function then."""

    def look_together(
        self, client: Client, wanted: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], tuple[Project, Review]]:
        """Reviews by their `Project.path` and number, with approvals, checks and conflicts. Those
        that it says too little of are left out. Raises ForgeError."""
        ...


class OwnFork(NamedTuple):
    """A fork of the token's user."""

    project: Project
    made: str | None
    """When it was made, in ISO 8601; None where the forge does not say."""


class Forks(Protocol):
    """What a forge says of open reviews, so that forks can be removed; its package has these
    functions where it does. Every function raises ForgeError."""

    def open_reviews(self, client: Client, project: Project) -> Iterator[Review]:
        """All reviews into it that are open, from wherever."""
        ...

    def open_from(self, client: Client, project: Project) -> str:
        """The address of a review that is open from this fork, into whatever repository that the
        token may see; empty where there is none. Raises ForgeError also where that cannot be
        known."""
        ...


class Reviews(Protocol):
    """What a forge does with reviews. Every function raises ForgeError, which is `RequestRefused`
    where the forge answered with an error."""

    def project(self, client: Client, path: str) -> Project:
        """The repository of that name now, or of that earlier name; 404: gone, or not to be
        seen."""
        ...

    def reviews(
        self, client: Client, project: Project, head: str, head_project: Project, base: str
    ) -> Sequence[Review]:
        """All from this head into this base, whatever became of them, the newest first."""
        ...

    def review(self, client: Client, project: Project, number: str) -> Review:
        """One, with approvals, checks and conflicts."""
        ...

    def create(self, client: Client, project: Project, wanted: Wanted) -> Done:
        """Open a review. Raises `AlreadyThere` where one is open from this head into this base."""
        ...

    def update(self, client: Client, project: Project, review: Review, wanted: Wanted) -> Done:
        """Make it as it is wanted, with as few requests as that takes; none where it is so. Labels,
        reviewers and assignees of others stay, and whether it is a draft: someone may have made it
        ready."""
        ...

    def comment(self, client: Client, project: Project, review: Review, body: str) -> None:
        """Say something in it."""
        ...

    def set_draft(self, client: Client, project: Project, review: Review, draft: bool) -> Review:
        """Make a draft of it, or make it ready."""
        ...

    def merge(
        self, client: Client, project: Project, review: Review, method: MergeMethod
    ) -> Review:
        """Merge it at `Review.head_commit`, and at no other: the forge refuses where it moved."""
        ...

    def close(self, client: Client, project: Project, review: Review) -> Review:
        """Close it without a merge."""
        ...

    def reopen(self, client: Client, project: Project, review: Review) -> Review:
        """Open it again."""
        ...

    def own_fork(self, client: Client, project: Project) -> OwnFork | None:
        """The fork of it that the token's user has; None where there is none."""
        ...

    def fork(self, client: Client, project: Project) -> Project:
        """The token's user's fork of it, made where there is none, once it can be pushed to."""
        ...

    def delete_fork(self, client: Client, project: Project) -> None:
        """Remove a repository that is a fork; any other one is refused before the forge is
        asked."""
        ...

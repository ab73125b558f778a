"""How far campaigns are, as the values that the ledger gives and reports show.

They are named tuples, as a dataclass takes 0.7 ms to define.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from patcher.kinds import ErrorKind
from patcher.results import Stage

ATTEMPTS = 3
"""How often a repository is tried before it takes ``--retry`` to try it again."""

KILLS = 10
"""How often patcher may end while it is at work on a repository before that one is taken for the
reason. Others were at work on at the same time, and most kills come from outside."""

KILLED = "killed"
"""The cause where patcher itself ended while it was at work on a repository."""


class Planned(NamedTuple):
    """A repository that a campaign is to do."""

    place: str
    """Its clone URL, or its absolute path."""
    bases: tuple[str, ...] = ()
    """From a list; none: the campaign's own."""
    family: str | None = None
    """The URL of the repository that it was forked from, as its forge says."""
    attempts: int = 0
    """How often it was tried before."""
    server: str | None = None
    """The forge's server that it was found at, whose token is for it; see `patcher.forges`."""
    default_branch: str | None = None
    """As its forge says, for a HEAD that names no branch."""


class Progress(NamedTuple):
    """One target as the ledger has it. Times are UTC, as ``2026-05-01T12:00:00Z``."""

    place: str
    stage: Stage
    attempts: int
    """How often its repository was tried."""
    at: str
    """When this was recorded; when it was planned, for what is."""
    base: str | None = None
    commit: str | None = None
    branch: str | None = None
    new_commit: str | None = None
    outcome: str | None = None
    status: str | None = None
    findings: int = 0
    edits: int = 0
    error: str | None = None
    cause: str | None = None
    note: str | None = None
    branch_state: str | None = None
    review_act: str | None = None
    """What the last run did about its review."""
    review: str | None = None
    """Where a person sees it."""
    review_number: str | None = None
    review_life: str | None = None
    """What its forge said last of it: open, merged or closed."""
    review_at: str | None = None
    """The clone URL of the repository that it is in."""


class ReviewState(NamedTuple):
    """A review of a campaign as its forge knows it now, and what was done about it."""

    place: str
    base: str
    number: str
    url: str
    life: str = ""
    """open, merged or closed; empty where the forge did not say."""
    draft: bool = False
    approved: bool | None = None
    checks: str | None = None
    """passed, failed, pending or none."""
    conflicts: bool | None = None
    did: str = ""
    """What was done, or would be, or why nothing was, in a few words."""
    is_done: bool = False
    """Whether it is as it was asked for."""
    is_changed: bool = False
    """Whether it was changed, or would be."""
    error: str | None = None
    """One line: why it could not be looked at or changed."""


class Counts(NamedTuple):
    """A campaign in numbers. Repositories are ``done``, ``failed`` or ``planned``."""

    repositories: int
    done: int
    failed: int
    planned: int
    working: int
    """Of those planned: how many some process is at work on."""
    exhausted: int
    """Of those failed: how many are tried again with ``--retry`` alone."""
    stages: Mapping[Stage, int]
    """Targets by stage; of ``planned``, repositories, for their branches are not known yet."""

    @property
    def left(self) -> int:
        """Repositories that the next run takes up."""
        return self.planned + self.failed - self.exhausted

    def to_do(self, retry: Literal["failed", "all"] | None) -> int:
        """Repositories that a run takes up which tries again as ``retry`` says."""
        if retry is None:
            return self.left
        return self.repositories if retry == "all" else self.planned + self.failed


class CauseSummary(NamedTuple):
    """Failures of one kind in a campaign."""

    cause: str
    targets: int
    attempts: int
    """How often the one that was tried most often was tried."""
    example: Progress
    kinds: Sequence[ErrorKind[Progress]] = ()
    """By their words, see `patcher.kinds`, the most frequent first."""


class Summary(NamedTuple):
    """A campaign in one line."""

    name: str
    made: str
    active: str
    """When something last happened."""
    running: bool
    """Whether a process is at work on it."""
    counts: Counts


class CampaignState(NamedTuple):
    """All that the ledger knows of a campaign."""

    summary: Summary
    settings: Mapping[str, Any]
    causes: Sequence[CauseSummary]
    """The most frequent first."""
    branch_states: Mapping[str, int]
    """Targets by the state in which their review branch was found."""
    reviews: Mapping[str, int]
    """How many reviews were open, merged and closed at the last look."""
    rows: Iterable[Progress]
    """In the order of planning."""
    failures_only: bool = False
    """Whether these are the failed ones alone."""

"""How far a campaign has come with each target: values only, so that reports need nothing else.

| stage | its target |
| --- | --- |
| planned | is still to be done, or is to be done again |
| scanned | was read, and nothing was to be written (a scan, a dry run) |
| proved | as scanned, and has edits, each of them proved by AppArmor's own parser |
| nothing to do | needs no edit |
| committed | has the change on its review branch, by this run or before it |
| pushed | has it there at its remote as well |
| reviewed | has it in a review that is open |
| failed | something could not be done; ``new_commit`` says whether a part of it was |

Only *failed* ends badly: a repository of which no target failed is done, and is not taken up again.
*proved* and *scanned* are ends too: whoever asks for no commit wants none. An edit that was refuted
is a failure whatever else was committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from patcher.campaign.target import Target

ATTEMPTS = 3
"""How often a repository is tried before it takes ``--retry`` to try it again."""

KILLS = 10
"""How often patcher may end while it is at work on a repository before that one is taken for the
reason. Others were at work on at the same time, and most kills come from outside."""

KILLED = "killed"
"""The cause where patcher itself ended while it was at work on a repository."""


class Stage(StrEnum):
    """See the table above."""

    PLANNED = "planned"
    SCANNED = "scanned"
    PROVED = "proved"
    NOTHING_TO_DO = "nothing to do"
    COMMITTED = "committed"
    PUSHED = "pushed"
    REVIEWED = "reviewed"
    FAILED = "failed"


WRITTEN = frozenset({Stage.COMMITTED, Stage.PUSHED, Stage.REVIEWED})
"""Where something was changed that others see."""

_STAGES = {
    "scanned": Stage.SCANNED,
    "nothing to do": Stage.NOTHING_TO_DO,
    "committed": Stage.COMMITTED,
    "up to date": Stage.COMMITTED,
    "pushed": Stage.PUSHED,
    "reviewed": Stage.REVIEWED,
    "failed": Stage.FAILED,
}


def stage(target: Target) -> Stage:
    """The stage that a target has reached."""
    if target.failed:
        return Stage.FAILED
    if target.at_remote:
        return Stage.PUSHED
    reached = _STAGES[target.outcome.value]
    if reached is Stage.SCANNED:
        edited = [located for located in target.findings if located.finding.edit is not None]
        if edited and all(
            each.proof is not None and each.proof.verdict == "proved" for each in edited
        ):
            return Stage.PROVED
    return reached


@dataclass(frozen=True, slots=True)
class Planned:
    """A repository that a campaign is to do."""

    place: str
    """Its clone URL, or its absolute path."""
    bases: tuple[str, ...] = ()
    """From a list; none: the campaign's own."""
    family: str | None = None
    """The URL of the repository that it was forked from, as its forge says."""
    attempts: int = 0
    """How often it was tried before."""


@dataclass(frozen=True, slots=True)
class Progress:
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


@dataclass(frozen=True, slots=True)
class Counts:
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


@dataclass(frozen=True, slots=True)
class Cause:
    """Failures of one kind."""

    cause: str
    targets: int
    attempts: int
    """How often the one that was tried most often was tried."""
    example: Progress


@dataclass(frozen=True, slots=True)
class Summary:
    """A campaign in one line."""

    name: str
    made: str
    active: str
    """When something last happened."""
    running: bool
    """Whether a process is at work on it."""
    counts: Counts

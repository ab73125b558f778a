"""What a campaign finds and does: values only, so that reports need nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from patcher.findings import Dropped, Edit, Finding, Status

if TYPE_CHECKING:
    from patcher.proof.verdict import Proof as Proof
    from patcher.proof.verdict import Standing as Standing

_WORST_FIRST = (
    Status.AFFECTED,
    Status.UNDER_INVESTIGATION,
    Status.FIXED,
    Status.NOT_AFFECTED,
)


class Outcome(StrEnum):
    """How far it came with one target."""

    SCANNED = "scanned"
    """Looked at; nothing was to be written."""
    COMMITTED = "committed"
    PUSHED = "pushed"
    """Committed, and the branch at the remote moved there."""
    UP_TO_DATE = "up to date"
    """The branch holds the change already."""
    NOTHING_TO_DO = "nothing to do"
    FAILED = "failed"


_WRITTEN = (Outcome.COMMITTED, Outcome.PUSHED, Outcome.UP_TO_DATE)


@dataclass(frozen=True, slots=True)
class Located:
    """A finding, and the file in the repository that it was found in."""

    path: bytes
    """As git stores it: ``/`` between folders, any byte but NUL."""
    finding: Finding
    proof: Proof | None = None
    """What AppArmor's own parser says of the edit; None where it was not asked."""


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One file before and after."""

    path: bytes
    mode: str
    """As git writes it: ``100644`` or ``100755``."""
    old_oid: str
    new_oid: str
    old: bytes
    new: bytes
    edits: tuple[Edit, ...]
    """What turns ``old`` into ``new``, by offset."""


def blob_id(content: bytes, hexsize: int) -> str:
    """The object id that git gives a blob (gitformat-object: header, NUL, content)."""
    import hashlib

    make = hashlib.sha1 if hexsize == 40 else hashlib.sha256
    return make(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()


MAX_DROPPED = 500
"""Profiles that do not count of which a target says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """One repository at one base branch: what is there, and what was done about it."""

    repository: str
    """The absolute path of the work tree, or of the bare repository; or the clone URL."""
    base: str | None
    """The full name of the ref that was read; ``HEAD`` where that is detached; None where there is
    none."""
    commit: str | None
    """The object id that ``base`` stood at."""
    outcome: Outcome
    branch: str | None = None
    """The review branch, without ``refs/heads/``."""
    new_commit: str | None = None
    """The review branch's new tip (or the one that it has already)."""
    at_remote: bool = False
    """Whether the review branch stands so at the remote."""
    error: str | None = None
    """One line: why this target failed."""
    cause: str | None = None
    """The kind of failure, in a word or two: failures of a kind are told together."""
    note: str | None = None
    """One line that is worth knowing and no failure."""
    alternates: tuple[str, ...] = ()
    """The folders of objects of other repositories that are read as if they were of this one."""
    findings: tuple[Located, ...] = ()
    """By path, then by line."""
    files: tuple[ChangedFile, ...] = ()
    """What ``apply`` commits, by path."""
    dropped: tuple[tuple[bytes, Dropped], ...] = ()
    """What reads as a profile and does not count, with the path of its file; by path, then by line.
    No more than ``MAX_DROPPED``."""

    @property
    def status(self) -> Status:
        """The worst status among the findings; ``not_affected`` where there is none."""
        there = {located.finding.status for located in self.findings}
        return next((status for status in _WORST_FIRST if status in there), Status.NOT_AFFECTED)

    @property
    def failed(self) -> bool:
        """Whether something could not be done (the rest of the target may be)."""
        return self.error is not None


@dataclass(slots=True)
class Cause:
    """A kind of failure."""

    example: Target
    """The first that failed so."""
    targets: int = 0


@dataclass(slots=True)
class Totals:
    """Sums over targets; targets are added as they come."""

    repositories: int = 0
    """Targets of one repository are added one after the other."""
    targets: int = 0
    failed: int = 0
    committed: int = 0
    """Those that were pushed, too."""
    pushed: int = 0
    up_to_date: int = 0
    unread: int = 0
    """Repositories without a base to read: no commit yet, or no branch that a glob matches."""
    files: int = 0
    """Files with an edit."""
    to_fix: int = 0
    """Affected profiles with an edit."""
    unwritten: int = 0
    """Those of them whose edit is on no review branch."""
    left_alone: int = 0
    """Affected profiles without one: not moby-style or documentation, and not asked for."""
    profiles: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    """Findings by status."""
    causes: dict[str, Cause] = field(default_factory=dict)
    """The kinds of failure."""
    _last: str | None = None

    def add(self, target: Target) -> None:
        """Count one more target."""
        self.repositories += target.repository != self._last
        self._last = target.repository
        self.targets += 1
        if target.error is not None:
            cause = self.causes.setdefault(target.cause or "git", Cause(target))
            cause.targets += 1
        self.failed += target.failed
        self.committed += target.outcome in (Outcome.COMMITTED, Outcome.PUSHED)
        self.pushed += target.outcome is Outcome.PUSHED
        self.up_to_date += target.outcome is Outcome.UP_TO_DATE
        nothing = target.outcome is Outcome.NOTHING_TO_DO
        self.unread += nothing and target.commit is None
        self.files += len(target.files)
        for located in target.findings:
            finding = located.finding
            self.profiles[finding.status] += 1
            if finding.status is Status.AFFECTED:
                if finding.edit is None:
                    self.left_alone += 1
                else:
                    self.to_fix += 1
                    self.unwritten += target.outcome not in _WRITTEN


def total(targets: Iterable[Target]) -> Totals:
    """The sums over all of them."""
    totals = Totals()
    for target in targets:
        totals.add(target)
    return totals


@dataclass(frozen=True, slots=True)
class Verified:
    """The profiles of one file as they compile, or why it could not be read."""

    repository: str | None
    """The repository's absolute path; None outside git."""
    base: str | None
    path: bytes
    """In the repository, or as it was named."""
    standings: tuple[Standing, ...] = ()
    error: str | None = None

"""What a run finds and does, as values that travel upwards: proofs, targets, stages, totals. Every
room above imports these; they import only what the engine finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field, replace
from enum import StrEnum
from typing import NamedTuple

from patcher.findings import Dropped, Edit, Finding, Status
from patcher.kinds import ErrorKind, counted, kind_of
from patcher.values import dataclass

# -- proofs


class Verdict(StrEnum):
    """Whether an edit does what it should."""

    PROVED = "proved"
    """What is compiled differs by just the denies of the family."""
    REFUTED = "refuted"
    """It differs by something else, or not at all."""
    NOT_PROVABLE = "not provable"
    """The profile did not compile before either, or there is nothing to compile it with."""


class Proof(NamedTuple):
    """A verdict, and who gave it."""

    verdict: Verdict
    by: str = ""
    """The parser and its features: ``apparmor_parser 3.0.8 (features 3.0)``; empty for none."""
    reason: str = ""
    """One line: why it is not proved; or what was left out to prove it."""
    before: tuple[str, ...] = ()
    """Of a refuted edit, lines of the parser's listing that are only in that from before it."""
    after: tuple[str, ...] = ()
    """The lines that are only in that from after it."""

    @property
    def text(self) -> str:
        """One line: ``proved by apparmor_parser 3.0.8 (features 3.0)``."""
        words = f"{self.verdict} by {self.by}" if self.by else str(self.verdict)
        return f"{words}: {self.reason}" if self.reason else words


class Answer(StrEnum):
    """What was compiled."""

    DENIED = "denied"
    ALLOWED = "allowed"
    UNDECIDED = "not decidable"
    """It did not compile, or may carry rules that nobody can see here, or is compiled without
    network rules, so that some kernels enforce nothing."""


_READ_AS_ALLOWED = (Status.AFFECTED,)
_READ_AS_DENIED = (Status.FIXED, Status.NOT_AFFECTED)


class Standing(NamedTuple):
    """One profile and one family."""

    line: int
    """1-based line of the rule that decides by reading; 0 where nothing was read of it."""
    profile: str
    """Its name as it stands in the file, with those of the profiles that it stands in."""
    migration: str
    answer: Answer
    reading: Status | None
    """What reading says; None where reading has nothing to say."""
    reason: str

    @property
    def disagrees(self) -> bool:
        """Whether reading and compiling contradict each other."""
        if self.answer is Answer.ALLOWED:
            return self.reading in _READ_AS_DENIED
        return self.answer is Answer.DENIED and self.reading in _READ_AS_ALLOWED


class Verified(NamedTuple):
    """The profiles of one file as they compile, or why it could not be read."""

    repository: str | None
    """The repository's absolute path; None outside git."""
    base: str | None
    path: bytes
    """In the repository, or as it was named."""
    standings: tuple[Standing, ...] = ()
    error: str | None = None
    note: str | None = None
    """One line on the base that is worth knowing and no failure."""


# -- targets

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
    """Merging the review branch as it is fixes the base as it is, and all on it is patcher's."""
    EDITED = "edited by others"
    """Merging it fixes the base, and it has commits of others: it was left alone."""
    REMOVED = "removed"
    """The review branch was ours and not merged, and was removed."""
    LEFT = "left"
    """It is affected, and nobody is to change it: its review was closed by a person, or the
    repository is archived or gone."""
    NOTHING_TO_DO = "nothing to do"
    FAILED = "failed"


ON_BRANCH = (Outcome.COMMITTED, Outcome.PUSHED, Outcome.UP_TO_DATE, Outcome.EDITED)
"""What was done where merging the review branch fixes the base."""


class Stage(StrEnum):
    """How far a campaign has come with a target.

    | stage | its target |
    | --- | --- |
    | planned | is still to be done, or is to be done again |
    | scanned | was read, and nothing was to be written (a scan, a dry run) |
    | proved | as scanned, and has edits, each of them proved by AppArmor's own parser |
    | nothing to do | needs no edit |
    | committed | has the change on its review branch, by this run or before it |
    | pushed | has it there at its remote as well |
    | reviewed | has it in a review that is open |
    | left | is affected and stays so: a person closed its review, or it is archived or gone |
    | failed | something could not be done; ``new_commit`` says whether a part of it was |

    Only *failed* ends badly: a repository of which no target failed is done, and is not taken up
    again. *proved* and *scanned* are ends too: whoever asks for no commit wants none. An edit that
    was refuted is a failure whatever else was committed.
    """

    PLANNED = "planned"
    SCANNED = "scanned"
    PROVED = "proved"
    NOTHING_TO_DO = "nothing to do"
    COMMITTED = "committed"
    PUSHED = "pushed"
    REVIEWED = "reviewed"
    LEFT = "left"
    FAILED = "failed"


WRITTEN = frozenset({Stage.COMMITTED, Stage.PUSHED, Stage.REVIEWED})
"""Where something was changed that others see."""


class BranchState(StrEnum):
    """A review branch as it was found, beside its base as it is now."""

    NONE = "none"
    """There is none."""
    CURRENT = "ours and current"
    """All that the base lacks of it is patcher's, and merging it fixes every finding there."""
    STALE = "ours and stale"
    """All of it is patcher's, but merging it does not fix the base: that moved, or is another
    one."""
    EDITED = "edited by others"
    """Beside patcher's commits it has others, or patcher's as someone changed them."""
    MERGED = "merged"
    """The base has all of it, and needs no edit."""
    GONE = "merged and gone again"
    """The base has all of it, and is affected: the change was reverted."""
    FOREIGN = "someone else's"
    """Nothing on it is patcher's."""


class ReviewAct(StrEnum):
    """What was done about the review of a target."""

    OPENED = "opened"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    """It is open, and as it should be."""
    REOPENED = "reopened"
    CLOSED = "closed"
    """By patcher."""
    DECLINED = "closed by a person"
    """It stays closed."""
    ARCHIVED = "archived"
    """The repository is read-only now."""
    GONE = "gone"
    """There is no such repository any more, or the token may not see it."""


class ReviewResult(NamedTuple):
    """The review of a target, and what was done about it."""

    act: ReviewAct
    url: str = ""
    number: str = ""
    """What the forge calls it in its project."""
    life: str = ""
    """What the forge said last: open, merged or closed."""
    asked: tuple[str, ...] = ()
    """Users and teams whose review was asked for, and assignees."""
    missed: tuple[str, ...] = ()
    """What of the wish could not be met, a line each."""
    at: str = ""
    """The clone URL of the repository that it is in."""


@dataclass(frozen=True, slots=True)
class Located:
    """A finding, and the file in the repository that it was found in."""

    path: bytes
    """As git stores it: ``/`` between folders, any byte but NUL."""
    finding: Finding
    proof: Proof | None = None
    """What AppArmor's own parser says of the edit; None where it was not asked."""
    checksums: tuple[str, ...] = ()
    """Where checksums of the file stand that are wrong after the edit: ``sha256 in SHA256SUMS:2``.
    The first ones, printable."""


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


class PlannedCommit(NamedTuple):
    """A commit that was not made."""

    author: str
    """As git writes it in commits: ``Name <address> seconds offset``."""
    message: str


def worst(findings: Iterable[Located], *, read: bool) -> Status | None:
    """The worst status among findings, ``not_affected`` where there is none. None where that is not
    known: not all was ``read``, and the rest may be worse."""
    there = {located.finding.status for located in findings}
    found = next((status for status in _WORST_FIRST if status in there), Status.NOT_AFFECTED)
    needs_someone = found in (Status.AFFECTED, Status.UNDER_INVESTIGATION)
    return found if read or needs_someone else None


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
    verified: bool | None = None
    """Whether GitHub, which made the commits in this run, shows all of them as verified; None
    where it made none, or does not say."""
    branch_state: BranchState | None = None
    """What the review branch was before this run; None where that was not looked at."""
    stage: Stage = Stage.SCANNED
    """How far it has come, whichever run brought it there; see `failed` also."""
    error: str | None = None
    """One line: why this target failed."""
    cause: str | None = None
    """The kind of failure, in a word or two: a report puts failures of one kind together."""
    trace: tuple[str, ...] = ()
    """Printable lines: where an error arose that nobody foresaw."""
    note: str | None = None
    """One line that is worth knowing and no failure."""
    review: ReviewResult | None = None
    """What was done about its review; None where that was not asked for."""
    alternates: tuple[str, ...] = ()
    """The folders of objects of other repositories that are read as if they were of this one."""
    findings: tuple[Located, ...] = ()
    """By path, then by line."""
    files: tuple[ChangedFile, ...] = ()
    """What ``apply`` commits, by path."""
    planned: PlannedCommit | None = None
    """The commit of these files, where it was to be shown and not to be made."""
    dropped: tuple[tuple[bytes, Dropped], ...] = ()
    """What reads as a profile and does not count, with the path of its file; by path, then by line.
    No more than ``MAX_DROPPED``."""
    globs: tuple[tuple[str, bool], ...] = ()
    """The globs of bases that were looked for in the repository, and whether a ref there matches
    each."""
    included: tuple[tuple[str, bool], ...] = field(default=(), compare=False)
    """Of the globs of files that are not known to match any, whether a file here matches. Which
    those are depends on what else the run has looked at."""
    read: bool = False
    """Whether all that was to be read was read: only then is it known that nothing worse is there
    than what was found."""

    @property
    def status(self) -> Status | None:
        """The worst status among the findings on AppArmor profiles, ``not_affected`` where there
        is none. None where that is not known, because something was not read that may be worse."""
        there = (each for each in self.findings if not each.finding.is_seccomp)
        return worst(there, read=self.read)

    @property
    def failed(self) -> bool:
        """Whether something could not be done (the rest of the target may be)."""
        return self.error is not None

    def noted(self, note: str) -> Target:
        """The same target with one more note; none is added where ``note`` is empty."""
        return replace(self, note="; ".join(filter(None, (self.note, note)))) if note else self


NOT_READ = "not read: "
"""What a note begins with that names what a repository does not hold."""

NOT_READ_ELSEWHERE = "submodules or files in Git LFS were not read (-v says which)"
"""How a run says that there are such notes."""


@dataclass(slots=True)
class CauseCount:
    """Failures with one cause in a run."""

    targets: int = 0
    kinds: dict[str, ErrorKind[Target]] = field(default_factory=dict)
    """By their words, see `patcher.kinds`; each with the first that failed so."""


@dataclass(slots=True)
class Totals:
    """Sums over targets; targets are added as they come."""

    repositories: int = 0
    """Targets of one repository are added one after the other."""
    targets: int = 0
    read: int = 0
    """Targets of which all was read that was to be read."""
    failed: int = 0
    committed: int = 0
    """Those that were pushed, too."""
    pushed: int = 0
    up_to_date: int = 0
    removed: int = 0
    edited: int = 0
    """Those whose review branch fixes the base, and was edited by others."""
    opened: int = 0
    """Reviews, those that were opened again, too."""
    updated: int = 0
    unchanged: int = 0
    """Reviews that were open, and as they should be."""
    closed: int = 0
    """Reviews, by patcher."""
    left: int = 0
    """Affected targets that nobody is to change, see `Outcome.LEFT`."""
    unasked: int = 0
    """Reviews that were opened, and nobody was asked for."""
    nothing_to_do: int = 0
    """Targets that were read and need no edit, in a run that commits."""
    unread: int = 0
    """Repositories without a base to read: no commit yet, or no branch that a glob matches."""
    elsewhere: int = 0
    """Targets that name what they do not hold (submodules, Git LFS), which was not read."""
    files: int = 0
    """Files with an edit."""
    to_fix: int = 0
    """Affected profiles with an edit."""
    unwritten: int = 0
    """Those of them whose edit is on no review branch."""
    left_alone: int = 0
    """Affected profiles without one: not moby-style or documentation, and not asked for."""
    profiles: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    """Findings on AppArmor profiles by status."""
    seccomp: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    """Findings on seccomp profiles by status."""
    causes: dict[str, CauseCount] = field(default_factory=dict)
    """The failures by their causes."""
    globs: dict[str, int] = field(default_factory=dict)
    """For each glob of bases, the repositories in which it matches."""
    included: dict[str, bool] = field(default_factory=dict)
    """For each glob of files, whether one matches."""
    unanswered: bool = False
    """Whether the user named something that nothing answered to."""
    complete: bool = True
    """Whether the run came to its end, and was not broken off."""
    _last: str | None = None

    def add(self, target: Target) -> None:
        """Count one more target."""
        if target.repository != self._last:
            self.repositories += 1
            for glob, matches in target.globs:
                self.globs[glob] = self.globs.get(glob, 0) + matches
        self._last = target.repository
        self.targets += 1
        for glob, matches in target.included:
            self.included[glob] = matches or self.included.get(glob, False)
        if target.error is not None:
            count = self.causes.setdefault(target.cause or "git", CauseCount())
            count.targets += 1
            kind = kind_of(target.error, target.repository, target.base, target.branch)
            counted(count.kinds, kind, target)
        self.elsewhere += NOT_READ in (target.note or "")
        self.read += target.read
        self.failed += target.failed
        self.committed += target.outcome in (Outcome.COMMITTED, Outcome.PUSHED)
        self.pushed += target.outcome is Outcome.PUSHED
        self.up_to_date += target.outcome is Outcome.UP_TO_DATE
        self.removed += target.outcome is Outcome.REMOVED
        self.edited += target.outcome is Outcome.EDITED
        self.left += target.outcome is Outcome.LEFT
        self._add_review(target.review)
        nothing = target.outcome is Outcome.NOTHING_TO_DO
        self.nothing_to_do += nothing and target.read
        self.unread += nothing and target.commit is None
        self.files += len(target.files)
        for located in target.findings:
            finding = located.finding
            if finding.is_seccomp:
                self.seccomp[finding.status] += 1
                continue
            self.profiles[finding.status] += 1
            if finding.status is Status.AFFECTED:
                if finding.edit is None:
                    self.left_alone += 1
                else:
                    self.to_fix += 1
                    self.unwritten += target.outcome not in ON_BRANCH

    @property
    def gap(self) -> str:
        """Why this is no answer about all that the user named, in a few words; empty where each
        target says for itself what it is."""
        if not self.complete:
            return "broken off: this is not everything"
        if not self.targets:
            return "nothing was looked at"
        missing = [glob for glob, matches in self.included.items() if not matches]
        return f"--include {missing[0]!r} matches no file" if missing else ""

    def _add_review(self, review: ReviewResult | None) -> None:
        if review is not None:
            is_new = review.act in (ReviewAct.OPENED, ReviewAct.REOPENED)
            self.opened += is_new
            self.unasked += is_new and not review.asked
            self.updated += review.act is ReviewAct.UPDATED
            self.unchanged += review.act is ReviewAct.UNCHANGED
            self.closed += review.act is ReviewAct.CLOSED


def total(targets: Iterable[Target]) -> Totals:
    """The sums over all of them."""
    totals = Totals()
    for target in targets:
        totals.add(target)
    return totals


# -- places


class ListedRepository(NamedTuple):
    """A repository that a source holds, and what its forge says of it; None where it says
    nothing."""

    place: str
    """Its clone URL, or its absolute path."""
    is_url: bool
    bases: tuple[str, ...] = ()
    default_branch: str | None = None
    fork: bool | None = None
    archived: bool | None = None
    visibility: str | None = None
    topics: tuple[str, ...] | None = None
    pushed_at: str | None = None
    """As ISO 8601 writes it."""
    parent: str | None = None
    """The clone URL of the repository that it was forked from."""


class MirrorState(NamedTuple):
    """The mirror of a remote repository."""

    url: str
    path: str
    branches: int
    size: int
    """Bytes on disk, of its own objects."""
    last_used: str
    """As ISO 8601 writes it, UTC."""
    shares_objects_of: str | None
    """The path of the mirror whose objects it reads, too."""

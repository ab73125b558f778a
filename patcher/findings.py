"""What the engine finds and does: values, so that whoever shows or counts them needs no engine."""

from __future__ import annotations

from collections.abc import Iterable

from patcher.policy.status import Status
from patcher.values import dataclass

__all__ = [
    "SECCOMP",
    "Dropped",
    "Edit",
    "Finding",
    "Result",
    "Status",
    "edited",
    "edits_of",
    "unread",
]


SECCOMP = "seccomp"
"""The host of findings on seccomp profiles, which are of a kind of their own: they answer no
migration, have no edit, and count for no status of a target."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Bytes to insert, and where: nothing is ever rewritten."""

    offset: int
    """Byte offset into the file as it is stored."""
    insert: bytes
    """Whole lines, or what makes one in a file of this format."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One profile in one file; for a profile with exclusive branches, one of those that need a rule
    of their own."""

    line: int
    """1-based line of the anchor: the network rule that decides, or the profile's header; 1 when
    the file as a whole is meant."""
    profile: str
    """The profile's name as it stands in the file; empty for a fragment without a header."""
    host: str
    """The file format that carries the policy text, such as ``yaml``."""
    status: Status
    """Whether the profile lets a process open the migration's address family."""
    moby_style: bool
    """Whether the profile is shaped like docker-default."""
    reason: str
    """Why this status."""
    evidence: tuple[str, ...]
    """What makes it moby-style, or not."""
    migration: str
    """The id of the migration that this finding answers."""
    edit: Edit | None = None
    """What is inserted; None when there is nothing to insert or it was not asked for."""
    documentation: bool = False
    """Prose or comments that quote a profile: edited only on request."""

    @property
    def is_seccomp(self) -> bool:
        """Whether it is about a seccomp profile, not an AppArmor profile."""
        return self.host == SECCOMP


@dataclass(frozen=True, slots=True)
class Dropped:
    """What reads as a profile and does not count as one."""

    line: int
    """1-based line of its header, or of its first rule."""
    profile: str
    """The name in its header; empty for rules without a header."""
    reason: str
    """Why it does not count."""


@dataclass(frozen=True, slots=True)
class Result:
    """What is in a file, and the file with every edit made."""

    path: str
    """The path that was given."""
    content: bytes
    """The new bytes: the old ones where there is nothing to insert."""
    findings: tuple[Finding, ...]
    """One for each profile and migration."""
    edits: tuple[Edit, ...]
    """In the order in which they stand in the file."""
    dropped: tuple[Dropped, ...] = ()
    """What reads as a profile and does not count: each has ``line``, ``profile`` and ``reason``."""


def edits_of(findings: Iterable[Finding]) -> tuple[Edit, ...]:
    """The edits of these findings in the order of the file; each once, since profiles that share a
    named template share its edit."""
    edits = {finding.edit for finding in findings if finding.edit is not None}
    return tuple(sorted(edits, key=lambda edit: (edit.offset, edit.insert)))


def edited(content: bytes, edits: Iterable[Edit]) -> bytes:
    """The content with the edits made, which stand in its order."""
    pieces, position = [], 0
    for edit in edits:
        pieces += [content[position : edit.offset], edit.insert]
        position = edit.offset
    return b"".join([*pieces, content[position:]])


def unread(migrations: Iterable[str], reason: str) -> tuple[Finding, ...]:
    """The findings for a file that is not read, one for each migration's id: a person must look."""
    return tuple(
        Finding(
            line=1,
            profile="",
            host="file",
            status=Status.UNDER_INVESTIGATION,
            moby_style=False,
            reason=reason,
            evidence=(),
            migration=migration,
        )
        for migration in migrations
    )

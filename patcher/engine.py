"""The pure heart: a file's path and bytes in, findings, edits and new bytes out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """What is known of one profile: the status words of VEX (OpenVEX, CycloneDX)."""

    AFFECTED = "affected"
    FIXED = "fixed"
    NOT_AFFECTED = "not_affected"
    UNDER_INVESTIGATION = "under_investigation"


@dataclass(frozen=True, slots=True)
class Edit:
    """Bytes to insert, and where: nothing is ever rewritten."""

    offset: int
    """Byte offset into the file as it is stored."""
    insert: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """One profile in one file (for a profile with exclusive branches: one blanket rule of it)."""

    line: int
    """1-based line of the anchor: the network rule judged, or the profile's header; 1 when the
    file as a whole is meant."""
    profile: str
    """The profile's name as it stands in the file; empty for a fragment without a header."""
    host: str
    status: Status
    moby_style: bool
    reason: str
    """One sentence: why this status."""
    evidence: tuple[str, ...]
    """What makes it moby-style, or not."""
    migration: str
    """The id of the migration that this finding answers."""
    edit: Edit | None = None
    """What ``apply`` inserts; None when there is nothing to insert or it was not asked for."""
    documentation: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What is in a file, and the file with every edit made."""

    path: str
    content: bytes
    findings: tuple[Finding, ...]
    edits: tuple[Edit, ...]

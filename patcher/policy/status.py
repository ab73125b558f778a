"""The words for what is known of a profile."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """What is known of one profile: the status words of VEX (OpenVEX, CycloneDX)."""

    AFFECTED = "affected"
    FIXED = "fixed"
    NOT_AFFECTED = "not_affected"
    UNDER_INVESTIGATION = "under_investigation"

"""What to look for in a file, and what to edit."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from patcher.migrations import Migration, choose
from patcher.values import dataclass

__all__ = ["MAX_BYTES", "Options", "Profiles"]

MAX_BYTES = 8 * 1024 * 1024
"""Files larger than this are reported, not read."""

Profiles = Literal["moby", "all"]
"""Which affected profiles are edited: moby-style ones, or every one."""


@dataclass(frozen=True, slots=True)
class Options:
    """What decides about the findings and edits in a file."""

    migrations: tuple[Migration, ...] = field(default_factory=choose)
    """In the order of insertion."""
    profiles: Profiles = "moby"
    docs: bool = False
    """Edit documentation, too."""
    comment: bool = False
    """Put each migration's comment above its rule."""
    max_bytes: int = MAX_BYTES
    """A larger file is reported, not read."""

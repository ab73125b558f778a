"""How much one file may hold of what costs memory and time.

Each bound is far above what any real file has, and what is over one is never read in part: the
whole file becomes one finding for a person to look at. All counts are of one file.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_LINES = 200_000
"""Lines: as they stand in the file, and as escapes in its strings make them. A line costs about 250
bytes for each reading."""

MAX_STRINGS = 50_000
"""String literals and comments of a program within reach of network rules, strings of one list,
here documents: about 600 bytes each."""

MAX_TOKENS = 1_000_000
"""Words, marks and line breaks of policy text, all its readings together: a microsecond or two
each. A rule has five or so."""

MAX_RULES = 50_000
"""Rules, about 400 bytes each. All of apparmor.d together, two thousand profiles, has as many."""

MAX_PROFILES = 5_000
"""Profiles, and fragments that stand in none."""

MAX_FINDINGS = 10_000
"""Findings of one migration or several: a kilobyte each, and as much again in a report."""

MAX_NESTING = 10_000
"""Blocks, and choices of a template or program, that stand in each other; real ones nest less than
ten deep."""

MAX_NAME = 2_048
"""Bytes of a profile's name, with the names of those that it stands in."""

MAX_FLAGS = 50
"""Flags of a profile; apparmor.d(5) knows twenty."""


class TooMuch(Exception):
    """A file holds more of something than a bound allows: one line that names the bound."""


@dataclass(slots=True)
class Budget:
    """What may still be read of one file."""

    tokens: int = MAX_TOKENS
    rules: int = MAX_RULES
    profiles: int = MAX_PROFILES

    def rule(self) -> None:
        """Count one rule. Raises TooMuch."""
        self.rules -= 1
        if self.rules < 0:
            raise TooMuch(f"more than {MAX_RULES} rules")

    def profile(self) -> None:
        """Count one profile or fragment. Raises TooMuch."""
        self.profiles -= 1
        if self.profiles < 0:
            raise TooMuch(f"more than {MAX_PROFILES} profiles")


def check_lines(content: bytes) -> None:
    """Raise TooMuch for a file of too many lines, or one whose offsets are over four bytes."""
    if len(content) <= MAX_LINES:
        return
    check_number(len(content), 0xFFFF_FFFF, "bytes")
    breaks = content.count(b"\n") + content.count(b"\\n")
    if b"\r" in content:
        breaks += content.count(b"\r") - content.count(b"\r\n")
    check_number(breaks, MAX_LINES, "lines")


def check_number(number: int, most: int, what: str) -> None:
    """Raise TooMuch for more than ``most`` of something."""
    if number > most:
        raise TooMuch(f"more than {most} {what}")

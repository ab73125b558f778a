"""How much one file may hold of what costs memory and time.

Each bound is far above what any real file has, and what is over one is never read in part: the
whole file becomes one finding for a person to look at. All counts are of one file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

MAX_SEARCHED = 256 << 20
"""Bytes that are searched for what a program does to its texts: for each text the whole file may
be. Ten to a hundred nanoseconds each. Programs with hundreds of profiles in their strings take half
as many."""

MAX_NESTING = 10_000
"""Blocks, and choices of a template or program, that stand in each other; real ones nest less than
ten deep."""

MAX_NAME = 2_048
"""Bytes of a profile's name, with the names of those that it stands in."""

MAX_FLAGS = 50
"""Flags of a profile; apparmor.d(5) knows twenty."""


class TooMuch(Exception):
    """A file holds more of something than a bound allows: one line that names the bound."""


class _Given(threading.local):
    """What whoever gave this thread its work said of it."""

    left: Callable[[float], float] = staticmethod(lambda seconds: seconds)
    errors: tuple[type[Exception], ...] = ()


_given = _Given()


@contextmanager
def timed(left: Callable[[float], float], *errors: type[Exception]) -> Iterator[None]:
    """Within it, `time_left` calls ``left``: how many seconds of so many are left. What that raises
    when there are none ends the work. ``errors``: what it, and the look-up of includes, raise."""
    before = _given.left, _given.errors
    _given.left, _given.errors = left, errors
    try:
        yield
    finally:
        _given.left, _given.errors = before


def time_left(seconds: float = 0) -> float:
    """How many seconds of so many are left for this work: called wherever one file may take
    long. Raises what whoever gave the work raises when there are none."""
    return _given.left(seconds)


def pass_on(error: Exception) -> None:
    """Raise the error again where it is no fault of the file that is read."""
    if isinstance(error, _given.errors):
        raise error
    time_left()


_SLICE = 5_000
"""Tokens after which the time is looked at."""


@dataclass(slots=True)
class Budget:
    """What may still be read of one file."""

    tokens: int = _SLICE
    """What may be read before the time is looked at."""
    later: int = MAX_TOKENS - _SLICE
    rules: int = MAX_RULES
    profiles: int = MAX_PROFILES

    def token(self) -> None:
        """Count one token. Raises TooMuch."""
        self.tokens -= 1
        if self.tokens >= 0:
            return
        time_left()
        if self.later <= 0:
            raise TooMuch(f"more than {MAX_TOKENS} words and marks of policy text")
        self.later -= _SLICE
        self.tokens += _SLICE

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

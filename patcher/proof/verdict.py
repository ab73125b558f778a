"""What a proof says of an edit, and compiling of a profile as it stands: values only."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from patcher.findings import Status


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


_READ_AS_OPEN = (Status.AFFECTED,)
_READ_AS_CLOSED = (Status.FIXED, Status.NOT_AFFECTED)


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
            return self.reading in _READ_AS_CLOSED
        return self.answer is Answer.DENIED and self.reading in _READ_AS_OPEN

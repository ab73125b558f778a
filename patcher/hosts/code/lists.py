"""Whether a list of strings in a program takes one more element, and a string one more rule.

An array of a declared length does not: with one more element the program does not compile (Rust,
Go), or the last element is lost (C). What the code before a list does not show to be open counts as
such an array in the languages that have them; a rule is then added within the string that it
follows, which is right for both.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from patcher.hosts.strings import UNPACKS
from patcher.policy.patterns import regex

DECLARED = "the strings stand in an array of a declared length; whether a rule fits is not known"
"""Why nothing is added where a program's array of bytes may be full, or where it is not known how
the language writes a line break in a string."""

_BRACKET = regex(rb"[()\[\]{}]")
_CALLEE = regex(rb"([A-Za-z_]\w*+)!?\Z")
TAKES_MANY = regex(
    rb"push|append|extend|add|of\Z|list|concat|unshift|insert|join|vec|array|set|lines|rules|seq",
    re.IGNORECASE,
)
_NO_CALLEE = frozenset(b"return in yield case when and or not if while match await".split())
_LONGEST_HEAD = 300

_DECLARED_ANYWHERE = regex(
    rb"[\[({<][ \t]*+(?:\w++[ \t]*+\.\.[ \t]*+)?(?:\d++|[A-Z_]{2,}[A-Z_\d]*+)[ \t]*+[\])},;:>]"
    rb"|\b\d++[ \t]++of\b|\bOCCURS\b",
)
"""``[8]``, ``(8)``, ``array [0..7]``, ``[8, string]``, ``<8>``, in any language."""


class Lists(NamedTuple):
    """How a language shows that a list takes one more element."""

    open: re.Pattern[bytes] | None = None
    """Matches the code before a list that does. None: whatever ``counted`` does not match."""
    counted: re.Pattern[bytes] | None = None
    """Matches the code before a list that does not."""
    tuples: bool = False
    """Whether parentheses without a function's name before them make a list."""
    byte_array: re.Pattern[bytes] | None = None
    """Matches the code before strings whose length in bytes is declared."""

    def takes_more(self, head: bytes, *, rows: bool = False) -> bool:
        """Whether the list that the code ``head`` opens takes one more element; ``rows``: whether
        the list takes one more of the structures in brackets, of which ``head`` opens the first."""
        head = head[-_LONGEST_HEAD:].rstrip()
        start = opening(head)
        if rows:
            head = head[: max(start, 0)].rstrip()
            start = opening(head)
        if start < 0:
            return self.open is None and rows
        before, bracket = head[:start].rstrip(), head[start : start + 1]
        if UNPACKS.search(before):
            return False
        if bracket == b"(":
            callee = _CALLEE.search(before)
            if callee is not None and callee[1] not in _NO_CALLEE:
                return TAKES_MANY.search(callee[1]) is not None
            return self.tuples
        until = before + bracket
        if self.counted is not None and self.counted.search(until):
            return False
        return self.open is None or self.open.search(until) is not None


def opening(head: bytes) -> int:
    """Return the offset of the innermost bracket that is open at the end of the code; else -1."""
    closed = 0
    for bracket in reversed(list(_BRACKET.finditer(head))):
        if bracket[0] in (b")", b"]", b"}"):
            closed += 1
        elif closed:
            closed -= 1
        else:
            return bracket.start()
    return -1


ANY = Lists()
"""A language whose lists have no declared length."""


def may_be_declared(head: bytes, tail: bytes) -> bool:
    """Whether a list in a language that is not known may have a declared length, by the code before
    it and behind its last string."""
    lines = head[-_LONGEST_HEAD:].rstrip().rsplit(b"\n", 2)[-2:]
    declared = _DECLARED_ANYWHERE.search(b"\n".join(lines))
    return declared is not None or tail.lstrip(b", \t\r\n").startswith(b"]!")

"""Which files are worth reading: told by a line, and by what is near it.

It is what looks at every file there is, so it is quick, and wrong in one direction only.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from patcher.policy.search import KEYWORD, QUALIFIERS, RULE_END

_RULE = re.compile(
    rb"network(?<![\w.(\[:&*/-]network)(?:" + RULE_END + rb"|[ \t\r]*$)", re.MULTILINE
)
_RULE_AFTER_ESCAPE = re.compile(rb"\\[nt]network(?:" + RULE_END + rb")", re.MULTILINE)
_BEFORE_RULE = re.compile(
    rb"(?:\A(?:\W|\\[nrt])*|[\"'`{}>)%;+|\\=][ \t]*|\\[nt][ \t]*|\b" + KEYWORD + rb"[^,]*,[ \t]*"
    rb"|[ \t][rwmixklaUPCup]{1,8},[ \t]*)"
    rb"" + QUALIFIERS + rb"\Z"
)
_NEAR_RULE = re.compile(
    rb"(?:capability|umount|ptrace|pivot_root|signal)(?:[ \t]+[^\n,]{1,80})?,(?!\w)"
    rb"|\b(?:file|mount|unix|all|mqueue|userns|dbus),[ \t\r]*(?:\n|\\n|[\"'`#{}])"
    rb"|deny[ \t]+(?:[@/\"]|mount\b|network\b|ptrace\b|capability\b|signal\b)|include[ \t]+[<\"]"
    rb"|flags=\(|attach_disconnected"
    rb"|(?:profile|hat)[ \t]++[^\n{]{1,120}\{|/\S{1,300}+[ \t]++[rwmixklaUPCup]{1,8}+,"
)
_NEAR, _SMALL = 2000, 4096


class _Next:
    """Where a pattern matches next: looks at no stretch of the content often, if asked in order."""

    _AHEAD, _LONGEST = 4 * _NEAR, 500

    def __init__(self, pattern: re.Pattern[bytes], content: bytes) -> None:
        self.pattern = pattern
        self.content = content
        self.since, self.found, self.clear = 1, 0, 0

    def near(self, position: int) -> bool:
        """Whether a match begins within ``_NEAR`` bytes behind ``position``."""
        end = position + _NEAR
        if not (self.since <= position and (position <= self.found < end or end <= self.clear)):
            ahead = position + self._AHEAD
            match = self.pattern.search(self.content, position, ahead)
            self.since = position
            self.found = -1 if match is None else match.start()
            self.clear = ahead - self._LONGEST if match is None else match.start()
        return position <= self.found < end


Spans = Sequence[tuple[int, int]]
"""Stretches of a file: begin and end offsets."""


def united(spans: Iterable[tuple[int, int]]) -> Spans:
    """The spans in order, those that touch made one."""
    united: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def within(spans: Spans, offset: int) -> bool:
    """Whether the offset lies in one of these spans, which ``united`` made."""
    index = bisect_right(spans, offset, key=lambda span: span[0]) - 1
    return index >= 0 and offset < spans[index][1]


def candidates(content: bytes, outside: Spans = ()) -> Iterator[int]:
    """Offsets at which a network rule may stand, told by its line and by what is near it."""
    for pattern in (_RULE, _RULE_AFTER_ESCAPE):
        above, below = _Next(_NEAR_RULE, content), _Next(_NEAR_RULE, content)
        for match in pattern.finditer(content):
            start = match.start()
            if outside and within(outside, start):
                continue
            line = max(content.rfind(b"\n", max(0, start - 300), start) + 1, start - 300, 0)
            if _BEFORE_RULE.search(content[line:start]) is None:
                continue
            if len(content) <= _SMALL or (
                below.near(match.end()) or above.near(max(0, start - _NEAR))
            ):
                yield start


def matters(content: bytes) -> bool:
    """Whether there is anything to read in a file: cheap, and wrong in one direction only."""
    if b"network" not in content:
        return b"mediate_deleted" in content
    return next(candidates(content), -1) >= 0 or b"mediate_deleted" in content

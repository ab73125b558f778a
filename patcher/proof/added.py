"""Text and what was added to it: nothing but whole rules, whole lines or behind others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from patcher.migrations import Migration


@dataclass(frozen=True, slots=True)
class Added:
    """What edits may add."""

    rules: frozenset[str]
    comments: frozenset[str]

    @classmethod
    def by(cls, migrations: Iterable[Migration], inserts: Iterable[bytes]) -> Added:
        """What these migrations add; ``inserts`` says with which priorities and comments."""
        joined = b"\n".join(inserts)
        rules, comments = set(), set()
        for migration in migrations:
            rule = migration.rule.encode()
            start = joined.find(rule)
            while start >= 0:
                rules.add(_with_priority(joined, start) + migration.rule)
                start = joined.find(rule, start + 1)
            if migration.comment:
                comments.add(f"# {migration.comment}")
        return cls(frozenset(rules), frozenset(comments))

    def count(self, before: str, after: str) -> int:
        """How many of these rules make ``after`` of ``before``; -1 where anything else differs."""
        if before == after:
            return 0
        old, new = before.splitlines(), after.splitlines()
        number = at = 0
        for line in new:
            if at < len(old) and line == old[at]:
                at += 1
                continue
            text = line.strip()
            if text in self.rules:
                number += 1
            elif text not in self.comments:
                inline = self._inline(old[at], line) if at < len(old) else -1
                if inline < 0:
                    return -1
                number += inline
                at += 1
        if at < len(old) or before.endswith("\n") != after.endswith("\n"):
            return -1
        return number

    def count_in_text(self, before: bytes, after: bytes) -> int:
        """``count`` of policy texts, of which only the lines that differ are looked at: a text of
        megabytes as strings of lines would take many times its size."""
        number = at = position = 0
        while position < len(after):
            same = _common_bytes(before, at, after, position)
            if position + same < len(after) or at + same < len(before):
                same = after.rfind(b"\n", position, position + same) + 1 - position
            at, position = at + max(same, 0), position + max(same, 0)
            if position >= len(after):
                break
            (line, stop), (old, end) = _line(after, position), _line(before, at)
            text = line.strip()
            if at < len(before) and line == old:
                at = end
            elif text in self.rules:
                number += 1
            elif text not in self.comments:
                inline = self._inline(old, line) if at < len(before) else -1
                if inline < 0:
                    return -1
                number += inline
                at = end
            position = stop
        if at < len(before) or before.endswith(b"\n") != after.endswith(b"\n"):
            return -1
        return number

    def _inline(self, before: str, after: str) -> int:
        """The same within a line, in which a blank stands before each rule."""
        number = 0
        while before != after:
            differs = _common(before, after)
            start, rule = max(
                (
                    (after.rfind(" " + rule, 0, differs + len(rule) + 1), rule)
                    for rule in self.rules
                ),
                default=(-1, ""),
            )
            end = start + 1 + len(rule)
            if start < 0 or not start <= differs < end:
                return -1
            after = after[:start] + after[end:]
            number += 1
            if len(after) < len(before):
                return -1
        return number


def _line(text: bytes, start: int) -> tuple[str, int]:
    """The line that begins there, and where the next one does."""
    end = text.find(b"\n", start)
    stop = len(text) if end < 0 else end + 1
    return text[start : stop - (end >= 0)].decode("utf-8", "surrogateescape"), stop


def _common_bytes(one: bytes, at: int, other: bytes, position: int) -> int:
    """How many bytes both have in common from there."""
    most = min(len(one) - at, len(other) - position)
    same, size = 0, 64
    while same < most:
        size = min(size, most - same)
        if one.startswith(memoryview(other)[position + same : position + same + size], at + same):
            same, size = same + size, 2 * size
        elif size == 1:
            break
        else:
            size = (size + 1) // 2 if size < 4 else size // 4
    return same


def _with_priority(text: bytes, start: int) -> str:
    """The ``priority=N`` that stands before a rule."""
    head = text[max(0, start - 40) : start]
    word = head.split()[-1] if head[-1:].isspace() and head.split() else b""
    return word.decode("ascii", "replace") + " " if word.startswith(b"priority=") else ""


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


Item = tuple[str, str | None]
"""One piece of a file's structure: what it is, and its value where it is a string."""


def compare(added: Added, before: Sequence[Item], after: Sequence[Item]) -> int:
    """How many rules were added to the strings of a structure, or as strings of their own; -1 where
    anything else differs."""
    number = at = 0
    for kind, value in after:
        old = before[at] if at < len(before) else None
        if (kind, value) == old:
            at += 1
            continue
        if old is not None and old[0] == kind and old[1] is not None and value is not None:
            more = added.count(old[1], value)
            if more > 0:
                number += more
                at += 1
                continue
        text = None if value is None else value.strip()
        if text in added.rules:
            number += 1
        elif text not in added.comments:
            return -1
    return number if at == len(before) else -1

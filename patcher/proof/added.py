"""Text and what was added to it: nothing but whole rules and their comments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from patcher.migrations import Migration
from patcher.policy.patterns import regex, repeated

Item = tuple[str, str | None]
"""One piece of a file's structure: what it is, and its value where it is a string."""

_BLANKS = regex(rb"[ \t\r]+")
_LINE_ENDS = regex(repeated(rb"\n|(?<!\\)\\++[nr]", b"+"))
"""In a text within a text, line ends are escaped: JSON in YAML."""


class Added:
    """What the edits of these migrations add to policy text."""

    def __init__(self, migrations: Iterable[Migration]) -> None:
        """``migrations``: those whose rules, and comments, may be added."""
        chosen = tuple(migrations)
        rules = b"|".join(re.escape(migration.rule.encode()) for migration in chosen)
        comments = b"|".join(
            re.escape(b"# " + migration.comment.encode())
            for migration in chosen
            if migration.comment
        )
        rule = rb"(?:priority=[-+]?\d+ )?(?:%s)" % rules
        self._rule = re.compile(rule)
        self._element = re.compile(rb"((?<!\\)\\*+[\"'])[ \t]*+%s\1,?" % rule)
        self._comment = re.compile(rb"^[ \t]*(?:%s)[ \t\r]*$" % comments, re.MULTILINE)
        self._any = re.compile(b"|".join(filter(None, (rule, comments))))

    def is_rule(self, words: Sequence[bytes]) -> bool:
        """Whether the words of a rule, without its comma, are those of one that is added."""
        return self._rule.fullmatch(b" ".join(words) + b",") is not None

    def number(self, text: bytes) -> int:
        """How many of the rules stand in a text."""
        return sum(1 for _ in self._rule.finditer(text))

    def rest(self, text: bytes) -> bytes:
        """The text without these rules and comments, and without blanks and empty lines, which
        say nothing between the words of a rule that a comma ends.

        A string may hold a text with strings of its own, or shell lines that print the rules.
        """
        text = self._element.sub(b"", self._without_copies(text))
        text = self._comment.sub(b"", self._rule.sub(b"", text))
        return _LINE_ENDS.sub(b"\n", _BLANKS.sub(b"", text)).strip(b"\n")

    def _without_copies(self, text: bytes) -> bytes:
        """The text without the lines that say what the line above says, with what is added in the
        place of something else: ``echo 'deny network alg,' >> file``."""
        kept: list[bytes] = []
        position = seen = 0
        for added in self._any.finditer(text):
            begin = text.rfind(b"\n", seen, added.start()) + 1
            if not begin:
                continue  # on the first line, or on one that was looked at
            end = text.find(b"\n", added.end())
            seen = end = len(text) if end < 0 else end
            head, tail = text[begin : added.start()].rstrip(), text[added.end() : end].lstrip()
            above = text[text.rfind(b"\n", 0, begin - 1) + 1 : begin - 1]
            instead = above[len(head) : len(above) - len(tail)].strip()
            quoted = b'"' in head or b"'" in head
            if quoted and instead and above.startswith(head) and above.endswith(tail):
                kept.append(text[position : begin - 1])
                position = end
        return b"".join([*kept, text[position:]]) if kept else text

    def count(self, before: bytes, after: bytes) -> int:
        """How many of these rules make ``after`` of ``before``; -1 where anything else differs."""
        if before == after:
            return 0
        before, after = _around_changes(before, after)
        number = self.number(after) - self.number(before)
        return number if number > 0 and self.rest(before) == self.rest(after) else -1

    def compare(self, before: Iterable[Item], after: Iterable[Item]) -> int:
        """``count`` for the strings of a structure, and strings of their own. They are compared as
        they come, since both may be long."""
        numbers = Counter[str]()
        old, new = (
            self._items(items, numbers, name) for name, items in (("old", before), ("new", after))
        )
        if any(one != other for one, other in zip_longest(old, new)):
            return -1
        number = numbers["new"] - numbers["old"]
        return number if number >= 0 else -1

    def _items(
        self, items: Iterable[Item], numbers: Counter[str], name: str
    ) -> Iterator[tuple[str, bytes | None]]:
        """The items without what is added, which is counted."""
        above = b""
        for kind, value in items:
            text = None if value is None else _bytes(value)
            rest = None if text is None else self.rest(text)
            numbers[name] += self.number(text) if text else 0
            copied = text and self._without_copies(above + b"\n" + text) == above
            if not copied and (rest or not text):  # else it is nothing but what may be added
                yield kind, rest
            above = text or above


def _around_changes(before: bytes, after: bytes) -> tuple[bytes, bytes]:
    """The lines from the one above the first that differs to the last that does: a text of
    megabytes is the same everywhere else."""
    same = _common(before, after)
    begin = before.rfind(b"\n", 0, same) + 1
    begin = before.rfind(b"\n", 0, max(begin - 1, 0)) + 1
    behind = _common(before[same:][::-1], after[same:][::-1])
    end = before.find(b"\n", len(before) - behind)
    behind = 0 if end < 0 else len(before) - end
    return before[begin : len(before) - behind], after[begin : len(after) - behind]


def _common(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    most, same, size = min(len(one), len(other)), 0, 1 << 16
    while size:
        while same + size <= most and one[same : same + size] == other[same : same + size]:
            same += size
        size //= 2
    return same


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

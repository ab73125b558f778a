"""Includes, put in their place as AppArmor's parser does it: the text of the file that they name.

The parser itself is given no file but the policy, so that nothing of a hostile repository makes it
read what it should not.
"""

from __future__ import annotations

from typing import NamedTuple

from patcher.policy.grammar import INCLUDES, included
from patcher.policy.includes import Find, look_up
from patcher.policy.lexer import Kind, Lexer, Token

_DEEPEST = 10
_MOST = 200
"""Includes of one text."""
_MOST_TEXT = 1 << 20


class Endless(Exception):
    """There are more includes than any policy has."""


class Included(NamedTuple):
    """A text with its includes in their place."""

    text: bytes
    unknown: tuple[tuple[int, int, str], ...] = ()
    """Where the includes stand that are not found, and what they name: within profiles alone,
    since none outside gives a profile a rule."""

    @property
    def names(self) -> tuple[str, ...]:
        """What is not found."""
        return tuple(dict.fromkeys(name for _, _, name in self.unknown))

    def filled(self, rule: bytes) -> bytes:
        """The text with a rule in the place of each include that is not found."""
        parts, position = [], 0
        for start, end, _ in self.unknown:
            parts += [self.text[position:start], rule]
            position = end
        return b"".join([*parts, self.text[position:]])


def put_in(text: bytes, find: Find, *, inside: bool = False) -> Included:
    """The text with the files that it includes. ``inside``: it stands in a profile itself.

    Raises Endless.
    """
    if b"include" not in text:
        return Included(text)
    return _Expansion(find).of(text, int(inside), 0)


class _Expansion:
    def __init__(self, find: Find) -> None:
        self.find = find
        self.number = self.size = 0

    def of(self, text: bytes, braces: int, depth: int) -> Included:
        parts: list[bytes] = []
        unknown: list[tuple[int, int, str]] = []
        position = size = 0
        line: list[Token] = []
        for token in Lexer(text).tokens():
            if token.kind is Kind.WORD:
                line.append(token)
                include = _include(line)
                if include is None:
                    continue
                start, name, optional = include
                found = self.look_up(name, optional, depth)
                parts.append(text[position:start])
                size += start - position
                if found is None and braces:
                    unknown.append((size, size + token.end - start, name))
                    parts.append(text[start : token.end])
                elif found is not None:
                    inner = self.of(found, braces, depth + 1)
                    unknown += [(size + 1 + a, size + 1 + b, n) for a, b, n in inner.unknown]
                    parts.append(b"\n" + inner.text + b"\n")
                size += len(parts[-1]) if found is not None or braces else 0
                position = token.end
            elif token.kind in (Kind.OPEN, Kind.CLOSE):
                braces = max(0, braces + (1 if token.kind is Kind.OPEN else -1))
            line = []
        return Included(b"".join([*parts, text[position:]]), tuple(unknown))

    def look_up(self, name: str, optional: bool, depth: int) -> bytes | None:
        self.number += 1
        if depth >= _DEEPEST or self.number > _MOST or self.size > _MOST_TEXT:
            raise Endless("it has more includes than any policy")
        found = look_up(self.find, name, optional)
        self.size += len(found or b"")
        return found


def _include(line: list[Token]) -> tuple[int, str, bool] | None:
    """Where an include that these words make begins, what it names, and whether it may be
    missing; None while they make none."""
    texts = [word.text for word in line]
    at = next((n for n, text in enumerate(texts) if text in INCLUDES), 0)
    found = included(texts[at:])
    return None if found is None else (line[at].start, *found)

"""The string literals and comments of a program, found in one pass in linear time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from patcher.hosts.code.language import Language, Literal, Token
from patcher.hosts.strings import MATTERS, text_start
from patcher.policy.bounds import MAX_STRINGS, check_number

_REACH = 1 << 15
"""Bytes before and behind a mention of the network in which literals are put together with it: a
profile is not as long."""
_MARKS = 64
"""Stop searching after this many distinct closing marks were not found: each miss scans to the end
of the file."""


class Comment(NamedTuple):
    """A comment: file offsets, marks included."""

    open: int
    stop: int


def scan(content: bytes, language: Language) -> Iterator[Literal | Comment]:
    """Return the literals and comments near a mention of the network, in order. Raises TooMuch."""
    number = 0
    windows = _windows(content)
    window = 0
    for token, opened, start, end, stop in _tokens(content, language, windows):
        while windows[window][1] < opened and window + 1 < len(windows):
            window += 1
        if stop < windows[window][0] or opened > windows[window][1]:
            continue
        number += 1
        check_number(number, MAX_STRINGS, "strings and comments near network rules")
        if token.comment:
            yield Comment(opened, stop)
        elif token.kind is not None:
            literal = Literal(opened, start, end, stop, token.kind)
            yield literal if language.refine is None else language.refine(content, literal)


def _windows(content: bytes) -> list[tuple[int, int]]:
    windows: list[tuple[int, int]] = []
    for mention in MATTERS.finditer(content):
        near, far = mention.start() - _REACH, mention.end() + _REACH
        if windows and near <= windows[-1][1]:
            windows[-1] = (windows[-1][0], far)
        else:
            windows.append((near, far))
    return windows


def _tokens(
    content: bytes, language: Language, windows: list[tuple[int, int]]
) -> Iterator[tuple[Token, int, int, int, int]]:
    """Return each token up to the end of the last window, with four offsets: where it begins, where
    its inside begins and ends, where it ends."""
    missing: set[bytes] = set()  # closing marks of which none follows
    position, last = text_start(content), windows[-1][1] if windows else 0
    resume = True
    while resume:
        resume = False
        for match in language.scanner.finditer(content, position, last):
            assert match.lastindex is not None
            token = language.tokens[match.lastindex - 1]
            opened, start = match.span()
            if token.closing is None:
                yield token, opened, opened + token.quote, start - token.quote, start
                continue
            mark = token.closing if isinstance(token.closing, bytes) else token.closing(match[0])
            end = _closing(content, token, mark, start, missing)
            if end < 0 and not token.comment:
                continue
            end, position = (end, end + len(mark)) if end >= 0 else (len(content), len(content))
            yield token, opened, start, end, position
            resume = True
            break


def _closing(content: bytes, token: Token, mark: bytes, start: int, missing: set[bytes]) -> int:
    """Return where the closing mark of a token begins, or -1: no later token has that mark then."""
    if mark in missing or len(missing) > _MARKS:
        return -1
    if token.reader is not None:
        end = token.reader(content, start)
    elif token.inside is not None:
        inside = token.inside.match(content, start)
        assert inside is not None
        end = inside.end() if content.startswith(mark, inside.end()) else -1
    else:
        end = content.find(mark, start)
    if end < 0:
        missing.add(mark)
    return end

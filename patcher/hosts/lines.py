"""The general host: any text file, line by line, with the dressing of each line guessed.

It serves what has no module of its own, and what the other hosts leave uncovered, so that policy
in an unknown format is not lost. What is policy is decided by the policy reader, from evidence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from patcher.hosts.embedding import (
    Embedding,
    Line,
    line_ending,
    region,
)
from patcher.hosts.patchfile import REASON
from patcher.hosts.physical import Physical, line_above, line_at, line_below
from patcher.hosts.quoted import HOST, RULE, Block, quoted_block
from patcher.hosts.strings import matters, text_start
from patcher.policy.patterns import repeated

_ANCHOR = re.compile(rb"(?:\b|\\[nrt])network\b|mediate_deleted")
"""On what line there may be a dressing."""
_PREFIX = re.compile(
    rb"[ \t]*+(?://++[/!]?|/\*++|\*++(?!/)|#++:?|;++|--++|>"
    + repeated(rb"[ \t]?>")
    + rb"|%++|\.\.|dnl\b|REM\b|!++|\||-|\+)"
    rb"(?=[ \t]|[a-z]|$)"
)
"""What may stand before each line of a quoted or commented-out profile."""
_PREFIXED_RULE = re.compile(rb"[ \t]*+(?:" + RULE + rb"|(?:profile|hat|\^|/|@\{).*mediate_deleted)")
_PROSE_PREFIXES = (b"|", b"-", b"+")  # stripMargin, list items: not a comment, not a quotation
_CONTINUED = re.compile(rb"[ \t]*+(?:\\n)?\\\Z")
_HEADER = re.compile(rb"^[ \t]*+(?:profile|hat|\^|/|@\{|\{\{)[^\n]*\{", re.MULTILINE)

_OPENED = re.compile(rb"[\"'`>](?=[ \t]*+(?:profile|hat)[ \t]++[^\s\"'`{][^\r\n\"'`{]*+\{)")
"""The quote that opens a string whose first line is a profile's header."""


def claims(path: PurePosixPath, content: bytes) -> bool:
    """Whatever nobody else claims."""
    return True


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """The whole file, with the dressing guessed block by block."""
    return dressed(content, text_start(content), len(content), HOST)


def dressed(
    content: bytes, start: int, end: int, host: str, *, documentation: bool = False
) -> Iterator[Embedding]:
    """The policy text in ``content[start:end]``: blocks of lines that carry a dressing (quotes, a
    prefix, a continuation mark), and what lies between them as it stands."""
    blocks = _blocks(content, start, end, host, documentation, prefixes=True)
    for _, found in _with_gaps(content, blocks, start, end, host, documentation):
        yield found


def quoted(text: bytes) -> Iterator[tuple[bool, Embedding]]:
    """The same of a text that another host took out of a file, or nothing where no line carries a
    dressing, which a prefix is not here: it stands before comments. The first value says whether
    the lines of an embedding carry one."""
    blocks = list(_blocks(text, 0, len(text), HOST, False, prefixes=False))
    return _with_gaps(text, blocks, 0, len(text), HOST, False) if blocks else iter(())


def _with_gaps(
    content: bytes,
    blocks: Iterable[Block],
    start: int,
    end: int,
    host: str,
    documentation: bool,
) -> Iterator[tuple[bool, Embedding]]:
    for block_start, block_end, found in blocks:
        for raw in _raw(content, start, block_start, host, documentation):
            yield False, raw
        for dressed in found:
            yield True, dressed
        start = block_end
    for raw in _raw(content, start, end, host, documentation):
        yield False, raw


def _blocks(
    content: bytes, start: int, end: int, host: str, documentation: bool, *, prefixes: bool
) -> Iterator[Block]:
    plain = _HEADER.search(content, start, end) is not None
    gap = position = start
    while (candidate := _ANCHOR.search(content, position, end)) is not None:
        # An escape's backslash may be the first byte of the match, never a line break.
        line = line_at(content, candidate.start(), start, end)
        block = _block(content, line, gap, end, host, documentation, plain, prefixes)
        if block is None:
            position = max(line[2], candidate.end())
            continue
        block_start, block_end, found = block
        gap = position = max(block_end, line[2])
        yield block_start, gap, found


def _raw(
    content: bytes, start: int, end: int, host: str, documentation: bool
) -> Iterator[Embedding]:
    if matters(content, start, end):
        lines = _without_code(content, region(content, start, end))
        yield Embedding(host, lines, documentation=documentation)


def _without_code(content: bytes, lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """The lines without the code that stands before a string's first line: ``x = 'profile``."""
    if _OPENED.search(content, lines[0].start, lines[-1].insert_at) is None:
        return lines
    return tuple(
        line
        if (code := _OPENED.search(line.text)) is None
        else replace(line, text=line.text[code.end() :], start=line.start + code.end())
        for line in lines
    )


def _block(
    content: bytes,
    line: Physical,
    start: int,
    end: int,
    host: str,
    documentation: bool,
    plain: bool,
    prefixes: bool,
) -> Block | None:
    """The block of lines with one dressing around ``line``; None where it has none."""
    begin, text_end, _ = line
    if (found := quoted_block(content, line, start, end, host, documentation)) is not None:
        return found
    prefix = _PREFIX.match(content, begin, text_end) if prefixes else None
    if prefix is not None and _PREFIXED_RULE.match(content, prefix.end(), text_end):
        mark = prefix[0].strip()
        if not (plain and mark.startswith(b"#")):  # else a comment inside plain policy
            return _prefixed_block(content, line, mark, start, end, host, documentation)
    if _CONTINUED.search(content, max(begin, text_end - 64), text_end):
        return _continued_block(content, line, start, end, host, documentation)
    return None


# Lines that all begin, or end, with the same mark


def _contiguous(
    content: bytes, line: Physical, start: int, end: int, alike: Callable[[Physical], bool]
) -> tuple[list[Physical], Physical | None]:
    """The lines around ``line`` that are like it, without interruption, and the one below them."""
    members = [line]
    above = line_above(content, line[0], start)
    while above is not None and alike(above):
        members.append(above)
        above = line_above(content, above[0], start)
    members.reverse()
    below = line_below(content, line[2], end)
    while below is not None and alike(below):
        members.append(below)
        below = line_below(content, below[2], end)
    return members, below


def _prefixed_block(
    content: bytes,
    line: Physical,
    mark: bytes,
    start: int,
    end: int,
    host: str,
    documentation: bool,
) -> Block:
    def width(physical: Physical) -> int:
        begin, text_end, _ = physical
        indent = begin
        while content[indent : indent + 1] in (b" ", b"\t") and indent < text_end:
            indent += 1
        after = indent + len(mark)
        if after > text_end or content[indent:after] != mark:
            return -1
        blank = mark != b"|" and after < text_end and content[after : after + 1] == b" "
        return after - begin + blank

    members, _ = _contiguous(content, line, start, end, lambda physical: width(physical) >= 0)
    lines: list[Line] = []
    opening = line_above(content, members[0][0], start) if mark == b"|" else None
    if opening is not None and _OPENED.search(content, opening[0], opening[1]):
        # The string's first line, which has no margin.
        lines += _without_code(content, region(content, opening[0], opening[2]))
        members.insert(0, opening)
    for member in members[len(lines) :]:
        begin, text_end, stop = member
        taken = begin + width(member)
        dressing, ending = content[begin:taken], content[text_end:stop]
        before, after = dressing, ending
        if not ending:
            before, after = line_ending(content, begin) + dressing, b""
        lines.append(Line(content[taken:text_end], taken, stop, before, after))
    documented = documentation or mark not in _PROSE_PREFIXES
    reason = REASON if mark == b"+" else ""
    found = Embedding(host, tuple(lines), documentation=documented, reason=reason)
    return members[0][0], members[-1][2], [found]


def _continued_block(
    content: bytes, line: Physical, start: int, end: int, host: str, documentation: bool
) -> Block:
    """A string or macro over several physical lines, each but the last ending in a backslash."""

    def mark(physical: Physical) -> int:
        """Where the continuation mark of a line begins; -1 without one."""
        found = _CONTINUED.search(content, max(physical[0], physical[1] - 64), physical[1])
        return -1 if found is None else found.start()

    members, below = _contiguous(content, line, start, end, lambda physical: mark(physical) >= 0)
    lines = []
    for member in members:
        begin, text_end, stop = member
        text_stop = mark(member)
        if stop == text_end:  # the file ends in the mark: nothing can follow
            text_stop = text_end
        lines.append(Line(content[begin:text_stop], begin, stop, b"", content[text_stop:stop]))
    if below is not None:
        begin, text_end, stop = below
        ending = content[lines[-1].start + len(lines[-1].text) : begin]
        lines.append(Line(content[begin:text_end], begin, text_end, ending, b""))
        members.append(below)
    found = Embedding(host, _without_code(content, tuple(lines)), documentation=documentation)
    return members[0][0], members[-1][2], [found]

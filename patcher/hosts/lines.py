"""The general host: any text file, line by line, with the dressing of each line guessed.

It serves what has no module of its own, and what the other hosts leave uncovered, so that policy
in an unknown format is not lost. What is policy is decided by the policy reader, from evidence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import PurePosixPath

from patcher.hosts import builds
from patcher.hosts.calls import CONTROL
from patcher.hosts.embedding import Embedding, Line, prefixed, region
from patcher.hosts.names import INDENTED
from patcher.hosts.patchfile import REASON
from patcher.hosts.physical import Area, Physical, filled
from patcher.hosts.quoted import HOST, RULE, Block, quoted_block, why_changed
from patcher.hosts.strings import matters, text_start
from patcher.policy.patterns import regex, repeated
from patcher.policy.search import NETWORK_OR_FLAG

_ANCHOR = regex(NETWORK_OR_FLAG)
"""On what line there may be a dressing."""
_PREFIX = regex(
    rb"[ \t]*+(?://++[/!]?|/\*++|\*++(?!/)|#++:?|;++|--++|>"
    + repeated(rb"[ \t]?>")
    + rb"|%++|\.\.|dnl\b|REM\b|!++|\||-|\+)"
    rb"(?=[ \t]|[a-z]|$)"
)
"""What may stand before each line of a quoted or commented-out profile."""
_PREFIXED_RULE = regex(rb"[ \t]*+(?:" + RULE + rb"|(?:profile|hat|\^|/|@\{).*mediate_deleted)")
_PROSE_PREFIXES = (b"|", b"-", b"+")  # stripMargin, list items: not a comment, not a quotation
_CONTINUED = regex(rb"[ \t]*+(?:\\n)?\\\Z")
_HEADER = regex(rb"^[ \t]*+(?:profile|hat|\^|/|@\{|\{\{)[^\n]*\{", re.MULTILINE)

_OPENED = regex(rb"[\"'`>](?=[ \t]*+(?:profile|hat)[ \t]++[^\s\"'`{][^\r\n\"'`{]*+\{)")
"""The quote that opens a string whose first line is a profile's header."""


_STRING = regex(
    rb"(?:[\"'`](?:(?<=\")\"\"|(?<=')''?)?"
    rb"|(?P<other>\{\w{0,20}\||\[=*\[|\|\|\||(?<=[\[ \w\]])[ \t]\{))(?=\s*+"
    + repeated(rb"(?:\#|abi[ \t]|include[ \t]|@\{)[^\r\n\"'`]*+\s++")
    + rb"(?:profile|hat)[ \t]++[^\r\n\"'`{]++\{)"
)
"""What opens a string that begins with a header, be it on the next line and behind what stands at
the beginning of a file of policy: quotes, or ``other`` marks, as OCaml, Lua, Jsonnet and Tcl have
them."""
_BRACES = regex(rb"[{}]")
_CLOSES = {b"{": b"|}", b"[": b"]]", b"|": b"|||"}


def claims(path: PurePosixPath, content: bytes) -> bool:
    """Whatever nobody else claims."""
    return True


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """The whole file, with the dressing guessed block by block."""
    found = dressed(content, text_start(content), len(content), HOST)
    return (
        map(partial(_by_indentation, content), found) if path.suffix.lower() in INDENTED else found
    )


_CONDITION = regex(
    rb"[ \t]*(?:-(?!#)[ \t]*)?(?:" + CONTROL + rb"|each\b)|[ \t]*-[^\n]*(?:\bdo\b|\{)"
)


def _by_indentation(content: bytes, found: Embedding) -> Embedding:
    """The text, in which no line certainly stands with one that a condition governs."""
    lines: list[Line] = []
    stretch, bar, governing = 0, -1, list[int]()
    for line in found.lines:
        begin = content.rfind(b"\n", 0, line.start) + 1
        mark = content[begin : line.start + len(line.text)].lstrip(b" \t")
        indentation = line.start + len(line.text) - begin - len(mark)
        while mark.strip() and governing and indentation <= governing[-1]:
            governing.pop()
            stretch += 1
        if _CONDITION.match(mark):
            governing.append(indentation)
            stretch += 1
        if mark[:1] in (b"|", b"'"):
            stretch += bar not in (-1, indentation)
            bar = indentation
        lines.append(line._replace(stretch=line.stretch + stretch))
    return found._replace(lines=tuple(lines)) if stretch else found


def dressed(
    content: bytes, start: int, end: int, host: str, *, documentation: bool = False
) -> Iterator[Embedding]:
    """The policy text in ``content[start:end]``: blocks of lines that carry a dressing (quotes, a
    prefix, a continuation mark), and what lies between them as it stands."""
    area = Area(content, start, end, host, documentation)
    blocks = _blocks(area, prefixes=True)
    return filled(start, end, blocks, lambda begin, stop: _raw(area, begin, stop))


def quoted(text: bytes) -> Iterator[tuple[bool, Embedding]]:
    """The same of a text that another host took out of a file, or nothing where no line carries a
    dressing, which a prefix is not here: it stands before comments. The first value says whether
    the lines of an embedding carry one."""
    area = Area(text, 0, len(text), HOST)
    blocks = [
        (start, end, [(True, found) for found in inner])
        for start, end, inner in _blocks(area, prefixes=False)
    ]
    if not blocks:
        return iter(())
    return filled(
        0, len(text), blocks, lambda start, end: ((False, raw) for raw in _raw(area, start, end))
    )


def _blocks(area: Area, *, prefixes: bool) -> Iterator[Block]:
    plain = _HEADER.search(area.content, area.start, area.end) is not None
    gap = position = area.start
    while (candidate := _ANCHOR.search(area.content, position, area.end)) is not None:
        line = area.line_at(candidate.start())
        block = _block(area._replace(start=gap), line, plain, prefixes)
        if block is None:
            position = max(line[2], candidate.end())
            continue
        block_start, block_end, found = block
        gap = position = max(block_end, line[2])
        yield block_start, gap, found


def _raw(area: Area, start: int, end: int) -> Iterator[Embedding]:
    if matters(area.content, start, end):
        lines = _without_code(area.content, region(area.content, start, end))
        changes: tuple[partial[str], ...] = ()
        if opened := _STRING.search(area.content, start, end):
            begin = opened.end() - len(opened[0].strip())
            stop = _closed(area.content, opened, end)
            changes = (partial(why_changed, area, begin, stop),)
        elif header := _HEADER.search(area.content, start, end):
            changes = (partial(builds.why_changed, area.content, *header.span()),)
        yield Embedding(area.host, lines, documentation=area.documentation, changes=changes)


def _closed(content: bytes, opened: re.Match[bytes], end: int) -> int:
    """Return where the string ends that a mark opens; ``end`` where nothing closes it."""
    mark = (opened["other"] or b"").strip()
    if mark == b"{":
        depth = 1
        for brace in _BRACES.finditer(content, opened.end(), end):
            depth += 1 if brace[0] == b"{" else -1
            if not depth:
                return brace.end()
        return end
    closing = _CLOSES[mark[:1]] if mark else opened[0]
    closed = content.find(closing, opened.end(), end)
    return end if closed < 0 else closed + len(closing)


def _without_code(content: bytes, lines: Sequence[Line]) -> Sequence[Line]:
    """The lines without the code that stands before a string's first line: ``x = 'profile``."""
    if _OPENED.search(content, lines[0].start, lines[-1].insert_at) is None:
        return lines
    return tuple(
        line if (code := _OPENED.search(line.text)) is None else line.without(code.end())
        for line in lines
    )


def _block(area: Area, line: Physical, plain: bool, prefixes: bool) -> Block | None:
    """The block of lines with one dressing around ``line``; None where it has none."""
    begin, text_end, _ = line
    if (found := quoted_block(area, line)) is not None:
        return found
    prefix = _PREFIX.match(area.content, begin, text_end) if prefixes else None
    if prefix is not None and _PREFIXED_RULE.match(area.content, prefix.end(), text_end):
        mark = prefix[0].strip()
        if not (plain and mark.startswith(b"#")):  # else a comment inside plain policy
            return _prefixed_block(area, line, mark)
    commented = plain and b"#" in area.content[begin:text_end]  # a comment may end in such a mark
    if not commented and _CONTINUED.search(area.content, max(begin, text_end - 64), text_end):
        return _continued_block(area, line)
    return None


# Lines that all begin, or end, with the same mark


def _contiguous(
    area: Area, line: Physical, alike: Callable[[Physical], bool]
) -> tuple[list[Physical], Physical | None]:
    """The lines around ``line`` that are like it, without interruption, and the one below them."""
    members = [line]
    above = area.above(line)
    while above is not None and alike(above):
        members.append(above)
        above = area.above(above)
    members.reverse()
    below = area.below(line)
    while below is not None and alike(below):
        members.append(below)
        below = area.below(below)
    return members, below


def _prefixed_block(area: Area, line: Physical, mark: bytes) -> Block:
    content = area.content

    def width(line: bytes) -> int:
        text = line.lstrip(b" \t")
        after = len(line) - len(text) + len(mark)
        if not text.startswith(mark):
            return -1
        return after + (mark != b"|" and line[after : after + 1] == b" ")

    members, _ = _contiguous(area, line, lambda other: width(content[other[0] : other[1]]) >= 0)
    lines: list[Line] = []
    begin = members[0][0]
    opening = area.above(members[0]) if mark == b"|" else None
    if opening is not None and _OPENED.search(content, opening[0], opening[1]):
        # The string's first line, which has no margin.
        lines += _without_code(content, region(content, opening[0], opening[2]))
        begin = opening[0]
    lines += prefixed(content, members, prefix=width)
    found = Embedding(
        area.host,
        tuple(lines),
        documentation=area.documentation or mark not in _PROSE_PREFIXES,
        reason=REASON if mark == b"+" else "",
    )
    return begin, members[-1][2], [found]


def _continued_block(area: Area, line: Physical) -> Block:
    """A string or macro over several physical lines, each but the last ending in a backslash."""
    content = area.content

    def mark(physical: Physical) -> int:
        """Where the continuation mark of a line begins; -1 without one."""
        found = _CONTINUED.search(content, max(physical[0], physical[1] - 64), physical[1])
        return -1 if found is None else found.start()

    members, below = _contiguous(area, line, lambda other: mark(other) >= 0)
    lines = []
    for member in members:
        begin, text_end, stop = member
        # Nothing can follow where the file ends in the mark.
        text_stop = text_end if stop == text_end else mark(member)
        lines.append(Line(content[begin:text_stop], begin, stop, b"", content[text_stop:stop]))
    if below is not None:
        begin, text_end, stop = below
        ending = content[lines[-1].start + len(lines[-1].text) : begin]
        lines.append(Line(content[begin:text_end], begin, text_end, ending, b""))
        members.append(below)
    found = Embedding(
        area.host, _without_code(content, tuple(lines)), documentation=area.documentation
    )
    return members[0][0], members[-1][2], [found]

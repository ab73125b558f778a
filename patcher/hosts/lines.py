"""The general host: any text file, line by line, with the dressing of each line guessed.

It serves what has no module of its own, and what the other hosts leave uncovered, so that policy
in an unknown format is not lost. What is policy is decided by the policy reader, from evidence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from patcher.hosts.dressing import (
    MATTERS,
    C,
    Decoded,
    Escapes,
    decoded,
    inner_line,
    matters,
    string_lines,
    text_start,
)
from patcher.hosts.embedding import (
    Embedding,
    Line,
    line_ending,
    physical_lines,
    region,
    taken,
    verbatim,
)
from patcher.hosts.lists import DECLARED, may_be_declared
from patcher.policy.bounds import MAX_STRINGS, check_number
from patcher.policy.patterns import repeated

HOST = "text"

_RULE = (
    repeated(rb"(?:audit|allow|deny|prompt|quiet|owner|priority[ \t]*=[ \t]*[-+]?\d++)[ \t]++")
    + rb"network\b"
)
_PREFIX = re.compile(
    rb"[ \t]*+(?://++[/!]?|/\*++|\*++(?!/)|#++:?|;++|--++|>"
    + repeated(rb"[ \t]?>")
    + rb"|%++|\.\.|dnl\b|REM\b|!++|\||-|\+)"
    rb"(?=[ \t]|[a-z]|$)"
)
"""What may stand before each line of a quoted or commented-out profile."""
_PREFIXED_RULE = re.compile(
    rb"[ \t]*+(?:" + _RULE + rb"|(?:profile|hat|\^|/|@\{).*mediate_deleted)"
)
_PROSE_PREFIXES = (b"|", b"-", b"+")  # stripMargin, list items: not a comment, not a quotation
_IN_LITERAL = re.compile(
    rb"(?:(?<=[\"'`])|\\[nrt]|[{},;\s])[ \t]*+" + _RULE + rb"[^\"]*,|mediate_deleted"
)
_CONTINUED = re.compile(rb"[ \t]*+(?:\\n)?\\\Z")
_HEADER = re.compile(rb"^[ \t]*+(?:profile|hat|\^|/|@\{|\{\{)[^\n]*\{", re.MULTILINE)

_OPENED = re.compile(rb"[\"'`>](?=[ \t]*+(?:profile|hat)[ \t]++[^\s\"'`{][^\r\n\"'`{]*+\{)")
"""The quote that opens a string whose first line is a profile's header."""

_INSIDE = {
    b'"': re.compile(repeated(rb'[^"\\\r\n]++|\\.')),
    b"'": re.compile(repeated(rb"[^'\\\r\n]++|\\.")),
    b"`": re.compile(rb"[^`\r\n]*+"),
}
_QUOTE = re.compile(rb"[\"'`]")
_GAP = 3


@dataclass(frozen=True, slots=True)
class _Literal:
    """A string literal inside one physical line: where its inside begins and ends."""

    start: int
    end: int
    quote: bytes


@dataclass(frozen=True, slots=True)
class _Quoted:
    """A physical line and the literal in it that holds policy."""

    begin: int
    text_end: int
    stop: int
    literal: _Literal

    def margin(self, content: bytes) -> bytes:
        """What stands before the text of the literal."""
        return content[self.begin : self.literal.start]

    def glue(self, content: bytes) -> bytes:
        """What stands behind the literal's closing quote, line ending included."""
        return content[self.literal.end + 1 : self.stop]


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
    plain = _HEADER.search(content, start, end) is not None
    gap = start  # what lies before is handed over already
    position = start
    while (candidate := MATTERS.search(content, position, end)) is not None:
        # An escape's backslash may be the first byte of the match, never a line break.
        line = _line_at(content, candidate.start(), start, end)
        block = _block(content, line, gap, end, host, documentation, plain)
        if block is None:
            position = max(line[2], candidate.end())
            continue
        block_start, block_end, found = block
        yield from _raw(content, gap, block_start, host, documentation)
        yield from found
        gap = position = max(block_end, line[2])
    yield from _raw(content, gap, end, host, documentation)


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


_Physical = tuple[int, int, int]
_Block = tuple[int, int, list[Embedding]]


def _line_at(content: bytes, position: int, start: int, end: int) -> _Physical:
    return next(physical_lines(content, _line_start(content, start, position), end))


def _line_start(content: bytes, start: int, position: int) -> int:
    """Where the line that holds ``position`` begins. Looks for both line breaks in a window that
    grows, for one of them may not occur in the whole file."""
    window = 256
    while True:
        low = max(start, position - window)
        found = max(content.rfind(b"\n", low, position), content.rfind(b"\r", low, position))
        if found >= 0:
            return found + 1
        if low == start:
            return start
        window *= 4


def _above(content: bytes, begin: int, start: int) -> _Physical | None:
    if begin <= start:
        return None
    text_end = begin - 1
    if content[text_end:begin] == b"\n" and content[text_end - 1 : text_end] == b"\r":
        text_end = max(text_end - 1, start)
    return _line_start(content, start, text_end), text_end, begin


def _below(content: bytes, stop: int, end: int) -> _Physical | None:
    return next(physical_lines(content, stop, end), None)


def _block(
    content: bytes,
    line: _Physical,
    start: int,
    end: int,
    host: str,
    documentation: bool,
    plain: bool,
) -> _Block | None:
    """The block of lines with one dressing around ``line``; None where it has none."""
    begin, text_end, _ = line
    hits: list[tuple[int, _Literal]] = []
    for ordinal, literal in enumerate(_literals(content, begin, text_end)):
        if _IN_LITERAL.search(content, literal.start, literal.end):
            hits.append((ordinal, literal))
            check_number(len(hits), MAX_STRINGS, "strings on one line")
    if hits:
        return _quoted_block(content, line, hits, start, end, host, documentation)
    prefix = _PREFIX.match(content, begin, text_end)
    if prefix is not None and _PREFIXED_RULE.match(content, prefix.end(), text_end):
        mark = prefix[0].strip()
        if not (plain and mark.startswith(b"#")):  # else a comment inside plain policy
            return _prefixed_block(content, line, mark, start, end, host, documentation)
    if _CONTINUED.search(content, max(begin, text_end - 64), text_end):
        return _continued_block(content, line, start, end, host, documentation)
    return None


def _literals(content: bytes, begin: int, end: int) -> Iterator[_Literal]:
    """The string literals of one physical line. A quote that nothing closes (an apostrophe) opens
    no literal, and no later one of its kind on this line can."""
    unclosed: set[bytes] = set()
    position = begin
    while (opening := _QUOTE.search(content, position, end)) is not None:
        position = opening.end()
        if opening[0] in unclosed:
            continue
        inside = _INSIDE[opening[0]].match(content, position, end)
        assert inside is not None
        if inside.end() >= end or content[inside.end() : inside.end() + 1] != opening[0]:
            unclosed.add(opening[0])
            continue
        yield _Literal(position, inside.end(), opening[0])
        position = inside.end() + 1


# Lines of which each carries policy in a string literal


def _quoted_block(
    content: bytes,
    line: _Physical,
    hits: list[tuple[int, _Literal]],
    start: int,
    end: int,
    host: str,
    documentation: bool,
) -> _Block | None:
    ordinal, literal = hits[0]
    anchor = _Quoted(*line, literal)
    key = _key(content, anchor)
    members = [anchor]
    following = _below(content, line[2], end)
    second = None if following is None else _member(content, following, 0)
    if second is not None and not (other := _key(content, second)) and key:
        key = other  # the anchor opens the statement: what is around it is told by the next line
    above: _Physical | None = line if _key(content, anchor) == key else None
    skipped = 0
    while above is not None and (above := _above(content, above[0], start)) is not None:
        member = _member(content, above, ordinal)
        if member is None:
            skipped += 1
            if skipped > _GAP:
                break
            continue
        if _key(content, member) == key:
            members.append(member)
            skipped = 0
            continue
        if member.glue(content).strip() == members[-1].glue(content).strip():
            members.append(member)  # the first of them: "policy := " and the like stand before it
        break
    members.reverse()
    below: _Physical | None = line
    skipped = 0
    while below is not None and (below := _below(content, below[2], end)) is not None:
        member = _member(content, below, ordinal)
        if member is not None and _key(content, member) == key:
            members.append(member)
            skipped = 0
            continue
        skipped += 1
        if member is not None or skipped > _GAP:
            break
    if len(members) == 1:
        return _long_strings(content, line, hits, host, documentation)
    lines = taken(_member_lines(content, members, key))
    tabs = any(b"\\t" in content[m.literal.start : m.literal.end] for m in members)
    found = Embedding(
        host,
        lines,
        escape=_escape(literal.quote, tabs),
        documentation=documentation,
        reason=DECLARED if host == HOST and _may_be_declared(content, members, start) else "",
        separate=True,
    )
    return members[0].begin, members[-1].stop, [found]


def _may_be_declared(content: bytes, members: list[_Quoted], start: int) -> bool:
    """Whether a program's list of strings may have a declared length."""
    first, last = members[0], members[-1]
    if not members[len(members) // 2].glue(content).lstrip().startswith((b",", b";")):
        return False
    head = content[max(first.literal.start - 301, start) : first.literal.start - 1]
    return may_be_declared(head, content[last.literal.end + 1 : last.literal.end + 40])


def _key(content: bytes, member: _Quoted) -> bytes:
    return b" ".join(content[member.begin : member.literal.start - 1].split())


def _member(content: bytes, line: _Physical, ordinal: int) -> _Quoted | None:
    found: _Literal | None = None
    for number, literal in enumerate(_literals(content, line[0], line[1])):
        found = literal if found is None or number == ordinal else found
        if number >= ordinal:
            break
    return None if found is None else _Quoted(*line, found)


def _escapes(quote: bytes) -> Escapes | None:
    return None if quote == b"`" else C


def _escape(quote: bytes, tabs: bool) -> Callable[[bytes], bytes]:
    """Writes text in a literal of this kind; ``tabs``: as escapes, as the file has them (a shell's
    ``echo`` knows no such escape)."""
    if quote == b"`":
        return verbatim
    return _with_tabs if tabs else _without_tabs


def _with_tabs(text: bytes) -> bytes:
    return _without_tabs(text).replace(b"\t", b"\\t")


def _without_tabs(text: bytes) -> bytes:
    return text.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"'", b"\\'")


def _pieces(content: bytes, literal: _Literal) -> list[Decoded]:
    escapes = _escapes(literal.quote)
    if escapes is None:
        return [
            Decoded(content[literal.start : literal.end], literal.start, literal.end,
                    literal.end, None)
        ]  # fmt: skip
    return list(decoded(content, literal.start, literal.end, escapes))


def _member_lines(content: bytes, members: list[_Quoted], key: bytes) -> Iterator[Line]:
    """A line of policy for each literal (more, where one holds escaped line breaks). A new line
    repeats the physical line around the text: but its margin is the next line's where this one
    opens the statement, and its glue the last line's where this one closes it."""
    for number, member in enumerate(members):
        pieces = _pieces(content, member.literal)
        for piece in pieces[:-1]:
            yield inner_line(content, piece)
        if not pieces:
            continue
        last = pieces[-1]
        margin = member.margin(content)
        if number == 0 and _key(content, member) != key:
            margin = members[1].margin(content)
        glue = member.glue(content)
        closing = content[last.end : member.literal.end + 1]
        above = members[number - 1].glue(content) if number else glue
        if number == len(members) - 1 and glue.strip() != above.strip():
            insert_at, before, after = member.literal.end + 1, above + margin, closing
        elif member.stop == member.text_end:
            insert_at, after = member.stop, closing + glue
            before = line_ending(content, member.begin) + margin
        else:
            insert_at, before, after = member.stop, margin, closing + glue
        yield Line(last.text, last.start, insert_at, before, after, last.offsets)


def _long_strings(
    content: bytes,
    line: _Physical,
    hits: list[tuple[int, _Literal]],
    host: str,
    documentation: bool,
) -> _Block | None:
    """Strings that hold a whole profile with escaped line breaks."""
    found = []
    for _, literal in hits:
        if literal.quote != b"`" and b"\\n" in content[literal.start : literal.end]:
            lines = tuple(string_lines(content, literal.start, literal.end, C))
            tabs = b"\\t" in content[literal.start : literal.end]
            found.append(
                Embedding(
                    host, lines, escape=_escape(literal.quote, tabs), documentation=documentation
                )
            )
    return (line[0], line[2], found) if found else None


# Lines that all begin, or end, with the same mark


def _contiguous(
    content: bytes, line: _Physical, start: int, end: int, alike: Callable[[_Physical], bool]
) -> tuple[list[_Physical], _Physical | None]:
    """The lines around ``line`` that are like it, without interruption, and the one below them."""
    members = [line]
    above = _above(content, line[0], start)
    while above is not None and alike(above):
        members.append(above)
        above = _above(content, above[0], start)
    members.reverse()
    below = _below(content, line[2], end)
    while below is not None and alike(below):
        members.append(below)
        below = _below(content, below[2], end)
    return members, below


def _prefixed_block(
    content: bytes,
    line: _Physical,
    mark: bytes,
    start: int,
    end: int,
    host: str,
    documentation: bool,
) -> _Block:
    def width(physical: _Physical) -> int:
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
    opening = _above(content, members[0][0], start) if mark == b"|" else None
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
    found = Embedding(host, tuple(lines), documentation=documented)
    return members[0][0], members[-1][2], [found]


def _continued_block(
    content: bytes, line: _Physical, start: int, end: int, host: str, documentation: bool
) -> _Block:
    """A string or macro over several physical lines, each but the last ending in a backslash."""

    def mark(physical: _Physical) -> int:
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

"""Lines of which each carries policy in a string literal, in a language that is not known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from patcher.hosts.code.language import CONTROL
from patcher.hosts.code.lists import DECLARED, Lists, may_be_declared
from patcher.hosts.embedding import (
    Embedding,
    Line,
    line_ending,
    taken,
    unknown_line,
    verbatim,
)
from patcher.hosts.physical import Physical, line_above, line_below
from patcher.hosts.strings import (
    C,
    Decoded,
    Element,
    Escapes,
    decoded,
    element_lines,
    inner_line,
    string_lines,
)
from patcher.policy.bounds import MAX_STRINGS, check_number
from patcher.policy.patterns import repeated

HOST = "text"
"""The host of a language that is not known."""

RULE = (
    repeated(rb"(?:audit|allow|deny|prompt|quiet|owner|priority[ \t]*=[ \t]*[-+]?\d++)[ \t]++")
    + rb"network\b"
)
_IN_LITERAL = re.compile(
    rb"(?:(?<=[\"'`])|\\[nrt]|[{},;\s])[ \t]*+" + RULE + rb"[^\"]*,|mediate_deleted"
)
_INSIDE = {
    b'"': re.compile(repeated(rb'[^"\\\r\n]++|\\.')),
    b"'": re.compile(repeated(rb"[^'\\\r\n]++|\\.")),
    b"`": re.compile(rb"[^`\r\n]*+"),
}
_QUOTE = re.compile(rb"[\"'`]")
_GAP = 3
_LOOSE_RULES = "rules on one line without a profile's header; whether they make one is to be seen"
_PARTED = re.compile(rb"[ \t]++|[ \t]*+,[ \t]*+")
_FEW = 3

Block = tuple[int, int, list[Embedding]]
"""Where lines with one dressing begin and end, and what they hold."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A string literal inside one physical line: where its inside begins and ends."""

    start: int
    end: int
    quote: bytes


@dataclass(frozen=True, slots=True)
class Quoted:
    """A physical line and the literal in it that holds policy."""

    begin: int
    text_end: int
    stop: int
    literal: Literal

    def margin(self, content: bytes) -> bytes:
        """What stands before the text of the literal."""
        return content[self.begin : self.literal.start]

    def glue(self, content: bytes) -> bytes:
        """What stands behind the literal's closing quote, line ending included."""
        return content[self.literal.end + 1 : self.stop]


def quoted_block(
    content: bytes, line: Physical, start: int, end: int, host: str, documentation: bool
) -> Block | None:
    """The lines around ``line`` that carry policy in a literal as it does; None where it has no
    literal that does."""
    hits: list[tuple[int, Literal]] = []
    for ordinal, literal in enumerate(_literals(content, line[0], line[1])):
        if _IN_LITERAL.search(content, literal.start, literal.end):
            hits.append((ordinal, literal))
            check_number(len(hits), MAX_STRINGS, "strings on one line")
    return _around(content, line, hits, start, end, host, documentation) if hits else None


def _literals(content: bytes, begin: int, end: int) -> Iterator[Literal]:
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
        yield Literal(position, inside.end(), opening[0])
        position = inside.end() + 1


def _around(
    content: bytes,
    line: Physical,
    hits: list[tuple[int, Literal]],
    start: int,
    end: int,
    host: str,
    documentation: bool,
) -> Block | None:
    ordinal, literal = hits[0]
    anchor = Quoted(*line, literal)
    key = _key(content, anchor)
    members = [anchor]
    following = line_below(content, line[2], end)
    second = None if following is None else _member(content, following, 0)
    if second is not None and not (other := _key(content, second)) and key:
        key = other  # the anchor opens the statement: what is around it is told by the next line
    above: Physical | None = line if _key(content, anchor) == key else None
    skipped = 0
    while above is not None and (above := line_above(content, above[0], start)) is not None:
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
    below: Physical | None = line
    skipped = 0
    while below is not None and (below := line_below(content, below[2], end)) is not None:
        member = _member(content, below, ordinal)
        if member is not None and _key(content, member) == key:
            members.append(member)
            skipped = 0
            continue
        skipped += 1
        if member is not None or skipped > _GAP:
            break
    if len(members) == 1:
        return _long_strings(content, line, hits, host, documentation) or _row(
            content, line, literal, host, documentation
        )
    lines = taken(_in_stretches(content, members, key, _member_lines(content, members, key)))
    tabs = any(b"\\t" in content[m.literal.start : m.literal.end] for m in members)
    found = Embedding(
        host,
        lines,
        escape=_escape(literal.quote, tabs),
        documentation=documentation,
        reason=DECLARED if host == HOST and _may_be_declared(content, members, start) else "",
        separate=True,
        listed=_is_list(content, members),
    )
    return members[0].begin, members[-1].stop, [found]


def _is_list(content: bytes, members: list[Quoted]) -> bool:
    """Whether commas or semicolons part the strings."""
    middle = members[len(members) // 2]
    marks = middle.glue(content).strip()[:1], _key(content, middle)[:1]
    return b"," in marks or marks[0] == b";"


def _may_be_declared(content: bytes, members: list[Quoted], start: int) -> bool:
    """Whether a program's list of strings may have a declared length."""
    first, last = members[0], members[-1]
    if not _is_list(content, members):
        return False
    head = content[max(first.literal.start - 301, start) : first.literal.start - 1]
    return may_be_declared(head, content[last.literal.end + 1 : last.literal.end + 40])


_PLAIN_GLUE = re.compile(
    repeated(rb"(?!x\b|" + CONTROL + rb")[\w$]++|[\s\\)\]},;+.<>:/\"'`{-]") + rb"\Z"
)
"""What may stand behind a string that is in the text in any case."""
_NO_CODE = re.compile(rb"\s*(?:#(?!\s*(?:el|end)?if)[^\n]*|//[^\n]*|/\*[^\n]*\*/|--[^\n]*)?\Z")
"""A blank line, or one with a comment."""


def _in_stretches(
    content: bytes, members: list[Quoted], key: bytes, lines: Iterable[Line]
) -> Iterator[Line]:
    """The lines, told apart where the program may leave out one of two members."""
    stretch = number = 0
    for line in lines:
        while number + 1 < len(members) and members[number + 1].literal.start <= line.start:
            one, number = members[number], number + 1
            other = members[number]
            code = content[one.stop : other.begin].splitlines()
            if b"network" in content[one.literal.end : other.begin]:
                stretch += 1
                yield unknown_line(one.literal.end, stretch)
            alike = _margin(content, one) == _margin(content, other)
            stretch += not (
                (alike or _key(content, one) != key)
                and _PLAIN_GLUE.match(one.glue(content))
                and _PLAIN_GLUE.match(other.glue(content))
                and all(map(_NO_CODE.match, code))
            )
        yield replace(line, stretch=stretch)
    last = members[-1]
    if b"network" in last.glue(content):
        yield unknown_line(last.literal.end, stretch + 1)


def _margin(content: bytes, member: Quoted) -> bytes:
    margin = member.margin(content)
    return margin[: len(margin) - len(margin.lstrip())]


def _key(content: bytes, member: Quoted) -> bytes:
    return b" ".join(content[member.begin : member.literal.start - 1].split())


def _member(content: bytes, line: Physical, ordinal: int) -> Quoted | None:
    found: Literal | None = None
    for number, literal in enumerate(_literals(content, line[0], line[1])):
        found = literal if found is None or number == ordinal else found
        if number >= ordinal:
            break
    return None if found is None else Quoted(*line, found)


def _escapes(quote: bytes) -> Escapes | None:
    return None if quote == b"`" else C


def _escape(quote: bytes, tabs: bool) -> Callable[[bytes], bytes]:
    """Writes text in a literal of this kind; ``tabs``: as escapes, as the file has them (a shell's
    ``echo`` knows no such escape)."""
    if quote == b"`":
        return verbatim

    def escape(text: bytes) -> bytes:
        escaped = text.replace(b"\\", b"\\\\").replace(quote, b"\\" + quote)
        return escaped.replace(b"\t", b"\\t") if tabs else escaped

    return escape


def _pieces(content: bytes, literal: Literal) -> list[Decoded]:
    escapes = _escapes(literal.quote)
    if escapes is None:
        return [
            Decoded(content[literal.start : literal.end], literal.start, literal.end,
                    literal.end, None)
        ]  # fmt: skip
    return list(decoded(content, literal.start, literal.end, escapes))


def _member_lines(content: bytes, members: list[Quoted], key: bytes) -> Iterator[Line]:
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
    line: Physical,
    hits: list[tuple[int, Literal]],
    host: str,
    documentation: bool,
) -> Block | None:
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


def _row(
    content: bytes, line: Physical, anchor: Literal, host: str, documentation: bool
) -> Block | None:
    """The strings on one line of which each holds a rule: ``printf '%s\\n' 'file,' 'network,'``."""
    row: list[Literal] = []
    glue = b""
    for literal in _literals(content, line[0], line[1]):
        between = content[row[-1].end + 1 : literal.start - 1] if row else b""
        if row and literal.quote == row[-1].quote and _PARTED.fullmatch(between):
            glue = glue or between
        elif anchor in row:
            break
        else:
            row, glue = [], b""
        row.append(literal)
    if len(row) < _FEW or anchor not in row:
        return None
    elements = [Element(one.start, one.end, one.quote, one.quote, glue) for one in row]
    lines = taken(element_lines(content, elements, _escapes(anchor.quote)))
    head = content[line[0] : row[0].start - 1]
    reason = ""
    if b"," in glue and not Lists(tuples=True).takes_more(head):
        reason = DECLARED
    elif not any(line.text.endswith(b"{") for line in lines):
        reason = _LOOSE_RULES
    found = Embedding(
        host,
        lines,
        escape=_escape(anchor.quote, False),
        documentation=documentation,
        reason=reason,
        separate=True,
        listed=True,
    )
    return line[0], line[2], [found]

"""Lines with a rule each in a string literal, in a language that is not known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import takewhile
from typing import NamedTuple

from patcher.hosts import builds, shell
from patcher.hosts.calls import CONTROL
from patcher.hosts.changes import changes_in, why_chosen
from patcher.hosts.code import unknown
from patcher.hosts.code.lists import DECLARED, Lists, may_be_declared
from patcher.hosts.embedding import Embedding, Line, again, taken, unknown_line, verbatim
from patcher.hosts.physical import Area, Physical
from patcher.hosts.strings import (
    Added,
    C,
    Escapes,
    backslashed,
    list_lines,
    literal_lines,
    string_lines,
)
from patcher.policy.bounds import MAX_STRINGS, check_number, time_left
from patcher.policy.patterns import regex, repeated
from patcher.policy.search import BEGINS_LINE

HOST = "text"
"""The host of a language that is not known."""

RULE = (
    repeated(rb"(?:audit|allow|deny|prompt|quiet|owner|priority[ \t]*=[ \t]*[-+]?\d++)[ \t]++")
    + rb"network\b"
)
_IN_LITERAL = regex(
    rb"(?:(?<=[\"'`])|%b|[{},;\s])[ \t]*+" % rb"|".join(BEGINS_LINE)
    + (RULE + rb"[^\"]*,|mediate_deleted")
)
_INSIDE = {
    b'"': regex(repeated(rb'[^"\\\r\n]++|\\.')),
    b"'": regex(repeated(rb"[^'\\\r\n]++|\\.")),
    b"`": regex(rb"[^`\r\n]*+"),
}
_LINE_BREAK = regex(rb"\\(?:n|x0[aA]|u000[aA]|012)")
_QUOTE = regex(rb"[\"'`]")
_GAP = 3
_SLICE = 1 << 17
"""Bytes of a line after which the time is looked at."""

_LOOSE_RULES = "rules on one line without a profile's header; whether they make one is not known"
_GOVERNS = regex(rb"[ \t]*+(?:\}[ \t]*+)?" + CONTROL + rb"[^\n]*(?<![{:;])(?<!\bdo)(?<!\bthen)\Z")
"""A line with a condition that opens no block."""
_LONGEST_HEAD = 300
_SAY_MORE = "several strings on one line hold rules; add the rule by hand"
_RULES = regex(rb"[a-z][ \t]*,(?:\\n)?[\"']")
"""The end of a string that holds a rule."""
_PRINT_MORE = "several commands on one line print; add the rule by hand"
_PARTED = regex(rb"[ \t]++|[ \t]*+,[ \t]*+")
_FEW = 3

Block = tuple[int, int, list[Embedding]]
"""Where lines with one dressing begin and end, and what they hold."""


class _Literal(NamedTuple):
    """A string literal inside one physical line: where its inside begins and ends."""

    start: int
    end: int
    quote: bytes


class _Member(NamedTuple):
    """A physical line and the literal in it that holds policy."""

    begin: int
    stop: int
    literal: _Literal
    margin: bytes
    """What stands before the text of the literal."""
    glue: bytes
    """What stands behind the literal's closing quote, line ending included."""
    key: bytes
    """The code before the literal: it is the same for all lines of a block."""

    @property
    def indentation(self) -> bytes:
        return self.margin[: len(self.margin) - len(self.margin.lstrip())]


def quoted_block(area: Area, line: Physical) -> Block | None:
    """Return the lines around ``line`` that carry policy in literals of the same kind; None if it
    has no such literal."""
    hits: list[tuple[int, _Literal]] = []
    for ordinal, literal in enumerate(_literals(area.content, line)):
        if _IN_LITERAL.search(area.content, literal.start, literal.end):
            hits.append((ordinal, literal))
            check_number(len(hits), MAX_STRINGS, "strings on one line")
    if not hits:
        return None
    key, members = _members(area, line, *hits[0])
    if len(members) == 1:
        found = _long_strings(area, line, hits) or _row(area, line, hits[0][1])
        if found is not None or not _PRINTS.search(members[0].key):
            return found
    tabs = any(b"\\t" in area.content[m.literal.start : m.literal.end] for m in members)
    lines = _lines(area.content, members, key)
    embedding = _embedding(area, hits[0][1], lines, tabs=tabs)._replace(
        reason=_why_not_edited(area, members),
        changes=(partial(_why_changed, area, members),),
        separate=True,
        listed=_is_list(members),
    )
    return members[0].begin, members[-1].stop, [embedding]


def _why_not_edited(area: Area, members: list[_Member]) -> str:
    """Say why no line can be added behind one of these; empty if it can."""
    if area.host == HOST and _may_be_declared(area, members):
        return DECLARED
    found = (area.content[member.begin : member.stop] for member in members)
    lines = [line for line in found if b"network" in line]
    if any(len(_PRINTS.findall(line)) > 1 for line in lines):
        return _PRINT_MORE
    return _SAY_MORE if any(len(_RULES.findall(line)) > 1 for line in lines) else ""


def _literals(content: bytes, line: Physical) -> Iterator[_Literal]:
    """Find the string literals of one physical line. A quote without a partner (an apostrophe)
    opens no literal, and no later one of its kind on this line does."""
    unclosed: set[bytes] = set()
    position, end, _ = line
    looked = position
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
        if position > looked + _SLICE:
            looked = position
            time_left()


def _members(
    area: Area, line: Physical, ordinal: int, literal: _Literal
) -> tuple[bytes, list[_Member]]:
    """Return the code before the literals of a block, and the lines of the block."""
    anchor = _member(area.content, line, literal)
    key = anchor.key
    below = area.below(line)
    second = None if below is None else _found(area.content, below, 0)
    if key and second is not None and not second.key:
        key = b""  # the anchor opens the statement: what is around it is told by the next line
    above = [anchor]
    for member in _walk(area, line, area.above, ordinal) if anchor.key == key else ():
        if member.key == key or member.glue.strip() == above[-1].glue.strip():
            above.append(member)
        if member.key != key:
            break  # the first of them: "policy := " and the like stand before it
    following = takewhile(lambda member: member.key == key, _walk(area, line, area.below, ordinal))
    return key, [*reversed(above), *following]


def _walk(
    area: Area, line: Physical, step: Callable[[Physical], Physical | None], ordinal: int
) -> Iterator[_Member]:
    """Return the literals above or below a line, up to a gap of more than a few lines."""
    skipped = 0
    at: Physical | None = line
    while skipped <= _GAP and at is not None and (at := step(at)) is not None:
        member = _found(area.content, at, ordinal)
        skipped = skipped + 1 if member is None else 0
        if member is not None:
            yield member


def _found(content: bytes, line: Physical, ordinal: int) -> _Member | None:
    """Return the literal of that number on a line, else its first one; None if it has none."""
    found: _Literal | None = None
    for number, literal in enumerate(_literals(content, line)):
        if found is None or number == ordinal:
            found = literal
        if number >= ordinal:
            break
    return None if found is None else _member(content, line, found)


def _member(content: bytes, line: Physical, literal: _Literal) -> _Member:
    begin, _, stop = line
    margin = content[begin : literal.start]
    key = b" ".join(margin[:-1].split())
    return _Member(begin, stop, literal, margin, content[literal.end + 1 : stop], key)


def _is_list(members: list[_Member]) -> bool:
    """Whether commas or semicolons separate the strings."""
    middle = members[len(members) // 2]
    mark = middle.glue.strip()[:1]
    return mark in (b",", b";") or middle.key.startswith(b",")


def _may_be_declared(area: Area, members: list[_Member]) -> bool:
    """Whether a program's list of strings may have a declared length."""
    content, first, last = area.content, members[0].literal, members[-1].literal
    head = content[max(first.start - 301, area.start) : first.start - 1]
    return _is_list(members) and may_be_declared(head, content[last.end + 1 : last.end + 40])


_PLAIN_GLUE = regex(
    repeated(
        rb"(?:(?<=[^=-]>)|(?<=[^=-]>[ ])|(?<=/)|(?!x\b|"
        + CONTROL
        + rb"))[\w$]++|[\s\\)\]},;+.<>:/\"'`{-]"
    )
    + rb"\Z"
)
"""What may follow a string that is in the text in any case. Perl's ``x`` repeats it, but may be the
name of the file that a shell writes to, as any word may."""
_PRINTS = regex(rb"(?:^|[\s;&({])(?:echo|printf)\b")
_CHAINED = regex(rb"[ \t]*&&[ \t]*(?:\\[ \t]*)?(?:\r?\n)?\Z")
_NO_CODE = regex(rb"\s*(?:#(?!\s*(?:el|end)?if)[^\n]*|//[^\n]*|/\*[^\n]*\*/|--[^\n]*)?\Z")
"""A blank line, or one with a comment."""
_NO_NAMES = regex(rb"\s(?:#|//|--\s|/\*)[^\n]*|\"[^\"\n${`#%]*\"|'[^'\n]*'")
"""A comment, or a string that holds no variable."""
_MODIFIER = regex(
    rb"\s*(?:if|unless|while|until|for(?:each)?|and|or|x)\b[^;{}\n]{1,200};[ \t]*\r?$",
    re.MULTILINE,
)
"""The end of a statement that begins on the line above, with a condition (Perl)."""


def _lines(content: bytes, members: list[_Member], key: bytes) -> Iterator[Line]:
    """Return a line of policy for each literal (more, where it holds escaped line breaks). Another
    stretch begins where the program may leave out one of two literals."""
    stretch = 0
    names = {*unknown.NAMES.findall(key)}
    for number, member in enumerate(members):
        if number:
            above = members[number - 1]
            between = content[above.literal.end + 1 : member.begin]
            code = b"".join(
                _NO_NAMES.sub(b"", line)
                for line in between.splitlines(keepends=True)
                if not _NO_CODE.match(line)
            )
            code = shell.without_targets(code)
            if b"network" in between or unknown.in_statements(code, names, member.key):
                stretch += 1
                yield unknown_line(above.literal.end, stretch)
            stretch += not (
                (above.indentation == member.indentation or above.key != key)
                and _PLAIN_GLUE.match(_glue(above))
                and _PLAIN_GLUE.match(_glue(member))
                and shell.goes_to(above.glue) == shell.goes_to(member.glue)
                and all(map(_NO_CODE.match, content[above.stop : member.begin].splitlines()))
                and not _has_modifier(content, member)
            )
        for line in _member_lines(content, members, number, key):
            yield line._replace(stretch=stretch)
    last = members[-1]
    if b"network" in last.glue:
        yield unknown_line(last.literal.end, stretch + 1)


def _glue(member: _Member) -> bytes:
    """Return what stands behind a literal, without the ``&&`` that leads from one command that
    prints a line to the next."""
    return _CHAINED.sub(b"", member.glue) if _PRINTS.search(member.key) else member.glue


def _why_changed(area: Area, members: list[_Member]) -> str:
    """Say what the program may do to the lines that these literals make."""
    content, first, last = area.content, members[0], members[-1]
    for member in members:
        if shell.may_swallow(content[member.literal.start : member.literal.end], member.key):
            return "a comment without a line break behind it takes up what the next command prints"
    if shell.COMMENTED_FORMAT.search(content, max(first.begin - 200, 0), last.begin):
        return shell.COMMENTED
    if not any(_PRINTS.search(member.key) for member in members):
        return why_changed(area, first.literal.start - 1, last.literal.end + 1)
    names = {name for member in members for name in shell.targets(member.glue)}
    return shell.why_grouped(content, last.stop) or shell.why_edited(content, names, last.stop)


_NO_METHODS = ("perl", "php", "lua")
"""Hosts of languages in which a dot joins strings."""


def why_changed(area: Area, start: int, stop: int) -> str:
    """Say what the program may do to the text of literals; empty if nothing is known to."""
    if area.documentation:
        return ""
    if area.host in ("shell", "dockerfile"):
        before, behind = (
            area.content[max(start - _LONGEST_HEAD, 0) : start],
            area.content[stop : stop + _LONGEST_HEAD],
        )
        chosen = why_chosen(before, behind, area.content[start:stop])
        return (
            chosen
            or shell.why_joined(area.content, start, stop)
            or shell.why_printed(area.content, stop)
            or shell.why_called(area.content, start, stop)
        )
    if why := builds.why_changed(area.content, start, stop):
        return why
    text = area.content[start + 1 : stop - 1]
    changes = changes_in(area.content)
    return changes.why(start, stop, text, methods=area.host not in _NO_METHODS, host=area.host)


def _member_lines(
    content: bytes, members: list[_Member], number: int, key: bytes
) -> Iterator[Line]:
    """Return the lines of one literal. A new line repeats the physical line, with two exceptions:
    its margin is that of the second line where the first one opens the statement, and its glue is
    that of the line above where the last one closes it. Where a condition governs one statement, it
    stands in the same literal."""
    member, literal = members[number], members[number].literal

    def below(rest: bytes) -> Added:
        if rest and _is_governed(content, member):
            return literal.end, b"", rest
        margin = members[1].margin if number == 0 and member.key != key else member.margin
        above = members[max(number - 1, 0)]
        glue = member.glue if _has_modifier(content, above) else above.glue
        closing = rest + literal.quote
        if number == len(members) - 1 and member.glue.strip() != glue.strip():
            return literal.end + 1, glue + margin, closing
        ending = member.glue[len(member.glue.rstrip(b"\r\n")) :]
        closing += member.glue.removesuffix(ending)
        return member.stop, *again(content, member.begin, margin, closing, ending)

    return literal_lines(content, literal.start, literal.end, _escapes(literal), below)


def _has_modifier(content: bytes, member: _Member) -> bool:
    """Whether the statement ends on the line below, with a condition."""
    return member.glue.isspace() and _MODIFIER.match(content, member.stop) is not None


def _is_governed(content: bytes, member: _Member) -> bool:
    """Whether a condition on the line above or below may govern this statement alone: no brace or
    word opens a block there."""
    if _has_modifier(content, member):
        return True
    head = (
        content[max(member.begin - _LONGEST_HEAD, 0) : member.begin].rstrip().rpartition(b"\n")[2]
    )
    return _GOVERNS.match(head) is not None


def _escapes(literal: _Literal) -> Escapes | None:
    return None if literal.quote == b"`" else C


def _embedding(area: Area, literal: _Literal, lines: Iterable[Line], *, tabs: bool) -> Embedding:
    """Policy in literals of the same kind as this one; ``tabs``: written as escapes, as the file
    has them (a shell's ``echo`` knows no such escape)."""
    escape = verbatim if literal.quote == b"`" else backslashed(literal.quote, tabs=tabs)
    return Embedding(area.host, taken(lines), escape, documentation=area.documentation)


def _long_strings(area: Area, line: Physical, hits: list[tuple[int, _Literal]]) -> Block | None:
    """Strings that hold a whole profile with escaped line breaks."""
    found = []
    for _, literal in hits:
        text = area.content[literal.start : literal.end]
        if literal.quote != b"`" and _LINE_BREAK.search(text):
            lines = string_lines(area.content, literal.start, literal.end, C)
            embedding = _embedding(area, literal, lines, tabs=b"\\t" in text)
            why = partial(why_changed, area, literal.start - 1, literal.end + 1)
            found.append(embedding._replace(changes=(why,)))
    return (line[0], line[2], found) if found else None


def _row(area: Area, line: Physical, anchor: _Literal) -> Block | None:
    """The strings on one line of which each holds a rule: ``printf '%s\\n' 'file,' 'network,'``."""
    content = area.content
    row: list[_Literal] = []
    for literal in _literals(content, line):
        between = content[row[-1].end + 1 : literal.start - 1] if row else b""
        if row and not (literal.quote == row[-1].quote and _PARTED.fullmatch(between)):
            if anchor in row:
                break
            row = []
        row.append(literal)
    if len(row) < _FEW or anchor not in row:
        return None
    spans = [(literal.start, literal.end) for literal in row]
    lines = taken(list_lines(content, spans, anchor.quote, _escapes(anchor)))
    glue = content[row[0].end + 1 : row[1].start - 1]
    reason = ""
    if b"," in glue and not Lists(tuples=True).takes_more(content[line[0] : row[0].start - 1]):
        reason = DECLARED
    elif not any(line.text.endswith(b"{") for line in lines):
        reason = _LOOSE_RULES
    found = _embedding(area, anchor, lines, tabs=False)
    why = partial(why_changed, area, row[0].start - 1, row[-1].end + 1)
    if shell.COMMENTED_FORMAT.search(content, line[0], row[-1].start):
        why = partial(str, shell.COMMENTED)
    found = found._replace(reason=reason, changes=(why,), separate=True, listed=True)
    return line[0], line[2], [found]

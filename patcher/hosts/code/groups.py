"""Literals of a program that may make one text.

Consecutive literals are linked in one of three ways: they are *joined* to one string (adjacent
literals, ``"a" + "b"``), they are *elements* of a list, or they stand in like *statements*
(``sb.WriteString("...")``). A joined literal goes on where the one before it ended; the others
begin a new line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from patcher.hosts.code.flow import Program
from patcher.hosts.code.language import Literal
from patcher.hosts.code.source import Source
from patcher.hosts.code.statements import Statement
from patcher.hosts.strings import IS_LINE_BREAK, matters
from patcher.policy.bounds import time_left
from patcher.policy.patterns import regex

LONGEST_GAP = 600
LONGEST_HEAD = 300
_LONGEST_LOOSE_GAP = 160
_LINES_APART = 12
_OPEN_GROUPS = 8

NAME = regex(rb"[A-Za-z_]\w*")
_BOUNDARY = regex(
    rb"\n(?:\}|[ \t]{0,8}(?:(?:pub|export|public|private|protected|internal|static|async|override)"
    rb"\b[^\n=(]{0,60}[ \t])?(?:def|fn|func|fun|function|class|impl|interface)[ \t])"
)
"""Where another function or the like begins, or one ends."""
_RELATED = regex(rb"\bdeny[ \t]+[@/\"]|\bdeny mount,|\bcapability,|\bumount,")
_CODE_LINE = regex(rb"^[ \t]*+[^\s]", re.MULTILINE)
_COMMON = frozenset(
    b"self this return if else elif for while var let const final static val mut auto char string "
    b"String str bytes byte std fmt new in not and or true false nil null None await async yield "
    b"export public private unsigned wchar_t constexpr local my our _".split()
)
CALLEE = regex(rb"(\w+)!?[ \t]*\([^()]{0,200}\Z")
_LOOKS = regex(
    rb"assert|expect|should|contain|include|index|prefix|suffix|startswith|endswith|match|search|"
    rb"find|replace|split|count|grep|trim|strip|equal|compile|regex|require|(?:re)?sub\Z|fatal|"
    rb"errorf?\Z|str\w*cmp|strn?(?:case)?str\Z|strchr|memmem",
    re.IGNORECASE,
)
_ARGUMENTS = regex(rb"[ \t]*,[^\"'`;{}\r\n]{0,200}\)")
"""What a call has behind a literal: ``fputs("...", out)``."""
_CHAINED = regex(
    rb"\)\s*\.append\((?P<other>[^;{}()\"']{0,80}(?:\([^(){};]{0,80}\))?\)\s*\.append\()?\s*\Z"
)
"""``sb.append("a").append(b).append("c")``"""
_COMPARES = regex(rb"(?:[=!]=|=~|\bin|\bassert|\bcase|\bwhen)\s*\Z")
_COMPARED = regex(rb"\s*(?:(?:not\s+)?in\b|[=!]=)")
_APPENDS = regex(rb"([\w.\[\]]{1,100})[ \t]*=[ \t]*\1[ \t]*(?:\+|\.\.?)\s*\Z")
_TERNARY = regex(rb"\s*(?:if\b[^\n:]{0,120}\belse|:|\}\s*else(?:\s+if\b[^{};]{0,120})?\s*\{)\s*\Z")


class Link(Enum):
    """How a literal follows the one before it."""

    JOINED = auto()
    ELEMENT = auto()
    LOOSE = auto()
    """As an element, with other code around it."""
    STATEMENT = auto()


@dataclass(slots=True, eq=False)
class Node:
    """A literal in its surroundings."""

    literal: Literal
    line: int
    """Offset at which the physical line of its opening quote begins."""
    row: int
    """Number of code lines before it."""
    gap: bytes
    """The code between it and the one that it follows, comments left out."""
    statement: Statement
    offset: int
    """Of its end in the statement's code."""
    end: int
    """Its end in the program's bare code."""
    link: Link | None = None
    shares: bool = False
    """It certainly stands with the one before it, in the order of the group."""
    condition: int = 0
    """Not 0: it may be left out, or come out several times, where the others of its list stand.
    Those of one number stand together."""
    unknown: bool = False
    """Between the two, text may be added that is not known."""
    placeholder_between: bool = False
    """Joined with an expression between."""
    breaks: bool = False
    """The expression between puts a line break into the text."""
    placeholder_before: bool = False
    placeholder_after: bool = False


@dataclass(slots=True, eq=False)
class Group:
    """Literals that may make one text, in order."""

    nodes: list[Node]
    names: set[bytes]
    scope: int
    alone: bool = False
    documentation: bool = False


def groups(source: Source) -> list[Group]:
    """Return the groups that mention the network, or that may be other parts of a profile that the
    program joins from several. Raises TooMuch."""
    content = source.content
    return [
        group
        for group in _Grouping(source).groups()
        if any(
            matters(content, node.literal.start, node.literal.end)
            or _RELATED.search(content, node.literal.start, node.literal.end)
            for node in group.nodes
        )
    ]


class _Grouping:
    """Puts the literals of a file into groups."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.content = source.content
        self.language = source.language
        self.opened: list[Group] = []
        """Groups that may go on, the latest last."""
        self.previous: Node | None = None
        self.scope = 0

    def groups(self) -> Iterator[Group]:
        program = Program(self.language)
        row = 0
        for literal, gap, line in self.source.literals():
            time_left()
            if b"\n" in gap:
                row += len(_CODE_LINE.findall(gap))
                self.scope += _BOUNDARY.search(gap) is not None
            statement = program.literal(gap)
            near = gap if len(gap) <= LONGEST_GAP else gap[-LONGEST_GAP:]
            bare = len(self.source.bare)
            node = Node(literal, line, row, near, statement, len(statement.code), bare)
            if self.previous is not None and self.links(self.previous, node, gap):
                self.opened[-1].nodes.append(node)
            else:
                self.begin(node, gap)
                if len(self.opened) > _OPEN_GROUPS:
                    yield self.opened.pop(0)
            self.previous = node
        if self.previous is not None:
            stop = self.previous.literal.stop
            self.ends(self.previous, self.content[stop : stop + 80])
            program.code(self.source.code(stop, stop + LONGEST_GAP))
        yield from self.opened

    def links(self, previous: Node, node: Node, gap: bytes) -> bool:
        """Link a literal that is joined to the one before it, or is the next element of its list;
        return whether it is one of both."""
        if len(gap) > LONGEST_GAP:
            return False
        language = self.language
        other: re.Match[bytes] | None = None
        if language.joined.match(gap):
            node.link = Link.JOINED
        elif chained := _CHAINED.match(gap):
            node.link, node.placeholder_between = Link.JOINED, chained["other"] is not None
        elif (language.names_join and _ONLY_A_NAME.match(gap)) or (
            (other := language.around_placeholder.match(gap)) and _is_expression(other[1])
        ):
            node.link, node.placeholder_between = Link.JOINED, True
            node.breaks = other is not None and bool(IS_LINE_BREAK.match(other[1]))
        elif language.element.match(gap):
            node.link = Link.ELEMENT
        elif _is_loose(gap):
            node.link = Link.LOOSE
            self.ends(previous, gap)
            node.placeholder_before = bool(language.ends_joined.search(gap))
        return node.link is not None

    def ends(self, node: Node, code: bytes) -> None:
        """Look at the code behind a literal to which no other literal is joined."""
        node.placeholder_after = bool(self.language.begins_joined.match(code))

    def begin(self, node: Node, gap: bytes) -> None:
        """Put a literal into the group that it continues as a statement, or into a new one."""
        if self.previous is not None:
            self.ends(self.previous, gap)
        node.placeholder_before = bool(
            self.language.ends_joined.search(node.gap) and not _APPENDS.search(node.gap)
        )
        head = node.gap.rstrip().rpartition(b"\n")[2].strip()[-LONGEST_HEAD:]
        stop = node.literal.stop
        names = _names(head)
        if arguments := _ARGUMENTS.match(self.content, stop, stop + LONGEST_HEAD):
            names |= _names(arguments[0])
        group = Group([node], names, self.scope, alone=self.is_compared(node, head))
        if self.language.documentation is not None:
            group.documentation = self.language.documentation(self.content, node.literal, gap)
        earlier = None if group.alone or group.documentation else self.earlier(node, names)
        if earlier is not None:
            node.link = Link.STATEMENT
            self.opened.remove(earlier)
            earlier.nodes.append(node)
            group = earlier
        self.opened.append(group)

    def earlier(self, node: Node, names: set[bytes]) -> Group | None:
        """Return the group that a literal continues: the latest one that shares a name with it,
        else one in the same statement."""
        near = [
            group
            for group in reversed(self.opened)
            if not (group.alone or group.documentation)
            and group.scope == self.scope
            and node.row - group.nodes[-1].row <= _LINES_APART
        ]
        for group in near:
            if group.names & names:
                group.names &= names
                return group
        return next((group for group in near if group.nodes[-1].statement is node.statement), None)

    def is_compared(self, node: Node, head: bytes) -> bool:
        """Whether the code searches for the literal or compares it: then it is no policy."""
        if _COMPARES.search(head) or head.startswith(b"assert"):
            return True
        callee = CALLEE.search(head)
        if callee is not None and _LOOKS.search(callee[1]):
            return True
        stop = node.literal.stop
        return _COMPARED.match(self.content, stop, stop + 40) is not None


_ONLY_A_NAME = regex(rb"[\s\\]*[A-Za-z_]\w*[\s\\]*\Z")


def _names(code: bytes) -> set[bytes]:
    return {name for name in NAME.findall(code) if name not in _COMMON}


def _is_expression(text: bytes) -> bool:
    """Whether this may stand between two operators that join strings."""
    if text.count(b"(") != text.count(b")") or text.count(b"[") != text.count(b"]"):
        return False
    return b"," not in text or b"(" in text


def _is_loose(gap: bytes) -> bool:
    if len(gap) > _LONGEST_LOOSE_GAP or b";" in gap or gap.count(b"\n") > 2:
        return False
    if _BOUNDARY.search(gap) or b" = " in gap or b":=" in gap:
        return False
    if _TERNARY.match(gap):
        return True
    first, newline, _ = gap.partition(b"\n")
    if newline:
        return first.rstrip().endswith(b",")
    return b"," in first or first.strip() in (b":", b"else") or b"&&" in first

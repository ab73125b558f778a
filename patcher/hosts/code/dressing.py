"""How a line of policy is added to a text that string literals of a program make."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from patcher.hosts.code.groups import CALLEE, LONGEST_HEAD, NAME, Link, Node
from patcher.hosts.code.lists import TAKES_MANY
from patcher.hosts.code.source import Source
from patcher.hosts.code.statements import LITERAL, Puts, Statement
from patcher.hosts.strings import Decoded
from patcher.policy.patterns import regex

Added = tuple[int, bytes, bytes]
"""``insert_at``, ``before`` and ``after`` of a ``Line``."""

_WRAPPER = regex(rb"[\w.:&]{1,60}\(\s*\Z")
_LONGEST_ROW = 8
_LONGEST_LINE = 1 << 16
"""Bytes of a line. In a longer one, which may hold thousands of literals, the code around a literal
is not compared."""
_TRAILING = regex(rb"[ \t]+(?=\r?\n)")
_BLANK_LINES = regex(rb"(\r?\n)(?:[ \t]*\r?\n)+")
_TABLE_DEPTH = 8


class Part(NamedTuple):
    """The literals in which a line of policy stands."""

    first: int
    last: int
    begun: bool
    """Nothing of the first literal stands before the line."""
    text_end: int
    """File offset behind the last byte of its text."""


class Shape(Enum):
    """What a physical line with several literals is."""

    LIST = auto()
    CALL = auto()
    """Arguments of which each has its own meaning."""
    ROW = auto()
    """One of several lines that differ in their literals alone."""


class Dressing:
    """The code around the literals of a group."""

    def __init__(self, source: Source, nodes: list[Node]) -> None:
        self.source = source
        self.content = source.content
        self.nodes = nodes
        self._shapes: dict[int, Shape] = {}
        """Of the physical lines with several literals, by where they begin."""
        self._lists: dict[tuple[int, bool], bool] = {}
        """Whether the list that a literal stands in takes one more element, or one more row."""

    def below(self, part: Part, newline: Decoded | None) -> Added:
        """Return how a line is added below the last line of a literal. ``newline``: the piece whose
        line break ends that line."""
        first, last, begun, text_end = part
        nodes = self.nodes
        follows, precedes = self.certain_link(last + 1), self.certain_link(first)
        within = self.within(last, newline)
        if follows is not Link.JOINED and not begun:
            return within
        if Link.JOINED in (follows, precedes):
            link = Link.JOINED
            if newline is None and not (follows is link and nodes[last + 1].breaks):
                return within
        elif Link.ELEMENT in (follows, precedes):
            link = Link.ELEMENT
            if not self.takes_more(first, self.shape(first, last) is Shape.ROW):
                return within
        else:
            return self.row(part) or self.repeated(part) or within
        if begun and (found := self.own_line(part, link)):
            return found
        if link is Link.ELEMENT and self.shape(first, last) is Shape.CALL:
            return within
        neighbour = nodes[last + 1 if follows is link else first]
        glue = self.source.language.glue
        if neighbour.breaks or not neighbour.placeholder_between:
            glue = _BLANK_LINES.sub(rb"\1", _TRAILING.sub(b"", neighbour.gap))
        like, stop = nodes[first if begun else last].literal, nodes[last].literal.stop
        return stop, glue + self.content[like.open : like.start], self.content[text_end:stop]

    def within(self, last: int, newline: Decoded | None) -> Added:
        """Add a line in the same literal."""
        literal = self.nodes[last].literal
        if newline is not None:
            return newline.stop, b"", self.content[newline.end : newline.stop]
        ending = literal.kind.escapes.newline
        broken = self.content.find(b"\n", literal.start, literal.end)
        if broken >= 0 and b"\\" not in self.content[max(broken - 2, literal.start) : broken]:
            ending = self.source.line_ending(broken + 1)
        elif ending == b"\n":
            ending = self.source.line_ending(self.nodes[last].line)
        return literal.end, ending, b""

    # -- the physical line once more

    def own_line(self, part: Part, link: Link) -> Added | None:
        """Repeat the physical line if it holds nothing but the literal and its glue."""
        first, last, nodes = part.first, part.last, self.nodes
        if not self.is_whole_line(first, last):
            return None
        if self.shared(first, last):
            return self.row(part)
        head, tail = self.around(first, last)
        if last + 1 < len(nodes) and nodes[last + 1].link is link:
            like = head == self.around(last + 1, last + 1)[0]
        else:
            like = (head, tail) == self.around(first - 1, first - 1)
        return self.again(part) if like else None

    def row(self, part: Part) -> Added | None:
        """Repeat the physical line if it is a row of a table."""
        first, last = part.first, part.last
        if (
            self.is_whole_line(first, last)
            and self.shared(first, last)
            and self.is_row(first)
            and self.shape(first, last) is Shape.ROW
        ):
            return self.again(part)
        return None

    def repeated(self, part: Part) -> Added | None:
        """Repeat the physical line if it is a statement that may occur twice."""
        first, last, nodes = part.first, part.last, self.nodes
        if len(nodes) == 1 or not self.is_whole_line(first, last):
            return None
        head, tail = self.around(first, last)
        if nodes[first].link is Link.LOOSE or (
            last + 1 < len(nodes) and nodes[last + 1].link is Link.LOOSE
        ):
            alike = any(
                0 <= other < len(nodes)
                and nodes[other].line != nodes[first].line
                and self.around(other, other) == (head, tail)
                for other in (first - 1, last + 1)
            )
            twice = self.takes_more(first, row=True) and alike and self.is_row(first)
        else:
            statement = nodes[first].statement
            line = b"".join((head + LITERAL + tail.removesuffix(b";")).split())
            twice = statement.form.puts in (Puts.ADDS, Puts.CALLS) and line == b"".join(
                statement.code.split()
            )
        return self.again(part) if twice else None

    def again(self, part: Part) -> Added:
        """Repeat the physical line."""
        content, source = self.content, self.source
        line, literal = self.nodes[part.first].line, self.nodes[part.first].literal
        stop = self.nodes[part.last].literal.stop
        line_text_end, line_stop = source.line_end(stop)
        before = content[line : literal.start]
        after = content[part.text_end : stop] + source.code(stop, line_text_end).rstrip()
        ending = content[line_text_end:line_stop]
        if not ending:
            return line_stop, source.line_ending(line) + before, after
        return line_stop, before, after + ending

    # -- what is around a literal

    def certain_link(self, index: int) -> Link | None:
        """Return how a literal is linked to the one with which it certainly occurs."""
        node = self.nodes[index] if index < len(self.nodes) else None
        return node.link if node is not None and node.shares else None

    def around(self, first: int, last: int) -> tuple[bytes, bytes]:
        """Return the code before and behind literals on their physical line, stripped of blanks."""
        source = self.source
        stop = self.nodes[last].literal.stop
        line, text_end = self.nodes[first].line, source.line_end(stop)[0]
        if text_end - line > _LONGEST_LINE:
            return b"", b""
        head = source.code(line, self.nodes[first].literal.open)
        return head.strip(), source.code(stop, text_end).strip()

    def is_whole_line(self, first: int, last: int) -> bool:
        """Whether the physical line of these literals neither begins nor ends inside of a token,
        and is one line."""
        nodes, source = self.nodes, self.source
        line, stop = nodes[first].line, nodes[last].literal.stop
        if b"\n" in self.content[nodes[first].literal.open : stop] or source.is_broken(line):
            return False
        text_end, _ = source.line_end(stop)
        if source.is_broken(text_end) or text_end - line > _LONGEST_LINE:
            return False
        return (
            not self.shared(first, last)
            or nodes[first].link is Link.ELEMENT
            or (last + 1 < len(nodes) and nodes[last + 1].link is Link.ELEMENT)
        )

    def shared(self, first: int, last: int) -> bool:
        """Whether other literals of the group stand on the same line."""
        nodes, line = self.nodes, self.nodes[first].line
        return (first > 0 and nodes[first - 1].line == line) or (
            last + 1 < len(nodes) and nodes[last + 1].line == line
        )

    def shape(self, first: int, last: int) -> Shape:
        """Tell what the line of these literals is; a list, unless it holds several."""
        if not self.shared(first, last):
            return Shape.LIST
        nodes = self.nodes
        line = nodes[first].line
        if line in self._shapes:
            return self._shapes[line]
        begin, end = first, last
        while begin and nodes[begin - 1].line == line:
            begin -= 1
        while end + 1 < len(nodes) and nodes[end + 1].line == line:
            end += 1
        callee = CALLEE.search(self.around(begin, end)[0][-LONGEST_HEAD:])
        shape = Shape.LIST
        if callee is not None and not TAKES_MANY.search(callee[1]):
            shape = Shape.CALL
        count = end - begin + 1
        if self.is_like(begin, begin - count, count) or self.is_like(begin, end + 1, count):
            shape = Shape.ROW
        self._shapes[line] = shape
        return shape

    def is_like(self, begin: int, other: int, count: int) -> bool:
        """Whether as many literals from another one on are a line that differs from the line of
        the first ones in its literals alone."""
        nodes = self.nodes
        if count > _LONGEST_ROW or other < 0 or other + count > len(nodes):
            return False
        around = self.around(begin, begin + count - 1)
        return (
            around[0] != b""
            and nodes[other].line == nodes[other + count - 1].line
            and self.around(other, other + count - 1) == around
            and all(nodes[other + i].link is nodes[begin + i].link for i in range(1, count))
        )

    def is_row(self, index: int) -> bool:
        """Whether a literal's line is one of a table, in which each line certainly stands."""
        statement: Statement | None = self.nodes[index].statement
        assert statement is not None
        if not statement.is_plain or not self.around(index, index)[0].startswith(b"{"):
            return statement.is_plain
        statement = statement.outer
        for _ in range(_TABLE_DEPTH):
            if statement is None or not NAME.search(statement.code):
                break
            statement = statement.outer
        return statement is None or statement.is_plain

    def takes_more(self, index: int, row: bool) -> bool:
        """Whether the list in which a literal stands takes one more element, or one more row."""
        nodes, links = self.nodes, (Link.ELEMENT, Link.JOINED, Link.LOOSE)
        begin = index
        while begin and nodes[begin].link in links and (begin, row) not in self._lists:
            begin -= 1
        if (found := self._lists.get((begin, row))) is None:
            head = nodes[begin].gap
            if begin + 1 < len(nodes) and nodes[begin + 1].gap.rstrip().endswith(b"("):
                head = _WRAPPER.sub(b"", head)
            found = self.source.language.lists.takes_more(head, rows=row)
        for member in range(begin, index + 1):
            self._lists[member, row] = found
        return found

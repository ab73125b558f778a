"""From the literals of a program to the lines of policy that they make."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import NamedTuple

from patcher.hosts.calls import CONTROL
from patcher.hosts.changes import changes_in
from patcher.hosts.code import unknown
from patcher.hosts.code.dressing import Dressing, Part, Shape
from patcher.hosts.code.groups import LONGEST_HEAD, Group, Link, Node
from patcher.hosts.code.language import Literal
from patcher.hosts.code.lists import DECLARED
from patcher.hosts.code.source import Source
from patcher.hosts.code.statements import LITERAL, follows, is_unpacked, one_operand, place
from patcher.hosts.embedding import PLACEHOLDER, Embedding, Line, unknown_line
from patcher.hosts.strings import OFFSET, Decoded, decoded, matters
from patcher.policy.bounds import MAX_LINES, check_number, time_left
from patcher.policy.patterns import regex, repeated

_NAMED = rb"[&*$@]*(?!" + CONTROL + rb")[A-Za-z_][\w.:\[\]]*+(?:->\w++)?(?:->\w++)?"
_INNER = rb"\(" + repeated(rb"[^()]++|\([^()]*+\)") + rb"\)"
_ENCLOSED = rb"\(" + repeated(rb"[^()]++|" + _INNER) + rb"\)"
_STATEMENTS = regex(rb"[\s\S]*[;}\n]")
_WHOLE = regex(
    repeated(
        rb"\s++|" + _NAMED + rb"|!?" + _ENCLOSED + rb"|\d++|'[^']{1,9}'|\+|\.\.|<<|\.append\(|\)|\\"
    )
)
"""Expressions between literals that are joined, and always put something there."""
_NAME_BEFORE = regex(rb"(?:[\s(]|\breturn)([A-Za-z_][\w.]*)\s*(?:\+|\.\.)\s*\Z")
_POLICY = regex(rb"[a-z]{3}[\s\S]*[,{}\n]|[{#\n][\s\S]*[a-z]{3}|\\n[a-z ]{3}")
"""A text of policy, and not a path, or what lists are joined with."""
_FEW = 3


class _Segment(NamedTuple):
    node: int
    """Index of the literal that it stands in; -1 for a placeholder."""
    piece: Decoded


def read(source: Source, group: Group) -> Embedding:
    """Return the text that a group of literals makes. Raises TooMuch."""
    nodes, content, language = group.nodes, source.content, source.language
    lines = _Reading(source, group).read()
    if group.alone and _is_short(lines):
        # Claims literals that are no policy, so that nobody else reads them.
        start, end = nodes[0].literal.start, nodes[-1].literal.end
        return Embedding(language.host, (Line(b"", start, end, b"", b"", (end,)),))
    declared = language.lists.byte_array
    in_bytes = declared is not None and any(
        declared.search(node.gap[-LONGEST_HEAD:].rstrip())
        for node in nodes
        if node.link not in (Link.JOINED, Link.ELEMENT)
    )
    return Embedding(
        language.host,
        tuple(lines),
        _escape(content, nodes),
        documentation=group.documentation,
        keeps_cr=language.keeps_cr,
        reason=DECLARED if in_bytes else "",
        changes=(cache(partial(_why_changed, content, nodes, language.host)),),
        separate=len(nodes) > 1,
        is_string=True,
        listed=any(node.link in (Link.ELEMENT, Link.LOOSE) for node in nodes),
    )


def _why_changed(content: bytes, nodes: list[Node], host: str) -> str:
    """Say what may change the text of one of the lists or chains that these literals make."""
    begins = [i for i, node in enumerate(nodes) if node.link not in (Link.JOINED, Link.ELEMENT)]
    for begin, end in zip(begins, [*begins[1:], len(nodes)], strict=True):
        first, last = nodes[begin].literal, nodes[end - 1].literal
        text = content[first.start : last.end]
        why = partial(changes_in(content).why, first.open, last.stop, text, host=host)
        if _POLICY.search(text) and (found := why()):
            return found
    return ""


def _is_short(lines: list[Line]) -> bool:
    """Whether these are a rule or two, rather than a profile."""
    filled = [line.text for line in lines if line.text.strip()]
    return len(filled) <= _FEW and not any(b"{" in text for text in filled)


def _escape(content: bytes, nodes: list[Node]) -> Callable[[bytes], bytes]:
    """Return what writes text in the way of the first literal, with tabs as all of them have."""
    kinds = dict.fromkeys(node.literal.kind for node in nodes)
    escape = next(iter(kinds)).escape
    if all(kind.one_line and not kind.raw for kind in kinds):
        insides = [content[node.literal.start : node.literal.end] for node in nodes]
        if any(b"\\t" in inside for inside in insides) or not any(
            b"\t" in inside for inside in insides
        ):
            return lambda text: escape(text).replace(b"\t", b"\\t")
    return escape


class _Reading:
    """A group that is being read."""

    def __init__(self, source: Source, group: Group) -> None:
        self.source = source
        self.content = source.content
        self.names = group.names
        self.nodes = group.nodes
        self.dressing = Dressing(source, group.nodes)
        self.lines: list[Line] = []
        self.pending: list[_Segment] = []
        """What the line that is being read is made of so far."""
        self.mentions = False
        """Whether a part of it holds the word network."""
        self.stretch = -1
        self.places: dict[int, tuple[int, int] | None] = {}
        self.wrappers: dict[object, int] = {}
        self.conditions = 0

    # -- which literals certainly stand together

    def relate(self, beside: set[int]) -> None:
        """Find out which literals certainly stand with the one before them."""
        earlier = -1
        end_of_chain = -1
        for index, node in enumerate(self.nodes):
            time_left()
            if index in beside:
                continue
            if earlier >= 0:
                if node.link is Link.JOINED and index > end_of_chain:
                    end_of_chain = self.relate_chain(index)
                elif node.link is not Link.JOINED:
                    self.relate_pair(earlier, index)
            earlier = index

    def chain(self, index: int) -> tuple[int, int]:
        """The first and the last of the literals that are joined to one."""
        nodes, first, last = self.nodes, index, index
        while nodes[first].link is Link.JOINED and first:
            first -= 1
        while last + 1 < len(nodes) and nodes[last + 1].link is Link.JOINED:
            last += 1
        return first, last

    def relate_chain(self, index: int) -> int:
        """Relate the literals that are joined to the one before ``index``; returns the last."""
        nodes, (_, last) = self.nodes, self.chain(index)
        first = nodes[index - 1]
        whole = one_operand(first.statement, first.offset - len(LITERAL), nodes[last].offset)
        for node in nodes[index : last + 1]:
            node.shares = (
                whole
                and node.statement is first.statement
                and (not node.placeholder_between or _WHOLE.fullmatch(node.gap) is not None)
            )
        return last

    def relate_pair(self, earlier: int, index: int) -> None:
        """Relate a literal to the one before it, which it is not joined to."""
        one, node = self.nodes[earlier], self.nodes[index]
        if one.statement is not node.statement:
            between = follows(node.statement, one.statement)
            node.shares, node.unknown = between >= 0, between > 0
        elif node.link in (Link.ELEMENT, Link.LOOSE):
            list_of_one, list_of_other = self.place(earlier), self.place(index)
            node.shares = list_of_one is not None and list_of_one == list_of_other
        node.shares = node.shares or self.alike(earlier, index)
        bare = bytes(self.source.bare[one.end : node.end - len(LITERAL)])
        if node.statement is one.statement:
            node.unknown = node.link is not Link.ELEMENT and unknown.in_list(bare)
        else:
            own = max(node.end - node.offset - one.end, 0)
            code = _STATEMENTS.match(bare, 0, own)
            node.unknown = (
                node.unknown
                or one.statement.may_add_others
                or node.statement.may_add_others
                or unknown.in_head(bare[own:], self.names)
                or unknown.in_statements(code[0] if code else b"", self.names, node.gap)
            )

    def place(self, index: int) -> tuple[int, int] | None:
        """Return the list of which a literal, with those joined to it, is an element."""
        if index in self.places:
            return self.places[index]
        nodes, (first, last) = self.nodes, self.chain(index)
        statement = nodes[first].statement
        found = place(statement, nodes[first].offset - len(LITERAL), nodes[last].offset)
        key = None if found is None else (id(statement), found.bracket)
        condition = 0
        if found is not None and not (found.certain and not found.wrapper):
            self.conditions += 1
            condition = self.conditions
            if found.certain:
                condition = self.wrappers.setdefault((key, found.wrapper), condition)
        for each in range(first, last + 1):
            self.places[each] = key
            nodes[each].condition = condition
        return key

    def alike(self, earlier: int, index: int) -> bool:
        """Whether two literals stand in two rows of a table that differ in them alone."""
        one, other, dressing = self.nodes[earlier], self.nodes[index], self.dressing
        around = dressing.around(earlier, earlier)
        bracket = one.statement.bracket(one.offset - len(LITERAL))
        if is_unpacked(one.statement, bracket):
            return False
        if one.statement is not other.statement and (
            one.statement.outer is not other.statement.outer
            or around[0][:1] not in (b"(", b"[", b"{")
        ):
            return False
        return (
            dressing.is_row(earlier)
            and dressing.is_row(index)
            and one.line != other.line
            and around == dressing.around(index, index)
            and not self.source.code(self.source.line_end(one.literal.stop)[1], other.line).strip()
        )

    def beside(self) -> set[int]:
        """Return the literals in columns of a table that hold no policy, if other columns do."""
        columns: dict[int, list[int]] = {}
        policy: set[int] = set()
        begin = 0
        for index, node in enumerate(self.nodes):
            if node.line != self.nodes[begin].line:
                begin = index
            if node.link is Link.JOINED or self.dressing.shape(index, index) is not Shape.ROW:
                continue
            columns.setdefault(index - begin, []).append(index)
            if matters(self.content, node.literal.start, node.literal.end):
                policy.add(index - begin)
        if not policy:
            return set()
        return {
            index for column, found in columns.items() if column not in policy for index in found
        }

    # -- the lines

    def read(self) -> list[Line]:
        """The lines of the text."""
        beside = self.beside()
        self.relate(beside)
        for index, node in enumerate(self.nodes):
            time_left()
            if index in beside:
                continue
            if node.link is Link.JOINED:
                self.join(index, node)
            else:
                self.begin(index, node)
            self.take(index, node.literal)
            if node.placeholder_after and self.followed_otherwise(index):
                self.pending.append(_placeholder(node.literal.end))
        self.flush()
        return self.lines

    def begin(self, index: int, node: Node) -> None:
        """Begin a line with a literal."""
        start = node.literal.start
        self.flush()
        self.stretch += not node.shares
        if node.unknown:
            self.add(unknown_line(start, self.stretch))
            self.stretch += not node.shares
        if node.placeholder_before and not self.continues(index):
            self.pending.append(_placeholder(start))

    def join(self, index: int, node: Node) -> None:
        """Go on with a literal where the one before it ended."""
        if node.breaks:
            self.flush()
        elif node.placeholder_between:
            self.pending.append(_placeholder(self.nodes[index - 1].literal.end))
        if not node.shares:
            if self.mentions:
                self.flush()
            self.stretch += 1

    def take(self, index: int, literal: Literal) -> None:
        """Take what a literal says."""
        pieces = list(decoded(self.content, literal.start, literal.end, literal.kind.escapes))
        if not pieces:
            pieces.append(Decoded(b"", literal.end, literal.end, literal.end, None))
        for piece in pieces:
            self.pending.append(_Segment(index, piece))
            self.mentions = self.mentions or b"network" in piece.text
            if piece.stop > piece.end:
                self.flush(piece, inside=piece is not pieces[-1])

    def continues(self, index: int) -> bool:
        """Whether a literal is joined to the very text that the group has put together so far."""
        before = _NAME_BEFORE.search(self.nodes[index].gap)
        return before is not None and any(
            node.statement.form.target == before[1] for node in self.nodes[:index]
        )

    def followed_otherwise(self, index: int) -> bool:
        """Whether no literal is joined to this one."""
        return index + 1 == len(self.nodes) or self.nodes[index + 1].link is not Link.JOINED

    def flush(self, newline: Decoded | None = None, *, inside: bool = False) -> None:
        """End the line that is being read. ``newline``: the piece whose line break ends it;
        ``inside``: more of the literal follows."""
        pending, self.pending, self.mentions = self.pending, [], False
        segments = [segment for segment in pending if segment.node >= 0]
        if not segments:
            return
        first, last = segments[0], segments[-1]
        if newline is not None and inside:
            added = self.dressing.within(last.node, newline)
        else:
            filled = [segment for segment in segments if segment.piece.text]
            begun = first.piece.start == self.nodes[first.node].literal.start
            text_end = (filled[-1] if filled else first).piece.end
            added = self.dressing.below(Part(first.node, last.node, begun, text_end), newline)
        text, start, offsets = _put_together([segment.piece for segment in pending])
        condition = self.nodes[last.node].condition if pending[-1] is last else 0
        self.add(Line(text, start, *added, offsets, self.stretch, condition))

    def add(self, line: Line) -> None:
        self.lines.append(line)
        check_number(len(self.lines), MAX_LINES, "lines of policy text")


def _placeholder(offset: int) -> _Segment:
    offsets = array(OFFSET, [offset]) * (len(PLACEHOLDER) + 1)
    return _Segment(-1, Decoded(PLACEHOLDER, offset, offset, offset, offsets))


def _put_together(pieces: list[Decoded]) -> tuple[bytes, int, Sequence[int] | None]:
    """Return the text of the pieces, where it begins, and its offsets if ``Line`` needs them."""
    if len(pieces) == 1:
        return pieces[0].text, pieces[0].start, pieces[0].offsets
    offsets = array(OFFSET)
    for piece in pieces:
        if piece.offsets is not None:
            offsets.extend(piece.offsets[: len(piece.text)])
        else:
            offsets.extend(range(piece.start, piece.start + len(piece.text)))
    offsets.append(pieces[-1].end)
    return b"".join(piece.text for piece in pieces), offsets[0], offsets

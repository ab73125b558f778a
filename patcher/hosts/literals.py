"""String literals in source code: found by one scan of the file, and read as policy.

What a language writes as its literals and comments is data (``Language``); this module scans for
them in linear time, puts literals that make one text together, and says how a line is added.

Three ways lead from literal to literal: they are *joined* to one string (``"a" + "b"``, adjacent
literals), they are *elements* of a list, or they stand in like *statements*
(``sb.WriteString("...")``). A joined literal goes on where the one before it ended; the others
begin a new line.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from patcher.hosts.comments import comment_embeddings
from patcher.hosts.dressing import (
    MATTERS,
    OFFSET,
    C,
    Decoded,
    Escapes,
    decoded,
    matters,
    text_start,
)
from patcher.hosts.embedding import Embedding, Line, line_ending
from patcher.hosts.lists import ANY, DECLARED, TAKES_MANY, Lists
from patcher.hosts.statements import (
    CONTROL,
    LITERAL,
    Joins,
    Program,
    Puts,
    Statement,
    follows,
    one_operand,
    place,
)
from patcher.policy.bounds import MAX_LINES, MAX_STRINGS, check_number
from patcher.policy.patterns import repeated

HOLE = b"${}"
"""Stands in the text for what an expression puts there: the policy reader takes it for a template
action."""

_REACH = 1 << 15
"""Bytes before and behind a mention of the network in which literals are put together with it: a
profile is not as long."""
_LONGEST_GAP = 600
_LONGEST_HEAD = 300
_LONGEST_LOOSE_GAP = 160
_LINES_APART = 12
_OPEN_GROUPS = 8
_MARKS = 64
"""Closing marks that may be missing before none is looked for: each costs a search to the end."""


# Kinds of literals


def _decode(token: bytes) -> bytes:
    if token.startswith((b"\\n\\", b"\\r\\n\\")):
        return b"\n"  # the escape, and a continuation line behind it
    return C.decode(token)


CODE = Escapes(
    re.compile(rb"(?:\\r)?\\n\\\r?\n|" + C.token.pattern),
    _decode,
    b"\\n",
)
"""The escapes of C and its kin, in strings that may go on behind a backslash on the next line."""


def _decode_eating(token: bytes) -> bytes:
    if token[:1] == b"\\" and token[1:2] in b"\r\n":
        return b""
    return b"\n" if b"\n" in token else _decode(token)


EATING = Escapes(
    re.compile(rb"(?:\\r)?\\n\\\r?\n[ \t\r\n]*+|\\\r?\n[ \t\r\n]*+|" + C.token.pattern),
    _decode_eating,
    b"\\n",
)
"""As ``CODE``; a continuation line begins at its first word (Rust reference, string continuation
escapes)."""

RAW = Escapes(re.compile(rb"\r?\n|\r"), lambda token: b"\n", b"\n")
"""Nothing is escaped, and line breaks stand as they are."""

RAW_LINE = Escapes(RAW.token, RAW.decode, b" ")
"""Nothing is escaped, and there can be no line break."""


def backslashed(quote: bytes) -> Callable[[bytes], bytes]:
    """Writes text in a literal with backslash escapes between these quotes."""

    def escape(text: bytes) -> bytes:
        return text.replace(b"\\", b"\\\\").replace(quote, b"\\" + quote)

    return escape


def unquotable(quote: bytes) -> Callable[[bytes], bytes]:
    """Writes text in a raw literal, which cannot hold its own quotes: only a comment has any."""

    def escape(text: bytes) -> bytes:
        return text.replace(quote, b'"' if quote == b"'" else b"'")

    return escape


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of string literal."""

    escapes: Escapes
    escape: Callable[[bytes], bytes]
    """Writes text in it; tabs are left alone."""
    one_line: bool = False
    """It cannot hold a line break, and writes tabs as escapes."""
    raw: bool = False
    """It has no escapes."""


def formatted(kind: Kind) -> Kind:
    """The kind for format strings: braces are doubled in it, and ``{...}`` is a hole."""

    def decode(token: bytes) -> bytes:
        if token[:1] in b"{}":
            return token if token in (b"{{", b"}}") or token[1:-1].isalnum() else HOLE
        return kind.escapes.decode(token)

    def escape(text: bytes) -> bytes:
        return kind.escape(text).replace(b"{", b"{{").replace(b"}", b"}}")

    token = re.compile(rb"\{\{|\}\}|\{[^{}\r\n]{0,200}\}|" + kind.escapes.token.pattern)
    escapes = Escapes(token, decode, kind.escapes.newline)
    return Kind(escapes, escape, one_line=kind.one_line, raw=kind.raw)


class Literal(NamedTuple):
    """A string literal: file offsets."""

    open: int
    """Of its quote, or of the prefix before it."""
    start: int
    end: int
    stop: int
    """Behind the closing quote."""
    kind: Kind


@dataclass(frozen=True, slots=True)
class Token:
    """What a language has that is not plain code: a literal, a comment, or what looks like one."""

    opening: bytes
    """Regular expression without groups; of the whole token where ``closing`` is None."""
    kind: Kind | None = None
    """None: no string."""
    comment: bool = False
    closing: bytes | Callable[[bytes], bytes] | None = None
    """What ends it: given, or made from what began it."""
    inside: re.Pattern[bytes] | None = None
    """Matches up to the closing mark, where that cannot just be searched for."""
    reader: Callable[[bytes, int], int] | None = None
    """Finds where the closing mark begins, or -1, for what can be nested."""
    quote: int = 1
    """Length of the quote of a whole token."""


QUOTED = Kind(CODE, backslashed(b'"'), one_line=True)
"""``"a\\n"``"""
APOSTROPHED = Kind(CODE, backslashed(b"'"), one_line=True)
"""``'a\\n'``"""

DOUBLE = Token(b'"' + repeated(rb'[^"\\\r\n]++|\\\r?\n|\\.') + b'"', QUOTED)
SINGLE = Token(b"'" + repeated(rb"[^'\\\r\n]++|\\\r?\n|\\.") + b"'", APOSTROPHED)
UNCLOSED = Token(b'"' + repeated(rb'[^"\\\r\n]++|\\.'))
"""A quote that nothing closes hides the rest of its line; stands behind the closed ones."""
UNCLOSED_SINGLE = Token(b"'" + repeated(rb"[^'\\\r\n]++|\\."))
CHARACTER = Token(rb"'(?:[^'\\\r\n]|\\[^\r\n][^'\r\n]{0,9})'")
LINE_COMMENT = Token(rb"//[^\r\n]*+", comment=True)
BLOCK_COMMENT = Token(rb"/\*", comment=True, closing=b"*/")
HASH_COMMENT = Token(rb"#[^\r\n]*+", comment=True)


_LINE_BREAK = (
    rb"(?:std::endl|endl|'\\n'|System\.lineSeparator\(\)|(?:os\.)?EOL|os\.linesep|"
    rb"Environment\.NewLine|NEWLINE|NL|LF|nl|newline|lineSeparator)(?![\w(])"
)
"""Expressions that put a line break into the text."""


class Language:
    """How a language writes its literals and comments, and puts literals together."""

    def __init__(
        self,
        host: str,
        tokens: Mapping[str, Token],
        *,
        join: bytes = rb"\+",
        adjacent: bool = False,
        blank: bytes = rb"\s",
        glue: bytes = b" + ",
        refine: Callable[[bytes, Literal], Literal] | None = None,
        names_join: bool = False,
        documentation: Callable[[bytes, Literal, bytes], bool] | None = None,
        indented: bool = False,
        keeps_cr: bool = True,
        lists: Lists = ANY,
        newlines: bool = False,
        members: bytes = rb"\.",
        plain: bytes = b"",
        directives: bool = False,
        keyword_blocks: bool = False,
    ) -> None:
        """``join``: expression for the operator that joins strings; ``adjacent``: literals without
        one are joined. ``blank``: what may stand between them unseen. ``glue``: how two literals on
        a line are joined. ``refine``: tells the kind of a literal by what is around it.
        ``names_join``: a name between two literals joins them. ``documentation``: whether a literal
        is documentation, seen with the code before it. ``indented``: blocks are told by their
        indentation, not by braces. ``keeps_cr``: as in ``Embedding``. ``lists``: which of its lists
        take one more element. The others are for ``Joins``."""
        self.host = host
        self.lists = lists
        self.keeps_cr = keeps_cr
        self.joins = Joins(
            join,
            adjacent=adjacent,
            indented=indented,
            newlines=newlines,
            members=members,
            tokens=plain,
            directives=directives,
            keyword_blocks=keyword_blocks,
        )
        self.tokens = tokens
        self.scanner = re.compile(
            b"|".join(b"(?P<%s>%s)" % (name.encode(), t.opening) for name, t in tokens.items())
        )
        self.refine = refine
        self.glue = glue
        self.documentation = documentation
        optional = b"?" if adjacent else b""
        blanks = rb"\s*+" if blank == rb"\s" else repeated(blank)
        self.joined = re.compile(rb"%s(?:%s)%s%s\Z" % (blanks, join, optional, blanks))
        self.around_hole = re.compile(
            rb"%s(?:%s)([^;{}=]+)(?:%s)%s\Z" % (blanks, join, join, blanks)
        )
        self.names = re.compile(rb"[\s\\]*[A-Za-z_]\w*[\s\\]*\Z") if names_join else None
        self.element = re.compile(
            rb"(?:\.\w{1,40}\(\))?\)?%s,%s(?:[\w.:&]{1,60}\()?%s\Z" % (blanks, blanks, blanks)
        )
        self.begins_joined = re.compile(rb"%s(?:%s)(?!=)(?!\s*%s)" % (blanks, join, _LINE_BREAK))
        stream = rb"<<[^;{}<]*+<<"  # the first one writes to a stream, the next ones join
        self.ends_joined = re.compile(rb"(?:%s)%s\Z" % (join.replace(rb"<<", stream), blanks))


# Scanning


class Comment(NamedTuple):
    """A comment: file offsets, marks included."""

    open: int
    stop: int


def scan(content: bytes, language: Language) -> Iterator[Literal | Comment]:
    """The literals and comments within reach of a mention of the network, in order. Raises
    TooMuch."""
    number = 0
    windows = _windows(content)
    if not windows:
        return
    tokens = language.tokens
    missing: set[bytes] = set()  # closing marks of which none follows
    window = 0
    near, far = windows[0]
    position, last = text_start(content), windows[-1][1]
    resume = -1
    while resume:
        resume = 0
        for match in language.scanner.finditer(content, position, last):
            name = match.lastgroup
            assert name is not None
            token = tokens[name]
            opened, position = match.span()
            if token.closing is None:
                start, end = opened + token.quote, position - token.quote
            else:
                start = position
                mark = (
                    token.closing if isinstance(token.closing, bytes) else token.closing(match[0])
                )
                end = _closing(content, token, mark, start, missing)
                if end >= 0:
                    position = end + len(mark)
                elif token.comment:
                    end = position = len(content)
                else:
                    continue
                resume = position
            while far < opened and window + 1 < len(windows):
                window += 1
                near, far = windows[window]
            if near <= position and opened <= far:
                number += 1
                check_number(number, MAX_STRINGS, "strings and comments near network rules")
                if token.comment:
                    yield Comment(opened, position)
                elif token.kind is not None:
                    literal = Literal(opened, start, end, position, token.kind)
                    yield literal if language.refine is None else language.refine(content, literal)
            if resume:
                break


def _windows(content: bytes) -> list[tuple[int, int]]:
    windows: list[tuple[int, int]] = []
    for mention in MATTERS.finditer(content):
        near, far = mention.start() - _REACH, mention.end() + _REACH
        if windows and near <= windows[-1][1]:
            windows[-1] = (windows[-1][0], far)
        else:
            windows.append((near, far))
    return windows


def _closing(content: bytes, token: Token, mark: bytes, start: int, missing: set[bytes]) -> int:
    """Where the closing mark of a token begins; -1 without one, and then no later one has it."""
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


_NESTED = re.compile(rb"/\*|\*/")


def nested_comment(content: bytes, start: int) -> int:
    """Where a block comment ends in languages in which they nest."""
    depth = 1
    for mark in _NESTED.finditer(content, start):
        depth += 1 if mark[0] == b"/*" else -1
        if not depth:
            return mark.start()
    return -1


# What makes one text


class Link(Enum):
    """How a literal follows the one before it."""

    JOINED = auto()
    ELEMENT = auto()
    LOOSE = auto()
    """As an element, with other code around it."""
    STATEMENT = auto()


class _Node:
    """A literal in its surroundings."""

    __slots__ = (
        "breaks",
        "condition",
        "gap",
        "hole_after",
        "hole_before",
        "hole_between",
        "line",
        "link",
        "literal",
        "offset",
        "row",
        "shares",
        "statement",
        "unknown",
    )

    def __init__(self, literal: Literal, line: int, row: int, statement: Statement) -> None:
        self.literal = literal
        self.statement = statement
        self.offset = len(statement.code)
        """Of its end in the statement's code."""
        self.shares = False
        """It certainly stands with the one before it, in the order of the group."""
        self.condition = 0
        """Not 0: it may be left out, or come out several times, where the others of its list stand.
        Those of one number stand together."""
        self.unknown = False
        """Between the two, text may be added that is not known."""
        self.line = line
        """Offset at which the physical line of its opening quote begins."""
        self.row = row
        """Number of code lines before it."""
        self.link: Link | None = None
        self.gap = b""
        """The code between it and the one that it follows, comments left out."""
        self.hole_between = False
        """Joined with an expression between."""
        self.breaks = False
        """The expression between puts a line break into the text."""
        self.hole_before = False
        self.hole_after = False


@dataclass(slots=True, eq=False)
class _Group:
    nodes: list[_Node]
    names: set[bytes]
    scope: int
    alone: bool = False
    documentation: bool = False


_BOUNDARY = re.compile(
    rb"\n(?:\}|[ \t]{0,8}(?:(?:pub|export|public|private|protected|internal|static|async|override)"
    rb"\b[^\n=(]{0,60}[ \t])?(?:def|fn|func|fun|function|class|impl|interface)[ \t])"
)
"""Where another function or the like begins, or one ends."""
_RELATED = re.compile(rb"\bdeny[ \t]+[@/\"]|\bdeny mount,|\bcapability,|\bumount,")
_BREAKS = re.compile(rb"\s*" + _LINE_BREAK + rb"\s*\Z")
_CODE_LINE = re.compile(rb"^[ \t]*+[^\s]", re.MULTILINE)
_NAME = re.compile(rb"[A-Za-z_]\w*")
_COMMON = frozenset(
    b"self this return if else elif for while var let const final static val mut auto char string "
    b"String str bytes byte std fmt new in not and or true false nil null None await async yield "
    b"export public private unsigned wchar_t constexpr".split()
)
_CALLEE = re.compile(rb"(\w+)!?[ \t]*\([^()]{0,200}\Z")
_LOOKS = re.compile(
    rb"assert|expect|should|contain|include|index|prefix|suffix|startswith|endswith|match|search|"
    rb"find|replace|split|count|grep|trim|strip|equal|compile|regex|require|(?:re)?sub\Z|fatal|"
    rb"errorf?\Z|str\w*cmp|strn?(?:case)?str\Z|strchr|memmem",
    re.IGNORECASE,
)
_ARGUMENTS = re.compile(rb"[ \t]*,[^\"'`;{}\r\n]{0,200}\)")
"""What a call has behind a literal: ``fputs("...", out)``."""
_CHAINED = re.compile(
    rb"\)\s*\.append\((?P<hole>[^;{}()\"']{0,80}(?:\([^(){};]{0,80}\))?\)\s*\.append\()?\s*\Z"
)
"""``sb.append("a").append(b).append("c")``"""
_COMPARES = re.compile(rb"(?:[=!]=|=~|\bin|\bassert|\bcase|\bwhen)\s*\Z")
_COMPARED = re.compile(rb"\s*(?:(?:not\s+)?in\b|[=!]=)")


def code_embeddings(content: bytes, language: Language) -> Iterator[Embedding]:
    """The policy in the literals of a source file, and in its comments."""
    if not matters(content, 0, len(content)):
        return
    comments: list[Comment] = []
    source = _Source(content, language, comments)
    yield from source.embeddings()
    yield from comment_embeddings(content, comments)


class _Source:
    """One source file that is being read."""

    def __init__(self, content: bytes, language: Language, comments: list[Comment]) -> None:
        self.content = content
        self.language = language
        self.comments = comments
        self.broken: list[tuple[int, int]] = []
        """The tokens that hold line breaks."""
        self.known = (0, -1, -1)
        """The physical line looked at last: from where, its end without and with line ending."""
        self.first_ending = b""

    def embeddings(self) -> Iterator[Embedding]:
        groups = [group for group in self.groups() if self.worth(group)]
        for group in groups:
            yield from _Reading(self, group).embeddings()

    def worth(self, group: _Group) -> bool:
        """Whether a group mentions the network, or may be another part of a profile that a program
        puts together from several."""
        return any(
            matters(self.content, node.literal.start, node.literal.end)
            or _RELATED.search(self.content, node.literal.start, node.literal.end)
            for node in group.nodes
        )

    def groups(self) -> Iterator[_Group]:
        content, language = self.content, self.language
        opened: list[_Group] = []
        group: _Group | None = None
        previous: _Node | None = None
        line = behind = row = scope = 0
        pieces: list[bytes] = []
        program = Program(language.joins)
        for token in scan(content, language):
            pieces.append(content[behind : token.open])
            newline = content.rfind(b"\n", behind, token.open)
            if newline >= 0:
                line = newline + 1
            behind = token.stop
            newline = content.rfind(b"\n", token.open, token.stop)
            if isinstance(token, Comment):
                self.comments.append(token)
                if newline >= 0:
                    self.broken.append((token.open, token.stop))
                    line = newline + 1
                continue
            gap = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces = []
            node = _Node(token, line, row, program.literal(gap))
            if newline >= 0:
                self.broken.append((token.open, token.stop))
                line = newline + 1
            if b"\n" in gap:
                row += len(_CODE_LINE.findall(gap))
                if _BOUNDARY.search(gap):
                    scope += 1
                node.row = row
            node.gap = gap if len(gap) <= _LONGEST_GAP else gap[-_LONGEST_GAP:]
            if previous is not None and group is not None and self.linked(previous, node, gap):
                group.nodes.append(node)
            else:
                if previous is not None:
                    previous.hole_after = bool(language.begins_joined.match(gap))
                node.hole_before = bool(
                    language.ends_joined.search(node.gap) and not _APPENDS.search(node.gap)
                )
                group = self.begun(node, gap, opened, scope)
                if group.nodes[-1] is not node:
                    group.nodes.append(node)
                    opened.remove(group)
                    opened.append(group)
                else:
                    opened.append(group)
                    if len(opened) > _OPEN_GROUPS:
                        yield opened.pop(0)
            previous = node
        if previous is not None:
            stop = previous.literal.stop
            previous.hole_after = bool(language.begins_joined.match(content[stop : stop + 80]))
            program.code(self.code(stop, stop + _LONGEST_GAP))
        yield from opened

    def linked(self, previous: _Node, node: _Node, gap: bytes) -> bool:
        """Whether a literal is joined to the one before it, or the next element of a list."""
        if len(gap) > _LONGEST_GAP:
            return False
        language = self.language
        hole: re.Match[bytes] | None = None
        if language.joined.match(gap):
            node.link = Link.JOINED
        elif chained := _CHAINED.match(gap):
            node.link, node.hole_between = Link.JOINED, chained["hole"] is not None
        elif (language.names is not None and language.names.match(gap)) or (
            (hole := language.around_hole.match(gap)) and _is_expression(hole[1])
        ):
            node.link, node.hole_between = Link.JOINED, True
            node.breaks = hole is not None and bool(_BREAKS.match(hole[1]))
        elif language.element.match(gap):
            node.link = Link.ELEMENT
        elif _is_loose(gap):
            node.link = Link.LOOSE
            previous.hole_after = bool(language.begins_joined.match(gap))
            node.hole_before = bool(language.ends_joined.search(gap))
        return node.link is not None

    def begun(self, node: _Node, gap: bytes, opened: list[_Group], scope: int) -> _Group:
        """The group that a literal goes on with as a statement, or a new one."""
        head = _head(node.gap)
        stop = node.literal.stop
        names = _names(head)
        if arguments := _ARGUMENTS.match(self.content, stop, stop + _LONGEST_HEAD):
            names |= _names(arguments[0])
        group = _Group([node], names, scope, alone=self.looks(node, head))
        if self.language.documentation is not None:
            group.documentation = self.language.documentation(self.content, node.literal, gap)
        if group.alone or group.documentation:
            return group
        near = [
            other
            for other in reversed(opened)
            if not other.alone
            and not other.documentation
            and other.scope == scope
            and node.row - other.nodes[-1].row <= _LINES_APART
        ]
        goes_on = next((other for other in near if other.names & names), None)
        if goes_on is not None:
            goes_on.names &= names
        else:
            goes_on = next(
                (other for other in near if other.nodes[-1].statement is node.statement), None
            )
        if goes_on is None:
            return group
        node.link = Link.STATEMENT
        return goes_on

    def looks(self, node: _Node, head: bytes) -> bool:
        """Whether a call looks for the literal in a text, or compares it: it is no policy then."""
        if _COMPARES.search(head) or head.startswith(b"assert"):
            return True
        callee = _CALLEE.search(head)
        if callee is not None and _LOOKS.search(callee[1]):
            return True
        stop = node.literal.stop
        return _COMPARED.match(self.content, stop, stop + 40) is not None

    # -- the physical lines around a literal

    def line_end(self, position: int) -> tuple[int, int]:
        """The end of the physical line, without and with its line ending."""
        since, text_end, stop = self.known
        if not since <= position <= text_end:
            found = self.content.find(b"\n", position)
            if found < 0:
                text_end = stop = len(self.content)
            else:
                stop = found + 1
                text_end = found - (self.content[found - 1 : found] == b"\r" and found > position)
            self.known = (position, text_end, stop)
        return text_end, stop

    def line_ending(self, line: int) -> bytes:
        """The line ending in use around the line that begins at ``line``."""
        if line > 0:
            return b"\r\n" if self.content[line - 2 : line - 1] == b"\r" else b"\n"
        if not self.first_ending:
            self.first_ending = line_ending(self.content, 0)
        return self.first_ending

    def is_broken(self, position: int) -> bool:
        """Whether the offset lies inside a literal or comment that goes over lines."""
        index = bisect_left(self.broken, (position, 0)) - 1
        return index >= 0 and self.broken[index][0] < position < self.broken[index][1]

    def code(self, start: int, end: int) -> bytes:
        """A stretch of the file without its comments."""
        index = bisect_right(self.comments, (start, len(self.content))) - 1
        pieces: list[bytes] = []
        for comment in self.comments[max(index, 0) :]:
            if comment.open >= end:
                break
            if comment.stop > start:
                pieces.append(self.content[start : max(start, comment.open)])
                start = comment.stop
        return b"".join([*pieces, self.content[start : max(start, end)]])


_NAMED = rb"[&*$@]*(?!" + CONTROL + rb")[A-Za-z_][\w.:\[\]]*+(?:->\w++)?(?:->\w++)?"
_INNER = rb"\(" + repeated(rb"[^()]++|\([^()]*+\)") + rb"\)"
_ENCLOSED = rb"\(" + repeated(rb"[^()]++|" + _INNER) + rb"\)"
_WHOLE = re.compile(
    repeated(
        rb"\s++|" + _NAMED + rb"|!?" + _ENCLOSED + rb"|\d++|'[^']{1,9}'|\+|\.\.|<<|\.append\(|\)|\\"
    )
)
"""Expressions between literals that are joined, and always put something there."""
_ADDS_UNKNOWN = re.compile(
    rb"(?P<target>\w+)\s*(?:[+.]=|<<|\.\w+\(|=\s*(?P=target)\s*(?:\+|\.\.))\s*[A-Za-z_$&*]"
    rb"|[(,]\s*&?(?P<first>\w+)\s*,\s*[A-Za-z_$&*]"
)
_NAME_BEFORE = re.compile(rb"(?:[\s(]|\breturn)([A-Za-z_][\w.]*)\s*(?:\+|\.\.)\s*\Z")
_STATEMENTS = re.compile(rb"[\s\S]*[;}\n]")
_TABLE_DEPTH = 8


def _is_expression(text: bytes) -> bool:
    """Whether this may stand between two operators that join strings."""
    if text.count(b"(") != text.count(b")") or text.count(b"[") != text.count(b"]"):
        return False
    return b"," not in text or b"(" in text


_TERNARY = re.compile(
    rb"\s*(?:if\b[^\n:]{0,120}\belse|:|\}\s*else(?:\s+if\b[^{};]{0,120})?\s*\{)\s*\Z"
)


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


def _head(gap: bytes) -> bytes:
    """The code on the line of a literal before it; of the line above where there is none."""
    return gap.rstrip().rpartition(b"\n")[2].strip()[-_LONGEST_HEAD:]


def _names(head: bytes) -> set[bytes]:
    return {name for name in _NAME.findall(head) if name not in _COMMON}


# From literals to lines


class _Segment(NamedTuple):
    node: int
    """Index of the literal that it stands in; -1 for a hole."""
    piece: Decoded


_APPENDS = re.compile(rb"([\w.\[\]]{1,100})[ \t]*=[ \t]*\1[ \t]*(?:\+|\.\.?)\s*\Z")
_WRAPPER = re.compile(rb"[\w.:&]{1,60}\(\s*\Z")
_LONGEST_ROW = 8
_LONGEST_LINE = 1 << 16
"""Of a longer line, which may hold thousands of literals, none is told by what is around it."""
_FEW = 3
_TRAILING = re.compile(rb"[ \t]+(?=\r?\n)")
_BLANK_LINES = re.compile(rb"(\r?\n)(?:[ \t]*\r?\n)+")


class _Frame(NamedTuple):
    """The physical line of literals."""

    begin: int
    end: int
    shared: bool
    """Whether other literals of the group stand on it."""


class _Shape(Enum):
    """What a physical line with several literals is."""

    LIST = auto()
    CALL = auto()
    """Arguments of which each has its own meaning."""
    ROW = auto()
    """One of several lines that differ in their literals alone."""


class _Reading:
    """A group that is being read."""

    def __init__(self, source: _Source, group: _Group) -> None:
        self.source = source
        self.content = source.content
        self.group = group
        self.nodes = group.nodes
        self.lines: list[Line] = []
        self.stretch = -1
        self.places: dict[int, tuple[int, int] | None] = {}
        self.wrappers: dict[object, int] = {}
        self.conditions = 0
        self.shapes: dict[int, _Shape] = {}
        """Of the physical lines with several literals, by where they begin."""
        self.lists: dict[tuple[int, bool], bool] = {}
        """Whether the list that a literal stands in takes one more element, or one more row."""

    def embeddings(self) -> Iterator[Embedding]:
        self.read()
        if not self.lines:
            return
        host = self.source.language.host
        if self.group.alone and self.is_short():
            yield Embedding(host, (self.nothing(),))
            return
        yield Embedding(
            host,
            tuple(self.lines),
            self.escape(),
            documentation=self.group.documentation,
            keeps_cr=self.source.language.keeps_cr,
            reason=self.reason(),
            separate=len(self.nodes) > 1,
            is_string=True,
            listed=any(node.link in (Link.ELEMENT, Link.LOOSE) for node in self.nodes),
        )

    def reason(self) -> str:
        declared = self.source.language.lists.byte_array
        if declared is not None and any(
            declared.search(node.gap[-_LONGEST_HEAD:].rstrip())
            for node in self.nodes
            if node.link not in (Link.JOINED, Link.ELEMENT)
        ):
            return DECLARED
        return ""

    def is_short(self) -> bool:
        """Whether it names a rule or two, rather than a profile."""
        filled = [line.text for line in self.lines if line.text.strip()]
        return len(filled) <= _FEW and not any(b"{" in text for text in filled)

    def nothing(self) -> Line:
        """Claims literals that are no policy, so that nobody else reads them."""
        end = self.nodes[-1].literal.end
        return Line(b"", self.nodes[0].literal.start, end, b"", b"", (end,))

    def escape(self) -> Callable[[bytes], bytes]:
        kinds = list(dict.fromkeys(node.literal.kind for node in self.nodes))
        escape = kinds[0].escape
        if all(kind.one_line and not kind.raw for kind in kinds):
            insides = [self.content[n.literal.start : n.literal.end] for n in self.nodes]
            if any(b"\\t" in inside for inside in insides) or not any(
                b"\t" in inside for inside in insides
            ):
                return lambda text: escape(text).replace(b"\t", b"\\t")
        return escape

    def relate(self, beside: set[int]) -> None:
        """Find out which literals certainly stand with the one before them."""
        earlier = -1
        end_of_chain = -1
        for index, node in enumerate(self.nodes):
            if index in beside:
                continue
            if earlier >= 0:
                if node.link is Link.JOINED and index > end_of_chain:
                    end_of_chain = self.relate_chain(index)
                elif node.link is not Link.JOINED:
                    self.relate_pair(earlier, index)
            earlier = index

    def relate_chain(self, index: int) -> int:
        """Relate the literals that are joined to the one before ``index``; returns the last."""
        nodes, last = self.nodes, index
        while last + 1 < len(nodes) and nodes[last + 1].link is Link.JOINED:
            last += 1
        first = nodes[index - 1]
        whole = one_operand(first.statement, first.offset - len(LITERAL), nodes[last].offset)
        for node in nodes[index : last + 1]:
            node.shares = (
                whole
                and node.statement is first.statement
                and (not node.hole_between or _WHOLE.fullmatch(node.gap) is not None)
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
        if node.statement is not one.statement:
            code = _STATEMENTS.match(node.gap, 0, max(len(node.gap) - node.offset + 2, 0))
            node.unknown = (
                node.unknown
                or one.statement.may_add_others
                or node.statement.may_add_others
                or any(
                    {added["target"], added["first"]} & self.group.names
                    for added in _ADDS_UNKNOWN.finditer(code[0] if code else b"")
                )
            )

    def place(self, index: int) -> tuple[int, int] | None:
        """The list in which a literal, with those joined to it, is an element."""
        if index in self.places:
            return self.places[index]
        nodes, first, last = self.nodes, index, index
        while nodes[first].link is Link.JOINED and first:
            first -= 1
        while last + 1 < len(nodes) and nodes[last + 1].link is Link.JOINED:
            last += 1
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
        one, other = self.nodes[earlier], self.nodes[index]
        head, tail = self.around(earlier, earlier)
        if one.statement is not other.statement and (
            one.statement.outer is not other.statement.outer or head[:1] not in (b"(", b"[", b"{")
        ):
            return False
        return (
            self.is_row(earlier)
            and self.is_row(index)
            and one.line != other.line
            and (head, tail) == self.around(index, index)
            and not self.source.code(self.source.line_end(one.literal.stop)[1], other.line).strip()
        )

    def is_row(self, index: int) -> bool:
        """Whether a literal's line is one of a table, in which each line certainly stands."""
        statement: Statement | None = self.nodes[index].statement
        assert statement is not None
        if not statement.is_plain or not self.around(index, index)[0].startswith(b"{"):
            return statement.is_plain
        statement = statement.outer
        for _ in range(_TABLE_DEPTH):
            if statement is None or not _NAME.search(statement.code):
                break
            statement = statement.outer
        return statement is None or statement.is_plain

    def read(self) -> None:
        pending: list[_Segment] = []
        beside = self.beside()
        self.relate(beside)
        for index, node in enumerate(self.nodes):
            literal = node.literal
            if index in beside:
                continue
            if node.link is not Link.JOINED:
                self.flush(pending, None)
                self.stretch += not node.shares
                if node.unknown:
                    self.unknown(node)
                if node.hole_before and not self.continues(index):
                    pending.append(_hole(literal.start))
            elif node.breaks:
                self.flush(pending, None)
            elif node.hole_between:
                pending.append(_hole(self.nodes[index - 1].literal.end))
            if node.link is Link.JOINED and not node.shares:
                if any(b"network" in segment.piece.text for segment in pending):
                    self.flush(pending, None)
                self.stretch += 1
            pieces = list(decoded(self.content, literal.start, literal.end, literal.kind.escapes))
            for number, piece in enumerate(pieces):
                pending.append(_Segment(index, piece))
                if piece.stop > piece.end:
                    self.flush(pending, piece, inside=number < len(pieces) - 1)
            if not pieces:
                empty = Decoded(b"", literal.end, literal.end, literal.end, None)
                pending.append(_Segment(index, empty))
            if node.hole_after and self.followed_otherwise(index):
                pending.append(_hole(literal.end))
        self.flush(pending, None)

    def beside(self) -> set[int]:
        """The literals of rows that are not policy: those in columns without any."""
        columns: dict[int, list[int]] = {}
        policy: set[int] = set()
        begin = 0
        for index, node in enumerate(self.nodes):
            if node.line != self.nodes[begin].line:
                begin = index
            if not self.shared(index, index) or node.link is Link.JOINED:
                continue
            if self.shape(index, index) is not _Shape.ROW:
                continue
            columns.setdefault(index - begin, []).append(index)
            if matters(self.content, node.literal.start, node.literal.end):
                policy.add(index - begin)
        if not policy:
            return set()
        return {
            index for column, found in columns.items() if column not in policy for index in found
        }

    def continues(self, index: int) -> bool:
        """Whether a literal is joined to the very text that the group has put together so far."""
        before = _NAME_BEFORE.search(self.nodes[index].gap)
        return before is not None and any(
            node.statement.form.target == before[1] for node in self.nodes[:index]
        )

    def unknown(self, node: _Node) -> None:
        """Add a line for text that the program adds before a literal, and that is not known."""
        start = node.literal.start
        offsets = array(OFFSET, [start]) * (len(HOLE) + 1)
        self.add(Line(HOLE, start, start, b"", b"", offsets, self.stretch))
        self.stretch += not node.shares

    def add(self, line: Line) -> None:
        self.lines.append(line)
        check_number(len(self.lines), MAX_LINES, "lines of policy text")

    def followed_otherwise(self, index: int) -> bool:
        return index + 1 == len(self.nodes) or self.nodes[index + 1].link is not Link.JOINED

    def flush(
        self, pending: list[_Segment], newline: Decoded | None, *, inside: bool = False
    ) -> None:
        """Hand over the line read so far; ``newline``: the piece whose line break ends it."""
        if not any(segment.node >= 0 for segment in pending):
            pending.clear()
            return
        content = self.content
        if newline is not None and inside:
            ending = content[newline.end : newline.stop]
            insert_at, before, after = newline.stop, b"", ending
        else:
            insert_at, before, after = self.dressing(pending, newline)
        offsets: Sequence[int] | None
        if len(pending) == 1:
            piece = pending[0].piece
            text, start, offsets = piece.text, piece.start, piece.offsets
        else:
            text, offsets = _put_together(pending)
            start = offsets[0]
        condition = self.nodes[pending[-1].node].condition if pending[-1].node >= 0 else 0
        self.add(Line(text, start, insert_at, before, after, offsets, self.stretch, condition))
        pending.clear()

    # -- how a line is added behind the last one of a literal

    def dressing(
        self, pending: list[_Segment], newline: Decoded | None
    ) -> tuple[int, bytes, bytes]:
        segments = [segment for segment in pending if segment.node >= 0]
        first, last = segments[0].node, segments[-1].node
        begun = self.begins_literal(segments[0])
        filled = [segment for segment in segments if segment.piece.text]
        text_end = (filled[-1] if filled else segments[0]).piece.end
        follows = self.certain_link(last + 1)
        precedes = self.certain_link(first)
        if not begun and follows is not Link.JOINED:
            return self.within(last, newline)
        if follows is Link.JOINED or precedes is Link.JOINED:
            link = Link.JOINED
        elif Link.ELEMENT in (follows, precedes):
            link = Link.ELEMENT
            row = self.shared(first, last) and self.shape(first, last) is _Shape.ROW
            if not self.takes_more(first, row):
                return self.within(last, newline)
        else:
            again = self.row(first, last, text_end) or self.repeated(first, last, text_end)
            return again if begun and again else self.within(last, newline)
        ended = newline is not None or (follows is link and self.nodes[last + 1].breaks)
        if link is Link.JOINED and not ended:
            return self.within(last, newline)
        if begun and (found := self.own_line(first, last, text_end, link)):
            return found
        if (
            link is Link.ELEMENT
            and self.shared(first, last)
            and self.shape(first, last) is _Shape.CALL
        ):
            return self.within(last, newline)
        neighbour = last + 1 if follows is link else first
        opening_of = self.nodes[first if begun else last].literal
        if not begun and text_end > self.nodes[last].literal.end:
            return self.within(last, newline)
        glue = self.source.language.glue
        if self.nodes[neighbour].breaks or not self.nodes[neighbour].hole_between:
            glue = _tidy(self.nodes[neighbour].gap)
        opening = self.content[opening_of.open : opening_of.start]
        stop = self.nodes[last].literal.stop
        return stop, glue + opening, self.content[text_end:stop]

    def certain_link(self, index: int) -> Link | None:
        """How a literal follows the one that it certainly stands with."""
        node = self.nodes[index] if index < len(self.nodes) else None
        return node.link if node is not None and node.shares else None

    def shared(self, first: int, last: int) -> bool:
        """Whether other literals of the group stand on the same line."""
        nodes, line = self.nodes, self.nodes[first].line
        return (first > 0 and nodes[first - 1].line == line) or (
            last + 1 < len(nodes) and nodes[last + 1].line == line
        )

    def takes_more(self, index: int, row: bool) -> bool:
        """Whether the list in which a literal stands takes one more element, or one more row."""
        links = (Link.ELEMENT, Link.JOINED, Link.LOOSE)
        if (found := self.lists.get((index, row))) is None:
            begin = index
            while begin and self.nodes[begin].link in links and (begin, row) not in self.lists:
                begin -= 1
            if (found := self.lists.get((begin, row))) is None:
                head = self.nodes[begin].gap
                if begin + 1 < len(self.nodes) and self.nodes[begin + 1].gap.rstrip().endswith(
                    b"("
                ):
                    head = _WRAPPER.sub(b"", head)
                found = self.source.language.lists.takes_more(head, rows=row)
            for member in range(begin, index + 1):
                self.lists[member, row] = found
        return found

    def begins_literal(self, segment: _Segment) -> bool:
        """Whether nothing of the literal stands before the segment."""
        literal = self.nodes[segment.node].literal
        return segment.piece.start == literal.start

    def within(self, last: int, newline: Decoded | None) -> tuple[int, bytes, bytes]:
        """One more line in the same literal."""
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

    def own_line(
        self, first: int, last: int, text_end: int, link: Link
    ) -> tuple[int, bytes, bytes] | None:
        """The physical line once more, where it holds nothing but the literal and its glue."""
        nodes = self.nodes
        frame = self.frame(first, last)
        if frame is None:
            return None
        if frame.shared:
            return self.row(first, last, text_end)
        head, tail = self.around(first, last)
        if last + 1 < len(nodes) and nodes[last + 1].link is link:
            like = head == self.around(last + 1, last + 1)[0]
        else:
            like = (head, tail) == self.around(first - 1, first - 1)
        return self.again(first, last, text_end) if like else None

    def row(self, first: int, last: int, text_end: int) -> tuple[int, bytes, bytes] | None:
        """The physical line once more, where it is one of a table."""
        frame = self.frame(first, last)
        if frame is None or not frame.shared or not self.is_row(first):
            return None
        if self.shape(first, last) is not _Shape.ROW:
            return None
        return self.again(first, last, text_end)

    def shape(self, first: int, last: int) -> _Shape:
        """What a line with several literals is."""
        nodes = self.nodes
        line = nodes[first].line
        if line in self.shapes:
            return self.shapes[line]
        begin, end = first, last
        while begin and nodes[begin - 1].line == line:
            begin -= 1
        while end + 1 < len(nodes) and nodes[end + 1].line == line:
            end += 1
        count = end - begin + 1
        around = self.around(begin, end)
        callee = _CALLEE.search(around[0][-_LONGEST_HEAD:])
        shape = _Shape.LIST
        if callee is not None and not TAKES_MANY.search(callee[1]):
            shape = _Shape.CALL
        for other in (begin - count, end + 1) if count <= _LONGEST_ROW and around[0] else ():
            if (
                other >= 0
                and other + count <= len(nodes)
                and nodes[other].line == nodes[other + count - 1].line
                and self.around(other, other + count - 1) == around
                and all(nodes[other + i].link is nodes[begin + i].link for i in range(1, count))
            ):
                shape = _Shape.ROW
        self.shapes[line] = shape
        return shape

    def repeated(self, first: int, last: int, text_end: int) -> tuple[int, bytes, bytes] | None:
        """The physical line once more, where it is a statement that can stand twice."""
        frame = self.frame(first, last)
        if frame is None or len(self.nodes) == 1:
            return None
        head, tail = self.around(first, last)
        if self.nodes[first].link is Link.LOOSE or (
            last + 1 < len(self.nodes) and self.nodes[last + 1].link is Link.LOOSE
        ):
            neighbours = (first - 1, last + 1)
            if not self.takes_more(first, row=True) or not any(
                0 <= other < len(self.nodes)
                and self.nodes[other].line != self.nodes[first].line
                and self.around(other, other) == (head, tail)
                for other in neighbours
            ):
                return None
            return self.again(first, last, text_end) if self.is_row(first) else None
        statement = self.nodes[first].statement
        if statement.form.puts not in (Puts.ADDS, Puts.CALLS):
            return None
        line = b"".join((head + LITERAL + tail.removesuffix(b";")).split())
        if line != b"".join(statement.code.split()):
            return None
        return self.again(first, last, text_end)

    def frame(self, first: int, last: int) -> _Frame | None:
        """The physical line of these literals; None where it begins or ends inside of a token, or
        is not one line."""
        nodes, source = self.nodes, self.source
        line = nodes[first].line
        stop = nodes[last].literal.stop
        if b"\n" in self.content[nodes[first].literal.open : stop] or source.is_broken(line):
            return None
        text_end, _ = source.line_end(stop)
        if source.is_broken(text_end) or text_end - line > _LONGEST_LINE:
            return None
        shared = (first > 0 and nodes[first - 1].literal.stop > line) or (
            last + 1 < len(nodes) and nodes[last + 1].literal.open < text_end
        )
        if shared and not (
            nodes[first].link is Link.ELEMENT
            or (last + 1 < len(nodes) and nodes[last + 1].link is Link.ELEMENT)
        ):
            return None
        return _Frame(line, text_end, shared)

    def around(self, first: int, last: int) -> tuple[bytes, bytes]:
        """The code before and behind literals on their physical line, without blanks around."""
        source = self.source
        stop = self.nodes[last].literal.stop
        line, text_end = self.nodes[first].line, source.line_end(stop)[0]
        if text_end - line > _LONGEST_LINE:
            return b"", b""
        head = source.code(line, self.nodes[first].literal.open)
        return head.strip(), source.code(stop, text_end).strip()

    def again(self, first: int, last: int, text_end: int) -> tuple[int, bytes, bytes]:
        content, source = self.content, self.source
        line = self.nodes[first].line
        literal = self.nodes[first].literal
        stop = self.nodes[last].literal.stop
        line_text_end, line_stop = source.line_end(stop)
        before = content[line : literal.start]
        after = content[text_end:stop] + source.code(stop, line_text_end).rstrip()
        ending = content[line_text_end:line_stop]
        if not ending:
            return line_stop, source.line_ending(line) + before, after
        return line_stop, before, after + ending


def _hole(offset: int) -> _Segment:
    return _Segment(
        -1, Decoded(HOLE, offset, offset, offset, array(OFFSET, [offset]) * (len(HOLE) + 1))
    )


def _put_together(segments: list[_Segment]) -> tuple[bytes, Sequence[int]]:
    text = bytearray()
    offsets = array(OFFSET)
    end = 0
    for _, piece in segments:
        text += piece.text
        if piece.offsets is not None:
            offsets.extend(piece.offsets[: len(piece.text)])
        else:
            offsets.extend(range(piece.start, piece.start + len(piece.text)))
        end = piece.end
    offsets.append(end)
    return bytes(text), offsets


def _tidy(gap: bytes) -> bytes:
    """The code between two literals, as it stands between the new one and its neighbour."""
    return _BLANK_LINES.sub(rb"\1", _TRAILING.sub(b"", gap))

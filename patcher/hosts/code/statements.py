"""Which literals of a program certainly make one text.

The code between literals is cut into statements, and only what is known to join text is taken for
joining: operators, the commas of a list, statements in a row that append to one variable. Whatever
else stands there (a keyword, a condition, a brace, a call that is not known) may leave out a
literal, or repeat it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple

from patcher.hosts.calls import CONTROL
from patcher.hosts.code.language import Language
from patcher.hosts.code.lists import TAKES_MANY
from patcher.hosts.strings import UNPACKS
from patcher.policy.patterns import regex

LITERAL = b'""'
"""Stands in a statement's code for a literal."""
_MOST_BETWEEN = 8
"""Between two literals: statements that append something else."""

_APPENDERS = regex(
    rb"(?:append|appendLine|push|push_str|push_back|add|write|writeln|writeLine|WriteString|print|println|"
    rb"AppendLine|Append|Write|WriteLine|Add)\Z"
)
_WRITTEN_TO = regex(
    rb"(?:[\w.]*\.)?(?:[fF]printf?|Fprintln|WriteString|write!|writeln!)\([&*]*([\w.]+),"
)
_KEEPS_TEXT = regex(rb"\.filter\(Boolean\)|\bfilter(?=\(None,)")
"""Leaves out elements that are empty."""
_JOINED = regex(rb"\s*(?:\.filter\(Boolean\)\s*)?\.\s*(?:join|concat)\b")
_JOINS = regex(rb"join|concat", re.IGNORECASE)
_MOST_CALLS = 16
_DOES = regex(rb"=(?!=)|\breturn\b|<<")
_OTHER_VALUE = regex(
    rb"(?:\?[^?]{0,200}:|\?|\|\||\bor\b(?!\s*not\b))\s*[A-Za-z_$][\w.$]*"
    rb"(?:\s*\((?!\s*(?:\"\"|[\[{])))?(?![\w.$(])"
    rb"|[\w)\]]\s+if\b[^\n]{0,200}\belse\b"
)
"""A conditional between values of which one is no literal."""
CONTROL_FIRST = regex(rb"\s*" + CONTROL)
_LABEL = regex(rb"\s*[A-Za-z_]\w*\s*:(?![:=])")
_CALLEE = regex(rb"(\w+)!?\s*\Z")
_BRACKET = regex(rb"[()\[\]{}]")
_LOOKED_BACK = 2000
_BEFORE_CHAIN = regex(rb"(?:\A|[(,=\[{?:;>&|\n]|\b(?:return|else|and|or|yield|in|not))\s*\Z")
_BEHIND_CHAIN = regex(rb"\s*(?:\Z|[),;\]}:?&|\n])|\s+(?:if|else|and|or|for|unless)\b")


@dataclass(slots=True, eq=False)
class Statement:
    """One statement of a program."""

    language: Language
    outer: Statement | None
    """The statement in whose braces this one stands."""
    previous: Statement | None
    """The statement right before this one; None behind a brace or a directive."""
    code: bytearray = field(default_factory=bytearray)
    """Without comments, and with ``LITERAL`` for each literal."""
    depth: int = 0
    """Brackets that are open."""
    margin: int = -1
    begun_at: int = field(init=False)
    """Where its brace stands in the code of ``outer``."""
    _plain: bool | None = None
    _form: Form | None = None
    _closing: dict[int, int] | None = None
    _brackets: list[tuple[int, int]] = field(default_factory=list)
    _lists: dict[int, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.begun_at = 0 if self.outer is None else len(self.outer.code) - 1

    def add(self, code: bytes) -> None:
        """Add code, braces left out."""
        self.code += code
        for bracket in _BRACKET.findall(code):
            self.depth += 1 if bracket in b"([" else -1

    @property
    def blank(self) -> bool:
        """Whether there is no code in it yet."""
        return not self.code.strip()

    @property
    def is_plain(self) -> bool:
        """Whether all of it is known, and none of it is a conditional."""
        if self._plain is None:
            self._plain = (
                self.depth == 0
                and _is_plain(self.language, self.code)
                and _LABEL.match(self.code) is None
            )
        return self._plain

    @property
    def may_add_others(self) -> bool:
        """Whether it may add text that is not known in place of its literals."""
        return (
            not self.is_plain
            and CONTROL_FIRST.match(self.code) is None
            and _OTHER_VALUE.search(self.code) is not None
        )

    @property
    def form(self) -> Form:
        """Where it puts its text, and how."""
        if self._form is None:
            self._form = _form(self.language, bytes(self.code)) if self.is_plain else _NO_FORM
        return self._form

    @property
    def closing(self) -> dict[int, int]:
        """The offset of the closing bracket for that of each opening one."""
        if self._closing is None:
            self._closing = {}
            opened = [-1]
            for match in _BRACKET.finditer(self.code):
                if match[0] in b"([{":
                    opened.append(match.start())
                elif len(opened) > 1:
                    self._closing[opened.pop()] = match.start()
                self._brackets.append((match.start(), opened[-1]))
        return self._closing

    def bracket(self, offset: int) -> int:
        """Return the offset of the innermost bracket that is open at an offset; -1 without one."""
        if not self.closing:
            return -1
        index = bisect_left(self._brackets, (offset, -1)) - 1
        return self._brackets[index][1] if index >= 0 else -1

    def holds_list(self, bracket: int) -> bool:
        """Whether all elements of the list in a bracket certainly come out, unless an element is
        itself conditional."""
        if bracket < 0:
            outer = self.outer
            if outer is None or _DOES.search(self.code):
                return False
            return outer.is_plain and outer.keeps_lists(self.begun_at, self.begun_at + 2)
        if bracket not in self._lists:
            closed = self.closing.get(bracket, -1)
            around = self.code[:bracket] + LITERAL + self.code[closed + 1 :]
            self._lists[bracket] = (
                closed >= 0
                and _is_plain(self.language, around)
                and self.keeps_lists(bracket, closed + 1)
            )
        return self._lists[bracket]

    def keeps_lists(self, begin: int, end: int) -> bool:
        """Whether the calls around a list, up to the one that joins its elements, are known to
        leave none out."""
        for _ in range(_MOST_CALLS):
            if _JOINED.match(self.code, end):
                return True
            begin = self.bracket(begin)
            if begin < 0:
                return True
            end = self.closing.get(begin, len(self.code)) + 1
            if self.code[begin : begin + 1] != b"(":
                continue
            callee = _CALLEE.search(self.code, max(begin - 100, 0), begin)
            if callee is not None and not TAKES_MANY.search(callee[1]):
                return False
            if callee is not None and _JOINS.search(callee[1]):
                return True
        return False


class Puts(Enum):
    """What a statement does with its text."""

    NOTHING = auto()
    SETS = auto()
    ADDS = auto()
    CALLS = auto()
    """Hands it to a function of which only the name is known."""


class Form(NamedTuple):
    """A statement that puts text somewhere, and does nothing else."""

    puts: Puts
    target: bytes = b""
    around: tuple[bytes, bytes] = (b"", b"")
    """The code before and behind its text, blanks left out."""


_NO_FORM = Form(Puts.NOTHING)


def _is_plain(language: Language, code: bytes | bytearray) -> bool:
    """Whether all of the code is known, and none of it is a conditional."""
    return language.plain_code.fullmatch(_KEEPS_TEXT.sub(b"", code)) is not None


def _form(language: Language, code: bytes) -> Form:
    """Say where a plain statement puts its text, and how."""
    if len(code) > _LOOKED_BACK:
        return _NO_FORM
    if match := language.assignment.fullmatch(code):
        adds = match["itself"] or match["list"] or match["operator"] not in (b"=", b":=")
        return Form(Puts.ADDS if adds else Puts.SETS, match["place"])
    if match := language.call.fullmatch(code):
        before, behind = match["before"], match["behind"]
        if LITERAL in code:
            before, behind = code.partition(LITERAL)[0], code.rpartition(LITERAL)[2]
        around = b"".join(before.split()), b"".join(behind.split())
        head, _, method = match["place"].rpartition(b".")
        written = _WRITTEN_TO.match(around[0])
        if written or (head and _APPENDERS.match(method)):
            return Form(Puts.ADDS, written[1] if written else head, around)
        return Form(Puts.CALLS, b"", around)
    return _NO_FORM


def follows(statement: Statement, earlier: Statement) -> int:
    """Return how many statements between two add text that is not known, or -1 if the second one
    may not add its text to that of the earlier one."""
    form = statement.form
    if form.puts not in (Puts.ADDS, Puts.CALLS):
        return -1
    between, at = 0, statement.previous
    while at is not None and at.margin == statement.margin and alike(at.form, form):
        if at is earlier:
            return between
        between += 1
        if LITERAL in at.code or between > _MOST_BETWEEN:
            return -1
        at = at.previous
    return -1


def alike(one: Form, other: Form) -> bool:
    """Whether two statements certainly put their text in the same place."""
    if other.puts is Puts.ADDS:
        return one.puts in (Puts.ADDS, Puts.SETS) and one.target == other.target
    return (
        one.puts is other.puts is Puts.CALLS
        and one.around[0] == other.around[0]
        and (one.around[1] == other.around[1] or b"," in one.around[0])
    )


class Place(NamedTuple):
    """Where the elements of a list stand, and how one of them stands in it."""

    bracket: int
    """Offset of the list's bracket in its statement; -1 for the brace in which this stands."""
    certain: bool
    """Whether the element is in the list in any case."""
    wrapper: bytes = b""
    """The function that is called on the element."""


def place(statement: Statement, begin: int, end: int) -> Place | None:
    """Return the list of which the literals between two offsets of a statement are an element; None
    if there is none, or if it may not be joined as it is."""
    bracket = statement.bracket(begin)
    wrapper = b""
    if bracket >= 0 and statement.code[bracket : bracket + 1] == b"(":
        callee = _CALLEE.search(statement.code, max(bracket - 100, 0), bracket)
        if callee is not None and not TAKES_MANY.search(callee[1]):
            closed = statement.closing.get(bracket, len(statement.code))
            if statement.code[bracket + 1 : begin].strip() or statement.code[end:closed].strip():
                return None
            wrapper, begin, end = bytes(callee[0]), callee.start(), closed + 1
            bracket = statement.bracket(begin)
    if not statement.holds_list(bracket) or is_unpacked(statement, bracket):
        return None
    code, last = statement.code, statement.closing.get(bracket, len(statement.code))
    before = code[max(code.rfind(b",", 0, begin), bracket) + 1 : begin]
    comma = code.find(b",", end, last)
    behind = code[end : last if comma < 0 else comma]
    certain = b":" not in before.replace(b"::", b"") and _is_plain(
        statement.language, before + LITERAL + behind
    )
    return Place(bracket, certain, wrapper)


def is_unpacked(statement: Statement, bracket: int) -> bool:
    """Whether each string of the list that a bracket opens goes to a name of its own; -1 for the
    brace before the statement."""
    if bracket < 0 and statement.outer is not None:
        statement, bracket = statement.outer, statement.begun_at
    head = bytes(statement.code[max(bracket - 200, 0) : max(bracket, 0)])
    return UNPACKS.search(head) is not None


def one_operand(statement: Statement, begin: int, end: int) -> bool:
    """Whether the operator that joins the literals between two offsets of a statement's code binds
    more tightly than the code around them."""
    if statement.is_plain:
        return True
    code = statement.code
    before = bytes(code[max(begin - 100, 0) : begin])
    return _BEFORE_CHAIN.search(before) is not None and _BEHIND_CHAIN.match(code, end) is not None

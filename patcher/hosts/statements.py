"""Which literals of a program certainly make one text.

The code between literals is cut into statements, and only what is known to join text is taken for
joining: operators, the commas of a list, statements in a row that append to one variable. Whatever
else stands there (a keyword, a condition, a brace, a call that is not known) may leave out a
literal, or repeat it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property

from patcher.hosts.lists import TAKES_MANY
from patcher.policy.bounds import MAX_NESTING, check_number
from patcher.policy.patterns import repeated

LITERAL = b'""'
"""Stands in a statement's code for a literal."""
_LONGEST_GAP = 600
_MOST_BETWEEN = 8
"""Statements between two literals that append what is no literal."""

CONTROL = (
    rb"(?:if|else|elif|elsif|elseif|unless|while|until|for|foreach|loop|when|case|switch|match|select|"
    rb"given|where|guard|catch|except|finally|throw|raise|break|continue|goto|defer|go|and|or|not|"
    rb"xor|in|is|do|then|end|repeat|lambda|filter|grep|reject|compact|takeIf|takeUnless|orelse)\b"
)
_WORD = rb"(?!" + CONTROL + rb")[A-Za-z_]\w*+"
_METHODS = (
    rb"(?:join|append|push|push_str|add|concat|arg|format|to_string|to_owned|toString|into|as_str|"
    rb"c_str|encode|getBytes|as_bytes|into_bytes|to_vec|toList|trimIndent|trimMargin|stripMargin|"
    rb"stripIndent|trim|strip|unwrap|WriteString|write|println|print)\b"
)
"""What may be called on text that comes out whole all the same."""
_APPENDERS = re.compile(
    rb"(?:append|appendLine|push|push_str|push_back|add|write|writeln|writeLine|WriteString|print|println|"
    rb"AppendLine|Append|Write|WriteLine|Add)\Z"
)
_WRITTEN_TO = re.compile(
    rb"(?:[\w.]*\.)?(?:[fF]printf?|Fprintln|WriteString|write!|writeln!)\([&*]*([\w.]+),"
)
_NOT_CALLED = rb"(?!\s*\.\s*(?!" + _METHODS + rb")\w|\s*[\[%*(])"
_KEEPS_TEXT = re.compile(rb"\.filter\(Boolean\)|\bfilter(?=\(None,)")
"""Leaves out elements that are empty."""
_JOINED = re.compile(rb"\s*(?:\.filter\(Boolean\)\s*)?\.\s*(?:join|concat)\b")
_JOINS = re.compile(rb"join|concat", re.IGNORECASE)
_MOST_CALLS = 16
_DOES = re.compile(rb"=(?!=)|\breturn\b|<<")
_OTHER_VALUE = re.compile(
    rb"(?:\?[^?]{0,200}:|\?|\|\||\bor\b(?!\s*not\b))\s*[A-Za-z_$][\w.$]*"
    rb"(?:\s*\((?!\s*(?:\"\"|[\[{])))?(?![\w.$(])"
    rb"|[\w)\]]\s+if\b[^\n]{0,200}\belse\b"
)
"""A choice between values of which one is no literal."""
_CHARACTER = re.compile(rb"'(?:[^'\\\r\n]|\\[^\r\n][^'\r\n]{0,9})'")
_GOES_ON_BEHIND = b",+-*/|&=.<>!:?([\\%"
_GOES_ON_BEFORE = b".+-*/|&=?:,)]%<>"
_RESUMES = b"),.;]:?+-*/&|<>=%[({"
_CONTROL_FIRST = re.compile(rb"\s*" + CONTROL)
_CASE = re.compile(rb"\s*(?:case\b|default\s*\Z)")
_LABEL = re.compile(rb"\s*[A-Za-z_]\w*\s*:(?![:=])")
_DIRECTIVE = rb"|^[ \t]*#[ \t]*(?P<directive>\w*)[^\n]*+"
_CHOOSES = re.compile(rb"(?:el|end)?if|ifn?def|else|elsif")
_CALLEE = re.compile(rb"(\w+)!?\s*\Z")
_BRACKET = re.compile(rb"[()\[\]{}]")
_LOOKED_BACK = 2000
_BEFORE_CHAIN = re.compile(rb"(?:\A|[(,=\[{?:;>&|\n]|\b(?:return|else|and|or|yield|in|not))\s*\Z")
_BEHIND_CHAIN = re.compile(rb"\s*(?:\Z|[),;\]}:?&|\n])|\s+(?:if|else|and|or|for|unless)\b")


class Statement:
    """One statement of a program."""

    __slots__ = (
        "_brackets",
        "_closing",
        "_form",
        "_lists",
        "_plain",
        "begun_at",
        "code",
        "depth",
        "language",
        "margin",
        "outer",
        "previous",
    )

    def __init__(
        self, language: Joins, outer: Statement | None, previous: Statement | None
    ) -> None:
        self.language = language
        self.outer = outer
        """The one in whose braces it stands."""
        self.previous = previous
        """The one right before it; None behind a brace and a directive."""
        self.code = bytearray()
        """Without comments, and with ``LITERAL`` for each literal."""
        self.depth = 0
        """Brackets that are open."""
        self.margin = -1
        self.begun_at = 0 if outer is None else len(outer.code) - 1
        """Where its brace stands in the code of ``outer``."""
        self._plain: bool | None = None
        self._form: Form | None = None
        self._closing: dict[int, int] | None = None
        self._brackets: list[tuple[int, int]] = []
        self._lists: dict[int, bool] = {}

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
        """Whether nothing in it is known to choose, or not known at all."""
        if self._plain is None:
            self._plain = (
                self.depth == 0
                and self.language.is_plain(self.code)
                and _LABEL.match(self.code) is None
            )
        return self._plain

    @property
    def may_add_others(self) -> bool:
        """Whether it may add text that is not known in place of its literals."""
        return (
            not self.is_plain
            and _CONTROL_FIRST.match(self.code) is None
            and _OTHER_VALUE.search(self.code) is not None
        )

    @property
    def form(self) -> Form:
        """How it puts its text where it belongs."""
        if self._form is None:
            self._form = self.language.form(bytes(self.code)) if self.is_plain else _NO_FORM
        return self._form

    @property
    def closing(self) -> dict[int, int]:
        """By the offsets of its opening brackets, where the closing ones stand."""
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
        """Where the innermost bracket around an offset opens; -1 for none."""
        if not self.closing:
            return -1
        index = bisect_left(self._brackets, (offset, -1)) - 1
        return self._brackets[index][1] if index >= 0 else -1

    def holds_list(self, bracket: int) -> bool:
        """Whether what is in a bracket certainly comes out as a whole, save for what its elements
        say themselves."""
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
                and self.language.is_plain(around)
                and self.keeps_lists(bracket, closed + 1)
            )
        return self._lists[bracket]

    def keeps_lists(self, begin: int, end: int) -> bool:
        """Whether the calls around a list are known to take it as it is, up to where its elements
        become one text."""
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
    """Hands it to a function, of which nothing is known but that it is called alike."""


@dataclass(frozen=True, slots=True)
class Form:
    """A statement that puts text somewhere, and does nothing else."""

    puts: Puts
    target: bytes = b""
    around: tuple[bytes, bytes] = (b"", b"")
    """The code before and behind its text, blanks left out."""


_NO_FORM = Form(Puts.NOTHING)


class Joins:
    """How the statements of a language join text."""

    def __init__(
        self,
        join: bytes,
        *,
        adjacent: bool,
        indented: bool,
        newlines: bool,
        members: bytes,
        tokens: bytes,
        directives: bool,
        keyword_blocks: bool,
    ) -> None:
        """``newlines``: a line break may end a statement. ``members``: expression for what stands
        between an object and its member. ``tokens``: what else is plain code. ``directives``: lines
        that begin with ``#`` are a preprocessor's. ``keyword_blocks``: words begin and end blocks
        (``then``, ``end``)."""
        self.indented = indented
        self.newlines = newlines or indented or keyword_blocks
        self.keyword_blocks = keyword_blocks
        marks = rb"[;\n]" if indented else rb"[;{}\n:]"
        self.marks = re.compile(marks + (_DIRECTIVE if directives else b""), re.MULTILINE)
        word = _WORD + rb"(?:<[\w\s,?&'\[\]]{0,60}>)?"
        self._plain = repeated(
            rb'""' + _NOT_CALLED + rb"|" + word + rb"|\d[\w.]*+|[\s\\]++|[,(\[{:@$]"
            rb"|[)\]}](?!\s*\.\s*(?!" + _METHODS + rb")\w)|\.(?=\s*\w)|" + members + rb"(?=\w)"
            rb"|=(?![=~>])|[+.:]=|<<|&(?!&)|!(?=[(\[])|(?<=\))\?|(?:" + join + rb")" + tokens
        )
        place = (
            rb"[$@&]?" + _WORD
            + repeated(rb"(?:" + members + rb")" + _WORD + rb"|\[(?:\w+|\"\")?\]")
        )  # fmt: skip
        operand = (
            rb'(?:""(?:\s*\.\s*' + _METHODS + rb"\(\))?|" + place + rb"|\d++|'[^']{1,12}'|\.?\{\})"
        )
        glue = rb"\s*(?:" + join + rb")" + (b"?" if adjacent else b"") + rb"\s*"
        chain = operand + repeated(glue + operand)
        argument = rb"(?:" + _WORD + rb"\s*=\s*)?" + chain
        arguments = argument + repeated(rb"\s*,\s*" + argument)
        made = (
            rb"(?:new\s+)?(?:[\w.:]*(?:String|string|str|from|Builder|Buffer|NewBufferString|Sprintf|"
            rb"format!?|bytes|bytearray))\s*\(\s*"
        )
        self._assignment = (
            rb"\s*(?P<before>(?:" + _WORD + rb"[*&]*\s+[*&]*){0,5}(?P<place>" + place
            + rb")(?:\[\])?(?:\s*:\s*[\w.:<>\[\], &']{1,80}?)?\s*"
            rb"(?P<operator>:=|=|[+.]=|<<)\s*(?:(?P<itself>(?P=place))\s*(?:" + join + rb")\s*|"
            rb"(?P<list>append)\(\s*(?P=place)\s*,\s*|(?P<made>" + made + rb")|\()?)"
            rb"(?:" + arguments + rb")(?P<behind>\s*\)?(?:\s*\.\s*" + _METHODS + rb"\(\))?)\s*"
        )  # fmt: skip
        self._call = (
            rb"\s*(?P<before>(?:(?:try|await)\s+)?(?P<place>" + place + rb")!?\s*\(\s*"
            + repeated(place + rb"\s*,\s*") + rb")" + arguments + rb"(?P<behind>\s*\)"
            + repeated(rb"\s*\.\s*" + _METHODS + rb"\(\s*(?:" + arguments + rb")?\s*\)")
            + rb"\??)\s*"
        )  # fmt: skip

    # Compiled for the languages that occur: for all of them it takes 0.2 seconds.

    @cached_property
    def plain(self) -> re.Pattern[bytes]:
        return re.compile(self._plain)

    @cached_property
    def assignment(self) -> re.Pattern[bytes]:
        return re.compile(self._assignment)

    @cached_property
    def call(self) -> re.Pattern[bytes]:
        return re.compile(self._call)

    def is_plain(self, code: bytes | bytearray) -> bool:
        """Whether nothing in the code is known to choose, or not known at all."""
        return self.plain.fullmatch(_KEEPS_TEXT.sub(b"", code)) is not None

    def form(self, code: bytes) -> Form:
        """How a plain statement puts its text where it belongs."""
        if len(code) > _LOOKED_BACK:
            return _NO_FORM
        if match := self.assignment.fullmatch(code):
            adds = match["itself"] or match["list"] or match["operator"] not in (b"=", b":=")
            return Form(Puts.ADDS if adds else Puts.SETS, match["place"])
        if match := self.call.fullmatch(code):
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


class Program:
    """Cuts the code of a program into statements as its literals are read."""

    def __init__(self, language: Joins) -> None:
        self.language = language
        self.now = Statement(language, None, None)
        self.blocks = 0

    def literal(self, gap: bytes) -> Statement:
        """Take the code before a literal, and the literal; the statement that it stands in."""
        if len(gap) > _LONGEST_GAP:
            gap = self.forget(gap)
        self.code(_CHARACTER.sub(b"0", gap) if b"'" in gap else gap)
        self.now.code += LITERAL
        return self.now

    def forget(self, gap: bytes) -> bytes:
        """What is left of a gap that is too long to be read, from where a statement begins."""
        tail = gap[-_LONGEST_GAP:]
        self.now, self.blocks = Statement(self.language, None, None), 0
        begin = re.search(rb"\n" if self.language.indented else rb"[;{}]", tail)
        if begin is None:
            self.now.code += b"?"
            return tail
        return tail[begin.start() if self.language.indented else begin.end() :]

    def code(self, gap: bytes) -> None:
        """Take code without literals and comments."""
        position = 0
        for mark in self.language.marks.finditer(gap):
            self.now.add(gap[position : mark.start()])
            position = mark.end()
            byte = mark[0][:1]
            if byte == b";":
                if self.now.depth > 0:
                    self.now.code += byte
                else:
                    self.end()
            elif byte == b"\n":
                self.newline(gap, position)
            elif byte == b":":
                if _CASE.match(self.now.code):
                    self.apart()
                else:
                    self.now.code += byte
            elif byte == b"{":
                self.open()
            elif byte == b"}":
                self.close(gap, position)
            else:
                self.directive(mark["directive"])
        self.now.add(gap[position:])

    def end(self) -> None:
        """End the statement."""
        if not self.now.blank:
            self.now = Statement(self.language, self.now.outer, self.now)

    def apart(self) -> None:
        """Begin a statement that follows none."""
        self.now = Statement(self.language, self.now.outer, None)

    def open(self) -> None:
        self.blocks += 1
        check_number(self.blocks, MAX_NESTING, "nested blocks")
        self.now.code += b"{"
        self.now = Statement(self.language, self.now, None)

    def close(self, gap: bytes, position: int) -> None:
        outer = self.now.outer
        self.blocks = max(self.blocks - 1, 0)
        if outer is None:
            self.apart()
            return
        outer.code += b"}"
        self.now = outer
        following = gap[position:].lstrip()[:1]
        if not following or following not in _RESUMES:
            self.apart()

    def newline(self, gap: bytes, position: int) -> None:
        now, language = self.now, self.language
        if not language.newlines or now.depth > 0:
            now.code += b"\n"
            return
        code, rest = now.code.rstrip(), gap[position:]
        if language.indented:
            if not code.endswith(b"\\"):
                self.end()
                self.now.margin = len(rest[: len(rest) - len(rest.lstrip(b" \t"))].expandtabs())
            return
        following = rest.lstrip()[:1]
        goes_on = code[-1:] in _GOES_ON_BEHIND if code else False
        if following:
            goes_on = goes_on or following in _GOES_ON_BEFORE
        if goes_on or (not language.keyword_blocks and _CONTROL_FIRST.match(code)):
            now.code += b"\n"
        else:
            self.end()

    def directive(self, word: bytes) -> None:
        """A line of the preprocessor."""
        if _CHOOSES.fullmatch(word) and not self.now.blank:
            self.now.code += b"#"
        else:
            self.apart()


def follows(statement: Statement, earlier: Statement) -> int:
    """Whether a statement certainly adds its text to that of an earlier one: -1 where it may not,
    else how many statements between the two add text that is not known."""
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
    """Whether the first of two statements certainly puts its text where the second one does."""
    if other.puts is Puts.ADDS:
        return one.puts in (Puts.ADDS, Puts.SETS) and one.target == other.target
    return (
        one.puts is other.puts is Puts.CALLS
        and one.around[0] == other.around[0]
        and (one.around[1] == other.around[1] or b"," in one.around[0])
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where the elements of a list stand, and how one of them stands in it."""

    bracket: int
    """Offset of the list's bracket in its statement; -1 for the brace in which this stands."""
    certain: bool
    """The element is in the list in any case."""
    wrapper: bytes = b""
    """The function that is called on the element."""


def place(statement: Statement, begin: int, end: int) -> Place | None:
    """The list in which the literals between two offsets of a statement's code are an element; None
    where it is none, or one that may not be put together as it is."""
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
    if not statement.holds_list(bracket):
        return None
    code, last = statement.code, statement.closing.get(bracket, len(statement.code))
    before = code[max(code.rfind(b",", 0, begin), bracket) + 1 : begin]
    comma = code.find(b",", end, last)
    behind = code[end : last if comma < 0 else comma]
    certain = b":" not in before.replace(b"::", b"") and statement.language.is_plain(
        before + LITERAL + behind
    )
    return Place(bracket, certain, wrapper)


def one_operand(statement: Statement, begin: int, end: int) -> bool:
    """Whether what joins the literals between two offsets of a statement's code binds stronger than
    the code around them."""
    if statement.is_plain:
        return True
    code = statement.code
    before = bytes(code[max(begin - 100, 0) : begin])
    return _BEFORE_CHAIN.search(before) is not None and _BEHIND_CHAIN.match(code, end) is not None

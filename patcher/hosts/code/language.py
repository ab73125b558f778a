"""What the table of a programming language says, and the patterns that are made of it.

A language's patterns are compiled when the first file in it is read: most runs meet few languages.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from patcher.hosts.calls import CONTROL
from patcher.hosts.code.lists import ANY, Lists
from patcher.hosts.strings import LINE_BREAK, Kind
from patcher.policy.patterns import repeated

METHODS = (
    rb"(?:join|append|push|push_str|add|concat|arg|format|to_string|to_owned|toString|into|as_str|"
    rb"c_str|encode|getBytes|as_bytes|into_bytes|to_vec|toList|trimIndent|trimMargin|stripMargin|"
    rb"stripIndent|trim|strip|unwrap|WriteString|write|println|print)\b"
)
"""Methods that leave none of their text out."""
_WORD = rb"(?!" + CONTROL + rb")[A-Za-z_]\w*+"
_NOT_CALLED = rb"(?!\s*\.\s*(?!" + METHODS + rb")\w|\s*[\[%*(])"
_MADE = (
    rb"(?:new\s+)?(?:[\w.:]*(?:String|string|str|from|Builder|Buffer|NewBufferString|Sprintf|"
    rb"format!?|bytes|bytearray))\s*\(\s*"
)
_DIRECTIVE = rb"|^[ \t]*#[ \t]*(?P<directive>\w*)[^\n]*+"


class Literal(NamedTuple):
    """A string literal: file offsets."""

    open: int
    """Of its quote, or of the prefix before it."""
    start: int
    end: int
    stop: int
    """Behind the closing quote."""
    kind: Kind


class Token(NamedTuple):
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


@dataclass(frozen=True, eq=False)
class Language:
    """How a language writes its literals and comments, and puts literals together."""

    host: str
    tokens: tuple[Token, ...]
    """Each is looked for before those behind it."""
    join: bytes = rb"\+"
    """Expression for the operator that joins strings."""
    adjacent: bool = False
    """Literals without an operator between them are joined."""
    blank: bytes = rb"\s"
    """What may stand unseen between an operator and a literal."""
    glue: bytes = b" + "
    """How two literals on a line are joined."""
    refine: Callable[[bytes, Literal], Literal] | None = None
    """Tells the kind of a literal by what is around it."""
    names_join: bool = False
    """A name between two literals joins them."""
    documentation: Callable[[bytes, Literal, bytes], bool] | None = None
    """Whether a literal is documentation, seen with the code before it."""
    keeps_cr: bool = True
    """As in ``Embedding``."""
    lists: Lists = ANY
    margins: bool = True
    """A bar may stand before each line of a string, which the program takes away."""
    line_strings: re.Pattern[bytes] | None = None
    """What stands before each line of a string that has no quotes."""
    indented: bool = False
    """Blocks are told by their indentation, not by braces."""
    newlines: bool = False
    """A line break may end a statement."""
    members: bytes = rb"\."
    """Expression for what stands between an object and its member."""
    plain: bytes = b""
    """Alternatives for what else is code that does not choose between texts."""
    directives: bool = False
    """Lines that begin with ``#`` are a preprocessor's."""
    keyword_blocks: bool = False
    """Words begin and end blocks (``then``, ``end``)."""

    # -- literals

    @cached_property
    def scanner(self) -> re.Pattern[bytes]:
        """Where a token begins; the number of its group is one more than that of the token."""
        return re.compile(b"|".join(b"(%s)" % token.opening for token in self.tokens))

    @property
    def _blanks(self) -> bytes:
        return rb"\s*+" if self.blank == rb"\s" else repeated(self.blank)

    @cached_property
    def joined(self) -> re.Pattern[bytes]:
        """All that may stand between two literals that are joined."""
        optional = b"?" if self.adjacent else b""
        return re.compile(rb"%s(?:%s)%s%s\Z" % (self._blanks, self.join, optional, self._blanks))

    @cached_property
    def around_placeholder(self) -> re.Pattern[bytes]:
        """An expression between two literals that it is joined to."""
        return re.compile(
            rb"%s(?:%s)([^;{}=]+)(?:%s)%s\Z" % (self._blanks, self.join, self.join, self._blanks)
        )

    @cached_property
    def element(self) -> re.Pattern[bytes]:
        """All that may stand between two elements of a list."""
        blanks = self._blanks
        return re.compile(
            rb"(?:\.\w{1,40}\(\))?\)?%s,%s(?:[\w.:&]{1,60}\()?%s\Z" % (blanks, blanks, blanks)
        )

    @cached_property
    def begins_joined(self) -> re.Pattern[bytes]:
        """Code that joins something to the literal before it."""
        return re.compile(rb"%s(?:%s)(?!=)(?!\s*%s)" % (self._blanks, self.join, LINE_BREAK))

    @cached_property
    def ends_joined(self) -> re.Pattern[bytes]:
        """Code that joins something to the literal behind it."""
        stream = rb"<<[^;{}<]*+<<"  # the first one writes to a stream, the next ones join
        return re.compile(rb"(?:%s)%s\Z" % (self.join.replace(rb"<<", stream), self._blanks))

    # -- statements

    @cached_property
    def marks(self) -> re.Pattern[bytes]:
        """What may end a statement, or begin a block."""
        marks = rb"[;\n]" if self.indented else rb"[;{}\n:]"
        return re.compile(marks + (_DIRECTIVE if self.directives else b""), re.MULTILINE)

    @cached_property
    def plain_code(self) -> re.Pattern[bytes]:
        """Code in which nothing is known to choose, and nothing is not known at all."""
        word = _WORD + rb"(?:<[\w\s,?&'\[\]]{0,60}>)?"
        return re.compile(
            repeated(
                rb'""' + _NOT_CALLED + rb"|" + word + rb"|\d[\w.]*+|[\s\\]++|[,(\[{:@$]"
                rb"|[)\]}](?!\s*\.\s*(?!" + METHODS + rb")\w)|\.(?=\s*\w)|" + self.members
                + rb"(?=\w)|=(?![=~>])|[+.:]=|<<|&(?!&)|!(?=[(\[])|(?<=\))\?|(?:" + self.join
                + rb")" + self.plain
            )
        )  # fmt: skip

    @cached_property
    def assignment(self) -> re.Pattern[bytes]:
        """A statement that sets a variable to text, or appends text to it."""
        return re.compile(
            rb"\s*(?P<before>(?:" + _WORD + rb"[*&]*\s+[*&]*){0,5}(?P<place>" + self._place
            + rb")(?:\[\])?(?:\s*:\s*[\w.:<>\[\], &']{1,80}?)?\s*"
            rb"(?P<operator>:=|=|[+.]=|<<)\s*(?:(?P<itself>(?P=place))\s*(?:" + self.join
            + rb")\s*|(?P<list>append)\(\s*(?P=place)\s*,\s*|(?P<made>" + _MADE + rb")|\()?)"
            rb"(?:" + self._arguments + rb")(?P<behind>\s*\)?(?:\s*\.\s*" + METHODS
            + rb"\(\))?)\s*"
        )  # fmt: skip

    @cached_property
    def call(self) -> re.Pattern[bytes]:
        """A statement that hands text to a function."""
        return re.compile(
            rb"\s*(?P<before>(?:(?:try|await)\s+)?(?P<place>" + self._place + rb")!?\s*\(\s*"
            + repeated(self._place + rb"\s*,\s*") + rb")" + self._arguments + rb"(?P<behind>\s*\)"
            + repeated(rb"\s*\.\s*" + METHODS + rb"\(\s*(?:" + self._arguments + rb")?\s*\)")
            + rb"\??)\s*"
        )  # fmt: skip

    @property
    def _place(self) -> bytes:
        return (
            rb"[$@&]?" + _WORD
            + repeated(rb"(?:" + self.members + rb")" + _WORD + rb"|\[(?:\w+|\"\")?\]")
        )  # fmt: skip

    @property
    def _arguments(self) -> bytes:
        operand = (
            rb'(?:""(?:\s*\.\s*' + METHODS + rb"\(\))?|" + self._place
            + rb"|\d++|'[^']{1,12}'|\.?\{\})"
        )  # fmt: skip
        glue = rb"\s*(?:" + self.join + rb")" + (b"?" if self.adjacent else b"") + rb"\s*"
        argument = rb"(?:" + _WORD + rb"\s*=\s*)?" + operand + repeated(glue + operand)
        return argument + repeated(rb"\s*,\s*" + argument)

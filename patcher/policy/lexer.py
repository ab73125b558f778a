"""Policy text cut into tokens, tolerant of the template actions of every kind that stand in it.

Linear in the length of the text, whatever it holds: a search for a closing mark that failed is
remembered, and every other look ahead has a bound. How many tokens there may be has one too.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from enum import Enum, auto
from typing import NamedTuple

from patcher.policy.actions import control, is_directive, is_marker, pulls_up
from patcher.policy.bounds import Budget, TooMuch
from patcher.policy.patterns import regex, repeated


class Kind(Enum):
    """What a token is."""

    WORD = auto()
    """A word of a rule or header; globs, variables, quotes and parentheses are part of it."""
    COMMA = auto()
    OPEN = auto()
    """A brace that opens a scope."""
    CLOSE = auto()
    NEWLINE = auto()
    CONTROL = auto()
    """A template action that puts nothing in its place but chooses: ``{{if}}``, ``{% endif %}``."""
    RULE = auto()
    """A simple rule with its comma, which its text lacks, or an include."""


class Token(NamedTuple):
    """A token and where it stands in the text."""

    kind: Kind
    start: int
    end: int
    text: bytes
    hole: bool = False
    """The word holds a template action: what it will be is not known."""
    doubled: bool = False
    """A brace written twice, as the format strings of Python and Rust have it."""


_BLANK = regex(repeated(rb"[ \t\r\f\v]++|\\t", b"+"))
_PRIORITY = regex(rb"priority\s{0,100}=\s{0,100}(?!\s)")
"""As ``parser_lex.l`` has it, with blanks around its sign."""
_GLOB = rb"\{(?=[^\s{},]*+,)" + repeated(rb"[^\s{}]|\{[^\s{}]*+\}") + rb"\}"
_NAME = regex(
    rb"[ \t]++("
    + repeated(rb"[^\s\"!,{}$%@<\\#]|,(?=[^\s\"!,])|\\[ \t\"!,{}\\]|" + _GLOB, b"+")
    + rb")(?=[ \t]*+\r?\n|[ \t][^\n]{0,400}\{)"
)
"""A name as ``parser_lex.l`` has it (ID), behind its keyword: commas and globs are part of it."""
_FILE = regex(rb"[ \t]*+(<[^<>\n$%{]*+>|\"[^\"\n$%{]*+\")(?=[a-z])")
"""A file's name, behind which the next rule begins without a blank."""
_BEHIND = {
    **dict.fromkeys((b"profile", b"hat"), _NAME),
    **dict.fromkeys((b"include", b"#include", b"exists"), _FILE),
}
"""What is one word behind these."""
_PLAIN = regex(rb"[^\s{},\"#()$%@<\\\[]+")
_VARIABLE = regex(rb"@\{[^\s{}]{1,200}\}")
_SIMPLE = regex(
    rb"[ \t\r]*+(?:(\n)|(,)|((?!priority|profile|hat|include|exists)"
    + repeated(_PLAIN.pattern + rb"+|" + _VARIABLE.pattern, b"+")
    + rb"(?=[ \t\n]|,[ \t\r\n])))"
)
"""Most tokens: a line break, a comma, a word that holds no mark and changes nothing behind it."""
_SIMPLE_KINDS = (Kind.NEWLINE, Kind.COMMA, Kind.WORD)
_GAP = repeated(
    rb"[ \t\r]*+(?:\#(?![ \t#%]*+(?i:if|el|for|while|unless|ifn?def|macro|set|begin|start|end|fi"
    rb"|stop|define|def|repeat|list|include))(?:[ \t]++[^\n{}<>#]|[\w.\"'(-]|(?=\n))[^\n{}<>#]*+"
    rb"(?=\n)(?!\s*+(?:\{[{%]|[$%]\{)))?\n"
)
"""Line breaks, with comments that no template engine or preprocessor takes for its own."""
_GROUPED = (
    rb"\[[\w^!/.*?~+:-]{1,100}\]|\(" + repeated(rb"[\w \t,=/.*?:-]++|\"?@\{\w++\}\"?") + rb"\)"
)
_QUOTED_PATH = rb"\"" + repeated(rb"[\w \t/.*?:,=~+-]++|@\{\w++\}") + rb"\""
_PATTERN = (
    rb"\{(?![{%#*!])(?=[^\s,{}]*+[,{])"
    + repeated(rb"[\w/.*?~+:^,-]++|@\{\w++\}|\{[\w/.*?~+:^,-]*+\}")
    + rb"\}"
)
_WHOLE_WORD = rb"(?!priority|profile|hat|include|exists|[{_#]|@[@/])" + repeated(
    rb"[^\s{},\"()$%@<\\\[]++|@(?=[@/])|"
    + b"|".join((_VARIABLE.pattern, _GROUPED, _QUOTED_PATH, _PATTERN)),
    b"+",
)
_NEXT_WORD = repeated(rb"(?:[ \t]|\n[ \t]++(?=\w++=))[ \t]*+" + _WHOLE_WORD, b"{0,12}")
_RULE = regex(
    _GAP + rb"[ \t]*+(?:(?!@\{\w++\}[ \t]*+\+?=)(" + _WHOLE_WORD + _NEXT_WORD + rb"),(?=[ \t\r\n])"
    rb"|(\#?include[ \t]++(?:if[ \t]++exists[ \t]++)?<\w[\w/.+-]*+>)(?=[ \t]*+\n))?"
)
"""What stands before a rule, and most rules: those in which no template action may stand."""
_DOLLAR = regex(
    rb"\$\{" + repeated(rb"[^{}\n]|\{[^{}\n]{0,200}\}", b"{0,200}") + rb"\}|\$\w{1,200}"
)
_AT_NAME = regex(rb"@[A-Za-z_]\w{0,100}@")
_PERCENT = regex(rb"%(?:\(\w{1,100}\))?[-#0+]*\d{0,4}[sdvqr]\b|%\w{1,100}%")
_PLACEHOLDER = regex(rb"\{[A-Za-z_0-9.!:\[\]()'-]{0,100}\}")
_GROUP = regex(
    rb"(?:(?<=flags=)|(?<=flags =)|(?<=flags= )|(?<=flags = ))\("
    + repeated(rb"[^()]{1,2000}+|\([^()]{0,200}\)", b"{1,20}")
    + rb"\)|\([^()]{0,2000}\)"
)
"""A list in parentheses; among flags others may stand: ``%(flags)s``, ``$(flags)``."""
_QUOTED = regex(b'"' + repeated(rb'[^"\n\\]++|\\[^\n]') + b'"')
_NO_COMMENT = regex(
    rb"#include[\s<\"]|#\{(?!(?:if|else|elseif|foreach|macro|define|end)\})[\w.@\[\]:()]{1,100}\}"
)
"""An include as AppArmor 2 writes it; an interpolation as Ruby writes it."""
_CHARACTERS = regex(rb"\[[^\]\s]{1,100}\]")
"""A set of characters in a path, which may hold a brace."""
_ANGLE = regex(rb"<(?!=)[^<>,\n]{0,300}>")
_DOUBLED_OPEN = regex(rb"\{\{(?=[ \t\r]{0,200}(?:\n|\Z|#))")
_BLANK_ACTION = regex(rb"""\{\{-?\s*(["'`])[ \t]*\1\s*-?\}\}\Z""")
_GO_COMMENT = regex(rb"\{\{-?\s{0,20}/\*")
_HOLE_MARK = regex(rb"\{\{|\{%|<[%?]|\$[\w{(]|(?<!@)\{\w*\}|%[sdvqr]\b|@\w+@")
_BRACE_OR_BLANK = regex(_CHARACTERS.pattern + rb"|[{}\s]")
_ACTION = regex(rb"\{\{|\{%|<[%?]")
_COMMENT = regex(rb"\{\{[-~]?\s?(/\*|!--|!)|<%doc>|<%--|<%#|<#--|\{#|\{\*|#\*(?!\*)")
_COMMENT_ENDS = {
    b"{#": b"#}", b"/*": b"*/", b"!--": b"--", b"!": b"}}", b"<%doc>": b"</%doc>",
    b"<%--": b"--%>", b"<%#": b"%>", b"<#--": b"-->", b"{*": b"*}", b"#*": b"*#",
}  # fmt: skip
"""How comments of template engines begin and end: Jinja and Twig, Go, Handlebars, Mako, JSP, ERB,
FreeMarker, Smarty, Velocity."""
_COMMENT_TAIL = regex(rb"\s?[-~]?\}\}")
_CLOSING = {b"{{": b"}}", b"{%": b"%}", b"{#": b"#}", b"<%": b"%>", b"<?": b"?>"}
_MAX_ACTION, _MAX_ACTION_LINES = 600, 8
_DIRECTIVE_REACH = 4000
_INDENTED = 80
"""Blanks before a preprocessor's directive."""
_MAX_BRACES = 100_000
"""Braces without a blank between them."""


class Lexer:
    """Cuts one policy text into tokens."""

    def __init__(self, text: bytes, budget: Budget | None = None) -> None:
        """``budget``: of the file that the text is from; None: one for this text."""
        self.text = text
        self._budget = budget or Budget()
        self._next: dict[bytes, tuple[int, int]] = {}
        self._pairs: dict[int, int] = {}
        self._paired_until = 0
        self.between_rules = False
        """Whether a rule may begin behind the last token. Who reads the tokens may say so after
        each of them, and then gets a simple rule as one token."""
        self._comment_end = (len(text), len(text))
        """From where to where the mark stands that ends the template's comment which was begun."""

    def _find(self, mark: bytes, start: int, end: int) -> int:
        """``text.find``, remembering the last answer: looks at no stretch of the text twice."""
        since, found = self._next.get(mark, (1, 0))
        if not since <= start <= found:
            found = self.text.find(mark, start)
            found = len(self.text) if found < 0 else found
            self._next[mark] = (start, found)
        return found if found + len(mark) <= end else -1

    def _line_end(self, position: int) -> int:
        end = self._find(b"\n", position, len(self.text))
        return len(self.text) if end < 0 else end

    def _action(self, position: int) -> int:
        """The end of the template action that begins here; 0 when none does."""
        text = self.text
        opening = text[position : position + 2]
        closing = _CLOSING.get(opening)
        if closing is None:
            return 0
        comment = _GO_COMMENT.match(text, position)
        if comment is not None:
            end = self._find(b"*/", comment.end(), len(text))
            end = text.find(b"}}", end, end + 40) if end >= 0 else -1
            if end >= 0:
                return end + 2
        end = self._find(closing, position + 2, self._line_end(position))
        if end < 0 and opening != b"{#":
            end = self._broken_action(position, opening, closing)
        elif end < 0 and self._follows_rules(position):
            end = self._find(closing, position + 2, len(text))
        if end < 0:
            return 0
        end += 2
        if text[position : position + 3] == b"{{{" and text[end : end + 1] == b"}":
            end += 1
        return end

    def _broken_action(self, position: int, opening: bytes, closing: bytes) -> int:
        """Where an action that is broken over a few lines closes, or -1.

        Bounded, and never over a line that ends like a rule: a stray opening mark (a doubled
        brace) must not swallow the profile below it.
        """
        text = self.text
        if _DOUBLED_OPEN.match(text, position):
            return -1
        end = text.find(closing, position + 2, position + _MAX_ACTION)
        if end < 0:
            return -1
        inside = text[position + 2 : end]
        if (
            opening in inside
            or inside.count(b"\n") > _MAX_ACTION_LINES
            or b",\n" in inside
            or b",\r\n" in inside
        ):
            return -1
        return end

    def _follows_rules(self, position: int) -> bool:
        """Whether no header stands before a brace, which then is a template's."""
        before = self.text[max(position - _MAX_ACTION, 0) : position].rstrip()
        return not before or before[-1:] in b",{}>"

    def _begins_comment(self, position: int, end: int) -> int:
        """Where a template's comment begins before ``end`` that goes on below this line; -1 if none
        does. For AppArmor's parser it is none, so what stands in it may be there or not."""
        for mark in _COMMENT.finditer(self.text, position, end):
            closing = _COMMENT_ENDS[mark[1] or mark[0]]
            stop = self._find(closing, mark.end(), len(self.text))
            if stop > self._line_end(position):
                after = _COMMENT_TAIL.match(self.text, stop + len(closing))
                self._comment_end = stop, after.end() if mark[1] and after else stop + len(closing)
                return mark.start()
        return -1

    def tokens(self) -> Iterator[Token]:
        """The tokens in order; blanks and comments are left out. Raises TooMuch."""
        text, size, position = self.text, len(self.text), 0
        budget = self._budget
        while position < size:
            if self.between_rules and self._comment_end[0] == size:
                rule = _RULE.match(text, position)
                assert rule is not None
                position = rule.end()
                if rule.lastindex:
                    budget.token()
                    start = rule.start(rule.lastindex)
                    yield Token(Kind.RULE, start, position, rule[rule.lastindex])
                    continue
                if position == size:
                    break
            simple = self._simple(position)
            if simple is None and (blank := _BLANK.match(text, position)):
                position = blank.end()
                continue
            budget.token()
            if simple is None:
                position = yield from self._other(position)
                continue
            kind = simple.lastindex or 0
            start, position = simple.span(kind)
            yield Token(_SIMPLE_KINDS[kind - 1], start, position, simple[kind])

    def _other(self, position: int) -> Generator[Token, None, int]:
        """The token that begins here and is no simple one, if one does, and where what is here
        ends."""
        text, size = self.text, len(self.text)
        byte = text[position : position + 1]
        if position >= self._comment_end[0]:
            yield Token(Kind.CONTROL, position, position, b"#")
            position = max(position, self._comment_end[1])
            self._comment_end = (size, size)
            return position
        if byte == b"\n" or text[position : position + 2] == b"\\n":
            end = position + (1 if byte == b"\n" else 2)
            yield Token(Kind.NEWLINE, position, end, byte)
            return end
        if byte == b",":
            yield Token(Kind.COMMA, position, position + 1, byte)
            return position + 1
        if byte == b"#" and not _NO_COMMENT.match(text, position):
            return (yield from self._comment(position))
        if byte == b"}":
            doubled = text[position : position + 2] == b"}}"
            yield Token(Kind.CLOSE, position, position + 1, byte, doubled=doubled)
            return position + 1
        if byte in b"{<" and (mark := self._mark(position))[1] > position:
            if mark[0] is not None:
                yield mark[0]
            return mark[1]
        token = self._marker_or_word(position)
        yield token
        position = token.end
        behind = _BEHIND.get(token.text)
        if behind is not None and (name := behind.match(text, position)):
            yield Token(Kind.WORD, name.start(1), name.end(), name[1])
            position = name.end()
        return position

    def _marker_or_word(self, position: int) -> Token:
        """The word that begins here, as an action where it marks the beginning or the end of what
        may be left out."""
        word = self._word(position)
        marks = word.text[:1] in b"@%$_<" and is_marker(
            word.text, self.text, word.end, _DIRECTIVE_REACH
        )
        return word._replace(kind=Kind.CONTROL) if marks else word

    def _simple(self, position: int) -> re.Match[bytes] | None:
        """The simple token that begins here or behind blanks, or None."""
        simple = _SIMPLE.match(self.text, position)
        return None if simple is None or simple.end() > self._comment_end[0] else simple

    def _mark(self, position: int) -> tuple[Token | None, int]:
        """The token of the template action or the brace that begins here, and where it ends: here,
        where a word begins."""
        text = self.text
        if end := self._action(position):
            if text.startswith(b"{#", position) or _BLANK_ACTION.match(text, position, end):
                return None, end
            token = self._template_action(position, end)
            return token, token.end
        comment = _COMMENT.match(text, position)
        if comment is not None and self._begins_comment(position, comment.end()) >= 0:
            return Token(Kind.CONTROL, position, position + 2, b"#"), position + 2
        if text[position : position + 1] == b"<" or self._starts_word(position):
            return None, position
        doubled = _DOUBLED_OPEN.match(text, position) is not None
        end = position + (2 if doubled else 1)
        return Token(Kind.OPEN, position, end, b"{", doubled=doubled), end

    def _comment(self, position: int) -> Generator[Token, None, int]:
        """The template's actions in the comment that begins here, and where it ends: the template
        knows nothing of comments. It counts as one that is not known where it may swallow what
        stands below it."""
        text = self.text
        end = self._line_end(position)
        near = max(0, position - _INDENTED)
        begin = max(near, text.rfind(b"\n", near, position) + 1)
        comment = text[begin : min(end, begin + _MAX_ACTION)]
        directive = is_directive(comment, text[end : end + _DIRECTIVE_REACH])
        if directive or pulls_up(text, position, end) or self._begins_comment(position, end) >= 0:
            yield Token(Kind.CONTROL, position, end, text[position:end])
        at = position + 1
        while mark := _ACTION.search(text, at, end):
            at = self._action(mark.start()) or mark.end()
            piece = text[mark.start() : at]
            if control(piece) is not None:
                yield Token(Kind.CONTROL, mark.start(), at, piece)
            end = max(end, self._line_end(at)) if at > end else end
        return end

    def _template_action(self, position: int, end: int) -> Token:
        """The token of a template action, which may be the beginning of a word."""
        piece = self.text[position:end]
        if control(piece) is None:
            return self._word(position)
        return Token(Kind.CONTROL, position, end, piece)

    def _starts_word(self, position: int) -> bool:
        """Whether the brace here begins a placeholder or a path, not a scope."""
        if _PLACEHOLDER.match(self.text, position):
            return self.text[position + 1 : position + 2] != b"}"
        end = self._glob(position)
        return bool(end) and self.text[end : end + 1] in (b"/", b"@", b"*")

    def _glob(self, position: int) -> int:
        """The end of the alternation ``{a,b}`` that begins here, or 0: it holds no blank."""
        if position >= self._paired_until:
            opened: list[int] = []
            self._pairs.clear()
            until = len(self.text)
            for match in _BRACE_OR_BLANK.finditer(self.text, position):
                mark = match[0]
                if mark.startswith(b"["):
                    continue
                if mark == b"{":
                    opened.append(match.start())
                    if len(opened) + len(self._pairs) > _MAX_BRACES:
                        raise TooMuch(f"more than {_MAX_BRACES} braces in one word")
                elif mark != b"}":
                    until = match.start()
                    break
                elif opened:
                    self._pairs[opened.pop()] = match.end()
            self._paired_until = until
        return self._pairs.get(position, 0)

    def _word(self, start: int) -> Token:
        """The word that begins at ``start``: at least one byte long."""
        text, size, position, hole = self.text, len(self.text), start, False
        if text.startswith(b"#include", start):
            return Token(Kind.WORD, start, start + 8, b"#include")  # no blank need follow
        priority = _PRIORITY.match(text, start) if text.startswith(b"priority", start) else None
        if priority is not None:
            position = priority.end()
        while position < size:
            plain = _PLAIN.match(text, position)
            if plain is not None:
                position = plain.end()
                continue
            self._budget.token()
            piece = self._piece(position, start)
            if piece is None:
                break
            position, is_hole = piece
            hole = hole or is_hole
        position = min(max(position, start + 1), size)
        word = text[start:position]
        if priority is not None:
            word = b"priority=" + text[priority.end() : position]
        return Token(Kind.WORD, start, position, word, hole)

    def _piece(self, position: int, start: int) -> tuple[int, bool] | None:
        """Where the part of a word ends that begins here, and whether it is a template action; None
        where the word, which began at ``start``, is at its end."""
        text, byte = self.text, self.text[position : position + 1]
        if byte.isspace() or byte == b"}":
            return None
        if byte in b"{<" and (end := self._action(position)):
            return None if control(text[position:end]) is not None else (end, True)
        if byte == b"{":
            return self._brace(position, start)
        if byte == b"[" and text[start : start + 1] in (b"/", b"@", b"{", b'"'):
            characters = _CHARACTERS.match(text, position)
            if characters is not None:
                return characters.end(), _HOLE_MARK.search(characters[0]) is not None
        if byte == b",":
            following = text[position + 1 : position + 2]
            inside = text[start : start + 1] in (b"/", b"@", b'"', b"^") and not (
                following in b"}{#\"'\\,"  # also true at the end of the text
                or following.isspace()
            )
            return (position + 1, False) if inside else None
        if byte == b"\\":
            if position > start and text[position : position + 2] in (b"\\n", b"\\t"):
                return None
            return position + (1 if text[position + 1 : position + 2].isspace() else 2), False
        return self._marked(position, byte)

    def _brace(self, position: int, start: int) -> tuple[int, bool] | None:
        """As `_piece`, for a brace that begins no template action of two marks."""
        text = self.text
        if text[position : position + 2] == b"{}":
            return (position + 2, False) if position == start else None
        if _DOUBLED_OPEN.match(text, position):
            return None
        placeholder = _PLACEHOLDER.match(text, position)
        if placeholder is not None:
            return placeholder.end(), True
        end = self._glob(position)
        return (end, False) if end else None

    def _marked(self, position: int, byte: bytes) -> tuple[int, bool]:
        """As `_piece`, for what a mark of one byte begins, or nothing."""
        for pattern, is_hole in _MARKED.get(byte, ()):
            piece = pattern.match(self.text, position)
            if piece is not None:
                if is_hole is None:
                    return piece.end(), _HOLE_MARK.search(piece[0]) is not None
                return piece.end(), is_hole
        return position + 1, False


_MARKED: dict[bytes, tuple[tuple[re.Pattern[bytes], bool | None], ...]] = {
    b"(": ((_GROUP, None),),
    b'"': ((_QUOTED, None),),
    b"@": ((_VARIABLE, False), (_AT_NAME, True)),
    b"$": ((_DOLLAR, True),),
    b"%": ((_PERCENT, True),),
    b"<": ((_ANGLE, False),),
}
"""What may follow a mark, and whether it is a template action; None: where it holds one."""

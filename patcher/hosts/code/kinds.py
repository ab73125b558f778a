"""Kinds of string literals and comments that the tables of languages are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, partial

from patcher.hosts.code.language import Token
from patcher.hosts.embedding import PLACEHOLDER
from patcher.hosts.strings import C, Escapes, Kind, backslashed
from patcher.policy.bounds import MAX_NESTING, check_number, time_left
from patcher.policy.patterns import regex, repeated


def _decode(token: bytes) -> bytes:
    if token.startswith((b"\\n\\", b"\\r\\n\\")):
        return b"\n"  # the escape, and a continuation line behind it
    return C.decode(token)


CODE = Escapes(
    regex(rb"(?:\\r)?\\n\\\r?\n|" + C.token.pattern),
    _decode,
    b"\\n",
)
"""The escapes of C and its kin, in strings that may go on behind a backslash on the next line."""


def _decode_eating(token: bytes) -> bytes:
    if token[:1] == b"\\" and token[1:2] in b"\r\n":
        return b""
    return b"\n" if b"\n" in token else _decode(token)


EATING = Escapes(
    regex(rb"(?:\\r)?\\n\\\r?\n[ \t\r\n]*+|\\\r?\n[ \t\r\n]*+|" + C.token.pattern),
    _decode_eating,
    b"\\n",
)
"""As ``CODE``; a continuation line begins at its first word (Rust reference, string continuation
escapes)."""


def _decode_gapped(token: bytes) -> bytes:
    if token[-1:] == b"\\" and token != b"\\\\":
        return b"" if token[1:2].isspace() else b"\n"
    return b"" if token == b"\\&" else CODE.decode(token)


GAPS = Escapes(
    regex(rb"(?:\\r)?\\n\\\s++\\|\\\s++\\|" + CODE.token.pattern),
    _decode_gapped,
    b"\\n",
)
"""As ``CODE``, with gaps: a backslash, white space and a backslash stand for nothing."""

RAW = Escapes(regex(rb"\r?\n|\r"), lambda token: b"\n", b"\n")
"""Nothing is escaped, and line breaks stand as they are."""

RAW_LINE = Escapes(RAW.token, RAW.decode, b" ")
"""Nothing is escaped, and there can be no line break."""


# Kinds


def quoted(quote: bytes = b'"', escapes: Escapes = CODE, *, one_line: bool = False) -> Kind:
    """Return the kind with backslash escapes between these quotes."""
    return Kind(escapes, backslashed(quote), one_line=one_line)


def raw(quote: bytes = b'"', escapes: Escapes = RAW, *, one_line: bool = False) -> Kind:
    """Return the kind without escapes. It cannot hold its quotes, but only comments have any."""

    def escape(text: bytes) -> bytes:
        return text.replace(quote, b'"' if quote == b"'" else b"'")

    return Kind(escapes, escape, one_line=one_line, raw=True)


@cache
def formatted(kind: Kind) -> Kind:
    """Return the kind for format strings, with doubled braces; ``{...}`` is a placeholder."""

    def decode(token: bytes) -> bytes:
        if token[:1] in b"{}":
            return token if token in (b"{{", b"}}") or token[1:-1].isalnum() else PLACEHOLDER
        return kind.escapes.decode(token)

    def escape(text: bytes) -> bytes:
        return kind.escape(text).replace(b"{", b"{{").replace(b"}", b"}}")

    token = regex(rb"\{\{|\}\}|\{[^{}\r\n]{0,200}\}|" + kind.escapes.token.pattern)
    escapes = Escapes(token, decode, kind.escapes.newline)
    return Kind(escapes, escape, one_line=kind.one_line, raw=kind.raw)


QUOTED = quoted(one_line=True)
"""``"a\\n"``"""
APOSTROPHED = quoted(b"'", one_line=True)
"""``'a\\n'``"""
TEXT = quoted()
TEXT_SINGLE = quoted(b"'")
RAW_QUOTED = raw()
RAW_SINGLE = raw(b"'")
BRACKETED = Kind(RAW, lambda text: text, raw=True)
VERBATIM = Kind(
    Escapes(regex(rb"\r?\n|\r|\"\""), lambda t: b'"' if t == b'""' else b"\n", b"\n"),
    lambda text: text.replace(b'"', b'""'),
    raw=True,
)
"""A raw literal in which a doubled quote stands for one."""


# Comments


_COMMENT_MARK = regex(rb"/\*|\*/")


def nested_comment(content: bytes, start: int) -> int:
    """Return where a block comment ends in a language in which they nest."""
    depth = 1
    for mark in _COMMENT_MARK.finditer(content, start):
        depth += 1 if mark[0] == b"/*" else -1
        if not depth:
            return mark.start()
    return -1


LINE_COMMENT = Token(rb"//[^\r\n]*+", comment=True)
BLOCK_COMMENT = Token(rb"/\*", comment=True, closing=b"*/")
NESTED_COMMENT = Token(rb"/\*", comment=True, closing=b"*/", reader=nested_comment)
HASH_COMMENT = Token(rb"#[^\r\n]*+", comment=True)
DASH_COMMENT = Token(rb"--[^\r\n]*+", comment=True)

COMMENTS = (LINE_COMMENT, BLOCK_COMMENT)
NESTING_COMMENTS = (LINE_COMMENT, NESTED_COMMENT)


# Literals


def tripled(quote: bytes, kind: Kind) -> Token:
    """A literal with escapes between three quotes."""
    inside = rb"[^%b\\]++|\\[\s\S]|%b(?!%b)" % (quote, quote, quote * 2)
    return Token(quote * 3, kind, closing=quote * 3, inside=regex(repeated(inside)))


DOUBLE = Token(b'"' + repeated(rb'[^"\\\r\n]++|\\\r?\n|\\.') + b'"', QUOTED)
SINGLE = Token(b"'" + repeated(rb"[^'\\\r\n]++|\\\r?\n|\\.") + b"'", APOSTROPHED)
CHARACTER = Token(rb"'(?:[^'\\\r\n]|\\[^\r\n][^'\r\n]{0,9})'")
UNCLOSED = Token(b'"' + repeated(rb'[^"\\\r\n]++|\\.'))
"""A quote that nothing closes hides the rest of its line; stands behind the closed ones."""
UNCLOSED_SINGLE = Token(b"'" + repeated(rb"[^'\\\r\n]++|\\."))
GAPPED = Token(
    b'"' + repeated(rb'[^"\\\r\n]++|\\[^\s]|\\\s++\\') + b'"', quoted(escapes=GAPS, one_line=True)
)

QUOTES = (DOUBLE, UNCLOSED, CHARACTER)
"""Of languages in which apostrophes hold one character."""
BOTH_QUOTES = (DOUBLE, SINGLE, UNCLOSED, UNCLOSED_SINGLE)
TEXT_BLOCK = tripled(b'"', TEXT)
TEXT_BLOCKS = (TEXT_BLOCK, tripled(b"'", TEXT_SINGLE))
RAW_TEXT_BLOCK = Token(rb'"""', RAW_QUOTED, closing=b'"""')


def hashed(opening: bytes) -> bytes:
    """Return the end of a raw literal of Rust or Swift: its opening quotes and as many hashes."""
    return opening.strip(b"bcr#") + b"#" * opening.count(b"#")


def bracketed(opening: bytes) -> bytes:
    """Return the end of a long bracket of Lua."""
    return b"]" + b"=" * opening.count(b"=") + b"]"


# Literals that hold expressions


def interpolated_end(
    texts: Mapping[bytes, re.Pattern[bytes]],
    code: re.Pattern[bytes],
    quote: bytes,
    content: bytes,
    start: int,
) -> int:
    """Return the offset of the quote that ends the literal whose inside begins at ``start``; -1 if
    there is none. Literals and blocks inside of ``${...}`` may nest. Raises TooMuch.

    ``texts``: for the quote of each kind of literal, matches all that is not plain text in it.
    ``code``: matches quotes and braces in an expression, and all that may hold other ones.
    """
    outer: list[tuple[bytes, int]] = []  # around this literal: each quote, and its open braces
    braces = -1  # open ones in the innermost ${...}; -1: in the text of a literal
    position = start
    while (token := (texts[quote] if braces < 0 else code).search(content, position)) is not None:
        position, text = token.end(), token[0]
        time_left()
        if braces < 0:
            if text == b"${":
                braces = 0
            elif text == quote:
                if not outer:
                    return token.start()
                quote, braces = outer.pop()
        elif text in texts:
            outer.append((quote, braces))
            check_number(len(outer), MAX_NESTING, "nested strings")
            quote, braces = text, -1
        else:
            braces += (text == b"{") - (text == b"}")  # below zero: the literal's text goes on
    return -1


template_end = partial(
    interpolated_end,
    {b"`": regex(rb"\\[\s\S]|\$\{|`")},
    regex(
        rb'//[^\r\n]*+|/\*[\s\S]*?(?:\*/|\Z)|"'
        + repeated(rb'[^"\\\r\n]++|\\[\s\S]')
        + rb"\"?|'"
        + repeated(rb"[^'\\\r\n]++|\\[\s\S]")
        + rb"'?|[{}`]"
    ),
    b"`",
)
"""Where a template literal of JavaScript ends."""


def _decode_template(token: bytes) -> bytes:
    if token.startswith(b"${"):
        return token if b"\n" not in token and len(token) < 200 else PLACEHOLDER
    return CODE.decode(token)


TEMPLATE = Kind(
    Escapes(regex(rb"\$\{[^{}]{0,2000}\}|" + CODE.token.pattern), _decode_template, CODE.newline),
    backslashed(b"`", b"${"),
)

"""Nix: policy in indented strings (``''`` ... ``''``) and in double-quoted ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from patcher.hosts.embedding import Embedding
from patcher.hosts.names import suffix
from patcher.hosts.strings import C, Escapes, matters, quote_c, string_lines, text_start
from patcher.policy.bounds import MAX_NESTING, check_number

HOST = "nix"

# Names may hold apostrophes, so they are read as wholes.
_CODE = re.compile(rb"[A-Za-z_][\w'-]*+|#[^\r\n]*+|/\*[\s\S]*?(?:\*/|\Z)|''|\"|\{|\}")
_INDENTED = re.compile(rb"''\$|'''|''\\[\s\S]|\$\$|\$\{|''")
_QUOTED = re.compile(rb"\\[\s\S]|\$\$|\$\{|\"")


def _decode(token: bytes) -> bytes:
    if token in (b"''$", b"'''"):
        return token[1:] if token == b"'''" else b"$"
    if token.startswith(b"''\\"):
        return {b"n": b"\n", b"r": b"\r", b"t": b"\t"}.get(token[3:], token[3:])
    return b"\n"


_INSIDE = Escapes(re.compile(rb"\r\n|\n|\r|''\$|'''|''\\[\s\S]"), _decode, b"\n")
"""Nix reference manual, "String literal": what an indented string escapes."""


def claims(path: PurePosixPath, content: bytes) -> bool:
    """Nix expressions by their suffix."""
    return suffix(path) == ".nix"


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """The strings that matter and stand in no other string's antiquotation; what is antiquoted
    stays in the text as it is, a hole that the policy reader passes over."""
    kind = _CODE  # what is being read: code, or the inside of a string of either kind
    outer: list[tuple[re.Pattern[bytes], int]] = []  # what encloses it, and the braces open there
    braces = 0
    strings = 0
    start = 0  # inside of the outermost string
    position = text_start(content)
    while (token := kind.search(content, position)) is not None:
        check_number(len(outer), MAX_NESTING, "nested strings")
        position = token.end()
        text = token[0]
        if kind is _CODE:
            if text in (b"''", b'"'):
                if not strings:
                    start = position
                strings += 1
                outer.append((kind, braces))
                kind, braces = (_INDENTED if text == b"''" else _QUOTED), 0
            elif text == b"{":
                braces += 1
            elif text == b"}":
                if braces:
                    braces -= 1
                elif outer:
                    kind, braces = outer.pop()
        elif text == b"${":
            outer.append((kind, braces))
            kind, braces = _CODE, 0
        elif text in (b"''", b'"'):
            strings -= 1
            if not strings and matters(content, start, token.start()):
                yield _string(content, start, token.start(), text)
            kind, braces = outer.pop()


def _string(content: bytes, start: int, end: int, quote: bytes) -> Embedding:
    escapes, escape = (C, quote_c) if quote == b'"' else (_INSIDE, _escape)
    lines = tuple(string_lines(content, start, end, escapes))
    return Embedding(HOST, lines, escape=escape, is_string=True)


def _escape(text: bytes) -> bytes:
    return text.replace(b"''", b"'''").replace(b"${", b"''${")

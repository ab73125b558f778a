"""Nix: policy in indented strings (``''`` ... ``''``) and in double-quoted ones."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from patcher.hosts.changes import changes_in
from patcher.hosts.code.kinds import BLOCK_COMMENT, HASH_COMMENT, interpolated_end
from patcher.hosts.code.language import Language, Literal, Token
from patcher.hosts.code.scan import scan
from patcher.hosts.embedding import Embedding
from patcher.hosts.names import suffix
from patcher.hosts.strings import C, Escapes, Kind, matters, quote_c, string_lines
from patcher.policy.patterns import regex

HOST = "nix"


def _decode(token: bytes) -> bytes:
    if token in (b"''$", b"'''"):
        return token[1:] if token == b"'''" else b"$"
    if token.startswith(b"''\\"):
        return {b"n": b"\n", b"r": b"\r", b"t": b"\t"}.get(token[3:], token[3:])
    return b"\n"


_INDENTED = Kind(
    Escapes(regex(rb"\r\n|\n|\r|''\$|'''|''\\[\s\S]"), _decode, b"\n"),
    lambda text: text.replace(b"''", b"'''").replace(b"${", b"''${"),
)
_NAME = rb"[A-Za-z_][\w'-]*+"
"""Names may hold apostrophes, so they are read as wholes."""
_CODE = regex(_NAME + rb"|#[^\r\n]*+|/\*[\s\S]*?(?:\*/|\Z)|''|\"|\{|\}")
_END = partial(
    interpolated_end,
    {
        b"''": regex(rb"''\$|'''|''\\[\s\S]|\$\$|\$\{|''"),
        b'"': regex(rb"\\[\s\S]|\$\$|\$\{|\""),
    },
    _CODE,
)
_NIX = Language(
    HOST,
    (
        Token(_NAME),
        HASH_COMMENT,
        BLOCK_COMMENT,
        Token(rb"''", _INDENTED, closing=b"''", reader=partial(_END, b"''")),
        Token(rb'"', Kind(C, quote_c), closing=b'"', reader=partial(_END, b'"')),
    ),
)
"""Nix reference manual, "String literal"."""


def claims(path: PurePosixPath, content: bytes) -> bool:
    """Nix expressions by their suffix."""
    return suffix(path) == ".nix"


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """The strings that matter and stand in no other string's antiquotation; what is antiquoted
    stays in the text as it is, a placeholder that the policy reader skips."""
    for literal in scan(content, _NIX):
        if isinstance(literal, Literal) and matters(content, literal.start, literal.end):
            lines = string_lines(content, literal.start, literal.end, literal.kind.escapes)
            text = content[literal.start : literal.end]
            why = partial(changes_in(content).why, literal.open, literal.stop, text, methods=False)
            escape = literal.kind.escape
            yield Embedding(HOST, tuple(lines), escape=escape, changes=(why,), is_string=True)

"""Rust: policy in raw strings, in strings over several lines, and line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from patcher.hosts.dressing import rendered
from patcher.hosts.embedding import Embedding
from patcher.hosts.lists import Lists
from patcher.hosts.literals import (
    EATING,
    LINE_COMMENT,
    RAW,
    Kind,
    Language,
    Literal,
    Token,
    backslashed,
    code_embeddings,
    formatted,
    nested_comment,
    unquotable,
)
from patcher.policy.patterns import repeated

_RAW = Kind(RAW, unquotable(b'"'), raw=True)
_QUOTED = Kind(EATING, backslashed(b'"'), one_line=True)
_FORMATTED = {kind: formatted(kind) for kind in (_RAW, _QUOTED)}
_FORMATS = re.compile(
    rb"\b(?:format|print|println|eprint|eprintln|write|writeln|format_args|panic)!\s*[(\[{]"
    rb"(?:[^()\"]{0,80},)?\s*\Z"
)


def _refine(content: bytes, literal: Literal) -> Literal:
    """Tell the format strings of macros, in which braces are doubled."""
    if _FORMATS.search(content[max(0, literal.open - 160) : literal.open]):
        return literal._replace(kind=_FORMATTED[literal.kind])
    return literal


LANGUAGE = Language(
    "rust",
    {
        "line": LINE_COMMENT,
        "block": Token(rb"/\*", comment=True, closing=b"*/", reader=nested_comment),
        "raw": Token(
            rb'\b[bc]?r#{0,255}"', _RAW, closing=lambda opening: b'"' + b"#" * opening.count(b"#")
        ),
        "double": Token(
            rb'"', _QUOTED, closing=b'"', inside=re.compile(repeated(rb'[^"\\]++|\\[\s\S]'))
        ),
        "character": Token(rb"'(?:[^'\\\r\n]|\\[^\r\n][^'\r\n]{0,9})'"),
    },
    refine=_refine,
    keeps_cr=False,
    lists=Lists(
        open=re.compile(rb"(?:&(?:mut\b)?|\w!)\s*[\[{]\Z"),
        counted=re.compile(rb"\[[^\[\]=]*;[^\[\];=]*\]\s*(?:\)\s*)?=\s*&?(?:mut\b)?\s*\[\Z"),
        byte_array=re.compile(rb"\[\s*u8\s*;[^\[\];=]*\]\s*=\s*\*?b?\Z"),
    ),
    members=rb"\.|::",
    plain=rb"|'\w+|->",
)
"""The Rust Reference, "Tokens": string literals."""


def claims(path: PurePosixPath, content: bytes) -> bool:
    """Rust by its suffix, behind template suffixes too."""
    return ".rs" in (path.suffix.lower(), rendered(path).suffix.lower())


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """Each text that string literals make, and comments that quote a profile."""
    return code_embeddings(content, LANGUAGE)

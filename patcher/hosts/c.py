"""C, C++ and Objective-C: policy in adjacent string literals, macros and raw strings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from patcher.hosts.dressing import rendered
from patcher.hosts.embedding import Embedding
from patcher.hosts.lists import Lists
from patcher.hosts.literals import (
    BLOCK_COMMENT,
    CHARACTER,
    DOUBLE,
    LINE_COMMENT,
    RAW,
    UNCLOSED,
    Kind,
    Language,
    Literal,
    Token,
    code_embeddings,
    unquotable,
)

_SUFFIXES = frozenset(
    (".c", ".h", ".cc", ".cpp", ".cxx", ".c++", ".hh", ".hpp", ".hxx", ".inl", ".ipp", ".m", ".mm",
     ".ino", ".cu")
)  # fmt: skip

_RAW = Kind(RAW, unquotable(b'"'), raw=True)
_PREFIX = re.compile(rb"(?:(?<!\w)(?:u8|[uUL])|@)\Z")


def _refine(content: bytes, literal: Literal) -> Literal:
    prefix = _PREFIX.search(content[max(0, literal.open - 3) : literal.open])
    if prefix is None or literal.kind is _RAW:
        return literal
    return literal._replace(open=literal.open - len(prefix[0]))


LANGUAGE = Language(
    "c",
    {
        "line": LINE_COMMENT,
        "block": BLOCK_COMMENT,
        "number": Token(rb"\b\d[\w.']*+"),
        "raw": Token(
            rb"\b(?:u8|[uUL])?R\"[^()\\\s\"]{0,16}\(",
            _RAW,
            closing=lambda opening: b")" + opening.partition(b'"')[2][:-1] + b'"',
        ),
        "double": DOUBLE,
        "unclosed": UNCLOSED,
        "character": CHARACTER,
    },
    join=rb"\+|<<",
    adjacent=True,
    blank=rb"[\s\\]",
    glue=b" ",
    names_join=True,
    refine=_refine,
    lists=Lists(
        open=re.compile(
            rb"\[\s*\]\s*(?:\)\s*|=\s*)?\{\Z|\b(?:vector|list|deque|set|initializer_list)[^;{}]*\{\Z"
            rb"|\bauto\b[^;{}]*=\s*\{\Z|@\[\Z"
        ),
        byte_array=re.compile(
            rb"\b(?:char|wchar_t|char\d+_t|u?int8_t|byte)\b"
            rb"[^;{}()=*]*(?:\[[^\[\]]*[^\s\[\]][^\[\]]*\]|>\s*\w+)\s*=?\s*\{?\Z"
        ),
    ),
    members=rb"\.|->|::",
    plain=rb"|\*",
    directives=True,
)
"""ISO C 6.4.5 "String literals" (adjacent ones are put together in translation phase 6), ISO C++
[lex.string]."""


def claims(path: PurePosixPath, content: bytes) -> bool:
    """C and its kin by their suffixes, behind template suffixes too."""
    return path.suffix.lower() in _SUFFIXES or rendered(path).suffix.lower() in _SUFFIXES


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """Each text that string literals make, and comments that quote a profile."""
    return code_embeddings(content, LANGUAGE)

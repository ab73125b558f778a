"""Python and Starlark: policy in triple-quoted strings, and line by line in quoted ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from patcher.hosts.dressing import rendered
from patcher.hosts.embedding import Embedding
from patcher.hosts.lists import Lists
from patcher.hosts.literals import (
    APOSTROPHED,
    CODE,
    DOUBLE,
    HASH_COMMENT,
    QUOTED,
    RAW,
    RAW_LINE,
    SINGLE,
    UNCLOSED,
    UNCLOSED_SINGLE,
    Kind,
    Language,
    Literal,
    Token,
    backslashed,
    code_embeddings,
    formatted,
    unquotable,
)
from patcher.policy.patterns import repeated

_SUFFIXES = frozenset((".py", ".pyi", ".pyw", ".pyx", ".bzl", ".star", ".bazel", ".sage", ".wsgi"))
_NAMES = frozenset(("SConstruct", "SConscript", "BUILD", "WORKSPACE", "Tiltfile", "wscript"))
_INTERPRETER = re.compile(rb"#![^\r\n]*?\bpython")

_LONG = Kind(CODE, backslashed(b'"'))
_LONG_SINGLE = Kind(CODE, backslashed(b"'"))
_PREFIX = re.compile(rb"(?<![\w])[rRbBuUfFtT]{1,2}\Z")
_DEFINITION = re.compile(rb"[ \t]*(?:(?:async[ \t]+)?def\b|class\b|\))")


def _variants() -> dict[tuple[Kind, bool, bool], Kind]:
    """Of each kind the raw one and the one for format strings: (kind, raw, format)."""
    found: dict[tuple[Kind, bool, bool], Kind] = {}
    for kind, quote in (
        (QUOTED, b'"'), (APOSTROPHED, b"'"), (_LONG, b'"'), (_LONG_SINGLE, b"'"),
    ):  # fmt: skip
        raw = Kind(
            RAW_LINE if kind.one_line else RAW, unquotable(quote), one_line=kind.one_line, raw=True
        )
        found[kind, False, False] = kind
        found[kind, True, False] = raw
        found[kind, False, True] = formatted(kind)
        found[kind, True, True] = formatted(raw)
    return found


_VARIANTS = _variants()


def _refine(content: bytes, literal: Literal) -> Literal:
    """Take the prefix of a literal into account, and a call of ``format`` behind it."""
    prefix = _PREFIX.search(content[max(0, literal.open - 3) : literal.open])
    letters = b"" if prefix is None else prefix[0].lower()
    formats = b"f" in letters or b"t" in letters or content.startswith(b".format(", literal.stop)
    kind = _VARIANTS[literal.kind, b"r" in letters, formats]
    return literal._replace(open=literal.open - len(letters), kind=kind)


def _documents(content: bytes, literal: Literal, gap: bytes) -> bool:
    """Whether this is a docstring (PEP 257)."""
    code = gap.rstrip()
    if literal.start - literal.open < 3 or b"\n" not in gap[len(code) :]:
        return literal.open == 0
    return not code or (code.endswith(b":") and bool(_DEFINITION.match(code.rpartition(b"\n")[2])))


LANGUAGE = Language(
    "python",
    {
        "comment": HASH_COMMENT,
        "long": Token(
            rb'"""',
            _LONG,
            closing=b'"""',
            inside=re.compile(repeated(rb'[^"\\]++|\\[\s\S]|"(?!"")')),
        ),
        "longsingle": Token(
            rb"'''",
            _LONG_SINGLE,
            closing=b"'''",
            inside=re.compile(repeated(rb"[^'\\]++|\\[\s\S]|'(?!'')")),
        ),
        "double": DOUBLE,
        "single": SINGLE,
        "unclosed": UNCLOSED,
        "unclosedsingle": UNCLOSED_SINGLE,
    },
    adjacent=True,
    blank=rb"[\s\\]",
    refine=_refine,
    documentation=_documents,
    indented=True,
    keeps_cr=False,
    lists=Lists(tuples=True),
)
"""The Python Language Reference, 2.4.1 "String and Bytes literals"."""


def claims(path: PurePosixPath, content: bytes) -> bool:
    """Python by its name, behind template suffixes too, or by its first line."""
    if path.suffix.lower() in _SUFFIXES or rendered(path).suffix.lower() in _SUFFIXES:
        return True
    return path.name in _NAMES or _INTERPRETER.match(content, 0, 128) is not None


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """Each text that string literals make, docstrings and comments as documentation."""
    return code_embeddings(content, LANGUAGE)

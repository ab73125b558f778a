"""TOML: policy in multi-line strings, in strings with escapes, in arrays with a rule a line."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from patcher.hosts.code.kinds import HASH_COMMENT, RAW_SINGLE, TEXT, tripled
from patcher.hosts.code.language import Language, Literal, Token
from patcher.hosts.code.scan import scan
from patcher.hosts.embedding import Embedding, region
from patcher.hosts.lines import dressed
from patcher.hosts.names import suffix
from patcher.hosts.physical import filled
from patcher.hosts.strings import C, backslashed, matters, string_lines, text_start
from patcher.policy.patterns import repeated

HOST = "toml"

_TOML = Language(
    HOST,
    (
        HASH_COMMENT,
        tripled(b'"', TEXT),
        Token(rb"'''", RAW_SINGLE, closing=b"'''"),
        Token(b'"' + repeated(rb"[^\"\\\r\n]++|\\[^\r\n]") + b'"?'),
        Token(rb"'[^'\r\n]*+'?"),
    ),
)
"""TOML 1.0.0, "String"."""


def claims(path: PurePosixPath, content: bytes) -> bool:
    """TOML by its name, behind template suffixes too."""
    return suffix(path) == ".toml"


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """The multi-line strings that matter; the rest line by line."""
    blocks = (
        (literal.open, literal.stop, [_string(content, literal)])
        for literal in scan(content, _TOML)
        if isinstance(literal, Literal) and matters(content, literal.start, literal.end)
    )
    start, end = text_start(content), len(content)
    return filled(start, end, blocks, partial(dressed, content, host=HOST))


def _string(content: bytes, literal: Literal) -> Embedding:
    start, end = literal.start, literal.end
    if literal.kind.raw:
        return Embedding(HOST, region(content, start, end), is_string=True)
    tabs = b"\\t" in content[start:end]
    lines = tuple(string_lines(content, start, end, C))
    return Embedding(HOST, lines, escape=backslashed(b'"', tabs=tabs), is_string=True)

"""Go: policy in raw strings, and line by line in interpreted ones."""

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
    Token,
    code_embeddings,
    unquotable,
)

_RAW = Kind(RAW, unquotable(b"`"), raw=True)

LANGUAGE = Language(
    "go",
    {
        "line": LINE_COMMENT,
        "block": BLOCK_COMMENT,
        "raw": Token(rb"`[^`]*+`", _RAW),
        "double": DOUBLE,
        "unclosed": UNCLOSED,
        "rune": CHARACTER,
    },
    keeps_cr=False,
    lists=Lists(
        open=re.compile(
            rb"\[\][\w.*\[\] ]+\{\Z|\[\](?:struct|interface)\s*\{[^{}]*\}\s*\{\Z"
            rb"|(?:\bvar\s+\w+\s*|:)=\s*\[\.\.\.\][\w.]+\{\Z"
        )
    ),
    newlines=True,
)
"""The Go Programming Language Specification, "String literals" and "Comments"."""


def claims(path: PurePosixPath, content: bytes) -> bool:
    """Go by its suffix, behind template suffixes too."""
    return ".go" in (path.suffix.lower(), rendered(path).suffix.lower())


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """Each text that string literals make, and comments that quote a profile."""
    return code_embeddings(content, LANGUAGE)

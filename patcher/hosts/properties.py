"""Java's properties: policy in a value with escapes, which may go on over several lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from patcher.hosts.embedding import Embedding
from patcher.hosts.names import suffix
from patcher.hosts.strings import (
    C,
    Escapes,
    backslashed,
    keep_blank,
    matters,
    string_lines,
    text_start,
)
from patcher.policy.patterns import regex, repeated

HOST = "properties"

_ESCAPED = rb"\\(?:\r\n|[\s\S])"
_PAIR = regex(
    rb"^[ \t\f]*+(?![#!\s])"
    + repeated(rb"[^\\\s=:]|" + _ESCAPED)
    + rb"(?:[ \t\f]*+[=:]|[ \t\f])[ \t\f]*+("
    + repeated(rb"[^\\\r\n]++|" + _ESCAPED)
    + rb")",
    re.MULTILINE,
)
_CONTINUED = rb"\\(?:\r\n|\n|\r)[ \t\f]*+"


def _decode(token: bytes) -> bytes:
    if token[:2] in (b"\\n", b"\\r") and not token.endswith(b"\\r"):
        return b"\n"
    if token[1:2] in b"\r\n":
        return b""
    return token[1:] if token[1:2] in b" \t:=#!" else C.decode(token)


_VALUE = Escapes(
    regex(rb"(?:\\r)?\\n(?:%s)?|%s|\\u[0-9a-fA-F]{4}|\\[^\r\n]" % (_CONTINUED, _CONTINUED)),
    _decode,
    b"\\n",
)
"""java.util.Properties, ``load``: the white space that begins a continuation line is dropped,
unless a backslash stands before it."""


def claims(path: PurePosixPath, content: bytes) -> bool:
    """Properties by their suffix, behind template suffixes too."""
    return suffix(path) == ".properties"


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """Each value that matters."""
    for pair in _PAIR.finditer(content, text_start(content)):
        if matters(content, *pair.span(1)):
            lines = string_lines(content, *pair.span(1), _VALUE)
            yield Embedding(HOST, tuple(map(keep_blank, lines)), escape=backslashed(tabs=True))

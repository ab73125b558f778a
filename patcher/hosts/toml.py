"""TOML: policy in multi-line strings, in strings with escapes, in arrays with a rule a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from patcher.hosts.embedding import Embedding, region
from patcher.hosts.lines import dressed
from patcher.hosts.names import suffix
from patcher.hosts.physical import filled
from patcher.hosts.strings import C, backslashed, matters, string_lines, text_start
from patcher.policy.patterns import repeated

HOST = "toml"

_OPENING = re.compile(
    rb"#[^\r\n]*+|\"\"\"|'''|\"" + repeated(rb"[^\"\\\r\n]++|\\[^\r\n]") + rb"|'[^'\r\n]*+"
)
_BASIC = re.compile(repeated(rb'[^"\\]++|\\[\s\S]|"(?!"")'))


def claims(path: PurePosixPath, content: bytes) -> bool:
    """TOML by its name, behind template suffixes too."""
    return suffix(path) == ".toml"


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """The multi-line strings that matter; the rest line by line."""
    start, end = text_start(content), len(content)
    return filled(start, end, _strings(content), partial(dressed, content, host=HOST))


def _strings(content: bytes) -> Iterator[tuple[int, int, list[Embedding]]]:
    """The multi-line strings that matter, up to the first one that nothing closes."""
    position = text_start(content)
    while (token := _OPENING.search(content, position)) is not None:
        position = start = token.end()
        if token[0] not in (b'"""', b"'''"):
            position += content[position : position + 1] == token[0][:1] != b"#"
            continue
        if token[0] == b"'''":
            end = content.find(b"'''", start)
        else:
            inside = _BASIC.match(content, start)
            assert inside is not None
            end = inside.end() if inside.end() < len(content) else -1
        if end < 0:
            break
        position = end + 3
        if matters(content, start, end):
            yield token.start(), position, [_string(content, start, end, token[0])]


def _string(content: bytes, start: int, end: int, quotes: bytes) -> Embedding:
    if quotes == b"'''":
        return Embedding(HOST, region(content, start, end))
    tabs = b"\\t" in content[start:end]
    lines = tuple(string_lines(content, start, end, C))
    return Embedding(HOST, lines, escape=backslashed(b'"', tabs=tabs))

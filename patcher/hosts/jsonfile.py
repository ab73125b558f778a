"""JSON: policy in one string with ``\\n`` escapes, or in an array with a string for each line.

A scanner for strings rather than the json module: it gives offsets, reads what is not quite JSON
(comments, trailing commas, one document a line, a template's actions between the values) and takes
linear time. A JSON string ends on its line (RFC 8259, section 7), so a stray quote spoils one line.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from patcher.hosts.embedding import Embedding, taken
from patcher.hosts.names import suffix
from patcher.hosts.strings import (
    C,
    list_lines,
    matters,
    quote_c,
    string_lines,
    text_start,
)
from patcher.policy.bounds import MAX_NESTING, MAX_STRINGS, check_number
from patcher.policy.patterns import regex, repeated
from patcher.policy.search import united, within

HOST = "json"

_SUFFIXES = frozenset(
    ".json .jsonc .json5 .jsonl .ndjson .geojson .ipynb .ign .har .webmanifest .tfstate .avsc "
    ".jsonld .sarif".split()
)

_STRING = regex(b'"(' + repeated(rb'[^"\\\r\n]++|\\[^\r\n]') + b')("?)')
_TOKEN = regex(b'"(?:' + repeated(rb'[^"\\\r\n]++|\\[^\r\n]') + rb')"(?:[ \t\r\n]*+(:))?|[\[\]{}]')
_COMMA = regex(rb"[ \t\r\n]*+,[ \t\r\n]*+")


def claims(path: PurePosixPath, content: bytes) -> bool:
    """Tell JSON by its name, behind template suffixes, too."""
    return suffix(path) in _SUFFIXES


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """Return each string that matters; the strings of an array are one text."""
    if path.suffix.lower() != ".ipynb":
        yield from _strings(content)
        return
    prose = united(_prose(content))
    for embedding in _strings(content):
        yield embedding._replace(documentation=within(prose, embedding.lines[0].start))


def _strings(content: bytes) -> Iterator[Embedding]:
    start = text_start(content)
    run = after = start  # offsets: the first of the strings that only commas part; behind the last
    run_matters = False
    for string in _STRING.finditer(content, start):
        if not string[2]:
            continue
        comma = _COMMA.match(content, after, string.start())
        if comma is None or comma.end() != string.start():
            if run_matters:
                yield from _hand_over(content, run, after)
            run, run_matters = string.start(), False
        run_matters = run_matters or matters(content, *string.span(1))
        after = string.end()
    if run_matters:
        yield from _hand_over(content, run, after)


def _prose(content: bytes) -> Iterator[tuple[int, int]]:
    """Find the cells of a notebook that are text, and what its code printed (nbformat 4:
    ``cell_type`` and ``outputs``)."""
    opened: list[tuple[int, bool]] = []  # where each bracket stands, and whether it holds prose
    key = b""
    for token in _TOKEN.finditer(content):
        text = token[0]
        if text in (b"{", b"["):
            check_number(len(opened), MAX_NESTING, "nested values")
            opened.append((token.start(), key == b'"outputs"'))
        elif text in (b"}", b"]"):
            if opened and opened[-1][1]:
                yield opened[-1][0], token.end()
            del opened[-1:]
        elif token[1]:
            key = text[: text.rfind(b'"') + 1]
            continue
        elif key == b'"cell_type"' and text != b'"code"' and opened:
            opened[-1] = (opened[-1][0], True)
        key = b""


def _hand_over(content: bytes, start: int, end: int) -> Iterator[Embedding]:
    """Read the strings from ``start`` to ``end``, between which there are only commas: those of an
    array, or the value of one key and the next key."""
    strings: list[tuple[int, int]] = []
    for string in _STRING.finditer(content, start, end):
        strings.append(string.span(1))
        check_number(len(strings), MAX_STRINGS, "strings in one list")
    before = content[max(start - 256, 0) : start].rstrip(b" \t\r\n")
    if before.endswith(b":") or (len(strings) == 1 and not before.endswith(b"[")):
        for span in strings:
            if matters(content, *span):
                lines = tuple(string_lines(content, *span, C))
                yield Embedding(HOST, lines, escape=quote_c, is_string=True)
        return
    margin = content[max(start - 256, 0) : start]
    alone = b"," + margin[len(margin.rstrip(b" \t\r\n")) :]
    lines = taken(list_lines(content, strings, b'"', C, alone=alone))
    yield Embedding(HOST, lines, escape=quote_c, separate=True, listed=True)

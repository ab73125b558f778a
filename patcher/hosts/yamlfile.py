"""YAML: policy in block scalars, in quoted scalars, in lists of rules; also inside Helm and Jinja.

A document that ruamel.yaml can read is read by its scanner: tokens only, so nothing is composed, no
alias is expanded and no value is built. Where a template engine's actions make it something else
than YAML, and in documents too large to scan in good time, block scalars are found by their
indentation and quoted ones by their quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from patcher.hosts.embedding import (
    Embedding,
    Line,
    again,
    physical_lines,
    prefixed,
    taken,
    verbatim,
)
from patcher.hosts.names import rendered
from patcher.hosts.strings import (
    MATTERS,
    Added,
    Escapes,
    Kind,
    character,
    keep_blank,
    list_lines,
    literal_lines,
    matters,
    quote_c,
    string_lines,
    text_start,
)
from patcher.policy.bounds import pass_on, time_left
from patcher.policy.patterns import regex, repeated

HOST = "yaml"

_Embedding = partial(Embedding, HOST, keeps_cr=False)

_SUFFIXES = frozenset(".yaml .yml .eyaml .sls .clc .cloud-config .bu".split())
_NAMES = frozenset(("user-data", "vendor-data", "cloud-config", ".clang-format"))

_SCANNED = 1 << 20
"""Bytes of documents that ruamel.yaml scans in one file: a second for a megabyte of prose."""
_TOKENS = 1 << 16
"""Tokens that it reads in one file, at about 8 microseconds each."""
_TOKENS_TO_BEGIN = 16
"""What it takes to begin with a document, in tokens."""
_DEPTH = 128
"""Nested brackets at which its scanner, for which each takes as long as all around it together, is
left alone for the rest of the file."""

# One character a byte, and none that YAML 1.1 takes for a line break (U+0085) or refuses.
_SCANNABLE = bytes(
    code if code in b"\t\n\r" or 0x20 <= code < 0x7F else ord("x") for code in range(256)
)
_LONGEST_HEADER = 1024
_DOCUMENT = regex(rb"^---(?=[ \t\r\n])|^\.\.\.(?=[ \t\r\n])", re.MULTILINE)

_HEADER = regex(rb"[|>][-+1-9]{0,2}[ \t]*+(?:(?<=[ \t])#[^\r\n]*+)?(?=[\r\n]|\Z)")
_LEAD = regex(rb"[ ]*+" + repeated(rb"[-?][ \t]++"))
_PROPERTIES = regex(repeated(rb"(?<=[ \t])[!&][^ \t]*+[ \t]++", b"+") + rb"\Z")
_BLANKS = regex(rb"[ ]*+")
_ACTION = regex(rb"^[ \t]*+(?:\{\{|\{%|\{#|<%|%\{|\{\[)", re.MULTILINE)
_ORDINARY = regex(rb"^(?![ \t]*+(?:[\r\n]|\{\{|\{%|\{#|<%|%\{|\{\[))[^\r\n]", re.MULTILINE)
_QUOTED_VALUE = regex(rb"(?:[:\-,\[{][ \t]++|^[ \t]*+)(?=[\"'])", re.MULTILINE)
_DOUBLE_INSIDE = regex(repeated(rb'[^"\\]++|\\[\s\S]'))
_SINGLE_INSIDE = regex(repeated(rb"[^']++|''"))

_BREAKS = rb"(?:\r\n|\n|\r)" + repeated(rb"[ \t]*+(?:\r\n|\n|\r)") + rb"[ \t]*+"
_FOLD = rb"(?:(?<![ \t])|(?<=\\[ \t]))[ \t]*+" + _BREAKS
_BREAK = regex(rb"\r\n|\n|\r")
_NAMED = {
    b"0": b"\0", b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f",
    b"r": b"\r", b"e": b"\x1b", b"N": "\x85".encode(), b"_": "\xa0".encode(),
    b"L": "\u2028".encode(), b"P": "\u2029".encode(), b"\t": b"\t",
}  # fmt: skip


def claims(path: PurePosixPath, content: bytes) -> bool:
    """YAML by its name, behind template suffixes too, and cloud-init's user data."""
    name = rendered(path)
    if name.suffix.lower() in _SUFFIXES or name.name.lower() in _NAMES:
        return True
    return content.startswith(b"#cloud-config")


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """The scalars, and the lists of one rule an item, that can hold policy."""
    budget, tokens = _SCANNED, _TOKENS
    for start, end in _documents(content):
        if not matters(content, start, end):
            continue
        scalars: list[_Scalar] | None = None
        if end - start <= budget and tokens > 0 and not _ACTION.search(content, start, end):
            budget -= end - start
            scalars, taken = _scan(content, start, end, tokens)
            tokens -= taken + _TOKENS_TO_BEGIN
        if scalars is None:
            scalars = _guess(content, start, end)
        yield from _hand_over(content, scalars)


def _documents(content: bytes) -> Iterator[tuple[int, int]]:
    start = text_start(content)
    for mark in _DOCUMENT.finditer(content, start):
        if mark.start() > start:
            yield start, mark.start()
        start = mark.start()
    yield start, len(content)


class _Scalar(NamedTuple):
    """A scalar as it stands in the file, indicator or quotes included."""

    start: int
    end: int
    style: str
    """``|``, ``>``, ``"``, ``'``, or empty for a plain one."""
    sequence: int = -1
    """The sequence whose item it is; -1 for none."""
    flow: bool = False
    """Whether that sequence is one in brackets."""

    @property
    def inside(self) -> tuple[int, int]:
        """Where it begins and ends without its quotes."""
        return self.start + bool(self.style), self.end - bool(self.style)


def _hand_over(content: bytes, scalars: list[_Scalar]) -> Iterator[Embedding]:
    items: list[_Scalar] = []
    for scalar in scalars:
        if items and scalar.sequence != items[0].sequence:
            yield from _list_of_rules(content, items)
            items = []
        if scalar.flow or (scalar.sequence >= 0 and _on_its_own_line(content, scalar)):
            items.append(scalar)
        elif matters(content, scalar.start, scalar.end):
            yield from _embedding(content, scalar)
    if items:
        yield from _list_of_rules(content, items)


def _embedding(content: bytes, scalar: _Scalar) -> Iterator[Embedding]:
    kind = _KINDS.get(scalar.style, _KINDS[""])
    if scalar.style in _KINDS:
        lines = string_lines(content, *scalar.inside, kind.escapes)
    elif scalar.style == ">" and _swallows(_block_lines(content, scalar)):
        begin = _next_line(content, scalar.start, scalar.end)
        lines = string_lines(content, begin, scalar.end, kind.escapes)
    else:
        lines = _block_lines(content, scalar)
    if scalar.style == '"':
        lines = map(keep_blank, lines)
    if found := tuple(lines):
        folded = scalar.style in ("", ">")
        yield _Embedding(found, escape=kind.escape, comments=not folded, is_string=True)


def _swallows(lines: Iterable[Line]) -> bool:
    """Whether a comment goes on with the next line of a folded scalar: the break between two lines
    is a blank, unless one is blank or indented (YAML 1.2, 8.1.3)."""
    return any(
        b"#" in line.text and not {line.text[:1], below.text[:1]} & {b"", b" ", b"\t"}
        for line, below in pairwise(lines)
    )


# What ruamel.yaml says


def _scan(content: bytes, start: int, end: int, most: int) -> tuple[list[_Scalar] | None, int]:
    """The scalars of one document up to the last that matters, and how many tokens were read. None
    where it is not YAML, or holds too much before that scalar."""
    from ruamel.yaml import YAML
    from ruamel.yaml import tokens as kinds

    last = start
    for mention in MATTERS.finditer(content, start, end):
        last = mention.end()
    text = content[start:end].translate(_SCANNABLE).decode("ascii")
    found: list[_Scalar] = []
    collections = _Collections()
    taken = 0
    tokens: Iterator[Any] = YAML(typ="safe", pure=True).scan(text)
    try:
        for token in tokens:
            time_left()
            taken += 1
            begin = start + token.start_mark.index
            if begin > last and not (found and 0 < found[-1].sequence == collections.ongoing):
                break
            if isinstance(token, kinds.ScalarToken):
                end_mark = start + token.end_mark.index
                found.append(collections.scalar(begin, end_mark, token.style or ""))
            else:
                collections.take(token, kinds)
            collections.item = isinstance(token, kinds.BlockEntryToken) and not collections.flows
            if len(collections.flows) > _DEPTH or taken > most:
                return None, most
    except Exception as error:  # whatever its scanner stumbles over is not YAML
        pass_on(error)
        return None, taken
    return found, taken


class _Collections:
    """The collections that are open.

    Of each, the number of the sequence in it. A mapping has one where the items stand below their
    key without indentation, which opens no collection. Collections in brackets (flow collections)
    are kept apart.
    """

    def __init__(self) -> None:
        self.sequences: list[int] = [-1]
        self.flows: list[int] = []
        self.number = 0
        self.item = False
        """Whether an item of a block sequence begins."""

    @property
    def ongoing(self) -> int:
        """The innermost sequence."""
        return self.flows[-1] if self.flows else self.sequences[-1]

    def scalar(self, begin: int, end: int, style: str) -> _Scalar:
        """A scalar that stands here."""
        flow = bool(self.flows) and self.flows[-1] > 0
        return _Scalar(begin, end, style, self.ongoing if flow or self.item else -1, flow)

    def opened(self) -> int:
        """The number of a sequence that begins."""
        self.number += 1
        return self.number

    def take(self, token: Any, kinds: Any) -> None:
        """Follow a token that opens or closes a collection."""
        if isinstance(token, kinds.BlockSequenceStartToken):
            self.sequences.append(self.opened())
        elif isinstance(token, kinds.BlockMappingStartToken):
            self.sequences.append(-1)
        elif isinstance(token, kinds.BlockEndToken):
            del self.sequences[max(len(self.sequences) - 1, 1) :]
        elif isinstance(token, kinds.BlockEntryToken):
            if self.sequences[-1] < 0 and not self.flows:
                self.sequences[-1] = self.opened()
        elif isinstance(token, kinds.KeyToken):
            if not self.flows:
                self.sequences[-1] = -1
        elif isinstance(token, kinds.FlowSequenceStartToken):
            self.flows.append(self.opened())
        elif isinstance(token, kinds.FlowMappingStartToken):
            self.flows.append(-1)
        elif isinstance(token, (kinds.FlowSequenceEndToken, kinds.FlowMappingEndToken)):
            del self.flows[-1:]


# What indentation and quotes say


def _guess(content: bytes, start: int, end: int) -> list[_Scalar]:
    """The block scalars and double-quoted scalars of text that need not be YAML."""
    found: list[_Scalar] = []
    gap = position = start
    ordinary = -1  # the first line at or behind a header that is neither blank nor an action
    while (header := _HEADER.search(content, position, end)) is not None:
        position = header.end()
        low = max(gap, header.start() - _LONGEST_HEADER)
        newline = content.rfind(b"\n", low, header.start())
        if newline < 0 and low > gap:
            continue
        line = max(newline + 1, gap)
        if not _is_header(content, line, header.start()):
            continue
        body = _next_line(content, header.end(), end)
        if ordinary < body:
            first = _ORDINARY.search(content, body, end)
            ordinary = end if first is None else first.start()
        stop = _block_end(
            content, _parent_column(content, line, header.start()), body, ordinary, end
        )
        if stop <= body:
            continue
        found += _guess_quoted(content, gap, line)
        found.append(_Scalar(header.start(), stop, header[0][:1].decode()))
        gap = position = stop
    found += _guess_quoted(content, gap, end)
    return found


def _is_header(content: bytes, line: int, indicator: int) -> bool:
    lead = _LEAD.match(content, line, indicator)
    assert lead is not None
    if content[lead.end() : lead.end() + 1] == b"#":
        return False
    head = content[lead.end() : indicator]
    if not head:
        return lead.end() > line and content[lead.end() - 2 : lead.end() - 1] in (b"-", b"?")
    stripped = _PROPERTIES.sub(b"", head).rstrip(b" \t")
    return stripped != head and stripped.endswith((b":", b"---"))


def _block_end(content: bytes, parent: int, body: int, ordinary: int, end: int) -> int:
    """Where the lines of a block scalar end that begin at ``body``; ``ordinary`` is the first of
    them that shows their indentation."""
    blanks = _BLANKS.match(content, ordinary, end)
    assert blanks is not None
    indent = blanks.end() - ordinary
    if ordinary >= end or indent <= parent:
        return body
    less = _less_indented(indent).search(content, body, end)
    return end if less is None else less.start()


@lru_cache(maxsize=64)
def _less_indented(indent: int) -> re.Pattern[bytes]:
    """A line that ends a block scalar: not blank, indented less, and no template action."""
    return re.compile(
        rb"^[ ]{0,%d}+(?![ \r\n])(?!\t*+(?:\{\{|\{%%|\{#|<%%|%%\{|\{\[))[^\r\n]" % (indent - 1),
        re.MULTILINE,
    )


def _parent_column(content: bytes, line: int, indicator: int) -> int:
    """The column of the key or dash to which a block scalar belongs."""
    lead = _LEAD.match(content, line, indicator)
    assert lead is not None
    head = content[lead.end() : indicator].lstrip(b" \t")
    if head and not head.startswith((b"!", b"&", b"---")):
        return lead.end() - line
    dash = max(content.rfind(b"-", line, lead.end()), content.rfind(b"?", line, lead.end()))
    return dash - line if dash >= 0 else -1


def _next_line(content: bytes, position: int, end: int) -> int:
    found = _BREAK.search(content, position, end)
    return end if found is None else found.end()


def _guess_quoted(content: bytes, start: int, end: int) -> Iterator[_Scalar]:
    position = start
    while (value := _QUOTED_VALUE.search(content, position, end)) is not None:
        opening = value.end()
        double = content[opening : opening + 1] == b'"'
        inside = (_DOUBLE_INSIDE if double else _SINGLE_INSIDE).match(content, opening + 1, end)
        assert inside is not None
        if inside.end() >= end:
            return  # nothing closes it, so nothing behind it is known
        position = inside.end() + 1
        newline = b"\\n" if double else b"\n"
        if content.find(newline, opening, position) >= 0:
            # One line of policy may be an item of a list, for the line host to see.
            yield _Scalar(opening, position, '"' if double else "'")


# Block scalars


def _block_lines(content: bytes, scalar: _Scalar) -> Iterator[Line]:
    header_end = _next_line(content, scalar.start, scalar.end)
    header = content[scalar.start : header_end]
    line = content.rfind(b"\n", 0, scalar.start) + 1
    indent = -1
    for digit in header[1:3]:
        if chr(digit).isdigit():
            indent = max(_parent_column(content, line, scalar.start), 0) + int(chr(digit))
    if indent < 0:
        first = _ORDINARY.search(content, header_end, scalar.end)
        blanks = _BLANKS.match(content, first.start() if first else header_end, scalar.end)
        assert blanks is not None
        indent = blanks.end() - blanks.start()

    def prefix(text: bytes) -> int:
        blanks = _BLANKS.match(text, 0, max(indent, 0))
        assert blanks is not None
        return blanks.end()

    stop = scalar.end
    # The scanner's end may stand at the first byte of the next line's indentation or in it.
    stop = max(content.rfind(b"\n", header_end, stop), content.rfind(b"\r", header_end, stop)) + 1
    if stop <= header_end or scalar.end == len(content):
        stop = scalar.end
    yield from prefixed(content, physical_lines(content, header_end, stop), prefix=prefix)


# Quoted and plain scalars


def _folded(token: bytes) -> bytes:
    """A line break between words is a blank; of several, all but the first stay (YAML 1.2, 6.5)."""
    breaks = len(_BREAK.findall(token))
    return b" " if breaks == 1 else b"\n" * (breaks - 1)


def _decode_double(token: bytes) -> bytes:
    if token[:1] != b"\\":
        return _folded(token)
    kind = token[1:2]
    if kind in b"\r\n":
        return b"\n" * (len(_BREAK.findall(token)) - 1)
    if token.endswith(b"\\n") and kind in b"rn":
        return b"\n"
    if kind in b"xuU" and len(token) > 2:
        return character(token[2:])
    return _NAMED.get(kind, kind)


_KINDS = {
    '"': Kind(
        Escapes(
            regex(
                rb"(?:\\r)?\\n|\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}"
                rb"|\\" + _BREAKS + rb"|\\[^\r\n]|" + _FOLD
            ),
            _decode_double,
            b"\\n",
        ),
        quote_c,
    ),
    "'": Kind(
        Escapes(
            regex(rb"''|" + _FOLD),
            lambda token: b"'" if token == b"''" else _folded(token),
            b"\n\n",
        ),
        lambda text: text.replace(b"'", b"''"),
    ),
    "": Kind(Escapes(regex(_FOLD), _folded, b"\n\n"), verbatim),
}


# Lists with a rule an item


def _on_its_own_line(content: bytes, scalar: _Scalar) -> bool:
    """Whether a scalar of a block sequence is all that its line holds, behind the dash."""
    if scalar.style in ("|", ">") or _BREAK.search(content, scalar.start, scalar.end):
        return False
    line = content.rfind(b"\n", 0, scalar.start) + 1
    return content[line : scalar.start].strip(b" \t") == b"-"


def _list_of_rules(content: bytes, items: list[_Scalar]) -> Iterator[Embedding]:
    if not matters(content, items[0].start, items[-1].end):
        return
    if items[0].flow:
        yield from _array(content, items)
        return
    lines = taken(line for item in items for line in _item_lines(content, item))
    plain = any(not item.style for item in items)
    double = any(item.style == '"' for item in items)
    escape = quote_c if double else verbatim
    quoted = any(item.style for item in items)
    yield _Embedding(lines, escape=escape, comments=not plain, separate=quoted, listed=quoted)


def _array(content: bytes, items: list[_Scalar]) -> Iterator[Embedding]:
    """A sequence in brackets, as JSON has them; left to the line host where its items differ."""
    style = items[0].style
    if style not in ('"', "'") or any(item.style != style for item in items):
        return
    if any(content[a.end : b.start].strip() != b"," for a, b in pairwise(items)):
        return
    kind, spans = _KINDS[style], [item.inside for item in items]
    lines = taken(list_lines(content, spans, style.encode(), kind.escapes))
    yield _Embedding(lines, escape=kind.escape, separate=True, listed=True)


def _item_lines(content: bytes, item: _Scalar) -> Iterator[Line]:
    start, end = item.inside

    def below(rest: bytes) -> Added:
        line = content.rfind(b"\n", 0, item.start) + 1
        # The line may go on with a comment, which stays with its item.
        _, text_end, stop = next(physical_lines(content, line, len(content)))
        closing = rest + content[end : item.end]
        return stop, *again(content, line, content[line:start], closing, content[text_end:stop])

    return literal_lines(content, start, end, _KINDS[item.style].escapes, below)

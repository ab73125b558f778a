"""Strings that have a mark before each line: one that the program takes away, or the language."""

from __future__ import annotations

import re
from collections.abc import Iterator

from patcher.hosts.embedding import Embedding, physical_lines, prefixed
from patcher.hosts.strings import matters
from patcher.policy.patterns import regex

_STRIPS_MARGIN = regex(
    rb"(?:\r?\n)?[ \t]*+(?:\"\"\"|''')[\s)?!]{0,100}\.(?:trimMargin|stripMargin)\b"
    rb"(?:\(\s{0,9}(?:marginPrefix\s{0,9}=\s{0,9})?(?P<quote>[\"'])(?P<mark>[^\"'\\]{1,16})(?P=quote))?"
)
_FEW = 3
"""Lines with a bar that are a margin, whatever takes it away."""


def without_margin(content: bytes, embedding: Embedding) -> Embedding:
    """Return the string without the mark that begins its lines and that the program takes away
    (``trimMargin()``): the mark is part of the dressing."""
    lines = embedding.lines
    call = _STRIPS_MARGIN.match(content, lines[-1].offset(len(lines[-1].text)))
    mark = call["mark"] if call is not None and call["mark"] else b"|"
    margin = re.compile(rb"[ \t]*+" + re.escape(mark))
    widths = [found.end() if (found := margin.match(line.text)) else 0 for line in lines]
    marked = sum(width > 0 for width in widths)
    if (call is None and marked < _FEW) or not marked:
        return embedding
    return embedding._replace(
        lines=tuple(
            line.without(width)._replace(
                before=line.before + content[line.start : line.offset(width)]
            )
            for line, width in zip(lines, widths, strict=True)
        ),
    )


def line_strings(content: bytes, mark: re.Pattern[bytes], host: str) -> Iterator[Embedding]:
    """The strings of a language that has a mark before each line of a string: lines in a row are
    one string."""

    def width(line: bytes) -> int:
        found = mark.match(line)
        return 0 if found is None else found.end()

    spans: list[tuple[int, int, int]] = []
    for line in [*physical_lines(content, 0, len(content)), None]:
        if line is not None and mark.match(content, line[0], line[1]):
            spans.append(line)
            continue
        if spans and matters(content, spans[0][0], spans[-1][1]):
            lines = prefixed(content, spans, prefix=width)
            yield Embedding(host, tuple(lines))
        spans = []

"""Comments that quote a profile: documentation, whatever the language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from patcher.hosts.embedding import Embedding, Line, line_ending, physical_lines
from patcher.hosts.strings import matters

HOST = "comment"

_LONGEST_INDENT = 200
_MARK = re.compile(rb"///?!?|#+[:!]?|--|;+|%+|/\*+!?|\(\*+|\{-")
_BLOCKS = {b"/*": b"*/", b"(*": b"*)", b"{-": b"-}"}
_STAR = re.compile(rb"[ \t]*\*(?=[ \t\r\n]|\Z) ?")


def comment_embeddings(content: bytes, spans: Iterable[tuple[int, int]]) -> Iterator[Embedding]:
    """Return the comments that mention network rules: those on consecutive lines, with the same
    mark and margin, are one text.

    ``spans``: begin (of the mark) and end of each comment, in order; a comment behind code is left
    out.
    """
    lines: list[Line] = []
    key, below = b"", -1
    begin = stop = 0
    for start, end in spans:
        margin = _margin(content, start)
        mark = _MARK.match(content, start, end)
        if margin < 0 or mark is None:
            continue
        closing = _BLOCKS.get(mark[0][:2])
        if closing is not None and b"\n" in content[start:end]:
            yield from _embedding(content, lines, begin, stop)
            lines, below = [], -1
            block = list(_block_lines(content, start, end, mark.end(), closing))
            yield from _embedding(content, block, start, end)
            continue
        dressing = content[margin : mark.end()]
        if margin != below or dressing != key:
            yield from _embedding(content, lines, begin, stop)
            lines, key, begin = [], dressing, start
        line = _own_line(content, margin, mark.end(), end, closing)
        if line is None:
            below = -1
            continue
        lines.append(line)
        below, stop = _next_line(content, end), end
    yield from _embedding(content, lines, begin, stop)


def _embedding(content: bytes, lines: list[Line], begin: int, end: int) -> Iterator[Embedding]:
    if lines and matters(content, begin, end):
        yield Embedding(HOST, tuple(lines), documentation=True)


def _margin(content: bytes, start: int) -> int:
    """Return where the line of a comment begins; -1 if anything but blanks precedes it."""
    line = content.rfind(b"\n", max(0, start - _LONGEST_INDENT), start) + 1
    if not line and start > _LONGEST_INDENT:
        return -1
    return line if not content[line:start].strip(b" \t\xef\xbb\xbf") else -1


def _next_line(content: bytes, end: int) -> int:
    if content.startswith(b"\r\n", end):
        return end + 2
    return end + 1 if content.startswith(b"\n", end) else -1


def _own_line(
    content: bytes, margin: int, begin: int, end: int, closing: bytes | None
) -> Line | None:
    """Return a comment of one line; None if code follows it."""
    text_end = end - 1 if content[end - 1 : end] == b"\r" else end
    suffix_end = text_end
    if closing is not None:
        text_end -= len(closing)
        text_end -= len(content[begin:text_end]) - len(content[begin:text_end].rstrip(b" \t"))
        text_end = max(text_end, begin)
    begin += content.startswith(b" ", begin) and begin < text_end
    before, after = content[margin:begin], content[text_end:suffix_end]
    stop = _next_line(content, suffix_end)
    if stop < 0:
        if end < len(content):
            return None
        return Line(
            content[begin:text_end], begin, end, line_ending(content, margin) + before, after
        )
    return Line(content[begin:text_end], begin, stop, before, after + content[suffix_end:stop])


def _block_lines(
    content: bytes, start: int, end: int, behind_mark: int, closing: bytes
) -> Iterator[Line]:
    """Return the lines of a block comment; the star that begins a line is its prefix."""
    physical = list(physical_lines(content, start, end))
    prefixes = [0] * len(physical)
    for number, (begin, text_end, _) in enumerate(physical):
        star = _STAR.match(content, begin, text_end)
        prefixes[number] = star.end() - begin if star else 0
    for number, (begin, text_end, stop) in enumerate(physical):
        if number == 0:
            text = behind_mark + content.startswith(b" ", behind_mark)
            second = physical[1][0] if len(physical) > 1 else end
            before = content[second : second + prefixes[min(1, len(physical) - 1)]]
            yield Line(content[text:text_end], text, stop, before, content[text_end:stop])
            continue
        text = begin + prefixes[number]
        before = content[begin:text]
        if number < len(physical) - 1:
            yield Line(content[text:text_end], text, stop, before, content[text_end:stop])
            continue
        if content.endswith(closing, begin, end):
            text_end = end - len(closing)
        last = content[text:text_end].rstrip(b" \t*")
        if last:
            text_end = text + len(last)
            ending = line_ending(content, begin)
            yield Line(last, text, text_end, ending + before, b"")

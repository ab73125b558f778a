"""Comments that quote a profile: documentation, whatever the language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from patcher.hosts.embedding import Embedding, Line, again, physical_lines, prefixed
from patcher.hosts.strings import matters
from patcher.policy.patterns import regex

HOST = "comment"

_LONGEST_INDENT = 200
_MARK = regex(rb"///?!?|#+[:!]?|--|;+|%+|/\*+!?|\(\*+|\{-")
_BLOCKS = {b"/*": b"*/", b"(*": b"*)", b"{-": b"-}"}
_STAR = regex(rb"[ \t]*\*(?=[ \t\r\n]|\Z) ?")


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
        below, stop = end + len(_ending(content, end)), end
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


def _ending(content: bytes, position: int) -> bytes:
    """Return the line ending at a position; empty if there is none."""
    return next((e for e in (b"\r\n", b"\n") if content.startswith(e, position)), b"")


def _own_line(
    content: bytes, margin: int, begin: int, end: int, closing: bytes | None
) -> Line | None:
    """Return a comment of one line; None if code follows it."""
    text_end = suffix_end = end - content.endswith(b"\r", begin, end)
    if closing is not None:
        text_end = begin + len(content[begin : text_end - len(closing)].rstrip(b" \t"))
    begin += content.startswith(b" ", begin) and begin < text_end
    ending = _ending(content, suffix_end)
    if not ending and end < len(content):
        return None
    around = again(content, margin, content[margin:begin], content[text_end:suffix_end], ending)
    return Line(content[begin:text_end], begin, max(end, suffix_end + len(ending)), *around)


def _star(line: bytes) -> int:
    found = _STAR.match(line)
    return 0 if found is None else found.end()


def _block_lines(
    content: bytes, start: int, end: int, behind_mark: int, closing: bytes
) -> Iterator[Line]:
    """Return the lines of a block comment; the star that begins a line is its prefix."""
    first, *others = physical_lines(content, start, end)
    text = behind_mark + content.startswith(b" ", behind_mark)
    second = content[others[0][0] : others[0][1]] if others else b""
    before, after = second[: _star(second)], content[first[1] : first[2]]
    yield Line(content[text : first[1]], text, first[2], before, after)
    for line in prefixed(content, others, prefix=_star):
        if not line.after and line.text.endswith(closing):
            last = line.text.removesuffix(closing).rstrip(b" \t*")
            if last:
                yield line._replace(text=last, insert_at=line.start + len(last))
        else:
            yield line

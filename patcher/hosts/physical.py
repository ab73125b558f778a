"""Physical lines of a file: the one that holds a position, and those around it."""

from __future__ import annotations

from patcher.hosts.embedding import physical_lines

Physical = tuple[int, int, int]
"""Where a line begins, and where it ends without and with its line ending."""


def line_at(content: bytes, position: int, start: int, end: int) -> Physical:
    """Return the line that holds a position."""
    return next(physical_lines(content, _line_start(content, start, position), end))


def _line_start(content: bytes, start: int, position: int) -> int:
    """Where the line that holds ``position`` begins. Looks for both line breaks in a window that
    grows, for one of them may not occur in the whole file."""
    window = 256
    while True:
        low = max(start, position - window)
        found = max(content.rfind(b"\n", low, position), content.rfind(b"\r", low, position))
        if found >= 0:
            return found + 1
        if low == start:
            return start
        window *= 4


def line_above(content: bytes, begin: int, start: int) -> Physical | None:
    """Return the line above the one that begins at ``begin``; None at ``start``."""
    if begin <= start:
        return None
    text_end = begin - 1
    if content[text_end:begin] == b"\n" and content[text_end - 1 : text_end] == b"\r":
        text_end = max(text_end - 1, start)
    return _line_start(content, start, text_end), text_end, begin


def line_below(content: bytes, stop: int, end: int) -> Physical | None:
    """Return the line that begins at ``stop``; None at ``end``."""
    return next(physical_lines(content, stop, end), None)

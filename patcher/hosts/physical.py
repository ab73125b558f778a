"""A stretch of a file that is read line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

from patcher.hosts.embedding import physical_lines

T = TypeVar("T")

Physical = tuple[int, int, int]
"""Where a line begins, and where it ends without and with its line ending."""


class Area(NamedTuple):
    """A stretch of a file, with the host that reads it and whether it is documentation."""

    content: bytes
    start: int
    end: int
    host: str
    documentation: bool = False

    def line_at(self, position: int) -> Physical:
        """Return the line that holds a position."""
        return next(physical_lines(self.content, self._line_start(position), self.end))

    def _line_start(self, position: int) -> int:
        """Return where the line that holds ``position`` begins. Searches for both line breaks in a
        window that grows, since one of them may not occur in the whole file."""
        content, window = self.content, 256
        while True:
            low = max(self.start, position - window)
            found = max(content.rfind(b"\n", low, position), content.rfind(b"\r", low, position))
            if found >= 0:
                return found + 1
            if low == self.start:
                return low
            window *= 4

    def above(self, line: Physical) -> Physical | None:
        """Return the line above a line; None for the first one."""
        begin, content = line[0], self.content
        if begin <= self.start:
            return None
        text_end = begin - 1
        if content[text_end:begin] == b"\n" and content[text_end - 1 : text_end] == b"\r":
            text_end = max(text_end - 1, self.start)
        return self._line_start(text_end), text_end, begin

    def below(self, line: Physical) -> Physical | None:
        """Return the line below a line; None for the last one."""
        return next(physical_lines(self.content, line[2], self.end), None)


def next_line(content: bytes, position: int, end: int | None = None) -> int:
    """Return the offset at which the line below the one that holds ``position`` begins."""
    end = len(content) if end is None else end
    found = content.find(b"\n", position, end)
    return end if found < 0 else found + 1


def filled(
    start: int,
    end: int,
    blocks: Iterable[tuple[int, int, Iterable[T]]],
    between: Callable[[int, int], Iterable[T]],
) -> Iterator[T]:
    """Return what the blocks of a stretch hold, and what ``between`` reads in the gaps.

    A block is its begin, its end, and what it holds.
    """
    for block_start, block_end, found in blocks:
        yield from between(start, block_start)
        yield from found
        start = block_end
    yield from between(start, end)

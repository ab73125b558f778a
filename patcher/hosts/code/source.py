"""A program that is being read: its literals in order, its comments, its physical lines."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from patcher.hosts.code.language import Language, Literal
from patcher.hosts.code.scan import Comment, scan
from patcher.hosts.code.statements import LITERAL
from patcher.hosts.embedding import line_ending


class Source:
    """One source file."""

    def __init__(self, content: bytes, language: Language) -> None:
        self.content = content
        self.language = language
        self.comments: list[Comment] = []
        """Those before the literal that was read last."""
        self.bare = bytearray()
        """The code up to the literal that was read last, without comments and with `LITERAL` for
        each literal."""
        self._broken: list[tuple[int, int]] = []
        """The tokens that hold line breaks."""
        self._known = (0, -1, -1)
        """The physical line looked at last: from where, its end without and with line ending."""
        self._first_ending = b""

    def literals(self) -> Iterator[tuple[Literal, bytes, int]]:
        """Return each literal, the code before it without comments, and the offset at which the
        physical line of its opening quote begins. Raises TooMuch."""
        content = self.content
        line = behind = 0
        pieces: list[bytes] = []
        for token in scan(content, self.language):
            pieces.append(content[behind : token.open])
            line = max(line, content.rfind(b"\n", behind, token.open) + 1)
            behind = token.stop
            if isinstance(token, Comment):
                self.comments.append(token)
            else:
                gap = b"".join(pieces)
                pieces = []
                self.bare += gap + LITERAL
                yield token, gap, line
            newline = content.rfind(b"\n", token.open, token.stop)
            if newline >= 0:
                self._broken.append((token.open, token.stop))
                line = newline + 1

    def line_end(self, position: int) -> tuple[int, int]:
        """Return where the physical line ends, without and with its line ending."""
        since, text_end, stop = self._known
        if not since <= position <= text_end:
            found = self.content.find(b"\n", position)
            if found < 0:
                text_end = stop = len(self.content)
            else:
                stop = found + 1
                text_end = found - (self.content[found - 1 : found] == b"\r" and found > position)
            self._known = (position, text_end, stop)
        return text_end, stop

    def line_ending(self, line: int) -> bytes:
        """Return the line ending in use around the line that begins at ``line``."""
        if line > 0:
            return b"\r\n" if self.content[line - 2 : line - 1] == b"\r" else b"\n"
        if not self._first_ending:
            self._first_ending = line_ending(self.content, 0)
        return self._first_ending

    def is_broken(self, position: int) -> bool:
        """Whether the offset lies inside a literal or comment that goes over lines."""
        index = bisect_left(self._broken, (position, 0)) - 1
        return index >= 0 and self._broken[index][0] < position < self._broken[index][1]

    def code(self, start: int, end: int) -> bytes:
        """Return a stretch of the file without its comments."""
        index = bisect_right(self.comments, (start, len(self.content))) - 1
        pieces: list[bytes] = []
        for comment in self.comments[max(index, 0) :]:
            if comment.open >= end:
                break
            if comment.stop > start:
                pieces.append(self.content[start : max(start, comment.open)])
                start = comment.stop
        return b"".join([*pieces, self.content[start : max(start, end)]])

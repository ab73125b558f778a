"""A file as its hosts and the reader understand it: read once, and a value from then on."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from patcher.hosts.embedding import Embedding, place_in
from patcher.hosts.strings import OFFSET
from patcher.policy import reader
from patcher.policy.bounds import Budget
from patcher.policy.patterns import regex
from patcher.policy.reader import Break, Profile
from patcher.policy.search import Spans

_LONE_CR = regex(rb"\r(?!\n)")
"""Ends a line for whoever wrote such a file, but not for AppArmor's parser."""


class Text(NamedTuple):
    """The policy text of an embedding, and the profiles in it."""

    embedding: Embedding
    text: bytes
    """The very bytes that the format makes of it."""
    breaks: Sequence[Break]
    """As of the embedding."""
    starts: Sequence[int]
    """Where each line of the embedding begins in ``text``."""
    profiles: tuple[Profile, ...]
    """As whoever wrote the file reads them."""
    span: tuple[int, int]
    """The stretch of the file that it takes."""
    end: int
    """The last offset of the file at which something may be inserted into it."""
    comment_goes_on: bool
    """Whether a comment ends in a carriage return alone: for AppArmor's parser it goes on."""

    @classmethod
    def of(cls, embedding: Embedding, budget: Budget) -> Self:
        """Read an embedding. Raises TooMuch."""
        text, starts = embedding.text, array(OFFSET, embedding.starts())
        breaks = embedding.breaks(starts)
        profiles = reader.read(_LONE_CR.sub(b"\n", text), budget, breaks)
        first, last = embedding.lines[0], embedding.lines[-1]
        span = first.start, max(last.start + 1, last.offset(len(last.text)))
        end = max(span[1], last.insert_at)
        goes_on = _comment_goes_on(text)
        return cls(embedding, text, breaks, starts, tuple(profiles), span, end, goes_on)

    def without_lines(self) -> Self:
        """The text without the lines of its embedding, which are many times as large, and without
        ``offset``; as it is, where a program may leave out some of the lines."""
        if self.breaks:
            return self
        return self._replace(embedding=self.embedding._replace(lines=()), starts=())

    def as_parsed(self) -> Sequence[Profile]:
        """The profiles as AppArmor's parser reads them. Raises TooMuch."""
        if _LONE_CR.search(self.text) is None:
            return self.profiles
        return reader.read(self.text, breaks=self.breaks)

    def line(self, position: int) -> tuple[int, int]:
        """The line that holds a position of the text, and the position's column in it."""
        return place_in(self.starts, position)

    def offset(self, position: int) -> int:
        """The file offset of a position of the text."""
        index, column = self.line(position)
        return self.embedding.lines[index].offset(column)

    def takes_edit(self, offset: int) -> bool:
        """Whether something that is inserted at this offset of the file may be a part of it."""
        return self.span[0] <= offset <= self.end


def _comment_goes_on(text: bytes) -> bool:
    if _LONE_CR.search(text) is None:
        return False
    comments = (line.partition(b"#")[2] for line in text.split(b"\n"))
    return any(comment.partition(b"\r")[2].strip() for comment in comments)


class Document(NamedTuple):
    """A file and the policy in it."""

    path: str
    content: bytes
    texts: tuple[Text, ...]
    """Those that the file's own host finds."""
    spans: Spans
    """What ``texts`` take of the file."""
    others: tuple[Text, ...]
    """Those that the general line host finds, where rules may stand outside of ``texts``."""

    def without_lines(self) -> Self:
        """The document to prove with, which takes less memory."""
        texts = tuple(text.without_lines() for text in self.texts)
        others = tuple(text.without_lines() for text in self.others)
        return self._replace(texts=texts, others=others)

    def texts_for(self, offsets: Iterable[int]) -> tuple[Text, ...]:
        """The texts into which something is inserted at these offsets: those of the file's own
        host, and where that does not take all of them, the others, too."""
        if all(any(text.takes_edit(offset) for text in self.texts) for offset in offsets):
            return self.texts
        return self.texts + self.others

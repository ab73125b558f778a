"""Text within text: JSON in a YAML block, shell lines in a workflow, a patch in a here document.

The text that a host takes out of a file is looked at again: where it is a patch or JSON, or holds
strings that carry policy, it is read as such, and what is added goes through both dressings. Most
texts are policy as they stand, and stay as they are.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import PurePosixPath

from patcher.hosts import jsonfile, patchfile
from patcher.hosts.embedding import Embedding, Line, place_in
from patcher.hosts.lines import quoted
from patcher.hosts.strings import OFFSET, matters
from patcher.policy.bounds import check_number
from patcher.policy.patterns import regex

_DEEPEST = 4
"""How many texts may be within each other: JSON in an annotation in a script makes three."""
_JSON = regex(rb"\s*+(?:\{\s*+\"|\[\s*+[\[{\"])")
_MAY_HOLD_TEXT = regex(rb"[\"'`\\]|^[ \t]*+(?:@@|--- \d|\d)", re.MULTILINE)
_BREAK = regex(rb"\r?\n")
_LAST_BREAK = regex(rb"\r?\n\Z")
_NEAR = 1 << 12
_UNKNOWN = PurePosixPath()


def nested(content: bytes, embedding: Embedding, depth: int = 0) -> Iterator[Embedding]:
    """Return the embedding itself, or the embeddings found in its text instead. Raises TooMuch."""
    outer = _Outer(content, embedding)
    if b"<<" in outer.text:
        changes = (*embedding.changes, outer.why_filtered)
        embedding = outer.embedding = embedding._replace(changes=changes)
    if embedding.host == patchfile.HOST or not outer.may_hold_text:
        yield embedding
        return
    if patchfile.is_patch(outer.text):
        for inner in patchfile.embeddings(_UNKNOWN, outer.text):
            yield outer.composed(inner)
        yield embedding._replace(reason=embedding.reason or patchfile.REASON)
        return
    found = list(_inner(outer.text))
    if not found:
        yield embedding
        return
    check_number(depth + 1, _DEEPEST, "texts within each other")
    for dressed, inner in found:
        composed = outer.composed(inner)
        if dressed:
            yield from nested(content, composed, depth + 1)
        else:
            yield composed


def _inner(text: bytes) -> Iterator[tuple[bool, Embedding]]:
    """Find the embeddings in a text; with each, whether it differs from a part of that text."""
    if _JSON.match(text):
        for embedding in jsonfile.embeddings(_UNKNOWN, text):
            yield True, embedding
    else:
        yield from quoted(text)


_STRETCHES = 32
"""Bits for the number of a stretch in an inner text."""


class _Outer:
    """The text of an embedding, with the way back to the file."""

    def __init__(self, content: bytes, embedding: Embedding) -> None:
        self.content = content
        self.embedding = embedding
        self.lines = embedding.lines
        self.text = embedding.text

    @cached_property
    def starts(self) -> list[int]:
        return self.embedding.starts()

    @property
    def may_hold_text(self) -> bool:
        text = self.text
        return matters(text, 0, len(text)) and _MAY_HOLD_TEXT.search(text) is not None

    def why_filtered(self) -> str:
        """Say which command changes a here document in the text; empty if none does."""
        from patcher.hosts.heredoc import why_filtered

        return why_filtered(self.text)

    def offset(self, position: int) -> int:
        index, column = place_in(self.starts, position)
        return self.lines[index].offset(column)

    def composed(self, inner: Embedding) -> Embedding:
        """Return an embedding in this text as an embedding in the file."""
        outer = self.embedding
        outer_escape, inner_escape = outer.escape, inner.escape
        lines = tuple(self.line(line) for line in inner.lines)
        return Embedding(
            outer.host,
            lines,
            escape=lambda text: outer_escape(inner_escape(text)),
            documentation=outer.documentation or inner.documentation,
            reason=outer.reason or inner.reason,
            changes=outer.changes + inner.changes,
            separate=outer.separate or inner.separate,
            listed=outer.listed or inner.listed,
            comments=outer.comments and inner.comments,
            keeps_cr=outer.keeps_cr and inner.keeps_cr,
        )

    def line(self, line: Line) -> Line:
        index, column = place_in(self.starts, line.insert_at)
        before, after = line.before, line.after
        if column == 0 and index and after.endswith(b"\n"):  # a line below the one before
            frame, insert_at = self.lines[index - 1], self.lines[index - 1].insert_at
            after = _LAST_BREAK.sub(b"", after)
            around = frame.before, frame.after
        elif column == len(self.lines[index].text) and (first := _BREAK.match(before)):
            frame, insert_at = self.lines[index], self.lines[index].insert_at
            before = before[first.end() :]
            around = frame.before, frame.after
        else:
            frame, insert_at = self.lines[index], self.lines[index].offset(column)
            around = b"", b""
        near = self.text[max(line.insert_at - _NEAR, 0) : line.insert_at + _NEAR]
        start, offsets = self.offsets(line)
        return Line(
            line.text,
            start,
            insert_at,
            around[0] + self.written(frame, before, near),
            self.written(frame, after, near) + around[1],
            offsets,
            line.stretch + (frame.stretch << _STRETCHES),
            line.condition or frame.condition,
        )

    def offsets(self, line: Line) -> tuple[int, Sequence[int] | None]:
        """Where a line of this text begins in the file, and its offsets where escapes need them."""
        index, column = place_in(self.starts, line.start)
        around = self.lines[index]
        if (
            line.offsets is None
            and around.offsets is None
            and (column + len(line.text) <= len(around.text))
        ):
            return around.offset(column), None
        columns = range(len(line.text) + 1)
        offsets = array(OFFSET, (self.offset(line.offset(column)) for column in columns))
        return offsets[0], offsets

    def written(self, frame: Line, text: bytes, near: bytes) -> bytes:
        """Return bytes that are added to this text as they are written in the file. What occurs
        ``near`` without escapes needs none."""
        escape = self.embedding.escape
        return (frame.after + frame.before).join(
            part if frame.offsets is None and part in near else escape(part)
            for part in _BREAK.split(text)
        )

"""Patches: unified diffs, whose hunks count their lines, so that nothing can be added to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from patcher.hosts.dressing import MATTERS, text_start
from patcher.hosts.embedding import Embedding, Line, line_ending, physical_lines

HOST = "patch"
REASON = "a patch file: its hunks count lines, so a line cannot simply be added"

_SUFFIXES = frozenset((".patch", ".diff", ".debdiff", ".dpatch", ".udiff"))
_UNKNOWN = frozenset(("", ".txt", ".eml", ".mbox", ".out", ".orig", ".rej", ".expected", ".golden"))
_LOOKED_AT = 4096
_FILES = re.compile(rb"^--- [^\r\n]++\r?\n\+\+\+ [^\r\n]++\r?\n@@ -", re.MULTILINE)
_HUNK = re.compile(rb"^@@ -\d++(?:,\d++)? \+\d++(?:,\d++)? @@", re.MULTILINE)


def claims(path: PurePosixPath, content: bytes) -> bool:
    """A patch by its name and a hunk in it, or by a first hunk near its top."""
    suffix = path.suffix.lower()
    if suffix in _SUFFIXES:
        return _HUNK.search(content) is not None
    return suffix in _UNKNOWN and _FILES.search(content, 0, _LOOKED_AT) is not None


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """For each file that the patch changes, what its hunks leave: context and added lines."""
    lines: list[Line] = []
    inside = False  # of a hunk
    for begin, text_end, stop in physical_lines(content, text_start(content), len(content)):
        mark = content[begin : begin + 1]
        if content.startswith((b"diff --git ", b"Index: ", b"--- "), begin) and (
            mark != b"-" or content.startswith(b"+++ ", stop)
        ):
            yield from _changed(lines)
            lines, inside = [], False
        elif _HUNK.match(content, begin, text_end):
            inside = True
        elif inside and (mark in (b" ", b"+") or begin == text_end):
            start = min(begin + 1, text_end)
            ending = content[text_end:stop] or line_ending(content, begin)
            lines.append(Line(content[start:text_end], start, stop, b"+", ending))
        elif mark not in (b"-", b"\\"):
            inside = False
    yield from _changed(lines)


def _changed(lines: list[Line]) -> Iterator[Embedding]:
    if any(MATTERS.search(line.text) for line in lines):
        yield Embedding(HOST, tuple(lines), reason=REASON)

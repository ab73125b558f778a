"""Patches: unified diffs, whose hunks count their lines, so that nothing can be added to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from patcher.hosts.embedding import Embedding, Line, line_ending, physical_lines
from patcher.hosts.strings import MATTERS, text_start
from patcher.policy.patterns import regex

HOST = "patch"
REASON = "a patch file: its hunks count lines, so adding a line would break them"

_SUFFIXES = frozenset((".patch", ".diff", ".debdiff", ".dpatch", ".udiff"))
_UNKNOWN = frozenset(("", ".txt", ".eml", ".mbox", ".out", ".orig", ".rej", ".expected", ".golden"))
_LOOKED_AT = 4096
_FILES = regex(
    rb"^(?:--- [^\r\n]++\r?\n\+\+\+ [^\r\n]++\r?\n@@ -"
    rb"|\*\*\* [^\r\n]++\r?\n--- [^\r\n]++\r?\n\*{15})",
    re.MULTILINE,
)
_HUNK = regex(
    rb"^[ \t]*+(?:(?P<unified>@@++)(?: -\d++(?:,\d++)?)+ \+\d++(?:,\d++)? @@"
    rb"|(?P<context>---) \d++(?:,\d++)? ----\r?$"
    rb"|(?P<normal>\d++)(?:,\d++)?[ac]\d++(?:,\d++)?\r?$(?=\r?\n[<>] ))",
    re.MULTILINE,
)
"""Where a hunk begins: unified (of several parents with an ``@`` more for each), context, normal
(GNU diffutils manual, "Detailed Description of Formats"; git-diff(1), "Combined diff format")."""
_MARKS = {"unified": (b" +", b"-\\"), "context": (b" +!", b"-"), "normal": (b"> ", b"<-\\")}
"""The marks of lines that a hunk keeps or adds, and of those that it removes."""


def claims(path: PurePosixPath, content: bytes) -> bool:
    """Tell a patch by its name and a hunk in it, or by a first hunk near its top."""
    suffix = path.suffix.lower()
    if suffix in _SUFFIXES:
        return is_patch(content)
    return suffix in _UNKNOWN and _FILES.search(content, 0, _LOOKED_AT) is not None


def is_patch(text: bytes) -> bool:
    """Whether the text holds a hunk."""
    return _HUNK.search(text) is not None


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """Return, for each file that the patch changes, the context and the added lines."""
    lines: list[Line] = []
    width, stays, goes = 0, b"", b""  # of the marks before the lines of a hunk; 0 outside of one
    margin = 0
    for begin, text_end, stop in physical_lines(content, text_start(content), len(content)):
        begin = min(begin + margin, text_end)
        mark = content[begin : begin + width]
        hunk = _HUNK.match(content, begin)
        if hunk is not None and hunk.lastgroup is not None:
            stays, goes = _MARKS[hunk.lastgroup]
            margin += hunk.start(hunk.lastgroup) - begin
            width = len(hunk["unified"]) - 1 if hunk["unified"] else 2
        elif _begins_file(content, begin, stop):
            yield from _changed(lines)
            lines, width, margin = [], 0, 0
        elif width and (begin == text_end or not mark.strip(stays)):
            start = min(begin + width, text_end)
            ending = content[text_end:stop] or line_ending(content, begin)
            lines.append(Line(content[start:text_end], start, stop, stays[1:2] * width, ending))
        elif not any(byte in goes for byte in mark):
            width = margin = 0
    yield from _changed(lines)


def _begins_file(content: bytes, begin: int, stop: int) -> bool:
    if content.startswith((b"diff ", b"Index: "), begin):
        return True
    return (content.startswith(b"--- ", begin) and content.startswith(b"+++ ", stop)) or (
        content.startswith(b"*** ", begin) and content.startswith(b"--- ", stop)
    )


def _changed(lines: list[Line]) -> Iterator[Embedding]:
    if any(MATTERS.search(line.text) for line in lines):
        yield Embedding(HOST, tuple(lines), reason=REASON)

"""The unified diff that ``apply`` would commit, in the form that ``git apply`` takes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from patcher.findings import Edit
from patcher.reports import Style
from patcher.reports.text import quoted
from patcher.results import ChangedFile, Target, Totals
from patcher.text import printable
from patcher.values import dataclass

_CONTEXT = 3
_NO_NEWLINE = b"\\ No newline at end of file\n"
_HEADER = b"\x1b[1m"
_COLORS = {b"+": b"\x1b[32m", b"-": b"\x1b[31m", b"@": b"\x1b[36m"}


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines ``start`` to ``stop`` of the old file become ``lines``."""

    start: int
    stop: int
    lines: tuple[bytes, ...]


class Report:
    """For a pipe byte for byte; for a terminal, and in color, which `git apply` does not take,
    without what would drive a terminal.

    Where there is more than one, a line says which repository and base each diff is of; ``git
    apply`` skips it.
    """

    def __init__(self, style: Style) -> None:
        self._terminal, self._color, self._verbose = style.terminal, style.color, style.verbose
        self._first: Target | None = None
        self._named = False

    def start(self) -> bytes:
        return b""

    def target(self, target: Target) -> bytes:
        if not target.files:
            return b""
        if self._first is None and not self._named:
            self._first = target  # whether it needs a name is told by the next one
            return b""
        self._named = True
        return self.rest() + self._diff(target)

    def finish(self, totals: Totals) -> bytes:
        return self.rest()

    def rest(self) -> bytes:
        """What is held back still."""
        first, self._first = self._first, None
        return b"" if first is None else self._diff(first)

    def _diff(self, target: Target) -> bytes:
        parts = []
        if self._named:
            title = printable(f"{target.repository} {target.base or ''}".strip())
            parts.append(f"# {title}\n".encode("utf-8", "replace"))
        if self._verbose:
            from patcher.reports.table import borrowed

            parts += [f"# {line}\n".encode("utf-8", "replace") for line in borrowed(target)]
        parts += [unified(file) for file in target.files]
        return dressed(b"".join(parts), terminal=self._terminal, color=self._color)


def dressed(diff: bytes, *, terminal: bool, color: bool) -> bytes:
    """Diffs for whom they are shown to: in color, and without what would drive a terminal."""
    if not terminal and not color:
        return diff
    lines = []
    inside = False
    for line in diff.split(b"\n")[:-1]:
        inside = line.startswith(b"@@") or (inside and not line.startswith(b"diff "))
        text = line.decode("utf-8", "surrogateescape").replace("\t", "    ")
        line = printable(text).encode("utf-8")
        style = _COLORS.get(line[:1]) if inside else _HEADER
        begin = style if color else None
        lines.append(begin + line + b"\x1b[0m\n" if begin else line + b"\n")
    return b"".join(lines)


def unified(file: ChangedFile) -> bytes:
    """One file's diff, with its ``diff --git`` header."""
    old, new = quoted(b"a/" + file.path), quoted(b"b/" + file.path)
    head = [
        b"diff --git " + old + b" " + new + b"\n",
        f"index {file.old_oid}..{file.new_oid} {file.mode}\n".encode("ascii"),
        b"--- " + _ended(old) + b"\n",
        b"+++ " + _ended(new) + b"\n",
    ]
    return b"".join([*head, *hunks(file.old, file.edits)])


def _ended(name: bytes) -> bytes:
    """git ends a name that holds a blank with a tab, so that no date is read into it."""
    return name + b"\t" if b" " in name and not name.startswith(b'"') else name


def hunks(old: bytes, edits: Sequence[Edit]) -> Iterator[bytes]:
    """The hunks of a text and what is inserted into it."""
    before = _lines(old)
    blocks = list(_blocks(old, before, edits))
    at = 0
    shift = 0
    while at < len(blocks):
        end = at + 1
        while end < len(blocks) and blocks[end].start - blocks[end - 1].stop <= 2 * _CONTEXT:
            end += 1
        group = blocks[at:end]
        first = max(0, group[0].start - _CONTEXT)
        last = min(len(before), group[-1].stop + _CONTEXT)
        grown = sum(len(block.lines) - (block.stop - block.start) for block in group)
        yield _header(first, last - first, first + shift, last - first + grown)
        position = first
        for block in group:
            yield from (_line(b" ", line) for line in before[position : block.start])
            yield from (_line(b"-", line) for line in before[block.start : block.stop])
            yield from (_line(b"+", line) for line in block.lines)
            position = block.stop
        yield from (_line(b" ", line) for line in before[position:last])
        shift += grown
        at = end


def _header(old: int, old_count: int, new: int, new_count: int) -> bytes:
    def span(start: int, count: int) -> str:
        start += count > 0  # an empty stretch is named by the line before it
        return f"{start}" if count == 1 else f"{start},{count}"

    return f"@@ -{span(old, old_count)} +{span(new, new_count)} @@\n".encode("ascii")


def _line(mark: bytes, line: bytes) -> bytes:
    return mark + line if line.endswith(b"\n") else mark + line + b"\n" + _NO_NEWLINE


def _lines(text: bytes) -> list[bytes]:
    lines = text.split(b"\n")
    last = lines.pop()
    ended = [line + b"\n" for line in lines]
    return [*ended, last] if last else ended


def _blocks(old: bytes, lines: Sequence[bytes], edits: Sequence[Edit]) -> Iterator[_Block]:
    starts = [0, *accumulate(len(line) for line in lines)]
    touched = []
    for edit in edits:
        line = bisect_right(starts, edit.offset) - 1
        begins = not edit.offset or old[edit.offset - 1 : edit.offset] == b"\n"
        whole = begins and edit.insert.endswith(b"\n")
        if not whole and line == len(lines) and line:
            line -= 1  # what is added to a last line without newline changes that line
        touched.append((line, line if whole else min(line + 1, len(lines)), edit))
    at = 0
    while at < len(touched):
        start, stop, edit = touched[at]
        group = [edit]
        at += 1
        while at < len(touched) and touched[at][0] < max(stop, start + 1):
            stop = max(stop, touched[at][1])
            group.append(touched[at][2])
            at += 1
        yield _trimmed(
            start, lines[start:stop], _lines(_inserted(old, starts[start], starts[stop], group))
        )


def _inserted(old: bytes, start: int, stop: int, edits: Sequence[Edit]) -> bytes:
    parts = []
    for edit in edits:
        parts += [old[start : edit.offset], edit.insert]
        start = edit.offset
    return b"".join([*parts, old[start:stop]])


def _trimmed(start: int, old: Sequence[bytes], new: Sequence[bytes]) -> _Block:
    """The block without the lines that stay at its ends."""
    head = 0
    while head < len(old) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < len(old) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return _Block(start + head, start + len(old) - tail, tuple(new[head : len(new) - tail]))

"""Text that others wrote, made fit for a JSON document and a diff header."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from typing import TYPE_CHECKING

from patcher.policy.status import Status
from patcher.text import printable

if TYPE_CHECKING:
    from patcher.results import Target

STATUS_WORDS = {
    Status.AFFECTED: "affected",
    Status.FIXED: "fixed",
    Status.NOT_AFFECTED: "not affected",
    Status.UNDER_INVESTIGATION: "needs review",
}
"""What people read for each status."""


_MARK = re.compile(r"##(?=(?:vso|teamcity)?\[)")
"""What makes a command of a line of a pipeline's log, as in `patcher.text.printable`."""


def as_json(value: object, indent: int | None = None) -> bytes:
    """JSON in ASCII, of which no line of a pipeline's log is a command, and every value is exact:
    an escape stands in for the second ``#`` of a mark."""
    import json

    text = json.dumps(value, indent=indent)
    return (_MARK.sub(r"#\\u0023", text) if "##" in text else text).encode("ascii")


class Elements:
    """A JSON list that is written as its elements come, one on each line."""

    def __init__(self) -> None:
        self._any = False

    def piece(self, value: object) -> bytes:
        """Return one more element, with what separates it from the one before."""
        comma = b",\n" if self._any else b"\n"
        self._any = True
        return comma + as_json(value)

    def end(self) -> bytes:
        """Return what closes the list."""
        return b"\n]" if self._any else b"]"


def exact(key: str, value: bytes) -> dict[str, str]:
    """Members of a JSON object for bytes that are nearly always UTF-8: ``key``, and beside it
    ``key_base64`` where U+FFFD had to stand in for something."""
    try:
        return {key: value.decode("utf-8")}
    except UnicodeDecodeError:
        import base64

        return {
            key: value.decode("utf-8", "replace"),
            f"{key}_base64": base64.b64encode(value).decode("ascii"),
        }


def valid(text: str) -> str:
    """Text in which U+FFFD stands in for lone surrogates, which many JSON readers refuse."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_LETTERS = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 34: '"', 92: "\\"}


def quoted(path: bytes) -> bytes:
    """A path as git writes it in a diff header (``core.quotePath`` at its default)."""
    if all(0x20 <= byte < 0x7F and byte not in b'"\\' for byte in path):
        return path
    parts = []
    for byte in path:
        if byte in _LETTERS:
            parts.append("\\" + _LETTERS[byte])
        elif 0x20 <= byte < 0x7F:
            parts.append(chr(byte))
        else:
            parts.append(f"\\{byte:03o}")
    return f'"{"".join(parts)}"'.encode("ascii")


def count(number: int, one: str, many: str = "") -> str:
    """``1 file``, ``2 files``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def short(ref: str) -> str:
    """A ref's name as people write it: ``main``, ``origin/main``, ``v1.0``."""
    for prefix in ("refs/heads/", "refs/remotes/", "refs/tags/"):
        if ref.startswith(prefix):
            return ref[len(prefix) :]
    return ref


def called(target: Target) -> str:
    """Return what people call a target: its repository, and its base where it has one."""
    return f"{target.repository} {short(target.base)}" if target.base else target.repository


def moment(at: str) -> str:
    """``2026-05-01 12:00 UTC``, of a time in UTC as ISO 8601 writes it."""
    return printable(f"{at[:10]} {at[11:16]} UTC")


_STEP = "  "
"""How far each line of a row of a table is indented more than the one above it."""
_SENTENCE = 30
"""Characters: the least room for a sentence that continues on the next line."""


def columns(
    rows: Sequence[Sequence[str]],
    right: Container[int] = (),
    *,
    width: int | None = None,
    above: Sequence[int] = (),
) -> bytes:
    """Lay out rows of printable cells, the headings first, as lines in which the cells of a column
    begin, or in the columns ``right`` end, below each other.

    ``width``: the columns of the terminal, None where lines may be of any length. If lines would be
    longer, the columns ``above`` move, one after the other until the rest fits, to lines of their
    own above the rest of their row. That is indented, and a cell that is the same as in the row
    before is not repeated. No cell is broken, so that each can be copied, except those of the last
    column, which may hold sentences.
    """
    wide = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    last = len(wide) - 1
    for number in range(len(above) + 1):
        moved = above[:number]
        beside = [column for column in range(last) if column not in moved]
        start = len(_STEP) * number + sum(wide[column] + 2 for column in beside)
        if width is None or start + min(wide[last], _SENTENCE) <= width:
            break
    lines, before = [], [""] * len(moved)
    for row in rows:
        leading = [row[column] for column in moved]
        same = True
        for depth, (cell, was) in enumerate(zip(leading, before, strict=True)):
            same = same and cell == was
            if cell and not same:
                lines.append(_STEP * depth + cell)
        before = leading
        cells = [
            row[column].rjust(wide[column]) if column in right else row[column].ljust(wide[column])
            for column in beside
        ]
        sentence = row[last].rjust(wide[last]) if last in right else row[last]
        margin = start
        if width is not None and len(sentence) > width - start < _SENTENCE:
            lines.append((_STEP * len(moved) + "  ".join(cells)).rstrip())
            cells, margin = [], len(_STEP) * (len(moved) + 1)
        first, *more = _folded(sentence, None if width is None else width - margin)
        indent = " " * margin if not cells else _STEP * len(moved)
        lines.append((indent + "  ".join([*cells, first])).rstrip())
        lines += [" " * margin + each for each in more]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


def _folded(text: str, room: int | None) -> list[str]:
    """The lines of a text that has room for so many characters a line; at least one."""
    if room is None or len(text) <= room:
        return [text]
    import textwrap

    return textwrap.wrap(text, max(room, _SENTENCE), break_long_words=False)

"""Text that others wrote, made fit for a JSON document and a diff header."""

from __future__ import annotations

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


class Elements:
    """A JSON list that is written as its elements come, one on each line."""

    def __init__(self) -> None:
        self._any = False

    def piece(self, value: object) -> bytes:
        """Return one more element, with what separates it from the one before."""
        import json

        comma = b",\n" if self._any else b"\n"
        self._any = True
        return comma + json.dumps(value).encode("ascii")

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


def columns(rows: Sequence[Sequence[str]], right: Container[int] = ()) -> bytes:
    """Rows of printable cells, as lines in which the cells of a column begin, or in the columns
    ``right`` end, below each other."""
    wide = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, wide, strict=True))
        ]
        lines.append("  ".join(cells).rstrip() + "\n")
    return "".join(lines).encode("utf-8", "replace")

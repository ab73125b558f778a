"""The one function that makes text of others fit to print: terminal, report, commit, patch."""

from __future__ import annotations

import os

# Characters that print, to Python, and show nothing: what Unicode calls default ignorable
# (DerivedCoreProperties.txt), and glyphs that are empty. `str.isprintable` is false for the others
# of that kind, for all that controls a terminal, and for all that changes the direction of text.
_BLANK = frozenset(
    map(
        chr,
        [
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0x16FE4, 0x1D159),
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),
            *range(0xE0000, 0xE1000),
        ],
    )
)


def printable(text: str | bytes | os.PathLike[str]) -> str:
    """``text`` on one line, with an escape for each character that does not print as itself.

    Control characters and escape sequences would drive the terminal; bidirectional and invisible
    ones would make one path or name look like another (CVE-2021-42574). A byte that is not UTF-8 is
    escaped as well. Escaping twice changes nothing.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    elif not isinstance(text, str):
        text = os.fspath(text)
    if text.isprintable() and (text.isascii() or _BLANK.isdisjoint(text)):
        return text
    return "".join(map(_escaped, text))


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as Python's surrogateescape keeps it
        return f"\\x{code - 0xDC00:02x}"
    if char in _BLANK or not char.isprintable():
        return char.encode("unicode_escape").decode("ascii")
    return char

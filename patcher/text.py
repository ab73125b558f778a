"""Text made fit to print, on a terminal, in a report, commit or patch: others wrote it, or a
password may stand in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

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
            *range(0xE0100, 0xE01F0),
        ],
    )
)

_COMMAND = re.compile(r"(\A\s*(?=::)|##(?:vso|teamcity)?(?=\[))([:\[])")
"""What makes a line of a pipeline's log a command: ``::error::`` where it begins the line in GitHub
Actions, and anywhere in it ``##[error]`` there, ``##vso[`` in Azure Pipelines and ``##teamcity[``:
https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands
https://www.jetbrains.com/help/teamcity/service-messages.html"""


def printable(text: str | bytes | os.PathLike[str]) -> str:
    """``text`` on one line, with an escape for each character that does not print as itself.

    Control characters and escape sequences would drive the terminal; bidirectional and invisible
    ones would make one path or name look like another (CVE-2021-42574). A byte that is not UTF-8 is
    escaped as well, and the mark of a command to what runs a pipeline. Escaping twice changes
    nothing.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    elif not isinstance(text, str):
        text = os.fspath(text)
    if "::" in text or "##" in text:
        text = _COMMAND.sub(lambda mark: f"{mark[1]}\\x{ord(mark[2]):02x}", text)
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


_WORD = re.compile(r"\S+")
_MARK = re.compile(r".*?://|[^@]*?:/")  # one slash, too, as pathlib writes it


def hidden(text: str, words: Iterable[str]) -> str:
    """Return ``text`` with ``***`` for each of ``words``, whichever of its characters are
    percent-encoded."""
    for word in sorted(words, key=len, reverse=True):  # one may be a part of another
        if "%" in text:
            text = re.sub("".join(map(_either_way, word)), "***", text)
        else:
            text = text.replace(word, "***")
    return text


def without_secrets(text: str) -> str:
    """Return ``text`` without users and passwords of URLs."""
    return _WORD.sub(lambda word: without_secret(word[0]) if ":/" in word[0] else word[0], text)


def without_secret(address: str) -> str:
    """Return what may be an address without its user and password, each of which may be a token,
    and hold a ``/``, ``@`` or blank that nobody encoded: so up to the last ``@``."""
    mark = _MARK.match(address)
    start = mark.end() if mark else 0
    before, _at, after = address[start:].rpartition("@")
    if not start and ":" not in before:  # a path, or me@host
        return "/".join(part.rpartition("@")[2] for part in address.split("/"))
    return address[:start] + after


def _either_way(char: str) -> str:
    """A pattern for a character, percent-encoded (RFC 3986, section 2.1) or not."""
    encoded = "".join(f"%{byte:02x}" for byte in os.fsencode(char))
    return f"(?:{re.escape(char)}|(?i:{encoded}))"

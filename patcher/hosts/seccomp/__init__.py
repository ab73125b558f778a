"""Seccomp profiles in files: JSON and YAML by their values, Go by its tables.

They are read for reports alone. What looks like such a profile and cannot be read is named, too.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import NamedTuple

from patcher.hosts.names import suffix
from patcher.policy.bounds import TooMuch
from patcher.policy.patterns import regex
from patcher.policy.search import names_seccomp
from patcher.policy.seccomp import SeccompProfile

__all__ = ["FoundSeccomp", "read_seccomp"]

_SOCKET = regex(rb"[\"'`]socket\\*[\"'`]|(?:^|[\s,\[])-?[ \t]{0,4}socket[ \t]{0,4}(?:[,\]#\r\n]|$)")
_DEFAULT = regex(rb"(?i:default_?action)")
_SYSCALLS = regex(rb"(?i:syscalls)\b")
_GO = frozenset((".go",))
_PROSE = frozenset((".md", ".rst", ".adoc", ".txt", ".html", ".mdx"))


class FoundSeccomp(NamedTuple):
    """A profile, or what looks like one."""

    line: int
    """1-based line of the first place that names socket(2)."""
    name: str
    """Its name where the file gives it one."""
    profile: SeccompProfile | None
    """None where it cannot be read."""
    reason: str = ""
    """Why it cannot be read."""
    documentation: bool = False


def read_seccomp(path: str, content: bytes) -> list[FoundSeccomp]:
    """Find the seccomp profiles of a file that say something of socket(2). Never raises for what
    stands in the file."""
    if not names_seccomp(content) or b"\0" in content:
        return []
    first = _SOCKET.search(content)
    if first is None:
        return []
    line = content.count(b"\n", 0, first.start()) + 1
    kind = suffix(PurePosixPath(path))
    if kind in _GO:
        from patcher.hosts.seccomp import gotable

        try:
            found = gotable.profiles(content)
        except TooMuch as error:
            return [FoundSeccomp(line, "", None, f"{error}, so not read")]
        return [] if found is None else [FoundSeccomp(line, "", found)]
    if not _DEFAULT.search(content):
        return []
    from patcher.hosts.seccomp import values

    is_prose = kind in _PROSE
    named, fault = values.profiles(kind, content)
    many = len(named) > 1
    lines = _lines(content, len(named)) if many else [line]
    found_all = [
        FoundSeccomp(at, name, profile, documentation=is_prose)
        for at, (name, profile) in zip(lines, named, strict=False)
    ]
    if fault and not is_prose and _SYSCALLS.search(content):
        found_all.append(FoundSeccomp(line, "", None, fault))
    return found_all


def _lines(content: bytes, number: int) -> list[int]:
    """The line of each profile's default action; the first line where these are more or fewer."""
    lines, line, position = [], 1, 0
    for match in _DEFAULT.finditer(content):
        line += content.count(b"\n", position, match.start())
        position = match.start()
        lines.append(line)
    return lines if len(lines) == number else [1] * number

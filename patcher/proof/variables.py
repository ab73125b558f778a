"""The variables that a profile uses: those that stand around it, known ones, and stand-ins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import islice

from patcher.policy.patterns import regex
from patcher.proof.choices import NotRendered

_MOST_VARIABLES = 1000
_LONGEST_VALUE = 4096
_MOST_DEFINED = 1 << 16
"""Bytes of all definitions."""
_VALUE = b"standin"
_ACTION = regex(rb"\{\{|\{%|<[%?]|\$[\w{]|%[\w(]|\{[\w.!:]*\}|@[A-Za-z_]\w*@")
_VARIABLE = regex(rb"(.?)@\{(\w+)\}")
_ASSIGNED = regex(rb"^[ \t]*(@\{\w+\})[ \t]*(\+?=)[ \t]*([^\n#]*)", re.MULTILINE)
_KNOWN_VARIABLES = {
    b"PROC": b"/proc/", b"sys": b"/sys/", b"run": b"/run/ /var/run/", b"HOME": b"/home/*/ /root/",
    b"HOMEDIRS": b"/home/", b"pid": b"[0-9]*", b"pids": b"[0-9]*", b"tid": b"[0-9]*",
    b"uid": b"[0-9]*", b"multiarch": b"*-linux-gnu*", b"etc_ro": b"/etc/", b"etc_rw": b"/etc/",
}  # fmt: skip
_BUILT_IN = frozenset((b"profile_name", b"exec_path", b"attach_path"))


def assignments(text: bytes, start: int, end: int) -> dict[bytes, bytes]:
    """The variables that are defined around a profile."""
    found: dict[bytes, bytes] = {}
    for at, name, more, value in _assigned(text):
        if not start <= at < end:
            found[name] = found[name] + b" " + value if more and name in found else value
    return found


@lru_cache(maxsize=2)
def _assigned(text: bytes) -> tuple[tuple[int, bytes, bool, bytes], ...]:
    """Each definition in a text: where it stands, of what, whether it adds to one, its value."""
    found = []
    for match in islice(_ASSIGNED.finditer(text), _MOST_VARIABLES):
        value = match[3].strip().rstrip(b",;'\"`")
        if len(value) > _LONGEST_VALUE:
            raise NotRendered("a variable's value is too large")
        if value and not _ACTION.search(value.replace(b"@{", b"")):
            found.append((match.start(), match[1][2:-1], match[2] == b"+=", value))
    return tuple(found)


def preamble(body: bytes, assigned: Mapping[bytes, bytes], booleans: Iterable[bytes]) -> bytes:
    """Definitions of the variables that a text uses. Raises NotRendered."""
    lines = [b"${" + name + b"}=true" for name in sorted(booleans)]
    done = set(_BUILT_IN)
    pending, size = [body], 0
    while pending:
        for before, name in _VARIABLE.findall(pending.pop()):
            if name in done:
                continue
            done.add(name)
            value = assigned.get(name) or _KNOWN_VARIABLES.get(name)
            if value is None:
                value = b"/" + _VALUE if before.strip() in (b"", b'"') else _VALUE
            lines.append(b"@{" + name + b"}=" + value)
            size += len(lines[-1])
            if size > _MOST_DEFINED:
                raise NotRendered("the variables that the profile uses are too large")
            pending.append(value)
    return b"\n".join([*lines, b""]) if lines else b""

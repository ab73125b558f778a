"""The plain corner of YAML that built-in migrations are written in, read without a YAML library.

Every scan loads the built-in migrations, and importing a YAML library alone takes several times
as long as that may cost. What is read here is read the same by every YAML reader (a test compares
them); anything else raises, so that a built-in migration cannot drift out of this corner unseen.
A user's own file is read by ``ruamel.yaml`` instead, and may use all of YAML.
"""

from __future__ import annotations

import re

_KEY = re.compile(r"([a-z_]+):(?: (.*))?\Z")
_NOT_PLAIN = re.compile(r"[-?:,\[\]{}#&*!|>'\"%@`]|.*(?:: | #|:\Z|\s\Z)")
"""What a plain scalar cannot begin with, or hold (YAML 1.2.2, 7.3.3); stricter than YAML, which
lets a few of these pass."""
_NUMBER = re.compile(r"[0-9]+\Z")

Value = str | int | list[str]


def read(text: str) -> dict[str, Value]:
    """A mapping of plain scalars, block scalars (``|``) and lists of plain scalars.

    Raises ValueError with the number of the line that is anything else.
    """
    lines = text.splitlines()
    values: dict[str, Value] = {}
    at = 0
    while at < len(lines):
        number, line = at + 1, lines[at]
        at += 1
        if not line or line.startswith("#"):
            continue
        key, rest = _key(line, number)
        if key in values:
            raise ValueError(f"line {number}: key {key!r} twice")
        if rest == "|":
            block = []
            while at < len(lines) and (not lines[at] or lines[at].startswith("  ")):
                block.append(lines[at][2:])
                at += 1
            while block and not block[-1]:
                block.pop()
            if not block or block[0].startswith(" ") or not block[0]:
                raise ValueError(f"line {number}: not a block of text")
            values[key] = "\n".join(block) + "\n"
        elif rest == "":
            items = []
            while at < len(lines) and lines[at].startswith("  - "):
                items.append(_plain(lines[at][4:], at + 1))
                at += 1
            if not items:
                raise ValueError(f"line {number}: no list under {key!r}")
            values[key] = items
        else:
            plain = _plain(rest, number)
            values[key] = int(plain) if _NUMBER.match(plain) else plain
    return values


def _key(line: str, number: int) -> tuple[str, str]:
    match = _KEY.match(line)
    if match is None:
        raise ValueError(f"line {number}: not 'key: value'")
    return match[1], match[2] or ""


def _plain(text: str, number: int) -> str:
    if not text or text != text.strip() or _NOT_PLAIN.match(text):
        raise ValueError(f"line {number}: not a plain scalar: {text!r}")
    return text

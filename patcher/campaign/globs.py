"""Which files to look at: patterns as in gitignore(5), for ``--include`` and ``--exclude``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from patcher.values import dataclass

_CLASS = re.compile(rb"\[(!|\^)?(\]?(?:\[:[a-z]+:\]|\\.|[^\]\\])*)\]", re.DOTALL)
_POSIX = {
    b"alnum": rb"0-9A-Za-z",
    b"alpha": rb"A-Za-z",
    b"blank": rb" \t",
    b"cntrl": rb"\x00-\x1f\x7f",
    b"digit": rb"0-9",
    b"graph": rb"!-~",
    b"lower": rb"a-z",
    b"print": rb" -~",
    b"punct": rb"!-/:-@\[-`{-~",
    b"space": rb" \t\n\r\f\v",
    b"upper": rb"A-Z",
    b"xdigit": rb"0-9A-Fa-f",
}
_ITEM = re.compile(rb"\[:([a-z]+):\]|\\(.)|(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Pattern:
    negated: bool
    folders_only: bool
    regex: re.Pattern[bytes]


def matcher(patterns: Sequence[str]) -> Callable[[bytes], bool]:
    """Whether gitignore(5) with these lines, in a file at the root, would match a path.

    Paths are those of files, as git stores them. Raises ValueError for a pattern that can match
    nothing.
    """
    read = [_read(pattern) for pattern in patterns]

    def last(path: bytes, folder: bool) -> bool | None:
        for pattern in reversed(read):
            if (folder or not pattern.folders_only) and pattern.regex.match(path):
                return not pattern.negated
        return None

    def matches(path: bytes) -> bool:
        # A folder that matches takes all below with it, which no later "!" brings back.
        slash = path.find(b"/")
        while slash >= 0:
            if last(path[:slash], True):
                return True
            slash = path.find(b"/", slash + 1)
        return bool(last(path, False))

    return matches


def chooser(include: Sequence[str], exclude: Sequence[str]) -> Callable[[bytes], bool]:
    """Whether a path is wanted: included (no pattern: all are) and not excluded."""
    included = matcher(include) if include else None
    excluded = matcher(exclude) if exclude else None

    def wanted(path: bytes) -> bool:
        return (included is None or included(path)) and not (excluded and excluded(path))

    return wanted


def _read(text: str) -> _Pattern:
    pattern = _unpadded(text.encode("utf-8", "surrogateescape"))
    negated = pattern.startswith(b"!")
    pattern = pattern[negated:]
    folders_only = pattern.endswith(b"/")
    pattern = pattern[:-1] if folders_only else pattern
    anchored = b"/" in pattern
    pattern = pattern.removeprefix(b"/")
    if not pattern or pattern.startswith(b"/"):
        raise ValueError(f"pattern {text!r} matches nothing")
    body = _regex(pattern)
    if body is None:
        raise ValueError(f"pattern {text!r} does not end as it should")
    head = b"" if anchored else rb"(?:.*/)?"
    try:
        regex = re.compile(head + body + rb"\Z", re.DOTALL)
    except re.error:
        raise ValueError(f"pattern {text!r} holds a range that runs backwards") from None
    return _Pattern(negated, folders_only, regex)


def _unpadded(pattern: bytes) -> bytes:
    """Trailing blanks do not count, unless a backslash stands before them."""
    bare = pattern.rstrip(b" ")
    backslashes = len(bare) - len(bare.rstrip(b"\\"))
    return bare + b" " if backslashes % 2 and bare != pattern else bare


def _regex(pattern: bytes) -> bytes | None:
    parts: list[bytes] = []
    at = 0
    while at < len(pattern):
        byte = pattern[at : at + 1]
        if byte == b"*":
            end = at
            while pattern[end : end + 1] == b"*":
                end += 1
            begins = at == 0 or pattern[at - 1 : at] == b"/"
            if end - at == 2 and begins and pattern[end : end + 1] == b"/":
                parts.append(rb"(?:.*/)?")
                end += 1
            elif end - at == 2 and begins and end == len(pattern):
                parts.append(rb".+" if at else rb".*")
            else:
                parts.append(rb"[^/]*")
            at = end
        elif byte == b"?":
            parts.append(rb"[^/]")
            at += 1
        elif byte == b"[":
            match = _CLASS.match(pattern, at)
            if match is None:
                return None
            parts.append(_class(match))
            at = match.end()
        elif byte == b"\\":
            if at + 1 == len(pattern):
                return None
            parts.append(re.escape(pattern[at + 1 : at + 2]))
            at += 2
        else:
            parts.append(re.escape(byte))
            at += 1
    return b"".join(parts)


def _class(match: re.Match[bytes]) -> bytes:
    items: list[bytes] = []
    for posix, escaped, plain in _ITEM.findall(match[2]):
        if posix:
            items.append(_POSIX.get(posix, b""))
        elif plain == b"-":
            items.append(b"-" if items and items[-1] != b"-" else rb"\-")
        else:
            items.append(re.escape(escaped or plain))
    if items and items[-1] == b"-":
        items[-1] = rb"\-"
    body = b"".join(items)
    if match[1]:
        return rb"(?!/)[^" + body + rb"]"
    return rb"(?!/)[" + body + rb"]"

"""The words of AppArmor's grammar that say what a rule is, and what stands before its keyword.

As in apparmor.d(5) and the parser's own ``parser_yacc.y``
(https://gitlab.com/apparmor/apparmor, ``parser/``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from patcher.policy.patterns import regex

KEYWORDS: frozenset[bytes] = frozenset(
    b"network capability file mount umount remount unmount pivot_root signal ptrace dbus unix set "
    b"rlimit change_profile change_hat link include #include abi all userns mqueue io_uring "
    b"alias".split()
)
"""Words that begin a rule; file rules may also begin with their path."""

INCLUDES = (b"include", b"#include")

MODES: frozenset[bytes] = frozenset((b"allow", b"deny", b"prompt"))
"""Qualifiers that say what a rule does."""

QUALIFIERS: frozenset[bytes] = MODES | frozenset((b"audit", b"quiet"))
"""What may stand before the keyword of any rule, besides ``priority=N``."""

FILE_QUALIFIERS: frozenset[bytes] = frozenset((b"owner", b"other", b"safe", b"unsafe"))
"""What may stand before a file rule alone."""

UNKNOWN_PRIORITY = 1 << 30
"""Of a rule whose priority a template action fills in: higher than any other."""

PATH = regex(rb"""(?:"?(?:/|@\{|\{[^{}]*\}/)|\*\*?/)""")
"""How a path begins."""

_FILE_MODE = regex(rb"[rwaxmlkdciupCPUIX]+\Z")
_PRIORITY = regex(rb"priority\s*=\s*([+-]?\d+)\Z")
_CAPITALS = regex(rb"[A-Z][A-Z0-9_]{2,}\Z")
"""``MODE @{PROC}/kcore rwklx,``: a word that a script replaces, without a mark around it."""


class Qualifiers(NamedTuple):
    """What stands before a rule's keyword or path."""

    mode: str = "allow"
    """``allow``, ``deny`` or ``prompt``; ``unknown`` where a template action stands among them."""
    audit: bool = False
    priority: int = 0
    """``priority=N`` (AppArmor 4.1)."""
    words: int = 0
    """How many words they are."""


_NONE = Qualifiers()


def priority(word: bytes) -> int | None:
    """Return the number in ``priority=N``; None for any other word."""
    match = _PRIORITY.match(word)
    return None if match is None else int(match[1][:9])


def is_qualifier(word: bytes) -> bool:
    """Whether a word stands before a keyword or path, and is no template action."""
    return word in QUALIFIERS or word in FILE_QUALIFIERS or priority(word) is not None


def qualifiers(words: Sequence[bytes], holes: Sequence[bool]) -> Qualifiers:
    """Parse what stands before the keyword or path of a rule.

    ``holes`` says which words hold a template action: what it will be is not known, and where a
    rule follows, it may be any qualifier.
    """
    if words and not holes[0] and words[0].startswith((b"/", b"@")):
        return _NONE
    mode, audit, rank = "allow", False, 0
    for index, word in enumerate(words):
        if word == b"audit":
            audit = True
        elif word in (b"allow", b"quiet"):
            pass
        elif holes[index] or _CAPITALS.match(word):
            if not (word.startswith(b"priority") or _begins_rule(words, holes, index + 1)):
                break
            mode, rank = "unknown", UNKNOWN_PRIORITY
        elif word in MODES:
            mode = mode if mode == "unknown" else word.decode()
        elif (number := priority(word)) is not None:
            rank = number
        elif not is_qualifier(word):
            break
    else:
        index = len(words)
    return Qualifiers(mode, audit, rank, index)


def _begins_rule(words: Sequence[bytes], holes: Sequence[bool], index: int) -> bool:
    """Whether the words from here on begin a rule, be it with more qualifiers."""
    while index < len(words) and is_qualifier(words[index]):
        index += 1
    if index == len(words):
        return False
    word = words[index]
    return word in KEYWORDS or (holes[index] and ends_in_network(word)) or _is_path(word)


def _is_path(word: bytes) -> bool:
    return PATH.match(word) is not None


def ends_in_network(word: bytes) -> bool:
    """Whether the keyword stands right behind a template action: ``{{.Deny}}network``."""
    return word.endswith(b"network") and not word.endswith(b"/network")


def keyword(words: Sequence[bytes], holes: Sequence[bool]) -> bytes | None:
    """Return the kind of rule that these words, without their qualifiers, make.

    ``file`` for a rule that begins with its path, ``action`` for a template action in a rule's
    place; None when they make none.
    """
    if not words:
        return None
    first, rest = words[0], words[1:]
    if first in KEYWORDS:
        if first == b"set":
            return b"rlimit" if rest and rest[0] == b"rlimit" else None
        return first.lstrip(b"#")
    if holes[0] and (b"network" in rest or ends_in_network(first)):
        return b"network"
    if _is_file_rule(first, rest, holes):
        return b"file"
    return b"action" if holes[0] else None


def _is_file_rule(first: bytes, rest: Sequence[bytes], holes: Sequence[bool]) -> bool:
    """``/path rw``, ``/path -> /target rw``, ``/path Px -> name``; the mode may come first."""
    if not rest:
        return False
    if holes[0]:
        return _FILE_MODE.match(rest[-1]) is not None
    if _is_path(first):
        return b"->" in rest or _FILE_MODE.match(rest[-1]) is not None or any(holes[1:])
    return _FILE_MODE.match(first) is not None and _is_path(rest[0])


def included(words: list[bytes]) -> tuple[str, bool] | None:
    """The file that an include names, and whether it may be missing; None while these words make no
    include, or not yet."""
    if len(words) < 2 or words[0] not in INCLUDES or words[1:] == [b"if"]:
        return None
    optional = words[1:3] == [b"if", b"exists"]
    at = 3 if optional else 1
    if at == len(words):
        return None
    return words[at].decode("utf-8", "surrogateescape").strip('<>" '), optional

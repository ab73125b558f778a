"""The words before a brace that begin a profile, child profile or hat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from patcher.policy.bounds import MAX_FLAGS, TooMuch
from patcher.policy.grammar import PATH
from patcher.policy.lexer import Token
from patcher.policy.patterns import regex

UNKNOWN_FLAGS = b""
"""Stands among the flags where a template action, or an escape, may stand for more."""

LAX_FLAGS = frozenset((b"complain", b"unconfined", b"default_allow", b"prompt"))
"""Flags with which a profile does not deny what no rule of it names."""

_KNOWN_FLAG = regex(
    rb"(?:attach_disconnected(?:\.(?:path|ipc)=\S+|\.ipc)?|mediate_deleted|complain|enforce|unconfined|"
    rb"default_allow|prompt|kill(?:\.signal=\w+)?|error=\w+|audit|debug|interruptible|"
    rb"no_attach_disconnected|delegate_deleted|chroot_relative|namespace_relative|chroot_attach|"
    rb"chroot_no_attach)\Z"
)
"""All that a parser knows, from 2.x, which took ``debug``, to 6.0 (``flagvals`` in its
``profile.h``). They are told apart by upper and lower case."""
_FLAGS = regex(rb"(?:flags\s*=?\s*)?\(((?:[^()]|\([^()]*\))*)\)\Z")
_UNKNOWN_PART = regex(rb"(?!(?:flags|xattrs|identities)=)\w+=")
"""What a header may hold for those who wrote it, but for no parser: ``mode=complain``."""
_FLAG_SEPARATOR = regex(rb"[\s,]+")
_FLAG = regex(
    rb"attach_disconnected\b|mediate_deleted|complain|enforce|unconfined|audit|kill|prompt|"
    rb"chroot_relative|namespace_relative|chroot_attach|chroot_no_attach|default_allow|debug|"
    rb"delegate_deleted|no_attach_disconnected|interruptible"
)
_FLAGS_WORDS = (b"flags", b"flags=", b"=")
_NAME = regex(rb"(?:[\"'<\w/@^:.*\-\[\x80-\xff]|\{[^{}]*,)[^=;]*\Z")
_ATTACHMENT = regex(rb"\"?[/@{]|xattrs=|\+|identities=|[\"']?\w[\w.-]*[\"']\Z")
_CONTINUED = regex(rb"flags\b|\(|xattrs=|\"?/|@\{")
"""What a header's second or third line may begin with."""

_KEYWORDS = (b"profile", b"hat")
_GLUED = regex(rb"(?:profile|hat)(?=[\"/@:])")
_MOST_WORDS = 12
_MOST_PENDING = 64
"""Words behind the first of a line that may be looked at for a header."""


def unknown_flags(flags: Iterable[bytes]) -> list[bytes]:
    """Those of a profile's flags that no parser is known to know, the ones in whose place a
    template action stands (``UNKNOWN_FLAGS``) included, in alphabetical order."""
    return sorted(flag for flag in flags if _KNOWN_FLAG.match(flag) is None)


class Header(NamedTuple):
    """What a header says."""

    first: Token
    name: Token
    attachment: bytes
    """The path of the programs that the profile is for; empty without one."""
    flags: frozenset[bytes]
    keyword: bool
    """It begins with ``profile`` or ``hat``."""


def parse(words: Sequence[Token]) -> Header | None:
    """Parse the words of a header; None when they make none. Raises TooMuch."""
    words = [part for word in words for part in _parts(word)]
    start = next((i for i, word in enumerate(words) if word.text in _KEYWORDS), 0)
    words = words[start:]
    if not words or len(words) > _MOST_WORDS:
        return None
    names, flags = _flags(words)
    keyword = words[0].text in _KEYWORDS
    if keyword:
        names = names[1:]
    if not names or not (names[0].hole or (keyword and flags) or _NAME.match(names[0].text)):
        return None
    if any(not (word.hole or _ATTACHMENT.match(word.text)) for word in names[1:]):
        return None
    if not keyword and not _named_by_itself(names, flags):
        return None
    if flags is None:
        flags = {UNKNOWN_FLAGS} if any(_may_be_flags(word) for word in names[1:]) else set()
    attachment = next((word.text for word in names if PATH.match(word.text)), b"")
    return Header(words[0], names[0], attachment.strip(b'"'), frozenset(flags), keyword)


def find(pending: Sequence[Token], lines: Sequence[int]) -> tuple[Header, bool] | None:
    """Find the header that ends the pending words, and say whether it begins a line.

    ``lines``: where in ``pending`` its lines begin, in order. A header may be broken before its
    attachment, its flags and its brace. Raises TooMuch.
    """
    found = None
    for start in reversed(lines):
        words = pending[start:]
        if len(words) > _MOST_PENDING:
            break
        header = parse(words)
        if header is not None and (found is None or header.keyword):
            found = header, words[0] is header.first
        if words and not _CONTINUED.match(words[0].text):
            break
    return found


def _parts(word: Token) -> tuple[Token, ...]:
    """A word, or the keyword and the name that are written as one: ``profile"x y"``."""
    match = _GLUED.match(word.text)
    if match is None:
        return (word,)
    end = word.start + match.end()
    keyword = word._replace(end=end, text=match[0], hole=False)
    return keyword, word._replace(start=end, text=word.text[match.end() :])


def _may_be_flags(word: Token) -> bool:
    """Whether a template action stands where flags may."""
    return word.hole and PATH.match(word.text) is None


def _named_by_itself(names: Sequence[Token], flags: set[bytes] | None) -> bool:
    """Whether these are the words of a header without a keyword: a hat, a path, or a template
    action that flags follow."""
    first = names[0]
    if first.text.startswith(b"^"):
        return len(names) == 1 and len(first.text) > 1
    return bool(flags) if first.hole else PATH.match(first.text) is not None


def _is_odd(word: Token, name: int) -> bool:
    """Whether a word behind the name is taken for a flag by nobody but the profile's author.
    ``name``: 0 where the header has no keyword."""
    return name > 0 and not word.hole and _UNKNOWN_PART.match(word.text) is not None


def _flags(words: Sequence[Token]) -> tuple[list[Token], set[bytes] | None]:
    """The words before the flags, and the flags; None for no flags. Raises TooMuch."""
    name = 1 if words[0].text in _KEYWORDS else 0
    if odd := {word.start: word.text for word in words[name + 1 :] if _is_odd(word, name)}:
        names, flags = _flags([word for word in words if word.start not in odd])
        return names, {*(flags or ()), *odd.values()}
    for index, word in enumerate(words):
        match = _FLAGS.match(word.text)
        if match is None or len(words) == 1:
            continue
        found = {part.strip(b'"') for part in _FLAG_SEPARATOR.split(match[1]) if part}
        said = index > 0 and words[index - 1].text in _FLAGS_WORDS
        if word.text.startswith(b"(") and not (said or any(map(_FLAG.match, found))):
            continue
        if len(found) > MAX_FLAGS:
            raise TooMuch(f"a profile with more than {MAX_FLAGS} flags")
        if word.hole or any(b"\\" in part for part in found):
            found.add(UNKNOWN_FLAGS)
        found.update(UNKNOWN_FLAGS if more.hole else more.text for more in words[index + 1 :])
        end = index
        while end > name + 1 and words[end - 1].text in _FLAGS_WORDS:
            end -= 1
        return [*words[:end]], found
    names = [word for i, word in enumerate(words) if i <= name or word.text[:5] != b"flags"]
    # flags=${FLAGS}: there are some, not known which
    return names, {UNKNOWN_FLAGS} if len(names) != len(words) else None

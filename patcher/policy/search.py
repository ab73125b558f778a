"""What makes a file worth reading, told by its lines: for `git grep` and for Python alike.

It is what looks at every file there is, so it is quick. It may match files that do not matter, and
nothing is found in a file that it does not match: the engine asks `matters` first.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from patcher.policy import encodings
from patcher.policy.grammar import FILE_QUALIFIERS, KEYWORDS, QUALIFIERS
from patcher.policy.network import ACCESSES, FAMILIES, PROTOCOLS, TYPES
from patcher.policy.patterns import regex

__all__ = [
    "BEGINS_LINE",
    "MENTION",
    "NETWORK_OR_FLAG",
    "SEARCH",
    "Spans",
    "candidates",
    "is_binary",
    "lax_flags",
    "matters",
    "names_seccomp",
    "searched",
    "united",
    "within",
]


def _words(*groups: Iterable[str | bytes]) -> bytes:
    words = {
        word if isinstance(word, bytes) else word.encode() for words in groups for word in words
    }
    return b"|".join(sorted(map(re.escape, words)))


_RULE = rb"(?:" + _words(KEYWORDS, QUALIFIERS, FILE_QUALIFIERS) + rb"|priority|profile|hat|if)\b"
"""How a rule may begin that follows on the same line."""

_FILLED_IN = (
    rb"(?:\([^()\n]{0,120}\)|\{\{[^\n]{0,200}?\}\}|\{%[^\n]{0,200}?%\}|\{\w{0,60}\}"
    rb"|\$\{[^}\n]{0,80}\}|\$\w{1,60}|%\w|@\w{1,60}@|<[^>\n]{0,60}>)"
)
_ARGUMENT = (
    rb"(?:(?:" + _words(FAMILIES, TYPES, PROTOCOLS, ACCESSES) + rb")\b|" + _FILLED_IN + rb"|"
    rb"(?:ip|port|peer|interface|label)[ \t]*=[^,\n]{0,200})"
)
"""What may stand behind ``network``."""

_NEXT = rb"[ \t\r]*(?:$|[^\w\s]|" + _RULE + rb"|[rwaxmlkiPUC]{1,8}[ \t]+[/@\"])"
"""What follows a rule of one word, behind its comma."""


BEGINS_LINE = (
    *(rb"\x5c[nrt]", rb"\x5cx[0-9a-fA-F]{2}"),
    *(rb"\x5cu00[0-9a-fA-F]{2}", rb"\x5c0[0-7]{2}"),
)
"""Escaped, as in the string of a program."""
_PLACEHOLDER = (rb"[A-Z_]{3}[ \t]", rb"%[sdvqr][ \t]", rb"\$\w{1,16}[ \t]")
"""What a script puts in a qualifier's place, before a blank."""
_FOLLOWED = (
    *(rb"%b[ \t]" % word for word in sorted(QUALIFIERS)),
    rb"[=+\s-]\d{1,4}[ \t]",
    *(rb"%b,[ \t]" % word for word in sorted(KEYWORDS)),
    *(rb"[^a-z],[ \t]", rb"userns[ \t]create,[ \t]"),
    rb"[ \t][rwmixklaUPCup]{1,6},[ \t]",
    rb"=[a-z_]{1,24},[ \t]",
    rb"\d[ \t][a-z]{1,12},[ \t]",  # set rlimit cpu <= 1 minute,
    rb"y[ \t][a-z_]{3,18},[ \t]",  # capability x,
    rb">[ \t]\S{1,32},[ \t]",
)
"""What a rule follows on its line, before a blank: a qualifier, a priority, another rule. Prose
says "the network, " and "volume, network,"."""
_REACH = 48
"""Bytes before a keyword that decide whether a rule begins with it."""
_RANGE = regex(rb"\{(\d+),(\d+)\}")


def _behind(word: bytes, before: Iterable[bytes]) -> bytes:
    """``word`` behind any of these, as PCRE and Python want it: a lookbehind for each length."""
    fixed: list[bytes] = []
    for each in before:
        counts = _RANGE.search(each)
        lengths = range(int(counts[1]), int(counts[2]) + 1) if counts else (0,)
        fixed += [_RANGE.sub(b"{%d}" % length, each) for length in lengths]
    return rb"(?:%b)" % b"|".join(rb"(?<=%b%b)" % (each, word) for each in fixed)


def _ends(before: Iterable[bytes]) -> re.Pattern[bytes]:
    """Matches a text that ends in any of these."""
    return regex(rb"(?:%b)\Z" % b"|".join(before))


def _alone(word: bytes) -> bytes:
    """``word`` where a rule may begin with it: behind a blank, a mark or an escaped line break."""
    return (
        rb"(?:(?<![\w.(\[:&*/-]%b)(?:(?<![\w,;.)][ \t]%b)|" % (word, word)
        + _behind(word, _FOLLOWED)
        + rb")|"
        + _behind(word, BEGINS_LINE)
        + rb")"
    )


_ENDS_ALONE = _ends(
    (
        rb"\A",
        rb"[^\w.(\[:&*/\s-]",
        rb"[^\S \t]",
        rb"(?:\A|[^\w,;.)])[ \t]",
        *_FOLLOWED,
        *BEGINS_LINE,
    )
)
"""What may stand before a word that ``_alone`` matches."""
_ENDS_IN_PLACEHOLDER = _ends(_PLACEHOLDER)


_AMONG_FLAGS = rb"(?<=[\s(,}\"]%b)"
_LAST_FLAGS = rb"(?:[\w ,.=${}@%|\"-]{0,200}\)[ \t\r]*(?:$|[^\w\s,.;:)])|,[ \t\r]*$)"
"""How a profile's flags end, which may be broken over lines."""


_FLAG_WORDS = (b"attach_disconnected", b"audit", b"chroot_relative", b"mediate_deleted")
"""Flags that stand beside others, with a blank between."""


def _flag(word: bytes) -> bytes:
    """What shows behind a word that it is a profile's flag: others follow, or their end, or it
    stands alone on its line."""
    alone = _behind(word, (rb"^[ \t]{0,8}", *(rb"\b%b[ \t]" % flag for flag in _FLAG_WORDS)))
    more = rb"(?:[ \t]+(?:%b)\b)*" % b"|".join(_FLAG_WORDS)
    return rb"(?:%b%b|%b%b[ \t\r]*$)" % (_AMONG_FLAGS % word, _LAST_FLAGS, alone, more)


_NETWORK_END = (rb"[ \t]*+(?:,%b|\x5c[nrt]|#)|(?:[ \t]+%b){1,8}[a-z \t]{0,80}(?:,|[ \t\r]*$)") % (
    _NEXT,
    _ARGUMENT,
)
_ENDS: dict[bytes, tuple[bytes, bytes]] = {
    b"network": (rb"%b|[ \t]*+,?[ \t\r]*$" % _NETWORK_END, _NETWORK_END),
    b"all": (rb"[ \t]*+,%b" % _NEXT,) * 2,
}
"""How a rule goes on behind its keyword: where that stands alone, and behind a placeholder."""


def _rule(word: bytes) -> bytes:
    """A rule of that keyword. What follows is looked at first, since in prose it is rarely a
    comma."""
    alone, placeholder = _ENDS[word]
    return rb"(?:(?=%b)%b|(?=%b)%b)" % (
        *(alone, _alone(word)),
        *(placeholder, _behind(word, _PLACEHOLDER)),
    )


_LAX = (
    rb"complain" + _flag(b"complain"),
    rb"unconfined" + _flag(b"unconfined"),
    rb"default_allow",
)


def _wide(text: bytes) -> bytes:
    """The text in UTF-16, in either order of its bytes, without its last NUL."""
    return rb"\x00".join(text[at : at + 1] for at in range(len(text)))


_UTF16 = (
    _wide(b"network,"),
    rb"%b\x00(?:%b|%b)" % (_wide(b"co"), _wide(b"mplain"), _wide(b"nfined")),
    rb"%b\x00(?:,|%b)" % (_wide(b"all"), _wide(b"ow")),  # of default_allow
)
_MOBY_FLAG = (
    rb"mediate_deleted(?![ \t]+(?!(?:audit|complain|debug|enforce|interruptible|kill|prompt"
    rb"|unconfined|if|unless|else|when|for)\b)(?:[a-z]|[\x80-\xff]){2,40}[ \t]+[\w\x80-\xff])"
)
"""The flag, but not in prose, where two words follow that are no flags: AppArmor's own messages,
which are there in seventy languages."""

_SECCOMP = rb"A(?:CT_(?:ALLOW|LOG)|ctAllow)"
"""An action of seccomp that executes a system call: ``SCMP_ACT_ALLOW``; ``ActAllow`` in Go."""

SEARCH: tuple[bytes, ...] = (
    rb"network" + _rule(b"network"),
    _MOBY_FLAG,
    rb"all(?:%b|ow(?<=default_allow))" % _rule(b"all"),
    rb"co(?:mplain%b|nfined%b)" % (_flag(b"complain"), _flag(b"unconfined")),
    *encodings.SEARCH,
    *_UTF16,
    _SECCOMP,
)
"""A file that matters has a line that matches one of these, in PCRE as in Python's ``re``.

A network rule, be it broken after its keyword; the flags of moby-style profiles; ``all,``; flags
that change what rules mean; the same in UTF-16, or encoded; an action of seccomp profiles.
PCRE is fast where an expression begins with letters; most cost 4 % each."""

NETWORK_OR_FLAG = (
    rb"network(?:(?<=\bnetwork)|" + _behind(b"network", BEGINS_LINE) + rb")\b|" + _MOBY_FLAG
)
"""In ``\\nnetwork`` the letter of an escape stands before the word, so there is no word boundary.
Expressions that begin with letters are five times as fast as those that begin with a boundary."""
MENTION = regex(
    NETWORK_OR_FLAG
    + b"".join(b"|" + flag for flag in _LAX)
    + rb"|all(?:(?<![^\s\"'`{},;>]all)|(?<=\\[nrt]all))[ \t]*,"
    + _NEXT,
    re.MULTILINE,
)
"""What a stretch of a file must hold for a finding to come of it."""

_RULES = tuple(
    (word, regex(rb"%b(?=%b)" % (word, ends[0]), re.MULTILINE)) for word, ends in _ENDS.items()
)
_GOES_ON = {word: regex(ends[1], re.MULTILINE) for word, ends in _ENDS.items()}
_FLAGS = tuple(
    (word, regex(pattern, re.MULTILINE))
    for word, pattern in zip(
        (b"mediate_deleted", b"complain", b"unconfined", b"default_allow"),
        (_MOBY_FLAG, *_LAX),
        strict=True,
    )
)
_IN_UTF16 = tuple(map(regex, _UTF16))
_NAMES_SECCOMP = regex(_SECCOMP)
_NEAR = regex(
    rb"(?:capability|umount|ptrace|pivot_root)(?:[ \t]+[^\n,]{1,80})?,(?!\w)"
    rb"|signal[ \t]+(?:[^\w\s,]|(?:send|receive|r|w|rw|read|write|set|peer)\b)[^\n,]{0,80},"
    rb"|\b(?:file|mount|unix|mqueue|userns|dbus),[ \t\r]*(?:$|\\n|[\"'`#{}])"
    rb"|deny[ \t]+(?:[@/\"]|mount\b|network\b|ptrace\b|capability\b|signal\b)|include[ \t]+[<\"]"
    rb"|flags[ \t]*=[ \t]*\(|attach_disconnected"
    rb"|\b(?:profile|hat)[ \t]++(?!:?=)[^\n{]{1,120}\{|/\S{1,300}+[ \t]++[rwmixklaUPCup]{1,8}+,",
    re.MULTILINE,
)
"""What stands near a rule."""
_ATTACHED = rb"/[^\s(]++(?:[ \t][^\n{(;]{0,80}+)?(?<=[ \t])\{$"
_ANYWHERE = tuple(
    (word, regex(pattern, re.MULTILINE))
    for word, pattern in (
        (
            b"profile",
            rb"profile(?<!\wprofile)[ \t]++[^\s:;=(]++[ \t]*(?:\{|flags|[\"/@][^\n]{0,160}\{)",
        ),
        (b"network", rb"network[ \t]++(?:inet6?|unix|netlink|packet|raw|stream)\b[^,\n]{0,40},"),
        (b"\n/", rb"\n" + _ATTACHED),
        (b"abstractions/", rb"include[ \t]+<"),
    )
)
"""What a profile of which a rule stands alone among comments or its like has. Expressions that
begin with letters are fast."""
_HEADER = regex(rb"profile[ \t]++[^\s:;=(]++[ \t]*(?:[/@\r(]|$)", re.MULTILINE)
"""A header of which the rest stands on the next line; prose has such words, too."""
_FIRST_LINE = regex(_ATTACHED, re.MULTILINE)
_SMALL, _DISTANCE = 4096, 2000

Spans = Sequence[tuple[int, int]]
"""Stretches of a file: begin and end offsets."""


def united(spans: Iterable[tuple[int, int]]) -> Spans:
    """The spans in order, those that touch made one."""
    united: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def within(spans: Spans, offset: int) -> bool:
    """Whether the offset lies in one of these spans, which ``united`` made."""
    index = bisect_right(spans, offset, key=lambda span: span[0]) - 1
    return index >= 0 and offset < spans[index][1]


_NULS, _BEGINNING = 4, 8192


def is_binary(content: bytes) -> bool:
    """Whether a file, or a piece of it, is no text. A few NUL bytes do not make it so, nor do those
    in comments, which AppArmor's parser takes."""
    if b"\0" not in content:
        return False
    for piece in (content[:_BEGINNING], content):
        number = piece.count(b"\0")
        if number > _NULS and number * 1000 > len(piece):
            return not _is_commented(content)
    return False


def _is_commented(content: bytes) -> bool:
    """Whether each NUL byte stands in a comment of policy."""
    at = content.find(b"\0")
    while at >= 0:
        if content.find(b"#", content.rfind(b"\n", 0, at) + 1, at) < 0:
            return False
        end = content.find(b"\n", at)
        at = content.find(b"\0", end) if end >= 0 else -1
    return True


def searched(content: bytes) -> bool:
    """Whether a line of a text matches one of ``SEARCH``.

    Python's engine tries a pattern at every byte, 60 MB/s, unless it begins with letters; most
    contents lack the words, which is seen at 1,500 MB/s.
    """
    if next(candidates(content), -1) >= 0 or _any(_FLAGS, content):
        return True
    if encodings.is_encoded(content) or names_seccomp(content):
        return True
    return b"\0" in content and any(pattern.search(content) for pattern in _IN_UTF16)


def names_seccomp(content: bytes) -> bool:
    """Whether a text names an action of seccomp that executes a system call."""
    return _NAMES_SECCOMP.search(content) is not None


def matters(content: bytes, is_policy: Callable[[], bool] = lambda: False) -> bool:
    """Whether there is anything to read in a file: a line of it matches one of ``SEARCH``, and in a
    large file something else of policy stands near a rule, or is a profile's beginning.

    ``is_policy`` says whether the whole file is one of policy, as its name tells.
    """
    if _any(_FLAGS, content):
        return True
    found = candidates(content)
    first = next(found, -1)
    if first < 0 or len(content) <= _SMALL:
        return first >= 0
    near = united((at - _DISTANCE, at + _DISTANCE) for at in chain((first,), found))
    if any(_NEAR.search(content, max(start, 0), end) for start, end in near):
        return True
    return _any(_ANYWHERE, content) or _has_header(content) or is_policy()


def _has_header(content: bytes) -> bool:
    """Whether a line may be a header that other text does not hold."""
    if _FIRST_LINE.match(content):
        return True
    for match in _HEADER.finditer(content):
        at = match.start()
        if not content[content.rfind(b"\n", 0, at) + 1 : at].strip(b" \t"):
            return True
    return False


def _any(patterns: Iterable[tuple[bytes, re.Pattern[bytes]]], content: bytes) -> bool:
    """Whether one of the patterns matches; each match of it holds the word."""
    return any(word in content and pattern.search(content) for word, pattern in patterns)


def candidates(content: bytes, outside: Spans = ()) -> Iterator[int]:
    """Offsets outside of these spans at which a rule may stand that allows the family."""
    for word, rule in _RULES:
        for match in rule.finditer(content) if word in content else ():
            at = match.start()
            if not within(outside, at) and _may_begin(word, content, at):
                yield at


def lax_flags(content: bytes, outside: Spans = ()) -> Iterator[int]:
    """Offsets outside of these spans of flags that allow what no rule names."""
    for word, flag in _FLAGS[1:]:
        for match in flag.finditer(content) if word in content else ():
            if not within(outside, match.start()):
                yield match.start()


def _may_begin(word: bytes, content: bytes, at: int) -> bool:
    """Whether a rule may begin with the word at this offset, behind which it goes on as one."""
    before = content[max(0, at - _REACH) : at]
    if _ENDS_ALONE.search(before):
        return True
    goes_on = _GOES_ON[word].match(content, at + len(word))
    return goes_on is not None and _ENDS_IN_PLACEHOLDER.search(before) is not None

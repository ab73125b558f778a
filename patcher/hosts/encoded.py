"""Texts that a file holds in base64 (RFC 4648), as Secrets of Kubernetes and cloud-init do."""

from __future__ import annotations

from collections.abc import Iterator

from patcher.policy.bounds import TooMuch, time_left
from patcher.policy.patterns import regex, repeated
from patcher.policy.search import MOBY_FLAGS_WORDS, in_base64

_DIGITS = rb"[A-Za-z0-9+/]"
_BETWEEN = rb"(?:(?:\\?\r?\n|\\[rn])|[\"'][ \t]*[,+.\\]?[ \t]*(?:\r?\n)?[ \t]*[\"'])" + repeated(
    rb"[ \t\r\n]++|\\[rn]"
)
"""What stands between two lines of it: a line break, escaped or not, or the quotes of strings."""
_RUN = regex(
    rb"(?<!%b)%b{40,}+" % (_DIGITS, _DIGITS) + repeated(_BETWEEN + _DIGITS + rb"++") + rb"={0,2}"
)
_OTHER = regex(_BETWEEN + rb"|[^A-Za-z0-9+/]++")
_MOST, _LONGEST = 32, 1 << 20


def decoded(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The texts with the flags of moby-style profiles: where each begins in ``content``, and what
    it says, behind which a few bytes may be no part of it. Raises TooMuch."""
    if not in_base64(content):
        return
    from binascii import a2b_base64

    number = 0
    for run in _RUN.finditer(content):
        time_left()
        if not in_base64(run[0]):
            continue
        number += 1
        if number > _MOST or len(run[0]) > _LONGEST:
            raise TooMuch(f"more than {_MOST} profiles in base64, or over {_LONGEST} bytes of one")
        digits = _OTHER.sub(b"", run[0])
        text = a2b_base64(digits[: len(digits) // 4 * 4])
        if any(word in text for word in MOBY_FLAGS_WORDS):
            yield run.start(), text

"""Texts that a file holds in base64 (RFC 4648), as Secrets of Kubernetes and cloud-init do: as they
are, or compressed with gzip (RFC 1952)."""

from __future__ import annotations

from collections.abc import Iterator

from patcher.policy.bounds import TooMuch, time_left
from patcher.policy.patterns import regex, repeated
from patcher.policy.search import GZIP, MOBY_FLAGS_WORDS, in_base64, in_gzip

_DIGITS = rb"[A-Za-z0-9+/_-]"
"""Of both alphabets: the one for URLs has ``-`` and ``_``."""
_BETWEEN = rb"(?:(?:\\?\r?\n|\\[rn])|[\"'][ \t]*[,+.\\]?[ \t]*(?:\r?\n)?[ \t]*[\"'])" + repeated(
    rb"[ \t\r\n]++|\\[rn]"
)
"""What stands between two lines of it: a line break, escaped or not, or the quotes of strings."""
_RUN = regex(
    rb"(?<!%b)%b{40,}+" % (_DIGITS, _DIGITS) + repeated(_BETWEEN + _DIGITS + rb"++") + rb"={0,2}"
)
_OTHER = regex(_BETWEEN + rb"|[^A-Za-z0-9+/_-]++")
_FOR_URLS = regex(rb"[_-]+")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_MOST, _LONGEST = 32, 1 << 20
_UNPACKED = 1 << 24
"""Bytes that are unpacked of one text."""


def decoded(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The texts with the flags of moby-style profiles: where each begins in ``content``, and what
    it says, behind which a few bytes may be no part of it. Raises TooMuch."""
    packed = in_gzip(content)
    if not (packed or in_base64(content)):
        return
    number = 0
    for run in _RUN.finditer(content):
        time_left()
        is_packed = packed and GZIP in run[0]
        if not (is_packed or in_base64(run[0])):
            continue
        if len(run[0]) > _LONGEST:
            raise TooMuch(f"over {_LONGEST} bytes of one text in base64")
        found = next((text for text in _texts(run[0], is_packed) if _matters(text)), None)
        if found is None and is_packed:
            continue
        number += 1
        if number > _MOST:
            raise TooMuch(f"more than {_MOST} profiles in base64")
        if found is not None:
            yield run.start(), found


def _matters(text: bytes) -> bool:
    return any(word in text for word in MOBY_FLAGS_WORDS)


def _texts(run: bytes, is_packed: bool) -> Iterator[bytes]:
    """What these digits may say: ``-`` and ``_`` are digits, or stand before or behind some."""
    digits = _OTHER.sub(b"", run)
    yield _text(digits.translate(_STANDARD), is_packed)
    if _FOR_URLS.search(digits):
        yield from (_text(part, is_packed) for part in _FOR_URLS.split(digits))


def _text(digits: bytes, is_packed: bool) -> bytes:
    from binascii import a2b_base64

    if is_packed:
        digits = digits[max(digits.find(GZIP), 0) :]
    text = a2b_base64(digits[: len(digits) // 4 * 4])
    return _unpacked(text) if is_packed and text.startswith(b"\x1f\x8b") else text


def _unpacked(packed: bytes) -> bytes:
    """What gzip makes of these bytes, as far as they are sound. Raises TooMuch."""
    from zlib import MAX_WBITS, decompressobj, error

    unpacking = decompressobj(MAX_WBITS | 16)
    try:
        text = unpacking.decompress(packed, _UNPACKED)
    except error:
        return b""
    if len(text) == _UNPACKED:
        raise TooMuch(f"over {_UNPACKED} bytes in gzip and base64")
    return text.replace(b"\0", b"\n")

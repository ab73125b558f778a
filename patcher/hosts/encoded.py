"""Texts that a file holds in base64 (RFC 4648), as Secrets of Kubernetes and cloud-init do: as they
are, or compressed with gzip (RFC 1952)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

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
_MOST_READ = 1 << 22
"""Bytes of all texts of a file that are read as policy."""
_UNPACKED, _ALL_UNPACKED = 1 << 24, 1 << 28
"""Bytes that are unpacked of one text, and of all of a file. What compresses best becomes a
thousand times as long, which for 8 MiB would take a minute."""
_MAGIC = b"\x1f\x8b"
_SLICE = 1 << 12
"""Bytes that are given to gzip at once: it returns no more than a thousand times as many."""


def decoded(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The texts with the flags of moby-style profiles: where each begins in ``content``, and what
    it says, behind which a few bytes may be no part of it. Raises TooMuch."""
    packed = in_gzip(content)
    if not (packed or in_base64(content)):
        return
    number = size = 0
    left = _ALL_UNPACKED
    for run in _RUN.finditer(content):
        time_left()
        is_packed = packed and GZIP in run[0]
        if not (is_packed or in_base64(run[0])):
            continue
        if len(run[0]) > _LONGEST:
            raise TooMuch(f"over {_LONGEST} bytes of one text in base64")
        found = None
        for text in _texts(run[0], is_packed):
            left -= len(text) if is_packed else 0
            if left < 0:
                raise TooMuch(f"over {_ALL_UNPACKED} bytes in gzip and base64 in one file")
            if _matters(text):
                found = text
                break
        if found is None and is_packed:
            continue
        number += 1
        if number > _MOST:
            raise TooMuch(f"more than {_MOST} profiles in base64")
        if found is not None:
            size += len(found)
            if size > _MOST_READ:
                raise TooMuch(f"over {_MOST_READ} bytes with profiles in base64")
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
    return _unpacked(text) if is_packed and text.startswith(_MAGIC) else text


def _unpacked(packed: bytes) -> bytes:
    """What gzip makes of all members of these bytes, up to the first mistake. Raises TooMuch."""
    from zlib import MAX_WBITS, decompressobj, error

    pieces: list[bytes] = []
    size = at = 0
    with suppress(error):
        while packed.startswith(_MAGIC, at):
            time_left()
            member = decompressobj(MAX_WBITS | 16)
            while not member.eof and at < len(packed):
                piece = packed[at : at + _SLICE]
                at += len(piece)
                pieces.append(member.decompress(piece))
                size += len(pieces[-1])
                if size > _UNPACKED:
                    raise TooMuch(f"over {_UNPACKED} bytes in gzip and base64")
            at -= len(member.unused_data)
    return b"".join(pieces).replace(b"\0", b"\n")

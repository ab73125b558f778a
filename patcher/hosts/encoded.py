"""Texts that a file holds in base64 or base32 (RFC 4648), as Secrets of Kubernetes and cloud-init
do: as they are, or compressed with gzip (RFC 1952)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from patcher.policy.bounds import TooMuch, time_left
from patcher.policy.encodings import GZIP, GZIP_TWICE, MOBY_FLAGS_WORDS, in_digits, in_gzip
from patcher.policy.patterns import regex, repeated

__all__ = ["Decoded", "Left", "decoded"]

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
_IS_BASE32 = regex(rb"[A-Z2-7]+\Z")
_MOST, _LONGEST = 32, 1 << 20
_MOST_READ = 1 << 20
"""Bytes of all texts of a file that are read as policy."""
_UNPACKED, _ALL_UNPACKED = 1 << 24, 1 << 28
"""Bytes that are unpacked of one text, and of all of a file. What compresses best becomes a
thousand times as long, which for 8 MiB would take a minute."""
_MAGIC = b"\x1f\x8b"
_SLICE = 1 << 12
"""Bytes that are given to gzip at once: it returns no more than a thousand times as many."""


class Decoded(NamedTuple):
    """A text that a file holds in some encoding."""

    offset: int
    """Where it begins in the file."""
    text: bytes
    """What it says; a few bytes before and behind may be no part of it."""
    encoding: str


class Left:
    """How much may still be unpacked, and read, of one file and the texts in it."""

    def __init__(self) -> None:
        self._unpacked, self._read = _ALL_UNPACKED, _MOST_READ

    def unpack(self, size: int) -> None:
        """So many bytes came out of gzip. Raises TooMuch."""
        self._unpacked -= size
        if self._unpacked < 0:
            raise TooMuch(f"over {_ALL_UNPACKED} bytes in gzip and base64 in one file")

    def read(self, size: int) -> None:
        """So many bytes are read as policy. Raises TooMuch."""
        self._read -= size
        if self._read < 0:
            raise TooMuch(f"over {_MOST_READ} bytes with profiles in base64")


def decoded(content: bytes, left: Left) -> Iterator[Decoded]:
    """The texts in digits that hold the flags of moby-style profiles, or a text that does. Raises
    TooMuch."""
    packed = in_gzip(content)
    if not (packed or in_digits(content)):
        return
    number = 0
    for run in _RUN.finditer(content):
        time_left()
        is_packed = packed and in_gzip(run[0])
        if not (is_packed or in_digits(run[0])):
            continue
        if len(run[0]) > _LONGEST:
            raise TooMuch(f"over {_LONGEST} bytes of one text in base64")
        found = None
        for each in _texts(run, is_packed):
            if is_packed:
                left.unpack(len(each.text))
            if _matters(each.text):
                found = each
                break
        if found is None and is_packed:
            continue
        number += 1
        if number > _MOST:
            raise TooMuch(f"more than {_MOST} profiles in base64")
        if found is not None:
            left.read(len(found.text))
            yield found


def _matters(text: bytes) -> bool:
    return in_gzip(text) or any(word in text for word in MOBY_FLAGS_WORDS)


def _texts(run: re.Match[bytes], is_packed: bool) -> Iterator[Decoded]:
    """What these digits may say: ``-`` and ``_`` are digits, or stand before or behind some."""
    digits = _OTHER.sub(b"", run[0])
    yield Decoded(run.start(), _text(digits.translate(_STANDARD), is_packed), "base64")
    if _FOR_URLS.search(digits):
        for part in _FOR_URLS.split(digits):
            yield Decoded(run.start(), _text(part, is_packed), "base64")
    if _IS_BASE32.match(digits):
        from base64 import b32decode

        text = b32decode(digits[: len(digits) // 8 * 8])
        yield Decoded(run.start(), text, "base32")


def _text(digits: bytes, is_packed: bool) -> bytes:
    from binascii import a2b_base64

    if is_packed:
        begin = max(digits.find(GZIP), digits.find(GZIP_TWICE))
        digits = digits[max(begin, 0) :]
    text = a2b_base64(digits[: len(digits) // 4 * 4])
    return _unpacked(text) if text.startswith(_MAGIC) else text


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

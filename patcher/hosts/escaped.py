"""Texts of which letters stand in escapes or as numbers: ``\\x6e``, ``\\156``, ``\\u006e``,
``%6e``, ``=6E``, ``&#110;``, ``0x6e, 0x65``, ``6e65`` as xxd prints them.

A host reads the escapes of its own format. Whatever else such a text may be, a person must look.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from patcher.hosts.encoded import Decoded
from patcher.policy.bounds import MAX_STRINGS, TooMuch, check_number, time_left
from patcher.policy.encodings import LETTER, MOBY_FLAGS_WORDS, in_numbers, numbers
from patcher.policy.patterns import regex

__all__ = ["decoded"]

_LETTER = regex(LETTER)
_ESCAPE = regex(
    rb"(?<!\\)\\++(?:x\{?(?P<x>[\da-fA-F]{2})\}?|[uU](?:\{0{0,6}|0{2,6})(?P<u>[\da-fA-F]{2})\}?"
    rb"|0?(?P<octal>[0-3]?[0-7]{2})|(?P<letter>[nrt]))"
    rb"|[%=](?P<hex>[\da-fA-F]{2})|=\r?\n"
    rb"|&\#(?:[xX]0{0,4}(?P<entity>[\da-fA-F]{2})|0{0,4}(?P<decimal>\d{2,3}));?"
)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_WORD = regex(rb"|".join((*MOBY_FLAGS_WORDS, rb"network(?:[ \t]*,)?")))

_DUMPED = regex(
    rb"^[ \t]*[\da-fA-F]{6,16}:?[ \t]+((?:[\da-fA-F]{2,4}[ ]{1,2})*?[\da-fA-F]{2,4})"
    rb"[ \t]*(?:[ ]{2}[^\n]*|\|[^\n]*)?$",
    re.MULTILINE,
)
"""A line of xxd or hexdump: an address, the bytes, and their text."""
_TOKENS = (
    (16, regex(rb"(?<![\da-zA-Z])(?:0?x|[uU]0{2,6}|u\{0{0,6})?((?:[\da-fA-F]{2})+)(?![\da-zA-Z])")),
    (8, regex(rb"(?<![\da-zA-Z])(?:0o?)?([0-3]?[0-7]{2})(?![\da-zA-Z])")),
    (10, regex(rb"(?<![\da-zA-Z])0{0,4}(\d{1,3})(?![\da-zA-Z])")),
)
_NO_TEXT = bytes.maketrans(bytes(range(9)) + bytes(range(14, 32)), b"\n" * 27)
_MOST, _REACH = 32, 1 << 17


def decoded(content: bytes) -> Iterator[Decoded]:
    """The texts that are readable only when escapes or numbers are replaced by what they stand for.
    Raises TooMuch."""
    has_flags = any(word in content for word in MOBY_FLAGS_WORDS)
    escapes = has_flags or _LETTER.search(content) is not None
    if escapes and (found := _unescaped(content)):
        yield found
    elif in_numbers(content):
        yield from _from_numbers(content)


def _unescaped(content: bytes) -> Decoded | None:
    """The file with each escape replaced, if a word of moby-style profiles is there only then."""
    places: list[tuple[int, int]] = []
    text = bytearray()
    position = 0
    for number, escape in enumerate(_ESCAPE.finditer(content)):
        if not number % 1024:
            time_left()
        text += content[position : escape.start()]
        if escape.lastgroup != "letter":
            places.append((len(text), escape.start()))
            check_number(len(places), MAX_STRINGS, "escapes")
        text += _said(escape)
        position = escape.end()
    text += content[position:]
    hidden = _first_hidden(bytes(text), places)
    return None if hidden < 0 else Decoded(hidden, bytes(text).translate(_NO_TEXT), "escapes")


def _said(escape: re.Match[bytes]) -> bytes:
    """The byte that an escape stands for; none for a broken line of quoted-printable."""
    group = escape.lastgroup
    if group is None:
        return b""
    digits = escape[group]
    if group == "letter":
        return _LETTERS[digits]
    base = {"octal": 8, "decimal": 10}.get(group, 16)
    return bytes((int(digits, base) & 0xFF,))


def _first_hidden(text: bytes, places: list[tuple[int, int]]) -> int:
    """The offset in the file of the first word that holds what stood in an escape; -1 for none.
    ``places``: where each of those is in ``text``, and in the file."""
    index = 0
    for word in _WORD.finditer(text):
        while index < len(places) and places[index][0] < word.start():
            index += 1
        if index < len(places) and places[index][0] < word.end():
            return places[index][1]
    return -1


def _from_numbers(content: bytes) -> Iterator[Decoded]:
    """What numbers say, near those that may be a part of moby-style profiles."""
    end = count = 0
    for found in numbers(content):
        time_left()
        if found < end:
            continue
        count += 1
        if count > _MOST:
            raise TooMuch(f"more than {_MOST} profiles in numbers")
        begin, end = max(found - _REACH, end), found + _REACH
        near = content[begin:end]
        dumped = _DUMPED.sub(rb"\1", near)
        for base, tokens in _TOKENS:
            text = b"".join(_bytes(each, base) for each in tokens.findall(dumped))
            if any(word in text for word in MOBY_FLAGS_WORDS):
                yield Decoded(found, text.translate(_NO_TEXT), "numbers")
                break


def _bytes(digits: bytes, base: int) -> bytes:
    if base == 16:
        return bytes.fromhex(digits.decode())
    return bytes((int(digits, base) & 0xFF,))

"""What shows that a text may hold a moby-style profile that is readable only when it is decoded.

The expressions are part of `patcher.policy.search`, so each begins with a letter or a digit: that
is fast in PCRE as in Python's ``re``. They match a few more files than there are such profiles.
"""

from __future__ import annotations

from collections.abc import Iterator

from patcher.policy.patterns import regex

__all__ = [
    "GZIP", "GZIP_TWICE", "LETTER", "MOBY_FLAGS_WORDS", "SEARCH", "in_digits", "in_escapes",
    "in_gzip", "in_numbers", "is_encoded", "numbers",
]  # fmt: skip

MOBY_FLAGS_WORDS = (b"mediate_deleted", b"attach_disconnected")

_BASE64 = (
    rb"V9kZWxldGVk|GlhdGVfZGVsZXRlZ|WRpYXRlX2RlbGV0ZW|GlzY29ubmVjdGVk"
    rb"|(?<=X2Rpc2Nvbm5lY3RlZ)|(?<=kaXNjb25uZ)WN0ZW"
)
_BASE32 = (
    rb"DFNRSXIZLE|DJMF2GKX3EMV|LENFQXIZK7M|(?<=PWIZ)LMMV2GKZ"
    rb"|(?<=TFMN2GKZ)|(?<=NUF6Z)DJONRW63T|WG33ONZSWG5D|XGKY3UMVS|(?<=XG4Z)LDORSW"
)
_DIGITS_OF_FLAGS = rb"Z(?:%b|%b)" % (_BASE64, _BASE32)
"""What base64 and base32 (RFC 4648) make of the middle of the two flags of moby-style profiles, in
each of the three or five ways in which their bytes may be grouped, but for the fourth of the second
flag in base32. A line break may tear one of the two. A ``Z`` is in each, so one expression is
enough."""

GZIP = b"H4sI"
"""How base64 of gzip begins: its magic number, and the one method that there is."""
_DIGITS = rb"[A-Za-z0-9+/_-]{40}"
_GZIP = GZIP + _DIGITS
"""gzip in base64. An expression of its own costs ``git grep`` no time that can be
measured; as an alternative in one of the others, 15 %."""
GZIP_TWICE = b"SDRzS"
"""How base64 of that begins, as Helm keeps its releases in Secrets."""
_GZIP_TWICE = GZIP_TWICE + rb"[Q-X]" + _DIGITS

_BETWEEN_HEX = rb"[^\w\n]{0,4}(?:0?x|[uU][0{]{1,7})?"
_BETWEEN_NUMBERS = rb"[^\w\n]{1,4}0{0,4}"
_NUMBERS = (
    rb"74%b(?:65%b5[fF]%b64|74%b61%b63|77%b6[fF]%b72)" % ((_BETWEEN_HEX,) * 7),
    rb"1(?:45%b137%b144|16%b116%b97|64%b164%b141|01%b95%b100|16%b119%b111|64%b167%b157)"
    % ((_BETWEEN_NUMBERS,) * 12),
)
"""A part of one of the flags, or of ``network``, as a number for each byte: hexadecimal; octal or
decimal. Whatever stands between the numbers: ``\\x74\\x65``, ``0x74, 0x65``, ``%74%65``,
``&#116;&#101;``, ``7465``. A line break may tear some of them; where each number
stands on a line of its own, none is seen."""

_HEX_LETTER = rb"(?:6[1-9a-fA-F]|7[0-9aA]|5[fF])"
_BACKSLASH = rb"\x5c(?:x\{?%b\}?|[uU]\{?0{0,6}%b\}?|0?1[3-7][0-7])" % ((_HEX_LETTER,) * 2)
_ESCAPES = _BACKSLASH + rb"[a-z_]{0,24}" + _BACKSLASH
"""Two letters in escapes of strings, near each other."""
LETTER = _BACKSLASH + rb"|[%%=]%b|&#(?:x0{0,4}%b|0{0,4}(?:9[5-9]|1[01]\d|12[0-2]))(?!\d);?" % (
    (_HEX_LETTER,) * 2
)
"""A small letter or an underscore in any of the escapes that are decoded."""

SEARCH = (_DIGITS_OF_FLAGS, _GZIP, _GZIP_TWICE, *_NUMBERS, _ESCAPES)

_IN_DIGITS, _IN_GZIP, _IN_GZIP_TWICE, _IN_HEX, _IN_NUMBERS, _IN_ESCAPES = map(regex, SEARCH)


def in_digits(content: bytes) -> bool:
    """Whether a text may hold a moby-style profile in base64 or base32."""
    return _IN_DIGITS.search(content) is not None


def in_gzip(content: bytes) -> bool:
    """Whether a text may hold something in base64, once or twice, that gzip compressed."""
    return _IN_GZIP.search(content) is not None or _IN_GZIP_TWICE.search(content) is not None


def in_numbers(content: bytes) -> bool:
    """Whether a text may hold a moby-style profile as a number for each byte."""
    return next(numbers(content), -1) >= 0


def numbers(content: bytes) -> Iterator[int]:
    """Offsets of what may be a part of a moby-style profile, as a number for each byte."""
    for pattern in (_IN_HEX, _IN_NUMBERS):
        yield from (found.start() for found in pattern.finditer(content))


def in_escapes(content: bytes) -> bool:
    """Whether letters of a text stand in escapes."""
    return _IN_ESCAPES.search(content) is not None


def is_encoded(content: bytes) -> bool:
    """Whether one of ``SEARCH`` matches."""
    return in_digits(content) or in_numbers(content) or in_escapes(content) or in_gzip(content)

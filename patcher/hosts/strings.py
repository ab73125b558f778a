"""What hosts share: which text matters, the escapes of strings, lists of strings."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from patcher.hosts.embedding import Line
from patcher.policy.bounds import MAX_LINES, MAX_STRINGS, check_number, time_left
from patcher.policy.patterns import regex, repeated
from patcher.policy.search import MENTION

MATTERS = MENTION
"""What a stretch must hold for a finding to come of it."""

BOM = b"\xef\xbb\xbf"

LINE_BREAK = (
    rb"(?:std::endl|endl|'\\n'|System\.lineSeparator\(\)|(?:os\.)?EOL|os\.linesep|"
    rb"Environment\.NewLine|NEWLINE|NL|LF|nl|newline|lineSeparator)(?![\w(])"
)
IS_LINE_BREAK = regex(rb"\s*" + LINE_BREAK + rb"\s*\Z")
"""An expression that puts a line break into the text."""

_NAMED = rb"[.*&$@]{0,4}[A-Za-z_][\w.]*+"
_MAKES_LIST = (
    rb"(?:[lL]ist|[aA]rray|[tT]uple|[vV]ector|[pP]air|Of|of|Seq|vec|unpack)\b!?(?:<[^<>\n]{0,40}>)?"
)
UNPACKS = regex(
    rb"(?:\A|[\n;{(])[ \t]*(?:(?:let|(?:const[ \t]+)?auto|const|var|val|my|our|local|final)\b"
    rb"[ \t]*&{0,2}[ \t]*)?(?:"
    rb"(?:(?:List|Seq|Array|Vector|Some|Tuple\d|list|array)[ \t]*)?"
    rb"[\[({][^=;\n\[\](){}]{0,120}[\])}]|%b%b)[ \t]*(?::[^=\n]{1,40})?:?=\s*"
    rb"(?:[&*\[{(\s]|\[\]\w+|(?:new\b\s*)?[\w.:]*?%b){0,6}\Z"
    % (_NAMED, repeated(rb"[ \t]*,[ \t]*" + _NAMED, b"+"), _MAKES_LIST)
)
"""``a, b, c = ``: each name takes a string of the list that follows, and for one more there is no
name."""

_LONGEST_ESCAPED_LINE = 1 << 16
_KNOWN_TOKENS = 1024
_SLICE = 1 << 16
"""Escapes after which the time is looked at."""

OFFSET = "I"
"""How an array holds file offsets, in four bytes each: no file of more than 4 GiB is read."""


def matters(content: bytes, start: int, end: int) -> bool:
    """Whether a finding may come of this stretch of the file."""
    return MATTERS.search(content, start, end) is not None


def text_start(content: bytes) -> int:
    """Return where the text of a file begins: behind its byte order mark, if it has one."""
    return len(BOM) if content.startswith(BOM) else 0


class Escapes(NamedTuple):
    """How a kind of string literal writes the bytes that it cannot hold as they are."""

    token: re.Pattern[bytes]
    """Matches whatever does not stand for itself, line breaks included; from any position in
    linear time."""
    decode: Callable[[bytes], bytes]
    """What a token stands for; ends in a line feed where the token ends a line of the text."""
    newline: bytes
    """How a line break is written where the text holds none that shows it."""


class Kind(NamedTuple):
    """A kind of string literal."""

    escapes: Escapes
    escape: Callable[[bytes], bytes]
    """Writes text in it; tabs are left alone."""
    one_line: bool = False
    """It cannot hold a line break, and writes tabs as escapes."""
    raw: bool = False
    """It has no escapes."""


class Decoded(NamedTuple):
    """One line of a string literal's value, and where it stands."""

    text: bytes
    start: int
    end: int
    """File offset behind the last byte of ``text``."""
    stop: int
    """File offset behind the line break; ``end`` where the string ends without one."""
    offsets: Sequence[int] | None


def decoded(content: bytes, start: int, end: int, escapes: Escapes | None) -> Iterator[Decoded]:
    """Return the lines of a string literal with ``content[start:end]`` inside; ``escapes`` is None
    for one line without escapes. Raises TooMuch."""
    if escapes is None:
        yield Decoded(content[start:end], start, end, end, None)
        return
    pieces: list[tuple[int, int, bytes]] = []  # (begin, end, value) of the tokens of this line
    begin = start
    number = 0
    known: dict[bytes, bytes] = {}  # most strings have few different tokens
    for at, token in enumerate(escapes.token.finditer(content, start, end)):
        if at % _SLICE == _SLICE - 1:
            time_left()
        text = token[0]
        value = known.get(text)
        if value is None:
            value = escapes.decode(text)
            if len(known) < _KNOWN_TOKENS:
                known[text] = value
        if not value.endswith(b"\n"):
            if token.end() - begin <= _LONGEST_ESCAPED_LINE:
                pieces.append((token.start(), token.end(), value))
            continue
        number += len(value)
        check_number(number, MAX_LINES, "lines in one string")
        yield _decoded(content, begin, token.start(), token.end(), pieces)
        begin = token.end()
        pieces = []
        for _ in range(len(value) - 1):
            yield Decoded(b"", begin, begin, begin, None)
    if begin < end:
        yield _decoded(content, begin, end, end, pieces)


def _decoded(
    content: bytes, begin: int, end: int, stop: int, pieces: list[tuple[int, int, bytes]]
) -> Decoded:
    # The offset of each byte of a line of megabytes would take many times its size, and no rule is
    # that long.
    if not pieces or end - begin > _LONGEST_ESCAPED_LINE:
        return Decoded(content[begin:end], begin, end, stop, None)
    text = bytearray()
    offsets = array(OFFSET)
    position = begin
    for piece_start, piece_end, value in pieces:
        if position < piece_start:
            text += content[position:piece_start]
            offsets.extend(range(position, piece_start))
        text += value
        offsets.extend((piece_start,) * len(value))
        position = piece_end
    text += content[position:end]
    offsets.extend(range(position, end + 1))
    return Decoded(bytes(text), offsets[0], end, stop, offsets)


def inner_line(content: bytes, piece: Decoded) -> Line:
    """Return a line that a line break in its string ends: a new line ends with the same one."""
    return Line(
        piece.text, piece.start, piece.stop, b"", content[piece.end : piece.stop], piece.offsets
    )


def string_lines(content: bytes, start: int, end: int, escapes: Escapes) -> Iterator[Line]:
    """Return the lines of one string with escaped line breaks. A new line has the line break of the
    line above it."""
    newline = escapes.newline
    for piece in decoded(content, start, end, escapes):
        if piece.stop > piece.end:
            newline = content[piece.end : piece.stop]
            yield inner_line(content, piece)
        else:
            yield Line(piece.text, piece.start, piece.stop, newline, b"", piece.offsets)


def keep_blank(line: Line) -> Line:
    """Return the line with a backslash before the new line where that goes on a physical line and
    begins with a blank, which is lost there unless it is escaped."""
    continues = line.after.rstrip(b" \t\f").endswith((b"\n", b"\r"))
    if not (continues and line.text.startswith(b" ")):
        return line
    return line._replace(before=line.before + b"\\")


_SIMPLE = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"v": b"\v",
           b"a": b"\a", b"e": b"\x1b", b"0": b"\0"}  # fmt: skip


def character(digits: bytes) -> bytes:
    """The UTF-8 bytes of a code point in hexadecimal digits."""
    code = int(digits, 16)
    return chr(code).encode("utf-8", "surrogatepass") if code < 0x110000 else b"?"


def _decode_c(token: bytes) -> bytes:
    if token[:1] != b"\\":
        return b"\n"  # a line break that a string over several lines holds as it is
    kind = token[1:2]
    if token.endswith(b"\\n") and kind in b"nr":
        return b"\n"
    if kind in b"\r\n":
        return b""  # a continuation line
    if kind in b"xuU" and len(token) > 2:
        if len(token) == 12:  # a surrogate pair, as JSON writes it
            pair = bytes.fromhex((token[2:6] + token[8:12]).decode("ascii"))
            return pair.decode("utf-16-be").encode()
        return character(token[2:])
    if len(token) == 4:  # three octal digits
        return bytes((int(token[1:], 8),))
    return _SIMPLE.get(kind, kind if kind in b"\"'\\/`$&" else token)


C = Escapes(
    regex(
        rb"(?:\\r)?\\n|\r?\n|\r"
        rb"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
        rb"|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\x[0-9a-fA-F]{2}|\\[0-3][0-7]{2}|\\\r?\n|\\[^\r\n]"
    ),
    _decode_c,
    b"\\n",
)
"""The escapes that C, JSON, HCL, shells' ``printf`` and most other languages share. An escape that
is none of them stays as it is."""


def backslashed(*marks: bytes, tabs: bool = False) -> Callable[[bytes], bytes]:
    """Writes text in a string in which a backslash stands before each of these marks; ``tabs``: as
    escapes."""

    def escape(text: bytes) -> bytes:
        for mark in (b"\\", *marks):
            text = text.replace(mark, b"\\" + mark)
        return text.replace(b"\t", b"\\t") if tabs else text

    return escape


quote_c = backslashed(b'"', tabs=True)
"""Writes text in a double-quoted string of C's kind, JSON's among them."""


Added = tuple[int, bytes, bytes]
"""How a line is added below another one: ``insert_at``, ``before`` and ``after`` of a ``Line``."""


def literal_lines(
    content: bytes, start: int, end: int, escapes: Escapes | None, below: Callable[[bytes], Added]
) -> Iterator[Line]:
    """Return the lines of policy in a string literal, one of several of which each holds a rule.

    A line that a line break in the literal ends is followed by one more in the same literal;
    ``below`` says what follows the last line, by what stands in the literal behind it.
    """
    pieces = list(decoded(content, start, end, escapes))
    for piece in pieces[:-1]:
        yield inner_line(content, piece)
    if pieces:
        last = pieces[-1]
        yield Line(last.text, last.start, *below(content[last.end : end]), last.offsets)


def list_lines(
    content: bytes,
    spans: Sequence[tuple[int, int]],
    quote: bytes,
    escapes: Escapes | None,
    *,
    alone: bytes = b", ",
) -> Iterator[Line]:
    """Return the lines of a list of strings. A new line is one more element, written right behind
    the closing quote of the element above it, with the glue that precedes that element: so the last
    element needs no special treatment. ``alone``: the glue of a list of one string. Raises
    TooMuch."""
    for number, (start, end) in enumerate(spans):
        check_number(number + 1, MAX_STRINGS, "strings in one list")
        one, other = max(number, 1) - 1, max(number, 1)
        glue = content[spans[one][1] + 1 : spans[other][0] - 1] if len(spans) > 1 else alone

        def below(rest: bytes, end: int = end, glue: bytes = glue) -> Added:
            return end + 1, glue + quote, rest + quote

        yield from literal_lines(content, start, end, escapes, below)

"""How many bytes of a text a function takes: a size beside it, or a precision in a format."""

from __future__ import annotations

import re

from patcher.policy.patterns import regex

CUT_TO = rb"%(?:\(\w+\))?[-+ 0#]*\d*\.(?:\d+|\*)[svqS@]"
_BRACED_CUT = rb"\{[^{}\n\"]{0,80}:[^{}\n\"]{0,20}\.(?:\d+|\*|\w+\$)[s?]?\}"
CUTS = (
    (regex(CUT_TO + rb"[^\n;]{0,120}\Z"), regex(rb"[ \t\"']*(?:[,);}\]\n]|\Z)")),
    (regex(_BRACED_CUT + rb"[^\n;]{0,120}\Z"), regex(rb"[ \t]*[,)]")),
    (regex(rb"\b(?:[rR]ight\$?|RIGHT|[mM]id\$?|MID)\(\s*\Z"), regex(rb"[\"']?\s*,\s*[\w(]")),
)
"""Code before and behind a text that takes a part of it."""
CUTTING_FORMAT = regex(rb"[^\"\n]*(?:" + CUT_TO + rb"|" + _BRACED_CUT + rb")[^\"\n]*\"\s*,")
_SIZED = regex(
    rb"(?<!\w)(?:(?:strn(?:cpy|cat|dup)|mem(?:cpy|move|pcpy)|strlc(?:py|at)|f?write\w*|send|append|"
    rb"assign|string(?:\s+\w+)?|string_view|g_strndup|CopyN|[lL]eft\$?|LEFT)\s*\([^\n;]{0,80}"
    rb"|snprintf\s*\([^,;\n]{1,80},\s*(?P<given>[^,;\n]{1,80}?)\s*,[^\n;]{0,80})\Z"
)
_SIZE = regex(
    rb"(?:\.\w+\(\))?[)\s]*,\s*(?:[01]\s*,\s*|\d+\s*,\s*(?=\d))?"
    rb"(?P<size>[\w.>-]*(?:\([^()\n]{0,80}\)|[ \t]+\w+(?=\s*[,)]))?"
    rb"(?:\s*[-+*/>]{1,2}\s*[\w.()]{1,80}?)?)"
    rb"\s*[,)]"
)
"""How many bytes of a text a function takes, before the text and behind it."""
_COUNTS = regex(rb"(?:len|size|sizeof|count)\w*[ (]+\Z", re.IGNORECASE)
_SIZE_OF = regex(rb"sizeof[ (]+(\w+)[ )]*(?:[-+]\s*1\b|)\Z")
_ARRAY = rb"\b(?:char|uint8_t|u8)\s+%b\s*\[\s*(\w+)\s*\]"
_PARTLY = regex(rb"/|>>|-\s*(?:[2-9]|\d\d|[A-Za-z_])")
"""What takes less than a whole size."""
_NAMES_SIZE = regex(
    rb"len|size|sz\b|count|bytes|cap|max|end|limit|room|left|rest|total", re.IGNORECASE
)
"""Part of the names that a size has: of the text, or of what holds it. snprintf is given that of
what it writes to, by whatever name."""


def most(content: bytes, before: bytes, behind: bytes) -> int | None:
    """How many bytes are taken of the text between these pieces of code; None for all of them, -1
    where that is not known. ``content``: the file, which may define a constant."""
    found = _SIZED.search(before)
    if found is None or _COUNTS.search(before):
        return None
    if size := found["given"]:
        room = _value(content, size, 2)
        return None if room == -1 and re.fullmatch(rb"\w+", size) else room
    given = _SIZE.match(behind)
    return _value(content, given["size"].strip(), 2) if given and given["size"] else None


def _value(content: bytes, size: bytes, depth: int) -> int | None:
    """The number that an expression stands for; None for one that names a size, -1 for another."""
    if re.fullmatch(rb"\d{1,9}", size):
        return int(size) or None
    of = _SIZE_OF.match(size)
    array = of and re.search(_ARRAY % re.escape(of[1]), content)
    if array and depth:
        return _value(content, array[1], depth - 1)
    constant = re.fullmatch(rb"\w+", size) and re.search(
        rb"\b%b\b(?:\s+[A-Za-z]\w*)?(?:\s*:?=)?\s*(\d{1,9})\b" % re.escape(size), content
    )
    if constant:
        return int(constant[1]) or None
    if _NAMES_SIZE.search(size):
        return -1 if size.startswith(b"sizeof") and _PARTLY.search(size) else None
    return -1

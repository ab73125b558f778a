"""What the strings of a list are joined with: in one line, a comment takes up what follows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from patcher.hosts.strings import IS_LINE_BREAK
from patcher.policy.patterns import regex

METHOD = rb"\s*(?:\?\.|!?\.|->|::|:|\|>)\s*(?:[A-Z]\w*\.)?"
CALL = METHOD + rb"\w+!?(?:\([^()\n]{0,80}\))?"
CLOSES = rb"[\"'`\s,)\]}]{0,40}@?"
"""A method's call behind a text, and what closes the text's literal and list."""
_SEPARATOR = rb"(\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[\w.]*)"
_TAKES_SEPARATOR = regex(rb"(?:[sS]tring\.[jJ]oin|implode|(?<![\w.])join)\(\s*\Z")
_FIRST_ARGUMENT = regex(_SEPARATOR + rb"\s*,\s*")
_JOINS = (
    (rb"%b(?<![sS]tring)\.join\(\s*[\[({]?\s*\Z" % _SEPARATOR, rb"()"),
    (
        rb"\b(?:join|implode|Join)\(\s*%b\s*,\s*(?:(?:new\s*)?[\w.<>]*(?:\[\])?\s*[\[({])?\s*\Z"
        % _SEPARATOR,
        rb"()",
    ),
    (rb"\bJoin\(\s*(?:\[\]string\s*\{)?\s*\Z()", rb"[\s,}\"'`]*,\s*%b\s*\)" % _SEPARATOR),
    (
        rb"()\Z",
        CLOSES
        + rb"(?:%b){0,2}?\s*\.\s*(?:join|joined|joinToString|mkString)\(\s*" % CALL
        + rb"(?:separator\s*[:=]\s*)?%b\s*[,)]" % _SEPARATOR,
    ),
    (rb"()\Z", CLOSES + rb"[ \t]*-join[ \t]*%b" % _SEPARATOR),
)
"""Code before and behind a list that joins its elements, and with what."""
_JOINED = tuple((regex(before), regex(behind)) for before, behind in _JOINS)
_ENDS_LINE = regex(rb"[\"'](?:[\\`][rt]|\s)*(?:[\\`]n|\n)(?:[\\`][nrt]|\s)*[\"']")
_OPEN_COMMENT = regex(rb"#(?!include)(?:(?!\\n)[^\"'\n])*[\"']")
"""A comment that no line break ends in its string."""


def separator(before: bytes, content: bytes, start: int) -> bytes:
    """The literal at ``start``, where it is what a call joins the strings behind it with."""
    if _TAKES_SEPARATOR.search(before) is None:
        return b""
    found = _FIRST_ARGUMENT.match(content, start)
    return b"" if found is None else found[0]


def found(before: bytes, behind: bytes) -> Iterator[tuple[str, Callable[[bytes], bool]]]:
    """What the list between these pieces of code is joined with, if that does not certainly end a
    line; and whether it leaves a text as it is."""
    for one, other in _JOINED:
        if (first := one.search(before)) and (second := other.match(behind)):
            glue = first[1] or second[1]
            if not (_ENDS_LINE.fullmatch(glue) or IS_LINE_BREAK.match(glue)):
                shown = glue.decode("utf-8", "replace") or "nothing"
                why = f"the strings are joined with {shown}, which may comment the next one out"
                blank = not glue.strip(b"\"' \t,;")
                yield why, _ends_comments if blank else _never


def _ends_comments(text: bytes) -> bool:
    return _OPEN_COMMENT.search(text) is None


def _never(text: bytes) -> bool:
    return False

"""Functions that may leave out a part of a text, or replace it, in any language."""

from __future__ import annotations

import re

_REPLACES = (
    rb"(?:str_|preg_|string\.|regsub|re\.)?(?:[rR]eplace(?:All|_all|n|_first|First|Strings|_regex)?|"
    rb"g?sub[!n]?|ireplace|translate|tr|delete_prefix|removesuffix|removeprefix|TrimPrefix|TrimSuffix)"
)
_CUTS = (
    rb"(?:filter\w*|Where|reject!?|grep|select!?|findAll|removeIf|removeAll|retain\w*|splice|pop|shift|remove\w*|"
    rb"Remove\w*|delete\w*|Delete\w*|slice!?|subList|take\w*|Take\w*|drop\w*|Drop\w*|Skip|skip|substring|"
    rb"Substring|substr|truncate|split_off|compact!?|clear|first|last|head|tail|init|without|"
    rb"DeleteFunc|islice|partition|pop_back|erase|swap_remove)"
)
_CHANGES = rb"(?P<name>" + _REPLACES + rb"|" + _CUTS + rb")(?!\w)[!?]?[ \t]*"
_METHOD = rb"\s*(?:\?\.|!?\.|->|::|:)\s*"
_CALL = _METHOD + rb"\w+!?(?:\([^()\n]{0,80}\))?"
_BEHIND = re.compile(
    rb"[\"'`\s,)\]}]{0,40}(?:"
    + _CALL
    + rb"){0,4}?"
    + rb"(?:"
    + _METHOD
    + _CHANGES
    + rb"(?P<given>[({][^\n]{0,200}|$)"
    rb"|\[[^\]\n]{0,40}(?::(?!:)|\.\.)[^\]\n]{0,40}\]|-=?[ \t]*[\"']|=~\s*(?:s|tr|y)\b)",
    re.MULTILINE,
)
"""Code behind a text that changes it."""
_BEFORE = re.compile(
    rb"(?<!\w)(?:[\w.]+[.:])?"
    + _CHANGES
    + rb"(?P<given>\([^()\n;]{0,120}(?:\([^()\n;]{0,40}\)[^()\n;]{0,80})?"
    rb"(?:[\w.]+\()?\[?)\Z"
)
"""Code before a text that changes it."""
_AROUND = (
    (re.compile(rb"\bin\s+\Z"), re.compile(rb"[^\n\])]{0,80}\bif\b[^\n]*[\])]")),
    (re.compile(rb"\b(?:del|delete|unset)\b[ (]*[\"']?\Z"), re.compile(rb"\[")),
    (re.compile(rb"\$\{\Z"), re.compile(rb"(?:\[[@*]\])?[/:%#](?![-+=?])")),
)
"""Code before and behind a text that change it together."""
_ASSIGNED = re.compile(
    rb"(?:^|[\s;({,])[$@%&*]?(?P<name>[A-Za-z_][\w.]*)\s*(?:\[\])?(?:\s*:\s*[^=\n]{1,80})?\s*"
    rb"(?::=|[+.]?=(?![=>~]))[^=;\n]{0,160}\Z"
)
_ADDED = re.compile(
    rb"(?<![\w.])[$@&*]?(?P<name>[A-Za-z_]\w*)(?:\.|->|::)(?:push|append|add|insert|extend|[wW]rite)\w*\(\s*\Z",
    re.IGNORECASE,
)
_BOUNDARY = re.compile(rb"\n(?:\}|(?:[\w ]{0,40}\b)?(?:def|fn|func|fun|function|class|impl)\b)")
"""Where another function begins, or one ends."""
_WORD = re.compile(rb"[\w.@%{}<>$#-]*[\w@%}>]|\{\{ ?[\w.]+ ?\}\}")
_LONGEST = 300
REACH = 1 << 15
"""Bytes before and behind a text in which is looked for what changes it."""
_FIRST_LITERAL = re.compile(rb"[(\s{][^\"'`/]{0,80}?([\"'`/])([^\"'`/\n]{0,100})\1")
AFTERWARDS = "the program may leave out or replace a part of the text afterwards"


def why_changed(
    content: bytes, start: int, end: int, *, before: bytes = b"", behind: bytes = b""
) -> str:
    """Say which function may change the text that the program writes in ``content[start:end]``, or
    the variable that holds it; empty if none is known to. ``before`` and
    ``behind``: the code around it, where it does not stand right there."""
    text = content[start:end]
    before = before or content[max(start - _LONGEST, 0) : start].rstrip(b"\"'`").rstrip()
    if why := _why(before, behind or content[end : end + _LONGEST], text):
        return why
    held = _ASSIGNED.search(before) or _ADDED.search(before)
    if held is None:
        return ""
    line = before.rfind(b"\n", 0, held.start("name")) + 1
    begin = start
    boundary = None
    if before[line : line + 1].isspace():
        boundary = _BOUNDARY.search(content, end, end + REACH)
    else:
        begin = max(start - REACH, 0)
    stop = end + REACH if boundary is None else boundary.start()
    return why_used(content, held["name"], begin, stop, text)


def why_used(content: bytes, name: bytes, begin: int, stop: int, text: bytes) -> str:
    """Say which function in ``content[begin:stop]`` may change what a variable holds."""
    variable = re.compile(rb"[$@&*]{0,2}(?<![\w.\-/])" + re.escape(name) + rb"(?:\(\))?(?!\w)")
    for use in variable.finditer(content, begin, stop):
        before = content[max(use.start() - 160, 0) : use.start()]
        if why := _why(before, content[use.end() : use.end() + _LONGEST], text):
            return why
    return ""


def _why(before: bytes, behind: bytes, text: bytes) -> str:
    """Say which function changes a text between this code; empty if none is known to."""
    for found in (_BEFORE.search(before), _BEHIND.match(behind)):
        if found is None:
            continue
        if found["name"] is None:
            return AFTERWARDS
        given = found["given"] or b""
        pattern = _FIRST_LITERAL.match(
            given + b"x" + behind if found.end() == len(before) else given
        )
        if not (
            pattern is not None
            and re.fullmatch(_REPLACES, found["name"])
            and is_placeholder(pattern[2], text)
        ):
            return f"{found['name'].decode()} may leave out or replace a part of the text"
    for one, other in _AROUND:
        if one.search(before) and other.match(behind):
            return AFTERWARDS
    return ""


def is_placeholder(pattern: bytes, text: bytes) -> bool:
    """Whether a pattern that is replaced in a text is one word, which stands there only within
    rules that do not name the network: what takes its place changes no network rule."""
    pattern = pattern.replace(b"\\", b"")
    if _WORD.fullmatch(pattern) is None or re.fullmatch(rb"network|alg|deny|file", pattern):
        return False
    for found in re.finditer(re.escape(pattern), text):
        begin = text.rfind(b"\n", 0, found.start()) + 1
        before = text[begin : found.start()]
        line = text[begin : begin + _LONGEST].partition(b"\n")[0]
        if not before.strip() or b"#" in before or re.search(rb"\bnetwork\b", line):
            return False
        if pattern.startswith(b"#") and before[-1:].isspace():
            return False
    return True

"""Whether the code between two literals may put text between theirs that is not known.

What does not certainly leave the text alone may add to it: a variable among the elements of a list,
a statement that gives the text to another function, or adds what a variable holds.
"""

from __future__ import annotations

import re
from collections.abc import Set

from patcher.hosts.code import lists
from patcher.hosts.code.statements import CONTROL_FIRST
from patcher.policy.patterns import regex, repeated

NAMES = regex(rb"[A-Za-z_]\w*")
_TAIL = regex(
    rb"\s*(?:,|\.\s*[jJ]oin\s*\()(?P<given>"
    + repeated(rb"[^()\[\];\n]|\([^()\n]{0,200}\)|\[[^\[\]\n]{0,200}\]")
    + rb")"
)
"""What a call has behind a literal, or joins with it."""
_PIECE = regex(rb"[^;{}\n]+")
_BRACKET_OR_BREAK = regex(rb"[()\[\]\n]")
_CONTINUED = regex(
    rb"(?<=[+=,.&|<\\-])[ \t]*\r?\n|\r?\n(?=[ \t]*(?:\.{1,2}(?!\.)|\+(?!\+)|<<|->|\|\||&&|=(?!=)))"
)
"""A line break with an operator before or behind it."""
_GIVEN = regex(
    rb"(?<!\w)(?P<callee>\w{0,80})!?[ \t]{0,8}\((?:[^()\n]*,)?"
    rb"\s*[&*$@\\]{0,2}(?:mut\s+)?(?P<name>\w+)\s*[,)]"
)
"""A variable that a function is given."""
_HARMLESS = frozenset(
    b"self this return var let const final static val mut auto char string String str bytes byte "
    b"new local my our true false nil null None NULL undefined void int std func function def fn "
    b"if else elif elsif for while until end do then fi done esac begin await yield and or not in "
    b"is break continue len strlen size sizeof length free close Close fclose flush Flush endl EOL "
    b"eol NL nl newline NEWLINE".split()
)
_STREAMS = frozenset(
    b"echo print println printf puts putStr putStrLn say write WriteLine Write console log stdout "
    b"process System out cout Console IO io sys os disp display Println Printf Print".split()
)
"""Functions that write to what everybody may write to."""
_LONGEST = 2000
"""Bytes between two literals of one list."""
_CALLEE = regex(rb"[\w.:]{1,80}!?[ \t]{0,8}(?=[(\[{])")
_JOINED_WITH = regex(
    rb"(?P<on>[\w\])}])\s*[?!&]?\.\s*(?:join\w*|concat|plus|mkString|collect|reduce|fold\w*)"
    rb"\s*\(\s*(?:\w+\s*[:=]\s*)?\Z"
)
"""A call on a text that is given what it is joined with."""
_IN_A_LIST = (
    regex(rb"[\w.$@>!\s()=<&|-]*\?(?![.?])"),
    regex(rb"\bif\b[^,\[\]]*?(?:\belse\b|(?=[,\])])|\Z)|\bfor\b[^,\[\]]*?(?=[,\])]|\Z)"),
    regex(rb"[\w.()!]+\s*(?:&&|\|\||\b(?:and|or)\b)"),
    regex(
        rb"\]\s*(?:\.\s*(?:filter|map|iter|collect|compact|flatten|stream)\s*\([^()]*\)\s*){0,4}"
        rb"\.\s*\w+\s*\(\s*\Z"
    ),
    regex(rb"(?:[\w.:]*!?\s*[(\[{]\s*){1,8}\Z"),
    regex(rb"[\w$\[\].>-]+\s*(?:=>|[:=](?![:=]))"),
)
"""What may stand in a list, and is no element: conditions, what wraps an element, and labels."""


def in_list(code: bytes) -> bool:
    """Whether the code between two literals of one statement may hold another element."""
    if len(code) > _LONGEST:
        return True
    for pattern in _IN_A_LIST:
        code = pattern.sub(b" ", code)
    return bool(_names(code))


def in_head(code: bytes, names: Set[bytes]) -> bool:
    """Whether the code before a literal in its own statement may hold another text: an argument of
    the call, as in ``join(texts, "")``, or what it is called on, as in ``texts.join("")``."""
    code = code.rstrip()[-_LONGEST:]
    if called := _JOINED_WITH.search(code):
        return bool(_names(_CALLEE.sub(b"", code[: called.end("on")])) - names)
    begin = lists.opening(code) if code.endswith(b",") else -1
    return begin >= 0 and bool(_names(_CALLEE.sub(b"", code[begin:])) - names)


def in_statements(code: bytes, names: Set[bytes], before: bytes) -> bool:
    """Whether the code between the statements of two literals may add to their text.

    ``names``: what all statements that make the text have in common. ``before``: the code before
    the literal of one of them; where it names no variable, any code may write to the same stream.
    """
    tail = _TAIL.match(code)
    if tail is not None and _names(tail["given"]) - names:
        return True
    variables = {
        name
        for name in names - _STREAMS
        if re.search(rb"(?<!\w)%b(?!\w|!?\s*\()" % name, before) is not None
    }
    code = _one_line_each(code if tail is None else code[tail.end() :])
    return any(_adds(piece[0], names, variables) for piece in _PIECE.finditer(code))


def _one_line_each(code: bytes) -> bytes:
    """The code with each statement on one line: a line break in brackets, or beside an operator,
    ends none."""
    depth = 0

    def kept(mark: re.Match[bytes]) -> bytes:
        nonlocal depth
        if mark[0] in b"([":
            depth += 1
        elif mark[0] in b")]":
            depth = max(depth - 1, 0)
        return b" " if depth and mark[0] == b"\n" else mark[0]

    return _BRACKET_OR_BREAK.sub(kept, _CONTINUED.sub(b" ", code))


def _names(code: bytes) -> set[bytes]:
    return {*NAMES.findall(code)} - _HARMLESS


def _adds(piece: bytes, names: Set[bytes], variables: Set[bytes]) -> bool:
    """Whether a statement may add to the text that stands in one of the variables."""
    if CONTROL_FIRST.match(piece) is not None:
        return any(
            given["name"] in variables and given["callee"] not in _HARMLESS
            for given in _GIVEN.finditer(piece)
        )
    found = {*NAMES.findall(piece)}
    if variables and found.isdisjoint(variables):
        return False
    return bool(found - names - _HARMLESS)

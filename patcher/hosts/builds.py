"""What a Makefile or CMake does with the variable that holds a text.

Their functions are given a variable by its name, or put its text in their place; what one that is
not known makes of it may be anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from patcher.hosts import shell
from patcher.policy.patterns import regex

_HELD = regex(
    rb"(?:\bset|\b(?:string|list)[ \t]*\([ \t]*(?:APPEND|PREPEND|CONCAT))"
    rb"[ \t]*[( \t][ \t]*(?P<cmake>\w+)\s+(?:\[=*\[|\")?\s*\Z"
    rb"|^[ \t]*(?:override[ \t]+)?define[ \t]+(?P<make>[\w.-]+)[ \t]*[:+?!]*=?[ \t]*\r?\n\s*\Z",
    re.MULTILINE,
)
"""Code before a text that gives it to a variable."""
_NEAR = 300
_WRITES = regex(
    rb"\b(?:file|FILE)[ \t]*\(\s*(?:WRITE|APPEND|(?:GENERATE|CONFIGURE)\s+OUTPUT)\s+\"?([^\s\"()]+)"
)
_READS = regex(
    rb"\b(?:file|FILE)[ \t]*\(\s*(?:(?P<lines>STRINGS)|READ)\s+\"?(?P<name>[^\s\"()]+)\"?"
    rb"(?P<how>[^()]{0,200})"
)
_PART = regex(rb"\b(?:LIMIT|OFFSET)\b")
_COMMAND = regex(rb"(?<![\w$@{])(?P<name>[A-Za-z_]\w*)[ \t]*\((?P<given>[^()]{0,2000})\)?")
_PRINTS = regex(
    rb"message|file|configure_file|install|option|write_file|export|return|unset|(?:else|end)?if|while|"
    rb"add_(?:custom_\w+|definitions|compile_\w+)|(?:target|set)_\w+|include|find_\w+|function|macro|set|"
    rb"assert\w*|check\w*",
    re.IGNORECASE,
)
"""Commands of CMake that leave the variables alone which they are given, or set what they hold to
another text that holds it."""
_COPIES = regex(
    rb"\s*(?:APPEND|PREPEND|CONCAT|JOIN|LENGTH|FIND|CONFIGURE|COMPARE|MD5|SHA\w+|GET)\b"
)
"""What ``string`` and ``list`` do that leaves nothing of a text out."""
_CHOOSES = regex(rb"(?i:\b(?:if|continue|break|list|string[ \t]*\(\s*(?!APPEND|CONCAT)\w+)\b)")
"""What a loop over a list may do but to take one element after another."""
_OPENS = regex(rb"\$[({](?P<name>[a-z-]+)[ \t]|\$[({]|[)}]")
_EXPANDS = frozenset(b"info warning error file value eval or and if export".split())
"""Functions of make that hand on a text as it is."""
_MOST_NAMES, _MOST_USES, _LONGEST = 8, 400, 2000


def why_changed(content: bytes, start: int, end: int) -> str:
    """Say which function may make something else of the text in ``content[start:end]``, or of the
    variable that holds it; empty if none does."""
    if _is_read_again(content):
        return "CMake may read a part of the lines again that it writes"
    held = _HELD.search(content, max(start - _NEAR, 0), start)
    if held is None:
        return ""
    found = _by_make(content, held["make"], end) if held["make"] else _by_cmake(content, held)
    return next((f"{name.decode()} may return another text" for name in found), "")


@lru_cache(maxsize=1)
def _is_read_again(content: bytes) -> bool:
    """Whether a part of a file may be read that is written here. Asked for each text of a file."""
    written = {each[1] for each in _WRITES.finditer(content)}
    return any(
        read["name"] in written and (read["lines"] or _PART.search(read["how"]))
        for read in (_READS.finditer(content) if written else ())
    )


def _by_cmake(content: bytes, held: re.Match[bytes]) -> Iterator[bytes]:
    """The commands behind that are not known and are given the variable."""
    names = {held["cmake"]}
    for command in _COMMAND.finditer(content, held.end()):
        name, given = command["name"], command["given"]
        words = {*re.findall(rb"\w+", given)}
        if names.isdisjoint(words):
            continue
        if name.lower() == b"foreach":
            body = content[command.end() :].partition(b"endforeach")[0]
            if _CHOOSES.search(body):
                yield name
            names |= {*re.findall(rb"\w+", given)[:1]}
        elif name.lower() in (b"string", b"list"):
            if _COPIES.match(given) is None:
                yield name
        elif _PRINTS.fullmatch(name) is None:
            yield name
        if name.lower() in (b"string", b"list", b"set") and len(names) < _MOST_NAMES:
            names |= {*re.findall(rb"(?<![\w${\"])[A-Za-z_]\w*(?![\w}])", given.lstrip()[:80])}


def _by_make(content: bytes, name: bytes, end: int) -> Iterator[bytes]:
    """The functions that are given the variable, or its name, and the commands of a shell."""
    uses = re.compile(rb"\$?\$[({]?(?<![\w.-])%b(?P<other>:[^)}\n]*=)?(?![\w.-])" % re.escape(name))
    named = re.compile(rb"\$[({]call[ \t]+([\w-]+)[^\n()]*,[ \t]*%b[ \t]*[,)}]" % re.escape(name))
    if call := named.search(content):
        yield call[1]
    for number, use in enumerate(uses.finditer(content, end)):
        if use["other"] or number == _MOST_USES:
            yield use[0]
        low = content.rfind(b"\n", max(use.start() - _LONGEST, 0), use.start()) + 1
        function = _around(content[low : use.start()])
        if function and function not in _EXPANDS:
            yield function
        if shell.why_printed(content, use.end()):
            yield b"the shell"


def _around(before: bytes) -> bytes:
    """The function of make that is given what follows this piece of a line."""
    opened: list[bytes] = []
    for mark in _OPENS.finditer(before):
        if mark[0] in (b")", b"}"):
            del opened[-1:]
        else:
            opened.append(mark["name"] or b"")
    return next((name for name in reversed(opened) if name), b"")

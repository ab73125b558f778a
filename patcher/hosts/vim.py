"""Lists of lines that Vim script holds: ``let x =<< trim END`` (``:help :let-heredoc``)."""

from __future__ import annotations

import re

from patcher.hosts.strings import matters
from patcher.policy.patterns import regex

_HELD = regex(
    rb"^[ \t]*(?:let|const|var)[ \t]+(?:[bgstvw]:)?(?P<name>\w+)[ \t]*=<<[ \t]*"
    rb"(?:(?:trim|eval)[ \t]+)*(?P<end>\w+)[ \t]*\r?\n",
    re.MULTILINE,
)
_WRITES = (
    rb"[ \t]*(?:call[ \t]+)?(?:writefile|append|setline|appendbufline|setbufline)"
    rb"\([^()\n]*\Z"
)
_MOST = 64
_BEHIND = regex(rb"[ \t]*[,)]")


def why_changed(content: bytes) -> str:
    """Say which list of lines with network rules is used for more than to write it; empty if none
    is."""
    if b"=<<" not in content:
        return ""
    for number, held in enumerate(_HELD.finditer(content)):
        if number == _MOST:
            return "too many lists of lines to see what becomes of them"
        end = re.compile(rb"^[ \t]*%b[ \t]*\r?$" % re.escape(held["end"]), re.MULTILINE)
        closing = end.search(content, held.end())
        stop = len(content) if closing is None else closing.end()
        if not matters(content, held.end(), stop):
            continue
        for use in re.finditer(rb"(?<!\w)%b(?!\w)" % held["name"], content[stop:]):
            at = stop + use.start()
            before = content[content.rfind(b"\n", 0, at) + 1 : at]
            written = re.match(_WRITES, before.lstrip(b":").removesuffix(b"l:"))
            if written is None or _BEHIND.match(content, stop + use.end()) is None:
                return f"`{held['name'].decode()}` is used for more than to write it"
    return ""

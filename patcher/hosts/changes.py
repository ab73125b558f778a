"""Functions that may leave out a part of a text, or replace it."""

from __future__ import annotations

import re

_WORD = re.compile(rb"[\w.@%{}<>$-]*[\w@%}>]")


def is_placeholder(pattern: bytes, text: bytes) -> bool:
    """Whether a pattern that is replaced in a text is one word, which stands there only within
    rules that do not name the network: what takes its place changes no network rule."""
    pattern = pattern.replace(b"\\", b"")
    if _WORD.fullmatch(pattern) is None or re.search(rb"network|alg|deny|file", pattern):
        return False
    for found in re.finditer(re.escape(pattern), text):
        line = text[text.rfind(b"\n", 0, found.start()) + 1 : found.start()]
        if not line.strip() or re.search(rb"#|\bnetwork\b", line):
            return False
    return True

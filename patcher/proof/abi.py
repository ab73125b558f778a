"""The ``abi`` rules of a policy text: they say which rules its profiles compile at all.

Parser 3.0.8 compiles no network rule under ``abi/kernel-5.4-vanilla``, nor under no ``abi`` rule
where parser.conf pins no features: the kernel then allows every socket, whatever is denied.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from patcher.policy.abi import MEDIATING
from patcher.policy.actions import Control, control
from patcher.policy.includes import BASE
from patcher.policy.lexer import Kind, Lexer, Token
from patcher.policy.patterns import regex

_SYSTEM = Path(BASE)
_WORD = regex(rb"abi(?:(?<!\wabi)|(?<=\\[nrt]abi))\b")
"""The keyword, which `capability` is not; also behind an escape."""
_RULE = regex(rb"abi(?: |(?=[<\"]))(\S+)\Z")
"""No blank need stand before a name in marks."""
_FILLED_IN = regex(r"[{}$%]")


class Abi(NamedTuple):
    """What a policy declares; an empty ``name`` for nothing."""

    name: str = ""
    filled_in: bool = False
    """A template action says which."""

    @property
    def here(self) -> bool:
        """Whether the system has it, without which the parser refuses the policy."""
        if not self.name:
            return True
        plain = self.name.startswith("abi/") and ".." not in self.name
        return plain and not self.filled_in and (_SYSTEM / self.name).is_file()

    @property
    def is_unknown(self) -> bool:
        """Whether nothing says that it mediates sockets: AppArmor has none of that name, nor has
        the system."""
        return not (self.here or self.filled_in or self.name in MEDIATING)

    @property
    def rule(self) -> bytes:
        """The rule, on a line of its own."""
        return b'abi "%s",\n' % os.fsencode(self.name) if self.name and self.here else b""

    @property
    def missing(self) -> str:
        """Why nothing can be said of it here; empty where something can."""
        if self.here:
            return ""
        if self.filled_in:
            return f"which ABI it is compiled for is up to its template: {self.name}"
        if self.name.startswith("/"):
            return f"{self.name} is not in {BASE}abi, and not opened"
        return f"{self.name} is not on this system, so that the file does not load here"


NONE = Abi()


def declared(text: bytes) -> tuple[Abi, ...]:
    """What a text's profiles may be compiled for, in order: ``NONE`` as well where each rule is in
    a conditional of a template."""
    if _WORD.search(text) is None:
        return (NONE,)
    found: dict[Abi, None] = {}
    certain = False
    opened: list[bool] = []  # of each action that is open, whether it is a conditional
    words: list[Token] = []
    for token in Lexer(text).tokens():
        if token.kind is Kind.WORD:
            words.append(token)
            continue
        if token.kind is Kind.CONTROL:
            action = control(token.text)
            if action in (Control.OPEN, Control.SECTION):
                opened.append(action is Control.OPEN)
            elif action is Control.CLOSE and opened:
                opened.pop()
        rule = b" ".join(word.text for word in words)
        if token.kind is Kind.NEWLINE and rule == b"abi":
            continue
        if token.kind is Kind.COMMA and (named := _RULE.match(rule)):
            name = named[1].decode("utf-8", "surrogateescape").strip('<>"')
            filled_in = words[-1].hole or _FILLED_IN.search(name) is not None
            found[Abi(name.removeprefix(BASE), filled_in)] = None
            certain = certain or not any(opened)
        words = []
    if not certain:
        found[NONE] = None
    return tuple(found)

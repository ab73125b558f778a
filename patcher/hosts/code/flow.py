"""The control flow of a program: its code, cut into statements as its literals are read."""

from __future__ import annotations

import re

from patcher.hosts.code.language import Language
from patcher.hosts.code.statements import CONTROL_FIRST, LITERAL, Statement
from patcher.policy.bounds import MAX_NESTING, check_number
from patcher.policy.patterns import regex

_LONGEST_GAP = 600
_CHARACTER = regex(rb"'(?:[^'\\\r\n]|\\[^\r\n][^'\r\n]{0,9})'")
_GOES_ON_BEHIND = b",+-*/|&=.<>!:?([\\%"
_GOES_ON_BEFORE = b".+-*/|&=?:,)]%<>"
_RESUMES = b"),.;]:?+-*/&|<>=%[({"
_CASE = regex(rb"\s*(?:case\b|default\s*\Z)")
_CHOOSES = regex(rb"(?:el|end)?if|ifn?def|else|elsif")


class Program:
    """Cuts the code of a program into statements as its literals are read."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.now = Statement(language, None, None)
        self.blocks = 0

    def literal(self, gap: bytes) -> Statement:
        """Take the code before a literal, and the literal; return the statement that it is in."""
        if len(gap) > _LONGEST_GAP:
            gap = self.forget(gap)
        self.code(_CHARACTER.sub(b"0", gap) if b"'" in gap else gap)
        self.now.code += LITERAL
        return self.now

    def forget(self, gap: bytes) -> bytes:
        """Drop the statement that is being read; return the part of a long gap that begins with the
        next one."""
        tail = gap[-_LONGEST_GAP:]
        self.now, self.blocks = Statement(self.language, None, None), 0
        begin = re.search(rb"\n" if self.language.indented else rb"[;{}]", tail)
        if begin is None:
            self.now.code += b"?"
            return tail
        return tail[begin.start() if self.language.indented else begin.end() :]

    def code(self, gap: bytes) -> None:
        """Take code without literals and comments."""
        position = 0
        for mark in self.language.marks.finditer(gap):
            self.now.add(gap[position : mark.start()])
            position = mark.end()
            byte = mark[0][:1]
            if byte == b";":
                if self.now.depth > 0:
                    self.now.code += byte
                else:
                    self.end()
            elif byte == b"\n":
                self.newline(gap, position)
            elif byte == b":":
                if _CASE.match(self.now.code):
                    self.apart()
                else:
                    self.now.code += byte
            elif byte == b"{":
                self.open()
            elif byte == b"}":
                self.close(gap, position)
            else:
                self.directive(mark["directive"])
        self.now.add(gap[position:])

    def end(self) -> None:
        """End the statement."""
        if not self.now.blank:
            self.now = Statement(self.language, self.now.outer, self.now)

    def apart(self) -> None:
        """Begin a statement that has none before it."""
        self.now = Statement(self.language, self.now.outer, None)

    def open(self) -> None:
        self.blocks += 1
        check_number(self.blocks, MAX_NESTING, "nested blocks")
        self.now.code += b"{"
        self.now = Statement(self.language, self.now, None)

    def close(self, gap: bytes, position: int) -> None:
        outer = self.now.outer
        self.blocks = max(self.blocks - 1, 0)
        if outer is None:
            self.apart()
            return
        outer.code += b"}"
        self.now = outer
        following = gap[position:].lstrip()[:1]
        if not following or following not in _RESUMES:
            self.apart()

    def newline(self, gap: bytes, position: int) -> None:
        now, language = self.now, self.language
        if not language.newlines or now.depth > 0:
            now.code += b"\n"
            return
        code, rest = now.code.rstrip(), gap[position:]
        if language.indented:
            if not code.endswith(b"\\"):
                self.end()
                self.now.margin = len(rest[: len(rest) - len(rest.lstrip(b" \t"))].expandtabs())
            return
        following = rest.lstrip()[:1]
        goes_on = code[-1:] in _GOES_ON_BEHIND if code else False
        if following:
            goes_on = goes_on or following in _GOES_ON_BEFORE
        if goes_on or (not language.keyword_blocks and CONTROL_FIRST.match(code)):
            now.code += b"\n"
        else:
            self.end()

    def directive(self, word: bytes) -> None:
        """A line of the preprocessor."""
        if _CHOOSES.fullmatch(word) and not self.now.blank:
            self.now.code += b"#"
        else:
            self.apart()

"""JavaScript and TypeScript: policy in template literals, and line by line in quoted strings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from patcher.hosts.dressing import Escapes, rendered
from patcher.hosts.embedding import Embedding
from patcher.hosts.lists import Lists
from patcher.hosts.literals import (
    BLOCK_COMMENT,
    CODE,
    DOUBLE,
    HOLE,
    LINE_COMMENT,
    RAW,
    SINGLE,
    UNCLOSED,
    UNCLOSED_SINGLE,
    Kind,
    Language,
    Literal,
    Token,
    code_embeddings,
    unquotable,
)
from patcher.policy.patterns import repeated

_SUFFIXES = frozenset((".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".mts", ".cts", ".es6"))


def _escape(text: bytes) -> bytes:
    return text.replace(b"\\", b"\\\\").replace(b"`", b"\\`").replace(b"${", b"\\${")


def _decode(token: bytes) -> bytes:
    if token.startswith(b"${"):
        return token if b"\n" not in token and len(token) < 200 else HOLE
    return CODE.decode(token)


_TEMPLATE = Kind(
    Escapes(re.compile(rb"\$\{[^{}]{0,2000}\}|" + CODE.token.pattern), _decode, CODE.newline),
    _escape,
)
_RAW = Kind(RAW, unquotable(b"`"), raw=True)

_IN_TEMPLATE = re.compile(rb"\\[\s\S]|\$\{|`")
_IN_CODE = re.compile(
    rb'//[^\r\n]*+|/\*|"'
    + repeated(rb'[^"\\\r\n]++|\\[\s\S]')
    + rb"\"?|'"
    + repeated(rb"[^'\\\r\n]++|\\[\s\S]")
    + rb"'?|[{}`]"
)
_BEFORE_REGEX = rb"[=(,:\[!&|?{};+>]"
_REGEX = (
    rb"(?:(?<=%s)|(?<=%s )|(?<=return )|(?<=\n))/(?![/*])" % (_BEFORE_REGEX, _BEFORE_REGEX)
    + repeated(rb"[^/\\\[\r\n]++|\\[^\r\n]|\[" + repeated(rb"[^\]\\\r\n]++|\\[^\r\n]") + rb"\]?")
    + rb"/?"
)


def template_end(content: bytes, start: int) -> int:
    """The offset of the backquote that ends the template literal whose inside begins at ``start``;
    -1 without one. Templates and blocks inside of ``${...}`` may nest."""
    outer: list[int] = []  # of each template that is open: braces open in its innermost ${...}
    braces = -1  # -1: in a template's text
    position = start
    while True:
        token = (_IN_TEMPLATE if braces < 0 else _IN_CODE).search(content, position)
        if token is None:
            return -1
        position, text = token.end(), token[0]
        if braces < 0:
            if text == b"${":
                braces = 0
            elif text == b"`":
                if not outer:
                    return token.start()
                braces = outer.pop()
        elif text == b"`":
            outer.append(braces)
            braces = -1
        elif text == b"{":
            braces += 1
        elif text == b"}":
            braces -= 1  # below zero: the template's text goes on
        elif text == b"/*":
            end = content.find(b"*/", position)
            if end < 0:
                return -1
            position = end + 2


def _refine(content: bytes, literal: Literal) -> Literal:
    if content.endswith(b"String.raw", max(0, literal.open - 10), literal.open):
        return literal._replace(open=literal.open - 10, kind=_RAW)
    return literal


LANGUAGE = Language(
    "javascript",
    {
        "line": LINE_COMMENT,
        "block": BLOCK_COMMENT,
        "regex": Token(_REGEX),
        "plain": Token(b"`" + repeated(rb"[^`\\$]++|\\[\s\S]|\$(?!\{)") + b"`", _TEMPLATE),
        "template": Token(rb"`", _TEMPLATE, closing=b"`", reader=template_end),
        "double": DOUBLE,
        "single": SINGLE,
        "unclosed": UNCLOSED,
        "unclosedsingle": UNCLOSED_SINGLE,
    },
    refine=_refine,
    keeps_cr=False,
    lists=Lists(counted=re.compile(rb":\s*(?:readonly\s+)?\[[^\[\]]*\w[^\[\]]*\]\s*=\s*\[\Z")),
    newlines=True,
    plain=rb"|=>",
)
"""ECMAScript Language Specification, 12.9.4 "String Literals" and 12.9.6 "Template Literal Lexical
Components"."""


def claims(path: PurePosixPath, content: bytes) -> bool:
    """JavaScript and TypeScript by their suffixes, behind template suffixes too."""
    return path.suffix.lower() in _SUFFIXES or rendered(path).suffix.lower() in _SUFFIXES


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """Each text that string and template literals make, and comments that quote a profile."""
    return code_embeddings(content, LANGUAGE)

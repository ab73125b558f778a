"""Programming languages that need nothing but a table: Java and its kin, C#, Swift, Dart, Lua, Zig.

What is written for each is how its literals begin and end; the rest is the same in all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from patcher.hosts.dressing import Escapes, matters, rendered
from patcher.hosts.embedding import Embedding, Line, physical_lines, prefixed
from patcher.hosts.lists import BRACKETS_ALONE, Lists
from patcher.hosts.literals import (
    BLOCK_COMMENT,
    CHARACTER,
    CODE,
    DOUBLE,
    LINE_COMMENT,
    QUOTED,
    RAW,
    SINGLE,
    UNCLOSED,
    UNCLOSED_SINGLE,
    Kind,
    Language,
    Literal,
    Token,
    backslashed,
    code_embeddings,
    nested_comment,
    unquotable,
)
from patcher.policy.patterns import repeated

_TEXT = Kind(CODE, backslashed(b'"'))
_TEXT_SINGLE = Kind(CODE, backslashed(b"'"))
_RAW = Kind(RAW, unquotable(b'"'), raw=True)
_RAW_SINGLE = Kind(RAW, unquotable(b"'"), raw=True)
_BRACKETED = Kind(RAW, lambda text: text, raw=True)
_VERBATIM = Kind(
    Escapes(re.compile(rb"\r?\n|\r|\"\""), lambda t: b'"' if t == b'""' else b"\n", b"\n"),
    lambda text: text.replace(b'"', b'""'),
    raw=True,
)

_SWIFT = Escapes(
    re.compile(rb"\\\([^()\r\n]{0,100}\)|" + CODE.token.pattern),
    lambda token: b"${}" if token.startswith(b"\\(") else CODE.decode(token),
    CODE.newline,
)
_SWIFT_QUOTED = Kind(_SWIFT, QUOTED.escape, one_line=True)
_SWIFT_TEXT = Kind(_SWIFT, QUOTED.escape)

_NESTED_COMMENT = Token(rb"/\*", comment=True, closing=b"*/", reader=nested_comment)
_TEXT_BLOCK = Token(
    rb'"""', _TEXT, closing=b'"""', inside=re.compile(repeated(rb'[^"\\]++|\\[\s\S]|"(?!"")'))
)
_TEXT_BLOCK_SINGLE = Token(
    rb"'''",
    _TEXT_SINGLE,
    closing=b"'''",
    inside=re.compile(repeated(rb"[^'\\]++|\\[\s\S]|'(?!'')")),
)
_RAW_TEXT_BLOCK = Token(rb'"""', _RAW, closing=b'"""')


def _closing_bracket(opening: bytes) -> bytes:
    return b"]" + b"=" * opening.count(b"=") + b"]"


def _unhashed(opening: bytes) -> bytes:
    return opening.lstrip(b"#") + b"#" * opening.count(b"#")


def _verbatim_prefix(content: bytes, literal: Literal) -> Literal:
    """Count the prefix of a Dart or Scala literal as part of it."""
    if literal.open and content[literal.open - 1 : literal.open] == b"r":
        before = content[max(literal.open - 2, 0) : literal.open - 1]
        if not (before.isalnum() or before == b"_"):
            kind = _RAW if content[literal.start - 1 : literal.start] == b'"' else _RAW_SINGLE
            return literal._replace(open=literal.open - 1, kind=kind)
    return literal


_JAVA = Language(
    "java",
    {
        "line": LINE_COMMENT,
        "block": BLOCK_COMMENT,
        "text": _TEXT_BLOCK,
        "double": DOUBLE,
        "unclosed": UNCLOSED,
        "character": CHARACTER,
    },
    keeps_cr=False,
)
"""The Java Language Specification, 3.10.6 "Text Blocks"."""

_KOTLIN = Language(
    "kotlin",
    {
        "line": LINE_COMMENT,
        "block": _NESTED_COMMENT,
        "text": _RAW_TEXT_BLOCK,
        "double": DOUBLE,
        "unclosed": UNCLOSED,
        "character": CHARACTER,
    },
)
_SCALA = Language("scala", _KOTLIN.tokens)
_GROOVY = Language(
    "groovy",
    {
        "line": LINE_COMMENT,
        "block": BLOCK_COMMENT,
        "text": _TEXT_BLOCK,
        "textsingle": _TEXT_BLOCK_SINGLE,
        "double": DOUBLE,
        "single": SINGLE,
        "unclosed": UNCLOSED,
        "unclosedsingle": UNCLOSED_SINGLE,
    },
)
_CSHARP = Language(
    "csharp",
    {
        "line": LINE_COMMENT,
        "block": BLOCK_COMMENT,
        "text": Token(rb'\$*+"""', _RAW, closing=b'"""'),
        "verbatim": Token(
            rb'(?:@\$?|\$@)"', _VERBATIM, closing=b'"', inside=re.compile(repeated(rb'[^"]++|""'))
        ),
        "double": DOUBLE,
        "unclosed": UNCLOSED,
        "character": CHARACTER,
    },
    lists=BRACKETS_ALONE,
)
"""C# language specification, "String literals"; C# 11 raw string literals."""

_SWIFT_LANGUAGE = Language(
    "swift",
    {
        "line": LINE_COMMENT,
        "block": _NESTED_COMMENT,
        "raw": Token(rb'#{1,32}"(?:"")?', _RAW, closing=_unhashed),
        "text": Token(rb'"""', _SWIFT_TEXT, closing=b'"""', inside=_TEXT_BLOCK.inside),
        "double": Token(DOUBLE.opening, _SWIFT_QUOTED),
        "unclosed": UNCLOSED,
    },
    lists=Lists(
        counted=re.compile(rb"\bInlineArray\s*<[^<>]*>\s*=\s*\[\Z|\bof\b[^\[\]=]*\]\s*=\s*\[\Z")
    ),
)
_DART = Language(
    "dart",
    {
        "line": LINE_COMMENT,
        "block": _NESTED_COMMENT,
        "text": _TEXT_BLOCK,
        "textsingle": _TEXT_BLOCK_SINGLE,
        "double": DOUBLE,
        "single": SINGLE,
        "unclosed": UNCLOSED,
        "unclosedsingle": UNCLOSED_SINGLE,
    },
    adjacent=True,
    refine=_verbatim_prefix,
)
_LUA = Language(
    "lua",
    {
        "block": Token(rb"--\[={0,32}\[", comment=True, closing=_closing_bracket),
        "line": Token(rb"--[^\r\n]*+", comment=True),
        "long": Token(rb"\[={0,32}\[", _BRACKETED, closing=_closing_bracket),
        "double": DOUBLE,
        "single": SINGLE,
        "unclosed": UNCLOSED,
        "unclosedsingle": UNCLOSED_SINGLE,
    },
    join=rb"\.\.",
    glue=b" .. ",
)
"""Lua Reference Manual, 3.1 "Lexical Conventions"."""

_ZIG = Language(
    "zig",
    {
        "multiline": Token(rb"\\\\[^\r\n]*+"),
        "line": LINE_COMMENT,
        "double": DOUBLE,
        "unclosed": UNCLOSED,
        "character": CHARACTER,
    },
    join=rb"\+\+",
    glue=b" ++ ",
    lists=Lists(
        open=re.compile(rb"\[_\][^{};=]*\{\Z|:\s*\[\]const\b[^;{}=]*=\s*&\.\{\Z"),
        byte_array=re.compile(rb"\[[^\[\]]*\w[^\[\]]*\]\s*(?:const\s+)?u8\s*=\s*\Z"),
    ),
)

_BY_SUFFIX = {
    ".java": _JAVA, ".kt": _KOTLIN, ".kts": _KOTLIN, ".scala": _SCALA, ".sc": _SCALA,
    ".groovy": _GROOVY, ".gradle": _GROOVY, ".jenkinsfile": _GROOVY, ".cs": _CSHARP,
    ".csx": _CSHARP, ".swift": _SWIFT_LANGUAGE, ".dart": _DART, ".lua": _LUA, ".zig": _ZIG,
}  # fmt: skip
_BY_NAME = {"Jenkinsfile": _GROOVY}

_MARGIN = re.compile(rb"[ \t]*+\|")
_STRIPS_MARGIN = re.compile(rb"\s{0,100}\.(?:trimMargin|stripMargin)\b")
_ZIG_LINE = re.compile(rb"[ \t]*+\\\\")


def _language(path: PurePosixPath) -> Language | None:
    for name in (path, rendered(path)):
        if (found := _BY_SUFFIX.get(name.suffix.lower()) or _BY_NAME.get(name.name)) is not None:
            return found
    return None


def claims(path: PurePosixPath, content: bytes) -> bool:
    """By name, behind template suffixes too."""
    return _language(path) is not None


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """Each text that string literals make, and comments that quote a profile."""
    language = _language(path)
    if language is None:
        return
    for embedding in code_embeddings(content, language):
        yield _without_margin(content, embedding)
    if language is _ZIG:
        yield from _zig_strings(content)


def _without_margin(content: bytes, embedding: Embedding) -> Embedding:
    """A string whose lines begin with a bar that the program takes away (``trimMargin()``): the bar
    is part of the dressing."""
    lines = embedding.lines
    if len(lines) < 2 or not any(line.text.lstrip(b" \t").startswith(b"|") for line in lines[:2]):
        return embedding
    if any(line.offsets is not None for line in lines):
        return embedding
    end = lines[-1].start + len(lines[-1].text)
    if not _STRIPS_MARGIN.match(content, end + 3):
        return embedding
    bared = prefixed(content, physical_lines(content, lines[0].start, end), prefix=_bar, end=end)
    return Embedding(embedding.host, tuple(bared), embedding.escape)


def _bar(line: bytes) -> int:
    bar = _MARGIN.match(line)
    return 0 if bar is None else bar.end()


def _zig_strings(content: bytes) -> Iterator[Embedding]:
    r"""Lines behind ``\\``: those in a row are one string (Zig language reference, "Multiline
    String Literals")."""
    spans: list[tuple[int, int, int]] = []
    for line in physical_lines(content, 0, len(content)):
        if _ZIG_LINE.match(content, line[0], line[1]):
            spans.append(line)
            continue
        yield from _zig_string(content, spans)
        spans = []
    yield from _zig_string(content, spans)


def _zig_string(content: bytes, spans: list[tuple[int, int, int]]) -> Iterator[Embedding]:
    if spans and matters(content, spans[0][0], spans[-1][1]):
        lines: tuple[Line, ...] = tuple(
            prefixed(content, spans, prefix=_zig_mark, end=spans[-1][2])
        )
        yield Embedding("zig", lines)


def _zig_mark(line: bytes) -> int:
    mark = _ZIG_LINE.match(line)
    return 0 if mark is None else mark.end()

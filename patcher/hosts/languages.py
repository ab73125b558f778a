"""Programming languages that need nothing but a table: Java and its kin, C#, Swift, Dart, Lua, Zig,
Haskell, Standard ML.

What is written for each is how its literals begin and end; the rest is the same in all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
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
    newlines=True,
)
_SCALA = Language("scala", _KOTLIN.tokens, newlines=True)
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
    newlines=True,
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
    directives=True,
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
    newlines=True,
    directives=True,
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
    members=rb"[.:]",
    keyword_blocks=True,
)
"""Lua Reference Manual, 3.1 "Lexical Conventions"."""


def _decode_gapped(token: bytes) -> bytes:
    if token[-1:] == b"\\" and token != b"\\\\":
        return b"" if token[1:2].isspace() else b"\n"
    return b"" if token == b"\\&" else CODE.decode(token)


_GAPS = Escapes(
    re.compile(rb"(?:\\r)?\\n\\\s++\\|\\\s++\\|" + CODE.token.pattern),
    _decode_gapped,
    b"\\n",
)
_GAPPED = Token(
    b'"' + repeated(rb'[^"\\\r\n]++|\\[^\s]|\\\s++\\') + b'"',
    Kind(_GAPS, QUOTED.escape, one_line=True),
)
_HASKELL = Language(
    "haskell",
    {
        "block": Token(rb"\{-", comment=True, closing=b"-}"),
        "line": Token(rb"--[^\r\n]*+", comment=True),
        "quasi": Token(rb"\[[a-z]\w*\|", _BRACKETED, closing=b"|]"),
        "double": _GAPPED,
        "unclosed": UNCLOSED,
        "character": CHARACTER,
    },
    join=rb"\+\+|<>",
    glue=b" ++ ",
)
"""Haskell 2010 Language Report, 2.6 "Character and String Literals": a gap is a backslash, white
space and a backslash."""
_SML = Language(
    "sml",
    {
        "block": Token(rb"\(\*", comment=True, closing=b"*)"),
        "double": _GAPPED,
        "unclosed": UNCLOSED,
    },
    join=rb"\^",
    glue=b" ^ ",
)
"""The Definition of Standard ML, 2.2 "Special constants"."""

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
    plain=rb"|\.(?=\{)",
)

_BY_SUFFIX = {
    ".java": _JAVA, ".kt": _KOTLIN, ".kts": _KOTLIN, ".scala": _SCALA, ".sc": _SCALA,
    ".groovy": _GROOVY, ".gradle": _GROOVY, ".jenkinsfile": _GROOVY, ".cs": _CSHARP,
    ".csx": _CSHARP, ".swift": _SWIFT_LANGUAGE, ".dart": _DART, ".lua": _LUA, ".zig": _ZIG,
    ".hs": _HASKELL, ".purs": _HASKELL, ".sml": _SML,
}  # fmt: skip
_BY_NAME = {"Jenkinsfile": _GROOVY}

_STRIPS_MARGIN = re.compile(
    rb"(?:\r?\n)?[ \t]*+(?:\"\"\"|''')[\s)?!]{0,100}\.(?:trimMargin|stripMargin)\b"
    rb"(?:\(\s{0,9}(?:marginPrefix\s{0,9}=\s{0,9})?(?P<quote>[\"'])(?P<mark>[^\"'\\]{1,16})(?P=quote))?"
)
_FEW = 3
"""Lines with a bar that are a margin, whatever takes it away."""
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
    """A string whose lines begin with a mark that the program takes away (``trimMargin()``): the
    mark is part of the dressing."""
    lines = embedding.lines
    call = _STRIPS_MARGIN.match(content, lines[-1].offset(len(lines[-1].text)))
    mark = call["mark"] if call is not None and call["mark"] else b"|"
    margin = re.compile(rb"[ \t]*+" + re.escape(mark))
    widths = [found.end() if (found := margin.match(line.text)) else 0 for line in lines]
    marked = sum(width > 0 for width in widths)
    if (call is None and marked < _FEW) or not marked:
        return embedding
    return replace(
        embedding,
        lines=tuple(
            replace(
                line,
                text=line.text[width:],
                start=line.offset(width),
                before=line.before + content[line.start : line.offset(width)],
                offsets=None if line.offsets is None else line.offsets[width:],
            )
            for line, width in zip(lines, widths, strict=True)
        ),
    )


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

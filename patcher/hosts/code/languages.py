"""The languages whose programs are read: one table each, and which file is in which language."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from patcher.hosts.code import kinds
from patcher.hosts.code.language import Language, Literal, Token
from patcher.hosts.code.lists import Lists
from patcher.hosts.embedding import PLACEHOLDER
from patcher.hosts.names import rendered, table
from patcher.hosts.strings import Escapes
from patcher.policy.patterns import regex, repeated


def _prefix(content: bytes, literal: Literal, prefix: re.Pattern[bytes]) -> bytes:
    """Return the prefix of a literal that tells its kind; empty if it has none."""
    found = prefix.search(content[max(0, literal.open - 3) : literal.open])
    return b"" if found is None else found[0]


_GO = Language(
    "go",
    (*kinds.COMMENTS, Token(rb"`[^`]*+`", kinds.raw(b"`")), *kinds.QUOTES),
    keeps_cr=False,
    lists=Lists(
        open=regex(
            rb"\[\][\w.*\[\] ]+\{\Z|\[\](?:struct|interface)\s*\{[^{}]*\}\s*\{\Z"
            rb"|(?:\bvar\s+\w+\s*|:)=\s*\[\.\.\.\][\w.]+\{\Z"
        )
    ),
    newlines=True,
    margins=False,
)
"""The Go Programming Language Specification, "String literals" and "Comments"."""


# Python and Starlark

_PYTHON_PREFIX = regex(rb"(?<![\w])[rRbBuUfFtT]{1,2}\Z")
_PYTHON_RAW = {
    kinds.QUOTED: kinds.raw(b'"', kinds.RAW_LINE, one_line=True),
    kinds.APOSTROPHED: kinds.raw(b"'", kinds.RAW_LINE, one_line=True),
    kinds.TEXT: kinds.RAW_QUOTED,
    kinds.TEXT_SINGLE: kinds.RAW_SINGLE,
}
_DEFINITION = regex(rb"[ \t]*(?:(?:async[ \t]+)?def\b|class\b|\))")


def _refine_python(content: bytes, literal: Literal) -> Literal:
    """Tell the kind by the prefix of a literal, and by a call of ``format`` behind it."""
    letters = _prefix(content, literal, _PYTHON_PREFIX).lower()
    kind = _PYTHON_RAW[literal.kind] if b"r" in letters else literal.kind
    if b"f" in letters or b"t" in letters or content.startswith(b".format(", literal.stop):
        kind = kinds.formatted(kind)
    return literal._replace(open=literal.open - len(letters), kind=kind)


def _is_docstring(content: bytes, literal: Literal, gap: bytes) -> bool:
    """Whether this is a docstring (PEP 257)."""
    code = gap.rstrip()
    if literal.start - literal.open < 3 or b"\n" not in gap[len(code) :]:
        return literal.open == 0
    return not code or (code.endswith(b":") and bool(_DEFINITION.match(code.rpartition(b"\n")[2])))


_PYTHON = Language(
    "python",
    (kinds.HASH_COMMENT, *kinds.TEXT_BLOCKS, *kinds.BOTH_QUOTES),
    adjacent=True,
    blank=rb"[\s\\]",
    refine=_refine_python,
    documentation=_is_docstring,
    indented=True,
    newlines=True,
    keeps_cr=False,
    lists=Lists(tuples=True),
    margins=False,
)
"""The Python Language Reference, 2.4.1 "String and Bytes literals"."""


# JavaScript and TypeScript

_RAW_TEMPLATE = kinds.raw(b"`")
_BEFORE_REGEX = rb"[=(,:\[!&|?{};+>]"
_REGEX = (
    rb"(?:(?<=%s)|(?<=%s )|(?<=return )|(?<=\n))/(?![/*])" % (_BEFORE_REGEX, _BEFORE_REGEX)
    + repeated(rb"[^/\\\[\r\n]++|\\[^\r\n]|\[" + repeated(rb"[^\]\\\r\n]++|\\[^\r\n]") + rb"\]?")
    + rb"/?"
)


def _refine_javascript(content: bytes, literal: Literal) -> Literal:
    if content.endswith(b"String.raw", max(0, literal.open - 10), literal.open):
        return literal._replace(open=literal.open - 10, kind=_RAW_TEMPLATE)
    return literal


_JAVASCRIPT = Language(
    "javascript",
    (
        *kinds.COMMENTS,
        Token(_REGEX),
        Token(b"`" + repeated(rb"[^`\\$]++|\\[\s\S]|\$(?!\{)") + b"`", kinds.TEMPLATE),
        Token(rb"`", kinds.TEMPLATE, closing=b"`", reader=kinds.template_end),
        *kinds.BOTH_QUOTES,
    ),
    refine=_refine_javascript,
    keeps_cr=False,
    lists=Lists(counted=regex(rb":\s*(?:readonly\s+)?\[[^\[\]]*\w[^\[\]]*\]\s*=\s*\[\Z")),
    newlines=True,
    plain=rb"|=>",
    margins=False,
)
"""ECMAScript Language Specification, 12.9.4 "String Literals" and 12.9.6 "Template Literal Lexical
Components"."""


# Rust

_FORMATS = regex(
    rb"\b(?:format|print|println|eprint|eprintln|write|writeln|format_args|panic)!\s*[(\[{]"
    rb"(?:[^()\"]{0,80},)?\s*\Z"
)


def _refine_rust(content: bytes, literal: Literal) -> Literal:
    """Tell the format strings of macros, which have doubled braces."""
    if _FORMATS.search(content[max(0, literal.open - 160) : literal.open]):
        return literal._replace(kind=kinds.formatted(literal.kind))
    return literal


_RUST = Language(
    "rust",
    (
        *kinds.NESTING_COMMENTS,
        Token(rb'\b[bc]?r#{0,255}"', kinds.RAW_QUOTED, closing=kinds.hashed),
        Token(
            rb'"',
            kinds.quoted(escapes=kinds.EATING, one_line=True),
            closing=b'"',
            inside=regex(repeated(rb'[^"\\]++|\\[\s\S]')),
        ),
        kinds.CHARACTER,
    ),
    refine=_refine_rust,
    keeps_cr=False,
    lists=Lists(
        open=regex(rb"(?:&(?:mut\b)?|\w!)\s*[\[{]\Z"),
        counted=regex(rb"\[[^\[\]=]*;[^\[\];=]*\]\s*(?:\)\s*)?=\s*&?(?:mut\b)?\s*\[\Z"),
        byte_array=regex(rb"\[\s*u8\s*;[^\[\];=]*\]\s*=\s*\*?b?\Z"),
    ),
    members=rb"\.|::",
    plain=rb"|'\w+|->",
    margins=False,
)
"""The Rust Reference, "Tokens": string literals."""


# C, C++ and Objective-C

_C_PREFIX = regex(rb"(?:(?<!\w)(?:u8|[uUL])|@)\Z")


def _refine_c(content: bytes, literal: Literal) -> Literal:
    if literal.kind.raw:
        return literal
    return literal._replace(open=literal.open - len(_prefix(content, literal, _C_PREFIX)))


_C = Language(
    "c",
    (
        Token(
            rb"//(?:[^\r\n\\]|\\(?:\r?\n|[^\r\n]|(?=\r)))*", comment=True
        ),  # a backslash: 5.1.1.2
        *kinds.COMMENTS,
        Token(rb"\b\d[\w.']*+"),
        Token(
            rb"\b(?:u8|[uUL])?R\"[^()\\\s\"]{0,16}\(",
            kinds.RAW_QUOTED,
            closing=lambda opening: b")" + opening.partition(b'"')[2][:-1] + b'"',
        ),
        *kinds.QUOTES,
    ),
    join=rb"\+|<<",
    adjacent=True,
    blank=rb"[\s\\]",
    glue=b" ",
    names_join=True,
    refine=_refine_c,
    lists=Lists(
        open=regex(
            rb"\[\s*\]\s*(?:\)\s*|=\s*)?\{\Z|\b(?:vector|list|deque|set|initializer_list)[^;{}]*\{\Z"
            rb"|\bauto\b[^;{}]*=\s*\{\Z|@\[\Z"
        ),
        byte_array=regex(
            rb"\b(?:char|wchar_t|char\d+_t|u?int8_t|byte)\b"
            rb"[^;{}()=*]*(?:\[[^\[\]]*[^\s\[\]][^\[\]]*\]|>\s*\w+)\s*=?\s*\{?\Z"
        ),
    ),
    members=rb"\.|->|::",
    plain=rb"|\*",
    directives=True,
    margins=False,
)
"""ISO C 6.4.5 "String literals" (adjacent ones are put together in translation phase 6), ISO C++
[lex.string]."""


# Java and its kin, C#

_JAVA = Language("java", (*kinds.COMMENTS, kinds.TEXT_BLOCK, *kinds.QUOTES), keeps_cr=False)
"""The Java Language Specification, 3.10.6 "Text Blocks"."""
_KOTLIN = Language(
    "kotlin", (*kinds.NESTING_COMMENTS, kinds.RAW_TEXT_BLOCK, *kinds.QUOTES), newlines=True
)
_SCALA = Language("scala", _KOTLIN.tokens, newlines=True)
_GROOVY = Language(
    "groovy", (*kinds.COMMENTS, *kinds.TEXT_BLOCKS, *kinds.BOTH_QUOTES), newlines=True
)
_CSHARP = Language(
    "csharp",
    (
        *kinds.COMMENTS,
        Token(rb'\$*+"""', kinds.RAW_QUOTED, closing=b'"""'),
        Token(
            rb'(?:@\$?|\$@)"',
            kinds.VERBATIM,
            closing=b'"',
            inside=regex(repeated(rb'[^"]++|""')),
        ),
        *kinds.QUOTES,
    ),
    lists=Lists(counted=regex(rb"\[[^\[\]\"']*[^\s\[\],][^\[\]]*\]\s*\{\Z")),
    directives=True,
)
"""C# language specification, "String literals"; C# 11 raw string literals."""


# Swift and Dart

_SWIFT_ESCAPES = Escapes(
    regex(rb"\\\([^()\r\n]{0,100}\)|" + kinds.CODE.token.pattern),
    lambda token: PLACEHOLDER if token.startswith(b"\\(") else kinds.CODE.decode(token),
    kinds.CODE.newline,
)
_SWIFT = Language(
    "swift",
    (
        *kinds.NESTING_COMMENTS,
        Token(rb'#{1,32}"(?:"")?', kinds.RAW_QUOTED, closing=kinds.hashed),
        kinds.tripled(b'"', kinds.quoted(escapes=_SWIFT_ESCAPES)),
        Token(kinds.DOUBLE.opening, kinds.quoted(escapes=_SWIFT_ESCAPES, one_line=True)),
        kinds.UNCLOSED,
    ),
    lists=Lists(
        counted=regex(rb"\bInlineArray\s*<[^<>]*>\s*=\s*\[\Z|\bof\b[^\[\]=]*\]\s*=\s*\[\Z")
    ),
    newlines=True,
    directives=True,
)

_DART_PREFIX = regex(rb"(?<!\w)r\Z")


def _refine_dart(content: bytes, literal: Literal) -> Literal:
    if not _prefix(content, literal, _DART_PREFIX):
        return literal
    kind = (
        kinds.RAW_QUOTED if content[literal.start - 1 : literal.start] == b'"' else kinds.RAW_SINGLE
    )
    return literal._replace(open=literal.open - 1, kind=kind)


_DART = Language(
    "dart",
    (*kinds.NESTING_COMMENTS, *kinds.TEXT_BLOCKS, *kinds.BOTH_QUOTES),
    adjacent=True,
    refine=_refine_dart,
)


# Lua, Haskell, Standard ML, Zig

_LUA = Language(
    "lua",
    (
        Token(rb"--\[={0,32}\[", comment=True, closing=kinds.bracketed),
        kinds.DASH_COMMENT,
        Token(rb"\[={0,32}\[", kinds.BRACKETED, closing=kinds.bracketed),
        *kinds.BOTH_QUOTES,
    ),
    join=rb"\.\.",
    glue=b" .. ",
    members=rb"[.:]",
    newlines=True,
    keyword_blocks=True,
)
"""Lua Reference Manual, 3.1 "Lexical Conventions"."""
_HASKELL = Language(
    "haskell",
    (
        Token(rb"\{-", comment=True, closing=b"-}"),
        kinds.DASH_COMMENT,
        Token(rb"\[[a-z]\w*\|", kinds.BRACKETED, closing=b"|]"),
        kinds.GAPPED,
        kinds.UNCLOSED,
        kinds.CHARACTER,
    ),
    join=rb"\+\+|<>",
    glue=b" ++ ",
)
"""Haskell 2010 Language Report, 2.6 "Character and String Literals": a gap is a backslash, white
space and a backslash."""
_SML = Language(
    "sml",
    (Token(rb"\(\*", comment=True, closing=b"*)"), kinds.GAPPED, kinds.UNCLOSED),
    join=rb"\^",
    glue=b" ^ ",
)
"""The Definition of Standard ML, 2.2 "Special constants"."""
_ZIG = Language(
    "zig",
    (Token(rb"\\\\[^\r\n]*+"), kinds.LINE_COMMENT, *kinds.QUOTES),
    join=rb"\+\+",
    glue=b" ++ ",
    lists=Lists(
        open=regex(rb"\[_\][^{};=]*\{\Z|:\s*\[\]const\b[^;{}=]*=\s*&\.\{\Z"),
        byte_array=regex(rb"\[[^\[\]]*\w[^\[\]]*\]\s*(?:const\s+)?u8\s*=\s*\Z"),
    ),
    plain=rb"|\.(?=\{)",
    line_strings=regex(rb"[ \t]*+\\\\"),
)
"""Zig language reference, "Multiline String Literals"."""


# Which file is in which language

_BY_SUFFIX = table(
    (_GO, ".go"),
    (_PYTHON, ".py .pyi .pyw .pyx .bzl .star .bazel .sage .wsgi"),
    (_JAVASCRIPT, ".js .jsx .ts .tsx .mjs .cjs .mts .cts .es6"),
    (_RUST, ".rs"),
    (_C, ".c .h .cc .cpp .cxx .c++ .hh .hpp .hxx .inl .ipp .m .mm .ino .cu"),
    (_JAVA, ".java"),
    (_KOTLIN, ".kt .kts"),
    (_SCALA, ".scala .sc"),
    (_GROOVY, ".groovy .gradle .jenkinsfile"),
    (_CSHARP, ".cs .csx"),
    (_SWIFT, ".swift"),
    (_DART, ".dart"),
    (_LUA, ".lua"),
    (_ZIG, ".zig"),
    (_HASKELL, ".hs .purs"),
    (_SML, ".sml"),
)
_BY_NAME = table(
    (_PYTHON, "SConstruct SConscript BUILD WORKSPACE Tiltfile wscript"), (_GROOVY, "Jenkinsfile")
)
_INTERPRETER = regex(rb"#![^\r\n]*?\bpython")


def language_of(path: PurePosixPath, content: bytes) -> Language | None:
    """Return the language of a file by its name, behind template suffixes, too, or by its first
    line; None if it is no program."""
    name = rendered(path)
    found = _BY_SUFFIX.get(name.suffix.lower()) or _BY_NAME.get(name.name)
    if found is None and _INTERPRETER.match(content, 0, 128):
        return _PYTHON
    return found

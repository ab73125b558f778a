"""Documentation: Markdown, reStructuredText, AsciiDoc, HTML, manual pages, mail, translations and
prose that quote a profile.

Everything here is documentation: reported, and edited only on request. Code blocks are read one by
one, each as the general line host would; the prose between them too, so that no profile in an odd
place is taken for anything else than documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from patcher.hosts import plain
from patcher.hosts.embedding import Embedding, Line, again, physical_lines, prefixed
from patcher.hosts.lines import dressed
from patcher.hosts.names import rendered, table
from patcher.hosts.physical import filled, next_line
from patcher.hosts.strings import Escapes, decoded, matters, text_start
from patcher.policy.patterns import regex, repeated

_BY_SUFFIX = table(
    ("markdown", ".md .markdown .mdx .mkd .mdown .rmd .qmd .mdwn .ronn"),
    ("rst", ".rst .rest"),
    ("pod", ".pod"),
    ("asciidoc", ".adoc .asciidoc .asc"),
    ("html", ".html .htm .xhtml .sgml .dbk .svg"),
    ("org", ".org"),
    ("textile", ".textile"),
    ("wiki", ".wiki .mediawiki .creole"),
    ("tex", ".tex .texi .texinfo .txi .ltx .bib"),
    ("man", ".man .mdoc"),
    ("scdoc", ".scd"),
    ("docbook", ".docbook"),
    ("dita", ".dita .ditamap"),
    ("mallard", ".page"),
    ("typst", ".typ"),
    ("rdoc", ".rdoc"),
    ("txt2tags", ".t2t"),
    ("rtf", ".rtf"),
    ("odf", ".fodt"),
    ("rd", ".rd"),
    ("edoc", ".edoc"),
    ("odoc", ".mld"),
    ("text", ".nfo .info .vtt .srt .log"),
    ("mail", ".eml .mbox .mml"),
    ("feed", ".rss .atom"),
    ("translation", ".po .pot .xlf .xliff .tmx .arb .strings .stringsdict .xcstrings"),
)
_BY_CONTENT = {
    ".ts": (regex(rb"<!DOCTYPE TS\b|<TS [^>\r\n]{0,80}(?:version|language)="), "translation"),
    ".ftl": (regex(rb"(?m)^-?[A-Za-z][\w-]{0,80}[ ]*+=(?!=)"), "translation"),
    ".xml": (
        regex(
            rb"docbook\.org/|DTD (?:Simplified )?DocBook|DTD DITA|urn:oasis:names:tc:dita"
            rb"|<!DOCTYPE\s+(?:book|article|chapter|refentry|topic|concept|task|reference|bookmap|map)\b"
            rb"|<(?:programlisting|codeblock|literallayout)\b",
        ),
        "docbook",
    ),
}
"""Suffixes that do not suffice: Qt's translations have that of TypeScript, Fluent's that of
FreeMarker's templates."""
_PROSE_FOLDERS = frozenset(("doc", "docs", "documentation", "man", "manual", "help"))
_SENTENCE = regex(
    rb"^[ \t]*+[A-Z][\w'-]*+"
    + repeated(rb"[ ][\w'`\"<>()/.,:-]++", b"{4,}")
    + rb"[.:!?]?[ \t]*+\r?$",
    re.MULTILINE,
)
"""A line of prose: it cannot be taken for a rule, code or a comment."""
_READ_BY_PEOPLE = frozenset(("readme", "changelog", "changes", "news", "history", "install"))
_MANUAL = regex(r"\.[1-9][a-z]{0,2}")
_MANUAL_REQUEST = regex(rb"^[.'][ \t]*(?:TH|SH|Dd|Sh)[ \t]", re.MULTILINE)
_LOOKED_AT = 4096

_FENCE = regex(
    rb"^([ \t>]*+)" + repeated(rb"(?:[-*+]|\d{1,9}[.)])[ \t]++") + rb"(`{3,}+|~{3,}+)(?![^\r\n]*`)",
    re.MULTILINE,
)
_QUOTE = regex(rb"[ \t]{0,3}>[ ]?")
_DELIMITER = regex(rb"^(-{4,}+|\.{4,}+|\+{4,}+|`{3,}+|--)[ \t]*+\r?$", re.MULTILINE)
_INDENTED = {"markdown": regex(rb"[ ]{4}|[ ]{0,3}\t"), "": regex(rb"[ \t]")}


def claims(path: PurePosixPath, content: bytes) -> bool:
    """Tell documentation by its name, a manual page by its section and its first requests, too."""
    return _host(path, content) is not None


def _host(path: PurePosixPath, content: bytes) -> str | None:
    if plain.is_among_policy(path) and plain.begins_as_policy(content):
        return None  # a profile's file may be called usr.bin.man
    if path.name == "strings.xml":
        return "translation"  # Android's resources
    name = rendered(path)
    suffix = name.suffix.lower()
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    if suffix in _BY_CONTENT:
        pattern, host = _BY_CONTENT[suffix]
        return host if pattern.search(content) else None
    if suffix in ("", ".txt") and name.stem.lower() in _READ_BY_PEOPLE:
        return "markdown"
    if _MANUAL.fullmatch(suffix) and _MANUAL_REQUEST.search(content, 0, _LOOKED_AT):
        return "man"
    return "text" if _is_prose(path, content) else None


def _is_prose(path: PurePosixPath, content: bytes) -> bool:
    """Whether a text file explains a profile, rather than being one."""
    named = path.suffix.lower() in (".txt", ".text")
    if not named and (path.suffix or _PROSE_FOLDERS.isdisjoint(path.parts[:-1])):
        return False
    return not plain.claims(path, content) and _SENTENCE.search(content) is not None


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """Return the code blocks that matter, and the stretches of prose between them."""
    host = _host(path, content) or "markdown"
    start, end = text_start(content), len(content)
    if host == "man":
        yield from _manual(content, start, end)
        return
    find = {"markdown": _fenced, "asciidoc": _delimited}.get(host)
    blocks = find(content, start, end) if find else ()
    yield from filled(start, end, blocks, partial(_prose, content, host=host))


_Block = tuple[int, int, Iterator[Embedding]]


def _fenced(content: bytes, start: int, end: int) -> Iterator[_Block]:
    """Find fenced code blocks (CommonMark 0.31, 4.5), in block quotes and list items, too."""
    position = start
    while (fence := _FENCE.search(content, position, end)) is not None:
        body = next_line(content, fence.end(), end)
        quoted = b">" in fence[1]
        mark = re.escape(fence[2][:1]) + b"{%d,}+" % len(fence[2])
        outside = rb"|(?![ \t]*+>)" if quoted else b""
        close = re.compile(
            rb"^(?:[ \t>]*+" + mark + rb"[ \t]*+\r?$" + outside + b")", re.MULTILINE
        ).search(content, body, end)
        stop = end if close is None else close.start()
        position = end if close is None else max(next_line(content, close.end(), end), body)
        kind = "quotation" if quoted else "code"
        yield fence.start(), position, _stretch(content, body, stop, kind, "markdown")


def _delimited(content: bytes, start: int, end: int) -> Iterator[_Block]:
    """Find listing and literal blocks of AsciiDoc, each between two equal lines."""
    delimiters = [(mark.start(), mark[1]) for mark in _DELIMITER.finditer(content, start, end)]
    closing: dict[bytes, int] = {}
    partner = [-1] * len(delimiters)
    for number in range(len(delimiters) - 1, -1, -1):
        mark = delimiters[number][1]
        partner[number] = closing.get(mark, -1)
        closing[mark] = number
    number = 0
    while number < len(delimiters):
        close = partner[number]
        if close >= 0:
            opening = delimiters[number][0]
            body, stop = next_line(content, opening, end), delimiters[close][0]
            found = _stretch(content, body, stop, "code", "asciidoc")
            yield opening, next_line(content, stop, end), found
            number = close
        number += 1


def _prose(content: bytes, start: int, end: int, host: str) -> Iterator[Embedding]:
    """Read what is outside of fences: indented blocks, quotations, and the text between them."""
    if not matters(content, start, end):
        return
    indented = _INDENTED.get(host, _INDENTED[""])
    kind, begin, blank = "", start, True  # of the stretch being read; the line before was blank
    for line_start, text_end, _ in physical_lines(content, start, end):
        if not content[line_start:text_end].strip():
            blank = True
            continue
        if host != "html" and indented.match(content, line_start, text_end):
            now = "code" if blank or kind == "code" else kind
        elif host == "markdown" and _QUOTE.match(content, line_start, text_end):
            now = "quotation"
        else:
            now = "text"
        if now != kind:
            yield from _stretch(content, begin, line_start, kind, host)
            kind, begin = now, line_start
        blank = False
    yield from _stretch(content, begin, end, kind, host)


def _stretch(content: bytes, start: int, end: int, kind: str, host: str) -> Iterator[Embedding]:
    if kind == "quotation":
        yield from _quoted(content, start, end, host)
    elif kind:
        yield from dressed(content, start, end, host, documentation=True)


def _quoted(content: bytes, start: int, end: int, host: str) -> Iterator[Embedding]:
    if not matters(content, start, end):
        return

    def prefix(line: bytes) -> int:
        width = 0
        while (mark := _QUOTE.match(line, width)) is not None:
            width = mark.end()
        return width

    lines = prefixed(content, physical_lines(content, start, end), prefix=prefix)
    yield Embedding(host, tuple(lines), documentation=True)


# Manual pages


_GLYPHS = {b"\\e": b"\\", b"\\(aq": b"'", b"\\(dq": b'"', b"\\(rs": b"\\", b"\\(ti": b"~",
           b"\\(ha": b"^", b"\\(bu": b"*"}  # fmt: skip


def _decode_roff(token: bytes) -> bytes:
    if token in _GLYPHS:
        return _GLYPHS[token]
    kind = token[1:2]
    if kind in b"f&(/,|^%:":
        return b""
    return b" " if kind in b" ~0" else token[1:]


_ROFF = Escapes(
    regex(rb"\\f(?:[A-Z0-9]|\([A-Z]{2}|\[[A-Z]{0,3}\])|\\\([a-z]{2}|\\[^\r\n]"),
    _decode_roff,
    b"\n",
)
"""groff(7), "Escape sequences"."""


def _manual(content: bytes, start: int, end: int) -> Iterator[Embedding]:
    """Read the text lines of a page. Of the requests between them, only a line break (``.br``) is
    repeated for a new line; the others are not policy."""
    if content.find(b"network", start, end) < 0 and not matters(content, start, end):
        return  # (the letter of a font escape may stand before the word)
    lines: list[Line] = []
    for begin, text_end, stop in physical_lines(content, start, end):
        ending = content[text_end:stop]
        if content[begin : begin + 1] in (b".", b"'"):
            if lines and content[begin:text_end].rstrip() == b".br" and ending:
                above = lines[-1]
                if above.insert_at == begin:
                    lines[-1] = Line(
                        above.text, above.start, stop, b"", above.after + content[begin:stop],
                        above.offsets,
                    )  # fmt: skip
            continue
        for piece in decoded(content, begin, text_end, _ROFF):
            around = again(content, begin, b"", b"", ending)
            lines.append(Line(piece.text, piece.start, stop, *around, piece.offsets))
    if lines:
        yield Embedding("man", tuple(lines), escape=_escape_roff, documentation=True)


def _escape_roff(text: bytes) -> bytes:
    escaped = text.replace(b"\\", b"\\e")
    return b"\\&" + escaped if escaped.startswith((b".", b"'")) else escaped

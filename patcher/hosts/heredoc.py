"""Here documents: shell, Dockerfile, HCL (Terraform), Perl, Ruby and PHP.

What stands outside of them (strings over several lines, an ``echo`` for each line) is read line by
line, as the general line host does.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import NamedTuple

from patcher.hosts import shell
from patcher.hosts.changes import changes_in
from patcher.hosts.embedding import Embedding, region
from patcher.hosts.lines import dressed
from patcher.hosts.names import rendered, table
from patcher.hosts.physical import filled, next_line
from patcher.hosts.strings import C, Escapes, backslashed, matters, string_lines, text_start
from patcher.policy.bounds import MAX_STRINGS, check_number
from patcher.policy.patterns import regex

_BY_SUFFIX = table(
    (
        "shell",
        ".sh .bash .zsh .ksh .ash .dash .bats .mk .make .spec .ebuild .install .envrc .postinst "
        ".preinst .postrm .prerm .run .fish",
    ),
    ("dockerfile", ".dockerfile .containerfile"),
    ("hcl", ".tf .hcl .tofu .nomad .tfvars"),
    ("perl", ".pl .pm .t .cgi"),
    ("ruby", ".rb .rake .gemspec .ru .cr"),
    ("php", ".php .phtml .php7 .inc"),
)
_BY_NAME = table(
    (
        "shell",
        "makefile gnumakefile pkgbuild apkbuild postinst preinst postrm prerm rules .bashrc "
        ".profile .envrc configure",
    ),
    ("dockerfile", "dockerfile containerfile"),
    ("ruby", "vagrantfile rakefile gemfile berksfile podfile brewfile"),
)
_BY_INTERPRETER = regex(rb"#![^\r\n]*?\b(?:(perl)|(ruby)|(php)|(?:ba|z|k|da|a|mk)?sh\b|bats\b)")

_MARKER = regex(
    rb"(?<!<)<<(?!<)([-~]?)[ \t]*+(?:(['\"])([^'\"\r\n]{1,64}+)\2|(\\?)([A-Za-z_]\w{0,63}+))"
)
_PHP_MARKER = regex(rb"<<<()[ \t]*+(?:(['\"])([^'\"\r\n]{1,64}+)\2|(\\?)([A-Za-z_]\w{0,63}+))")
_WORD = regex(rb"<<<?[-~]?[ \t]*[\"'\\]?\w+[\"']?")
_LINE = regex(rb"[^\r\n]++")
_NAME = regex(rb"[A-Za-z_]\w*+")
_CONTINUATION_LINES = 16
_LONGEST_END = 128


def _decode_shell(token: bytes) -> bytes:
    if token[:1] != b"\\":
        return b"\n"
    return b"" if token[1:2] in b"\r\n" else token[1:]


def _decode_code(token: bytes) -> bytes:
    return token[1:] if token in (b"\\@", b"\\#", b"\\$", b"\\{") else C.decode(token)


def _decode_hcl(token: bytes) -> bytes:
    if token.startswith(b"%{"):
        return b"{%" + token[2:-1] + b"%}"  # a directive, as other templates write it
    return token[1:] if token[:1] in b"$%" else b"\n"


_SHELL = Escapes(regex(rb"\r\n|\n|\r|\\[$`\\]"), _decode_shell, b"\n")
_CODE = Escapes(regex(C.token.pattern.replace(rb"(?:\\r)?\\n|", b"")), _decode_code, b"\n")
_HCL = Escapes(regex(rb"\r\n|\n|\r|\$\$\{|%%\{|%\{[^{}\r\n]{0,300}\}"), _decode_hcl, b"\n")


def claims(path: PurePosixPath, content: bytes) -> bool:
    """Tell the file by its name, behind template suffixes, too, or by its interpreter."""
    return _host(path, content) is not None


def _host(path: PurePosixPath, content: bytes) -> str | None:
    name = rendered(path)
    stem = name.name.lower()
    if found := _BY_SUFFIX.get(name.suffix.lower()) or _BY_NAME.get(stem):
        return found
    if stem.startswith(("dockerfile.", "containerfile.", "makefile.")):
        return _BY_NAME[stem.partition(".")[0]]
    interpreter = _BY_INTERPRETER.match(content, text_start(content), 256)
    if interpreter is None:
        return None
    perl, ruby, php = interpreter.groups()
    return "perl" if perl else "ruby" if ruby else "php" if php else "shell"


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """Return each here document that matters, and what stands between them."""
    host = _host(path, content) or "shell"
    blocks = (
        (document.start, document.end, [_with_changes(content, document, host)])
        for document in _documents(content, host)
        if matters(content, document.start, document.end)
    )
    start, end = text_start(content), len(content)
    return filled(start, end, blocks, partial(_between, content, host))


def _between(content: bytes, host: str, start: int, end: int) -> Iterator[Embedding]:
    """Return what stands between here documents."""
    for found in dressed(content, start, end, host):
        if host not in ("shell", "dockerfile"):
            yield found
        else:
            first, last = found.lines[0], found.lines[-1]
            stop = last.offset(len(last.text))
            variable = partial(shell.why_variable, content, first.start, stop)
            yield found._replace(changes=(*found.changes, variable))


class _Document(NamedTuple):
    start: int
    end: int
    literal: bool
    """Whether nothing is expanded in it."""
    marker: int
    """Where its marker stands in the command."""


def why_filtered(content: bytes) -> str:
    """Say which command changes a here document of a shell in this text; empty if none does."""
    for document in _documents(content, "shell"):
        if matters(content, document.start, document.end) and (
            why := shell.why_filtered(content, document.marker, document.start, document.end)
        ):
            return why
    return ""


def _with_changes(content: bytes, document: _Document, host: str) -> Embedding:
    found = _embedding(content, document, host)
    marker, start, end = document.marker, document.start, document.end
    if host in ("shell", "dockerfile"):
        return found._replace(changes=(partial(shell.why_filtered, content, marker, start, end),))
    line = content[content.rfind(b"\n", 0, marker) + 1 : marker]
    tail = _WORD.sub(b"", content[marker:start].rstrip(), 1)
    behind = tail + b"\n" + content[next_line(content, end) : next_line(content, end) + 300]
    why = partial(
        changes_in(content).why,
        *(start, end, content[start:end]),
        before=line or b" ",
        behind=behind,
        methods=host in ("ruby", "hcl"),
        host=host,
    )
    return found._replace(changes=(why,))


def _embedding(content: bytes, document: _Document, host: str) -> Embedding:
    start, end = document.start, document.end
    if document.literal and host != "hcl":
        return Embedding(host, region(content, start, end), is_string=True)
    escapes = {"shell": _SHELL, "dockerfile": _SHELL, "hcl": _HCL}.get(host, _CODE)
    tabs = escapes is _CODE and content.find(b"\\t", start, end) >= 0
    escape = _escape_hcl if host == "hcl" else backslashed(b"$", b"`", tabs=tabs)
    lines = tuple(string_lines(content, start, end, escapes))
    return Embedding(host, lines, escape=escape, is_string=True)


def _escape_hcl(text: bytes) -> bytes:
    return text.replace(b"${", b"$${").replace(b"%{", b"%%{")


def _documents(content: bytes, host: str) -> Iterator[_Document]:
    """Find the here documents that have an end, the outermost ones only. A marker without an end is
    a shift operator, or prose."""
    pattern = _PHP_MARKER if host == "php" else _MARKER
    words: set[bytes] = set()
    for marker in pattern.finditer(content):
        words.add(marker[3] or marker[5])
        check_number(len(words), MAX_STRINGS, "here documents")
    if not words:
        return
    ends = _ends(content, words, host)
    opened = (0, 0)  # from the first mark of a line to where its here documents begin
    behind = 0  # the last here document: where the next one of the same line begins
    resume = 0  # where code goes on
    for marker in pattern.finditer(content):
        if not opened[0] <= marker.start() < opened[1]:
            if marker.start() < resume:
                continue
            behind = _behind_command(content, marker.end())
            opened = (marker.start(), behind)
        word, dash, quote = marker[3] or marker[5], marker[1], marker[2]
        found = ends.get((word, _mode(host, dash)), [])
        index = bisect_left(found, behind)
        if index == len(found):
            continue
        end = found[index]
        quoted = bool(quote or marker[4]) if host in ("shell", "dockerfile") else quote == b"'"
        yield _Document(behind, end, quoted, marker.start())
        resume = behind = next_line(content, end)


def _mode(host: str, dash: bytes) -> str:
    """Say how the line that ends a here document may differ from the word alone."""
    if host in ("hcl", "php"):
        return host
    if host in ("shell", "dockerfile"):
        return "tabs" if dash == b"-" else ""
    return "blanks" if dash else ""


def _ends(content: bytes, words: set[bytes], host: str) -> dict[tuple[bytes, str], list[int]]:
    """Return where the lines begin that may end a here document, by word and mode, in order."""
    found: dict[tuple[bytes, str], list[int]] = {}
    modes = dict.fromkeys(_mode(host, dash) for dash in (b"", b"-", b"~"))
    for line in _LINE.finditer(content):
        text = line[0]
        if len(text) > _LONGEST_END:
            continue
        for mode in modes:
            word = text
            if mode == "tabs":
                word = text.lstrip(b"\t")
            elif mode:
                word = text.strip(b" \t")
            if mode == "php" and (name := _NAME.match(word)) is not None:
                word = name[0]  # the statement goes on behind it (PHP 7.3)
            if word in words:
                found.setdefault((word, mode), []).append(line.start())
    return found


def _behind_command(content: bytes, position: int) -> int:
    """Return where the line below a command begins that goes on at ``position``."""
    for _ in range(_CONTINUATION_LINES):
        end = content.find(b"\n", position)
        if end < 0:
            return len(content)
        position = end + 1
        if not content[max(end - 2, 0) : end].rstrip(b"\r").endswith(b"\\"):
            break
    return position

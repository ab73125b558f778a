"""The functions that a program defines: which one an offset lies in, what their arguments are
called, and what stands above them that may change what they return."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from patcher.policy.patterns import regex, repeated

_FUNCTION = regex(
    rb"(?:\b(?:def|fn|func|fun|function|sub)[ \t]+(?:\([^()\n]{0,80}\)[ \t]*)?"
    rb"|^[ \t]*(?!(?:if|for|while|switch|else|unless|elif|elsif|until|match|when|case|return)\b)"
    rb"(?:[\w<>*&:\[\]]+[ \t]+){1,5}[*&]?)(?P<name>[A-Za-z_]\w*)\s*"
    rb"(?:\([^;{}\n]{0,200}?\)(?:[ \t]+return\b|[^;{}\n]{0,80}?[{:=\n])|[{\n])"
    rb"|(?<=[{};])[ \t]*(?:[\w<>*&:\[\]]+[ \t]+){1,5}[*&]?(?P<inner>[A-Za-z_]\w*)"
    rb"\([^;{}\n]{0,200}?\)[^;{}\n]{0,80}?\{"
    rb"|\b(?P<value>[A-Z]\w*)[ \t]*=>"
    rb"|\b(?P<arrow>[A-Za-z_]\w*)\s*=\s*(?:async\s*)?(?:function\b|\([^()\n]{0,80}\)\s*=>)",
    re.MULTILINE,
)
_NO_FUNCTIONS = frozenset(b"if for while switch catch return else match with when".split())
_ARGUMENTS = (
    rb"\((?P<%b>" + repeated(rb"[^(){};]|\([^()]{0,80}\)|\{[^{};()]{0,200}\}", b"{0,400}") + rb")\)"
)
_DEFINITION = regex(
    rb"\b(?:def|fn|func|fun|function|sub|void)[ \t*]+(?:\([^()\n]{0,80}\)[ \t]*)?"
    rb"(?P<name>[A-Za-z_]\w*)(?:<[^<>()\n]{0,60}>)?\s*"
    + _ARGUMENTS % b"first"
    + rb"|\b(?P<arrow>[A-Za-z_]\w*)\s*[:=]\s*(?:async\s*)?(?:function\b\s*\w*\s*)?"
    + _ARGUMENTS % b"second"
    + rb"\s*(?::[^=;{}\n]{0,80})?(?:=>|\{)"
    rb"|^[ \t]*(?:[\w<>*&:\[\].,]+[ \t]+){0,5}?[*&]?(?P<method>[A-Za-z_]\w*)"
    + _ARGUMENTS % b"third"
    + rb"[^;{}()\n]{0,80}\{",
    re.MULTILINE,
)
_PARAMETER = regex(rb"\{([^{}]*)\}|((?:[^,{}<>()]|<[^<>]*>|\([^()]*\)|=\s*\{[^{}]*\})+)")
_APART = regex(rb"([A-Za-z_]\w*)(?:\s*:\s*([A-Za-z_]\w*))?(?:\s*=[^,]*)?\s*(?:,|\Z)")
"""One of the parts of an object that is taken apart, and its new name."""
_STRINGS = regex(rb"\"[^\"\n]*+\"|'[^'\n]*+'|`[^`]*+`")
_PART = regex(rb"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")
_DEFAULT = regex(rb"=[\s\S]*")
_WORD = regex(rb"[A-Za-z_]\w*")
_NO_ARGUMENTS = frozenset(
    b"self this cls const mut ref out final string String str char int bool byte bytes void Self "
    b"std any object var let auto type struct error float double".split()
)
_CONSTRUCTORS = frozenset((b"__init__", b"constructor", b"initialize", b"__construct"))
_CLASS = regex(rb"\bclass[ \t]+(\w+)")
_MARK = regex(rb"[ \t]*(?:@(?P<decorator>[A-Za-z_][\w.]*)|#!?\[(?P<attribute>[A-Za-z_][\w:]*))")
_METHOD = regex(
    rb"^[ \t]+(?!(?:if|for|while|switch|catch|with)\b)(?:(?:async|static|public|private|"
    rb"protected|get|set|override)[ \t]+)*[*#]?[A-Za-z_]\w*\([^()\n]{0,200}\)[^;{}()\n]{0,80}\{",
    re.MULTILINE,
)
"""A method of JavaScript."""
_NEAR = 1 << 13
_HARMLESS = frozenset(
    # Python
    b"staticmethod classmethod property cached_property cache lru_cache abstractmethod fixture "
    b"wraps override final overload dataclass contextmanager setter getter parametrize mark skip "
    b"skipif usefixtures command group option argument pass_context route get post put delete "
    b"patch register task jit unittest given settings typing total_ordering singledispatch "
    b"deprecated "
    # JavaScript and TypeScript
    b"Injectable Component Directive Pipe NgModule Input Output HostListener ViewChild Module "
    b"Controller Get Post Put Delete Patch Entity Column Prop Property Inject Optional memoize "
    b"bound observable action computed customElement state query Test "
    # Java, Kotlin, C#
    b"Override SuppressWarnings Suppress Deprecated JvmStatic JvmField Nullable NonNull NotNull "
    b"Bean Language VisibleForTesting Getter Setter Obsolete Fact Autowired Const StringSyntax "
    b"SuppressMessage Description DisplayName ParameterizedTest ValueSource CsvSource Theory "
    b"InlineData TestMethod ThreadStatic JsonProperty Serializable field file inline "
    # Rust
    b"test inline allow warn deny cfg cfg_attr must_use doc cold track_caller no_mangle derive "
    b"main rstest rustfmt clippy non_exhaustive ignore should_panic bench wasm_bindgen pyfunction "
    b"automatically_derived expect link_section used repr export_name target_feature".split()
)
"""The last, or in Rust the first or last, word of what leaves a function's text alone."""
_MARKED = {"python": "decorator", "javascript": "decorator", "rust": "attribute"}
"""Hosts of languages in which what stands above a function may replace it."""


_FIELDS_MARKED = frozenset(("java", "kotlin", "csharp", "scala", "groovy", "rust"))
_FIELD_MARK = regex(
    rb"(?:^|[\n)\]])[ \t]*(?:@(?:\w+:)?(?:\w+\.)*|#?\[[ \t]*(?:\w+:[ \t]*)?(?:\w+::)*)"
    rb"([A-Za-z]\w*)"
)
"""An annotation or attribute of a field or constant, alone on its line or before another one."""


class Definition(NamedTuple):
    """A function, and the names of what it is given."""

    offset: int
    """Behind its arguments."""
    arguments: tuple[tuple[bytes, ...], ...]
    """The names that each argument may have."""
    taken_apart: dict[bytes, bytes]
    """The names of the parts of an object that is given, by those that they have in it."""


class Functions:
    """The functions of one file."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def at(self, offset: int) -> bytes:
        """The name of the function in which an offset may lie; empty for none."""
        found = self._at(offset)
        return b"" if found is None else found[1]

    @cached_property
    def _known(self) -> list[tuple[int, bytes, int]]:
        """Of each function where its head ends, its name, and where its head begins."""
        found = (
            (
                each.end(),
                each["name"] or each["inner"] or each["arrow"] or each["value"],
                each.start(),
            )
            for each in _FUNCTION.finditer(self._content)
        )
        return [each for each in found if each[1] not in _NO_FUNCTIONS]

    def _at(self, offset: int) -> tuple[int, bytes, int] | None:
        index = bisect_right(self._known, (offset, b"")) - 1
        return self._known[index] if index >= 0 else None

    def _head(self, offset: int, host: str) -> int:
        """Where the line begins on which the function around an offset does; -1 for none."""
        found, begin = self._at(offset), -1
        if found is not None:
            begin = self._content.rfind(b"\n", 0, self._content.find(found[1], found[2])) + 1
        if host == "javascript":
            methods = _METHOD.finditer(self._content, max(begin, offset - _NEAR, 0), offset)
            begin = max((each.start() for each in methods), default=begin)
        return begin

    def given(self, name: bytes, before: bytes, key: bytes) -> Iterator[tuple[bytes, int]]:
        """What the functions of a name call the argument that stands behind these ones, or behind
        this key in an object or a list of named arguments; with each, where the function begins."""
        number = _PART.sub(b"", _STRINGS.sub(b"", before)).count(b",")
        for function in self._definitions.get(name, ()):
            arguments = function.arguments
            if key in function.taken_apart:
                yield function.taken_apart[key], function.offset
            elif number < len(arguments):
                yield from ((each, function.offset) for each in arguments[number])
            else:
                yield from ((each, function.offset) for names in arguments for each in names)

    @cached_property
    def _definitions(self) -> dict[bytes, list[Definition]]:
        """The functions by name; those that construct an object, by the name of its class."""
        found: dict[bytes, list[Definition]] = {}
        for each in _DEFINITION.finditer(self._content):
            called = each["name"] or each["arrow"] or each["method"]
            if called in _CONSTRUCTORS:
                classes = _CLASS.findall(self._content, 0, each.start())
                called = classes[-1] if classes else called
            given = each["first"] or each["second"] or each["third"] or b""
            found.setdefault(called, []).append(_definition(each.end(), given))
        return found

    def why_marked(self, offset: int, before: bytes, host: str) -> str:
        """Say which decorator or attribute that is not known may replace what the function around
        an offset returns, or what stands behind this code; empty for none."""
        declared = _declaration(before) if host in _FIELDS_MARKED else b""
        for name in _FIELD_MARK.findall(declared):
            if name not in _HARMLESS:
                return f"{name.decode()} may put another text there"
        kind = _MARKED.get(host)
        if kind is None:
            return ""
        marks: list[bytes] = []
        begin = self._head(offset, host)
        if begin >= 0:
            above = self._content[max(begin - 600, 0) : begin].split(b"\n")[:-1]
            for line in reversed(above):
                mark = _MARK.match(line)
                if mark is None:
                    if not line.startswith((b" ", b"\t", b")")):
                        break
                    continue
                marks.append(mark[kind] or b"")
        if kind == "decorator":
            head = before.rpartition(b"\n")[2]
            marks += (each["decorator"] for each in _DECORATES.finditer(head))
        for each in filter(None, marks):
            words = _WORD.findall(each)
            if words[-1] not in _HARMLESS and not (kind == "attribute" and words[0] in _HARMLESS):
                return f"{each.decode()} may return another text"
        return ""


def _declaration(before: bytes) -> bytes:
    """The code before a text that declares what holds it; empty where nothing is declared."""
    begin = max(map(before.rfind, (b";", b"{", b"}"))) + 1
    return before[begin:] if before.rstrip().endswith(b"=") else b""


_DECORATES = regex(
    rb"@(?P<decorator>[A-Za-z_][\w.]*)(?:\([^()\n]{0,80}\))?[ \t]+"
    rb"(?=[\w \t]{1,80}(?::[^=\n]{0,80})?=[ \t]*\Z)"
)
"""A decorator of a member, on its line."""


def _definition(offset: int, given: bytes) -> Definition:
    arguments: list[tuple[bytes, ...]] = []
    taken_apart: dict[bytes, bytes] = {}
    for each in _PARAMETER.finditer(given):
        apart, one = each.groups()
        if apart is not None:
            taken_apart |= {first: last or first for first, last in _APART.findall(apart)}
            names = tuple(taken_apart.values())
        else:
            # The name stands before a colon, or first or last.
            words = _WORD.findall(_DEFAULT.sub(b"", one).partition(b":")[0])
            names = (*dict.fromkeys((*words[:1], *words[-1:])),)
        names = tuple(name for name in names if name not in _NO_ARGUMENTS)
        if names:
            arguments.append(names)
    return Definition(offset, tuple(arguments), taken_apart)

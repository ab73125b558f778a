"""What the real parser of a file's format makes of it: pieces in order, with each string's value.

Of YAML nothing is constructed and no alias is expanded.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

from patcher.policy.bounds import pass_on, time_left
from patcher.policy.patterns import regex
from patcher.proof.added import Item

_LARGEST = {"yaml": 1 << 16, "json": 1 << 21, "toml": 1 << 19, "python": 1 << 19}
"""Bytes that each parser reads in about a tenth of a second; a typical file takes milliseconds. Of
YAML, those of one document."""
_MOST_EFFORT = 200_000
"""Of YAML, for all readings of a file: events, at about 20 microseconds each."""
_BYTES = 16
"""Bytes that take as long as an event does."""
_MOST_VALUES = 200_000
"""Values of JSON, at about 300 bytes each, for the file before and after together."""
_MOST_WORDS = 50_000
"""Names, numbers and marks of Python, each of which may be two nodes of a kilobyte each."""
_DEEPEST = 64
"""Parts of a key in TOML."""
_NESTED = 128
"""Nested collections of YAML: for its scanner each takes as long as all around it together."""
_WORD = regex(rb"\w+|[^\w\s]")
_DOTTED = regex(
    rb"(?<![\w-])(?:(?:[\w-]++|\"[^\"\n]*+\"|'[^'\n]*+')[ \t]*+\.[ \t]*+){%d}" % _DEEPEST
)
_DOCUMENT = regex(rb"^---(?=[ \t\r\n])", re.MULTILINE)


class Unread(Exception):
    """There is no parser for the file, or it is too much to parse in good time."""


class Refused(Unread):
    """The parser does not take it: a template of YAML need not be YAML."""


@dataclass(slots=True)
class Effort:
    """What the parser of YAML may still do for one file."""

    left: int = _MOST_EFFORT

    def spend(self, effort: int) -> None:
        """Raises Unread where that is too much."""
        time_left()
        self.left -= effort
        if self.left < 0:
            raise Unread


def structure(host: str, content: bytes, near: Sequence[int], effort: Effort) -> Iterator[Item]:
    """The structure of a file that ``host`` reads; of YAML, only the documents that hold one of the
    offsets ``near``, which are in order. Raises Unread, also behind items that were read."""
    if host == "yaml":
        for part in _documents(content, near):
            yield from _yaml(part, effort)
    elif host not in _LARGEST or len(content) > _LARGEST[host]:
        raise Unread
    else:
        yield from {"json": _json, "toml": _toml, "python": _python}[host](content)


def _documents(content: bytes, near: Sequence[int]) -> Iterator[bytes]:
    starts = [0, *(mark.start() for mark in _DOCUMENT.finditer(content)), len(content)]
    for start, end in pairwise(starts):
        at = bisect_right(near, start)
        if at < len(near) and near[at] <= end:
            if end - start > _LARGEST["yaml"]:
                raise Unread
            yield content[start:end]


def _yaml(content: bytes, effort: Effort) -> Iterator[Item]:
    from ruamel.yaml import YAML

    effort.spend(len(content) // _BYTES)
    depth = 0
    try:
        text = content.decode("utf-8-sig")
        for event in YAML(typ="safe", pure=True).parse(text):
            effort.spend(1)
            kind = type(event).__name__
            depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
            if depth > _NESTED:
                effort.spend(_MOST_EFFORT)
            marks = [
                str(value)
                for name in ("anchor", "tag", "flow_style", "explicit")
                if (value := getattr(event, name, None)) is not None
            ]
            style = getattr(event, "style", None) or ""
            yield " ".join([kind, style, *marks]), getattr(event, "value", None)
    except Unread:
        raise
    except Exception as error:  # whatever the parser stumbles over is not YAML
        pass_on(error)
        raise Refused from error


def _json(content: bytes) -> Iterator[Item]:
    if sum(content.count(mark) for mark in (b",", b"[", b"{", b"\n")) > _MOST_VALUES:
        raise Unread
    try:
        text = content.decode("utf-8-sig")
        decoder = json.JSONDecoder(object_pairs_hook=_Pairs)
        position = 0
        while position < len(text):
            if text[position].isspace():
                position += 1
                continue
            value, position = decoder.raw_decode(text, position)
            yield from _walk(value)
    except (ValueError, RecursionError) as error:
        raise Refused from error


class _Pairs(list[tuple[str, Any]]):
    """An object's members in order, those of the same name too."""


def _toml(content: bytes) -> Iterator[Item]:
    import tomllib

    if _DOTTED.search(content):
        raise Unread  # the parser is quadratic in the parts of a key
    try:
        yield from _walk(tomllib.loads(content.decode("utf-8").replace("\r\n", "\n")))
    except (ValueError, RecursionError) as error:
        raise Refused from error


def _walk(root: Any) -> Iterator[Item]:
    pending: list[Any] = [root]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            yield "string", value
        elif isinstance(value, _Key):
            yield f"key {value.name}", None
        elif isinstance(value, (_Pairs, dict)):
            pairs = value if isinstance(value, _Pairs) else list(value.items())
            yield "object", None
            pending.append(_Key("}"))
            for name, inner in reversed(pairs):
                pending += [inner, _Key(f"{name}:")]
        elif isinstance(value, list):
            yield "array", None
            pending.append(_Key("]"))
            pending += reversed(value)
        else:
            yield f"{type(value).__name__} {value}", None


class _Key:
    """A mark between values."""

    def __init__(self, name: str) -> None:
        self.name = name


def _python(content: bytes) -> Iterator[Item]:
    import ast
    import warnings

    if sum(1 for _ in islice(_WORD.finditer(content), _MOST_WORDS + 1)) > _MOST_WORDS:
        raise Unread
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pending: list[Any] = [ast.parse(content)]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Refused from error
    while pending:
        node = pending.pop()
        text = _text(node)
        if text is not None:
            yield "string", text
        elif isinstance(node, ast.AST):
            # A line added to "a" + "b" is one more sum, which says no more than its parts do.
            is_sum = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add)
            if not is_sum:
                yield type(node).__name__, None
            inner = ast.iter_fields(node)
            pending += reversed([v for name, v in inner if not is_sum or name != "op"])
        elif isinstance(node, list):
            pending.append(_Key("]"))
            pending += _statements(node)
        elif isinstance(node, _Strings):
            constants = (n for n in ast.walk(node.statement) if isinstance(n, ast.Constant))
            found = map(_text, constants)
            yield from (("string", each) for each in found if each is not None)
        elif isinstance(node, _Key):
            yield node.name, None
        else:
            yield repr(node), None


def _text(node: Any) -> str | None:
    """What a string says, if the node is one; None where something is filled in."""
    import ast

    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    if not all(isinstance(part, ast.Constant) for part in node.values):
        return None
    return "".join(str(getattr(part, "value", "")) for part in node.values)


def _statements(nodes: list[Any]) -> Iterator[Any]:
    """The elements, the last one first; of those that say again what the one before them says, the
    strings alone."""
    for number in range(len(nodes) - 1, -1, -1):
        alike = number > 0 and _alike(nodes[number - 1], nodes[number])
        yield _Strings(nodes[number]) if alike else nodes[number]


class _Strings:
    """A statement that says again what the one before it says, with other strings."""

    def __init__(self, statement: Any) -> None:
        self.statement = statement


def _alike(one: Any, other: Any) -> bool:
    """Whether two statements differ in their strings alone."""
    import ast

    if type(one) is not type(other) or not isinstance(one, (ast.Expr, ast.AugAssign, ast.Assign)):
        return False
    return _without_strings(one) == _without_strings(other)


def _without_strings(statement: Any) -> list[object]:
    import ast

    shape: list[object] = []
    for node in ast.walk(statement):
        shape.append(type(node))
        if isinstance(node, ast.Constant):
            shape.append("" if isinstance(node.value, str) else repr(node.value))
        else:
            shape += [value for _, value in ast.iter_fields(node) if isinstance(value, (str, int))]
    return shape

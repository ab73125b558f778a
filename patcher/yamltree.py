"""A YAML file of the user's, as values that know where they stand.

The values are made from the parser's events, one by one and within bounds, and anchors, aliases and
tags are refused: neither nesting nor aliases can cost anything.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from patcher.values import dataclass

Place = tuple[int, int]
"""Line and column, from 1."""

START: Place = (1, 1)

_DEEPEST = 12
"""Nested collections."""
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(
    r"[-+]?(?:\.[0-9]{1,18}|[0-9]{1,18}(?:\.[0-9]{0,18})?)(?:[eE][-+]?[0-9]{1,3})?"
)
_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
"""What is no text where it stands without quotes (YAML 1.2.2, section 10.3.2)."""


class Mistake(Exception):
    """What is wrong with the text, and where."""

    def __init__(self, place: Place, text: str) -> None:
        super().__init__(text)
        self.place, self.text = place, text


@dataclass(frozen=True, slots=True)
class Node:
    """A value, and where it begins."""

    place: Place
    value: bool | int | float | str | tuple[Node, ...] | dict[str, Node] | None
    text: str = ""
    """A scalar as it is written."""
    keys: dict[str, Place] = field(default_factory=dict)
    """Where the keys of a mapping stand."""


def content(path: str, most: int, what: str) -> str:
    """The text of a file that has at most so many bytes. Raises Mistake, and ValueError with a line
    that says why it is none; ``what`` is what the file should be."""
    try:
        # Some files of /proc look regular, and whoever reads them waits.
        with open(path, "rb", opener=_without_waiting) as stream:
            is_file = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
            read: bytes | None = stream.read(most + 1) if is_file else None
    except IsADirectoryError:
        read = None
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from None
    if read is None:
        raise ValueError("not a file")
    if len(read) > most:
        raise ValueError(f"larger than {most} bytes: not {what}")
    try:
        return read.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = read[: error.start]
        place = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise Mistake(place, "not UTF-8") from None


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def mapping(text: str) -> Node:
    """The one mapping in the text. Raises Mistake."""
    try:
        events: Iterator[Event] = iter(YAML(typ="safe", pure=True).parse(text))
        next(events)  # the stream's start
        if not isinstance(next(events), DocumentStartEvent):
            raise Mistake(START, "the file is empty")
        start = next(events)
        if not isinstance(start, MappingStartEvent):
            _refuse(start, "expected 'key: value'")
        node = _node(start, events, 0)
        next(events)  # the document's end
        if not isinstance(event := next(events), StreamEndEvent):
            _refuse(event, "expected one document, not several")
        return node
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else START
        raise Mistake(place, f"not YAML: {error.problem or error.context}") from None
    except YAMLError as error:
        position = getattr(error, "position", 0)
        before = text[:position] if isinstance(position, int) else ""
        place = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise Mistake(place, "not YAML: a character that YAML does not allow") from None
    except Mistake:
        raise
    except Exception:  # whatever the parser stumbles over
        raise Mistake(START, "not YAML") from None


def _node(event: Event, events: Iterator[Event], depth: int) -> Node:
    place = _place(event)
    if isinstance(event, AliasEvent):
        _refuse(event, "an alias is not allowed here")
    if getattr(event, "anchor", None) is not None:
        _refuse(event, "an anchor is not allowed here")
    if getattr(event, "tag", None) is not None:
        _refuse(event, "a tag is not allowed here")
    if depth > _DEEPEST:
        _refuse(event, "nested too deeply")
    if isinstance(event, ScalarEvent):
        return _scalar(event)
    if isinstance(event, SequenceStartEvent):
        items = []
        while not isinstance(item := next(events), SequenceEndEvent):
            items.append(_node(item, events, depth + 1))
        return Node(place, tuple(items))
    values: dict[str, Node] = {}
    keys: dict[str, Place] = {}
    while not isinstance(item := next(events), MappingEndEvent):
        key = _node(item, events, depth + 1)
        if not isinstance(key.value, str):
            raise Mistake(key.place, "a key must be text")
        if key.value in keys:
            first = keys[key.value][0]
            raise Mistake(key.place, f"key {key.value!r} twice, first in line {first}")
        keys[key.value] = key.place
        value = _node(next(events), events, depth + 1)
        # What is not there stands nowhere.
        nothing = value.value is None and not value.text
        values[key.value] = replace(value, place=key.place) if nothing else value
    return Node(place, values, keys=keys)


def _scalar(event: ScalarEvent) -> Node:
    text = str(event.value)
    value: bool | int | float | str | None = text
    if event.style is None:
        if text in _WORDS:
            value = _WORDS[text]
        elif _INTEGER.fullmatch(text):
            value = int(text)
        elif _NUMBER.fullmatch(text):
            value = float(text)
    return Node(_place(event), value, text)


def _refuse(event: Event, text: str) -> NoReturn:
    raise Mistake(_place(event), text)


def _place(event: Event) -> Place:
    return event.start_mark.line + 1, event.start_mark.column + 1

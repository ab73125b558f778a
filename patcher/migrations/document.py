"""A user's migration: a YAML file, checked key by key."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path
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

from patcher.migrations.migration import Migration, MigrationError, Problem, build

MOST_BYTES = 64 * 1024
_NUMBER = re.compile(r"[-+]?[0-9]{1,18}\Z")
_NO_TEXT = {"", "~", "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE"}
_Place = tuple[int, int]
_START = (1, 1)


class _Fault(Exception):
    """What is wrong, and where: line and column, from 1."""

    def __init__(self, place: _Place, text: str) -> None:
        super().__init__(text)
        self.place, self.text = place, text


def read(path: str) -> Migration:
    """The migration in a YAML file. Raises MigrationError: ``mine.yaml:3:1: unknown key ...``."""
    try:
        return _migration(_content(path))
    except _Fault as fault:
        line, column = fault.place
        text = fault.text
    raise MigrationError(f"{path}:{line}:{column}: {text}")


def _content(path: str) -> str:
    file = Path(path)
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise MigrationError(f"{path}: not a file")
        with file.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MigrationError(f"{path}: {reason}") from None
    if len(content) > MOST_BYTES:
        raise MigrationError(f"{path}: larger than {MOST_BYTES} bytes: not a migration")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        place = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise _Fault(place, "not UTF-8") from None


def _migration(text: str) -> Migration:
    values: dict[str, object] = {}
    keys: dict[str, _Place] = {}
    places: dict[str, _Place] = {}
    for key, key_place, value, place in _pairs(text):
        if key in values:
            raise _Fault(key_place, f"key {key!r} twice, first in line {keys[key][0]}")
        values[key], keys[key], places[key] = value, key_place, place
    try:
        return build(values)
    except Problem as problem:
        place = _START if problem.key is None else places.get(problem.key, _START)
        raise _Fault(
            keys[problem.key] if problem.whole and problem.key else place, problem.text
        ) from None


def _pairs(text: str) -> Iterator[tuple[str, _Place, object, _Place]]:
    """The keys and values of the one mapping in the text, from the parser's events: no value is
    built of what has not been looked at, so that neither nesting nor aliases can cost anything."""
    try:
        events: Iterator[Event] = iter(YAML(typ="safe", pure=True).parse(text))
        next(events)  # the stream's start
        if not isinstance(next(events), DocumentStartEvent):
            raise _Fault(_START, "the file is empty")
        start = next(events)
        if not isinstance(start, MappingStartEvent):
            _refuse(start, "expected 'key: value'")
        _bare(start)
        while not isinstance(event := next(events), MappingEndEvent):
            key = _scalar(event, "a key")
            if not isinstance(key, str):
                _refuse(event, "a key must be text")
            value = next(events)
            yield key, _place(event), _value(value, events, key), _place(value)
        next(events)  # the document's end
        if not isinstance(event := next(events), StreamEndEvent):
            _refuse(event, "expected one document, not several")
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else _START
        raise _Fault(place, f"not YAML: {error.problem or error.context}") from None
    except YAMLError as error:
        position = getattr(error, "position", 0)
        before = text[:position] if isinstance(position, int) else ""
        place = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise _Fault(place, "not YAML: a character that YAML does not allow") from None
    except _Fault:
        raise
    except Exception:  # whatever the parser stumbles over
        raise _Fault(_START, "not YAML") from None


def _value(event: Event, events: Iterator[Event], key: str) -> object:
    if not isinstance(event, SequenceStartEvent):
        return _scalar(event, f"the value of {key!r}")
    _bare(event)
    items = []
    while not isinstance(entry := next(events), SequenceEndEvent):
        item = _scalar(entry, f"an entry of {key!r}")
        if not isinstance(item, str):
            _refuse(entry, f"an entry of {key!r} must be text")
        items.append(item)
    return items


def _scalar(event: Event, what: str) -> str | int:
    if isinstance(event, AliasEvent):
        _refuse(event, "an alias is not allowed here")
    if not isinstance(event, ScalarEvent):
        _refuse(event, f"{what} must be text")
    _bare(event)
    text = str(event.value)
    if event.style is None:
        if _NUMBER.match(text):
            return int(text)
        if text in _NO_TEXT:
            _refuse(event, f"{what} must be text, not {text or 'nothing'}")
    return text


def _bare(event: ScalarEvent | MappingStartEvent | SequenceStartEvent) -> None:
    if event.anchor is not None:
        _refuse(event, "an anchor is not allowed here")
    if event.tag is not None:
        _refuse(event, "a tag is not allowed here")


def _refuse(event: Event, text: str) -> NoReturn:
    raise _Fault(_place(event), text)


def _place(event: Event) -> _Place:
    return event.start_mark.line + 1, event.start_mark.column + 1

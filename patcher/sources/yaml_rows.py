"""The values of a list in YAML, with the lines that they stand in.

They are made from the parser's events: nothing is built of what is not looked at, and what an alias
stands for is not copied, so that neither nesting nor aliases cost anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from patcher.sources.entries import BASES, PLACES, Fault, Pairs

_MOST_EVENTS = 1_200_000
"""What the parser reads, at about 20 microseconds each."""
_DEEPEST = 100
"""Nested collections: the parser is slower the more of them are open."""

_NO_TEXT = re.compile(r"~|null|Null|NULL|true|True|TRUE|false|False|FALSE|[-+]?[0-9][0-9.eE+-]*|")


def values(text: str) -> Iterator[tuple[int, object]]:
    """Each entry; a `Fault` in its place ends the list."""
    line = 1
    try:
        for line, value in _Reader(text).values():
            yield line, value
    except _Wrong as wrong:
        yield wrong.line, Fault(wrong.line, str(wrong))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else line
        yield line, Fault(line, f"not YAML: {error.problem or error.context}")
    except YAMLError as error:
        position = getattr(error, "position", 0)
        line = text.count("\n", 0, position if isinstance(position, int) else 0) + 1
        yield line, Fault(line, "not YAML: a character that YAML does not allow")
    except Exception:  # the parser's own faults on text that is none (ruamel.yaml 0.18, 0.19)
        yield line, Fault(line, "not YAML")


class _Wrong(Exception):
    def __init__(self, event: Event, text: str) -> None:
        super().__init__(text)
        self.line = _line(event)


def _counted(events: Iterator[Event]) -> Iterator[Event]:
    for number, event in enumerate(events):
        if number > _MOST_EVENTS:
            raise _Wrong(event, f"more than {_MOST_EVENTS} keys and values")
        yield event


class _Reader:
    def __init__(self, text: str) -> None:
        self._events = _counted(YAML(typ="safe", pure=True).parse(text))
        self._anchors: dict[str, object] = {}

    def values(self) -> Iterator[tuple[int, object]]:
        next(self._events)  # the stream's start
        event = next(self._events)
        if not isinstance(event, DocumentStartEvent):
            raise _Wrong(event, "the list is empty")
        event = next(self._events)
        if isinstance(event, SequenceStartEvent):
            yield from self._list()
        elif isinstance(event, MappingStartEvent):
            yield from self._holder(event)
        else:
            raise _Wrong(event, "expected a list, or a mapping with 'repositories'")
        if not isinstance(event := next(self._events), DocumentEndEvent):
            raise _Wrong(event, "expected the end")
        if not isinstance(event := next(self._events), StreamEndEvent):
            raise _Wrong(event, "expected one document, not several")

    def _list(self) -> Iterator[tuple[int, object]]:
        while not isinstance(event := next(self._events), CollectionEndEvent):
            yield _line(event), self._entry(event)

    def _holder(self, start: Event) -> Iterator[tuple[int, object]]:
        held = False
        while not isinstance(event := next(self._events), CollectionEndEvent):
            key = self._key(event)
            value = next(self._events)
            if key != "repositories":
                self._anything(value)
                continue
            if held:
                raise _Wrong(event, "key 'repositories' twice")
            if not isinstance(value, SequenceStartEvent):
                raise _Wrong(value, "'repositories' must be a list")
            held = True
            yield from self._list()
        if not held:
            raise _Wrong(start, "expected a list, or a mapping with 'repositories'")

    def _entry(self, event: Event) -> object:
        if not isinstance(event, MappingStartEvent):
            return self._anything(event)
        pairs = Pairs()
        self._keep(event, pairs)
        while not isinstance(key := next(self._events), CollectionEndEvent):
            name = self._key(key)
            value = self._anything(next(self._events))
            if name in PLACES or name in BASES:
                pairs.append((name, value))
            elif name == "<<":
                raise _Wrong(key, "merge keys (<<) are not read: write it out")
        return pairs

    def _key(self, event: Event) -> str | None:
        value = self._anything(event)
        return value if isinstance(value, str) else None

    def _anything(self, event: Event) -> object:
        """A text, or a list of texts; None for what stands for nothing, and an object that is
        neither for all else."""
        if isinstance(event, AliasEvent):
            if event.anchor not in self._anchors:
                raise _Wrong(event, f"alias {event.anchor!r} stands for nothing")
            return self._anchors[event.anchor]
        value: object
        if isinstance(event, ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, SequenceStartEvent):
            value = self._texts()
        else:
            value = _OTHER
            if isinstance(event, CollectionStartEvent):
                self._pass_over()
        self._keep(event, value)
        return value

    def _texts(self) -> object:
        items: list[object] = []
        flat = True
        while not isinstance(event := next(self._events), CollectionEndEvent):
            if isinstance(event, CollectionStartEvent):
                self._pass_over()
                flat = False
            else:
                items.append(self._anything(event))
        return items if flat else _OTHER

    def _pass_over(self) -> None:
        depth = 1
        while depth:
            event = next(self._events)
            if depth > _DEEPEST:
                raise _Wrong(event, "nested too deeply")
            depth += isinstance(event, CollectionStartEvent)
            depth -= isinstance(event, CollectionEndEvent)

    def _keep(self, event: Event, value: object) -> None:
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = value


class _Other:
    """What can be neither a place nor a base."""


_OTHER = _Other()


def _scalar(event: ScalarEvent) -> object:
    text = str(event.value)
    if event.tag is not None and event.tag not in ("!", "tag:yaml.org,2002:str"):
        return _OTHER
    if event.style is None and event.tag is None and _NO_TEXT.fullmatch(text):
        return None if text.lower() in ("", "~", "null") else _OTHER
    return text


def _line(event: Event) -> int:
    return int(event.start_mark.line) + 1

"""Lists in JSON and YAML: their entries, and where each of them stands.

An entry comes as text, a list, `Pairs`, or something else that can name no repository. Of a mapping
only the keys that are wanted are kept: a forge's whole answer may be the list. What an alias of
YAML stands for is not copied, so that aliases cost nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator
from functools import partial

MOST_VALUES = 1_200_000
"""Keys and values of a document: YAML's parser takes about 20 microseconds for each."""

_HELD = "repositories"
_EXPECTED = f"expected a list, or a mapping with a list of {_HELD!r}"
_DEEPEST = 100
"""Nested collections of YAML: the parser is slower the more of them are open."""
_SOMETHING = re.compile(r"\S")
_NO_TEXT = re.compile(r"~|null|Null|NULL|true|True|TRUE|false|False|FALSE|[-+]?[0-9][0-9.eE+-]*|")

Entries = Iterator[tuple[str, object]]
"""Where an entry stands, as it follows the name of the list in a message; and the entry."""


class Pairs(tuple[tuple[object, object], ...]):
    """The wanted keys of a mapping with their values, as they stand there, twice or not."""


class Broken(Exception):
    """The document cannot be read from here on; ``at`` as in `Entries`."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.at = f":{line}"


def of_json(text: str, wanted: Container[object]) -> Entries:
    """Yield the entries of each value: of a list, of the list of ``repositories``, or a mapping.
    Raises Broken."""
    if sum(map(text.count, ",[{")) > MOST_VALUES:
        raise Broken(1, f"more than {MOST_VALUES} values")
    keep = partial(_kept, wanted=wanted)
    # A number names nothing, and Python makes no integer of 5,000 digits.
    decoder = json.JSONDecoder(object_pairs_hook=keep, parse_int=float)
    number = end = 0
    while (start := _SOMETHING.search(text, end)) is not None:
        try:
            value, end = decoder.raw_decode(text, start.start())
        except json.JSONDecodeError as error:
            raise Broken(error.lineno, f"not JSON: {error.msg}") from None
        except RecursionError:
            raise Broken(1, "nested too deeply") from None
        if isinstance(value, Pairs):
            held = [item for key, item in value if key == _HELD]
            value = held[0] if len(held) == 1 else [value]
        if not isinstance(value, list):
            raise Broken(text.count("\n", 0, start.start()) + 1, _EXPECTED)
        for entry in value:
            number += 1
            yield f", entry {number}", entry
    if not end:
        raise Broken(1, "the list is empty")


def _kept(pairs: list[tuple[object, object]], wanted: Container[object]) -> Pairs:
    return Pairs(pair for pair in pairs if pair[0] in wanted or pair[0] == _HELD)


def of_yaml(text: str, wanted: Container[object]) -> Entries:
    """Yield the entries of a list, or of the list of ``repositories`` in a mapping. Raises
    Broken."""
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    reader = _Yaml(text, wanted)
    try:
        yield from reader.entries()
    except Broken:
        raise
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else reader.line
        raise Broken(line, f"not YAML: {error.problem or error.context}") from None
    except YAMLError as error:
        position = getattr(error, "position", 0)
        line = text.count("\n", 0, position if isinstance(position, int) else 0) + 1
        raise Broken(line, "not YAML: a character that YAML does not allow") from None
    except Exception:  # the parser's own faults on text that is none (ruamel.yaml 0.18, 0.19)
        raise Broken(reader.line, "not YAML") from None


class _Yaml:
    """Makes values of the parser's events, one entry at a time."""

    def __init__(self, text: str, wanted: Container[object]) -> None:
        from ruamel.yaml import YAML, events

        self._kinds = events
        self._events = YAML(typ="safe", pure=True).parse(text)
        self._wanted = wanted
        self._left = MOST_VALUES
        self._anchors: dict[str, object] = {}
        self.line = 1

    def entries(self) -> Entries:
        kinds = self._kinds
        self._next()  # the stream's start
        if not isinstance(self._next(), kinds.DocumentStartEvent):
            raise self._broken("the list is empty")
        event = self._next()
        if isinstance(event, kinds.SequenceStartEvent):
            yield from self._list()
        elif isinstance(event, kinds.MappingStartEvent):
            yield from self._holder()
        else:
            raise self._broken(_EXPECTED)
        self._next()  # the document's end
        if not isinstance(self._next(), kinds.StreamEndEvent):
            raise self._broken("expected one document, not several")

    def _list(self) -> Entries:
        for event in self._items():
            line = self.line
            yield f":{line}", self._value(event)

    def _holder(self) -> Entries:
        line, held = self.line, False
        for event in self._items():
            key = self._value(event)
            event = self._next()
            if key != _HELD or not isinstance(event, self._kinds.SequenceStartEvent):
                self._value(event)
            elif held:
                raise self._broken(f"key {_HELD!r} twice")
            else:
                held = True
                yield from self._list()
        if not held:
            raise Broken(line, _EXPECTED)

    def _value(self, event: object, depth: int = 0) -> object:
        kinds = self._kinds
        if depth > _DEEPEST:
            raise self._broken("nested too deeply")
        if isinstance(event, kinds.AliasEvent):
            if event.anchor not in self._anchors:
                raise self._broken(f"alias {event.anchor!r} stands for nothing")
            return self._anchors[event.anchor]
        value: object
        if isinstance(event, kinds.ScalarEvent):
            value = _scalar(event.value, event.tag, is_plain=event.style is None)
        elif isinstance(event, kinds.SequenceStartEvent):
            value = [self._value(item, depth + 1) for item in self._items()]
        else:
            pairs = (
                (self._value(key, depth + 1), self._value(self._next(), depth + 1))
                for key in self._items()
            )
            value = Pairs(
                pair for pair in pairs if isinstance(pair[0], str) and pair[0] in self._wanted
            )
        if (anchor := getattr(event, "anchor", None)) is not None:
            self._anchors[anchor] = value
        return value

    def _items(self) -> Iterator[object]:
        """The events up to the end of the collection, without what was taken meanwhile."""
        while not isinstance(event := self._next(), self._kinds.CollectionEndEvent):
            yield event

    def _next(self) -> object:
        event = next(self._events)
        self.line = int(event.start_mark.line) + 1
        self._left -= 1
        if self._left < 0:
            raise self._broken(f"more than {MOST_VALUES} keys and values")
        return event

    def _broken(self, text: str) -> Broken:
        return Broken(self.line, text)


def _scalar(text: str, tag: str | None, *, is_plain: bool) -> object:
    """The text; None or False where it is nothing, or no text."""
    if tag not in (None, "!", "tag:yaml.org,2002:str"):
        return False
    if is_plain and tag is None and _NO_TEXT.fullmatch(text):
        return None if text.lower() in ("", "~", "null") else False
    return str(text)

"""The values of a list in JSON, with the lines that they begin in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from patcher.sources.entries import PLACES, Fault, Pairs

_BLANK = re.compile(r"[ \t\r\n]*")
_LARGEST = 1 << 20
"""Characters of one entry: in memory it may take many times as much."""
_COMMON = 1 << 14
"""The same for most of them."""
_NEAR = 20
"""Characters before the place where the text was cut, in which that makes an error."""


def values(text: str) -> Iterator[tuple[int, object]]:
    """Each entry; a `Fault` in its place ends the list."""
    yield from _Reader(text).values()


class _Wrong(Exception):
    pass


class _Reader:
    """Goes through lists entry by entry, for `json` does not tell the places of what it reads."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line, self._counted = 1, 0
        self._decoder = json.JSONDecoder(object_pairs_hook=Pairs)

    def values(self) -> Iterator[tuple[int, object]]:
        try:
            self._skip()
            if self._at == len(self._text):
                raise _Wrong("the list is empty")
            while self._at < len(self._text):
                if self._peek() == "[":
                    yield from self._list()
                elif self._peek() == "{":
                    yield from self._mapping()
                else:
                    raise _Wrong("expected a list or a mapping")
                self._skip()
        except _Wrong as wrong:
            line = self._where()
            yield line, Fault(line, str(wrong))

    def _list(self) -> Iterator[tuple[int, object]]:
        self._take("[")
        if self._peek() == "]":
            self._take("]")
            return
        while True:
            line = self._where()
            yield line, self._value()
            if self._peek() == "]":
                self._take("]")
                return
            self._take(",")

    def _mapping(self) -> Iterator[tuple[int, object]]:
        """An entry of its own, or one that holds the list."""
        line = self._where()
        pairs = Pairs()
        held = False
        self._take("{")
        while self._peek() != "}":
            if pairs or held:
                self._take(",")
            if self._peek() != '"':
                raise _Wrong("expected a key in double quotes")
            key = self._value()
            self._take(":")
            if key == "repositories" and self._peek() == "[":
                if held:
                    raise _Wrong("key 'repositories' twice")
                held = True
                yield from self._list()
            else:
                pairs.append((str(key), self._value()))
        self._take("}")
        if held:
            return
        if not any(key in PLACES for key, _value in pairs):
            raise _Wrong("no list of repositories: expected one, or a mapping with 'repositories'")
        yield line, pairs

    def _value(self) -> object:
        try:
            value, size = self._decoded(_COMMON)
        except json.JSONDecodeError as error:
            self._at += error.pos
            raise _Wrong(f"not JSON: {error.msg}") from None
        except RecursionError:
            raise _Wrong("nested too deeply") from None
        except ValueError:  # a number of more digits than Python takes
            raise _Wrong("not JSON that can be read: a number that is too long") from None
        self._at += size
        self._skip()
        return value

    def _decoded(self, most: int) -> tuple[object, int]:
        """The value that begins here, and how many characters it has."""
        window = self._text[self._at : self._at + most]
        cut = len(window) == most
        try:
            value, size = self._decoder.raw_decode(window)
            if size < most or not cut:
                return value, size
        except json.JSONDecodeError as error:
            at_the_cut = error.pos > most - _NEAR or error.msg.startswith("Unterminated")
            if not (cut and at_the_cut):
                raise
        if most == _LARGEST:
            raise _Wrong(f"an entry of more than {_LARGEST} characters")
        return self._decoded(_LARGEST)

    def _take(self, char: str) -> None:
        if self._peek() != char:
            raise _Wrong(f"not JSON: expected {char!r}")
        self._at += 1
        self._skip()

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self) -> None:
        match = _BLANK.match(self._text, self._at)
        self._at = match.end() if match else self._at

    def _where(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = max(self._counted, self._at)
        return self._line

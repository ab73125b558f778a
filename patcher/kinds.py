"""Failures in the same words: what a server says to one repository it says to a hundred."""

from __future__ import annotations

import re
from typing import Generic, NamedTuple, TypeVar

_T = TypeVar("_T")
_NAME = r"[^\W_][\w.-]*"
_IDS_AND_NUMBERS = r"[0-9a-f]{7,}|[0-9]+"
_MOST_KINDS = 50


class ErrorKind(NamedTuple, Generic[_T]):
    """Failures of one kind."""

    targets: int
    example: _T
    """The first that failed so."""


def counted(kinds: dict[str, ErrorKind[_T]], kind: str, example: _T) -> None:
    """Count one more failure of a kind. From `_MOST_KINDS` kinds on, new ones are one kind."""
    kind = kind if kind in kinds or len(kinds) < _MOST_KINDS else ""
    before = kinds.get(kind, ErrorKind(0, example))
    kinds[kind] = ErrorKind(before.targets + 1, before.example)


def kind_of(error: str, place: str, *names: str | None) -> str:
    """Return the words of a failure, without what is of one repository: its place, the ``names`` of
    its branches, ids and numbers."""
    known = {place, place.removesuffix(".git"), *filter(None, names)}
    for name in sorted(known, key=len, reverse=True):
        error = error.replace(name, "*")
    parts = {part for name in known for part in re.findall(_NAME, name)[-2:]}
    error = re.sub(_NAME, lambda word: "*" if word[0] in parts else word[0], error)
    return re.sub(_IDS_AND_NUMBERS, "*", error)

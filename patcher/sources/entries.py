"""One entry of a list of repositories, and what is wrong with one that is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PLACES = ("clone_url", "http_url_to_repo", "url", "repository", "path")
"""The keys and columns that name the repository: the first that is there counts. The first two are
what forges call it; beside them ``url`` is a page."""

BASES = ("base", "bases", "branch")


@dataclass(frozen=True, slots=True)
class ListRow:
    """One repository of a list, and the line that it stands in, from 1."""

    line: int
    place: str
    bases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row, or with what is left of the list."""

    line: int
    text: str


Rows = Iterator[ListRow | Fault]


class Pairs(list[tuple[str, object]]):
    """The keys and values of a mapping as they stand there, twice or not."""

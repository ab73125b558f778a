"""Repositories that sources hold, and mirrors of them: for people, as lines, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from patcher.reports import Style
from patcher.reports.text import as_json, columns, count, moment, valid
from patcher.results import ListedRepository, MirrorState
from patcher.text import printable

_HEAD = ("repository", "branch", "fork", "archived", "last push")
_MIRRORS_HEAD = ("repository", "branches", "size", "last used", "")


def table(style: Style, places: Iterable[ListedRepository]) -> Iterator[bytes]:
    """A row for each repository."""
    rows = [
        (
            printable(place.place),
            printable(place.default_branch or "-")[:40],
            _word(place.fork),
            _word(place.archived),
            (place.pushed_at or "-")[:10],
        )
        for place in places
    ]
    if rows:
        yield columns((_HEAD, *rows), width=style.width, above=(0,))


def _word(fact: bool | None) -> str:
    return "-" if fact is None else "yes" if fact else "no"


def urls(style: Style, places: Iterable[ListedRepository]) -> Iterator[bytes]:
    """Lines that ``--from`` takes."""
    for place in places:
        name = place.place
        blanks = "\t" if " " in name else " " if place.bases else ""
        line = name + blanks + " ".join(place.bases)
        yield line.encode("utf-8", "surrogateescape") + b"\n"


def fits_a_line(style: Style, place: ListedRepository) -> bool:
    """Whether a line of a list can say a repository's name."""
    unseen = style.terminal and printable(place.place) != place.place
    return not unseen and not any(char < " " or char == "\x7f" for char in place.place)


def document(style: Style, places: Iterable[ListedRepository]) -> Iterator[bytes]:
    """One JSON object, one repository a line."""
    yield b'{"schema": 1, "repositories": ['
    separator = b"\n"
    for place in places:
        yield separator + as_json(_repository(place))
        separator = b",\n"
    yield b"\n]}\n"


def lines(style: Style, places: Iterable[ListedRepository]) -> Iterator[bytes]:
    """An object for each repository, each on a line."""
    for place in places:
        yield as_json({"schema": 1, **_repository(place)}) + b"\n"


def _repository(place: ListedRepository) -> dict[str, Any]:
    return {
        "url" if place.is_url else "path": valid(place.place),
        "bases": [valid(base) for base in place.bases],
        "default_branch": place.default_branch and valid(place.default_branch),
        "fork": place.fork,
        "archived": place.archived,
        "visibility": place.visibility and valid(place.visibility),
        "topics": place.topics and [valid(topic) for topic in place.topics],
        "pushed_at": place.pushed_at,
        "parent": place.parent,
    }


def mirrors_table(style: Style, mirrors: Iterable[MirrorState]) -> Iterator[bytes]:
    """A row for each mirror, and their size."""
    mirrors = list(mirrors)
    if not mirrors:
        yield b"No mirrors: `patcher scan URL` makes one.\n"
        return
    rows = [
        (
            printable(mirror.url),
            str(mirror.branches),
            size(mirror.size),
            moment(mirror.last_used),
            "" if mirror.shares_objects_of is None else "shares objects",
        )
        for mirror in mirrors
    ]
    yield columns((_MIRRORS_HEAD, *rows), right=(1, 2), width=style.width, above=(0,))
    total = size(sum(mirror.size for mirror in mirrors))
    yield f"\n{count(len(mirrors), 'mirror')}, {total}.\n".encode()


def mirrors_document(style: Style, mirrors: Iterable[MirrorState]) -> Iterator[bytes]:
    """One JSON object."""
    values = [
        {
            "url": mirror.url,
            "path": mirror.path,
            "branches": mirror.branches,
            "size": mirror.size,
            "last_used": mirror.last_used,
            "shares_objects_of": mirror.shares_objects_of,
        }
        for mirror in mirrors
    ]
    yield as_json({"schema": 1, "mirrors": values}, indent=1) + b"\n"


def size(number: int) -> str:
    """``12.3 MiB``."""
    value = float(number)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"

"""The reviews of a campaign as their forges know them: for people, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from patcher.progress import ReviewState
from patcher.reports import Style
from patcher.reports.text import as_json, columns, exact, short, valid
from patcher.text import printable

SCHEMA = 1

_HEAD = ("repository", "base", "review", "state", "approved", "checks", "conflicts", "")


def table(style: Style, states: Iterable[ReviewState]) -> Iterator[bytes]:
    """A row for each review, and how many there are of which kind."""
    rows, counts = [], dict.fromkeys(("open", "merged", "closed", "not seen"), 0)
    for each in states:
        counts[each.life or "not seen"] += 1
        rows.append(
            (
                printable(each.place),
                printable(short(each.base)),
                printable(each.url),
                "draft" if each.draft and each.life == "open" else each.life or "?",
                _yes(each.approved),
                each.checks or "?",
                _yes(each.conflicts),
                printable(each.error or each.did),
            )
        )
    if not rows:
        yield b"No review yet: `patcher apply --push --review auto --campaign NAME` opens some.\n"
        return
    yield columns((_HEAD, *rows), width=style.width, above=(0, 2))
    told = [f"{number} {life}" for life, number in counts.items() if number]
    yield f"{len(rows)} reviews: {', '.join(told)}.\n".encode()


def _yes(value: bool | None) -> str:
    return "?" if value is None else "yes" if value else "no"


def document(style: Style, states: Iterable[ReviewState]) -> Iterator[bytes]:
    """One object with all of them."""
    found = [_state(each) for each in states]
    yield as_json({"schema": SCHEMA, "reviews": found}) + b"\n"


def lines(style: Style, states: Iterable[ReviewState]) -> Iterator[bytes]:
    """An object for each, each on a line."""
    for each in states:
        yield as_json({"schema": SCHEMA, **_state(each)}) + b"\n"


def _state(each: ReviewState) -> dict[str, Any]:
    return {
        **exact("repository", each.place.encode("utf-8", "surrogateescape")),
        "base": valid(each.base),
        "number": valid(each.number),
        "url": valid(each.url),
        "life": each.life or None,
        "draft": each.draft,
        "approved": each.approved,
        "checks": each.checks,
        "conflicts": each.conflicts,
        "did": valid(each.did),
        "error": each.error and valid(each.error),
    }

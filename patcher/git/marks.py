"""The mark by which patcher knows its own commits again: a trailer of the message.

    Patcher-Migration: deny-af-alg (on base, 0f1e2d3c4b5a6978)

The digest covers the branch, the parent, who wrote and committed it and when, and the message: a
commit that someone amended, rebased or copied to another branch does not fit it any more. Anyone
can compute one, so it says nothing of the content; what a commit changes is looked at as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

On = Literal["base", "branch"]
"""What patcher made a commit on: the base branch, or what was on the review branch."""

_TRAILER = "Patcher-Migration"
_LINE = re.compile(rf"^{_TRAILER}: (.+) \(on (base|branch), ([0-9a-f]{{16}})\)$", re.MULTILINE)
_CRUD = " .,:;<>\"\\'"
"""What git leaves out at the ends of names and addresses (``crud`` in its ``ident.c``)."""


class Made(NamedTuple):
    """How a commit came about. ``author`` and ``committer`` are as git writes them in commits:
    ``Name <address> seconds offset``."""

    branch: str
    parent: str
    author: str
    committer: str


class Mark(NamedTuple):
    """What a mark says of its commit."""

    on: On
    migrations: tuple[str, ...]
    """Their ids."""


def trailer(migrations: Sequence[str], on: On, made: Made, message: str) -> str:
    """The trailer for a commit with this message."""
    return f"{_TRAILER}: {' '.join(migrations)} (on {on}, {_digest(on, made, message)})"


def has_mark(message: str) -> bool:
    """Whether some commit of patcher's had this message, or one that became it."""
    return _LINE.search(message) is not None


def mark_of(made: Made, message: str) -> Mark | None:
    """The mark of a commit; None where it has none, or none that fits it."""
    marks = {(on, digest): ids for ids, on, digest in reversed(_LINE.findall(message))}
    kinds: tuple[On, ...] = ("base", "branch")
    for kind in kinds if marks else ():
        if ids := marks.get((kind, _digest(kind, made, message))):
            return Mark(kind, tuple(ids.split(" ")))
    return None


def _digest(on: On, made: Made, message: str) -> str:
    import hashlib

    text = message.encode("utf-8", "replace").decode()
    # Trailers may be put together in one paragraph, and each comes once.
    lines = sorted({line.rstrip() for line in _LINE.sub("", text).split("\n")})
    people = [_person(made.author), _person(made.committer)]
    whole = "\n".join([on, made.branch, made.parent, *people, *lines])
    return hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _person(raw: str) -> str:
    """Address and time, as they also stand in a commit that git wrote."""
    address, _, time = raw.rpartition("> ")
    return f"{address.rpartition('<')[2].strip(_CRUD)} {time}"

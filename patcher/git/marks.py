"""The mark by which patcher knows its own commits again: a trailer of the message.

    Patcher-Migration: deny-af-alg (on base, 0f1e2d3c4b5a6978)

The digest covers the branch, the parent, who wrote and committed it and when, and the message: a
commit that someone amended, rebased or copied to another branch does not fit it any more. Anyone
can compute one, so it says nothing of the content; what a commit changes is looked at as well.

    Patcher-Migration: deny-af-alg (on base, by forge, 0f1e2d3c4b5a6978)

marks a commit that a forge made for patcher. Who wrote it and when is decided there, after the
message was written, so the digest does not cover that. Such a mark fits only a commit whose
committer is the forge itself: one that a person amended has the person there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

On = Literal["base", "branch"]
"""What patcher made a commit on: the base branch, or what was on the review branch."""

_TRAILER = "Patcher-Migration"
_BY_FORGE = ", by forge"
_LINE = re.compile(
    rf"^{_TRAILER}: (.+) \(on (base|branch)({_BY_FORGE})?, ([0-9a-f]{{16}})\)$", re.MULTILINE
)
_FORGE = re.compile(r"<noreply@[^<>@ ]+> [0-9]+ [+-][0-9]{4}\Z")
"""The committer of what GitHub commits: ``GitHub <noreply@github.com>``, at an Enterprise Server
with an address there."""
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


def trailer(
    migrations: Sequence[str], on: On, made: Made, message: str, *, by_forge: bool = False
) -> str:
    """The trailer for a commit with this message. ``by_forge``: a forge is to make the commit, and
    the people of ``made`` do not count."""
    how = _BY_FORGE if by_forge else ""
    digest = _digest(on, made, message, by_forge=by_forge)
    return f"{_TRAILER}: {' '.join(migrations)} (on {on}{how}, {digest})"


def has_mark(message: str) -> bool:
    """Whether some commit of patcher's had this message, or one that became it."""
    return _LINE.search(message) is not None


def mark_of(made: Made, message: str) -> Mark | None:
    """The mark of a commit; None where it has none, or none that fits it."""
    found = reversed(_LINE.findall(message))
    marks = {(on, bool(how), digest): ids for ids, on, how, digest in found}
    kinds: tuple[On, ...] = ("base", "branch")
    ways = sorted({by_forge for _, by_forge, _ in marks})
    for by_forge in ways:
        if by_forge and _FORGE.search(made.committer) is None:
            continue
        for kind in kinds:
            digest = _digest(kind, made, message, by_forge=by_forge)
            if ids := marks.get((kind, by_forge, digest)):
                return Mark(kind, tuple(ids.split(" ")))
    return None


def _digest(on: On, made: Made, message: str, *, by_forge: bool) -> str:
    import hashlib

    text = message.encode("utf-8", "replace").decode()
    # Trailers may be put together in one paragraph, and each comes once.
    lines = sorted({line.rstrip() for line in _LINE.sub("", text).split("\n")})
    people = [_BY_FORGE] if by_forge else [_person(made.author), _person(made.committer)]
    whole = "\n".join([on, made.branch, made.parent, *people, *lines])
    return hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _person(raw: str) -> str:
    """Address and time, as they also stand in a commit that git wrote."""
    address, _, time = raw.rpartition("> ")
    return f"{address.rpartition('<')[2].strip(_CRUD)} {time}"

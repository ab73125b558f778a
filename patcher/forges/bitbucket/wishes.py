"""What both Bitbuckets lack of a wish, and how they compare the rest."""

from __future__ import annotations

from collections.abc import Sequence

from patcher.forges.review import Wanted


def others(wanted: Wanted) -> list[str]:
    """What cannot be met, in a line each."""
    lacks = (
        ("labels", wanted.labels),
        ("teams", wanted.teams),
        ("assignees", wanted.assignees),
        ("milestone", wanted.milestone),
        ("auto-merge", wanted.auto_merge),
    )
    return [f"{name}: Bitbucket has none on pull requests" for name, value in lacks if value]


def missing(wanted: Sequence[str], there: Sequence[str]) -> list[str]:
    """The names that are not there, whatever their case."""
    known = {name.casefold() for name in there}
    return [name for name in wanted if name.casefold() not in known]


def lines(body: str) -> list[str]:
    """A body as it reads: Bitbucket may store other line endings than it is sent."""
    return body.strip().splitlines()

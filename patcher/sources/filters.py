"""Which of the repositories found are wanted."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from patcher import git
from patcher.sources.found import Facts, Found

if TYPE_CHECKING:
    from datetime import datetime

Choice = Literal["include", "exclude", "only"]

_AGO = re.compile(r"([0-9]{1,5})([hdwy])", re.ASCII)
_HOURS = {"h": 1, "d": 24, "w": 7 * 24, "y": 365 * 24}


@dataclass(frozen=True, slots=True)
class Filters:
    """What must hold for a repository to be wanted; each of them must."""

    match: tuple[str, ...] = ()
    """Globs, of which one must match; see `Sieve`. None: all do."""
    skip: tuple[str, ...] = ()
    """Globs, of which none may match."""
    topics: tuple[str, ...] = ()
    """Topics, of which it must have one."""
    archived: Choice = "exclude"
    forks: Choice = "include"
    visibility: tuple[str, ...] = ()
    """``public``, ``private``, ``internal``: what it may be. None: anything."""
    pushed_since: datetime | None = None
    """With a time zone."""


class Sieve:
    """The filters at work.

    A glob (as in a shell, but ``*`` also takes ``/``; letter case does not matter) is held against
    the repository's name, its ``owner/name`` and the whole path of its URL or on this machine.

    Where a fact is not known, as for a plain URL, a filter on it keeps the repository, and ``tell``
    gets one line that says so, once for each filter.
    """

    def __init__(self, filters: Filters, tell: Callable[[str], None]) -> None:
        self._filters, self._tell = filters, tell
        self._match, self._skip = _globs(filters.match), _globs(filters.skip)
        self._topics = frozenset(topic.casefold() for topic in filters.topics)
        self._told: set[str] = set()

    def passed_over(self, found: Found) -> str | None:
        """Why a repository is not wanted, in a word or two; None: it is."""
        if self._match or self._skip:
            names = _names(found.place)
            if self._match and not any(map(self._match, names)):
                return "by name"
            if self._skip and any(map(self._skip, names)):
                return "by name"
        facts = found.facts or Facts()
        return self._by_state(facts) or self._by_use(facts)

    def _by_state(self, facts: Facts) -> str | None:
        filters = self._filters
        if filters.archived != "include" and facts.archived is not (filters.archived == "only"):
            if facts.archived is not None:
                return "archived" if facts.archived else "not archived"
            if filters.archived != "exclude":  # the default, which nobody asked for
                self._unknown("--archived", "whether they are archived")
        if filters.forks != "include" and facts.fork is not (filters.forks == "only"):
            if facts.fork is not None:
                return "forks" if facts.fork else "no forks"
            self._unknown("--forks", "whether they are forks")
        return None

    def _by_use(self, facts: Facts) -> str | None:
        filters = self._filters
        if self._topics:
            if facts.topics is None:
                self._unknown("--topic", "the topics")
            elif self._topics.isdisjoint(topic.casefold() for topic in facts.topics):
                return "by topic"
        if filters.visibility:
            if facts.visibility is None:
                self._unknown("--visibility", "the visibility")
            elif facts.visibility not in filters.visibility:
                return "by visibility"
        if filters.pushed_since is not None:
            if facts.pushed_at is None:
                self._unknown("--pushed-since", "the last push")
            elif facts.pushed_at < filters.pushed_since:
                return "by last push"
        return None

    def _unknown(self, option: str, what: str) -> None:
        if option not in self._told:
            self._told.add(option)
            self._tell(f"{option}: {what} of some repositories is not known; those are kept")


def since(text: str) -> datetime:
    """A moment: ``2026-01-31``, with a time if wanted (UTC unless it says otherwise), or how long
    ago: ``12h``, ``30d``, ``6w``, ``1y``. Raises ValueError."""
    from datetime import UTC, datetime, timedelta

    text = text.strip()
    try:
        if ago := _AGO.fullmatch(text):
            return datetime.now(UTC) - timedelta(hours=int(ago[1]) * _HOURS[ago[2]])
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no date: write it as 2026-01-31, or as 12h, 30d, 6w or 1y ago"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _globs(patterns: Sequence[str]) -> Callable[[str], bool] | None:
    if not patterns:
        return None
    import fnmatch

    regexes = [
        re.compile(fnmatch.translate(pattern.casefold().removesuffix("/"))) for pattern in patterns
    ]
    return lambda name: any(regex.match(name) for regex in regexes)


def _names(place: git.Repository | git.Address) -> tuple[str, ...]:
    path = place.path if isinstance(place, git.Address) else str(place.path)
    path = path.rstrip("/").removesuffix(".git").rstrip("/").casefold()
    parts = path.rsplit("/", 2)
    return (path, path.removeprefix("/"), "/".join(parts[-2:]), parts[-1])

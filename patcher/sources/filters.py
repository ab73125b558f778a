"""Which of the repositories found are wanted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from patcher import git
from patcher.values import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from patcher.forges import Facts
    from patcher.sources.found import Found

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
        self.kept = dict.fromkeys(self._asked(), 0)
        """How many repositories each filter that asks for some kept, as it is written."""
        self._topics = frozenset(topic.casefold() for topic in filters.topics)
        self._told: set[str] = set()
        self._by_facts = filters != Filters(filters.match, filters.skip)

    def _asked(self) -> Iterator[str]:
        filters = self._filters
        yield from (f"--match {glob!r}" for glob in filters.match)
        yield from (f"--topic {topic!r}" for topic in filters.topics)
        yield from (f"--visibility {each}" for each in filters.visibility)
        yield from ["--archived only"] * (filters.archived == "only")
        yield from ["--forks only"] * (filters.forks == "only")
        yield from ["--pushed-since"] * (filters.pushed_since is not None)

    def passed_over(self, found: Found) -> str | None:
        """Why a repository is not wanted, in a word or two; None: it is."""
        if self._match or self._skip:
            names = _names(found.place)
            matching = [glob for glob, regex in self._match.items() if any(map(regex, names))]
            for glob in matching:
                self.kept[f"--match {glob!r}"] += 1
            if self._match and not matching:
                return "by name"
            if any(any(map(regex, names)) for regex in self._skip.values()):
                return "by name"
        if found.facts is None and not self._by_facts:
            return None
        from patcher.forges import Facts

        facts = found.facts or Facts()
        return self._by_state(facts) or self._by_use(facts)

    def _by_state(self, facts: Facts) -> str | None:
        filters = self._filters
        if filters.archived != "include" and facts.archived is not (filters.archived == "only"):
            if facts.archived is not None:
                return "archived" if facts.archived else "not archived"
            if filters.archived != "exclude":  # the default, which nobody asked for
                self._unknown("--archived", "whether they are archived")
        self._keep("--archived only")
        if filters.forks != "include" and facts.fork is not (filters.forks == "only"):
            if facts.fork is not None:
                return "forks" if facts.fork else "no forks"
            self._unknown("--forks", "whether they are forks")
        self._keep("--forks only")
        return None

    def _keep(self, *filters: str) -> None:
        for each in filters:
            if each in self.kept:
                self.kept[each] += 1

    def _by_use(self, facts: Facts) -> str | None:
        filters = self._filters
        if self._topics:
            if facts.topics is None:
                self._unknown("--topic", "the topics")
            elif self._topics.isdisjoint(topic.casefold() for topic in facts.topics):
                return "by topic"
            known = {topic.casefold() for topic in facts.topics or filters.topics}
            self._keep(
                *(f"--topic {each!r}" for each in filters.topics if each.casefold() in known)
            )
        if filters.visibility:
            if facts.visibility is None:
                self._unknown("--visibility", "the visibility")
            elif facts.visibility not in filters.visibility:
                return "by visibility"
            those = filters.visibility if facts.visibility is None else (facts.visibility,)
            self._keep(*(f"--visibility {each}" for each in those))
        if filters.pushed_since is not None:
            if facts.pushed_at is None:
                self._unknown("--pushed-since", "the last push")
            elif facts.pushed_at < filters.pushed_since:
                return "by last push"
            self._keep("--pushed-since")
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


def _globs(patterns: Sequence[str]) -> dict[str, Callable[[str], re.Match[str] | None]]:
    if not patterns:
        return {}
    import fnmatch

    return {
        pattern: re.compile(fnmatch.translate(pattern.casefold().removesuffix("/"))).match
        for pattern in patterns
    }


def matching(patterns: Sequence[str], place: str) -> list[str]:
    """The globs that match a repository, by its path or clone URL, as `Sieve` has it."""
    names = _names_of(git.Address.parse(place).path if git.is_address(place) else place)
    return [glob for glob, regex in _globs(patterns).items() if any(map(regex, names))]


def _names(place: git.Repository | git.Address) -> tuple[str, ...]:
    return _names_of(place.path if isinstance(place, git.Address) else str(place.path))


def _names_of(path: str) -> tuple[str, ...]:
    path = path.rstrip("/").removesuffix(".git").rstrip("/").casefold()
    parts = path.rsplit("/", 2)
    return (path, path.removeprefix("/"), "/".join(parts[-2:]), parts[-1])

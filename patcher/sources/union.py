"""All sources as one: each repository once, in the order given."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from patcher import git
from patcher.sources.filters import Filters, Sieve
from patcher.sources.found import Found, Run
from patcher.sources.tally import Tally
from patcher.sources.words import is_path, source_of, understood

if TYPE_CHECKING:
    from patcher.sources.gathered import Gathered
    from patcher.sources.words import Source

Item = Found | git.Failure


def find(
    words: Sequence[str],
    *,
    lists: Sequence[str] = (),
    filters: Filters = Filters(),  # noqa: B008 - a frozen value
    tell: Callable[[str], None] = lambda line: None,
    tally: Tally | None = None,
) -> Iterator[Item]:
    """The repositories that ``words`` and ``lists`` name and ``filters`` want: each once, in the
    order given, as they are found.

    A word is a path (a repository, or a folder that is walked for some), a clone URL, or a forge's:
    ``github:...``, ``gitlab:...``, ``gitea:...``. A list is the name of a file, or ``-``; see
    `patcher.sources.rows`. Two clone URLs are one repository when they are equal, with and without
    ``.git`` and a slash at the end.

    Raises WrongSource where a word or list can name nothing: for words at once, for a list when its
    turn comes. What is named and cannot be found is a `git.Failure`, and the rest goes on. ``tell``
    gets a line for what a person should know meanwhile; ``tally`` counts.
    """
    return _found([understood(word) for word in words], lists, Sieve(filters, tell), tell, tally)


def _found(
    words: Sequence[str],
    lists: Sequence[str],
    sieve: Sieve,
    tell: Callable[[str], None],
    tally: Tally | None,
) -> Iterator[Item]:
    seen: set[int] = set()
    tally = Tally() if tally is None else tally
    tally.kept = sieve.kept
    for label, named, items in _sources(words, lists, seen, tell):
        tally.wanted[label] += 0  # shown even where it holds nothing
        if named:
            tally.held[named] += 0
        for item in items:
            if named:
                tally.held[named] += 1
            if isinstance(item, git.Failure):
                tally.failures += 1
                yield item
            elif named is None or _is_new(_key(item), seen):
                if reason := sieve.passed_over(item):
                    tally.passed_over[reason] += 1
                else:
                    tally.wanted[label] += 1
                    yield item
            elif item.bases:
                tell(f"{_shown(item)} was named before: the bases that come {label} are not used")


def gather(
    words: Sequence[str],
    *,
    lists: Sequence[str] = (),
    filters: Filters = Filters(),  # noqa: B008 - a frozen value
    tell: Callable[[str], None] = lambda line: None,
) -> Gathered:
    """All that `find` finds, so that its number is known before work begins."""
    from patcher.sources.gathered import Gathered

    tally = Tally()
    return Gathered(find(words, lists=lists, filters=filters, tell=tell, tally=tally), tally)


def remote(words: Sequence[str], lists: Sequence[str]) -> bool:
    """Whether there is more than paths among the sources."""
    return bool(lists) or not all(map(is_path, words))


def _sources(
    words: Sequence[str],
    names: Sequence[str],
    seen: set[int],
    tell: Callable[[str], None],
) -> Iterator[tuple[str, str | None, Iterator[Item]]]:
    """What each source is counted as, how it was named, and what it holds. Paths that stand
    together are one without a name; of these, what was ``seen`` does not come again."""
    run = Run(words, seen, tell)
    for (of, counted), group in groupby(words, lambda word: _together(word)):
        yield *counted, of.find(list(group), run)
    for name in dict.fromkeys(names):  # what is read to its end holds no more
        from patcher.sources import lists

        yield lists.label(name), f"--from {git.without_secrets(name)}", lists.find(name)


def _together(word: str) -> tuple[Source, tuple[str, str | None]]:
    found = source_of(word)
    return found, found.counted_as(word)


def _is_new(key: int, seen: set[int]) -> bool:
    before = len(seen)
    seen.add(key)
    return len(seen) > before


def _key(found: Found) -> int:
    """Stands for a repository: of one on this machine the `git.place_key`, of a clone URL a digest,
    below zero."""
    place = found.place
    if isinstance(place, git.Address):
        return _digest(place.url.rstrip("/").removesuffix(".git").rstrip("/"))
    try:
        return git.place_key(place)
    except OSError:  # gone since it was found: whoever opens it says so
        return _digest(str(place.common_dir))


def _digest(name: str) -> int:
    from hashlib import blake2b

    return ~int.from_bytes(blake2b(os.fsencode(name), digest_size=16).digest())


def _shown(found: Found) -> str:
    place = found.place
    return git.printable(place.url if isinstance(place, git.Address) else place.path)

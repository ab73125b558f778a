"""All sources as one: each repository once, in the order given."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from itertools import groupby
from typing import Protocol, TypeVar

from patcher import git
from patcher.sources import paths, urls
from patcher.sources.filters import Filters, Sieve
from patcher.sources.forges import FORGES, Forge
from patcher.sources.found import Found
from patcher.sources.gathered import Gathered, Tally

Item = Found | git.Failure
_Key = TypeVar("_Key")


class _Kind(Protocol):
    """What a word may be, but a forge's."""

    def claims(self, word: str) -> bool: ...
    def label(self, word: str) -> str: ...


_KINDS: tuple[_Kind, ...] = (urls, paths)
"""In the order in which they are asked whether a word is theirs."""


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
    ``github:...``, ``gitlab:...``, ``gitea:...``. Such a word is never a path; ``./github:x`` is
    one. A list is the name of a file, or ``-``; see `patcher.sources.rows`. Two clone URLs are one
    repository when they are equal, with and without ``.git`` and a slash at the end.

    Nothing is raised for what cannot be found: it is a `git.Failure`, and the rest goes on.
    ``tell`` gets a line for what a person should know meanwhile; ``tally`` counts.
    """
    sieve = Sieve(filters, tell)
    seen = _Seen()
    tally = Tally() if tally is None else tally
    tally.kept = sieve.kept
    for label, named, items in _sources(words, lists, seen.places, tell):
        tally.begin(label, named)
        for item in items:
            tally.met(named, failed=isinstance(item, git.Failure))
            if isinstance(item, git.Failure):
                yield item
            elif named is None or seen.is_new(item):
                reason = sieve.passed_over(item)
                tally.count(label, reason)
                if reason is None:
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
    tally = Tally()
    return Gathered(find(words, lists=lists, filters=filters, tell=tell, tally=tally), tally)


def remote(words: Sequence[str], lists: Sequence[str]) -> bool:
    """Whether there is more than paths among the sources."""
    return bool(lists) or any(_kind(word) is not paths for word in words)


def _kind(word: str) -> Forge | _Kind:
    kinds: tuple[Forge | _Kind, ...] = (*FORGES, *_KINDS)
    return next(kind for kind in kinds if kind.claims(word))


def _sources(
    words: Sequence[str],
    names: Sequence[str],
    places: set[int],
    tell: Callable[[str], None],
) -> Iterator[tuple[str, str | None, Iterator[Item]]]:
    """What each source is counted as, how it was named, and what it holds. Paths that stand
    together are one without a name: what they hold has not come before (``places``)."""
    if names:
        from patcher.sources import lists
    kinds = {word: _kind(word) for word in words}
    for label, group in groupby(words, lambda word: kinds[word].label(word)):
        together = list(group)
        kind = kinds[together[0]]
        if isinstance(kind, Forge):
            yield label, git.without_secrets(together[0]), kind.find(together[0], words, tell)
        elif kind is paths:
            yield label, None, paths.find(together, places)
        else:
            yield label, "", urls.find(together)
    for at, name in enumerate(names):
        if name == "-" and "-" in names[:at]:
            continue  # it was read to its end
        yield lists.label(name), f"--from {git.without_secrets(name)}", lists.find(name)


class _Seen:
    """Which repositories there were already."""

    def __init__(self) -> None:
        self.places: set[int] = set()
        """Of those on this machine the `git.place_key`."""
        self._names: set[bytes] = set()
        """Of clone URLs their digests, which are shorter."""

    def is_new(self, found: Found) -> bool:
        if isinstance(found.place, git.Address):
            url = found.place.url.rstrip("/").removesuffix(".git").rstrip("/")
            return self._is_new(_digest(url), self._names)
        try:
            key = git.place_key(found.place)
        except OSError:  # gone since it was found: whoever opens it says so
            return self._is_new(_digest(str(found.place.common_dir)), self._names)
        return self._is_new(key, self.places)

    @staticmethod
    def _is_new(key: _Key, among: set[_Key]) -> bool:
        before = len(among)
        among.add(key)
        return len(among) > before


def _digest(name: str) -> bytes:
    return blake2b(os.fsencode(name), digest_size=16).digest()


def _shown(found: Found) -> str:
    place = found.place
    return git.printable(place.url if isinstance(place, git.Address) else place.path)

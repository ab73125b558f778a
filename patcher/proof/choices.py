"""The choices that a template makes, and the ways in which they come out together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, product
from math import prod

from patcher.policy.actions import Control, condition
from patcher.policy.patterns import regex

MOST_RENDERINGS = 8
"""All combinations of a template's choices are rendered where they are no more than these."""
_MOST_DECIDING = 64
"""Combinations of those that decide about network rules."""
# No profile comes near any of these, and one that is over any is not rendered.
_MOST_CHOICES = 2000
_DEEPEST = 64
"""Choices in each other."""
_COMMENT = regex(rb"\{\{-?\s*(?:/\*|!)|\{%[-+]?\s*(?:end)?comment")

Arms = tuple[tuple[int, int], ...]
"""The arms that text stands in: choice and arm."""


class NotRendered(Exception):
    """Why a template cannot be rendered."""


def check(number: int, most: int, what: str) -> None:
    """Raise NotRendered where a profile has more of something than any real one."""
    if number > most:
        raise NotRendered(f"the profile has more than {most} {what}")


class Choices:
    """Follows the control actions of a template, in order."""

    def __init__(self) -> None:
        self.arms: Arms = ()
        """Those in which the text stands that comes next."""
        self._counts: list[int] = []
        """How many arms each choice has, that of leaving it out included."""
        self._parents: list[Arms] = []
        """The arms that each choice stands in."""
        self._numbers: dict[tuple[Arms, bytes, int], int] = {}
        """Of the choices by what they depend on: those of one condition come out alike, unless
        something is assigned between them."""
        self._assignments = 0
        self._opened: list[tuple[int, int, bool]] = []
        """Choice, arm, and whether it is an ``else``."""
        self._deciding: set[int] = set()

    def take(self, action: Control | None, text: bytes) -> None:
        """Follow one control action. Raises NotRendered."""
        if action is Control.UNKNOWN:
            shown = text.split(b"\n", 1)[0][:60].decode("utf-8", "replace")
            raise NotRendered(f"what `{shown}` does to the template is not known")
        if action is Control.OPEN:
            self._open(text)
        elif action is Control.SECTION:
            self._opened.append((-1, 0, False))
        elif action is Control.ARM and self._opened:
            number, arm, _ = self._opened[-1]
            self._opened[-1] = number, arm + 1, condition(text) == b"else"
            self._count(number, arm + 2)
        elif action is Control.CLOSE:
            self._close()
        elif action is Control.NONE and not _COMMENT.match(text):
            self._assignments += 1
        check(len(self._opened), _DEEPEST, "nested choices")
        self.arms = tuple((number, arm) for number, arm, _ in self._opened if number >= 0)

    def _open(self, text: bytes) -> None:
        key = self.arms, condition(text), self._assignments
        number = self._numbers.setdefault(key, len(self._counts))
        if number == len(self._counts):
            self._counts.append(2)
            self._parents.append(self.arms)
        self._opened.append((number, 0, False))
        check(number, _MOST_CHOICES, "choices")

    def _close(self) -> None:
        if self._opened:
            number, arm, otherwise = self._opened.pop()
            self._count(number, arm + (1 if otherwise else 2))

    def _count(self, number: int, arms: int) -> None:
        if number >= 0:
            self._counts[number] = max(self._counts[number], arms)

    def close(self) -> None:
        """Close what the text leaves open."""
        while self._opened:
            self._close()
        self.arms = ()

    def decide(self) -> None:
        """Note that the choices which the text stands in decide about a network rule."""
        self._deciding.update(number for number, _ in self.arms)

    def ways(self, *, exact: bool) -> tuple[list[Sequence[int]], bool]:
        """An arm for each choice, in every combination, or so that each arm is taken at least once.

        ``exact``: in every combination of those that decide about network rules; whether that is
        so is told as well. Raises NotRendered.
        """
        if prod(self._counts[:64]) <= MOST_RENDERINGS:
            return list(product(*map(range, self._counts))), True
        chosen = list(islice(self._covering(), 8 * MOST_RENDERINGS + 1))
        if len(chosen) > 8 * MOST_RENDERINGS:
            raise NotRendered("the template makes too many choices")
        deciding = sorted(self._deciding)
        if not exact or prod(self._counts[n] for n in deciding[:64]) > _MOST_DECIDING:
            return chosen, False
        return [*chosen, *self._combined(deciding)], True

    def _combined(self, deciding: Sequence[int]) -> Iterator[Sequence[int]]:
        for arms in product(*(range(self._counts[number]) for number in deciding)):
            fixed = dict(zip(deciding, arms, strict=True))
            yield [fixed.get(number, 0) for number in range(len(self._counts))]

    def _covering(self) -> Iterator[Sequence[int]]:
        """For each arm of each choice, one way in which it is taken."""
        wanted = [(n, arm) for n, count in enumerate(self._counts) for arm in range(count)]
        seen: set[tuple[int, int]] = set()
        for number, arm in wanted:
            if (number, arm) not in seen:
                picked = self._picked(dict(self._parents[number]) | {number: arm}, seen)
                seen.update((n, a) for n, a in enumerate(picked) if self._stands(n, picked))
                yield picked

    def _picked(self, fixed: dict[int, int], seen: set[tuple[int, int]]) -> Sequence[int]:
        """A way with some arms given, and of the other choices arms that were not taken yet."""
        for other, outer in enumerate(self._parents):
            if other not in fixed and all(fixed.get(n) == a for n, a in outer):
                arms = range(self._counts[other])
                fixed[other] = next((a for a in arms if (other, a) not in seen), 0)
        return [fixed.get(number, 0) for number in range(len(self._counts))]

    def _stands(self, number: int, picked: Sequence[int]) -> bool:
        return taken(self._parents[number], picked)


def taken(arms: Iterable[tuple[int, int]], chosen: Sequence[int]) -> bool:
    """Whether text in these arms stands, the way that the choices come out."""
    return all(chosen[number] == arm for number, arm in arms)

"""Whether work grows with its input as it should: told by ratios of processor time, never by
seconds, so that neither a slow machine nor a busy one matters."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import pytest

from patcher.policy.bounds import TooMuch

MEASURABLE, WELL_MEASURABLE = 0.0005, 0.002
"""Seconds of processor time that the smallest input should take: hundreds of times what the clock
can tell. In the longer time, work shows that costs little for each byte and still grows too fast:
for the long tests."""
SMALLEST, LARGEST = 1 << 10, 1 << 13
"""What YAML's scanner does is quadratic in up to 1024 characters that may be a key."""
_FACTOR = 4
"""The inputs are of n, 4n and 16n bytes: a quadratic step takes the more of a run's time the larger
its input is."""
_ALLOWED = 1.75
"""How much faster than its input the work may seem to grow at each step, and over both. Quadratic
work grows four times as fast at each."""
_LEAST, _MOST = 5, 40
"""How often the smallest input is measured; the larger ones as often as it takes."""


def measured(names: str, cases: Iterable[Sequence[object]], one_in: int) -> pytest.MarkDecorator:
    """Parametrize a test with ``names`` and with ``measurable``, for `check_linear`.

    The long tests measure every case well; the short ones measure one case in ``one_in``.
    """
    params = []
    for number, case in enumerate(cases):
        params.append(pytest.param(*case, WELL_MEASURABLE, marks=pytest.mark.fuzz))
        if number % one_in == 0:
            params.append(pytest.param(*case, MEASURABLE))
    return pytest.mark.parametrize(f"{names},measurable", params)


Work = Callable[[], object]


def seconds(work: Work) -> float:
    """The processor time of this process for the work, without collecting garbage."""
    gc.disable()
    try:
        started = time.process_time()
        work()
        return time.process_time() - started
    finally:
        gc.enable()


def check_linear(
    prepare: Callable[[int], Work],
    *,
    smallest: int = SMALLEST,
    largest: int = LARGEST,
    measurable: float = MEASURABLE,
) -> None:
    """Fail where the work grows faster than its input.

    ``prepare``: makes the work for an input of about so many bytes, or of whatever the sizes
    count; it raises TooMuch where the input is over a bound. ``smallest`` and ``largest``: the n
    that are tried until the work takes ``measurable`` seconds.

    Three inputs are measured by turns, and the least time of each counts: whatever else the machine
    does can make a run take longer, but never less. The larger inputs are measured again only as
    long as they seem to take too long, since a lower time of theirs could not change the answer.
    What seems to grow too fast is measured once more with inputs of twice the size, in which work
    that does grow too fast takes the greater part: a cache of the processor that only the smallest
    input fits into tells nothing.
    """
    seen = []
    size = _measurable(prepare, smallest, largest, measurable)
    for start in (size, 2 * size):
        works, least = _first(prepare, start)
        for turn in range(1, _MOST):
            least[0] = min(least[0], seconds(works[0]))
            if _as_it_should(least):
                if turn + 1 >= _LEAST:
                    return
                continue
            for index in (1, 2):
                least[index] = min(least[index], seconds(works[index]))
        seen.append(", ".join(f"{each * 1000:.2f}" for each in least))
    raise AssertionError(f"inputs of once, 4 and 16 times a size take {' and '.join(seen)} ms")


def _as_it_should(least: list[float]) -> bool:
    one, more, most = least
    step = _FACTOR * _ALLOWED
    return more < one * step and most < more * step and most < one * _FACTOR * step


def _measurable(
    prepare: Callable[[int], Work], smallest: int, largest: int, measurable: float
) -> int:
    """The least size whose work takes long enough, or the largest.

    Each is done twice: the first time pays for the patterns and tables that are made when needed.
    """
    size = smallest
    with suppress(TooMuch):
        while size < largest and min(seconds(prepare(size)) for _ in range(2)) < measurable:
            size *= 2
    return size


def _first(prepare: Callable[[int], Work], size: int) -> tuple[list[Work], list[float]]:
    """The work for three inputs from the size on, and a first time each."""
    while True:
        works = [prepare(size * factor) for factor in (1, _FACTOR, _FACTOR**2)]
        try:
            return works, [seconds(work) for work in works]
        except TooMuch:  # what is over a bound is not read
            size //= 2

"""Variants of one situation: every few of them in the short tests, all of them in the long ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def few(values: Iterable[Any], every: int = 4) -> list[Any]:
    """The values of a parameter, of which one in so many is among the short tests."""
    return [
        value if number % every == 0 else pytest.param(*_parts(value), marks=pytest.mark.variants)
        for number, value in enumerate(values)
    ]


def pairs(first: Iterable[Any], second: Iterable[Any]) -> list[Any]:
    """Each value of one with each of the other: short are as few pairs as have each value once."""
    rows, columns = list(first), list(second)
    apart = min(len(rows), len(columns))
    return [
        pytest.param(
            *_parts(row),
            *_parts(column),
            marks=() if (number - place) % apart == 0 else pytest.mark.variants,
        )
        for number, row in enumerate(rows)
        for place, column in enumerate(columns)
    ]


def _parts(value: Any) -> tuple[Any, ...]:
    return value if type(value) is tuple else (value,)

"""Clone URLs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from patcher import git
from patcher.sources.found import Found


def find(words: Sequence[str]) -> Iterator[Found | git.Failure]:
    """The addresses."""
    return (Found(git.Address.parse(word)) for word in words)

"""Repositories on this machine: a path is one, or a folder that is walked for some."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from patcher import git
from patcher.sources.found import Found


def find(words: Sequence[str], seen: set[int] | None = None) -> Iterator[Found | git.Failure]:
    """The repositories at and below these paths; see `patcher.git.discover`."""
    for item in git.discover(map(Path, words), seen):
        yield item if isinstance(item, git.Failure) else Found(item)

"""Repositories on this machine: a path is one, or a folder that is walked for some."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from patcher import git
from patcher.sources.found import Found, Run

FORMS = ("a path",)


def claims(word: str) -> bool:
    """Whatever nothing else claims may be one."""
    return True


def check(word: str) -> None:
    """What is wrong with it is said by `patcher.sources.words.understood`."""


def counted_as(word: str) -> tuple[str, str | None]:
    """All paths are one source, which has no name."""
    return "paths", None


def find(words: Sequence[str], run: Run = Run()) -> Iterator[Found | git.Failure]:  # noqa: B008 - a value
    """The repositories at and below these paths; see `patcher.git.discover`."""
    for item in git.discover(map(Path, words), run.seen):
        yield item if isinstance(item, git.Failure) else Found(item)

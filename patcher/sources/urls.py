"""Clone URLs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from patcher import git
from patcher.sources.found import Found, Run

FORMS = ("a clone URL (https, ssh, git, file, user@host:path)",)


def claims(word: str) -> bool:
    """Whether it is written like one."""
    return git.is_address(word)


def check(word: str) -> None:
    """Raise GitError where it is none."""
    git.Address.parse(word)


def counted_as(word: str) -> tuple[str, str | None]:
    """All URLs are one source."""
    return "URLs", ""


def find(words: Sequence[str], run: Run = Run()) -> Iterator[Found | git.Failure]:  # noqa: B008 - a value
    """The addresses."""
    return (Found(git.Address.parse(word)) for word in words)

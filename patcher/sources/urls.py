"""Clone URLs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from patcher import git
from patcher.sources.found import Found, failed


def claims(word: str) -> bool:
    return git.is_address(word)


def label(word: str) -> str:
    return "URLs"


def find(words: Sequence[str]) -> Iterator[Found | git.Failure]:
    """The addresses, or why one is none."""
    for word in words:
        try:
            yield Found(git.Address.parse(word))
        except git.GitError as error:
            yield failed(git.without_secret(word)[:500], str(error))

"""What organisations, groups, users and searches of a forge hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from patcher import forges, git
from patcher.sources.found import Found, failed


def label(word: str) -> str:
    return f"of {_shown(word)}"


def find(
    word: str, words: Sequence[str], tell: Callable[[str], None]
) -> Iterator[Found | git.Failure]:
    """What a word such as ``github:acme`` stands for; ``words`` are all of the run. A failure of
    the forge comes last: what was found before stands."""
    shown = _shown(word)
    try:
        for server, item in forges.repositories(word, words, lambda line: tell(f"{shown}: {line}")):
            if isinstance(item, forges.UnusableEntry):
                yield failed(f"{shown}: {item.name}" if item.name else shown, item.why)
            else:
                yield Found(item.address, (), item.parent, item.facts, server)
    except forges.ForgeError as error:
        yield failed(shown, str(error))


def _shown(word: str) -> str:
    return git.printable(git.without_secrets(word))

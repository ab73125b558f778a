"""The forges that there are. A forge's module is imported when a word names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module

from patcher import git
from patcher.sources.found import Found, SourceError, failed


@dataclass(frozen=True, slots=True)
class Forge:
    """A kind of source: what follows ``scheme:`` is asked for at a server.

    The module of that name has ``search(rest, words, tell)``: what a word, without its scheme,
    stands for; all words of the run; what to tell. It may raise SourceError.
    """

    scheme: str

    def claims(self, word: str) -> bool:
        return word.startswith(f"{self.scheme}:")

    def label(self, word: str) -> str:
        return f"of {_shown(word)}"

    def find(
        self, word: str, words: Sequence[str], tell: Callable[[str], None]
    ) -> Iterator[Found | git.Failure]:
        """What the forge holds. A failure of the forge comes last: what was found before stands."""
        shown = _shown(word)
        module = import_module(f"patcher.sources.{self.scheme}")
        rest = word.removeprefix(f"{self.scheme}:")
        try:
            for item in module.search(rest, words, lambda line: tell(f"{shown}: {line}")):
                if isinstance(item, git.Failure):
                    yield failed(f"{shown}: {item.place}", item.error)
                else:
                    yield item
        except SourceError as error:
            yield failed(shown, str(error))


def _shown(word: str) -> str:
    return git.printable(git.without_secrets(word))


FORGES = (Forge("github"), Forge("gitlab"), Forge("gitea"))

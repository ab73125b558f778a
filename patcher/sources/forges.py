"""What organisations, groups, users and searches of a forge hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from patcher import forges, git
from patcher.sources.found import Found, Run, failed

FORMS = tuple(form for forms in forges.SCHEMES.values() for form in forms)


def claims(word: str) -> bool:
    """Whether a forge's scheme begins it. A path never does; ``./github:x`` is one."""
    return word.partition(":")[0] in forges.SCHEMES


def check(word: str) -> None:
    """Raise GitError where it can name nothing."""
    try:
        forges.parse(word)
    except git.GitError as error:
        raise git.GitError(f"{git.without_secrets(word)[:500]}: {error}") from None


def counted_as(word: str) -> tuple[str, str | None]:
    """Each word is a source."""
    return f"of {_shown(word)}", git.without_secrets(word)


def find(words: Sequence[str], run: Run) -> Iterator[Found | git.Failure]:
    """What a word such as ``github:acme`` stands for. A failure of the forge comes last: what was
    found before stands."""
    word = words[0]
    shown = _shown(word)
    tell = run.tell
    try:
        for server, item in forges.repositories(
            word, run.words, lambda line: tell(f"{shown}: {line}")
        ):
            if isinstance(item, forges.UnusableEntry):
                yield failed(f"{shown}: {item.name}" if item.name else shown, item.why)
            else:
                yield Found(item.address, (), item.parent, item.facts, server)
    except forges.ForgeError as error:
        yield failed(shown, str(error))


def _shown(word: str) -> str:
    return git.printable(git.without_secrets(word))

"""What a word of the command line, or of a list, names: a path, a clone URL, or a forge's."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, cast

from patcher import git
from patcher.sources.found import WrongSource

if TYPE_CHECKING:
    from typing import Protocol

    from patcher.sources.found import Found, Run

    class Source(Protocol):
        FORMS: Sequence[str]

        def claims(self, word: str) -> bool: ...
        def check(self, word: str) -> None: ...
        def counted_as(self, word: str) -> tuple[str, str | None]: ...
        def find(self, words: Sequence[str], run: Run) -> Iterator[Found | git.Failure]: ...


SOURCES = ("forges", "urls", "paths")
"""The modules of this package that a word may be for; the first that claims it has it.

Each has ``FORMS``, how the user writes it; ``claims(word)``, whether a word is for it by how it is
written; ``check(word)``, which raises GitError where a word can name nothing; ``counted_as(word)``,
what its repositories are counted as, and how the user named them (None for what `git.discover`
finds, which leaves out what was found before): words in a row that are counted as the same are one
source; and ``find(words, run)``, what is there.
"""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_OWNER_AND_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9_.-]+")


def source(name: str) -> Source:
    """A module of `SOURCES`."""
    return cast("Source", import_module(f"patcher.sources.{name}"))


def source_of(word: str) -> Source:
    """What a word is for, by how it is written."""
    if ":" not in word:
        return source(SOURCES[-1])
    return next(each for each in map(source, SOURCES) if each.claims(word))


def is_path(word: str) -> bool:
    """Whether a word is for what is on this machine, if it is for anything."""
    return source_of(word) is source("paths")


def understood(word: str, suggest: str = "github:") -> str:
    """The word, or what the user's ``url.*.insteadOf`` makes of it. Raises WrongSource where it can
    name nothing, whatever there is on this machine or elsewhere. ``suggest``: what to put before
    ``owner/name``."""
    try:
        source_of(word).check(word)
    except git.GitError as error:
        raise WrongSource(str(error)) from None
    if not is_path(word):
        return word
    try:
        is_file = stat.S_ISREG(os.stat(word).st_mode)  # noqa: PTH116 - on the path of every scan
    except (OSError, ValueError):
        if os.path.lexists(word):
            return word
    else:
        if not is_file:
            return word
        raise WrongSource(
            f"{_shown(word)}: is a file: name a repository or a folder; --from reads a list, and "
            "`patcher check` a policy"
        )
    longer = _instead(word) if ":" in word else None
    if longer is not None:
        return understood(longer)
    if word.startswith(("/", "./", "../", "~")):
        return word  # meant as a path: a repository that is not there
    raise WrongSource(f"{_shown(word)}: {_missing(word, suggest)}")


def _instead(word: str) -> str | None:
    """The URL that a word stands for by the user's configuration (git-config(1),
    ``url.<base>.insteadOf``)."""
    found = [
        (len(value), key.removeprefix("url.")[: -len(".insteadof")])
        for key, value in git.user_settings()
        if key.startswith("url.") and key.endswith(".insteadof") and word.startswith(value or " ")
    ]
    longest, base = max(found, default=(0, ""))
    return base + word[longest:] if git.is_address(base + word[longest:]) else None


def _missing(word: str, suggest: str) -> str:
    if not word:
        return f"an empty name: {_forms()}"
    if _SCHEME.match(word):
        return f"neither a path that exists nor anything else: {_forms()}"
    if _OWNER_AND_NAME.fullmatch(word):
        return f"no such file or directory: did you mean {suggest}{word}?"
    return f"no such file or directory: {_forms()}"


def _forms() -> str:
    *first, last = (form for name in reversed(SOURCES) for form in source(name).FORMS)
    return f"a source is {', '.join(first)} or {last}"


def _shown(word: str) -> str:
    return (git.without_secret(word) if ":" in word else word)[:500] or "''"

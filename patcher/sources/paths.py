"""Repositories on this machine: a path is one, or a folder that is walked for some."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from patcher import git
from patcher.sources.found import UNDERSTOOD, Found, failed

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def claims(word: str) -> bool:
    """Every word may be a path."""
    return True


def label(word: str) -> str:
    return "paths"


def find(words: Sequence[str], seen: set[int] | None = None) -> Iterator[Found | git.Failure]:
    """The repositories at and below these paths; see `patcher.git.discover`."""
    seen = set() if seen is None else seen
    missing = {word for word in words if not os.path.lexists(word)}
    if missing:
        for word in words:
            yield from [_missing(word)] if word in missing else _found([Path(word)], seen)
        return
    yield from _found([Path(word) for word in words], seen)


def _found(paths: Sequence[Path], seen: set[int]) -> Iterator[Found | git.Failure]:
    for item in git.discover(paths, seen):
        yield item if isinstance(item, git.Failure) else Found(item)


def _missing(word: str) -> git.Failure:
    if _SCHEME.match(word):
        return failed(
            git.without_secret(word)[:500],
            f"neither a path that exists nor anything else: {UNDERSTOOD}",
        )
    path = Path(os.path.abspath(word))  # noqa: PTH100 - the name stays as the user wrote it
    meant = word.startswith(("/", "./", "../", "~"))
    return git.Failure(path, "no such file or directory" + ("" if meant else f": {UNDERSTOOD}"))

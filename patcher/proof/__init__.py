"""That an edit changed what it should and nothing else.

``patch`` is ``engine.patch`` with each edit proved in the file that it changes: every caller gets
it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import get_args

from patcher import engine, hosts
from patcher.findings import MAX_BYTES, Profiles, Result
from patcher.migrations import Migration, choose

__all__ = ["patch", "prepare"]


def patch(
    path: str | os.PathLike[str],
    content: bytes,
    *,
    migrations: Iterable[Migration | str] | None = None,
    profiles: Profiles = "moby",
    docs: bool = False,
    comment: bool = False,
    max_bytes: int = MAX_BYTES,
) -> Result:
    """Find the profiles in a file and insert the migrations' rules where they are missing.

    ``path`` says what kind of file it is; nothing is read from it. ``migrations``: what
    ``load_migration`` returns, or ids of built-in ones; ``deny-af-alg`` alone when None.
    ``profiles``: edit moby-style profiles (``moby``), or every one (``all``). ``docs``: edit
    documentation too. ``comment``: put each migration's comment above its rule. ``max_bytes``: a
    larger file is reported, not read.

    An edit after which the file would not read as before, but for the rule, or would be edited once
    more, is left out, and its finding is ``under_investigation``. Never raises for what stands in
    the file; TypeError or ValueError for an argument that means nothing.
    """
    name = _text(path)
    chosen = choose(migrations)
    _check(content, profiles, docs, comment, max_bytes)

    def proved(content: bytes) -> Result:
        result = engine.patch(
            name,
            content,
            migrations=chosen,
            profiles=profiles,
            docs=docs,
            comment=comment,
            max_bytes=max_bytes + grown,
        )
        if not result.edits:
            return result
        from patcher.proof import host

        return host.proved(content, result, chosen)

    grown = 0
    result = proved(content)
    if not result.edits:
        return result
    # Where one stretch of a file may be read as two embeddings, the edit of one can bring the other
    # to light, and each run would add a rule.
    grown = len(result.content) - len(content)
    if not proved(result.content).edits:
        return result
    from patcher.proof import host

    return host.without_edits(content, result, "the file as edited would be edited once more")


def _text(path: str | os.PathLike[str]) -> str:
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else path
    if not isinstance(text, str):
        raise TypeError(f"path must be text or a path, not {path!r}")
    return text


def _check(
    content: object, profiles: object, docs: object, comment: object, max_bytes: object
) -> None:
    """Raise for arguments that a type checker would refuse."""
    if not isinstance(content, bytes):
        raise TypeError(
            f"content must be bytes, not {type(content).__name__}: open the file with mode 'rb', "
            "or encode the text"
        )
    if profiles not in get_args(Profiles):
        raise ValueError(f"profiles must be 'moby' or 'all', not {profiles!r}")
    for name, value in (("docs", docs), ("comment", comment)):
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False, not {value!r}")
    if not isinstance(max_bytes, int) or isinstance(max_bytes, bool):
        raise TypeError(f"max_bytes must be a number of bytes, not {max_bytes!r}")
    if max_bytes < 0:
        raise ValueError(f"max_bytes must not be negative: {max_bytes}")


def prepare() -> None:
    """Import what judging a file may need."""
    hosts.prepare()

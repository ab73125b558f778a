"""That an edit changed what it should and nothing else.

``patch`` is ``engine.patch`` with each edit proved in the file that it changes: every caller gets
it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import get_args

from patcher import engine, hosts
from patcher.findings import Result
from patcher.migrations import Migration, choose
from patcher.options import MAX_BYTES, Options, Profiles
from patcher.policy.judgement import Includes

__all__ = ["judge", "patch", "prepare"]


def patch(
    path: str | os.PathLike[str],
    content: bytes,
    *,
    migrations: Iterable[Migration | str] | None = None,
    profiles: Profiles = "moby",
    docs: bool = False,
    comment: bool = False,
    max_bytes: int = MAX_BYTES,
    includes: Includes | None = None,
) -> Result:
    """Find the profiles in a file and insert the migrations' rules where they are missing.

    ``path`` says what kind of file it is; nothing is read from it. ``migrations``: what
    ``load_migration`` returns, or ids of built-in ones; ``deny-af-alg`` alone when None.
    ``profiles``: edit moby-style profiles (``moby``), or every one (``all``). ``docs``: edit
    documentation too. ``comment``: put each migration's comment above its rule. ``max_bytes``: a
    larger file is reported, not read. ``includes``: the files that policy includes at that place;
    where none are known, each include needs review but AppArmor's own abstractions.

    An edit after which the file would not read as before, but for the rule, or would be edited once
    more, is left out, and its finding is ``under_investigation``. Never raises for what stands in
    the file; TypeError or ValueError for an argument that means nothing.
    """
    options = Options(choose(migrations), profiles, docs, comment, max_bytes)
    _check(content, options)
    return judge(_text(path), content, options, includes)


def judge(path: str, content: bytes, options: Options, includes: Includes | None = None) -> Result:
    """``patch``, for arguments that mean something."""

    def proved(content: bytes, options: Options) -> Result:
        result = engine.patch(path, content, options, includes)
        if not result.edits:
            return result
        from patcher.proof import host

        return host.proved(content, result, options.migrations)

    result = proved(content, options)
    if not result.edits:
        return result
    # Where one stretch of a file may be read as two embeddings, the edit of one can bring the other
    # to light, and each run would add a rule.
    grown = len(result.content) - len(content)
    if not proved(result.content, replace(options, max_bytes=options.max_bytes + grown)).edits:
        return result
    from patcher.proof import host

    return host.without_edits(content, result, "the file as edited would be edited once more")


def _text(path: str | os.PathLike[str]) -> str:
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else path
    if not isinstance(text, str):
        raise TypeError(f"path must be text or a path, not {path!r}")
    return text


def _check(content: object, options: Options) -> None:
    """Raise for arguments that a type checker would refuse."""
    if not isinstance(content, bytes):
        raise TypeError(
            f"content must be bytes, not {type(content).__name__}: open the file with mode 'rb', "
            "or encode the text"
        )
    if options.profiles not in get_args(Profiles):
        raise ValueError(f"profiles must be 'moby' or 'all', not {options.profiles!r}")
    for name in ("docs", "comment"):
        value: object = getattr(options, name)
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False, not {value!r}")
    most: object = options.max_bytes
    if not isinstance(most, int) or isinstance(most, bool):
        raise TypeError(f"max_bytes must be a number of bytes, not {most!r}")
    if most < 0:
        raise ValueError(f"max_bytes must not be negative: {most}")


def prepare() -> None:
    """Import what judging a file may need."""
    hosts.prepare()

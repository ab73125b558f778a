"""That an edit changed what it should and nothing else.

``patch`` is ``engine.patch`` with each edit proved in the file that it changes: every caller gets
it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple, get_args

from patcher import engine, hosts, interrupts
from patcher.findings import Result
from patcher.hosts import Document
from patcher.migrations import Migration, choose
from patcher.options import MAX_BYTES, Options, Profiles
from patcher.policy.bounds import pass_on
from patcher.policy.judgement import Includes

__all__ = ["Judged", "judge", "patch", "prepare"]


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

    - ``path`` says what kind of file it is; nothing is read from it.
    - ``migrations``: what ``load_migration`` returns, or ids of built-in ones; ``deny-af-alg``
      alone when None.
    - ``profiles``: edit moby-style profiles (``moby``), or every one (``all``).
    - ``docs``: edit documentation, too.
    - ``comment``: put each migration's comment above its rule.
    - ``max_bytes``: a larger file is reported, not read.
    - ``includes``: the files that policy includes at that place. Without it, every include needs
      review, except AppArmor's own abstractions.

    An edit is left out, and its finding is ``under_investigation``, if the file would then read
    differently in more than the rule, or would be edited once more. Nothing that stands in the
    file raises an exception; an argument that means nothing raises TypeError or ValueError.
    """
    options = Options(choose(migrations), profiles, docs, comment, max_bytes)
    _check(content, options)
    return judge(_text(path), content, options, includes).result


class Judged(NamedTuple):
    """What becomes of a file, and the readings that show it."""

    result: Result
    edited: tuple[Document, Document] | None = None
    """The file before and after its edits, without lines; None without any."""


UNREADABLE = "patcher fails to read it: report that, with the file"
"""Why a person must look at a file that nobody foresaw."""


def judge(path: str, content: bytes, options: Options, includes: Includes | None = None) -> Judged:
    """``patch``, for arguments that mean something."""
    try:
        return _judge(path, content, options, includes)
    except Exception as error:
        interrupts.check(error)
        pass_on(error)
        return Judged(engine.judge(engine.Unread(path, content, UNREADABLE), options))


def _judge(path: str, content: bytes, options: Options, includes: Includes | None) -> Judged:
    file = engine.read(path, content, options, includes)
    result = engine.judge(file, options, includes)
    if isinstance(file, engine.Unread) or not result.edits:
        return Judged(result)
    from patcher.proof import host

    before = file.without_lines()
    del file
    result, after = host.proved(before, result, options.migrations)
    if not result.edits:
        return Judged(result)
    # Where one stretch of a file may be read as two embeddings, the edit of one can bring the other
    # to light, and each run would add a rule.
    again = engine.judge(after, options, includes)
    if again.edits and host.proved(after, again, options.migrations)[0].edits:
        why = "the file as edited would be edited once more"
        return Judged(host.without_edits(content, result, why))
    return Judged(result, (before, after.without_lines()))


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

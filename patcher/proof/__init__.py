"""That an edit changed what it should and nothing else.

``patch`` is ``engine.patch`` with each edit proved in the file that it changes: every caller gets
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from patcher import engine, hosts
from patcher.findings import MAX_BYTES, Profiles, Result
from patcher.migrations import Migration

__all__ = ["patch", "prepare"]


def patch(
    path: str | PurePosixPath,
    content: bytes,
    *,
    migrations: Sequence[Migration] | None = None,
    profiles: Profiles = "moby",
    docs: bool = False,
    comment: bool = False,
    max_bytes: int = MAX_BYTES,
) -> Result:
    """Find the profiles in a file and insert the migrations' rules where they are missing.

    ``path`` says what kind of file it is; nothing is read from it. ``migrations``: ``deny-af-alg``
    alone when None. ``profiles``: edit moby-style profiles, or all. ``docs``: edit documentation
    too. ``comment``: put each migration's comment above its rule. ``max_bytes``: a larger file is
    reported, not read.

    An edit after which the file would not read as before, but for the rule, or would be edited once
    more, is left out, and its finding is ``under_investigation``. Never raises for what stands in
    the file.
    """

    def proved(content: bytes) -> Result:
        result = engine.patch(
            path,
            content,
            migrations=migrations,
            profiles=profiles,
            docs=docs,
            comment=comment,
            max_bytes=max_bytes + grown,
        )
        if not result.edits:
            return result
        from patcher.proof import host

        return host.proved(content, result, migrations)

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


def prepare() -> None:
    """Import what judging a file may need."""
    hosts.prepare()

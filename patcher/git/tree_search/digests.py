"""Find where digests stand in the files of a commit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from patcher.git.limits import time_left
from patcher.git.objects import Objects
from patcher.git.tree_search import search
from patcher.git.tree_search.query import Query
from patcher.git.values import Repository

_MAX_BYTES = 8 << 20
"""Bytes of the largest file in which digests are looked for."""

_FEW = 100
"""Digests that are looked for one by one; git has all of them as patterns."""

_SHORTEST = 32
_RUN = re.compile(rb"[0-9A-Za-z+/]{%d,}={0,2}" % _SHORTEST)


def mentions(
    repository: Repository,
    commit: str,
    digests: Iterable[bytes],
    *,
    jobs: int | Callable[[], int] = 1,
    shared: Objects | None = None,
) -> Iterator[tuple[bytes, int, bytes]]:
    """Where digests stand in the text files of ``commit``, up to 8 MiB each: path, line (1-based),
    digest; in tree order, and by line.

    A digest is at least 32 digits of hexadecimal or Base64 (RFC 4648, section 4); ValueError is
    raised for others. Of ``jobs`` and ``shared`` see `search`.
    """
    wanted = frozenset(digests)
    if not all(map(_RUN.fullmatch, wanted)):
        raise ValueError("what is looked for is no digest")
    if not wanted:
        return
    lengths = _lengths(wanted)
    for blob in search(repository, commit, _query(wanted), jobs=jobs, shared=shared):
        content = blob.content or b""
        line, counted = 1, 0
        told: set[bytes] = set()
        for at, digest in _standing(content, wanted, lengths):
            time_left()
            lines = content.count(b"\n", counted, at)
            counted = at
            if lines:
                line += lines
                told.clear()
            if digest not in told:
                told.add(digest)
                yield blob.path, line, digest


def _query(digests: frozenset[bytes]) -> Query:
    if len(digests) > _FEW:
        lengths = _lengths(digests)
        return Query((), lambda content: any(_standing(content, digests, lengths)), _MAX_BYTES)
    return Query(
        patterns=tuple(map(re.escape, sorted(digests))),
        matches=lambda content: any(digest in content for digest in digests),
        max_bytes=_MAX_BYTES,
    )


def _lengths(digests: frozenset[bytes]) -> list[int]:
    """The lengths of the digests, the shortest first. It looks at all of them: once, not for each
    file."""
    return sorted({len(digest) for digest in digests})


def _standing(
    content: bytes, digests: frozenset[bytes], lengths: list[int]
) -> Iterator[tuple[int, bytes]]:
    """The offsets at which digests stand in a content, in order."""
    for run in _RUN.finditer(content):
        text = run[0]
        for at in range(len(text) - lengths[0] + 1):
            if at & 0xFFFF == 0:
                time_left()
            for length in lengths:
                if text[at : at + length] in digests:
                    yield run.start() + at, text[at : at + length]

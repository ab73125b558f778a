"""Checksums of files that are to change: where they stand, they must change too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from patcher import git
from patcher.campaign.memory import Memory
from patcher.campaign.target import ChangedFile, Located

_HEX = ("md5", "sha1", "sha256", "sha512")
_BASE64 = ("sha256", "sha384", "sha512")
"""Of Subresource Integrity (https://www.w3.org/TR/SRI/), in which npm and Nix write them too."""

_MOST = 3
_BATCH = 100_000


def noted(
    repository: git.Repository,
    commit: str,
    files: Sequence[ChangedFile],
    findings: Iterable[Located],
    memory: Memory,
    *,
    own: bool,
    jobs: int | Callable[[], int] = 1,
    shared: git.Objects | None = None,
) -> tuple[list[Located], bool]:
    """The findings; one whose file is to change says where in ``commit`` a checksum of the file's
    present content stands. And whether that counts wherever the commit is; ``own`` is as
    `git.search` says."""
    needles: dict[bytes, list[tuple[bytes, str]]] = {}
    for file in files:
        for name, digest in _digests(file.old):
            needles.setdefault(digest, []).append((file.path, name))
    notes: dict[bytes, list[str]] = {}
    everywhere = True
    for some in _batches(needles):
        search = memory.search(_name(some))
        for place, line, digest in git.mentions(
            repository,
            commit,
            some,
            memory=search,
            own=own,
            jobs=jobs,
            shared=shared,
        ):
            for path, name in needles[digest]:
                where = f"{git.printable(place)}:{line}"
                notes.setdefault(path, []).append(f"its {name} stands in {where}")
        everywhere = everywhere and search.scope == git.EVERYWHERE
    return [_with(located, notes.get(located.path, [])) for located in findings], everywhere


def _name(needles: Iterable[bytes]) -> bytes:
    """Stands for what is searched for."""
    import hashlib

    return hashlib.sha256(b"\n".join(sorted(needles))).digest()[:16]


def _batches(needles: Iterable[bytes]) -> Iterable[list[bytes]]:
    """A single argument to git may be 128 KiB long (MAX_ARG_STRLEN, execve(2))."""
    batch: list[bytes] = []
    size = 0
    for needle in needles:
        if size + len(needle) > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(needle)
        size += len(needle) + 8  # for what escaping adds
    if batch:
        yield batch


def _digests(content: bytes) -> Iterable[tuple[str, bytes]]:
    import base64
    import hashlib

    for name in _HEX:
        yield name, hashlib.new(name, content, usedforsecurity=False).hexdigest().encode()
    for name in _BASE64:
        digest = hashlib.new(name, content, usedforsecurity=False).digest()
        yield name, base64.b64encode(digest)


def _with(located: Located, notes: Sequence[str]) -> Located:
    finding = located.finding
    if not notes or finding.edit is None:
        return located
    more = f" (and {len(notes) - _MOST} more)" if len(notes) > _MOST else ""
    reason = f"{finding.reason}; {'; '.join(notes[:_MOST])}{more}, which is not changed"
    return replace(
        located, finding=replace(finding, reason=reason, evidence=(*finding.evidence, *notes))
    )

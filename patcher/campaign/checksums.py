"""Checksums of files that are to change: where they stand, they must change too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from patcher import git
from patcher.campaign.memory import DIGESTS, Memory
from patcher.campaign.target import ChangedFile, Located

_HEX = ("md5", "sha1", "sha256", "sha512")
_BASE64 = ("sha256", "sha384", "sha512")
"""Of Subresource Integrity (https://www.w3.org/TR/SRI/), in which npm and Nix write them too."""

_MOST = 3
"""Places that a finding's reason names."""

_MOST_KEPT = 100
"""Places that are evidence; a file may be one checksum over and over."""


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
    digests: dict[bytes, list[tuple[bytes, str]]] = {}
    for file in files:
        for name, digest in _digests(file.old):
            digests.setdefault(digest, []).append((file.path, name))
    search = memory.search(DIGESTS)
    notes: dict[bytes, _Notes] = {}
    for place, line, digest in git.mentions(
        repository, commit, digests, memory=search, own=own, jobs=jobs, shared=shared
    ):
        for path, name in digests[digest]:
            notes.setdefault(path, _Notes()).add(f"its {name} stands in ", place, line)
    told = [_with(located, notes.get(located.path)) for located in findings]
    return told, search.scope == git.EVERYWHERE


@dataclass(slots=True)
class _Notes:
    """Where the checksums of one file stand."""

    kept: list[str] = field(default_factory=list)
    more: int = 0

    def add(self, what: str, place: bytes, line: int) -> None:
        if len(self.kept) < _MOST_KEPT:
            self.kept.append(f"{what}{git.printable(place)}:{line}")
        else:
            self.more += 1


def _digests(content: bytes) -> Iterable[tuple[str, bytes]]:
    import base64
    import hashlib

    for name in _HEX:
        yield name, hashlib.new(name, content, usedforsecurity=False).hexdigest().encode()
    for name in _BASE64:
        digest = hashlib.new(name, content, usedforsecurity=False).digest()
        yield name, base64.b64encode(digest)


def _with(located: Located, notes: _Notes | None) -> Located:
    finding = located.finding
    if notes is None or finding.edit is None:
        return located
    left = len(notes.kept) + notes.more - _MOST
    more = f" (and {left} more)" if left > 0 else ""
    reason = f"{finding.reason}; {'; '.join(notes.kept[:_MOST])}{more}, which is not changed"
    return replace(
        located, finding=replace(finding, reason=reason, evidence=(*finding.evidence, *notes.kept))
    )

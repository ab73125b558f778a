"""Checksums of files that are to change: where they stand, they must change too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from patcher import git
from patcher.results import ChangedFile, Located

_HEX = ("md5", "sha1", "sha256", "sha512")
_BASE64 = ("sha256", "sha384", "sha512")
"""Of Subresource Integrity (https://www.w3.org/TR/SRI/), in which npm and Nix write them too."""

_MOST = 3
"""Places that a finding's reason names."""

_MOST_KEPT = 100
"""Places that are evidence; a file may be one checksum over and over."""

_MOST_BYTES = 1 << 20
"""Of the places that the findings of one commit name, in all."""


def noted(
    repository: git.Repository,
    commit: str,
    files: Sequence[ChangedFile],
    findings: Sequence[Located],
    *,
    jobs: int | Callable[[], int] = 1,
    shared: git.Objects | None = None,
) -> list[Located]:
    """The findings; one whose file is to change says where in ``commit`` a checksum of the file's
    present content stands. Of ``jobs`` and ``shared`` see `git.search`."""
    contents = {file.path: file.old_oid for file in files}
    digests: dict[bytes, tuple[str, str]] = {}
    notes: dict[str, _Notes] = {}
    for file in files:
        if file.old_oid not in notes:
            notes[file.old_oid] = _Notes()
            digests |= {digest: (file.old_oid, name) for name, digest in _digests(file.old)}
    for located in findings:
        if located.finding.edit is not None:
            notes[contents[located.path]].findings += 1
    left = _MOST_BYTES
    for place, line, digest in git.mentions(repository, commit, digests, jobs=jobs, shared=shared):
        content, name = digests[digest]
        left -= notes[content].add(name, place, line, left)
    return [
        located if located.finding.edit is None else _with(located, notes[contents[located.path]])
        for located in findings
    ]


@dataclass(slots=True)
class _Notes:
    """Where the checksums of one content stand."""

    findings: int = 0
    """Those that name the places."""
    kept: list[str] = field(default_factory=list)
    more: int = 0

    def add(self, name: str, place: bytes, line: int, most: int) -> int:
        """Note a place, unless it takes more than ``most`` bytes; how many it takes."""
        note = f"{name} in {git.printable(place)}:{line}"
        size = len(note) * self.findings
        if len(self.kept) < _MOST_KEPT and size <= most:
            self.kept.append(note)
            return size
        self.more += 1
        return 0


def _digests(content: bytes) -> Iterable[tuple[str, bytes]]:
    import base64
    import hashlib

    for name in _HEX:
        yield name, hashlib.new(name, content, usedforsecurity=False).hexdigest().encode()
    for name in _BASE64:
        digest = hashlib.new(name, content, usedforsecurity=False).digest()
        yield name, base64.b64encode(digest)


def _with(located: Located, notes: _Notes) -> Located:
    finding = located.finding
    told = tuple(f"its {name} stands in {place}" for name, place in map(_parts, notes.kept))
    shown = told[:_MOST]
    left = len(notes.kept) + notes.more - len(shown)
    if not shown and not left:
        return located
    more = f" (and {left} more)" if left else ""
    where = "; ".join(shown) or "its checksum stands elsewhere"
    reason = f"{finding.reason}; {where}{more}, which is not changed"
    finding = replace(finding, reason=reason, evidence=(*finding.evidence, *told))
    return replace(located, finding=finding, checksums=tuple(notes.kept))


def _parts(note: str) -> tuple[str, str]:
    name, _in, place = note.partition(" in ")
    return name, place

"""Read the blobs of files, and see whether they match."""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from patcher.git.objects import ANOTHER, ObjectHeader, Objects, unshared
from patcher.git.tree_search.known import TreeFile
from patcher.git.tree_search.query import Query
from patcher.git.values import Blob

if TYPE_CHECKING:
    import hashlib

# Larger blobs are not even streamed; at about 250 MB/s this takes a second.
_STREAM = 256 << 20

# What of the last line of one piece is looked at again with the next one.
_OVERLAP = 1 << 16

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks of the one kind of text that holds NUL bytes."""


class Look:
    """Looks at files, and keeps what came of it."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self.matched: set[bytes] = set()
        """The ids of the blobs that match."""
        self.doubtful: set[bytes] = set()
        """Those that could not be read, or are over the size limit."""
        self.unsure = False
        """Whether something was skipped that may not fit its id."""

    def at(self, objects: Objects, files: Iterable[TreeFile]) -> Iterator[Blob]:
        """Read the files, and yield the text ones that match or cannot be read."""
        asked: list[TreeFile] = []
        skipped: set[bytes] = set()  # the same blob may stand at a million paths

        def names() -> Iterator[bytes]:
            for file in files:
                if file.oid not in skipped:
                    asked.append(file)
                    yield hexlify(file.oid)

        answered = 0
        for header in objects.read(names(), self._query.max_bytes):
            file = asked[answered]
            answered += 1
            if answered > 4096:
                del asked[:answered]
                answered = 0
            blob = self._blob(objects, header, file)
            if blob is None:
                skipped.add(file.oid)
                continue
            (self.doubtful if blob.content is None else self.matched).add(file.oid)
            yield blob

    def _blob(self, objects: Objects, header: ObjectHeader, file: TreeFile) -> Blob | None:
        if header.kind == "blob" and header.content is not None:
            content = header.content
            if self._query.is_binary(content) and not content.startswith(_UTF16):
                return None
            always = file.path.rpartition(b"/")[2] in self._query.always
            if not (always or self._query.matches(content)):
                return None
            return Blob(file.path, file.mode, header.oid, header.size, content, None)
        # From here on it is not known what the id stands for, unless it is seen below.
        if objects.shared and not (header.kind == "blob" and header.size <= _STREAM):
            raise unshared(header)
        if header.kind == "blob":
            return self._large(objects, header, file)
        self.unsure |= header.content is None
        return Blob(file.path, file.mode, header.oid, None, None, _why_no_file(header))

    def _large(self, objects: Objects, header: ObjectHeader, file: TreeFile) -> Blob | None:
        """Look at a blob over the size limit, piece by piece."""
        limit = f"{_shown(header.size)} is over the size limit of {_shown(self._query.max_bytes)}"
        blob = Blob(file.path, file.mode, header.oid, header.size, None, limit)
        if header.size > _STREAM:
            self.unsure = True
            if self._query.is_binary(next(objects.chunks(), b"")):
                return None
            return replace(blob, problem=f"{limit}; not searched")
        hashed = header.hash()
        found = _streamed_match(objects.chunks(), self._query, hashed)
        if hashed.hexdigest() == header.oid:
            return blob if found else None
        objects.distrust()
        if objects.shared:
            raise unshared(header)
        self.unsure = True
        return replace(blob, size=None, problem=f"its content cannot be read: {ANOTHER}")


def _why_no_file(header: ObjectHeader) -> str:
    if header.kind == "missing":
        return "its content is not in the repository (a partial clone, or damage): fetch it"
    if header.kind == "unreadable":
        return f"its content cannot be read: {header.error}"
    return f"its content is a {header.kind}, not a file: run git fsck"


def _shown(size: int) -> str:
    return f"{size / (1 << 20):.4g} MiB" if size >= 1 << 20 else f"{size} bytes"


def _streamed_match(chunks: Iterable[bytes], query: Query, hashed: hashlib._Hash) -> bool:
    """Whether a text that comes in pieces matches. A line longer than `_OVERLAP` may be cut where
    two pieces meet."""
    rest = b""
    found = binary = False
    for chunk in chunks:
        hashed.update(chunk)
        piece = rest + chunk
        binary = binary or query.is_binary(piece)
        if not found and not binary:
            found = query.matches(piece)
            rest = piece[max(piece.rfind(b"\n") + 1, len(piece) - _OVERLAP) :]
    return found and not binary

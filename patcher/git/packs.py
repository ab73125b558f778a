"""New objects: built in memory as one pack, and stored in a repository that nobody vouched for.

A pack takes half the time of loose objects, since two files reach the disk and not one for each
object. It comes with a ``.keep`` file, so that a `git gc --prune=now` of the user's leaves it alone
until a ref names what is in it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence

from patcher.git.errors import GitError
from patcher.git.identity import own_configuration
from patcher.git.regular import check_objects
from patcher.git.runner import run
from patcher.git.scratch import UNFINISHED, scratch
from patcher.git.small import read_small
from patcher.git.values import Repository
from patcher.text import printable

COMMIT, TREE, BLOB = 1, 2, 3
_KINDS = {COMMIT: b"commit", TREE: b"tree", BLOB: b"blob"}

# Pack and index must outlive a power cut before a ref names what they hold; by default git leaves
# the index to the system. (The other names are those of git before 2.36, which always waits.)
_DURABLE = {"core.fsync": "committed,pack-metadata"}

_KEPT_BY = b"patcher"


class Pack:
    """New objects, as git's pack format has them (gitformat-pack(5)), without deltas."""

    def __init__(self, hexsize: int) -> None:
        self.hexsize = hexsize
        self._objects: dict[bytes, bytes] = {}

    def _digest(self, content: bytes) -> bytes:
        """Return the digest by which the repository names content."""
        import hashlib

        kind = hashlib.sha1 if self.hexsize == 40 else hashlib.sha256
        return kind(content, usedforsecurity=False).digest()

    def add(self, kind: int, content: bytes) -> bytes:
        """Add an object, and return its binary id."""
        import zlib

        oid = self._digest(_KINDS[kind] + b" %d\0" % len(content) + content)
        if oid not in self._objects:
            size = len(content) >> 4
            head = [kind << 4 | len(content) & 15]
            while size:
                head[-1] |= 0x80
                head.append(size & 0x7F)
                size >>= 7
            self._objects[oid] = bytes(head) + zlib.compress(content, 1)
        return oid

    def stream(self) -> bytes:
        """Return the whole pack."""
        parts = [b"PACK", (2).to_bytes(4, "big"), len(self._objects).to_bytes(4, "big")]
        body = b"".join([*parts, *self._objects.values()])
        return body + self._digest(body)


class Store:
    """Stores packs in one repository; leaving the ``with`` block gives them up to `git gc`.

    By then a ref names what they hold, or nothing ever will. Entering it raises `GitError` where
    git would write elsewhere.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._objects = f"{repository.common_dir}/objects"
        self._keeps: list[str] = []

    def add(self, pack: Pack) -> None:
        """Store a pack. Raises `GitError` where git cannot."""
        check_objects([self._objects])
        try:
            output = run(
                ["index-pack", "--stdin", f"--keep={_KEPT_BY.decode()}"],
                git_dir=scratch(pack.hexsize),
                stdin=pack.stream(),
                config=_DURABLE | {"pack.threads": "1"} | _sharing(self._repository),
                extra={"GIT_OBJECT_DIRECTORY": self._objects},
            )
        except GitError as error:
            raise GitError(f"the new objects were not written: {error}") from None
        name = output.decode("ascii", "replace").split("\t")[-1].strip()
        self._keeps.append(f"{self._objects}/pack/pack-{name}.keep")

    def __enter__(self) -> Store:
        _check_no_links(self._objects)
        return self

    def __exit__(self, *_: object) -> None:
        if self._keeps:
            self._keeps += _abandoned(f"{self._objects}/pack")
        for keep in self._keeps:
            with contextlib.suppress(OSError):
                if _is_ours(keep):
                    os.unlink(keep)  # noqa: PTH108


def _check_no_links(objects: str) -> None:
    """Raise `GitError` where objects of a repository lie elsewhere: what is written through a link
    goes there, and what is read through one does not come from the repository."""
    entries = [*_entries(objects), *_entries(f"{objects}/pack")]
    links = [entry.path for entry in entries if entry.is_symlink()]
    if os.path.islink(objects):  # noqa: PTH114
        links = [objects]
    if links:
        raise GitError(
            f"{printable(links[0])} is a symbolic link: patcher writes only where all objects of "
            f"the repository lie in it; put the files in its place, then run again"
        )


def _entries(folder: str) -> Sequence[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _abandoned(folder: str) -> Iterator[str]:
    """Yield the ``.keep`` files that a killed process left behind; patcher needs its own for
    moments."""
    for entry in _entries(folder):
        if entry.name.endswith(".keep"):
            with contextlib.suppress(OSError):
                if time.time() - entry.stat(follow_symlinks=False).st_mtime > UNFINISHED:
                    yield entry.path


def _is_ours(keep: str) -> bool:
    return (read_small(keep, 100, links=False) or b"").strip() == _KEPT_BY


def _sharing(repository: Repository) -> dict[str, str]:
    """Return the configuration that says who may write to the objects of a repository that several
    people share."""
    key = "core.sharedrepository"
    return dict(own_configuration(repository, f"^{key}$", (b"sharedrepository",)))

"""The tree objects of a commit, within bounds."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from patcher.git.errors import BoundExceeded
from patcher.git.limits import time_left
from patcher.git.objects import (
    MAX_TREE,
    ObjectHeader,
    Objects,
    is_directory,
    is_file,
    is_gitlink,
    mode_of,
    tree_content,
    tree_entries,
    unshared,
)
from patcher.git.tree_search.known import MOST_GITLINKS, Known, Recalled, TreeFile
from patcher.git.turns import large

MAX_ENTRIES = 5_000_000
"""Entries that a commit's whole tree may have, each path counted."""

MAX_PATH = 4_096
"""Bytes of a path; what is longer cannot be checked out on Linux (``PATH_MAX``)."""

MAX_TREES = 96 << 20
"""Bytes that all distinct tree objects of a commit may take in memory; a million files take 40 MB,
and each folder `_TREE_COST` more."""

_LARGE = 2 << 20
"""Bytes of the trees of a commit; 50,000 entries."""

_MOST_NAMED = 8 << 20
"""Bytes of the paths that `Tree.named` gives: more than a search may take."""

_TREE_COST = 500
_MOST_COMMIT = 1 << 20
_TREE_OF = re.compile(rb"tree ([0-9a-f]{40}(?:[0-9a-f]{24})?)\n")

_SAMPLED = 200_000
"""Entries from which on different files are not counted but estimated from a sample."""


class _Below(NamedTuple):
    """What lies right below a tree."""

    entries: int
    longest: int
    """Bytes of the longest name."""
    folders: dict[bytes, tuple[int, int]]
    """By the object id of a folder how often it is there, and its longest name."""
    links: int
    """Gitlinks: commits of other repositories."""

    @classmethod
    def of(cls, entries: Sequence[tuple[bytes, bytes, bytes]]) -> _Below:
        folders: dict[bytes, tuple[int, int]] = {}
        for mode, name, oid in entries:
            if is_directory(mode):
                number, length = folders.get(oid, (0, 0))
                folders[oid] = number + 1, max(length, len(name))
        longest = max((len(name) for _, name, _ in entries), default=0)
        modes = set(filter(is_gitlink, set(map(itemgetter(0), entries))))
        links = sum(mode in modes for mode, _, _ in entries) if modes else 0
        return cls(len(entries), longest, folders, links)


def _too_long() -> BoundExceeded:
    return BoundExceeded(f"its tree has a path longer than {MAX_PATH} bytes")


class Tree:
    """All distinct tree objects of a commit, by binary id, raw: 35 bytes an entry. Those that are
    known are not read."""

    def __init__(self, objects: Objects, known: Known) -> None:
        self.known = known
        self.root = b""
        self.recalled: dict[bytes, Recalled] = {}
        self.totals: dict[bytes, tuple[int, int]] = {}
        """Entries and the longest path below each tree; leaves first. See `check`."""
        self.links: dict[bytes, int] = {}
        """The number of gitlinks below each tree that has some, each path counted."""
        self._objects = objects
        self.hexsize = objects.hexsize
        self._trees: dict[bytes, bytes] = {}
        self._below: dict[bytes, _Below] = {}
        self._distinct = 0

    def read(self, commit: str, progress: Callable[[int], None]) -> None:
        """Read level by level; ``progress`` is called with the number of distinct entries so
        far."""
        root = self._read_root(commit)
        if root is None:
            return
        content = tree_content(root)
        self.root = bytes.fromhex(root.oid)
        self._trees[self.root] = content
        level = [(self.root, content)]
        size = depth = 0
        while level:
            depth += 1
            if depth > MAX_PATH // 2:
                raise _too_long()
            size += sum(len(data) + _TREE_COST for _, data in level)
            wanted = self._note(level)
            if size > MAX_TREES:
                raise BoundExceeded(f"its trees are over the limit of {MAX_TREES >> 20} MiB")
            large(size, _LARGE)
            recalled = self.known.recall(wanted, self.hexsize) if wanted else {}
            if not recalled:
                self.known.end()
            self.recalled |= recalled
            progress(self._distinct)
            level = []
            left = [oid for oid in wanted if oid not in recalled]
            names = (oid.hex().encode() for oid in left)
            for oid, header in zip(left, self._objects.read(names, MAX_TREE), strict=True):
                content = tree_content(header)
                self._trees[oid] = content
                level.append((oid, content))

    def _read_root(self, commit: str) -> ObjectHeader | None:
        """The root of the commit; None where it is known."""
        header = self._objects.one(commit.encode(), _MOST_COMMIT)
        named = _TREE_OF.match(header.content or b"") if header.kind == "commit" else None
        if named is not None:
            self.root = bytes.fromhex(named[1].decode())
            self.recalled = self.known.recall([self.root], self.hexsize)
            return None if self.recalled else self._objects.one(named[1], MAX_TREE)
        if self._objects.shared:
            raise unshared(header)
        self.known.memory = None
        return self._objects.one(f"{commit}^{{tree}}".encode(), MAX_TREE)

    def _note(self, level: Sequence[tuple[bytes, bytes]]) -> Collection[bytes]:
        """Note what lies right below the trees of a level; the trees to read next."""
        wanted: dict[bytes, None] = {}
        for oid, data in level:
            time_left()
            below = self._below[oid] = _Below.of(tree_entries(data, self.hexsize))
            self._distinct += below.entries
            for child in below.folders:
                if child not in self._trees and child not in self.recalled:
                    wanted[child] = None
        return wanted

    def check(self) -> int:
        """The number of entries, each path counted, within the bounds: a few small trees that hold
        each other many times over can stand for billions of paths."""
        totals = self.totals
        stack = [(self.root, False)]
        while stack:
            time_left()
            oid, below_is_known = stack.pop()
            if oid in totals:
                continue
            if oid in self.recalled:
                recalled = self.recalled[oid]
                total, longest, links = recalled.total, recalled.longest, recalled.links
            else:
                total, longest, folders, links = self._below[oid]
                if not below_is_known:
                    stack.append((oid, True))
                    stack.extend((child, False) for child in folders if child not in totals)
                    continue
                for child, (number, length) in folders.items():
                    total += number * totals[child][0]
                    longest = max(longest, length + 1 + totals[child][1])
                    links += number * self.links.get(child, 0)
            if total > MAX_ENTRIES:
                raise BoundExceeded(f"its tree has more than {MAX_ENTRIES} entries")
            if longest > MAX_PATH:
                raise _too_long()
            totals[oid] = (total, longest)
            if links:
                self.links[oid] = links
        return totals[self.root][0]

    def distinct_files(self, total: int) -> int:
        """About how many different files there are among ``total`` entries: of many, a sample that
        nobody can foresee says it."""
        if total < _SAMPLED:
            return self._distinct
        chosen = os.urandom(1)[0]
        found = {
            oid
            for data in self._trees.values()
            for _, _, oid in tree_entries(data, self.hexsize)
            if oid[-1] == chosen
        }
        return 256 * len(found)

    def entries(self, oid: bytes) -> list[tuple[bytes, bytes, bytes]]:
        """Mode, name and object id of what lies right below a tree that was read."""
        return tree_entries(self._trees[oid], self.hexsize)

    def named(self, names: Collection[bytes]) -> Iterator[bytes]:
        """The paths of regular files with one of the names, in the trees that were read."""
        sought = [b" %b\0" % name for name in names]
        leading: set[bytes] = set()
        for oid in self.totals:  # leaves first
            data = self._trees.get(oid)
            if data is not None and (
                any(name in data for name in sought)
                or not leading.isdisjoint(self._below[oid].folders)
            ):
                leading.add(oid)
        stack = [(b"", self.root)] if self.root in leading else []
        size = 0
        while stack and size < _MOST_NAMED:
            folder, oid = stack.pop()
            for mode, name, child in self.entries(oid):
                if is_directory(mode) and child in leading:
                    stack.append((folder + name + b"/", child))
                elif name in names and is_file(mode):
                    size += len(folder + name)
                    yield folder + name

    def gitlinks(self, wanted: Callable[[bytes], bool] | None) -> list[bytes]:
        """The paths of the first gitlinks that are wanted."""
        return list(islice(filter(wanted or bool, self._gitlinks()), MOST_GITLINKS))

    def _gitlinks(self) -> Iterator[bytes]:
        stack = [(b"", self.root)] if self.root in self.links else []
        while stack:
            time_left()
            folder, oid = stack.pop()
            if oid in self.recalled:
                yield from (folder + path for path in self.recalled[oid].gitlinks)
                continue
            for mode, name, child in self.entries(oid):
                if is_gitlink(mode):
                    yield folder + name
                elif is_directory(mode) and child in self.links:
                    stack.append((folder + name + b"/", child))

    def files(
        self,
        wanted: Callable[[bytes], bool] | None,
        leads_on: Callable[[bytes], bool] = lambda folder: True,
    ) -> Iterator[TreeFile]:
        """Every regular file, in tree order; of the trees that are known, those that match. Nothing
        below folders for which ``leads_on`` is false."""
        stack = [(b"", iter([(b"40000", b"", self.root)]))]
        while stack:
            time_left()
            folder, entries = stack[-1]
            for mode, name, oid in entries:
                if is_file(mode):
                    path = folder + name
                    if wanted is None or wanted(path):
                        yield TreeFile(path, mode_of(mode), oid)
                elif is_directory(mode):
                    inside = folder + name + b"/" if name else folder
                    if not leads_on(inside):
                        continue
                    recalled = self.recalled.get(oid)
                    if recalled is None:
                        stack.append((inside, iter(self.entries(oid))))
                        break
                    for hit in recalled.hits:
                        path = inside + hit.path
                        if wanted is None or wanted(path):
                            yield TreeFile(path, hit.mode, hit.oid)
            else:
                stack.pop()

"""What is remembered of trees: which files below each match."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple, Protocol

from patcher.git.scope import EVERYWHERE, scope_of
from patcher.git.values import Repository

_SCOPE = len(EVERYWHERE)

TREE = b"t"
"""What begins the key of a tree."""

HIT_COST = 40
"""Bytes that a file takes in a record besides its path."""

MOST_GITLINKS = 20
"""Gitlinks below a tree whose paths are kept."""

_GITLINK = 2
"""In the place of a file's executable bit: the path is a gitlink's."""

_AT_ONCE = 400
"""Trees that the memory is asked for at once."""

_MOST_RECALLED = 8 << 20
"""Bytes that are recalled of the trees of one commit."""


class Memory(Protocol):
    """What is remembered of trees, for one set of patterns and limits."""

    def recall(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The values of those keys that are known."""
        ...

    def remember(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep keys and values, in place of what is there."""
        ...

    def settled(self, scope: bytes) -> None:
        """Called once when the search ends, with the scope in which its result may be remembered:
        `EVERYWHERE`, or what `scope_of` gives for the repository."""
        ...


class TreeFile(NamedTuple):
    """A regular file in a tree."""

    path: bytes
    mode: str
    oid: bytes


class Recalled:
    """What is remembered of one tree: entries, the longest path and the number of gitlinks below
    it, the files that match, and the paths of the first gitlinks."""

    __slots__ = ("gitlinks", "hits", "links", "longest", "scope", "total")

    def __init__(self, value: bytes, hexsize: int) -> None:
        size = hexsize // 2
        self.scope = value[:_SCOPE]
        self.total = int.from_bytes(value[_SCOPE : _SCOPE + 4], "big")
        self.longest = int.from_bytes(value[_SCOPE + 4 : _SCOPE + 6], "big")
        self.links = int.from_bytes(value[_SCOPE + 6 : _SCOPE + 10], "big")
        self.hits: list[TreeFile] = []
        self.gitlinks: list[bytes] = []
        at = _SCOPE + 10
        while at < len(value):
            start = at + size + 5
            end = start + int.from_bytes(value[start - 4 : start], "big")
            if value[at] == _GITLINK:
                self.gitlinks.append(value[start:end])
            else:
                mode = "100755" if value[at] else "100644"
                self.hits.append(TreeFile(value[start:end], mode, value[at + 1 : at + 1 + size]))
            at = end


def record(
    scope: bytes,
    counted: tuple[int, int, int],
    hits: Iterable[TreeFile],
    gitlinks: Iterable[bytes],
    hexsize: int,
) -> bytes:
    """What `Recalled` reads. ``counted``: the entries, the longest path and the gitlinks."""
    total, longest, links = counted
    parts = [scope, total.to_bytes(4, "big"), longest.to_bytes(2, "big"), links.to_bytes(4, "big")]
    for hit in hits:
        executable = b"\1" if hit.mode == "100755" else b"\0"
        parts += [executable, hit.oid, len(hit.path).to_bytes(4, "big"), hit.path]
    for path in gitlinks:
        parts += [bytes((_GITLINK,)), bytes(hexsize // 2), len(path).to_bytes(4, "big"), path]
    return b"".join(parts)


class Known:
    """What is remembered of the trees of one repository."""

    def __init__(self, memory: Memory | None, repository: Repository) -> None:
        self.memory = memory
        self.any = False
        """Whether trees are known, or were seen elsewhere: reading what is left is faster than
        searching all, and makes it known everywhere."""
        self.usable = False
        """Whether there are trees that need not be read."""
        self.is_mirror = repository.address is not None
        """Whether our own git gave the objects their ids."""
        self.own = False
        """Whether something was recalled that is valid for this repository alone."""
        self._repository = repository
        self._looking = memory is not None
        self._left = _MOST_RECALLED

    @functools.cached_property
    def scope(self) -> bytes:
        """Stands for this repository alone."""
        return scope_of(self._repository)

    def recall(self, oids: Iterable[bytes], hexsize: int) -> dict[bytes, Recalled]:
        """What is known of the trees of one level. After a level of which nothing is known, nothing
        is looked up any more."""
        if not self._looking or self.memory is None:
            return {}
        found = {}
        keys = iter(TREE + oid for oid in oids)
        while self._left > 0 and (some := list(islice(keys, _AT_ONCE))):
            seen = self.memory.recall(some)
            for key, value in seen.items():
                self._left -= len(value)
                recalled = Recalled(value, hexsize)
                if recalled.scope == EVERYWHERE or recalled.scope == self.scope:
                    self.own = self.own or recalled.scope != EVERYWHERE
                    found[key[1:]] = recalled
            self.any = self.any or bool(seen)
        self.usable = self.usable or bool(found)
        return found

    def end(self) -> None:
        """Nothing below is known."""
        self._looking = False

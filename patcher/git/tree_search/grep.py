"""`git grep` over a large tree, on several threads, while Python reads the trees and looks at the
files that it found already."""

from __future__ import annotations

import contextlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence

from patcher.git.errors import GitError
from patcher.git.objects import Objects
from patcher.git.process import MEMORY_LIMIT, MOST_ERRORS, Process
from patcher.git.tree_search.known import Known, TreeFile
from patcher.git.tree_search.query import Query
from patcher.git.tree_search.trees import Tree

# From this many distinct entries on, `git grep` is faster, though it takes a second process.
GREP_FROM = 600

# Up to this many times as many paths as distinct entries, `git grep`, which reads the same blob
# again for each path, is no waste.
_REPEATED = 4

_MOST_PATHS = 8 << 20
"""Bytes of the paths that `git grep` gives. Where they are more, Python looks at the blobs, and
whoever asked breaks off when there are too many."""

_SHARE = 8
"""So small a share of the paths that were looked up already are looked up together, at least. Each
time the trees above them are walked again, so all of it stays linear."""

_UNREADABLE = re.compile(rb"error: '.*': unable to read ([0-9a-f]{40,64})", re.DOTALL)


class Grep:
    """A `git grep` that may be started."""

    def __init__(
        self,
        objects: Objects,
        commit: str,
        patterns: Sequence[bytes],
        jobs: int | Callable[[], int],
        known: Known,
    ) -> None:
        if any(b"\n" in pattern for pattern in patterns):
            raise ValueError("a pattern is one line")
        self._objects = objects
        self._commit = commit
        self._patterns = patterns
        self._jobs = jobs
        self._known = known
        self._process: Process | None = None
        self.doubtful: set[bytes] | None = None
        """The binary ids of blobs that git could not read, once it has ended well. None when it did
        not: git without PCRE, out of memory, out of time, a corrupt object."""
        self._met: set[bytes] = set()
        """The paths of files that `files` gave."""

    @property
    def is_started(self) -> bool:
        """Whether it was started."""
        return self._process is not None

    def start_if_worth(self, distinct: int) -> None:
        """Start it where it is faster than to read what is not known, of so many entries."""
        if distinct <= GREP_FROM or self.is_started or not self._patterns:
            return
        known = self._known
        if known.usable or (known.any and not known.is_mirror):
            return
        threads = self._jobs if isinstance(self._jobs, int) else self._jobs()
        # On one thread it is no faster, and what Python read is valid everywhere.
        if known.memory is None or known.is_mirror or threads > 1:
            self._start(threads)

    def _start(self, threads: int) -> None:
        self._objects.check()
        command = ["grep", f"--threads={max(1, threads)}", "-l", "-z", "-a", "--full-name"]
        command += ["--no-color", "-P", "-f", "-", self._commit, "--"]
        self._process = Process(command, self._objects.environment(), memory=MEMORY_LIMIT)
        # git waits for the patterns, so it reads nothing before its memory is limited.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(b"\n".join(self._patterns) + b"\n")
        self._process.stdin.close()

    def is_worth(self, total: int, tree: Tree) -> bool:
        """Whether the answer is worth waiting for, of a tree with ``total`` entries."""
        return total <= _REPEATED * tree.distinct_files(total)

    def files(self, tree: Tree, query: Query) -> Iterator[Iterator[TreeFile]]:
        """The files that git found or could not read, and those always wanted; some at a time, in
        tree order, while git looks for more. Only when it has ended well are they all."""
        always = sorted(tree.named(query.always))
        for paths in self._paths():
            number = bisect_right(always, paths[-1])
            yield self._located(tree, [*paths, *always[:number]], query.wanted)
            del always[:number]
        doubtful = self.doubtful
        if doubtful is not None:
            yield self._located(tree, always, query.wanted)
        if doubtful:
            yield (file for file in self.rest(tree, query) if file.oid in doubtful)

    def rest(self, tree: Tree, query: Query) -> Iterator[TreeFile]:
        """Every file that `files` did not give."""
        return (file for file in tree.files(query.wanted) if file.path not in self._met)

    def _paths(self) -> Iterator[list[bytes]]:
        """The paths that match, as git finds them."""
        assert self._process is not None
        prefix = self._commit.encode() + b":"
        paths: list[bytes] = []
        size = given = 0
        rest = b""
        try:
            while self._process.has_output() and (piece := self._process.stdout.read(1 << 16)):
                size += len(piece)
                *found, rest = (rest + piece).split(b"\0")
                if size > _MOST_PATHS or not all(path.startswith(prefix) for path in found):
                    return
                paths += [path.removeprefix(prefix) for path in found]
                if paths and len(paths) * _SHARE >= given:
                    given += len(paths)
                    yield paths
                    paths = []
            status = self._process.wait()
        except GitError:
            return
        if paths:
            yield paths
        if not rest:
            self.doubtful = self._unreadable(status)

    def _unreadable(self, status: int) -> set[bytes] | None:
        """The ids of what git could not read; None for any other error."""
        assert self._process is not None
        errors = self._process.errors()
        if status not in (0, 1) or len(errors) >= MOST_ERRORS:
            return None
        doubtful = set()
        for line in errors.splitlines():
            match = _UNREADABLE.fullmatch(line)
            if match is None:
                return None
            doubtful.add(bytes.fromhex(match[1].decode()))
        return doubtful

    def _located(
        self, tree: Tree, paths: Sequence[bytes], wanted: Callable[[bytes], bool] | None
    ) -> Iterator[TreeFile]:
        """The files at ``paths`` that are wanted and were not met yet."""
        sought = set(paths if wanted is None else filter(wanted, paths)) - self._met
        ordered = sorted(sought)

        def leads_on(folder: bytes) -> bool:
            at = bisect_left(ordered, folder)
            return at < len(ordered) and ordered[at].startswith(folder)

        met = set()
        for file in tree.files(None, leads_on) if sought else ():
            if file.path in sought:
                met.add(file.path)
                yield file
        if met != sought:
            raise GitError("the repository holds a corrupt tree object: run git fsck")
        self._met |= met

    def close(self) -> None:
        """End it, whatever it is doing."""
        if self._process is not None:
            self._process.close()

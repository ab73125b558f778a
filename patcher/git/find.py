"""Search the tree of a commit, through git objects.

Small trees are read whole by one `git cat-file --batch`, and Python looks at each blob. For large
ones `git grep` looks at the blobs, on several threads, while Python reads the trees. Both give the
same answer; whatever `git grep` could not read is looked at the first way.

Which files below a tree match depends on the tree's id alone, so it can be remembered (`Memory`).
What Python read fits its ids, and counts wherever a tree with that id stands. What `git grep` said
counts in the same repository alone: git does not look whether an object fits its id, and a hostile
repository could make an affected file that others have pass for a clean one.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
from binascii import hexlify
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

from patcher.git.errors import BoundExceeded, GitError
from patcher.git.objects import (
    ANOTHER,
    MAX_TREE,
    Header,
    Objects,
    is_directory,
    is_file,
    mode_of,
    tree_content,
    tree_entries,
)
from patcher.git.runner import MEMORY_LIMIT, MOST_ERRORS, TIMEOUT, Process, time_left
from patcher.git.values import Blob, Repository

if TYPE_CHECKING:
    import hashlib

MAX_ENTRIES = 5_000_000
"""Entries that a commit's whole tree may have, each path counted."""

MAX_PATH = 4_096
"""Bytes of a path; what is longer cannot be checked out on Linux (``PATH_MAX``)."""

MAX_TREES = 96 << 20
"""Bytes that all distinct tree objects of a commit may take in memory; a million files take 40 MB,
and each folder `_TREE_COST` more."""

_TREE_COST = 500

# From this many distinct entries on, `git grep` is faster, though it takes a second process.
GREP_FROM = 600

# Up to this many times as many paths as distinct entries, `git grep`, which reads the same blob
# again for each path, is no waste.
_REPEATED = 4

_SAMPLED = 200_000
"""Entries from which on that is worth a count of the files."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks of the one kind of text that holds NUL bytes."""

# Larger blobs are not even streamed; at about 250 MB/s this takes a second.
_STREAM = 256 << 20


class Memory(Protocol):
    """What is remembered of trees, for one set of patterns and limits."""

    def recall(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The values of those keys that are known."""
        ...

    def remember(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep keys and values, in place of what is there."""
        ...

    def settled(self, scope: bytes) -> None:
        """Is told at the end of a search for whom it counts: `EVERYWHERE`, or what `scope_of` gives
        for the repository."""
        ...


def search(
    repository: Repository,
    commit: str,
    *,
    patterns: Sequence[bytes],
    matches: Callable[[bytes], bool] | None = None,
    wanted: Callable[[bytes], bool] | None = None,
    max_bytes: int,
    jobs: int | Callable[[], int] = 1,
    timeout: float = TIMEOUT,
    meanwhile: Callable[[], object] | None = None,
    shared: Objects | None = None,
    memory: Memory | None = None,
    complete: Callable[[Sequence[str]], object] | None = None,
    own: bool = False,
    digests: Memory | None = None,
    is_binary: Callable[[bytes], bool] = lambda content: b"\0" in content,
) -> Iterator[Blob]:
    """Yield, in tree order, the regular files of ``commit`` that have a line matching a pattern.

    ``patterns`` are regular expressions that mean the same to PCRE and to Python, and match within
    a line; several are faster than one that joins them. ``matches`` says the same of a whole
    content, where that is faster than Python's engine. Files for which ``wanted(path)`` is false
    are passed over, as are those for which ``is_binary(content)``, save UTF-16. A file that matches
    but is larger than ``max_bytes``, or that cannot be read (missing from a partial clone,
    corrupt), comes with a `Blob.problem`. ``jobs`` is the number of threads, asked for when it
    matters, ``timeout`` the seconds that each git process may take.

    ``shared`` reads several repositories, this one among them; then `GitError` is raised for what
    cannot be read, since whose it is shows only when each is read alone. ``memory`` says what is
    known of trees, and is told what is new once the search is at its end. ``complete`` fetches
    blobs that are missing, by their object ids. ``own``: it is a mirror of ours, in which our own
    git gave the objects their ids. (That those read here fit theirs says nothing of what `git grep`
    would read: an object may lie in a repository several times.) ``digests`` is told, of files that
    are read anyway, what `mentions` would have to find out.
    """
    if any(b"\n" in pattern for pattern in patterns):
        raise ValueError("a pattern is one line")
    yield from _search(
        repository,
        commit,
        _Sought(tuple(patterns), matches or _matcher(tuple(patterns)), is_binary),
        wanted=wanted,
        max_bytes=max_bytes,
        jobs=jobs,
        timeout=timeout,
        meanwhile=meanwhile,
        shared=shared,
        memory=memory,
        complete=complete,
        own=own,
        digests=digests,
    )


class _Sought(NamedTuple):
    """What makes a file matter."""

    patterns: tuple[bytes, ...]
    """To git."""
    matches: Callable[[bytes], bool]
    """The same, to Python."""
    is_binary: Callable[[bytes], bool] = lambda content: b"\0" in content


def _search(
    repository: Repository,
    commit: str,
    sought: _Sought,
    *,
    wanted: Callable[[bytes], bool] | None = None,
    max_bytes: int,
    jobs: int | Callable[[], int],
    timeout: float = TIMEOUT,
    meanwhile: Callable[[], object] | None = None,
    shared: Objects | None,
    memory: Memory | None,
    complete: Callable[[Sequence[str]], object] | None = None,
    own: bool,
    digests: Memory | None = None,
) -> Iterator[Blob]:
    """As `search` says."""
    look = _Look(sought, max_bytes)
    alone = Objects(repository.common_dir / "objects", hexsize=len(commit), timeout=timeout)
    objects = shared if shared is not None and shared.hexsize == len(commit) else alone
    with alone:
        tree = _Tree(objects, _Known(memory, repository))
        grep = _Grep(alone, commit, sought.patterns, timeout)

        def progress(entries: int) -> None:
            if entries <= GREP_FROM or grep.process is not None or complete is not None:
                return
            if tree.known.usable or (tree.known.any and not own):
                return
            threads = jobs if isinstance(jobs, int) else jobs()
            # On one thread it is no faster, and what Python read is known everywhere.
            if memory is None or own or threads > 1:
                grep.start(threads)

        try:
            tree.read(commit, progress)
            total = tree.check()
            if wanted is not None or total <= GREP_FROM:  # it costs more than to read them again
                digests = None
            look.for_digests = digests is not None
            answer = None
            if grep.process is not None and meanwhile is not None:
                meanwhile()
            if grep.process is not None and total <= _REPEATED * tree.distinct_files(total):
                answer = grep.answer()
        finally:
            grep.close()
        if answer is None:
            files = tree.files(wanted)
        else:
            hits, doubtful = answer
            files = tree.find(hits, doubtful, wanted)
        yield from look.at(objects, files, wait=complete is not None)
        if look.missing and complete is not None:
            alone.close()  # what it has open does not show what comes in
            complete(list({file.oid.hex(): None for file in look.missing}))
            files, look.missing = iter(look.missing), []
            yield from look.at(alone, files)
        sure = own or (answer is None and not look.unsure)
        tree.settle(look.matched, look.doubtful, sure=sure, whole=wanted is None)
        # Only where something matches is there something to change that has checksums.
        if digests is not None and answer is None and look.matched:
            tree.settle_digests(digests, look.digests, look.unread, sure=sure)


class _Look:
    """Looks at files, and keeps what came of it."""

    def __init__(self, sought: _Sought, max_bytes: int) -> None:
        self._sought, self._max_bytes = sought, max_bytes
        self.for_digests = False
        """Whether it is to be noted where a digest may stand."""
        self.matched: set[bytes] = set()
        """The ids of the blobs that match."""
        self.doubtful: set[bytes] = set()
        """Those that could not be read, or only in passing."""
        self.unsure = False
        """Whether something was passed over that may not fit its id."""
        self.missing: list[_File] = []
        self.digests: set[bytes] = set()
        """The ids of those in which a digest may stand."""
        self.unread: set[bytes] = set()
        """Those of which it is not known."""

    def at(self, objects: Objects, files: Iterable[_File], *, wait: bool = False) -> Iterator[Blob]:
        """Read the files, and yield the text ones that match or cannot be read; ``wait``: but those
        that are missing are put aside."""
        asked: list[_File] = []
        passed: set[bytes] = set()  # the same blob may stand at a million paths

        def names() -> Iterator[bytes]:
            for file in files:
                if file.oid not in passed:
                    asked.append(file)
                    yield hexlify(file.oid)

        answered = 0
        for header in objects.read(names(), self._max_bytes):
            file = asked[answered]
            answered += 1
            if answered > 4096:
                del asked[:answered]
                answered = 0
            if wait and header.kind == "missing":
                self.missing.append(file)
                continue
            blob = self._blob(objects, header, file)
            if blob is None:
                passed.add(file.oid)
                continue
            (self.doubtful if blob.content is None else self.matched).add(file.oid)
            yield blob

    def _blob(self, objects: Objects, header: Header, file: _File) -> Blob | None:
        if header.kind == "blob" and header.content is not None:
            return self._read(header, header.content, file)
        if header.kind != "blob" or header.size <= _MAX_DIGESTS:
            self.unread.add(file.oid)
        # From here on it is not known what the id stands for, unless it is seen below.
        if objects.shared and not (header.kind == "blob" and header.size <= _STREAM):
            raise _unshared(header)
        if header.kind == "blob":
            return self._large(objects, header, file)
        self.unsure |= header.content is None
        return Blob(file.path, file.mode, header.oid, None, None, _why_no_file(header))

    def _read(self, header: Header, content: bytes, file: _File) -> Blob | None:
        if self._sought.is_binary(content) and not content.startswith(_UTF16):
            return None
        if self.for_digests and _has_digest(content):
            self.digests.add(file.oid)
        if self._sought.matches(content):
            return Blob(file.path, file.mode, header.oid, header.size, content, None)
        return None

    def _large(self, objects: Objects, header: Header, file: _File) -> Blob | None:
        """Look at a blob over the size limit, piece by piece."""
        limit = f"{_mib(header.size)} is over the size limit of {_mib(self._max_bytes)}"
        blob = Blob(file.path, file.mode, header.oid, header.size, None, limit)
        if header.size > _STREAM:
            self.unsure = True
            if self._sought.is_binary(next(objects.chunks(), b"")):
                return None
            return replace(blob, problem=f"{limit}; not searched")
        hashed = header.hash()
        found = _streamed_match(objects.chunks(), self._sought, hashed)
        if hashed.hexdigest() == header.oid:
            return blob if found else None
        objects.distrust()
        if objects.shared:
            raise _unshared(header)
        self.unsure = True
        return replace(blob, size=None, problem=f"its content cannot be read: {ANOTHER}")


def _why_no_file(header: Header) -> str:
    if header.kind == "missing":
        return "its content is not in the repository (a partial clone, or damage): fetch it"
    if header.kind == "unreadable":
        return f"its content cannot be read: {header.error}"
    return f"its content is a {header.kind}, not a file: run git fsck"


def _unshared(header: Header) -> GitError:
    return GitError(f"object {header.oid} cannot be read along with other repositories")


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.4g} MiB" if size >= 1 << 20 else f"{size} bytes"


# What of the last line of one piece is looked at again with the next one.
_OVERLAP = 1 << 16


def _streamed_match(chunks: Iterable[bytes], sought: _Sought, hashed: hashlib._Hash) -> bool:
    """Whether a text that comes in pieces matches. A line longer than `_OVERLAP` may be cut where
    two pieces meet."""
    rest = b""
    found = binary = False
    for chunk in chunks:
        hashed.update(chunk)
        binary = binary or sought.is_binary(chunk)
        if not found and not binary:
            piece = rest + chunk
            found = sought.matches(piece)
            rest = piece[max(piece.rfind(b"\n") + 1, len(piece) - _OVERLAP) :]
    return found and not binary


class _File(NamedTuple):
    path: bytes
    mode: str
    oid: bytes


class _Recalled:
    """What is remembered of one tree: entries and the longest path below it, and the files that
    match."""

    __slots__ = ("hits", "longest", "scope", "total")

    def __init__(self, value: bytes, hexsize: int) -> None:
        size = hexsize // 2
        self.scope = value[:_SCOPE]
        self.total = int.from_bytes(value[_SCOPE : _SCOPE + 4], "big")
        self.longest = int.from_bytes(value[_SCOPE + 4 : _SCOPE + 6], "big")
        self.hits: list[_File] = []
        at = _SCOPE + 6
        while at < len(value):
            start = at + size + 5
            end = start + int.from_bytes(value[start - 4 : start], "big")
            mode = "100755" if value[at] else "100644"
            self.hits.append(_File(value[start:end], mode, value[at + 1 : at + 1 + size]))
            at = end


def _record(scope: bytes, total: int, longest: int, hits: Iterable[_File]) -> bytes:
    parts = [scope, total.to_bytes(4, "big"), longest.to_bytes(2, "big")]
    for hit in hits:
        executable = b"\1" if hit.mode == "100755" else b"\0"
        parts += [executable, hit.oid, len(hit.path).to_bytes(4, "big"), hit.path]
    return b"".join(parts)


_SCOPE = 16
EVERYWHERE = bytes(_SCOPE)
"""The scope of what fits its ids."""

_TREE = b"t"

_MOST_RECORD = 1 << 17
"""Bytes of what is remembered of one tree: the paths of a thousand files that match; real trees
have a few dozen."""

_HIT_COST = 40
"""Bytes of such a file in it besides its path."""

_MOST_RECORDS = 1 << 20
"""The same for all the trees of one commit, which may lie within each other."""

_AT_ONCE = 400
"""Trees that the memory is asked for at once."""

_MOST_RECALLED = 8 << 20
"""Bytes that are recalled of the trees of one commit."""


class _Known:
    """What is remembered of the trees of one repository."""

    def __init__(self, memory: Memory | None, repository: Repository) -> None:
        self.memory = memory
        self.repository = repository
        self.any = False
        """Whether trees are known, or were seen elsewhere: reading what is left is faster than
        searching all, and makes it known everywhere."""
        self.usable = False
        """Whether there are trees that need not be read."""
        self.own = False
        """Whether something was recalled that counts for this repository alone."""
        self._looking = memory is not None
        self._left = _MOST_RECALLED

    @functools.cached_property
    def scope(self) -> bytes:
        """Stands for this repository alone."""
        return scope_of(self.repository)

    def recall(self, oids: Iterable[bytes], hexsize: int) -> dict[bytes, _Recalled]:
        """What is known of trees, level by level; after one of which nothing is known, no more."""
        if not self._looking or self.memory is None:
            return {}
        found = {}
        keys = iter(_TREE + oid for oid in oids)
        while self._left > 0 and (some := list(islice(keys, _AT_ONCE))):
            seen = self.memory.recall(some)
            for key, value in seen.items():
                self._left -= len(value)
                recalled = _Recalled(value, hexsize)
                if recalled.scope == EVERYWHERE or recalled.scope == self.scope:
                    self.own = self.own or recalled.scope != EVERYWHERE
                    found[key[1:]] = recalled
            self.any = self.any or bool(seen)
        self.usable = self.usable or bool(found)
        return found

    def end(self) -> None:
        """Nothing below is known."""
        self._looking = False


def scope_of(repository: Repository) -> bytes:
    """The scope of what counts for one repository on this machine: its place, and what lies there.
    Another one that is put in its place often gets its very inodes, but its configuration was
    written at another time."""
    import hashlib

    place = os.fsencode(repository.common_dir)
    status = os.stat(place)  # noqa: PTH116
    text = b"%d %d %b" % (status.st_dev, status.st_ino, place)
    with contextlib.suppress(OSError):
        status = os.stat(place + b"/config")  # noqa: PTH116
        text += b" %d %d" % (status.st_ino, status.st_ctime_ns)
    return hashlib.sha256(text).digest()[:_SCOPE]


_MOST_COMMIT = 1 << 20
_TREE_OF = re.compile(rb"tree ([0-9a-f]{40}(?:[0-9a-f]{24})?)\n")


class _Below(NamedTuple):
    """What lies right below a tree."""

    entries: int
    longest: int
    """Bytes of the longest name."""
    folders: dict[bytes, tuple[int, int]]
    """By the object id of a folder how often it is there, and its longest name."""

    @classmethod
    def of(cls, entries: Sequence[tuple[bytes, bytes, bytes]]) -> _Below:
        folders: dict[bytes, tuple[int, int]] = {}
        for mode, name, oid in entries:
            if is_directory(mode):
                number, length = folders.get(oid, (0, 0))
                folders[oid] = number + 1, max(length, len(name))
        return cls(len(entries), max((len(name) for _, name, _ in entries), default=0), folders)


def _too_long() -> BoundExceeded:
    return BoundExceeded(f"its tree has a path longer than {MAX_PATH} bytes")


class _Tree:
    """All distinct tree objects of a commit, by binary id, raw: 35 bytes an entry."""

    def __init__(self, objects: Objects, known: _Known) -> None:
        self._objects = objects
        self.known = known
        self._hexsize = objects.hexsize
        self._trees: dict[bytes, bytes] = {}
        self._recalled: dict[bytes, _Recalled] = {}
        self._below: dict[bytes, _Below] = {}
        self._totals: dict[bytes, tuple[int, int]] = {}
        """Entries and the longest path below each tree; leaves first."""
        self._root = b""
        self.distinct = 0

    def read(self, commit: str, progress: Callable[[int], None]) -> None:
        """Read level by level; ``progress`` is told the number of distinct entries so far."""
        header = self._objects.one(commit.encode(), _MOST_COMMIT)
        named = _TREE_OF.match(header.content or b"") if header.kind == "commit" else None
        if named is not None:
            self._root = bytes.fromhex(named[1].decode())
            self._recalled = self.known.recall([self._root], self._hexsize)
            if self._recalled:
                return
            root = self._objects.one(named[1], MAX_TREE)
        elif self._objects.shared:
            raise _unshared(header)
        else:
            self.known.memory = None
            root = self._objects.one(f"{commit}^{{tree}}".encode(), MAX_TREE)
        content = tree_content(root)
        self._root = bytes.fromhex(root.oid)
        size = 0
        level = [(self._root, content)]
        self._trees[self._root] = content
        depth = 0
        while level:
            depth += 1
            if depth > MAX_PATH // 2:
                raise _too_long()
            wanted: dict[bytes, None] = {}
            for oid, data in level:
                time_left()
                size += len(data) + _TREE_COST
                below = self._below[oid] = _Below.of(tree_entries(data, self._hexsize))
                self.distinct += below.entries
                wanted.update((child, None) for child in below.folders if child not in self._trees)
            if size > MAX_TREES:
                raise BoundExceeded(f"its trees are over the limit of {_mib(MAX_TREES)}")
            recalled = self.known.recall(wanted, self._hexsize) if wanted else {}
            if not recalled:
                self.known.end()
            self._recalled |= recalled
            progress(self.distinct)
            level = []
            left = [oid for oid in wanted if oid not in self._recalled]
            names = (oid.hex().encode() for oid in left)
            for oid, header in zip(left, self._objects.read(names, MAX_TREE), strict=True):
                content = tree_content(header)
                self._trees[oid] = content
                level.append((oid, content))

    def check(self) -> int:
        """The number of entries, each path counted, within the bounds: a few small trees that hold
        each other many times over can stand for billions of paths."""
        totals = self._totals
        stack = [(self._root, False)]
        while stack:
            time_left()
            oid, below_is_known = stack.pop()
            if oid in totals:
                continue
            if oid in self._recalled:
                total, longest = self._recalled[oid].total, self._recalled[oid].longest
            else:
                entries, longest, folders = self._below[oid]
                if not below_is_known:
                    stack.append((oid, True))
                    stack.extend((child, False) for child in folders if child not in totals)
                    continue
                total = entries
                for child, (number, length) in folders.items():
                    total += number * totals[child][0]
                    longest = max(longest, length + 1 + totals[child][1])
            if total > MAX_ENTRIES:
                raise BoundExceeded(f"its tree has more than {MAX_ENTRIES} entries")
            if longest > MAX_PATH:
                raise _too_long()
            totals[oid] = (total, longest)
        return totals[self._root][0]

    def distinct_files(self, total: int) -> int:
        """About how many different files there are among ``total`` entries: of many, a sample that
        nobody can foresee says it."""
        if total < _SAMPLED:
            return self.distinct
        chosen = os.urandom(1)[0]
        found = {
            oid
            for data in self._trees.values()
            for _, _, oid in tree_entries(data, self._hexsize)
            if oid[-1] == chosen
        }
        return 256 * len(found)

    def files(
        self,
        wanted: Callable[[bytes], bool] | None,
        leads_on: Callable[[bytes], bool] = lambda folder: True,
    ) -> Iterator[_File]:
        """Every regular file, in tree order; of the trees that are known, those that match. Nothing
        below folders for which ``leads_on`` is false."""
        stack = [(b"", iter([(b"40000", b"", self._root)]))]
        while stack:
            time_left()
            folder, entries = stack[-1]
            for mode, name, oid in entries:
                if is_file(mode):
                    path = folder + name
                    if wanted is None or wanted(path):
                        yield _File(path, mode_of(mode), oid)
                elif is_directory(mode):
                    inside = folder + name + b"/" if name else folder
                    if not leads_on(inside):
                        continue
                    recalled = self._recalled.get(oid)
                    if recalled is None:
                        stack.append((inside, iter(tree_entries(self._trees[oid], self._hexsize))))
                        break
                    for hit in recalled.hits:
                        path = inside + hit.path
                        if wanted is None or wanted(path):
                            yield _File(path, hit.mode, hit.oid)
            else:
                stack.pop()

    def settle(self, matched: set[bytes], doubtful: set[bytes], *, sure: bool, whole: bool) -> None:
        """Tell the memory of the trees that were read, if they were as a ``whole``. ``sure``: what
        was looked at fits its id.

        Of a small repository its root alone is worth it.
        """
        memory = self.known.memory
        if memory is None:
            return
        scope = EVERYWHERE if sure and not self.known.own else self.known.scope
        memory.settled(scope)
        if whole:
            below = {oid: recalled.hits for oid, recalled in self._recalled.items()}
            self._remember(memory, scope, below, matched, doubtful)

    def settle_digests(
        self, memory: Memory, matched: set[bytes], doubtful: set[bytes], *, sure: bool
    ) -> None:
        """Tell another memory of the same trees, of other files; see `settle`."""
        if self.known.memory is None:
            return
        known = _Known(memory, self.known.repository)
        recalled = known.recall(self._recalled, self._hexsize)
        own = self.known.own or known.own
        below = {oid: recalled[oid].hits if oid in recalled else None for oid in self._recalled}
        scope = EVERYWHERE if sure and not own else known.scope
        self._remember(memory, scope, below, matched, doubtful)

    def _remember(
        self,
        memory: Memory,
        scope: bytes,
        recalled: Mapping[bytes, list[_File] | None],
        matched: set[bytes],
        doubtful: set[bytes],
    ) -> None:
        """Keep which files below the trees that were read match; ``recalled`` has those below the
        others, None where that is not known."""
        if self._root in recalled:
            return
        large = self._totals[self._root][0] > GREP_FROM
        below = dict(recalled)
        rows = []
        left = _MOST_RECORDS
        for oid, (total, longest) in self._totals.items():
            time_left()
            if oid in recalled:
                continue
            hits = below[oid] = self._hits(oid, below, matched, doubtful) if left > 0 else None
            if hits is not None and (large or oid == self._root):
                record = _record(scope, total, longest, hits)
                left -= len(record)
                rows.append((_TREE + oid, record))
        memory.remember(rows)

    def _hits(
        self,
        tree: bytes,
        below: Mapping[bytes, list[_File] | None],
        matched: set[bytes],
        doubtful: set[bytes],
    ) -> list[_File] | None:
        """The files below a tree that match; None where that is not known, or they are many."""
        hits = []
        left = _MOST_RECORD
        for mode, name, oid in tree_entries(self._trees[tree], self._hexsize):
            if is_directory(mode):
                inside = below[oid]
                if inside is None:
                    return None
                more = [_File(name + b"/" + hit.path, hit.mode, hit.oid) for hit in inside]
            elif oid in doubtful:
                return None
            elif oid in matched and is_file(mode):
                more = [_File(name, mode_of(mode), oid)]
            else:
                continue
            hits += more
            left -= sum(_HIT_COST + len(hit.path) for hit in more)
            if left < 0:
                return None
        return hits

    def find(
        self,
        paths: Sequence[bytes],
        oids: set[bytes],
        wanted: Callable[[bytes], bool] | None,
    ) -> Iterator[_File]:
        """The files at ``paths``, which are in tree order, and those with one of the object ids."""
        if oids:
            hits = set(paths)
            for file in self.files(wanted):
                if file.path in hits or file.oid in oids:
                    yield file
            return
        ahead = _Ahead([path for path in paths if wanted is None or wanted(path)])
        for file in self.files(None, ahead.leads_on):
            if ahead.is_at(file.path):
                yield file
        if ahead.left:
            raise GitError("the repository holds a corrupt tree object: run git fsck")


class _Ahead:
    """Paths in tree order, along a walk in tree order."""

    def __init__(self, paths: Sequence[bytes]) -> None:
        self._paths = [path for path, _ in groupby(paths)]
        self._at = 0

    def leads_on(self, folder: bytes) -> bool:
        """Whether the next path, or the one behind it, lies in this folder."""
        return any(path.startswith(folder) for path in self._next())

    def is_at(self, path: bytes) -> bool:
        """Whether this is the next path, or the same once more, as in a damaged tree."""
        for step, sought in enumerate(self._next()):
            if path == sought:
                self._at += step
                return True
        return False

    @property
    def left(self) -> int:
        """How many were not met."""
        return max(0, len(self._paths) - self._at - 1)

    def _next(self) -> Sequence[bytes]:
        return self._paths[self._at : self._at + 2]


_MOST_PATHS = 8 << 20
"""Bytes of the paths that `git grep` gives. Where they are more, Python looks at the blobs, and
whoever asked breaks off when there are too many."""

_UNREADABLE = re.compile(rb"error: '.*': unable to read ([0-9a-f]{40,64})", re.DOTALL)


class _Grep:
    """`git grep`, which runs while the trees are read."""

    def __init__(
        self, objects: Objects, commit: str, patterns: Sequence[bytes], timeout: float
    ) -> None:
        self._objects = objects
        self._commit = commit
        self._patterns = patterns
        self._timeout = timeout
        self.process: Process | None = None

    def start(self, threads: int) -> None:
        if self.process is None:
            self._objects.check()
            command = ["grep", f"--threads={max(1, threads)}", "-l", "-z", "-a", "--full-name"]
            command += ["--no-color", "-P", "-f", "-", self._commit, "--"]
            self.process = Process(
                command,
                self._objects.environment(),
                timeout=self._timeout,
                memory=MEMORY_LIMIT,
            )
            # git waits for the patterns, so it reads nothing before its memory is limited.
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.write(b"\n".join(self._patterns) + b"\n")
            self.process.stdin.close()

    def answer(self) -> tuple[list[bytes], set[bytes]] | None:
        """The paths that match, and the binary ids of blobs that git could not read.

        None when the answer is not to be relied on: git without PCRE, out of memory, out of time, a
        corrupt object.
        """
        assert self.process is not None
        prefix = self._commit.encode() + b":"
        try:
            output = self.process.output(_MOST_PATHS)
            status = self.process.wait()
        except GitError:
            return None
        errors = self.process.errors()
        if status not in (0, 1) or len(errors) >= MOST_ERRORS:
            return None
        doubtful = set()
        for line in errors.splitlines():
            match = _UNREADABLE.fullmatch(line)
            if match is None:
                return None
            doubtful.add(bytes.fromhex(match[1].decode()))
        paths = output.split(b"\0")[:-1]
        if not all(path.startswith(prefix) for path in paths):
            return None
        return [path.removeprefix(prefix) for path in paths], doubtful

    def close(self) -> None:
        if self.process is not None:
            self.process.close()


@functools.cache
def _matcher(patterns: tuple[bytes, ...]) -> Callable[[bytes], bool]:
    """A test of a whole content against line-based patterns."""
    compiled = [re.compile(pattern, re.MULTILINE) for pattern in patterns]
    return lambda content: any(pattern.search(content) for pattern in compiled)


_MAX_DIGESTS = 8 << 20
"""Bytes of the largest file that is searched for digests."""

_HEX_DIGITS = b"0123456789abcdef"
_BASE64_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_SHORTEST_HEX = 32
_SHORTEST_BASE64 = 43
"""Without what fills up the last four."""

_DIGEST_PATTERN = (
    b"(?=[0-9A-Za-z+/]{%(hex)d})"
    b"(?:[0-9A-Za-z+/]{%(base64)d}|[0-9A-Za-z+/]{0,%(before)d}[0-9a-f]{%(hex)d})"
    b"|[0-9A-Za-z+/]++(*SKIP)(*FAIL)"  # what is too short is passed over at once
) % {
    b"hex": _SHORTEST_HEX,
    b"base64": _SHORTEST_BASE64,
    b"before": _SHORTEST_BASE64 - 1 - _SHORTEST_HEX,  # where there is more, it is the other kind
}
"""For PCRE. Looked for one after the other, from every place, the two take twice as long."""


def _only(digits: bytes) -> bytes:
    """A table that turns these into ``x`` and all else into ``.``, for `bytes.translate`."""
    return bytes(0x78 if byte in digits else 0x2E for byte in range(256))


_HEX, _BASE64 = _only(_HEX_DIGITS), _only(_BASE64_DIGITS)
_HEX_RUN, _BASE64_RUN = b"x" * _SHORTEST_HEX, b"x" * _SHORTEST_BASE64


def _has_digest(content: bytes) -> bool:
    """The same as `_DIGEST_PATTERN`, ten times as fast as Python's engine."""
    return _HEX_RUN in content.translate(_HEX) or _BASE64_RUN in content.translate(_BASE64)


def mentions(
    repository: Repository,
    commit: str,
    digests: Iterable[bytes],
    *,
    jobs: int | Callable[[], int] = 1,
    shared: Objects | None = None,
    memory: Memory | None = None,
    own: bool = False,
) -> Iterator[tuple[bytes, int, bytes]]:
    """Where digests stand in the text files of ``commit``, up to 8 MiB each: path, line (1-based),
    digest; in tree order, and by line.

    A digest is at least 32 digits of lower-case hexadecimal or 43 of Base64 (RFC 4648, section 4);
    ValueError is raised for others. ``memory`` is of files in which any digest may stand (see
    ``digests`` of `search`); of it, ``jobs``, ``shared`` and ``own`` see there.
    """
    wanted = tuple(dict.fromkeys(digests))
    if not all(map(_has_digest, wanted)):
        raise ValueError("what is looked for is no digest")
    if not wanted:
        return
    standing = _few(wanted) if len(wanted) <= _FEW else _many(wanted)
    for blob in _search(
        repository,
        commit,
        _Sought((_DIGEST_PATTERN,), _has_digest),
        max_bytes=_MAX_DIGESTS,
        jobs=jobs,
        shared=shared,
        memory=memory,
        own=own,
    ):
        content = blob.content or b""
        line, counted = 1, 0
        told: set[bytes] = set()
        for at, digest in standing(content):
            time_left()
            lines = content.count(b"\n", counted, at)
            counted = at
            if lines:
                line += lines
                told.clear()
            if digest not in told:
                told.add(digest)
                yield blob.path, line, digest


_FEW = 100
"""Digests for which a file is searched one by one."""

_Standing = Callable[[bytes], Iterator[tuple[int, bytes]]]
"""Gives the offsets at which digests stand in a content, in order."""


def _few(digests: Sequence[bytes]) -> _Standing:
    import heapq

    def of(content: bytes, digest: bytes) -> Iterator[tuple[int, bytes]]:
        at = content.find(digest)
        while at >= 0:
            yield at, digest
            at = content.find(digest, at + 1)

    return lambda content: heapq.merge(*(of(content, digest) for digest in digests))


_RUN = re.compile(rb"[0-9A-Za-z+/]{%d,}={0,2}" % _SHORTEST_HEX)


def _many(digests: Iterable[bytes]) -> _Standing:
    known = frozenset(digests)
    lengths = sorted({len(digest) for digest in known})

    def standing(content: bytes) -> Iterator[tuple[int, bytes]]:
        for run in _RUN.finditer(content):
            text = run[0]
            for at in range(len(text) - lengths[0] + 1):
                if at & 0xFFFF == 0:
                    time_left()
                for length in lengths:
                    if text[at : at + length] in known:
                        yield run.start() + at, text[at : at + length]

    return standing


_FOLDER = "40000"
_MOST_LISTED = 6 << 20
"""Bytes of the tree objects in which files are looked up; in memory they take ten times as much."""


class Files:
    """The files of one commit, by their paths; each folder is read once."""

    def __init__(self, objects: Objects, commit: str) -> None:
        self._objects = objects
        self._root = f"{commit}^{{tree}}".encode()
        self._known: dict[bytes, dict[bytes, tuple[str, bytes]]] = {}
        self._left = _MOST_LISTED

    def entry(self, path: bytes) -> tuple[str, bytes] | None:
        """Mode and object id of a file or folder; None where there is none."""
        mode, name = _FOLDER, self._root
        for part in path.split(b"/"):
            entry = self.folder(name).get(part) if mode == _FOLDER else None
            if entry is None:
                return None
            mode, name = entry
        return mode, name

    def folder(self, oid: bytes) -> dict[bytes, tuple[str, bytes]]:
        """Mode and object id of what lies in a folder, by name."""
        if oid not in self._known:
            data = tree_content(self._objects.one(oid, MAX_TREE))
            self._left -= len(data)
            if self._left < 0:
                raise BoundExceeded(
                    f"the folders of files to look up are over the limit of {_mib(_MOST_LISTED)}"
                )
            self._known[oid] = {
                child: (mode_of(mode), oid.hex().encode())
                # Of two that have one name, git takes the first.
                for mode, child, oid in reversed(tree_entries(data, self._objects.hexsize))
            }
        return self._known[oid]


def entries(
    repository: Repository, commit: str, paths: Sequence[bytes]
) -> dict[bytes, tuple[str, str]]:
    """Mode and object id of the paths that ``commit`` has; the others are left out."""
    with Objects(repository.common_dir / "objects", hexsize=len(commit)) as objects:
        files = Files(objects, commit)
        found = {path: files.entry(path) for path in paths}
    return {path: (entry[0], entry[1].decode()) for path, entry in found.items() if entry}

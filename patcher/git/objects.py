"""Read git objects through one `git cat-file --batch` process.

The process never sees a repository's configuration or refs (see `runner.scratch`): it is given
object ids and finds them in the object folders, of one repository or of several at once. git does
not look whether what a pack says an object holds fits its id; here it is looked at, since what is
known of an id is remembered, and counts for every repository that has it.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from patcher.git.environment import environment
from patcher.git.errors import BoundExceeded, GitError
from patcher.git.limits import TIMEOUT
from patcher.git.loose import Loose
from patcher.git.process import MEMORY_LIMIT, Process, last_words
from patcher.git.regular import check_objects
from patcher.git.scratch import scratch
from patcher.git.turns import large

if TYPE_CHECKING:
    import hashlib

    from _typeshed import WriteableBuffer

# Requests that may lie in git's input pipe unread: one page, the least that a pipe ever holds, so
# that writing never blocks while git itself is blocked on writing an answer.
_WINDOW = 4096

# Bytes of loose objects that are held while those asked for before them are awaited.
_HELD = 1 << 20

# Rather than reading what is left of an object to get past it, start a new process.
_SKIP = 64 << 20

# Seconds. Where git is only slow, it is started anew for what is asked next.
_SILENCE = 0.5

# Objects on which git may die (corrupt ones, deltas that unpack to gigabytes) before the repository
# is given up.
_DEATHS = 50

MAX_TREE = 16 << 20
"""Bytes of one tree object: 400,000 files in one folder. Its entries take ten times as much."""


class ObjectHeader(NamedTuple):
    """What `Objects.read` yields: ``kind`` is git's object type, or "missing" or "unreadable".

    ``content`` is None for an object that is larger than the caller keeps, missing or unreadable.
    What is kept fits its id.
    """

    name: bytes
    kind: str
    oid: str
    size: int
    content: bytes | None
    error: str = ""

    def hash(self) -> hashlib._Hash:
        """What, updated with the content, gives the id (see gitformat-loose(5))."""
        make = _hashes()[len(self.oid)]
        return make(f"{self.kind} {self.size}\0".encode(), usedforsecurity=False)


@functools.cache
def _hashes() -> dict[int, Callable[..., hashlib._Hash]]:
    """By the length of the ids that they make."""
    import hashlib

    return {40: hashlib.sha1, 64: hashlib.sha256}


class Objects:
    """A `git cat-file --batch` on one object folder or more; started with the first request."""

    def __init__(self, objects: Path, *more: Path, hexsize: int, timeout: float = TIMEOUT) -> None:
        self._folders = (objects, *more)
        self._loose = Loose(objects)
        self.hexsize = hexsize
        self._timeout = timeout
        self._process: Process | None = None
        self._output: io.BufferedReader | None = None
        self._left = 0
        self._sound = True
        """Whether what comes next is the answer to what was asked next."""
        self._deaths = 0

    @property
    def shared(self) -> bool:
        """Whether several repositories are read at once, so that it is not known which of them an
        object came from."""
        return len(self._folders) > 1

    def environment(self) -> dict[str, str]:
        """The environment of a git that reads these object folders and nothing else."""
        first, *more = map(os.fspath, self._folders)
        extra = {"GIT_DIR": scratch(self.hexsize), "GIT_OBJECT_DIRECTORY": first}
        if more:
            extra["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = ":".join(map(quoted, more))
        return environment(extra=extra)

    def check(self) -> None:
        """Raise `GitError` where git would wait for what is no file."""
        try:
            check_objects(map(os.fspath, self._folders))
        except GitError:
            self._deaths = _DEATHS + 1
            raise

    def turn_to(self, objects: Path) -> None:
        """Read one of the repositories from now on, for which the time limit counts anew."""
        self._loose = Loose(objects)
        if self._process is not None:
            self._process.limit(self._timeout)

    def distrust(self) -> None:
        """The object whose header came last does not fit its id: start anew. Of a damaged loose
        blob git writes more, or less, than the size it tells, so that what follows may be no answer
        of git's but what the blob's author wrote."""
        self._sound = False
        self._count_death(ANOTHER)

    def give_up(self) -> None:
        """Read nothing more: one of several repositories holds up all."""
        self._deaths = _DEATHS + 1
        self.close()

    def _start(self) -> tuple[Process, io.BufferedReader]:
        if self._deaths > _DEATHS:
            raise GitError("the repositories cannot be read together")
        self.check()
        process = Process(
            ["cat-file", "--batch"],
            self.environment(),
            timeout=self._timeout,
            memory=MEMORY_LIMIT,
        )
        self._process = process
        self._output = io.BufferedReader(_Answers(process), 1 << 17)
        self._left = 0
        self._sound = True
        return process, self._output

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.close()
        self._process = self._output = None

    def __enter__(self) -> Objects:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, names: Iterable[bytes], keep: int) -> Iterator[ObjectHeader]:
        """Yield one `ObjectHeader` for each name, in order, with the content of those up to
        ``keep`` bytes.

        Names are full object ids, which may end in ``^{type}``. Requests run ahead of the answers,
        and ``names`` may be a generator that looks at earlier answers. The content of a larger
        object can be read with `chunks` before the next header is taken.
        """
        source = iter(names)
        pending: deque[bytes | ObjectHeader] = deque()
        waiting = 0
        held = 0
        exhausted = False
        complete = False
        try:
            while True:
                if self._ending() and not waiting:
                    self.close()
                ready = waiting < _WINDOW // 2 and len(pending) < _WINDOW // 64
                if ready and not self._ending() and held < _HELD and not exhausted:
                    batch = []
                    for name in source:
                        header = self._lying(name, keep)
                        pending.append(header or name)
                        if header is None:
                            batch.append(name)
                            waiting += len(name) + 1
                        else:
                            held += header.size
                        if waiting > _WINDOW - 192 or len(pending) > _WINDOW // 32 or held >= _HELD:
                            break
                    else:
                        exhausted = True
                    if batch:
                        _write(self._running()[0], batch)
                if not pending:
                    complete = True
                    return
                name_or_header = pending.popleft()
                if isinstance(name_or_header, ObjectHeader):
                    held -= name_or_header.size
                    yield name_or_header
                    continue
                waiting -= len(name_or_header) + 1
                answer = self._answer(self._running()[1], name_or_header, keep)
                yield answer if answer is not None else self._death(name_or_header)
                if answer is None or not self._drain():
                    self.close()
                    asked = [name for name in pending if isinstance(name, bytes)]
                    _write(self._running()[0], asked)
        finally:
            if not complete:  # answers that nobody will read lie in the pipe
                self.close()

    def _lying(self, name: bytes, keep: int) -> ObjectHeader | None:
        """The object, if it is a loose one that fits its id."""
        if len(name) != self.hexsize:
            return None
        oid = name.decode("ascii", "replace")
        found = self._loose.read(oid, keep)
        if found is None:
            return None
        kind, content = found
        header = ObjectHeader(name, kind, oid, len(content), content)
        return header if _fits(kind.encode(), content, oid) else None

    def _ending(self) -> bool:
        """Whether git gets no further requests."""
        return self._process is not None and self._process.stdin.closed

    def _running(self) -> tuple[Process, io.BufferedReader]:
        if self._process is None or self._output is None:
            return self._start()
        return self._process, self._output

    def _answer(self, output: io.BufferedReader, name: bytes, keep: int) -> ObjectHeader | None:
        line = output.readline(4096)
        fields = line.split(b" ")
        if fields[-1] in _ABSENT:
            return ObjectHeader(name, "missing", name.decode("ascii", "replace"), 0, None)
        if (
            len(fields) != 3
            or not fields[2][:-1].isdigit()
            or (fields[0] != name and len(name) == self.hexsize)
        ):
            self._sound = line[-1:] != b"\n"
            return None
        oid, kind, size = fields[0].decode(), fields[1].decode(), int(fields[2])
        if size > keep:
            self._left = size + 1
            return ObjectHeader(name, kind, oid, size, None)
        large(size)
        content = output.read(size + 1)
        if len(content) != size + 1:
            return None
        whole = content[:-1]
        if content[-1:] == b"\n" and _fits(fields[1], whole, oid):
            return ObjectHeader(name, kind, oid, size, whole)
        self.distrust()
        return ObjectHeader(name, "unreadable", oid, size, None, ANOTHER)

    def _death(self, name: bytes) -> ObjectHeader:
        process = self._process
        assert process is not None
        process.stdout.close()
        why = ANOTHER
        if self._sound:
            status = process.wait()  # raises when it was the time limit
            why = last_words(process.errors()) or f"git cat-file ended with status {status}"
            why = why if status else ANOTHER
        self._count_death(why)
        return ObjectHeader(name, "unreadable", name.decode("ascii", "replace"), 0, None, why)

    def _count_death(self, why: str) -> None:
        self._deaths += 1
        if self._deaths > _DEATHS:
            raise GitError(f"more than {_DEATHS} objects cannot be read ({why}): run git fsck")

    def chunks(self, size: int = 1 << 20) -> Iterator[bytes]:
        """The content of the object whose header came last, in pieces, if it was larger than
        kept."""
        assert self._output is not None
        while self._left > 1:
            piece = self._output.read(min(size, self._left - 1))
            if not piece:
                return
            self._left -= len(piece)
            yield piece

    def _drain(self) -> bool:
        if self._left > _SKIP or not self._sound:
            return False
        if not self._left:
            return True
        for _ in self.chunks():
            pass
        assert self._output is not None
        complete = self._left == 1 and self._output.read(1) == b"\n"
        self._left = 0
        return complete

    def one(self, name: bytes, keep: int) -> ObjectHeader:
        """The single object ``name``."""
        [header] = self.read([name], keep)
        return header


class _Answers(io.RawIOBase):
    """What git writes.

    Of a damaged loose blob git writes less than the size it tells, and waits for the next request
    while the rest is waited for here. So after a silence it gets the end of its requests: it
    answers those that it has, and ends.
    """

    def __init__(self, process: Process) -> None:
        self._process = process

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if not self._process.has_output(_SILENCE):
            self._process.stdin.close()
            self._process.has_output()
        return self._process.stdout.readinto(buffer) or 0


_ABSENT = (b"missing\n", b"ambiguous\n")


def _fits(kind: bytes, content: bytes, oid: str) -> bool:
    hashed = _hashes()[len(oid)](b"%b %d\0" % (kind, len(content)), usedforsecurity=False)
    hashed.update(content)
    return hashed.hexdigest() == oid


ANOTHER = "what is stored there is another object: run git fsck"


def quoted(folder: str) -> str:
    """A folder as GIT_ALTERNATE_OBJECT_DIRECTORIES takes it (see git(1))."""
    if ":" not in folder and not folder.startswith('"'):
        return folder
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _write(process: Process, names: Iterable[bytes]) -> None:
    # A git that is gone shows as the end of its output, where it is dealt with.
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(b"".join(name + b"\n" for name in names))


@functools.lru_cache(64)
def _type(mode: bytes) -> int:
    """The type of an entry as git takes it: of the mode's number, whatever digits stand before it
    (``canon_mode`` in git's ``tree-walk.c``)."""
    return int(mode[-6:], 8) & 0o170000


@functools.lru_cache(64)
def is_file(mode: bytes) -> bool:
    """Whether git checks out an entry of this mode as a regular file."""
    return _type(mode) == 0o100000


@functools.lru_cache(64)
def is_directory(mode: bytes) -> bool:
    """Whether an entry of this mode is a tree."""
    return _type(mode) == 0o040000


@functools.lru_cache(64)
def is_gitlink(mode: bytes) -> bool:
    """Whether an entry of this mode is a commit of another repository, a submodule's."""
    return mode_of(mode) == "160000"


@functools.lru_cache(64)
def mode_of(mode: bytes) -> str:
    """The mode of an entry as git takes it: one of the five that it writes itself."""
    if is_file(mode):
        return "100755" if int(mode[-6:], 8) & 0o100 else "100644"
    return {0o040000: "40000", 0o120000: "120000"}.get(_type(mode), "160000")


# What is no entry takes the whole rest, so that garbage shows as an empty last entry, and is read
# once.
_ENTRY = {
    20: re.compile(rb"0*([1-7][0-7]*) ([^\0]+)\0(.{20})|.+", re.DOTALL),
    32: re.compile(rb"0*([1-7][0-7]*) ([^\0]+)\0(.{32})|.+", re.DOTALL),
}


def tree_entries(data: bytes, hexsize: int) -> list[tuple[bytes, bytes, bytes]]:
    """The entries of a tree object: mode, name, binary object id. Some old tools wrote modes with
    zeros before them, which git takes and `git fsck` complains about: they are left out."""
    entries = _ENTRY[hexsize // 2].findall(data)
    if entries and not entries[-1][0]:
        raise GitError("the repository holds a corrupt tree object: run git fsck")
    return entries


def tree_content(header: ObjectHeader) -> bytes:
    """The raw content of a tree that was asked for, or why there is none."""
    if header.kind == "missing":
        raise GitError(
            f"object {header.oid} is not in the repository (a partial clone, or damage): "
            f"fetch it, or run git fsck"
        )
    if header.kind == "unreadable":
        raise GitError(f"object {header.oid} cannot be read: {header.error}")
    if header.kind != "tree":
        raise GitError(f"object {header.oid} is a {header.kind}, not a tree: run git fsck")
    if header.content is None:
        raise BoundExceeded(f"a tree object of {header.size} bytes is over the limit of {MAX_TREE}")
    return header.content


def unshared(header: ObjectHeader) -> GitError:
    """The error for an object of several repositories that are read at once."""
    return GitError(f"object {header.oid} cannot be read along with other repositories")

"""Mirrors: bare repositories in the cache folder, each one commit deep, for remotes.

A mirror is a folder that patcher alone writes to, under a lock of its own (flock(2), which ends
with its process). It holds nothing that the remote has not, or that the next run would not write
again, so one that is not whole is not mended: it is made anew. A new one is made beside, and takes
its name when it is complete.

The refs are written by patcher itself, as one ``packed-refs`` file that takes the place of the last
one: no name of the remote's can be in the way of another, and thousands of branches take no more
time than one. What the mirror has is noted in its ``patcher`` file, with the sizes of its packs, so
that an update of what did not move is a look at the remote's refs and at one folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from patcher.git import places, remote
from patcher.git.address import Address
from patcher.git.errors import (
    BoundExceeded,
    GitError,
    GitTimeout,
    RemoteError,
    UnbornHead,
)
from patcher.git.limits import TIMEOUT, time_left
from patcher.git.refs import MAX_BASES, REVIEW_BRANCHES
from patcher.git.remote import RemoteRefs
from patcher.git.runner import run
from patcher.git.values import Repository
from patcher.text import printable

MIN_SHARED = 1 << 20
"""Bytes of packs from which a mirror is worth sharing: below, asking for what is missing takes
longer than fetching it."""

MAX_PACKS = 50
"""Packs after which a mirror is made anew; each makes every look for an object slower."""

_REVIEW = ("refs/heads/" + REVIEW_BRANCHES + "*",)
_NOTE, _PUSHED = "patcher", "patcher-pushed"
_NEW = ".new-"
_LOCK = ".lock"
_OLD = ".old-"
_MIRROR = re.compile(r"[a-z0-9._-]+-[0-9a-f]{20}\.git\Z")
_HEADS, _ORIGIN, _TAGS = "refs/heads/", "refs/remotes/origin/", "refs/tags/"
_DETACHED = "refs/patcher/HEAD"
_UNBORN = "ref: refs/heads/HEAD"  # has no commit: `patcher.git.bases` says so
_OID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_ID_PREFIX = re.compile(r"[0-9a-f]{4,64}\Z")
_LONGEST_TURN = 3600.0
_MOST_OBJECTS = 512 << 20  # bytes of the list of a commit's objects, 41 for each


@dataclass(frozen=True, slots=True)
class Mirror:
    """A mirror as it lies in the cache."""

    repository: Repository
    branches: int
    """Refs that were fetched, patcher's own review branches too."""
    size: int
    """Bytes on disk, without those of the family's first mirror."""
    used: float
    """When it was last updated, in seconds since the epoch."""
    family: Path | None
    """The mirror whose objects it shares; None: it has all of its own."""


@dataclass(slots=True)
class _Note:
    """What a mirror knows of itself."""

    url: str
    format: str
    head: str = ""
    """What HEAD names at the remote, or its commit."""
    refs: dict[str, str] = field(default_factory=dict)
    packs: dict[str, int] = field(default_factory=dict)
    """Sizes of the files in the pack folder."""
    born: str = ""
    """Which making of the mirror it is: what shares objects of another notes that one's."""
    shares: str = ""
    partial: list[str] = field(default_factory=list)
    """Tips of which blobs may be missing."""


class _NoPartial(GitError):
    """The remote sends no blobs by their ids."""


class Mirrors:
    """The mirrors in one folder. Threads and processes may use it at once: one at a time updates a
    mirror, and at most ``per_host`` at a time of this process speak to one host.

    ``timeout`` is the seconds that one call may take, retries included. Between `update` and what
    is done with a mirror then it is not locked: whoever updates it too lets its branches be the
    remote's again.
    """

    def __init__(
        self, folder: Path | None = None, *, per_host: int = 4, timeout: float = TIMEOUT
    ) -> None:
        self.folder = places.cache_folder() / "mirrors" if folder is None else folder
        places.own_folder(self.folder, hint="set PATCHER_CACHE_DIR to a folder of your own")
        self._per_host = per_host
        self._timeout = timeout
        self._hosts: dict[str, threading.BoundedSemaphore] = {}
        self._guard = threading.Lock()

    def update(
        self,
        address: Address,
        bases: Sequence[str] = (),
        *,
        review: Sequence[str] = _REVIEW,
        family: str | None = None,
        blobs: bool = True,
        fresh: bool = False,
    ) -> Repository:
        """The mirror of ``address``, as the remote is now.

        ``bases`` are what `patcher.git.bases` takes, and it then finds them as in a clone; those
        that the remote has not are left out. ``review`` are globs (``*`` matches any character) of
        full names of the review branches: they are local branches of the mirror, exactly as the
        remote has them. Where the remote's refs did not move, nothing is fetched.

        ``family`` is the address of what this is a fork of, as the forge says. Mirrors of one
        family (by that, else by their own last path part) on one host share the objects of the
        first of them; the others fetch trees first, and then the blobs that are not there.
        ``blobs`` False leaves the blobs to `complete`. ``fresh`` makes the mirror anew, which is
        what to do when objects of it cannot be read.

        Raises `RemoteError` after the retries, `UnbornHead` where there are ``bases`` and the
        remote has no branch or tag at all, and other kinds of `GitError`.
        """
        name = folder_name(address)
        path = self.folder / name

        def attempt(lock: _Lock) -> Repository:
            # Without bases nothing but branches is of use, and there may be many other refs.
            patterns = () if bases else ("HEAD", _HEADS + "*")
            refs = remote.list_refs(address, patterns, timeout=lock.left())
            wanted = _wanted(refs, bases, review)
            group = _family(address, family)
            note = None if fresh else _usable(path, address, refs)
            try:
                if note is None:
                    self._make(path, address, refs, wanted, group, blobs, lock)
                else:
                    self._bring_up(path, address, note, refs, wanted, blobs, lock)
            except (RemoteError, BoundExceeded, GitTimeout):
                raise
            except _NoPartial:
                self._make(path, address, refs, wanted, None, blobs, lock)
            except (GitError, OSError):
                if note is None:
                    raise
                # Not the remote's doing: the mirror is broken.
                self._make(path, address, refs, wanted, group, blobs, lock)
            with contextlib.suppress(OSError):
                os.utime(path / _NOTE)
            if bases and not refs.refs:
                raise UnbornHead("it has no branch yet: nothing to do")
            return Repository(path, path, None, address)

        try:
            with self._host(address), self._locked(name) as lock:
                return remote.retried(lambda left: attempt(lock), lock.left())
        except OSError as error:
            raise _unwritable(path, error) from error

    def complete(self, repository: Repository, oids: Sequence[str]) -> None:
        """Fetch blobs that a mirror lacks, by their ids, in one call. Raises as `update`."""
        address = repository.address
        if address is None or repository.git_dir.parent != self.folder:
            raise GitError(f"{printable(repository.place)} is no mirror in {self.folder}")
        if not oids:
            return
        path = repository.git_dir

        with self._host(address), self._locked(path.name) as lock:
            remote.retried(lambda left: _fetch_blobs(address, path, oids, lock), lock.left())
            note = _read_note(path)
            if note is not None:
                note.packs = _packs(path)
                _write_note(path, note)

    def push(self, repository: Repository, branch: str, commit: str, expected: str | None) -> None:
        """As `patcher.git.remote.push`, when it is its turn at the host."""
        assert repository.address is not None
        with self._host(repository.address):
            remote.push(repository, branch, commit, expected, timeout=self._timeout)
        with (
            contextlib.suppress(OSError),  # then the next update fetches it
            (repository.git_dir / _PUSHED).open("a", encoding="ascii") as file,
        ):
            file.write(f"{commit}\n")

    def list(self) -> Sequence[Mirror]:
        """The mirrors that are there, by address."""
        found = []
        for name in self._names():
            path = self.folder / name
            note = _read_note(path)
            if note is None:
                continue
            with contextlib.suppress(OSError, GitError):
                found.append(
                    Mirror(
                        Repository(path, path, None, Address.parse(note.url)),
                        len(note.refs),
                        _size(path),
                        (path / _NOTE).stat().st_mtime,
                        _base_of(path),
                    )
                )
        return sorted(found, key=lambda mirror: mirror.repository.place)

    def verify(self, mirror: Mirror) -> str | None:
        """Why a mirror is not whole, on one line; None when it is. One that is not is made anew by
        its next update."""
        path = mirror.repository.git_dir
        with self._locked(path.name) as lock:
            note = _read_note(path)
            if note is None:
                return "it was removed meanwhile"
            why = _fault(path, note)
            if why is None:
                try:
                    _check_objects(path, note, lock.left())
                except GitError as error:
                    why = str(error)
            if why is not None:
                (path / _NOTE).unlink(missing_ok=True)
            return why

    def clear(self, mirrors: Sequence[Mirror]) -> int:
        """Remove mirrors, and with the first of a family all others of it; how many went."""
        gone = {mirror.repository.git_dir.name for mirror in mirrors}
        gone |= {
            mirror.repository.git_dir.name
            for mirror in self.list()
            if mirror.family is not None and mirror.family.name in gone
        }
        # Those that lean on others first, so that no kill leaves one without what it leans on.
        for name in sorted(gone, key=lambda name: _base_of(self.folder / name) is None):
            with self._locked(name) as lock:
                self._remove(self.folder / name)
                lock.remove()
        return len(gone)

    def sweep(self) -> None:
        """Remove everything that is no mirror: what was being made or removed when its process was
        killed, and mirrors that lost what makes them usable."""
        for name in self._entries():
            whole = name.removeprefix(_NEW).removeprefix(_OLD)
            if not _MIRROR.match(whole):
                continue
            if name == whole and _read_note(self.folder / name) is not None:
                continue
            with contextlib.suppress(GitError), self._locked(whole, 0):
                if name != whole or _read_note(self.folder / name) is None:
                    shutil.rmtree(self.folder / name, ignore_errors=True)

    def _entries(self) -> Sequence[str]:
        try:
            return sorted(entry.name for entry in self.folder.iterdir())
        except OSError:
            return []

    def _names(self) -> Sequence[str]:
        return [name for name in self._entries() if _MIRROR.match(name)]

    @contextlib.contextmanager
    def _host(self, address: Address) -> Iterator[None]:
        """One of the turns at a host. Waiting for it is no time of the call's own, for how long it
        takes depends on others."""
        if not address.host:
            yield
            return
        with self._guard:
            turn = self._hosts.setdefault(address.host, threading.BoundedSemaphore(self._per_host))
        while not turn.acquire(timeout=time_left(_LONGEST_TURN)):
            pass
        try:
            yield
        finally:
            turn.release()

    @contextlib.contextmanager
    def _locked(self, name: str, timeout: float | None = None) -> Iterator[_Lock]:
        """Alone with what has this name, among all threads and processes."""
        end = time.monotonic() + time_left(self._timeout if timeout is None else timeout)
        lock = _Lock(f"{self.folder}/.{name}{_LOCK}", end)
        try:
            if not lock.take():
                raise GitError(f"another patcher is at work on the mirror {name}: wait for it")
            yield lock
        finally:
            lock.release()

    def _make(
        self,
        path: Path,
        address: Address,
        refs: RemoteRefs,
        wanted: dict[str, str],
        family: str | None,
        blobs: bool,
        lock: _Lock,
    ) -> None:
        """Make a mirror beside, and put it in its place. Without a ``family`` it shares nothing."""
        new = self.folder / f"{_NEW}{path.name}"
        shutil.rmtree(new, ignore_errors=True)
        with self._first_of(family, path.name, lock) as base:
            first = None if base is None else self.folder / base
            shared = None if first is None else _worth_sharing(first, refs.object_format)
            _lay_out(new, refs.object_format, None if shared is None else first)
            note = _Note(
                address.url,
                refs.object_format,
                born=os.urandom(8).hex(),
                shares="" if shared is None else shared.born,
            )
            try:
                self._bring_up(new, address, note, refs, wanted, blobs, lock)
                self._remove(path)
                os.rename(new, path)  # noqa: PTH104
            except BaseException:
                shutil.rmtree(new, ignore_errors=True)
                raise
            if base is None and family is not None and sum(note.packs.values()) >= MIN_SHARED:
                _replace(self.folder / f".{family}", path.name)

    @contextlib.contextmanager
    def _first_of(self, family: str | None, name: str, own: _Lock) -> Iterator[str | None]:
        """The folder name of a family's first mirror; None: this one may become it, and others of
        the family wait until it is there."""

        def known() -> str | None:
            with contextlib.suppress(OSError):
                first = (self.folder / f".{family}").read_text()
                if first != name and _MIRROR.match(first) and _read_note(self.folder / first):
                    return first
            return None

        first = known()
        if family is None or first is not None:
            yield first
            return
        with self._locked(family, own.left()) as lock:
            try:
                yield known()
            finally:
                lock.remove()

    def _bring_up(
        self,
        path: Path,
        address: Address,
        note: _Note,
        refs: RemoteRefs,
        wanted: dict[str, str],
        blobs: bool,
        lock: _Lock,
    ) -> None:
        """Fetch what the mirror lacks, then let its refs be the remote's."""
        tips = dict.fromkeys(wanted.values())
        there, pushed = set(note.refs.values()), _pushed(path)
        lacking = [oid for oid in tips if oid not in there and oid not in pushed]
        partial = bool(note.partial) or any(name.endswith(".promisor") for name in note.packs)
        if lacking:
            filtered = _base_of(path) is not None
            remote.fetch(
                address,
                path,
                lacking,
                partial=partial,
                filter=filtered,
                timeout=lock.left(),
                pass_fds=lock.shared(),
            )
            if filtered:
                note.partial += lacking
        unfilled = [oid for oid in tips if oid in note.partial]
        if blobs and unfilled:
            missing = missing_blobs(path, unfilled, timeout=lock.left())
            if missing:
                self._fill(address, path, missing, lock)
        note.partial = [] if blobs else unfilled
        head = _head(refs, wanted)
        if lacking or wanted != note.refs or head != note.head:
            # Killed in between, the refs are not those of the last note: it must not say so.
            note.refs, note.head, note.packs = {}, "", _packs(path)
            _write_note(path, note)
            _write_refs(path, wanted, head)
            note.refs, note.head = wanted, head
            _write_note(path, note)
            (path / _PUSHED).unlink(missing_ok=True)
        else:
            _drop_loose(path)

    @staticmethod
    def _fill(address: Address, path: Path, missing: Sequence[str], lock: _Lock) -> None:
        try:
            _fetch_blobs(address, path, missing, lock)
        except RemoteError as error:
            if error.cause == "protocol":
                raise _NoPartial(str(error)) from None
            raise

    def _remove(self, path: Path) -> None:
        """Remove a mirror; whatever moment it is killed at, no half of one stands under the
        name."""
        old = self.folder / f"{_OLD}{path.name}"
        shutil.rmtree(old, ignore_errors=True)
        if os.path.lexists(path):
            os.rename(path, old)  # noqa: PTH104
            shutil.rmtree(old, ignore_errors=True)


def _fetch_blobs(address: Address, path: Path, oids: Sequence[str], lock: _Lock) -> None:
    remote.fetch(
        address,
        path,
        oids,
        depth=False,
        partial=True,
        filter=True,
        timeout=lock.left(),
        pass_fds=lock.shared(),
    )


class _Lock:
    """A lock file, held with flock(2) until ``release`` or the end of the process, and of those
    that it was `shared` with."""

    def __init__(self, path: str, end: float) -> None:
        self._path = path
        self._end = end
        self._descriptor = -1

    def take(self) -> bool:
        """Wait for it; False when time is up."""
        wait = 0.005
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        while True:
            try:
                self._descriptor = os.open(self._path, flags, 0o600)
            except OSError as error:
                raise _unwritable(Path(self._path), error) from error
            with contextlib.suppress(BlockingIOError, FileNotFoundError):
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                there, here = os.stat(self._path), os.fstat(self._descriptor)  # noqa: PTH116
                if there.st_ino == here.st_ino:  # else whoever had it removed it
                    return True
            self.release()
            if time.monotonic() + wait > self._end:
                return False
            time.sleep(wait)
            wait = min(2 * wait, 0.1)

    def left(self) -> float:
        """Seconds that are left for what it was taken for."""
        return max(0.001, self._end - time.monotonic())

    def shared(self) -> Sequence[int]:
        """The descriptor, for a git that writes to what is locked: where patcher is killed and that
        git is not, whoever comes next waits for its end."""
        return [self._descriptor]

    def remove(self) -> None:
        """Remove the file; whoever waits for it makes a new one."""
        with contextlib.suppress(OSError):
            os.unlink(self._path)  # noqa: PTH108

    def release(self) -> None:
        """Let others have it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _unwritable(path: Path, error: OSError) -> GitError:
    why = error.strerror or error
    return GitError(f"the mirror in {printable(path)} cannot be written: {why}")


def folder_name(address: Address) -> str:
    """The name of an address's mirror: what a person can read of it, and a hash of all of it."""
    import hashlib

    text = f"{address.host}-{address.path}".lower()
    slug = re.sub(r"[^a-z0-9._]+", "-", text.removesuffix(".git")).strip("-.")[-80:].strip("-.")
    digest = hashlib.sha256(address.url.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{slug or 'repository'}-{digest[:20]}.git"


def _family(address: Address, parent: str | None) -> str:
    """The name under which the first mirror of a family is noted. A family never spans hosts: by
    what is shared, a repository could ask for an object of another by its id."""
    import hashlib

    name = address.name
    if parent is not None:
        with contextlib.suppress(GitError):
            above = Address.parse(parent)
            name = above.name if above.host == address.host else name
    digest = hashlib.sha256(f"{address.host}\n{name.lower()}".encode()).hexdigest()
    return f"family-{digest[:20]}"


def _wanted(refs: RemoteRefs, bases: Sequence[str], review: Sequence[str]) -> dict[str, str]:
    """The mirror's refs: names there, and ids."""
    wanted: dict[str, str] = {}
    default = refs.head
    if default is not None and default in refs.refs:
        wanted[_mirrored(default)] = refs.refs[default]
    elif "HEAD" in refs.refs:
        wanted[_DETACHED] = refs.refs["HEAD"]
    for pattern in bases:
        if pattern == "HEAD" and default is not None and default in refs.refs:
            wanted[default] = refs.refs[default]
        for name, oid in _matching(refs.refs, pattern):
            wanted[name] = oid
            if len(wanted) > MAX_BASES:
                raise BoundExceeded(
                    f"more than {MAX_BASES} branches match (MAX_BASES): use a narrower --base"
                )
    globs = [_glob(pattern, anything=True) for pattern in review]
    for name, oid in refs.refs.items():
        if name.startswith(_HEADS) and any(glob.fullmatch(name) for glob in globs):
            wanted[name] = oid
            if len(wanted) > 2 * MAX_BASES:
                raise BoundExceeded(f"it has more than {MAX_BASES} review branches (MAX_BASES)")
    return wanted


def _mirrored(name: str) -> str:
    """Where a branch of the remote's stands in the mirror. One that is called HEAD would take the
    place of what names the default one."""
    if name == _HEADS + "HEAD":
        return name
    return _ORIGIN + name.removeprefix(_HEADS) if name.startswith(_HEADS) else name


def _matching(refs: dict[str, str], pattern: str) -> Iterator[tuple[str, str]]:
    """The mirror's refs for one base; `patcher.git.bases` chooses among them, so more do no
    harm."""
    if any(char in pattern for char in "*?["):
        full = pattern.startswith("refs/")
        glob = _glob(pattern if full else _HEADS + pattern)
        for name, oid in refs.items():
            if glob.fullmatch(name) and not name.startswith(_HEADS + REVIEW_BRANCHES):
                yield (name if full else _mirrored(name)), oid
        return
    if pattern.startswith("refs/"):
        if pattern in refs:
            yield pattern, refs[pattern]
        return
    if pattern == "HEAD":
        return  # fetched in any case
    if _HEADS + pattern in refs:
        yield _ORIGIN + pattern, refs[_HEADS + pattern]
    elif _TAGS + pattern in refs:
        yield _TAGS + pattern, refs[_TAGS + pattern]
    elif _ID_PREFIX.match(pattern.lower()):
        tips = {oid for oid in refs.values() if oid.startswith(pattern.lower())}
        if not tips and _OID.match(pattern.lower()):
            tips = {pattern.lower()}
        for oid in tips:
            yield f"refs/patcher/{oid}", oid


def _glob(pattern: str, *, anything: bool = False) -> re.Pattern[str]:
    """A glob as git has it, or wider: a class matches any one character."""
    parts = []
    for piece in re.findall(r"\*\*+|\*|\?|\[[^\]]*\]?|[^*?\[]+", pattern):
        if piece.startswith("*"):
            parts.append(".*" if anything or len(piece) > 1 else "[^/]*")
        elif piece[0] in "?[":
            parts.append("." if anything else "[^/]")
        else:
            parts.append(re.escape(piece))
    return re.compile("".join(parts), re.DOTALL)


def _head(refs: RemoteRefs, wanted: dict[str, str]) -> str:
    """What the mirror's HEAD file says: HEAD at the remote."""
    if refs.head is not None and _mirrored(refs.head) in wanted:
        return f"ref: {refs.head}"
    return refs.refs.get("HEAD", _UNBORN)


def _lay_out(path: Path, object_format: str, first: Path | None) -> None:
    """The few files of an empty repository; `git init` takes as long as a fetch."""
    path.mkdir(mode=0o700)
    for folder in ("objects", "objects/pack", "objects/info", "refs"):
        (path / folder).mkdir()
    config = "[core]\n\trepositoryFormatVersion = 1\n\tbare = true\n"
    config += "[gc]\n\tauto = 0\n"
    if object_format != "sha1":
        config += f"[extensions]\n\tobjectFormat = {object_format}\n"
    (path / "config").write_text(config)
    (path / "HEAD").write_text(_UNBORN + "\n")
    if first is not None:
        (path / "objects/info/alternates").write_text(f"../../{first.name}/objects\n")


def _base_of(path: Path) -> Path | None:
    """The mirror whose objects this one shares."""
    try:
        text = (path / "objects/info/alternates").read_text().strip()
    except OSError:
        return None
    return path.parent / text.split("/")[2]


def _worth_sharing(path: Path, object_format: str) -> _Note | None:
    """The note of a mirror that others can share objects of; None: they cannot, or it is too
    small."""
    note = _read_note(path)
    if note is None or note.format != object_format or note.shares:
        return None
    whole = _fault(path, note) is None and sum(note.packs.values()) >= MIN_SHARED
    return note if whole else None


def _usable(path: Path, address: Address, refs: RemoteRefs) -> _Note | None:
    """The note of a mirror that can be brought up to date; None: make it anew."""
    note = _read_note(path)
    if note is None or note.url != address.url:
        return None
    if refs.refs and note.format != refs.object_format:
        return None
    if _fault(path, note) is not None:
        return None
    if sum(name.endswith(".pack") for name in note.packs) > MAX_PACKS:
        return None
    _tidy(path)
    return note


def _fault(path: Path, note: _Note) -> str | None:
    """What is wrong with a mirror, as far as it shows without reading objects; None: nothing."""
    packs = _packs(path)
    if any(packs.get(name) != size for name, size in note.packs.items()):
        return "a pack is missing or has another size"
    if not all((path / name).exists() for name in ("HEAD", "config", "objects/info", "refs")):
        return "a file is missing"
    base = _base_of(path)
    if base is not None:
        other = _read_note(base)
        if other is None or other.born != note.shares or _fault(base, other) is not None:
            return f"the mirror that it shares objects with, {base.name}, is not whole"
    return None


def _tidy(path: Path) -> None:
    """Remove what a killed git left behind, in a mirror that is locked."""
    for name in ("shallow.lock", "packed-refs.lock", "packed-refs.new", "HEAD.lock"):
        (path / name).unlink(missing_ok=True)
    for name in os.listdir(path / "objects/pack"):  # noqa: PTH208
        if name.startswith(("tmp_", ".tmp-")) or name.endswith(".keep"):
            (path / "objects/pack" / name).unlink(missing_ok=True)


def _packs(path: Path) -> dict[str, int]:
    try:
        with os.scandir(path / "objects/pack") as entries:
            return {
                entry.name: entry.stat().st_size
                for entry in entries
                if entry.name.startswith("pack-") and not entry.name.endswith(".keep")
            }
    except OSError:
        return {}


def _pushed(path: Path) -> frozenset[str]:
    """The commits that patcher wrote here and pushed since the last update: all of their objects
    are here."""
    try:
        return frozenset((path / _PUSHED).read_text(encoding="ascii").split("\n"))
    except (OSError, UnicodeDecodeError):
        return frozenset()


def missing_blobs(path: Path, tips: Sequence[str], *, timeout: float = TIMEOUT) -> list[str]:
    """The ids of objects of these commits that a mirror lacks."""
    output = run(
        ["rev-list", "--objects", "--no-object-names", "--missing=print", "--no-walk", "--stdin"],
        git_dir=path,
        stdin="".join(f"{oid}\n" for oid in tips).encode(),
        config={f"remote.{remote.REMOTE}.promisor": "true"},
        timeout=timeout,
        limit=_MOST_OBJECTS,
        memory=remote.FETCH_MEMORY,
    )
    return [oid.decode() for oid in re.findall(rb"^\?([0-9a-f]+)$", output, re.MULTILINE)]


def _check_objects(path: Path, note: _Note, timeout: float) -> None:
    """Read every object of a mirror's own packs, and follow its refs. Raises `GitError`."""
    packs = [f"{path}/objects/pack/{name}" for name in note.packs if name.endswith(".idx")]
    config = (
        {f"remote.{remote.REMOTE}.promisor": "true"}
        if note.partial or any(name.endswith(".promisor") for name in note.packs)
        else {}
    )
    if packs:
        command = ["verify-pack", "--", *packs]
        run(command, git_dir=path, timeout=timeout, memory=remote.FETCH_MEMORY)
    run(
        ["fsck", "--connectivity-only", "--no-dangling", "--no-progress"],
        git_dir=path,
        config=config,
        timeout=timeout,
        memory=remote.FETCH_MEMORY,
    )
    if not note.partial and missing_blobs(path, list(note.refs.values()), timeout=timeout):
        raise GitError("objects are missing")


def _write_refs(path: Path, refs: dict[str, str], head: str) -> None:
    """Let the mirror's refs be these and no others."""
    lines = [f"{oid} {name}\n" for name, oid in sorted(refs.items(), key=_in_bytes)]
    text = "# pack-refs with: sorted \n" + "".join(lines)
    _replace(path / "packed-refs", text)
    _drop_loose(path)
    default = head.removeprefix("ref: ")
    symbolic = path / _ORIGIN / "HEAD"
    if head.startswith("ref: ") and head != _UNBORN:
        symbolic.parent.mkdir(parents=True, exist_ok=True)
        _replace(symbolic, f"ref: {_mirrored(default)}\n")
    else:
        symbolic.unlink(missing_ok=True)
    _replace(path / "HEAD", head + "\n")


def _in_bytes(item: tuple[str, str]) -> bytes:
    return os.fsencode(item[0])


def _drop_loose(path: Path) -> None:
    """Remove branches that patcher wrote here and whoever fetches the remote's does not want."""
    for place in ("refs/heads", "logs"):
        if (path / place).exists():
            shutil.rmtree(path / place)


def _replace(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8", errors="surrogateescape")
    os.replace(new, path)  # noqa: PTH105


def _read_note(path: Path) -> _Note | None:
    import json

    try:
        known: dict[str, Any] = json.loads((path / _NOTE).read_bytes())
        return _Note(**known)
    except (OSError, ValueError, TypeError):
        return None


def _write_note(path: Path, note: _Note) -> None:
    import json
    from dataclasses import asdict

    _replace(path / _NOTE, json.dumps(asdict(note)))


def _size(path: Path) -> int:
    size = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(f"{folder}/{name}").st_blocks * 512
    return size

"""Mirrors: bare repositories in the cache folder, each one commit deep, for remotes.

A mirror is a folder that patcher alone writes to, under a lock of its own, which ends with its
process. It holds nothing that the remote has not, or that the next run would not write again, so
one that is not whole is not mended: it is made anew. A new one is made beside, and takes its name
when it is complete.

What the mirror has is noted in its ``patcher`` file, with the sizes of its packs, so that an update
of what did not move is a look at the remote's refs and at one folder.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from patcher.git import remote
from patcher.git.address import Address
from patcher.git.errors import ShallowRefused, UnbornHead
from patcher.git.history import History
from patcher.git.limits import TIMEOUT, waiting
from patcher.git.marks import has_mark
from patcher.git.mirrors import history as own_history
from patcher.git.mirrors import upkeep
from patcher.git.mirrors.networks import network_of
from patcher.git.mirrors.refs import HEADS, REVIEW, default_branch, wanted_refs
from patcher.git.mirrors.store import (
    NOTE,
    Lock,
    MirrorFolder,
    folder_name,
    note_pushed,
    unwritable,
)
from patcher.git.mirrors.update import Update
from patcher.git.mirrors.upkeep import Mirror
from patcher.git.refs import branch_tip
from patcher.git.runner import run
from patcher.git.values import Base, Repository

__all__ = ["Mirror", "Mirrors", "folder_name"]


def _is_base(name: str) -> bool:
    """Whether it is the full name of what can be a base, as servers list it or users write it."""
    return name.startswith((HEADS, "refs/tags/"))


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
        self._store = MirrorFolder(folder, timeout)
        self.folder = self._store.folder
        self._per_host = per_host
        self._timeout = timeout
        self._hosts: dict[str, threading.BoundedSemaphore] = {}
        self._pushing: dict[str, threading.Lock] = {}
        self._pushed_at: dict[str, float] = {}
        """When a push to a host ended."""
        self._guard = threading.Lock()

    def update(
        self,
        address: Address,
        bases: Sequence[str] = (),
        *,
        review: Sequence[str] = REVIEW,
        family: str | None = None,
        default: str | None = None,
        fresh: bool = False,
        seen: Callable[[Repository], object] | None = None,
    ) -> Repository:
        """The mirror of ``address``, as the remote is now.

        ``bases`` are what `patcher.git.bases` takes, and it then finds them as in a clone; those
        that the remote has not are left out. ``review`` are globs (``*`` matches any character) of
        full names of the review branches: they are local branches of the mirror, exactly as the
        remote has them. Where the remote's refs did not move, nothing is fetched.

        ``family`` is the address of what this is a fork of, as the forge says. Mirrors of one fork
        network (by that, else by their own last path part) on one host share the objects of the
        first of them; the others fetch trees first, and then the blobs that are not there.
        ``default`` is the default branch, as the forge says, for a remote whose HEAD names none.
        ``fresh`` makes the mirror anew, which is what to do when objects of it cannot be read.
        ``seen`` is called while the mirror is locked still: afterwards another patcher may update
        it with other bases.

        Raises `RemoteError` after the retries, `UnbornHead` where there are ``bases`` and the
        remote has no branch or tag at all, and other kinds of `GitError`.
        """
        name = folder_name(address)
        path = self.folder / name
        network = network_of(address, family)
        slot = partial(self._host, address)

        def attempt(lock: Lock) -> Repository:
            # Without bases nothing but branches is of use, and there may be many other refs.
            patterns = () if bases else ("HEAD", HEADS + "*")
            with slot():
                refs = remote.list_refs(address, patterns, timeout=lock.left())
            if refs.head not in refs.refs and "HEAD" not in refs.refs:
                refs = replace(refs, head=default_branch(refs, default, required=not bases))
            wanted = wanted_refs(refs, bases, review)
            Update(self._store, name, address, refs, wanted, network, lock, slot).run(fresh=fresh)
            with contextlib.suppress(OSError):
                os.utime(path / NOTE)
            if bases and not any(map(_is_base, (*refs.refs, *bases))):
                raise UnbornHead("it has no branch yet: nothing to do")
            repository = Repository(path, path, None, address)
            if seen is not None:
                seen(repository)
            return repository

        try:
            with self._store.locked(name) as lock:
                return remote.retried(lambda left: attempt(lock), lock.left())
        except OSError as error:
            raise unwritable(path, error) from error

    def push(
        self,
        repository: Repository,
        branch: str,
        commit: str | None,
        expected: str | None,
        *,
        pause: float = 0.0,
        to: Address | None = None,
        options: Sequence[str] = (),
        ref: str | None = None,
    ) -> str:
        """As `send`, from a mirror; ``to`` a fork of what it mirrors."""
        there = repository if to is None else replace(repository, address=to)
        send = partial(self.send, pause=pause, options=options, ref=ref)
        try:
            said = send(there, branch, commit, expected)
        except ShallowRefused:
            assert commit is not None
            # It goes to a fork that is behind, maybe by the user's `pushInsteadOf`.
            self._deepen(repository, commit)
            said = send(there, branch, commit, expected)
        if commit is not None and to is None:
            note_pushed(repository.git_dir, commit)
        return said

    def tip(self, repository: Repository, branch: str) -> str | None:
        """The commit of a review branch; None where there is none."""
        return branch_tip(repository, branch)

    def send(
        self,
        repository: Repository,
        branch: str,
        commit: str | None,
        expected: str | None,
        *,
        pause: float = 0.0,
        options: Sequence[str] = (),
        ref: str | None = None,
    ) -> str:
        """As `patcher.git.remote.push`, with a slot of the host for each attempt; ``ref`` is its
        ``to``. With a ``pause``, in seconds, there is one push at a time to a host, and so long a
        pause between two."""
        assert repository.address is not None
        slot = partial(self._host, repository.address)
        with self._paced(repository.address.host, pause):
            return remote.push(
                repository,
                branch,
                commit,
                expected,
                to=ref,
                options=options,
                timeout=self._timeout,
                slot=slot,
            )

    def refs(self, address: Address, patterns: Sequence[str]) -> remote.RemoteRefs:
        """As `patcher.git.remote.list_refs`, with a slot of the host for each attempt."""

        def attempt(left: float) -> remote.RemoteRefs:
            with self._host(address):
                return remote.list_refs(address, patterns, timeout=left)

        return remote.retried(attempt, self._timeout)

    def _deepen(self, repository: Repository, commit: str) -> None:
        """Fetch all that lies before a commit that was made here."""
        assert repository.address is not None
        slot = partial(self._host, repository.address)
        path = repository.git_dir
        with self._store.locked(path.name) as lock:
            bases = run(["rev-list", "--max-parents=0", commit], git_dir=path).decode().split()
            descriptors = lock.shared()
            with slot():
                remote.fetch(
                    repository.address,
                    path,
                    bases,
                    depth=None,
                    timeout=lock.left(),
                    pass_fds=descriptors,
                )

    def history(self, repository: Repository, base: Base, branch: str, tip: str) -> History:
        """As `patcher.git.history.history`, at the remote; what it names is then in the mirror."""
        address = repository.address
        assert address is not None
        slot = partial(self._host, address)

        def attempt(_: float) -> History:
            with slot():
                return own_history.read(address, base, branch, tip)

        found = remote.retried(attempt, self._timeout)
        self.bring(repository, address, found)
        return found

    def bring(self, repository: Repository, address: Address, found: History) -> None:
        """Fetch what a history names, and the mirror lacks, from where that was read."""
        marked = [commit for commit in found.own if has_mark(commit.message)]
        needed = {*found.merge_bases, *(commit.oid for commit in marked)}
        needed |= {parent for commit in marked for parent in commit.parents}
        self.bring_commits(repository, address, sorted(needed))

    def bring_commits(
        self, repository: Repository, address: Address, commits: Sequence[str]
    ) -> None:
        """Fetch those commits that the mirror lacks."""
        slot = partial(self._host, address)
        with self._store.locked(repository.git_dir.name) as lock:
            own_history.bring(address, repository.git_dir, commits, lock, slot)

    def is_elsewhere(self, repository: Repository, commit: str, branch: str) -> bool:
        """As `patcher.git.history.is_elsewhere`, at the remote."""
        address = repository.address
        assert address is not None
        with self._host(address):
            return own_history.is_elsewhere(address, commit, branch)

    def list(self) -> Sequence[Mirror]:
        """The mirrors that are there, by address."""
        return upkeep.every(self._store)

    def verify(self, mirror: Mirror) -> str | None:
        """Why a mirror is not whole, on one line; None when it is. One that is not is made anew by
        its next update."""
        return upkeep.verify(self._store, mirror.repository.git_dir)

    def clear(self, mirrors: Sequence[Mirror]) -> int:
        """Remove mirrors, and with the first of a fork network all others of it; how many went."""
        return upkeep.clear(self._store, [mirror.repository.git_dir for mirror in mirrors])

    def sweep(self) -> None:
        """Remove everything that is no mirror: what was being made or removed when its process was
        killed, and mirrors that lost what makes them usable."""
        upkeep.sweep(self._store)

    @contextlib.contextmanager
    def _paced(self, host: str, pause: float) -> Iterator[None]:
        """The turn to push to a host. The wait for it does not count against a time limit."""
        if not pause:
            yield
            return
        with self._guard:
            turn = self._pushing.setdefault(host, threading.Lock())
        with waiting():
            turn.acquire()
        try:
            with waiting():
                time.sleep(max(0.0, self._pushed_at.get(host, 0.0) + pause - time.monotonic()))
            yield
        finally:
            self._pushed_at[host] = time.monotonic()
            turn.release()

    @contextlib.contextmanager
    def _host(self, address: Address) -> Iterator[None]:
        """One of the slots of a host. The wait for it does not count against a time limit, for how
        long it takes depends on others."""
        if not address.host:
            yield
            return
        with self._guard:
            slot = self._hosts.setdefault(address.host, threading.BoundedSemaphore(self._per_host))
        if not slot.acquire(blocking=False):
            with waiting():
                slot.acquire()
        try:
            yield
        finally:
            slot.release()

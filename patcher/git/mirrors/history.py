"""The history of a review branch at its remote: a mirror has one commit of each branch.

Commits are fetched without their files, into a repository that lasts as long as they are read. What
the mirror then lacks of the few that count is fetched into it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from patcher.git import remote
from patcher.git.address import Address
from patcher.git.base_refs import is_staging
from patcher.git.errors import GitError, GitFailed, RemoteError
from patcher.git.history import History, compared, is_reachable
from patcher.git.limits import time_left
from patcher.git.mirrors.networks import fill
from patcher.git.mirrors.refs import HEADS, origin_of
from patcher.git.mirrors.store import Lock, Slot, first_of, lay_out
from patcher.git.objects import Objects
from patcher.git.scratch import scratch
from patcher.git.values import Base

_FORMATS = {40: "sha1", 64: "sha256"}


def read(address: Address, base: Base, branch: str, tip: str) -> History:
    """As `patcher.git.history.history`, from the remote. Raises `RemoteError`."""
    ref = origin_of(base.ref)
    if ref is not None:
        # The remote itself leaves out what the base has: that is a few commits.
        with _without(address, tip, ref) as place:
            if place is not None:
                short = compared(os.fspath(place), {}, place / "objects", tip, None)
                if short.is_whole and len(short.merge_bases) == 1:
                    return short
        if place is None and _is_in(address, base.commit, branch, tip):
            return History((), True, (tip,))
    with _beside(len(tip)) as place:
        _fetch_all(address, place, [base.commit, tip])
        return compared(os.fspath(place), {}, place / "objects", tip, base.commit)


def read_fork(upstream: Address, fork: Address, base: Base, tip: str) -> History:
    """As `read`, of a branch in a fork, which need not have the base as it is now."""
    with _beside(len(tip)) as place:
        _fetch_all(upstream, place, [base.commit])
        _fetch_all(fork, place, [tip])
        return compared(os.fspath(place), {}, place / "objects", tip, base.commit)


@contextlib.contextmanager
def _without(address: Address, tip: str, ref: str) -> Iterator[Path | None]:
    """The commits of ``tip`` without those of a ref of the remote. None where that is all: then
    servers end the call, most of them without a word, as they do for what they do not support."""
    with _beside(len(tip)) as place:
        try:
            remote.fetch(address, place, [tip], commits=True, without=ref, timeout=time_left())
        except (GitFailed, RemoteError) as error:
            if error.cause in ("authentication", "not found", "rate limit"):
                raise
            yield None
        else:
            yield place


def _is_in(address: Address, base: str, branch: str, tip: str) -> bool:
    """Whether the base has the branch: where it has, one of the commits by which it is ahead has
    the tip as its parent."""
    with _without(address, base, HEADS + branch) as place:
        if place is None:
            return base == tip
        ahead = compared(os.fspath(place), {}, place / "objects", base, None)
        return tip in ahead.merge_bases


def is_elsewhere(address: Address, commit: str, branch: str) -> bool:
    """As `patcher.git.history.is_elsewhere`, of the branches of the remote."""
    refs = remote.list_refs(address, (HEADS + "*",), timeout=time_left()).refs
    own = HEADS + branch
    others = list({oid for ref, oid in refs.items() if not (ref == own or is_staging(ref))})
    if not others:
        return False
    with _beside(len(commit)) as place:
        _fetch_all(address, place, [*others, commit])
        return is_reachable(os.fspath(place), {}, commit, others)


_OF_THE_FORGE = (
    "refs/pull/",
    "refs/merge-requests/",
    "refs/keep-around/",
    "refs/pipelines/",
    "refs/environments/",
)
"""What forges write themselves."""


def unknown_refs(
    upstream: Address, fork: Address, ours: Mapping[str, Collection[str]]
) -> Sequence[str]:
    """The refs of a fork that hold what its upstream has on no branch and under no tag. ``ours``:
    commits that may be lost, by the full name of the ref that they are at. Raises `GitError`."""
    theirs = remote.list_refs(upstream, (HEADS + "*", "refs/tags/*"), timeout=time_left()).refs
    known = {*theirs.values()}
    left = {
        name: oid
        for name, oid in remote.list_refs(fork, ("refs/*",), timeout=time_left()).refs.items()
        if oid not in known and oid not in ours.get(name, ()) and not name.startswith(_OF_THE_FORGE)
    }
    unknown = [name for name in left if not name.startswith(HEADS)]
    behind = [name for name in left if name.startswith(HEADS)]
    tips = list({oid for name, oid in theirs.items() if name.startswith(HEADS)})
    if unknown or not behind or not tips:
        return unknown or behind
    with _beside(len(tips[0])) as place:
        _fetch_all(upstream, place, tips)
        _fetch_all(fork, place, list({left[name] for name in behind}))
        return [name for name in behind if not is_reachable(os.fspath(place), {}, left[name], tips)]


def bring(address: Address, path: Path, commits: Sequence[str], lock: Lock, slot: Slot) -> None:
    """Fetch those commits that a mirror lacks, with their files."""
    if not commits:
        return
    with Objects(path / "objects", hexsize=len(commits[0])) as objects:
        found = objects.read([oid.encode() for oid in commits], 0)
        lacking = [header.oid for header in found if header.kind != "commit"]
    if not lacking:
        return
    shares = first_of(path) is not None
    descriptors = lock.shared()
    with slot():
        left = lock.left()
        remote.fetch(address, path, lacking, filter=shares, timeout=left, pass_fds=descriptors)
    if shares:
        fill(address, path, lacking, lock, slot)


def _fetch_all(address: Address, place: Path, commits: Sequence[str]) -> None:
    try:
        remote.fetch(address, place, commits, depth=False, commits=True, timeout=time_left())
    except (GitFailed, RemoteError) as error:
        if isinstance(error, RemoteError) and error.transient:
            raise
        raise GitError(f"the history of the review branch cannot be fetched: {error}") from None


@contextlib.contextmanager
def _beside(hexsize: int) -> Iterator[Path]:
    place = Path(scratch(hexsize)) / f"view-{os.urandom(8).hex()}"
    try:
        lay_out(place, _FORMATS[hexsize], None)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)

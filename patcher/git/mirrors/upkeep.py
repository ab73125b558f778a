"""List, verify and remove mirrors."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from patcher.git import remote
from patcher.git.address import Address
from patcher.git.errors import GitError
from patcher.git.mirrors.networks import PROMISOR, missing_blobs
from patcher.git.mirrors.store import NOTE, MirrorFolder, Note, fault, first_of, read_note
from patcher.git.runner import run
from patcher.git.values import Repository
from patcher.values import dataclass


@dataclass(frozen=True, slots=True)
class Mirror:
    """A mirror as it lies in the cache."""

    repository: Repository
    branches: int
    """Refs that were fetched, patcher's own review branches too."""
    size: int
    """Bytes on disk, without those of the mirror whose objects it shares."""
    used: float
    """When it was last updated, in seconds since the epoch."""
    family: Path | None
    """The mirror whose objects it shares; None: it has all of its own."""


def every(store: MirrorFolder) -> Sequence[Mirror]:
    """The mirrors that are there, by address."""
    found = []
    for name in store.names():
        path = store.folder / name
        note = read_note(path)
        if note is None:
            continue
        with contextlib.suppress(OSError, GitError):
            repository = Repository(path, path, None, Address.parse(note.url))
            used = (path / NOTE).stat().st_mtime
            found.append(Mirror(repository, len(note.refs), _size(path), used, first_of(path)))
    return sorted(found, key=lambda mirror: mirror.repository.place)


def verify(store: MirrorFolder, path: Path) -> str | None:
    """Why a mirror is not whole, on one line; None when it is. One that is not loses its note."""
    with store.locked(path.name) as lock:
        note = read_note(path)
        if note is None:
            return "it was removed meanwhile"
        why = fault(path, note)
        if why is None:
            try:
                _check_objects(path, note, lock.left())
            except GitError as error:
                why = str(error)
        if why is not None:
            (path / NOTE).unlink(missing_ok=True)
        return why


def _check_objects(path: Path, note: Note, timeout: float) -> None:
    """Read every object of a mirror's own packs, and follow its refs. Raises `GitError`."""
    packs = [f"{path}/objects/pack/{name}" for name in note.packs if name.endswith(".idx")]
    config = PROMISOR if any(name.endswith(".promisor") for name in note.packs) else {}
    checks = [["verify-pack", "--", *packs]] if packs else []
    checks.append(["fsck", "--connectivity-only", "--no-dangling", "--no-progress"])
    for command in checks:
        run(command, git_dir=path, config=config, timeout=timeout, memory=remote.FETCH_MEMORY)
    if missing_blobs(path, list(note.refs.values()), timeout=timeout):
        raise GitError("objects are missing")


def clear(store: MirrorFolder, paths: Collection[Path]) -> int:
    """Remove mirrors, and with one that others share objects of, those; how many went."""
    gone = {path.name for path in paths}
    for mirror in every(store):
        if mirror.family is not None and mirror.family.name in gone:
            gone.add(mirror.repository.git_dir.name)
    # Those that lean on others first, so that no kill leaves one without what it leans on.
    for name in sorted(gone, key=lambda name: first_of(store.folder / name) is None):
        with store.locked(name) as lock:
            store.remove(name)
            lock.remove()
    return len(gone)


def sweep(store: MirrorFolder) -> None:
    """Remove everything that is no mirror: what was being made or removed when its process was
    killed, and mirrors that lost what makes them usable."""
    for name, whole in list(store.leftovers()):
        with contextlib.suppress(GitError), store.locked(whole, 0):
            if name != whole or read_note(store.folder / name) is None:
                shutil.rmtree(store.folder / name, ignore_errors=True)


def _size(path: Path) -> int:
    size = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(f"{folder}/{name}").st_blocks * 512
    return size

"""Fork networks: mirrors of one host that share the objects of the first of them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from patcher.git import remote
from patcher.git.address import Address
from patcher.git.errors import GitError, RemoteError
from patcher.git.limits import TIMEOUT, waiting
from patcher.git.mirrors.store import (
    MIRROR,
    Lock,
    MirrorFolder,
    Note,
    Slot,
    fault,
    read_note,
    replace,
)
from patcher.git.runner import run

MIN_SHARED = 1 << 20
"""Bytes of packs from which a mirror is worth sharing: below, asking for what is missing takes
longer than fetching it."""

_MOST_OBJECTS = 512 << 20  # bytes of the list of a commit's objects, 41 for each

PROMISOR = {f"remote.{remote.REMOTE}.promisor": "true"}
"""Lets git miss blobs that it did not ask for."""


class NoPartial(GitError):
    """The remote sends no blobs by their ids."""


def network_of(address: Address, parent: str | None) -> str:
    """The name under which the first mirror of a network is noted; ``parent`` is the address of
    what the repository is a fork of. A network never spans hosts: by what is shared, a repository
    could ask for an object of another by its id."""
    import hashlib

    name = address.name
    if parent is not None:
        with contextlib.suppress(GitError):
            above = Address.parse(parent)
            name = above.name if above.host == address.host else name
    digest = hashlib.sha256(f"{address.host}\n{name.lower()}".encode()).hexdigest()
    return f"family-{digest[:20]}"


@contextlib.contextmanager
def first_in(store: MirrorFolder, network: str | None, name: str) -> Iterator[str | None]:
    """The folder name of a network's first mirror; None: this one may become it, and others of the
    network wait until it is there."""

    def known() -> str | None:
        with contextlib.suppress(OSError):
            first = (store.folder / f".{network}").read_text()
            if first != name and MIRROR.match(first) and read_note(store.folder / first):
                return first
        return None

    first = known()
    if network is None or first is not None:
        yield first
        return
    with contextlib.ExitStack() as stack:
        with waiting():  # for others of the network, however long they take to fetch the first
            lock = stack.enter_context(store.locked(network))
        try:
            yield known()
        finally:
            lock.remove()


def become_first(store: MirrorFolder, network: str, name: str, note: Note) -> None:
    """Let a mirror be the first of its network, if it is large enough to be shared."""
    if sum(note.packs.values()) >= MIN_SHARED:
        replace(store.folder / f".{network}", name)


def worth_sharing(path: Path, object_format: str) -> Note | None:
    """The note of a mirror that others can share objects of; None: they cannot, or it is too
    small."""
    note = read_note(path)
    if note is None or note.format != object_format or note.shares:
        return None
    whole = fault(path, note) is None and sum(note.packs.values()) >= MIN_SHARED
    return note if whole else None


def fill(address: Address, path: Path, tips: Sequence[str], lock: Lock, slot: Slot) -> None:
    """Fetch what a mirror that shares objects lacks of these commits. Raises `NoPartial`, and as
    `remote.fetch`."""
    missing = missing_blobs(path, tips, timeout=lock.left())
    if not missing:
        return
    descriptors = lock.shared()
    try:
        with slot():
            left = lock.left()
            remote.fetch(
                address, path, missing, depth=False, filter=True, timeout=left, pass_fds=descriptors
            )
    except RemoteError as error:
        if error.cause == "protocol":
            raise NoPartial(str(error)) from None
        raise


def missing_blobs(path: Path, tips: Sequence[str], *, timeout: float = TIMEOUT) -> list[str]:
    """The ids of objects of these commits that a mirror lacks."""
    output = run(
        ["rev-list", "--objects", "--no-object-names", "--missing=print", "--no-walk", "--stdin"],
        git_dir=path,
        stdin="".join(f"{oid}\n" for oid in tips).encode(),
        config=PROMISOR,
        timeout=timeout,
        limit=_MOST_OBJECTS,
        memory=remote.FETCH_MEMORY,
    )
    return [oid.decode() for oid in re.findall(rb"^\?([0-9a-f]+)$", output, re.MULTILINE)]

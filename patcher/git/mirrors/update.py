"""Bring one mirror up to date, or make it anew."""

from __future__ import annotations

import os

from patcher.git import remote
from patcher.git.address import Address
from patcher.git.errors import BoundExceeded, GitError, GitTimeout, RemoteError
from patcher.git.mirrors import refs as own_refs
from patcher.git.mirrors.networks import NoPartial, become_first, fill, first_in, worth_sharing
from patcher.git.mirrors.store import (
    Lock,
    MirrorFolder,
    Note,
    Slot,
    fault,
    first_of,
    forget_pushed,
    lay_out,
    packs,
    pushed,
    read_note,
    tidy,
    write_note,
)
from patcher.git.remote import RemoteRefs
from patcher.values import dataclass

MAX_PACKS = 50
"""Packs after which a mirror is made anew; each makes every look for an object slower."""


@dataclass(frozen=True, slots=True)
class Update:
    """One update of the mirror ``name``, which is locked."""

    store: MirrorFolder
    name: str
    address: Address
    refs: RemoteRefs
    """What the remote has."""
    wanted: dict[str, str]
    """What the mirror is to have."""
    network: str
    lock: Lock
    slot: Slot

    def run(self, *, fresh: bool) -> None:
        """Raises `RemoteError` and other kinds of `GitError`."""
        note = None if fresh else self._usable()
        try:
            if note is None:
                self._make(self.network)
            else:
                self._bring_up(self.name, note)
        except (RemoteError, BoundExceeded, GitTimeout):
            raise
        except NoPartial:
            self._make(None)
        except (GitError, OSError):
            if note is None:
                raise
            # Not the remote's doing: the mirror is broken.
            self._make(self.network)

    def _usable(self) -> Note | None:
        """The note of a mirror that can be brought up to date; None: make it anew."""
        path = self.store.folder / self.name
        note = read_note(path)
        if note is None or note.url != self.address.url or fault(path, note) is not None:
            return None
        if self.refs.refs and note.format != self.refs.object_format:
            return None
        if sum(name.endswith(".pack") for name in note.packs) > MAX_PACKS:
            return None
        tidy(path)
        return note

    def _make(self, network: str | None) -> None:
        """Make the mirror beside, and put it in its place. Without a ``network`` it shares
        nothing."""
        with first_in(self.store, network, self.name) as known:
            first = None if known is None else self.store.folder / known
            shared = None if first is None else worth_sharing(first, self.refs.object_format)
            note = Note(
                self.address.url,
                self.refs.object_format,
                generation=os.urandom(8).hex(),
                shares="" if shared is None else shared.generation,
            )
            with self.store.beside(self.name) as new:
                lay_out(new, self.refs.object_format, None if shared is None else first)
                self._bring_up(new.name, note)
            if known is None and network is not None:
                become_first(self.store, network, self.name, note)

    def _bring_up(self, name: str, note: Note) -> None:
        """Fetch what the mirror lacks, then let its refs be the remote's."""
        path = self.store.folder / name
        there, ours = set(note.refs.values()), pushed(path)
        tips = dict.fromkeys(self.wanted.values())
        lacking = [oid for oid in tips if oid not in there and oid not in ours]
        if lacking:
            shares = first_of(path) is not None
            descriptors = self.lock.shared()
            with self.slot():
                left = self.lock.left()
                remote.fetch(
                    self.address, path, lacking, filter=shares, timeout=left, pass_fds=descriptors
                )
            if shares:
                fill(self.address, path, lacking, self.lock, self.slot)
        head = own_refs.head_of(self.refs, self.wanted)
        if not lacking and self.wanted == note.refs and head == note.head:
            own_refs.drop_loose(path)
            return
        # Killed in between, the refs are not those of the last note: it must not say so.
        note.refs, note.head, note.packs = {}, "", packs(path)
        write_note(path, note)
        own_refs.write_refs(path, self.wanted, head)
        note.refs, note.head = self.wanted, head
        write_note(path, note)
        forget_pushed(path)

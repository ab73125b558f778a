"""The folder of mirrors, and the files of one."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from patcher.git import places
from patcher.git.address import Address
from patcher.git.errors import GitError
from patcher.git.limits import clock, time_left
from patcher.locks import FileLock
from patcher.text import printable

UNBORN = "ref: refs/heads/HEAD"
"""The HEAD of a remote without one: it has no commit, and `patcher.git.bases` says so."""

NOTE = "patcher"
_PUSHED = "patcher-pushed"
_NEW = ".new-"
_OLD = ".old-"
Slot = Callable[[], AbstractContextManager[None]]
"""Within it, one of the slots of a host is taken."""

MIRROR = re.compile(r"[a-z0-9._-]+-[0-9a-f]{20}\.git\Z")


@dataclass(slots=True)
class Note:
    """What a mirror knows of itself."""

    url: str
    format: str
    head: str = ""
    """What HEAD names at the remote, or its commit."""
    refs: dict[str, str] = field(default_factory=dict)
    packs: dict[str, int] = field(default_factory=dict)
    """Sizes of the files in the pack folder."""
    generation: str = ""
    """Which making of the mirror it is."""
    shares: str = ""
    """The generation of the mirror whose objects it shares; empty: it shares none."""


class Lock:
    """Held while a mirror is at work. It says how much time is left for that."""

    def __init__(self, lock: FileLock, end: float) -> None:
        self._lock, self._end = lock, end
        self.remove = lock.remove

    def left(self) -> float:
        """Seconds that are left for what it was taken for."""
        return max(0.001, self._end - clock())

    def shared(self) -> Sequence[int]:
        """The descriptor, for a git that writes to what is locked."""
        return [self._lock.descriptor]


class MirrorFolder:
    """The mirrors in one folder, by their names; see `folder_name`."""

    def __init__(self, folder: Path | None, timeout: float) -> None:
        self.folder = places.cache_folder() / "mirrors" if folder is None else folder
        places.own_folder(self.folder, hint="set PATCHER_CACHE_DIR to a folder of your own")
        self.timeout = timeout

    def names(self) -> Sequence[str]:
        """The mirrors that are there, whole or not."""
        return [name for name in self._entries() if MIRROR.match(name)]

    def leftovers(self) -> Iterator[tuple[str, str]]:
        """What is no mirror, with the name of the mirror that it is, or was to be, part of."""
        for name in self._entries():
            whole = name.removeprefix(_NEW).removeprefix(_OLD)
            if MIRROR.match(whole) and (name != whole or read_note(self.folder / name) is None):
                yield name, whole

    def _entries(self) -> Sequence[str]:
        try:
            return sorted(entry.name for entry in self.folder.iterdir())
        except OSError:
            return []

    @contextlib.contextmanager
    def locked(self, name: str, timeout: float | None = None) -> Iterator[Lock]:
        """Alone with what has this name, among all threads and processes."""
        seconds = time_left(self.timeout if timeout is None else timeout)
        path = f"{self.folder}/.{name}.lock"
        lock = FileLock(path)
        try:
            try:
                end = clock() + seconds
                taken = lock.take(time.monotonic() + seconds)
            except OSError as error:
                raise unwritable(Path(path), error) from error
            if not taken:
                raise GitError(f"another patcher is at work on the mirror {name}: wait for it")
            yield Lock(lock, end)
        finally:
            lock.release()

    @contextlib.contextmanager
    def beside(self, name: str) -> Iterator[Path]:
        """A folder that takes the place of the mirror when the block ends well."""
        new = self.folder / f"{_NEW}{name}"
        shutil.rmtree(new, ignore_errors=True)
        try:
            yield new
            self.remove(name)
            os.rename(new, self.folder / name)  # noqa: PTH104
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise

    def remove(self, name: str) -> None:
        """Remove a mirror; whatever moment it is killed at, no half of one stands under the
        name."""
        old = self.folder / f"{_OLD}{name}"
        shutil.rmtree(old, ignore_errors=True)
        if os.path.lexists(self.folder / name):
            os.rename(self.folder / name, old)  # noqa: PTH104
            shutil.rmtree(old, ignore_errors=True)


def unwritable(path: Path, error: OSError) -> GitError:
    """Return the error that a mirror cannot be written."""
    why = error.strerror or error
    return GitError(f"the mirror in {printable(path)} cannot be written: {why}")


def folder_name(address: Address) -> str:
    """The name of an address's mirror: what a person can read of it, and a hash of all of it."""
    import hashlib

    text = f"{address.host}-{address.path}".lower()
    slug = re.sub(r"[^a-z0-9._]+", "-", text.removesuffix(".git")).strip("-.")[-80:].strip("-.")
    digest = hashlib.sha256(address.url.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{slug or 'repository'}-{digest[:20]}.git"


def lay_out(path: Path, object_format: str, first: Path | None) -> None:
    """The few files of an empty repository; `git init` takes as long as a fetch."""
    path.mkdir(mode=0o700)
    for folder in ("objects", "objects/pack", "objects/info", "refs"):
        (path / folder).mkdir()
    config = "[core]\n\trepositoryFormatVersion = 1\n\tbare = true\n"
    config += "[gc]\n\tauto = 0\n"
    if object_format != "sha1":
        config += f"[extensions]\n\tobjectFormat = {object_format}\n"
    (path / "config").write_text(config)
    (path / "HEAD").write_text(UNBORN + "\n")
    if first is not None:
        (path / "objects/info/alternates").write_text(f"../../{first.name}/objects\n")


def first_of(path: Path) -> Path | None:
    """The mirror whose objects this one shares."""
    try:
        text = (path / "objects/info/alternates").read_text().strip()
    except OSError:
        return None
    return path.parent / text.split("/")[2]


def fault(path: Path, note: Note) -> str | None:
    """What is wrong with a mirror, as far as it shows without reading objects; None: nothing."""
    there = packs(path)
    if any(there.get(name) != size for name, size in note.packs.items()):
        return "a pack is missing or has another size"
    if not all((path / name).exists() for name in ("HEAD", "config", "objects/info", "refs")):
        return "a file is missing"
    first = first_of(path)
    if first is not None:
        other = read_note(first)
        if other is None or other.generation != note.shares or fault(first, other) is not None:
            return f"the mirror that it shares objects with, {first.name}, is not whole"
    return None


def tidy(path: Path) -> None:
    """Remove what a killed git left behind, in a mirror that is locked."""
    for name in ("shallow.lock", "packed-refs.lock", "packed-refs.new", "HEAD.lock"):
        (path / name).unlink(missing_ok=True)
    for name in os.listdir(path / "objects/pack"):  # noqa: PTH208
        if name.startswith(("tmp_", ".tmp-")) or name.endswith(".keep"):
            (path / "objects/pack" / name).unlink(missing_ok=True)


def packs(path: Path) -> dict[str, int]:
    """The sizes of the files of a mirror's packs."""
    try:
        with os.scandir(path / "objects/pack") as entries:
            return {
                entry.name: entry.stat().st_size
                for entry in entries
                if entry.name.startswith("pack-") and not entry.name.endswith(".keep")
            }
    except OSError:
        return {}


def pushed(path: Path) -> frozenset[str]:
    """The commits that patcher wrote here and pushed since the last update: all of their objects
    are here."""
    try:
        return frozenset((path / _PUSHED).read_text(encoding="ascii").split("\n"))
    except (OSError, UnicodeDecodeError):
        return frozenset()


def note_pushed(path: Path, commit: str) -> None:
    """Note that a commit was pushed. Where that cannot be noted, the next update fetches it."""
    with contextlib.suppress(OSError), (path / _PUSHED).open("a", encoding="ascii") as file:
        file.write(f"{commit}\n")


def forget_pushed(path: Path) -> None:
    """Forget what was pushed."""
    (path / _PUSHED).unlink(missing_ok=True)


def replace(path: Path, text: str) -> None:
    """Write a file that takes the place of another at once."""
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8", errors="surrogateescape")
    os.replace(new, path)  # noqa: PTH105


def read_note(path: Path) -> Note | None:
    """The note of a mirror; None where it has none that can be used."""
    import json

    try:
        known: dict[str, Any] = json.loads((path / NOTE).read_bytes())
        return Note(**known)
    except (OSError, ValueError, TypeError):
        return None


def write_note(path: Path, note: Note) -> None:
    """Write the note of a mirror."""
    import json
    from dataclasses import asdict

    replace(path / NOTE, json.dumps(asdict(note)))

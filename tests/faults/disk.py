"""Disks that are full or read-only, mounted where that is allowed, and always as `disk.c` has them;
and a disk whose power is cut."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

_SIZE = "2m"


def _mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


def _unmount(place: str) -> None:
    subprocess.run(["umount", "-l", place], check=True)


def _may_mount() -> bool:
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        mounted = _mount("-t", "tmpfs", "tmpfs", folder)
        if mounted:
            _unmount(folder)
        return mounted


WAYS = ["preloaded", *(["mounted"] if _may_mount() else [])]
"""How a disk may come about here."""


@cache
def _library() -> Path:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    folder = tempfile.mkdtemp(prefix="patcher-test-disk-")
    atexit.register(shutil.rmtree, folder)
    library = Path(folder) / "disk.so"
    source = Path(__file__).with_name("disk.c")
    options = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(library)]
    subprocess.run(["gcc", *options, str(source), "-ldl"], check=True)
    return library


class Disk:
    """A disk that is sound at first. ``env``: what patcher needs to see when it is not."""

    def __init__(
        self, env: dict[str, str], break_down: Callable[[], object], mend: Callable[[], object]
    ) -> None:
        self.env, self.break_down, self.mend = env, break_down, mend


@contextlib.contextmanager
def full_disk(way: str, place: Path, aside: Path) -> Iterator[Disk]:
    """A disk at ``place``, which is made, that can become full; ``aside`` is elsewhere."""
    place.mkdir()
    if way == "preloaded":
        yield _preloaded("full", place, aside / "full")
        return
    assert _mount("-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(place))
    filling = place / "filling"

    def fill() -> None:
        with filling.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
            while True:
                stream.write(bytes(4096))

    try:
        yield Disk({}, fill, filling.unlink)
    finally:
        _unmount(str(place))


@contextlib.contextmanager
def readonly_disk(way: str, place: Path, aside: Path) -> Iterator[Disk]:
    """The folder ``place`` as a disk that can become read-only; ``aside`` is elsewhere."""
    if way == "preloaded":
        yield _preloaded("readonly", place, aside / "readonly")
        return
    assert _mount("--bind", str(place), str(place))

    def remount(how: str) -> Callable[[], object]:
        return lambda: _mount("-o", f"remount,{how},bind", str(place)) or pytest.fail(how)

    try:
        yield Disk({}, remount("ro"), remount("rw"))
    finally:
        _unmount(str(place))


class Power:
    """The power of the disk that holds a folder. ``env``: what patcher needs to see."""

    def __init__(self, place: Path, aside: Path) -> None:
        aside.mkdir()
        self.env = _preloaded("power", place, aside).env
        self._place, self._synced = place, aside
        self._before = {file.stat().st_ino: file.read_bytes() for file in self._files()}

    def cut(self) -> None:
        """Leave of each file what it held when it was last synced; of a new one that never was,
        its name. Names are never lost, which is more than some file systems promise."""
        for file in self._files():
            inode = file.stat().st_ino
            synced = self._synced / str(inode)
            kept = synced.read_bytes() if synced.exists() else self._before.get(inode, b"")
            if file.read_bytes() != kept:
                file.chmod(0o600)
                file.write_bytes(kept)

    def _files(self) -> list[Path]:
        return [file for file in self._place.rglob("*") if file.is_file() and not file.is_symlink()]


def _preloaded(kind: str, place: Path, mark: Path) -> Disk:
    env = {
        "LD_PRELOAD": str(_library()),
        "FAULT_DISK": kind,
        "FAULT_FOLDER": str(place),
        "FAULT_WHILE": str(mark),
    }
    return Disk(env, mark.touch, mark.unlink)

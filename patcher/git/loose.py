"""Objects that lie in files of their own (gitformat-loose(5)), read without a git.

A git that reads many repositories at once would look for each in every one of them.
"""

from __future__ import annotations

import contextlib
import os
import stat
import zlib
from pathlib import Path

from patcher.git.turns import large

_HEAD = 64
"""Bytes that hold an object's kind and size."""

_KINDS = {b"blob": "blob", b"tree": "tree", b"commit": "commit", b"tag": "tag"}


class Loose:
    """The loose objects of one object folder."""

    def __init__(self, objects: Path) -> None:
        self._objects = os.fspath(objects)
        self._folders: frozenset[str] | None = None

    def read(self, oid: str, keep: int) -> tuple[str, bytes] | None:
        """Kind and content of an object of up to ``keep`` bytes. None: it is none of these, it is
        larger, or it is not as git writes it, so that git has to tell."""
        if self._folders is None:
            self._folders = self._listed()
        if oid[:2] not in self._folders:
            return None
        try:
            descriptor = os.open(f"{self._objects}/{oid[:2]}/{oid[2:]}", _FLAGS)
        except OSError:
            return None
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > keep + (keep >> 6) + 1024:
                return None
            return _inflated(os.read(descriptor, status.st_size), keep)
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def holds(self, oid: str) -> bool:
        """Whether the object lies here in a file of its own, and not behind a link."""
        with contextlib.suppress(OSError):
            return stat.S_ISREG(os.lstat(f"{self._objects}/{oid[:2]}/{oid[2:]}").st_mode)
        return False

    def _listed(self) -> frozenset[str]:
        try:
            names = os.listdir(self._objects)  # noqa: PTH208 - names alone
        except OSError:
            return frozenset()
        return frozenset(name for name in names if len(name) == 2)


_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def _inflated(data: bytes, keep: int) -> tuple[str, bytes] | None:
    unpacker = zlib.decompressobj()
    try:
        start = unpacker.decompress(data, _HEAD)
        head, nul, content = start.partition(b"\0")
        name, _, digits = head.partition(b" ")
        if not nul or name not in _KINDS or not digits.isdigit() or len(digits) > 12:
            return None
        size = int(digits)
        if size > keep or digits != b"%d" % size or len(content) > size:
            return None
        if not unpacker.eof:
            large(size)
            content += unpacker.decompress(unpacker.unconsumed_tail, size - len(content) + 1)
    except zlib.error:
        return None
    if len(content) != size or not unpacker.eof or unpacker.unused_data:
        return None
    return _KINDS[name], content

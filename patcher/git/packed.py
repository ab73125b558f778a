"""Refs in packed-refs, found as git finds them (``refs/packed-backend.c``)."""

from __future__ import annotations

import mmap

_HEADER = b"# pack-refs with:"
_PEELED = 0x5E
"""``^``, with which a line begins that belongs to the one before it."""
_SIZE = 40
"""Digits of an id. In a repository of SHA-256, which is not known here, git says what it reads."""
_UNCLEAR = b""


def record(data: mmap.mmap, ref: bytes) -> bytes | None:
    """What stands before the name where git finds a ref: its object id, or something else, of which
    git has to say what it is. None: the ref is not there.

    ``data`` is not empty.
    """
    start = 0
    is_sorted = False
    if data[:1] == b"#":
        start = data.find(b"\n") + 1
        header = data[: max(0, start - 1)]
        if not header.startswith(_HEADER):
            return _UNCLEAR
        is_sorted = b"sorted" in header[len(_HEADER) :].split(b" ")
    return _found(data, ref, start) if is_sorted else _only(data, ref)


def _only(data: mmap.mmap, ref: bytes) -> bytes | None:
    """Before the only such name, wherever it stands. What separates it from the id git does not
    look at."""
    name = ref + b"\n"
    at = data.find(name)
    if at < 0:
        return None
    line = data[max(0, at - _SIZE - 2) : at].rpartition(b"\n")[2]
    if data.find(name, at + 1) >= 0 or line[-1:] != b" " or len(line) != _SIZE + 1:
        return _UNCLEAR
    return line[:-1]


def _found(data: mmap.mmap, ref: bytes, low: int) -> bytes | None:
    """On the line to which git's binary search leads, even if the lines are in no order."""
    high = len(data)
    if low == high:
        return None
    if data[-1:] != b"\n":
        return _UNCLEAR
    while low != high:
        middle = low + (high - low) // 2
        start = _start(data, low, middle)
        end = data.find(b"\n", start + _SIZE + 1)
        if end < 0:
            return _UNCLEAR
        name = data[start + _SIZE + 1 : end]
        if not name.startswith(b"refs/"):  # perhaps its id is of another size
            return _UNCLEAR
        if name == ref:
            return data[start : start + _SIZE]
        if name < ref:
            low = _next(data, middle, high)
        else:
            high = start
    return None


def _start(data: mmap.mmap, low: int, at: int) -> int:
    """Where the record begins in which ``at`` lies."""
    while True:
        at = max(low, data.rfind(b"\n", low, at) + 1)
        if at == low or data[at] != _PEELED:
            return at
        at -= 1


def _next(data: mmap.mmap, at: int, high: int) -> int:
    """Where the record begins that follows it."""
    while True:
        at = data.find(b"\n", at, high) + 1
        if not 0 < at < high:
            return high
        if data[at] != _PEELED:
            return at

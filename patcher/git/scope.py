"""For which repositories something that was found is valid: for every one, or for a single one."""

from __future__ import annotations

import contextlib
import os

from patcher.git.values import Repository

_SCOPE = 16
EVERYWHERE = bytes(_SCOPE)
"""The scope of what fits its ids."""


def scope_of(repository: Repository) -> bytes:
    """The scope of what is valid for one repository on this machine: its place, and what lies
    there. Another one that is put in its place often gets its very inodes, but its configuration
    was written at another time."""
    import hashlib

    place = os.fsencode(repository.common_dir)
    status = os.stat(place)  # noqa: PTH116
    text = b"%d %d %b" % (status.st_dev, status.st_ino, place)
    with contextlib.suppress(OSError):
        status = os.stat(place + b"/config")  # noqa: PTH116
        text += b" %d %d" % (status.st_ino, status.st_ctime_ns)
    return hashlib.sha256(text).digest()[:_SCOPE]

"""Files that change: their object ids, and their contents when these are not needed any more."""

from __future__ import annotations

from dataclasses import replace

from patcher.results import Target


def blob_id(content: bytes, hexsize: int) -> str:
    """The object id that git gives a blob (gitformat-object: header, NUL, content)."""
    import hashlib

    make = hashlib.sha1 if hexsize == 40 else hashlib.sha256
    return make(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()


def without_contents(target: Target) -> Target:
    """The target, with the changed files' ids alone: in a long run their contents add up."""
    if not target.files:
        return target
    return replace(target, files=tuple(replace(f, old=b"", new=b"") for f in target.files))

"""The refs of a mirror: which of the remote's it has, and how they are written.

They are one ``packed-refs`` file that takes the place of the last one: no name of the remote's can
be in the way of another, and thousands of branches take no more time than one.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from patcher.git.base_refs import MAX_BASES, REVIEW_BRANCHES
from patcher.git.errors import BoundExceeded, NoSuchBase
from patcher.git.mirrors.store import UNBORN, replace
from patcher.git.remote import OID, RemoteRefs

HEADS = "refs/heads/"
REVIEW = (HEADS + REVIEW_BRANCHES + "*",)
_ORIGIN, _TAGS = "refs/remotes/origin/", "refs/tags/"
_DETACHED = "refs/patcher/HEAD"
_ID_PREFIX = re.compile(r"[0-9a-f]{4,64}\Z")


def default_branch(refs: RemoteRefs, named: str | None, *, required: bool) -> str | None:
    """The full name of the default branch of a remote whose HEAD names none that is there: the one
    that is ``named``, or else the only one; None where there is no branch at all. Raises
    `NoSuchBase` where nobody knows and it is ``required``."""
    if named is not None and HEADS + named in refs.refs:
        return HEADS + named
    branches = [
        name
        for name in refs.refs
        if name.startswith(HEADS) and not name.startswith(HEADS + REVIEW_BRANCHES)
    ]
    if len(branches) > 1 and required:
        raise NoSuchBase("HEAD names no branch that is there: name one with --base")
    return branches[0] if len(branches) == 1 else None


def wanted_refs(refs: RemoteRefs, bases: Sequence[str], review: Sequence[str]) -> dict[str, str]:
    """The mirror's refs: names there, and ids."""
    wanted: dict[str, str] = {}
    default = refs.head
    if default is not None and default in refs.refs:
        wanted[_mirrored(default)] = refs.refs[default]
    elif "HEAD" in refs.refs:
        wanted[_DETACHED] = refs.refs["HEAD"]
    for pattern in bases:
        if pattern == "HEAD" and default is not None and default in refs.refs:
            wanted[default] = refs.refs[default]
        for name, oid in _matching(refs.refs, pattern):
            wanted[name] = oid
            if len(wanted) > MAX_BASES:
                raise BoundExceeded(
                    f"more than {MAX_BASES} branches match (MAX_BASES): use a narrower --base"
                )
    globs = [_glob(pattern, anything=True) for pattern in review]
    for name, oid in refs.refs.items():
        if name in refs.symbolic:
            continue  # a push to it would move another branch
        if name.startswith(HEADS) and any(glob.fullmatch(name) for glob in globs):
            wanted[name] = oid
            if len(wanted) > 2 * MAX_BASES:
                raise BoundExceeded(f"it has more than {MAX_BASES} review branches (MAX_BASES)")
    return wanted


def _mirrored(name: str) -> str:
    """Where a branch of the remote's stands in the mirror. One that is called HEAD would take the
    place of what names the default one."""
    if name == HEADS + "HEAD":
        return name
    return _ORIGIN + name.removeprefix(HEADS) if name.startswith(HEADS) else name


def origin_of(name: str) -> str | None:
    """What a ref of a mirror is called at its remote; None where that has no name for it."""
    if name.startswith(_ORIGIN):
        return HEADS + name.removeprefix(_ORIGIN)
    return name if name.startswith((HEADS, _TAGS)) else None


def _matching(refs: dict[str, str], pattern: str) -> Iterator[tuple[str, str]]:
    """The mirror's refs for one base; `patcher.git.bases` chooses among them, so more do no
    harm."""
    if any(char in pattern for char in "*?["):
        full = pattern.startswith("refs/")
        glob = _glob(pattern if full else HEADS + pattern)
        for name, oid in refs.items():
            if glob.fullmatch(name) and not name.startswith(HEADS + REVIEW_BRANCHES):
                yield (name if full else _mirrored(name)), oid
        return
    if pattern.startswith("refs/"):
        if pattern in refs:
            yield pattern, refs[pattern]
        return
    if pattern == "HEAD":
        return  # fetched in any case
    if HEADS + pattern in refs:
        yield _ORIGIN + pattern, refs[HEADS + pattern]
    elif _TAGS + pattern in refs:
        yield _TAGS + pattern, refs[_TAGS + pattern]
    elif _ID_PREFIX.match(pattern.lower()):
        tips = {oid for oid in refs.values() if oid.startswith(pattern.lower())}
        if not tips and OID.match(pattern.lower()):
            tips = {pattern.lower()}
        for oid in tips:
            yield f"refs/patcher/{oid}", oid


def _glob(pattern: str, *, anything: bool = False) -> re.Pattern[str]:
    """A glob as git has it, or wider: a class matches any one character."""
    parts = []
    for piece in re.findall(r"\*\*+|\*|\?|\[[^\]]*\]?|[^*?\[]+", pattern):
        if piece.startswith("*"):
            parts.append(".*" if anything or len(piece) > 1 else "[^/]*")
        elif piece[0] in "?[":
            parts.append("." if anything else "[^/]")
        else:
            parts.append(re.escape(piece))
    return re.compile("".join(parts), re.DOTALL)


def head_of(refs: RemoteRefs, wanted: dict[str, str]) -> str:
    """What the mirror's HEAD file says: HEAD at the remote."""
    if refs.head is not None and _mirrored(refs.head) in wanted:
        return f"ref: {refs.head}"
    return refs.refs.get("HEAD", UNBORN)


def write_refs(path: Path, refs: dict[str, str], head: str) -> None:
    """Let the mirror's refs be these and no others."""
    lines = [f"{oid} {name}\n" for name, oid in sorted(refs.items(), key=_in_bytes)]
    text = "# pack-refs with: sorted \n" + "".join(lines)
    replace(path / "packed-refs", text)
    drop_loose(path)
    default = head.removeprefix("ref: ")
    symbolic = path / _ORIGIN / "HEAD"
    if head.startswith("ref: ") and head != UNBORN:
        symbolic.parent.mkdir(parents=True, exist_ok=True)
        replace(symbolic, f"ref: {_mirrored(default)}\n")
    else:
        symbolic.unlink(missing_ok=True)
    replace(path / "HEAD", head + "\n")


def _in_bytes(item: tuple[str, str]) -> bytes:
    return os.fsencode(item[0])


def drop_loose(path: Path) -> None:
    """Remove branches that patcher wrote here and whoever fetches the remote's does not want."""
    for place in ("refs/heads", "logs"):
        if (path / place).exists():
            shutil.rmtree(path / place)

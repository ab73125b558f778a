"""Find the bases to start from: the default branch, and what the user names.

Lists of refs go through git.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from patcher.git.errors import BoundExceeded, GitError, NoSuchBase, OnlyReviews, UnbornHead
from patcher.git.refs import (
    HEADS,
    OID,
    REMOTE,
    by_git,
    is_ref_name,
    named_by_git,
    read_in_files,
    read_ref,
    read_ref_file,
    symbolic,
    symbolic_in_file,
    target_of,
)
from patcher.git.regular import check_refs
from patcher.git.values import Base, Repository
from patcher.git.view import uses_reftable
from patcher.text import printable, without_secret

if TYPE_CHECKING:
    from patcher.git.objects import Objects

REVIEW_BRANCHES = "patcher/"
"""Where patcher's own review branches lie; globs for bases do not match them."""

STAGING_BRANCHES = f"{REVIEW_BRANCHES}staging/"
"""Where a forge makes the commits of review branches, each for as long as that takes."""

MAX_BASES = 10_000
"""Bases that one repository may have in a run."""

MAX_LISTED = 32 << 20
"""Bytes of a repository's packed-refs file where a glob is matched: git keeps seven in memory for
each of them."""

_GLOB = frozenset("*?[")
_NO_BASE = frozenset(" ~^:\\")


def bases(repository: Repository, patterns: Sequence[str] = ()) -> list[Base]:
    """The commits to start from.

    Without ``patterns`` that is the branch that ``origin/HEAD`` names, else HEAD; where that has no
    commit, the only branch that there is. Without any branch it raises `UnbornHead`. A pattern is a
    branch name or a glob (``release/*``), or a full ref name, a tag, or a commit id. A name is that
    of the local branch where there is one, as for git; ``origin/main`` is the other one. Of a
    mirror, it is the remote's. In a glob, ``*`` stops at ``/`` and ``**`` does not. Globs skip
    patcher's own branches. What matches nothing raises `NoSuchBase`.
    """
    if not patterns:
        ref, commit = _default(repository)
        return [Base(ref, _short(ref), commit, True)]
    try:
        default = _default(repository)[0]
    except (UnbornHead, NoSuchBase):
        default = ""
    found: dict[str, str] = {}
    globbed: set[str] = set()
    for pattern in patterns:
        matches = _match(repository, pattern)
        if not matches:
            raise NoSuchBase(f"no branch, tag or commit matches --base {pattern!r}")
        is_glob = bool(_GLOB.intersection(pattern))
        for ref, oid in matches:
            if is_glob and ref not in found:
                globbed.add(ref)
            found.setdefault(ref, oid)
        if len(found) > MAX_BASES:
            raise BoundExceeded(f"more than {MAX_BASES} branches match: use a narrower --base")
    return _peeled(repository, found, default, globbed)


def is_base(pattern: str) -> bool:
    """Whether `bases` can look for a pattern."""
    return bool(pattern) and pattern.isprintable() and _NO_BASE.isdisjoint(pattern)


def _peeled(
    repository: Repository, found: dict[str, str], default: str, globbed: Collection[str]
) -> list[Base]:
    """The bases; those of ``globbed`` only where they are no review branches."""
    from patcher.git.objects import Objects

    result: list[Base] = []
    skipped = []
    size = len(next(iter(found.values())))
    with Objects(repository.common_dir / "objects", hexsize=size) as objects:
        names = [f"{oid}^{{commit}}".encode() for oid in found.values()]
        headers = list(objects.read(names, 0))
        deep = len(globbed) <= _MANY_GLOBBED
        for ref, header in zip(found, headers, strict=True):
            if header.kind != "commit":
                raise GitError(f"{ref} does not name a commit that is here")
            if ref in globbed and ref != default and _is_review(objects, ref, header.oid, deep):
                skipped.append(_short(ref))
                continue
            note = _beside(repository, ref, found[ref])
            is_default = default in (ref, REMOTE + ref.removeprefix(HEADS))
            result.append(Base(ref, _short(ref), header.oid, is_default, note))
    if skipped:  # whoever commits can make a branch look so
        more = f" and {len(skipped) - 1} more" if len(skipped) > 1 else ""
        note = f"a glob skips review branches, {printable(skipped[0])}{more}: --base NAME reads one"
        if not result:
            raise OnlyReviews(note)
        note = "; ".join(filter(None, (result[0].note, note)))
        result[0] = replace(result[0], note=note)
    return result


_MANY_GLOBBED = 100


def _is_review(objects: Objects, ref: str, oid: str, deep: bool) -> bool:
    """Whether patcher made a branch, whatever it is called. One that took over the commits of a
    review branch, as a merge without a merge commit does, is none."""
    from patcher.git.commits import RECENT, made_for

    return made_for(objects, oid, _short(ref), RECENT if deep else 1) is not None


def _beside(repository: Repository, ref: str, oid: str) -> str | None:
    """What to know of a local branch where origin's of the same name is another one."""
    if repository.address is not None or not ref.startswith(HEADS):
        return None
    name = ref.removeprefix(HEADS)
    there = read_ref(repository, REMOTE + name)
    if there is None or there == oid:
        return None
    return f"origin/{name} is at another commit: --base origin/{name} names that one"


def _default(repository: Repository) -> tuple[str, str]:
    """The default base's ref and object id."""
    if uses_reftable(repository):
        remote = symbolic(repository, REMOTE + "HEAD")
        if remote is not None and remote.startswith(REMOTE):
            oid = read_ref(repository, remote)
            if oid is not None:
                return remote, oid
        return _head_by_git(repository)
    remote = symbolic_in_file(repository, REMOTE + "HEAD")
    if remote is not None and remote.startswith(REMOTE):
        oid = read_in_files(repository, remote)
        if oid is not None:
            return remote, oid
    head = read_ref_file(repository, "HEAD") or ""
    if OID.match(head):
        return "HEAD", head
    ref = target_of(head)
    if ref is None or not is_ref_name(ref):
        raise GitError("HEAD is neither a branch nor a commit: run git fsck")
    oid = read_in_files(repository, ref)
    if oid is None and os.path.lexists(f"{repository.common_dir}/packed-refs"):
        oid = named_by_git(repository, ref)  # or it says why it cannot read them
    return _born(repository, ref, oid)


def default_names(repository: Repository) -> frozenset[str]:
    """The short names of the default branch: origin's, and the repository's own unless that is a
    clone's."""
    named = [symbolic(repository, REMOTE + "HEAD")]
    if repository.work_tree is None:
        named.append(symbolic(repository, "HEAD"))
    return frozenset(_short(ref) for ref in named if ref is not None)


def _head_by_git(repository: Repository) -> tuple[str, str]:
    named = by_git(repository, ["symbolic-ref", "-q", "HEAD"], allowed=(0, 1))
    ref = named.decode("utf-8", "surrogateescape").rstrip("\n")
    return _born(repository, ref or "HEAD", read_ref(repository, ref or "HEAD"))


def _born(repository: Repository, ref: str, oid: str | None) -> tuple[str, str]:
    """The branch that HEAD names, or else the only one that there is."""
    if oid is not None:
        return ref, oid
    branches = [
        (name, tip)
        for place in (REMOTE, HEADS)
        for name, tip in listed(repository, place + "**")
        if not _short(name).startswith(REVIEW_BRANCHES)
    ]
    if not branches:
        raise UnbornHead(f"{_short(ref)} has no commit yet: nothing to do")
    if len({_short(name) for name, _ in branches}) > 1:
        raise NoSuchBase(f"HEAD names {_short(ref)}, which is not there: name a branch with --base")
    return branches[0]


def _short(ref: str) -> str:
    for prefix in (REMOTE, HEADS, "refs/tags/", "refs/remotes/", "refs/"):
        if ref.startswith(prefix):
            return ref.removeprefix(prefix)
    return ref


def _match(repository: Repository, pattern: str) -> list[tuple[str, str]]:
    """Refs and object ids that one ``--base`` names."""
    if not is_base(pattern):
        raise GitError(f"{without_secret(pattern)!r} is no branch name, glob, tag or commit id")
    if _GLOB.intersection(pattern):
        return _globbed(repository, pattern)
    if pattern == "HEAD":
        if uses_reftable(repository):
            return [_head_by_git(repository)]
        oid = read_ref(repository, "HEAD")
        return [] if oid is None else [(symbolic(repository, "HEAD") or "HEAD", oid)]
    places = ["refs/remotes/", "refs/tags/"]
    if pattern.startswith("refs/"):
        places = [""]
    for place in [*_places(repository), *places] if places != [""] else places:
        oid = read_ref(repository, place + pattern)
        if oid is not None:
            return [(place + pattern, oid)]
    if re.fullmatch(r"[0-9a-fA-F]{4,64}", pattern):
        return _by_id(repository, pattern.lower())
    return []


def _globbed(repository: Repository, glob: str) -> list[tuple[str, str]]:
    if glob.startswith("refs/"):
        return [(ref, oid) for ref, oid in listed(repository, glob) if not _is_ours(ref)]
    found: dict[str, tuple[str, str]] = {}
    for place in _places(repository):
        for ref, oid in listed(repository, place + glob):
            if not _is_ours(ref):
                found.setdefault(_short(ref), (ref, oid))
    return list(found.values())


def is_staging(ref: str) -> bool:
    """Whether the full name of a ref is that of a staging branch, here or at a remote."""
    return f"/{STAGING_BRANCHES}" in ref


def _places(repository: Repository) -> list[str]:
    """Where a branch is looked for, one place after another. The local ones of a mirror are review
    branches."""
    return [REMOTE, HEADS] if repository.address is not None else [HEADS, REMOTE]


def _is_ours(ref: str) -> bool:
    return _short(ref).startswith(REVIEW_BRANCHES)


def _by_id(repository: Repository, prefix: str) -> list[tuple[str, str]]:
    command = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{prefix}^{{commit}}"]
    found = by_git(repository, command, allowed=(0, 1, 128))
    oid = found.decode("ascii", "replace").strip()
    return [(oid, oid)] if OID.match(oid) else []


def listed(repository: Repository, glob: str) -> Iterator[tuple[str, str]]:
    """The full names of refs that match, as git-for-each-ref(1) does, with their object ids."""
    file = repository.common_dir / "packed-refs"
    if file.is_file() and file.stat().st_size > MAX_LISTED:
        raise BoundExceeded(
            f"packed-refs is over the limit of {MAX_LISTED >> 20} MiB for globs: name each --base"
        )
    command = ["for-each-ref", f"--count={MAX_BASES + 1}"]
    command += ["--format=%(refname)%00%(objectname)%00%(symref)", "--", glob]
    if not uses_reftable(repository):
        prefix = glob[: _first(glob)].rpartition("/")[0]
        check_refs(f"{repository.common_dir}/refs", prefix.removeprefix("refs/"))
    output = by_git(repository, command)
    for line in output.split(b"\n"):
        if line:
            ref, oid, target = line.split(b"\0")
            if not target:  # origin/HEAD and other aliases would come twice
                yield _found(repository, ref.decode("utf-8", "surrogateescape"), oid.decode())


def _found(repository: Repository, ref: str, oid: str) -> tuple[str, str]:
    """A ref that git listed. Raises `GitError` where git finds it elsewhere by its name, as it does
    in a packed-refs that is in no order or names a ref twice."""
    if not uses_reftable(repository) and read_in_files(repository, ref) != oid:
        raise GitError(
            f"packed-refs has {ref} twice, or out of order: run git pack-refs --all, and remove "
            "lines that come twice"
        )
    return ref, oid


def tips(repository: Repository) -> list[tuple[str, str]]:
    """All branches and tags, of remotes too, with their object ids."""
    return [
        *listed(repository, "refs/heads/**"),
        *listed(repository, "refs/remotes/**"),
        *listed(repository, "refs/tags/**"),
    ]


def _first(glob: str) -> int:
    """Where what is no plain name begins."""
    return next(at for at, char in enumerate(glob) if char in _GLOB)

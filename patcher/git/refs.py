"""Refs: find the bases to start from, read and move the review branch.

The few refs that a scan needs are read from their files, which takes no process. Repositories that
keep refs elsewhere (reftable) and lists of refs go through git.
"""

from __future__ import annotations

import errno
import mmap
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

from patcher import interrupts
from patcher.git import packed, view
from patcher.git.errors import (
    BoundExceeded,
    BranchCheckedOut,
    BranchMoved,
    GitError,
    GitFailed,
    NoSuchBase,
    UnbornHead,
    name_refused,
)
from patcher.git.limits import time_left
from patcher.git.objects import Objects
from patcher.git.regular import check_refs
from patcher.git.runner import require_version, run
from patcher.git.small import read_small
from patcher.git.values import Base, Identity, Repository
from patcher.git.view import uses_reftable
from patcher.text import printable, without_secret

REVIEW_BRANCHES = "patcher/"
"""Where patcher's own review branches lie; globs for bases do not match them."""

MAX_BASES = 10_000
"""Bases that one repository may have in a run."""

MAX_PACKED_REFS = 128 << 20
"""Bytes of a repository's packed-refs file; a million branches take half of it."""

MAX_LISTED = 32 << 20
"""The same where a glob is matched: git keeps seven bytes in memory for each of them."""

_MOST_WORK_TREES = 10_000
"""Linked work trees, in each of which a branch may be checked out."""

_REMOTE = "refs/remotes/origin/"
_HEADS = "refs/heads/"
_OID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_GLOB = frozenset("*?[")
_NO_BASE = frozenset(" ~^:\\")
_DURABLE = {"core.fsync": "committed,loose-object"}


def bases(repository: Repository, patterns: Sequence[str] = ()) -> list[Base]:
    """The commits to start from.

    Without ``patterns`` that is the branch that ``origin/HEAD`` names, else HEAD; a HEAD without a
    commit raises `UnbornHead`. A pattern is a branch name or a glob (``release/*``), looked for
    among origin's branches and then the local ones, or a full ref name, a tag, or a commit id. In a
    glob, ``*`` stops at ``/`` and ``**`` does not. Globs pass over patcher's own branches. What
    matches nothing raises `NoSuchBase`.
    """
    if not patterns:
        ref, commit = _default(repository)
        return [Base(ref, _short(ref), commit, True)]
    try:
        default = _default(repository)[0]
    except UnbornHead:
        default = ""
    found: dict[str, str] = {}
    for pattern in patterns:
        matches = _match(repository, pattern)
        if not matches:
            raise NoSuchBase(f"no branch, tag or commit matches --base {pattern!r}")
        for ref, oid in matches:
            found.setdefault(ref, oid)
        if len(found) > MAX_BASES:
            raise BoundExceeded(f"more than {MAX_BASES} branches match: use a narrower --base")
    return _peeled(repository, found, default)


def is_base(pattern: str) -> bool:
    """Whether `bases` can look for a pattern."""
    return bool(pattern) and pattern.isprintable() and _NO_BASE.isdisjoint(pattern)


def _peeled(repository: Repository, found: dict[str, str], default: str) -> list[Base]:
    result = []
    size = len(next(iter(found.values())))
    with Objects(repository.common_dir / "objects", hexsize=size) as objects:
        names = [f"{oid}^{{commit}}".encode() for oid in found.values()]
        for ref, header in zip(found, objects.read(names, 0), strict=True):
            if header.kind != "commit":
                raise GitError(f"{ref} does not name a commit that is here")
            result.append(Base(ref, _short(ref), header.oid, ref == default))
    return result


def _default(repository: Repository) -> tuple[str, str]:
    """The default base's ref and object id."""
    if uses_reftable(repository):
        remote = _symbolic(repository, _REMOTE + "HEAD")
        if remote is not None and remote.startswith(_REMOTE):
            oid = read_ref(repository, remote)
            if oid is not None:
                return remote, oid
        return _head_by_git(repository)
    remote = _symbolic_in_file(repository, _REMOTE + "HEAD")
    if remote is not None and remote.startswith(_REMOTE):
        oid = _read_in_files(repository, remote)
        if oid is not None:
            return remote, oid
    head = _read_ref_file(repository, "HEAD") or ""
    if _OID.match(head):
        return "HEAD", head
    ref = _target(head)
    if ref is None or not is_ref_name(ref):
        raise GitError("HEAD is neither a branch nor a commit: run git fsck")
    oid = _read_in_files(repository, ref)
    if oid is None and os.path.lexists(f"{repository.common_dir}/packed-refs"):
        oid = _named_by_git(repository, ref)  # or it says why it cannot read them
    return _born(ref, oid)


def _head_by_git(repository: Repository) -> tuple[str, str]:
    named = _by_git(repository, ["symbolic-ref", "-q", "HEAD"], allowed=(0, 1))
    ref = named.decode("utf-8", "surrogateescape").rstrip("\n")
    return _born(ref or "HEAD", read_ref(repository, ref or "HEAD"))


def _born(ref: str, oid: str | None) -> tuple[str, str]:
    if oid is None:
        raise UnbornHead(f"{_short(ref)} has no commit yet: nothing to do")
    return ref, oid


def _short(ref: str) -> str:
    for prefix in (_REMOTE, _HEADS, "refs/tags/", "refs/remotes/", "refs/"):
        if ref.startswith(prefix):
            return ref.removeprefix(prefix)
    return ref


def _match(repository: Repository, pattern: str) -> list[tuple[str, str]]:
    """Refs and object ids that one ``--base`` names."""
    if not is_base(pattern):
        raise GitError(f"{without_secret(pattern)!r} is no branch name, glob, tag or commit id")
    if _GLOB.intersection(pattern):
        places = [""] if pattern.startswith("refs/") else [_REMOTE, _HEADS]
        for place in places:
            found = [
                (ref, oid)
                for ref, oid in _list(repository, place + pattern)
                if not _short(ref).startswith(REVIEW_BRANCHES)
            ]
            if found:
                return found
        return []
    if pattern == "HEAD":
        if uses_reftable(repository):
            return [_head_by_git(repository)]
        oid = read_ref(repository, "HEAD")
        return [] if oid is None else [(_symbolic(repository, "HEAD") or "HEAD", oid)]
    places = ["refs/remotes/", "refs/tags/"]
    if pattern.startswith("refs/"):
        places = [""]
    for place in [_REMOTE, _HEADS, *places] if places != [""] else places:
        oid = read_ref(repository, place + pattern)
        if oid is not None:
            return [(place + pattern, oid)]
    if re.fullmatch(r"[0-9a-fA-F]{4,64}", pattern):
        return _by_id(repository, pattern.lower())
    return []


def _by_id(repository: Repository, prefix: str) -> list[tuple[str, str]]:
    command = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{prefix}^{{commit}}"]
    found = _by_git(repository, command, allowed=(0, 1, 128))
    oid = found.decode("ascii", "replace").strip()
    return [(oid, oid)] if _OID.match(oid) else []


def _list(repository: Repository, glob: str) -> Iterator[tuple[str, str]]:
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
    output = _by_git(repository, command)
    for line in output.split(b"\n"):
        if line:
            ref, oid, target = line.split(b"\0")
            if not target:  # origin/HEAD and other aliases would come twice
                yield ref.decode("utf-8", "surrogateescape"), oid.decode("ascii")


def _first(glob: str) -> int:
    """Where what is no plain name begins."""
    return next(at for at, char in enumerate(glob) if char in _GLOB)


_NO_REF = re.compile(r"[\0-\x20\x7f~^:?*\[\\]|//|\.\.|@\{|/\.|\.lock(?:/|\Z)|[/.]\Z")


def is_ref_name(name: str) -> bool:
    """Whether git would take it for a full ref name (git-check-ref-format(1)); only then may it
    become part of a path."""
    return name.startswith("refs/") and len(name) <= 1000 and not _NO_REF.search(name)


def _symbolic(repository: Repository, ref: str) -> str | None:
    """The ref that a symbolic ref names."""
    if not uses_reftable(repository):
        return _symbolic_in_file(repository, ref)
    output = _by_git(repository, ["symbolic-ref", "-q", ref], allowed=(0, 1, 128))
    return output.decode("utf-8", "surrogateescape").rstrip("\n") or None


def _symbolic_in_file(repository: Repository, ref: str) -> str | None:
    target = _target(_read_ref_file(repository, ref) or "")
    return target if target is not None and is_ref_name(target) else None


def _target(text: str) -> str | None:
    """What a ref's file names, if it names another one."""
    return text[4:].lstrip(_SPACE) if text.startswith("ref:") else None


def read_ref(repository: Repository, ref: str) -> str | None:
    """The object id that a full ref name (or HEAD) stands for, None if there is no such ref."""
    if ref != "HEAD" and not is_ref_name(ref):
        return None
    if not uses_reftable(repository):
        return _read_in_files(repository, ref)
    command = ["rev-parse", "--verify", "--quiet", "--end-of-options", ref]
    found = _by_git(repository, command, allowed=(0, 1, 128))
    oid = found.decode("ascii", "replace").strip()
    return oid if _OID.match(oid) else None


def _read_in_files(repository: Repository, ref: str) -> str | None:
    for _ in range(5):  # as many refs as git reads, each named by the one before it
        text = _read_ref_file(repository, ref)
        if text is None:
            found_oid = _packed(repository, ref)
            # `git pack-refs` writes the packed file and then removes the loose one
            text = found_oid or _read_ref_file(repository, ref)
        if not text or _OID.match(text):
            return text or None
        target = _target(text)
        if target is None or not is_ref_name(target):
            raise _unreadable(ref)
        ref = target
    raise GitError("a symbolic ref of the repository leads in a circle: run git fsck")


def _unreadable(ref: str) -> GitError:
    return GitError(f"{ref} cannot be read: run git fsck")


_OF_A_WORK_TREE = ("refs/bisect/", "refs/worktree/", "refs/rewritten/")
_SPACE = " \t\n\r"
"""What is white space to git."""


def _read_ref_file(repository: Repository, ref: str) -> str | None:
    """What stands in a ref's file, as git reads it; None where there is none, but "" where another
    ref's file stands in its way. Raises `GitError` for what git cannot read."""
    own = ref == "HEAD" or ref.startswith(_OF_A_WORK_TREE)
    path = f"{repository.git_dir if own else repository.common_dir}/{ref}"
    text = None
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):  # what git wrote for symbolic refs long ago
            target = os.readlink(path)  # noqa: PTH115
            if is_ref_name(target):
                return f"ref: {target}"
        elif stat.S_ISDIR(mode):
            return None
        text = read_small(path)
        if text is None:
            os.lstat(path)
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        return ""
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None  # no file can have that name, but packed-refs may
        raise _unreadable(ref) from None
    said = (text or b"").decode("utf-8", "surrogateescape").rstrip(_SPACE)
    if not said:
        raise _unreadable(ref)
    return said


def _packed(repository: Repository, ref: str) -> str | None:
    """The object id of a ref in packed-refs."""
    try:
        with (
            open(f"{repository.common_dir}/packed-refs", "rb") as file,  # noqa: PTH123
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            if len(data) > MAX_PACKED_REFS:
                raise BoundExceeded(f"packed-refs is over the limit of {MAX_PACKED_REFS >> 20} MiB")
            record = packed.record(data, os.fsencode(ref))
    except (FileNotFoundError, ValueError):  # none, or empty
        return None
    except OSError:
        raise GitError("packed-refs cannot be read: run git fsck") from None
    if record is None:
        return None
    oid = record.decode("ascii", "replace")
    return oid if _OID.match(oid) else _named_by_git(repository, ref)


def _named_by_git(repository: Repository, ref: str) -> str | None:
    command = ["rev-parse", "--verify", "--quiet", "--end-of-options", ref]
    return _by_git(repository, command, allowed=(0, 1)).decode("ascii", "replace").strip() or None


def _by_git(repository: Repository, command: Sequence[str], allowed: Sequence[int] = (0,)) -> bytes:
    with view.opened(repository) as (git_dir, extra):
        return run(command, git_dir=git_dir, extra=extra, allowed=allowed)


def branch_tip(repository: Repository, branch: str) -> str | None:
    """The commit of a local branch, None if there is no such branch."""
    return read_ref(repository, _HEADS + branch)


@lru_cache(maxsize=4096)
def check_branch_name(name: str) -> None:
    """Raise `GitError` unless git would take ``name`` for a new branch
    (git-check-ref-format(1))."""
    shown = printable(name)
    if not name or name.startswith("-") or "\0" in name:
        raise GitError(f"{shown!r} is not a valid branch name")
    try:
        output = run(["check-ref-format", "--branch", name])
    except GitFailed:
        raise GitError(f"{shown!r} is not a valid branch name") from None
    if output.rstrip(b"\n") != os.fsencode(name):  # `@{-1}` stands for another branch
        raise GitError(f"{shown!r} is not a valid branch name")


def move_branch(
    repository: Repository,
    branch: str,
    new: str,
    old: str | None,
    committer: Identity | None = None,
) -> None:
    """Point a local branch at ``new``, if it still points at ``old`` (None: if it does not exist).

    ``committer`` is who stands in the branch's reflog. Raises `BranchMoved` when it does not, and
    `BranchCheckedOut` when a work tree has it checked out; then nothing has changed. No hook runs.
    """
    check_branch_name(branch)
    require_version()
    ref = _HEADS + branch
    place = _checked_out(repository, ref)
    if place is not None:
        raise BranchCheckedOut(
            f"branch {branch} is checked out in {printable(place)}: switch that to another branch, "
            f"or use another --branch"
        )
    _check_no_links(repository, ref)
    target = _symbolic(repository, ref)
    if target is not None:
        raise GitError(f"branch {branch} is another name for {target}: use another --branch")
    before = "0" * len(new) if old is None else old
    command = f"update {ref}\0{new}\0{before}\0"
    was = "create" if old is None else "move"
    lock = f"{repository.common_dir}/{ref}.lock"
    name, address = ("patcher", "patcher@localhost")
    if committer is not None:
        name, address = committer.name, committer.email
    try:
        with (
            interrupts.shielded(),
            view.opened(repository, writes=True) as (git_dir, extra),
        ):
            run(
                ["update-ref", "-m", f"patcher: {was} {branch}", "--no-deref", "--stdin", "-z"],
                git_dir=git_dir,
                stdin=os.fsencode(command),
                config=_DURABLE,
                extra=extra | {"GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": address},
            )
    except GitFailed as error:
        now = read_ref(repository, ref)
        if now != old:
            there = "exists" if old is None else "was moved"
            raise BranchMoved(
                f"branch {branch} {there} in between (it is at {now or 'nothing'}): run again"
            ) from None
        if _LOCKED.search(error.stderr):
            raise GitError(
                f"branch {branch} was not written: {printable(lock)} exists: another git "
                f"is at work there, or one that was killed left it behind; when none is running, "
                f"remove that file, then run again"
            ) from None
        refused = name_refused(branch, error.stderr.decode("utf-8", "replace"))
        raise refused or GitError(f"branch {branch} was not written: {error}") from None


_LOCKED = re.compile(rb"Unable to create '[^\n]+\.lock': File exists")


def _check_no_links(repository: Repository, ref: str) -> None:
    """A folder of refs that is a symbolic link would take the write elsewhere, and git would wait
    for whoever reads a FIFO."""
    for top in ("", "logs/"):
        path = repository.common_dir
        for part in f"{top}{ref}".split("/"):
            path /= part
            try:
                mode = path.lstat().st_mode
            except OSError:  # not there, nor what would be below it
                break
            if stat.S_ISLNK(mode):
                raise GitError(f"{printable(path)} is a symbolic link: remove it, then run again")
            if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
                raise GitError(f"{printable(path)} is no regular file: remove it, then run again")
    # Branches below it, if it is a folder.
    check_refs(f"{repository.common_dir}/refs", ref.removeprefix("refs/"))


def _checked_out(repository: Repository, ref: str) -> Path | None:
    """The work tree that has the branch checked out, or is in the middle of rebasing or bisecting
    it."""
    common = repository.common_dir
    folders = [] if repository.work_tree is None else [common]
    linked = common / "worktrees"
    if linked.is_dir():
        with os.scandir(linked) as entries:
            some = islice(entries, _MOST_WORK_TREES + 1)
            folders += sorted(linked / entry.name for entry in some)
    if len(folders) > _MOST_WORK_TREES:
        raise BoundExceeded(
            f"it has more than {_MOST_WORK_TREES} linked work trees: run git worktree prune"
        )
    for folder in folders:
        time_left()
        if _works_on(repository, folder, os.fsencode(ref)):
            back = read_small(folder / "gitdir")
            if back is not None:
                return Path(os.fsdecode(back.rstrip(b"\r\n"))).parent
            return folder.parent if folder.name == ".git" else folder
    return None


def _works_on(repository: Repository, folder: Path, named: bytes) -> bool:
    """Whether the work tree whose HEAD lies in ``folder`` is at work on a branch."""
    if uses_reftable(repository):
        command = ["symbolic-ref", "-q", "HEAD"]
        head = b"ref:" + _by_git(replace(repository, git_dir=folder), command, (0, 1, 128))
    else:
        head = read_small(folder / "HEAD") or b""
    if head.startswith(b"ref:") and head[4:].strip() == named:
        return True
    for name in ("rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"):
        text = read_small(folder / name)
        if text is not None and text.strip() in (named, named.removeprefix(b"refs/heads/")):
            return True
    return False

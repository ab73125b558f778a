"""Refs: read them, and move the review branch.

The few refs that a scan needs are read from their files, which takes no process. Repositories that
keep refs elsewhere (reftable) go through git.
"""

from __future__ import annotations

import errno
import mmap
import os
import re
import stat
from collections.abc import Sequence
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
    name_refused,
)
from patcher.git.limits import time_left
from patcher.git.regular import check_refs
from patcher.git.runner import require_version, run
from patcher.git.small import read_small
from patcher.git.values import Identity, Repository
from patcher.git.view import uses_reftable
from patcher.text import printable

MAX_PACKED_REFS = 128 << 20
"""Bytes of a repository's packed-refs file; a million branches take half of it."""

_MOST_WORK_TREES = 10_000
"""Linked work trees, in each of which a branch may be checked out."""

REMOTE = "refs/remotes/origin/"
HEADS = "refs/heads/"
OID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_DURABLE = {"core.fsync": "committed,loose-object"}


_NO_REF = re.compile(r"[\0-\x20\x7f~^:?*\[\\]|//|\.\.|@\{|/\.|\.lock(?:/|\Z)|[/.]\Z")


def is_ref_name(name: str) -> bool:
    """Whether git would take it for a full ref name (git-check-ref-format(1)); only then may it
    become part of a path."""
    return name.startswith("refs/") and len(name) <= 1000 and not _NO_REF.search(name)


def symbolic(repository: Repository, ref: str) -> str | None:
    """The ref that a symbolic ref names."""
    if not uses_reftable(repository):
        return symbolic_in_file(repository, ref)
    output = by_git(repository, ["symbolic-ref", "-q", ref], allowed=(0, 1, 128))
    return output.decode("utf-8", "surrogateescape").rstrip("\n") or None


def symbolic_in_file(repository: Repository, ref: str) -> str | None:
    target = target_of(read_ref_file(repository, ref) or "")
    return target if target is not None and is_ref_name(target) else None


def target_of(text: str) -> str | None:
    """What a ref's file names, if it names another one."""
    return text[4:].lstrip(_SPACE) if text.startswith("ref:") else None


def read_ref(repository: Repository, ref: str) -> str | None:
    """The object id that a full ref name (or HEAD) stands for, None if there is no such ref."""
    if ref != "HEAD" and not is_ref_name(ref):
        return None
    if not uses_reftable(repository):
        return read_in_files(repository, ref)
    if ref != "HEAD":
        return named_by_git(repository, ref)
    command = ["rev-parse", "--verify", "--quiet", "--end-of-options", ref]
    found = by_git(repository, command, allowed=(0, 1, 128))
    oid = found.decode("ascii", "replace").strip()
    return oid if OID.match(oid) else None


def read_in_files(repository: Repository, ref: str) -> str | None:
    for _ in range(5):  # as many refs as git reads, each named by the one before it
        text = read_ref_file(repository, ref)
        if text is None:
            found_oid = _packed(repository, ref)
            # `git pack-refs` writes the packed file and then removes the loose one
            text = found_oid or read_ref_file(repository, ref)
        if not text or OID.match(text):
            return text or None
        target = target_of(text)
        if target is None or not is_ref_name(target):
            raise _unreadable(ref)
        ref = target
    raise GitError("a symbolic ref of the repository leads in a circle: run git fsck")


def _unreadable(ref: str) -> GitError:
    return GitError(f"{ref} cannot be read: run git fsck")


_OF_A_WORK_TREE = ("refs/bisect/", "refs/worktree/", "refs/rewritten/")
_SPACE = " \t\n\r"
"""What is white space to git."""


def read_ref_file(repository: Repository, ref: str) -> str | None:
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
    return oid if OID.match(oid) else named_by_git(repository, ref)


def named_by_git(repository: Repository, ref: str) -> str | None:
    """The object id of a ref below ``refs/``. (Where there is none, rev-parse takes another one
    whose name ends like it: ``refs/tags/refs/heads/main``.)"""
    try:
        return by_git(repository, ["show-ref", "--verify", "--hash", ref]).decode("ascii").strip()
    except GitFailed as error:
        if error.stderr.rstrip().endswith(b"- not a valid ref"):
            return None
        raise


def by_git(repository: Repository, command: Sequence[str], allowed: Sequence[int] = (0,)) -> bytes:
    with view.opened(repository) as (git_dir, extra):
        return run(command, git_dir=git_dir, extra=extra, allowed=allowed)


def branch_tip(repository: Repository, branch: str) -> str | None:
    """The commit of a local branch, None if there is no such branch."""
    return read_ref(repository, HEADS + branch)


def remote_tip(repository: Repository, branch: str) -> str | None:
    """The commit of origin's branch, as the repository knows it; None if it knows none."""
    return read_ref(repository, REMOTE + branch)


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
    new: str | None,
    old: str | None,
    committer: Identity | None = None,
) -> None:
    """Point a local branch at ``new`` (None: remove it), if it still points at ``old`` (None: if it
    does not exist).

    ``committer`` is who stands in the branch's reflog. Raises `BranchMoved` when it does not, and
    `BranchCheckedOut` when a work tree has it checked out; then nothing has changed. No hook runs.
    """
    check_branch_name(branch)
    require_version()
    ref = HEADS + branch
    place = _checked_out(repository, ref)
    if place is not None:
        raise BranchCheckedOut(
            f"branch {branch} is checked out in {printable(place)}: switch that to another branch, "
            f"or use another --branch"
        )
    _check_no_links(repository, ref)
    target = symbolic(repository, ref)
    if target is not None:
        raise GitError(f"branch {branch} is another name for {target}: use another --branch")
    if new is None:
        command = f"delete {ref}\0{old or ''}\0"
    else:
        command = f"update {ref}\0{new}\0{old or '0' * len(new)}\0"
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
    for name in (ref, f"logs/{ref}", "packed-refs"):
        path = repository.common_dir
        for part in name.split("/"):
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
        head = b"ref:" + by_git(replace(repository, git_dir=folder), command, (0, 1, 128))
    else:
        head = read_small(folder / "HEAD") or b""
    if head.startswith(b"ref:") and head[4:].strip() == named:
        return True
    for name in ("rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"):
        text = read_small(folder / name)
        if text is not None and text.strip() in (named, named.removeprefix(b"refs/heads/")):
            return True
    return False

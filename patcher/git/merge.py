"""Merge two commits beside their repository, where neither refs nor work trees are."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from patcher.git.alternates import folders
from patcher.git.errors import BoundExceeded, GitError, GitFailed
from patcher.git.regular import check_objects
from patcher.git.runner import require_version, run
from patcher.git.scratch import no_room, scratch
from patcher.git.tree_search.files import entries
from patcher.git.values import Repository

_WRITE_TREE = (2, 38)
"""The git whose `merge-tree` came to write the tree."""

_MOST_DIFFERENT = 8 << 20
"""Bytes of what git says of files that differ; of all that patcher may change it says five."""

_MEMORY = 160 << 20
"""Bytes of memory for a git that compares trees."""

_DIFF_TREE = "diff-tree -r -z --raw --no-renames --full-index --no-abbrev".split()

_NOBODY = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "patcher"), ("EMAIL", "patcher@localhost"), ("DATE", "@0 +0000"))
}


class Merge(NamedTuple):
    """A merge, and a repository that has all objects of the real one and those of the merge."""

    repository: Repository
    """Only objects can be read of it."""
    commit: str
    adds: bool
    """Whether it differs from the first of the two."""


class Difference(NamedTuple):
    """A file that two commits have otherwise: mode and object id, of zeros where there is none."""

    path: bytes
    old: tuple[str, str]
    new: tuple[str, str]


@contextlib.contextmanager
def merged(repository: Repository, merge_base: str, one: str, two: str) -> Iterator[Merge | None]:
    """The merge of two commits whose only merge base is given; None where they conflict. It lasts
    as long as the block. Raises `GitError`."""
    beside = f"{scratch(len(one))}/view-{os.urandom(8).hex()}"
    place = Path(beside)
    own = f"{repository.common_dir}/objects"
    check_objects([own])
    try:
        try:
            _lay_out(place, [folder for folder, there in folders(own).items() if there])
        except OSError as error:
            raise no_room(error) from error
        # Where history is cut off, git does not know the merge base: here are three commits of
        # their trees, of which it does.
        base = _committed(beside, merge_base)
        first, second = _committed(beside, one, base), _committed(beside, two, base)
        if not _is_by_lines(beside, repository, merge_base, one, two):
            tree = None
        elif require_version() >= _WRITE_TREE:
            tree = _merge_tree(beside, first, second)
        else:
            tree = _three_trees(beside, repository, merge_base, one, two)
        if tree is None:
            yield None
            return
        commit = _committed(beside, tree)
        adds = _tree(beside, tree) != _tree(beside, one)
        yield Merge(Repository(repository.path, place, None, repository.address), commit, adds)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _lay_out(place: Path, alternates: list[str]) -> None:
    for folder in ("objects/info", "objects/pack", "refs"):
        (place / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("config", "HEAD"):
        shutil.copy(place.parent / name, place / name)
    text = "".join(f"{_quoted(folder)}\n" for folder in alternates)
    (place / "objects/info/alternates").write_text(text, "utf-8", "surrogateescape")


def _quoted(folder: str) -> str:
    """A folder as a list of alternates takes it (gitrepository-layout(5))."""
    escaped = folder.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _is_by_lines(beside: str, repository: Repository, merge_base: str, one: str, two: str) -> bool:
    """Whether git merges line by line what both changed: attributes may say otherwise
    (gitattributes(5), "merge"), and in a repository without a work tree git does not see them."""
    try:
        changed = {each.path: each for each in differences(repository, merge_base, two)}
    except BoundExceeded:  # nobody merges as many unseen
        return False
    there = entries(repository, one, list(changed))
    both = [path for path, each in changed.items() if there.get(path) not in (each.old, each.new)]
    if not both:
        return True
    extra = {"GIT_INDEX_FILE": f"{beside}/attributes"}
    run(["read-tree", one], git_dir=beside, extra=extra)
    command = ["check-attr", "-z", "--cached", "--stdin", "merge"]
    paths = b"".join(path + b"\0" for path in both)
    said = run(command, git_dir=beside, extra=extra, stdin=paths).split(b"\0")
    return all(value in (b"unspecified", b"set", b"text") for value in said[2::3])


def _merge_tree(beside: str, first: str, second: str) -> str | None:
    output = run(
        ["merge-tree", "--write-tree", "--no-messages", first, second],
        git_dir=beside,
        allowed=(0, 1),
        config={"merge.conflictStyle": "merge"},
    )
    lines = output.decode("ascii", "replace").split("\n")
    return lines[0] if lines[1:] == [""] else None


def _three_trees(beside: str, repository: Repository, base: str, one: str, two: str) -> str | None:
    """What an older git can tell: a file that both changed otherwise is a conflict."""
    theirs = {each.path: each for each in differences(repository, base, one)}
    lines = []
    for each in differences(repository, base, two):
        there = theirs.get(each.path)
        if there is None:
            mode, oid = each.new
            lines.append(b"%b %b\t%b\0" % (mode.encode(), oid.encode(), each.path))
        elif there.new != each.new:
            return None
    extra = {"GIT_INDEX_FILE": f"{beside}/index"}
    run(["read-tree", one], git_dir=beside, extra=extra)
    command = ["update-index", "-z", "--index-info"]
    run(command, git_dir=beside, extra=extra, stdin=b"".join(lines))
    return run(["write-tree"], git_dir=beside, extra=extra).decode("ascii", "replace").strip()


def _committed(beside: str, tree: str, *parents: str) -> str:
    command = ["commit-tree", "-m", "merge", f"{tree}^{{tree}}"]
    for parent in parents:
        command += ["-p", parent]
    return run(command, git_dir=beside, extra=_NOBODY).decode("ascii", "replace").strip()


def _tree(beside: str, name: str) -> str:
    output = run(["rev-parse", "--verify", f"{name}^{{tree}}"], git_dir=beside)
    return output.decode("ascii", "replace").strip()


def differences(repository: Repository, old: str, new: str) -> list[Difference]:
    """The files that two commits have otherwise. Raises `GitError`, and `BoundExceeded` for too
    many."""
    objects = f"{repository.common_dir}/objects"
    check_objects([objects])
    try:
        output = run(
            [*_DIFF_TREE, old, new],
            git_dir=scratch(len(old)),
            extra={"GIT_OBJECT_DIRECTORY": objects},
            memory=_MEMORY,
            limit=_MOST_DIFFERENT,
        )
    except GitFailed as error:
        if b"Out of memory" in error.stderr:
            raise BoundExceeded(f"too many files differ: {error}") from None
        raise
    fields = output.split(b"\0")[:-1]
    if len(fields) % 2:
        raise GitError("git diff-tree says what it should not: run git fsck")
    found = []
    for what, path in zip(fields[::2], fields[1::2], strict=True):
        old_mode, new_mode, old_oid, new_oid, _ = what.decode("ascii", "replace").split(" ")
        found.append(Difference(path, (old_mode[1:], old_oid), (new_mode, new_oid)))
    return found

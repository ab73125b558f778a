"""Alternates: what patcher tells of them is what git reads."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from patcher.git import BoundExceeded, GitError, Repository, alternates, discover
from tests.git.conftest import Work


def opened(path: Path) -> Repository:
    [found] = discover([path])
    assert isinstance(found, Repository)
    return found


def listed(path: Path, *lines: str | bytes) -> Path:
    """Write the list of a work tree's alternates."""
    file = path / ".git/objects/info/alternates"
    file.write_bytes(b"".join(os.fsencode(line) + b"\n" for line in lines))
    return file


def by_git(work: Work, path: Path) -> list[str]:
    """What git itself reads."""
    lines = work.git(path, "count-objects", "-v").split("\n")
    names = [line.removeprefix("alternate: ") for line in lines if line.startswith("alternate:")]
    return [os.path.realpath(name) for name in names]


def test_none(work: Work) -> None:
    found = alternates(opened(work.repository()))
    assert (found.read, found.absent) == ((), ())


def test_absolute_relative_and_commented(work: Work) -> None:
    path, one, two = (work.repository(name) for name in ("repo", "one", "two"))
    listed(path, "# not this", f"{one}/.git/objects", "", "../../../two/.git/objects")
    found = alternates(opened(path))
    assert found.read == (f"{one}/.git/objects", f"{two}/.git/objects")
    assert list(found.read) == by_git(work, path)


def test_quoted(work: Work) -> None:
    path = work.repository()
    strange = work.repository('o"n\te\\ \N{SNOWMAN}')
    name = os.fsencode(f"{strange}/.git/objects")
    quoted = b"".join(
        b"\\" + bytes([byte]) if byte in b'"\\' else b"\\%03o" % byte if byte > 126 else
        b"\\t" if byte == 9 else bytes([byte])
        for byte in name
    )  # fmt: skip
    listed(path, b'"' + quoted + b'"')
    assert alternates(opened(path)).read == (os.fsdecode(name),)
    # git shows it quoted, so ask whether it reads from there
    assert work.git(strange, "rev-parse", "HEAD") == work.git(
        path, "rev-parse", work.git(strange, "rev-parse", "HEAD") + "^{commit}"
    )


def test_nested_as_deep_as_git_goes_and_in_circles(work: Work) -> None:
    chain = [work.repository(f"r{number}") for number in range(10)]
    for path, following in pairwise(chain):
        listed(path, f"{following}/.git/objects")
    found = alternates(opened(chain[0]))
    assert list(found.read) == by_git(work, chain[0])
    assert len(found.read) == 6
    listed(chain[3], f"{chain[0]}/.git/objects", f"{chain[1]}/.git/objects")
    assert alternates(opened(chain[0])).read == tuple(f"{p}/.git/objects" for p in chain[1:4])


def test_what_is_not_there_is_told_apart(work: Work) -> None:
    path, one = work.repository("repo"), work.repository("one")
    listed(path, "/nowhere/objects", f"{one}/.git/objects")
    listed(one, "/neither/objects")
    found = alternates(opened(path))
    assert found.read == (f"{one}/.git/objects",)
    assert found.absent == ("/nowhere/objects", "/neither/objects")


def test_of_a_linked_work_tree(work: Work) -> None:
    path, one = work.repository("repo"), work.repository("one")
    listed(path, f"{one}/.git/objects")
    work.git(path, "worktree", "add", "-q", str(work.root / "linked"))
    assert alternates(opened(work.root / "linked")).read == (f"{one}/.git/objects",)


@pytest.mark.parametrize("nested", [False, True])
def test_nothing_waits_for_a_list_that_is_no_file(work: Work, nested: bool) -> None:
    path, one = work.repository("repo"), work.repository("one")
    repository = opened(path)
    listed(path, f"{one}/.git/objects")
    fifo = (one if nested else path) / ".git/objects/info/alternates"
    fifo.unlink(missing_ok=True)
    os.mkfifo(fifo)
    with pytest.raises(GitError, match="is no regular file"):
        alternates(repository)
    if not nested:
        [failure] = discover([path])
        assert not isinstance(failure, Repository)
        assert failure.error == "objects/info/alternates is no regular file"


def test_bounds(work: Work) -> None:
    path = work.repository()
    repository = opened(path)
    listed(path, *("x" * 99 for _ in range(700)))
    with pytest.raises(BoundExceeded, match="over the limit of 64 KiB"):
        alternates(repository)
    listed(path, *(f"/nowhere/{number}" for number in range(1001)))
    with pytest.raises(BoundExceeded, match="more than 1000 alternates"):
        alternates(repository)

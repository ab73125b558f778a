"""Where a run starts from, and how the review branch moves."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from patcher.git import (
    Base,
    BranchCheckedOut,
    BranchMoved,
    GitError,
    Identity,
    Repository,
    UnbornHead,
    bases,
    branch_tip,
    check_branch_name,
    discover,
    move_branch,
)

if TYPE_CHECKING:
    from tests.git.conftest import Work


def opened(path: Path) -> Repository:
    item = next(discover([path]))
    assert isinstance(item, Repository), item
    return item


def test_head_is_the_base_of_a_repository_without_origin(work: Work) -> None:
    path = work.repository()
    oid = work.git(path, "rev-parse", "HEAD")
    assert bases(opened(path)) == [Base("refs/heads/main", "main", oid, True)]
    work.git(path, "pack-refs", "--all")
    assert not (path / ".git/refs/heads/main").exists()
    assert bases(opened(path)) == [Base("refs/heads/main", "main", oid, True)]


def test_a_detached_head(work: Work) -> None:
    path = work.repository()
    oid = work.git(path, "rev-parse", "HEAD")
    work.git(path, "checkout", "-q", "--detach")
    assert bases(opened(path)) == [Base("HEAD", "HEAD", oid, True)]
    assert bases(opened(path), ["HEAD"]) == [Base("HEAD", "HEAD", oid, True)]


def test_the_linked_work_trees_own_head(work: Work) -> None:
    path = work.repository()
    work.git(path, "worktree", "add", "-q", "-b", "topic", str(work.root / "linked"))
    oid = work.commit(work.root / "linked", {"new": b"1"})
    assert bases(opened(work.root / "linked")) == [Base("refs/heads/topic", "topic", oid, True)]


def test_origins_default_branch_comes_before_head(work: Work) -> None:
    path = work.repository("upstream")
    work.git(work.root, "clone", "-q", "upstream", "clone")
    clone = work.root / "clone"
    upstream = work.git(path, "rev-parse", "HEAD")
    work.commit(clone, {"local": b"1"})
    assert bases(opened(clone)) == [Base("refs/remotes/origin/main", "main", upstream, True)]
    # A default branch that was renamed away upstream leaves a HEAD that names nothing.
    work.git(clone, "update-ref", "-d", "refs/remotes/origin/main")
    [base] = bases(opened(clone))
    assert (base.ref, base.default) == ("refs/heads/main", True)


def test_an_unborn_head_is_nothing_to_do(work: Work) -> None:
    work.git(work.root, "init", "-q", "new")
    with pytest.raises(UnbornHead, match="main has no commit yet"):
        bases(opened(work.root / "new"))


def test_a_sha256_repository(work: Work) -> None:
    path = work.repository("sha256", None, "--object-format=sha256")
    [base] = bases(opened(path))
    assert len(base.commit) == 64
    assert bases(opened(path), ["ma*"]) == [base]
    assert bases(opened(path), [base.commit[:9]])[0].commit == base.commit


def test_patterns_look_at_origin_first(work: Work) -> None:
    upstream = work.repository("upstream")
    for name in ("release/1.6", "release/1.7", "release/old/1.0", "patcher/release"):
        work.git(upstream, "branch", name)
    work.git(upstream, "tag", "-a", "-m", "v", "v1.0")
    work.git(work.root, "clone", "-q", "upstream", "clone")
    clone = work.root / "clone"
    oid = work.git(clone, "rev-parse", "HEAD")
    work.git(clone, "branch", "release/9.9")
    work.git(clone, "branch", "local/one")
    work.git(clone, "branch", "patcher/local")
    repository = opened(clone)

    def refs(*patterns: str) -> list[str]:
        found = bases(repository, patterns)
        assert {base.commit for base in found} == {oid}
        return [base.ref for base in found]

    assert refs("release/*") == [
        "refs/remotes/origin/release/1.6",
        "refs/remotes/origin/release/1.7",
    ]
    assert [base.name for base in bases(repository, ["release/*"])] == [
        "release/1.6",
        "release/1.7",
    ]
    assert refs("release/**")[-1] == "refs/remotes/origin/release/old/1.0"
    assert refs("release/1.[7-9]", "release/1.6", "release/1.*") == [
        "refs/remotes/origin/release/1.7",
        "refs/remotes/origin/release/1.6",
    ]
    assert refs("release/9.9") == ["refs/heads/release/9.9"]
    assert refs("local/*") == ["refs/heads/local/one"]
    assert refs("refs/heads/release/*") == ["refs/heads/release/9.9"]
    assert refs("v1.0") == ["refs/tags/v1.0"]  # peeled to the commit
    assert refs("origin/main") == ["refs/remotes/origin/main"]
    assert refs(oid) == [oid] and refs(oid[:8]) == [oid]
    assert refs("*") == ["refs/remotes/origin/main"]
    assert "refs/heads/patcher/local" not in refs("refs/heads/**")
    assert [base.default for base in bases(repository, ["main", "release/1.6"])] == [True, False]


@pytest.mark.parametrize(
    "pattern",
    [
        "nothing",
        "no/*",
        "--all",
        "-h",
        "--upload-pack=x*",
        "../../HEAD",
        "refs/heads/../../HEAD",
        "",
        "a b",
        "main\n",
        "HEAD:profile",
        "main^{tree}",
        "@{-1}",
        "\x1b[2J",
        "refs/heads/",
    ],
)
def test_a_pattern_that_names_nothing(work: Work, pattern: str) -> None:
    path = work.repository()
    with pytest.raises(GitError) as error:
        bases(opened(path), [pattern])
    assert str(error.value).isprintable()


def test_a_ref_of_something_else_than_a_commit(work: Work) -> None:
    path = work.repository()
    work.git(path, "update-ref", "refs/tags/tree", work.git(path, "rev-parse", "HEAD^{tree}"))
    with pytest.raises(GitError, match="refs/tags/tree does not name a commit"):
        bases(opened(path), ["tree"])


@pytest.mark.parametrize(
    "content", [b"", b"garbage\n", b"ref: refs/heads/../../../x\n", b"ref: refs/heads/loop\n"]
)
def test_broken_refs_are_errors(work: Work, content: bytes) -> None:
    path = work.repository()
    (path / ".git/refs/heads/loop").write_bytes(content)
    work.git(path, "symbolic-ref", "HEAD", "refs/heads/loop")
    with pytest.raises(GitError):
        bases(opened(path))


def test_a_fifo_as_a_ref_does_not_block(work: Work) -> None:
    path = work.repository()
    os.mkfifo(path / ".git/refs/heads/pipe")
    (path / ".git/HEAD").write_text("ref: refs/heads/pipe\n")
    with pytest.raises(GitError):
        bases(opened(path))


def test_move_branch_creates_and_moves(work: Work) -> None:
    path = work.repository()
    first = work.git(path, "rev-parse", "HEAD")
    second = work.commit(path, {"more": b"1"})
    repository = opened(path)
    assert branch_tip(repository, "patcher/x") is None
    move_branch(repository, "patcher/x", first, None, Identity("Ada", "ada@example.org", None))
    assert branch_tip(repository, "patcher/x") == first
    move_branch(repository, "patcher/x", second, first)
    assert branch_tip(repository, "patcher/x") == second
    log = work.git(path, "reflog", "show", "--format=%gn %gs", "patcher/x").splitlines()
    assert log == ["patcher patcher: move patcher/x", "Ada patcher: create patcher/x"]
    work.git(path, "pack-refs", "--all")
    assert branch_tip(repository, "patcher/x") == second


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_a_packed_ref_is_found_by_its_whole_name(work: Work, object_format: str) -> None:
    path = work.repository("repo", None, f"--object-format={object_format}")
    names = ["main", "main2", "m", "x/main", "x/refs/heads/main", "main-x/y"]
    tips = {}
    work.git(path, "checkout", "-q", "--detach")
    for name in names:
        tips[name] = work.commit(path, {"of": name.encode()})
        work.git(path, "update-ref", f"refs/heads/{name}", tips[name])
    work.git(path, "tag", "-a", "-m", "x", "refs/heads/main", tips["m"])  # below refs/tags
    work.git(path, "pack-refs", "--all")
    assert not list((path / ".git/refs/heads").iterdir())
    repository = opened(path)
    assert {name: branch_tip(repository, name) for name in names} == tips
    for name in names:
        work.git(path, "update-ref", "-d", f"refs/heads/{name}")
        assert branch_tip(repository, name) is None
        assert work.git(path, "for-each-ref", f"refs/heads/{name}") == ""
        work.git(path, "update-ref", f"refs/heads/{name}", tips[name])
        work.git(path, "pack-refs", "--all")


def test_what_someone_else_put_there_is_not_lost(work: Work) -> None:
    path = work.repository()
    first = work.git(path, "rev-parse", "HEAD")
    second = work.commit(path, {"more": b"1"})
    repository = opened(path)
    work.git(path, "branch", "patcher/x", first)
    with pytest.raises(BranchMoved, match="exists in between"):
        move_branch(repository, "patcher/x", second, None)
    with pytest.raises(BranchMoved, match="was moved in between"):
        move_branch(repository, "patcher/x", first, second)
    work.git(path, "branch", "-D", "patcher/x")
    with pytest.raises(BranchMoved, match="nothing"):
        move_branch(repository, "patcher/x", second, first)
    assert branch_tip(repository, "patcher/x") is None


def test_of_racing_writers_exactly_one_wins(work: Work) -> None:
    path = work.repository()
    repository = opened(path)
    tree = work.git(path, "rev-parse", "HEAD^{tree}")
    commits = [work.git(path, "commit-tree", "-m", str(number), tree) for number in range(12)]
    barrier = threading.Barrier(len(commits))
    won: list[str] = []
    lost: list[GitError] = []

    def write(commit: str) -> None:
        barrier.wait()
        try:
            move_branch(repository, "patcher/race", commit, None)
            won.append(commit)
        except GitError as error:
            lost.append(error)

    threads = [threading.Thread(target=write, args=[commit]) for commit in commits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and len(lost) == 11
    assert branch_tip(repository, "patcher/race") == won[0]
    assert work.git(path, "rev-parse", "refs/heads/patcher/race") == won[0]


def test_a_checked_out_branch_is_left_alone(work: Work) -> None:
    path = work.repository()
    oid = work.git(path, "rev-parse", "HEAD")
    new = work.commit(path, {"more": b"1"})
    linked = work.root / "linked"
    work.git(path, "worktree", "add", "-q", "-b", "topic", str(linked))
    for place in (path, linked):
        for branch, where in (("main", path), ("topic", linked)):
            with pytest.raises(BranchCheckedOut, match=f"checked out in {where}"):
                move_branch(opened(place), branch, oid, new)
    # Not yet born, but checked out all the same: the first commit there would find it taken.
    work.git(path, "symbolic-ref", "HEAD", "refs/heads/patcher/x")
    with pytest.raises(BranchCheckedOut):
        move_branch(opened(path), "patcher/x", oid, None)


def test_a_branch_that_is_being_rebased_is_left_alone(work: Work) -> None:
    path = work.repository("repo", {"a": b"1\n"})
    work.git(path, "checkout", "-q", "-b", "topic")
    oid = work.commit(path, {"a": b"2\n"})
    work.git(path, "checkout", "-q", "main")
    work.commit(path, {"a": b"3\n"})
    work.git(path, "checkout", "-q", "topic")
    work.git(path, "rebase", "-q", "main", check=False)
    assert work.git(path, "branch", "--show-current") == ""
    with pytest.raises(BranchCheckedOut):
        move_branch(opened(path), "topic", oid, oid)


def test_the_head_of_a_bare_repository_may_move(work: Work) -> None:
    path = work.repository()
    new = work.commit(path, {"more": b"1"})
    work.git(work.root, "clone", "-q", "--bare", "repo", "bare.git")
    bare = opened(work.root / "bare.git")
    old = work.git(path, "rev-parse", "HEAD^")
    move_branch(bare, "main", old, new)
    assert branch_tip(bare, "main") == old


def test_a_symbolic_branch_cannot_turn_the_write_elsewhere(work: Work) -> None:
    path = work.repository()
    oid = work.git(path, "rev-parse", "HEAD")
    work.git(path, "branch", "release")
    new = work.commit(path, {"more": b"1"})
    work.git(path, "symbolic-ref", "refs/heads/patcher/x", "refs/heads/release")
    with pytest.raises(GitError, match="another name for refs/heads/release"):
        move_branch(opened(path), "patcher/x", new, oid)
    outside = work.repository("outside")
    (path / ".git/refs/heads/linked").symlink_to(outside / ".git/refs/heads")
    with pytest.raises(GitError, match="is a symbolic link"):
        move_branch(opened(path), "linked/x", new, None)
    assert work.git(outside, "branch", "--list").strip() == "* main"


def test_a_left_behind_lock_and_a_branch_in_the_way_are_said(work: Work) -> None:
    path = work.repository()
    oid = work.git(path, "rev-parse", "HEAD")
    lock = path / ".git/refs/heads/patcher/x.lock"
    lock.parent.mkdir()
    lock.touch()
    with pytest.raises(GitError, match=r"x\.lock exists") as error:
        move_branch(opened(path), "patcher/x", oid, None)
    assert not isinstance(error.value, BranchMoved)
    lock.unlink()
    lock.parent.rmdir()
    work.git(path, "branch", "patcher")
    with pytest.raises(GitError, match="refs/heads/patcher"):
        move_branch(opened(path), "patcher/x", oid, None)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-x",
        "--force",
        "a..b",
        "a b",
        "a~1",
        "x.lock",
        ".x",
        "x/",
        "/x",
        "a//b",
        "@{-1}",
        "HEAD",
        "a\nb",
        "a\x1b",
        "a\x00b",
        "x.",
        "re:fs",
        "a?",
    ],
)
def test_names_that_are_no_branch(name: str) -> None:
    with pytest.raises(GitError, match="is not a valid branch name"):
        check_branch_name(name)


@pytest.mark.parametrize("name", ["main", "patcher/deny-af-alg", "fix-😀", "a-b/c.d"])
def test_names_that_are_a_branch(name: str) -> None:
    check_branch_name(name)


def test_links_among_the_refs_that_lead_in_a_circle(work: Work) -> None:
    path = work.repository()
    heads = path / ".git/refs/heads"
    (heads / "a").symlink_to("b")
    (heads / "b").symlink_to("a")
    repository = opened(path)
    assert branch_tip(repository, "a/c") is None
    assert branch_tip(repository, "a") is None
    (path / ".git/HEAD").write_text("ref: refs/heads/a/c\n")
    with pytest.raises(UnbornHead):
        bases(opened(path))

"""Where a run starts from, and how the review branch moves."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from patcher.git import (
    Address,
    Base,
    BoundExceeded,
    BranchCheckedOut,
    BranchMoved,
    GitError,
    Identity,
    NoSuchBase,
    Repository,
    UnbornHead,
    base_refs,
    bases,
    branch_tip,
    check_branch_name,
    discover,
    environment,
    limited,
    move_branch,
    refs,
    runner,
    scratch,
)
from tests.gits import Gits
from tests.variants import few

if TYPE_CHECKING:
    from tests.git.conftest import Work


@pytest.fixture(params=["files", "git"])
def way(request: pytest.FixtureRequest, work: Work, monkeypatch: pytest.MonkeyPatch) -> str:
    """How refs are kept: in files, or in a way that git alone knows."""
    if request.param == "git":
        folder = work.root / "bin"
        folder.mkdir()
        (folder / "git").write_text(
            "#!/bin/sh\n"
            'case "$1" in */by-git*) first="${1%%/by-git*}${1#*/by-git}"; shift;'
            ' set -- "$first" "$@" ;; esac\n'
            f'exec {environment.program()} "$@"\n'
        )
        (folder / "git").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return str(request.param)


def opened(path: Path, way: str = "files") -> Repository:
    item = next(discover([path]))
    assert isinstance(item, Repository), item
    return item if way == "files" else kept_by_git(item)


def kept_by_git(repository: Repository) -> Repository:
    """The same repository as one with reftable looks, which git knows from 2.45 on: there are no
    files with refs, and its git, which is told of this folder, finds them all the same."""
    real = repository.common_dir
    stand_in = real / "by-git"
    shutil.rmtree(stand_in, ignore_errors=True)
    shutil.copytree(real, stand_in, ignore=lambda *_: ["by-git", "objects", "refs", "packed-refs"])
    for head in stand_in.rglob("HEAD"):
        head.unlink()
        head.write_text("ref: refs/heads/.invalid\n")
    (stand_in / "reftable").mkdir()
    (stand_in / "refs").mkdir()
    (stand_in / "refs/heads").write_text("this repository uses the reftable format\n")
    (stand_in / "objects").symlink_to(real / "objects")
    return replace(repository, git_dir=stand_in / repository.git_dir.relative_to(real))


def test_head_is_the_base_of_a_repository_without_origin(work: Work, way: str) -> None:
    path = work.repository()
    oid = work.git(path, "rev-parse", "HEAD")
    assert bases(opened(path, way)) == [Base("refs/heads/main", "main", oid, True)]
    assert bases(opened(path, way), ["HEAD"]) == [Base("refs/heads/main", "main", oid, True)]
    work.git(path, "pack-refs", "--all")
    assert not (path / ".git/refs/heads/main").exists()
    assert bases(opened(path, way)) == [Base("refs/heads/main", "main", oid, True)]


def test_a_detached_head(work: Work, way: str) -> None:
    path = work.repository()
    oid = work.git(path, "rev-parse", "HEAD")
    work.git(path, "checkout", "-q", "--detach")
    assert bases(opened(path, way)) == [Base("HEAD", "HEAD", oid, True)]
    assert bases(opened(path, way), ["HEAD"]) == [Base("HEAD", "HEAD", oid, True)]


def test_a_head_that_is_a_link(work: Work, way: str) -> None:
    """As git wrote it long ago; and one that leads elsewhere."""
    path = work.repository()
    oid = work.git(path, "rev-parse", "HEAD")
    (path / ".git/HEAD").unlink()
    (path / ".git/HEAD").symlink_to("refs/heads/main")
    assert bases(opened(path, way)) == [Base("refs/heads/main", "main", oid, True)]


def test_the_linked_work_trees_own_head(work: Work, way: str) -> None:
    path = work.repository()
    work.git(path, "worktree", "add", "-q", "-b", "topic", str(work.root / "linked"))
    oid = work.commit(work.root / "linked", {"new": b"1"})
    linked = opened(work.root / "linked", way)
    assert bases(linked) == [Base("refs/heads/topic", "topic", oid, True)]
    assert bases(linked, ["HEAD"]) == [Base("refs/heads/topic", "topic", oid, True)]
    assert [base.default for base in bases(linked, ["main", "topic"])] == [False, True]


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ("garbage", "HEAD is neither a branch nor a commit"),
        ("", "HEAD cannot be read"),
        ("refs/heads/main", "HEAD is neither"),
        ("refs/heads/main:", "HEAD is neither"),
        ("ref: refs/heads/../../config", "HEAD is neither"),
        ("ref: config", "HEAD is neither"),
        ("1" * 41, "HEAD is neither"),
        ("ref: refs/heads/gone", "gone has no commit yet: nothing to do"),
    ],
)
def test_a_head_that_names_no_commit(work: Work, head: str, says: str) -> None:
    path = work.repository()
    (path / ".git/refs/heads/main").rename(path / ".git/refs/kept")
    repository = opened(path)
    (path / ".git/HEAD").write_text(f"{head}\n")
    with pytest.raises(GitError, match=says) as error:
        bases(repository)
    assert isinstance(error.value, UnbornHead) is ("nothing to do" in says)


def test_origins_default_branch_comes_before_head(work: Work, way: str) -> None:
    path = work.repository("upstream")
    work.git(work.root, "clone", "-q", "upstream", "clone")
    clone = work.root / "clone"
    upstream = work.git(path, "rev-parse", "HEAD")
    work.commit(clone, {"local": b"1"})
    remote = [Base("refs/remotes/origin/main", "main", upstream, True)]
    assert bases(opened(clone, way)) == remote
    head = clone / ".git/refs/remotes/origin/HEAD"
    head.unlink()
    head.symlink_to("refs/remotes/origin/main")  # as git wrote it long ago
    assert bases(opened(clone, way)) == remote
    # What is no name of a branch of origin's does not count, nor does a branch that was renamed
    # away upstream.
    head.unlink()
    for other in ("refs/heads/other", "refs/remotes/up/main"):
        work.git(clone, "update-ref", other, upstream)
    origins = ("ref: refs/heads/other", "ref: refs/remotes/up/main", "bad:refs/remotes/origin/main")
    for names in origins:
        head.write_text(f"{names}\n")
        [base] = bases(opened(clone, way))
        assert (base.ref, base.default) == ("refs/heads/main", True)
    head.write_text("ref: refs/remotes/origin/main\n")
    work.git(clone, "update-ref", "-d", "refs/remotes/origin/main")
    [base] = bases(opened(clone, way))
    assert (base.ref, base.default) == ("refs/heads/main", True)


@pytest.mark.parametrize("packed", [False, True])
def test_names_that_are_not_utf_8(work: Work, way: str, packed: bool) -> None:
    path = work.repository()
    oid = work.git(path, "rev-parse", "HEAD")
    name = os.fsdecode(b"latin-\xe9")
    work.git(path, "checkout", "-q", "-b", b"latin-\xe9")
    if packed:
        work.git(path, "pack-refs", "--all")
    repository = opened(path, way)
    base = Base(f"refs/heads/{name}", name, oid, True)
    assert bases(repository) == bases(repository, ["HEAD"]) == bases(repository, ["lat*"]) == [base]
    with pytest.raises(BranchCheckedOut) as error:
        move_branch(repository, name, oid, oid)
    assert "branch latin-\\xe9 is checked out" in str(error.value)
    assert branch_tip(repository, f"{name}/x") is None
    move_branch(repository, f"{name}2", oid, None)
    assert branch_tip(repository, f"{name}2") == oid == work.git(path, "rev-parse", b"latin-\xe92")


def test_an_unborn_head_is_nothing_to_do(work: Work, way: str) -> None:
    work.git(work.root, "init", "-q", "new")
    repository = opened(work.root / "new", way)
    with pytest.raises(UnbornHead, match="main has no commit yet"):
        bases(repository)
    with pytest.raises(NoSuchBase, match="matches --base 'main'"):
        bases(repository, ["main"])


def test_a_sha256_repository(work: Work) -> None:
    path = work.repository("sha256", None, "--object-format=sha256")
    [base] = bases(opened(path))
    assert len(base.commit) == 64
    assert bases(opened(path), ["ma*"]) == [base]
    assert bases(opened(path), [base.commit[:9]])[0].commit == base.commit


@pytest.mark.parametrize("place", ["heads", "remotes/origin"])
def test_the_only_branch_is_the_default_where_head_names_none(
    work: Work, way: str, place: str
) -> None:
    path = work.repository()
    oid = work.git(path, "rev-parse", "HEAD")
    work.git(path, "update-ref", f"refs/{place}/trunk", oid)
    work.git(path, "update-ref", f"refs/{place}/patcher/x", oid)
    work.git(path, "update-ref", "-d", "refs/heads/main")
    assert bases(opened(path, way)) == [Base(f"refs/{place}/trunk", "trunk", oid, True)]
    work.git(path, "update-ref", f"refs/{place}/another", oid)
    with pytest.raises(NoSuchBase, match=r"HEAD names main, which is not there: .* --base"):
        bases(opened(path, way))
    assert bases(opened(path, way), ["trunk"])[0].commit == oid


def test_a_name_is_the_local_branch_and_then_origins(work: Work, way: str) -> None:
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
    work.git(clone, "update-ref", "refs/pull/1/head", "HEAD")
    work.git(clone, "update-ref", "refs/remotes/up/x", "HEAD")
    work.git(clone, "branch", "beef")  # which could be the beginning of an id
    repository = opened(clone, way)

    def matching(*patterns: str) -> list[str]:
        try:
            found = bases(repository, patterns)
        except NoSuchBase:
            return []
        assert {base.commit for base in found} == {oid}
        return [base.ref for base in found]

    work.git(clone, "branch", "release/1.7")
    assert matching("release/*") == [
        "refs/heads/release/1.7",
        "refs/heads/release/9.9",
        "refs/remotes/origin/release/1.6",
    ]
    assert [base.name for base in bases(repository, ["release/*"])] == [
        "release/1.7",
        "release/9.9",
        "release/1.6",
    ]
    assert matching("release/**")[-1] == "refs/remotes/origin/release/old/1.0"
    assert matching("release/1.[7-9]", "release/1.6", "release/1.*") == [
        "refs/heads/release/1.7",
        "refs/remotes/origin/release/1.6",
    ]
    assert matching("release/9.9") == ["refs/heads/release/9.9"]
    assert matching("local/*") == ["refs/heads/local/one"]
    assert matching("refs/heads/release/*") == [
        "refs/heads/release/1.7",
        "refs/heads/release/9.9",
    ]
    assert matching("v1.0") == ["refs/tags/v1.0"]  # peeled to the commit
    assert matching("origin/main") == ["refs/remotes/origin/main"]
    assert matching("beef") == ["refs/heads/beef"]
    assert matching("pat*/*") == [], "globs pass over patcher's own"
    assert matching("patcher/local") == ["refs/heads/patcher/local"]
    assert matching(oid) == matching(oid.upper()) == matching(oid[:8]) == matching(oid[:4]) == [oid]
    named = ["v1.0", "origin/main", "up/x", "refs/pull/1/head", "refs/pull/*/head", oid[:8]]
    names = ["v1.0", "main", "up/x", "pull/1/head", oid]
    assert [base.name for base in bases(repository, named)] == names
    assert matching("*") == ["refs/heads/beef", "refs/heads/main"]
    mirror = replace(repository, address=Address.parse("https://forge.example/a/b"))
    assert bases(mirror, ["main"])[0].ref == "refs/remotes/origin/main"
    assert "refs/heads/patcher/local" not in matching("refs/heads/**")
    assert [base.default for base in bases(repository, ["main", "release/1.6"])] == [True, False]


@pytest.mark.parametrize(
    ("pattern", "is_a_name"),
    few(
        [
            ("nothing", True),
            ("no/*", True),
            ("--all", True),
            ("-h", True),
            ("--upload-pack=x*", True),
            ("../../HEAD", True),
            ("refs/heads/../../HEAD", True),
            ("refs/heads/", True),
            ("refs/main", True),
            ("abc", True),
            ("0000000", True),
            ("@{-1}", True),
            ("", False),
            ("a b", False),
            ("main\n", False),
            ("HEAD:profile", False),
            ("main^{tree}", False),
            ("main~1", False),
            ("ma\\in", False),
            ("\x1b[2J", False),
        ],
        3,
    ),
)
def test_a_pattern_that_names_nothing(work: Work, pattern: str, is_a_name: bool, way: str) -> None:
    repository = opened(work.repository(), way)
    with pytest.raises(GitError) as error:
        bases(repository, ["main", pattern])
    assert isinstance(error.value, NoSuchBase) is is_a_name
    assert ("no branch name, glob, tag or commit id" in str(error.value)) is not is_a_name
    assert str(error.value).isprintable()


def test_the_id_of_a_tree_is_no_base(work: Work) -> None:
    path = work.repository()
    with pytest.raises(NoSuchBase):
        bases(opened(path), [work.git(path, "rev-parse", "HEAD^{tree}")])


def test_the_beginning_of_several_ids_is_no_base(work: Work, way: str) -> None:
    path = work.repository()
    who = "committer A <a@example.org> 1700000000 +0000"
    commit = "commit refs/heads/many\n{who}\ndata {size}\n{number}\n"
    stream = [commit.format(who=who, size=len(str(n)), number=n) for n in range(1500)]
    work.git(path, "fast-import", "--quiet", stdin="".join(stream).encode())
    seen: dict[str, int] = {}
    for oid in work.git(path, "rev-list", "many").split():
        seen[oid[:4]] = seen.get(oid[:4], 0) + 1
    several = max(seen, key=lambda start: seen[start])
    assert seen[several] > 1
    with pytest.raises(NoSuchBase):
        bases(opened(path, way), [several])


def test_bases_and_lists_of_them_are_bounded(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    path = work.repository()
    for number in range(4):
        work.git(path, "branch", f"b{number}")
    repository = opened(path)
    monkeypatch.setattr(base_refs, "MAX_BASES", 4)
    assert len(bases(repository, ["b*"])) == 4
    with pytest.raises(BoundExceeded, match="more than 4 branches match: use a narrower --base"):
        bases(repository, ["*"])
    with pytest.raises(BoundExceeded, match="more than 4 branches"):
        bases(repository, ["b*", "main"])
    work.git(path, "pack-refs", "--all")
    size = (path / ".git/packed-refs").stat().st_size
    monkeypatch.setattr(base_refs, "MAX_LISTED", size)
    monkeypatch.setattr(refs, "MAX_PACKED_REFS", size)
    assert len(bases(repository, ["b*"])) == len(bases(repository, ["b0", "b1", "b2", "b3"])) == 4
    monkeypatch.setattr(base_refs, "MAX_LISTED", size - 1)
    with pytest.raises(BoundExceeded, match="name each --base"):
        bases(repository, ["b*"])
    assert len(bases(repository, ["b0"])) == 1
    monkeypatch.setattr(refs, "MAX_PACKED_REFS", size - 1)
    with pytest.raises(BoundExceeded, match="packed-refs is over the limit"):
        bases(repository, ["b0"])


def test_a_ref_of_something_else_than_a_commit(work: Work) -> None:
    path = work.repository()
    work.git(path, "update-ref", "refs/tags/tree", work.git(path, "rev-parse", "HEAD^{tree}"))
    with pytest.raises(GitError, match="refs/tags/tree does not name a commit"):
        bases(opened(path), ["tree"])


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage\n", b"\xff\n", b"ref: refs/heads/../../../x\n", b"ref: refs/heads/loop\n"],
)
def test_broken_refs_are_errors(work: Work, content: bytes) -> None:
    path = work.repository()
    (path / ".git/refs/heads/loop").write_bytes(content)
    work.git(path, "symbolic-ref", "HEAD", "refs/heads/loop")
    with pytest.raises(GitError) as error:
        bases(opened(path))
    assert not isinstance(error.value, UnbornHead)


def test_symbolic_refs_are_followed_as_far_as_git_follows_them(work: Work, way: str) -> None:
    path = work.repository()
    oid = work.git(path, "rev-parse", "HEAD")
    work.git(path, "update-ref", "refs/heads/s0", oid)
    repository = opened(path, way)
    followed = []
    for number in range(1, 8):
        name = f"refs/heads/s{number}"
        work.git(path, "symbolic-ref", name, f"refs/heads/s{number - 1}")
        followed.append(work.git(path, "rev-parse", "-q", "--verify", name, check=False) == oid)
        try:
            assert (branch_tip(repository, f"s{number}") == oid) is followed[-1]
        except GitError as error:
            assert "leads in a circle" in str(error)
            assert not followed[-1]
    assert followed == [True] * 4 + [False] * 3


def test_a_ref_that_is_packed_or_unpacked_meanwhile_is_found(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = work.repository()
    work.git(path, "branch", "x")
    repository = opened(path)
    real = refs._packed
    file = path / ".git/refs/heads/x"
    oid = file.read_text()
    file.unlink()

    def packed(place: Repository, ref: str) -> str | None:
        found = real(place, ref)
        file.write_text(oid)
        return found

    monkeypatch.setattr(refs, "_packed", packed)
    assert branch_tip(repository, "x") == oid.strip()


SORTED = "# pack-refs with: peeled fully-peeled sorted \n"


@pytest.mark.parametrize("header", ["", SORTED])
@pytest.mark.parametrize(
    "lines",
    few(
        [
            ["{a} refs/heads/main"],
            ["{a} refs/heads/main", "{b} refs/heads/main"],
            ["# {a} refs/heads/main", "{b} refs/heads/main"],
            ["{a} refs/heads/a refs/heads/main", "{b} refs/heads/main"],
            ["{a} refs/heads/a", "^{b} refs/heads/main", "{b} refs/heads/main"],
            ["{a} refs/heads/a", "^{b}", "{b} refs/heads/main", "^{a}"],
            ["x{a} refs/heads/main"],
            ["{A} refs/heads/main"],
            ["{a}{a} refs/heads/main"],
            ["{a}  refs/heads/main", "{b} refs/heads/main"],
            ["{a} refs/heads/main\r", "{b} refs/heads/main"],
            ["", "{a} refs/heads/main"],
            ["{a} refs/heads/mai", "{b} refs/heads/main", "{a} refs/heads/mainx"],
            ["{a} refs/heads/main", "{b} refs/heads/m"],
            ["{a} refs/heads/main", "{b} refs/heads/a", "{b} refs/heads/b"],
            ["{a} refs/heads/z", "^{b}", "{b} refs/heads/b", "^{a}", "{a} refs/heads/main"],
            ["{a}xrefs/heads/main"],
            ["{a}aaaaaaaaaaaaaaaaaaaaaaaa refs/heads/a", "{b} refs/heads/main"],
            ["{a}aaaaaaaaaaaaaaaaaaaaaaaa refs/heads/mainx", "{b} refs/heads/main"],
        ],
        3,
    ),
)
def test_packed_refs_say_what_they_say_to_git(work: Work, header: str, lines: list[str]) -> None:
    path = work.repository()
    ids = {"a": work.git(path, "rev-parse", "HEAD"), "b": work.commit(path, {"x": b"x"})}
    ids["A"] = ids["a"].upper()
    text = header + "".join(f"{line}\n" for line in lines).format(**ids)
    (path / ".git/refs/heads/main").unlink()
    (path / ".git/packed-refs").write_bytes(text.encode())
    by_git = subprocess.run(
        ["git", "-C", path, "rev-parse", "--verify", "--quiet", "refs/heads/main"],
        capture_output=True,
        text=True,
        check=False,
    )
    if by_git.returncode == 0:
        assert branch_tip(opened(path), "main") == by_git.stdout.strip()
        return
    if by_git.returncode == 1:
        assert branch_tip(opened(path), "main") is None
        return
    try:
        assert branch_tip(opened(path), "main") in (None, ids["a"], ids["b"])
    except GitError as error:
        assert by_git.returncode == 128, error
    try:  # what git cannot read is never taken for a repository without commits
        bases(opened(path))
    except GitError as error:
        assert not isinstance(error, UnbornHead)


def test_a_fifo_as_a_ref_does_not_block(work: Work) -> None:
    path = work.repository()
    os.mkfifo(path / ".git/refs/heads/pipe")
    (path / ".git/HEAD").write_text("ref: refs/heads/pipe\n")
    with pytest.raises(GitError):
        bases(opened(path))


def test_move_branch_creates_and_moves(work: Work, way: str) -> None:
    path = work.repository()
    first = work.git(path, "rev-parse", "HEAD")
    second = work.commit(path, {"more": b"1"})
    repository = opened(path, way)
    assert branch_tip(repository, "patcher/x") is None
    move_branch(repository, "patcher/x", first, None, Identity("Ada", "ada@example.org", None))
    assert branch_tip(repository, "patcher/x") == first
    move_branch(repository, "patcher/x", second, first)
    assert branch_tip(repository, "patcher/x") == second
    log = work.git(path, "reflog", "show", "--format=%gn %ge %gs", "patcher/x").splitlines()
    assert log == [
        "patcher patcher@localhost patcher: move patcher/x",
        "Ada ada@example.org patcher: create patcher/x",
    ]
    work.git(path, "pack-refs", "--all")
    assert branch_tip(repository, "patcher/x") == second


@pytest.mark.parametrize("oid", [b"\xff" * 40, b"1" * 39, b"1" * 41, b"1" * 63, b"x" * 40, b""])
def test_a_packed_ref_without_an_id_has_no_tip(work: Work, oid: bytes) -> None:
    path = work.repository()
    good = work.git(path, "rev-parse", "HEAD")
    lines = [b"# pack-refs with: sorted ", oid + b" refs/heads/x", good.encode() + b" refs/heads/y"]
    (path / ".git/packed-refs").write_bytes(b"\n".join(lines) + b"\n")
    repository = opened(path)
    try:
        assert branch_tip(repository, "x") is None
    except GitError as error:
        assert "unexpected line" in str(error)
    assert branch_tip(repository, "y") == good
    (path / ".git/packed-refs").write_bytes(b"")
    assert branch_tip(repository, "y") is None


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


def test_a_tag_that_is_called_like_a_branch_is_no_branch(work: Work, way: str) -> None:
    path = work.repository()
    work.git(path, "update-ref", "refs/tags/refs/heads/odd", "HEAD")
    assert branch_tip(opened(path, way), "odd") is None


def test_what_someone_else_put_there_is_not_lost(work: Work, way: str) -> None:
    path = work.repository()
    first = work.git(path, "rev-parse", "HEAD")
    second = work.commit(path, {"more": b"1"})
    repository = opened(path, way)
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


def test_a_checked_out_branch_is_left_alone(work: Work, way: str) -> None:
    path = work.repository()
    oid = work.git(path, "rev-parse", "HEAD")
    new = work.commit(path, {"more": b"1"})
    linked = work.root / "linked"
    work.git(path, "worktree", "add", "-q", "-b", "topic", str(linked))
    for place in (path, linked):
        for branch, where in (("main", path), ("topic", linked)):
            with pytest.raises(BranchCheckedOut, match=f"checked out in {where}"):
                move_branch(opened(place, way), branch, oid, new)
    # Not yet born, but checked out all the same: the first commit there would find it taken.
    work.git(path, "symbolic-ref", "HEAD", "refs/heads/patcher/x")
    with pytest.raises(BranchCheckedOut):
        move_branch(opened(path, way), "patcher/x", oid, None)


def test_more_work_trees_than_anyone_has(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    path = work.repository()
    oid = work.git(path, "rev-parse", "HEAD")
    for number in range(4):
        monkeypatch.setattr(refs, "_MOST_WORK_TREES", 3)
        if number == 3:
            with pytest.raises(BoundExceeded, match="more than 3 linked work trees: run git"):
                move_branch(opened(path), f"patcher/{number}", oid, None)
        else:
            move_branch(opened(path), f"patcher/{number}", oid, None)
        (path / ".git/worktrees" / str(number)).mkdir(parents=True)


def test_the_work_tree_of_a_bare_repository_keeps_its_branch(work: Work) -> None:
    work.repository()
    work.git(work.root, "clone", "-q", "--bare", "repo", "bare.git")
    bare, linked = work.root / "bare.git", work.root / "linked"
    work.git(bare, "worktree", "add", "-q", "-b", "topic", str(linked))
    oid = work.git(bare, "rev-parse", "main")
    with pytest.raises(BranchCheckedOut, match=f"topic is checked out in {linked}: switch"):
        move_branch(opened(bare), "topic", oid, oid)


def test_a_branch_that_is_being_bisected_is_left_alone(work: Work) -> None:
    path = work.repository()
    for number in range(4):
        tip = work.commit(path, {"a": b"%d" % number})
    work.git(path, "branch", "other")
    work.git(path, "bisect", "start", "HEAD", "HEAD~3")
    assert work.git(path, "branch", "--show-current") == ""
    with pytest.raises(BranchCheckedOut, match=f"checked out in {path}:"):
        move_branch(opened(path), "main", tip, tip)
    move_branch(opened(path), "other", tip, tip)


@pytest.mark.parametrize("kind", ["--apply", "--merge"])
def test_a_branch_that_is_being_rebased_is_left_alone(work: Work, kind: str) -> None:
    path = work.repository("repo", {"a": b"1\n"})
    work.git(path, "checkout", "-q", "-b", "topic")
    oid = work.commit(path, {"a": b"2\n"})
    work.git(path, "checkout", "-q", "main")
    work.commit(path, {"a": b"3\n"})
    work.git(path, "checkout", "-q", "topic")
    work.git(path, "rebase", "-q", kind, "main", check=False)
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
    logs = path / ".git/logs/refs/heads/logged"
    logs.symlink_to(outside / ".git/logs/refs/heads")
    for branch in ("linked/x", "logged/x"):
        with pytest.raises(GitError, match="is a symbolic link: remove it"):
            move_branch(opened(path), branch, new, None)
    os.mkfifo(path / ".git/refs/heads/pipe")
    os.mkfifo(path / ".git/logs/refs/heads/log-pipe")
    for branch in ("pipe", "log-pipe", "log-pipe/x"):
        with pytest.raises(GitError, match="pipe is no regular file: remove it"):
            move_branch(opened(path), branch, new, None)
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
    with pytest.raises(GitError, match="beside the branch patcher,"):
        move_branch(opened(path), "patcher/x", oid, None)


@pytest.mark.parametrize("end", ["kill -9 $$", "exec sleep 600"])
def test_the_lock_of_a_git_that_was_killed_stays_and_is_named(
    work: Work, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """It may be a living git's: patcher removes none from a user's repository."""
    path = work.repository()
    oid = work.git(path, "rev-parse", "HEAD")
    lock = path / ".git/refs/heads/x.lock"
    check_branch_name("x")
    with monkeypatch.context() as patch:
        step = f'case "$*" in *update-ref*) touch {lock}; {end} ;; esac'
        Gits(work.root / "bin", patch, step)
        with pytest.raises(GitError, match=r"git update-ref failed|limit of 2 s"), limited(2):
            move_branch(opened(path), "x", oid, None)
    with pytest.raises(GitError, match=r"x\.lock exists.*remove that file, then run again"):
        move_branch(opened(path), "x", oid, None)
    assert lock.exists()
    lock.unlink()
    move_branch(opened(path), "x", oid, None)
    assert branch_tip(opened(path), "x") == oid


def test_a_scratch_folder_that_is_gone_is_said(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", os.fspath(work.root))
    monkeypatch.setattr(scratch, "_scratch", {})
    path = work.repository()
    repository = opened(path)
    check_branch_name("x")
    shutil.rmtree(scratch.scratch())
    with pytest.raises(GitError, match="no room for a scratch folder"):
        move_branch(repository, "x", work.git(path, "rev-parse", "HEAD"), None)


def test_a_git_that_is_too_old_writes_nothing(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_checked_version", None)
    path = work.repository()
    oid = work.git(path, "rev-parse", "HEAD")
    step = 'case "$*" in *version) echo git version 2.20.1; exit ;; esac'
    Gits(work.root / "bin", monkeypatch, step)
    with pytest.raises(GitError, match="is too old"):
        move_branch(opened(path), "x", oid, None)
    assert branch_tip(opened(path), "x") is None


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
    for name in ("a", "a/c"):
        with pytest.raises(GitError, match=f"refs/heads/{name} cannot be read"):
            branch_tip(repository, name)
    (path / ".git/HEAD").write_text("ref: refs/heads/a/c\n")
    with pytest.raises(GitError, match="cannot be read") as error:
        bases(opened(path))
    assert not isinstance(error.value, UnbornHead)


def test_a_list_passes_over_links_that_lead_nowhere(work: Work) -> None:
    path = work.repository()
    heads = path / ".git/refs/heads"
    (heads / "loop").symlink_to("loop")
    (heads / "gone").symlink_to("nothing")
    assert [base.name for base in bases(opened(path), ["*"])] == ["main"]
    (heads / "folder").symlink_to("../heads")
    with pytest.raises(GitError, match="is a symbolic link: name each --base"):
        bases(opened(path), ["*"])


OF_REMOTES = """\
[remote "origin"]
\turl = https://forge.example/{0}.git
\tfetch = +refs/heads/*:refs/remotes/origin/*
[branch "{0}"]
\tremote = origin
"""


def test_the_configuration_of_like_clones_is_read_once(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = work.root / "log"
    log.touch()
    folder = work.root / "bin"
    folder.mkdir()
    (folder / "git").write_text(
        f'#!/bin/sh\necho "$*" >>"{log}"\nexec {environment.program()} "$@"\n'
    )
    (folder / "git").chmod(0o755)
    places = [work.repository(name=name) for name in ("one", "two", "three")]
    own = f"[test]\n\tof = {os.urandom(8).hex()}\n"  # which no other test has
    for place in places:
        with (place / ".git/config").open("a") as config:
            config.write(own + OF_REMOTES.format(place.name))
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for place in places:
        repository = opened(place)
        (base,) = bases(repository)
        move_branch(repository, "new", base.commit, None)
    assert sum(" config " in line for line in log.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("config", "logged"),
    [
        (OF_REMOTES.format("main") + "[core]\n\tlogallrefupdates = false\n", False),
        ('[remote "origin"]\n\tlogallrefupdates = false\n', True),
        ('[remote "origin"]\n\tlogallrefupdates = "false"\n', True),
        ('[remote "origin"]\n# of core\n\tlogallrefupdates = false\n', True),
        ('\tautocrlf = x\\\n[remote "origin"]\n\tlogallrefupdates = false\n', False),
    ],
)
def test_of_remotes_nothing_is_taken_for_the_repositorys(
    work: Work, config: str, logged: bool
) -> None:
    path = work.repository()
    with (path / ".git/config").open("a") as file:
        file.write(config)
    repository = opened(path)
    (base,) = bases(repository)
    shutil.rmtree(path / ".git/logs")
    move_branch(repository, "new", base.commit, None)
    assert (path / ".git/logs/refs/heads/new").exists() is logged


@pytest.mark.parametrize(
    ("config", "logged"),
    [
        ("", True),
        ("[core]\n\tbare = true\n", True),
        ("[core]\n\trepositoryFormatVersion = 0\n\tbare = true\n", False),
        ("[core]\n\trepositoryFormatVersion = 0\n\tbare\n", False),
        ("[core]\n\tlogAllRefUpdates = false\n", False),
        ("[core]\n\tbare = true\n\tlogAllRefUpdates = always\n", True),
    ],
)
def test_a_reflog_is_written_where_git_writes_one(work: Work, config: str, logged: bool) -> None:
    path = work.repository()
    oid = work.git(path, "rev-parse", "HEAD")
    shutil.rmtree(path / ".git/logs")
    (path / ".git/config").write_text(config)
    move_branch(opened(path), "new", oid, None)
    assert (path / ".git/logs/refs/heads/new").exists() is logged
    work.git(path, "update-ref", "refs/heads/by-git", oid)
    assert (path / ".git/logs/refs/heads/by-git").exists() is logged

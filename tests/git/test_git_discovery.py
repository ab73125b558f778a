"""Which repositories are found where."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from patcher.git import Failure, Repository, discover

if TYPE_CHECKING:
    from tests.git.conftest import Work


def found(*paths: Path) -> list[Repository]:
    items = list(discover(paths))
    assert all(isinstance(item, Repository) for item in items), items
    return [item for item in items if isinstance(item, Repository)]


def failed(paths: Iterable[Path]) -> Failure:
    [item] = discover(paths)
    assert isinstance(item, Failure), item
    assert item.error.isprintable()
    return item


def test_a_work_tree_a_bare_repository_and_a_git_directory(work: Work) -> None:
    tree = work.repository("tree")
    work.git(work.root, "clone", "-q", "--bare", "tree", "bare.git")
    assert found(tree) == [Repository(tree, tree / ".git", tree)]
    assert found(tree / ".git") == [Repository(tree, tree / ".git", tree)]
    bare = work.root / "bare.git"
    assert found(bare) == [Repository(bare, bare, None)]


def test_a_folder_is_walked_in_order_and_a_repository_counts_once(work: Work) -> None:
    for name in ("b", "a/deep/er", "c"):
        work.repository(name)
    work.repository("a/deep/er/nested/inner")
    (work.root / "empty").mkdir()
    (work.root / "link").symlink_to(work.root / "b")
    names = [item.path.relative_to(work.root).as_posix() for item in found(work.root)]
    assert names == ["a/deep/er", "a/deep/er/nested/inner", "b", "c"]
    again = found(work.root / "c", work.root, work.root / "c" / ".git", work.root / "link")
    assert [item.path.name for item in again] == ["c", "er", "inner", "b"]


def test_a_folder_inside_a_work_tree_stands_for_it(work: Work) -> None:
    tree = work.repository("tree", {"docs/guide/a.md": b"x"})
    assert found(tree / "docs" / "guide") == [Repository(tree, tree / ".git", tree)]


def test_the_relative_path_that_the_user_gave(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = work.repository("tree")
    monkeypatch.chdir(tree)
    assert found(Path()) == [Repository(tree, tree / ".git", tree)]


def test_a_linked_work_tree(work: Work) -> None:
    main = work.repository("main")
    linked = work.root / "linked"
    work.git(main, "worktree", "add", "-q", str(linked))
    [item] = found(linked)
    assert item == Repository(linked, main / ".git" / "worktrees" / "linked", linked)
    assert item.common_dir == main / ".git"
    assert [item.path for item in found(main, linked)] == [main]
    assert [item.path for item in found(work.root)] == [linked]


def test_a_submodule_checkout_is_its_own_repository(work: Work) -> None:
    work.repository("library")
    work.repository("inner-library")
    outer = work.repository("outer")
    add = ["-c", "protocol.file.allow=always", "submodule", "add", "-q"]
    work.git(work.root / "library", *add, str(work.root / "inner-library"), "in")
    work.git(work.root / "library", "commit", "-q", "-m", "in")
    work.git(outer, *add, str(work.root / "library"), "vendor/library")
    update = ["submodule", "update", "-q", "--init", "--recursive"]
    work.git(outer, "-c", "protocol.file.allow=always", *update)
    items = found(outer)
    assert [item.path for item in items] == [
        outer,
        outer / "vendor/library",
        outer / "vendor/library/in",
    ]
    assert items[1].git_dir == outer / ".git/modules/vendor/library"
    assert items[2].git_dir == outer / ".git/modules/vendor/library/modules/in"
    assert [item.path for item in found(outer / "vendor/library")] == [
        outer / "vendor/library",
        outer / "vendor/library/in",
    ]


def test_a_submodule_of_a_linked_work_tree(work: Work) -> None:
    work.repository("library")
    outer = work.repository("outer")
    work.git(outer, "-c", "protocol.file.allow=always", "submodule", "add", "-q", "../library")
    work.git(outer, "commit", "-q", "-m", "in")
    linked = work.root / "linked"
    work.git(outer, "worktree", "add", "-q", str(linked))
    work.git(linked, "-c", "protocol.file.allow=always", "submodule", "update", "-q", "--init")
    [item] = found(linked / "library")
    assert item.git_dir == outer / ".git/worktrees/linked/modules/library"


def test_a_separate_git_directory_counts_only_under_the_named_folder(work: Work) -> None:
    tree = work.root / "place" / "tree"
    tree.mkdir(parents=True)
    work.git(tree, "init", "-q", "--separate-git-dir", str(work.root / "place" / "store"))
    assert "name that folder" in failed([tree]).error
    # Under the folder both are seen: they are one repository, met first as a bare one.
    assert [item.path.name for item in found(work.root / "place")] == ["store"]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_git_file_or_link_cannot_lead_to_someone_elses_repository(work: Work, kind: str) -> None:
    victim = work.repository("victim")
    work.git(victim, "worktree", "add", "-q", str(work.root / "legitimate"))
    lure = work.root / "downloads" / "lure"
    lure.mkdir(parents=True)
    for target in (victim / ".git", victim / ".git" / "worktrees" / "legitimate"):
        if kind == "file":
            (lure / ".git").write_text(f"gitdir: {target}\n")
        else:
            (lure / ".git").symlink_to(target)
        assert str(target) in failed([lure.parent]).error
        (lure / ".git").unlink()


def test_a_commondir_cannot_lead_to_someone_elses_repository(work: Work) -> None:
    victim = work.repository("victim")
    lure = work.repository("lure")
    (lure / ".git" / "commondir").write_text(f"{victim}/.git\n")
    assert "commondir" in failed([lure]).error


@pytest.mark.parametrize("name", ["objects", "refs", "refs/heads", "packed-refs"])
def test_refs_and_objects_cannot_be_links_to_elsewhere(work: Work, name: str) -> None:
    victim = work.repository("victim")
    work.git(victim, "pack-refs", "--all")
    lure = work.repository("lure")
    work.git(lure, "pack-refs", "--all")
    inside = lure / ".git" / name
    inside.rename(lure / "gone")
    inside.symlink_to(victim / ".git" / name)
    assert "symbolic link" in failed([lure]).error


def test_a_folder_without_any_a_file_and_nothing_at_all(work: Work) -> None:
    (work.root / "empty").mkdir()
    (work.root / "file").write_text("x")
    assert "no git repository" in failed([work.root / "empty"]).error
    assert "is a file" in failed([work.root / "file"]).error
    assert "no such file" in failed([work.root / "absent"]).error


def test_a_broken_git_folder_is_a_failure_and_the_rest_goes_on(work: Work) -> None:
    (work.root / "broken" / ".git").mkdir(parents=True)
    os.mkfifo(work.root / "broken" / ".git" / "HEAD")  # reading it would block for ever
    work.repository("good")
    broken, good = discover([work.root])
    assert isinstance(broken, Failure) and "HEAD" in broken.error
    assert isinstance(good, Repository)


def test_names_are_escaped_in_messages(work: Work) -> None:
    lure = work.root / "lure"
    lure.mkdir()
    (lure / ".git").write_text("gitdir: /nowhere/\x1b[31m\u202eevil\n")
    error = failed([lure]).error
    assert "\\x1b[31m\\u202eevil" in error


def test_someone_elses_repository_needs_the_users_word(
    work: Work, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = work.repository("theirs")
    me = os.getuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 12345)
    assert "belongs to another user" in failed([tree]).error
    config = home / ".gitconfig"
    plain = config.read_text()
    for value, allowed in [
        (str(tree), True),
        ("*", True),
        (f"{work.root}/*", True),
        (f"{work.root}", False),
        (f"{tree}\n\tdirectory =", False),
    ]:
        config.write_text(f"{plain}[safe]\n\tdirectory = {value}\n")
        assert isinstance(next(discover([tree])), Repository) is allowed, value
    config.write_text(plain)
    # The repository cannot vouch for itself.
    work.git(tree, "config", "safe.directory", "*")
    assert "belongs to another user" in failed([tree]).error


def test_root_counts_as_the_user_who_called_sudo(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = work.repository("tree")
    me = os.getuid()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "lstat", _owned_by(4242))
    assert "belongs to another user" in failed([tree]).error
    monkeypatch.setenv("SUDO_UID", "4242")
    assert found(tree) == [Repository(tree, tree / ".git", tree)]
    assert me == os.getuid()


def _owned_by(user: int) -> object:
    real = os.lstat

    def lstat(path: str) -> os.stat_result:
        fields = list(real(path))
        fields[4] = user
        return os.stat_result(fields)

    return lstat

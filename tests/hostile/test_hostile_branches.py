"""Review branches that others made: forged marks, and history that is made to be hard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from patcher.git import marks
from tests.growth import Work, check_linear
from tests.hostile.bench import BRANCH, FIXED, PROFILE, Bench, patcher
from tests.hostile.test_hostile_bounds import measured
from tests.needs import needs_parser

PERSON = "A <a@example.org> 1 +0000"
MARK = "Patcher-Migration: deny-af-alg (on base, 0123456789abcdef)\n"


def commit(bench: Bench, tree: str, parents: Sequence[str], message: str) -> str:
    lines = [f"tree {tree}", *(f"parent {each}" for each in parents)]
    lines += [f"author {PERSON}", f"committer {PERSON}", "", message]
    return bench.put("commit", "\n".join(lines).encode())


def forged(
    bench: Bench, tree: str, parent: str, branch: str = BRANCH, on: marks.On = "base"
) -> str:
    """A commit with the mark that patcher would have given it."""
    body = "forged\n"
    made = marks.Made(branch, parent, PERSON, PERSON)
    mark = marks.trailer(["deny-af-alg"], on, made, body)
    return commit(bench, tree, [parent], f"{body}\n{mark}\n")


def tree(bench: Bench, text: str, *more: tuple[str, bytes, str]) -> str:
    return bench.tree(("100644", b"docker-default", bench.put("blob", text.encode())), *more)


def applied(bench: Bench, *options: str, command: str = "apply") -> tuple[int, dict[str, Any]]:
    result = patcher(command, *options, "--format", "json", bench.place)
    (target,) = json.loads(result.stdout)["targets"]
    return result.exit_code, target


def test_a_message_full_of_marks_takes_no_longer_than_another() -> None:
    made = marks.Made(BRANCH, "0" * 40, PERSON, PERSON)

    def prepare(size: int) -> Work:
        message = "forged\n\n" + MARK * (size // len(MARK) + 1)
        return lambda: marks.mark_of(made, message)

    check_linear(prepare, smallest=1 << 12, largest=1 << 18)


@pytest.mark.bombs
@pytest.mark.parametrize("kind", ["long", "marks", "parents"])
def test_messages_and_headers_without_end(bench: Bench, kind: str) -> None:
    base = bench.git("rev-parse", "main")
    root, size = tree(bench, PROFILE), 1_000_000
    message, parents = "long\n", []
    if kind == "parents":
        parents = [base] * (size // 48)
    else:
        message += "x" * size if kind == "long" else "\n" + MARK * (size // len(MARK))
    tip = base
    for number in range(200):
        tip = commit(bench, root, [tip, *parents], f"{number} {message}")
    bench.git("update-ref", f"refs/heads/{BRANCH}", tip)
    for command in ("apply", "undo"):
        ran = measured(bench, command, *["--proof", "off"] * (command == "apply"), str(bench.place))
        assert ran.status == 3
        assert "the commits of the review branch are over the limit of 8 MiB" in ran.stderr
    assert bench.git("rev-parse", BRANCH) == tip


@pytest.mark.bombs
@pytest.mark.parametrize("folders", [3, 8, 20])
def test_a_forged_commit_of_many_files_is_no_commit_of_patchers(bench: Bench, folders: int) -> None:
    base = bench.git("rev-parse", "main")
    plain = bench.put("blob", b"plain\n")
    wide = bench.tree(*(("100644", b"%05d" % n, plain) for n in range(30_000)))
    more = [("40000", b"t%02d" % n, wide) for n in range(folders)]
    tip = forged(bench, tree(bench, FIXED, *more), base)
    bench.git("update-ref", f"refs/heads/{BRANCH}", tip)
    ran = measured(bench, "apply", "--proof", "off", "--format", "json", str(bench.place))
    (target,) = json.loads(ran.stdout)["targets"]
    assert (ran.status, target["outcome"]) == (0, "edited by others"), ran.stderr
    ran = measured(bench, "undo", str(bench.place))
    assert "the review branch was left alone" in ran.stdout
    assert bench.git("rev-parse", BRANCH) == tip


@pytest.mark.parametrize("command", ["apply", "undo"])
@pytest.mark.parametrize("cut", [True, False])
def test_a_forged_mark_takes_no_commit_away_that_history_hides(
    bench: Bench, command: str, cut: bool
) -> None:
    """What is forged says that it was made from somebody's commit, which nothing else has; where
    history is cut off, that is not seen to be the branch's own."""
    work = bench.tree(
        ("100644", b"docker-default", bench.put("blob", PROFILE.encode())),
        ("100644", b"work", bench.put("blob", b"somebody's\n")),
    )
    theirs = commit(bench, work, [bench.git("rev-parse", "main")], "somebody's work\n")
    fixed = bench.tree(
        ("100644", b"docker-default", bench.put("blob", FIXED.encode())),
        ("100644", b"work", bench.put("blob", b"somebody's\n")),
    )
    tip = forged(bench, fixed, theirs)
    bench.git("update-ref", f"refs/heads/{BRANCH}", tip)
    if cut:
        (bench.git_dir / "shallow").write_text(f"{tip}\n")
    for options in ((), ("--on-existing", "replace")) if command == "apply" else ((),):
        proof = ["--proof", "off"] * (command == "apply")
        _, target = applied(bench, *proof, *options, command=command)
        assert target["branch_state"] == "edited by others", target
        assert bench.git("rev-parse", BRANCH) == tip, target


def test_undo_writes_through_no_link(bench: Bench, tmp_path: Path) -> None:
    """git writes packed-refs anew where a branch goes."""
    patcher("apply", "--proof", "off", bench.place)
    bench.git("pack-refs", "--all")
    theirs = bench.root / "downloads/theirs"
    bench.git("clone", "-q", "--mirror", str(bench.place), str(theirs))
    (theirs / "packed-refs").unlink()
    (theirs / "packed-refs").symlink_to(bench.git_dir / "packed-refs")
    before = (bench.git_dir / "packed-refs").read_bytes()
    bench.git("checkout", "-q", BRANCH)  # so that nothing is removed in its own repository
    result = patcher("undo", "--base", "main", bench.root / "downloads")
    assert result.exit_code == 3
    assert f"{theirs}/packed-refs is a symbolic link" in result.stderr
    assert (bench.git_dir / "packed-refs").read_bytes() == before


@pytest.mark.parametrize("twice", [True, False])
def test_a_branch_is_where_git_finds_it_by_its_name(bench: Bench, twice: bool) -> None:
    """git lists one commit, and checks out another."""
    old = bench.git("rev-parse", "main")
    new = bench.commit({"docker-default": FIXED})
    bench.git("checkout", "-q", "--detach")
    bench.git("branch", "-D", "-q", "main")
    refs = [("a", new), ("main", new), ("main", old), ("z", new)]
    if not twice:
        refs = [("main", new), ("a", new), ("z", new)]
    lines = [f"{oid} refs/heads/{name}" for name, oid in refs]
    text = "# pack-refs with: peeled fully-peeled sorted \n" + "".join(f"{x}\n" for x in lines)
    (bench.git_dir / "packed-refs").write_text(text)
    listed = bench.git("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads")
    named = bench.git("rev-parse", "--verify", "-q", "refs/heads/main", check=False)
    assert f"{new} refs/heads/main" in listed and named != new
    result = patcher("scan", "--base", "*", bench.place)
    assert result.exit_code == 3
    assert "packed-refs has refs/heads/main twice, or out of order" in result.stderr


@pytest.mark.parametrize("command", ["scan", "apply", pytest.param("verify", marks=needs_parser)])
@pytest.mark.parametrize("alone", [False, True])
def test_a_forged_mark_hides_no_branch_from_a_glob_unseen(
    bench: Bench, command: str, alone: bool
) -> None:
    base = bench.git("rev-parse", "main")
    hidden = forged(
        bench, tree(bench, PROFILE, ("100644", b"x", bench.put("blob", b"x"))), base, "release/1"
    )
    bench.git("update-ref", "refs/heads/release/1", hidden)
    if not alone:
        fixed = commit(bench, tree(bench, FIXED), [base], "fixed\n")
        bench.git("update-ref", "refs/heads/release/2", fixed)
    proof = ["--proof", "off"] * (command == "apply")
    result = patcher(command, *proof, "--base", "release/*", bench.place)
    said = result.stdout + result.stderr
    assert "a glob skips review branches, release/1: --base NAME reads one" in said
    assert result.exit_code == 3 if alone else result.exit_code in (0, 1)
    assert "matches in 0" not in said
    assert patcher("scan", "--base", "release/1", bench.place).exit_code == 1


@pytest.mark.parametrize("command", ["scan", pytest.param("verify", marks=needs_parser)])
def test_a_run_that_covers_nothing_is_no_clean_one(bench: Bench, command: str) -> None:
    for options, said in (
        (("--base", "release/*"), "--base 'release/*' matches in 0 of 1 repository"),
        (("--include", "*.none"), "--include '*.none' matches 0 files"),
    ):
        result = patcher(command, *options, bench.place)
        assert result.exit_code == 2 and said in result.stderr, result.stderr
    assert patcher(command, "--include", "docker-*", bench.place).exit_code == 1
    (bench.root / "empty").mkdir()
    result = patcher(command, bench.root / "empty")
    assert result.exit_code in (2, 3)
    if command == "verify":
        folder = bench.root / "files"
        folder.mkdir()
        (folder / "p").write_text(FIXED)
        result = patcher(command, "--include", "*.none", folder)
        assert result.exit_code == 2 and "there is no file in what was named" in result.stderr
        assert patcher(command, folder).exit_code in (0, 4)

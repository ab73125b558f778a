"""A clean answer is true: what was not read has no status, and what the user named and nothing
answered to is an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from patcher.cli import FAILED, USAGE
from tests.cli.test_cli_main_job import patcher
from tests.needs import needs_parser

if TYPE_CHECKING:
    from tests.conftest import Sandbox

CLEAN = "no AppArmor profile that matters"


def targets(*arguments: str | Path) -> list[dict[str, Any]]:
    found = json.loads(patcher(*arguments, "--format", "json").stdout)
    return list(found["targets"])


# -- nothing was read


def test_what_was_not_read_has_no_status(sandbox: Sandbox) -> None:
    """A missing path, an unknown base, an empty repository, a remote that is not there."""
    repository = sandbox.repository()
    empty = sandbox.root / "empty"
    empty.mkdir()
    sandbox.git(empty, "init", "-q")
    gone = sandbox.root / "gone"
    for arguments in (
        ("scan", gone),
        ("scan", repository, "--base", "no-such-branch"),
        ("scan", empty),
        ("scan", f"file://{gone}"),
        ("diff", gone),
        ("apply", gone),
        ("apply", "--dry-run", empty),
    ):
        assert [each["status"] for each in targets(*arguments)] == [None], arguments
        assert CLEAN not in patcher(*arguments).output


def test_a_base_that_cannot_be_read_has_no_status(sandbox: Sandbox) -> None:
    place = sandbox.repository(files={"a": "nothing\n"})
    tree = sandbox.git(place, "rev-parse", "HEAD^{tree}")
    (place / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    (target,) = targets("scan", place)
    assert target["error"] and target["commit"]
    assert target["status"] is None


def test_an_unread_file_leaves_the_status_open(sandbox: Sandbox) -> None:
    """It may be affected: what was found beside it is clean, and says nothing of it."""
    fixed = sandbox.fixed(sandbox.profile())
    place = sandbox.repository(files={"a": fixed, "b": sandbox.profile()})
    blob = sandbox.git(place, "rev-parse", "HEAD:b")
    (place / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    (target,) = targets("scan", place)
    assert [found["status"] for found in target["findings"]] == ["fixed"]
    assert target["status"] is None
    (target,) = targets("apply", place)
    assert (target["status"], target["outcome"]) == (None, "failed")


@pytest.mark.parametrize(
    ("name", "status"),
    [("docs/logo.png", "affected"), ("font.WOFF2", "affected"), ("png", None), (".png", None),
     ("profile.png.txt", None), ("large", None)],
)  # fmt: skip
def test_what_a_partial_clone_lacks_is_a_failure_where_it_may_matter(
    sandbox: Sandbox, name: str, status: str | None
) -> None:
    place = sandbox.repository(
        files={"docker-default": sandbox.profile(), name: "network,\n" + "x" * 9000}
    )
    sandbox.git(place, "config", "uploadpack.allowFilter", "true")
    partial = sandbox.root / "partial.git"
    words = ("clone", "-q", "--bare", "--filter=blob:limit=2k", place.as_uri(), str(partial))
    sandbox.git(sandbox.root, *words)
    for _ in range(2):  # the second one from what is remembered
        (target,) = targets("scan", partial)
        assert (target["status"], target["error"] is None) == ("affected", status is not None)
        if status is not None:
            assert target["note"].startswith(f"{name}: its content is not in the repository")


@pytest.mark.parametrize("filling", [0, 1200], ids=["small", "large"])
def test_what_a_repository_names_and_does_not_hold_is_a_note(
    sandbox: Sandbox, filling: int
) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 9\n"
    files: dict[str, str | bytes] = {
        ".gitmodules": '[submodule "m"]\n\tpath = third/moby\n\turl = ../moby.git\n',
        ".gitattributes": "*.png filter=lfs\n# x filter=lfs\nprofiles/* filter=lfs diff=lfs\n",
        "profiles/docker-default": pointer,
        "charts/one/.gitattributes": "values.yaml filter=lfs\n*.zip filter=lfs\n",
        "charts/one/values.yaml": pointer,
        "charts/two/.gitmodules": '[submodule "x"]\n\tpath = no/submodule\n',
        **{f"src/{number % 40}/{number}": f"{number}\n" * 200 for number in range(filling)},
    }
    place = sandbox.repository(files=files)
    says = "not read: submodules (third/moby): scan their own repositories; files in Git LFS "
    kept = "profiles/*, charts/one/values.yaml"
    for command in (["scan"], ["scan"], ["scan", "--fresh"], ["apply", "--proof", "off"]):
        (target,) = targets(*command, place)
        assert (target["note"], target["status"]) == (f"{says}({kept})", "not_affected")
    assert says in patcher("scan", "-v", place).stdout
    told = "that matters; submodules or files in Git LFS were not read (-v says which)."
    assert told in patcher("scan", place).stdout
    result = patcher("scan", "--strict", place)
    assert result.exit_code == FAILED
    assert "--strict: submodules or files in Git LFS were not read" in result.stderr
    sandbox.git(place, "rm", "-q", "charts/one/.gitattributes")
    sandbox.commit(place, {".gitmodules": "", ".gitattributes": "*.png filter=lfs\n* text\n"})
    (target,) = targets("scan", place)
    assert target["note"] is None
    assert "not read" not in patcher("scan", place).stdout
    assert patcher("scan", "--strict", place).exit_code == 0


def test_both_notes_on_a_base_are_told(sandbox: Sandbox) -> None:
    place = sandbox.repository(files={".gitmodules": '[submodule "m"]\n\tpath = m\n'})
    sandbox.git(sandbox.root, "clone", "-q", str(place), "clone")
    sandbox.commit(sandbox.root / "clone", {"more": "x\n"})
    (target,) = targets("scan", "--base", "main", sandbox.root / "clone")
    assert target["note"].startswith("not read: submodules (m)")
    assert target["note"].endswith("--base origin/main names that one")


def test_a_folder_where_one_failed_is_not_called_clean(sandbox: Sandbox) -> None:
    sandbox.repository("good", {"a": "nothing\n"})
    bad = sandbox.repository("bad", {"a": "nothing\n"})
    (bad / ".git" / "refs" / "heads" / "main").write_text("0" * 40 + "\n")
    result = patcher("scan", sandbox.root)
    assert result.exit_code == FAILED
    assert CLEAN not in result.output
    assert "2 repositories: 1 read, 1 failed; nothing to report in what was read." in result.stdout


def test_the_summary_counts_what_was_read_and_what_was_not_apart(sandbox: Sandbox) -> None:
    sandbox.repository("affected")
    sandbox.repository("bad", {"a": "x"}).joinpath(".git/refs/heads/main").write_text("0" * 40)
    (sandbox.root / "empty").mkdir()
    sandbox.git(sandbox.root / "empty", "init", "-q")
    text = "3 repositories: 1 read, 1 failed, 1 without a commit to read (-v says why);"
    assert f"{text} 1 affected profile in 1 file." in patcher("scan", sandbox.root).stdout
    totals = json.loads(patcher("scan", sandbox.root, "--format", "json").stdout)["totals"]
    counted = {name: totals[name] for name in ("repositories", "read", "failed", "unread", "files")}
    assert counted == {"repositories": 3, "read": 1, "failed": 1, "unread": 1, "files": 1}
    sandbox.repository("clean", {"a": "nothing\n"})
    result = patcher("apply", sandbox.root)
    assert "1 committed, 0 up to date, 1 nothing to do, 1 failed." in result.stdout


@needs_parser
def test_verify_does_not_call_clean_what_it_did_not_read(sandbox: Sandbox) -> None:
    result = patcher("verify", sandbox.root / "gone")
    assert result.exit_code == FAILED
    assert "No profile in what was read.\n1 could not be read" in result.stdout


# -- nothing answered


def test_a_glob_of_bases_that_matches_nowhere_is_an_error(sandbox: Sandbox) -> None:
    sandbox.repository("one")
    two = sandbox.repository("two")
    for command in (["scan"], ["diff"], ["apply", "--dry-run"]):
        result = patcher(*command, "--base", "nope/*", sandbox.root)
        assert result.exit_code == USAGE, command
        assert "--base 'nope/*' matches in 0 of 2 repositories" in result.stderr
    sandbox.git(two, "branch", "release/1")
    result = patcher("scan", "--base", "release/*", sandbox.root)
    assert result.exit_code == 1
    assert "--base" not in result.stderr
    result = patcher("scan", "--base", "release/*", "--base", "nope/*", sandbox.root)
    assert result.exit_code == USAGE
    assert "--base 'release/*' matches in 1 of 2 repositories" in result.stderr
    assert "--base 'nope/*' matches in 0 of 2 repositories" in result.stderr


def test_a_glob_of_files_that_matches_nowhere_is_an_error(sandbox: Sandbox) -> None:
    sandbox.repository("one", {"a/b/profile": sandbox.profile(), "c": "nothing\n"})
    two = sandbox.repository("two", {"d": "nothing\n"})
    for command in (["scan"], ["scan", "-j", "3"], ["diff"], ["apply", "--dry-run"], ["scan"]):
        result = patcher(*command, "--include", "nope/", "--include", "a/", sandbox.root)
        assert result.exit_code == USAGE, command
        assert result.stderr == "patcher: --include 'nope/' matches 0 files\n"
        # What matches and holds no profile, or does so in the last repository alone, is no mistake.
        for glob in ("b/", "d", "c", "**/profile"):
            result = patcher(*command, "--include", glob, sandbox.root)
            assert result.exit_code in (0, 1) and result.stderr == "", (command, glob)
    sandbox.git(two, "checkout", "-q", "-b", "next")
    sandbox.commit(two, {"e": "nothing\n"})
    bases = ("--base", "main", "--base", "next")
    assert patcher("scan", "--include", "e", *bases, two).exit_code == 0
    assert patcher("scan", "--include", "e", "--base", "main", two).exit_code == USAGE


def test_a_filter_that_keeps_nothing_is_an_error(sandbox: Sandbox) -> None:
    place = sandbox.repository("one")
    for command in (["scan"], ["diff"], ["apply"], ["repos"]):
        result = patcher(*command, "--match", "nomatch", place)
        assert result.exit_code == USAGE, command
        assert "--match 'nomatch' matches 0 repositories" in result.stderr
        assert CLEAN not in result.output
    result = patcher("scan", "--match", "one", "--match", "nomatch", place)
    assert result.exit_code == USAGE
    assert "--match 'one' matches 1 repository" in result.stderr
    assert "--match 'nomatch' matches 0 repositories" in result.stderr


def test_a_run_from_which_everything_is_left_out_is_an_error(sandbox: Sandbox) -> None:
    place = sandbox.repository("one")
    result = patcher("scan", "--skip", "o*", place)
    assert result.exit_code == USAGE
    assert "no repository is left: 1 by name skipped" in result.stderr


@pytest.mark.parametrize("name", ["list.txt", "list.csv", "list.json", "list.yaml"])
@pytest.mark.parametrize("command", ["scan", "diff", "apply", "repos"])
def test_an_empty_list_is_an_error(command: str, name: str, tmp_path: Path) -> None:
    empty = {"list.txt": "# nothing\n", "list.csv": "url\n", "list.json": "[]", "list.yaml": "[]"}
    path = tmp_path / name
    path.write_text(empty[name])
    push = ["--push"] if command == "apply" else []
    result = patcher(command, *push, "--from", path)
    assert result.exit_code == USAGE
    assert f"--from {path} holds 0 repositories" in result.stderr


def test_an_empty_list_beside_another_source_is_an_error(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    path = sandbox.root / "list"
    path.write_text("")
    result = patcher("scan", "--from", path, place)
    assert result.exit_code == USAGE
    assert f"--from {path} holds 0 repositories" in result.stderr


def test_a_campaign_of_nothing_is_an_error(sandbox: Sandbox) -> None:
    place = sandbox.repository("one")
    result = patcher("apply", "--campaign", "c", "--match", "nomatch", place)
    assert result.exit_code == USAGE
    assert "--match 'nomatch' matches 0 repositories" in result.stderr
    assert patcher("status", "c").exit_code == USAGE


def test_a_campaign_reports_what_it_was_made_for(sandbox: Sandbox) -> None:
    place = sandbox.repository("one", {})
    begun = ("apply", "--campaign", "c", "-m", "deny-af-vsock", "--format", "json")
    assert json.loads(patcher(*begun, place).stdout)["migrations"] == ["deny-af-vsock"]
    again = patcher("apply", "--campaign", "c", "--retry", "all", "--format", "json")
    assert json.loads(again.stdout)["migrations"] == ["deny-af-vsock"]


def test_a_campaign_with_a_glob_that_matches_nowhere_is_an_error(sandbox: Sandbox) -> None:
    place = sandbox.repository("one")
    result = patcher("apply", "--campaign", "c", "--base", "nope/*", place)
    assert result.exit_code == USAGE
    assert "--base 'nope/*' matches in 0 of 1 repository" in result.stderr


@pytest.mark.parametrize("command", ["scan", "diff", "apply", "check", "verify"])
def test_a_size_limit_that_reads_nothing_is_refused(command: str) -> None:
    result = patcher(command, "--max-size", "0", ".")
    assert result.exit_code == USAGE
    assert "0 reads no file" in result.stderr


def test_a_folder_without_files_is_an_error(tmp_path: Path) -> None:
    result = patcher("check", tmp_path)
    assert result.exit_code == USAGE
    assert "no file" in result.stderr
    (tmp_path / "a").write_text("nothing\n")
    assert patcher("check", tmp_path).exit_code == 0
    assert patcher("check", "--include", "b", tmp_path).exit_code == USAGE


def test_a_run_over_some_files_says_so(sandbox: Sandbox) -> None:
    place = sandbox.repository(files={"docker-default": sandbox.profile(), "f": "nothing\n"})
    for option in ("--include=f*", "--exclude=docker-default"):
        result = patcher("scan", option, place)
        assert result.exit_code == 0
        assert f"{CLEAN} in the files that --include and --exclude leave." in result.stdout


# -- strict


def test_strict_counts_what_needs_a_person_as_a_failure(sandbox: Sandbox) -> None:
    large = sandbox.repository("large", {"a": sandbox.profile() + "#" * 2000})
    arguments = ("scan", "--max-size", "1k", large)
    assert patcher(*arguments).exit_code == 0
    result = patcher(*arguments, "--strict")
    assert result.exit_code == FAILED
    assert "--strict: 1 profile needs review" in result.stderr


def test_strict_counts_what_was_left_alone_and_what_was_not_read(sandbox: Sandbox) -> None:
    other = sandbox.repository("other", {"a": "profile x /bin/x {\n  network,\n}\n"})
    empty = sandbox.root / "empty"
    empty.mkdir()
    sandbox.git(empty, "init", "-q")
    for place, said in ((other, "1 affected profile was left alone"), (empty, "1 repository has")):
        for command in (["scan"], ["diff"], ["apply", "--dry-run"]):
            assert patcher(*command, place).exit_code == 0
            result = patcher(*command, "--strict", place)
            assert result.exit_code == FAILED, (command, place)
            assert f"--strict: {said}" in result.stderr
    file = sandbox.root / "other" / "a"
    assert patcher("check", file).exit_code == 0
    assert patcher("check", "--strict", file).exit_code == FAILED


def test_strict_changes_nothing_where_all_is_fixed(sandbox: Sandbox) -> None:
    place = sandbox.repository(files={"a": sandbox.fixed(sandbox.profile())})
    assert patcher("scan", "--strict", place).exit_code == 0


def test_strict_is_refused_for_a_campaign_whose_earlier_runs_it_would_not_see(
    sandbox: Sandbox,
) -> None:
    result = patcher("apply", "--campaign", "c", "--strict", sandbox.repository())
    assert result.exit_code == USAGE
    assert "--strict looks at one run" in result.stderr

"""The main job, through the command line, on real repositories."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from patcher.cli import group

if TYPE_CHECKING:
    from tests.conftest import Sandbox

BRANCH = "patcher/deny-af-alg"


def patcher(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    result = CliRunner().invoke(group, [str(argument) for argument in arguments], input=stdin)
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    return result


def report(*arguments: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(patcher(*arguments, "--format", "json").stdout)
    return found


def test_scan_shows_what_is_there_and_says_so_with_its_exit_code(sandbox: Sandbox) -> None:
    place = sandbox.repository(files={"a/docker-default": sandbox.profile(), "README": "hello\n"})
    result = patcher("scan", place)
    assert result.exit_code == 1
    assert str(place) in result.stdout
    assert "a/docker-default:2  docker-default  affected" in result.stdout
    assert "1 repository: 1 affected profile in 1 file." in result.stdout


def test_scan_shows_what_does_not_count_when_it_is_verbose(sandbox: Sandbox) -> None:
    text = sandbox.profile()
    place = sandbox.repository("r", {"p": text + "profile y {\n  /bin/x r,\n}\n"})
    row = f"  p:{text.count(chr(10)) + 1}  y               dropped   it has no network rule"
    for _ in range(2):
        assert row in patcher("scan", "-v", place).stdout
    assert "dropped" not in patcher("scan", place).stdout


def test_scan_of_a_fixed_repository_exits_with_0(sandbox: Sandbox) -> None:
    place = sandbox.repository(files={"docker-default": sandbox.fixed(sandbox.profile())})
    result = patcher("scan", place)
    assert (result.exit_code, result.stdout) == (0, "1 repository: 1 fixed already.\n")
    for option in ("--all", "--only=fixed", "-v"):
        shown = patcher("scan", place, option)
        assert "docker-default:2  docker-default  fixed" in shown.stdout
    assert "docker-default:2" not in patcher("scan", place, "--only=affected").stdout


def test_only_some_statuses_are_for_tables(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    result = patcher("scan", place, "--only=fixed", "--format", "json")
    assert result.exit_code == 2
    assert "--only is for tables: other formats hold every finding" in result.stderr
    assert patcher("check", place / "docker-default", "--only=fixed", "--all").exit_code == 2
    one = patcher("check", place / "docker-default", "--only=fixed")
    assert (one.exit_code, "docker-default:2" in one.stdout) == (1, False)


def test_scan_reads_the_commit_not_the_work_tree(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    (place / "docker-default").unlink()
    (place / "another").write_text(sandbox.profile("another"))
    paths = [found["path"] for found in report("scan", place)["targets"][0]["findings"]]
    assert paths == ["docker-default"]


def test_scan_explains(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    assert "- blanket capability," in patcher("scan", "--explain", place).stdout
    assert "- blanket capability," not in patcher("scan", place).stdout


def test_apply_commits_on_the_review_branch_and_touches_nothing_else(
    sandbox: Sandbox, snapshot: Callable[[Path], dict[str, object]]
) -> None:
    place = sandbox.repository(files={"docker-default": sandbox.profile(), "run.sh": "true\n"})
    (place / "run.sh").write_text("false\n")
    sandbox.git(place, "stash")
    (place / "untracked").write_text("mine\n")
    (place / "docker-default").write_text("dirty\n")
    before = snapshot(place)
    result = patcher("apply", place)
    assert result.exit_code == 0, result.output
    after = snapshot(place)
    mine = {
        str(place / ".git" / "refs/heads" / BRANCH),
        str(place / ".git/logs/refs/heads" / BRANCH),
    }
    assert {path: seen for path, seen in after.items() if path not in mine} == before
    assert sandbox.git(place, "diff", "--name-only", "main", BRANCH) == "docker-default"
    assert sandbox.show(place, f"{BRANCH}:docker-default") == sandbox.fixed(sandbox.profile())
    assert sandbox.git(place, "rev-parse", f"{BRANCH}^") == sandbox.git(place, "rev-parse", "main")
    assert sandbox.git(place, "fsck", "--full", "--strict") == ""


def test_apply_says_what_it_did_and_what_to_do_next(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    result = patcher("apply", place)
    tip = sandbox.git(place, "rev-parse", BRANCH)
    assert f"{place}  main  -> {BRANCH} {tip[:12]}  (committed)" in result.stdout
    assert "1 committed, 0 up to date, 0 failed." in result.stdout
    assert f"git --no-pager -C {place} show " in result.stdout


def test_the_message_says_what_was_changed_and_why(sandbox: Sandbox) -> None:
    place = sandbox.repository(
        files={"a/one": sandbox.profile("one"), "two": sandbox.profile("two") * 2}
    )
    patcher("apply", "--signoff", place)
    message = sandbox.git(place, "log", "-1", "--format=%B", BRANCH)
    subject, _, body = message.partition("\n")
    assert subject == "apparmor: deny AF_ALG sockets in container profiles"
    assert "- a/one: one (line 2)\n- two: two (lines 2 and 12)\n" in body
    assert "CVE-2026-31431" in body
    assert "https://copy.fail/" in body
    assert body.endswith("\nSigned-off-by: A Tester <tester@example.org>")
    assert max(map(len, body.splitlines())) <= 80


def test_a_second_apply_finds_it_done(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    patcher("apply", place)
    refs = sandbox.git(place, "for-each-ref")
    result = patcher("apply", place)
    assert result.exit_code == 0
    assert "(up to date)" in result.stdout
    assert sandbox.git(place, "for-each-ref") == refs


@pytest.mark.parametrize("mode", [0o644, 0o755])
def test_a_branch_on_which_the_mode_of_the_file_is_another_one_was_edited(
    sandbox: Sandbox, mode: int
) -> None:
    place = sandbox.repository(files={"README": "hello\n"})
    file = place / "docker-default"
    file.write_text(sandbox.profile())
    file.chmod(mode)
    sandbox.commit(place, {})
    patcher("apply", place)
    sandbox.git(place, "checkout", "-q", BRANCH)
    file.chmod(mode ^ 0o111)
    sandbox.commit(place, {})
    sandbox.git(place, "checkout", "-q", "main")
    refs = sandbox.git(place, "for-each-ref")
    result = patcher("apply", place)
    assert result.exit_code == 0
    assert "(edited by others)" in result.stdout
    assert sandbox.git(place, "for-each-ref") == refs


def test_a_branch_that_someone_else_uses_is_left_alone(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    sandbox.commit(place, {"mine": "work\n"}, branch=BRANCH)
    sandbox.git(place, "checkout", "-q", "main")
    refs = sandbox.git(place, "for-each-ref")
    for option in ("fail", "append", "replace"):
        result = patcher("apply", "--on-existing", option, place)
        assert result.exit_code == 3
        assert sandbox.git(place, "for-each-ref") == refs
        assert result.stderr == (
            f"patcher: {place} main: branch {BRANCH} is someone else's, nothing on it is "
            "patcher's: use another --branch, or rename or remove that one\n"
        )


def test_a_branch_with_a_part_of_the_change_is_made_anew(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    patcher("apply", place)
    sandbox.commit(place, {"another": sandbox.profile("another")})
    result = patcher("apply", place)
    assert result.exit_code == 0
    assert "(committed)  (the branch was ours and stale)" in result.stdout
    assert sandbox.git(place, "diff", "--name-only", "main", BRANCH).split() == [
        "another",
        "docker-default",
    ]


def edited(sandbox: Sandbox, place: Path) -> str:
    """Someone takes the rule out on the review branch, and adds files; the tip."""
    patcher("apply", place)
    sandbox.git(place, "checkout", "-q", BRANCH)
    files: dict[str, str | bytes] = {"other": "work\n", "docker-default": sandbox.profile()}
    tip = sandbox.commit(place, {**files, "more": sandbox.profile("more")})
    sandbox.git(place, "checkout", "-q", "main")
    return tip


def test_on_existing_replace_begins_anew_from_the_base(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    tip = edited(sandbox, place)
    replace = ["--on-existing", "replace"]
    assert patcher("apply", *replace, place).exit_code == 3
    assert sandbox.git(place, "rev-parse", BRANCH) == tip
    assert patcher("apply", *replace, "--discard-others", place).exit_code == 0
    assert sandbox.git(place, "diff", "--name-only", "main", BRANCH) == "docker-default"
    assert sandbox.git(place, "rev-list", "--count", f"main..{BRANCH}") == "1"
    assert patcher("apply", "--discard-others", place).exit_code == 2


def test_on_existing_append_keeps_what_is_there(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    tip = edited(sandbox, place)
    assert patcher("apply", "--on-existing", "append", place).exit_code == 0
    assert sandbox.git(place, "rev-parse", f"{BRANCH}^") == tip
    assert sandbox.show(place, f"{BRANCH}:docker-default") == sandbox.fixed(sandbox.profile())
    assert sandbox.show(place, f"{BRANCH}:more") == sandbox.fixed(sandbox.profile("more"))
    again = patcher("apply", "--on-existing", "append", place)
    assert again.exit_code == 0
    assert "(edited by others)" in again.stdout


def test_the_branch_that_is_checked_out_is_not_moved(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    tip = edited(sandbox, place)
    sandbox.git(place, "checkout", "-q", BRANCH)
    append = ["--on-existing", "append"]
    result = patcher("apply", "--base", "main", "--branch", BRANCH, *append, place)
    assert result.exit_code == 3
    assert "is checked out" in result.stderr
    assert sandbox.git(place, "rev-parse", BRANCH) == tip


def test_each_base_gets_its_own_branch(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    sandbox.commit(place, {"docker-default": sandbox.profile("old")}, branch="release/1.7")
    sandbox.commit(place, {"docker-default": sandbox.profile("older")}, branch="release/1.6")
    sandbox.git(place, "checkout", "-q", "main")
    result = patcher("apply", "--base", "main", "--base", "release/*", place)
    assert result.exit_code == 0, result.output
    for base, branch in (
        ("main", BRANCH),
        ("release/1.6", f"{BRANCH}-release/1.6"),
        ("release/1.7", f"{BRANCH}-release/1.7"),
    ):
        before = sandbox.show(place, f"{base}:docker-default")
        assert sandbox.show(place, f"{branch}:docker-default") == sandbox.fixed(before)
        assert sandbox.git(place, "rev-parse", f"{branch}^") == sandbox.git(
            place, "rev-parse", base
        )
    assert "1 repository, 3 branches: 3 affected profiles in 3 files." in result.stdout


def test_a_branch_may_be_named(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    sandbox.git(place, "branch", "next")
    assert patcher("apply", "--branch", "fix/alg", "--base", "next", place).exit_code == 0
    assert sandbox.git(place, "rev-parse", "fix/alg^") == sandbox.git(place, "rev-parse", "next")


def test_both_migrations_stand_in_upstreams_order(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    assert patcher("apply", "-m", "deny-af-vsock", "-m", "deny-af-alg", place).exit_code == 0
    branch = "patcher/deny-af-alg+deny-af-vsock"
    assert sandbox.show(place, f"{branch}:docker-default") == sandbox.fixed(
        sandbox.profile(), "deny network alg,", "deny network vsock,"
    )
    message = sandbox.git(place, "log", "-1", "--format=%B", branch)
    assert message.startswith("apparmor: deny network alg and vsock\n\n")
    assert "AF_VSOCK" in message
    assert message.count("docker-default (line 2)") == 1


def test_the_comment_is_written_when_asked_for(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    patcher("apply", "--comment", place)
    assert sandbox.show(place, f"{BRANCH}:docker-default") == sandbox.fixed(
        sandbox.profile(),
        "# Disallow AF_ALG (Linux kernel crypto API); see https://copy.fail/",
        "deny network alg,",
    )


def test_a_users_own_migration(sandbox: Sandbox, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("id: no-bt\ntitle: No Bluetooth\nrule: deny network bluetooth,\n")
    place = sandbox.repository()
    assert patcher("apply", "-m", mine, place).exit_code == 0
    assert sandbox.show(place, "patcher/no-bt:docker-default") == sandbox.fixed(
        sandbox.profile(), "deny network bluetooth,"
    )


def test_a_commit_for_each_file(sandbox: Sandbox) -> None:
    place = sandbox.repository(files={"a": sandbox.profile("a"), "b": sandbox.profile("b")})
    message = "Fix {files} in {base}\n\n{count} of {profiles}; not {{this}}"
    assert patcher("apply", "--commit-per", "file", "--message", message, place).exit_code == 0
    log = sandbox.git(place, "log", "--format=%B%x00", "--name-only", f"main..{BRANCH}")
    assert log.count("Fix - ") == 2
    assert "Fix - b: b (line 2) in main\n\n1 of b; not {{this}}\n" in log
    assert sandbox.git(place, "diff", "--name-only", "main", BRANCH).split() == ["a", "b"]


def test_a_message_from_a_file(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "message").write_text("Subject\n\nBody of {migration}\n")
    place = sandbox.repository()
    patcher("apply", "--proof", "off", "--message-file", tmp_path / "message", "--signoff", place)
    message = sandbox.git(place, "log", "-1", "--format=%B", BRANCH)
    mark = r"Patcher-Migration: deny-af-alg \(on base, [0-9a-f]{16}\)"
    assert re.sub(mark, "MARK", message) == (
        "Subject\n\nBody of deny-af-alg\n\nMARK\nSigned-off-by: A Tester <tester@example.org>"
    )


def test_an_author_may_be_named(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    patcher("apply", "--author", "Ann Other <ann@example.org>", place)
    who = sandbox.git(place, "log", "-1", "--format=%an %ae %cn", BRANCH)
    assert who == "Ann Other ann@example.org A Tester"


def test_without_an_identity_nothing_is_made_up(sandbox: Sandbox, home: Path) -> None:
    place = sandbox.repository()
    (home / ".gitconfig").unlink()
    result = patcher("apply", place)
    assert result.exit_code == 3
    assert "user.name" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "patcher" not in sandbox.git(place, "for-each-ref")


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
def test_a_commit_is_signed_as_the_user_configured(
    sandbox: Sandbox, home: Path, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    sandbox.git(home, "config", "--global", "gpg.format", "ssh")
    place = sandbox.repository()
    assert patcher("apply", f"--sign={key}.pub", place).exit_code == 0
    assert "SSH SIGNATURE" in sandbox.git(place, "cat-file", "commit", BRANCH)
    sandbox.git(home, "config", "--global", "user.signingKey", f"{key}.pub")
    assert patcher("apply", "--branch", "second", "--sign", place).exit_code == 0
    assert "SSH SIGNATURE" in sandbox.git(place, "cat-file", "commit", "second")


def test_dry_run_writes_nothing(
    sandbox: Sandbox, snapshot: Callable[[Path], dict[str, object]]
) -> None:
    place = sandbox.repository()
    before = snapshot(place)
    result = patcher("apply", "--dry-run", place)
    assert result.exit_code == 1
    assert f"main  -> {BRANCH}  (not written: a dry run)" in result.stdout
    assert f"`patcher apply {place}` commits it" in result.stdout
    assert snapshot(place) == before
    patcher("apply", place)
    again = patcher("apply", "--dry-run", place)
    assert again.exit_code == 0
    assert "commits it" not in again.stdout
    assert f"main  -> {BRANCH}  (up to date)" in again.stdout
    assert "1 up to date: the branch holds the change already." in again.stdout


def test_a_dry_run_finds_what_another_base_still_lacks(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    sandbox.git(place, "branch", "release/1")
    bases = ["--base", "main", "--base", "release/1"]
    patcher("apply", place)
    result = patcher("apply", "--dry-run", *bases, place)
    assert result.exit_code == 1
    assert "1 up to date: the branch holds" in result.stdout
    assert f"-> {BRANCH}-release/1  (not written: a dry run)" in result.stdout
    patcher("apply", *bases, place)
    assert patcher("apply", "--dry-run", *bases, place).exit_code == 0


def test_what_diff_prints_git_applies_to_what_apply_commits(sandbox: Sandbox) -> None:
    old = sandbox.profile()
    files: dict[str, str | bytes] = {
        "plain": old,
        "crlf": old.replace("\n", "\r\n"),
        "with blank": old,
        "ünïcode": old,
        "deep/er/x.go": f"package x\n\nconst t = `\n{old}`\n",
    }
    place = sandbox.repository(files=files)
    result = patcher("diff", place)
    assert result.exit_code == 1
    patcher("apply", place)
    sandbox.git(place, "apply", "--index", "--whitespace=nowarn", stdin=result.stdout_bytes)
    assert sandbox.git(place, "write-tree") == sandbox.git(place, "rev-parse", f"{BRANCH}^{{tree}}")


def test_modes_and_odd_names_stay(sandbox: Sandbox) -> None:
    script = f"#!/bin/sh\ncat <<'EOF'\n{sandbox.profile()}EOF\n"
    place = sandbox.repository(files={"run.sh": script, "new\nline \x1b[2J.profile": "x\n"})
    (place / "run.sh").chmod(0o755)
    (place / "new\nline \x1b[2J.profile").write_text(sandbox.profile())
    (place / "link").symlink_to("run.sh")
    sandbox.git(place, "add", "-A")
    sandbox.git(place, "commit", "-q", "-m", "more")
    result = patcher("apply", place)
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.output
    assert "new\\nline \\x1b[2J.profile:2" in result.stdout
    raw = sandbox.git(place, "diff", "--raw", "-z", "main", BRANCH).split("\0")
    assert raw[1::2][:2] == ["new\nline \x1b[2J.profile", "run.sh"]
    assert raw[2].startswith(":100755 100755 ")


def test_a_checksum_elsewhere_is_told(sandbox: Sandbox) -> None:
    import hashlib

    text = sandbox.profile()
    digest = hashlib.sha256(text.encode()).hexdigest()
    place = sandbox.repository(
        files={"docker-default": text, "SUMS/SHA256SUMS": f"# sums\n{digest}  docker-default\n"}
    )

    def reason(*command: str) -> str:
        (finding,) = report(*command, place)["targets"][0]["findings"]
        return str(finding["reason"])

    said = "its sha256 stands in SUMS/SHA256SUMS:2, which is not changed"
    assert "sha256" not in reason("scan"), "which changes nothing"
    for command in (("diff", "--proof=off"), ("apply", "--dry-run", "--proof=off"), ("scan",)):
        assert (said in reason(*command)) is (command[0] != "scan"), command
    trailer = "Outdated-Checksum: docker-default: sha256 in SUMS/SHA256SUMS:2"
    for more in ([], ["--message", "Mine", "--branch", "mine"]):
        assert patcher("apply", "--proof=off", *more, place).exit_code == 0
        branch = more[-1] if more else "patcher/deny-af-alg"
        assert trailer in sandbox.git(place, "log", "-1", "--format=%B", branch).splitlines()


def test_a_tree_with_zeros_before_modes_is_pushed_to_who_checks(sandbox: Sandbox) -> None:
    place = sandbox.repository(files={"a/b/docker-default": sandbox.profile(), "a/c/x": "x\n"})
    served = sandbox.root / "served.git"
    blob = sandbox.git(place, "rev-parse", "HEAD:a/b/docker-default")
    other = sandbox.git(place, "rev-parse", "HEAD:a/c")

    def tree(*entries: tuple[str, str, str]) -> str:
        """A tree as some old tools wrote it."""
        data = b"".join(
            f"{mode} {name}".encode() + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries
        )
        words = ("hash-object", "-t", "tree", "-w", "--stdin", "--literally")
        return sandbox.git(place, *words, stdin=data)

    below = tree(("0100644", "docker-default", blob))
    root = tree(("040000", "a", tree(("040000", "b", below), ("040000", "c", other))))
    commit = sandbox.git(place, "commit-tree", "-m", "Old", root)
    sandbox.git(place, "update-ref", "refs/heads/main", commit)
    sandbox.bare(place, served)
    sandbox.git(served, "config", "receive.fsckObjects", "true")
    url = served.as_uri()
    done = patcher("apply", "--push", "--proof=off", url)
    assert done.exit_code == 0, done.stderr
    changed = sandbox.git(served, "diff", "--raw", "--no-abbrev", "main", "patcher/deny-af-alg")
    assert changed.split()[:2] == [":100644", "100644"]
    assert len(changed.splitlines()) == 1
    assert "1 up to date" in patcher("apply", "--push", "--proof=off", url).stdout


def test_files_are_chosen_by_globs(sandbox: Sandbox) -> None:
    place = sandbox.repository(
        files={"a/p": sandbox.profile(), "vendor/p": sandbox.profile(), "b/p": sandbox.profile()}
    )

    def paths(*options: str) -> list[str]:
        (target,) = report("scan", *options, place)["targets"]
        return [finding["path"] for finding in target["findings"]]

    assert paths("--exclude", "vendor/") == ["a/p", "b/p"]
    assert paths("--include", "/a/", "--include", "vendor") == ["a/p", "vendor/p"]
    assert patcher("scan", "--include", "[a", place).exit_code == 2


def test_many_repositories_in_one_go(sandbox: Sandbox) -> None:
    for number in range(12):
        sandbox.repository(f"group/{number:02}")
    sandbox.repository("group/none", {"README": "nothing\n"})
    for jobs in ("1", "4"):
        found = report("scan", "--jobs", jobs, sandbox.root)
        names = [Path(target["repository"]).name for target in found["targets"]]
        assert names == [*(f"{number:02}" for number in range(12)), "none"]
        assert found["totals"]["to_fix"] == 12
    assert patcher("apply", "--jobs", "4", sandbox.root).exit_code == 0
    assert patcher("scan", "--base", BRANCH, sandbox.root / "group" / "03").exit_code == 0


def test_a_broken_repository_does_not_stop_the_others(sandbox: Sandbox) -> None:
    good = [sandbox.repository("a"), sandbox.repository("c")]
    broken = sandbox.repository("b")
    for file in (broken / ".git" / "objects").rglob("*"):
        if file.is_file():
            file.unlink()
    result = patcher("apply", "--jobs", "3", sandbox.root)
    assert result.exit_code == 3
    assert f"patcher: {broken}" in result.stderr
    assert "Traceback" not in result.output
    for place in good:
        assert sandbox.git(place, "rev-parse", BRANCH)
    assert "2 committed, 0 up to date, 1 failed." in result.stdout


def test_an_unborn_head_is_no_failure(sandbox: Sandbox) -> None:
    place = sandbox.root / "new"
    place.mkdir(parents=True)
    sandbox.git(place, "init", "-q")
    result = patcher("apply", place)
    assert result.exit_code == 0
    assert "no commit yet" in result.stdout
    assert result.stdout.count("nothing to do") == 1


def test_a_scan_that_read_nothing_does_not_look_clean(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    result = patcher("scan", "--base", "relaese/*", place)
    assert result.stdout == "1 repository: 0 read, 1 without a commit to read (-v says why).\n"
    assert "no branch matches relaese/*" in (
        patcher("scan", "-v", "--base", "relaese/*", place).stdout
    )


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("nowhere", "no such file or directory: a source is a path"),
        ("moby/moby", "no such file or directory: did you mean github:moby/moby?"),
        ("sourcehut:x", "neither a path that exists nor anything else: a source is a path"),
        ("github:a/b/c", "write github:ORG, github:ORG/REPO, github:user/NAME or github:search/"),
        ("", "an empty name: a source is a path"),
        ("file", "is a file: name a repository or a folder"),
        ("https://example.org", "names a host, but no repository on it"),
    ],
)
@pytest.mark.parametrize("command", ["scan", "diff", "repos", "apply"])
def test_what_is_no_source_is_one_line_and_nothing_is_done(
    sandbox: Sandbox, command: str, word: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = sandbox.repository()
    (sandbox.root / "file").touch()
    monkeypatch.chdir(sandbox.root)
    result = patcher(command, place, word)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("patcher: ") and says in result.stderr
    assert result.stderr.count("\n") == 1
    assert sandbox.git(place, "branch", "--list", "patcher/*") == ""


def test_a_list_that_is_none_is_one_line_and_nothing_is_done(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    place = sandbox.repository()
    for content, says in (
        (b"\x7fELF\0\n" * 360, "a binary file, not a list"),
        (b"acme/one\nacme/two\n", "acme/one: no such file or directory: did you mean https://gith"),
    ):
        (tmp_path / "list").write_bytes(content)
        for command in ("scan", "apply"):
            result = patcher(command, place, "--from", tmp_path / "list")
            assert (result.exit_code, result.stdout) == (2, "")
            assert says in result.stderr and result.stderr.count("\n") == 1
    assert sandbox.git(place, "branch", "--list", "patcher/*") == ""


@pytest.mark.parametrize("kind", ["bare", "sha256", "shallow", "worktree"])
def test_every_kind_of_repository(sandbox: Sandbox, kind: str) -> None:
    if kind == "sha256":
        place = sandbox.repository("fork", None, "--object-format=sha256")
    else:
        origin = sandbox.repository("origin")
        place = sandbox.root / "fork"
        if kind == "worktree":
            sandbox.git(origin, "worktree", "add", "-q", "--detach", str(place))
        else:
            option = "--bare" if kind == "bare" else "--depth=1"
            sandbox.git(origin, "clone", "-q", option, f"file://{origin}", str(place))
    assert patcher("apply", place).exit_code == 0
    assert sandbox.show(place, f"{BRANCH}:docker-default") == sandbox.fixed(sandbox.profile())
    assert "error" not in sandbox.git(place, "fsck", "--full", "--strict")


def test_a_large_file_is_reported(sandbox: Sandbox) -> None:
    place = sandbox.repository(files={"big": sandbox.profile() + "# filler\n" * 1000})
    (finding,) = report("scan", "--max-size", "1k", place)["targets"][0]["findings"]
    assert (finding["status"], finding["path"]) == ("under_investigation", "big")
    assert "limit" in finding["reason"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["scan", "-m", "nothing"], "no migration 'nothing'"),
        (["scan", "-m", "./none.yaml"], "./none.yaml: No such file"),
        (["scan", "--max-size", "big"], "'big' is no size"),
        (["scan", "--jobs", "0"], "--jobs"),
        (["scan", "--no-such-option"], "--no-such-option"),
        (["apply", "--message", "{oops}"], "unknown placeholder {oops}"),
        (["apply", "--message", " "], "message is empty"),
        (["apply", "--message", "a", "--message-file", "-"], "exclude each other"),
        (["apply", "--branch", "-x"], "not a valid branch name"),
        (["apply", "--branch", "a..b"], "not a valid branch name"),
        (["apply", "--author", "nobody"], "'nobody' is no author"),
        (["check"], "FILE"),
        (["scam"], "Did you mean 'scan'?"),
    ],
)
def test_wrong_use_is_told_in_a_line(sandbox: Sandbox, arguments: list[str], words: str) -> None:
    result = patcher(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stdout == ""


def test_help_names_exit_codes_and_examples(home: Path) -> None:
    text = patcher("--help").stdout
    assert "Exit status: 0" in text
    for command in ("scan", "diff", "apply", "check", "migrations", "demo"):
        assert f"  {command}" in text
        assert patcher(command, "--help").exit_code == 0
        assert "xample" in patcher(command, "--help").stdout or command == "demo"


def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "patcher", *map(str, arguments)], capture_output=True, **options
    )


def test_the_program_runs_as_a_process(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    done = run("scan", place)
    assert done.returncode == 1
    assert b"affected" in done.stdout
    assert b"\x1b" not in done.stdout + done.stderr
    assert run("--version").stdout.startswith(b"patcher ")


def test_a_reader_that_goes_away_is_no_error(sandbox: Sandbox) -> None:
    place = sandbox.repository(files={f"p{n}": sandbox.profile(f"p{n}") for n in range(900)})
    scan = f"{sys.executable} -m patcher scan --explain {place} | head -1"
    command = ["bash", "-c", f"{scan}; echo ${{PIPESTATUS[0]}}"]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.stderr == b""
    assert done.stdout.count(b"\n") == 2
    assert done.stdout.endswith(b"\n141\n"), "1 would say that affected profiles were found"


def test_an_unforeseen_error_is_one_line(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    place = sandbox.repository()

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the\nsky \x1b[31m fell")

    monkeypatch.setattr("patcher.engine.judge", broken)
    result = patcher("scan", place)
    assert result.exit_code == 3
    assert result.stderr.count("\n") == 1
    assert "the\\nsky \\x1b[31m fell" in result.stderr
    monkeypatch.setenv("PATCHER_DEBUG", "1")
    assert "Traceback" in patcher("scan", place).stderr


def test_interrupting_ends_at_once_and_reports_what_was_done(sandbox: Sandbox) -> None:
    for number in range(60):
        sandbox.git(sandbox.repository(f"r{number:02}"), "repack", "-adq")  # read by a git
    slow = sandbox.root / "bin"
    slow.mkdir()
    (slow / "git").write_text(f'#!/bin/sh\nsleep 0.2\nexec {shutil.which("git")} "$@"\n')
    (slow / "git").chmod(0o755)
    command = [sys.executable, "-u", "-m", "patcher", "scan", "--format", "json", "-j", "2"]
    process = subprocess.Popen(
        [*command, sandbox.root],
        bufsize=0,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PATH": f"{slow}:{os.environ['PATH']}"},
    )
    assert process.stdout is not None
    lines = [process.stdout.readline(), process.stdout.readline()]
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=20)
    assert time.monotonic() - start < 3
    assert process.returncode == 130
    assert errors.strip() == b"patcher: interrupted"
    done = json.loads(b"".join(lines) + rest)
    assert 0 < len(done["targets"]) < 60
    assert done["totals"]["complete"] is False

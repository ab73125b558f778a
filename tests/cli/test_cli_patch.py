"""``--format patch``, taken by the real `git am`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patcher.campaign.message import unmailable
from patcher.reports import Style
from patcher.reports.patch import Report
from patcher.results import Outcome, PlannedCommit, Target
from tests.cli.test_cli_main_job import patcher
from tests.conftest import Sandbox
from tests.reports.test_diff import changed

BRANCH = "patcher/deny-af-alg"
ODD = {
    "plain": "profile",
    "a blank": "a b/the profile",
    "quotes and a tab": 'say "it"\t.profile',
    "an umlaut": "größe/profil",
    "no UTF-8": "gr\udcf6\udcdfe",
}


def am(sandbox: Sandbox, place: Path, mail: bytes, *options: str) -> None:
    """Apply on the base, beside the work tree, as a branch of its own."""
    tree = sandbox.root.parent / "am"
    sandbox.git(place, "worktree", "add", "-q", "-b", "by-mail", str(tree), "main")
    done = subprocess.run(["git", "am", "-q", *options], cwd=tree, input=mail, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [("diff",), ("apply", "--dry-run")])
@pytest.mark.parametrize("path", ODD.values(), ids=ODD)
def test_git_am_makes_the_tree_that_apply_makes(
    sandbox: Sandbox, path: str, command: tuple[str, ...]
) -> None:
    files: dict[str, str | bytes] = {path: sandbox.profile(), "other": sandbox.profile()}
    place = sandbox.repository("r", files)
    before = sandbox.git(place, "for-each-ref")
    made = patcher(*command, "--format", "patch", "--proof", "off", place)
    assert made.exit_code == 1, made.stderr
    assert sandbox.git(place, "for-each-ref") == before
    am(sandbox, place, made.stdout_bytes)
    assert patcher("apply", "--proof", "off", place).exit_code == 0
    assert sandbox.git(place, "diff", "--stat", "by-mail", BRANCH) == ""
    ours, theirs = (
        sandbox.git(place, "log", "-1", "--format=%an%ae%n%B", each).splitlines()
        for each in (BRANCH, "by-mail")
    )
    marked = [line for line in ours if not line.startswith("Patcher-Migration: ")]
    assert marked == [line for line in theirs if not line.startswith("Patcher-Migration: ")]


def test_as_the_same_person_it_is_a_commit_that_patcher_knows_again(sandbox: Sandbox) -> None:
    place = sandbox.repository("r", {"p": sandbox.profile()})
    mail = patcher("apply", "--dry-run", "--format", "patch", "--proof", "off", place).stdout_bytes
    am(sandbox, place, mail, "--committer-date-is-author-date")
    sandbox.git(place, "branch", "-q", BRANCH, "by-mail")
    result = patcher("apply", "--proof", "off", place)
    assert (result.exit_code, "up to date" in result.stdout) == (0, True), result.stdout


@pytest.mark.parametrize(
    "content",
    [
        b"%s",
        b"From me\r\n%s",
        b"%s" + b"x" * 2000,
        b"a = 1\n%s# \xff\xfe\n",
    ],
    ids=["lf", "a mailbox's line and carriage returns", "a long last line", "no UTF-8"],
)
def test_bytes_come_through(sandbox: Sandbox, content: bytes) -> None:
    profile = sandbox.profile().encode()
    text = content % (profile.replace(b"\n", b"\r\n") if b"\r" in content else profile)
    place = sandbox.repository("r", {"p": text})
    made = patcher("diff", "--format", "patch", place)
    assert made.exit_code == 1, made.stderr
    am(sandbox, place, made.stdout_bytes)
    assert patcher("apply", "--proof", "off", place).exit_code == 0
    assert sandbox.git(place, "diff", "--stat", "by-mail", BRANCH) == ""


def test_each_base_has_its_mail_and_what_needs_nothing_has_none(sandbox: Sandbox) -> None:
    place = sandbox.repository("r", {"p": sandbox.profile()})
    sandbox.git(place, "branch", "release/1")
    sandbox.repository("s", {"p": "nothing\n"})
    found = patcher("diff", "--format", "patch", "--base", "main", "--base", "release/*", place)
    assert found.stdout.count("\nSubject: [PATCH] ") == 2
    assert patcher("diff", "--format", "patch", sandbox.root / "s").stdout == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--format", "patch"), "add --dry-run"),
        (("--format", "patch", "--dry-run", "--commit-per", "file"), "--commit-per file"),
        (("--format", "patch", "--dry-run", "--sign"), "git am -S"),
    ],
)
def test_what_no_mail_can_be_is_refused(
    sandbox: Sandbox, words: tuple[str, ...], said: str
) -> None:
    place = sandbox.repository("r", {"p": sandbox.profile()})
    result = patcher("apply", *words, place)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--message", "[CI] deny alg"), "its subject begins with a bracket"),
        (("--message", "Re: deny alg"), "its subject begins with a bracket, a colon or Re:"),
        (("--message", ": deny alg"), "its subject begins with a bracket, a colon or Re:"),
        (("--message", "deny =?UTF-8?q?alg?="), "or has what mail does not keep"),
        (("--author", f"{'é' * 31} <a@example.org>"), "mail does not keep the author's name"),
        (("--author", "=?UTF-8?q?Jo?= <a@example.org>"), "mail does not keep the author's name"),
    ],
)
def test_what_mail_would_change_is_a_failure(
    sandbox: Sandbox, words: tuple[str, ...], said: str
) -> None:
    place = sandbox.repository("r", {"p": sandbox.profile()})
    result = patcher("apply", "--dry-run", "--format", "patch", *words, place)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "no mail can carry this commit: " in result.stderr
    assert said in result.stderr


NAMES = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=60)


@pytest.mark.fuzz
@given(
    name=NAMES.map(lambda name: " ".join(name.split()).strip(" .,:;<>\"\\'")).filter(
        lambda name: name and not set("<>") & set(name)
    ),
    words=st.lists(NAMES, min_size=1, max_size=6),
    zone=st.sampled_from(["+0000", "-0330", "+0545", "+1400"]),
    seconds=st.integers(100_000_000, 4_000_000_000),
)
def test_any_message_and_name_comes_through_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, words: list[str], zone: str, seconds: int
) -> None:
    message = words[0] + "\n" + "".join(f"\n{word}" for word in words[1:]) + "\n"
    message = message.rstrip("\n") + "\n"
    if unmailable(name, message) is not None:
        return
    planned = PlannedCommit(f"{name} <jo@example.org> {seconds} {zone}", message)
    file = changed(b"network,\n", (9, b"x\n"))
    mail = Report(Style()).target(
        Target("/r", "main", "0" * 40, Outcome.SCANNED, files=(file,), planned=planned)
    )
    folder = tmp_path_factory.mktemp("mail")
    done = subprocess.run(
        ["git", "mailinfo", folder / "msg", folder / "patch"], input=mail, capture_output=True
    )
    info = dict(line.split(": ", 1) for line in done.stdout.decode().splitlines() if ": " in line)
    assert info["Author"] == name
    assert (folder / "msg").read_text("utf-8").startswith("\n".join(message.split("\n")[2:]))
    assert info["Subject"] == words[0]

"""What a review branch is called, what becomes of one that is there, and what is written."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from patcher import git
from patcher.campaign.apply import apply
from patcher.campaign.branch import Remote
from patcher.campaign.commits import Commits, branch_name
from patcher.campaign.look import Looker
from patcher.campaign.selection import Selection
from patcher.git import Address
from patcher.git import history as local
from patcher.migrations import builtin
from patcher.results import BranchState, Outcome, Stage, Target

if TYPE_CHECKING:
    from tests.conftest import Sandbox

BRANCH = "patcher/deny-af-alg"
SELECTION = Selection()


def opened(place: Path) -> git.Repository:
    (found,) = git.discover([place])
    assert isinstance(found, git.Repository)
    return found


def applied(
    place: Path,
    commits: Commits | None = None,
    base: str | None = None,
    *,
    alone: bool = True,
    remote: Remote | None = None,
    address: Address | None = None,
) -> Target:
    """Look at a base, by default the repository's own, and commit."""
    repository = replace(opened(place), address=address)
    (found,) = git.bases(repository, () if base is None else (base,))
    target = Looker(repository, SELECTION).look(found)
    commits = commits or Commits()
    return apply(repository, found, target, SELECTION, commits, alone=alone, remote=remote)


@pytest.mark.parametrize(
    ("base", "default", "given", "alone", "expected"),
    [
        ("refs/heads/main", True, None, True, "patcher/a+b"),
        ("refs/heads/main", True, None, False, "patcher/a+b"),
        ("refs/heads/main", True, "fix", False, "fix"),
        ("refs/heads/release/1.7", False, None, True, "patcher/a+b-release/1.7"),
        ("refs/heads/release/1.7", False, None, False, "patcher/a+b-release/1.7"),
        ("refs/heads/release/1.7", False, "fix", True, "fix"),
        ("refs/heads/release/1.7", False, "fix", False, "fix-release/1.7"),
        ("0123456789abcdef" * 3, False, None, True, "patcher/a+b-0123456789ab"),
        ("refs/tags/v1", False, None, True, "patcher/a+b-tags/v1"),
    ],
)
def test_the_name_of_a_review_branch(
    base: str, default: bool, given: str | None, alone: bool, expected: str
) -> None:
    one, two = (replace(builtin()[0], id=name) for name in "ab")
    name = base.removeprefix("refs/heads/").removeprefix("refs/tags/")
    commit = base if name == base else "1" * 40
    found = git.Base(base, name, commit, default)
    assert branch_name([one, two], found, given=given, alone=alone) == expected


def test_nothing_to_do_makes_no_branch(sandbox: Sandbox) -> None:
    place = sandbox.repository(files={"p": sandbox.fixed(sandbox.profile())})
    target = applied(place)
    assert (target.outcome, target.branch, target.new_commit) == (Outcome.NOTHING_TO_DO, None, None)
    assert target.stage is Stage.NOTHING_TO_DO
    assert sandbox.git(place, "for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_what_is_committed_is_told_and_kept_from_gc(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    target = applied(place)
    assert target.outcome is Outcome.COMMITTED
    assert (target.branch, target.stage) == (BRANCH, Stage.COMMITTED)
    assert target.new_commit == sandbox.git(place, "rev-parse", BRANCH)
    assert [file.path for file in target.files] == [b"docker-default"]
    sandbox.git(place, "gc", "-q", "--prune=now")
    assert sandbox.show(place, f"{BRANCH}:docker-default") == sandbox.fixed(sandbox.profile())
    again = applied(place)
    assert again.outcome is Outcome.UP_TO_DATE
    assert (again.new_commit, again.stage) == (target.new_commit, Stage.COMMITTED)


def test_a_gc_removes_nothing_of_what_no_branch_names_yet(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = sandbox.repository()
    real = git.move_branch

    def move(*arguments: object) -> None:
        sandbox.git(place, "gc", "-q", "--prune=now")
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(git, "move_branch", move)
    target = applied(place)
    assert target.new_commit == sandbox.git(place, "rev-parse", BRANCH)
    assert sandbox.show(place, f"{BRANCH}:docker-default") == sandbox.fixed(sandbox.profile())
    assert sandbox.git(place, "fsck", "--full", "--strict") == ""
    assert not list(place.glob(".git/objects/pack/*.keep"))


def test_a_wrong_name_is_told_before_anything_is_written(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    before = sorted(place.rglob("*"))
    for commits in (Commits("a..b"), Commits("a..b", dry_run=True)):
        with pytest.raises(git.GitError, match="not a valid branch name"):
            applied(place, commits)
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_branch_with_something_else_fails(sandbox: Sandbox, dry_run: bool) -> None:
    place = sandbox.repository()
    sandbox.commit(place, {"mine": "work\n"}, branch=BRANCH)
    sandbox.git(place, "checkout", "-q", "main")
    refused = applied(place, Commits(dry_run=dry_run))
    assert (refused.outcome, refused.cause) == (Outcome.FAILED, "branch in the way")
    assert "someone else's" in (refused.error or "")


def test_a_dry_run_says_what_would_change(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    target = applied(place, Commits(dry_run=True))
    assert (target.outcome, target.branch, target.new_commit) == (Outcome.SCANNED, BRANCH, None)
    assert [file.path for file in target.files] == [b"docker-default"]
    assert sandbox.git(place, "for-each-ref", "--format=%(refname)") == "refs/heads/main"


def edited(sandbox: Sandbox, place: Path, files: dict[str, str | bytes]) -> str:
    """Someone's commit on top of patcher's; the tip."""
    applied(place)
    sandbox.git(place, "checkout", "-q", BRANCH)
    tip = sandbox.commit(place, files)
    sandbox.git(place, "checkout", "-q", "-f", "main")
    return tip


@pytest.mark.parametrize("dry_run", [False, True])
def test_append_looks_at_what_the_branch_holds(sandbox: Sandbox, dry_run: bool) -> None:
    files: dict[str, str | bytes] = {name: sandbox.profile(name) for name in "abc"}
    place = sandbox.repository(files=files)
    changed = {"b": "gone\n", "c": sandbox.profile("c"), "d": sandbox.profile("d")}
    tip = edited(sandbox, place, dict(changed))
    target = applied(place, Commits(on_existing="append", dry_run=dry_run))
    assert target.branch_state is BranchState.EDITED
    assert [file.path for file in target.files] == [b"c", b"d"]
    # What is found is told of what the branch holds.
    assert [(found.path, found.finding.status) for found in target.findings] == [
        (b"a", "fixed"),
        (b"c", "affected"),
        (b"d", "affected"),
    ]
    assert target.commit == sandbox.git(place, "rev-parse", "main")
    if dry_run:
        assert (target.outcome, target.new_commit) == (Outcome.SCANNED, None)
        return
    assert target.outcome is Outcome.COMMITTED
    assert sandbox.git(place, "rev-parse", f"{BRANCH}^") == tip
    assert sandbox.git(place, "diff", "--name-only", tip, BRANCH).split() == ["c", "d"]
    again = applied(place, Commits(on_existing="append"))
    assert (again.outcome, again.new_commit) == (Outcome.EDITED, target.new_commit)


def test_append_says_where_it_does_not_help(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    tip = edited(sandbox, place, {"docker-default": sandbox.profile()})
    sandbox.commit(place, {"more": sandbox.profile("more")})
    refused = applied(place, Commits(on_existing="append"))
    assert (refused.outcome, refused.cause) == (Outcome.FAILED, "branch in the way")
    assert "it adds nothing to the base: merge the base into it" in (refused.error or "")
    assert sandbox.git(place, "rev-parse", BRANCH) == tip


def test_replace_begins_at_the_base(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    tip = edited(sandbox, place, {"docker-default": sandbox.profile()})
    refused = applied(place, Commits(on_existing="replace"))
    assert (refused.outcome, refused.cause) == (Outcome.FAILED, "branch in the way")
    assert "--discard-others" in (refused.error or "")
    assert sandbox.git(place, "rev-parse", BRANCH) == tip
    commits = Commits(on_existing="replace", discard_others=True)
    target = applied(place, commits)
    assert target.outcome is Outcome.COMMITTED
    assert sandbox.git(place, "rev-parse", f"{BRANCH}^") == target.commit
    again = applied(place, commits)
    assert (again.outcome, again.new_commit) == (Outcome.UP_TO_DATE, target.new_commit)


class Pushing:
    """A remote that notes what is pushed to it, or fails; its history is that of the clone."""

    history = staticmethod(local.history)
    is_elsewhere = staticmethod(local.is_elsewhere)
    tip = staticmethod(local.tip)

    def __init__(self, error: git.GitError | None = None) -> None:
        self.pushed: list[tuple[object, ...]] = []
        self._error = error

    def push(
        self,
        repository: git.Repository,
        branch: str,
        commit: str | None,
        expected: str | None,
        *,
        pause: float = 0.0,
    ) -> str:
        if self._error is not None:
            raise self._error
        self.pushed.append((repository.address, branch, commit, expected))
        return ""


@pytest.mark.parametrize("there", [False, True])
def test_what_is_pushed_moves_no_branch_here(sandbox: Sandbox, there: bool) -> None:
    """The branches of a mirror are those of the remote, as it was seen last."""
    place = sandbox.repository()
    tip = None
    if there:
        tip = edited(sandbox, place, {"docker-default": sandbox.profile()})
    address = Address.parse("https://forge.example/a/b")
    remote = Pushing()
    commits = Commits(on_existing="replace", discard_others=True, push=True)
    target = applied(place, commits, remote=remote, address=address)
    assert (target.outcome, target.stage) == (Outcome.PUSHED, Stage.PUSHED)
    assert remote.pushed == [(address, BRANCH, target.new_commit, tip)]
    shown = sandbox.show(place, f"{target.new_commit}:docker-default")
    assert shown == sandbox.fixed(sandbox.profile())
    refs = sandbox.git(place, "for-each-ref", "--format=%(objectname)", f"refs/heads/{BRANCH}")
    assert refs == (tip or "")
    # Once it is there, nothing is pushed.
    assert target.new_commit is not None
    sandbox.git(place, "update-ref", f"refs/heads/{BRANCH}", target.new_commit)
    again = applied(place, commits, remote=remote, address=address)
    assert (again.outcome, again.stage) == (Outcome.UP_TO_DATE, Stage.PUSHED)
    assert (again.new_commit, len(remote.pushed)) == (target.new_commit, 1)


def test_a_push_that_fails_is_no_success(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    remote = Pushing(git.RemoteMoved("moved", "rejected"))
    with pytest.raises(git.RemoteMoved):
        applied(place, Commits(push=True), remote=remote)
    assert sandbox.git(place, "for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_one_commit_for_each_file_or_one_for_all(sandbox: Sandbox) -> None:
    files: dict[str, str | bytes] = {name: sandbox.profile(name) for name in "abc"}
    place = sandbox.repository(files=files)
    sandbox.git(place, "branch", "next")
    applied(place, Commits("all"))
    message = "Fix {files} of {base} in {branch}"
    target = applied(place, Commits("each", per_file=True, message=message), "next", alone=False)
    assert target.branch == "each-next"
    assert sandbox.git(place, "rev-list", "--count", "main..all") == "1"
    log = sandbox.git(place, "log", "--format=%s", "main..each-next").splitlines()
    assert log == [f"Fix - {name}: {name} (line 2) of next in each-next" for name in "cba"]
    trees = sandbox.git(place, "rev-parse", "all^{tree}", "each-next^{tree}").split()
    assert trees[0] == trees[1]
    assert "\n- a: a (line 2)\n- b: b (line 2)\n- c: c (line 2)" in sandbox.git(
        place, "log", "-1", "--format=%B", "all"
    )


def test_who_wrote_it_and_who_signed_it_off(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    applied(place, Commits("plain"))
    applied(place, Commits("named", author="Ann <ann@example.org>", signoff=True))
    shown = "--format=%an %ae, %cn %ce, %(trailers:key=Signed-off-by,valueonly)"
    me = "A Tester tester@example.org"
    assert sandbox.git(place, "log", "-1", shown, "plain") == f"{me}, {me},"
    assert sandbox.git(place, "log", "-1", shown, "named") == (
        f"Ann ann@example.org, {me}, A Tester <tester@example.org>"
    )
    log = sandbox.git(place, "reflog", "show", "--format=%gn %ge", "named")
    assert log == me


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
def test_only_what_is_to_be_signed_is_signed(sandbox: Sandbox, tmp_path: Path, home: Path) -> None:
    place = sandbox.repository()
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    sandbox.git(home, "config", "--global", "gpg.format", "ssh")
    applied(place, Commits("not", key=f"{key}.pub"))
    applied(place, Commits("signed", sign=True, key=f"{key}.pub"))
    assert "SSH SIGNATURE" not in sandbox.git(place, "cat-file", "commit", "not")
    assert "SSH SIGNATURE" in sandbox.git(place, "cat-file", "commit", "signed")

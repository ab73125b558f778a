"""What becomes of a review branch that is there: does it fix the base as it is now, is it ours?"""

from __future__ import annotations

import json
import shutil
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from patcher.cli import group
from patcher.git import RemoteError, merge
from patcher.git import remote as mirrors_remote
from tests.conftest import Sandbox
from tests.git.server import Server
from tests.variants import few, pairs

BRANCH = "patcher/deny-af-alg"
FILE = "docker-default"


def patcher(*arguments: str | Path) -> Result:
    words = [*map(str, arguments)]
    if words[0] == "apply":
        words[1:1] = ["--proof", "off"]
    result = CliRunner().invoke(group, words)
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    return result


def report(*arguments: str | Path) -> tuple[int, list[dict[str, Any]]]:
    """The exit status, and the targets."""
    result = patcher(*arguments, "--format", "json")
    return result.exit_code, json.loads(result.stdout)["targets"]


class Remote:
    """A bare repository that is cloned and pushed to by its URL, and a clone of it to work in."""

    def __init__(self, sandbox: Sandbox, files: dict[str, str | bytes] | None = None) -> None:
        self.sandbox = sandbox
        self.work = sandbox.repository("work", files)
        self.bare = sandbox.root / "bare.git"
        sandbox.bare(self.work, self.bare)
        sandbox.git(self.work, "remote", "add", "origin", str(self.bare))
        self.url = f"file://{self.bare}"

    def git(self, *arguments: str) -> str:
        return self.sandbox.git(self.bare, *arguments)

    def commit(self, branch: str, files: dict[str, str | bytes]) -> str:
        """A commit of someone's on a branch of the remote."""
        self.sandbox.git(self.work, "fetch", "-q", "origin")
        self.sandbox.git(self.work, "checkout", "-q", "-B", "tmp", f"origin/{branch}")
        oid = self.sandbox.commit(self.work, files)
        self.sandbox.git(self.work, "push", "-q", "origin", f"HEAD:refs/heads/{branch}")
        return oid

    def merge(self, branch: str, into: str, *options: str) -> None:
        self.sandbox.git(self.work, "fetch", "-q", "origin")
        self.sandbox.git(self.work, "checkout", "-q", "-B", "tmp", f"origin/{into}")
        merge = ["merge", "-q", "--no-edit", *(options or ("--no-ff",)), f"origin/{branch}"]
        self.sandbox.git(self.work, *merge)
        if "--squash" in options:
            self.sandbox.git(self.work, "commit", "-q", "-m", "Squashed")
        self.sandbox.git(self.work, "push", "-q", "origin", f"HEAD:refs/heads/{into}")

    def revert(self, branch: str, *options: str) -> None:
        self.sandbox.git(self.work, "fetch", "-q", "origin")
        self.sandbox.git(self.work, "checkout", "-q", "-B", "tmp", f"origin/{branch}")
        self.sandbox.git(self.work, "revert", "--no-edit", *options, "HEAD")
        self.sandbox.git(self.work, "push", "-q", "origin", f"HEAD:refs/heads/{branch}")

    def fixes(self, branch: str, base: str) -> bool:
        """Whether merging the branch into the base denies the family in every profile there."""
        place = self.sandbox.root / "merging"
        shutil.rmtree(place, ignore_errors=True)
        self.sandbox.git(self.sandbox.root, "clone", "-q", str(self.bare), str(place))
        self.sandbox.git(place, "checkout", "-q", f"origin/{base}")
        command = ["git", "-C", str(place), "merge", "-q", "--no-edit", f"origin/{branch}"]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return False
        return all(
            b"deny network alg," in file.read_bytes()
            for file in place.rglob("*")
            if file.is_file() and ".git/" not in str(file) and b"network," in file.read_bytes()
        )


@pytest.fixture
def remote(sandbox: Sandbox) -> Remote:
    return Remote(sandbox)


def push(remote: Remote, *options: str) -> tuple[int, list[dict[str, Any]]]:
    return report("apply", "--push", *options, remote.url)


def test_what_was_merged_and_reverted_is_made_anew(remote: Remote) -> None:
    push(remote)
    first = remote.git("rev-parse", BRANCH)
    remote.merge(BRANCH, "main")
    remote.revert("main", "-m", "1")
    status, (target,) = push(remote)
    assert (status, target["outcome"]) == (0, "pushed"), target["error"]
    assert target["branch_state"] == "merged and gone again"
    assert remote.fixes(BRANCH, "main")
    # The commit that was merged is part of the base, so nothing is lost.
    remote.git("merge-base", "--is-ancestor", first, BRANCH)
    assert push(remote)[1][0]["outcome"] == "up to date"


def test_what_was_merged_as_a_fast_forward_and_reverted_is_made_anew(remote: Remote) -> None:
    push(remote)
    remote.merge(BRANCH, "main", "--ff-only")
    remote.revert("main")
    status, (target,) = push(remote)
    assert (status, target["branch_state"]) == (0, "merged and gone again")
    assert remote.fixes(BRANCH, "main")


def test_a_branch_made_from_another_default_branch_is_made_anew(remote: Remote) -> None:
    remote.git("branch", "develop", "main")
    remote.commit("main", {"only-on-main": "x\n"})
    push(remote)
    remote.git("symbolic-ref", "HEAD", "refs/heads/develop")
    status, (target,) = push(remote)
    assert (status, target["outcome"]) == (0, "pushed"), target["error"]
    assert target["branch_state"] == "ours and stale"
    assert remote.git("diff", "--name-only", "develop", BRANCH) == FILE
    assert remote.git("rev-parse", f"{BRANCH}^") == remote.git("rev-parse", "develop")


@pytest.mark.parametrize("option", ["append", "fail", "replace"])
def test_a_second_file_of_the_base_is_fixed_too(remote: Remote, option: str) -> None:
    push(remote)
    remote.commit("main", {"second": remote.sandbox.profile("second")})
    status, (target,) = push(remote, "--on-existing", option)
    assert (status, target["outcome"]) == (0, "pushed"), target["error"]
    assert target["branch_state"] == "ours and stale"
    assert remote.fixes(BRANCH, "main")
    assert remote.git("diff", "--name-only", "main", BRANCH).split() == [FILE, "second"]


def test_a_base_that_moved_elsewhere_leaves_the_branch_as_it_is(remote: Remote) -> None:
    push(remote)
    tip = remote.git("rev-parse", BRANCH)
    remote.commit("main", {"README": "hello\n"})
    status, (target,) = push(remote)
    assert (status, target["outcome"]) == (0, "up to date")
    assert (target["branch_state"], target["new_commit"]) == ("ours and current", tip)
    assert remote.fixes(BRANCH, "main")


def test_a_head_that_names_a_branch_that_is_gone(remote: Remote) -> None:
    remote.git("branch", "-m", "main", "trunk")
    remote.git("symbolic-ref", "HEAD", "refs/heads/main")
    status, (target,) = push(remote)
    assert (status, target["base"], target["outcome"]) == (0, "refs/heads/trunk", "pushed")
    status, (target,) = report("scan", remote.bare)
    assert (status, target["base"]) == (1, "refs/heads/trunk")
    clone = remote.sandbox.root / "clone"
    remote.sandbox.git(remote.sandbox.root, "clone", "-q", str(remote.bare), str(clone))
    status, (target,) = report("scan", clone)
    assert (status, target["base"]) == (1, "refs/remotes/origin/trunk")
    # Of several, nobody knows which is meant.
    remote.git("branch", "other", "trunk")
    remote.sandbox.git(clone, "fetch", "-q")
    for source in (remote.url, remote.bare, clone):
        result = patcher("scan", source)
        assert result.exit_code == 3
        assert "--base" in result.stderr


def test_the_review_branch_is_no_default_branch_and_no_base(remote: Remote) -> None:
    remote.git("branch", "develop", "main")
    remote.commit("main", {"work": "of others\n"})
    before = remote.git("for-each-ref")
    for source, options in ((remote.url, ["--push"]), (remote.bare, []), (remote.work, [])):
        for branch, base in (("main", "develop"), ("develop", "develop")):
            command = [*options, "--base", base, "--branch", branch, "--on-existing", "replace"]
            result = patcher("apply", *command, "--discard-others", source)
            assert result.exit_code == 3, result.output
            assert "--branch" in result.stderr
    assert remote.git("for-each-ref") == before


@pytest.mark.parametrize("to", ["main", "other"])
def test_another_name_for_a_branch_is_no_review_branch(remote: Remote, to: str) -> None:
    remote.git("branch", "other", "main")
    remote.git("symbolic-ref", f"refs/heads/{BRANCH}", f"refs/heads/{to}")
    before = remote.git("for-each-ref")
    for source, options in ((remote.url, ["--push"]), (remote.bare, [])):
        for more in ([], ["--on-existing", "replace", "--discard-others"]):
            result = patcher("apply", *options, *more, source)
            assert result.exit_code == 3, result.output
            assert f"is another name for refs/heads/{to}" in result.stderr
            assert "--branch" in result.stderr
        patcher("undo", source)
    assert remote.git("for-each-ref") == before


@pytest.mark.parametrize("edited", [False, True])
def test_a_review_branch_that_head_names_is_no_base(remote: Remote, edited: bool) -> None:
    push(remote)
    if edited:
        remote.commit(BRANCH, {"note": "of a reviewer\n"})
    remote.git("symbolic-ref", "HEAD", f"refs/heads/{BRANCH}")
    before = remote.git("for-each-ref")
    for source, options in ((remote.url, ["--push"]), (remote.bare, [])):
        for more in ([], ["-n"], *[["-m", "deny-af-vsock"]] * (not edited)):
            result = patcher("apply", *options, *more, source)
            assert result.exit_code == 3, result.output
            assert "is a review branch, and never a base" in result.stderr
            assert "--base" in result.stderr
    assert remote.git("for-each-ref") == before
    # What was merged is the base's own.
    remote.git("symbolic-ref", "HEAD", "refs/heads/main")
    remote.merge(BRANCH, "main", "--ff-only")
    assert push(remote)[1][0]["outcome"] == "nothing to do"


@pytest.mark.parametrize(
    ("named", "edits", "detached"), few(product([BRANCH, "fix"], [0, 1, 12], [False, True]), 5)
)
def test_a_review_branch_that_is_checked_out_is_no_base(
    sandbox: Sandbox, named: str, edits: int, detached: bool
) -> None:
    place = sandbox.repository()
    branch = ["--branch", named] if named == "fix" else []
    assert patcher("apply", *branch, place).exit_code == 0
    sandbox.git(place, "checkout", "-q", named)
    for number in range(edits):
        sandbox.commit(place, {"note": f"of a reviewer, {number}\n"})
    if detached:
        sandbox.git(place, "checkout", "-q", "--detach")
    before = sandbox.git(place, "for-each-ref")
    result = patcher("apply", *branch, place)
    assert result.exit_code == 3, result.output
    assert "is a review branch, and never a base" in result.stderr
    assert "--base" in result.stderr
    assert sandbox.git(place, "for-each-ref") == before
    # What was merged is the base's own, and so is what someone goes on with.
    for into in ("main", "feature"):
        sandbox.git(place, "checkout", "-q", "-B", into, named)
        if detached:
            sandbox.git(place, "checkout", "-q", "--detach")
        (target,) = report("apply", *branch, place)[1]
        assert target["outcome"] == "nothing to do"


def test_a_reviewers_commits_are_kept(remote: Remote) -> None:
    push(remote)
    review = remote.commit(BRANCH, {"notes": "of the reviewer\n"})
    for option in ("fail", "replace", "append"):
        status, (target,) = push(remote, "--on-existing", option)
        assert (status, target["outcome"]) == (0, "edited by others")
        assert target["branch_state"] == "edited by others"
        assert remote.git("rev-parse", BRANCH) == review
    # The base gains what the branch does not fix: a person has to see to it.
    remote.commit("main", {"second": remote.sandbox.profile("second")})
    for option in ("fail", "replace"):
        result = patcher("apply", "--push", "--on-existing", option, remote.url)
        assert result.exit_code == 3
        assert "second" in result.stderr
        assert "--discard-others" in result.stderr
        assert remote.git("rev-parse", BRANCH) == review
    status, (target,) = push(remote, "--on-existing", "replace", "--discard-others")
    assert (status, target["outcome"]) == (0, "pushed"), target["error"]
    assert remote.fixes(BRANCH, "main")


BOT = "format[bot]"


def as_who(patch: pytest.MonkeyPatch, author: str, committer: str) -> None:
    for role, name in (("AUTHOR", author), ("COMMITTER", committer)):
        patch.setenv(f"GIT_{role}_NAME", name)
        patch.setenv(f"GIT_{role}_EMAIL", f"{name}@users.noreply.github.com")


@pytest.mark.parametrize("glob", ["Format[[]bot]", "*bot*@users.*", "*<format*>"])
def test_what_a_bot_commits_does_not_count_where_it_is_named(remote: Remote, glob: str) -> None:
    push(remote)
    with pytest.MonkeyPatch.context() as patch:
        as_who(patch, BOT, BOT)
        bots = remote.commit(BRANCH, {"notes": "of the bot\n"})
    assert push(remote)[1][0]["outcome"] == "edited by others"
    for option in ("fail", "replace"):
        status, (target,) = push(remote, "--ignore-author", glob, "--on-existing", option)
        assert (status, target["outcome"]) == (0, "up to date"), target["error"]
        assert remote.git("rev-parse", BRANCH) == bots
    # The base gains what the branch does not fix: it is made again, without the bot's commit.
    remote.commit("main", {"second": remote.sandbox.profile("second")})
    assert patcher("apply", "--push", remote.url).exit_code == 3
    status, (target,) = push(remote, "--ignore-author", glob)
    assert (status, target["outcome"]) == (0, "pushed"), target["error"]
    assert remote.fixes(BRANCH, "main")


@pytest.mark.parametrize(("author", "committer"), [(BOT, "ada"), ("ada", BOT), ("ada", "ada")])
def test_what_a_person_wrote_or_committed_counts_beside_a_bot(
    remote: Remote, author: str, committer: str
) -> None:
    push(remote)
    with pytest.MonkeyPatch.context() as patch:
        as_who(patch, author, committer)
        theirs = remote.commit(BRANCH, {"notes": "of a person\n"})
        as_who(patch, BOT, BOT)
        bots = remote.commit(BRANCH, {"more": "of the bot\n"})
    remote.commit("main", {"second": remote.sandbox.profile("second")})
    result = patcher("apply", "--push", "--ignore-author", "*bot*", remote.url)
    assert (result.exit_code, "edited by others" in result.stderr) == (3, True)
    assert remote.git("rev-parse", BRANCH) == bots != theirs


def test_a_reviewer_amends_the_message(remote: Remote) -> None:
    push(remote)
    work = remote.work
    remote.sandbox.git(work, "fetch", "-q")
    remote.sandbox.git(work, "checkout", "-q", "-B", "tmp", f"origin/{BRANCH}")
    message = remote.sandbox.git(work, "log", "-1", "--format=%B")
    remote.sandbox.git(work, "commit", "-q", "--amend", "-m", f"Better: {message}")
    remote.sandbox.git(work, "push", "-q", "-f", "origin", f"HEAD:refs/heads/{BRANCH}")
    tip = remote.git("rev-parse", BRANCH)
    status, (target,) = push(remote, "--on-existing", "replace")
    assert (status, target["branch_state"]) == (0, "edited by others")
    assert remote.git("rev-parse", BRANCH) == tip


def test_a_comment_on_the_line_of_the_rule_is_no_failure(remote: Remote) -> None:
    push(remote)
    text = remote.sandbox.fixed(remote.sandbox.profile())
    commented = text.replace("deny network alg,", "deny network alg, # see the advisory")
    remote.commit(BRANCH, {FILE: commented})
    status, (target,) = push(remote)
    assert (status, target["outcome"]) == (0, "edited by others")


def test_a_reviewer_who_takes_the_rule_out_is_told(remote: Remote) -> None:
    push(remote)
    remote.commit(BRANCH, {FILE: remote.sandbox.profile()})
    result = patcher("apply", "--push", remote.url)
    assert result.exit_code == 3
    assert FILE in result.stderr


@pytest.mark.parametrize(
    ("on_branch", "on_base", "helps"),
    [
        ({FILE: Sandbox.profile()}, {}, True),
        ({"added": Sandbox.profile("added")}, {}, True),
        ({"notes": "x\n"}, {"second": Sandbox.profile("second")}, False),
        ({FILE: Sandbox.profile()}, {"second": Sandbox.profile("second")}, False),
        ({"notes": "x\n"}, {FILE: Sandbox.profile().replace("  cap", "  # x\n  cap")}, False),
    ],
)
def test_append_is_advised_where_it_helps(
    remote: Remote, on_branch: dict[str, str | bytes], on_base: dict[str, str | bytes], helps: bool
) -> None:
    push(remote)
    remote.commit(BRANCH, on_branch)
    if on_base:
        remote.commit("main", on_base)
    for more in ([], ["--on-existing", "replace"]):
        status, (target,) = push(remote, *more)
        assert status == 3
        assert ("append" in target["error"]) == helps
        assert "--discard-others" in target["error"]
    status, (target,) = push(remote, "--on-existing", "append")
    assert status == (0 if helps else 3)
    assert "append" not in (target["error"] or "")


def test_a_profile_that_a_reviewer_adds_beside_one_that_was_left_alone_is_told(
    sandbox: Sandbox,
) -> None:
    alone = "profile other {\n  network,\n  file,\n}\n"
    remote = Remote(sandbox, {FILE: sandbox.profile(), "mixed": alone})
    assert push(remote)[0] == 0
    assert push(remote)[1][0]["outcome"] == "up to date"
    remote.commit(BRANCH, {"mixed": alone + sandbox.profile("added")})
    status, (target,) = push(remote)
    assert (status, target["branch_state"]) == (3, "edited by others")
    assert "merging it leaves mixed to be fixed" in target["error"]
    status, (target,) = push(remote, "--on-existing", "append")
    assert (status, target["outcome"]) == (0, "pushed")
    mended = remote.git("show", f"{BRANCH}:mixed") + "\n"
    assert mended == alone + sandbox.fixed(sandbox.profile("added"))
    assert push(remote)[1][0]["outcome"] == "edited by others"


@pytest.mark.parametrize(
    "options",
    [
        ["--signoff"],
        ["--author", "Ann <ann@example.org>"],
        ["--message", "Mine"],
        ["--comment"],
        ["--commit-per", "file"],
    ],
)
def test_replace_makes_the_commit_that_is_wanted_now(sandbox: Sandbox, options: list[str]) -> None:
    files: dict[str, str | bytes] = {name: sandbox.profile(name) for name in "ab"}
    place = sandbox.repository(files=files)
    patcher("apply", place)
    tip = sandbox.git(place, "rev-parse", BRANCH)
    assert report("apply", *options, place)[0] == 0
    assert sandbox.git(place, "rev-parse", BRANCH) == tip
    status, (target,) = report("apply", *options, "--on-existing", "replace", place)
    assert (status, target["outcome"]) == (0, "committed")
    new = sandbox.git(place, "rev-parse", BRANCH)
    assert report("apply", *options, "--branch", "fresh", place)[0] == 0
    shown = ["log", "--format=%an <%ae>%n%(trailers:key=Signed-off-by)%n%s"]
    one, two = (sandbox.git(place, *shown, f"main..{branch}") for branch in (BRANCH, "fresh"))
    assert one == two
    assert sandbox.git(place, "diff", BRANCH, "fresh") == ""
    status, (target,) = report("apply", *options, "--on-existing", "replace", place)
    assert (status, target["outcome"], target["new_commit"]) == (0, "up to date", new)


def test_replace_makes_the_commit_that_is_wanted_now_at_a_remote(remote: Remote) -> None:
    push(remote)
    tip = remote.git("rev-parse", BRANCH)
    for options, outcome in (
        (["--signoff"], "up to date"),
        (["--signoff", "--on-existing", "replace"], "pushed"),
        (["--signoff", "--on-existing", "replace"], "up to date"),
    ):
        status, (target,) = push(remote, *options)
        assert (status, target["outcome"]) == (0, outcome)
        shown = remote.git("log", "-1", "--format=%(trailers:key=Signed-off-by)", BRANCH)
        assert bool(shown) == (len(options) > 1)
    assert remote.git("rev-parse", f"{BRANCH}^") == remote.git("rev-parse", f"{tip}^")
    assert remote.fixes(BRANCH, "main")


@pytest.mark.parametrize("edited", [False, True])
def test_one_more_migration_on_the_same_branch(sandbox: Sandbox, edited: bool) -> None:
    place = sandbox.repository()
    branch = ["--branch", "fix"]
    patcher("apply", *branch, "--comment", place)
    if edited:
        sandbox.git(place, "checkout", "-q", "fix")
        sandbox.commit(place, {"notes": "of the reviewer\n"})
        sandbox.git(place, "checkout", "-q", "main")
    both = [*branch, "-m", "deny-af-alg", "-m", "deny-af-vsock"]
    status, (target,) = report("apply", *both, place)
    if edited:
        assert (status, target["branch_state"]) == (3, "edited by others")
        return
    assert (status, target["outcome"]) == (0, "committed"), target["error"]
    assert target["branch_state"] == "ours and stale"
    rules = ("deny network alg,", "deny network vsock,")
    text = sandbox.fixed(sandbox.profile(), *rules)
    assert sandbox.show(place, "fix:docker-default") == text
    # Another migration alone would take away what is under review.
    tip = sandbox.git(place, "rev-parse", "fix")
    status, (target,) = report("apply", *branch, "-m", "deny-af-vsock", place)
    assert (status, target["new_commit"]) == (0, tip)
    patcher("undo", *both, place)
    patcher("apply", *branch, place)
    status, (target,) = report("apply", *branch, "-m", "deny-af-vsock", place)
    assert (status, target["branch_state"]) == (3, "edited by others")


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
def test_replace_signs_what_was_not_signed(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    sandbox.git(home, "config", "--global", "gpg.format", "ssh")
    place = sandbox.repository()
    patcher("apply", place)
    sign = [f"--sign={key}.pub", "--on-existing", "replace"]
    for outcome in ("committed", "up to date"):
        status, (target,) = report("apply", *sign, place)
        assert (status, target["outcome"]) == (0, outcome)
        assert "SSH SIGNATURE" in sandbox.git(place, "cat-file", "commit", BRANCH)


def test_the_review_branch_of_origin_counts_in_a_clone(remote: Remote) -> None:
    push(remote)
    work, sandbox = remote.work, remote.sandbox
    tip = remote.git("rev-parse", BRANCH)
    sandbox.git(work, "fetch", "-q")
    status, (target,) = report("apply", work)
    assert (status, target["outcome"], target["new_commit"]) == (0, "up to date", tip)
    # A reviewer's commit that does not fix it is not competed with.
    remote.commit(BRANCH, {FILE: sandbox.profile()})
    sandbox.git(work, "checkout", "-q", "main")
    sandbox.git(work, "fetch", "-q")
    result = patcher("apply", work)
    assert result.exit_code == 3
    assert f"origin/{BRANCH}" in result.stderr
    assert sandbox.git(work, "for-each-ref", f"refs/heads/{BRANCH}") == ""
    # What is appended goes on top of it, so that a plain push does.
    status, (target,) = report("apply", "--on-existing", "append", work)
    assert (status, target["outcome"]) == (0, "committed")
    sandbox.git(work, "push", "-q", "origin", BRANCH)
    assert remote.fixes(BRANCH, "main")


def test_a_stale_branch_does_not_compete_with_a_current_one_of_origin(remote: Remote) -> None:
    work, sandbox = remote.work, remote.sandbox
    assert patcher("apply", work).exit_code == 0
    stale = sandbox.git(work, "rev-parse", BRANCH)
    remote.commit("main", {"second": sandbox.profile("second")})
    push(remote)
    sandbox.git(work, "checkout", "-q", "--detach")
    sandbox.git(work, "fetch", "-q")
    base = ["--base", "origin/main", "--branch", BRANCH]
    status, (target,) = report("apply", *base, work)
    assert (status, target["outcome"]) == (0, "up to date")
    assert target["new_commit"] == remote.git("rev-parse", BRANCH)
    assert sandbox.git(work, "rev-parse", BRANCH) == stale
    status, (target,) = report("undo", *base, work)
    assert (status, target["outcome"], target["new_commit"]) == (0, "removed", stale)


def test_a_campaign_that_is_done_looks_again(remote: Remote) -> None:
    push(remote, "--campaign", "c")
    remote.merge(BRANCH, "main")
    remote.revert("main", "-m", "1")
    result = patcher("apply", "--campaign", "c")
    assert result.exit_code == 0, result.output
    assert "1 committed and pushed" in result.stdout
    assert "1 of 1 repositories are done\n" in result.stderr
    assert remote.fixes(BRANCH, "main")


def test_a_campaign_says_what_it_has_not_looked_at_again(remote: Remote) -> None:
    push(remote, "--campaign", "c")
    remote.git("update-ref", "-d", f"refs/heads/{BRANCH}")
    other = remote.sandbox.repository("other")
    result = patcher("apply", "--campaign", "c", "--push", f"file://{other}")
    assert result.exit_code == 0, result.output
    assert "are done; not looked at again in this run: 1 (--retry all" in result.stderr
    assert "--retry all" in result.stderr
    status, targets = report("apply", "--campaign", "c", "--retry", "all")
    assert (status, {target["outcome"] for target in targets}) == (0, {"pushed", "up to date"})


def test_a_branch_of_ones_own_does_not_compete_with_that_of_origin(remote: Remote) -> None:
    work, sandbox = remote.work, remote.sandbox
    assert patcher("apply", work).exit_code == 0
    mine = sandbox.git(work, "rev-parse", BRANCH)
    push(remote, "--author", "Another <another@example.org>")
    sandbox.git(work, "fetch", "-q")
    for option in ("fail", "append"):
        status, (target,) = report("apply", "--on-existing", option, work)
        assert (status, target["outcome"]) == (0, "up to date")
        assert target["new_commit"] == remote.git("rev-parse", BRANCH)
        assert f"origin/{BRANCH}" in target["note"]
    assert sandbox.git(work, "rev-parse", BRANCH) == mine
    # Where origin's does not fix the base, the one here does, and says how it gets there.
    remote.commit("main", {"second": sandbox.profile("second")})
    sandbox.git(work, "checkout", "-q", "--detach")
    sandbox.git(work, "fetch", "-q")
    base = ["--base", "origin/main", "--branch", BRANCH]
    for outcome in ("committed", "up to date"):
        status, (target,) = report("apply", *base, work)
        assert (status, target["outcome"]) == (0, outcome)
        assert "--force-with-lease" in target["note"]
    sandbox.git(work, "push", "-q", "--force-with-lease", "origin", BRANCH)
    status, (target,) = report("apply", *base, work)
    assert (status, target["outcome"], target["note"]) == (0, "up to date", None)
    assert remote.fixes(BRANCH, "main")


def test_globs_take_no_review_branches_for_bases(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    sandbox.git(place, "branch", "fix-1")
    glob = ["--base", "fix*", "--base", "main"]
    assert patcher("apply", "--branch", "fix-alg", *glob, place).exit_code == 0
    before = {"main", "fix-1", "fix-alg", "fix-alg-fix-1"}
    heads = ["for-each-ref", "--format=%(refname:short)", "refs/heads"]
    assert set(sandbox.git(place, *heads).split()) == before
    vsock = ["-m", "deny-af-vsock", "--branch", "fix-vsock"]
    assert patcher("apply", *vsock, *glob, place).exit_code == 0
    after = before | {"fix-vsock", "fix-vsock-fix-1"}
    assert set(sandbox.git(place, *heads).split()) == after
    # A release branch that was moved on to a review branch's tip is still a base.
    sandbox.git(place, "update-ref", "refs/heads/fix-1", "refs/heads/fix-alg-fix-1")
    assert {target["base"] for target in report("scan", "--base", "fix*", place)[1]} == {
        "refs/heads/fix-1"
    }


def test_two_bases_with_one_name_have_no_review_branch_in_common(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    sandbox.git(place, "tag", "v1")
    sandbox.commit(place, {"more": sandbox.profile("more")}, branch="v1")
    sandbox.git(place, "checkout", "-q", "main")
    bases = ["--base", "refs/heads/v1", "--base", "refs/tags/v1"]
    status, targets = report("apply", *bases, place)
    assert status == 0
    assert len({target["branch"] for target in targets}) == 2
    assert {target["outcome"] for target in report("apply", *bases, place)[1]} == {"up to date"}


def test_a_name_is_the_local_branch_in_a_clone(remote: Remote) -> None:
    work, sandbox = remote.work, remote.sandbox
    sandbox.git(work, "fetch", "-q")
    sandbox.git(work, "remote", "set-head", "origin", "main")
    sandbox.git(work, "checkout", "-q", "main")
    mine = sandbox.commit(work, {"more": sandbox.profile("more")})
    origin = sandbox.git(work, "rev-parse", "origin/main")
    _, (target,) = report("scan", "--base", "main", work)
    assert (target["base"], target["commit"]) == ("refs/heads/main", mine)
    assert "origin/main" in target["note"]
    _, (target,) = report("scan", "--base", "origin/main", work)
    assert (target["base"], target["commit"]) == ("refs/remotes/origin/main", origin)
    _, (target,) = report("scan", work)
    assert (target["base"], target["commit"]) == ("refs/remotes/origin/main", origin)
    # A glob finds both, the local one where there are two.
    remote.git("branch", "release/1.0")
    remote.git("branch", "release/1.1")
    sandbox.git(work, "fetch", "-q")
    sandbox.git(work, "branch", "release/1.1")
    sandbox.git(work, "branch", "release/2.0")
    found = {target["base"] for target in report("scan", "--base", "release/*", work)[1]}
    assert found == {
        "refs/remotes/origin/release/1.0",
        "refs/heads/release/1.1",
        "refs/heads/release/2.0",
    }


@pytest.mark.parametrize("where", ["local", "bare", "url"])
def test_a_dry_run_shows_the_state(remote: Remote, where: str) -> None:
    sources: dict[str, str | Path] = {"local": remote.work, "bare": remote.bare, "url": remote.url}
    source = sources[where]
    options = ["--push"] if where == "url" else []
    remote.sandbox.git(remote.work, "checkout", "-q", "main")
    status, (target,) = report("apply", "-n", source)
    assert (status, target["branch_state"]) == (1, "none")
    assert patcher("apply", *options, source).exit_code == 0
    status, (target,) = report("apply", "-n", source)
    assert (status, target["branch_state"]) == (0, "ours and current")
    assert "  (up to date)\n" in patcher("apply", "-n", source).stdout


def test_an_older_git_merges_by_files(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """`git merge-tree --write-tree` came with git 2.38."""
    monkeypatch.setattr(merge, "_WRITE_TREE", (99, 0))
    push(remote)
    tip = remote.git("rev-parse", BRANCH)
    remote.commit("main", {"README": "hello\n"})
    _, (target,) = push(remote)
    assert (target["branch_state"], target["new_commit"]) == ("ours and current", tip)
    # Both change the file: only a newer git tells whether that can be merged.
    text = f"# first line\n{remote.sandbox.profile()}"
    remote.commit("main", {FILE: text})
    _, (target,) = push(remote)
    assert (target["branch_state"], target["outcome"]) == ("ours and stale", "pushed")
    assert remote.fixes(BRANCH, "main")
    remote.commit(BRANCH, {"notes": "of the reviewer\n"})
    remote.commit("main", {"more": "x\n"})
    _, (target,) = push(remote)
    assert target["outcome"] == "edited by others"
    remote.commit("main", {"second": remote.sandbox.profile("second")})
    _, (target,) = push(remote)
    assert (target["branch_state"], target["outcome"]) == ("edited by others", "failed")


def test_a_server_that_leaves_out_nothing_of_a_history(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some do not know how to leave out what a ref has; then all commits are fetched."""
    real = mirrors_remote.fetch

    def fetch(*arguments: Any, **options: Any) -> None:
        if options.get("without") is not None:
            raise RemoteError("protocol: it does not support that", "protocol")
        real(*arguments, **options)

    monkeypatch.setattr(mirrors_remote, "fetch", fetch)
    push(remote)
    remote.commit("main", {"README": "hello\n"})
    assert push(remote)[1][0]["branch_state"] == "ours and current"
    remote.merge(BRANCH, "main")
    assert push(remote)[1][0]["branch_state"] == "merged"
    remote.revert("main", "-m", "1")
    assert push(remote)[1][0]["branch_state"] == "merged and gone again"
    assert remote.fixes(BRANCH, "main")


def test_a_reviewer_merges_the_base_into_the_branch(remote: Remote) -> None:
    push(remote)
    remote.commit("main", {"README": "hello\n"})
    remote.merge("main", BRANCH)
    status, (target,) = push(remote)
    assert (status, target["outcome"]) == (0, "edited by others")
    remote.commit("main", {"second": remote.sandbox.profile("second")})
    assert push(remote)[0] == 3
    remote.merge("main", BRANCH)
    status, (target,) = push(remote, "--on-existing", "append")
    assert (status, target["outcome"]) == (0, "pushed")
    assert remote.fixes(BRANCH, "main")


def test_a_campaign_knows_the_states(remote: Remote) -> None:
    apply = ["apply", "--push", "--campaign", "c"]
    assert patcher(*apply, remote.url).exit_code == 0
    remote.commit(BRANCH, {"notes": "of the reviewer\n"})
    assert patcher(*apply, "--retry", "all").exit_code == 0
    shown = patcher("status", "c").stdout
    assert "  edited by others: 1\n" in shown
    (line,) = patcher("status", "c", "--format", "jsonl").stdout.splitlines()
    assert json.loads(line)["branch_state"] == "edited by others"


def test_commits_that_only_the_review_branch_has_are_not_taken_away(remote: Remote) -> None:
    """The base that it was made from is gone at the remote."""
    remote.git("branch", "develop", "main")
    remote.commit("main", {"only-on-main": "x\n"})
    push(remote)
    remote.git("symbolic-ref", "HEAD", "refs/heads/develop")
    remote.git("branch", "-D", "main")
    tip = remote.git("rev-parse", BRANCH)
    for source, options in ((remote.url, ["--push"]), (remote.bare, [])):
        result = patcher("apply", *options, source)
        assert result.exit_code == 3
        assert "which no other branch has" in result.stderr
        assert remote.git("rev-parse", BRANCH) == tip


def test_a_server_is_asked_for_little_of_a_history(remote: Remote) -> None:
    """By HTTP, as forges do: a branch with one commit, and a base that moved by many."""
    for key in ("http.receivepack", "uploadpack.allowFilter"):
        remote.git("config", key, "true")
    with Server(remote.sandbox.root) as server:
        remote.url = f"{server.url}/ok/bare.git"
        push(remote)
        tip = remote.git("rev-parse", BRANCH)
        for number in range(5):
            remote.commit("main", {"README": f"{number}\n"})
        _, (target,) = push(remote)
        assert (target["branch_state"], target["new_commit"]) == ("ours and current", tip)
        remote.commit(BRANCH, {"notes": "of the reviewer\n"})
        assert push(remote)[1][0]["outcome"] == "edited by others"
        remote.merge(BRANCH, "main")
        assert push(remote)[1][0]["branch_state"] == "merged"
        remote.revert("main", "-m", "1")
        _, (target,) = push(remote)
        assert (target["branch_state"], target["outcome"]) == ("merged and gone again", "pushed")
        assert remote.fixes(BRANCH, "main")
        assert report("undo", remote.url)[1][0]["outcome"] == "removed"


@pytest.mark.parametrize(
    ("attributes", "outcome", "folder"),
    pairs(
        [("", "up to date"), ("* text\n", "up to date"), ("* merge\n", "up to date")]
        + [
            (f"{FILE} {each}\n", "committed")
            for each in ("-merge", "binary", "merge=union", "merge=x")
        ],
        ["", "sub/"],
    ),
)
def test_attributes_say_how_what_both_changed_is_merged(
    sandbox: Sandbox, attributes: str, outcome: str, folder: str
) -> None:
    text = sandbox.profile() + "# in between\n" * 20
    place = sandbox.repository(
        files={folder + FILE: text, f"{folder}.gitattributes": attributes, "README": "hello\n"}
    )
    patcher("apply", place)
    sandbox.commit(place, {"README": "hello again\n"})
    assert report("apply", place)[1][0]["outcome"] == "up to date"
    sandbox.commit(place, {folder + FILE: text + "# the base's\n"})
    _, (target,) = report("apply", place)
    assert target["outcome"] == outcome, target
    merge = ["git", "-C", str(place), "merge", "-q", "--no-edit", BRANCH]
    assert subprocess.run(merge, capture_output=True, check=False).returncode == 0
    assert "deny network alg," in (place / folder / FILE).read_text()

"""`apply --verified-commits`: GitHub makes the commits, and they are what was proved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from patcher.campaign import verified
from patcher.cli import group
from tests.cli.test_cli_reviews import (
    BOTH,
    NAMES,
    PUSH,
    acts,
    github,
    opened,
    patcher,
    report,
    waits,
)
from tests.conftest import Sandbox
from tests.forges import described
from tests.forges.github import GitHub, Repository
from tests.forges.test_github import PUBLISHED
from tests.sources.servers import Record, Reply, Request

__all__ = ["github", "waits"]

VERIFIED = (*PUSH, "--verified-commits")
BRANCH = "patcher/deny-af-alg"
STAGING = f"patcher/staging/{BRANCH}"
MOBY = "acme/moby"


def in_served(sandbox: Sandbox, *arguments: str) -> str:
    return sandbox.git(sandbox.root / "served/acme/moby.git", *arguments)


def moved(sandbox: Sandbox, files: dict[str, str | bytes], name: str = "work") -> None:
    """Let the base move."""
    work = sandbox.root / name
    served = sandbox.root / "served/acme/moby.git"
    sandbox.git(sandbox.root, "clone", "-q", str(served), str(work))
    sandbox.commit(work, files)
    sandbox.git(work, "push", "-q", "origin", "main")


@pytest.mark.parametrize("is_described", [False, pytest.param(True, marks=PUBLISHED)])
def test_github_makes_the_commit_that_was_proved(
    github: GitHub, sandbox: Sandbox, is_described: bool
) -> None:
    github.description = described.github() if is_described else None
    code, found = report(*VERIFIED, "--signoff", "github:acme")
    assert code == 0
    for name, target in found.items():
        tip = github.branches.tip(name, BRANCH)
        assert (target["outcome"], target["verified"]) == ("pushed", True)
        assert target["new_commit"] == tip
        assert github.branches.tip(name, STAGING) is None
    raw = in_served(sandbox, "cat-file", "commit", BRANCH)
    assert "committer GitHub <noreply@github.com>" in raw
    assert "gpgsig" in raw
    assert "Signed-off-by: A Tester <tester@example.org>" in raw
    assert in_served(sandbox, "rev-parse", f"{BRANCH}^") == in_served(sandbox, "rev-parse", "main")
    expected = sandbox.fixed(sandbox.profile()).strip()
    assert in_served(sandbox, "show", f"{BRANCH}:docker-default") == expected
    assert in_served(sandbox, "diff", "--name-only", "main", BRANCH) == "docker-default"
    assert github.wrong == []


def test_a_second_run_changes_nothing(github: GitHub) -> None:
    assert acts(*VERIFIED, "github:acme") == (0, BOTH)
    tips = [github.branches.tip(name, BRANCH) for name in NAMES]
    writes = [each for each in github.requests if each.method != "GET"]
    for more in ((), ("--on-existing", "replace")):
        code, found = report(*VERIFIED, *more, "github:acme")
        assert code == 0
        assert {each["outcome"] for each in found.values()} == {"up to date"}
        assert {each["branch_state"] for each in found.values()} == {"ours and current"}
        assert {each["verified"] for each in found.values()} == {None}
    assert [github.branches.tip(name, BRANCH) for name in NAMES] == tips
    assert [each for each in github.requests if each.method != "GET"] == writes


def test_a_commit_made_here_is_replaced_where_that_is_asked_for(github: GitHub) -> None:
    assert acts(*PUSH, "github:acme") == (0, BOTH)
    before = github.branches.tip(MOBY, BRANCH)
    code, found = report(*VERIFIED, "github:acme")
    assert (code, found[MOBY]["outcome"], found[MOBY]["verified"]) == (0, "up to date", None)
    code, found = report(*VERIFIED, "--on-existing", "replace", "github:acme")
    assert (code, found[MOBY]["outcome"], found[MOBY]["verified"]) == (0, "pushed", True)
    assert github.branches.tip(MOBY, BRANCH) != before
    assert opened(github) == [(name, "main", "open") for name in NAMES]


def test_modes_and_other_files_stay(github: GitHub, sandbox: Sandbox) -> None:
    work = sandbox.root / "work"
    served = sandbox.root / "served/acme/moby.git"
    sandbox.git(sandbox.root, "clone", "-q", str(served), str(work))
    (work / "link").symlink_to("docker-default")
    (work / "docker-default").chmod(0o755)
    sandbox.commit(work, {"a/b/profile": sandbox.profile("other")})
    sandbox.git(work, "push", "-q", "origin", "main")
    code, found = report(*VERIFIED, "github:acme")
    assert (code, found[MOBY]["verified"]) == (0, True)
    modes = {
        line.split()[3]: line.split()[0]
        for line in in_served(sandbox, "ls-tree", "-r", BRANCH).splitlines()
    }
    assert modes == {
        "CODEOWNERS": "100644",
        "a/b/profile": "100644",
        "docker-default": "100755",
        "link": "120000",
    }


def test_one_commit_for_each_file(github: GitHub, sandbox: Sandbox) -> None:
    moved(sandbox, {"other": sandbox.profile("other")})
    words = (*VERIFIED, "--commit-per", "file", "github:acme")
    code, found = report(*words)
    assert (code, found[MOBY]["verified"]) == (0, True)
    assert in_served(sandbox, "rev-list", "--count", f"main..{BRANCH}") == "2"
    for more in ((), ("--on-existing", "replace")):
        assert report(*words, *more)[1][MOBY]["outcome"] == "up to date"


def test_the_branch_follows_its_base_and_the_review_stays_open(
    github: GitHub, sandbox: Sandbox
) -> None:
    assert acts(*VERIFIED, "--campaign", "c", "github:acme") == (0, BOTH)
    before = github.branches.tip(MOBY, BRANCH)
    text = f"# moved\n{sandbox.profile()}{sandbox.profile('b')}"
    moved(sandbox, {"docker-default": text})
    done = patcher("refresh", "c")
    assert done.exit_code == 0, done.stderr
    after = github.branches.tip(MOBY, BRANCH)
    assert after != before
    assert in_served(sandbox, "rev-parse", f"{BRANCH}^") == in_served(sandbox, "rev-parse", "main")
    assert "gpgsig" in in_served(sandbox, "cat-file", "commit", BRANCH)
    assert opened(github) == [(name, "main", "open") for name in NAMES]
    assert github.pull(MOBY).commit == after


def test_a_campaign_merges_and_closes_what_github_made(github: GitHub) -> None:
    assert acts(*VERIFIED, "--campaign", "c", "github:acme") == (0, BOTH)
    shown = json.loads(patcher("status", "c", "--format", "json").stdout)
    tips = {github.branches.tip(name, BRANCH) for name in NAMES}
    assert {each["new_commit"] for each in shown["targets"]} == tips
    github.review(MOBY, 1, "ada")
    done = patcher("merge", "c")
    assert (MOBY, "main", "merged") in opened(github), done.output
    done = patcher("close", "c")
    assert done.exit_code == 0, done.output
    assert opened(github)[1] == ("acme/tool", "main", "closed")
    assert github.branches.tip("acme/tool", BRANCH) is None


def test_a_commit_that_is_not_verified_is_a_warning_and_a_value(github: GitHub) -> None:
    github.signs = False
    done = patcher(*VERIFIED, "--format", "json", "github:acme")
    assert done.exit_code == 0
    assert {each["verified"] for each in json.loads(done.stdout)["targets"]} == {False}
    lines = [line for line in done.stderr.splitlines() if "is not verified: unsigned" in line]
    assert len(lines) == 2
    assert opened(github) == [(name, "main", "open") for name in NAMES]


def test_what_is_not_known_is_no_verified_commit(github: GitHub) -> None:
    answer = github.reply

    def reply(request: Request) -> Reply:
        if "/git/commits/" in request.path:
            return Reply(500, {"message": "no"})
        return answer(request)

    github.reply = reply  # type: ignore[method-assign]
    done = patcher(*VERIFIED, "--format", "json", "github:acme")
    assert done.exit_code == 0
    assert {each["verified"] for each in json.loads(done.stdout)["targets"]} == {None}
    assert "is not known to be verified: " in done.stderr


OTHER_FILES = "other files or modes"
OTHER_TEXT = "another message, or a committer who is not GitHub"


@pytest.mark.parametrize(
    ("attribute", "value", "why"),
    [
        ("alters", lambda content, mode: (content.replace(b"\n", b"\r\n"), mode), OTHER_FILES),
        ("alters", lambda content, mode: (content, "100755"), OTHER_FILES),
        ("adds", "\n\nCo-authored-by: Someone <someone@example.org>\n", OTHER_TEXT),
        ("committer", ("Someone", "someone@example.org"), OTHER_TEXT),
    ],
)
def test_what_is_not_what_was_proved_is_not_pushed(
    github: GitHub, attribute: str, value: object, why: str
) -> None:
    setattr(github, attribute, value)
    code, found = report(*VERIFIED, "github:acme")
    assert code == 3
    for name in NAMES:
        assert why in found[name]["error"]
        assert (found[name]["outcome"], found[name]["verified"]) == ("failed", None)
        assert github.branches.tip(name, BRANCH) is None
        assert github.branches.tip(name, STAGING) is None
    assert opened(github) == []


def test_a_message_with_the_same_lines_in_another_order_is_another_one(github: GitHub) -> None:
    real = github._commit

    def commit(found: Repository, tip: str, sent: Record) -> str:
        first, second, *rest = sent["message"]["body"].split("\n")
        sent["message"]["body"] = "\n".join([second, first, *rest])
        return real(found, tip, sent)

    github._commit = commit  # type: ignore[method-assign]
    code, found = report(*VERIFIED, "github:acme/moby")
    assert code == 3
    assert OTHER_TEXT in found[MOBY]["error"]
    assert github.branches.tip(MOBY, BRANCH) is None


@pytest.mark.parametrize(
    "template", ["s  \n\nbody \t\n\n\nend  \n", "s\r\n\r\nbody\r\n", "  \n\nb\n"]
)
def test_blanks_that_github_takes_out_of_a_message_are_no_reason_to_replace_it(
    github: GitHub, template: str
) -> None:
    real = github._commit

    def commit(found: Repository, tip: str, sent: Record) -> str:
        given = sent["message"]
        lines = [line.rstrip() for line in given["body"].split("\n")]
        sent["message"] = {"headline": given["headline"].strip(), "body": "\n".join(lines).strip()}
        return real(found, tip, sent)

    github._commit = commit  # type: ignore[method-assign]
    words = (*VERIFIED, "--message", template, "github:acme/moby")
    assert report(*words)[1][MOBY]["outcome"] == "pushed"
    assert report(*words, "--on-existing", "replace")[1][MOBY]["outcome"] == "up to date"


@pytest.mark.parametrize("change", ["made", "removed"])
def test_a_rule_that_refuses_the_branch_beside_is_said_with_what_to_do(
    github: GitHub, sandbox: Sandbox, change: str
) -> None:
    refused = "refs/heads/patcher/staging/*" + "0" * 40 * (change == "removed")
    hook = sandbox.root / "served/acme/moby.git/hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ncase $1$3 in {refused}) echo GH013: rules >&2; exit 1;; esac\n")
    hook.chmod(0o755)
    done = patcher(*VERIFIED, "github:acme/moby")
    assert "GH013: rules" in done.stderr
    assert "let the token make and remove branches patcher/staging/**, or leave out" in done.stderr
    is_pushed = change == "removed"
    assert done.exit_code == (0 if is_pushed else 3)
    assert (github.branches.tip(MOBY, BRANCH) is not None) is is_pushed
    assert (github.branches.tip(MOBY, STAGING) is not None) is is_pushed


def test_an_open_branch_stays_where_the_new_commit_is_another_one(
    github: GitHub, sandbox: Sandbox
) -> None:
    assert acts(*VERIFIED, "github:acme") == (0, BOTH)
    before = github.branches.tip(MOBY, BRANCH)
    moved(sandbox, {"docker-default": f"{sandbox.profile()}{sandbox.profile('b')}"})
    github.alters = lambda content, mode: (content + b"#\n", mode)
    code, found = report(*VERIFIED, "github:acme")
    assert code == 3
    assert OTHER_FILES in found[MOBY]["error"]
    assert github.branches.tip(MOBY, BRANCH) == before
    github.alters = None
    assert report(*VERIFIED, "github:acme")[0] == 0
    assert github.branches.tip(MOBY, STAGING) is None


def run_until(monkeypatch: pytest.MonkeyPatch, when: str, *words: str) -> None:
    """Kill a run right after a step (``end``: before it)."""
    real = getattr(verified.VerifiedPush, when)

    def killed(*_: object, **__: object) -> object:
        raise KeyboardInterrupt

    def killed_after(*arguments: object, **named: object) -> object:
        real(*arguments, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if when != "end":
            patch.setattr(verified.VerifiedPush, when, killed_after)
        patch.setattr(verified.VerifiedPush, "end", killed)
        assert CliRunner().invoke(group, words).exit_code != 0


@pytest.mark.parametrize("when", ["begin", "make", "push", "end"])
@pytest.mark.parametrize("campaign", [(), ("--campaign", "c")])
def test_a_kill_leaves_nothing_that_the_next_run_does_not_mend(
    github: GitHub, monkeypatch: pytest.MonkeyPatch, campaign: tuple[str, ...], when: str
) -> None:
    """``when``: after the branch beside is made, after the commit, after the push, before the
    branch beside is removed."""
    run_until(monkeypatch, when, *VERIFIED, *campaign, "github:acme/moby")
    is_pushed = when in ("push", "end")
    assert github.branches.tip(MOBY, STAGING) is not None
    assert (github.branches.tip(MOBY, BRANCH) is not None) is is_pushed
    assert opened(github) == []
    words = ("apply", *campaign) if campaign else (*VERIFIED, "github:acme/moby")
    code, found = report(*words)
    assert (code, found[MOBY]["review"]["act"]) == (0, "opened")
    assert found[MOBY]["outcome"] == ("up to date" if is_pushed else "pushed")
    assert github.branches.tip(MOBY, STAGING) is None
    assert github.pull(MOBY).commit == github.branches.tip(MOBY, BRANCH)
    assert opened(github) == [(MOBY, "main", "open")]


def is_commit(request: Request) -> bool:
    return request.path.endswith("/graphql") and "mutation commit" in request.body["query"]


def test_a_commit_whose_answer_was_lost_is_the_one_that_was_proved(github: GitHub) -> None:
    answer = github.reply

    def reply(request: Request) -> Reply:
        done = answer(request)
        return Reply(502, {"message": "Bad gateway"}) if is_commit(request) else done

    github.reply = reply  # type: ignore[method-assign]
    code, found = report(*VERIFIED, "github:acme/moby")
    assert (code, found[MOBY]["outcome"], found[MOBY]["verified"]) == (0, "pushed", True)
    assert len([each for each in github.requests if is_commit(each)]) == 1
    assert found[MOBY]["new_commit"] == github.branches.tip(MOBY, BRANCH)
    assert github.branches.tip(MOBY, STAGING) is None


def test_another_commit_whose_answer_was_lost_is_not_pushed(
    github: GitHub, sandbox: Sandbox
) -> None:
    """It is on the branch beside, but is not what was proved."""
    answer = github.reply

    def reply(request: Request) -> Reply:
        done = answer(request)
        return Reply(502, {"message": "Bad gateway"}) if is_commit(request) else done

    github.reply = reply  # type: ignore[method-assign]
    github.alters = lambda content, mode: (content + b"#\n", mode)
    done = patcher(*VERIFIED, "github:acme/moby")
    assert done.exit_code == 3
    assert "another run may be at work there: run again (" in done.stderr
    assert "fails with HTTP 502" in done.stderr
    assert github.branches.tip(MOBY, BRANCH) is None
    del github.reply
    github.alters = None
    code, found = report(*VERIFIED, "github:acme/moby")
    assert (code, found[MOBY]["verified"]) == (0, True)
    assert github.branches.tip(MOBY, STAGING) is None


@pytest.mark.parametrize("message", ["the same", "another"])
@pytest.mark.parametrize("when", ["begin", "make", "push", "end"])
def test_two_runs_at_once_end_as_one(
    github: GitHub, monkeypatch: pytest.MonkeyPatch, when: str, message: str
) -> None:
    """A second run does all of its work while the first one is at each of its steps."""
    real = getattr(verified.VerifiedPush, when)
    others: list[tuple[int, str, object]] = []

    def meanwhile(*arguments: object, **named: object) -> object:
        done = real(*arguments, **named)
        if not others:
            others.append((0, "begun", None))
            words = () if message == "the same" else ("--message", "other: {rule}\n\n{why}\n")
            code, found = report(*VERIFIED, *words, "github:acme/moby")
            others.append((code, found[MOBY]["outcome"], found[MOBY]["new_commit"]))
        return done

    monkeypatch.setattr(verified.VerifiedPush, when, meanwhile)
    code, found = report(*VERIFIED, "github:acme/moby")
    tip = github.branches.tip(MOBY, BRANCH)
    assert (code, found[MOBY]["new_commit"]) == (0, tip)
    assert others[1][0] == 0
    assert others[1][2] == tip
    assert {found[MOBY]["outcome"], others[1][1]} <= {"pushed", "up to date"}
    assert github.branches.tip(MOBY, STAGING) is None
    assert opened(github) == [(MOBY, "main", "open")]
    assert github.pull(MOBY).commit == tip


def test_a_branch_beside_of_an_earlier_base_is_removed(github: GitHub, sandbox: Sandbox) -> None:
    in_served(sandbox, "branch", STAGING, "main")
    moved(sandbox, {"more": "x\n"})
    code, found = report(*VERIFIED, "github:acme/moby")
    assert (code, found[MOBY]["verified"]) == (0, True)
    assert github.branches.tip(MOBY, STAGING) is None


@pytest.mark.parametrize("where", ["at GitHub", "in a clone"])
def test_a_branch_beside_is_not_where_commits_of_others_last(
    github: GitHub, sandbox: Sandbox, where: str
) -> None:
    """The base no longer has the commit that the review branch was made on: the review branch is
    the last that has it, for what a run that was killed left beside is removed."""
    work = sandbox.root / "work"
    sandbox.git(sandbox.root, "clone", "-q", str(sandbox.root / "served/acme/moby.git"), str(work))
    lost = sandbox.commit(work, {"theirs": "x\n"})
    is_clone = where == "in a clone"
    words = [*VERIFIED, "github:acme/moby"]
    if is_clone:
        sandbox.git(work, "remote", "remove", "origin")
        words = ["apply", "--proof", "off", str(work)]
        code = patcher(*words).exit_code
        sandbox.git(work, "branch", STAGING, BRANCH)
    else:
        sandbox.git(work, "push", "-q", "origin", "main")
        code = patcher(*words).exit_code
        in_served(sandbox, "branch", STAGING, BRANCH)
    assert code == 0
    sandbox.git(work, "reset", "-q", "--hard", "HEAD^")
    sandbox.commit(work, {"other": "x\n"})
    if not is_clone:
        sandbox.git(work, "push", "-q", "--force", "origin", "main")
    done = patcher(*words)
    assert done.exit_code == 3
    assert "it was made from another base, which no other branch has any more" in done.stderr
    place = work if is_clone else sandbox.root / "served/acme/moby.git"
    assert sandbox.git(place, "rev-parse", f"{BRANCH}^") == lost


def test_what_others_have_beside_stays(github: GitHub, sandbox: Sandbox) -> None:
    work = sandbox.root / "work"
    sandbox.git(sandbox.root, "clone", "-q", str(sandbox.root / "served/acme/moby.git"), str(work))
    theirs = sandbox.commit(work, {"mine": "x\n"})
    sandbox.git(work, "push", "-q", "origin", f"HEAD:refs/heads/{STAGING}")
    code, found = report(*VERIFIED, "github:acme")
    assert code == 3
    assert f"branch {STAGING} is where GitHub makes commits" in found[MOBY]["error"]
    assert github.branches.tip(MOBY, STAGING) == theirs
    assert github.branches.tip(MOBY, BRANCH) is None
    assert found["acme/tool"]["outcome"] == "pushed"


@pytest.mark.parametrize("fork", [(), ("--fork",)])
@pytest.mark.parametrize(
    "words", [("undo", "--campaign", "c"), ("close", "c"), ("undo", "github:acme/moby")]
)
def test_what_takes_a_branch_back_removes_the_one_beside(
    github: GitHub,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    fork: tuple[str, ...],
) -> None:
    if fork and words[-1] == "github:acme/moby":
        return  # nothing says that it has a fork
    if fork:
        github.repository(MOBY).roles["bot"] = "read"
    place = "bot/moby" if fork else MOBY
    run = (*VERIFIED, *fork, "--campaign", "c", "github:acme/moby")
    assert report(*run)[0] == 0
    moved(sandbox, {"docker-default": f"# moved\n{sandbox.profile()}{sandbox.profile('b')}"})
    run_until(monkeypatch, "make", "apply", "--campaign", "c")
    beside = github.branches.tip(place, STAGING)
    assert beside not in (None, github.branches.tip(place, BRANCH))
    _, found = report(*words, "--dry-run")
    assert "left behind, would be removed" in found[MOBY]["note"]
    assert github.branches.tip(place, STAGING) == beside
    _, found = report(*words)
    assert found[MOBY]["outcome"] == "removed"
    assert f"branch {STAGING}, which a run left behind, is removed" in found[MOBY]["note"]
    assert github.branches.tip(place, STAGING) is None
    assert github.branches.tip(place, BRANCH) is None


def test_what_a_killed_run_left_is_removed_without_a_review_branch(
    github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    staging, named = "patcher/staging/mine", ("--branch", "mine", "github:acme/moby")
    run_until(monkeypatch, "make", *VERIFIED, *named)
    assert github.branches.tip(MOBY, staging) is not None
    _, found = report("undo", *named)
    assert found[MOBY]["outcome"] == "nothing to do"
    assert f"branch {staging}, which a run left behind, is removed" in found[MOBY]["note"]
    assert github.branches.tip(MOBY, staging) is None


def test_a_kill_on_top_of_what_others_have_in_a_fork_is_mended(
    github: GitHub, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.repository(MOBY).roles["bot"] = "read"
    words = (*VERIFIED, "--fork", "--on-existing", "append", "github:acme/moby")
    assert report(*words)[0] == 0
    work = sandbox.root / "theirs"
    served = sandbox.root / "served/bot/moby.git"
    sandbox.git(sandbox.root, "clone", "-q", "-b", BRANCH, str(served), str(work))
    theirs = sandbox.commit(work, {"other": sandbox.profile("other")})
    sandbox.git(work, "push", "-q", "origin", BRANCH)
    run_until(monkeypatch, "make", *words)
    assert github.branches.tip("bot/moby", STAGING) is not None
    assert github.branches.tip("bot/moby", BRANCH) == theirs
    code, found = report(*words)
    assert (code, found[MOBY]["outcome"], found[MOBY]["verified"]) == (0, "pushed", True)
    assert sandbox.git(served, "rev-parse", f"{BRANCH}^") == theirs
    assert github.branches.tip("bot/moby", STAGING) is None


def test_pushes_that_go_elsewhere_leave_nothing_there(
    github: GitHub, sandbox: Sandbox, home: Path
) -> None:
    served = sandbox.root / "served/acme"
    sandbox.git(sandbox.root, "clone", "-q", "--bare", str(served / "moby.git"), str(served / "x"))
    url = f"{github.clone_base}/acme"
    with (home / ".gitconfig").open("a") as file:
        file.write(f'[url "{url}/x"]\n\tpushInsteadOf = {url}/moby.git\n')
    code, found = report(*VERIFIED, "github:acme/moby")
    assert code == 3
    assert f"pushes go to {url}/x (url.*.pushInsteadOf)" in found[MOBY]["error"]
    assert sandbox.git(served / "x", "for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_undo_leaves_what_others_have_beside(
    github: GitHub, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also below a commit that GitHub made, where nothing else has theirs."""
    assert acts(*VERIFIED, "github:acme/moby") == (0, {MOBY: "opened"})
    work = sandbox.root / "work"
    served = sandbox.root / "served/acme/moby.git"
    sandbox.git(sandbox.root, "clone", "-q", "-b", BRANCH, str(served), str(work))
    sandbox.commit(work, {"mine": "x\n", "docker-default": sandbox.profile()})
    sandbox.git(work, "push", "-q", "origin", f"HEAD:{BRANCH}")
    more = ("--on-existing", "append", "github:acme/moby")
    run_until(monkeypatch, "make", *VERIFIED, *more)
    beside = github.branches.tip(MOBY, STAGING)
    assert in_served(sandbox, "log", "-1", "--format=%cn", STAGING) == "GitHub"
    in_served(sandbox, "update-ref", "-d", f"refs/heads/{BRANCH}")
    _, found = report("undo", "github:acme/moby")
    assert f"branch {STAGING} has commits of others, and stays" in found[MOBY]["note"]
    assert github.branches.tip(MOBY, STAGING) == beside
    code, found = report(*VERIFIED, "--reopen", "github:acme/moby")
    assert code == 3
    assert f"branch {STAGING} is where GitHub makes commits" in found[MOBY]["error"]
    assert github.branches.tip(MOBY, STAGING) == beside


def test_commits_of_others_on_the_branch_stay(github: GitHub, sandbox: Sandbox) -> None:
    assert acts(*VERIFIED, "github:acme") == (0, BOTH)
    work = sandbox.root / "theirs"
    served = sandbox.root / "served/acme/moby.git"
    sandbox.git(sandbox.root, "clone", "-q", "-b", BRANCH, str(served), str(work))
    sandbox.git(work, "commit", "-q", "--amend", "--no-edit", "--reset-author")
    sandbox.git(work, "push", "-q", "--force", "origin", BRANCH)
    theirs = github.branches.tip(MOBY, BRANCH)
    for more in ((), ("--on-existing", "replace")):
        code, found = report(*VERIFIED, *more, "github:acme")
        assert (code, found[MOBY]["outcome"]) == (0, "edited by others")
        assert found[MOBY]["branch_state"] == "edited by others"
    assert github.branches.tip(MOBY, BRANCH) == theirs


@pytest.mark.parametrize(
    ("status", "message", "says"),
    [
        (401, "Bad credentials", "does not take the token in GH_TOKEN"),
        (403, "Resource not accessible by integration", "denies access"),
        (404, "Not Found", "knows nothing of that name"),
        (409, "Conflict", "fails with HTTP 409: Conflict"),
        (413, "Payload too large", "fails with HTTP 413"),
        (422, "Validation Failed", "fails with HTTP 422"),
        (500, "Server Error", "fails with HTTP 500"),
        (503, "Unavailable", "fails with HTTP 503"),
        (200, "", "Field 'createCommitOnBranch' doesn't exist"),
    ],
)
def test_what_github_refuses_is_one_line_and_nothing_is_left(
    github: GitHub, status: int, message: str, says: str
) -> None:
    answer = github.reply
    gone = {"errors": [{"message": "Field 'createCommitOnBranch' doesn't exist on type 'M'"}]}
    fault = Reply(status, {"message": message} if message else gone)

    def reply(request: Request) -> Reply:
        if request.path.endswith("/graphql") and "mutation commit" in request.body["query"]:
            return fault
        return answer(request)

    github.reply = reply  # type: ignore[method-assign]
    done = patcher(*VERIFIED, "--campaign", "c", "github:acme")
    assert done.exit_code == 3
    assert says in done.stderr
    for name in NAMES:
        assert len([line for line in done.stderr.splitlines() if f"{name}.git" in line]) == 1
        assert github.branches.tip(name, BRANCH) is None
        assert github.branches.tip(name, STAGING) is None
    del github.reply
    assert acts("apply", "--campaign", "c") == (0, BOTH)


def test_a_secondary_limit_is_waited_for(github: GitHub, waits: list[float]) -> None:
    left = [Reply(403, {"message": "You have exceeded a secondary rate limit."})]
    answer = github.reply

    def reply(request: Request) -> Reply:
        is_commit = request.path.endswith("/graphql") and "commit(" in request.body["query"]
        return left.pop() if left and is_commit else answer(request)

    github.reply = reply  # type: ignore[method-assign]
    assert acts(*VERIFIED, "-j", "1", "github:acme") == (0, BOTH)
    assert [round(each) for each in waits if each > 30] == [60]


def test_a_dry_run_writes_nothing(github: GitHub) -> None:
    code, found = report(*VERIFIED, "--dry-run", "github:acme")
    assert code == 1
    assert {each["verified"] for each in found.values()} == {None}
    assert [each for each in github.requests if each.method != "GET"] == []
    assert github.branches.tip(MOBY, BRANCH) is None
    assert github.branches.tip(MOBY, STAGING) is None


def test_commits_are_made_in_the_fork(github: GitHub, sandbox: Sandbox) -> None:
    github.repository(MOBY).roles["bot"] = "read"
    code, found = report(*VERIFIED, "--fork", "github:acme/moby")
    assert (code, found[MOBY]["verified"]) == (0, True)
    assert github.pull(MOBY).head_repo == "bot/moby"
    assert github.pull(MOBY).commit == github.branches.tip("bot/moby", BRANCH)
    for name in (MOBY, "bot/moby"):
        assert github.branches.tip(name, STAGING) is None
    assert github.branches.tip(MOBY, BRANCH) is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--review", "github", "--sign"), "leave out one of them"),
        (("--review", "auto", "--author", "A <a@b.c>"), "leave out --author"),
        (("--review", "gitlab"), "--verified-commits is for GitHub alone: with --review gitlab"),
        (("--review", "gerrit"), "--verified-commits is for GitHub alone: with --review gerrit"),
        ((), "--verified-commits goes with --push --review github (or auto)"),
        (("--review", "auto", "--dry-run", "--format", "patch"), "a mail carries no signature"),
    ],
)
def test_what_cannot_go_together_is_wrong_use(
    sandbox: Sandbox, words: tuple[str, ...], says: str
) -> None:
    place = sandbox.repository()
    for campaign in ((), ("--campaign", "c")):
        if campaign and ("--dry-run" in words or not words):
            continue
        done = patcher("apply", "--push", "--verified-commits", *words, *campaign, place)
        assert done.exit_code == 2
        assert says in done.stderr


def test_a_path_and_a_missing_token_are_failures(
    github: GitHub, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = sandbox.root / "work"
    url = f"{github.clone_base}/{MOBY}.git"
    sandbox.git(sandbox.root, "clone", "-q", url, str(work))
    done = patcher(*VERIFIED, work)
    assert done.exit_code == 3
    assert "from a clone URL: name that, and not a path" in done.stderr
    for name in ("GH_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.delenv(name)
    done = patcher(*VERIFIED, url)
    assert done.exit_code == 3
    assert "it takes a token: set " in done.stderr
    assert github.branches.tip(MOBY, BRANCH) is None


def test_the_campaign_file_has_a_key_for_it(github: GitHub, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        "sources: [github:acme]\npush: true\nproof: off\nreviews: {at: auto}\n"
        "commits: {verified: true}\n"
    )
    done = patcher("apply", "--file", file, "--format", "json")
    assert done.exit_code == 0
    assert {each["verified"] for each in json.loads(done.stdout)["targets"]} == {True}

"""From `apply --push --review` to a merge: a git server, and a forge beside it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import pytest
from click.testing import CliRunner, Result

from patcher.campaign import follow
from patcher.cli import group
from patcher.forges import client, limits
from patcher.git import remote
from tests.conftest import Sandbox
from tests.forges.branches import GitBranches
from tests.forges.github import GitHub
from tests.forges.github.world import Pull
from tests.git.server import Server
from tests.schemas import described
from tests.sources.servers import Reply, Request, serving

TOKEN = "t0ken-that-nobody-may-see"
NAMES = ("acme/moby", "acme/tool")
PUSH = ("apply", "--push", "--review", "auto", "--proof", "off")


def patcher(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(group, [str(each) for each in arguments])
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    assert TOKEN not in result.output
    return result


def report(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status, and what came of the review of each repository."""
    result = patcher(*arguments, "--format", "json")
    found = {}
    for target in json.loads(result.stdout)["targets"]:
        name = "/".join(target["repository"].split("/")[-2:]).removesuffix(".git")
        found[name if name not in found else f"{name} {target['base']}"] = target
    return result.exit_code, found


def acts(*arguments: str) -> tuple[int, dict[str, str | None]]:
    code, found = report(*arguments)
    return code, {name: (each["review"] or {}).get("act") for name, each in found.items()}


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits take no time: how long each would have been."""
    slept: list[float] = []
    monkeypatch.setattr(limits, "_limits", {})
    monkeypatch.setattr(limits, "monotonic", lambda: time.monotonic() + sum(slept))
    monkeypatch.setattr(limits, "sleep", slept.append)
    monkeypatch.setattr(remote, "RETRIES", remote.Retries(2, 0.01, 0.02, 0.01))
    return slept


@pytest.fixture
def github(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> Iterator[GitHub]:
    """A GitHub with two affected repositories, which git can clone and push to."""
    for name in list(os.environ):
        if name.startswith(("GH_", "GITHUB_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(client, "BACKOFF", 0.0)
    forge = GitHub(GitBranches(sandbox.root / "served"))
    forge.users[TOKEN] = "bot"
    work = sandbox.repository(files={"docker-default": sandbox.profile(), "CODEOWNERS": "* @ada\n"})
    with Server(sandbox.root / "served") as server, serving(forge):
        forge.clone_base = f"{server.url}/ok"
        for name in NAMES:
            place = server.root / f"{name}.git"
            sandbox.bare(work, place)
            forge.add(name)
            forge.repository(name).roles |= {"bot": "write", "ada": "write"}
        monkeypatch.setenv("GITHUB_API_URL", forge.api)
        monkeypatch.setenv("GITHUB_SERVER_URL", forge.clone_base)
        monkeypatch.setenv("GH_TOKEN", TOKEN)
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        yield forge


def opened(forge: GitHub) -> list[tuple[str, str, str]]:
    """Repository, base and state of each pull request."""
    forge.sync()
    return [
        (name, pull.base, "open" if pull.open else "merged" if pull.merge_commit else "closed")
        for name in NAMES
        for pull in forge.repository(name).pulls
    ]


BOTH = {"acme/moby": "opened", "acme/tool": "opened"}


def test_a_review_is_opened_once_whatever_runs_again(github: GitHub) -> None:
    code, found = report(*PUSH, "--reviewer", "ada", "github:acme")
    assert code == 0
    for name, target in found.items():
        pull = github.pull(name)
        assert target["review"]["act"] == "opened"
        assert target["review"]["url"].endswith(f"{name}/pull/{pull.number}")
        assert target["review"]["asked"] == ["ada"]
        assert (pull.title, pull.base, pull.head) == (
            "apparmor: deny network alg",
            "main",
            "patcher/deny-af-alg",
        )
        assert "`docker-default:2`: profile `docker-default`, affected" in pull.body
    writes = [each for each in github.requests if each.method != "GET"]
    assert acts(*PUSH, "--reviewer", "ada", "github:acme") == (0, dict.fromkeys(BOTH, "unchanged"))
    assert [each for each in github.requests if each.method != "GET"] == writes
    assert opened(github) == [(name, "main", "open") for name in NAMES]


def test_a_campaign_file_asks_others_for_single_repositories(
    github: GitHub, tmp_path: Path
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        "sources: [github:acme]\npush: true\nproof: off\nreviews: {at: auto}\n"
        "repositories:\n"
        "  - {match: '*', draft: true, reviewers: [nobody]}\n"
        "  - {match: acme/tool, reviewers: [ada], draft: false}\n"
    )
    assert patcher("apply", "--file", file).exit_code == 0
    moby, tool = (github.pull(name) for name in NAMES)
    assert (moby.draft, moby.reviewers) == (True, [])
    assert (tool.draft, tool.reviewers) == (False, ["ada"])
    done = patcher("apply", "--file", file, "--reviewer", "ada")
    assert done.exit_code == 0, done.stderr
    assert github.pull("acme/moby").reviewers == ["ada"]
    file.write_text(file.read_text().replace("draft: true", "auto-merge: never"))
    done = patcher("apply", "--file", file)
    assert done.exit_code == 2
    assert f"{file}:6:30: 'auto-merge': 'never' is none of merge, squash, rebase" in done.stderr


def test_the_table_shows_the_reviews_and_that_nobody_was_asked(github: GitHub) -> None:
    shown = patcher(*PUSH, "github:acme")
    assert shown.exit_code == 0, shown.stderr
    assert "(review opened: " in shown.stdout
    assert "/pull/1, nobody was asked)" in shown.stdout
    assert "Reviews: 2 opened." in shown.stdout
    assert "Nobody was asked for 2 reviews that were opened" in shown.stdout
    again = patcher(*PUSH, "--code-owners", "github:acme")
    assert "Reviews: 2 updated." in again.stdout
    assert github.pull("acme/moby").reviewers == ["ada"]


def test_a_branch_that_was_pushed_without_its_review_gets_it(github: GitHub) -> None:
    assert report("apply", "--push", "--proof", "off", "github:acme")[0] == 0
    assert opened(github) == []
    assert acts(*PUSH, "github:acme") == (0, BOTH)


def faulty(forge: GitHub, method: str, path: str, fault: Reply) -> None:
    """Answer requests whose path ends so with a fault."""
    answer = forge.reply

    def reply(request: Request) -> Reply:
        if request.method == method and request.path.endswith(path):
            forge.requests.append(request)
            return fault
        return answer(request)

    forge.reply = reply  # type: ignore[method-assign]


def mended(forge: GitHub) -> None:
    del forge.reply


@pytest.mark.parametrize("campaign", [(), ("--campaign", "c")])
def test_a_kill_between_push_and_review_is_made_good(
    github: GitHub, monkeypatch: pytest.MonkeyPatch, campaign: tuple[str, ...]
) -> None:
    from patcher.reviews import opening

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(opening, "open_review", killed)
        result = CliRunner().invoke(group, [*PUSH, "-j", "1", *campaign, "github:acme"])
        assert result.exit_code != 0
    assert opened(github) == []
    assert github.branches.tip("acme/moby", "patcher/deny-af-alg")
    again = campaign or ("github:acme",)
    words = PUSH if not campaign else ("apply", "--proof", "off")
    assert acts(*words, *again)[0] == 0
    assert opened(github) == [(name, "main", "open") for name in NAMES]


def test_a_review_that_a_person_closed_stays_closed(github: GitHub, sandbox: Sandbox) -> None:
    assert acts(*PUSH, "github:acme") == (0, BOTH)
    github.close("acme/moby", 1, "ada")
    expected = {"acme/moby": "closed by a person", "acme/tool": "unchanged"}
    assert acts(*PUSH, "github:acme") == (1, expected)
    shown = patcher(*PUSH, "github:acme")
    assert "1 left, 0 failed" in shown.stdout
    assert "(--reopen opens it again)" in shown.stdout
    assert acts(*PUSH, "--reopen", "github:acme") == (0, expected | {"acme/moby": "reopened"})
    assert acts(*PUSH, "github:acme") == (0, dict.fromkeys(BOTH, "unchanged"))


def test_nothing_is_pushed_where_a_person_closed_the_review(github: GitHub) -> None:
    assert acts(*PUSH, "github:acme") == (0, BOTH)
    github.close("acme/moby", 1, "ada")
    github.branches.delete("acme/moby", "patcher/deny-af-alg")
    code, found = report(*PUSH, "github:acme")
    assert (code, found["acme/moby"]["outcome"]) == (1, "left")
    assert github.branches.tip("acme/moby", "patcher/deny-af-alg") is None


def test_the_review_follows_a_base_that_moved_away_from_it(
    github: GitHub, sandbox: Sandbox
) -> None:
    assert acts(*PUSH, "github:acme") == (0, BOTH)
    before = github.branches.tip("acme/moby", "patcher/deny-af-alg")
    work = sandbox.root / "work"
    served = sandbox.root / "served/acme/moby.git"
    sandbox.git(sandbox.root, "clone", "-q", str(served), str(work))
    sandbox.commit(work, {"docker-default": f"# moved\n{sandbox.profile()}{sandbox.profile('b')}"})
    sandbox.git(work, "push", "-q", "origin", "main")
    code, found = report(*PUSH, "github:acme")
    assert (code, found["acme/moby"]["outcome"]) == (0, "pushed")
    assert found["acme/moby"]["review"]["act"] == "updated"
    assert github.pull("acme/moby").commit != before
    assert "profile `b`, affected" in github.pull("acme/moby").body
    assert len(github.repository("acme/moby").pulls) == 1


def test_a_merged_review_needs_no_other_and_a_reverted_one_does(
    github: GitHub, sandbox: Sandbox
) -> None:
    assert acts(*PUSH, "github:acme") == (0, BOTH)
    github.merged(github.repository("acme/moby"), github.pull("acme/moby"))
    code, found = report(*PUSH, "github:acme")
    assert (code, found["acme/moby"]["outcome"]) == (0, "nothing to do")
    assert len(github.repository("acme/moby").pulls) == 1
    work, served = sandbox.root / "work", sandbox.root / "served/acme/moby.git"
    sandbox.git(sandbox.root, "clone", "-q", str(served), str(work))
    sandbox.git(work, "revert", "--no-edit", "-m1", "HEAD")
    sandbox.git(work, "push", "-q", "origin", "main")
    assert acts(*PUSH, "github:acme")[1]["acme/moby"] == "opened"
    assert len(github.repository("acme/moby").pulls) == 2


def test_each_base_gets_a_review_of_its_own(github: GitHub, sandbox: Sandbox) -> None:
    for name in NAMES:
        place = sandbox.root / f"served/{name}.git"
        sandbox.git(place, "branch", "release/1", "main")
    bases = ("--base", "main", "--base", "release/*")
    code, found = report(*PUSH, *bases, "github:acme")
    assert (code, {each["review"]["act"] for each in found.values()}) == (0, {"opened"})
    expected = [(name, base, "open") for name in NAMES for base in ("main", "release/1")]
    assert opened(github) == expected
    assert {each["review"]["act"] for each in report(*PUSH, *bases, "github:acme")[1].values()} == {
        "unchanged"
    }
    assert opened(github) == expected


@pytest.mark.parametrize(
    ("status", "message", "says"),
    [
        (401, "Bad credentials", "does not take the token in GH_TOKEN"),
        (403, "Resource not accessible by integration", "denies access: Resource not accessible"),
        (404, "Not Found", "knows nothing of that name"),
        (409, "Conflict", "fails with HTTP 409: Conflict"),
        (422, "Validation Failed", "fails with HTTP 422: Validation Failed"),
        (500, "Server Error", "fails with HTTP 500"),
        (503, "Unavailable", "fails with HTTP 503"),
    ],
)
def test_what_a_forge_refuses_is_one_line_and_the_rest_goes_on(
    github: GitHub, status: int, message: str, says: str
) -> None:
    faulty(github, "POST", "/repos/acme/moby/pulls", Reply(status, {"message": message}))
    done = patcher(*PUSH, "--campaign", "c", "github:acme")
    assert done.exit_code == 3
    (line,) = [line for line in done.stderr.splitlines() if "acme/moby" in line]
    assert "branch patcher/deny-af-alg is pushed, and its review is not done: " in line
    assert says in line
    assert opened(github) == [("acme/tool", "main", "open")]
    mended(github)
    assert acts("apply", "--campaign", "c")[0] == 0
    assert opened(github) == [(name, "main", "open") for name in NAMES]


@pytest.mark.parametrize("status", [401, 403, 500])
def test_nothing_is_pushed_where_the_forge_does_not_answer_before(
    github: GitHub, status: int
) -> None:
    urls = [f"{github.clone_base}/{name}.git" for name in NAMES]
    faulty(github, "GET", "/repos/acme/moby", Reply(status, {"message": "no"}))
    assert patcher(*PUSH, *urls).exit_code == 3
    assert github.branches.tip("acme/moby", "patcher/deny-af-alg") is None
    assert opened(github) == [("acme/tool", "main", "open")]


def test_a_secondary_limit_is_waited_for(github: GitHub, waits: list[float]) -> None:
    limited = Reply(403, {"message": "You have exceeded a secondary rate limit."})
    left = [limited, limited]
    answer = github.reply

    def reply(request: Request) -> Reply:
        return left.pop() if left and request.method == "POST" else answer(request)

    github.reply = reply  # type: ignore[method-assign]
    assert acts(*PUSH, "-j", "1", "github:acme") == (0, BOTH)
    assert [round(each) for each in waits if each > 30] == [60, 120]


def test_a_limit_that_lasts_is_no_denial_and_the_next_run_goes_on(github: GitHub) -> None:
    limited = Reply(429, {"message": "rate limit"}, {"retry-after": "3600"})
    faulty(github, "POST", "/pulls", limited)
    done = patcher(*PUSH, "--campaign", "c", "github:acme")
    assert done.exit_code == 3
    assert "the rate limit of" in done.stderr
    assert "denies" not in done.stderr
    mended(github)
    limits._limits.clear()
    assert acts("apply", "--campaign", "c")[0] == 0
    assert opened(github) == [(name, "main", "open") for name in NAMES]


def test_archived_and_gone_are_ends_of_their_own(github: GitHub, sandbox: Sandbox) -> None:
    assert patcher("apply", "--push", "--review", "auto", "--dry-run", "github:acme").exit_code == 1
    urls = [f"{github.clone_base}/{name}.git" for name in NAMES]
    assert patcher(*PUSH, "--limit", "1", "--campaign", "c", *urls).exit_code == 0
    github.repository("acme/tool").record["archived"] = True
    place = sandbox.root / "served/acme/moby.git"
    place.rename(sandbox.root / "elsewhere.git")
    github.remove("acme/moby")
    code, found = report("apply", "--campaign", "c", "--retry", "all")
    assert (code, {name: each["review"]["act"] for name, each in found.items()}) == (
        1,
        {"acme/moby": "gone", "acme/tool": "archived"},
    )
    shown = patcher("status", "c").stdout
    assert "2 done, 0 failed, 0 to do" in shown


def test_a_repository_that_was_renamed_keeps_its_review(github: GitHub) -> None:
    urls = [f"{github.clone_base}/{name}.git" for name in NAMES]
    assert acts(*PUSH, *urls) == (0, BOTH)
    github.rename("acme/moby", "acme/docker")
    assert acts(*PUSH, *urls)[1]["acme/moby"] in ("unchanged", "updated")
    assert len(github.repository("acme/docker").pulls) == 1


def test_write_access_is_asked_before_the_work(github: GitHub) -> None:
    github.repository("acme/moby").roles["bot"] = "read"
    done = patcher(*PUSH, "github:acme")
    assert done.exit_code == 3
    assert "the token in GH_TOKEN may not push to acme/moby" in done.stderr
    assert github.branches.tip("acme/moby", "patcher/deny-af-alg") is None


def test_without_a_token_the_address_to_open_it_at_is_shown(
    github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GH_TOKEN")
    monkeypatch.delenv("GITHUB_TOKEN")
    url = f"{github.clone_base}/acme/moby.git"
    done = patcher(*PUSH, url)
    assert done.exit_code == 3
    assert "GH_TOKEN or GITHUB_TOKEN, or open it at " in done.stderr
    assert "/acme/moby/compare/main...patcher/deny-af-alg?expand=1" in done.stderr
    assert github.branches.tip("acme/moby", "patcher/deny-af-alg")
    monkeypatch.setenv("GH_TOKEN", TOKEN)
    assert acts(*PUSH, url) == (0, {"acme/moby": "opened"})


def test_a_dry_run_says_what_would_be_done_and_does_nothing(github: GitHub) -> None:
    assert report(*PUSH, "github:acme/moby")[0] == 0
    writes = [each for each in github.requests if each.method != "GET"]
    code, found = report(*PUSH, "--dry-run", "github:acme")
    assert code == 1
    assert "its review would be opened" in found["acme/tool"]["note"]
    assert "would be brought up to date: http" in found["acme/moby"]["note"]
    assert [each for each in github.requests if each.method != "GET"] == writes


def test_all_that_is_asked_for_is_there(github: GitHub) -> None:
    for name in NAMES:
        there = github.repository(name)
        there.labels, there.milestones, there.teams = ["security"], ["1.0"], ["core"]
    words = ["--draft", "--label", "security", "--label", "nope", "--milestone", "1.0"]
    words += ["--reviewer", "ada", "--team", "acme/core", "--assignee", "ada", "--auto-merge"]
    code, found = report(*PUSH, *words, "github:acme")
    pull = github.pull("acme/moby")
    assert (code, pull.draft, pull.labels, pull.milestone) == (0, True, ["security"], "1.0")
    assert (pull.reviewers, pull.teams, pull.assignees) == (["ada"], ["core"], ["ada"])
    assert "label nope: there is none" in found["acme/moby"]["review"]["missed"]


def test_corrections_reach_open_reviews_by_one_command(
    github: GitHub, sandbox: Sandbox, tmp_path: Path
) -> None:
    assert patcher(*PUSH, "--campaign", "c", "github:acme").exit_code == 0
    body = tmp_path / "body.md"
    body.write_text("Dear maintainers of {{ repository }},\n\n{{ default_body }}\n")
    code, found = acts(
        "apply", "--campaign", "c", "--title", "Deny {{ migrations[0].family }}", "--body-file",
        str(body), "--reviewer", "ada",
    )  # fmt: skip
    assert (code, found) == (0, dict.fromkeys(BOTH, "updated"))
    pull = github.pull("acme/moby")
    assert (pull.title, pull.reviewers) == ("Deny alg", ["ada"])
    assert "Dear maintainers of `acme/moby`," in pull.body
    assert "How this was made" in pull.body
    assert acts("apply", "--campaign", "c") == (0, dict.fromkeys(BOTH, "unchanged"))


def test_reviews_may_be_asked_for_once_a_campaign_has_pushed(github: GitHub) -> None:
    pushed = ("apply", "--push", "--proof", "off", "--campaign", "c", "--limit", "1")
    assert patcher(*pushed, "github:acme").exit_code == 0
    assert acts("apply", "--campaign", "c", "--review", "github", "--retry", "all") == (0, BOTH)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--push", "--draft"], "--draft goes with --review"),
        (["--push", "--reviewer", "ada"], "--reviewer goes with --review"),
        (["--push", "--review", "auto", "--title", "{{ x"], "--title, line 1: "),
        (["--push", "--review", "auto", "--title", "{% set x = 1 %}"], "and no set"),
        (["--push", "--review", "auto", "--auto-merge=maybe"], "is none of merge, squash"),
        (["--push", "--review", "auto", "--label", ""], "--label needs a name"),
        (["--dry-run", "--review", "none", "--label", "x"], "--label goes with --review"),
    ],
)
def test_wrong_use_is_said_before_anything_is_done(
    github: GitHub, words: list[str], says: str
) -> None:
    done = patcher("apply", *words, "github:acme")
    assert (done.exit_code, github.requests) == (2, [])
    assert says in done.stderr


def test_a_server_that_is_no_forge_is_said_to_be_none(
    github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = github.clone_base.replace("/ok", "/v0") + "/acme/moby.git"
    done = patcher(*PUSH, url)
    assert done.exit_code == 3
    assert "no forge is known at http://" in done.stderr
    assert "name it with --review github|gitlab" in done.stderr
    done = patcher("apply", "--push", "--review", "gitlab", "--proof", "off", url)
    assert "is at no gitlab server that is known: set GITLAB_HOST" in done.stderr
    assert github.branches.tip("acme/moby", "patcher/deny-af-alg") is None


# -- once they are open


@pytest.fixture
def campaign(github: GitHub) -> GitHub:
    """A campaign with a review in each repository."""
    assert patcher(*PUSH, "--campaign", "c", "github:acme").exit_code == 0
    return github


def states(*arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    done = patcher(*arguments, "--format", "json")
    found = json.loads(done.stdout)["reviews"]
    described("reviews", "reviews_document", json.loads(done.stdout))
    names = ["/".join(each["repository"].split("/")[-2:]).removesuffix(".git") for each in found]
    return done.exit_code, dict(zip(names, found, strict=True))


def test_status_asks_for_many_reviews_at_once(
    campaign: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign.review("acme/moby", 1, "ada")
    campaign.check("acme/moby", 1, "SUCCESS")
    campaign.close("acme/tool", 1, "ada")
    alone = states("status", "c", "--reviews")
    monkeypatch.setattr(follow, "FEWEST", 2)
    before = len(campaign.requests)
    assert states("status", "c", "--reviews") == alone
    assert [each.path for each in campaign.requests[before:]] == ["/api/graphql"]
    assert "1 open, 1 closed" in patcher("status", "c").stdout
    # What is not shown is looked at by itself, and what that says counts.
    campaign.remove("acme/tool")
    code, found = states("status", "c", "--reviews")
    assert (code, found["acme/moby"]) == (3, alone[1]["acme/moby"])
    assert found["acme/tool"]["life"] is None
    assert "knows nothing of that name" in found["acme/tool"]["error"]


def test_status_shows_the_reviews_as_they_are_now(campaign: GitHub) -> None:
    campaign.review("acme/moby", 1, "ada")
    campaign.check("acme/moby", 1, "SUCCESS")
    campaign.close("acme/tool", 1, "ada")
    requests = len(campaign.requests)
    assert "Reviews at the last look: 2 open." in patcher("status", "c").stdout
    assert len(campaign.requests) == requests
    code, found = states("status", "c", "--reviews")
    assert code == 0
    moby, tool = found["acme/moby"], found["acme/tool"]
    assert (moby["life"], moby["approved"], moby["checks"]) == ("open", True, "passed")
    assert (moby["conflicts"], moby["draft"], tool["life"]) == (False, False, "closed")
    assert moby["url"].endswith("/acme/moby/pull/1")
    assert "Reviews at the last look: 1 open, 1 closed." in patcher("status", "c").stdout
    for line in patcher("status", "c", "--reviews", "--format", "jsonl").stdout.splitlines():
        described("reviews", "review_line", json.loads(line))
    shown = patcher("status", "c", "--reviews").stdout
    assert "2 reviews: 1 open, 1 closed." in shown


def test_only_what_is_approved_and_green_is_merged(campaign: GitHub) -> None:
    campaign.review("acme/moby", 1, "ada")
    campaign.check("acme/moby", 1, "SUCCESS")
    campaign.check("acme/moby", 1, "SKIPPED")
    campaign.check("acme/tool", 1, "FAILURE")
    code, found = states("merge", "c", "--dry-run")
    assert (code, found["acme/moby"]["did"]) == (1, "would be merged")
    assert found["acme/tool"]["did"] == "not merged: it is not approved"
    assert opened(campaign) == [(name, "main", "open") for name in NAMES]
    code, found = states("merge", "c")
    assert (code, found["acme/moby"]["did"], found["acme/moby"]["life"]) == (1, "merged", "merged")
    campaign.review("acme/tool", 1, "ada")
    assert states("merge", "c")[1]["acme/tool"]["did"] == "not merged: its checks failed"
    code, found = states("merge", "c", "--force")
    assert (code, found["acme/tool"]["did"]) == (0, "merged")
    assert found["acme/moby"]["did"] == "is merged already"
    assert opened(campaign) == [(name, "main", "merged") for name in NAMES]
    code, targets = report("apply", "--campaign", "c")
    assert (code, {each["outcome"] for each in targets.values()}) == (0, {"nothing to do"})


def test_an_administrator_merges_nothing_that_a_rule_holds_back(campaign: GitHub) -> None:
    """A required check that has not begun yet is no check that failed, and none that waits."""
    for name in NAMES:
        campaign.review(name, 1, "ada")
        campaign.repository(name).roles["bot"] = "admin"
    campaign.repository("acme/moby").unmet = True
    code, found = states("merge", "c")
    assert (code, found["acme/tool"]["did"]) == (1, "merged")
    assert found["acme/moby"]["did"].startswith("not merged: a rule of its base is not met")
    assert states("merge", "c", "--force")[1]["acme/moby"]["did"] == "merged"


def test_what_was_pushed_after_an_approval_is_not_approved(
    campaign: GitHub, sandbox: Sandbox
) -> None:
    campaign.review("acme/moby", 1, "ada")
    work, served = sandbox.root / "work", sandbox.root / "served/acme/moby.git"
    sandbox.git(sandbox.root, "clone", "-q", str(served), str(work))
    sandbox.git(work, "checkout", "-q", "patcher/deny-af-alg")
    sandbox.commit(work, {"backdoor": "x"})
    sandbox.git(work, "push", "-q", "origin", "HEAD")
    assert report("apply", "--campaign", "c")[1]["acme/moby"]["outcome"] == "edited by others"
    assert states("merge", "c")[1]["acme/moby"]["did"] == "not merged: it is not approved"


def test_another_review_than_patcher_opened_is_left_alone(
    campaign: GitHub, sandbox: Sandbox
) -> None:
    for name in NAMES:
        campaign.review(name, 1, "ada")
    sandbox.git(sandbox.root / "served/acme/moby.git", "branch", "other", "main")
    campaign.pull("acme/moby").base = "other"
    tool = campaign.pull("acme/tool")
    served = sandbox.root / "served/acme/tool.git"
    sandbox.git(served, "branch", "someone/else", "patcher/deny-af-alg")
    tool.head, tool.draft = "someone/else", True
    for command in (["merge", "--force"], ["ready"], ["status", "--reviews"]):
        done = patcher(command[0], "c", *command[1:])
        assert done.exit_code == 3
        assert "/moby/pull/1 is from patcher/deny-af-alg into other, and patcher" in done.stderr
        assert "/tool/pull/1 is from someone/else into main, and patcher" in done.stderr
    assert (tool.open, tool.draft, campaign.pull("acme/moby").open) == (True, True, True)


def test_all_are_merged_where_all_have_a_review_and_it_is_merged(
    github: GitHub, waits: list[float]
) -> None:
    faulty(github, "POST", "/repos/acme/moby/pulls", Reply(403, {"message": "no"}))
    assert patcher(*PUSH, "--campaign", "c", "github:acme").exit_code == 3
    github.review("acme/tool", 1, "ada")
    done = patcher("merge", "c")
    assert (done.exit_code, ("acme/tool", "main", "merged") in opened(github)) == (1, True)
    assert (
        "campaign c lacks the review of 1 target: `patcher apply --campaign c` opens" in done.stderr
    )
    mended(github)
    assert patcher("apply", "--campaign", "c").exit_code == 0
    github.review("acme/moby", 1, "ada")
    done = patcher("merge", "c")
    assert (done.exit_code, "lacks the review" in done.stderr) == (0, False)


def test_a_limit_of_merges_counts_merges(campaign: GitHub) -> None:
    for name in NAMES:
        campaign.review(name, 1, "ada")
    done = patcher("merge", "c", "--limit", "1", "--dry-run")
    assert (done.exit_code, "stopped after 1: 1 were not looked at" in done.stderr) == (0, True)
    assert list(states("merge", "c", "--limit", "1")[1]) == ["acme/moby"]
    assert states("merge", "c", "--limit", "1")[1]["acme/tool"]["did"] == "merged"


def test_what_others_pushed_meanwhile_is_not_merged(campaign: GitHub, sandbox: Sandbox) -> None:
    work, served = sandbox.root / "work", sandbox.root / "served/acme/moby.git"
    sandbox.git(sandbox.root, "clone", "-q", str(served), str(work))
    sandbox.git(work, "checkout", "-q", "patcher/deny-af-alg")
    sandbox.commit(work, {"backdoor": "x"})
    sandbox.git(work, "push", "-q", "origin", "HEAD")
    campaign.review("acme/moby", 1, "ada")
    code, found = states("merge", "c", "--force")
    assert code == 1
    assert found["acme/moby"]["did"].startswith("not merged: it has other commits than")
    assert report("apply", "--campaign", "c")[1]["acme/moby"]["outcome"] == "edited by others"
    assert states("merge", "c")[1]["acme/moby"]["did"] == "merged"


def test_drafts_are_made_ready_by_one_command(github: GitHub) -> None:
    assert patcher(*PUSH, "--draft", "--campaign", "c", "github:acme").exit_code == 0
    assert states("merge", "c", "--force")[1]["acme/moby"]["did"].endswith(
        "`patcher ready` ends that"
    )
    assert states("ready", "c", "--dry-run")[1]["acme/moby"]["did"] == "would be made ready"
    assert github.pull("acme/moby").draft
    code, found = states("ready", "c")
    assert (code, {each["did"] for each in found.values()}) == (0, {"made ready"})
    assert not github.pull("acme/moby").draft
    # What was made ready is no draft again by the next run.
    assert acts("apply", "--campaign", "c") == (0, dict.fromkeys(BOTH, "unchanged"))
    assert not github.pull("acme/moby").draft


def test_close_closes_with_a_comment_and_removes_the_branch(campaign: GitHub) -> None:
    code, found = report("close", "c", "--dry-run")
    assert code == 0
    assert found["acme/moby"]["note"].endswith("/acme/moby/pull/1 would be closed")
    assert opened(campaign) == [(name, "main", "open") for name in NAMES]
    code, closed = acts("close", "c")
    assert (code, closed) == (0, dict.fromkeys(BOTH, "closed"))
    assert opened(campaign) == [(name, "main", "closed") for name in NAMES]
    assert campaign.pull("acme/moby").comments == [("bot", "This change is withdrawn.")]
    assert campaign.branches.tip("acme/moby", "patcher/deny-af-alg") is None
    assert acts("close", "c") == (0, dict.fromkeys(BOTH))
    # Nobody but patcher closed them.
    assert acts("apply", "--campaign", "c")[1] == BOTH


def test_a_branch_on_which_a_person_committed_outlives_its_review(
    campaign: GitHub, sandbox: Sandbox
) -> None:
    work, served = sandbox.root / "work", sandbox.root / "served/acme/moby.git"
    sandbox.git(sandbox.root, "clone", "-q", str(served), str(work))
    sandbox.git(work, "checkout", "-q", "patcher/deny-af-alg")
    tip = sandbox.commit(work, {"more": "x"})
    sandbox.git(work, "push", "-q", "origin", "HEAD")
    assert acts("close", "c")[1] == dict.fromkeys(BOTH, "closed")
    assert campaign.branches.tip("acme/moby", "patcher/deny-af-alg") == tip
    assert campaign.branches.tip("acme/tool", "patcher/deny-af-alg") is None


def test_close_closes_nothing_that_is_someone_elses(github: GitHub, sandbox: Sandbox) -> None:
    work, served = sandbox.root / "work", sandbox.root / "served/acme/moby.git"
    sandbox.git(sandbox.root, "clone", "-q", str(served), str(work))
    sandbox.git(work, "checkout", "-q", "-b", "patcher/deny-af-alg")
    tip = sandbox.commit(work, {"mine": "x"})
    sandbox.git(work, "push", "-q", "origin", "HEAD")
    github.repository("acme/moby").pulls.append(
        Pull(1, "ada", "Mine", "", "acme/moby", "patcher/deny-af-alg", "main", tip)
    )
    assert patcher(*PUSH, "--campaign", "c", "github:acme").exit_code == 3
    for words in (["--dry-run"], []):
        code, found = report("close", "c", *words)
        assert code == 0
        assert found["acme/moby"]["note"].endswith("/acme/moby/pull/1 stays open")
    assert opened(github) == [("acme/moby", "main", "open"), ("acme/tool", "main", "closed")]
    pull = github.pull("acme/moby")
    assert (pull.title, pull.body, pull.comments) == ("Mine", "", [])
    assert github.branches.tip("acme/moby", "patcher/deny-af-alg") == tip


def on_main(sandbox: Sandbox, name: str, text: str) -> None:
    """Someone changes the base."""
    work, served = sandbox.root / f"work-{name[-4:]}", sandbox.root / f"served/{name}.git"
    sandbox.git(sandbox.root, "clone", "-q", str(served), str(work))
    sandbox.commit(work, {"docker-default": text})
    sandbox.git(work, "push", "-q", "origin", "main")


@pytest.mark.parametrize("by", ["patcher", "a person"])
def test_a_branch_that_a_killed_refresh_left_behind_is_removed(
    campaign: GitHub, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    from patcher.reviews import opening

    on_main(sandbox, "acme/moby", sandbox.fixed(sandbox.profile()))
    close, branch = opening.close_review, ("acme/moby", "patcher/deny-af-alg")

    def killed(*given: Any, **_: object) -> None:
        if by == "patcher":
            close(*given)
        else:
            campaign.close("acme/moby", 1, "ada")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(opening, "close_review", killed)
        assert CliRunner().invoke(group, ["refresh", "c", "-j", "1"]).exit_code != 0
    assert opened(campaign)[0] == ("acme/moby", "main", "closed")
    tip = campaign.branches.tip(*branch)
    assert tip is not None
    note = "branch patcher/deny-af-alg of its closed review "
    found = report("refresh", "c", "--dry-run")[1]["acme/moby"]
    assert (found["note"] or "").endswith(f"{note}would be removed") == (by == "patcher")
    assert campaign.branches.tip(*branch) == tip
    found = report("refresh", "c")[1]["acme/moby"]
    assert (found["note"] or "").endswith(f"{note}is removed") == (by == "patcher")
    assert campaign.branches.tip(*branch) == (None if by == "patcher" else tip)


def test_refresh_makes_branches_anew_and_closes_what_is_needed_no_more(
    campaign: GitHub, sandbox: Sandbox
) -> None:
    on_main(sandbox, "acme/moby", sandbox.fixed(sandbox.profile()))
    on_main(sandbox, "acme/tool", f"# moved\n{sandbox.profile()}")
    code, found = report("refresh", "c", "--dry-run")
    assert code == 0
    assert found["acme/moby"]["note"].endswith("/pull/1 would be closed: the base is fixed")
    assert "/pull/1 would be closed: the base is fixed" in patcher("refresh", "c", "-n").stdout
    assert opened(campaign) == [(name, "main", "open") for name in NAMES]
    code, found = report("refresh", "c")
    assert (code, found["acme/moby"]["review"]["act"]) == (0, "closed")
    assert opened(campaign) == [("acme/moby", "main", "closed"), ("acme/tool", "main", "open")]
    assert "needs this change no more" in campaign.pull("acme/moby").comments[0][1]
    assert campaign.branches.tip("acme/moby", "patcher/deny-af-alg") is None
    tip, main = (
        campaign.branches.tip("acme/tool", name) for name in ("patcher/deny-af-alg", "main")
    )
    assert found["acme/tool"]["outcome"] == "pushed"
    assert sandbox.git(sandbox.root / "served/acme/tool.git", "rev-parse", f"{tip}^") == main
    assert report("refresh", "c")[1]["acme/tool"]["outcome"] == "up to date"


def test_refresh_takes_away_no_commits_of_others(github: GitHub, sandbox: Sandbox) -> None:
    options = ("--on-existing", "replace", "--discard-others")
    assert patcher(*PUSH, *options, "--campaign", "c", "github:acme").exit_code == 0
    work, served = sandbox.root / "work", sandbox.root / "served/acme/moby.git"
    sandbox.git(sandbox.root, "clone", "-q", str(served), str(work))
    sandbox.git(work, "checkout", "-q", "patcher/deny-af-alg")
    tip = sandbox.commit(work, {"more": "x", "docker-default": sandbox.profile()})
    sandbox.git(work, "push", "-q", "origin", "HEAD")
    done = patcher("refresh", "c")
    assert done.exit_code == 3
    assert "was edited by others" in done.stderr
    assert github.branches.tip("acme/moby", "patcher/deny-af-alg") == tip


def test_a_review_that_a_run_did_not_look_at_stays_known(
    campaign: GitHub, sandbox: Sandbox
) -> None:
    on_main(sandbox, "acme/moby", sandbox.fixed(sandbox.profile()))
    faulty(campaign, "GET", "/repos/acme/tool/pulls", Reply(500, {"message": "sorry"}))
    code, found = report("apply", "--campaign", "c")
    assert (code, found["acme/moby"]["outcome"]) == (3, "nothing to do")
    mended(campaign)
    campaign.review("acme/moby", 1, "ada")
    assert "Reviews at the last look: 2 open." in patcher("status", "c").stdout
    code, reviews = states("status", "c", "--reviews")
    assert (code, [each["life"] for each in reviews.values()]) == (0, ["open", "open"])
    code, reviews = states("merge", "c")
    assert (code, reviews["acme/moby"]["did"]) == (
        1,
        "not merged: its base needs it no more: `patcher refresh` closes it",
    )
    assert report("refresh", "c")[0] == 0
    assert "Reviews at the last look: 1 open, 1 closed." in patcher("status", "c").stdout


@pytest.mark.parametrize("command", ["merge", "ready", "close", "refresh"])
def test_commands_for_campaigns_say_what_is_wrong(github: GitHub, command: str) -> None:
    done = patcher(command, "nope")
    assert done.exit_code == 2
    assert "there is no campaign 'nope'" in done.stderr
    pushed = ("apply", "--push", "--proof", "off", "--campaign", "p")
    assert patcher(*pushed, "github:acme").exit_code == 0
    done = patcher(command, "p")
    assert done.exit_code == 2
    assert "campaign p opens no reviews: `patcher apply --campaign p --review" in done.stderr


def test_one_that_cannot_be_looked_at_is_one_line_and_the_rest_goes_on(campaign: GitHub) -> None:
    for name in NAMES:
        campaign.review(name, 1, "ada")
    faulty(campaign, "GET", "/repos/acme/moby/pulls/1", Reply(500, {"message": "sorry"}))
    done = patcher("merge", "c")
    assert done.exit_code == 3
    assert "acme/moby.git main: " in done.stderr
    assert "fails with HTTP 500: sorry" in done.stderr
    assert ("acme/tool", "main", "merged") in opened(campaign)


# -- clones that are named by a path


def test_the_branch_of_a_clone_gets_its_review(github: GitHub, sandbox: Sandbox) -> None:
    clone = sandbox.root / "clone"
    url = f"{github.clone_base}/acme/moby.git"
    sandbox.git(sandbox.root, "clone", "-q", url, str(clone))
    assert patcher("apply", "--proof", "off", str(clone)).exit_code == 0
    done = patcher(*PUSH, "--campaign", "c", str(clone))
    assert done.exit_code == 0, done.stderr
    assert "Reviews: 1 opened." in done.stdout
    assert opened(github) == [("acme/moby", "main", "open")]
    assert "Reviews: 1 open as they were." in patcher("apply", "--campaign", "c").stdout
    github.review("acme/moby", 1, "ada")
    assert next(iter(states("merge", "c")[1].values()))["did"] == "merged"


def test_the_review_of_a_clone_goes_into_the_branch_that_its_base_tracks(
    github: GitHub, sandbox: Sandbox
) -> None:
    clone = sandbox.root / "clone"
    url = f"{github.clone_base}/acme/moby.git"
    sandbox.git(sandbox.root / "served/acme/moby.git", "branch", "develop", "main")
    sandbox.git(sandbox.root, "clone", "-q", url, str(clone))
    sandbox.git(clone, "checkout", "-q", "-b", "mine", "--track", "origin/develop")
    done = patcher(*PUSH, "--base", "mine", str(clone))
    assert done.exit_code == 0, done.stderr
    assert opened(github) == [("acme/moby", "develop", "open")]
    done = patcher("undo", "--base", "mine", str(clone))
    assert done.exit_code == 0


def test_a_clone_whose_remote_is_no_forge_is_said_to_be_none(
    github: GitHub, sandbox: Sandbox
) -> None:
    clone = sandbox.root / "clone"
    url = github.clone_base.replace("/ok", "/v0") + "/acme/moby.git"
    sandbox.git(sandbox.root, "clone", "-q", url, str(clone))
    done = patcher(*PUSH, str(clone))
    assert done.exit_code == 3
    assert "no forge is known at http://" in done.stderr
    assert github.branches.tip("acme/moby", "patcher/deny-af-alg") is None


# -- the campaign file alone


@pytest.mark.campaigns
def test_a_campaign_file_alone_opens_forty_reviews_and_a_second_run_changes_nothing(
    github: GitHub, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = sandbox.root / "served/acme/moby.git"
    sandbox.git(place, "branch", "release/1", "main")
    names = [f"fleet/r{number}" for number in range(20)]
    for name in names:
        shutil.copytree(place, sandbox.root / f"served/{name}.git")
        github.add(name)
        github.repository(name).roles["bot"] = "write"
    monkeypatch.chdir(tmp_path)
    words = ("--base", "main", "--base", "release/*", "--push", "--review", "auto", "--draft")
    made = patcher("init", "--campaign", "fleet", *words, "--proof", "off", "github:fleet")
    assert made.exit_code == 0, made.stderr
    expected = [(name, base) for name in names for base in ("main", "release/1")]
    for total in ("Reviews: 40 opened.", "Reviews: 40 open as they were."):
        writes = len([each for each in github.requests if each.method != "GET"])
        done = patcher("apply")
        assert (done.exit_code, total in done.stdout) == (0, True), done.stderr
        pulls = [(name, each) for name in names for each in github.repository(name).pulls]
        assert sorted((name, each.base) for name, each in pulls) == sorted(expected)
        assert all(each.open and each.draft for _, each in pulls)
    assert len([each for each in github.requests if each.method != "GET"]) == writes


# -- forks


@pytest.fixture
def guest(github: GitHub) -> GitHub:
    """The token may read what there is, and have repositories of its own."""
    for name in NAMES:
        github.repository(name).roles["bot"] = "read"
    return github


def test_where_the_token_may_not_push_the_review_comes_from_a_fork(
    guest: GitHub, sandbox: Sandbox
) -> None:
    words = (*PUSH, "--fork", "--campaign", "c", "github:acme/moby")
    assert acts(*words, "--limit", "1") == (0, {"acme/moby": "opened"})
    pull = guest.pull("acme/moby")
    assert (pull.head_repo, pull.head, pull.base) == ("bot/moby", "patcher/deny-af-alg", "main")
    assert guest.branches.tip("acme/moby", "patcher/deny-af-alg") is None
    assert pull.commit == guest.branches.tip("bot/moby", "patcher/deny-af-alg")
    assert acts("apply", "--campaign", "c") == (0, {"acme/moby": "unchanged"})
    # The base moves, and the fork is behind it.
    on_main(sandbox, "acme/moby", f"# moved\n{sandbox.profile()}{sandbox.profile('b')}")
    code, found = report("apply", "--campaign", "c")
    assert (code, found["acme/moby"]["outcome"]) == (0, "pushed"), found
    assert found["acme/moby"]["branch_state"] == "ours and stale"
    assert len(guest.repository("acme/moby").pulls) == 1
    tip = guest.branches.tip("bot/moby", "patcher/deny-af-alg")
    main = guest.branches.tip("acme/moby", "main")
    assert sandbox.git(sandbox.root / "served/bot/moby.git", "rev-parse", f"{tip}^") == main
    # It was fixed there meanwhile.
    work = sandbox.root / "work-moby"
    fixed = sandbox.fixed(f"# moved\n{sandbox.profile()}{sandbox.profile('b')}")
    sandbox.commit(work, {"docker-default": fixed})
    sandbox.git(work, "push", "-q", "origin", "main")
    assert acts("refresh", "c") == (0, {"acme/moby": "closed"})
    assert guest.branches.tip("bot/moby", "patcher/deny-af-alg") is None
    assert guest.branches.tip("bot/moby", "main")


def test_commits_of_others_in_a_fork_are_left_alone(guest: GitHub, sandbox: Sandbox) -> None:
    words = (*PUSH, "--fork", "--campaign", "c", "github:acme/moby")
    assert acts(*words) == (0, {"acme/moby": "opened"})
    work = sandbox.root / "work-fork"
    served = sandbox.root / "served/bot/moby.git"
    sandbox.git(sandbox.root, "clone", "-q", str(served), str(work))
    sandbox.git(work, "checkout", "-q", "patcher/deny-af-alg")
    tip = sandbox.commit(work, {"more": "x"})
    sandbox.git(work, "push", "-q", "origin", "HEAD")
    code, found = report("apply", "--campaign", "c")
    assert (code, found["acme/moby"]["outcome"]) == (0, "edited by others")
    assert guest.branches.tip("bot/moby", "patcher/deny-af-alg") == tip


def test_a_fork_is_made_only_where_it_is_wanted(guest: GitHub) -> None:
    done = patcher(*PUSH, "github:acme/moby")
    assert done.exit_code == 3
    assert "use one that may, or --fork" in done.stderr
    done = patcher(*PUSH, "--fork", "--dry-run", "github:acme/moby")
    assert (done.exit_code, "bot/moby" in guest.known) == (1, False)
    guest.repository("acme/moby").roles["bot"] = "write"
    assert acts(*PUSH, "--fork", "github:acme/moby") == (0, {"acme/moby": "opened"})
    assert "bot/moby" not in guest.known
    assert acts(*PUSH, "--fork=always", "github:acme/tool") == (0, {"acme/tool": "opened"})
    assert guest.pull("acme/tool").head_repo == "bot/tool"


def test_a_dry_run_sees_what_is_in_a_fork_and_makes_none(guest: GitHub) -> None:
    words = (*PUSH, "--fork", "--campaign", "c", "github:acme/moby")
    assert acts(*words) == (0, {"acme/moby": "opened"})
    url = f"{guest.url}/acme/moby/pull/1"
    _, found = report(*PUSH, "--fork", "--dry-run", "github:acme/moby")
    assert found["acme/moby"]["outcome"] == "up to date"
    assert found["acme/moby"]["note"] == f"its review would be brought up to date: {url}"
    _, found = report("close", "c", "--dry-run")
    assert found["acme/moby"]["note"] == f"{url} would be closed"
    assert patcher("close", "c").exit_code == 0
    assert unfork() == (0, "removed")
    for more in (("--dry-run",), ()):
        code, found = report("close", "c", *more)
        assert (code, found["acme/moby"]["outcome"]) == (0, "nothing to do")
        assert "there is no fork of yours" in found["acme/moby"]["note"]
    assert "bot/moby" not in guest.known


def test_what_another_campaign_has_in_the_repository_itself_stays(guest: GitHub) -> None:
    guest.repository("acme/moby").roles["bot"] = "write"
    assert acts(*PUSH, "github:acme/moby") == (0, {"acme/moby": "opened"})
    guest.repository("acme/moby").roles["bot"] = "read"
    assert acts(*PUSH, "--fork", "--campaign", "c", "github:acme/moby")[0] == 0
    assert patcher("close", "c").exit_code == 0
    assert unfork() == (0, "removed")
    assert patcher("close", "c").exit_code == 0
    tip = guest.branches.tip("acme/moby", "patcher/deny-af-alg")
    assert tip is not None
    assert ("acme/moby", "main", "open") in opened(guest)


# -- pace, and what is lost on the way


def test_a_review_whose_answer_was_lost_is_found_and_not_opened_twice(github: GitHub) -> None:
    lost = Reply(502, {"message": "Bad Gateway"})
    github.fail("POST", "/repos/{owner}/{repo}/pulls", lost, times=2, after=True)
    assert patcher(*PUSH, "--reviewer", "ada", "--campaign", "c", "github:acme").exit_code == 3
    assert opened(github) == [(name, "main", "open") for name in NAMES]
    assert acts("apply", "--campaign", "c")[0] == 0
    assert opened(github) == [(name, "main", "open") for name in NAMES]
    assert github.pull("acme/moby").reviewers == ["ada"]


def test_a_forge_that_is_silent_is_one_line(
    github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "TIMEOUT", 0.3)
    faulty(github, "POST", "/repos/acme/moby/pulls", Reply(silent=5))
    done = patcher(*PUSH, "github:acme")
    assert done.exit_code == 3
    (line,) = [line for line in done.stderr.splitlines() if "acme/moby" in line]
    assert "gives no answer within" in line
    assert opened(github) == [("acme/tool", "main", "open")]


def test_one_at_a_time_writes_to_a_server_with_the_pause_that_is_wanted(
    github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from patcher.campaign import at_forge

    answer, busy, most, slept = github.reply, [0], [0], [0.0]

    def reply(request: Request) -> Reply:
        writes = request.method != "GET"
        busy[0] += writes
        most[0] = max(most[0], busy[0])
        time.sleep(0.05 * writes)
        done = answer(request)
        busy[0] -= writes
        return done

    assert report("apply", "--push", "--proof", "off", "github:acme")[0] == 0
    clock = Mock(monotonic=time.monotonic, sleep=lambda seconds: slept.append(seconds))
    monkeypatch.setattr(at_forge, "time", clock)
    monkeypatch.setattr(at_forge, "_turns", {})
    github.reply = reply  # type: ignore[method-assign]
    words = ("--reviewer", "ada", "--pause", "7", "-j", "4")
    assert acts(*PUSH, *words, "github:acme") == (0, BOTH)
    assert most == [1]
    assert [round(each) for each in slept if each > 1] == [7]


def test_a_pilot_wave_and_then_the_rest(github: GitHub) -> None:
    words = (*PUSH, "--campaign", "c", "--limit", "1")
    assert patcher(*words, "github:acme").exit_code == 0
    assert len(opened(github)) == 1
    assert patcher("apply", "--campaign", "c").exit_code == 0
    assert opened(github) == [(name, "main", "open") for name in NAMES]


def unfork(*more: str) -> tuple[int, str]:
    """Exit status, and what `unfork` says of the one repository."""
    done = patcher("unfork", "--campaign", "c", *more)
    return done.exit_code, done.stdout.splitlines()[1].split("  ")[-1].strip()


def test_a_fork_at_github_is_removed_once_no_review_needs_it(guest: GitHub) -> None:
    words = (*PUSH, "--fork", "--campaign", "c", "github:acme/moby")
    assert acts(*words) == (0, {"acme/moby": "opened"})
    code, did = unfork()
    assert (code, did) == (1, f"stays: {guest.url}/acme/moby/pull/1 is open")
    assert patcher("close", "c").exit_code == 0
    assert unfork("--dry-run") == (0, "would be removed")
    assert "bot/moby" in guest.known
    record = guest.repository("bot/moby").record
    made, record["created_at"] = record["created_at"], "2020-01-01T00:00:00Z"
    assert unfork() == (1, "stays: it was made before the campaign began, so not by it")
    record["created_at"] = made
    assert unfork() == (0, "removed")
    assert "bot/moby" not in guest.known
    assert "acme/moby" in guest.known
    assert unfork() == (0, "no fork of yours is found")


def test_a_fork_with_an_open_review_into_a_third_repository_stays(guest: GitHub) -> None:
    assert acts(*PUSH, "--fork", "--campaign", "c", "github:acme/moby")[0] == 0
    assert patcher("close", "c").exit_code == 0
    guest.heads_a_page = 1
    tip = guest.branches.tip("bot/moby", "main")
    assert tip is not None
    guest.branches.git("bot/moby", "branch", "earlier", "main")  # type: ignore[attr-defined]
    third = Pull(9, "ada", "t", "b", "bot/moby", "main", "old", tip)
    guest.repository("acme/tool").pulls.append(third)
    assert unfork() == (1, f"stays: {guest.url}/acme/tool/pull/9 is open")
    third.open = False
    assert unfork("--dry-run") == (0, "would be removed")
    odds: tuple[dict[str, object], ...] = (
        {"pageInfo": {"hasNextPage": False}, "nodes": None},
        {"pageInfo": {"hasNextPage": False}, "nodes": [None]},
        {"pageInfo": {"hasNextPage": False}, "nodes": [{"associatedPullRequests": None}]},
        {"pageInfo": {"hasNextPage": True, "endCursor": None}, "nodes": []},
        {"pageInfo": None, "nodes": []},
    )
    for odd in odds:
        with patch.object(guest, "query_heads", return_value={"repository": {"refs": odd}}):
            assert unfork() == (3, "failed")
        assert "bot/moby" in guest.known
    assert unfork() == (0, "removed")


def test_a_fork_of_another_name_is_found(guest: GitHub) -> None:
    guest.add("bot/moby")
    assert acts(*PUSH, "--fork", "--campaign", "c", "github:acme/moby")[0] == 0
    assert guest.pull("acme/moby").head_repo == "bot/moby-1"
    assert patcher("close", "c").exit_code == 0
    assert unfork() == (0, "removed")
    assert ("bot/moby" in guest.known, "bot/moby-1" in guest.known) == (True, False)


def test_a_repository_of_the_user_that_is_no_fork_stays(guest: GitHub) -> None:
    assert acts(*PUSH, "--fork", "--campaign", "c", "github:acme/moby")[0] == 0
    assert patcher("close", "c").exit_code == 0
    record = guest.repository("bot/moby").record
    record["fork"], record["parent"], record["source"] = False, None, None
    assert unfork() == (0, "no fork of yours is found")
    assert "bot/moby" in guest.known


def test_a_fork_that_was_renamed_before_its_name_was_taken_is_found(
    guest: GitHub, sandbox: Sandbox
) -> None:
    assert acts(*PUSH, "--fork", "--campaign", "c", "github:acme/moby")[0] == 0
    assert patcher("close", "c").exit_code == 0
    served = sandbox.root / "served/bot"
    guest.rename("bot/moby", "bot/mine")
    (served / "moby.git").rename(served / "mine.git")
    guest.add("bot/moby")
    assert unfork() == (0, "removed")
    assert ("bot/moby" in guest.known, "bot/mine" in guest.known) == (True, False)

"""The life of a review at each forge, from `apply --push --review` to its end."""

from __future__ import annotations

import json
import os
import time
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from patcher.cli import group
from patcher.forges import client, limits, reviewing
from patcher.reviews import opening
from tests.conftest import Sandbox
from tests.forges.bitbucket_worlds import BITBUCKETS, AtBitbucketCloud
from tests.forges.branches import GitBranches
from tests.forges.worlds import PATH, TOKEN, WORLDS, AtGitea, World
from tests.git.forges import as_gitea, as_gitlab, recorded
from tests.git.server import Server
from tests.sources.servers import Reply, Request

pytestmark = pytest.mark.campaigns

HEAD = "patcher/deny-af-alg"
EVERY: dict[str, type[World]] = WORLDS | BITBUCKETS


@pytest.fixture(params=EVERY)
def at(
    request: pytest.FixtureRequest, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A forge with an affected repository that can be cloned and pushed to."""
    for name in list(os.environ):
        starts = ("GITLAB_", "GITEA_", "BITBUCKET_", "CI_", "GH_", "GITHUB_")
        if name.startswith(starts) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    slept: list[float] = []
    monkeypatch.setattr(limits, "_limits", {})
    monkeypatch.setattr(limits, "monotonic", lambda: time.monotonic() + sum(slept))
    monkeypatch.setattr(limits, "sleep", slept.append)
    monkeypatch.setattr(client, "BACKOFF", 0.01)
    root = sandbox.root / "served"
    world = EVERY[request.param](GitBranches(root))
    with Server(root) as server:
        server.forge, world.forge.url = world.forge, f"{server.url}/ok"
        for name, value in world.tokens.items():
            monkeypatch.setenv(name, value.format(url=world.forge.url, token=TOKEN))
        work = sandbox.repository("work")
        sandbox.git(work, "clone", "-q", "--bare", str(work), str(root / f"{PATH}.git"))
        world.add(PATH)
        for login, level in (("me", "write"), ("bob", "write"), ("ann", "write")):
            world.let(login, level)
        yield world
    assert world.forge.wrong == []


def patcher(*arguments: str) -> Result:
    result = CliRunner().invoke(group, arguments)
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    assert TOKEN not in result.output
    return result


def act(at: World, *more: str) -> tuple[int, str | None]:
    """Exit status of `apply --review`, and what it did about the review."""
    source = f"{at.forge.url}/{PATH}.git"
    words = ("apply", "--push", "--review", "auto", "--proof", "off", "--campaign", "c")
    again = '"name": "c"' in patcher("status", "--format", "json").stdout
    given = ("apply", "--campaign", "c", *more) if again else (*words, *more, source)
    done = patcher(*given, "--format", "json")
    (target,) = json.loads(done.stdout)["targets"]
    assert target["error"] is None, target["error"]
    return done.exit_code, (target["review"] or {}).get("act")


def followed(*arguments: str) -> tuple[int, dict[str, Any]]:
    done = patcher(*arguments, "--format", "json")
    (found,) = json.loads(done.stdout)["reviews"]
    assert found["error"] is None, found["error"]
    return done.exit_code, found


def test_from_a_kill_between_push_and_review_to_the_merge(
    at: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(opening, "open_review", killed)
        words = ("apply", "--push", "--review", "auto", "--proof", "off", "--campaign", "c")
        source = f"{at.forge.url}/{PATH}.git"
        assert CliRunner().invoke(group, [*words, "-j", "1", source]).exit_code != 0
    assert at.branches.tip(PATH, HEAD) is not None
    assert at.own == []
    assert act(at, "--reviewer", "bob", "--label", "security") == (0, "opened")
    assert act(at, "--reviewer", "bob", "--label", "security") == (0, "unchanged")
    assert len(at.own) == 1
    assert followed("merge", "c")[0] == 1
    at.approve("bob")
    at.check("success")
    code, seen = followed("status", "c", "--reviews")
    assert (code, seen["life"], seen["approved"], seen["checks"]) == (0, "open", True, "passed")
    code, seen = followed("merge", "c")
    assert (code, seen["did"], seen["life"]) == (0, "merged", "merged")
    assert act(at) == (0, None)
    assert len(at.own) == 1


def test_from_a_draft_to_its_close(at: World) -> None:
    assert act(at, "--draft") == (0, "opened")
    assert followed("status", "c", "--reviews")[1]["draft"] is True
    assert followed("ready", "c")[1]["did"] == "made ready"
    assert followed("status", "c", "--reviews")[1]["draft"] is False
    assert act(at) == (0, "unchanged")
    assert act(at, "--title", "Deny {{ migrations[0].family }}") == (0, "updated")
    assert act(at) == (0, "unchanged")
    assert patcher("close", "c").exit_code == 0
    assert followed("status", "c", "--reviews")[1]["life"] == "closed"
    assert at.branches.tip(PATH, HEAD) is None
    # It was patcher that closed it.
    assert act(at) == (0, "opened")


def test_what_a_person_closed_stays_closed(at: World) -> None:
    assert act(at) == (0, "opened")
    at.close("ann")
    assert act(at) == (1, "closed by a person")
    if isinstance(at, AtBitbucketCloud):  # which opens none again
        assert act(at, "--reopen") == (0, "opened")
        assert act(at) == (0, "unchanged")
        assert len(at.own) == 2
        return
    assert act(at, "--reopen") == (0, "reopened")
    assert len(at.own) == 1


def test_a_base_that_is_fixed_closes_its_review(at: World, sandbox: Sandbox) -> None:
    assert act(at) == (0, "opened")
    work = sandbox.root / "work"
    sandbox.commit(work, {"docker-default": sandbox.fixed(sandbox.profile())})
    sandbox.git(work, "push", "-q", str(sandbox.root / f"served/{PATH}.git"), "main")
    done = patcher("refresh", "c", "--format", "json")
    (target,) = json.loads(done.stdout)["targets"]
    assert (done.exit_code, target["review"]["act"]) == (0, "closed")
    assert at.branches.tip(PATH, HEAD) is None
    assert len(at.own) == 1


@pytest.mark.parametrize("at", ["gitlab"], indirect=True)
def test_without_a_token_the_push_asks_for_the_review(
    at: World, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITLAB_TOKEN")
    url = f"{at.forge.url}/{PATH}/-/merge_requests/7"
    log = as_gitlab(sandbox.root / f"served/{PATH}.git", "View merge request for it:", f"  {url}")
    words = ("apply", "--push", "--review", "auto", "--proof", "off", "--label", "security")
    done = patcher(*words, "--team", "acme/core", "--format", "json", f"{at.forge.url}/{PATH}.git")
    (target,) = json.loads(done.stdout)["targets"]
    assert (done.exit_code, target["error"]) == (0, None)
    assert (target["review"]["act"], target["review"]["url"]) == ("opened", url)
    assert target["review"]["missed"] == ["team acme/core: a push cannot ask for it, a token can"]
    (sent,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert "merge_request.create" in sent["options"]
    assert "merge_request.target=main" in sent["options"]
    assert "merge_request.label=security" in sent["options"]
    # The branch does not move again, so that nobody is asked, and nothing is known of the review.
    done = patcher(*words, f"{at.forge.url}/{PATH}.git")
    assert done.exit_code == 3
    assert "it takes a token to know whether its review is open: set GITLAB_TOKEN" in done.stderr
    assert "/acme/moby/-/merge_requests/new?merge_request%5Bsource_branch%5D=" in done.stderr
    assert len(log.read_text().splitlines()) == 1


@pytest.mark.parametrize("at", ["gitlab", "gitea"], indirect=True)
def test_a_server_that_takes_no_push_options_pushes_nothing_in_silence(
    at: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITLAB_TOKEN", "GITEA_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    words = ("apply", "--push", "--review", "auto", "--proof", "off")
    done = patcher(*words, f"{at.forge.url}/{PATH}.git")
    assert done.exit_code == 3
    assert at.own == []
    assert "push options" in done.stderr or "it takes a token" in done.stderr


@pytest.mark.parametrize("at", ["gitlab", "gitea", "cloud"], indirect=True)
def test_where_the_token_may_not_push_the_review_comes_from_a_fork(
    at: World, sandbox: Sandbox
) -> None:
    if hasattr(at.forge, "known"):  # Bitbucket
        at.forge.repository(PATH).writers.discard("me")
    else:
        at.let("me", "read")
    assert act(at, "--fork") == (0, "opened")
    assert act(at) == (0, "unchanged")
    assert at.branches.tip(PATH, HEAD) is None
    (fork,) = {
        f"{each.parent.name}/{each.stem}" for each in sandbox.root.glob("served/*/*.git")
    } - {PATH}
    assert at.branches.tip(fork, HEAD) is not None
    assert len(at.own) == 1
    assert patcher("close", "c").exit_code == 0
    assert at.branches.tip(fork, HEAD) is None
    assert at.branches.tip(fork, "main") is not None


@pytest.fixture
def forked(at: World, sandbox: Sandbox) -> str:
    """The full name of the fork that a campaign opened its review from."""
    at.let("me", "read")
    assert act(at, "--fork") == (0, "opened")
    (fork,) = {
        f"{each.parent.name}/{each.stem}" for each in sandbox.root.glob("served/*/*.git")
    } - {PATH}
    return fork


def unfork(at: World, *more: str) -> tuple[int, str]:
    """Exit status, and what `unfork` says of the one fork; that nothing was changed where it says
    that."""
    before = len(at.forge.requests)
    done = patcher("unfork", "--campaign", "c", *more)
    did = done.stdout.splitlines()[1].split("  ")[-1].strip()
    writes = {each.method for each in at.forge.requests[before:]} - {"GET"}
    assert writes == ({"DELETE"} if did in ("removed", "failed") else set())
    return done.exit_code, did


TO_REMOVE = pytest.mark.parametrize("at", ["gitlab", "gitea"], indirect=True)


@TO_REMOVE
def test_a_fork_is_removed_once_no_review_needs_it(at: World, forked: str) -> None:
    code, did = unfork(at)
    assert (code, did.startswith("stays: http"), did.endswith(" is open")) == (1, True, True)
    assert patcher("close", "c").exit_code == 0
    assert unfork(at, "--dry-run") == (0, "would be removed")
    assert at.project(forked).fork_of == at.project().id
    assert unfork(at) == (0, "removed")
    with pytest.raises(client.RequestRefused):
        at.project(forked)
    assert unfork(at) == (0, "no fork of yours is found")


@TO_REMOVE
def test_the_branch_of_a_merged_review_goes_with_the_fork(at: World, forked: str) -> None:
    at.let("me", "write")
    at.approve("bob")
    at.check("success")
    assert followed("merge", "c")[1]["did"] == "merged"
    assert at.branches.tip(forked, HEAD) is not None
    assert unfork(at) == (0, "removed")


@TO_REMOVE
def test_a_fork_that_is_behind_holds_nothing_of_its_own(
    at: World, forked: str, sandbox: Sandbox
) -> None:
    assert patcher("close", "c").exit_code == 0
    commit(sandbox, PATH, "main")
    assert unfork(at) == (0, "removed")


def commit(sandbox: Sandbox, path: str, branch: str, start: str | None = None) -> None:
    """A person's commit on a branch that is served."""
    work = sandbox.root / f"work-{path.replace('/', '-')}"
    served = sandbox.root / f"served/{path}.git"
    sandbox.git(sandbox.root, "clone", "-q", str(served), str(work))
    if start is None:
        sandbox.git(work, "checkout", "-q", branch)
    else:
        sandbox.git(work, "checkout", "-q", "-b", branch, f"origin/{start}")
    sandbox.commit(work, {"more": "x"})
    sandbox.git(work, "push", "-q", "origin", branch)


@TO_REMOVE
@pytest.mark.parametrize(("branch", "start"), [(HEAD, None), ("mine", "main"), ("main", None)])
def test_a_fork_with_the_work_of_a_person_stays(
    at: World, forked: str, sandbox: Sandbox, branch: str, start: str | None
) -> None:
    if branch != HEAD:
        assert patcher("close", "c").exit_code == 0
    else:
        at.close()
    commit(sandbox, forked, branch, start)
    said = f"stays: refs/heads/{branch} has what is not in {PATH}"
    assert unfork(at) == (1, said)


@TO_REMOVE
def test_a_tag_and_a_note_of_a_person_stay(at: World, forked: str, sandbox: Sandbox) -> None:
    assert patcher("close", "c").exit_code == 0
    served = sandbox.root / f"served/{forked}.git"
    sandbox.git(served, "tag", "-a", "-m", "mine", "v1", "main")
    assert unfork(at) == (1, f"stays: refs/tags/v1 has what is not in {PATH}")
    sandbox.git(served, "update-ref", "refs/notes/commits", "refs/tags/v1")
    assert unfork(at) == (1, f"stays: refs/notes/commits and 1 more has what is not in {PATH}")


@TO_REMOVE
def test_a_fork_of_another_repository_stays(
    at: World, forked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever list the forge has it in."""
    assert patcher("close", "c").exit_code == 0
    answer = at.forge.answer

    def lies(request: Request) -> Reply:
        reply: Reply = answer(request)
        for each in reply.body if isinstance(reply.body, list) else [reply.body]:
            for parent in ("parent", "forked_from_project"):
                if isinstance(each, dict) and isinstance(each.get(parent), dict):
                    each[parent] = each[parent] | {"id": 999}
        return reply

    monkeypatch.setattr(at.forge, "answer", lies)
    assert unfork(at) == (1, f"stays: it is no fork of {PATH}")


@TO_REMOVE
def test_a_fork_that_was_there_before_the_campaign_stays(at: World, forked: str) -> None:
    assert patcher("close", "c").exit_code == 0
    record = at.record(forked)
    record["created_at"] = "2020-01-01T00:00:00Z"
    said = "stays: it was made before the campaign began, so not by it"
    assert unfork(at) == (1, said)
    del record["created_at"]
    assert unfork(at) == (1, "stays: its forge does not say when it was made")


@TO_REMOVE
def test_a_fork_with_an_open_review_of_another_branch_stays(
    at: World, forked: str, sandbox: Sandbox
) -> None:
    assert patcher("close", "c").exit_code == 0
    served = sandbox.root / f"served/{forked}.git"
    sandbox.git(served, "branch", "other", "main")
    wanted = at.wanted(head="other", head_project=forked)
    opened = at.reviews.create(at.client(), at.project(), wanted).review
    assert unfork(at) == (1, f"stays: {opened.url} is open")
    at.close()
    assert unfork(at, "--dry-run") == (0, "would be removed")


@TO_REMOVE
@pytest.mark.parametrize("where", ["above", "beside", "below"])
def test_a_fork_with_an_open_review_into_a_third_repository_stays(
    at: World, forked: str, sandbox: Sandbox, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert patcher("close", "c").exit_code == 0
    sandbox.git(sandbox.root / f"served/{forked}.git", "branch", "other", "main")
    parent = "forked_from_project" if hasattr(at.forge, "projects") else "parent"
    of = {"above": None, "beside": PATH, "below": forked}[where]
    at.add("third/moby", **({} if of is None else {parent: dict(at.record(of))}))
    at.branches.fork(PATH, "third/moby")
    if where == "above":
        at.record(PATH)[parent] = dict(at.record("third/moby"))
        at.record(forked)[parent] = dict(at.record(PATH))
    third = at.project("third/moby")
    wanted = at.wanted(head="other", head_project=forked)
    opened = at.reviews.create(at.client(), third, wanted).review
    assert unfork(at) == (1, f"stays: {opened.url} is open")
    at.reviews.close(at.client(), third, opened)
    with monkeypatch.context() as patch:
        patch.setattr(reviewing, "MOST_FORKS", 2)
        done = patcher("unfork", "--campaign", "c")
    assert done.exit_code == 3
    assert "has more than 2 forks, and each may have an open review from it" in done.stderr
    assert unfork(at, "--dry-run") == (0, "would be removed")


@TO_REMOVE
def test_a_fork_that_cannot_be_removed_is_a_failure(at: World, forked: str) -> None:
    assert patcher("close", "c").exit_code == 0
    answer = at.forge.answer

    def refused(request: Request) -> Reply:
        if request.method == "DELETE":
            at.forge.requests.append(request)
            return Reply(403, {"message": "no right to delete"})
        reply: Reply = answer(request)
        return reply

    at.forge.answer = refused
    assert unfork(at) == (3, "failed")
    done = patcher("unfork", "--campaign", "c")
    (line,) = done.stderr.splitlines()
    assert line.endswith("denies access: no right to delete")


@pytest.mark.parametrize("at", ["cloud"], indirect=True)
def test_forks_at_bitbucket_are_left_to_a_person(at: World) -> None:
    assert act(at) == (0, "opened")
    assert unfork(at) == (1, "is not looked at: remove forks at bitbucket by hand")


def test_unfork_needs_a_campaign(sandbox: Sandbox) -> None:
    assert patcher("unfork").exit_code == 2
    assert patcher("unfork", "--campaign", "none").exit_code == 2


@pytest.mark.parametrize("at", ["gitea"], indirect=True)
@pytest.mark.parametrize("names_its_branch", [True, False])
def test_what_a_push_opened_is_followed_and_closed_with_a_token(
    at: World, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, names_its_branch: bool
) -> None:
    """Gitea does not say for which branch a pull request by AGit is; its text does."""
    assert isinstance(at, AtGitea)
    place = sandbox.root / "served" / f"{PATH}.git"
    url = f"{at.forge.url}/{PATH}/pulls/1"
    log = as_gitea(place, f"Visit the existing pull request: {url}", place="refs/pull/1/head")
    with monkeypatch.context() as patch:
        patch.delenv("GITEA_TOKEN")
        assert act(at) == (0, "opened")
    (sent,) = recorded(log)
    told = next(each for each in sent["options"] if each.startswith("description={base64}"))
    body = b64decode(told.partition("}")[2]).decode()
    if not names_its_branch:
        body = body.replace(f"`{HEAD}`", "").replace(" on the branch ", " ")
    at.forge.new(at.record(PATH), "main", sent["refs"][0][1], body)
    other = at.forge.new(at.record(PATH), "main", sent["refs"][0][1], "Someone else's")
    at.approve("bob")
    assert followed("status", "c", "--reviews")[1]["life"] == "open"
    done = patcher("close", "c", "--format", "json")
    (target,) = json.loads(done.stdout)["targets"]
    assert other["open"] is True
    if names_its_branch:
        assert (done.exit_code, target["review"]["act"]) == (0, "closed")
        assert followed("status", "c", "--reviews")[1]["life"] == "closed"
    else:
        assert done.exit_code == 3
        assert f"{url} was opened by a push" in target["error"]
        assert at.own[0]["open"] is True

"""The life of a review at each forge, from `apply --push --review` to its end."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from patcher.cli import group
from patcher.forges import client, limits
from patcher.reviews import opening
from tests.conftest import Sandbox
from tests.forges.bitbucket_worlds import BITBUCKETS, AtBitbucketCloud
from tests.forges.branches import GitBranches
from tests.forges.worlds import PATH, TOKEN, WORLDS, World
from tests.git.forges import as_gitlab
from tests.git.server import Server

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

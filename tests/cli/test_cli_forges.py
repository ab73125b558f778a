"""Repositories of a forge that is asked for a list, and of the git server that has them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from patcher.cli import group
from patcher.forges import client, limits
from tests.conftest import Sandbox
from tests.git.server import Server
from tests.sources.servers import GitHub, Reply, serving

TOKEN = "t0ken-that-nobody-may-see"
COMMANDS = [["repos"], ["scan"], ["apply", "--push", "--proof", "off", "--campaign", "c"]]
LIMITED = Reply(403, {"message": "You have exceeded a secondary rate limit. Please wait."})


def patcher(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(group, [str(each) for each in arguments])
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    assert TOKEN not in result.output
    return result


def report(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    result = patcher(*arguments, "--format", "json")
    return result.exit_code, json.loads(result.stdout)["targets"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits for a rate limit take no time: how long each would have been."""
    slept: list[float] = []
    monkeypatch.setattr(limits, "_limits", {})
    monkeypatch.setattr(limits, "monotonic", lambda: time.monotonic() + sum(slept))
    monkeypatch.setattr(limits, "sleep", slept.append)
    return slept


@pytest.fixture
def github(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> Iterator[GitHub]:
    """A GitHub with two affected repositories, which git can clone and push to."""
    for name in list(os.environ):
        if name.startswith(("GH_", "GITHUB_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(client, "BACKOFF", 0.01)
    forge, work = GitHub(), sandbox.repository()
    with Server(sandbox.root / "served") as server, serving(forge):
        web = f"{server.url}/ok"
        for name in ("acme/moby", "acme/tool"):
            place = server.root / f"{name}.git"
            sandbox.bare(work, place)
            forge.add(name, clone_url=f"{web}/{name}.git")
        monkeypatch.setenv("GITHUB_API_URL", forge.api)
        monkeypatch.setenv("GITHUB_SERVER_URL", web)
        yield forge


@pytest.mark.parametrize("command", COMMANDS)
def test_a_secondary_rate_limit_is_waited_for_longer_each_time(
    github: GitHub, clock: list[float], command: list[str]
) -> None:
    github.instead = [LIMITED, LIMITED, LIMITED]
    done = patcher(*command, "github:acme")
    assert done.exit_code == (1 if command == ["scan"] else 0), done.stderr
    assert "2 repositories (2 of github:acme)" in done.stderr
    assert [round(each) for each in clock] == [60, 120, 240]
    for minutes in ("waiting 60 s", "waiting 120 s", "waiting 240 s"):
        assert f"rate limit of {github.url[7:]}: {minutes}" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_secondary_rate_limit_that_lasts_is_a_failure_and_no_denial(
    github: GitHub, clock: list[float], command: list[str]
) -> None:
    github.instead = [LIMITED] * 20
    done = patcher(*command, "github:acme")
    assert done.exit_code == 3
    assert "is used up: it is lifted in" in done.stderr
    assert "denies" not in done.stderr
    assert sum(clock) <= client.MOST_WAITING
    assert "no AppArmor profile" not in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "variable", ["GITHUB_TOKEN", "GH_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"]
)
def test_a_token_that_is_not_taken_is_named_by_its_own_variable(
    github: GitHub, monkeypatch: pytest.MonkeyPatch, command: list[str], variable: str
) -> None:
    monkeypatch.setenv(variable, f"wrong-{TOKEN}")
    done = patcher(*command, "github:acme")
    assert done.exit_code == 3
    assert f" does not take the token in {variable}: Bad credentials\n" in done.stderr
    assert len(github.requests) == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_a_list_that_is_cut_short_is_a_failure_though_all_in_it_is_done(
    github: GitHub, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    github.users = {TOKEN: "me"}
    partial = {"X-GitHub-SSO": "partial-results; organizations=21955855"}
    github.instead = [Reply(200, github.owners["acme"][:1], partial)]
    done = patcher(*command, "github:acme")
    assert done.exit_code == 3
    assert "acme/moby" in done.stdout and "acme/tool" not in done.stdout
    assert "the token in GITHUB_TOKEN is not authorized: authorize it" in done.stderr


def test_the_forge_knows_the_default_branch_of_a_head_that_names_none(
    github: GitHub, sandbox: Sandbox
) -> None:
    place = sandbox.root / "served/acme/moby.git"
    sandbox.git(place, "branch", "-m", "main", "trunk")
    sandbox.git(place, "branch", "other", "trunk")
    sandbox.git(place, "symbolic-ref", "HEAD", "refs/heads/main")
    url = github.owners["acme"][0]["clone_url"]
    result = patcher("scan", str(url))
    assert result.exit_code == 3 and "--base" in result.stderr
    github.owners["acme"][0]["default_branch"] = "trunk"
    status, (target,) = report("scan", "github:acme/moby")
    assert (status, target["base"], target["status"]) == (1, "refs/heads/trunk", "affected")
    apply = ["apply", "--push", "--proof", "off", "--campaign", "c"]
    for more in (["github:acme/moby"], ["--retry", "all"]):
        status, (target,) = report(*apply, *more)
        done = "pushed" if more[0] != "--retry" else "up to date"
        assert (status, target["base"], target["outcome"]) == (0, "refs/heads/trunk", done)
    assert sandbox.git(place, "rev-parse", f"{target['branch']}^") == sandbox.git(
        place, "rev-parse", "trunk"
    )
    github.owners["acme"][0]["default_branch"] = "\ud800"  # no text: no branch is called so
    result = patcher(*apply[:-1], "d", "github:acme/moby")
    assert result.exit_code == 3 and "--base" in result.stderr

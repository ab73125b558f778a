"""A pull request at Gitea or Forgejo by a push alone (AGit), without a token."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from patcher.cli import group
from patcher.git import remote
from tests.conftest import Sandbox
from tests.git.forges import as_gitea, recorded
from tests.git.server import Server
from tests.sources.servers import Record

PATH = "acme/moby"


class Gitea(NamedTuple):
    url: str
    place: Path


@pytest.fixture
def gitea(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gitea]:
    for name in list(os.environ):
        starts = ("GERRIT_", "GITLAB_", "GITEA_", "BITBUCKET_", "CI_", "GH_", "GITHUB_")
        if name.startswith(starts) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(remote, "RETRIES", remote.Retries(2, 0.01, 0.02, 0.01))
    root = sandbox.root / "served"
    work = sandbox.repository("work")
    place = root / f"{PATH}.git"
    sandbox.git(work, "clone", "-q", "--bare", str(work), str(place))
    with Server(root) as server:
        monkeypatch.setenv("GITEA_SERVER_URL", f"{server.url}/ok")
        yield Gitea(f"{server.url}/ok", place)


def applied(at: Gitea, *more: str, review: str = "forgejo") -> tuple[int, Record]:
    words = ("apply", "--push", "--proof", "off", "--review", review, *more)
    done = CliRunner().invoke(group, [*words, f"{at.url}/{PATH}.git", "--format", "json"])
    (target,) = json.loads(done.stdout)["targets"]
    return done.exit_code, target


@pytest.mark.parametrize("review", ["gitea", "forgejo", "auto"])
def test_the_push_opens_it_and_the_same_commit_is_pushed_again(
    gitea: Gitea, sandbox: Sandbox, review: str
) -> None:
    url = f"{gitea.url}/{PATH}/pulls/7"
    log = as_gitea(gitea.place, f"Visit the existing pull request: {url}")
    code, target = applied(gitea, "--label", "x", review=review)
    assert (code, target["error"]) == (0, None)
    assert (target["review"]["act"], target["review"]["url"]) == ("opened", url)
    assert target["review"]["missed"] == ["label x: a push cannot ask for it, a token can"]
    assert "it is not known whether this pull request is new" in target["note"]
    (sent,) = recorded(log)
    assert [ref for _, _, ref in sent["refs"]] == ["refs/for/main"]
    assert "topic=patcher/deny-af-alg" in sent["options"]
    assert "force-push=true" in sent["options"]
    assert "title=apparmor: deny network alg" in sent["options"]
    assert sandbox.git(gitea.place, "branch", "--list", "patcher/*") == ""
    # Another run makes the very same commit, of which Gitea says that it is there.
    as_gitea(gitea.place, refusal="new commit is same with old commit")
    code, target = applied(gitea, "--label", "x", review=review)
    assert (code, target["error"], target["outcome"]) == (0, None, "up to date")
    first, second = recorded(log)
    assert first["refs"] == second["refs"]


def test_a_refusal_is_a_failure(gitea: Gitea) -> None:
    as_gitea(gitea.place, refusal="pull requests are off")
    code, target = applied(gitea)
    assert code == 3
    assert "pull requests are off" in target["error"]


def test_a_server_that_names_no_pull_request_is_a_failure(gitea: Gitea) -> None:
    as_gitea(gitea.place, "Thank you.")
    code, target = applied(gitea)
    assert code == 3
    assert "it is pushed to refs/for/main, and the server names no pull request" in target["error"]
    assert "GITEA_TOKEN" in target["error"]


def test_where_the_review_branch_is_there_no_second_one_is_asked_for(
    gitea: Gitea, sandbox: Sandbox
) -> None:
    log = as_gitea(gitea.place, f"Visit the existing pull request: {gitea.url}/{PATH}/pulls/7")
    sandbox.git(gitea.place, "branch", "patcher/deny-af-alg", "main")
    code, target = applied(gitea)
    assert code == 3
    assert "it takes a token to know whether its review is open" in target["error"]
    assert recorded(log) == []

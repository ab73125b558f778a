"""A server that shows no branch: is there none, or may this user not see them?"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from patcher.cli import group
from patcher.git import remote
from tests.conftest import Sandbox
from tests.git.server import PASSWORD, USER, Server

HIDDEN = "[uploadpack]\n\thideRefs = refs/heads\n\thideRefs = HEAD\n"


@pytest.fixture
def server(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in list(os.environ):
        starts = ("GERRIT_", "GITLAB_", "GITEA_", "BITBUCKET_", "CI_", "GH_", "GITHUB_")
        if name.startswith(starts) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(remote, "RETRIES", remote.Retries(2, 0.01, 0.02, 0.01))
    root = sandbox.root / "served"
    work = sandbox.repository("work")
    for name in ("empty", "hidden", "half"):
        place = root / f"{name}.git"
        if name == "empty":
            sandbox.git(sandbox.root, "init", "-q", "--bare", str(place))
            continue
        sandbox.bare(work, place)
        # Gerrit lists what a user may read, and says nothing of the rest.
        if name == "half":
            sandbox.git(place, "update-ref", "refs/meta/config", "HEAD")
        with (place / "config").open("a") as config:
            config.write(HIDDEN)
    with Server(root) as running:
        yield running


def scanned(source: str | Path, *more: str) -> tuple[int, dict[str, Any]]:
    command = ["scan", "--format", "json", *more, str(source)]
    done = CliRunner().invoke(group, command)
    (target,) = json.loads(done.stdout)["targets"]
    return done.exit_code, target


@pytest.mark.parametrize("more", [(), ("--base", "main"), ("--base", "release/*")])
@pytest.mark.parametrize("name", ["empty", "hidden", "half"])
def test_without_credentials_no_branch_is_no_clean_answer(
    server: Server, name: str, more: tuple[str, ...]
) -> None:
    code, target = scanned(f"{server.url}/ok/{name}.git", *more)
    assert (code, target["cause"]) == (3, "authentication"), target
    assert "it shows no branch without credentials" in target["error"]


def test_with_credentials_or_by_a_path_an_empty_repository_is_empty(server: Server) -> None:
    there = f"{USER}:{PASSWORD}@{server.host}/401/empty.git"
    for source in (f"http://{there}", f"file://{server.root}/empty.git"):
        code, target = scanned(source)
        assert (code, target["error"]) == (0, None)
        assert "nothing to do" in target["note"]


def test_a_forge_that_hides_no_single_branches_is_believed(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_HOST", f"{server.url}/ok")
    code, target = scanned(f"{server.url}/ok/empty.git")
    assert (code, target["error"]) == (0, None)


def test_gerrit_hides_branches_from_users_as_well(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GERRIT_URL", f"{server.url}/401")
    there = f"{USER}:{PASSWORD}@{server.host}/401/hidden.git"
    code, target = scanned(f"http://{there}")
    assert (code, target["cause"]) == (3, "authentication")
    assert "Gerrit hides those that a user may not read" in target["error"]

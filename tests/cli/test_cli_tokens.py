"""Tokens from where a campaign file says: a variable, or the login of gh or glab."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from patcher.cli import group
from tests.conftest import Sandbox
from tests.sources.servers import GitHub, GitLab, serving

TOKEN = "t0ken-that-nobody-may-see"


@pytest.fixture
def programs(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the PATH, and no token in the environment."""
    for name in list(os.environ):
        if name.startswith(("GH_", "GITHUB_", "GITLAB_", "CI_")):
            monkeypatch.delenv(name)
    place = sandbox.root / "bin"
    place.mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    monkeypatch.chdir(sandbox.root)
    return place


def program(place: Path, script: str) -> None:
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)


def repos(forges: str, source: str) -> Result:
    Path("c.yaml").write_text(f"sources: ['{source}']\nforges: [{forges}]\n")
    done = CliRunner().invoke(group, ["repos", "--file", "c.yaml", "--format", "urls"])
    assert TOKEN not in done.output
    assert isinstance(done.exception, SystemExit | None)
    return done


@pytest.mark.parametrize("way", ["env: MINE", "login: gh"])
def test_a_token_comes_from_where_the_file_says(
    programs: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    program(programs / "gh", f'test "$*" = "auth token --hostname $HOST" && echo {TOKEN}')
    monkeypatch.setenv("MINE", TOKEN)
    forge = GitHub()
    forge.users[TOKEN] = "me"
    with serving(forge):
        forge.add("acme/moby")
        monkeypatch.setenv("GITHUB_API_URL", forge.api)
        monkeypatch.setenv("GITHUB_SERVER_URL", forge.url)
        monkeypatch.setenv("HOST", forge.url.partition("://")[2])
        done = repos(f"{{host: '{forge.url}', forge: github, token: {{{way}}}}}", "github:acme")
        assert done.exit_code == 0, done.stderr
        assert {each.authorization for each in forge.requests} == {f"Bearer {TOKEN}"}
        forge.requests.clear()
        done = repos(f"{{host: other.org, forge: github, token: {{{way}}}}}", "github:acme")
        assert done.exit_code == 0, done.stderr
        assert {each.authorization for each in forge.requests} == {""}


def test_glab_knows_the_token_of_a_gitlab(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(programs / "glab", f'test "$*" = "config get token --host $HOST" && echo {TOKEN}')
    forge = GitLab()
    with serving(forge):
        forge.add("acme/moby")
        monkeypatch.setenv("GITLAB_HOST", forge.url)
        monkeypatch.setenv("HOST", forge.url.partition("://")[2])
        done = repos(
            f"{{host: '{forge.url}', forge: gitlab, token: {{login: glab}}}}", "gitlab:acme"
        )
        assert done.exit_code == 0, done.stderr
        assert forge.requests
        assert all(TOKEN in str(each.headers) for each in forge.requests)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (None, "gh, which should know the token for example.org, is not installed"),
        ("exit 4", "gh gives no token for example.org: run `gh auth login --hostname example.org`"),
        ("exit 0", "gh gives no token for example.org: run `gh auth login"),
        ("printf '\\033[2Jno oauth token' >&2; exit 1", "example.org: \\x1b[2Jno oauth token: run"),
    ],
)
def test_a_login_that_is_not_there_is_a_clear_line(
    programs: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, says: str
) -> None:
    if script is None:
        (programs / "git").symlink_to("/usr/bin/git")
        monkeypatch.setenv("PATH", str(programs))
    else:
        program(programs / "gh", script)
    done = repos("{host: example.org, forge: github, token: {login: gh}}", "github:@example.org/a")
    assert done.exit_code == 3
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_token_goes_over_no_plain_network(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE", TOKEN)
    monkeypatch.setenv("GITLAB_HOST", "http://git.example")
    done = repos("{host: 'http://git.example', forge: gitlab, token: {env: MINE}}", "gitlab:acme")
    assert done.exit_code == 3
    assert "a token is not sent over http: use https" in done.stderr

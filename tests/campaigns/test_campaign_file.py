"""``patcher init && patcher apply``, with the file alone: each repository and base gets its review,
and no second run changes anything."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from patcher.cli import group
from patcher.forges import limits, tokens
from tests.conftest import Sandbox
from tests.forges.branches import GitBranches
from tests.forges.github import GitHub
from tests.git.server import Server
from tests.sources.servers import serving

pytestmark = pytest.mark.campaigns

TOKEN = "t0ken-that-nobody-may-see"
NAMES = [f"acme/fork-{number:02}" for number in range(20)]
BASES = ("main", "release/1.7")


def patcher(*arguments: str) -> Result:
    result = CliRunner().invoke(group, arguments)
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    assert TOKEN not in result.output
    return result


@pytest.fixture
def github(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    """A GitHub with 20 affected repositories of two branches, and none of its tokens in the
    variables that GitHub's own programs look at."""
    for name in list(os.environ):
        if name.startswith(("GH_", "GITHUB_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(limits, "_limits", {})
    monkeypatch.setattr(limits, "BETWEEN_WRITES", 0.0)
    forge = GitHub(GitBranches(sandbox.root / "served"))
    forge.users[TOKEN] = "bot"
    work = sandbox.repository("work")
    sandbox.git(work, "branch", "release/1.7")
    with Server(sandbox.root / "served") as server, serving(forge):
        forge.clone_base = f"{server.url}/ok"
        for name in NAMES:
            place = server.root / f"{name}.git"
            sandbox.bare(work, place)
            forge.add(name)
            forge.repository(name).roles |= {"bot": "write", "ada": "write", "bob": "write"}
            forge.repository(name).labels.append("security")
        monkeypatch.setenv("GITHUB_API_URL", forge.api)
        monkeypatch.setenv("GITHUB_SERVER_URL", forge.clone_base)
        monkeypatch.setenv("ACME_TOKEN", TOKEN)
        place = sandbox.root / "campaign"
        place.mkdir()
        monkeypatch.chdir(place)
        yield forge


def pulls(forge: GitHub) -> Counter[tuple[str, str, str, bool]]:
    """Repository, base, head and whether it is open, of every pull request."""
    forge.sync()
    return Counter(
        (name, pull.base, pull.head, pull.open)
        for name in NAMES
        for pull in forge.repository(name).pulls
    )


def token_from_a_variable(forge: GitHub) -> None:
    """Say in the file where the token comes from."""
    text = f"forges: [{{host: '{forge.clone_base}', forge: github, token: {{env: ACME_TOKEN}}}}]\n"
    append(text)


def append(text: str) -> None:
    with Path("patcher.yaml").open("a") as file:
        file.write(text)


def writes(forge: GitHub) -> int:
    return sum(each.method != "GET" for each in forge.requests)


def test_the_file_alone_runs_a_campaign(sandbox: Sandbox, github: GitHub) -> None:
    done = patcher(
        *("init", "--push", "--review", "auto", "--reviewer", "ada", "--label", "security"),
        *("--base", "main", "--base", "release/*", "--proof", "off", "--campaign", "af-alg"),
        "github:acme",
    )
    assert done.exit_code == 0, done.stderr
    token_from_a_variable(github)
    append("repositories: [{match: fork-07, reviewers: bob, draft: true}]\n")
    done = patcher("apply")
    assert done.exit_code == 0, done.stderr
    review = "patcher/deny-af-alg"
    heads = {"main": review, "release/1.7": f"{review}-release/1.7"}
    wanted = Counter((name, base, heads[base], True) for name in NAMES for base in BASES)
    assert pulls(github) == wanted
    assert wanted.total() == 40
    for name in NAMES:
        for pull in github.repository(name).pulls:
            assert pull.reviewers == (["bob"] if name.endswith("07") else ["ada"])
            assert pull.draft is name.endswith("07")
    rows = patcher("status", "af-alg", "--format", "jsonl").stdout.splitlines()
    assert Counter(json.loads(row)["stage"] for row in rows) == {"reviewed": 40}

    before = writes(github)
    refs = [sandbox.git(sandbox.root / f"served/{name}.git", "for-each-ref") for name in NAMES]
    for _ in range(2):
        again = patcher("apply")
        assert again.exit_code == 0, again.stderr
    assert pulls(github) == wanted
    assert writes(github) == before
    assert refs == [
        sandbox.git(sandbox.root / f"served/{name}.git", "for-each-ref") for name in NAMES
    ]


def test_a_campaign_remembers_where_its_tokens_come_from(github: GitHub) -> None:
    """The variable and not the token, for the commands that take its name alone."""
    patcher(
        *("init", "--push", "--review", "auto", "--proof", "off", "--match", "fork-00"),
        *("--campaign", "c", "github:acme"),
    )
    token_from_a_variable(github)
    assert patcher("apply").exit_code == 0
    for place in (Path(os.environ["PATCHER_STATE_DIR"]) / "ledger.db").parent.iterdir():
        assert place.is_dir() or TOKEN.encode() not in place.read_bytes()
    tokens.use(())
    done = patcher("status", "c", "--reviews")
    assert done.exit_code == 0, done.stderr
    assert "/pull/1" in done.stdout
    tokens.use(())
    done = patcher("close", "c")
    assert done.exit_code == 0, done.stderr
    assert [pull.open for pull in github.repository(NAMES[0]).pulls] == [False]


def test_what_is_changed_in_the_file_reaches_the_open_reviews(github: GitHub) -> None:
    patcher(
        *("init", "--push", "--review", "auto", "--proof", "off", "--match", "fork-0[01]"),
        *("--campaign", "c", "github:acme"),
    )
    token_from_a_variable(github)
    assert patcher("apply").exit_code == 0
    assert pulls(github).total() == 2
    assert patcher("init", "--update", "--label", "security").exit_code == 0
    append("repositories: [{match: fork-01, reviewers: [bob]}]\n")
    done = patcher("apply")
    assert done.exit_code == 0, done.stderr
    assert pulls(github).total() == 2
    found = [github.repository(name).pulls[0] for name in NAMES[:2]]
    assert [pull.labels for pull in found] == [["security"], ["security"]]
    assert [pull.reviewers for pull in found] == [[], ["bob"]]

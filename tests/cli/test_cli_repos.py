"""``patcher repos``, and sources as scan, diff and apply take them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from patcher.cli import group
from patcher.forges import client
from tests.schemas import described
from tests.sources.servers import GitHub, Reply, serving

if TYPE_CHECKING:
    from tests.conftest import Sandbox

TOKEN = "t0ken-that-nobody-may-see"


def patcher(*arguments: str | Path, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(group, [str(argument) for argument in arguments], input=stdin)
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    assert TOKEN not in result.output
    return result


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[GitHub]:
    server = GitHub()
    for name in list(os.environ):
        if name.startswith(("GH_", "GITHUB_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(client, "BACKOFF", 0.01)
    with serving(server):
        monkeypatch.setenv("GITHUB_API_URL", server.api)
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        server.users = {TOKEN: "me"}
        server.add("acme/moby", fork=True, default_branch="master")
        server.add("acme/old", archived=True)
        server.add("acme/tool", topics=["docker"], pushed_at="2020-01-01T00:00:00Z")
        yield server


def test_a_table_and_the_number_of_what_would_be_touched(github: GitHub) -> None:
    result = patcher("repos", "github:acme", "--archived", "include")
    assert result.exit_code == 0
    url = f"{github.url}/acme"
    assert result.stdout.splitlines() == [
        f"{'repository'.ljust(len(url) + 9)}  branch  fork  archived  last push",
        f"{url}/moby.git  master  yes   no        2026-01-26",
        f"{url}/old.git   main    no    yes       2026-01-26",
        f"{url}/tool.git  main    no    no        2020-01-01",
    ]
    assert result.stderr == "patcher: 3 repositories (3 of github:acme)\n"


def test_what_filters_pass_over_is_counted(github: GitHub) -> None:
    def names(*options: str) -> tuple[list[str], str]:
        result = patcher("repos", "github:acme", "--format", "urls", *options)
        assert result.exit_code == 0
        return [Path(url).stem for url in result.stdout.split()], result.stderr.strip()

    assert names() == (
        ["moby", "tool"],
        "patcher: 2 repositories (2 of github:acme; 1 archived skipped)",
    )
    assert names("--forks", "only", "-q") == (["moby"], "")
    assert names("--topic", "docker", "-q") == (["tool"], "")
    assert names("--pushed-since", "2025-01-01", "-q") == (["moby"], "")
    result = patcher("repos", "github:acme", "--visibility", "private")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        "patcher: 0 repositories (0 of github:acme; 2 by visibility, 1 archived skipped)",
        "patcher: --visibility private matches 0 repositories",
    ]
    assert names("--match", "*/m*", "--match", "*/old", "-q", "--archived", "only") == (["old"], "")
    assert names("--skip", "tool", "-q") == (["moby"], "")


def test_a_filter_on_what_is_not_known_says_so_once(github: GitHub) -> None:
    result = patcher(
        "repos", "https://example.org/a/b", "https://example.org/c/d", "--forks", "only"
    )
    assert result.exit_code == 0 and result.stdout.count("https://") == 2
    assert result.stderr.splitlines() == [
        "patcher: --forks: whether they are forks of some repositories is not known; those are "
        "kept",
        "patcher: 2 repositories (2 URLs)",
    ]


def test_urls_are_a_list(github: GitHub, sandbox: Sandbox, tmp_path: Path) -> None:
    place = sandbox.repository("with blanks # and more")
    rows = tmp_path / "rows.csv"
    rows.write_text(f"url,base\nhttps://example.org/a/b,main release/1\n{place},main\n")
    first = patcher("repos", "--from", rows, "github:acme", "--format", "urls")
    assert first.exit_code == 0
    assert first.stdout.splitlines() == [
        f"{github.url}/acme/moby.git",
        f"{github.url}/acme/tool.git",
        "https://example.org/a/b main release/1",
        f"{place}\tmain",
    ]
    again = patcher("repos", "--from", "-", "--format", "urls", stdin=first.stdout)
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    document = patcher("repos", "--from", "-", "--format", "json", stdin=first.stdout).stdout
    again = patcher("repos", "--from", "-", "--format", "urls", "-q", stdin=document)
    assert (again.exit_code, again.output) == (0, first.stdout)


def test_json(github: GitHub, sandbox: Sandbox) -> None:
    place = sandbox.repository()
    result = patcher("repos", place, "github:acme", "--format", "json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["schema"] == 1
    nothing = dict.fromkeys(
        ["default_branch", "fork", "archived", "visibility", "topics", "pushed_at", "parent"]
    )
    assert document["repositories"][0] == {"path": str(place), "bases": [], **nothing}
    assert document["repositories"][1] == {
        "url": f"{github.url}/acme/moby.git",
        "bases": [],
        "default_branch": "master",
        "fork": True,
        "archived": False,
        "visibility": "public",
        "topics": [],
        "pushed_at": "2026-01-26T19:06:43+00:00",
        "parent": None,
    }
    described("repos", "repositories", document)
    lines = patcher("repos", place, "github:acme", "--format", "jsonl").stdout.splitlines()
    for line in map(json.loads, lines):
        described("repos", "repository_line", line)
    assert list(map(json.loads, lines)) == [{"schema": 1, **x} for x in document["repositories"]]
    assert json.loads(patcher("repos", "github:user/me", "--format", "json").stdout) == {
        "schema": 1,
        "repositories": [],
    }


def test_a_source_that_fails_is_told_and_the_others_are_listed(github: GitHub) -> None:
    github.instead = [Reply(404, {"message": "Not Found"})]
    result = patcher("repos", "github:none", "https://example.org/a/b", "-q")
    assert result.exit_code == 3
    assert "https://example.org/a/b" in result.stdout
    assert result.stderr.startswith("patcher: github:none: 127.0.0.1:")
    assert len(result.stderr.splitlines()) == 1


def test_a_name_that_no_line_can_say(sandbox: Sandbox) -> None:
    sandbox.repository("a\nb")
    two = sandbox.repository("caf\udce9")
    done = subprocess.run(
        [sys.executable, "-m", "patcher", "repos", str(sandbox.root), "--format", "urls"],
        capture_output=True,
    )
    assert done.returncode == 3
    assert done.stdout == os.fsencode(two) + b"\n"
    assert rb"a\nb: a line cannot say this name: use --format json" in done.stderr


def test_names_are_escaped_in_a_table(sandbox: Sandbox) -> None:
    sandbox.repository("a\x1b[2J\u202eb")
    result = patcher("repos", sandbox.root)
    assert r"a\x1b[2J\u202eb" in result.stdout and "\x1b" not in result.output


def test_plain_paths_are_as_quiet_as_ever(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    for command in ("repos", "scan", "diff", "apply"):
        result = patcher(command, place)
        assert result.stderr == "" and result.stdout


def test_a_scan_of_a_list(sandbox: Sandbox, tmp_path: Path) -> None:
    one, two = sandbox.repository("one"), sandbox.repository("two")
    file = tmp_path / "list"
    file.write_text(f"{one}\n{two}/\n/nowhere\n")
    result = patcher("scan", "--from", file)
    assert result.exit_code == 3
    assert "2 repositories" in result.stdout or "3 repositories" in result.stdout
    assert result.stderr.splitlines() == [
        f"patcher: 2 repositories (2 of {file})",
        f"patcher: {file}:3: /nowhere: no such file or directory",
    ]
    result = patcher("apply", "--from", file, "--skip", "two", "-q")
    assert sandbox.git(one, "branch", "--list", "patcher/*") != ""
    assert sandbox.git(two, "branch", "--list", "patcher/*") == ""
    result = patcher("apply", one, "--from", "-", "--match", "two", stdin=str(two))
    assert sandbox.git(two, "branch", "--list", "patcher/*") != ""
    assert result.stderr.endswith("(0 paths, 1 of standard input; 1 by name skipped)\n")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--pushed-since", "soon"], "'soon' is no date: write it as 2026-01-31, or as 12h, 30d"),
        (["--archived", "maybe"], "'maybe' is not one of 'include', 'exclude', 'only'"),
        (["--visibility", "secret"], "'secret' is not one of"),
        (["--format", "xml"], "'xml' is not one of"),
    ],
)
def test_wrong_use(options: list[str], error: str) -> None:
    result = patcher("repos", *options)
    assert result.exit_code == 2 and error in result.stderr


def test_help_says_what_each_form_is() -> None:
    text = patcher("repos", "--help").stdout
    for form in ("github:ORG", "github:user/NAME", "github:ORG/REPO", "github:search/QUERY"):
        assert form in text
    for form in ("gitlab:GROUP[/SUB]", "gitea:HOST/ORG", "./github:x", "GITHUB_TOKEN", "GH_HOST"):
        assert form in text

"""What is said to run next does what the user meant."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from patcher.cli import group
from tests.conftest import Sandbox
from tests.git.server import PASSWORD, USER, Server


def patcher(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(group, [str(each) for each in arguments])
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    return result


def following(done: Result) -> list[list[str]]:
    """The commands of the line that says what to do next."""
    line = done.stdout.splitlines()[-1]
    assert line.startswith("Next: ")
    return [shlex.split(command)[1:] for command in re.findall("`([^`]*)`", line)]


def branches(sandbox: Sandbox, place: Path) -> list[str]:
    refs = sandbox.git(place, "for-each-ref", "--format=%(refname:short)", "refs/heads/patcher")
    return refs.splitlines()


@pytest.fixture
def places(sandbox: Sandbox) -> list[Path]:
    """Affected repositories with a release branch."""
    found = []
    for name in ("one two", "three", "-four"):
        place = sandbox.repository(name)
        sandbox.git(place, "branch", "release/1")
        found.append(place)
    return found


@pytest.mark.parametrize(
    ("options", "done"),
    [
        (["one two"], [["patcher/deny-af-alg"], [], []]),
        (["--match", "three", "."], [[], ["patcher/deny-af-alg"], []]),
        (["--format", "table", "-v", "--", "-four"], [[], [], ["patcher/deny-af-alg"]]),
        (["--skip", "*four", "--skip", "*two", "--base", "release/*"],
         [[], ["patcher/deny-af-alg-release/1"], []]),
        (["-m", "deny-af-vsock", "--max-size", "8M", "--comment", "three"],
         [[], ["patcher/deny-af-vsock"], []]),
    ],
)  # fmt: skip
def test_the_next_command_has_the_users_arguments(
    sandbox: Sandbox,
    places: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    done: list[list[str]],
) -> None:
    monkeypatch.chdir(sandbox.root)
    diff, apply = following(patcher("scan", *options))
    assert patcher(*diff).exit_code == 1
    assert patcher(apply[0], "--proof", "off", *apply[1:]).exit_code == 0
    assert [branches(sandbox, place) for place in places] == done


def test_the_next_command_of_a_dry_run_is_the_run(
    sandbox: Sandbox, places: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sandbox.root)
    options = [
        "--dry-run",
        "--proof",
        "off",
        "--branch",
        "mine",
        "--message",
        "A message",
        "--sign=",
    ]
    diff, apply = following(patcher("apply", *options[:-1], "three"))
    assert diff == ["diff", "--proof", "off", "three"]
    assert patcher(*apply).exit_code == 0
    assert sandbox.git(places[1], "log", "-1", "--format=%s", "mine") == "A message"


@pytest.mark.parametrize("how", ["a clone URL", "a list", "an abbreviation", "a dry run"])
def test_the_next_command_for_a_clone_url_pushes(
    sandbox: Sandbox, places: list[Path], home: Path, how: str
) -> None:
    url = places[1].as_uri()
    with (home / ".gitconfig").open("a") as file:
        file.write(f'[url "{sandbox.root.as_uri()}/"]\n\tinsteadOf = corp:\n')
    (sandbox.root / "list").write_text(f"{url}\n")
    words = {"a list": ["--from", str(sandbox.root / "list")], "an abbreviation": ["corp:three"]}
    named = words.get(how, [url])
    off = ["--proof", "off"]
    first = ["apply", "--dry-run", *off] if how == "a dry run" else ["scan"]
    diff, apply = following(patcher(*first, *named))
    assert diff[-len(named) :] == apply[-len(named) :] == named
    assert patcher(*diff).exit_code == 1
    assert patcher(*apply[:1], *off, *apply[1:]).exit_code == 0
    assert branches(sandbox, places[1]) == ["patcher/deny-af-alg"]


def test_the_next_command_for_a_list_of_paths_does_not_push(
    sandbox: Sandbox, places: list[Path]
) -> None:
    (sandbox.root / "list").write_text(f"{places[1]}\n")
    _, apply = following(patcher("scan", "--from", sandbox.root / "list"))
    assert patcher(*apply[:1], "--proof", "off", *apply[1:]).exit_code == 0
    assert branches(sandbox, places[1]) == ["patcher/deny-af-alg"]


def test_the_next_command_shows_no_password(home: Path, sandbox: Sandbox) -> None:
    sandbox.git(sandbox.root, "clone", "-q", "--bare", str(sandbox.repository()), "served.git")
    with Server(sandbox.root) as server:
        done = patcher("scan", f"http://{USER}:{PASSWORD}@{server.host}/401/served.git")
    url = f"{server.url}/401/served.git"
    assert following(done) == [["diff", url], ["apply", "--push", url]]


def test_filters_of_a_campaign_that_goes_on_are_refused(
    sandbox: Sandbox, places: list[Path]
) -> None:
    patcher("apply", "--campaign", "c", "--proof", "off", *places[:2])
    for option in (
        ["--match", "x"], ["--skip", "x"], ["--topic", "x"], ["--archived", "only"],
        ["--forks", "only"], ["--visibility", "public"], ["--pushed-since", "1d"],
    ):  # fmt: skip
        done = patcher("apply", "--campaign", "c", *option)
        assert done.exit_code == 2
        assert f"{option[0]}: filters choose among SOURCEs, and none is named" in done.stderr
    more = patcher("apply", "--campaign", "c", "--skip", "nothing", sandbox.root)
    assert "campaign c: 3 of 3 repositories are done" in more.stderr


def test_repositories_are_taken_out_of_a_campaign(sandbox: Sandbox, places: list[Path]) -> None:
    import shutil

    patcher("apply", "--campaign", "c", "--proof", "off", *places[:1])
    patcher("apply", "--campaign", "c", *places[1:])
    for place in places:
        shutil.rmtree(place)
    assert patcher("apply", "--campaign", "c", "--retry", "all").exit_code == 3
    done = patcher("status", "c", "--drop", "*one*", "--drop", "-four")
    assert (done.exit_code, done.stderr.count("\n")) == (0, 1)
    assert "2 repositories were taken out of campaign c" in done.stderr
    assert "1 repository: 0 done, 1 failed" in patcher("status", "c").stdout
    done = patcher("status", "c", "--drop", "nothing")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (
        2, "patcher: no repository of the campaign matches nothing",
    )  # fmt: skip
    assert patcher("status", "c", "--drop", "three").exit_code == 0
    assert patcher("status", "--drop", "three").exit_code == 2

"""Beginning a campaign, going on with it, and what is wrong with how it is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.campaigns.world import World, build, review
from tests.faults.world import git, put_in_the_way
from tests.git.server import Server

pytestmark = pytest.mark.campaigns

if TYPE_CHECKING:
    from click.testing import Result

    from tests.campaigns.conftest import Patcher


@pytest.fixture
def world(tmp_path: Path) -> World:
    return build(tmp_path / "world", 4, affected=1)


def last(result: Result) -> str:
    """The line that matters."""
    return result.stderr.strip().splitlines()[-1]


def rows(world: World, patcher: Patcher, name: str) -> list[dict[str, Any]]:
    done = patcher(world, "status", name, "--format", "jsonl")
    return [json.loads(line) for line in done.stdout.splitlines()]


def bases(world: World, patcher: Patcher, name: str) -> set[tuple[str, str]]:
    """Each repository and base that the ledger knows of."""
    return {(row["repository"].split("/ok/")[1], row["base"]) for row in rows(world, patcher, name)}


def test_going_on_with_other_options_names_them(world: World, patcher: Patcher) -> None:
    patcher(world, "apply", "--campaign", "c", "--base", "main", "--signoff", world.served)
    for options, told in {
        ("--base", "v1"): "made with --base main, not with --base v1",
        ("--base", "main", "--base", "release/*"): "not with --base main --base 'release/*'",
        ("--comment",): "made with no --comment, not with --comment",
        ("-m", "deny-af-vsock"): "--migration deny-af-alg, not with --migration deny-af-vsock",
        ("--max-size", "1M"): "made with --max-size 8388608, not with --max-size 1048576",
        ("--commit-per", "file"): "made with --commit-per repository, not with --commit-per file",
        ("--docs", "--branch", "x"): "made with no --branch no --docs, not with --branch x --docs",
    }.items():
        done = patcher(world, "apply", "--campaign", "c", *options)
        assert done.exit_code == 2
        assert told in last(done)
    # What is said again is no difference, nor is how the work is done.
    done = patcher(world, "apply", "--campaign", "c", "--base", "main", "--signoff", "-j", "1")
    assert done.exit_code == 0
    assert "4 repositories:" in done.stdout
    assert done.stderr == "patcher: campaign c: 4 of 4 repositories are done\n"


def test_a_name_that_is_none(world: World, patcher: Patcher) -> None:
    done = patcher(world, "apply", "--campaign", "af-alg")
    assert done.exit_code == 2
    assert last(done).endswith(
        "there is no campaign af-alg to go on with: name the SOURCEs of a new one"
    )
    patcher(world, "apply", "--campaign", "af-alg", world.served)
    done = patcher(world, "apply", "--campaign", "af-lag")
    assert done.exit_code == 2
    assert "did you mean af-alg?" in last(done)
    assert patcher(world, "apply", "--campaign", "a b", world.served).exit_code == 2


def test_a_campaign_without_repositories_is_not_begun(world: World, patcher: Patcher) -> None:
    done = patcher(world, "apply", "--campaign", "c", world.root / "none")
    assert done.exit_code == 3
    assert last(done) == "patcher: campaign c is not begun: there is no repository in it"
    assert "no campaign 'c'" in last(patcher(world, "status", "c"))


def test_a_push_of_paths_alone(world: World, patcher: Patcher) -> None:
    for campaign in ([], ["--campaign", "c"]):
        done = patcher(world, "apply", "--push", *campaign, world.served)
        assert done.exit_code == 3
        assert "it has no remote 'origin' to push to" in done.stderr


def test_local_repositories_and_trying_again(world: World, patcher: Patcher) -> None:
    name = world.names[0]
    branch = f"refs/heads/{review('main')}"
    put_in_the_way(world.env, world.served / name, review("main"))
    for attempt in (1, 2, 3):
        done = patcher(world, "apply", "--campaign", "c", *[world.served][: attempt == 1])
        assert done.exit_code == 3
        again = "--campaign c` goes on" if attempt < 3 else "--retry failed` tries them again"
        assert again in last(done)
        assert "3 of 4 repositories are done, 1 failed" in last(done)
    # It was tried three times, and is left alone until someone says so.
    done = patcher(world, "apply", "--campaign", "c")
    assert (done.exit_code, done.stdout) == (3, "No repository was looked at.\n")
    git(world.env, world.served / name, "update-ref", "-d", branch)
    done = patcher(world, "apply", "--campaign", "c", "--retry", "failed")
    assert done.exit_code == 0
    assert last(done).startswith("patcher: campaign c: 4 of 4 repositories are done; not looked")
    assert "1 repository:" in done.stdout
    done = patcher(world, "apply", "--campaign", "c", "--retry", "all")
    assert done.exit_code == 0
    assert "4 repositories:" in done.stdout
    assert {row["attempts"] for row in rows(world, patcher, "c")} == {2, 5}


def test_a_list_whose_rows_have_bases(world: World, patcher: Patcher) -> None:
    with Server(world.served) as server:
        first, second, third, *_ = world.names
        listed = world.root / "list.csv"
        listed.write_text(
            "url,base\n"
            f"{server.url}/ok/{first},release/1.0\n"
            f"{server.url}/ok/{second},release/*\n"
            f"{server.url}/ok/{third},\n"
        )
        begin = ["apply", "--push", "--campaign", "c", "--base", "main", "--from", listed]
        assert patcher(world, *begin).exit_code == 0
        assert bases(world, patcher, "c") == {
            (first, "refs/heads/release/1.0"),
            (second, "refs/heads/release/1.0"),
            (second, "refs/heads/release/2.0"),
            (third, "refs/heads/main"),
        }
        # Other bases for one of them: that one is to be done, and the others are not.
        before = server.pushes.copy()
        listed.write_text(listed.read_text().replace(f"{third},", f"{third},release/2.0"))
        assert patcher(world, *begin).exit_code == 0
        pushed = server.pushes - before
        assert pushed.keys() <= {(third, f"refs/heads/{review('release/2.0')}")}
        assert (third, "refs/heads/release/2.0") in bases(world, patcher, "c")


def test_a_migration_of_ones_own_whose_file_is_gone(world: World, patcher: Patcher) -> None:
    mine = world.root / "mine.yaml"
    mine.write_text(
        "id: deny-af-bluetooth\ntitle: Deny Bluetooth sockets\nrule: deny network bluetooth,\n"
        "message: |\n  No Bluetooth in containers\n"
    )
    name = world.names[0]
    branch = "patcher/deny-af-bluetooth"
    put_in_the_way(world.env, world.served / name, branch)
    first = patcher(world, "apply", "--campaign", "c", "-m", mine, "--proof", "off", world.served)
    assert first.exit_code == 3
    mine.unlink()
    git(world.env, world.served / name, "branch", "-D", branch)
    done = patcher(world, "apply", "--campaign", "c")
    assert done.exit_code == 0, done.stderr
    said = git(world.env, world.served / name, "log", "-1", "--format=%s", branch)
    assert said == "No Bluetooth in containers\n"
    change = git(world.env, world.served / name, "diff", "main", branch)
    assert "+  deny network bluetooth,\n" in change


def test_passwords_of_the_sources_are_for_the_run_that_named_them(
    world: World, patcher: Patcher
) -> None:
    with Server(world.served) as server:
        name = world.names[0]
        url = f"http://reader:s3cret-t0ken@{server.host}/401/{name}"
        assert patcher(world, "apply", "--push", "--campaign", "c", url).exit_code == 0
        done = patcher(world, "apply", "--campaign", "c", "--retry", "all")
        assert done.exit_code == 3
        assert "s3cret-t0ken" not in done.stderr
        assert "credential helper" in done.stderr
        done = patcher(world, "apply", "--campaign", "c", url)
        assert done.exit_code == 0
        state = Path(world.env["PATCHER_STATE_DIR"])
        assert not [file for file in state.iterdir() if b"s3cret" in _content(file)]


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""

"""``patcher undo`` takes back what was not merged, and nothing of others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from patcher.campaign.database import open_database
from patcher.campaign.ledger import Ledger
from tests.cli.test_cli_states import BRANCH, Remote, patcher, report

if TYPE_CHECKING:
    from tests.conftest import Sandbox


@pytest.fixture
def remote(sandbox: Sandbox) -> Remote:
    return Remote(sandbox)


@pytest.mark.parametrize("where", ["local", "bare", "URL"])
def test_what_is_ours_and_not_merged_is_removed(remote: Remote, where: str) -> None:
    remote.sandbox.git(remote.work, "checkout", "-q", "main")
    place = remote.work if where == "local" else remote.bare
    source: str | Path = remote.url if where == "URL" else place
    before = remote.sandbox.git(place, "for-each-ref")
    patcher("apply", *(["--push"] if where == "URL" else []), source)
    tip = remote.sandbox.git(place, "rev-parse", BRANCH)
    status, (target,) = report("undo", "--dry-run", source)
    assert (status, target["outcome"], target["new_commit"]) == (0, "scanned", tip)
    shown = patcher("undo", "--dry-run", source).stdout
    assert f"-> {BRANCH}  (would be removed)" in shown
    assert "blanket network rule" not in shown
    assert remote.sandbox.git(place, "rev-parse", BRANCH) == tip
    result = patcher("undo", source)
    assert result.exit_code == 0, result.output
    assert f"-> {BRANCH}, which was at {tip}" in result.stdout
    assert "1 removed" in result.stdout
    assert remote.sandbox.git(place, "for-each-ref") == before
    status, (target,) = report("undo", source)
    assert (status, target["outcome"]) == (0, "nothing to do")
    if where != "local":
        # What is stale is ours as well.
        patcher("apply", *(["--push"] if where == "URL" else []), source)
        remote.commit("main", {"second": remote.sandbox.profile("second")})
        (target,) = report("undo", source)[1]
        assert (target["outcome"], target["branch_state"]) == ("removed", "ours and stale")


@pytest.mark.parametrize("where", ["bare", "URL"])
def test_what_is_left_is_named(remote: Remote, where: str) -> None:
    remote.git("branch", "release/1", "main")
    source: str | Path = remote.url if where == "URL" else remote.bare
    bases = ["--base", "main", "--base", "release/*"]
    patcher("apply", *(["--push"] if where == "URL" else []), *bases, source)
    remote.git("branch", f"{BRANCH}-mine", "main")
    # Another branch is the default one now.
    remote.git("symbolic-ref", "HEAD", "refs/heads/release/1")
    result = patcher("undo", *bases, source)
    assert result.exit_code == 0
    assert "1 removed" in result.stdout
    assert f"of patcher's, and left: {BRANCH}-release/1)" in result.stdout
    remote.git("symbolic-ref", "HEAD", "refs/heads/main")
    assert "and left" not in patcher("undo", *bases, source).stdout
    left = remote.git("for-each-ref", "--format=%(refname:short)", "refs/heads/patcher/")
    assert left == f"{BRANCH}-mine"


def test_what_others_edited_merged_or_made_stays(remote: Remote) -> None:
    sources: tuple[str | Path, ...] = (remote.url, remote.bare)

    def stays(state: str) -> None:
        refs = remote.git("for-each-ref")
        for source in sources:
            status, (target,) = report("undo", source)
            assert (status, target["outcome"]) == (0, "nothing to do")
            assert target["branch_state"] == state
            assert remote.git("for-each-ref") == refs

    patcher("apply", remote.bare)
    remote.commit(BRANCH, {"notes": "of the reviewer\n"})
    stays("edited by others")
    remote.merge(BRANCH, "main")
    stays("merged")
    remote.revert("main", "-m", "1")
    stays("merged and gone again")
    remote.git("update-ref", f"refs/heads/{BRANCH}", "main")
    remote.commit(BRANCH, {"mine": "work\n"})
    stays("someone else's")


def test_a_branch_that_is_at_the_remote_alone_is_named(remote: Remote) -> None:
    patcher("apply", "--push", remote.url)
    remote.sandbox.git(remote.work, "fetch", "-q")
    status, (target,) = report("undo", remote.work)
    assert (status, target["outcome"]) == (0, "nothing to do")
    assert f"only origin/{BRANCH} is there" in target["note"]
    assert report("undo", remote.url)[1][0]["outcome"] == "removed"
    remote.sandbox.git(remote.work, "fetch", "-q", "--prune")
    assert report("undo", remote.work)[1][0]["note"] == "there is no review branch"


def test_a_campaign_is_undone(remote: Remote) -> None:
    patcher("apply", "--push", "--campaign", "c", remote.url)
    tip = remote.git("rev-parse", BRANCH)
    assert patcher("undo", "--campaign", "c", "--dry-run").exit_code == 0
    assert remote.git("rev-parse", BRANCH) == tip
    (line,) = patcher("status", "c", "--format", "jsonl").stdout.splitlines()
    assert json.loads(line)["stage"] == "pushed"
    assert patcher("undo", "--campaign", "c").exit_code == 0
    assert remote.git("for-each-ref", f"refs/heads/{BRANCH}") == ""
    (line,) = patcher("status", "c", "--format", "jsonl").stdout.splitlines()
    assert json.loads(line)["stage"] == "planned"
    status, (target,) = report("apply", "--campaign", "c")
    assert (status, target["outcome"]) == (0, "pushed")
    assert remote.fixes(BRANCH, "main")
    for wrong in (["--campaign", "d"], ["--campaign", "c", remote.url]):
        assert patcher("undo", *wrong).exit_code == 2


def test_what_another_process_is_at_work_on_is_not_called_undone(sandbox: Sandbox) -> None:
    places = [sandbox.repository(name) for name in ("one", "two")]
    patcher("apply", "--campaign", "c", "--limit", "1", *places)
    with open_database() as database:
        account = Ledger(database).open("c")
        with account.owner() as owner:
            (held,) = owner.claim(1)
            owner.begin(held)
            result = patcher("undo", "--campaign", "c")
            assert result.exit_code == 3
            assert "1 removed" in result.stdout
            assert "another process was at work on 1 repository" in result.stderr
    assert patcher("undo", "--campaign", "c").exit_code == 0


def test_what_a_campaign_has_not_done_yet_is_to_do_after_undo_too(sandbox: Sandbox) -> None:
    places = [sandbox.repository(name) for name in ("one", "two", "three")]
    patcher("apply", "--campaign", "c", "--limit", "1", *places)
    shutil.rmtree(places[2])
    assert patcher("undo", "--campaign", "c").exit_code == 3
    sandbox.repository("three")
    lines = patcher("status", "c", "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line)["stage"] for line in lines] == ["planned", "planned", "failed"]
    status, targets = report("apply", "--campaign", "c")
    assert (status, [target["outcome"] for target in targets]) == (0, ["committed"] * 3)


def test_the_branch_that_is_checked_out_stays(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    sandbox.git(place, "branch", "next")
    patcher("apply", "--base", "next", "--branch", "fix", place)
    sandbox.git(place, "checkout", "-q", "fix")
    result = patcher("undo", "--base", "next", "--branch", "fix", place)
    assert result.exit_code == 3
    assert "is checked out" in result.stderr
    assert sandbox.git(place, "rev-parse", "--verify", "fix")

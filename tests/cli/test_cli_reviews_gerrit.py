"""From `apply --push --review gerrit` to the end of a change, and what needs no password."""

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
from patcher.git import remote
from tests.conftest import Sandbox
from tests.forges.branches import GitBranches
from tests.forges.gerrit import Gerrit, take_pushes
from tests.git.server import Server
from tests.sources.servers import Record, Reply, Request

PASSWORD = "s3cret-t0ken-of-gerrit"
PATH = "acme/moby"
PUSH = ("apply", "--push", "--proof", "off", "--review")


@pytest.fixture
def gerrit(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gerrit]:
    """A Gerrit with an affected project, which git can clone and push to."""
    for name in list(os.environ):
        starts = ("GERRIT_", "GITLAB_", "GITEA_", "BITBUCKET_", "CI_", "GH_", "GITHUB_")
        if name.startswith(starts) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    slept: list[float] = []
    monkeypatch.setattr(limits, "_limits", {})
    monkeypatch.setattr(limits, "monotonic", lambda: time.monotonic() + sum(slept))
    monkeypatch.setattr(limits, "sleep", slept.append)
    monkeypatch.setattr(client, "BACKOFF", 0.01)
    monkeypatch.setattr(remote, "RETRIES", remote.Retries(2, 0.01, 0.02, 0.01))
    root = sandbox.root / "served"
    forge = Gerrit(GitBranches(root))
    forge.passwords, forge.submitters = {"me": PASSWORD, "ann": "x"}, {"me"}
    work = sandbox.repository("work")
    with Server(root) as server:
        server.forge, forge.url = forge, f"{server.url}/ok"
        place = root / f"{PATH}.git"
        sandbox.git(work, "clone", "-q", "--bare", str(work), str(place))
        (root / "a").symlink_to(".")  # what is below /a/ is the same, for those who sign in
        take_pushes(place, PATH, forge)
        forge.add(PATH)
        for name in ("me", "bob", "ann"):
            forge.account(name)
        monkeypatch.setenv("GERRIT_URL", forge.url)
        monkeypatch.setenv("GERRIT_USER", "me")
        monkeypatch.setenv("GERRIT_PASSWORD", PASSWORD)
        yield forge
    assert forge.wrong == []


@pytest.fixture
def stranger(gerrit: Gerrit, monkeypatch: pytest.MonkeyPatch) -> Gerrit:
    """The same, without a password."""
    monkeypatch.delenv("GERRIT_USER")
    monkeypatch.delenv("GERRIT_PASSWORD")
    return gerrit


def patcher(*arguments: str) -> Result:
    result = CliRunner().invoke(group, arguments)
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    assert PASSWORD not in result.output
    return result


def applied(gerrit: Gerrit, *more: str, review: str = "gerrit") -> tuple[int, Record]:
    source = f"{gerrit.url}/{PATH}"
    done = patcher(*PUSH, review, "--campaign", "c", *more, source, "--format", "json")
    (target,) = json.loads(done.stdout)["targets"]
    return done.exit_code, target


def act(gerrit: Gerrit, *more: str, review: str = "gerrit") -> tuple[int, str | None]:
    code, target = applied(gerrit, *more, review=review)
    assert target["error"] is None, target["error"]
    return code, (target["review"] or {}).get("act")


def followed(*arguments: str) -> tuple[int, dict[str, Any]]:
    done = patcher(*arguments, "--format", "json")
    (found,) = json.loads(done.stdout)["reviews"]
    assert found["error"] is None, found["error"]
    return done.exit_code, found


def move_base(gerrit: Gerrit, sandbox: Sandbox, content: str | None = None) -> None:
    files = {"new" if content is None else "docker-default": content or str(time.monotonic())}
    work = sandbox.root / "work"
    sandbox.commit(work, files)
    sandbox.git(work, "push", "-q", str(sandbox.root / f"served/{PATH}.git"), "main")


def upload(gerrit: Gerrit, sandbox: Sandbox) -> str:
    """A person's patch set of the change that is there."""
    place = sandbox.root / f"served/{PATH}.git"
    change, elsewhere = gerrit.changes[-1], sandbox.root / "elsewhere"
    sandbox.git(sandbox.root, "clone", "-q", str(place), str(elsewhere))
    sandbox.git(elsewhere, "fetch", "-q", "origin", change["commit"])
    sandbox.git(elsewhere, "checkout", "-q", change["commit"])
    (elsewhere / "docker-default").write_text(sandbox.profile() + "# a person's\n")
    message = change["message"]
    sandbox.git(elsewhere, "commit", "-q", "-a", "--amend", "-m", message)
    sandbox.git(elsewhere, "push", "-q", "origin", "HEAD:refs/for/main")
    commit: str = change["commit"]
    return commit


def test_from_a_push_to_the_merge(gerrit: Gerrit) -> None:
    wish = ("--reviewer", "bob", "--label", "security", "--draft")
    assert act(gerrit, *wish, review="auto") == (0, "opened")
    (change,) = gerrit.changes
    assert (change["branch"], change["wip"], change["hashtags"]) == ("main", True, ["security"])
    assert change["reviewers"] == ["bob"]
    assert change["topic"] == "patcher/deny-af-alg"
    assert gerrit.branches.tip(PATH, "patcher/deny-af-alg") is None
    # Again: neither a second change nor a second patch set, and nobody is asked twice.
    writes = [each for each in gerrit.requests if each.method != "GET"]
    assert act(gerrit, *wish, review="auto") == (0, "unchanged")
    assert [each for each in gerrit.requests if each.method != "GET"] == writes
    assert (len(gerrit.changes), change["patch_sets"]) == (1, 1)
    assert followed("ready", "c")[1]["did"] == "made ready"
    assert followed("merge", "c")[0] == 1
    gerrit.vote(change, "bob", 2)
    assert followed("merge", "c")[1]["did"] == "not merged: its checks are not done"
    gerrit.vote(change, "ci", 1, "Verified")
    code, seen = followed("status", "c", "--reviews")
    assert (code, seen["life"], seen["approved"], seen["checks"]) == (0, "open", True, "passed")
    code, seen = followed("merge", "c")
    assert (code, seen["did"], seen["life"]) == (0, "merged", "merged")
    assert act(gerrit, *wish, review="auto") == (0, None)
    assert len(gerrit.changes) == 1


def test_a_base_that_moved_makes_a_new_patch_set(gerrit: Gerrit, sandbox: Sandbox) -> None:
    assert act(gerrit, "--on-existing", "replace") == (0, "opened")
    first = gerrit.changes[0]["commit"]
    move_base(gerrit, sandbox, sandbox.profile() + "# moved\n")
    assert act(gerrit, "--on-existing", "replace") == (0, "updated")
    (change,) = gerrit.changes
    assert change["patch_sets"] == 2
    assert change["commit"] != first
    assert act(gerrit, "--on-existing", "replace") == (0, "unchanged")
    assert change["patch_sets"] == 2


def test_what_a_person_uploaded_stays(gerrit: Gerrit, sandbox: Sandbox) -> None:
    assert act(gerrit) == (0, "opened")
    theirs = upload(gerrit, sandbox)
    assert gerrit.changes[0]["patch_sets"] == 2
    code, target = applied(gerrit)
    assert (code, target["branch_state"]) == (3, "edited by others")
    assert gerrit.changes[0]["commit"] == theirs
    assert followed("merge", "c")[0] == 1


@pytest.mark.parametrize(
    ("on_existing", "says"),
    [
        ("replace", "was moved there in between: run again"),
        ("fail", "has another patch set meanwhile: run again"),  # nothing would be pushed
    ],
)
def test_what_a_person_uploads_meanwhile_stays(
    gerrit: Gerrit, sandbox: Sandbox, on_existing: str, says: str
) -> None:
    assert act(gerrit, "--on-existing", on_existing) == (0, "opened")
    move_base(gerrit, sandbox, sandbox.profile() + "# moved\n")
    answer, theirs = gerrit.answer, list[str]()

    def after(request: Request) -> Reply:
        reply = answer(request)
        if request.path.endswith("/changes/") and not theirs:
            theirs.append("")
            upload(gerrit, sandbox)
            theirs[0] = gerrit.changes[0]["commit"]
        return reply

    gerrit.answer = after  # type: ignore[method-assign]
    code, target = applied(gerrit, "--on-existing", on_existing)
    assert (code, gerrit.changes[0]["commit"]) == (3, theirs[0])
    assert says in target["error"]
    assert gerrit.changes[0]["patch_sets"] == 2


def test_a_topic_that_a_person_changed_is_no_other_change(gerrit: Gerrit) -> None:
    assert act(gerrit) == (0, "opened")
    gerrit.changes[0]["topic"] = "something-else"
    assert followed("status", "c", "--reviews")[1]["life"] == "open"
    gerrit.changes[0]["message"] = "Another change\n\nChange-Id: I" + "0" * 40 + "\n"
    done = patcher("status", "c", "--reviews")
    assert "patcher opened one from patcher/deny-af-alg" in done.output


def test_a_rule_of_the_project_that_is_not_met_holds_the_merge_back(gerrit: Gerrit) -> None:
    assert act(gerrit) == (0, "opened")
    gerrit.vote(gerrit.changes[0], "bob", 2)
    gerrit.vote(gerrit.changes[0], "ci", 1, "Verified")
    gerrit.unmet = True
    code, seen = followed("merge", "c")
    assert (code, seen["did"][:25]) == (1, "not merged: a rule of its")
    gerrit.unmet = False
    assert followed("merge", "c")[1]["did"] == "merged"


def test_what_a_person_abandoned_stays_so(gerrit: Gerrit) -> None:
    assert act(gerrit) == (0, "opened")
    gerrit.abandon(gerrit.changes[0], "ann")
    assert act(gerrit) == (1, "closed by a person")
    assert gerrit.changes[0]["status"] == "ABANDONED"
    assert act(gerrit, "--reopen") == (0, "reopened")
    assert (len(gerrit.changes), gerrit.changes[0]["status"]) == (1, "NEW")
    assert act(gerrit) == (0, "unchanged")


def test_what_patcher_closed_is_opened_anew(gerrit: Gerrit) -> None:
    assert act(gerrit) == (0, "opened")
    assert patcher("close", "c").exit_code == 0
    (change,) = gerrit.changes
    assert change["status"] == "ABANDONED"
    assert change["messages"][0]["message"] == "This change is withdrawn."
    assert followed("status", "c", "--reviews")[1]["life"] == "closed"
    assert act(gerrit) == (0, "opened")
    assert [each["status"] for each in gerrit.changes] == ["ABANDONED", "NEW"]
    assert act(gerrit) == (0, "unchanged")


def test_merged_and_reverted_is_proposed_anew(gerrit: Gerrit, sandbox: Sandbox) -> None:
    assert act(gerrit) == (0, "opened")
    place = sandbox.root / f"served/{PATH}.git"
    before = sandbox.git(place, "rev-parse", "main")
    gerrit.vote(gerrit.changes[0], "bob", 2)
    gerrit.vote(gerrit.changes[0], "ci", 1, "Verified")
    assert followed("merge", "c")[1]["did"] == "merged"
    tree = sandbox.git(place, "rev-parse", f"{before}^{{tree}}")
    new = sandbox.git(place, "commit-tree", tree, "-p", "main", "-m", "Revert it")
    sandbox.git(place, "update-ref", "refs/heads/main", new)
    assert act(gerrit) == (0, "opened")
    assert [each["status"] for each in gerrit.changes] == ["MERGED", "NEW"]


def test_a_base_that_is_fixed_abandons_its_change(gerrit: Gerrit, sandbox: Sandbox) -> None:
    assert act(gerrit) == (0, "opened")
    move_base(gerrit, sandbox, sandbox.fixed(sandbox.profile()))
    done = patcher("refresh", "c", "--format", "json")
    (target,) = json.loads(done.stdout)["targets"]
    assert (done.exit_code, target["review"]["act"]) == (0, "closed")
    (change,) = gerrit.changes
    assert change["status"] == "ABANDONED"
    assert "needs this change no more" in change["messages"][0]["message"]


def test_each_base_has_its_own_change(gerrit: Gerrit, sandbox: Sandbox) -> None:
    place = sandbox.root / f"served/{PATH}.git"
    sandbox.git(place, "branch", "release/1", "main")
    words = ("--base", "main", "--base", "release/1", f"{gerrit.url}/{PATH}")
    for want in ("opened", "unchanged"):
        done = patcher(*PUSH, "auto", *words, "--format", "json")
        targets = json.loads(done.stdout)["targets"]
        assert [each["review"]["act"] for each in targets] == [want, want], done.stdout
    assert [each["branch"] for each in gerrit.changes] == ["main", "release/1"]
    assert len({each["change_id"] for each in gerrit.changes}) == 2


def test_it_takes_no_password_to_open_a_change(stranger: Gerrit, sandbox: Sandbox) -> None:
    code, target = applied(stranger, "--label", "x", "--milestone", "1.0")
    assert (code, target["error"]) == (0, None)
    review = target["review"]
    assert (review["act"], review["url"]) == ("opened", f"{stranger.url}/c/{PATH}/+/1")
    assert review["missed"] == ["milestone 1.0: Gerrit has none"]
    assert act(stranger, "--label", "x", "--milestone", "1.0") == (0, "unchanged")
    assert stranger.changes[0]["patch_sets"] == 1
    assert {each.method for each in stranger.requests} == {"GET", "POST"}
    assert all(each.path == "/pushed" for each in stranger.requests if each.method == "POST")
    assert "it takes a token: set GERRIT_PASSWORD" in patcher("merge", "c").stderr
    stranger.abandon(stranger.changes[0], "ann")
    assert act(stranger, "--label", "x", "--milestone", "1.0") == (1, "closed by a person")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--commit-per", "file"), "leave out --commit-per file"),
        (("--on-existing", "append"), "leave out --on-existing append"),
        (("--fork=always",), "Gerrit has no forks"),
    ],
)
def test_what_a_change_cannot_be(gerrit: Gerrit, more: tuple[str, ...], says: str) -> None:
    code, target = applied(gerrit, *more)
    assert code == 3
    assert says in target["error"]
    assert gerrit.changes == []


def test_a_clone_on_this_machine_is_named_by_its_url(gerrit: Gerrit, sandbox: Sandbox) -> None:
    clone = sandbox.root / "clone"
    sandbox.git(sandbox.root, "clone", "-q", f"{gerrit.url}/{PATH}", str(clone))
    done = patcher(*PUSH, "gerrit", str(clone))
    assert done.exit_code == 3
    assert "a change at Gerrit is opened from a clone URL" in done.stderr
    assert gerrit.changes == []


def test_a_dry_run_changes_nothing(gerrit: Gerrit) -> None:
    done = patcher(*PUSH, "gerrit", "--dry-run", f"{gerrit.url}/{PATH}")
    assert "its review would be opened" in done.stdout
    assert gerrit.changes == []


def test_where_there_are_no_forks_none_is_left(gerrit: Gerrit) -> None:
    assert act(gerrit) == (0, "opened")
    done = patcher("unfork", "--campaign", "c", "--dry-run")
    assert done.exit_code == 0
    assert "Gerrit has no forks" in done.stdout

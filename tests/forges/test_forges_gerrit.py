"""The life of a change at Gerrit."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from patcher import git
from patcher.forges import client, gerrit, homes, limits, repositories
from patcher.forges.client import Client
from patcher.forges.listed import Listed, UnusableEntry
from patcher.forges.listings import gerrit as at_gerrit
from patcher.forges.review import Checks, Life, Review, Reviews, Unsupported, Wanted
from patcher.forges.server import ForgeError, RequestRefused
from tests.forges.gerrit import Gerrit
from tests.sources.servers import Record, Reply, serving

PASSWORD = "s3cret-t0ken"
PATH, BASE, HEAD = "acme/moby", "main", "patcher/deny-af-alg/main"
WANTED = Wanted(HEAD, PATH, BASE, "Deny AF_ALG", "Why")
at: Reviews = gerrit  # so that a type checker sees that it is whole


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch, home: object) -> list[float]:
    """Waits take no time: how long each would have been."""
    for name in list(os.environ):
        if name.startswith("GERRIT_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    slept: list[float] = []
    monkeypatch.setattr(limits, "_limits", {})
    monkeypatch.setattr(limits, "monotonic", lambda: time.monotonic() + sum(slept))
    monkeypatch.setattr(limits, "sleep", slept.append)
    monkeypatch.setattr(client, "BACKOFF", 0.01)
    return slept


@pytest.fixture
def forge(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gerrit]:
    forge = Gerrit()
    with serving(forge):
        monkeypatch.setenv("GERRIT_URL", forge.url)
        monkeypatch.setenv("GERRIT_USER", "me")
        monkeypatch.setenv("GERRIT_PASSWORD", PASSWORD)
        forge.passwords = {"me": PASSWORD}
        forge.submitters = {"me"}
        forge.branches.commit(PATH, BASE)
        forge.add(PATH)
        for name in ("me", "bob", "ann"):
            forge.account(name)
        yield forge
    assert forge.wrong == []


def ask() -> Client:
    return Client(at_gerrit.server_at(None), lambda line: None)


def push(forge: Gerrit, wanted: Wanted = WANTED) -> Record:
    """Open a change, or make a new patch set, as a push does."""
    message = f"{wanted.title}\n\n{wanted.body}\n\n"
    message += f"Change-Id: {gerrit.change_id(PATH, wanted.base, wanted.head)}\n"
    to = gerrit.pushed(wanted, PATH).to
    assert to is not None
    return forge.push("me", PATH, to, message)


def found() -> list[Review]:
    project = at.project(ask(), PATH)
    return [*at.reviews(ask(), project, HEAD, project, BASE)]


def test_from_pushed_to_submitted(forge: Gerrit) -> None:
    project = at.project(ask(), PATH)
    assert (project.path, project.default_branch, project.archived) == (PATH, "main", False)
    assert project.clone_url == f"{forge.url}/a/acme/moby"
    assert found() == []
    with pytest.raises(Unsupported, match="push to refs/for/main"):
        at.create(ask(), project, WANTED)
    change = push(forge, replace(WANTED, draft=True, labels=("x",)))
    opened, missed = at.create(ask(), project, replace(WANTED, labels=("x", "y z")))
    assert missed == ()
    assert (opened.life, opened.draft, opened.labels) == (Life.OPEN, True, ("x", "y z"))
    assert (opened.head, opened.base, opened.head_project) == (HEAD, BASE, project.id)
    assert (opened.title, opened.head_commit) == ("Deny AF_ALG", change["commit"])
    assert opened.url == f"{forge.url}/c/acme/moby/+/1"
    at.comment(ask(), project, opened, "Told.")
    assert change["messages"][-1]["message"] == "Told."
    ready = at.set_draft(ask(), project, opened, False)
    assert (ready.draft, at.review(ask(), project, "1").draft) == (False, False)
    seen = at.review(ask(), project, "1")
    assert (seen.approved, seen.checks, seen.conflicts) == (False, Checks.PENDING, False)
    forge.vote(change, "bob", 2)
    forge.vote(change, "ci", 1, "Verified")
    seen = at.review(ask(), project, "1")
    assert (seen.approved, seen.checks) == (True, Checks.PASSED)
    merged = at.merge(ask(), project, seen, "merge")
    assert merged.life is Life.MERGED
    assert at.merge(ask(), project, seen, "merge").life is Life.MERGED  # the answer was lost
    assert [each.life for each in found()] == [Life.MERGED]


def test_a_second_push_changes_the_same_change(forge: Gerrit) -> None:
    first = dict(push(forge))
    second = push(forge, replace(WANTED, title="Deny it"))
    assert (second["number"], len(forge.changes)) == (first["number"], 1)
    (seen,) = found()
    assert (seen.title, seen.head_commit) == ("Deny it", second["commit"])
    assert second["commit"] != first["commit"]


def test_each_repository_base_and_branch_has_its_own_id() -> None:
    ids = {
        gerrit.change_id(path, base, head)
        for path in ("a/b", "a", "a/bc")
        for base in ("main", "b/main", "release/1")
        for head in ("x", "x/y", "main")
    }
    assert len(ids) == 27
    assert all(len(each) == 41 and each[0] == "I" for each in ids)
    assert gerrit.change_id("a", "b", "c") == gerrit.change_id("a", "b", "c")


def test_only_the_patch_set_that_was_seen_is_submitted(forge: Gerrit) -> None:
    change, project = push(forge), at.project(ask(), PATH)
    seen = at.review(ask(), project, "1")
    push(forge)
    forge.vote(change, "bob", 2)
    forge.vote(change, "ci", 1, "Verified")
    with pytest.raises(RequestRefused, match="is not current revision"):
        at.merge(ask(), project, seen, "merge")
    assert forge.changes[0]["status"] == "NEW"


@pytest.mark.parametrize(
    ("votes", "approved"),
    [
        ({}, False),
        ({"bob": 1}, False),
        ({"bob": 2}, True),
        ({"me": 2}, False),  # the owner
        ({"me": 2, "bob": 2}, True),
        ({"bob": 2, "ann": 1}, True),
        ({"bob": 2, "ann": -1}, False),
        ({"bob": 2, "ann": -2}, False),
    ],
)
def test_approvals(forge: Gerrit, votes: dict[str, int], approved: bool) -> None:
    change = push(forge)
    for name, value in votes.items():
        forge.vote(change, name, value)
    assert at.review(ask(), at.project(ask(), PATH), "1").approved is approved


@pytest.mark.parametrize(
    ("vote", "checks"), [(1, Checks.PASSED), (-1, Checks.FAILED), (0, Checks.PENDING)]
)
def test_checks(forge: Gerrit, vote: int, checks: Checks) -> None:
    change = push(forge)
    forge.vote(change, "ci", vote, "Verified")
    project = at.project(ask(), PATH)
    assert at.review(ask(), project, "1").checks is checks
    forge.verifies = False
    assert at.review(ask(), project, "1").checks is Checks.NONE


def test_conflicts(forge: Gerrit) -> None:
    change = push(forge)
    forge.branches.conflicting.add(change["commit"])
    project = at.project(ask(), PATH)
    seen = at.review(ask(), project, "1")
    assert seen.conflicts is True
    forge.vote(change, "bob", 2)
    forge.vote(change, "ci", 1, "Verified")
    with pytest.raises(RequestRefused, match="could not be merged due to a path conflict"):
        at.merge(ask(), project, seen, "merge")


def test_abandoned_by_a_person_and_restored(forge: Gerrit) -> None:
    change, project = push(forge), at.project(ask(), PATH)
    forge.abandon(change, "ann")
    (seen,) = found()
    assert (seen.life, seen.closed_by) == (Life.CLOSED, "ann")
    assert at.reopen(ask(), project, seen).life is Life.OPEN
    assert [each.life for each in found()] == [Life.OPEN]
    with pytest.raises(RequestRefused, match="change is new"):
        at.reopen(ask(), project, seen)
    assert at.close(ask(), project, seen).life is Life.CLOSED
    assert found()[0].closed_by == "me"


def test_reviewers_and_what_gerrit_lacks(forge: Gerrit) -> None:
    forge.groups = ["developers"]
    push(forge)
    project = at.project(ask(), PATH)
    wish = replace(
        WANTED,
        reviewers=("bob", "nobody"),
        teams=("developers",),
        assignees=("ann",),
        milestone="1.0",
        auto_merge="merge",
    )
    done = at.create(ask(), project, wish)
    assert {"bob", "dev1", "dev2"} <= {*done.review.asked}
    assert [line.partition(":")[0] for line in done.missed] == [
        "reviewer nobody",
        "assignee ann",
        "milestone 1.0",
        "auto-merge",
    ]
    assert "does not identify a registered user" in done.missed[0]
    seen = at.review(ask(), project, "1")
    assert {*seen.asked} == {"bob", "dev1", "dev2"}
    with pytest.raises(Unsupported):
        at.fork(ask(), project)
    with pytest.raises(ForgeError):
        at.delete_fork(ask(), project)


def test_a_push_for_review() -> None:
    wish = replace(
        WANTED,
        draft=True,
        labels=("security", "a,b"),
        reviewers=("bob@x.test",),
        teams=("my team",),
        assignees=("ann",),
    )
    asked = gerrit.pushed(wish, PATH)
    assert asked.to == (
        "refs/for/main%topic=patcher/deny-af-alg/main,hashtag=security,r=bob@x.test,wip"
    )
    assert asked.options == ()
    assert [line.partition(":")[0] for line in asked.missed] == [
        "label a,b",
        "team my team",
        "assignee ann",
    ]
    odd = gerrit.pushed(replace(WANTED, head="patcher/a,b=c%d"), PATH).to
    assert odd == "refs/for/main%topic=patcher/a-b-c-d"


def test_the_address_in_what_gerrit_says() -> None:
    said = (
        "Processing changes: refs: 1, new: 1, done SUCCESS https://g.test/c/acme/moby/+/7 x [NEW]"
    )
    assert gerrit.pushed_url(said, PATH) == "https://g.test/c/acme/moby/+/7"
    assert gerrit.pushed_url(said, "acme/other") is None
    assert gerrit.pushed_url("no new changes", PATH) is None


def functions() -> dict[str, Any]:
    project, (opened, *_) = at.project(ask(), PATH), found()
    wish = replace(WANTED, labels=("x",), reviewers=("ann",))
    return {
        "project": lambda: at.project(ask(), PATH),
        "reviews": found,
        "review": lambda: at.review(ask(), project, "1"),
        "create": lambda: at.create(ask(), project, wish),
        "comment": lambda: at.comment(ask(), project, opened, "x"),
        "set_draft": lambda: at.set_draft(ask(), project, opened, True),
        "merge": lambda: at.merge(ask(), project, opened, "merge"),
        "close": lambda: at.close(ask(), project, opened),
        "reopen": lambda: at.reopen(ask(), project, opened),
    }


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 500, 503])
def test_a_refusal_is_one_clear_line(forge: Gerrit, status: int) -> None:
    push(forge)
    plain = {"Content-Type": "text/plain"}
    for work in functions().values():
        forge.instead = [Reply(status, b"no\tsuch\n", plain)] * 20
        with pytest.raises(ForgeError) as caught:
            work()
        assert str(caught.value).isprintable() and PASSWORD not in str(caught.value)
        if status in (400, 422, 500, 503):
            assert f"HTTP {status}: no" in str(caught.value)


@pytest.mark.parametrize("junk", [b"", b")]}'\n[]", b")]}'\n{}", b"7", b")]}'\n[7]", b"<html>"])
def test_an_answer_that_is_none_is_no_change(forge: Gerrit, junk: bytes) -> None:
    push(forge)
    for name, work in functions().items():
        forge.instead = [Reply(200, junk)] * 20
        if name == "comment" and b"<" not in junk:  # whose answer says no more
            work()
        else:
            with pytest.raises(ForgeError):
                work()


def test_a_rate_limit_and_a_name_that_cannot_be_asked_for(
    forge: Gerrit, slept: list[float]
) -> None:
    push(forge)
    forge.instead = [None, Reply(429, b"Quota", {"Content-Type": "text/plain", "Retry-After": "9"})]
    assert len(found()) == 1
    assert 9 in [round(each) for each in slept]
    project = at.project(ask(), PATH)
    with pytest.raises(ForgeError, match="cannot be asked for"):
        at.reviews(ask(), project, HEAD, project, 'a" OR "b')
    with pytest.raises(ForgeError, match="no number of a change"):
        at.review(ask(), project, "1~2")


def test_the_password_is_for_its_server_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GERRIT_USER", "me")
    monkeypatch.setenv("GERRIT_PASSWORD", PASSWORD)
    assert at_gerrit.server_at("https://a.test", ["https://a.test"]).token == PASSWORD
    with pytest.raises(ForgeError, match="say which with GERRIT_URL"):
        at_gerrit.server_at("https://a.test", ["https://b.test"])
    monkeypatch.setenv("GERRIT_URL", "https://b.test")
    assert at_gerrit.server_at("https://a.test").token is None
    assert at_gerrit.server_at("https://a.test").api == "https://a.test"
    assert at_gerrit.server_at(None).api == "https://b.test/a"
    monkeypatch.delenv("GERRIT_USER")
    assert at_gerrit.server_at(None).token is None


def test_the_projects_below_a_prefix(forge: Gerrit) -> None:
    forge.size = 2
    for name in ("acme", "acme/tool", "acme/x", "acmes", "other/moby"):
        forge.add(name, "READ_ONLY" if name == "acme/x" else "ACTIVE")
    forge.add("acme/a b")
    word = f"gerrit:{forge.url}/acme"
    entries = [each for _, each in repositories(word, [word], lambda line: None)]
    listed = {
        each.address.path: each.facts.archived for each in entries if isinstance(each, Listed)
    }
    assert listed == {
        "/a/acme": False,
        "/a/acme/moby": False,
        "/a/acme/tool": False,
        "/a/acme/x": True,
    }
    assert [each.name for each in entries if isinstance(each, UnusableEntry)] == ["acme/a b"]
    for wrong in ("gerrit:host", "gerrit:host/", "gerrit:host/a b"):
        with pytest.raises(ForgeError):
            next(repositories(wrong, [wrong], lambda line: None))


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://g.test/acme/moby", "acme/moby"),
        ("https://g.test/a/acme/moby.git", "acme/moby"),
        ("ssh://me@g.test:29418/a/moby", "a/moby"),
    ],
)
def test_the_project_of_a_clone_url(url: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GERRIT_URL", "https://g.test")
    home = homes.home(git.Address.parse(url))
    assert (home.forge, home.path) == ("gerrit", path)

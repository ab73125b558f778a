"""What Gitea and Forgejo alone have: statuses, official and stale approvals, teams, old servers."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator

import pytest

from patcher.forges.client import RequestRefused
from patcher.forges.review import Checks, Life
from patcher.forges.server import ForgeError
from patcher.git import environment
from tests.forges.worlds import BASE, HEAD, PATH, AtGitea, served


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch, home: object) -> Iterator[AtGitea]:
    with served("gitea", monkeypatch) as world:
        assert isinstance(world, AtGitea)
        yield world


@pytest.mark.parametrize(
    ("states", "checks"),
    [
        ({}, Checks.NONE),
        ({"a": "success"}, Checks.PASSED),
        ({"a": "success", "b": "skipped"}, Checks.PASSED),
        ({"a": "skipped"}, Checks.NONE),
        ({"a": "success", "b": "pending"}, Checks.PENDING),
        ({"a": "pending", "b": "failure"}, Checks.FAILED),
        ({"a": "success", "b": "error"}, Checks.FAILED),
        ({"a": "success", "b": "warning"}, Checks.FAILED),
        ({"a": "success", "b": ""}, Checks.PENDING),
    ],
)
def test_statuses_together(at: AtGitea, states: dict[str, str], checks: Checks) -> None:
    at.open()
    at.forge.statuses[at.forge.sha(at.own[0])] = states
    assert at.review().checks is checks


def test_all_pages_of_statuses_count(at: AtGitea) -> None:
    at.forge.page_size = 2
    at.open()
    states = {f"ci/{number}": "success" for number in range(6)} | {"ci/last": "failure"}
    at.forge.statuses[at.forge.sha(at.own[0])] = states
    assert at.review().checks is Checks.FAILED


@pytest.mark.parametrize(
    ("contexts", "checks"),
    [
        ([], Checks.PASSED),
        (["ci/test"], Checks.PASSED),
        (["ci/*"], Checks.PASSED),
        (["ci/test", "lint"], Checks.PENDING),
        (["ci/t"], Checks.PENDING),
    ],
)
def test_statuses_that_must_be_there(at: AtGitea, contexts: list[str], checks: Checks) -> None:
    at.open()
    rules = {"enable_status_check": True, "status_check_contexts": contexts}
    at.forge.rules[PATH, BASE] = rules
    assert at.review().checks is Checks.PENDING
    at.check("success")
    assert at.review().checks is checks


def test_only_official_approvals_meet_a_rule(at: AtGitea) -> None:
    at.open()
    at.approve("guest")  # who may only read, as anyone may in public
    assert at.review().approved is None
    at.protect(approvals=1)
    assert at.review().approved is False
    at.approve("bob")
    assert at.review().approved is True


def test_an_approval_of_an_earlier_state_is_none(at: AtGitea) -> None:
    at.open()
    at.approve("bob")
    at.branches.commit(PATH, HEAD)
    assert at.review().approved is False
    at.approve("bob")
    assert at.review().approved is True


def test_an_approval_of_an_earlier_commit_that_is_not_marked_as_stale(at: AtGitea) -> None:
    """Gitea marks it later, or never: where a part of the change was only taken back."""
    at.open()
    at.forge.say(at.own[0], "bob", "APPROVED", stale=False)
    assert at.review().approved is True
    at.branches.commit(PATH, HEAD)
    assert at.review().approved is False


def test_what_was_dismissed_does_not_count(at: AtGitea) -> None:
    at.open()
    at.forge.say(at.own[0], "bob", "REQUEST_CHANGES", dismissed=True)
    at.forge.say(at.own[0], "ann", "APPROVED", dismissed=True)
    assert at.review().approved is False
    at.approve("ann")
    assert at.review().approved is True


def test_a_comment_takes_nothing_back(at: AtGitea) -> None:
    at.open()
    at.approve("bob")
    at.forge.say(at.own[0], "bob", "COMMENT")
    assert at.review().approved is True
    at.object("bob")
    at.forge.say(at.own[0], "bob", "COMMENT")
    assert at.review().approved is False


def test_who_has_reviewed_is_not_asked_again(at: AtGitea) -> None:
    opened = at.open(reviewers=("bob",))
    at.approve("bob")
    project = at.project()
    (listed,) = at.reviews.reviews(at.client(), project, HEAD, project, BASE)
    assert listed.asked == ()
    for review in (opened, listed, at.review()):
        at.reviews.update(at.client(), project, review, at.wanted(reviewers=("bob",)))
    assert at.own[0]["reviewers"] == []
    assert at.review().approved is True


def test_teams_of_an_organisation(at: AtGitea) -> None:
    wish = at.wanted(teams=("acme/security", "nobody"))
    done = at.reviews.create(at.client(), at.project(), wish)
    assert done.review.asked == ("security",)
    assert done.missed == ("team nobody: team doesn't exist: nobody",)
    again = at.reviews.update(
        at.client(), at.project(), at.review(), at.wanted(teams=("security",))
    )
    assert again.missed == ()
    assert at.own[0]["teams"] == ["security"]


def test_teams_where_the_owner_is_a_user(at: AtGitea) -> None:
    """Gitea leaves them out in silence."""
    at.forge.teams = {}
    done = at.reviews.create(at.client(), at.project(), at.wanted(teams=("security",)))
    assert done.missed == ("team security: cannot be asked in acme/moby",)


def test_labels_of_the_organisation_and_of_a_user(at: AtGitea) -> None:
    at.forge.labels = {"acme": ["theirs"], PATH: ["own"]}
    assert {*at.open(labels=("theirs", "own")).labels} == {"theirs", "own"}
    at.forge.teams = {}
    done = at.reviews.update(at.client(), at.project(), at.review(), at.wanted(labels=("none",)))
    assert done.missed == ("label none: there is none",)


def test_one_reviewer_who_cannot_be_asked_stops_no_other(at: AtGitea) -> None:
    wish = at.wanted(reviewers=("me", "nobody", "ann", "bob"))
    done = at.reviews.create(at.client(), at.project(), wish)
    assert done.review.asked == ("ann", "bob")
    assert [line.partition(":")[0] for line in done.missed] == ["reviewer me", "reviewer nobody"]


@pytest.mark.parametrize("title", ["WIP: Deny", "wip: Deny", "[WIP] Deny"])
def test_every_mark_of_a_draft(at: AtGitea, title: str) -> None:
    at.open()
    at.own[0]["title"] = title
    seen = at.review()
    assert (seen.draft, seen.title, seen.conflicts) == (True, "Deny", None)
    ready = at.reviews.set_draft(at.client(), at.project(), seen, False)
    assert (ready.draft, at.own[0]["title"]) == (False, "Deny")


def test_a_server_with_other_marks_of_drafts(at: AtGitea) -> None:
    at.forge.marks = ("Entwurf:",)
    done = at.reviews.create(at.client(), at.project(), at.wanted(draft=True))
    assert done.missed[0].startswith("draft: ")
    with pytest.raises(ForgeError, match="mark of its own"):
        at.reviews.set_draft(at.client(), at.project(), done.review, True)


def test_an_older_server_lists_those_of_all_bases(at: AtGitea) -> None:
    at.forge.knows_base = False
    at.branches.commit(PATH, "release/1")
    at.open()
    at.open(base="release/1")
    project = at.project()
    found = at.reviews.reviews(at.client(), project, HEAD, project, "release/1")
    assert [each.number for each in found] == ["2"]


def test_a_fork_that_is_gone(at: AtGitea) -> None:
    at.add("me/moby", parent={"id": 1}, fork=True)
    at.branches.fork(PATH, "me/moby")
    at.open(head_project="me/moby")
    at.forge.repositories.pop()
    assert at.review().head_project is None


def test_who_deletes_the_branch_closes_the_review(at: AtGitea) -> None:
    at.open()
    at.branches.delete(PATH, HEAD)
    seen = at.review()
    assert (seen.life, seen.closed_by, seen.head) == (Life.CLOSED, "ann", HEAD)
    assert seen.conflicts is None


def test_a_mirror_takes_no_push(at: AtGitea) -> None:
    at.forge.repositories[0]["mirror"] = True
    assert at.project().can_push is False


def test_auto_merge_that_was_asked_for_before(at: AtGitea) -> None:
    at.protect(approvals=1)
    wish = at.wanted(auto_merge="merge")
    done = at.reviews.create(at.client(), at.project(), wish)
    assert (done.missed, done.review.auto_merge) == ((), True)
    again = at.reviews.update(at.client(), at.project(), at.review(), wish)
    assert (again.missed, again.review.auto_merge, again.review.life) == ((), True, Life.OPEN)


def test_a_name_is_an_owner_and_a_repository(at: AtGitea) -> None:
    for path in ("moby", "acme/moby/x", "acme/..", "acme/a b"):
        before = len(at.forge.requests)
        with pytest.raises(ForgeError):
            at.project(path)
        assert len(at.forge.requests) == before


def test_a_repository_that_may_not_be_written_to_says_so(at: AtGitea) -> None:
    at.label("x")
    at.open()
    at.forge.access[1]["me"] = "read"
    done = at.reviews.update(at.client(), at.project(), at.review(), at.wanted(labels=("x",)))
    assert done.missed[0].startswith("labels: ") and "denies access" in done.missed[0]
    with pytest.raises(RequestRefused, match="User not allowed to merge PR"):
        at.reviews.merge(at.client(), at.project(), at.review(), "merge")


def test_every_page_of_statuses_is_read(at: AtGitea) -> None:
    """Gitea names no next page of them."""
    at.open()
    sha = at.forge.sha(at.own[-1])
    at.forge.statuses[sha] = {f"ci/{number}": "success" for number in range(120)}
    at.forge.statuses[sha]["ci/last"] = "failure"
    assert at.review().checks is Checks.FAILED


def test_every_page_of_reviews_is_read(at: AtGitea) -> None:
    """Gitea names no next page of them, and leaves out what others have yet to submit."""
    at.forge.page_size = 2
    at.open()
    at.approve("bob")
    for _ in range(4):
        at.forge.say(at.own[0], "guest", "COMMENT")
    assert at.review().approved is True
    at.object("ann")
    assert at.review().approved is False


def test_who_reviewed_on_a_later_page_is_not_asked_again(at: AtGitea) -> None:
    at.forge.page_size = 1
    at.open(reviewers=("ann", "bob"))
    at.approve("ann")
    at.approve("bob")
    wish = at.wanted(reviewers=("ann", "bob"))
    project = at.project()
    (listed,) = at.reviews.reviews(at.client(), project, HEAD, project, BASE)
    at.reviews.update(at.client(), project, listed, wish)
    assert at.own[0]["reviewers"] == []


def test_labels_and_milestones_of_later_pages(at: AtGitea) -> None:
    at.forge.page_size = 2
    names = [f"label-{number}" for number in range(5)]
    at.forge.labels = {"acme": names, PATH: [f"own-{name}" for name in names]}
    at.plan("1.0", "1.0 rc1", "1.0 rc2", "1")
    opened = at.open(labels=("label-4", "own-label-4"), milestone="1")
    assert ({*opened.labels}, opened.milestone) == ({"label-4", "own-label-4"}, "1")


def test_who_closed_it_last_is_on_a_later_page(at: AtGitea) -> None:
    at.forge.page_size = 2
    at.open()
    at.own[0]["timeline"] += [("close", "me"), ("reopen", "me"), ("comment", "bob")]
    at.close("ann")
    assert at.review().closed_by == "ann"


def test_a_token_without_the_scope_for_labels_opens_the_review(at: AtGitea) -> None:
    at.label("own")
    at.plan("1.0")
    at.forge.no_scope = {"/orgs/": "read:organization", "/milestones": "read:issue"}
    wish = at.wanted(labels=("own", "theirs"), milestone="1.0", assignees=("ann",))
    done = at.reviews.create(at.client(), at.project(), wish)
    assert done.review.labels == ("own",)
    assert at.own[0]["assignees"] == ["ann"]
    label, milestone = done.missed
    assert label.startswith("label theirs: ") and "required=[read:organization]" in label
    assert milestone.startswith("milestone: ") and "required=[read:issue]" in milestone


def test_auto_merge_waits_until_conflicts_are_known(at: AtGitea) -> None:
    at.protect(approvals=1)
    at.delay_conflicts(2)
    at.slept.clear()
    done = at.reviews.create(at.client(), at.project(), at.wanted(auto_merge="merge"))
    assert (done.missed, done.review.auto_merge) == ((), True)
    assert at.slept


def test_a_repository_without_pull_requests_says_so(at: AtGitea) -> None:
    at.forge.repositories[0]["has_pull_requests"] = False
    project = at.project()
    with pytest.raises(ForgeError, match="pull requests are off in acme/moby"):
        at.reviews.reviews(at.client(), project, HEAD, project, BASE)
    at.forge.repositories[0]["has_pull_requests"] = True
    assert at.reviews.reviews(at.client(), project, HEAD, project, BASE) == []


def test_requests_while_git_is_started(at: AtGitea, monkeypatch: pytest.MonkeyPatch) -> None:
    """What starts git takes variables out of the environment for a moment, and `requests` reads
    the proxies there."""
    for number in range(300):
        monkeypatch.setenv(f"GIT_NUMBER_{number}", "x")
    done = threading.Event()

    def start() -> None:
        while not done.is_set():
            with environment.only([name for name in os.environ if not name.startswith("GIT_")]):
                pass

    starter, interval = threading.Thread(target=start), sys.getswitchinterval()
    starter.start()
    sys.setswitchinterval(1e-5)
    try:
        client = at.client()
        for _ in range(100):
            at.reviews.project(client, PATH)
    finally:
        sys.setswitchinterval(interval)
        done.set()
        starter.join()

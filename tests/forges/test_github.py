"""GitHub's pull requests, through the functions of its module, against a fake of it.

Each test runs twice: as one of the short ones, and with every request and response held to what
GitHub publishes (``-m published``).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from patcher.forges import client, github, limits, server_at
from patcher.forges.client import Client
from patcher.forges.github import forks, reading
from patcher.forges.review import (
    AlreadyThere,
    Checks,
    Done,
    Life,
    MergeMethod,
    Project,
    Review,
    Reviews,
    Wanted,
)
from patcher.forges.server import ForgeError, RequestRefused
from tests.conftest import Sandbox
from tests.forges import described
from tests.forges.branches import GitBranches
from tests.forges.github import ISSUE, PULL, REPO, GitHub
from tests.forges.github import Repository as There
from tests.needs import program
from tests.sources.servers import Reply, serving

TOKEN = "t0ken-that-nobody-may-see"
PULLS = f"{REPO}/pulls"
PUBLISHED = [
    pytest.mark.published,
    pytest.mark.xdist_group("published-github"),
    program("npm"),
]
LIMITED = Reply(403, {"message": "You have exceeded a secondary rate limit. Please wait."})

at: Reviews = github


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits take no time: how long each would have been."""
    slept: list[float] = []
    monkeypatch.setattr(limits, "_limits", {})
    monkeypatch.setattr(limits, "monotonic", lambda: time.monotonic() + sum(slept))
    monkeypatch.setattr(limits, "sleep", slept.append)
    return slept


@pytest.fixture(params=["short", pytest.param("published", marks=PUBLISHED)])
def forge(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, home: object, clock: object
) -> Iterator[GitHub]:
    """A GitHub with ``acme/moby``, where ``me`` may write, and a branch that was pushed."""
    for name in list(os.environ):
        if name.startswith(("GH_", "GITHUB_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(client, "BACKOFF", 0.01)
    made = GitHub()
    if request.param == "published":
        made.description = described.github()
    with serving(made):
        made.users = {TOKEN: "me", "another": "you"}
        monkeypatch.setenv("GITHUB_API_URL", made.api)
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        made.add("acme/moby")
        there = made.repository("acme/moby")
        there.roles = {"me": "write", "alice": "write", "bob": "read"}
        there.teams, there.labels, there.milestones = ["core"], ["security"], ["1.0", "2.0"]
        made.branches.commit("acme/moby", "main")
        made.branches.commit("acme/moby", "1.x")
        push(made)
        yield made
    assert made.wrong == []


def push(forge: GitHub, path: str = "acme/moby", branch: str = "patcher/main") -> str:
    """Put a commit on top of the branch, which begins at main."""
    tip = forge.branches.tip(path, branch) or forge.branches.tip("acme/moby", "main")
    assert tip is not None
    return forge.branches.commit(path, branch, tip)


@pytest.fixture
def asking(forge: GitHub) -> Client:
    return Client(server_at("github", None), print)


@pytest.fixture
def moby(asking: Client) -> Project:
    return at.project(asking, "acme/moby")


@pytest.fixture
def there(forge: GitHub) -> There:
    return forge.repository("acme/moby")


WANTED = Wanted(
    head="patcher/main",
    head_project="acme/moby",
    base="main",
    title="Deny AF_ALG",
    body="Why\n\nand how.\n",
)


def opened(asking: Client, moby: Project, **changes: object) -> Review:
    done = at.create(asking, moby, replace(WANTED, **changes))  # type: ignore[arg-type]
    assert done.missed == ()
    return done.review


# Repositories


def test_a_repository(asking: Client, forge: GitHub) -> None:
    found = at.project(asking, "ACME/moby")
    assert found == Project(
        id=str(forge.repository("acme/moby").record["id"]),
        path="acme/moby",
        clone_url=f"{forge.url}/acme/moby.git",
        default_branch="main",
        archived=False,
        can_push=True,
        fork_of=None,
    )


def test_a_repository_that_was_renamed_is_found_by_its_earlier_name(
    asking: Client, forge: GitHub, moby: Project
) -> None:
    forge.rename("acme/moby", "acme/engine")
    found = at.project(asking, "acme/moby")
    assert (found.id, found.path) == (moby.id, "acme/engine")
    review = at.create(asking, found, replace(WANTED, head_project=found.path)).review
    assert [each.number for each in at.reviews(asking, found, review.head, found, "main")] == ["1"]


def test_a_repository_that_is_archived_or_only_read(asking: Client, forge: GitHub) -> None:
    forge.add("acme/old", archived=True)
    found = at.project(asking, "acme/old")
    assert found.archived and found.can_push is False


@pytest.mark.parametrize("path", ["acme/gone", "acme/private"])
def test_a_repository_that_is_gone_or_not_to_be_seen(
    asking: Client, forge: GitHub, path: str
) -> None:
    forge.add("acme/private", private=True)
    with pytest.raises(RequestRefused) as refused:
        at.project(asking, path)
    assert refused.value.status == 404


@pytest.mark.parametrize("path", ["acme/../x", "acme/..", "acme/m?b", "acme/m#b", ""])
def test_a_name_that_would_be_another_address_is_refused_before_github_is_asked(
    asking: Client, forge: GitHub, path: str
) -> None:
    with pytest.raises(ForgeError, match="is no repository"):
        at.project(asking, path)
    assert forge.requests == []


# Opening


def test_a_pull_request_is_opened(asking: Client, moby: Project, forge: GitHub) -> None:
    review = opened(asking, moby, draft=True)
    assert review == Review(
        number="1",
        url=f"{forge.url}/acme/moby/pull/1",
        life=Life.OPEN,
        head="patcher/main",
        head_project=moby.id,
        head_commit=forge.branches.tip("acme/moby", "patcher/main"),
        base="main",
        title="Deny AF_ALG",
        body="Why\n\nand how.\n",
        draft=True,
    )
    assert len(forge.requests) == 2


def test_it_is_found_again_by_repository_head_and_base(
    asking: Client, moby: Project, forge: GitHub
) -> None:
    forge.branches.commit("acme/moby", "Patcher/main", *forge.branches.tips.values())
    review = opened(asking, moby)
    opened(asking, moby, base="1.x")
    opened(asking, moby, head="Patcher/main")
    at.close(asking, moby, review)
    again = opened(asking, moby)
    found = at.reviews(asking, moby, "patcher/main", moby, "main")
    assert [(each.number, each.life) for each in found] == [
        (again.number, Life.OPEN),
        (review.number, Life.CLOSED),
    ]


def test_a_filter_that_github_ignores_finds_nothing_of_others(
    asking: Client, moby: Project, forge: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(asking, moby)
    opened(asking, moby, base="1.x")
    monkeypatch.setattr("tests.forges.github._is_head", lambda pull, head: True)
    other = replace(moby, id="7", path="other/moby")
    assert at.reviews(asking, moby, "patcher/main", other, "main") == []
    assert at.reviews(asking, moby, "patcher", moby, "main") == []
    assert len(at.reviews(asking, moby, "patcher/main", moby, "main")) == 1


def test_many_of_one_branch(asking: Client, moby: Project, forge: GitHub) -> None:
    forge.page_size = 2
    for _ in range(5):
        at.close(asking, moby, opened(asking, moby))
    found = at.reviews(asking, moby, "patcher/main", moby, "main")
    assert [each.number for each in found] == ["5", "4", "3", "2", "1"]


def test_a_second_one_is_already_there(asking: Client, moby: Project, there: There) -> None:
    opened(asking, moby)
    with pytest.raises(AlreadyThere, match="already exists for acme:patcher/main"):
        at.create(asking, moby, WANTED)
    assert len(there.pulls) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"head": "nowhere"}, "head"),
        ({"base": "nowhere"}, "base"),
        ({"head": "main"}, "No commits between main and acme:main"),
        ({"body": "x" * 70_000}, "body is too long"),
    ],
)
def test_what_github_refuses_is_reported_in_its_words(
    asking: Client, moby: Project, there: There, changes: dict[str, str], said: str
) -> None:
    with pytest.raises(RequestRefused, match=said) as refused:
        at.create(asking, moby, replace(WANTED, **changes))  # type: ignore[arg-type]
    assert refused.value.status == 422 and not isinstance(refused.value, AlreadyThere)
    assert there.pulls == []


def test_without_drafts_it_is_open_to_all_and_that_is_reported(
    asking: Client, moby: Project, there: There
) -> None:
    there.drafts = False
    done = at.create(asking, moby, replace(WANTED, draft=True))
    assert done.missed == ("draft: the repository has none, so the review is open to all",)
    assert not done.review.draft and len(there.pulls) == 1


def test_an_archived_repository_gets_none(asking: Client, moby: Project, there: There) -> None:
    there.record["archived"] = True
    with pytest.raises(RequestRefused, match="was archived so is read-only"):
        at.create(asking, moby, WANTED)


def test_writes_keep_a_second_between_them(
    asking: Client, moby: Project, clock: list[float]
) -> None:
    review = opened(asking, moby)
    clock.clear()
    for _ in range(3):
        at.comment(asking, moby, review, "Hello")
    assert len(clock) == 3 and sum(clock) > 2.5


def test_reads_do_not_wait(asking: Client, moby: Project, there: There, clock: list[float]) -> None:
    review = opened(asking, moby)
    there.pulls[0].unknown = 0
    clock.clear()
    for _ in range(3):
        at.review(asking, moby, review.number)
    assert clock == []


# Who is asked, and what else is wanted


FULL = replace(
    WANTED,
    labels=("Security",),
    reviewers=("Alice", "bob"),
    teams=("acme/core",),
    assignees=("alice",),
    milestone="2.0",
    auto_merge="squash",
)


def test_all_that_is_wanted(asking: Client, moby: Project, there: There) -> None:
    there.labels, there.approvals = ["Security"], {"main": 1}
    done = at.create(asking, moby, FULL)
    assert done.missed == ()
    assert done.review.labels == ("Security",)
    assert done.review.asked == ("alice", "bob", "acme/core")
    assert done.review.assignees == ("alice",)
    assert done.review.milestone == "2.0"
    assert done.review.auto_merge and there.pulls[0].auto_merge == "squash"
    assert at.review(asking, moby, "1").auto_merge


def test_what_is_not_there_is_reported_and_the_review_stands(
    asking: Client, moby: Project, there: There
) -> None:
    there.auto_merge = False
    wanted = replace(
        FULL,
        labels=("nice", "security", "a/b"),
        reviewers=("alice", "stranger", "me"),
        teams=("nobody", "core"),
        assignees=("stranger", "alice"),
        milestone="9",
    )
    done = at.create(asking, moby, wanted)
    told = "\n".join(done.missed)
    assert "label nice: there is none" in told and "label a/b: there is none" in told
    assert "reviewer stranger: Reviews may only be requested from collaborators" in told
    assert "reviewer me: Review cannot be requested from pull request author" in told
    assert "team nobody: Reviews may only be requested from collaborators" in told
    assert "assignee stranger: cannot be assigned in acme/moby" in told
    assert "milestone 9: there is none" in told
    assert "Auto merge is not allowed for this repository" in told
    assert len(done.missed) == 8
    assert done.review.labels == ("security",) and there.labels == ["security"]
    assert done.review.asked == ("alice", "acme/core") and done.review.assignees == ("alice",)


def test_what_the_token_may_not_do_is_reported(
    asking: Client, moby: Project, forge: GitHub
) -> None:
    there = forge.repository("acme/moby")
    there.roles["me"] = "read"
    at.fork(asking, moby)
    push(forge, "me/moby")
    done = at.create(asking, moby, replace(FULL, head_project="me/moby", auto_merge=None))
    kinds = [line.partition(":")[0] for line in done.missed]
    assert kinds == ["labels", "assignee alice", "reviewers", "milestone 2.0"]
    assert len(there.pulls) == 1


@pytest.mark.parametrize(
    ("method", "template"),
    [
        ("GET", f"{REPO}/labels/{{name}}"),
        ("POST", f"{ISSUE}/labels"),
        ("POST", f"{ISSUE}/assignees"),
        ("POST", f"{PULL}/requested_reviewers"),
        ("GET", f"{REPO}/milestones"),
        ("PATCH", ISSUE),
        ("POST", "/graphql"),
    ],
)
def test_whatever_fails_after_the_opening_the_review_stands_and_the_next_run_completes_it(
    asking: Client, moby: Project, forge: GitHub, there: There, method: str, template: str
) -> None:
    there.labels, there.approvals = ["Security"], {"main": 1}
    forge.fail(method, template, Reply(502, {"message": "Server Error"}), times=4)
    done = at.create(asking, moby, FULL)
    assert len(done.missed) == 1 and "fails with HTTP 502: Server Error" in done.missed[0]
    forge.faults.clear()
    again = at.update(asking, moby, done.review, FULL)
    assert again.missed == ()
    assert again.review == at.update(asking, moby, again.review, FULL).review
    assert again.review.labels == ("Security",) and again.review.assignees == ("alice",)
    assert again.review.milestone == "2.0" and again.review.auto_merge
    assert {*again.review.asked} == {"alice", "bob", "acme/core"}


# Changing it


def test_an_update_of_what_is_as_it_is_wanted_asks_for_nothing(
    asking: Client, moby: Project, forge: GitHub, there: There
) -> None:
    there.labels, there.approvals = ["Security"], {"main": 1}
    review = at.create(asking, moby, FULL).review
    before = len(forge.requests)
    wanted = replace(FULL, labels=("SECURITY",), reviewers=("ALICE",), assignees=("Alice",))
    assert at.update(asking, moby, review, wanted) == Done(review)
    assert len(forge.requests) == before


def test_an_update_changes_title_and_body_and_leaves_what_others_did(
    asking: Client, moby: Project, there: There
) -> None:
    review = opened(asking, moby, draft=True)
    there.pulls[0].labels, there.pulls[0].reviewers = ["theirs"], ["bob"]
    at.set_draft(asking, moby, review, False)
    (review,) = at.reviews(asking, moby, "patcher/main", moby, "main")
    wanted = replace(WANTED, title="T", body="B", labels=("security",), reviewers=("alice",))
    done = at.update(asking, moby, review, replace(wanted, draft=True))
    assert done.missed == () and (done.review.title, done.review.body) == ("T", "B")
    assert there.pulls[0].labels == ["theirs", "security"]
    assert there.pulls[0].reviewers == ["bob", "alice"] and not there.pulls[0].draft


def test_who_has_reviewed_it_is_not_asked_again(
    asking: Client, moby: Project, forge: GitHub, there: There
) -> None:
    wanted = replace(WANTED, reviewers=("alice",))
    at.create(asking, moby, wanted)
    forge.review("acme/moby", 1, "alice", "COMMENTED")
    (review,) = at.reviews(asking, moby, "patcher/main", moby, "main")
    assert review.asked == ()
    done = at.update(asking, moby, review, wanted)
    assert done.missed == () and there.pulls[0].reviewers == []


def test_a_body_with_other_line_endings_is_the_same(
    asking: Client, moby: Project, forge: GitHub, there: There
) -> None:
    review = opened(asking, moby)
    there.pulls[0].body = "Why\r\n\r\nand how."
    (review,) = at.reviews(asking, moby, "patcher/main", moby, "main")
    before = len(forge.requests)
    at.update(asking, moby, review, WANTED)
    assert len(forge.requests) == before


def test_a_comment(asking: Client, moby: Project, there: There) -> None:
    at.comment(asking, moby, opened(asking, moby), "Not needed any more.")
    assert there.pulls[0].comments == [("me", "Not needed any more.")]


def test_drafts_are_made_ready_and_drafts_again(
    asking: Client, moby: Project, there: There
) -> None:
    review = opened(asking, moby, draft=True)
    review = at.set_draft(asking, moby, review, False)
    assert not review.draft and not there.pulls[0].draft
    assert at.set_draft(asking, moby, review, True).draft and there.pulls[0].draft
    there.drafts = False
    with pytest.raises(ForgeError, match="Draft pull requests are not supported"):
        at.set_draft(asking, moby, review, True)


# Approvals, checks, conflicts


@pytest.mark.parametrize(
    ("wants", "opinions", "approved"),
    [
        (None, [], False),
        (None, [("alice", "APPROVED")], True),
        (None, [("bob", "APPROVED")], False),  # may not write
        (None, [("alice", "COMMENTED")], False),
        (None, [("alice", "APPROVED"), ("alice", "COMMENTED")], True),
        (None, [("alice", "APPROVED"), ("alice", "CHANGES_REQUESTED")], False),
        (None, [("alice", "CHANGES_REQUESTED"), ("alice", "APPROVED")], True),
        (None, [("alice", "APPROVED"), ("alice", "DISMISSED")], False),
        (None, [("alice", "APPROVED"), ("acme", "CHANGES_REQUESTED")], False),
        (None, [("alice", "CHANGES_REQUESTED"), ("alice", "DISMISSED")], False),
        (2, [("alice", "APPROVED")], False),
        (2, [("alice", "APPROVED"), ("bob", "APPROVED")], False),
        (2, [("alice", "APPROVED"), ("acme", "APPROVED")], True),
        (0, [], False),  # no one's approval is wanted: none is no approval
    ],
)
def test_approved(
    asking: Client,
    moby: Project,
    forge: GitHub,
    there: There,
    wants: int | None,
    opinions: list[tuple[str, str]],
    approved: bool,
) -> None:
    if wants is not None:
        there.approvals = {"main": wants}
    review = opened(asking, moby)
    for login, state in opinions:
        forge.review("acme/moby", 1, login, state)
    assert at.review(asking, moby, review.number).approved is approved


def test_an_approval_of_an_earlier_commit_does_not_count(
    asking: Client, moby: Project, forge: GitHub, there: There
) -> None:
    there.approvals = {"main": 1}
    review = opened(asking, moby)
    forge.review("acme/moby", 1, "alice")
    assert at.review(asking, moby, review.number).approved is True
    push(forge)
    assert at.review(asking, moby, review.number).approved is False
    forge.review("acme/moby", 1, "acme", "CHANGES_REQUESTED")
    forge.review("acme/moby", 1, "alice")
    assert at.review(asking, moby, review.number).approved is False
    forge.review("acme/moby", 1, "acme")
    assert at.review(asking, moby, review.number).approved is True


def test_a_bot_approves_beside_a_person(
    asking: Client, moby: Project, forge: GitHub, there: There
) -> None:
    there.roles["renovate[bot]"] = "write"
    review = opened(asking, moby)
    forge.review("acme/moby", 1, "renovate[bot]")
    assert at.review(asking, moby, review.number).approved is False
    forge.review("acme/moby", 1, "alice")
    assert at.review(asking, moby, review.number).approved is True


def test_a_rule_that_is_not_met_is_known(asking: Client, moby: Project, there: There) -> None:
    review = opened(asking, moby)
    assert at.review(asking, moby, review.number).blocked is False
    there.unmet = True
    assert at.review(asking, moby, review.number).blocked is True


@pytest.mark.parametrize(
    ("states", "checks"),
    [
        ([], Checks.NONE),
        (["SUCCESS"], Checks.PASSED),
        (["SUCCESS", "SKIPPED"], Checks.PASSED),
        (["SUCCESS", "NEUTRAL"], Checks.PASSED),
        (["SKIPPED"], Checks.NONE),
        (["NEUTRAL", "SKIPPED"], Checks.NONE),
        (["SUCCESS", None], Checks.PENDING),
        (["SUCCESS", "FAILURE"], Checks.FAILED),
        ([None, "FAILURE"], Checks.FAILED),
    ],
)
def test_check_runs(
    asking: Client, moby: Project, forge: GitHub, states: list[str | None], checks: Checks
) -> None:
    review = opened(asking, moby)
    for state in states:
        forge.check("acme/moby", 1, state)
    assert at.review(asking, moby, review.number).checks is checks


@pytest.mark.parametrize(
    ("run", "status", "checks"),
    [
        ("SUCCESS", "SUCCESS", Checks.PASSED),
        ("SKIPPED", "SUCCESS", Checks.PASSED),
        ("SUCCESS", "ERROR", Checks.FAILED),
        ("SUCCESS", "PENDING", Checks.PENDING),
        ("SUCCESS", "EXPECTED", Checks.PENDING),
        ("FAILURE", "SUCCESS", Checks.FAILED),
    ],
)
def test_commit_statuses_count_beside_check_runs(
    asking: Client, moby: Project, forge: GitHub, run: str, status: str, checks: Checks
) -> None:
    review = opened(asking, moby)
    forge.check("acme/moby", 1, run)
    forge.check("acme/moby", 1, status, "StatusContext")
    assert at.review(asking, moby, review.number).checks is checks


def test_checks_of_an_earlier_commit_do_not_count(
    asking: Client, moby: Project, forge: GitHub
) -> None:
    review = opened(asking, moby)
    forge.check("acme/moby", 1, "SUCCESS")
    tip = push(forge)
    seen = at.review(asking, moby, review.number)
    assert (seen.head_commit, seen.checks) == (tip, Checks.NONE)


def test_a_required_check_that_has_not_begun_blocks(
    asking: Client, moby: Project, forge: GitHub, there: There
) -> None:
    """For an administrator, too, whom GitHub would let merge it."""
    there.roles["me"] = "admin"
    there.required["main"] = 2
    opened(asking, moby)
    assert at.review(asking, moby, "1").blocked
    forge.check("acme/moby", 1, "SUCCESS")
    seen = at.review(asking, moby, "1")
    assert (seen.checks, seen.blocked) == (Checks.PASSED, True)
    forge.check("acme/moby", 1, "SUCCESS", "StatusContext")
    assert not at.review(asking, moby, "1").blocked


def test_conflicts_are_asked_for_until_github_knows(
    asking: Client, moby: Project, forge: GitHub, there: There, clock: list[float]
) -> None:
    review = opened(asking, moby)
    forge.branches.conflicting.add(there.pulls[0].commit)
    there.pulls[0].unknown = 2
    clock.clear()
    assert at.review(asking, moby, review.number).conflicts is True
    assert clock == [1, 2]


def test_conflicts_that_github_never_knows(
    asking: Client, moby: Project, forge: GitHub, there: There, clock: list[float]
) -> None:
    review = opened(asking, moby)
    there.pulls[0].unknown = 99
    clock.clear()
    assert at.review(asking, moby, review.number).conflicts is None
    assert len(clock) == reading.LOOKS - 1


def test_what_was_approved_is_the_commit_that_is_named(
    asking: Client,
    moby: Project,
    forge: GitHub,
    there: There,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Someone pushes each time between the two requests that say what was approved."""
    review = opened(asking, moby)
    there.pulls[0].unknown = 0
    forge.review("acme/moby", 1, "alice")
    forge.check("acme/moby", 1, "SUCCESS")
    answers = forge.query_status

    def pushed(given: dict[str, object]) -> dict[str, object]:
        push(forge)
        forge.sync()
        return answers(given)

    monkeypatch.setattr(forge, "query_status", pushed)
    seen = at.review(asking, moby, review.number)
    assert seen.approved is None and seen.checks is None


def test_checks_that_the_token_may_not_see_are_not_known(
    asking: Client, moby: Project, forge: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = opened(asking, moby)
    commit = review.head_commit
    partial: dict[str, Any] = {
        "reviewDecision": None,
        "latestOpinionatedReviews": None,
        "commits": {"nodes": [{"commit": {"oid": commit}}]},
        "timelineItems": {"nodes": []},
    }
    said = [{"type": "FORBIDDEN", "message": "Resource not accessible by personal access token"}]
    body = {"data": {"repository": {"pullRequest": partial}}, "errors": said}
    forge.fail("POST", "/graphql", Reply(200, body), times=9)
    seen = at.review(asking, moby, review.number)
    assert seen.approved is None and seen.checks is None


FORBIDDEN = {"type": "FORBIDDEN", "message": "Resource not accessible by personal access token"}


@pytest.mark.parametrize(
    ("fields", "approved", "checks"),
    [
        (["commits", "nodes", 0, "commit", "statusCheckRollup"], True, None),
        (["latestOpinionatedReviews"], None, Checks.PASSED),
        (["reviewDecision"], None, Checks.PASSED),
        (None, None, None),
    ],
)
def test_null_with_an_error_is_not_known(
    asking: Client,
    moby: Project,
    forge: GitHub,
    fields: list[str | int] | None,
    approved: bool | None,
    checks: Checks | None,
) -> None:
    """GitHub answers null for what a token may not see, as for what there is none of."""
    review = opened(asking, moby)
    forge.review("acme/moby", 1, "alice")
    forge.check("acme/moby", 1, "SUCCESS")
    whole = forge.query_status({"owner": "acme", "name": "moby", "number": 1})
    at_fault: Any = whole["repository"]["pullRequest"]
    for name in (fields or [])[:-1]:
        at_fault = at_fault[name]
    if fields is not None:
        at_fault[fields[-1]] = None
    error: dict[str, Any] = dict(FORBIDDEN)
    if fields is not None:
        error["path"] = ["repository", "pullRequest", *fields]
    forge.fail("POST", "/graphql", Reply(200, {"data": whole, "errors": [error]}), times=9)
    seen = at.review(asking, moby, review.number)
    assert (seen.approved, seen.checks) == (approved, checks)


# Many at once


@pytest.fixture
def three(asking: Client, moby: Project, forge: GitHub) -> list[tuple[str, str]]:
    """Three pull requests of one repository."""
    opened(asking, moby)
    for branch in ("patcher/1", "patcher/2"):
        push(forge, branch=branch)
        opened(asking, moby, head=branch)
    for number in (1, 2, 3):
        forge.pull("acme/moby", number).unknown = 0
    return [("acme/moby", str(number)) for number in (1, 2, 3)]


def test_what_many_reviews_are_is_what_each_is(
    asking: Client, moby: Project, forge: GitHub, three: list[tuple[str, str]]
) -> None:
    forge.review("acme/moby", 1, "alice")
    forge.check("acme/moby", 1, "SUCCESS")
    forge.check("acme/moby", 2, "FAILURE")
    forge.close("acme/moby", 3, "alice")
    before = len(forge.requests)
    found = github.look_together(asking, three)
    assert len(forge.requests) == before + 1
    for path, number in three:
        alone = at.review(asking, moby, number)
        project, review = found[path, number]
        assert (project.id, project.path) == (moby.id, moby.path)
        for name in "number url life head head_project head_commit base title draft".split():
            assert getattr(review, name) == getattr(alone, name), name
        for name in "approved checks conflicts closed_by".split():
            assert getattr(review, name) == getattr(alone, name), name
    assert [found[each][1].checks for each in three[:2]] == [Checks.PASSED, Checks.FAILED]


def test_what_fails_of_many_is_left_out(
    asking: Client, forge: GitHub, three: list[tuple[str, str]]
) -> None:
    assert [*github.look_together(asking, [*three, ("acme/moby", "9"), ("no/one", "1")])] == three
    given = {f"{key}{at}": value for at in range(3) for key, value in _called(at + 1).items()}
    data = forge.query_reviews(given)
    data["r1"]["pullRequest"]["commits"]["nodes"][0]["commit"]["statusCheckRollup"] = None
    error: dict[str, Any] = FORBIDDEN | {"path": ["r1", "pullRequest", "commits", "nodes", 0]}
    forge.fail("POST", "/graphql", Reply(200, {"data": data, "errors": [error]}))
    assert [*github.look_together(asking, three)] == [three[0], three[2]]
    forge.fail("POST", "/graphql", Reply(200, {"data": data, "errors": [FORBIDDEN]}))
    assert github.look_together(asking, three) == {}
    forge.fail("POST", "/graphql", Reply(200, {"data": None, "errors": [FORBIDDEN]}))
    assert github.look_together(asking, three) == {}


def _called(number: int) -> dict[str, Any]:
    return {"o": "acme", "n": "moby", "p": number}


def test_many_are_asked_for_again_until_it_is_known_whether_they_conflict(
    asking: Client, forge: GitHub, clock: list[float], three: list[tuple[str, str]]
) -> None:
    for number in (1, 2):
        forge.pull("acme/moby", number).unknown = 1
    before = len(forge.requests)
    found = github.look_together(asking, three)
    assert [found[each][1].conflicts for each in three] == [False] * 3
    assert [len(each.body["variables"]) // 3 for each in forge.requests[before:]] == [3, 2]
    forge.pull("acme/moby", 1).unknown = 99
    assert github.look_together(asking, three)[three[0]][1].conflicts is None
    forge.pull("acme/moby", 1).unknown = 0


def test_many_wait_for_the_rate_limit(
    asking: Client, forge: GitHub, clock: list[float], three: list[tuple[str, str]]
) -> None:
    said = [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]
    reply = Reply(200, {"data": None, "errors": said}, {"Retry-After": "30"})
    forge.fail("POST", "/graphql", reply)
    assert len(github.look_together(asking, three)) == 3
    assert sum(clock) >= 30


# What became of it


def test_closed_by_a_person(asking: Client, moby: Project, forge: GitHub) -> None:
    review = opened(asking, moby)
    forge.close("acme/moby", 1, "alice")
    seen = at.review(asking, moby, review.number)
    assert (seen.life, seen.closed_by) == (Life.CLOSED, "alice")


@pytest.mark.parametrize("change", [at.close, at.reopen])
def test_what_is_merged_stays_so(
    asking: Client, moby: Project, forge: GitHub, change: Callable[..., Review]
) -> None:
    review = opened(asking, moby)
    at.merge(asking, moby, review, "merge")
    with pytest.raises(ForgeError, match=r"is merged, and not made closed|cannot be reopened"):
        change(asking, moby, review)


def test_auto_merge_waits_for_what_is_required(
    asking: Client, moby: Project, forge: GitHub, there: There
) -> None:
    there.required["main"] = 1
    opened(asking, moby, auto_merge="squash")
    assert at.review(asking, moby, "1").life is Life.OPEN
    forge.check("acme/moby", 1, "SUCCESS")
    assert at.review(asking, moby, "1").life is Life.MERGED


@pytest.mark.parametrize("answer", [None, {}, [], {"merged": False}, {"sha": "1" * 40}])
def test_a_merge_is_one_where_github_says_so(
    asking: Client, moby: Project, forge: GitHub, answer: object
) -> None:
    review = opened(asking, moby)
    forge.fail("PUT", f"{PULL}/merge", Reply(200, answer))
    with pytest.raises(ForgeError, match=r"does not say that .* is merged"):
        at.merge(asking, moby, review, "merge")


def test_closed_by_ourselves_and_opened_again(asking: Client, moby: Project) -> None:
    review = opened(asking, moby)
    assert at.close(asking, moby, review).life is Life.CLOSED
    assert at.close(asking, moby, review).life is Life.CLOSED
    seen = at.review(asking, moby, review.number)
    assert (seen.life, seen.closed_by) == (Life.CLOSED, "me")
    assert at.reopen(asking, moby, seen).life is Life.OPEN
    assert at.review(asking, moby, review.number).closed_by is None


def test_a_branch_that_someone_deleted_closes_it_and_it_cannot_be_opened_again(
    asking: Client, moby: Project, forge: GitHub
) -> None:
    review = opened(asking, moby)
    forge.branches.delete("acme/moby", "patcher/main")
    seen = at.review(asking, moby, review.number)
    assert (seen.life, seen.closed_by, seen.head_project) == (Life.CLOSED, "someone", moby.id)
    with pytest.raises(RequestRefused, match="The patcher/main branch has been deleted"):
        at.reopen(asking, moby, seen)


def test_a_branch_that_was_made_anew_cannot_be_opened_again(
    asking: Client, moby: Project, forge: GitHub
) -> None:
    review = at.close(asking, moby, opened(asking, moby))
    forge.branches.delete("acme/moby", "patcher/main")
    push(forge)
    with pytest.raises(RequestRefused, match="was force-pushed or recreated"):
        at.reopen(asking, moby, review)


def test_merged_by_hand(asking: Client, moby: Project, forge: GitHub) -> None:
    review = opened(asking, moby)
    tips = forge.branches.tips
    tips["acme/moby", "main"] = tips["acme/moby", "patcher/main"]
    seen = at.review(asking, moby, review.number)
    assert seen.life is Life.MERGED and seen.merge_commit == seen.head_commit


def test_a_base_that_moved_stays_the_base(asking: Client, moby: Project, forge: GitHub) -> None:
    review = opened(asking, moby)
    forge.branches.commit("acme/moby", "main")
    seen = at.review(asking, moby, review.number)
    assert seen.life is Life.OPEN and seen.head_commit == review.head_commit


# Merging


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_merge(asking: Client, moby: Project, forge: GitHub, method: MergeMethod) -> None:
    merged = at.merge(asking, moby, opened(asking, moby), method)
    assert merged.life is Life.MERGED
    assert merged.merge_commit == forge.branches.tip("acme/moby", "main")
    (sent,) = forge.asked("PUT", f"{PULL}/merge")
    assert sent.body == {"sha": merged.head_commit, "merge_method": method}
    (seen,) = at.reviews(asking, moby, "patcher/main", moby, "main")
    assert (seen.life, seen.merge_commit) == (Life.MERGED, merged.merge_commit)


def test_what_was_pushed_meanwhile_is_not_merged(
    asking: Client, moby: Project, forge: GitHub, there: There
) -> None:
    review = opened(asking, moby)
    push(forge)
    with pytest.raises(RequestRefused, match="Head branch was modified") as refused:
        at.merge(asking, moby, review, "merge")
    assert refused.value.status == 409 and there.pulls[0].open


def test_a_commit_that_is_not_known_is_not_merged(
    asking: Client, moby: Project, forge: GitHub
) -> None:
    review = replace(opened(asking, moby), head_commit=None)
    with pytest.raises(ForgeError, match="is not known: it is not merged"):
        at.merge(asking, moby, review, "merge")
    assert forge.asked("PUT", f"{PULL}/merge") == []


def test_what_the_branch_protection_wants_is_reported(
    asking: Client, moby: Project, there: There
) -> None:
    there.approvals = {"main": 1}
    with pytest.raises(RequestRefused, match="At least 1 approving review is required"):
        at.merge(asking, moby, opened(asking, moby), "merge")


def test_a_draft_and_a_conflict_are_not_merged(
    asking: Client, moby: Project, forge: GitHub, there: There
) -> None:
    review = opened(asking, moby, draft=True)
    with pytest.raises(RequestRefused, match="still a draft"):
        at.merge(asking, moby, review, "merge")
    forge.branches.conflicting.add(there.pulls[0].commit)
    with pytest.raises(RequestRefused, match="is not mergeable"):
        at.merge(asking, moby, review, "merge")


@pytest.mark.parametrize("reply", [Reply(502, {"message": "Server Error"}), Reply(200, {}, cut=1)])
def test_a_merge_whose_answer_is_lost_is_a_merge(
    asking: Client, moby: Project, forge: GitHub, reply: Reply
) -> None:
    review = opened(asking, moby)
    forge.fail("PUT", f"{PULL}/merge", reply, after=True)
    merged = at.merge(asking, moby, review, "merge")
    assert merged.life is Life.MERGED
    assert merged.merge_commit == forge.branches.tip("acme/moby", "main")


# Forks


def test_a_fork_is_made_once_and_can_be_pushed_to(
    asking: Client, moby: Project, forge: GitHub, there: There, clock: list[float]
) -> None:
    there.not_ready = 2
    clock.clear()
    made = at.fork(asking, moby)
    assert (made.path, made.fork_of, made.can_push) == ("me/moby", moby.id, True)
    assert clock[:2] == [1, 2]
    assert at.fork(asking, moby).id == made.id
    assert [each["full_name"] for each in forge.owners["me"]] == ["me/moby"]


def test_a_fork_of_another_name(asking: Client, moby: Project, forge: GitHub) -> None:
    forge.add("me/moby")
    made = at.fork(asking, moby)
    assert (made.path, made.fork_of) == ("me/moby-1", moby.id)
    push(forge, "me/moby-1")
    wanted = replace(WANTED, head_project="me/moby-1")
    review = at.create(asking, moby, wanted).review
    assert review.head_project == made.id
    assert at.reviews(asking, moby, "patcher/main", made, "main") == [review]
    assert at.reviews(asking, moby, "patcher/main", moby, "main") == []


def test_a_fork_that_never_becomes_ready(
    asking: Client, moby: Project, there: There, clock: list[float]
) -> None:
    there.not_ready = 99
    clock.clear()
    with pytest.raises(ForgeError, match=r"me/moby is not ready yet: run patcher again"):
        at.fork(asking, moby)
    assert 250 < sum(clock) < 600 and len(clock) <= forks.LOOKS + 1


def test_a_fork_that_is_behind_follows_unless_it_has_commits_of_its_own(
    asking: Client, moby: Project, forge: GitHub
) -> None:
    at.fork(asking, moby)
    new = forge.branches.commit("acme/moby", "main")
    at.fork(asking, moby)
    assert forge.branches.tip("me/moby", "main") == new
    own = forge.branches.commit("me/moby", "main")
    forge.branches.commit("acme/moby", "main")
    at.fork(asking, moby)
    assert forge.branches.tip("me/moby", "main") == own


def test_an_owner_cannot_fork(
    forge: GitHub, monkeypatch: pytest.MonkeyPatch, asking: Client
) -> None:
    forge.add("me/own")
    forge.branches.commit("me/own", "main")
    with pytest.raises(ForgeError, match="me/own is no fork"):
        at.fork(asking, at.project(asking, "me/own"))


def test_only_a_fork_is_deleted(asking: Client, moby: Project, forge: GitHub) -> None:
    made = at.fork(asking, moby)
    at.delete_fork(asking, made)
    assert forge.deleted == ["me/moby"]
    before = len(forge.requests)
    with pytest.raises(ForgeError, match="acme/moby is no fork: it is not removed"):
        at.delete_fork(asking, moby)
    assert len(forge.requests) == before


def test_what_took_the_place_of_a_fork_is_not_deleted(
    asking: Client, moby: Project, forge: GitHub
) -> None:
    made = at.fork(asking, moby)
    forge.remove("me/moby")
    forge.add("me/moby")
    with pytest.raises(ForgeError, match="is another repository by now"):
        at.delete_fork(asking, made)
    assert forge.deleted == ["me/moby"]


def test_a_review_whose_fork_is_gone_is_found(asking: Client, moby: Project, forge: GitHub) -> None:
    made = at.fork(asking, moby)
    push(forge, "me/moby")
    review = at.create(asking, moby, replace(WANTED, head_project="me/moby")).review
    at.delete_fork(asking, made)
    seen = at.review(asking, moby, review.number)
    assert (seen.life, seen.head_project) == (Life.CLOSED, None)


# Repositories that git serves


def test_the_life_of_a_pull_request_over_real_repositories(
    asking: Client, forge: GitHub, sandbox: Sandbox
) -> None:
    work, root = sandbox.repository("work"), sandbox.root / "served"
    served = root / "acme/tool.git"
    sandbox.bare(work, served)
    forge.branches = GitBranches(root)
    forge.add("acme/tool")
    forge.repository("acme/tool").roles = {"me": "write"}
    tool = at.project(asking, "acme/tool")
    for branch in ("patcher/main", "patcher/fork"):
        sandbox.commit(work, {branch: "x"}, branch)
        sandbox.git(work, "checkout", "-q", "main")
    fork = at.fork(asking, tool)
    sandbox.git(work, "push", "-q", str(served), "patcher/main")
    sandbox.git(work, "push", "-q", str(root / "me/tool.git"), "patcher/fork")
    here = at.create(asking, tool, replace(WANTED, head_project="acme/tool")).review
    elsewhere = replace(WANTED, head="patcher/fork", head_project=fork.path)
    there = at.create(asking, tool, elsewhere).review
    assert at.review(asking, tool, there.number).conflicts is False
    merged = at.merge(asking, tool, there, "merge")
    assert sandbox.git(served, "rev-parse", "main") == merged.merge_commit
    assert sandbox.show(served, "main:patcher/fork") == "x"
    sandbox.commit(work, {"patcher": "a file where the other has a folder"})
    sandbox.git(work, "push", "-q", "-f", str(served), "main")
    assert at.review(asking, tool, here.number).conflicts is True
    sandbox.git(served, "update-ref", "-d", "refs/heads/patcher/main")
    assert at.review(asking, tool, here.number).life is Life.CLOSED


# What goes wrong


REFUSED = [
    (401, {"message": "Bad credentials"}, "does not take the token in GITHUB_TOKEN"),
    (403, {"message": "Resource not accessible by integration"}, "denies access: Resource not"),
    (404, {"message": "Not Found"}, "knows nothing of that name, or the token may not see it"),
    (409, {"message": "Conflict"}, "fails with HTTP 409: Conflict"),
    (410, {"message": "Issues are disabled"}, "fails with HTTP 410: Issues are disabled"),
    (
        422,
        {"message": "Validation Failed", "errors": [{"field": "title", "code": "missing_field"}]},
        "fails with HTTP 422: Validation Failed: title missing_field",
    ),
    (422, {"message": "Validation Failed", "errors": ["a", "b"]}, "Validation Failed: a; b"),
    (500, {"message": "Server Error"}, "fails with HTTP 500: Server Error"),
    (503, b"<html>", "fails with HTTP 503"),
]


@pytest.mark.parametrize(("status", "body", "said"), REFUSED)
@pytest.mark.parametrize("what", ["project", "reviews", "create", "update", "close", "merge"])
def test_what_github_answers_is_one_clear_line(
    asking: Client,
    moby: Project,
    forge: GitHub,
    status: int,
    body: object,
    said: str,
    what: str,
) -> None:
    review = opened(asking, moby)
    forge.instead = [Reply(status, body)] * 8
    with pytest.raises(RequestRefused) as refused:
        if what == "project":
            at.project(asking, "acme/moby")
        elif what == "reviews":
            at.reviews(asking, moby, "patcher/main", moby, "main")
        elif what == "create":
            at.create(asking, moby, WANTED)
        elif what == "update":
            at.update(asking, moby, review, replace(WANTED, title="New"))
        elif what == "close":
            at.close(asking, moby, review)
        else:
            at.merge(asking, moby, review, "merge")
    forge.instead = []
    assert refused.value.status == status and said in str(refused.value)
    assert "\n" not in str(refused.value) and TOKEN not in str(refused.value)


@pytest.mark.parametrize("status", [403, 429])
def test_a_secondary_limit_is_waited_for_and_the_review_opened_once(
    asking: Client, moby: Project, there: There, forge: GitHub, clock: list[float], status: int
) -> None:
    limited = Reply(status, LIMITED.body, {"Retry-After": "7"})
    forge.instead = [limited, limited]
    clock.clear()
    opened(asking, moby)
    assert [round(each) for each in clock if each > 1] == [7, 7]
    assert len(there.pulls) == 1


@pytest.mark.parametrize(
    "error",
    [
        {"type": "RATE_LIMITED", "message": "API rate limit exceeded"},
        {"message": "You have exceeded a secondary rate limit."},
    ],
)
def test_graphql_has_a_limit_of_its_own_with_status_200(
    asking: Client, moby: Project, forge: GitHub, clock: list[float], error: dict[str, str]
) -> None:
    review = opened(asking, moby)
    reply = Reply(200, {"errors": [error]}, {"Retry-After": "9"})
    forge.fail("POST", "/graphql", reply)
    assert at.review(asking, moby, review.number).approved is False
    assert 9 in [round(each) for each in clock]


@pytest.mark.parametrize("reply", [Reply(502, {"message": "Server Error"}), Reply(201, {}, cut=1)])
def test_an_opening_whose_answer_is_lost_is_found_and_never_doubled(
    asking: Client, moby: Project, there: There, forge: GitHub, reply: Reply
) -> None:
    forge.fail("POST", PULLS, reply, after=True)
    with pytest.raises(ForgeError, match=r"fails with HTTP 502|breaks off"):
        at.create(asking, moby, WANTED)
    (found,) = at.reviews(asking, moby, "patcher/main", moby, "main")
    assert found.life is Life.OPEN
    with pytest.raises(AlreadyThere):
        at.create(asking, moby, WANTED)
    assert len(there.pulls) == 1


def test_a_server_that_is_silent(
    asking: Client, moby: Project, forge: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "TIMEOUT", 0.2)
    forge.fail("POST", PULLS, Reply(silent=2))
    with pytest.raises(ForgeError, match="gives no answer within"):
        at.create(asking, moby, WANTED)
    assert len(forge.asked("POST", PULLS)) == 1


def test_without_a_token_the_variable_is_named(
    forge: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    asking = Client(server_at("github", None), print)
    moby = at.project(asking, "acme/moby")
    with pytest.raises(RequestRefused, match=r"wants a token: set .*GITHUB_TOKEN"):
        at.create(asking, moby, WANTED)


@pytest.mark.parametrize("body", [None, [], {}, {"number": 1}, {"number": "x", "html_url": 7}])
def test_an_answer_that_is_no_pull_request(
    asking: Client, moby: Project, forge: GitHub, body: object
) -> None:
    forge.instead = [Reply(201, body)]
    with pytest.raises(ForgeError, match="something that is no pull request"):
        at.create(asking, moby, WANTED)


def test_a_request_that_github_does_not_know_is_a_fault(
    asking: Client, forge: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking.ask("/repos/acme/moby")
    assert forge.wrong == []
    with pytest.raises(RequestRefused):
        asking.ask("/repos/acme/moby/pull")
    assert forge.wrong == ["no such request: GET /repos/acme/moby/pull"]
    forge.wrong.clear()


@pytest.mark.parametrize("forge", [pytest.param("published", marks=PUBLISHED)], indirect=True)
@pytest.mark.parametrize(
    ("method", "path", "query", "body", "fault"),
    [
        ("GET", "/repos/acme/moby/pulls", {"heads": "acme:x"}, None, "no parameter heads"),
        ("GET", "/repos/acme/moby/pulls", {"state": "merged"}, None, "'merged' is not one of"),
        ("POST", "/repos/acme/moby/issues/1/comments", {}, {"text": "x"}, "'body' is a required"),
        ("PUT", "/repos/acme/moby/pulls/1/merge", {}, {"commit": "x"}, "sent commit, which is ign"),
        ("PUT", "/repos/acme/moby/pulls/1/merge", {}, {"sha": 7}, "7 is not of type 'string'"),
        ("PUT", "/repos/acme/moby/pulls/1/merge", {}, {"merge_method": "ff"}, "'ff' is not one of"),
        (
            "POST",
            "/graphql",
            {},
            {"query": "query status { viewer { name } nope }"},
            "Cannot query",
        ),
        (
            "POST",
            "/graphql",
            {},
            {"query": reading._STATUS, "variables": {"owner": "acme", "name": "moby"}},
            "Variable '$number'",
        ),
    ],
)
def test_a_wrong_request_is_a_fault(
    asking: Client,
    moby: Project,
    forge: GitHub,
    method: client.Method,
    path: str,
    query: dict[str, str],
    body: dict[str, object] | None,
    fault: str,
) -> None:
    opened(asking, moby)
    with contextlib.suppress(ForgeError):
        at_url = f"{forge.url}/api/graphql" if path == "/graphql" else path
        asking.ask(at_url, query, method=method, body=body)
    found, forge.wrong = "\n".join(forge.wrong), []
    assert fault in found

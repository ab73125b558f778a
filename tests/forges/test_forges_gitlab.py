"""What GitLab alone has: pipelines, approvals without rules, marks of drafts, groups, copies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from patcher.forges.client import RequestRefused
from patcher.forges.review import Checks, Life, Unsupported
from patcher.forges.server import ForgeError
from tests.forges.worlds import BASE, HEAD, OTHER, PATH, AtGitLab, served
from tests.sources.servers import Record, Reply


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch, home: object) -> Iterator[AtGitLab]:
    with served("gitlab", monkeypatch) as world:
        assert isinstance(world, AtGitLab)
        yield world


@pytest.mark.parametrize(
    ("status", "checks"),
    [
        ("success", Checks.PASSED),
        ("failed", Checks.FAILED),
        ("canceled", Checks.FAILED),
        ("canceling", Checks.FAILED),
        ("skipped", Checks.NONE),
        ("manual", Checks.PENDING),
        ("scheduled", Checks.PENDING),
        ("created", Checks.PENDING),
        ("waiting_for_resource", Checks.PENDING),
        ("preparing", Checks.PENDING),
        ("pending", Checks.PENDING),
        ("running", Checks.PENDING),
    ],
)
def test_each_status_of_a_pipeline(at: AtGitLab, status: str, checks: Checks) -> None:
    at.open()
    at.check(status)
    assert at.review().checks is checks


def test_a_pipeline_on_the_merge_result(at: AtGitLab) -> None:
    """It ran on a commit that GitLab made of the branch and its base."""
    opened = at.open()
    head, base = opened.head_commit, at.branches.tip(PATH, BASE)
    assert head is not None and base is not None
    merge = at.branches.commit(PATH, "made", base, head)
    ref = "refs/merge-requests/1/merge"
    at.forge.run_pipeline(at.own[0], "success", sha=merge, ref=ref)
    assert at.review().checks is Checks.PASSED
    at.branches.commit(PATH, HEAD)
    assert at.review().checks is Checks.PENDING
    at.forge.run_pipeline(at.own[0], "success", sha="f" * 40, ref=ref)  # which is gone
    assert at.review().checks is Checks.PENDING


def test_a_check_that_is_no_pipeline_is_waited_for(at: AtGitLab) -> None:
    at.open()
    at.protect(checks=True)
    assert at.review().checks is Checks.PENDING  # before its first pipeline
    at.check("success")
    assert at.review().checks is Checks.PASSED


def test_pipelines_that_the_token_may_not_see(at: AtGitLab) -> None:
    at.open()
    shown = at.forge.shown(at.own[0])
    del shown["head_pipeline"]
    project = at.project()
    at.forge.instead = [Reply(200, shown)]
    assert at.reviews.review(at.client(), project, "1").checks is None


def test_approvals_where_no_rule_can_be(at: AtGitLab) -> None:
    at.forge.licensed = False
    at.open()
    assert at.review().approved is False
    at.approve("me")
    assert at.review().approved is False
    at.approve("bob")
    assert at.review().approved is True
    at.object("ann")
    assert at.review().approved is False


def test_approvals_of_which_nobody_says_when_they_were_given(at: AtGitLab) -> None:
    at.forge.licensed = at.forge.dated = False
    at.open()
    assert at.review().approved is False
    at.approve("bob")
    assert at.review().approved is True  # nothing was pushed since it was opened
    at.branches.commit(PATH, HEAD)
    assert at.review().approved is None
    at.object("ann")
    assert at.review().approved is False


def test_approvals_that_the_token_may_not_see(at: AtGitLab) -> None:
    at.open()
    at.forge.fail("GET", "/projects/{id}/merge_requests/{iid}/approvals", Reply(403, {}))
    assert at.review().approved is None


@pytest.mark.parametrize("mark", ["Draft: ", "draft:", "[Draft] ", "(draft)", "[DRAFT] Draft: "])
def test_every_mark_of_a_draft(at: AtGitLab, mark: str) -> None:
    at.open()
    at.own[0]["title"] = f"{mark}Deny AF_ALG"
    seen = at.review()
    assert (seen.draft, seen.title) == (True, "Deny AF_ALG")
    ready = at.reviews.set_draft(at.client(), at.project(), seen, False)
    assert (ready.draft, at.own[0]["title"]) == (False, "Deny AF_ALG")


def test_groups_are_asked_as_code_owners_alone(at: AtGitLab) -> None:
    done = at.reviews.create(at.client(), at.project(), at.wanted(teams=("acme/security",)))
    assert done.missed == ("team acme/security: GitLab asks no groups but as code owners",)


def test_one_reviewer_where_there_can_be_no_more(at: AtGitLab) -> None:
    at.forge.licensed = False
    wish = at.wanted(reviewers=("bob", "ann"), assignees=("bob", "ann"))
    done = at.reviews.create(at.client(), at.project(), wish)
    assert done.review.asked == ("bob",)
    assert [line.partition(":")[0] for line in done.missed] == ["reviewer ann", "assignee ann"]


def test_labels_that_may_not_be_made(at: AtGitLab) -> None:
    at.forge.labels_made = False
    done = at.reviews.create(at.client(), at.project(), at.wanted(labels=("new",)))
    assert done.missed == ("label new: GitLab did not take it",)


def test_a_milestone_of_that_very_name(at: AtGitLab) -> None:
    at.plan("1.0", "1.0.1")
    assert at.open(milestone="1.0.1").milestone == "1.0.1"


def test_auto_merge_waits_for_the_pipeline_of_a_new_one(at: AtGitLab) -> None:
    """GitLab starts it a moment later."""
    original, looks = at.forge.shown, [0]

    def shown(request: Record, *, alone: bool = True) -> Record:
        looks[0] += 1
        if looks[0] == 3:
            at.check("running")
        found: Record = original(request, alone=alone)
        return found

    at.forge.shown = shown
    done = at.reviews.create(at.client(), at.project(), at.wanted(auto_merge="squash"))
    assert (done.missed, done.review.auto_merge, done.review.life) == ((), True, Life.OPEN)
    assert sum(at.slept) < 30


def test_what_passed_already_is_not_merged_unseen(at: AtGitLab) -> None:
    opened = at.open()
    at.check("success")
    wish = at.wanted(auto_merge="merge")
    done = at.reviews.update(at.client(), at.project(), opened, wish)
    assert done.missed[0].startswith("auto-merge: GitLab waits for no check")
    assert at.review().life is Life.OPEN


def test_a_rebase_is_the_projects_own_choice(at: AtGitLab) -> None:
    at.open()
    with pytest.raises(Unsupported, match="choose another way"):
        at.reviews.merge(at.client(), at.project(), at.review(), "rebase")


def test_who_may_push_by_a_group_or_as_administrator(
    at: AtGitLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    at.forge.projects[0]["shared"] = True
    assert at.project().can_push is True
    monkeypatch.setenv("GITLAB_TOKEN", OTHER)
    assert at.project().can_push is False
    at.forge.admins.add("guest")
    assert at.project().can_push is True


def test_a_project_that_is_to_be_deleted_is_archived(at: AtGitLab) -> None:
    at.forge.projects[0]["marked_for_deletion_on"] = "2026-12-01"
    assert at.project().archived


def test_a_project_below_subgroups(at: AtGitLab) -> None:
    path = "acme/platform/containers/moby"
    at.add(path)
    at.branches.commit(path, BASE)
    at.branches.commit(path, HEAD)
    at.let("me", "write", path)
    project = at.project(path)
    assert (project.path, project.clone_url) == (path, f"{at.forge.url}/{path}.git")
    done = at.reviews.create(at.client(), project, at.wanted(head_project=path))
    assert done.review.url == f"{at.forge.url}/{path}/-/merge_requests/1"


def test_a_fork_is_waited_for(at: AtGitLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITLAB_TOKEN", OTHER)
    at.forge.copying = 4
    fork = at.reviews.fork(at.client(), at.project())
    assert (fork.path, at.forge.projects[-1]["import_status"]) == ("guest/moby", "finished")


@pytest.mark.parametrize(("copied", "says"), [("failed", "No space left"), ("started", "still")])
def test_a_fork_that_is_not_copied(
    at: AtGitLab, copied: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_TOKEN", OTHER)
    at.forge.copied = copied
    with pytest.raises(ForgeError, match=says):
        at.reviews.fork(at.client(), at.project())


def test_a_branch_that_is_gone_before_the_review(at: AtGitLab) -> None:
    at.branches.delete(PATH, HEAD)
    with pytest.raises(RequestRefused, match="does not exist"):
        at.open()


def test_a_description_that_differs_by_line_ends_alone_is_the_same(at: AtGitLab) -> None:
    opened = replace(at.open(body="a\n\nb"), body="a\r\n\r\nb\r\n")
    wish = at.wanted(body="a\n\nb\n")
    update = at.reviews.update
    assert at.requests(lambda: update(at.client(), at.project(), opened, wish)) == [
        "GET /api/v4/projects/acme%2Fmoby"  # `project` alone
    ]


def test_a_label_with_a_comma_makes_no_two(at: AtGitLab) -> None:
    done = at.reviews.create(at.client(), at.project(), at.wanted(labels=("security", "a,b")))
    assert done.review.labels == ("security",)
    assert done.missed == ("label a,b: GitLab has none with a comma",)
    again = at.reviews.update(at.client(), at.project(), done.review, at.wanted(labels=("c,d",)))
    assert (again.review.labels, len(again.missed)) == (("security",), 1)

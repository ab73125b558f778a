"""The life of a review at GitLab and at Gitea: what each forge has in common with the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest

from patcher.forges import client
from patcher.forges.client import RequestRefused
from patcher.forges.review import AlreadyThere, Checks, Life, Wanted
from patcher.forges.server import ForgeError
from tests.forges.worlds import BASE, HEAD, OTHER, PATH, PUBLISHED, TOKEN, WORLDS, World, served
from tests.sources.servers import Reply


@pytest.fixture(params=[*WORLDS, PUBLISHED])
def at(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, home: object
) -> Iterator[World]:
    with served(request.param, monkeypatch) as world:
        yield world


def test_from_opened_to_merged(at: World) -> None:
    project, reviews, ask = at.project(), at.reviews, at.client()
    opened = at.open(title="Deny AF_ALG", draft=True)
    assert (opened.life, opened.draft, opened.title) == (Life.OPEN, True, "Deny AF_ALG")
    assert (opened.head, opened.base, opened.head_project) == (HEAD, BASE, project.id)
    assert opened.head_commit == at.branches.tip(PATH, HEAD)
    assert opened.url.startswith(f"{at.forge.url}/acme/moby/")
    assert opened.body == "Line 1\n\nLine 2"

    found = reviews.reviews(ask, project, HEAD, project, BASE)
    assert [each.number for each in found] == [opened.number]
    reviews.comment(ask, project, opened, "Told.")
    ready = reviews.set_draft(ask, project, opened, False)
    assert (ready.draft, ready.title) == (False, "Deny AF_ALG")
    seen = at.review()
    assert (seen.approved, seen.checks, seen.conflicts) == (False, Checks.NONE, False)
    at.approve()
    at.check("success")
    seen = at.review()
    assert (seen.approved, seen.checks) == (True, Checks.PASSED)
    merged = reviews.merge(ask, project, seen, "merge")
    assert merged.life is Life.MERGED
    assert merged.merge_commit == at.branches.tip(PATH, BASE)
    assert [each.life for each in reviews.reviews(ask, project, HEAD, project, BASE)] == [
        Life.MERGED
    ]


def test_a_second_one_is_there_already(at: World) -> None:
    at.open()
    with pytest.raises(AlreadyThere, match="already exists"):
        at.open()
    assert len(at.own) == 1


@pytest.mark.parametrize("made", [True, False])
def test_a_lost_answer_opens_no_second_one(at: World, made: bool) -> None:
    """The one who asks cannot know whether it was opened, and asks again."""
    kind = (
        "/projects/{id}/merge_requests"
        if hasattr(at.forge, "merge_requests")
        else ("/repos/{owner}/{name}/pulls")
    )
    at.forge.fail("POST", kind, Reply(502, b"<html>"), after=made)
    with pytest.raises(ForgeError, match="HTTP 502"):
        at.open()
    project, before = at.project(), at.reviews.reviews
    assert len(before(at.client(), project, HEAD, project, BASE)) == made
    if made:
        with pytest.raises(AlreadyThere):
            at.open()
    else:
        at.open()
    assert len(before(at.client(), project, HEAD, project, BASE)) == 1


def test_each_head_and_base_has_its_own(at: World) -> None:
    for branch in ("release/1", "release/2"):
        at.branches.commit(PATH, branch)
        at.branches.commit(PATH, f"patcher/deny-af-alg/{branch}")
    at.add("me/moby", **_fork_of(at))
    at.branches.fork(PATH, "me/moby")
    at.open()
    at.open(base="release/1", head="patcher/deny-af-alg/release/1")
    at.open(base="release/2", head="patcher/deny-af-alg/release/2")
    at.open(head_project="me/moby")
    at.open(base="release/1")
    project, fork, ask = at.project(), at.project("me/moby"), at.client()
    found = at.reviews.reviews
    assert [r.number for r in found(ask, project, HEAD, project, BASE)] == ["1"]
    assert [r.number for r in found(ask, project, HEAD, project, "release/1")] == ["5"]
    assert [r.number for r in found(ask, project, HEAD, fork, BASE)] == ["4"]
    assert found(ask, project, "patcher/deny-af-alg/main2", project, BASE) == []
    with pytest.raises(AlreadyThere):
        at.open(head_project="me/moby")


def _fork_of(at: World) -> dict[str, object]:
    """What a record says of a fork of `PATH`."""
    number = int(at.project().id)
    return {"parent": {"id": number}, "fork": True, "forked_from_project": {"id": number}}


def test_all_are_found_the_newest_first(at: World) -> None:
    project, ask = at.project(), at.client()
    for _ in range(3):
        at.close() if at.own else None
        at.open()
    found = at.reviews.reviews(ask, project, HEAD, project, BASE)
    assert [(each.number, each.life) for each in found] == [
        ("3", Life.OPEN),
        ("2", Life.CLOSED),
        ("1", Life.CLOSED),
    ]
    assert [each.closed_by for each in found] == [None, "ann", "ann"]


def test_many_are_found_on_all_pages(at: World) -> None:
    at.forge.page_size = 2
    project, ask = at.project(), at.client()
    for number in range(5):
        at.branches.commit(PATH, f"other{number}")
        at.open(head=f"other{number}")
    at.open()
    for number in range(5, 9):
        at.branches.commit(PATH, f"other{number}")
        at.open(head=f"other{number}")
    found = at.reviews.reviews(ask, project, HEAD, project, BASE)
    assert [each.number for each in found] == ["6"]


def test_what_is_as_wanted_takes_no_request(at: World) -> None:
    at.label("security", "apparmor")
    at.plan("1.0", "1.0.1")
    wish = {
        "labels": ("security", "apparmor"),
        "reviewers": ("bob",),
        "assignees": ("ann",),
        "milestone": "1.0",
    }
    opened = at.open(**wish)
    assert (sorted(opened.labels), opened.asked, opened.assignees, opened.milestone) == (
        ["apparmor", "security"],
        ("bob",),
        ("ann",),
        "1.0",
    )
    project, ask = at.project(), at.client()
    (listed,) = at.reviews.reviews(ask, project, HEAD, project, BASE)
    for review in (opened, listed):
        done = partial(at.reviews.update, ask, project, review, at.wanted(**wish))
        assert at.requests(done) == []
        assert done().missed == ()


def test_one_wish_takes_few_changes(at: World) -> None:
    """A second lies between two of them."""
    at.label("security", "apparmor")
    at.plan("1.0")
    project, ask = at.project(), at.client()
    wish = at.wanted(
        labels=("security", "apparmor"),
        reviewers=("bob", "ann"),
        assignees=("ann", "bob"),
        milestone="1.0",
    )
    asked = at.requests(partial(at.reviews.create, ask, project, wish))
    assert len([each for each in asked if not each.startswith("GET ")]) <= 2


def test_what_others_did_stays(at: World) -> None:
    at.label("security", "theirs")
    opened = at.open(reviewers=("bob",), labels=("theirs",), assignees=("bob",))
    project, ask = at.project(), at.client()
    wish = at.wanted(
        title="New", body="New\n", labels=("security",), reviewers=("Ann",), assignees=("ann",)
    )
    done = at.reviews.update(ask, project, opened, wish)
    assert done.missed == ()
    (now,) = at.reviews.reviews(ask, project, HEAD, project, BASE)
    assert (now.title, now.body.strip()) == ("New", "New")
    assert {*now.labels} == {"security", "theirs"}
    assert {*now.asked} == {*now.assignees} == {"ann", "bob"}
    assert at.requests(lambda: at.reviews.update(ask, project, now, wish)) == []


def test_an_update_leaves_a_draft_what_it_is(at: World) -> None:
    opened = at.open(draft=True)
    project, ask = at.project(), at.client()
    done = at.reviews.update(ask, project, opened, at.wanted(title="New", draft=False))
    assert (done.review.draft, done.review.title) == (True, "New")
    ready = at.reviews.set_draft(ask, project, done.review, False)
    done = at.reviews.update(ask, project, ready, at.wanted(title="Newer", draft=True))
    assert (done.review.draft, done.review.title) == (False, "Newer")


def test_what_cannot_be_met_is_told_and_the_review_stands(at: World) -> None:
    at.label("security")
    wish = at.wanted(reviewers=("nobody", "bob"), assignees=("nobody", "ann"), milestone="9.9")
    done = at.reviews.create(at.client(), at.project(), wish)
    told = {line.partition(":")[0] for line in done.missed}
    assert told == {"reviewer nobody", "assignee nobody", "milestone 9.9"}
    assert (done.review.asked, done.review.assignees) == (("bob",), ("ann",))
    assert done.review.life is Life.OPEN
    assert all(line.isprintable() for line in done.missed)


def test_closed_by_a_person_and_opened_again(at: World) -> None:
    at.open()
    at.close("ann")
    closed = at.review()
    assert (closed.life, closed.closed_by) == (Life.CLOSED, "ann")
    opened = at.reviews.reopen(at.client(), at.project(), closed)
    assert opened.life is Life.OPEN
    closed = at.reviews.close(at.client(), at.project(), opened)
    assert (closed.life, at.review().closed_by) == (Life.CLOSED, "me")


def test_none_is_opened_again_beside_another(at: World) -> None:
    at.open()
    at.close()
    closed = at.review()
    at.open()
    with pytest.raises(AlreadyThere, match="already"):
        at.reviews.reopen(at.client(), at.project(), closed)
    assert [at.review(each).life for each in ("1", "2")] == [Life.CLOSED, Life.OPEN]


def test_a_merged_one_is_neither_closed_nor_opened(at: World) -> None:
    opened = at.open()
    merged = at.reviews.merge(at.client(), at.project(), at.review(), "squash")
    assert merged.life is Life.MERGED
    for change in (at.reviews.close, at.reviews.reopen):
        with pytest.raises(ForgeError):
            change(at.client(), at.project(), opened)
    assert at.review().life is Life.MERGED


def test_only_the_commit_that_was_seen_is_merged(at: World) -> None:
    at.open()
    seen, base = at.review(), at.branches.tip(PATH, BASE)
    at.branches.commit(PATH, HEAD)
    with pytest.raises(RequestRefused) as refused:
        at.reviews.merge(at.client(), at.project(), seen, "merge")
    assert refused.value.status == 409
    assert at.branches.tip(PATH, BASE) == base
    now = at.review()
    assert (now.life, now.head_commit) == (Life.OPEN, at.branches.tip(PATH, HEAD))
    with pytest.raises(ForgeError, match="commit"):
        at.reviews.merge(at.client(), at.project(), replace(now, head_commit=None), "merge")


def test_a_merge_whose_answer_was_lost_is_done(at: World) -> None:
    at.open()
    seen = at.review()
    first = at.reviews.merge(at.client(), at.project(), seen, "merge")
    again = at.reviews.merge(at.client(), at.project(), seen, "merge")
    assert (again.life, again.merge_commit) == (Life.MERGED, first.merge_commit)
    assert at.branches.tip(PATH, BASE) == first.merge_commit


def test_what_may_not_be_merged_is_not(at: World, monkeypatch: pytest.MonkeyPatch) -> None:
    at.open(draft=True)
    with pytest.raises(RequestRefused):
        at.reviews.merge(at.client(), at.project(), at.review(), "merge")
    ready = at.reviews.set_draft(at.client(), at.project(), at.review(), False)
    at.protect(approvals=1)
    with pytest.raises(RequestRefused):
        at.reviews.merge(at.client(), at.project(), ready, "merge")
    at.approve()
    for name, value in at.tokens.items():
        monkeypatch.setenv(name, value.format(url=at.forge.url, token=OTHER))
    with pytest.raises(RequestRefused) as refused:
        at.reviews.merge(at.client(), at.project(), ready, "merge")
    assert "TOKEN" not in str(refused.value)  # it is the user who may not
    assert at.review().life is Life.OPEN


def test_approvals(at: World) -> None:
    at.open()
    assert at.review().approved is False
    at.approve("me")
    assert at.review().approved is False  # of the author
    at.approve("bob")
    assert at.review().approved is True
    at.object("ann")
    assert at.review().approved is False
    at.approve("ann")
    assert at.review().approved is True
    at.protect(approvals=4)
    assert at.review().approved is False


def test_an_approval_of_an_earlier_commit_does_not_count(at: World) -> None:
    at.open()
    at.approve("bob")
    assert at.review().approved is True
    at.branches.commit(PATH, HEAD)
    assert at.review().approved is False
    at.approve("bob")
    assert at.review().approved is True


@pytest.mark.parametrize("at", ["gitlab"], indirect=True)
@pytest.mark.parametrize("dated", [True, False])
@pytest.mark.parametrize("bot", ["project_7_bot", "group_12_bot_0a1b2c"])
def test_a_bot_of_gitlab_approves_beside_a_person(at: World, bot: str, dated: bool) -> None:
    at.forge.dated = dated
    at.open()
    at.approve(bot)
    assert at.review().approved is False
    at.approve("project_7_bottom")
    assert at.review().approved is True


@pytest.mark.parametrize(
    ("state", "checks"),
    [
        ("success", Checks.PASSED),
        ("failed", Checks.FAILED),
        ("running", Checks.PENDING),
        ("skipped", Checks.NONE),
        ("never heard of", Checks.PENDING),
    ],
)
def test_checks(at: World, state: str, checks: Checks) -> None:
    at.open()
    at.check(state)
    assert at.review().checks is checks
    if state == "never heard of":
        at.forge.wrong.clear()  # no description has it


def test_checks_of_an_earlier_commit_say_nothing(at: World) -> None:
    at.open()
    at.check("success")
    at.protect(checks=True)
    assert at.review().checks is Checks.PASSED
    at.branches.commit(PATH, HEAD)
    assert at.review().checks is Checks.PENDING


def test_conflicts(at: World) -> None:
    at.delay_conflicts(1)
    at.open()
    assert at.review().conflicts in (False, None)
    assert at.review().conflicts is False
    tip = at.branches.commit(PATH, HEAD)
    at.branches.conflicting.add(tip)
    assert at.review().conflicts is not False
    assert at.review().conflicts is True
    assert sum(at.slept) < 60


def test_the_head_is_known_once_its_branch_is_gone(at: World) -> None:
    opened = at.open()
    at.branches.delete(PATH, HEAD)
    seen = at.review()
    assert (seen.head, seen.head_commit) == (HEAD, opened.head_commit)
    project = at.project()
    assert len(at.reviews.reviews(at.client(), project, HEAD, project, BASE)) == 1


def test_auto_merge(at: World) -> None:
    at.protect(checks=True)
    opened = at.open()
    at.protect(checks=True)
    at.check("running")
    done = at.reviews.update(at.client(), at.project(), opened, at.wanted(auto_merge="squash"))
    assert (done.missed, done.review.auto_merge) == ((), True)
    assert at.review().life is Life.OPEN
    at.check("success")
    assert at.review().life is Life.MERGED


def test_auto_merge_where_nothing_is_waited_for(at: World) -> None:
    """A mistake must not merge what nobody saw."""
    done = at.reviews.create(at.client(), at.project(), at.wanted(auto_merge="merge"))
    (line,) = done.missed
    assert line.startswith("auto-merge: ")
    assert at.review().life is Life.OPEN
    assert sum(at.slept) < 60


# Projects


def test_a_project(at: World) -> None:
    project = at.project()
    assert (project.path, project.default_branch) == (PATH, "main")
    assert project.clone_url == f"{at.forge.url}/acme/moby.git"
    assert (project.archived, project.can_push, project.fork_of) == (False, True, None)


def test_a_renamed_project_keeps_its_id(at: World) -> None:
    before = at.project()
    at.rename(PATH, "acme/engine")
    after = at.project(PATH)
    assert (after.id, after.path) == (before.id, "acme/engine")
    assert after.clone_url.endswith("/acme/engine.git")


def test_an_archived_project_says_so(at: World) -> None:
    at.add("acme/old", archived=True)
    at.branches.commit("acme/old", BASE)
    at.branches.commit("acme/old", HEAD)
    at.let("me", "write", "acme/old")
    old = at.project("acme/old")
    assert old.archived
    with pytest.raises(RequestRefused):
        at.reviews.create(at.client(), old, at.wanted(head_project="acme/old"))


def test_a_project_that_is_gone(at: World) -> None:
    with pytest.raises(RequestRefused) as refused:
        at.project("acme/gone")
    assert refused.value.status == 404


def test_who_may_push(at: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert at.project().can_push is True
    for name, value in at.tokens.items():
        monkeypatch.setenv(name, value.format(url=at.forge.url, token=OTHER))
    assert at.project().can_push is False
    monkeypatch.delenv(next(name for name in at.tokens if name.endswith("TOKEN")))
    at.add("acme/open", visibility="public")
    assert at.project("acme/open").can_push in (None, False)


def test_a_fork_is_made_once(at: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in at.tokens.items():
        monkeypatch.setenv(name, value.format(url=at.forge.url, token=OTHER))
    fork = at.reviews.fork(at.client(), at.project())
    assert (fork.path, fork.fork_of) == ("guest/moby", at.project().id)
    assert fork.clone_url == f"{at.forge.url}/guest/moby.git"
    assert at.reviews.fork(at.client(), at.project()).id == fork.id
    assert at.project("guest/moby").can_push is True


def test_a_fork_that_cannot_be_made(at: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in at.tokens.items():
        monkeypatch.setenv(name, value.format(url=at.forge.url, token=OTHER))
    at.add("guest/moby")
    with pytest.raises(RequestRefused, match="already") as refused:
        at.reviews.fork(at.client(), at.project())
    assert refused.value.status == 409


def test_only_a_fork_is_removed(at: World) -> None:
    project = at.project()
    assert at.requests(lambda: _fails(lambda: at.reviews.delete_fork(at.client(), project))) == []
    at.add("me/moby", **_fork_of(at))
    fork = at.project("me/moby")
    at.reviews.delete_fork(at.client(), fork)
    assert _fails(lambda: at.project("me/moby")).endswith("or the token may not see it")
    # Another one of that name, by now.
    at.add("me/moby")
    _fails(lambda: at.reviews.delete_fork(at.client(), fork))
    assert at.project("me/moby").path == "me/moby"


def _fails(work: Callable[[], object]) -> str:
    with pytest.raises(ForgeError) as caught:
        work()
    assert str(caught.value).isprintable()
    assert TOKEN not in str(caught.value)
    return str(caught.value)


# What goes wrong


def functions(at: World) -> dict[str, Callable[[], object]]:
    project, opened = at.project(), at.open()
    reviews, ask = at.reviews, at.client()
    new = at.wanted(title="New", labels=("x",), reviewers=("ann",), assignees=("ann",))
    return {
        "project": lambda: reviews.project(ask, PATH),
        "reviews": lambda: reviews.reviews(ask, project, HEAD, project, BASE),
        "review": lambda: reviews.review(ask, project, opened.number),
        "create": lambda: reviews.create(ask, project, at.wanted(base="x")),
        "update": lambda: reviews.update(ask, project, opened, new),
        "comment": lambda: reviews.comment(ask, project, opened, "x"),
        "set_draft": lambda: reviews.set_draft(ask, project, opened, True),
        "merge": lambda: reviews.merge(ask, project, opened, "merge"),
        "close": lambda: reviews.close(ask, project, opened),
        "reopen": lambda: reviews.reopen(ask, project, opened),
        "fork": lambda: reviews.fork(ask, project),
        "delete_fork": lambda: reviews.delete_fork(ask, replace(project, fork_of="7")),
    }


FUNCTIONS = (
    "project reviews review create update comment set_draft merge close reopen fork delete_fork"
).split()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 500, 503])
def test_a_refusal_is_one_clear_line(at: World, status: int) -> None:
    said = {401: "does not take the token", 403: "denies access", 404: "nothing of that name"}
    for function, work in functions(at).items():
        at.forge.instead = [Reply(status, {"message": "told\nus"})] * 20
        line = _fails(work)
        if function != "merge":
            assert said.get(status, f"HTTP {status}: told?us") in line.replace("\\n", "?")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_rate_limit_is_waited_for(at: World, function: str) -> None:
    work = functions(at)[function]
    limited = Reply(429, {"message": "Retry later"}, {"Retry-After": "7"})
    at.forge.instead = [limited]
    before = len(at.forge.requests)
    try:
        work()
    except ForgeError as error:
        assert "rate limit" not in str(error)
    assert 7 in [round(each) for each in at.slept]
    assert len(at.forge.requests) > before + 1


def test_a_server_that_says_nothing(at: World, monkeypatch: pytest.MonkeyPatch) -> None:
    every = functions(at)
    monkeypatch.setattr(client, "TIMEOUT", 0.05)
    monkeypatch.setattr(client, "ATTEMPTS", 2)
    for work in every.values():
        at.forge.instead = [Reply(silent=0.2)] * 20
        assert "gives no answer" in _fails(work)


JUNK: list[object] = [
    None,
    [],
    "x",
    7,
    {},
    {"id": "7"},
    {"iid": 1, "number": 1},
    [[]],
    {"head": []},
]


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_an_answer_that_is_none_is_no_review(at: World, junk: object) -> None:
    for function, work in functions(at).items():
        at.forge.instead = [Reply(200, junk)] * 40
        if function == "reviews" and junk == []:
            assert work() == []
        elif function != "comment":
            _fails(work)


def test_a_sign_in_page_is_no_answer(at: World) -> None:
    for work in functions(at).values():
        at.forge.instead = [Reply(200, b"<!DOCTYPE html><title>Sign in</title>")] * 40
        assert "sign-in page" in _fails(work)


def test_numbers_are_numbers(at: World) -> None:
    """They become a part of a request's path."""
    at.open()
    project, ask = at.project(), at.client()
    for number in ("", "x", "1/merge", "../1", "\uff11"):
        work = partial(at.reviews.review, ask, project, number)
        assert at.requests(partial(_fails, work)) == []


def test_a_wish_is_what_it_was(at: World) -> None:
    """What the fakes keep is what was sent: line breaks, marks, and characters beyond ASCII."""
    body = "a\r\nb\n\n\tc — “d” \U0001f600 <!-- x -->\n"
    opened = at.open(title="Verweigere AF_ALG — für alle", body=body)
    assert opened.title == "Verweigere AF_ALG — für alle"
    assert opened.body.split() == body.split()
    wish = Wanted(HEAD, PATH, BASE, opened.title, body)
    ask, project = at.client(), at.project()
    assert at.requests(lambda: at.reviews.update(ask, project, opened, wish)) == []

"""GitLab and Gitea that answer with something else than they describe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patcher.forges import client, limits
from patcher.forges.server import ForgeError
from tests.forges.test_odd_answers import ODD, changed, places
from tests.forges.worlds import BASE, HEAD, OTHER, PATH, TOKEN, WORLDS, World
from tests.sources.servers import Reply, Request, serving


@pytest.fixture(params=WORLDS)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, home: object) -> str:
    for name in list(os.environ):
        if name.startswith(("GITLAB_", "GITEA_", "CI_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(limits, "BETWEEN_WRITES", 0)
    monkeypatch.setattr(limits, "sleep", lambda seconds: None)
    monkeypatch.setattr(client, "BACKOFF", 0.0)
    kind: str = request.param
    return kind


def life(at: World) -> Iterator[None]:
    """Everything that is done with a review."""
    wish = at.wanted(
        labels=("x",),
        reviewers=("bob",),
        assignees=("ann",),
        milestone="1.0",
        teams=("security",),
        auto_merge="merge",
    )
    project, ask = at.project(), at.client()
    yield
    opened = at.reviews.create(ask, project, wish).review
    yield
    (listed,) = at.reviews.reviews(ask, project, HEAD, project, BASE)
    yield
    at.approve()
    at.check("success")
    review = at.reviews.review(ask, project, opened.number)
    yield
    at.reviews.update(ask, project, listed, at.wanted(title="New", reviewers=("ann",)))
    at.reviews.comment(ask, project, review, "Hello")
    at.reviews.set_draft(ask, project, review, True)
    at.reviews.set_draft(ask, project, review, False)
    yield
    at.reviews.close(ask, project, review)
    yield
    at.reviews.reopen(ask, project, review)
    yield
    at.reviews.merge(ask, project, review, "merge")
    yield
    at.reviews.delete_fork(ask, at.reviews.fork(ask, project))


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(turn=st.integers(0, 40), place=st.integers(0, 10_000), odd=st.sampled_from(ODD))
def test_an_odd_answer_is_one_clear_line_or_none(
    kind: str, turn: int, place: int, odd: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = WORLDS[kind]()
    answer, count = at.forge.answer, 0

    def answered(request: Request) -> Reply:
        nonlocal count
        reply: Reply = answer(request)
        if count == turn and isinstance(reply.body, dict | list):
            paths = list(places(reply.body))
            reply.body = changed(reply.body, paths[place % len(paths)], odd)
        count += 1
        return reply

    monkeypatch.setattr(limits, "_limits", {})
    with serving(at.forge):
        for name, value in at.tokens.items():
            monkeypatch.setenv(name, value.format(url=at.forge.url, token=TOKEN))
        at.add(PATH)
        at.fill()
        at.label("x")
        at.plan("1.0")
        for login in ("me", "bob", "ann"):
            at.let(login, "write")
        monkeypatch.setattr(at.forge, "answer", answered)
        try:
            with suppress(StopIteration):
                for _ in life(at):
                    pass
        except ForgeError as error:
            assert str(error).isprintable() and OTHER not in str(error)
        except ValueError as error:  # the odd answer has no review in it, or two
            assert "unpack" in str(error)

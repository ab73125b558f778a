"""GitLab and Gitea that answer with something else than they describe, at any place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from patcher.forges import limits
from patcher.forges.server import ForgeError
from tests.forges.test_odd_answers import changed, places
from tests.forges.worlds import BASE, HEAD, PATH, WORLDS, World, served
from tests.sources.servers import Reply, Request

pytestmark = pytest.mark.fuzz

ODD: tuple[object, ...] = (None, True, ["x"])


@pytest.fixture(params=WORLDS)
def at(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, home: object
) -> Iterator[World]:
    with served(request.param, monkeypatch) as world:
        monkeypatch.setattr(limits, "BETWEEN_WRITES", 0)
        world.label("x")
        world.plan("1.0")
        yield world
        world.forge.wrong.clear()  # what comes of odd answers


def works(at: World) -> dict[str, Callable[[], object]]:
    ask, project = at.client(), at.project()
    wish = at.wanted(labels=("x",), reviewers=("bob",), assignees=("ann",), milestone="1.0")

    def create() -> object:
        at.own.clear()
        project = at.reviews.project(ask, PATH)
        return at.reviews.create(ask, project, wish)

    return {
        "create": create,
        "reviews": partial(at.reviews.reviews, ask, project, HEAD, project, BASE),
        "review": partial(at.reviews.review, ask, project, "1"),
    }


@pytest.mark.parametrize("function", ["create", "reviews", "review"])
def test_an_odd_answer_is_one_clear_line_or_none(
    at: World, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    every, bodies = works(at), list[object]()
    answer = at.forge.answer
    for name in dict.fromkeys(["create", function]):
        bodies.clear()
        if name != "create":
            at.approve()
            at.check("success")

        def noted(request: Request) -> Reply:
            reply: Reply = answer(request)
            bodies.append(reply.body)
            return reply

        monkeypatch.setattr(at.forge, "answer", noted)
        every[name]()
    monkeypatch.setattr(at.forge, "answer", answer)
    seen = set[str]()
    for turn, body in enumerate(bodies):
        for path in places(body):
            # What is the same kind of thing is tried once: the first of a list.
            kind = f"{turn} {[each for each in path if isinstance(each, str)]}"
            if kind in seen or {"repo", "repository", "owner"} & {*path[:-1]}:
                continue
            seen.add(kind)
            for odd in ODD:
                at.forge.instead = [None] * turn + [Reply(200, changed(body, path, odd))]
                try:
                    every[function]()
                except ForgeError as error:
                    assert str(error).isprintable()
    assert len(seen) > 30

"""GitLab and Gitea that answer with something else than they describe, at any place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from patcher.forges import client, limits
from patcher.forges.server import ForgeError
from tests.forges.test_odd_answers import changed, places
from tests.forges.worlds import BASE, HEAD, PATH, TOKEN, WORLDS, World
from tests.sources.servers import Reply, Request, serving

ODD: tuple[object, ...] = (None, True, ["x"])


@pytest.fixture(params=WORLDS)
def at(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, home: object
) -> Iterator[World]:
    for name in list(os.environ):
        if name.startswith(("GITLAB_", "GITEA_", "CI_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(limits, "_limits", {})
    monkeypatch.setattr(limits, "BETWEEN_WRITES", 0)
    monkeypatch.setattr(limits, "sleep", lambda seconds: None)
    monkeypatch.setattr(client, "BACKOFF", 0.0)
    at = WORLDS[request.param]()
    with serving(at.forge):
        for name, value in at.tokens.items():
            monkeypatch.setenv(name, value.format(url=at.forge.url, token=TOKEN))
        at.add(PATH)
        at.fill()
        at.label("x")
        at.plan("1.0")
        for login in ("me", "bob", "ann"):
            at.let(login, "write")
        yield at


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

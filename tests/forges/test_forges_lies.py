"""Answers of a forge with one value that is missing or of the wrong kind: no claim gets better."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from typing import Any, cast

import pytest

from patcher.forges import limits
from patcher.forges.review import Checks, Life, Review
from patcher.forges.server import ForgeError
from tests.forges.bitbucket_worlds import BITBUCKETS, AtBitbucket
from tests.forges.gerrit_world import AtGerrit
from tests.forges.github_world import AtGitHub
from tests.forges.test_odd_answers import places
from tests.forges.worlds import WORLDS, World, served
from tests.sources.servers import Reply, Request
from tests.variants import pairs

KINDS: dict[str, type[World]] = {**WORLDS, **BITBUCKETS, "gerrit": AtGerrit, "github": AtGitHub}
GONE = object()
ODD = (GONE, True, 7, "x", {"x": 1}, ["x"])
MAY_BE_NOTHING = ("head_pipeline", "statuses", "values", "statusCheckRollup", "Verified", "labels")
"""Where the forge says so, or leaves it out, if there is nothing."""


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, home: object) -> Callable[[str], Any]:
    for name in list(os.environ):
        if name.startswith(("GH_", "GITHUB_", "BITBUCKET_", "GERRIT_")):
            monkeypatch.delenv(name)
    for kind, world in KINDS.items():
        monkeypatch.setitem(WORLDS, kind, world)
    monkeypatch.setattr(limits, "BETWEEN_WRITES", 0)
    return lambda kind: served(kind, monkeypatch)


def objected(at: World) -> None:
    at.object()
    at.check("failed")


def approved_before(at: World) -> None:
    at.approve()
    at.check("success")
    at.push_more()
    at.check("running")


def approved_by_its_author(at: World) -> None:
    if isinstance(at, AtBitbucket):
        at.forge.review("acme/moby", 1, "me")
    else:
        at.approve("me")
    at.check("failed")


STATES = (objected, approved_before, approved_by_its_author)


def changed(value: Any, path: tuple[str | int, ...], odd: object) -> Any:
    if not path:
        return None if odd is GONE else odd
    made = copy.deepcopy(value)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    if odd is GONE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = odd
    return made


def odd_for(body: Any, path: tuple[str | int, ...]) -> list[object]:
    """What is no other answer that the forge might give."""
    for key in path:
        body = body[key]
    is_key = bool(path) and isinstance(path[-1], str)
    return [
        odd
        for odd in ODD
        if (is_key if odd is GONE else type(odd) is not type(body) or isinstance(odd, dict | list))
    ]


def better(seen: Review, truth: Review) -> list[str]:
    """The claims that are more than the truth."""
    found = []
    if (seen.number, seen.life) != (truth.number, Life.OPEN):
        found.append(f"{seen.number} {seen.life}")
    if seen.approved and not truth.approved:
        found.append("approved")
    if seen.checks in (Checks.PASSED, Checks.NONE) and seen.checks is not truth.checks:
        found.append(f"checks {seen.checks}")
    if truth.blocked and not seen.blocked:
        found.append("not blocked")
    return found


@pytest.mark.parametrize(("kind", "state"), pairs(KINDS, STATES))
def test_no_odd_value_makes_a_review_look_better(
    kind: str, state: Callable[[World], None], serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(kind) as at:
        at.open()
        state(at)
        project, ask = at.project(), at.client()
        real, replies = at.forge.answer, dict[str, Reply]()

        def answer(request: Request) -> Reply:
            reply = cast(Reply, real(request))
            if isinstance(reply.body, bytes) and reply.body:  # Gerrit's
                reply.body = json.loads(reply.body.removeprefix(b")]}'"))
            return reply

        def noted(request: Request) -> Reply:
            replies[request.path] = answer(request)
            return replies[request.path]

        monkeypatch.setattr(at.forge, "answer", noted)
        truth = at.reviews.review(ask, project, "1")
        assert not truth.approved
        tried, wrong = set[tuple[str, ...]](), list[object]()
        for where, reply in list(replies.items()):
            for path in places(reply.body):
                one = (where, *(each for each in path if isinstance(each, str)))
                if one in tried or path[-1:] in [(each,) for each in MAY_BE_NOTHING]:
                    continue
                tried.add(one)
                for odd in odd_for(reply.body, path):

                    def lies(
                        request: Request, *, where: str = where, path: Any = path, odd: Any = odd
                    ) -> Reply:
                        told = answer(request)
                        if request.path == where:
                            told.body = changed(told.body, path, odd)
                        return told

                    monkeypatch.setattr(at.forge, "answer", lies)
                    try:
                        seen = at.reviews.review(ask, project, "1")
                    except ForgeError as error:
                        assert str(error).isprintable()
                        continue
                    if found := better(seen, truth):
                        wrong.append((where, path, odd, found))
        at.forge.wrong.clear()
        assert wrong == []
        assert len(tried) > 10

"""Forges that answer with something else than they describe: an error in one line, or no error."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from patcher.forges import bitbucket, client, github, limits, server_at
from patcher.forges.client import Client
from patcher.forges.review import Reviews, Wanted
from patcher.forges.server import ForgeError
from tests.forges.bitbucket_cloud import BitbucketCloud
from tests.forges.bitbucket_server import BitbucketServer
from tests.forges.github import GitHub
from tests.sources.servers import Reply, Request, serving

pytestmark = pytest.mark.fuzz

ODD: list[Any] = [
    None,
    True,
    -1,
    10**30,
    1.5,
    "",
    "x",
    "a/b",
    "\x1b[2J\n",
    [],
    {},
    [None],
    {"x": 1},
]
TOKEN = "t0ken-that-nobody-may-see"
WANTED = Wanted(
    head="topic",
    head_project="acme/moby",
    base="main",
    title="T",
    body="B",
    labels=("security",),
    reviewers=("alice",),
    assignees=("alice",),
    milestone="1.0",
)

Fake = GitHub | BitbucketCloud | BitbucketServer


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths to all that is in a JSON value, the value itself first."""
    yield path
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in pairs:
            yield from places(each, (*path, key))


def changed(value: Any, path: tuple[str | int, ...], odd: object) -> Any:
    if not path:
        return odd
    made = copy.deepcopy(value)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = odd
    return made


@pytest.fixture(params=["github", "cloud", "server"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, home: object) -> str:
    for name in list(os.environ):
        if name.startswith(("GH_", "GITHUB_", "BITBUCKET_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(limits, "BETWEEN_WRITES", 0)
    monkeypatch.setattr(limits, "sleep", lambda seconds: None)
    monkeypatch.setattr(client, "BACKOFF", 0.0)
    for name in ("GITHUB_TOKEN", "BITBUCKET_TOKEN"):
        monkeypatch.setenv(name, TOKEN)
    kind: str = request.param
    return kind


def world(kind: str) -> Fake:
    fake: Fake
    if kind == "github":
        fake = GitHub()
    else:
        fake = BitbucketCloud() if kind == "cloud" else BitbucketServer()
    fake.users = {TOKEN: "me", "other": "alice"}
    return fake


def filled(fake: Fake) -> None:
    if isinstance(fake, GitHub):
        fake.add("acme/moby")
        there = fake.repository("acme/moby")
        there.roles = {"me": "write", "alice": "write"}
        there.labels, there.milestones = ["security"], ["1.0"]
    else:
        fake.add("acme/moby", "me")
    first = fake.branches.commit("acme/moby", "main")
    fake.branches.commit("acme/moby", "topic", first)


def life(at: Reviews, asking: Client) -> Iterator[None]:
    """Everything that is done with a review."""
    project = at.project(asking, "acme/moby")
    yield
    done = at.create(asking, project, WANTED)
    yield
    (listed,) = at.reviews(asking, project, "topic", project, "main")
    yield
    review = at.review(asking, project, done.review.number)
    yield
    at.update(asking, project, listed, WANTED)
    at.comment(asking, project, review, "Hello")
    at.set_draft(asking, project, review, True)
    at.set_draft(asking, project, review, False)
    yield
    at.close(asking, project, review)
    yield
    with suppress(ForgeError):
        at.reopen(asking, project, review)
    yield
    at.merge(asking, project, review, "merge")
    yield
    made = at.fork(asking, project)
    at.delete_fork(asking, made)


@example(turn=0, place=1, odd=True)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(turn=st.integers(0, 30), place=st.integers(0, 10_000), odd=st.sampled_from(ODD))
def test_an_odd_answer_is_one_clear_line_or_none(
    kind: str, turn: int, place: int, odd: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    at: Reviews = github if kind == "github" else bitbucket
    fake = world(kind)
    answer, count = fake.answer, 0

    def answered(request: Request) -> Reply:
        nonlocal count
        reply = answer(request)
        if count == turn and isinstance(reply.body, dict | list):
            paths = list(places(reply.body))
            reply.body = changed(reply.body, paths[place % len(paths)], odd)
        count += 1
        return reply

    monkeypatch.setattr(limits, "_limits", {})
    with serving(fake):
        monkeypatch.setenv("GITHUB_API_URL", f"{fake.url}/api/v3")
        monkeypatch.setenv("BITBUCKET_URL", fake.url)
        interface = "/2.0" if kind == "cloud" else "/rest/api/latest"
        monkeypatch.setenv("BITBUCKET_API_URL", f"{fake.url}{interface}")
        filled(fake)
        monkeypatch.setattr(fake, "answer", answered)
        scheme = "github" if kind == "github" else "bitbucket"
        steps = life(at, Client(server_at(scheme, None), lambda line: None))
        while True:
            try:
                next(steps)
            except StopIteration:
                break
            except ForgeError as error:
                assert str(error).isprintable()
                break
            except ValueError as error:  # the odd answer has no review in it, or two
                assert "unpack" in str(error)
                break

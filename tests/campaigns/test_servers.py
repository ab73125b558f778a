"""Campaigns on servers that misbehave, and two patchers on one campaign."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.campaigns.world import DATES, OPTIONS, World, build, exported, ran, review, started
from tests.faults.world import git, put_in_the_way
from tests.git.server import Request, Server

pytestmark = pytest.mark.campaigns

if TYPE_CHECKING:
    from tests.campaigns.conftest import Patcher

FAULTS = {
    "hang": ("time limit", "took longer than the limit of 3 s (--timeout)"),
    "reset": ("network", "reset"),
    "500": ("server error", "500"),
    "429": ("rate limit", "rate limit: The requested URL returned error: 429"),
    "401": ("authentication", "set up a git credential helper"),
    "403": ("authentication", "403"),
    "404": ("not found", "not found"),
    "cut": ("network", ""),
    "short": ("network", ""),
    "page": ("protocol", "does not speak git's own protocol"),
    "elsewhere": ("protocol", "redirects to http://localhost.invalid"),
}
"""For each fault the kind of failure, and what its line says."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Repositories that all have something to fix."""
    return build(tmp_path / "world", 18, affected=1)


def named(world: World, server: Server) -> dict[str, str]:
    """A fault for each of the first repositories, and its URL; ``429x2`` passes."""
    faults = [*FAULTS, "429x2", "hook", "race", "empty"]
    places = dict(zip(faults, world.names, strict=False))
    return {
        fault: f"{server.url}/{fault if fault[0].isdigit() or fault in FAULTS else 'ok'}/{name}"
        for fault, name in places.items()
    }


def test_each_fault_is_told_and_the_rest_is_done(world: World, patcher: Patcher) -> None:
    with Server(world.served) as server:
        urls = named(world, server)
        good = [f"{server.url}/ok/{name}" for name in world.names[len(urls) :]]
        paths = {fault: world.served / "/".join(url.split("/")[-2:]) for fault, url in urls.items()}
        hook = paths["hook"] / "hooks/pre-receive"
        hook.parent.mkdir()
        hook.write_text("#!/bin/sh\necho no pushes on Fridays >&2\nexit 1\n")
        hook.chmod(0o755)
        everything = git(
            world.env, paths["empty"], "for-each-ref", "--format=%(refname) %(objectname)"
        )
        refs = [line.split() for line in everything.splitlines()]
        for ref, _ in refs:
            git(world.env, paths["empty"], "update-ref", "-d", ref)

        def race(request: Request) -> None:
            """Someone makes the branch after it was seen not to be there."""
            if request.query == "service=git-receive-pack" and paths["race"].name in request.path:
                put_in_the_way(world.env, paths["race"], review("main"))

        server.before = race
        mixed = [each for pair in zip(urls.values(), good, strict=False) for each in pair]
        listed = world.root / "list"
        listed.write_text("\n".join(dict.fromkeys([*mixed, *urls.values(), *good])) + "\n")
        done = patcher(
            world, "apply", "--push", "--campaign", "c", "--from", listed, "--base", "main",
            "--timeout", "3", "--proof", "off",
        )  # fmt: skip
        assert done.exit_code == 3
        told = dict(re.findall(r"^patcher: (\S+?)(?: \S+)?: (.*)$", done.stderr, re.MULTILINE))
        for fault, (_, says) in FAULTS.items():
            assert says in told.pop(urls[fault])
        assert told[urls["hook"]].endswith("pre-receive hook declined: no pushes on Fridays")
        assert "is someone else's" in told[urls["race"]]
        assert urls["429x2"] not in told
        # Nobody without credentials knows that there is no branch.
        assert "shows no branch without credentials" in told[urls["empty"]]
        assert not set(good) & set(told)
        pushed = {name for name, _ in server.pushes}
        fine = [*good, urls["429x2"]]
        assert pushed == {"/".join(url.split("/")[-2:]) for url in fine if _main(world, url)}
        assert set(server.pushes.values()) == {1}
        rows = [
            json.loads(line)
            for line in patcher(world, "status", "c", "--format", "jsonl").stdout.splitlines()
        ]
        causes = {row["repository"]: row["cause"] for row in rows if row["stage"] == "failed"}
        expected = {urls[fault]: cause for fault, (cause, _) in FAULTS.items()}
        expected |= {urls["hook"]: "rejected", urls["race"]: "branch in the way"}
        expected |= {urls["empty"]: "authentication"}
        assert causes == expected
        # The same in the summary and in the status, the most frequent first.
        numbers = Counter(expected.values())
        for text in (done.stdout, patcher(world, "status", "c").stdout):
            for cause, number in numbers.items():
                assert re.search(rf"\b({number} +{cause}|{cause} +{number})\b", text), text
        assert "`patcher apply --campaign c` goes on" in done.stderr

        # The server is mended, and so is what was in the way.
        server.mended = True
        server.before = lambda request: None
        hook.unlink()
        git(world.env, paths["race"], "update-ref", "-d", f"refs/heads/{review('main')}")
        for ref, commit in refs:
            git(world.env, paths["empty"], "update-ref", ref, commit)
        again = patcher(world, "apply", "--campaign", "c")
        number = len(world.names)
        assert again.exit_code == 0
        assert again.stderr.startswith(
            f"patcher: campaign c: {number} of {number} repositories are done; not looked at "
        )
        assert set(server.pushes.values()) == {1}
        assert {name for name, _ in server.pushes} == {
            name for name in world.names if review("main") in world.expected[name]
        }


def _main(world: World, url: str) -> bool:
    return review("main") in world.expected["/".join(url.split("/")[-2:])]


def test_a_push_that_someone_else_made_meanwhile_is_done(world: World, patcher: Patcher) -> None:
    """As when patcher was killed, and its git was not."""
    with Server(world.served) as server:
        name = world.names[0]
        place = world.served / name
        first = ran(
            world, "apply", "--push", f"{server.url}/ok/{name}", "--proof", "off",
            env=world.elsewhere("other") | DATES,
        )  # fmt: skip
        assert first.returncode == 0
        tip = git(world.env, place, "rev-parse", review("main")).strip()
        git(world.env, place, "update-ref", "-d", f"refs/heads/{review('main')}")

        def other(request: Request) -> None:
            if request.query == "service=git-receive-pack":
                git(world.env, place, "update-ref", f"refs/heads/{review('main')}", tip)

        server.before = other
        done = patcher(world, "apply", "--push", f"{server.url}/ok/{name}", "--proof", "off")
        assert (done.exit_code, done.stderr) == (0, "patcher: 1 repository (1 URL)\n")
        assert "(up to date)" in done.stdout
        assert git(world.env, place, "rev-parse", review("main")).strip() == tip


def test_two_patchers_share_a_campaign(world: World) -> None:
    with Server(world.served) as server:
        first = started(
            world, "apply", "--push", "--campaign", "c", "--from", world.urls(server), *OPTIONS,
            "--jobs", "2",
        )  # fmt: skip
        while not server.pushes:
            assert first.poll() is None
        second = started(world, "apply", "--campaign", "c", "--jobs", "2")
        for process in (first, second):
            process.communicate(timeout=120)
            assert process.returncode in (0, 3)  # 3: the other one still had some to do
        assert 0 in (first.returncode, second.returncode)
        assert set(server.pushes.values()) == {1}
        assert server.pushes.total() == world.branches
        assert list(world.faults()) == []
        stages = {row["stage"] for row in exported(world, "c").values()}
        assert stages <= {"pushed", "nothing to do"}


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_calls_to_a_host_at_once_than_were_asked_for(world: World, most: int) -> None:
    with Server(world.served) as server:
        done = ran(
            world, "apply", "--push", "--from", world.urls(server), *OPTIONS, "--jobs", "8",
            "--per-host", str(most),
        )  # fmt: skip
        assert done.returncode == 0
        assert server.pushes.total() == world.branches
        assert server.busiest == most


@pytest.mark.parametrize(("processors", "jobs"), [(1, 8), (11, 11)])
def test_of_clone_urls_eight_are_worked_on_at_once_or_as_many_as_there_are_processors(
    world: World, patcher: Patcher, monkeypatch: pytest.MonkeyPatch, processors: int, jobs: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    first, together = world.names[0], threading.Event()

    def meet(request: Request) -> None:
        """Each job waits in its request until all are there, and for one more that may come."""
        if first in request.path:  # it is alone, so that what it finds is known for the others
            return
        if server.busy >= jobs:
            time.sleep(0.3)
            together.set()
        elif not together.wait(20):
            together.set()  # they never will be

    with Server(world.served) as server:
        server.before = meet
        done = patcher(world, "scan", "--from", world.urls(server), "--per-host", "64")
        assert done.exit_code == 1
        assert server.busiest == jobs

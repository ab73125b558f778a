"""Many repositories of one server: none waits for another longer than it must."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from patcher import git
from patcher.campaign import bases
from patcher.campaign.database import open_database
from patcher.campaign.ledger import Ledger
from patcher.cli import group
from patcher.git import remote
from patcher.git.mirrors import Mirrors
from tests.conftest import Sandbox
from tests.git.server import Request, Server


def patcher(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(group, [str(each) for each in arguments])
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    return result


@pytest.fixture
def server(sandbox: Sandbox) -> Iterator[Server]:
    work = sandbox.repository()
    served = sandbox.root / "served"
    for number in range(6):
        place = served / f"r{number}.git"
        sandbox.bare(work, place)
    with Server(served) as server:
        yield server


def urls(server: Server, number: int, fault: str = "ok") -> list[str]:
    return [f"{server.url}/{fault}/r{each}.git" for each in range(number)]


@pytest.mark.campaigns
def test_waiting_for_a_slot_does_not_count_against_the_time_limit(server: Server) -> None:
    server.before = lambda request: time.sleep(0.3)
    started = time.monotonic()
    done = patcher("scan", "-j", "6", "--per-host", "1", "--timeout", "3", *urls(server, 6))
    assert done.exit_code == 1, done.stderr
    assert time.monotonic() - started > 3
    assert server.busiest == 1


def test_no_slot_is_held_while_a_repository_waits_to_be_tried_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "RETRIES", remote.Retries(3, 1.0, 1.0, 0.0))
    order: list[str] = []
    server.before = lambda request: order.append(request.path.split("/")[2])
    bad = f"{server.url}/503x2/r0.git"
    done = patcher("scan", "-j", "2", "--per-host", "1", bad, *urls(server, 6)[1:])
    assert done.exit_code == 1, done.stderr
    last = max(at for at, name in enumerate(order) if name == "r0.git")
    others = {name for name in order[:last] if name != "r0.git"}
    assert len(others) == 5, "while it waits, the others are done"


@pytest.mark.campaigns
def test_a_first_repository_that_hangs_keeps_none_from_being_done(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "RETRIES", remote.Retries(1, 0.01, 0.01, 0.0))
    seen: dict[str, float] = {}

    def note(request: Request) -> None:
        seen.setdefault(request.path.split("/")[2], time.monotonic())

    server.before = note
    started = time.monotonic()
    hanging = f"{server.url}/hang/r0.git"
    done = patcher("scan", "--timeout", "4", hanging, *urls(server, 6)[1:])
    assert done.exit_code == 3
    assert len(seen) == 6
    assert max(seen.values()) - started < 4
    assert "1 repository: " not in done.stdout


def test_waiting_for_the_turn_of_what_is_large_does_not_count(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    (found,) = git.discover([place])
    assert isinstance(found, git.Repository)
    commit = sandbox.git(place, "rev-parse", "HEAD")
    has_it, may_go = threading.Event(), threading.Event()

    def other() -> None:
        with git.in_turns():
            git.large(1 << 20)
            has_it.set()
            may_go.wait(30)

    thread = threading.Thread(target=other)
    thread.start()
    assert has_it.wait(30)
    threading.Timer(1.5, may_go.set).start()
    with git.limited(1.0), git.in_turns():
        with git.Objects(found.common_dir / "objects", hexsize=len(commit)) as objects:
            assert objects.one(commit.encode(), 0).kind == "commit"  # git runs
            started = time.monotonic()
            git.large(1 << 20)
            assert time.monotonic() - started > 1
            assert objects.one(commit.encode(), 0).kind == "commit"
            assert git.time_left() > 0.3
        with git.limited(0.05):
            time.sleep(0.1)
            with pytest.raises(git.GitTimeout):
                git.time_left()
    thread.join()


@pytest.mark.campaigns
def test_a_pause_between_pushes(server: Server) -> None:
    pushes: list[float] = []

    def note(request: Request) -> None:
        if request.method == "POST" and request.path.endswith("receive-pack"):
            pushes.append(time.monotonic())

    server.before = note
    options = ["--push", "--proof", "off", "--pause", "0.7", "--timeout", "2"]
    done = patcher("apply", *options, *urls(server, 5))
    assert done.exit_code == 0, done.stderr
    assert len(pushes) == 5
    gaps = [after - before for before, after in pairwise(pushes)]
    assert min(gaps) > 0.6


def test_a_pilot_takes_the_first_repositories_only(server: Server) -> None:
    options = ["--push", "--proof", "off", "--limit", "2"]
    done = patcher("apply", *options, *urls(server, 5))
    assert done.exit_code == 0
    assert {name for name, _ in server.pushes} == {"r0.git", "r1.git"}
    assert "--limit: there are more repositories than the 2 that were taken" in done.stderr
    assert "2 repositories: " in done.stdout
    assert "--limit" not in patcher("apply", *options, *urls(server, 2)).stderr


def test_a_pilot_of_a_campaign_leaves_the_rest_for_later(server: Server) -> None:
    options = ["--push", "--proof", "off", "--limit", "2"]
    done = patcher("apply", *options, "--campaign", "c", *urls(server, 5))
    assert (done.exit_code, server.pushes.total()) == (0, 2)
    assert "2 of 5 repositories are done; `patcher apply --campaign c` goes on" in done.stderr
    done = patcher("apply", "--campaign", "c", "--limit", "1")
    assert (done.exit_code, server.pushes.total()) == (0, 3)
    assert patcher("apply", "--campaign", "c").exit_code == 0
    assert server.pushes.total() == 5


def test_a_campaign_that_another_process_is_at_work_on_says_so(server: Server) -> None:
    patcher(
        "apply", "--push", "--proof", "off", "--campaign", "c", "--limit", "1", *urls(server, 3)
    )
    with open_database() as database, Ledger(database).open("c").owner() as owner:
        owner.claim(10)
        for more in ([], ["--quiet"]):
            done = patcher("apply", "--campaign", "c", *more)
            assert done.exit_code == 3
            assert "another process is at work on the rest: wait for its end" in done.stderr
    assert patcher("apply", "--campaign", "c").exit_code == 0


def test_another_patcher_with_other_bases_takes_none_of_ours_away(
    server: Server, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = sandbox.root / "served" / "r0.git"
    for branch in ("release/1", "stable/1"):
        sandbox.git(place, "branch", branch, "main")
    (url,) = urls(server, 1)
    others: list[threading.Thread] = []

    def race(repository: git.Repository, patterns: Sequence[str]) -> bases.Chosen:
        """The other one begins as soon as ours has brought the mirror up to date."""
        if not others:
            other = threading.Thread(
                target=Mirrors().update, args=(git.Address.parse(url), ("stable/*",))
            )
            others.append(other)
            other.start()
            other.join(1)
        return real(repository, patterns)

    real = bases.chosen
    monkeypatch.setattr(bases, "chosen", race)
    done = patcher("scan", "--base", "release/*", url)
    others[0].join()
    assert (done.exit_code, done.stderr) == (1, "patcher: 1 repository (1 URL)\n")
    assert "release/1" in done.stdout


def test_no_slot_is_held_while_a_fork_waits_for_the_first_of_its_network(
    server: Server, sandbox: Sandbox
) -> None:
    forks = [sandbox.root / "served" / owner / "fork.git" for owner in ("ann", "ben")]
    for place in forks:
        sandbox.bare(sandbox.root / "fork", place)
    order: list[str] = []
    ready = threading.Event()

    def slow(request: Request) -> None:
        name = "/".join(request.path.split("/")[2:4])
        order.append(name)
        if name == "r0.git/info":
            ready.set()
        if name == "ann/fork.git" and request.method == "POST":
            ready.wait(10)

    server.before = slow
    names = ["ann/fork.git", "ben/fork.git", "r0.git"]
    done = patcher(
        "scan", "-j", "3", "--per-host", "2", *(f"{server.url}/ok/{name}" for name in names)
    )
    assert done.exit_code == 1, done.stderr
    fetched = max(at for at, name in enumerate(order) if name == "ann/fork.git")
    assert order.index("r0.git/info") < fetched
    assert ready.is_set()

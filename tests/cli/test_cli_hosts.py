"""Many repositories of one server: none waits for another longer than it must."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from patcher import git
from patcher.cli import group
from patcher.git import remote
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
        sandbox.git(sandbox.root, "clone", "-q", "--bare", str(work), str(place))
    with Server(served) as server:
        yield server


def urls(server: Server, number: int, fault: str = "ok") -> list[str]:
    return [f"{server.url}/{fault}/r{each}.git" for each in range(number)]


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

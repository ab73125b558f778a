"""The same campaign on dask workers: separate processes, which may be killed, or lack something."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from patcher import __version__
from patcher.campaign import scheduler
from patcher.campaign.selection import Selection
from patcher.campaign.steps import Steps
from tests.campaigns.workers import cluster
from tests.campaigns.world import DATES, OPTIONS, World, build, exported, ran, started
from tests.faults.world import git
from tests.git.server import PASSWORD, USER, Server
from tests.needs import needs_semaphores

pytestmark = [pytest.mark.campaigns, needs_semaphores]

if TYPE_CHECKING:
    from tests.campaigns.conftest import Patcher

AGAIN = "`patcher apply --campaign c` goes on"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = build(tmp_path / "world", 24, affected=2)
    world.env.update(DATES)
    return world


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    with Server(world.served) as server:
        yield server


@pytest.fixture
def begin(world: World, server: Server) -> list[str]:
    """A campaign over the world."""
    return ["apply", "--push", "--campaign", "c", "--from", str(world.urls(server)), *OPTIONS]


def undone(world: World, server: Server) -> None:
    """The server as it was."""
    for name in world.names:
        place = world.served / name
        for branch in world.expected[name]:
            git(world.env, place, "update-ref", "-d", f"refs/heads/{branch}")
    server.pushes.clear()


def wait_for(server: Server, pushes: int) -> None:
    end = time.monotonic() + 60
    while server.pushes.total() < pushes:
        assert time.monotonic() < end
        time.sleep(0.005)


def ledger(world: World, env: dict[str, str] | None = None) -> dict[tuple[str, str], Any]:
    """Without what differs where a lost batch is done again: whether a branch was pushed by this
    attempt or the one before it, and so the state in which it was found."""
    rows = exported(world, "c", env)
    for row in rows.values():
        del row["outcome"], row["branch_state"]
    return rows


@pytest.mark.parametrize("for_good", [False, True], ids=["restarted", "for good"])
def test_a_worker_is_killed_and_the_ledger_is_as_the_local_one(
    world: World, server: Server, begin: list[str], tmp_path: Path, for_good: bool
) -> None:
    alone = world.elsewhere("alone")
    assert ran(world, *begin, env=alone).returncode == 0
    local, tips = ledger(world, alone), world.tips()
    undone(world, server)
    with cluster(tmp_path / "workers", world.env) as workers:
        client = started(world, *begin, "--scheduler", workers.address)
        wait_for(server, 6)
        workers.kill(for_good=for_good)
        _, errors = client.communicate(timeout=120)
        assert client.returncode == 0, errors
        assert ("Restarting worker" in workers.log) is not for_good
    assert ledger(world) == local
    assert world.tips() == tips
    assert len(tips) == world.branches
    assert set(server.pushes.values()) == {1}
    assert list(world.faults()) == []
    # Workers have mirrors of their own, and the client none.
    assert not Path(world.env["PATCHER_CACHE_DIR"]).exists()
    assert list((tmp_path / "workers").glob("*/cache/mirrors/*.git"))


def test_a_scheduler_that_goes_away_ends_the_run_and_it_goes_on_here(
    world: World, server: Server, begin: list[str], tmp_path: Path
) -> None:
    with cluster(tmp_path / "workers", world.env) as workers:
        client = started(world, *begin, "--scheduler", workers.address)
        wait_for(server, 4)
        workers.end()
        _, errors = client.communicate(timeout=60)
        assert client.returncode == 3
        said = errors.splitlines()[1:]
        assert len(said) == 2
        assert AGAIN in said[0]
        assert said[1] == f"patcher: the scheduler at {workers.address} went away"
    assert not [row for row in ledger(world).values() if row["stage"] == "failed"]
    done = ran(world, "apply", "--campaign", "c")
    assert done.returncode == 0, done.stderr
    assert set(server.pushes.values()) == {1}
    assert list(world.faults()) == []


def test_breaking_off_ends_at_once_and_says_how_to_go_on(
    world: World, server: Server, begin: list[str], tmp_path: Path
) -> None:
    with cluster(tmp_path / "workers", world.env) as workers:
        client = started(world, *begin, "--scheduler", workers.address)
        wait_for(server, 4)
        client.send_signal(signal.SIGINT)
        _, errors = client.communicate(timeout=30)
        assert client.returncode == 130
        said = errors.splitlines()[1:]
        assert len(said) == 2
        assert AGAIN in said[0]
        assert said[1] == "patcher: interrupted"
        done = ran(world, "apply", "--campaign", "c", "--scheduler", workers.address)
        assert done.returncode == 0, done.stderr
    assert set(server.pushes.values()) == {1}
    assert list(world.faults()) == []


def test_workers_share_what_may_speak_to_one_host(
    world: World, server: Server, begin: list[str], tmp_path: Path
) -> None:
    server.before = lambda request: time.sleep(0.05)  # so that more would come in meanwhile
    with cluster(tmp_path / "workers", world.env) as workers:
        for per_host, share in ((1, 1), (2, 1), (4, 2), (7, 3)):
            given = Steps(Selection(), per_host=per_host)
            with scheduler.connected(workers.address, given) as (_, jobs, theirs):
                assert (jobs, theirs.per_host) == (4, share)
                assert replace(theirs, per_host=per_host) == given
        done = ran(world, *begin, "--scheduler", workers.address, "--per-host", "2")
        assert done.returncode == 0, done.stderr
    assert server.busiest <= 2


def test_a_worker_that_lacks_patcher_is_named(
    world: World, server: Server, begin: list[str], tmp_path: Path
) -> None:
    with cluster(tmp_path / "workers", world.env, lacking="patcher") as workers:
        done = ran(world, *begin, "--scheduler", workers.address)
    assert done.returncode == 3
    said = done.stderr.splitlines()[-1]
    assert said.startswith("patcher: worker tcp://127.0.0.1:")
    assert "needs patcher" in said
    assert "No module named 'patcher'" in said
    assert AGAIN in done.stderr


def test_no_secret_is_logged(world: World, server: Server, tmp_path: Path) -> None:
    host, name = server.host, world.names[0]
    listed = tmp_path / "list"
    listed.write_text(f"http://{USER}:{PASSWORD}@{host}/401/{name}\nhttp://{USER}:x@{host}/401/y\n")
    with cluster(tmp_path / "workers", world.env) as workers:
        done = ran(
            world, "apply", "--push", "--campaign", "c", "--from", listed, *OPTIONS,
            "--scheduler", workers.address, "-vv",
        )  # fmt: skip
        assert done.returncode == 3  # the other password is wrong
        assert server.pushes.total() == len(world.expected[name])
        workers.kill(for_good=False)
        end = time.monotonic() + 30
        while "Restarting" not in workers.log:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert PASSWORD not in workers.log + done.stdout + done.stderr
    for file in world.root.rglob("*"):
        if file.is_file() and not file.is_relative_to(world.served):
            assert PASSWORD.encode() not in file.read_bytes(), file


def test_an_address_that_is_none(world: World, patcher: Patcher) -> None:
    done = patcher(world, "scan", "--scheduler", "127.0.0.1:8786", world.served)
    assert done.exit_code == 2
    assert "write tcp://HOST:PORT" in done.stderr


def test_nobody_listens(world: World, begin: list[str], patcher: Patcher, monkeypatch: Any) -> None:
    monkeypatch.setattr(scheduler, "_PATIENCE", 0.5)
    done = patcher(world, *begin, "--scheduler", "tcp://127.0.0.1:9")
    assert done.exit_code == 3
    said = done.stderr.splitlines()[-2:]
    assert AGAIN in said[0]
    assert said[1].startswith("patcher: no scheduler answers at tcp://127.0.0.1:9")


SPEAKERS = [
    ("tcp", b""),
    ("tcp", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("tcp", b"220 ready\r\n"),
    ("tcp", bytes(8)),
    ("tcp", b"\xff" * 8),
    ("tcp", (100).to_bytes(8, sys.byteorder)),
    ("ws", b""),
]


@pytest.mark.parametrize(("protocol", "first"), SPEAKERS)
def test_something_else_listens(
    world: World, begin: list[str], patcher: Patcher, monkeypatch: Any, first: bytes, protocol: str
) -> None:
    monkeypatch.setattr(scheduler, "_PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    taken.append(listening.accept()[0])
                    taken[-1].sendall(first)

        threading.Thread(target=serve, daemon=True).start()
        address = f"{protocol}://127.0.0.1:{listening.getsockname()[1]}"
        done = patcher(world, *begin, "--scheduler", address)
        assert taken
        for connection in taken:
            connection.close()
    assert done.exit_code == 3
    said = done.stderr.splitlines()[-2:]
    assert AGAIN in said[0]
    assert re.match(
        f"patcher: (what answers at {address} is no dask scheduler|"
        f"no scheduler answers at {address})",
        said[1],
    )
    assert len(done.stderr.splitlines()) <= 3


@pytest.mark.parametrize("protocol", ["tls", "wss"])
def test_encryption_without_certificates_is_said(
    world: World, begin: list[str], patcher: Patcher, protocol: str
) -> None:
    done = patcher(world, *begin, "--scheduler", f"{protocol}://127.0.0.1:9")
    assert done.exit_code == 3
    assert "needs certificates: set distributed.comm.tls" in done.stderr.splitlines()[-1]


class Relay:
    """Stands before a scheduler, and falls silent after so many of its bytes."""

    def __init__(self, address: str, after: int) -> None:
        host, port = address.removeprefix("tcp://").split(":")
        self._there, self._left = (host, int(port)), after
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open = [self._listening]
        threading.Thread(target=self._serve, daemon=True).start()
        self.address = f"tcp://127.0.0.1:{self._listening.getsockname()[1]}"

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near = self._listening.accept()[0]
                far = socket.create_connection(self._there)
                self._open += [near, far]
                threading.Thread(target=self._pass, args=(near, far, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(far, near, True), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(64):
                if counted:
                    piece, self._left = piece[: self._left], max(0, self._left - len(piece))
                sink.sendall(piece)

    def close(self) -> None:
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def test_a_scheduler_that_falls_silent_while_it_is_met(
    world: World, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.setattr(scheduler, "_PATIENCE", 1)
    monkeypatch.setattr(scheduler, "_PATIENCE_WORKERS", 1)
    met = 0
    with cluster(tmp_path / "workers", world.env) as workers:
        for after in (0, 7, 8, 100, 300, 500, 1000, 1500, 2000, 3000, 5000, 1 << 40):
            relay = Relay(workers.address, after)
            try:
                with scheduler.connected(relay.address, Steps(Selection())) as (_, jobs, _2):
                    assert jobs == 4
                    met += 1
            except scheduler.Unreachable as error:
                assert relay.address in str(error) or "needs patcher" in str(error)
            finally:
                relay.close()
        assert met >= 1


def test_a_scheduler_that_falls_silent_at_work(
    world: World, server: Server, begin: list[str], patcher: Patcher, monkeypatch: Any,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setattr(scheduler, "_SILENCE", 2)
    server.before = lambda request: time.sleep(0.05)
    with cluster(tmp_path / "workers", world.env) as workers:

        def stop() -> None:
            wait_for(server, 2)
            os.kill(workers.process.pid, signal.SIGSTOP)

        threading.Thread(target=stop, daemon=True).start()
        try:
            done = patcher(world, *begin, "--scheduler", workers.address)
        finally:
            os.kill(workers.process.pid, signal.SIGCONT)
        assert done.exit_code == 3
        said = done.stderr.splitlines()[-2:]
        assert AGAIN in said[0]
        assert said[1] == f"patcher: the scheduler at {workers.address} went away"


def test_a_scheduler_without_workers(
    world: World, begin: list[str], patcher: Patcher, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.setattr(scheduler, "_PATIENCE_WORKERS", 1)
    with cluster(tmp_path / "workers", world.env, workers=0) as workers:
        done = patcher(world, *begin, "--scheduler", workers.address)
    assert done.exit_code == 3
    said = done.stderr.splitlines()[-1]
    assert said == f"patcher: the scheduler at {workers.address} has no workers"


def test_a_worker_with_another_patcher_is_named(
    world: World, monkeypatch: Any, tmp_path: Path
) -> None:
    monkeypatch.setattr(scheduler, "__version__", "0.0.1")
    with (
        cluster(tmp_path / "workers", world.env) as workers,
        pytest.raises(scheduler.Unreachable, match=f"has patcher {__version__}: install 0"),
        scheduler.connected(workers.address, Steps(Selection())),
    ):
        pass

"""What a person at a terminal sees of a campaign, and what Ctrl-C and SIGTERM leave."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.campaigns.world import OPTIONS, World, build, ran, started
from tests.faults.world import command
from tests.git.server import Request, Server
from tests.needs import open_terminal

pytestmark = pytest.mark.campaigns

HOW = "`patcher apply --campaign c` goes on"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return build(tmp_path / "world", 16, affected=4)


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    with Server(world.served) as server:
        server.before = lambda request: time.sleep(0.02)  # there must be something to wait for
        yield server


@pytest.fixture
def begin(world: World, server: Server) -> list[str]:
    world.urls(server)
    listed = world.root / "list"
    urls = (world.root / "list.txt").read_text()
    listed.write_text(urls + f"{server.url}/404/none.git\n")
    return ["apply", "--push", "--campaign", "c", "--from", str(listed), *OPTIONS]


class Terminal:
    """patcher at a terminal."""

    def __init__(
        self, world: World, arguments: Sequence[str], columns: int, stdout: int | None = None
    ) -> None:
        self._ours, theirs = open_terminal()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        env = {name: value for name, value in world.env.items() if name != "COLUMNS"}
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command(*arguments)],  # so that Ctrl-C is a signal
            env=env | {"TERM": "xterm"},
            stdin=theirs,
            stdout=theirs if stdout is None else stdout,
            stderr=theirs,
        )
        os.close(theirs)
        self.seen = ""

    def read(self, until: str | None = None) -> str:
        """All that is written until it ends, or until something is."""
        end = time.monotonic() + 60
        while until is None or until not in self.seen:
            assert time.monotonic() < end, self.seen
            if select.select([self._ours], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self._ours, 1 << 16).decode()
                except OSError:  # it is closed on the other side
                    break
        return self.seen

    def press(self, key: str) -> None:
        os.write(self._ours, key.encode())

    def end(self) -> int:
        self.read()
        os.close(self._ours)
        return self.process.wait(30)


def shown(text: str) -> list[str]:
    """What stands on the screen in the end, as long as nothing is wider than it."""
    lines = [""]
    for piece in re.findall(r"\r\n|\x1b\[K|\x1b\[[0-9;]*m|[^\r\x1b]+", text):
        if piece == "\r\n":
            lines.append("")
        elif piece == "\x1b[K":
            lines[-1] = ""
        elif not piece.startswith("\x1b"):
            lines[-1] += piece
    return lines


def drawn(text: str) -> list[str]:
    """Every state of the progress line."""
    return re.findall(r"\r\x1b\[K([^\r\n\x1b]*\d/17[^\r\n\x1b]*)", text)


def test_the_progress_line(world: World, begin: list[str]) -> None:
    terminal = Terminal(world, begin, 120)
    assert terminal.end() == 3
    states = drawn(terminal.seen)
    assert states
    counted = [int(state.split("] ")[1].split("/")[0]) for state in states]
    assert counted == sorted(counted)
    last = states[-1]
    assert re.fullmatch(
        r"\[#+\.*\] \d+/17 repositories(, \d affected)?(, 1 failed)?, \d+(\.\d)?/s, \d:\d\d left",
        last,
    )
    assert any(" affected" in state for state in states)
    screen = shown(terminal.seen)
    assert not [line for line in screen if "/17 repositories," in line]
    assert screen[-2].startswith("patcher: campaign c: 16 of 17 repositories are done, 1 failed")
    # Each line of the report begins at the left, whole.
    pushed = [line for line in screen if line.endswith("(pushed)")]
    assert len(pushed) == world.branches
    assert all(line.startswith("http://") for line in pushed)


@pytest.mark.parametrize("columns", [20, 40, 61])
def test_the_progress_line_fits_and_is_cut_between_words(
    world: World, begin: list[str], columns: int
) -> None:
    terminal = Terminal(world, begin, columns)
    assert terminal.end() == 3
    states = drawn(terminal.seen)
    assert states
    part = r"\d+/17( repositories)?|\d affected|1 failed|\d+(\.\d)?/s|\d:\d\d left"
    part += r"|waiting for [\w./-]+"  # on a busy machine
    for state in states:
        assert len(state) < columns
        assert re.fullmatch(rf"(\[#*\.*\] )?({part})(, ({part}))*", state), state


def test_nothing_of_it_in_a_pipe_or_before_a_pager(world: World, begin: list[str]) -> None:
    done = ran(world, *begin)
    assert done.returncode == 3
    assert "\r" not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    reading, writing = os.pipe()
    terminal = Terminal(world, ["apply", "--campaign", "c", "--retry", "all"], 80, stdout=writing)
    os.close(writing)
    while os.read(reading, 1 << 16):
        pass
    os.close(reading)
    assert terminal.end() == 3
    assert not drawn(terminal.seen)
    assert "\x1b" not in terminal.seen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_breaking_off_a_campaign_on_a_server_that_hangs(
    world: World, begin: list[str], number: signal.Signals
) -> None:
    with Server(world.served) as other:
        hanging = [f"{other.url}/hang/{name}" for name in world.names[:6]]
        with Path(begin[begin.index("--from") + 1]).open("a") as listed:
            listed.write("\n".join(hanging) + "\n")
        process = started(world, *begin)
        end = time.monotonic() + 60
        while len(other.requests) < 4 or not ledgered(world):
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 128 + number
        said = errors.splitlines()
        assert said[-1] == "patcher: interrupted"
        assert HOW in said[-2]
        assert "" not in said
        assert left(world) == []
        other.mended = True
        done = ran(world, "apply", "--campaign", "c")
        assert done.returncode == 3  # the one that is not there
        assert "campaign c: 22 of 23 repositories are done, 1 failed" in done.stderr


def test_ctrl_c_at_a_terminal_and_once_more(world: World, server: Server, begin: list[str]) -> None:
    def slowly(request: Request) -> None:
        server.over.wait(30)

    server.before = slowly
    terminal = Terminal(world, begin, 100)
    terminal.read(until="0/17 repositories")
    terminal.press("\x03")
    terminal.press("\x03")
    assert terminal.end() == 130
    echoed = "^C"  # what the terminal shows of the key, whenever it comes to that
    screen = [line for each in shown(terminal.seen) if (line := each.replace(echoed, ""))]
    assert screen[-1] == "patcher: interrupted"
    assert HOW in screen[-2]
    assert left(world) == []


def ledgered(world: World) -> bool:
    """Whether something was recorded."""
    return '"stage": "nothing to do"' in ran(world, "status", "c", "--format", "jsonl").stdout


def left(world: World) -> list[str]:
    """Processes of patcher's that stay: they have its environment. What was killed may take a
    moment to go."""
    end = time.monotonic() + 5
    while (found := _there(world)) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def _there(world: World) -> list[str]:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if world.env["PATCHER_STATE_DIR"].encode() in (place / "environ").read_bytes():
                found.append((place / "cmdline").read_bytes().decode())
    return found

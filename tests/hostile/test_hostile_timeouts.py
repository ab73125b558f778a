"""`--timeout` holds in each command that has it, whoever it is that takes long: a fifth more at
most. Patcher runs within the process of the tests, so its start does not count.

`test_hostile_bounds.py` has more of policy that takes long to prove.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result

from tests.cli.test_cli_reviews import PUSH, github, patcher, waits  # noqa: F401
from tests.conftest import Sandbox
from tests.forges.github import GitHub
from tests.git.server import Request as GitRequest
from tests.git.server import Server
from tests.hostile import bombs
from tests.sources.servers import Reply, Request

pytestmark = pytest.mark.campaigns

SECONDS = 5.0
LATE = f"took longer than the limit of {SECONDS:g} s (--timeout)"
SILENT = 60.0
"""Seconds, which no test waits for."""


def in_time(*arguments: str | Path) -> Result:
    """Run a command that must give up."""
    started = time.monotonic()
    done = patcher(*arguments, "--timeout", str(SECONDS))
    took = time.monotonic() - started
    assert LATE in done.stderr, (took, done.output)
    assert SECONDS <= took < 1.2 * SECONDS, (took, done.stderr)
    assert done.exit_code == 3
    return done


Stall = Callable[[str, str], None]


@pytest.fixture
def stall(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stall]:  # noqa: F811
    """Have the forge fall silent when a request of a method comes whose path ends so."""
    answer, over = github.answer, threading.Event()

    def stall(method: str, end: str) -> None:
        def slow(request: Request) -> Reply:
            if request.method == method and request.path.endswith(end):
                over.wait(SILENT)
            return answer(request)

        monkeypatch.setattr(github, "answer", slow)

    yield stall
    over.set()


@pytest.mark.parametrize(
    ("method", "end"), [("GET", "/acme/moby"), ("GET", "/pulls"), ("POST", "/pulls")]
)
def test_a_forge_that_falls_silent_while_a_review_is_opened(
    github: GitHub,  # noqa: F811
    stall: Stall,
    method: str,
    end: str,
) -> None:
    url = f"{github.clone_base}/acme/moby.git"
    patcher("scan", url)
    stall(method, end)
    done = in_time(*PUSH, url)
    is_pushed = "branch patcher/deny-af-alg is pushed, and its review is not done" in done.stderr
    assert is_pushed is (method == "POST")


@pytest.mark.parametrize(
    "command",
    [("refresh", "c"), ("close", "c"), ("undo", "--campaign", "c"), ("apply", "--campaign", "c")],
)
def test_a_forge_that_falls_silent_in_a_campaign(
    github: GitHub,  # noqa: F811
    stall: Stall,
    command: tuple[str, ...],
) -> None:
    url = f"{github.clone_base}/acme/moby.git"
    assert patcher(*PUSH, "--campaign", "c", url).exit_code == 0
    more = ("--retry", "all") if command[0] == "apply" else ()
    stall("GET", "/acme/moby")
    in_time(*command, *more)


@pytest.fixture
def served(sandbox: Sandbox) -> Iterator[tuple[Server, str]]:
    """A git server with an affected repository, and its URL."""
    work = sandbox.repository("work")
    with Server(sandbox.root / "served") as server:
        place = server.root / "a.git"
        sandbox.git(sandbox.root, "clone", "-q", "--bare", str(work), str(place))
        yield server, f"{server.url}/ok/a.git"


APPLY = ("apply", "--push", "--proof", "off")


@pytest.mark.parametrize("command", [("scan",), ("diff", "--proof", "off"), APPLY, ("undo",)])
@pytest.mark.parametrize("end", ["/info/refs", "/git-upload-pack"])
def test_a_remote_that_falls_silent(
    served: tuple[Server, str], command: tuple[str, ...], end: str
) -> None:
    server, url = served
    patcher("scan", f"{server.url}/ok/none.git")
    with silence(server, end):
        in_time(*command, url)


def test_a_remote_that_falls_silent_in_a_push(served: tuple[Server, str]) -> None:
    server, url = served
    patcher("scan", url)
    with silence(server, "/git-receive-pack"):
        in_time(*APPLY, url)


@contextmanager
def silence(server: Server, end: str) -> Iterator[None]:
    """Within it the server answers no request whose path ends so."""
    over = threading.Event()

    def before(request: GitRequest) -> None:
        if request.path.endswith(end):
            over.wait(SILENT)

    server.before = before
    try:
        yield
    finally:
        over.set()


SLEEPS = f"#!/bin/sh\nexec sleep {SILENT:g}\n"


def program(path: Path, text: str = SLEEPS) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_a_hook_of_a_remote_on_this_machine_that_does_not_end(sandbox: Sandbox) -> None:
    work, place = sandbox.repository("work"), sandbox.root / "a.git"
    sandbox.git(sandbox.root, "clone", "-q", "--bare", str(work), str(place))
    (place / "hooks").mkdir(exist_ok=True)
    program(place / "hooks/pre-receive")
    patcher("scan", place.as_uri())
    in_time(*APPLY, place.as_uri())


@pytest.mark.parametrize("setting", ["gpg.program", "core.sshCommand", "credential.helper"])
def test_a_program_of_the_user_that_does_not_end(
    served: tuple[Server, str], sandbox: Sandbox, setting: str
) -> None:
    sleeps = program(sandbox.root / "sleeps")
    sandbox.git(sandbox.root, "config", "--global", setting, str(sleeps))
    _, url = served
    if setting == "gpg.program":
        in_time("apply", "--proof", "off", "--sign", sandbox.root / "work")
    elif setting == "core.sshCommand":
        in_time("scan", "ssh://git@host.invalid/a.git")
    else:
        in_time("scan", url.replace("/ok/", "/401/"))


SLOW = ("statements", "branches", "rules that depend on choices", "YAML brackets", "blocks in gzip")


ALL = ("--profiles", "all")


READING = [
    *((command, *ALL, kind) for command in ("scan", "diff", "apply") for kind in SLOW),
    *(("verify", kind) for kind in SLOW if "gzip" not in kind),
]


@pytest.mark.parametrize("case", READING)
def test_files_that_take_long_to_read(sandbox: Sandbox, case: tuple[str, ...]) -> None:
    """Each takes seconds; the limit is for all of a repository."""
    *command, kind = case
    bomb = bombs.UNDER[kind]
    place = sandbox.repository("work")
    for number in range(12):
        name = f"{number}-{bomb.name}"
        (place / name).write_bytes(bomb.content[:-1].rstrip(b"\n") + b"\n" * (number + 1))
    sandbox.git(place, "add", "-A")
    sandbox.git(place, "commit", "-qm", "more")
    in_time(*command, place)

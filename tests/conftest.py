"""What tests share: sample repositories made by real git, and no test skipped unseen."""

from __future__ import annotations

import gc
import itertools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings

from patcher.cli import progress
from patcher.forges import tokens
from tests import images

RULES = """\
  network,
  capability,
  file,
  umount,
  deny @{PROC}/sysrq-trigger rwklx,
  deny @{PROC}/kcore rwklx,
  deny mount,
  deny /sys/[^f]*/** wklx,
"""


TIERS = (
    *("benchmarks", "bombs", "campaigns", "fuzz", "kernel", "kill", "oracle", "pipelines"),
    *("published", "variants"),
)
"""Markers of long tests: each also gets the marker ``long``, which `pytest` leaves out by default.
README names them, and how long each takes."""


def _reset_signals() -> None:
    """Give signals the actions and the mask that a login shell's children have.

    `nohup`, or a shell's background, ignores some of them, and every program under test would.
    """
    python_ignores = {signal.SIGPIPE, signal.SIGXFSZ}
    for number in set(signal.Signals) - python_ignores:
        if signal.getsignal(number) is signal.SIG_IGN:
            interrupt = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if interrupt else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


_reset_signals()

# Tests start patcher hundreds of times, and each worker reads all tests: where nothing that is
# compiled may be kept, most of the time goes into compiling.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A slow or busy machine fails no test, so hypothesis has no limit for the time of an example.
settings.register_profile("default", deadline=None)
# The same examples in each run: what a change breaks shows, and nothing else does. New examples are
# for runs by hand, and for the fuzzing.
settings.register_profile("ci", derandomize=True, database=None, deadline=None)
settings.load_profile("ci" if os.environ.get("PATCHER_CI") else "default")


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are processors: one of them waits for a server or the clock."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tiers, bombs = set(TIERS), set()
    for item in items:
        names = {marker.name for marker in item.iter_markers()}
        if not tiers.isdisjoint(names):
            item.add_marker("long")
        if "bombs" in names:
            bombs.add(item)
    # Some bombs take a minute: at the end, one worker would wait for another one's.
    items.sort(key=lambda item: item not in bombs)


def pytest_collection() -> None:
    """Collect no garbage while thousands of tests are found, none of which is any."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Leave the tests themselves out of what is looked through for garbage from here on."""
    gc.enable()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Distribute the short tests, which have no groups, in chunks. With `--dist loadgroup` the
    controller hands out one at a time, and counts all earlier ones each time."""
    if config.option.markexpr == "not long" and config.option.dist == "loadgroup":
        from xdist.scheduler import LoadScheduling  # type: ignore[import-untyped]

        return LoadScheduling(config, log)
    return None


class Sandbox:
    """A home of its own for git, and repositories in it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @staticmethod
    def profile(name: str = "docker-default", rules: str = RULES) -> str:
        """A moby-style profile."""
        return f"profile {name} flags=(attach_disconnected,mediate_deleted) {{\n{rules}}}\n"

    @staticmethod
    def fixed(text: str, *rules: str) -> str:
        """The same after the edit."""
        added = "".join(f"  {rule}\n" for rule in rules or ["deny network alg,"])
        return text.replace("  network,\n", "  network,\n" + added)

    def git(self, place: Path, *arguments: str, stdin: bytes = b"") -> str:
        """Run the real git; its standard output."""
        done = subprocess.run(
            ["git", "-C", str(place), *arguments], input=stdin, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def repository(
        self, name: str = "fork", files: Mapping[str, str | bytes] | None = None, *options: str
    ) -> Path:
        """A work tree with one commit on ``main``."""
        place = self.root / name
        given = {"docker-default": self.profile()} if files is None else files

        def make() -> None:
            place.mkdir(parents=True)
            self.git(place, "init", "-q", "--initial-branch=main", "--template=", *options)
            images.without_samples(place / ".git")
            self.commit(place, given)

        images.write(place, make, options, images.contents(given))
        return place

    def bare(self, source: Path, place: Path) -> Path:
        """A bare clone of a work tree."""
        arguments = ("clone", "-q", "--bare", "--template=", str(source), str(place))

        def make() -> None:
            self.git(self.root, *arguments)
            images.without_samples(place)

        images.clone(source, place, make)
        return place

    def commit(
        self, place: Path, files: Mapping[str, str | bytes], branch: str | None = None
    ) -> str:
        """Commit files on the branch that is checked out, or on a new one; the commit's id."""
        if branch is not None:
            self.git(place, "checkout", "-q", "-b", branch)
        for path, content in files.items():
            file = place / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git(place, "add", "-A")
        self.git(place, "commit", "-q", "--allow-empty", "-m", "Sample")
        return images.tip(place / ".git") or self.git(place, "rev-parse", "HEAD")

    def show(self, place: Path, name: str) -> str:
        """The content that ``revision:path`` names, with its line endings."""
        return subprocess.run(
            ["git", "-C", str(place), "show", name], check=True, capture_output=True
        ).stdout.decode("utf-8", "surrogateescape")


_numbers = itertools.count()


def new_folder(factory: pytest.TempPathFactory, name: str) -> Path:
    """Make a folder for one test. pytest finds a free number by listing the folders of all earlier
    tests, which for ten thousand tests takes longer than many of them."""
    return factory.mktemp(f"{name}-{next(_numbers)}", numbered=False)


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of its own for each test that wants one, as pytest's fixture of this name."""
    return new_folder(tmp_path_factory, re.sub(r"\W", "_", request.node.name)[:30])


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What patcher keeps lies in a folder of its own, for each test; what it was told of tokens is
    gone."""
    tokens.use(())
    place = new_folder(tmp_path_factory, "patcher")
    monkeypatch.setenv("PATCHER_STATE_DIR", str(place / "state"))
    monkeypatch.setenv("PATCHER_CACHE_DIR", str(place / "cache"))
    return place


@pytest.fixture(autouse=True)
def no_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still for a minute changes nothing that a run prints."""
    monkeypatch.setattr(progress, "_HEARTBEAT", float("inf"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any git configuration."""
    place = tmp_path / "home"
    place.mkdir()
    for name in list(os.environ):
        if name.startswith(("GIT_", "XDG_")) or name in ("EMAIL", "NO_COLOR", "PATCHER_DEBUG"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return place


@pytest.fixture
def sandbox(home: Path, tmp_path: Path) -> Sandbox:
    """Repositories, and a user whom git knows."""
    (home / ".gitconfig").write_text(
        "[user]\n\tname = A Tester\n\temail = tester@example.org\n[init]\n\tdefaultBranch = main\n"
        # For what tests make with git; patcher does not read it.
        "[core]\n\tfsync = none\n[maintenance]\n\tauto = false\n[receive]\n\tautogc = false\n"
    )
    return Sandbox(tmp_path / "src")


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, object]]:
    """What must not change in a repository: work tree, index, HEAD, stash, refs, reflogs."""

    def take(place: Path) -> dict[str, object]:
        git_dir = place / ".git" if (place / ".git").is_dir() else place
        seen: dict[str, object] = {}
        for file in _files(place, git_dir):
            status = file.lstat()
            seen[str(file)] = (status.st_mtime_ns, status.st_mode, file.read_bytes())
        return seen

    return take


def _files(place: Path, git_dir: Path) -> Iterator[Path]:
    for file in sorted(place.rglob("*")):
        if not file.is_file() or file.is_symlink():
            continue
        inside = file.is_relative_to(git_dir)
        if not inside or file.relative_to(git_dir).parts[0] != "objects":
            yield file


if os.environ.get("PATCHER_CI"):
    # Where everything that tests need is installed, a skipped test is a test that nobody ran.
    Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

    def _unskipped(report: Report) -> Report:
        if report.skipped and not hasattr(report, "wasxfail"):
            report.outcome = "failed"
            report.longrepr = f"skipped, which PATCHER_CI forbids: {report.longrepr}"
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
        return _unskipped((yield))

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        return _unskipped((yield))

"""What git would wait for: what is no file, and locks, for as long as its configuration says."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.bench import BRANCH, FIXED, Bench, patcher
from tests.variants import few

HERE = Path(__file__).parents[2]
COMMANDS = (
    ("scan",),
    ("scan", "--base", "*"),
    ("scan", "--base", "{commit}"),
    ("apply", "--proof", "off"),
)
RUN = """\
import sys
from click.testing import CliRunner
from patcher.cli import group
for command in sys.argv[2].split("\\n"):
    result = CliRunner().invoke(group, [*command.split(), sys.argv[1]])
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    print(result.exit_code, result.stdout.count("docker-default"), " ".join(result.stderr.split()))
"""
"""The commands one after another, in a process that can be ended."""

SECONDS = 20
"""Less than any wait that is to be shown not to happen."""


def run(place: Path, commit: str) -> list[list[str]]:
    """Exit status, profiles named, and what was said, of each command."""
    commands = "\n".join(" ".join(command).format(commit=commit[:12]) for command in COMMANDS)
    with subprocess.Popen(
        [sys.executable, "-c", RUN, str(place), commands],
        env={**os.environ, "PYTHONPATH": str(HERE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            pytest.fail(f"it waits: {process.communicate()}")
    assert process.returncode == 0, errors
    found = [line.split(" ", 2) for line in output.splitlines()]
    assert len(found) == len(COMMANDS), output
    return found


def loose(bench: Bench, name: str) -> str:
    """Where an object lies."""
    oid = bench.git("rev-parse", name)
    return f"objects/{oid[:2]}/{oid[2:]}"


def _mixed(bench: Bench) -> str:
    """Some objects in a pack, and some in files of their own."""
    bench.git("repack", "-adq")
    bench.commit({"other": "network,\n"})
    bench.git("branch", "release")
    return bench.git("rev-parse", "HEAD")


def _fixed(bench: Bench) -> str:
    """Where the object that is to be written will lie."""
    oid = bench.git("hash-object", "--stdin", stdin=FIXED.encode())
    return f"objects/{oid[:2]}/{oid[2:]}"


def _pack(bench: Bench, ending: str) -> str:
    [path] = (bench.git_dir / "objects/pack").glob(f"*.{ending}")
    return str(path.relative_to(bench.git_dir))


def _included(bench: Bench) -> str:
    bench.config('[include]\n\tpath = odd\n[includeIf "gitdir:**"]\n\tpath = odd\n')
    return "odd"


def _worktree_config(bench: Bench) -> str:
    bench.git("config", "core.repositoryFormatVersion", "1")
    bench.git("config", "extensions.worktreeConfig", "true")
    return "config.worktree"


FILES: dict[str, str | Callable[[Bench], str]] = {
    "a loose commit": lambda bench: loose(bench, "HEAD"),
    "a loose tree": lambda bench: loose(bench, "HEAD^{tree}"),
    "a loose blob": lambda bench: loose(bench, "HEAD:other"),
    "a packed blob that is loose too": lambda bench: loose(bench, "HEAD:docker-default"),
    "what is to be written": _fixed,
    "a folder of objects": lambda bench: _fixed(bench)[:10],
    "a pack's index": lambda bench: _pack(bench, "idx"),
    "a pack": lambda bench: _pack(bench, "pack"),
    "another pack's index": lambda bench: _pack(bench, "idx").replace("pack-", "pack-0"),
    "an included file": _included,
    "config.worktree": _worktree_config,
    **{
        name: name
        for name in (
            "HEAD",
            "config",
            "commondir",
            "packed-refs",
            "shallow",
            "info/grafts",
            "info/attributes",
            "info/sparse-checkout",
            "objects/info/alternates",
            "objects/info/http-alternates",
            "objects/info/commit-graph",
            "objects/info/commit-graphs/commit-graph-chain",
            "objects/info/packs",
            "objects/pack/multi-pack-index",
            "refs/heads/main",
            "refs/heads/odd",
            "refs/heads/odd/odd",
            "refs/heads/patcher",
            f"refs/heads/{BRANCH}",
            f"refs/heads/{BRANCH}/odd",
            "refs/remotes/origin/HEAD",
            "refs/remotes/origin/main",
            "refs/tags/odd",
            "refs/replace",
            "logs",
            "logs/HEAD",
            f"logs/refs/heads/{BRANCH}",
            "worktrees",
            "worktrees/odd/HEAD",
            "worktrees/odd/gitdir",
            "rebase-merge/head-name",
            "BISECT_START",
            "gc.pid",
            "index",
        )
    },
}


LINKED = ("a loose tree", "a pack's index", "refs/heads/main", "refs/heads/odd", "packed-refs")


@pytest.mark.parametrize(
    ("name", "link"), few([*((name, False) for name in FILES), *((name, True) for name in LINKED)])
)
def test_nothing_waits_for_a_fifo(bench: Bench, name: str, link: bool) -> None:
    commit = _mixed(bench)
    place = FILES[name]
    path = bench.git_dir / (place if isinstance(place, str) else place(bench))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        path.rename(bench.root / "downloads/gone")
    path.unlink(missing_ok=True)
    fifo = bench.root / "fifo" if link else path
    os.mkfifo(fifo)
    if link:
        path.symlink_to(fifo)
    for status, profiles, said in run(bench.place, commit):
        assert status in ("0", "1", "3"), said
        assert "took longer" not in said and "limit" not in said, said
        assert profiles != "0" or status == "3", said


def test_neither_where_another_repository_lacks_the_object(bench: Bench) -> None:
    """Small repositories are read together, so git looks in all of them for what one lacks."""
    commit = _mixed(bench)
    tree = loose(bench, "HEAD^{tree}")
    other = bench.root / "downloads/other"
    shutil.copytree(bench.place, other)
    for path, make in ((other / ".git" / tree, None), (bench.git_dir / tree, os.mkfifo)):
        path.unlink()
        if make is not None:
            make(path)
    for status, _, said in run(bench.place.parent, commit):
        assert status == "3" and "is no regular file" in said and "is not in the rep" in said, said


DAMAGES: dict[str, bytes] = {
    "shorter than it says": zlib.compress(b"blob 100\0network,\n"),
    "much shorter": zlib.compress(b"blob 9000000\0" + b"network,\n" * 1000),
    "shorter by a gigabyte": zlib.compress(b"blob 1000000000\0" + b"network,\n" * 1000),
    "longer than it says": zlib.compress(b"blob 5\0network,\n"),
    "cut off": zlib.compress(b"blob 2000\0" + bytes(range(250)) * 8)[:60],
    "cut off in its head": zlib.compress(b"blob 2000\0" + bytes(range(250)) * 8)[:5],
    "cut off, and large": zlib.compress(b"blob 9000000\0" + os.urandom(200_000), 1)[:100_000],
    "of no kind": zlib.compress(b"blub 9\0network,\n"),
    "without an end of its head": zlib.compress(b"blob 9network,\n"),
    "empty": b"",
    "with a dictionary": b"\x78\xbb\0\0\0\1network",
    "a tree": zlib.compress(b"tree 100\0network,\n"),
}


@pytest.mark.parametrize("damage", few(DAMAGES))
def test_git_owes_nothing_of_a_damaged_object(bench: Bench, damage: str) -> None:
    commit = _mixed(bench)
    path = bench.git_dir / loose(bench, "HEAD:other")
    path.chmod(0o644)
    path.write_bytes(DAMAGES[damage])
    for status, profiles, said in run(bench.place, commit):
        assert status == "3" or profiles != "0", said
        assert "took longer" not in said and "limit" not in said, said


@pytest.mark.parametrize("lock", [f"refs/heads/{BRANCH}.lock", "packed-refs.lock", "HEAD.lock"])
def test_no_lock_is_waited_for(bench: Bench, lock: str) -> None:
    """A configured timeout of -1 is to wait for ever."""
    commit = _mixed(bench)
    bench.config("[core]\n\tfilesRefLockTimeout = -1\n\tpackedRefsTimeout = -1\n")
    path = bench.git_dir / lock
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    *scans, (status, _, said) = run(bench.place, commit)
    assert [(status, profiles) for status, profiles, _ in scans] == [
        ("1", "2"),
        ("1", "4"),
        ("1", "2"),
    ]
    assert status == "0" if BRANCH not in lock else "exists: another git is at work" in said, said
    assert "took longer" not in said and path.exists()


@pytest.mark.parametrize("command", ["scan", "diff", "apply", "undo"])
def test_each_folder_of_objects_is_looked_at_once(
    bench: Bench, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _mixed(bench)
    place = bench.git_dir / f"objects/{loose(bench, 'HEAD')[8:10]}"
    proof = ["--proof", "off"] * (command in ("diff", "apply"))
    if command == "undo":
        patcher("apply", "--proof", "off", bench.place)
    real, seen = os.scandir, []

    def scandir(path: str | Path | int = ".") -> os._ScandirIterator[str]:
        seen.append(str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    patcher(command, *proof, "--base", "*", bench.place)
    assert seen.count(str(place)) == 1

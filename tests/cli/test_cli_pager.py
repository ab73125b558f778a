"""`patcher diff` in a terminal, through a pager."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.conftest import Sandbox
from tests.needs import open_terminal


def at_terminal(*arguments: str | Path, **env: str | None) -> tuple[int, str]:
    """Exit status, and all that the terminal shows."""
    return with_key(b"", arguments, env)


def with_key(
    key: bytes, arguments: Sequence[str | Path], env: Mapping[str, str | None]
) -> tuple[int, str]:
    """As `at_terminal`, where a user presses a key whenever nothing happens."""
    ours, theirs = open_terminal()
    given = {"TERM": "xterm", **{name: text for name, text in env.items() if text is not None}}
    plain = {name: text for name, text in os.environ.items() if name not in ("PAGER", "GIT_PAGER")}
    process = subprocess.Popen(
        [sys.executable, "-m", "patcher", *map(str, arguments)],
        env=plain | given,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                seen += os.read(ours, 1 << 16)
            except OSError:  # it is closed on the other side
                break
        elif key:
            os.write(ours, key)
    os.close(ours)
    return process.wait(30), seen.decode()


@pytest.fixture
def place(sandbox: Sandbox) -> Path:
    place = sandbox.repository("r", {f"p{n}": sandbox.profile(f"x{n}") for n in range(40)})
    sandbox.git(place, "config", "core.pager", "touch ran")
    return place


@pytest.mark.parametrize("name", ["PAGER", "GIT_PAGER"])
def test_a_terminal_gets_pages(place: Path, tmp_path: Path, name: str) -> None:
    status, seen = at_terminal(
        "diff", "--proof", "off", place, **{name: f"cat > '{tmp_path}/page'; echo $LESS"}
    )
    assert (status, seen) == (1, "FRX\r\n")
    page = (tmp_path / "page").read_text()
    assert page.count("+  deny network alg,") == 40
    assert "\x1b[32m+" in page
    assert not (place / "ran").exists()


def test_who_wants_none_gets_none(place: Path, tmp_path: Path) -> None:
    for words, env in (
        (["--no-pager"], {"PAGER": "touch ran"}),
        ([], {"PAGER": "cat"}),
        ([], {"PAGER": "touch ran", "GIT_PAGER": ""}),
        (["--output", str(tmp_path / "file")], {"PAGER": "touch ran"}),
    ):
        status, seen = at_terminal("diff", "--proof", "off", *words, place, **env)
        assert status == 1
        shown = (tmp_path / "file").read_text() if "--output" in words else seen
        assert shown.count("deny network alg,") == 40
    assert not Path("ran").exists()


def test_a_pager_that_is_left_early_ends_it_in_silence(place: Path) -> None:
    status, seen = at_terminal("diff", "--proof", "off", place, PAGER="head -n 1")
    assert status in (1, 141)
    assert seen.count("\n") == 1


def test_a_pipe_gets_no_pages(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "touch ran")
    done = subprocess.run(
        [sys.executable, "-m", "patcher", "diff", "--proof", "off", str(place)],
        capture_output=True,
        cwd=place,
    )
    assert done.stdout.count(b"deny network alg,") == 40
    assert not (place / "ran").exists()


@pytest.mark.parametrize("path", [".:{}", ":{}"])
def test_no_program_of_the_directory_is_run(
    place: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Whose files the shell, less and what they call would be."""
    usual = path.format(os.environ["PATH"])
    for name in ("sh", "less", "cat"):
        (place / name).write_text(f"#!/bin/sh\ntouch '{place}/ran'\n")
        (place / name).chmod(0o755)
    package = Path(__file__).parents[2]
    monkeypatch.chdir(place)
    env: dict[str, str | None] = {"PATH": usual, "PYTHONPATH": str(package)}
    for pager in (None, "cat | cat"):
        command = ("diff", "--proof", "off", place)
        status, seen = with_key(b"q", command, env | {"GIT_PAGER": pager})  # less waits for it
        assert status == 1
        assert "deny network alg," in seen
    assert not (place / "ran").exists()


def test_the_demo_waits_for_no_pager(tmp_path: Path) -> None:
    """Nobody has asked for one, and the rest of it comes only when the pager is left."""
    status, seen = at_terminal("demo", tmp_path / "demo", PAGER=f"cat >> '{tmp_path}/page'")
    assert status == 0
    assert "$ patcher diff --no-pager " in seen
    assert "+  deny network alg," in re.sub(r"\x1b\[\d*m", "", seen)
    assert not (tmp_path / "page").exists()

"""Whose objects are read besides the repository's own is told."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_cli_main_job import patcher

if TYPE_CHECKING:
    from tests.conftest import Sandbox


@pytest.fixture
def shared(sandbox: Sandbox) -> tuple[Path, Path]:
    """A repository with a strange name, and one that shares its objects."""
    owner = sandbox.repository("own\x1b[31mer")
    sandbox.git(sandbox.root, "clone", "-q", "--shared", str(owner), "borrower")
    return owner, sandbox.root / "borrower"


def target(*arguments: str | Path) -> dict[str, Any]:
    [found] = json.loads(patcher(*arguments, "--format", "json").stdout)["targets"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("command", ["scan", "diff", "apply"])
def test_it_is_told(command: str, shared: tuple[Path, Path], sandbox: Sandbox) -> None:
    owner, borrower = shared
    if command == "apply":  # what is committed has to be in the repository itself
        sandbox.git(borrower, "repack", "-a", "-d", "-q")
    told = f"reads objects of {sandbox.root}/own\\x1b[31mer/.git, too (alternates)\n"
    assert told not in patcher(command, borrower, *["-n"] * (command == "apply")).stdout
    result = patcher(command, "-v", borrower)
    assert result.exit_code == (0 if command == "apply" else 1)
    assert told in result.stdout
    assert "\x1b" not in result.stdout
    assert target(command, borrower)["alternates"] == [f"{owner}/.git/objects"]
    assert target(command, owner)["alternates"] == []


def test_a_diff_that_tells_is_still_one(shared: tuple[Path, Path], sandbox: Sandbox) -> None:
    _, borrower = shared
    diff = patcher("diff", "-v", borrower).stdout_bytes
    sandbox.git(borrower, "apply", "--index", stdin=diff)
    assert "deny network alg," in (borrower / "docker-default").read_text()


def test_one_that_is_gone_is_why_objects_are_missing(
    shared: tuple[Path, Path], sandbox: Sandbox
) -> None:
    owner, borrower = shared
    shutil.rmtree(owner)
    result = patcher("scan", borrower)
    assert result.exit_code == 3
    assert result.stderr.count("\n") == 1
    shown = f"{sandbox.root}/own\\x1b[31mer/.git/objects"
    assert f"(its alternate {shown} does not exist)" in result.stderr
    found = target("scan", borrower)
    assert (found["outcome"], found["alternates"]) == ("failed", [])


def test_one_that_is_gone_and_not_needed_is_no_failure(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    (place / ".git/objects/info/alternates").write_text("/nowhere/objects\n")
    result = patcher("scan", "-v", place)
    assert result.exit_code == 1
    assert "(its alternate /nowhere/objects does not exist)" in result.stdout


def test_a_list_that_is_none_is_a_failure(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    os.mkfifo(place / ".git/objects/info/alternates")
    result = patcher("scan", place)
    assert result.exit_code == 3
    assert "objects/info/alternates is no regular file" in result.stderr

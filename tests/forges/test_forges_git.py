"""Reviews of branches that real git repositories have, at a fake forge and a git server in one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from patcher.forges.review import Life
from patcher.git import Address, remote
from tests.conftest import Sandbox
from tests.forges.worlds import BASE, HEAD, PATH, WORLDS, World, served


@pytest.fixture(params=WORLDS)
def at(
    request: pytest.FixtureRequest, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A forge whose clone URLs can be cloned and pushed to."""
    root, work = sandbox.root / "served", sandbox.repository("work")
    sandbox.git(work, "clone", "-q", "--bare", str(work), str(root / f"{PATH}.git"))
    with served(request.param, monkeypatch, root) as world:
        yield world


def pushed(sandbox: Sandbox, at: World, path: str = PATH) -> str:
    """A commit on `HEAD`, pushed over HTTP."""
    work = sandbox.root / "work"
    tip = sandbox.commit(work, {"new": os.urandom(4).hex()})
    sandbox.git(work, "push", "-q", "-f", f"{at.forge.url}/{path}.git", f"{tip}:refs/heads/{HEAD}")
    return tip


def test_a_pushed_branch_is_reviewed_and_merged(sandbox: Sandbox, at: World) -> None:
    first = pushed(sandbox, at)
    assert at.open().head_commit == first
    second = pushed(sandbox, at)
    at.approve()
    seen = at.review()
    assert (seen.head_commit, seen.conflicts) == (second, False)
    merged = at.reviews.merge(at.client(), at.project(), seen, "merge")
    refs = remote.list_refs(Address.parse(at.project().clone_url)).refs
    assert merged.life is Life.MERGED
    assert refs[f"refs/heads/{BASE}"] == merged.merge_commit
    inside = ["git", "--git-dir", str(sandbox.root / f"served/{PATH}.git"), "merge-base"]
    assert subprocess.run([*inside, "--is-ancestor", second, BASE], check=False).returncode == 0


def test_a_conflict_is_one(sandbox: Sandbox, at: World) -> None:
    work = sandbox.root / "work"
    url = f"{at.forge.url}/{PATH}.git"
    pushed(sandbox, at)
    at.open()
    assert at.review().conflicts is False
    sandbox.git(work, "checkout", "-q", "-B", "other", "HEAD~1")
    tip = sandbox.commit(work, {"new": "something else"})
    sandbox.git(work, "push", "-q", url, f"{tip}:refs/heads/{BASE}")
    assert at.review().conflicts is True


def test_a_review_from_a_fork(sandbox: Sandbox, at: World) -> None:
    fork = at.reviews.fork(at.client(), at.project())
    assert (sandbox.root / f"served/{fork.path}.git").is_dir()
    tip = pushed(sandbox, at, fork.path)
    opened = at.open(head_project=fork.path)
    assert (opened.head_project, opened.head_commit) == (fork.id, tip)
    merged = at.reviews.merge(at.client(), at.project(), at.review(), "merge")
    refs = remote.list_refs(Address.parse(at.project().clone_url)).refs
    assert refs[f"refs/heads/{BASE}"] == merged.merge_commit


def test_places_are_kept_apart(sandbox: Sandbox, at: World, tmp_path: Path) -> None:
    """What is no request to the interface is one to git."""
    into = str(tmp_path / "clone")
    sandbox.git(sandbox.root, "clone", "-q", f"{at.forge.url}/{PATH}.git", into)
    assert not [each for each in at.forge.requests if ".git" in each.path]

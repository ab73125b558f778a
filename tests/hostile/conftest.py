from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.hostile.bench import GLOBAL, PROFILE, VICTIM, Bench, copied


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fork with a profile to fix, and a repository of the user's own."""
    root = tmp_path_factory.mktemp("template") / "bench"
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text(GLOBAL)
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}
    fork = {"docker-default": PROFILE, "README": "a fork\n"}
    for name, files in {
        "downloads/fork": fork,
        "victim": {"docker-default": VICTIM, "secret": "the victim's secret\n"},
    }.items():
        place = root / name
        place.mkdir(parents=True)
        for path, content in files.items():
            (place / path).write_text(content)
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
            subprocess.run(["git", *command], cwd=place, env=env, check=True)
        for sample in (place / ".git" / "hooks").glob("*.sample"):
            sample.unlink()
    return root


@pytest.fixture
def bench(template: Path, home: Path, tmp_path: Path) -> Bench:
    """A fresh copy, under a user whom git knows."""
    (home / ".gitconfig").write_text(GLOBAL)
    return copied(template, tmp_path / "bench")

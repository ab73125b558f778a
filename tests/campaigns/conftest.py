"""A server, and what is run in this process without long waits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from patcher.cli import group
from patcher.git import remote
from tests.campaigns.world import World

Patcher = Callable[..., Result]


@pytest.fixture
def patcher(monkeypatch: pytest.MonkeyPatch, home: Path) -> Patcher:
    """Runs patcher in this process, as the user of a world."""
    monkeypatch.setattr(remote, "RETRIES", remote.Retries(3, 0.01, 0.05, 0.01))

    def run(world: World, *arguments: str | Path) -> Result:
        for name in ("HOME", "PATCHER_CACHE_DIR", "PATCHER_STATE_DIR"):
            monkeypatch.setenv(name, world.env[name])
        result = CliRunner().invoke(group, [str(each) for each in arguments])
        if not isinstance(result.exception, SystemExit | None):
            raise result.exception
        return result

    return run

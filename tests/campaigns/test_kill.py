"""A short run of the harness; ``python -m tests.campaigns`` is the long one."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.campaigns.kill import harness
from tests.faults.world import quick_folder

pytestmark = pytest.mark.kill


def test_killed_at_any_moment_a_campaign_is_complete_in_the_end() -> None:
    with tempfile.TemporaryDirectory(prefix="campaigns-", dir=quick_folder()) as folder:
        figures = harness(Path(folder), repositories=60, kills=3, seed=5)
    assert figures.problems == []
    assert (figures.kills, figures.runs, figures.pushed) == (3, 4, 34)

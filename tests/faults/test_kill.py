"""A short run of the kill harness; ``python -m tests.faults`` is the long one."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.faults.kill import Harness
from tests.faults.world import quick_folder

pytestmark = pytest.mark.kill


def test_killed_at_any_moment() -> None:
    with tempfile.TemporaryDirectory(prefix="faults-", dir=quick_folder()) as folder:
        figures = Harness(Path(folder), 20).run(18)
    assert figures.problems == []
    assert figures.kills == 18
    assert figures.finished == 18
    assert len(figures.how) >= 4
    fixes = sum(count for how, count in figures.how.items() if how.startswith("check --fix"))
    assert fixes >= 3

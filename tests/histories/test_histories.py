"""A few random histories; `python -m tests.histories` runs many."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.histories.story import told


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("seed", range(2))
def test_what_is_said_of_each_base_is_true_and_nothing_is_lost(tmp_path: Path, seed: int) -> None:
    happened, problem = told(tmp_path, seed)
    assert problem is None, "\n".join([problem, *happened])
    assert any("-> " in line for line in happened)

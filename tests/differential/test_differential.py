"""Some of the cases; ``python -m tests.differential`` runs many."""

from __future__ import annotations

from pathlib import Path

import pytest

from patcher import git
from tests.differential.cases import Store
from tests.differential.compare import KINDS, run

pytestmark = pytest.mark.fuzz


def test_patcher_sees_what_git_sees_or_refuses(tmp_path: Path) -> None:
    store = Store(tmp_path / "around/case")
    kinds = set()
    for number in range(400):
        kind, found = run(tmp_path / "around", 7, number, store)
        assert found == [], number
        kinds.add(kind)
    assert kinds == set(KINDS)


def test_it_sees_what_it_looks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git, "branch_tip", lambda repository, name: None)
    monkeypatch.setattr(git, "search", lambda *arguments, **options: iter(()))
    store = Store(tmp_path / "around/case")
    found = [run(tmp_path / "around", 7, number, store) for number in range(60)]
    assert {kind for kind, problems in found if problems} >= {"refs", "tree"}

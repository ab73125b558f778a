"""Every folder ``fixtures/<host>/<case>/``: a file before and after, and what is found in it.

``case.yaml`` holds ``what`` the case is about; ``path``, which the file is said to have (default:
its own name); ``options`` and ``migrations`` for ``patcher.patch``; the ``findings`` in order; and
``proof``, where the edits cannot be proved (``not provable: `` and why).
No ``after.*`` means that nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import patcher
from patcher.migrations import load_migration

ROOT = Path(__file__).parent.parent / "fixtures"
CASES = sorted(case.parent for case in ROOT.glob("*/*/case.yaml"))
KEYS = {"what", "path", "options", "migrations", "findings", "proof"}
FINDING = {
    "line",
    "profile",
    "status",
    "moby_style",
    "edited",
    "host",
    "reason",
    "documentation",
    "migration",
}


@dataclass(frozen=True)
class Case:
    path: str
    before: bytes
    after: bytes
    options: dict[str, Any]
    findings: list[dict[str, Any]]

    def patch(self, content: bytes) -> patcher.Result:
        return patcher.patch(self.path, content, **self.options)


@cache
def read(folder: Path) -> Case:
    library: Any = YAML(typ="safe", pure=True)
    data = library.load((folder / "case.yaml").read_text("utf-8"))
    assert data.keys() <= KEYS, f"unknown keys: {data.keys() - KEYS}"
    assert str(data["what"]).strip()
    (before,) = folder.glob("before.*")
    after = [file for file in folder.glob("after.*") if file.suffix == before.suffix]
    assert len(list(folder.iterdir())) == 2 + len(after), "a file that belongs to nothing"
    options = dict(data.get("options") or {})
    if "migrations" in data:
        options["migrations"] = [load_migration(name) for name in data["migrations"]]
    old = before.read_bytes()
    return Case(
        path=data.get("path", before.name),
        before=old,
        after=after[0].read_bytes() if after else old,
        options=options,
        findings=list(data.get("findings") or ()),
    )


def shown(finding: patcher.Finding, keys: set[str]) -> dict[str, Any]:
    """The finding, as far as the case speaks of it."""
    every = {
        "line": finding.line,
        "profile": finding.profile,
        "status": finding.status.value,
        "moby_style": finding.moby_style,
        "edited": finding.edit is not None,
        "host": finding.host,
        "reason": finding.reason,
        "documentation": finding.documentation,
        "migration": finding.migration,
    }
    return {key: every[key] for key in every if key in keys}


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: str(folder.relative_to(ROOT)))
class TestCase:
    def test_findings(self, folder: Path) -> None:
        case = read(folder)
        for expected in case.findings:
            assert {"line", "status"} <= expected.keys() <= FINDING
        found = list(case.patch(case.before).findings)
        keys = [set(expected) for expected in case.findings]
        keys += [FINDING] * (len(found) - len(keys))
        assert [shown(*pair) for pair in zip(found, keys, strict=False)] == case.findings

    def test_content(self, folder: Path) -> None:
        """The edits insert and do nothing else, and there is one where something is affected."""
        case = read(folder)
        result = case.patch(case.before)
        assert result.content == case.after
        rebuilt, position = b"", 0
        for edit in result.edits:
            assert edit.offset >= position
            rebuilt += case.before[position : edit.offset] + edit.insert
            position = edit.offset
        assert rebuilt + case.before[position:] == result.content
        edited = [finding for finding in result.findings if finding.edit is not None]
        edits = {finding.edit for finding in edited if finding.edit is not None}
        assert sorted(edits, key=lambda edit: edit.offset) == list(result.edits)
        assert all(finding.status is patcher.Status.AFFECTED for finding in edited)
        assert bool(edited) == (case.before != case.after)

    def test_a_second_time_changes_nothing(self, folder: Path) -> None:
        case = read(folder)
        again = case.patch(case.after)
        assert again.content == case.after
        assert not again.edits


def test_there_are_cases() -> None:
    assert len(CASES) > 50

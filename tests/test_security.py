"""SECURITY.md promises nothing without a test, and names only what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.hostile.lures import LURES

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "SECURITY.md").read_text("utf-8")
SOURCES = {file: file.read_text("utf-8") for file in (ROOT / "tests").rglob("*.py")}
FUNCTIONS = {name for text in SOURCES.values() for name in re.findall(r"def (test_\w+)", text)}


def section(title: str) -> str:
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def promises() -> list[str]:
    return [" ".join(part.split()) for part in section("What is promised").split("\n- ")[1:]]


def rows(head: str) -> list[list[str]]:
    table = (
        section("Threats, and the test of each").partition(f"| {head} |")[2].partition("\n\n")[0]
    )
    lines = table.splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def is_there(name: str) -> bool:
    """Whether a test, a file of tests, or an attack is called so; ``…`` stands for the rest."""
    if name.startswith((".ci/", "tests/")):
        return (ROOT / name).exists()
    if name.endswith(".py"):
        return any(file.name == name for file in SOURCES)
    pattern = re.compile(".*".join(map(re.escape, re.split(" ?…", name))))
    known = {*FUNCTIONS, *(lure.name for lure in LURES)}
    lures = SOURCES[ROOT / "tests/hostile/lures.py"]
    return any(map(pattern.fullmatch, known)) or bool(
        re.search(rf"^{name}\b.*=", lures, re.MULTILINE)
    )


def is_a_test(name: str) -> bool:
    return name.startswith(("test_", "tests/", "…")) or name.endswith(".py")


def test_there_is_something_to_look_at() -> None:
    assert len(promises()) >= 9
    assert len(rows("threat")) >= 30
    assert len(rows("bound")) >= 15


@pytest.mark.parametrize("promise", promises())
def test_each_promise_names_its_test(promise: str) -> None:
    assert any(is_a_test(name) for name in quoted(promise)), promise


@pytest.mark.parametrize("name", sorted({name for name in quoted(TEXT) if is_a_test(name)}))
def test_what_is_named_is_there(name: str) -> None:
    assert is_there(name) or (ROOT / name).exists()


@pytest.mark.parametrize("row", rows("threat"), ids=lambda row: row[0][:40])
def test_each_threat_names_its_test(row: list[str]) -> None:
    _threat, _against, tests = row
    names = quoted(tests)
    assert names or tests == "the same"
    assert [name for name in names if not is_there(name)] == []


@pytest.mark.parametrize("row", rows("bound"), ids=lambda row: row[0][:40])
def test_each_bound_is_one(row: list[str]) -> None:
    code = "".join(file.read_text("utf-8") for file in (ROOT / "patcher").rglob("*.py"))
    for name in quoted(row[0]):
        if name.isupper():
            assert re.search(rf"^{name}\b.* = ", code, re.MULTILINE), name
        else:
            assert f'"{name}"' in code or (ROOT / name).exists(), name

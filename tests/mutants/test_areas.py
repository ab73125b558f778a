"""The lists by which mistakes are made are those of the tree as it is."""

from __future__ import annotations

import ast

from tests.mutants.areas import AREAS, ROOT, area, files
from tests.mutants.places import left_out


def test_each_file_belongs_to_an_area_and_each_test_is_there() -> None:
    paths = files()
    assert len(paths) > 20
    assert all((ROOT / path).is_file() for path in paths)
    assert all(area(path) in AREAS for path in paths)
    named = [test for each in AREAS for test in each.tests if not test.startswith("-")]
    assert [test for test in named if not (ROOT / test.partition("::")[0]).exists()] == []


def test_annotations_and_decorators_are_left_alone() -> None:
    source = (
        "@dataclass(frozen=True)\n"
        "class X:\n"
        "    y: int | None = 1\n"
        "    def z(self, a: int | str = 2) -> int | None:\n"
        "        return a + 1\n"
    )
    lines = source.splitlines()
    found = {lines[start[0] - 1][start[1] : end[1]] for start, end in left_out(ast.parse(source))}
    assert found == {"dataclass(frozen=True)", "int | None", "int | str"}

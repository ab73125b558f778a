"""Which files are changed, and which tests matter for each: quick and telling ones first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Area:
    """Files, and the tests that should notice a mistake in them."""

    paths: tuple[str, ...]
    tests: tuple[str, ...]


_READING = (
    "tests/policy/test_actions.py",
    "tests/policy/test_bounds.py",
    "tests/policy/test_evidence.py",
    "tests/policy/test_judgement.py",
    "tests/policy/test_network.py",
    "tests/policy/test_reader.py",
    "tests/policy/test_search.py",
    "tests/test_engine.py",
    "tests/test_fixtures.py::TestCase::test_findings",
    "tests/test_fixtures.py::TestCase::test_content",
    "tests/test_properties.py",
)

AREAS = (
    Area(("patcher/engine.py",), ("tests/test_engine.py", *_READING, "tests/proof/test_host.py")),
    Area(
        ("patcher/policy/search.py",),
        ("tests/git/test_git_search.py", *_READING, "tests/policy/test_linear.py"),
    ),
    Area(("patcher/policy/network.py", "patcher/policy/judgement.py"), (*_READING, "tests/oracle")),
    Area(
        ("patcher/policy",),
        (*_READING, "tests/policy/test_linear.py"),
    ),
    Area(("patcher/proof",), ("tests/proof", "tests/cli/test_cli_proof.py")),
    Area(
        ("patcher/git/refs.py", "patcher/git/base_refs.py"),
        (
            "tests/git/test_git_refs.py",
            "tests/git/test_git_commit.py",
            "tests/git/test_git_search.py",
        ),
    ),
    Area(
        (
            "patcher/campaign/apply.py",
            "patcher/campaign/branch.py",
            "patcher/campaign/writer.py",
            "patcher/git/marks.py",
        ),
        (
            "tests/cli/test_cli_states.py",
            "tests/cli/test_cli_branch_table.py",
            "tests/campaign/test_run.py",
            "tests/campaign/test_apply.py",
            "tests/cli/test_cli_main_job.py",
        ),
    ),
)
"""The first area that holds a file is the file's."""


def files() -> list[str]:
    """All files of all areas."""
    found: list[str] = []
    for each in AREAS:
        for path in each.paths:
            place = ROOT / path
            inside = sorted(place.rglob("*.py")) if place.is_dir() else [place]
            found += [file.relative_to(ROOT).as_posix() for file in inside]
    return sorted(set(found))


def area(path: str) -> Area:
    """The area that a file belongs to."""
    return next(each for each in AREAS if any(Path(path).is_relative_to(one) for one in each.paths))

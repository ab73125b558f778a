"""Each part of the benchmarks runs, at its smallest, and looks at what it measures."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import corpora
from benchmarks.campaign import Served
from benchmarks.measure import Failed, Ran, Side, compared, in_turns, run

pytestmark = [
    pytest.mark.benchmarks,
    pytest.mark.xdist_group("benchmarks"),  # they share what they build
]

ROOT = Path(__file__).parents[1]
SMALLEST = ["--count", "1", "--forks", "1", "--folders", "2", "--most", "1", "--rounds", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the parts share what they build."""
    return tmp_path_factory.mktemp("benchmarks")


@pytest.mark.parametrize(
    ("part", "rows"),
    [
        ("floors", ["`git --version`", "inflates what is at HEAD of 1 small", "of 1 large"]),
        ("small", ["cold scan of 1 small", "second scan of 1 small"]),
        ("family", ["cold scan of 1 forks", "second scan of 1 forks"]),
        ("large", ["cold scan of one large", "second scan of one large"]),
        ("apply", ["| `clone --depth 1; sed; commit`: ", "| `clone --depth 1; sed; commit; push`"]),
        ("push", ["`apply --push --proof off` of 1 URLs"]),
        ("growth", ["cold scan of 1 small", "second scan of 1 small"]),
    ],
)
def test_a_part_measures_and_prints_its_rows(part: str, rows: list[str], folder: Path) -> None:
    table = campaign(part, folder)
    lines = [line for line in table.splitlines() if line.startswith("| ")][2:]
    for row in rows:
        assert any(row in line for line in lines), (row, table)
    assert not any(" nan" in line or "inf " in line for line in lines)


def test_the_profile_names_functions_and_counts_processes(folder: Path) -> None:
    told = campaign("profile", folder)
    cold, _, rest = told.partition("### second scan, small")
    assert re.search(r"git processes for each repository: (?:.*, )?cat-file [1-9]", cold)
    assert len(re.findall(r"^\| `.+` \| \d+ \| [\d.]+ \| \d+% \|$", cold, re.MULTILINE)) == 18
    # What is remembered needs no git; a push does.
    assert rest.partition("###")[0].count("git processes for each repository: none") == 1
    assert "push 1" in told.partition("### apply --push")[2]


def test_the_short_way(folder: Path) -> None:
    corpora.small(folder / "short", 1)
    [place] = corpora.affected(folder / "short", 1)
    small = printed("scan.py", "--rounds", "1", "small", "--count", "1")
    assert "| scan of 1 small repositories | " in small
    assert f"| scan of {place.name} | " in printed("scan.py", "--rounds", "1", "large", str(place))


def campaign(part: str, folder: Path) -> str:
    """What one part prints, without the peer that comes from the network."""
    return printed(
        *("campaign.py", part, *SMALLEST, "--without-all-repos", "--folder", str(folder))
    )


def printed(script: str, *words: str) -> str:
    """What a benchmark prints."""
    done = subprocess.run(
        [sys.executable, f"benchmarks/{script}", *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_side_that_does_not_do_its_work_is_no_figure(folder: Path) -> None:
    corpora.small(folder / "few", 1)
    served = Served(corpora.affected(folder / "few", 1), folder / "unchanged")
    served.renew()
    idle = Side(
        "idle", lambda: run(["true"], os.environ), check=lambda: served.check("patcher/deny-af-alg")
    )
    with pytest.raises(Failed, match="has no branch patcher/deny-af-alg with the change"):
        in_turns([idle], 1)
    with pytest.raises(Failed, match="exit status 1"):
        run(["false"], os.environ)


def test_sides_take_turns_and_the_ratio_is_that_of_the_medians() -> None:
    done: list[str] = []

    def side(name: str) -> Side:
        return Side(name, lambda: run(["true"], os.environ), lambda: done.append(name))

    in_turns([side("a"), side("b")], 2)
    assert done == ["b", "a", "a", "b", "b", "a"]
    times = {
        "patcher": [Ran(1.0, 2.0), Ran(2.0, 2.0), Ran(9.0, 2.0)],
        "loop": [Ran(20.0, 6.0), Ran(30.0, 6.0), Ran(18.0, 6.0)],
    }
    row = compared("x", times, "patcher", "loop", of=10, asked=10)
    assert row.reached == "10 times as fast (2 to 20)"
    assert row.processor == "3 times less"
    assert (row.ours, row.theirs) == ("200 ms", "loop: 2 s")
    assert "**missed**" in compared("x", times, "patcher", "loop", asked=10.1).reached


def test_the_memory_of_a_whole_tree_is_seen() -> None:
    hold = "b = bytearray(50 << 20); import time; time.sleep(0.5)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    ran = run([sys.executable, "-c", child], os.environ, memory=True)
    assert ran.megabytes > 50


def test_the_corpora_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        corpora.small(tmp_path / name, 2)
        corpora.large(tmp_path / name / "large.git", folders=1)
        corpora.family(tmp_path / name / "forks", tmp_path / name / "large.git", 2)

    def heads(name: str) -> list[str]:
        places = sorted((tmp_path / name).rglob("*.git"))
        return [corpora.git("--git-dir", place, "for-each-ref") for place in places]

    assert heads("a") == heads("b")
    assert len(set(heads("a"))) == 5
    for branch in corpora.BRANCHES:
        assert all(f"refs/heads/{branch}\n" in told for told in heads("a"))

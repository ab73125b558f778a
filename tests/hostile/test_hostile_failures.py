"""What ends the reading of one file, row or response ends nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from patcher import hosts
from patcher.git.tree_search import files
from patcher.hosts import Document
from tests.hostile.bench import COMMANDS, PROFILE, Bench, patcher

ODD = {
    "a character beyond Unicode": r'"\U99999999"',
    "one just beyond": r'"\U00110000"',
    "half a pair": r'"\ud800"',
    "an escape that is none": r'"\q"',
    "a number of 5,000 digits": "9" * 5000,
    "an alias of nothing": "*a",
    "a tag without end": "!<",
    "a directive": "%YAML 9999999999.9",
    "a date": "2001-99-99",
    "an anchor of a control character": "&\x01",
}
"""Values of YAML on which a parser may stumble."""


@pytest.fixture(params=ODD)
def odd(request: pytest.FixtureRequest) -> str:
    return str(ODD[request.param])


def test_check_reads_the_other_files(tmp_path: Path, odd: str) -> None:
    (tmp_path / "a.yaml").write_text(f"a: {odd}\nb: |\n" + PROFILE.replace("\n", "\n  "))
    (tmp_path / "b").write_text(PROFILE)
    result = patcher("check", tmp_path)
    assert result.exit_code == 1
    assert re.search(r"/b:2 +docker-default  affected", result.stdout)
    assert "a.yaml" in result.stdout


def test_a_list_gives_what_stands_before(tmp_path: Path, bench: Bench, odd: str) -> None:
    (tmp_path / "list.yaml").write_text(f"- {bench.place}\n- {odd}\n")
    result = patcher("repos", "--from", tmp_path / "list.yaml", bench.victim)
    assert str(bench.place) in result.stdout or "does not allow" in result.stderr
    assert str(bench.victim) in result.stdout


FAULTS = [
    OverflowError("too large"),
    RecursionError("too deep"),
    MemoryError(),
    LookupError("unknown encoding"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    ValueError("Exceeds the limit (4300 digits)"),
    KeyError("key"),
]


@pytest.fixture(params=FAULTS, ids=lambda fault: type(fault).__name__)
def stumbling(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A reader that fails on one file as nobody foresaw."""
    read = hosts.read

    def stumble(path: str, content: bytes) -> Document:
        if path.endswith("odd"):
            raise request.param
        return read(path, content)

    monkeypatch.setattr(hosts, "read", stumble)
    yield


@pytest.mark.usefixtures("stumbling")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_fault_in_one_file_is_that_files_finding(bench: Bench, command: str) -> None:
    bench.commit({"odd": PROFILE, "plain": PROFILE})
    result = patcher(command, bench.place, bench.victim)
    told = result.stdout + result.stderr
    assert "patcher fails to read it: report that, with the file" in told or command == "diff"
    if command == "apply":
        assert bench.git("diff", "--name-only", "main", "patcher/deny-af-alg").split() == [
            "docker-default",
            "plain",
        ]
    else:
        assert "plain" in told
    assert "Error" not in told


@pytest.mark.parametrize("command", COMMANDS)
def test_a_fault_of_the_repository_is_no_fault_of_a_file(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    bench.commit(
        {"p": PROFILE.replace("  network,", "  include <local>\n  network,"), "local": "\n"}
    )
    monkeypatch.setattr(files, "_MOST_LISTED", 10)
    result = patcher(command, bench.place)
    assert result.exit_code == 3
    assert "the folders of files to look up are over the limit of" in result.stderr


@pytest.mark.usefixtures("stumbling")
@pytest.mark.parametrize("command", ["check", *({"verify"} & {*COMMANDS})])
def test_the_same_outside_git(tmp_path: Path, command: str) -> None:
    (tmp_path / "odd").write_text(PROFILE)
    (tmp_path / "plain").write_text(PROFILE)
    result = patcher(command, tmp_path)
    told = result.stdout + result.stderr
    assert "patcher fails to read it: report that, with the file" in told
    assert re.search(r"/plain:2 +docker-default", told)
    assert "Error" not in told

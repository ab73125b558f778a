"""The table of the documentation: what each kind of repository is called, and the exit statuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from patcher.cli import group
from tests.conftest import Sandbox

PAGE = Path(__file__).parents[2] / "docs/reference/output.md"
HEAD = "| the repository has | `status` |"
Made = tuple[Path, list[str]]
Make = Callable[[Sandbox], Made]


def rows() -> dict[str, list[str]]:
    """The cells of each row, by the first."""
    lines = PAGE.read_text().partition(HEAD)[2].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]
    return {first: rest for first, *rest in cells}


def holding(text: str) -> Make:
    return lambda sandbox: (sandbox.repository(files={"docker-default": text}), [])


def done_already(sandbox: Sandbox) -> Made:
    place = sandbox.repository()
    assert run("apply", place, []) == ("affected", "committed", 0)
    return place, []


def unborn(sandbox: Sandbox) -> Made:
    place = sandbox.root / "new"
    place.mkdir(parents=True)
    sandbox.git(place, "init", "-q")
    return place, []


def based(base: str) -> Make:
    return lambda sandbox: (sandbox.repository(), ["--base", base])


def broken(sandbox: Sandbox) -> Made:
    place = sandbox.repository()
    oid = sandbox.git(place, "rev-parse", "HEAD^{tree}")
    (place / ".git/objects" / oid[:2] / oid[2:]).unlink()
    return place, []


PROFILE = Sandbox.profile()
KINDS: dict[str, Make] = {
    "an affected profile": holding(PROFILE),
    "one whose change is on the review branch already": done_already,
    "an affected profile that is not moby-style, or documentation": holding(
        "profile lxd {\n  network,\n}\n"
    ),
    "a profile that needs review": holding(
        PROFILE.replace("  network,\n", "  all,\n  network inet,\n")
    ),
    "a profile that denies the family": holding(Sandbox.fixed(PROFILE)),
    "profiles that do not reach the family": holding(PROFILE.replace("network,", "network inet,")),
    "no profile": holding("nothing\n"),
    "no profile, and submodules or files in Git LFS, which are not read": (
        lambda sandbox: (sandbox.repository(files={".gitattributes": "*.yaml filter=lfs\n"}), [])
    ),
    "no commit yet": unborn,
    "no branch that any glob of `--base` matches": based("none/*"),
    "no branch that `--base` names": based("none"),
    "no files that can be read, or is not there": broken,
}


def run(command: str, place: Path, options: list[str]) -> tuple[str | None, str, int]:
    """Status, outcome and exit status."""
    proof = ["--proof", "off"] * (command == "apply")
    words = [command, "--format", "json", *proof, *options, str(place)]
    result = CliRunner().invoke(group, words)
    (target,) = json.loads(result.stdout)["targets"]
    return target["status"], target["outcome"], result.exit_code


def test_each_row_is_tested() -> None:
    assert list(rows()) == list(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_is_true(kind: str, sandbox: Sandbox) -> None:
    status, scanned, scan_exit, applied, apply_exit = rows()[kind]
    place, options = KINDS[kind](sandbox)
    for command, outcome, code in (("scan", scanned, scan_exit), ("apply", applied, apply_exit)):
        strict = 3 if code.endswith("*") else int(code)
        expected = None if status == "null" else status
        assert run(command, place, [*options, "--strict"]) == (expected, outcome, strict)
        if code.endswith("*"):
            assert run(command, place, options) == (expected, outcome, int(code[:-1]))


def test_a_repository_that_is_not_there(tmp_path: Path) -> None:
    for command in ("scan", "apply"):
        assert run(command, tmp_path / "none", []) == (None, "failed", 3)


def test_the_exit_statuses_of_the_help_are_those_of_the_documentation() -> None:
    """The documentation may say more of each."""
    told = " ".join(CliRunner().invoke(group, ["--help"]).stdout.split())
    shown = re.findall(r"^\| (\d+)[ ,\d]*\|", PAGE.read_text(), re.MULTILINE)
    assert {"0", "1", "2", "3"} <= set(shown)
    for code in ("0", "1", "2", "3"):
        assert re.search(rf"(: |; ){code} \w", told), code

"""The documentation's table of what becomes of a review branch, by its state and the options."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_cli_states import BRANCH, FILE, Remote, patcher, report

if TYPE_CHECKING:
    from tests.conftest import Sandbox

PAGE = Path(__file__).parents[2] / "docs/reference/branches.md"
OUTCOMES = {
    "made": ("committed", "pushed"),
    "replaced": ("committed", "pushed"),
    "a commit is appended": ("committed", "pushed"),
    "up to date": ("up to date",),
    "left alone": ("edited by others",),
    "nothing to do": ("nothing to do",),
    "fails": ("failed",),
}


def table() -> tuple[list[list[str]], dict[str, list[str]]]:
    """The options of each column, and what each row says."""
    text = PAGE.read_text()
    found = re.search(r"^\| the review branch is (\|.*)\n\| ---.*\n((?:\|.*\n)+)", text, re.M)
    assert found is not None
    heads = [re.findall(r"`([^`]+)`", cell)[0] for cell in found[1].strip("| ").split(" | ")]
    options = [["--on-existing", *head.removeprefix("--on-existing ").split()] for head in heads]
    rows = [line.strip("| ").split(" | ") for line in found[2].splitlines()]
    return options, {row[0]: row[1:] for row in rows}


def _none(remote: Remote) -> None:
    pass


def _current(remote: Remote) -> None:
    patcher("apply", remote.bare)


def _stale(remote: Remote) -> None:
    _current(remote)
    remote.commit("main", {"second": remote.sandbox.profile("second")})


def _edited(remote: Remote) -> None:
    _current(remote)
    remote.commit(BRANCH, {"notes": "of the reviewer\n"})


def _edited_and_open(remote: Remote) -> None:
    _current(remote)
    remote.commit(BRANCH, {FILE: remote.sandbox.profile()})


def _merged(remote: Remote) -> None:
    _current(remote)
    remote.merge(BRANCH, "main")


def _gone(remote: Remote) -> None:
    _merged(remote)
    remote.revert("main", "-m", "1")


def _foreign(remote: Remote) -> None:
    remote.git("branch", BRANCH)
    remote.commit(BRANCH, {"mine": "work\n"})


STATES: dict[str, tuple[Callable[[Remote], None], str]] = {
    "none": (_none, "none"),
    "ours and current": (_current, "ours and current"),
    "ours and stale": (_stale, "ours and stale"),
    "edited by others, and merging it fixes": (_edited, "edited by others"),
    "edited by others, and merging it does not": (_edited_and_open, "edited by others"),
    "merged: ": (_merged, "merged"),
    "merged and gone again": (_gone, "merged and gone again"),
    "someone else's": (_foreign, "someone else's"),
}


def test_the_table_has_a_row_for_each_state() -> None:
    options, rows = table()
    assert [words[1:] for words in options] == [
        ["fail"],
        ["append"],
        ["replace"],
        ["replace", "--discard-others"],
    ]
    for row, cells in rows.items():
        assert len(cells) == len(options)
        assert sum(row.startswith(state) for state in STATES) == 1, row
    assert len(rows) == len(STATES)


@pytest.mark.parametrize("state", STATES)
def test_what_becomes_of_it(sandbox: Sandbox, state: str) -> None:
    make, called = STATES[state]
    remote = Remote(sandbox)
    make(remote)
    options, rows = table()
    (row,) = (row for row in rows if row.startswith(state))
    reviewed = remote.git("rev-list", "--all", "--not", "main")
    for words, cell in zip(options, rows[row], strict=True):
        for where in ("local", "bare", "URL"):
            place = sandbox.root / "-".join([where, *words[1:]])
            inner = place / ".git" if where == "local" else place
            shutil.copytree(remote.bare, inner)
            sandbox.git(inner, "config", "core.bare", str(where != "local").lower())
            push = ["--push"] if where == "URL" else []
            source = f"file://{place}" if push else place
            status, (target,) = report("apply", *push, *words, source)
            said = f"{state}, {words}, {where}: {target['error']}"
            assert target["outcome"] in OUTCOMES[cell], said
            assert target["branch_state"] == called, said
            assert status == (3 if cell == "fails" else 0), said
            if cell in ("fails", "left alone", "up to date", "a commit is appended"):
                # All that was there is there.
                missing = sandbox.git(inner, "rev-list", "--all", "--not", "main").split()
                assert set(reviewed.split()) <= set(missing), said
            if target["new_commit"] is not None:
                tree = sandbox.git(inner, "merge-tree", "--write-tree", "main", BRANCH)
                for name in sandbox.git(inner, "ls-tree", "-r", "--name-only", tree).split():
                    text = sandbox.show(inner, f"{tree}:{name}")
                    assert ("  network,\n" in text) == ("deny network alg," in text), said

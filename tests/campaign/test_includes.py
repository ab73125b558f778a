"""Includes in the reading: looked up in the same repository, or beside a file outside git."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from patcher import Status, git
from patcher.campaign.files import check
from patcher.campaign.look import Looker
from patcher.campaign.selection import Selection

if TYPE_CHECKING:
    from tests.conftest import Sandbox

PROFILE = "profile x {{\n  network inet,\n  {}\n}}\n"
OPEN, LOOK, CLEAN = "  network,\n", Status.UNDER_INVESTIGATION, Status.NOT_AFFECTED


def statuses(place: Path) -> list[tuple[str, Status]]:
    """Of the profile ``x``."""
    (repository,) = git.discover([place])
    assert isinstance(repository, git.Repository)
    (base,) = git.bases(repository, ())
    found = Looker(repository, Selection()).look(base).findings
    return [(os.fsdecode(each.path), each.finding.status) for each in found if each.finding.profile]


@pytest.mark.parametrize(
    ("include", "files", "expected"),
    [
        ("include <abstractions/own>", {"apparmor.d/abstractions/own": OPEN}, LOOK),
        ("include <abstractions/own>", {"abstractions/own": OPEN}, LOOK),
        ("include <abstractions/own>", {"profiles/apparmor.d/abstractions/own": OPEN}, LOOK),
        ("include <abstractions/own>", {"apparmor.d/abstractions/own": "  /x r,\n"}, CLEAN),
        ("include <abstractions/own>", {"elsewhere/abstractions/own": "  /x r,\n"}, LOOK),
        ('include "groups/own"', {"apparmor.d/groups/own": "  /x r,\n"}, CLEAN),
        ("include <own.d>", {"apparmor.d/own.d/a": "  /x r,\n", "apparmor.d/own.d/b": OPEN}, LOOK),
        ("include <own.d/>", {"apparmor.d/own.d/a": "  /x r,\n"}, CLEAN),
        (
            "include <own.d>",
            {"apparmor.d/own.d/a": "  /x r,\n", "apparmor.d/own.d/a~": OPEN},
            CLEAN,
        ),
        ("include if exists <local/x>", {"apparmor.d/local/x": OPEN}, LOOK),
        ("include if exists <local/x>", {}, CLEAN),
        ("include if exists <own>", {}, LOOK),
        ("include <abstractions/base>", {}, CLEAN),
        ("include <abstractions/base>", {"apparmor.d/abstractions/base": OPEN}, LOOK),
        ("include <../secret>", {"secret": "  /x r,\n"}, LOOK),
        (
            "include <abstractions/own>",
            {
                "apparmor.d/abstractions/own": "  include if exists <abstractions/own.d>\n",
                "apparmor.d/abstractions/own.d/more": OPEN,
            },
            LOOK,
        ),
    ],
)
def test_includes_of_the_same_repository(
    include: str, files: dict[str, str], expected: Status, sandbox: Sandbox
) -> None:
    place = sandbox.repository(files={"apparmor.d/x": PROFILE.format(include), **files})
    assert [status for path, status in statuses(place) if path == "apparmor.d/x"] == [expected]


def test_the_nearest_file_counts(sandbox: Sandbox) -> None:
    include = PROFILE.format("include <abstractions/own>")
    place = sandbox.repository(
        files={
            "one/apparmor.d/x": include,
            "one/apparmor.d/abstractions/own": OPEN,
            "two/apparmor.d/x": include,
            "two/apparmor.d/abstractions/own": "  /x r,\n",
            "abstractions/own": OPEN,
        }
    )
    found = dict(statuses(place))
    assert (found["one/apparmor.d/x"], found["two/apparmor.d/x"]) == (LOOK, CLEAN)


def test_includes_beside_a_file_outside_git(tmp_path: Path) -> None:
    file = tmp_path / "apparmor.d" / "x"
    (file.parent / "abstractions").mkdir(parents=True)
    file.write_text(PROFILE.format("include <abstractions/own>"))
    for text, expected in ((OPEN, LOOK), ("  /x r,\n", CLEAN)):
        (file.parent / "abstractions" / "own").write_text(text)
        (target,) = check([str(file)], Selection())
        assert [located.finding.status for located in target.findings] == [expected]

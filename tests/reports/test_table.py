"""The table for people."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from patcher.findings import Edit, Finding, Status
from patcher.reports import Style
from patcher.reports.table import Report
from patcher.results import Located, Outcome, Target, total
from patcher.text import printable

EVERY = Style(shown=frozenset(Status))
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def finding(**changes: Any) -> Finding:
    values: dict[str, Any] = {
        "line": 3,
        "profile": "docker-default",
        "host": "plain",
        "status": Status.AFFECTED,
        "moby_style": True,
        "reason": "nothing denies alg",
        "evidence": ("blanket capability,",),
        "migration": "deny-af-alg",
        "edit": Edit(12, b"  deny network alg,\n"),
    }
    return Finding(**(values | changes))


def target(*findings: Finding, **changes: Any) -> Target:
    values: dict[str, Any] = {
        "repository": "/src/fork",
        "base": "refs/remotes/origin/main",
        "commit": "0" * 40,
        "outcome": Outcome.SCANNED,
        "findings": tuple(Located(b"a/profile", one) for one in findings),
        "read": True,
    }
    return Target(**(values | changes))


def printed(style: Style, *targets: Target, applied: bool = False) -> str:
    report = Report(replace(style, applied=applied))
    pieces = [report.start(), *map(report.target, targets), report.finish(total(targets))]
    return b"".join(pieces).decode()


def test_a_row_for_each_profile() -> None:
    text = printed(EVERY, target(finding(), finding(line=20, status=Status.FIXED, edit=None)))
    assert text.splitlines()[:3] == [
        "/src/fork  origin/main",
        "  a/profile:3   docker-default  affected  nothing denies alg",
        "  a/profile:20  docker-default  fixed     nothing denies alg",
    ]


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("applied", [True, False])
def test_what_needs_nothing_is_counted(status: Status, applied: bool) -> None:
    one = target(finding(status=status, edit=None))
    needs_someone = status in (Status.AFFECTED, Status.UNDER_INVESTIGATION)
    assert ("a/profile:3" in printed(Style(), one, applied=applied)) is needs_someone
    assert "a/profile:3" in printed(EVERY, one, applied=applied)
    only = Style(shown=frozenset([status]))
    assert "a/profile:3" in printed(only, one, applied=applied)
    assert printed(only, target(finding())).count("a/profile") == (status is Status.AFFECTED)


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("length", [10, 60, 300])
def test_a_place_is_in_one_piece(width: int, length: int) -> None:
    path = b"deploy/" + b"x" * length
    one = replace(target(), findings=(Located(path, finding()),) * 2)
    rows = printed(Style(width=width), one).splitlines()
    assert sum(line.split()[0] == f"{path.decode()}:3" for line in rows if line.strip()) == 2


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_template_action_as_a_name_is_in_one_piece(width: int) -> None:
    one = target(finding(profile="{{ container_profile }}", reason="long " * 30))
    assert "{{ container_profile }}" in printed(Style(width=width), one)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("color", [True, False])
def test_a_terminal_gets_lines_that_fit(width: int, color: bool) -> None:
    style = Style(width=width, color=color, explain=True)
    text = printed(style, target(finding(reason="long " * 30, profile="p" * 70)))
    rows = [line for line in text.splitlines() if line.startswith(" ")]
    assert max(len(_ESCAPE.sub("", line)) for line in rows) <= width
    assert ("\x1b[31m" in text) == color
    assert _ESCAPE.sub("", text).count("long") == 30
    assert _ESCAPE.sub("", text).count("p") >= 70


def test_what_drives_a_terminal_is_shown_instead() -> None:
    hostile = "\x1b]0;owned\x07\x9b2J\u202etxt\u200b\r\n[bold]x[/]"
    for width in (None, 200):
        text = printed(
            Style(width=width, explain=True, verbose=True),
            target(
                finding(profile=hostile, reason=hostile, evidence=(hostile,)),
                repository=f"/src/{hostile}",
                base=f"refs/heads/{hostile}",
                note=hostile,
            ),
        )
        assert all(line.isprintable() for line in text.splitlines())
        assert "\\x1b]0;owned\\x07" in text
        assert "[bold]x[/]" in text


def test_every_character_that_does_not_show_is_escaped() -> None:
    assert printable("plain ümläut 漢字") == "plain ümläut 漢字"
    assert printable("a\tb\nc\r\x00\x7f\x85") == "a\\tb\\nc\\r\\x00\\x7f\\x85"
    assert printable("\u202e\u2066\ufeff\U000e0001") == "\\u202e\\u2066\\ufeff\\U000e0001"
    assert printable("caf\udce9") == "caf\\xe9"


def test_quiet_prints_nothing() -> None:
    assert printed(Style(quiet=True), target(finding())) == ""


def test_a_target_without_anything_is_shown_only_on_request() -> None:
    assert "/src/fork" not in printed(Style(), target())
    assert "/src/fork" in printed(Style(verbose=True), target())


def test_the_totals_are_words() -> None:
    text = printed(
        Style(),
        target(finding(), finding(status=Status.UNDER_INVESTIGATION, edit=None)),
        target(finding(status=Status.NOT_AFFECTED, edit=None), base="refs/heads/next"),
        target(finding(edit=None), repository="/src/other"),
    )
    assert (
        "2 repositories, 3 branches: 1 affected profile, 1 not affected, 1 needs review, "
        "1 affected but left alone." in text
    )
    assert "--profiles all" in text
    assert "`patcher apply`" in text


def test_after_apply_the_next_step_can_be_pasted() -> None:
    text = printed(
        Style(),
        target(
            finding(),
            repository="/src/my fork",
            outcome=Outcome.COMMITTED,
            branch="patcher/deny-af-alg",
            new_commit="abcdef0123456789" + "0" * 24,
        ),
        applied=True,
    )
    assert "/src/my fork  origin/main  -> patcher/deny-af-alg abcdef012345  (committed)" in text
    assert "git --no-pager -C '/src/my fork' show " in text
    assert " patcher/deny-af-alg\n" in text
    assert "1 committed, 0 up to date, 0 failed." in text

"""JSON: what is printed is what the schema says, also for hostile names."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import patcher.reports
from patcher import load_migration
from patcher.findings import Edit, Finding, Status
from patcher.reports import Style
from patcher.reports.json import Report
from patcher.results import ChangedFile, Located, Outcome, ReviewAct, ReviewResult, Target, total
from tests.schemas import strict

SCHEMA: dict[str, Any] = json.loads(
    (Path(patcher.reports.__file__).parent / "schema.json").read_text("utf-8")
)


VALIDATOR = jsonschema.Draft202012Validator(strict(SCHEMA))


def finding(**changes: Any) -> Finding:
    values: dict[str, Any] = {
        "line": 3,
        "profile": "docker-default",
        "host": "plain",
        "status": Status.AFFECTED,
        "moby_style": True,
        "reason": "why",
        "evidence": ("one", "two"),
        "migration": "deny-af-alg",
        "edit": Edit(12, b"  deny network alg,\n"),
    }
    return Finding(**(values | changes))


def target(**changes: Any) -> Target:
    values: dict[str, Any] = {
        "repository": "/src/fork",
        "base": "refs/heads/main",
        "commit": "0" * 40,
        "outcome": Outcome.SCANNED,
        "read": True,
    }
    return Target(**(values | changes))


def printed(*targets: Target) -> Any:
    report = Report(Style(migrations=(load_migration("deny-af-alg"),)))
    pieces = [report.start(), *map(report.target, targets), report.finish(total(targets))]
    return json.loads(b"".join(pieces).decode("ascii"))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


FILE = ChangedFile(b"a/b", "100755", "1" * 64, "2" * 64, b"x", b"xy", (Edit(1, b"y"),))


@pytest.mark.parametrize(
    "targets",
    [
        [],
        [target()],
        [target(base=None, commit=None, outcome=Outcome.FAILED, error="no such repository")],
        [target(outcome=Outcome.NOTHING_TO_DO, note="no commit yet")],
        [
            target(
                outcome=Outcome.COMMITTED,
                branch="patcher/deny-af-alg",
                new_commit="3" * 64,
                findings=(Located(b"a/b", finding()), Located(b"c", finding(edit=None))),
                files=(FILE,),
            ),
            target(findings=(Located(b"d", finding(status=Status.UNDER_INVESTIGATION)),)),
        ],
    ],
)
def test_what_is_printed_is_what_the_schema_says(targets: list[Target]) -> None:
    VALIDATOR.validate(printed(*targets))


@settings(max_examples=50)
@given(path=st.binary(min_size=1), text=st.text(), insert=st.binary())
def test_any_name_makes_valid_json(path: bytes, text: str, insert: bytes) -> None:
    hostile = text + "\ud800\udce9\x1b[2J\u202e"
    found = printed(
        target(
            repository="/src/" + path.decode("utf-8", "surrogateescape"),
            base=hostile,
            error=hostile,
            note=hostile,
            findings=(
                Located(path, finding(profile="p\udce9", reason=text, edit=Edit(0, insert))),
            ),
        )
    )
    VALIDATOR.validate(found)
    shown = found["targets"][0]["findings"][0]
    json.dumps(found, ensure_ascii=False).encode("utf-8")  # no lone surrogate is left
    assert base64.b64decode(shown.get("path_base64", "")) in (b"", path)
    assert "path_base64" in shown or shown["path"].encode() == path
    edit = shown["edit"]
    assert "insert_base64" in edit or edit["insert"].encode() == insert


def test_the_worst_status_is_the_targets() -> None:
    def status(*found: Status) -> str:
        findings = tuple(Located(b"p", finding(status=one)) for one in found)
        (shown,) = printed(target(findings=findings))["targets"]
        return str(shown["status"])

    assert status() == "not_affected"
    assert status(Status.NOT_AFFECTED, Status.FIXED) == "fixed"
    assert status(Status.FIXED, Status.UNDER_INVESTIGATION) == "under_investigation"
    assert status(Status.UNDER_INVESTIGATION, Status.AFFECTED, Status.FIXED) == "affected"


def test_the_totals_count() -> None:
    totals = printed(
        target(findings=(Located(b"p", finding()), Located(b"q", finding(edit=None)))),
        target(base="refs/heads/next", outcome=Outcome.FAILED, error="broken", read=False),
        target(
            repository="/src/other",
            outcome=Outcome.UP_TO_DATE,
            files=(FILE,),
            review=ReviewResult(ReviewAct.UPDATED, "https://forge.example/1", "1", "open"),
        ),
    )["totals"]
    assert totals == {
        "complete": True,
        "repositories": 2,
        "targets": 3,
        "read": 2,
        "failed": 1,
        "unread": 0,
        "nothing_to_do": 0,
        "committed": 0,
        "pushed": 0,
        "up_to_date": 1,
        "edited": 0,
        "removed": 0,
        "left": 0,
        "reviews": {"opened": 0, "updated": 1, "unchanged": 0, "closed": 0, "unasked": 0},
        "files": 1,
        "to_fix": 1,
        "left_alone": 1,
        "causes": {"git": 1},
        "profiles": {"affected": 2, "fixed": 0, "not_affected": 0, "under_investigation": 0},
        "seccomp": {"affected": 0, "fixed": 0, "not_affected": 0, "under_investigation": 0},
    }

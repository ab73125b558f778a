"""Formats for pipelines: nothing is lost, nothing hostile gets out, and all weigh the same."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from typing import Any
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patcher import load_migration
from patcher.findings import Status
from patcher.reports import FORMATS, Style, renderer
from patcher.reports.openvex import purl
from patcher.results import Located, Outcome, Target, total
from tests.reports.test_json import SCHEMA, finding, target

MIGRATIONS = (load_migration("deny-af-alg"), load_migration("deny-af-vsock"))
STYLE = Style(migrations=MIGRATIONS[:1], at="2026-05-01T12:00:00Z")
PIPELINES = [name for name in FORMATS["targets"] if name != "table"]
AFFECTED = Located(b"a/profile", finding())
LEFT = Located(b"a/other", finding(moby_style=False, edit=None))
QUOTED = Located(b"README.md", finding(documentation=True, edit=None))
REVIEW = Located(b"b.patch", finding(status=Status.UNDER_INVESTIGATION, edit=None, reason="a diff"))
FIXED = Located(b"c", finding(status=Status.FIXED, edit=None, reason="denied"))


def written(format: str, *targets: Target, style: Style = STYLE, complete: bool = True) -> str:
    report = renderer("targets", format)(style)
    totals = total(targets)
    totals.complete = complete
    pieces = [report.start(), *map(report.target, targets), report.finish(totals)]
    return b"".join(pieces).decode("utf-8")


def sarif(*targets: Target, **more: Any) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = json.loads(written("sarif", *targets, **more))["runs"]
    return runs


def levels(runs: list[dict[str, Any]]) -> list[str]:
    return [result["level"] for run in runs for result in run["results"]]


@pytest.mark.parametrize("shown", ["targets", "changes", "files"])
def test_every_command_has_every_format(shown: str) -> None:
    assert set(PIPELINES) <= set(FORMATS[shown])


EVERYTHING = (AFFECTED, LEFT, QUOTED, REVIEW, FIXED)
WEIGHTS = {
    "sarif": ["error", "warning", "warning", "warning"],
    "github": ["error", "warning", "warning", "warning"],
    "gitlab": ["critical", "minor", "minor", "minor"],
    "junit": ["failure", "skipped", "skipped", "skipped", ""],
    "markdown": ["affected", "needs review", "needs review", "needs review"],
}
CHANGED = {
    "sarif": "note", "github": "notice", "gitlab": "info", "junit": "skipped", "markdown": "changed"
}  # fmt: skip


def weights(format: str, text: str) -> list[str]:
    match format:
        case "sarif":
            return levels(json.loads(text)["runs"])
        case "github":
            return [line.split()[0].strip(":") for line in text.splitlines()]
        case "gitlab":
            return [issue["severity"] for issue in json.loads(text)]
        case "junit":
            cases = ElementTree.fromstring(text).iter("testcase")
            return [case[0].tag if len(case) else "" for case in cases]
    return [line.split(" | ")[2] for line in text.splitlines() if line.startswith("| /")]


@pytest.mark.parametrize("format", WEIGHTS)
def test_what_exit_status_1_stands_for_weighs_most(format: str) -> None:
    text = written(format, target(findings=EVERYTHING))
    assert weights(format, text) == WEIGHTS[format]


@pytest.mark.parametrize("format", WEIGHTS)
@pytest.mark.parametrize(
    "outcome", [Outcome.COMMITTED, Outcome.PUSHED, Outcome.UP_TO_DATE, Outcome.EDITED]
)
def test_what_a_branch_fixes_is_no_error(format: str, outcome: Outcome) -> None:
    done = target(findings=(AFFECTED,), outcome=outcome, branch="patcher/deny-af-alg")
    text = written(format, done)
    assert weights(format, text) == [CHANGED[format]]
    shown = text.replace("\\", "")
    assert "branch patcher/deny-af-alg has the change" in shown


@pytest.mark.parametrize("format", PIPELINES)
@pytest.mark.parametrize(
    "broken",
    [
        target(outcome=Outcome.FAILED, error="no such remote", read=False),
        target(read=False),
    ],
)
def test_what_was_not_read_is_never_clean(format: str, broken: Target) -> None:
    text = written(format, broken)
    assert (broken.error or "").replace(" ", "") in text.replace("\\", "").replace(" ", "")
    signs = {
        "json": '"status": null',
        "jsonl": '"status": null',
        "sarif": '"executionSuccessful": false',
        "openvex": '"status": "under_investigation"',
        "csv": ",failed,," if broken.failed else ",scanned,,",
        "markdown": "| failed |" if broken.failed else "| not read |",
        "junit": 'errors="1"',
        "github": "::error::",
        "gitlab": '"blocker"',
    }
    assert signs[format] in text


@pytest.mark.parametrize("format", ["sarif", "markdown", "junit", "github", "gitlab", "json"])
def test_a_run_that_was_broken_off_says_so(format: str) -> None:
    assert written(format, target(), complete=True) != written(format, target(), complete=False)
    if format == "sarif":
        assert not sarif(target(), complete=False)[-1]["invocations"][0]["executionSuccessful"]
    elif format != "json":
        assert "broken off" in written(format, target(), complete=False)


@pytest.mark.parametrize("format", ["sarif", "markdown", "junit", "github", "gitlab"])
@pytest.mark.parametrize(
    ("targets", "says"),
    [
        ((), "nothing was looked at"),
        ((target(included=(("nope/*", False),)),), "--include 'nope/*' matches no file"),
    ],
)
def test_a_run_that_looked_at_nothing_that_was_named_is_not_clean(
    format: str, targets: tuple[Target, ...], says: str
) -> None:
    text = written(format, *targets)
    assert says in text.replace("\\", "").replace("&#39;", "'")
    signs = {"sarif": '"executionSuccessful": false', "junit": 'errors="1"'}
    signs |= {"github": "::error::", "gitlab": '"blocker"', "markdown": "no clean answer"}
    assert signs[format] in text


def test_sarif_without_a_repository_has_a_run_all_the_same() -> None:
    (run,) = sarif()
    assert run["results"] == []


def test_a_sarif_fix_is_the_edit() -> None:
    edit = AFFECTED.finding.edit
    assert edit is not None
    (run,) = sarif(target(findings=(AFFECTED,)))
    ((change,),) = (fix["artifactChanges"] for fix in run["results"][0]["fixes"])
    (replacement,) = change["replacements"]
    assert replacement["deletedRegion"] == {"byteOffset": edit.offset, "byteLength": 0}
    assert base64.b64decode(replacement["insertedContent"]["binary"]) == edit.insert


def test_fingerprints_stay_when_lines_move_and_tell_twins_apart() -> None:
    def prints(*lines: int) -> list[str]:
        found = tuple(Located(b"x", finding(line=line)) for line in lines)
        (run,) = sarif(target(findings=found))
        return [result["partialFingerprints"]["profile/v1"] for result in run["results"]]

    assert prints(3, 30) == prints(5, 40)
    assert len(set(prints(3, 30))) == 2


@given(st.binary(min_size=1, max_size=20).filter(lambda path: b"\0" not in path))
@settings(max_examples=60)
def test_any_path_comes_back_from_its_uri(path: bytes) -> None:
    path = path.lstrip(b"/") or b"x"
    (run,) = sarif(target(findings=(Located(path, finding()),)))
    location = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert unquote_to_bytes(location["uri"]) == path
    assert re.fullmatch(r"[A-Za-z0-9._~/%-]*", location["uri"])


def vex(*targets: Target, style: Style = STYLE) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = json.loads(written("openvex", *targets, style=style))[
        "statements"
    ]
    return statements


@pytest.mark.parametrize(
    ("findings", "status", "needs"),
    [
        ((AFFECTED, FIXED), "affected", "action_statement"),
        ((LEFT,), "affected", "action_statement"),
        ((REVIEW, FIXED), "under_investigation", "status_notes"),
        ((FIXED,), "fixed", "status_notes"),
        ((), "not_affected", "justification"),
        (
            (Located(b"x", finding(status=Status.NOT_AFFECTED, edit=None)),),
            "not_affected",
            "justification",
        ),
    ],
)
def test_vex_says_the_worst_and_what_it_asks_for(
    findings: tuple[Located, ...], status: str, needs: str
) -> None:
    (statement,) = vex(target(findings=findings))
    assert statement["vulnerability"] == {"name": "CVE-2026-31431"}
    assert (statement["status"], needs in statement) == (status, True)


@pytest.mark.parametrize(
    ("style", "changes"),
    [
        (Style(migrations=MIGRATIONS[:1], narrowed=True), {}),
        (STYLE, {"note": "not read: submodule deps/x"}),
        (STYLE, {"read": False}),
    ],
)
@pytest.mark.parametrize("findings", [(), (FIXED,)])
def test_vex_claims_nothing_of_what_was_not_read(
    style: Style, changes: dict[str, Any], findings: tuple[Located, ...]
) -> None:
    (statement,) = vex(target(findings=findings, **changes), style=style)
    assert statement["status"] == "under_investigation"
    assert statement["status_notes"]


def test_vex_has_a_statement_for_each_migration() -> None:
    found = vex(target(findings=(AFFECTED,)), style=Style(migrations=MIGRATIONS))
    assert [each["status"] for each in found] == ["affected", "not_affected"]
    assert found[1]["vulnerability"] == {"name": "deny-af-vsock"}


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("https://github.com/Moby/Moby.git", "pkg:github/moby/moby@abc"),
        ("https://gitlab.com/g/s/p", "pkg:gitlab/g/s/p@abc"),
        (
            "https://git.example/a/b.git",
            "pkg:generic/b@abc?vcs_url=git%2Bhttps://git.example/a/b.git%40abc",
        ),
        ("/src/my fork", "pkg:generic/my%20fork@abc"),
    ],
)
def test_products_are_named_by_purl(place: str, name: str) -> None:
    assert purl(place, "abc") == name


def test_jsonl_is_the_json_line_by_line() -> None:
    one, last = (
        json.loads(line) for line in written("jsonl", target(findings=EVERYTHING)).splitlines()
    )
    assert one.pop("schema") == last.pop("schema") == 1
    assert one.pop("migrations") == last.pop("migrations") == ["deny-af-alg"]
    whole = json.loads(written("json", target(findings=EVERYTHING)))
    assert whole["targets"] == [one]
    assert last == {"totals": whole["totals"]}
    jsonschema.Draft202012Validator(SCHEMA).validate(whole)


def test_csv_has_a_row_for_each_finding_and_for_a_repository_without_any() -> None:
    text = written("csv", target(findings=EVERYTHING), target(repository="/src/none"))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["finding_status"] for row in rows] == [
        *["affected"] * 3, "under_investigation", "fixed", ""
    ]  # fmt: skip
    assert rows[-1]["repository"] == "/src/none" and rows[-1]["status"] == "not_affected"
    assert [row["line"] for row in rows[:1]] == ["3"]


HOSTILE = [
    "=cmd|' /C calc'!A0", "+1", "-1", "@x", "\x1b[31m", "\u202e", "a\nb", "a\r::error::x", "\ufffe",
    "]]>", "<b>&", '"', "x|y", "`a`", "@team", "[x](http://y)", "%0A", "\udcff", "::error::x",
    "<!-- x", "# x", "a,b:c", "##[set-output name=a;]b",
    "##vso[task.setvariable variable=PATH]x", "###teamcity[x]", "\uff1d1+1", "x;=1+1", "x; @y",
]  # fmt: skip


@pytest.mark.parametrize("format", PIPELINES)
@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_gets_out_of_its_place(format: str, name: str) -> None:
    def of(name: str) -> str:
        found = Located(name.encode("utf-8", "surrogateescape"), finding(profile=name, reason=name))
        shown = target(repository=f"/src/{name}", findings=(found,), error=name, note=name)
        return written(format, shown)

    text, plain = of(name), of("plain")
    assert text.count("\n") == plain.count("\n")
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e\ufffe]", text.replace("\r\n", "\n"))
    match format:
        case "junit":
            tree = ElementTree.fromstring(text)
            assert [each.tag for each in tree.iter()] == [
                each.tag for each in ElementTree.fromstring(plain).iter()
            ]
        case "csv":
            for row in csv.reader(io.StringIO(text)):
                assert len(row) == 20
                for part in ";".join(row).split(";"):
                    assert not part.lstrip().startswith(("=", "+", "-", "@", "\uff1d"))
        case "markdown":
            for line in text.splitlines():
                assert len(re.findall(r"(?<!\\)\|", line)) in (0, 5)
                assert not re.search(r"(?<!\\)[<@\[`]", line)
        case "github":
            assert all(line.startswith(("::error", "::warning")) for line in text.splitlines())
            assert len(re.findall("^::", text, re.MULTILINE)) == plain.count("\n")
        case "jsonl":
            assert all(json.loads(line) for line in text.splitlines())
        case _:
            json.loads(text)
    if format == "sarif":  # messages with embedded links: section 3.11.6
        assert not re.search(
            r"(?<!\\)\]\(", json.loads(text)["runs"][0]["results"][0]["message"]["text"]
        )
    assert not re.search(r"##(?:vso|teamcity)?\[", text)
    if format in ("json", "jsonl"):
        assert name.replace("\udcff", "\ufffd") in _texts(
            [json.loads(text if format == "json" else text.splitlines()[0])]
        )


def _texts(value: object) -> list[str]:
    """All texts in a value of JSON."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


def test_markdown_is_bounded() -> None:
    many = tuple(Located(b"x%d" % number, finding(line=number)) for number in range(1, 3000))
    text = written("markdown", target(findings=many))
    assert len(text.encode()) < 1 << 20
    assert "1999 more rows" in text

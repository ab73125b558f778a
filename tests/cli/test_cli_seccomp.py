"""Findings on seccomp profiles: reported, never changed, and of no weight for exit status 1."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

import patcher
from patcher.cli import group

if TYPE_CHECKING:
    from tests.conftest import Sandbox


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(group, list(map(str, arguments)))
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    return result


def seccomp(*tests: tuple[str, int], **more: Any) -> dict[str, Any]:
    """A profile in the style of moby's, with a rule for each test of the family."""
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [
            {"names": ["accept", "bind"], "action": "SCMP_ACT_ALLOW"},
            *(
                {
                    "names": ["socket"],
                    "action": "SCMP_ACT_ALLOW",
                    "args": [{"index": 0, "value": value, "op": f"SCMP_CMP_{op}"}],
                }
                for op, value in tests
            ),
        ],
        **more,
    }


OLD = json.dumps(seccomp(("NE", 40)), indent=1)
CLOSED = json.dumps(seccomp(("LT", 38)), indent=1)
UPSTREAM = json.dumps(seccomp(("LT", 38), ("EQ", 39), ("GT", 40)), indent=1)
OPERATOR = """\
apiVersion: security-profiles-operator.x-k8s.io/v1beta1
kind: SeccompProfile
metadata: {name: web}
spec:
  defaultAction: SCMP_ACT_ERRNO
  syscalls:
  - action: SCMP_ACT_ALLOW
    names:
    - socket
    args:
    - {index: 0, value: 40, op: SCMP_CMP_NE}
"""
GO = """\
package seccomp

func DefaultProfile() *Seccomp {
	return &Seccomp{
		LinuxSeccomp: specs.LinuxSeccomp{DefaultAction: specs.ActErrno},
		Syscalls: []*Syscall{
			{
				LinuxSyscall: specs.LinuxSyscall{
					Names:  []string{"socket"}, // of every family but one
					Action: specs.ActAllow,
					Args: []specs.LinuxSeccompArg{
						{Index: 0, Value: unix.AF_VSOCK, Op: specs.OpNotEqual},
					},
				},
			},
		},
	}
}
"""
CONFIG_MAP = "kind: ConfigMap\ndata:\n  seccomp.json: |\n    " + OLD.replace("\n", "\n    ") + "\n"
IN_SCRIPT = f"#!/bin/sh\ncat >/etc/seccomp.json <<EOF\n{OLD}\nEOF\n"


def findings(*arguments: str | Path) -> list[dict[str, Any]]:
    document = json.loads(run(*arguments, "--format", "json").stdout)
    return [finding for target in document["targets"] for finding in target["findings"]]


@pytest.mark.parametrize(
    "name, content, line, status",
    [
        ("default.json", OLD, 13, "affected"),
        ("default.json", CLOSED, 13, "fixed"),
        ("default.json", UPSTREAM, 13, "under_investigation"),
        ("config.json", json.dumps({"linux": {"seccomp": seccomp(("NE", 40))}}), 1, "affected"),
        ("profile.yaml", OPERATOR, 9, "affected"),
        ("profile.yaml", "# of web\n---\n" + OPERATOR.replace("40", "38"), 11, None),
        ("profile.yaml", OPERATOR.replace("NE}", "LE}").replace("40", "37"), 9, "fixed"),
        ("map.yaml", CONFIG_MAP, 16, "affected"),
        ("install.sh", IN_SCRIPT, 15, "affected"),
        ("default_linux.go", GO, 9, "affected"),
        ("default_linux.go", GO.replace("NotEqual", "EqualTo"), 9, "under_investigation"),
        ("default_linux.go", GO.replace("unix.AF_VSOCK", "family()"), 9, "under_investigation"),
        ("default_linux.go", GO.replace("AF_VSOCK", "AF_ALG + 2"), 9, "affected"),
        ("chart.yaml", OPERATOR.replace("- socket", "{{ .Values.names }}\n    - socket"), 10, None),
        ("default.json", OLD.replace("}", "},", 1), 13, "under_investigation"),
        ("testdata/default.json", OLD, 13, "under_investigation"),
    ],
)
def test_each_format_is_read(
    tmp_path: Path, name: str, content: str, line: int, status: str | None
) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(content)
    (found,) = findings("check", file)
    expected = status or "under_investigation"
    assert (found["host"], found["status"], found["line"]) == ("seccomp", expected, line)
    assert (found["migration"], found["edit"]) == ("seccomp-af-alg", None)
    assert run("check", file).exit_code == 0
    assert findings("check", "--no-seccomp", file) == []


@pytest.mark.parametrize(
    "name, content",
    [
        ("package.json", '{"socket": "SCMP_ACT_ALLOW", "syscalls": []}'),
        ("small.json", OLD.replace('"args"', '"notes"')),
        ("rules.go", 'package x\n\nvar socket = "socket"\n\nconst ActAllow = 1\n'),
        (
            "notes.md",
            "`socket`: SCMP_ACT_ALLOW is the defaultAction of some syscalls.\n",
        ),
        ("none.json", OLD.replace("socket", "connect")),
    ],
)
def test_other_files_are_not_taken_for_profiles(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert findings("check", tmp_path / name) == []


def test_scan_reports_them_and_changes_and_counts_nothing(sandbox: Sandbox) -> None:
    place = sandbox.repository(files={"profiles/seccomp/default.json": OLD, "main.go": GO})
    shown = run("scan", place)
    assert shown.exit_code == 0
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert ["profiles/seccomp/default.json:13", "-", "affected", "seccomp:"] in [
        line[:4] for line in lines
    ]
    assert "moby/profiles#20" in shown.stdout
    assert "1 repository: seccomp profiles: 2 affected." in shown.stdout
    document = json.loads(run("scan", place, "--format", "json").stdout)
    assert document["targets"][0]["status"] == "not_affected"
    assert document["totals"]["seccomp"]["affected"] == 2
    assert document["totals"]["profiles"]["affected"] == document["totals"]["left_alone"] == 0
    schema = Path(patcher.__file__).parent / "reports/schema.json"
    jsonschema.validate(document, json.loads(schema.read_text()))
    strict = run("scan", "--strict", place)
    assert strict.exit_code == 3
    assert "--strict: 2 seccomp profiles affected or in need of review" in strict.stderr
    assert run("scan", "--strict", "--no-seccomp", place).exit_code == 0
    for command in ("diff", "apply"):
        assert "seccomp" not in run(command, place).stdout


def test_scan_says_the_same_from_memory_and_of_a_large_repository(sandbox: Sandbox) -> None:
    files = {f"src/{number}.txt": f"{number}\n" for number in range(700)}
    place = sandbox.repository(files={**files, "deploy/web.yaml": OPERATOR})
    first = findings("scan", place)
    assert [(each["path"], each["profile"]) for each in first] == [("deploy/web.yaml", "web")]
    assert findings("scan", "-j", "2", place) == first
    assert findings("scan", "-j", "2", "--fresh", place) == first
    assert findings("scan", "--no-seccomp", place) == []


def test_beside_apparmor_the_exit_status_is_that_of_apparmor(sandbox: Sandbox) -> None:
    files = {"docker-default": sandbox.profile(), "default.json": UPSTREAM}
    place = sandbox.repository(files=files)
    result = run("scan", place)
    assert result.exit_code == 1
    assert "1 affected profile in 1 file, seccomp profiles: 1 needs review." in result.stdout
    assert run("scan", "-m", "deny-af-vsock", "--no-seccomp", place).exit_code == 1
    assert all(each["host"] != "seccomp" for each in findings("scan", "-m", "deny-af-vsock", place))


def test_every_format_carries_them(sandbox: Sandbox) -> None:
    place = sandbox.repository(files={"a/default.json": OLD, "b.json": CLOSED})

    def report(format: str) -> str:
        result = run("scan", place, "--format", format)
        assert result.exit_code == 0, result.output
        return result.stdout

    (log,) = json.loads(report("sarif"))["runs"]
    (found,) = log["results"]
    rules = {rule["id"]: rule for rule in log["tool"]["driver"]["rules"]}
    assert (found["ruleId"], found["level"]) == ("seccomp-af-alg", "warning")
    assert "seccomp" in rules["seccomp-af-alg"]["properties"]["tags"]
    product, *parts = json.loads(report("openvex"))["statements"]
    assert product["status"] == "under_investigation"
    assert [part["status"] for part in parts] == ["affected", "fixed"]
    component = parts[0]["products"][0]["subcomponents"][0]["@id"]
    assert component.endswith("#a/default.json")
    rows = list(csv.DictReader(io.StringIO(report("csv"))))
    assert [(row["host"], row["finding_status"]) for row in rows] == [
        ("seccomp", "affected"),
        ("seccomp", "fixed"),
    ]
    suite = ET.fromstring(report("junit"))
    assert len(suite.findall(".//skipped")) == 1
    assert suite.findall(".//failure") == []
    assert report("github").startswith("::warning file=a/default.json,line=13,title=seccomp")
    (issue,) = json.loads(report("gitlab"))
    assert issue["check_name"] == "seccomp-af-alg"
    assert "seccomp profile" in report("markdown")
    assert json.loads(report("jsonl").splitlines()[-1])["totals"]["seccomp"]["fixed"] == 1

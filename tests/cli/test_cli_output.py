"""The registry of formats, and reports that go to a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import pytest

from patcher.reports import FORMATS, renderer
from tests.cli.test_cli_main_job import patcher
from tests.needs import needs_parser
from tests.variants import few

if TYPE_CHECKING:
    from tests.conftest import Sandbox

COMMANDS = {
    "scan": "targets",
    "diff": "changes",
    "apply": "targets",
    "undo": "targets",
    "check": "files",
    "repos": "repositories",
    "cache list": "mirrors",
    "status": "campaigns",
}


def arguments(command: str, place: Path) -> list[str | Path]:
    where = {"cache list": [], "status": [], "check": [place / "docker-default"]}
    return [*command.split(), *where.get(command, [place])]


@pytest.mark.parametrize(
    ("command", "format"),
    few([(command, each) for command, shown in COMMANDS.items() for each in FORMATS[shown]], 3),
)
def test_every_command_writes_each_of_its_formats_to_a_file(
    command: str, format: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1777636800")
    words = [*arguments(command, sandbox.repository()), "--format", format]
    words += ["--dry-run"] if command == "apply" else []
    printed = patcher(*words)
    file = sandbox.root / "report"
    written = patcher(*words, "--output", file)
    assert file.read_text() == printed.stdout
    assert printed.stdout or format in ("jsonl", "github")  # of which nothing is nothing
    assert (written.stdout, written.stderr) == ("", printed.stderr)
    assert written.exit_code == printed.exit_code


@needs_parser
@pytest.mark.parametrize("format", FORMATS["compiled profiles"])
def test_verify_writes_each_of_its_formats_to_a_file(format: str, sandbox: Sandbox) -> None:
    place = sandbox.repository()
    printed = patcher("verify", place, "--format", format)
    patcher("verify", place, "--format", format, "--output", sandbox.root / "report")
    assert (sandbox.root / "report").read_text() == printed.stdout


@pytest.mark.parametrize("format", FORMATS["campaign"])
def test_one_campaign_is_written_to_a_file(format: str, sandbox: Sandbox) -> None:
    place = sandbox.repository()
    assert patcher("apply", "--campaign", "c", place).exit_code == 0
    printed = patcher("status", "c", "--format", format)
    patcher("status", "c", "--format", format, "--output", sandbox.root / "report")
    assert (sandbox.root / "report").read_text() == printed.stdout


@pytest.mark.parametrize("shown", FORMATS)
def test_every_format_is_there(shown: str) -> None:
    assert all(callable(renderer(shown, format)) for format in FORMATS[shown])


def test_files_outside_git_are_reported_as_json(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    result = patcher("check", "--format", "json", place / "docker-default", place / "none")
    good, bad = json.loads(result.stdout)["targets"]
    assert (good["status"], good["findings"][0]["line"]) == ("affected", 2)
    assert (bad["status"], bad["error"]) == (None, "No such file or directory")


def test_the_filter_reports_to_a_file_beside_its_output(sandbox: Sandbox) -> None:
    report = sandbox.root.parent / "report"
    text = sandbox.profile()
    result = patcher("check", "--fix", "-", "--output", report, stdin=text.encode())
    assert result.stdout == sandbox.fixed(text)
    assert "1 file fixed." in report.read_text() and not result.stderr


def test_what_fails_leaves_the_file_as_it_was(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    file = sandbox.root / "report"
    file.write_text("before\n")
    for words in (
        ("scan", "-m", "no-such-migration", place),
        ("apply", "--retry", "all", place),
        ("apply", "--campaign", "../x", place),
        ("status", "no-such-campaign"),
    ):
        assert patcher(*words, "--output", file).exit_code in (2, 3)
        assert file.read_text() == "before\n"
    assert sorted(each.name for each in sandbox.root.iterdir()) == ["fork", "report"]


@pytest.mark.parametrize("name", ["report", "\U0001f600" * 60], ids=["short", "long"])
def test_what_a_killed_run_left_of_the_file_is_removed(sandbox: Sandbox, name: str) -> None:
    """Neither that of another file, nor what another run still writes."""
    process = subprocess.Popen(["true"])
    process.wait()
    start = os.fsdecode(f".{name}".encode()[:101])
    sandbox.root.mkdir(exist_ok=True)
    dead = sandbox.root / f"{start}.{process.pid}-0123456789ab.patcher-new"
    living = sandbox.root / f"{start}.{os.getpid()}-0123456789ab.patcher-new"
    others = sandbox.root / f".other.{process.pid}-0123456789ab.patcher-new"
    for file in (dead, living, others):
        file.write_text("half")
    read = sandbox.root / "read"
    read.touch()
    assert patcher("check", read, "--output", sandbox.root / name).exit_code == 0
    left = {file.name for file in sandbox.root.iterdir()}
    assert left == {name, "read", living.name, others.name}


def test_a_file_that_cannot_be_written_is_told_before_the_work(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    folder = sandbox.root / "folder"
    folder.mkdir()
    for file in (folder, folder / "none" / "report", Path("/dev/full")):
        result = patcher("apply", place, "--output", file)
        assert result.exit_code == 2
        assert f"--output {file}: " in result.stderr
    assert not (place / ".git/refs/heads/patcher").exists()


def test_the_fixes_of_sarif_give_the_bytes_that_apply_commits(sandbox: Sandbox) -> None:
    """Whoever inserts what the log says, from the last place to the first."""
    place = sandbox.repository()
    profile = sandbox.profile()
    literal = "".join(f'\t"{line}\\n" +\n' for line in profile.splitlines())
    sandbox.commit(
        place,
        {
            "deploy/pod.yaml": "data: |\n"
            + "".join(f"  {line}\n" for line in profile.splitlines()),
            "two profiles": profile + profile.replace("docker-default", "other"),
            "latin1": profile.encode().replace(b"capability,", b"capability, # \xe4"),
            "crlf": profile.replace("\n", "\r\n"),
            "x.go": f'package x\n\nconst p = "" +\n{literal}\t""\n',
        },
    )
    before = git_bytes(place, "HEAD")
    log = json.loads(patcher("scan", place, "--format", "sarif").stdout)
    patcher("apply", place, "--proof", "off")
    after = git_bytes(place, "patcher/deny-af-alg")
    places: dict[bytes, set[tuple[int, bytes]]] = {}
    for result in log["runs"][0]["results"]:
        for fix in result.get("fixes", []):
            for change in fix["artifactChanges"]:
                path = unquote_to_bytes(change["artifactLocation"]["uri"])
                for each in change["replacements"]:
                    assert each["deletedRegion"]["byteLength"] == 0
                    insert = b64decode(each["insertedContent"]["binary"])
                    places.setdefault(path, set()).add(
                        (each["deletedRegion"]["byteOffset"], insert)
                    )
    fixed = dict(before)
    for path, inserts in places.items():
        for offset, insert in sorted(inserts, reverse=True):
            fixed[path] = fixed[path][:offset] + insert + fixed[path][offset:]
    assert fixed == after
    assert len([path for path in before if before[path] != after[path]]) == len(places) == 6


def git_bytes(place: Path, ref: str) -> dict[bytes, bytes]:
    """The files of a commit."""
    git = ["git", "-C", str(place)]
    listed = subprocess.run([*git, "ls-tree", "-rz", "--name-only", ref], capture_output=True)
    names = listed.stdout.split(b"\0")[:-1]
    return {
        name: subprocess.run([*git, "show", ref.encode() + b":" + name], capture_output=True).stdout
        for name in names
    }


@pytest.mark.parametrize(
    ("environment", "colored"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_color_may_be_forced(
    environment: dict[str, str],
    colored: bool,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-m", "patcher", "scan", str(sandbox.repository())]
    shown = subprocess.run(command, capture_output=True).stdout
    assert (b"\x1b[" in shown) is colored

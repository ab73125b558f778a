"""README's commands, as they are printed: on the sample forks, and on a GitHub on loopback."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import Sandbox
from tests.damage import damaged
from tests.forges.branches import GitBranches
from tests.forges.github import GitHub
from tests.git.server import Server
from tests.needs import open_terminal
from tests.sources.servers import serving

pytestmark = [pytest.mark.pipelines, pytest.mark.xdist_group("pipelines")]

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BRANCH = "patcher/deny-af-alg"


def recipe(title: str) -> list[str]:
    """The command lines of the first block after a paragraph that begins so."""
    found = re.search(rf"^{title}.*?^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1].splitlines()


def statuses() -> dict[int, str]:
    return {int(code): text for code, text in re.findall(r"^\| (\d+) \| (.*) \|$", README, re.M)}


class Shell:
    """Runs lines of README as a shell does, at one place."""

    def __init__(self, place: Path, **variables: str) -> None:
        self.place = place
        self.environment = {**os.environ, **variables, "PYTHONPATH": str(ROOT)}

    def __call__(self, line: str) -> subprocess.CompletedProcess[str]:
        script = f'patcher() {{ "{sys.executable}" -m patcher "$@"; }}\n{line}'
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.place,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def done(self, line: str, status: int = 0) -> str:
        assert status in statuses()
        ran = self(line)
        assert ran.returncode == status, f"{line}\n{ran.stdout}{ran.stderr}"
        return ran.stdout


@pytest.fixture
def shell(home: Path, sandbox: Sandbox) -> Shell:
    """A home with the sample forks in ``src``, whose review branches are gone, and ``src/moby``,
    a clone of a bare repository."""
    shell = Shell(home)
    shell.done("patcher demo src")
    shell.done("patcher undo --base main --base 'release/*' src")
    served = home / "served.git"
    sandbox.git(home, "clone", "-q", "--bare", "src/engine-fork", str(served))
    return shell


def test_the_first_screen_is_what_scan_prints(shell: Shell) -> None:
    printed = re.search(r"`patcher scan src` prints:\n\n```text\n(.*?)```", README, re.DOTALL)
    assert printed is not None
    ours, theirs = open_terminal()
    termios.tcsetwinsize(theirs, (60, 120))
    environment = {**shell.environment, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    environment.pop("COLUMNS", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "patcher", "scan", "src"],
        cwd=shell.place, env=environment, stdout=theirs, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # the other end is closed
        while piece := os.read(ours, 1 << 16):
            shown += piece
    os.close(ours)
    assert process.wait() == 1
    text = shown.decode().replace("\r\n", "\n")
    text = re.sub(r"\x1b\[[0-9;]*m", "", text).replace(str(shell.place), "/home/jo")
    assert text == printed[1]


def test_one_repository_and_undo(shell: Shell, sandbox: Sandbox) -> None:
    served, moby = shell.place / "served.git", shell.place / "src/moby"
    sandbox.git(shell.place, "clone", "-q", str(served), str(moby))
    head = sandbox.git(moby, "rev-parse", "HEAD")
    diff, apply, push = recipe("One repository")
    assert "+  deny network alg,\n" in shell.done(diff, 1)
    shell.done(apply)
    message = sandbox.git(moby, "log", "-1", "--format=%B", BRANCH)
    assert "Signed-off-by: A Tester <tester@example.org>" in message
    shell.done(push)
    assert sandbox.git(served, "rev-parse", BRANCH) == sandbox.git(moby, "rev-parse", BRANCH)
    assert sandbox.git(moby, "status", "--porcelain") == ""
    assert sandbox.git(moby, "rev-parse", "HEAD") == head

    shell.done(recipe("Undo")[0])
    assert sandbox.git(moby, "branch", "--list", "patcher/*") == ""


@pytest.fixture
def github(shell: Shell, sandbox: Sandbox) -> Iterator[GitHub]:
    """A GitHub with the organisation acme, whose one repository is a sample fork."""
    root = shell.place / "github"
    forge = GitHub(GitBranches(root))
    forge.users["TOKEN"] = "bot"
    with Server(root) as server, serving(forge):
        forge.clone_base = f"{server.url}/ok"
        shutil.copytree(shell.place / "served.git", root / "acme/moby.git")
        forge.add("acme/moby")
        forge.repository("acme/moby").roles |= {"bot": "write", "ada": "write"}
        for name in list(shell.environment):
            if name.startswith(("GH_", "GITHUB_")) or name.lower().endswith("_proxy"):
                del shell.environment[name]
        # GH_TOKEN is for github.com alone; of another server Actions says so.
        shell.environment |= {
            "GITHUB_API_URL": forge.api,
            "GITHUB_SERVER_URL": forge.clone_base,
            "GITHUB_TOKEN": "TOKEN",
        }
        yield forge


def test_an_organisation_and_undo(shell: Shell, github: GitHub) -> None:
    token, apply, status, merge = recipe("An organisation")
    shell.done(f"{token}\n{apply}")
    assert "patcher apply --campaign af-alg" in README
    bases = ["main", "release/1.6", "release/1.7"]
    pulls = github.repository("acme/moby").pulls
    assert sorted(pull.base for pull in pulls) == bases
    shell.done("patcher apply --campaign af-alg")
    assert len(pulls) == len(bases)
    assert shell.done(status).count("/acme/moby/pull/") >= len(bases)
    assert not any(pull.merge_commit for pull in pulls)

    (main,) = (pull for pull in pulls if pull.base == "main")
    shell.done(merge, 1)
    github.review("acme/moby", main.number, "ada")
    shell.done(merge, 1)
    github.sync()
    assert [pull.base for pull in pulls if pull.merge_commit] == ["main"]

    shell.done(recipe("Undo")[1])
    github.sync()
    assert not any(pull.open for pull in pulls)


def test_a_gate_in_ci(shell: Shell, sandbox: Sandbox) -> None:
    (gate,) = recipe("A gate in CI")
    shell.place /= "src/helm-chart"
    shell.done(gate, 1)
    file = shell.place / "patcher.sarif"
    assert len(json.loads(file.read_text())["runs"][0]["results"]) == 1
    shell.done("patcher check --fix templates", 0)
    sandbox.git(shell.place, "commit", "-qam", "Fix")
    shell.done(gate, 0)
    assert json.loads(file.read_text())["runs"][0]["results"] == []


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("patcher scan src/fixed-already", 0),
        ("patcher scan src/helm-chart", 1),
        ("patcher scan none", 2),
        ("patcher scan --base 'none/*' src/helm-chart", 2),
        ("patcher scan github:", 2),
        ("patcher scan --no-such-option", 2),
        ("patcher scan --fresh src/helm-chart src/broken", 3),
    ],
)
def test_exit_statuses(line: str, status: int, shell: Shell) -> None:
    assert sorted(statuses()) == [0, 1, 2, 3]
    damaged(shell.place / "src/node-image", shell.place / "src/broken")
    ran = shell(line)
    assert ran.returncode == status, ran.stdout + ran.stderr
    if status >= 2:
        assert ran.stderr
    if status == 3:
        assert "templates/apparmor.yaml:8" in ran.stdout, "the others were not processed"

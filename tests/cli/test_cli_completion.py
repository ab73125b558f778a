"""Completion in the real shells."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_cli_main_job import patcher
from tests.conftest import Sandbox
from tests.needs import program

WORDS = {
    ("sta",): "status",
    ("scan", "--only", "not"): "not_affected",
    ("scan", "-m", "deny-af-v"): "deny-af-vsock",
    ("scan", "--base", "release/"): "release/1.0",
    ("status", "af-"): "af-alg",
    ("apply", "--campaign", "af-"): "af-alg",
    ("completion", "f"): "fish",
}
BASH = """
source <("$PATCHER" completion bash)
COMP_WORDS=(patcher "$@") COMP_CWORD=$#
_patcher_completion patcher
printf '%s\\n' "${COMPREPLY[@]}"
"""
ZSH = """
autoload -Uz compinit; compinit -u -d "$HOME/.zcompdump"
compdef() { :; }
source <("$PATCHER" completion zsh)
print -r -- ${functions[_patcher_completion]:+loaded}
env COMP_WORDS="patcher $*" COMP_CWORD=$# _PATCHER_COMPLETE=zsh_complete "$PATCHER"
"""


@pytest.fixture
def place(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a release branch, a campaign, and the command in the PATH."""
    place = sandbox.repository()
    sandbox.git(place, "branch", "release/1.0")
    assert patcher("apply", "--proof", "off", "--campaign", "af-alg", place).exit_code == 0
    folder = sandbox.root / "bin"
    folder.mkdir()
    command = folder / "patcher"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m patcher "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATCHER", str(command))
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parent.parent.parent))
    return place


def printed(place: Path, *command: str) -> list[str]:
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_bash(place: Path) -> None:
    for words, wanted in WORDS.items():
        assert wanted in printed(place, "bash", "--norc", "-c", BASH, "bash", *words), words


@pytest.mark.pipelines
@program("zsh")
def test_zsh(place: Path) -> None:
    for words, wanted in WORDS.items():
        shown = printed(place, "zsh", "-f", "-c", ZSH, "zsh", *words)
        assert shown[0] == "loaded"
        assert wanted in shown, words


@pytest.mark.pipelines
@program("fish")
def test_fish(place: Path) -> None:
    for words, wanted in WORDS.items():
        line = " ".join(["patcher", *words])
        script = f'"$PATCHER" completion fish | source; complete --do-complete "{line}"'
        shown = printed(place, "fish", "--no-config", "-c", script)
        assert wanted in [each.partition("\t")[0] for each in shown], words


def test_an_unknown_shell_is_one_line() -> None:
    result = patcher("completion", "tcsh")
    assert result.exit_code == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in result.stderr


def test_nothing_is_completed_where_nothing_can_be_read(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.root.mkdir(exist_ok=True)
    monkeypatch.chdir(sandbox.root)
    monkeypatch.setenv("PATCHER_STATE_DIR", "/dev/null/x")
    for words in ("patcher scan --base ", "patcher status "):
        environment = {
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split())),
            "_PATCHER_COMPLETE": "bash_complete",
        }
        done = subprocess.run(
            [sys.executable, "-m", "patcher"],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
        )
        assert (done.stdout.strip(), "Traceback" in done.stderr) == ("", False)

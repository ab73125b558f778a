"""What a forge says of reviews reaches the terminal, JSON and the log of a pipeline escaped,
whichever command shows it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from patcher.cli import group
from tests.cli.test_cli_reviews import PUSH, github, waits  # noqa: F401
from tests.forges.github import GitHub
from tests.sources.servers import Reply, Request

pytestmark = pytest.mark.campaigns

EVIL = (
    "\x1b]8;;http://evil.example\x07x\x1b]8;;\x07\r\n::error::x ##[error]y ##vso[task.complete] "
    "\u202eabc\u2066 \x9b31m =cmd|' /C calc'!A0 <img src=x> @acme/all [a](http://e.example) |"
)
"""Links and colors of terminals, lines, commands of pipelines, text of the other direction,
formulas, markup."""


def spoiled(value: Any, key: str, at: str = "") -> Any:
    """A value of JSON, with `EVIL` behind each text that has this key."""
    if isinstance(value, dict):
        return {name: spoiled(each, key, name) for name, each in value.items()}
    if isinstance(value, list):
        return [spoiled(each, key, at) for each in value]
    return value + EVIL if isinstance(value, str) and at == key else value


@pytest.mark.parametrize(
    "key", ["html_url", "title", "body", "login", "message", "state", "name", "default_branch"]
)
def test_nothing_that_a_forge_says_drives_a_terminal_or_a_log(
    github: GitHub,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    key: str,
) -> None:
    answer = github.answer

    def bad(request: Request) -> Reply:
        reply = answer(request)
        return replace(reply, body=spoiled(reply.body, key))

    run(*PUSH, "--campaign", "c", f"{github.clone_base}/acme/moby.git")
    monkeypatch.setattr(github, "answer", bad)
    for format in ("table", "json", "jsonl"):
        run("status", "c", "--reviews", "--format", format)
        run("repos", "github:acme", "--format", format)
    for format in ("table", "json", "csv", "markdown", "github"):
        run("apply", "--campaign", "c", "--retry", "all", "--format", format)
    run("refresh", "c")
    run("status", "c", "--failed")
    for command in ("ready", "merge", "close"):
        run(command, "c")
    run("undo", "--campaign", "c")


def run(*arguments: str) -> None:
    """Run a command, and look at all that it writes."""
    done = CliRunner().invoke(group, arguments)
    assert isinstance(done.exception, SystemExit | None), done.exception
    for written in (done.stdout, done.stderr):
        odd = {char for char in written if not char.isprintable()} - {"\n", "\r"}
        assert not odd, (arguments, odd)
        assert "##[" not in written and "##vso[" not in written, (arguments, written)
        for line in written.splitlines():
            is_own = arguments[-1] == "github" and line.startswith(
                ("::error", "::warning", "::notice file=")
            )
            assert is_own or not line.lstrip().startswith("::"), (arguments, line)
    if arguments[-1] == "json":
        json.loads(done.stdout)

"""``apply --interactive``, at a real terminal."""

from __future__ import annotations

import fcntl
import json
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from patcher.cli import group
from tests.conftest import Sandbox
from tests.needs import open_terminal

BRANCH = "patcher/deny-af-alg"


class Terminal:
    """patcher at a terminal, which gets an answer for each question."""

    def __init__(self, *arguments: str | Path, **env: str) -> None:
        self._ours, theirs = open_terminal()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
        words = ["apply", "--interactive", "--proof", "off", *map(str, arguments)]
        self._process = subprocess.Popen(
            ["setsid", "--ctty", sys.executable, "-m", "patcher", *words],  # Ctrl-C is a signal
            env={**os.environ, "TERM": "xterm", **env},
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
        )
        os.close(theirs)
        self.seen = ""

    def questions(self) -> int:
        return self.seen.count("Commit this on ")

    def answer(self, *keys: str, asks: str = "?] ") -> None:
        """Answer as many questions, each once it is asked."""
        for key in keys:
            self._read(lambda: self.seen.endswith(asks))
            os.write(self._ours, key.encode())
            self.seen += f"<{key.strip()}>"

    def _read(self, is_there: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not is_there():
            assert time.monotonic() < end, self.seen
            if select.select([self._ours], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self._ours, 1 << 16).decode()
                except OSError:  # it is closed on the other side
                    break

    def end(self) -> int:
        self._read(lambda: False)
        os.close(self._ours)
        self.report = self._process.communicate(timeout=30)[0].decode()
        return self._process.returncode


@pytest.fixture
def places(sandbox: Sandbox) -> list[Path]:
    return [sandbox.repository(name) for name in ("a", "b", "c")]


def branches(sandbox: Sandbox, places: list[Path]) -> list[bool]:
    """Which of them have a review branch."""
    return [bool(sandbox.git(place, "branch", "--list", BRANCH)) for place in places]


def outcomes(campaign: str) -> list[str]:
    done = CliRunner().invoke(group, ["status", campaign, "--format", "jsonl"])
    return [json.loads(line)["outcome"] or "planned" for line in done.stdout.splitlines()]


def test_yes_and_no(sandbox: Sandbox, places: list[Path]) -> None:
    terminal = Terminal(*places)
    terminal.answer("y\n", "n\n", "y\n")
    assert terminal.end() == 1  # an affected one is left
    assert branches(sandbox, places) == [True, False, True]
    assert terminal.questions() == 3
    assert "2 committed" in terminal.report
    assert "1 left" in terminal.report
    assert "\x1b[32m+  deny network alg," in terminal.seen
    assert "flags=(attach_disconnected,mediate_deleted)" in terminal.seen.replace(" ", "")
    assert "deny mount" in terminal.seen  # the evidence
    assert "a dry run" not in terminal.seen


def test_all_takes_the_rest_and_quit_ends(sandbox: Sandbox, places: list[Path]) -> None:
    terminal = Terminal(*places)
    terminal.answer("q\n")
    assert terminal.end() == 1
    assert branches(sandbox, places) == [False, False, False]
    assert "It was broken off" in terminal.report
    terminal = Terminal(*places)
    terminal.answer("n\n", "a\n")
    assert terminal.end() == 1
    assert terminal.questions() == 2
    assert branches(sandbox, places) == [False, True, True]


def test_skip_leaves_all_bases_of_a_repository(sandbox: Sandbox, places: list[Path]) -> None:
    for place in places:
        sandbox.git(place, "branch", "release")
    terminal = Terminal("--base", "main", "--base", "release", *places[:2])
    terminal.answer("s\n", "y\n", "y\n")
    assert terminal.end() == 1
    assert branches(sandbox, places[:2]) == [False, True]


def test_what_is_no_answer_explains_them(places: list[Path]) -> None:
    terminal = Terminal(places[0])
    terminal.answer("?\n", "what\n", "y\n")
    assert terminal.end() == 0
    assert terminal.seen.count("leave this repository, with its other bases") == 2


def test_the_message_is_edited(sandbox: Sandbox, places: list[Path], tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    before = tmp_path / "before"
    script = f"cp \"$1\" '{before}'\nprintf 'Mine {{files}}\\n\\nWhy\\n' > \"$1\"\n"
    editor.write_text(f"#!/bin/sh\n{script}")
    editor.chmod(0o755)
    terminal = Terminal("--signoff", places[0], EDITOR=str(editor), VISUAL=str(editor))
    terminal.answer("e\n")
    assert terminal.end() == 0, terminal.seen
    body = sandbox.git(places[0], "log", "-1", "--format=%B", BRANCH)
    assert body.startswith("Mine {files}\n\nWhy\n")
    assert "Signed-off-by: A Tester" in body
    assert "Patcher-Migration:" in body
    assert "docker-default" in before.read_text()
    assert CliRunner().invoke(group, ["apply", "--proof", "off", str(places[0])]).exit_code == 0


@pytest.mark.parametrize("editor", ["/bin/false", "true", "/nonexistent"])
def test_an_editor_that_saves_nothing_asks_again(
    sandbox: Sandbox, places: list[Path], editor: str
) -> None:
    terminal = Terminal(places[0], EDITOR=editor, VISUAL=editor)
    terminal.answer("e\n", "q\n")
    assert terminal.end() == 1
    assert branches(sandbox, places[:1]) == [False]
    assert "Traceback" not in terminal.seen


def test_several_commits_have_no_message_to_edit(sandbox: Sandbox) -> None:
    place = sandbox.repository("two", {"a": sandbox.profile(), "b": sandbox.profile()})
    terminal = Terminal("--commit-per", "file", place)
    terminal.answer("e\n", "y\n", asks="[y,n,a,q,s,?] ")
    assert terminal.end() == 0
    assert sandbox.git(place, "rev-list", "--count", f"main..{BRANCH}") == "2"


def test_a_campaign_does_not_ask_again_about_a_no(sandbox: Sandbox, places: list[Path]) -> None:
    terminal = Terminal("--campaign", "c", *places)
    terminal.answer("y\n", "n\n", "q\n")
    assert terminal.end() == 1
    assert branches(sandbox, places) == [True, False, False]
    assert outcomes("c") == ["committed", "left", "planned"]
    terminal = Terminal("--campaign", "c")
    terminal.answer("n\n")
    assert terminal.end() == 1
    assert terminal.questions() == 1
    # All is done, so that all is looked at again; nor does a run without questions commit it.
    assert Terminal("--campaign", "c").end() == 1
    done = CliRunner().invoke(group, ["apply", "--campaign", "c"])
    assert done.exit_code == 1
    assert branches(sandbox, places) == [True, False, False]
    assert outcomes("c") == ["up to date", "left", "left"]
    terminal = Terminal("--campaign", "c", "--retry", "all")
    terminal.answer("y\n", "y\n")
    assert terminal.end() == 0
    assert branches(sandbox, places) == [True, True, True]


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_ctrl_c_and_ctrl_d_at_the_question_leave_what_was_done_recorded(
    sandbox: Sandbox, places: list[Path], key: str
) -> None:
    terminal = Terminal("--campaign", "c", *places)
    terminal.answer("y\n", key)
    assert terminal.end() == (130 if key == "\x03" else 1)
    assert "Traceback" not in terminal.seen
    assert branches(sandbox, places) == [True, False, False]
    assert outcomes("c") == ["committed", "planned", "planned"]
    terminal = Terminal("--campaign", "c")
    terminal.answer("y\n", "y\n")
    assert terminal.end() == 0
    assert terminal.questions() == 2


def test_what_a_file_holds_does_not_drive_the_terminal(sandbox: Sandbox) -> None:
    rules = "  network,\n  capability, # \x1b[2J\x9b2J\u202e\n  file,\n  umount,\n  deny mount,\n"
    name = "p\x1b]0;title\x07"
    place = sandbox.repository("evil\x1b[31m", {name: sandbox.profile("x", rules)})
    terminal = Terminal("--color", "never", place)
    terminal.answer("y\n")
    assert terminal.end() == 0, terminal.seen
    shown = terminal.seen.replace("\r\n", "\n")
    assert "\\x1b[2J" in shown
    assert all(char.isprintable() or char == "\n" for char in shown), shown


def test_a_person_who_thinks_for_long_is_not_the_time_limit(places: list[Path]) -> None:
    terminal = Terminal("--timeout", "1.5", places[0])
    terminal.answer("?\n")
    time.sleep(2)
    terminal.answer("y\n")
    assert terminal.end() == 0, terminal.seen


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--interactive asks at a terminal, and standard input and standard error are none"),
        (("--dry-run",), "--dry-run writes nothing"),
        (("--scheduler", "tcp://127.0.0.1:1"), "--interactive asks here, and --scheduler works"),
    ],
)
def test_where_nobody_can_be_asked_is_wrong_use(
    sandbox: Sandbox, places: list[Path], arguments: tuple[str, ...], says: str
) -> None:
    done = CliRunner().invoke(
        group, ["apply", "-i", "--proof", "off", *arguments, str(places[0])], input="y\n"
    )
    assert done.exit_code == 2
    assert says in done.stderr
    assert branches(sandbox, places) == [False, False, False]

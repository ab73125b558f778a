"""``--log-file`` and ``-vv``: what a run did, and nothing that drives a terminal or is secret."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from patcher.git import remote
from tests.cli.test_cli_main_job import patcher, run
from tests.conftest import Sandbox

TIMED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S.*")
CALL = re.compile(r"git [a-z-]+( in /\S+)?: \d+ ms(, exit status \d+|, signal \d+)?")


def log(file: Path) -> list[str]:
    """The lines, without their times."""
    lines = file.read_text("utf-8").splitlines()
    assert all(TIMED.fullmatch(each) and each.isprintable() for each in lines), lines
    return [each.partition(" ")[2] for each in lines]


def test_the_log_has_what_came_of_each_repository_and_each_call(sandbox: Sandbox) -> None:
    fixed = sandbox.fixed(sandbox.profile())
    one, two = sandbox.repository("one"), sandbox.repository("two\n\x1b[31m", {"p": fixed})
    sandbox.commit(one, {"q": "profile x {\n  network,\n}\n"})
    sandbox.git(one, "repack", "-adq")
    gone = sandbox.root / "gone"
    file = sandbox.root.parent / "log"
    result = patcher("scan", "--log-file", file, "--fresh", one, two, gone)
    assert result.stdout == patcher("scan", "--fresh", one, two, gone).stdout
    lines = log(file)
    assert lines[0].startswith("patcher ")
    assert lines[0].endswith(" scan")
    assert lines[-1] == "ended"
    assert f"{one} refs/heads/main: scanned, affected, 1 files to change" in lines
    escaped = str(two).replace("\n", "\\n").replace("\x1b", "\\x1b")
    assert f"{escaped} refs/heads/main: scanned, fixed, 0 files to change" in lines
    assert any(str(gone) in each for each in lines)
    assert any(CALL.fullmatch(each) for each in lines)
    assert not any("signal" in each for each in lines)
    assert not any(each.startswith("git ") and not CALL.fullmatch(each) for each in lines)
    again = len(lines)
    patcher("diff", "--log-file", file, one)
    assert log(file)[:again] == lines  # it grows
    assert len(log(file)) > again
    assert file.stat().st_mode & 0o777 == 0o600


def test_vv_shows_each_call_and_debugs_no_other_run(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    sandbox.git(place, "repack", "-adq")
    plain, shown = patcher("apply", "-n", place), patcher("apply", "-n", "-vv", place)
    assert plain.stderr == ""
    lines = [each.removeprefix("patcher: ") for each in shown.stderr.splitlines()]
    assert lines
    assert all(map(CALL.fullmatch, lines)), lines
    assert "PATCHER_DEBUG" not in os.environ
    assert patcher("apply", "-n", place).stderr == ""


def test_vv_shows_where_an_error_arose(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the sky fell")

    place = sandbox.repository()
    monkeypatch.setattr("patcher.engine.judge", broken)
    assert "Traceback" in patcher("scan", "-vv", place).stderr
    assert "Traceback" not in patcher("scan", "-v", place).stderr


@pytest.mark.parametrize("command", ["scan", "diff", "apply", "undo", "check", "verify"])
def test_every_command_that_works_on_files_keeps_a_log(command: str, sandbox: Sandbox) -> None:
    place = sandbox.repository()
    where = place / "docker-default" if command == "check" else place
    file = sandbox.root.parent / "log"
    patcher(command, "--log-file", file, where)
    assert log(file)[0].endswith(f" {command}")


def test_no_password_is_in_the_log(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "RETRIES", remote.Retries(2, 0.01, 0.02, 0.01))
    file = sandbox.root.parent / "log"
    patcher("scan", "--timeout", "1", "--log-file", file, "https://jo:s3cret@127.0.0.1:1/a.git")
    text = file.read_text()
    assert "127.0.0.1" in text
    assert "s3cret" not in text


def test_what_is_no_file_of_its_own_is_refused(sandbox: Sandbox) -> None:
    place, root = sandbox.repository(), sandbox.root
    (root / "target").write_text("mine\n")
    (root / "link").symlink_to("target")
    (root / "hanging").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    for name in ("link", "hanging", "pipe", "fork", "none/log"):
        result = patcher("scan", "--log-file", root / name, place)
        assert (result.exit_code, result.stdout) == (2, ""), name
        assert f"--log-file {root / name}: " in result.stderr
    assert (root / "target").read_text() == "mine\n"
    assert not (root / "nowhere").exists()


def test_a_log_that_cannot_be_written_is_said_to_be_not_whole(sandbox: Sandbox) -> None:
    place, file = sandbox.repository(), sandbox.root.parent / "log"
    words = [sys.executable, "-m", "patcher", "scan", "--log-file", str(file), str(place)]
    # Python ignores SIGXFSZ, so that the write fails.
    command = ["bash", "-c", 'ulimit -f 0; exec "$@"', "bash", *words]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 1
    assert f"--log-file {file}: File too large: the log is not whole" in done.stderr.decode()


def test_the_log_names_the_fault_of_a_run(sandbox: Sandbox) -> None:
    file = sandbox.root.parent / "log"
    done = run("apply", "--log-file", file, "--discard-others", sandbox.repository())
    assert done.returncode == 2
    assert log(file)[-1] == "ended: --discard-others goes with --on-existing replace"

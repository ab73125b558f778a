"""What a run says of itself where there is no terminal."""

from __future__ import annotations

import time

import pytest

from patcher.cli import progress
from tests.cli.test_cli_main_job import patcher
from tests.conftest import Sandbox


def wait_for(what: str, capsys: pytest.CaptureFixture[str]) -> str:
    seen = ""
    for _ in range(600):
        seen += capsys.readouterr().err
        if what in seen:
            return seen
        time.sleep(0.05)
    raise AssertionError(f"{what!r} is not in {seen!r}")


def test_a_line_now_and_then_names_what_is_waited_for(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from patcher import git
    from patcher.sources.found import Found

    for name in ("_HEARTBEAT", "_SLOW", "_PATIENCE"):
        monkeypatch.setattr(progress, name, 0.0)
    (found,) = git.discover([sandbox.repository()])
    assert isinstance(found, git.Repository)
    line = progress.ProgressLine(7, drawn=False)
    try:
        line.begin(Found(found))
        seen = wait_for("waiting for", capsys)
        assert "patcher: 0/7 repositories, waiting for " in seen
        assert "/fork" in seen and "\r" not in seen and "\x1b" not in seen
        line.done(Found(found), ())
        capsys.readouterr()
        seen = wait_for("1/7", capsys)
        assert "waiting for" not in seen.splitlines()[-1]
    finally:
        line.end()


def test_a_short_run_says_nothing_of_it(sandbox: Sandbox) -> None:
    assert patcher("scan", sandbox.repository()).stderr == ""


@pytest.mark.parametrize(("quiet", "wanted"), [(True, False), (False, True)])
def test_quiet_runs_have_no_heartbeat(quiet: bool, wanted: bool) -> None:
    assert progress.heartbeat(quiet=quiet) is wanted

"""What users get wrong: one line that says what to do, and the exit status of wrong use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from patcher.cli import group
from tests.conftest import Sandbox

PATCHER = [sys.executable, "-m", "patcher"]


def patcher(*arguments: str | Path, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(group, [str(each) for each in arguments], input=stdin)
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    return result


def shell(command: str, place: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in a folder; ``patcher`` is this one."""
    line = f'patcher() {{ {" ".join(PATCHER)} "$@"; }}; {command}'
    return subprocess.run(
        ["bash", "-c", line], cwd=place, env={**os.environ, **env}, text=True, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "status", "says"),
    [
        ("patcher scan fork >&-", 3, "standard output: Bad file descriptor"),
        ("patcher migrations >&-", 3, "standard output: Bad file descriptor"),
        ("patcher scan fork >/dev/full", 3, "standard output: No space left on device"),
        ("patcher scan --format json fork >/dev/full", 3, "standard output: No space left"),
        ("patcher migrations >/dev/full", 3, "standard output: No space left on device"),
        ("patcher check - <&-", 2, "standard input: Bad file descriptor"),
        ("patcher scan --from - <&-", 2, "standard input: cannot be read: Bad file descriptor"),
        ("patcher apply --message-file - fork <&-", 2, "--message-file -: Bad file descriptor"),
        ("patcher scan fork 2>&-", 1, ""),
    ],
)
def test_a_standard_stream_that_cannot_be_used_is_one_line(
    sandbox: Sandbox, command: str, status: int, says: str
) -> None:
    sandbox.repository()
    done = shell(command, sandbox.root)
    assert done.returncode == status, done.stderr
    assert done.stderr.count("\n") == (1 if says else 0), done.stderr
    assert done.stderr.startswith(f"patcher: {says}" if says else "")


@pytest.mark.parametrize("named", ["pipe", "/dev/zero"])
@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("scan --from NAMED", ""),
        ("apply --message-file NAMED fork", "--message-file "),
        ("apply --push --review github --body-file NAMED fork", "--body-file "),
    ],
)
def test_what_may_have_its_reader_wait_is_no_file(
    sandbox: Sandbox, command: str, option: str, named: str
) -> None:
    sandbox.repository()
    os.mkfifo(sandbox.root / "pipe")
    done = shell(f"patcher {command.replace('NAMED', named)}", sandbox.root)
    assert done.returncode == 2
    says = "a pipe, device or directory: name a file"
    reading = "" if option else "cannot be read: "
    assert done.stderr.splitlines()[-1].endswith(f"{option}{named}: {reading}{says}")
    assert "Traceback" not in done.stderr


def test_a_closed_stream_is_no_place_for_the_ledger(sandbox: Sandbox) -> None:
    """The first file that is opened would become standard error, and errors go into it."""
    sandbox.repository()
    assert shell("patcher apply --campaign c --proof off fork 2>&-", sandbox.root).returncode == 0
    assert patcher("status", "c").exit_code == 0


@pytest.mark.parametrize("module", ["patcher.interrupts", "patcher.text", "patcher.cli", "click"])
def test_ctrl_c_while_modules_are_imported_shows_no_traceback(module: str) -> None:
    program = f"""\
import os, signal, sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
from patcher.__main__ import main
sys.argv = ["patcher", "--version"]
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode in (130, -signal.SIGINT)
    assert done.stderr in ("", "patcher: interrupted\n")


def test_a_question_that_nobody_can_answer_is_wrong_use(sandbox: Sandbox) -> None:
    place = sandbox.repository()
    assert patcher("apply", "--campaign", "c", "--proof", "off", place).exit_code == 0
    assert patcher("scan", place.as_uri()).exit_code == 1
    for command in (("status", "c", "--forget"), ("cache", "clear")):
        done = patcher(*command, stdin="")
        assert done.exit_code == 2
        assert done.stderr.endswith("\npatcher: nobody is there to answer: use --yes\n")
    assert patcher("status", "c").exit_code == 0
    assert patcher("cache", "clear", stdin="y\n").stdout == "1 mirror removed.\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["scan", ""], "'': an empty name: a source is a path"),
        (["scan", "fork/docker-default"], "fork/docker-default: is a file: name a repository"),
        (["scan", "moby/moby"], "did you mean github:moby/moby?"),
        (["scan", "sourcehut:x"], "sourcehut:x: neither a path that exists nor anything else"),
        (["scan", "github:a/b/c"], "github:a/b/c: write github:ORG, github:ORG/REPO"),
        (["scan", "--from", sys.executable], "a binary file, not a list"),
        (["apply", "--campaign", "../x", "fork"], "'../x' is no name for a campaign"),
        (["apply", "--campaign", "", "fork"], "'' is no name for a campaign"),
        (["scan", "--timeout", "nan", "fork"], "'nan' is no number"),
        (["apply", "--pause", "inf", "fork"], "'inf' is no number"),
        (["scan", "--base", "", "fork"], "--base needs a branch, tag, commit or glob"),
    ],
)
def test_what_names_nothing_is_wrong_use(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    sandbox.repository()
    monkeypatch.chdir(sandbox.root)
    done = patcher(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("variable", "command"),
    [
        ("PATCHER_STATE_DIR", ["status"]),
        ("PATCHER_STATE_DIR", ["apply", "--campaign", "c", "fork"]),
        ("PATCHER_CACHE_DIR", ["cache", "list"]),
    ],
)
def test_a_relative_folder_of_patchers_own_is_refused(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, variable: str, command: list[str]
) -> None:
    sandbox.repository()
    monkeypatch.chdir(sandbox.root)
    monkeypatch.setenv(variable, "here")
    done = patcher(*command)
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr == f"patcher: {variable} is 'here', and needs to be an absolute path\n"
    assert not (sandbox.root / "here").exists()


def test_the_demo_without_git_makes_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PATCHER, "demo", str(tmp_path / "new")], env={"PATH": str(tmp_path), "HOME": "/"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "patcher: git was not found in PATH: install git 2.31 or newer\n"
    assert not (tmp_path / "new").exists()


def test_a_missing_identity_is_told_once(sandbox: Sandbox, home: Path) -> None:
    for name in ("one", "two", "three"):
        sandbox.repository(name)
    (home / ".gitconfig").unlink()
    done = patcher("apply", "--proof", "off", sandbox.root)
    assert done.exit_code == 3
    assert done.stderr.count("is configured: run git config") == 1
    assert "0 committed, 0 up to date, 3 failed." in done.stdout


def test_an_author_is_the_committer_where_none_is_configured(sandbox: Sandbox, home: Path) -> None:
    place = sandbox.repository()
    (home / ".gitconfig").unlink()
    done = patcher("apply", "--proof", "off", "--author", "Rita <rita@example.org>", place)
    assert done.exit_code == 0, done.stderr
    shown = sandbox.git(place, "log", "-1", "--format=%an %ae %cn %ce", "patcher/deny-af-alg")
    assert shown == "Rita rita@example.org Rita rita@example.org"


@pytest.mark.parametrize("how", ["a path", "a clone URL"])
def test_an_identity_may_depend_on_the_remote(sandbox: Sandbox, home: Path, how: str) -> None:
    place = sandbox.repository()
    served = sandbox.root / "corp" / "fork.git"
    sandbox.bare(place, served)
    sandbox.git(place, "remote", "add", "origin", served.as_uri())
    (home / "corporate").write_text("[user]\n\temail = tester@corp.example\n")
    with (home / ".gitconfig").open("a") as file:
        file.write(f'[includeIf "hasconfig:remote.*.url:file://{sandbox.root}/corp/**"]\n')
        file.write("\tpath = corporate\n")
    if how == "a path":
        done = patcher("apply", "--proof", "off", place)
    else:
        place = served
        done = patcher("apply", "--proof", "off", "--push", served.as_uri())
    assert done.exit_code == 0, done.stderr
    shown = sandbox.git(place, "log", "-1", "--format=%ae %ce", "patcher/deny-af-alg")
    assert shown == "tester@corp.example tester@corp.example"


def test_it_is_said_that_commits_are_not_signed_as_the_user_configured(
    sandbox: Sandbox, home: Path
) -> None:
    place = sandbox.repository()
    assert "gpgSign" not in patcher("apply", "--dry-run", place).stderr
    with (home / ".gitconfig").open("a") as file:
        file.write("[commit]\n\tgpgSign = true\n")
    done = patcher("apply", "--proof", "off", place)
    assert done.exit_code == 0
    assert "commit.gpgSign is set in your git configuration; commits are signed with --sign" in (
        done.stderr
    )

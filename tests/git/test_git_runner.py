"""The one door to git."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import patcher
from patcher.git import (
    GitError,
    GitFailed,
    GitTimeout,
    environment,
    limits,
    printable,
    runner,
    scratch,
)
from patcher.git.process import MOST_ERRORS, Process, last_words

if TYPE_CHECKING:
    from tests.git.conftest import Work


def test_a_failure_says_what_git_said(work: Work) -> None:
    path = work.repository()
    with pytest.raises(
        GitFailed, match="git cat-file failed: Not a valid object name nope"
    ) as error:
        runner.run(["cat-file", "-t", "nope"], git_dir=path / ".git")
    assert error.value.status == 128


@pytest.mark.parametrize(
    "said",
    [
        "ada:s3cret@",
        "s3cret@",
        "ada%40example.org:s3cret%2f%40@",
        "ada:s3cret@s3cret@",
        "ada:s3'cret@",
        "ada:@s3cret:s3cret@",
        "ada@",
        "",
    ],
)
def test_passwords_do_not_stand_in_errors(said: str) -> None:
    line = f"unable to access 'https://{said}example.org/x.git/', nor ssh://{said}h.example/y: no"
    words = last_words(f"warning: x\nfatal: {line}\n".encode())
    assert words == ("unable to access 'https://example.org/x.git/', nor ssh://h.example/y: no")


def test_control_characters_do_not_stand_in_errors(work: Work) -> None:
    with pytest.raises(GitFailed) as error:
        runner.run(["cat-file", "-t", "\x1b[31m\u202e\n"], git_dir=work.repository() / ".git")
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 😀 text", "plain é 😀 text"),
        (b"latin-\xe9", "latin-\\xe9"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[2J\x7f\x9b", "\\x1b[2J\\x7f\\x9b"),
        ("\u202etxt\u2066\u200b\ufeff", "\\u202etxt\\u2066\\u200b\\ufeff"),
        (Path("a\udce9"), "a\\xe9"),
    ],
)
def test_printable(text: str | bytes | Path, shown: str) -> None:
    assert printable(text) == shown


def test_output_is_limited(work: Work) -> None:
    path = work.repository("repo", {"f": b"x" * 10_000})
    command = ["cat-file", "blob", "HEAD:f"]
    assert len(runner.run(command, git_dir=path / ".git", limit=10_000)) == 10_000
    with pytest.raises(GitError, match="more than its limit of 9999 bytes"):
        runner.run(command, git_dir=path / ".git", limit=9_999)


def test_time_is_limited_also_when_another_call_has_longer(work: Work) -> None:
    path = work.repository()
    command = ["--git-dir", str(path / ".git"), "cat-file", "--batch"]  # waits for its input
    with Process(command, environment.environment(), timeout=60):
        started = time.monotonic()
        with (
            Process(command, environment.environment(), timeout=0.2) as slow,
            pytest.raises(GitTimeout, match=r"longer than 0\.2 s"),
        ):
            slow.wait()
        assert time.monotonic() - started < 30


def test_a_limit_within_another_does_not_extend_it() -> None:
    with limits.limited(5, spent=1):
        assert 3 < limits.time_left() <= 4
        with limits.limited(60):
            assert 3 < limits.time_left() <= 4
        with limits.limited(None):
            assert 3 < limits.time_left() <= 4
        with limits.limited(0.5), pytest.raises(GitTimeout, match=r"limit of 0\.5 s \(--timeout\)"):
            time.sleep(0.6)
            limits.time_left()
        assert 2 < limits.time_left(60) <= 4
        assert limits.time_left(1) == 1
    assert limits.time_left(7) == 7


def test_the_words_of_a_limit_are_those_that_were_given(work: Work) -> None:
    path = work.repository()
    command = ["--git-dir", str(path / ".git"), "cat-file", "--batch"]  # waits for its input
    with limits.limited(9, spent=8.8), Process(command, environment.environment()) as slow:
        with pytest.raises(GitTimeout, match=r"took longer than the limit of 9 s \(--timeout\)"):
            slow.wait()
        with pytest.raises(GitTimeout, match="the limit of 9 s"):
            runner.run(["version"])


def test_git_gets_time_anew(work: Work) -> None:
    """A git that reads several repositories is ended when one of them takes too long."""
    path = work.repository()
    command = ["--git-dir", str(path / ".git"), "cat-file", "--batch"]
    with Process(command, environment.environment(), timeout=0.4) as process:
        process.limit(60)
        time.sleep(0.6)
        assert process.child.poll() is None
        process.limit(0.1)
        with pytest.raises(GitTimeout, match=r"longer than 0\.1 s"):
            process.wait()


def test_large_input_and_many_errors_do_not_block(work: Work) -> None:
    path = work.repository()
    names = "".join(f"nothing-{number}\n" for number in range(20_000))
    output = runner.run(["cat-file", "--batch-check"], git_dir=path / ".git", stdin=names.encode())
    assert output.count(b" missing\n") == 20_000
    lines = b"update refs/heads/x\n" * 2
    with pytest.raises(GitFailed):
        runner.run(["update-ref", "--stdin"], git_dir=path / ".git", stdin=lines * 50_000)


def test_errors_without_end_take_no_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    endless = tmp_path / "git"
    endless.write_text(
        "#!/bin/sh\nhead -c 50000000 /dev/zero | tr '\\0' 'e' >&2\necho end\nread x\nexit 9"
    )
    endless.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with Process(["x"], environment.environment()) as process:
        assert process.has_output()
        assert process.stdout.read(4) == b"end\n"
        process.stdin.close()
        assert process.wait() == 9
        assert process.errors() == b"e" * MOST_ERRORS


def test_what_git_started_may_keep_its_standard_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A gpg-agent outlives the git that needed it."""
    leaves = tmp_path / "git"
    leaves.write_text("#!/bin/sh\nsleep 60 >/dev/null &\necho $! >&2\nexit 9")
    leaves.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with Process(["x"], environment.environment()) as process:
        assert process.output() == b""
        assert process.wait() == 9
        os.kill(int(process.errors()), signal.SIGKILL)


def test_no_git_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="install git"):
        runner.run(["version"])


def test_a_git_that_goes_away_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gone = tmp_path / "git"
    gone.write_text("#!/bin/sh\necho git version 2.40.0\n")
    gone.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    runner.run(["version"])
    gone.unlink()
    with pytest.raises(GitError, match=f"git could not be started: {gone} is gone"):
        runner.run(["version"])


def test_a_git_that_is_too_old_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "git"
    old.write_text("#!/bin/sh\necho git version 2.20.1\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(runner, "_checked_version", None)
    with pytest.raises(GitError, match=r"git 2\.20\.1 is too old"):
        runner.require_version()


def test_the_scratch_repository_goes_with_the_process(tmp_path: Path) -> None:
    source = (
        "from patcher.git import scratch; scratch.scratch(40); scratch.scratch(64)\n"
        "import os; print(len(os.listdir(os.environ['TMPDIR'])))"
    )
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", source], env=env, capture_output=True, check=True)
    assert done.stdout == b"2\n"
    assert list(tmp_path.iterdir()) == []


def test_no_room_for_the_scratch_repository_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "absent"))
    monkeypatch.setattr(scratch, "_scratch", {})
    with pytest.raises(GitError, match="set TMPDIR"):
        scratch.scratch()


def test_only_the_runner_starts_processes() -> None:
    root = Path(patcher.__file__).parent
    starters = set()
    for file in (root / "git").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                if names & {"subprocess", "pty", "multiprocessing"}:
                    starters.add(file.name)
            if isinstance(node, ast.Attribute) and node.attr in ("system", "popen", "posix_spawn"):
                starters.add(file.name)
    assert starters == {"door.py"}, "where it is a type alone"


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_EXEC_PATH", "GIT_TRACE", "SSH_ASKPASS"])
def test_git_gets_the_environment_of_its_call_and_nothing_else(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """GitPython would pass all on; for everybody else it stays."""
    given = tmp_path / "git"
    given.write_text("#!/bin/sh\nexec env -0\n")
    given.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv(name, "/nowhere")
    expected = environment.environment()
    seen = dict(line.split("=", 1) for line in runner.run(["version"]).decode().split("\0")[:-1])
    of_the_shell = ("_", "PWD")
    assert {**seen, **dict.fromkeys(of_the_shell)} == {**expected, **dict.fromkeys(of_the_shell)}
    assert os.environ[name] == "/nowhere"


def test_a_git_that_fails_is_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "git"
    broken.write_text("#!/bin/sh\nexit 7\n")
    broken.chmod(0o755)
    source = (
        "from patcher.git import runner, errors\n"
        "try: runner.run(['version'])\n"
        "except errors.GitError as error: print(error)"
    )
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([sys.executable, "-c", source], env=env, capture_output=True, check=True)
    assert done.stdout == b"git version failed: exit status 7\n"


def test_gitpython_is_not_imported_before_git_is_started() -> None:
    source = "import sys, patcher.git; print(*{'git', 'gitdb', 'hashlib'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=True)
    assert done.stdout == b"\n"


def test_gitpythons_runner_alone_is_imported_and_no_git_is_run_for_it(tmp_path: Path) -> None:
    real = shutil.which("git")
    log = tmp_path / "log"
    given = tmp_path / "git"
    given.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {real} "$@"\n')
    given.chmod(0o755)
    source = "from patcher.git import runner; runner.run(['--version'])"
    command = [sys.executable, "-X", "importtime", "-c", source]
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(command, env=env, stderr=subprocess.PIPE, check=True)
    imported = {line.split(b"|")[-1].strip() for line in done.stderr.splitlines()}
    assert b"git.cmd" in imported
    assert not imported & {b"git.config", b"git.index", b"git.objects", b"git.repo"}
    [call] = log.read_text().splitlines()
    assert call.endswith(" --version")


@pytest.mark.parametrize("first", ["patcher", "GitPython"])
def test_another_part_of_the_program_has_the_whole_of_gitpython(tmp_path: Path, first: str) -> None:
    steps = ["from patcher.git import runner\nrunner.run(['version'])", "import git, git.cmd"]
    if first == "GitPython":
        steps.reverse()
    source = "\n".join((*steps, "git.Repo.init(sys.argv[1]); print(git.cmd.Git is git.Git)"))
    command = [sys.executable, "-c", "import sys\n" + source, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"True\n"
    assert (tmp_path / ".git" / "HEAD").exists()


PROGRAMS = """
core.hooksPath core.fsmonitor core.alternateRefsCommand core.pager core.askPass core.editor
core.sshCommand core.gitProxy core.attributesFile core.excludesFile credential.helper gpg.program
gpg.openpgp.program gpg.x509.program gpg.ssh.program gpg.ssh.defaultKeyCommand
""".split()
"""Keys that name a program to run, or a file to read."""


@pytest.mark.parametrize("key", PROGRAMS)
def test_what_a_repository_configures_is_overridden(work: Work, key: str) -> None:
    """Also where git reads its configuration, and would have use for it."""
    place = work.repository("r", {"a": b"a"})
    work.git(place, "config", key, "./run")
    assert runner.run(["config", "--get", key], git_dir=place / ".git") != b"./run\n"


@pytest.mark.parametrize(
    "key", ["protocol.allow", "commit.gpgSign", "log.showSignature", "gc.auto"]
)
def test_what_a_repository_allows_is_overridden(work: Work, key: str) -> None:
    place = work.repository("r", {"a": b"a"})
    work.git(place, "config", key, "always")
    assert runner.run(["config", "--get", key], git_dir=place / ".git") != b"always\n"

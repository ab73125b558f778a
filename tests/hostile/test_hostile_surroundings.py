"""What stands around a repository: owners, formats, the caller's environment, odd files."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.git.server import Server
from tests.gits import Gits
from tests.hostile.bench import BRANCH, COMMANDS, FIXED, Bench, patcher
from tests.variants import few

HERE = Path(__file__).parents[2]
APPLY = ("apply", "--proof", "off")


def python(bench: Bench, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """patcher as a process of its own, started in the attacker's folder."""
    return subprocess.run(
        [sys.executable, "-m", "patcher", *arguments],
        cwd=bench.place,
        env={**os.environ, "PYTHONPATH": str(HERE), **env},
        capture_output=True,
        text=True,
        timeout=20,
    )


def test_a_git_in_the_work_tree_does_not_run(bench: Bench) -> None:
    for name in ("git", "apparmor_parser", "gpg"):
        (bench.place / name).symlink_to(bench.run)
    path = f".:{os.environ['PATH']}:"
    author = ("--author", "A <a@example.org>", "--branch", "by-author")
    for arguments in (*([command] for command in COMMANDS if command != "apply"), APPLY,
                      (*APPLY, *author)):  # fmt: skip
        done = python(
            bench, *arguments, PATH=path, GIT_PYTHON_GIT_EXECUTABLE="./git", GIT_EXEC_PATH="."
        )
        assert done.returncode in (0, 1) and "docker-default" in done.stdout, done.stderr
        assert bench.ran() == []
    signed = (*APPLY, "--sign=none@example.org", "--branch", "signed")
    assert "not signed" in python(bench, *signed, PATH=path).stderr
    assert bench.ran() == []
    subprocess.run(["git", "status"], cwd=bench.place, env={**os.environ, "PATH": path})
    assert bench.ran() != []


def test_modules_in_the_work_tree_are_not_imported(bench: Bench) -> None:
    """For the command as it is installed; ``python -m`` itself looks in the current folder."""
    command = Path(sys.executable).with_name("patcher")
    if not command.exists():
        pytest.skip("patcher is not installed beside this Python")
    for name in ("json", "click", "ruamel", "sitecustomize", "git"):
        (bench.place / f"{name}.py").write_text(
            f"open({str(bench.root / 'markers' / 'ran')!r}, 'w').write({name!r})\n"
        )
    done = subprocess.run([command, "scan", "--format=json"], cwd=bench.place, capture_output=True)
    assert done.returncode == 1, done.stderr
    assert bench.ran() == []


REPOSITORY = {
    "GIT_DIR": "{victim}/.git",
    "GIT_WORK_TREE": "{victim}",
    "GIT_INDEX_FILE": "{victim}/.git/index",
    "GIT_COMMON_DIR": "{victim}/.git",
    "GIT_OBJECT_DIRECTORY": "{victim}/.git/objects",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": "{victim}/.git/objects",
    "GIT_NAMESPACE": "elsewhere",
}
PROGRAMS = {
    "GIT_EXEC_PATH": "{root}",
    "GIT_EXTERNAL_DIFF": "{run}",
    "GIT_SSH_COMMAND": "{run}",
    "GIT_PAGER": "{run}",
    "GIT_EDITOR": "{run}",
    "GIT_ASKPASS": "{run}",
    "GIT_PROXY_COMMAND": "{run}",
    "GIT_TRACE": "{root}/markers/trace",
    "GIT_TRACE2_EVENT": "{root}/markers/trace",
    "GIT_CONFIG_PARAMETERS": "'core.hooksPath'='{root}/hooks'",
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "core.hooksPath",
    "GIT_CONFIG_VALUE_0": "{root}/hooks",
    "GIT_CONFIG_KEY_1": "core.fsmonitor",
    "GIT_CONFIG_VALUE_1": "{run}",
}


@pytest.mark.parametrize("variables", [REPOSITORY, PROGRAMS], ids=["repository", "programs"])
def test_the_callers_git_variables_lead_nowhere(
    bench: Bench, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (bench.root / "hooks").mkdir()
    (bench.root / "hooks" / "reference-transaction").symlink_to(bench.run)
    before = bench.snapshot()
    for name, value in variables.items():
        monkeypatch.setenv(name, bench.filled(value))
    for command, status in ((("scan",), 1), (("diff", "--proof", "off"), 1), (APPLY, 0)):
        result = patcher(*command, bench.place)
        assert result.exit_code == status, result.stderr
        assert bench.snapshot() == before
    # Plain git goes where they lead.
    if variables is PROGRAMS:
        monkeypatch.delenv("GIT_EXEC_PATH")
    bench.git("update-ref", "refs/heads/x", "HEAD", check=False)
    assert bench.snapshot() != before
    for name in variables:
        monkeypatch.delenv(name, raising=False)
    assert bench.git("rev-parse", f"{BRANCH}~") == bench.git("rev-parse", "main")
    assert bench.git("branch", "--list", BRANCH, where=bench.victim) == ""


OF_THE_USER = r" (?:version|var GIT_\w+_IDENT|config --includes -z --list)\Z"
"""What is asked of git itself and of the user's own configuration, in no repository."""
NOTED = 'printf "%s\\n" "${GIT_ALLOW_PROTOCOL-not set} $*" >> '


def test_no_network_is_used_for_a_repository_on_this_machine(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.commit({"gone": "network, # gone\n", ".gitmodules": '[submodule "s"]\n\tpath = s\n'})
    gone = bench.git("rev-parse", "HEAD:gone")
    (bench.git_dir / "objects" / gone[:2] / gone[2:]).unlink()
    bench.git("config", "core.repositoryFormatVersion", "1")
    with Server(bench.root) as server:
        bench.config(
            f'[remote "origin"]\n\turl = {server.url}/ok/victim/.git\n\tpromisor = true\n'
            "\tfetch = +refs/heads/*:refs/remotes/origin/*\n[extensions]\n\tpartialClone = origin\n"
            f"\tworktreeConfig = true\n[http]\n\tproxy = {server.url}\n"
            f'[url "{server.url}/ok/"]\n\tinsteadOf = /\n[fetch]\n\tbundleURI = {server.url}/ok/b\n'
            f'[submodule "s"]\n\tactive = true\n\turl = {server.url}/ok/victim/.git\n'
            '[branch "main"]\n\tremote = origin\n\tmerge = refs/heads/main\n'
        )
        seen = bench.root / "seen"
        Gits(bench.root / "gits", monkeypatch, f"{NOTED}'{seen}'")
        for command in COMMANDS:
            result = patcher(command, "--base", "**" if command == "scan" else "main", bench.place)
            assert "docker-default" in result.stdout, result.stderr
        result = patcher("apply", "--proof", "off", "--signoff", "--branch", "b", bench.place)
        allowed = seen.read_text().splitlines()
        assert bench.git("log", "-1", "--format=%s", "b"), result.stderr
        assert server.requests == []
        allowed = [line for line in allowed if not re.search(OF_THE_USER, line)]
        assert len(allowed) >= 2 * len(COMMANDS)
        assert [line for line in allowed if not line.startswith(" ")] == []
        bench.git("cat-file", "-p", gone, check=False)  # plain git fetches it
        assert server.requests != []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_repository_of_another_user_is_refused(
    bench: Bench, home: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    if os.geteuid() == 0:
        os.chown(bench.git_dir, 4242, 4242)
        bench.git("status", check=False)
        done = subprocess.run(["git", "status"], cwd=bench.place, capture_output=True)
        assert b"dubious ownership" in done.stderr
    else:  # nobody else can give a folder away
        me = os.getuid()
        monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    result = patcher(command, bench.place)
    assert result.exit_code == 3, result.stdout
    assert "belongs to another user" in result.stderr
    bench.config("[safe]\n\tdirectory = *\n")  # it cannot vouch for itself
    assert patcher("scan", bench.place).exit_code == 3
    with (home / ".gitconfig").open("a") as file:
        file.write(f"[safe]\n\tdirectory = {bench.place}\n")
    assert patcher("scan", bench.place).exit_code == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="nobody else can give a folder away")
@pytest.mark.parametrize(
    "value", ["9" * 5000, "\u00b2", "\u0664\u0662\u0664\u0662", "-1", "4242 ", "0x1092"]
)
def test_who_became_root_is_a_number(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    os.chown(bench.git_dir, 4242, 4242)
    monkeypatch.setenv("SUDO_UID", value)
    assert "belongs to another user" in patcher("scan", bench.place).stderr
    monkeypatch.setenv("SUDO_UID", "4242")
    assert patcher("scan", bench.place).exit_code == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_a_relative_folder_for_temporary_files(bench: Bench, command: str) -> None:
    done = python(bench, command, str(bench.place), TMPDIR=".")
    assert done.returncode in (0, 1) and "docker-default" in done.stdout, done.stderr
    assert not [path for path in bench.place.iterdir() if path.name.startswith("patcher-")]


@pytest.mark.parametrize("name", ["a b", "$(touch pwned)", "x;touch pwned", "`id`", "a'b\"c", "-x"])
def test_the_command_that_would_trust_it_is_one_that_a_shell_takes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    place = bench.place.rename(bench.place.with_name(name))
    me = os.getuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    advice = patcher("scan", place).stderr.partition(" it, run ")[2].partition("\n")[0]
    assert shlex.split(advice) == [*"git config --global --add safe.directory".split(), str(place)]


@pytest.mark.skipif(os.geteuid() != 0, reason="nobody else can give a folder away")
def test_a_remote_on_this_machine_of_another_user_needs_the_users_word(
    bench: Bench, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATCHER_CACHE_DIR", str(tmp_path / "cache"))
    origin = bench.root / "origin.git"
    bench.git("clone", "-q", "--bare", str(bench.place), str(origin))
    os.chown(origin, 4242, 4242)
    address = f"file://{origin}"
    refused = python(bench, "scan", address)
    assert refused.returncode == 3 and "dubious ownership" in refused.stderr
    with (home / ".gitconfig").open("a") as file:
        file.write(f"[safe]\n\tdirectory = {origin}\n")
        file.write(bench.filled("[uploadpack]\n\tpackObjectsHook = {run}\n"))
    found = patcher("scan", address)
    assert found.exit_code == 1, found.stderr
    assert patcher(*APPLY, "--push", address).exit_code == 0
    assert (
        bench.git(
            "show",
            f"{BRANCH}:docker-default",
            where=origin,
            env={
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*",
            },
        )
        == FIXED.strip()
    )
    assert bench.ran() == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("version", "[core]\n\trepositoryFormatVersion = 99\n"),
        ("extension", "[core]\n\trepositoryFormatVersion = 1\n[extensions]\n\tfromTheFuture = 1\n"),
        ("refs", "[core]\n\trepositoryFormatVersion = 1\n[extensions]\n\trefStorage = quantum\n"),
        ("broken", "[core\n"),
        (
            "before a megabyte",
            "[core]\n\trepositoryFormatVersion = 99\n" + "# and so on\n" * 90_000,
        ),
        (
            "object format",
            "[core]\n\trepositoryFormatVersion = 1\n[extensions]\n\tobjectFormat = md5\n",
        ),
    ],
)
def test_a_format_that_git_does_not_know_is_not_written_to(
    bench: Bench, what: str, text: str
) -> None:
    bench.config(text)
    before = bench.snapshot()
    result = patcher(*APPLY, bench.place)
    assert result.exit_code == 3, result.stdout
    [line] = result.stderr.splitlines()
    assert line.startswith(f"patcher: {bench.place}")
    assert bench.snapshot() == before
    assert not (bench.git_dir / "refs/heads/patcher").exists()


@pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")
@pytest.mark.parametrize("how", ["--sign", "--signoff", ""])
def test_a_repository_does_not_choose_who_vouches_and_with_which_key(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """gpg takes the key of whom git names as committer: the user may have several."""
    gnupg = Path("/tmp") / f"patcher-test-{os.getpid()}"  # a socket's path must be short
    gnupg.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(gnupg))
    try:
        keys = ("Ada Maintainer <ada@example.org>", "Ada <ada@secret.example>")
        for who in keys if how == "--sign" else ():
            made = ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-gen-key", who]
            subprocess.run([*made, "ed25519", "sign"], check=True, capture_output=True)
        names = "\tname = Ada\n\temail = ada@secret.example\n"
        bench.config(f"[user]\n{names}\tsigningKey = ada@secret.example\n")
        before = bench.snapshot()
        arguments = [*APPLY, *filter(None, [how]), str(bench.place)]
        result = patcher(*arguments)
        if not how:
            assert result.exit_code == 0, result.stderr
            assert bench.git("log", "-1", "--format=%ce", BRANCH) == "ada@secret.example"
            return
        assert result.exit_code == 3
        assert "only yours counts with --sign and --signoff" in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert bench.snapshot() == before
        # Plain git does as the repository says.
        git = ["-c", "gpg.program=gpg", "commit", "-q", "--allow-empty", "-m", "x"]
        bench.git(*git, "-S" if how == "--sign" else how)
        commit = bench.git("log", "-1", "--show-signature", "--format=%B", "HEAD")
        assert how == "--sign" or "Signed-off-by: Ada <ada@secret.example>" in commit
        for name, value in (("NAME", "Ada Maintainer"), ("EMAIL", "ada@example.org")):
            monkeypatch.setenv(f"GIT_COMMITTER_{name}", value)
            monkeypatch.setenv(f"GIT_AUTHOR_{name}", value)
        result = patcher(*arguments)
        assert result.exit_code == 0, result.stderr
        if how == "--sign":
            signer = bench.git("log", "-1", "--format=%GS", BRANCH)
            assert signer == "Ada Maintainer <ada@example.org>"
        else:
            trailer = bench.git("log", "-1", "--format=%(trailers:key=Signed-off-by)", BRANCH)
            assert trailer == "Signed-off-by: Ada Maintainer <ada@example.org>"
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True)
        shutil.rmtree(gnupg)


def test_names_of_the_repository_that_do_not_print_are_in_no_commit(bench: Bench) -> None:
    bench.git("config", "user.name", "Ada\x1b[2J\u202egnp")
    before = bench.snapshot()
    for how in ([], ["--signoff"]):
        result = patcher("apply", "--proof", "off", *how, bench.place)
        assert result.exit_code == 3
        assert result.stderr.rstrip("\n").isprintable()
        assert "user.name in this repository's configuration" in result.stderr
    assert bench.snapshot() == before


@pytest.mark.parametrize(
    "name", few(["HEAD", "packed-refs", "config", "commondir", "refs/heads/main"], 3)
)
@pytest.mark.parametrize("kind", ["fifo", "endless", "folder"])
def test_nothing_waits_for_a_file_that_is_none(bench: Bench, name: str, kind: str) -> None:
    make: dict[str, Callable[[Path], None]] = {
        "fifo": os.mkfifo,
        "endless": lambda path: path.symlink_to("/dev/zero"),
        "folder": Path.mkdir,
    }
    path = bench.git_dir / name
    path.unlink(missing_ok=True)
    make[kind](path)
    for command in (["scan"], [*APPLY]):
        done = python(bench, *command, str(bench.place))
        assert done.returncode in (0, 1, 3), done.stderr
        assert len(done.stderr.splitlines()) <= 1, done.stderr
        assert "unexpected" not in done.stderr and "took longer" not in done.stderr, done.stderr


def test_a_branch_that_is_a_fifo_does_not_hold_patcher_up(bench: Bench) -> None:
    path = bench.git_dir / "refs/heads" / BRANCH
    path.parent.mkdir()
    os.mkfifo(path)
    done = python(bench, *APPLY, str(bench.place))
    assert done.returncode == 3
    assert BRANCH in done.stderr

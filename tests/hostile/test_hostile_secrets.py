"""Tokens in URLs, configuration and the environment stand in nothing that patcher says or writes,
and in no command that it runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from patcher.cli import _COMMANDS
from tests.hostile.bench import BRANCH, Bench, patcher
from tests.variants import pairs

TOKEN = "ghp_5ecretT0kenThatNobodyMaySee"
HERE = Path(__file__).parents[2]


@pytest.fixture
def guarded(bench: Bench, home: Path) -> Bench:
    """A repository and a user with a token wherever one is kept. Its ``origin`` cannot be read,
    and neither can one of its files, so there is something to complain about."""
    bench.commit({"gone": "network, # gone\n"})
    gone = bench.git("rev-parse", "HEAD:gone")
    (bench.git_dir / "objects" / gone[:2] / gone[2:]).unlink()
    bench.git("config", "core.repositoryFormatVersion", "1")
    bench.config(
        f'[remote "origin"]\n\turl = https://user:{TOKEN}@example.invalid/x.git\n'
        "\tpromisor = true\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n"
        "[extensions]\n\tpartialClone = origin\n"
        f'[http "https://example.invalid"]\n\textraHeader = Authorization: Basic {TOKEN}\n'
        f"[credential]\n\tusername = {TOKEN}\n\thelper = !echo password={TOKEN}\n"
    )
    with (home / ".gitconfig").open("a") as file:
        file.write(
            f"[http]\n\textraHeader = Authorization: Bearer {TOKEN}\n"
            f'[url "https://{TOKEN}@example.invalid/"]\n\tinsteadOf = https://example.org/\n'
            f"[credential]\n\thelper = !echo password={TOKEN}\n"
        )
    (home / ".git-credentials").write_text(f"https://user:{TOKEN}@example.invalid\n")
    (home / ".netrc").write_text(f"machine example.invalid password {TOKEN}\n")
    return bench


def spies(bench: Bench) -> Path:
    """Programs in front of the real ones, that note their arguments."""
    folder = bench.root / "spies"
    folder.mkdir()
    for name in ("git", "apparmor_parser"):
        real = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        if real is not None:
            spy = folder / name
            spy.write_text(f'#!/bin/sh\necho "$0 $*" >> {bench.root}/argv\nexec {real} "$@"\n')
            spy.chmod(0o755)
    return folder


def test_no_token_is_told_or_written(guarded: Bench, home: Path) -> None:
    bench = guarded
    scratch = bench.root / "tmp"
    scratch.mkdir()
    kept = {path for path in files(bench.root) if TOKEN.encode() in path.read_bytes()}
    assert kept == {bench.git_dir / "config"}
    env = {
        **os.environ,
        "PATH": f"{spies(bench)}:{os.environ['PATH']}",
        "TMPDIR": str(scratch),
        "PATCHER_DEBUG": "1",
        "GITHUB_TOKEN": TOKEN,
        "GITLAB_TOKEN": TOKEN,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Bearer {TOKEN}",
    }
    told = b""
    for command in (
        ["scan", "-vv", "--explain", "--base", "**"],
        ["scan", "--format", "json", "-vv"],
        ["diff", "-vv"],
        ["verify", "-vv"],
        ["verify", "--format", "json"],
        ["apply", "-vv", "--signoff", "--message", "{files} {why} {repository} {base} {branch}"],
        ["apply", "-vv", "--format", "json", "--on-existing", "append"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "patcher", *command, str(bench.place)],
            cwd=HERE,
            env=env,
            capture_output=True,
            timeout=60,
        )
        assert done.returncode in (0, 1, 3), done.stderr
        told += done.stdout + done.stderr
    assert b"docker-default" in told and b"gone: its content is not in the repository" in told
    assert TOKEN.encode() not in told
    argv = (bench.root / "argv").read_text()
    assert "cat-file" in argv and "index-pack" in argv
    assert TOKEN not in argv
    assert {path for path in files(bench.root) if TOKEN.encode() in path.read_bytes()} == kept
    history = bench.git("log", "--all", "-p", "--format=fuller", "--", "docker-default")
    assert "deny network alg" in history and TOKEN not in history
    assert TOKEN not in bench.git("log", "-g", "--format=%B%an%gs", BRANCH)


@pytest.mark.parametrize("url", ["https://me:{}@host.invalid", "https://me:/{}/@host.invalid/x"])
def test_a_password_that_is_typed_where_no_address_is_meant_is_not_told(
    bench: Bench, url: str
) -> None:
    url = url.format(TOKEN)
    told = []
    for command in (
        ["check", url],
        ["check", "--fix", url],
        ["verify", url],
        ["scan", "--from", url],
        ["scan", "-m", url],
        ["scan", f"--max-size={url}"],
        ["scan", "--pushed-since", url],
        ["scan", "--scheduler", url],
        ["apply", "--branch", url],
        ["apply", "--author", url],
        ["apply", "--message-file", url],
        ["apply", "--campaign", url, bench.place],
        ["status", url],
        ["cache", "clear", url],
        ["cache", url],
        ["migrations", url],
        ["demo", url, url],
        ["repos", url],
        ["repos", f"gitlab:{url}"],
        [url],
        [f"--{url}"],
    ):
        result = patcher(*command)
        assert result.exit_code, command
        told += [command] if "T0ken" in result.output + result.stderr else []
    assert told == []


@pytest.mark.parametrize(
    ("url", "command"),
    pairs(["https://me:{}@host.invalid", "https://me:/{}/@host.invalid/x"], [*_COMMANDS]),
)
def test_no_option_takes_a_password(bench: Bench, state: Path, command: str, url: str) -> None:
    """Not even where it would be allowed: what an option is given is shown, or kept."""
    url = url.format(TOKEN)
    wrong = []
    parameters = import_module(f"patcher.cli.{command}").command.params
    for option in (name for each in parameters for name in each.opts if name.startswith("--")):
        result = patcher(command, f"{option}={url}", bench.place)
        kept = [path for path in files(state) if TOKEN.encode() in path.read_bytes()]
        if result.exit_code not in (2, 3) or TOKEN in result.output + result.stderr or kept:
            wrong.append((option, result.exit_code, result.output, kept))
    assert wrong == []


@pytest.mark.parametrize("name", ["l.csv", "l.json", "l.yaml", "l.txt"])
@pytest.mark.parametrize("swapped", [True, False])
def test_no_base_of_a_list_is_a_url(bench: Bench, state: Path, name: str, swapped: bool) -> None:
    place, base = str(bench.place), f"https://me:{TOKEN}@host.invalid/x"
    if swapped:
        place, base = base, place
    file = bench.root / name
    row = {"l.csv": f"{place},{base}", "l.txt": f"{place} {base}"}
    file.write_text(row.get(name, json.dumps([{"path": place, "base": base}])))
    if name == "l.csv":
        file.write_text(f"path,base\n{row[name]}\n")
    for command in (
        ["repos", "--format", "json"],
        ["scan", "--format", "json"],
        ["apply", "--proof=off", "--campaign=c"],
    ):
        result = patcher(*command, "--from", file)
        assert result.exit_code in (2, 3) or (swapped and command[0] == "repos")
        assert TOKEN not in result.output + result.stderr
    assert not [path for path in files(state) if TOKEN.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    "text", ["see https://example.org/@me/x", "https://me.example/a:b@c", "a@b", "me <a@b.example>"]
)
def test_an_at_sign_is_no_password(bench: Bench, text: str) -> None:
    result = patcher("apply", "--proof=off", f"--message={text}", bench.place)
    assert result.exit_code == 0, result.output
    assert text in bench.git("log", "-1", "--format=%B", BRANCH)


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]


def test_what_git_says_of_a_url_is_told_without_its_password(bench: Bench) -> None:
    from patcher.git.process import last_words

    url = f"https://user:{TOKEN}@example.invalid/x.git/"
    done = subprocess.run(
        ["git", "-c", "protocol.allow=never", "fetch", url], cwd=bench.place, capture_output=True
    )
    said = [done.stderr, f"fatal: unable to access '{url}': no route\n".encode()]
    for stderr in said:
        assert TOKEN not in last_words(stderr)

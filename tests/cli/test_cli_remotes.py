"""What servers say to the user, on failure and on success, through the command line."""

from __future__ import annotations

import json
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from click.testing import CliRunner, Result

from patcher.cli import group
from patcher.git import remote
from tests.conftest import Sandbox
from tests.faults.disk import WAYS, full_disk
from tests.git.server import PASSWORD, USER, Server, stand_in_for_ssh
from tests.variants import few, pairs

ADVICE = "Do you want to know more? See " + "x" * 400 + " and then https://forge.example/help"
FRIDAYS = "echo {}.git: no pushes on Fridays, request {} >&2; exit 1"


def patcher(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(group, [str(each) for each in arguments])
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    return result


def push(*arguments: str | Path) -> Result:
    return patcher("apply", "--push", "--proof", "off", *arguments)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "RETRIES", remote.Retries(2, 0.01, 0.02, 0.01))


@pytest.fixture
def served(sandbox: Sandbox) -> list[Path]:
    """Affected bare repositories."""
    places = []
    for name in ("ada.git", "bob.git", "eve.git", "joe.git"):
        work = sandbox.repository(f"work-{name}")
        place = sandbox.root / "served" / name
        sandbox.bare(work, place)
        places.append(place)
    return places


@pytest.fixture
def server(served: list[Path]) -> Iterator[Server]:
    with Server(served[0].parent) as server:
        yield server


def hook(place: Path, name: str, script: str) -> None:
    path = place / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("command", [["scan"], ["apply", "--push", "--proof", "off"]])
def test_what_a_server_says_with_403_is_shown_whole(server: Server, command: list[str]) -> None:
    server.page = (
        b"The 'acme' organization has enabled SAML SSO.\n"
        b"To access this repository, visit https://forge.example/sso?\x1b[31mtoken=1\n"
    )
    done = patcher(*command, "-vv", "--format", "json", f"{server.url}/403/ada.git")
    (target,) = json.loads(done.stdout)["targets"]
    says = (
        "authentication: The requested URL returned error: 403; the server says: The 'acme' "
        "organization has enabled SAML SSO. To access this repository, visit "
        "https://forge.example/sso?\\x1b[31mtoken=1"
    )
    assert (done.exit_code, target["error"]) == (3, says)
    assert says in done.stderr


@pytest.mark.parametrize(
    ("fault", "cause"),
    [("hang", "time limit"), ("reset", "network"), ("404", "not found"), ("cut", "network")],
)
def test_what_was_not_read_for_a_fault_of_a_server_has_no_status(
    server: Server, fault: str, cause: str
) -> None:
    urls = [f"{server.url}/{fault}/ada.git", f"{server.url}/ok/bob.git"]
    done = patcher("scan", "--timeout", "2", "--format", "json", *urls)
    report = json.loads(done.stdout)
    shown = {each["repository"]: (each["status"], each["cause"]) for each in report["targets"]}
    assert (done.exit_code, shown) == (3, {urls[0]: (None, cause), urls[1]: ("affected", None)})
    assert (report["totals"]["read"], report["totals"]["failed"]) == (1, 1)
    done = patcher("scan", "--timeout", "2", urls[0])
    assert (done.exit_code, done.stdout) == (3, "1 repository: 0 read, 1 failed.\n")


@pytest.mark.parametrize(("error", "attempts"), [(socket.EAI_NONAME, 1), (socket.EAI_AGAIN, 2)])
def test_a_host_that_there_is_not_is_not_tried_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, error: int, attempts: int
) -> None:
    unresolved = Mock(side_effect=socket.gaierror(error, "no answer"))
    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    done = patcher("scan", "http://patcher.invalid:8080/x")
    assert (done.exit_code, done.stdout) == (3, "1 repository: 0 read, 1 failed.\n")
    assert "/x: network: Could not resolve host: patcher.invalid\n" in done.stderr
    assert unresolved.call_count == attempts


@pytest.mark.parametrize(
    ("says", "cause", "shown"),
    [
        (
            "ERROR: The 'acme' organization has enabled SAML SSO.\nVisit https://forge.example/sso",
            "authentication",
            "ERROR: The 'acme' organization has enabled SAML SSO.; the server says: "
            "Visit https://forge.example/sso",
        ),
        ("ERROR: Permission to acme/x denied to rita.", "authentication", "denied to rita."),
        ("ERROR: This repository was archived so it is read-only.", "rejected", "was archived"),
        (
            "remote: \nremote: ====\nremote: ERROR: The project is gone. See https://forge.example",
            "network",
            "==== ERROR: The project is gone. See https://forge.example",
        ),
    ],
)
def test_what_a_server_says_over_ssh_is_shown_and_a_refusal_is_not_tried_again(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, says: str, cause: str, shown: str
) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv("GIT_SSH", str(stand_in_for_ssh(tmp_path, log, says=says)))
    done = patcher("scan", "--format", "json", "ssh://git@forge.example/acme/x")
    (target,) = json.loads(done.stdout)["targets"]
    assert (done.exit_code, target["cause"]) == (3, cause)
    assert shown in target["error"]
    attempts = len(log.read_text().splitlines())
    assert attempts == (2 if cause == "network" else 1)


@pytest.mark.parametrize("way", WAYS)
def test_a_full_disk_is_no_fault_of_the_servers(
    way: str, server: Server, sandbox: Sandbox, tmp_path: Path
) -> None:
    work = sandbox.repository("large", {"noise": os.urandom(1 << 20)})
    served = server.root / "large.git"
    sandbox.bare(work, served)
    with full_disk(way, tmp_path / "small", tmp_path) as disk:
        cache = tmp_path / "small" / "cache"
        cache.mkdir(mode=0o700)
        disk.break_down()
        if way == "mounted":  # room for the small files of a mirror, not for a pack
            with (tmp_path / "small" / "filling").open("r+b") as stream:
                stream.truncate((tmp_path / "small" / "filling").stat().st_size - (256 << 10))
        done = subprocess.run(
            [sys.executable, "-m", "patcher", "scan", f"{server.url}/ok/large.git"],
            env={**os.environ, **disk.env, "PATCHER_CACHE_DIR": str(cache)},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 3
    assert "No space left on device" in done.stderr
    assert "protocol" not in done.stdout + done.stderr


def limited(most: int, url: str) -> subprocess.CompletedProcess[str]:
    """A scan that may write so many bytes to one file."""
    return subprocess.run(
        [sys.executable, "-m", "patcher", "scan", url],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True,
        timeout=60, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
    )  # fmt: skip


def test_no_room_for_the_list_of_repositories_is_no_fault_of_standard_output(
    server: Server,
) -> None:
    done = limited(64, f"{server.url}/ok/ada.git")
    assert (done.returncode, done.stdout) == (3, "")
    place = tempfile.gettempdir()
    says = "File too large: the list of repositories is kept there: set TMPDIR"
    assert done.stderr == f"patcher: {place}: {says}\n"


@pytest.mark.parametrize("most", [200, 1 << 16])
def test_a_limit_on_the_size_of_files_is_no_fault_of_the_servers(
    most: int, server: Server, sandbox: Sandbox
) -> None:
    work = sandbox.repository("large", {"noise": os.urandom(1 << 17)})
    served = server.root / "large.git"
    sandbox.bare(work, served)
    done = limited(most, f"{server.url}/ok/large.git")
    assert done.returncode == 3
    assert f"no file may have over {most} bytes (ulimit -f)" in done.stderr
    assert "protocol" not in done.stdout + done.stderr


def test_a_private_address_is_refused_with_what_to_do(server: Server, served: list[Path]) -> None:
    says = "error: GH007: Your push would publish a private email address."
    hook(served[0], "pre-receive", f"echo '{says}' >&2; exit 1")
    done = push(f"{server.url}/ok/ada.git")
    assert done.exit_code == 3
    assert f"{says} - use the noreply address" in done.stderr
    assert "--author" in done.stderr


def test_a_hooks_words_are_shown_whole(server: Server, served: list[Path]) -> None:
    hook(served[0], "pre-receive", f"echo '{ADVICE}' >&2; printf '\\033[31mred\\n' >&2; exit 1")
    done = push(f"{server.url}/ok/ada.git")
    assert done.exit_code == 3
    assert f"pre-receive hook declined: {ADVICE} \\x1b[31mred\n" in done.stderr


@pytest.mark.parametrize("before", few(range(4096 - 70, 4096 + 10, 9), 3))
def test_no_part_of_a_password_is_left_where_words_are_cut(
    server: Server, served: list[Path], before: int
) -> None:
    """A server may know the user's password, and repeat it at any place."""
    said = "x" * before + PASSWORD + " and more"
    server.page = said.encode()
    user = f"http://{USER}:{PASSWORD}@{server.host}"
    for url in (f"{user}/403/ada.git", f"{user}/ok/ada.git"):
        hook(served[0], "pre-receive", f"echo '{said}' >&2; exit 1")
        done = push(url)
        assert done.exit_code == 3
        assert "x" * 4000 in done.stderr
        assert PASSWORD[:4] not in done.stdout + done.stderr


def test_what_a_forge_says_of_a_push_is_a_note(server: Server, served: list[Path]) -> None:
    says = "Create a pull request by visiting: https://forge.example/pull/new"
    hook(served[0], "post-receive", f"echo; echo ' {says}'; echo")
    done = push("--format", "json", f"{server.url}/ok/ada.git")
    (target,) = json.loads(done.stdout)["targets"]
    assert (target["outcome"], target["note"]) == ("pushed", f"the server says: {says}")
    hook(served[1], "post-receive", f"echo ' {says}'")
    assert says in push(f"{server.url}/ok/bob.git").stdout


def test_a_server_that_says_nothing_adds_no_note(server: Server) -> None:
    done = push("--format", "json", f"{server.url}/ok/ada.git")
    (target,) = json.loads(done.stdout)["targets"]
    assert (target["outcome"], target["note"]) == ("pushed", None)


def test_failures_are_grouped_by_what_they_say(server: Server, served: list[Path]) -> None:
    hook(served[0], "pre-receive", FRIDAYS.format("ada", "17ab3f99"))
    hook(served[1], "pre-receive", FRIDAYS.format("bob", "22cd4e11"))
    hook(served[2], "pre-receive", "echo eve.git: sign the agreement >&2; exit 1")
    hook(served[3], "update", "echo branches begin with team/ >&2; exit 1")
    urls = [f"{server.url}/ok/{place.name}" for place in served]
    done = push("--campaign", "c", *urls)
    for text in (done.stdout, patcher("status", "c").stdout):
        assert re.search(r"4 rejected|rejected  4", text)
        for number, name, words in (
            (2, "ada.git", "no pushes on Fridays"),
            (1, "eve.git", "sign the agreement"),
            (1, "joe.git", "branches begin with team/"),
        ):
            assert re.search(rf"\b{number}:? (such as )?http\S+{name}.*{words}", text)
        assert text.count("no pushes on Fridays") == 1
    (cause,) = json.loads(patcher("status", "c", "--format", "json").stdout)["causes"]
    assert [kind["targets"] for kind in cause["kinds"]] == [2, 1, 1]


def test_a_server_on_which_no_branch_is_replaced_says_so(
    server: Server, served: list[Path], sandbox: Sandbox
) -> None:
    place = served[0]
    url = f"{server.url}/ok/ada.git"
    assert push(url).exit_code == 0
    work = sandbox.root / "work-ada.git"
    sandbox.commit(work, {"other": sandbox.profile("other")})
    sandbox.git(work, "push", "-q", str(place), "main")
    sandbox.git(place, "config", "receive.denyNonFastForwards", "true")
    done = push("--on-existing", "replace", url)
    assert done.exit_code == 3
    assert "(receive.denyNonFastForwards): use another --branch, or remove" in done.stderr
    assert "in between" not in done.stderr
    assert push("--branch", "other", url).exit_code == 0


@pytest.mark.parametrize(
    ("how", "there", "options", "says"),
    pairs(
        ["a path", "a clone URL"],
        [
            ("patcher", [], "beside the branch patcher,"),
            ("patcher/deny-af-alg/x", [], "beside the branch patcher/deny-af-alg/x,"),
            ("x/y", ["--branch", "x"], "beside the branch x/y,"),
            (None, ["--branch", "x" * 300], "is too long: use a shorter --branch"),
            ("x" * 240, ["--base", "x" * 240], "is too long: use a shorter --branch"),
        ],
    ),
)
def test_a_name_that_is_in_the_way_is_told_with_what_to_do(
    sandbox: Sandbox, served: list[Path], how: str, there: str | None, options: list[str], says: str
) -> None:
    place = served[0]
    if there is not None:
        sandbox.git(place, "branch", there, "main")
    if how == "a path":
        done = patcher("apply", "--proof", "off", *options, place)
    else:
        done = push(*options, place.as_uri())
    assert done.exit_code == 3
    assert says in done.stderr
    assert "--branch" in done.stderr
    assert "cannot lock ref" not in done.stderr


def test_a_tag_and_a_branch_of_one_name_have_review_branches_of_their_own(
    sandbox: Sandbox,
) -> None:
    place = sandbox.repository()
    sandbox.git(place, "tag", "release")
    sandbox.git(place, "branch", "release/1.7")
    bases = ["--base", "release/1.7", "--base", "release"]
    done = patcher("apply", "--proof", "off", *bases, place)
    assert done.exit_code == 0
    stem = "refs/heads/patcher/deny-af-alg-"
    made = sandbox.git(place, "for-each-ref", "--format=%(refname)", "refs/heads/patcher").split()
    assert made == [f"{stem}release/1.7", f"{stem}tags/release"]


def test_a_push_to_a_fork_that_is_behind_takes_what_the_fork_lacks(
    sandbox: Sandbox, server: Server, home: Path
) -> None:
    work = sandbox.root / "work-ada.git"
    for number in range(3):
        sandbox.commit(work, {"more": f"{number}\n"})
    upstream = server.root / "up.git"
    sandbox.bare(work, upstream)
    with (home / ".gitconfig").open("a") as file:
        file.write(f'[url "{server.url}/ok/ada.git"]\n\tpushInsteadOf = {server.url}/ok/up.git\n')
    for _ in range(2):
        done = push("--on-existing", "replace", f"{server.url}/ok/up.git")
        assert done.exit_code == 0, done.stderr
        fork = server.root / "ada.git"
        assert sandbox.git(fork, "rev-list", "--count", "patcher/deny-af-alg") == "5"
        assert not (fork / "shallow").exists()
        # What the fork has is not read.
        for more in (["apply", "--push", "--proof", "off", "--signoff"], ["undo"]):
            done = patcher(*more, f"{server.url}/ok/up.git")
            assert done.exit_code == 3
            assert "pushInsteadOf" in done.stderr
            assert f"{server.url}/ok/ada.git" in done.stderr
        sandbox.git(fork, "update-ref", "-d", "refs/heads/patcher/deny-af-alg")
    assert sandbox.git(upstream, "for-each-ref", "refs/heads/patcher") == ""

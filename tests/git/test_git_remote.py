"""Remotes by real servers: what is listed, fetched and pushed, what fails how, and what is told."""

from __future__ import annotations

import os
import pickle
import re
import shlex
import socket
import subprocess
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import get_args
from unittest.mock import Mock
from urllib.parse import quote, unquote

import pytest

from patcher.git import (
    Address,
    BoundExceeded,
    GitError,
    GitFailed,
    Identity,
    RemoteError,
    Repository,
    Secret,
    errors,
    identity,
    move_branch,
    process,
    remote,
    write_commit,
)
from patcher.git.refs import is_ref_name
from patcher.git.remote import failures, transport
from patcher.git.values import FileChange
from tests import images, stores
from tests.git.conftest import Work
from tests.git.server import PASSWORD, USER, Server, daemon, stand_in_for_ssh
from tests.gits import Gits
from tests.variants import pairs

ME = Identity("Ada", "ada@example.org", "1700000000 +0000")


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "RETRIES", remote.Retries(3, 0.01, 0.05, 0.01))
    monkeypatch.setattr(transport, "STALL", 1)


@pytest.fixture
def origin(work: Work) -> Path:
    """A bare repository with branches, a tag, and a pull request's ref."""
    source = work.root / "source"

    def make() -> None:
        work.repository("source")
        work.git(source, "branch", "release/1")
        work.git(source, "tag", "-a", "-m", "x", "v1")
        work.git(source, "update-ref", "refs/pull/1/head", "HEAD")

    images.write(source, make, "origin")
    return work.bare(source, work.root / "srv/repo.git", "--mirror")


@pytest.fixture
def server(origin: Path) -> Iterator[Server]:
    with Server(origin.parent) as running:
        yield running


def empty(work: Work, name: str = "new") -> Path:
    """A bare repository to fetch into."""
    path = work.root / name
    work.git(work.root, "init", "-q", "--bare", os.fspath(path))
    return path


def fetched(work: Work, address: Address, *, timeout: float = 20) -> str:
    """List, fetch the default branch, and read its file."""
    refs = remote.list_refs(address, timeout=timeout)
    assert refs.head == "refs/heads/main"
    path = empty(work, f"new{time.monotonic_ns()}")
    remote.fetch(address, path, [refs.refs[refs.head]], timeout=timeout)
    return work.git(path, "show", f"{refs.refs[refs.head]}:profile")


def commit_on(work: Work, address: Address, parent: str | None = None) -> tuple[Repository, str]:
    """A repository one commit deep, and a new commit in it."""
    refs = remote.list_refs(address)
    path = empty(work, f"mirror{time.monotonic_ns()}")
    tip = parent or refs.refs["refs/heads/main"]
    remote.fetch(address, path, [tip])
    repository = Repository(path, path, None, address)
    changes = [FileChange(b"profile", os.urandom(8).hex().encode())]
    return repository, write_commit(repository, tip, changes, "x", ME, ME)


def test_refs_are_listed_with_what_head_names(work: Work, origin: Path) -> None:
    address = Address.parse(f"file://{origin}")
    refs = remote.list_refs(address)
    tip = work.git(origin, "rev-parse", "main")
    assert refs.head == "refs/heads/main"
    assert refs.object_format == "sha1"
    assert refs.refs["HEAD"] == refs.refs["refs/heads/main"] == refs.refs["refs/pull/1/head"] == tip
    assert refs.refs["refs/tags/v1"] == work.git(origin, "rev-parse", "v1")
    assert not [name for name in refs.refs if name.endswith("^{}")]
    assert set(remote.list_refs(address, ["refs/heads/*"]).refs) == {
        "refs/heads/main",
        "refs/heads/release/1",
    }


def test_a_detached_head_names_no_branch(work: Work, origin: Path) -> None:
    (origin / "HEAD").write_text(work.git(origin, "rev-parse", "main") + "\n")
    refs = remote.list_refs(Address.parse(f"file://{origin}"))
    assert refs.head is None
    assert "HEAD" in refs.refs


PAGES = {
    "nothing": b"",
    "a sign-in page": b"<!DOCTYPE html><title>Sign in</title>",
    "one with lines": b"<!DOCTYPE html>\n<title>Sign in</title>\n",
    "a NUL": b"\0",
    "half a line": b"0" * 40 + b"\trefs/heads/main",
    "refs of a server for files": b"0" * 39 + b"1\trefs/heads/main\n",
    "refs that nobody asked for": b"0" * 39 + b"1\trefs/pull/1/head\n",
}


@pytest.mark.parametrize(
    ("page", "patterns"), pairs(PAGES, [[], ["refs/heads/*"], ["HEAD", "refs/heads/x"]])
)
def test_a_page_is_no_empty_repository(
    work: Work, server: Server, page: str, patterns: list[str]
) -> None:
    server.page = PAGES[page]
    address = Address.parse(f"{server.url}/page/repo.git")
    if page == "refs of a server for files" and "HEAD" not in patterns:
        tip = remote.list_refs(address, patterns).refs["refs/heads/main"]
        with pytest.raises(RemoteError, match="does not speak git's own protocol"):
            remote.fetch(address, empty(work), [tip])
        return
    if page == "refs that nobody asked for" and not patterns:
        assert remote.list_refs(address).refs
        return
    with pytest.raises(RemoteError, match="is it a sign-in page that answers") as caught:
        remote.list_refs(address, patterns)
    assert (caught.value.cause, caught.value.transient) == ("protocol", False)


@pytest.mark.parametrize("how", ["ok", "v0", "moved", "401"])
def test_an_empty_repository_is_one(work: Work, origin: Path, server: Server, how: str) -> None:
    empty(work, "srv/empty.git")
    address = Address.parse(f"http://{USER}:{PASSWORD}@{server.host}/{how}/empty.git")
    assert remote.list_refs(address).refs == {}
    assert remote.list_refs(address, ["refs/heads/*"]).refs == {}
    full = Address.parse(f"http://{USER}:{PASSWORD}@{server.host}/{how}/repo.git")
    assert remote.list_refs(full, ["refs/heads/none"]).refs == {}
    assert remote.list_refs(Address.parse(f"file://{origin}"), ["refs/heads/none"]).refs == {}


def test_sha256_and_nothing_at_all(work: Work) -> None:
    source = work.repository("source", None, "--object-format=sha256")
    refs = remote.list_refs(Address.parse(f"file://{source}"))
    assert (refs.object_format, len(refs.refs["HEAD"])) == ("sha256", 64)
    nothing = remote.list_refs(Address.parse(f"file://{empty(work)}"))
    assert (nothing.head, nothing.refs) == (None, {})


def test_every_protocol_gives_the_same(
    work: Work, origin: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = work.root / "ssh.log"
    monkeypatch.setenv("PATH", f"{work.root}:{os.environ['PATH']}")
    stand_in_for_ssh(work.root, log)
    with daemon(origin.parent) as git_url:
        for url in (
            f"file://{origin}",
            f"{server.url}/ok/repo.git",
            f"{git_url}/repo.git",
            f"ssh://git@forge.example{origin}",
            f"git@forge.example:{origin}",
            f"git@forge.example:{os.path.relpath(origin, '/')}",
        ):
            assert "docker-default" in fetched(work, Address.parse(url)), url
    line = log.read_text().splitlines()[0]
    assert "BatchMode=yes" in line
    assert "git@forge.example git-upload-pack" in line


@pytest.mark.parametrize(
    ("fault", "cause", "transient", "says"),
    [
        ("500", "server error", True, "returned error: 500"),
        ("503", "server error", True, "returned error: 503"),
        ("429", "rate limit", True, "returned error: 429"),
        ("408", "timeout", True, "returned error: 408"),
        ("403", "authentication", False, "returned error: 403"),
        ("401", "authentication", False, "set up a git credential helper"),
        ("404", "not found", False, "not found"),
        ("410", "not found", False, "returned error: 410"),
        ("hang", "timeout", True, "Operation too slow"),
        ("reset", "network", True, "reset by peer"),
        ("cut", "network", True, "transfer closed"),
        ("short", "network", True, "unexpected disconnect"),
        ("junk", "protocol", False, "inflate"),
        ("elsewhere", "protocol", False, "redirects to http://localhost.invalid/ok/repo.git"),
        ("circle", "protocol", False, "more than 3 redirects"),
    ],
)
def test_what_a_server_does_is_told_as_one_kind_of_failure(
    work: Work, server: Server, fault: str, cause: str, transient: bool, says: str
) -> None:
    with pytest.raises(RemoteError) as caught:
        fetched(work, Address.parse(f"{server.url}/{fault}/repo.git"))
    error = caught.value
    assert (error.cause, error.transient) == (cause, transient)
    assert says in str(error)
    assert str(error).isprintable()
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.cause, copy.transient) == (str(error), cause, transient)


def test_no_request_goes_to_another_host_and_those_within_it_are_followed(
    work: Work, server: Server, origin: Path
) -> None:
    with Server(origin.parent) as other:
        server.other = other.url
        with pytest.raises(RemoteError, match="name that instead"):
            remote.list_refs(Address.parse(f"{server.url}/elsewhere/repo.git"))
        assert other.requests == []
    server.other = "https://127.0.0.2:1"  # nobody is there
    with pytest.raises(RemoteError, match="name that instead"):
        remote.list_refs(Address.parse(f"{server.url}/elsewhere/repo.git"))
    assert "docker-default" in fetched(work, Address.parse(f"{server.url}/moved/repo.git"))


def test_a_trickle_ends_at_the_time_limit(work: Work, server: Server) -> None:
    with pytest.raises(RemoteError, match="did not answer within 2 s") as caught:
        fetched(work, Address.parse(f"{server.url}/trickle/repo.git"), timeout=2)
    assert (caught.value.cause, caught.value.transient) == ("timeout", True)


def test_what_git_started_ends_with_it(work: Work, server: Server) -> None:
    address = Address.parse(f"{server.url}/hang/repo.git")
    with pytest.raises(RemoteError, match=r"did not answer within 0\.5 s"):
        remote.list_refs(address, timeout=0.5)
    deadline = time.monotonic() + 10
    while [line for line in command_lines() if server.host in line]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def command_lines() -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return found


def test_nobody_there_and_other_transports(
    work: Work, origin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cause(url: str) -> tuple[str, bool]:
        with pytest.raises(RemoteError) as caught:
            remote.list_refs(Address.parse(url), timeout=20)
        assert str(caught.value).isprintable()
        return caught.value.cause, caught.value.transient

    assert cause("http://127.0.0.1:1/x") == ("network", True)
    assert cause("http://127.0.0.1:1/certificate") == ("network", True)
    assert cause("git://127.0.0.1:1/x") == ("network", True)
    for error, transient in ((socket.EAI_NONAME, False), (socket.EAI_AGAIN, True)):
        with monkeypatch.context() as patched:
            unresolved = Mock(side_effect=socket.gaierror(error, "no answer"))
            patched.setattr(socket, "getaddrinfo", unresolved)
            assert cause("http://patcher.invalid:8080/x") == ("network", transient)
    assert cause(f"file://{work.root}/none") == ("not found", False)
    with daemon(origin.parent) as url:
        assert cause(f"{url}/none.git") == ("not found", False)
    for says, expected in {
        "git@host: Permission denied (publickey).": ("authentication", False),
        "Host key verification failed.": ("authentication", False),
        "ERROR: Repository not found.": ("not found", False),
        "ssh: connect to host x port 22: Connection refused": ("network", True),
        "ssh: connect to host x port 22: Connection timed out": ("timeout", True),
        "kex_exchange_identification: read: Connection reset by peer": ("network", True),
        "ssh: Could not resolve hostname x: Name or service not known": ("network", False),
        "ssh: Could not resolve hostname x: Temporary failure in name resolution": (
            "network",
            True,
        ),
        "something else": ("network", True),
    }.items():
        program = stand_in_for_ssh(work.root, work.root / "log", says=says)
        monkeypatch.setenv("GIT_SSH_COMMAND", os.fspath(program))
        assert cause("ssh://host/x") == expected, says


def test_a_plain_web_server_is_no_git_server(work: Work, tmp_path: Path) -> None:
    import http.server

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=os.fspath(tmp_path))  # type: ignore[arg-type]

        def log_message(self, format: str, *args: object) -> None:
            pass

    (tmp_path / "x/info").mkdir(parents=True)
    (tmp_path / "x/info/refs").write_text("<html>hello</html>\n")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as web:
        threading.Thread(target=web.serve_forever, args=(0.05,), daemon=True).start()
        with pytest.raises(RemoteError) as caught:
            remote.list_refs(Address.parse(f"http://127.0.0.1:{web.server_address[1]}/x"))
        web.shutdown()
    assert (caught.value.cause, caught.value.transient) == ("protocol", False)


def test_transient_failures_are_tried_again_and_others_are_not(server: Server) -> None:
    def attempts(path: str) -> int:
        server.requests.clear()
        address = Address.parse(f"{server.url}/{path}/repo.git")
        try:
            remote.retried(lambda left: remote.list_refs(address, timeout=left), 20)
        except RemoteError:
            return -len(server.requests)
        return len([one for one in server.requests if one.method == "GET"])

    assert attempts("429x2") == 3
    assert attempts("resetx1") == 2
    assert attempts("hangx1") == 2
    assert attempts("500") == -3
    assert attempts("404") == -1
    assert attempts("403") == -1


def test_a_retry_does_not_outlive_the_time_limit(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "RETRIES", remote.Retries(1000, 0.01, 0.01, 0.01))
    address = Address.parse(f"{server.url}/500/repo.git")
    with pytest.raises(RemoteError, match="returned error: 500"):
        remote.retried(lambda left: remote.list_refs(address, timeout=left), 1)
    assert 2 <= len(server.requests) < 1000


def test_no_wait_before_a_retry_outlives_the_time_limit(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "RETRIES", remote.Retries(5, 0.01, 60.0, 60.0))
    address = Address.parse(f"{server.url}/500/repo.git")
    started = time.monotonic()
    with pytest.raises(RemoteError, match="returned error: 500"):
        remote.retried(lambda left: remote.list_refs(address, timeout=left), 50)
    assert len(server.requests) == 1
    assert time.monotonic() - started < 50


def test_a_password_in_the_url_is_used_and_nowhere_to_be_found(work: Work, server: Server) -> None:
    address = Address.parse(f"http://{USER}:{PASSWORD}@{server.host}/401/repo.git")
    seen: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.extend(command_lines())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        assert "docker-default" in fetched(work, address)
    finally:
        done.set()
        watcher.join()
    assert any(f"{server.url}/401/repo.git" in line for line in seen)  # git's helper was seen
    assert not [line for line in seen if PASSWORD in line]
    assert_nowhere(work.root, PASSWORD)


def assert_nowhere(root: Path, secret: str) -> None:
    for file in root.rglob("*"):
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file


def test_a_wrong_password_is_told_without_it(work: Work, server: Server) -> None:
    for secret in (Secret("wr0ng-t0ken", USER), Secret("", "wr0ng-t0ken"), Secret("wr0ng-t0ken")):
        address = Address.parse(f"{server.url}/401/repo.git").with_secret(secret)
        with pytest.raises(RemoteError, match="not accepted") as caught:
            remote.list_refs(address)
        assert caught.value.cause == "authentication"
        assert "wr0ng" not in repr(caught.value)
    assert {one.authorization for one in server.requests} > {None}


ODD = Secret("p/a ss@wörd%41+:x", "reader@example.org")
FORMS = {
    "as it is": f"{ODD.password} of {ODD.username}",
    "percent-encoded": f"{quote(ODD.password, safe='')} of {quote(ODD.username, safe='')}",
    "with a slash": f"{quote(ODD.password)} of {quote(ODD.username)}",
    "in small letters": quote(ODD.password, safe="").lower(),
    "every character": "".join(f"%{byte:02X}" for byte in ODD.password.encode()),
    "some characters": ODD.password.replace("s", "%73").replace("@", "%40"),
    "in a header": "Basic " + b64encode(f"{ODD.username}:{ODD.password}".encode()).decode(),
    "in an encoded header": quote(b64encode(f"{ODD.username}:{ODD.password}".encode()), safe=""),
    "in a URL": f"https://{quote(ODD.username, safe='')}:{quote(ODD.password, safe='')}@h/x",
    "another's": "https://someone:else@h/x",
}


def assert_hidden(text: str) -> None:
    for secret in (*ODD.words(), FORMS["in a header"].removeprefix("Basic "), "else"):
        assert secret.lower() not in text.lower()
        assert secret.lower() not in unquote(text).lower()


@pytest.mark.parametrize("form", FORMS)
def test_a_server_that_repeats_the_password_does_not_make_it_seen(
    work: Work, origin: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    says = f"ERROR: Repository not found, not for {FORMS[form]} either"
    program = stand_in_for_ssh(work.root, work.root / "log", says=says)
    monkeypatch.setenv("GIT_SSH_COMMAND", os.fspath(program))
    with pytest.raises(RemoteError, match=r"not found, not for .* either") as caught:
        remote.list_refs(Address.parse("ssh://host/x").with_secret(ODD))
    assert_hidden(str(caught.value))
    # Nor one whose hook repeats it.
    hook = origin / "hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        f"#!/bin/sh\necho {shlex.quote('not for ' + FORMS[form] + ' either')} >&2\nexit 1\n"
    )
    hook.chmod(0o755)
    repository, commit = commit_on(work, Address.parse(f"file://{origin}").with_secret(ODD))
    with pytest.raises(RemoteError, match=r"hook declined: not for .* either") as caught:
        remote.push(repository, "patcher/x", commit, None)
    assert_hidden(str(caught.value))
    # Nor one that fails in a way that nobody knows.
    unknown = GitFailed(f"git fetch failed: not for {FORMS[form]} either", 1, b"odd")
    error = failures.explained(unknown, Address.parse("https://host/x").with_secret(ODD))
    assert "not for" in str(error) and "either" in str(error)
    assert_hidden(str(error))


def test_a_secret_that_is_part_of_another_does_not_save_the_rest_of_it() -> None:
    address = Address.parse("https://host/x").with_secret(Secret("t0ken", "t0ken-and-more"))
    error = failures.explained(GitFailed("no t0ken-and-more, t0ken", 1, b""), address)
    assert str(error) == "no ***, ***"


@pytest.mark.parametrize("mark", ["", "remote: "])
def test_a_git_that_the_system_ends_is_no_fault_of_the_protocol(mark: str) -> None:
    words = f"{mark}error: index-pack died of signal 9\nfatal: index-pack failed\n"
    error = failures.explained(
        GitFailed("git fetch failed", 128, words.encode()), Address.parse("https://host/x")
    )
    assert ("more memory than this machine has left" in str(error)) is (mark == "")
    assert error.cause == ("protocol" if mark else "over a bound")


def test_words_that_are_no_secret_stay() -> None:
    address = Address.parse("https://host/x").with_secret(Secret("abc", "oauth2"))
    error = failures.explained(GitFailed("no oauth2 for abcd, see rfc 6749", 1, b""), address)
    assert str(error) == "no oauth2 for abcd, see rfc 6749"


def test_a_secret_is_for_its_own_host_alone(
    work: Work, server: Server, origin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, keys = Secret(PASSWORD, USER), work.root / "keys"
    with Server(origin.parent) as other:
        address = Address.parse(f"{server.url}/ok/repo.git").with_secret(secret)
        Gits(work.root / "bin", monkeypatch, f"env >> '{keys}'")
        remote.list_refs(address)
        helpers = re.findall(r"(?m)^GIT_CONFIG_KEY_\d+=(credential.*)", keys.read_text())
        own = f"credential.{server.url}.helper"  # the first one forgets those before it
        assert [helpers.count(key) for key in ("credential.helper", own)] == [1, 2]
        assert len(helpers) == 3
        server.other = f"{other.url}/401"
        moved = Address.parse(f"{server.url}/elsewhere/repo.git").with_secret(secret)
        with pytest.raises(RemoteError):
            remote.list_refs(moved)
        # The user sends this host elsewhere; the token was for this one.
        (Path(os.environ["HOME"]) / ".gitconfig").write_text(
            f'[url "{other.url}/401/"]\n\tinsteadOf = {server.url}/ok/\n'
        )
        clear_caches()
        with pytest.raises(RemoteError, match="wants a user name"):
            remote.list_refs(address)
        assert {one.authorization for one in other.requests} == {None}


def test_no_secret_goes_over_http_because_of_the_users_instead_of(
    work: Work, server: Server
) -> None:
    host = server.host
    (Path(os.environ["HOME"]) / ".gitconfig").write_text(
        f'[url "http://{host}/"]\n\tinsteadOf = https://{host}/\n'
    )
    clear_caches()
    address = Address.parse(f"https://{host}/401/repo.git").with_secret(Secret(PASSWORD, USER))
    with pytest.raises(RemoteError, match="wants a user name"):
        remote.list_refs(address)
    assert {one.authorization for one in server.requests} == {None}


def clear_caches() -> None:
    identity._plain_configuration.cache_clear()


@pytest.fixture(autouse=True)
def forgotten() -> None:
    clear_caches()


def configure(text: str) -> None:
    (Path(os.environ["HOME"]) / ".gitconfig").write_text(text)
    clear_caches()


def test_the_users_credential_helpers_are_asked(work: Work, server: Server) -> None:
    store = Path(os.environ["HOME"]) / "store"
    store.write_text(f"http://{USER}:{PASSWORD}@{server.host}\n")
    configure(f"[credential]\n\thelper = store --file={store}\n")
    assert "docker-default" in fetched(work, Address.parse(f"{server.url}/401/repo.git"))
    # A user name in the URL: the helper knows the password that belongs to it.
    named = Address.parse(f"http://{USER}@{server.host}/401/repo.git")
    assert "docker-default" in fetched(work, named)
    # A secret that was handed over goes first.
    wrong = Address.parse(f"{server.url}/401/repo.git").with_secret(Secret("wrong", USER))
    with pytest.raises(RemoteError, match="not accepted"):
        remote.list_refs(wrong)


def test_the_users_http_configuration_counts(work: Work, server: Server) -> None:
    token = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    configure(f'[http "{server.url}"]\n\textraHeader = Authorization: Basic {token}\n')
    assert "docker-default" in fetched(work, Address.parse(f"{server.url}/401/repo.git"))
    configure("[http]\n\tfollowRedirects = true\n")
    with pytest.raises(RemoteError, match="name that instead"):
        remote.list_refs(Address.parse(f"{server.url}/elsewhere/repo.git"))


def test_a_password_in_the_users_instead_of_stays_out_of_sight(work: Work, server: Server) -> None:
    configure(
        f'[url "http://{USER}:{PASSWORD}@{server.host}/401/"]\n\tinsteadOf = https://forge.example/\n'
    )
    seen: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.extend(command_lines())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        assert "docker-default" in fetched(work, Address.parse("https://forge.example/repo.git"))
    finally:
        done.set()
        watcher.join()
    assert any(f"{server.url}/401/repo.git" in line for line in seen)
    assert not [line for line in seen if PASSWORD in line]
    assert_nowhere(work.root, PASSWORD)


def test_the_users_ssh_command_is_used_and_asks_nobody(work: Work, origin: Path) -> None:
    log = work.root / "log"
    program = stand_in_for_ssh(work.root, log)
    configure(f"[core]\n\tsshCommand = {program} -i key\n")
    assert "docker-default" in fetched(work, Address.parse(f"ssh://git@host:2222{origin}"))
    lines = log.read_text().splitlines()
    assert all(line.startswith("-i key -o BatchMode=yes") for line in lines)
    assert all("-p 2222 git@host git-upload-pack" in line for line in lines)
    other = stand_in_for_ssh(work.root, log, name="mine")
    log.write_text("")
    configure(f"[core]\n\tsshCommand = {other} -x\n[ssh]\n\tvariant = simple\n")
    assert "docker-default" in fetched(work, Address.parse(f"ssh://git@host{origin}"))
    assert "BatchMode" not in log.read_text()


def test_ssh_has_no_terminal_and_no_program_to_ask_with(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = work.root / "ssh"
    seen = work.root / "seen"
    program.write_text(
        f"#!/bin/sh\n(echo $SSH_ASKPASS $SSH_ASKPASS_REQUIRE $GIT_TERMINAL_PROMPT; "
        f"(: </dev/tty) 2>&1) > {seen}\nexit 255\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", os.fspath(program))
    with pytest.raises(RemoteError):
        remote.list_refs(Address.parse("ssh://host/x"))
    first, *rest = seen.read_text().splitlines()
    assert first == "/bin/false force 0"
    assert "No such device" in "".join(rest)


def test_nothing_of_a_hostile_remote_in_the_file_system_runs(work: Work, origin: Path) -> None:
    marker = work.root / "ran"
    run = f"touch {marker}; false"
    for key in ("uploadpack.packObjectsHook", "core.fsmonitor", "core.sshCommand", "core.pager"):
        work.git(origin, "config", key, run)
    blob = work.git(origin, "rev-parse", "main:profile")
    # A partial clone that lacks a blob, and would fetch it by a command.
    work.git(origin, "config", "remote.x.url", "file:///nowhere")
    work.git(origin, "config", "remote.x.promisor", "true")
    work.git(origin, "config", "remote.x.uploadpack", run)
    work.git(origin, "config", "extensions.partialClone", "x")
    work.git(origin, "config", "core.repositoryFormatVersion", "1")
    address = Address.parse(f"file://{origin}")
    assert "docker-default" in fetched(work, address)
    work.git(origin, "unpack-objects", "-q", check=False)
    for pack in list((origin / "objects/pack").glob("*.pack")):
        content = pack.read_bytes()
        for file in (origin / "objects/pack").glob(pack.stem + ".*"):
            file.unlink()
        work.git(origin, "unpack-objects", "-q", stdin=content)
    (origin / f"objects/{blob[:2]}/{blob[2:]}").unlink()
    with pytest.raises(GitError):
        fetched(work, address)
    assert not marker.exists()


def test_names_that_git_would_not_take_are_left_out(work: Work) -> None:
    names = ["refs/heads/../../x", "refs/heads/a..b", "refs/heads/a\x1bb", "refs/heads/.x"]
    names += ["refs/heads/x.lock", "refs/heads/x@{1}", "refs/heads//x", "refs/heads/x/"]
    names += ["refs/heads/x~1", "refs/heads/x y", "HEAD2", "refs/heads/" + "x" * 2000]
    for name in names:
        assert not is_ref_name(name)
    for name in ("refs/heads/ok", "refs/heads/-x", "refs/heads/ü/y", "refs/x"):
        assert is_ref_name(name)


def test_refs_without_end_are_bounded(
    server: Server, origin: Path, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    tip = work.git(origin, "rev-parse", "main")
    lines = "".join(f"create refs/heads/b{number} {tip}\n" for number in range(3000))
    work.git(origin, "update-ref", "--stdin", stdin=lines.encode())
    monkeypatch.setattr(remote, "MAX_ADVERTISED", 100_000)
    with pytest.raises(BoundExceeded, match="MAX_ADVERTISED"):
        remote.list_refs(Address.parse(f"{server.url}/ok/repo.git"))


def test_refs_that_never_end_take_bounded_memory_and_time(server: Server) -> None:
    with pytest.raises((RemoteError, BoundExceeded)):
        remote.list_refs(Address.parse(f"{server.url}/flood/repo.git"), timeout=3)


def test_a_pack_over_the_limit_is_refused(
    work: Work, server: Server, origin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = work.root / "source"
    tip = work.commit(source, {"big": os.urandom(300_000)})
    work.git(source, "push", "-q", os.fspath(origin), "main")
    monkeypatch.setattr(remote, "MAX_FETCHED", 200_000)
    for url in (f"{server.url}/ok/repo.git", f"file://{origin}"):
        path = empty(work, f"n{len(url)}")
        with pytest.raises(BoundExceeded, match="MAX_FETCHED"):
            remote.fetch(Address.parse(url), path, [tip])
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        assert size < 500_000


def test_a_pack_that_unpacks_to_more_than_memory_allows_is_refused(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pack of a few hundred bytes holds a file of 240 MB, as a delta."""
    for module in (remote, failures):
        monkeypatch.setattr(module, "FETCH_MEMORY", 100 << 20)
    base = stores.make("blob", b"x" * 60_000)
    large = stores.make("blob", base.content * 4_000)
    root = stores.tree(("100644", b"base", base), ("100644", b"large", large))
    tip = stores.commit(root)
    bomb = stores.bare(work.root / "srv/bomb.git", tip)
    entries = [*map(stores.plain, (base, root, tip)), stores.delta(large.oid, base, 4_000)]
    stores.pack(bomb, entries)
    assert sum(file.stat().st_size for file in (bomb / "objects/pack").iterdir()) < 3_000
    with Server(bomb.parent) as server:
        for url in (f"{server.url}/ok/bomb.git", f"file://{bomb}"):
            path = empty(work, f"n{len(url)}")
            with pytest.raises(BoundExceeded, match=r"\(100 MiB, FETCH_MEMORY\)"):
                remote.fetch(Address.parse(url), path, [tip.oid])
            assert [file for file in path.glob("objects/**/*") if file.is_file()] == []


LIMITS = r"""
case "$*" in *ls-remote*|*fetch*|*push*)
    echo "$(sed -n 's/^Max data size *\([^ ]*\).*/\1/p' /proc/$$/limits) $*" >> '{seen}' ;;
esac
"""


def test_each_git_that_speaks_to_a_remote_has_so_much_memory(
    work: Work, origin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its start, however long patcher is kept from saying so: it starts others at once."""
    monkeypatch.setattr(process, "limit_memory", lambda pid, size: None)
    seen = work.root / "seen"
    Gits(work.root / "bin", monkeypatch, LIMITS.format(seen=seen))
    repository, commit = commit_on(work, Address.parse(f"file://{origin}"))
    remote.push(repository, "patcher/x", commit, None)
    bounds = dict.fromkeys(("ls-remote", "fetch", "push"), remote.FETCH_MEMORY)
    for line in seen.read_text().splitlines():
        bound, *arguments = line.split()
        [name] = bounds.keys() & set(arguments)
        assert int(bound) == bounds.pop(name)
    assert bounds == {}


def test_nothing_is_written_to_the_configuration(work: Work, server: Server, origin: Path) -> None:
    work.git(origin, "config", "uploadpack.allowFilter", "true")
    address = Address.parse(f"http://{USER}:{PASSWORD}@{server.host}/401/repo.git")
    path = empty(work)
    before = (path / "config").read_bytes()
    tip = remote.list_refs(address).refs["HEAD"]
    remote.fetch(address, path, [tip], filter=True)
    blob = work.git(origin, "rev-parse", "main:profile")
    assert work.git(path, "rev-list", "--objects", "--missing=print", tip).count("?") == 1
    remote.fetch(address, path, [blob], depth=False, filter=True)
    assert "docker-default" in work.git(path, "cat-file", "blob", blob)
    assert (path / "config").read_bytes() == before
    assert not (path / "FETCH_HEAD").exists()
    assert_nowhere(work.root, PASSWORD)


@pytest.mark.parametrize("kind", ["http", "git", "file", "ssh"])
def test_push_makes_and_moves_a_branch_only_from_where_it_was_seen(
    work: Work, origin: Path, server: Server, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", os.fspath(stand_in_for_ssh(work.root, work.root / "log")))
    with daemon(origin.parent) as git_url:
        url = {
            "http": f"{server.url}/ok/repo.git",
            "git": f"{git_url}/repo.git",
            "file": f"file://{origin}",
            "ssh": f"ssh://host{origin}",
        }[kind]
        address = Address.parse(url)
        repository, first = commit_on(work, address)
        remote.push(repository, "patcher/x", first, None)
        assert work.git(origin, "rev-parse", "patcher/x") == first
        remote.push(repository, "patcher/x", first, None)  # done already
        other, second = commit_on(work, address)
        with pytest.raises(RemoteError, match=r"moved there in between: run again") as caught:
            remote.push(other, "patcher/x", second, None)
        assert (caught.value.cause, caught.value.transient) == ("rejected", False)
        with pytest.raises(RemoteError, match="in between"):
            remote.push(other, "patcher/x", second, second)
        assert work.git(origin, "rev-parse", "patcher/x") == first
        remote.push(other, "patcher/x", second, first)
        assert work.git(origin, "rev-parse", "patcher/x") == second
    work.fsck(origin)


def test_an_expected_branch_that_is_gone_is_not_made_again(work: Work, origin: Path) -> None:
    repository, commit = commit_on(work, Address.parse(f"file://{origin}"))
    with pytest.raises(RemoteError, match="in between"):
        remote.push(repository, "patcher/x", commit, "1" * 40)
    assert work.git(origin, "for-each-ref", "refs/heads/patcher") == ""


def test_a_push_that_the_remote_does_not_want_says_why(work: Work, origin: Path) -> None:
    hook = origin / "hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no $'\\033[31m'thanks >&2\nexit 1\n")
    hook.chmod(0o755)
    repository, commit = commit_on(work, Address.parse(f"file://{origin}"))
    with pytest.raises(RemoteError, match="hook declined") as caught:
        remote.push(repository, "patcher/x", commit, None)
    assert caught.value.cause == "rejected"
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("fault", ["500x1", "429x2", "resetx1", "lostx1"])
def test_a_push_is_tried_again_and_done_once(
    work: Work, origin: Path, server: Server, fault: str
) -> None:
    repository, commit = commit_on(work, Address.parse(f"{server.url}/ok/repo.git"))
    there = Address.parse(f"{server.url}/{fault}/repo.git")
    repository = Repository(repository.path, repository.git_dir, None, there)
    remote.push(repository, "patcher/x", commit, None)
    assert work.git(origin, "rev-parse", "patcher/x") == commit
    assert server.pushes == {("repo.git", "refs/heads/patcher/x"): 1}


@pytest.mark.parametrize(
    ("fault", "cause"),
    [("401", "authentication"), ("403", "authentication"), ("500", "server error")],
)
def test_a_push_that_fails_is_told_by_its_kind(
    work: Work, server: Server, fault: str, cause: str
) -> None:
    repository, commit = commit_on(work, Address.parse(f"{server.url}/ok/repo.git"))
    there = Address.parse(f"{server.url}/{fault}/repo.git")
    repository = Repository(repository.path, repository.git_dir, None, there)
    with pytest.raises(RemoteError) as caught:
        remote.push(repository, "patcher/x", commit, None)
    assert caught.value.cause == cause


def test_a_push_reads_nothing_of_the_repositorys_configuration(work: Work, origin: Path) -> None:
    clone = work.root / "clone"
    work.git(work.root, "clone", "-q", os.fspath(origin), os.fspath(clone))
    marker = work.root / "ran"
    hook = clone / ".git/hooks/pre-push"
    hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
    hook.chmod(0o755)
    work.git(clone, "config", "remote.origin.pushurl", "file:///nowhere")
    work.git(clone, "config", "remote.origin.receivepack", f"touch {marker}; git-receive-pack")
    work.git(clone, "config", "url.file:///nowhere.insteadOf", f"file://{origin}")
    work.git(clone, "config", "push.gpgSign", "true")
    repository = Repository(clone, clone / ".git", clone, Address.parse(f"file://{origin}"))
    tip = work.git(clone, "rev-parse", "HEAD")
    commit = write_commit(repository, tip, [FileChange(b"profile", b"x")], "x", ME, ME)
    move_branch(repository, "patcher/x", commit, None)
    remote.push(repository, "patcher/x", commit, None)
    assert work.git(origin, "rev-parse", "patcher/x") == commit
    assert not marker.exists()
    with pytest.raises(GitError, match="no address to push to"):
        remote.push(Repository(clone, clone / ".git", clone), "patcher/x", commit, None)
    with pytest.raises(GitError, match="not a valid branch name"):
        remote.push(repository, "-x", commit, None)


def test_a_killed_run_leaves_no_git_behind_that_asks(work: Work, server: Server) -> None:
    """Ctrl-C and SIGTERM end what was started in sessions of their own."""
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        "import threading\n"
        "from patcher.git import Address, remote\n"
        f"address = Address.parse('{server.url}/hang/repo.git')\n"
        "threading.Thread(target=remote.list_refs, args=(address,), daemon=True).start()\n"
        "print('started', flush=True)\n"
        "signal.pause()\n"
    )
    child = subprocess.Popen(["python3", "-c", code], stdout=subprocess.PIPE, env=running())
    assert child.stdout is not None
    with child:
        child.stdout.readline()
        deadline = time.monotonic() + 20
        while not any(server.host in line and "remote-http" in line for line in command_lines()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        child.terminate()
        assert child.wait(20) == 143
    while any(server.host in line for line in command_lines()):
        assert time.monotonic() < deadline + 20
        time.sleep(0.05)


def test_what_a_git_that_failed_has_started_ends_with_it(work: Work, origin: Path) -> None:
    clone = work.root / "clone"
    work.git(work.root, "clone", "-q", os.fspath(origin), os.fspath(clone))
    marker = work.root / "hook"
    hook = origin / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\n"
        "pid=$PPID\n"
        "until tr '\\0' ' ' </proc/$pid/cmdline | grep -q ' push '; do\n"
        "  pid=$(cut -d ' ' -f 4 /proc/$pid/stat)\n"
        "done\n"
        f'kill -9 "$pid"\ncd /\nexec python3 -c "import time; time.sleep(60)" {marker}\n'
    )
    hook.chmod(0o755)
    repository = Repository(clone, clone / ".git", clone, Address.parse(f"file://{origin}"))
    tip = work.git(clone, "rev-parse", "HEAD")
    commit = write_commit(repository, tip, [FileChange(b"profile", b"x")], "x", ME, ME)
    with pytest.raises(GitError, match="exit status -9"):
        remote.push(repository, "patcher/x", commit, None)
    deadline = time.monotonic() + 20
    while any(os.fspath(marker) in line for line in command_lines()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def running() -> dict[str, str]:
    """An environment in which this Python finds what the tests do."""
    import sys

    found = os.pathsep.join(entry for entry in sys.path if entry)
    folder = os.path.dirname(sys.executable)  # noqa: PTH120
    return {**os.environ, "PYTHONPATH": found, "PATH": f"{folder}:{os.environ['PATH']}"}


def test_each_row_of_the_table_has_a_cause_that_callers_know() -> None:
    assert {row.cause for row in failures.FAILURES} <= set(get_args(errors.Cause))

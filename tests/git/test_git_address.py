"""Addresses: what is one, what it is called, and where its password goes."""

from __future__ import annotations

import os
import pickle
import re
import stat
from pathlib import Path

import pytest

from patcher.git import (
    Address,
    GitError,
    Repository,
    Secret,
    is_address,
    without_secrets,
)
from patcher.git.address import MAX_ADDRESS
from patcher.git.places import cache_folder, state_folder
from patcher.sources import WrongSource, find


@pytest.mark.parametrize(
    ("text", "url", "protocol", "host", "path", "name"),
    [
        (
            "HTTPS://GitHub.com:443/moby/Moby.git/",
            "https://github.com/moby/Moby.git",
            "https",
            "github.com",
            "/moby/Moby.git",
            "Moby",
        ),
        (
            "http://127.0.0.1:8080/a%20b",
            "http://127.0.0.1:8080/a%20b",
            "http",
            "127.0.0.1:8080",
            "/a%20b",
            "a b",
        ),
        ("https://[::1]:8443/x", "https://[::1]:8443/x", "https", "[::1]:8443", "/x", "x"),
        ("ssh://git@Host:22/o/r.git", "ssh://git@host/o/r.git", "ssh", "host", "/o/r.git", "r"),
        ("git+ssh://host/o/r", "ssh://host/o/r", "ssh", "host", "/o/r", "r"),
        ("git@GitHub.com:o/r.git", "git@github.com:o/r.git", "ssh", "github.com", "o/r.git", "r"),
        ("git@host:/srv/r.git", "ssh://git@host/srv/r.git", "ssh", "host", "/srv/r.git", "r"),
        ("forge.example:r", "forge.example:r", "ssh", "forge.example", "r", "r"),
        ("git@[::1]:r", "git@[::1]:r", "ssh", "[::1]", "r", "r"),
        ("git://host/r", "git://host/r", "git", "host", "/r", "r"),
        ("file:///srv//git/./r.git/", "file:///srv/git/r.git", "file", "", "/srv/git/r.git", "r"),
        ("file://localhost/srv/a b", "file:///srv/a b", "file", "", "/srv/a b", "a b"),
        ("file:///srv/work/.git", "file:///srv/work/.git", "file", "", "/srv/work/.git", "work"),
    ],
)
def test_what_an_address_is(
    text: str, url: str, protocol: str, host: str, path: str, name: str
) -> None:
    address = Address.parse(text)
    assert (address.url, address.protocol, address.host) == (url, protocol, host)
    assert (address.path, address.name, str(address)) == (path, name, url)
    assert Address.parse(address.url) == address
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "ext::sh -c id",
        "fd::3",
        "https::x",
        "ftp://host/x",
        "rsync://host/x",
        "--upload-pack=id",
        "-oProxyCommand=id:x",
        "-host.example:x",
        "git@-oProxyCommand=id:x",
        "ssh://-oProxyCommand=id/x",
        "ssh://-user@host/x",
        "ssh://user:password@host/x",
        "git@host:-x",
        "https://-host/x",
        "https:///x",
        "https://host",
        "https://host/",
        "https://host:0/x",
        "https://host:65536/x",
        "https://host:00006553699/x",
        "ssh://host:0/x",
        "ssh://host:" + "9" * 1500 + "/x",
        "https://host:x/y",
        "https://ho st/x",
        "https://höst/x",
        "https://host/a b",
        "https://host/@x/y",
        "git@host:/x@y",
        "https://host/x?y",
        "https://host/x#y",
        "https://host/../x",
        "https://host/%2e%2e/x",
        "https://host/a%0ab",
        "https://host/a\nb",
        "https://host/\x1b[31m",
        "https://host/\u202ex",
        "https://u:a%0ab@host/x",
        "https://host\\@evil/x",
        "git://user@host/x",
        "file://server/share",
        "file:///",
        "file://x",
        "git@host:",
        "plain",
        "",
        "https://host/" + "x" * MAX_ADDRESS,
    ],
)
def test_what_is_no_address_is_refused_on_one_line(text: str) -> None:
    with pytest.raises(GitError) as caught:
        Address.parse(text)
    line = str(caught.value)
    assert line.isprintable()
    assert len(line) < 400


def test_a_wrong_address_does_not_show_its_password() -> None:
    for text in ("ftp://me:hunter2@host/x", "https://me:hunter2@host", "https://hunter2@ho st/x"):
        with pytest.raises(GitError) as caught:
            Address.parse(text)
        assert "hunter2" not in str(caught.value)


LONG = "eyJhbGciOiJSUzI1NiJ9." + "hunter2" * 300
CARELESS = [
    "https://me:hu/nter2@host/x",
    "https://me:12/hunter2@host/x",
    "https://me:hunter2/@host/x",
    "https://me:hunter2//x@host/x",
    "https://hunter2/a@host/x",
    "https://me@example.org:443/hunter2@host/x",
    "https://me:hun@t/er2@host/x",
    "ssh://me:12/hunter2@host/x",
    "git://me:12/hunter2@host/x",
    "me:hunter2@host:x",
    "me.example:hunter2@host:x",
    "me.example:hu/nter2@host:x",
    "ftp://me:hu/nter2@host/x",
    f"https://{LONG}@host",
    f"ftp://me:{LONG}@host/x",
    f"https://me:{LONG}/@host/x",
    f"nothing:{LONG}@host",
]


@pytest.mark.parametrize("text", CARELESS)
def test_a_password_that_nobody_encoded_is_neither_taken_for_a_path_nor_shown(text: str) -> None:
    with pytest.raises(GitError) as caught:
        Address.parse(text)
    assert_unseen(str(caught.value))
    with pytest.raises(WrongSource) as wrong:
        find([text])
    assert_unseen(str(wrong.value))


def assert_unseen(shown: str) -> None:
    assert not re.search("hun|ter2|eyJ", shown), shown


@pytest.mark.parametrize(
    "text",
    [
        "fatal: unable to access 'https://me:hu/nter2@host/x/': no route",
        "fatal: unable to access 'https://me:hun@t/er2@host/x/': no route, nor to 'http://hunter2@h'",
        "https://hunter2@h,https://me:hu/nter2@host",
    ],
)
def test_what_git_says_is_shown_without_passwords(text: str) -> None:
    shown = without_secrets(text)
    assert_unseen(shown)
    assert without_secrets("see https://host/x, or ask me@host") == (
        "see https://host/x, or ask me@host"
    )
    assert (", nor" in text) == (", nor" in shown) and ("route" in text) == ("route" in shown)


@pytest.mark.parametrize("begin", ["://", "a://", "://@", "@", "https://"])
def test_hiding_passwords_takes_linear_time(begin: str) -> None:
    assert without_secrets(begin * 300_000) is not None  # minutes, were it quadratic


def test_a_password_is_kept_apart() -> None:
    for odd in "?# @":
        careless = Address.parse(f"https://me:hunter{odd}2@host/x")
        assert (careless.url, careless.secret) == ("https://host/x", Secret(f"hunter{odd}2", "me"))
    address = Address.parse("https://me:hunter%40@host/x")
    assert address.url == "https://host/x"
    assert address.secret is not None
    assert (address.secret.username, address.secret.password) == ("me", "hunter@")
    for shown in (repr(address), str(address), repr(address.secret), str(address.secret)):
        assert "hunter" not in shown
        assert "me" not in shown.replace("username", "")
    plain = Address.parse("https://host/x")
    assert address == plain
    assert hash(address) == hash(plain)
    assert address.secret.words() == ("hunter@", "me")
    assert pickle.loads(pickle.dumps(address)).secret == address.secret


def test_a_lone_user_name_may_be_a_token_and_is_kept_apart_too() -> None:
    address = Address.parse("https://ghp_token@host/x")
    assert address.url == "https://host/x"
    assert address.secret == Secret("", "ghp_token")


def test_a_given_secret_does_not_replace_the_one_in_the_url() -> None:
    given = Secret("token", "oauth2")
    assert Address.parse("https://host/x").with_secret(given).secret == given
    own = Address.parse("https://a:b@host/x")
    assert own.with_secret(given).secret == Secret("b", "a")
    assert own.with_secret(None) is own


def test_a_secret_cannot_speak_to_credential_helpers() -> None:
    with pytest.raises(GitError, match="line break"):
        Secret("x\nhost=evil.example")


@pytest.mark.parametrize(
    "word",
    [
        *("github:moby", "gitlab:group/sub", "gitea:git.example/org", ".", "./a.b:c"),
        *("/srv/a.b:c", "~/src", "src", "a/b.c:d", "~user.name:x", "host.example:"),
    ],
)
def test_what_is_no_address_on_the_command_line(word: str) -> None:
    assert not is_address(word)


def test_what_git_would_run_counts_as_an_address_so_that_it_is_refused() -> None:
    assert is_address("ext::sh -c id")


def test_a_mirror_is_called_by_its_address() -> None:
    path = Path("/cache/x")
    mirror = Repository(path, path, None, Address.parse("https://host/o/r.git"))
    assert (mirror.place, mirror.name) == ("https://host/o/r.git", "r")
    own = Repository(Path("/src/r.git"), Path("/src/r.git"), None)
    assert (own.place, own.name, own.address) == ("/src/r.git", "r", None)


def test_folders_are_the_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
    monkeypatch.delenv("PATCHER_CACHE_DIR", raising=False)
    monkeypatch.delenv("PATCHER_STATE_DIR", raising=False)
    assert cache_folder() == tmp_path / "c/patcher"
    assert state_folder() == tmp_path / "s/patcher"
    monkeypatch.setenv("PATCHER_CACHE_DIR", str(tmp_path / "mine"))
    monkeypatch.setenv("PATCHER_STATE_DIR", str(tmp_path / "too"))
    for folder in (cache_folder(), state_folder(), cache_folder()):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (tmp_path / "mine").chmod(0o777)
    with pytest.raises(
        GitError, match="may be written by others: chmod go-w, or set PATCHER_CACHE_DIR"
    ):
        cache_folder()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PATCHER_STATE_DIR", str(tmp_path / "file"))
    with pytest.raises(GitError, match="cannot be made"):
        state_folder()


@pytest.mark.parametrize("mode", [0o770, 0o720, 0o702, 0o1777, 0o2775])
def test_a_folder_that_others_may_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    monkeypatch.setenv("PATCHER_STATE_DIR", str(tmp_path / "open"))
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(mode)
    with pytest.raises(GitError, match="may be written by others"):
        state_folder()


def test_another_users_link_to_a_folder_of_the_users_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir(mode=0o700)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "mine")
    monkeypatch.setenv("PATCHER_STATE_DIR", str(link))
    assert state_folder() == link  # the user's own, to a larger disk
    if os.geteuid() == 0:  # nobody else can give a link away
        os.lchown(link, 4242, 4242)
        with pytest.raises(GitError, match="belongs to another user"):
            state_folder()


def test_another_users_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATCHER_CACHE_DIR", str(tmp_path))
    there = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: there + 1)
    with pytest.raises(GitError, match="belongs to another user: set PATCHER_CACHE_DIR"):
        cache_folder()

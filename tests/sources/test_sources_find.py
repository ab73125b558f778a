"""What words stand for, each repository once, and filters."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from patcher import git
from patcher.forges import Facts
from patcher.sources import Filters, Found, Tally, WrongSource, find, gather, remote, since
from patcher.sources.filters import Sieve

if TYPE_CHECKING:
    from tests.conftest import Sandbox

URL = "https://example.org/acme/moby"


def places(*words: str | Path, filters: Filters = Filters()) -> list[str]:  # noqa: B008
    """Where the repositories are, and the failures after a ``!``."""
    shown = []
    try:
        items = find([str(word) for word in words], filters=filters)
    except WrongSource as wrong:
        return [f"!{wrong}"]
    for item in items:
        if isinstance(item, git.Failure):
            shown.append(f"!{item.place}: {item.error}")
        else:
            place = item.place
            shown.append(place.url if isinstance(place, git.Address) else str(place.path))
    return shown


def test_paths_and_urls_in_the_order_given_each_once(sandbox: Sandbox) -> None:
    one, two = sandbox.repository("one"), sandbox.repository("two")
    words: list[str | Path] = [two, f"{URL}.git", sandbox.root, f"{URL}/", one / ".git", URL]
    assert places(*words) == [str(two), f"{URL}.git", str(one)]


def test_the_same_path_by_two_names_is_one(sandbox: Sandbox, tmp_path: Path) -> None:
    one = sandbox.repository("one")
    (tmp_path / "link").symlink_to(one)
    sandbox.git(one, "worktree", "add", "-q", str(tmp_path / "linked"))
    assert places(one, URL, tmp_path / "link", tmp_path / "linked") == [str(one), URL]


def test_urls_that_differ_are_different() -> None:
    urls = [URL, URL.replace("https", "http"), "git@example.org:acme/moby", f"{URL}x", f"{URL}.git"]
    assert places(*urls) == urls[:-1]


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("sourcehut:acme", "neither a path that exists nor anything else: a source is a path, a"),
        ("Github:acme", "neither a path that exists nor anything else"),
        ("ext::sh -c x", "it names a program to run"),
        ("rsync://example.org/x", "it is neither of https, http, ssh, git, file"),
        ("--output=x://y", "no such file or directory"),
        ("https://example.org", "names a host, but no repository on it"),
        ("github:", "write github:ORG, github:ORG/REPO, github:user/NAME or github:search/QUERY"),
        ("github:user/", "write github:ORG"),
        ("github:search/ ", "write github:ORG"),
        ("github:a/b/c", "write github:ORG"),
        ("github:../x", "'..' is no organisation"),
        ("github:a?b", "'a?b' is no organisation"),
        ("github:user/a b", "'a b' is no user name"),
        ("github:@a_b/x", "'a_b' is no host name"),
        ("github:@-x/y", "'-x' is no host name"),
        ("gitlab:", "write gitlab:GROUP"),
        ("gitlab:a//b", "'a//b' is no group"),
        ("gitea:acme", "write gitea:HOST/ORG"),
        ("gitea:http://x y/acme", "HOST is no host and no http(s) URL"),
        ("nowhere/at/all", "no such file or directory: a source is a path"),
        ("moby/moby", "moby/moby: no such file or directory: did you mean github:moby/moby?"),
        ("./moby/moby", "/moby/moby: no such file or directory"),
        ("", "'': an empty name: a source is a path"),
        ("/etc/passwd", "/etc/passwd: is a file: name a repository or a folder; --from reads a li"),
    ],
)
def test_a_word_that_is_nothing_is_one_line(
    word: str, error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (shown,) = places(word)
    assert shown.startswith("!") and error in shown, shown
    assert "\n" not in shown


def test_a_path_that_is_named_like_a_source(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = sandbox.repository("gitea:acme")
    monkeypatch.chdir(sandbox.root)
    assert places("./gitea:acme") == [str(place)]
    assert places("gitea:acme") == ["!gitea:acme: write gitea:HOST/ORG"]


def test_what_the_users_configuration_abbreviates(
    sandbox: Sandbox, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``url.*.insteadOf``, the longest that fits, as git does; never in place of what there is."""
    config = '[url "https://github.com/"]\n\tinsteadOf = gh:\n\tinsteadOf = "work:"\n'
    config += '[url "git@example.org:acme/"]\n\tinsteadOf = gh:acme/\n'
    config += '[url "ext::sh -c "]\n\tinsteadOf = evil:\n[url "https://x/"]\n\tinsteadOf = ""\n'
    with (home / ".gitconfig").open("a") as file:
        file.write(config)
    place = sandbox.repository("work:x")
    monkeypatch.chdir(sandbox.root)
    assert places("gh:moby/moby", "gh:acme/tool", "work:x", "work:y") == [
        "https://github.com/moby/moby",
        "git@example.org:acme/tool",
        str(place),
        "https://github.com/y",
    ]
    (shown,) = places("evil:touch")
    assert "names a program to run" in shown
    (shown,) = places("other:x")
    assert "neither a path that exists nor anything else" in shown
    file_ = sandbox.root / "list"
    file_.write_text("gh:moby/moby main\n")
    (found,) = find([], lists=[str(file_)])
    assert isinstance(found, Found) and found.bases == ("main",)


def test_a_password_in_a_url_is_kept_apart_and_never_shown() -> None:
    (item,) = find(["https://user:s3cret@example.org/a/b"])
    assert isinstance(item, Found) and isinstance(item.place, git.Address)
    assert item.place.secret == git.Secret("s3cret", "user")
    assert "s3cret" not in repr(item)
    for word in (
        "https://user:s3cret@example.org/../x",
        "x:s3cret@example.org:",
        "https:/x:s3cret@h/y",
    ):
        with pytest.raises(WrongSource) as wrong:
            find([word])
        assert "s3cret" not in str(wrong.value)


def test_plain_paths_are_no_remote_sources() -> None:
    assert not remote(["/src", "x", "./github:x"], [])
    assert remote([], ["-"]) and remote([URL], []) and remote(["github:acme"], [])


PATHS = ["https://example.org/acme/moby.git", "https://example.org/x/Acme/podman", "git@h.i:cri/o"]
GLOBS = [
    (("moby",), (), "moby"),
    (("ACME/*",), (), "moby podman"),
    (("x/acme/*",), (), "podman"),
    (("/acme/*",), (), "moby"),
    (("*o*",), (), "moby podman o"),
    (("mob",), (), ""),
    (("mob[xy]", "cri/?"), (), "moby o"),
    ((), ("*/podman", "o"), "moby"),
    (("acme/*",), ("*an",), "moby"),
    (("*.git",), (), ""),
]


@pytest.mark.parametrize(("match", "skip", "names"), GLOBS)
def test_globs(match: tuple[str, ...], skip: tuple[str, ...], names: str) -> None:
    found = places(*PATHS, filters=Filters(match=match, skip=skip))
    assert [git.Address.parse(url).name for url in found] == names.split()


def test_globs_on_paths(sandbox: Sandbox) -> None:
    one, two = sandbox.repository("acme/one"), sandbox.repository("acme/two")
    assert places(sandbox.root, filters=Filters(match=("acme/o*",))) == [str(one)]
    assert places(sandbox.root, filters=Filters(skip=(str(one),))) == [str(two)]


def test_a_glob_takes_linear_time() -> None:
    name = f"https://example.org/{'a' * 1500}"
    begun = time.monotonic()
    assert places(name, filters=Filters(match=("*a" * 12 + "b",))) == []
    assert time.monotonic() - begun < 20


NOW = datetime(2026, 6, 1, tzinfo=UTC)
KNOWN = Facts(
    archived=False, fork=True, visibility="internal", topics=("Docker", "x"), pushed_at=NOW
)
BY_FACTS = [
    (Filters(), None),
    (Filters(archived="only"), "not archived"),
    (Filters(archived="include"), None),
    (Filters(forks="exclude"), "forks"),
    (Filters(forks="only"), None),
    (Filters(visibility=("public", "internal")), None),
    (Filters(visibility=("private",)), "by visibility"),
    (Filters(topics=("docker", "y")), None),
    (Filters(topics=("y",)), "by topic"),
    (Filters(pushed_since=NOW), None),
    (Filters(pushed_since=NOW + timedelta(seconds=1)), "by last push"),
]


@pytest.mark.parametrize(("filters", "reason"), BY_FACTS)
def test_filters_by_facts(filters: Filters, reason: str | None) -> None:
    address = git.Address.parse(URL)
    told: list[str] = []
    sieve = Sieve(filters, told.append)
    assert sieve.passed_over(Found(address, facts=KNOWN)) == reason
    assert told == []
    for _ in range(2):
        assert sieve.passed_over(Found(address)) is None
    asked_for = filters != Filters() and filters.archived != "include"
    assert len(told) == asked_for
    assert not told or "is not known; those are kept" in told[0]


def test_archived_ones_and_non_forks() -> None:
    address = git.Address.parse(URL)
    archived = Found(address, facts=Facts(archived=True, fork=False))
    for filters, reason in (
        (Filters(), "archived"),
        (Filters(archived="only"), None),
        (Filters(archived="include", forks="only"), "no forks"),
        (Filters(archived="include", forks="exclude"), None),
    ):
        assert Sieve(filters, print).passed_over(archived) == reason


def test_since() -> None:
    assert since("2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC)
    assert since("2026-01-31T10:00+02:00") == datetime(2026, 1, 31, 8, tzinfo=UTC)
    for text, hours in (("12h", 12), ("30d", 720), ("6w", 1008), ("1y", 8760)):
        ago = datetime.now(UTC) - since(text)
        assert abs(ago - timedelta(hours=hours)) < timedelta(hours=1)
    for text in ("", "yesterday", "30", "2026-13-01", "99999y", "-1d", "٣d"):
        with pytest.raises(ValueError, match="is no date: write it as 2026-01-31"):
            since(text)


def test_what_is_gathered_is_counted_and_comes_again_as_it_was(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    one, bare = sandbox.repository("one"), sandbox.root / "caf\udce9.git"
    sandbox.git(one, "clone", "-q", "--bare", str(one), str(bare))
    file = tmp_path / "list"
    file.write_text(f"{URL}x main release/1\n{URL}/skipped\n")
    (sandbox.root / "broken").mkdir()
    (sandbox.root / "broken" / ".git").write_text("gitdir: /nowhere\n")
    words = [str(sandbox.root), "https://u:p@example.org/a/b", "https://example.org/c/d"]
    filters = Filters(skip=("skipped",))
    tally = Tally()
    expected = list(find(words, lists=[str(file)], filters=filters, tally=tally))
    gathered = gather(words, lists=[str(file)], filters=filters)
    assert list(gathered) == list(gathered) == expected
    assert len(expected) == 6
    addresses = [
        item.place
        for item in gathered
        if isinstance(item, Found) and isinstance(item.place, git.Address)
    ]
    assert [address.secret for address in addresses] == [git.Secret("p", "u"), None, None]
    assert gathered.tally.line() == tally.line()
    assert tally.line() == f"5 repositories (2 paths, 2 URLs, 1 of {file}; 1 by name skipped)"


def test_the_line_of_numbers() -> None:
    tally = Tally()
    assert tally.line() == "0 repositories"
    tally.wanted["paths"] += 1
    assert tally.line() == "1 repository (1 path)"
    tally.wanted.update({"URLs": 12, "of github:acme": 1998, "paths": 2})
    tally.passed_over.update({"archived": 41, "by name": 1})
    assert tally.line() == (
        "2,013 repositories (3 paths, 12 URLs, 1,998 of github:acme; "
        "41 archived, 1 by name skipped)"
    )


def test_bases_of_a_repository_that_was_named_before_are_not_lost_in_silence(
    tmp_path: Path,
) -> None:
    file = tmp_path / "list"
    file.write_text(f"{URL} main\n")
    told: list[str] = []
    (found,) = find([URL], lists=[str(file)], tell=told.append)
    assert isinstance(found, Found) and found.bases == ()
    assert told == [f"{URL} was named before: the bases that come of {file} are not used"]

"""Pushes that ask for a review: what a real git server gets, and what it says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from patcher.git import Address, GitError, Identity, RemoteError, Repository, remote, write_commit
from patcher.git.errors import RemoteMoved
from patcher.git.values import FileChange
from tests.git.conftest import Work
from tests.git.forges import as_gitea, as_gitlab, recorded
from tests.git.server import Server

ME = Identity("Ada", "ada@example.org", "1700000000 +0000")
ZERO = "0" * 40
OPTIONS = ("merge_request.create", 'merge_request.title=a  "b" $(c) -d', "topic=ä")


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "RETRIES", remote.Retries(3, 0.01, 0.05, 0.01))


@pytest.fixture
def origin(work: Work) -> Path:
    source = work.repository("source")
    bare = work.root / "srv/repo.git"
    work.bare(source, bare)
    return bare


@pytest.fixture
def server(origin: Path) -> Iterator[Server]:
    with Server(origin.parent) as running:
        yield running


def commit_on(work: Work, address: Address) -> tuple[Repository, str]:
    """A repository one commit deep, and a new commit in it."""
    tip = remote.list_refs(address).refs["refs/heads/main"]
    path = work.root / os.urandom(4).hex()
    work.git(work.root, "init", "-q", "--bare", os.fspath(path))
    remote.fetch(address, path, [tip])
    repository = Repository(path, path, None, address)
    changes = [FileChange(b"profile", os.urandom(8))]
    return repository, write_commit(repository, tip, changes, "x", ME, ME)


def addresses(origin: Path, server: Server) -> list[Address]:
    return [Address.parse(url) for url in (f"{server.url}/ok/repo.git", f"file://{origin}")]


def test_options_reach_the_server_word_for_word(work: Work, origin: Path, server: Server) -> None:
    log = as_gitlab(origin, "", "View merge request for fix:", "  https://x.test/a/b/-/1", "")
    for number, address in enumerate(addresses(origin, server)):
        repository, commit = commit_on(work, address)
        said = remote.push(repository, f"fix{number}", commit, None, options=OPTIONS)
        assert said == "View merge request for fix: https://x.test/a/b/-/1"
        assert recorded(log)[-1] == {
            "options": [*OPTIONS],
            "refs": [[ZERO, commit, f"refs/heads/fix{number}"]],
        }


def test_options_leave_the_lease_what_it_is(work: Work, origin: Path, server: Server) -> None:
    log = as_gitlab(origin)
    address = Address.parse(f"{server.url}/ok/repo.git")
    repository, first = commit_on(work, address)
    remote.push(repository, "fix", first, None, options=OPTIONS)
    _repository, second = commit_on(work, address)
    with pytest.raises(RemoteMoved):
        remote.push(_repository, "fix", second, None, options=OPTIONS)
    assert work.git(origin, "rev-parse", "fix") == first
    remote.push(_repository, "fix", second, first, options=OPTIONS)
    assert work.git(origin, "rev-parse", "fix") == second
    assert len(recorded(log)) == 2
    # What is there already brings the server nothing to do.
    remote.push(_repository, "fix", second, second, options=OPTIONS)
    assert len(recorded(log)) == 2


def test_a_server_without_push_options_says_what_to_do(
    work: Work, origin: Path, server: Server
) -> None:
    for address in addresses(origin, server):
        repository, commit = commit_on(work, address)
        with pytest.raises(RemoteError) as caught:
            remote.push(repository, "fix", commit, None, options=OPTIONS)
        assert not caught.value.transient
        assert "the server takes no push options" in str(caught.value)
        assert "open the review by hand" in str(caught.value)
        assert "refs/heads/fix" not in remote.list_refs(address).refs


@pytest.mark.parametrize("option", ["a\nb", "a\0b", "x" * 65_001, "ä" * 40_000])
def test_an_option_that_git_cannot_send_is_refused(work: Work, origin: Path, option: str) -> None:
    as_gitlab(origin)
    repository, commit = commit_on(work, Address.parse(f"file://{origin}"))
    with pytest.raises(GitError, match="takes no push option"):
        remote.push(repository, "fix", commit, None, options=[option])


def test_a_long_option_is_sent(work: Work, origin: Path, server: Server) -> None:
    log = as_gitlab(origin)
    for number, address in enumerate(addresses(origin, server)):
        repository, commit = commit_on(work, address)
        option = "merge_request.description=" + "x" * 60_000
        remote.push(repository, f"fix{number}", commit, None, options=[option])
        assert recorded(log)[-1]["options"] == [option]


def test_what_is_for_review_goes_where_the_server_wants_it(
    work: Work, origin: Path, server: Server
) -> None:
    says = "Visit the existing pull request: https://x.test/a/b/pulls/7"
    log = as_gitea(origin, says)
    for address in addresses(origin, server):
        repository, commit = commit_on(work, address)
        said = remote.push(repository, "fix", commit, None, to="refs/for/main", options=OPTIONS)
        assert says in said
        assert recorded(log)[-1] == {
            "options": [*OPTIONS],
            "refs": [[ZERO, commit, "refs/for/main"]],
        }
        assert {*remote.list_refs(address).refs} == {"HEAD", "refs/heads/main"}


def test_parameters_in_the_name(work: Work, origin: Path, server: Server) -> None:
    log = as_gitea(origin, place="refs/changes/01/1/1")
    repository, commit = commit_on(work, Address.parse(f"{server.url}/ok/repo.git"))
    to = "refs/for/release/1%topic=patcher/deny-af-alg,hashtag=x,wip,r=bob@example.org"
    remote.push(repository, "fix", commit, None, to=to)
    assert recorded(log)[-1]["refs"][0][2] == to


@pytest.mark.parametrize(
    "refusal",
    [
        "no new changes",
        "commit(s) already exists (as current patchset)",
        "new commit is same with old commit",
    ],
)
def test_what_is_for_review_already_is_done(
    work: Work, origin: Path, server: Server, refusal: str
) -> None:
    as_gitea(origin, "hello", refusal=refusal)
    repository, commit = commit_on(work, Address.parse(f"{server.url}/ok/repo.git"))
    assert "hello" in remote.push(repository, "fix", commit, None, to="refs/for/main")


@pytest.mark.parametrize(
    "refusal",
    ["base-branch does not exist", "change https://x.test/c/p/+/7 closed", "non-fast-forward"],
)
def test_what_is_refused_for_review_says_why(
    work: Work, origin: Path, server: Server, refusal: str
) -> None:
    as_gitea(origin, "the server's words", refusal=refusal)
    repository, commit = commit_on(work, Address.parse(f"{server.url}/ok/repo.git"))
    with pytest.raises(RemoteError) as caught:
        remote.push(repository, "fix", commit, None, to="refs/for/main")
    assert caught.value.cause == "rejected"
    assert "the server's words" in str(caught.value)
    if refusal != "non-fast-forward":
        assert refusal in str(caught.value)


@pytest.mark.parametrize("to", ["refs/for/a b", "for/main", "refs/for/..", "-x", "refs/for/a:b"])
def test_a_place_that_is_no_name_is_refused(work: Work, origin: Path, to: str) -> None:
    repository, commit = commit_on(work, Address.parse(f"file://{origin}"))
    with pytest.raises(GitError, match="no name that git takes"):
        remote.push(repository, "fix", commit, None, to=to)

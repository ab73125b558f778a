"""GitHub, GitLab and Gitea through their client libraries, against servers on loopback."""

from __future__ import annotations

import gzip
import os
import socket
import ssl
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from patcher import forges, git
from patcher.cli import group
from patcher.forges import Facts, client, limits
from patcher.forges.listings import github as at_github
from patcher.forges.listings import gitlab as at_gitlab
from patcher.sources import Filters, Found, find, gather
from tests.git.server import Server
from tests.sources.servers import Forge, Gitea, GitHub, GitLab, Reply, Request, serving
from tests.variants import pairs

TOKEN = "t0ken-that-nobody-may-see"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """No token, proxy or server of the person who runs the tests."""
    for name in list(os.environ):
        if name.startswith(("GH_", "GITHUB_", "GITLAB_", "GITEA_", "CI_")):
            monkeypatch.delenv(name)
        if name.lower().endswith("_proxy") or name in ("REQUESTS_CA_BUNDLE", "NETRC"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(client, "BACKOFF", 0.01)
    monkeypatch.setattr(limits, "_limits", {})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits take no time: how long each would have been."""
    slept: list[float] = []
    monkeypatch.setattr(limits, "monotonic", lambda: time.monotonic() + sum(slept))
    monkeypatch.setattr(limits, "sleep", slept.append)
    return slept


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    server = GitHub()
    with serving(server):
        monkeypatch.setenv("GITHUB_API_URL", server.api)
        server.users = {TOKEN: "me"}
        yield server


@pytest.fixture
def gitlab(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitLab]:
    server = GitLab()
    with serving(server):
        monkeypatch.setenv("GITLAB_HOST", server.url)
        yield server


@pytest.fixture
def gitea() -> Iterator[Gitea]:
    server = Gitea()
    with serving(server):
        yield server


class Seen:
    """What a source gave."""

    def __init__(self, *words: str, filters: Filters | None = None) -> None:
        self.told: list[str] = []
        self.found: list[Found] = []
        self.failures: list[str] = []
        for item in find(words, filters=filters or Filters(), tell=self.told.append):
            if isinstance(item, git.Failure):
                line = f"{item.place}: {item.error}"
                assert line.isprintable()
                self.failures.append(line)
            else:
                self.found.append(item)

    @property
    def addresses(self) -> list[git.Address]:
        return [found.place for found in self.found if isinstance(found.place, git.Address)]

    @property
    def names(self) -> list[str]:
        return [address.path[1:].removesuffix(".git") for address in self.addresses]

    @property
    def failure(self) -> str:
        """The only one."""
        (line,) = self.failures
        return line


# What each forge says


def test_an_organisation_of_github(github: GitHub) -> None:
    github.add("acme/moby", fork=True, topics=["docker"], default_branch="master")
    github.add("acme/old", archived=True)
    github.add("acme/private", private=True, visibility="internal", pushed_at=None)
    github.add("other/x")
    seen = Seen("github:acme")
    assert seen.failures == [] and seen.told == []
    assert seen.names == ["acme/moby", "acme/private"]
    assert seen.addresses[0].url == f"{github.url}/acme/moby.git"
    assert seen.found[0].facts == Facts(
        archived=False,
        fork=True,
        visibility="public",
        topics=("docker",),
        pushed_at=datetime(2026, 1, 26, 19, 6, 43, tzinfo=UTC),
        default_branch="master",
    )
    facts = seen.found[1].facts
    assert facts is not None and facts.visibility == "internal" and facts.pushed_at is None
    assert [request.path for request in github.requests] == ["/api/v3/orgs/acme/repos"]


def test_what_is_gathered_keeps_what_the_forge_said(
    server: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = many(server, 130)
    for name in ("GITHUB_TOKEN", "GITLAB_TOKEN", "GITEA_TOKEN"):
        monkeypatch.setenv(name, TOKEN)
    gathered = gather([word])
    assert len(list(gathered)) == 130
    for before, after in zip(find([word]), gathered, strict=True):
        assert before == after and isinstance(after, Found)
        assert isinstance(before, Found) and isinstance(before.place, git.Address)
        assert isinstance(after.place, git.Address) and after.place.secret == before.place.secret
        assert after.place.secret is not None and after.facts is not None


def test_one_repository_of_github_and_its_family(github: GitHub) -> None:
    upstream = github.add("moby/moby")
    github.add("acme/moby", fork=True, parent=upstream)
    seen = Seen("github:acme/moby")
    assert seen.names == ["acme/moby"]
    assert seen.found[0].family == f"{github.url}/moby/moby.git"


def test_a_user_of_github(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    github.add("me/public")
    github.add("me/private", private=True)
    github.add("you/public")
    github.add("you/private", private=True)
    assert Seen("github:user/me").names == ["me/public"]
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    assert Seen("github:user/Me").names == ["me/public", "me/private"]
    assert Seen("github:user/you").names == ["you/public"]


def test_a_token_that_stands_for_no_user(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    github.add("you/public")
    github.instead = [Reply(403, {"message": "Resource not accessible by integration"})]
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    seen = Seen("github:user/you")
    assert seen.names == ["you/public"] and seen.failures == []


def test_a_user_is_no_organisation(github: GitHub) -> None:
    github.add("me/x")
    assert Seen("github:me").failure.endswith(
        "knows nothing of that name that is public; for what is not, set GH_ENTERPRISE_TOKEN or "
        "GITHUB_ENTERPRISE_TOKEN or GH_TOKEN or GITHUB_TOKEN (a user's are github:user/me)"
    )


def test_a_search_on_github(github: GitHub) -> None:
    for number in range(250):
        github.add(f"acme/repo-{number}")
    github.add("acme/else")
    seen = Seen("github:search/acme/repo-")
    assert len(seen.found) == 250 and seen.told == [] and seen.failures == []
    assert github.requests[0].query == {"q": "acme/repo-", "per_page": "100"}


def test_github_gives_a_thousand_of_a_search(github: GitHub) -> None:
    for number in range(1100):
        github.add(f"acme/{number}")
    seen = Seen("github:search/acme")
    assert len(seen.found) == 1000 and seen.told == []
    assert seen.failure == (
        "github:search/acme: GitHub gives 1,000 of the 1,100 found: narrow the search"
    )


def test_a_search_that_is_not_complete(github: GitHub) -> None:
    body = {"total_count": 0, "incomplete_results": True, "items": []}
    github.instead = [Reply(200, body)]
    assert Seen("github:search/x").failure == (
        "github:search/x: GitHub ran out of time, and the search is not complete: narrow it"
    )


def test_a_list_without_organisations_that_want_single_sign_on(
    github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is short, so it is no clean answer, on whichever page that is said."""
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    many(github, 150)
    partial = {"X-GitHub-SSO": "partial-results; organizations=21955855,20582480"}
    for page in (0, 1):
        github.instead = [None] * page + [Reply(200, github.owners["acme"][:3], partial)]
        seen = Seen("github:acme")
        assert len(seen.found) == (3 if page == 0 else 100)
        assert seen.failure.startswith(
            "github:acme: GitHub leaves out what is in organisations for whose single sign-on the "
            "token in GITHUB_TOKEN is not authorized: authorize it"
        )
    github.instead = [Reply(200, github.owners["acme"][:3], partial)]
    result = CliRunner().invoke(group, ["repos", "github:acme", "--format", "urls"])
    assert result.exit_code == 3 and len(result.stdout.splitlines()) == 3


def test_a_token_that_single_sign_on_does_not_know(
    github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    url = "https://github.example/orgs/acme/sso?authorization_request=AZSCKtL4U8yX1H3sCQ"
    required = {"X-GitHub-SSO": f"required; url={url}"}
    github.instead = [Reply(403, {"message": "Resource protected by SAML"}, required)]
    assert Seen("github:acme").failure.endswith(
        f" denies access until the token is authorized at {url}"
    )


def test_a_group_of_gitlab_with_its_subgroups(gitlab: GitLab) -> None:
    parent = gitlab.add("upstream/moby", visibility="public")
    gitlab.add("acme/moby", topics=["docker"], forked_from_project=parent)
    gitlab.add("acme/sub/deep/tool", archived=True, last_activity_at=None)
    gitlab.add("acmes/other")
    seen = Seen("gitlab:acme", filters=Filters(archived="include"))
    assert seen.failures == [] and seen.names == ["acme/moby", "acme/sub/deep/tool"]
    assert seen.found[0].family == f"{gitlab.url}/upstream/moby.git"
    assert seen.found[0].facts == Facts(
        archived=False,
        fork=True,
        visibility="private",
        topics=("docker",),
        pushed_at=datetime(2026, 1, 30, 13, 46, 2, 123000, tzinfo=UTC),
        default_branch="main",
    )
    facts = seen.found[1].facts
    assert facts is not None and facts.fork is False and facts.archived is True
    assert Seen("gitlab:acme/sub").names == []
    assert gitlab.requests[-1].path == "/api/v4/groups/acme%2Fsub/projects"


def test_one_project_of_gitlab(gitlab: GitLab) -> None:
    gitlab.add("acme/sub/tool")
    assert Seen("gitlab:acme/sub/tool").names == ["acme/sub/tool"]
    failure = Seen("gitlab:acme/none").failure
    assert failure.startswith("gitlab:acme/none: 127.0.0.1:") and "knows nothing of" in failure


def test_gitlab_before_it_knew_topics(gitlab: GitLab) -> None:
    del gitlab.add("acme/moby", tag_list=["docker"])["topics"]
    assert Seen("gitlab:acme", filters=Filters(topics=("docker",))).names == ["acme/moby"]


def test_an_organisation_of_gitea(gitea: Gitea) -> None:
    parent = gitea.record("up/moby")
    gitea.orgs["acme"] = [
        gitea.record("acme/moby", fork=True, parent=parent, topics=["docker"], private=True),
        gitea.record("acme/inner", private=True, internal=True),
    ]
    gitea.users["me"] = [gitea.record("me/x")]
    seen = Seen(f"gitea:{gitea.url}/acme")
    assert seen.failures == [] and seen.names == ["acme/moby", "acme/inner"]
    assert seen.found[0].family == f"{gitea.url}/up/moby.git"
    assert seen.found[0].facts == Facts(
        archived=False,
        fork=True,
        visibility="private",
        topics=("docker",),
        pushed_at=datetime(2026, 1, 30, 13, 46, 2, tzinfo=UTC),
        default_branch="main",
    )
    facts = seen.found[1].facts
    assert facts is not None and facts.visibility == "internal"
    assert Seen(f"gitea:{gitea.url}/me").names == ["me/x"]
    assert "knows nothing of that name" in Seen(f"gitea:{gitea.url}/none").failure


def test_gitea_below_a_path(gitea: Gitea) -> None:
    gitea.prefix = "/git/api/v1"
    url = f"{gitea.url}/git/acme/x.git"
    gitea.orgs["acme"] = [gitea.record("acme/x", clone_url=url), gitea.record("acme/y")]
    seen = Seen(f"gitea:{gitea.url}/git/acme")
    assert [address.url for address in seen.addresses] == [url]
    assert f"its clone URL {gitea.url}/acme/y.git is not below {gitea.url}/git/" in seen.failure


# Pages


def many(server: Forge, number: int) -> str:
    """Repositories on a server, and the word for them."""
    names = [f"acme/r{n:05}" for n in range(number)]
    if isinstance(server, Gitea):
        server.orgs["acme"] = [server.record(name) for name in names]
        return f"gitea:{server.url}/acme"
    assert isinstance(server, GitHub | GitLab)
    for name in names:
        server.add(name)
    return "github:acme" if isinstance(server, GitHub) else "gitlab:acme"


@pytest.fixture(params=["github", "gitlab", "gitea"])
def server(request: pytest.FixtureRequest) -> Forge:
    made: Forge = request.getfixturevalue(request.param)
    return made


def test_all_pages_are_read(server: Forge) -> None:
    seen = Seen(many(server, 2345))
    assert seen.names == [f"acme/r{n:05}" for n in range(2345)]
    assert len(server.requests) == -(-2345 // min(100, server.page_size))


def test_keyset_pages(gitlab: GitLab) -> None:
    gitlab.keyset = True
    assert len(Seen(many(gitlab, 1001)).found) == 1001
    assert gitlab.requests[-1].query["id_after"] == "1000"


def test_pages_are_read_as_they_are_asked_for(server: Forge) -> None:
    items = find([many(server, 300)])
    next(items)
    assert len(server.requests) == 1


def test_a_repository_that_moves_over_a_pages_edge_comes_once(server: Forge) -> None:
    word = many(server, 150)
    items = find([word])
    first = [next(items) for _ in range(server.page_size)]
    if isinstance(server, GitHub):
        server.owners["acme"].insert(0, server.owners["acme"][0])
    elif isinstance(server, GitLab):
        server.projects.insert(0, server.projects[0])
    else:
        assert isinstance(server, Gitea)
        server.orgs["acme"].insert(0, server.orgs["acme"][0])
    found = [*first, *items]
    places = [item.place for item in found if isinstance(item, Found)]
    assert len(places) == len(set(places)) == 150


def test_a_next_page_elsewhere_is_not_followed(server: Forge) -> None:
    word = many(server, 1)
    for link in ("https://evil.example/api", f"{server.url}/elsewhere", "//evil.example/x", "?x"):
        server.instead = [Reply(200, [], {"Link": f'<{link}>; rel="next"'})]
        seen = Seen(word)
        assert f"the next page is elsewhere, at {link}: not followed" in seen.failure
    assert len(server.requests) == 4


def test_a_next_page_is_one_however_it_is_named(server: Forge) -> None:
    """RFC 8288: names in any case, several relations, with quotes or without."""
    word = many(server, 1)
    link = f"<{server.api}/x>"
    for rel in ("rel=next", 'REL="next"', 'rel="last next"', 'rel = "Next"', "rel='next'"):
        server.instead = [Reply(200, [], {"Link": f"{link}; {rel}"}), Reply(500, {"message": "x"})]
        server.instead += server.instead[1:] * 3
        assert " fails with HTTP 500" in Seen(word).failure
    for header in (f'{link}; title="a;b"; rel="next"', "rel=next"):
        server.instead = [Reply(200, [], {"Link": header})]
        assert "the Link header with the next page cannot be read" in Seen(word).failure


def test_pages_in_a_circle_end(server: Forge) -> None:
    word = many(server, 1)
    link = {"Link": f'<{server.api}/x?page=2>; rel="next"'}
    server.instead = [Reply(200, [], link) for _ in range(10)]
    assert Seen(word).failure.endswith("the pages do not end")
    assert len(server.requests) == 2


# Tokens


def test_a_token_goes_to_its_own_server_and_into_its_addresses(
    server: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = many(server, 1)
    for name in ("GITHUB_TOKEN", "GITLAB_TOKEN", "GITEA_TOKEN"):
        monkeypatch.setenv(name, TOKEN)
    if isinstance(server, GitLab | Gitea):
        server.token = TOKEN
    seen = Seen(word)
    user = "x-access-token" if isinstance(server, GitHub) else "oauth2"
    assert [address.secret for address in seen.addresses] == [git.Secret(TOKEN, user)]
    assert TOKEN in server.requests[0].authorization
    assert TOKEN not in repr(seen.found)


def test_a_token_for_another_server_stays_at_home(
    server: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = many(server, 1)
    for name in ("GITLAB_TOKEN", "GITEA_TOKEN"):
        monkeypatch.setenv(name, TOKEN)
    monkeypatch.setenv("GITEA_SERVER_URL", "https://gitea.example.org")
    if isinstance(server, GitLab):
        monkeypatch.setenv("GITLAB_HOST", "gitlab.example.org")
        own = at_gitlab.server_at(server.url)
        assert own.token is None and own.api.startswith("http://127.0.0.1:")
        return
    if isinstance(server, GitHub):
        monkeypatch.setenv("GH_HOST", server.url)
        monkeypatch.delenv("GITHUB_API_URL")
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        monkeypatch.setenv("GH_TOKEN", TOKEN)
    seen = Seen(word)
    assert [address.secret for address in seen.addresses] == [None]
    assert server.requests[0].authorization == ""


SERVERS: list[tuple[dict[str, str], str | None, tuple[str, str, str | None]]] = [
    ({}, None, ("https://api.github.com", "https://github.com", None)),
    ({"GITHUB_TOKEN": "a"}, None, ("https://api.github.com", "https://github.com", "a")),
    (
        {"GITHUB_TOKEN": "a", "GH_TOKEN": "b"},
        None,
        ("https://api.github.com", "https://github.com", "b"),
    ),
    (
        {"GH_ENTERPRISE_TOKEN": "a"},
        None,
        ("https://api.github.com", "https://github.com", None),
    ),
    (
        {"GH_HOST": "ghe.example.org", "GH_TOKEN": "a", "GH_ENTERPRISE_TOKEN": "b"},
        None,
        ("https://ghe.example.org/api/v3", "https://ghe.example.org", "b"),
    ),
    (
        {"GH_HOST": "ghe.example.org", "GH_TOKEN": "a"},
        None,
        ("https://ghe.example.org/api/v3", "https://ghe.example.org", None),
    ),
    (
        {"GH_HOST": "ghe.example.org", "GH_TOKEN": "a", "GH_ENTERPRISE_TOKEN": "b"},
        "github.com",
        ("https://api.github.com", "https://github.com", "a"),
    ),
    (
        {"GH_TOKEN": "a"},
        "acme.ghe.com",
        ("https://api.acme.ghe.com", "https://acme.ghe.com", "a"),
    ),
    (
        {
            "GITHUB_API_URL": "https://ghe.example.org/api/v3",
            "GITHUB_SERVER_URL": "https://ghe.example.org",
            "GITHUB_TOKEN": "a",
        },
        None,
        ("https://ghe.example.org/api/v3", "https://ghe.example.org", "a"),
    ),
    (
        {"GITHUB_API_URL": "https://ghe.example.org/api/v3", "GITHUB_TOKEN": "a"},
        "evil.example.org",
        ("https://evil.example.org/api/v3", "https://evil.example.org", None),
    ),
    (
        {"GITHUB_API_URL": "https://api.github.com", "GITHUB_TOKEN": "a"},
        "github.com",
        ("https://api.github.com", "https://github.com", "a"),
    ),
]


@pytest.mark.parametrize(("environment", "host", "expected"), SERVERS)
def test_which_github_and_which_token(
    environment: dict[str, str],
    host: str | None,
    expected: tuple[str, str, str | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    made = at_github.server_at(host and f"https://{host}")
    assert (made.api, made.web, made.token) == expected


def test_which_gitlab(gitlab: GitLab, monkeypatch: pytest.MonkeyPatch) -> None:
    gitlab.token = TOKEN
    gitlab.add("acme/x")
    monkeypatch.delenv("GITLAB_HOST")
    monkeypatch.setenv("CI_SERVER_URL", f"{gitlab.url}/")
    monkeypatch.setenv("GITLAB_TOKEN", TOKEN)
    assert Seen("gitlab:acme").names == ["acme/x"]


def test_one_token_for_two_gitea_servers(gitea: Gitea, monkeypatch: pytest.MonkeyPatch) -> None:
    word = many(gitea, 1)
    monkeypatch.setenv("GITEA_TOKEN", TOKEN)
    seen = Seen(word, "gitea:gitea.invalid/acme")
    assert seen.found == [] and gitea.requests == []
    assert all("GITEA_TOKEN is for one server, and there are 2" in x for x in seen.failures)


def test_a_token_is_not_sent_over_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITEA_TOKEN", TOKEN)
    monkeypatch.setenv("GITLAB_TOKEN", TOKEN)
    monkeypatch.setenv("GITLAB_HOST", "http://gitlab.invalid")
    for word in ("gitea:http://gitea.invalid/acme", "gitlab:acme"):
        assert "a token is not sent over http: use https for http://git" in Seen(word).failure


PLAIN_HTTP = {
    "CI_SERVER_URL": {"CI_SERVER_URL": "http://HOST"},
    "GITLAB_HOST": {"GITLAB_HOST": "http://HOST"},
    "GH_HOST": {"GH_HOST": "http://HOST"},
    "GITHUB_API_URL": {"GITHUB_API_URL": "http://HOST/api/v3"},
    "GITHUB_SERVER_URL": {
        "GITHUB_API_URL": "https://HOST/api/v3",
        "GITHUB_SERVER_URL": "http://HOST",
    },
    "GITEA_SERVER_URL": {"GITEA_SERVER_URL": "http://HOST"},
}
TOKENS = ("GITLAB_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITEA_TOKEN")


@pytest.mark.parametrize("case", PLAIN_HTTP)
@pytest.mark.parametrize("host", ["forge.invalid", "127.0.0.1.invalid", "localhost.invalid:8080"])
def test_a_clone_url_over_plain_http_gets_no_token(
    case: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in TOKENS:
        monkeypatch.setenv(name, TOKEN)
    address = git.Address.parse(f"http://{host}/acme/x.git")

    def serve(place: str) -> None:
        for name, value in PLAIN_HTTP[case].items():
            monkeypatch.setenv(name, value.replace("HOST", place))

    serve(host)
    with pytest.raises(git.GitError, match="a token is not sent over http: use https for http://"):
        forges.with_token(address, None, ())
    # What the user writes into the URL is the user's word.
    own = git.Address.parse(f"http://me:own@{host}/acme/x.git")
    assert forges.with_token(own, None, ()).secret == git.Secret("own", "me")
    serve("127.0.0.1:8080")
    address = git.Address.parse("http://127.0.0.1:8080/acme/x.git")
    here = forges.with_token(address, None, ())
    assert here.secret is not None and here.secret.password == TOKEN
    if case == "GITHUB_SERVER_URL":  # its interface is safe, and its clone URLs are not
        serve(host)
        assert "not sent over http" in Seen("github:acme").failure


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is loopback on Linux alone")
@pytest.mark.parametrize("case", ["CI_SERVER_URL", "GH_HOST", "GITEA_SERVER_URL"])
def test_a_campaign_sends_no_token_over_plain_http(
    case: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in TOKENS:
        monkeypatch.setenv(name, TOKEN)
    with Server(tmp_path, at="127.0.0.2") as other:
        # 127.0.0.2 stands for a machine elsewhere: it is not among what patcher calls loopback.
        monkeypatch.setenv(case, other.url)
        listed = tmp_path / "list"
        listed.write_text(f"{other.url}/401/x.git\n")
        arguments = ["apply", "--push", "--campaign", "c", "--from", str(listed)]
        result = CliRunner().invoke(group, arguments)
        assert result.exit_code == 3
        assert f"{other.url}/401/x.git: a token is not sent over http" in result.stderr
        assert TOKEN not in result.output
        assert [one.authorization for one in other.requests] == []


def guarding(server: Forge) -> list[str]:
    """The server asks for a password where git reads a repository, and lets nobody in: what it was
    shown."""
    shown: list[str] = []
    answer = server.answer

    def guarded(request: Request) -> Reply:
        if not request.path.endswith("/info/refs"):
            return answer(request)
        if request.authorization:
            kind, _, pair = request.authorization.partition(" ")
            assert kind == "Basic"
            shown.append(b64decode(pair).decode())
            return Reply(404, b"")
        return Reply(401, b"", {"WWW-Authenticate": 'Basic realm="x"'})

    vars(server)["answer"] = guarded
    return shown


@pytest.mark.parametrize("forge", ["github", "gitea"])
def test_a_campaign_that_goes_on_has_the_token_of_its_server(
    forge: str, request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: Forge = request.getfixturevalue(forge)
    word = many(server, 1)
    shown = guarding(server)
    monkeypatch.delenv("GITHUB_API_URL", raising=False)
    monkeypatch.setenv("GH_ENTERPRISE_TOKEN", TOKEN)
    monkeypatch.setenv("GITEA_TOKEN", TOKEN)
    if isinstance(server, GitHub):
        monkeypatch.setenv("GH_HOST", server.url)
    else:
        assert isinstance(server, Gitea)
        server.token = TOKEN
    run = ["apply", "--push", "--campaign", "c"]
    assert CliRunner().invoke(group, [*run, word]).exit_code == 3
    pair = "x-access-token" if isinstance(server, GitHub) else "oauth2"
    assert set(shown) == {f"{pair}:{TOKEN}"}
    shown.clear()
    monkeypatch.delenv("GH_HOST", raising=False)
    result = CliRunner().invoke(group, run)
    assert result.exit_code == 3 and set(shown) == {f"{pair}:{TOKEN}"}
    assert not [
        path for path in home.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()
    ]
    # As soon as it has repositories of two servers, whose token it is must be said.
    if isinstance(server, Gitea):
        with serving(other := Gitea()):
            monkeypatch.setenv("GITEA_SERVER_URL", other.url)
            other.token = TOKEN
            CliRunner().invoke(group, [*run, many(other, 1)])
            monkeypatch.delenv("GITEA_SERVER_URL")
            shown.clear()
            result = CliRunner().invoke(group, [*run, "--retry", "failed"])
            assert result.stderr.count("GITEA_TOKEN is for one server, and there are 2: say") == 2
            assert shown == []
            monkeypatch.setenv("GITEA_SERVER_URL", server.url)
            CliRunner().invoke(group, [*run, "--retry", "failed"])
            assert set(shown) == {f"{pair}:{TOKEN}"}


@pytest.mark.parametrize(
    "token", ["a\nhost=evil.example", "a\rb", "tökén", "\u20ac", "a\x1bb", "a\0b"]
)
def test_what_is_no_token_is_said(
    server: Forge, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    word = many(server, 1)
    environ = dict(os.environ) | dict.fromkeys(TOKENS, token)  # also what the system does not take
    monkeypatch.setattr(os, "environ", environ)
    seen = Seen(word, "https://example.org/a/b")
    assert seen.names == ["a/b"]
    assert "_TOKEN holds no token: a line break, or a character that none has" in seen.failure
    assert server.requests == []


ECHOES = {
    "a message": Reply(403, {"message": f"not for {TOKEN}"}),
    "an error": Reply(500, {"error": TOKEN}),
    "HTML": Reply(403, f"<html>{TOKEN}</html>".encode()),
    "encoded": Reply(403, {"message": "not for " + TOKEN.replace("t", "%74")}),
    "the end of what is shown": Reply(403, {"message": "x" * 190 + TOKEN}),
    "a name": Reply(200, [{"full_name": TOKEN, "path_with_namespace": TOKEN}]),
    "a clone URL": Reply(
        200, [{"clone_url": f"https://x/{TOKEN}", "http_url_to_repo": f"https://x/{TOKEN}"}]
    ),
    "a password": Reply(
        200, [{"clone_url": f"https://a:{TOKEN}/@x/y", "http_url_to_repo": f"ftp://a:{TOKEN}/@x"}]
    ),
    "a redirect": Reply(302, b"", {"Location": f"https://evil.example/{TOKEN}"}),
    "a redirect that stays": Reply(301, b"", {"Location": f"http://localhost/{TOKEN}"}),
    "a next page": Reply(200, [], {"Link": f'<https://evil.example/{TOKEN}>; rel="next"'}),
}


@pytest.mark.parametrize("case", ECHOES)
def test_a_forge_that_repeats_the_token_does_not_make_it_seen(
    server: Forge, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    word = many(server, 1)
    for name in TOKENS:
        monkeypatch.setenv(name, TOKEN)
    if isinstance(server, GitLab | Gitea):
        server.token = TOKEN
    server.instead = [ECHOES[case] for _ in range(client.ATTEMPTS)]
    seen = Seen(word)
    assert any(TOKEN in request.authorization for request in server.requests)
    shown = " ".join(seen.failures + seen.told)
    assert "-that-" not in shown and "t0ken" not in shown


def test_facts_that_repeat_the_token(server: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    word = many(server, 1)
    for name in TOKENS:
        monkeypatch.setenv(name, TOKEN)
    changed = {"default_branch": TOKEN, "topics": [TOKEN], "visibility": TOKEN}
    if isinstance(server, GitHub):
        server.owners["acme"][0].update(changed)
    elif isinstance(server, GitLab):
        server.projects[0].update(changed)
    else:
        assert isinstance(server, Gitea)
        server.orgs["acme"][0].update(changed)
    (found,) = Seen(word).found
    assert found.facts is not None and found.facts.default_branch == "***"
    assert TOKEN not in repr(found.facts)


def test_what_netrc_says_does_not_take_a_tokens_place(
    server: Forge, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login x password y\n")
    word = many(server, 1)
    for name in ("GITHUB_TOKEN", "GITLAB_TOKEN", "GITEA_TOKEN"):
        monkeypatch.setenv(name, TOKEN)
    assert Seen(word).names == ["acme/r00000"]
    assert TOKEN in server.requests[0].authorization


# What goes wrong


def test_a_token_that_is_not_taken(server: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    word = many(server, 1)
    for name in ("GITHUB_TOKEN", "GITLAB_TOKEN", "GITEA_TOKEN"):
        monkeypatch.setenv(name, "wrong-" + TOKEN)
    if isinstance(server, GitLab | Gitea):
        server.token = TOKEN
    failure = Seen(word).failure
    assert " does not take the token in G" in failure and TOKEN not in failure
    if isinstance(server, GitHub):
        assert failure.endswith(" does not take the token in GITHUB_TOKEN: Bad credentials")
    assert len(server.requests) == 1


ERRORS = {
    "401": (Reply(401, {"message": "no"}), " wants a token: set G"),
    "403": (Reply(403, {"message": "SAML\x1b[2J"}), r" denies access: SAML\x1b[2J"),
    "403 in HTML": (Reply(403, b"<html>no</html>"), " denies access"),
    "404": (Reply(404, {"message": "Not Found"}), " knows nothing of that name that is public"),
    "422": (Reply(422, {"message": "bad"}), " fails with HTTP 422: bad"),
    "a part": (Reply(206, []), " fails with HTTP 206"),
    "a sign-in page": (Reply(200, b"<html>Sign in</html>"), " answers with something that is no "),
    "half a document": (Reply(200, b'[{"id": 1'), " answers with something that is no "),
    "no list": (Reply(200, {"id": 1}), " answers with something that is no list of repositories"),
    "null": (Reply(200, None), " answers with something that is no list of repositories"),
    "deep": (Reply(200, b"[" * 100000), " answers with something that is no "),
    "bytes": (Reply(200, b"\xff\xfe\x00"), " answers with something that is no "),
}


@pytest.mark.parametrize("case", ERRORS)
def test_an_answer_that_does_not_help_is_one_line(server: Forge, case: str) -> None:
    word = many(server, 1)
    reply, expected = ERRORS[case]
    server.instead = [reply]
    if isinstance(server, Gitea) and case == "404":
        server.instead.append(reply)
    failure = Seen(word).failure
    assert failure.startswith(f"{word}: 127.0.0.1:") and expected in failure, failure


@pytest.mark.parametrize("case", ["a sign-in page", "half a document", "no list", "null", "bytes"])
@pytest.mark.parametrize("page", [2, 3])
def test_a_later_page_that_does_not_help_ends_no_list(server: Forge, case: str, page: int) -> None:
    word = many(server, 350)
    reply, expected = ERRORS[case]
    server.instead = [*[None] * (page - 1), reply]
    seen = Seen(word)
    assert expected in seen.failure
    assert len(seen.found) == (page - 1) * min(100, server.page_size)


@pytest.mark.parametrize("body", [b"", b" ", b"<html>Sign in</html>", b'{"total_count": 0}', b"[]"])
def test_a_search_is_not_empty_for_want_of_an_answer(github: GitHub, body: bytes) -> None:
    github.instead = [Reply(200, body)]
    assert "answers with something that is no " in Seen("github:search/org:acme").failure


ODD_BODIES = {
    "a number of 5,000 digits": b'[{"id": ' + b"9" * 5000 + b"}]",
    "a negative one": b'{"message": -' + b"9" * 5000 + b"}",
    "numbers that are none": b'[{"id": NaN}, {"id": -Infinity}, {"id": 1e999}]',
    "half a character": b'[{"full_name": "\\ud800"}]',
    "no UTF-8": b'[{"full_name": "\xff\xfe"}]',
    "a NUL": b'[{"full_name": "\\u0000", "pushed_at": "0000-00-00T25:61:61Z"}]',
    "a date out of range": b'[{"pushed_at": "9999-12-31T23:59:59-23:59"}]',
    "deep": b'{"message": ' * 900 + b"1" + b"}" * 900,
    "very deep": b"[" * 100_000,
    "keys that repeat": b'[{"clone_url": 1, "clone_url": [], "clone_url": {}}]',
    "nothing": b"",
    "blanks": b" \n\t ",
    "a sign-in page": b"<!DOCTYPE html><title>Sign in</title>",
}
ODD_HEADERS: dict[str, dict[str, str]] = {
    "JSON": {"Content-Type": "application/json"},
    "a character set that is none": {"Content-Type": "application/json; charset=undefined"},
    "a character set that nobody knows": {"Content-Type": "application/json; charset=\xff"},
    "a character set that is no text": {"Content-Type": "text/html; charset=base64"},
    "a Location that is no UTF-8": {"Location": "/\xff\xfe"},
    "a Location that is no URL": {"Location": "http://[/"},
    "a Location with a port of 5,000 digits": {"Location": "http://127.0.0.1:" + "9" * 5000 + "/"},
    "compressed, and is not": {"Content-Encoding": "gzip"},
    "a rate limit of many digits": {"Retry-After": "9" * 5000, "X-RateLimit-Reset": "9" * 5000},
    "a limit that is no number": {
        "X-RateLimit-Remaining": "x",
        "X-RateLimit-Limit": "1e999",
        "X-RateLimit-Reset": "nan",
    },
    "a Link that is none": {"Link": '<>;;=";\xff,<;rel="next"'},
}


@pytest.mark.parametrize(("body", "header"), pairs(ODD_BODIES, ODD_HEADERS))
def test_whatever_a_forge_answers_ends_its_own_source_alone(
    server: Forge, clock: list[float], body: str, header: str
) -> None:
    for status in (200, 204, 301, 302, 401, 403, 404, 429, 500):
        server.instead = [Reply(status, ODD_BODIES[body], ODD_HEADERS[header])] * 40
        seen = Seen(many(server, 0), "https://example.org/a/b")
        assert seen.names == ["a/b"]
        assert seen.failures and all(len(line) < 500 for line in seen.failures)


def test_a_forge_that_puts_it_off_for_ever(server: Forge) -> None:
    word = many(server, 0)
    server.instead = [Reply(202, {"message": "later"})] * 3000
    seen = Seen(word, "https://example.org/a/b")
    assert seen.names == ["a/b"] and len(seen.failures) == 1


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_error_that_passes(server: Forge, status: int) -> None:
    word = many(server, 150)
    server.instead = [Reply(status, b"oops"), None, Reply(status, b"oops"), Reply(status, b"oops")]
    seen = Seen(word)
    assert len(seen.found) == 150 and seen.failures == []


def test_a_server_error_that_stays_leaves_what_was_found(server: Forge) -> None:
    word = many(server, 150)
    server.instead = [None, *(Reply(502, b"<html>oops") for _ in range(client.ATTEMPTS))]
    seen = Seen(word, "https://example.org/a/b")
    assert len(seen.found) == server.page_size + 1
    assert seen.failure.endswith(" fails with HTTP 502")
    assert len(server.requests) == 1 + client.ATTEMPTS


def test_an_answer_that_breaks_off(server: Forge) -> None:
    word = many(server, 2)
    server.instead = [Reply(200, [{}] * 100, cut=10), None]
    assert len(Seen(word).found) == 2
    server.instead = [Reply(200, [{}] * 100, cut=10) for _ in range(client.ATTEMPTS)]
    assert Seen(word).failure.endswith("breaks off in the middle of an answer")


def test_a_server_that_does_not_answer(server: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "TIMEOUT", 1)
    monkeypatch.setattr(client, "ATTEMPTS", 2)
    word = many(server, 1)
    server.instead = [Reply(silent=4), Reply(silent=4)]
    assert " gives no answer within " in Seen(word).failure
    assert len(server.requests) == 2


ENDLESS = {
    "blanks": Reply(200, b" " * 65536, endless=True),
    "an error": Reply(500, b"oops" * 16384, endless=True),
    "a redirect": Reply(302, b"oops" * 16384, {"Location": "/elsewhere"}, endless=True),
    "compressed": Reply(200, gzip.compress(b" " * (40 << 20)), {"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_a_response_without_end_is_not_read_to_its_end(server: Forge, case: str) -> None:
    server.instead = [ENDLESS[case]]
    seen = Seen(many(server, 1), "https://example.org/a/b")
    assert seen.names == ["a/b"]
    assert seen.failure.endswith(" sends a response of more than 4 MiB")
    assert len(server.requests) == 1


def test_a_list_of_more_repositories_than_any_forge_has(
    server: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MOST_REPOSITORIES", 150)
    seen = Seen(many(server, 250), "https://example.org/a/b")
    assert seen.failure.endswith(" lists more than 150 repositories")
    assert len(seen.found) == 150 // server.page_size * server.page_size + 1


def test_a_response_that_comes_a_byte_at_a_time_has_an_end(
    server: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MOST_SECONDS", 1)
    server.instead = [Reply(trickle=0.05)]
    seen = Seen(many(server, 1), "https://example.org/a/b")
    assert seen.names == ["a/b"]
    assert seen.failure.endswith(" takes more than 1 s for one response")


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("GITHUB_API_URL", f"{url}/api/v3")
        monkeypatch.setenv("GITLAB_HOST", url)
        for word in ("github:acme", "gitlab:acme", f"gitea:{url}/acme"):
            failure = Seen(word).failure
            assert failure.endswith(" cannot be reached (connection refused)"), failure


@pytest.mark.parametrize(("error", "times"), [(socket.EAI_NONAME, 1), (socket.EAI_AGAIN, 4)])
def test_a_host_that_there_is_not_is_asked_for_once(
    error: int, times: int, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that does not answer may answer later; one that knows no such name will not."""
    asked: list[object] = []

    def resolve(host: object, *arguments: object, **options: object) -> object:
        asked.append(host)
        raise socket.gaierror(error, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    failure = Seen("gitea:forge.invalid/acme").failure
    assert failure.endswith("forge.invalid cannot be reached (name or service not known)")
    assert len(asked) == times and len(clock) == times - 1


def test_a_certificate_that_nobody_vouches_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made_by = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    made_by += ["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    made_by += ["-addext", "subjectAltName=IP:127.0.0.1"]
    made_by += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made_by, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    servers: list[Forge] = [GitHub(), GitLab(), Gitea()]
    for made in servers:
        with serving(made, lambda plain: context.wrap_socket(plain, server_side=True)):
            monkeypatch.setenv("GITHUB_API_URL", made.api)
            monkeypatch.setenv("GITLAB_HOST", made.url)
            word = many(made, 1)
            failure = Seen(word).failure
            assert " has a certificate that is not trusted (" in failure, failure
            assert "set REQUESTS_CA_BUNDLE" in failure and made.requests == []
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
            assert Seen(word).names == ["acme/r00000"]
            monkeypatch.delenv("REQUESTS_CA_BUNDLE")


def test_a_redirect_elsewhere_is_not_followed(
    server: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Gitea()
    word = many(server, 1)
    for name in ("GITHUB_TOKEN", "GITLAB_TOKEN", "GITEA_TOKEN"):
        monkeypatch.setenv(name, TOKEN)
    with serving(other):
        place = other.url.replace("127.0.0.1", "localhost")
        for status in (301, 302, 307, 308):
            server.instead = [Reply(status, b"", {"Location": f"{place}/api/v1/x"})]
            failure = Seen(word).failure
            assert TOKEN not in failure
        assert other.requests == []


def test_a_redirect_on_the_same_server(server: Forge) -> None:
    word = many(server, 1)
    path = {GitHub: "/orgs/acme/repos", GitLab: "/groups/acme/projects", Gitea: "/orgs/acme/repos"}
    target = f"{server.api}{path[type(server)]}"
    target += "?include_subgroups=true&with_shared=false&per_page=100"
    server.instead = [Reply(301, b"", {"Location": target})]
    if isinstance(server, GitHub):
        server.instead[0].headers["Location"] = target.partition("?")[0]  # type: ignore[union-attr]
    assert Seen(word).names == ["acme/r00000"]


# Rate limits


def test_a_rate_limit_that_ends_soon_is_waited_for(server: Forge) -> None:
    word = many(server, 150)
    server.instead = [None, Reply(429, {"message": "slow down"}, {"Retry-After": "1"})]
    begun = time.monotonic()
    seen = Seen(word)
    assert len(seen.found) == 150 and seen.failures == []
    assert seen.told == [f"{word}: rate limit of {server.url[7:]}: waiting 1 s"]
    assert time.monotonic() - begun >= 1


def test_githubs_rate_limits(github: GitHub, clock: list[float]) -> None:
    word = many(github, 1)
    soon = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 60)}
    github.instead = [
        Reply(403, {"message": "API rate limit exceeded for 127.0.0.1."}, soon),
        Reply(403, {"message": "You have exceeded a secondary rate limit."}, {"Retry-After": "7"}),
    ]
    seen = Seen(word)
    assert seen.names == ["acme/r00000"] and len(seen.told) == 2
    assert 50 < clock[0] <= 61 and clock[1:] == [pytest.approx(7, abs=0.5)]


SECONDARY = {
    "a secondary limit": "You have exceeded a secondary rate limit. Please wait a few minutes.",
    "as it was called": "You have triggered an abuse detection mechanism. Please wait.",
}


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("case", SECONDARY)
def test_a_secondary_limit_is_no_denial(
    github: GitHub, clock: list[float], case: str, status: int
) -> None:
    """No header says that it is one, nor how long it lasts: a minute, and longer each time."""
    word = many(github, 150)
    later = str(int(time.time()) + 3000)
    unused = {"X-RateLimit-Remaining": "4990", "X-RateLimit-Reset": later}
    limited = Reply(status, {"message": SECONDARY[case]}, unused)
    github.instead = [limited, limited, limited, None, limited]
    seen = Seen(word)
    assert len(seen.found) == 150 and seen.failures == []
    assert [round(each) for each in clock] == [60, 120, 240, 60]
    github.instead = [limited] * 9
    assert "rate limit of 127.0.0.1" in (failure := Seen(word).failure)
    assert "is used up: it is lifted in" in failure and "denies" not in failure


def test_a_denial_is_no_rate_limit(github: GitHub, clock: list[float]) -> None:
    github.instead = [Reply(403, {"message": "Resource not accessible by integration"})]
    assert Seen(many(github, 1)).failure.endswith(
        "denies access: Resource not accessible by integration"
    )
    assert clock == [] and len(github.requests) == 1


def test_clients_of_one_server_and_token_share_its_limit(
    server: Forge, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    """Those that are told to wait do not send the others, in other threads, on their way."""
    word = many(server, 1)
    at = forges.server(word, [word])
    clients = [client.Client(at, lambda line: None) for _ in range(4)]
    server.instead = [Reply(429, None, {"Retry-After": "30"}), *[Reply(200, {})] * 8]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda each: each.ask("/x"), clients))
    assert [answer.status for answer in answers] == [200] * 4
    assert sum(clock) >= 29 and len(server.requests) == 5
    other = replace(at, token="another-token-of-mine")
    server.instead = [Reply(429, None, {"Retry-After": "30"}), Reply(200, {}), Reply(200, {})]
    waited = sum(clock)
    clients[0].ask("/x")
    assert sum(clock) > waited + 29
    waited = sum(clock)
    client.Client(other, lambda line: None).ask("/x")
    assert sum(clock) == waited


# Requests that change something


def test_a_client_writes(server: Forge, clock: list[float]) -> None:
    at = forges.server(word := many(server, 1), [word])
    asking = client.Client(at, lambda line: None)
    methods: tuple[client.Method, ...] = ("POST", "PATCH", "PUT", "DELETE")
    for method in methods:
        server.instead = [Reply(201, {"number": 7})]
        answer = asking.ask("/repos/a/b/pulls", method=method, body={"title": "Fix \u2026"})
        assert answer.status == 201 and answer.body == {"number": 7}
    sent = server.requests[-4:]
    assert [request.method for request in sent] == list(methods)
    assert [request.body for request in sent] == [{"title": "Fix \u2026"}] * 4
    # As GitHub asks for: a second lies between two of them.
    assert [round(each) for each in clock] == [1, 1, 1]


def test_what_may_have_been_done_is_not_done_twice(server: Forge, clock: list[float]) -> None:
    at = forges.server(word := many(server, 1), [word])
    asking = client.Client(at, lambda line: None)
    for reply in (Reply(502, b"oops"), Reply(200, [{}] * 100, cut=10)):
        server.requests.clear()
        server.instead = [reply, Reply(201, {})]
        with pytest.raises(forges.ForgeError):
            asking.ask("/repos/a/b/pulls", method="POST", body={})
        assert len(server.requests) == 1
        server.instead = [reply, Reply(200, {})]
        assert asking.ask("/repos/a/b/pulls/1", method="PATCH", body={}).status == 200
    # What the limit held back was not done.
    server.instead = [Reply(429, None, {"Retry-After": "5"}), Reply(201, {})]
    assert asking.ask("/repos/a/b/pulls", method="POST", body={}).status == 201
    server.instead = [Reply(307, b"", {"Location": f"{server.api}/elsewhere"})]
    with pytest.raises(forges.ForgeError, match="leads elsewhere"):
        asking.ask("/repos/a/b/pulls", method="POST", body={})


@pytest.mark.parametrize("headers", [{"Retry-After": "3600"}, {}, {"Retry-After": "-5 or so"}])
def test_a_rate_limit_that_lasts_is_one_line(
    server: Forge, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MOST_WAITING", 30)
    reset = {"RateLimit-Reset": str(int(time.time()) + 3600)} if not headers else {}
    server.instead = [Reply(429, {"message": "slow down"}, headers | reset)]
    failure = Seen(many(server, 1)).failure
    minutes = "1 minute" if "-5 or so" in headers.values() else "60 minutes"
    assert f" is used up: it is lifted in {minutes}; a token in G" in failure
    assert len(server.requests) == 1


def test_waiting_has_an_end(
    server: Forge, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MOST_WAITING", 2)
    server.instead = [Reply(429, None, {"Retry-After": "1"}) for _ in range(9)]
    seen = Seen(many(server, 1))
    assert len(seen.told) == 2 and " is used up: it is lifted in 1 minute" in seen.failure


# Nothing that a forge says is trusted

HOSTILE: dict[str, object] = {
    "another host": "https://evil.example/acme/x.git",
    "a host that begins like it": "{url}.evil.example/acme/x.git",
    "a user name": "http://x@{host}/acme/x.git",
    "another scheme": "ssh://{host}/acme/x.git",
    "https where the forge is http": "https://{host}/acme/x.git",
    "a file": "file:///etc/passwd",
    "a program": "ext::sh -c touch% pwned",
    "an option": "--upload-pack=touch pwned",
    "scp": "git@evil.example:acme/x.git",
    "dots": "{url}/acme/../../x.git",
    "encoded dots": "{url}/acme/%2e%2e/x.git",
    "an encoded slash": "{url}/acme/a%2fb.git",
    "a control character": "{url}/acme/x\x1b[2J.git",
    "a newline": "{url}/acme/x\nhttps://evil.example",
    "bidi": "{url}/acme/\u202egit.x",
    "a space": "{url}/acme/a b",
    "a query": "{url}/acme/x?y=z",
    "no owner": "{url}/x.git",
    "a folder of git's": "{url}/acme/.git",
    "an empty part": "{url}/acme//x.git",
    "a backslash": "{url}/acme\\x/y",
    "no text": 17,
    "nothing": None,
    "a list": ["{url}/acme/x.git"],
    "a mebibyte": "{url}/acme/" + "x" * (1 << 20),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_clone_url_that_is_not_the_forges_own_is_refused(server: Forge, case: str) -> None:
    word = many(server, 3)
    url = HOSTILE[case]
    if isinstance(url, str):
        url = url.replace("{url}", server.url).replace("{host}", server.url[7:])
    records: Any
    if isinstance(server, GitHub):
        records = server.owners["acme"]
    elif isinstance(server, GitLab):
        records = server.projects
    else:
        assert isinstance(server, Gitea)
        records = server.orgs["acme"]
    key = "http_url_to_repo" if isinstance(server, GitLab) else "clone_url"
    records[1][key] = url
    seen = Seen(word)
    assert seen.names == ["acme/r00000", "acme/r00002"]
    assert seen.failure.startswith(f"{word}: acme/r00001: ") and len(seen.failure) < 1000


def test_entries_that_are_no_repositories(server: Forge) -> None:
    word = many(server, 1)
    wrong: list[object] = [None, 1, "x", [], {}, {"full_name": "a\x1b[2J\nb", "clone_url": "x:"}]
    server.instead = [Reply(200, wrong)]
    seen = Seen(word)
    assert seen.found == [] and len(seen.failures) == len(wrong)
    assert f"{word}: an entry without a name: the forge gives no clone URL" in seen.failures[0]


def test_facts_of_the_wrong_type_are_not_known(server: Forge) -> None:
    word = many(server, 1)
    if isinstance(server, GitHub):
        (record,) = server.owners["acme"]
    elif isinstance(server, GitLab):
        (record,) = server.projects
    else:
        assert isinstance(server, Gitea)
        (record,) = server.orgs["acme"]
    wrong = {"archived": "no", "fork": 1, "visibility": [], "private": None, "topics": "x"}
    wrong |= {"tag_list": 1, "pushed_at": "soon", "last_activity_at": 5, "updated_at": {}}
    wrong |= {"default_branch": {}, "parent": [], "forked_from_project": "x"}
    record.update(wrong)
    seen = Seen(word)
    (found,) = seen.found
    fork = False if isinstance(server, GitLab) else None
    assert found.facts == Facts(fork=fork) and found.family is None


def test_a_parent_elsewhere_is_no_family(gitea: Gitea) -> None:
    parent = gitea.record("up/x", clone_url="https://evil.example/x/y.git")
    gitea.orgs["acme"] = [gitea.record("acme/x", fork=True, parent=parent)]
    assert [found.family for found in Seen(f"gitea:{gitea.url}/acme").found] == [None]


def test_forges_are_not_loaded_where_they_are_not_asked(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom patcher.sources import find\n"
        f"list(find([{str(tmp_path)!r}, 'https://example.org/a/b']))\n"
        "heavy = ('patcher.forges.client', 'requests', 'json', 'ruamel', 'datetime')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

"""GitHub, and GitHub Enterprise: organisations, users, single repositories, searches.

Through PyGithub: typed, synchronous, long kept, 31 MB with what it needs (githubkit brings 74 MB).
Its requests are used, and its objects not: these would fetch each repository again for what a list
leaves out, and keep all pages in memory.

https://docs.github.com/rest/repos/repos
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from patcher import git
from patcher.sources.forge import (
    PER_PAGE,
    TIMEOUT,
    Answer,
    Client,
    Get,
    Refused,
    Server,
    Tell,
    base_url,
    bounded,
    flag,
    missing,
    moment,
    named_host,
    plain,
    repository,
    text,
    texts,
    unanswered,
    user_agent,
)
from patcher.sources.found import Facts, Found, SourceError

if TYPE_CHECKING:
    from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass

_FORMS = "write github:ORG, github:ORG/REPO, github:user/NAME or github:search/QUERY"

MOST_FOUND = 1000
"""What GitHub gives of one search: https://docs.github.com/rest/search/search"""


def search(rest: str, words: Sequence[str], tell: Tell) -> Iterator[Found | git.Failure]:
    """``ORG``, ``ORG/REPO``, ``user/NAME`` or ``search/QUERY``, each also after ``@HOST/``."""
    host, rest = named_host(rest)
    server = server_at(host)
    client = Client(server, _get(server), tell)
    first, slash, second = rest.partition("/")
    if first == "search" and second.strip():
        yield from _search(client, second)
    elif first == "user" and second:
        yield from _pages(client, _user(client, plain(second, "user name")))
    elif slash and "/" not in second and first not in ("", "user", "search"):
        name = f"{plain(first, 'organisation')}/{plain(second, 'repository')}"
        yield _found(server, client.ask(f"/repos/{name}").body)
    elif first and not slash:
        try:
            yield from _pages(client, f"/orgs/{plain(first, 'organisation')}/repos")
        except Refused as refused:
            if refused.status == 404:
                raise SourceError(f"{refused} (a user's are github:user/{first})") from None
            raise
    else:
        raise SourceError(_FORMS)


def _user(client: Client, name: str) -> str:
    """Where a user's repositories are: with the user's own token, private ones too."""
    if client.server.token is not None:
        try:
            login = text(client.ask("/user").body, "login") or ""
        except Refused:  # a token that stands for no user, as in GitHub Actions
            login = ""
        if login.casefold() == name.casefold():
            return "/user/repos?affiliation=owner"
    return f"/users/{name}/repos"


def _pages(client: Client, path: str) -> Iterator[Found | git.Failure]:
    # The oldest first: what is made meanwhile comes last, and moves nothing over a page's edge.
    order: dict[str, str | int] = {"sort": "created", "direction": "asc", "per_page": PER_PAGE}
    for answer in client.pages(path, order):
        for record in client.entries(answer):
            yield _found(client.server, record)


def _search(client: Client, query: str) -> Iterator[Found | git.Failure]:
    told = False
    parameters: dict[str, str | int] = {"q": query.strip(), "per_page": PER_PAGE}
    for answer in client.pages("/search/repositories", parameters):
        body = answer.body if isinstance(answer.body, dict) else {}
        total = body.get("total_count")
        if not told and isinstance(total, int) and total > MOST_FOUND:
            client.tell(f"GitHub gives {MOST_FOUND:,} of the {total:,} found: narrow the search")
            told = True
        if not told and body.get("incomplete_results") is True:
            client.tell("GitHub ran out of time: the search is not complete")
            told = True
        for record in client.entries(Answer(answer.status, {}, body.get("items"))):
            yield _found(client.server, record)


def _found(server: Server, record: object) -> Found | git.Failure:
    visibility = text(record, "visibility")
    private = flag(record, "private")
    if visibility is None and private is not None:
        visibility = "private" if private else "public"
    facts = Facts(
        archived=flag(record, "archived"),
        fork=flag(record, "fork"),
        visibility=visibility,
        topics=texts(record, "topics"),
        pushed_at=moment(record, "pushed_at"),
        default_branch=text(record, "default_branch"),
    )
    # Lists leave the parent out; asking for each fork's would be a request for each.
    parent = record.get("parent") if isinstance(record, dict) else None
    return repository(
        server,
        record,
        url="clone_url",
        name="full_name",
        family=text(parent, "clone_url"),
        facts=facts,
    )


def server_at(host: str | None) -> Server:
    """The server: ``@HOST``, ``GH_HOST``, as gh takes it, or GitHub Actions' own.

    A token is for one server: GH_TOKEN and GITHUB_TOKEN for github.com and ghe.com (and the server
    that GITHUB_API_URL names), GH_ENTERPRISE_TOKEN and GITHUB_ENTERPRISE_TOKEN for others, as in
    https://cli.github.com/manual/gh_help_environment
    """
    given = os.environ.get("GITHUB_API_URL", "").strip()
    actions = base_url(given, "GITHUB_API_URL") if given else ""
    if host is None and os.environ.get("GH_HOST"):
        host = base_url(os.environ["GH_HOST"], "GH_HOST").removeprefix("https://")
    if host is None and not actions:
        host = "github.com"
    if host == "github.com":
        api, web = "https://api.github.com", "https://github.com"
    elif host is not None and host.endswith(".ghe.com"):
        api, web = f"https://api.{host}", f"https://{host}"
    elif host is not None:
        web = host if "://" in host else f"https://{host}"
        api = f"{web}/api/v3"
    if actions and (host is None or api == actions):
        api, web = actions, _web(actions)
    public = web == "https://github.com" or web.endswith(".ghe.com")
    names = ["GH_TOKEN", "GITHUB_TOKEN"] if public or api == actions else []
    if not public:
        names = ["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN", *names]
    token = next((value for name in names if (value := os.environ.get(name, "").strip())), None)
    return Server("GitHub", api, web, token, names[0])


def _web(api: str) -> str:
    """Where the server of an interface has its repositories."""
    given = os.environ.get("GITHUB_SERVER_URL", "").strip()
    if api == "https://api.github.com":
        return "https://github.com"
    if given:
        return base_url(given, "GITHUB_SERVER_URL")
    scheme, _, rest = api.partition("://")
    host = rest.removesuffix("/api/v3").partition("/")[0]
    return f"{scheme}://{host.removeprefix('api.') if host.endswith('.ghe.com') else host}"


def _get(server: Server) -> Get:
    try:
        import github
        import requests
        from github import Consts
    except ImportError:
        raise missing("PyGithub") from None

    # It asks again for what is answered with 202, as often as Python recurses, and waits each time:
    # no list of repositories is.
    Consts.PROCESSING_202_WAIT_TIME = 0
    requester = github.Requester.Requester
    requester.injectConnectionClasses(*_bounded_connections())
    hub = github.Github(
        base_url=server.api,
        auth=github.Auth.Token(server.token) if server.token else None,
        timeout=TIMEOUT,
        retry=None,
        seconds_between_requests=None,
        user_agent=user_agent(),
    )
    # This one keeps them; with the injection in force it would connect anew for each request.
    requester.resetConnectionClasses()

    def get(url: str, parameters: Mapping[str, str | int]) -> Answer:
        try:
            headers, body = hub.requester.requestJsonAndCheck("GET", url, dict(parameters))
        except github.GithubException as error:
            return Answer(error.status, error.headers or {}, error.data)
        except requests.RequestException as error:
            raise unanswered(error) from None
        except RecursionError:
            raise
        except RuntimeError as error:  # a redirect to another host
            raise SourceError(git.without_secrets(str(error))[:300]) from None
        return Answer(200, headers, body)

    return get


def _bounded_connections() -> tuple[
    type[HTTPRequestsConnectionClass], type[HTTPSRequestsConnectionClass]
]:
    """The library's own connections, which read no more of a response than `bounded` does."""
    from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass

    class Http(HTTPRequestsConnectionClass):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.session.hooks["response"].append(bounded)

    class Https(HTTPSRequestsConnectionClass):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.session.hooks["response"].append(bounded)

    return Http, Https

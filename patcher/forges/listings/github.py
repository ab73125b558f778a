"""What is there: organisations, users, single repositories, searches.

https://docs.github.com/rest/repos/repos
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from patcher.forges.listed import Keys, Listed, UnusableEntry, listed, text
from patcher.forges.server import (
    ForgeError,
    RequestRefused,
    Server,
    WrongName,
    at_host,
    base_url,
    from_environment,
    plain,
)

if TYPE_CHECKING:
    from patcher.forges.client import Client

MOST_FOUND = 1000
"""What GitHub gives of one search: https://docs.github.com/rest/search/search"""

_KEYS = Keys()


def parse(rest: str) -> tuple[str | None, str]:
    """``ORG``, ``ORG/REPO``, ``user/NAME`` or ``search/QUERY``, each also after ``@HOST/``: the
    server's URL, None for the default one, and the rest."""
    web, name = at_host(rest)
    first, slash, second = name.partition("/")
    if first == "search" and second.strip():
        return web, name
    if first == "user" and second:
        plain(second, "user name")
    elif first in ("", "user", "search") or "/" in second or (slash and not second):
        raise WrongName(
            "write github:ORG, github:ORG/REPO, github:user/NAME or github:search/QUERY"
        )
    else:
        plain(first, "organisation")
        if slash:
            plain(second, "repository")
    return web, name


def repositories(client: Client, name: str) -> Iterator[Listed | UnusableEntry]:
    """What a name stands for."""
    first, slash, second = name.partition("/")
    if first == "search":
        yield from _search(client, second)
    elif first == "user":
        yield from _pages(client, _user(client, second))
    elif slash:
        yield listed(client.server, client.ask(f"/repos/{name}").body, _KEYS)
    else:
        try:
            yield from _pages(client, f"/orgs/{name}/repos")
        except RequestRefused as refused:
            if refused.status == 404:
                raise ForgeError(f"{refused} (a user's are github:user/{name})") from None
            raise


def _user(client: Client, name: str) -> str:
    """Where a user's repositories are: with the user's own token, private ones too."""
    if client.server.token is not None:
        try:
            login = text(client.ask("/user").body, "login") or ""
        except RequestRefused:  # a token that stands for no user, as in GitHub Actions
            login = ""
        if login.casefold() == name.casefold():
            return "/user/repos?affiliation=owner"
    return f"/users/{name}/repos"


def _pages(client: Client, path: str) -> Iterator[Listed | UnusableEntry]:
    # The oldest first: what is made meanwhile comes last, and moves nothing over a page's edge.
    order: dict[str, str | int] = {"sort": "created", "direction": "asc", "per_page": 100}
    yield from _listed(client, path, order, found=False)


def _search(client: Client, query: str) -> Iterator[Listed | UnusableEntry]:
    wanted: dict[str, str | int] = {"q": query.strip(), "per_page": 100}
    yield from _listed(client, "/search/repositories", wanted, found=True)


def _listed(
    client: Client, path: str, parameters: dict[str, str | int], *, found: bool
) -> Iterator[Listed | UnusableEntry]:
    """The repositories of all pages, and at the end why some are missing. ``found``: it is a
    search."""
    missing = ""
    for answer in client.pages(path, parameters):
        body = answer.body
        if found:
            about = body if isinstance(body, dict) else {}
            body, total = about.get("items"), about.get("total_count")
            if isinstance(total, int) and total > MOST_FOUND:
                missing = f"GitHub gives {MOST_FOUND:,} of the {total:,} found: narrow the search"
            elif about.get("incomplete_results") is True:
                missing = "GitHub ran out of time, and the search is not complete: narrow it"
        # https://docs.github.com/rest/authentication/authenticating-to-the-rest-api
        if answer.headers.get("x-github-sso", "").startswith("partial-results"):
            missing = (
                "GitHub leaves out what is in organisations for whose single sign-on the token in "
                f"{client.server.variables} is not authorized: authorize it (Settings, Developer "
                "settings, Personal access tokens, Configure SSO)"
            )
        for record in client.entries(body):
            yield listed(client.server, record, _KEYS)
    if missing:
        yield UnusableEntry("", missing)


def server_at(web: str | None, named: Collection[str] = ()) -> Server:
    """The server at a URL; None: that of ``GH_HOST``, as gh takes it, or GitHub Actions' own, or
    github.com.

    A token is for one server: GH_TOKEN and GITHUB_TOKEN for github.com and ghe.com (and the server
    that GITHUB_API_URL names), GH_ENTERPRISE_TOKEN and GITHUB_ENTERPRISE_TOKEN for others, as in
    https://cli.github.com/manual/gh_help_environment
    """
    given = os.environ.get("GITHUB_API_URL", "").strip()
    actions = base_url(given, "GITHUB_API_URL") if given else ""
    if web is None and os.environ.get("GH_HOST"):
        web = base_url(os.environ["GH_HOST"], "GH_HOST")
    if web is None and not actions:
        web = "https://github.com"
    api = actions if web is None else _api(web)
    if actions and (api == actions or web == _web(actions)):
        api, web = actions, _web(actions)
    assert web is not None
    names = ["GH_TOKEN", "GITHUB_TOKEN"] if _is_public(web) or api == actions else []
    if not _is_public(web):
        names = ["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN", *names]
    return Server("GitHub", api, web, "x-access-token", *from_environment(names))


def _is_public(web: str) -> bool:
    return web == "https://github.com" or web.endswith(".ghe.com")


def _api(web: str) -> str:
    """Where the interface of a server is."""
    return web.replace("https://", "https://api.", 1) if _is_public(web) else f"{web}/api/v3"


def _web(api: str) -> str:
    """Where the server of an interface has its repositories."""
    if api == "https://api.github.com":
        return "https://github.com"
    if given := os.environ.get("GITHUB_SERVER_URL", "").strip():
        return base_url(given, "GITHUB_SERVER_URL")
    scheme, _, rest = api.partition("://")
    host = rest.partition("/")[0]
    return f"{scheme}://{host.removeprefix('api.') if host.endswith('.ghe.com') else host}"

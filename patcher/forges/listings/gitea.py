"""Gitea and Forgejo: organisations and users.

https://docs.gitea.com/api/ (organization/orgListRepos, user/userListRepos)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from patcher.forges.listed import Keys, Listed, UnusableEntry, listed
from patcher.forges.server import (
    ForgeError,
    RequestRefused,
    Server,
    WrongName,
    base_url,
    from_environment,
    plain,
)

if TYPE_CHECKING:
    from patcher.forges.client import Client

_KEYS = Keys(pushed_at="updated_at")


def parse(rest: str) -> tuple[str | None, str]:
    """``HOST/ORG``: the server's URL, and the organisation or user. ``HOST`` may be a URL, with a
    path where the server has one: ``https://example.org/git/ORG``."""
    scheme, _separator, path = rest.rpartition("://")
    base, slash, name = path.rstrip("/").rpartition("/")
    if not slash or not name:
        raise WrongName("write gitea:HOST/ORG")
    return base_url(f"{scheme or 'https'}://{base}", "HOST"), plain(name, "organisation")


def repositories(client: Client, name: str) -> Iterator[Listed | UnusableEntry]:
    """The repositories of an organisation, or else a user."""
    some = False
    try:
        for item in _pages(client, f"/orgs/{name}/repos"):
            some = True
            yield item
    except RequestRefused as refused:
        if some or refused.status != 404:
            raise
        yield from _pages(client, f"/users/{name}/repos")


def _pages(client: Client, path: str) -> Iterator[Listed | UnusableEntry]:
    # ``limit`` is Gitea's word; servers may allow less, and their Link headers go by what they do.
    for answer in client.pages(path, {"limit": 100, "page": 1}):
        for record in client.entries(answer.body):
            yield listed(client.server, record, _KEYS)


def server_at(web: str | None, named: Collection[str] = ()) -> Server:
    """The server at a URL; None: that of GITEA_SERVER_URL, as in Gitea Actions and tea.

    GITEA_TOKEN is for the server that GITEA_SERVER_URL names, or else for the only one that is
    ``named``.
    """
    token, variables = from_environment(("GITEA_TOKEN",))
    value, name = from_environment(("GITEA_SERVER_URL",))
    own = base_url(value, name) if value else None
    web = web or own
    if web is None:
        raise ForgeError("no Gitea server is named: set GITEA_SERVER_URL")
    if own is not None and own != web:
        token, variables = None, f"GITEA_TOKEN and GITEA_SERVER_URL={web}"
    elif own is None and token is not None and (others := len({*named, web})) > 1:
        raise ForgeError(
            f"{variables} is for one server, and there are {others}: say which with "
            "GITEA_SERVER_URL"
        )
    return Server("Gitea", f"{web}/api/v1", web, "oauth2", token, variables)

"""What is there: workspaces of Bitbucket Cloud, projects of a Data Center, single repositories."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from patcher.forges.listed import Keys, Listed, UnusableEntry, listed
from patcher.forges.server import Server, WrongName, at_host, base_url, from_environment, plain

if TYPE_CHECKING:
    from patcher.forges.client import Client

PUBLIC = "https://bitbucket.org"

_INTERFACE = "/rest/api/latest"
"""Where that of a Data Center is."""
_KEYS = Keys()


CLOUD = "Bitbucket Cloud"
"""What the forge is called; Data Center is called Bitbucket alone."""


def parse(rest: str) -> tuple[str | None, str]:
    """``WORKSPACE[/REPO]``, or ``@HOST/PROJECT[/REPO]`` of a Data Center: the server's URL, None
    for the default one, and the rest."""
    web, name = at_host(rest)
    owner, slash, repository = name.partition("/")
    if not owner or "/" in repository or (slash and not repository):
        raise WrongName("write bitbucket:WORKSPACE or bitbucket:@HOST/PROJECT")
    return web, plain(name, "workspace" if web is None else "project")


def repositories(client: Client, name: str) -> Iterator[Listed | UnusableEntry]:
    """Those of a workspace or project, or one."""
    from patcher.forges.bitbucket import cloud, data_center

    at = cloud if client.server.forge == CLOUD else data_center
    if "/" in name:
        yield listed(client.server, at.repository(client, name), _KEYS)
        return
    for record in at.repositories(client, name):
        yield listed(client.server, record, _KEYS)


def server_at(web: str | None, named: Collection[str] = ()) -> Server:
    """The server at a URL; None: that of BITBUCKET_URL, or bitbucket.org. BITBUCKET_API_URL is
    where its interface is, if not in its usual place.

    The token is for that one alone: BITBUCKET_TOKEN, which is an access token; or, for Bitbucket
    Cloud, BITBUCKET_API_TOKEN, which goes with the user's BITBUCKET_EMAIL:
    https://support.atlassian.com/bitbucket-cloud/docs/using-api-tokens/
    """
    value, name = from_environment(("BITBUCKET_URL",))
    own = base_url(value, name) if value else PUBLIC
    web = web or own
    token, variables = from_environment(("BITBUCKET_TOKEN",))
    if web != own:
        token, variables = None, f"BITBUCKET_TOKEN and BITBUCKET_URL={web}"
    usual = "https://api.bitbucket.org/2.0" if web == PUBLIC else f"{web}{_INTERFACE}"
    given, name = from_environment(("BITBUCKET_API_URL",))
    api = base_url(given, name) if given and web == own else usual
    if api.endswith(_INTERFACE):
        return Server("Bitbucket", api, web, "x-token-auth", token, variables)
    key, key_name = from_environment(("BITBUCKET_API_TOKEN",))
    if token is None and key is not None and web == own:
        login = os.environ.get("BITBUCKET_EMAIL", "").strip()
        if not login:
            raise WrongName(f"{key_name} goes with an e-mail address: set BITBUCKET_EMAIL")
        return Server(CLOUD, api, web, "x-bitbucket-api-token-auth", key, key_name, login)
    return Server(CLOUD, api, web, "x-token-auth", token, variables)

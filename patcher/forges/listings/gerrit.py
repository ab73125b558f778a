"""The projects below a prefix.

https://gerrit-review.googlesource.com/Documentation/rest-api-projects.html#list-projects
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from patcher import git
from patcher.forges.listed import Facts, Listed, UnusableEntry, inside
from patcher.forges.server import ForgeError, Server, WrongName, base_url, from_environment, plain

if TYPE_CHECKING:
    from patcher.forges.client import Client

_PAGE = 500


def parse(rest: str) -> tuple[str | None, str]:
    """``HOST/PREFIX``: the server's URL, and what the names of projects begin with. ``HOST`` may be
    a URL."""
    scheme, _separator, path = rest.rpartition("://")
    host, slash, prefix = path.partition("/")
    if not slash or not prefix.strip("/"):
        raise WrongName("write gerrit:HOST/PREFIX")
    return base_url(f"{scheme or 'https'}://{host}", "HOST"), plain(prefix.strip("/"), "prefix")


def repositories(client: Client, name: str) -> Iterator[Listed | UnusableEntry]:
    """The project of that name, and those below it."""
    start = 0
    while True:
        wanted: dict[str, str | int] = {"p": name, "n": _PAGE, "S": start, "type": "CODE"}
        body = client.ask("/projects/", wanted).body
        if not isinstance(body, dict):
            client.entries(body)
            return
        found = [
            (each, record) for each, record in body.items() if f"{each}/".startswith(f"{name}/")
        ]
        client.entries(found)
        for each, record in found:
            yield _listed(client.server, each, record)
        start += len(body)
        if not any(inside(record, "_more_projects") is True for record in body.values()):
            return


def _listed(server: Server, name: str, record: object) -> Listed | UnusableEntry:
    try:
        address = clone_address(server, name)
    except git.GitError as error:
        return UnusableEntry(name[:200], str(error))
    return Listed(address, None, Facts(archived=inside(record, "state") != "ACTIVE"))


def clone_address(server: Server, name: str) -> git.Address:
    """Where a project is cloned from: with a password below ``/a/``."""
    below = "a/" if server.token is not None else ""
    return server.clone_address(f"{server.web}/{below}{name}", least=1)


def server_at(web: str | None, named: Collection[str] = ()) -> Server:
    """The server at a URL; None: that of GERRIT_URL. GERRIT_USER and GERRIT_PASSWORD, which are the
    HTTP credentials of the user's settings, are for that one, or else for the only one that is
    ``named``."""
    token, variables = from_environment(("GERRIT_PASSWORD",))
    user, _ = from_environment(("GERRIT_USER",))
    value, name = from_environment(("GERRIT_URL",))
    own = base_url(value, name) if value else None
    web = web or own
    if web is None:
        raise ForgeError("no Gerrit server is named: set GERRIT_URL")
    if own is not None and own != web:
        token, variables = None, f"GERRIT_PASSWORD, GERRIT_USER and GERRIT_URL={web}"
    elif token is None or user is None:
        token, variables = None, "GERRIT_PASSWORD and GERRIT_USER"
    elif own is None and (others := len({*named, web})) > 1:
        raise ForgeError(
            f"{variables} is for one server, and there are {others}: say which with GERRIT_URL"
        )
    api = web if token is None else f"{web}/a"
    return Server("Gerrit", api, web, user or "gerrit", token, variables, login=user)

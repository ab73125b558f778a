"""GitLab: groups with all their subgroups, and single projects.

https://docs.gitlab.com/api/groups/#list-a-groups-projects
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from patcher.forges.listed import Keys, Listed, UnusableEntry, listed
from patcher.forges.server import (
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

_KEYS = Keys("path_with_namespace", "http_url_to_repo", "forked_from_project", "last_activity_at")


def parse(rest: str) -> tuple[str | None, str]:
    """``GROUP[/SUB...]``, also after ``@HOST/``: the server's URL, None for the default one, and
    the rest."""
    web, name = at_host(rest)
    if not name:
        raise WrongName("write gitlab:GROUP or gitlab:GROUP/SUBGROUP")
    return web, plain(name, "group")


def repositories(client: Client, name: str) -> Iterator[Listed | UnusableEntry]:
    """The projects of a group; where there is no such group, the project of that path."""
    path = quote(name, safe="")
    parameters: dict[str, str | int] = {
        "per_page": 100,
        "include_subgroups": "true",
        "with_shared": "false",
        "order_by": "id",
        "sort": "asc",
    }
    some = False
    try:
        for answer in client.pages(f"/groups/{path}/projects", parameters):
            for record in client.entries(answer.body):
                some = True
                yield _listed(client.server, record)
    except RequestRefused as refused:
        if some or refused.status != 404 or "/" not in name:
            raise
        yield _listed(client.server, client.ask(f"/projects/{path}").body)


def _listed(server: Server, record: object) -> Listed | UnusableEntry:
    found = listed(server, record, _KEYS)
    if isinstance(found, UnusableEntry) or not isinstance(record, dict):
        return found
    # A parent that the token may not see is left out, as if it were no fork.
    fork = isinstance(record.get(_KEYS.parent), dict)
    return replace(found, facts=replace(found.facts, fork=fork))


def server_at(web: str | None, named: Collection[str] = ()) -> Server:
    """The server at a URL; None: that of ``GITLAB_HOST``, as glab takes it, or GitLab CI's own, or
    gitlab.com. GITLAB_TOKEN is for that one alone."""
    value, name = from_environment(("GITLAB_HOST", "CI_SERVER_URL"))
    own = base_url(value, name) if value else "https://gitlab.com"
    web = web or own
    token, variables = from_environment(("GITLAB_TOKEN", "GITLAB_ACCESS_TOKEN"))
    if web != own:
        token, variables = None, f"GITLAB_TOKEN and GITLAB_HOST={web.removeprefix('https://')}"
    return Server("GitLab", f"{web}/api/v4", web, "oauth2", token, variables)

"""Forks: where a change lies that its author may not push to the project.

https://docs.gitlab.com/api/project_forks/
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from patcher import git
from patcher.forges import limits
from patcher.forges import review as values
from patcher.forges.gitlab.reading import as_project, as_review
from patcher.forges.listed import inside, number, text
from patcher.forges.reviewing import open_in_network
from patcher.forges.server import ForgeError, RequestRefused

if TYPE_CHECKING:
    from patcher.forges.client import Client

_UNTIL_COPIED = (0.5, 1, 2, 4, 8, *[15] * 20)
"""Seconds between looks at a fork that is being made."""


def fork(client: Client, project: values.Project) -> values.Project:
    """The fork that the token's user has, or a new one."""
    found = _own(client, project)
    if found is None:
        try:
            found = client.ask(f"/projects/{project.id}/fork", method="POST", body={}).body
        except RequestRefused as refused:
            # Made meanwhile; or the user has another project of that name.
            found = _own(client, project) if refused.status == 409 else None
            if found is None:
                raise
    for seconds in _UNTIL_COPIED:
        match text(found, "import_status"):
            case "finished" | "none":
                return as_project(client, found)
            case "failed":
                said = git.printable((text(found, "import_error") or "it gives no reason")[:200])
                raise ForgeError(f"{client.server.host} could not fork {project.path}: {said}")
        limits.sleep(seconds)
        found = client.ask(f"/projects/{inside(found, 'id')}").body
    raise ForgeError(f"{client.server.host} is still copying {project.path}: run again later")


def _own(client: Client, project: values.Project) -> object:
    """The fork below the user's own name."""
    user = text(client.ask("/user").body, "username") or ""
    pages = client.pages(f"/projects/{project.id}/forks", {"owned": "true", "per_page": 100})
    for record in (each for page in pages for each in client.entries(page.body)):
        owner, _slash, _name = (text(record, "path_with_namespace") or "").rpartition("/")
        if owner.casefold() == user.casefold():
            return client.ask(f"/projects/{inside(record, 'id')}").body
    return None


def delete_fork(client: Client, project: values.Project) -> None:
    """Remove a fork; what is none, or is none any more, stays."""
    if project.fork_of is None:
        raise ForgeError(f"{project.path} is no fork: it is not removed")
    now = as_project(client, client.ask(f"/projects/{project.id}").body)
    if now.fork_of is None:
        raise ForgeError(f"{now.path} is no fork any more: it is not removed")
    client.ask(f"/projects/{project.id}", method="DELETE")


def own_fork(client: Client, project: values.Project) -> values.OwnFork | None:
    """The fork below the user's own name."""
    record = _own(client, project)
    if record is None:
        return None
    return values.OwnFork(as_project(client, record), text(record, "created_at"))


def open_reviews(client: Client, project: values.Project) -> Iterator[values.Review]:
    """All merge requests into it that are open, or are being merged."""
    wanted: dict[str, str | int] = {"state": "all", "sort": "desc", "per_page": 100}
    for answer in client.pages(f"/projects/{project.id}/merge_requests", wanted):
        for record in client.entries(answer.body):
            found = as_review(client, record)
            if found.life is values.Life.OPEN:
                yield found


def open_from(client: Client, project: values.Project) -> str:
    """The address of an open merge request from it. GitLab lists them by the project that they go
    into, which may be any of the fork network."""

    def parent_of(each: values.Project) -> values.Project | None:
        if each.fork_of is None:
            return None
        return _named(client.ask(f"/projects/{each.fork_of}").body)

    def forks_of(each: values.Project) -> Iterator[values.Project]:
        for page in client.pages(f"/projects/{each.id}/forks", {"per_page": 100}):
            yield from map(_named, client.entries(page.body))

    def _named(record: object) -> values.Project:
        found, path = number(record, "id"), text(record, "path_with_namespace")
        if found is None or path is None:
            raise ForgeError(f"{client.server.host} answers with something that is no project")
        parent = number(record, "forked_from_project", "id")
        fork_of = None if parent is None else str(parent)
        return values.Project(str(found), path, "", None, fork_of=fork_of)

    return open_in_network(project, parent_of, forks_of, partial(open_reviews, client))

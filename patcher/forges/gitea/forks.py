"""Forks: where a change lies that its author may not push to the repository."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from patcher.forges import review as values
from patcher.forges.gitea.reading import all_of, as_project, as_review
from patcher.forges.listed import inside, text
from patcher.forges.reviewing import open_in_network, removable

if TYPE_CHECKING:
    from patcher.forges.client import Client


def fork(client: Client, project: values.Project) -> values.Project:
    """The fork that the token's user has, or a new one, which is whole when Gitea answers."""
    record = _own(client, project)
    if record is None:
        path = f"/repos/{project.path}/forks"
        record = client.ask(path, method="POST", body={}).body
    return as_project(client, record)


def _own(client: Client, project: values.Project) -> object:
    """The fork below the user's own name."""
    user = text(client.ask("/user").body, "login") or ""
    for record in all_of(client, f"/repos/{project.path}/forks"):
        if (text(inside(record, "owner"), "login") or "").casefold() == user.casefold():
            return record
    return None


def own_fork(client: Client, project: values.Project) -> values.OwnFork | None:
    """The fork that the token's user has."""
    record = _own(client, project)
    if record is None:
        return None
    return values.OwnFork(as_project(client, record), text(record, "created_at"))


def open_reviews(client: Client, project: values.Project) -> Iterator[values.Review]:
    """All pull requests into it that are open."""
    for record in all_of(client, f"/repos/{project.path}/pulls", {"state": "open"}):
        yield as_review(client, record)


def delete_fork(client: Client, project: values.Project) -> None:
    """Remove a fork; what is none, or is none any more, stays."""
    path = f"/repos/{project.path}"
    now = removable(project, lambda: as_project(client, client.ask(path).body))
    client.ask(f"/repos/{now.path}", method="DELETE")


def open_from(client: Client, project: values.Project) -> str:
    """The address of an open pull request from it. Gitea lists them by the repository that they go
    into, which may be any of the fork network."""

    def parent_of(each: values.Project) -> values.Project | None:
        if each.fork_of is None:
            return None
        return as_project(client, client.ask(f"/repositories/{each.fork_of}").body)

    def forks_of(each: values.Project) -> Iterator[values.Project]:
        for record in all_of(client, f"/repos/{each.path}/forks"):
            yield as_project(client, record)

    return open_in_network(project, parent_of, forks_of, partial(open_reviews, client))

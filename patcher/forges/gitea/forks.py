"""Forks: where a change lies that its author may not push to the repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

from patcher.forges import review as values
from patcher.forges.gitea.reading import all_of, as_project
from patcher.forges.listed import inside, text
from patcher.forges.reviewing import removable

if TYPE_CHECKING:
    from patcher.forges.client import Client


def fork(client: Client, project: values.Project) -> values.Project:
    """The fork that the token's user has, or a new one, which is whole when Gitea answers."""
    user = text(client.ask("/user").body, "login") or ""
    path = f"/repos/{project.path}/forks"
    for record in all_of(client, path):
        if (text(inside(record, "owner"), "login") or "").casefold() == user.casefold():
            return as_project(client, record)
    return as_project(client, client.ask(path, method="POST", body={}).body)


def delete_fork(client: Client, project: values.Project) -> None:
    """Remove a fork; what is none, or is none any more, stays."""
    path = f"/repos/{project.path}"
    now = removable(project, lambda: as_project(client, client.ask(path).body))
    client.ask(f"/repos/{now.path}", method="DELETE")

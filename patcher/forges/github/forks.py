"""Forks: where a change lies that its author may not push to the repository.

https://docs.github.com/rest/repos/forks
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

from patcher.forges import limits
from patcher.forges import review as values
from patcher.forges.github.reading import as_project, as_review, graphql
from patcher.forges.listed import inside, text, texts
from patcher.forges.reviewing import removable
from patcher.forges.server import ForgeError, RequestRefused, plain

if TYPE_CHECKING:
    from patcher.forges.client import Client

LOOKS = 9
"""How often a new fork is looked at until it can be pushed to, which GitHub says takes up to five
minutes: 1, 2, 4 ... seconds lie between."""


def fork(client: Client, project: values.Project) -> values.Project:
    """The fork of the token's user, which GitHub gives back where there is one; its default branch
    is brought up to date where nothing else was committed on it."""
    answer = client.ask(f"/repos/{project.path}/forks", method="POST", body={})
    made = as_project(client, answer.body)
    if made.id == project.id or inside(answer.body, "fork") is not True:
        raise ForgeError(f"{made.path} is no fork: {project.path} cannot be forked by this user")
    branch = project.default_branch
    for look in range(LOOKS):
        if branch is None or _has_branch(client, made, made.default_branch or branch):
            break
        limits.sleep(2**look)
    else:
        raise ForgeError(f"the fork {made.path} is not ready yet: run patcher again in a minute")
    if branch is not None:
        _bring_up_to_date(client, project, made, branch)
    return as_project(client, client.ask(f"/repos/{made.path}").body)


def _has_branch(client: Client, project: values.Project, branch: str) -> bool:
    try:
        client.ask(f"/repos/{project.path}/git/ref/heads/{quote(branch)}")
    except RequestRefused as refused:
        if refused.status in (404, 409):  # 409: the repository is empty, as yet
            return False
        raise
    return True


def _bring_up_to_date(
    client: Client, project: values.Project, made: values.Project, branch: str
) -> None:
    """Let the fork's branch follow, if it has nothing of its own."""
    owner = made.path.partition("/")[0]
    between = quote(f"{branch}...{owner}:{branch}", safe="")
    try:
        ahead = client.ask(f"/repos/{project.path}/compare/{between}").body
        if inside(ahead, "status") == "behind":
            sent = {"branch": branch}
            client.ask(f"/repos/{made.path}/merge-upstream", method="POST", body=sent)
    except RequestRefused as refused:
        if refused.status not in (404, 409, 422):  # no such branch; changed meanwhile
            raise


def delete_fork(client: Client, project: values.Project) -> None:
    """Remove a fork; what is none, or is none any more, stays."""
    path = f"/repos/{project.path}"
    now = removable(project, lambda: as_project(client, client.ask(path).body))
    client.ask(f"/repos/{now.path}", method="DELETE")


def own_fork(client: Client, project: values.Project) -> values.OwnFork | None:
    """The fork of the token's user: by the names that GitHub gives one, that of what it was forked
    from, or with ``-1`` and so on where there is a repository of that name, and from an earlier one
    GitHub leads on; else among those that GitHub says the user owns. A list of all forks may have
    thousands of others."""
    login = text(client.ask("/user").body, "login") or ""
    name = project.path.partition("/")[2]
    for at in range(_NAMES):
        path = plain(f"{login}/{name}-{at}" if at else f"{login}/{name}", "repository")
        try:
            record = client.ask(f"/repos/{path}").body
        except RequestRefused as refused:
            if refused.status != 404:
                raise
            if at:
                break
            continue
        if (found := _own(client, project, login, record)) is not None:
            return found
    return _renamed(client, project, login)


def _own(
    client: Client, project: values.Project, login: str, record: object
) -> values.OwnFork | None:
    found = as_project(client, record)
    owner = found.path.partition("/")[0]
    if found.fork_of != project.id or owner.casefold() != login.casefold():
        return None
    return values.OwnFork(found, text(record, "created_at"))


def _renamed(client: Client, project: values.Project, login: str) -> values.OwnFork | None:
    """The fork of the token's user, whatever it is called: GraphQL lists those that the user owns.
    Raises ForgeError where it does not list them all."""
    owner, _, name = project.path.partition("/")
    forks = inside(
        graphql(client, _FORKS, {"owner": owner, "name": name}, changes=False),
        "repository",
        "forks",
    )
    names = texts(inside(forks, "nodes"), "nameWithOwner")
    for path in names:
        record = client.ask(f"/repos/{plain(path, 'repository')}").body
        if (found := _own(client, project, login, record)) is not None:
            return found
    if inside(forks, "totalCount") != len(names):
        raise ForgeError(f"{client.server.host} does not list all forks of {project.path}")
    return None


_FORKS = """
query forks($owner: String!, $name: String!) {
  repository(owner: $owner, name: $name) {
    forks(first: 100, affiliations: [OWNER]) { totalCount nodes { nameWithOwner } }
  }
}
"""


_HEADS = """
query heads($owner: String!, $name: String!, $after: String) {
  repository(owner: $owner, name: $name) {
    refs(refPrefix: "refs/heads/", first: 100, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes { associatedPullRequests(states: OPEN, first: 1) { totalCount nodes { url } } }
    }
  }
}
"""
_MOST_PAGES = 100


def open_from(client: Client, project: values.Project) -> str:
    """The address of an open pull request from a branch of it; GitHub closes those whose branch is
    removed.

    ``associatedPullRequests`` of a ref are those "with this ref as the head ref", into whatever
    repository: https://docs.github.com/graphql/reference/objects#ref,
    https://github.com/refined-github/refined-github/issues/2914.
    """
    owner, _, name = project.path.partition("/")
    after = None
    for _ in range(_MOST_PAGES):
        given = {"owner": owner, "name": name, "after": after}
        refs = inside(graphql(client, _HEADS, given, changes=False), "repository", "refs")
        found = inside(refs, "nodes")
        for ref in found if isinstance(found, list) else [None]:
            pulls = inside(ref, "associatedPullRequests")
            count = inside(pulls, "totalCount")
            if not isinstance(count, int) or isinstance(count, bool):
                raise ForgeError(
                    f"{client.server.host} does not say which pull requests are open from "
                    f"{project.path}"
                )
            if count:
                return next(iter(texts(inside(pulls, "nodes"), "url")), f"one from {project.path}")
        more = inside(refs, "pageInfo", "hasNextPage")
        after = text(inside(refs, "pageInfo"), "endCursor")
        if more is False:
            return ""
        if more is not True or after is None:
            break
    raise ForgeError(f"{client.server.host} does not list all branches of {project.path}")


_NAMES = 10


def open_reviews(client: Client, project: values.Project) -> Iterator[values.Review]:
    """All pull requests into it that are open."""
    wanted: dict[str, str | int] = {"state": "open", "per_page": 100}
    for answer in client.pages(f"/repos/{project.path}/pulls", wanted):
        for record in client.entries(answer.body):
            yield as_review(client, project, record)

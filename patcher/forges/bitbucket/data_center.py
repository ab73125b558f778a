"""Bitbucket Data Center: https://developer.atlassian.com/server/bitbucket/rest/

It has no labels, milestones, assignees or teams on pull requests. A request that changes one names
its version, and is refused where someone changed it meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from patcher.forges import limits
from patcher.forges.bitbucket.wishes import others
from patcher.forges.listed import inside, number, text, texts
from patcher.forges.review import (
    AlreadyThere,
    Checks,
    Done,
    Life,
    MergeMethod,
    OwnFork,
    Project,
    Review,
    Wanted,
)
from patcher.forges.reviewing import checked_number, checked_review, lines, missing, removable
from patcher.forges.server import ForgeError, RequestRefused, Server, plain

if TYPE_CHECKING:
    from patcher.forges.client import Client, Response

LOOKS = 8
"""How often a new fork is looked at until it is ready, after 1, 2, 4 ... seconds."""

_LIVES = {"OPEN": Life.OPEN, "MERGED": Life.MERGED, "DECLINED": Life.CLOSED}
_STRATEGIES: dict[MergeMethod, str] = {
    "merge": "no-ff",
    "squash": "squash",
    "rebase": "rebase-ff-only",
}
_HEADS = "refs/heads/"


# Repositories


def _repository(path: str) -> str:
    """The address of ``PROJECT/NAME`` in the interface."""
    owner, _, name = plain(path.removeprefix("scm/"), "repository").partition("/")
    return f"/projects/{owner}/repos/{name}"


def sheet(server: Server, record: object) -> dict[str, Any]:
    """What it says of a repository, by the names that `patcher.forges.listed` knows."""
    identity, origin = number(record, "id"), inside(record, "origin")
    archived, public = inside(record, "archived"), inside(record, "public")
    return {
        "id": None if identity is None else str(identity),
        "full_name": f"{inside(record, 'project', 'key')}/{text(record, 'slug')}",
        "clone_url": _clone_url(record),
        "archived": archived if isinstance(archived, bool) else None,
        "fork": isinstance(origin, dict),
        "private": not public if isinstance(public, bool) else None,
        "parent": {"clone_url": _clone_url(origin), "id": inside(origin, "id")},
    }


def _clone_url(record: object) -> str | None:
    """By HTTP, without the name of the user that a response may have in it."""
    links = inside(record, "links", "clone")
    for link in links if isinstance(links, list) else []:
        href = text(link, "href")
        if text(link, "name") in ("http", "https") and href is not None:
            scheme, _, rest = href.partition("://")
            return f"{scheme}://{rest.rpartition('@')[2]}"
    return None


def repository(client: Client, path: str) -> dict[str, Any]:
    """One repository, ``PROJECT/NAME``."""
    return sheet(client.server, client.ask(_repository(path)).body)


def repositories(client: Client, owner: str) -> Iterator[dict[str, Any]]:
    """Those of a project."""
    for record in _all(client, f"/projects/{owner}/repos", {}):
        yield sheet(client.server, record)


def _all(client: Client, path: str, parameters: dict[str, str | int]) -> Iterator[object]:
    """The records of all pages."""

    def following(answer: Response) -> str | None:
        start = inside(answer.body, "nextPageStart")
        if inside(answer.body, "isLastPage") is True:
            return None
        if inside(answer.body, "isLastPage") is not False or type(start) is not int:
            raise ForgeError(f"{client.server.host} does not say where its next page begins")
        return (
            f"{client.server.api}{path}?{urlencode({**parameters, 'limit': 100, 'start': start})}"
        )

    for answer in client.pages(path, {**parameters, "limit": 100}, following):
        yield from client.entries(inside(answer.body, "values"))


def project(client: Client, path: str) -> Project:
    """The repository of that name, or of that earlier name: Bitbucket redirects."""
    found = as_project(client, client.ask(_repository(path)).body)
    owner, _, name = found.path.partition("/")
    writable: dict[str, str | int] = {"projectkey": owner, "name": name, "permission": "REPO_WRITE"}
    ids = [inside(each, "id") for each in _all(client, "/repos", writable)]
    default = None
    try:
        answer = client.ask(f"{_repository(found.path)}/default-branch")
        default = text(answer.body, "displayId")
    except RequestRefused as refused:
        if refused.status != 404:  # it is empty
            raise
    return replace(found, can_push=int(found.id) in ids, default_branch=default)


def as_project(client: Client, record: object) -> Project:
    found = sheet(client.server, record)
    if found["id"] is None:
        raise ForgeError(f"{client.server.host} answers with something that is no repository")
    parent = number(record, "origin", "id")
    return Project(
        id=found["id"],
        path=plain(found["full_name"], "repository"),
        clone_url=client.server.clone_address(found["clone_url"]).url,
        default_branch=None,
        archived=found["archived"] is True,
        fork_of=None if parent is None else str(parent),
    )


# Pull requests as they are


def _pull(project: Project, number: str) -> str:
    return f"{_repository(project.path)}/pull-requests/{checked_number(number, 'pull request')}"


def reviews(
    client: Client, project: Project, head: str, head_project: Project, base: str
) -> Sequence[Review]:
    """All from this head into this base, the newest first."""
    wanted: dict[str, str | int] = {
        "state": "ALL",
        "direction": "OUTGOING",
        "at": _HEADS + head,
        "order": "NEWEST",
    }
    found = []
    for record in _all(client, f"{_repository(head_project.path)}/pull-requests", wanted):
        each = as_review(client, record)
        onto = inside(record, "toRef", "repository", "id")
        ends = (each.head, each.head_project, each.base, str(onto))
        if ends == (head, head_project.id, base, project.id):
            found.append(each)
    return found


def as_review(client: Client, record: object) -> Review:
    called, source, onto = number(record, "id"), inside(record, "fromRef"), inside(record, "toRef")
    links = texts(inside(record, "links", "self"), "href")
    life = _LIVES.get(text(record, "state") or "")
    if called is None or life is None or not links:
        raise ForgeError(f"{client.server.host} answers with something that is no pull request")
    home = number(source, "repository", "id")
    merged = inside(record, "properties", "mergeCommit", "id")
    return Review(
        number=str(called),
        url=links[0],
        life=life,
        head=(text(source, "id") or "").removeprefix(_HEADS),
        head_project=None if home is None else str(home),
        head_commit=text(source, "latestCommit"),
        base=(text(onto, "id") or "").removeprefix(_HEADS),
        title=text(record, "title") or "",
        body=text(record, "description") or "",
        draft=inside(record, "draft") is True,
        asked=texts(inside(record, "reviewers"), "user", "name"),
        merge_commit=merged if isinstance(merged, str) and life is Life.MERGED else None,
    )


def review(client: Client, project: Project, number: str) -> Review:
    """One, with approvals, checks and conflicts."""
    path = _pull(project, number)
    record = client.ask(path).body
    found = checked_review(as_review(client, record), number, client.server.host)
    if found.life is not Life.OPEN:
        return replace(found, closed_by=_closer(client, path))
    merge = client.ask(f"{path}/merge").body
    conflicted = inside(merge, "conflicted")
    return replace(
        found,
        approved=_approved(record, merge),
        checks=_checks(client, found.head_commit),
        conflicts=conflicted if isinstance(conflicted, bool) else None,
        blocked=bool(inside(merge, "vetoes")) or inside(merge, "canMerge") is not True,
    )


def _closer(client: Client, path: str) -> str | None:
    """Who declined or merged it, of which the pull request itself says nothing."""
    answer = client.ask(f"{path}/activities", {"limit": 100})  # the newest first
    values = inside(answer.body, "values")
    for each in values if isinstance(values, list) else []:
        if text(each, "action") in ("DECLINED", "MERGED"):
            return text(inside(each, "user"), "name")
    return None


def _approved(record: object, merge: object) -> bool | None:
    """Whether it has an approval of another person, of the commit as it is, and nothing that stands
    against it; None where a merge check does, which may want more approvals, or something else."""
    author = text(inside(record, "author", "user"), "name")
    groups = (inside(record, "reviewers"), inside(record, "participants"))
    people = [each for group in groups if isinstance(group, list) for each in group]
    if "NEEDS_WORK" in texts(people, "status"):
        return False
    commit = text(inside(record, "fromRef"), "latestCommit")
    if author is None or commit is None:
        return None
    is_approved = any(
        (text(each, "status"), inside(each, "lastReviewedCommit")) == ("APPROVED", commit)
        and inside(each, "user", "type") == "NORMAL"
        and text(inside(each, "user"), "name") not in (None, author)
        for each in people
    )
    if not is_approved:
        return False
    return None if inside(merge, "vetoes") else True


def _checks(client: Client, commit: str | None) -> Checks | None:
    """The builds of a commit: https://developer.atlassian.com/server/bitbucket/rest/"""
    if commit is None:
        return None
    base = client.server.api.partition("/rest/api/")[0]
    url = f"{base}/rest/build-status/latest/commits/stats/{quote(commit, safe='')}"
    counts = client.ask(url).body
    if any(number(counts, kind) is None for kind in ("failed", "inProgress", "successful")):
        return None
    kinds = ("failed", "cancelled", "inProgress", "unknown", "successful")
    failed, cancelled, running, unknown, passed = (inside(counts, kind) or 0 for kind in kinds)
    if failed or cancelled:
        return Checks.FAILED
    if running or unknown:
        return Checks.PENDING
    return Checks.PASSED if passed else Checks.NONE


# Opening and changing


def create(client: Client, project: Project, wanted: Wanted) -> Done:
    """Open a pull request."""
    sent: dict[str, Any] = {
        "title": wanted.title,
        "description": wanted.body,
        "fromRef": _end(wanted.head, wanted.head_project),
        "toRef": _end(wanted.base, project.path),
    }
    if wanted.draft:
        sent["draft"] = True
    path = f"{_repository(project.path)}/pull-requests"
    try:
        made = client.ask(path, method="POST", body=sent).body
    except RequestRefused as refused:
        if refused.status == 409 and "Only one pull request may be open" in refused.said:
            raise AlreadyThere(str(refused)) from None
        raise
    missed = others(wanted)
    if wanted.draft and inside(made, "draft") is not True:
        missed.append("draft: this version of Bitbucket has none, so the review is open to all")
    return _asked(client, project, made, wanted, missed)


def _end(branch: str, path: str) -> dict[str, Any]:
    owner, _, name = path.partition("/")
    return {"id": _HEADS + branch, "repository": {"slug": name, "project": {"key": owner}}}


def update(client: Client, project: Project, review: Review, wanted: Wanted) -> Done:
    """Change what is not as it is wanted."""
    missed = others(wanted)
    is_same = review.title == wanted.title and lines(review.body) == lines(wanted.body)
    if is_same and not missing(wanted.reviewers, review.asked):
        return Done(review, tuple(missed))
    record = client.ask(_pull(project, review.number)).body
    if not is_same:
        record = _put(client, project, record, title=wanted.title, description=wanted.body)
    return _asked(client, project, record, wanted, missed)


def _put(client: Client, project: Project, record: object, **changes: object) -> object:
    """Change a pull request. What is left out, such as reviewers, would be removed."""
    names = texts(inside(record, "reviewers"), "user", "name")
    base = (text(inside(record, "toRef"), "id") or "").removeprefix(_HEADS)
    sent = {
        "version": inside(record, "version"),
        "title": text(record, "title"),
        "description": text(record, "description") or "",
        "reviewers": [{"user": {"name": name}} for name in names],
        "toRef": _end(base, project.path),
    }
    if inside(record, "draft") is True:
        sent["draft"] = True
    path = _pull(project, str(inside(record, "id")))
    return client.ask(path, method="PUT", body=sent | changes).body


def _asked(
    client: Client, project: Project, record: object, wanted: Wanted, missed: list[str]
) -> Done:
    """Ask for the reviews that nobody was asked for yet; whatever becomes of that, the pull request
    stands."""
    for name in missing(wanted.reviewers, texts(inside(record, "reviewers"), "user", "name")):
        there = texts(inside(record, "reviewers"), "user", "name")
        asked = [{"user": {"name": each}} for each in (*there, name)]
        try:
            record = _put(client, project, record, reviewers=asked)
        except RequestRefused as refused:
            missed.append(f"reviewer {name}: {refused.said or refused}")
        except ForgeError as error:
            missed.append(f"reviewer {name}: {error}")
    return Done(as_review(client, record), tuple(missed))


def comment(client: Client, project: Project, review: Review, body: str) -> None:
    """Say something in it."""
    client.ask(f"{_pull(project, review.number)}/comments", method="POST", body={"text": body})


def set_draft(client: Client, project: Project, review: Review, draft: bool) -> Review:
    """Make a draft of it, or make it ready."""
    record = client.ask(_pull(project, review.number)).body
    now = as_review(client, _put(client, project, record, draft=draft))
    if now.draft != draft:
        raise ForgeError("this version of Bitbucket has no drafts")
    return replace(review, draft=draft)


# Its end


def merge(client: Client, project: Project, review: Review, method: MergeMethod) -> Review:
    """Merge it at `Review.head_commit`: in the version that has that commit, and in no other."""
    if review.head_commit is None:
        raise ForgeError(f"the commit of {review.url} is not known: it is not merged")
    path = _pull(project, review.number)
    record = client.ask(path).body
    now = checked_review(as_review(client, record), review.number, client.server.host)
    if now.head_commit != review.head_commit:
        raise RequestRefused(f"someone pushed to {review.url} meanwhile: it is not merged", 409)
    if now.base != review.base:
        raise ForgeError(f"{review.url} goes into {now.base} by now: it is not merged")
    if now.life is Life.MERGED:
        return now
    done = _do(client, path, record, "merge", {"strategyId": _STRATEGIES[method]})
    done = checked_review(done, review.number, client.server.host)
    if done.life is not Life.MERGED:
        raise ForgeError(f"Bitbucket does not say that {review.url} is merged")
    return replace(review, life=Life.MERGED, merge_commit=done.merge_commit)


def close(client: Client, project: Project, review: Review) -> Review:
    """Decline it."""
    return _turn(client, project, review, "decline", Life.CLOSED)


def reopen(client: Client, project: Project, review: Review) -> Review:
    """Open it again; Bitbucket refuses where the branch is gone."""
    return _turn(client, project, review, "reopen", Life.OPEN)


def _turn(client: Client, project: Project, review: Review, verb: str, life: Life) -> Review:
    path = _pull(project, review.number)
    record = client.ask(path).body
    now = as_review(client, record)
    if now.life not in (life, Life.MERGED):
        now = _do(client, path, record, verb, {})
    now = checked_review(now, review.number, client.server.host)
    if now.life is not life:
        raise ForgeError(f"{review.url} is {now.life.value}, and not made {life.value}")
    return now


def _do(client: Client, path: str, record: object, verb: str, sent: dict[str, str]) -> Review:
    """Bring it to its end, or back, in the version that was seen."""
    url = f"{path}/{verb}?version={inside(record, 'version')}"
    return as_review(client, client.ask(url, method="POST", body=sent).body)


# Forks


def fork(client: Client, project: Project) -> Project:
    """The fork among the own repositories of the token's user, made where there is none."""
    own = own_fork(client, project)
    if own is not None:
        return own.project
    record = client.ask(_repository(project.path), method="POST", body={}).body
    made = as_project(client, record)
    if made.fork_of != project.id:
        raise ForgeError(f"{made.path} is no fork of {project.path}")
    for look in range(LOOKS):
        if text(record, "state") == "AVAILABLE":
            return replace(made, can_push=True)
        limits.sleep(2**look)
        record = client.ask(_repository(made.path)).body
    raise ForgeError(f"the fork {made.path} is not ready yet: run patcher again in a minute")


def own_fork(client: Client, project: Project) -> OwnFork | None:
    """The fork among the own repositories of the token's user. The server does not say when it was
    made."""
    login = client.ask(_repository(project.path)).headers.get("x-ausername")
    if not login:
        raise ForgeError("the token stands for no user, who could have a fork")
    for record in _all(client, f"{_repository(project.path)}/forks", {}):
        owner = inside(record, "project", "key")
        if isinstance(owner, str) and owner.casefold() == f"~{login}".casefold():
            return OwnFork(replace(as_project(client, record), can_push=True), None)
    return None


def delete_fork(client: Client, project: Project) -> None:
    """Remove a fork; what is none, or is none any more, stays."""
    path = _repository(project.path)
    now = removable(project, lambda: as_project(client, client.ask(path).body))
    client.ask(_repository(now.path), method="DELETE")

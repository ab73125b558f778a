"""Bitbucket Cloud: https://developer.atlassian.com/cloud/bitbucket/rest/

It has no labels, milestones, assignees or teams on pull requests, opens none again that was
declined, and merges none by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

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
    Unsupported,
    Wanted,
)
from patcher.forges.reviewing import checked_number, checked_review, lines, missing, removable
from patcher.forges.server import ForgeError, RequestRefused, Server, plain

if TYPE_CHECKING:
    from patcher.forges.client import Client, Parameters, Response


LOOKS = 6
"""How often a merge or a new fork is looked at until it is done, after 1, 2, 4 ... seconds."""

_LIVES = {
    "OPEN": Life.OPEN,
    "MERGED": Life.MERGED,
    "DECLINED": Life.CLOSED,
    "SUPERSEDED": Life.CLOSED,
}
_EVERY = "state=OPEN&state=MERGED&state=DECLINED&state=SUPERSEDED"
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_STRATEGIES: dict[MergeMethod, str] = {"merge": "merge_commit", "squash": "squash"}
"""It has no rebase: https://jira.atlassian.com/browse/BCLOUD-16610"""


# Repositories


def sheet(server: Server, record: object) -> dict[str, Any]:
    """What it says of a repository, by the names that `patcher.forges.listed` knows."""
    path, parent = text(record, "full_name"), inside(record, "parent")
    # The clone links of a response have the name of the user in them.
    found: dict[str, Any] = {
        "id": text(record, "uuid"),
        "full_name": path,
        "clone_url": f"{server.web}/{path}.git",
        "default_branch": inside(record, "mainbranch", "name"),
        "fork": isinstance(parent, dict),
        "private": inside(record, "is_private"),
        "pushed_at": text(record, "updated_on"),
    }
    if isinstance(parent, dict):
        above = text(parent, "full_name")
        found["parent"] = {"clone_url": f"{server.web}/{above}.git", "id": text(parent, "uuid")}
    return found


def repository(client: Client, path: str) -> dict[str, Any]:
    """One repository, ``WORKSPACE/NAME``."""
    return sheet(client.server, client.ask(f"/repositories/{plain(path, 'repository')}").body)


def repositories(client: Client, owner: str) -> Iterator[dict[str, Any]]:
    """Those of a workspace, the oldest first."""
    wanted: dict[str, str | int] = {"pagelen": 100, "sort": "created_on"}
    for record in _all(client, f"/repositories/{owner}", wanted):
        yield sheet(client.server, record)


def _all(client: Client, path: str, parameters: Parameters) -> Iterator[object]:
    for answer in client.pages(path, parameters, _following):
        yield from client.entries(inside(answer.body, "values"))


def _following(page: Response) -> str | None:
    """The URL of the next page. Raises ForgeError for one that cannot be read: without it the list
    is not whole."""
    following = inside(page.body, "next")
    if following is not None and not isinstance(following, str):
        raise ForgeError("the URL of the next page cannot be read: not followed")
    return following


def project(client: Client, path: str) -> Project:
    """The repository of that name."""
    found = as_project(client, repository(client, path))
    owner, _, name = found.path.partition("/")
    wanted = {"role": "contributor", "q": f'slug="{name}"'}
    try:
        writable = [*_all(client, f"/repositories/{owner}", wanted)]
        if found.id not in texts(writable, "uuid"):
            client.ask("/user")
            return replace(found, can_push=False)
    except RequestRefused:  # a token of a repository, project or workspace has no role
        return found
    return replace(found, can_push=True)


def as_project(client: Client, found: dict[str, Any]) -> Project:
    if found["id"] is None or found["full_name"] is None:
        raise ForgeError(f"{client.server.host} answers with something that is no repository")
    parent = inside(found, "parent", "id")
    default = found["default_branch"]
    return Project(
        id=found["id"],
        path=plain(found["full_name"], "repository"),
        clone_url=client.server.clone_address(found["clone_url"]).url,
        default_branch=default if isinstance(default, str) else None,
        fork_of=parent if isinstance(parent, str) else None,
    )


# Pull requests as they are


def _pull(project: Project, number: str) -> str:
    return f"/repositories/{project.path}/pullrequests/{checked_number(number, 'pull request')}"


def reviews(
    client: Client, project: Project, head: str, head_project: Project, base: str
) -> Sequence[Review]:
    """All from this head into this base, the newest first; without their commits, which a list has
    only the beginnings of."""
    ends = (("source", head), ("destination", base))
    query = [f'{end}.branch.name="{_quoted(branch)}"' for end, branch in ends]
    wanted: dict[str, str | int] = {"q": " AND ".join(query), "sort": "-created_on", "pagelen": 50}
    path = f"/repositories/{project.path}/pullrequests?{_EVERY}"
    found = [as_review(client, record) for record in _all(client, path, wanted)]
    return [
        each
        for each in found
        if (each.head, each.base, each.head_project) == (head, base, head_project.id)
    ]


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def as_review(client: Client, record: object) -> Review:
    called, url = number(record, "id"), inside(record, "links", "html", "href")
    source, onto = inside(record, "source"), inside(record, "destination", "branch", "name")
    branch, home = inside(source, "branch", "name"), inside(source, "repository", "uuid")
    life = _LIVES.get(text(record, "state") or "")
    if not (isinstance(url, str) and isinstance(branch, str) and isinstance(onto, str)) or (
        called is None or life is None
    ):
        raise ForgeError(f"{client.server.host} answers with something that is no pull request")
    merged = inside(record, "merge_commit", "hash")
    closer = inside(record, "closed_by")
    return Review(
        number=str(called),
        url=url,
        life=life,
        head=branch,
        head_project=home if isinstance(home, str) else None,
        head_commit=None,
        base=onto,
        title=text(record, "title") or "",
        body=text(record, "description") or text(inside(record, "summary"), "raw") or "",
        draft=inside(record, "draft") is True,
        asked=texts(inside(record, "reviewers"), "nickname"),
        closed_by=text(closer, "nickname") or text(closer, "display_name"),
        merge_commit=merged if isinstance(merged, str) and life is Life.MERGED else None,
    )


def review(client: Client, project: Project, number: str) -> Review:
    """One, with approvals, checks and conflicts."""
    path = _pull(project, number)
    record = client.ask(path).body
    found = checked_review(as_review(client, record), number, client.server.host)
    found = replace(found, head_commit=_commit(client, project, record))
    if found.life is not Life.OPEN:
        return found
    return replace(
        found,
        approved=_approved(client, project, path, record),
        checks=_checks(client, path),
        conflicts=_conflicts(client, path),
    )


def _commit(client: Client, project: Project, record: object) -> str | None:
    """The commit of the head, of which the pull request has the first twelve digits."""
    short = inside(record, "source", "commit", "hash")
    if not isinstance(short, str) or not _COMMIT.fullmatch(short):
        return None
    home = inside(record, "source", "repository", "full_name")
    path = plain(home, "repository") if isinstance(home, str) else project.path
    try:
        whole = text(client.ask(f"/repositories/{path}/commit/{quote(short)}").body, "hash")
    except RequestRefused as refused:
        if refused.status == 404:
            return None
        raise
    return whole if whole is not None and whole.startswith(short) else None


def _approved(client: Client, project: Project, path: str, record: object) -> bool | None:
    """Whether there are as many approvals of others as the branch's restrictions want, as far as
    the token may read them, and at least one of a person, of the commit as it is. None where its
    author is not known, whose own approval does not count."""
    author, people = inside(record, "author", "uuid"), inside(record, "participants")
    if "changes_requested" in texts(people, "state"):
        return False
    if not isinstance(author, str):
        return None
    approved = [
        each
        for each in (people if isinstance(people, list) else [])
        if inside(each, "approved") is True
        and text(inside(each, "user"), "uuid") not in (None, author)
    ]
    if not approved or len(approved) < _wanted_approvals(client, project):
        return False
    now = _approved_now(client, path, text(inside(record, "source", "commit"), "hash"))
    return any(
        inside(each, "user", "type") == "user" and text(inside(each, "user"), "uuid") in now
        for each in approved
    )


def _approved_now(client: Client, path: str, commit: str | None) -> set[str | None]:
    """The ids of those who approved this commit. Bitbucket keeps approvals of earlier ones, but its
    log, the newest first, has them before the update that brought the commit."""
    found: set[str | None] = set()
    since: set[str | None] = set()
    for each in _all(client, f"{path}/activity", {"pagelen": 50}):
        approver = text(inside(each, "approval", "user"), "uuid")
        since |= {approver} - {None}
        updated = inside(each, "update", "source", "commit", "hash")
        if isinstance(updated, str) and updated != commit:
            break
        if updated is not None:
            found |= since
            since = set()
    return found


def _wanted_approvals(client: Client, project: Project) -> int:
    """The most that any restriction wants: which branches each is for, its pattern or the branching
    model says."""
    wanted: dict[str, str | int] = {"kind": "require_approvals_to_merge", "pagelen": 100}
    counts = [1]
    try:
        for each in _all(client, f"/repositories/{project.path}/branch-restrictions", wanted):
            value = inside(each, "value")
            counts += [value] if isinstance(value, int) else []
    except RequestRefused as refused:  # they are for administrators
        if refused.status not in (401, 403, 404):
            raise
    return max(counts)


def _checks(client: Client, path: str) -> Checks:
    records = [*_all(client, f"{path}/statuses", {"pagelen": 100})]
    if not records:
        return Checks.NONE
    states = {text(each, "state") for each in records}
    if states & {"FAILED", "STOPPED"}:
        return Checks.FAILED
    return Checks.PASSED if states == {"SUCCESSFUL"} else Checks.PENDING


def _conflicts(client: Client, path: str) -> bool | None:
    """Whether a file has the mark of a conflict. Its description promises no such mark, so that
    without one it is not known."""
    try:
        states = {*texts([*_all(client, f"{path}/diffstat", {"pagelen": 500})], "status")}
    except RequestRefused:
        return None
    return True if states - {"added", "removed", "modified", "renamed"} else None


# Opening and changing


def create(client: Client, project: Project, wanted: Wanted) -> Done:
    """Open a pull request. Bitbucket would change the one that is open instead of refusing."""
    head = as_project(client, repository(client, wanted.head_project))
    for each in reviews(client, project, wanted.head, head, wanted.base):
        if each.life is Life.OPEN:
            raise AlreadyThere(f"a pull request is open already: {each.url}")
    sent = {
        "title": wanted.title,
        "description": wanted.body,
        "source": {
            "branch": {"name": wanted.head},
            "repository": {"full_name": wanted.head_project},
        },
        "destination": {"branch": {"name": wanted.base}},
        "draft": wanted.draft,
    }
    path = f"/repositories/{project.path}/pullrequests"
    made = client.ask(path, method="POST", body=sent).body
    missed = others(wanted)
    if wanted.draft and inside(made, "draft") is not True:
        missed.append("draft: Bitbucket made none of it, so the review is open to all")
    return _asked(client, project, made, wanted, missed)


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
    people = texts(inside(record, "reviewers"), "uuid")
    sent = {
        "title": text(record, "title"),
        "description": text(record, "description") or "",
        "destination": {"branch": {"name": inside(record, "destination", "branch", "name")}},
        "reviewers": [{"uuid": each} for each in people],
        "draft": inside(record, "draft") is True,
    }
    path = _pull(project, str(inside(record, "id")))
    return client.ask(path, method="PUT", body=sent | changes).body


def _asked(
    client: Client, project: Project, record: object, wanted: Wanted, missed: list[str]
) -> Done:
    """Ask for the reviews that nobody was asked for yet; whatever becomes of that, the pull request
    stands."""
    reviewers = inside(record, "reviewers")
    names = missing(wanted.reviewers, texts(reviewers, "nickname"))
    try:
        people = _people(client, project) if names else {}
        for name in names:
            known = people.get(name.casefold())
            there = texts(inside(record, "reviewers"), "uuid")
            if known is None:
                missed.append(f"reviewer {name}: is no member of the workspace")
            elif known not in there:
                asked = [{"uuid": each} for each in (*there, known)]
                try:
                    record = _put(client, project, record, reviewers=asked)
                except RequestRefused as refused:
                    missed.append(f"reviewer {name}: {refused.said or refused}")
    except ForgeError as error:
        missed.append(f"reviewers: {error}")
    return Done(as_review(client, record), tuple(missed))


def _people(client: Client, project: Project) -> dict[str, str]:
    """The members of the workspace: their ids by every name that they have."""
    owner = project.path.partition("/")[0]
    found: dict[str, str] = {}
    for record in _all(client, f"/workspaces/{owner}/members", {"pagelen": 100}):
        user = inside(record, "user")
        for key in ("display_name", "nickname", "account_id", "uuid"):
            name, known = text(user, key), text(user, "uuid")
            if name is not None and known is not None:
                found[name.casefold()] = known
    return found


def comment(client: Client, project: Project, review: Review, body: str) -> None:
    """Say something in it."""
    path = f"{_pull(project, review.number)}/comments"
    client.ask(path, method="POST", body={"content": {"raw": body}})


def set_draft(client: Client, project: Project, review: Review, draft: bool) -> Review:
    """Make a draft of it, or make it ready."""
    record = client.ask(_pull(project, review.number)).body
    now = as_review(client, _put(client, project, record, draft=draft))
    if now.draft != draft:
        raise ForgeError(f"Bitbucket does not change whether {review.url} is a draft")
    return replace(review, draft=draft)


# Its end


def merge(client: Client, project: Project, review: Review, method: MergeMethod) -> Review:
    """Merge it. Bitbucket takes no commit with the request: it is compared right before, and
    compared again afterwards, since a push in between is merged, too."""
    if method not in _STRATEGIES:
        raise Unsupported(f"Bitbucket Cloud cannot {method}: merge or squash")
    path = _pull(project, review.number)
    if review.head_commit is None:
        raise ForgeError(f"the commit of {review.url} is not known: it is not merged")
    record = client.ask(path).body
    _same_commit(record, review, "it is not merged")
    now = checked_review(as_review(client, record), review.number, client.server.host)
    if now.base != review.base:
        raise ForgeError(f"{review.url} goes into {now.base} by now: it is not merged")
    if now.life is Life.MERGED:
        return replace(now, head_commit=review.head_commit)
    sent = {"type": "pullrequest_merge_parameters", "merge_strategy": _STRATEGIES[method]}
    record = client.ask(f"{path}/merge", method="POST", body=sent).body
    for look in range(LOOKS):
        if text(record, "state") == "MERGED":
            break
        limits.sleep(2**look)  # 202: it takes longer
        record = client.ask(path).body
    else:
        raise ForgeError(f"{review.url} is not merged yet: look again with `patcher status`")
    _same_commit(record, review, "and it was merged with that")
    done = checked_review(as_review(client, record), review.number, client.server.host)
    return replace(review, life=Life.MERGED, merge_commit=done.merge_commit)


def _same_commit(record: object, review: Review, consequence: str) -> None:
    short = inside(record, "source", "commit", "hash")
    is_commit = isinstance(short, str) and _COMMIT.fullmatch(short)
    if not (is_commit and str(review.head_commit).startswith(str(short))):
        raise RequestRefused(f"someone pushed to {review.url} meanwhile: {consequence}", 409)


def close(client: Client, project: Project, review: Review) -> Review:
    """Decline it."""
    path = _pull(project, review.number)
    try:
        record = client.ask(f"{path}/decline", method="POST", body={}).body
    except RequestRefused as refused:
        if refused.status not in (400, 409):
            raise
        record = client.ask(path).body
    now = checked_review(as_review(client, record), review.number, client.server.host)
    if now.life is not Life.CLOSED:
        raise ForgeError(f"{review.url} is {now.life.value}, and not declined")
    return replace(now, head_commit=review.head_commit)


def reopen(client: Client, project: Project, review: Review) -> Review:
    """Is not possible."""
    raise Unsupported("Bitbucket Cloud opens no pull request again that was declined")


# Forks


def fork(client: Client, project: Project) -> Project:
    """The fork in the workspace of the token's user, made where there is none."""
    own = own_fork(client, project)
    if own is not None:
        return own.project
    sent = {"workspace": {"slug": _login(client)}}
    path = f"/repositories/{project.path}/forks"
    made = as_project(client, sheet(client.server, client.ask(path, method="POST", body=sent).body))
    if made.fork_of != project.id:
        raise ForgeError(f"{made.path} is no fork of {project.path}")
    branch = quote(made.default_branch or project.default_branch or "main")
    for look in range(LOOKS):
        try:
            client.ask(f"/repositories/{made.path}/refs/branches/{branch}")
        except RequestRefused as refused:
            if refused.status != 404:
                raise
            limits.sleep(2**look)
        else:
            return replace(made, can_push=True)
    raise ForgeError(f"the fork {made.path} is not ready yet: run patcher again in a minute")


def own_fork(client: Client, project: Project) -> OwnFork | None:
    """The fork in the workspace of the token's user."""
    there: dict[str, str | int] = {"pagelen": 100, "q": f'parent.uuid="{project.id}"'}
    for record in _all(client, f"/repositories/{_login(client)}", there):
        found = as_project(client, sheet(client.server, record))
        if found.fork_of == project.id:
            return OwnFork(replace(found, can_push=True), text(record, "created_on"))
    return None


def _login(client: Client) -> str:
    login = text(client.ask("/user").body, "username")
    if login is None:
        raise ForgeError("the token stands for no user, who could have a fork")
    return plain(login, "user")


def delete_fork(client: Client, project: Project) -> None:
    """Remove a fork; what is none, or is none any more, stays."""
    now = removable(project, lambda: as_project(client, repository(client, project.path)))
    client.ask(f"/repositories/{now.path}", method="DELETE")

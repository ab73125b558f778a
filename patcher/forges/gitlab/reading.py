"""Projects and merge requests as they are.

https://docs.gitlab.com/api/projects/ and https://docs.gitlab.com/api/merge_requests/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from patcher.forges import review as values
from patcher.forges.listed import inside, number, text, texts
from patcher.forges.review import Checks, Life, Review
from patcher.forges.reviewing import checked_number, checked_review
from patcher.forges.server import ForgeError, RequestRefused

if TYPE_CHECKING:
    from patcher.forges.client import Client


# Projects


def project(client: Client, path: str) -> values.Project:
    """The project of that name; GitLab itself leads on from an earlier name."""
    return as_project(client, client.ask(f"/projects/{quote(path, safe='')}").body)


_DEVELOPER = 30
"""The lowest level of access that may push: https://docs.gitlab.com/api/access_requests/"""


def as_project(client: Client, record: object) -> values.Project:
    """What GitLab says of one project."""
    found, path = number(record, "id"), text(record, "path_with_namespace")
    if found is None or path is None:
        raise ForgeError(f"{client.server.host} answers with something that is no project")
    parent = number(record, "forked_from_project", "id")
    return values.Project(
        id=str(found),
        path=path,
        clone_url=client.server.clone_address(text(record, "http_url_to_repo")).url,
        default_branch=text(record, "default_branch"),
        # One that is to be deleted can still be read for some days.
        archived=inside(record, "archived") is True
        or text(record, "marked_for_deletion_on") is not None,
        can_push=_can_push(client, found, inside(record, "permissions")),
        fork_of=None if parent is None else str(parent),
    )


def _can_push(client: Client, project: int, access: object) -> bool | None:
    """Whether the token's user may push. The project's own answer leaves out administrators, and
    groups that the project is shared with."""
    if not isinstance(access, dict):
        return None
    if any(_level(access, kind) >= _DEVELOPER for kind in access):
        return True
    try:
        user = client.ask("/user").body
        if inside(user, "is_admin") is True:
            return True
        member = client.ask(f"/projects/{project}/members/all/{inside(user, 'id')}").body
    except RequestRefused as refused:
        return False if refused.status == 404 else None
    return _level({"": member}, "") >= _DEVELOPER


def _level(access: object, kind: str) -> int:
    level = inside(access, kind, "access_level")
    return level if isinstance(level, int) else 0


# Merge requests


def path(project: values.Project, number: str) -> str:
    """The address of a merge request in the interface."""
    return f"/projects/{project.id}/merge_requests/{checked_number(number, 'merge request')}"


def reviews(
    client: Client,
    project: values.Project,
    head: str,
    head_project: values.Project,
    base: str,
) -> Sequence[Review]:
    """All merge requests of that head and base, the newest first."""
    parameters: dict[str, str | int] = {
        "source_branch": head,
        "target_branch": base,
        "state": "all",
        "order_by": "created_at",
        "sort": "desc",
        "per_page": 100,
    }
    found = [
        as_review(client, record)
        for answer in client.pages(f"/projects/{project.id}/merge_requests", parameters)
        for record in client.entries(answer.body)
    ]
    wanted = (head, head_project.id, base)
    return [each for each in found if (each.head, each.head_project, each.base) == wanted]


def review(client: Client, project: values.Project, number: str) -> Review:
    """One, with approvals and pipelines, for which GitLab is asked on their own."""
    at = path(project, number)
    record = client.ask(at).body
    found = checked_review(as_review(client, record), number, client.server.host)
    return replace(
        found,
        approved=_approved(client, at, record),
        checks=_checks(client, project, record, found),
    )


_LIVES = {
    "opened": Life.OPEN,
    "locked": Life.OPEN,  # while it is being merged
    "closed": Life.CLOSED,
    "merged": Life.MERGED,
}


def as_review(client: Client, record: object) -> Review:
    """What GitLab says of a merge request."""
    iid, life = number(record, "iid"), _LIVES.get(text(record, "state") or "")
    head, base = text(record, "source_branch"), text(record, "target_branch")
    if iid is None or life is None or head is None or base is None:
        raise ForgeError(f"{client.server.host} answers with something that is no merge request")
    title = text(record, "title") or ""
    source = number(record, "source_project_id")
    merged = (text(record, f"{kind}sha") for kind in ("merge_commit_", "squash_commit_", ""))
    return Review(
        number=str(iid),
        url=text(record, "web_url") or "",
        life=life,
        head=head,
        head_project=None if source is None else str(source),
        head_commit=text(record, "sha"),
        base=base,
        title=without_mark(title),
        body=text(record, "description") or "",
        draft=inside(record, "draft") is True or without_mark(title) != title,
        conflicts=_conflicts(record) if life is Life.OPEN else None,
        labels=texts(inside(record, "labels")),
        asked=texts(inside(record, "reviewers"), "username"),
        assignees=texts(inside(record, "assignees"), "username"),
        milestone=text(inside(record, "milestone"), "title"),
        auto_merge=inside(record, "merge_when_pipeline_succeeds") is True,
        closed_by=text(inside(record, "closed_by"), "username"),
        merge_commit=next(filter(None, merged), None) if life is Life.MERGED else None,
    )


DRAFT = "Draft: "
_DRAFTS = re.compile(r"(?:\s*(?:\[draft\]|\(draft\)|draft:))+\s*", re.IGNORECASE)
"""What marks a draft at the start of a title:
https://docs.gitlab.com/user/project/merge_requests/drafts/"""


def without_mark(title: str) -> str:
    """A title without what marks a draft."""
    mark = _DRAFTS.match(title)
    return title[mark.end() :] if mark else title


def _conflicts(record: object) -> bool | None:
    """``has_conflicts`` is false as well while GitLab has yet to look."""
    match text(record, "merge_status"):
        case "can_be_merged":
            return False
        case "cannot_be_merged":
            return inside(record, "has_conflicts") is True
    return None


def _approved(client: Client, at: str, record: object) -> bool | None:
    """Whether it has all approvals that rules ask for, and at least one of a person who is not its
    author; without rules GitLab asks for none."""
    try:
        answer = client.ask(f"{at}/approvals").body
        author = text(inside(record, "author"), "username")
        if author is None:
            return None  # an approval may be the author's own
        approved = _is_approved(
            client, at, inside(answer, "approved_by"), author, text(record, "sha")
        )
        if approved is False or inside(answer, "approved") is False:
            return False
        if inside(answer, "approvals_left"):
            return False
        if not inside(record, "reviewers"):
            return approved
        states = client.ask(f"{at}/reviewers", {"per_page": 100}).body
    except RequestRefused as refused:
        if refused.status in (403, 404):
            return None
        raise
    return False if "requested_changes" in texts(states, "state") else approved


_BOT = re.compile(r"(?:project|group)_[0-9]+_bot(?:_|\Z)")
"""https://docs.gitlab.com/user/project/settings/project_access_tokens/#bot-users-for-projects"""


def _is_approved(
    client: Client, at: str, given: object, author: str, commit: str | None
) -> bool | None:
    """Whether a person who is not its author approved the commit as it is: with some settings
    GitLab keeps approvals of earlier ones. None: older servers do not say when one was given."""
    found = [
        each
        for each in (given if isinstance(given, list) else [])
        if (name := text(inside(each, "user"), "username")) not in (None, author)
        and not _BOT.match(name or "")
    ]
    if not found:
        return False
    versions = client.entries(client.ask(f"{at}/versions", {"per_page": 2}).body)
    newest = text(versions[0], "head_commit_sha") if versions else None
    if newest is None or newest != commit:
        return None
    if len(versions) == 1:
        return True  # nothing was pushed since it was opened
    pushed = _time(versions[0], "created_at")
    given_at = [_time(each, "approved_at") for each in found]
    if pushed is not None and any(when is not None and when >= pushed for when in given_at):
        return True
    return None if pushed is None or None in given_at else False


def _time(record: object, key: str) -> float | None:
    """Seconds since 1970; None where there is no time in it."""
    try:
        return datetime.fromisoformat(text(record, key) or "").timestamp()
    except (ValueError, OverflowError, OSError):
        return None


_PIPELINES = {
    "success": Checks.PASSED,
    "failed": Checks.FAILED,
    "canceled": Checks.FAILED,
    "canceling": Checks.FAILED,
    "skipped": Checks.NONE,
}
"""What the status of a pipeline means. With any other one it waits, for a machine or for a person:
https://docs.gitlab.com/api/pipelines/"""

_WAITING = ("ci_must_pass", "ci_still_running", "status_checks_must_pass", "preparing")
"""What GitLab says of a merge request that waits for checks, also for some that are no pipeline:
https://docs.gitlab.com/api/merge_requests/#merge-status"""


def _checks(
    client: Client, project: values.Project, record: object, found: Review
) -> Checks | None:
    """What the newest pipeline says, if it is of the newest commit."""
    if not isinstance(record, dict) or "head_pipeline" not in record:
        return None  # the token may not see pipelines
    pipeline = record["head_pipeline"]
    checks = Checks.NONE
    if pipeline is not None:
        if not isinstance(pipeline, dict):
            return None
        is_of = _is_of(client, project, pipeline, found.head_commit)
        status = text(pipeline, "status") if is_of else None
        checks = _PIPELINES.get(status or "", Checks.PENDING)
    waits = text(record, "detailed_merge_status") in _WAITING
    return Checks.PENDING if waits and checks is not Checks.FAILED else checks


def _is_of(client: Client, project: values.Project, pipeline: object, commit: str | None) -> bool:
    """Whether a pipeline ran on this commit, or on the merge of it into the base."""
    ran_on, ref = text(pipeline, "sha"), text(pipeline, "ref") or ""
    if ran_on is None or commit is None:
        return False
    if ran_on == commit or not ref.startswith("refs/merge-requests/"):
        return ran_on == commit
    where = f"/projects/{project.id}/repository/commits/{quote(ran_on, safe='')}"
    try:
        return commit in texts(inside(client.ask(where).body, "parent_ids"))
    except RequestRefused as refused:
        if refused.status == 404:
            return False
        raise

"""Merge requests: open, change, merge, close.

https://docs.gitlab.com/api/merge_requests/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from patcher import git
from patcher.forges import limits
from patcher.forges.gitlab.reading import DRAFT, as_review, path
from patcher.forges.listed import inside, text
from patcher.forges.review import (
    AlreadyThere,
    Done,
    Life,
    MergeMethod,
    Project,
    Review,
    Unsupported,
    Wanted,
)
from patcher.forges.reviewing import checked_review, lines, missing
from patcher.forges.server import ForgeError, RequestRefused

if TYPE_CHECKING:
    from patcher.forges.client import Client, Method

_UNTIL_CHECKED = (1, 2, 4, 8)
"""Seconds between looks at a new merge request, until GitLab has started its pipeline."""

_RUNNING = (
    *("created", "waiting_for_resource", "waiting_for_callback", "preparing", "pending"),
    *("running", "scheduled", "manual"),
)
_ASKED = (
    *("approvals_syncing", "ci_must_pass", "ci_still_running", "discussions_not_resolved"),
    *("merge_request_blocked", "not_approved", "requested_changes", "status_checks_must_pass"),
)
"""What a merge request may wait for, pipelines apart:
https://docs.gitlab.com/api/merge_requests/#merge-status"""

_NOT_NOW = (405, 406, 422)
"""GitLab's answers to a merge that it does not want now."""


def create(client: Client, project: Project, wanted: Wanted) -> Done:
    """Open a merge request; GitLab wants that of the project with the branch."""
    wanted, missed = _possible(wanted)
    own = wanted.head_project.casefold() == project.path.casefold()
    source = project.id if own else quote(wanted.head_project, safe="")
    sent: dict[str, object] = {
        "source_branch": wanted.head,
        "target_branch": wanted.base,
        "target_project_id": int(project.id),
        "title": DRAFT + wanted.title if wanted.draft else wanted.title,
        "description": wanted.body,
        "labels": ",".join(wanted.labels),
        "reviewer_ids": _ids(client, "reviewer", wanted.reviewers, missed),
        "assignee_ids": _ids(client, "assignee", wanted.assignees, missed),
        "milestone_id": _milestone(client, project, wanted.milestone, missed),
    }
    sent = {name: value for name, value in sent.items() if value}
    review = _changed(client, f"/projects/{source}/merge_requests", sent, method="POST")
    return _completed(client, project, review, wanted, missed)


def update(client: Client, project: Project, review: Review, wanted: Wanted) -> Done:
    """Change what is not as it is wanted, all at once."""
    wanted, missed = _possible(wanted)
    sent: dict[str, object] = {}
    if review.title != wanted.title:
        sent["title"] = DRAFT + wanted.title if review.draft else wanted.title
    if lines(review.body) != lines(wanted.body):
        sent["description"] = wanted.body
    if labels := [label for label in wanted.labels if label not in review.labels]:
        sent["add_labels"] = ",".join(labels)
    if missing(wanted.reviewers, review.asked) or missing(wanted.assignees, review.assignees):
        sent |= _people(client, project, review, wanted, missed)
    if wanted.milestone != review.milestone and (
        number := _milestone(client, project, wanted.milestone, missed)
    ):
        sent["milestone_id"] = number
    if sent:
        now = _changed_one(client, project, review, sent)
        review = replace(now, approved=review.approved, checks=review.checks)
    return _completed(client, project, review, wanted, missed)


def comment(client: Client, project: Project, review: Review, body: str) -> None:
    """Say something in it."""
    client.ask(f"{path(project, review.number)}/notes", method="POST", body={"body": body})


def set_draft(client: Client, project: Project, review: Review, draft: bool) -> Review:
    """Make a draft of it, or make it ready; the title says which it is."""
    title = DRAFT + review.title if draft else review.title
    return _changed_one(client, project, review, {"title": title})


def merge(client: Client, project: Project, review: Review, method: MergeMethod) -> Review:
    """Merge it at `Review.head_commit`, and at no other; whether by a commit of its own is the
    project's setting."""
    try:
        merged = _accepted(client, project, review, method)
    except RequestRefused as refused:
        if refused.status not in (*_NOT_NOW, 409):
            raise
        # It may have been merged before: by the request whose answer was lost, or by someone.
        now = as_review(client, client.ask(path(project, review.number)).body)
        merged = checked_review(now, review.number, client.server.host)
        if merged.life is not Life.MERGED or merged.head_commit != review.head_commit:
            raise
    if merged.life is not Life.MERGED:
        raise ForgeError(f"{client.server.host} is still merging {review.url}: look again later")
    return merged


def close(client: Client, project: Project, review: Review) -> Review:
    """Close it without a merge."""
    return _with_state(client, project, review, "close", Life.CLOSED)


def reopen(client: Client, project: Project, review: Review) -> Review:
    """Open it again."""
    return _with_state(client, project, review, "reopen", Life.OPEN)


def _with_state(client: Client, project: Project, review: Review, event: str, life: Life) -> Review:
    now = _changed_one(client, project, review, {"state_event": event})
    if now.life is not life:
        raise ForgeError(f"{client.server.host} did not {event} {review.url}: it is {now.life}")
    return now


def _changed_one(
    client: Client, project: Project, review: Review, sent: dict[str, object]
) -> Review:
    now = _changed(client, path(project, review.number), sent)
    return checked_review(now, review.number, client.server.host)


def _changed(client: Client, at: str, sent: dict[str, object], *, method: Method = "PUT") -> Review:
    try:
        return as_review(client, client.ask(at, method=method, body=sent).body)
    except RequestRefused as refused:
        if refused.status == 409:
            raise AlreadyThere(str(refused)) from None
        raise


def _accepted(
    client: Client, project: Project, review: Review, method: MergeMethod, *, later: bool = False
) -> Review:
    """Have it merged, now or once its checks have passed."""
    if method == "rebase":
        raise Unsupported("GitLab rebases where the project's settings say so: choose another way")
    if review.head_commit is None:
        raise ForgeError(f"the commit of {review.url} is not known: it is not merged")
    sent: dict[str, object] = {"sha": review.head_commit, "squash": method == "squash"}
    if later:
        sent |= {"auto_merge": True, "merge_when_pipeline_succeeds": True}  # new and old servers
    try:
        answer = client.ask(f"{path(project, review.number)}/merge", method="PUT", body=sent)
    except RequestRefused as refused:
        if refused.status != 401:
            raise
        # GitLab says of a user who may not merge what it says of a wrong token.
        why = f"{client.server.host} does not let the token's user merge {review.url}"
        raise RequestRefused(why, 403, refused.said) from None
    if fault := text(answer.body, "merge_error"):
        raise ForgeError(f"{client.server.host} did not merge it: {git.printable(fault[:200])}")
    return checked_review(as_review(client, answer.body), review.number, client.server.host)


# What is asked for beside the text


def _possible(wanted: Wanted) -> tuple[Wanted, list[str]]:
    """The wish without labels that are two for GitLab, which would make both."""
    labels = tuple(name for name in wanted.labels if "," not in name)
    left = [name for name in wanted.labels if "," in name]
    lines = [f"label {name}: GitLab has none with a comma" for name in left]
    return replace(wanted, labels=labels), lines


def _ids(client: Client, role: str, names: Sequence[str], missed: list[str]) -> list[object]:
    """The ids of users."""
    found = []
    for name in names:
        users = client.entries(client.ask("/users", {"username": name}).body)
        if users:
            found.append(inside(users[0], "id"))
        else:
            missed.append(f"{role} {name}: there is no such user")
    return found


def _people(
    client: Client, project: Project, review: Review, wanted: Wanted, missed: list[str]
) -> dict[str, object]:
    """Those who are asked and those who are to be: GitLab sets them all at once."""
    record = client.ask(path(project, review.number)).body
    sent: dict[str, object] = {}
    for role, names, there in (
        ("reviewer", wanted.reviewers, review.asked),
        ("assignee", wanted.assignees, review.assignees),
    ):
        if ids := _ids(client, role, missing(names, there), missed):
            people = client.entries(inside(record, f"{role}s"))
            sent[f"{role}_ids"] = [*(inside(each, "id") for each in people), *ids]
    return sent


def _milestone(client: Client, project: Project, title: str | None, missed: list[str]) -> object:
    """The id of a milestone of the project, or of a group above it."""
    if title is None:
        return None
    parameters = {"title": title, "include_ancestors": "true", "include_parent_milestones": "true"}
    found = client.entries(client.ask(f"/projects/{project.id}/milestones", parameters).body)
    if found:
        return inside(found[0], "id")
    missed.append(f"milestone {title}: there is none")
    return None


def _completed(
    client: Client, project: Project, review: Review, wanted: Wanted, missed: list[str]
) -> Done:
    """Look at what GitLab left out in silence, and ask for what it takes only afterwards."""
    reported = {line.partition(":")[0] for line in missed}
    left = [f"label {name}" for name in wanted.labels if name not in review.labels]
    left += [f"reviewer {name}" for name in missing(wanted.reviewers, review.asked)]
    left += [f"assignee {name}" for name in missing(wanted.assignees, review.assignees)]
    if wanted.milestone != review.milestone and wanted.milestone is not None:
        left.append(f"milestone {wanted.milestone}")
    missed += [f"{each}: GitLab did not take it" for each in left if each not in reported]
    missed += [f"team {name}: GitLab asks no groups but as code owners" for name in wanted.teams]
    if wanted.auto_merge is not None and not review.auto_merge and review.life is Life.OPEN:
        review = _merge_later(client, project, review, wanted.auto_merge, missed)
    return Done(review, tuple(missed))


def _merge_later(
    client: Client, project: Project, review: Review, method: MergeMethod, missed: list[str]
) -> Review:
    """Have GitLab merge it, if it waits for something: else it would merge it now, unseen."""
    try:
        for seconds in (*_UNTIL_CHECKED, None):
            record = client.ask(path(project, review.number)).body
            status = text(inside(record, "head_pipeline"), "status")
            why = text(record, "detailed_merge_status") or ""
            if status in _RUNNING or why in _ASKED:
                return _accepted(client, project, review, method, later=True)
            if seconds is not None:
                limits.sleep(seconds)
        missed.append(f"auto-merge: GitLab waits for no check or approval ({why or 'no status'})")
    except ForgeError as error:
        missed.append(f"auto-merge: {error}")
    return review

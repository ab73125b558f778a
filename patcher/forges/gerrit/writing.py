"""Changes: ask for reviewers, submit, abandon, restore.

https://gerrit-review.googlesource.com/Documentation/rest-api-changes.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from patcher.forges.gerrit.pushing import lacking
from patcher.forges.gerrit.reading import OWN_TAG, account, as_review, change, reviews
from patcher.forges.gerrit.reading import review as read
from patcher.forges.listed import inside, text
from patcher.forges.review import (
    Done,
    Life,
    MergeMethod,
    OwnFork,
    Project,
    Review,
    Unsupported,
    Wanted,
)
from patcher.forges.reviewing import checked_review, missing
from patcher.forges.server import ForgeError, RequestRefused

if TYPE_CHECKING:
    from patcher.forges.client import Client


def create(client: Client, project: Project, wanted: Wanted) -> Done:
    """The change that a push opened (`pushed`), with what is asked for beside it."""
    there = reviews(client, project, wanted.head, project, wanted.base)
    found = [each for each in there if each.life is Life.OPEN]
    if not found:
        raise Unsupported(
            f"Gerrit opens a change by a push alone: push to refs/for/{wanted.base} first"
        )
    return update(client, project, found[0], wanted)


def update(client: Client, project: Project, review: Review, wanted: Wanted) -> Done:
    """Ask for what is not there; title and text are changed by a push."""
    missed: list[str] = []
    labels = [label for label in wanted.labels if label not in review.labels]
    at = change(project, review.number)
    if labels:
        try:
            answer = client.ask(f"{at}/hashtags", method="POST", body={"add": labels})
            there = [each for each in client.entries(answer.body) if isinstance(each, str)]
            review = replace(review, labels=tuple(there))
        except ForgeError as error:
            missed.append(f"labels: {error}")
    for kind, names in (("reviewer", wanted.reviewers), ("team", wanted.teams)):
        for name in missing(names, review.asked):
            review = _asked(client, at, review, f"{kind} {name}", name, missed)
    return Done(review, (*missed, *lacking(wanted)))


def _asked(
    client: Client, at: str, review: Review, wish: str, name: str, missed: list[str]
) -> Review:
    """With one more user, or the members of a group, asked."""
    try:
        answer = client.ask(f"{at}/reviewers", method="POST", body={"reviewer": name}).body
    except RequestRefused as refused:
        missed.append(f"{wish}: {refused.said or refused}")
        return review
    if said := text(answer, "error"):
        missed.append(f"{wish}: {said}")
    added = client.entries(inside(answer, "reviewers") or [])
    names = [found for each in added if (found := account(each))]
    return replace(review, asked=(*review.asked, *missing([name, *names], review.asked)))


def comment(client: Client, project: Project, review: Review, body: str) -> None:
    """Say something in it."""
    at = change(project, review.number)
    said = {"message": body, "tag": OWN_TAG}
    client.ask(f"{at}/revisions/current/review", method="POST", body=said)


def set_draft(client: Client, project: Project, review: Review, draft: bool) -> Review:
    """Mark it as work in progress, or make it ready."""
    if review.draft == draft:
        return review
    what = "wip" if draft else "ready"
    client.ask(f"{change(project, review.number)}/{what}", method="POST", body={})
    return read(client, project, review.number)


def merge(client: Client, project: Project, review: Review, method: MergeMethod) -> Review:
    """Submit the patch set `Review.head_commit`, and no other; how it gets into the base is the
    project's setting. Raises Unsupported for another method than the default one."""
    if method != "merge":
        raise Unsupported(
            f"how a change gets into its base is a setting of the project at Gerrit: leave out "
            f"--method {method}"
        )
    if review.head_commit is None:
        raise ForgeError(f"the commit of {review.url} is not known: it is not submitted")
    at = f"{change(project, review.number)}/revisions/{review.head_commit}/submit"
    try:
        client.ask(at, method="POST", body={})
    except RequestRefused as refused:
        if refused.status != 409:
            raise
        # It may have been submitted before: by the request whose answer was lost, or by someone.
        now = read(client, project, review.number)
        if now.life is Life.MERGED:
            return now
        raise
    return read(client, project, review.number)


def close(client: Client, project: Project, review: Review) -> Review:
    """Abandon it."""
    return _moved(client, project, review, "abandon")


def reopen(client: Client, project: Project, review: Review) -> Review:
    """Restore it."""
    return _moved(client, project, review, "restore")


def _moved(client: Client, project: Project, review: Review, how: str) -> Review:
    answer = client.ask(f"{change(project, review.number)}/{how}", method="POST", body={})
    now = checked_review(as_review(client, answer.body), review.number, client.server.host)
    return replace(review, life=now.life)


def own_fork(client: Client, project: Project) -> OwnFork | None:
    """There are none."""
    return None


def fork(client: Client, project: Project) -> Project:
    raise Unsupported("Gerrit has no forks: push for review to the project itself")


def delete_fork(client: Client, project: Project) -> None:
    raise ForgeError(f"{project.path} is no fork: it is not removed")

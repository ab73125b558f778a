"""Pull requests: open, change, merge, close.

https://docs.github.com/rest/pulls; GraphQL for drafts and auto-merge, which REST cannot change.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from patcher.forges.github.reading import as_review, graphql, pull
from patcher.forges.listed import inside, text, texts
from patcher.forges.review import AlreadyThere, Done, Life, MergeMethod, Project, Review, Wanted
from patcher.forges.reviewing import Step, completed, lines, missing
from patcher.forges.server import ForgeError, RequestRefused

if TYPE_CHECKING:
    from patcher.forges.client import Client

_READY = """
mutation ready($id: ID!) {
  markPullRequestReadyForReview(input: {pullRequestId: $id}) { pullRequest { isDraft } }
}
"""
_DRAFT = """
mutation draft($id: ID!) {
  convertPullRequestToDraft(input: {pullRequestId: $id}) { pullRequest { isDraft } }
}
"""
_AUTO_MERGE = """
mutation autoMerge($id: ID!, $method: PullRequestMergeMethod!, $commit: GitObjectID) {
  enablePullRequestAutoMerge(
    input: {pullRequestId: $id, mergeMethod: $method, expectedHeadOid: $commit}
  ) { pullRequest { isDraft } }
}
"""


def create(client: Client, project: Project, wanted: Wanted) -> Done:
    """Open a pull request, and then ask for what GitHub takes only once it is there."""
    owner, _, name = wanted.head_project.partition("/")
    sent: dict[str, Any] = {
        "title": wanted.title,
        "body": wanted.body,
        "head": f"{owner}:{wanted.head}",
        "base": wanted.base,
        "draft": wanted.draft,
    }
    if wanted.head_project.casefold() != project.path.casefold():
        sent["head_repo"] = name
    missed: list[str] = []
    try:
        record = _opened(client, project, sent)
    except _NoDrafts:
        missed.append("draft: the repository has none, so the review is open to all")
        record = _opened(client, project, sent | {"draft": False})
    return completed(_STEPS, client, project, as_review(client, project, record), wanted, missed)


class _NoDrafts(Exception):
    """The plan that the repository is on has no drafts."""


def _opened(client: Client, project: Project, sent: dict[str, Any]) -> object:
    path = f"/repos/{project.path}/pulls"
    try:
        return client.ask(path, method="POST", body=sent).body
    except RequestRefused as refused:
        if refused.status == 422 and "pull request already exists" in refused.said:
            raise AlreadyThere(str(refused)) from None
        if refused.status == 422 and sent["draft"] and "draft" in refused.said.lower():
            raise _NoDrafts from None
        raise


def update(client: Client, project: Project, review: Review, wanted: Wanted) -> Done:
    """Change what is not as it is wanted."""
    sent = {}
    if review.title != wanted.title:
        sent["title"] = wanted.title
    if lines(review.body) != lines(wanted.body):
        sent["body"] = wanted.body
    if sent:
        answer = client.ask(pull(project, review.number), method="PATCH", body=sent)
        now = as_review(client, project, answer.body)
        review = replace(now, approved=review.approved, checks=review.checks)
    if _not_asked(review, wanted):
        # Who has reviewed it is no longer among those who are asked.
        path = f"{pull(project, review.number)}/reviews"
        answers = client.pages(path, {"per_page": 100})
        done = [texts(client.entries(answer.body), "user", "login") for answer in answers]
        review = replace(review, asked=(*review.asked, *sum(done, ())))
    return completed(_STEPS, client, project, review, wanted, [])


def comment(client: Client, project: Project, review: Review, body: str) -> None:
    """Say something in it."""
    client.ask(f"{_issue(project, review)}/comments", method="POST", body={"body": body})


def set_draft(client: Client, project: Project, review: Review, draft: bool) -> Review:
    """Make a draft of it, or make it ready."""
    node = text(client.ask(pull(project, review.number)).body, "node_id")
    done = graphql(client, _DRAFT if draft else _READY, {"id": node})
    name = "convertPullRequestToDraft" if draft else "markPullRequestReadyForReview"
    if inside(done, name, "pullRequest", "isDraft") is not draft:
        raise ForgeError(f"GitHub did not change whether {review.url} is a draft")
    return replace(review, draft=draft)


def merge(client: Client, project: Project, review: Review, method: MergeMethod) -> Review:
    """Merge it at `Review.head_commit`, and at no other."""
    path, sent = pull(project, review.number), {"sha": review.head_commit, "merge_method": method}
    if review.head_commit is None:
        raise ForgeError(f"the commit of {review.url} is not known: it is not merged")
    try:
        answer = client.ask(f"{path}/merge", method="PUT", body=sent)
    except RequestRefused as refused:
        if refused.status not in (405, 409):
            raise
        # It may have been merged before: by the request whose answer was lost, or by someone.
        now = as_review(client, project, client.ask(path).body)
        if now.life is Life.MERGED and now.head_commit == review.head_commit:
            return now
        raise
    if inside(answer.body, "merged") is not True:
        raise ForgeError(f"GitHub does not say that {review.url} is merged")
    return replace(review, life=Life.MERGED, merge_commit=text(answer.body, "sha"))


def close(client: Client, project: Project, review: Review) -> Review:
    """Close it without a merge."""
    return _with_state(client, project, review, "closed", Life.CLOSED)


def reopen(client: Client, project: Project, review: Review) -> Review:
    """Open it again; GitHub refuses where the branch is gone, or was made anew."""
    return _with_state(client, project, review, "open", Life.OPEN)


def _with_state(client: Client, project: Project, review: Review, state: str, life: Life) -> Review:
    answer = client.ask(pull(project, review.number), method="PATCH", body={"state": state})
    now = as_review(client, project, answer.body)
    if now.life is not life:
        raise ForgeError(f"{review.url} is {now.life.value}, and not made {life.value}")
    return now


def _issue(project: Project, review: Review) -> str:
    """The address of what a pull request shares with issues."""
    return pull(project, review.number).replace("/pulls/", "/issues/")


# What is asked for once it is open


def _label(
    client: Client, project: Project, review: Review, wanted: Wanted, missed: list[str]
) -> Review:
    labels = []
    for label in missing(wanted.labels, review.labels):
        # GitHub would make those that are asked for and do not exist.
        if _is_there(client, f"/repos/{project.path}/labels/{quote(label, safe='')}"):
            labels.append(label)
        else:
            missed.append(f"label {label}: there is none")
    if not labels:
        return review
    path = f"{_issue(project, review)}/labels"
    answer = client.ask(path, method="POST", body={"labels": labels})
    return replace(review, labels=texts(answer.body, "name"))


def _is_there(client: Client, path: str) -> bool:
    try:
        client.ask(path)
    except RequestRefused as refused:
        if refused.status == 404:
            return False
        raise
    return True


def _assign(
    client: Client, project: Project, review: Review, wanted: Wanted, missed: list[str]
) -> Review:
    names = missing(wanted.assignees, review.assignees)
    if not names:
        return review
    path = f"{_issue(project, review)}/assignees"
    answer = client.ask(path, method="POST", body={"assignees": names})
    review = replace(review, assignees=texts(inside(answer.body, "assignees"), "login"))
    # GitHub ignores those who cannot be assigned.
    left = missing(names, review.assignees)
    missed += [f"assignee {name}: cannot be assigned in {project.path}" for name in left]
    return review


def _not_asked(review: Review, wanted: Wanted) -> list[tuple[str, str]]:
    """The reviewers and teams that are not asked yet, each with the list that it belongs to."""
    asked = [name.rpartition("/")[2] for name in review.asked if "/" in name]
    teams = missing([team.rpartition("/")[2] for team in wanted.teams], asked)
    users = [("reviewers", name) for name in missing(wanted.reviewers, review.asked)]
    return users + [("team_reviewers", name) for name in teams]


def _ask(
    client: Client, project: Project, review: Review, wanted: Wanted, missed: list[str]
) -> Review:
    names = _not_asked(review, wanted)
    if not names:
        return review
    try:
        return _with_asked(client, project, review, names)
    except RequestRefused as refused:
        if refused.status != 422:
            raise
        # One who cannot be asked is enough for GitHub to refuse them all.
        for each in names:
            try:
                review = _with_asked(client, project, review, [each])
            except RequestRefused as refused:
                kind = "reviewer" if each[0] == "reviewers" else "team"
                missed.append(f"{kind} {each[1]}: {refused.said or refused}")
        return review


def _with_asked(
    client: Client, project: Project, review: Review, names: list[tuple[str, str]]
) -> Review:
    sent: dict[str, list[str]] = {}
    for kind, name in names:
        sent.setdefault(kind, []).append(name)
    path = f"{pull(project, review.number)}/requested_reviewers"
    answer = client.ask(path, method="POST", body=sent)
    return replace(review, asked=as_review(client, project, answer.body).asked)


def _plan(
    client: Client, project: Project, review: Review, wanted: Wanted, missed: list[str]
) -> Review:
    title = wanted.milestone
    if title is None or title == review.milestone:
        return review
    pages = client.pages(f"/repos/{project.path}/milestones", {"state": "all", "per_page": 100})
    found = (each for page in pages for each in client.entries(page.body))
    number = next((inside(each, "number") for each in found if text(each, "title") == title), None)
    if number is None:
        missed.append(f"milestone {title}: there is none")
        return review
    answer = client.ask(_issue(project, review), method="PATCH", body={"milestone": number})
    set_to = text(inside(answer.body, "milestone"), "title")
    if set_to != title:  # GitHub ignores it from those who may not set it
        missed.append(f"milestone {title}: the token may not set it")
    return replace(review, milestone=set_to)


def _merge_later(
    client: Client, project: Project, review: Review, wanted: Wanted, missed: list[str]
) -> Review:
    if wanted.auto_merge is None or review.auto_merge:
        return review
    node = text(client.ask(pull(project, review.number)).body, "node_id")
    method = wanted.auto_merge.upper()
    graphql(client, _AUTO_MERGE, {"id": node, "method": method, "commit": review.head_commit})
    return replace(review, auto_merge=True)


_STEPS: dict[str, Step] = {
    "labels": _label,
    "assignees": _assign,
    "reviewers": _ask,
    "milestone": _plan,
    "auto-merge": _merge_later,
}

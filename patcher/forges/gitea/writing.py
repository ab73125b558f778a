"""Pull requests: open, change, merge, close.

https://docs.gitea.com/api/ (repository, issue)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from patcher.forges import limits
from patcher.forges.gitea.reading import (
    DRAFT,
    UNTIL_CHECKED,
    all_of,
    as_review,
    branch,
    issue,
    pull,
)
from patcher.forges.listed import inside, text, texts
from patcher.forges.review import AlreadyThere, Done, Life, MergeMethod, Project, Review, Wanted
from patcher.forges.reviewing import Step, completed, lines, missing
from patcher.forges.server import ForgeError, RequestRefused

if TYPE_CHECKING:
    from patcher.forges.client import Client


def create(client: Client, project: Project, wanted: Wanted) -> Done:
    """Open a pull request, and then ask for the rest: Gitea opens none where a part of the wish
    cannot be met."""
    missed: list[str] = []
    own = wanted.head_project.casefold() == project.path.casefold()
    owner = wanted.head_project.partition("/")[0]
    sent: dict[str, object] = {
        "head": wanted.head if own else f"{owner}:{wanted.head}",
        "base": wanted.base,
        "title": DRAFT + wanted.title if wanted.draft else wanted.title,
        "body": wanted.body,
    }
    more: dict[str, Callable[[], object]] = {
        "labels": lambda: _labels(client, project, wanted.labels, missed),
        "assignees": lambda: _assignable(client, project, wanted.assignees, missed),
        "milestone": lambda: _milestone(client, project, wanted.milestone, missed),
    }
    for name, find in more.items():
        try:
            found = find()
        except RequestRefused:
            continue  # the step below says why
        if found:
            sent[name] = found
    try:
        answer = client.ask(f"/repos/{project.path}/pulls", method="POST", body=sent)
    except RequestRefused as refused:
        if refused.status == 409:
            raise AlreadyThere(str(refused)) from None
        raise
    review = as_review(client, answer.body)
    if wanted.draft and not review.draft:
        missed.append(f"draft: this server has another mark for it than {DRAFT.strip()}")
    return completed(_STEPS, client, project, review, wanted, missed)


def update(client: Client, project: Project, review: Review, wanted: Wanted) -> Done:
    """Change what is not as it is wanted."""
    sent: dict[str, object] = {}
    if review.title != wanted.title:
        sent["title"] = DRAFT + wanted.title if review.draft else wanted.title
    if lines(review.body) != lines(wanted.body):
        sent["body"] = wanted.body
    if sent:
        review = _changed(client, project, review, sent)
    if _new((*wanted.reviewers, *wanted.teams), review.asked):
        # Who has reviewed it is no longer among those who are asked.
        done = texts([*all_of(client, f"{pull(project, review.number)}/reviews")], "user", "login")
        review = replace(review, asked=(*review.asked, *done))
    return completed(_STEPS, client, project, review, wanted, [])


def comment(client: Client, project: Project, review: Review, body: str) -> None:
    """Say something in it."""
    client.ask(f"{issue(project, review)}/comments", method="POST", body={"body": body})


def set_draft(client: Client, project: Project, review: Review, draft: bool) -> Review:
    """Make a draft of it, or make it ready; the title says which it is."""
    title = DRAFT + review.title if draft else review.title
    changed = _changed(client, project, review, {"title": title})
    if changed.draft != draft:
        raise ForgeError(
            f"{client.server.host} has a mark of its own for drafts: change the title by hand"
        )
    return changed


def merge(client: Client, project: Project, review: Review, method: MergeMethod) -> Review:
    """Merge it at `Review.head_commit`, and at no other."""
    at = pull(project, review.number)
    if review.head_commit is None:
        raise ForgeError(f"the commit of {review.url} is not known: it is not merged")
    sent = {**_method(method), "head_commit_id": review.head_commit}
    try:
        client.ask(f"{at}/merge", method="POST", body=sent)
    except RequestRefused as refused:
        if refused.status not in (404, 405, 409):
            raise
        # It may have been merged before: by the request whose answer was lost, or by someone.
        now = as_review(client, client.ask(at).body)
        if now.life is Life.MERGED and now.head_commit == review.head_commit:
            return now
        why = f"{client.server.host} does not merge it: {refused.said or 'it does not say why'}"
        raise RequestRefused(why, refused.status, refused.said) from None
    return as_review(client, client.ask(at).body)


def _method(method: MergeMethod) -> dict[str, object]:
    """Gitea calls it ``do`` from 1.27 on, and ``Do`` before, as Forgejo does."""
    return {"do": method, "Do": method}


def close(client: Client, project: Project, review: Review) -> Review:
    """Close it without a merge."""
    return _changed(client, project, review, {"state": "closed"})


def reopen(client: Client, project: Project, review: Review) -> Review:
    """Open it again, if no other one is open: Gitea would have both."""
    for record in all_of(
        client, f"/repos/{project.path}/pulls", {"state": "open", "base_branch": review.base}
    ):
        other = as_review(client, record)
        same = (other.head, other.head_project, other.base)
        if (
            same == (review.head, review.head_project, review.base)
            and other.number != review.number
        ):
            raise AlreadyThere(f"{other.url} is open already")
    return _changed(client, project, review, {"state": "open"})


def _changed(client: Client, project: Project, review: Review, sent: dict[str, object]) -> Review:
    answer = client.ask(pull(project, review.number), method="PATCH", body=sent)
    now = as_review(client, answer.body)
    return replace(now, approved=review.approved, checks=review.checks)


# What is asked for once it is open


def _new(wanted: Sequence[str], there: Sequence[str]) -> list[str]:
    """The names that are not there; Gitea compares those of users and teams without case."""
    return [name for name in wanted if missing([_name(name)], there)]


def _name(name: str) -> str:
    """A team's name, also where it is written with its organisation."""
    return name.rpartition("/")[2]


def _labels(
    client: Client, project: Project, names: Sequence[str], missed: list[str]
) -> list[object]:
    """The ids of labels of the repository, and of the organisation that it belongs to."""
    if not names:
        return []
    known: dict[str, object] = {}
    why = "there is none"
    for place in (f"/orgs/{project.path.partition('/')[0]}", f"/repos/{project.path}"):
        try:
            listed = [*all_of(client, f"{place}/labels")]
        except RequestRefused as refused:
            if refused.status == 403:  # the token lacks the scope for one of the two
                why = str(refused)
            elif refused.status != 404:  # the owner is a user
                raise
            continue
        known |= {text(each, "name") or "": inside(each, "id") for each in listed}
    missed += [f"label {name}: {why}" for name in names if name not in known]
    return [known[name] for name in names if name in known]


def _label(
    client: Client, project: Project, review: Review, wanted: Wanted, missed: list[str]
) -> Review:
    names = [name for name in wanted.labels if name not in review.labels]
    numbers = _labels(client, project, names, missed)
    if not numbers:
        return review
    path = f"{issue(project, review)}/labels"
    answer = client.ask(path, method="POST", body={"labels": numbers})
    return replace(review, labels=texts(answer.body, "name"))


def _assignable(
    client: Client, project: Project, names: Sequence[str], missed: list[str]
) -> list[str]:
    """Those who can be assigned: one who cannot is enough for Gitea to refuse them all."""
    if not names:
        return []
    left = _new(names, texts(client.ask(f"/repos/{project.path}/assignees").body, "login"))
    missed += [f"assignee {name}: cannot be assigned in {project.path}" for name in left]
    return [name for name in names if name not in left]


def _assign(
    client: Client, project: Project, review: Review, wanted: Wanted, missed: list[str]
) -> Review:
    names = _assignable(client, project, _new(wanted.assignees, review.assignees), missed)
    if not names:
        return review
    return _changed(client, project, review, {"assignees": [*review.assignees, *names]})


def _ask(
    client: Client, project: Project, review: Review, wanted: Wanted, missed: list[str]
) -> Review:
    """All at once, and one at a time where one who cannot be asked is among them."""
    wishes = [("reviewer", name) for name in _new(wanted.reviewers, review.asked)]
    wishes += [("team", name) for name in _new(wanted.teams, review.asked)]
    if not wishes:
        return review
    refusals: dict[tuple[str, str], str] = {}
    try:
        _request(client, project, review, wishes)
    except RequestRefused as refused:
        if refused.status not in (404, 422):
            raise
        for wish in wishes:
            try:
                _request(client, project, review, [wish])
            except RequestRefused as refused:
                refusals[wish] = refused.said or str(refused)
    # Of teams that cannot be asked Gitea says nothing.
    now = as_review(client, client.ask(pull(project, review.number)).body).asked
    asked = {name.casefold() for name in now}
    for kind, name in wishes:
        if _name(name).casefold() not in asked:
            why = refusals.get((kind, name), f"cannot be asked in {project.path}")
            missed.append(f"{kind} {name}: {why}")
    return replace(review, asked=tuple(dict.fromkeys([*review.asked, *now])))


def _request(
    client: Client, project: Project, review: Review, wishes: Sequence[tuple[str, str]]
) -> None:
    sent: dict[str, list[str]] = {}
    for kind, name in wishes:
        key = "reviewers" if kind == "reviewer" else "team_reviewers"
        sent.setdefault(key, []).append(_name(name))
    path = f"{pull(project, review.number)}/requested_reviewers"
    client.ask(path, method="POST", body=sent)


def _milestone(client: Client, project: Project, title: str | None, missed: list[str]) -> object:
    """The id of a milestone."""
    if title is None:
        return None
    listed = all_of(client, f"/repos/{project.path}/milestones", {"state": "all", "name": title})
    found = next((inside(each, "id") for each in listed if text(each, "title") == title), None)
    if found is None:
        missed.append(f"milestone {title}: there is none")
    return found


def _plan(
    client: Client, project: Project, review: Review, wanted: Wanted, missed: list[str]
) -> Review:
    if wanted.milestone == review.milestone:
        return review
    found = _milestone(client, project, wanted.milestone, missed)
    return review if found is None else _changed(client, project, review, {"milestone": found})


def _merge_later(
    client: Client, project: Project, review: Review, wanted: Wanted, missed: list[str]
) -> Review:
    if wanted.auto_merge is None or review.auto_merge or review.life is not Life.OPEN:
        return review
    rules = branch(client, project, review.base)
    if not inside(rules, "required_approvals") and not inside(rules, "enable_status_check"):
        missed.append(
            f"auto-merge: no rule of {review.base} asks for anything: Gitea would merge now"
        )
        return review
    sent = {**_method(wanted.auto_merge), "merge_when_checks_succeed": True}
    if review.head_commit is not None:
        sent["head_commit_id"] = review.head_commit
    for seconds in (*UNTIL_CHECKED, None):
        try:
            client.ask(f"{pull(project, review.number)}/merge", method="POST", body=sent)
        except RequestRefused as refused:
            if refused.status == 405 and refused.said == _NOT_CHECKED and seconds is not None:
                limits.sleep(seconds)
                continue
            if refused.status != 409:  # scheduled before, which no answer says
                raise
        break
    return replace(review, auto_merge=True)


_NOT_CHECKED = "Please try again later"
"""What Gitea says of a pull request that conflicts, or has yet to be looked at."""


_STEPS: dict[str, Step] = {
    "labels": _label,
    "assignees": _assign,
    "reviewers": _ask,
    "milestone": _plan,
    "auto-merge": _merge_later,
}

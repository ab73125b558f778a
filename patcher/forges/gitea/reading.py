"""Repositories and pull requests as they are.

https://docs.gitea.com/api/ (repository)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from urllib.parse import quote

from patcher.forges import limits
from patcher.forges import review as values
from patcher.forges.listed import inside, number, text, texts
from patcher.forges.review import Checks, Life, Review
from patcher.forges.reviewing import checked_number, checked_review
from patcher.forges.server import ForgeError, RequestRefused, WrongName, plain

if TYPE_CHECKING:
    from patcher.forges.client import Client, Parameters

UNTIL_CHECKED = (1, 2)
"""Seconds between looks at a pull request that cannot be merged: Gitea says so as well while it has
yet to look for conflicts, which it begins to do when it is asked."""


# Repositories


def project(client: Client, path: str) -> values.Project:
    """The repository of that name; Gitea itself leads on from an earlier name."""
    if path.count("/") != 1:
        raise WrongName(f"{path!r} is no repository: write OWNER/NAME")
    return as_project(client, client.ask(f"/repos/{plain(path, 'repository')}").body)


def as_project(client: Client, record: object) -> values.Project:
    """What Gitea says of one repository."""
    found, path = number(record, "id"), text(record, "full_name")
    if found is None or path is None:
        raise ForgeError(f"{client.server.host} answers with something that is no repository")
    can_push, parent = inside(record, "permissions", "push"), number(record, "parent", "id")
    return values.Project(
        id=str(found),
        path=path,
        clone_url=client.server.clone_address(text(record, "clone_url")).url,
        default_branch=text(record, "default_branch"),
        archived=inside(record, "archived") is True,
        # Gitea takes no push to a mirror, whoever pushes.
        can_push=can_push and inside(record, "mirror") is not True
        if isinstance(can_push, bool)
        else None,
        fork_of=None if parent is None else str(parent),
    )


# Pull requests


def pull(project: values.Project, number: str) -> str:
    """The address of a pull request in the interface."""
    return f"/repos/{project.path}/pulls/{checked_number(number, 'pull request')}"


def issue(project: values.Project, review: Review) -> str:
    """The address of what a pull request shares with issues."""
    return pull(project, review.number).replace("/pulls/", "/issues/")


def all_of(
    client: Client, path: str, parameters: Parameters | None = None, *, counted: bool = True
) -> Iterator[object]:
    """The records of all pages. They are requested by number: Gitea sends no Link header with
    reviews, labels, milestones and timelines (routers/api/v1 of Gitea 1.27), so that one without
    a next page is no sign of the last. ``counted``: ``X-Total-Count`` is that of all pages.

    How many records are on a page is the server's to say, and it may leave some out, so that a
    short or empty page is none either while the count is not reached. Raises ForgeError."""
    longest, before = 1, None
    for page in range(1, _MOST_PAGES + 1):
        answer = client.ask(path, {"limit": 50, **(parameters or {}), "page": page})
        is_null = answer.body is None and not counted
        records = [] if is_null else client.entries(answer.body)
        yield from records
        longest = max(longest, len(records))
        total = answer.headers.get("x-total-count", "")
        is_known = counted and total.isdecimal() and len(total) < 10
        if page * longest >= int(total) if is_known else not records:
            return
        if records and records == before:
            break
        before = records
    raise ForgeError(f"{client.server.host} lists {path} without end")


def reviews(
    client: Client,
    project: values.Project,
    head: str,
    head_project: values.Project,
    base: str,
) -> Sequence[Review]:
    """All pull requests of that head and base, the newest first. The request for one by its head
    and base gives any one of them, and takes no base with a slash."""
    wanted = (head, head_project.id, base)
    # Older servers do not know `base_branch`, and list those of all bases.
    listed = all_of(client, f"/repos/{project.path}/pulls", {"state": "all", "base_branch": base})
    try:
        found = [as_review(client, record) for record in listed]
    except RequestRefused as refused:
        here = f"/repos/{project.path}"
        if refused.status == 404 and inside(client.ask(here).body, "has_pull_requests") is False:
            raise ForgeError(
                f"pull requests are off in {project.path}: its settings turn them on, or use "
                "--review none"
            ) from None
        raise
    found = [each for each in found if (each.head, each.head_project, each.base) == wanted]
    found.sort(key=lambda each: int(each.number), reverse=True)
    return [_with_closer(client, project, each) for each in found]


def is_from(project: values.Project, review: Review, branch: str) -> bool:
    """Whether a push to ``refs/for/BASE`` may have opened it for that review branch: it has no
    branch of its own, and Gitea does not say for which topic it is."""
    return (review.head, review.head_project) == (pull_ref(review.number), project.id)


def pull_ref(number: str) -> str:
    """The ref that has the commits of a pull request."""
    return f"refs/pull/{number}/head"


def open_by_push(client: Client, project: values.Project, base: str) -> Iterator[Review]:
    """The pull requests into a base that are open and that a push to ``refs/for/BASE`` opened, the
    newest first."""
    wanted = {"state": "open", "base_branch": base}
    for record in all_of(client, f"/repos/{project.path}/pulls", wanted):
        found = as_review(client, record)
        if found.base == base and is_from(project, found, ""):
            yield found


def review(client: Client, project: values.Project, number: str) -> Review:
    """One, with approvals, statuses and conflicts, for which Gitea is asked on their own."""
    at = pull(project, number)
    record = client.ask(at).body
    found = checked_review(as_review(client, record), number, client.server.host)
    if found.life is not Life.OPEN:
        return _with_closer(client, project, found)
    for seconds in UNTIL_CHECKED:
        if found.draft or found.conflicts is False:
            break
        limits.sleep(seconds)
        record = client.ask(at).body
        found = checked_review(as_review(client, record), number, client.server.host)
    return judged(client, project, found, text(inside(record, "user"), "login"))


def judged(client: Client, project: values.Project, found: Review, author: str | None) -> Review:
    """An open pull request, with what others say of it."""
    rules = branch(client, project, found.base)
    given = [*all_of(client, f"{pull(project, found.number)}/reviews")]
    asked = dict.fromkeys([*found.asked, *texts(given, "user", "login")])
    asked.pop(author or "", None)
    return replace(
        found,
        approved=None
        if author is None or found.head_commit is None
        else _approved(given, rules, author, found.head_commit),
        checks=_checks(client, project, found.head_commit, rules),
        asked=tuple(asked),
    )


def branch(client: Client, project: values.Project, name: str) -> object:
    """What Gitea says of a branch, with the rules that protect it; None where it is gone."""
    try:
        return client.ask(f"/repos/{project.path}/branches/{quote(name)}").body
    except RequestRefused as refused:
        if refused.status == 404:
            return None
        raise


def as_review(client: Client, record: object) -> Review:
    """What Gitea says of a pull request."""
    index, url = number(record, "number"), text(record, "html_url")
    head, base = inside(record, "head"), text(inside(record, "base"), "ref")
    # Once the branch is gone, ``ref`` is the pull request's own; of AGit's there is no other.
    name = text(head, "label") or text(head, "ref")
    state = text(record, "state")
    is_whole = index is not None and state in ("open", "closed")
    if not is_whole or url is None or name is None or base is None:
        raise ForgeError(f"{client.server.host} answers with something that is no pull request")
    title, home = text(record, "title") or "", number(head, "repo_id")
    draft = inside(record, "draft") is True
    merged = inside(record, "merged") is True
    life = Life.MERGED if merged else Life.CLOSED
    life = Life.OPEN if state == "open" else life
    return Review(
        number=str(index),
        url=url,
        life=life,
        head=name,
        head_project=str(home) if home else None,
        head_commit=text(head, "sha") or None,
        base=base,
        title=without_mark(title) if draft else title,
        body=text(record, "body") or "",
        draft=draft,
        # Of a draft Gitea says that it cannot be merged.
        conflicts=None
        if draft or life is not Life.OPEN
        else inside(record, "mergeable") is not True,
        labels=texts(inside(record, "labels"), "name"),
        asked=(
            *texts(inside(record, "requested_reviewers"), "login"),
            *texts(inside(record, "requested_reviewers_teams"), "name"),
        ),
        assignees=texts(inside(record, "assignees"), "login"),
        milestone=text(inside(record, "milestone"), "title"),
        merge_commit=text(record, "merge_commit_sha") if merged else None,
    )


DRAFT = "WIP: "
_DRAFTS = re.compile(r"(?:\s*(?:WIP:|\[WIP\]|Draft:|\[Draft\]))+\s*", re.IGNORECASE)
"""What marks a draft at the start of a title, unless the server has marks of its own:
https://docs.gitea.com/usage/pull-request#work-in-progress-pull-requests"""


def without_mark(title: str) -> str:
    """A title without what marks a draft."""
    mark = _DRAFTS.match(title)
    return title[mark.end() :] if mark else title


def _with_closer(client: Client, project: values.Project, found: Review) -> Review:
    """A pull request that was closed, with who did that: its timeline alone says it."""
    if found.life is not Life.CLOSED:
        return found
    # What it counts is the events of the page, and a page without any is null.
    events = all_of(client, f"{issue(project, found)}/timeline", counted=False)
    closers = [
        text(inside(each, "user"), "login") for each in events if text(each, "type") == "close"
    ]
    return replace(found, closed_by=closers[-1] if closers else None)


def _approved(given: Sequence[object], rules: object, author: str, commit: str) -> bool | None:
    """Whether it has all approvals that the base's rules ask for, and at least one: of this very
    commit, not its author's, and ``official``, which is that of one who may write: anyone may
    approve in public. What someone said last counts. None: older servers call none official
    where the base has no rules.

    That an approval is not ``stale`` is not enough. Gitea marks it some time after a push, and
    never where the new commit only takes back a part of the change (`checkIfPRContentChanged` in
    services/pull/pull.go)."""
    last: dict[str | None, object] = {}
    for each in given:
        if text(each, "state") in ("APPROVED", "REQUEST_CHANGES"):
            last[text(inside(each, "user"), "login")] = each
    valid = [each for each in last.values() if inside(each, "dismissed") is not True]
    if any(text(each, "state") == "REQUEST_CHANGES" for each in valid):
        return False
    required = inside(rules, "required_approvals")
    required = required if isinstance(required, int) else 0
    approvals = [
        each
        for each in valid
        if inside(each, "stale") is False
        and text(each, "commit_id") == commit
        and text(inside(each, "user"), "login") not in (None, author)
    ]
    official = [each for each in approvals if inside(each, "official") is True]
    if approvals and not official and not required:
        return None
    return len(official) >= max(required, 1)


_STATES = {
    "success": Checks.PASSED,
    "skipped": Checks.NONE,
    "pending": Checks.PENDING,
    "failure": Checks.FAILED,
    "error": Checks.FAILED,
    "warning": Checks.FAILED,  # as Gitea has it
}


def _checks(
    client: Client, project: values.Project, commit: str | None, rules: object
) -> Checks | None:
    """What the statuses of a commit say, together; PENDING where one that must be there is not."""
    if commit is None:
        return None
    states = _states(client, f"/repos/{project.path}/commits/{quote(commit, safe='')}/status")
    found = [*states.values()]
    if inside(rules, "enable_status_check") is True:
        for pattern in texts(inside(rules, "status_check_contexts")) or ("*",):
            if not any(fnmatchcase(name, pattern) for name in states):
                found.append(Checks.PENDING)
    worst = (Checks.FAILED, Checks.PENDING, Checks.PASSED)
    return next((each for each in worst if each in found), Checks.NONE)


def _states(client: Client, path: str) -> dict[str, Checks]:
    """The newest status of each context. Pages are asked for until one has nothing new: Gitea names
    no next one here, and how many there are on a page is the server's to say."""
    states: dict[str, Checks] = {}
    for page in range(1, _MOST_PAGES + 1):
        answer = client.ask(path, {"limit": 50, "page": page})
        if answer.body is None:  # older servers say nothing where there is nothing
            return states
        if not isinstance(answer.body, dict) or "statuses" not in answer.body:
            raise ForgeError(f"{client.server.host} answers with something that is no statuses")
        known = len(states)
        for each in client.entries(answer.body["statuses"] or []):
            name = text(each, "context") or ""
            states[name] = _STATES.get(text(each, "status") or "", Checks.PENDING)
        if len(states) == known or answer.headers.get("x-total-count") == str(len(states)):
            return states
    raise ForgeError(f"{client.server.host} lists statuses without end")


_MOST_PAGES = 2_000
"""Of one list: as many as `patcher.forges.client.MOST_REPOSITORIES` take."""

"""Projects and changes as they are.

https://gerrit-review.googlesource.com/Documentation/rest-api-changes.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from patcher.forges import review as values
from patcher.forges.gerrit.pushing import change_id
from patcher.forges.listed import inside, number, text, texts
from patcher.forges.listings.gerrit import clone_address
from patcher.forges.review import Checks, Life, Review
from patcher.forges.reviewing import checked_number
from patcher.forges.server import ForgeError, RequestRefused, WrongName

if TYPE_CHECKING:
    from patcher.forges.client import Client

_OPTIONS = "o=CURRENT_REVISION&o=CURRENT_COMMIT&o=DETAILED_ACCOUNTS&o=MESSAGES"
_VERIFIED = "Verified"
"""The label that CI votes on, where a server has one."""


def project(client: Client, path: str) -> values.Project:
    """The project of that name, which is all that Gerrit knows it by."""
    at = f"/projects/{quote(path, safe='')}"
    record = client.ask(at).body
    name = text(record, "name") or path
    if text(record, "id") is None:
        raise ForgeError(f"{client.server.host} answers with something that is no project")
    try:
        head = client.ask(f"{at}/HEAD").body
    except RequestRefused as refused:
        if refused.status not in (403, 404):  # for those who may not see it
            raise
        head = None
    return values.Project(
        id=name,
        path=name,
        clone_url=clone_address(client.server, name).url,
        default_branch=head.removeprefix("refs/heads/") if isinstance(head, str) else None,
        archived=text(record, "state") != "ACTIVE",
    )


def change(project: values.Project, number: str) -> str:
    """The address of a change in the interface."""
    return f"/changes/{quote(project.id, safe='')}~{checked_number(number, 'change')}"


def reviews(
    client: Client,
    project: values.Project,
    head: str,
    head_project: values.Project,
    base: str,
) -> Sequence[Review]:
    """The change of that Change-Id; Gerrit has one at most for a project and branch."""
    own = change_id(project.path, base, head)
    query = quote(f"project:{_quoted(project.path)} branch:{_quoted(base)} change:{own}", safe="")
    found = client.entries(client.ask(f"/changes/?q={query}&{_OPTIONS}").body)
    wanted = (project.id, base, own)
    return [
        as_review(client, each, head)
        for each in found
        if (text(each, "project"), text(each, "branch"), text(each, "change_id")) == wanted
    ]


def _quoted(value: str) -> str:
    """A value in a query."""
    if '"' in value or "\\" in value:
        raise WrongName(f"{value!r} cannot be asked for")
    return f'"{value}"'


def review(client: Client, project: values.Project, number: str) -> Review:
    """One, with the votes on it, and whether it can be merged."""
    at = change(project, number)
    record = client.ask(f"{at}/detail?{_OPTIONS}").body
    found = as_review(client, record)
    if found.life is not Life.OPEN:
        return found
    labels = inside(record, "labels")
    labels = labels if isinstance(labels, Mapping) else {}
    return replace(
        found,
        approved=_approved(record, labels),
        checks=_checks(labels.get(_VERIFIED)),
        conflicts=_conflicts(client, at),
    )


_LIVES = {"NEW": Life.OPEN, "MERGED": Life.MERGED, "ABANDONED": Life.CLOSED}


def as_review(client: Client, record: object, head: str | None = None) -> Review:
    """What Gerrit says of a change; ``head`` is the review branch, whose name the topic has."""
    index, life = number(record, "_number"), _LIVES.get(text(record, "status") or "")
    name, base = text(record, "project"), text(record, "branch")
    if index is None or life is None or name is None or base is None:
        raise ForgeError(f"{client.server.host} answers with something that is no change")
    commit = text(record, "current_revision")
    message = text(inside(record, "revisions", commit or "", "commit"), "message") or ""
    owner = inside(record, "owner", "_account_id")
    asked = inside(record, "reviewers", "REVIEWER")
    return Review(
        number=str(index),
        url=f"{client.server.web}/c/{name}/+/{index}",
        life=life,
        head=head or text(record, "topic") or "",
        head_project=name,
        head_commit=commit,
        base=base,
        title=text(record, "subject") or "",
        body=message.partition("\n")[2].strip(),
        draft=inside(record, "work_in_progress") is True,
        labels=texts(inside(record, "hashtags")),
        asked=tuple(
            name
            for each in _list(asked)
            if inside(each, "_account_id") != owner and (name := account(each))
        ),
        closed_by=_closer(record) if life is Life.CLOSED else None,
        merge_commit=commit if life is Life.MERGED else None,
    )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def account(record: object) -> str | None:
    """What a user is called."""
    return text(record, "username") or text(record, "email") or text(record, "name")


def _closer(record: object) -> str | None:
    """Who abandoned a change."""
    for each in reversed(_list(inside(record, "messages"))):
        if text(each, "tag") == "autogenerated:gerrit:abandon":
            return account(inside(each, "author"))
    return None


def _approved(record: object, labels: Mapping[str, object]) -> bool:
    """Whether every label that a submission needs is approved, and ``Code-Review`` by someone who
    is not the owner; and nobody voted against it."""
    needed = [
        each
        for name, each in labels.items()
        if name != _VERIFIED and inside(each, "optional") is not True
    ]
    owner = inside(record, "owner", "_account_id")
    votes = [
        (inside(vote, "_account_id"), value)
        for vote in _list(inside(labels.get("Code-Review"), "all"))
        if isinstance(value := inside(vote, "value"), int)
    ]
    most = max((value for _, value in votes), default=0)
    return (
        all(isinstance(inside(each, "approved"), dict) for each in needed)
        and all(inside(each, "rejected") is None for each in labels.values())
        and all(value >= 0 for _, value in votes)
        and any(value == most > 0 and who != owner for who, value in votes)
        and isinstance(inside(labels.get("Code-Review"), "approved"), dict)
    )


def _checks(label: object) -> Checks:
    if label is None:
        return Checks.NONE
    if inside(label, "rejected") is not None:
        return Checks.FAILED
    return Checks.PASSED if inside(label, "approved") is not None else Checks.PENDING


def _conflicts(client: Client, at: str) -> bool | None:
    """Gerrit looks when it is asked."""
    try:
        answer = client.ask(f"{at}/revisions/current/mergeable").body
    except RequestRefused as refused:
        if refused.status in (403, 404, 409):
            return None
        raise
    mergeable = inside(answer, "mergeable")
    return not mergeable if isinstance(mergeable, bool) else None

"""A pull request by AGit: https://docs.gitea.com/usage/agit

It has no branch of its own, and no lease: what is there is replaced, whoever pushed it. Gitea's
interface does not say which topic a pull request is of, so that it is known by its URL alone.
"""

from __future__ import annotations

from base64 import b64encode

from patcher.forges.gitea.reading import DRAFT
from patcher.forges.pushing import cut, missed, one_line, url_in
from patcher.forges.review import PushRequest, Wanted


def pushed(wanted: Wanted, path: str) -> PushRequest:
    """A push to ``refs/for/BASE`` with the branch as topic; the same topic, user and base change
    the same pull request. Title and body are those of a new one: they are not changed."""
    title = one_line(wanted.title)
    options = [
        f"topic={wanted.head}",
        f"title={DRAFT + title if wanted.draft else title}",
        "force-push=true",
    ]
    # Servers before Gitea 1.26 show such a text as it is; without one they take the commit's.
    if body := cut(wanted.body.strip()):
        if "\n" in body:
            body = "{base64}" + b64encode(body.encode()).decode()
        options.append(f"description={body}")
    left = missed(
        label=wanted.labels,
        reviewer=wanted.reviewers,
        team=wanted.teams,
        assignee=wanted.assignees,
        milestone=wanted.milestone,
        auto_merge=wanted.auto_merge,
    )
    return PushRequest(f"refs/for/{wanted.base}", tuple(options), left)


def pushed_url(said: str, path: str) -> str | None:
    """``Visit the existing pull request: https://.../pulls/7``"""
    return url_in(said, path, r"/pulls/[0-9]+")

"""A merge request by push options: https://docs.gitlab.com/topics/git/commit/#push-options

They do something where the push moves the branch, and nothing otherwise. GitLab knows the merge
request by the branch alone: one that is open into another base would be changed.
"""

from __future__ import annotations

from patcher.forges.pushing import cut, missed, one_line, url_in
from patcher.forges.review import PushRequest, Wanted


def pushed(wanted: Wanted, path: str) -> PushRequest:
    """Push options that open the merge request, or change the one that is open. GitLab assigns a
    new one to the user."""
    name = "merge_request."
    # GitLab makes line breaks of these two characters, so that the name of a file with them in it
    # would begin a line of its own, which may be a command.
    body = wanted.body.replace("\0", "").replace("\r", "").replace(r"\n", r"\x0a")
    body = cut(body.replace("\n", r"\n"))
    options = [
        f"{name}create",
        f"{name}target={wanted.base}",
        f"{name}title={one_line(wanted.title)}",
        *([f"{name}description={body}"] if body else []),
        *(f"{name}label={one_line(each)}" for each in wanted.labels),
        *(f"{name}assign={one_line(each)}" for each in wanted.assignees),
    ]
    if wanted.head_project != path:
        options.append(f"{name}target_project={path}")
    if wanted.draft:
        options.append(f"{name}draft")
    if wanted.milestone is not None:
        options.append(f"{name}milestone={one_line(wanted.milestone)}")
    left = missed(reviewer=wanted.reviewers, team=wanted.teams, auto_merge=wanted.auto_merge)
    return PushRequest(None, tuple(options), left)


def pushed_url(said: str, path: str) -> str | None:
    """``View merge request for ...: https://.../-/merge_requests/7``"""
    return url_in(said, path, r"/(?:-/)?merge_requests/[0-9]+")

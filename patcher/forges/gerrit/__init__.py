"""Gerrit, whose reviews are changes.

A change is opened by a push alone (`pushing`), and is known by the Change-Id in its commit's
message; title and text are that message. `listing` has what a source names, the others the
functions of `patcher.forges.review.Reviews`.
"""

from patcher.forges.gerrit.listing import parse, repositories, server_at
from patcher.forges.gerrit.pushing import change_id, pushed, pushed_url
from patcher.forges.gerrit.reading import project, review, reviews
from patcher.forges.gerrit.writing import (
    close,
    comment,
    create,
    delete_fork,
    fork,
    merge,
    reopen,
    set_draft,
    update,
)

__all__ = [
    "change_id",
    "close",
    "comment",
    "create",
    "delete_fork",
    "fork",
    "merge",
    "parse",
    "project",
    "pushed",
    "pushed_url",
    "reopen",
    "repositories",
    "review",
    "reviews",
    "server_at",
    "set_draft",
    "update",
]

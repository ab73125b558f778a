"""Gerrit, whose reviews are changes.

A change is opened by a push alone (`pushing`), and is known by the Change-Id in its commit's
message; title and text are that message. The functions are those of
`patcher.forges.review.Reviews`.
"""

from patcher.forges.gerrit.pushing import change_id, pushed, pushed_url
from patcher.forges.gerrit.reading import is_from, project, review, reviews
from patcher.forges.gerrit.writing import (
    close,
    comment,
    create,
    delete_fork,
    fork,
    merge,
    own_fork,
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
    "is_from",
    "merge",
    "own_fork",
    "project",
    "pushed",
    "pushed_url",
    "reopen",
    "review",
    "reviews",
    "set_draft",
    "update",
]

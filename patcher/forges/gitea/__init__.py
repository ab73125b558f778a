"""Gitea and Forgejo.

The functions of `patcher.forges.review.Reviews`.
"""

from patcher.forges.gitea.forks import delete_fork, fork, open_from, open_reviews, own_fork
from patcher.forges.gitea.pushing import pushed, pushed_url
from patcher.forges.gitea.reading import is_from, open_by_push, project, review, reviews
from patcher.forges.gitea.writing import (
    close,
    comment,
    create,
    merge,
    reopen,
    set_draft,
    update,
)

__all__ = [
    "close",
    "comment",
    "create",
    "delete_fork",
    "fork",
    "is_from",
    "merge",
    "open_by_push",
    "open_from",
    "open_reviews",
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

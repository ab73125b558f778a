"""Gitea and Forgejo.

`listing` has what a source names, the others the functions of `patcher.forges.review.Reviews`.
"""

from patcher.forges.gitea.forks import delete_fork, fork
from patcher.forges.gitea.listing import parse, repositories, server_at
from patcher.forges.gitea.pushing import pushed, pushed_url
from patcher.forges.gitea.reading import project, review, reviews
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

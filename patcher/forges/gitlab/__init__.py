"""GitLab.

The functions of `patcher.forges.review.Reviews`, all through `patcher.forges.client`: python-gitlab
brings a session of its own, without our bounds on time, size and where the token goes.
"""

from patcher.forges.gitlab.forks import delete_fork, fork, open_from, open_reviews, own_fork
from patcher.forges.gitlab.pushing import pushed, pushed_url
from patcher.forges.gitlab.reading import project, review, reviews
from patcher.forges.gitlab.writing import (
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

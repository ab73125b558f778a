"""GitHub, and GitHub Enterprise.

The functions of `patcher.forges.review.Reviews`, all through `patcher.forges.client`: PyGithub
brings a session of its own, without our bounds on time, size and where the token goes.
"""

from patcher.forges.github.commits import commit, verification
from patcher.forges.github.forks import delete_fork, fork, open_from, open_reviews, own_fork
from patcher.forges.github.reading import project, review, reviews
from patcher.forges.github.together import look_together
from patcher.forges.github.writing import (
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
    "commit",
    "create",
    "delete_fork",
    "fork",
    "look_together",
    "merge",
    "open_from",
    "open_reviews",
    "own_fork",
    "project",
    "reopen",
    "review",
    "reviews",
    "set_draft",
    "update",
    "verification",
]

"""What can go wrong with a repository, as one line that a person can read and act on."""

from __future__ import annotations

import re
from typing import Literal

from patcher.text import printable


class GitError(Exception):
    """A repository or a call to git failed. ``str(error)`` is one printable line that says what to
    do.

    Names that come from a repository are escaped, so the line is safe for a terminal. ``cause`` is
    the kind of failure, for grouping.
    """

    cause: str = "git"

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class GitFailed(GitError):
    """git itself ended with an error; ``status`` is its exit status, ``stderr`` its last words,
    ``output`` what `run` had read of its standard output."""

    def __init__(self, message: str, status: int, stderr: bytes) -> None:
        super().__init__(message)
        self.status = status
        self.stderr = stderr
        self.output = b""


class GitTimeout(GitError):
    """git took longer than its time limit and was ended."""

    cause = "time limit"


class BoundExceeded(GitError):
    """The repository is over one of the bounds that keep a hostile one from taking the machine."""

    cause = "over a bound"


class DiskFull(GitError):
    """What is to be kept on this machine cannot be written."""

    cause = "system"


class UnbornHead(GitError):
    """HEAD names a branch that has no commit yet: there is nothing to do."""


class NoSuchBase(GitError):
    """No branch, tag or commit matches a ``--base``."""

    cause = "no such base"


class OnlyReviews(NoSuchBase):
    """A glob of bases matches nothing but review branches, which whoever commits can forge."""


class BranchMoved(GitError):
    """Someone else moved (or made) the branch in between; nothing was changed."""

    cause = "branch in the way"


class BranchCheckedOut(GitError):
    """The branch is checked out in a work tree, where moving it would make its files look
    edited."""

    cause = "branch in the way"


class BranchTaken(GitError):
    """The review branch is there, and does not hold the change."""

    cause = "branch in the way"


_IN_THE_WAY = re.compile(r"'refs/heads/([^'\n]+)' exists; cannot create")
_TOO_LONG = re.compile(r"[Ff]ile ?name too long")


def name_refused(branch: str, words: str) -> BranchTaken | None:
    """The error where git's ``words`` say that a branch cannot be made because of its name; None
    where they say something else."""
    if match := _IN_THE_WAY.search(words):
        return BranchTaken(
            f"branch {branch} cannot be made beside the branch {match[1]}, since a name "
            "cannot go on behind another one's: use another --branch"
        )
    if _TOO_LONG.search(words):
        return BranchTaken(f"the name of branch {branch} is too long: use a shorter --branch")
    return None


class Misused(GitError):
    """What was asked for cannot be done with this repository."""

    cause = "wrong use"


class IdentityMissing(GitError):
    """No author or committer is configured."""

    cause = "no identity"


Cause = Literal[
    "network",
    "timeout",
    "authentication",
    "not found",
    "rate limit",
    "server error",
    "protocol",
    "rejected",
]
"""Kinds of failure of a remote."""


class RemoteError(GitError):
    """A remote repository could not be read or written. ``transient`` says that it may go away by
    itself."""

    def __init__(self, message: str, cause: Cause, *, transient: bool = False) -> None:
        super().__init__(message)
        self.cause = cause
        self.transient = transient

    def __reduce__(self) -> tuple[object, ...]:
        return _remote_error, (str(self), self.cause, self.transient)


class RemoteMoved(RemoteError):
    """The branch is elsewhere at the remote than where it was seen; nothing was changed."""


class ShallowRefused(RemoteError):
    """The remote lacks what lies before the commits that a shallow repository has."""


def _remote_error(message: str, cause: Cause, transient: bool) -> RemoteError:
    """The same error in another process, to which it travelled."""
    return RemoteError(message, cause, transient=transient)

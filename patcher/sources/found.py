"""What a source gives: a repository, where it is, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from patcher import git

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What a forge says of a repository; None where it says nothing."""

    archived: bool | None = None
    fork: bool | None = None
    visibility: str | None = None
    """``public``, ``private`` or ``internal``."""
    topics: tuple[str, ...] | None = None
    pushed_at: datetime | None = None
    """The last push, with its time zone; GitLab and Gitea tell the last activity."""
    default_branch: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One repository of a source."""

    place: git.Repository | git.Address
    """On this machine, or where it is cloned from."""
    bases: tuple[str, ...] = ()
    """What a list says to start from; none: what the run says."""
    family: str | None = None
    """The clone URL of the repository that the forge calls its parent."""
    facts: Facts | None = None


class SourceError(Exception):
    """A source cannot be read; ``str(error)`` is one printable line that says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(git.printable(git.without_secrets(message)))


UNDERSTOOD = (
    "a source is a path, a clone URL (https, ssh, git, file, user@host:path), github:ORG, "
    "github:ORG/REPO, github:user/NAME, github:search/QUERY, gitlab:GROUP or gitea:HOST/ORG"
)


def failed(place: str, error: str) -> git.Failure:
    """A failure of something that is no path on this machine; the password of a URL is hidden."""
    from pathlib import Path

    shown, why = (git.printable(git.without_secrets(text)) for text in (place, error))
    return git.Failure(Path(shown), why, named=shown)

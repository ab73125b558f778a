"""What a source gives: a repository, where it is, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from patcher import git
from patcher.values import dataclass

if TYPE_CHECKING:
    from patcher.forges import Facts


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
    server: str | None = None
    """The forge's server that it was found at, as `patcher.forges.with_token` takes it."""


class Run(NamedTuple):
    """What a source may need to know of the run that it is found for."""

    words: Sequence[str] = ()
    """All that the user named."""
    seen: set[int] | None = None
    """The places on this machine that were found before, which do not come again."""
    tell: Callable[[str], None] = lambda line: None
    """Gets a line for what a person should know meanwhile."""


class WrongSource(Exception):
    """The user named something that is no source; ``str(error)`` is one printable line that says
    what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(git.printable(git.without_secrets(message)))


def failed(place: str, error: str) -> git.Failure:
    """A failure of something that is no path on this machine; the password of a URL is hidden."""
    shown, why = (git.printable(git.without_secrets(text)) for text in (place, error))
    return git.Failure(Path(shown), why, named=shown)

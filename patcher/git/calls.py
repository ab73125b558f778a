"""What of each call to git can be shown: nothing of what a user, a server or a repository named, as
a password may stand in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple


class Call(NamedTuple):
    """A git process that has ended."""

    command: str
    """Its name alone: ``cat-file``."""
    place: str
    """The repository's git directory; empty where it is none of the user's."""
    seconds: float
    """From its start until patcher was done with it."""
    status: int | None
    """Its exit status; negative: the signal that ended it; None: patcher had all that it wanted,
    and ended it."""


followers: list[Callable[[Call], object]] = []
"""Each gets every call, in the thread that made it, and raises nothing."""


def place_of(arguments: Sequence[str], env: Mapping[str, str]) -> str:
    """The git directory of the user's that a call is for; empty for none."""
    named = [word.removeprefix("--git-dir=") for word in arguments[:1]]
    places = [env.get("GIT_OBJECT_DIRECTORY", "").removesuffix("/objects"), *named]
    ours = f"/patcher-{os.getpid()}-"
    return next((place for place in places if place.startswith("/") and ours not in place), "")

"""Ask a person before something is written."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, Protocol

from patcher.results import Outcome, Stage, Target

DECLINED = "declined"
"""The cause of targets that a person did not want to be changed."""


class Decision(NamedTuple):
    """What a person said of a target."""

    is_wanted: bool
    message: str | None = None
    """The commit message that they wrote; None: patcher's own."""


class Asker(Protocol):
    """Asks whether a target is to be changed. Raises `Quit`."""

    def __call__(self, target: Target, message: str | None) -> Decision:
        """``message``: the commit's, as far as it may be edited; None: it may not."""
        ...


class Quit(BaseException):
    """The person wants no more questions, and nothing more to be done."""


def declined(target: Target) -> Target:
    """The target that is not to be changed."""
    target = replace(target, outcome=Outcome.LEFT, stage=Stage.LEFT, cause=DECLINED)
    return target.noted("the answer was no (--interactive)")

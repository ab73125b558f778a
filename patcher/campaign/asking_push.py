"""A push that asks for its review, where there is no token for the forge's interface."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from patcher import git
from patcher.forges.review import Life, Pushes, PushRequest
from patcher.git.history import History
from patcher.results import ReviewAct, ReviewResult
from patcher.values import dataclass

if TYPE_CHECKING:
    from patcher.git.mirrors import Mirrors

_NUMBER = re.compile(r"[0-9]+\Z")


@dataclass(frozen=True, slots=True)
class AskingPush:
    """The remote of a mirror, whose pushes have options for the server."""

    mirrors: Mirrors
    forge: Pushes
    request: PushRequest
    path: str
    """What the repository is called at its forge."""
    said: list[str] = field(default_factory=list)
    """What the server said to each push."""

    def tip(self, repository: git.Repository, branch: str) -> str | None:
        """As the mirror has it; None where the push goes to no branch: the server does not say what
        it has of it."""
        return None if self.request.to is not None else self.mirrors.tip(repository, branch)

    def history(self, repository: git.Repository, base: git.Base, branch: str, tip: str) -> History:
        """As the mirror has it."""
        return self.mirrors.history(repository, base, branch, tip)

    def is_elsewhere(self, repository: git.Repository, commit: str, branch: str) -> bool:
        """As the mirror has it."""
        return self.mirrors.is_elsewhere(repository, commit, branch)

    def push(
        self,
        repository: git.Repository,
        branch: str,
        commit: str | None,
        expected: str | None,
        *,
        pause: float = 0.0,
    ) -> str:
        """As `Mirrors.push`."""
        options: Sequence[str] = () if commit is None else self.request.options
        push = self.mirrors.push
        ref = None if commit is None else self.request.to
        said = push(repository, branch, commit, expected, pause=pause, options=options, ref=ref)
        self.said.append(said)
        return said

    @property
    def is_same(self) -> bool:
        """Whether the server has an open review of the very commit that was pushed: Gitea says so
        of no other."""
        return any("new commit is same with old commit" in said for said in self.said)

    def result(self) -> ReviewResult | None:
        """The review, as the server named it; None: nothing was pushed, or it named none."""
        urls = [self.forge.pushed_url(said, self.path) for said in self.said]
        url = next((url for url in reversed(urls) if url), None)
        if url is None:
            return None
        number = _NUMBER.search(url)
        return ReviewResult(
            ReviewAct.OPENED,
            url,
            number[0] if number else "",
            Life.OPEN.value,
            missed=self.request.missed,
        )

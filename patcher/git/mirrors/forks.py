"""Review branches in a fork of what a mirror is of."""

from __future__ import annotations

from patcher.git.address import Address
from patcher.git.history import History
from patcher.git.mirrors import Mirrors
from patcher.git.mirrors import history as own_history
from patcher.git.mirrors.refs import HEADS
from patcher.git.values import Base, Repository
from patcher.values import dataclass


@dataclass(frozen=True, slots=True)
class Fork:
    """A fork, as what mirrors push to and read review branches from."""

    mirrors: Mirrors
    address: Address

    def tip(self, repository: Repository, branch: str) -> str | None:
        """The commit of a review branch there, which is in the mirror then; None where there is
        none."""
        ref = HEADS + branch
        found = self.mirrors.refs(self.address, (ref,)).refs.get(ref)
        if found is not None:
            self.mirrors.bring_commits(repository, self.address, [found])
        return found

    def history(self, repository: Repository, base: Base, branch: str, tip: str) -> History:
        """As `patcher.git.history.history`, of a review branch there."""
        assert repository.address is not None
        found = own_history.read_fork(repository.address, self.address, base, tip)
        self.mirrors.bring(repository, self.address, found)
        return found

    def is_elsewhere(self, repository: Repository, commit: str, branch: str) -> bool:
        """As `patcher.git.history.is_elsewhere`, in what it was forked from."""
        return self.mirrors.is_elsewhere(repository, commit, branch)

    def push(
        self,
        repository: Repository,
        branch: str,
        commit: str | None,
        expected: str | None,
        *,
        pause: float = 0.0,
    ) -> str:
        """As `Mirrors.push`, to the fork."""
        return self.mirrors.push(repository, branch, commit, expected, pause=pause, to=self.address)

"""A campaign's repositories, taken from the ledger and told to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from patcher import git
from patcher.campaign.claims import Owner, Purpose
from patcher.campaign.ledger import Account
from patcher.campaign.steps import Item, place
from patcher.progress import Planned
from patcher.results import Outcome, Target
from patcher.sources.found import Found

_AT_ONCE = 32
"""Repositories that are claimed at once; those of another process must not wait for ours."""


class Planning:
    """Turns what the sources give into the repositories of a campaign, and keeps what must not go
    into the ledger."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        """``tell`` gets a line for each source or repository that cannot be used."""
        self.failures = 0
        self._tell = tell
        self._secrets: dict[str, git.Secret | None] = {}

    def plans(self, items: Iterable[Item]) -> Iterator[Planned]:
        """The repositories among the items."""
        for item in items:
            if isinstance(item, git.Failure):
                self.failures += 1
                self._tell(f"{item.place}: {item.error}")
                continue
            if isinstance(item.place, git.Address):
                self._secrets[item.place.url] = item.place.secret
            default = None if item.facts is None else item.facts.default_branch
            yield Planned(
                place(item), item.bases, item.family, server=item.server, default_branch=default
            )

    def with_secret(
        self, address: git.Address, server: str | None, servers: Sequence[str]
    ) -> git.Address:
        """The address with the secret that the sources of this run had, or with the token of the
        server that it was found at. ``servers`` are all of the campaign."""
        from patcher.forges import with_token

        address = address.with_secret(self._secrets.get(address.url))
        return with_token(address, server, servers)


def dropped(account: Account, globs: Sequence[str]) -> tuple[int, list[str]]:
    """Take the repositories out of a campaign that one of the globs matches, as `--match` does.
    Returns how many, and the globs that match none. Raises LedgerError."""
    from patcher.sources.filters import matching

    left = set(globs)
    places = []
    for each in account.places():
        found = matching(globs, each)
        left.difference_update(found)
        places += [each] * bool(found)
    return account.drop(places), [glob for glob in globs if glob in left]


class Booking:
    """Claims the repositories of a campaign, and records what came of them (a `Watch`)."""

    def __init__(
        self,
        account: Account,
        owner: Owner,
        purpose: Purpose,
        with_secret: Callable[[git.Address, str | None, Sequence[str]], git.Address],
    ) -> None:
        self._account, self._owner, self._purpose = account, owner, purpose
        self._with_secret, self._servers = with_secret, account.servers()
        self._claimed: dict[str, Planned] = {}
        self.taken = 0
        """How many repositories were claimed."""

    def items(self) -> Iterator[Item]:
        """What is to be done and nobody else does. Raises LedgerError."""
        while batch := self._owner.claim(_AT_ONCE, self._purpose):
            self.taken += len(batch)
            for one in batch:
                item = self._item(one)
                if isinstance(item, git.Failure):
                    self._record_failure(one, item)
                else:
                    self._claimed[place(item)] = one
                yield item

    def warn(self, problem: str) -> None:
        """As `Watch` says."""

    def every(self) -> Iterator[Item]:
        """All repositories of the campaign, of which nothing is claimed or recorded."""
        return map(self._item, self._account.planned())

    def begin(self, found: Found) -> None:
        """As `Watch` says."""
        self._owner.begin(self._claimed[place(found)])

    def done(self, found: Found, targets: Sequence[Target]) -> None:
        """As `Watch` says."""
        one = self._claimed.pop(place(found))
        self._owner.record(one, targets, self._purpose)

    def _item(self, one: Planned) -> Item:
        if git.is_address(one.place):
            from patcher.forges import Facts

            try:
                address = self._with_secret(git.Address.parse(one.place), one.server, self._servers)
            except git.GitError as error:
                return git.Failure(Path(one.place), str(error), one.place)
            facts = Facts(default_branch=one.default_branch)
            return Found(address, one.bases, one.family, facts, one.server)
        for item in git.discover([Path(one.place)]):
            if isinstance(item, git.Failure):
                return item
            if item.place == one.place:
                return Found(item, one.bases, one.family)
        return git.Failure(Path(one.place), "is no repository any more")

    def _record_failure(self, one: Planned, failure: git.Failure) -> None:
        self._owner.begin(one)
        target = Target(
            one.place, None, None, Outcome.FAILED, error=failure.error, cause="no repository"
        )
        self._owner.record(one, [target])

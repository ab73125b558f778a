"""The reviews of a campaign, once they are open: look at them, merge them, make them ready."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from patcher import git
from patcher.campaign import settings
from patcher.campaign.ledger import Account
from patcher.campaign.threads import DaemonThreads
from patcher.forges import homes
from patcher.forges.client import Client
from patcher.forges.review import Checks, Life, MergeMethod, Project, Review, Reviews
from patcher.forges.server import ForgeError
from patcher.progress import Progress, ReviewState
from patcher.results import Stage
from patcher.values import dataclass

_AT_ONCE = 8
"""Reviews that are looked at at one time."""


class Seen(NamedTuple):
    """A review, and where to change it."""

    row: Progress
    review: Review
    forge: Reviews
    client: Client
    project: Project

    def state(
        self, did: str = "", *, is_done: bool = False, is_changed: bool = False
    ) -> ReviewState:
        """The same for a report."""
        review = self.review
        return ReviewState(
            self.row.place,
            self.row.base or "",
            review.number,
            review.url,
            review.life.value,
            review.draft,
            review.approved,
            None if review.checks is None else review.checks.value,
            review.conflicts,
            did,
            is_done or is_changed,
            is_changed,
        )


Act = Callable[[Seen], ReviewState]
"""Does something about a review that was just looked at. Raises ForgeError."""


@dataclass(frozen=True, slots=True)
class Follower:
    """Follows the reviews of one campaign."""

    account: Account
    tell: Callable[[str], None]
    """Gets a line for what a person should know meanwhile."""

    def each(
        self, act: Act, limit: int | None = None, *, ahead: bool = True
    ) -> Iterator[ReviewState]:
        """What became of each review that the campaign knows, in the order of planning, until
        ``limit`` of them were changed. ``ahead``: several may be looked at before the first is
        dealt with. Raises LedgerError."""
        rows = list(self.account.rows(reviewed=True))
        _, commits = settings.read(self.account.settings)
        wish = "none" if commits.reviews is None else commits.reviews.review
        at = {one.place: one.server for one in self.account.planned()}
        servers = self.account.servers()
        forge = None if wish in ("auto", "none") else wish
        looks: list[Callable[[], Seen]] = [
            partial(self._seen, row, at.get(row.place), forge, servers) for row in rows
        ]
        if act is looked:
            homes_of = partial(_home, at=at, forge=forge, servers=servers)
            looks = _in_batches(rows, looks, homes_of, self.tell)
        changed = 0
        with _begun(looks if ahead else []) as begun:
            for number, (row, look) in enumerate(zip(rows, begun or looks, strict=True)):
                if changed == limit:
                    self.tell(f"stopped after {limit}: {len(rows) - number} were not looked at")
                    return
                state = self._done(row, look, act)
                changed += state.is_changed
                if state.life:
                    self.account.note_review(row.place, row.base or "", state.life)
                yield state

    def _done(self, row: Progress, look: Callable[[], Seen], act: Act) -> ReviewState:
        try:
            return act(look())
        except git.GitError as error:
            return ReviewState(
                row.place, row.base or "", row.review_number or "", row.review or "",
                error=str(error),
            )  # fmt: skip

    def _seen(
        self, row: Progress, at: str | None, forge: str | None, servers: Sequence[str]
    ) -> Seen:
        there = _home(row, {row.place: at}, forge, servers)
        if there.server.token is None:
            raise ForgeError(f"it takes a token: set {there.server.variables}")
        client = Client(there.server, self.tell)
        functions = homes.reviews(there.forge)
        project = functions.project(client, there.path)
        review = functions.review(client, project, row.review_number or "")
        is_from = getattr(functions, "is_from", None)
        if is_from is not None and row.branch and is_from(project, review, row.branch):
            review = replace(review, head=row.branch)
        _check_same(row, review)
        return Seen(row, review, functions, client, project)


def _home(
    row: Progress, at: Mapping[str, str | None], forge: str | None, servers: Sequence[str]
) -> homes.Home:
    """Where the repository of a review is at its forge. Raises ForgeError."""
    address = git.Address.parse(row.review_at or row.place)
    return homes.home(address, at.get(row.place), forge, servers)


AT_ONCE = 50
"""Reviews that a forge is asked for at one time, where it can show several."""
FEWEST = 5
"""Fewer than these are looked at one by one."""


def _in_batches(
    rows: Sequence[Progress],
    looks: Sequence[Callable[[], Seen]],
    home_of: Callable[[Progress], homes.Home],
    tell: Callable[[str], None],
) -> list[Callable[[], Seen]]:
    """The looks, but those at reviews that their forge shows together: what it does not show is
    looked at as it was."""
    groups: dict[tuple[str, str], list[tuple[int, homes.Home]]] = {}
    for at, row in enumerate(rows):
        try:
            home = home_of(row)
            if home.server.token is None or homes.together(home.forge) is None:
                continue
        except git.GitError:
            continue  # the look itself says why
        groups.setdefault((home.server.api, home.server.token), []).append((at, home))
    done = list(looks)
    for group in (each for each in groups.values() if len(each) >= FEWEST):
        for start in range(0, len(group), AT_ONCE):
            members = group[start : start + AT_ONCE]
            batch = _Batch([(rows[at], home) for at, home in members], tell)
            for at, home in members:
                done[at] = partial(batch.look, rows[at], home, looks[at])
    return done


class _Batch:
    """Reviews of one server that are looked at by one request, when the first is wanted."""

    def __init__(
        self, members: Sequence[tuple[Progress, homes.Home]], tell: Callable[[str], None]
    ) -> None:
        self._members = members
        self._client = Client(members[0][1].server, tell)
        self._guard = threading.Lock()
        self._found: Mapping[tuple[str, str], tuple[Project, Review]] | None = None

    def look(self, row: Progress, home: homes.Home, alone: Callable[[], Seen]) -> Seen:
        """One of them; by itself where the forge did not show it together with the others. Raises
        ForgeError."""
        forge = homes.together(home.forge)
        assert forge is not None
        with self._guard:
            if self._found is None:
                wanted = [(at.path, each.review_number or "") for each, at in self._members]
                try:
                    self._found = forge.look_together(self._client, wanted)
                except ForgeError:
                    self._found = {}  # each of them says why
        seen = self._found.get((home.path, row.review_number or ""))
        if seen is None:
            return alone()
        _check_same(row, seen[1])
        return Seen(row, seen[1], homes.reviews(home.forge), self._client, seen[0])


def _check_same(row: Progress, review: Review) -> None:
    """Raise ForgeError for another review than patcher opened: a repository may be made anew under
    its old name, and a base may be changed."""
    base = (row.base or "").removeprefix("refs/heads/")
    is_into = review.base == base or not git.is_address(row.place)
    if not (review.head == row.branch and is_into):
        raise ForgeError(
            f"{review.url} is from {review.head} into {review.base}, and patcher opened one from "
            f"{row.branch} into {base}: `patcher apply --campaign` looks for that"
        )


@contextmanager
def _begun(looks: Sequence[Callable[[], Seen]]) -> Iterator[list[Callable[[], Seen]]]:
    """The same looks, which other threads take meanwhile."""
    pool = DaemonThreads(min(_AT_ONCE, len(looks)))
    try:
        yield [pool.submit(look).result for look in looks]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def looked(seen: Seen) -> ReviewState:
    """Look at a review, and do nothing."""
    return seen.state(is_done=True)


@dataclass(frozen=True, slots=True)
class Merging:
    """Merges reviews that are approved and green."""

    method: MergeMethod
    force: bool = False
    """Whether also those that are not."""
    dry_run: bool = False

    def __call__(self, seen: Seen) -> ReviewState:
        """Merge one, or say why it is not merged. An administrator's token gets past what a forge
        asks for, so that is looked at here. Raises ForgeError."""
        review = seen.review
        if review.life is Life.MERGED:
            return seen.state("is merged already", is_done=True)
        why = self._why_not(seen)
        if why:
            return seen.state(f"not merged: {why}")
        if self.dry_run:
            return seen.state("would be merged", is_changed=True)
        merged = seen.forge.merge(seen.client, seen.project, review, self.method)
        seen = seen._replace(review=merged)
        if merged.life is not Life.MERGED:
            return seen.state("not merged yet: its forge has taken the request")
        return seen.state("merged", is_changed=True)

    def _why_not(self, seen: Seen) -> str:
        review = seen.review
        if review.life is Life.CLOSED:
            return "it is closed"
        if seen.row.stage is Stage.NOTHING_TO_DO:
            return "its base needs it no more: `patcher refresh` closes it"
        if review.head_commit is None or review.head_commit != seen.row.new_commit:
            return (
                "it has other commits than `patcher apply` saw last: "
                "`patcher apply --campaign` looks at them"
            )
        if review.conflicts:
            return "it conflicts with its base: `patcher refresh` replaces the branch"
        if review.draft:
            return "it is a draft: `patcher ready` ends that"
        if self.force:
            return ""
        if not review.approved:
            return "it is not approved" if review.approved is False else _UNKNOWN_APPROVAL
        match review.checks:
            case Checks.PASSED | Checks.NONE if review.blocked:
                return "a rule of its base is not met: its page says which"
            case Checks.PASSED | Checks.NONE:
                return ""
            case None:
                return "the forge does not say what its checks are (--force)"
        return "its checks " + ("failed" if review.checks is Checks.FAILED else "are not done")


_UNKNOWN_APPROVAL = "the forge does not say whether it is approved (--force)"


@dataclass(frozen=True, slots=True)
class Readying:
    """Makes drafts ready."""

    dry_run: bool = False

    def __call__(self, seen: Seen) -> ReviewState:
        """Make one ready. Raises ForgeError."""
        review = seen.review
        if review.life is not Life.OPEN:
            return seen.state(f"is {review.life.value}", is_done=True)
        if not review.draft:
            return seen.state("is ready already", is_done=True)
        if self.dry_run:
            return seen.state("would be made ready", is_changed=True)
        done = seen.forge.set_draft(seen.client, seen.project, review, False)
        seen = seen._replace(review=done)
        if done.draft:
            return seen.state("is a draft still: end that at its forge")
        return seen.state("made ready", is_changed=True)

"""The forks of a campaign, once they are needed no more: which may go, and their removal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from patcher import git
from patcher.campaign import settings
from patcher.campaign.ledger import Account
from patcher.forges import homes
from patcher.forges.client import Client
from patcher.forges.review import Forks, OwnFork, Project
from patcher.forges.server import ForgeError
from patcher.git.mirrors.history import unknown_refs
from patcher.progress import Planned
from patcher.results import Stage
from patcher.values import dataclass

_HEADS = "refs/heads/"


class ForkState(NamedTuple):
    """What became of the fork of one repository."""

    place: str
    fork: str
    """Its full name at its forge; empty where there is none, or it is not known."""
    did: str = ""
    """What was done, or would be, or why nothing was, in a few words."""
    is_done: bool = False
    """Whether no fork is left, or would be."""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Unforking:
    """Removes the forks that a campaign left behind."""

    account: Account
    tell: Callable[[str], None]
    """Gets a line for what a person should know meanwhile."""
    dry_run: bool = False

    def each(self) -> Iterator[ForkState]:
        """What became of the fork of each repository that has a clone URL, in the order of
        planning. Raises LedgerError."""
        _, commits = settings.read(self.account.settings)
        wish = "none" if commits.reviews is None else commits.reviews.review
        forge = None if wish in ("auto", "none") else wish
        servers, begun = self.account.servers(), self.account.summary().made
        ours: dict[str, dict[str, set[str]]] = {}
        waiting = set()
        for row in self.account.rows():
            if row.branch and row.new_commit:
                refs = ours.setdefault(row.place, {})
                refs.setdefault(_HEADS + row.branch, set()).add(row.new_commit)
            if row.stage is Stage.PUSHED:
                waiting.add(row.place)
        for planned in self.account.planned():
            if not git.is_address(planned.place):
                continue  # what is named by a path is pushed to no fork
            try:
                if planned.place in waiting:
                    why = "stays: a branch was pushed and has no review yet"
                    yield ForkState(planned.place, "", why)
                else:
                    home = homes.home(
                        git.Address.parse(planned.place), planned.server, forge, servers
                    )
                    yield self._one(planned, home, begun, ours.get(planned.place, {}))
            except git.GitError as error:
                yield ForkState(planned.place, "", error=str(error))

    def _one(
        self, planned: Planned, home: homes.Home, begun: str, ours: Mapping[str, Collection[str]]
    ) -> ForkState:
        if home.forge == "gerrit":
            return ForkState(planned.place, "", "Gerrit has no forks", is_done=True)
        if home.server.token is None:
            raise ForgeError(f"it takes a token: set {home.server.variables}")
        forks = homes.forks(home.forge)
        if forks is None:
            return ForkState(
                planned.place, "", f"is not looked at: remove forks at {home.forge} by hand"
            )
        client = Client(home.server, self.tell)
        functions = homes.reviews(home.forge)
        project = functions.project(client, home.path)
        fork = functions.own_fork(client, project)
        if fork is None:
            return ForkState(planned.place, "", "no fork of yours is found", is_done=True)
        why = _why_not(forks, client, project, fork, begun) or _own_work(
            home, project, fork.project, ours
        )
        if why:
            return ForkState(planned.place, fork.project.path, f"stays: {why}")
        if self.dry_run:
            return ForkState(planned.place, fork.project.path, "would be removed", is_done=True)
        functions.delete_fork(client, fork.project)
        return ForkState(planned.place, fork.project.path, "removed", is_done=True)


def _why_not(forks: Forks, client: Client, project: Project, fork: OwnFork, begun: str) -> str:
    """Why a fork has to stay, as its forge says; empty: nothing is against its removal."""
    if fork.project.fork_of != project.id:
        return f"it is no fork of {project.path}"
    if fork.project.archived:
        return "it is archived, or its forge is about to remove it"
    made = _time(fork.made)
    if made is None:
        return "its forge does not say when it was made"
    if (start := _time(begun)) is None:
        return "it is not known when the campaign began"
    if made < start:
        return "it was made before the campaign began, so not by it"
    into = next(
        (
            each
            for each in forks.open_reviews(client, project)
            if each.head_project == fork.project.id
        ),
        None,
    ) or next(forks.open_reviews(client, fork.project), None)
    url = into.url if into is not None else forks.open_from(client, fork.project)
    return f"{url} is open" if url else ""


def _own_work(
    home: homes.Home, project: Project, fork: Project, ours: Mapping[str, Collection[str]]
) -> str:
    """What of a fork would be lost; empty: nothing but what the campaign pushed."""
    secret = home.server.secret()
    upstream, there = (
        git.Address.parse(each.clone_url).with_secret(secret) for each in (project, fork)
    )
    unknown = unknown_refs(upstream, there, ours)
    if not unknown:
        return ""
    more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
    return f"{git.printable(unknown[0])}{more} has what is not in {project.path}"


def _time(shown: str | None) -> float | None:
    """Seconds since 1970; None where there is no time in it."""
    try:
        return datetime.fromisoformat(shown or "").timestamp()
    except (ValueError, OverflowError, OSError):
        return None

"""Gerrit, as `tests.forges.worlds` has the other forges."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from patcher.forges import gerrit
from patcher.forges.client import Client
from patcher.forges.review import Done, Project, Reviews, Wanted
from tests.forges.branches import Branches
from tests.forges.gerrit import Gerrit
from tests.forges.worlds import BASE, HEAD, PATH, TOKEN, World
from tests.sources.servers import Record


class AtGerrit(World):
    module: ClassVar = gerrit
    tokens: ClassVar = {
        "GERRIT_URL": "{url}",
        "GERRIT_USER": "me",
        "GERRIT_PASSWORD": "{token}",
    }

    def __init__(self, branches: Branches | None = None) -> None:
        super().__init__(branches)
        self.forge = Gerrit(self.branches)
        self.forge.passwords, self.forge.submitters = {"me": TOKEN}, {"me"}
        self.forge.groups = ["acme/security"]

    @property
    def reviews(self) -> Reviews:
        return cast(Reviews, _Pushing(self))

    @property
    def own(self) -> list[Record]:
        return cast(list[Record], self.forge.changes)

    def add(self, path: str, **changes: object) -> Record:
        self.forge.add(path)
        return cast(Record, self.forge.projects[path])

    def let(self, login: str, level: str, path: str = PATH) -> None:
        self.forge.account(login)

    def push(self, wanted: Wanted) -> None:
        """Push the review branch for review."""
        to = gerrit.pushed(wanted, PATH).to
        message = f"{wanted.title}\n\nChange-Id: {gerrit.change_id(PATH, BASE, HEAD)}\n"
        self.forge.push("me", PATH, to or "", message, self.branches.tip(PATH, HEAD))

    def push_more(self) -> str:
        commit = super().push_more()
        self.push(self.wanted())
        return commit

    def approve(self, login: str = "bob") -> None:
        self.forge.vote(self.own[-1], login, 2)

    def object(self, login: str = "bob") -> None:
        self.forge.vote(self.own[-1], login, -2)

    def close(self, login: str = "ann") -> None:
        self.forge.abandon(self.own[-1], login)

    def check(self, state: str) -> None:
        votes = {"success": 1, "failed": -1, "running": 0}
        self.forge.vote(self.own[-1], "ci", votes[state], "Verified")

    def protect(self, approvals: int = 0, checks: bool = False) -> None:
        self.forge.verifies = checks

    def rename(self, path: str, new: str) -> None:
        raise NotImplementedError("Gerrit renames no project")

    def label(self, *names: str) -> None:
        """Gerrit takes any hashtag."""

    def plan(self, *titles: str) -> None:
        """Gerrit has no milestones."""

    def delay_conflicts(self, looks: int) -> None:
        """Gerrit looks when it is asked."""


class _Pushing:
    """The functions of Gerrit's module, where a change is opened by a push."""

    def __init__(self, world: AtGerrit) -> None:
        self.world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(gerrit, name)

    def create(self, client: Client, project: Project, wanted: Wanted) -> Done:
        self.world.push(wanted)
        return gerrit.create(client, project, wanted)

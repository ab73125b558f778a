"""GitHub, as `tests.forges.worlds` has the other forges."""

from __future__ import annotations

from typing import ClassVar, cast

from patcher.forges import github
from tests.forges.branches import Branches
from tests.forges.github import GitHub
from tests.forges.worlds import BASE, OTHER, PATH, TOKEN, World
from tests.sources.servers import Record


class AtGitHub(World):
    module: ClassVar = github
    tokens: ClassVar = {
        "GITHUB_API_URL": "{url}/api/v3",
        "GITHUB_SERVER_URL": "{url}",
        "GITHUB_TOKEN": "{token}",
    }

    def __init__(self, branches: Branches | None = None) -> None:
        super().__init__(branches)
        self.forge = GitHub(self.branches)
        self.forge.users = {TOKEN: "me", OTHER: "guest"}

    @property
    def own(self) -> list[Record]:
        return cast(list[Record], self.forge.repository(PATH).pulls)

    def add(self, path: str, **changes: object) -> Record:
        record: Record = self.forge.add(path, **changes)
        self.forge.repository(path).teams = ["security"]
        return record

    def let(self, login: str, level: str, path: str = PATH) -> None:
        self.forge.repository(path).roles[login] = level

    def approve(self, login: str = "bob") -> None:
        if login == "me":
            return  # GitHub refuses it to the author
        self.forge.review(PATH, len(self.own), login)

    def object(self, login: str = "bob") -> None:
        self.forge.review(PATH, len(self.own), login, "CHANGES_REQUESTED")

    def close(self, login: str = "ann") -> None:
        self.forge.close(PATH, len(self.own), login)

    def check(self, state: str) -> None:
        words = {"success": "SUCCESS", "failed": "FAILURE", "running": None, "skipped": "SKIPPED"}
        self.forge.check(PATH, len(self.own), words[state])

    def protect(self, approvals: int = 0, checks: bool = False) -> None:
        self.forge.repository(PATH).approvals[BASE] = approvals
        self.forge.repository(PATH).required[BASE] = int(checks)

    def rename(self, path: str, new: str) -> None:
        self.forge.rename(path, new)

    def label(self, *names: str) -> None:
        self.forge.repository(PATH).labels = [*names]

    def plan(self, *titles: str) -> None:
        self.forge.repository(PATH).milestones = [*titles]

    def delay_conflicts(self, looks: int) -> None:
        for pull in self.forge.repository(PATH).pulls:
            pull.unknown = looks

"""Both Bitbuckets, as `tests.forges.worlds` has the other forges."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from patcher.forges import bitbucket
from tests.forges.bitbucket_cloud import BitbucketCloud
from tests.forges.bitbucket_server import BitbucketServer
from tests.forges.branches import Branches
from tests.forges.worlds import OTHER, PATH, TOKEN, World
from tests.sources.servers import Record


class AtBitbucket(World):
    """What both have in common. They have no labels and milestones, and branches are protected for
    people alone."""

    module: ClassVar = bitbucket
    forge: BitbucketCloud | BitbucketServer

    def fill_people(self) -> None:
        self.forge.users = {TOKEN: "me", OTHER: "guest", "t0ken-of-bob": "bob"}

    @property
    def own(self) -> list[Record]:
        return cast(list[Record], self.forge.repository(PATH).pulls)

    def add(self, path: str, **changes: object) -> Record:
        return cast(Record, self.forge.add(path, **changes))

    def let(self, login: str, level: str, path: str = PATH) -> None:
        if level != "read":
            self.forge.repository(path).writers.add(login)

    def close(self, login: str = "ann") -> None:
        self.forge.close(PATH, len(self.own), login)

    def protect(self, approvals: int = 0, checks: bool = False) -> None:
        self.forge.repository(PATH).approvals = approvals

    def rename(self, path: str, new: str) -> None:
        raise NotImplementedError

    def label(self, *names: str) -> None: ...
    def plan(self, *titles: str) -> None: ...
    def delay_conflicts(self, looks: int) -> None: ...


class AtBitbucketCloud(AtBitbucket):
    tokens: ClassVar = {
        "BITBUCKET_URL": "{url}",
        "BITBUCKET_API_URL": "{url}/2.0",
        "BITBUCKET_TOKEN": "{token}",
    }

    def __init__(self, branches: Branches | None = None) -> None:
        super().__init__(branches)
        self.forge: BitbucketCloud = BitbucketCloud(self.branches)
        self.fill_people()

    def approve(self, login: str = "bob") -> None:
        self.forge.review(PATH, len(self.own), login)

    def object(self, login: str = "bob") -> None:
        self.forge.review(PATH, len(self.own), login, "changes_requested")

    def check(self, state: str) -> None:
        words = {"success": "SUCCESSFUL", "failed": "FAILED", "running": "INPROGRESS"}
        self.forge.check(PATH, len(self.own), words[state])


class AtBitbucketServer(AtBitbucket):
    tokens: ClassVar = {"BITBUCKET_URL": "{url}", "BITBUCKET_TOKEN": "{token}"}

    def __init__(self, branches: Branches | None = None) -> None:
        super().__init__(branches)
        self.forge: BitbucketServer = BitbucketServer(self.branches)
        self.fill_people()

    def approve(self, login: str = "bob") -> None:
        self.forge.review(PATH, len(self.own), login)

    def object(self, login: str = "bob") -> None:
        self.forge.review(PATH, len(self.own), login, "NEEDS_WORK")

    def check(self, state: str) -> None:
        words = {"success": "successful", "failed": "failed", "running": "inProgress"}
        self.forge.check(PATH, len(self.own), words[state])


BITBUCKETS: dict[str, type[Any]] = {"cloud": AtBitbucketCloud, "server": AtBitbucketServer}

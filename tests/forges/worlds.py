"""One repository at a fake forge, and what people do there, the same for every forge."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, cast

import pytest

from patcher.forges import client, gitea, gitlab, limits, server_at
from patcher.forges.client import Client
from patcher.forges.review import Project, Review, Reviews, Wanted
from tests.forges import described_gitea
from tests.forges.branches import Branches, GitBranches
from tests.forges.gitea import Gitea
from tests.forges.gitlab import GitLab
from tests.git.server import Server
from tests.needs import program
from tests.sources.servers import Record, serving

TOKEN, OTHER = "t0ken-that-nobody-may-see", "t0ken-of-another-one"
PATH, BASE, HEAD = "acme/moby", "main", "patcher/deny-af-alg/main"


class World(ABC):
    """``acme/moby`` with the branches ``main`` and `HEAD`, which ``me`` may push to, as ``bob`` and
    ``ann`` may. ``guest`` may read."""

    forge: Any
    module: ClassVar[ModuleType]
    tokens: ClassVar[dict[str, str]]
    """What the environment holds, as templates."""

    def __init__(self, branches: Branches | None = None) -> None:
        self.branches = branches or Branches()
        self.told: list[str] = []
        self.slept: list[float] = []

    @property
    def reviews(self) -> Reviews:
        return cast(Reviews, self.module)

    def client(self) -> Client:
        return Client(server_at(self.module.__name__.rpartition(".")[2], None), self.told.append)

    def fill(self) -> None:
        """Make the branches, where git does not have them."""
        self.branches.commit(PATH, BASE)
        self.branches.commit(PATH, HEAD, cast(str, self.branches.tip(PATH, BASE)))

    def push_more(self) -> str:
        """Put one more commit on the branch of the review."""
        return self.branches.commit(PATH, HEAD)

    def project(self, path: str = PATH) -> Project:
        return self.reviews.project(self.client(), path)

    def wanted(self, **changes: Any) -> Wanted:
        return replace(Wanted(HEAD, PATH, BASE, "Deny AF_ALG", "Line 1\n\nLine 2"), **changes)

    def open(self, **changes: Any) -> Review:
        done = self.reviews.create(self.client(), self.project(), self.wanted(**changes))
        assert done.missed == ()
        return done.review

    def review(self, number: str = "1") -> Review:
        return self.reviews.review(self.client(), self.project(), number)

    def requests(self, work: Callable[[], object]) -> list[str]:
        """The requests that something takes."""
        before = len(self.forge.requests)
        work()
        return [f"{each.method} {each.path}" for each in self.forge.requests[before:]]

    @property
    @abstractmethod
    def own(self) -> list[Record]:
        """The reviews, as the fake keeps them."""

    @abstractmethod
    def add(self, path: str, **changes: object) -> Record: ...
    def record(self, path: str) -> Record:
        """A repository, as the fake keeps it."""
        name = "path_with_namespace" if self.module is gitlab else "full_name"
        known = self.forge.projects if self.module is gitlab else self.forge.repositories
        return cast(Record, next(each for each in known if each[name] == path))

    @abstractmethod
    def let(self, login: str, level: str, path: str = PATH) -> None:
        """Let someone ``read``, ``write`` or ``admin``."""

    @abstractmethod
    def approve(self, login: str = "bob") -> None: ...
    @abstractmethod
    def object(self, login: str = "bob") -> None: ...
    @abstractmethod
    def close(self, login: str = "ann") -> None: ...
    @abstractmethod
    def check(self, state: str) -> None:
        """CI says ``success``, ``failed``, ``running`` or ``skipped`` of the review's commit."""

    @abstractmethod
    def protect(self, approvals: int = 0, checks: bool = False) -> None: ...
    @abstractmethod
    def rename(self, path: str, new: str) -> None: ...
    @abstractmethod
    def label(self, *names: str) -> None: ...
    @abstractmethod
    def plan(self, *titles: str) -> None: ...

    @abstractmethod
    def delay_conflicts(self, looks: int) -> None: ...


class AtGitLab(World):
    module: ClassVar = gitlab
    tokens: ClassVar = {"GITLAB_HOST": "{url}", "GITLAB_TOKEN": "{token}"}
    levels: ClassVar = {"read": 20, "write": 40, "admin": 50}

    def __init__(self, branches: Branches | None = None) -> None:
        super().__init__(branches)
        self.forge = GitLab(self.branches)
        self.forge.users = {TOKEN: "me", OTHER: "guest"}
        for login in ("me", "bob", "ann", "guest"):
            self.forge.person(login)

    @property
    def own(self) -> list[Record]:
        return cast(list[Record], self.forge.merge_requests)

    def add(self, path: str, **changes: object) -> Record:
        return cast(Record, self.forge.add(path, **changes))

    def let(self, login: str, level: str, path: str = PATH) -> None:
        number = next(r["id"] for r in self.forge.projects if r["path_with_namespace"] == path)
        self.forge.members[number][login] = self.levels[level]

    def approve(self, login: str = "bob") -> None:
        self.forge.approve(self.own[-1], login)

    def object(self, login: str = "bob") -> None:
        self.forge.request_changes(self.own[-1], login)

    def close(self, login: str = "ann") -> None:
        self.forge.close(self.own[-1], login)

    def check(self, state: str) -> None:
        self.forge.run_pipeline(self.own[-1], state)

    def protect(self, approvals: int = 0, checks: bool = False) -> None:
        self.forge.approvals_required = approvals
        for each in self.own:
            each["ci_required"] = checks

    def rename(self, path: str, new: str) -> None:
        for each in self.forge.projects:
            if each["path_with_namespace"] == path:
                self.forge.renamed[path] = each["id"]
                each |= {"path_with_namespace": new, "path": new.rpartition("/")[2]}
                each["http_url_to_repo"] = f"{self.forge.url}/{new}.git"

    def label(self, *names: str) -> None:
        """GitLab makes those that are asked for."""

    def plan(self, *titles: str) -> None:
        self.forge.milestones[1] = [*titles]

    def delay_conflicts(self, looks: int) -> None:
        self.forge.looks = looks


class AtGitea(World):
    module: ClassVar = gitea
    tokens: ClassVar = {"GITEA_SERVER_URL": "{url}", "GITEA_TOKEN": "{token}"}

    def __init__(self, branches: Branches | None = None) -> None:
        super().__init__(branches)
        self.forge = Gitea(self.branches)
        self.forge.logins = {TOKEN: "me", OTHER: "guest"}
        self.forge.teams = {"acme": ["security"]}
        for login in ("me", "bob", "ann", "guest"):
            self.forge.person(login)

    @property
    def own(self) -> list[Record]:
        return cast(list[Record], self.forge.pulls)

    def add(self, path: str, **changes: object) -> Record:
        return cast(Record, self.forge.add(path, **changes))

    def let(self, login: str, level: str, path: str = PATH) -> None:
        number = next(r["id"] for r in self.forge.repositories if r["full_name"] == path)
        self.forge.access[number][login] = level

    def approve(self, login: str = "bob") -> None:
        self.forge.say(self.own[-1], login, "APPROVED")

    def object(self, login: str = "bob") -> None:
        self.forge.say(self.own[-1], login, "REQUEST_CHANGES")

    def close(self, login: str = "ann") -> None:
        self.forge.close(self.own[-1], login)

    def check(self, state: str) -> None:
        words = {"failed": "failure", "running": "pending"}
        sha = self.forge.sha(self.own[-1])
        self.forge.statuses[sha] = {"ci/test": words.get(state, state)}
        self.forge.go_on(self.own[-1])

    def protect(self, approvals: int = 0, checks: bool = False) -> None:
        rules = {"required_approvals": approvals, "enable_status_check": checks}
        self.forge.rules[PATH, BASE] = rules

    def rename(self, path: str, new: str) -> None:
        for each in self.forge.repositories:
            if each["full_name"] == path:
                self.forge.renamed[path] = new
                each |= {"full_name": new, "clone_url": f"{self.forge.url}/{new}.git"}

    def label(self, *names: str) -> None:
        self.forge.labels[PATH] = [*names]

    def plan(self, *titles: str) -> None:
        self.forge.milestones[PATH] = [*titles]

    def delay_conflicts(self, looks: int) -> None:
        self.forge.looks = looks


@contextmanager
def served(kind: str, monkeypatch: pytest.MonkeyPatch, root: Path | None = None) -> Iterator[World]:
    """A world of that kind, and the environment of one who may push there. Waits take no time,
    and are in ``slept``. With ``root`` its clone URLs are those of a git server, which has the bare
    repositories there."""
    for name in list(os.environ):
        if name.startswith(("GITLAB_", "GITEA_", "CI_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    name, _, published = kind.partition(" ")
    world = WORLDS[name](Branches() if root is None else GitBranches(root))
    if published:
        world.forge.description = described_gitea.gitea()
    slept = world.slept
    monkeypatch.setattr(client, "BACKOFF", 0.01)
    monkeypatch.setattr(limits, "_limits", {})
    monkeypatch.setattr(limits, "monotonic", lambda: time.monotonic() + sum(slept))
    monkeypatch.setattr(limits, "sleep", slept.append)
    with ExitStack() as stack:
        if root is None:
            stack.enter_context(serving(world.forge))
        else:
            server = stack.enter_context(Server(root))
            server.forge, world.forge.url = world.forge, f"{server.url}/ok"
        for name, value in world.tokens.items():
            monkeypatch.setenv(name, value.format(url=world.forge.url, token=TOKEN))
        world.add(PATH)
        if root is None:
            world.fill()
        for login in ("me", "bob", "ann"):
            world.let(login, "write")
        world.let("guest", "read")
        yield world
    assert world.forge.wrong == []


WORLDS: dict[str, type[World]] = {"gitlab": AtGitLab, "gitea": AtGitea}
PUBLISHED = pytest.param(
    "gitea published",
    marks=[pytest.mark.published, pytest.mark.xdist_group("published-gitea"), program("go")],
)
"""A Gitea that is held to what it publishes."""

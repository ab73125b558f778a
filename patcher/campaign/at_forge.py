"""One repository at its forge: where its reviews belong, and whose turn it is there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from patcher import git
from patcher.campaign import change_push
from patcher.campaign.branch import Remote
from patcher.campaign.commits import Commits
from patcher.campaign.verified import check
from patcher.forges import homes
from patcher.forges.client import Client
from patcher.forges.review import Project
from patcher.forges.server import ForgeError
from patcher.git.limits import waiting
from patcher.reviews import opening
from patcher.reviews.wishes import Wishes

if TYPE_CHECKING:
    from patcher.git.mirrors import Mirrors
    from patcher.git.mirrors.forks import Fork
    from patcher.sources.found import Found

_HEADS = "refs/heads/"


class KnownAtForge(NamedTuple):
    """A repository at its forge."""

    url: str
    home: homes.Home
    client: Client
    project: Project
    fork: Project | None = None
    """Where its review branches are, if not there."""


@dataclass(slots=True)
class RepositoryAtForge:
    """A repository at its forge, which is asked for it once."""

    found: Found
    commits: Commits
    wishes: Wishes
    servers: Sequence[str]
    """Of the whole campaign."""
    warn: Callable[[str], None]
    mirrors: Callable[[], Mirrors]
    _known: KnownAtForge | None = field(default=None, init=False)

    @property
    def url(self) -> str | None:
        """The clone URL by which it is known; None before it was asked for."""
        return None if self._known is None else self._known.url

    @property
    def home(self) -> homes.Home:
        """Where it is. It was asked for."""
        assert self._known is not None
        return self._known.home

    @property
    def has_token(self) -> bool:
        """Whether there is a token for its server; taken to be so before it was asked for."""
        return self._known is None or self._known.home.server.token is not None

    def known(self, address: git.Address) -> KnownAtForge:
        """Where a repository is at its forge; asked for once."""
        if self._known is None or self._known.url != address.url:
            wish = self.wishes.review
            forge = None if wish == "auto" else wish
            home = homes.home(address, self.found.server, forge, self.servers)
            client = Client(home.server, self.warn)
            if home.server.token is None and home.forge != "gerrit":
                project = Project("", home.path, address.url, None)
            else:
                project = homes.reviews(home.forge).project(client, home.path)
            self._known = KnownAtForge(address.url, home, client, project)
        return self._known

    def place(self, repository: git.Repository, base: git.Base, head: str) -> opening.Place | None:
        """Where the review of a base is, if there is one; None where that would be from a fork, and
        there is none. Raises ForgeError where none can be opened."""
        address, into = _destination(repository, base, self.commits.remote)
        _, home, client, project, fork = self.known(address)
        if fork is None and self._wants_fork(project):
            fork = self._fork_there(home, client, project)
            if fork is None:
                return None
            self._known = KnownAtForge(address.url, home, client, project, fork)
        forge = homes.reviews(home.forge)
        return opening.Place(forge, client, project, fork or project, head, into)

    def place_to_push(self, repository: git.Repository, base: git.Base, head: str) -> opening.Place:
        """Where the review of a base belongs, in a fork that is made where one is wanted. Raises
        GitError where that cannot be as it is wanted."""
        address, into = _destination(repository, base, self.commits.remote)
        _, home, client, project, fork = self.known(address)
        forge = homes.reviews(home.forge)
        if fork is None and self._wants_fork(project):
            if self.commits.dry_run:
                fork = self._fork_there(home, client, project)
            elif repository.address is None:
                raise ForgeError(
                    "--fork is for what a clone URL names: push a clone to your fork with --remote"
                )
            else:
                fork = forge.fork(client, project)
            self._known = KnownAtForge(address.url, home, client, project, fork)
        if self.commits.verified_commits:
            check(repository, home)
        return opening.Place(forge, client, project, fork or project, head, into)

    def _fork_there(self, home: homes.Home, client: Client, project: Project) -> Project | None:
        """The fork that the token's user has; None where there is none. Raises ForgeError where
        that cannot be known."""
        own = homes.reviews(home.forge).own_fork(client, project)
        return None if own is None else own.project

    def _wants_fork(self, project: Project) -> bool:
        """Whether its review branch belongs in a fork. Raises ForgeError where it belongs nowhere
        else, and none is wanted."""
        assert self._known is not None
        if project.archived or not self.has_token or self.wishes.fork == "always":
            return self.wishes.fork == "always" and not project.archived and self.has_token
        if project.can_push is False and self.wishes.fork == "never" and not self.commits.dry_run:
            raise ForgeError(
                f"the token in {self._known.home.server.variables} may not push to "
                f"{project.path}: use one that may, or --fork"
            )
        return project.can_push is False and self.wishes.fork == "auto"

    @property
    def is_gerrit(self) -> bool:
        """Whether its reviews are changes at Gerrit."""
        return self._known is not None and self._known.home.forge == "gerrit"

    def remote(self, repository: git.Repository, base: git.Base, name: str) -> Remote | None:
        """What has the review branch, if not the repository itself. Raises ForgeError."""
        if not self.is_gerrit:
            return self.fork
        place = self.place(repository, base, name)
        assert place is not None  # Gerrit has no forks
        there = opening.look(place)
        return change_push.ChangePush(self.mirrors(), place, there.open)

    @property
    def fork(self) -> Fork | None:
        """The fork, where the review branch belongs there."""
        if self._known is None or self._known.fork is None:
            return None
        from patcher.git.mirrors.forks import Fork

        address = git.Address.parse(self._known.fork.clone_url)
        secret = self._known.home.server.secret()
        return Fork(self.mirrors(), address.with_secret(secret))

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The turn to change something at the forge: one at a time for each server and token, with
        the pause that the user wants between two."""
        assert self._known is not None
        server = self._known.home.server
        with _guard:
            turn = _turns.setdefault((server.api, server.token), _Turn())
        with ExitStack() as held:
            with waiting():
                held.enter_context(turn.lock)
                time.sleep(max(0.0, turn.ended + self.commits.pause - time.monotonic()))
            try:
                yield
            finally:
                turn.ended = time.monotonic()


def _destination(
    repository: git.Repository, base: git.Base, remote: str | None
) -> tuple[git.Address, str]:
    """Where the review branch is pushed to, and the branch there that its review goes into. Raises
    GitError."""
    if repository.address is None:
        from patcher.forges import with_token
        from patcher.git.clones import push_place

        place = push_place(repository, base, remote)
        return with_token(place.address, None, ()), place.base.removeprefix(_HEADS)
    for heads in ("refs/remotes/origin/", _HEADS):
        if base.ref.startswith(heads):
            return repository.address, base.ref.removeprefix(heads)
    raise ForgeError(
        f"a review goes into a branch, and {base.name} is none: name a branch with --base, or use "
        "--review none"
    )


class _Turn:
    """The turn of one server and token in this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.ended = float("-inf")


_turns: dict[tuple[str, str | None], _Turn] = {}
_guard = threading.Lock()

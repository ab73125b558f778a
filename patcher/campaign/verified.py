"""A push of commits that GitHub makes once more, so that it signs them.

Each commit is written here first, and proved. GitHub then makes the same one on a branch beside the
review branch (`staging_branch`), and it is compared with ours before the review branch moves there,
by an ordinary push with its lease. So the review branch, and an open pull request from it, never
has anything that was not compared; a run that is killed leaves at most the branch beside, which the
next one removes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import field, replace
from typing import TYPE_CHECKING

from patcher import git
from patcher.campaign import message
from patcher.forges import github
from patcher.forges.server import ForgeError
from patcher.git.commits import made_for, read_commits
from patcher.git.history import History
from patcher.results import Target
from patcher.values import dataclass

if TYPE_CHECKING:
    from patcher.forges.client import Client
    from patcher.forges.homes import Home
    from patcher.forges.review import Project
    from patcher.git.mirrors import Mirrors
    from patcher.git.mirrors.forks import Fork

STAGING = f"{git.REVIEW_BRANCHES}staging/"


def staging_branch(branch: str) -> str:
    """The branch on which GitHub makes the commits of a review branch. No glob for bases matches
    it."""
    return STAGING + branch


def without_forge(repository: git.Repository) -> git.GitError:
    """The error for commits that are to be verified, and would be made here."""
    why = "GitHub makes the commits (--verified-commits) of a branch that is pushed for a review"
    if repository.address is None:
        return git.Misused(f"{why} from a clone URL: name that, and not a path")
    return git.Misused(f"{why}: add --push --review github")


def check(repository: git.Repository, home: Home) -> None:
    """Raise GitError where GitHub cannot make the commits of a repository."""
    if home.forge != "github":
        raise ForgeError(
            f"GitHub alone makes commits (--verified-commits), and {home.server.host} is none: use "
            "--sign for it, in a run of its own"
        )
    if repository.address is None:
        raise without_forge(repository)
    if home.server.token is None:
        raise ForgeError(f"it takes a token: set {home.server.variables}")


@dataclass(frozen=True, slots=True)
class VerifiedPush:
    """The remote of a mirror at GitHub, or a fork of that, where GitHub makes the commits."""

    inner: Mirrors | Fork
    """What has the review branch."""
    beside: Fork
    """The same repository, which is asked each time for what it has."""
    client: Client
    project: Project
    """The repository that has the review branch."""
    turn: Callable[[], AbstractContextManager[None]]
    warn: Callable[[str], None]
    pause: float = 0.0
    made: list[str] = field(default_factory=list)
    """The commits that GitHub made for the branch, whatever is in them."""
    verdicts: dict[str, tuple[bool | None, str]] = field(default_factory=dict)
    """Whether each of them that is the same as ours is verified, and GitHub's word for why."""

    def tip(self, repository: git.Repository, branch: str) -> str | None:
        """As the mirror or the fork has it."""
        return self.inner.tip(repository, branch)

    def history(self, repository: git.Repository, base: git.Base, branch: str, tip: str) -> History:
        """As the mirror or the fork has it."""
        return self.inner.history(repository, base, branch, tip)

    def is_elsewhere(self, repository: git.Repository, commit: str, branch: str) -> bool:
        """As the mirror or the fork has it."""
        return self.inner.is_elsewhere(repository, commit, branch)

    def push(
        self,
        repository: git.Repository,
        branch: str,
        commit: str | None,
        expected: str | None,
        *,
        pause: float = 0.0,
    ) -> str:
        """As `Mirrors.push`. Raises Misused for a commit that GitHub did not make."""
        if commit is not None and commit not in self.verdicts:
            raise without_forge(repository)
        return self.inner.push(repository, branch, commit, expected, pause=pause)

    def make(
        self,
        repository: git.Repository,
        branch: str,
        parent: str,
        ours: str,
        text: str,
        changes: Sequence[git.FileChange],
    ) -> str:
        """Have GitHub make the commit ``ours`` of the mirror; the id of the one that it made, which
        is in the mirror then. Raises GitError, also where that is another one than ours but for
        people and times."""
        staging = staging_branch(branch)
        with self.turn():
            made = github.commit(
                self.client, self.project, staging, parent, message.sections(text), changes
            )
        self.made.append(made)
        self.beside.mirrors.bring_commits(repository, self.beside.address, [made])
        _check_same(repository, branch, parent, ours, made)
        try:
            self.verdicts[made] = github.verification(self.client, self.project, made)
        except ForgeError as error:  # the commit is what was proved, whoever signed it
            self.verdicts[made] = None, str(error)
        return made

    def told(self, target: Target) -> Target:
        """The target with whether all its commits are verified, of which a line says why not."""
        for oid, (verified, why) in self.verdicts.items():
            if not verified:
                known = "" if verified is False else "not known to be "
                line = f"commit {oid[:12]} is {known or 'not '}verified: {why}"
                self.warn(f"{target.repository}: branch {target.branch}: {line}")
                return replace(target, verified=verified).noted(line)
        return replace(target, verified=True)

    def tidy(self, repository: git.Repository, branch: str) -> None:
        """Remove what a run that was killed left beside the review branch. Where that fails, a
        warning says so: nothing is wrong with the review branch itself."""
        try:
            self._tidy(repository, branch)
        except git.GitError as error:
            self.warn(f"branch {staging_branch(branch)} stays: {error}")

    def _tidy(self, repository: git.Repository, branch: str) -> None:
        """Raises GitError, also where what is there is someone else's."""
        staging = staging_branch(branch)
        there = self.beside.tip(repository, staging)
        if there is None:
            return
        if not self._is_left(repository, branch, there):
            raise git.BranchTaken(
                f"branch {staging} is where GitHub makes commits for patcher, and has others: "
                "rename or remove it"
            )
        self.beside.push(repository, staging, None, there, pause=self.pause)

    def _is_left(self, repository: git.Repository, branch: str, tip: str) -> bool:
        """Whether all that is lost with a tip of the branch beside is patcher's own."""
        with git.Objects(repository.common_dir / "objects", hexsize=len(tip)) as objects:
            made = made_for(objects, tip, branch, 1)
        return made is not None or self.is_elsewhere(repository, tip, staging_branch(branch))

    def begin(self, repository: git.Repository, branch: str, parent: str) -> None:
        """Let the branch beside be at the parent of the commit that is to be made."""
        self.made.clear()
        self.verdicts.clear()
        self._tidy(repository, branch)
        self.beside.push(repository, staging_branch(branch), parent, None, pause=self.pause)

    def end(self, repository: git.Repository, branch: str, parent: str) -> None:
        """Remove the branch beside, where it is as this run knows it. Raises GitError."""
        staging = staging_branch(branch)
        tip = self.beside.tip(repository, staging)
        if tip in (parent, *self.made):
            self.beside.push(repository, staging, None, tip, pause=self.pause)
        elif tip is not None:  # an answer was lost, or another run is at work there
            self.warn(f"branch {staging} stays until the next run: it has another commit")


@contextlib.contextmanager
def staged(
    push: VerifiedPush | None, repository: git.Repository, branch: str, parent: str
) -> Iterator[None]:
    """Have the branch beside while commits are made on ``parent`` and pushed. Where it cannot be
    removed, a warning says so: the next run removes it."""
    if push is None:
        yield
        return
    push.begin(repository, branch, parent)
    try:
        yield
    finally:
        try:
            push.end(repository, branch, parent)
        except git.GitError as error:
            staging = staging_branch(branch)
            push.warn(f"branch {staging} stays until the next run: {error}")


def _check_same(repository: git.Repository, branch: str, parent: str, ours: str, made: str) -> None:
    """Raise ForgeError unless a commit has the files, the parent and the message of ours."""
    objects = repository.common_dir / "objects"
    with git.Objects(objects, hexsize=len(ours)) as reader:
        trees = {reader.one(f"{each}^{{tree}}".encode(), 0).oid for each in (ours, made)}
    (commit,) = read_commits(objects, [made])
    why = ""
    if len(trees) != 1:
        why = "other files or modes"
    elif commit.parents != (parent,):
        why = "another parent"
    elif commit.mark(branch) is None:
        why = "another message, or a committer who is not GitHub"
    if why:
        raise ForgeError(
            f"GitHub made commit {made[:12]}, which has {why} than the one that was proved: it is "
            "not pushed; leave out --verified-commits"
        )

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
from patcher.campaign.commits import Commits, staging_branch
from patcher.forges import github
from patcher.forges.server import ForgeError
from patcher.git.commits import read_commits
from patcher.git.history import History
from patcher.results import Target
from patcher.values import dataclass

if TYPE_CHECKING:
    from patcher.campaign.branch import Past, Remote
    from patcher.forges.client import Client
    from patcher.forges.homes import Home
    from patcher.forges.review import Project
    from patcher.git.mirrors import Mirrors
    from patcher.git.mirrors.forks import Fork


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
    base: git.Base
    """What the review goes into."""
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
        try:
            with self.turn():
                made = github.commit(
                    self.client, self.project, staging, parent, message.sections(text), changes
                )
        except ForgeError as error:
            made = self._made_already(repository, branch, parent, ours, text, error)
        self.made.append(made)
        self.beside.mirrors.bring_commits(repository, self.beside.address, [made])
        if why := _difference(repository, branch, parent, ours, text, made):
            raise ForgeError(
                f"GitHub made commit {made[:12]}, which has {why} than the one that was proved: it "
                "is not pushed; leave out --verified-commits"
            )
        try:
            self.verdicts[made] = github.verification(self.client, self.project, made)
        except ForgeError as error:  # the commit is what was proved, whoever signed it
            self.verdicts[made] = None, str(error)
        return made

    def _made_already(
        self,
        repository: git.Repository,
        branch: str,
        parent: str,
        ours: str,
        text: str,
        error: ForgeError,
    ) -> str:
        """The commit that GitHub made though it answered with an error: its answer was lost, or
        another run had the same commit made. Raises the error where the staging branch did not
        move, and RemoteMoved where it has something else."""
        staging = staging_branch(branch)
        there = self.beside.tip(repository, staging)
        if there == parent:
            raise error
        if there is not None and not _difference(repository, branch, parent, ours, text, there):
            return there
        raise git.RemoteMoved(
            f"branch {staging} is elsewhere than where this run left it, another run may be at "
            f"work there: run again ({error})",
            "rejected",
        )

    def told(self, target: Target) -> Target:
        """The target with whether all its commits are verified, of which a line says why not."""
        for kind, words in ((False, "not verified"), (None, "not known to be verified")):
            for oid, (verified, why) in self.verdicts.items():
                if verified is kind:
                    line = f"commit {oid[:12]} is {words}: {why}"
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
        if not is_only_patchers(self.inner, repository, self.base, branch, there):
            raise git.BranchTaken(
                f"branch {staging} is where GitHub makes commits for patcher, and has others: "
                "rename or remove it"
            )
        self._move(repository, staging, None, there)

    def _move(
        self, repository: git.Repository, staging: str, commit: str | None, expected: str | None
    ) -> None:
        """Make the branch beside, or remove it. Raises GitError."""
        try:
            self.beside.push(repository, staging, commit, expected, pause=self.pause)
        except git.RemoteMoved:
            raise
        except git.RemoteError as error:
            if error.cause != "rejected":
                raise
            raise git.RemoteError(
                f"{error} - GitHub makes the commits there: let the token make and remove branches "
                f"{git.STAGING_BRANCHES}**, or leave out --verified-commits",
                "rejected",
            ) from None

    def begin(self, repository: git.Repository, branch: str, parent: str) -> None:
        """Let the branch beside be at the parent of the commit that is to be made. Raises GitError,
        also where pushes go to another repository than that where GitHub makes the commit."""
        from patcher.git.remote import check_pushes

        check_pushes(self.beside.address)
        self.made.clear()
        self.verdicts.clear()
        staging = staging_branch(branch)
        if self.beside.tip(repository, staging) != parent:
            self._tidy(repository, branch)
            self._move(repository, staging, parent, None)

    def end(self, repository: git.Repository, branch: str, parent: str) -> None:
        """Remove the branch beside, where it is as this run left it. Raises GitError."""
        staging = staging_branch(branch)
        tip = self.beside.tip(repository, staging)
        if tip == (self.made[-1] if self.made else parent):
            self._move(repository, staging, None, tip)
        elif tip is not None:  # an answer was lost, or another run is at work there
            self.warn(f"branch {staging} stays until the next run: it has another commit")


def is_only_patchers(
    past: Past, repository: git.Repository, base: git.Base, branch: str, tip: str
) -> bool:
    """Whether all that would be lost with the staging branch of a review branch, which is at
    ``tip``, was made for patcher. Raises GitError."""
    staging = staging_branch(branch)
    history = past.history(repository, base, staging, tip)
    others = [commit.oid for commit in history.own if commit.mark(branch) is None]
    if not others:
        return history.is_whole
    # Commits that patcher made have one parent, so the first of the others has all of them.
    return _is_kept(past, repository, others[0], staging)


def _is_kept(past: Past, repository: git.Repository, commit: str, staging: str) -> bool:
    """Whether another branch than the staging branch has a commit, where that is: what a fork has
    need not be in what it was forked from."""
    from patcher.git.mirrors.forks import Fork

    if isinstance(past, Fork):
        return past.mirrors.is_elsewhere(replace(repository, address=past.address), commit, staging)
    return past.is_elsewhere(repository, commit, staging)


def unstaged(
    remote: Remote, repository: git.Repository, base: git.Base, branch: str, commits: Commits
) -> str:
    """Remove the staging branch that a run that was killed left of a review branch, where all on it
    is patcher's; a note of what became of it, empty where there is none."""
    staging = staging_branch(branch)
    try:
        tip = remote.tip(repository, staging)
        if tip is None:
            return ""
        if not is_only_patchers(remote, repository, base, branch, tip):
            return f"branch {staging} has commits of others, and stays"
        if commits.dry_run:
            return f"branch {staging}, which a run left behind, would be removed"
        remote.push(repository, staging, None, tip, pause=commits.pause)
    except git.GitError as error:
        git.time_left()
        return f"branch {staging} stays: {error}"
    return f"branch {staging}, which a run left behind, is removed"


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


def _difference(
    repository: git.Repository, branch: str, parent: str, ours: str, text: str, made: str
) -> str:
    """What of a commit is not as in ours: its files, its parent or its message; empty where all of
    that is the same."""
    objects = repository.common_dir / "objects"
    with git.Objects(objects, hexsize=len(ours)) as reader:
        trees = {reader.one(f"{each}^{{tree}}".encode(), 0).oid for each in (ours, made)}
    (commit,) = read_commits(objects, [made])
    if len(trees) != 1:
        return "other files or modes"
    if commit.parents != (parent,):
        return "another parent"
    if commit.mark(branch) is None or not message.is_same(commit.message, text):
        return "another message, or a committer who is not GitHub"
    return ""

"""What is done with one repository after another: look, prove, commit, push.

Each step may be repeated: what it did before is found to be there.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from patcher import git, interrupts
from patcher.campaign import bases
from patcher.campaign.alternates import told
from patcher.campaign.caches import opened
from patcher.campaign.changes import without_contents
from patcher.campaign.selection import Selection
from patcher.results import Outcome, Stage, Target
from patcher.sources.found import Found
from patcher.text import printable
from patcher.values import dataclass

if TYPE_CHECKING:
    from patcher.campaign.asking import Asker, Decision
    from patcher.campaign.branch import Remote
    from patcher.campaign.cache import Cache
    from patcher.campaign.clone import PushedClone
    from patcher.campaign.commits import Commits
    from patcher.campaign.review import RepositoryReviews
    from patcher.git.mirrors import Mirrors

Item = Found | git.Failure

_AGAIN = 3
"""How often a branch that someone else moved is read again: two runs that have GitHub make commits
may each meet the other more than once."""

STAYS_LOCAL = (
    "commits for a clone URL stay in the local mirror: add --push to send them, or name a clone on "
    "this machine"
)


class Watch(Protocol):
    """Follows a run; its methods are called from any thread."""

    def warn(self, problem: str) -> None:
        """Something is worth knowing, and no failure of a repository."""
        ...

    def begin(self, found: Found) -> None:
        """Work on it begins."""
        ...

    def done(self, found: Found, targets: Sequence[Target]) -> None:
        """It is done."""
        ...


@dataclass(frozen=True, slots=True)
class Steps:
    """What is done with each repository. It may be sent to another process or machine, which has
    mirrors and a cache of its own."""

    selection: Selection
    commits: Commits | None = None
    """How to commit; None: only look."""
    contents: bool = False
    """Whether targets come with the contents of the files that change."""
    fresh: bool = False
    """Whether everything is read again, whatever earlier runs found."""
    timeout: float | None = None
    """Seconds for one repository."""
    per_host: int = 4
    """Calls to one host at a time, of each process."""
    servers: tuple[str, ...] = ()
    """The servers of forges that repositories of the whole run were found at."""
    asker: Asker | None = field(default=None, compare=False)
    """Asks before anything is written, in the thread that works."""
    declined: frozenset[tuple[str, str | None]] = frozenset()
    """The repositories and bases that a person does not want to be changed."""
    met: set[str] = field(default_factory=set, compare=False)
    """The globs of files that match one, as far as is known in this process."""

    def __call__(
        self, batch: Sequence[Found], watch: Watch | None = None
    ) -> list[tuple[Target, ...]]:
        """For each repository one target for each base. Never raises for what a repository does: a
        failure is a target that says so."""
        git.next_task()
        done = []
        for found, targets in zip(batch, self.each(batch, watch=watch), strict=True):
            done.append(tuple(targets))
            if watch is not None:
                watch.done(found, done[-1])
        return done

    def each(
        self, batch: Sequence[Found], jobs: int | Callable[[], int] = 1, watch: Watch | None = None
    ) -> Iterator[Iterator[Target]]:
        """For each repository its targets, as they are done; ``jobs`` threads may be used for
        one."""
        with git.checked_once():
            yield from self._each(batch, jobs, watch)

    def _each(
        self, batch: Sequence[Found], jobs: int | Callable[[], int], watch: Watch | None
    ) -> Iterator[Iterator[Target]]:
        from patcher.campaign.cache import Cache

        begun = [self._begin(found, watch) for found in batch]
        commits = {base.commit for one in begun for base in one.bases}
        warn = _unheard if watch is None else watch.warn
        cache = Cache() if self.fresh or not commits else opened(self.selection, warn)
        known = cache.commits(commits)
        unknown = [one for one in begun if any(base.commit not in known for base in one.bases)]
        with contextlib.ExitStack() as stack:
            shared = {size: stack.enter_context(objects) for size, objects in _together(unknown)}
            for one in begun:
                if watch is not None and not isinstance(one.found.place, git.Address):
                    watch.begin(one.found)
                yield self._targets(one, cache, known, shared, jobs, warn)

    def _begin(self, found: Found, watch: Watch | None) -> _Begun:
        nothing = Target(place(found), None, None, Outcome.NOTHING_TO_DO, stage=Stage.NOTHING_TO_DO)
        patterns = found.bases or self.selection.bases
        started = git.clock()
        borrowed = git.Alternates()
        try:
            with git.limited(self.timeout):
                if isinstance(found.place, git.Address):
                    if watch is not None:
                        watch.begin(found)
                    chosen: list[bases.Chosen] = []
                    repository = self._mirrored(
                        found,
                        found.place,
                        patterns,
                        lambda mirror: chosen.append(bases.chosen(mirror, patterns)),
                    )
                    found_bases, missing, globs = chosen[-1]
                else:
                    repository = found.place
                    borrowed = git.alternates(repository)
                    found_bases, missing, globs = bases.chosen(repository, patterns)
                nothing = replace(nothing, globs=globs) if globs else nothing
                if missing and not found_bases and repository.address is None:
                    bases.check_born(repository)
        except git.UnbornHead as unborn:
            return _Begun(found, ended=(self._unborn(found, nothing, unborn),))
        except Exception as error:
            with git.limited(self.timeout, git.clock() - started):
                target = told(self._not_begun(found, nothing, error), borrowed)
            return _Begun(found, ended=(target,))
        ended = [
            replace(nothing, outcome=Outcome.FAILED, error=reason, cause=git.NoSuchBase.cause)
            for reason in missing
        ]
        if not found_bases and not missing:
            ended.append(replace(nothing, note=f"no branch matches {' '.join(patterns)}"))
        spent = git.clock() - started
        return _Begun(found, repository, tuple(found_bases), tuple(ended), spent, borrowed, globs)

    def _unborn(self, found: Found, nothing: Target, unborn: git.UnbornHead) -> Target:
        """The target of a repository without a branch: a failure where that is not known."""
        try:
            if isinstance(found.place, git.Address):
                bases.check_shown_empty(found.place, found.server, self.servers)
        except git.RemoteError as hidden:
            return _failed(nothing, hidden)
        return replace(nothing, note=str(unborn))

    def _not_begun(self, found: Found, nothing: Target, error: Exception) -> Target:
        """The target of a repository that cannot be read: an end where it is gone for good."""
        if isinstance(error, git.RemoteError) and error.cause == "not found":
            assert isinstance(found.place, git.Address)
            try:
                reviews = self._reviews(found, _unheard)
                if reviews is not None and (target := reviews.gone(nothing, error)) is not None:
                    return target
            except git.GitError as unknown:
                error = git.GitError(f"{error}; {unknown}")
        return _failed(nothing, error)

    def _reviews(self, found: Found, warn: Callable[[str], None]) -> RepositoryReviews | None:
        """What opens the reviews of a repository; None: nobody wants any."""
        if self.commits is None or self.commits.reviews is None:
            return None
        from patcher.campaign.review import RepositoryReviews

        ours = partial(mirrors, self.per_host)
        return RepositoryReviews(found, self.commits, self.selection, self.servers, warn, ours)

    def _mirrored(
        self,
        found: Found,
        address: git.Address,
        patterns: Sequence[str],
        seen: Callable[[git.Repository], object] | None = None,
    ) -> git.Repository:
        commits = self.commits
        if commits is not None and not (commits.push or commits.dry_run or commits.undo):
            raise git.Misused(STAYS_LOCAL)
        stem = commits.branch if commits and commits.branch else "patcher/"
        return mirrors(self.per_host).update(
            address,
            patterns,
            review=(f"refs/heads/{stem}*", f"refs/heads/{git.STAGING_BRANCHES}{stem}*"),
            family=found.family,
            default=None if found.facts is None else found.facts.default_branch,
            seen=seen,
        )

    def _targets(
        self,
        begun: _Begun,
        cache: Cache,
        known: Mapping[str, bytes],
        shared: Mapping[int, git.Objects],
        jobs: int | Callable[[], int],
        warn: Callable[[str], None],
    ) -> Iterator[Target]:
        spent = begun.spent
        reviews = self._reviews(begun.found, warn) if begun.bases else None
        for base in begun.bases:
            started = git.clock()
            with git.limited(self.timeout, spent), git.in_turns():
                together = shared.get(len(base.commit))
                look = partial(self._look, begun.repository, base, cache, known, together, jobs)
                target = self._target(begun, base, look, reviews)
                target = replace(target, globs=begun.globs) if begun.globs else target
                target = told(target, begun.borrowed)
            spent += git.clock() - started
            yield target if self.contents else without_contents(target)
        yield from begun.ended

    def _answered(self, repository: git.Repository, target: Target) -> Target:
        """The target, which says of the globs of files what is not known yet."""
        globs = [each for each in self.selection.include if each not in self.met]
        globs = [each for each in globs if not each.startswith("!")]
        if not globs or not target.read:
            return target
        from patcher.campaign.included import matched

        found = matched(repository, target, globs)
        self.met.update(glob for glob, matches in found if matches)
        return replace(target, included=found)

    def _look(
        self,
        repository: git.Repository | None,
        base: git.Base,
        cache: Cache,
        known: Mapping[str, bytes],
        shared: git.Objects | None,
        jobs: int | Callable[[], int],
    ) -> Target:
        """What is at ``base``: as it is ``known``, if that is all that is wanted now."""
        assert repository is not None
        contents = self.contents or self.commits is not None
        value = known.get(base.commit)
        target = None if value is None else cache.target(value, repository, base)
        if target is not None and not (
            target.files and (contents or self.selection.proof != "off")
        ):
            return self._answered(repository, self.selection.reported(target))
        from patcher.campaign.look import Looker

        looker = Looker(
            repository, self.selection, jobs=jobs, cache=cache, shared=shared, contents=contents
        )
        return self._answered(repository, looker.look(base))

    def _target(
        self,
        begun: _Begun,
        base: git.Base,
        look: Callable[[], Target],
        reviews: RepositoryReviews | None,
    ) -> Target:
        repository = begun.repository
        assert repository is not None
        target = Target(place(begun.found), base.ref, base.commit, Outcome.SCANNED)
        try:
            git.time_left()
            target = look()
            if self.commits is not None:
                apply = partial(self._applied, begun, base, target, repository)
                if reviews is None:
                    target = apply(self.commits)
                else:
                    alone = len(begun.bases) == 1
                    target = reviews.applied(repository, base, target, alone, apply)
        except Exception as error:
            # One repository that nobody foresaw must not stop the thousand others.
            target = _failed(target, error)
        target = target.noted(base.note or "")
        if repository.address is not None:
            target = replace(target, base=_at_remote(base.ref))
        return target

    def _applied(
        self,
        begun: _Begun,
        base: git.Base,
        target: Target,
        repository: git.Repository,
        commits: Commits,
        fork: Remote | None = None,
    ) -> Target:
        from patcher.campaign.apply import apply

        address = repository.address
        ours = partial(
            apply,
            repository,
            base,
            target,
            self.selection,
            commits,
            alone=len(begun.bases) == 1,
            bases=begun.bases,
            remote=None if address is None else fork or mirrors(self.per_host),
            clone=self._clone(repository, base, commits),
            ask=None if self.asker is None and not self.declined else self._ask,
        )
        for _ in range(_AGAIN):
            try:
                return ours()
            except git.RemoteMoved:
                # Perhaps by another patcher, or by the git of one that was killed: then it is done.
                if address is not None:
                    self._mirrored(begun.found, address, begun.found.bases or self.selection.bases)
        return ours()

    def _ask(self, target: Target, message: str | None) -> Decision:
        from patcher.campaign.asking import Decision

        if target.base is not None and not target.repository.startswith("/"):
            target = replace(target, base=_at_remote(target.base))
        if (target.repository, target.base) in self.declined:
            return Decision(False)
        return Decision(True) if self.asker is None else self.asker(target, message)

    def _clone(
        self, repository: git.Repository, base: git.Base, commits: Commits
    ) -> Callable[[str], PushedClone] | None:
        """What asks the remote of a clone that was named by a path; None where nothing is pushed
        there."""
        if repository.address is not None or not commits.push or commits.undo:
            return None
        from patcher.campaign.clone import asked

        return lambda branch: asked(
            repository,
            base,
            branch,
            remote=commits.remote,
            mirrors=mirrors(self.per_host),
            pause=commits.pause,
        )


def _at_remote(ref: str) -> str:
    """What a ref of a mirror is called at its remote."""
    name = ref.removeprefix("refs/remotes/origin/")
    return ref if name == ref else f"refs/heads/{name}"


def place(found: Found) -> str:
    """What a person calls a repository: its path or clone URL."""
    where = found.place
    return where.url if isinstance(where, git.Address) else where.place


_mirrors: dict[tuple[int, str, int], Mirrors] = {}
_making_mirrors = threading.Lock()


def mirrors(per_host: int) -> Mirrors:
    """The mirrors of this machine's user; one for all threads of a process. Raises GitError."""
    key = os.getpid(), os.environ.get("PATCHER_CACHE_DIR", ""), per_host
    with _making_mirrors:
        if key not in _mirrors:
            from patcher.git.mirrors import Mirrors

            _mirrors[key] = Mirrors(per_host=per_host)
        return _mirrors[key]


@dataclass(frozen=True, slots=True)
class _Begun:
    """A repository of which it is known where to look."""

    found: Found
    repository: git.Repository | None = None
    bases: tuple[git.Base, ...] = ()
    ended: tuple[Target, ...] = ()
    """What there is to say beside what is found at the bases."""
    spent: float = 0
    """Seconds."""
    borrowed: git.Alternates = field(default_factory=git.Alternates)
    globs: tuple[tuple[str, bool], ...] = ()


def _together(begun: Sequence[_Begun]) -> Iterator[tuple[int, git.Objects]]:
    """What reads several repositories at once, by the length of their object ids: to start a git
    for each takes longer than to read a small one."""
    folders: dict[int, dict[Path, None]] = {}
    for one in begun:
        if one.repository is not None and one.bases:
            of_size = folders.setdefault(len(one.bases[0].commit), {})
            of_size[one.repository.common_dir / "objects"] = None
    for size, places in folders.items():
        if len(places) > 1:
            yield size, git.Objects(*places, hexsize=size)


def _failed(target: Target, error: Exception) -> Target:
    interrupts.check(error)
    if isinstance(error, git.GitError):
        return replace(target, outcome=Outcome.FAILED, error=str(error), cause=error.cause)
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if isinstance(error.filename, str) else ""
        reason = printable(f"{error.strerror}{where}")
        return replace(target, outcome=Outcome.FAILED, error=reason, cause="system")
    import traceback

    trace = "".join(traceback.format_exception(error)).splitlines()
    reason = printable(f"unexpected {type(error).__name__}: {error}")
    target = replace(target, outcome=Outcome.FAILED, error=reason, cause="unexpected")
    return replace(target, trace=tuple(map(printable, trace)))


def _unheard(problem: str) -> None:
    """Drop the warning of a run that nothing follows."""


def unusable(failure: git.Failure) -> Target:
    """The target of what is no repository."""
    return Target(
        failure.place, None, None, Outcome.FAILED, error=failure.error, cause="no repository"
    )

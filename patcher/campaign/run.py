"""Run over many repositories: targets in the order of the repositories, as they are done."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from patcher import git, interrupts
from patcher.campaign.alternates import told
from patcher.campaign.cache import Cache, opened
from patcher.campaign.changes import without_contents
from patcher.campaign.look import Looker
from patcher.campaign.selection import Selection
from patcher.results import Outcome, Target
from patcher.sources.found import Found
from patcher.text import printable

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from patcher.campaign.apply import Commits
    from patcher.git.mirrors import Mirrors

Item = Found | git.Failure

_GLOB = frozenset("*?[")

_AHEAD = 8
"""Batches handed to the executor before the first of them is waited for, for each job."""

_BATCH = 24
"""Repositories that one job takes at once."""

_MOST_AHEAD = 1024
"""Batches that may be done, or under way, behind one that takes long."""

_SHARES = 4
"""Batches that there should be for each job, so that all end at about the same time."""

_GRACE = 0.3
"""Seconds that what is under way gets to end by itself when the user breaks off."""


class Watch(Protocol):
    """Is told of each repository; from any thread."""

    def begin(self, found: Found) -> None:
        """Work on it begins."""
        ...

    def done(self, found: Found, targets: Sequence[Target]) -> None:
        """It is done."""
        ...


@dataclass(frozen=True, slots=True)
class Campaign:
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

    def __call__(
        self, batch: Sequence[Found], watch: Watch | None = None
    ) -> list[tuple[Target, ...]]:
        """For each repository one target for each base. Never raises for what a repository does: a
        failure is a target that says so."""
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
        begun = [self._begin(found, watch) for found in batch]
        commits = {base.commit for one in begun for base in one.bases}
        cache = Cache() if self.fresh or not commits else opened(self.selection, tell)
        known = cache.commits(commits)
        unknown = [one for one in begun if any(base.commit not in known for base in one.bases)]
        with contextlib.ExitStack() as stack:
            shared = {size: stack.enter_context(objects) for size, objects in _together(unknown)}
            for one in begun:
                if watch is not None and not isinstance(one.found.place, git.Address):
                    watch.begin(one.found)
                yield self._targets(one, cache, known, shared, jobs)

    def _begin(self, found: Found, watch: Watch | None) -> _Begun:
        nothing = Target(place(found), None, None, Outcome.NOTHING_TO_DO)
        patterns = found.bases or self.selection.bases
        started = time.monotonic()
        borrowed = git.Alternates()
        try:
            with git.limited(self.timeout):
                if isinstance(found.place, git.Address):
                    if watch is not None:
                        watch.begin(found)
                    repository = self._mirrored(found, found.place, patterns)
                else:
                    repository = self._local(found.place)
                    borrowed = git.alternates(repository)
                bases, missing, globs = chosen_bases(repository, patterns)
                nothing = replace(nothing, globs=globs)
                if missing and not bases and repository.address is None:
                    _check_born(repository)
        except git.UnbornHead as unborn:
            return _Begun(found, ended=(replace(nothing, note=str(unborn)),))
        except Exception as error:
            return _Begun(found, ended=(told(_failed(nothing, error), borrowed),))
        ended = [
            replace(nothing, outcome=Outcome.FAILED, error=reason, cause=git.NoSuchBase.cause)
            for reason in missing
        ]
        if not bases and not missing:
            ended.append(replace(nothing, note=f"no branch matches {' '.join(patterns)}"))
        spent = time.monotonic() - started
        return _Begun(found, repository, tuple(bases), tuple(ended), spent, borrowed, globs)

    def _local(self, repository: git.Repository) -> git.Repository:
        if self.commits is not None and self.commits.push:
            raise git.Misused(
                "--push is for repositories that are named by a clone URL: name that, or leave out "
                "--push"
            )
        return repository

    def _mirrored(
        self, found: Found, address: git.Address, patterns: Sequence[str]
    ) -> git.Repository:
        commits = self.commits
        if commits is not None and not (commits.push or commits.dry_run):
            raise git.Misused(
                "what is committed in a mirror goes no further: use --push, or name a clone"
            )
        stem = commits.branch if commits and commits.branch else "patcher/"
        return mirrors(self.per_host).update(
            address, patterns, review=(f"refs/heads/{stem}*",), family=found.family
        )

    def _targets(
        self,
        begun: _Begun,
        cache: Cache,
        known: Mapping[str, bytes],
        shared: Mapping[int, git.Objects],
        jobs: int | Callable[[], int],
    ) -> Iterator[Target]:
        spent = begun.spent
        for base in begun.bases:
            started = time.monotonic()
            with git.limited(self.timeout, spent):
                looker = self._looker(begun.repository, cache, jobs)
                looker.shared = shared.get(len(base.commit))
                target = self._target(begun, base, looker, known.get(base.commit))
                target = told(replace(target, globs=begun.globs), begun.borrowed)
            spent += time.monotonic() - started
            yield target if self.contents else without_contents(target)
        yield from begun.ended

    def _looker(
        self, repository: git.Repository | None, cache: Cache, jobs: int | Callable[[], int]
    ) -> Looker:
        assert repository is not None
        complete = None
        if repository.address is not None:
            complete = partial(mirrors(self.per_host).complete, repository)
        return Looker(
            repository,
            self.selection,
            jobs=jobs,
            cache=cache,
            contents=self.contents or self.commits is not None,
            complete=complete,
        )

    def _target(self, begun: _Begun, base: git.Base, looker: Looker, known: bytes | None) -> Target:
        target = Target(place(begun.found), base.ref, base.commit, Outcome.SCANNED)
        try:
            git.time_left()
            recalled = None if known is None else looker.recall(base, known)
            target = recalled or looker.look(base)
            if self.commits is not None:
                target = self._applied(begun, base, target, looker, self.commits)
        except Exception as error:
            # One repository that nobody foresaw must not stop the thousand others.
            target = _failed(target, error)
        if looker.repository.address is not None:
            target = replace(target, base=_at_remote(base.ref))
        return target

    def _applied(
        self, begun: _Begun, base: git.Base, target: Target, looker: Looker, commits: Commits
    ) -> Target:
        from patcher.campaign.apply import apply

        address = looker.repository.address
        ours = partial(
            apply,
            looker.repository,
            base,
            target,
            self.selection,
            commits,
            alone=len(begun.bases) == 1,
            push=None if address is None else mirrors(self.per_host).push,
        )
        try:
            return ours()
        except git.RemoteMoved:
            # Perhaps by another patcher, or by the git of one that was killed: then it is done.
            assert address is not None
            self._mirrored(begun.found, address, begun.found.bases or self.selection.bases)
            return ours()


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
    if os.environ.get("PATCHER_DEBUG"):
        import traceback

        for line in "".join(traceback.format_exception(error)).splitlines():
            print(printable(line), file=sys.stderr)
    reason = printable(f"unexpected {type(error).__name__}: {error}")
    return replace(target, outcome=Outcome.FAILED, error=reason, cause="unexpected")


def tell(problem: str) -> None:
    """Say on standard error what is no failure."""
    print(f"patcher: {printable(problem)}", file=sys.stderr)


def chosen_bases(
    repository: git.Repository, patterns: Sequence[str]
) -> tuple[list[git.Base], list[str], tuple[tuple[str, bool], ...]]:
    """The bases, what is wrong with those that are named and not there, and of each glob whether
    it matches. Raises GitError.

    That a glob matches nothing is no error: not every repository has release branches.
    """
    if not patterns:
        return git.bases(repository), [], ()
    found: dict[str, git.Base] = {}
    missing, globs = [], []
    for pattern in patterns:
        is_glob = bool(_GLOB.intersection(pattern))
        try:
            matching = git.bases(repository, (pattern,))
        except git.NoSuchBase as error:
            matching = []
            missing += [] if is_glob else [str(error)]
        found |= {base.ref: base for base in matching}
        globs += [(pattern, bool(matching))] if is_glob else []
    return list(found.values()), missing, tuple(globs)


def _check_born(repository: git.Repository) -> None:
    """Raise UnbornHead for a repository without any branch."""
    try:
        git.bases(repository, ("**",))
    except git.NoSuchBase:
        raise git.UnbornHead("it has no branch yet: nothing to do") from None


def run(
    campaign: Campaign,
    items: Iterable[Item],
    *,
    jobs: int = 1,
    executor: Executor | None = None,
    watch: Watch | None = None,
    ahead: int | None = None,
) -> Iterator[Target]:
    """Targets in the order of ``items``, each as soon as it and those before it are done.

    ``executor`` runs the work, several repositories at a time (any with the interface of
    ``concurrent.futures``; what it runs may be in another process); None: ``jobs`` threads, which
    also share the search of the first. ``watch`` is told what is going on. ``ahead`` is how many
    batches for each job are taken before the first of them is done. When the user breaks off
    (KeyboardInterrupt), what is not begun is dropped, what is done still comes, and then the
    interrupt is raised.
    """
    rest = iter(items)
    if executor is not None:
        yield from _Ordered(campaign, executor, jobs, watch, ahead, elsewhere=True).targets(rest)
        return
    # The first one has all threads for its search, for often it is the only one; meanwhile a thread
    # looks for the next. Where there is one, the first is read in the way that makes the most of it
    # known for those that follow.
    first = next(rest, None)
    if first is None:
        return
    following = _Following(rest)
    yield from _done(campaign, first, lambda: 1 if following.is_known() else jobs, watch)
    second = following.item()
    if second is None:
        return
    from patcher.campaign.threads import DaemonThreads

    own = DaemonThreads(jobs)
    try:
        ordered = _Ordered(campaign, own, jobs, watch, ahead, elsewhere=False)
        yield from ordered.targets(chain([second], rest))
    finally:
        own.shutdown(wait=False, cancel_futures=True)


class _Following:
    """Takes the next item in a thread of its own."""

    def __init__(self, items: Iterator[Item]) -> None:
        self._items = items
        self._found: Item | BaseException | None = None
        self._thread = threading.Thread(target=self._take, name="patcher walk", daemon=True)
        self._thread.start()

    def _take(self) -> None:
        try:
            self._found = next(self._items, None)
        except BaseException as error:
            self._found = error

    def is_known(self) -> bool:
        """Whether there is one, as far as is known by now."""
        return self._found is not None

    def item(self) -> Item | None:
        """The item, or None when there is no more; raises what the iterator raised."""
        self._thread.join()
        if isinstance(self._found, BaseException):
            raise self._found
        return self._found


def _done(
    campaign: Campaign, item: Item, jobs: Callable[[], int], watch: Watch | None
) -> Iterator[Target]:
    if isinstance(item, git.Failure):
        yield _unusable(item)
        return
    done = []
    for targets in campaign.each([item], jobs, watch):
        for target in targets:
            done.append(target)
            yield target
    if watch is not None:
        watch.done(item, done)


def _unusable(failure: git.Failure) -> Target:
    return Target(
        failure.place, None, None, Outcome.FAILED, error=failure.error, cause="no repository"
    )


_Pending = tuple[list[Item], "Future[list[tuple[Target, ...]]]"]


def do(campaign: Campaign, batch: Sequence[Found]) -> list[tuple[Target, ...]]:
    """What another process runs; by its name, which is what schedulers and their logs tell."""
    return campaign(batch)


class _Ordered:
    """Runs batches of repositories on an executor, and gives the targets in order."""

    def __init__(
        self,
        campaign: Campaign,
        executor: Executor,
        jobs: int,
        watch: Watch | None,
        ahead: int | None,
        *,
        elsewhere: bool,
    ) -> None:
        self._campaign, self._executor, self._jobs = campaign, executor, jobs
        self._watch, self._elsewhere = watch, elsewhere
        self._most = jobs * (ahead or _AHEAD)
        self._pending: deque[_Pending] = deque()

    def targets(self, items: Iterator[Item]) -> Iterator[Target]:
        """All of them."""
        from concurrent.futures import CancelledError

        batches = _batches(items, self._jobs, together=self._elsewhere)
        interrupted = False
        try:
            self._submit(batches)
            while self._pending:
                batch, future = self._pending[0]
                self._wait(future, batches)
                try:
                    done = future.result()
                except CancelledError:  # by whoever runs it, who is no more
                    yield from self._ended(self._pending)
                    raise
                except Exception as error:
                    if not self._elsewhere:
                        raise
                    done = _lost(batch, error)
                self._pending.popleft()
                self._submit(batches)
                yield from self._told(batch, done)
        except KeyboardInterrupt:
            interrupted = True
        if interrupted:
            yield from self._finished()
            raise KeyboardInterrupt

    def _wait(self, first: Future[list[tuple[Target, ...]]], batches: Iterator[list[Item]]) -> None:
        """Wait for the first one; those behind it do not: a remote may hang for minutes."""
        from concurrent.futures import FIRST_COMPLETED, wait

        while not first.done():
            under_way = [future for _, future in self._pending if not future.done()]
            before = len(self._pending)
            if before < max(self._most, _MOST_AHEAD):
                self._submit(batches)
            else:
                under_way = [first]
            if len(self._pending) == before:
                wait(under_way, return_when=FIRST_COMPLETED)

    def _submit(self, batches: Iterator[list[Item]]) -> None:
        """Hand over as many as keep the executor busy. Where whoever takes the targets is slower,
        no more than that lie ready."""
        ready = bool(self._pending) and self._pending[0][1].done()
        behind = sum(ready or not future.done() for _, future in self._pending)
        for batch in islice(batches, max(0, self._most - behind)):
            found = [item for item in batch if not isinstance(item, git.Failure)]
            if self._elsewhere:
                future = self._executor.submit(do, self._campaign, found)
            else:
                future = self._executor.submit(self._campaign, found, self._watch)
            self._pending.append((batch, future))

    def _told(self, batch: Iterable[Item], done: Iterable[tuple[Target, ...]]) -> Iterator[Target]:
        rest = iter(done)
        for item in batch:
            if isinstance(item, git.Failure):
                yield _unusable(item)
                continue
            targets = next(rest)
            if self._elsewhere and self._watch is not None:
                self._watch.begin(item)
                self._watch.done(item, targets)
            yield from targets

    def _finished(self) -> Iterator[Target]:
        """What is done, and what ends within the grace period."""
        from concurrent.futures import wait

        running = [(batch, future) for batch, future in self._pending if not future.cancel()]
        wait([future for _, future in running], timeout=_GRACE)
        yield from self._ended(running)

    def _ended(self, pending: Iterable[_Pending]) -> Iterator[Target]:
        """What has ended well."""
        for batch, future in pending:
            if future.done() and not future.cancelled() and future.exception() is None:
                yield from self._told(batch, future.result())


def _lost(batch: Iterable[Item], error: Exception) -> list[tuple[Target, ...]]:
    """For each repository of a batch that no worker brought to its end: why."""
    why = printable(f"its worker was lost ({type(error).__name__}: {error})"[:300])
    return [
        (Target(place(item), None, None, Outcome.FAILED, error=why, cause="worker lost"),)
        for item in batch
        if not isinstance(item, git.Failure)
    ]


def _batches(items: Iterator[Item], jobs: int, *, together: bool) -> Iterator[list[Item]]:
    """A few repositories at a time: as many as make a shared git worth while, but where there are
    few, so few that there is work for all. Remote ones, for which the network is what takes the
    time, go one by one, but ``together`` where each trip to a worker costs."""
    ahead = list(islice(items, jobs * _SHARES * _BATCH))
    size = max(1, min(_BATCH, len(ahead) // (jobs * _SHARES)))
    batch: list[Item] = []
    for item in chain(ahead, items):
        alone = not together and isinstance(item, Found) and isinstance(item.place, git.Address)
        if batch and (alone or len(batch) >= size):
            yield batch
            batch = []
        batch.append(item)
        if alone:
            yield batch
            batch = []
    if batch:
        yield batch

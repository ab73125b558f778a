"""Run over many repositories: targets in the order of the repositories, as they are done."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from patcher import git
from patcher.campaign.look import Looker, Selection, without_contents
from patcher.campaign.memory import Memory, opened
from patcher.campaign.target import Outcome, Target

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from patcher.campaign.apply import Commits

_GLOB = frozenset("*?[")

_AHEAD = 8
"""Batches handed to the executor before the first of them is waited for, for each job."""

_BATCH = 32
"""Repositories that one job takes at once."""

_SHARES = 4
"""Batches that there should be for each job, so that all end at about the same time."""

_GRACE = 0.3
"""Seconds that what is under way gets to end by itself when the user breaks off."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """What is done with each repository. It may be sent to another process or machine, which has
    a memory of its own."""

    selection: Selection
    commits: Commits | None = None
    """How to commit; None: only look."""
    contents: bool = False
    """Whether targets come with the contents of the files that change."""
    fresh: bool = False
    """Whether everything is read again, whatever earlier runs found."""
    timeout: float | None = None
    """Seconds for one repository."""

    def __call__(self, batch: Sequence[git.Repository]) -> list[tuple[Target, ...]]:
        """For each repository one target for each base. Never raises: a failure is a target that
        says so."""
        return [tuple(targets) for targets in self.each(batch)]

    def each(self, batch: Sequence[git.Repository], jobs: int = 1) -> Iterator[Iterator[Target]]:
        """For each repository its targets, as they are done; ``jobs`` threads may be used for
        one."""
        begun = [self._begin(repository) for repository in batch]
        commits = {base.commit for one in begun for base in one.bases}
        memory = Memory() if self.fresh or not commits else opened(self.selection, tell)
        known = memory.commits(commits)
        unknown = [one for one in begun if any(base.commit not in known for base in one.bases)]
        with contextlib.ExitStack() as stack:
            shared = {size: stack.enter_context(objects) for size, objects in _together(unknown)}
            for one in begun:
                yield self._targets(one, memory, known, shared, jobs)

    def _begin(self, repository: git.Repository) -> _Begun:
        nothing = Target(str(repository.path), None, None, Outcome.NOTHING_TO_DO)
        started = time.monotonic()
        try:
            with git.limited(self.timeout):
                bases, missing = chosen_bases(repository, self.selection.bases)
        except git.UnbornHead as unborn:
            return _Begun(repository, ended=(replace(nothing, note=str(unborn)),))
        except Exception as error:
            return _Begun(repository, ended=(_failed(nothing, error),))
        ended = [replace(nothing, outcome=Outcome.FAILED, error=reason) for reason in missing]
        if not bases and not missing:
            note = f"no branch matches {' '.join(self.selection.bases)}"
            ended.append(replace(nothing, note=note))
        return _Begun(repository, tuple(bases), tuple(ended), time.monotonic() - started)

    def _targets(
        self,
        begun: _Begun,
        memory: Memory,
        known: Mapping[str, bytes],
        shared: Mapping[int, git.Objects],
        jobs: int,
    ) -> Iterator[Target]:
        looker = Looker(
            begun.repository,
            self.selection,
            jobs=jobs,
            memory=memory,
            contents=self.contents or self.commits is not None,
        )
        left = None if self.timeout is None else self.timeout - begun.spent
        for base in begun.bases:
            started = time.monotonic()
            with git.limited(left):
                looker.shared = shared.get(len(base.commit))
                target = self._target(begun, base, looker, known.get(base.commit))
            if left is not None:
                left -= time.monotonic() - started
            yield target if self.contents else without_contents(target)
        yield from begun.ended

    def _target(self, begun: _Begun, base: git.Base, looker: Looker, known: bytes | None) -> Target:
        repository = begun.repository
        target = Target(str(repository.path), base.ref, base.commit, Outcome.SCANNED)
        try:
            git.time_left()
            recalled = None if known is None else looker.recall(base, known)
            target = recalled or looker.look(base)
            if self.commits is not None:
                from patcher.campaign.apply import apply

                alone = len(begun.bases) == 1
                target = apply(repository, base, target, self.selection, self.commits, alone=alone)
        except Exception as error:
            # One repository that nobody foresaw must not stop the thousand others.
            return _failed(target, error)
        return target


@dataclass(frozen=True, slots=True)
class _Begun:
    """A repository of which it is known where to look."""

    repository: git.Repository
    bases: tuple[git.Base, ...] = ()
    ended: tuple[Target, ...] = ()
    """What there is to say beside what is found at the bases."""
    spent: float = 0
    """Seconds."""


def _together(begun: Sequence[_Begun]) -> Iterator[tuple[int, git.Objects]]:
    """What reads several repositories at once, by the length of their object ids: to start a git
    for each takes longer than to read a small one."""
    folders: dict[int, dict[Path, None]] = {}
    for one in begun:
        if one.bases:
            of_size = folders.setdefault(len(one.bases[0].commit), {})
            of_size[one.repository.common_dir / "objects"] = None
    for size, places in folders.items():
        if len(places) > 1:
            yield size, git.Objects(*places, hexsize=size)


def _failed(target: Target, error: Exception) -> Target:
    if isinstance(error, git.GitError):
        return replace(target, outcome=Outcome.FAILED, error=str(error))
    if os.environ.get("PATCHER_DEBUG"):
        import traceback

        traceback.print_exception(error)
    reason = git.printable(f"unexpected {type(error).__name__}: {error}")
    return replace(target, outcome=Outcome.FAILED, error=reason)


def tell(problem: str) -> None:
    """Say on standard error what is no failure."""
    print(f"patcher: {problem}", file=sys.stderr)


def chosen_bases(
    repository: git.Repository, patterns: Sequence[str]
) -> tuple[list[git.Base], list[str]]:
    """The bases, and what is wrong with those that are named and not there. Raises GitError.

    That a glob matches nothing is no error: not every repository has release branches.
    """
    if not patterns:
        return git.bases(repository), []
    found: dict[str, git.Base] = {}
    missing = []
    for pattern in patterns:
        try:
            found |= {base.ref: base for base in git.bases(repository, (pattern,))}
        except git.NoSuchBase as error:
            if not _GLOB.intersection(pattern):
                missing.append(str(error))
    return list(found.values()), missing


def run(
    campaign: Campaign,
    found: Iterable[git.Repository | git.Failure],
    *,
    jobs: int = 1,
    executor: Executor | None = None,
) -> Iterator[Target]:
    """Targets in the order of ``found``, each as soon as it and those before it are done.

    ``executor`` runs the work, several repositories at a time (any with the interface of
    ``concurrent.futures``); None: ``jobs`` threads, which also share the search of the first. When
    the user breaks off (KeyboardInterrupt), what is not begun is dropped, what is done still comes,
    and then the interrupt is raised.
    """
    items = iter(found)
    if executor is not None:
        yield from _ordered(campaign, items, executor, jobs)
        return
    # The first one has all threads for its search, for often it is the only one; meanwhile a thread
    # looks for the next.
    first = next(items, None)
    if first is None:
        return
    following = _Following(items)
    yield from _done(campaign, first, jobs)
    second = following.item()
    if second is None:
        return
    from patcher.campaign.threads import DaemonThreads

    own = DaemonThreads(jobs)
    try:
        yield from _ordered(campaign, chain([second], items), own, jobs)
    finally:
        own.shutdown(wait=False, cancel_futures=True)


class _Following:
    """Takes the next item in a thread of its own."""

    def __init__(self, items: Iterator[git.Repository | git.Failure]) -> None:
        self._items = items
        self._found: git.Repository | git.Failure | BaseException | None = None
        self._thread = threading.Thread(target=self._take, name="patcher walk", daemon=True)
        self._thread.start()

    def _take(self) -> None:
        try:
            self._found = next(self._items, None)
        except BaseException as error:
            self._found = error

    def item(self) -> git.Repository | git.Failure | None:
        """The item, or None when there is no more; raises what the iterator raised."""
        self._thread.join()
        if isinstance(self._found, BaseException):
            raise self._found
        return self._found


def _done(campaign: Campaign, item: git.Repository | git.Failure, jobs: int) -> Iterator[Target]:
    if isinstance(item, git.Failure):
        yield _unusable(item)
    else:
        for targets in campaign.each([item], jobs):
            yield from targets


def _unusable(failure: git.Failure) -> Target:
    return Target(failure.place, None, None, Outcome.FAILED, error=failure.error)


_Pending = tuple[list[git.Repository | git.Failure], "Future[list[tuple[Target, ...]]]"]


def _ordered(
    campaign: Campaign,
    items: Iterator[git.Repository | git.Failure],
    executor: Executor,
    jobs: int,
) -> Iterator[Target]:
    pending: deque[_Pending] = deque()
    batches = _batches(items, jobs)

    def more() -> None:
        for batch in islice(batches, jobs * _AHEAD - len(pending)):
            repositories = [item for item in batch if isinstance(item, git.Repository)]
            pending.append((batch, executor.submit(campaign, repositories)))

    interrupted = False
    try:
        more()
        while pending:
            batch, future = pending[0]
            done = iter(future.result())
            pending.popleft()
            more()
            yield from _in_order(batch, done)
    except KeyboardInterrupt:
        interrupted = True
    if interrupted:
        yield from _finished(pending)
        raise KeyboardInterrupt


def _batches(
    items: Iterator[git.Repository | git.Failure], jobs: int
) -> Iterator[list[git.Repository | git.Failure]]:
    """A few repositories at a time: as many as make a shared git worth while, but where there are
    few, so few that there is work for all."""
    ahead = list(islice(items, jobs * _SHARES * _BATCH))
    size = max(1, min(_BATCH, len(ahead) // (jobs * _SHARES)))
    whole = chain(ahead, items)
    while batch := list(islice(whole, size)):
        yield batch


def _in_order(
    batch: Iterable[git.Repository | git.Failure], done: Iterator[tuple[Target, ...]]
) -> Iterator[Target]:
    for item in batch:
        if isinstance(item, git.Failure):
            yield _unusable(item)
        else:
            yield from next(done)


def _finished(pending: Iterable[_Pending]) -> Iterator[Target]:
    """What is done, and what ends within the grace period."""
    from concurrent.futures import wait

    running = [(batch, future) for batch, future in pending if not future.cancel()]
    done = wait([future for _, future in running], timeout=_GRACE).done
    for batch, future in running:
        if future in done and future.exception() is None:
            yield from _in_order(batch, iter(future.result()))

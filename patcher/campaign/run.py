"""Run over many repositories: targets in the order of the repositories, as they are done."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING

from patcher import git
from patcher.campaign.look import Looker, Selection
from patcher.campaign.target import Outcome, Target

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from patcher.campaign.apply import Commits

_GLOB = frozenset("*?[")

_AHEAD = 32
"""Repositories handed to the executor before the first of them is waited for, for each job."""

_GRACE = 0.3
"""Seconds that what is under way gets to end by itself when the user breaks off."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """What is done with each repository. It may be sent to another process or machine."""

    selection: Selection
    commits: Commits | None = None
    """How to commit; None: only look."""

    def __call__(self, repository: git.Repository, jobs: int = 1) -> tuple[Target, ...]:
        """One target for each base. Never raises: a failure is a target that says so."""
        return tuple(self.targets(repository, jobs))

    def targets(self, repository: git.Repository, jobs: int = 1) -> Iterator[Target]:
        """One target for each base, as they are done; ``jobs`` threads may be used for one."""
        nothing = Target(str(repository.path), None, None, Outcome.NOTHING_TO_DO)
        try:
            bases, missing = chosen_bases(repository, self.selection.bases)
            looker = Looker(repository, self.selection, jobs=jobs)
        except git.UnbornHead as unborn:
            yield replace(nothing, note=str(unborn))
            return
        except git.GitError as error:
            yield replace(nothing, outcome=Outcome.FAILED, error=str(error))
            return
        for base in bases:
            yield self._target(repository, base, looker, alone=len(bases) == 1)
        for reason in missing:
            yield replace(nothing, outcome=Outcome.FAILED, error=reason)
        if not bases and not missing:
            yield replace(nothing, note=f"no branch matches {' '.join(self.selection.bases)}")

    def _target(
        self, repository: git.Repository, base: git.Base, looker: Looker, *, alone: bool
    ) -> Target:
        target = Target(str(repository.path), base.ref, base.commit, Outcome.SCANNED)
        try:
            target = looker.look(base)
            if self.commits is not None:
                from patcher.campaign.apply import apply

                target = apply(repository, base, target, self.selection, self.commits, alone=alone)
        except git.GitError as error:
            return replace(target, outcome=Outcome.FAILED, error=str(error))
        except Exception as error:
            # One repository that nobody foresaw must not stop the thousand others.
            if os.environ.get("PATCHER_DEBUG"):
                import traceback

                traceback.print_exc()
            return replace(
                target,
                outcome=Outcome.FAILED,
                error=git.printable(f"unexpected {type(error).__name__}: {error}"),
            )
        return target


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

    ``executor`` runs the work of each repository (any with the interface of
    ``concurrent.futures``); None: ``jobs`` threads, which also share the search of the first. When
    the user breaks off (KeyboardInterrupt), what is not begun is dropped, what is done still comes,
    and then the interrupt is raised.
    """
    items = iter(found)
    if executor is not None:
        yield from _ordered(campaign, items, executor, jobs * _AHEAD)
        return
    if jobs == 1:
        for item in items:
            yield from _done(campaign, item, 1)
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
        yield from _ordered(campaign, chain([second], items), own, jobs * _AHEAD)
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
        yield _failed(item)
    else:
        yield from campaign.targets(item, jobs)


def _failed(failure: git.Failure) -> Target:
    return Target(str(failure.path), None, None, Outcome.FAILED, error=failure.error)


def _ordered(
    campaign: Campaign,
    items: Iterator[git.Repository | git.Failure],
    executor: Executor,
    ahead: int,
) -> Iterator[Target]:
    pending: deque[git.Failure | Future[tuple[Target, ...]]] = deque()

    def more() -> None:
        for item in islice(items, ahead - len(pending)):
            if isinstance(item, git.Failure):
                pending.append(item)
            else:
                pending.append(executor.submit(campaign, item))

    interrupted = False
    try:
        more()
        while pending:
            done = pending[0]
            targets = (_failed(done),) if isinstance(done, git.Failure) else done.result()
            pending.popleft()
            more()
            yield from targets
    except KeyboardInterrupt:
        interrupted = True
    if interrupted:
        yield from _finished(pending)
        raise KeyboardInterrupt


def _finished(pending: Iterable[git.Failure | Future[tuple[Target, ...]]]) -> Iterator[Target]:
    """What is done, and what ends within the grace period."""
    from concurrent.futures import wait

    futures = [item for item in pending if not isinstance(item, git.Failure)]
    running = [future for future in futures if not future.cancel()]
    done = wait(running, timeout=_GRACE).done
    for future in running:
        if future in done and future.exception() is None:
            yield from future.result()

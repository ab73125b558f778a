"""Run over many repositories: targets in the order of the repositories, as they are done."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from patcher import git
from patcher.campaign.steps import Item, Steps, Watch, place, unusable
from patcher.results import Outcome, Target
from patcher.sources.found import Found
from patcher.text import printable

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

_AHEAD = 8
"""Batches handed to the executor before the first of them is waited for, for each job."""

_BATCH = 24
"""Repositories that one job takes at once."""

_MOST_AHEAD = 1024
"""Batches that may be done, or under way, behind one that takes long."""

_MOST_HELD = 32 << 20
"""Bytes of what is done and waits for those before it, about; above, no more is begun."""

_FINDING = 1 << 10
"""What a finding takes, about."""

_SHARES = 4
"""Batches that there should be for each job, so that all end at about the same time."""

_GRACE = 0.3
"""Seconds that what is under way gets to end by itself when the user breaks off."""


def run(
    steps: Steps,
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
    also share the search of the first. ``watch`` follows the run. ``ahead`` is how many
    batches for each job are taken before the first of them is done. When the user breaks off
    (KeyboardInterrupt), what is not begun is dropped, what is done still comes, and then the
    interrupt is raised.
    """
    rest = iter(items)
    if executor is not None:
        yield from _Ordered(steps, executor, jobs, watch, ahead, elsewhere=True).targets(rest)
        return
    # The first one has all threads for its search, for often it is the only one; meanwhile a thread
    # looks for the next. Where there is one, the first is read in the way that makes the most of it
    # known for those that follow; but a remote one is one of them.
    first = next(rest, None)
    if first is None:
        return
    following = _Following(rest)
    ahead_of_it: tuple[Item, ...] = ()
    if _is_remote(first) and following.item() is not None:
        ahead_of_it = (first,)  # its server may hang
    else:
        yield from _done(steps, first, lambda: 1 if following.is_known() else jobs, watch)
    second = following.item()
    if second is None:
        return
    from patcher.campaign.threads import DaemonThreads

    own = DaemonThreads(jobs)
    try:
        ordered = _Ordered(steps, own, jobs, watch, ahead, elsewhere=False)
        yield from ordered.targets(chain(ahead_of_it, [second], rest))
    finally:
        own.shutdown(wait=False, cancel_futures=True)


def in_turn(steps: Steps, items: Iterable[Item], watch: Watch | None) -> Iterator[Target]:
    """The same, one after the other in the thread that asks for them."""
    for item in items:
        yield from _done(steps, item, lambda: 1, watch)


def _is_remote(item: Item) -> bool:
    return isinstance(item, Found) and isinstance(item.place, git.Address)


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
    steps: Steps, item: Item, jobs: Callable[[], int], watch: Watch | None
) -> Iterator[Target]:
    if isinstance(item, git.Failure):
        yield unusable(item)
        return
    done = []
    for targets in steps.each([item], jobs, watch):
        for target in targets:
            done.append(target)
            yield target
    if watch is not None:
        watch.done(item, done)


_Pending = tuple[list[Item], "Future[list[tuple[Target, ...]]]"]


def do(steps: Steps, batch: Sequence[Found]) -> list[tuple[Target, ...]]:
    """What another process runs; by its name, which is what schedulers and their logs tell."""
    return steps(batch)


class _Ordered:
    """Runs batches of repositories on an executor, and gives the targets in order."""

    def __init__(
        self,
        steps: Steps,
        executor: Executor,
        jobs: int,
        watch: Watch | None,
        ahead: int | None,
        *,
        elsewhere: bool,
    ) -> None:
        self._steps, self._executor, self._jobs = steps, executor, jobs
        self._watch, self._elsewhere = watch, elsewhere
        self._most = jobs * (ahead or _AHEAD)
        self._pending: deque[_Pending] = deque()
        self._held = 0
        """Bytes of what is done and was not taken yet."""
        self._new: deque[Future[list[tuple[Target, ...]]]] = deque()
        """What was done since that was counted."""

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
                self._count()
                self._held -= _size(done)
                self._pending.popleft()
                self._submit(batches)
                yield from self._told(batch, done)
                del future, done  # no longer held while the next one is waited for
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
            self._count()
            if before < max(self._most, _MOST_AHEAD) and self._held < _MOST_HELD:
                self._submit(batches)
            else:
                under_way = [first]
            if len(self._pending) == before:
                wait(under_way, return_when=FIRST_COMPLETED)

    def _count(self) -> None:
        while self._new:
            future = self._new.popleft()
            if not future.cancelled() and future.exception() is None:
                self._held += _size(future.result())

    def _submit(self, batches: Iterator[list[Item]]) -> None:
        """Hand over as many as keep the executor busy. Where whoever takes the targets is slower,
        no more than that lie ready."""
        ready = bool(self._pending) and self._pending[0][1].done()
        behind = sum(ready or not future.done() for _, future in self._pending)
        for batch in islice(batches, max(0, self._most - behind)):
            found = [item for item in batch if not isinstance(item, git.Failure)]
            if self._elsewhere:
                future = self._executor.submit(do, self._steps, found)
            else:
                future = self._executor.submit(self._steps, found, self._watch)
            self._pending.append((batch, future))
            future.add_done_callback(self._new.append)

    def _told(self, batch: Iterable[Item], done: Iterable[tuple[Target, ...]]) -> Iterator[Target]:
        rest = iter(done)
        for item in batch:
            if isinstance(item, git.Failure):
                yield unusable(item)
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


def _size(done: Iterable[tuple[Target, ...]]) -> int:
    """Bytes that targets take, about."""
    targets = [target for each in done for target in each]
    contents = sum(len(file.old) + len(file.new) for each in targets for file in each.files)
    return contents + _FINDING * sum(len(each.findings) for each in targets)


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
        alone = not together and _is_remote(item)
        if batch and (alone or len(batch) >= size):
            yield batch
            batch = []
        batch.append(item)
        if alone:
            yield batch
            batch = []
    if batch:
        yield batch

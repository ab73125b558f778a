"""Many repositories: on any executor, in order, whatever happens to one of them."""

from __future__ import annotations

import shutil
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from patcher import git
from patcher.campaign.commits import Commits
from patcher.campaign.look import Looker
from patcher.campaign.run import run
from patcher.campaign.selection import Selection
from patcher.campaign.steps import Item, Steps, place
from patcher.campaign.threads import DaemonThreads
from patcher.findings import unread
from patcher.results import Located, Outcome, Target
from patcher.sources.found import Found
from tests.gits import Gits
from tests.needs import needs_semaphores

if TYPE_CHECKING:
    from tests.conftest import Sandbox


def discover(paths: Iterable[Path]) -> Iterator[Item]:
    for item in git.discover(paths):
        yield item if isinstance(item, git.Failure) else Found(item)


def names(targets: list[Target]) -> list[str]:
    return [Path(target.repository).name for target in targets]


@pytest.fixture
def sources(sandbox: Sandbox) -> Path:
    for number in range(9):
        sandbox.repository(f"r{number}")
    return sandbox.root


@pytest.mark.parametrize(
    "kind",
    [
        ThreadPoolExecutor,
        pytest.param(ProcessPoolExecutor, marks=needs_semaphores),
        DaemonThreads,
    ],
)
def test_any_executor_gives_the_same(sources: Path, kind: type[Executor]) -> None:
    plain = list(run(Steps(Selection()), discover([sources])))
    with kind(2) as executor:  # type: ignore[call-arg]
        found = list(run(Steps(Selection()), discover([sources]), executor=executor))
    assert found == plain
    assert names(found) == [f"r{number}" for number in range(9)]


def test_targets_come_while_others_are_still_to_be_done(sources: Path) -> None:
    asked = []

    def repositories() -> Iterator[Item]:
        for found in discover([sources]):
            asked.append(found)
            yield found

    targets = run(Steps(Selection()), repositories())
    assert names([next(targets)]) == ["r0"]
    assert len(asked) < 9


class Large(Target):
    """A target of which it is known whether somebody holds it."""

    __slots__ = ("__weakref__",)


def test_nobody_holds_a_target_that_was_taken(sources: Path) -> None:
    """While others are waited for: it may be large."""
    taken: list[weakref.ref[Large]] = []
    held = []

    class Waiting(Steps):
        def __call__(
            self, batch: Sequence[Found], watch: object = None
        ) -> list[tuple[Target, ...]]:
            end = time.monotonic() + 3
            while taken and taken[-1]() is not None and time.monotonic() < end:
                time.sleep(0.001)
            held.append(bool(taken) and taken[-1]() is not None)
            targets = [Large(place(found), None, None, Outcome.SCANNED) for found in batch]
            taken.append(weakref.ref(targets[-1]))
            return [(target,) for target in targets]

    with DaemonThreads(1) as executor:
        targets = run(Waiting(Selection()), discover([sources]), executor=executor)
        for target in targets:
            del target
    assert len(held) > 1 and not any(held)


def test_no_more_lies_ready_than_keeps_the_executor_busy(tmp_path: Path) -> None:
    """However slow whoever takes the targets is."""
    asked = 0

    def repositories() -> Iterator[Item]:
        nonlocal asked
        for number in range(2000):
            asked += 1
            yield git.Failure(tmp_path / str(number), "gone")

    most = 0
    with DaemonThreads(2) as executor:
        targets = run(Steps(Selection()), repositories(), executor=executor, jobs=2, ahead=2)
        for number, _ in enumerate(targets):
            if number % 50 == 0:
                time.sleep(0.01)  # all that was handed over is done
            most = max(most, asked - number)
    assert number == asked - 1 == 1999
    assert most < 400


class Hanging(Executor):
    """Does every batch at once, but for that of one repository, which hangs until it is let go."""

    def __init__(self, hangs: str) -> None:
        self.batches = 0
        self.let_go = threading.Event()
        self._hangs = hangs

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        future: Future[object] = Future()
        names = [place(found) for found in args[-1]]
        found = (Located(b"p", unread(["deny-af-alg"], "a reason")[0]),)
        done = [(Target(name, None, None, Outcome.SCANNED, findings=found),) for name in names]
        self.batches += 1

        def end(*, wait: bool) -> None:
            assert not wait or self.let_go.wait(60)
            future.set_result(done)

        if self._hangs in names:
            threading.Thread(target=end, kwargs={"wait": True}).start()
        else:
            end(wait=False)
        return future


@pytest.mark.parametrize("hangs", [0, 1000])
@pytest.mark.parametrize("bound", ["_MOST_AHEAD", "_MOST_HELD"])
def test_behind_a_batch_that_hangs_others_are_done_but_not_without_end(
    monkeypatch: pytest.MonkeyPatch, bound: str, hangs: int
) -> None:
    """There is a bound on their number, and one on the memory that their findings take."""
    most, batch = 40, 24
    value = most if bound == "_MOST_AHEAD" else most * batch << 10
    monkeypatch.setattr(f"patcher.campaign.run.{bound}", value)
    names = [f"https://forge.example/{number:05}" for number in range(20_000)]
    executor = Hanging(names[hangs])
    taken: list[str] = []
    seen = []

    def repositories() -> Iterator[Item]:
        for name in names:
            taken.append(name)
            yield Found(git.Address.parse(name))

    def watch() -> None:
        end = time.monotonic() + 30
        while executor.batches < hangs // batch + most and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.2)  # in which more would be taken
        seen.append(len(taken))
        executor.let_go.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    targets = run(Steps(Selection()), repositories(), executor=executor, jobs=2, ahead=3)
    assert [target.repository for target in targets] == names
    watcher.join()
    # As many batches, what is handed over with the last of them, and what is looked at to tell how
    # many there are.
    assert hangs + (most - 1) * batch <= seen[0] <= hangs + (most + 6) * batch + 8 * batch


def test_an_interrupt_still_gives_what_is_done(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Future.result
    asked = []

    def result(self: Future[object], timeout: float | None = None) -> object:
        asked.append(self)
        if len(asked) == 3:
            for future in asked:
                real(future)
            raise KeyboardInterrupt
        return real(self, timeout)

    monkeypatch.setattr(Future, "result", result)
    found = []
    with pytest.raises(KeyboardInterrupt):
        for target in run(Steps(Selection()), discover([sources]), jobs=2):
            found.append(target)
    assert names(found)[:3] == ["r0", "r1", "r2"]


def test_a_failure_is_a_target(sandbox: Sandbox) -> None:
    place = sandbox.repository("good")
    found = list(run(Steps(Selection()), discover([sandbox.root / "none", place]), jobs=2))
    assert [target.outcome for target in found] == [Outcome.FAILED, Outcome.SCANNED]
    assert found[0].error


def test_a_base_that_is_not_there_does_not_hide_the_others(sandbox: Sandbox) -> None:
    one, two = sandbox.repository("one"), sandbox.repository("two")
    sandbox.git(two, "branch", "next")
    found = list(run(Steps(Selection(bases=("next", "main"))), discover([one, two])))
    assert [(names([target])[0], target.base, target.failed) for target in found] == [
        ("one", "refs/heads/main", False),
        ("one", None, True),
        ("two", "refs/heads/next", False),
        ("two", "refs/heads/main", False),
    ]
    assert "next" in str(found[1].error)


def test_a_glob_of_bases_may_match_nothing(sandbox: Sandbox) -> None:
    one, two = sandbox.repository("one"), sandbox.repository("two")
    sandbox.git(two, "branch", "release/1")
    found = list(run(Steps(Selection(bases=("release/*",))), discover([one, two])))
    assert [target.failed for target in found] == [False, False]
    assert found[0].outcome is Outcome.NOTHING_TO_DO
    assert found[0].note == "no branch matches release/*"
    assert found[1].base == "refs/heads/release/1"


def test_two_bases_that_share_a_file_judge_it_once(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from patcher import proof

    place = sandbox.repository()
    sandbox.git(place, "branch", "next")
    asked = []
    real = proof.judge

    def judge(path: str, *arguments: Any) -> Any:
        asked.append(path)
        return real(path, *arguments)

    monkeypatch.setattr(proof, "judge", judge)
    found = list(run(Steps(Selection(bases=("main", "next"))), discover([place])))
    assert [len(target.findings) for target in found] == [1, 1]
    assert asked == ["docker-default"]


def test_the_branch_is_not_moved_when_someone_else_moves_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = sandbox.repository()
    real = git.write_commit

    def write(*arguments: object, **options: object) -> str:
        sandbox.git(place, "branch", "patcher/deny-af-alg")
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(git, "write_commit", write)
    (found,) = run(Steps(Selection(), Commits()), discover([place]))
    assert found.outcome is Outcome.FAILED
    assert found.findings
    assert sandbox.git(place, "rev-parse", "patcher/deny-af-alg") == found.commit


SLOW = """
case "$GIT_OBJECT_DIRECTORY$GIT_ALTERNATE_OBJECT_DIRECTORIES$*" in
*slow*) echo $$ >> '{pids}'; exec sleep 600 ;;
esac
"""


def many(sandbox: Sandbox, *names: str) -> list[Found]:
    found = []
    for name in names:
        place = sandbox.repository(name, {"docker-default": sandbox.profile(), "name": name})
        sandbox.git(place, "repack", "-q", "-a", "-d")
        (item,) = git.discover([place])
        assert isinstance(item, git.Repository)
        found.append(Found(item))
    return found


@pytest.mark.campaigns
@pytest.mark.parametrize("place", [0, 3])
@pytest.mark.parametrize("together", [True, False])
def test_a_git_that_hangs_takes_the_time_of_its_repository(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, together: bool, place: int
) -> None:
    order = ["a", "b", "c"]
    order.insert(place, "slow")
    batch = many(sandbox, *order)
    pids = sandbox.root / "pids"
    Gits(sandbox.root / "bin", monkeypatch, SLOW.format(pids=pids))
    campaign = Steps(Selection(), timeout=3)
    found = campaign(batch) if together else [campaign([one])[0] for one in batch]
    told = {Path(target.repository).name: target for (target,) in found}
    assert [*told] == order
    slow = told.pop("slow")
    assert slow.error == "took longer than the limit of 3 s (--timeout)"
    assert slow.outcome is Outcome.FAILED
    assert [target.error for target in told.values()] == [None] * 3
    assert all(target.findings for target in told.values())
    started = [int(pid) for pid in pids.read_text().split()]
    assert len(started) == (2 if together else 1)  # once for all, and once for that one alone
    assert not any(Path(f"/proc/{pid}").exists() for pid in started)


def test_time_that_one_repository_takes_is_not_taken_from_the_next(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes a good part of its limit; all together take far longer than that."""
    batch = many(sandbox, *"abcdefgh")
    real = Looker.look

    def look(self: Looker, base: git.Base) -> Target:
        time.sleep(0.3)
        return real(self, base)

    monkeypatch.setattr(Looker, "look", look)
    found = Steps(Selection(), timeout=2)(batch)
    assert [target.error for (target,) in found] == [None] * 8


def test_the_limit_is_for_all_bases_of_a_repository_together(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = sandbox.repository("r")
    for name in "abcd":
        sandbox.git(place, "branch", name)
    real = Looker.look

    def look(self: Looker, base: git.Base) -> Target:
        time.sleep(0.8)
        return real(self, base)

    monkeypatch.setattr(Looker, "look", look)
    (item,) = git.discover([place])
    assert isinstance(item, git.Repository)
    (found,) = Steps(Selection(bases=("?",)), timeout=1.5, fresh=True)([Found(item)])
    assert [target.error for target in found][-1] == (
        "took longer than the limit of 1.5 s (--timeout)"
    )
    assert found[0].error is None and len(found) == 4


@pytest.mark.parametrize(("count", "jobs"), [(1, 2), (5, 2), (9, 4), (40, 1), (70, 2)])
def test_few_repositories_are_spread_over_the_jobs(sandbox: Sandbox, count: int, jobs: int) -> None:
    """Batches are as even as can be, so that no job has most of the work."""
    sizes = []

    class Counting(DaemonThreads):
        def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
            sizes.append(len(args[-1]))
            return super().submit(fn, *args, **kwargs)

    (item,) = many(sandbox, "r")
    executor = Counting(jobs)
    found = list(run(Steps(Selection()), [item] * count, jobs=jobs, executor=executor))
    assert len(found) == count == sum(sizes)
    assert max(sizes) <= max(1, count // (4 * jobs)) and len(sizes) >= min(count, 4 * jobs)


def test_failures_in_the_middle_of_batches_keep_their_places(sandbox: Sandbox) -> None:
    batch = many(sandbox, *(f"r{number:02}" for number in range(24)))
    items: list[Found | git.Failure] = []
    for number, found in enumerate(batch):
        items.append(found)
        if number % 3 == 0:
            items.append(git.Failure(Path(f"/none/{number:02}"), "is not there"))
    place = batch[7].place
    assert isinstance(place, git.Repository)
    shutil.rmtree(place.git_dir / "objects")
    targets = list(run(Steps(Selection()), items, jobs=2))
    expected = [
        str(item.path) if isinstance(item, git.Failure) else str(item.place.path) for item in items
    ]
    assert [target.repository for target in targets] == expected
    failed = [target.repository for target in targets if target.failed]
    assert failed == [
        name for name in expected if name.startswith("/none/") or name.endswith("r07")
    ]


def test_a_branch_of_nothing_beside_a_base_that_is_not_there(sandbox: Sandbox) -> None:
    """Found by the fuzzer: looking whether there is any branch failed, and all ended with it."""
    bad, good = sandbox.repository("bad"), sandbox.repository("good")
    (bad / ".git/refs/heads/main").write_text(f"{'1' * 40}\n")
    sandbox.git(good, "branch", "next")
    targets = list(run(Steps(Selection(bases=("next",))), discover([sandbox.root])))
    assert [(names([t])[0], t.outcome) for t in targets] == [
        ("bad", Outcome.FAILED),
        ("good", Outcome.SCANNED),
    ]

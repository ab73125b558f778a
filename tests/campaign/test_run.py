"""Many repositories: on any executor, in order, whatever happens to one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from patcher import git
from patcher.campaign.apply import Commits
from patcher.campaign.look import Selection
from patcher.campaign.run import Campaign, Item, run
from patcher.campaign.target import Outcome, Target
from patcher.campaign.threads import DaemonThreads
from patcher.sources.found import Found

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


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor, DaemonThreads])
def test_any_executor_gives_the_same(sources: Path, kind: type[Executor]) -> None:
    plain = list(run(Campaign(Selection()), discover([sources])))
    with kind(2) as executor:  # type: ignore[call-arg]
        found = list(run(Campaign(Selection()), discover([sources]), executor=executor))
    assert found == plain
    assert names(found) == [f"r{number}" for number in range(9)]


def test_targets_come_while_others_are_still_to_be_done(sources: Path) -> None:
    asked = []

    def repositories() -> Iterator[Item]:
        for found in discover([sources]):
            asked.append(found)
            yield found

    targets = run(Campaign(Selection()), repositories())
    assert names([next(targets)]) == ["r0"]
    assert len(asked) < 9


def test_an_interrupt_still_gives_what_is_done(
    sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from concurrent.futures import Future

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
        for target in run(Campaign(Selection()), discover([sources]), jobs=2):
            found.append(target)
    assert names(found)[:3] == ["r0", "r1", "r2"]


def test_a_failure_is_a_target(sandbox: Sandbox) -> None:
    place = sandbox.repository("good")
    found = list(run(Campaign(Selection()), discover([sandbox.root / "none", place]), jobs=2))
    assert [target.outcome for target in found] == [Outcome.FAILED, Outcome.SCANNED]
    assert found[0].error


def test_a_base_that_is_not_there_does_not_hide_the_others(sandbox: Sandbox) -> None:
    one, two = sandbox.repository("one"), sandbox.repository("two")
    sandbox.git(two, "branch", "next")
    found = list(run(Campaign(Selection(bases=("next", "main"))), discover([one, two])))
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
    found = list(run(Campaign(Selection(bases=("release/*",))), discover([one, two])))
    assert [target.failed for target in found] == [False, False]
    assert found[0].outcome is Outcome.NOTHING_TO_DO
    assert found[0].note == "no branch matches release/*"
    assert found[1].base == "refs/heads/release/1"


def test_two_bases_that_share_a_file_judge_it_once(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    import patcher
    from patcher import proof

    place = sandbox.repository()
    sandbox.git(place, "branch", "next")
    asked = []
    real = proof.patch

    def patch(path: str, content: bytes, **options: object) -> patcher.Result:
        asked.append(path)
        return real(path, content, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(proof, "patch", patch)
    found = list(run(Campaign(Selection(bases=("main", "next"))), discover([place])))
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
    (found,) = run(Campaign(Selection(), Commits()), discover([place]))
    assert found.outcome is Outcome.FAILED
    assert found.findings
    assert sandbox.git(place, "rev-parse", "patcher/deny-af-alg") == found.commit

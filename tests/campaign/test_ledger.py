"""Campaigns: nothing recorded is lost, nothing claimed is stuck, nothing is done twice."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from patcher.campaign.claims import Retry
from patcher.campaign.database import Database
from patcher.campaign.ledger import Account, Ledger
from patcher.campaign.schema import MIGRATIONS
from patcher.campaign.trouble import LedgerError
from patcher.progress import KILLED, KILLS, Planned
from patcher.results import Outcome, Stage, Target
from tests.faults.world import quick_folder

OID = "0123456789abcdef0123456789abcdef01234567"
SETTINGS = {"migrations": ["deny-af-alg"], "push": True, "message": "Fix\n\u00e9\ud800"}


def target(place: str, outcome: Outcome = Outcome.COMMITTED, **changes: Any) -> Target:
    values: dict[str, Any] = {"base": "refs/heads/main", "commit": OID, "outcome": outcome}
    values["read"] = outcome is not Outcome.FAILED
    if outcome.value in set(Stage):
        values["stage"] = Stage(outcome.value)
    return Target(place, **(values | changes))


def failed(place: str, error: str = "no such host", cause: str | None = "network") -> Target:
    return target(place, Outcome.FAILED, base=None, commit=None, error=error, cause=cause)


def places(number: int, start: int = 0) -> Iterator[Planned]:
    return (Planned(f"https://forge.example/{each:05d}.git") for each in range(start, number))


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=quick_folder()) as folder:
        yield Path(folder) / "ledger.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    with Database(path) as opened:
        yield opened


@pytest.fixture
def account(database: Database) -> Account:
    return Ledger(database).create("fix", SETTINGS)


def work(
    account: Account,
    does: Callable[[Planned], Iterable[Target]] = lambda each: [target(each.place)],
    retry: Retry = "no",
    limit: int = 3,
) -> list[str]:
    """One run: what it did, in order."""
    done = []
    with account.owner() as owner:
        while claimed := owner.claim(limit, retry):
            assert len(claimed) <= limit
            for each in claimed:
                owner.begin(each)
                owner.record(each, list(does(each)))
                done.append(each.place)
    return done


def running(database: Database) -> list[Path]:
    folder = database.path.parent / "running"
    return list(folder.iterdir()) if folder.exists() else []


# Campaigns


def test_a_campaign_keeps_its_settings(database: Database) -> None:
    ledger = Ledger(database)
    assert ledger.create("one", SETTINGS).settings == SETTINGS
    ledger.create("two", {})
    assert ledger.names() == ["one", "two"]
    assert ledger.open("one").settings == SETTINGS
    # The order does not matter, nor that JSON has no tuples.
    same = {**dict(reversed(SETTINGS.items())), "migrations": ("deny-af-alg",)}
    assert ledger.open("one", same).number == ledger.open("one").number
    with pytest.raises(LedgerError, match="there is a campaign one already"):
        ledger.create("one", SETTINGS)


def test_other_settings_are_named(database: Database) -> None:
    ledger = Ledger(database)
    ledger.create("one", SETTINGS)
    with pytest.raises(LedgerError) as caught:
        ledger.open("one", {"migrations": ["deny-af-alg"], "push": False, "sign": "\x1b[31m"})
    said = str(caught.value)
    assert "push is true there and false here" in said
    assert "sign is unset there" in said
    assert "migrations" not in said
    assert said.isprintable()


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "x\n", "\x1b", "x" * 101, "é"])
def test_names_need_no_quoting(database: Database, name: str) -> None:
    with pytest.raises(LedgerError, match="no name for a campaign") as caught:
        Ledger(database).create(name, {})
    assert str(caught.value).isprintable()


def test_a_campaign_that_is_not_there(database: Database, account: Account) -> None:
    with pytest.raises(LedgerError, match="did you mean fix"):
        Ledger(database).open("fox")
    with pytest.raises(LedgerError, match="`patcher status` lists them"):
        Ledger(database).open("something else")


def test_a_campaign_is_forgotten_and_nothing_else(database: Database, account: Account) -> None:
    ledger = Ledger(database)
    other = ledger.create("other", {})
    for each in (account, other):
        each.plan(places(10))
        work(each)
    with account.owner() as owner:
        (claimed,) = owner.claim(1, "all")
        with pytest.raises(LedgerError, match="is running: end it first"):
            ledger.forget("fix")
    ledger.forget("fix")
    assert ledger.names() == ["other"]
    assert other.counts().done == 10
    assert database.read("SELECT count(*) FROM targets") == [(10,)]
    for use in (
        account.summary,
        account.owner,
        lambda: account.plan(places(1)),
        lambda: owner.begin(claimed),
        lambda: owner.record(claimed, []),
    ):
        with pytest.raises(LedgerError, match=r"is no more|forgotten"):
            use()
    assert ledger.create("fix", {}).counts().repositories == 0
    assert running(database) == []


# Planning


def test_a_state_that_there_is_not_is_damage(path: Path, account: Account) -> None:
    account.plan(places(2))
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute("UPDATE places SET state = 'x' || char(27) WHERE id = 1")
    connection.close()
    with pytest.raises(
        LedgerError, match=r"is damaged \(a state that there is not\): move it away"
    ):
        account.counts()


def test_planning_twice_changes_nothing(account: Account) -> None:
    assert account.plan(places(2500)) == 2500
    assert account.plan(places(2600)) == 100
    assert account.counts().repositories == 2600
    assert work(account, limit=700) == [each.place for each in places(2600)]
    assert account.plan(places(2600)) == 0
    assert work(account) == []


def test_planning_is_done_whole_or_not_at_all(account: Account) -> None:
    def broken_off() -> Iterator[Planned]:
        yield from places(5000)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        account.plan(broken_off())
    assert account.counts().repositories == 0
    assert account.plan(places(5000)) == 5000


def test_other_bases_are_to_be_done(account: Account) -> None:
    account.plan([Planned("/a", ("main",)), Planned("/b", ("main",), "/a"), Planned("/c")])
    assert work(account) == ["/a", "/b", "/c"]
    new = [Planned("/a", ("main", "release/*")), Planned("/b", ("main",), "/c"), Planned("/c")]
    assert account.plan(new) == 0
    assert account.counts().planned == 1
    with account.owner() as owner:
        (claimed,) = owner.claim(9)
        assert claimed == Planned("/a", ("main", "release/*"))
        owner.begin(claimed)
        account.plan([Planned("/a", ("next",))])
        assert owner.claim(9) == []
        owner.record(claimed, [target("/a")])
        assert [each.bases for each in owner.claim(9)] == [("next",)]


def test_any_name_is_kept(account: Account) -> None:
    place, base = "/src/\udce9\x1b[2J\n", "refs/heads/\udcff\u202e"
    account.plan([Planned(place, (base,), place)])
    with account.owner() as owner:
        (claimed,) = owner.claim(1)
        assert claimed == Planned(place, (base,), place)
        owner.begin(claimed)
        odd = target(place, base=base, branch=base, error="\x1b[2J\udce9", note="\u202e")
        owner.record(claimed, [odd])
    (row,) = account.rows()
    assert (row.place, row.base, row.branch) == (place, base, base)
    assert (row.error, row.note) == ("\\x1b[2J\\xe9", "\\u202e")
    with pytest.raises(LedgerError, match="no text that a path or URL can hold"):
        account.plan([Planned("/\ud800")])


def test_no_password_is_kept(account: Account, path: Path) -> None:
    for secret in (
        Planned("https://user:hunter2@forge.example/x"),
        Planned("https://forge.example/x", family="SSH://git:hunter2@forge.example/x"),
    ):
        with pytest.raises(LedgerError, match="a URL with a password") as caught:
            account.plan([secret])
        assert "hunter2" not in str(caught.value)
    assert account.plan([Planned("ssh://git@forge.example:2222/a@b")]) == 1
    assert account.counts().repositories == 1


# Running


def test_what_ended_well_is_not_done_again(account: Account) -> None:
    account.plan(places(10))
    assert len(work(account)) == 10
    assert work(account) == work(account, retry="failed") == []
    assert len(work(account, retry="all")) == 10
    counts = account.counts()
    assert (counts.done, counts.failed, counts.planned, counts.working) == (10, 0, 0, 0)
    assert counts.stages == {Stage.COMMITTED: 10}
    assert {row.attempts for row in account.rows()} == {2}


def test_failures_are_tried_three_times_and_once_a_run(account: Account) -> None:
    account.plan(places(4))
    bad = [each.place for each in places(4)][1:3]

    def does(each: Planned) -> list[Target]:
        return [failed(each.place) if each.place in bad else target(each.place)]

    assert len(work(account, does)) == 4
    account.plan(places(5))
    # What was not tried yet comes first.
    assert work(account, does) == ["https://forge.example/00004.git", *bad]
    assert account.counts().exhausted == 0
    assert work(account, does) == bad
    assert account.counts().exhausted == 2
    assert work(account, does) == []
    assert work(account, does, "failed") == bad
    assert work(account, does) == []
    assert work(account, retry="failed") == bad
    assert work(account, retry="failed") == []
    assert account.counts().done == 5


def test_a_run_that_began_before_the_failure_does_not_try_again(account: Account) -> None:
    account.plan(places(2))
    with account.owner() as first, account.owner() as second:
        (one,), (two,) = first.claim(1), second.claim(1)
        for owner, each in ((first, one), (second, two)):
            owner.begin(each)
            owner.record(each, [failed(each.place)])
        for owner in (first, second):
            assert owner.claim(9) == owner.claim(9, "all") == []
    assert len(work(account)) == 2


def test_who_breaks_off_gives_back(account: Account, database: Database) -> None:
    account.plan(places(10))
    with pytest.raises(KeyboardInterrupt), account.owner() as owner:
        first, second, *_ = owner.claim(5)
        owner.begin(first)
        owner.begin(second)
        assert account.counts().working == 2
        assert account.summary().running
        owner.record(first, [target(first.place)])
        raise KeyboardInterrupt
    assert running(database) == []
    summary = account.summary()
    assert not summary.running
    assert (summary.counts.done, summary.counts.planned, summary.counts.working) == (1, 9, 0)
    assert work(account)[0] == second.place
    assert {row.attempts for row in account.rows()} == {1}


def test_a_repository_without_targets_is_done(account: Account) -> None:
    account.plan(places(1))
    assert len(work(account, lambda each: [])) == 1
    assert work(account) == []
    assert account.counts().done == 1


def test_threads_may_share_an_owner(account: Account) -> None:
    account.plan(places(200))
    done: list[str] = []

    def some() -> None:
        while claimed := owner.claim(3):
            for each in claimed:
                owner.begin(each)
                owner.record(each, [target(each.place, Outcome.NOTHING_TO_DO)])
                done.append(each.place)

    with account.owner() as owner:
        threads = [threading.Thread(target=some) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(done) == [each.place for each in places(200)]
    assert account.counts().stages == {Stage.NOTHING_TO_DO: 200}


# What is known of targets


def test_rows_tell_what_came_of_each(account: Account) -> None:
    account.plan(places(1300))

    def does(each: Planned) -> list[Target]:
        if each.place.endswith("7.git"):
            return [failed(each.place)]
        return [
            target(each.place, branch="patcher/deny-af-alg", new_commit=OID[::-1]),
            target(each.place, Outcome.NOTHING_TO_DO, base="refs/heads/next"),
        ]

    with account.owner() as owner:
        for each in owner.claim(1200):
            owner.begin(each)
            owner.record(each, does(each))
    rows = list(account.rows())
    assert [row.place for row in rows] == sorted(row.place for row in rows)
    assert Counter(row.stage for row in rows) == account.counts().stages
    assert account.counts().stages == {
        Stage.PLANNED: 100,
        Stage.COMMITTED: 1080,
        Stage.NOTHING_TO_DO: 1080,
        Stage.FAILED: 120,
    }
    first = rows[0]
    assert (first.base, first.branch) == ("refs/heads/main", "patcher/deny-af-alg")
    assert (first.commit, first.new_commit) == (OID, OID[::-1])
    assert (first.outcome, first.status, first.attempts) == ("committed", "not_affected", 1)
    time.strptime(first.at, "%Y-%m-%dT%H:%M:%SZ")
    bad = list(account.rows(failed=True))
    assert [row for row in rows if row.stage is Stage.FAILED] == bad
    assert (bad[0].error, bad[0].cause, bad[0].status) == ("no such host", "network", None)
    assert [row.base for row in rows if row.stage is Stage.PLANNED] == [None] * 100


def test_failures_are_grouped_by_cause(account: Account) -> None:
    account.plan(places(6))
    causes = ["network", "network", "timeout", None, None, None]

    def does(each: Planned) -> list[Target]:
        cause = causes[int(each.place[-9:-4])]
        return [failed(each.place, f"{cause} at {each.place}", cause)]

    work(account, does)
    with account.owner() as owner:
        owner.claim(1)
        (second,) = owner.claim(1)
        owner.begin(second)
        owner.record(second, does(second))
    found = account.causes()
    assert [(each.cause, each.targets, each.attempts) for each in found] == [
        ("other", 3, 1),
        ("network", 2, 2),
        ("timeout", 1, 1),
    ]
    assert found[1].example.place == second.place
    assert found[1].example.error == f"network at {second.place}"


def test_what_was_done_stays_known_when_the_repository_fails_later(account: Account) -> None:
    account.plan(places(1))
    work(account, lambda each: [target(each.place), failed(each.place), failed(each.place)])
    work(account, lambda each: [failed(each.place, "gone")])
    assert [(row.stage, row.error) for row in account.rows()] == [
        (Stage.COMMITTED, None),
        (Stage.FAILED, "gone"),
    ]
    work(account, lambda each: [target(each.place, base="refs/heads/next")])
    assert [(row.base, row.stage) for row in account.rows()] == [
        ("refs/heads/next", Stage.COMMITTED)
    ]


def test_a_file_from_before_campaigns_gets_them_and_gives_up_what_the_cache_has(path: Path) -> None:
    with Database(path, migrations=MIGRATIONS[:1]) as opened:
        opened.later("INSERT INTO memory VALUES (x'00', x'01', x'02', 3)", ())
    with Database(path) as opened:
        account = Ledger(opened).create("fix", {})
        account.plan(places(3))
        assert len(work(account)) == 3
        assert opened.read("SELECT name FROM sqlite_master WHERE name = 'memory'") == []


def test_what_an_earlier_version_undid_is_to_be_done_again(path: Path) -> None:
    old = Database(path, migrations=MIGRATIONS[:5])
    with old as opened, opened.transaction() as writer:
        writer.execute("INSERT INTO campaigns VALUES (1, 'fix', '{}', '', '')")
        for number, stage in enumerate(("removed", "committed"), 1):
            writer.execute(
                "INSERT INTO places (id, campaign, place, bases, state, begun, attempts, kills,"
                " ended, changed) VALUES (?, 1, ?, '[]', 'done', 1, 1, 0, 1, '')",
                (number, f"/{number}".encode()),
            )
            writer.execute(
                "INSERT INTO targets (place, number, stage, outcome, findings, edits, at)"
                " VALUES (?, 0, ?, 'committed', 0, 0, '')",
                (number, stage),
            )
    with Database(path) as opened:
        account = Ledger(opened).open("fix")
        assert [row.stage for row in account.rows()] == [Stage.PLANNED, Stage.COMMITTED]
        assert len(work(account)) == 1


# Processes


def fork(does: Callable[[], None]) -> int:
    """A process that does this and ends; its id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
        pid = os.fork()
    if pid == 0:
        try:
            does()
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(1)
    return pid


def is_whole(path: Path) -> bool:
    plain = sqlite3.connect(path)
    try:
        return plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        plain.close()


def worker(path: Path, log: Path, pause: Callable[[int], None] = lambda begun: None) -> None:
    """Does all that is to be done, and notes what it begins and what is recorded."""
    notes = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    begun = 0
    with Database(path) as opened:
        account = Ledger(opened).open("fix")
        with account.owner() as owner:
            while claimed := owner.claim(8):
                for number, each in enumerate(claimed):
                    owner.begin(each)
                    begun += 1
                    os.write(notes, f"begun {each.place}\n".encode())
                    pause(begun)
                    outcome = Outcome.COMMITTED if number == 0 else Outcome.NOTHING_TO_DO
                    owner.record(each, [target(each.place, outcome)])
                    os.write(notes, f"recorded {each.place}\n".encode())


def noted(log: Path) -> dict[str, Counter[str]]:
    """What a worker noted. Only what ends with a newline is a line: whoever reads while it is
    written, or after a kill in the middle of that, finds a part of the last one."""
    found: dict[str, Counter[str]] = {"begun": Counter(), "recorded": Counter()}
    if log.exists():
        *whole, _torn = log.read_bytes().decode().split("\n")
        for line in whole:
            what, place = line.split(" ", 1)
            found[what][place] += 1
    return found


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_two_processes_never_do_the_same_place(
    path: Path, tmp_path: Path, account: Account
) -> None:
    account.plan(places(400))
    logs = [tmp_path / "log0", tmp_path / "log1", tmp_path / "log2"]
    go, over = tmp_path / "go", tmp_path / "over"

    def together(begun: int) -> None:
        if begun == 5:
            wait_for(go.exists)

    def until_killed(begun: int) -> None:
        together(begun)
        if begun == 30:
            signal.pause()

    def until_it_is_over(begun: int) -> None:
        together(begun)
        if begun == 100:  # and there is enough left for the first
            wait_for(over.exists)

    first = fork(lambda: worker(path, logs[0], until_killed))
    second = fork(lambda: worker(path, logs[1], until_it_is_over))
    wait_for(lambda: all(len(noted(log)["begun"]) == 5 for log in logs[:2]))
    go.touch()
    wait_for(lambda: len(noted(logs[0])["begun"]) == 30)
    os.kill(first, signal.SIGKILL)
    assert os.waitpid(first, 0)[1] == signal.SIGKILL
    over.touch()
    third = fork(lambda: worker(path, logs[2]))
    assert os.waitpid(second, 0)[1] == os.waitpid(third, 0)[1] == 0
    assert account.counts().done == 400
    killed, *others = map(noted, logs)
    (lost,) = killed["begun"].keys() - killed["recorded"].keys()
    recorded = sum((each["recorded"] for each in (killed, *others)), Counter[str]())
    begun = sum((each["begun"] for each in (killed, *others)), Counter[str]())
    assert recorded == Counter(each.place for each in places(400))
    assert begun == recorded + Counter([lost])


@pytest.mark.kill
def test_killed_fifty_times_nothing_is_lost_or_stuck(
    path: Path, tmp_path: Path, database: Database, account: Account
) -> None:
    number, random = 3000, Random(5)
    recorded: Counter[str] = Counter()
    account.plan(places(number))
    for turn in range(50):
        # A log of its own for each: after a part of a line, the next line would be none, too.
        log = tmp_path / f"log{turn}"
        pid = fork(lambda log=log: worker(path, log))  # type: ignore[misc]
        wait_for(lambda log=log: bool(noted(log)["begun"]))  # type: ignore[misc]
        time.sleep(random.random() * 0.02)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert is_whole(path)
        recorded += noted(log)["recorded"]
        kept = {row.place for row in account.rows() if row.stage is not Stage.PLANNED}
        assert kept >= set(recorded)
        if len(kept) > number - 100:
            number += 1000
            account.plan(places(number))
    counts = account.counts()
    assert counts.working == 0
    pid = fork(lambda: worker(path, tmp_path / "last"))
    assert os.waitpid(pid, 0)[1] == 0
    assert account.counts().done == number
    assert max((recorded + noted(tmp_path / "last")["recorded"]).values()) == 1
    # Whatever was begun and not recorded was tried again, and no more than that.
    again = {row.place for row in account.rows() if row.attempts > 1}
    assert len(again) <= 50
    assert running(database) == []


def test_a_repository_that_kills_patcher_is_given_up(path: Path, account: Account) -> None:
    account.plan(places(20))
    killer = "https://forge.example/00003.git"

    def run(retry: Retry = "no") -> None:
        with Database(path) as opened:
            mine = Ledger(opened).open("fix")

            def does(each: Planned) -> list[Target]:
                if each.place == killer:
                    os.kill(os.getpid(), signal.SIGKILL)
                return [target(each.place)]

            work(mine, does, retry, limit=8)

    ends = [os.waitpid(fork(run), 0)[1] for _ in range(KILLS + 1)]
    assert ends == [signal.SIGKILL] * KILLS + [0]
    (bad,) = account.rows(failed=True)
    assert (bad.place, bad.cause, bad.attempts) == (killer, KILLED, KILLS)
    assert bad.error == f"patcher ended while it was at work on it, {KILLS} times"
    # Those that were claimed with it were not at work, and were not counted.
    assert {row.attempts for row in account.rows() if row != bad} == {1}
    assert os.waitpid(fork(run), 0)[1] == 0
    assert os.waitpid(fork(lambda: run("failed")), 0)[1] == signal.SIGKILL
    assert os.waitpid(fork(run), 0)[1] == 0
    (bad,) = account.rows(failed=True)
    assert (bad.attempts, bad.error) == (
        KILLS + 1,
        f"patcher ended while it was at work on it, {KILLS + 1} times",
    )
    assert work(account, retry="failed") == [killer]
    assert account.counts().done == 20


def test_what_a_living_process_holds_is_not_taken(path: Path, account: Account) -> None:
    account.plan(places(6))
    reading, writing = os.pipe()

    def hold() -> None:
        with Database(path) as opened:
            mine = Ledger(opened).open("fix")
            with mine.owner() as owner:
                (each, *_) = owner.claim(4)
                owner.begin(each)
                os.write(writing, b"held")
                signal.pause()

    pid = fork(hold)
    assert os.read(reading, 4) == b"held"
    assert len(work(account)) == 2
    assert account.summary().running
    assert account.counts().working == 1
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert not account.summary().running
    assert account.counts().working == 0
    assert len(work(account)) == 4
    assert account.counts().done == 6


def test_a_full_disk_loses_nothing_that_was_recorded(
    path: Path, tmp_path: Path, account: Account
) -> None:
    account.plan(places(3000))
    log = tmp_path / "log"

    def run() -> None:
        # The files that SQLite has beside it grow first.
        room = max(file.stat().st_size for file in path.parent.glob("ledger.db*")) + 400_000
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        with pytest.raises(LedgerError, match="full"):
            worker(path, log)

    assert os.waitpid(fork(run), 0)[1] == 0
    assert is_whole(path)
    recorded = set(noted(log)["recorded"])
    assert len(recorded) > 10
    kept = {row.place for row in account.rows() if row.stage is not Stage.PLANNED}
    assert kept >= recorded
    assert len(work(account, limit=500)) == 3000 - len(kept)

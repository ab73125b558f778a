"""The file that outlives a run: made in private, migrated once, whole after anything."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from patcher.campaign import database
from patcher.campaign.cache import Rows
from patcher.campaign.database import Database, open_cache
from patcher.campaign.schema import CACHE, MIGRATIONS
from patcher.campaign.trouble import LedgerError

ROOT = Path(__file__).parents[2]
PUT = "INSERT OR REPLACE INTO memory VALUES (?, ?, ?, ?)"
SECOND = (
    "CREATE TABLE more (number INTEGER NOT NULL CHECK (number > 0), text TEXT DEFAULT ';') STRICT;"
    " INSERT INTO more (number) SELECT count(*) + 1 FROM memory;"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def cache_at(path: Path) -> Database:
    return Database(path, migrations=CACHE)


def rows(opened: Database) -> set[bytes]:
    return {key for (key,) in opened.read("SELECT key FROM memory")}


def is_whole(path: Path) -> bool:
    plain = sqlite3.connect(path)
    try:
        return plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        plain.close()


def child(work: Callable[[], str]) -> str:
    """What ``work`` says in a process made by fork(2), or what it raised."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
        pid = os.fork()
    if pid == 0:
        try:
            said = work()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as stream:
        said = stream.read()
    assert os.waitpid(pid, 0)[1] == 0
    return said


def python(code: str, *arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# Where it is, and who may read it


def test_it_lies_in_the_users_state_folder_and_is_private(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PATCHER_STATE_DIR", raising=False)
    before = os.umask(0)
    try:
        with database.open_database() as opened:
            opened.later("DELETE FROM campaigns WHERE id = ?", (1,))
            opened.flush()
            folder = home / ".local/state/patcher"
            assert opened.path == folder / "ledger.db"
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            found = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    finally:
        os.umask(before)
    assert {"ledger.db", "ledger.db-wal", "ledger.db-shm"} <= found.keys()
    assert set(found.values()) == {0o600}


def test_the_environment_names_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATCHER_STATE_DIR", str(tmp_path / "a/b"))
    assert database.default_path() == tmp_path / "a/b/ledger.db"
    database.open_database().close()
    assert (tmp_path / "a/b/ledger.db").is_file()


def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    cache_at(path).close()
    path.chmod(0o664)
    cache_at(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_not_the_users_own_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusal() -> str:
        with pytest.raises(LedgerError) as caught:
            database.open_database()
        assert "\n" not in str(caught.value)
        assert "PATCHER_STATE_DIR" in str(caught.value)
        return str(caught.value)

    monkeypatch.setenv("PATCHER_STATE_DIR", str(tmp_path / "open"))
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o1777)
    assert "may be written by others" in refusal()
    monkeypatch.setenv("PATCHER_STATE_DIR", str(tmp_path / "mine"))
    database.open_database().close()
    own = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: own + 1)
    assert "belongs to another user" in refusal()
    with pytest.raises(LedgerError, match="belongs to another user"):
        Database(tmp_path / "mine/ledger.db")
    monkeypatch.undo()
    monkeypatch.setenv("PATCHER_STATE_DIR", str(tmp_path / "mine/ledger.db"))
    assert "file exists" in refusal()
    monkeypatch.setenv("PATCHER_STATE_DIR", str(tmp_path / "mine/ledger.db/below"))
    assert "cannot be made" in refusal()


def test_a_link_or_a_folder_in_its_place_is_refused(path: Path, tmp_path: Path) -> None:
    Database(tmp_path / "elsewhere").close()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LedgerError, match="no plain file"):
        cache_at(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(LedgerError, match="no plain file"):
        cache_at(path)


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_what_is_no_file_beside_it_is_refused(path: Path, suffix: str) -> None:
    """SQLite waits for whoever writes to a FIFO."""
    cache_at(path).close()
    beside = path.with_name(path.name + suffix)
    beside.unlink(missing_ok=True)
    os.mkfifo(beside)
    with pytest.raises(LedgerError, match=f"{suffix} is no plain file: move it away"):
        cache_at(path)


# Versions


def version(path: Path) -> int:
    plain = sqlite3.connect(path)
    try:
        return int(plain.execute("PRAGMA user_version").fetchone()[0])
    finally:
        plain.close()


def test_an_older_file_is_migrated_and_keeps_what_it_holds(path: Path) -> None:
    with Database(path, migrations=MIGRATIONS[:1]) as opened:
        opened.later(PUT, (b"r", b"k", b"v", 1))
    assert version(path) == 1
    with Database(path, migrations=(MIGRATIONS[0], SECOND)) as opened:
        assert rows(opened) == {b"k"}
        assert opened.read("SELECT number, text FROM more") == [(2, ";")]
    assert version(path) == 2


def test_strict_tables_are_left_out_where_sqlite_does_not_know_them(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def strict() -> int:
        with Database(path) as opened:
            ((number,),) = opened.read(
                "SELECT count(*) FROM sqlite_master WHERE upper(sql) LIKE '%STRICT%'"
            )
            opened.read("SELECT * FROM campaigns, owners, places, targets")
        path.unlink()
        return int(number)

    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 37, 0))
    assert strict() == 4
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 9))
    assert strict() == 0


def test_a_migration_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    with Database(path, migrations=MIGRATIONS[:1]) as opened:
        opened.later(PUT, (b"r", b"k", b"v", 1))
    broken = SECOND + " INSERT INTO more (number) VALUES (0);"
    with pytest.raises(LedgerError, match="CHECK"):
        Database(path, migrations=(MIGRATIONS[0], broken))
    assert version(path) == 1
    with Database(path, migrations=(MIGRATIONS[0], SECOND)) as opened:
        assert opened.read("SELECT number FROM more") == [(2,)]


def test_a_newer_file_is_refused_and_left_alone(path: Path) -> None:
    Database(path, migrations=(*CACHE, SECOND)).close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=r"of a newer patcher .*: get that patcher") as caught:
        cache_at(path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


_OPEN = """
import sys, time
from pathlib import Path
from patcher.campaign.database import Database
from patcher.campaign.schema import CACHE
go, path = Path(sys.argv[1]), Path(sys.argv[2])
print(flush=True)
while not go.exists():
    time.sleep(0.001)
with Database(path, migrations=(*CACHE, *sys.argv[3:])) as opened:
    print(len(opened.read("SELECT * FROM memory")))
"""


@pytest.mark.parametrize("there", [False, True])
def test_of_processes_that_open_at_once_one_migrates(
    path: Path, tmp_path: Path, there: bool
) -> None:
    if there:
        with cache_at(path) as opened:
            opened.later(PUT, (b"r", b"k", b"v", 1))
    processes = [python(_OPEN, tmp_path / "go", path, SECOND) for _ in range(6)]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    (tmp_path / "go").touch()
    said = [process.communicate(timeout=60) for process in processes]
    assert said == [(f"{there:d}\n", "")] * 6
    with Database(path, migrations=(*CACHE, SECOND)) as opened:
        assert opened.read("SELECT number FROM more") == [(1 + there,)]


# Damage and want


def damage(path: Path) -> None:
    with cache_at(path) as opened:
        for number in range(1000):
            opened.later(PUT, (b"r", b"%d" % number, b"v" * 100, 1))
    content = bytearray(path.read_bytes())
    content[4096 * 2 :] = b"\xa5" * len(content[4096 * 2 :])
    path.write_bytes(content)


def test_a_damaged_file_is_one_line(path: Path) -> None:
    path.write_bytes(b"this is no database, and long enough to show it" * 100)
    with pytest.raises(LedgerError, match=r"is damaged .*: move it away"):
        cache_at(path)
    path.unlink()
    damage(path)
    with (
        cache_at(path) as opened,
        pytest.raises(LedgerError, match=r"is damaged \(database disk image is malformed\)"),
    ):
        opened.read("SELECT * FROM memory")


def test_what_can_do_without_it_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATCHER_CACHE_DIR", str(tmp_path))
    path = tmp_path / "findings.db"
    told: list[str] = []
    damage(path)
    opened = open_cache(told.append)
    assert opened is not None
    assert told == []
    for _ in range(3):
        assert opened.read("SELECT * FROM memory") == []
        opened.later(PUT, (b"r", b"new", b"v", 1))
        opened.flush()
    assert Rows(opened, b"rules").trim(10) == 0
    opened.close()
    assert len(told) == 1
    assert "damaged" in told[0]
    for spoilt in (b"nothing of the kind" * 1000, None):  # None: the damage was told, and is gone
        if spoilt is not None:
            path.write_bytes(spoilt)
        again = open_cache(told.append)
        assert again is not None
        assert again.read("SELECT * FROM memory") == []
        again.close()
    assert len(told) == 1


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder that leads nowhere through those that only the superuser may enter."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # TMPDIR may be one of those
        yield Path(folder)


def test_a_folder_that_cannot_be_written_to_is_one_line(elsewhere: Path) -> None:
    path = elsewhere / "ledger.db"
    with cache_at(path) as opened:
        opened.later(PUT, (b"r", b"k", b"v", 1))

    def attempt() -> str:
        if os.geteuid() == 0:  # who may write anywhere
            os.setuid(65534)
        return str(cache_at(path).read("SELECT key FROM memory"))

    if os.geteuid() == 0:
        os.chown(elsewhere, 65534, 65534)
        os.chown(path, 65534, 65534)
    path.chmod(0o400)
    elsewhere.chmod(0o500)
    try:
        said = child(attempt)
    finally:
        elsewhere.chmod(0o700)
    assert said.startswith("LedgerError: ")
    assert "cannot be written" in said
    assert "PATCHER_STATE_DIR" in said


def test_a_full_disk_is_one_line_and_keeps_what_was_written(path: Path) -> None:
    with cache_at(path) as opened:
        opened.later(PUT, (b"r", b"before", b"v", 1))

    def fill() -> str:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        written = 0
        with cache_at(path) as opened:
            try:
                for number in range(1000):
                    with opened.transaction() as writer:
                        writer.execute(PUT, (b"r", b"%d" % number, b"v" * 1000, 1))
                    written += 1
            except LedgerError as error:
                return f"{written} {error}"
        return "the disk did not fill"

    said = child(fill)
    written = int(said.split()[0])
    assert written > 10
    assert "full" in said
    assert is_whole(path)
    with cache_at(path) as opened:
        assert rows(opened) == {b"before", *(b"%d" % number for number in range(written))}


def test_a_process_that_writes_for_long_is_told_of(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY", 0.1)
    with (
        cache_at(path) as opened,
        cache_at(path) as other,
        opened.transaction() as writer,
    ):
        writer.execute(PUT, (b"r", b"k", b"v", 1))
        assert rows(other) == set()  # who reads does not wait
        with pytest.raises(LedgerError, match="another patcher"), other.transaction():
            pass


# Writing


def test_a_transaction_is_done_or_not(path: Path) -> None:
    with cache_at(path) as opened:
        for durable in (False, True):
            with opened.transaction(durable=durable) as writer:
                writer.execute(PUT, (b"r", b"kept %d" % durable, b"v", 1))
                # 1: NORMAL, 2: FULL, which syncs the log at the end of each transaction.
                assert writer.execute("PRAGMA synchronous").fetchone() == (1 + durable,)
            with pytest.raises(KeyboardInterrupt), opened.transaction(durable=durable) as writer:
                writer.execute(PUT, (b"r", b"lost", b"v", 1))
                raise KeyboardInterrupt
        assert rows(opened) == {b"kept 0", b"kept 1"}


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_queued_rows_are_written_in_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with cache_at(path) as opened, cache_at(path) as other:
        opened.later(PUT, (b"r", b"one", b"v", 1))
        assert rows(other) == set()
        wait_for(lambda: rows(other) == {b"one"})
        opened.later("DELETE FROM memory WHERE key = ?", (b"one",))
        opened.later(PUT, (b"r", b"two", b"v", 1))
        wait_for(lambda: rows(other) == {b"two"})
        monkeypatch.setattr(database, "DELAY", 3600.0)
        opened.later(PUT, (b"r", b"a", b"v", 1))
        time.sleep(0.1)  # so that the hour begins
        for number in range(database.BATCH):
            opened.later(PUT, (b"r", b"%d" % number, b"v", 1))
        wait_for(lambda: len(rows(other)) >= database.BATCH)
        opened.later(PUT, (b"r", b"last", b"v", 1))
    with cache_at(path) as other:
        assert rows(other) >= {b"two", b"a", b"last"}


def test_what_the_queue_fails_with_is_raised(path: Path) -> None:
    opened = cache_at(path)
    opened.later(PUT, (b"r", b"k", None, 1))
    with pytest.raises(LedgerError, match="NOT NULL"):
        opened.flush()
    opened.later(PUT, (b"r", b"k", None, 1))
    with pytest.raises(LedgerError, match="NOT NULL"):
        opened.close()
    with cache_at(path) as opened:
        assert rows(opened) == set()


_QUEUE = """
import sys, time
from pathlib import Path
from patcher.campaign import database, schema
database.DELAY = 3600.0
try:
    with database.Database(Path(sys.argv[1]), migrations=schema.CACHE) as opened:
        for number in range(100):
            opened.later("INSERT INTO memory VALUES (?, ?, ?, ?)", (b"r", b"%d" % number, b"", 1))
        print("queued", flush=True)
        time.sleep(3600)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_loses_nothing_that_is_queued(path: Path) -> None:
    process = python(_QUEUE, path)
    assert process.stdout is not None
    assert process.stdout.readline() == "queued\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("interrupted\n", "")
    with cache_at(path) as opened:
        assert len(rows(opened)) == 100


def test_threads_share_it(path: Path) -> None:
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(200):
                key = b"%d-%d" % (number, turn)
                if turn % 10:
                    opened.later(PUT, (b"r", key, b"v", 1))
                else:
                    with opened.transaction() as writer:
                        writer.execute(PUT, (b"r", key, b"v", 1))
                    assert opened.read("SELECT value FROM memory WHERE key = ?", (key,))
        except BaseException as error:
            problems.append(error)

    with cache_at(path) as opened:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert problems == []
    with cache_at(path) as opened:
        assert len(rows(opened)) == 800


def test_a_forked_child_goes_on_by_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY", 0.2)

    def use() -> str:
        assert rows(opened) == {b"before"}
        opened.later(PUT, (b"r", b"child", b"v", 1))
        try:
            opened.flush()
        finally:
            opened.close()
        return "written"

    opened = cache_at(path)
    opened.later(PUT, (b"r", b"before", b"v", 1))
    opened.flush()
    opened.later(PUT, (b"r", b"queued by the parent", b"v", 1))
    assert child(use) == "written"
    with opened.transaction() as writer:
        writer.execute("DELETE FROM memory WHERE key = x'6368696c64'")
    opened.read("SELECT 1")
    wait_for(lambda: rows(opened) == {b"before", b"queued by the parent"})
    with opened.transaction() as writer:
        writer.execute("DELETE FROM memory WHERE key <> ?", (b"before",))
    # What the parent has begun stays its own, whatever the child closes.
    with opened.transaction() as writer:
        writer.execute(PUT, (b"r", b"parent", b"v", 1))
        assert "another patcher" in child(use)
        with (
            cache_at(path) as other,
            pytest.raises(LedgerError, match="another patcher"),
        ):
            other.later(PUT, (b"r", b"other", b"v", 1))
            other.flush()
    assert rows(opened) == {b"before", b"parent"}
    opened.close()
    assert is_whole(path)


def test_closed_is_closed(path: Path) -> None:
    opened = cache_at(path)
    opened.close()
    opened.close()
    with pytest.raises(LedgerError, match="closed"):
        opened.read("SELECT 1")
    with pytest.raises(LedgerError, match="closed"), opened.transaction():
        pass


# The memory


def test_the_memory_forgets_what_was_not_used_for_longest(path: Path) -> None:
    with cache_at(path) as opened:
        for number in range(3000):
            opened.later(PUT, (b"rules", b"%020d" % number, b"v" * 200, number // 1000))
        assert Rows(opened, b"rules").trim(10_000_000) == 0
        ((pages,),) = opened.read("PRAGMA page_count")
        room = 1500 * (5 + 20 + 200 + 16)
        forgotten = Rows(opened, b"rules").trim(room)
        assert forgotten == 1500
        left = opened.read("SELECT used, count(*) FROM memory GROUP BY used")
        assert left == [(1, 500), (2, 1000)]
        assert path.stat().st_size < 4096 * pages * 0.7
        assert Rows(opened, b"rules").trim(10_000) == 1500 - 10_000 // 241
        assert Rows(opened, b"rules").trim(0) == 10_000 // 241
        assert opened.read("SELECT * FROM memory") == []
    with Database(path.with_name("new.db")) as opened:
        pass
    assert path.stat().st_size <= opened.path.stat().st_size + 4 * 4096
    assert is_whole(path)


def test_threads_that_come_after_the_end_are_no_trouble(path: Path) -> None:
    told: list[str] = []
    opened = Database(path, migrations=CACHE, trouble=lambda error: told.append(str(error)))
    opened.later(PUT, (b"rules", b"key", b"value", 1))
    opened.close()
    assert opened.read("SELECT key FROM memory") == []
    opened.later(PUT, (b"rules", b"late", b"value", 1))
    opened.flush()
    assert told == []
    with cache_at(path) as again:
        assert rows(again) == {b"key"}

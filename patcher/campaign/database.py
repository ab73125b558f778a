"""Files that outlive a run: the ledger with the campaigns, which must last, and the cache with what
earlier runs found, which may go at any time.

SQLite in WAL mode, by the standard library's driver. What that gives, and what it costs:

- A process that is killed at any moment leaves the file whole, and what was committed is kept: it
  lies with the kernel. Readers do not wait for writers, nor writers for readers.
- A power cut leaves it whole as well. What was committed in the last seconds is kept where the
  transaction was ``durable``, which costs an fsync: 3.4 ms on a cloud disk, against 0.04 ms.
- Processes share memory beside the file, so that it must lie on a file system of this machine
  (https://www.sqlite.org/wal.html).

Of threads that write single rows, each in a transaction of its own, one connection behind a lock
takes 46 us a row, and a connection for each thread 65 us; rows put in a queue and committed by the
hundred take 6 us. Reading takes 10 us either way. So there is one connection for reading, and one
for writing, whose fsync nobody who reads has to wait for.

A child that fork(2) made uses connections of its own: SQLite's must not be carried over.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from patcher import locks
from patcher.campaign.schema import CACHE, MIGRATIONS, statements
from patcher.campaign.trouble import (
    CACHED,
    LEDGER,
    LedgerError,
    busy,
    elsewhere,
    explained,
    no_locks,
    unusable,
)
from patcher.git.errors import GitError
from patcher.git.places import state_folder

BUSY = 20.0
"""Seconds to wait for another process that writes."""

BATCH = 500
"""Queued rows that are committed together, and at most behind."""

DELAY = 1.0
"""Seconds that a queued row waits at most."""

_CACHE = 400
"""KiB of pages that a connection keeps; the system keeps them, too, and they are used once."""

_BACKLOG = 20 * BATCH
"""Queued rows above which whoever queues another one waits."""

Row = tuple[Any, ...]


class Database:
    """The file, open; for any number of threads. Every method raises LedgerError.

    ``trouble``: called with the first error, instead; from then on nothing is read or written.
    """

    def __init__(
        self,
        path: Path,
        *,
        trouble: Callable[[LedgerError], object] | None = None,
        migrations: Sequence[str] = MIGRATIONS,
    ) -> None:
        """Open the file, made with mode 0600 where it is not there, and migrated to the last
        version."""
        self.path = path
        self._trouble = trouble
        self._off = False
        self._fresh()
        try:
            with self._told():
                _prepare(path)
                version = self._main().execute("PRAGMA user_version").fetchone()[0]
                if version != len(migrations):
                    _migrate(self._main(), path, migrations)
        except BaseException:
            self._let_go()
            raise
        _open.add(self)

    def _fresh(self) -> None:
        """As nothing is open yet; also in a child that fork(2) made, where locks may be held by
        threads that are no more."""
        self._lock = threading.RLock()
        self._write_lock = threading.RLock()
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None
        self._queue: list[tuple[str, Row]] = []
        self._queued = threading.Condition()
        self._flusher: threading.Thread | None = None
        self._error: LedgerError | None = None
        self._closed = False

    def _forked(self) -> None:
        # To close a connection of the parent's would take its locks away, or its WAL.
        _inherited.extend(filter(None, (self._reader, self._writer)))
        closed = self._closed
        self._fresh()
        self._closed = closed

    def _main(self) -> sqlite3.Connection:
        if self._reader is None:
            if self._closed:
                raise LedgerError(f"{self.path} is closed")
            self._reader = _connect(self.path)
        return self._reader

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explained(error, self.path) from None

    def _fail(self, error: LedgerError) -> None:
        """Raise it, or tell it once and be deaf from then on."""
        if self._trouble is None:
            raise error
        if not self._off:
            self._off = True
            if not self._closed:  # a run that was broken off has threads that still come here
                self._trouble(error)

    def read(self, sql: str, parameters: Row = ()) -> list[Row]:
        """All rows of a query; not those that are still queued."""
        if self._off:
            return []
        try:
            with self._lock:
                return self._main().execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            self._fail(explained(error, self.path))
        except LedgerError as error:
            self._fail(error)
        return []

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """All that is done in it is done, or nothing of it; nobody else writes meanwhile.

        ``durable``: once done, it also outlives a power cut. One thread at a time, and the queue
        waits for its end; not to be nested.
        """
        with self._told(), self._write_lock:
            if self._writer is None:
                if self._closed:
                    raise LedgerError(f"{self.path} is closed")
                self._writer = _connect(self.path)
            writer = self._writer
            writer.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            try:
                writer.execute("BEGIN IMMEDIATE")
                yield writer
                writer.execute("COMMIT")
            finally:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")

    def later(self, sql: str, parameters: Row) -> None:
        """Queue a row to write: a second later at most, or with 500 others. Raises what writing
        those before it came to. A process that is killed loses what is queued."""
        if self._off:
            return
        with self._queued:
            error, self._error = self._error, None
            self._queue.append((sql, parameters))
            waiting = len(self._queue)
            if self._flusher is None:
                self._flusher = threading.Thread(
                    target=self._flush_in_time, name="patcher ledger", daemon=True
                )
                self._flusher.start()
            elif waiting == 1 or waiting == BATCH:
                self._queued.notify()
        if error is not None:
            self._fail(error)
        if waiting >= _BACKLOG:
            self.flush()

    def _flush_in_time(self) -> None:
        while not self._closed:
            with self._queued:
                self._queued.wait_for(lambda: self._queue or self._closed)
                self._queued.wait_for(lambda: len(self._queue) >= BATCH or self._closed, DELAY)
            try:
                self.flush()
            except LedgerError as error:
                self._error = error

    def flush(self) -> None:
        """Write what is queued."""
        with self._write_lock:
            with self._queued:
                rows, self._queue = self._queue, []
            if not rows or self._off:
                return
            with self.lenient(), self.transaction() as writer:
                start = 0
                for end in range(1, len(rows) + 1):
                    if end == len(rows) or rows[end][0] != rows[start][0]:
                        writer.executemany(rows[start][0], [row for _, row in rows[start:end]])
                        start = end

    def close(self) -> None:
        """Write what is queued, and let go of the file."""
        if self._closed:
            return
        try:
            self.flush()
            if self._error is not None:
                self._fail(self._error)
        finally:
            with self._queued:
                self._closed = True
                self._queued.notify_all()
            self._let_go()
            _open.discard(self)

    def _let_go(self) -> None:
        with self._lock, self._write_lock, contextlib.suppress(sqlite3.Error):
            for connection in (self._writer, self._reader):
                if connection is not None:
                    connection.close()
            self._reader = self._writer = None

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def lenient(self) -> Iterator[None]:
        """Handle a LedgerError of the block as ``trouble`` says."""
        try:
            yield
        except LedgerError as error:
            self._fail(error)

    def shrink(self) -> None:
        """Give what is free in the file back to the file system."""
        with self.lenient(), self._told(), self._write_lock:
            if self._writer is not None:
                # Not by execute(), which takes one step of it: one page.
                self._writer.executescript(
                    "PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE);"
                )


_open: weakref.WeakSet[Database] = weakref.WeakSet()
_inherited: list[sqlite3.Connection] = []
_making = threading.Lock()


def _after_fork() -> None:
    global _making
    _making = threading.Lock()
    for database in list(_open):
        database._forked()


os.register_at_fork(after_in_child=_after_fork)


def default_path() -> Path:
    """Where the file is, or would be; its folder is made. Raises LedgerError."""
    try:
        return state_folder() / LEDGER
    except GitError as error:
        raise LedgerError(str(error)) from None


def open_database() -> Database:
    """The user's. Raises LedgerError."""
    return Database(default_path())


def open_cache(warn: Callable[[str], object]) -> Database | None:
    """The user's cache, for what a run can do without: where it cannot be opened, or fails later,
    ``warn`` is called once, from any thread, with one line, and the run goes on. One that is
    damaged, or of another version, is removed, and made anew."""
    from patcher.git.places import cache_folder

    def trouble(error: LedgerError) -> None:
        warn(str(error))
        if error.is_useless:
            _remove(path)

    try:
        path = cache_folder() / CACHED
        try:
            return Database(path, trouble=trouble, migrations=CACHE)
        except LedgerError as error:
            if not error.is_useless:
                raise
            _remove(path)
            return Database(path, trouble=trouble, migrations=CACHE)
    except (LedgerError, GitError) as error:
        warn(str(error))
        return None


def _remove(path: Path) -> None:
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        with contextlib.suppress(OSError):
            path.with_name(name).unlink()


def _prepare(path: Path) -> None:
    """The file is there, is a plain one of our own user, and nobody else may read it."""
    # It is never opened here where it exists: to close it would let go of every lock that SQLite
    # holds on it in this process (fcntl(2), "Record locks").
    with _making:
        try:
            status = path.lstat()
        except FileNotFoundError:
            try:
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                os.close(os.open(path, flags, 0o600))
            except FileExistsError:
                pass
            except OSError as error:
                raise unusable(path, error) from None
            status = path.lstat()
        except OSError as error:
            raise unusable(path, error) from None
    if not stat.S_ISREG(status.st_mode):
        raise LedgerError(f"{path} is no plain file: move it away")
    for name in ("-wal", "-shm", "-journal"):  # SQLite would wait for a FIFO
        beside = path.with_name(path.name + name)
        with contextlib.suppress(FileNotFoundError):  # whoever closes the last takes it away
            if not stat.S_ISREG(beside.lstat().st_mode):
                raise LedgerError(f"{beside} is no plain file: move it away")
    if status.st_uid != os.geteuid():
        raise LedgerError(
            f"{path} belongs to another user (id {status.st_uid}): set {elsewhere(path)} to a "
            "folder of your own"
        )
    if status.st_mode & 0o077:
        with contextlib.suppress(OSError):
            path.chmod(0o600)


def _connect(path: Path) -> sqlite3.Connection:
    # SQLite gives the files beside it (-wal, -shm) the mode of the file.
    connection = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{_CACHE}")
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[str]) -> None:
    """Bring the file to the last version; of several processes one does it, and the others wait."""
    with _alone(path):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(migrations):
            raise LedgerError(
                f"{path} is of a newer patcher (its version is {version}, and this one knows "
                f"{len(migrations)}): get that patcher, or set {elsewhere(path)} to another "
                "folder",
                is_useless=True,
            )
        if version == 0:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise no_locks(path)
        for number in range(version, len(migrations)):
            try:
                connection.execute("BEGIN IMMEDIATE")
                for statement in statements(migrations[number]):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number + 1:d}")
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    # A transaction is not enough: to turn WAL on SQLite needs the file for itself, and does not
    # wait for it.
    lock = locks.FileLock(f"{path}.lock")
    try:
        try:
            taken = lock.take(time.monotonic() + BUSY)
        except locks.NoLocks:
            raise no_locks(path) from None
        except OSError as error:
            raise unusable(path, error) from None
        if not taken:
            raise busy(path)
        yield
    finally:
        lock.release()

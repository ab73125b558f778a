"""Who works on which repositories of a campaign.

Processes share a campaign: each *claims* repositories, *begins* one when it is really at work on
it, and *records* what came of it. A claim is its owner's for as long as the owner lives. That shows
by a lock on a file (`patcher.locks`), not by process ids or clocks: what a
killed process held is free at once, and what a living one holds never is.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from typing import Any, Literal

from patcher.campaign.database import Database
from patcher.campaign.living import hold, lives, lock_path
from patcher.campaign.rows import (
    PLANNED,
    bases_text,
    planned,
    replace_rows,
    row_of,
    stored,
    whole_failure,
)
from patcher.campaign.trouble import LedgerError
from patcher.progress import ATTEMPTS, KILLED, KILLS, Planned
from patcher.results import WRITTEN, Stage, Target

Retry = Literal["no", "failed", "all"]
"""What of earlier runs is done again: failures, `ATTEMPTS` times in all; every failure; everything.
Once by each run, in any case."""

Purpose = Retry | Literal["undo"]
"""Why repositories are claimed: to do them, or to undo what was done, once each."""

EXHAUSTED = f"(attempts - kills >= {ATTEMPTS} OR kills >= {KILLS})"
"""Of which repositories it is tried no more: by them, as SQL says it."""

_PLAN, _AGAIN = "state = 'planned'", "ended < ?"
_CLAIMED: dict[Purpose, tuple[str, ...]] = {
    "no": (_PLAN, f"state = 'failed' AND NOT {EXHAUSTED} AND {_AGAIN}"),
    "failed": (_PLAN, f"state = 'failed' AND {_AGAIN}"),
    "all": (_PLAN, f"state = 'failed' AND {_AGAIN}", f"state = 'done' AND {_AGAIN}"),
    "undo": (_AGAIN,),
}


class Owner:
    """A process at work on a campaign, for any number of its threads. It holds a lock for as long
    as it lives. Every method raises LedgerError."""

    def __init__(self, database: Database, campaign: int, name: str) -> None:
        self._database, self._campaign, self._name = database, campaign, name
        self._process = os.getpid()
        self._token = os.urandom(16).hex()
        # The lock comes before the row that tells others of it.
        self._descriptor = hold(lock_path(database, self._token))
        try:
            with database.transaction() as writer:
                touch(writer, campaign, name)
                self.number = int(
                    writer.execute(
                        "INSERT INTO owners (campaign, token) VALUES (?, ?)",
                        (campaign, self._token),
                    ).lastrowid
                    or 0
                )
        except BaseException:
            self._let_go()
            raise

    def __enter__(self) -> Owner:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def claim(self, limit: int, purpose: Purpose = "no") -> list[Planned]:
        """At most so many repositories that are to be done, for this process alone; none: there
        is no more to do, but for what other processes hold.

        Those that were tried least come first, then those planned first: what fails, or kills
        patcher, does not keep the others from being done.
        """
        with self._database.transaction() as writer:
            _take_back(self._database, writer, self._campaign, self.number)
            found: list[tuple[Any, ...]] = []
            for states in _CLAIMED[purpose]:
                found += writer.execute(
                    f"SELECT id, {PLANNED} FROM places"  # noqa: S608 - constants
                    f" WHERE campaign = ? AND owner IS NULL AND {states}"
                    " ORDER BY attempts, id LIMIT ?",
                    (self._campaign, *self._epoch(states), limit - len(found)),
                ).fetchall()
            writer.executemany(
                "UPDATE places SET owner = ? WHERE id = ?",
                [(self.number, row[0]) for row in found],
            )
            if found:
                touch(writer, self._campaign, self._name)
        return [planned(row[1:]) for row in found]

    def begin(self, planned: Planned) -> None:
        """Note that work on it begins now: should patcher end before this is recorded, it counts as
        one attempt. From the thread that does the work."""
        with self._database.transaction() as writer:
            changed = writer.execute(
                "UPDATE places SET state = 'planned', attempts = attempts + 1 - begun, begun = 1,"
                " changed = ? WHERE campaign = ? AND place = ? AND owner = ?",
                (now(), self._campaign, stored(planned.place), self.number),
            ).rowcount
        if not changed:
            raise self._gone(planned.place)

    def record(self, planned: Planned, targets: Sequence[Target], purpose: Purpose = "no") -> None:
        """What came of a repository that was begun; the claim ends with it. What was undone is to
        be done again."""
        rows = [row_of(target) for target in targets]
        undone = purpose == "undo"
        failed = any(row["stage"] is Stage.FAILED for row in rows)
        state = "failed" if failed else "planned" if undone else "done"
        at = now()
        with self._database.transaction(
            durable=undone or any(row["stage"] in WRITTEN for row in rows)
        ) as writer:
            found = writer.execute(
                "SELECT id FROM places WHERE campaign = ? AND place = ?",
                (self._campaign, stored(planned.place)),
            ).fetchone()
            if found is None:
                raise self._gone(planned.place)
            writer.execute(
                "UPDATE places SET state = CASE WHEN bases = ? THEN ? ELSE 'planned' END,"
                " owner = nullif(owner, ?), begun = begun AND owner <> ?,"
                " attempts = CASE WHEN ? THEN kills ELSE attempts END,"
                " ended = (SELECT seq FROM sqlite_sequence WHERE name = 'owners'), changed = ?"
                " WHERE id = ?",
                (
                    bases_text(planned),
                    state,
                    self.number,
                    self.number,
                    state == "planned",
                    at,
                    found[0],
                ),
            )
            replace_rows(writer, found[0], rows, at)
            touch(writer, self._campaign, self._name)

    def release(self) -> None:
        """Give back what was claimed and not recorded, as if it had not been begun."""
        if self._descriptor < 0 or os.getpid() != self._process:
            return
        try:
            with self._database.transaction() as writer:
                writer.execute(
                    "UPDATE places SET owner = NULL, attempts = attempts - begun, begun = 0"
                    " WHERE owner = ?",
                    (self.number,),
                )
                writer.execute("DELETE FROM owners WHERE id = ?", (self.number,))
        finally:
            self._let_go()

    def _let_go(self) -> None:
        lock_path(self._database, self._token).unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = -1

    def _gone(self, place: str) -> LedgerError:
        return LedgerError(
            f"campaign {self._name} does not hold {place} any more: was it forgotten meanwhile?"
        )

    def _epoch(self, states: str) -> tuple[int, ...]:
        """``ended`` is the youngest owner at that time: who is younger is a later run."""
        return (self.number,) if states.endswith(_AGAIN) else ()


def owners(
    database: Database, campaign: int, writer: sqlite3.Connection | None = None
) -> list[tuple[int, str]]:
    """The processes that were at work on a campaign and did not say that they ended, each with the
    token of its lock. With a writer, as its transaction sees them."""
    query = "SELECT id, token FROM owners WHERE campaign = ?"
    if writer is None:
        return [(number, token) for number, token in database.read(query, (campaign,))]
    return writer.execute(query, (campaign,)).fetchall()


def living(
    database: Database, campaign: int, writer: sqlite3.Connection | None = None
) -> list[int]:
    """Those of them that still live."""
    found = owners(database, campaign, writer)
    return [number for number, token in found if lives(database, token)]


def touch(writer: sqlite3.Connection, campaign: int, name: str) -> None:
    """Note that something is done for a campaign now. Raises LedgerError where it is no more."""
    changed = writer.execute(
        "UPDATE campaigns SET active = ? WHERE id = ?", (now(), campaign)
    ).rowcount
    if not changed:
        raise LedgerError(f"campaign {name} is no more: was it forgotten meanwhile?")


def now() -> str:
    """The time as the ledger has it, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _take_back(database: Database, writer: sqlite3.Connection, campaign: int, own: int) -> None:
    """Free what processes hold that are no more; what killed them too often has failed."""
    for number, token in owners(database, campaign, writer):
        if number == own or lives(database, token):
            continue
        at = now()
        killers = writer.execute(
            "SELECT id, kills + 1 FROM places WHERE owner = ? AND begun AND kills + 1 >= ?",
            (number, KILLS),
        ).fetchall()
        for place, kills in killers:
            times = "once" if kills == 1 else f"{kills} times"
            error = f"patcher ended while it was at work on it, {times}"
            replace_rows(writer, place, [whole_failure(error, KILLED)], at)
        writer.executemany(
            "UPDATE places SET state = 'failed', ended = ? WHERE id = ?",
            [(number, place) for place, _ in killers],
        )
        writer.execute(
            "UPDATE places SET kills = kills + begun, begun = 0, owner = NULL, changed = ?"
            " WHERE owner = ?",
            (at, number),
        )
        writer.execute("DELETE FROM owners WHERE id = ?", (number,))
        lock_path(database, token).unlink(missing_ok=True)

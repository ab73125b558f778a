"""What campaigns there are, and what happened to each of their repositories.

Processes share a campaign: each *claims* repositories, *begins* one when it is really at work on
it, and *records* what came of it. A claim is its owner's for as long as the owner lives. That shows
by a lock on a file (`patcher.locks`), not by process ids or clocks: what a
killed process held is free at once, and what a living one holds never is.

What a kill at any moment leaves: all that was recorded; repositories that were begun and not
recorded, which were tried once more than before; claims, which are free. What was committed or
pushed and not recorded is found to be there by whoever does it again. A power cut may also take
back what was recorded in the last seconds, which is then done again, but nothing of what was
committed, pushed or reviewed.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal

from patcher.campaign.asking import DECLINED
from patcher.campaign.database import Database
from patcher.campaign.living import hold, lives, lock_path
from patcher.campaign.rows import (
    PLANNED,
    PROGRESS,
    bases_text,
    planned,
    planned_columns,
    progress,
    replace_rows,
    row_of,
    stored,
    text,
    text_or_none,
    whole_failure,
)
from patcher.campaign.trouble import LedgerError, NoName, NoSuchCampaign, OtherSettings
from patcher.kinds import ErrorKind, counted, kind_of
from patcher.progress import (
    ATTEMPTS,
    KILLED,
    KILLS,
    CauseSummary,
    Counts,
    Planned,
    Progress,
    Summary,
)
from patcher.results import WRITTEN, Stage, Target

Retry = Literal["no", "failed", "all"]
"""What of earlier runs is done again: failures, `ATTEMPTS` times in all; every failure; everything.
Once by each run, in any case."""

Purpose = Retry | Literal["undo"]
"""Why repositories are claimed: to do them, or to undo what was done, once each."""

OTHER = "other"
"""The cause of failures that have none."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_PLANNING = 1000
_PAGE = 500


class Ledger:
    """The campaigns of a database. Every method raises LedgerError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def names(self) -> list[str]:
        """The campaigns, the oldest first."""
        return [name for (name,) in self._database.read("SELECT name FROM campaigns ORDER BY id")]

    def create(self, name: str, settings: Mapping[str, Any]) -> Account:
        """A new campaign. ``settings`` is what decides about what is done, as JSON knows it."""
        if not _NAME.match(name):
            raise NoName(
                f"{name!r} is no name for a campaign: use letters, digits, '.', '_' and '-', at "
                "most 100, and begin with a letter or a digit"
            )
        now = _now()
        try:
            with self._database.transaction(durable=True) as writer:
                if writer.execute("SELECT 1 FROM campaigns WHERE name = ?", (name,)).fetchone():
                    raise LedgerError(f"there is a campaign {name} already")
                writer.execute(
                    "INSERT INTO campaigns (name, settings, made, active) VALUES (?, ?, ?, ?)",
                    (name, _canonical(settings), now, now),
                )
        except (TypeError, ValueError) as error:
            raise LedgerError(f"the settings of campaign {name} are no JSON: {error}") from None
        return self.open(name)

    def open(self, name: str, settings: Mapping[str, Any] | None = None) -> Account:
        """A campaign that is there. ``settings``: what some of them should be."""
        question = "SELECT id, settings FROM campaigns WHERE name = ?"
        found = self._database.read(question, (name,)) if _NAME.match(name) else []
        if not found:
            near = self.near(name)
            hint = f"did you mean {near}?" if near else "`patcher status` lists them"
            raise NoSuchCampaign(f"there is no campaign {name!r}: {hint}")
        number, text = found[0]
        made_with = json.loads(text)
        if settings is not None:
            _compare(name, made_with, json.loads(_canonical(settings)))
        return Account(self._database, number, name, made_with)

    def near(self, name: str) -> str | None:
        """The campaign that someone meant who wrote this name; None: there is none like it."""
        import difflib

        return next(iter(difflib.get_close_matches(name, self.names(), 1)), None)

    def summaries(self) -> Iterator[Summary]:
        """The campaigns, the oldest first."""
        for name in self.names():
            try:
                yield self.open(name).summary()
            except NoSuchCampaign:
                continue  # it was forgotten meanwhile

    def forget(self, name: str) -> None:
        """Remove a campaign from the ledger, and nothing else. Not while a process works on it."""
        account = self.open(name)
        with self._database.transaction(durable=True) as writer:
            if account._living(writer):
                raise LedgerError(f"campaign {name} is running: end it first")
            tokens = account._tokens(writer)
            writer.execute("DELETE FROM campaigns WHERE id = ?", (account.number,))
        for _, token in tokens:
            lock_path(self._database, token).unlink(missing_ok=True)
        self._database.shrink()


class Account:
    """What the ledger knows of one campaign; for any number of threads. Every method raises
    LedgerError."""

    def __init__(
        self, database: Database, number: int, name: str, settings: dict[str, Any]
    ) -> None:
        self._database = database
        self.number, self.name, self.settings = number, name, settings

    def plan(self, items: Iterable[Planned]) -> int:
        """Add repositories, in this order; how many are new. One that is there already keeps its
        place in the order, and is to be done again only where its bases are others now."""
        now = _now()
        new = 0
        # All or nothing: a campaign that was killed here must not go on with a part of it. Durable:
        # whoever goes on after a power cut does not name them again.
        common = {"campaign": self.number, "now": now}
        everything = iter([{**planned_columns(item), **common} for item in items])
        with self._database.transaction(durable=True) as writer:
            self._touch(writer, now)
            while rows := list(islice(everything, _PLANNING)):
                before = writer.total_changes
                writer.executemany(
                    "INSERT OR IGNORE INTO places (campaign, place, bases, family, server,"
                    " default_branch, state, begun, attempts, kills, ended, changed) VALUES"
                    " (:campaign, :place, :bases, :family, :server, :default, 'planned', 0, 0, 0,"
                    " 0, :now)",
                    rows,
                )
                new += writer.total_changes - before
                writer.executemany(
                    "UPDATE places SET family = :family, server = coalesce(:server, server),"
                    " default_branch = coalesce(:default, default_branch),"
                    " bases = :bases, changed = :now,"
                    " state = CASE WHEN bases = :bases THEN state ELSE 'planned' END,"
                    " attempts = CASE WHEN bases = :bases THEN attempts ELSE begun END"
                    " WHERE campaign = :campaign AND place = :place"
                    " AND (bases <> :bases OR family IS NOT :family"
                    " OR server IS NOT coalesce(:server, server)"
                    " OR default_branch IS NOT coalesce(:default, default_branch))",
                    rows,
                )
        return new

    def revise(self, settings: Mapping[str, Any]) -> None:
        """Change some of the settings for all runs from now on."""
        if not settings:
            return
        self.settings |= json.loads(_canonical(settings))
        with self._database.transaction(durable=True) as writer:
            self._touch(writer, _now())
            writer.execute(
                "UPDATE campaigns SET settings = ? WHERE id = ?",
                (_canonical(self.settings), self.number),
            )

    def places(self) -> list[str]:
        """The clone URLs and paths of its repositories, in the order of planning."""
        found = self._database.read(
            "SELECT place FROM places WHERE campaign = ? ORDER BY id", (self.number,)
        )
        return [text(place) for (place,) in found]

    def drop(self, places: Sequence[str]) -> int:
        """Remove repositories, but those that a process is at work on; how many went."""
        with self._database.transaction(durable=True) as writer:
            living = [
                number for number, token in self._tokens(writer) if lives(self._database, token)
            ]
            gone = writer.executemany(
                "DELETE FROM places WHERE campaign = ? AND place = ? AND (owner IS NULL OR owner"
                " NOT IN (SELECT value FROM json_each(?)))",
                [(self.number, stored(place), json.dumps(living)) for place in places],
            ).rowcount
            self._touch(writer, _now())
            return max(0, gone)

    def servers(self) -> list[str]:
        """The servers of forges that its repositories were found at."""
        found = self._database.read(
            "SELECT DISTINCT server FROM places WHERE campaign = ? AND server IS NOT NULL",
            (self.number,),
        )
        return [server for (server,) in found]

    def owner(self) -> Owner:
        """Whoever claims, for as long as the process lives or the ``with`` block lasts."""
        return Owner(self._database, self)

    def claim(self, limit: int, owner: Owner, purpose: Purpose = "no") -> list[Planned]:
        """At most so many repositories that are to be done, for this owner alone; none: there is no
        more to do, but for what other processes hold.

        Those that were tried least come first, then those planned first: what fails, or kills
        patcher, does not keep the others from being done.
        """
        with self._database.transaction() as writer:
            self._take_back(writer, owner.number)
            found: list[tuple[Any, ...]] = []
            for states in _CLAIMED[purpose]:
                found += writer.execute(
                    f"SELECT id, {PLANNED} FROM places"  # noqa: S608 - constants
                    f" WHERE campaign = ? AND owner IS NULL AND {states}"
                    " ORDER BY attempts, id LIMIT ?",
                    (self.number, *_epoch(states, owner), limit - len(found)),
                ).fetchall()
            writer.executemany(
                "UPDATE places SET owner = ? WHERE id = ?",
                [(owner.number, row[0]) for row in found],
            )
            if found:
                self._touch(writer, _now())
        return [planned(row[1:]) for row in found]

    def begin(self, owner: Owner, planned: Planned) -> None:
        """Note that work on it begins now: should patcher end before this is recorded, it counts as
        one attempt. From the thread that does the work."""
        with self._database.transaction() as writer:
            changed = writer.execute(
                "UPDATE places SET state = 'planned', attempts = attempts + 1 - begun, begun = 1,"
                " changed = ? WHERE campaign = ? AND place = ? AND owner = ?",
                (_now(), self.number, stored(planned.place), owner.number),
            ).rowcount
        if not changed:
            raise self._gone(planned.place)

    def record(
        self, owner: Owner, planned: Planned, targets: Sequence[Target], purpose: Purpose = "no"
    ) -> None:
        """What came of a repository that was begun; the claim ends with it. What was undone is to
        be done again."""
        rows = [row_of(target) for target in targets]
        undone = purpose == "undo"
        failed = any(row["stage"] is Stage.FAILED for row in rows)
        state = "failed" if failed else "planned" if undone else "done"
        now = _now()
        with self._database.transaction(
            durable=undone or any(row["stage"] in WRITTEN for row in rows)
        ) as writer:
            found = writer.execute(
                "SELECT id FROM places WHERE campaign = ? AND place = ?",
                (self.number, stored(planned.place)),
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
                    owner.number,
                    owner.number,
                    state == "planned",
                    now,
                    found[0],
                ),
            )
            replace_rows(writer, found[0], rows, now)
            self._touch(writer, now)

    def summary(self) -> Summary:
        """The campaign in one line."""
        found = self._database.read(
            "SELECT made, active FROM campaigns WHERE id = ?", (self.number,)
        )
        if not found:
            raise NoSuchCampaign(f"campaign {self.name} is no more")
        running = any(lives(self._database, token) for _, token in self._tokens())
        made, active = found[0]
        return Summary(self.name, made, active, running, self.counts())

    def done_before(self, owner: Owner) -> int:
        """How many repositories are done that neither this run nor one at the same time did."""
        ((number,),) = self._database.read(
            "SELECT count(*) FROM places WHERE campaign = ? AND state = 'done' AND ended < ?",
            (self.number, owner.number),
        )
        return int(number)

    def counts(self) -> Counts:
        """The campaign in numbers."""
        states = {"planned": 0, "done": 0, "failed": 0}
        exhausted = 0
        for state, number, tired in self._database.read(
            f"SELECT state, count(*), sum({_EXHAUSTED}) FROM places WHERE campaign = ?"  # noqa: S608
            " GROUP BY state",
            (self.number,),
        ):
            states[state] = number
            exhausted = tired if state == "failed" else exhausted
        stages = {Stage.PLANNED: states["planned"]} | {
            Stage(name): number
            for name, number in self._database.read(
                "SELECT stage, count(*) FROM places JOIN targets ON targets.place = places.id"
                " WHERE campaign = ? AND state <> 'planned' GROUP BY stage",
                (self.number,),
            )
        }
        working = sum(
            self._database.read("SELECT sum(begun) FROM places WHERE owner = ?", (number,))[0][0]
            or 0
            for number, token in self._tokens()
            if lives(self._database, token)
        )
        return Counts(
            repositories=sum(states.values()),
            **states,
            working=working,
            exhausted=exhausted,
            stages={each: stages[each] for each in Stage if stages.get(each)},
        )

    def rows(self, *, failed: bool = False, reviewed: bool = False) -> Iterator[Progress]:
        """What is known of each target, in the order of planning; of a repository that is still to
        be done, one row. ``failed``: of the failed ones alone. ``reviewed``: of those alone that
        have a review, whether they are to be done again or not."""
        last = (0, -1)
        only = "AND targets.stage = 'failed'" if failed else ""
        only += " AND targets.review_number IS NOT NULL AND base IS NOT NULL" if reviewed else ""
        known = "" if reviewed else " AND state <> 'planned'"
        while True:
            page = self._database.read(
                f"SELECT {PROGRESS} FROM places LEFT JOIN targets"  # noqa: S608 - constants
                f" ON targets.place = places.id{known}"
                " WHERE +campaign = ? AND places.id >= ?"
                f" AND (places.id, coalesce(number, 0)) > (?, ?) {only}"
                " ORDER BY places.id, number LIMIT ?",
                (self.number, last[0], *last, _PAGE),
            )
            for row in page:
                yield progress(row[2:])
            if len(page) < _PAGE:
                return
            last = page[-1][:2]

    def note_review(self, place: str, base: str, life: str) -> None:
        """What its forge says now of the review of a target."""
        with self._database.transaction() as writer:
            writer.execute(
                "UPDATE targets SET review_life = ? WHERE base = ? AND review IS NOT NULL AND place"
                " IN (SELECT id FROM places WHERE campaign = ? AND place = ?)",
                (life, stored(base), self.number, stored(place)),
            )

    def reviews(self) -> dict[str, int]:
        """How many reviews were open, merged and closed when their forges were last asked."""
        found = self._database.read(
            "SELECT review_life, count(*) FROM places JOIN targets ON targets.place = places.id"
            " WHERE campaign = ? AND review IS NOT NULL AND review_life IS NOT NULL"
            " GROUP BY 1 ORDER BY 1 DESC",
            (self.number,),
        )
        return dict(found)

    def declined(self) -> frozenset[tuple[str, str | None]]:
        """The repositories and bases that a person did not want to be changed."""
        found = self._database.read(
            "SELECT places.place, base FROM places JOIN targets ON targets.place = places.id"
            " WHERE campaign = ? AND stage = 'left' AND cause = ?",
            (self.number, DECLINED),
        )
        return frozenset((text(place), text_or_none(base)) for place, base in found)

    def causes(self) -> list[CauseSummary]:
        """Failures by cause, the most frequent first, each with the one that was tried most."""
        counts: dict[str, dict[str, ErrorKind[Progress]]] = {}
        tried: dict[str, Progress] = {}
        for row in self.rows(failed=True):
            cause = row.cause or OTHER
            kind = kind_of(row.error or "", row.place, row.base, row.branch)
            counted(counts.setdefault(cause, {}), kind, row)
            if row.attempts > tried.setdefault(cause, row).attempts:
                tried[cause] = row
        found = [
            CauseSummary(
                cause,
                sum(kind.targets for kind in kinds.values()),
                tried[cause].attempts,
                tried[cause],
                sorted(kinds.values(), key=lambda kind: -kind.targets),
            )
            for cause, kinds in counts.items()
        ]
        return sorted(found, key=lambda each: (-each.targets, each.cause))

    def planned(self) -> list[Planned]:
        """All its repositories, in the order of planning."""
        found = self._database.read(
            f"SELECT {PLANNED} FROM places WHERE campaign = ? ORDER BY id",  # noqa: S608 - constants
            (self.number,),
        )
        return [planned(row) for row in found]

    def branch_states(self) -> dict[str, int]:
        """How many review branches were found in each state, the most frequent first."""
        found = self._database.read(
            "SELECT branch_state, count(*) FROM places JOIN targets ON targets.place = places.id"
            " WHERE campaign = ? AND state <> 'planned' AND branch_state IS NOT NULL"
            " GROUP BY 1 ORDER BY 2 DESC, 1",
            (self.number,),
        )
        return dict(found)

    def _gone(self, place: str) -> LedgerError:
        return LedgerError(
            f"campaign {self.name} does not hold {place} any more: was it forgotten meanwhile?"
        )

    def _touch(self, writer: sqlite3.Connection, now: str) -> None:
        changed = writer.execute(
            "UPDATE campaigns SET active = ? WHERE id = ?", (now, self.number)
        ).rowcount
        if not changed:
            raise LedgerError(f"campaign {self.name} is no more: was it forgotten meanwhile?")

    def _tokens(self, writer: sqlite3.Connection | None = None) -> list[tuple[int, str]]:
        query = "SELECT id, token FROM owners WHERE campaign = ?"
        if writer is None:
            return [(row[0], row[1]) for row in self._database.read(query, (self.number,))]
        return writer.execute(query, (self.number,)).fetchall()

    def _living(self, writer: sqlite3.Connection) -> bool:
        return any(lives(self._database, token) for _, token in self._tokens(writer))

    def _take_back(self, writer: sqlite3.Connection, own: int) -> None:
        """Free what processes hold that are no more; what killed them too often has failed."""
        for number, token in self._tokens(writer):
            if number == own or lives(self._database, token):
                continue
            now = _now()
            killers = writer.execute(
                "SELECT id, kills + 1 FROM places WHERE owner = ? AND begun AND kills + 1 >= ?",
                (number, KILLS),
            ).fetchall()
            for place, kills in killers:
                times = "once" if kills == 1 else f"{kills} times"
                error = f"patcher ended while it was at work on it, {times}"
                replace_rows(writer, place, [whole_failure(error, KILLED)], now)
            writer.executemany(
                "UPDATE places SET state = 'failed', ended = ? WHERE id = ?",
                [(number, place) for place, _ in killers],
            )
            writer.execute(
                "UPDATE places SET kills = kills + begun, begun = 0, owner = NULL, changed = ?"
                " WHERE owner = ?",
                (now, number),
            )
            writer.execute("DELETE FROM owners WHERE id = ?", (number,))
            lock_path(self._database, token).unlink(missing_ok=True)


class Owner:
    """A process at work on a campaign. It holds a lock for as long as it lives."""

    def __init__(self, database: Database, account: Account) -> None:
        self._database = database
        self._process = os.getpid()
        self._token = os.urandom(16).hex()
        # The lock comes before the row that tells others of it.
        self._descriptor = hold(lock_path(database, self._token))
        try:
            with database.transaction() as writer:
                account._touch(writer, _now())
                self.number = int(
                    writer.execute(
                        "INSERT INTO owners (campaign, token) VALUES (?, ?)",
                        (account.number, self._token),
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


_EXHAUSTED = f"(attempts - kills >= {ATTEMPTS} OR kills >= {KILLS})"
_PLAN, _AGAIN = "state = 'planned'", "ended < ?"
_CLAIMED: dict[Purpose, tuple[str, ...]] = {
    "no": (_PLAN, f"state = 'failed' AND NOT {_EXHAUSTED} AND {_AGAIN}"),
    "failed": (_PLAN, f"state = 'failed' AND {_AGAIN}"),
    "all": (_PLAN, f"state = 'failed' AND {_AGAIN}", f"state = 'done' AND {_AGAIN}"),
    "undo": (_AGAIN,),
}


def _epoch(states: str, owner: Owner) -> tuple[int, ...]:
    """``ended`` is the youngest owner at that time: who is younger is a later run."""
    return (owner.number,) if states.endswith(_AGAIN) else ()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _canonical(settings: Mapping[str, Any]) -> str:
    return json.dumps(dict(settings), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _compare(name: str, made_with: dict[str, Any], given: dict[str, Any]) -> None:
    keys = [
        key for key in sorted(given) if (key in made_with, made_with.get(key)) != (True, given[key])
    ]
    if keys:
        other = [
            f"{key} is {_shown(made_with, key)} there and {_shown(given, key)} here" for key in keys
        ]
        raise OtherSettings(
            f"campaign {name} was made with other options ({'; '.join(other)}): leave them out to "
            "go on with it, or give another name",
            [(key, made_with.get(key), given[key]) for key in keys],
        )


def _shown(settings: dict[str, Any], key: str) -> str:
    text = json.dumps(settings[key], ensure_ascii=False) if key in settings else "unset"
    return text if len(text) <= 60 else text[:57] + "..."

"""What campaigns there are, and what happened to each of their repositories.

`patcher.campaign.claims` says who works on them.

What a kill at any moment leaves: all that was recorded; repositories that were begun and not
recorded, which were tried once more than before; claims, which are free. What was committed or
pushed and not recorded is found to be there by whoever does it again. A power cut may also take
back what was recorded in the last seconds, which is then done again, but nothing of what was
committed, pushed or reviewed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from patcher.campaign.asking import DECLINED
from patcher.campaign.claims import EXHAUSTED, Owner, living, now, owners, touch
from patcher.campaign.database import Database
from patcher.campaign.living import lock_path
from patcher.campaign.rows import (
    PLANNED,
    PROGRESS,
    planned,
    planned_columns,
    progress,
    stored,
    text,
    text_or_none,
)
from patcher.campaign.trouble import LedgerError, NoName, NoSuchCampaign, OtherSettings
from patcher.kinds import ErrorKind, counted, kind_of
from patcher.progress import (
    CauseSummary,
    Counts,
    Planned,
    Progress,
    Summary,
)
from patcher.results import Stage

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
        at = now()
        try:
            with self._database.transaction(durable=True) as writer:
                if writer.execute("SELECT 1 FROM campaigns WHERE name = ?", (name,)).fetchone():
                    raise LedgerError(f"there is a campaign {name} already")
                writer.execute(
                    "INSERT INTO campaigns (name, settings, made, active) VALUES (?, ?, ?, ?)",
                    (name, _canonical(settings), at, at),
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
            if living(self._database, account.number, writer):
                raise LedgerError(f"campaign {name} is running: end it first")
            tokens = owners(self._database, account.number, writer)
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
        new = 0
        # All or nothing: a campaign that was killed here must not go on with a part of it. Durable:
        # whoever goes on after a power cut does not name them again.
        common = {"campaign": self.number, "now": now()}
        everything = iter([{**planned_columns(item), **common} for item in items])
        with self._database.transaction(durable=True) as writer:
            touch(writer, self.number, self.name)
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
            touch(writer, self.number, self.name)
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
            held = json.dumps(living(self._database, self.number, writer))
            gone = writer.executemany(
                "DELETE FROM places WHERE campaign = ? AND place = ? AND (owner IS NULL OR owner"
                " NOT IN (SELECT value FROM json_each(?)))",
                [(self.number, stored(place), held) for place in places],
            ).rowcount
            touch(writer, self.number, self.name)
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
        return Owner(self._database, self.number, self.name)

    def summary(self) -> Summary:
        """The campaign in one line."""
        found = self._database.read(
            "SELECT made, active FROM campaigns WHERE id = ?", (self.number,)
        )
        if not found:
            raise NoSuchCampaign(f"campaign {self.name} is no more")
        running = bool(living(self._database, self.number))
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
            f"SELECT state, count(*), sum({EXHAUSTED}) FROM places WHERE campaign = ?"  # noqa: S608
            " GROUP BY state",
            (self.number,),
        ):
            if state not in states:
                raise LedgerError(
                    f"{self._database.path} is damaged (a state that there is not): move it away, "
                    "with -wal and -shm beside it, and a new one is made"
                )
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
            for number in living(self._database, self.number)
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

"""The tables of the ledger and of the cache, and what makes them of those of older versions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

CACHE: tuple[str, ...] = (
    """
    CREATE TABLE memory (
        rules BLOB NOT NULL,
        key BLOB NOT NULL,
        value BLOB NOT NULL,
        used INTEGER NOT NULL,
        PRIMARY KEY (rules, key)
    ) WITHOUT ROWID;
    """,
)
"""The same as `MIGRATIONS`, for the cache."""

MIGRATIONS: tuple[str, ...] = (
    CACHE[0],
    # Names that are bytes (paths, refs) are BLOB: they need not be UTF-8.
    """
    CREATE TABLE campaigns (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        settings TEXT NOT NULL,
        made TEXT NOT NULL,
        active TEXT NOT NULL
    ) STRICT;
    CREATE TABLE owners (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        campaign INTEGER NOT NULL REFERENCES campaigns ON DELETE CASCADE,
        token TEXT NOT NULL UNIQUE
    ) STRICT;
    CREATE INDEX owners_of ON owners (campaign);
    CREATE TABLE places (
        id INTEGER PRIMARY KEY,
        campaign INTEGER NOT NULL REFERENCES campaigns ON DELETE CASCADE,
        place BLOB NOT NULL,
        bases TEXT NOT NULL,
        family BLOB,
        state TEXT NOT NULL CHECK (state IN ('planned', 'done', 'failed')),
        owner INTEGER,
        begun INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        kills INTEGER NOT NULL,
        ended INTEGER NOT NULL,
        changed TEXT NOT NULL,
        UNIQUE (campaign, place)
    ) STRICT;
    CREATE INDEX places_free ON places (campaign, state, attempts) WHERE owner IS NULL;
    CREATE INDEX places_held ON places (owner) WHERE owner IS NOT NULL;
    CREATE TABLE targets (
        place INTEGER NOT NULL REFERENCES places ON DELETE CASCADE,
        number INTEGER NOT NULL,
        stage TEXT NOT NULL,
        outcome TEXT NOT NULL,
        base BLOB,
        base_commit TEXT,
        branch BLOB,
        new_commit TEXT,
        status TEXT,
        findings INTEGER NOT NULL,
        edits INTEGER NOT NULL,
        error TEXT,
        cause TEXT,
        note TEXT,
        at TEXT NOT NULL,
        PRIMARY KEY (place, number)
    ) WITHOUT ROWID, STRICT;
    """,
    # What earlier runs found lies in the cache.
    "DROP TABLE memory;",
    "ALTER TABLE places ADD COLUMN server TEXT;",
    "ALTER TABLE targets ADD COLUMN branch_state TEXT;",
    # What was undone is to be done again.
    """
    UPDATE places SET state = 'planned'
        WHERE id IN (SELECT place FROM targets WHERE stage = 'removed');
    UPDATE targets SET stage = 'planned' WHERE stage = 'removed';
    """,
    "ALTER TABLE places ADD COLUMN default_branch TEXT;",
    """
    ALTER TABLE targets ADD COLUMN review_act TEXT;
    ALTER TABLE targets ADD COLUMN review TEXT;
    ALTER TABLE targets ADD COLUMN review_number TEXT;
    ALTER TABLE targets ADD COLUMN review_life TEXT;
    ALTER TABLE targets ADD COLUMN review_at TEXT;
    """,
)
"""What turns a file of version N (``PRAGMA user_version``) into one of version N + 1, at index N.
What is released stays as it is; a change is one more script. ``STRICT`` tables are those of SQLite
3.37; it is left out where Python has an older one (3.26 and 3.34 on RHEL 8 and 9)."""


def statements(script: str) -> Iterator[str]:
    """The statements of a script, as the SQLite that Python has knows them."""
    if sqlite3.sqlite_version_info < (3, 37):
        script = script.replace(") WITHOUT ROWID, STRICT;", ") WITHOUT ROWID;")
        script = script.replace(") STRICT;", ");")
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""

"""What earlier runs found, so that nothing is done twice.

What a file holds depends on its bytes and its name alone, which files matter below a tree on the
tree's id alone, and all that is found at a commit on the commit's id alone: each is remembered by
object id, for one version of the rules and one set of options. ``patcher.git.tree_search`` says
whether it is valid for every repository, or for the one that it was seen in.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from patcher import git
from patcher.findings import Dropped, Edit, Finding, Result, Status
from patcher.options import Options
from patcher.results import ChangedFile, Located, Outcome, Target

if TYPE_CHECKING:
    from patcher.campaign.database import Database
    from patcher.campaign.selection import Selection

_COMMIT = b"c"
_SCOPE = len(git.EVERYWHERE)

_MOST_VALUE = 1 << 18
"""Bytes of what is remembered of one commit; a hundred findings take a tenth."""

_MOST_JUDGED = 16 << 20
"""Bytes that the findings of files take that are kept in memory; of those with edits, with their
content."""

_MOST_CONTENT = 1 << 17
"""The same for one file."""

_FINDING = 1 << 10
"""What a finding takes, about."""

_LEAST_FINDING = 100
"""What it takes at least as it is written, besides its path."""


class CacheStore(Protocol):
    """Where it is kept."""

    def recall(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The values of those keys that are known."""
        ...

    def remember(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep keys and values, soon."""
        ...

    def close(self) -> None:
        """Keep them now, and end."""
        ...


_AT_ONCE = 400
"""Keys that one query asks for."""

_DAY = 86400

_MOST_RECENT = 4 << 20
"""Bytes of rows that wait to be written, and are kept in memory until then."""


class Rows:
    """A store in the database. ``rules`` stands for a version of the rules and a set of options."""

    def __init__(self, database: Database, rules: bytes) -> None:
        self._database, self._rules = database, rules
        self._today = int(time.time()) // _DAY
        # The database does not show what it has queued.
        self._recent: dict[bytes, bytes] = {}
        self._size = 0
        self._written = 0

    def recall(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """As `CacheStore` says."""
        recent = self._recent
        found = {key: recent[key] for key in keys if key in recent}
        left = [key for key in keys if key not in found]
        for start in range(0, len(left), _AT_ONCE):
            some = left[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            for key, stored, used in self._database.read(
                f"SELECT key, value, used FROM memory WHERE rules = ? AND key IN ({marks})",  # noqa: S608
                (self._rules, *some),
            ):
                value = stored[_CHECK:]
                if stored[:_CHECK] != _check(key, value):  # damage
                    continue
                found[key] = value
                if used != self._today:
                    self._database.later(
                        "UPDATE memory SET used = ? WHERE rules = ? AND key = ?",
                        (self._today, self._rules, key),
                    )
        return found

    def remember(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """As `CacheStore` says."""
        for key, value in rows:
            if self._size >= _MOST_RECENT:
                self._database.flush()
                self._recent, self._size = {}, 0
            self._recent[key] = value
            self._size += len(value) + _ROW
            self._database.later(
                "INSERT OR REPLACE INTO memory (rules, key, value, used) VALUES (?, ?, ?, ?)",
                (self._rules, key, _check(key, value) + value, self._today),
            )
            self._written += len(key) + len(value)
        if self._written > MOST // _TRIMMED:  # not at the end alone: a dask worker has none
            self._written = 0
            self.trim(MOST)

    def close(self) -> None:
        """As `CacheStore` says."""
        self.trim(MOST)
        self._database.close()

    def trim(self, max_bytes: int) -> int:
        """Forget what was not used for longest, until the rest takes no more than so many bytes;
        how many rows were forgotten. Costs nothing while the whole file is smaller."""
        database = self._database
        database.flush()
        ((pages, free, size),) = database.read(
            "SELECT * FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
        ) or [(0, 0, 0)]
        if (pages - free) * size <= max_bytes:
            return 0
        forgotten = 0
        with database.lenient(), database.transaction() as writer:
            room = max_bytes
            for used, rows, taken in writer.execute(
                "SELECT used, count(*), sum(length(rules) + length(key) + length(value) + ?)"
                " FROM memory GROUP BY used ORDER BY used DESC",
                (_ROW_ON_DISK,),
            ).fetchall():
                room -= taken
                if room >= 0:
                    continue
                # Of those that were last used together, as many go as have to.
                going = -(room * rows // taken)
                room = 0
                forgotten += writer.execute(
                    "DELETE FROM memory WHERE (rules, key) IN"
                    " (SELECT rules, key FROM memory WHERE used = ? LIMIT ?)",
                    (used, going),
                ).rowcount
        database.shrink()
        return forgotten


_CHECK = 4

_ROW = 200
"""What a row takes in memory besides its value, about."""

_ROW_ON_DISK = 16
"""What SQLite needs for a row besides its values, about, in bytes."""


def _check(key: bytes, value: bytes) -> bytes:
    """What shows a damaged row: SQLite does not look at the bytes of a value."""
    return zlib.crc32(key, zlib.crc32(value)).to_bytes(_CHECK, "big")


MOST = 512 << 20
"""Bytes that the cache may take on disk; 10,000 small repositories take 3 MB, a family of large
ones 10."""

_TRIMMED = 8
"""What part of that may come on top of it before it is trimmed."""

NOT_USED = "what earlier runs found is not used"


class Cache:
    """What is known under one set of rules. Used by many threads."""

    def __init__(self, store: CacheStore | None = None) -> None:
        self._store = store
        self._judged: dict[tuple[bytes, str], Result] = {}
        self._size = 0

    def recall(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The values of those keys that are known."""
        return {} if self._store is None else self._store.recall(keys)

    def remember(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep keys and values."""
        if self._store is not None:
            self._store.remember(rows)

    def close(self) -> None:
        """Write what is not yet written."""
        if self._store is not None:
            self._store.close()

    def search(self) -> Search:
        """What is known of trees, for one search."""
        return Search(self)

    # -- files

    def judged(self, path: bytes, oid: str) -> Result | None:
        """What was said of a file with this path and content."""
        return self._judged.get((path, oid))

    def keep(self, path: bytes, oid: str, result: Result) -> None:
        """Keep what was said of a file: the new content, only where there are edits."""
        if not result.edits:
            result = replace(result, content=b"")
        size = len(path) + len(result.content) + _FINDING * (1 + len(result.findings))
        size += _FINDING * len(result.dropped)
        if size > _MOST_CONTENT:
            return
        if self._size + size > _MOST_JUDGED:
            self._judged.clear()
            self._size = 0
        self._judged[path, oid] = result
        self._size += size

    # -- commits

    def commits(self, ids: Iterable[str]) -> dict[str, bytes]:
        """What is known of commits, as `target` reads it."""
        if self._store is None:
            return {}
        keys = [_COMMIT + bytes.fromhex(commit) for commit in ids]
        return {key[1:].hex(): value for key, value in self.recall(keys).items()}

    def target(self, value: bytes, repository: git.Repository, base: git.Base) -> Target | None:
        """What was found at a base; the changed files come without their contents. None where it
        does not count for this repository."""
        scope, text = value[:_SCOPE], value[_SCOPE:]
        if scope != git.EVERYWHERE and scope != git.scope_of(repository):
            return None
        try:
            found, files, dropped, note = _read(text) if text else ((), (), (), None)
        except (ValueError, TypeError):  # written otherwise
            return None
        return Target(
            repository=repository.place,
            base=base.ref,
            commit=base.commit,
            outcome=Outcome.SCANNED,
            note=note,
            findings=found,
            files=files,
            dropped=dropped,
            read=True,
        )

    def learn(self, target: Target, scope: bytes) -> None:
        """Remember what was found at a target's base."""
        if self._store is None or target.commit is None or target.error is not None:
            return
        least = sum(_LEAST_FINDING + len(located.path) for located in target.findings)
        if least > _MOST_VALUE:
            return
        text = _written(target)
        if len(text) <= _MOST_VALUE:
            self.remember([(_COMMIT + bytes.fromhex(target.commit), scope + text)])


class Search:
    """The memory of one search: `git.Memory`, which notes in which scope the answer is valid."""

    def __init__(self, memory: Cache) -> None:
        self.recall = memory.recall
        self.remember = memory.remember
        self.scope: bytes | None = None

    def settled(self, scope: bytes) -> None:
        """As `git.Memory` says."""
        self.scope = scope


def rules(selection: Selection) -> bytes:
    """Stands for what decides about findings: the code, the migrations and the options."""
    import hashlib

    told = (
        *_code(),
        *(getattr(selection, field.name) for field in fields(Options)),
        selection.include,
        selection.exclude,
    )
    return hashlib.sha256(repr(told).encode("utf-8", "surrogateescape")).digest()[:16]


_DECIDING = (
    *("campaign/changes.py", "campaign/globs.py", "campaign/includes.py", "campaign/look.py"),
    *("campaign/cache.py", "campaign/selection.py", "engine.py", "findings.py", "git/errors.py"),
    *("git/objects.py", "git/scope.py", "git/tree_search", "hosts", "migrations", "options.py"),
    *("policy", "proof", "results.py", "seccomp.py", "text.py", "campaign/elsewhere.py"),
)
_code_lock = threading.Lock()
_code_seen: tuple[object, ...] = ()


def _code() -> tuple[object, ...]:
    """The version, and the sizes and times of the files that decide: a version alone would let what
    a developer's tree found yesterday count today."""
    global _code_seen
    with _code_lock:
        if not _code_seen:
            from patcher import __version__

            seen: list[object] = [__version__]
            root = Path(__file__).parents[1]
            for name in _DECIDING:
                place = root / name
                for file in sorted(place.iterdir()) if place.is_dir() else [place]:
                    if file.suffix in (".py", ".yaml", ".json"):
                        status = file.stat()
                        seen.append((file.name, status.st_size, status.st_mtime_ns))
            _code_seen = tuple(seen)
        return _code_seen


# -- as JSON; bytes as Latin-1, which has a character for each


def _written(target: Target) -> bytes:
    if not (target.findings or target.files or target.dropped or target.note):
        return b""
    import json

    return json.dumps(
        [
            [[each.path.decode("latin-1"), *_fields(each.finding)] for each in target.findings],
            [
                [f.path.decode("latin-1"), f.mode, f.old_oid, f.new_oid, [*map(_edit, f.edits)]]
                for f in target.files
            ],
            [
                [path.decode("latin-1"), each.line, each.profile, each.reason]
                for path, each in target.dropped
            ],
            target.note,
        ],
        separators=(",", ":"),
    ).encode("ascii")


def _fields(finding: Finding) -> list[Any]:
    return [
        finding.line,
        finding.profile,
        finding.host,
        finding.status.value,
        finding.moby_style,
        finding.reason,
        finding.evidence,
        finding.migration,
        finding.edit and _edit(finding.edit),
        finding.documentation,
    ]


def _edit(edit: Edit) -> list[Any]:
    return [edit.offset, edit.insert.decode("latin-1")]


def _read(
    text: bytes,
) -> tuple[
    tuple[Located, ...], tuple[ChangedFile, ...], tuple[tuple[bytes, Dropped], ...], str | None
]:
    import json

    findings, files, dropped, note = json.loads(text)
    return (
        tuple(Located(path.encode("latin-1"), _finding(*fields)) for path, *fields in findings),
        tuple(
            ChangedFile(
                path.encode("latin-1"), mode, old, new, b"", b"", tuple(map(_as_edit, edits))
            )
            for path, mode, old, new, edits in files
        ),
        tuple((path.encode("latin-1"), Dropped(*fields)) for path, *fields in dropped),
        note,
    )


def _finding(
    line: int,
    profile: str,
    host: str,
    status: str,
    moby_style: bool,
    reason: str,
    evidence: list[str],
    migration: str,
    edit: list[Any] | None,
    documentation: bool,
) -> Finding:
    return Finding(
        line=line,
        profile=profile,
        host=host,
        status=Status(status),
        moby_style=moby_style,
        reason=reason,
        evidence=tuple(evidence),
        migration=migration,
        edit=None if edit is None else _as_edit(edit),
        documentation=documentation,
    )


def _as_edit(edit: list[Any]) -> Edit:
    return Edit(edit[0], edit[1].encode("latin-1"))

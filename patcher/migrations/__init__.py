"""What to change, as data: one YAML file each, and the loader.

A built-in migration is a file in this folder; a user's own is a file anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from patcher.migrations.migration import Migration, MigrationError

__all__ = ["DEFAULT", "Migration", "MigrationError", "builtin", "choose", "load_migration"]

DEFAULT = "deny-af-alg"
"""The id of the migration that is meant where none is named."""

_FOLDER = Path(__file__).parent
_builtin: tuple[Migration, ...] = ()


def builtin() -> tuple[Migration, ...]:
    """The migrations that come with patcher, in the order in which they are inserted."""
    global _builtin
    if not _builtin:
        from patcher.migrations import flat
        from patcher.migrations.migration import build

        _builtin = tuple(
            sorted(
                (build(flat.read(file.read_text("utf-8"))) for file in _FOLDER.glob("*.yaml")),
                key=Migration.sorting_key,
            )
        )
    return _builtin


def load_migration(name_or_path: str | os.PathLike[str]) -> Migration:
    """Return a built-in migration by its id, or read a YAML file by its path: an ``os.PathLike``,
    or text that holds a ``/`` or ends in ``.yaml`` or ``.yml``.

    Raises MigrationError, which is a ValueError.
    """
    if isinstance(name_or_path, str):
        if "/" not in name_or_path and not name_or_path.endswith((".yaml", ".yml")):
            return _named(name_or_path, "or a file such as ./mine.yaml")
    elif not isinstance(name_or_path, os.PathLike):
        raise TypeError(f"a migration's id or path must be text or a path, not {name_or_path!r}")
    from patcher.migrations import document

    return document.read(os.fspath(name_or_path))


def choose(migrations: Iterable[Migration | str] | None = None) -> tuple[Migration, ...]:
    """Return the migrations that are meant, each once, in the order of insertion.

    ``migrations``: values, or ids of built-in ones; None: ``DEFAULT`` alone. Raises TypeError;
    MigrationError for an unknown id, for two migrations with one id, and for none at all.
    """
    if migrations is None:
        migrations = (DEFAULT,)
    if isinstance(migrations, (str, Migration)) or not isinstance(migrations, Iterable):
        raise TypeError(
            f"migrations must be a list, such as [{DEFAULT!r}], not {_shown(migrations)}"
        )
    chosen: dict[str, Migration] = {}
    for given in migrations:
        if isinstance(given, str):
            given = _named(given, "and files, which patcher.load_migration reads")
        elif not isinstance(given, Migration):
            raise TypeError(
                "migrations must hold ids of built-in migrations, or what patcher.load_migration "
                f"returns, not {given!r}"
            )
        if chosen.setdefault(given.id, given) != given:
            raise MigrationError(f"two different migrations are called {given.id!r}")
    if not chosen:
        raise MigrationError(f"migrations is empty: name one, or leave it out for {DEFAULT!r}")
    return tuple(sorted(chosen.values(), key=Migration.sorting_key))


def _named(name: str, files: str) -> Migration:
    known = {migration.id: migration for migration in builtin()}
    if name not in known:
        raise MigrationError(f"no migration {name!r}; there are {', '.join(known)}, {files}")
    return known[name]


def _shown(value: object) -> str:
    return f"one Migration ({value.id})" if isinstance(value, Migration) else repr(value)

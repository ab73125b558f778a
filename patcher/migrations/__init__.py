"""What to change, as data: one YAML file each, and the loader.

A built-in migration is a file in this folder; a user's own is a file anywhere.
"""

from __future__ import annotations

from pathlib import Path

from patcher.migrations.migration import Migration, MigrationError

__all__ = ["Migration", "MigrationError", "builtin", "load"]

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


def load(name_or_path: str) -> Migration:
    """A built-in migration by its id, or a YAML file by its path (it holds a ``/``, or ends in
    ``.yaml`` or ``.yml``).

    Raises MigrationError.
    """
    for migration in builtin():
        if migration.id == name_or_path:
            return migration
    if "/" not in name_or_path and not name_or_path.endswith((".yaml", ".yml")):
        known = ", ".join(migration.id for migration in builtin())
        raise MigrationError(
            f"no migration {name_or_path!r}; there are {known}, or a file such as ./mine.yaml"
        )
    from patcher.migrations import document

    return document.read(name_or_path)

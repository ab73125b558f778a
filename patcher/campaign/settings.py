"""What a campaign was begun with, as JSON knows it: whoever goes on does the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from patcher.campaign.apply import Commits
from patcher.campaign.look import Selection
from patcher.migrations import Migration

_SELECTION = tuple(field.name for field in fields(Selection))
_COMMITS = tuple(field.name for field in fields(Commits))


def written(selection: Selection, commits: Commits) -> dict[str, Any]:
    """All that decides about what is done. ``dry_run`` is no part of it: it does nothing."""
    return {
        **{name: getattr(selection, name) for name in _SELECTION if name != "migrations"},
        **{name: getattr(commits, name) for name in _COMMITS if name != "dry_run"},
        "migrations": [asdict(migration) for migration in selection.migrations],
    }


def read(settings: Mapping[str, Any]) -> tuple[Selection, Commits]:
    """What `written` was given. What an older version did not know has its default."""
    known = {name: _frozen(value) for name, value in settings.items()}
    known["migrations"] = tuple(
        Migration(**{name: _frozen(value) for name, value in migration.items()})
        for migration in settings["migrations"]
    )
    return (
        Selection(**{name: known[name] for name in _SELECTION if name in known}),
        Commits(**{name: known[name] for name in _COMMITS if name in known}),
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value

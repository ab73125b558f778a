"""What a campaign was begun with, as JSON knows it: whoever goes on does the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from patcher.campaign.commits import Commits
from patcher.campaign.selection import Selection
from patcher.forges import tokens
from patcher.migrations import Migration
from patcher.reviews.wishes import Wishes

_SELECTION = tuple(field.name for field in fields(Selection))
_FOR_ONE_RUN = ("dry_run", "shown", "undo", "refresh", "reopen")
_OWN = ("reviews", "change", "date", *_FOR_ONE_RUN)
_COMMITS = tuple(field.name for field in fields(Commits) if field.name not in _OWN)
REVIEWS = tuple(field.name for field in fields(Wishes) if field.name not in _FOR_ONE_RUN)
"""The settings that a campaign may change as it goes on: corrections reach open reviews."""
FORGES = "forges"
"""The setting that says where the tokens of which servers come from; it may be changed, too."""
_MIGRATION = tuple(field.name for field in fields(Migration) if field.init)


def written(selection: Selection, commits: Commits) -> dict[str, Any]:
    """All that decides about what is done, but for what is meant for one run."""
    wishes = commits.reviews or Wishes()
    return {
        **{name: getattr(selection, name) for name in _SELECTION if name != "migrations"},
        **{name: getattr(commits, name) for name in _COMMITS},
        **{name: getattr(wishes, name) for name in REVIEWS},
        "migrations": [asdict(migration) for migration in selection.migrations],
        FORGES: [asdict(source) for source in tokens.used()],
    }


def read(settings: Mapping[str, Any]) -> tuple[Selection, Commits]:
    """What `written` was given. What an older version did not know has its default. From here on
    tokens come from where the campaign file said, unless the one of this run says otherwise."""
    tokens.add(tokens.TokenSource(**source) for source in settings.get(FORGES, ()))
    known = {name: _frozen(value) for name, value in settings.items()}
    known["migrations"] = tuple(
        Migration(**{name: _frozen(migration[name]) for name in _MIGRATION if name in migration})
        for migration in settings["migrations"]
    )
    wishes = Wishes(**{name: known[name] for name in REVIEWS if name in known})
    known["reviews"] = None if wishes.review == "none" else wishes
    return (
        Selection(**{name: known[name] for name in _SELECTION if name in known}),
        Commits(**{name: known[name] for name in (*_COMMITS, "reviews") if name in known}),
    )


_CALLED = {
    "bases": "base",
    "ignore_authors": "ignore-author",
    "max_bytes": "max-size",
    "key": "sign",
    "migrations": "migration",
}


def option(name: str, value: Any) -> str:
    """A setting as it is written on the command line."""
    import shlex

    if name == "per_file":
        return f"--commit-per {'file' if value else 'repository'}"
    called = f"--{_CALLED.get(name, name.replace('_', '-'))}"
    if value in (None, False, []):
        return f"no {called}"
    if value is True:
        return called
    if name == "migrations":
        value = [migration["id"] for migration in value]
    words = [str(each) for each in (value if isinstance(value, list) else [value])]
    shown = [word if len(word) <= 60 else f"{word[:57]}..." for word in words]
    return " ".join(f"{called} {shlex.quote(word)}" for word in shown)


def contradiction(name: str, differences: Sequence[tuple[str, Any, Any]]) -> str:
    """How the settings that were asked for differ from those of the campaign, in one line."""
    there, here = (
        " ".join(option(setting, values[at]) for setting, *values in differences) for at in (0, 1)
    )
    return (
        f"campaign {name} was made with {there}, not with {here}: leave that out to go on with it, "
        "or give another name"
    )


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value

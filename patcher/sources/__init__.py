"""Where repositories come from: paths, clone URLs, lists, organisations of a forge.

One module a kind. Each has ``claims(word)``, whether a word of the command line is of its kind;
``label(word)``, what its repositories are counted as; and ``find(words)``. `patcher.sources.union`
lists them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from patcher.sources.filters import Choice, Filters, since
    from patcher.sources.found import Facts, Found, SourceError
    from patcher.sources.gathered import Gathered, Tally
    from patcher.sources.tokens import with_token
    from patcher.sources.union import find, gather, remote

_WHERE = {
    "Choice": "filters",
    "Facts": "found",
    "Filters": "filters",
    "Found": "found",
    "Gathered": "gathered",
    "SourceError": "found",
    "Tally": "gathered",
    "find": "union",
    "gather": "union",
    "remote": "union",
    "since": "filters",
    "with_token": "tokens",
}

__all__ = [
    "Choice",
    "Facts",
    "Filters",
    "Found",
    "Gathered",
    "SourceError",
    "Tally",
    "find",
    "gather",
    "remote",
    "since",
    "with_token",
]


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for: a scan of paths needs little of it."""
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(f"patcher.sources.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

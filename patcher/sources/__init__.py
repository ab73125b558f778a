"""Where repositories come from: paths, clone URLs, lists, organisations of a forge.

One module a kind, with its ``find``; `patcher.sources.words` says what a word is, and
`patcher.sources.union` puts them together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from patcher.sources.filters import Choice, Filters, since
    from patcher.sources.found import Found, WrongSource
    from patcher.sources.gathered import Gathered
    from patcher.sources.tally import Tally
    from patcher.sources.union import find, gather, remote
    from patcher.sources.words import understood

_WHERE = {
    "Choice": "filters",
    "Filters": "filters",
    "Found": "found",
    "Gathered": "gathered",
    "Tally": "tally",
    "find": "union",
    "gather": "union",
    "remote": "union",
    "WrongSource": "found",
    "since": "filters",
    "understood": "words",
}

__all__ = [
    "Choice",
    "Filters",
    "Found",
    "Gathered",
    "Tally",
    "WrongSource",
    "find",
    "gather",
    "remote",
    "since",
    "understood",
]


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for: a scan of paths needs little of it."""
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(f"patcher.sources.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

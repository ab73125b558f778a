"""Where repositories come from: paths, clone URLs, lists, organisations of a forge.

One module a kind, with its ``find``; `patcher.sources.words` says what a word is, and
`patcher.sources.union` puts them together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from patcher.lazily import imported

if TYPE_CHECKING:
    from patcher.sources.filters import Choice, Filters, since
    from patcher.sources.found import Found, WrongSource
    from patcher.sources.gathered import Gathered
    from patcher.sources.tally import Tally
    from patcher.sources.union import find, gather, remote
    from patcher.sources.words import understood

_LATER = {
    "filters": "Choice Filters since",
    "found": "Found WrongSource",
    "gathered": "Gathered",
    "tally": "Tally",
    "union": "find gather remote",
    "words": "understood",
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

__getattr__ = imported(__name__, _LATER)

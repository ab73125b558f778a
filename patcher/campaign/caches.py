"""The caches that this process has open. A run that comes to no commit loads no cache."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from patcher.campaign.cache import Cache
    from patcher.campaign.selection import Selection

_opened: dict[tuple[str, bytes], Cache] = {}
_opening = threading.Lock()


def opened(selection: Selection, warn: Callable[[str], object]) -> Cache:
    """The cache of this machine's user for a selection; one for all threads of a process.
    ``warn`` is called once with the reason if there is none."""
    from patcher.campaign.cache import NOT_USED, Cache, Rows, rules
    from patcher.campaign.database import open_cache

    place = os.environ.get("PATCHER_CACHE_DIR", "")
    key = (f"{os.getpid()} {place}", rules(selection))
    with _opening:
        if key not in _opened:
            database = open_cache(lambda why: warn(f"{NOT_USED}: {why}"))
            _opened[key] = Cache(None if database is None else Rows(database, key[1]))
        return _opened[key]


def close() -> None:
    """Write what is not yet written, and forget what was not used for longest where there is too
    much."""
    with _opening:
        for memory in _opened.values():
            memory.close()
        _opened.clear()

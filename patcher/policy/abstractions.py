"""The network rules of AppArmor's own abstractions, for an include that nobody can look up.

``abstractions.json`` says which version they are of. Those that an abstraction includes count as
its own; so do none of its ``.d`` directory, which is empty unless an administrator fills it.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

_FILE = Path(__file__).with_name("abstractions.json")


@lru_cache(maxsize=1)
def _known() -> dict[str, tuple[str, ...]]:
    data = json.loads(_FILE.read_text("utf-8"))
    known: dict[str, tuple[str, ...]] = dict.fromkeys(data["none"], ())
    return known | {name: tuple(rules) for name, rules in data["network"].items()}


def network_rules(name: str) -> tuple[str, ...] | None:
    """The network rules of ``abstractions/NAME``, without their commas; None for another file."""
    return _known().get(name, () if name.removesuffix(".d") in _known() else None)

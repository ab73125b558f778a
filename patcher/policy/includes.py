"""Includes: what they name, and what is known of the files, which lie below ``/etc/apparmor.d``.

Nothing is read here: who has files hands in a `Find`. Without one, the network rules of AppArmor's
own abstractions are known. ``abstractions.json`` says which version they are of. Those that an
abstraction includes count as its own; so do none of its ``.d`` directory, which is empty unless an
administrator fills it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

Find = Callable[[str, bool], bytes | None]
"""The text of an included file, by its name below ``/etc/apparmor.d``, and whether the rule says
``if exists``: empty where the file is known not to be there, None where it is not known. Raises
`Unreadable`."""


class Unreadable(Exception):
    """The file is there, and what it holds is not known."""


BASE = "/etc/apparmor.d/"
_FILE = Path(__file__).with_name("abstractions.json")


def look_up(find: Find, name: str, optional: bool) -> bytes | None:
    """The text of the file of that name, as `Find` says."""
    plain = name.removeprefix(BASE)
    if plain.startswith("/") or ".." in plain.split("/"):
        return None
    try:
        found = find(plain, optional)
    except Unreadable:
        return None
    return nothing(plain, optional) if found is None else found


def is_for_additions(name: str, optional: bool) -> bool:
    """Whether an include is for what the administrator of a machine adds: nothing, as it is
    shipped."""
    return optional and (name.startswith("local/") or name.endswith(".d"))


@lru_cache(maxsize=1)
def _known() -> dict[str, bytes]:
    import json

    data = json.loads(_FILE.read_text("utf-8"))
    known: dict[str, bytes] = dict.fromkeys(data["none"], b"")
    for name, rules in data["network"].items():
        known[name] = b"".join(b" %s,\n" % rule.encode() for rule in rules)
    return known


def nothing(name: str, optional: bool) -> bytes | None:
    """What is known of a file where none can be looked for."""
    return _known().get(name, b"" if name.removesuffix(".d") in _known() else None)

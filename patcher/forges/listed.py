"""What a forge says of a repository, believed as far as it can be checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from patcher import git
from patcher.forges.server import Server
from patcher.values import dataclass

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What a forge says of a repository; None where it says nothing."""

    archived: bool | None = None
    fork: bool | None = None
    visibility: str | None = None
    """``public``, ``private`` or ``internal``."""
    topics: tuple[str, ...] | None = None
    pushed_at: datetime | None = None
    """The last push, with its time zone; GitLab and Gitea tell the last activity."""
    default_branch: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One repository of a forge. ``parent`` is the clone URL of the one that it was forked from."""

    address: git.Address
    parent: str | None
    facts: Facts


@dataclass(frozen=True, slots=True)
class UnusableEntry:
    """An entry of a list, or a part of the list, that is missing; ``why`` is one line."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Keys:
    """What a forge calls the facts in its JSON."""

    name: str = "full_name"
    url: str = "clone_url"
    parent: str = "parent"
    pushed_at: str = "pushed_at"


def listed(server: Server, record: object, keys: Keys) -> Listed | UnusableEntry:
    """One entry of a response."""
    shown = text(record, keys.name) or "an entry without a name"
    try:
        address = server.clone_address(text(record, keys.url))
    except git.GitError as error:
        return UnusableEntry(shown[:200], str(error))
    above = record.get(keys.parent) if isinstance(record, dict) else None
    try:
        parent = server.clone_address(text(above, keys.url)).url
    except git.GitError:
        parent = None
    facts = Facts(
        archived=_flag(record, "archived"),
        fork=_flag(record, "fork"),
        visibility=text(record, "visibility") or _visibility(record),
        topics=_texts(record, "topics"),
        pushed_at=_moment(text(record, keys.pushed_at)),
        default_branch=text(record, "default_branch"),
    )
    return Listed(address, parent, facts)


def text(record: object, key: str) -> str | None:
    """The text of a key, None where there is none."""
    value = record.get(key) if isinstance(record, dict) else None
    return value if isinstance(value, str) else None


def _flag(record: object, key: str) -> bool | None:
    value = record.get(key) if isinstance(record, dict) else None
    return value if isinstance(value, bool) else None


def _texts(record: object, key: str) -> tuple[str, ...] | None:
    value = record.get(key) if isinstance(record, dict) else None
    if not isinstance(value, list):
        return None
    return tuple(item[:200] for item in value[:100] if isinstance(item, str))


def _visibility(record: object) -> str | None:
    private = _flag(record, "private")
    if private is None:
        return None
    return "internal" if _flag(record, "internal") else "private" if private else "public"


def _moment(value: str | None) -> datetime | None:
    from datetime import UTC, datetime

    try:
        found = datetime.fromisoformat(value) if value else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def inside(record: object, *keys: str) -> object:
    """What lies below the keys, one in the other; None where there is nothing."""
    for key in keys:
        record = record.get(key) if isinstance(record, dict) else None
    return record


def texts(records: object, *keys: str) -> tuple[str, ...]:
    """The text below the keys, of each record of a list that has one."""
    found = (inside(each, *keys) for each in records) if isinstance(records, list) else ()
    return tuple(each for each in found if isinstance(each, str))


def number(record: object, *keys: str) -> int | None:
    """The id or number below the keys, None where there is none."""
    value = inside(record, *keys)
    return value if type(value) is int and 0 <= value < 1 << 63 else None

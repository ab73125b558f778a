"""Read a campaign file: what is wrong in it is one line, with its place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any, TypeVar

from patcher import yamltree
from patcher.campaignfile.schema import Schema, resolved, schema
from patcher.text import printable
from patcher.values import dataclass
from patcher.yamltree import Mistake, Node, Place

_T = TypeVar("_T")

MOST_BYTES = 1 << 20
_MOST_TEXT = 1 << 16
"""Characters of one value."""
_MOST_SHOWN = 60

_TOKEN = re.compile(r"\b(?:gh[a-z]_|github_pat_|gl[a-z]{2,8}-)[A-Za-z0-9_.-]{16,}")
"""What GitHub's and GitLab's tokens look like:
https://docs.github.com/authentication/keeping-your-account-and-data-secure/about-authentication-to-github#githubs-token-formats,
https://docs.gitlab.com/security/tokens/#token-prefixes"""

_KINDS: dict[type, str] = {
    type(None): "nothing",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    tuple: "a list",
    dict: "a mapping",
}
_TYPES: Mapping[str, tuple[str, type | tuple[type, ...]]] = {
    "array": ("a list", tuple),
    "boolean": ("true or false", bool),
    "integer": ("a whole number", int),
    "number": ("a number", (int, float)),
    "object": ("a mapping (key: value)", dict),
    "string": ("text", str),
}


class WrongFile(Exception):
    """The campaign file cannot be used; ``str(error)`` is one printable line that says where and
    why."""

    def __init__(self, path: str, place: Place | None, text: str) -> None:
        at = "" if place is None else f":{place[0]}:{place[1]}"
        super().__init__(printable(f"{path}{at}: {text}"))


@dataclass(frozen=True, slots=True)
class Setting:
    """A key that stands for an option of `patcher apply`."""

    option: str
    """``--base``; ``SOURCE``."""
    key: str
    """With those above it: ``filters.match``."""
    value: bool | int | float | str | tuple[str, ...]
    is_path: bool
    place: Place
    items: tuple[Place, ...] = ()
    """Where the entries of a list are."""


@dataclass(frozen=True, slots=True)
class ForgeHost:
    """A server of a forge, and where its token comes from."""

    host: str
    forge: str
    place: Place
    env: str | None = None
    login: str | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """What is different for the repositories that a glob matches."""

    match: str
    place: Place
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class CampaignFile:
    """What a campaign file says."""

    path: str
    settings: tuple[Setting, ...]
    hosts: tuple[ForgeHost, ...] = ()
    overrides: tuple[Override, ...] = ()

    def wrong(self, place: Place, text: str) -> WrongFile:
        """The error for what turns out to be wrong later."""
        return WrongFile(self.path, place, text)


def content(path: str) -> str:
    """The text of the file. Raises WrongFile."""
    return _placed(path, lambda: yamltree.content(path, MOST_BYTES, "a campaign file"))


def read(path: str, text: str | None = None) -> CampaignFile:
    """What the file says, or a text that is to be in it. Raises WrongFile."""
    told = content(path) if text is None else text
    return _placed(path, lambda: _read(path, told))


def _placed(path: str, reading: Callable[[], _T]) -> _T:
    try:
        return reading()
    except Mistake as fault:
        raise WrongFile(path, fault.place, fault.text) from None
    except ValueError as error:
        raise WrongFile(path, None, str(error)) from None


def _read(path: str, text: str) -> CampaignFile:
    node = yamltree.mapping(text)
    whole = schema()
    _check(node, whole, "")
    known = whole["properties"]
    return CampaignFile(
        path,
        tuple(_settings(node, whole)),
        tuple(_host(each) for each in _entries(node, "forges")),
        tuple(
            Override(
                str(_of(each, "match")),
                each.place,
                tuple(_settings(each, known["repositories"]["items"])),
            )
            for each in _entries(node, "repositories")
        ),
    )


def _of(node: Node, key: str) -> Any:
    """The value of a key of a mapping, None without it."""
    assert isinstance(node.value, dict)
    found = node.value.get(key)
    return None if found is None else found.value


def _entries(node: Node, key: str) -> Sequence[Node]:
    return _of(node, key) or ()


def _host(node: Node) -> ForgeHost:
    assert isinstance(node.value, dict)
    token = node.value.get("token")
    env, login = (None, None) if token is None else (_of(token, "env"), _of(token, "login"))
    return ForgeHost(_of(node, "host"), _of(node, "forge"), node.value["host"].place, env, login)


def _settings(node: Node, part: Schema, prefix: str = "") -> Iterator[Setting]:
    """The settings below a node that was checked."""
    assert isinstance(node.value, dict)
    for key, value in node.value.items():
        found = resolved(part["properties"][key])
        if "x-option" in found:
            yield _setting(found, prefix + key, value)
        elif isinstance(value.value, dict):
            yield from _settings(value, found, f"{prefix}{key}.")


def _setting(part: Schema, key: str, node: Node) -> Setting:
    made: Any = node.value
    items: tuple[Place, ...] = ()
    if "items" in part:
        entries = node.value if isinstance(node.value, tuple) else (node,)
        assert not isinstance(entries, dict)
        made, items = tuple(each.value for each in entries), tuple(each.place for each in entries)
    return Setting(part["x-option"], key, made, bool(part.get("x-path")), node.place, items)


def _check(node: Node, part: Schema, name: str) -> None:
    """Raise Mistake unless the schema allows the value."""
    part = resolved(part)
    hint = f": {part['x-hint']}" if "x-hint" in part else ""
    if "enum" in part:
        if node.value not in part["enum"]:
            instead = hint or f", not {_shown(node)}"
            raise Mistake(node.place, f"{name!r} must be {_either(part['enum'])}{instead}")
        return
    types = part["type"] if isinstance(part["type"], list) else [part["type"]]
    if not any(_is(node.value, each) for each in types):
        wanted = " or ".join(_TYPES[each][0] for each in types)
        quotes = ": put it in quotes" if "string" in types and node.text else ""
        instead = f", not {_shown(node)}{quotes}"
        raise Mistake(node.place, f"{name!r} must be {wanted}{hint or instead}")
    if isinstance(node.value, dict):
        _check_mapping(node, part, name, hint)
    elif isinstance(node.value, tuple):
        if len(node.value) < part.get("minItems", 0):
            raise Mistake(node.place, f"{name!r} has no entry: give it one, or leave it out")
        for item in node.value:
            in_list = name if isinstance(item.value, dict) else f"an entry of {name}"
            _check(item, part["items"], in_list)
    elif isinstance(node.value, str):
        _check_text(node, part, name, hint)
    else:
        _check_number(node, part, name)


def _is(value: object, type_: str) -> bool:
    if isinstance(value, bool):  # which Python takes for a number
        return type_ == "boolean"
    return isinstance(value, _TYPES[type_][1])


def _check_mapping(node: Node, part: Schema, name: str, hint: str) -> None:
    assert isinstance(node.value, dict)
    known = part["properties"]
    for key, value in node.value.items():
        if key not in known:
            raise Mistake(node.keys[key], f"unknown key {_cut(key)!r}{hint or _meant(key, known)}")
        _check(value, known[key], f"{name}.{key}" if name else key)
    for key in part.get("required", ()):
        if key not in node.value:
            raise Mistake(node.place, f"key {key!r} is missing in {name!r}")
    if len(node.value) > part.get("maxProperties", len(known)):
        raise Mistake(node.place, f"{name!r} must have one key of {_either(known)}{hint}")
    if len(node.value) < part.get("minProperties", 0):
        raise Mistake(node.place, f"{name!r} must have one key of {_either(known)}{hint}")


def _check_text(node: Node, part: Schema, name: str, hint: str) -> None:
    text = str(node.value)
    if not text.strip():
        raise Mistake(node.place, f"{name!r} is empty: give it a value, or leave it out")
    if len(text) > _MOST_TEXT:
        raise Mistake(node.place, f"{name!r} is longer than {_MOST_TEXT} characters")
    if any(not char.isprintable() and char not in "\n\t" for char in text):
        raise Mistake(node.place, f"{name!r} holds a control character")
    if _TOKEN.search(text):
        raise Mistake(
            node.place,
            f"{name!r} holds what looks like a token: take it out, revoke it if others could see "
            "it, and say under 'forges' where the token comes from",
        )
    if "pattern" in part and not re.search(part["pattern"], text):
        raise Mistake(node.place, f"{name!r} must match {part['pattern']}{hint}")


def _check_number(node: Node, part: Schema, name: str) -> None:
    value = node.value
    if not isinstance(value, int | float) or isinstance(value, bool):
        return
    low, above, high = (part.get(key) for key in ("minimum", "exclusiveMinimum", "maximum"))
    if not isfinite(value):
        raise Mistake(node.place, f"{name!r} is no number that can be used")
    if low is not None and value < low:
        raise Mistake(node.place, f"{name!r} must be {low} at least")
    if above is not None and value <= above:
        raise Mistake(node.place, f"{name!r} must be more than {above}")
    if high is not None and value > high:
        raise Mistake(node.place, f"{name!r} must be {high} at most")


def _either(words: Any) -> str:
    *first, last = map(str, words)
    return f"{', '.join(first)} or {last}" if first else last


def _meant(key: str, known: Any) -> str:
    near = difflib.get_close_matches(key, known, 1)
    return f" (did you mean {near[0]!r}?)" if near else f": there are {', '.join(known)}"


def _shown(node: Node) -> str:
    """What stands there, in a message."""
    if not node.text:
        return _KINDS[type(node.value)]
    return repr(_cut(node.text)) if isinstance(node.value, str) else node.text


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."

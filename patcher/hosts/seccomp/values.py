"""Seccomp profiles as values: moby's JSON, ``linux.seccomp`` of a runtime's config.json, the
SeccompProfile objects of security-profiles-operator, and any of these in a string of another.

Names of members are compared as Go's encoding/json does, without regard to case.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from patcher.policy.bounds import time_left
from patcher.policy.search import names_seccomp
from patcher.policy.seccomp import ArgumentTest, SeccompProfile, SocketRule

_YAML = frozenset((".yaml", ".yml"))
_MOST_YAML = 1 << 18
"""Bytes; reading YAML takes seconds for each megabyte."""
_MOST_VALUES = 2_000_000
_MOST_TRIES = 100
"""Places in another text from which JSON is read."""
_DEEPEST = 3
"""Texts within each other."""
_MANY = 100
"""System calls from which on a profile without tests of the family is one like moby's."""
_MOST_NUMBER = (1 << 64) - 1
_FAULT = "it holds a seccomp profile that cannot be read here"

Named = tuple[str, SeccompProfile]


class _Unreadable(Exception):
    pass


def profiles(kind: str, content: bytes) -> tuple[list[Named], str]:
    """The profiles of a file that count, each with its name; and what is wrong with a text that
    cannot be read, empty for nothing. ``kind``: the suffix of the file's name."""
    text = content.decode("utf-8", "replace").removeprefix("\ufeff")
    found: list[Named] = []
    fault = ""
    try:
        for value in _values(kind, text):
            found += _profiles_in(value, 0)
    except _Unreadable as error:
        fault = str(error) or _FAULT
    return found, fault


def _values(kind: str, text: str) -> Iterator[Any]:
    if kind in _YAML:
        yield from _yaml(text)
        return
    if kind == ".json" or text.lstrip().startswith(("{", "[")):
        yield _json(text)
        return
    yield from _within(text)


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        raise _Unreadable(_FAULT) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return _lowered(pairs)


def _lowered(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    """A mapping with its keys in small letters. Raises _Unreadable where two are the same: which of
    them counts is not for sure."""
    values = {str(key).lower(): value for key, value in pairs}
    if len(values) != len(pairs) and values.keys() & {"syscalls", "defaultaction", "names"}:
        raise _Unreadable(f"{_FAULT}: a member stands in it twice")
    return values


def _yaml(text: str) -> Iterator[Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if "<<" in text and "*" in text:
        raise _Unreadable(f"{_FAULT}: it may merge mappings")
    if len(text) > _MOST_YAML:
        raise _Unreadable(f"{_FAULT}: it is more than 256 KiB of YAML")
    try:
        yield from YAML(typ="safe", pure=True).load_all(text)
    except (YAMLError, ValueError, RecursionError, TypeError, AttributeError):
        raise _Unreadable(_FAULT) from None


def _within(text: str) -> Iterator[Any]:
    """The JSON objects that stand in another text, each from the brace before its default
    action."""
    decoder = json.JSONDecoder(object_pairs_hook=_object)
    at = 0
    missed = text.count('"defaultAction"') > _MOST_TRIES
    while not missed and (at := text.find('"defaultAction"', at)) >= 0:
        time_left()
        start = text.rfind("{", 0, at)
        at += 1
        try:
            value, end = decoder.raw_decode(text, max(start, 0))
        except (ValueError, RecursionError):
            missed = True
            break
        yield value
        at = max(at, end)
    if missed or "defaultAction" not in text:
        raise _Unreadable(_FAULT)


def _profiles_in(value: Any, depth: int) -> list[Named]:
    """The profiles within a value, and within texts that it holds."""
    found: list[Named] = []
    seen: set[int] = set()
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        time_left()
        name, each = stack.pop()
        if isinstance(each, str):
            if (
                depth < _DEEPEST
                and len(each) > 1
                and names_seccomp(each.encode("utf-8", "replace"))
            ):
                found += _profiles_in_text(each, depth + 1)
            continue
        if not isinstance(each, dict | list) or id(each) in seen:
            continue
        seen.add(id(each))
        if len(seen) > _MOST_VALUES:
            raise _Unreadable(f"{_FAULT}: it has too many values")
        if isinstance(each, list):
            stack += [(name, item) for item in reversed(each)]
            continue
        members = _lowered(list(each.items()))
        metadata = members.get("metadata")
        if isinstance(metadata, dict) and isinstance(metadata.get("name"), str):
            name = metadata["name"][:200]
        if isinstance(members.get("syscalls"), list) and "defaultaction" in members:
            if (profile := _profile(members)) is not None:
                found.append((name, profile))
            continue
        stack += [(name, item) for item in reversed(list(members.values()))]
    return found


def _profiles_in_text(text: str, depth: int) -> list[Named]:
    if text.lstrip().startswith(("{", "[")):
        return _profiles_in(_json(text), depth)
    if "defaultAction" not in text:
        return []  # the name of an action, and no more
    return [each for value in _yaml(text) for each in _profiles_in(value, depth)]


def _profile(members: dict[str, Any]) -> SeccompProfile | None:
    """A profile that counts: one that tests the family, or lists many system calls."""
    rules: list[SocketRule] = []
    names = 0
    unknown = ""
    for each in members["syscalls"]:
        if not isinstance(each, dict):
            unknown = unknown or "a rule of it is no mapping"
            continue
        rule, number = _rule(_lowered(list(each.items())))
        names += number
        if rule is not None:
            rules.append(rule)
    if not rules:
        return None
    tests = any(test.argument == 0 for rule in rules for test in rule.tests)
    if not tests and names < _MANY:
        return None
    if members.get("baseprofilename"):
        unknown = unknown or "it takes rules of another profile (baseProfileName)"
    if members.get("listenerpath"):
        unknown = unknown or "another program answers for it (listenerPath)"
    default = _word(members["defaultaction"], "SCMP_ACT_")
    return SeccompProfile(default, tuple(rules), _number(members.get("defaulterrnoret")), unknown)


def _rule(members: dict[str, Any]) -> tuple[SocketRule | None, int]:
    """A rule that names socket(2), or may, and how many system calls it names."""
    names = members.get("names")
    given = list(names) if isinstance(names, list) else []
    if "name" in members:
        given.append(members["name"])
    readable = bool(given) and all(isinstance(name, str) for name in given)
    named = "socket" in given
    if readable and not named:
        return None, len(given)
    args = members.get("args")
    tests: tuple[ArgumentTest, ...] = ()
    if isinstance(args, list):
        tests = tuple(map(_test, args))
    elif args is not None:
        tests = (ArgumentTest(None, "", None),)
    condition = " and ".join(
        filter(None, (_condition(members, "includes", ""), _condition(members, "excludes", "not ")))
    )
    rule = SocketRule(
        _word(members.get("action"), "SCMP_ACT_"),
        tests,
        condition,
        _number(members.get("errnoret", members.get("errno"))),
        named,
    )
    return rule, len(given)


def _condition(members: dict[str, Any], key: str, word: str) -> str:
    """A rule's condition in words: ``capability CAP_SYS_ADMIN``."""
    value = members.get(key)
    if not value:
        return ""
    if not isinstance(value, dict):
        return f"{word}{key} that cannot be read"
    parts = []
    for name, what in (
        ("caps", "capability"),
        ("arches", "architecture"),
        ("minkernel", "kernel from"),
    ):
        given = _lowered(list(value.items())).get(name)
        if given:
            items = given if isinstance(given, list) else [given]
            words = [item[:60] if isinstance(item, str) else "?" for item in items[:5]]
            parts.append(f"{what} {', '.join(words)}")
    return f"{word}{' and '.join(parts)}" if parts else ""


def _test(value: Any) -> ArgumentTest:
    if not isinstance(value, dict):
        return ArgumentTest(None, "", None)
    members = _lowered(list(value.items()))
    return ArgumentTest(
        _number(members.get("index", 0)),
        _word(members.get("op"), "SCMP_CMP_"),
        _number(members.get("value", 0)),
        _number(members.get("valuetwo", 0)),
    )


def _word(value: Any, prefix: str) -> str:
    text = value if isinstance(value, str) else ""
    return text.removeprefix(prefix) if text.startswith(prefix) else ""


def _number(value: Any) -> int | None:
    """An unsigned number of 64 bits; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_NUMBER:
        return int(value)
    return None

"""Whether a profile is moby-style: shaped like docker-default, and by which evidence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from patcher.policy.patterns import regex
from patcher.policy.reader import Profile, Rule

THRESHOLD = 4
"""How much evidence makes a profile moby-style: docker-default has ten points, its forks fewer."""

MOBY_FLAGS = frozenset((b"attach_disconnected", b"mediate_deleted"))
_KNOWN_NAME = regex(
    r"docker-default|(?:cri-)?containerd|containers-default|crio-default|libpod|podman|nerdctl|"
    r"buildkit|moby|docker-",
    re.IGNORECASE,
)
_RUNTIME_NAME = regex(
    r"docker-default|cri-containerd\.apparmor\.d|crio-default|nerdctl-default|"
    r"containers-default-[\w.-]+"
)
"""The very names under which Docker, containerd, cri-o, nerdctl and Podman load their profile."""

_PLACEHOLDER = rb"(?:\{\{.*?\}\}|\{\w*\}|\$\{[^}]*\}|\$\w+|@\w+@|%s|<[^>]*>)?"
_PROC = regex(rb'"?' + _PLACEHOLDER + rb"(?:@\{PROC\}|/proc)/")
_SYS = regex(rb'"?' + _PLACEHOLDER + rb"(?:@\{sys\}|/sys)/")
_TRIGGER = regex(_PROC.pattern + rb'(?:sysrq-trigger|kcore|kmem|mem)"?\Z')
_DENIES = regex(rb"deny(?<!\wdeny)\s+(?P<rule>[^,]+)")
"""A deny in the text of a template action: ``${raw ? 'deny /proc/kcore rwklx,' : ''}``."""


_MANY_MOUNTS = 4


class Evidence(NamedTuple):
    """What speaks for and against a profile being moby-style."""

    points: int
    denies: bool
    """It denies something that docker-default denies; without any, nothing is moby-style but what
    a runtime loads by its name."""
    notes: tuple[str, ...]
    loaded: bool = False
    """It carries the very name under which a container runtime loads its profile."""
    attached: bool = False
    """The kernel confines a program by it, whoever runs it: a runtime chooses by the name."""

    @property
    def moby_style(self) -> bool:
        """The judgement."""
        return self.loaded or (self.denies and not self.attached and self.points >= THRESHOLD)


def is_loaded(profile: Profile) -> bool:
    """Whether a profile carries the very name under which a container runtime loads its own."""
    return profile.header and _RUNTIME_NAME.fullmatch(profile.name) is not None


_Notes = list[tuple[str, int]]
"""What was seen, and how much it weighs."""


def weigh(profiles: Iterable[Profile]) -> Evidence:
    """Weigh one profile, or the fragments of one profile that is put together from several."""
    profiles = list(profiles)
    rules = [rule for profile in profiles for rule in profile.rules]
    denials = _denials(rules)
    seen = _headers(profiles) + _blanket(rules) + denials + _others(rules)
    notes = [note for note, _ in seen]
    if not denials:
        notes.append("but denies nothing that docker-default denies")
    return Evidence(
        points=sum(weight for _, weight in seen),
        denies=bool(denials),
        notes=tuple(notes),
        attached=any(_is_attached(profile) for profile in profiles),
        loaded=any(map(is_loaded, profiles)),
    )


def _headers(profiles: Iterable[Profile]) -> _Notes:
    seen: _Notes = []
    headers = [profile for profile in profiles if profile.header]
    if any(profile.flags >= MOBY_FLAGS for profile in headers):
        seen.append(("flags=(attach_disconnected,mediate_deleted)", 1))
    named = next((profile.name for profile in headers if _KNOWN_NAME.search(profile.name)), "")
    if named:
        seen.append((f"named {named}", 1))
    if any(map(_is_attached, headers)):
        seen.append(("but attached to a program", 0))
    return seen


def _is_attached(profile: Profile) -> bool:
    return profile.parent is None and bool(profile.attachment)


def _blanket(rules: Iterable[Rule]) -> _Notes:
    bare = {rule.keyword for rule in rules if rule.bare}
    return [
        (f"blanket {keyword.decode()},", 1)
        for keyword in (b"capability", b"file", b"umount")
        if keyword in bare
    ]


def _denials(rules: Iterable[Rule]) -> _Notes:
    """What is denied that docker-default denies; a template action before a rule may deny it."""
    denied = [
        rule.rest
        for rule in rules
        if rule.qualifiers.mode in ("deny", "unknown") and rule.keyword in (b"file", b"mount")
    ]
    for rule in rules:
        if rule.keyword == b"action":
            denied += [
                tuple(match["rule"].split()) for match in _DENIES.finditer(b" ".join(rule.words))
            ]
    paths = [
        next((word for word in words if b"/" in word), b"")
        for words in denied
        if words[:1] != (b"mount",)
    ]
    seen: _Notes = []
    if any(_TRIGGER.match(path) for path in paths):
        seen.append(("denies sysrq-trigger, kcore or mem under /proc", 1))
    if any(_PROC.match(path) and not _TRIGGER.match(path) for path in paths):
        seen.append(("denies writing under /proc", 1))
    if any(_SYS.match(path) for path in paths):
        seen.append(("denies writing under /sys", 1))
    if (b"mount",) in denied:
        seen.append(("deny mount,", 1))
    return seen


def _others(rules: Iterable[Rule]) -> _Notes:
    seen: _Notes = []
    allowed = [rule for rule in rules if not rule.deny]
    if any(rule.keyword == b"signal" and _from_outside(rule) for rule in allowed):
        seen.append(("signals from the runtime", 1))
    mounts = sum(rule.keyword == b"mount" and rule.qualifiers.mode != "unknown" for rule in allowed)
    if mounts >= _MANY_MOUNTS:
        seen.append(("but allows many mounts, as system containers need", -3))
    elif mounts:
        seen.append(("but allows mounting", -1))
    if any(rule.keyword == b"pivot_root" for rule in allowed):
        seen.append(("but allows pivot_root", -1))
    return seen


def _from_outside(rule: Rule) -> bool:
    """``signal (receive) peer=unconfined,``"""
    words = b" ".join(rule.rest)
    return b"receive" in words and b"peer=" in words and b"send" not in words

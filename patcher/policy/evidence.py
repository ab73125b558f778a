"""Whether a profile is moby-style: shaped like docker-default, and by which evidence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from patcher.policy.reader import Profile, Rule

THRESHOLD = 4
"""How much evidence makes a profile moby-style: docker-default has ten points, its forks fewer."""

_KNOWN_NAME = re.compile(
    r"docker-default|(?:cri-)?containerd|containers-default|crio-default|libpod|podman|nerdctl|"
    r"buildkit|moby|docker-",
    re.IGNORECASE,
)
_PROC = re.compile(rb'"?(?:@\{PROC\}|/proc)/')
_SYS = re.compile(rb'"?(?:@\{sys\}|/sys)/')
_TRIGGER = re.compile(rb'"?(?:@\{PROC\}|/proc)/(?:sysrq-trigger|kcore|kmem|mem)"?\Z')


_MANY_MOUNTS = 4


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for and against a profile being moby-style."""

    points: int
    denies: bool
    """It denies something that docker-default denies; without any, nothing is moby-style."""
    notes: tuple[str, ...]

    @property
    def moby_style(self) -> bool:
        """The judgement."""
        return self.denies and self.points >= THRESHOLD


def weigh(profiles: Iterable[Profile]) -> Evidence:
    """Weigh one profile, or the fragments of one profile that is put together from several."""
    profiles = list(profiles)
    rules = [rule for profile in profiles for rule in profile.rules]
    notes: list[str] = []
    points = 0

    def note(text: str, weight: int = 1) -> None:
        nonlocal points
        points += weight
        notes.append(text)

    if any({b"attach_disconnected", b"mediate_deleted"} <= profile.flags for profile in profiles):
        note("flags=(attach_disconnected,mediate_deleted)")
    for profile in profiles:
        if profile.header and _KNOWN_NAME.search(profile.name):
            note(f"named {profile.name}")
            break
    bare = {rule.keyword for rule in rules if rule.bare}
    for keyword in (b"capability", b"file", b"umount"):
        if keyword in bare:
            note(f"blanket {keyword.decode()},")
    if any(profile.header and profile.parent is None and profile.attached for profile in profiles):
        note("but attached to a program", -2)
    denied = [rule for rule in rules if rule.deny]
    before = len(notes)
    if any(_TRIGGER.match(_path(rule)) for rule in denied):
        note("denies sysrq-trigger, kcore or mem under /proc")
    if any(_PROC.match(_path(rule)) and not _TRIGGER.match(_path(rule)) for rule in denied):
        note("denies writing under /proc")
    if any(_SYS.match(_path(rule)) for rule in denied):
        note("denies writing under /sys")
    if any(rule.keyword == b"mount" and len(rule.rest) == 1 for rule in denied):
        note("deny mount,")
    denies = len(notes) > before
    if any(rule.keyword == b"signal" and _from_outside(rule) for rule in rules):
        note("signals from the runtime")
    mounts = [rule for rule in rules if rule.keyword == b"mount" and not rule.deny]
    if len(mounts) >= _MANY_MOUNTS:
        note("but allows many mounts, as system containers need", -3)
    elif mounts:
        note("but allows mounting", -1)
    if any(rule.keyword == b"pivot_root" and not rule.deny for rule in rules):
        note("but allows pivot_root", -1)
    if not denies:
        notes.append("but denies nothing that docker-default denies")
    return Evidence(points, denies, tuple(notes))


def _from_outside(rule: Rule) -> bool:
    """``signal (receive) peer=unconfined,``"""
    words = b" ".join(rule.rest)
    return b"receive" in words and b"peer=" in words and b"send" not in words


def _path(rule: Rule) -> bytes:
    """The path of a file rule; empty for other rules."""
    if rule.keyword != b"file":
        return b""
    rest = [word for word in rule.rest if word != b"file"]
    return next((word for word in rest if word[:1] in b'/@"{' and word), b"")


_SHORTHAND = frozenset(
    b"network capability file mount umount remount signal ptrace all pivot_root dbus unix action "
    b"userns".split()
)
"""Rules that may stand as their keyword alone, so that a list of names in code looks like them."""


def policy_like(profile: Profile, *, expected: bool) -> bool:
    """Whether this is AppArmor policy at all, not code or prose that looks like it.

    ``expected``: the host is one that holds policy (a file under ``apparmor.d``), so that little
    evidence is enough.
    """
    rules = [rule for rule in profile.rules if rule.keyword != b"action"]
    if not rules or profile.junk > 2 * len(rules):
        return False
    strong = sum(
        1
        for rule in rules
        if len(rule.words) > 1 or not rule.bare or rule.keyword not in _SHORTHAND
    )
    if profile.header:
        if expected or strong or profile.flags:
            return True
        return profile.keyword and profile.leads and len(rules) > 1 and not profile.junk
    if expected:
        return profile.junk == 0
    return strong >= 2 and len(rules) >= 4 and profile.junk * 2 <= len(rules)

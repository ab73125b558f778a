"""Whether a profile counts: with which evidence it is accepted, or for which reason it is dropped.

What reads as a profile may also be code, prose, or rules that say nothing of the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

from patcher.policy.evidence import Evidence, is_loaded, weigh
from patcher.policy.header import LAX_FLAGS, unknown_flags
from patcher.policy.judgement import Includes, Judgement, judge
from patcher.policy.reader import Profile
from patcher.policy.status import Status

__all__ = ["Acceptance", "Fragments", "Origin", "accept", "why_uncertain"]


class Origin(NamedTuple):
    """What is known of the text that a profile was read from."""

    holds_policy: bool = False
    """It is known to be policy, so that little evidence is enough."""
    listed: bool = False
    """Its lines are elements of a list in a program."""
    separate: bool = False
    """Its lines stand in several strings, to which a program may add others of the file."""


class Acceptance(NamedTuple):
    """Whether a profile counts."""

    evidence: Evidence | None
    """What makes it moby-style, or not; None where it is no policy at all."""
    reason: str = ""
    """Why the profile is dropped; empty where it is accepted."""


class Fragments:
    """The fragments of a file that one host found: a program may make one profile of them."""

    def __init__(self, profiles: Iterable[Profile] = (), includes: Includes | None = None) -> None:
        """``profiles``: all those that the host found. ``includes``: what policy there includes."""
        self._includes = includes
        profiles = list(profiles)
        self._fragments = [p for p in profiles if not p.header and p.junk <= len(p.rules)]
        self._adding = [
            (profile, rule)
            for profile in profiles
            if profile.end < 0
            for rule in profile.rules
            if rule.may_hold_others
        ]
        """The actions that may put rules into the one profile that the parts of the file make."""

    @cached_property
    def evidence(self) -> Evidence:
        """The evidence for the one profile that they may make."""
        return weigh(self._fragments)

    @cached_property
    def _denying(self) -> dict[str, set[int]]:
        """By family, the fragments that deny it (their ``id``)."""
        denying: dict[str, set[int]] = {}
        for fragment in self._fragments:
            for _, net in fragment.network_rules:
                if net.mode == "deny" and net.domain is not None:
                    denying.setdefault(net.domain, set()).add(id(fragment))
        return denying

    def judge(
        self,
        profile: Profile,
        origin: Origin,
        evidence: Evidence,
        family: str,
        socket_types: Sequence[str],
    ) -> list[Judgement]:
        """Judge a profile, and doubt what the other fragments may belie."""
        judgements = judge(
            profile,
            family,
            socket_types,
            moby_style=evidence.moby_style,
            includes=self._includes,
        )
        if not profile.header:
            judgements = [self._where_others_add_none(profile, each) for each in judgements]
            if not self._denying.get(family, set()) - {id(profile)}:
                return judgements
            why = f"another fragment in this file denies {family}; whether both become one profile "
            why += "is not known"
            return [_doubted(j, why) if j.status is Status.AFFECTED else j for j in judgements]
        doubtful = set[Status]()
        if origin.separate and _speaks(profile, evidence):
            doubtful = self._doubtful(family, socket_types)
        why = "but other strings of this file hold network rules, and whether the program adds "
        why += "them is not known"
        return [
            _doubted(j, f"{j.reason}; {why}") if j.status in doubtful else j for j in judgements
        ]

    def _where_others_add_none(self, fragment: Profile, judgement: Judgement) -> Judgement:
        """Doubt a clean judgement of a fragment where another part of the file may put any rule
        beside it."""
        adding = next((rule for part, rule in self._adding if part is not fragment), None)
        if adding is None or judgement.status not in (Status.FIXED, Status.NOT_AFFECTED):
            return judgement
        words = b" ".join(adding.words).decode("utf-8", "replace")
        return _doubted(judgement, f"`{words}` elsewhere in this file may put network rules there")

    def _doubtful(self, family: str, socket_types: Sequence[str]) -> set[Status]:
        """The clean statuses that the fragments may belie, if a program adds them."""
        allowing = [fragment for fragment in self._fragments if _allows_network(fragment)]
        found = {Status.NOT_AFFECTED} if allowing else set[Status]()
        for fragment in allowing:
            judged = judge(fragment, family, socket_types, moby_style=False)
            if any(each.status is Status.AFFECTED for each in judged):
                found.add(Status.FIXED)
        return found


def accept(
    profile: Profile, origin: Origin, parent: Evidence | None, fragments: Fragments
) -> Acceptance:
    """Accept or drop a profile.

    ``parent``: the evidence for the profile that it stands in; None without one.
    """
    if parent is not None:
        evidence = _of_child(profile, parent)
    else:
        reason = _why_no_policy(profile, origin)
        # Constants that a program puts together are judged as the one profile that they make.
        together = not profile.header and not profile.junk and fragments.evidence.moby_style
        if reason and not together:
            return Acceptance(None, reason)
        evidence = weigh([profile]) if profile.header else fragments.evidence
    return Acceptance(evidence, _why_irrelevant(profile, origin, evidence))


def why_uncertain(profile: Profile, evidence: Evidence, judgement: Judgement, family: str) -> str:
    """Why a judgement is dropped; empty where it counts.

    Rules that stand in no profile and are not moby-style are worth a person's look only where they
    allow the family in so many words.
    """
    if judgement.status in (Status.FIXED, Status.NOT_AFFECTED) and not _speaks(profile, evidence):
        return _SAYS_NOTHING
    if profile.header or evidence.moby_style or judgement.status is Status.AFFECTED:
        return ""
    net = None if judgement.anchor is None else judgement.anchor.network
    named = net is not None and net.domain == family
    if judgement.status is Status.UNDER_INVESTIGATION and named:
        return ""
    return f"rules in no profile, not moby-style, that do not certainly allow {family}"


def _of_child(profile: Profile, parent: Evidence) -> Evidence:
    """The evidence for a profile that stands in another one."""
    own = weigh([profile])
    if not parent.moby_style or own.moby_style:
        return own
    assert profile.parent is not None
    note = f"part of {profile.parent.name}, which is moby-style"
    return parent._replace(notes=(note, *own.notes[:-1]))


_SHORTHAND = frozenset(
    b"network capability file mount umount remount signal ptrace all pivot_root dbus unix action "
    b"userns".split()
)
"""Rules that may stand as their keyword alone, so that a list of names in code looks like them."""


def _why_no_policy(profile: Profile, origin: Origin) -> str:
    """Why this is no policy, but code or prose that looks like it; empty where it is policy."""
    rules = [rule for rule in profile.rules if rule.keyword != b"action"]
    if not rules and profile.end >= 0 and not profile.junk and _is_lax(profile):
        return ""
    if not rules:
        empty = profile.end >= 0 and not (profile.rules or profile.strange)
        return "it is empty" if empty else "no rule can be read in it"
    if profile.junk > 2 * len(rules):
        return "most of its statements are no rules"
    strong = sum(
        1
        for rule in rules
        if len(rule.words) > 1 or not rule.bare or rule.keyword not in _SHORTHAND
    )
    if profile.header:
        alone = profile.keyword and profile.leads and len(rules) > 1 and not profile.junk
        if origin.holds_policy or strong or profile.flags or alone or is_loaded(profile):
            return ""
        return "its rules are single words, which code and prose hold, too"
    if origin.holds_policy:
        return "rules in no profile, among statements that are no rules" if profile.junk else ""
    if strong >= 2 and len(rules) >= 4 and profile.junk * 2 <= len(rules):
        return ""
    return "rules in no profile, too few to distinguish them from code and prose"


def _why_irrelevant(profile: Profile, origin: Origin, evidence: Evidence) -> str:
    """Why nothing can be said of a profile's network rules; empty where something can."""
    if not _speaks(profile, evidence) and all(r.keyword != b"include" for r in profile.rules):
        return _SAYS_NOTHING
    if profile.header:
        return ""
    if not _allows_network(profile):
        return "rules in no profile, of which none allows any network"
    if origin.listed and not evidence.moby_style:
        return "a list of rules that is not moby-style: a test may expect them"
    return ""


_SAYS_NOTHING = "it has no network rule, and is not moby-style"


def _speaks(profile: Profile, evidence: Evidence) -> bool:
    """Whether something can be said of a profile's network rules, whatever it includes."""
    if evidence.moby_style or _is_lax(profile):
        return True
    return any(rule.network is not None or rule.keyword == b"all" for rule in profile.rules)


def _is_lax(profile: Profile) -> bool:
    return not LAX_FLAGS.isdisjoint(profile.flags) or bool(unknown_flags(profile.flags))


def _allows_network(profile: Profile) -> bool:
    """Whether a fragment is more than denies, which a program's list of forbidden rules also is."""
    return any(net.mode != "deny" for _, net in profile.network_rules)


def _doubted(judgement: Judgement, reason: str) -> Judgement:
    return judgement._replace(status=Status.UNDER_INVESTIGATION, reason=reason)

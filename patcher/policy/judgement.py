"""What a profile's network rules mean for one address family.

Deny wins over allow whatever the order (apparmor.d(5)), unless the allow rule has the higher
``priority=`` (AppArmor 4.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from patcher.policy.bounds import TooMuch
from patcher.policy.grammar import UNKNOWN_PRIORITY, included
from patcher.policy.header import UNKNOWN_FLAGS, unknown_flags
from patcher.policy.includes import Find, is_for_additions, look_up, nothing
from patcher.policy.network import NetworkRule
from patcher.policy.reader import Arm, Profile, Rule, read
from patcher.policy.status import Status


class Judgement(NamedTuple):
    """The status of a profile, or of one of its exclusive branches, for one family."""

    status: Status
    reason: str
    anchor: Rule | None
    """The rule that decides; when affected, the one that the new rule follows."""


_Rules = Sequence[tuple[Rule, NetworkRule]]


_MOST_INCLUDED = 16 << 20
"""Bytes of files that policy in one place may include; AppArmor's own abstractions have 0.2 MiB."""

_CARRY = (b"include", b"all")
_Carried = tuple[int, str]
"""The priority with which an included file may allow a family, and why it may: empty where it does
not."""
_CONFINES_NOTHING = frozenset((b"unconfined", b"default_allow"))
"""Flags with which the kernel lets a process do what it likes: the parser writes both as the same
mode (``profile_mode_packed`` in its ``profile.h``), in which the kernel looks at no rule."""


class Included:
    """What files hold, whoever includes them."""

    def __init__(self) -> None:
        self.rules: dict[bytes, list[Rule] | None] = {}
        """By the file's text; see `Includes.rules`."""
        self.carried: dict[tuple[int, tuple[str, ...], bool], _Carried] = {}
        """Of rules that include nothing: by their ``id``, the family with its types, and whether
        they are in what is moby-style."""


class Includes:
    """The files that policy in one place includes, each read once.

    ``find(name, optional)`` returns the bytes of the file of that name below ``/etc/apparmor.d``;
    empty where it is known not to be there, None where that is not known. ``optional``: the rule
    says ``if exists``. ``included``: what was read before; several may share it.
    """

    def __init__(self, find: Find = nothing, included: Included | None = None) -> None:
        self.find = find
        self.used = False
        """Whether a judgement depends on them."""
        self.known: dict[tuple[str, bool, tuple[str, ...], bool], _Carried] = {}
        """By name, whether it may be missing, family with its types, and whether it is in what is
        moby-style."""
        self.depth = 0
        self.included = Included() if included is None else included
        self._left = _MOST_INCLUDED

    def rules(self, name: str, optional: bool) -> list[Rule] | None:
        """The rules of an included file that stand in no profile of its own, and may say something
        of sockets; None where they are not known."""
        text = look_up(self.find, name, optional)
        if text is None or self.depth >= _DEEPEST:
            return None
        known = self.included.rules
        if text not in known:
            self._left -= len(text)
            known[text] = _outside_profiles(text) if self._left >= 0 else None
        return known[text]


def _outside_profiles(text: bytes) -> list[Rule] | None:
    try:
        rules = [rule for part in read(text) if not part.header for rule in part.rules]
    except TooMuch:
        return None
    return [
        rule
        for rule in rules
        if rule.network is not None or rule.keyword in _CARRY or rule.may_hold_others
    ]


def judge(
    profile: Profile,
    family: str,
    socket_types: Sequence[str],
    *,
    moby_style: bool,
    includes: Includes | None = None,
) -> list[Judgement]:
    """Judge a profile: one judgement, or one for each place that needs a rule of its own.

    ``socket_types``: the types in which the kernel offers the family. ``includes``: what the
    files hold that it includes.
    """
    lawless = sorted(profile.flags & _CONFINES_NOTHING)
    if lawless:
        reason = f"flags=({lawless[0].decode()}): it confines nothing, whatever its rules say"
        return _look(reason, next((rule for rule, _ in profile.network_rules), None))
    judging = _Judge(profile, family, socket_types, moby_style, includes or Includes())
    try:
        return _where_braces_are_certain(profile, judging.by_flags(judging.judgements()))
    except _TooManyError:
        reason = "too many network rules that depend on template actions to judge them together"
        return _look(reason, _first(judging.allows))


def _where_braces_are_certain(profile: Profile, judgements: list[Judgement]) -> list[Judgement]:
    """The judgements, none of which is clean where a brace of the profile may be left out."""
    if not profile.torn or judgements[0].status in (Status.AFFECTED, Status.UNDER_INVESTIGATION):
        return judgements
    reason = "a brace stands in a conditional: which rules are in this profile depends on it"
    return _look(reason, judgements[0].anchor)


def _look(reason: str, anchor: Rule | None) -> list[Judgement]:
    return [Judgement(Status.UNDER_INVESTIGATION, reason, anchor)]


def _first(rules: _Rules) -> Rule | None:
    return rules[0][0] if rules else None


class _Judge:
    """Judges one profile for one family."""

    def __init__(
        self,
        profile: Profile,
        family: str,
        socket_types: Sequence[str],
        moby_style: bool,
        includes: Includes,
    ) -> None:
        self.profile = profile
        self.family = family
        self.socket_types = socket_types
        self.moby_style = moby_style
        self.includes = includes
        reaching = [
            (rule, net)
            for rule, net in profile.network_rules
            if any(net.covers(family, socket_type) for socket_type in socket_types)
        ]
        blocks = [(rule, net) for rule, net in reaching if rule.qualifier_block]
        self.dropped = [pair for pair in blocks if b"priority" not in pair[0].qualifier_block]
        ranked = [
            (rule, net._replace(unknown=True, priority=UNKNOWN_PRIORITY))
            for rule, net in blocks
            if b"priority" in rule.qualifier_block and net.mode != "deny"
        ]
        live = [(rule, net) for rule, net in reaching if not rule.qualifier_block]
        all_rules = list(_all_rules(profile))
        certain = [(rule, net) for rule, net in live if not _uncertain(net)]
        self.uncertain = [(rule, net) for rule, net in live if _uncertain(net)] + ranked
        self.allows = [(rule, net) for rule, net in certain if net.mode != "deny"]
        self.allows_all = [(rule, net) for rule, net in all_rules if net.mode != "deny"]
        self.denies = [
            (rule, net)
            for rule, net in sorted(certain + all_rules, key=lambda pair: pair[0].start)
            if net.mode == "deny"
        ]
        self.cover = self.covered_by(self.denies)

    def covered_by(self, denies: _Rules) -> _Cover:
        """What these denies cover. Raises _TooManyError."""
        return _Cover(denies, self.family, self.socket_types)

    def judgements(self) -> list[Judgement]:
        """Judge what the rules say in a profile that allows nothing else. Raises _TooManyError."""
        open_allows = self.cover.undenied(self.allows)
        if not open_allows:
            return self.closed()
        for rule, net in open_allows:
            if net.domain == self.family:
                return _look(
                    f"`{_text(rule)},` allows the family on purpose; a deny would break it", rule
                )
        for rule, net in self.uncertain:
            if net.mode != "allow" and net.domain == self.family:
                reason = f"a template action may or may not make a deny of the {self.family} rule"
                return _look(reason, rule)
        return [
            Judgement(Status.AFFECTED, self.why_affected(net), rule)
            for rule, net in _anchors(open_allows)
        ]

    def why_affected(self, net: NetworkRule) -> str:
        if net.blanket:
            reason = f"blanket network rule, and nothing denies {self.family}"
        else:
            reason = f"the network rule reaches {self.family} sockets, and nothing denies "
            reason += self.family
        maybe = next((rule for rule, other in self.uncertain if other.mode == "deny"), None)
        return reason if maybe is None else f"{reason} for certain, though `{_text(maybe)},` may"

    def closed(self) -> list[Judgement]:
        """Judge a profile in which no rule allows the family for certain. Raises _TooManyError."""
        open_all = self.cover.undenied(self.allows_all)
        if open_all:
            reason = "`all,` allows every family; decide by hand what to deny"
            return _look(reason, open_all[0][0])
        possible = [pair for pair in self.uncertain if pair[1].mode != "deny"]
        open_uncertain = self.cover.undenied(possible)
        fixing = [rule for rule, net in self.denies if not net.blanket]
        if open_uncertain:
            rule, net = open_uncertain[0]
            return _look(_why_uncertain(net), rule)
        carriers = list(self.carriers())
        if open_carriers := self.cover.undenied([(rule, net) for rule, net, _ in carriers]):
            rule = open_carriers[0][0]
            return _look(next(reason for other, _, reason in carriers if other is rule), rule)
        if fixing and self.allows:
            return [Judgement(Status.FIXED, f"`{_text(fixing[0])},` is there", self.allows[0][0])]
        if self.denies and (self.allows or self.cover.always()):
            if fixing:
                return [Judgement(Status.FIXED, f"`{_text(fixing[0])},` is there", fixing[0])]
            rule = self.denies[0][0]
            return [Judgement(Status.NOT_AFFECTED, f"`{_text(rule)},` denies every family", rule)]
        return self.unreached()

    def unreached(self) -> list[Judgement]:
        """Judge a profile in which no rule speaks of the family."""
        blocked = [(rule, net) for rule, net in self.dropped if net.mode != "deny"]
        if blocked:
            block = blocked[0][0].qualifier_block.decode()
            return _look(
                f"the network rule stands in an `{block}` block, out of which AppArmor's parser "
                "carries file rules alone: it grants nothing there, and a deny would do nothing",
                blocked[0][0],
            )
        networks = [rule for rule, _ in self.profile.network_rules]
        if self.profile.strange and (self.moby_style or networks):
            strange = _shown(self.profile.strange)
            return _look(f"`{strange}` is no rule, and what takes its place may be one", None)
        if self.profile.header and self.profile.end < 0 and (self.moby_style or networks):
            return _look("its end does not stand here: network rules may follow", None)
        reason = f"no rule of it reaches {self.family} sockets"
        if not networks:
            reason = "it has no network rule"
        for rule in self.profile.rules:
            if rule.keyword == b"include" and is_for_additions(*_named(rule)):
                reason += f"; what an administrator may add by `{_text(rule)}` is not counted"
                break
        return [Judgement(Status.NOT_AFFECTED, reason, networks[0] if networks else None)]

    def carriers(self) -> Iterator[tuple[Rule, NetworkRule, str]]:
        """The rules that may put in others which allow the family, and why: includes, and actions
        of a template in what is moby-style or has network rules."""
        actions = self.moby_style or next(self.profile.network_rules, None) is not None
        for rule in self.profile.rules:
            if rule.keyword == b"include":
                priority, reason = self.carried(*_named(rule))
                if reason:
                    net = NetworkRule("allow", priority=priority)
                    yield rule, net, f"`{_text(rule)}`: {reason}"
            elif actions and rule.may_hold_others:
                reason = f"`{_text(rule)}` may put network rules there, and no deny certainly "
                yield rule, NetworkRule("allow", unknown=True), reason + "stands with them"

    def carried(self, name: str, optional: bool) -> _Carried:
        """What an included file carries. Raises _TooManyError."""
        if self.cover.always() and nothing(name, optional) is not None:
            return 0, ""
        includes = self.includes
        includes.used = True
        key = name, optional, (self.family, *self.socket_types), self.moby_style
        if key not in includes.known:
            includes.known[key] = 0, "it is not known what that file holds"
            rules = includes.rules(name, optional)
            if rules is not None:
                includes.known[key] = self.carried_by(rules)
            elif is_for_additions(name, optional) and not self.moby_style:
                includes.known[key] = 0, ""
        return includes.known[key]

    def carried_by(self, rules: list[Rule]) -> _Carried:
        """What these rules of an included file carry. Raises _TooManyError."""
        if not rules:
            return 0, ""
        if any(rule.keyword == b"include" for rule in rules):
            return self.judged(rules)
        known = self.includes.included.carried
        key = id(rules), (self.family, *self.socket_types), self.moby_style
        if key not in known:
            known[key] = self.judged(rules)
        return known[key]

    def judged(self, rules: list[Rule]) -> _Carried:
        """Judge the rules of an included file. Raises _TooManyError."""
        part = Profile(name="", start=0, header=False, rules=rules)
        self.includes.depth += 1
        try:
            judging = _Judge(part, self.family, self.socket_types, self.moby_style, self.includes)
            judgement = judging.judgements()[0]
        finally:
            self.includes.depth -= 1
        if judgement.status in (Status.FIXED, Status.NOT_AFFECTED):
            return 0, ""
        reason = judgement.reason
        if judgement.status is Status.AFFECTED and judgement.anchor is not None:
            reason = f"it carries `{_text(judgement.anchor)},`, and nothing denies {self.family}"
        return max(rule.qualifiers.priority for rule in rules), reason

    def by_flags(self, judgements: list[Judgement]) -> list[Judgement]:
        """Judge what the profile's flags make of that. Raises _TooManyError.

        ``complain`` allows what no rule denies, and what an ``audit deny`` denies: of a denial that
        is logged the kernel says ``ALLOWED`` in place of refusing it (``aa_check_perms`` in its
        ``security/apparmor/lib.c``; seen on Linux 6.1 and 6.12). ``prompt`` asks a daemon.
        """
        flags = self.profile.flags
        if b"complain" in flags:
            judgements = self.complaining(judgements)
        clean = not {each.status for each in judgements} - {Status.FIXED, Status.NOT_AFFECTED}
        if clean and (unknown := unknown_flags(flags)):
            named = f"`{_shown(unknown[0])}`, which is no flag that AppArmor's parser knows,"
            what = named if unknown[0] != UNKNOWN_FLAGS else "a template action or an escape"
            reason = f"{what} stands in its flags, which may make it allow everything"
            return _look(reason, judgements[0].anchor)
        if clean and b"prompt" in flags and not self.cover.always():
            return _look("flags=(prompt): a daemon decides", judgements[0].anchor)
        return judgements

    def complaining(self, judgements: list[Judgement]) -> list[Judgement]:
        """Judge a profile in complain mode. Raises _TooManyError."""
        audited = [rule for rule, net in self.denies + self.uncertain if _audited_deny(net)]
        logs_all = b"audit" in self.profile.flags
        if audited or (logs_all and self.denies):
            reason = "flags=(complain): a denial that is audited is logged and allowed; remove "
            reason += "the flag" if logs_all else f"the `audit` of `{_text(audited[0])},`"
            return _look(reason, audited[0] if audited else self.denies[0][0])
        if self.cover.always() or any(_settles(each, logs_all) for each in judgements):
            return judgements
        found = [each for each in judgements if each.status is Status.AFFECTED and not logs_all]
        reason = "flags=(complain): what no rule denies is allowed, and nothing denies "
        by_hand = "remove the flag" if logs_all else "add the rule by hand"
        return [*found, Judgement(Status.AFFECTED, f"{reason}{self.family}; {by_hand}", None)]


def _all_rules(profile: Profile) -> Iterator[tuple[Rule, NetworkRule]]:
    """The ``all,`` rules of a profile, as the network rules that the parser makes of them
    (``all_rule::add_implied_rules`` in its ``all_rule.cc``)."""
    for rule in profile.rules:
        if rule.keyword == b"all" and not rule.qualifier_block:
            before = rule.qualifiers
            yield rule, NetworkRule(before.mode, before.audit, before.priority)


def _settles(judgement: Judgement, logs_all: bool) -> bool:
    """Whether a judgement of the rules stands in complain mode: a person must look anyway, or the
    deny that follows is there whatever the template's actions choose, and is not logged."""
    if judgement.status is Status.AFFECTED:
        return judgement.anchor is not None and not judgement.anchor.arms and not logs_all
    carried = judgement.anchor is not None and judgement.anchor.keyword == b"include"
    return judgement.status is Status.UNDER_INVESTIGATION and not carried


def _audited_deny(net: NetworkRule) -> bool:
    return net.audit and net.mode in ("deny", "unknown")


_DEEPEST = 10
"""Includes within each other."""


def _named(include: Rule) -> tuple[str, bool]:
    return included([*include.words]) or ("", False)


_LONGEST_TEXT = 1000


def _text(rule: Rule) -> str:
    """The rule as reasons show it; thousands of profiles may share one rule of a megabyte."""
    return _shown(b" ".join(rule.words))


def _shown(words: bytes) -> str:
    text = words.decode("utf-8", "replace")
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + " ..."


def _uncertain(net: NetworkRule) -> bool:
    """Whether the rule may or may not do what its known words say."""
    return net.unknown or net.conditions or net.mode in ("unknown", "prompt")


def _why_uncertain(net: NetworkRule) -> str:
    if net.mode == "unknown":
        return "a template action decides whether the network rule allows or denies"
    if net.mode == "prompt":
        return "`prompt` leaves the decision to a daemon"
    if net.conditions:
        return "the network rule has conditions; which families it reaches depends on the parser"
    return "the network rule has words that a template action fills in, or that are not known"


_Condition = tuple[int, int]


def _given(arms: Iterable[Arm]) -> frozenset[_Condition]:
    """What must hold for text in these arms to be there: each is known by where it stands. Another
    choice with the same condition may choose otherwise (``.`` differs inside of ``range``, a
    variable may be set between the two)."""
    return frozenset((number, index) for number, index, _ in arms)


def _distinct(rules: _Rules) -> Iterator[tuple[Rule, NetworkRule]]:
    """The rules, of those that say the same under the same conditions the first."""
    seen = set()
    for rule, net in rules:
        key = (_given(rule.arms), net)
        if key not in seen:
            seen.add(key)
            yield rule, net


class _TooManyError(Exception):
    """More comparisons than any profile needs."""


_COMPARISONS = 1 << 19


_Value = TypeVar("_Value")


class _Filed(Generic[_Value]):
    """Values, each with the conditions that it needs."""

    def __init__(self) -> None:
        self._filed: dict[_Condition | None, list[tuple[frozenset[_Condition], _Value]]] = {}
        self._left = _COMPARISONS

    def add(self, needed: frozenset[_Condition], value: _Value) -> None:
        """File a value."""
        self._filed.setdefault(max(needed, default=None), []).append((needed, value))

    def under(self, given: frozenset[_Condition]) -> Iterator[_Value]:
        """The values that need no other conditions than these. Raises _TooManyError."""
        self._left -= len(given)
        for condition in (None, *given):
            for needed, value in self._filed.get(condition, ()):
                self._left -= 1 + len(needed)
                if self._left < 0:
                    raise _TooManyError
                if needed <= given:
                    yield value


class _Cover:
    """What a profile's denies cover, and under which conditions."""

    def __init__(self, denies: _Rules, family: str, socket_types: Sequence[str]) -> None:
        self.family = family
        self.socket_types = socket_types
        self.denies = _Filed[NetworkRule]()
        choices: dict[int, dict[int, Arm]] = {}
        for rule, net in _distinct(denies):
            self.denies.add(_given(rule.arms), net)
            for arm in rule.arms:
                choices.setdefault(arm[0], {})[arm[1]] = arm
        self.whole = [
            _given(arms.values())
            for arms in choices.values()
            if len(arms) > 1 and len(arms) == max(arms) + 1 and arms[max(arms)][2] == b"else"
        ]
        """The choices that have an else, in each arm of which a deny stands."""

    def undenied(self, allows: _Rules) -> list[tuple[Rule, NetworkRule]]:
        """Of these rules those that no deny answers in full; of those that say the same under the
        same conditions only the first. Raises _TooManyError."""
        return [
            (rule, net)
            for rule, net in _distinct(allows)
            if not all(
                not net.covers(self.family, kind)
                or self.denied(kind, _given(rule.arms), net.priority)
                for kind in self.socket_types
            )
        ]

    def always(self) -> bool:
        """Whether the family is denied whatever the template's actions choose.

        Raises _TooManyError.
        """
        return all(self.denied(kind, frozenset(), 0) for kind in self.socket_types)

    def denied(
        self, kind: str, given: frozenset[_Condition], priority: int, depth: int = 0
    ) -> bool:
        """Whether the type is denied whenever text under these conditions, of this priority, is
        there. Raises _TooManyError."""
        for net in self.denies.under(given):
            if net.priority >= priority and net.covers(self.family, kind):
                return True
        # Denied in each arm of a choice that has an else is denied whatever is chosen.
        return depth < 3 and any(
            given.isdisjoint(choice)
            and all(self.denied(kind, given | {arm}, priority, depth + 1) for arm in choice)
            for choice in self.whole
        )


def _anchors(allows: _Rules) -> list[tuple[Rule, NetworkRule]]:
    """The fewest rules to follow with a deny so that every one of ``allows`` is answered.

    Raises _TooManyError.
    """
    chosen: list[tuple[Rule, NetworkRule]] = []
    answers = _Filed[None]()
    # Those of higher priority come first, so an answer's priority is enough for all that follow.
    for rule, net in sorted(
        allows,
        key=lambda pair: (-pair[1].priority, not pair[1].blanket, len(pair[0].arms), pair[0].start),
    ):
        given = _given(rule.arms)
        if not any(True for _ in answers.under(given)):
            chosen.append((rule, net))
            answers.add(given, None)
    return sorted(chosen, key=lambda pair: pair[0].start)

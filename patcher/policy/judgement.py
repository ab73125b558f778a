"""What a profile's network rules mean for one address family.

Deny wins over allow whatever the order (apparmor.d(5)), unless the allow rule has the higher
``priority=`` (AppArmor 4.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from patcher.policy.network import NetworkRule
from patcher.policy.reader import Arm, Profile, Rule
from patcher.policy.status import Status


@dataclass(frozen=True, slots=True)
class Judgement:
    """The status of a profile, or of one of its exclusive branches, for one family."""

    status: Status
    reason: str
    anchor: Rule | None
    """The rule that decides; when affected, the one that the new rule follows."""


_Rules = Sequence[tuple[Rule, NetworkRule]]


def judge(
    profile: Profile, family: str, socket_types: Sequence[str], *, moby_style: bool
) -> list[Judgement]:
    """Judge a profile: one judgement, or one for each place that needs a rule of its own.

    ``socket_types``: the types in which the kernel offers the family.
    """

    def reaches(rule: NetworkRule) -> bool:
        return any(rule.covers(family, socket_type) for socket_type in socket_types)

    reaching = [(rule, net) for rule, net in profile.network_rules if reaches(net)]
    dropped = [(rule, net) for rule, net in reaching if rule.qualifier_block]
    live = [(rule, net) for rule, net in reaching if not rule.qualifier_block]
    certain = [(rule, net) for rule, net in live if not _uncertain(net)]
    uncertain = [(rule, net) for rule, net in live if _uncertain(net)]
    allows = [(rule, net) for rule, net in certain if net.mode != "deny"]
    denies = [(rule, net) for rule, net in certain if net.mode == "deny"]
    allows_all = [
        (rule, NetworkRule("allow", priority=rule.priority))
        for rule in profile.rules
        if rule.keyword == b"all" and not rule.deny and not rule.qualifier_block
    ]
    cover = _Cover(denies, family, socket_types)
    try:
        open_allows = cover.undenied(allows)
        open_uncertain = cover.undenied([pair for pair in uncertain if pair[1].mode != "deny"])
        open_all = cover.undenied(allows_all)
        outright = cover.always()
        anchors = _anchors(open_allows)
    except _TooManyError:
        reason = "too many network rules that depend on template actions to judge them together"
        return [Judgement(Status.UNDER_INVESTIGATION, reason, allows[0][0] if allows else None)]
    first = allows[0][0] if allows else None

    def look(reason: str, anchor: Rule | None) -> list[Judgement]:
        return [Judgement(Status.UNDER_INVESTIGATION, reason, anchor)]

    if not open_allows:
        if open_all:
            return look("`all,` allows every family; decide by hand what to deny", open_all[0][0])
        fixing = [rule for rule, net in denies if not net.blanket]
        if fixing and first is not None and all(_chosen(net, denies) for _, net in open_uncertain):
            reason = f"`{_text(fixing[0])},` is there"
            if open_uncertain:
                reason += f"; what `{_text(open_uncertain[0][0])},` allows is up to its template"
            return [Judgement(Status.FIXED, reason, first)]
        if open_uncertain:
            rule, net = open_uncertain[0]
            return look(_why_uncertain(net), rule)
        if fixing and outright:
            return [Judgement(Status.FIXED, f"`{_text(fixing[0])},` is there", fixing[0])]
        if denies and (first is not None or outright):
            return [
                Judgement(Status.NOT_AFFECTED, "`deny network,` denies every family", denies[0][0])
            ]
        blocked = [(rule, net) for rule, net in dropped if net.mode != "deny"]
        if blocked:
            block = blocked[0][0].qualifier_block.decode()
            return look(
                f"the network rule stands in an `{block}` block, out of which AppArmor's parser "
                "carries file rules alone: it grants nothing there, and a deny would do nothing",
                blocked[0][0],
            )
        networks = [rule for rule, _ in profile.network_rules]
        if not networks and moby_style:
            carrier = next(
                (rule for rule in profile.rules if rule.keyword in (b"include", b"action")), None
            )
            if carrier is not None:
                return look(
                    f"no network rule of its own; `{_text(carrier)}` may carry one", carrier
                )
        anchor = networks[0] if networks else None
        reason = f"no rule of it reaches {family} sockets" if networks else "it has no network rule"
        return [Judgement(Status.NOT_AFFECTED, reason, anchor)]

    if b"unconfined" in profile.flags:
        return look("flags=(unconfined): its rules are not enforced", open_allows[0][0])
    for rule, net in open_allows:
        if net.domain == family:
            return look(
                f"`{_text(rule)},` allows the family on purpose; a deny would break it", rule
            )
    for rule, net in uncertain:
        if net.mode != "allow" and net.domain == family:
            return look(f"a template action may or may not make a deny of the {family} rule", rule)
    return [Judgement(Status.AFFECTED, _why_affected(net, family), rule) for rule, net in anchors]


def _chosen(net: NetworkRule, denies: _Rules) -> bool:
    """Whether an uncertain rule allows what its template is told to (``network {{.Family}},``), and
    has no higher priority than the denies."""
    return (
        net.mode == "allow"
        and net.unknown
        and not net.conditions
        and all(net.priority <= deny.priority for _, deny in denies)
    )


_LONGEST_TEXT = 1000


def _text(rule: Rule) -> str:
    """The rule as reasons show it; thousands of profiles may share one rule of a megabyte."""
    text = b" ".join(rule.words).decode("utf-8", "replace")
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


def _why_affected(net: NetworkRule, family: str) -> str:
    if net.blanket:
        return f"blanket network rule, and nothing denies {family}"
    return f"the network rule reaches {family} sockets, and nothing denies {family}"


_Condition = bytes | tuple[int, int]


def _given(arms: Iterable[Arm]) -> frozenset[_Condition]:
    """What must hold for text in these arms to be there. The first arm of a choice is known by its
    condition, since another choice may repeat it; an ``else`` only by where it stands."""
    return frozenset(
        words if index == 0 and words else (number, index) for number, index, words in arms
    )


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


class _Cover:
    """What a profile's denies cover, and under which conditions."""

    def __init__(self, denies: _Rules, family: str, socket_types: Sequence[str]) -> None:
        self.denies = [(net, rule.arms, _given(rule.arms)) for rule, net in _distinct(denies)]
        self.family = family
        self.socket_types = socket_types
        self.effort = sum(1 + len(arms) for _, arms, _ in self.denies)
        self.left = _COMPARISONS

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
        self.left -= self.effort
        if self.left < 0:
            raise _TooManyError
        choices: dict[int, dict[int, Arm]] = {}
        for net, arms, needed in self.denies:
            if net.priority < priority or not net.covers(self.family, kind):
                continue
            if needed <= given:
                return True
            for arm in arms:
                if not _given((arm,)) <= given:
                    choices.setdefault(arm[0], {})[arm[1]] = arm
        if depth == 3:
            return False
        # Denied in each arm of a choice that has an else is denied whatever is chosen.
        return any(
            last > 0
            and len(found) == last + 1
            and found[last][2] == b"else"
            and all(
                self.denied(kind, given | _given((arm,)), priority, depth + 1)
                for arm in found.values()
            )
            for found in choices.values()
            for last in (max(found),)
        )


def _anchors(allows: _Rules) -> list[tuple[Rule, NetworkRule]]:
    """The fewest rules to follow with a deny so that every one of ``allows`` is answered.

    Raises _TooManyError.
    """
    chosen: list[tuple[Rule, NetworkRule]] = []
    answers: list[frozenset[_Condition]] = []
    left = _COMPARISONS
    # Those of higher priority come first, so an answer's priority is enough for all that follow.
    for rule, net in sorted(
        allows,
        key=lambda pair: (-pair[1].priority, not pair[1].blanket, len(pair[0].arms), pair[0].start),
    ):
        left -= len(answers)
        if left < 0:
            raise _TooManyError
        given = _given(rule.arms)
        if not any(needed <= given for needed in answers):
            chosen.append((rule, net))
            answers.append(given)
    return sorted(chosen, key=lambda pair: pair[0].start)

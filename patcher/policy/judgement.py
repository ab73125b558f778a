"""What a profile's network rules mean for one address family.

Deny wins over allow whatever the order (apparmor.d(5)), unless the allow rule has the higher
``priority=`` (AppArmor 4.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from patcher.policy.network import NetworkRule
from patcher.policy.reader import Arm, Profile, Rule


class Status(StrEnum):
    """What is known of one profile: the status words of VEX (OpenVEX, CycloneDX)."""

    AFFECTED = "affected"
    FIXED = "fixed"
    NOT_AFFECTED = "not_affected"
    UNDER_INVESTIGATION = "under_investigation"


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
    certain = [(rule, net) for rule, net in live if not _uncertain(net, family)]
    uncertain = [(rule, net) for rule, net in live if _uncertain(net, family)]
    allows = [(rule, net) for rule, net in certain if net.mode != "deny"]
    denies = [(rule, net) for rule, net in certain if net.mode == "deny"]
    open_allows = [
        (rule, net)
        for rule, net in allows
        if not all(
            not net.covers(family, kind) or _denied(denies, family, kind, rule.arms, net.priority)
            for kind in socket_types
        )
    ]
    first = allows[0][0] if allows else None

    def look(reason: str, anchor: Rule | None) -> list[Judgement]:
        return [Judgement(Status.UNDER_INVESTIGATION, reason, anchor)]

    if not open_allows:
        fixing = [rule for rule, net in denies if not net.blanket]
        if fixing and (allows or _denied_outright(denies, family, socket_types)):
            text = b" ".join(fixing[0].words).decode("utf-8", "replace")
            return [Judgement(Status.FIXED, f"`{text},` is there", first or fixing[0])]
        if denies and (allows or _denied_outright(denies, family, socket_types)):
            return [
                Judgement(Status.NOT_AFFECTED, "`deny network,` denies every family", denies[0][0])
            ]
        for rule in profile.rules:
            if rule.keyword == b"all" and not rule.deny and not rule.qualifier_block:
                return look("`all,` allows every family; decide by hand what to deny", rule)
        allowing = [(rule, net) for rule, net in uncertain if net.mode != "deny"]
        if allowing:
            rule, net = allowing[0]
            return look(_why_uncertain(net), rule)
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
                text = b" ".join(carrier.words).decode("utf-8", "replace")
                return look(f"no network rule of its own; `{text}` may carry one", carrier)
        anchor = networks[0] if networks else None
        reason = f"no rule of it reaches {family} sockets" if networks else "it has no network rule"
        return [Judgement(Status.NOT_AFFECTED, reason, anchor)]

    if b"unconfined" in profile.flags:
        return look("flags=(unconfined): its rules are not enforced", open_allows[0][0])
    for rule, net in open_allows:
        if net.domain == family:
            text = b" ".join(rule.words).decode("utf-8", "replace")
            return look(f"`{text},` allows the family on purpose; a deny would break it", rule)
    for rule, net in uncertain:
        if net.mode != "allow" and net.domain == family:
            return look(f"a template action may or may not make a deny of the {family} rule", rule)
    return [
        Judgement(Status.AFFECTED, _why_affected(net, family), rule)
        for rule, net in _anchors(open_allows)
    ]


def _uncertain(net: NetworkRule, family: str) -> bool:
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


def _implied(needed: Iterable[Arm], given: Sequence[Arm]) -> bool:
    """Whether text in the arms ``needed`` is there whenever text in the arms ``given`` is."""
    return all(
        any(
            (number, index) == (other, position)
            or (index == position == 0 and bool(words) and words == text)
            for other, position, text in given
        )
        for number, index, words in needed
    )


def _denied(
    denies: _Rules, family: str, kind: str, arms: Sequence[Arm], priority: int, depth: int = 0
) -> bool:
    """Whether the type is denied whenever a rule in these arms, of this priority, is there."""
    able = [
        (rule, net) for rule, net in denies if net.covers(family, kind) and net.priority >= priority
    ]
    if any(_implied(rule.arms, arms) for rule, _ in able):
        return True
    if depth == 3:
        return False
    # Denied in each arm of a choice that has an else is denied whatever is chosen.
    choices: dict[int, dict[int, Arm]] = {}
    for rule, _ in able:
        for arm in rule.arms:
            if not any(arm[0] == other[0] for other in arms):
                choices.setdefault(arm[0], {})[arm[1]] = arm
    for found in list(choices.values())[:8]:
        last = max(found)
        if (
            last > 0
            and sorted(found) == list(range(last + 1))
            and found[last][2] == b"else"
            and all(
                _denied(able, family, kind, (*arms, arm), priority, depth + 1)
                for arm in found.values()
            )
        ):
            return True
    return False


def _denied_outright(denies: _Rules, family: str, socket_types: Sequence[str]) -> bool:
    return all(_denied(denies, family, kind, (), 0) for kind in socket_types)


def _anchors(allows: _Rules) -> list[tuple[Rule, NetworkRule]]:
    """The fewest rules to follow with a deny so that every one of ``allows`` is answered."""
    chosen: list[tuple[Rule, NetworkRule]] = []
    for rule, net in sorted(
        allows,
        key=lambda pair: (-pair[1].priority, not pair[1].blanket, len(pair[0].arms), pair[0].start),
    ):
        if not any(
            _implied(other.arms, rule.arms) and answer.priority >= net.priority
            for other, answer in chosen
        ):
            chosen.append((rule, net))
    return sorted(chosen, key=lambda pair: pair[0].start)

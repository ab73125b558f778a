"""What a seccomp profile says of ``socket(AF_ALG, ...)``, as libseccomp compiles it.

An outcome is a claim about one system call, socket(2), and one family. It is clean only where no
value of the argument that the kernel takes for that family is let through: a filter compares all 64
bits of an argument, and socket(2) takes the lower 32 of them (its parameter is an ``int``), so that
``38 + (1 << 32)`` opens the family too, and passes a test such as ``> 40``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from patcher.policy.bounds import time_left
from patcher.policy.status import Status

__all__ = [
    "FAMILY",
    "RULE",
    "UPSTREAM",
    "ArgumentTest",
    "SeccompJudgement",
    "SeccompProfile",
    "SocketRule",
    "judge_seccomp",
]

FAMILY = 38
"""AF_ALG (include/linux/socket.h)."""
RULE = "seccomp-af-alg"
"""What reports call a finding of this kind in place of a migration's id."""
UPSTREAM = "moby/profiles#20"
"""https://github.com/moby/profiles/pull/20 allows families below 38, 39, and above 40 in place of
all but 40."""

_LOW = 0xFFFFFFFF
_EXECUTES = frozenset(("ALLOW", "LOG"))
_REFUSES = frozenset(("ERRNO", "KILL_THREAD", "KILL_PROCESS", "TRAP"))
_EPERM = 1
"""What runtimes return where a profile gives no number (runtime-spec, config-linux.md)."""
_NO_ARGUMENTS = (
    "socketcall(2), by which 32-bit programs make sockets, hides its arguments from seccomp: only "
    "AppArmor closes that"
)


class ArgumentTest(NamedTuple):
    """One comparison of an argument; None for what is not known."""

    argument: int | None
    """Its number, from 0."""
    op: str
    """As libseccomp calls it, without ``SCMP_CMP_``; anything else is not known."""
    value: int | None
    value_two: int | None = 0


class SocketRule(NamedTuple):
    """A rule for socket(2), or one that may be."""

    action: str
    """As libseccomp calls it, without ``SCMP_ACT_``; anything else is not known."""
    tests: tuple[ArgumentTest, ...] = ()
    condition: str = ""
    """Under what the rule is there, in words; empty: always."""
    errno: int | None = None
    named: bool = True
    """Whether it certainly names socket(2)."""


class SeccompProfile(NamedTuple):
    """What a profile says of socket(2)."""

    default: str
    rules: tuple[SocketRule, ...]
    errno: int | None = None
    """The error number of the default action."""
    unknown: str = ""
    """Why this may not be all that it says; empty where it is."""


class SeccompJudgement(NamedTuple):
    """The status of a profile, and why."""

    status: Status
    reason: str


class _Outcome(Enum):
    EXECUTED = 1
    REFUSED = 2
    UNKNOWN = 3


def judge_seccomp(profile: SeccompProfile) -> SeccompJudgement:
    """Judge whether socket(2) may open the family under a profile."""
    rules = _loaded(profile)
    family = f"family {FAMILY} (AF_ALG)"
    outcome, condition = _outcome(profile, rules, FAMILY, together=False)
    if outcome is _Outcome.EXECUTED:
        where = f" where {condition}" if condition else ""
        reason = f"socket(2) is allowed for {family}{where}; {UPSTREAM} closed that upstream"
        return SeccompJudgement(Status.AFFECTED, f"{reason}, and patcher does not change it")
    if profile.unknown:
        said = "what stands here refuses" if outcome is _Outcome.REFUSED else "it may allow"
        return _look(f"{said} {family} for socket(2), but {profile.unknown}")
    if any(rule.condition and _kind(rule.action) is _Outcome.REFUSED for rule in rules):
        # Runtimes leave rules out by their conditions; which apply at once is not known here.
        return _look(f"whether {family} is refused depends on the conditions of its rules")
    if not _refuses(profile, rules, FAMILY):
        return _look(f"what its rules say together of {family} is not known")
    for high in _highs(rules):
        time_left()
        if high is None or not _refuses(profile, rules, high << 32 | FAMILY):
            return _look(
                f"{family} is refused as in {UPSTREAM}, but the filter compares 64 bits and "
                f"socket(2) takes the lower 32: 38 + 2^32 may pass; {_NO_ARGUMENTS}"
            )
    if any(rule.named for rule in rules):
        return SeccompJudgement(Status.FIXED, f"socket(2) is refused for {family}; {_NO_ARGUMENTS}")
    reason = f"no rule lets socket(2) through; {_NO_ARGUMENTS}"
    return SeccompJudgement(Status.NOT_AFFECTED, reason)


def _look(reason: str) -> SeccompJudgement:
    return SeccompJudgement(Status.UNDER_INVESTIGATION, reason)


def _loaded(profile: SeccompProfile) -> tuple[SocketRule, ...]:
    """The rules that are loaded. libseccomp takes none whose action is the default one, and
    runtimes skip these."""
    default = _action(profile.default), _number(profile.default, profile.errno)
    return tuple(
        rule
        for rule in profile.rules
        if (_action(rule.action), _number(rule.action, rule.errno)) != default
        or _kind(rule.action) is _Outcome.UNKNOWN
    )


def _action(action: str) -> str:
    return "KILL_THREAD" if action == "KILL" else action


def _number(action: str, errno: int | None) -> int | None:
    return (_EPERM if errno is None else errno) if action == "ERRNO" else None


def _kind(action: str) -> _Outcome:
    action = _action(action)
    if action in _EXECUTES:
        return _Outcome.EXECUTED
    return _Outcome.REFUSED if action in _REFUSES else _Outcome.UNKNOWN


def _refuses(profile: SeccompProfile, rules: Iterable[SocketRule], value: int) -> bool:
    """Whether a value of the first argument is refused however several tests of it in one rule are
    read, and on systems of 32 bits, too."""
    rules = tuple(rules)
    widths = [(rules, value), *[(_narrow(rules), value)] * (value <= _LOW)]
    return all(
        _outcome(profile, some, number, together=together)[0] is _Outcome.REFUSED
        for some, number in widths
        for together in (False, True)
    )


def _narrow(rules: Iterable[SocketRule]) -> tuple[SocketRule, ...]:
    """The rules as they are compared where an argument has 32 bits."""
    return tuple(
        rule._replace(
            tests=tuple(
                test._replace(
                    value=None if test.value is None else test.value & _LOW,
                    value_two=None if test.value_two is None else test.value_two & _LOW,
                )
                for test in rule.tests
            )
        )
        for rule in rules
    )


def _outcome(
    profile: SeccompProfile, rules: Iterable[SocketRule], value: int, *, together: bool
) -> tuple[_Outcome, str]:
    """What becomes of a call, and under what condition where it is executed.

    A rule without tests stands for its whole system call, whatever the others say. Among rules with
    tests that say different things of one value no order is relied on. ``together``: several tests
    of one argument in a rule have all to hold; runc and crun make a rule of each.
    """
    matched = [
        (rule, holds)
        for rule in rules
        if (holds := _matches(rule, value, together=together)) is not False
    ]
    whole = [pair for pair in matched if not pair[0].tests]
    sure_whole = [pair for pair in whole if _is_sure(*pair)]
    if sure_whole:
        return _together(whole, _Outcome.UNKNOWN)
    default = _kind(profile.default)
    if not matched:
        return default, ""
    return _together(matched, default)


def _together(
    matched: Sequence[tuple[SocketRule, bool | None]], default: _Outcome
) -> tuple[_Outcome, str]:
    """What several rules that match, or may, say together with what is left if none does."""
    kinds = {_kind(rule.action) for rule, _ in matched}
    sure = [rule for rule, holds in matched if _is_sure(rule, holds)]
    if len(kinds) > 1:
        return _Outcome.UNKNOWN, ""
    kind = kinds.pop()
    if sure or kind is default:
        return kind, ""
    known = [rule for rule, holds in matched if holds and rule.named]
    if kind is _Outcome.EXECUTED and known:
        return kind, known[0].condition
    if default is _Outcome.EXECUTED and all(rule.condition for rule, _ in matched):
        return default, f"not {matched[0][0].condition}"
    return _Outcome.UNKNOWN, ""


def _is_sure(rule: SocketRule, holds: bool | None) -> bool:
    return bool(holds) and rule.named and not rule.condition


def _matches(rule: SocketRule, value: int, *, together: bool) -> bool | None:
    """Whether a rule applies to a call with this first argument; None: that is not known."""
    answers = [_holds(test, value) for test in rule.tests]
    if not answers:
        return True
    several = max(Counter(test.argument for test in rule.tests).values()) > 1
    if several and not together:
        return True if True in answers else None if None in answers else False
    return False if False in answers else None if None in answers else True


def _holds(test: ArgumentTest, value: int) -> bool | None:
    if test.argument != 0 or test.value is None:
        return None
    if test.op == "MASKED_EQ":
        if test.value_two is None or test.value_two & ~test.value:
            return None
        return value & test.value == test.value_two
    against = test.value
    return {
        "EQ": value == against,
        "NE": value != against,
        "LT": value < against,
        "LE": value <= against,
        "GT": value > against,
        "GE": value >= against,
    }.get(test.op)


def _highs(rules: Iterable[SocketRule]) -> Iterator[int | None]:
    """Upper halves of the argument, one of each stretch that no test tells apart; None where a mask
    covers a part of it."""
    highs = {0, 1, _LOW}
    for rule in rules:
        for test in rule.tests:
            if test.argument != 0 or test.value is None:
                continue
            high = test.value >> 32
            if test.op != "MASKED_EQ":
                highs |= {high - 1, high, high + 1}
            elif high not in (0, _LOW):
                yield None
            elif high and test.value_two is not None:
                highs.add(test.value_two >> 32)
    yield from (high for high in sorted(highs) if 0 <= high <= _LOW)

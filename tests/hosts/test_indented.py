"""Templates in which the indentation says what a condition governs: Haml, Slim, Pug."""

from __future__ import annotations

import pytest

import patcher
from patcher import Status

HEADER = "profile docker-default flags=(attach_disconnected,mediate_deleted) {\n"
TAIL = "  capability,\n  file,\n  umount,\n  deny @{PROC}/sysrq-trigger rwklx,\n}\n"


def _statuses(path: str, rules: str) -> set[Status]:
    text = HEADER + rules + TAIL
    if path != "a.haml":
        marked = (f"| {line}" for line in (HEADER + "{}" + TAIL).splitlines())
        text = "\n".join(marked).replace("| {}", rules.rstrip("\n")) + "\n"
    return {finding.status for finding in patcher.patch(path, text.encode()).findings}


@pytest.mark.parametrize(
    "condition",
    ["- if a", "- unless a", "- xs.each do |x|", "- while a", "- case a\n- when 1", "-if a"],
)
@pytest.mark.parametrize(
    "rules",
    [
        "{}\n  deny network alg,\nnetwork,\n",
        "network,\n{}\n  deny network alg,\n",
        "{}\n  network,\n{}\n  deny network alg,\n",
        "{}\n    deny network alg,\n  file,\nnetwork,\n",
    ],
)
def test_a_deny_that_a_condition_governs_answers_no_rule_outside(
    condition: str, rules: str
) -> None:
    assert Status.FIXED not in _statuses("a.haml", rules.replace("{}", condition))
    assert _statuses("a.haml", rules.replace("{}", condition))


@pytest.mark.parametrize("path", ["a.slim", "a.pug", "a.jade"])
@pytest.mark.parametrize("condition", ["if a", "- if a", "unless a", "each x in xs", "while a"])
def test_lines_with_a_bar(path: str, condition: str) -> None:
    for rules in (
        f"{condition}\n  |   deny network alg,\n|   network,\n",
        f"|   network,\n{condition}\n  |   deny network alg,\n",
    ):
        found = _statuses(path, rules)
        assert found
        assert found.isdisjoint({Status.FIXED, Status.NOT_AFFECTED})


def test_without_a_condition_they_stand_together() -> None:
    both = "  network,\n  deny network alg,\n"
    assert _statuses("a.haml", both) == {Status.FIXED}
    assert _statuses("a.haml", f"- if a\n{both}") == {Status.FIXED}
    assert _statuses("a.pug", "|   network,\n|   deny network alg,\n") == {Status.FIXED}

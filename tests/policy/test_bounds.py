"""What is over a bound is said to be, just there, and by whoever reads it."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import patcher
from patcher import Status, hosts
from patcher.policy import bounds
from patcher.policy.bounds import Budget, TooMuch, check_lines
from patcher.policy.reader import read

# Hosts are imported when they are first needed, and take the bounds as they are then: not as a test
# has made them.
for _module in pkgutil.iter_modules(hosts.__path__, "patcher.hosts."):
    importlib.import_module(_module.name)
importlib.import_module("patcher.proof.host")

PROFILE = (
    b"profile x flags=(attach_disconnected,mediate_deleted) {\n"
    b" network,\n file,\n umount,\n deny mount,\n}\n"
)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (b" file,\n", "more than 50000 rules"),
        (b" hat y { file, }\n", "more than 5000 profiles"),
        (b"x\n", "more than 1000000 words and marks of policy text"),
    ],
)
def test_a_budget_is_of_a_file(more: bytes, reason: str) -> None:
    """It is used up, whatever the number of texts."""
    kind = {"rules": "rules", "profiles": "profiles", "text": "tokens"}[reason.split()[-1]]
    budget = Budget(later=0)
    read(PROFILE, budget)
    used = getattr(Budget(), kind) - getattr(budget, kind)
    setattr(budget, kind, 2 * used)
    read(PROFILE, budget)
    read(PROFILE, budget)
    setattr(budget, kind, 2 * used)
    read(PROFILE, budget)
    with pytest.raises(TooMuch, match=reason):
        read(PROFILE[:-2] + more + b"}\n", budget)


@pytest.mark.parametrize("opening", [b"{ ", b"{{if a}} ", b"audit { ", b"if $x { "])
def test_nesting(opening: bytes) -> None:
    (profile,) = read(PROFILE[:-2] + opening * 9_999 + b"\n")
    assert profile.name == "x"
    with pytest.raises(TooMuch, match="more than 10000 nested"):
        read(PROFILE[:-2] + opening * 10_001)


def test_a_name_counts_with_those_it_stands_in() -> None:
    names = ("a" * 1000, "b" * 1000, "c" * 48)
    opened = b"".join(b"profile %b {\n network,\n" % name.encode() for name in names)
    assert [profile.name for profile in read(opened)] == list(names)
    with pytest.raises(TooMuch, match="the name of a profile is longer than 2048 bytes"):
        read(opened + b"profile d {\n network,\n")


def test_flags() -> None:
    flags = ",".join(f"flag{number}" for number in range(50))
    (profile,) = read(b"profile x flags=(%b) {\n network,\n}\n" % flags.encode())
    assert len(profile.flags) == 50
    with pytest.raises(TooMuch, match="more than 50 flags"):
        read(b"profile x flags=(%b,more) {\n network,\n}\n" % flags.encode())


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r", b"\\n"])
def test_lines(ending: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_LINES", 10)
    check_lines(ending * 10)
    check_lines(b"x" * 100)
    with pytest.raises(TooMuch, match="more than 10 lines"):
        check_lines(ending * 11)


def test_sections_that_are_put_in_their_place_often() -> None:
    def text(rules: bytes, often: int) -> bytes:
        section = b'{{define "a"}}\n' + rules + b"{{end}}\n"
        return section + b"profile x {\n" + b'{{template "a"}}\n' * often + b"}\n"

    assert [len(each.rules) for each in read(text(b"file,\n", 10_000))] == [10_000]
    assert [len(each.rules) for each in read(text(b"file,\nunix,\n", 6_666))] == [13_332]
    for rules, often in ((b"file,\n", 10_001), (b"file,\nunix,\n", 6_667)):
        with pytest.raises(TooMuch, match="more than 20000 rules that sections put"):
            read(text(rules, often))


def test_sections_that_are_put_into_each_other() -> None:
    def template(depth: int) -> bytes:
        sections = [
            b'{{define "a%d"}}\n{{template "a%d"}}\n{{end}}\n' % (number, number + 1)
            for number in range(depth)
        ]
        last = b'{{define "a%d"}}\nnetwork,\n{{end}}\n' % depth
        return b"".join(sections) + last + b'profile x {\n{{template "a0"}}\n}\n'

    (profile,) = [profile for profile in read(template(8)) if profile.header]
    assert [rule.keyword for rule in profile.rules] == [b"network"]
    with pytest.raises(TooMuch, match="more than 8 sections put into each other"):
        read(template(9))


def test_a_file_is_one_finding_for_each_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patcher.engine.MAX_FINDINGS", 3)
    content = PROFILE * 2
    assert [f.status for f in patcher.patch("p", content).findings] == [Status.AFFECTED] * 2
    result = patcher.patch("p", content * 2)
    (finding,) = result.findings
    assert finding.status is Status.UNDER_INVESTIGATION
    assert finding.reason == "more than 3 findings, so not read"
    assert (finding.line, finding.profile, finding.edit) == (1, "", None)
    assert result.content == content * 2 and not result.edits


def test_an_edit_that_would_be_over_a_bound_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_LINES", PROFILE.count(b"\n"))
    (finding,) = patcher.patch("p", PROFILE).findings
    assert finding.edit is None
    assert finding.status is Status.UNDER_INVESTIGATION
    assert finding.reason.endswith(
        "the edit was left out, because as edited, the file would have more than 6 lines"
    )

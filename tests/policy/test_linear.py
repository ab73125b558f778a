"""Text made to take long: it is read in time and memory that grow with its length, no faster."""

from __future__ import annotations

import pytest

import patcher
from patcher.migrations import builtin
from patcher.policy import judgement
from patcher.policy.bounds import TooMuch
from patcher.policy.judgement import judge
from patcher.policy.reader import read
from tests.growth import Work, check_linear, measured
from tests.variants import few

HEAD = b"profile x flags=(attach_disconnected,mediate_deleted) {\n network,\n deny mount,\n"

PIECES = [
    b"{{", b"{%", b"{#", b'"', b"(", b"/{a,", b"\\", b"{", b"}", b"{ ", b"}}", b"{{\n", b"{{/* ",
    b"a ", b"profile x {\n", b"x flags=(a) {\n", b"if $x { ", b"audit {\n", b"network,\n",
    b"network, ", b"network alg ", b"network {", b"network   ", b"network\n",
    b"deny network alg,\n",
    b"{{if a}}", b"{% if a %}{", b"{{if a}}network,\n", b"{{if a}}network,\n{{end}}\n",
    b"{{if a}}network,\n{{else}}deny network alg,\n{{end}}\n", b"mediate_deleted {\n",
    b"priority=1 network,\n", b"}\nnetwork,\n", b"/", b"profile ", b"@{", b"$x = ",
    b"/a r,\n", b"# x\n", b"#\n\n", b"/a{b,", b"/a{b,c} ", b"dbus\n a=b ", b"x(y ", b"x[y",
]  # fmt: skip


@measured("piece", [(piece,) for piece in PIECES], one_in=2)
def test_one_piece_over_and_over(piece: bytes, measurable: float) -> None:
    def prepare(size: int) -> Work:
        content = HEAD + piece * (size // len(piece))

        def work() -> None:
            result = patcher.patch(
                "apparmor.d/x", content, migrations=builtin(), profiles="all", docs=True
            )
            if any(finding.host == "file" for finding in result.findings):
                raise TooMuch(result.findings[0].reason)

        return work

    check_linear(prepare, smallest=int(measurable * (1 << 19)), measurable=measurable)


def judging(content: bytes) -> Work:
    """Reading a policy, and judging all its profiles."""

    def work() -> None:
        for profile in read(content):
            judge(profile, "alg", ["seqpacket"], moby_style=True)

    return work


@pytest.mark.parametrize(
    "line",
    few(
        [
            b"{{if .A%d}}network,{{end}}\n",
            b"{{if .A%d}}deny network alg,{{end}}\n",
            b"{{if .A%d}}network,{{else}}deny network,{{end}}\n",
            b"{{else if .A%d}}network,\n",
            b"priority=%d network,\n",
            b"priority=%d network,\npriority=%d deny network alg stream,\n",
            b"{{if .A%d}}\nnetwork,\n",
        ],
        3,
    ),
)
def test_conditions_that_differ(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are compared with each other a bounded number of times."""
    monkeypatch.setattr(judgement, "_COMPARISONS", 1 << 13)

    def prepare(number: int) -> Work:
        body = b"".join(line % ((each,) * line.count(b"%d")) for each in range(number))
        return judging(HEAD + b"{{if x}}\n" + body + b"{{end}}\nnetwork,\n}\n")

    check_linear(prepare, smallest=200, largest=200)


def test_rules_that_say_the_same_share_their_words() -> None:
    (profile,) = read(b"profile x {\n" + b"deny network alg,\n" * 1000 + b"}\n")
    assert len(profile.rules) == 1000
    assert len({id(rule.words) for rule in profile.rules}) == 1
    assert len({id(rule.network) for rule in profile.rules}) == 1


def test_a_line_of_words_is_not_kept() -> None:
    (profile,) = read(b"profile x {\n" + b"word " * 100_000 + b"\nnetwork,\n}\n")
    assert profile.junk > 100
    assert [rule.words for rule in profile.rules] == [(b"network",)]


def test_a_deny_in_each_arm_of_nested_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judgement, "_COMPARISONS", 1 << 13)

    def prepare(depth: int) -> Work:
        nest = b"".join(b"{{if .A%d}}" % number for number in range(depth))
        each = b"{{else}}deny network alg,{{end}}\n" * depth
        return judging(HEAD + nest + b"deny network alg," + each + b"}\n")

    check_linear(prepare, smallest=50, largest=50)

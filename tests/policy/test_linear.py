"""Text made to take long: megabytes of it are read in time and memory that grow with its length.

The bounds are many times what it takes, and a small part of what quadratic steps would take.
"""

from __future__ import annotations

import time

import pytest

import patcher
from patcher.migrations import builtin
from patcher.policy.judgement import judge
from patcher.policy.reader import read

SIZE = 200_000
SECONDS = 30.0
HEAD = b"profile x flags=(attach_disconnected,mediate_deleted) {\n network,\n deny mount,\n"

PIECES = [
    b"{{", b"{%", b"{#", b'"', b"(", b"/{a,", b"\\", b"{", b"}", b"{ ", b"}}", b"{{\n", b"{{/* ",
    b"a ", b"profile x {\n", b"x flags=(a) {\n", b"if $x { ", b"audit {\n", b"network,\n",
    b"network, ", b"network alg ", b"network {", b"network   ", b"network\n",
    b"deny network alg,\n",
    b"{{if a}}", b"{% if a %}{", b"{{if a}}network,\n", b"{{if a}}network,\n{{end}}\n",
    b"{{if a}}network,\n{{else}}deny network alg,\n{{end}}\n", b"mediate_deleted {\n",
    b"priority=1 network,\n", b"}\nnetwork,\n", b"/", b"profile ", b"@{", b"$x = ",
]  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
def test_one_piece_over_and_over(piece: bytes) -> None:
    content = HEAD + piece * ((SIZE if len(piece) > 4 else SIZE // 4) // len(piece))
    started = time.process_time()
    patcher.patch("apparmor.d/x", content, migrations=builtin(), profiles="all", docs=True)
    assert time.process_time() - started < SECONDS


@pytest.mark.parametrize(
    "line",
    [
        b"{{if .A%d}}network,{{end}}\n",
        b"{{if .A%d}}deny network alg,{{end}}\n",
        b"{{if .A%d}}network,{{else}}deny network,{{end}}\n",
        b"{{else if .A%d}}network,\n",
        b"priority=%d network,\n",
        b"{{if .A%d}}\nnetwork,\n",
    ],
)
def test_conditions_that_differ(line: bytes) -> None:
    """They are compared with each other a bounded number of times."""
    body = b"".join(line % number for number in range(8_000))
    content = HEAD + b"{{if x}}\n" + body + b"{{end}}\nnetwork,\n}\n"
    started = time.process_time()
    for profile in read(content):
        judge(profile, "alg", ["seqpacket"], moby_style=True)
    assert time.process_time() - started < SECONDS


def test_rules_that_say_the_same_share_their_words() -> None:
    (profile,) = read(b"profile x {\n" + b"deny network alg,\n" * 1000 + b"}\n")
    assert len(profile.rules) == 1000
    assert len({id(rule.words) for rule in profile.rules}) == 1
    assert len({id(rule.network) for rule in profile.rules}) == 1


def test_a_line_of_words_is_not_kept() -> None:
    (profile,) = read(b"profile x {\n" + b"word " * 100_000 + b"\nnetwork,\n}\n")
    assert profile.junk > 100
    assert [rule.words for rule in profile.rules] == [(b"network",)]


def test_a_deny_in_each_arm_of_nested_choices() -> None:
    depth = 500
    nest = b"".join(b"{{if .A%d}}" % number for number in range(depth))
    content = HEAD + nest + b"deny network alg," + b"{{else}}deny network alg,{{end}}\n" * depth
    started = time.process_time()
    for profile in read(content + b"}\n"):
        judge(profile, "alg", ["seqpacket"], moby_style=True)
    assert time.process_time() - started < SECONDS

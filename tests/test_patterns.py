"""Regular expressions match the same text in every Python that patcher supports."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from patcher.policy.patterns import repeated
from tests.patterns import FIXTURES, unsafe


def test_every_pattern_matches_alike_in_every_python() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "tests.patterns"],
        cwd=FIXTURES.parent,
        check=True,
        capture_output=True,
        text=True,
    )
    patterns = json.loads(found.stdout)
    assert len(patterns) > 200
    assert any("|(?!))*+" in pattern for pattern, _ in patterns)
    assert [pattern for pattern, flags in patterns if unsafe(pattern, flags)] == []


@pytest.mark.parametrize(
    "pattern",
    [
        r'(?:[^"\\]++|\\[\s\S]|"(?!""))*+',
        r"(?:[ \t]*+(?:\r\n|\n))*+",
        r"x(?:a[ ]++)++y",
        r"(?:a(?:b[ ]?c)*+)?",
        r"(?:(a)|b|(?!))*+",
        r"(?>ab?c)",
    ],
)
def test_a_possessive_group_is_found(pattern: str) -> None:
    assert unsafe(pattern)


@pytest.mark.parametrize("pattern", [r"[^\n]*+x", r".?+", r"(?:ab)*", r"(?:a b?|(?!))*+c"])
def test_what_is_safe_is_not(pattern: str) -> None:
    assert not unsafe(pattern)


@pytest.mark.parametrize(
    ("body", "quantifier", "text", "matched"),
    [
        # CPython 3.11.2 matches more than the part before the bar in the first four, without the
        # alternative that always fails.
        (rb'[^"\\]++|\\[\s\S]|"(?!"")', b"*", b'abc def|"""', b"abc def"),
        (rb"[ \t]*+(?:\r\n|\n)", b"*", b"\n \r\n|  \rx", b"\n \r\n"),
        (rb"[-?][ \t]++", b"*", b"- - |-x", b"- - "),
        (rb"(?:audit|deny)[ \t]++", b"+", b"deny |audit,", b"deny "),
        (rb"\\t|[ ]++", b"+", b" \\t|\\n", b" \\t"),
        (rb"a", b"*", b"|b", b""),
    ],
)
def test_repeated_ends_where_the_last_whole_one_does(
    body: bytes, quantifier: bytes, text: bytes, matched: bytes
) -> None:
    found = re.match(repeated(body, quantifier), text.replace(b"|", b""))
    assert found is not None
    assert found[0] == matched


def test_repeated_gives_nothing_back() -> None:
    assert re.match(repeated(b"ab") + b"ab", b"ababab") is None

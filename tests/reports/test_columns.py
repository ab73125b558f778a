"""Tables of short cells, in lines of any length and as they fit a terminal."""

from __future__ import annotations

import itertools

import pytest

from patcher.progress import ReviewState
from patcher.reports import Style, renderer
from patcher.reports.text import columns

HOST = "https://github.example/acme"
WHY = "its checks failed: `patcher merge --force` merges it where the forge lets you"


def state(fork: str, base: str, number: int, did: str = "") -> ReviewState:
    return ReviewState(
        place=f"{HOST}/{fork}.git",
        base=f"refs/heads/{base}",
        number=str(number),
        url=f"{HOST}/{fork}/pull/{number}",
        life="open",
        draft=False,
        approved=False,
        checks="passed",
        conflicts=None,
        did=did,
    )


STATES = (
    state("engine-fork", "main", 1, WHY),
    state("engine-fork", "release/1.6", 2),
    state("helm-chart", "main", 1),
)


def shown(width: int | None) -> str:
    return b"".join(renderer("reviews", "table")(Style(width=width), STATES)).decode()


def test_reviews_have_a_line_each_where_nothing_is_too_narrow() -> None:
    head, *lines = shown(None).splitlines()
    assert len(lines) == len(STATES) + 1
    for title, value in (("base", "main"), ("review", HOST), ("checks", "passed")):
        column = head.index(f"  {title}  ") + 2
        assert lines[0][column:].startswith(value)
        assert lines[0][column - 2 : column] == "  "


def test_at_80_columns_addresses_stand_above_the_rest_and_what_is_long_goes_on_below() -> None:
    assert (
        shown(80)
        == f"""\
repository
  review
    base         state  approved  checks  conflicts
{HOST}/engine-fork.git
  {HOST}/engine-fork/pull/1
    main         open   no        passed  ?
      its checks failed: `patcher merge --force` merges it where the forge lets
      you
  {HOST}/engine-fork/pull/2
    release/1.6  open   no        passed  ?
{HOST}/helm-chart.git
  {HOST}/helm-chart/pull/1
    main         open   no        passed  ?
3 reviews: 3 open.
"""
    )


@pytest.mark.parametrize("width", [60, 80, 100, 120, 140, 200])
def test_no_line_is_longer_than_the_terminal_and_no_word_is_lost(width: int) -> None:
    text = shown(width)
    assert max(map(len, text.splitlines())) <= width
    words = set(shown(None).split())
    assert words <= set(text.split())
    for each in STATES:
        assert any(line.split()[0] == each.url or each.url in line for line in text.splitlines())


def test_only_as_many_columns_move_as_have_to() -> None:
    assert shown(140).startswith("repository\n  base         review  ")
    assert shown(200).startswith("repository  ")


def test_rows_that_differ_in_the_rest_alone_stand_below_one_head() -> None:
    rows = [("name", "size", "why"), *(("x" * 50, str(n), "y" * 20) for n in range(3))]
    text = columns(rows, right=(1,), width=60, above=(0,)).decode()
    assert text.count("x" * 50) == 1
    assert text.splitlines()[3:] == [f"  {n:>4}  {'y' * 20}" for n in range(3)]


def test_each_row_is_complete_whatever_the_width() -> None:
    """Also where the first column changes and the second does not."""
    rows = [("a", "b", "c", "d"), *itertools.product(("p" * 30, "q" * 30), ("r" * 30,), "12", "z")]
    text = columns(rows, width=35, above=(0, 1)).decode()
    lines = text.splitlines()[3:]
    assert [line.strip() for line in lines] == [
        *("p" * 30, "r" * 30, "1  z", "2  z"),
        *("q" * 30, "r" * 30, "1  z", "2  z"),
    ]

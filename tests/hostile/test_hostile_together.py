"""Several hostile repositories at once: together within the memory that one may take.

Each kind under one command; ``every_bomb.py`` runs each under all of them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle

import pytest

from tests.hostile import bombs
from tests.hostile.bench import PROFILE, Bench
from tests.hostile.test_hostile_bounds import MIB, big_blob, measured, with_profile
from tests.needs import needs_parser

pytestmark = [pytest.mark.bombs, pytest.mark.long]

NUMBER = 3
"""The first one has all threads to itself."""


def _bomb(name: str) -> Callable[[Bench, int], None]:
    def make(bench: Bench, number: int) -> None:
        content = bombs.UNDER[name].content
        content = content[: 8 * MIB - 16] + b"\n# %d\n" % number
        file = bombs.UNDER[name].name.encode()
        with_profile(bench, ("100644", file, bench.put("blob", content)))

    return make


def _changed(bench: Bench, number: int) -> None:
    entries = []
    for n in range(4):
        content = PROFILE.encode() + b"# %d %d\n" % (n, number) + os.urandom(MIB).hex().encode() * 3
        entries.append(("100644", b"p%02d" % n, bench.put("blob", content)))
    with_profile(bench, *entries)


def _large_trees(bench: Bench, number: int) -> None:
    blob = bench.put("blob", b"x%d" % number)
    files = (("100644", b"%07d%d" % (n, number), blob) for n in range((15 << 20) // 36))
    with_profile(bench, ("40000", b"t", bench.tree(*files)))


def _wide(bench: Bench, number: int) -> None:
    blob = bench.put("blob", b"x%d" % number)
    trees = (
        bench.tree(*(("100644", b"%02d%06d%d" % (n, i, number), blob) for i in range(28000)))
        for n in range(60)
    )
    with_profile(bench, *(("40000", b"%02d" % n, tree) for n, tree in enumerate(trees)))


def _blobs(bench: Bench, number: int) -> None:
    head = b"%d\n" % number
    oids = [
        big_blob(bench, n * MIB, head, b"network, # and so on..........\n\n") for n in (7, 9, 200)
    ]
    with_profile(bench, *(("100644", b"b%d" % n, oid) for n, oid in enumerate(oids)))


def _many_files(bench: Bench, number: int) -> None:
    rows = [
        ("100644", b"%05d" % n, bench.put("blob", PROFILE.encode() + b"# %d %d\n" % (n, number)))
        for n in range(3000)
    ]
    with_profile(bench, ("40000", b"t", bench.tree(*rows)))


KINDS: dict[str, Callable[[Bench, int], None]] = {
    "lines": _bomb("lines"),
    "4 KB of YAML": _bomb("4 KB of YAML"),
    "profiles, rules and lines": _bomb("profiles, rules and lines"),
    "words of Python": _bomb("words of Python"),
    "large files that change": _changed,
    "large trees": _large_trees,
    "wide trees": _wide,
    "large blobs": _blobs,
    "many files": _many_files,
}

COMMANDS = ("apply", "verify", "scan", "diff")


@needs_parser
@pytest.mark.parametrize(("kind", "command"), [*zip(KINDS, cycle(COMMANDS), strict=False)])
def test_many_take_no_more_than_one(bench: Bench, kind: str, command: str) -> None:
    hold_together(bench, kind, command)


def hold_together(bench: Bench, kind: str, command: str) -> None:
    """Run the command on several repositories of that kind."""
    for number in range(NUMBER):
        other = replace(bench, place=bench.root / "many" / str(number))
        shutil.copytree(bench.place, other.place)
        KINDS[kind](other, number)
    jobs = () if command == "verify" else ("-j", "8")
    ran = measured(bench, command, *jobs, str(bench.root / "many"), most=60 * NUMBER)
    assert ran.status in (0, 1, 3)  # 3: verify, of files that are over a limit

"""Every file that is made to be hard, under every command, in a repository beside a profile to fix;
and every tree that is.

A quarter of an hour, and so not among the tests that run by themselves:

    pytest -s tests/hostile/every_bomb.py    # -s shows what each took
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile import bombs
from tests.hostile.bench import BRANCH, Bench
from tests.hostile.bench import COMMANDS as EVERY
from tests.hostile.test_hostile_bounds import TREES, hard, hold_tree, placed, with_profile
from tests.hostile.test_hostile_together import COMMANDS, KINDS, hold_together

ALL = {
    f"{kind}: {name}": bomb
    for kind, some in (("over", bombs.OVER), ("under", bombs.UNDER), ("compiled", bombs.COMPILED))
    for name, bomb in some.items()
}


@pytest.mark.parametrize("name", ALL)
def test_every_command(bench: Bench, name: str) -> None:
    bomb = ALL[name]
    entry = ("100644", bomb.name.rpartition("/")[2].encode(), bench.put("blob", bomb.content))
    if "/" in bomb.name:
        entry = ("40000", bomb.name.partition("/")[0].encode(), bench.tree(entry))
    with_profile(bench, entry)
    place = str(bench.place)
    print(f"\n{name}, {len(bomb.content)} bytes")
    ran = hard(bench, "scan", "--docs", "--profiles", "all", "--format", "json", place)
    assert ran.status == 1
    ran = hard(bench, "diff", "--docs", place)
    assert "+  deny network alg," in ran.stdout
    ran = hard(bench, "apply", "--docs", "-j", "8", "--campaign", "bomb", place)
    assert ran.status == 0
    assert "docker-default" in bench.git("diff", "--name-only", "main", BRANCH).split()
    ran = hard(bench, "apply", "--docs", place)
    assert "up to date" in ran.stdout
    assert hard(bench, "status", "bomb").status == 0
    ran = hard(bench, "undo", "--docs", place)
    assert ran.status == 0
    assert bench.git("branch", "--list", BRANCH) == ""
    ran = hard(bench, "verify", place)
    assert "docker-default" in ran.stdout
    with placed(bench, bomb) as path:
        ran = hard(bench, "check", "--docs", "--profiles", "all", "--explain", path)
        assert ran.status in (0, 1)
        assert bomb.reason in ran.stdout or name.startswith("compiled")
        ran = hard(bench, "check", "--docs", "--profiles", "all", "--fix", path)
        assert ran.status == 0
        ran = hard(bench, "verify", "--docs", path)
        assert ran.status in (0, 1, 3, 4)
        assert bomb.reason in ran.stdout + ran.stderr


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", KINDS)
def test_several_at_once(bench: Bench, kind: str, command: str) -> None:
    hold_together(bench, kind, command)


@pytest.mark.parametrize("name", TREES)
def test_every_command_on_a_large_tree(bench: Bench, state: Path, name: str) -> None:
    hold_tree(bench, state, name, EVERY)

"""Policy text made to be hard: each within the bound of memory, and none taken for clean.

Real bombs are as large as ``--max-size``; these are as large as shows whether what they cost grows
faster than they do.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator

import pytest

from patcher import hosts
from patcher.policy.bounds import timed
from tests.hostile import bombs
from tests.hostile.bench import PROFILE, Bench
from tests.hostile.bombs import PYTHON
from tests.hostile.test_hostile_bounds import measured, with_profile

pytestmark = pytest.mark.bombs

HEAD = PROFILE[:-2]
"""The profile, without its end."""

SIZE = 1 << 20


def filled(piece: str, head: str = HEAD, end: str = "}\n", size: int = SIZE) -> str:
    """The head, as many pieces as the size takes, and the end."""
    return head + piece * (size // len(piece)) + end


def numbered(piece: str, head: str = "", end: str = "", count: int = 20_000) -> str:
    """The same with pieces that differ: ``#`` is their number."""
    return head + "".join(piece.replace("#", str(n)) for n in range(count)) + end


NO_POLICY = {
    *("actions on a line", "a long name", "literals", "documents", "aliases", "here documents"),
    "fences",
}
"""What no reader takes for a profile, moby-style or not: most of it is no rule, or it has no more
than a line of policy at a time."""

QUOTED = '"  network,\\n"'
BOMBS: dict[str, tuple[str, Callable[[], str]]] = {
    "nested braces": ("braces", lambda: HEAD + "{" * SIZE + "}" * SIZE + "}\n"),
    "nested profiles": ("nested", lambda: filled("profile x {\nnetwork,\n", end="")),
    "tiny profiles": ("tiny", lambda: numbered("profile p# {\n network,\n}\n")),
    "whole profiles": ("whole", lambda: filled(PROFILE, head="", end="")),
    "nested actions": ("if.tmpl", lambda: HEAD + "{{if .A}}" * 50_000 + "network,\n"
                       + "{{end}}" * 50_000 + "}\n"),
    "open actions": ("open.tmpl", lambda: filled("{{if .A}}", end="")),
    "choices": ("choices.tmpl", lambda: numbered("{{if .A#}}network,{{end}}\n", HEAD, "}\n")),
    "jinja": ("jinja.j2", lambda: HEAD + "{% if a %}" * 50_000 + "network,\n"
              + "{% endif %}" * 50_000 + "}\n"),
    "actions on a line": ("line.tmpl", lambda: filled("{{.A}} ", end=",\n}\n")),
    "network rules": ("network", lambda: filled("network,\n")),
    "rules": ("rules", lambda: numbered("/# r,\n", HEAD, "}\n", 100_000)),
    "qualifier blocks": ("qualifiers", lambda: filled("audit { network, }\n")),
    "if blocks": ("ifs", lambda: filled("if $x { network, }\n")),
    "words": ("words", lambda: filled("a ", end=",\n}\n")),
    "commas": ("commas", lambda: filled(",", end="\n}\n")),
    "alternations": ("globs", lambda: HEAD + "/{a," * 100_000 + "}" * 100_000 + " r,\n}\n"),
    "assignments": ("assigned", lambda: numbered("@{V#}=/a\n", end=PROFILE)),
    "includes": ("includes", lambda: filled("#include <abstractions/base>\n")),
    "a long name": ("name", lambda: f"profile {'a' * SIZE} {{\n network,\n}}\n" * 2),
    "comments": ("comments", lambda: filled("# network,\n")),
    "literals": ("literals.go", lambda: "package x\nvar y = " + " +\n".join([QUOTED] * 60_000)),
    "a list": ("list.json", lambda: json.dumps([*PROFILE.splitlines(), *["  network,"] * 60_000])),
    "documents": ("documents.yaml", lambda: "---\na: |\n  network,\n" * 60_000),
    "aliases": ("aliases.yaml", lambda: "a: &a 'network,'\nb: [" + "*a, " * 200_000 + "]\n"),
    "here documents": ("here.sh", lambda: "cat <<E\nnetwork,\nE\n" * 60_000),
    "fences": ("fences.md", lambda: "```\nnetwork,\n```\n" * 60_000),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_policy_made_to_be_hard(bench: Bench, name: str) -> None:
    path, text = BOMBS[name]
    with_profile(bench, ("100644", path.encode(), bench.put("blob", text().encode())))
    ran = measured(
        bench, "scan", "--profiles", "all", "--docs", "--format", "json", str(bench.place)
    )
    assert ran.status in (1, 3), ran.stderr
    [target] = json.loads(ran.stdout)["targets"]
    found = {finding["path"]: finding["status"] for finding in target["findings"]}
    if name not in NO_POLICY:
        assert found.get(path) or target["error"], f"{path} is passed over without a word"
    assert found.get(path) not in ("fixed", "not_affected"), (
        "what lets everything through looks clean"
    )
    ran = measured(bench, "verify", "--exclude", "docker-default", str(bench.place))
    assert ran.status in (0, 1, 3, 4), ran.stderr


@contextlib.contextmanager
def counted_looks() -> Iterator[list[float]]:
    """What was left each time that the time was looked at."""
    looks: list[float] = []

    def left(seconds: float) -> float:
        looks.append(seconds)
        return seconds

    with timed(left):
        yield looks


@pytest.mark.parametrize("piece", ["if a#:\n    p += 'network,\\n'\n", "f('network,'); g#()\n"])
def test_the_time_is_looked_at_between_the_strings_of_a_program(piece: str) -> None:
    """Reading one may take minutes."""
    with counted_looks() as looks:
        hosts.read("p.py", numbered(piece, PYTHON, count=300).encode())
    assert len(looks) > 600


def test_the_time_is_looked_at_for_each_string_that_may_change() -> None:
    """To find what changes one, all behind it is read."""
    program = numbered("if a#:\n    p += 'network,\\n'\n", PYTHON, count=300)
    embedding = hosts.read("p.py", program.encode()).texts[0].embedding
    with counted_looks() as looks:
        _ = embedding.changed
    assert len(looks) > 300


def test_the_time_is_looked_at_within_a_string_of_megabytes() -> None:
    bomb = bombs.UNDER["escapes"]
    with counted_looks() as looks:
        hosts.read(bomb.name, bomb.content)
    assert len(looks) > 20

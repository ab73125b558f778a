"""Policy in a text within a text: each layer is read by its own real parser, before and after."""

from __future__ import annotations

import ast
import json
import subprocess
import tomllib
from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import pytest
from ruamel.yaml import YAML

import patcher

from .programs import tool
from .texts import POLICY

PATCHED = POLICY.replace("  network,\n", "  network,\n  deny network alg,\n")


class Layer(NamedTuple):
    name: str
    path: str
    write: Callable[[str], str]
    read: Callable[[str], str]


def _yaml(text: str) -> str:
    library: Any = YAML(typ="safe", pure=True)
    return str(library.load(text)["x"])


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def _run(script: str) -> str:
    return subprocess.run([tool("sh")], input=script, capture_output=True, text=True).stdout


def _assigned(text: str) -> str:
    statement = ast.parse(text).body[0]
    assert isinstance(statement, ast.Assign)
    return str(ast.literal_eval(statement.value))


LAYERS = [
    Layer("json", "x.json", lambda t: json.dumps({"x": t}) + "\n", lambda t: json.loads(t)["x"]),
    Layer(
        "json-lines",
        "x.json",
        lambda t: json.dumps({"x": t.splitlines()}, indent=2) + "\n",
        lambda t: "\n".join(json.loads(t)["x"]) + "\n",
    ),
    Layer("block", "x.yaml", lambda t: "x: |\n" + _indented(t), _yaml),
    Layer("quoted", "x.yaml", lambda t: f"x: {json.dumps(t)}\n", _yaml),
    Layer("heredoc", "x.sh", lambda t: f"cat <<'EOF'\n{t}EOF\n", _run),
    Layer(
        "echo",
        "x.sh",
        lambda t: "".join(f"printf '%s\\n' '{line}'\n" for line in t.splitlines()),
        _run,
    ),
    Layer(
        "python",
        "x.py",
        lambda t: 'x = """\\\n' + t.replace("\\", "\\\\").replace('"', '\\"') + '"""\n',
        _assigned,
    ),
    Layer("toml", "x.toml", lambda t: f"x = '''\n{t}'''\n", lambda t: tomllib.loads(t)["x"]),
]
OUTERMOST = ("python", "toml")
"""Programs and the like are read as such where they are files of their own."""
ONCE = ("heredoc", "toml")
"""What ends the inner one would end the outer one, too."""
CHAINS = [
    chain
    for length in (1, 2, 3)
    for chain in product(LAYERS, repeat=length)
    if not any(layer.name in OUTERMOST for layer in chain[1:-1])
    and "echo" not in [layer.name for layer in chain[1:]]  # it quotes nothing
    and not any([layer.name for layer in chain].count(name) > 1 for name in ONCE)
    and (len(chain) < 3 or chain[0].name in ("json", "json-lines", "echo"))
]


def _written(chain: tuple[Layer, ...], policy: str) -> str:
    for layer in chain:
        policy = layer.write(policy)
    return policy


def _read(chain: tuple[Layer, ...], text: str) -> str:
    for layer in reversed(chain):
        text = layer.read(text)
    return text


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: "-in-".join(c.name for c in chain))
def test_the_rule_is_where_the_innermost_text_has_it(chain: tuple[Layer, ...]) -> None:
    source = _written(chain, POLICY)
    assert _read(chain, source) == POLICY
    result = patcher.patch(chain[-1].path, source.encode())
    assert [finding.moby_style for finding in result.findings] == [True]
    if result.edits:
        assert _read(chain, result.content.decode()) == PATCHED
    else:
        assert result.findings[0].status is patcher.Status.UNDER_INVESTIGATION

"""Text made to take long: each host reads it in time that grows with its length, no faster."""

from __future__ import annotations

from importlib import import_module
from itertools import product
from pathlib import PurePosixPath
from typing import Any

from tests.growth import Work, check_linear, measured

PIECES = [
    b'"', b"'", b"`", b"''", b"''${", b"<<A", b"<<A\n", b"<<A\nA\n", b"```\n", b"> ```\n> x\n",
    b'\\"', b'"network,\\n" ', b'"network,"\nx\nx\nx\nx\n', b"# network,\n\n", b"network,\\\n",
    b"[", b"- ? ", b"&a ", b"| ", b"| #", b"a: |\n", b"{{a: |\n", b"  \n", b"\r", b" ", b'a: "x\n',
    b"@@ -1 +1 @@\n", b"x\n.br\n", b'x"network,"\n',
]  # fmt: skip
MARKS = [(b"`", b"%b\n"), (b"-", b"%b\n"), (b" ", b"%ba: |\n"), (b"#", b"%b\n")]
HOSTS = {
    "x.yaml": "yamlfile", "x.json": "jsonfile", "x.toml": "toml", "x.sh": "heredoc",
    "x.nix": "nix", "x.md": "markup", "x.patch": "patchfile", "x.tmpl": "template",
    "x.go": "code", "x.py": "code", "x.js": "code", "x.rs": "code", "x.cc": "code",
    "x.swift": "code",
}  # fmt: skip


def reading(name: str, content: bytes) -> Work:
    """What a host does with a file."""
    host: Any = import_module(f"patcher.hosts.{HOSTS[name]}")
    path = PurePosixPath(name)

    def work() -> None:
        host.claims(path, content)
        for embedding in host.embeddings(path, content):
            assert embedding.lines

    return work


@measured("name,piece", product(HOSTS, PIECES), one_in=5)
def test_one_piece_over_and_over(name: str, piece: bytes, measurable: float) -> None:
    end = b"x" + piece + b"\nnetwork,\n"
    check_linear(
        lambda size: reading(name, piece * (size // len(piece)) + end), measurable=measurable
    )


@measured("name,piece", product(HOSTS, PIECES), one_in=5)
def test_one_piece_between_rules(name: str, piece: bytes, measurable: float) -> None:
    """Most of what a host does begins where a rule may stand."""
    part = piece * (20 // len(piece)) + b"\nnetwork,\n"
    check_linear(
        lambda size: reading(name, part * (size // len(part))),
        largest=1 << 12,
        measurable=measurable,
    )


@measured("name,mark,line", [(name, *mark) for name in HOSTS for mark in MARKS], one_in=5)
def test_marks_that_grow(name: str, mark: bytes, line: bytes, measurable: float) -> None:
    def prepare(size: int) -> Work:
        lines = (line % (mark * count) for count in range(3, int((2 * size) ** 0.5)))
        return reading(name, b"".join(lines) + b"\nnetwork,\n")

    check_linear(prepare, measurable=measurable)

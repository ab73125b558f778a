"""Text made to take long: each host reads it in time that grows with its length, no faster."""

from __future__ import annotations

import time
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any

import pytest

SIZE = 20_000
SECONDS = 4.0
"""Many times what it takes, and a small part of what a quadratic step a byte would take."""

PIECES = [
    b'"', b"'", b"`", b"''", b"''${", b"<<A", b"<<A\n", b"<<A\nA\n", b"```\n", b"> ```\n> x\n",
    b'\\"', b'"network,\\n" ', b'"network,"\nx\nx\nx\nx\n', b"# network,\n\n", b"network,\\\n",
    b"[", b"- ? ", b"&a ", b"| ", b"| #", b"a: |\n", b"{{a: |\n", b"  \n", b"\r", b" ", b'a: "x\n',
    b"@@ -1 +1 @@\n", b"x\n.br\n", b'x"network,"\n',
]  # fmt: skip
HOSTS = {
    "yamlfile": "x.yaml", "jsonfile": "x.json", "toml": "x.toml", "heredoc": "x.sh",
    "nix": "x.nix", "markup": "x.md", "patchfile": "x.patch", "template": "x.tmpl",
    "go": "x.go", "python": "x.py", "javascript": "x.js", "rust": "x.rs", "c": "x.cc",
    "languages": "x.swift",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTS)
def test_one_piece_over_and_over(name: str) -> None:
    host: Any = import_module(f"patcher.hosts.{name}")
    path = PurePosixPath(HOSTS[name])
    for piece in PIECES:
        content = piece * (SIZE // len(piece)) + b"\nnetwork,\n"
        started = time.process_time()
        host.claims(path, content)
        for embedding in host.embeddings(path, content):
            assert embedding.lines
        assert time.process_time() - started < SECONDS, piece


@pytest.mark.parametrize("name", HOSTS)
def test_marks_that_grow(name: str) -> None:
    host: Any = import_module(f"patcher.hosts.{name}")
    path = PurePosixPath(HOSTS[name])
    for mark, line in ((b"`", b"%b\n"), (b"-", b"%b\n"), (b" ", b"%ba: |\n"), (b"#", b"%b\n")):
        content = b"".join(line % (mark * count) for count in range(3, int((2 * SIZE) ** 0.5)))
        started = time.process_time()
        list(host.embeddings(path, content + b"\nnetwork,\n"))
        assert time.process_time() - started < SECONDS, mark

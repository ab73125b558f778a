"""Hosts: the file formats that carry policy, one module each.

A host module has ``claims(path, content)`` and ``embeddings(path, content)``. The first in
``HOSTS`` that claims a file reads it; what it leaves uncovered is read by the general line host.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import PurePosixPath
from typing import Protocol, cast

from patcher.hosts.embedding import Embedding, Line
from patcher.policy.bounds import MAX_LINES, check_lines, check_number

__all__ = ["HOSTS", "Embedding", "Line", "fallback", "read"]

HOSTS: tuple[str, ...] = (
    "patchfile",
    "markup",
    "code",
    "jsonfile",
    "nix",
    "heredoc",
    "toml",
    "properties",
    "yamlfile",
    "template",
    "plain",
)
"""The modules of this package that read a kind of file, in the order in which they are asked."""


class Host(Protocol):
    """What a host module offers."""

    def claims(self, path: PurePosixPath, content: bytes) -> bool:
        """Whether this host reads the file; told by its name, or by how it begins."""
        ...

    def embeddings(self, path: PurePosixPath, content: bytes) -> Iterable[Embedding]:
        """The stretches of policy text in the file. Raises TooMuch."""
        ...


def _hosts() -> Iterator[Host]:
    for name in HOSTS:
        yield cast(Host, import_module(f"patcher.hosts.{name}"))


def read(path: PurePosixPath, content: bytes) -> list[Embedding]:
    """The embeddings that the file's own host finds in it; empty when no host claims it. Raises
    TooMuch."""
    check_lines(content)
    for host in _hosts():
        if host.claims(path, content):
            return _bounded(content, host.embeddings(path, content))
    return []


def fallback(path: PurePosixPath, content: bytes) -> list[Embedding]:
    """The embeddings that the general line host finds: for a file that no host claims, and for what
    its own host did not take for policy. Raises TooMuch."""
    check_lines(content)
    lines = cast(Host, import_module("patcher.hosts.lines"))
    return _bounded(content, lines.embeddings(path, content))


def _bounded(content: bytes, embeddings: Iterable[Embedding]) -> list[Embedding]:
    """The embeddings, and what is embedded in them, which together have no more lines than a file
    may have."""
    from patcher.hosts.nested import nested

    found: list[Embedding] = []
    number = 0
    for outer in embeddings:
        for embedding in nested(content, outer) if outer.lines else ():
            number += len(embedding.lines)
            check_number(number, MAX_LINES, "lines of policy text")
            found.append(embedding)
    return found


def prepare() -> None:
    """Import every host, which otherwise happens when the first file is read."""
    for name in (*HOSTS, "lines"):
        import_module(f"patcher.hosts.{name}")

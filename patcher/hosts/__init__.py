"""Hosts: the file formats that carry policy, one module each.

A host module has ``claims(path, content)`` and ``embeddings(path, content)``. The first in
``HOSTS`` that claims a file reads it; what it leaves uncovered is read by the general line host.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import chain
from pathlib import PurePosixPath
from typing import Protocol, cast

from patcher.hosts.document import Document, Text
from patcher.hosts.embedding import Embedding, Line
from patcher.policy.bounds import MAX_LINES, Budget, check_lines, check_number, time_left
from patcher.policy.search import candidates, lax_flags, united

__all__ = ["HOSTS", "Document", "Embedding", "Line", "Text", "read"]

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


def read(path: str, content: bytes) -> Document:
    """Read a file; ``path`` says of which kind it is. Raises TooMuch.

    What its own host does not take for policy, though a rule or a flag may stand there that allows
    the family, is read by the general line host; so is a file that no host claims.
    """
    check_lines(content)
    name, budget = PurePosixPath(path), Budget()
    host = next((host for host in _hosts() if host.claims(name, content)), None)
    texts = () if host is None else _texts(host, name, content, budget)
    spans = united(text.span for text in texts)
    others: tuple[Text, ...] = ()
    if next(chain(candidates(content, spans), lax_flags(content, spans)), -1) >= 0:
        lines = cast(Host, import_module("patcher.hosts.lines"))
        others = _texts(lines, name, content, budget)
    return Document(path, content, texts, spans, others)


def _texts(host: Host, path: PurePosixPath, content: bytes, budget: Budget) -> tuple[Text, ...]:
    """The texts that a host finds, and what is embedded in them, which together have no more lines
    than a file may have."""
    from patcher.hosts.nested import nested

    found: list[Text] = []
    number = 0
    for outer in host.embeddings(path, content):
        for embedding in nested(content, outer) if outer.lines else ():
            time_left()
            number += len(embedding.lines)
            check_number(number, MAX_LINES, "lines of policy text")
            if embedding.lines:
                found.append(Text.of(embedding, budget))
    return tuple(found)


def prepare() -> None:
    """Import every host and what it needs, which otherwise happens when the first file is read."""
    for name in (*HOSTS, "lines", "nested"):
        import_module(f"patcher.hosts.{name}")
    import_module("ruamel.yaml")

"""Text templates of what no other host knows by name: Go, Jinja, ERB, autoconf and the like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from patcher.hosts.embedding import Embedding
from patcher.hosts.lines import dressed
from patcher.hosts.names import is_template
from patcher.hosts.strings import text_start

HOST = "template"


def claims(path: PurePosixPath, content: bytes) -> bool:
    """Tell templates by their suffix. A template of a format that has a host goes to that host:
    ``cm.yaml.j2`` to the one for YAML."""
    return is_template(path)


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """Return the whole file; the policy reader skips template actions."""
    return dressed(content, text_start(content), len(content), HOST)

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
    """Templates by their suffix. What a template of a format with a host of its own is rendered to
    says which: ``cm.yaml.j2`` is the YAML host's."""
    return is_template(path)


def embeddings(path: PurePosixPath, content: bytes) -> Iterator[Embedding]:
    """The whole file; a template's actions are the policy reader's to pass over."""
    return dressed(content, text_start(content), len(content), HOST)

"""Writing one more line by the contract of hosts, to see what a real parser makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any

from patcher.hosts import Embedding, Line

RULE = b"deny network alg,"


def read(module: str, path: str, content: bytes) -> list[Embedding]:
    """What one host module finds in a file that it claims."""
    host: Any = import_module(f"patcher.hosts.{module}")
    assert host.claims(PurePosixPath(path), content)
    return list(host.embeddings(PurePosixPath(path), content))


def text(embedding: Embedding) -> bytes:
    """The policy text that AppArmor would read."""
    return b"\n".join(line.text for line in embedding.lines)


def anchors(embeddings: Iterable[Embedding]) -> list[tuple[Embedding, Line]]:
    """The lines that are the blanket network rule and nothing else."""
    return [(e, line) for e in embeddings for line in e.lines if line.text.strip() == b"network,"]


def insert(content: bytes, embedding: Embedding, line: Line, rule: bytes = RULE) -> bytes:
    """The file with one line more below ``line``, indented as it is."""
    indentation = line.text[: len(line.text) - len(line.text.lstrip())]
    new = line.before + embedding.escape(indentation + rule) + line.after
    return content[: line.insert_at] + new + content[line.insert_at :]


def insert_only(content: bytes, embeddings: list[Embedding]) -> bytes:
    """The same for a file with one blanket network rule."""
    ((embedding, line),) = anchors(embeddings)
    return insert(content, embedding, line)


def with_rule(value: str) -> str:
    """What a value becomes: the blanket rule's line, and below it the new one."""
    lines = []
    for line in value.split("\n"):
        lines.append(line)
        if line.strip() == "network,":
            lines.append(line.replace("network,", RULE.decode()))
    return "\n".join(lines)


def check_offsets(content: bytes, embedding: Embedding) -> None:
    """Every unescaped byte of the text stands where the map says; the map never goes back."""
    position = 0
    for line in embedding.lines:
        offsets = [line.offset(column) for column in range(len(line.text) + 1)]
        assert offsets == sorted(offsets)
        assert offsets[0] >= position
        assert offsets[-1] <= len(content)
        assert line.insert_at <= len(content)
        position = offsets[-1]
        for column, offset in enumerate(offsets[:-1]):
            written = content[offset : offset + 1]
            assert written in (
                line.text[column : column + 1],
                b"\\",
                b"'",
                b"$",
                b"%",
                b" ",
                b"\n",
                b"\r",
            )
            if line.text[column : column + 1].isalpha() and written != b"\\":
                assert written == line.text[column : column + 1]

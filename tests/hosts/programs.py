"""Programs that print the policies in their literals, run before and after a line was added."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from patcher.hosts import Embedding

from .inserting import RULE, anchors, insert, read, with_rule

SEPARATOR = "=====\n"


def tool(name: str) -> str:
    """A compiler or interpreter; the test is skipped where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def output(*command: str | Path, cwd: Path | None = None) -> str:
    """What a command prints."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return done.stdout.decode("utf-8")


def insert_all(content: bytes, embeddings: list[Embedding]) -> bytes:
    """The file with one line more below every blanket network rule."""
    found = sorted(anchors(embeddings), key=lambda pair: pair[1].insert_at, reverse=True)
    assert len({line.insert_at for _, line in found}) == len(found)
    for embedding, line in found:
        content = insert(content, embedding, line)
    return content


def check(
    module: str, path: str, source: str, values: Callable[[bytes], list[str]], count: int
) -> None:
    """Every value of the program holds one rule more afterwards, right below its network rule, and
    nothing else changes; with both kinds of line endings."""
    for content in (source.encode(), source.replace("\n", "\r\n").encode()):
        found = read(module, path, content)
        for embedding in found:
            check_map(content, embedding)
        before = values(content)
        assert len(before) == count
        assert all(value.count("network,") == 1 for value in before)
        after = values(insert_all(content, [e for e in found if not e.documentation]))
        assert after == [with_rule(value) for value in before]
        assert all(value.count(RULE.decode()) == 1 for value in after)


def check_map(content: bytes, embedding: Embedding) -> None:
    """Each byte of the text that is written as it is stands where the map says."""
    for line in embedding.lines:
        assert 0 <= line.insert_at <= len(content)
        for column in range(len(line.text) + 1):
            assert 0 <= line.offset(column) <= len(content)
        start = line.text.find(b"network,")
        if start >= 0:
            offset = line.offset(start)
            assert content[offset : offset + 8] == b"network,"
            assert line.offset(start + 8) >= offset + 8
            assert line.start <= offset <= line.insert_at


def printed(text: str) -> list[str]:
    """The values that a program printed, each ended by the separator."""
    values = text.replace("\r\n", "\n").split(SEPARATOR)
    assert values.pop() == ""
    return values

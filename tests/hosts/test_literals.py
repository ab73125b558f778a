"""What all hosts of source code have in common."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patcher.hosts import code

from .inserting import anchors, insert, read, text

FILES = (
    "a.go a.py a.ts a.rs a.cc a.java a.kt a.cs a.swift a.dart a.lua a.zig a.groovy a.hs a.sml"
).split()
PIECES = st.sampled_from(
    [
        b'"', b"'", b"`", b'"""', b"'''", b"\\", b"\n", b"\r\n", b"\r", b"network,", b"\\n", b"+",
        b"  network,\\n", b", ", b"{", b"}", b"(", b")", b"//", b"/*", b"*/", b"#", b'r#"', b'"#',
        b'R"(', b')"', b"${", b'f"', b"x.add(", b"if x {\n", b"else ", b"\t", b"a", b"[", b"]",
        b";", b"x = ", b"<<", b'"network,"', b"'network,'", b".append(", b"\xff", b"endl", b"case",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=60).map(b"".join))
@settings(max_examples=300)
def test_any_text_is_read_and_its_map_is_right(content: bytes) -> None:
    for path in FILES:
        for embedding in code.embeddings(PurePosixPath(path), content):
            assert embedding.lines
            for line in embedding.lines:
                check_line(content, line)


def check_line(content: bytes, line: Any) -> None:
    offsets = [line.offset(column) for column in range(len(line.text) + 1)]
    assert all(0 <= offset <= len(content) for offset in (line.insert_at, *offsets))
    if line.offsets is None:
        assert content[line.start : line.start + len(line.text)] == line.text
    else:
        assert len(line.offsets) == len(line.text) + 1
    start = line.text.find(b"network,")
    before = line.text[:start]
    in_action = before.startswith(b"{{") or before.rfind(b"${") > before.rfind(b"}")
    if start >= 0 and not in_action:
        assert content[offsets[start] : offsets[start] + 8] == b"network,"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(\n\t'a',\n\tx && 'network,',\n);", "f(\n\t'a',\n\tx && 'network,\\n{}',\n);"),
        ("x = a ? 'network,\\n' : '';", "x = a ? 'network,\\n{}\\n' : '';"),
        ("return 'network,\\n';", "return 'network,\\n{}\\n';"),
        ("o.push('file,');\nif (a) o.push('network,');",
         "o.push('file,');\nif (a) o.push('network,\\n{}');"),
        ("o.push('file,');\nif (a)\n  o.push('network,');\nelse\n  o.push('');",
         "o.push('file,');\nif (a)\n  o.push('network,\\n{}');\nelse\n  o.push('');"),
        ("o.push('file,'); /* a\n*/ o.push('network,');",
         "o.push('file,'); /* a\n*/ o.push('network,\\n{}');"),
        ("o.push('file,');\no.push('network,'); /* a\n*/",
         "o.push('file,');\no.push('network,\\n{}'); /* a\n*/"),
        ("x = ['a', // b\n  'network,' // c\n];", "x = ['a', // b\n  'network,',\n  '{}' // c\n];"),
        ("x = ['network,'];", "x = ['network,\\n{}'];"),
        ("x = ['file,', 'network,'];", "x = ['file,', 'network,', '{}'];"),
        ("say('network,', 'because');", "say('network,\\n{}', 'because');"),
        ("x = 'network,' +\n  'file,';", "x = 'network,' +\n  'file,';"),
    ],
)  # fmt: skip
def test_where_a_line_goes(before: str, after: str) -> None:
    content = before.encode()
    found = read("code", "x.js", content)
    lines = anchors(found)
    new = insert(content, *lines[0]) if lines else content
    assert new.decode() == after.replace("{}", "deny network alg,")
    if not lines:
        assert text(found[0]) == b"network,file,"

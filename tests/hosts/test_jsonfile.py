from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .inserting import anchors, check_offsets, insert, insert_only, read, text, with_rule

POLICY = 'profile x {\n\tnetwork,\n  file,\n  deny "/é \U0001f600" w, # \\\n}\n'


@pytest.mark.parametrize("indent", [None, 2, "\t"])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_one_string(indent: Any, ascii_only: bool, ending: str) -> None:
    value = {"a": "it's \"\\", "policy": POLICY, "b": ["x"]}
    written = json.dumps(value, indent=indent, ensure_ascii=ascii_only).replace("\n", ending)
    content = written.encode()
    (embedding,) = read("jsonfile", "x.json", content)
    check_offsets(content, embedding)
    assert text(embedding) == POLICY.rstrip("\n").encode()
    assert json.loads(insert_only(content, [embedding])) == value | {"policy": with_rule(POLICY)}


@pytest.mark.parametrize("indent", [None, 0, 2, "\t"])
@pytest.mark.parametrize("final", ["", "\n", "\r\n"])
def test_array_of_lines(indent: Any, final: str) -> None:
    lines = POLICY.splitlines()
    for order in (lines, lines[1:], [*lines[2:], lines[1]], [lines[1]]):
        value = {"x": {"policy": [line + final for line in order]}, "y": [1, "network"]}
        content = json.dumps(value, indent=indent).encode()
        found = read("jsonfile", "x.json", content)
        assert text(found[0]) == "\n".join(order).encode()
        check_offsets(content, found[0])
        where = order.index("\tnetwork,") + 1
        expected = [*order[:where], "\tdeny network alg,", *order[where:]]
        assert json.loads(insert(content, *anchors(found)[0])) == value | {
            "x": {"policy": [line + final for line in expected]}
        }


def test_documents_of_one_line_each() -> None:
    content = b'{"a": "network,\\nfile,"}\n{"b": "network,"}\n'
    found = read("jsonfile", "x.ndjson", content)
    assert [text(e) for e in found] == [b"network,\nfile,", b"network,"]
    new = insert(content, *anchors(found)[1])
    assert [json.loads(line) for line in new.splitlines()] == [
        {"a": "network,\nfile,"}, {"b": "network,\ndeny network alg,"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [b'{"a": "network,', b'"\\', b'["network,",', b'"\\ud83d network,"', b'"\\u12 network,"',
     b"{{ if x }} network, {{ end }}", b'// don\'t "\n["network,"]'],
)  # fmt: skip
def test_what_is_no_json_is_read_without_an_error(content: bytes) -> None:
    for embedding in read("jsonfile", "x.json", content):
        check_offsets(content, embedding)


def test_a_stray_quote_spoils_its_own_line_only() -> None:
    content = b'{\n  // a " quote\n  "a": "network,"\n}\n'
    (embedding,) = read("jsonfile", "x.jsonc", content)
    assert text(embedding) == b"network,"


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150)
@given(
    before=VALUES,
    after=VALUES,
    policy=st.text(
        alphabet=st.characters(blacklist_characters="\r\x00", blacklist_categories=["Cs"]),
        max_size=30,
    ),
    indent=st.sampled_from([None, 1, "\t"]),
    ascii_only=st.booleans(),
)
def test_the_text_is_the_value(
    before: Any, after: Any, policy: str, indent: Any, ascii_only: bool
) -> None:
    value = policy + "\n  network,\n" + policy
    content = json.dumps(
        {"before": before, "policy": value, "after": after}, indent=indent, ensure_ascii=ascii_only
    ).encode()
    found = read("jsonfile", "x.json", content)
    (embedding,) = [e for e in found if b"\n  network,\n" in b"\n" + text(e) + b"\n"]
    check_offsets(content, embedding)
    assert text(embedding).decode() == value.removesuffix("\n")
    (line,) = [line for line in embedding.lines if line.text == b"  network,"]
    new = json.loads(insert(content, embedding, line))
    assert new["policy"] == value.replace("\n  network,\n", "\n  network,\n  deny network alg,\n")
    assert (new["before"], new["after"]) == (before, after)

from __future__ import annotations

import io
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import (
    DoubleQuotedScalarString,
    FoldedScalarString,
    LiteralScalarString,
    SingleQuotedScalarString,
)

from patcher.hosts import Embedding

from .inserting import anchors, check_offsets, insert, insert_only, read, text, with_rule

POLICY = "profile x flags=(mediate_deleted) {\n  network,\n  capability,\n\n  deny /sys/** w,\n}\n"


def load(content: bytes) -> Any:
    return YAML(typ="safe", pure=True).load(content)


def load_all(content: bytes) -> list[Any]:
    return list(YAML(typ="safe", pure=True).load_all(content))


def dump(value: Any, width: int = 80) -> bytes:
    library = YAML()
    library.width = width
    stream = io.BytesIO()
    library.dump(value, stream)
    return stream.getvalue()


def one(path: str, content: bytes) -> Embedding:
    (embedding,) = read("yamlfile", path, content)
    check_offsets(content, embedding)
    return embedding


@pytest.mark.parametrize("width", [40, 80, 4096])
@pytest.mark.parametrize(
    "style", [str, LiteralScalarString, DoubleQuotedScalarString, SingleQuotedScalarString]
)
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_an_inserted_line_is_one_more_line_of_the_value(
    style: Any, width: int, ending: bytes
) -> None:
    value = POLICY if style is not SingleQuotedScalarString else POLICY.replace("  ", "")
    content = dump({"a": ["x", {"policy": style(value)}], "b": 1}, width).replace(b"\n", ending)
    embedding = one("x.yaml", content)
    assert load(insert(content, *anchors([embedding])[0])) == {
        "a": ["x", {"policy": with_rule(value)}],
        "b": 1,
    }


def test_a_folded_scalar_keeps_its_other_words() -> None:
    content = b"policy: >\n  profile x {\n    network,\n    file,\n  }\nafter: 1\n"
    embedding = one("x.yaml", content)
    assert not embedding.comments
    new = load(insert_only(content, [embedding]))
    assert new["policy"].split() == ["profile", "x", "{", "network,", "deny", "network", "alg,",
                                     "file,", "}"]  # fmt: skip
    assert new["after"] == 1


def test_a_plain_scalar_is_one_line() -> None:
    content = b"policy: profile x {\n  network,\n  file, }\n"
    embedding = one("x.yml", content)
    assert text(embedding) == b"profile x { network, file, }"
    offset = embedding.lines[0].offset(text(embedding).index(b"network,") + len(b"network,"))
    assert content[:offset].endswith(b"network,")


@pytest.mark.parametrize("indicator", ["|", "|-", "|+", "|2", "|2-", "|-2"])
def test_every_indicator_of_a_literal_scalar(indicator: str) -> None:
    body = "".join(f"    {line}\n" if line else "\n" for line in POLICY.splitlines())
    content = f"list:\n- policy: {indicator}  # say\n{body}\n- b: 1\n".encode()
    embedding = one("x.yaml", content)
    value = load(content)["list"][0]["policy"]
    assert text(embedding).decode().rstrip("\n") == value.rstrip("\n")
    new = load(insert_only(content, [embedding]))
    assert new["list"] == [{"policy": with_rule(value)}, {"b": 1}]


def test_documents_are_told_apart() -> None:
    content = b"a: |\n  network,\n---\n- |\n  network,\n...\n--- |\n network,\n"
    found = read("yamlfile", "x.yaml", content)
    assert [text(e).strip() for e in found] == [b"network,"] * 3
    for number, (embedding, line) in enumerate(anchors(found)):
        documents = load_all(insert(content, embedding, line))
        assert documents[number] != load_all(content)[number]
        assert "deny network alg,\n" in str(documents[number]).replace("\\n", "\n")


def test_a_list_gets_one_more_item() -> None:
    content = b"x:\n- 'profile x {'\n- '  network,'  # all\n- \"  file,\"\n- '}'\ny: 1\n"
    embedding = one("x.yaml", content)
    assert load(insert_only(content, [embedding])) == {
        "x": ["profile x {", "  network,", "  deny network alg,", "  file,", "}"],
        "y": 1,
    }


@pytest.mark.parametrize("final", [",", ""])
@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("margin", ["\n    ", " ", ""])
def test_a_list_in_brackets_gets_one_more_item(final: str, quote: str, margin: str) -> None:
    for order in (["profile x {", "  network,", "}"], ["}", "  network,"], ["  network,", "}"]):
        items = ",".join(f"{margin}{quote}{line}{quote}" for line in order)
        content = f"x: {{y: 1, z: [{items}{final}]}}\nw: [network, file]\n".encode()
        embedding = read("yamlfile", "x.yaml", content)[0]
        check_offsets(content, embedding)
        where = order.index("  network,") + 1
        expected = [*order[:where], "  deny network alg,", *order[where:]]
        assert load(insert(content, *anchors([embedding])[0])) == {
            "x": {"y": 1, "z": expected},
            "w": ["network", "file"],
        }


def test_a_list_of_plain_items_takes_no_comments() -> None:
    (embedding,) = read("yamlfile", "x.yaml", b"x:\n  - network,\n  - file,\n")
    assert not embedding.comments
    assert text(embedding) == b"network,\nfile,"


@pytest.mark.parametrize(
    "line", [b"{{- if .Values.x }}", b"{% if x %}", b"  {{ include `x` . }}", b"{{/* don't */}}"]
)
def test_a_template_s_actions_at_any_column_belong_to_the_scalar(line: bytes) -> None:
    content = b"a: |\n  profile x {\n" + line + b"\n    network,\n{{- end }}\n  }\nb: 'x'\n"
    embedding = one("templates/x.yaml", content)
    assert [part.strip() for part in text(embedding).split(b"\n")] == [
        b"profile x {", line.strip(), b"network,", b"{{- end }}", b"}",
    ]  # fmt: skip
    assert b"\n    network,\n    deny network alg,\n{{- end" in insert_only(content, [embedding])


def test_quoted_scalars_are_found_beside_a_template_s_actions() -> None:
    content = b"{{ if x }}\na: \"p {\\n\\tnetwork,\\n}\"\n{{ end }}\nb: 'it''s'\n"
    embedding = one("x.yaml", content)
    assert text(embedding) == b"p {\n\tnetwork,\n}"
    assert b'"p {\\n\\tnetwork,\\n\\tdeny network alg,\\n}"' in insert_only(content, [embedding])


def test_bytes_that_are_no_utf_8_and_a_byte_order_mark() -> None:
    content = b"\xef\xbb\xbfa: |\n  # \xe9\x85\xc2\x85 \xe2\x80\xa8\n  network,\nb: 1\n"
    embedding = one("x.yaml", content)
    assert text(embedding) == b"# \xe9\x85\xc2\x85 \xe2\x80\xa8\nnetwork,"


def test_aliases_are_not_expanded() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    started = time.monotonic()
    assert text(one("x.yaml", (bomb + "p: |\n  network,\n").encode())) == b"network,"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "content",
    [
        b"'",
        b'"network',
        b"a: [\nnetwork,",
        b"\t- network,",
        b"a: |9\n network,",
        b"? |\n",
        b"%network",
    ],
)
def test_what_is_no_yaml_is_read_without_an_error(content: bytes) -> None:
    for embedding in read("yamlfile", "x.yaml", content):
        check_offsets(content, embedding)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("x.yml.j2", b""), ("chart/templates/x.yaml.tpl", b""), ("X.YAML", b""), ("user-data", b""),
        ("seed", b"#cloud-config\n"),
    ],
)  # fmt: skip
def test_names(path: str, content: bytes) -> None:
    assert read("yamlfile", path, content) == []


LINES = st.sampled_from(
    ["profile x {", "network,", "  network,", "\tnetwork,", "", "# it's \"so\" \\ here", "}",
     "deny @{PROC}/* w,", "  deny /é/* r,", "key: value", "- item", "  trailing  "]
)  # fmt: skip


@settings(max_examples=150)
@given(
    lines=st.lists(LINES, min_size=1, max_size=8).filter(lambda x: any("network" in y for y in x)),
    style=st.sampled_from(
        [str, LiteralScalarString, DoubleQuotedScalarString, SingleQuotedScalarString]
    ),
    width=st.integers(min_value=20, max_value=120),
    depth=st.integers(min_value=0, max_value=3),
    final=st.sampled_from(["", "\n", "\n\n"]),
    beside=st.sampled_from(["x", "it's", '"', "a: |", "# y", "|"]),
)
def test_the_text_is_the_value(
    lines: list[str], style: Any, width: int, depth: int, final: str, beside: str
) -> None:
    value = "\n".join(lines) + final
    document: Any = {
        "before": beside,
        "policy": style(value),
        "after": DoubleQuotedScalarString(beside),
    }
    for number in range(depth):
        document = [document, beside] if number % 2 else {"k": document, beside: 1}
    content = dump(document, width)
    loaded = load(content)
    found = read("yamlfile", "x.yaml", content)
    if not found:
        assert not any("network" in line for line in lines)
        return
    (embedding,) = found
    check_offsets(content, embedding)
    strip = str(text(embedding), "utf-8").split("\n")
    for number in reversed(range(depth)):
        loaded = loaded[0] if number % 2 else loaded["k"]
    expected = loaded["policy"].split("\n")
    while expected and not expected[-1]:
        expected.pop()
    while strip and not strip[-1]:
        strip.pop()
    assert strip == expected


def test_folded_scalars_hold_every_line() -> None:
    content = dump({"policy": FoldedScalarString("profile x {\n  network,\n}\n")})
    assert b"network," in text(one("x.yaml", content)).split(b"\n  ")[1]

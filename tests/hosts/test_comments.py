from __future__ import annotations

import re

import pytest

from patcher.hosts import Embedding
from patcher.hosts.code.comments import comment_embeddings

from .inserting import anchors, insert_only, text
from .programs import check_map

HASH = re.compile(rb"^[ \t]*+(#+[^\r\n]*+)", re.MULTILINE)
BLOCK = re.compile(rb"/\*.*?\*/|//[^\r\n]*", re.DOTALL)


def blocks(content: bytes) -> list[Embedding]:
    found = list(comment_embeddings(content, [m.span() for m in BLOCK.finditer(content)]))
    for embedding in found:
        assert embedding.documentation
        assert embedding.host == "comment"
        check_map(content, embedding)
    return found


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    ("before", "line"),
    [
        (b"x\n  // profile x {\n  //   network,\n  // }\n", b"  //   deny network alg,\n"),
        (b"//profile x {\n//\tnetwork,\n//}\n", b"//\tdeny network alg,\n"),
        (b"/// network,\n/// file,\n", b"/// deny network alg,\n"),
        (b"/*\n * profile x {\n *   network,\n * }\n */\n", b" *   deny network alg,\n"),
        (b"/* network,\n * file,\n */\n", b" * deny network alg,\n"),
        (b"/*\n  profile x {\n    network,\n  }\n*/", b"    deny network alg,\n"),
        (b"/* profile x { */\n/*   network, */\n/* } */\n", b"/*   deny network alg, */\n"),
    ],
)
def test_a_line_is_added_with_its_prefix(before: bytes, line: bytes, ending: bytes) -> None:
    content = before.replace(b"\n", ending)
    head, anchor, tail = content.partition(b"network,")
    rest, newline, tail = tail.partition(b"\n")
    expected = head + anchor + rest + newline + line.replace(b"\n", ending) + tail
    assert insert_only(content, blocks(content)) == expected


def test_the_last_line_of_a_block_and_of_a_file() -> None:
    content = b"/* file,\n   network, */\n"
    assert insert_only(content, blocks(content)) == (
        b"/* file,\n   network,\n   deny network alg, */\n"
    )
    content = b"// file,\n// network,"
    assert insert_only(content, blocks(content)) == b"// file,\n// network,\n// deny network alg,"


def test_comments_of_their_own_are_apart() -> None:
    content = (
        b"// network,\n\n// network,\n\t// network,\ncode() // network,\n/* network, */ code()\n"
    )
    assert [text(e) for e in blocks(content)] == [b"network,"] * 3


def test_what_does_not_matter_is_left_out() -> None:
    assert not blocks(b"// capability,\n/* file, */\n")


def test_hash_comments() -> None:
    content = b"a: b # network,\n# profile x {\n#   network,\n# }\n  # network,\n"
    found = list(comment_embeddings(content, [m.span(1) for m in HASH.finditer(content)]))
    assert [text(e) for e in found] == [b"profile x {\n  network,\n}", b"network,"]
    assert len(anchors(found)) == 2


def test_many_comments_on_one_line_take_no_long() -> None:
    content = b"/* network, */" * 50_000
    assert not blocks(content)

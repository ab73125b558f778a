from __future__ import annotations

import pytest

from .inserting import anchors, check_offsets, insert, insert_only, read, text

POLICY = b"profile x {\n  network,\n\n  file,\n}\n"


def dressed(prefix: bytes) -> bytes:
    return b"".join(prefix + line for line in POLICY.splitlines(keepends=True))


@pytest.mark.parametrize(
    ("path", "opening", "prefix", "closing"),
    [
        ("x.md", b"```\n", b"", b"```\n"),
        ("x.md", b"~~~~ sh\n", b"", b"~~~~~\n"),
        ("README", b"- a\n\n  ```text\n", b"  ", b"  ```\n"),
        ("x.md", b"1. ```\n", b"   ", b"   ```\n"),
        ("x.md", b"> ````\n> ```\n", b"> ", b"> ````\n"),
        ("x.md", b"> > ```\n", b"> > ", b"> > ```\n"),
        ("x.md", b"A\n\n", b"    ", b"\nB\n"),
        ("x.md", b"A\n\n", b"\t", b"\nB\n"),
        ("x.md", b"A\n\n", b"> ", b"\nB\n"),
        ("x.rst", b"A::\n\n", b"   ", b"\nB\n"),
        ("x.rst", b".. code::\n   :x: y\n\n", b"   ", b"\nB\n"),
        ("x.adoc", b"A\n\n----\n", b"", b"----\n----\n"),
        ("x.adoc", b"....\n", b"", b"....\nB\n"),
        ("x.pod", b"=head1 A\n\n", b" ", b"\n=cut\n"),
        ("x.html", b"<p>A\n<pre>\n", b"", b"</pre>\n"),
        ("docs/x.md.in", b"```\n", b"", b""),
    ],
)
def test_code_blocks(path: str, opening: bytes, prefix: bytes, closing: bytes) -> None:
    content = opening + dressed(prefix) + closing
    (embedding,) = read("markup", path, content)
    check_offsets(content, embedding)
    assert embedding.documentation
    lines = [line.strip() for line in text(embedding).splitlines()]
    assert lines[lines.index(b"profile x {") :][:5] == [
        b"profile x {",
        b"network,",
        b"",
        b"file,",
        b"}",
    ]
    new = insert_only(content, [embedding])
    assert new == content.replace(
        prefix + b"  network,\n", prefix + b"  network,\n" + prefix + b"  deny network alg,\n"
    )


def test_prose_is_documentation_too() -> None:
    found = read("markup", "x.md", b"A network, or\nnetwork,\n\n```\nnetwork,\n```\n\n> network,\n")
    assert len(found) == 3
    assert all(embedding.documentation for embedding in found)


def test_a_shorter_fence_closes_nothing() -> None:
    content = b"````\n```\nprofile x {\n```\n  network,\n}\n````\nnetwork,\n"
    block, prose = read("markup", "x.md", content)
    assert text(block) == b"```\nprofile x {\n```\n  network,\n}"
    assert text(prose) == b"network,"


MANUAL = b""".TH X 5
.SH EXAMPLE
.nf
profile x flags=(a\\-b) {
  \\fBnetwork\\fR,
  deny /\\(ti/\\e* w, # \\(aqx\\(aq\\&
}
.fi
"""


def test_manual_page() -> None:
    (embedding,) = read("markup", "x.5", MANUAL)
    check = text(embedding)
    assert check == b"profile x flags=(a-b) {\n  network,\n  deny /~/\\* w, # 'x'\n}"
    new = insert_only(MANUAL, [embedding])
    assert b"\n  \\fBnetwork\\fR,\n  deny network alg,\n" in new
    (line,) = [line for line in embedding.lines if line.text == b"  network,"]
    assert MANUAL[: line.offset(len(line.text))].endswith(b"\\fBnetwork\\fR,")


def test_a_request_to_break_the_line_is_repeated() -> None:
    content = b".SH X\nprofile x {\n.br\n  network,\n.br\n.br\n}\n"
    (embedding,) = read("markup", "x.1", content)
    assert text(embedding) == b"profile x {\n  network,\n}"
    assert insert_only(content, [embedding]) == (
        b".SH X\nprofile x {\n.br\n  network,\n.br\n.br\n  deny network alg,\n.br\n.br\n}\n"
    )


def test_a_library_is_no_manual_page() -> None:
    from pathlib import PurePosixPath

    from patcher.hosts import markup

    assert not markup.claims(PurePosixPath("libx.so.1"), b"network,\n")
    assert not markup.claims(PurePosixPath("notes.txt"), b"network,\n")


def test_json_inside_a_fence() -> None:
    content = b'```json\n{"policy": "profile x {\\n  network,\\n}"}\n```\n'
    (embedding,) = read("markup", "x.md", content)
    assert text(embedding) == b"profile x {\n  network,\n}"
    assert b"\\n  network,\\n  deny network alg,\\n}" in insert(content, *anchors([embedding])[0])

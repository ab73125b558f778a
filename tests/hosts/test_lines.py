from __future__ import annotations

import ast

import pytest

from patcher.hosts import Embedding

from .inserting import anchors, check_offsets, insert, insert_only, read, text, with_rule

LINES = ["profile x {", "  network,", "  deny @{PROC}/* w,", "}"]


def one(content: bytes) -> Embedding:
    (embedding,) = read("lines", "x.unknown", content)
    check_offsets(content, embedding)
    return embedding


@pytest.mark.parametrize(
    ("opening", "line", "last", "closing"),
    [
        ("[\n", "    '{}',\n", "    '{}',\n", "]"),
        ("[\n", "    '{}',\n", "    '{}'\n", "]"),
        ("(\n", '  "{}\\n"\n', '  "{}\\n"\n', ")"),
        ("(", '"{}\\n" +\n', '"{}\\n"', ")"),
        ("(\n", "    '{}\\n' \\\n", "    '{}\\n'", ")"),
        ("[", '"{}",  # why\n', '"{}"', "]"),
        ('"".join([\n', '\t"{}\\n",\n', '\t"{}\\n",\n', "])"),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("order", [LINES, LINES[1:] + LINES[:1], LINES[2:] + LINES[:2]])
def test_a_literal_for_each_line(
    opening: str, line: str, last: str, closing: str, ending: str, order: list[str]
) -> None:
    # Python's own reader of literals says what the code means; it knows every dressing used here.
    code = (
        opening + "".join(line.format(part) for part in order[:-1]) + last.format(order[-1])
    ).replace("\n", ending) + closing
    content = code.replace("@{PROC}", "@PROC").encode()
    embedding = one(content)
    new = insert_only(content, [embedding])

    def value(source: bytes) -> str:
        tree = ast.parse(source.decode(), mode="eval").body
        if isinstance(tree, ast.Call):
            tree = tree.args[0]
        if isinstance(tree, ast.BinOp):
            parts: list[str] = []
            node: ast.expr = tree
            while isinstance(node, ast.BinOp):
                parts.append(ast.literal_eval(node.right))
                node = node.left
            return "".join([ast.literal_eval(node), *reversed(parts)])
        found = ast.literal_eval(tree)
        return found if isinstance(found, str) else "\n".join(found)

    assert value(new).replace("\n\n", "\n") == with_rule(value(content)).replace("\n\n", "\n")


@pytest.mark.parametrize(
    ("opening", "line"),
    [
        ("", 'sb.append("{}\\n");\n'),
        ("", "    out << '{}' << endl;\n"),
        ("", 'w.WriteString("{}\\n") // x\n'),
        ("", "echo `{}`\n"),
    ],
)
def test_a_statement_for_each_line(opening: str, line: str) -> None:
    content = "".join(line.format(part) for part in LINES).encode()
    expected = "".join(
        line.format(part) for part in [*LINES[:2], "  deny network alg,", *LINES[2:]]
    )
    assert insert_only(content, [one(content)]) == expected.encode()


def test_statements_between_the_lines_are_no_policy() -> None:
    content = (
        b'a("profile x {")\nif net:\n    a("  network,")\nfor x in y:\n    a("  file,")\na("}")\n'
    )
    embedding = one(content)
    assert text(embedding) == b"profile x {\n  network,\n  file,\n}"
    assert b'if net:\n    a("  network,")\n    a("  deny network alg,")\n' in insert_only(
        content, [embedding]
    )


@pytest.mark.parametrize("prefix", [b"# ", b"// ", b" * ", b";; ", b"-- ", b"> ", b"% "])
def test_a_prefix_is_documentation(prefix: bytes) -> None:
    body = b"".join(prefix + line.encode() + b"\n" for line in LINES)
    content = b"code()\n" + body + b"code()\n"
    (embedding,) = [e for e in read("lines", "x.unknown", content) if b"network" in text(e)]
    assert embedding.documentation
    assert text(embedding).decode().splitlines() == LINES
    assert prefix + b"  network,\n" + prefix + b"  deny network alg,\n" in insert_only(
        content, [embedding]
    )


def test_a_margin_is_not() -> None:
    content = b'x = """profile x {\n    |  network,\n    |}\n""".stripMargin\n'
    embedding = one(content)
    assert not embedding.documentation
    assert text(embedding) == b"profile x {\n  network,\n}"


def test_a_comment_in_plain_policy_is_part_of_it() -> None:
    content = b"profile x {\n  # network,\n  file,\n}\n"
    embedding = one(content)
    assert not embedding.documentation
    assert text(embedding) == content.rstrip(b"\n")


def test_strings_with_escaped_line_breaks() -> None:
    content = b"f(\"it's\", \"x {\\n\\tnetwork,\\n}\", 'y {\\n network,\\n}') don't\n"
    first, second = read("lines", "x.unknown", content)
    assert (text(first), text(second)) == (b"x {\n\tnetwork,\n}", b"y {\n network,\n}")
    assert b"\\n\\tnetwork,\\n\\tdeny network alg,\\n" in insert_only(content, [first])


def test_continued_lines() -> None:
    content = b"RUN x 'profile x {\\n\\\n  network,\\n\\\n}' y\n"
    embedding = one(content)
    assert text(embedding) == b"profile x {\n  network,\n}' y"
    assert insert_only(content, [embedding]) == (
        b"RUN x 'profile x {\\n\\\n  network,\\n\\\n  deny network alg,\\n\\\n}' y\n"
    )


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_raw_text(ending: bytes) -> None:
    content = b"\xef\xbb\xbfx {\n  network,\n}\n  network,".replace(b"\n", ending)
    embedding = one(content)
    assert embedding.lines[0].text == b"x {"
    new = insert(content, *anchors([embedding])[1])
    assert new == content + ending + b"  deny network alg,"


def test_every_mention_is_handed_over_once() -> None:
    content = (
        b"network, a\n'network,'\n'file,'\n\n# network,\n#\nx\n\"x\\nnetwork,\\n\"\n"
        b"network, \\\nb\n| network,\nlast network,"
    )
    found = read("lines", "x.unknown", content)
    starts = [line.start for e in found for line in e.lines]
    assert starts == sorted(set(starts))
    assert sum(text(e).count(b"network,") for e in found) == content.count(b"network,")

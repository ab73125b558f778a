from __future__ import annotations

from pathlib import Path

import pytest

from .inserting import anchors, insert, read, text
from .programs import check, check_map, insert_all, output, printed, tool

JAVA = r'''
import java.util.*;

/**
 * <pre>
 * profile in_comment {
 *   network,
 * }
 * </pre>
 */
public class Main {
    static final String BLOCK = """
        profile a flags=(attach_disconnected,mediate_deleted) {
          network,
          deny /\\d w,
        }
        """;
    static final String JOINED = "profile b {\n"
        + "  network,\n" // all
        + "  file,\n"
        + "}\n";
    static final String TRAILING = "profile c {\n" +
        "  file,\n" +
        "  network,\n";
    static final List<String> LINES = List.of(
        "profile d {",
        "  network,",
        "}"
    );
    static final String[] LAST = {"file,", "network,"};

    static void show(String value) {
        System.out.print(value + "=====\n");
    }

    public static void main(String[] arguments) {
        char quote = '"';
        show(BLOCK);
        show(JOINED);
        show(TRAILING);
        show(String.join("\n", LINES));
        show(String.join("\n", LAST));
        StringBuilder sb = new StringBuilder();
        sb.append("profile e {\n");
        if (arguments.length == 0) {
            sb.append("  network,\n");
        }
        sb.append("}\n");
        show(sb.toString());
        StringBuilder chained = new StringBuilder();
        chained.append("profile f {\n")
            .append("  network,\n")
            .append("}\n");
        show(chained.toString());
        String ended = "profile g {" + System.lineSeparator()
            + "  network," + System.lineSeparator()
            + "}" + System.lineSeparator();
        show(ended);
        show("profile h {\n  network,\n}");
        String policy = "profile " + quote + " {\n";
        policy += "  network,\n";
        policy += "}\n";
        show(policy);
    }
}
'''


@pytest.mark.oracle
def test_every_dressing_of_java(tmp_path: Path) -> None:
    javac, java = tool("javac"), tool("java")

    def values(content: bytes) -> list[str]:
        (tmp_path / "Main.java").write_bytes(content)
        output(javac, "-encoding", "UTF-8", "Main.java", cwd=tmp_path)
        return printed(output(java, "-cp", ".", "Main", cwd=tmp_path))

    check("code", "Main.java", JAVA, values, 10)


CASES = {
    "kotlin": (
        "a.kt",
        'val p = """\nprofile $name {\n  network,\n  file,\n}\n""".trimIndent()\n',
        "  deny network alg,\n",
    ),
    "margin": (
        "a.scala",
        'val p = s"""profile x {\n    |  network,\n    |}""".stripMargin\n',
        "    |  deny network alg,\n",
    ),
    "builder": (
        "a.kts",
        'val p = buildString {\n  appendLine("profile x {")\n  appendLine("  network,")\n}\n',
        '  appendLine("  deny network alg,")\n',
    ),
    "groovy": (
        "Jenkinsfile",
        "writeFile text: '''profile x {\n  network,\n}'''\n",
        "  deny network alg,\n",
    ),
    "verbatim": (
        "a.cs",
        'var p = @"profile ""x"" {\n  network,\n}";\n',
        "  deny network alg,\n",
    ),
    "csharp": (
        "a.cs",
        'sb.AppendLine("profile x {");\nsb.AppendLine("\\tnetwork,");\n',
        'sb.AppendLine("\\tdeny network alg,");\n',
    ),
    "swift": (
        "a.swift",
        'let p = """\n  profile \\(name) {\n    network,\n  }\n  """\n/* /* " */ */\n',
        "    deny network alg,\n",
    ),
    "dart": (
        "a.dart",
        "final p = 'profile x {\\n'\n    '  network,\\n'\n    '}';\n",
        "    '  deny network alg,\\n'\n",
    ),
    "lua": (
        "a.lua",
        '--[[ " ]]\nlocal p = [==[\nprofile x {\n  network,\n}]==]\n',
        "  deny network alg,\n",
    ),
    "lua joined": (
        "a.lua",
        'p = "profile x {\\n" ..\n  "network,\\n" ..\n  "}\\n"\n',
        '  "deny network alg,\\n" ..\n',
    ),
    "zig": (
        "a.zig",
        "const p =\n    \\\\profile x {\n    \\\\  network,\n    \\\\}\n;\n",
        "    \\\\  deny network alg,\n",
    ),
}
"""Of each language or dressing a file, its text, and the line that is added."""


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_every_language(name: str, ending: str) -> None:
    path, before, added = CASES[name]
    head, anchor, tail = before.partition("network,")
    rest, _, tail = tail.partition("\n")
    after = head + anchor + rest + "\n" + added + tail
    content = before.replace("\n", ending).encode()
    found = read("code", path, content)
    for embedding in found:
        check_map(content, embedding)
    assert insert_all(content, found) == after.replace("\n", ending).encode()


def test_what_an_expression_puts_in_is_a_hole() -> None:
    (found,) = read("code", "a.swift", b'let p = "\\(a.b)network,\\n"\n')
    assert text(found) == b"${}network,"


def test_comments_are_documentation() -> None:
    content = JAVA.encode()
    found = [e for e in read("code", "Main.java", content) if e.documentation]
    assert b" *   network,\n *   deny network alg,\n" in insert(content, *anchors(found)[0])

"""The same policy in many formats: each comes out as the format holds it with the rule."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

import patcher
from patcher import Status

from .texts import POLICY

RULE = "  deny network alg,\n"
Write = Callable[[str], str]


def patched(policy: str) -> str:
    return policy.replace("  network,\n", "  network,\n" + RULE)


def apart(path: str, format: str, margin: str = "") -> tuple[str, Write]:
    """A format that holds the text as it is, behind a margin."""
    return path, lambda text: format.replace(
        "TEXT", "".join(margin + line for line in text.splitlines(keepends=True))
    )


RAW = {
    "yaml block": ("a.yaml", "metadata:\n  last-applied: |\n    TEXT\nx: 1\n"),
    "shell heredoc": ("a.sh", "cat > x <<'EOF'\nTEXT\nEOF\n"),
    "heredoc of a dockerfile": ("Dockerfile", "FROM x\nRUN cat > x <<'EOF'\nTEXT\nEOF\n"),
    "go": ("a.go", "package x\n\nvar p = `TEXT`\n"),
    "rust": ("a.rs", 'const P: &str = r#"TEXT"#;\n'),
    "python": ("a.py", "P = r'''TEXT'''\n"),
    "javascript": ("a.js", "const p = String.raw`TEXT`;\n"),
    "hcl heredoc": ("a.tf", "locals {\n  p = <<EOT\nTEXT\nEOT\n}\n"),
    "c#": ("A.cs", 'class A { string P = """\n    TEXT\n    """; }\n'),
    "kotlin": ("A.kt", 'val p = """TEXT"""\n'),
    "scala": ("a.scala", 'val p = """TEXT"""\n'),
    "swift": ("a.swift", 'let p = #"TEXT"#\n'),
    "nix": ("a.nix", "{ p = ''\n  TEXT\n''; }\n"),
    "lua": ("a.lua", "p = [[TEXT]]\n"),
    "toml": ("a.toml", "p = '''TEXT'''\n"),
    "php": ("a.php", "<?php\n$p = <<<'E'\nTEXT\nE;\n"),
    "ruby": ("a.rb", "p = <<'E'\nTEXT\nE\n"),
    "xml": ("a.xml", "<a><![CDATA[TEXT]]></a>\n"),
    "single quotes of yaml": ("a.yaml", "x: 'TEXT'\n"),
}


@pytest.mark.parametrize("deep", [1, 2])
@pytest.mark.parametrize("name", RAW)
def test_json_in_what_knows_no_escapes(name: str, deep: int) -> None:
    path, format = RAW[name]

    def write(policy: str) -> str:
        for _ in range(deep):
            policy = json.dumps({"apparmor": policy})
        return format.replace("TEXT", policy)

    result = patcher.patch(path, write(POLICY).encode())
    assert [finding.moby_style for finding in result.findings] == [True]
    if result.edits:
        assert result.content.decode() == write(patched(POLICY))
    else:
        assert result.findings[0].status is Status.UNDER_INVESTIGATION


def _gaps(text: str) -> str:
    return "\\n\\\n    \\".join(text.splitlines())


MARGINS: dict[str, tuple[str, Write]] = {
    "kotlin": apart("a.kt", 'val p = """\nTEXT    """.trimMargin()\n', "    |"),
    "kotlin, quotes at column 0": apart("a.kt", 'val p = """\nTEXT""".trimMargin()\n', "    |"),
    "kotlin, one of its own": apart("a.kt", 'val p = """\nTEXT""".trimMargin(">")\n', "    >"),
    "kotlin, two characters": apart("a.kt", 'val p = """\nTEXT  """.trimMargin("##")\n', "  ##"),
    "kotlin, indented": apart("a.kt", 'val p = """\nTEXT""".trimIndent()\n', "    "),
    "scala": apart("a.scala", 'val p = """\nTEXT""".stripMargin\n', "|"),
    "scala, one of its own": apart("a.scala", 'val p = """\nTEXT""".stripMargin(\'#\')\n', " #"),
    "groovy": apart("a.groovy", "def p = '''\nTEXT'''.stripMargin()\n", "    |"),
    "groovy, continued": apart("a.groovy", "def p = '''\\\nTEXT'''.stripMargin('|')\n", "    |"),
    "groovy, indented": apart("a.groovy", "def p = '''\nTEXT'''.stripIndent()\n", "    "),
    "zig": apart("a.zig", "const p =\nTEXT;\n", "    \\\\"),
    "java": apart("A.java", 'class A { String p = """\nTEXT    """; }\n', "    "),
    "swift": apart("a.swift", 'let p = """\nTEXT    """\n', "    "),
    "haskell": ("a.hs", lambda text: f'p = "{_gaps(text)}\\n"\n'),
    "haskell, below": ("a.hs", lambda text: f'p =\n  "{_gaps(text)}\\n\\\n  \\"\n'),
    "properties": (
        "a.properties",
        lambda text: "p = " + "\\n\\\n    ".join(map(str.strip, text.splitlines())) + "\\n\n",
    ),
    "properties, below": (
        "a.properties",
        lambda text: (
            "p = \\\n" + "".join(f"  {x.strip()}\\n\\\n" for x in text.splitlines()) + "\n"
        ),
    ),
}


@pytest.mark.parametrize("name", MARGINS)
def test_margins(name: str) -> None:
    path, write = MARGINS[name]
    result = patcher.patch(path, write(POLICY).encode())
    assert result.content.decode() == write(patched(POLICY))


KEEPS_CR = {
    "plain": ("apparmor.d/x", "TEXT"),
    "template": ("x.j2", "TEXT"),
    "erb": ("x.erb", "TEXT"),
    "shell": ("a.sh", "cat > x <<'EOF'\r\nTEXTEOF\r\n"),
    "dockerfile": ("Dockerfile", "FROM x\r\nRUN cat > x <<'EOF'\r\nTEXTEOF\r\n"),
    "hcl": ("a.tf", "locals {\r\n  p = <<EOT\r\nTEXTEOT\r\n}\r\n"),
    "ruby": ("a.rb", "p = <<E\r\nTEXTE\r\n"),
    "perl": ("a.pl", "$p = <<'E';\r\nTEXTE\r\n"),
    "toml": ("a.toml", "p = '''\r\nTEXT'''\r\n"),
}
DROPS_CR = {
    "go": ("a.go", "package x\r\nvar p = `TEXT`\r\n"),
    "rust": ("a.rs", 'const P: &str = r#"TEXT"#;\r\n'),
    "python": ("a.py", "P = '''TEXT'''\r\n"),
    "javascript": ("a.js", "p = `TEXT`;\r\n"),
}


@pytest.mark.parametrize("name", [*KEEPS_CR, *DROPS_CR])
def test_a_carriage_return_stands_behind_a_blank_where_the_parser_sees_it(name: str) -> None:
    path, format = {**KEEPS_CR, **DROPS_CR}[name]
    end = " \r\n" if name in KEEPS_CR else "\r\n"
    before, rule = POLICY.replace("\n", "\r\n"), RULE.replace("\n", end)
    after = before.replace("  network,\r\n", "  network,\r\n" + rule)
    result = patcher.patch(path, format.replace("TEXT", before).encode())
    assert result.content.decode() == format.replace("TEXT", after)


@pytest.mark.parametrize(
    ("path", "opening", "type", "closing"),
    [
        ("a.c", "char *p = ", "", ";\n"),
        ("a.json", '{"p": ', "", "}\n"),
        ("a.yaml", "p: ", "", "\n"),
        ("a.go", "package x\n\nvar p = ", "", "\n"),
    ],
)
def test_so_it_does_where_it_is_escaped(path: str, opening: str, type: str, closing: str) -> None:
    def write(policy: str) -> str:
        return opening + json.dumps(policy.replace("\n", "\r\n")) + closing

    result = patcher.patch(path, write(POLICY).encode())
    expected = write(patched(POLICY)).replace("alg,\\r", "alg, \\r")
    assert result.content.decode() == expected


def lines(quote: Callable[[str], str] = json.dumps, margin: str = "    ") -> str:
    return "".join(f"{margin}{quote(line)},\n" for line in POLICY.splitlines(keepends=True))


DECLARED = [
    ("a.rs", "const P: [&str; 8] = [\n{}];\n"),
    ("a.rs", "fn f() {{ let p: [&str; 8] = [\n{}]; }}\n"),
    ("a.rs", "static P: [&'static str; N] = [\n{}];\n"),
    ("a.c", "char *r[8] = {{\n{}}};\n"),
    ("a.c", "static const char *const r[N_RULES] = {{\n{}}};\n"),
    ("a.cc", "std::array<const char *, 8> r = {{\n{}}};\n"),
    ("a.go", "package x\n\nvar r = [8]string{{\n{}}}\n"),
    ("a.go", "package x\n\nvar r = [n]string{{\n{}}}\n"),
    ("a.zig", "const r = [8][]const u8{{\n{}}};\n"),
    ("A.cs", "class A {{ string[] r = new string[8] {{\n{}}}; }}\n"),
    ("a.ts", "const r: [string, string] = [\n{}];\n"),
]


@pytest.mark.parametrize(("path", "around"), DECLARED)
def test_an_array_of_a_declared_length_gets_no_element(path: str, around: str) -> None:
    before = around.format(lines())
    result = patcher.patch(path, before.encode())
    after = before.replace("network,\\n", "network,\\n  deny network alg,\\n", 1)
    assert result.content.decode() == after


@pytest.mark.parametrize(
    ("path", "around"),
    [
        ("a.c", "char r[8][80] = {{\n{}}};\n"),
        ("a.d", "string[8] r = [\n{}];\n"),
        ("a.nim", "const r: array[8, string] = [\n{}]\n"),
    ],
)
def test_one_of_a_language_that_is_not_known_needs_review(path: str, around: str) -> None:
    result = patcher.patch(path, around.format(lines()).encode())
    assert {finding.status for finding in result.findings} == {Status.UNDER_INVESTIGATION}
    assert not result.edits


DOCUMENTATION = [
    (
        "a.xlf",
        "<xliff><file><body><trans-unit><source>\nTEXT</source></trans-unit></body></file>\n",
    ),
    (
        "a.ts",
        "<?xml version='1.0'?>\n<!DOCTYPE TS>\n<TS><message><source>\nTEXT</source></message>\n",
    ),
    ("res/values-de/strings.xml", "<resources><string name='a'>\nTEXT</string></resources>\n"),
    ("a.dbk", "<book><screen>\nTEXT</screen></book>\n"),
    ("a.dita", "<topic><codeblock>\nTEXT</codeblock></topic>\n"),
    ("a.typ", "= x\n```\nTEXT```\n"),
    ("a.html", "<pre>\nTEXT</pre>\n"),
    ("a.tex", "\\begin{verbatim}\nTEXT\\end{verbatim}\n"),
    ("a.org", "* x\n#+BEGIN_SRC\nTEXT#+END_SRC\n"),
    ("a.mdx", "# x\n```\nTEXT```\n"),
    ("a.adoc", "----\nTEXT----\n"),
    ("a.mbox", "From x\nSubject: y\n\nTEXT"),
    ("CHANGELOG.md", "```\nTEXT```\n"),
    (
        "docs/x.txt",
        "How to use it. Write this profile and then load it with the tool:\n\nTEXT\n"
        "That is what Docker loads when it starts up.\n",
    ),
]
QUOTED = [
    ("a.eml", "Subject: x\n\n", "> ", ""),
    ("a.ftl", "-brand = x\nprofile =\n", "    ", ""),
    ("a.rdoc", "= x\n\n", "  ", ""),
    ("a.pod", "=head1 X\n\n", "  ", ""),
    ("README", "Put this in a file, as root:\n\n", "    ", "\nand load it.\n"),
    ("a.go", "package x\n\n", "// ", "var x = 1\n"),
]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        *((path, text.replace("TEXT", POLICY)) for path, text in DOCUMENTATION),
        *(
            (path, first + "".join(f"{mark}{line}\n" for line in POLICY.splitlines()) + last)
            for path, first, mark, last in QUOTED
        ),
        *(
            (path, 'msgid ""\n' + "".join(f'"{x}\\n"\n' for x in POLICY.splitlines()))
            for path in ("a.po", "a.pot")
        ),
    ],
)
def test_documentation_is_reported_and_left_alone(path: str, text: str) -> None:
    result = patcher.patch(path, text.encode())
    assert [finding.documentation for finding in result.findings] == [True]
    assert not result.edits


def test_a_template_of_freemarker_is_no_translation_of_fluent() -> None:
    text = f"<#assign strict = true>\n{POLICY}<#if strict>\nx\n</#if>\n"
    result = patcher.patch("a.ftl", text.encode())
    assert result.content.count(b"deny network alg,") == 1


DIFF = "--- a/x\n+++ b/x\n@@ -0,0 +1,8 @@\n" + "".join(f"+{line}\n" for line in POLICY.splitlines())


@pytest.mark.parametrize(
    ("path", "write"),
    [
        ("a.patch", str),
        ("a.diff", lambda text: "Index: x\n" + text),
        ("a.txt", str),
        apart("a.yaml", "p: |\nTEXT", "  "),
        apart("a.sh", "patch -p1 <<'E'\nTEXTE\n"),
        apart("Dockerfile", "FROM x\nRUN patch <<'E'\nTEXTE\n"),
        apart("a.py", 'P = """\\\nTEXT"""\n'),
        apart("a.go", "package x\n\nvar p = `TEXT`\n"),
        apart("a.js", "const p = `TEXT`;\n"),
        apart("a.nix", "{ p = ''\nTEXT''; }\n", "  "),
        apart("a.tf", "locals {\n  p = <<E\nTEXTE\n}\n"),
        apart("a.md", "```diff\nTEXT```\n"),
        ("a.json", lambda text: json.dumps({"p": text})),
        ("a.c", lambda text: f"char *p = {json.dumps(text)};\n"),
    ],
)
def test_a_patch_needs_review_wherever_it_stands(path: str, write: Write) -> None:
    result = patcher.patch(path, write(DIFF).encode(), docs=True)
    assert {finding.status for finding in result.findings} == {Status.UNDER_INVESTIGATION}
    assert not result.edits


SCRIPT = "".join(f"echo '{line}' >> f\n" for line in POLICY.splitlines())


def _listed(text: str, quote: Callable[[str], str] = json.dumps) -> str:
    return ",\n".join(f"    {quote(line)}" for line in text.splitlines())


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (path, format.replace("TEXT", script))
        for path, format, script in (
            ("a.sh", "TEXT", SCRIPT),
            (".github/workflows/a.yml", "jobs:\n  a:\n    steps:\n      - run: |\nTEXT",
             "".join(f"          {line}\n" for line in SCRIPT.splitlines())),
            (".gitlab-ci.yml", "a:\n  script:\n    - |\nTEXT",
             "".join(f"      {line}\n" for line in SCRIPT.splitlines())),
            ("user-data.yaml", "#cloud-config\nruncmd:\nTEXT",
             "".join(f"  - {line}\n" for line in SCRIPT.splitlines())),
            ("tasks.yml", "- shell: |\nTEXT",
             "".join(f"    {line}\n" for line in SCRIPT.splitlines())),
            ("a.pkr.hcl", 'provisioner "shell" {\n  inline = [\nTEXT\n  ]\n}\n', _listed(SCRIPT)),
            ("a.tf", 'provisioner "remote-exec" {\n  inline = [\nTEXT\n  ]\n}\n', _listed(SCRIPT)),
            ("a.json", '{"provisioners": [{"inline": [\nTEXT\n  ]}]}\n', _listed(SCRIPT)),
            ("Makefile", "all:\nTEXT", "".join(f"\t{line}\n" for line in SCRIPT.splitlines())),
            ("Dockerfile", "FROM x\nRUN TEXT\n", " && \\\n    ".join(SCRIPT.splitlines())),
            ("Vagrantfile", "config.vm.provision 'shell', inline: <<-SHELL\nTEXTSHELL\n", SCRIPT),
        )
    ],
)  # fmt: skip
def test_a_statement_of_the_shell_for_each_rule(path: str, text: str) -> None:
    result = patcher.patch(path, text.encode())
    assert [finding.status for finding in result.findings] == [Status.AFFECTED]
    assert result.content.count(b"deny network alg,") == 1
    again = patcher.patch(path, result.content)
    assert again.content == result.content
    assert again.findings[0].status is Status.FIXED

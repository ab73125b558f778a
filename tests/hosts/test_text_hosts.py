"""Hosts whose files hold policy with little around it: plain, template, patch, Nix, TOML."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any

import pytest

import patcher

from .inserting import anchors, check_offsets, insert, insert_only, read, text, with_rule

POLICY = "profile x {\n  network,\n  file,\n}\n"


def claims(module: str, path: str, content: bytes) -> bool:
    host: Any = import_module(f"patcher.hosts.{module}")
    return bool(host.claims(PurePosixPath(path), content))


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("etc/apparmor.d/local/x", b""), ("x.apparmor", b""), ("testdata/x.golden", b""),
        ("profile", b"profile x {\n"), ("x.conf", b"# a\n\n#include <tunables/global>\n"),
        ("usr.bin.x", b"\xef\xbb\xbf# a\r\nabi <abi/3.0>,\r\n"), ("x", b"@{X} = /y\n"),
        ("x.txt", b"{{ x }}\n/usr/bin/x flags=(complain) {\n"), ("x", b"/usr/bin/x {\n"),
    ],
)  # fmt: skip
def test_plain_policy_is_told_by_its_place_or_its_first_line(path: str, content: bytes) -> None:
    assert claims("plain", path, content)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("x", b"#!/bin/sh\nprofile x {\n"), ("x.txt", b"Say\nprofile x {\n"),
        ("x.h", b"#include <stdio.h>\n"), ("x", b"profile the thing\n"), ("x", b""),
    ],
)  # fmt: skip
def test_other_text_is_not(path: str, content: bytes) -> None:
    assert not claims("plain", path, content)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_plain_file(ending: str) -> None:
    content = b"\xef\xbb\xbf" + POLICY.replace("\n", ending).encode()
    (embedding,) = read("plain", "x.aa", content)
    check_offsets(content, embedding)
    assert text(embedding).decode() + "\n" == POLICY
    assert insert_only(content, [embedding])[3:].decode() == with_rule(POLICY).replace("\n", ending)


@pytest.mark.parametrize("path", ["x.tmpl", "x.conf.j2", "a/x.erb", "x.in"])
def test_templates(path: str) -> None:
    content = POLICY.replace("  network,", "  {{if .N}}\n  network,\n{{end}}").encode()
    (embedding,) = read("template", path, content)
    assert text(embedding) == content.rstrip(b"\n")


def test_a_template_of_code() -> None:
    content = b'w("profile {{x}} {");\nw("  network,");\nw("}");\n'
    (embedding,) = read("template", "x.tmpl", content)
    assert b'w("  network,");\nw("  deny network alg,");\n' in insert_only(content, [embedding])


PATCH = b"""\
From: someone
Subject: network, again

diff --git a/x b/x
--- a/x
+++ b/x
@@ -1,4 +1,4 @@ context
 profile x {
-  network inet,
+  network,

 }
\\ No newline at end of file
--- a/y
+++ b/y
@@ -1 +1 @@
-network,
+-- network,
--
2.47
network,
"""


def test_a_patch_is_what_it_leaves_of_each_file() -> None:
    first, second = read("patchfile", "0001-x.patch", PATCH)
    assert text(first) == b"profile x {\n  network,\n\n}"
    assert text(second) == b"-- network,"
    assert first.reason == second.reason != ""
    for embedding in (first, second):
        check_offsets(PATCH, embedding)


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("x.diff", PATCH, True), ("0001", PATCH, True), ("x.patch", b"profile x {\n}\n", False),
        ("x.md", PATCH, False), ("x.txt", b"--- a\n+++ b\n", False),
    ],
)  # fmt: skip
def test_what_is_a_patch(path: str, content: bytes, expected: bool) -> None:
    assert claims("patchfile", path, content) is expected


def test_nix_strings() -> None:
    content = b"""{ f', x'', ... }: # it's ''
{
  /* '' */ a = ''
    profile ${x''} {
      network,
      deny ''${y} '''z''' ''\\t$$''${w w, ${if a == "}" then '' ${b}'' else { c = "''"; }.c}
    }
  '';
  b = "network,\\n\\"x\\" ${"y"}";
}
"""
    first, second = read("nix", "x.nix", content)
    check_offsets(content, first)
    check_offsets(content, second)
    assert text(first).split(b"\n")[1:] == [
        b"    profile ${x''} {",
        b"      network,",
        b"      deny ${y} ''z'' \t$$${w w, ${if a == \"}\" then '' ${b}'' else { c = \"''\"; }.c}",
        b"    }",
        b"  ",
    ]
    assert text(second) == b'network,\n"x" ${"y"}'
    assert b"      network,\n      deny network alg,\n" in insert(content, *anchors([first])[0])
    assert (
        insert(content, *anchors([second])[0]).count(b'"network,\\ndeny network alg,\\n\\"x') == 1
    )
    assert first.escape(b"''${x}") == b"'''''${x}"


@pytest.mark.parametrize("content", [b"''network,", b'"network,', b"} '' network,", b"/* network,"])
def test_what_is_no_nix_is_read_without_an_error(content: bytes) -> None:
    assert read("nix", "x.nix", content) == []


@pytest.mark.parametrize(
    "content",
    [
        "a = 'it'  # '''\np = '''\n{}'''\n",
        'b = "#"\np = """\n{}"""\nc = 1\n',
        'p = """\\\n  {}"""\n',
        "p = [\n'profile x {',\n'  network,',\n'}']\n",
        'p = "profile x {\\n\\tnetwork,\\n}"\n',
    ],
)
def test_toml(content: str) -> None:
    before = content.replace("{}", POLICY).encode()
    found = read("toml", "x.toml", before)
    for embedding in found:
        check_offsets(before, embedding)
    value = tomllib.loads(before.decode())["p"]
    joined = value if isinstance(value, str) else "\n".join(value)
    new = tomllib.loads(insert_only(before, found).decode())["p"]
    assert (new if isinstance(new, str) else "\n".join(new)) == with_rule(joined)


_LINES = (
    "profile a flags=(attach_disconnected,mediate_deleted) {", "  network,", "  capability,",
    "  file,", "  umount,", "  deny @{PROC}/* w,", "  deny mount,", "}",
)  # fmt: skip


@pytest.mark.parametrize("name", ["x", "in", "do", "/tmp/x", "if.conf"])
def test_a_shell_may_write_to_a_file_of_any_name(name: str) -> None:
    before = [f"echo '{line}' >> {name}\n" for line in _LINES]
    result = patcher.patch("a.sh", "".join(before).encode())
    after = [*before[:2], f"echo '  deny network alg,' >> {name}\n", *before[2:]]
    assert result.content.decode() == "".join(after)


@pytest.mark.parametrize("modifier", ["if $s", "unless ($s)", "for 1..$s", "x $s"])
@pytest.mark.parametrize("gap", [" ", "\n  "])
def test_a_condition_behind_a_statement_of_perl_governs_it(modifier: str, gap: str) -> None:
    rules = [f'$p .= "{line}\\n";\n' for line in _LINES]
    deny = '$p .= "  deny network alg,\\n"'
    before = [*rules[:2], f"{deny}{gap}{modifier};\n", *rules[2:]]
    result = patcher.patch("a.pl", "".join(before).encode())
    after = [*before[:2], f"{deny};\n", *before[2:]]
    assert result.content.decode() == "".join(after)


@pytest.mark.parametrize("modifier", ["if $s", "unless ($s)", "for 1..$s"])
def test_a_rule_goes_into_the_string_whose_statement_ends_below(modifier: str) -> None:
    rules = [f'$p .= "{line}\\n";\n' for line in _LINES]
    before = "".join([rules[0], f'$p .= "  network,\\n"\n  {modifier};\n', *rules[2:]])
    result = patcher.patch("a.pl", before.encode())
    after = before.replace("  network,\\n", "  network,\\n  deny network alg,\\n")
    assert result.content.decode() == after


def test_a_rule_behind_a_statement_that_ends_on_two_lines_is_a_statement() -> None:
    rules = "\\n".join(line for line in _LINES if line != "  network,")[:-1]
    before = f'$p .= "{rules}";\n$p .= "  signal,\\n"\n  if $s;\n$p .= "  network,\\n";\n'
    result = patcher.patch("a.pl", before.encode())
    assert result.content.decode() == before + '$p .= "  deny network alg,\\n";\n'

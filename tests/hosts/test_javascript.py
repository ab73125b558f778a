from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patcher.hosts.code.kinds import template_end

from .inserting import anchors, insert, read, text
from .programs import check, check_map, output, printed, tool

SOURCE = r"""
/**
 * profile in_comment {
 *   network,
 * }
 */
const name = "x", net = true, found = [];
const quote = (s) => s.replace(/["'`]/g, '').replace(/[/]'/, "");
const ratio = 4 / 2; const half = found.length / 2; // don't `stop` here

found.push(`
profile ${name} flags=(attach_disconnected,mediate_deleted) {
  network,
	deny ${net ? `/sys/${"a}`"}/x` : '}'}/** w,
}
`);
found.push(String.raw`profile a {
  network,
  deny /\d w,
}`);
found.push([
  'profile b {',
  "  network,", // all
  `  file,`,
  '}',
].join('\n'));
found.push([
  'profile c {',
  '  file,',
  '  network,'
].join('\n'));
found.push([
  'profile d {',
  net && '  network,',
  '}',
].join('\n'));
found.push(["profile e {", "\tnetwork,", "file,"].join("\n"));
found.push('profile f {\n' +
  '  network,\n' + // comment
  '  signal peer=' + name + ',\n' +
  '}\n');
found.push('profile g {\n'
  + '  file,\n'
  + '  network,\n');
found.push("profile h {\n  network,\n}\n");
found.push("profile i {\n\
  network,\n\
  file,\n\
}");

const network = 1, capability = 2, file = 3;
const options = {
  network,
  capability,
};
const lines = [];
lines.push("profile j {");
if (net) {
  lines.push('  network,');
}
lines.push("  capability,");
if (options.file) lines.push("  file,");
lines.push("}");
found.push(lines.join("\n"));

let policy = `profile k {\n`;
policy += "  network,\n";
policy += `  capability,\n`;
found.push(policy);

const rows = [
  { rule: "network,", why: "all" },
  { rule: "capability,", why: "too" },
];
found.push(rows.map((row) => row.rule).join("\n"));
const table = { policy: "file,\nnetwork,\n", other: "x" };
found.push(table.policy);
for (const value of found) process.stdout.write(value + "=====\n");
"""


def test_every_dressing(tmp_path: Path) -> None:
    node = tool("node")

    def values(content: bytes) -> list[str]:
        (tmp_path / "main.js").write_bytes(content)
        return printed(output(node, "main.js", cwd=tmp_path))

    check("code", "main.js", SOURCE, values, SOURCE.count("found.push("))


def test_comments_are_documentation() -> None:
    content = SOURCE.encode()
    found = [e for e in read("code", "x.ts", content) if e.documentation]
    assert [e.host for e in found] == ["comment"]
    assert b" *   network,\n *   deny network alg,\n * }" in insert(content, *anchors(found)[0])


@pytest.mark.parametrize(
    "line",
    [
        "expect(profile).toContain('network,');",
        "assert(profile.includes('network,'));",
        "if (line === 'network,') {",
        "profile.replace('network,', 'network,\\n  deny network alg,');",
    ],
)
def test_what_looks_for_a_rule_is_no_policy(line: str) -> None:
    content = f"const p = 'profile x {{';\n{line}\n".encode()
    assert not [text(e) for e in read("code", "x.js", content) if b"network" in text(e)]


@pytest.mark.parametrize(
    ("inside", "end"),
    [
        (b"a`", 1),
        (b"\\``", 2),
        (b"${`${`}`}`}`", 11),
        (b"${{a: '}'}}`", 11),
        (b"${/* } */a}`", 11),
        (b"${a", -1),
        (b"$`", 1),
        (b"${'", -1),
    ],
)
def test_where_a_template_ends(inside: bytes, end: int) -> None:
    assert template_end(inside, 0) == end


def test_what_is_not_closed_hides_little() -> None:
    content = b"const a = 'it is\nconst p = 'file,\\nnetwork,\\n';\nconst q = `network,"
    assert [text(e) for e in read("code", "x.js", content)] == [b"file,\nnetwork,"]


@given(st.text(st.sampled_from("ab\t\"\\{}'`$\n"), max_size=8))
def test_offsets_and_escapes(value: str) -> None:
    written = value.replace("\\", "\\\\").replace("`", "\\`").replace("${", "\\${")
    content = f"const x = `{written} network,`\n".encode()
    (found,) = read("code", "x.js", content)
    check_map(content, found)
    assert text(found) == f"{value} network,".encode()
    line = found.lines[-1]
    new = line.before + found.escape(value.encode()) + line.after
    changed = content[: line.insert_at] + new + content[line.insert_at :]
    (again,) = read("code", "x.js", changed)
    assert text(again) == f"{value} network,\n{value}".encode().removesuffix(b"\n") or "\n" in value

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .inserting import anchors, insert, read, text
from .programs import SEPARATOR, check, check_map, output, printed, tool

SOURCE = """\
// Package main makes profiles.
//
//	profile in_comment {
//	  network,
//	  deny mount,
//	}
package main

import (
	"fmt"
	"os"
	"strings"
)

/*
 * profile in_block {
 *   network,
 * }
 */
const raw = `
profile {{.Name}} flags=(attach_disconnected,mediate_deleted) {
  network,
	capability,
}
`

type rule struct {
	text, why string
}

const header = "profile j {\\n"

var (
	name = "x"
	net  = len(os.Args) < 5
	list = []string{
		"profile a {",
		"\\tnetwork,", // all of it
		"\\tcapability,",
		"}",
	}
	last = []string{"profile b {",
		"file,",
		"network,"}
	line = []string{"profile c {", "network,", "file,", "}"}
	array = [3]string{
		"profile n {",
		"\\tnetwork,",
		"}",
	}
	raws = []string{`profile d {`, `  network,`, `}`}
	rows = []rule{
		{"profile e {", "begin"},
		{"  network,", "why"},
		{"}", "end"},
	}
	named = []rule{
		{text: "profile f {"},
		{text: "  network,"},
		{text: "}"},
	}
)

func joined() string {
	network, err := fmt.Println()
	_, _ = network, err
	return "profile g flags=(attach_disconnected," +
		"mediate_deleted) {\\n" +
		"\\tnetwork,\\n" + // a comment

		"\\tsignal peer=" + name + ",\\n" +
		"}\\n"
}

func show(value string) {
	fmt.Fprint(os.Stdout, value+"=====\\n")
}

func main() {
	show(raw)
	show(strings.Join(list, "\\n"))
	show(strings.Join(last, "\\n"))
	show(strings.Join(line, "\\n"))
	show(strings.Join(raws, "\\n"))
	for _, rules := range [][]rule{rows, named} {
		var lines []string
		for _, r := range rules {
			lines = append(lines, r.text)
		}
		show(strings.Join(lines, "\\n"))
	}
	show(joined())

	var sb strings.Builder
	fmt.Fprintf(&sb, "profile %s {\\n", name)
	if net {
		sb.WriteString("  network,\\n")
	}

	// capabilities
	sb.WriteString("  capability,\\n")
	fmt.Fprintln(&sb, "}")
	show(sb.String())

	var out strings.Builder
	fmt.Fprintln(&out, "profile h {")
	fmt.Fprintln(&out, "  network,")
	fmt.Fprintln(&out, "}")
	show(out.String())

	var lines []string
	lines = append(lines, "profile i {")
	lines = append(lines, "  network,")
	lines = append(lines, "}")
	show(strings.Join(lines, "\\n"))

	policy := header
	policy += "  file,\\n"
	policy += "  network,\\n"
	policy += "}\\n"
	show(policy)
	show(strings.Join(array[:], "\\n"))

	show("profile k {\\n  network,\\n  capability,\\n}")
	show("profile l {\\n" + "  network,\\n" + "}\\n")
	show(`profile ` + name + ` {
  network,
}`)
	lone := "network,"
	show(lone)
	show("file,\\nnetwork,\\n")
	show("profile m {\\n" +
		"  network," + "\\n" +
		"  file," + "\\n" +
		"}\\n")
	switch name {
	case "x": policy = "network,\\n"
	default: policy = "file,\\n"
	}
	show(policy)
}
"""


def test_every_dressing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = tool("go")
    monkeypatch.setenv("GOTELEMETRY", "off")

    def values(content: bytes) -> list[str]:
        (tmp_path / "main.go").write_bytes(content)
        return printed(output(go, "run", "main.go", cwd=tmp_path))

    assert SEPARATOR.replace("\n", "\\n") in SOURCE
    check("code", "main.go", SOURCE, values, 20)


def test_comments_are_documentation() -> None:
    content = SOURCE.encode()
    found = [e for e in read("code", "x.go", content) if e.host == "comment" and anchors([e])]
    assert [e.documentation for e in found] == [True, True]
    new = [insert(content, *anchors([e])[0]) for e in found]
    assert b"//\t  network,\n//\t  deny network alg,\n//\t  deny mount,\n" in new[0]
    assert b" *   network,\n *   deny network alg,\n * }\n */\n" in new[1]


@pytest.mark.parametrize(
    "line",
    [
        'assert.Contains(t, profile, "network,")',
        'if !strings.Contains(p, "network,") {',
        'p = strings.Replace(p, "network,", "network,\\n  deny network alg,", 1)',
        'if line == "network," {',
        're := regexp.MustCompile("network,")',
    ],
)
def test_what_looks_for_a_rule_is_no_policy(line: str) -> None:
    content = f'func f() {{\n\tp := "profile x {{\\n"\n\t{line}\n'.encode()
    assert not [text(e) for e in read("code", "x.go", content) if b"network" in text(e)]


def test_what_an_expression_puts_in_is_a_hole() -> None:
    content = b'f(qualifier + "network,\\n" + a + "peer=" + b(c, "d") + ",\\n", "x" + y)\n'
    found = [text(e) for e in read("code", "x.go", content)]
    assert found[0].splitlines()[:2] == [b"${}network,", b"${}peer=${}"]


def test_code_between_statements_is_followed() -> None:
    content = b"""func f() {
\tsb.WriteString("profile x {\\n")
\tif host {
\t\tsb.WriteString("network,\\n")
\t} else {
\t\tsb.WriteString("deny network,\\n")
\t}
\tsb.WriteString("}\\n")
}
"""
    (embedding,) = read("code", "x.go", content)
    assert text(embedding).splitlines() == [b"profile x {", b"network,", b"deny network,", b"}"]
    assert [line.stretch for line in embedding.lines] == [0, 1, 2, 3]


def test_calls_with_arguments_of_their_own_get_no_more_of_them() -> None:
    content = b'add("file,", "why")\nput("network,", "all of it")\n'
    found = read("code", "x.go", content)
    assert insert(content, *anchors(found)[0]) == content.replace(
        b'"network,"', b'"network,\\ndeny network alg,"'
    )


@given(st.text(st.sampled_from("ab\t\"\\{}'"), max_size=8))
def test_offsets_and_escapes(value: str) -> None:
    written = value.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    content = f'x := "{written} network,\\n"\n'.encode()
    (found,) = read("code", "x.go", content)
    check_map(content, found)
    (line,) = found.lines
    assert line.text == f"{value} network,".encode()
    new = line.before + found.escape(value.encode()) + line.after
    changed = content[: line.insert_at] + new + content[line.insert_at :]
    assert changed == f'x := "{written} network,\\n{written}\\n"\n'.encode()

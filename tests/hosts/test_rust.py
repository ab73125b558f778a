from __future__ import annotations

from pathlib import Path

import pytest

from .inserting import anchors, insert, read, text
from .programs import check, output, printed, tool

SOURCE = r"""
//! profile in_comment {
//!   network,
//! }
use std::fmt::Write;

/* a comment /* in a comment " */ */
const RAW: &str = r#"
profile a flags=(attach_disconnected,mediate_deleted) {
  network,
	deny "/sys/**" w,
}
"#;
const MANY: &str = r##"profile "#b" {
  network,
}"##;
const CONTINUED: &str = "profile c {\n\
    \tnetwork,\n\
    \tdeny mount,\n\
    }\n";
const LINES: &str = "profile d {
  network,
  deny mount,
}
";
const PARTS: &str = concat!(
    "profile e {\n",
    "  network,\n", // all
    "}\n",
);

const ARRAY: [&str; 3] = [
    "profile k {",
    "  network,",
    "}",
];

fn show(value: &str) {
    print!("{}=====\n", value);
}

fn text<'a>(name: &'a str) -> String {
    let quote = '"';
    let mut s = String::new();
    s.push_str("profile f {\n");
    if name.len() < 5 {
        s.push_str("  network,\n");
    }
    s += "  capability,\n";
    writeln!(s, "  signal peer={},", name).unwrap();
    s.push_str("}\n");
    s.push(quote);
    s
}

fn main() {
    let name = "x";
    show(&ARRAY.join("\n"));
    show(RAW);
    show(MANY);
    show(CONTINUED);
    show(LINES);
    show(PARTS);
    show(&text(name));
    let owned = vec!["profile g {".to_string(), "network,".to_string(), "file,".to_string()];
    show(&owned.join("\n"));
    let list = [
        "profile h {",
        "  network,",
        "}",
    ];
    show(&list.join("\n"));
    let wrapped: Vec<String> = vec![
        String::from("profile i {"),
        String::from("  network,"),
        String::from("}"),
    ];
    show(&wrapped.join("\n"));
    let last = [
        "file,",
        "network,"
    ];
    show(&last.join("\n"));
    let formatted = format!("profile {} {{\n  network,\n  deny mount,\n}}\n", name);
    show(&formatted);
    let long = format!(
        r#"profile {name} flags=(mediate_deleted) {{
  network,
}}"#
    );
    show(&long);
    let mut out = String::new();
    writeln!(out, "profile j {{").unwrap();
    writeln!(out, "  network,").unwrap();
    writeln!(out, "}}").unwrap();
    show(&out);
    let bytes = b"file,\nnetwork,\n";
    show(std::str::from_utf8(bytes).unwrap());
}
"""


def test_every_dressing(tmp_path: Path) -> None:
    rustc = tool("rustc")

    def values(content: bytes) -> list[str]:
        (tmp_path / "main.rs").write_bytes(content)
        output(rustc, "-A", "warnings", "--edition", "2021", "-o", "main", "main.rs", cwd=tmp_path)
        return printed(output(tmp_path / "main"))

    check("code", "main.rs", SOURCE, values, SOURCE.count("show(") - 1)


def test_comments_are_documentation() -> None:
    content = SOURCE.encode()
    found = [e for e in read("code", "x.rs", content) if e.documentation]
    assert b"//!   network,\n//!   deny network alg,\n" in insert(content, *anchors(found)[0])


def test_format_strings_double_their_braces() -> None:
    content = b'let p = format!("profile {} {{\\n  network,\\n}}", x);\n'
    (found,) = read("code", "x.rs", content)
    assert text(found) == b"profile ${} {{\n  network,\n}}"
    assert found.escape(b"# {x}") == b"# {{x}}"


@pytest.mark.parametrize(
    "line",
    [
        'assert!(profile.contains("network,"));',
        'assert_eq!(rule, "network,");',
        'if line == "network," {',
        "let c = Config { network, capability, file };",
        "let x = 'n'; let network, = y;",
    ],
)
def test_what_looks_for_a_rule_is_no_policy(line: str) -> None:
    content = f'fn f() {{\n    let p = "profile x {{";\n    {line}\n'.encode()
    assert not [text(e) for e in read("code", "x.rs", content) if b"network" in text(e)]

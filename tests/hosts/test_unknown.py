"""What a program puts between two literals, and nobody knows: the profile may get a rule there."""

from __future__ import annotations

import pytest

import patcher
from patcher import Status

HEADER = r"profile x flags=(attach_disconnected,mediate_deleted) {\n"
INET = r"  network inet,\n"
REST = r"  capability,\n  file,\n  umount,\n  deny /proc/kcore rwklx,\n  deny mount,\n}\n"
STATEMENTS = {
    "go": ("\tp := {}\n", "\tp += {}\n", "func f(extra string) string {{\n{}\treturn p\n}}\n"),
    "java": ("    String p = {};\n", "    p += {};\n", "class F {{\n  String f() {{\n{}  }}\n}}\n"),
    "js": ("  let p = {};\n", "  p += {};\n", "function f(extra) {{\n{}  return p;\n}}\n"),
    "py": ("    p = {}\n", "    p += {}\n", "def f(extra):\n{}    return p\n"),
    "c": ("  strcpy(p, {});\n", "  strcat(p, {});\n", "void f(char *p, char *extra) {{\n{}}}\n"),
    "rs": ("    p.push_str({});\n",) * 2 + ("fn f(p: &mut String, extra: &str) {{\n{}}}\n",),
    "cpp": ("  p << {};\n", "  p << {};\n", "void f(std::ostream &p) {{\n{}}}\n"),
    "cs": ("  p.Append({});\n",) * 2 + ("class X {{ void F() {{\n{}}} }}\n",),
    "lua": ("local p = {}\n", "p = p .. {}\n", "{}"),
    "php": ("$p = {};\n", "$p .= {};\n", "<?php\n{}"),
    "pl": ("$p = {};\n", "$p .= {};\n", "{}"),
    "rb": ("p << {}\n", "p << {}\n", "{}"),
    "kt": ("  append({})\n", "  append({})\n", "fun f() = buildString {{\n{}}}\n"),
}
ADDS = {
    "go": (
        "p += extra",
        "more(&p)",
        "p = more(p)",
        "p += fmt.Sprint(extra)",
        "cfg.more(1, &p)",
        'p += strings.Join([]string{extra}, "")',
    ),
    "java": (
        "p += extra;",
        "p = more(p);",
        "p = p + extra;",
        "p = p.concat(extra);",
        'p += Stream.of(extra).collect(Collectors.joining(""));',
    ),
    "js": (
        "p += extra;",
        "p = more(p);",
        "p = p.concat(extra);",
        "p = `${p}${extra}`;",
        'p += [extra].join("");',
        'p = p.concat([extra].join(""));',
        'p += extra.join("");',
    ),
    "py": ("p += extra", "p = more(p)", "p = p + extra", "p += ''.join(extra)"),
    "c": ("strcat(p, extra);", "more(p);", "if (more(cfg, p)) return;", "sprintf(p, extra);"),
    "rs": ("p.push_str(extra);", "more(p);", "*p += extra;", "write!(p, extra);"),
    "cpp": ("p << extra;", "more(p);", "this->more(p, 3);", "extra >> p;"),
    "cs": ("p.Append(extra);", "More(p);", "p.AppendFormat(extra, 1);"),
    "lua": ("p = p .. extra", "p = p .. table.concat({extra})", "p = more(p)", "more(p)"),
    "php": ("$p .= $extra;", "more($p);", "$p = more($p);"),
    "pl": ("$p .= $extra;", "more(\\$p);", "$p = more($p);"),
    "rb": ("p << extra", 'p << [extra].join("")', "more p", "p.concat extra", "p.push *extra"),
    "kt": ("append(extra)", 'append(listOf(extra).joinToString(""))', "more(this)", "more()"),
}
BESIDE = {"go": 'log("x;y")', "py": 'log("x;y")', "rb": 'log("x;y")', "lua": 'local _ = "x;y"'}


def program(language: str, between: str, beside: str = "") -> bytes:
    first, other, around = STATEMENTS[language]
    texts = [first.format(f'"{HEADER}"'), between, beside, other.format(f'"{INET}"')]
    texts.append(other.format(f'"{REST}"'))
    return around.format("".join(text.rstrip("\n") + "\n" for text in texts if text)).encode()


@pytest.mark.parametrize("beside", [False, True], ids=["next", "with another literal between"])
@pytest.mark.parametrize(
    ("language", "adds"), [(language, adds) for language in ADDS for adds in ADDS[language]]
)
def test_a_statement_that_may_add_to_the_text(language: str, adds: str, beside: bool) -> None:
    other = BESIDE.get(language, 'log("x;y");') if beside else ""
    found = patcher.patch(f"x.{language}", program(language, adds, other)).findings
    assert Status.UNDER_INVESTIGATION in {finding.status for finding in found}


OVER_LINES = {
    "py": ("p += (\n        extra\n    )", "p += \\\n        extra", "p = (p\n        + extra)",
           "p = ''.join([\n        p,\n        extra\n    ])"),
    "js": ("p +=\n    extra;", "p = p\n    + extra;", "p = p\n    .concat(extra);",
           "p = [\n  p,\n  extra\n].join('');", "p = more(\n  p\n);"),
    "go": ("p +=\n\t\textra", "p = p +\n\t\textra", "more(\n\t\t&p,\n\t)"),
    "java": ("p +=\n   extra;", "p = p\n   .concat(extra);", "p = p\n  + extra;"),
    "rb": ("p <<\n  extra", "p.concat(\n extra\n)", "p\n  .concat(extra)"),
    "lua": ("p = p ..\n  extra", "p = p\n  .. extra", "p = table.concat({\n p,\n extra\n})"),
    "rs": ("p.push_str(\n  extra,\n);", "more(\n  &mut p,\n);", "p\n  .push_str(extra);"),
    "kt": ("append(\n  extra)", "more(\n  this)"),
    "cpp": ("p\n  << extra;", "p <<\n  extra;", "more(\n  p);"),
    "c": ("strcat(p,\n  extra);", "more(\n  p);"),
}  # fmt: skip


@pytest.mark.parametrize("beside", [False, True], ids=["next", "with another literal between"])
@pytest.mark.parametrize(
    ("language", "adds"),
    [(language, adds) for language, each in OVER_LINES.items() for adds in each],
)
def test_a_statement_over_several_lines_may_add_to_the_text(
    language: str, adds: str, beside: bool
) -> None:
    other = BESIDE.get(language, 'log("x;y");') if beside else ""
    found = patcher.patch(f"x.{language}", program(language, adds, other)).findings
    assert Status.UNDER_INVESTIGATION in {finding.status for finding in found}


@pytest.mark.parametrize("language", sorted(set(STATEMENTS) - {"kt", "php", "pl", "rb"}))
def test_a_statement_of_something_else(language: str) -> None:
    other = BESIDE.get(language, 'log("x;y");')
    for beside in ("", other):
        found = patcher.patch(f"x.{language}", program(language, "", beside)).findings
        assert [finding.status for finding in found] == [Status.NOT_AFFECTED]


LISTS = {
    "x.js": "const p = [{0}, {1}, extra, {2}].join('');\n",
    "y.js": "const p = [{0}, {1}, ...extra, {2}].join('');\n",
    "z.js": "const p = [{0}, extra(1), {1}, {2}].join('');\n",
    "x.py": "p = ''.join([{0}, {1}, *extra, {2}])\n",
    "y.py": "p = [{0}, {1}] + extra + [{2}]\n",
    "x.go": "package p\n\nvar p = []string{{{0}, extra, {1}, {2}}}\n",
    "x.rb": "p = [\n  {0},\n  {1},\n  extra,\n  {2},\n].join\n",
    "x.pl": "my @p = (\n  {0},\n  {1},\n  @extra,\n  {2},\n);\n",
    "x.php": "<?php\n$p = [\n  {0},\n  ...$extra,\n  {1},\n  {2},\n];\n",
}


@pytest.mark.parametrize("path", LISTS)
def test_an_element_that_may_be_a_rule(path: str) -> None:
    text = LISTS[path].format(*(f'"{part}"' for part in (HEADER, INET, REST)))
    found = patcher.patch(path, text.encode()).findings
    assert [finding.status for finding in found] == [Status.UNDER_INVESTIGATION]


@pytest.mark.parametrize("path", LISTS)
def test_the_rule_gets_its_deny_all_the_same(path: str) -> None:
    """Whatever stands between: a deny wins over it."""
    parts = (HEADER, r"  network,\n", REST)
    text = LISTS[path].format(*(f'"{part}"' for part in parts))
    result = patcher.patch(path, text.encode())
    assert [finding.status for finding in result.findings] == [Status.AFFECTED]
    again = patcher.patch(path, result.content)
    if result.edits:
        assert b"deny network alg," in result.content
        assert again.content == result.content


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("x.go", 'func f() string {{\n\tp := "{0}"\n\tp += "{1}"\n\tp += extra\n\treturn p\n}}\n'),
        ("x.py", 'p = "{0}{1}"\np += extra\n'),
        ("x.sh", "printf '{0}{1}' > x\nmore >> x\n"),
        ("x.js", 'const p = "{0}{1}" + extra;\n'),
    ],
)  # fmt: skip
def test_a_profile_whose_end_is_elsewhere(path: str, text: str) -> None:
    found = patcher.patch(path, text.format(HEADER, INET).encode()).findings
    assert [finding.status for finding in found] == [Status.UNDER_INVESTIGATION]


def test_a_header_apart_from_its_rules_is_doubtful_beside_what_is_fixed() -> None:
    program = (
        'my $p = "{}";\n$p .= $extra;\nmy $s = "a;b";\nfor my $i (1 .. 2) {{\n'
        '  $p .= "  network,\\n";\n  $p .= "  deny network alg,\\n";\n}}\n$p .= "{}";\n'
    )
    result = patcher.patch("x.pl", program.format(HEADER, REST).encode())
    assert Status.UNDER_INVESTIGATION in {finding.status for finding in result.findings}

"""A deny in a program answers a rule only where it certainly stands with it."""

from __future__ import annotations

import pytest

import patcher
from patcher import Status

HEADER = "profile x flags=(attach_disconnected,mediate_deleted) {\\n"
REST = "  capability,\\n  deny mount,\\n  deny @{PROC}/kcore rwklx,\\n  deny /sys/[^f]*/** wklx,\\n"
NET, DENY = '"  network,\\n"', '"  deny network alg,\\n"'
EACH = {
    "go": ("a.go", "func f() string {{\n\tp := {head}\n{body}\n\tp += {tail}\n\treturn p\n}}\n"),
    "c": ("a.cc", "string f() {{\n  string p = {head};\n{body}\n  p += {tail};\n  return p;\n}}\n"),
    "java": (
        "a.java",
        "class A {{ String f() {{\n    String p = {head};\n{body}\n    p += {tail};\n"
        "    return p;\n}} }}\n",
    ),
    "cs": (
        "a.cs",
        "class A {{ string F() {{\n    string p = {head};\n{body}\n    p += {tail};\n"
        "    return p;\n}} }}\n",
    ),
    "js": ("a.js", "function f() {{\n  let p = {head};\n{body}\n  p += {tail};\n  return p;\n}}\n"),
    "rust": (
        "a.rs",
        "fn f() -> String {{\n    let mut p = String::from({head});\n{body}\n    p += {tail};\n"
        "    p\n}}\n",
    ),
    "py": ("a.py", "def f():\n    p = {head}\n{body}\n    p += {tail}\n    return p\n"),
    "lua": (
        "a.lua",
        "function f()\n  local p = {head}\n{body}\n  p = p .. {tail}\n  return p\nend\n",
    ),
}


def program(language: str, body: str) -> tuple[str, bytes]:
    """A program that puts together a moby-style profile around some statements."""
    path, text = EACH[language]
    body = body.replace("NET", NET).replace("DENY", DENY)
    return path, text.format(head=f'"{HEADER}"', body=body, tail=f'"{REST}}}\\n"').encode()


CONDITIONAL = [
    ("go", '\tif mode == "a" { p += NET } else { p += NET; p += DENY }'),
    ("go", '\tp += NET; if mode == "strict" { p += DENY }'),
    ("go", "\tp += NET\n\tif ok := get(n); ok {\n\t\tp += DENY\n\t}"),
    ("go", "\tp += NET\n\tfor i := 0; i < n; i++ {\n\t\tp += DENY\n\t}"),
    ("go", '\tp += NET\n\tswitch mode {\n\tcase "a", "b;{":\n\t\tp += DENY\n\t}'),
    ("go", "\tp += NET\n\tif x {\n\t\treturn p\n\t}\n\tp += DENY"),
    ("go", '\tp += NET\n\tif x {\n\t\treturn p + "}\\n"\n\t}\n\tp += DENY'),
    ("go", "\tp += NET + pick(x, DENY)"),
    ("go", '\tp += strings.Join(keep([]string{NET, DENY}), "")'),
    ("go", "\tfor _, r := range []string{NET, DENY} {\n\t\tif ok(r) {\n\t\t\tp += r\n\t\t}\n\t}"),
    ("go", "\tp += NET\n\tdefer func() {\n\t\tp += DENY\n\t}()"),
    ("c", "  p += NET;\n  if (x)\n    p += DENY;"),
    ("c", "  if (x)\n    p += DENY;\n  p += NET;"),
    ("c", '  if (mode == "a")\n    p += DENY;\n  p += NET;'),
    ("c", "  for (int i = 0; i < n; i++)\n    p += DENY;\n  p += NET;"),
    ("c", "  p += NET;\n#ifdef STRICT\n  p += DENY;\n#endif"),
    ("c", "#ifdef STRICT\n  p += DENY;\n#endif\n  p += NET;"),
    ("c", "  p += NET\n#ifdef STRICT\n    DENY\n#endif\n  ;"),
    ("c", '  p += x ? DENY : "";\n  p += NET;'),
    ("c", "  switch (n) {\n  case 1:\n    p += DENY;\n  case 2:\n    p += NET;\n  }"),
    ("c", "  if (x) goto out;\n  p += DENY;\nout:\n  p += NET;"),
    ("c", "  do p += NET; while (0);\n  if (y) { p += DENY; }"),
    ("java", "    p += NET;\n    if (x) { p += DENY; }"),
    ("java", "    switch (n) { case 1 -> p += DENY; default -> p += NET; }\n    p += NET;"),
    ("java", '    p += NET + (x ? DENY : "");'),
    ("java", '    p += String.join("", x ? List.of(NET, DENY) : List.of(NET));'),
    ("java", '    p += Stream.of(NET, DENY).filter(r -> ok(r)).collect(joining(""));'),
    ("java", "    try { p += NET; check(); p += DENY; } catch (Exception e) { }"),
    ("cs", '    if (mode == "a") p += DENY; else p += NET;'),
    ("cs", "    p += NET;\n#if STRICT\n    p += DENY;\n#endif"),
    ("cs", '    p += NET; p += mode switch { "a" => DENY, _ => "" };'),
    ("js", "  p += NET;\n  x && (p += DENY);"),
    ("js", "  p += NET;\n  if (x)\n    p += DENY"),
    ("js", "  if (x)\n    p += DENY\n  p += NET"),
    ("js", '  p += [NET, x && DENY].join("");'),
    ("js", '  p += [NET, x ? DENY : ""].join("");'),
    ("js", '  p += [NET, ...(x ? [DENY] : [])].join("");'),
    ("js", '  p += [NET, DENY].filter((r) => ok(r)).join("");'),
    ("js", '  p += [NET, DENY].slice(0, n).join("");'),
    ("js", '  p += ({a: NET, b: DENY})[mode];\n  p += NET;'),
    ("rust", "    p += NET;\n    if let Some(_) = x { p += DENY; }"),
    ("rust", "    match n { 1 => p += DENY, _ => p += NET }\n    p += NET;"),
    ("rust", '    p += NET;\n    p += if x { DENY } else { "" };'),
    ("rust", "    p += if x { DENY } else { NET };"),
    ("rust", "    p += NET;\n    #[cfg(strict)]\n    { p += DENY; }"),
    ("rust", "    p += NET;\n    #[cfg(strict)]\n    p.push_str(DENY);"),
    ("py", "    p += NET\n    if x:\n        p += DENY"),
    ("py", "    if x:\n        p += DENY\n    p += NET"),
    ("py", "    p += NET\n    if x: p += DENY"),
    ("py", '    p += NET + (DENY if x else "")'),
    ("py", '    p += "".join([NET, DENY if x else ""])'),
    ("py", '    p += "".join([NET, x and DENY or ""])'),
    ("py", '    p += "".join(r for r in [NET, DENY] if ok(r))'),
    ("py", "    p += NET + DENY * flag"),
    ("py", "    p += NET + DENY[n:]"),
    ("py", '    p += NET + DENY.replace("deny", word)'),
    ("py", "    p += NET\n    while x():\n        p += DENY"),
    ("py", "    p += NET\n    try:\n        check()\n        p += DENY\n    except E: pass"),
    ("py", "    p += NET\n    if x:\n        return p\n    p += DENY"),
    ("lua", "  p = p .. NET\n  if x then p = p .. DENY end"),
    ("lua", "  if x then\n    p = p .. DENY\n  end\n  p = p .. NET"),
    ("lua", '  p = p .. NET .. (x and DENY or "")'),
]  # fmt: skip


@pytest.mark.parametrize(("language", "body"), CONDITIONAL)
def test_a_conditional_deny_answers_nothing_else(language: str, body: str) -> None:
    path, content = program(language, body)
    result = patcher.patch(path, content)
    statuses = {finding.status for finding in result.findings}
    assert statuses and statuses <= {Status.AFFECTED, Status.UNDER_INVESTIGATION}
    assert result.edits or Status.AFFECTED not in statuses
    again = patcher.patch(path, result.content)
    assert again.content == result.content
    assert Status.AFFECTED not in {finding.status for finding in again.findings}


CERTAIN = [
    ("go", "\tp += NET\n\tp += DENY"),
    ("go", "\tp += NET // why\n\n\t/* more */\n\tp += DENY"),
    ("go", "\tp += DENY\n\tp += NET"),
    ("go", '\tp += NET + "  file,\\n" +\n\t\tDENY'),
    ("go", "\tp += NET\n\tp += extra\n\tp += DENY"),
    ("go", '\tif mode == "a" {\n\t\tp += NET\n\t\tp += DENY\n\t}'),
    ("go", '\tp += strings.Join([]string{NET, DENY}, "")'),
    ("c", "  p += NET;\n  p += DENY;"),
    ("c", "  p += NET\n    DENY;"),
    ("c", "  if (x) {\n    p += NET;\n    p += DENY;\n  }"),
    ("java", "    p += NET;\n    p += DENY;"),
    ("java", '    p += String.join("", List.of(NET, DENY));'),
    ("cs", "    p += NET + DENY;"),
    ("js", "  p += NET\n  p += DENY"),
    ("js", '  p += [NET, DENY].join("");'),
    ("js", '  p += [x && NET, DENY].filter(Boolean).join("");'),
    ("js", '  p += x ? NET + DENY : "";'),
    ("rust", "    p += NET;\n    p += DENY;"),
    ("rust", "    p.push_str(NET);\n    p.push_str(DENY);"),
    ("py", "    p += NET\n    p += DENY"),
    ("py", "    p += (\n        NET\n        DENY\n    )"),
    ("py", '    p += "".join([NET, DENY])'),
    ("py", "    if x:\n        p += NET\n        p += DENY"),
    ("lua", "  p = p .. NET\n  p = p .. DENY"),
]


@pytest.mark.parametrize(("language", "body"), CERTAIN)
def test_what_is_joined_stands_together(language: str, body: str) -> None:
    path, content = program(language, body)
    result = patcher.patch(path, content)
    assert [finding.status for finding in result.findings] == [Status.FIXED]
    assert result.content == content


@pytest.mark.parametrize(
    ("language", "body", "after"),
    [
        (
            "go",
            '\tif mode == "a" { p += NET } else { p += NET }',
            '\tif mode == "a" { p += NET+ } else { p += NET+ }',
        ),
        ("go", "\tp += NET\n\tif x {\n\t\tp += DENY\n\t}",
         "\tp += NET\n\tp += DENY\n\tif x {\n\t\tp += DENY\n\t}"),
        ("go", '\tif x {\n\t\treturn p + "}\\n"\n\t}\n\tp += NET',
         '\tif x {\n\t\treturn p + "}\\n"\n\t}\n\tp += NET\n\tp += DENY'),
        ("c", "  if (x)\n    p += NET;\n  p += NET;",
         "  if (x)\n    p += NET+;\n  p += NET;\n  p += DENY;"),
        ("js", "  p += [NET, x && DENY].join('');", "  p += [NET+, x && DENY].join('');"),
        ("py", "    p += NET if x else NET", "    p += NET+ if x else NET+"),
    ],
)  # fmt: skip
def test_where_the_rules_go(language: str, body: str, after: str) -> None:
    path, content = program(language, body)
    after = after.replace("NET+", '"  network,\\n  deny network alg,\\n"')
    assert patcher.patch(path, content).content == program(language, after)[1]

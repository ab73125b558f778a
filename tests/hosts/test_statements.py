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
    "ts": (
        "a.ts",
        "function f(): string {{\n  let p: string = {head};\n{body}\n  p += {tail};\n"
        "  return p;\n}}\n",
    ),
    "strcat": (
        "a.c",
        "void f(char *p) {{\n  strcpy(p, {head});\n{body}\n  strcat(p, {tail});\n}}\n",
    ),
    "php": ("a.php", "<?php\n$p = {head};\n{body}\n$p .= {tail};\n"),
    "perl": ("a.pl", "my $p = {head};\n{body}\n$p .= {tail};\n"),
    "ruby": ("a.rb", "p = {head}\n{body}\np << {tail}\n"),
    "kotlin": (
        "a.kt",
        "fun f(): String {{\n  var p = {head}\n{body}\n  p += {tail}\n  return p\n}}\n",
    ),
    "swift": (
        "a.swift",
        "func f() -> String {{\n  var p = {head}\n{body}\n  p += {tail}\n  return p\n}}\n",
    ),
    "scala": (
        "a.scala",
        "def f(): String = {{\n  var p = {head}\n{body}\n  p += {tail}\n  p\n}}\n",
    ),
    "dart": (
        "a.dart",
        "String f() {{\n  var p = {head};\n{body}\n  p += {tail};\n  return p;\n}}\n",
    ),
    "zig": (
        "a.zig",
        "fn f(p: *L) !void {{\n  try p.appendSlice({head});\n{body}\n"
        "  try p.appendSlice({tail});\n}}\n",
    ),
    "sh": ("a.sh", "p={head}\n{body}\np+={tail}\n"),
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
    ("js", "  p += ({a: NET, b: DENY})[mode];\n  p += NET;"),
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
    ("go", '\tif mode == "a" { p += NET } else { p += NET }'),
    ("go", '\tp += NET\n\tswitch { case a == ";{": p += DENY\n\tdefault: }'),
    ("go", '\tp += NET\n\tif v, ok := m["k{"]; ok && v != ";" {\n\t\tp += DENY\n\t}'),
    ("go", "\tp += NET\n\tselect {\n\tcase <-c:\n\t\tp += DENY\n\t}"),
    ("go", "\tp += NET\n\tfunc() { if !x { return }; p += DENY }()"),
    ("go", "\tp += NET\n\tgo func() { p += DENY }()"),
    ("go", "\tp += NET\n\tif x {\n\t\tgoto end\n\t}\n\tp += DENY\nend:"),
    ("go", "\tp += NET\n\tfor range n { if x { break }\n\t\tp += DENY }"),
    ("go", "\tp += NET\n\tp += map[bool]string{true: DENY}[x]"),
    ("go", '\tp += NET\n\tif x { panic("a") }\n\tp += DENY'),
    ("strcat", "  strcat(p, NET);\n  if (x) strcat(p, DENY);"),
    ("strcat", "  strcat(p, NET);\n  while (x--) strcat(p, DENY);"),
    ("strcat", "  strcat(p, NET);\n  switch (x) { case '{': strcat(p, DENY); }"),
    ("strcat", "  strcat(p, NET);\n#if A && \\\n    B\n  strcat(p, DENY);\n#endif"),
    ("strcat", "  strcat(p, NET\n#ifdef X\n    DENY\n#endif\n  );"),
    ("strcat", "  strcat(p, NET);\n  x && strcat(p, DENY);"),
    ("strcat", '  strcat(p, NET);\n  if (strcmp(m, "a;b{") == 0)\n    strcat(p, DENY);'),
    ("c", "  p += NET;\n  for (auto &m : ms) p += DENY;"),
    ("c", '  p += NET;\n  if (auto m = get("x;"); m) { p += DENY; }'),
    ("c", "  p += NET;\n  if (!x) return p;\n  p += DENY;"),
    ("c", "  p += NET;\n  if constexpr (x) p += DENY;"),
    ("c", "  p += NET;\n  try { g(); p += DENY; } catch (...) {}"),
    ("java", '    p += NET;\n    if (m.equals("a")) p += DENY;'),
    ("java", '    p += NET;\n    switch (m) {\n    case "a": p += DENY; break;\n    }'),
    ("java", '    p += NET;\n    p += switch (m) { case "a" -> DENY; default -> ""; };'),
    ("java", "    p += NET;\n    opt.ifPresent(v -> { p += DENY; });"),
    ("java", "    p += NET;\n    if (x) return p;\n    p += DENY;"),
    ("java", '    p += NET;\n    p += Optional.of(DENY).filter(q).orElse("");'),
    ("java", "    assert x : DENY;\n    p += NET;"),
    ("cs", "    p += NET;\n    if (x) p += DENY;"),
    ("cs", "    p += NET;\n    foreach (var q in qs) p += DENY;"),
    ("cs", '    p += NET;\n    p += x ? DENY : "";'),
    ("cs", '    p += NET;\n    p += x is null ? "" : DENY;'),
    ("cs", "    p += NET;\n    if (x) { return p; }\n    p += DENY;"),
    ("cs", "    p += NET;\n    lock (x) { if (y) p += DENY; }"),
    ("js", '  p += NET;\n  p += x ? DENY : "";'),
    ("js", "  p += NET;\n  if (!x) return p;\n  p += DENY;"),
    ("js", "  p += NET;\n  for (const q of qs) p += DENY;"),
    ("js", "  p += NET;\n  qs.forEach(() => { p += DENY; });"),
    ("js", '  p += NET;\n  switch (m) { case "a{": p += DENY; }'),
    ("js", "  p += NET;\n  p += x?.y ?? DENY;"),
    ("js", "  p += NET;\n  x ||= DENY;\n  p += x;"),
    ("js", "  p += NET;\n  try { g(); p += DENY } catch {}"),
    ("ts", '  p += NET;\n  if (m === "a") { p += DENY; }'),
    ("ts", '  p += NET;\n  p += (x as boolean) ? DENY : "";'),
    ("rust", '    p += NET;\n    if m == "a{" { p += DENY; }'),
    ("rust", "    p += NET;\n    for _ in 0..n { p += DENY; }"),
    ("rust", "    p += NET;\n    if x { return p; }\n    p += DENY;"),
    ("rust", '    p += NET;\n    match m { "a" => p += DENY, _ => {} }'),
    ("rust", "    p += NET;\n    if let Ok(_) = g() { p.push_str(DENY); }"),
    ("rust", "    p += NET;\n    g()?;\n    p += x.then(|| DENY).unwrap_or_default();"),
    ("rust", '    p += NET;\n    #[cfg(feature = "a")]\n    p.push_str(DENY);'),
    ("rust", "    p += NET;\n    let Some(_) = x else { return p };\n    p += DENY;"),
    ("py", "    p += NET\n    with suppress(E):\n        g()\n        p += DENY"),
    ("py", "    p += NET\n    for _ in range(n):\n        p += DENY"),
    ("py", '    p += NET\n    match m:\n        case "a":\n            p += DENY'),
    ("py", '    p += NET\n    p += {"a": DENY}.get(m, "")'),
    ("py", '    p += NET\n    p += n and DENY or ""'),
    ("py", '    p += NET\n    p += ("", DENY)[x]'),
    ("py", '    p += NET\n    p += "".join(filter(q, [DENY]))'),
    ("py", "    p += NET\n    if not x: return p\n    p += DENY"),
    ("py", '    p += NET\n    if m == "a:": p += DENY'),
    ("lua", '  p = p .. NET\n  if m == "a" then\n    p = p .. DENY\n  end'),
    ("lua", "  p = p .. NET\n  for i = 1, n do p = p .. DENY end"),
    ("lua", '  p = p .. NET\n  p = p .. (m == "a" and DENY or "")'),
    ("lua", "  p = p .. NET\n  if x then return p end\n  p = p .. DENY"),
    ("lua", "  p = p .. NET\n  while x() do p = p .. DENY end"),
    ("php", "$p .= NET;\nif ($x) $p .= DENY;"),
    ("php", "$p .= NET;\nif ($x): $p .= DENY; endif;"),
    ("php", "$p .= NET;\nforeach ($a as $b) { $p .= DENY; }"),
    ("php", '$p .= NET;\n$p .= $x ? DENY : "";'),
    ("php", "$p .= NET . ($x ?: DENY);"),
    ("php", '$p .= NET;\n$p .= match ($m) { "a" => DENY, default => "" };'),
    ("perl", "$p .= NET;\n$p .= DENY if $x;"),
    ("perl", '$p .= NET;\n$p .= DENY unless $x eq "a";'),
    ("perl", "$p .= NET;\n$p .= DENY for @a;"),
    ("perl", "$p .= NET;\n$x and $p .= DENY;"),
    ("perl", '$p .= NET;\n$p .= $x ? DENY : "";'),
    ("perl", "$p .= NET;\nunless ($x) { $p .= DENY; }"),
    ("ruby", "p << NET\np << DENY if x"),
    ("ruby", 'p << NET\np << DENY unless m == "a"'),
    ("ruby", "p << NET\nif x\n  p << DENY\nend"),
    ("ruby", 'p << NET\np << (x ? DENY : "")'),
    ("ruby", 'p << NET\ncase m\nwhen "a" then p << DENY\nend'),
    ("ruby", "p << NET\na.each { p << DENY }"),
    ("ruby", "p << NET\na.each do |q|\n  p << DENY\nend"),
    ("ruby", "p << NET\nx && p << DENY"),
    ("kotlin", "  p += NET\n  if (x) p += DENY"),
    ("kotlin", '  p += NET\n  when (m) { "a" -> p += DENY }'),
    ("kotlin", "  p += NET\n  x?.let { p += DENY }"),
    ("kotlin", '  p += NET\n  p += if (x) DENY else ""'),
    ("kotlin", "  p += NET\n  repeat(n) { p += DENY }"),
    ("kotlin", '  p += NET\n  p += listOf(DENY).takeIf { x }?.first() ?: ""'),
    ("swift", "  p += NET\n  if x { p += DENY }"),
    ("swift", "  p += NET\n  guard x else { return p }\n  p += DENY"),
    ("swift", "  p += NET\n  #if DEBUG\n  p += DENY\n  #endif"),
    ("swift", '  p += NET\n  p += x ? DENY : ""'),
    ("scala", "  p += NET\n  if (x) p += DENY"),
    ("scala", '  p += NET\n  m match { case "a" => p += DENY; case _ => }'),
    ("scala", "  p += NET\n  for (q <- qs) p += DENY"),
    ("scala", '  p += NET\n  p += (if x then DENY else "")'),
    ("dart", "  p += NET;\n  if (x) p += DENY;"),
    ("dart", "  p += NET;\n  p += [if (x) DENY].join();"),
    ("dart", "  p += NET;\n  p += x ?? DENY;"),
    ("zig", "  try p.appendSlice(NET);\n  if (x) try p.appendSlice(DENY);"),
    ("zig", "  try p.appendSlice(NET);\n  if (comptime x) {\n    try p.appendSlice(DENY);\n  }"),
    ("zig", "  try p.appendSlice(NET);\n  for (a) |_| try p.appendSlice(DENY);"),
    ("sh", "p+=NET\nif x; then p+=DENY; fi"),
    ("sh", 'p+=NET\n[ -n "$x" ] && p+=DENY'),
    ("sh", "p+=NET\ncase $m in a) p+=DENY;; esac"),
    ("sh", "p+=NET\nfor i in $a; do p+=DENY; done"),
    ("sh", "p+=NET\nx || p+=DENY"),
    ("sh", "p+=NET\n(p+=DENY)"),
    ("sh", "p+=NET\nwhile read l; do p+=DENY; done"),
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


LEFT_OUT = [
    ('a.nix', '{ p = HEAD + NET + lib.optionalString x DENY + TAIL; }\n'),
    ('a.nix', '{ p = HEAD + NET + (if x then DENY else "") + TAIL; }\n'),
    ('a.nix', '{ p = lib.concatStrings ([ HEAD NET ] ++ lib.optional x DENY ++ [ TAIL ]); }\n'),
    ('a.jsonnet', '{ p: HEAD + NET + (if x then DENY else "") + TAIL }\n'),
    ('a.cue', 'p: HEAD + NET + [if x {DENY}, ""][0] + TAIL\n'),
    ('a.ex', 'def f(x) do\n  HEAD <> NET <> if(x, do: DENY, else: "") <> TAIL\nend\n'),
    ('a.clj', '(def p (str HEAD NET (when x DENY) TAIL))\n'),
    ('a.lisp', '(concat HEAD NET (if x DENY "") TAIL)\n'),
    ('a.tcl', 'set p HEAD\nappend p NET\nif {$x} { append p DENY }\nappend p TAIL\n'),
    ('a.ps1', '$p = HEAD\n$p += NET\nif ($x) { $p += DENY }\n$p += TAIL\n'),
    ('a.ps1', '$p = HEAD + NET + $(if ($x) { DENY }) + TAIL\n'),
    ('a.R', 'p <- paste0(HEAD, NET, if (x) DENY else "", TAIL)\n'),
    ('a.jl', 'p = HEAD * NET * (x ? DENY : "") * TAIL\n'),
    ('a.ml', 'let p = HEAD ^ NET ^ (if x then DENY else "") ^ TAIL\n'),
    ('a.fs', 'let p = HEAD + NET + (if x then DENY else "") + TAIL\n'),
    ('a.hs', 'p = HEAD ++ NET ++ (if x then DENY else "") ++ TAIL\n'),
    ('a.hs', 'p = concat [ HEAD, NET, concat [ DENY | x ], TAIL ]\n'),
    ('a.erl', 'p(X) -> HEAD ++ NET ++ case X of true -> DENY; _ -> "" end ++ TAIL.\n'),
    ('a.pas', 'p := HEAD + NET; if x then p := p + DENY; p := p + TAIL;\n'),
    ('a.awk', 'BEGIN { printf HEAD; printf NET; if (x) printf DENY; printf TAIL }\n'),
    ('a.fish', 'set p HEAD\nset p $p NET\nif test $x\n  set p $p DENY\nend\nset p $p TAIL\n'),
    ('a.bzl', 'p = HEAD + NET + select({"a": DENY, "//c": ""}) + TAIL\n'),
    ('CMakeLists.txt',
     "string(APPEND P HEAD)\nstring(APPEND P NET)\nif(X)\n"
     "  string(APPEND P DENY)\nendif()\nstring(APPEND P TAIL)\n"),
    ('a.d', 'string p = HEAD ~ NET ~ (x ? DENY : "") ~ TAIL;\n'),
    ('a.nim', 'p.add HEAD\np.add NET\nif x: p.add DENY\np.add TAIL\n'),
    ('a.v', 'p += HEAD\np += NET\nif x { p += DENY }\np += TAIL\n'),
    ('a.adb', 'P := HEAD & NET & (if X then DENY else "") & TAIL;\n'),
    ('a.vb', 'p = HEAD\np &= NET\nIf x Then p &= DENY\np &= TAIL\n'),
    ('a.cr', 'p = HEAD + NET\np += DENY if x\np += TAIL\n'),
    ('a.groovy', 'def p = HEAD\np += NET\nif (x) p += DENY\np += TAIL\n'),
    ('a.coffee', 'p = HEAD\np += NET\np += DENY if x\np += TAIL\n'),
    ('a.elm', 'p = HEAD ++ NET ++ (if x then DENY else "") ++ TAIL\n'),
    ('a.zzz', 'p HEAD\np NET\nwhen x p DENY\np TAIL\n'),
    ('a.zzz', 'p = HEAD + NET + maybe(DENY) + TAIL\n'),
    ('a.lua', 'local t = {HEAD, NET, x and DENY or "", TAIL}\nreturn table.concat(t)\n'),
    ('a.pl', 'my $p = join "", grep { ok($_) } (HEAD, NET, DENY, TAIL);\n'),
    ('a.rb', 'p = [HEAD, NET, DENY, TAIL].select { |r| ok(r) }.join\n'),
    ('a.rb', 'p = [HEAD, NET, (DENY if x), TAIL].compact.join\n'),
    ('a.js', 'const p = [HEAD, NET, DENY, TAIL].filter(ok).join("");\n'),
    ('a.js', 'const p = [HEAD, NET, x ? DENY : [], TAIL].flat().join("");\n'),
    ('a.kt', 'val p = listOf(HEAD, NET, DENY, TAIL).filter { ok(it) }.joinToString("")\n'),
    ('a.kt',
     "val p = buildList { add(HEAD); add(NET); if (x) "
     'add(DENY); add(TAIL) }.joinToString("")\n'),
    ('a.rs',
     "let p: String = [HEAD, NET, DENY, TAIL].iter().filter(|r| "
     "ok(r)).copied().collect();\n"),
    ('a.rs',
     "let mut v = vec![HEAD, NET];\nif x { v.push(DENY); }\n"
     "v.push(TAIL);\nlet p = v.concat();\n"),
    ('a.go',
     "package x\nvar v = []string{HEAD, NET}\n"
     "func f() { if x { v = append(v, DENY) }\nv = append(v, TAIL) }\n"),
    ('a.go',
     "package x\nfunc f() string {\n\tv := []string{HEAD, NET, DENY, TAIL}\n\tif x {\n"
     '\t\tv = slices.Delete(v, 2, 3)\n\t}\n\treturn strings.Join(v, "")\n}\n'),
    ('a.go',
     "package x\nfunc f() string {\n\tp := HEAD + NET + DENY + TAIL\n\tif x {\n"
     '\t\tp = strings.Replace(p, DENY, "", 1)\n\t}\n\treturn p\n}\n'),
    ('a.py', 'p = HEAD NET DENY TAIL\nif x:\n    p = p.replace("deny network alg,", "")\n'),
    ('a.py', 'p = HEAD NET DENY TAIL\np = re.sub(pat, "", p)\n'),
    ('a.py', 'p = HEAD NET DENY TAIL\np = "".join(l for l in p.splitlines(True) if ok(l))\n'),
    ('a.py', 'v = [HEAD, NET, DENY, TAIL]\ndel v[2]\np = "".join(v)\n'),
    ('a.py', 'v = [HEAD, NET, DENY, TAIL]\nif x:\n    v.pop(2)\np = "".join(v)\n'),
    ('a.py', 'v = [HEAD, NET, DENY, TAIL]\nv.remove(y)\np = "".join(v)\n'),
    ('a.py', 'v = [HEAD, NET, DENY, TAIL]\np = "".join(v[:2] + v[n:])\n'),
    ('a.js',
     "const v = [HEAD, NET, DENY, TAIL];\nif (x) v.splice(2, 1);\n"
     'module.exports = v.join("");\n'),
    ('a.tf', 'locals {\n  p = join("", [HEAD, NET, var.x ? DENY : "", TAIL])\n}\n'),
    ('a.tf',
     'locals {\n  p = join("", compact([HEAD, NET, DENY, TAIL]))\n'
     '  q = join("", [for r in [HEAD, NET, DENY, TAIL] : r if r != var.x])\n}\n'),
    ('a.tf', 'locals {\n  p = replace(join("", [HEAD, NET, DENY, TAIL]), var.x, "")\n}\n'),
    ('a.jsx', 'const p = <pre>{HEAD}{NET}{x && DENY}{TAIL}</pre>;\n'),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text"), LEFT_OUT)
def test_a_deny_that_a_program_may_leave_out_answers_nothing(path: str, text: str) -> None:
    texts = {"HEAD": f'"{HEADER}"', "NET": NET, "DENY": DENY, "TAIL": f'"{REST}}}\\n"'}
    for name, literal in texts.items():
        text = text.replace(name, literal)
    statuses = {finding.status for finding in patcher.patch(path, text.encode()).findings}
    assert statuses and statuses <= {Status.AFFECTED, Status.UNDER_INVESTIGATION}


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

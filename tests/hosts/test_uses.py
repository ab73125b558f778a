"""What a program does with a variable that holds a text: only what is known to hand the text on
leaves it as it is."""

from __future__ import annotations

import pytest

from .texts import statuses

_FIRST = "profile docker-default flags=(attach_disconnected,mediate_deleted) {\\n  network,\\n"


@pytest.mark.parametrize(
    ("path", "program"),
    [
        ("a.cs", "class A {\n  IEnumerable<string> R() {\n"
         '    yield return "profile docker-default '
         'flags=(attach_disconnected,mediate_deleted) {";\n'
         '    yield return "  network,";\n    if (h) yield return "  deny network alg,";\n'
         '    yield return "  file,";\n    yield return "}";\n  }\n}\n'),
        ("a.cs", "class A {\n  IEnumerable<string> R() {\n"
         '    yield return "profile docker-default '
         'flags=(attach_disconnected,mediate_deleted) {";\n'
         '    yield return "  network,";\n    foreach (var f in F) {\n'
         '      yield return "  deny network alg,";\n    }\n    yield return "  file,";\n'
         '    yield return "}";\n  }\n}\n'),
        ("a.cs", "class A {\n  IEnumerable<string> R() {\n"
         '    yield return "profile docker-default '
         'flags=(attach_disconnected,mediate_deleted) {";\n'
         '    yield return "  network,";\n    if (!h) yield break;\n'
         '    yield return "  deny network alg,";\n    yield return "  file,";\n'
         '    yield return "}";\n  }\n'
         '  void W() { File.WriteAllLines("x", R().Where(r => ok(r))); }\n}\n'),
        ("a.js", "function f({profile}) {\n  w(harden(profile));\n}\nf({profile: `TEXT`});\n"),
        ("a.js", "const f = ({profile}) => w(profile.slice(0, n));\nf({profile: `TEXT`});\n"),
        ("a.ts", 'function f({ name, profile: p }: Opts) {\n  w(p.replace(x, ""));\n}\n'
         'f({ name: "x", profile: `TEXT` });\n'),
        ("a.py", 'def f(*, profile):\n    w(profile[:20])\nf(profile="""TEXT""")\n'),
        ("a.py", 'def f(name, profile):\n    w(cut(profile))\nf("x", """TEXT""")\n'),
        ("a.go", "package a\nfunc f(n, p string) {\n	w(n, cut(p))\n}\n"
         'func g() { f("x", `TEXT`) }\n'),
        ("a.kt", 'val p = """\nTEXT"""\nval (a) = p.split("deny")\nw(a)\n'),
        ("a.kt", 'val p = Prof("ESCAPED")\nval (a) = p\nw(a)\n'),
        ("a.pl", 'my $p = "ESCAPED";\n$p x= $n;\nprint $p;\n'),
        ("a.pl", 'my $p = "ESCAPED";\n$p &= $m;\nprint $p;\n'),
        ("a.pl", 'my $p = "ESCAPED";\n$p ^= $m;\nprint $p;\n'),
        ("a.rb", 'p = "ESCAPED"\np *= n\nputs p\n'),
        ("a.tcl", "set p {\nTEXT}\nputs [lrange $p 0 3]\n"),
        ("a.tcl", "set p {\nTEXT}\nset q [lindex $p 0]\nputs $q\n"),
        ("a.tcl", "set p {\nTEXT}\nputs [string range $p 0 20]\n"),
        ("a.tcl", 'set p "ESCAPED"\nputs [join [lrange [split $p \\n] 0 2] \\n]\n'),
        ("a.tcl", 'set p {\nTEXT}\nforeach l [split $p "\\n"] {\n  if {[ok $l]} { puts $l }\n}\n'),
        ("a.fs", 'let p = """\nTEXT"""\nlet q = (p, 3) ||> harden\n'),
        ("a.fs", 'let q = ("ESCAPED", 3) ||> harden\n'),
        ("a.fs", 'let p = """\nTEXT"""\nlet q = p |> harden\n'),
        ("a.fs", 'let p = """\nTEXT"""\nlet q =\n    p\n    |> harden\n'),
        ("a.fs", 'let q = harden <|| ("ESCAPED", 3)\n'),
        ("a.fs", "let r = [\n"
         '  yield "profile docker-default flags=(attach_disconnected,mediate_deleted) {"\n'
         '  yield "  network,"\n  if h then yield "  deny network alg,"\n'
         '  yield "  file,"\n  yield "}" ]\n'),
        ("a.dart", "var p = Prof('''\nTEXT''')..cut();\n"),
        ("a.dart", "var p = StringBuffer('''\nTEXT''');\np..cut()..write('x');\n"),
        ("a.dart", "var p = [\nLIST]..removeWhere(bad);\n"),
        ("a.dart", "var p = [\nLIST];\np..shuffle()..length = 3;\nw(p.join('\\n'));\n"),
        ("a.py", '@strip\ndef f():\n    return """TEXT"""\n'),
        ("a.py", 'class A:\n    @cut(3)\n    def f(self):\n        return """TEXT"""\n'),
        ("a.ts", "class A {\n  @strip\n  f() {\n    return `TEXT`;\n  }\n}\n"),
        ("a.ts", "class A {\n  @Strip() p = `TEXT`;\n}\n"),
        ("a.rs", "#[strip]\nfn f() -> &'static str {\n    \"ESCAPED\"\n}\n"),
        ("a.jl", 'p = @harden """\nTEXT"""\n'),
        ("a.jl", 'p = """\nTEXT"""\nprint(@cut p)\n'),
        ("a.jl", 'p = @cut("ESCAPED", 3)\n'),
        ("a.jl", 'p = cut"""\nTEXT"""\n'),
        ("a.py", 'PARTS = {\n  "head": "@HEAD@",\n  "net": "  deny network alg,\\n",\n'
         '  "tail": "  file,\\n}\\n",\n}\n'
         'print(PARTS["head"] + (PARTS["net"] if h else "") + PARTS["tail"])\n'),
        ("a.js", 'const parts = {\n  head: "@HEAD@",\n  net: "  deny network alg,\\n",\n'
         '  tail: "  file,\\n}\\n",\n};\nlet p = parts.head;\nif (h) p += parts.net;\n'
         "p += parts.tail;\n"),
        ("a.go", 'package a\nvar parts = map[string]string{\n	"head": "@HEAD@",\n'
         '	"net": "  deny network alg,\\n",\n	"tail": "  file,\\n}\\n",\n}\n'
         'func f() string { return parts["head"] + parts["tail"] }\n'),
        ("a.rb", 'PARTS = {\n  head: "@HEAD@",\n  net: "  deny network alg,\\n",\n'
         '  tail: "  file,\\n}\\n",\n}\nputs PARTS[:head], PARTS[:tail]\n'),
        ("a.go", "package a\n"
         'var parts = []string{"@HEAD@", "  deny network alg,\\n", "  file,\\n}\\n"}\n'
         "func f() string { return parts[0] + parts[2] }\n"),
        ("a.js", 'const parts = ["@HEAD@", "  deny network alg,\\n", "  file,\\n}\\n"];\n'
         "w(parts[0] + parts[i]);\n"),
        ("a.py", 'PARTS = {"p": """TEXT"""}\nprint(cut(PARTS["p"]))\n'),
        ("a.py", 'PARTS = {"p": """TEXT"""}\nprint(PARTS["p"][:20])\n'),
        ("a.py", 'P = """TEXT"""\nprint(f"{cut(P)}")\n'),
        ("a.js", "const P = `TEXT`;\nw(`${cut(P)}`);\n"),
        ("a.rb", 'P = "ESCAPED"\nputs "#{cut(P)}"\n'),
        ("a.rb", 'P = "ESCAPED"\nputs "#{P.lines.first(3).join}"\n'),
        ("a.kt", 'val P = "ESCAPED"\nprintln("${cut(P)}")\n'),
        ("a.cs", 'var P = "ESCAPED";\nConsole.Write($"{Cut(P)}");\n'),
        ("a.py", 'P = """TEXT"""\nprint(f"{P:.20}")\n'),
        ("a.py", 'P = """TEXT"""\nprint("{:.20}".format(P))\n'),
        ("a.swift", 'let P = "ESCAPED"\nprint("\\(cut(P))")\n'),
        ("a.sh", 'P="TEXT"\necho "$(cut -c1-3 <<< "$P")" > x\n'),
        ("a.scala", 'val P = "ESCAPED"\nprintln(s"${cut(P)}")\n'),
        ("a.php", '<?php $P = "ESCAPED";\necho "{$this->cut($P)}";\n'),
        ("a.rb", 'P = "ESCAPED"\ndef f\n  puts P.tr("a-z", "")\nend\n'),
        ("a.pl", 'our $p = "ESCAPED";\nsub f {\n  $p =~ s/deny.*//;\n  print $p;\n}\n'),
        ("a.pl", 'my $p = "ESCAPED";\nfor ($p) { s/deny.*//; }\nprint $p;\n'),
        ("a.pl", '$_ = "ESCAPED";\ns/deny.*//;\nprint;\n'),
        ("a.pl", 'my $p = "ESCAPED";\n(my $q = $p) =~ tr/a-z//d;\nprint $q;\n'),
        ("a.pl", 'my $p = "ESCAPED";\nprint substr($p, 0, 9);\n'),
        ("a.pl", 'my $p = "ESCAPED";\nprint $p =~ s/x//r;\n'),
        ("a.pl", 'my $p = "ESCAPED";\nmy ($q) = $p =~ /(.*)deny/s;\nprint $q;\n'),
        ("a.rb", 'P = "ESCAPED"\nputs P.gsub(/deny.*/, "")\n'),
        ("a.awk", 'BEGIN { p = "ESCAPED"; gsub(/deny.*/, "", p); print p }\n'),
        ("a.awk", 'BEGIN { p = "ESCAPED"; print substr(p, 1, 20) }\n'),
        ("a.lua", 'local p = [[\nTEXT]]\np = p:gsub("deny", "")\nprint(p:sub(1, 20))\n'),
        ("a.R", 'p <- "ESCAPED"\ncat(gsub("deny.*", "", p))\n'),
        ("a.c", 'static const char p[] = "ESCAPED";\n'
         'void f(FILE *o) { fprintf(o, "%.10s", p); }\n'),
        ("a.c", 'static const char p[] = "ESCAPED";\n'
         'void f(FILE *o, int n) { fprintf(o, "%.*s", n, p); }\n'),
        ("A.java", 'class A {\n  static final String P = "ESCAPED";\n'
         '  void f() { w(String.format("%.10s", P)); }\n}\n'),
        ("A.java", 'class A {\n  static final String P = "ESCAPED";\n'
         '  void f() { out.printf("%-5.10s\\n", P); }\n}\n'),
        ("a.go", 'package a\nconst p = `TEXT`\nfunc f() { fmt.Printf("%.10s", p) }\n'),
        ("a.py", 'P = """TEXT"""\nprint("%.10s" % P)\n'),
        ("a.py", 'P = """TEXT"""\nprint("%(p).10s" % {"p": P})\n'),
        ("a.rs", 'const P: &str = "ESCAPED";\nfn f() { println!("{:.10}", P); }\n'),
        ("a.rs", 'const P: &str = "ESCAPED";\nfn f() { println!("{P:.10}"); }\n'),
        ("a.rb", 'P = "ESCAPED"\nputs "%.10s" % P\n'),
        ("a.pl", 'my $p = "ESCAPED";\nprintf "%.10s", $p;\n'),
        ("a.lua", 'local p = "ESCAPED"\nprint(string.format("%.10s", p))\n'),
        ("a.c", 'static const char p[] = "ESCAPED";\nvoid f(char *o) { strncpy(o, p, 40); }\n'),
        ("a.c", 'static const char p[] = "ESCAPED";\n'
         "void f(char *o) { char b[40]; strncpy(b, p, sizeof(b) - 1); w(b); }\n"),
        ("a.c", 'static const char p[] = "ESCAPED";\n'
         'void f(char *o) { snprintf(o, 40, "%s", p); }\n'),
        ("a.c", 'static const char p[] = "ESCAPED";\n'
         'void f(void) { char b[40]; snprintf(b, sizeof(b), "%s", p); w(b); }\n'),
        ("a.c", 'static const char p[] = "ESCAPED";\nvoid f(FILE *o) { fwrite(p, 1, 100, o); }\n'),
        ("a.c", 'static const char p[] = "ESCAPED";\n'
         "void f(FILE *o) { fwrite(p, 1, sizeof(p) / 2, o); }\n"),
        ("a.c", 'static const char p[] = "ESCAPED";\nvoid f(int o) { write(o, p, 100); }\n'),
        ("a.c", 'static const char p[] = "ESCAPED";\nvoid f(int o) { write(o, p, n); }\n'),
        ("a.c", 'static const char p[] = "ESCAPED";\nvoid f(FILE *o) { fputs(p + n, o); }\n'),
        ("a.c", '#define P "ESCAPED"\nvoid f(FILE *o) { fwrite(P, 1, 100, o); }\n'),
        ("a.php", '<?php $P = "ESCAPED";\nfwrite($f, $P, 100);\n'),
        ("a.py", 'P = """TEXT"""\ndef f():\n    w(P[:20])\n'),
        ("a.js", "const P = `TEXT`;\nfunction f() { w(P.slice(0, n)); }\n"),
        ("a.php", '<?php $P = "ESCAPED";\necho substr($P, 0, 9);\n'),
        ("a.php", '<?php const P = "ESCAPED";\necho mb_substr(P, 0, 9);\n'),
        ("a.c", 'static const char p[] = "ESCAPED";\nvoid f(void) { puts(&p[n]); }\n'),
        ("a.go", "package a\nconst p = `TEXT`\n"
         "func f() { io.CopyN(w, strings.NewReader(p), 20) }\n"),
        ("a.go", "package a\nconst p = `TEXT`\n"
         "func f() { r := io.LimitReader(strings.NewReader(p), 20); io.Copy(w, r) }\n"),
        ("a.rs", 'const P: &str = "ESCAPED";\nfn f() { w(&P[..20]); }\n'),
        ("a.rs", 'const P: &str = "ESCAPED";\nfn f() { for l in P.lines().take(3) { w(l); } }\n'),
        ("A.java", 'class A {\n  static final String P = "ESCAPED";\n'
         "  void f() { w.write(P, 0, 20); }\n}\n"),
        ("a.js", "const P = `TEXT`;\nfs.writeSync(fd, P, 0, 20);\n"),
        ("a.cc", 'const std::string p = "ESCAPED";\nvoid f() { out.write(p.data(), 20); }\n'),
        ("a.cc", 'const std::string p = "ESCAPED";\nvoid f() { out << std::string(p, 0, 20); }\n'),
        ("a.cc", 'const std::string p = "ESCAPED";\nvoid f() { out << p.substr(0, 20); }\n'),
        ("a.lua", 'local p = "ESCAPED"\nlocal function f() print(p:sub(1, 20)) end\n'),
        ("a.ps1", "$p = @'\nTEXT'@\n$p.Substring(0, 20) | Out-File x\n"),
        ("a.ps1", "$p = @'\nTEXT'@\nSet-Content x $p.Split(\"`n\")[0..3]\n"),
        ("a.swift", 'let p = "ESCAPED"\nprint(p.prefix(20))\n'),
        ("a.kt", 'val p = "ESCAPED"\nprintln(p.lineSequence().take(3))\n'),
        ("a.vb", 'Dim p = "ESCAPED"\nConsole.Write(Left(p, 20))\n'),
        ("a.dart", "var p = StringBuffer('''\nTEXT''')..clear()..write('x');\n"),
        ("a.jl", 'q = @harden("ESCAPED")\n'),
        ("a.jl", 'p = [@cut("ESCAPED"), 1]\n'),
        ("a.rs", '#[harden(3)]\nfn f() -> String {\n    "ESCAPED".to_string()\n}\n'),
        ("a.py", '@app.harden\n@staticmethod\ndef f(x):\n    p = """TEXT"""\n    return p\n'),
        ("a.py", "class A:\n    def __init__(self, name, text):\n        self.text = text[:n]\n"
         'A("x", """TEXT""")\n'),
        ("a.js", "class A {\n  constructor(name, text) {\n    this.text = cut(text);\n  }\n}\n"
         'new A("x", `TEXT`);\n'),
        ("a.ts", "const f = (n: string, { profile }: Opts): void => {\n  w(profile.slice(n));\n"
         '};\nf("x", { profile: `TEXT` });\n'),
        ("a.kt", "fun f(name: String, p: String) {\n  w(p.take(3))\n}\n"
         'fun g() { f("x", "ESCAPED") }\n'),
        ("a.c", '#define LEN 40\nstatic const char p[] = "ESCAPED";\n'
         "void f(int o) { write(o, p, LEN); }\n"),
        ("a.c", 'static const char p[] = "ESCAPED";\n'
         "void f(void) { char b[LEN]; strncpy(b, p, sizeof b); w(b); }\n#define LEN 64\n"),
        ("a.go", 'package a\nconst p = `TEXT`\nfunc f() { fmt.Fprintf(w, "%.20v", p) }\n'),
        ("a.py", 'P = """TEXT"""\nr = io.StringIO(P).read(20)\n'),
        ("a.js", 'const P = `TEXT`;\nw(P.split("deny")[0]);\n'),
        ("a.rs", 'const P: &str = "ESCAPED";\nfn f(n: usize) { println!("{:.1$}", P, n); }\n'),
        ("a.rs", 'const P: &str = "ESCAPED";\nfn f(n: usize) { println!("{:.*}", n, P); }\n'),
        # shells, builds, Nix
        ("a.cmake", "set(R\nLIST)\nforeach(r ${R})\n  if(NOT r STREQUAL \"${X}\")\n"
         '    string(APPEND P "${r}\\n")\n  endif()\nendforeach()\nfile(WRITE p "${P}")\n'),
        ("a.cmake", 'set(P "ESCAPED")\nforeach(l ${P})\n  continue()\nendforeach()\n'),
        ("a.cmake", 'list(APPEND P "ESCAPED")\nforeach(l ${P})\n  string(REPLACE a b l "${l}")\n'
         "endforeach()\n"),
        ("Dockerfile", 'FROM x\nARG P="ESCAPED"\nRUN if x; then echo "${P%%deny*}" > /p; fi\n'),
        ("Dockerfile", 'FROM x\nENV P="ESCAPED"\nRUN python3 gen.py > /etc/p\n'),
        ("Dockerfile", "FROM x\nENV P ESCAPED\nRUN echo -e $P | head -n 3 > /etc/p\n"),
        ("Dockerfile", 'FROM x\nENV P="ESCAPED"\nRUN echo "$P" | sed /deny/d > /etc/p\n'),
        ("a.nix", "let\n  p = ''\nINDENTED'';\n"
         'in builtins.toFile "x" (builtins.substring 0 40 p)\n'),
        ("a.nix", "let\n  p = ''\nINDENTED'';\nin { x = lib.removeSuffix s p; }\n"),
        ("a.fish", 'set p "TEXT"\necho $p | string match -v "*alg*" > x\n'),
        ("a.fish", 'set -gx p "TEXT"\nset q (string sub -l 40 -- $p)\necho $q > x\n'),
        ("a.fish", 'set p QUOTED\nprintf "%s\\n" $p[1..3] > x\n'),
        ("a.fish", 'set p QUOTED\nfor r in $p\n  if ok $r\n    echo $r >> x\n  end\nend\n'),
        ("a.nu", 'let p = "TEXT"\n$p | lines | where $it !~ $x | str join "\\n" | save x\n'),
        ("a.nu", 'let p = "TEXT"\n$p | str replace -r "d.*" "" | save x\n'),
        ("a.nu", '"TEXT" | str substring 0..40 | save x\n'),
        ("a.nu", "'TEXT' | lines | first 3 | save x\n"),
        ("a.sh", 'P="TEXT"\nprintf "%.10s" "$P" > x\n'),
        ("a.sh", 'P="TEXT"\nread -r -d "" -n 20 Q <<< "$P"\necho "$Q" > x\n'),
        ("a.sh", 'P="TEXT"\nset -- $P\necho "$1" > x\n'),
        ("a.sh", 'P="TEXT"\ndd bs=1 count=20 <<< "$P" > x\n'),
        ("a.sh", 'P="TEXT"\nhead -n 5 <<< "$P" > x\n'),
    ],
)  # fmt: skip
def test_what_may_come_out_in_part(path: str, program: str) -> None:
    found = statuses(path, program.replace("@HEAD@", _FIRST))
    assert found
    assert found.isdisjoint({"fixed", "not_affected"})


@pytest.mark.parametrize(
    ("path", "program"),
    [
        # functions, and what they are given
        ("a.js", "function f({name, profile}) {\n  w(name.slice(1), profile);\n}\n"
         "f({name: 'x', profile: `TEXT`});\n"),
        ("a.js", "const f = ({profile}) => fs.writeFileSync('x', profile);\n"
         "f({profile: `TEXT`});\n"),
        ("a.go", "package a\nfunc f(n, p string) {\n\tos.WriteFile(n, []byte(p), 0o644)\n}\n"
         "func g() { f(\"x\", `TEXT`) }\n"),
        ("a.py", 'def f(name, profile):\n    print(name[1:])\n    print(profile)\n'
         'f("x", """TEXT""")\n'),
        ("a.py", '@pytest.fixture\ndef f():\n    return """TEXT"""\n'),
        ("a.py", '@property\n@functools.lru_cache(maxsize=None)\n'
         'def f():\n    return """TEXT"""\n'),
        ("a.ts", "@Injectable()\nclass A {\n  @Input() p = `TEXT`;\n}\n"),
        ("a.rs", "#[inline]\n#[must_use]\nfn f() -> &'static str {\n    \"ESCAPED\"\n}\n"),
        ("a.rs", '#[tokio::test]\nasync fn f() {\n    let p = "ESCAPED";\n    w(p).await;\n}\n'),
        # whole sizes
        ("a.c", 'static const char p[] = "ESCAPED";\n'
         "void f(int o) { write(o, p, sizeof(p) - 1); }\n"),
        ("a.c", 'static const char p[] = "ESCAPED";\n'
         'void f(FILE *o) { fwrite(p, 1, strlen(p), o); }\n'),
        ("a.c", 'static const char p[] = "ESCAPED";\nvoid f(FILE *o) { fprintf(o, "%s", p); }\n'),
        ("a.c", 'static const char p[] = "ESCAPED";\n'
         'void f(void) { char b[4096]; snprintf(b, sizeof(b), "%s", p); w(b); }\n'),
        ("a.cc", 'const std::string p = "ESCAPED";\nvoid f() { out.write(p.data(), p.size()); }\n'),
        ("a.js", "const P = `TEXT`;\nfs.writeSync(fd, P, 0, P.length);\n"),
        # interpolation, tables, operators
        ("a.py", 'P = """TEXT"""\nprint(f"{P}")\n'),
        ("a.rs", 'const P: &str = "ESCAPED";\nfn f() { println!("{}", P); }\n'),
        ("a.py", 'PARTS = {"p": """TEXT"""}\nprint(PARTS["p"])\n'),
        ("a.dart", "var b = StringBuffer('x');\nb..write('ESCAPED')..writeln();\n"),
        ("a.jl", 'const p = """\nTEXT"""\n@info p\nwrite("x", p)\n'),
        ("a.fs", 'let p = """\nTEXT"""\nFile.WriteAllText("x", p)\n'),
        ("a.pl", 'my $p = "ESCAPED";\n$p .= "# end\\n";\nprint $p;\n'),
        ("a.tcl", "set p {\nTEXT}\nputs [string length $p]\nputs $f $p\n"),
        # shells and builds
        ("a.nu", 'let p = "TEXT"\n$p | str trim | save x\n'),
        ("a.nu", "'TEXT' | save x\n"),
        ("a.fish", 'set p "TEXT"\necho $p > x\n'),
        ("Dockerfile", 'FROM x\nENV P="ESCAPED"\nRUN printf "%b" "$P" > /etc/p\n'),
        ("a.cmake", 'set(P "ESCAPED")\nforeach(f a b)\n  file(WRITE f "${P}")\nendforeach()\n'),
    ],
)  # fmt: skip
def test_what_hands_a_text_on(path: str, program: str) -> None:
    assert statuses(path, program) == {"fixed"}

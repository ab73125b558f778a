"""A text is fixed only where nothing in the program is known to change it afterwards."""

from __future__ import annotations

import pytest

import patcher
from patcher import Status

from .texts import statuses

_FAR = "x = 1\n" * 9000
_HEREDOC = "cat > /tmp/x <<'EOF'\nTEXTEOF\n"


@pytest.mark.parametrize(
    ("path", "program"),
    [
        # operators and methods
        ("a.groovy", 'def p = """TEXT""" - other\n'),
        ("a.py", 'p = """TEXT"""[n]\n'),
        ("a.py", 'p = """TEXT""".partition("deny")[0]\n'),
        ("a.py", 'p, q = """TEXT""".split("network", 1)\n'),
        ("a.py", 'p = textwrap.shorten("""TEXT""", 40)\n'),
        ("a.py", 'p = "%.40s" % """TEXT"""\n'),
        ("a.rb", 'p = "TEXT"[0, 40]\n'),
        ("a.rb", "p = <<~X[0, 40]\nTEXTX\n"),
        ("a.rb", 'p = ([\nLIST] - [x]).join("\\n")\n'),
        ("a.go", 'package a\nvar p, _, _ = strings.Cut(`TEXT`, "deny")\n'),
        ("a.go", 'package a\nvar p = strings.Split(`TEXT`, "deny")[0]\n'),
        ("a.go", 'package a\nvar p = regexp.MustCompile(`x`).ReplaceAllString(`TEXT`, "")\n'),
        ("a.cc", 'std::string p = std::regex_replace("ESCAPED", re, "");\n'),
        ("a.cc", 'std::string p = "ESCAPED"; p.resize(40);\n'),
        ("a.c", 'char p[] = "ESCAPED"; void f() { p[40] = 0; }\n'),
        ("a.c", 'char p[] = "ESCAPED"; void f() { *strstr(p, "deny") = 0; }\n'),
        ("a.tf", 'locals {\n  p = replace(<<-EOT\nTEXTEOT\n  , "/deny network.*/", "")\n}\n'),
        # lists
        ("A.java", 'String p = String.join("\\n# ",\nLIST);\n'),
        ("A.cs", 'var p = string.Join("\\n#", new[] {\nLIST});\n'),
        ("a.swift", 'let p = [\nLIST].joined(separator: "\\n# ")\n'),
        ("a.kt", 'val p = listOf(\nLIST).joinToString("\\n# ")\n'),
        ("a.rs", 'let p = [\nLIST].join("\\n# ");\n'),
        ("a.tf", 'locals {\n  p = join("\\n# ", [\nLIST\n  ])\n}\n'),
        ("a.tf", 'locals {\n  p = join("\\n", [for r in [\nLIST\n  ] : r if r != var.x])\n}\n'),
        ("a.php", '<?php $p = implode("\\n", array_slice([\nLIST], 0, 3));\n'),
        ("a.php", '<?php $p = implode("\\n", array_diff([\nLIST], $x));\n'),
        ("a.pl", 'my $p = join("\\n", grep { ok($_) } (\nLIST));\n'),
        ("a.py", "rules = [\nLIST]\nfor r in rules:\n    if r != x:\n        f.write(r)\n"),
        ("a.js", "const rules = [\nLIST];\nrules.forEach((r) => {\n  if (ok(r)) out += r;\n});\n"),
        ("a.php", "<?php $l = [\nLIST];\nforeach ($l as $r) {\n  if (ok($r)) echo $r;\n}\n"),
        ("a.rb", "RULES = [\nLIST]\nRULES.each do |r|\n  next if r == x\n  puts r\nend\n"),
        ("a.py", 'p = """TEXT"""\nfor l in p.splitlines():\n    if ok(l):\n        f.write(l)\n'),
        # lengths
        ("a.c", 'void f() {\n  strncpy(buf, "ESCAPED", 40);\n}\n'),
        ("a.c", 'void f() {\n  fwrite("ESCAPED", 1, 40, f);\n}\n'),
        ("a.c", '#define N 40\nvoid f() {\n  snprintf(buf, N, "ESCAPED");\n}\n'),
        ("a.c", 'void f() {\n  printf("%.40s", "ESCAPED");\n}\n'),
        ("a.cc", 'std::string p("ESCAPED", 40);\n'),
        # elsewhere
        ("a.py", 'p = """TEXT"""\n' + _FAR + "print(p[:40])\n"),
        ("a.go", "package a\nconst p = `TEXT`\n" + _FAR + 'var q = strings.Trim(p[1:], "")\n'),
        ("a.py", 'def f():\n    p = """TEXT"""\n    return p\n\ndef g():\n    print(f()[:40])\n'),
        ("a.py", 'class A:\n    def f(self):\n        self.p = """TEXT"""\n    def g(self):\n'
         "        return self.p[:40]\n"),
        ("a.js", 'const f = () => `TEXT`;\ng(f().split("\\n").filter(ok).join("\\n"));\n'),
        ("A.java", 'class A {\n  static String f() {\n    return """\nTEXT""";\n  }\n'
         "  void g() { h(f().substring(0, 40)); }\n}\n"),
        ("a.rs", 'fn f() -> String {\n    String::from(r#"TEXT"#)\n}\nfn g() { h(&f()[..40]); }\n'),
        ("a.go", "package a\nfunc f() string {\n\treturn `TEXT`\n}\n"
         "func g() { p := f(); h(p[:40]) }\n"),
        ("a.pp", "$p = @(EOT)\nTEXT| EOT\n$q = regsubst($p, 'deny.*', '')\n"),
        ("a.ps1", '$p = @"\nTEXT"@ -replace "deny network alg,", ""\n'),
        ("a.ex", 'p = String.replace("""\nTEXT""", "deny network alg,", "")\n'),
        ("a.ex", 'p = """\nTEXT"""\n|> String.slice(0, 40)\n'),
        ("a.hs", 'p = T.replace "deny network alg," "" "ESCAPED"\n'),
        ("a.sql", "UPDATE t SET p = REPLACE('TEXT', 'deny network alg,', '');\n"),
        ("a.cmake", 'set(P "TEXT")\nstring(REPLACE "deny network alg," "" P "${P}")\n'),
        # shells
        ("a.sh", _HEREDOC + "head -n 3 /tmp/x > /tmp/y\n"),
        ("a.sh", _HEREDOC + "F=/tmp/x\nsed -i /deny/d $F\n"),
        ("a.sh", _HEREDOC + "mv /tmp/x /tmp/y\nsed -i /deny/d /tmp/y\n"),
        ("a.sh", _HEREDOC + "while read -r l; do\n  ok $l && echo $l\ndone < /tmp/x > /tmp/y\n"),
        ("a.sh", _HEREDOC + _FAR + "sed -i /deny/d /tmp/x\n"),
        ("a.sh", "f() { cat <<EOF\nTEXTEOF\n}\nf > /tmp/x\nsed /deny/d /tmp/x > /tmp/y\n"),
        ("Dockerfile", "RUN printf '%s' 'ESCAPED' > f && sed -i /deny/d f\n"),
    ],
)  # fmt: skip
def test_what_may_change_a_text_makes_it_doubtful(path: str, program: str) -> None:
    assert statuses(path, program) == {"under_investigation"}


@pytest.mark.parametrize(
    ("path", "program"),
    [
        ("a.py", 'def f():\n    return textwrap.dedent("""TEXT""").strip()\n'),
        ("a.py", 'p = """TEXT"""\nopen("x", "w").write(p.replace("@{PROC}", "/proc"))\n'),
        ("a.py", 'p = "\\n".join([\nLIST\n])\n'),
        ("a.py", 'rules = [\nLIST]\nfor r in rules:\n    f.write(r + "\\n")\n'),
        ("a.kt", 'val p = """\nTEXT""".trimIndent()\n'),
        ("a.js", "const p = `TEXT`.trim();\nfs.writeFileSync(name, p);\n"),
        ("a.rs", 'let p = r#"TEXT"#.to_string();\n'),
        ("a.rb", "P = <<~X.freeze\nTEXTX\n"),
        ("a.php", "<?php $p = 'TEXT' . foo();\n"),
        ("A.cs", "var p = string.Join(Environment.NewLine, new[] {\nLIST});\n"),
        ("a.go", "package a\nfunc f() string {\n\treturn `TEXT`\n}\n"
         "func g() { x := os.Args[1:]; os.WriteFile(x[0], []byte(f()), 0o644) }\n"),
        ("a.go", 'package a\nvar all = map[string]string{"a": `TEXT`}\nfunc f() {\n'
         "\tfor n, p := range all {\n\t\tif err := load(n, p); err != nil {\n\t\t}\n\t}\n}\n"),
        ("a.c", 'void f() {\n  strncpy(buf, "ESCAPED", sizeof buf);\n}\n'),
        ("a.c", 'void f() {\n  n += snprintf(buf + n, size - n, "ESCAPED");\n}\n'),
        ("a.c", 'void f() {\n  fwrite("ESCAPED", 1, size, f);\n}\n'),
        ("a.sh", _HEREDOC + "grep -q alg /tmp/x || exit 1\n"),
        ("a.sh", _HEREDOC + "cp /tmp/x /etc/x\napparmor_parser -r /etc/x\nrm /tmp/x\n"),
        ("a.sh", _HEREDOC + "sed -i s/a/b/ /tmp/other\nsed -i 's/NAME/x/' /tmp/x\n"),
        ("a.sh", "printf '%s\\n' QUOTED > x\n"),
    ],
)  # fmt: skip
def test_what_hands_a_text_on_as_it_is(path: str, program: str) -> None:
    assert statuses(path, program) == {"fixed"}


def test_a_program_of_many_variables_needs_review() -> None:
    """What becomes of so many is not looked at: none of them is called clean."""
    text = (
        "profile x%d flags=(attach_disconnected,mediate_deleted) {\n  network inet,\n  file,\n}\n"
    )
    program = "".join(f'''a{n} = """{text % n}"""\nmore(a{n})\n''' for n in range(80))
    found = patcher.patch("x.py", program.encode()).findings
    assert len(found) == 80
    late = [each for each in found if each.reason.startswith("too many variables hold policy")]
    assert late
    assert all(each.status is Status.UNDER_INVESTIGATION for each in late)

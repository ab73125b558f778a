"""A function that is not known may return another text than the one it is given."""

from __future__ import annotations

import pytest

from patcher.hosts.calls import hands_on

from .texts import statuses

_NIX = "''\nINDENTED  ''"


@pytest.mark.parametrize(
    ("path", "program"),
    [
        # what is given a text, and returns something
        ("a.py", 'p = harden("""TEXT""")\n'),
        ("a.py", 'def f():\n    return harden("""TEXT""")\n'),
        ("a.py", 'p = """TEXT"""\nopen("x", "w").write(harden(p))\n'),
        ("a.py", 'p = "\\n".join(wanted([\nLIST]))\n'),
        ("a.py", 'p = "\\n".join(map(f, [\nLIST]))\n'),
        ("a.go", "package a\nconst p = `TEXT`\nfunc f() string { return harden(p) }\n"),
        ("a.go", "package a\nfunc f() { w([]byte(pkg.Harden(`TEXT`))) }\n"),
        ("a.go", "package a\nvar r = io.LimitReader(strings.NewReader(`TEXT`), 40)\n"),
        ("a.js", "const p = harden`TEXT`;\n"),
        ("a.js", "const p = `TEXT`;\nmodule.exports = harden(p);\n"),
        ("a.rb", "p = harden(<<~X)\nTEXTX\n"),
        ("a.rb", 'p = harden "ESCAPED"\n'),
        ("a.php", "<?php $p = 'TEXT';\nfile_put_contents('x', harden($p));\n"),
        ("a.php", "<?php $p = 'TEXT';\nlist($q) = explode('deny', $p);\n"),
        ("a.pl", "print harden(<<'X');\nTEXTX\n"),
        ("A.java", 'class A { String p = """\nTEXT"""; void f() { g(harden(p)); } }\n'),
        ("A.java", 'class A { String q = StringUtils.abbreviate("""\nTEXT""", 40); }\n'),
        ("a.c", 'const char *p = "ESCAPED"; void f() { fputs(harden(p), o); }\n'),
        ("a.cc", 'auto p = harden("ESCAPED");\n'),
        ("a.rs", 'const P: &str = r#"TEXT"#;\nfn f() -> String { harden(P) }\n'),
        ("a.lua", "local p = [[\nTEXT]]\nf:write(harden(p))\n"),
        ("a.nix", "{ p = builtins.substring 0 40 " + _NIX + "; }\n"),
        ("a.nix", "let p = " + _NIX + "; in { q = builtins.substring 0 40 p; }\n"),
        ("a.nix", "{ p = harden " + _NIX + "; }\n"),
        ("a.ps1", "$p = @'\nTEXT'@\n$q = Edit-Profile $p\n"),
        # over several lines
        ("a.py", 'p = """TEXT"""\nwrite(harden(\n    p,\n))\n'),
        ("a.py", 'p = """TEXT"""\nq = (\n    p\n    .harden()\n)\nwrite(q)\n'),
        ("a.py", 'def f():\n    p = """TEXT"""\n    return harden(\n        p\n    )\n'),
        ("a.js", "const p = `TEXT`;\nmodule.exports =\n  harden(\n    p);\n"),
        ("a.go", "package a\nconst p = `TEXT`\nfunc f() string {\n\treturn strings.Replace(\n"
         '\t\tp,\n\t\t"deny",\n\t\t"allow", 1)\n}\n'),
        ("a.go", "package a\nfunc f() string {\n\tp := `TEXT`\n\tharden(\n\t\t&p,\n\t)\n"
         "\treturn p\n}\n"),
        ("A.java", 'class A { String p = """\nTEXT"""; String f() { return harden(\n  p\n); } }\n'),
        ("a.rb", 'p = "ESCAPED"\nq =\n  harden(p)\n'),
        ("a.rs", 'const P: &str = r#"TEXT"#;\nfn f() -> String {\n    harden(\n        P,\n'
         "    )\n}\n"),
        ("a.rs", 'const P: &str = r#"TEXT"#;\nfn f() -> String {\n    harden(P)\n}\n'),
        ("a.php", "<?php $p = 'TEXT';\nfile_put_contents('x',\n  harden(\n    $p));\n"),
        ("a.c", 'const char *p = "ESCAPED"; void f() { fputs(\n  harden(\n    p), o); }\n'),
        ("a.tf", "locals {\n  p = <<-EOT\nTEXTEOT\n  q = substr(\n    local.p,\n    0, 40)\n}\n"),
        # held by a constant, a member, a macro, a function
        ("a.rb", "class A\n  P = 'ESCAPED'\n  def f\n    harden(P)\n  end\nend\n"),
        ("a.groovy", "class A {\n  static p = 'ESCAPED'\n  def f() {\n    harden(p).w()\n  }\n}\n"),
        ("a.c", '#define P "ESCAPED"\nvoid f() { fputs(harden(P), o); }\n'),
        ("a.c", 'struct c cfg = { .p = "ESCAPED" };\nvoid f() { fputs(harden(cfg.p), o); }\n'),
        ("a.php", "<?php $c = ['p' => 'TEXT'];\necho harden($c['p']);\n"),
        ("a.pl", "use constant P => 'TEXT';\nprint harden(P);\n"),
        ("a.cs", 'class A { string P => "ESCAPED"; string F() => Harden(P); }\n'),
        ("a.kt", 'fun base() = "ESCAPED"\nfun f() = harden(base())\n'),
        ("a.r", 'p <- "ESCAPED"\nwriteLines(harden(p), "x")\n'),
        ("a.tf", 'locals {\n  p = "ESCAPED"\n}\noutput "x" { value = harden(local.p) }\n'),
        ("a.js", 'const p = "ESCAPED";\nwrite(`${harden(p)}`);\n'),
        # methods and pipes
        ("a.py", 'p = """TEXT"""\nq = p.harden()\n'),
        ("a.js", "const p = `TEXT`;\nconst m = p.match(/x[^}]*/)[0];\n"),
        ("A.java", 'class A { String p = """\nTEXT"""; String q = p.split("deny")[0]; }\n'),
        ("a.rs", 'const P: &str = r#"TEXT"#;\nfn f() { let (a, b) = P.split_once(x); }\n'),
        ("a.rs", 'let p = r#"TEXT"#; let q = p.get(..40).unwrap();\n'),
        ("a.cc", "std::vector<std::string> p = {\nLIST}; auto q = p | std::views::filter(ok);\n"),
        ("a.ps1", '$p = @\'\nTEXT\'@ -split "`n" | Where-Object { $_ -notmatch "deny" }\n'),
        ("a.ps1", "$p = @'\nTEXT'@\n$p -split \"`n\" | Select-String -NotMatch x | tee x\n"),
        ("a.ps1", '$p = @(\nLIST)\n$p | ? { $_ -ne "x" } | Out-File x\n'),
        ("a.ps1", '$p = @(\nLIST)\n($p -ne $x) -join "`n" | Out-File x\n'),
        ("a.ps1", '$p = @(\nLIST)\n$p -join "`n# " | Out-File x\n'),
        # in its place
        ("a.go", "package a\nfunc f() string { p := `TEXT`; harden(&p); return p }\n"),
        ("a.rs", 'fn f() { let mut p = String::from(r#"TEXT"#); harden(&mut p); }\n'),
        ("a.rs", 'let mut p = String::from(r#"TEXT"#); p.drain(40..);\n'),
        ("a.rb", "p = <<~X\nTEXTX\nharden!(p)\n"),
        ("a.rb", 'p = <<~X\nTEXTX\np[/deny.*/] = ""\n'),
        ("a.js", "const p = [\nLIST];\np.length = 2;\n"),
        ("A.java", "class A { List<String> p = List.of(\nLIST); void f() { p.set(2, x); } }\n"),
        ("A.java", 'class A { StringBuilder p = new StringBuilder("""\nTEXT"""); void f() '
         "{ p.setLength(40); } }\n"),
        ("a.c", 'void f() { char p[] = "ESCAPED"; memset(p + 40, 0, 9); }\n'),
        ("a.c", 'void f() { fputs("ESCAPED" + 40, o); }\n'),
        ("a.cc", "std::vector<std::string> p = {\nLIST}; void f() { std::erase_if(p, ok); }\n"),
        ("a.lua", 'local p = {\nLIST}\nf:write(table.concat(p, "\\n", 1, 2))\n'),
        # without parentheses
        ("a.rb", 'p = "ESCAPED"\nFile.write("f", p.harden)\n'),
        ("a.rb", 'def f\n  p = "ESCAPED"\n  p.harden\nend\n'),
        ("a.rb", 'p = "ESCAPED"\np.harden!\nputs p\n'),
        ("a.rb", 'p = "ESCAPED"\nharden p\nputs p\n'),
        ("a.rb", 'p = "ESCAPED"\nputs harden p\n'),
        ("a.rb", 'p = "ESCAPED"\nputs p&.harden\n'),
        ("a.rb", 'p = "ESCAPED"\nputs(p.lines.map(&:harden).join)\n'),
        ("a.js", "const p = [\nLIST];\nwrite(p.map(harden).join('\\n'));\n"),
        ("a.kt", 'val p = "ESCAPED"\nfun f() = File("x").writeText(p.hardened)\n'),
        ("a.swift", 'let p = "ESCAPED"\ntry p.hardened.write(toFile: "x")\n'),
        ("a.cs", 'class X { string F() { var p = "ESCAPED"; return p.Hardened; } }\n'),
        ("a.dart", "final p = \"ESCAPED\";\nvoid main() { w(p.hardened); }\n"),
        # a list, or a string that can be changed, given to what may change it
        ("a.py", "RULES = [\nLIST]\nharden(RULES)\nopen('x', 'w').write('\\n'.join(RULES))\n"),
        ("a.js", "const p = [\nLIST];\nharden(p);\nwrite(p.join('\\n'));\n"),
        ("a.cc", '#include <string>\nstd::string p = "ESCAPED";\nvoid f() { harden(p); }\n'),
        ("a.php", '<?php\n$p = "ESCAPED";\nharden($p);\necho $p;\n'),
        # taken one by one
        ("a.js", "const p = [\nLIST];\nconst [a] = p;\nwrite(a);\n"),
        ("a.py", "p = [\nLIST]\na, *b = p\nwrite(a)\n"),
        ("a.go", "package a\nvar p = []string{\nLIST}\nfunc f() string { return p[0] + p[1] }\n"),
        ("a.c", "static const char *p[] = {\nLIST};\nvoid f() { puts(p[0]); }\n"),
        ("A.java", "class A { String[] p = {\nLIST}; String f() { return p[0] + p[1]; } }\n"),
        # calls in brackets
        ("a.hs", 'p = "ESCAPED"\nmain = writeFile "x" (harden p)\n'),
        ("a.ml", 'let p = "ESCAPED"\nlet () = write (harden p)\n'),
        ("a.clj", '(def p "ESCAPED")\n(spit "x" (harden p))\n'),
        ("a.scm", '(define p "ESCAPED")\n(write (harden p))\n'),
        ("a.el", '(defvar docker-profile "ESCAPED")\n(insert (harden docker-profile))\n'),
        ("a.tcl", 'set p "ESCAPED"\nputs [harden $p]\n'),
        ("a.coffee", 'p = "ESCAPED"\nwrite harden p\n'),
        ("a.ps1", "function P { 'TEXT' }\nHarden (P) | Set-Content x\n"),
        ("a.ps1", "$p = 'TEXT'\nSet-Content x (Harden $p)\n"),
        ("a.ex", 'defmodule A do\n  @p "ESCAPED"\n  def f, do: harden(@p)\nend\n'),
        # functions on one line, parts of objects, elements of lists
        ("a.groovy", 'class A { static p = "ESCAPED"; def f() { harden(p) } }\n'),
        ("A.java", 'class A { String b() { return "ESCAPED"; } String f() { return h4(b()); } }\n'),
        ("a.lua", 'local function base() return "ESCAPED" end\nf:write(harden(base()))\n'),
        ("a.js", 'const c = {profile: "ESCAPED"};\nconst {profile} = c;\nw(harden(profile));\n'),
        ("a.js", 'const c = {p: "ESCAPED"};\nconst {p: q} = c;\nw(harden(q));\n'),
        ("a.py", 'P = """TEXT"""\nALL = [P]\nwrite("".join(harden(x) for x in ALL))\n'),
        ("a.py", 'P = """TEXT"""\nALL = [P]\nfor one in ALL:\n    write(harden(one))\n'),
    ],
)  # fmt: skip
def test_what_a_function_that_is_not_known_makes_of_a_text_is_doubtful(
    path: str, program: str
) -> None:
    assert statuses(path, program) == {"under_investigation"}


@pytest.mark.parametrize(
    ("path", "program"),
    [
        ("a.js", "const [a, b] = [\nLIST];\nwrite(a);\n"),
        ("a.ts", "const [a, b]: string[] = [\nLIST];\nwrite(a);\n"),
        ("a.py", "a, b, c = [\nLIST]\nwrite(a)\n"),
        ("a.rs", "fn f() {\n    let [a, b, ..] = [\nLIST];\n    print(a);\n}\n"),
        ("a.kt", "fun f(): String {\n  val (a, b) = listOf(\nLIST)\n  return a\n}\n"),
        ("a.js", "const [a, b] = [LINE];\nwrite(a);\n"),
        ("a.cs", "class X { void F() { var (a, b) = (LINE); Write(a); } }\n"),
    ],
)
def test_strings_that_go_to_names_may_come_out_apart(path: str, program: str) -> None:
    assert statuses(path, program) == {"affected"}


@pytest.mark.parametrize(
    ("path", "program"),
    [
        ("a.go", "package a\nconst tmpl = `TEXT`\n\nfunc generate(out io.Writer, d *data) error {\n"
         '\tt, err := template.New("x").Parse(tmpl)\n\tif err != nil {\n'
         '\t\treturn errors.Wrap(err, "parse")\n\t}\n\treturn t.Execute(out, d)\n}\n'),
        ("a.go", 'package a\nfunc g() error {\n\tcmd := exec.Command("x", "-Kr")\n'
         "\tcmd.Stdin = strings.NewReader(`TEXT`)\n\tout, err := cmd.CombinedOutput()\n"
         "\treturn wrapped(out, err)\n}\n"),
        ("a.go", "package a\nfunc g(n string) error {\n\treturn os.WriteFile("
         'filepath.Join("/etc", n), []byte(fmt.Sprintf(`TEXT`, n)), 0o644)\n}\n'),
        ("a.go", "package a\nfunc g() {\n\tp := `TEXT`\n\tif err := anything(p); err != nil {\n"
         "\t\tlog.Fatal(err)\n\t}\n\tanything(p)\n}\n"),
        ("a.py", 'P = """TEXT"""\n\ndef f():\n    run(["x"], input=Template(P).substitute(a=1))\n'
         "    sha = hashlib.sha256(P.encode()).hexdigest()\n    assert wanted(P)\n"),
        ("a.ts", "export const p = dedent`TEXT`;\n"
         'await anything("x", { body: JSON.stringify({ p }) });\n'),
        ("A.java", 'class A { static final String P = """\nTEXT""";\n  void f() { '
         'Files.writeString(path, P.formatted("x")); assertThat(P).matches(ok); } }\n'),
        ("a.rs", 'fn profile() -> String {\n    format!(r#"TEXT"#)\n}\nfn main() {\n'
         '    let p = profile();\n    fs::write(x, &p).unwrap();\n    anything(&p).unwrap();\n}\n'),
        ("a.c", 'static const char p[] = "ESCAPED";\nint f(int fd) {\n'
         "  ssize_t n = write(fd, p, sizeof(p) - 1);\n  return load_policy(p, strlen(p));\n}\n"),
        ("a.rb", 'P = <<~X\nTEXTX\nfile "/etc/x" do\n  content P\nend\n'),
        ("a.nix", '{ p = pkgs.writeText "x" ' + _NIX + "; }\n"),
        ("a.nix", "{ p = lib.mkForce " + _NIX + "; }\n"),
        ("a.ps1", '$p = @"\nTEXT"@\nSet-Content -Path x -Value $p -Encoding utf8\n'
         "$p | Out-File y\n"),
        ("a.go", "package a\nvar p = []string{\nLIST}\nfunc f() error {\n"
         '\tout, err := exec.Command("x", strings.Join(p, "\\n")).Output()\n\treturn err\n}\n'),
        ("a.go", "package a\nfunc f(w io.Writer) error {\n"
         '\tn, err := io.WriteString(w, "ESCAPED")\n\treturn err\n}\n'),
        ("a.rb", 'p = "ESCAPED"\nputs p.length\nFile.write("f", p.strip)\nexpect(p).to be x\n'),
        ("a.c", "static const char *const p[] = {\nLIST};\nint n = STRARRAYLEN(p);\n"),
        ("a.hs", 'q = T.pack "ESCAPED"\nmain = T.writeFile "x" q\n'),
        ("a.hs", 'p = "ESCAPED"\nmain = do { writeFile "x" p; putStr (p) }\n'),
        ("a.clj", '(def p "ESCAPED")\n(spit "x" p)\n(println (str p))\n'),
        ("a.tcl", 'set p "ESCAPED"\nputs $p\nputs [string trim $p]\n'),
        ("a.js", 'const c = {p: "ESCAPED"};\nconst {p: q} = c;\nwrite(q);\n'),
        ("a.py", 'P = """TEXT"""\nALL = [P]\nfor one in ALL:\n    write(one)\n'),
    ],
)  # fmt: skip
def test_what_prints_a_text_or_converts_it_hands_it_on(path: str, program: str) -> None:
    assert statuses(path, program) == {"fixed"}


_HEREDOC = "cat > /tmp/x <<'E'\nTEXTE\n"
_VALUE = '- set_fact:\n    p: |\nINDENTED- copy:\n    dest: /etc/x\n    content: "{{ %s }}"\n'
_HELM = '{{- define "p" -}}\nTEXT{{- end -}}\n{{- define "q" -}}\n{{ %s }}\n{{- end -}}\n'


@pytest.mark.parametrize(
    ("path", "program", "status"),
    [
        ("a.sh", _HEREDOC + "harden /tmp/x > /tmp/y\n", "under_investigation"),
        ("a.sh", _HEREDOC + "./harden.sh /tmp/x | tee /tmp/y\n", "under_investigation"),
        ("a.sh", _HEREDOC + "harden -i /tmp/x\n", "under_investigation"),
        ("a.sh", "P='TEXT'\nP=$(harden \"$P\")\n", "under_investigation"),
        ("a.sh", "P='TEXT'\necho \"$(harden \"$P\")\" > x\n", "under_investigation"),
        ("a.sh", 'R=(QUOTED)\nfor r in "${R[@]}"; do ok "$r" && echo "$r"; done\n',
         "under_investigation"),
        ("a.sh", 'for r in QUOTED; do [ "$r" = x ] || echo "$r"; done\n', "under_investigation"),
        ("a.sh", "printf '%s\\n' QUOTED | head -n 2 > x\n", "under_investigation"),
        ("a.sh", "printf '%.5s\\n' QUOTED > x\n", "under_investigation"),
        ("a.sh", "export P='TEXT'\nharden > x\n", "under_investigation"),
        ("a.sh", "P='TEXT'\nexport A P\nharden > x\n", "under_investigation"),
        ("a.sh", "export P='TEXT'\nprintf '%s' \"$P\" > x\n", "fixed"),
        ("a.sh", _HEREDOC + "./load.sh /tmp/x && echo done\n", "fixed"),
        ("a.sh", _HEREDOC + "mkdir -p $(dirname /tmp/x)\nscp -i key /tmp/x h:/x\n", "fixed"),
        ("a.sh", "P='TEXT'\nload \"$P\"\necho \"$P\" > $(mktemp)\n", "fixed"),
        ("a.tf", "locals {\n  p = <<-EOT\nTEXTEOT\n  q = substr(local.p, 0, 40)\n}\n",
         "under_investigation"),
        ("a.tf", 'locals {\n  p = <<-EOT\nTEXTEOT\n  q = regex("x[^}]*", local.p)\n}\n',
         "under_investigation"),
        ("a.tf", 'locals {\n  p = [\nLIST]\n  q = join("\\n# ", local.p)\n}\n',
         "under_investigation"),
        ("a.py", 'class A:\n    P = """TEXT"""\n    def f(self):\n        return x(self.P)\n',
         "under_investigation"),
        ("CMakeLists.txt", 'set(P "TEXT")\nstring(SUBSTRING "${P}" 0 40 P)\n',
         "under_investigation"),
        ("CMakeLists.txt", 'set(P "TEXT")\nfile(WRITE x "${P}")\n', "fixed"),
        ("CMakeLists.txt", 'set(P [[\nTEXT]])\nharden(P)\nfile(WRITE x "${P}")\n',
         "under_investigation"),
        ("CMakeLists.txt", 'set(P "ESCAPED")\nharden("${P}" Q)\nfile(WRITE x "${Q}")\n',
         "under_investigation"),
        ("a.cmake", 'set(P "TEXT")\nset(Q "${P}")\nharden(Q)\nfile(WRITE x "${Q}")\n',
         "under_investigation"),
        ("a.cmake", 'string(APPEND P "ESCAPED")\nharden(P)\nfile(WRITE x "${P}")\n',
         "under_investigation"),
        ("a.cmake", 'set(P [[\nTEXT]])\nlist(REMOVE_AT P 2)\nfile(WRITE x "${P}")\n',
         "under_investigation"),
        ("a.cmake", 'set(P [[\nTEXT]])\nmessage("${P}")\nset(Q "${P}")\nfile(WRITE x "${Q}")\n',
         "fixed"),
        ("a.mk", "define P\nTEXTendef\nall:\n\t$(file >f,$(call harden,$(P)))\n",
         "under_investigation"),
        ("a.mk", "define P\nTEXTendef\nQ := $(call harden,P)\n", "under_investigation"),
        ("a.mk", "define P\nTEXTendef\nQ := $(wordlist 1,3,$(P))\n", "under_investigation"),
        ("a.mk", "define P\nTEXTendef\nQ := $(P:alg%=)\n", "under_investigation"),
        ("a.mk", "define P\nTEXTendef\nexport P\nall:\n\techo \"$$P\" | harden > f\n",
         "under_investigation"),
        ("a.mk", "define P\nTEXTendef\nexport P\nall:\n\t@echo \"$$P\" > f\n", "fixed"),
        ("a.mk", "define P\nTEXTendef\nall:\n\t$(file >f,$(P))\n", "fixed"),
        ("a.sh", 'R=(QUOTED)\nIFS="#"\necho "${R[*]}" > f\n', "under_investigation"),
        ("a.sh", "set -- QUOTED\nIFS='#'\necho \"$*\" > f\n", "under_investigation"),
        ("a.sh", "R=('# x' QUOTED)\necho \"${R[*]}\" > f\n", "under_investigation"),
        ("a.sh", "R=('# x' QUOTED)\nprintf '%s ' \"${R[@]}\" > f\n", "under_investigation"),
        ("a.sh", "R=(QUOTED)\nprintf '%s #' \"${R[@]}\" > f\n", "under_investigation"),
        ("a.sh", 'R=(QUOTED)\njoined "#" "${R[@]}" > f\n', "under_investigation"),
        ("a.sh", "P='TEXT'\nf() {\n  echo \"$P\"\n}\nf | harden > x\n", "under_investigation"),
        ("a.sh", "P='TEXT'\necho \"$P\" > y\nharden y > z\n", "under_investigation"),
        ("a.sh", "f() {\n  printf 'ESCAPED'\n}\nf | harden > x\n", "under_investigation"),
        ("a.sh", "f() {\n  printf 'ESCAPED'\n}\nf > x\n", "fixed"),
        ("a.sh", "R=(QUOTED)\nIFS=$'\\n'\necho \"${R[*]}\" > f\n", "fixed"),
        ("a.sh", "R=('# x' QUOTED)\nprintf '%s\\n' \"${R[@]}\" > f\n", "fixed"),
        ("a.yml", _VALUE % "p | harden", "under_investigation"),
        ("a.yml", _VALUE % "p[:40]", "under_investigation"),
        ("a.yml", _VALUE % "p.split('deny')[0]", "under_investigation"),
        ("a.yml", _VALUE % "p | indent(4)", "fixed"),
        ("a.yml", _VALUE % "p", "fixed"),
        ("_h.tpl", _HELM % 'include "p" . | trunc 40', "under_investigation"),
        ("_h.tpl", _HELM % 'regexReplaceAll "d.*" (include "p" .) ""', "under_investigation"),
        ("_h.tpl", _HELM % '(splitList "d" (include "p" .)) | first', "under_investigation"),
        ("_h.tpl", _HELM % 'include "p" . | nindent 4 | quote', "fixed"),
        ("_h.tpl", _HELM % 'include "other" . | trunc 63', "fixed"),
        ("a.yml", "write_files:\n- content: |\nINDENTEDruncmd:\n- [ sed, -i, /alg/d, /x ]\n",
         "under_investigation"),
    ],
)  # fmt: skip
def test_commands_expressions_and_build_files(path: str, program: str, status: str) -> None:
    assert statuses(path, program) == {status}


@pytest.mark.parametrize(
    ("name", "known"),
    [
        (b"fmt.Sprintf", True), (b"NewReader", True), (b"write_file", True), (b"str_pad", True),
        (b"harden", False), (b"array_unique", False), (b"pkg.Clean", False), (b"x::minify", False),
    ],
)  # fmt: skip
def test_functions_are_known_by_their_first_word(name: bytes, known: bool) -> None:
    assert hands_on(name) is known

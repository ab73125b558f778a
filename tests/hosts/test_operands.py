"""What stands right before and behind a text: an operator, an index or an infix call that nobody
knows may make something else of it."""

from __future__ import annotations

import pytest

from .texts import statuses

_FIRST = "profile docker-default flags=(attach_disconnected,mediate_deleted) {\\n  network,\\n"
_SECOND = "  deny network alg,\\n  capability,\\n  file,\\n}\\n"


@pytest.mark.parametrize(
    ("path", "program"),
    [
        # infix calls
        ("a.scala", 'object A {\n  val p = "ESCAPED" harden x\n}\n'),
        ("a.scala", 'object A {\n  val p = "ESCAPED"\n  val q = p harden 3\n}\n'),
        ("a.scala", 'object A {\n  val p = """\nTEXT""" harden x\n}\n'),
        ("a.scala", 'object A {\n  val p = "ESCAPED"(3)\n}\n'),
        ("a.kt", 'val p = """\nTEXT""" harden 3\n'),
        ("a.kt", 'val p = "ESCAPED"\nval q = p harden 3\n'),
        ("a.hs", 'main = putStr ("ESCAPED" `harden` 3)\n'),
        # calls without parentheses
        ("a.hs", 'main = putStr (harden "ESCAPED")\n'),
        ("a.hs", 'main = putStr $ harden "ESCAPED"\n'),
        ("a.hs", 'p = harden . trim $ "ESCAPED"\n'),
        ("a.hs", 'p = "ESCAPED" & harden\n'),
        ("a.hs", 'p = "ESCAPED" \\\\ "deny"\n'),
        ("a.nim", 'let p = harden """\nTEXT"""\n'),
        ("a.nim", 'let p = harden "ESCAPED"\n'),
        ("a.ml", "let p = harden {|\nTEXT|}\n"),
        ("a.ml", "let p = {|\nTEXT|} |> harden\n"),
        ("a.ml", 'let p = harden @@ "ESCAPED"\n'),
        ("a.ml", 'let p = String.sub "ESCAPED" 0 20\n'),
        ("a.tcl", 'set p [harden "ESCAPED"]\n'),
        ("a.tcl", "set p [harden {\nTEXT}]\n"),
        ("a.tcl", 'set p [string map $m "ESCAPED"]\n'),
        ("a.tcl", 'set p [string range "ESCAPED" 0 20]\n'),
        ("a.lisp", '(print (harden "\nTEXT"))\n'),
        ("a.scm", '(display (substring "\nTEXT" 0 20))\n'),
        ("a.clj", '(let [p "\nTEXT"] (println (harden p)))\n'),
        ("a.coffee", 'p = harden """\nTEXT"""\n'),
        ("a.fs", 'let p = harden """\nTEXT"""\n'),
        ("a.fs", 'let p = harden <| "ESCAPED"\n'),
        ("a.elm", 'p = harden <| "ESCAPED"\n'),
        ("a.lua", 'local p = harden"ESCAPED"\n'),
        # pipes
        ("a.ex", 'p = """\nTEXT"""\n|> harden()\n'),
        ("a.ex", 'p = """\nTEXT"""\nIO.puts(p |> harden)\n'),
        ("a.fs", 'let p =\n    "ESCAPED"\n    |> harden\n'),
        ("a.swift", 'let p = """\nTEXT""" |> harden\n'),
        ("a.jl", 'p = """\nTEXT""" |> harden\n'),
        ("a.R", 'p <- "ESCAPED" %h% x\n'),
        ("a.cpp", 'int main() { auto p = std::string_view("ESCAPED") | harden; }\n'),
        ("a.py", 'p = """TEXT""" | harden\n'),
        ("a.py", 'p = harden | """TEXT"""\n'),
        ("a.py", 'p = """TEXT"""\nq = p | harden\n'),
        # operators
        ("a.rb", 'puts "ESCAPED" * n\n'),
        ("a.rb", 'puts "ESCAPED" - "network,"\n'),
        ("a.py", 'p = """TEXT""" * Harden()\n'),
        ("a.py", 'p = """TEXT"""\nq = p * n\n'),
        ("a.py", 'p = """TEXT""" >> harden\n'),
        ("a.py", 'p = """TEXT""" @ harden\n'),
        ("a.py", 'p = harden << """TEXT"""\n'),
        ("a.py", 'p = Text("""TEXT""") - "network,"\n'),
        ("a.rs", 'fn main() { let p = Text("ESCAPED") >> 3; }\n'),
        ("a.groovy", "def p = '''\nTEXT''' * n\n"),
        ("a.dart", "var p = '''\nTEXT''' * n;\n"),
        ("a.swift", 'let p = """\nTEXT""" <- harden\n'),
        ("a.pl", 'my $p = "ESCAPED" x $n;\n'),
        ("a.pl", "(my $p = <<EOS) =~ s/x//;\nTEXTEOS\nprint $p;\n"),
        ("a.erl", 'p() -> "ESCAPED" -- "deny".\n'),
        ("a.ps1", '$p = @"\nTEXT"@ -replace $a, $b\n'),
        # slices, indexes, and what is glued to a literal
        ("a.php", "<?php\n$p = 'TEXT'[3];\n"),
        ("a.py", 'p = """TEXT"""[3:]\n'),
        ("a.ml", 'let p = "ESCAPED".[3]\n'),
        ("a.fs", 'let p = "ESCAPED".[0..20]\n'),
        ("a.adb", 'P : String := "ESCAPED"(1 .. 20);\n'),
        ("a.zig", 'const p = "ESCAPED" ** n;\n'),
        ("a.cpp", 'int main() { std::string p = "ESCAPED"_h; }\n'),
        ("a.cpp", f'int main() {{ auto [a, b] = std::pair{{"{_FIRST}", "{_SECOND}"}}; }}\n'),
        ("a.cpp", f'const auto& [a, b] = std::make_tuple("{_FIRST}", "{_SECOND}");\n'),
        ("a.rb", "p = <<~EOS[0..20]\nTEXTEOS\n"),
        ("a.rb", "p = harden <<~EOS\nTEXTEOS\n"),
        ("a.rs", 'fn main() { let p = "ESCAPED".strip_suffix(x).unwrap(); }\n'),
        # functions put together, quotations, what comes later in a call
        ("a.fs", 'let p = (trim >> harden) """\nTEXT"""\n'),
        ("a.jl", 'p = (harden ∘ trim)("""\nTEXT""")\n'),
        ("a.clj", '((comp print harden) "\nTEXT")\n'),
        ("a.clj", '(def p "\nTEXT")\n(-> p harden print)\n'),
        ("a.hs", "p = [harden|\nTEXT|]\n"),
        ("a.hs", 'p = harden <$> Just "ESCAPED"\n'),
        ("a.hs", 'p = [c | c <- "ESCAPED", ok c]\n'),
        ("a.ml", "let p = [%harden {|\nTEXT|}]\n"),
        ("a.ml", 'let p = Str.global_replace a "" "ESCAPED"\n'),
        ("a.ex", 'p = ~h"""\nTEXT"""\n'),
        ("a.lisp", '(defparameter *p* "\nTEXT")\n(print (subseq *p* 0 40))\n'),
        ("a.tcl", "set p {\nTEXT}\nset q [harden $p 3]\n"),
        ("a.coffee", 'fs.writeFileSync "x", harden """\nTEXT"""\n'),
        ("a.go", "package a\nvar p = harden[string](`TEXT`)\n"),
        ("a.kt", 'val p = """\nTEXT""".let { harden(it) }\n'),
        ("a.py", 'p = """TEXT"""\np |= harden\n'),
        ("a.js", "const r = [\nLIST];\nfunction* kept(rs) {\n  for (const r of rs) {\n"
         "    if (ok(r)) yield r;\n  }\n}\nw([...kept(r)].join('\\n'));\n"),
        ("a.js", "const c = {a: {profile: `TEXT`}};\nconst {a: {profile}} = c;\n"
         "w(harden(profile));\n"),
        # builds and shells
        ("a.cmake", 'file(WRITE p.txt [[\nTEXT]])\nfile(STRINGS p.txt L REGEX "n")\n'),
        ("a.cmake", 'set(P [[\nTEXT]])\nfile(WRITE p "${P}")\nfile(READ p L LIMIT 40)\n'),
        ("a.cmake", 'set(P [[\nTEXT]])\nstring(REGEX REPLACE "${a}" "" P "${P}")\n'),
        ("a.ps1", "$p = @'\nTEXT'@\n$p | Harden | Out-File x\n"),
        ("a.ps1", "$p = @'\nTEXT'@\nHarden $p | Out-File x\n"),
        ("a.ps1", "@'\nTEXT'@ | Protect-Text | Set-Content x\n"),
        ("a.ps1", '$p = @\'\nTEXT\'@\n$p.Split("`n") | Select-String $x | Out-File x\n'),
        ("a.sh", "P='TEXT' ./gen > /etc/apparmor.d/x\n"),
        ("a.sh", "export P='TEXT'\npython3 gen.py > /etc/apparmor.d/x\n"),
        ("a.nix", "{ p = builtins.substring 0 40 ''\nINDENTED''; }\n"),
        ("a.nix", "{ p = builtins.replaceStrings [ a ] [ b ] ''\nINDENTED''; }\n"),
        ("a.js", "const c = {profile: `TEXT`};\nconst {profile} = c;\nw(profile.slice(0, n));\n"),
    ],
)  # fmt: skip
def test_what_may_make_something_else_of_a_text(path: str, program: str) -> None:
    found = statuses(path, program)
    assert found
    assert found.isdisjoint({"fixed", "not_affected"})


@pytest.mark.parametrize(
    ("path", "program"),
    [
        ("a.go", 'package a\nvar p = "ESCAPED" + "# end\\n"\n'),
        ("a.go", 'package a\nvar t = []struct{a, b string}{\n\t{"x", `TEXT`},\n}\n'),
        ("a.go", "package a\nvar p = []byte(`TEXT`)\n"),
        ("a.py", 'p = """TEXT""" * n\n'),
        ("a.sh", "printf '%s' 'TEXT' | tee x\n"),
        ("a.py", 'P: str = """TEXT"""  # as upstream has it\n'),
        ("a.py", 'f = Profile(name="x", text="""TEXT""")\n'),
        ("a.py", 'def f():\n    return ("""TEXT""", 1)\n'),
        ("a.py", 'n = len("""TEXT""") - 3\n'),
        ("a.js", "const f = () => `TEXT`;\n"),
        ("a.ts", "export const c = {\n  name: 'x',\n  profile: `TEXT` as const,\n};\n"),
        ("a.rs", 'fn f() -> A {\n    A { p: "ESCAPED".to_owned(), q: 1 }\n}\n'),
        ("a.cpp", 'int main() { std::cout << R"(TEXT)" << std::endl; }\n'),
        ("a.cpp", 'const std::string p = R"(TEXT)";\n'),
        ("a.scala", 'object A {\n  val p = """\nTEXT""".stripMargin\n  println(p)\n}\n'),
        ("a.kt", 'val p = "ESCAPED" to "x"\n'),
        ("a.groovy", "writeFile file: 'x', text: '''\nTEXT'''\n"),
        ("a.lua", "return { p = [[\nTEXT]] }\n"),
        ("a.rb", "file '/etc/x' do\n  content <<~EOS\nTEXTEOS\n  mode '0644'\nend\n"),
        ("a.rb", 'let(:p) { "ESCAPED" }\n'),
        ("a.rb", 'puts "ESCAPED" if x\n'),
        ("a.php", "<?php\n$p = <<<EOS\nTEXTEOS;\necho $p;\n"),
        ("a.hs", 'p :: String\np = "ESCAPED"\nmain = putStr p\n'),
        ("a.ml", "let p = {|\nTEXT|}\nlet () = print_string p\n"),
        ("a.tcl", "set p {\nTEXT}\nputs $p\n"),
        ("a.clj", '(def p "\nTEXT")\n(spit "x" p)\n'),
        ("a.lisp", '(defparameter *p* "\nTEXT")\n'),
        ("a.fs", 'let p = """\nTEXT"""\nprintf "%s" p\n'),
        ("a.ex", 'defmodule A do\n  @p """\nTEXT"""\n  def p, do: @p\nend\n'),
        ("a.R", 'p <- "ESCAPED"\ncat(p)\n'),
        ("a.awk", 'BEGIN { print "ESCAPED" > "x" }\n'),
        ("a.ps1", "$p = @'\nTEXT'@\n$p | Out-File x\n"),
        ("a.ps1", "@'\nTEXT'@ | Set-Content x\n"),
        ("a.py", '# the profile | is used\nprofile = """TEXT"""\nwrite(profile)  # profile - x\n'),
        ("a.cmake", "file(WRITE p [[\nTEXT]])\nfile(STRINGS version.txt V)\n"),
        ("a.sh", "P='TEXT'\necho \"$P\" > /etc/apparmor.d/x\n"),
        ("a.sh", "A=x P='TEXT'\nexport A\necho \"$P\" > /etc/apparmor.d/x\n"),
        ("a.hs", 'p = T.pack "ESCAPED"\nmain = do { writeFile "x" p; putStr (p) }\n'),
        ("a.kt", 'val p = """\nTEXT""".let { File("x").writeText(it) }\n'),
        ("a.nix", "{ x = { text = ''\nINDENTED''; mode = \"0644\"; }; }\n"),
    ],
)  # fmt: skip
def test_what_leaves_a_text_alone(path: str, program: str) -> None:
    assert statuses(path, program) == {"fixed"}

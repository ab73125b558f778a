"""Runs programs of ``programs`` with all their inputs, many in one run of a compiler."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

from tests.oracle.programs import EXTRA, INPUTS, NAME, Language

SEPARATOR = "\x1e"
VALUES = [
    (*values, extra) for values in product((0, 1), repeat=INPUTS) for extra in range(len(EXTRA))
]
"""The inputs with which each program runs: its booleans, and which of the strings."""

_GO_MAIN = """package main

import ("fmt"; "strings")

func pick(c bool, a, b string) string { if c { return a }; return b }
func relax(c bool, a string) string {
	if c { return strings.ReplaceAll(a, "deny network alg", "deny network key") }
	return a
}
func only(c bool, a string) string { if c { return a }; return "" }
func count(c bool) int { if c { return 2 }; return 0 }
func name(c bool) string { if c { return "yes;{" }; return "no" }
func keep(c bool, l []string) []string {
	if c { return l }
	return l[:1]
}
func main() {
	extra := []string{%s}
	for _, f := range []func(bool, bool, bool, string) string{%s} {
		for i := 0; i < 8; i++ { for _, e := range extra {
			fmt.Print(f(i&4 != 0, i&2 != 0, i&1 != 0, e), "\\x1e")
		} }
	}
}
"""
_GO_TEMPLATES = """package main

import ("fmt"; "os"; "text/template")

func main() {
	extra := []string{%s}
	for _, path := range os.Args[1:] {
		b, err := os.ReadFile(path)
		if err != nil { panic(err) }
		t := template.Must(template.New(path).Parse(string(b)))
		for i := 0; i < 8; i++ { for _, e := range extra {
			d := map[string]any{"C0": i&4 != 0, "C1": i&2 != 0, "C2": i&1 != 0, "Extra": e,
				"L": map[bool][]int{true: {1, 2}}}
			if err := t.Execute(os.Stdout, d); err != nil { panic(err) }
			fmt.Print("\\x1e")
		} }
	}
}
"""


class BrokenError(Exception):
    """A program does not compile, or fails."""


def run(*command: str | Path, cwd: Path) -> str:
    """What a command prints. Raises BrokenError."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, check=False, timeout=900
    )
    if done.returncode:
        message = (done.stderr or done.stdout).decode("utf-8", "replace")
        raise BrokenError(f"{Path(str(command[0])).name}: {message[:1500]}")
    return done.stdout.decode("utf-8")


def _extra(quote: str = '"') -> str:
    return ", ".join(quote + text.replace("\n", "\\n") + quote for text in EXTRA)


def _go(folder: Path, numbers: Sequence[int]) -> list[str]:
    functions = ", ".join(f"f{number}" for number in numbers)
    (folder / "main.go").write_text(_GO_MAIN % (_extra(), functions))
    (folder / "go.mod").write_text("module oracle\n\ngo 1.18\n")
    run("go", "build", "-o", "oracle", ".", cwd=folder)
    return [run(folder / "oracle", cwd=folder)]


def _go_template(folder: Path, numbers: Sequence[int]) -> list[str]:
    (folder / "main.go").write_text(_GO_TEMPLATES % _extra())
    (folder / "go.mod").write_text("module oracle\n\ngo 1.18\n")
    run("go", "build", "-o", "oracle", ".", cwd=folder)
    return [run(folder / "oracle", *(f"p{number}.tmpl" for number in numbers), cwd=folder)]


def _compiled(compiler: str, suffix: str, begin: str, call: str) -> Callable[..., list[str]]:
    def runs(folder: Path, numbers: Sequence[int]) -> list[str]:
        names = ", ".join(f"f{number}" for number in numbers)
        includes = "\n".join(f'#include "p{number}{suffix}"' for number in numbers)
        main = (
            f"{begin}\n{includes}\nint main() {{\n"
            f"  const char *extra[] = {{{_extra()}}};\n"
            f"  {call % names}\n"
            f"    for (int i = 0; i < 8; i++) for (int e = 0; e < {len(EXTRA)}; e++) {{\n"
            "      RUN; putchar(30); }\n}\n"
        )
        (folder / f"main{suffix}").write_text(main)
        found = []
        for feature in (0, 1):
            run(compiler, "-w", "-O0", f"-DFEATURE={feature}", "-o", f"oracle{feature}",
                f"main{suffix}", cwd=folder)  # fmt: skip
            found.append(run(folder / f"oracle{feature}", cwd=folder))
        return found

    return runs


_c = _compiled(
    "gcc", ".c",
    "#include <stdio.h>\n#include <string.h>\n"
    "static char *relax(int c, const char *p) {\n  static char b[65536];\n  strcpy(b, p);\n"
    '  for (char *q = b; c && (q = strstr(q, "deny network alg")); q++)\n'
    '    memcpy(q + 13, "key", 3);\n  return b;\n}\n'
    "#define RUN char p[65536]; f[n](p, i >> 2 & 1, i >> 1 & 1, i & 1, extra[e]); fputs(p, stdout)",
    "void (*f[])(char *, int, int, int, const char *) = {%s};\n"
    "  for (unsigned n = 0; n < sizeof f / sizeof *f; n++)",
)  # fmt: skip
_cpp = _compiled(
    "g++", ".cc",
    "#include <cstdio>\n#include <string>\n"
    "static std::string relax(bool c, std::string p) {\n"
    '  for (size_t i = 0; c && (i = p.find("network alg", i)) != std::string::npos;)\n'
    '    p.replace(i + 8, 3, "key");\n  return p;\n}\n'
    "#define RUN fputs(f[n](i >> 2 & 1, i >> 1 & 1, i & 1, extra[e]).c_str(), stdout)",
    "std::string (*f[])(bool, bool, bool, std::string) = {%s};\n"
    "  for (unsigned n = 0; n < sizeof f / sizeof *f; n++)",
)  # fmt: skip


def _java(folder: Path, numbers: Sequence[int]) -> list[str]:
    calls = "".join(f"    r(F{number}::f);\n" for number in numbers)
    (folder / "Main.java").write_text(
        "public class Main {\n"
        "  interface G { String f(boolean a, boolean b, boolean c, String e); }\n"
        f"  static final String[] extra = {{{_extra()}}};\n"
        "  static final StringBuilder out = new StringBuilder();\n"
        "  static String relax(boolean c, String p) {\n"
        '    return c ? p.replace("deny network alg", "deny network key") : p;\n  }\n'
        "  static void r(G g) {\n"
        "    for (int i = 0; i < 8; i++) for (String e : extra)\n"
        "      out.append(g.f((i & 4) != 0, (i & 2) != 0, (i & 1) != 0, e)).append((char) 30);\n"
        "  }\n  public static void main(String[] a) {\n"
        f"{calls}    System.out.print(out);\n  }}\n}}\n"
    )
    for number in numbers:
        (folder / f"p{number}.java").rename(folder / f"F{number}.java")
    try:
        sources = [f"F{number}.java" for number in numbers]
        run("javac", "-d", ".", "Main.java", *sources, cwd=folder)
    finally:
        for number in numbers:
            (folder / f"F{number}.java").rename(folder / f"p{number}.java")
    return [run("java", "-Xshare:auto", "-cp", ".", "Main", cwd=folder)]


def _javascript(folder: Path, numbers: Sequence[int]) -> list[str]:
    (folder / "main.js").write_text(
        "globalThis.relax = (c, p) => (c ? p.replaceAll('network alg', 'network key') : p);\n"
        f"const extra = [{_extra()}];\nlet out = '';\nfor (const n of {list(numbers)}) {{\n"
        "  const f = require(`./p${n}.js`);\n"
        "  for (let i = 0; i < 8; i++) for (const e of extra)\n"
        "    out += f(!!(i & 4), !!(i & 2), !!(i & 1), e) + '\\x1e';\n}\n"
        "require('fs').writeSync(1, out);\n"
    )
    return [run("node", "main.js", cwd=folder)]


def _relax(changes: bool, text: str) -> str:
    return text.replace("deny network alg", "deny network key") if changes else text


def _python(folder: Path, numbers: Sequence[int]) -> list[str]:
    found = []
    for number in numbers:
        names: dict[str, Callable[..., str]] = {"relax": _relax}
        source = (folder / f"p{number}.py").read_text()
        try:
            exec(compile(source, f"p{number}.py", "exec"), names)
        except SyntaxError as error:
            raise BrokenError(f"p{number}.py: {error}") from None
        for *values, extra in VALUES:
            found.append(names["f"](*map(bool, values), EXTRA[extra]) + SEPARATOR)
    return ["".join(found)]


def _rust(folder: Path, numbers: Sequence[int]) -> list[str]:
    modules = "\n".join(f"mod p{number};" for number in numbers)
    functions = ", ".join(f"p{number}::f" for number in numbers)
    (folder / "main.rs").write_text(
        f"#![allow(warnings)]\n{modules}\n"
        "pub fn relax(c: bool, p: String) -> String {\n"
        '    if c { p.replace("network alg", "network key") } else { p }\n}\n'
        "fn main() {\n"
        f"    let fs: Vec<fn(bool, bool, bool, &str) -> String> = vec![{functions}];\n"
        f"    for f in fs {{ for i in 0..8 {{ for e in [{_extra()}] {{\n"
        '        print!("{}\\x1e", f(i & 4 != 0, i & 2 != 0, i & 1 != 0, e));\n    } } }\n}\n'
    )
    run("rustc", "--edition", "2021", "-C", "debuginfo=0", "-o", "oracle", "main.rs", cwd=folder)
    return [run(folder / "oracle", cwd=folder)]


def _perl(folder: Path, numbers: Sequence[int]) -> list[str]:
    calls = "".join(f"require './p{number}.pl'; r(\\&f{number});\n" for number in numbers)
    (folder / "main.pl").write_text(
        "sub relax { my ($c, $p) = @_; $p =~ s/network alg/network key/g if $c; $p }\n"
        f"my @extra = ({_extra()});\nsub r {{\n  my ($f) = @_;\n  for my $i (0 .. 7) {{\n"
        "    for my $e (@extra) {\n"
        "      print $f->(($i >> 2) & 1, ($i >> 1) & 1, $i & 1, $e), chr(30);\n    }\n  }\n}\n"
        f"{calls}"
    )
    return [run("perl", "main.pl", cwd=folder)]


def _bash(folder: Path, numbers: Sequence[int]) -> list[str]:
    calls = "".join(f". ./p{number}.sh\nr f{number}\n" for number in numbers)
    extra = " ".join("$'" + text.replace("\n", "\\n") + "'" for text in EXTRA)
    (folder / "main.sh").write_text(
        "relax() { sed 's/network alg/network key/'; }\n"
        f"extra=({extra})\nr() {{\n  local a b c e\n  for a in 0 1; do for b in 0 1; do\n"
        '  for c in 0 1; do for e in "${extra[@]}"; do\n'
        "    : > out; $1 out $a $b $c \"$e\" || true; cat out; printf '\\036'\n"
        f"  done; done; done; done\n}}\n{calls}"
    )
    return [run("bash", "main.sh", cwd=folder)]


def _jinja(folder: Path, numbers: Sequence[int]) -> list[str]:
    import jinja2

    environment = jinja2.Environment(autoescape=False, trim_blocks=False)
    found = []
    for number in numbers:
        try:
            template = environment.from_string((folder / f"p{number}.j2").read_text())
        except jinja2.TemplateError as error:
            raise BrokenError(f"p{number}.j2: {error}") from None
        for c0, c1, c2, extra in VALUES:
            found.append(template.render(c0=c0, c1=c1, c2=c2, extra=EXTRA[extra]) + SEPARATOR)
    return ["".join(found)]


def _ruby_loop(numbers: Sequence[int], begin: str, text: str) -> str:
    """The program that prints a text for each of the numbers and all inputs."""
    return (
        "def relax(c, p) = c ? p.gsub('network alg', 'network key') : p\n"
        f"{begin}\nextra = [{_extra()}]\n{list(numbers)}.each do |n|\n"
        "  [false, true].repeated_permutation(3) do |a, b, c|\n"
        f"    extra.each {{ |e| print {text}, 30.chr }}\n  end\nend\n"
    )


def _ruby(folder: Path, numbers: Sequence[int]) -> list[str]:
    begin = "\n".join(f'require_relative "p{number}"' for number in numbers)
    text = 'send("f#{n}", a, b, c, e)'
    (folder / "main.rb").write_text(_ruby_loop(numbers, begin, text))
    return [run("ruby", "main.rb", cwd=folder)]


def _erb(folder: Path, numbers: Sequence[int]) -> list[str]:
    text = 'ERB.new(File.read("p#{n}.erb")).result_with_hash({c0: a, c1: b, c2: c, extra: e})'
    (folder / "main.rb").write_text(_ruby_loop(numbers, 'require "erb"', text))
    return [run("ruby", "main.rb", cwd=folder)]


def _php_runs(begin: str, text: str) -> Callable[[Path, Sequence[int]], list[str]]:
    def runs(folder: Path, numbers: Sequence[int]) -> list[str]:
        (folder / "main.php").write_text(
            "<?php\nfunction relax($c, $p) {\n"
            "  return $c ? str_replace('network alg', 'network key', $p) : $p;\n}\n"
            f"$all = [{_extra()}];\nforeach ({list(numbers)} as $n) {{\n  {begin}\n"
            "  for ($i = 0; $i < 8; $i++) foreach ($all as $extra) {\n"
            "    [$c0, $c1, $c2] = [($i & 4) > 0, ($i & 2) > 0, ($i & 1) > 0];\n"
            f'    {text}\n    echo "\\x1e";\n  }}\n}}\n'
        )
        return [run("php", "main.php", cwd=folder)]

    return runs


_php = _php_runs('require "p$n.php";', 'echo "f$n"($c0, $c1, $c2, $extra);')
_php_template = _php_runs(
    "", '(function () use ($n, $c0, $c1, $c2, $extra) { require "p$n.php"; })();'
)


def _lua(folder: Path, numbers: Sequence[int]) -> list[str]:
    (folder / "main.lua").write_text(
        "function relax(c, p) return c and p:gsub('network alg', 'network key') or p end\n"
        f"local extra = {{{_extra()}}}\nlocal both = {{false, true}}\n"
        f"for _, n in ipairs({{{', '.join(map(str, numbers))}}}) do\n"
        "  local f = dofile('p' .. n .. '.lua')\n"
        "  for _, a in ipairs(both) do for _, b in ipairs(both) do for _, c in ipairs(both) do\n"
        "    for _, e in ipairs(extra) do io.write(f(a, b, c, e), '\\30') end\n"
        "  end end end\nend\n"
    )
    return [run("lua5.4", "main.lua", cwd=folder)]


RUNNERS: dict[str, tuple[str, Callable[[Path, Sequence[int]], list[str]]]] = {
    "go": ("go", _go), "gotemplate": ("go", _go_template), "c": ("gcc", _c), "cpp": ("g++", _cpp),
    "java": ("javac", _java), "javascript": ("node", _javascript), "python": ("", _python),
    "rust": ("rustc", _rust), "perl": ("perl", _perl), "bash": ("bash", _bash),
    "jinja": ("", _jinja), "ruby": ("ruby", _ruby), "erb": ("ruby", _erb), "php": ("php", _php),
    "phptemplate": ("php", _php_template), "lua": ("lua5.4", _lua),
}  # fmt: skip
"""By language: the tool that must be there, and what runs the programs in a folder."""


def missing(language: Language) -> str:
    """Why the programs of a language cannot run here; empty where they can."""
    tool = RUNNERS[language.name][0]
    return f"{tool} is not installed" if tool and shutil.which(tool) is None else ""


def outputs(language: Language, folder: Path, programs: dict[int, str]) -> dict[int, list[str]]:
    """What each program makes, for all its inputs (and both values of its preprocessor's
    ``FEATURE``). Raises BrokenError."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, source in programs.items():
        (folder / f"p{number}{language.suffix}").write_text(source)
    found: dict[int, list[str]] = {number: [] for number in programs}
    for output in RUNNERS[language.name][1](folder, list(programs)):
        texts = output.split(SEPARATOR)
        assert len(texts) == len(programs) * len(VALUES) + 1, (language.name, len(texts))
        for index, number in enumerate(programs):
            found[number] += texts[index * len(VALUES) : (index + 1) * len(VALUES)]
    for texts in found.values():
        assert all(NAME in text for text in texts)
    return found

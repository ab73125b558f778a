"""What is done with a text after it is made: whatever may leave a part of it out makes it doubtful,
and what certainly does not leaves it as it is.

Each program of ``APART`` prints, or writes to a file, the profile without its deny.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import patcher
from patcher import Status
from tests import needs

from .texts import _PARTS, statuses

_PY = 'p = """TEXT"""\n'
_JS = "const p = `TEXT`;\n"
_RB = "t = <<~E\nTEXT\nE\n"
_PL = "my $p = <<'E';\nTEXT\nE\n"
_GO = 'package main\n\nimport (\n\t"fmt"\n\t"strings"\n)\n\nconst p = `TEXT`\n\n'
_LIST = "[\nLIST\n]\n"
_SH = "cat > /etc/apparmor.d/x <<'E'\nTEXT\nE\n"
_COPY = "- copy:\n    dest: /etc/apparmor.d/x\n    content: |\nINDENTED"
_TF = "locals {\n  p = <<E\nTEXT\nE\n}\n"
_VIM = "let p =<< trim E\nTEXT\nE\n"
_HELM = '{{- define "p" }}\nTEXT\n{{- end }}\n'

APART = [
    # lines or elements that are chosen
    ("a.py", _PY + 'match p.split("\\n"):\n    case [a, b, c, *d]:\n        print(a, b, *d)\n'),
    ("a.py", _PY + 'print(p.encode("ascii").split(b"  deny network")[0].decode())\n'),
    ("a.py", f'p = {_LIST}print("\\n".join(p[i] for i in (0, 1, 3, 8)))\n'),
    ("a.rb", _RB + "puts t.lines.values_at(0, 1, 3, 8)\n"),
    ("a.rb", f"t = {_LIST}puts t.values_at(0, 1, 3, 8)\n"),
    ("a.pl", _PL + 'for (split /\\n/, $p) { next if /alg/; print "$_\\n" }\n'),
    ("a.pl", 'my @p = (\nLIST\n);\nsplice @p, 2, 1;\nprint join "\\n", @p;\n'),
    ("a.pl", 'my @p = (\nLIST\n);\nmy ($a, $b, $c, @d) = @p;\nprint join "\\n", $a, $b, @d;\n'),
    ("a.pl", _PL + 'open my $f, "<", \\$p; while (<$f>) { print unless $. == 3 }\n'),
    ("a.php", '<?php\n$p = [\nLIST\n];\n[$a, $b, , $c] = $p;\necho "$a\\n$b\\n$c\\n";\n'),
    ("a.js", _JS + 'console.log(p.split("\\n").toSpliced(2, 1).join("\\n"));\n'),
    ("a.js", _JS + 'const [a, b, , ...c] = p.split("\\n");\nconsole.log(a, b, ...c);\n'),
    ("a.js", _JS + "console.log(Buffer.from(p).subarray(0, 85).toString());\n"),
    ("a.js", _JS + 'console.log(p.split(/  deny network alg,\\n/).join(""));\n'),
    ("a.js", _JS + "console.log([...p.matchAll(/^(?!.*alg).*$/gm)].join(''));\n"),
    ("a.js", f'const p = {_LIST}p.copyWithin(2, 3);\nconsole.log(p.join("\\n"));\n'),
    ("a.js", f'const p = {_LIST}p.fill("", 2, 3);\nconsole.log(p.join("\\n"));\n'),
    (
        "a.go",
        _GO + 'func main() { for i, l := range strings.Split(p, "\\n") {'
        " if i != 2 { fmt.Println(l) } } }\n",
    ),
    ("a.lua", 'local p = [[TEXT]]\nprint(p:match("^(.-)  deny"))\n'),
    ("a.sh", "r=(QUOTED)\nfor i in 0 1 3 8; do echo \"${r[i]}\"; done\n"),
    ("a.sh", "set -- QUOTED\nshift\necho \"$1\"; shift 2; printf '%s\\n' \"$@\"\n"),
    ("a.sh", "p='TEXT'\nmapfile -t l <<< \"$p\"\nunset 'l[2]'\nprintf '%s\\n' \"${l[@]}\"\n"),
    ("a.jq", '"ESCAPED" | split("\\n") | del(.[2]) | join("\\n")\n'),
    ("a.tf", _TF + 'output "x" { value = [for l in split("\\n", local.p) : l if l != ""] }\n'),
    # operators, marks and functions that are not known
    ("a.py", _PY + 'import operator\nprint(operator.methodcaller("replace", "deny", "")(p))'),
    ("a.py", _PY + 'import subprocess as s\ns.run(["grep", "-v", "alg"], input=p, text=True)\n'),
    ("a.kt", 'val p = """\nTEXT"""\nfun main() { println(!p) }\n'),
    ("a.kt", 'fun main() { println(-"""\nTEXT""") }\n'),
    ("A.java", 'class A {\n  @Shorten(to = 80)\n  static String p = """\nTEXT""";\n}\n'),
    ("A.kt", 'class A {\n  @Lax\n  val p = """\nTEXT""".trimIndent()\n}\n'),
    ("A.cs", 'class A {\n  [Shorten(80)]\n  public string P = @"\nTEXT";\n}\n'),
    ("a.rs", '#[shorten(80)]\nconst P: &str = r#"TEXT"#;\n'),
    ("a.nix", "{ lib }: let p = ''\nTEXT\n''; in builtins.substring 0 85 p\n"),
    # shells
    ("a.sh", 'IFS= read -r -d "" p <<E\nTEXT\nE\necho "${p//deny/#}"\n'),
    ("a.sh", 'f() { cat <<E\nTEXT\nE\n}\np=$(f); echo "${p//alg/key}"\n'),
    ("Dockerfile", "FROM a\nCOPY <<E /x\nTEXT\nE\nRUN sed -i 3d /x\n"),
    ("Dockerfile", "FROM a\nRUN cat > /x <<E && sed -i 3d /x\nTEXT\nE\n"),
    ("a.sh", _SH + "cd /etc/apparmor.d && sed -i 3d x\n"),
    ("a.sh", _SH + "sed -i 3d /etc/hosts\n" * 400),
    ("a.sh", _SH + "sed -i 3d /etc/apparmor.d/*\n"),
    ("a.sh", _SH + "find . -name 'x*' -exec sed -i 3d {} +\n"),
    ("a.sh", "cat > x <<'E'\nTEXT\nE\ndd if=x of=/etc/apparmor.d/x bs=1 count=85\n"),
    ("a.sh", "cat > x <<'E'\nTEXT\nE\nmapfile -t a < x; unset 'a[2]'; echo \"${a[@]}\"\n"),
    ("a.sh", "cat > x <<'E'\nTEXT\nE\np=$(<x); echo \"${p/deny network alg,}\"\n"),
    # what stands behind the end of a program
    ("a.pl", "while (<DATA>) { print unless /alg/ }\n__DATA__\nTEXT\n"),
    ("a.rb", "puts DATA.readlines.values_at(0, 1, 3, 8)\n__END__\nTEXT\n"),
    # templates
    ("a.j2", "{% set p %}\nTEXT\n{% endset %}\n{{ p | truncate(85) }}\n"),
    ("a.j2", "{% call lax() %}\nTEXT\n{% endcall %}\n"),
    ("a.j2", '{% set p = "ESCAPED" %}\n{{ p.split("\\n") | reject("search", "x") | join }}\n'),
    ("a.tpl", _HELM + '{{ range (splitList "\\n" (include "p" .)) }}{{ . }}{{ end }}\n'),
    ("a.tpl", _HELM + '{{ include "p" . | trimSuffix "}" | splitList "x" | initial }}\n'),
    ("a.tpl", _HELM + '{{ without (splitList "\\n" (include "p" .)) "x" | join "\\n" }}\n'),
    ("a.yaml", "p: |\nINDENTEDq: '{{ .Values.p | replace \"alg\" \"key\" }}'\n"),
    ("a.tpl", "{{- $p := `TEXT` }}\n{{ $p | nindent 2 | substr 0 85 }}\n"),
    # what edits a file that was written
    ("a.yml", _COPY + "- shell: sed -i 3d /etc/apparmor.d/x\n"),
    ("a.yml", _COPY + "- command: truncate -s 85 /etc/apparmor.d/x\n"),
    ("a.yml", _COPY + "- lineinfile:\n    path: /etc/apparmor.d/x\n    state: absent\n"),
    ("a.yml", _COPY + "- blockinfile:\n    path: /etc/apparmor.d/x\n    state: absent\n"),
    ("a.yml", _COPY + "- replace:\n    path: /etc/apparmor.d/x\n    after: x\n"),
    ("a.sls", "x:\n  file.managed:\n    - contents: |\nINDENTEDy:\n  file.line:\n    - name: x\n"),
    (
        "a.rb",
        'file "x" do\n  content <<~E\nTEXT\n  E\nend\n'
        'ruby_block "y" do\n'
        '  block { Chef::Util::FileEdit.new("x").search_file_delete_line(/a/) }\nend\n',
    ),
    # Vim and Emacs
    ("a.vim", _VIM + "call filter(p, \"v:val !~ 'alg'\")\ncall writefile(p, 'x')\n"),
    ("a.vim", _VIM + "call remove(p, 2)\ncall writefile(p, 'x')\n"),
    ("a.vim", _VIM + "call writefile(p[:1] + p[3:], 'x')\n"),
    ("a.vim", _VIM + "call setline(1, p)\ng/alg/d\nwrite x\n"),
    ("a.el", '(setq p "ESCAPED")\n(with-temp-buffer (insert p) (flush-lines "alg"))\n'),
]  # fmt: skip
WHOLE = [
    (
        "a.go",
        _GO + "func main() {\n"
        '\tfor _, l := range strings.Split(p, "\\n") { fmt.Println(l) }\n}\n',
    ),
    ("a.js", _JS + 'console.log(p.split("\\n").join("\\r\\n"));\n'),
    ("a.sh", "r=(QUOTED)\nprintf '%s\\n' \"${r[@]}\" > x\n"),
    ("a.py", _PY + 'import subprocess\nsubprocess.run(["apparmor_parser", "-r"], input=p)\n'),
    ("A.java", 'class A {\n  @Deprecated\n  static String p = """\nTEXT""";\n}\n'),
    ("A.java", 'class A {\n  @Lax int n = 1;\n  static String p = """\nTEXT""";\n}\n'),
    ("a.rs", '#[rustfmt::skip]\nconst P: &str = r#"TEXT"#;\n'),
    ("a.kt", 'val p = """\nTEXT"""\nfun main() { if (!p.isEmpty()) println(p) }\n'),
    ("Dockerfile", "FROM a\nCOPY <<E /x\nTEXT\nE\nRUN sed -i 3d /y\n"),
    ("a.j2", "{% filter indent(2) %}\nTEXT\n{% endfilter %}\n"),
    ("a.j2", "{% set p %}\nTEXT\n{% endset %}\n{{ p }}\n"),
    ("a.tpl", _HELM + '{{ include "p" . | nindent 4 }}\n'),
    ("a.yml", _COPY + "- lineinfile:\n    path: /etc/hosts\n    state: absent\n"),
    ("a.yml", _COPY + "- shell: sed -i 3d /etc/hosts\n"),
    ("a.vim", _VIM + "call writefile(p, 'x')\n"),
    ("a.sh", _SH + "sed -i 3d /etc/hosts\n"),
    ("a.sh", _SH + "sed -i 3d *.conf\n"),
    ("a.sh", "cat > x <<'E'\nTEXT\nE\np=$(<x); echo \"$p\"\n"),
    ("a.pl", "local $/; print <DATA>;\n__DATA__\nTEXT\n"),
    ("a.yaml", "p: |\nINDENTEDq: '{{ .Values.p | nindent 4 }}'\n"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "program"), APART)
def test_what_may_leave_out_a_part_makes_it_doubtful(path: str, program: str) -> None:
    assert statuses(path, program) == {Status.UNDER_INVESTIGATION}


@pytest.mark.parametrize(("path", "program"), WHOLE)
def test_what_leaves_it_as_it_is_changes_no_answer(path: str, program: str) -> None:
    assert statuses(path, program) == {Status.FIXED}


@pytest.mark.parametrize(
    ("path", "program"), [each for each in APART if each[0].endswith((".yml", ".tpl", ".vim"))]
)
def test_where_the_rule_is_added_the_doubt_is_said(path: str, program: str) -> None:
    """The rule is missing all the same: with it, the file needs review."""
    for name, part in _PARTS.items():
        program = program.replace(name, part)
    before = "\n".join(line for line in program.split("\n") if "deny network" not in line)
    result = patcher.patch(path, before.encode())
    (found,) = result.findings
    if found.edit is None:
        assert found.status is Status.UNDER_INVESTIGATION
    else:
        assert "; it still needs review when it is changed: " in found.reason
        (after,) = patcher.patch(path, result.content).findings
        assert after.status is Status.UNDER_INVESTIGATION
        assert found.reason.endswith(after.reason)


_TOOLS = {
    ".py": "python3", ".rb": "ruby", ".pl": "perl", ".php": "php", ".js": "node", ".lua": "lua5.4",
    ".sh": "bash",
}  # fmt: skip


def _printed(tmp_path: Path, path: str, program: str) -> str:
    """What a program prints, run with its own tool in an empty directory."""
    for name, part in _PARTS.items():
        program = program.replace(name, part)
    tmp_path.joinpath(path).write_text(program)
    done = subprocess.run(
        [_TOOLS[Path(path).suffix], path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout


_RUN = [
    pytest.param(path, program, marks=needs.program(_TOOLS[Path(path).suffix]))
    for path, program in APART
    if Path(path).suffix in _TOOLS
    and not any(word in program for word in ("Chef", "/etc/", "toSpliced"))
]


@pytest.mark.parametrize(("path", "program"), _RUN)
def test_its_deny_is_missing_from_what_the_program_prints(
    tmp_path: Path, path: str, program: str
) -> None:
    printed = _printed(tmp_path, path, program)
    assert "network," in printed
    assert "deny network alg," not in printed

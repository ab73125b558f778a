"""Policy text made to be hard, in files just under the size limit: each over one of the bounds of
``patcher.policy.bounds``, or just under it.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.hostile.bench import PROFILE

SIZE = (8 << 20) - 4096
HEAD = PROFILE[:-2]
"""The profile without its closing brace."""
HEAD_C = json.dumps(HEAD)[1:-1]
PROFILE_C = json.dumps(PROFILE)[1:-1]
GO = f"package x\nvar p = `{PROFILE}`\n"
PYTHON = f"p = '''{PROFILE}'''\n"
SHELL = f"cat <<EOF\n{PROFILE}EOF\n"
TOML = f"p = '''\n{PROFILE}'''\n"
MARKDOWN = f"```\n{PROFILE}```\n"
YAML = f"p: {json.dumps(PROFILE)}\n"
DOCUMENT = "---\n" + YAML
YAML_BLOCK = "p: |\n" + "".join(f"  {line}\n" for line in HEAD.splitlines())
PATCH = "--- a\n+++ b\n@@ -1 +1,9 @@\n" + "".join(f"+{line}\n" for line in PROFILE.splitlines())


def full(before: str, piece: str, after: str = "") -> str:
    """A file of the piece over and over."""
    return before + piece * ((SIZE - len(before) - len(after)) // len(piece)) + after


def numbered(before: str, form: str, count: int, after: str = "") -> str:
    """A file of pieces that differ: ``%d`` in the form is a number."""
    return before + "".join(form.replace("%d", str(n)) for n in range(count)) + after


def padded(text: str, comment: str = "# ") -> str:
    """The text, and a comment that fills the file."""
    return text + comment + "x" * (SIZE - len(text.encode()) - len(comment.encode()) - 1) + "\n"


def packed(text: str, count: int) -> str:
    """Values of YAML, each of which is the text, compressed and in base64."""
    digits = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
    return "".join(f"a{n}: {digits}\n" for n in range(count))


@dataclass(frozen=True, slots=True)
class Bomb:
    """``name`` is the file's; ``reason`` is what is told of it, of one that is over a bound."""

    name: str
    text: Callable[[], str]
    reason: str = ""

    @property
    def content(self) -> bytes:
        encoded = self.text().encode("utf-16" if self.name.endswith(".utf16") else "utf-8")
        assert len(encoded) <= 8 << 20
        return encoded


LINES = "more than 200000 lines"
RULES = "more than 50000 rules"
WORDS = "more than 1000000 words and marks of policy text"
BLOCKS = "more than 10000 nested blocks"
CHOICES = "more than 10000 nested choices of a template"
PROFILES = "more than 5000 profiles"
BRACES = "more than 100000 braces in one word"
LIST = "more than 50000 strings in one list"
ON_A_LINE = "more than 50000 strings on one line"
LITERALS = "more than 50000 strings and comments near network rules"
SECTIONS = "more than 20000 rules that sections put into profiles"

OVER: dict[str, Bomb] = {
    # programs
    "escaped quotes": Bomb("p.sh", lambda: full(SHELL + 'echo "network,', '\\"', '"\n'), WORDS),
    # plain policy
    "braces": Bomb("p", lambda: PROFILE + "{" * 1_000_000, BRACES),
    "braces, closed": Bomb("p", lambda: HEAD + "{ " * 10_001 + "}" * 10_002, BLOCKS),
    "braces and blanks": Bomb("p", lambda: full(PROFILE, "{ "), BLOCKS),
    "pairs of braces": Bomb("p", lambda: HEAD + "{}" * 4_000_000 + "}\n", WORDS),
    "alternations": Bomb("p", lambda: HEAD + "/{a," * 1_600_000 + "}" * 1_600_000, BRACES),
    "profiles": Bomb(
        "p", lambda: numbered(PROFILE, "profile p%d { network, }\n", 190_000), PROFILES
    ),
    "profiles on lines": Bomb("p", lambda: full("", PROFILE), LINES),
    "nested profiles": Bomb(
        "p", lambda: full(HEAD, "profile x { "), "the name of a profile is longer than 2048 bytes"
    ),
    "a long name": Bomb(
        "p",
        lambda: PROFILE.replace("docker-default", "docker-default" + "a" * 4_000_000),
        "the name of a profile is longer than 2048 bytes",
    ),
    "flags": Bomb(
        "p",
        lambda: PROFILE.replace("deleted)", "deleted," + ",".join(map(str, range(100))) + ")"),
        "a profile with more than 50 flags",
    ),
    "rules": Bomb("p", lambda: full(HEAD, "network,", "}\n"), RULES),
    "rules on lines": Bomb("p", lambda: full(HEAD, "network,\n", "}\n"), LINES),
    "carriage returns": Bomb("p", lambda: full(HEAD, "network,\r", "}\n"), LINES),
    "CRLF": Bomb("p", lambda: full(HEAD, "network,\r\n", "}\n"), LINES),
    "qualifier blocks": Bomb("p", lambda: full(HEAD, "audit { network, } ", "}\n"), RULES),
    "nested qualifier blocks": Bomb("p", lambda: full(HEAD, "audit { "), BLOCKS),
    "if blocks": Bomb("p", lambda: full(HEAD, "if $x { network, } else { file, } ", "}\n"), RULES),
    "words": Bomb("p", lambda: full(HEAD, "a ", ",\n}\n"), WORDS),
    "commas": Bomb("p", lambda: full(HEAD, ",", "\n}\n"), WORDS),
    "parentheses": Bomb("p", lambda: full(HEAD, "(", "\n}\n"), WORDS),
    "assignments": Bomb("p", lambda: numbered("", "@{V%d}=/a\n", 500_000, PROFILE), LINES),
    "includes": Bomb("p", lambda: full(HEAD, "include <a>\n", "}\n"), LINES),
    "comments": Bomb("p", lambda: full(HEAD, "#\n", "}\n"), LINES),
    "lines without policy": Bomb("p", lambda: full(PROFILE, "QUJDRA/+ab\n"), LINES),
    "UTF-16": Bomb("p.utf16", lambda: HEAD + "network,\n" * 450_000 + "}\n", LINES),
    # templates
    "if": Bomb("p.tmpl", lambda: full(HEAD, "{{if .A}}"), CHOICES),
    "if, closed": Bomb(
        "p.tmpl", lambda: HEAD + "{{if .A}}" * 400_000 + "network," + "{{end}}" * 400_000, CHOICES
    ),
    "range": Bomb("p.tmpl", lambda: full(HEAD, "{{range .A}} network, "), CHOICES),
    "Jinja": Bomb("p.j2", lambda: full(HEAD, "{% if a %}network,"), CHOICES),
    "exclusive rules": Bomb(
        "p.tmpl", lambda: numbered(HEAD, "{{if .A%d}}network,{{end}}", 200_000, "}\n"), RULES
    ),
    "actions": Bomb("p.tmpl", lambda: full(HEAD, "{{.A}}", "\n}\n"), WORDS),
    "findings": Bomb(
        "p.tmpl",
        lambda: "".join(
            numbered(HEAD.replace("  network,\n", ""), "{{if .A%d}}network,{{end}}\n", 700, "}\n")
            for _ in range(15)
        ),
        "more than 10000 findings",
    ),
    "sections": Bomb(
        "p.tmpl",
        lambda: (
            "".join(
                f'{{{{define "a{n}"}}}}' + f'{{{{template "a{n + 1}"}}}}\n' * 20 + "{{end}}\n"
                for n in range(8)
            )
            + HEAD
            + '{{template "a0"}}\n}\n'
        ),
        SECTIONS,
    ),
    "a large section": Bomb(
        "p.tmpl",
        lambda: (
            '{{define "a"}}' + "file, " * 5000 + "{{end}}\n" + HEAD + '{{template "a"}}\n' * 10_000
        ),
        SECTIONS,
    ),
    # hosts
    "YAML documents": Bomb("p.yaml", lambda: full(YAML, "---\na: network,\n"), LINES),
    "YAML anchors": Bomb("p.yaml", lambda: numbered(YAML, "a%d: &a%d [*a, *a]\n", 250_000), LINES),
    "a YAML list": Bomb("p.yaml", lambda: full(YAML + "q: [", "'network,',", "'']\n"), ON_A_LINE),
    "a YAML scalar": Bomb("p.yaml", lambda: full(f'p: "{HEAD_C}', "network,\\n", '}"\n'), LINES),
    "zeros in gzip": Bomb(
        "p.yaml", lambda: packed("\0" * ((1 << 24) - 1), 380),
        "over 268435456 bytes in gzip and base64 in one file",
    ),
    "zeros in one text in gzip": Bomb(
        "p.yaml", lambda: packed("\0" * (1 << 29), 1), "over 16777216 bytes in gzip and base64"
    ),
    "profiles in gzip": Bomb(
        "p.yaml", lambda: packed(padded(_moby("#\n" * 29, 4900)), 32),
        "over 1048576 bytes with profiles in base64",
    ),
    "a JSON list": Bomb("p.json", lambda: full(f'["{PROFILE_C}",', '"network,",', '""]'), LIST),
    "a JSON string": Bomb("p.json", lambda: full(f'{{"p": "{HEAD_C}', "network,\\n", '}"}'), LINES),
    "JSON escapes": Bomb(
        "p.json",
        lambda: full(f'{{"p": "{HEAD_C}', "\\u000a", '}"}'),
        "more than 200000 lines in one string",
    ),
    "TOML tables": Bomb("p.toml", lambda: numbered(TOML, "[a%d]\n", 500_000), LINES),
    "Go literals": Bomb("p.go", lambda: full(GO, '"network,";'), LITERALS),
    "joined Go literals": Bomb(
        "p.go", lambda: full(GO + "var q = ", '"network,"+', '""\n'), LITERALS
    ),
    "Go comments": Bomb("p.go", lambda: full(GO, "/*network,*/"), LITERALS),
    "adjacent C literals": Bomb(
        "p.c", lambda: full(f'char *p = "{PROFILE_C}" ', '"network," ', ";\n"), LITERALS
    ),
    "Python literals": Bomb("p.py", lambda: full(PYTHON, "f('network,');"), LITERALS),
    "JavaScript literals": Bomb(
        "p.js", lambda: full(f"p = `{PROFILE}`\n", "'network,'+"), LITERALS
    ),
    "a JavaScript template": Bomb("p.js", lambda: full(f"p = `{HEAD}", "${a}", "}`\n"), WORDS),
    "Rust literals": Bomb(
        "p.rs", lambda: full(f'let p = "{PROFILE}";\n', 'f("network,");'), LITERALS
    ),
    "nested Nix strings": Bomb(
        "p.nix", lambda: full(f"p = ''{PROFILE}'';\n", "''${"), "more than 10000 nested strings"
    ),
    "here documents": Bomb("p.sh", lambda: full(SHELL, "cat <<A\nnetwork,\nA\n"), LINES),
    "open here documents": Bomb(
        "p.sh", lambda: numbered(SHELL, "<<A%d ", 800_000), "more than 50000 here documents"
    ),
    "shell strings": Bomb("p.sh", lambda: full(SHELL, '"network,"'), ON_A_LINE),
    "Markdown fences": Bomb("p.md", lambda: full(MARKDOWN, "```\nnetwork,\n```\n"), LINES),
    "Markdown profiles": Bomb("p.md", lambda: MARKDOWN * 5001, PROFILES),
    "quoted lines": Bomb("p.conf", lambda: full(PROFILE, "# network,\n"), LINES),
    "a manual page": Bomb("p.7", lambda: full(f".TH X 7\n{HEAD}", "network,\n.br\n"), LINES),
    "a patch": Bomb("p.patch", lambda: full("", PATCH), LINES),
}  # fmt: skip
"""By what there is too much of."""


def _moby(rules: str, count: int) -> str:
    return (HEAD + rules + "}\n") * count


UNDER: dict[str, Bomb] = {
    "branches": Bomb(
        "p.py", lambda: numbered(PYTHON, "if a%d:\n    p += 'network,\\n'\n", 15_000)
    ),
    "profiles, rules and lines": Bomb("p", lambda: padded(_moby("#\n" * 29, 4900))),
    "tiny profiles": Bomb(
        "p", lambda: padded(numbered("", "profile p%d {\n network,\n deny mount,\n}\n", 4990))
    ),
    "rules that differ": Bomb(
        "p", lambda: padded(numbered(HEAD, "network inet a%d,\n", 49_900, "}\n"))
    ),
    "lines": Bomb("p", lambda: padded(HEAD + "# x\n" * 199_900 + "}\n", "# \U0001f600")),
    "nested blocks": Bomb("p", lambda: HEAD + "{ network, " * 4980 + "}" * 4981),
    "child profiles of long names": Bomb(
        "p",
        lambda: numbered(
            HEAD.replace("docker-default", "docker-default" + "a" * 1900),
            "profile x%d { network, }\n", 4980, "}\n",
        ),
    ),
    "rules that depend on choices": Bomb(
        "p.tmpl",
        lambda: _moby(
            numbered(
                "", "{{if .A%d}}network,{{end}}\n{{if .B%d}}deny network alg,{{end}}\n", 500
            ),
            20,
        ),
    ),
    "statements": Bomb(
        "p.go", lambda: numbered(GO, 's.W("network,' + "x" * 120 + '\\n")\n', 25_000)
    ),
    "values of JSON": Bomb(
        "p.json", lambda: f'{{"p": "{PROFILE_C}", "x": [' + "1," * 1_000_000 + "1]}"
    ),
    "Go blocks": Bomb("p.go", lambda: full(GO, "{", 'x("network,")')),
    "pairs on one line": Bomb(
        "p.go", lambda: GO + "; " + ('f("network," + "network,' + "x" * 300 + '"); ') * 20_000
    ),
    "words of Python": Bomb("p.py", lambda: PYTHON + "a\n" * 190_000),
    "parts of a key": Bomb("p.toml", lambda: TOML + "a." * 120_000 + "b=1\n"),
    "escapes": Bomb(
        "p.json", lambda: f'{{"p": "{HEAD_C}' + ("#" + "\\/" * 32_000 + "\\n") * 50 + '}"}'
    ),
    "blanks": Bomb("p", lambda: full(HEAD, " ", "\n}\n")),
    "a word": Bomb("p", lambda: full(HEAD + "network inet ", "a", ",\n}\n")),
    "nested YAML": Bomb("p.yaml", lambda: full("", DOCUMENT + f"a: {'[' * 2000 + ']' * 2000}\n")),
    "4 KB of YAML": Bomb("p.yaml", lambda: DOCUMENT + f"a: {'[' * 2000 + ']' * 2000}\n"),
    "words of YAML": Bomb("p.yaml", lambda: full("", DOCUMENT + f"a: [{'a,' * 30_000}]\n")),
    "pairs of YAML": Bomb("p.yaml", lambda: full("", DOCUMENT + f"a: {{{'a: b,' * 12_000}}}\n")),
    "prose in YAML": Bomb("p.yaml", lambda: full("", DOCUMENT + f"a: {'word ' * 12_000}\n")),
    "YAML brackets": Bomb("p.yaml", lambda: YAML + "a: " + "[" * 4_000_000 + "]" * 4_000_000),
    "blocks in gzip": Bomb(
        "p.yaml", lambda: YAML + packed(HEAD + "{ network, " * 4980 + "}" * 4981, 15)
    ),
    "JSON brackets": Bomb(
        "p.json", lambda: "[" * 4_000_000 + json.dumps(PROFILE) + "]" * 4_000_000
    ),
}  # fmt: skip
"""What is read in full: each is affected, or has a part that is."""

DFA = "".join(f"  /**/{chr(97 + n)}**{n}x/**y{n}/** r,\n" for n in range(26))
COMPILED: dict[str, Bomb] = {
    "a state machine without end": Bomb(
        "p", lambda: _moby(DFA, 1), "it takes more than 96 MiB of memory"
    ),
    "many of them": Bomb(
        "p", lambda: "".join(_moby(DFA, 1).replace("**y", f"**{n}y") for n in range(5))
    ),
    "54 kB of if": Bomb(
        "p.tmpl", lambda: HEAD + "{{if .A}}" * 3400 + "network,\n" + "{{end}}" * 3400 + "}\n",
        "the profile has more than 64 nested choices",
    ),
    "variables of variables": Bomb(
        "apparmor.d/p",
        lambda: (
            "@{A0}={a,b}\n"
            + "".join(f"@{{A{n}}}=@{{A{n - 1}}}@{{A{n - 1}}}\n" for n in range(1, 20))
            + HEAD
            + "@{A19}/x r,\n}\n"
        ),
    ),
    "actions in one rule": Bomb(
        "p.tmpl", lambda: PROFILE + HEAD + "mount {{.A}} " * 20_000 + ",\n}\n",
        "the profile has more than 512 words in one rule",
    ),
    "an action that profiles share": Bomb(
        "p.tmpl",
        lambda: (
            '{{define "b"}}{{' + "x" * 4_000_000 + "}}\n{{end}}\n"
            + PROFILE.replace("network,", '{{template "b"}}') * 2000
        ),
    ),
    "profiles": Bomb("p", lambda: PROFILE * 1000),
    "nested blocks": UNDER["nested blocks"],
}  # fmt: skip
"""What is hard for AppArmor's parser, or to make it ready for it."""

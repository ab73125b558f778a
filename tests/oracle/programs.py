"""Programs that put together a moby-style profile with conditionals, in several languages.

Each program is a function of a few booleans, made at random from the same parts in every language:
text that is appended, conditionals with and without braces, loops, switches, early returns, lists
with conditional elements, expressions that choose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

INPUTS = 3
"""Booleans that a program takes."""
NAME = "oracleprofile"
HEADER = f"profile {NAME} flags=(attach_disconnected,mediate_deleted) {{\n"
REST = (
    "  capability,\n  file,\n  umount,\n  deny /proc/kcore rwklx,\n"
    "  deny /proc/sysrq-trigger rwklx,\n  deny mount,\n  deny /sys/kernel/security/** rwklx,\n}\n"
)
_RULES = (
    ["  network,\n"] * 5
    + ["  deny network alg,\n"] * 5
    + ["  network inet,\n", "  audit network,\n", "  network seqpacket,\n", "  deny network,\n"]
    + ["  signal,\n", "  ptrace,\n", "  network,\n  deny network alg,\n", "  file,\n  network,\n"]
    + ["  deny network alg,\n  network,\n", "\tnetwork,\n", "  deny network vsock,\n"]
)
_NARROW = ("  network inet,\n", "  network unix stream,\n", "  signal,\n", "  ptrace,\n")
"""None of them reaches the family."""
EXTRA = ("", "  network inet,\n", "  network,\n")
"""What a string that the program takes may hold."""


@dataclass(frozen=True, slots=True)
class Language:
    """How a language writes what the programs are made of. Code comes in lists of lines."""

    name: str
    suffix: str
    frame: Callable[[int, list[str]], str]
    """The file with the function of that number."""
    condition: str
    """The expression for one of the inputs."""
    add: tuple[str, ...]
    """Statements that append ``@``."""
    opened: str
    """What begins a conditional on ``@``."""
    otherwise: str
    closed: str
    loop: str
    """What begins a loop."""
    choose: str
    """The expression for ``A`` where ``@`` holds and ``B`` where it does not."""
    expressions: tuple[str, ...] = ()
    """More statements, which append ``A`` and, where ``@`` holds, ``B``."""
    join: str = " + "
    quote: Callable[[str], str] = field(default=lambda text: _quoted(text))
    braceless: str = ""
    """A statement, ``A``, that a condition ``@`` governs without braces."""
    on_a_line: str = ""
    leave: str = ""
    """Returns early with ``A`` appended."""
    switch: tuple[str, str, str, str] = ("", "", "", "")
    """Begins a switch over ``@``, an arm for true, one for false, and ends it."""
    directives: tuple[str, str] = ("", "")
    loop_closed: str = ""
    """What ends a loop, where that is not ``closed``."""
    changed: str = ""
    """A statement that replaces the text by what ``relax`` makes of it, where ``@`` holds."""
    extra: str = "extra"
    beside: str = ""
    """A statement with a string that has nothing to do with the text."""
    indent: str = "    "


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\t", "\\t") + '"'


def _shell(text: str) -> str:
    return '"' + text.rstrip("\n") + '"'


def _go(number: int, body: list[str]) -> str:
    code = "\n".join(["\tp := " + _quoted(HEADER), *body, "\tp += " + _quoted(REST)])
    imports = 'import "strings"\n\nvar _ = strings.Join\n\n'
    return (
        f"package main\n\n{imports}func f{number}(c0, c1, c2 bool, extra string) string {{\n"
        f"{code}\n\treturn p\n}}\n"
    )


def _cpp(number: int, body: list[str]) -> str:
    code = "\n".join(
        [f"    std::string p = {_quoted(HEADER)};", *body, f"    p += {_quoted(REST)};"]
    )
    return (
        f"std::string f{number}(bool c0, bool c1, bool c2, std::string extra) {{\n"
        f"{code}\n    return p;\n}}\n"
    )


def _c(number: int, body: list[str]) -> str:
    code = "\n".join(
        [f"    strcpy(p, {_quoted(HEADER)});", *body, f"    strcat(p, {_quoted(REST)});"]
    )
    return f"void f{number}(char *p, int c0, int c1, int c2, const char *extra) {{\n{code}\n}}\n"


def _java(number: int, body: list[str]) -> str:
    code = "\n".join(
        [f"        String p = {_quoted(HEADER)};", *body, f"        p += {_quoted(REST)};"]
    )
    return (
        f"import java.util.List;\n\nclass F{number} {{\n"
        "    static String f(boolean c0, boolean c1, boolean c2, String extra) {\n"
        f"{code}\n        return p;\n    }}\n}}\n"
    )


def _javascript(number: int, body: list[str]) -> str:
    code = "\n".join([f"  let p = {_quoted(HEADER)};", *body, f"  p += {_quoted(REST)};"])
    return f"module.exports = function (c0, c1, c2, extra) {{\n{code}\n  return p;\n}};\n"


def _python(number: int, body: list[str]) -> str:
    code = "\n".join([f"    p = {_quoted(HEADER)}", *body, f"    p += {_quoted(REST)}"])
    return f"def f(c0, c1, c2, extra):\n{code}\n    return p\n"


def _rust(number: int, body: list[str]) -> str:
    code = "\n".join(
        [f"    let mut p = String::from({_quoted(HEADER)});", *body, f"    p += {_quoted(REST)};"]
    )
    return f"pub fn f(c0: bool, c1: bool, c2: bool, extra: &str) -> String {{\n{code}\n    p\n}}\n"


def _perl(number: int, body: list[str]) -> str:
    code = "\n".join([f"  my $p = {_quoted(HEADER)};", *body, f"  $p .= {_quoted(REST)};"])
    return f"sub f{number} {{\n  my ($c0, $c1, $c2, $extra) = @_;\n{code}\n  return $p;\n}}\n1;\n"


def _bash(number: int, body: list[str]) -> str:
    head = "\n".join(f'  echo "{line}" > "$out"' for line in HEADER.splitlines())
    rest = "\n".join(f'  echo "{line}" >> "$out"' for line in REST.splitlines())
    code = "\n".join([head, *body, rest])
    return f"f{number}() {{\n  local out=$1 c0=$2 c1=$3 c2=$4 extra=$5\n{code}\n}}\n"


def _ruby(number: int, body: list[str]) -> str:
    code = "\n".join([f"  p = +{_quoted(HEADER)}", *body, f"  p << {_quoted(REST)}"])
    return f"def f{number}(c0, c1, c2, extra)\n{code}\n  p\nend\n"


def _php(number: int, body: list[str]) -> str:
    code = "\n".join([f"    $p = {_quoted(HEADER)};", *body, f"    $p .= {_quoted(REST)};"])
    return f"<?php\nfunction f{number}($c0, $c1, $c2, $extra) {{\n{code}\n    return $p;\n}}\n"


def _lua(number: int, body: list[str]) -> str:
    code = "\n".join([f"  local p = {_quoted(HEADER)}", *body, f"  p = p .. {_quoted(REST)}"])
    return f"return function(c0, c1, c2, extra)\n{code}\n  return p\nend\n"


def _template(number: int, body: list[str]) -> str:
    return HEADER + "\n".join(body) + "\n" + REST


_C_LIKE: dict[str, Any] = {
    "opened": "if (@) {",
    "otherwise": "} else {",
    "closed": "}",
    "choose": "(@ ? A : B)",
    "braceless": "if (@)\n    A",
    "on_a_line": "if (@) { A }",
}
GO = Language(
    "go", ".go", _go, "c%d",
    beside='_ = "a;b"',
    add=("p += @", "p = p + @", 'p += strings.Join([]string{@}, "")'),
    opened="if @ {", otherwise="} else {", closed="}",
    loop="for i := 0; i < count(@); i++ {",
    choose="pick(@, A, B)",
    expressions=('p += strings.Join(keep(@, []string{A, B}), "")', "p += A + only(@, B)",
                 'p += A + map[bool]string{true: B}[@]',
                 'p += A + func() string { if @ { return B }; return "" }()'),
    on_a_line="if @ { A }",
    leave="return p + A",
    switch=("switch name(@) {", 'case "yes;{":', "default:", "}"),
    indent="\t",
    changed="p = relax(@, p)",
)  # fmt: skip
CPP = Language(
    "cpp", ".cc", _cpp, "c%d",
    beside='(void) "a;b";',
    add=("p += @;", "p = p + @;", "p.append(@);"),
    loop="for (int I = 0; I < (@ ? 2 : 0); I++) {",
    join="",
    expressions=("p += A; @ && (p += B, true);", 'p += A; p += std::string(@ ? B : "");'),
    leave="return p + A;",
    switch=("switch (@ ? 1 : 0) {", "case 1:", "break;\ndefault:", "}"),
    directives=("#if FEATURE", "#endif"),
    changed="p = relax(@, p);",
    **{**_C_LIKE, "choose": "(@ ? std::string(A) : std::string(B))"},
)  # fmt: skip
C = Language(
    "c", ".c", _c, "c%d",
    beside='(void) "a;b";',
    add=("strcat(p, @);",),
    loop="for (int I = 0; I < (@ ? 2 : 0); I++) {",
    join=" ",
    expressions=('strcat(p, A); strcat(p, @ ? B : "");', "strcat(p, A); if (@) strcat(p, B);"),
    leave="{ strcat(p, A); return; }",
    switch=("switch (@ ? 1 : 0) {", "case 1:", "break;\ndefault:", "}"),
    directives=("#if FEATURE", "#endif"),
    changed="strcpy(p, relax(@, p));",
    **_C_LIKE,
)  # fmt: skip
JAVA = Language(
    "java", ".java", _java, "c%d",
    beside='"a;b".length();',
    add=("p += @;", "p = p + @;", 'p += String.join("", List.of(@));'),
    loop="for (int I = 0; I < (@ ? 2 : 0); I++) {",
    expressions=(
        'p += A + (@ ? B : "");',
        'p += String.join("", @ ? List.of(A, B) : List.of(A));',
        'p += A + java.util.Optional.of(B).filter(r -> @).orElse("");',
        'p += A + B.repeat(@ ? 1 : 0);',
    ),
    leave="return p + A;",
    switch=('switch (@ ? "yes;{" : "no") {', 'case "yes;{":', "break;\ndefault:", "}"),
    indent="        ",
    changed="p = Main.relax(@, p);",
    **_C_LIKE,
)  # fmt: skip
JAVASCRIPT = Language(
    "javascript", ".js", _javascript, "c%d",
    beside='void "a;b";',
    add=("p += @;", "p += @", 'p += [@].join("");'),
    loop="for (let I = 0; I < (@ ? 2 : 0); I++) {",
    expressions=(
        'p += [A, @ && B].filter(Boolean).join("");',
        'p += [A, @ ? B : ""].join("");',
        'p += [A, ...(@ ? [B] : [])].join("");',
        "p += A; @ && (p += B);",
        'p += [A, B].slice(0, @ ? 2 : 1).join("");',
        'p += [A, B].filter((r, i) => @ || !i).join("");',
        'p += [A, B].flatMap((r, i) => (@ || !i ? [r] : [])).join("");',
        'p += A + { true: B, false: "" }[@];',
        'p += A + (() => { if (@) return B; return ""; })();',
        'for (const [i, r] of [A, B].entries()) if (@ || !i) p += r;',
    ),
    leave="return p + A;",
    switch=('switch (@ ? "yes;{" : "no") {', 'case "yes;{":', "break;\ndefault:", "}"),
    indent="  ",
    changed="p = relax(@, p);",
    **_C_LIKE,
)  # fmt: skip
PYTHON = Language(
    "python", ".py", _python, "c%d",
    beside='_ = "a;b"',
    add=("p += @", "p = p + @", 'p += "".join([@])', "p += (\n        @\n    )"),
    opened="if @:", otherwise="else:", closed="",
    loop="for _ in range(2 if @ else 0):",
    choose="(A if @ else B)",
    expressions=(
        'p += "".join([A, B if @ else ""])',
        'p += "".join(r for i, r in enumerate([A, B]) if @ or not i)',
        "p += A + B * @",
        "p += A; p += B[: 99 if @ else 0]",
        "p += A if @ else B",
        'p += A + ["", B][@]',
        'p += A + {True: B}.get(@, "")',
        'p += A + (@ and B or "")',
        "p += A + next(iter([B][: 2 * @]), '')",
    ),
    on_a_line="if @: A",
    leave="return p + A",
    changed="p = relax(@, p)",
)  # fmt: skip
RUST = Language(
    "rust", ".rs", _rust, "c%d",
    beside='let _ = "a;b";',
    add=("p += @;", "p.push_str(@);", "p = p + @;"),
    opened="if @ {", otherwise="} else {", closed="}",
    loop="for _ in 0..(if @ { 2 } else { 0 }) {",
    choose="if @ { A } else { B }",
    join="",
    expressions=(
        'p += A; p += if @ { B } else { "" };',
        "p += A; match @ { true => p += B, _ => {} }",
        'p += A; p += @.then_some(B).unwrap_or("");',
        'p += A; @.then(|| p += B);',
        "p += &[A, B][..if @ { 2 } else { 1 }].concat();",
    ),
    on_a_line="if @ { A }",
    leave="return p + A;",
    switch=("match @ {", "true => {", "}\n_ => {", "}\n}"),
    changed="p = crate::relax(@, p);",
)  # fmt: skip
PERL = Language(
    "perl", ".pl", _perl, "$c%d",
    beside='my $s = "a;b";',
    add=("$p .= @;", "$p .= join('', @);"),
    opened="if (@) {", otherwise="} else {", closed="}",
    loop="for my $i (1 .. (@ ? 2 : 0)) {",
    choose="(@ ? A : B)",
    join=" . ",
    expressions=(
        "$p .= A; $p .= B if @;",
        "$p .= A;\n$p .= B if @;",
        "$p .= A;\n$p .= B\n  unless !@;",
        "$p .= A;\n$p .= B\n  for 1 .. (@ ? 2 : 0);",
        "$p .= A; @ and $p .= B;",
        "$p .= A . (B x (@ ? 1 : 0));",
    ),
    on_a_line="if (@) { A }",
    leave="return $p . A;",
    extra="$extra",
    indent="  ",
    changed="$p = relax(@, $p);",
)  # fmt: skip
BASH = Language(
    "bash", ".sh", _bash, '[ "$c%d" = 1 ]',
    add=('echo @ >> "$out"',),
    opened="if @; then", otherwise="else", closed="fi",
    loop='for i in $(@ && echo 1 2); do',
    choose="", quote=_shell, join="",
    expressions=('echo A >> "$out"; @ && echo B >> "$out"', '@ || echo A >> "$out"'),
    on_a_line="@ && A",
    leave='{ echo A >> "$out"; return; }',
    loop_closed="done",
    extra='"$extra"',
    indent="  ",
    changed='@ && relax < "$out" > "$out.new" && mv "$out.new" "$out"',
)  # fmt: skip
RUBY = Language(
    "ruby", ".rb", _ruby, "c%d",
    beside='_ = "a;b"',
    add=("p << @", "p += @", "p += [@].join", "p.concat(@)"),
    opened="if @", otherwise="else", closed="end",
    loop="(@ ? 2 : 0).times do",
    choose="(@ ? A : B)",
    expressions=(
        "p << A; p << B if @",
        "p << A\np << B unless !@",
        "p += [A, (B if @)].compact.join",
        "p << A; @ && p << B",
        "p += [A, B].reject.with_index { |r, i| i > 0 && !@ }.join",
        "p += [A, B].take(@ ? 2 : 1).join",
        'p << A << (@ ? B : "")',
        "p << A; @ or next_rule = B; p << next_rule.to_s",
        "p += A + B * (@ ? 1 : 0)",
    ),
    on_a_line="A if @",
    leave="return p + A",
    switch=('case (@ ? "yes;{" : "no")', 'when "yes;{"', "else", "end"),
    indent="  ",
    changed="p = relax(@, p)",
)  # fmt: skip
PHP = Language(
    "php", ".php", _php, "$c%d",
    beside='$s = "a;b";',
    add=("$p .= @;", "$p = $p . @;", '$p .= implode("", [@]);'),
    loop="for ($I = 0; $I < (@ ? 2 : 0); $I++) {",
    join=" . ",
    expressions=(
        '$p .= A; $p .= @ ? B : "";',
        '$p .= implode("", array_filter([A, @ ? B : null]));',
        "$p .= A; @ && $p .= B;",
        '$p .= implode("", array_slice([A, B], 0, @ ? 2 : 1));',
        '$p .= implode("", [A, ...(@ ? [B] : [])]);',
        "$p .= A . str_repeat(B, @ ? 1 : 0);",
        '$p .= A; $p .= match (@) { true => B, default => "" };',
    ),
    leave="return $p . A;",
    switch=('switch (@ ? "yes;{" : "no") {', 'case "yes;{":', "break;\ndefault:", "}"),
    extra="$extra",
    changed="$p = relax(@, $p);",
    **_C_LIKE,
)  # fmt: skip
LUA = Language(
    "lua", ".lua", _lua, "c%d",
    beside='local _ = "a;b"',
    add=("p = p .. @", "p = p .. table.concat({@})"),
    opened="if @ then", otherwise="else", closed="end",
    loop="for i = 1, (@ and 2 or 0) do",
    choose="(@ and A or B)",
    join=" .. ",
    expressions=(
        "p = p .. A; if @ then p = p .. B end",
        'p = p .. A .. (@ and B or "")',
        "p = p .. A .. (B):rep(@ and 1 or 0)",
        "p = p .. A .. (B):sub(1, @ and -1 or 0)",
    ),
    on_a_line="if @ then A end",
    leave="do return p .. A end",
    indent="  ",
    changed="p = relax(@, p)",
)  # fmt: skip
ERB = Language(
    "erb", ".erb", _template, "c%d", add=("@",), opened="<% if @ %>", otherwise="<% else %>",
    closed="<% end %>", loop="<% (@ ? 2 : 0).times do %>", choose="", join="",
    quote=lambda text: text.rstrip("\n"), extra="<%= extra %>", indent="",
)  # fmt: skip
PHP_TEMPLATE = Language(
    "phptemplate", ".php", _template, "$c%d", add=("@",), opened="<?php if (@): ?>",
    otherwise="<?php else: ?>", closed="<?php endif; ?>",
    loop="<?php foreach (@ ? [1, 2] : [] as $I): ?>", loop_closed="<?php endforeach; ?>",
    choose="", join="", quote=lambda text: text.rstrip("\n"), extra="<?= $extra ?>", indent="",
)  # fmt: skip
GO_TEMPLATE = Language(
    "gotemplate", ".tmpl", _template, ".C%d", add=("@",), opened="{{if @}}",
    otherwise="{{else}}", closed="{{end}}", loop="{{range (index $.L @)}}", choose="", join="",
    quote=lambda text: text.rstrip("\n"), extra="{{$.Extra}}", indent="",
)  # fmt: skip
JINJA = Language(
    "jinja", ".j2", _template, "c%d", add=("@",), opened="{% if @ %}",
    otherwise="{% else %}", closed="{% endif %}",
    loop="{% for i in range(2 if @ else 0) %}", loop_closed="{% endfor %}", choose="", join="",
    quote=lambda text: text.rstrip("\n"), extra="{{ extra }}", indent="",
)  # fmt: skip
LANGUAGES = {
    each.name: each
    for each in (
        GO, CPP, C, JAVA, JAVASCRIPT, PYTHON, RUST, PERL, BASH, RUBY, PHP, LUA,
        GO_TEMPLATE, JINJA, ERB, PHP_TEMPLATE,
    )
}  # fmt: skip


class Writer:
    """Writes one program."""

    def __init__(self, language: Language, random: Random) -> None:
        self.language = language
        self.random = random
        self.extra = random.random() < 0.15
        self.rules = _NARROW if self.extra and random.random() < 0.5 else _RULES
        self.changed = bool(language.changed) and random.random() < 0.1

    def program(self, number: int) -> str:
        """The source of a program."""
        return self.language.frame(number, self.body(1, 2))

    def body(self, level: int, depth: int) -> list[str]:
        lines: list[str] = []
        for _ in range(self.random.randint(1, 4 if depth == 2 else 3)):
            lines += self.part(level, depth)
        return lines

    def part(self, level: int, depth: int) -> list[str]:
        language, random = self.language, self.random
        kinds = ["text"] * 4
        if depth:
            kinds += ["if"] * 4 + ["loop", "line"]
            kinds += ["switch"] * bool(language.switch[0])
            kinds += ["leave"] * bool(language.leave and depth == 2)
            kinds += ["braceless"] * bool(language.braceless)
            kinds += ["directive"] * bool(language.directives[0])
        kinds += ["expression"] * (3 * bool(language.expressions))
        kinds += ["choose"] * bool(language.choose)
        kinds += ["extra"] * self.extra
        kinds += ["changed"] * self.changed
        made: dict[str, Callable[[int, int], list[str]]] = {
            "text": self.text, "if": self.conditional, "loop": self.loop, "line": self.line,
            "switch": self.switch, "leave": self.leave, "braceless": self.braceless,
            "directive": self.directive, "expression": self.expression, "choose": self.choose,
            "extra": self.added, "changed": self.relaxed,
        }  # fmt: skip
        return made[random.choice(kinds)](level, depth)

    def condition(self) -> str:
        number = self.random.randrange(INPUTS)
        if self.language is GO_TEMPLATE:
            return "$" + self.language.condition % number
        return self.language.condition % number

    def lines(self, level: int, text: str) -> list[str]:
        return [
            line if line.startswith("#") else self.language.indent * level + line
            for line in text.split("\n")
        ]

    def rule(self) -> str:
        return self.random.choice(self.rules)

    def literal(self) -> str:
        return self.language.quote(self.rule())

    def statement(self) -> str:
        joined = self.literal()
        if self.language.join and self.random.random() < 0.2:
            if self.extra and self.language.join.strip() and self.random.random() < 0.3:
                joined += self.language.join + self.language.extra
            joined += self.language.join + self.literal()
        return self.random.choice(self.language.add).replace("@", joined)

    def text(self, level: int, depth: int) -> list[str]:
        return self.lines(level, self.statement())

    def filled(self, form: str) -> str:
        # The literals are put in last: they hold capital letters of no form.
        parts = {"@": self.condition(), "A": self.literal(), "B": self.literal()}
        pieces = []
        for index, letter in enumerate(form):
            around = form[max(index - 1, 0) : index] + form[index + 1 : index + 2]
            alone = not any(each.isalnum() or each == "_" for each in around)
            pieces.append(parts[letter] if letter == "@" or (letter in parts and alone) else letter)
        return "".join(pieces)

    def expression(self, level: int, depth: int) -> list[str]:
        return self.lines(level, self.filled(self.random.choice(self.language.expressions)))

    def choose(self, level: int, depth: int) -> list[str]:
        chosen = self.filled(self.language.choose)
        add = self.language.add[0]
        return self.lines(level, add.replace("@", chosen))

    def conditional(self, level: int, depth: int) -> list[str]:
        language = self.language
        lines = self.lines(level, language.opened.replace("@", self.condition()))
        lines += self.body(level + 1, depth - 1)
        if self.random.random() < 0.4:
            lines += self.lines(level, language.otherwise) + self.body(level + 1, depth - 1)
        return lines + (self.lines(level, language.closed) if language.closed else [])

    def loop(self, level: int, depth: int) -> list[str]:
        language = self.language
        closed = language.loop_closed or language.closed
        text = language.loop.replace("I", f"i{level}").replace("@", self.condition())
        lines = self.lines(level, text)
        lines += self.body(level + 1, depth - 1)
        return lines + (self.lines(level, closed) if closed else [])

    def line(self, level: int, depth: int) -> list[str]:
        form = self.language.on_a_line
        if not form:
            return self.text(level, depth)
        statement = self.language.add[0].replace("@", self.literal())
        text = form.replace("@", self.condition()).replace("A", statement, 1)
        if self.language.add[0].endswith(";") and self.random.random() < 0.3:
            text = statement + " " + text
        return self.lines(level, text)

    def braceless(self, level: int, depth: int) -> list[str]:
        statement = self.language.add[0].replace("@", self.literal())
        form = self.language.braceless.replace("@", self.condition()).replace("A", statement)
        if self.random.random() < 0.3:
            form += "\nelse\n    " + self.language.add[0].replace("@", self.literal())
        return self.lines(level, form)

    def switch(self, level: int, depth: int) -> list[str]:
        begin, yes, no, end = self.language.switch
        return [
            *self.lines(level, begin.replace("@", self.condition())),
            *self.lines(level, yes),
            *self.body(level + 1, 0),
            *self.lines(level, no),
            *self.body(level + 1, 0),
            *self.lines(level, end),
        ]

    def directive(self, level: int, depth: int) -> list[str]:
        begin, end = self.language.directives
        lines = [begin, *self.body(level, 0)]
        if self.random.random() < 0.3:
            lines += ["#else", *self.body(level, 0)]
        return [*lines, end]

    def leave(self, level: int, depth: int) -> list[str]:
        language = self.language
        lines = self.lines(level, language.opened.replace("@", self.condition()))
        if self.random.random() < 0.5:
            lines += self.text(level + 1, 0)
        # A statement that returns closes the profile as the end of the program does.
        text = language.leave.replace("A", language.quote(REST))
        lines += self.lines(level + 1, text)
        return lines + (self.lines(level, language.closed) if language.closed else [])

    def relaxed(self, level: int, depth: int) -> list[str]:
        return self.lines(level, self.language.changed.replace("@", self.condition()))

    def added(self, level: int, depth: int) -> list[str]:
        language = self.language
        forms = language.add if language.extra == "extra" else language.add[:1]
        lines = self.lines(level, self.random.choice(forms).replace("@", language.extra))
        if language.beside and self.random.random() < 0.5:
            lines += self.lines(level, language.beside)
        return lines


def program(language: Language, number: int, random: Random) -> str:
    """The source of a program at random."""
    writer = Writer(language, random)
    return writer.program(number)

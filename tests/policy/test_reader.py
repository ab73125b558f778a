"""Scopes and rules in policy text, with everything that looks like them and is not."""

from __future__ import annotations

import random

import pytest

from patcher.policy.reader import Profile, read


def profile(text: str, name: str = "x") -> Profile:
    found = [each for each in read(text.encode()) if each.name == name]
    assert len(found) == 1, (text, [each.name for each in read(text.encode())])
    return found[0]


def words(found: Profile) -> list[str]:
    return [b" ".join(rule.words).decode() for rule in found.rules]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("profile x", "x"),
        ("profile x flags=(attach_disconnected,mediate_deleted)", "x"),
        ("profile x flags=(attach_disconnected, mediate_deleted)", "x"),
        ("profile x flags = (complain)", "x"),
        ("profile x (complain)", "x"),
        ("profile x /usr/bin/x", "x"),
        ("profile x /usr/bin/{x,y}* flags=(complain)", "x"),
        ("profile x @{exec_path}", "x"),
        ('profile "x y" /usr/bin/x', "x y"),
        ("profile x /usr/bin/x xattrs=(user.a=b) flags=(complain)", "x"),
        ("profile x + identities=(foo bar)", "x"),
        ("profile x /usr/bin/x +identities=(foo) flags=(complain)", "x"),
        ("profile x flags=(attach_disconnected.path=@{att})", "x"),
        ("profile x\n  /usr/bin/x\n  flags=(complain)\n", "x"),
        ("profile x /usr/bin/x\n  flags = (complain)", "x"),
        ("profile x\n", "x"),
        ("/usr/bin/x", "/usr/bin/x"),
        ("/usr/bin/x flags=(complain)", "/usr/bin/x"),
        ('"/usr/bin/x y"', "/usr/bin/x y"),
        ("@{bin}/x", "@{bin}/x"),
        ("/usr/{bin,sbin}/x", "/usr/{bin,sbin}/x"),
        ("^hat", "^hat"),
        ("hat x", "x"),
        ("profile {{.Name}} flags=(attach_disconnected,mediate_deleted)", "{{.Name}}"),
        ("profile {{ name }}", "{{ name }}"),
        ("profile ${NAME}", "${NAME}"),
        ("profile $name", "$name"),
        ("profile @PROFILE@", "@PROFILE@"),
        ("profile %s flags=(attach_disconnected)", "%s"),
        ("profile {name} flags=(attach_disconnected)", "{name}"),
        ("profile <%= @name %> flags=(complain)", "<%= @name %>"),
        ("profile {a,b} flags=(complain)", "{a,b}"),
        ("profile {a,{b,c}}/d", "{a,{b,c}}/d"),
        ("profile {a,b} /usr/bin/x", "{a,b}"),
        ("hat {a,b}", "{a,b}"),
        ("profile x,y", "x,y"),
        ("profile x,y\n  flags=(complain)\n", "x,y"),
        ("profile x\\ y flags=(complain)", "x\\ y"),
        ("profile x\\,y", "x\\,y"),
        ("profile [ab] flags=(complain)", "[ab]"),
        ("profile x=y flags=(complain)", "x=y"),
        ("profile ~x flags = (complain)", "~x"),
        ("profile flags", "flags"),
        ("profile flags flags=(complain)", "flags"),
        ("profile flags /usr/bin/x (complain)", "flags"),
        ("^a,b flags = (complain)", "^a,b"),
    ],
)
def test_headers(header: str, name: str) -> None:
    found = profile(f"{header} {{\n  network,\n}}\n", name)
    assert found.header
    assert words(found) == ["network"]


def test_flags_and_name_are_read() -> None:
    found = profile("profile x flags=(attach_disconnected, mediate_deleted) {\n}\n")
    assert found.flags == {b"attach_disconnected", b"mediate_deleted"}
    assert found.named
    for flags in ('"attach_disconnected","mediate_deleted"', '"attach_disconnected" "x"'):
        for name in ("x", "{a,b}", "x,y", "flags"):
            quoted = profile(f"profile {name} flags=({flags}) {{\n}}\n", name)
            assert b"attach_disconnected" in quoted.flags
    assert not profile("profile {{.Name}} {\n}\n", "{{.Name}}").named


@pytest.mark.parametrize(
    "header",
    [
        "profile x /usr/bin/x flags=(complain)",
        "profile x /usr/bin/x\n  flags=(complain)",
        "profile x\n  /usr/bin/x\n  flags=(complain)\n",
        'profile x "/usr/bin/x" (complain)',
    ],
)
def test_a_header_may_be_broken_over_lines(header: str) -> None:
    found = profile(f"text before\n{header} {{\n  network,\n}}\n")
    assert (found.attachment, found.flags, found.leads) == (
        b"/usr/bin/x",
        frozenset((b"complain",)),
        True,
    )


def test_prose_before_a_header_is_no_part_of_it() -> None:
    text = "This profile is for\n\n/usr/bin/x flags=(complain) {\n  network,\n}\n"
    assert profile(text, "/usr/bin/x").flags == {b"complain"}


@pytest.mark.parametrize(
    "rule",
    [
        "unsafe /usr/bin/x Px,",
        "safe /usr/bin/x px -> y,",
        "audit unsafe /usr/bin/x Ux,",
        "priority = 5 /x r,",
        "set rlimit nofile <= 5,",
        "{{.Root}}/x rw,",
        "QUALIFIER @{PROC}/* w,",
    ],
)
def test_these_are_rules(rule: str) -> None:
    found = profile(f"profile x {{\n  {rule} network, change_profile -> y,\n}}\n")
    assert not found.junk
    assert len(found.rules) == 3


def test_children_and_hats_own_their_rules() -> None:
    text = """
profile x {
  capability,
  profile child {
    network,
  }
  ^first {
    network inet,
  }
  hat second flags=(complain) {
    network unix,
  }
  file,
}
"""
    assert words(profile(text)) == ["capability", "file"]
    assert words(profile(text, "child")) == ["network"]
    assert words(profile(text, "^first")) == ["network inet"]
    assert words(profile(text, "second")) == ["network unix"]
    assert profile(text, "child").parent is not None


def test_if_blocks_are_arms_of_one_choice() -> None:
    text = (
        "profile x {\n if $a {\n  network,\n } else if $b {\n  file,\n } else {\n  umount,\n }\n}"
    )
    arms = [rule.arms for rule in profile(text).rules]
    assert [len(each) for each in arms] == [1, 1, 1]
    assert len({each[0][0] for each in arms}) == 1
    assert [each[0][1] for each in arms] == [0, 1, 2]


def test_qualifier_blocks() -> None:
    text = "profile x {\n audit {\n  network,\n  deny { file, }\n }\n umount,\n}\n"
    found = profile(text)
    assert [(rule.keyword, rule.qualifier_block) for rule in found.rules] == [
        (b"network", b"audit"),
        (b"file", b"audit deny"),
        (b"umount", b""),
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("  network, capability, file,\n", ["network", "capability", "file"]),
        ("network, file, umount, }", ["network", "file", "umount"]),
        ("  network\n  ,\n  file,\n", ["network", "file"]),
        ("  deny\n  network\n  alg\n  ,\n", ["deny network alg"]),
        ("  network, # all of it\n  file,\n", ["network", "file"]),
        ("  # network,\n  file,\n", ["file"]),
        ("  #network,\n  file,\n", ["file"]),
        ("  network, #, deny network alg,\n", ["network"]),
        ("  audit\n  network,\n", ["audit network"]),
        ("\tnetwork,\r\n\tfile,\r\n", ["network", "file"]),
        (
            "  deny @{PROC}/{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s]}/** w,\n  network,\n",
            ["deny @{PROC}/{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s]}/** w", "network"],
        ),
        ("  /{,usr/}bin/{a,b} rix,\n  network,\n", ["/{,usr/}bin/{a,b} rix", "network"]),
        ("  {/a,/b}/c r,\n  network,\n", ["{/a,/b}/c r", "network"]),
        ("  /a,b r,\n  network,\n", ["/a,b r", "network"]),
        ('  "/a b/{c, d}" rw,\n  network,\n', ['"/a b/{c, d}" rw', "network"]),
        ("  set rlimit nofile <= 1024,\n  network,\n", ["set rlimit nofile <= 1024", "network"]),
        (
            "  signal (send, receive) peer=x,\n  network,\n",
            ["signal (send, receive) peer=x", "network"],
        ),
        (
            "  mount fstype=(ext4, xfs) options=(ro, bind) /{a,b} -> /c/,\n  network,\n",
            ["mount fstype=(ext4, xfs) options=(ro, bind) /{a,b} -> /c/", "network"],
        ),
        (
            "  unix (connect) type=stream peer=(label=@{p},addr=@x),\n  network,\n",
            ["unix (connect) type=stream peer=(label=@{p},addr=@x)", "network"],
        ),
        (
            "  #include <abstractions/base>\n  include if exists <local/x>\n  network,\n",
            ["#include <abstractions/base>", "include if exists <local/x>", "network"],
        ),
        ("  network,}\n", ["network"]),
        ("  network, }\n", ["network"]),
    ],
)
def test_rules_of_one_profile(body: str, expected: list[str]) -> None:
    assert words(profile(f"profile x {{\n{body}\n}}\n")) == expected


@pytest.mark.parametrize(
    "body",
    [
        "  {{.Rule}}\n  network,\n",
        '  {{ template "rules" . }}\n  network,\n',
        "  {% if network %}\n  network,\n  {% endif %}\n",
        "  {% if network %}network,{% endif %}\n",
        "  {{ if .Network}}network,{{end}}\n",
        "  {{- if .Network -}}\n  network,\n  {{- end }}\n",
        "  network,\n{{end}}\n",
        "  {{/* a comment\n     over lines, with network, in it */}}\n  network,\n",
        "  {{- /* a { brace */ -}}\n  network,\n",
        "  {# network, #}\n  network,\n",
        "  ${RULES}\n  network,\n",
        "  @RULES@\n  network,\n",
        "  %s\n  network,\n",
        "  {rules}\n  network,\n",
        "  {{#if network}}\n  network,\n  {{/if}}\n",
        "  {{#network}}\n  network,\n  {{/network}}\n",
        "  <% if @network %>\n  network,\n  <% end %>\n",
        "  <%- if @network -%>\n  network,\n  <%- end -%>\n",
        "  {{{rules}}}\n  network,\n",
        "  deny {{.Path}} w,\n  network,\n",
        "  ptrace (trace,read) peer={{.Name}},\n  network,\n",
        "  {{range $value := .InnerImports}}\n  {{$value}}\n  {{end}}\n  network,\n",
        "  {{range .Paths}}deny {{.}} w,\n  {{end}}network,\n",
    ],
)
@pytest.mark.parametrize("name", ["x", "{{.Name}}", "@NAME@", "{name}"])
def test_template_actions_are_no_scopes(name: str, body: str) -> None:
    text = f"profile {name} {{\n{body}}}\n\nprofile y {{\n  file,\n}}\n"
    networks = [rule for rule in profile(text, name).rules if rule.network is not None]
    assert [rule.words for rule in networks] == [(b"network",)]
    assert words(profile(text, "y")) == ["file"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{{template "a"}} {{template "b"}}', ["capability", "network"]),
        ('{{template "b" .}}{{- include "a" . | indent 2 -}}', ["network", "capability"]),
        ('{{template "a"}} {{.Rules}}', ['{{template "a"}} {{.Rules}}', "capability"]),
        ('{{template "a"}}{{template "c"}}', ['{{template "a"}}{{template "c"}}', "capability"]),
        ('{{template "a"}} umount,', ['{{template "a"}} umount', "capability"]),
        ('{{template "c"}}', ['{{template "c"}}']),
    ],
)
def test_every_section_on_a_line_is_put_in_its_place(line: str, expected: list[str]) -> None:
    sections = '{{define "a"}}capability,\n{{end}}\n{{define "b"}}\nnetwork,\n{{end}}\n'
    text = f"{sections}profile x {{\n  {line}\n  file,\n}}\n"
    assert words(profile(text)) == [*expected, "file"]


def test_doubled_braces_of_format_strings() -> None:
    text = """
profile {name} flags=(attach_disconnected,mediate_deleted) {{
  profile child {{
    network,
  }}
  deny @{{PROC}}/* w,
  capability,
}}
profile y {{
  file,
}}
"""
    assert words(profile(text, "child")) == ["network"]
    assert words(profile(text, "{name}"))[-1] == "capability"
    assert words(profile(text, "y")) == ["file"]


def test_a_brace_in_each_branch_opens_one_scope() -> None:
    text = """
{{if .Old}}
profile x {
{{else}}
profile x flags=(attach_disconnected) {
{{end}}
  network,
}
profile y {
  file,
}
"""
    assert words(profile(text, "y")) == ["file"]
    assert [words(each) for each in read(text.encode()) if each.name == "x"] == [["network"]] * 2


def test_rules_without_a_header_are_a_fragment() -> None:
    found = read(b"network,\ncapability,\ndeny mount,\n")
    assert [(each.header, words(each)) for each in found] == [
        (False, ["network", "capability", "deny mount"])
    ]


def test_an_unclosed_profile_and_stray_braces() -> None:
    assert words(profile("profile x {\n  network,\n  file,")) == ["network", "file"]
    assert words(profile("}\n}\nprofile x {\n  network,\n}\n}\n")) == ["network"]


def test_offsets() -> None:
    text = b"# top\nprofile x {\n  deny network alg ,\n  network\n  ,\n}\n"
    (found,) = read(text)
    assert text[found.start :].startswith(b"profile x {")
    assert [text[rule.start : rule.end] for rule in found.rules] == [
        b"deny network alg ,",
        b"network\n  ,",
    ]


@pytest.mark.parametrize("depth", [10, 33, 200])
def test_a_rule_is_told_apart_in_choices_of_any_depth(depth: int) -> None:
    nest = "".join(f"{{{{if .A{i}}}}}\n" for i in range(depth))
    text = (
        f"profile x {{\n{nest}network,\n{{{{else}}}}\ndeny network alg,\n{'{{end}}' * depth}\n}}\n"
    )
    allow, deny = profile(text).rules
    assert allow.arms != deny.arms
    assert len(allow.arms) <= 32


def test_rules_of_different_stretches_differ_in_their_arms() -> None:
    text = b"network,\ndeny network alg,\ndeny mount,\nfile,\n"
    breaks = [(text.index(b"deny network"), True, 0), (text.index(b"deny mount"), False, 7)]
    (found,) = read(text, breaks=breaks)
    arms = [set(rule.arms) for rule in found.rules]
    assert not arms[1] & arms[0]
    assert arms[1] < arms[2]
    assert arms[2] == arms[3]


def test_a_network_rule_over_a_break_is_not_known() -> None:
    text = b"deny\nnetwork alg,\n"
    (found,) = read(text, breaks=[(text.index(b"network"), True, 0)])
    assert [net.unknown for _, net in found.network_rules] == [True]


def test_a_profile_goes_on_behind_a_brace_that_may_be_left_out() -> None:
    text = b"profile x {\nfile,\n}\nnetwork,\n}\n"
    breaks = [(text.index(b"}"), True, 0), (text.index(b"network"), True, 0)]
    (found,) = read(text, breaks=breaks)
    assert words(found) == ["file", "network"]


@pytest.mark.parametrize(
    ("rules", "unknown"),
    [
        ("network inet,", False),
        ("network {{/* why */}} inet,", False),
        ("network {{- $x := 1 -}} inet,", False),
        ("{{/* why */}} network inet,", False),
        ("network {{if .A}}inet{{end}},", True),
        ("network {{if .A}} inet, {{end}}", True),
        ("{{if .A}}network inet,{{end}}", False),
        ("unix, {{if .A}}network inet,{{end}}", False),
    ],
)
def test_only_an_action_that_decides_about_words_makes_a_rule_unknown(
    rules: str, unknown: bool
) -> None:
    ((_, net),) = profile(f"profile x {{\n{rules}\n}}\n").network_rules
    assert (net.unknown or net.mode == "unknown") is unknown


BROKEN = b"profile x {\n  network\n  alg,\n  file,\n}\n"


@pytest.mark.parametrize(
    ("breaks", "unknown"),
    [
        ((), False),
        ((("network", False, 3), ("file", False, 0)), False),
        ((("network", True, 0), ("file", True, 0)), False),
        ((("alg", False, 3), ("file", False, 0)), True),
        ((("network", False, 3), ("alg", False, 0)), True),
        ((("network", False, 3), ("alg", False, 4), ("file", False, 0)), True),
        ((("network", False, 4), ("alg", False, 3), ("file", False, 0)), True),
        ((("alg", True, 0),), True),
        ((("network", True, 3), ("alg", True, 3)), True),
    ],
)
def test_a_rule_of_which_a_part_may_be_left_out_is_unknown(
    breaks: tuple[tuple[str, bool, int], ...], unknown: bool
) -> None:
    """As where a program puts a text together, and a conditional chooses one of its strings."""
    places = [
        (BROKEN.index(b"  " + word.encode()), other, number) for word, other, number in breaks
    ]
    (found,) = read(BROKEN, breaks=places)
    ((_, net),) = found.network_rules
    assert net.domain == "alg"
    assert net.unknown is unknown


_PIECES = (
    """
network,|  deny network alg,~|include <abstractions/base>~|#include <x/y>~|profile x {|hat|^h {|{|}
include if exists <local/x>~|include <a> # c~|include <a>network,~|exists|profile "a b" {|}}|{{
{{if .A}}|{{end}}|{{- x }}|{{/* c */}}|{# c #}|{%- if x %}|<% if x %>|<%= y %>|if $x {|else {|all,
# comment~|#comment (x)~|# if x:~|#ifdef X~|#endif~|#*|#* x *#|#{x}|# a {{ b~|# a -}}~|#~|,|,|x| |~
/etc/x r,|/{a,b}/c rw,|/{a,{b,c}}/@{int} r,|{x}|@{PROC}/sys/ r,|@{x} = /bin/x~|@{x}+=/y|@{u}/x|r,
@{bin}/x rPx -> y,|@@{u}/x|addr=@/tmp/x,|@IF@|@if($x)|__IF__|$x|${x}|%s|%/strict%|[0-9]|[a,b]|->
(receive)|( x~ y)|peer=(name=x, label="@{y}"),|peer=(label={{x}}),|"a b" r,|"/a {x} b" r,|"|a,b
priority=1|priority = 5 network,|audit|deny|capability,|abi <abi/3.0>,|<x>|\\n|\\|~|~|~  x=y
network inet stream,~|network~,|network # c~ inet,~|dbus send~  bus=x~  path=/y,~|flags=(complain) {
""".strip()
    .replace("\n", "|")
    .replace("~", "\n")
    .split("|")
)


@pytest.mark.parametrize("seed", range(20))
def test_a_rule_means_the_same_whether_it_is_read_as_a_whole_or_word_by_word(seed: int) -> None:
    """Where a text has breaks, every rule is read word by word; these never come."""
    chance = random.Random(seed)
    for _ in range(20):
        pieces = chance.choices(_PIECES, k=chance.randint(1, 25))
        text = "".join(piece + chance.choice(("", " ", " ", "\n")) for piece in pieces).encode()
        assert read(text) == read(text, breaks=[(len(text) + 1, False, 0)]), text

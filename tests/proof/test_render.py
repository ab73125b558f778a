"""What a profile's template comes out as, for AppArmor's parser to compile."""

from __future__ import annotations

import re

import pytest

from patcher.policy.reader import read
from patcher.proof.choices import MOST_RENDERINGS, NotRendered
from patcher.proof.render import Rendering, render

HEAD = "profile x {\n"
FLAGS = "flags=(attach_disconnected,mediate_deleted)"


def renderings(text: str) -> list[Rendering]:
    """Those of the first outermost profile."""
    data = text.encode()
    return render(data, next(each for each in read(data) if each.parent is None))


def rendered(text: str) -> list[str]:
    """The renderings, without the blanks that actions leave."""
    return [tidy(each.text.decode()) for each in renderings(text)]


def tidy(text: str) -> str:
    lines = (re.sub(r"[ \t]+", " ", line).replace(" ,", ",").strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def body(rules: str) -> str:
    """The one rendering of a profile with these rules, between its braces."""
    (found,) = rendered(f"{HEAD}{rules}\n}}\n")
    before, _, rest = found.partition(HEAD)
    return before + rest.removesuffix("}").strip()


@pytest.mark.parametrize(
    "rules",
    [
        "network,",
        "network, # all of it",
        "deny @{PROC}/* w,",
        "^hat {\nfile,\n}",
        "profile y {\nfile,\n}",
        "/a{b,c}/** rw,",
    ],
)
def test_what_holds_no_action_stays(rules: str) -> None:
    assert body(rules).removeprefix("@{PROC}=/proc/\n") == rules


@pytest.mark.parametrize(
    ("rule", "stand_in"),
    [
        ("{{.A}} r,", "/standin_a r,"),
        ("/x/{{.Y}}/** {{.Mode}},", "/x/standin_y/** r,"),
        ("deny {{.A}} {{.M}},", "deny /standin_a r,"),
        ("{{.A}}/b rw,", "/standin_a/b rw,"),
        ("file {{.A}} r,", "file /standin_a r,"),
        ('"{{.A}}/x" r,', '"/standin_a/x" r,'),
        ("owner {{.A}} {{.M}},", "owner /standin_a r,"),
        ("@{A}/{{.B}} r,", "@{A}=/standin\n@{A}/standin_b r,"),
        ("capability {{.C}},", "capability chown,"),
        ("set rlimit {{.W}} <= {{.M}},", "set rlimit nofile <= 1024,"),
        ("signal (receive) peer={{.P}},", "signal (receive) peer=standin_p,"),
        ("signal ({{.X}}) peer=a,", "signal (send) peer=a,"),
        ("ptrace ({{.X}}),", "ptrace (read),"),
        ("dbus ({{.X}}) bus=system,", "dbus (send) bus=system,"),
        ("unix ({{.X}}),", "unix (send),"),
        ("mount options=({{.X}}) /a,", "mount options=(standin_x) /a,"),
        ("mount ({{.X}}),", "mount (rw),"),
        ("remount ({{.X}}) /a,", "remount (rw) /a,"),
        ("mount fstype={{.T}} {{.A}} -> {{.B}},", "mount fstype=standin_t /standin -> /standin,"),
        ("umount {{.A}},", "umount /standin,"),
        ("pivot_root {{.A}},", "pivot_root /standin,"),
        ("change_profile -> {{.A}},", "change_profile -> standin_a,"),
        ("network {{.F}},", "network inet,"),
        ("network inet {{.T}},", "network inet,"),
        ("{{.Deny}} network,", "network,"),
        ("{{.Deny}}network,", "network,"),
        ("audit {{.Deny}} network,", "audit network,"),
        ("{{.A}},", ""),
        ("{{.Extra}}\nfile,", "file,"),
        ("include <x>\nfile,", "file,"),
        ("#include <x>\nfile,", "file,"),
        ("include if exists <x>\nfile,", "file,"),
        ("abi <x>,\nfile,", "file,"),
        ("{# prose #}file,", "file,"),
        ("{{/* prose, */}}file,", "file,"),
        ("{{- $x := 1 -}}\nfile,", "file,"),
        ("${RULES}\nfile,", "file,"),
        ("%s\nfile,", "file,"),
        ("/a/${B}/%s/@C@/%D% r,", "/a/standin_b/standin_s/standin_c/standin_d r,"),
        ("network,\\n\\tfile,", "network,\nfile,"),
        ("network\n{{.T}}\n,", "network\ninet\n,"),
        ("profile {{.N}} {\nfile,\n}", "profile standin_n {\nfile,\n}"),
        ("^{{.N}} {\nfile,\n}", "^standin_n {\nfile,\n}"),
        ("/x/{{.N}} flags=({{.F}}) {\n}", f"/x/standin_n {FLAGS} {{\n}}"),
        ("{{range .I}}\n{{.}}\n{{end}}\nfile,", "file,"),
        ("if $x {\nnetwork,\n}", "${x}=true\nif $x {\nnetwork,\n}"),
        ("if ${x} {\n} else {\nfile,\n}", "${x}=true\nif ${x} {\n} else {\nfile,\n}"),
    ],
)  # fmt: skip
def test_stand_ins(rule: str, stand_in: str) -> None:
    assert body(rule) == stand_in


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("profile {{.N}} flags=({{.F}}) {", f"profile standin_n {FLAGS} {{"),
        ("profile {{.N}} {{.Attachment}} {", "profile standin_n {"),
        ("{{.N}} flags=(complain) {", "profile standin_n flags=(complain) {"),
        ("profile {{.N}}-{{.M}} {", "profile standin_n-standin_m {"),
        ("profile x ({{.F}}) {", f"profile x {FLAGS} {{"),
        ("/usr/bin/x {", "/usr/bin/x {"),
        ("profile x {{", "profile x {"),
    ],
)  # fmt: skip
def test_headers(text: str, header: str) -> None:
    close = "}}" if text.endswith("{{") else "}"
    assert rendered(f"{text}\nfile,\n{close}\n") == [f"{header}\nfile,\n}}"]


def test_braces_that_a_format_string_doubles() -> None:
    text = "profile {name} {{\nnetwork {family},\n/a{{b,c}}/{d} r,\nprofile y {{\nfile,\n}}\n}}\n"
    assert rendered(text) == [
        "profile standin_name {\nnetwork inet,\n/a{b,c}/standin_d r,\nprofile y {\nfile,\n}\n}"
    ]


def test_a_fragment_gets_a_header_and_an_unfinished_profile_its_end() -> None:
    assert rendered("network,\nfile,\n") == ["profile standin {\nnetwork,\nfile,\n}"]
    assert rendered("profile x {\nprofile y {\nfile,\n") == ["profile x {\nprofile y {\nfile,\n}}"]


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ("{{if .A}}\nfile,\n{{end}}", ["file,", ""]),
        ("{{if .A}}\nfile,\n{{else}}\nnetwork,\n{{end}}", ["file,", "network,"]),
        ("{% if a %}\nfile,\n{% elif b %}\nunix,\n{% else %}\nnetwork,\n{% endif %}",
         ["file,", "unix,", "network,"]),
        ("{{if .A}}file,{{end}}\n{{if .A}}unix,{{end}}", ["file,\nunix,", ""]),
        ("{{if .A}}file,{{end}}\n{{if .B}}unix,{{end}}", ["file,\nunix,", "file,", "unix,", ""]),
        ("{{if .A}}file,\n{{if .B}}unix,{{end}}{{end}}", ["file,\nunix,", "file,", ""]),
        ("{{if .A}}{{if .B}}unix,{{end}}{{end}}\n{{if .B}}file,{{end}}",
         ["unix,\nfile,", "unix,", "file,", ""]),
        ("{{if .A}}file,{{else}}{{end}}{{end}}", ["file,", ""]),
    ],
)  # fmt: skip
def test_each_way_in_which_choices_come_out(rules: str, found: list[str]) -> None:
    assert rendered(f"{HEAD}{rules}\n}}\n") == [tidy(f"{HEAD}{each}\n}}") for each in found]


def test_of_many_choices_each_arm_is_taken() -> None:
    rules = [
        f"{{{{if .C{n}}}}}\n/a{n} r,\n{{{{else}}}}\n/b{n} r,\n{{{{end}}}}\n" for n in range(12)
    ]
    found = rendered(HEAD + "".join(rules) + "}\n")
    assert 2 <= len(found) <= MOST_RENDERINGS
    for number in range(12):
        taken = {f"/{arm}{number} r," for arm in "ab"}
        assert all(len(taken & set(each.split("\n"))) == 1 for each in found)
        assert taken <= {line for each in found for line in each.split("\n")}


def test_choices_in_each_other_are_taken_where_their_outer_ones_are() -> None:
    inner = "".join(f"{{{{if .I{n}}}}}\n/i{n} r,\n{{{{end}}}}\n" for n in range(5))
    text = f"{HEAD}{{{{if .A}}}}\n/a r,\n{inner}{{{{else}}}}\n/b r,\n{{{{end}}}}\n}}\n"
    found = [set(each.split("\n")) for each in rendered(text)]
    for number in range(5):
        assert any(f"/i{number} r," in each for each in found)
        assert all("/a r," in each for each in found if f"/i{number} r," in each)
    assert any("/b r," in each for each in found)
    assert all(("/a r," in each) != ("/b r," in each) for each in found)


def test_sections_are_put_in_their_place() -> None:
    text = (
        '{{define "a"}}network,\n{{template "b"}}{{end}}{{define "b"}}unix,\n{{end}}'
        'profile x {\n{{template "a" .}}\n{{include "b" .}}\n{{template "none"}}\nfile,\n}\n'
    )
    data = text.encode()
    profile = next(each for each in read(data) if each.name == "x")
    (found,) = render(data, profile)
    assert tidy(found.text.decode()) == "profile x {\nnetwork,\nunix,\nunix,\nfile,\n}"


@pytest.mark.parametrize(
    ("before", "path", "defined"),
    [
        ("", "@{PROC}/x", "@{PROC}=/proc/"),
        ("", "@{HOME}/x", "@{HOME}=/home/*/ /root/"),
        ("", "@{other}/x", "@{other}=/standin"),
        ("", '"@{other}/x"', "@{other}=/standin"),
        ("", "/x/@{other}", "@{other}=standin"),
        ("@{A}=/b /c\n", "@{A}/x", "@{A}=/b /c"),
        ("@{A} = /b # why\n", "@{A}/x", "@{A}=/b"),
        ("@{A}=/b\n@{A}+=/c\n", "@{A}/x", "@{A}=/b /c"),
        ("@{A}=@{B}/c\n@{B}=/d\n", "@{A}/x", "@{A}=@{B}/c\n@{B}=/d"),
        ("", "/x/@{profile_name}", ""),
        ("", "/x/@{exec_path}", ""),
    ],
)
def test_the_variables_that_it_uses(before: str, path: str, defined: str) -> None:
    data = f"{before}{HEAD}{path} r,\n}}\n".encode()
    (found,) = render(data, next(each for each in read(data) if each.name == "x"))
    head, _, rest = found.text.decode().partition(HEAD)
    assert head.strip() == defined
    assert rest.startswith(f"{path} r,\n")
    assert found.before == head.count("\n")


class TestStatements:
    """Rules with stand-ins, which may be left out where the parser refuses them."""

    TEXT = (
        f"{HEAD}@{{PROC}}/x r,\n{{{{.A}}}} r,\n\n/b/{{{{.B}}}} rw, # of\nfile,\n{{{{.C}}}},\n}}\n"
    )

    def test_where_they_stand(self) -> None:
        (found,) = renderings(self.TEXT)
        assert found.before == 1
        kept = [
            (found.text[each.start : each.end].decode().strip(), list(each.lines))
            for each in found.statements
        ]
        assert kept[:2] == [("/standin_a r,", [4]), ("/b/standin_b rw,", [6])]

    def test_without_them(self) -> None:
        (found,) = renderings(self.TEXT)
        for each in found.statements[:2]:
            less = found.without([each])
            assert found.text[each.start : each.end] not in less.text
            assert less.text.count(b"\n") == found.text.count(b"\n")
            assert less.statements == tuple(other for other in found.statements if other != each)
            assert less.before == found.before
        nothing = found.without(found.statements)
        assert b"standin" not in nothing.text
        assert nothing.statements == ()

    def test_in_an_arm_that_is_not_taken(self) -> None:
        with_it, without = renderings(f"{HEAD}{{{{if .A}}}}\n{{{{.B}}}} r,\n{{{{end}}}}\n}}\n")
        assert (len(with_it.statements), len(without.statements)) == (1, 0)


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ("/" + "x" * (1 << 18) + " r,\n", "too large"),
        ("{{if .A}}" * 65 + "file,\n" + "{{end}}" * 65 + "\n", "64 nested choices"),
        ("".join(f"{{{{if .A{n}}}}}file,{{{{end}}}}\n" for n in range(2002)), "2000 choices"),
        ("/{{.A}} r,\n" * 2001, "2000 rules with template actions"),
        ("/a " + "{{.B}} " * 513 + ",\n", "512 words"),
        ("a\n" * 513 + ",\n", "512 words"),
    ],
)
def test_what_is_over_a_bound(rules: str, why: str) -> None:
    with pytest.raises(NotRendered, match=why):
        renderings(f"{HEAD}{rules}}}\n")

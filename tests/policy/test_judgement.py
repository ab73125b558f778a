"""The status of a profile for a family, and the rule that needs an answer."""

from __future__ import annotations

import pytest

from patcher.policy.judgement import Includes, Judgement, judge
from patcher.policy.reader import read
from patcher.policy.status import Status

AFFECTED, FIXED = Status.AFFECTED, Status.FIXED
NOT_AFFECTED, LOOK = Status.NOT_AFFECTED, Status.UNDER_INVESTIGATION
TYPES = {"alg": ("seqpacket",), "vsock": ("stream", "dgram", "seqpacket")}


def judgements(body: str, family: str = "alg", flags: str = "") -> list[Judgement]:
    text = f"profile x {flags} {{\n{body}\n}}\n".encode()
    return [
        judgement
        for profile in read(text)
        if profile.name == "x"
        for judgement in judge(profile, family, TYPES[family], moby_style=True)
    ]


def status(body: str, family: str = "alg", flags: str = "") -> Status:
    found = {judgement.status for judgement in judgements(body, family, flags)}
    assert len(found) == 1, found
    return found.pop()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("network,", AFFECTED),
        ("audit network,", AFFECTED),
        ("network seqpacket,", AFFECTED),
        ("network,\nnetwork inet,\nnetwork inet6,", AFFECTED),
        ("network,\ndeny network alg stream,", AFFECTED),
        ("network,\ndeny network inet,", AFFECTED),
        ("network,\ndeny network (send, receive) alg,", AFFECTED),
        ("network,\ndeny network raw,\ndeny network packet,", AFFECTED),
        ("network,\naudit {\n  deny network alg,\n}", AFFECTED),
        ("network,\n# deny network alg,", AFFECTED),
        ("network,\nprofile child {\n  deny network alg,\n}", AFFECTED),
        ("network,\n^hat {\n  deny network alg,\n}", AFFECTED),
        ("network,\ndeny network alg,", FIXED),
        ("network,\naudit deny network alg,", FIXED),
        ("deny network alg,\nnetwork,", FIXED),
        ("network,\ndeny network alg seqpacket,", FIXED),
        ("network,\ndeny network seqpacket,", FIXED),
        ("network seqpacket,\ndeny network alg,", FIXED),
        ("network,\nunix,\ndeny network alg,", FIXED),
        ("network,\n" + "/a/b r,\n" * 11 + "deny network alg,", FIXED),
        ("deny network alg,", FIXED),
        ("network, deny network alg,", FIXED),
        ("network,\ndeny\n network\n alg\n,", FIXED),
        ("network alg,\ndeny network alg,", FIXED),
        ("network inet,", NOT_AFFECTED),
        ("network stream,\nnetwork raw,", NOT_AFFECTED),
        ("network tcp,\nnetwork unix seqpacket,", NOT_AFFECTED),
        ("network alg stream,", NOT_AFFECTED),
        ("deny network,", NOT_AFFECTED),
        ("network,\ndeny network,", NOT_AFFECTED),
        ("deny network,\nnetwork inet stream,", NOT_AFFECTED),
        ("capability,", NOT_AFFECTED),
        ("# network,\ncapability,", NOT_AFFECTED),
        ("network alg,", LOOK),
        ("network alg seqpacket,", LOOK),
        ("network,\nnetwork alg,", LOOK),
        ("network,\nnetwork alg seqpacket,", LOOK),
        ("audit {\n  network,\n}", LOOK),
        ("all,", LOOK),
        ("prompt network,", LOOK),
        ("include <abstractions/network>", LOOK),
        ("include <abstractions/base>", NOT_AFFECTED),
        ("#include <abstractions/nameservice>\ninclude <abstractions/base.d>", NOT_AFFECTED),
        ('include "/etc/apparmor.d/abstractions/X"', NOT_AFFECTED),
        ("include if exists <local/x>", LOOK),
        ("include if exists <abstractions/mine.d>", LOOK),
        ("#include<abstractions/network>", LOOK),
        ("audit include <abstractions/network>", LOOK),
        ("include <abstractions/base> network,", AFFECTED),
        ("include <abstractions/base> network,\ndeny network alg,", FIXED),
        ("network inet,\ninclude <abstractions/lxc/container-base>", LOOK),
        ("include <abstractions/lxc/container-base>\ndeny network alg,", FIXED),
        ("{{.Rules}}", LOOK),
        ("{{.Deny}} network,", LOOK),
        ("network {{.Family}},", LOOK),
        ("network create,", AFFECTED),
        ("audit network create,", AFFECTED),
        ("network create seqpacket,", AFFECTED),
        ("network (create),", AFFECTED),
        ("network create alg,", LOOK),
        ("network send,", NOT_AFFECTED),
        ("network,\ndeny network AF_ALG,", AFFECTED),
        ("network,\ndeny network ALG,", AFFECTED),
        ("network,\ndeny network alg dgram,", AFFECTED),
        ("network,\ndeny network alg\nfile,", AFFECTED),
        ("network,\ndeny {{.What}},", AFFECTED),
        ("network seqpacket,\ndeny network {{.Family}},", AFFECTED),
        ("network port=80,", NOT_AFFECTED),
        ("network stream ip=::1 port=443 peer=(ip=::1),", NOT_AFFECTED),
        ("network inet ip=10.0.0.1,", NOT_AFFECTED),
        ("network interface=eth0,", LOOK),
        ("network ip=10.0.0.1,", NOT_AFFECTED),
        ("network ip=10.0.0.1 port=80,", NOT_AFFECTED),
        ("network (connect) peer=(ip=10.0.0.1 port=80),", NOT_AFFECTED),
        ("network seqpacket port=80,", NOT_AFFECTED),
        ("network peer=(label=zip),", LOOK),
        ("network alg ip=10.0.0.1,", LOOK),
        ("network {{.Family}} ip=10.0.0.1,", LOOK),
        ("network,\ndeny network ip=10.0.0.1,", AFFECTED),
        ("deny all,", NOT_AFFECTED),
        ("network,\ndeny all,", NOT_AFFECTED),
        ("network alg,\naudit deny all,", NOT_AFFECTED),
        ("all,\ndeny network alg,", FIXED),
        ("all,\n{{.Deny}} network alg,", LOOK),
        ("{{.Deny}} all,", LOOK),
        ("network,\n{{.Deny}} all,", AFFECTED),
        ("network,\nif $n {\n deny network alg,\n} else {\n deny network alg,\n}", AFFECTED),
        ("network,\nif $n {\n deny network alg,\n}\ndeny network alg,", FIXED),
        ("if $n {\n network,\n deny network alg,\n}", FIXED),
        ("network inet,\n{{.Rules}}", LOOK),
        ("network inet,\n@RULES@", LOOK),
        ("network,\ndeny network {{.Family}},", AFFECTED),
        ("network,\ndeny network alg {{.Type}},", LOOK),
        ("network,\n{{if .S}}deny {{end}}network alg,", LOOK),
        ("{{if .S}}deny {{end}}network,", LOOK),
        ("{% if s %}deny{% endif %} network,", LOOK),
        ("network,\ndeny network {{if .S}}alg{{else}}inet{{end}},", AFFECTED),
        ("{{if .S}}audit {{end}}network,", AFFECTED),
        ("network,\nMODE network alg,", LOOK),
        ("{{.Prio}} network,\ndeny network alg,", LOOK),
        ("priority=5 {\n network,\n}\ndeny network alg,", LOOK),
        ("network,\n# {{if .S}}\ndeny network alg,\n# {{end}}", AFFECTED),
        ("network,\n# x {{- if .S}}\ndeny network alg,{{end}}", AFFECTED),
        ("network,\n# <% if s %>\ndeny network alg,\n# <% end %>", AFFECTED),
        ("network,\n# x\n{%- set s = 1 -%}\ndeny network alg,", AFFECTED),
        ("network,\n# x {{ .S -}}\ndeny network alg,", AFFECTED),
        ("network,\n# x\n{{- if .S}}\n{{end}}\ndeny network alg,", FIXED),
        ("network,\n# {{.S}} {a,b}\ndeny network alg,", FIXED),
        ("network,\n{{/* not now:\ndeny network alg,\n*/}}", AFFECTED),
        ("network,\n{{- /*\ndeny network alg,\n*/ -}}\nfile,", AFFECTED),
        ("words of prose\naudit network,", AFFECTED),
        ("network inet,\n<?= $rules ?>", LOOK),
        ("network inet,\n<?php render($x); ?>", LOOK),
        ("<?php $x = 1; ?>\nnetwork inet,", NOT_AFFECTED),
        ("network,\n<?php if ($s): ?>\ndeny network alg,\n<?php endif; ?>", AFFECTED),
        ("<?php foreach ($a as $b): ?>\nnetwork,\ndeny network alg,\n<?php endforeach ?>", FIXED),
        ("network,\n<?php if ($s) { ?>\ndeny network alg,\n<?php } ?>", AFFECTED),
        *(
            (f"network,\n<?php {begin} ?>\ndeny network alg,\n<?php {end} ?>", AFFECTED)
            for begin, end in (
                ("foreach ($a as $b):", "endforeach;"),
                ("while ($a):", "endwhile;"),
                ("switch ($a): case 1:", "endswitch;"),
                ("ob_start();", "ob_end_clean();"),
                ("} else {", "}"),
                ("", "}"),
            )
        ),
        (
            "network,\n<?php if ($s): ?>\ndeny network alg,\n<?php else: ?>\ndeny network,\n"
            "<?php endif; ?>",
            FIXED,
        ),
        (
            "network,\n<?php if ($s): ?>\ndeny network alg,\n<?php elseif ($t): ?>\n"
            "deny network,\n<?php endif; ?>",
            AFFECTED,
        ),
        ("network,\n<?php echo $a; ?> rw,\ndeny network alg,", FIXED),
        ("network inet,\n{% render 'rules' %}", LOOK),
        ("network inet,\n<%@ include file='rules' %>", LOOK),
        ("network inet,\n{$rules}", LOOK),
        *(
            (f"network inet,\n{strange}\nfile,", LOOK)
            for strange in (
                *("[% rules %]", "[[ rules ]]", "<#= rules #>", "@rules", "@(rules)", "$(rules)"),
                *("`rules`", "<rules/>", "<<rules>>", "__RULES__", "&rules;", "RULES", "m4_x(y)"),
                *("@include rules", "%include rules", "source rules", "{= rules }", "\\(rules)"),
            )
        ),
        ("RULES\nnetwork,\ndeny network alg,", FIXED),
        ("RULES\ndeny network,", LOOK),
        ("RULES\nnetwork,", AFFECTED),
    ],
)
def test_alg(body: str, expected: Status) -> None:
    assert status(body) is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("network,", AFFECTED),
        ("network stream,", AFFECTED),
        ("network dgram,", AFFECTED),
        ("network raw,", NOT_AFFECTED),
        ("network,\ndeny network alg,", AFFECTED),
        ("network,\ndeny network vsock,", FIXED),
        ("network,\ndeny network vsock stream,", AFFECTED),
        ("network stream,\ndeny network vsock stream,", FIXED),
        (
            "network,\ndeny network vsock stream,\ndeny network vsock dgram,\n"
            "deny network vsock seqpacket,",
            FIXED,
        ),
        ("network vsock,", LOOK),
    ],
)
def test_vsock(body: str, expected: Status) -> None:
    assert status(body, "vsock") is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("priority=1 network,\ndeny network alg,", AFFECTED),
        ("priority=1 network,\npriority=1 deny network alg,", FIXED),
        ("priority=1 network,\npriority=2 deny network alg,", FIXED),
        ("network,\npriority=-1 deny network alg,", AFFECTED),
        ("priority=-1 network,\ndeny network alg,", FIXED),
        ("network,\ndeny network alg,\npriority=1 network inet,", FIXED),
        ("network,\ndeny network alg,\npriority=1 all,", LOOK),
        ("network,\ndeny network alg,\nall,", FIXED),
        ("priority=5 network,\npriority=5 deny network alg stream,\ndeny network alg,", AFFECTED),
        ("priority=5 network,\npriority=4 deny network,\ndeny network alg,", AFFECTED),
        ("priority=5 network,\npriority=5 deny network,\ndeny network alg,", FIXED),
        ("priority=1 network inet,\nnetwork,\ndeny network alg,", FIXED),
        ("priority=1 deny network alg,\nnetwork,\npriority=2 network seqpacket,", AFFECTED),
        ("network,\ndeny network alg,\npriority=1 network {{.Family}},", LOOK),
        ("{{if .N}}network,\ndeny network alg,\n{{end}}\nnetwork {{.Family}},", LOOK),
        ("priority=-1 deny network alg,", NOT_AFFECTED),
        ("network, deny network alg, priority = 5 network,", AFFECTED),
        ("network, deny network alg, priority= 5 network,", AFFECTED),
        ("network,\ndeny network alg,\npriority\t=5 audit network,", AFFECTED),
        ("network,\ndeny network alg,\npriority\n=\n5 network,", AFFECTED),
        ("network,\ndeny network alg,\npriority = 5 audit allow network,", AFFECTED),
        ("network,\ndeny network alg,\npriority=+5 network,", AFFECTED),
        ("network,\ndeny network alg,\npriority = 1 network seqpacket,", AFFECTED),
        ("priority = 5 network,\npriority = 5 deny network alg,", FIXED),
        ("deny network alg,\npriority={{.P}} network,", LOOK),
        ("network,\npriority = {{.P}} deny network alg,", LOOK),
        ("network,\ndeny all,\npriority=1 network,", AFFECTED),
    ],
)
def test_priorities(body: str, expected: Status) -> None:
    assert status(body) is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("{{if .N}}network,{{end}}", [AFFECTED]),
        ("{{if .N}}network,{{end}}\ndeny network alg,", [FIXED]),
        ("network,\n{{if .N}}deny network alg,{{end}}", [AFFECTED]),
        ("{{if .N}}network,\ndeny network alg,\n{{end}}", [FIXED]),
        ("{{if .N}}network,{{end}}\n{{if .N}}deny network alg,{{end}}", [AFFECTED]),
        ("{{if .N}}network,{{end}}\n{{if .M}}deny network alg,{{end}}", [AFFECTED]),
        ("{{if .N}}audit network,{{else}}network,{{end}}", [AFFECTED, AFFECTED]),
        ("{{if .N}}network,{{else}}deny network,{{end}}", [AFFECTED]),
        ("{{if .N}}network,{{else}}network,\ndeny network alg,{{end}}", [AFFECTED]),
        ("network,\n{{if .N}}deny network alg,{{else}}deny network alg,{{end}}", [FIXED]),
        ("network,\n{{if .N}}deny network alg,{{else if .M}}deny network alg,{{end}}", [AFFECTED]),
        (
            "network,\n{{if .N}}{{if .M}}deny network alg,{{else}}deny network alg,{{end}}"
            "{{else}}deny network alg,{{end}}",
            [FIXED],
        ),
        ("network,\n{{if .N}}network,{{end}}", [AFFECTED]),
        ("{% if n %}network,{% elif m %}network,{% else %}network,{% endif %}", [AFFECTED] * 3),
        ("if $n {\n network,\n} else {\n audit network,\n}", [AFFECTED, AFFECTED]),
        ("if $n {\n network,\n}\ndeny network alg,", [FIXED]),
        ("{{if .N}}network,{{end}}\n{{if not .N}}deny network alg,{{end}}", [AFFECTED]),
        ("network {{if .N}} inet, {{end}}\n,", [LOOK]),
        ("network {{if .N}}inet, {{end}},", [LOOK]),
        ("network {{if .N}} inet, {{else}} , {{end}}", [LOOK]),
        ("network inet {{if .N}} stream, {{end}} ,", [LOOK]),
        ("network,\ndeny network {{if .N}} alg, {{else}} inet, {{end}}", [AFFECTED]),
        ("network,\ndeny {{if .N}}network alg, {{else}}network inet,{{end}}", [AFFECTED]),
        ("{{if .N}}{{if .M}}network{{end}} inet,{{end}}", [NOT_AFFECTED]),
        ("{{if .N}}network inet,{{if .M}}\n{{end}}network dgram,{{end}}", [NOT_AFFECTED]),
        ("network,\n{{.Deny}} network alg,", [LOOK]),
        (
            "{{with .S}}{{if .N}}network,{{end}}{{end}}\n{{if .N}}deny network alg,{{end}}",
            [AFFECTED],
        ),
        (
            "{% if n %}network,{% endif %}{% set n = 0 %}{% if n %}deny network alg,{% endif %}",
            [AFFECTED],
        ),
        *(
            (f"{first}{{{{if .N}}}}network,{{{{end}}}}{last}\n{then}", [AFFECTED])
            for first, last, then in (
                ("{{range .S}}", "{{end}}", "{{if .N}}deny network alg,{{end}}"),
                ("", "", "{{with .S}}{{if .N}}deny network alg,{{end}}{{end}}"),
                ("", "", "{{range .S}}{{if .N}}deny network alg,{{end}}{{end}}"),
                ("", '{{$_ := set . "N" 1}}', "{{if .N}}deny network alg,{{end}}"),
                ("", "", "{{if .M}}{{else}}{{if .N}}deny network alg,{{end}}{{end}}"),
            )
        ),
        *(
            (f"{{% if {n} %}}network,{{% endif %}}{between}\n{then}", [AFFECTED])
            for n in ("n", "q()")
            for between, then in (
                ("{% assign n = 0 %}", f"{{% if {n} %}}deny network alg,{{% endif %}}"),
                ("{% do n.update() %}", f"{{% if {n} %}}deny network alg,{{% endif %}}"),
                ("{% import 'x' as n %}", f"{{% if {n} %}}deny network alg,{{% endif %}}"),
                (
                    "{% with n = 0 %}",
                    f"{{% if {n} %}}deny network alg,{{% endif %}}{{% endwith %}}",
                ),
                ("{% for n in s %}", f"{{% if {n} %}}deny network alg,{{% endif %}}{{% endfor %}}"),
            )
        ),
        ("{{if next}}network,{{end}}\n{{if next}}deny network alg,{{end}}", [AFFECTED]),
        ("network,\n{{ternary `deny network alg,` `` .X}}", [AFFECTED]),
        ("network,\n{{ 'deny network alg,' if x }}", [AFFECTED]),
        ("network,\n${x ? 'deny network alg,' : ''}", [AFFECTED]),
        ("network,\n%{ if x }\ndeny network alg,\n%{ endif }", [AFFECTED]),
        ("network,\n%{ for x in y ~}\ndeny network alg,\n%{ endfor ~}", [AFFECTED]),
        ("network,\n% for x in y:\n deny network alg,\n% endfor", [AFFECTED]),
        ("#ifndef X\ndeny network alg,\n#endif\nnetwork,", [AFFECTED]),
        ("network,\n#if A\ndeny network alg,\n#else\n#endif", [AFFECTED]),
        ("network,\n@IF_X@ deny network alg,", [AFFECTED]),
        ("network,\n{{^x}}\ndeny network alg,\n{{/x}}", [AFFECTED]),
        ("{% macro m() %}deny network alg,{% endmacro %}\nnetwork,", [AFFECTED]),
        ("{% comment %}deny network alg,{% endcomment %}\nnetwork,", [AFFECTED]),
        ("{% whatever %}\ndeny network alg,\n{% endwhatever %}\nnetwork,", [AFFECTED]),
        ("<% @a.each do |x| %>\ndeny network alg,\n<% end %>\nnetwork,", [AFFECTED]),
        ("<% if (x) { %>\ndeny network alg,\n<% } %>\nnetwork,", [AFFECTED]),
        ("{{range .L}}network,{{if .X}}{{continue}}{{end}}deny network alg,{{end}}", [AFFECTED]),
        ("{{range .L}}network,\ndeny network alg,{{if .X}}{{continue}}{{end}}{{end}}", [FIXED]),
        ("network,\n% if x:\n deny network alg,\n% endif", [AFFECTED]),
        ("% if x:\n deny network alg,\n% endif\nnetwork,", [AFFECTED]),
        ("network,\n#ifdef X\ndeny network alg,\n#endif", [AFFECTED]),
        ("network,\n@BEGIN_X@\ndeny network alg,\n@END_X@", [AFFECTED]),
        ("network,\n@X_TRUE@ deny network alg,", [AFFECTED]),
        ("network,\n${if x}\ndeny network alg,\n${end}", [AFFECTED]),
        ("network,\n%X%\ndeny network alg,\n%/X%", [AFFECTED]),
        ("network,\n@@X@@\ndeny network alg,\n@@/X@@", [AFFECTED]),
        ("network,\n# BEGIN x\ndeny network alg,\n# END x", [AFFECTED]),
        ("network,\n##IF X\ndeny network alg,\n##END", [AFFECTED]),
        ("network,\n# BEGIN MANAGED BLOCK\ndeny network alg,\n# END MANAGED BLOCK", [FIXED]),
        ("network,\n@X@\ndeny network alg,\n@Y@", [FIXED]),
        ("network,\n# if you ask why\ndeny network alg,", [FIXED]),
        ("network,\n@if@\ndeny network alg,\n@endif@", [AFFECTED]),
        ("network,\n@if (x)\ndeny network alg,\n@endif", [AFFECTED]),
        ("network inet,\n{{.Extra}}", [LOOK]),
        ("network,\ndeny network alg,\n{{.Extra}}", [FIXED]),
        ("{{if .N}}network,\ndeny network alg,\n{{end}}\n{{.Extra}}", [LOOK]),
        ("{{if .N}}network,\ndeny network alg,\n{{end}}\nnetwork {{.F}},", [LOOK]),
    ],
)
def test_branches(body: str, expected: list[Status]) -> None:
    assert [judgement.status for judgement in judgements(body)] == expected


def test_one_answer_serves_the_rules_that_it_covers() -> None:
    found = judgements("network,\naudit network,\n{{if .N}}network seqpacket,{{end}}")
    assert len(found) == 1
    assert found[0].anchor is not None
    assert found[0].anchor.words == (b"network",)


def test_the_answer_follows_the_rule_of_highest_priority() -> None:
    found = judgements("network,\npriority=5 network,")
    assert [each.anchor.words for each in found if each.anchor] == [(b"priority=5", b"network")]


@pytest.mark.parametrize(
    ("flags", "body", "expected"),
    [
        ("complain", "network,", [AFFECTED]),
        ("complain", "network inet,", [AFFECTED]),
        ("complain", "file,", [AFFECTED]),
        ("complain", "network,\ndeny network alg,", [FIXED]),
        ("complain", "network inet,\ndeny network alg,", [FIXED]),
        ("complain", "deny network,", [NOT_AFFECTED]),
        ("complain", "network,\naudit deny network alg,", [LOOK]),
        ("complain", "network,\ndeny network alg,\naudit deny network,", [LOOK]),
        ("complain", "audit deny all,", [LOOK]),
        ("complain", "{{if .N}}network,\ndeny network alg,{{end}}", [AFFECTED]),
        ("complain", "{{if .N}}network,{{end}}", [AFFECTED, AFFECTED]),
        ("complain", "deny network alg,\npriority=1 network,", [AFFECTED]),
        ("complain", "network alg,", [LOOK]),
        ("complain, audit", "network,", [AFFECTED]),
        ("complain, audit", "audit network inet,", [AFFECTED]),
        ("attach_disconnected, complain, audit", "network,\ndeny network alg,", [LOOK]),
        ("unconfined", "network,", [LOOK]),
        ("unconfined", "network,\ndeny network alg,", [LOOK]),
        ("unconfined", "file,", [LOOK]),
        ("default_allow", "network,", [LOOK]),
        ("default_allow", "deny network alg,", [LOOK]),
        ("default_allow,mediate_deleted", "file,", [LOOK]),
        ("prompt", "network,", [AFFECTED]),
        ("prompt", "network inet,", [LOOK]),
        ("prompt", "network,\ndeny network alg,", [FIXED]),
        ("kill", "network inet,", [NOT_AFFECTED]),
        ("enforce", "network,\ndeny network alg,", [FIXED]),
        ("{{.Flags}}", "network,", [AFFECTED]),
        ("{{.Flags}}", "network,\ndeny network alg,", [LOOK]),
        ("mediate_deleted{% if c %},complain{% endif %}", "network inet,", [LOOK]),
        ("$FLAGS", "deny network,", [LOOK]),
        ("attach_disconnected.path=@{att}", "network inet,", [NOT_AFFECTED]),
        ("attach_disconnected.path=@{att}{{.More}}", "network inet,", [LOOK]),
        ("COMPLAIN", "network inet,", [LOOK]),
        ("Complain", "network,\ndeny network alg,", [LOOK]),
        ("complian", "network,\ndeny network alg,", [LOOK]),
        ("mode=complain", "network inet,", [LOOK]),
        ("attach_disconnected,${X}", "network,\ndeny network alg,", [LOOK]),
        ("mediate_deleted,__FLAGS__", "network,\ndeny network alg,", [LOOK]),
        ("complain,site", "network,\ndeny network alg,", [LOOK]),
        ("COMPLAIN", "network,", [AFFECTED]),
        ('"complain"', "network inet,", [AFFECTED]),
        ("kill, kill.signal=hup, error=EPERM, interruptible", "network inet,", [NOT_AFFECTED]),
        ("attach_disconnected.ipc=@{a},chroot_no_attach,debug", "network inet,", [NOT_AFFECTED]),
    ],
)
def test_flags(flags: str, body: str, expected: list[Status]) -> None:
    """``complain`` allows what no rule denies, and what is denied with an audit; ``unconfined`` and
    ``default_allow`` confine nothing."""
    for written in (f"flags=({flags})", f"flags = ({flags})"):
        found = judgements(body, flags=written)
        assert [judgement.status for judgement in found] == expected


@pytest.mark.parametrize(
    "header",
    [
        "mode=complain",
        "Flags=(complain)",
        "flags=(mediate_deleted) flags=(complain)",
        "flags=(mediate_deleted) {{.More}}",
        "mode=complain flags=(mediate_deleted)",
        "flags=(mediate_deleted,%(more)s)",
        "flags=(mediate_deleted,$(more))",
        "xattrs=(user.x=y) flags=(mediate_deleted) (complain)",
    ],
)
def test_what_is_no_flag_in_a_header(header: str) -> None:
    (found,) = judgements("network,\ndeny network alg,", flags=header)
    assert found.status is LOOK
    (found,) = judgements("network inet,", flags=header)
    assert found.status is LOOK
    assert "in its flags, which may make it allow everything" in found.reason


def test_what_else_a_header_may_hold() -> None:
    header = "/usr/bin/x xattrs=(user.x=y) flags=(mediate_deleted)"
    (found,) = judgements("network,\ndeny network alg,", flags=header)
    assert found.status is FIXED


def test_a_rule_to_add_by_hand_has_no_anchor() -> None:
    (found,) = judgements("network inet,", flags="flags=(complain)")
    assert found.anchor is None
    (found,) = judgements("network,", flags="flags=(complain)")
    assert found.anchor is not None


def test_a_deny_does_not_count_in_another_scope() -> None:
    text = b"profile x {\n  network,\n}\nprofile y {\n  network,\n  deny network alg,\n}\n"
    found = [judge(each, "alg", ("seqpacket",), moby_style=True)[0].status for each in read(text)]
    assert found == [AFFECTED, FIXED]


def test_reasons_name_what_was_seen() -> None:
    assert (
        "deny network alg seqpacket"
        in judgements("network,\ndeny network alg seqpacket,")[0].reason
    )
    assert "`audit` block" in judgements("audit {\n  network,\n}")[0].reason
    assert "on purpose" in judgements("network alg,")[0].reason


def test_many_conditions_are_judged() -> None:
    body = "".join(
        f"{{{{if .A{i}}}}}network,{{{{end}}}}\n{{{{if .B{i}}}}}deny network alg,{{{{end}}}}\n"
        for i in range(3000)
    )
    assert [each.status for each in judgements(body)] == [Status.AFFECTED] * 3000


def test_a_policy_of_too_many_conditions_is_for_a_person() -> None:
    """Each way through three conditionals may deny what has a higher priority."""
    body = "priority=5 network,\n" + "".join(
        f"{{{{if .A{i}}}}}deny network alg,{{{{else}}}}deny network alg,{{{{end}}}}\n"
        for i in range(300)
    )
    assert status(body) is LOOK


# -- includes

FILES = {
    "abstractions/net": "  network,\n",
    "abstractions/types": "  network seqpacket,\n",
    "abstractions/first": "  priority=5 network,\n",
    "abstractions/inet": "  network inet stream,\n  /a r,\n",
    "abstractions/closed": "  network,\n  deny network alg,\n",
    "abstractions/deny": "  deny network alg,\n",
    "abstractions/all": "  all,\n",
    "abstractions/outer": "  include <abstractions/net>\n",
    "abstractions/more": "include if exists <abstractions/more.d>\ninclude <abstractions/inet>\n",
    "abstractions/cycle": "  include <abstractions/cycle>\n  network inet,\n",
    "abstractions/unknown": "  include <abstractions/nowhere>\n",
    "abstractions/hat": "  ^hat {\n    network,\n  }\n",
    "abstractions/base": "  network,\n",
    "local/x": "  network,\n",
}


def find(name: str, optional: bool) -> bytes | None:
    return FILES[name].encode() if name in FILES else None


@pytest.mark.parametrize("rest", ["", "network inet,\n", "file,\n/a r,\n"])
@pytest.mark.parametrize(
    ("include", "expected"),
    [
        ("include <abstractions/net>", LOOK),
        ("#include <abstractions/net>", LOOK),
        ("#include<abstractions/net>", LOOK),
        ('include "abstractions/net"', LOOK),
        ("include </etc/apparmor.d/abstractions/net>", LOOK),
        ("include if exists <abstractions/net>", LOOK),
        ("deny include <abstractions/net>", LOOK),
        ("capability, include <abstractions/net> signal,", LOOK),
        ("#include\n\n<abstractions/net>", LOOK),
        ("include <abstractions/types>", LOOK),
        ("include <abstractions/first>", LOOK),
        ("include <abstractions/all>", LOOK),
        ("include <abstractions/outer>", LOOK),
        ("include <abstractions/cycle>", LOOK),
        ("include <abstractions/unknown>", LOOK),
        ("include <abstractions/nowhere>", LOOK),
        ("include if exists <abstractions/nowhere>", LOOK),
        ("include <../net>", LOOK),
        ("include <{{.Name}}>", LOOK),
        ("include <abstractions/base>", LOOK),
        ("include if exists <local/x>", LOOK),
        ("include <local/y>", LOOK),
        ("include <abstractions/nameservice>", NOT_AFFECTED),
        ("include <abstractions/inet>", NOT_AFFECTED),
        ("include <abstractions/closed>", NOT_AFFECTED),
        ("include <abstractions/deny>", NOT_AFFECTED),
        ("include <abstractions/more>", NOT_AFFECTED),
        ("include <abstractions/hat>", NOT_AFFECTED),
        ("include if exists <local/y>", NOT_AFFECTED),
        ("include if exists <abstractions/base.d>", NOT_AFFECTED),
    ],
)
def test_what_is_included_counts(include: str, rest: str, expected: Status) -> None:
    (profile,) = read(f"profile x {{\n{include}\n{rest}}}\n".encode())
    (found,) = judge(profile, "alg", TYPES["alg"], moby_style=False, includes=Includes(find))
    assert found.status is expected
    assert ("include" in found.reason) is (expected is LOOK or "if exists" in include)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("include <abstractions/net>\ndeny network alg,", FIXED),
        ("include <abstractions/outer>\ndeny network,", NOT_AFFECTED),
        ("include <abstractions/nowhere>\ndeny network alg,", FIXED),
        ("include <abstractions/first>\ndeny network alg,", LOOK),
        ("include <abstractions/first>\npriority=5 deny network alg,", FIXED),
        # Which file is loaded is not certain enough to leave out the deny.
        ("include <abstractions/deny>\nnetwork,", AFFECTED),
        ("include <abstractions/closed>\nnetwork,", AFFECTED),
        ("{{if .S}}include <abstractions/net>{{end}}\n{{if .S}}deny network alg,{{end}}", LOOK),
    ],
)
def test_denies_and_includes(body: str, expected: Status) -> None:
    (profile,) = read(f"profile x {{\n{body}\n}}\n".encode())
    (found,) = judge(profile, "alg", TYPES["alg"], moby_style=False, includes=Includes(find))
    assert found.status is expected


def test_complain_mode_is_affected_whatever_it_includes() -> None:
    (profile,) = read(b"profile x flags=(complain) {\n  include <abstractions/nowhere>\n}\n")
    (found,) = judge(profile, "alg", TYPES["alg"], moby_style=False)
    assert found.status is AFFECTED

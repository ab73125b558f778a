"""Template actions: which of them choose, and which put text in their place."""

from __future__ import annotations

import pytest

import patcher
from patcher.policy.actions import Control, condition, control


@pytest.mark.parametrize(
    ("action", "does"),
    [
        (b"{{if .Network}}", Control.OPEN),
        (b"{{- if .Network -}}", Control.OPEN),
        (b"{{ range $value := .Imports }}", Control.OPEN),
        (b"{{with .Name}}", Control.OPEN),
        (b"{% if network %}", Control.OPEN),
        (b"{%- for rule in rules -%}", Control.OPEN),
        (b"{{#if network}}", Control.OPEN),
        (b"{{#each rules}}", Control.OPEN),
        (b"{{^network}}", Control.OPEN),
        (b"<% if @network %>", Control.OPEN),
        (b"<%- unless @network -%>", Control.OPEN),
        (b"{{else}}", Control.ARM),
        (b"{{else if .Audit}}", Control.ARM),
        (b"{% elif audit %}", Control.ARM),
        (b"{%- else -%}", Control.ARM),
        (b"<% elsif @x %>", Control.ARM),
        (b"{{end}}", Control.CLOSE),
        (b"{{- end }}", Control.CLOSE),
        (b"{% endif %}", Control.CLOSE),
        (b"{{/if}}", Control.CLOSE),
        (b"<% end %>", Control.CLOSE),
        (b"{{/* a comment */}}", Control.NONE),
        (b"{{! a comment }}", Control.NONE),
        (b"{{$x := .Name}}", Control.NONE),
        (b"{% set x = 1 %}", Control.NONE),
        (b"{% set x %}", Control.OPEN),
        (b"{% endset %}", Control.CLOSE),
        (b"{% macro deny(x) %}", Control.OPEN),
        (b"{% comment %}", Control.OPEN),
        (b"<% @rules.each do |rule| %>", Control.OPEN),
        (b"<% x = 1 %>", Control.NONE),
        (b"<%# why %>", Control.NONE),
        (b"<% } else { %>", Control.UNKNOWN),
        (b"<% next if @x %>", Control.UNKNOWN),
        (b"{{break}}", Control.UNKNOWN),
        (b"{% continue %}", Control.UNKNOWN),
        (b"{% whatever x %}", Control.UNKNOWN),
        (b"{{ call .F }}", None),
        (b"{{.Name}}", None),
        (b"{{ apparmor_profile_name }}", None),
        (b"{{ ifname }}", None),
        (b"{{ .Values.end }}", None),
        (b'{{ include "chart.name" . }}', None),
        (b"<%= @name %>", None),
        (b"{{{name}}}", None),
        (b"{% include 'rules.j2' %}", None),
    ],
)
def test_control(action: bytes, does: Control | None) -> None:
    assert control(action) is does


def test_the_same_condition_whatever_the_blanks_and_trim_marks() -> None:
    assert condition(b"{{- if  .Network -}}") == condition(b"{{if .Network}}")
    assert condition(b"{% if a %}") == condition(b"{%- if\n a -%}")
    assert condition(b"{{if .Network}}") != condition(b"{{if not .Network}}")


@pytest.mark.parametrize(
    ("opening", "closing", "path"),
    [
        ("{#", "#}", "apparmor.j2"),
        ("{# words", "words #}", "apparmor.twig"),
        ("{#", "#}", "apparmor.d/x"),
        ("{{/*", "*/}}", "apparmor.tmpl"),
        ("{{- /* words", "*/ -}}", "apparmor.gotmpl"),
        ("{{!--", "--}}", "apparmor.hbs"),
        ("{{~! words", "}}", "apparmor.mustache"),
        ("<%#", "%>", "apparmor.erb"),
        ("<%--", "--%>", "apparmor.jsp"),
        ("<%doc>", "</%doc>", "apparmor.mako"),
        ("{% comment %}", "{% endcomment %}", "apparmor.liquid"),
        ("{%- comment 'x' -%}", "{%- endcomment -%}", "apparmor.djt"),
        ("{*", "*}", "apparmor.tpl"),
        ("#*", "*#", "apparmor.vm"),
    ],
)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "  network,\n  # {0}\n  deny network alg,\n  # {1}\n",
            "  network,\n  deny network alg,\n  # {0}\n  deny network alg,\n  # {1}\n",
        ),
        (
            "  network, # {0}\n  deny network alg,\n  # {1}\n",
            "  network, deny network alg, # {0}\n  deny network alg,\n  # {1}\n",
        ),
        (
            "  network,\n  {0}\n  deny network alg,\n  {1}\n",
            "  network,\n  deny network alg,\n  {0}\n  deny network alg,\n  {1}\n",
        ),
        (
            "  # {0}\n  deny network alg,\n  # {1}\n  network,\n",
            "  # {0}\n  deny network alg,\n  # {1}\n  network,\n  deny network alg,\n",
        ),
    ],
)
def test_a_deny_in_a_template_comment_of_several_lines_does_not_count(
    opening: str, closing: str, path: str, before: str, after: str
) -> None:
    profile = (
        "profile x flags=(attach_disconnected,mediate_deleted) {{\n{}  capability,\n  file,\n"
        "  umount,\n  deny @{{PROC}}/* w,\n  deny mount,\n}}\n"
    )
    old = profile.format(before.format(opening, closing)).encode()
    result = patcher.patch(path, old)
    assert result.content.decode() == profile.format(after.format(opening, closing))
    again = patcher.patch(path, result.content).findings
    assert {finding.status for finding in again} == {"fixed"}


_NETWORK, _DENY = "  network,\n", "  deny network alg,\n"


@pytest.mark.parametrize(
    ("opening", "closing", "path"),
    [
        ("{% block rules %}\n", "{% endblock %}\n", "apparmor.j2"),
        ("{% block rules %}\n", "{% endblock rules %}\n", "apparmor.twig"),
        ("{%- block rules -%}\n", "{%- endblock -%}\n", "apparmor.djt"),
        ('{{block "rules" .}}\n', "{{end}}\n", "apparmor.tmpl"),
        ('{{- block "rules" . -}}\n', "{{- end -}}\n", "apparmor.gotmpl"),
    ],
)
@pytest.mark.parametrize(
    ("body", "before", "after"),
    [
        ("{0}" + _NETWORK + _DENY + "{1}", "under_investigation", "under_investigation"),
        (_NETWORK + "{0}" + _DENY + "{1}", "affected", "fixed"),
        ("{0}" + _NETWORK + "{1}" + _DENY, "fixed", "fixed"),
        (_NETWORK + _DENY + "{0}{1}", "fixed", "fixed"),
        ("{0}{1}", "under_investigation", "under_investigation"),
        ("{0}" + _NETWORK + "{1}", "affected", "under_investigation"),
    ],
)
def test_another_template_may_replace_a_block(
    opening: str, closing: str, path: str, body: str, before: str, after: str
) -> None:
    rules = body.format(opening, closing)
    profile = (
        "profile x flags=(attach_disconnected,mediate_deleted) {\n" + rules + "  capability,\n"
        "  file,\n  umount,\n  deny @{PROC}/* w,\n  deny mount,\n}\n"
    )
    result = patcher.patch(path, profile.encode())
    again = patcher.patch(path, result.content)
    statuses = [{finding.status for finding in each.findings} for each in (result, again)]
    assert statuses == [{before}, {after}]


@pytest.mark.parametrize(
    ("opening", "closing", "path"),
    [
        ("@if($x)", "@endif", "apparmor.blade.php"),
        ("@unless ($x == 1)", "@endunless", "apparmor.txt"),
        ("{{? it.x }}", "{{?}}", "apparmor.dot"),
        ("$if(x)$", "$endif$", "apparmor.stg"),
        ("#{if x}", "#{/if}", "apparmor.txt"),
        ("# if x", "# endif", "apparmor.j2"),
        ("#@ if x:", "#@ end", "apparmor.txt"),
        ("# if X", "# endif", "apparmor.in"),
        ("[[ if .X -]]", "[[- end ]]", "apparmor.tmpl"),
        ("<?php if ($x): ?>", "<?php endif; ?>", "apparmor.php"),
        ("[% IF x %]", "[% END %]", "apparmor.tt"),
        ("<cfif x>", "</cfif>", "apparmor.cfm"),
        ("{% trans %}", "{% endtrans %}", "apparmor.j2"),
        ("<%= capture do %>", "<% end %>", "apparmor.erb"),
        ("<%= for r <- @rules do %>", "<% end %>", "apparmor.eex"),
        ("<%= if @x do %>", "<% end %>", "apparmor.heex"),
        ("#foreach($r in $rules)", "#end", "apparmor.vm"),
        ("#{if}($x)", "#{end}", "apparmor.vm"),
        ("#macro(rules)", "#end", "apparmor.vm"),
        ("#for $r in $rules", "#end for", "apparmor.tmpl"),
        ("## if x", "## endif", "apparmor.j2"),
        ("#% if x", "#% endif", "apparmor.j2"),
    ],
)
def test_a_deny_that_a_template_of_any_kind_chooses_answers_nothing_else(
    opening: str, closing: str, path: str
) -> None:
    rest = "  capability,\n  file,\n  umount,\n  deny @{PROC}/* w,\n  deny mount,\n}\n"
    profile = "profile x flags=(attach_disconnected,mediate_deleted) {\n  network,\n"
    chosen = f"{opening}\n  deny network alg,\n{closing}\n" + rest
    result = patcher.patch(path, (profile + chosen).encode())
    assert result.content.decode() == profile + _DENY + chosen
    assert [f.status for f in patcher.patch(path, result.content).findings] == ["fixed"]

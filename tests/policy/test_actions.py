"""Template actions: which of them choose, and which put text in their place."""

from __future__ import annotations

import pytest

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

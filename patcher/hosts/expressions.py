"""Expressions of templates that print a named text of the same file: a value of a YAML file, or a
named template of Helm."""

from __future__ import annotations

import re

from patcher.hosts.strings import matters
from patcher.policy.patterns import regex, repeated

_NAMED = regex(
    rb"^[ \t-]*+(?P<key>[A-Za-z_]\w*+):[ \t]*+[|>][-+\d]*+[ \t]*+\r?$"
    rb"|\{\{-?[ \t]*+define[ \t]+\"(?P<template>[^\"\n]{1,200})\""
    rb"|\{%[-+]?[ \t]*+(?:set|macro)[ \t]+(?P<set>\w+)"
    rb"|\{\{-?[ \t]*+\$(?P<variable>\w+)[ \t]*+:?=",
    re.MULTILINE,
)
_EXPRESSION = regex(rb"\{\{[-~]?((?:[^{}]|\"[{}]{1,3}\"){1,400}?)[-~]?\}\}")
_NO_PRINT = regex(rb"\s*+(?:(?:if|else|with|define|block|end)\b|/\*|\$\w+[ \t]*:?=)")
_BLOCK = regex(rb"\{%[-+]?[ \t]*+(?P<kind>filter|call)\b(?P<what>[^%{}\n]{1,200}?)[-+]?%\}")
"""Behind it stands a text that a filter or macro of Jinja is given."""
_FILTER = regex(
    rb"\s*\|\s*(?:indent|nindent|quote|squote|b64enc|b64encode|toYaml|toJson|toString|string|safe|to_json|"
    rb"to_yaml|to_nice_yaml|to_nice_json|tpl|length|len|sha\w+|hash|upper|trim(?=\s*(?:\||\Z|\(\)))|"
    rb"trimSuffix(?=\s+\"\\n\"))\b"
    + repeated(rb"[ \t]+(?:\d+|\"[^\"\n]*+\"|[.$][\w.]*+)", b"{0,3}")
    + rb"(?:\([^()\n]*+\))?"
)
"""A filter that leaves nothing of its text out."""
_FILTERS = regex(repeated(_FILTER.pattern, b"+"))
_MOST = 64


def why_filtered(content: bytes) -> str:
    """Say which expression makes something else of a text with network rules that has a name in
    this file; empty if none does."""
    for number, block in enumerate(_BLOCK.finditer(content) if b"{%" in content else ()):
        what = block["what"].strip()
        if block["kind"] == b"filter" and _FILTERS.fullmatch(b"|" + what):
            continue
        end = content.find(b"end" + block["kind"], block.end())
        if number == _MOST or matters(content, block.end(), len(content) if end < 0 else end):
            return f"`{what.decode('utf-8', 'replace')}` may return another text"
    found = [*_NAMED.finditer(content)]
    if not found or b"{{" not in content:
        return ""
    ends = [each.start() for each in found[1:]] + [len(content)]
    names = [
        re.escape(each["key"] or each["template"] or each["set"] or each["variable"])
        for each, end in zip(found, ends, strict=True)
        if matters(content, each.end(), end)
    ]
    if not names:
        return ""
    named = re.compile(
        rb"(?:(?<![\w.\"'])(?:\"|\b)|\$?\.Values\.(?:\w+\.){0,8})(?:%b)\b\"?"
        % b"|".join(names[:_MOST])
    )
    for expression in _EXPRESSION.finditer(content):
        use = named.search(expression[1])
        if use is None or _NO_PRINT.match(expression[1]):
            continue
        if not _prints(expression[1][: use.start()], expression[1][use.end() :]):
            shown = expression[0].decode("utf-8", "replace")
            return f"`{shown}` may leave out or replace a part of the text"
    return ""


_BEFORE = regex(rb"[\s(]*+(?:(?:include|template|tpl)\s+)?\(?\s*+(?:include\s+)?")
_BEHIND = regex(
    rb"\s*+(?:[.$][\w.]*+|\(dict[^()\n]*+\))?[\s)]*+" + repeated(_FILTER.pattern) + rb"[\s.$)]*+"
)


def _prints(before: bytes, behind: bytes) -> bool:
    """Whether an expression prints what it names, and all of it."""
    return _BEFORE.fullmatch(before) is not None and _BEHIND.fullmatch(behind) is not None

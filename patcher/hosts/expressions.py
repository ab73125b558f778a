"""Expressions of templates that print a named text of the same file: a value of a YAML file, or a
named template of Helm."""

from __future__ import annotations

import re

from patcher.hosts.strings import matters
from patcher.policy.patterns import regex, repeated

_NAMED = regex(
    rb"^[ \t-]*+(?P<key>[A-Za-z_]\w*+):[ \t]*+[|>][-+\d]*+[ \t]*+\r?$"
    rb"|\{\{-?[ \t]*+define[ \t]+\"(?P<template>[^\"\n]{1,200})\"",
    re.MULTILINE,
)
_EXPRESSION = regex(rb"\{\{[-~]?([^{}]{1,400}?)[-~]?\}\}")
_NO_PRINT = regex(rb"\s*+(?:if|else|with|range|define|block|end|/\*|\$\w+[ \t]*:?=)")
_FILTER = regex(
    rb"\s*\|\s*(?:indent|nindent|quote|squote|b64enc|b64encode|toYaml|toJson|toString|string|safe|to_json|"
    rb"to_yaml|to_nice_yaml|to_nice_json|tpl|length|len|sha\w+|hash|upper|trim(?=\s*(?:\||\Z|\(\)))|"
    rb"trimSuffix(?=\s+\"\\n\"))\b"
    + repeated(rb"[ \t]+(?:\d+|\"[^\"\n]*+\"|[.$][\w.]*+)", b"{0,3}")
    + rb"(?:\([^()\n]*+\))?"
)
"""A filter that leaves nothing of its text out."""
_MOST = 64


def why_filtered(content: bytes) -> str:
    """Say which expression makes something else of a text with network rules that has a name in
    this file; empty if none does."""
    found = [*_NAMED.finditer(content)]
    if not found or b"{{" not in content:
        return ""
    ends = [each.start() for each in found[1:]] + [len(content)]
    names = [
        re.escape(each["key"] or each["template"])
        for each, end in zip(found, ends, strict=True)
        if matters(content, each.end(), end)
    ]
    if not names:
        return ""
    named = re.compile(rb"(?<![\w.\"'])(?:\"|\b)(?:" + b"|".join(names[:_MOST]) + rb")\b\"?")
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

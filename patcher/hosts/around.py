"""Pairs of code before and behind a text, or a variable that holds it, which change it together."""

from __future__ import annotations

from patcher.hosts import joins, lengths
from patcher.policy.patterns import regex

_PIPES = regex(
    rb"\b(?:run|check_output|check_call|Popen)\(\s*[\[(]?\s*[\"'](?!(?:[\w./]*/)?(?:apparmor_parser|tee|cat|"
    rb"docker|podman|kubectl|oc|ssh|sudo|su|dd|bash|sh)\b)[^\n]*\binput\s*=\s*\Z"
)
"""A command that reads the text, and may print another one."""
_CMAKE = (
    rb"(?!(?:APPEND|PREPEND|CONCAT|JOIN|LENGTH|FIND|STRIP|CONFIGURE|ASCII|MD5|SHA)\w*\b)[A-Z_]+\b"
)
AROUND = (
    (regex(rb"=\s*\Z"), regex(rb"\s*=~")),
    (
        regex(rb"\bmatch\s*\Z"),
        regex(joins.CLOSES + rb"\.\s*(?:split|lines)\w*\([^()\n]{0,40}\)\s*:"),
    ),
    (regex(rb"\b(?:splice|chop)\b[ (]*[@$]?\Z"), regex(rb"")),
    (regex(rb"\bopen\b[^;\n]*\\\s*\$?\Z"), regex(rb"")),
    (_PIPES, regex(rb"")),
    (regex(rb"\bfor(?:each)?[ \t]*\([ \t]*\Z"), regex(rb"[ \t]*\)\s*\{\s*(?:s|tr|y)\b\W")),
    (regex(rb"\$_\s*=\s*\Z"), regex(rb"")),
    (regex(rb"\bin\s+\Z"), regex(rb"[^\n\])]{0,80}\bif\b[^\n]*[\])]")),
    (regex(rb"\|\|?[^\n|]{1,40}<-\s*\Z"), regex(rb"\s*,[^\n\]]*\w")),
    (regex(rb"\bin\s+[\[({]\s*\Z"), regex(rb"[\s,]*[\])}][^\n]{0,80}\bif\b")),
    (regex(rb"\bstr(?:str|r?chr|pbrk)\(\s*\Z"), regex(rb"[^;\n]{0,80}\)\s*=(?!=)")),
    (regex(rb"\b(?:del|delete|unset)\b[ (]*[\"']?\Z"), regex(rb"\[")),
    (
        regex(rb"\bconcat\(\s*\{?\s*\Z"),
        regex(rb"[\"'\s,}]{0,9},?\s*[\"'][^\"'\n]*[\"']\s*,\s*[-\w]"),
    ),
    (regex(rb"\b(?:string|list)\(\s*" + _CMAKE + rb"[^()\n]*\Z"), regex(b"")),
    (regex(rb"\$\{\Z"), regex(rb"(?:\[[@*]\])?[/:%#](?![-+=?])")),
    (regex(rb"\{\Z"), regex(rb":[^{}\n]*\.\d+s?\}")),
    *lengths.CUTS,
)
"""What stands before and behind."""

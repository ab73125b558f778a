"""Annotations of a change: workflow commands of GitHub Actions, and GitLab's Code Quality.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

import hashlib
from typing import Any

from patcher.reports import Style
from patcher.reports.text import Elements, valid
from patcher.reports.weight import Weight, failure, fingerprints, weight, words
from patcher.results import Target, Totals
from patcher.text import printable


class GitHub:
    """A line for each finding and failure. GitHub shows ten errors and ten warnings of a step, and
    so those that weigh most come first in each repository."""

    def __init__(self, style: Style) -> None:
        pass

    def start(self) -> bytes:
        return b""

    def target(self, target: Target) -> bytes:
        lines = dict.fromkeys(_COMMANDS, "")
        for located in target.findings:
            what = weight(target, located)
            if what in lines:
                place = {"file": printable(located.path), "line": str(located.finding.line)}
                kind = "seccomp" if located.finding.is_seccomp else "AppArmor"
                title = f"{kind}: {located.finding.migration}"
                said = words(target, located)
                lines[what] += _command(_COMMANDS[what], said, **place, title=title)
        why = failure(target)
        first = "" if why is None else _command("error", f"{target.repository}: {why}")
        return (first + "".join(lines.values())).encode("utf-8", "replace")

    def finish(self, totals: Totals) -> bytes:
        return _command("error", f"patcher: {totals.gap}").encode() if totals.gap else b""


_COMMANDS = {Weight.ERROR: "error", Weight.WARNING: "warning", Weight.CHANGED: "notice"}


def _command(name: str, message: str, **properties: str) -> str:
    more = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in properties.items())
    return f"::{name}{' ' if more else ''}{more}::{_escaped(message)}\n"


def _escaped(text: str, more: str = "") -> str:
    """As actions/toolkit escapes data, and properties with ``more``."""
    text = printable(valid(text))
    for char in f"%\r\n{more}":
        text = text.replace(char, f"%{ord(char):02X}")
    return text


class GitLab:
    """One list of issues."""

    def __init__(self, style: Style) -> None:
        self._issues = Elements()

    def start(self) -> bytes:
        return b"["

    def target(self, target: Target) -> bytes:
        return b"".join(map(self._issues.piece, _issues(target)))

    def finish(self, totals: Totals) -> bytes:
        last = b""
        if totals.gap:
            last = self._issues.piece(_issue("patcher", totals.gap, "."))
        return last + self._issues.end() + b"\n"


_SEVERITIES = {Weight.ERROR: "critical", Weight.WARNING: "minor", Weight.CHANGED: "info"}


def _issues(target: Target) -> list[dict[str, Any]]:
    issues = []
    for located, fingerprint in fingerprints(target.findings):
        what = weight(target, located)
        if what in _SEVERITIES:
            finding = located.finding
            issues.append(
                _issue(finding.migration, words(target, located), printable(located.path))
                | {"fingerprint": fingerprint, "severity": _SEVERITIES[what]}
            )
            issues[-1]["location"]["lines"]["begin"] = finding.line
    if (why := failure(target)) is not None:
        issues.append(_issue("patcher", f"{target.repository}: {why}", "."))
    return issues


def _issue(name: str, said: str, path: str) -> dict[str, Any]:
    said = printable(valid(said))
    return {
        "type": "issue",
        "check_name": name,
        "description": said,
        "categories": ["Security"],
        "fingerprint": hashlib.sha256(said.encode()).hexdigest(),
        "severity": "blocker",
        "location": {"path": path, "lines": {"begin": 1}},
    }

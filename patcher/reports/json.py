"""JSON: the contract for other programs, described by ``schema.json`` beside this module."""

from __future__ import annotations

from typing import Any

from patcher.reports import Style
from patcher.reports.text import Elements, as_json, exact, valid
from patcher.results import ChangedFile, Located, Target, Totals

SCHEMA = 1


class Report:
    """One object, written as the targets come, one target a line."""

    def __init__(self, style: Style) -> None:
        self._migrations = [migration.id for migration in style.migrations]
        self._targets = Elements()

    def start(self) -> bytes:
        head = as_json({"schema": SCHEMA, "migrations": self._migrations})
        return head[:-1] + b', "targets": ['

    def target(self, target: Target) -> bytes:
        return self._targets.piece(_target(target))

    def finish(self, totals: Totals) -> bytes:
        return self._targets.end() + b', "totals": ' + as_json(_totals(totals)) + b"}\n"


class Lines(Report):
    """An object on each line: one for each target, and the totals at last."""

    def start(self) -> bytes:
        return b""

    def target(self, target: Target) -> bytes:
        return self._line(_target(target))

    def finish(self, totals: Totals) -> bytes:
        return self._line({"totals": _totals(totals)})

    def _line(self, members: dict[str, Any]) -> bytes:
        line = {"schema": SCHEMA, "migrations": self._migrations, **members}
        return as_json(line) + b"\n"


def _target(target: Target) -> dict[str, Any]:
    return {
        **exact("repository", target.repository.encode("utf-8", "surrogateescape")),
        "base": target.base and valid(target.base),
        "commit": target.commit,
        "branch": target.branch and valid(target.branch),
        "new_commit": target.new_commit,
        "verified": target.verified,
        "branch_state": target.branch_state and target.branch_state.value,
        "status": target.status and target.status.value,
        "outcome": target.outcome.value,
        "error": target.error and valid(target.error),
        "cause": target.cause,
        "note": target.note and valid(target.note),
        "review": _review(target),
        "alternates": [valid(folder) for folder in target.alternates],
        "findings": [_finding(located) for located in target.findings],
        "files": [_file(file) for file in target.files],
    }


def _review(target: Target) -> dict[str, Any] | None:
    review = target.review
    if review is None:
        return None
    return {
        "act": review.act.value,
        "url": valid(review.url),
        "number": valid(review.number),
        "life": review.life,
        "asked": [valid(name) for name in review.asked],
        "missed": [valid(line) for line in review.missed],
    }


def _finding(located: Located) -> dict[str, Any]:
    finding = located.finding
    edit = finding.edit
    return {
        **exact("path", located.path),
        "line": finding.line,
        "profile": valid(finding.profile),
        "host": finding.host,
        "status": finding.status.value,
        "moby_style": finding.moby_style,
        "documentation": finding.documentation,
        "migration": finding.migration,
        "reason": valid(finding.reason),
        "evidence": [valid(item) for item in finding.evidence],
        "edit": edit and {"offset": edit.offset, **exact("insert", edit.insert)},
        "proof": _proof(located),
    }


def _proof(located: Located) -> dict[str, Any] | None:
    proof = located.proof
    if proof is None:
        return None
    return {
        "verdict": proof.verdict.value,
        "by": valid(proof.by),
        "reason": valid(proof.reason),
        "before": [valid(line) for line in proof.before],
        "after": [valid(line) for line in proof.after],
    }


def _file(file: ChangedFile) -> dict[str, Any]:
    return {
        **exact("path", file.path),
        "mode": file.mode,
        "old": file.old_oid,
        "new": file.new_oid,
        "edits": len(file.edits),
    }


def _totals(totals: Totals) -> dict[str, Any]:
    return {
        "complete": totals.complete,
        "repositories": totals.repositories,
        "targets": totals.targets,
        "read": totals.read,
        "failed": totals.failed,
        "unread": totals.unread,
        "nothing_to_do": totals.nothing_to_do,
        "committed": totals.committed,
        "pushed": totals.pushed,
        "up_to_date": totals.up_to_date,
        "edited": totals.edited,
        "removed": totals.removed,
        "left": totals.left,
        "reviews": {
            "opened": totals.opened,
            "updated": totals.updated,
            "unchanged": totals.unchanged,
            "closed": totals.closed,
            "unasked": totals.unasked,
        },
        "files": totals.files,
        "to_fix": totals.to_fix,
        "left_alone": totals.left_alone,
        "causes": {name: cause.targets for name, cause in totals.causes.items()},
        "profiles": {status.value: count for status, count in totals.profiles.items()},
        "seccomp": {status.value: count for status, count in totals.seccomp.items()},
    }

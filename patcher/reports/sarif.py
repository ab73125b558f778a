"""SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/), as code scanning takes it.

A run for each repository and branch, since each has its own revision; of files outside git, one for
all. Results are what is affected or needs review. An edit is a *fix*: bytes to insert at a byte
offset, so that whoever applies all fixes of a file gets the bytes that ``patcher apply`` commits.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from patcher import __version__
from patcher.findings import Edit
from patcher.policy.seccomp import FAMILY, RULE, UPSTREAM
from patcher.reports import Style
from patcher.reports.text import Elements, as_json, called, short, valid
from patcher.reports.weight import Weight, failure, fingerprints, uri, vulnerability, weight, words
from patcher.results import Located, Target, Totals
from patcher.text import printable

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_ROOT = "%SRCROOT%"
_LEVELS = {Weight.ERROR: "error", Weight.WARNING: "warning", Weight.CHANGED: "note"}


class Report:
    """One log, written as the targets come. The last run waits for the end, which says whether
    that was all."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._last: dict[str, Any] | None = None
        self._runs = Elements()

    def start(self) -> bytes:
        return _json({"$schema": SCHEMA, "version": "2.1.0"})[:-1] + b', "runs": ['

    def target(self, target: Target) -> bytes:
        before, self._last = self._last, self._run([target])
        return b"" if before is None else self._runs.piece(before)

    def finish(self, totals: Totals) -> bytes:
        # Whoever uploads a log of nothing shall learn that nothing is left.
        last = self._run([]) if self._last is None else self._last
        if totals.gap:
            invocation = last["invocations"][0]
            invocation["executionSuccessful"] = False
            invocation.setdefault("toolExecutionNotifications", []).append(
                _notification(totals.gap)
            )
        return self._runs.piece(last) + self._runs.end() + b"}\n"

    def _run(self, targets: Sequence[Target]) -> dict[str, Any]:
        run: dict[str, Any] = {
            "tool": {"driver": _driver(self._style)},
            "results": [
                _result(target, located, fingerprint)
                for target in targets
                for located, fingerprint in fingerprints(target.findings)
                if weight(target, located) is not Weight.CLEAN
            ],
            "columnKind": "unicodeCodePoints",
            "invocations": [_invocation(targets)],
        }
        for target in targets:
            if target.commit is not None:  # no file outside git has one
                run["versionControlProvenance"] = [_provenance(target)]
                run["automationDetails"] = {"id": f"patcher/{uri(_bytes(called(target)))}/"}
        return run


class FilesLog(Report):
    """One run for files outside git, each of them a target."""

    def __init__(self, style: Style) -> None:
        super().__init__(style)
        self._targets: list[Target] = []

    def target(self, target: Target) -> bytes:
        self._targets.append(target)
        return b""

    def finish(self, totals: Totals) -> bytes:
        self._last = self._run(self._targets)
        return super().finish(totals)


def _driver(style: Style) -> dict[str, Any]:
    rules = []
    for migration in style.migrations:
        links = [each for each in migration.references if each.startswith("https://")]
        text = "\n\n".join(filter(None, (migration.why.strip(), *migration.references)))
        rule: dict[str, Any] = {
            "id": migration.id,
            "name": "".join(part.title() for part in migration.id.replace("_", "-").split("-")),
            "shortDescription": {"text": migration.title},
            "fullDescription": {
                "text": f"A container profile has a network rule that allows {migration.family} "
                f"sockets, and no rule `{migration.rule}`."
            },
            "help": {
                "text": f"Insert `{migration.rule}` right after the rule.\n\n{text}",
                "markdown": f"Insert `{migration.rule}` right after the rule.\n\n{text}",
            },
            "defaultConfiguration": {"level": "error"},
            "properties": {"tags": ["security", "apparmor", vulnerability(migration)]},
        }
        if links:
            rule["helpUri"] = links[0]
        rules.append(rule)
    if style.seccomp:
        rules.append(_SECCOMP)
    return {"name": "patcher", "version": __version__, "rules": rules}


_SECCOMP = {
    "id": RULE,
    "name": "SeccompAfAlg",
    "shortDescription": {"text": "Seccomp profile that lets socket(2) open AF_ALG"},
    "fullDescription": {
        "text": "A seccomp profile in the style of moby's lets containers call socket(2) with the "
        f"family {FAMILY} (AF_ALG), or whether it does is not certain."
    },
    "help": {
        "text": f"Take over the rules of {UPSTREAM} by hand: patcher changes no seccomp profile. "
        "An AppArmor profile that denies the family covers what seccomp cannot see.",
    },
    "helpUri": "https://github.com/moby/profiles/pull/20",
    "defaultConfiguration": {"level": "warning"},
    "properties": {"tags": ["security", "seccomp", "CVE-2026-31431"]},
}


def _result(target: Target, located: Located, fingerprint: str) -> dict[str, Any]:
    finding = located.finding
    where = _artifact(located.path)
    result: dict[str, Any] = {
        "ruleId": finding.migration,
        "level": _LEVELS[weight(target, located)],
        "message": {"text": _plain(words(target, located))},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": where,
                    "region": {"startLine": finding.line},
                }
            }
        ],
        "partialFingerprints": {"profile/v1": fingerprint},
        "properties": {
            "status": finding.status.value,
            "profile": valid(finding.profile),
            "host": finding.host,
            "mobyStyle": finding.moby_style,
            "documentation": finding.documentation,
            "evidence": [valid(item) for item in finding.evidence],
        },
    }
    if finding.edit is not None:
        result["fixes"] = [_fix(where, finding.edit)]
    return result


def _fix(where: Mapping[str, Any], edit: Edit) -> dict[str, Any]:
    inserted = {"binary": base64.b64encode(edit.insert).decode("ascii")}
    with contextlib.suppress(UnicodeDecodeError):
        inserted["text"] = edit.insert.decode("utf-8")
    return {
        "description": {"text": "Insert the rule; nothing else changes."},
        "artifactChanges": [
            {
                "artifactLocation": where,
                "replacements": [
                    {
                        "deletedRegion": {"byteOffset": edit.offset, "byteLength": 0},
                        "insertedContent": inserted,
                    }
                ],
            }
        ],
    }


def _artifact(path: bytes) -> dict[str, Any]:
    name = uri(path)
    return {"uri": name} if name.startswith("file:") else {"uri": name, "uriBaseId": _ROOT}


def _invocation(targets: Iterable[Target]) -> dict[str, Any]:
    """What could not be done, and what a person should know."""
    failures, notes = [], []
    for target in targets:
        shown = called(target)
        if (why := failure(target)) is not None:
            failures.append(_notification(f"{shown}: {why}"))
        if target.note is not None:
            notes.append(_notification(f"{shown}: {target.note}", "note"))
    said = [*failures, *notes]
    invocation: dict[str, Any] = {"executionSuccessful": not failures}
    return invocation | ({"toolExecutionNotifications": said} if said else {})


def _notification(words: str, level: str = "error") -> dict[str, Any]:
    return {"level": level, "message": {"text": _plain(printable(valid(words)))}}


def _plain(text: str) -> str:
    """Text that links to nothing (SARIF 2.1.0, section 3.11.6, messages with embedded links)."""
    return text.replace("](", "\\](")


def _provenance(target: Target) -> dict[str, Any]:
    place = target.repository
    details = {
        "repositoryUri": place if "://" in place else uri(_bytes(place)),
        "revisionId": target.commit,
    }
    if target.base and target.base.startswith("refs/heads/"):
        details["branch"] = valid(short(target.base))
    return details


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _json(value: object) -> bytes:
    return as_json(value)

"""OpenVEX 0.2.0 (https://github.com/openvex/spec): a statement for each repository, branch and
vulnerability.

The product is the repository at its commit, by package URL; the status is the worst of what was
found there. What was not read whole is ``under_investigation``, also where submodules, files in Git
LFS, or files that ``--include`` and ``--exclude`` leave out were not read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

from patcher import __version__
from patcher.findings import Status
from patcher.migrations.migration import Migration
from patcher.policy.seccomp import UPSTREAM
from patcher.reports import Style
from patcher.reports.text import Elements, as_json, count, valid
from patcher.reports.weight import uri, vulnerability
from patcher.results import NOT_READ, ON_BRANCH, Located, Target, Totals, worst
from patcher.text import printable

CONTEXT = "https://openvex.dev/ns/v0.2.0"
_FORGES = {"github.com": "github", "bitbucket.org": "bitbucket", "gitlab.com": "gitlab"}
"""Types of package URLs, by host: https://github.com/package-url/purl-spec"""
_MOST_FILES = 20


class Report:
    """One document, written as the targets come."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._statements = Elements()
        self._digest = hashlib.sha256(style.at.encode())

    def start(self) -> bytes:
        head = {
            "@context": CONTEXT,
            "author": "patcher",
            "timestamp": self._style.at,
            "version": 1,
            "tooling": f"patcher {__version__}",
        }
        return as_json(head)[:-1] + b', "statements": ['

    def target(self, target: Target) -> bytes:
        return b"".join(map(self._piece, _statements(target, self._style)))

    def finish(self, totals: Totals) -> bytes:
        name = f"https://openvex.dev/docs/patcher/vex-{self._digest.hexdigest()}"
        return self._statements.end() + b', "@id": ' + as_json(name) + b"}\n"

    def _piece(self, statement: dict[str, Any]) -> bytes:
        self._digest.update(json.dumps(statement).encode("ascii"))
        return self._statements.piece(statement)


def _statements(target: Target, style: Style) -> Iterator[dict[str, Any]]:
    for migration in style.migrations:
        mine = [each for each in target.findings if each.finding.migration == migration.id]
        unread = _unread(target, style)
        status = worst(mine, read=not unread) or Status.UNDER_INVESTIGATION
        if not mine and status is Status.NOT_AFFECTED and _lets_in(target):
            status, unread = Status.UNDER_INVESTIGATION, "it has seccomp profiles, as said apart"
        yield {
            "vulnerability": {"name": vulnerability(migration)},
            "products": [{"@id": purl(target.repository, target.commit)}],
            "status": status.value,
            **_more(target, migration, status, mine, unread),
        }
    yield from _seccomp(target)


def _lets_in(target: Target) -> bool:
    """Whether a seccomp profile may let socket(2) open the family."""
    doubts = (Status.AFFECTED, Status.UNDER_INVESTIGATION)
    return any(
        each.finding.is_seccomp and each.finding.status in doubts for each in target.findings
    )


def _seccomp(target: Target) -> Iterator[dict[str, Any]]:
    """A statement for each file with seccomp profiles, which is a component of the product: what
    they refuse says nothing of the rest, nor the rest of them."""
    files: dict[bytes, list[Located]] = {}
    for located in target.findings:
        if located.finding.is_seccomp:
            files.setdefault(located.path, []).append(located)
    product = purl(target.repository, target.commit)
    for path, there in files.items():
        status = worst(there, read=True) or Status.UNDER_INVESTIGATION
        reason = next(each.finding.reason for each in there if each.finding.status is status)
        said = printable(valid(f"seccomp profile: {reason}."))
        more = {"status_notes": said}
        if status is Status.AFFECTED:
            more = {"action_statement": f"Take over the rules of {UPSTREAM} by hand. {said}"}
        elif status is Status.NOT_AFFECTED:
            justification = "inline_mitigations_already_exist"
            more = {"justification": justification, "impact_statement": said}
        part = f"{product}#{uri(path.lstrip(b'/'))}"
        yield {
            "vulnerability": {"name": "CVE-2026-31431"},
            "products": [{"@id": product, "subcomponents": [{"@id": part}]}],
            "status": status.value,
            **more,
        }


def _unread(target: Target, style: Style) -> str:
    """Why not all of it was read; empty where all was."""
    if target.error is not None:
        return target.error
    if not target.read:
        return target.note or "not all of it was read"
    if NOT_READ in (target.note or ""):
        return target.note or ""
    return "only the files that --include and --exclude leave were read" if style.narrowed else ""


def _more(
    target: Target, migration: Migration, status: Status, mine: list[Located], unread: str
) -> dict[str, str]:
    """What the status asks for beside it."""
    files = _files(each for each in mine if each.finding.status is status)
    if status is Status.AFFECTED:
        action = f"Insert `{migration.rule}` right after the network rule: {files}."
        if target.outcome in ON_BRANCH and target.branch:
            action = f"Merge the branch {target.branch}, which does that. {action}"
        return {"action_statement": printable(valid(action))}
    if status is Status.NOT_AFFECTED:
        if not mine:
            return {
                "justification": "component_not_present",
                "impact_statement": "No AppArmor profile that lets containers open such sockets "
                "was found in what is in the repository.",
            }
        return {
            "justification": "inline_mitigations_already_exist",
            "impact_statement": printable(
                valid(f"No profile has a network rule that reaches {migration.family}: {files}.")
            ),
        }
    if status is Status.FIXED:
        return {"status_notes": printable(valid(f"The family is denied: {files}."))}
    why = [f"Needs review: {files}."] * bool(files) + [f"{unread}."] * bool(unread)
    return {"status_notes": printable(valid(" ".join(why)))}


def _files(findings: Iterator[Located]) -> str:
    named = [f"{printable(each.path)}:{each.finding.line}" for each in findings]
    more = len(named) - _MOST_FILES
    return ", ".join([*named[:_MOST_FILES], *[f"and {count(more, 'more', 'more')}"] * (more > 0)])


def purl(place: str, commit: str | None) -> str:
    """Return the package URL of a repository at a commit. ``place``: its clone URL, or a path."""
    version = f"@{commit}" if commit else ""
    parts = urlsplit(place) if "://" in place else None
    if parts is None:
        name = place.rstrip("/").rpartition("/")[2].removesuffix(".git") or "repository"
        return f"pkg:generic/{_quoted(name)}{version}"
    path = parts.path.strip("/").removesuffix(".git")
    if parts.hostname in _FORGES and path.count("/"):
        kind = _FORGES[parts.hostname]
        return f"pkg:{kind}/{_quoted(path.lower())}{version}"
    name = path.rpartition("/")[2] or parts.hostname or "repository"
    where = quote(f"git+{place}{version}", safe="/:")
    return f"pkg:generic/{_quoted(name)}{version}?vcs_url={where}"


def _quoted(text: str) -> str:
    return uri(text.encode("utf-8", "surrogateescape").lstrip(b"/"))

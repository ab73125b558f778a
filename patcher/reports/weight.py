"""How much a finding weighs in the formats of pipelines: the same in each, as for exit status."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from urllib.parse import quote

from patcher.findings import Status
from patcher.migrations.migration import Migration
from patcher.reports.text import STATUS_WORDS, valid
from patcher.results import ON_BRANCH, Located, Target
from patcher.text import printable

_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,}\Z")


class Weight(StrEnum):
    """What a finding asks for."""

    ERROR = "error"
    """It is affected, with an edit that is on no branch: as exit status 1."""
    WARNING = "warning"
    """A person must look: it needs review, or is affected and is left alone."""
    CHANGED = "changed"
    """It is affected, and the review branch fixes it."""
    CLEAN = "clean"


def weight(target: Target, located: Located) -> Weight:
    """Return what the finding of a target asks for."""
    finding = located.finding
    if finding.status in (Status.FIXED, Status.NOT_AFFECTED):
        return Weight.CLEAN
    if finding.status is Status.UNDER_INVESTIGATION or finding.edit is None:
        return Weight.WARNING
    return Weight.CHANGED if target.outcome in ON_BRANCH else Weight.ERROR


def words(target: Target, located: Located) -> str:
    """Return one printable line: whose finding it is, and why; without an end of line."""
    finding = located.finding
    said = f"profile {finding.profile}: " if finding.profile else ""
    said = f"seccomp {said or 'profile: '}" if finding.is_seccomp else said
    said += f"{STATUS_WORDS[finding.status]}: {finding.reason}"
    what = weight(target, located)
    if what is Weight.CHANGED:
        said += f"; branch {target.branch} has the change" if target.branch else "; changed"
    elif finding.is_seccomp:
        pass  # its reason says so
    elif what is Weight.WARNING and finding.status is Status.AFFECTED:
        said += "; left alone: " + (
            "it is documentation (--docs)"
            if finding.documentation
            else "it is not moby-style (--profiles all)"
            if not finding.moby_style
            else "no edit was asked for"
        )
    return printable(valid(said))


def failure(target: Target) -> str | None:
    """Return why not all of a target was read; None where it was."""
    if target.error is None and target.status is None:
        return "not all of it was read"
    return target.error


def fingerprints(findings: Iterable[Located]) -> Iterator[tuple[Located, str]]:
    """Yield each finding with 64 hexadecimal digits that stay when its line moves: they tell its
    path, profile, migration, and how many of these came before it in the file."""
    seen: dict[tuple[bytes, str, str], int] = {}
    for located in findings:
        key = located.path, located.finding.profile, located.finding.migration
        number = seen[key] = seen.get(key, -1) + 1
        parts = (key[0], key[1].encode("utf-8", "surrogatepass"), key[2].encode())
        text = b"\0".join((*parts, str(number).encode()))
        yield located, hashlib.sha256(text).hexdigest()


def uri(path: bytes) -> str:
    """Return a path as the URI reference that names it (RFC 3986): relative where it is, with each
    byte that no URI holds encoded."""
    encoded = quote(path, safe="/~")
    return f"file://{encoded}" if path.startswith(b"/") else encoded


def vulnerability(migration: Migration) -> str:
    """Return the CVE that a migration answers, as its references name it; its id where it names
    none."""
    return next((each for each in migration.references if _CVE.match(each)), migration.id)

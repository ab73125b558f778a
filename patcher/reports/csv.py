"""CSV (RFC 4180), a row for each finding, and one for each repository without any."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from patcher.reports import Style
from patcher.reports.text import short, valid
from patcher.results import Located, Target, Totals
from patcher.text import printable

COLUMNS = (
    "repository", "base", "commit", "outcome", "status", "path", "line", "profile", "host",
    "finding_status", "moby_style", "documentation", "migration", "reason", "has_edit", "proof",
    "branch", "new_commit", "error", "note",
)  # fmt: skip

_FORMULA = re.compile("(^|;) *(?=[-=+@\t\r\uff1d\uff0b\uff0d\uff20])")
"""Where a formula begins in a spreadsheet, also in one that takes ``;`` for what separates cells:
https://owasp.org/www-community/attacks/CSV_Injection"""


class Report:
    """Rows as the targets come. A cell that a spreadsheet would compute has ``'`` before it."""

    def __init__(self, style: Style) -> None:
        pass

    def start(self) -> bytes:
        return _row(COLUMNS)

    def target(self, target: Target) -> bytes:
        rows = [_cells(target, located) for located in target.findings]
        return b"".join(map(_row, rows or [_cells(target, None)]))

    def finish(self, totals: Totals) -> bytes:
        return b""


def _cells(target: Target, located: Located | None) -> list[str]:
    before = [
        target.repository,
        short(target.base or ""),
        target.commit or "",
        target.outcome.value,
        target.status.value if target.status else "",
    ]
    after = [target.branch or "", target.new_commit or "", target.error or "", target.note or ""]
    if located is None:
        return [*before, *[""] * (len(COLUMNS) - len(before) - len(after)), *after]
    finding = located.finding
    found = [
        printable(located.path),
        str(finding.line),
        finding.profile,
        finding.host,
        finding.status.value,
        str(finding.moby_style).lower(),
        str(finding.documentation).lower(),
        finding.migration,
        finding.reason,
        str(finding.edit is not None).lower(),
        located.proof.verdict.value if located.proof else "",
    ]
    return [*before, *found, *after]


def _row(cells: Sequence[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow([_cell(cell) for cell in cells])
    return line.getvalue().encode("utf-8", "replace")


def _cell(text: str) -> str:
    text = printable(valid(text))
    return _FORMULA.sub(r"\g<0>'", text)

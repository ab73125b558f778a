"""What profiles compile to, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from patcher.reports import Style
from patcher.reports.table import Report, TableRow
from patcher.reports.text import as_json, count, exact, short, valid
from patcher.results import Standing, Verified
from patcher.text import printable

SCHEMA = 1
_STYLES = {"allowed": "red", "denied": "green", "not decidable": "yellow"}


def table(style: Style, verified: Sequence[Verified], by: str) -> Iterator[bytes]:
    """A row for each profile, totals, and where reading and compiling disagree."""
    if style.quiet:
        return
    report = Report(style)
    rows: list[TableRow] = []
    place, parts = "", []

    def flush() -> None:
        if rows:
            parts.append((place + "\n" if place else "") + report.body(rows))
            rows.clear()

    for file in verified:
        here = "  ".join(filter(None, (file.repository, short(file.base or ""))))
        if printable(here) != place:
            flush()
            place = printable(here)
        for standing in file.standings:
            rows.append(_row(file, standing, len(style.migrations) > 1))
    flush()
    totals = total(verified)
    told = [f"{totals[answer]} {answer}" for answer in _STYLES if totals[answer]]
    number = count(sum(totals[answer] for answer in _STYLES), "profile")
    none = "No profile in what was read." if totals["failed"] else "No profile."
    lines = [f"{number}: {', '.join(told)}." if told else none]
    if totals["failed"]:
        lines.append(f"{totals['failed']} could not be read: standard error says why.")
    if totals["disagree"]:
        lines.append(f"Reading and compiling disagree about {totals['disagree']}.")
    lines.append(f"Compiled by {by}.")
    yield "".join([*parts, "\n".join(lines), "\n"]).encode("utf-8", "replace")


def total(verified: Iterable[Verified]) -> Counter[str]:
    """How many profiles got each answer, how many ``disagree``, how many files ``failed``."""
    totals: Counter[str] = Counter()
    for file in verified:
        totals["failed"] += file.error is not None
        for standing in file.standings:
            totals[standing.answer] += 1
            totals["disagree"] += standing.disagrees
    return totals


def _row(file: Verified, standing: Standing, several: bool) -> TableRow:
    why = standing.reason
    if standing.disagrees:
        against = f"reading and compiling disagree: it reads as {standing.reading}"
        why = f"{why}; {against}" if why else against
    elif not why and standing.reading is None:
        why = "no network rule of its own"
    elif not why:
        why = f"it reads as {standing.reading}"
    if several:
        why = f"{standing.migration}: {why}"
    line = f":{standing.line}" if standing.line else ""
    return TableRow(
        where=f"{printable(file.path)}{line}",
        profile=standing.profile or "-",
        status=standing.answer,
        style=_STYLES[standing.answer],
        why=(why,),
    )


def document(style: Style, verified: Sequence[Verified], by: str) -> Iterator[bytes]:
    """One JSON object."""
    value = {
        "schema": SCHEMA,
        "parser": by,
        "migrations": [migration.id for migration in style.migrations],
        "profiles": [_profile(file, standing) for file in verified for standing in file.standings],
        "errors": [{**_place(file), "error": valid(file.error)} for file in verified if file.error],
        "totals": _totals(verified),
    }
    yield as_json(value, indent=1) + b"\n"


def lines(style: Style, verified: Sequence[Verified], by: str) -> Iterator[bytes]:
    """An object for each profile and error, each on a line; the last has the totals."""
    ids = [migration.id for migration in style.migrations]
    for file in verified:
        values = [_profile(file, standing) for standing in file.standings]
        values += [{**_place(file), "error": valid(file.error)}] if file.error else []
        for value in values:
            yield as_json({"schema": SCHEMA, "parser": by, **value}) + b"\n"
    last = {"schema": SCHEMA, "parser": by, "migrations": ids, "totals": _totals(verified)}
    yield as_json(last) + b"\n"


def _totals(verified: Sequence[Verified]) -> dict[str, int]:
    totals = total(verified)
    return {name: totals[name] for name in (*_STYLES, "disagree", "failed")}


def _place(file: Verified) -> dict[str, Any]:
    return {
        "repository": file.repository and valid(file.repository),
        "base": file.base and valid(file.base),
        **exact("path", file.path),
    }


def _profile(file: Verified, standing: Standing) -> dict[str, Any]:
    return {
        **_place(file),
        "line": standing.line or None,
        "profile": valid(standing.profile),
        "migration": standing.migration,
        "compiled": standing.answer.value,
        "reading": standing.reading and standing.reading.value,
        "disagree": standing.disagrees,
        "reason": valid(standing.reason),
    }

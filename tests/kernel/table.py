"""The proof as a table: route by family, before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .cases import Case, outcome
from .machine import FAMILIES, ROUTES, Booted, Seen

__all__ = ["tables"]


def tables(booted: Booted, cases: Sequence[Case], notes: Sequence[str]) -> str:
    """One table for all cases that came out alike, in Markdown."""
    alike: dict[str, list[Case]] = {}
    for case in cases:
        before, after = booted.runs[f"{case.name}.before"], booted.runs[f"{case.name}.after"]
        alike.setdefault(_table(before, after), []).append(case)
    parts = [f"Linux {booted.kernel}"]
    for table, same in alike.items():
        parts.append("\n".join(f"- {case.what}" for case in same) + f"\n\n{table}")
    parts.extend(notes)
    return "\n\n".join(parts)


def _table(before: Seen, after: Seen) -> str:
    rows = [["route", *(f"AF_{family.upper()}" for family in FAMILIES)]]
    for route, name in ROUTES.items():
        row = [name]
        for family in FAMILIES:
            was, now = _cell(before, route, family), _cell(after, route, family)
            row.append(was if was == now else f"{was} -> {now}")
        rows.append(row)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    )


def _cell(seen: Seen, route: str, family: str) -> str:
    results: Mapping[str, str] = {
        kind: outcome(seen.sockets[route, family, kind]) for kind in FAMILIES[family]
    }
    words = set(results.values())
    if len(words) == 1:
        return words.pop()
    return ", ".join(f"{kind} {word}" for kind, word in results.items())

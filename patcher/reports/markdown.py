"""Markdown, as a job summary takes it: ``--format markdown >>"$GITHUB_STEP_SUMMARY"``."""

from __future__ import annotations

import re

from patcher.reports import Style
from patcher.reports.table import summary
from patcher.reports.text import called, count, valid
from patcher.reports.weight import Weight, weight, words
from patcher.results import Target, Totals
from patcher.text import printable

_MOST_ROWS = 1000
"""GitHub takes 1 MiB of a step's summary:
https://docs.github.com/actions/reference/workflow-commands-for-github-actions"""
_MOST_CELL = 300
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~@&:$])")
_MARKS = {Weight.ERROR: "affected", Weight.WARNING: "needs review", Weight.CHANGED: "changed"}


class Report:
    """What failed, is affected or needs review, in a table; and the totals."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._rows = self._left = 0

    def start(self) -> bytes:
        return b"## AppArmor profiles\n\n"

    def target(self, target: Target) -> bytes:
        place = called(target)
        rows = [
            (place, f"{printable(each.path)}:{each.finding.line}", _MARKS[what], said)
            for each in target.findings
            if (what := weight(target, each)) in _MARKS and (said := words(target, each))
        ]
        if target.error is not None:
            rows.append((place, "", "failed", target.error))
        elif target.status is None:
            rows.append((place, "", "not read", target.note or "not all of it was read"))
        return b"".join(map(self._row, rows))

    def finish(self, totals: Totals) -> bytes:
        lines = [""] if self._rows else []
        if self._left:
            lines += [f"{count(self._left, 'more row', 'more rows')}: see another format.", ""]
        if totals.targets:
            where = count(totals.repositories, "repository", "repositories")
            lines += [_escaped(f"{where}: {summary(totals, self._style)}.", most=10_000), ""]
        if totals.gap:
            lines += [f"**This is no clean answer\\: {_escaped(totals.gap)}.**"]
        return ("\n".join(lines).rstrip("\n") + "\n").encode("utf-8", "replace")

    def _row(self, cells: tuple[str, ...]) -> bytes:
        if self._rows == _MOST_ROWS:
            self._left += 1
            return b""
        head = "" if self._rows else "| repository | place | | |\n| --- | --- | --- | --- |\n"
        self._rows += 1
        line = f"| {' | '.join(map(_escaped, cells))} |\n"
        return (head + line).encode("utf-8", "replace")


def _escaped(text: str, most: int = _MOST_CELL) -> str:
    """Text that stands for itself: no link, mention, image or tag."""
    text = printable(valid(text))
    text = text if len(text) <= most else f"{text[: most - 3]}..."
    return _SPECIAL.sub(r"\\\1", text)

"""Results in, text out: one module a format.

A report is written piece by piece while a campaign runs: ``start()``, ``target(target)`` for each
target as it comes, ``finish(totals)``; every piece is bytes for standard output.
"""

from __future__ import annotations

from typing import Protocol

from patcher.results import Target, Totals


class Report(Protocol):
    """What each format's ``Report`` does."""

    def start(self) -> bytes: ...

    def target(self, target: Target) -> bytes: ...

    def finish(self, totals: Totals) -> bytes: ...

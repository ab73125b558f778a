"""Results in, text out. ``FORMATS`` lists what can be shown, in which formats, and by what; every
command uses it, so that a new format is one new module and one line here.

What is shown target by target while a run goes on has a `Report`. Anything else has a function that
takes a `Style` and the results, and yields bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from patcher.policy.status import Status
from patcher.values import dataclass

if TYPE_CHECKING:
    from patcher.migrations.migration import Migration
    from patcher.results import Target, Totals

_PIPELINES = {
    "json": "json.Report",
    "jsonl": "json.Lines",
    "sarif": "sarif.Report",
    "openvex": "openvex.Report",
    "csv": "csv.Report",
    "markdown": "markdown.Report",
    "junit": "junit.Report",
    "github": "annotations.GitHub",
    "gitlab": "annotations.GitLab",
}

FORMATS = {
    "targets": {"table": "table.Report", **_PIPELINES},
    "changes": {"diff": "diff.Report", "patch": "patch.Report", **_PIPELINES},
    "commits": {"table": "table.Report", "patch": "patch.Report", **_PIPELINES},
    "files": {"table": "table.FilesReport", **_PIPELINES, "sarif": "sarif.FilesLog"},
    "compiled profiles": {
        "table": "verify.table",
        "json": "verify.document",
        "jsonl": "verify.lines",
    },
    "repositories": {
        "table": "places.table",
        "urls": "places.urls",
        "json": "places.document",
        "jsonl": "places.lines",
    },
    "reviews": {"table": "reviews.table", "json": "reviews.document", "jsonl": "reviews.lines"},
    "mirrors": {"table": "places.mirrors_table", "json": "places.mirrors_document"},
    "campaigns": {
        "table": "status.campaigns_table",
        "json": "status.campaigns_json",
        "jsonl": "status.campaigns_lines",
    },
    "campaign": {
        "table": "status.campaign_table",
        "json": "status.campaign_json",
        "jsonl": "status.campaign_lines",
    },
}
"""By what is shown and by format, the name below ``patcher.reports``; the first is the default."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a report is laid out."""

    migrations: tuple[Migration, ...] = ()
    """Those that the run is for."""
    seccomp: bool = False
    """Findings on seccomp profiles are shown, too."""
    at: str = ""
    """When the run began, as RFC 3339 writes it, UTC."""
    narrowed: bool = False
    """Only some files were looked at, as the user wanted."""
    applied: bool = False
    """The targets were to be changed, so that what was committed is what matters."""
    undone: bool = False
    """Review branches were removed: findings are of no interest."""
    color: bool = False
    terminal: bool = False
    """A terminal shows it, which must not be driven by what others wrote."""
    width: int | None = None
    """Columns of the terminal; None: not a terminal, so that nothing is wrapped."""
    explain: bool = False
    """Show the evidence below each profile."""
    shown: frozenset[str] = frozenset((Status.AFFECTED, Status.UNDER_INVESTIGATION))
    """Findings of which statuses have a row in a table; the others are counted."""
    verbose: bool = False
    """Show also what needs nothing, and what was dropped."""
    quiet: bool = False
    """Show nothing to people; other programs are shown everything."""
    advise: bool = True
    """Say what to do next."""
    again: tuple[str, str, str] = ("diff", "apply", "apply --push")
    """The commands that show the change, commit it, and commit it where clone URLs are among the
    repositories, with the user's arguments."""


class Report(Protocol):
    """Written piece by piece: every piece is bytes for standard output."""

    def start(self) -> bytes: ...

    def target(self, target: Target) -> bytes: ...

    def finish(self, totals: Totals) -> bytes: ...


def renderer(shown: str, format: str) -> Callable[..., Any]:
    """What makes a report: a class of `Report` or a function."""
    from importlib import import_module

    module, _, name = FORMATS[shown][format].partition(".")
    made: Callable[..., Any] = getattr(import_module(f"patcher.reports.{module}"), name)
    return made

"""Campaigns as the ledger has them: for people, and as JSON, which ``campaign-schema.json`` beside
this module describes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from patcher.reports.text import count, exact, short, valid
from patcher.results import ATTEMPTS, CauseSummary, Progress, Stage, Summary
from patcher.text import printable

SCHEMA = 1

_BRANCHES = ("branch", "branches")
_NOUNS = {
    Stage.PLANNED: ("repository", "repositories"),
    Stage.FAILED: ("repository or branch", "repositories or branches"),
}

_HEAD = ("campaign", "made", "repositories", "done", "failed", "last activity", "")


def campaigns_table(summaries: Iterable[Summary]) -> bytes:
    """A row for each campaign."""
    rows = [
        (
            printable(each.name),
            _time(each.made),
            str(each.counts.repositories),
            str(each.counts.done),
            str(each.counts.failed),
            _time(each.active),
            _doing(each),
        )
        for each in summaries
    ]
    if not rows:
        return b"No campaign yet: `patcher apply --campaign NAME` begins one.\n"
    wide = [max(map(len, cells)) for cells in zip(_HEAD, *rows, strict=True)]
    lines = []
    for row in (_HEAD, *rows):
        cells = [
            cell.rjust(width) if 2 <= number <= 4 else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, wide, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return _encoded(lines)


def campaign_table(summary: Summary, causes: Sequence[CauseSummary]) -> bytes:
    """One campaign: its stages, its failures by cause, and what to run next."""
    counts = summary.counts
    told = [f"{counts.done} done", f"{counts.failed} failed", f"{counts.planned} to do"]
    if counts.working:
        told.append(f"{counts.working} of them at work on")
    lines = [
        f"{printable(summary.name)}: {count(counts.repositories, 'repository', 'repositories')}: "
        f"{', '.join(told)}.",
        f"Made {_time(summary.made)}, last active {_time(summary.active)}; {_doing(summary)}.",
        "",
    ]
    wide = max((len(stage) for stage in counts.stages), default=0)
    for stage, number in counts.stages.items():
        lines.append(f"  {stage.ljust(wide)}  {count(number, *_NOUNS.get(stage, _BRANCHES))}")
    if causes:
        lines += ["", "Failures:"]
        wide = max(len(printable(cause.cause)) for cause in causes)
    for cause in causes:
        tried = "once" if cause.attempts == 1 else f"up to {cause.attempts} times"
        name = printable(cause.cause).ljust(wide)
        lines.append(f"  {name}  {cause.targets}, tried {tried}, such as")
        lines.append(f"  {' ' * wide}  {_failure(cause.example, cause.cause)}")
    lines += ["", *_next(summary)]
    return _encoded(lines)


def failure_lines(rows: Iterable[Progress]) -> Iterator[bytes]:
    """A line for each target that failed."""
    for row in rows:
        tried = "once" if row.attempts == 1 else f"{row.attempts} times"
        yield _encoded([f"{_failure(row)} (tried {tried})"])


def campaigns_json(summaries: Iterable[Summary]) -> bytes:
    """One object with all campaigns."""
    return _json({"schema": SCHEMA, "campaigns": [_summary(each) for each in summaries]})


def campaigns_lines(summaries: Iterable[Summary]) -> Iterator[bytes]:
    """An object for each campaign, each on a line."""
    for each in summaries:
        yield _json({"schema": SCHEMA, **_summary(each)})


def campaign_json(
    summary: Summary,
    settings: Mapping[str, Any],
    causes: Iterable[CauseSummary],
    rows: Iterable[Progress],
) -> Iterator[bytes]:
    """One object, in pieces: the campaign, and its targets, one a line."""
    head = {
        "schema": SCHEMA,
        "campaign": _summary(summary),
        "settings": _valid(settings),
        "causes": [
            {
                "cause": valid(each.cause),
                "targets": each.targets,
                "attempts": each.attempts,
                "example": _target(each.example),
            }
            for each in causes
        ],
    }
    yield _json(head)[:-2] + b', "targets": ['
    comma = b"\n"
    for row in rows:
        yield comma + _json(_target(row))[:-1]
        comma = b",\n"
    yield b"\n]}\n"


def campaign_lines(name: str, rows: Iterable[Progress]) -> Iterator[bytes]:
    """An object for each target, each on a line."""
    for row in rows:
        yield _json({"schema": SCHEMA, "campaign": valid(name), **_target(row)})


def _doing(summary: Summary) -> str:
    counts = summary.counts
    if summary.running:
        return "running"
    if not counts.repositories:
        return "nothing planned yet"
    if counts.planned:
        return "not running, not complete"
    return "complete, with failures" if counts.failed else "complete"


def _next(summary: Summary) -> list[str]:
    counts, again = summary.counts, f"patcher apply --campaign {printable(summary.name)}"
    if summary.running:
        return [f"Next: wait for it, or help it: `{again}`."]
    lines = []
    tired = counts.exhausted
    if counts.planned or counts.failed > tired:
        todo = [
            f"do the other {counts.planned}" if counts.planned else "",
            f"try {counts.failed - tired} again" if counts.failed > tired else "",
        ]
        lines.append(f"Next: `{again}` to {' and '.join(filter(None, todo))}.")
    if tired:
        lines.append(
            f"{count(tired, 'repository', 'repositories')} failed {ATTEMPTS} times or more: "
            f"`{again} --retry failed` tries again."
        )
    return lines or [f"Next: `{again}`." if not counts.repositories else "Nothing is left to do."]


def _failure(row: Progress, cause: str = "") -> str:
    """``cause`` is told already."""
    where = printable(row.place) + (f" {printable(short(row.base))}" if row.base else "")
    return f"{where}: {printable(row.error or 'failed').removeprefix(f'{cause}: ')}"


def _time(at: str) -> str:
    """``2026-05-01 12:00 UTC``."""
    return printable(f"{at[:10]} {at[11:16]} UTC")


def _encoded(lines: Iterable[str]) -> bytes:
    return "".join(line + "\n" for line in lines).encode("utf-8", "replace")


def _json(value: Any) -> bytes:
    return json.dumps(value).encode("ascii") + b"\n"


def _valid(value: Any) -> Any:
    """The same without lone surrogates."""
    if isinstance(value, str):
        return valid(value)
    if isinstance(value, Mapping):
        return {valid(key): _valid(item) for key, item in value.items()}
    return [_valid(item) for item in value] if isinstance(value, list) else value


def _summary(summary: Summary) -> dict[str, Any]:
    counts = summary.counts
    return {
        "name": valid(summary.name),
        "made": summary.made,
        "active": summary.active,
        "running": summary.running,
        "repositories": {
            "all": counts.repositories,
            "done": counts.done,
            "failed": counts.failed,
            "exhausted": counts.exhausted,
            "planned": counts.planned,
            "working": counts.working,
        },
        "stages": {stage.value: counts.stages.get(stage, 0) for stage in Stage},
    }


def _target(row: Progress) -> dict[str, Any]:
    return {
        **exact("repository", row.place.encode("utf-8", "surrogateescape")),
        "base": row.base and valid(row.base),
        "commit": row.commit,
        "stage": row.stage.value,
        "outcome": row.outcome,
        "status": row.status,
        "branch": row.branch and valid(row.branch),
        "new_commit": row.new_commit,
        "findings": row.findings,
        "edits": row.edits,
        "error": row.error and valid(row.error),
        "cause": row.cause and valid(row.cause),
        "note": row.note and valid(row.note),
        "attempts": row.attempts,
        "at": row.at,
    }

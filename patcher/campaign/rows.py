"""Repositories and targets as rows of the ledger, and rows as values."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from patcher.campaign.trouble import LedgerError
from patcher.git import printable
from patcher.progress import Planned, Progress
from patcher.results import ReviewResult, Stage, Target

_PASSWORD = re.compile(r"[a-z+]+://[^/@]*:[^/]*@", re.IGNORECASE)


def stored(text: str) -> bytes:
    """A path or URL as the ledger keeps it. Raises LedgerError."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise LedgerError(f"{text} is no text that a path or URL can hold") from None


def text(value: bytes) -> str:
    """What was `stored`."""
    return value.decode("utf-8", "surrogateescape")


def text_or_none(value: bytes | None) -> str | None:
    """What was `stored`, if anything was."""
    return None if value is None else text(value)


def bases_text(item: Planned) -> str:
    """Its bases in one column."""
    return json.dumps(item.bases)


PLANNED = "place, bases, family, attempts, server, default_branch"
"""The columns of a repository of a campaign."""


def planned(row: Sequence[Any]) -> Planned:
    """A repository of a campaign, from its `PLANNED` columns."""
    place, bases, family, *more = row
    return Planned(text(place), tuple(json.loads(bases)), text_or_none(family), *more)


def planned_columns(item: Planned) -> dict[str, Any]:
    """The columns of a repository that is planned. Raises LedgerError."""
    if _PASSWORD.match(item.place) or _PASSWORD.match(item.family or ""):
        raise LedgerError("a URL with a password in it was to be kept, which the ledger does not")
    family = None if item.family is None else stored(item.family)
    place = stored(item.place)
    default = item.default_branch
    return {
        "place": place,
        "bases": bases_text(item),
        "family": family,
        "server": item.server,
        # A forge may say what is no text; no branch is called so.
        "default": default and default.encode("utf-8", "replace").decode(),
    }


_COLUMNS = (
    "stage", "outcome", "base", "base_commit", "branch", "new_commit", "status", "findings",
    "edits", "error", "cause", "note", "branch_state", "review_act", "review", "review_number",
    "review_life", "review_at",
)  # fmt: skip


def row_of(target: Target) -> dict[str, Any]:
    """A target's columns."""
    return {
        "stage": Stage.FAILED if target.failed else target.stage,
        "outcome": target.outcome.value,
        "base": target.base and stored(target.base),
        "base_commit": target.commit,
        "branch": target.branch and stored(target.branch),
        "new_commit": target.new_commit,
        "status": target.status and target.status.value,
        "findings": len(target.findings),
        "edits": sum(len(file.edits) for file in target.files),
        "error": target.error and printable(target.error),
        "cause": target.cause,
        "note": target.note and printable(target.note),
        "branch_state": target.branch_state and target.branch_state.value,
        **_review(target.review),
    }


def _review(review: ReviewResult | None) -> dict[str, Any]:
    if review is None:
        return dict.fromkeys(("review_act", "review", "review_number", "review_life", "review_at"))
    return {
        "review_act": review.act.value,
        "review": printable(review.url) or None,
        "review_number": printable(review.number) or None,
        "review_life": review.life or None,
        "review_at": review.at or None,
    }


def whole_failure(error: str, cause: str) -> dict[str, Any]:
    """The columns of the target of a repository that failed as a whole."""
    row: dict[str, Any] = dict.fromkeys(_COLUMNS)
    row |= {"stage": Stage.FAILED, "outcome": "failed", "findings": 0, "edits": 0}
    return row | {"error": error, "cause": cause}


def replace_rows(
    writer: sqlite3.Connection, place: int, rows: Sequence[Mapping[str, Any]], now: str
) -> None:
    """The rows in place of the earlier ones. Where the repository failed as a whole, what is known
    of branches that were done stays; and so does a review that this run did not look at."""
    rows = [{**row, **_known_review(writer, place, row)} for row in rows]
    whole = any(row["stage"] is Stage.FAILED and row["base"] is None for row in rows)
    writer.execute(
        "DELETE FROM targets WHERE place = ? AND (NOT ? OR base IS NULL OR stage = 'failed')",
        (place, whole),
    )
    writer.executemany(
        "DELETE FROM targets WHERE place = ? AND base = ?",
        [(place, row["base"]) for row in rows if row["base"] is not None],
    )
    ((last,),) = writer.execute("SELECT max(number) FROM targets WHERE place = ?", (place,))
    marks = ", ".join("?" * (len(_COLUMNS) + 3))
    writer.executemany(
        f"INSERT INTO targets ({', '.join(_COLUMNS)}, place, number, at) VALUES ({marks})",  # noqa: S608
        [
            (*(row[column] for column in _COLUMNS), place, number, now)
            for number, row in enumerate(rows, 0 if last is None else last + 1)
        ],
    )


_REVIEW = [name for name in _COLUMNS if name.startswith("review") and name != "review_act"]


def _known_review(writer: sqlite3.Connection, place: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of the review of a target, where its new row says nothing of one."""
    if row["review_number"] is not None:
        return {}
    names = ("branch", *_REVIEW)
    found = writer.execute(
        f"SELECT {', '.join(names)} FROM targets"  # noqa: S608 - constants
        " WHERE place = ? AND base = ? AND review_number IS NOT NULL",
        (place, row["base"]),
    ).fetchone()
    return {} if found is None else dict(zip(names, found, strict=True))


# The first two are for the order.
PROGRESS = (
    "places.id, coalesce(number, 0), places.place, coalesce(stage, 'planned'), attempts,"
    " coalesce(at, changed), base, base_commit, branch, new_commit, outcome, status,"
    " coalesce(findings, 0), coalesce(edits, 0), error, cause, note, branch_state, review_act,"
    " review, review_number, review_life, review_at"
)


def progress(row: Sequence[Any]) -> Progress:
    """A target, from the columns of `PROGRESS`."""
    place, reached, attempts, at, base, commit, branch, *rest = row
    refs = text_or_none(base), commit, text_or_none(branch)
    return Progress(text(place), Stage(reached), attempts, at, *refs, *rest)

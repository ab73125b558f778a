"""Campaigns as the ledger has them: for people, and as JSON, which ``campaign-schema.json`` beside
this module describes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from patcher.progress import ATTEMPTS, CampaignState, Progress, Summary
from patcher.reports import Style
from patcher.reports.text import as_json, columns, count, exact, moment, short, valid
from patcher.results import BranchState, Stage
from patcher.text import printable

SCHEMA = 1

_KINDS = 5
"""Kinds of failure with one cause that are shown."""

_BRANCHES = ("branch", "branches")
_NOUNS = {
    Stage.PLANNED: ("repository", "repositories"),
    Stage.FAILED: ("repository or branch", "repositories or branches"),
}

_HEAD = ("campaign", "made", "repositories", "done", "failed", "last activity", "")


def campaigns_table(style: Style, summaries: Iterable[Summary]) -> Iterator[bytes]:
    """A row for each campaign."""
    rows = [
        (
            printable(each.name),
            moment(each.made),
            str(each.counts.repositories),
            str(each.counts.done),
            str(each.counts.failed),
            moment(each.active),
            _doing(each),
        )
        for each in summaries
    ]
    if not rows:
        yield b"No campaign yet: `patcher apply --campaign NAME` begins one.\n"
        return
    yield columns((_HEAD, *rows), right=(2, 3, 4), width=style.width, above=(0,))


def campaign_table(style: Style, campaign: CampaignState) -> Iterator[bytes]:
    """One campaign: its stages, its failures by cause, and what to run next; or a line for each
    failure."""
    if campaign.failures_only:
        yield from map(_failed, campaign.rows)
        return
    summary, causes = campaign.summary, campaign.causes
    counts = summary.counts
    done = [f"{counts.done} done", f"{counts.failed} failed", f"{counts.planned} to do"]
    if counts.working:
        done.append(f"{counts.working} of them at work on")
    lines = [
        f"{printable(summary.name)}: {count(counts.repositories, 'repository', 'repositories')}: "
        f"{', '.join(done)}.",
        f"Made {moment(summary.made)}, last active {moment(summary.active)}; {_doing(summary)}.",
        "",
    ]
    wide = max((len(stage) for stage in counts.stages), default=0)
    for stage, number in counts.stages.items():
        lines.append(f"  {stage.ljust(wide)}  {count(number, *_NOUNS.get(stage, _BRANCHES))}")
    if campaign.branch_states.keys() - {BranchState.NONE.value}:
        lines += ["", "Review branches that were there, and what they were:"]
        for state, number in campaign.branch_states.items():
            lines.append(f"  {state}: {number}")
    if campaign.reviews:
        lives = [f"{number} {life}" for life, number in campaign.reviews.items()]
        lines += ["", f"Reviews at the last look: {', '.join(lives)}."]
        lines += [f"`patcher status {printable(summary.name)} --reviews` asks their forges."]
    if causes:
        lines += ["", "Failures:"]
        wide = max(len(printable(cause.cause)) for cause in causes)
    for cause in causes:
        tried = "once" if cause.attempts == 1 else f"up to {cause.attempts} times"
        name = printable(cause.cause).ljust(wide)
        lines.append(f"  {name}  {cause.targets}, tried {tried}, such as")
        several = len(cause.kinds) > 1
        for kind in cause.kinds[:_KINDS]:
            told = f"{kind.targets}: " if several else ""
            example = kind.example if several else cause.example
            lines.append(f"  {' ' * wide}  {told}{_failure(example, cause.cause)}")
        if len(cause.kinds) > _KINDS:
            lines.append(f"  {' ' * wide}  and {len(cause.kinds) - _KINDS} kinds more")
    lines += ["", *_next(summary)]
    yield _encoded(lines)


def _failed(row: Progress) -> bytes:
    tried = "once" if row.attempts == 1 else f"{row.attempts} times"
    return _encoded([f"{_failure(row)} (tried {tried})"])


def campaign_line(summary: Summary, before: int) -> str:
    """How far a campaign has come after a run, and what goes on with it. ``before``: the
    repositories that earlier runs have done, and this one has not looked at."""
    name, counts = summary.name, summary.counts
    text = f"campaign {name}: {counts.done} of {counts.repositories} repositories are done"
    if counts.failed:
        text += f", {counts.failed} failed (`patcher status {name} --failed` says why)"
    if before:
        text += f"; not looked at again in this run: {before} (--retry all does that)"
    if counts.left and summary.running:
        return (
            f"{text}; another process is at work on the rest: wait for its end, `patcher status "
            f"{name}` shows how far it is"
        )
    if counts.left:
        return f"{text}; `patcher apply --campaign {name}` goes on"
    if counts.failed:
        return f"{text}; `patcher apply --campaign {name} --retry failed` tries them again"
    return text


def campaigns_json(style: Style, summaries: Iterable[Summary]) -> Iterator[bytes]:
    """One object with all campaigns."""
    yield _json({"schema": SCHEMA, "campaigns": [_summary(each) for each in summaries]})


def campaigns_lines(style: Style, summaries: Iterable[Summary]) -> Iterator[bytes]:
    """An object for each campaign, each on a line."""
    for each in summaries:
        yield _json({"schema": SCHEMA, **_summary(each)})


def campaign_json(style: Style, campaign: CampaignState) -> Iterator[bytes]:
    """One object, in pieces: the campaign, and its targets, one a line."""
    head = {
        "schema": SCHEMA,
        "campaign": _summary(campaign.summary),
        "settings": _valid(campaign.settings),
        "causes": [
            {
                "cause": valid(each.cause),
                "targets": each.targets,
                "attempts": each.attempts,
                "example": _target(each.example),
                "kinds": [
                    {"targets": kind.targets, "error": valid(kind.example.error or "")}
                    for kind in each.kinds
                ],
            }
            for each in campaign.causes
        ],
    }
    yield _json(head)[:-2] + b', "targets": ['
    comma = b"\n"
    for row in campaign.rows:
        yield comma + _json(_target(row))[:-1]
        comma = b",\n"
    yield b"\n]}\n"


def campaign_lines(style: Style, campaign: CampaignState) -> Iterator[bytes]:
    """An object for each target, each on a line."""
    name = campaign.summary.name
    for row in campaign.rows:
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
    return lines or [
        f"Next: `{again}`."
        if not counts.repositories
        else f"Nothing was left to do after its last run: `{again}` looks at everything again."
    ]


def _failure(row: Progress, cause: str = "") -> str:
    """``cause`` is told already."""
    where = printable(row.place) + (f" {printable(short(row.base))}" if row.base else "")
    return f"{where}: {printable(row.error or 'failed').removeprefix(f'{cause}: ')}"


def _encoded(lines: Iterable[str]) -> bytes:
    return "".join(line + "\n" for line in lines).encode("utf-8", "replace")


def _json(value: Any) -> bytes:
    return as_json(value) + b"\n"


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
        "branch_state": row.branch_state,
        "review": row.review_act
        and {
            "act": row.review_act,
            "url": row.review and valid(row.review),
            "number": row.review_number and valid(row.review_number),
            "life": row.review_life,
        },
        "attempts": row.attempts,
        "at": row.at,
    }

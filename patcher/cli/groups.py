"""The options of a command in groups, as ``--help`` prints them."""

from __future__ import annotations

import click

_GROUPS = {
    "Which repositories": (
        "lists", "match", "skip", "topics", "archived", "forks", "visibility", "pushed_since",
        "bases", "file",
    ),
    "What to look for and change": (
        "migrations", "profiles", "docs", "comment", "max_size", "include", "exclude", "proof",
        "fix", "stdin_name", "seccomp",
    ),
    "The commit and its branch": (
        "branch", "on_existing", "discard_others", "ignore_authors", "author", "signoff", "sign",
        "verified_commits", "message", "message_file", "commit_per", "interactive",
    ),
    "Push": ("push", "remote", "fork"),
    "Reviews": (
        "review", "title", "body_file", "review_template", "draft", "labels",
        "reviewers", "teams", "assignees", "milestone",
        "auto_merge", "code_owners", "reopen",
    ),
    "Campaign": ("name", "retry", "limit", "pause"),
    "How to work": ("jobs", "per_host", "timeout", "fresh", "scheduler", "dry_run"),
    "Output": (
        "format", "output", "only", "everything", "explain", "strict", "pager", "quiet", "verbose",
        "color", "log_file", "help",
    ),
}  # fmt: skip
"""By heading, the names of parameters; the headings in this order, and in each the options in the
order of the command."""
_OTHER = "Options"
_FEW = 8
"""Options of a command that need no groups."""


def write(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write the options of a command."""
    for title, rows in grouped(command, ctx).items():
        with formatter.section(title):
            formatter.write_dl(rows)


def grouped(command: click.Command, ctx: click.Context) -> dict[str, list[tuple[str, str]]]:
    """The options of a command by heading, each with its help; headings that have some."""
    heading = {name: title for title, names in _GROUPS.items() for name in names}
    groups: dict[str, list[tuple[str, str]]] = {title: [] for title in (*_GROUPS, _OTHER)}
    records = [
        (heading.get("help" if "--help" in param.opts else param.name or "", _OTHER), record)
        for param in command.get_params(ctx)
        if isinstance(param, click.Option) and (record := param.get_help_record(ctx)) is not None
    ]
    for title, record in records:
        groups[title if len(records) > _FEW else _OTHER].append(record)
    return {title: rows for title, rows in groups.items() if rows}

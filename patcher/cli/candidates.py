"""What a shell completes values with."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem


def migrations(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Migrations that come with patcher; else files."""
    from patcher.migrations import builtin

    known = [
        CompletionItem(each.id, help=each.title)
        for each in builtin()
        if each.id.startswith(incomplete)
    ]
    return known or [CompletionItem(incomplete, type="file")]


def campaigns(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Campaigns in the ledger; none where it cannot be read."""
    from patcher.campaign.database import Database, default_path
    from patcher.campaign.ledger import Ledger
    from patcher.campaign.trouble import LedgerError

    try:
        path = default_path()
        if not path.exists():
            return []
        with Database(path) as database:
            names = Ledger(database).names()
    except LedgerError:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def bases(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Branches and tags of the repository here; none where there is none."""
    from pathlib import Path

    from patcher import git

    names: list[str] = []
    try:
        for found in git.discover([Path()]):
            if isinstance(found, git.Repository):
                names += [base.name for base in git.bases(found, ("**",))]
    except git.GitError:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]

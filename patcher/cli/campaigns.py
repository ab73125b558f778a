"""What commands do with a campaign as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from patcher.cli import FAILED, FOUND, options
from patcher.results import Stage

if TYPE_CHECKING:
    from patcher.campaign.claims import Purpose
    from patcher.campaign.commits import Commits
    from patcher.campaign.follow import Act
    from patcher.campaign.ledger import Account
    from patcher.progress import ReviewState
    from patcher.reports import Report

_NEEDING = (Stage.FAILED, Stage.COMMITTED, Stage.PUSHED)


@contextmanager
def campaign(name: str) -> Iterator[Account]:
    """A campaign that is there; what goes wrong with it is one line."""
    from patcher.campaign.database import open_database
    from patcher.campaign.ledger import Ledger
    from patcher.campaign.trouble import LedgerError, NoSuchCampaign

    try:
        with open_database() as database:
            yield Ledger(database).open(name)
    except NoSuchCampaign as error:
        raise click.UsageError(str(error)) from None
    except LedgerError as error:
        raise options.Failed(str(error)) from None


def over_all(
    name: str,
    purpose: Purpose,
    changed: Callable[[Commits], Commits],
    work: options.Work,
    report: Report,
    *,
    quiet: bool,
    verbose: int,
) -> int:
    """Do something with all repositories of a campaign, and record it; a dry run records nothing.
    ``changed`` gives how it is done, from how the campaign was begun. Raises UsageError."""
    from patcher.campaign import settings
    from patcher.campaign.booking import Booking, Planning
    from patcher.cli.output import tell
    from patcher.cli.session import carry_out, exit_code
    from patcher.reports.text import count

    with campaign(name) as account:
        selection, commits = settings.read(account.settings)
        commits = changed(commits)
        selection = replace(selection, proof="off") if commits.undo else selection
        steps = options.steps(work, selection, commits)
        with account.owner() as owner:
            booking = Booking(account, owner, purpose, Planning(tell).with_secret)
            totals = carry_out(
                replace(steps, servers=tuple(account.servers())),
                booking.every() if commits.dry_run else booking.items(),
                account.counts().repositories,
                work,
                report,
                remote=True,
                quiet=quiet,
                verbose=verbose,
                watch=None if commits.dry_run else booking,
                ahead=2,
            )
            held = 0 if commits.dry_run else account.counts().repositories - booking.taken
    if held > 0:
        tell(
            f"another process was at work on {count(held, 'repository', 'repositories')} of "
            f"campaign {name}, where nothing was done: wait for its end, and run this again"
        )
        return FAILED
    return exit_code(totals, FOUND if totals.left else 0, strict=False)


def with_reviews(name: str, commits: Commits) -> Commits:
    """Raise UsageError where a campaign opens no reviews."""
    if commits.reviews is None:
        raise click.UsageError(
            f"campaign {name} opens no reviews: `patcher apply --campaign {name} --review auto` "
            "does that from now on"
        )
    return commits


def follow(
    name: str,
    act: Act,
    format: str,
    *,
    limit: int | None = None,
    ahead: bool = False,
    changes: bool = True,
    complete: bool = False,
) -> int:
    """Do something about each review of a campaign, and show all of them. ``ahead``: others may be
    looked at meanwhile; ``changes``: the campaign has to open reviews; ``complete``: whatever needs
    a review has to have one. Exit status: 0 if that was done everywhere, 1 if not, 3 if one could
    not be looked at or changed. Raises UsageError."""
    from patcher.campaign import settings
    from patcher.campaign.follow import Follower
    from patcher.cli.output import tell, write
    from patcher.reports import renderer
    from patcher.reports.text import count, short

    failed = undone = 0

    def counted(states: Iterator[ReviewState]) -> Iterator[ReviewState]:
        nonlocal failed, undone
        for state in states:
            if state.error is not None:
                failed += 1
                tell(f"{state.place} {short(state.base)}: {state.error}")
            elif not state.is_done:
                undone += 1
            yield state

    with campaign(name) as account:
        if changes:
            with_reviews(name, settings.read(account.settings)[1])
        states = counted(Follower(account, tell).each(act, limit, ahead=ahead))
        for piece in renderer("reviews", format)(options.style(), states):
            write(piece)
        if lacking := _without_review(account):
            undone += complete
            tell(
                f"campaign {name} lacks the review of {count(lacking, 'target')}: "
                f"`patcher apply --campaign {name}` opens what is missing"
            )
    return FAILED if failed else FOUND if undone else 0


def _without_review(account: Account) -> int:
    """How many targets need a review and have none, as far as is known; a repository that was not
    done yet counts as one."""
    reviewed = {row.place for row in account.rows(reviewed=True)}
    return sum(
        row.review_number is None
        and (row.stage in _NEEDING or (row.stage is Stage.PLANNED and row.place not in reviewed))
        for row in account.rows()
    )

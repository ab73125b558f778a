"""`apply --campaign`: begin a campaign, or go on with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click
from click.core import ParameterSource

from patcher.cli import FAILED, FOUND, USAGE, options
from patcher.cli.reviewing import check_verified

if TYPE_CHECKING:
    from patcher.campaign.asking import Asker
    from patcher.campaign.commits import Commits
    from patcher.campaign.ledger import Account, Ledger
    from patcher.campaign.selection import Selection
    from patcher.reports import Report


class CampaignRun(NamedTuple):
    """How a campaign goes on in this run."""

    retry: Literal["failed", "all"] | None
    sources: options.Sources
    work: options.Work
    report: Callable[[Selection], Report]
    """For what the campaign looks for, which the ledger knows."""
    quiet: bool
    verbose: int
    reopen: bool
    """Whether reviews are opened again that a person closed."""
    asker: Asker | None


def run_campaign(name: str, selection: Selection, commits: Commits, run: CampaignRun) -> int:
    """Begin a campaign, or go on with it."""
    from patcher.campaign import settings
    from patcher.campaign.database import open_database
    from patcher.campaign.ledger import Ledger
    from patcher.campaign.trouble import LedgerError, NoName, NoSuchCampaign, OtherSettings

    try:
        with open_database() as database:
            ledger = Ledger(database)
            written = settings.written(selection, commits)
            account = _account(ledger, name, written, is_new=run.sources.given)
            return _carry_on(ledger, account, run)
    except NoSuchCampaign as error:
        raise click.UsageError(str(error)) from None
    except NoName as error:
        raise options.Wrong(str(error)) from None
    except OtherSettings as error:
        raise click.UsageError(settings.contradiction(name, error.differences)) from None
    except LedgerError as error:
        raise options.Failed(str(error)) from None


def _account(ledger: Ledger, name: str, written: Mapping[str, Any], *, is_new: bool) -> Account:
    """The campaign of that name. ``is_new``: create it where there is none."""
    from patcher.campaign.settings import FORGES, REVIEWS

    if name in ledger.names():
        said = {key: written[key] for key in _decided() & set(written)}
        revised = {*REVIEWS, FORGES}
        account = ledger.open(name, {key: said[key] for key in said.keys() - revised})
        account.revise({key: said[key] for key in said.keys() & revised})
        return account
    if is_new:
        return ledger.create(name, written)
    near = ledger.near(name)
    meant = f"did you mean {near}? Or else " if near else ""
    raise click.UsageError(
        f"there is no campaign {name} to go on with: {meant}name the SOURCEs of a new one"
    )


def _carry_on(ledger: Ledger, account: Account, run: CampaignRun) -> int:
    """Run a campaign as far as it goes."""
    from patcher.campaign import settings
    from patcher.campaign.booking import Booking, Planning
    from patcher.cli.output import tell
    from patcher.cli.session import carry_out, exit_code, found, unanswered
    from patcher.reports.status import campaign_line

    planning = Planning(tell)
    named = True
    selection, commits = settings.read(account.settings)
    check_verified(commits)
    if commits.reviews is not None:
        _check_reviews(account.name, commits)
        commits = replace(commits, reviews=replace(commits.reviews, reopen=run.reopen))
    if run.sources.given:
        items, tally = found(run.sources, quiet=run.quiet)
        account.plan(planning.plans(items))
        named = not unanswered(tally)
    failures = planning.failures
    before = account.counts()
    if not before.repositories and not run.sources.given:
        raise click.UsageError(
            f"campaign {account.name} was broken off before it had repositories: name its SOURCEs"
        )
    if not before.repositories:
        ledger.forget(account.name)
        tell(f"campaign {account.name} is not begun: there is no repository in it")
        return FAILED if failures else USAGE
    # What is all done is looked at again: a branch may be gone since, or a merge reverted.
    retry = "all" if before.done == before.repositories else run.retry
    all_to_do = before.to_do(retry)
    todo = min(all_to_do, run.work.limit or all_to_do)
    owner = account.owner()
    try:
        with owner:
            booking = Booking(account, owner, retry or "no", planning.with_secret)
            totals = carry_out(
                replace(
                    options.steps(run.work, selection, commits),
                    servers=tuple(account.servers()),
                    asker=run.asker,
                    declined=frozenset() if run.retry == "all" else account.declined(),
                ),
                islice(booking.items(), todo),
                todo,
                run.work,
                run.report(selection),
                remote=True,
                quiet=run.quiet,
                verbose=run.verbose,
                watch=booking,
                ahead=2,
            )
    finally:
        # Also when the user breaks off: that is when it matters how to go on.
        summary = account.summary()
        after = summary.counts
        if not run.quiet or summary.running:
            tell(campaign_line(summary, account.done_before(owner)))
    if failures or after.failed or (totals.complete and after.left > all_to_do - todo):
        return FAILED
    everywhere = todo == before.repositories  # or else a glob may match where nothing was left
    totals.unanswered = not named or (everywhere and unanswered(totals=totals))
    left = totals.left or not totals.complete
    return exit_code(totals, FOUND if left else 0, strict=False)


def _check_reviews(name: str, commits: Commits) -> None:
    """Raise UsageError where nothing is pushed that a review could be of."""
    if not commits.push:
        raise click.UsageError(
            f"campaign {name} was begun without --push, and a review is of a branch that is "
            "pushed: begin another one with --push"
        )


_CALLED = {
    "max_size": "max_bytes",
    "sign": "key",
    "message_file": "message",
    "commit_per": "per_file",
    "body_file": "body",
}
"""What settings call some options."""


def _decided() -> set[str]:
    """The settings that were said on the command line."""
    context = click.get_current_context()
    said = [
        name
        for name in context.params
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    ]
    of_file = {"overrides", "forges"} if context.default_map is not None else set()
    return {_CALLED.get(name, name) for name in said} | set(said) | of_file

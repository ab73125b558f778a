"""``patcher status``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from patcher.cli import options

if TYPE_CHECKING:
    from patcher.campaign.ledger import Ledger
    from patcher.results import Summary


@click.command("status", short_help="Show campaigns, and how far they have come.")
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--failed", is_flag=True, help="List what failed, with the reasons.")
@options.format_option("table", "json", "jsonl")
@click.option("--forget", is_flag=True, help="Remove the campaign from the ledger.")
@click.option("-y", "--yes", is_flag=True, help="With --forget: do not ask.")
def command(name: str | None, failed: bool, format: str, forget: bool, yes: bool) -> int:
    """List campaigns, or show one: how far it has come, what failed and why, what to run next.

    Exit status: 0, whether something failed or not; 2 where there is no such campaign.

    \b
    Examples:
      patcher status
      patcher status fix-af-alg --failed
      patcher status fix-af-alg --format jsonl > targets.jsonl
      patcher status fix-af-alg --forget
    """
    if name is None and (failed or forget):
        raise click.UsageError(f"{'--failed' if failed else '--forget'} needs the campaign's NAME")
    if yes and not forget:
        raise click.UsageError("--yes goes with --forget")
    from patcher.campaign.database import Database, LedgerError, default_path
    from patcher.campaign.ledger import Ledger, NoSuchCampaign

    try:
        path = default_path()
        if not path.exists():
            if name is not None:
                raise NoSuchCampaign(f"there is no campaign {name!r}, nor any other")
            _tell(_campaigns((), format))
            return 0
        with Database(path) as database:
            ledger = Ledger(database)
            if name is None:
                _tell(_campaigns(ledger.summaries(), format))
            elif forget:
                _forget(ledger, name, yes)
            else:
                _tell(_campaign(ledger, name, format, failed))
    except NoSuchCampaign as error:
        raise click.UsageError(str(error)) from None
    except LedgerError as error:
        raise options.Failed(str(error)) from None
    return 0


def _campaigns(summaries: Iterable[Summary], format: str) -> Iterable[bytes]:
    from patcher.reports import status

    if format == "jsonl":
        return status.campaigns_lines(summaries)
    write = status.campaigns_json if format == "json" else status.campaigns_table
    return [write(summaries)]


def _campaign(ledger: Ledger, name: str, format: str, failed: bool) -> Iterable[bytes]:
    from patcher.reports import status

    account = ledger.open(name)
    rows = account.rows(failed=failed)
    if format == "jsonl":
        return status.campaign_lines(account.name, rows)
    if format == "json":
        summary, causes = account.summary(), account.causes()
        return status.campaign_json(summary, account.settings, causes, rows)
    if failed:
        return status.failure_lines(rows)
    return [status.campaign_table(account.summary(), account.causes())]


def _forget(ledger: Ledger, name: str, yes: bool) -> None:
    number = ledger.open(name).counts().repositories
    question = f"Forget campaign {name} and what is known of its {number} repositories?"
    if yes or click.confirm(f"{question} What it committed or pushed stays.", err=True):
        ledger.forget(name)
        click.echo(f"Campaign {name} is forgotten.", err=True)


def _tell(pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        click.echo(piece, nl=False)

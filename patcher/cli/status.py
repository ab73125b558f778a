"""``patcher status``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from patcher.cli import options

if TYPE_CHECKING:
    from patcher.campaign.ledger import Account, Ledger
    from patcher.progress import CampaignState, Summary


@click.command(
    "status", cls=options.Command, short_help="Show campaigns, and how far they have come."
)
@click.argument(
    "name", required=False, metavar="[NAME]", shell_complete=options.completed("campaigns")
)
@click.option("--failed", is_flag=True, help="List what failed, with the reasons.")
@click.option(
    "--reviews",
    is_flag=True,
    help="Ask the forges, and list the reviews: open, draft, approved, checks, conflicts, merged, "
    "closed.",
)
@options.format_option("campaigns")
@click.option(
    "--drop",
    multiple=True,
    metavar="GLOB",
    help="Take repositories out of the campaign whose name, owner/name or whole path matches. May "
    "be repeated.",
)
@click.option("--forget", is_flag=True, help="Remove the campaign from the ledger.")
@click.option("-y", "--yes", is_flag=True, help="With --forget: do not ask.")
def command(
    name: str | None,
    failed: bool,
    reviews: bool,
    drop: tuple[str, ...],
    format: str,
    forget: bool,
    yes: bool,
) -> int:
    """List campaigns, or show one: how far it has come, what failed and why, what to run next.

    Only --reviews asks the forges; without it, reviews are shown as they were at the last look.

    Exit status: 0, whether something failed or not; 2 where there is no such campaign; 3 where
    --reviews could not look at one.

    \b
    Examples:
      patcher status
      patcher status fix-af-alg --failed
      patcher status fix-af-alg --reviews
      patcher status fix-af-alg --format jsonl > targets.jsonl
      patcher status fix-af-alg --drop 'acme/gone'
      patcher status fix-af-alg --forget
    """
    needing = {"--failed": failed, "--reviews": reviews, "--forget": forget, "--drop": drop}
    for option, is_given in needing.items():
        if name is None and is_given:
            raise click.UsageError(f"{option} needs the campaign's NAME")
    if yes and not forget:
        raise click.UsageError("--yes goes with --forget")
    if reviews and name is not None:
        from patcher.campaign.follow import looked
        from patcher.cli.campaigns import follow

        return follow(name, looked, format, ahead=True, changes=False)
    from patcher.campaign.database import Database, default_path
    from patcher.campaign.ledger import Ledger
    from patcher.campaign.trouble import LedgerError, NoSuchCampaign

    try:
        path = default_path()
        if not path.exists():
            if name is not None:
                raise NoSuchCampaign(f"there is no campaign {name!r}, nor any other")
            _show("campaigns", format, ())
            return 0
        with Database(path) as database:
            ledger = Ledger(database)
            if name is None:
                _show("campaigns", format, ledger.summaries())
            elif forget:
                _forget(ledger, name, yes)
            elif drop:
                _drop(ledger.open(name), drop)
            else:
                _show("campaign", format, _state(ledger.open(name), failed))
    except NoSuchCampaign as error:
        raise click.UsageError(str(error)) from None
    except LedgerError as error:
        raise options.Failed(str(error)) from None
    return 0


def _state(account: Account, failed: bool) -> CampaignState:
    from patcher.progress import CampaignState

    return CampaignState(
        account.summary(),
        account.settings,
        account.causes(),
        account.branch_states(),
        account.reviews(),
        account.rows(failed=failed),
        failures_only=failed,
    )


def _show(shown: str, format: str, results: CampaignState | Iterable[Summary]) -> None:
    from patcher.cli.output import write
    from patcher.reports import renderer

    for piece in renderer(shown, format)(options.style(), results):
        write(piece)


def _drop(account: Account, globs: tuple[str, ...]) -> None:
    from patcher.campaign.booking import dropped
    from patcher.cli.output import tell

    number, unmatched = dropped(account, globs)
    tell(
        f"{number} repositories were taken out of campaign {account.name}; what was committed or"
        " pushed there stays"
    )
    if unmatched:
        raise options.Wrong(f"no repository of the campaign matches {' '.join(unmatched)}")


def _forget(ledger: Ledger, name: str, yes: bool) -> None:
    number = ledger.open(name).counts().repositories
    question = f"Forget campaign {name} and what is known of its {number} repositories?"
    if yes or options.confirm(f"{question} What it committed or pushed stays."):
        ledger.forget(name)
        click.echo(f"Campaign {name} is forgotten.", err=True)

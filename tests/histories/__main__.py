"""``python -m tests.histories --orders 1000``: so many random histories; see `story`."""

from __future__ import annotations

import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import click

from tests.histories.story import Broken, told


@click.command()
@click.option("--orders", default=1000, show_default=True, help="How many histories.")
@click.option("--seed", default=0, show_default=True, help="The number of the first one.")
@click.option("--jobs", default=2, show_default=True, help="Processes.")
def main(orders: int, seed: int, jobs: int) -> None:
    """Print each history in which something does not hold, and how often each state was met."""
    met: Counter[str] = Counter()
    broken = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(jobs, max_tasks_per_child=50) as pool,
    ):
        futures = [pool.submit(told, Path(folder), seed + number) for number in range(orders)]
        for future in as_completed(futures):
            try:
                happened = future.result()
            except Broken as error:
                broken += 1
                click.echo(str(error))
                continue
            met.update(line.split(" ", 3)[-1] for line in happened if " -> " in line)
    for what, number in sorted(met.items()):
        click.echo(f"{number:7} {what}")
    click.echo(f"{orders} histories, {broken} broken")
    raise SystemExit(1 if broken else 0)


if __name__ == "__main__":
    main()

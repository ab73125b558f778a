"""``patcher migrations``."""

from __future__ import annotations

import click

from patcher.cli import options


@click.command("migrations", cls=options.Command, short_help="List what can be inserted.")
@click.argument("names", nargs=-1, metavar="[NAME|FILE]...")
@click.option("--placeholders", is_flag=True, help="List the placeholders of commit messages.")
def command(names: tuple[str, ...], placeholders: bool) -> int:
    """List the migrations that there are, or show and check those that are named.

    \b
    Examples:
      patcher migrations
      patcher migrations deny-af-vsock ./mine.yaml
    """
    if placeholders:
        from patcher.migrations.migration import PLACEHOLDERS

        width = max(map(len, PLACEHOLDERS)) + 2
        for name, meaning in PLACEHOLDERS.items():
            click.echo(f"{{{name}}}".ljust(width) + f"  {meaning}")
        return 0
    if not names:
        from patcher.migrations import builtin

        found = builtin()
        width = max(len(migration.id) for migration in found)
        for migration in found:
            click.echo(f"{migration.id.ljust(width)}  {migration.title}")
        return 0
    for migration in options.load_migrations(names):
        click.echo(f"{migration.id}: {migration.title}")
        click.echo(f"  inserts  {migration.rule}")
        click.echo(f"  after    {migration.anchor}")
        if migration.comment:
            click.echo(f"  comment  # {migration.comment}")
        click.echo(f"  types    {', '.join(migration.socket_types)}")
        for line in migration.why.splitlines():
            click.echo(f"  {line}")
        for reference in migration.references:
            click.echo(f"  - {reference}")
    return 0

"""``patcher completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from patcher.cli import group, options

_SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_PATCHER_COMPLETE"


@click.command(
    "completion",
    cls=options.Command,
    short_help="Print what makes a shell complete patcher's words.",
)
@click.argument("shell", type=click.Choice(_SHELLS))
def command(shell: str) -> int:
    """Print what makes a shell complete commands, options, migrations, campaigns and branches.

    \b
    Examples:
      eval "$(patcher completion bash)"        in ~/.bashrc
      eval "$(patcher completion zsh)"         in ~/.zshrc
      patcher completion fish | source         in ~/.config/fish/config.fish
    """
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(group, {}, "patcher", _VARIABLE).source())
    return 0

"""What all commands have in common: no password in an option, campaign files, help in groups."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

import click
from click.core import ParameterSource

from patcher.campaignfile import NAME
from patcher.cli.errors import Wrong

_SECRET = re.compile(r"://(?:[^/\s@]*|[^/\s]*:\S*)@")
"""A user or password in a URL; the password may hold a ``/`` that nobody encoded."""

SOURCE = "[SOURCE]..."


class SourceArgument(click.Argument):
    """The SOURCEs. Without one, a campaign file may say them."""

    def consume_value(
        self, ctx: click.Context, opts: Mapping[str, Any]
    ) -> tuple[Any, ParameterSource]:
        given = {name: value for name, value in opts.items() if name != self.name or value}
        return super().consume_value(ctx, given)


class Command(click.Command):
    """A command whose options take no password. A URL with one may be pasted into any of them, and
    what an option is given is shown, remembered in a campaign, or committed."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take from a campaign file what the command line leaves open."""
        if ctx.resilient_parsing or not self._takes_file(ctx, args):
            return super().parse_args(ctx, args)
        from patcher.cli import campaignfile

        if self.name == "apply" and campaignfile.unnamed(ctx, args):
            args = ["--file", NAME, *args]
        campaignfile.settle(ctx, args)
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter as error:
            raise campaignfile.placed(ctx, error) from None

    def _takes_file(self, ctx: click.Context, args: list[str]) -> bool:
        """Whether `parse_args` has a campaign file to look at."""
        named = any(word == "--file" or word.startswith("--file=") for word in args)
        return named or (self.name == "apply" and os.path.lexists(NAME))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from patcher.cli import groups

        groups.write(self, ctx, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return self._invoke(ctx)
        except (click.UsageError, Wrong) as error:
            if ctx.default_map is None:
                raise
            from patcher.cli import campaignfile

            raise campaignfile.placed(ctx, error) from None

    def _invoke(self, ctx: click.Context) -> Any:
        for param in self.params:
            given = ctx.params.get(param.name or "")
            words = given if isinstance(given, tuple) else (given,)
            if param.metavar != SOURCE and any(
                isinstance(word, str) and _SECRET.search(word) for word in words
            ):
                name = max(param.opts, key=len) if isinstance(param, click.Option) else "FILE"
                raise click.UsageError(f"{name} takes no URL with a user or password", ctx)
        return super().invoke(ctx)

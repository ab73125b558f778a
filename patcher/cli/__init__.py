"""The command line: one module a command, thin."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn

import click

from patcher import __version__, interrupts
from patcher.text import printable, without_secrets

_COMMANDS = {
    "scan": "Report the AppArmor profiles in git repositories.",
    "diff": "Print the change that apply would commit.",
    "apply": "Commit the change on a review branch.",
    "init": "Write a campaign file, patcher.yaml, for apply.",
    "refresh": "Bring a campaign's reviews up to date.",
    "ready": "Make a campaign's drafts ready.",
    "merge": "Merge a campaign's reviews.",
    "close": "Close a campaign's reviews.",
    "undo": "Remove review branches that are patcher's own and not merged.",
    "unfork": "Remove the forks of a campaign.",
    "repos": "List the repositories that sources hold.",
    "check": "Report, or fix, files outside git.",
    "verify": "Compile profiles: do they deny the family?",
    "status": "Show campaigns, and how far they have come.",
    "cache": "See, verify and clear the mirrors of remote repositories.",
    "migrations": "List what can be inserted.",
    "completion": "Print what makes a shell complete patcher's words.",
    "man": "Print the manual page of patcher, or of a command.",
    "demo": "Try it all on sample repositories.",
}
FOUND, USAGE, FAILED, UNDECIDED = 1, 2, 3, 4


class _Commands(click.Group):
    """Imports a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"patcher.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], _COMMANDS, 1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"No such command {args[0]!r}.{meant}", error.ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # click would exit with 1, which says that affected profiles were found.
            return _unread()
        except KeyboardInterrupt:
            raise click.Abort from None  # or else click writes an empty line

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        plain: Callable[..., Any] = super().main
        if standalone_mode:
            sys.exit(_guarded(lambda: plain(*args, standalone_mode=False, **extra)))
        return plain(*args, standalone_mode=False, **extra)


def _guarded(run: Callable[[], Any]) -> int:
    """The exit code; whatever happens is one line at most."""
    try:
        code = run()
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        _show(error)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("patcher: interrupted", err=True)
        return interrupts.exit_code()
    except BrokenPipeError:
        return _unread()
    except OSError as error:
        return _no_output(error)
    except Exception as error:
        if interrupts.received():
            click.echo("patcher: interrupted", err=True)
            return interrupts.exit_code()
        hint = "PATCHER_DEBUG=1 shows where"
        if os.environ.get("PATCHER_DEBUG"):
            import traceback

            for line in traceback.format_exc().splitlines():
                click.echo(printable(line), err=True)
            hint = "see above"
        text = printable(without_secrets(f"{type(error).__name__}: {error}"))
        click.echo(f"patcher: {text} ({hint})", err=True)
        return FAILED


def _no_output(error: OSError) -> int:
    """Standard output cannot be written, or the file that the error names cannot be used."""
    where = error.filename if isinstance(error.filename, str) else "standard output"
    click.echo(f"patcher: {printable(where)}: {error.strerror or error}", err=True)
    _unread()
    return FAILED


def _show(error: click.ClickException) -> None:
    """Print what is wrong with the command line. Names of files stand there, as a shell's ``*``
    puts them, so the message is escaped; but for a page of help, which is a message to click."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None or error.message != context.get_help():
        vars(error)["message"] = printable(without_secrets(error.message))
    error.show()


def _unread() -> int:
    """Whoever read our output has seen enough; Python must not complain about it on its way out.
    The exit status is that of a program that a closed pipe ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\
Exit status: 0 nothing that patcher changes is affected (apply: all is committed); 1 affected
profiles were found (scan, diff, check, apply --dry-run; verify: one allows the family), or left
(apply, refresh: a person closed the review, or it is archived or gone; merge: some are not merged);
2 wrong use, or a path, glob or source that you named matches nothing; 3 some repository or file
failed, with its reason on standard error (the rest was done). With --strict, what needs review or
was left alone is a failure, too.

\b
Examples:
  patcher scan ~/src                       what is there
  patcher repos github:acme                what an organisation holds
  patcher diff ~/src/moby | less           the change
  patcher apply --signoff ~/src            commit it, on the branch patcher/deny-af-alg
  patcher check --fix /etc/apparmor.d/*    files outside git
""",
)
@click.version_option(
    __version__, "-V", "--version", prog_name="patcher", message="%(prog)s %(version)s"
)
def group() -> None:
    """Find vendored moby-style AppArmor profiles in git repositories, and insert
    `deny network alg,` right after the blanket `network,` rule."""


def _open_standard_streams() -> None:
    """Put something in the place of each standard stream that was closed (``>&-``): else the next
    file that is opened would be there, and errors would be written to it. Standard input and output
    fail as closed ones do; what is written to standard error is lost."""
    for number, (name, mode, flags) in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, flags), number)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115


_STREAMS = (("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY))


def _leave_relative_path() -> None:
    """Take relative entries out of ``PATH``: a pager, an editor, a shell or ``gh`` would be looked
    for in the directory that the user stands in, which may be a repository of someone else's."""
    if path := os.environ.get("PATH"):
        kept = [entry for entry in path.split(os.pathsep) if entry.startswith("/")]
        os.environ["PATH"] = os.pathsep.join(kept) or "/"  # an empty one is the directory, too


def main() -> NoReturn:
    """What the ``patcher`` command runs."""
    # Next to no garbage has cycles here; the collector's default pace costs a tenth of a scan.
    gc.set_threshold(50_000, 20, 100)
    interrupts.install()
    _open_standard_streams()
    _leave_relative_path()
    code = 0
    try:
        try:
            interrupts.begin()
            group.main(prog_name="patcher")
        except SystemExit as leave:
            code = leave.code if isinstance(leave.code, int) else 0
        finally:
            interrupts.finish()
    except KeyboardInterrupt:  # on the way out of what handles it
        code = interrupts.exit_code()
    sys.exit(code)

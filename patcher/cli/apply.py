"""``patcher apply``."""

from __future__ import annotations

from typing import Any

import click

from patcher.cli import FOUND, options


class _Command(click.Command):
    """Takes the key of ``--sign[=KEY]`` from behind its ``=`` alone: in ``--sign PATH`` the path is
    none."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        bare = [f"{word}=" if word == "--sign" else word for word in args[:end]]
        return super().parse_args(ctx, [*bare, *args[end:]])


@click.command("apply", cls=_Command, short_help="Commit the change on a review branch.")
@options.selecting
@click.option(
    "--branch",
    metavar="NAME",
    help="The review branch. With several bases, the base's name is appended for all but the "
    "default one.  [default: patcher/MIGRATION]",
)
@click.option(
    "--on-existing",
    type=click.Choice(["fail", "replace", "append"]),
    default="fail",
    show_default=True,
    help="What to do when the branch is there and does not hold the change: fail; replace it by a "
    "new one from the base; append a commit to it.",
)
@click.option("--author", metavar="'NAME <MAIL>'", help="Author of the commits.")
@click.option("-s", "--signoff", is_flag=True, help="Add Signed-off-by (DCO).")
@click.option(
    "--sign",
    metavar="[=KEY]",
    help="Sign as your git configuration says (gpg or ssh); --sign=KEY names the key.",
)
@click.option(
    "--message",
    metavar="TEXT",
    help="Commit message; {placeholders} as `patcher migrations --placeholders` lists them.",
)
@click.option(
    "--message-file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="Commit message from a file (- for standard input).",
)
@click.option(
    "--commit-per",
    type=click.Choice(["repository", "file"]),
    default="repository",
    show_default=True,
    help="One commit for all files, or one for each.",
)
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
@options.format_option("table", "json")
@click.option("--explain", is_flag=True, help="Show the evidence for each profile.")
@options.proving
@options.telling
def command(
    paths: tuple[str, ...],
    jobs: int | None,
    branch: str | None,
    on_existing: Any,
    author: str | None,
    signoff: bool,
    sign: str | None,
    message: str | None,
    message_file: str | None,
    commit_per: str,
    dry_run: bool,
    format: str,
    explain: bool,
    quiet: bool,
    verbose: int,
    color: str,
    max_size: int,
    **chosen: Any,
) -> int:
    """Commit the change, on a new branch for review.

    SOURCE is a path, a clone URL, or what `patcher repos --help` lists; default: here.
    The commit is made from the base by way of git objects: work tree, index, HEAD and every other
    branch stay as they are. Nothing is pushed.

    \b
    Examples:
      patcher apply ~/src
      patcher apply --signoff --sign --comment ~/src/moby
      patcher apply --base 'release/*' --on-existing replace ~/src
      patcher apply -m deny-af-alg -m deny-af-vsock --message 'Fix {files}' ~/src
    """
    from patcher import git
    from patcher.campaign.apply import Commits
    from patcher.campaign.run import Campaign
    from patcher.cli.session import conduct, exit_code, reporter

    sources = options.sources(paths, chosen)
    selection = options.selection(max_size=max_size, **chosen)
    template = _template(message, message_file)
    try:
        if branch is not None:
            git.check_branch_name(branch)
        if author is not None:
            git.identities(None, author)
    except git.IdentityMissing:
        pass  # a repository may know its own committer
    except git.GitError as error:
        raise click.UsageError(str(error)) from None
    commits = Commits(
        branch=branch,
        on_existing=on_existing,
        author=author,
        signoff=signoff,
        sign=sign is not None,
        key=sign or None,
        message=template,
        per_file=commit_per == "file",
        dry_run=dry_run,
    )
    report = reporter(
        format,
        selection,
        color=color,
        quiet=quiet,
        verbose=verbose,
        explain=explain,
        applied=not dry_run,
    )
    totals = conduct(
        Campaign(selection, commits), sources, report, jobs=jobs, quiet=quiet, verbose=verbose
    )
    return exit_code(totals, FOUND if dry_run and totals.to_fix else 0)


def _template(message: str | None, file: str | None) -> str | None:
    if message is not None and file is not None:
        raise click.UsageError("--message and --message-file exclude each other")
    if file is not None:
        with click.open_file(file, encoding="utf-8") as stream:
            try:
                message = stream.read()
            except UnicodeDecodeError:
                raise click.UsageError(f"{file} is not UTF-8") from None
    if message is None:
        return None
    from patcher.campaign.message import check

    try:
        check(message)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return message if message.endswith("\n") else message + "\n"

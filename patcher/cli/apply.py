"""``patcher apply``."""

from __future__ import annotations

from dataclasses import replace
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

import click

from patcher import git
from patcher.cli import FOUND, options
from patcher.cli.asking import TerminalAsker
from patcher.cli.reviewing import check_verified, reviewing, wishes

if TYPE_CHECKING:
    from patcher.campaign.commits import Commits
    from patcher.campaign.selection import Selection
    from patcher.reports import Report


class ApplyCommand(options.Command):
    """Takes the values of ``--sign[=KEY]``, ``--auto-merge`` and ``--fork`` from behind the ``=``
    alone: in ``--sign PATH`` the path is none."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        bare = [f"{word}=" if word in _OPTIONAL else word for word in args[:end]]
        return super().parse_args(ctx, [*bare, *args[end:]])


_OPTIONAL = ("--sign", "--auto-merge", "--fork")


@click.command("apply", cls=ApplyCommand, short_help="Commit the change on a review branch.")
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
    help="What to do with a review branch that others edited and that does not fix the base: fail; "
    "append a commit to it; replace it by a new one from the base (with --discard-others). replace "
    "also replaces a branch of patcher's own if its commit would differ now. Without it, one of "
    "patcher's own is replaced only if merging it no longer fixes the base.",
)
@click.option(
    "--discard-others",
    is_flag=True,
    help="With --on-existing replace: take away the commits of others, too.",
)
@click.option(
    "--ignore-author",
    "ignore_authors",
    metavar="GLOB",
    multiple=True,
    help="A bot's name or address: what it committed on a review branch does not count as edited "
    "by others, and may be replaced. May be repeated.",
)
@click.option("--author", metavar="'NAME <MAIL>'", help="Author of the commits.")
@click.option("-s", "--signoff", is_flag=True, help="Add Signed-off-by (DCO).")
@click.option(
    "--sign",
    metavar="[=KEY]",
    help="Sign as your git configuration says (gpg or ssh); --sign=KEY names the key.",
)
@click.option(
    "--verified-commits",
    is_flag=True,
    help="With --push and --review github (or auto): GitHub makes the commits and signs them, so "
    "that it shows them as verified.",
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
@click.option("--push", is_flag=True, help="Push the review branch.")
@click.option(
    "--remote",
    metavar="NAME",
    help="With --push: the remote of clones that are named by a path.  [default: the one that the "
    "base tracks, else origin]",
)
@reviewing
@click.option(
    "--campaign",
    "name",
    metavar="NAME",
    shell_complete=options.completed("campaigns"),
    help="Keep in the ledger what was done; with a NAME that is there, go on where it stopped.",
)
@click.option(
    "--retry",
    type=click.Choice(["failed", "all"]),
    help="With --campaign: try again also what failed 3 times; or do everything again.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help="Take only the first N repositories that are to be done, as a pilot.",
)
@click.option(
    "--pause",
    type=options.Finite(0),
    metavar="SECONDS",
    default=0.0,
    help="Wait so long between two pushes to one host, and push one at a time; likewise between "
    "what is done about two reviews.",
)
@click.option(
    "-i",
    "--interactive",
    is_flag=True,
    help="Show each change with its evidence, and ask whether to commit it.",
)
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
@options.format_option("commits")
@click.option("--explain", is_flag=True, help="Show the evidence for each profile.")
@options.proving
@options.strict
@options.telling
def command(
    paths: tuple[str, ...],
    branch: str | None,
    on_existing: Any,
    discard_others: bool,
    ignore_authors: tuple[str, ...],
    author: str | None,
    signoff: bool,
    sign: str | None,
    verified_commits: bool,
    message: str | None,
    message_file: str | None,
    commit_per: str,
    push: bool,
    remote: str | None,
    name: str | None,
    retry: Any,
    limit: int | None,
    pause: float,
    interactive: bool,
    dry_run: bool,
    format: str,
    explain: bool,
    strict: bool,
    quiet: bool,
    verbose: int,
    color: str,
    max_size: int,
    **chosen: Any,
) -> int:
    """Commit the change, on a new branch for review.

    SOURCE is a path, a clone URL, or what `patcher repos --help` lists; default: here. The commit
    is made from the base with git objects only: work tree, index, HEAD and every other branch stay
    as they are. What a clone URL names is read and committed in a mirror. --push sends the review
    branch, and nothing else, to that URL, or to the remote of a clone that a path names.

    --review opens a review for each branch that is pushed, or brings the one that is open up to
    date, and never opens a second one; one that a person closed stays closed. What is asked of
    reviews may be changed as a campaign goes on.

    A campaign is known by its NAME: its repositories, its options, and what was done. When it was
    broken off, or some repositories failed, `patcher apply --campaign NAME` goes on; where all is
    done, it looks at everything again. `patcher status` shows it.

    \b
    Examples:
      patcher apply ~/src
      patcher apply --signoff --sign --comment ~/src/moby
      patcher apply --base 'release/*' --on-existing replace ~/src
      patcher apply -m deny-af-alg -m deny-af-vsock --message 'Fix {files}' ~/src
      patcher apply --push --campaign af-alg --base main --base 'release/*' github:acme
      patcher apply --campaign af-alg
      patcher apply --push --review auto --code-owners --campaign af-alg github:acme
    """
    from patcher.campaign.commits import Commits
    from patcher.cli.again import commands

    sources, work = options.sources(paths, chosen), options.work(chosen)
    work = replace(work, limit=limit)
    wanted = wishes(chosen, named=name is not None)
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
        discard_others=discard_others,
        ignore_authors=ignore_authors,
        author=author,
        signoff=signoff,
        sign=sign is not None,
        key=sign or None,
        verified_commits=verified_commits,
        message=template,
        per_file=commit_per == "file",
        push=push,
        remote=remote,
        pause=pause,
        dry_run=dry_run,
        shown="branch" if format == "patch" else "",
        reviews=wanted,
    )
    _check_shown(commits)
    check_verified(commits, named=name is not None)
    _check_push(sources, commits, name)
    if discard_others and on_existing != "replace" and not name:
        raise click.UsageError("--discard-others goes with --on-existing replace")
    if name is not None:
        _check_campaign(sources, commits, strict=strict)
    _tell_unsigned(commits)
    if name is None and retry is not None:
        raise click.UsageError("--retry goes with --campaign")

    def report(selection: Selection) -> Report:
        style = options.style(selection, color, quiet=quiet, verbose=verbose, explain=explain)
        style = replace(style, applied=not dry_run, again=commands())
        return options.report("commits", format, style)

    asker = None
    if interactive:
        _check_asking(commits, work)
        asker = TerminalAsker(options.style(selection), color)
    if name is not None:
        from patcher.cli.going_on import CampaignRun, run_campaign

        reopen = wanted is not None and wanted.reopen
        run = CampaignRun(retry, sources, work, report, quiet, verbose, reopen, asker)
        return run_campaign(name, selection, commits, run)
    from patcher.cli.session import conduct, exit_code

    steps = replace(
        options.steps(work, selection, commits, contents=format == "patch"), asker=asker
    )
    totals = conduct(steps, sources, work, report(selection), quiet=quiet, verbose=verbose)
    left = totals.left or not totals.complete or (dry_run and totals.unwritten)
    return exit_code(totals, FOUND if left else 0, strict=strict)


def _check_push(sources: options.Sources, commits: Commits, name: str | None) -> None:
    """Raise UsageError where nothing that was named can be pushed, or must be."""
    push = commits.push
    if sources.named_remote and not (push or commits.dry_run or name is not None):
        from patcher.campaign.steps import STAYS_LOCAL

        raise click.UsageError(STAYS_LOCAL)
    if commits.remote is not None and not (push or name is not None):
        raise click.UsageError("--remote goes with --push: it says where that pushes to")
    reviewed = commits.reviews is not None and commits.reviews.review != "none"
    if reviewed and not (push or commits.dry_run or name is not None):
        raise click.UsageError("--review goes with --push: a review is of a branch that is pushed")


def _check_shown(commits: Commits) -> None:
    """Raise UsageError where a commit cannot be shown as a mail."""
    if not commits.shown:
        return
    if not commits.dry_run:
        raise click.UsageError("--format patch shows what is not committed: add --dry-run")
    if commits.per_file:
        raise click.UsageError("--format patch has one commit for each base: no --commit-per file")
    if commits.sign:
        raise click.UsageError("a mail carries no signature: leave out --sign, and use git am -S")


def _check_campaign(sources: options.Sources, commits: Commits, *, strict: bool) -> None:
    """Raise UsageError where options make no sense for a campaign."""
    if commits.dry_run:
        raise click.UsageError("--dry-run writes nothing, --campaign does: leave out one of them")
    if strict:
        raise click.UsageError(
            "--strict looks at one run, and a campaign is many: use `patcher scan --strict`"
        )
    if sources.filtered and not sources.given:
        raise click.UsageError(
            f"{', '.join(sources.filtered)}: filters choose among SOURCEs, and none is named; a "
            "campaign holds what it was given: `patcher status NAME --drop GLOB` takes some out"
        )


def _check_asking(commits: Commits, work: options.Work) -> None:
    """Raise UsageError where nobody can be asked."""
    if commits.dry_run:
        raise click.UsageError("--dry-run writes nothing, so that --interactive has no question")
    if work.scheduler is not None:
        raise click.UsageError("--interactive asks here, and --scheduler works elsewhere")


def _tell_unsigned(commits: Commits) -> None:
    signs = commits.sign or commits.verified_commits
    if not (signs or commits.dry_run) and git.user_signs():
        from patcher.cli.output import tell

        tell("commit.gpgSign is set in your git configuration; commits are signed with --sign only")


_MOST_MESSAGE = 1 << 16


def _template(message: str | None, file: str | None) -> str | None:
    if message is not None and file is not None:
        raise click.UsageError("--message and --message-file exclude each other")
    if file is not None:
        from patcher.git.small import open_file

        try:
            with (
                click.open_file(file, encoding="utf-8")
                if file == "-"
                else TextIOWrapper(open_file(file), encoding="utf-8")
            ) as stream:
                message = stream.read(_MOST_MESSAGE + 1)
        except UnicodeDecodeError:
            raise click.UsageError(f"{file} is not UTF-8") from None
        except OSError as error:
            raise options.Wrong(f"--message-file {file}: {error.strerror or error}") from None
        if len(message) > _MOST_MESSAGE:
            raise click.UsageError(f"{file} has more than {_MOST_MESSAGE} characters: no message")
    if message is None:
        return None
    from patcher.campaign.message import check

    try:
        check(message)
    except ValueError as error:
        option = "--message" if file is None else "--message-file"
        raise click.UsageError(f"{option}: {error}") from None
    return message if message.endswith("\n") else message + "\n"

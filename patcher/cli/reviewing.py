"""The options of reviews, and what they ask for."""

from __future__ import annotations

from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from patcher.cli import options

if TYPE_CHECKING:
    from patcher.campaign.commits import Commits
    from patcher.reviews.wishes import Wishes

_FORGES = ("github", "gitlab", "gitea", "forgejo", "gerrit", "bitbucket")
_METHODS = ("merge", "squash", "rebase")
_MOST_TEXT = 1 << 16


def _method(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """How to merge; with nothing behind the option, by a merge."""
    if value is None:
        return None
    if value and value not in _METHODS:
        raise click.BadParameter(f"{value!r} is none of {', '.join(_METHODS)}")
    return value or "merge"


def _forking(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """When to fork; with nothing behind the option, where it takes that."""
    if value not in ("", "auto", "always", "never"):
        raise click.BadParameter(f"{value!r} is none of auto, always, never")
    return value or "auto"


reviewing = options.chain(
    click.option(
        "--review",
        type=click.Choice(["auto", *_FORGES, "none"]),
        default="none",
        show_default=True,
        help="With --push: open a pull request or merge request for each branch, or bring the one "
        "that is open up to date. auto: at the forge where the SOURCE was found, or that "
        "its host is known as.",
    ),
    click.option(
        "--draft", is_flag=True, help="Open reviews as drafts: `patcher ready` ends that."
    ),
    click.option("--label", "labels", multiple=True, metavar="NAME", help="May be repeated."),
    click.option(
        "--reviewer",
        "reviewers",
        multiple=True,
        metavar="USER",
        help="Ask this user for a review. May be repeated.",
    ),
    click.option(
        "--team",
        "teams",
        multiple=True,
        metavar="ORG/TEAM",
        help="Ask this team, or group. May be repeated.",
    ),
    click.option(
        "--code-owners",
        is_flag=True,
        help="Ask whom CODEOWNERS in the base names for the changed files.",
    ),
    click.option("--assignee", "assignees", multiple=True, metavar="USER", help="May be repeated."),
    click.option("--milestone", metavar="NAME", help="The milestone of reviews, by its title."),
    click.option(
        "--auto-merge",
        metavar="[=METHOD]",
        callback=_method,
        help="Have the forge merge each review once all that it asks for is there; METHOD is merge "
        "(the default), squash or rebase.",
    ),
    click.option(
        "--title",
        metavar="TEMPLATE",
        help="The title of reviews: a Jinja2 template (docs/how-to/reviews.md). It replaces that "
        "of open ones.",
    ),
    click.option(
        "--body-file",
        type=click.Path(exists=True, dir_okay=False),
        help="The text of reviews: a Jinja2 template; {{ default_body }} in it is patcher's own.",
    ),
    click.option(
        "--fork",
        metavar="[=auto|always|never]",
        default="never",
        callback=_forking,
        help="Push to your fork, made where there is none, and open the review from there: where "
        "the token may not push to the repository (auto, also of --fork alone), or always.",
    ),
    click.option(
        "--review-template",
        type=click.Choice(["before", "after"]),
        help="Put the text that the repository wants in its reviews before or after it.",
    ),
    click.option(
        "--reopen",
        is_flag=True,
        help="In this run, open reviews again that a person closed.",
    ),
)
_NAMES = (
    "review draft labels reviewers teams code_owners assignees milestone auto_merge title"
    " fork review_template reopen"
).split()

_EACH = ("draft labels reviewers teams code_owners assignees milestone auto_merge").split()
"""What may differ from repository to repository."""


def wishes(chosen: dict[str, Any], *, named: bool) -> Wishes | None:
    """What `reviewing` gathered, whose options are taken out of ``chosen``; None: no reviews.
    ``named``: a campaign may have more of it."""
    from patcher.reviews.wishes import Wishes

    body = _body(chosen.pop("body_file"))
    overrides = options.overrides(_EACH)
    made = Wishes(**{name: chosen.pop(name) for name in _NAMES}, body=body, overrides=overrides)
    _check(made)
    if made.review == "none":
        said = next((option for option in _said() if option != "--review"), None)
        if said is not None and not named:
            raise click.UsageError(f"{said} goes with --review")
        return made if named else None
    return made


def _said() -> list[str]:
    """The options of reviews that were given."""
    context = click.get_current_context()
    return [
        max(param.opts, key=len)
        for param in context.command.params
        if param.name in (*_NAMES, "body_file")
        and context.get_parameter_source(param.name) is not ParameterSource.DEFAULT
    ]


def _body(file: str | None) -> str | None:
    if file is None:
        return None
    from patcher.git.small import open_file

    try:
        with TextIOWrapper(open_file(file), encoding="utf-8") as stream:
            text = stream.read(_MOST_TEXT + 1)
    except UnicodeDecodeError:
        raise click.UsageError(f"--body-file {file} is not UTF-8") from None
    except OSError as error:
        raise options.Wrong(f"--body-file {file}: {error.strerror or error}") from None
    if not text.strip():
        raise click.UsageError(f"--body-file {file} is empty")
    return text


def _check(made: Wishes) -> None:
    """Raise UsageError for a template that is none, and for names that are empty."""
    for name, option in (("labels", "--label"), ("reviewers", "--reviewer"), ("teams", "--team")):
        if "" in getattr(made, name):
            raise click.UsageError(f"{option} needs a name, and not an empty one")
    if made.title is None and made.body is None:
        return
    from patcher.reviews.text import TemplateWrong, check

    for template, option in ((made.title, "--title"), (made.body, "--body-file")):
        if template is not None:
            try:
                check(template, option)
            except TemplateWrong as error:
                raise click.UsageError(str(error)) from None


_AT_GITHUB = ("auto", "github")


def check_verified(commits: Commits, *, named: bool = False) -> None:
    """Raise UsageError where GitHub cannot make the commits as they are wanted. ``named``: a
    campaign may have more of the options."""
    if not commits.verified_commits:
        return
    if commits.sign:
        raise click.UsageError(
            "--sign signs here, and with --verified-commits GitHub makes and signs the commits: "
            "leave out one of them"
        )
    if commits.author is not None:
        raise click.UsageError(
            "with --verified-commits the author is the user of the token: leave out --author"
        )
    if commits.shown:
        raise click.UsageError("a mail carries no signature: leave out --verified-commits")
    review = "none" if commits.reviews is None else commits.reviews.review
    if review in _AT_GITHUB or (named and review == "none"):
        return
    if review == "none":
        raise click.UsageError("--verified-commits goes with --push --review github (or auto)")
    raise click.UsageError(
        f"--verified-commits is for GitHub alone: with --review {review} use --sign, or leave it "
        "out"
    )

"""``patcher repos``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from patcher.cli import FAILED, USAGE, options

if TYPE_CHECKING:
    from patcher.results import ListedRepository
    from patcher.sources import Found


@click.command("repos", cls=options.Command, short_help="List the repositories that sources hold.")
@options.sourcing
@options.format_option("repositories")
@click.option("-q", "--quiet", is_flag=True, help="Print the list and failures only.")
def command(paths: tuple[str, ...], format: str, quiet: bool, **chosen: Any) -> int:
    """List the repositories that sources hold, as scan, diff and apply would take them. Nothing is
    cloned.

    \b
    SOURCE is
      a path                    a repository, or a folder to walk for repositories
      a clone URL               https, ssh, git, file, or user@host:path
      github:ORG                an organisation's repositories
      github:user/NAME          a user's (with the user's own token, private ones too)
      github:ORG/REPO           one repository
      github:search/QUERY       what GitHub's search finds, 1,000 at most
      gitlab:GROUP[/SUB]        a group's, with all its subgroups
      gitea:HOST/ORG            an organisation's or user's, on Gitea or Forgejo
      bitbucket:WORKSPACE       a workspace's; bitbucket:@HOST/PROJECT on a Data Center
      gerrit:HOST/PREFIX        a project of Gerrit's, and those below it
    Such a word is never a path: write ./github:x for that.

    \b
    Another server: github:@HOST/ORG or GH_HOST, gitlab:@HOST/GROUP or GITLAB_HOST. Tokens, each for
    its own server alone:
      GH_TOKEN, GITHUB_TOKEN    github.com (GH_ENTERPRISE_TOKEN for another server)
      GITLAB_TOKEN              GITLAB_HOST, or gitlab.com
      GITEA_TOKEN               GITEA_SERVER_URL, or the one server that is named
      BITBUCKET_TOKEN           BITBUCKET_URL, or bitbucket.org
      GERRIT_PASSWORD           GERRIT_URL, or the one server named (with GERRIT_USER)

    \b
    Examples:
      patcher repos github:acme --forks only --pushed-since 1y
      patcher repos gitlab:platform --match '*/moby' --format urls > forks.txt
      patcher scan --from forks.txt
    """
    from patcher import git
    from patcher.cli.output import tell, write
    from patcher.cli.session import found, unanswered
    from patcher.reports import renderer
    from patcher.reports.places import fits_a_line

    style, failures = options.style(), 0
    items, tally = found(options.sources(paths, chosen), quiet=quiet)

    def places() -> Iterator[ListedRepository]:
        nonlocal failures
        for item in items:
            if isinstance(item, git.Failure):
                failures += 1
                tell(f"{item.place}: {item.error}")
                continue
            place = _place(item)
            if format == "urls" and not fits_a_line(style, place):
                failures += 1
                tell(f"{place.place}: a line cannot say this name: use --format json")
            else:
                yield place

    for piece in renderer("repositories", format)(style, places()):
        write(piece)
    answered = not unanswered(tally)
    return FAILED if failures else 0 if answered else USAGE


def _place(found: Found) -> ListedRepository:
    """What a report says of a repository."""
    from patcher import git
    from patcher.forges import Facts
    from patcher.results import ListedRepository

    facts, place = found.facts or Facts(), found.place
    is_url = isinstance(place, git.Address)
    return ListedRepository(
        place=place.url if isinstance(place, git.Address) else str(place.path),
        is_url=is_url,
        bases=found.bases,
        default_branch=facts.default_branch,
        fork=facts.fork,
        archived=facts.archived,
        visibility=facts.visibility,
        topics=facts.topics,
        pushed_at=None if facts.pushed_at is None else facts.pushed_at.isoformat(),
        parent=found.family,
    )

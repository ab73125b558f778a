"""``patcher repos``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from patcher.cli import FAILED, USAGE, options

if TYPE_CHECKING:
    from patcher import git
    from patcher.sources import Found


@click.command("repos", short_help="List the repositories that sources hold.")
@options.sourcing
@options.format_option("table", "urls", "json")
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
    Such a word is never a path: write ./github:x for that.

    \b
    Another server: github:@HOST/ORG or GH_HOST, gitlab:@HOST/GROUP or GITLAB_HOST. Tokens, each for
    its own server alone:
      GH_TOKEN, GITHUB_TOKEN    github.com (GH_ENTERPRISE_TOKEN for another server)
      GITLAB_TOKEN              GITLAB_HOST, or gitlab.com
      GITEA_TOKEN               GITEA_SERVER_URL, or the one server that is named

    \b
    Examples:
      patcher repos github:acme --forks only --pushed-since 1y
      patcher repos gitlab:platform --match '*/moby' --format urls > forks.txt
      patcher scan --from forks.txt
    """
    from patcher import git
    from patcher.cli.output import tell, write
    from patcher.cli.session import found, unanswered

    failures, answered = 0, True

    def repositories() -> Iterator[Found]:
        nonlocal failures, answered
        items, tally = found(options.sources(paths, chosen), quiet=quiet)
        for item in items:
            if isinstance(item, git.Failure):
                failures += 1
                tell(f"{item.place}: {item.error}")
            else:
                yield item
        answered = not unanswered(tally)

    for piece in _FORMATS[format](repositories()):
        if piece is None:
            failures += 1
        else:
            write(piece)
    return FAILED if failures else 0 if answered else USAGE


def _table(repositories: Iterator[Found]) -> Iterator[bytes | None]:
    from patcher.sources import Facts
    from patcher.text import printable

    head = ("repository", "branch", "fork", "archived", "last push")
    rows = [head]
    for found in repositories:
        facts = found.facts or Facts()
        pushed = "-" if facts.pushed_at is None else f"{facts.pushed_at:%Y-%m-%d}"
        branch = printable(facts.default_branch or "-")[:40]
        place = printable(_place(found))
        rows.append((place, branch, _word(facts.fork), _word(facts.archived), pushed))
    if len(rows) == 1:
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield os.fsencode("  ".join(cells).rstrip() + "\n")


def _word(fact: bool | None) -> str:
    return "-" if fact is None else "yes" if fact else "no"


def _urls(repositories: Iterator[Found]) -> Iterator[bytes | None]:
    """Lines that ``--from`` takes; None for what none can say."""
    from patcher.cli.output import tell
    from patcher.text import printable

    terminal = sys.stdout.isatty()
    for found in repositories:
        place = _place(found)
        unseen = terminal and printable(place) != place
        if unseen or any(char < " " or char == "\x7f" for char in place):
            tell(f"{place}: a line cannot say this name: use --format json")
            yield None
            continue
        blanks = "\t" if " " in place else " " if found.bases else ""
        yield os.fsencode(place + blanks + " ".join(found.bases)) + b"\n"


def _json(repositories: Iterator[Found]) -> Iterator[bytes | None]:
    import json

    from patcher.reports.text import valid
    from patcher.sources import Facts

    yield b'{"schema": 1, "repositories": ['
    separator = b"\n"
    for found in repositories:
        facts = found.facts or Facts()
        document = {
            _kind(found): valid(_place(found)),
            "bases": list(found.bases),
            "default_branch": facts.default_branch and valid(facts.default_branch),
            "fork": facts.fork,
            "archived": facts.archived,
            "visibility": facts.visibility and valid(facts.visibility),
            "topics": facts.topics and [valid(topic) for topic in facts.topics],
            "pushed_at": facts.pushed_at and facts.pushed_at.isoformat(),
            "parent": found.family,
        }
        yield separator + json.dumps(document).encode("ascii")
        separator = b",\n"
    yield b"\n]}\n"


def _kind(found: Found) -> str:
    from patcher import git

    return "url" if isinstance(found.place, git.Address) else "path"


def _place(found: Found) -> str:
    from patcher import git

    place: git.Repository | git.Address = found.place
    return place.url if isinstance(place, git.Address) else str(place.path)


_FORMATS = {"table": _table, "urls": _urls, "json": _json}

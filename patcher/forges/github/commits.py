"""Commits that GitHub makes, and signs with its own key.

GraphQL's ``createCommitOnBranch``, and not ``POST /repos/{owner}/{repo}/git/commits``: that one
signs for GitHub Apps and other bots alone, and leaves what a user's token makes unsigned.
https://docs.github.com/graphql/reference/mutations#createcommitonbranch,
https://docs.github.com/authentication/managing-commit-signature-verification/about-commit-signature-verification#signature-verification-for-bots
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING

from patcher import git
from patcher.forges.github.reading import graphql
from patcher.forges.listed import inside, text
from patcher.forges.server import ForgeError

if TYPE_CHECKING:
    from patcher.forges.client import Client
    from patcher.forges.review import Project

MOST_SENT = 32 << 20
"""Bytes of all files of one commit in base64. GitHub publishes no limit; users saw requests of 40
MiB refused: https://github.com/grafana/github-api-commit-action/pull/66"""

_COMMIT = """
mutation commit($input: CreateCommitOnBranchInput!) {
  createCommitOnBranch(input: $input) { commit { oid } }
}
"""


def commit(
    client: Client,
    project: Project,
    branch: str,
    parent: str,
    message: tuple[str, str],
    changes: Sequence[git.FileChange],
) -> str:
    """Have a commit made on a branch, which is to be at ``parent``; its id, as GitHub says.

    ``message``: subject and body. ``changes`` are of files that are there: GitHub keeps their
    modes. Raises ForgeError, also where the branch is elsewhere.
    """
    additions = [
        {"path": _path(change.path), "contents": b64encode(change.content).decode()}
        for change in changes
    ]
    size = sum(len(each["contents"]) for each in additions)
    if size > MOST_SENT:
        raise ForgeError(
            f"the files of the commit are {size >> 20} MiB in base64, over the limit of "
            f"{MOST_SENT >> 20} MiB: use --commit-per file, or leave out --verified-commits"
        )
    headline, body = message
    given = {
        "branch": {"repositoryNameWithOwner": project.path, "branchName": branch},
        "expectedHeadOid": parent,
        "message": {"headline": headline, "body": body},
        "fileChanges": {"additions": additions},
    }
    data = graphql(client, _COMMIT, {"input": given})
    made = text(inside(data, "createCommitOnBranch", "commit"), "oid") or ""
    return _oid(client, made, len(parent))


def _path(path: bytes) -> str:
    try:
        return path.decode()
    except UnicodeDecodeError:
        raise ForgeError(
            f"GitHub makes no commit of {git.printable(path)}, whose name is not UTF-8: leave out "
            "--verified-commits"
        ) from None


def _oid(client: Client, made: str, size: int) -> str:
    if len(made) != size or not set(made) <= set("0123456789abcdef"):
        raise ForgeError(f"{client.server.host} does not say which commit it made")
    return made


def verification(client: Client, project: Project, oid: str) -> tuple[bool | None, str]:
    """Whether GitHub shows a commit as verified, and its word for why or why not; None where it
    does not say."""
    found = client.ask(f"/repos/{project.path}/git/commits/{oid}").body
    if text(found, "sha") != oid:
        raise ForgeError(f"{client.server.host} answers with another commit than {oid[:12]}")
    said = inside(found, "verification", "verified")
    why = text(inside(found, "verification"), "reason") or "GitHub does not say why"
    return (said if isinstance(said, bool) else None), git.printable(why[:100])

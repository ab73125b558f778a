"""Repositories and pull requests as they are.

https://docs.github.com/rest/pulls/pulls; GraphQL where REST cannot say it: what the branch's
protection asks for is for administrators there, an approval does not say whether it counts (anyone
may approve in public), and a required check that has not begun yet is not there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from patcher import git
from patcher.forges import limits
from patcher.forges.listed import inside, number, text, texts
from patcher.forges.review import Checks, Life, Project, Review
from patcher.forges.reviewing import checked_number, checked_review
from patcher.forges.server import ForgeError, plain

if TYPE_CHECKING:
    from patcher.forges.client import Client, Response

LOOKS = 5
"""How often a pull request is read until GitHub knows whether it can be merged, which it computes
when it is first asked: 1, 2, 4 and 8 seconds lie between."""

JUDGED = """
fragment judged on PullRequest {
  reviewDecision
  latestOpinionatedReviews(first: 100, writersOnly: true) {
    totalCount
    nodes { state commit { oid } author { __typename } }
  }
  commits(last: 1) {
    nodes {
      commit {
        oid
        statusCheckRollup {
          state
          contexts(first: 100) {
            totalCount
            nodes {
              __typename
              ... on CheckRun { conclusion }
              ... on StatusContext { state }
            }
          }
        }
      }
    }
  }
  timelineItems(last: 1, itemTypes: [CLOSED_EVENT]) {
    nodes { __typename ... on ClosedEvent { actor { login } } }
  }
}
"""
"""What REST does not say of a pull request."""

_STATUS = (
    """
query status($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) { pullRequest(number: $number) { ...judged } }
}
"""
    + JUDGED
)

_ROLLUP = {
    "SUCCESS": Checks.PASSED,
    "FAILURE": Checks.FAILED,
    "ERROR": Checks.FAILED,
    "PENDING": Checks.PENDING,
    "EXPECTED": Checks.PENDING,
}
"""https://docs.github.com/graphql/reference/enums#statusstate"""


def project(client: Client, path: str) -> Project:
    """The repository of that name, or of that earlier name: GitHub redirects to what is there."""
    return as_project(client, client.ask(f"/repos/{plain(path, 'repository')}").body)


def as_project(client: Client, record: object) -> Project:
    """What GitHub says of a repository."""
    identity, path = number(record, "id"), text(record, "full_name")
    if identity is None or path is None:
        raise ForgeError(f"{client.server.host} answers with something that is no repository")
    can_push, parent = inside(record, "permissions", "push"), number(record, "parent", "id")
    return Project(
        id=str(identity),
        path=plain(path, "repository"),
        clone_url=client.server.clone_address(text(record, "clone_url")).url,
        default_branch=text(record, "default_branch"),
        archived=inside(record, "archived") is True,
        can_push=can_push if isinstance(can_push, bool) else None,
        fork_of=None if parent is None else str(parent),
    )


def reviews(
    client: Client, project: Project, head: str, head_project: Project, base: str
) -> Sequence[Review]:
    """All from this head into this base, the newest first."""
    owner = head_project.path.partition("/")[0]
    wanted: dict[str, str | int] = {
        "state": "all",
        "head": f"{owner}:{head}",
        "base": base,
        "sort": "created",
        "direction": "desc",
        "per_page": 100,
    }
    found = []
    for answer in client.pages(f"/repos/{project.path}/pulls", wanted):
        for record in client.entries(answer.body):
            each = as_review(client, project, record)
            # GitHub ignores a filter that it cannot read.
            if (each.head, each.base) == (head, base) and _is_from(record, each, head_project):
                found.append(each)
    return found


def _is_from(record: object, review: Review, head_project: Project) -> bool:
    """Whether the head lies there. Of a fork that is gone, the owner's name is left."""
    if review.head_project is not None:
        return review.head_project == head_project.id
    owner, _, _ = (text(inside(record, "head"), "label") or "").partition(":")
    return owner.casefold() == head_project.path.partition("/")[0].casefold()


def review(client: Client, project: Project, number: str) -> Review:
    """One, with approvals, checks and conflicts."""
    for look in range(LOOKS):
        record = client.ask(pull(project, number)).body
        found = checked_review(as_review(client, project, record), number, client.server.host)
        status, unseen = _asked(client, project, number)
        tip = tip_of(status)
        # Someone pushed in between: what was approved may be another commit.
        is_same = text(tip, "oid") == found.head_commit
        known = found.conflicts is not None or found.life is not Life.OPEN
        if (is_same and known) or look == LOOKS - 1:
            break
        limits.sleep(2**look)
    found = judged(found, status, unseen)
    return replace(found, blocked=text(record, "mergeable_state") in _BLOCKED)


def tip_of(status: object) -> object:
    """The newest commit of a pull request, as `JUDGED` gives it."""
    commits = inside(status, "commits", "nodes")
    return inside(commits[0], "commit") if isinstance(commits, list) and commits else None


def judged(found: Review, status: object, unseen: Collection[str]) -> Review:
    """The review with what `JUDGED` gives of it. ``unseen``: the fields that GitHub answered with
    an error, and null: of those nothing is known, which null alone does not say."""
    tip = tip_of(status)
    is_same = text(tip, "oid") == found.head_commit
    closers = texts(inside(status, "timelineItems", "nodes"), "actor", "login")
    opinions = not {"reviewDecision", "latestOpinionatedReviews"}.isdisjoint(unseen)
    return replace(
        found,
        approved=None if opinions or not is_same else _approved(status, found.head_commit),
        checks=None if "statusCheckRollup" in unseen or not is_same else _checks(tip),
        closed_by=closers[0] if closers and found.life is not Life.OPEN else None,
    )


_BLOCKED = ("blocked", "behind")
"""What GitHub says where a rule of the base is not met. It says so to administrators, too, and lets
them merge: https://docs.github.com/graphql/reference/enums#mergestatestatus"""


def _approved(status: object, commit: str | None) -> bool | None:
    """Whether all approvals are there that GitHub asks for, and at least one of a person who may
    merge, of the commit as it is now: GitHub keeps those of earlier ones unless the base's rules
    dismiss them. None where that cannot be seen."""
    asked = inside(status, "reviewDecision")
    latest = inside(status, "latestOpinionatedReviews")
    nodes = inside(latest, "nodes")
    opinions: list[object] = nodes if isinstance(nodes, list) else []
    states = texts(opinions, "state")
    if asked in ("CHANGES_REQUESTED", "REVIEW_REQUIRED") or "CHANGES_REQUESTED" in states:
        return False
    if inside(latest, "totalCount") != len(states):
        return None
    return any(
        (text(each, "state"), inside(each, "commit", "oid")) == ("APPROVED", commit)
        and inside(each, "author", "__typename") == "User"
        for each in opinions
    )


def _checks(tip: object) -> Checks | None:
    """Check runs and commit statuses of a commit; None where they cannot be seen."""
    if not isinstance(tip, dict) or "statusCheckRollup" not in tip:
        return None
    rollup = tip["statusCheckRollup"]
    if rollup is None:
        return Checks.NONE
    checks = _ROLLUP.get(text(rollup, "state") or "")
    contexts = inside(rollup, "contexts", "nodes")
    if checks is not Checks.PASSED or not isinstance(contexts, list):
        return checks
    skipped = [text(each, "conclusion") in ("SKIPPED", "NEUTRAL") for each in contexts]
    if not all(skipped):
        return checks
    return Checks.NONE if inside(rollup, "contexts", "totalCount") == len(skipped) else None


def as_review(client: Client, project: Project, record: object) -> Review:
    """What GitHub says of a pull request; a list leaves some of it out."""
    called, url = number(record, "number"), text(record, "html_url")
    head, base = inside(record, "head"), inside(record, "base")
    branch, onto = text(head, "ref"), text(base, "ref")
    state = text(record, "state")
    is_whole = called is not None and state in ("open", "closed")
    if not is_whole or url is None or branch is None or onto is None:
        raise ForgeError(f"{client.server.host} answers with something that is no pull request")
    owner = project.path.partition("/")[0]
    teams = texts(inside(record, "requested_teams"), "slug")
    home, mergeable = number(head, "repo", "id"), inside(record, "mergeable")
    merged = text(record, "merged_at") is not None
    closed = Life.MERGED if merged else Life.CLOSED
    return Review(
        number=str(called),
        url=url,
        life=Life.OPEN if state == "open" else closed,
        head=branch,
        head_project=None if home is None else str(home),
        head_commit=text(head, "sha"),
        base=onto,
        title=text(record, "title") or "",
        body=text(record, "body") or "",
        draft=inside(record, "draft") is True,
        conflicts=not mergeable if isinstance(mergeable, bool) else None,
        labels=texts(inside(record, "labels"), "name"),
        asked=(
            *texts(inside(record, "requested_reviewers"), "login"),
            *(f"{owner}/{team}" for team in teams),
        ),
        assignees=texts(inside(record, "assignees"), "login"),
        milestone=text(inside(record, "milestone"), "title"),
        auto_merge=isinstance(inside(record, "auto_merge"), dict),
        # Until it is merged, that of a merge on trial.
        merge_commit=text(record, "merge_commit_sha") if merged else None,
    )


def pull(project: Project, number: str) -> str:
    """The address of a pull request in the interface."""
    return f"/repos/{project.path}/pulls/{checked_number(number, 'pull request')}"


def _asked(client: Client, project: Project, number: str) -> tuple[object, Collection[str]]:
    """What GraphQL says of a pull request, and the fields that it has an error for; of an error
    for nothing in particular, all of them."""
    owner, _, name = project.path.partition("/")
    variables = {"owner": owner, "name": name, "number": int(number)}
    body = sent(client, _STATUS, variables, changes=False).body
    status = inside(_whole(client, body), "repository", "pullRequest")
    paths = [inside(each, "path") for each in errors(body)]
    unseen = {name for path in paths if isinstance(path, list) for name in map(str, path)}
    if any(not isinstance(path, list) for path in paths):
        unseen |= {"reviewDecision", "statusCheckRollup"}
    return status, unseen


def errors(body: object) -> list[object]:
    """The errors in an answer of GraphQL's."""
    found = inside(body, "errors")
    return found if isinstance(found, list) else []


def sent(client: Client, query: str, variables: Mapping[str, Any], *, changes: bool) -> Response:
    """The answer to a request by GraphQL, which may be partial."""
    api = client.server.api
    url = f"{api.removesuffix('/v3')}/graphql" if api.endswith("/api/v3") else f"{api}/graphql"
    body = {"query": query, "variables": dict(variables)}
    return client.ask(url, method="POST", body=body, changes=changes)


def graphql(
    client: Client, query: str, variables: Mapping[str, Any], *, changes: bool = True
) -> object:
    """What GraphQL gives. Where it gives only a part, as of checks that a token may not see, that
    part is None."""
    answer = sent(client, query, variables, changes=changes)
    data = _whole(client, answer.body)
    if changes and answer.message:
        raise ForgeError(f"{client.server.host} does not do what it is asked for: {answer.message}")
    return data


def _whole(client: Client, body: object) -> object:
    """The data in an answer of GraphQL's. Raises ForgeError where one of its fields is null."""
    data = inside(body, "data")
    if not isinstance(data, dict) or None in data.values():
        words = [text(each, "message") or "" for each in errors(body)]
        said = f": {git.printable('; '.join(words)[:400])}" if any(words) else ""
        raise ForgeError(f"{client.server.host} does not do what it is asked for{said}")
    return data

"""Many pull requests by one request of GraphQL's, each of a repository of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from patcher.forges import limits
from patcher.forges.github.reading import JUDGED, errors, judged, sent, tip_of
from patcher.forges.listed import inside, number, text
from patcher.forges.review import Life, Project, Review
from patcher.forges.reviewing import checked_number
from patcher.forges.server import plain

if TYPE_CHECKING:
    from patcher.forges.client import Client

AT_ONCE = 50
"""Pull requests of one request. With 100 opinions and 100 checks each that is 10,000 nodes, of the
500,000 that one request may ask for:
https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api"""
LOOKS = 3
"""How often to ask until GitHub knows whether they can be merged: 2 and 4 seconds lie between."""

_SHOWN = """{
    databaseId
    nameWithOwner
    pullRequest(number: NUMBER) {
      number
      url
      state
      title
      isDraft
      mergeable
      baseRefName
      headRefName
      headRefOid
      headRepository { databaseId }
      ...judged
    }
  }
"""
_LIVES = {"OPEN": Life.OPEN, "MERGED": Life.MERGED, "CLOSED": Life.CLOSED}
_CONFLICTS = {"MERGEABLE": False, "CONFLICTING": True}


def look_together(
    client: Client, wanted: Sequence[tuple[str, str]]
) -> Mapping[tuple[str, str], tuple[Project, Review]]:
    """The reviews that are known by these names of repositories and numbers, as a look at all of
    them shows. What GitHub has any error for, or says too little of, is left out: it has to be
    looked at by itself. Raises ForgeError."""
    found: dict[tuple[str, str], tuple[Project, Review]] = {}
    left = list(dict.fromkeys(wanted))
    for look in range(LOOKS):
        for at in range(0, len(left), AT_ONCE):
            found |= _looked(client, left[at : at + AT_ONCE])
        left = [
            each
            for each in left
            if each in found
            and found[each][1].life is Life.OPEN
            and found[each][1].conflicts is None
        ]
        if not left or look == LOOKS - 1:
            break
        limits.sleep(2.0 ** (look + 1))
    return found


def _looked(
    client: Client, wanted: Sequence[tuple[str, str]]
) -> Mapping[tuple[str, str], tuple[Project, Review]]:
    declared, parts = [], []
    variables: dict[str, Any] = {}
    for at, (path, called) in enumerate(wanted):
        owner, _, name = plain(path, "repository").partition("/")
        variables |= {
            f"o{at}": owner,
            f"n{at}": name,
            f"p{at}": int(checked_number(called, "pull request")),
        }
        declared.append(f"$o{at}: String!, $n{at}: String!, $p{at}: Int!")
        shown = _SHOWN.replace("NUMBER", f"$p{at}")
        parts.append(f"  r{at}: repository(owner: $o{at}, name: $n{at}) {shown}")
    query = f"query reviews({', '.join(declared)}) {{\n{''.join(parts)}}}\n{JUDGED}"
    body = sent(client, query, variables, changes=False).body
    failed: set[object] = set()
    for error in errors(body):
        at_fault = inside(error, "path")
        if not (isinstance(at_fault, list) and at_fault):
            return {}  # it may be any of them
        failed.add(str(at_fault[0]))
    found = {}
    for at, each in enumerate(wanted):
        record = inside(body, "data", f"r{at}")
        if f"r{at}" not in failed and (seen := _seen(record, each[1])) is not None:
            found[each] = seen
    return found


def _seen(record: object, called: str) -> tuple[Project, Review] | None:
    """The review in a part of the answer; None where that is not whole."""
    pull = inside(record, "pullRequest")
    identity, path = number(record, "databaseId"), text(record, "nameWithOwner")
    url, life = text(pull, "url"), _LIVES.get(text(pull, "state") or "")
    head, base = text(pull, "headRefName"), text(pull, "baseRefName")
    commit, home = text(pull, "headRefOid"), number(pull, "headRepository", "databaseId")
    if identity is None or path is None or url is None or life is None:
        return None
    if head is None or base is None or commit is None or str(number(pull, "number")) != called:
        return None
    if text(tip_of(pull), "oid") != commit or not isinstance(inside(pull, "isDraft"), bool):
        return None
    review = Review(
        number=called,
        url=url,
        life=life,
        head=head,
        head_project=None if home is None else str(home),
        head_commit=commit,
        base=base,
        title=text(pull, "title") or "",
        draft=inside(pull, "isDraft") is True,
        conflicts=_CONFLICTS.get(text(pull, "mergeable") or ""),
    )
    project = Project(str(identity), path, "", None)
    return project, judged(review, pull, ())

"""What the forges' reviews have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from patcher.forges.review import Done, Project, Review, Wanted
from patcher.forges.server import ForgeError, WrongName

if TYPE_CHECKING:
    from patcher.forges.client import Client

Step = Callable[["Client", Project, Review, Wanted, list[str]], Review]
"""Asks for one kind of wish; adds a line to the list for each that cannot be met."""


def checked_number(number: str, what: str) -> str:
    """Return the number of a review for a request's URL. Raises WrongName for what is none;
    ``what``: its kind, such as ``pull request``."""
    if not (number.isascii() and number.isdigit()):
        raise WrongName(f"{number!r} is no number of a {what}")
    return number


def checked_review(found: Review, number: str, host: str) -> Review:
    """Return a review that a forge answered with. Raises ForgeError where it is another one than
    was asked for."""
    if found.number != number:
        shown = found.number[:20]
        raise ForgeError(f"{host} answers with review {shown} where {number} was asked for")
    return found


def missing(wanted: Sequence[str], there: Sequence[str]) -> list[str]:
    """Return the names that are not there, whatever their case."""
    known = {name.casefold() for name in there}
    return [name for name in wanted if name.casefold() not in known]


def lines(body: str) -> list[str]:
    """Return a body for a comparison: forges may store other line endings than they are sent."""
    return body.strip().splitlines()


def completed(
    steps: Mapping[str, Step],
    client: Client,
    project: Project,
    review: Review,
    wanted: Wanted,
    missed: list[str],
) -> Done:
    """Ask for all of the wish that is not there; whatever becomes of that, the review stands."""
    for name, step in steps.items():
        try:
            review = step(client, project, review, wanted, missed)
        except ForgeError as error:
            missed.append(f"{name}: {error}")
    return Done(review, tuple(dict.fromkeys(missed)))


def removable(project: Project, look: Callable[[], Project]) -> Project:
    """Return a fork as it is now, where ``look`` finds the same one. Raises ForgeError for what is
    no fork: it must not be removed."""
    if project.fork_of is None:
        raise ForgeError(f"{project.path} is no fork: it is not removed")
    now = look()
    if now.id != project.id or now.fork_of is None:
        raise ForgeError(f"{project.path} is another repository by now: it is not removed")
    return now


MOST_FORKS = 100
"""Repositories of a fork network in each of which a review is looked for."""


def open_in_network(
    fork: Project,
    parent_of: Callable[[Project], Project | None],
    forks_of: Callable[[Project], Iterable[Project]],
    open_reviews: Callable[[Project], Iterable[Review]],
) -> str:
    """Return the address of a review that is open from a fork, into any repository of its fork
    network; empty where there is none. Raises ForgeError for a network of more than `MOST_FORKS`
    repositories, since one of the others may have it."""
    root, known = fork, {fork.id}
    while (parent := parent_of(root)) is not None and parent.id not in known:
        root = parent
        known.add(root.id)
    todo, known = [root], {root.id}
    while todo:
        each = todo.pop()
        for review in open_reviews(each):
            if review.head_project == fork.id:
                return review.url
        for child in forks_of(each):
            if child.id not in known:
                known.add(child.id)
                todo.append(child)
            if len(known) > MOST_FORKS:
                raise ForgeError(
                    f"the network of {fork.path} has more than {MOST_FORKS} forks, and each may "
                    "have an open review from it: remove it by hand"
                )
    return ""

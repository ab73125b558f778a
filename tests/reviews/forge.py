"""A forge in memory: `patcher.forges.review.Reviews` with the life of reviews, and faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from patcher.forges.review import (
    AlreadyThere,
    Checks,
    Done,
    Life,
    MergeMethod,
    Project,
    Review,
    Wanted,
)


class Killed(BaseException):
    """patcher ended here."""


def project(path: str = "acme/x", **changes: Any) -> Project:
    return replace(
        Project(f"id of {path}", path, f"https://forge.example/{path}.git", "main", can_push=True),
        **changes,
    )


@dataclass
class MemoryForge:
    """Holds reviews of any number of projects."""

    projects: dict[str, Project] = field(default_factory=dict)
    all: list[Review] = field(default_factory=list)
    at: list[Project] = field(default_factory=list)
    """The project of each review."""
    comments: list[tuple[str, str]] = field(default_factory=list)
    before: Callable[[str], object] = lambda verb: None
    """Called with the name of each request before it is done."""
    after: Callable[[str], object] = lambda verb: None
    """Called once it is done, before the answer."""
    writes: list[str] = field(default_factory=list)
    unknown: tuple[str, ...] = ()
    """Labels and people that there are not."""

    def _request(self, verb: str, write: bool = False) -> None:
        self.before(verb)
        if write:
            self.writes.append(verb)

    def project(self, client: object, path: str) -> Project:
        self._request("project")
        return self.projects[path]

    def reviews(
        self, client: object, project: Project, head: str, head_project: Project, base: str
    ) -> Sequence[Review]:
        self._request("reviews")
        found = [
            each
            for each, at in zip(self.all, self.at, strict=True)
            if (at.id, each.head, each.head_project, each.base)
            == (project.id, head, head_project.id, base)
        ]
        return found[::-1]

    def review(self, client: object, project: Project, number: str) -> Review:
        self._request("review")
        return self.all[int(number) - 1]

    def create(self, client: object, project: Project, wanted: Wanted) -> Done:
        self._request("create", True)
        head = self.projects.get(wanted.head_project, project)
        if any(
            each.life is Life.OPEN
            for each in MemoryForge.reviews(self, None, project, wanted.head, head, wanted.base)
        ):
            raise AlreadyThere("a pull request is open already")
        number = str(len(self.all) + 1)
        review = Review(
            number,
            f"https://forge.example/{project.path}/pulls/{number}",
            Life.OPEN,
            wanted.head,
            head.id,
            "1" * 40,
            wanted.base,
            wanted.title,
            wanted.body,
            wanted.draft,
            checks=Checks.NONE,
        )
        self.all.append(review)
        self.at.append(project)
        self.after("create")
        return self._ask(review, wanted)

    def update(self, client: object, project: Project, review: Review, wanted: Wanted) -> Done:
        there = self.all[int(review.number) - 1]
        new = replace(there, title=wanted.title, body=wanted.body)
        if new != there:
            self._request("update", True)
            self._put(new)
            self.after("update")
        return self._ask(new, wanted)

    def _ask(self, review: Review, wanted: Wanted) -> Done:
        people = [*wanted.reviewers, *wanted.teams, *wanted.assignees]
        asked = [each for each in people if each not in self.unknown]
        labels = [each for each in wanted.labels if each not in self.unknown]
        new = replace(
            review,
            asked=tuple(dict.fromkeys([*review.asked, *asked])),
            labels=tuple(dict.fromkeys([*review.labels, *labels])),
        )
        if new != review:
            self._request("ask", True)
            self._put(new)
            self.after("ask")
        missed = [f"{each}: there is none" for each in (*people, *wanted.labels)]
        return Done(new, tuple(line for line in missed if line.partition(":")[0] in self.unknown))

    def comment(self, client: object, project: Project, review: Review, body: str) -> None:
        self._request("comment", True)
        self.comments.append((review.number, body))
        self.after("comment")

    def set_draft(self, client: object, project: Project, review: Review, draft: bool) -> Review:
        self._request("set_draft", True)
        return self._put(replace(self.all[int(review.number) - 1], draft=draft))

    def merge(
        self, client: object, project: Project, review: Review, method: MergeMethod
    ) -> Review:
        self._request("merge", True)
        return self._put(replace(self.all[int(review.number) - 1], life=Life.MERGED))

    def close(self, client: object, project: Project, review: Review) -> Review:
        self._request("close", True)
        done = self._put(replace(self.all[int(review.number) - 1], life=Life.CLOSED))
        self.after("close")
        return done

    def reopen(self, client: object, project: Project, review: Review) -> Review:
        self._request("reopen", True)
        done = self._put(replace(self.all[int(review.number) - 1], life=Life.OPEN))
        self.after("reopen")
        return done

    def fork(self, client: object, project: Project) -> Project:
        raise NotImplementedError

    def delete_fork(self, client: object, project: Project) -> None:
        raise NotImplementedError

    def _put(self, review: Review) -> Review:
        self.all[int(review.number) - 1] = review
        return review

    # -- what others do

    def person_opens(self, project: Project, head: str, base: str) -> None:
        """A person opens one by hand."""
        MemoryForge.create(
            replace_hooks(self), None, project, Wanted(head, project.path, base, "Mine", "My words")
        )

    def person_closes(self) -> None:
        """A person closes what is open."""
        self.all = [
            replace(each, life=Life.CLOSED) if each.life is Life.OPEN else each for each in self.all
        ]

    def person_merges(self) -> None:
        """A person merges what is open."""
        self.all = [
            replace(each, life=Life.MERGED) if each.life is Life.OPEN else each for each in self.all
        ]

    def open(self) -> list[Review]:
        """What is open."""
        return [each for each in self.all if each.life is Life.OPEN]


def replace_hooks(forge: MemoryForge) -> MemoryForge:
    """The same forge, in which nothing goes wrong and nothing is counted."""
    return replace(forge, before=lambda verb: None, after=lambda verb: None, writes=[])

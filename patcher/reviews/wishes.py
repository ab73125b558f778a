"""What the user wants of reviews: the same for all of a run."""

from __future__ import annotations

from typing import Any, Literal

from patcher.values import dataclass


@dataclass(frozen=True, slots=True)
class Wishes:
    """How reviews are opened. Its names are those of a campaign's settings."""

    review: str = "none"
    """The forge, or ``auto``; ``none``: open no review."""
    draft: bool = False
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    milestone: str | None = None
    auto_merge: Literal["merge", "squash", "rebase"] | None = None
    title: str | None = None
    """A template; None: the default one, which leaves the title of an open review alone."""
    body: str | None = None
    """A template; None: the default one."""
    code_owners: bool = False
    """Whether the owners of the changed files are asked, too."""
    review_template: Literal["before", "after"] | None = None
    """Where the text stands that the repository wants in its reviews; None: it is left out."""
    fork: Literal["auto", "always", "never"] = "never"
    """Whether branches are pushed to the user's fork: where the token may not push to the
    repository, or in any case."""
    overrides: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...] = ()
    """What is wished differently for repositories that match a glob, by the names here. All that
    match count; of the same name the last one."""
    reopen: bool = False
    """Whether a review that a person closed is opened again; for one run alone."""

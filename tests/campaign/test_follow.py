"""What is said of a review that a forge was asked to change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from patcher.campaign.follow import Merging, Readying, Seen
from patcher.forges.client import Client
from patcher.forges.review import Checks, Life, Project, Review, Reviews
from patcher.progress import Progress
from patcher.results import Stage

TIP = "1" * 40
REVIEW = Review(
    "1", "https://forge.example/x/1", Life.OPEN, "patcher/x", "1", TIP, "main",
    approved=True, checks=Checks.PASSED, conflicts=False,
)  # fmt: skip


class Deaf:
    """A forge that answers with success and leaves the review as it is."""

    def merge(self, client: object, project: object, review: Review, method: str) -> Review:
        return review

    def set_draft(self, client: object, project: object, review: Review, draft: bool) -> Review:
        return review


def seen(**changes: Any) -> Seen:
    row = Progress("https://forge.example/x.git", Stage.REVIEWED, 1, "", new_commit=TIP)
    project = Project("1", "x", "https://forge.example/x.git", "main")
    forge = cast(Reviews, Deaf())
    return Seen(row, replace(REVIEW, **changes), forge, cast(Client, None), project)


def test_what_a_forge_did_not_merge_is_not_merged() -> None:
    state = Merging("merge")(seen())
    assert (state.is_done, state.is_changed, state.life) == (False, False, "open")
    assert state.did.startswith("not merged yet")


def test_what_a_forge_keeps_as_a_draft_is_one() -> None:
    state = Readying()(seen(draft=True))
    assert (state.is_done, state.did) == (False, "is a draft still: end that at its forge")


@pytest.mark.parametrize("life", [Life.MERGED, Life.CLOSED])
def test_what_came_to_its_end_is_changed_no_more(life: Life) -> None:
    assert Merging("merge", force=True)(seen(life=life)).is_done is (life is Life.MERGED)
    assert Readying()(seen(life=life, draft=True)).did == f"is {life.value}"

"""Opening reviews: never half done and never twice, whatever comes between."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patcher.forges import ForgeError
from patcher.forges.client import RequestRefused
from patcher.forges.review import Done, Life, Review, Reviews, Wanted
from patcher.results import ReviewAct, ReviewResult
from patcher.reviews import text
from patcher.reviews.opening import Place, close_review, look, open_review
from tests.reviews.forge import Killed, MemoryForge, project

X = project()
BODY = "[//]: # (patcher: begin)\n\nIt denies alg.\n\n[//]: # (patcher: end)\n"


def place(forge: MemoryForge, base: str = "main", head: str = "patcher/x") -> Place:
    return Place(cast(Reviews, forge), cast(Any, None), X, X, head, base)


def run(forge: MemoryForge, base: str = "main", **more: Any) -> ReviewResult:
    """What one run does about one target."""
    at = place(forge, base)
    options = {name: more.pop(name) for name in ("reopen", "retitle") if name in more}
    wish = {"head": "patcher/x", "head_project": X.path, "base": base, "title": "T", "body": BODY}
    return open_review(at, look(at), Wanted(**(wish | more)), **options)


def test_the_second_run_changes_nothing() -> None:
    forge = MemoryForge()
    people: dict[str, Any] = {
        "reviewers": ("ada",),
        "teams": ("acme/core",),
        "labels": ("security",),
    }
    first = run(forge, **people)
    assert first.act is ReviewAct.OPENED
    assert set(first.asked) == {"ada", "acme/core"}
    writes = list(forge.writes)
    second = run(forge, **people)
    assert (second.act, second.url, forge.writes) == (ReviewAct.UNCHANGED, first.url, writes)
    assert len(forge.all) == 1


def test_each_base_has_a_review_of_its_own() -> None:
    forge = MemoryForge()
    assert run(forge, "main").act is run(forge, "release/1").act is ReviewAct.OPENED
    assert [each.base for each in forge.open()] == ["main", "release/1"]
    assert run(forge, "main").act is run(forge, "release/1").act is ReviewAct.UNCHANGED


def test_a_correction_reaches_the_review_that_is_open() -> None:
    forge = MemoryForge()
    run(forge)
    done = run(forge, body=BODY.replace("alg", "vsock"), title="Other", retitle=True)
    (review,) = forge.open()
    assert (done.act, review.title) == (ReviewAct.UPDATED, "Other")
    assert "denies vsock" in review.body
    assert run(forge, body=BODY.replace("alg", "vsock")).act is ReviewAct.UNCHANGED
    assert forge.open()[0].title == "Other"


def test_who_was_asked_is_not_asked_again_but_by_another_wish() -> None:
    forge = MemoryForge()
    run(forge, reviewers=("ada",))
    # GitHub takes those out of the list who gave their review.
    forge.all[0] = Review(**{**vars_of(forge.all[0]), "asked": ()})
    assert run(forge, reviewers=("ada",)).act is ReviewAct.UNCHANGED
    assert forge.open()[0].asked == ()
    done = run(forge, reviewers=("ada", "bob"))
    assert (done.act, forge.open()[0].asked) == (ReviewAct.UPDATED, ("ada", "bob"))
    assert run(forge, reviewers=("ada", "bob")).act is ReviewAct.UNCHANGED


def test_what_cannot_be_met_is_said_and_asked_for_until_it_is_there() -> None:
    forge = MemoryForge(unknown=("nobody", "no-label"))
    wish: dict[str, Any] = {"reviewers": ("nobody",), "labels": ("no-label",)}
    for act in (ReviewAct.OPENED, ReviewAct.UNCHANGED):
        done = run(forge, **wish)
        assert (done.act, done.missed) == (
            act,
            ("nobody: there is none", "no-label: there is none"),
        )
    forge.unknown = ()
    assert (run(forge, **wish).missed, forge.open()[0].labels) == ((), ("no-label",))
    assert run(forge, **wish).act is ReviewAct.UNCHANGED


def test_what_a_person_did_about_a_review_stays() -> None:
    forge = MemoryForge()
    run(forge, draft=True)
    there = forge.all[0]
    body = f"Please hurry.\r\n{there.body}"
    forge.all[0] = Review(**{**vars_of(there), "draft": False, "title": "Better", "body": body})
    assert run(forge, draft=True).act is ReviewAct.UNCHANGED
    assert (forge.all[0].draft, forge.all[0].title, forge.all[0].body) == (False, "Better", body)


def test_one_that_a_person_opened_is_taken_over_with_its_words() -> None:
    forge = MemoryForge()
    forge.person_opens(X, "patcher/x", "main")
    done = run(forge, reviewers=("ada",))
    (review,) = forge.open()
    assert (done.act, review.title, review.asked) == (ReviewAct.UPDATED, "Mine", ("ada",))
    assert review.body.startswith("My words")
    assert run(forge, reviewers=("ada",)).act is ReviewAct.UNCHANGED


def test_exists_already_counts_as_done() -> None:
    forge = MemoryForge()
    at = place(forge)
    there = look(at)
    forge.person_opens(X, "patcher/x", "main")  # between the look and the opening
    wish = Wanted("patcher/x", X.path, "main", "T", BODY)
    assert open_review(at, there, wish).url == forge.open()[0].url
    assert len(forge.all) == 1


def test_exists_already_that_is_not_listed_is_no_success() -> None:
    forge = MemoryForge()
    forge.person_opens(X, "patcher/x", "main")
    forge.reviews = lambda *_: []  # type: ignore[method-assign]
    with pytest.raises(ForgeError, match="but the forge lists none: run again"):
        run(forge)


def test_closed_by_a_person_stays_closed_but_for_reopen() -> None:
    forge = MemoryForge()
    first = run(forge)
    forge.person_closes()
    done = run(forge)
    assert (done.act, done.url, len(forge.all)) == (ReviewAct.DECLINED, first.url, 1)
    assert not forge.open()
    done = run(forge, reopen=True)
    assert (done.act, done.life, len(forge.open())) == (ReviewAct.REOPENED, "open", 1)
    assert run(forge).act is ReviewAct.UNCHANGED


def test_one_that_the_forge_does_not_reopen_is_made_anew() -> None:
    forge = MemoryForge()
    run(forge)
    forge.person_closes()

    def refuse(verb: str) -> None:
        if verb == "reopen":
            raise RequestRefused("the branch was replaced", 422)

    forge.before = refuse
    assert run(forge, reopen=True).act is ReviewAct.OPENED
    assert len(forge.open()) == 1


def test_closed_by_patcher_is_no_persons_no() -> None:
    forge = MemoryForge()
    run(forge)
    at = place(forge)
    review = look(at).open
    assert review is not None
    assert close_review(at, review, "The base is fixed.").act is ReviewAct.CLOSED
    assert (forge.comments, forge.open()) == ([("1", "The base is fixed.")], [])
    assert run(forge).act is ReviewAct.OPENED


def test_closed_by_a_person_after_patcher_opened_it_again_is_one() -> None:
    forge = MemoryForge()
    run(forge)
    forge.person_closes()
    run(forge, reopen=True)
    forge.person_closes()
    assert run(forge).act is ReviewAct.DECLINED


def test_merged_and_reverted_is_opened_anew() -> None:
    forge = MemoryForge()
    run(forge)
    forge.person_merges()
    assert run(forge).act is ReviewAct.OPENED
    assert len(forge.open()) == 1


def vars_of(review: Review) -> dict[str, Any]:
    return {name: getattr(review, name) for name in review.__dataclass_fields__}


DEEDS = st.sampled_from(
    ["run", "correct", "reopen", "person closes", "person merges", "person opens", "close"]
)


class Interrupting:
    """Ends patcher at the N-th request, before or after it was done."""

    def __init__(self, forge: MemoryForge, at: int, *, after: bool) -> None:
        self.left = at
        forge.before, forge.after = (
            (lambda verb: None, self) if after else (self, lambda verb: None)
        )

    def __call__(self, verb: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


@given(st.lists(st.tuples(DEEDS, st.integers(1, 6), st.booleans()), max_size=8))
def test_never_two_and_never_half_done_whatever_happens(
    deeds: list[tuple[str, int, bool]],
) -> None:
    forge = MemoryForge()
    people: dict[str, Any] = {"reviewers": ("ada",), "labels": ("security",)}
    for deed, at, after in deeds:
        Interrupting(forge, at, after=after)
        with suppress(Killed):
            match deed:
                case "run":
                    run(forge, **people)
                case "correct":
                    run(forge, body=BODY + " ", **people)
                case "reopen":
                    run(forge, reopen=True, **people)
                case "close":
                    if (review := look(place(forge)).open) is not None:
                        close_review(place(forge), review, "Not needed.")
                case "person closes":
                    forge.person_closes()
                case "person merges":
                    forge.person_merges()
                case "person opens":
                    with suppress(ForgeError):
                        forge.person_opens(X, "patcher/x", "main")
        assert len(forge.open()) <= 1
    forge.before = forge.after = lambda verb: None
    closed_by_person = not forge.open() and look(place(forge)).is_declined
    done = run(forge, **people)
    assert len(forge.open()) == (0 if closed_by_person else 1)
    assert (done.act is ReviewAct.DECLINED) is closed_by_person
    if forge.open():
        (review,) = forge.open()
        assert {"ada"} <= set(review.asked)
        assert {"security"} <= set(review.labels)
        assert not text.is_marked_closed(review.body)
        writes = list(forge.writes)
        assert run(forge, **people).act is ReviewAct.UNCHANGED
        assert forge.writes == writes
    assert all(each.life in Life for each in forge.all)


@pytest.mark.parametrize(
    "lie", [{"life": Life.CLOSED}, {"life": Life.MERGED}, {"base": "other"}, {"head": "other"}]
)
def test_what_was_opened_is_what_was_asked_for(lie: dict[str, Any]) -> None:
    class Lies(MemoryForge):
        def create(self, *args: Any, **more: Any) -> Done:
            done = super().create(*args, **more)
            return done._replace(review=replace(done.review, **lie))

    with pytest.raises(ForgeError):
        run(Lies())


@pytest.mark.parametrize("life", [Life.OPEN, Life.MERGED])
def test_what_is_not_closed_is_not_said_to_be(life: Life) -> None:
    class Lies(MemoryForge):
        def close(self, *args: Any) -> Review:
            return replace(super().close(*args), life=life)

    forge = Lies()
    run(forge)
    with pytest.raises(ForgeError, match="and not closed"):
        close_review(place(forge), forge.all[0], "Not needed.")

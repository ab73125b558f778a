"""Both Bitbuckets' pull requests, through the functions of their module, against fakes of them."""

from __future__ import annotations

import os
import re
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace

import pytest

from patcher.forges import bitbucket, client, limits
from patcher.forges.bitbucket import cloud, data_center
from patcher.forges.client import Client
from patcher.forges.listings import bitbucket as at_bitbucket
from patcher.forges.review import (
    AlreadyThere,
    Checks,
    Done,
    Life,
    MergeMethod,
    Project,
    Review,
    Reviews,
    Unsupported,
    Wanted,
)
from patcher.forges.server import ForgeError, RequestRefused
from patcher.sources import Filters, Found, find
from tests.forges import bitbucket_cloud, bitbucket_server
from tests.forges.bitbucket_cloud import BitbucketCloud
from tests.forges.bitbucket_server import BitbucketServer
from tests.sources.servers import Reply, serving

TOKEN = "t0ken-that-nobody-may-see"
Forge = BitbucketCloud | BitbucketServer

at: Reviews = bitbucket

WANTED = Wanted(
    head="patcher/main",
    head_project="acme/moby",
    base="main",
    title="Deny AF_ALG",
    body="Why\n\nand how.\n",
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits take no time: how long each would have been."""
    slept: list[float] = []
    monkeypatch.setattr(limits, "_limits", {})
    monkeypatch.setattr(limits, "monotonic", lambda: time.monotonic() + sum(slept))
    monkeypatch.setattr(limits, "sleep", slept.append)
    return slept


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, home: object, clock: object) -> None:
    for name in list(os.environ):
        if name.startswith("BITBUCKET_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(client, "BACKOFF", 0.01)


@pytest.fixture(params=["cloud", "server"])
def forge(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Forge]:
    """A Bitbucket with ``acme/moby``, where ``me`` may write, and a branch that was pushed."""
    made: Forge = BitbucketCloud() if request.param == "cloud" else BitbucketServer()
    with serving(made):
        made.users = {TOKEN: "me", "another": "alice"}
        monkeypatch.setenv("BITBUCKET_URL", made.url)
        if request.param == "cloud":
            monkeypatch.setenv("BITBUCKET_API_URL", made.api)
        monkeypatch.setenv("BITBUCKET_TOKEN", TOKEN)
        made.add("acme/moby", "me")
        made.branches.commit("acme/moby", "main")
        made.branches.commit("acme/moby", "1.x")
        push(made)
        yield made
    assert made.wrong == []


def only(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("forge", [kind], indirect=True)


def is_cloud(forge: Forge) -> bool:
    return isinstance(forge, BitbucketCloud)


def push(forge: Forge, path: str = "acme/moby", branch: str = "patcher/main") -> str:
    """Put a commit on top of the branch, which begins at main."""
    tip = forge.branches.tip(path, branch) or forge.branches.tip("acme/moby", "main")
    assert tip is not None
    return forge.branches.commit(path, branch, tip)


def opinion(forge: Forge, login: str, *, good: bool) -> None:
    if isinstance(forge, BitbucketCloud):
        forge.review("acme/moby", 1, login, "approved" if good else "changes_requested")
    else:
        forge.review("acme/moby", 1, login, "APPROVED" if good else "NEEDS_WORK")


@pytest.fixture
def asking(forge: Forge) -> Client:
    return Client(at_bitbucket.server_at(None), print)


@pytest.fixture
def moby(asking: Client) -> Project:
    return at.project(asking, "acme/moby")


def opened(asking: Client, moby: Project, **changes: object) -> Review:
    done = at.create(asking, moby, replace(WANTED, **changes))  # type: ignore[arg-type]
    assert done.missed == ()
    return at.review(asking, moby, done.review.number)


# Repositories


def test_a_repository(asking: Client, moby: Project, forge: Forge) -> None:
    path = "acme/moby" if is_cloud(forge) else "scm/acme/moby"
    assert (moby.path, moby.default_branch, moby.fork_of) == ("acme/moby", "main", None)
    assert moby.clone_url == f"{forge.url}/{path}.git"
    assert moby.can_push is True
    forge.add("acme/read")
    assert at.project(asking, "acme/read").can_push is False


def test_a_repository_that_is_gone(asking: Client, forge: Forge) -> None:
    with pytest.raises(RequestRefused) as refused:
        at.project(asking, "acme/gone")
    assert refused.value.status == 404


@only("server")
def test_a_repository_by_the_path_of_its_clone_url(asking: Client, moby: Project) -> None:
    assert at.project(asking, "scm/acme/moby") == moby


@only("server")
def test_an_archived_repository(asking: Client, moby: Project, forge: BitbucketServer) -> None:
    forge.repository("acme/moby").archived = True
    assert at.project(asking, "acme/moby").archived
    with pytest.raises(RequestRefused, match="is archived and cannot be written to"):
        at.create(asking, moby, WANTED)


@only("cloud")
def test_a_token_that_stands_for_no_user(
    asking: Client, forge: BitbucketCloud, moby: Project
) -> None:
    forge.add("acme/other")
    forge.fail("GET", "/user", Reply(403, {"type": "error"}), times=2)
    assert at.project(asking, "acme/other").can_push is None


@pytest.mark.parametrize("path", ["acme/../x", "acme/..", "acme/m?b", ""])
def test_a_name_that_would_be_another_address_is_refused_before_it_is_asked_for(
    asking: Client, forge: Forge, path: str
) -> None:
    with pytest.raises(ForgeError, match="is no repository"):
        at.project(asking, path)
    assert forge.requests == []


# As a source


def sources(*words: str) -> list[str]:
    found = []
    for item in find(words, filters=Filters(), tell=print):
        assert isinstance(item, Found), item
        found.append(str(item.place))
    return found


def test_all_repositories_of_a_workspace_or_project(forge: Forge) -> None:
    forge.page_size = 2
    for number in range(5):
        forge.add(f"acme/{number}")
    forge.add("other/x")
    found = sources("bitbucket:acme")
    assert len(found) == len({*found}) == 6
    assert not any("someone" in each for each in found)
    assert len(sources("bitbucket:acme/moby")) == 1


@pytest.mark.parametrize("word", ["bitbucket:", "bitbucket:a/b/c", "bitbucket:a/", "bitbucket:@h/"])
def test_words_that_name_nothing(word: str) -> None:
    with pytest.raises(ForgeError, match="write bitbucket:WORKSPACE or bitbucket:@HOST/PROJECT"):
        at_bitbucket.parse(word.partition(":")[2])


def test_which_server_gets_which_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITBUCKET_TOKEN", TOKEN)
    public = at_bitbucket.server_at(None)
    assert (public.web, public.api, public.token, public.user) == (
        "https://bitbucket.org",
        "https://api.bitbucket.org/2.0",
        TOKEN,
        "x-token-auth",
    )
    own = at_bitbucket.server_at("https://git.example.org")
    assert (own.api, own.token) == ("https://git.example.org/rest/api/latest", None)
    assert own.variables == "BITBUCKET_TOKEN and BITBUCKET_URL=https://git.example.org"
    monkeypatch.setenv("BITBUCKET_URL", "git.example.org")
    assert at_bitbucket.server_at("https://git.example.org").token == TOKEN
    assert at_bitbucket.server_at("https://bitbucket.org").token is None


def test_an_api_token_goes_with_the_address_of_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITBUCKET_API_TOKEN", TOKEN)
    with pytest.raises(ForgeError, match="set BITBUCKET_EMAIL"):
        at_bitbucket.server_at(None)
    monkeypatch.setenv("BITBUCKET_EMAIL", "me@example.org")
    found = at_bitbucket.server_at(None)
    pair = b64encode(f"me@example.org:{TOKEN}".encode()).decode()
    assert found.authorization == f"Basic {pair}"
    secret = found.secret()
    assert secret is not None and secret.username == "x-bitbucket-api-token-auth"
    assert at_bitbucket.server_at("https://git.example.org").token is None


@only("cloud")
def test_what_signs_a_request_is_shown_nowhere(
    forge: BitbucketCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BITBUCKET_TOKEN")
    monkeypatch.setenv("BITBUCKET_API_TOKEN", TOKEN)
    monkeypatch.setenv("BITBUCKET_EMAIL", "me@example.org")
    pair = b64encode(f"me@example.org:{TOKEN}".encode()).decode()
    forge.instead = [Reply(400, {"type": "error", "error": {"message": f"{pair} {TOKEN}"}})]
    with pytest.raises(RequestRefused, match=r"\*\*\* \*\*\*"):
        at.project(Client(at_bitbucket.server_at(None), print), "acme/moby")


# Opening and changing


def test_a_pull_request_is_opened(asking: Client, moby: Project, forge: Forge) -> None:
    review = opened(asking, moby, draft=True)
    assert (review.number, review.life, review.draft) == ("1", Life.OPEN, True)
    assert (review.head, review.base, review.head_project) == ("patcher/main", "main", moby.id)
    assert review.head_commit == forge.branches.tip("acme/moby", "patcher/main")
    assert (review.title, review.body) == ("Deny AF_ALG", "Why\n\nand how.\n")
    assert review.url.startswith(f"{forge.url}/")


def test_it_is_found_again_by_repository_head_and_base(
    asking: Client, moby: Project, forge: Forge
) -> None:
    forge.branches.commit("acme/moby", "Patcher/main", *forge.branches.tips.values())
    review = opened(asking, moby)
    opened(asking, moby, base="1.x")
    opened(asking, moby, head="Patcher/main")
    at.close(asking, moby, review)
    again = opened(asking, moby)
    found = at.reviews(asking, moby, "patcher/main", moby, "main")
    assert [(each.number, each.life) for each in found] == [
        (again.number, Life.OPEN),
        (review.number, Life.CLOSED),
    ]


def test_many_of_one_branch_with_a_name_that_has_quotes_in_it(
    asking: Client, moby: Project, forge: Forge
) -> None:
    forge.page_size = 2
    push(forge, branch='a"b')
    for _ in range(5):
        at.close(asking, moby, opened(asking, moby, head='a"b'))
    found = at.reviews(asking, moby, 'a"b', moby, "main")
    assert [each.number for each in found] == ["5", "4", "3", "2", "1"]


def test_a_second_one_is_already_there(asking: Client, moby: Project, forge: Forge) -> None:
    opened(asking, moby)
    with pytest.raises(AlreadyThere):
        at.create(asking, moby, replace(WANTED, title="Another"))
    (pull,) = forge.repository("acme/moby").pulls
    assert pull.title == "Deny AF_ALG"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"head": "nowhere"}, "nowhere"),
        ({"base": "nowhere"}, "nowhere"),
        ({"head": "main"}, "no changes to be pulled|already up-to-date"),
    ],
)
def test_what_bitbucket_refuses_is_reported_in_its_words(
    asking: Client, moby: Project, forge: Forge, changes: dict[str, str], said: str
) -> None:
    with pytest.raises(RequestRefused) as refused:
        at.create(asking, moby, replace(WANTED, **changes))  # type: ignore[arg-type]
    assert re.search(said, refused.value.said)
    assert forge.repository("acme/moby").pulls == []


def test_what_bitbucket_lacks_is_reported_and_the_review_stands(
    asking: Client, moby: Project, forge: Forge
) -> None:
    forge.drafts = False
    wanted = replace(
        WANTED,
        draft=True,
        labels=("security",),
        teams=("core",),
        assignees=("alice",),
        milestone="1.0",
        auto_merge="merge",
        reviewers=("Alice", "stranger", "me"),
    )
    done = at.create(asking, moby, wanted)
    kinds = [line.partition(":")[0] for line in done.missed]
    lacks = ["labels", "teams", "assignees", "milestone", "auto-merge", "draft"]
    left = ["reviewer stranger", "reviewer me"]
    if is_cloud(forge):
        assert kinds == [*lacks, *left]
    else:  # names are compared to the letter there
        assert kinds == [*lacks, "reviewer Alice", *left]
    assert len(forge.repository("acme/moby").pulls) == 1


def test_reviewers_are_asked_once_and_an_update_leaves_those_of_others(
    asking: Client, moby: Project, forge: Forge
) -> None:
    wanted = replace(WANTED, reviewers=("alice",))
    done = at.create(asking, moby, wanted)
    assert done == Done(done.review) and done.review.asked == ("alice",)
    before = len(forge.requests)
    assert at.update(asking, moby, done.review, wanted) == done
    assert len(forge.requests) == before
    if isinstance(forge, BitbucketCloud):
        forge.members.append("bob")
        forge.pull("acme/moby").reviewers.append("bob")
    else:
        forge.people.append("bob")
        forge.review("acme/moby", 1, "bob", "APPROVED")
    (listed,) = at.reviews(asking, moby, "patcher/main", moby, "main")
    done = at.update(asking, moby, listed, replace(wanted, title="T", body="B"))
    assert done.missed == () and {*done.review.asked} == {"alice", "bob"}
    assert (done.review.title, done.review.body) == ("T", "B")


@pytest.mark.parametrize("after", [False, True])
def test_whatever_fails_after_the_opening_the_review_stands(
    asking: Client, moby: Project, forge: Forge, after: bool
) -> None:
    template = bitbucket_cloud.PULL if is_cloud(forge) else bitbucket_server.PULL
    wanted = replace(WANTED, reviewers=("alice",))
    forge.fail("PUT", template, Reply(502, b"Bad gateway"), times=4, after=after)
    done = at.create(asking, moby, wanted)
    assert len(done.missed) == 1 and "alice" in done.missed[0]
    forge.faults.clear()
    done = at.update(asking, moby, at.review(asking, moby, "1"), wanted)
    assert done.missed == () and done.review.asked == ("alice",)


def test_a_comment_and_drafts(asking: Client, moby: Project, forge: Forge) -> None:
    review = opened(asking, moby, draft=True)
    at.comment(asking, moby, review, "Not needed any more.")
    assert forge.pull("acme/moby").comments == ["Not needed any more."]
    assert not at.set_draft(asking, moby, review, False).draft
    assert not forge.pull("acme/moby").draft
    assert at.set_draft(asking, moby, review, True).draft and forge.pull("acme/moby").draft
    forge.drafts = False
    with pytest.raises(ForgeError, match=r"has no drafts|does not change"):
        at.set_draft(asking, moby, review, True)


# Approvals, checks, conflicts


def test_approved(asking: Client, moby: Project, forge: Forge) -> None:
    opened(asking, moby)
    assert at.review(asking, moby, "1").approved is False
    opinion(forge, "alice", good=True)
    assert at.review(asking, moby, "1").approved is True
    opinion(forge, "bob", good=False)
    assert at.review(asking, moby, "1").approved is False


def test_an_approval_of_an_earlier_commit_or_of_a_bot_alone_does_not_count(
    asking: Client, moby: Project, forge: Forge
) -> None:
    review = opened(asking, moby)
    opinion(forge, "alice", good=True)
    at.update(asking, moby, review, replace(WANTED, title="Another title"))
    assert at.review(asking, moby, "1").approved is True
    push(forge)
    opinion(forge, "ci[bot]", good=True)
    assert at.review(asking, moby, "1").approved is False
    opinion(forge, "bob", good=True)
    assert at.review(asking, moby, "1").approved is True


@only("server")
def test_an_approval_of_the_author_is_none(
    asking: Client, moby: Project, forge: BitbucketServer
) -> None:
    opened(asking, moby)
    opinion(forge, "me", good=True)
    assert at.review(asking, moby, "1").approved is False


@only("cloud")
def test_an_approval_of_the_author_does_not_count_and_restrictions_do(
    asking: Client, moby: Project, forge: BitbucketCloud
) -> None:
    opened(asking, moby)
    opinion(forge, "me", good=True)
    assert at.review(asking, moby, "1").approved is False
    opinion(forge, "alice", good=True)
    forge.repository("acme/moby").approvals = 2
    assert at.review(asking, moby, "1").approved is False
    opinion(forge, "bob", good=True)
    assert at.review(asking, moby, "1").approved is True


@only("server")
def test_an_approval_beside_a_merge_check_that_is_not_met_is_not_known_to_be_enough(
    asking: Client, moby: Project, forge: BitbucketServer
) -> None:
    opened(asking, moby)
    forge.repository("acme/moby").approvals = 2
    opinion(forge, "alice", good=True)
    seen = at.review(asking, moby, "1")
    assert (seen.approved, seen.blocked) == (None, True)
    opinion(forge, "bob", good=True)
    seen = at.review(asking, moby, "1")
    assert (seen.approved, seen.blocked) == (True, False)


@pytest.mark.parametrize(
    ("in_cloud", "on_server", "checks"),
    [
        ([], [], Checks.NONE),
        (["SUCCESSFUL"], ["successful"], Checks.PASSED),
        (["SUCCESSFUL", "INPROGRESS"], ["successful", "inProgress"], Checks.PENDING),
        (["SUCCESSFUL", "FAILED"], ["successful", "failed"], Checks.FAILED),
        (["STOPPED"], ["cancelled"], Checks.FAILED),
        (["INPROGRESS", "FAILED"], ["inProgress", "failed"], Checks.FAILED),
        (["SOMETHING"], ["unknown"], Checks.PENDING),
    ],
)
def test_checks(
    asking: Client,
    moby: Project,
    forge: Forge,
    in_cloud: list[str],
    on_server: list[str],
    checks: Checks,
) -> None:
    opened(asking, moby)
    for state in in_cloud if is_cloud(forge) else on_server:
        forge.check("acme/moby", 1, state)
    assert at.review(asking, moby, "1").checks is checks
    tip = push(forge)
    seen = at.review(asking, moby, "1")
    assert (seen.head_commit, seen.checks) == (tip, Checks.NONE)


def test_conflicts(asking: Client, moby: Project, forge: Forge) -> None:
    assert opened(asking, moby).conflicts is (None if is_cloud(forge) else False)
    forge.branches.conflicting.add(push(forge))
    assert at.review(asking, moby, "1").conflicts is True


# Its end


def test_closed_by_a_person(asking: Client, moby: Project, forge: Forge) -> None:
    opened(asking, moby)
    forge.close("acme/moby", 1, "alice")
    seen = at.review(asking, moby, "1")
    assert (seen.life, seen.closed_by) == (Life.CLOSED, "alice")
    assert at.close(asking, moby, seen).life is Life.CLOSED


def test_closed_by_ourselves(asking: Client, moby: Project, forge: Forge) -> None:
    review = opened(asking, moby)
    assert at.close(asking, moby, review).life is Life.CLOSED
    assert at.review(asking, moby, "1").closed_by == "me"


@only("server")
def test_opened_again(asking: Client, moby: Project, forge: BitbucketServer) -> None:
    review = at.close(asking, moby, opened(asking, moby))
    assert at.reopen(asking, moby, review).life is Life.OPEN
    assert at.reopen(asking, moby, review).life is Life.OPEN
    at.close(asking, moby, review)
    forge.branches.delete("acme/moby", "patcher/main")
    with pytest.raises(RequestRefused, match="cannot be reopened"):
        at.reopen(asking, moby, review)


@only("cloud")
def test_cloud_opens_none_again(asking: Client, moby: Project) -> None:
    review = at.close(asking, moby, opened(asking, moby))
    with pytest.raises(Unsupported, match="opens no pull request again"):
        at.reopen(asking, moby, review)


def test_a_branch_that_someone_deleted(asking: Client, moby: Project, forge: Forge) -> None:
    opened(asking, moby)
    forge.branches.delete("acme/moby", "patcher/main")
    seen = at.review(asking, moby, "1")
    assert (seen.life, seen.closed_by) == (Life.CLOSED, "someone")


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_merge(asking: Client, moby: Project, forge: Forge, method: MergeMethod) -> None:
    if method == "rebase" and is_cloud(forge):
        with pytest.raises(Unsupported, match="cannot rebase: merge or squash"):
            at.merge(asking, moby, opened(asking, moby), method)
        return
    merged = at.merge(asking, moby, opened(asking, moby), method)
    tip = forge.branches.tip("acme/moby", "main")
    assert merged.life is Life.MERGED and tip is not None
    assert merged.merge_commit is not None and tip.startswith(merged.merge_commit)
    (seen,) = at.reviews(asking, moby, "patcher/main", moby, "main")
    assert (seen.life, seen.merge_commit) == (Life.MERGED, merged.merge_commit)


def test_a_merge_whose_answer_was_lost_is_a_merge(
    asking: Client, moby: Project, forge: Forge
) -> None:
    review = opened(asking, moby)
    template = bitbucket_cloud.PULL if is_cloud(forge) else bitbucket_server.PULL
    forge.fail("POST", f"{template}/merge", Reply(502, b"Bad gateway"), after=True)
    with pytest.raises(RequestRefused, match="HTTP 502"):
        at.merge(asking, moby, review, "merge")
    tip = forge.branches.tip("acme/moby", "main")
    merged = at.merge(asking, moby, review, "merge")
    assert merged.life is Life.MERGED and tip is not None
    assert merged.merge_commit is not None and tip.startswith(merged.merge_commit)
    assert forge.branches.tip("acme/moby", "main") == tip
    for change in (at.close, at.reopen):
        with pytest.raises(ForgeError, match=r"is merged, and not|opens no pull request again"):
            change(asking, moby, review)


@only("cloud")
def test_a_merge_that_takes_longer(
    asking: Client, moby: Project, forge: BitbucketCloud, clock: list[float]
) -> None:
    review = opened(asking, moby)
    forge.merges_later = 3
    assert at.merge(asking, moby, review, "merge").life is Life.MERGED
    review = opened(asking, moby, base="1.x")
    forge.merges_later = 99
    with pytest.raises(ForgeError, match="is not merged yet: look again"):
        at.merge(asking, moby, review, "merge")


def test_what_was_pushed_meanwhile_is_not_merged(
    asking: Client, moby: Project, forge: Forge
) -> None:
    review = opened(asking, moby)
    push(forge)
    with pytest.raises(ForgeError, match=r"someone pushed to .* meanwhile: it is not merged"):
        at.merge(asking, moby, review, "merge")
    assert at.review(asking, moby, "1").life is Life.OPEN


def test_what_is_pushed_at_the_last_moment_is_not_merged_or_said(
    asking: Client, moby: Project, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the last look and the merge."""
    review = opened(asking, moby)
    merges = forge.answer

    def pushed(request: object) -> Reply:
        if request.method == "POST":  # type: ignore[attr-defined]
            push(forge)
        return merges(request)  # type: ignore[arg-type]

    monkeypatch.setattr(forge, "answer", pushed)
    if is_cloud(forge):
        with pytest.raises(ForgeError, match="meanwhile: and it was merged with that"):
            at.merge(asking, moby, review, "merge")
    else:
        with pytest.raises(RequestRefused, match="out-of-date information"):
            at.merge(asking, moby, review, "merge")
        assert forge.pull("acme/moby").state == "OPEN"


def test_a_commit_that_is_not_known_and_a_conflict_are_not_merged(
    asking: Client, moby: Project, forge: Forge
) -> None:
    review = opened(asking, moby)
    with pytest.raises(ForgeError, match="is not known: it is not merged"):
        at.merge(asking, moby, replace(review, head_commit=None), "merge")
    assert review.head_commit is not None
    forge.branches.conflicting.add(review.head_commit)
    with pytest.raises(RequestRefused, match="conflicts"):
        at.merge(asking, moby, review, "merge")


# Forks


def test_a_fork_is_made_once_and_a_review_opened_from_it(
    asking: Client, moby: Project, forge: Forge, clock: list[float]
) -> None:
    forge.repository("acme/moby").not_ready = 3
    made = at.fork(asking, moby)
    assert made.path == ("me/moby" if is_cloud(forge) else "~me/moby")
    assert (made.fork_of, made.can_push) == (moby.id, True)
    assert at.fork(asking, moby).id == made.id
    push(forge, made.path)
    done = at.create(asking, moby, replace(WANTED, head_project=made.path))
    assert done.review.head_project == made.id
    assert len(at.reviews(asking, moby, "patcher/main", made, "main")) == 1
    assert at.reviews(asking, moby, "patcher/main", moby, "main") == []


def test_a_fork_that_never_becomes_ready(
    asking: Client, moby: Project, forge: Forge, clock: list[float]
) -> None:
    forge.repository("acme/moby").not_ready = 99
    with pytest.raises(ForgeError, match="is not ready yet: run patcher again"):
        at.fork(asking, moby)
    assert len(clock) <= max(cloud.LOOKS, data_center.LOOKS) + 1


def test_only_a_fork_is_deleted(asking: Client, moby: Project, forge: Forge) -> None:
    made = at.fork(asking, moby)
    at.delete_fork(asking, made)
    assert forge.deleted == [made.path]
    forge.add(made.path)
    with pytest.raises(ForgeError, match="is another repository by now"):
        at.delete_fork(asking, made)
    before = len(forge.requests)
    with pytest.raises(ForgeError, match="acme/moby is no fork: it is not removed"):
        at.delete_fork(asking, moby)
    assert len(forge.requests) == before


# What goes wrong


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b"", "does not take the token in BITBUCKET_TOKEN"),
        (403, {"type": "error", "error": {"message": "No.", "detail": "x"}}, "denies access: No."),
        (404, {"errors": [{"message": "There is none."}]}, "or the token may not see it"),
        (409, {"errors": [{"message": "Busy."}, {"message": "Really."}]}, "409: Busy.; Really."),
        (422, {"error": {"message": "Bad", "fields": {"title": ["required"]}}}, "422: Bad"),
        (500, b"<html>", "fails with HTTP 500"),
    ],
)
@pytest.mark.parametrize("what", ["project", "reviews", "create", "update", "close", "merge"])
def test_what_bitbucket_answers_is_one_clear_line(
    asking: Client,
    moby: Project,
    forge: Forge,
    status: int,
    body: object,
    said: str,
    what: str,
) -> None:
    review = opened(asking, moby)
    forge.instead = [Reply(status, body)] * 8
    with pytest.raises(RequestRefused) as refused:
        if what == "project":
            at.project(asking, "acme/moby")
        elif what == "reviews":
            at.reviews(asking, moby, "patcher/main", moby, "main")
        elif what == "create":
            at.create(asking, moby, WANTED)
        elif what == "update":
            at.update(asking, moby, review, replace(WANTED, title="New"))
        elif what == "close":
            at.close(asking, moby, review)
        else:
            at.merge(asking, moby, review, "merge")
    forge.instead = []
    assert refused.value.status == status and said in str(refused.value)
    assert "\n" not in str(refused.value) and TOKEN not in str(refused.value)


def test_a_rate_limit_is_waited_for_and_the_review_opened_once(
    asking: Client, moby: Project, forge: Forge, clock: list[float]
) -> None:
    template = bitbucket_cloud.PULLS if is_cloud(forge) else bitbucket_server.PULLS
    forge.fail("POST", template, Reply(429, b"Too many", {"Retry-After": "7"}), times=2)
    clock.clear()
    opened(asking, moby)
    assert [round(each) for each in clock if each > 1] == [7, 7]
    assert len(forge.repository("acme/moby").pulls) == 1


@pytest.mark.parametrize("reply", [Reply(502, b"Bad gateway"), Reply(201, {}, cut=1)])
def test_an_opening_whose_answer_is_lost_is_found_and_never_doubled(
    asking: Client, moby: Project, forge: Forge, reply: Reply
) -> None:
    template = bitbucket_cloud.PULLS if is_cloud(forge) else bitbucket_server.PULLS
    forge.fail("POST", template, reply, after=True)
    with pytest.raises(ForgeError, match=r"fails with HTTP 502|breaks off"):
        at.create(asking, moby, WANTED)
    (found,) = at.reviews(asking, moby, "patcher/main", moby, "main")
    assert found.life is Life.OPEN
    with pytest.raises(AlreadyThere):
        at.create(asking, moby, WANTED)
    assert len(forge.repository("acme/moby").pulls) == 1


def test_a_server_that_is_silent(
    asking: Client, moby: Project, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "TIMEOUT", 0.2)
    template = bitbucket_cloud.PULLS if is_cloud(forge) else bitbucket_server.PULLS
    forge.fail("POST", template, Reply(silent=2))
    with pytest.raises(ForgeError, match="gives no answer within"):
        at.create(asking, moby, WANTED)
    assert len(forge.asked("POST", template)) == 1

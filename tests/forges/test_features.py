"""README's table of what each forge does with reviews: each cell is tried out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from patcher import git
from patcher.campaign.verified import check
from patcher.forges import client, homes, limits
from patcher.forges.review import Life, Unsupported, Wanted
from patcher.forges.server import ForgeError, RequestRefused
from tests.forges.bitbucket_worlds import AtBitbucketCloud, AtBitbucketServer
from tests.forges.gerrit_world import AtGerrit
from tests.forges.github_world import AtGitHub
from tests.forges.worlds import BASE, HEAD, PATH, TOKEN, AtGitea, AtGitLab, World
from tests.sources.servers import Reply, Request, serving

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
FORGES: dict[str, Callable[[], World]] = {
    "GitHub": AtGitHub,
    "GitLab": AtGitLab,
    "Gitea, Forgejo": AtGitea,
    "Gerrit": AtGerrit,
    "Bitbucket Cloud": AtBitbucketCloud,
    "Bitbucket Data Center": AtBitbucketServer,
}


def table() -> dict[tuple[str, str], str]:
    """The cells, by feature and forge."""
    lines = README[README.index("| a review's ") :].partition("\n\n")[0].splitlines()
    head, _, *rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines]
    assert head[1:] == [*FORGES]
    return {(row[0], head[at]): row[at] for row in rows for at in range(1, len(head))}


def wish(**wanted: object) -> Callable[[World], bool]:
    """Whether a review can be opened with that."""

    def met(at: World) -> bool:
        at.label("security")
        at.plan("1.0")
        made = at.reviews.create(at.client(), at.project(), at.wanted(**wanted))
        assert all(line.partition(":")[0].split()[0] in _NAMES for line in made.missed)
        return not made.missed

    return met


_NAMES = ("label", "labels", "team", "teams", "reviewer", "assignee", "assignees", "milestone")


def drafts(at: World) -> bool:
    opened = at.open(draft=True)
    at.reviews.set_draft(at.client(), at.project(), opened, False)
    return opened.draft and not at.review().draft


def checks(at: World) -> bool:
    at.open()
    at.check("success")
    at.approve()
    seen = at.review()
    return (seen.approved, str(seen.checks)) == (True, "passed")


def conflicts(at: World) -> bool:
    at.open()
    seen = [at.review().conflicts]
    at.branches.conflicting.add(at.push_more())
    at.review()
    seen.append(at.review().conflicts)
    assert seen[1] is True
    return seen[0] is False


def auto_merge(at: World) -> bool:
    at.protect(checks=True)
    opened = at.open()
    at.protect(checks=True)
    at.check("running")
    wanted: Wanted = at.wanted(auto_merge="squash")
    return at.reviews.update(at.client(), at.project(), opened, wanted).review.auto_merge


def refuses_another_commit(at: World) -> bool:
    """Whether what is pushed while the merge is on its way is left alone."""
    at.open()
    seen, base, answer = at.review(), at.branches.tip(PATH, BASE), at.forge.answer

    def pushed(request: Request) -> Reply:
        if request.method != "GET" and request.path.endswith(("/merge", "/submit")):
            at.push_more()
        reply: Reply = answer(request)
        return reply

    at.forge.answer = pushed
    with pytest.raises((RequestRefused, Unsupported)):
        at.reviews.merge(at.client(), at.project(), seen, "merge")
    return at.branches.tip(PATH, BASE) == base


def merges_by(method: str) -> Callable[[World], bool]:
    def does(at: World) -> bool:
        at.open()
        at.approve()
        at.check("success")
        try:
            done = at.reviews.merge(at.client(), at.project(), at.review(), method)  # type: ignore[arg-type]
        except Unsupported:
            return False
        return done.life is Life.MERGED

    return does


def reopens(at: World) -> bool:
    closed = at.reviews.close(at.client(), at.project(), at.open())
    try:
        return at.reviews.reopen(at.client(), at.project(), closed).life is Life.OPEN
    except Unsupported:
        return False


def forks(at: World) -> bool:
    """Whether one is made, and is found where no more is wanted."""
    assert at.reviews.own_fork(at.client(), at.project()) is None
    try:
        made = at.reviews.fork(at.client(), at.project())
    except Unsupported:
        return False
    own = at.reviews.own_fork(at.client(), at.project())
    assert own is not None and own.project.id == made.id
    at.branches.commit(made.path, HEAD, str(at.branches.tip(PATH, BASE)))
    wanted = at.wanted(head_project=made.path)
    opened = at.reviews.create(at.client(), at.project(), wanted).review
    return opened.head_project == made.id != at.project().id


def makes_commits(at: World) -> bool:
    """Whether `apply --verified-commits` goes on there; `tests/cli/test_cli_verified.py` has what
    it then does."""
    server = at.client().server
    name = at.reviews.__name__.split(".")[2]  # type: ignore[attr-defined]
    address = git.Address.parse(f"https://{server.host}/{PATH}.git")
    repository = git.Repository(Path(), Path(), None, address)
    try:
        check(repository, homes.Home(name, server, PATH))
    except ForgeError as error:
        assert "GitHub alone makes commits" in str(error)
        return False
    return True


def unforks(at: World) -> bool:
    """Whether a fork is found again, with what keeps it, and is removed."""
    forks = cast(Any, at.reviews)
    try:
        made = at.reviews.fork(at.client(), at.project())
    except Unsupported:
        return False
    at.branches.commit(made.path, HEAD, str(at.branches.tip(PATH, BASE)))
    if homes.forks(at.reviews.__name__.rpartition(".")[2]) is None:  # type: ignore[attr-defined]
        return False
    own = forks.own_fork(at.client(), at.project())
    opened = at.reviews.create(at.client(), at.project(), at.wanted(head_project=made.path)).review
    ((number, head),) = [
        (each.number, each.head_project) for each in forks.open_reviews(at.client(), at.project())
    ]
    assert (number, head) == (opened.number, own.project.id)
    at.reviews.close(at.client(), at.project(), opened)
    assert [*forks.open_reviews(at.client(), at.project())] == []
    at.reviews.delete_fork(at.client(), own.project)
    return own.made is not None and forks.own_fork(at.client(), at.project()) is None


FEATURES: dict[str, Callable[[World], bool]] = {
    "draft, made ready by one command": drafts,
    "reviewers": wish(reviewers=("bob",)),
    "teams": wish(teams=("acme/security",)),
    "labels": wish(labels=("security",)),
    "assignees": wish(assignees=("bob",)),
    "milestone": wish(milestone="1.0"),
    "auto-merge": auto_merge,
    "approvals and checks": checks,
    "freedom from conflicts": conflicts,
    "merge": merges_by("merge"),
    "squash": merges_by("squash"),
    "rebase": merges_by("rebase"),
    "merge of the commit that was seen alone": refuses_another_commit,
    "opening again": reopens,
    "fork": forks,
    "commits that the forge signs (`--verified-commits`)": makes_commits,
    "fork removed by `unfork`": unforks,
}


@contextmanager
def ready(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with serving(world.forge):
        for name, value in world.tokens.items():
            monkeypatch.setenv(name, value.format(url=world.forge.url, token=TOKEN))
        world.add(PATH)
        world.fill()
        for login in ("me", "bob", "ann"):
            world.let(login, "write")
        yield
    assert world.forge.wrong == []


@pytest.mark.parametrize("forge", FORGES)
@pytest.mark.parametrize("feature", FEATURES)
def test_readme_says_what_a_forge_does(
    feature: str, forge: str, home: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = ("GERRIT_", "GH_", "GITHUB_", "GITLAB_", "GITEA_", "BITBUCKET_", "CI_")
    for name in list(os.environ):
        if name.startswith(starts) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    slept: list[float] = []
    monkeypatch.setattr(client, "BACKOFF", 0.01)
    monkeypatch.setattr(limits, "_limits", {})
    monkeypatch.setattr(limits, "monotonic", lambda: time.monotonic() + sum(slept))
    monkeypatch.setattr(limits, "sleep", slept.append)
    world = FORGES[forge]()
    with ready(world, monkeypatch):
        found = "yes" if FEATURES[feature](world) else "no"
    assert table()[feature, forge].partition(",")[0] == found


def test_readme_names_every_feature() -> None:
    assert [*dict.fromkeys(feature for feature, _ in table())] == [*FEATURES]

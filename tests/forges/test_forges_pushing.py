"""What a push asks of GitLab and Gitea, and what is read from their words."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace

import pytest

from patcher.forges import gitea, gitlab
from patcher.forges.review import Wanted

WANTED = Wanted(
    "patcher/deny-af-alg/main",
    "acme/moby",
    "release/1",
    "Deny\nAF_ALG ",
    "Line 1\r\n\nLine 3\0",
    draft=True,
    labels=("security", "a b"),
    reviewers=("bob",),
    teams=("acme/sec",),
    assignees=("ann",),
    milestone="1.0",
    auto_merge="merge",
)


def test_push_options_of_gitlab() -> None:
    asked = gitlab.pushed(WANTED, "acme/moby")
    assert asked.to is None
    assert asked.options == (
        "merge_request.create",
        "merge_request.target=release/1",
        "merge_request.title=Deny AF_ALG",
        r"merge_request.description=Line 1\n\nLine 3",
        "merge_request.label=security",
        "merge_request.label=a b",
        "merge_request.assign=ann",
        "merge_request.draft",
        "merge_request.milestone=1.0",
    )
    assert [line.partition(":")[0] for line in asked.missed] == [
        "reviewer bob",
        "team acme/sec",
        "auto-merge merge",
    ]
    fork = gitlab.pushed(replace(WANTED, head_project="me/moby"), "acme/moby")
    assert "merge_request.target_project=acme/moby" in fork.options


@pytest.mark.parametrize("name", [r"a\n/merge", "a\\\rn/merge", "a\\\0n/merge", r"a\\n/merge"])
def test_a_name_with_a_backslash_begins_no_line_at_gitlab(name: str) -> None:
    asked = gitlab.pushed(replace(WANTED, body=f"- `{name}`\nLine 2"), "acme/moby")
    (body,) = [each for each in asked.options if each.startswith("merge_request.description=")]
    lines = body.partition("=")[2].split(r"\n")
    assert (len(lines), lines[1]) == (2, "Line 2")


def test_a_push_to_gitea() -> None:
    asked = gitea.pushed(WANTED, "acme/moby")
    assert asked.to == "refs/for/release/1"
    topic, title, force, body = asked.options
    assert topic == "topic=patcher/deny-af-alg/main"
    assert title == "title=WIP: Deny AF_ALG"
    assert force == "force-push=true"
    mark, _, encoded = body.partition("{base64}")
    assert mark == "description="
    assert b64decode(encoded).decode().split() == ["Line", "1", "Line", "3\0"]
    assert [line.partition(":")[0] for line in asked.missed] == [
        "label security",
        "label a b",
        "reviewer bob",
        "team acme/sec",
        "assignee ann",
        "milestone 1.0",
        "auto-merge merge",
    ]
    plain = gitea.pushed(replace(WANTED, draft=False, body="One line\n"), "acme/moby")
    assert "title=Deny AF_ALG" in plain.options
    assert "description=One line" in plain.options


@pytest.mark.parametrize("forge", [gitlab, gitea])
@pytest.mark.parametrize("body", ["", "x" * 200_000, "ä\n" * 100_000, "\U0001f600" * 50_000])
def test_what_git_can_send(forge: object, body: str) -> None:
    asked = forge.pushed(replace(WANTED, body=body), "acme/moby")  # type: ignore[attr-defined]
    for option in asked.options:
        assert len(option.encode()) < 65_000
        assert "\n" not in option and "\0" not in option


SAID = {
    "View merge request for patcher/x: https://gitlab.test/acme/moby/-/merge_requests/7": (
        gitlab,
        "https://gitlab.test/acme/moby/-/merge_requests/7",
    ),
    "x https://h.test:8443/git/acme/moby/merge_requests/12 y": (
        gitlab,
        "https://h.test:8443/git/acme/moby/merge_requests/12",
    ),
    "To create a merge request for x, visit: "
    "https://gitlab.test/acme/moby/-/merge_requests/new?merge_request%5Bsource_branch%5D=x": (
        gitlab,
        None,
    ),
    "WARNINGS: Error encountered with push options 'merge_request.create': Target branch "
    "acme/moby:x does not exist": (gitlab, None),
    "View merge request for x: https://gitlab.test/other/moby/-/merge_requests/7": (gitlab, None),
    ". Visit the existing pull request: https://gitea.test/acme/moby/pulls/7 .": (
        gitea,
        "https://gitea.test/acme/moby/pulls/7",
    ),
    "Create a new pull request for 'x': https://gitea.test/acme/moby/compare/main...x": (
        gitea,
        None,
    ),
    "https://gitea.test/acme/moby/pulls/7 https://gitea.test/acme/moby/pulls/8.": (
        gitea,
        "https://gitea.test/acme/moby/pulls/8",
    ),
    "": (gitea, None),
}


@pytest.mark.parametrize("said", SAID)
def test_the_address_in_what_a_server_says(said: str) -> None:
    forge, url = SAID[said]
    assert forge.pushed_url(said, "acme/moby") == url

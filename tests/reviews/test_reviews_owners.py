"""CODEOWNERS: whom each forge would ask."""

from __future__ import annotations

from time import process_time

import pytest

from patcher.git import discover
from patcher.reviews.owners import MOST_ASKED, Dialect, Owners, asked, owners
from patcher.reviews.tree import opened
from tests.conftest import Sandbox

GITHUB = """\
# who owns what
*            @everyone
*.go         @gophers/core @alice # both
/docs/       @writers
apps/        @octocat
/vendor
build/logs   @doctocat
/todo/*      dora@example.org
\\#weird      @no
"""


@pytest.mark.parametrize(
    ("path", "users", "teams"),
    [
        ("README", "everyone", ""),
        ("a/b/c.go", "alice", "gophers/core"),
        ("docs/deep/x.md", "writers", ""),
        ("a/docs/x.md", "everyone", ""),
        ("x/apps/y/z", "octocat", ""),
        ("vendor/x.go", "", ""),
        ("build/logs/x", "doctocat", ""),
        ("a/build/logs/x", "everyone", ""),
        ("todo/a/b", "everyone", ""),
    ],
)
def test_in_githubs_the_last_rule_that_matches_decides(path: str, users: str, teams: str) -> None:
    found = asked(GITHUB, "github", [path.encode()])
    assert (found.users, found.teams) == (tuple(users.split()), tuple(teams.split()))


def test_an_address_cannot_be_asked_and_is_named() -> None:
    found = asked(GITHUB, "github", [b"todo/x"])
    assert found == Owners((), (), ("dora@example.org in CODEOWNERS is no user that can be asked",))


GITLAB = """\
* @all
[Documentation] @doc
docs/
README.md @me
^[Security][2] @sec @group/sub/team
*.go
!gen/*.go
/sp\\ ace/ @spacer
[documentation]
*.rst @late
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("README.md", {"all", "me"}),
        ("docs/a", {"all", "doc"}),
        ("docs/a.rst", {"all", "late"}),
        ("a/b.go", {"all", "sec", "group/sub/team"}),
        ("gen/b.go", {"all"}),
        ("sp ace/x", {"all", "spacer"}),
    ],
)
def test_in_gitlabs_each_section_decides_for_itself(path: str, expected: set[str]) -> None:
    found = asked(GITLAB, "gitlab", [path.encode()])
    assert {*found.users, *found.teams} == expected


def test_in_giteas_all_expressions_count() -> None:
    text = ".*\\.go @a @org/team\n!docs/.* @b\n(x|y)/z @c\n[ @broken\n(a+)+b @slow\n"
    assert asked(text, "gitea", [b"x/z"])[:2] == (("b", "c"), ())
    assert asked(text, "gitea", [b"docs/m.go"])[:2] == (("a",), ("org/team",))
    missed = asked(text, "gitea", [b"x/z"]).missed
    assert [line.rpartition(": ")[2] for line in missed] == ["[", "(a+)+b"]


def test_giteas_expressions_may_begin_with_a_slash() -> None:
    """services/issue/pull.go of Gitea 1.27 removes it."""
    text = "/docs/.* @a\n!/docs/.* @b\n//x @c\n"
    assert asked(text, "gitea", [b"docs/m"]).users == ("a",)
    assert asked(text, "gitea", [b"x"]).users == ("b",)


@pytest.mark.parametrize(
    ("dialect", "line", "path"),
    [
        ("github", "*a" * 240, "a" * 900),
        ("gitlab", "**/*a/" * 80, "a/" * 450),
        ("github", "*/" * 240, "a/" * 450),
        ("gitea", ".*a.*b.*c", "a" * 900),
        ("gitea", "a?" * 200, "a" * 200),
        ("gitea", "(a|a)" * 60 + "b", "a" * 60),
        ("gitea", "a{0,99}" * 40, "a" * 900),
        ("gitea", "(a*)*b", "a" * 900),
        ("gitea", "(?P<x>a)(?P=x)", "aa"),
        ("gitea", "(" * 400, "a"),
        ("gitea", "[" * 400, "a"),
    ],
)
def test_patterns_take_bounded_time(dialect: Dialect, line: str, path: str) -> None:
    started = process_time()
    text = "".join(f"{line}{number:x} @x\n" for number in range(2000))
    found = asked(text, dialect, [path.encode()] * 100)
    assert process_time() - started < 30  # minutes without a bound
    assert found.missed or found.users


def test_no_more_are_asked_than_a_forge_takes() -> None:
    text = "* " + " ".join(f"@u{n} @o/t{n}" for n in range(90))
    found = asked(text, "github", [b"a"])
    assert (len(found.users), len(found.teams)) == (MOST_ASKED, MOST_ASKED)


@pytest.mark.parametrize("name", ["@x;rm", "@", "@a b", "@a/../b\x1b", "x", "@-x", "a@b@c"])
def test_what_is_no_name_is_asked_of_nobody(name: str) -> None:
    found = asked(f"* {name.split(' ')[0]}\n", "github", [b"a"])
    assert not (found.users and "a" not in found.users)
    assert not found.teams


@pytest.mark.parametrize(
    ("dialect", "place"),
    [("github", ".github/"), ("github", "docs/"), ("gitlab", ".gitlab/"), ("gitea", ".forgejo/")],
)
def test_the_file_is_read_from_the_base(sandbox: Sandbox, dialect: Dialect, place: str) -> None:
    rule = ".*" if dialect == "gitea" else "*"
    work = sandbox.repository(files={f"{place}CODEOWNERS": f"{rule} @me\n", "a": "a"})
    (repository,) = discover([work])
    commit = sandbox.git(work, "rev-parse", "HEAD")
    with opened(repository, commit) as tree:  # type: ignore[arg-type]
        assert owners(tree, dialect, [b"a"]).users == ("me",)


def test_without_the_file_nobody_is_asked(sandbox: Sandbox) -> None:
    work = sandbox.repository(files={"CODEOWNERS/x": "", "a": "a"})
    (repository,) = discover([work])
    commit = sandbox.git(work, "rev-parse", "HEAD")
    with opened(repository, commit) as tree:  # type: ignore[arg-type]
        assert owners(tree, "github", [b"a"]) == Owners()

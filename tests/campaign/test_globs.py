"""``--include`` and ``--exclude`` match what git's own ignore rules match."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patcher.campaign.globs import chooser, matcher

PATHS = [
    b"a",
    b"b.go",
    b"a/b.go",
    b"a/b/c.go",
    b"vendor/x/a/b.go",
    b"sub/vendor/y",
    b"docs/readme.md",
    b"x y",
    b"trailing ",
    b"we[i]rd",
    b"back\\slash",
    b"#hash",
    b"!bang",
    b"a\nb",
    b"latin-\xe9",
    "ümlaut/ä".encode(),
    b"-",
    b"]",
    b"0",
]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ignore")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def git_matches(folder: Path, patterns: list[str]) -> list[bytes]:
    (folder / ".git" / "info" / "exclude").write_bytes(
        b"".join(pattern.encode() + b"\n" for pattern in patterns)
    )
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin", "-z"],
        cwd=folder,
        input=b"\0".join(PATHS),
        capture_output=True,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.split(b"\0")[:-1]


@pytest.mark.parametrize(
    "patterns",
    [
        ["a"],
        ["a/"],
        ["/a"],
        ["/b.go"],
        ["b.go"],
        ["*.go"],
        ["a/*.go"],
        ["a/**"],
        ["**/b.go"],
        ["**/a/b.go"],
        ["a/**/c.go"],
        ["**"],
        ["vendor"],
        ["vendor/"],
        ["/vendor/"],
        ["vendor/**/b.go"],
        ["*", "!*.go"],
        ["/*", "!/a"],
        ["vendor/", "!vendor/x/a/b.go"],
        ["*.go", "!b.go"],
        ["trailing "],
        ["trailing\\ "],
        ["x?y"],
        ["[a-c]"],
        ["[!a-c]"],
        ["[^a]*"],
        ["[]]"],
        ["[-a]"],
        ["[a-]"],
        ["we\\[i\\]rd"],
        ["we[[]i]rd"],
        ["back\\\\slash"],
        ["\\#hash"],
        ["\\!bang"],
        ["[[:digit:]]"],
        ["[[:alpha:][:digit:]]"],
        ["a*b"],
        ["a***b.go"],
        ["a**/b.go"],
        ["ümlaut"],
        ["latin-?"],
    ],
)
def test_a_pattern_matches_what_git_ignores(repository: Path, patterns: list[str]) -> None:
    matches = matcher(patterns)
    assert [path for path in PATHS if matches(path)] == git_matches(repository, patterns)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.text(st.sampled_from("ab.go/**!?cvendrx"), min_size=1, max_size=8),
        min_size=1,
        max_size=3,
    )
)
def test_any_pattern_matches_what_git_ignores(repository: Path, patterns: list[str]) -> None:
    try:
        matches = matcher(patterns)
    except ValueError:
        return
    assert [path for path in PATHS if matches(path)] == git_matches(repository, patterns)


@pytest.mark.parametrize("pattern", ["", "/", "!", "!/", "[a", "a\\", "[z-a]", "//a"])
def test_a_pattern_that_can_match_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        matcher([pattern])


def test_what_is_excluded_is_not_wanted_though_it_is_included() -> None:
    wanted = chooser(["*.go"], ["vendor/"])
    assert wanted(b"a/b.go")
    assert not wanted(b"vendor/x/a/b.go")
    assert not wanted(b"a/b.md")


def test_without_patterns_every_file_is_wanted() -> None:
    assert chooser([], [])(b"any/file")
    assert not chooser([], ["any"])(b"any/file")

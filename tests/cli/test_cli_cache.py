"""`patcher cache`, on mirrors of real repositories."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from patcher.cli import group
from patcher.git import Address
from patcher.git.mirrors import Mirrors, networks
from tests.schemas import described

if TYPE_CHECKING:
    from tests.conftest import Sandbox


def patcher(*arguments: str | Path, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(group, [str(argument) for argument in arguments], input=stdin)
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    return result


@pytest.fixture
def cache(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirrors]:
    monkeypatch.setenv("PATCHER_CACHE_DIR", str(tmp_path / "cache"))
    yield Mirrors()


@pytest.fixture
def urls(sandbox: Sandbox, cache: Mirrors, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A family of two and a stranger, mirrored; the first of the family has what the second
    shares."""
    monkeypatch.setattr(networks, "MIN_SHARED", 50_000)
    big = {f"f{number}": os.urandom(2000) for number in range(50)}
    found = []
    for name in ("a/moby", "b/moby", "other"):
        place = sandbox.repository(name, {**big, "own": name.encode()})
        sandbox.git(place, "config", "uploadpack.allowFilter", "true")
        found.append(f"file://{place}/.git")
        cache.update(Address.parse(found[-1]))
    return found


def listed() -> list[dict[str, Any]]:
    found: dict[str, Any] = json.loads(patcher("cache", "list", "--format", "json").stdout)
    described("repos", "mirrors", found)
    entries: list[dict[str, Any]] = found["mirrors"]
    return entries


def test_an_empty_cache(cache: Mirrors) -> None:
    assert patcher("cache", "list").stdout == "No mirrors: `patcher scan URL` makes one.\n"
    assert listed() == []
    assert patcher("cache", "verify").stdout == "0 mirrors whole.\n"
    assert patcher("cache", "clear").stdout == "0 mirrors removed.\n"


def test_list_shows_what_is_there(urls: list[str], tmp_path: Path) -> None:
    lines = patcher("cache", "list").stdout.splitlines()
    assert lines[0].split() == ["repository", "branches", "size", "last", "used"]
    assert [line.split()[0] for line in lines[1:4]] == sorted(urls)
    assert "shares objects" in lines[2]
    assert "shares objects" not in lines[1] + lines[3]
    assert lines[-1].startswith("3 mirrors, ")
    first, second, other = listed()
    assert [entry["url"] for entry in (first, second, other)] == sorted(urls)
    assert first["branches"] == 1
    assert first["size"] > 100_000 > second["size"] > 0
    assert second["shares_objects_of"] == first["path"]
    assert other["shares_objects_of"] is None
    assert Path(first["path"]).parent == tmp_path / "cache/mirrors"
    assert first["last_used"].endswith("+00:00")


def spoil(entry: dict[str, Any]) -> None:
    pack = next(Path(entry["path"]).glob("objects/pack/*.pack"))
    content = bytearray(pack.read_bytes())
    content[100:120] = bytes(20)
    pack.chmod(0o600)
    pack.write_bytes(content)


def test_verify_finds_what_is_spoilt_and_the_next_use_mends_it(
    urls: list[str], cache: Mirrors
) -> None:
    good = patcher("cache", "verify")
    assert (good.exit_code, good.stdout) == (0, "3 mirrors whole.\n")
    spoil(listed()[2])
    bad = patcher("cache", "verify")
    assert bad.exit_code == 3
    assert bad.stdout == "2 mirrors whole, 1 not: the next run that uses them makes new ones.\n"
    assert bad.stderr.startswith(f"patcher: {urls[2]}: ")
    cache.update(Address.parse(urls[2]))
    assert patcher("cache", "verify", "--quiet", urls[2]).output == ""
    assert patcher("cache", "verify", urls[2]).stdout == "1 mirror whole.\n"


def test_clear_removes_what_is_named_and_what_leans_on_it(urls: list[str]) -> None:
    assert patcher("cache", "clear", urls[1]).stdout == "1 mirror removed.\n"
    assert [entry["url"] for entry in listed()] == [urls[0], urls[2]]
    assert patcher("cache", "clear", urls[0], urls[2]).stdout == "2 mirrors removed.\n"
    assert listed() == []


def test_clear_of_a_first_takes_the_family(urls: list[str]) -> None:
    assert patcher("cache", "clear", urls[0]).stdout == "2 mirrors removed.\n"
    assert [entry["url"] for entry in listed()] == [urls[2]]


def test_clear_of_everything_asks(urls: list[str], tmp_path: Path) -> None:
    refused = CliRunner().invoke(group, ["cache", "clear"], input="n\n")
    assert "Remove 3 mirrors" in refused.output
    assert refused.exit_code != 0
    assert len(listed()) == 3
    (tmp_path / "cache/mirrors/.new-x-0123456789abcdef0123.git").mkdir()
    assert "3 mirrors removed." in patcher("cache", "clear", stdin="y\n").stdout
    left = [path.name for path in (tmp_path / "cache/mirrors").iterdir()]
    assert not [name for name in left if name.endswith(".git")]


def test_clear_by_age_keeps_families_that_are_in_use(urls: list[str]) -> None:
    def age(entry: dict[str, Any], days: float) -> None:
        then = time.time() - days * 86400
        os.utime(Path(entry["path"]) / "patcher", (then, then))

    first, second, other = listed()
    for entry in (first, other):
        age(entry, 40)
    assert patcher("cache", "clear", "--older-than", "50").stdout == "0 mirrors removed.\n"
    assert patcher("cache", "clear", "--older-than", "30").stdout == "1 mirror removed.\n"
    assert [entry["url"] for entry in listed()] == urls[:2]
    age(second, 31)
    assert patcher("cache", "clear", "--older-than", "30").stdout == "2 mirrors removed.\n"


@pytest.mark.parametrize("action", ["verify", "clear"])
def test_what_is_not_there_is_wrong_use(cache: Mirrors, action: str) -> None:
    for word in ("https://forge.example/none", "plain", "ext::sh -c x"):
        result = patcher("cache", action, word)
        assert result.exit_code == 2
        assert "Error: " in result.output
    assert patcher("cache", "clear", "--older-than", "-1").exit_code == 2


def test_a_cache_of_others_is_refused_on_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "shared"
    place.mkdir()
    place.chmod(0o777)
    monkeypatch.setenv("PATCHER_CACHE_DIR", str(place))
    result = CliRunner().invoke(group, ["cache", "list"])
    assert result.exit_code == 3
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith(
        f"patcher: {place} may be written by others: chmod go-w, or set PATCHER_CACHE_DIR"
    )


def test_help_has_examples() -> None:
    for words in (("cache",), ("cache", "list"), ("cache", "verify"), ("cache", "clear")):
        text = patcher(*words, "--help").stdout
        assert "Examples:" in text
        assert "patcher cache" in text

"""What earlier runs found: the next one says the same, and does next to nothing for it."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from patcher import git, patch
from patcher.campaign import cache, caches, database
from patcher.campaign.database import Database
from patcher.campaign.run import run
from patcher.campaign.schema import CACHE
from patcher.campaign.selection import Selection
from patcher.campaign.steps import Steps
from patcher.cli import group
from patcher.git.tree_search import grep
from patcher.migrations import choose
from patcher.results import MAX_DROPPED, Target
from patcher.sources.found import Found
from tests.gits import Gits

if TYPE_CHECKING:
    from tests.conftest import Sandbox


def patcher(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(group, [os.fspath(argument) for argument in arguments])
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    return result


def scanned(
    place: Path, selection: Selection | None = None, *, fresh: bool = False
) -> list[Target]:
    """A run as in a process of its own."""
    campaign = Steps(selection or Selection(), fresh=fresh)
    found = [
        Found(item) if isinstance(item, git.Repository) else item for item in git.discover([place])
    ]
    targets = list(run(campaign, found, jobs=2))
    caches.close()
    return targets


def cached(state: Path) -> Path:
    return state / "cache/findings.db"


def rows(state: Path, sql: str, *parameters: object) -> list[tuple[bytes, bytes]]:
    with sqlite3.connect(cached(state)) as database:
        found = database.execute(sql, parameters).fetchall()
    database.close()
    return found


@pytest.fixture
def variety(sandbox: Sandbox) -> Path:
    """Repositories with findings of every kind, by the fixtures of the hosts."""
    root = Path(__file__).parents[2] / "fixtures"
    for host in sorted(root.iterdir()):
        files: dict[str, str | bytes] = {}
        for case in sorted(host.iterdir()) if host.is_dir() else []:
            for before in case.glob("before*"):
                files[f"{case.name}/{before.name}"] = before.read_bytes()
        if files:
            sandbox.repository(host.name, files)
    text = sandbox.profile()
    odd: dict[str, str | bytes] = {
        os.fsdecode(b"latin-\xe9/\xff"): text,
        "new\nline": sandbox.profile("x").encode().replace(b"profile x", b"profile \xff\x1b[1m"),
        "SUMS": hashlib.sha256(text.encode()).hexdigest() + "  profile\n",
        "large": "network,\n" * 2000 + text,
        "README.md": f"```\n{text}```\n",
        "fixed": sandbox.fixed(text),
        "allowed": text.replace("  network,\n", "  network alg,\n"),
    }
    sandbox.repository("odd", odd)
    sandbox.repository("odd-256", odd, "--object-format=sha256")
    sandbox.repository("nothing", {"f": "nothing\n"})
    subprocess.run(["git", "init", "-q", sandbox.root / "unborn"], check=True)
    broken = sandbox.repository("broken")
    oid = sandbox.git(broken, "rev-parse", "HEAD:docker-default")
    (broken / ".git/objects" / oid[:2] / oid[2:]).unlink()
    sandbox.git(sandbox.root / "odd", "branch", "release/1")
    return sandbox.root


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("scan", "--format=json"),
    ("scan", "--explain", "-v"),
    ("scan", "--format=json", "--base", "main", "--base", "release/*"),
    ("scan", "--format=json", "--profiles=all", "--docs", "--comment"),
    ("scan", "--format=json", "-m", "deny-af-vsock", "-m", "deny-af-alg", "--max-size=9k"),
    ("scan", "--format=json", "--include", "odd*", "--exclude", "fixed"),
    ("diff", "--proof=off"),
    ("diff", "--proof=off", "--format=json"),
    ("apply", "--dry-run", "--proof=off", "--format=json"),
)


ODD = {"odd", "odd-256", "nothing", "unborn", "broken"}


@pytest.mark.parametrize(
    ("command", "one_in"),
    [
        pytest.param(("diff", "--proof=off"), 6, id="a few"),
        *(
            pytest.param(each, 1, id=" ".join(each), marks=pytest.mark.campaigns)
            for each in COMMANDS
        ),
    ],
)
def test_what_is_remembered_is_told_byte_for_byte(
    variety: Path,
    command: tuple[str, ...],
    one_in: int,
    monkeypatch: pytest.MonkeyPatch,
    state: Path,
) -> None:
    places = [
        place
        for number, place in enumerate(sorted(variety.iterdir()))
        if number % one_in == 0 or place.name in ODD
    ]
    for threshold in (10**9, -1):
        monkeypatch.setattr(grep, "GREP_FROM", threshold)
        monkeypatch.setenv("PATCHER_CACHE_DIR", str(state / f"cache{threshold}"))
        first = patcher(*command, *places)
        assert first.stdout_bytes
        again = patcher(*command, *places)
        assert again.stdout_bytes == first.stdout_bytes
        assert (again.stderr, again.exit_code) == (first.stderr, first.exit_code)


def test_a_second_scan_starts_no_git(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        files: dict[str, str | bytes] = {"f": "x\n", "p": sandbox.profile() if number else "y\n"}
        place = sandbox.repository(f"r{number}", files)
        sandbox.git(place, "repack", "-q", "-a", "-d")
    gits = Gits(sandbox.root.parent / "bin", monkeypatch)
    first = scanned(sandbox.root)
    assert gits.calls()
    assert scanned(sandbox.root) == first
    assert gits.calls() == []
    assert scanned(sandbox.root, fresh=True) == first
    assert gits.calls()


def test_after_a_commit_what_changed_is_read(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large repository the folders that did not change are not read; and where the search was
    done by `git grep`, neither."""
    files: dict[str, str | bytes] = {
        f"d{folder}/s{below}/f{number}": f"{folder} {below} {number}\n"
        for folder in range(6)
        for below in range(3)
        for number in range(8)
    }
    files["d3/s1/docker-default"] = sandbox.profile()
    place = sandbox.repository("large", files)
    sandbox.git(place, "repack", "-q", "-a", "-d")
    monkeypatch.setattr(grep, "GREP_FROM", 50)
    scanned(sandbox.root)
    sandbox.commit(place, {"d0/s0/f0": "changed\n"})
    sandbox.git(place, "repack", "-q", "-a", "-d")
    gits = Gits(sandbox.root.parent / "bin", monkeypatch)
    (target,) = scanned(sandbox.root)
    assert [located.path for located in target.findings] == [b"d3/s1/docker-default"]
    asked = gits.asked()
    changed = [
        sandbox.git(place, "rev-parse", f"HEAD{name}") for name in ("", "^{tree}", ":d0", ":d0/s0")
    ]
    assert set(changed) <= set(asked)
    # The files of the one folder that changed, and those that match, also for their checksums.
    unchanged = {sandbox.git(place, "rev-parse", f"HEAD:d{number}") for number in range(1, 6)}
    assert not unchanged & set(asked)
    assert len(set(asked)) < 20


def test_a_checksum_over_and_over_is_told_once_and_counted(sandbox: Sandbox) -> None:
    text = sandbox.profile()
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    place = sandbox.repository("fork", {"profile": text, "SUMS": f"{digest}\n" * 5000})
    (found,) = [Found(item) for item in git.discover([place]) if isinstance(item, git.Repository)]
    (target,) = run(Steps(Selection(), contents=True), [found])
    (located,) = target.findings
    assert "SUMS:1; its md5 stands in SUMS:2; its md5 stands in SUMS:3 (and 4997 more)" in (
        located.finding.reason
    )
    assert len(located.finding.evidence) < 120


def test_a_damaged_row_or_one_of_another_version_is_as_none(sandbox: Sandbox, state: Path) -> None:
    place = sandbox.repository()
    first = scanned(place)
    stored = rows(state, "SELECT key, value FROM memory")
    assert {key[:1] for key, _ in stored} >= {b"c", b"t"}
    for damage in _damages():
        for key, value in stored:
            rows(state, "UPDATE memory SET value = ? WHERE key = ?", damage(value), key)
        assert scanned(place) == first
        assert dict(rows(state, "SELECT key, value FROM memory")) == dict(stored)  # mended
    rows(state, "UPDATE memory SET rules = ?", b"other rules")
    assert scanned(place) == first
    assert len(rows(state, "SELECT key, value FROM memory")) == 2 * len(stored)


def _damages() -> list[Callable[[bytes], bytes]]:
    def flipped(value: bytes, at: int) -> bytes:
        at = min(at, len(value) - 1)
        return value[:at] + bytes([value[at] ^ 4]) + value[at + 1 :]

    return [
        lambda value: b"",
        lambda value: value[:3],
        lambda value: value[:21],
        lambda value: value[:-1],
        lambda value: value + b"x",
        lambda value: os.urandom(len(value)),
        lambda value: bytes(len(value)),
        *(partial(flipped, at=at) for at in range(0, 99, 5)),
    ]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A cache to which nothing that is queued is written before it is asked to."""
    monkeypatch.setattr(database, "DELAY", 3600.0)
    monkeypatch.setattr(database, "BATCH", 10**6)
    with Database(tmp_path / "findings.db", migrations=CACHE) as opened:
        yield opened


def known(store: cache.Rows, keys: Sequence[bytes]) -> list[bytes]:
    return [key for key in keys if store.recall([key]) == {key: b"of " + key}]


def test_the_latest_are_known_before_they_are_written(
    opened: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_MOST_RECENT", 10 * (cache._ROW + len(b"of 000")))
    store = cache.Rows(opened, b"rules")
    keys = [b"%03d" % number for number in range(95)]
    for number, key in enumerate(keys, 1):
        store.remember([(key, b"of " + key)])
        assert known(store, keys[:number]) == keys[:number]
        unwritten = number - len(known(cache.Rows(opened, b"rules"), keys))
        assert unwritten <= 10
    for key in (keys[82], keys[-1]):  # of which the first is written
        store.remember([(key, b"new")])
        assert store.recall([key]) == {key: b"new"}
    opened.flush()
    written = cache.Rows(opened, b"rules")
    assert known(written, keys) == [key for key in keys if key not in (keys[82], keys[-1])]
    assert known(cache.Rows(opened, b"other rules"), keys) == []


def test_what_is_used_is_kept_longer_than_what_is_not(
    opened: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [b"%03d" % number for number in range(100)]
    used = keys[::7]
    for day, asked in ((1000, keys), (1001, used), (1002, [])):
        monkeypatch.setattr(time, "time", lambda day=day: 86400.0 * day)
        store = cache.Rows(opened, b"rules")
        if day == 1000:
            store.remember((key, b"of " + key) for key in keys)
        assert known(store, asked) == list(asked)
        opened.flush()
    monkeypatch.setattr(
        cache, "MOST", len(used) * len(b"rules" + b"000" + b"CRC.of 000" + bytes(16))
    )
    store.close()
    with Database(opened.path, migrations=CACHE) as again:
        assert known(cache.Rows(again, b"rules"), keys) == used


def test_what_is_remembered_has_a_bound_although_nobody_closes_it(
    opened: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a worker of dask, which goes on for weeks."""
    monkeypatch.setattr(cache, "MOST", 1 << 18)
    stores = [cache.Rows(opened, b"rules"), cache.Rows(opened, b"others")]
    largest = 0
    for number in range(40):
        key = b"%04d" % number
        stores[number % 2].remember([(key, key * 4000)])
        opened.flush()
        ((size,),) = opened.read("SELECT sum(length(key) + length(value)) FROM memory")
        largest = max(largest, size)
    assert (1 << 17) < largest < (1 << 18) * 1.5
    assert cache.Rows(opened, b"others").recall([key]) == {key: key * 4000}


def test_so_many_judged_files_are_kept_the_latest_among_them(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    monkeypatch.setattr(cache, "_MOST_CONTENT", 4000)
    monkeypatch.setattr(cache, "_MOST_JUDGED", 15_000)
    kept = cache.Cache()
    edited = patch("p", sandbox.profile().encode())
    clean = patch("p", sandbox.fixed(sandbox.profile()).encode())
    large = patch("p", sandbox.profile().encode() + b"#" * 4000)
    for number in range(23):
        kept.keep(b"p", str(number), edited)
        assert kept.judged(b"p", str(number)) == edited
        assert sum(kept.judged(b"p", str(each)) is not None for each in range(number)) < 7
    kept.keep(b"p", "large", large)
    assert kept.judged(b"p", "large") is None
    kept.keep(b"p", "clean", clean)
    assert kept.judged(b"p", "clean") == replace(clean, content=b"")
    assert kept.judged(b"q", "clean") is None


@pytest.mark.parametrize("trouble", ["full", "folder", "read-only"])
def test_without_a_memory_the_scan_is_done(
    sandbox: Sandbox, state: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    for number in range(3):
        sandbox.repository(f"r{number}")
    expected = patcher("scan", "--format=json", sandbox.root)
    assert expected.stderr == ""
    if trouble == "full":
        monkeypatch.setenv("PATCHER_CACHE_DIR", "/dev/full/cache")
    elif trouble == "folder":
        cached(state).unlink()
        cached(state).mkdir()
    else:
        for file in cached(state).parent.iterdir():
            file.unlink()
        monkeypatch.setenv("PATCHER_CACHE_DIR", "/proc/1/cache")
    result = patcher("scan", "--format=json", sandbox.root)
    assert result.stdout == expected.stdout
    assert result.exit_code == expected.exit_code
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"patcher: {cache.NOT_USED}: ")


def newer(path: Path) -> None:
    with sqlite3.connect(path) as plain:
        plain.execute("PRAGMA user_version = 99")
    plain.close()


@pytest.mark.parametrize(
    "spoil", [lambda path: path.write_bytes(b"garbage" * 5000), newer], ids=["damaged", "newer"]
)
def test_a_cache_that_cannot_be_used_is_made_anew(
    sandbox: Sandbox, state: Path, spoil: Callable[[Path], object]
) -> None:
    sandbox.repository()
    expected = patcher("scan", "--format=json", sandbox.root)
    spoil(cached(state))
    result = patcher("scan", "--format=json", sandbox.root)
    assert (result.stdout, result.stderr) == (expected.stdout, "")
    assert rows(state, "SELECT key, value FROM memory")


def test_what_is_found_is_not_kept_in_the_ledger(sandbox: Sandbox, state: Path) -> None:
    patcher("scan", sandbox.repository())
    assert cached(state).stat().st_mode & 0o777 == 0o600
    assert not (state / "state").exists()


OTHERWISE: Mapping[str, object] = {
    "migrations": choose(["deny-af-vsock"]),
    "profiles": "all",
    "docs": True,
    "comment": True,
    "max_bytes": 9999,
    "include": ("*.go",),
    "exclude": ("*.go",),
    "proof": "auto",
    "bases": ("main",),
    "seccomp": True,
}
NO_MATTER = ("proof", "bases", "seccomp")
"""These decide what is looked at, what is done with it, and what is shown of it, not what is found
there."""


@pytest.mark.parametrize("name", [field.name for field in fields(Selection)])
def test_what_decides_is_part_of_the_rules(name: str) -> None:
    plain = Selection()
    other = replace(plain, **{name: OTHERWISE[name]})  # type: ignore[arg-type]
    assert (cache.rules(other) == cache.rules(plain)) == (name in NO_MATTER)


CHANGED: Mapping[str, object] = {
    "id": "another",
    "title": "Another",
    "rule": "audit deny network alg,",
    "socket_types": ("seqpacket", "stream"),
    "comment": "Another",
    "why": "Another\n",
    "references": ("another",),
    "message": "another\n",
    "order": 11,
}
"""Another value for each key of a migration; ``anchor`` can have but one."""


def test_every_word_of_a_migration_is_part_of_the_rules() -> None:
    (migration,) = choose()
    assert {field.name for field in fields(migration) if field.init} == {*CHANGED, "anchor"}
    seen = {cache.rules(Selection())}
    for name, value in CHANGED.items():
        other = replace(migration, **{name: value})  # type: ignore[arg-type]
        seen.add(cache.rules(replace(Selection(), migrations=(other,))))
    assert len(seen) == 1 + len(CHANGED)


def test_what_was_found_under_other_options_is_not_told(sandbox: Sandbox) -> None:
    place = sandbox.repository(
        "r", {"d": sandbox.profile(), "big": "x\n" * 9000 + sandbox.profile()}
    )
    plain = scanned(place)
    small = Selection(max_bytes=9000)
    assert scanned(place, small) == scanned(place, small, fresh=True) != plain
    only = Selection(include=("big",))
    assert scanned(place, only) == scanned(place, only, fresh=True) != plain
    assert scanned(place) == plain


@pytest.mark.parametrize("threshold", [10**9, -1])
def test_commits_are_the_same_with_a_memory_and_without(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, threshold: int
) -> None:
    monkeypatch.setattr(grep, "GREP_FROM", threshold)
    monkeypatch.setenv("GIT_AUTHOR_DATE", "1700000000 +0000")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "1700000000 +0000")
    sums = hashlib.md5(sandbox.profile().encode()).hexdigest()
    for name in ("with", "without"):
        files: dict[str, str | bytes] = {"a/profile": sandbox.profile(), "SUMS": sums}
        sandbox.repository(f"{name}/fork", files)
        sandbox.git(sandbox.root / name / "fork", "branch", "next")
    told = []
    for name in ("with", "without"):
        place = sandbox.root / name / "fork"
        if name == "with":
            for _ in range(2):
                patcher("scan", "--base=main", "--base=next", place)
            assert "+  deny network alg,\n" in patcher("diff", "--proof=off", place).stdout
        options = ["--proof=off", "--base=main", "--base=next", "--format=json"]
        result = patcher("apply", *options, place)
        assert result.exit_code == 0, result.stderr
        report = json.loads(result.stdout)
        for target in report["targets"]:
            del target["repository"]
            branch = target["branch"]
            assert "deny network alg" in sandbox.show(place, f"{branch}:a/profile")
        told.append(report)
        again = json.loads(patcher("apply", *options, place).stdout)
        assert {target["outcome"] for target in again["targets"]} == {"up to date"}
    assert told[0] == told[1]


MEASURE = """
import sys
from pathlib import Path
from patcher.cli import group
sys.argv = ["patcher", "scan", "-q", "--jobs=2", sys.argv[1]]
try:
    group.main()
except SystemExit as leave:
    assert leave.code == 1, leave.code
# Not what rusage says: that counts from the fork on, when it was as large as its parent.
_, _, peak = Path("/proc/self/status").read_text().partition("VmHWM:")
print(peak.split()[0])
"""


@pytest.mark.bombs
def test_memory_does_not_grow_with_repositories(tmp_path: Path) -> None:
    from tests import stores
    from tests.hostile.bench import PROFILE

    for number in range(1000):
        blob = stores.make("blob", PROFILE.encode() + b"# %d\n" % number)
        root = stores.tree(("100644", b"docker-default", blob))
        tip = stores.commit(root)
        path = stores.bare(tmp_path / ("few" if number < 100 else "many") / f"{number}.git", tip)
        stores.packed(path, [blob, root, tip])
    (tmp_path / "all").mkdir()
    (tmp_path / "few").rename(tmp_path / "all/few")

    def peak(place: Path) -> int:
        command = [sys.executable, "-c", MEASURE, str(place)]
        env = {**os.environ, "PATCHER_CACHE_DIR": str(tmp_path / f"cache {place.name}")}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
        return int(done.stdout)

    few = peak(tmp_path / "all/few")
    (tmp_path / "many").rename(tmp_path / "all/many")
    assert peak(tmp_path / "all") < 1.2 * few


def test_what_was_dropped_is_remembered(sandbox: Sandbox) -> None:
    text = sandbox.profile() + "profile y {\n  /bin/x r,\n}\n" * (MAX_DROPPED + 1)
    sandbox.repository("r", {"docker-default": text})
    (first,) = scanned(sandbox.root, fresh=True)
    assert len(first.dropped) == MAX_DROPPED
    path, dropped = first.dropped[1]
    assert (path, dropped.profile) == (b"docker-default", "y")
    assert dropped.line == sandbox.profile().count("\n") + 4
    assert list(scanned(sandbox.root)) == list(scanned(sandbox.root)) == [first]


def test_what_is_said_of_an_include_counts_for_its_commit_alone(sandbox: Sandbox) -> None:
    def found() -> dict[str | None, list[str]]:
        targets = scanned(place, Selection(bases=("main", "other")))
        return {target.base: [x.finding.status for x in target.findings] for target in targets}

    profile = "profile x {\n  network inet,\n  include <abstractions/own>\n}\n"
    place = sandbox.repository(
        files={"apparmor.d/x": profile, "apparmor.d/abstractions/own": "  network unix,\n"}
    )
    sandbox.git(place, "branch", "other")
    assert found() == {"refs/heads/main": ["not_affected"], "refs/heads/other": ["not_affected"]}
    sandbox.commit(place, {"apparmor.d/abstractions/own": "  network alg,\n"})
    assert set(found()["refs/heads/main"]) == {"under_investigation"}
    assert found()["refs/heads/other"] == ["not_affected"]

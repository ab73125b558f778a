"""Each fault is one failed repository in one clear line, and the rest is done."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from patcher import locks
from patcher.campaign.cache import NOT_USED
from tests.faults.disk import WAYS, Power, full_disk, readonly_disk
from tests.faults.world import (
    BRANCH,
    command,
    environment,
    fsck,
    git,
    leftovers,
    patcher,
    profile,
    repository,
    snapshot,
)

pytestmark = pytest.mark.kill

Env = dict[str, str]
REF = f"refs/heads/{BRANCH}"


@pytest.fixture
def env(tmp_path: Path) -> Env:
    return environment(tmp_path / "home")


@pytest.fixture
def places(env: Env, tmp_path: Path) -> tuple[Path, Path]:
    """Two repositories; the faults befall the first."""
    return repository(env, tmp_path / "src/a"), repository(env, tmp_path / "src/b")


def tip(env: Env, place: Path) -> str:
    """Where the review branch is; empty when there is none."""
    return git(env, place, "for-each-ref", "--format=%(objectname)", REF).strip()


def applied(env: Env, place: Path, **more: float) -> subprocess.CompletedProcess[str]:
    return patcher(env, "apply", "--proof", "off", place, **more)


def one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Assert that it failed with one line that says so."""
    assert done.returncode == 3, done.stderr
    told = [line for line in done.stderr.splitlines() if NOT_USED in line]
    lines = [line for line in done.stderr.splitlines() if line not in told]
    assert len(told) < 2, done.stderr
    assert len(lines) == 1, done.stderr
    assert all(word in lines[0] for word in words), lines[0]
    assert "unexpected" not in lines[0]


def without_cache(
    done: subprocess.CompletedProcess[str],
) -> subprocess.CompletedProcess[str]:
    """Take out the warning, of one line, that nothing could be remembered."""
    lines = done.stderr.splitlines(keepends=True)
    about = [line for line in lines if "/findings.db cannot be" in line]
    assert len(about) <= 1, done.stderr
    done.stderr = "".join(line for line in lines if line not in about)
    return done


def loose(place: Path, name: str, env: Env) -> Path:
    oid = git(env, place, "rev-parse", name).strip()
    return place / ".git/objects" / oid[:2] / oid[2:]


def _missing(env: Env, place: Path) -> None:
    loose(place, "HEAD:profiles/0/docker-default", env).unlink()


def _no_tree(env: Env, place: Path) -> None:
    loose(place, "HEAD^{tree}", env).unlink()


def _truncated(env: Env, place: Path) -> None:
    file = loose(place, "HEAD:profiles/0/docker-default", env)
    content = file.read_bytes()
    file.chmod(0o600)
    file.write_bytes(content[: len(content) // 2])


def _empty_commit(env: Env, place: Path) -> None:
    file = loose(place, "HEAD", env)
    file.chmod(0o600)
    file.write_bytes(b"")


def _corrupt_pack(env: Env, place: Path) -> None:
    git(env, place, "gc", "-q", "--prune=now")
    (pack,) = (place / ".git/objects/pack").glob("*.pack")
    content = bytearray(pack.read_bytes())
    content[12:-20] = bytes(len(content) - 32)
    pack.chmod(0o600)
    pack.write_bytes(content)


def _no_index(env: Env, place: Path) -> None:
    git(env, place, "gc", "-q", "--prune=now")
    (index,) = (place / ".git/objects/pack").glob("*.idx")
    index.unlink()


def _lock(env: Env, place: Path) -> None:
    lock = place / f".git/{REF}.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()


def _folder_in_the_way(env: Env, place: Path) -> None:
    (place / ".git/refs/heads/patcher").write_text("no ref\n")


def _garbled_head(env: Env, place: Path) -> None:
    (place / ".git/refs/heads/main").write_bytes(b"\xff\0garbage")


@pytest.mark.parametrize(
    "harm",
    [
        _missing,
        _no_tree,
        _truncated,
        _empty_commit,
        _corrupt_pack,
        _no_index,
        _lock,
        _folder_in_the_way,
        _garbled_head,
    ],
)
def test_a_damaged_repository_is_one_line_and_the_other_is_done(
    harm: Callable[[Env, Path], None], env: Env, places: tuple[Path, Path], tmp_path: Path
) -> None:
    harmed, other = places
    harm(env, harmed)
    before = snapshot(harmed), snapshot(other)
    done = applied(env, tmp_path / "src")
    one_line(done, str(harmed))
    assert "unexpected" not in done.stderr
    assert (snapshot(harmed), snapshot(other)) == before
    assert tip(env, other)
    assert not (harmed / f".git/{REF}").exists()
    assert leftovers(env) == []


def test_a_lock_is_named_with_what_to_do(env: Env, places: tuple[Path, Path]) -> None:
    harmed, _ = places
    _lock(env, harmed)
    lock = harmed / f".git/{REF}.lock"
    one_line(applied(env, harmed), f"{lock} exists", "remove that file")
    assert lock.exists(), "it may be a living git's"
    lock.unlink()
    assert applied(env, harmed).returncode == 0
    assert tip(env, harmed)


@pytest.mark.parametrize("name", ["packed-refs.lock", "index.lock", "HEAD.lock", "config.lock"])
def test_locks_of_what_patcher_does_not_write_are_no_matter(
    name: str, env: Env, places: tuple[Path, Path]
) -> None:
    place, _ = places
    (place / ".git" / name).touch()
    done = applied(env, place)
    assert (done.returncode, done.stderr) == (0, "")
    assert tip(env, place)
    assert (place / ".git" / name).exists()


# -- room


@pytest.mark.parametrize("way", WAYS)
def test_a_full_disk(way: str, env: Env, places: tuple[Path, Path], tmp_path: Path) -> None:
    small = tmp_path / "src/small"
    with full_disk(way, small, tmp_path) as broken:
        theirs = env | broken.env
        place = repository(env, small / "fork")
        file = small / "docker-default"
        file.write_text(profile(filling=500))
        old = file.read_bytes()
        broken.break_down()
        names = sorted(path.name for path in small.iterdir())
        before = snapshot(place)
        one_line(applied(theirs, tmp_path / "src"), str(place), "No space left")
        assert [bool(tip(env, other)) for other in places] == [True, True]
        one_line(patcher(theirs, "check", "--fix", file), str(file), "No space left")
        assert file.read_bytes() == old
        crammed = theirs | {"TMPDIR": str(small)}
        one_line(applied(crammed, repository(env, tmp_path / "third")), "TMPDIR")
        assert sorted(path.name for path in small.iterdir()) == names
        broken.mend()
        assert fsck(env, place) == ""
        assert snapshot(place) == before
        assert applied(theirs, place).returncode == 0
        assert tip(env, place)
        assert patcher(theirs, "check", "--fix", file).returncode == 0
        assert file.read_bytes() != old
    assert leftovers(env) == []


def limited(
    env: Env, what: int, most: int, *arguments: str | Path
) -> subprocess.CompletedProcess[str]:
    """patcher under a limit of the system."""

    def limit() -> None:
        resource.setrlimit(what, (most, most))

    return subprocess.run(
        command(*map(str, arguments)),
        env=env | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=limit,
    )


def test_no_file_may_grow(env: Env, places: tuple[Path, Path], tmp_path: Path) -> None:
    place, _ = places
    before = snapshot(place)
    file = tmp_path / "docker-default"
    file.write_text(profile(filling=500))
    old = file.read_bytes()
    done = limited(env, resource.RLIMIT_FSIZE, 64, "apply", "--proof", "off", place)
    one_line(without_cache(done), str(place))
    done = limited(env, resource.RLIMIT_FSIZE, 4096, "check", "--fix", file)
    one_line(done, str(file), "File too large")
    assert file.read_bytes() == old
    assert [path.name for path in tmp_path.iterdir() if "patcher" in path.name] == []
    assert (fsck(env, place), snapshot(place)) == ("", before)
    assert applied(env, place).returncode == 0
    assert leftovers(env) == []


@pytest.mark.parametrize("most", [8, 10, 12, 16])
def test_few_descriptors(most: int, env: Env, places: tuple[Path, Path]) -> None:
    place, _ = places
    before = snapshot(place)
    done = limited(env, resource.RLIMIT_NOFILE, most, "apply", "--proof", "off", place)
    if done.returncode != 0:
        one_line(without_cache(done))
        assert not tip(env, place)
    assert (fsck(env, place), snapshot(place)) == ("", before)
    assert leftovers(env) == []
    assert applied(env, place).returncode == 0


@pytest.mark.parametrize("size", [90 << 20, 200 << 20])
def test_little_memory(size: int, env: Env, places: tuple[Path, Path]) -> None:
    place, _ = places
    before = snapshot(place)
    done = limited(env, resource.RLIMIT_AS, size, "apply", "--proof", "off", place)
    if done.returncode != 0:
        one_line(without_cache(done))
    assert (fsck(env, place), snapshot(place)) == ("", before)
    assert applied(env, place).returncode == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_repository_that_nobody_may_write(
    way: str, env: Env, places: tuple[Path, Path], tmp_path: Path
) -> None:
    place, other = places
    with readonly_disk(way, place, tmp_path) as broken:
        broken.break_down()
        before = snapshot(place)
        one_line(applied(env | broken.env, tmp_path / "src"), str(place), "Read-only file system")
        assert snapshot(place) == before
        assert tip(env, other)
        assert not tip(env, place)
        broken.mend()
        assert applied(env | broken.env, place).returncode == 0
    assert leftovers(env) == []


# -- others at work


def test_many_at_once_on_one_repository(env: Env, places: tuple[Path, Path]) -> None:
    place, _ = places
    before = snapshot(place)
    running = [
        subprocess.Popen(
            command("apply", "--proof", "off", str(place)),
            env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(12)
    ]  # fmt: skip
    committed = 0
    for process in running:
        output, errors = process.communicate(timeout=120)
        assert process.returncode in (0, 3), errors
        if process.returncode == 3:
            assert len(errors.splitlines()) == 1
            assert "in between" in errors or ".lock" in errors, errors
        committed += "1 committed" in output
        if process.returncode == 0:
            assert "1 committed" in output or "1 up to date" in output
    assert committed == 1
    assert len(git(env, place, "reflog", "show", REF).splitlines()) == 1
    assert (fsck(env, place), snapshot(place)) == ("", before)
    assert leftovers(env) == []


def test_beside_gc_and_the_users_own_commits(env: Env, places: tuple[Path, Path]) -> None:
    place, _ = places
    busy = subprocess.Popen(
        ["sh", "-c", "while :; do git gc -q --prune=now; git commit -q --allow-empty -m x; done"],
        cwd=place, env=env, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        done = []
        for number in range(5):
            name = f"fix-{number}"
            done.append(patcher(env, "apply", "--proof", "off", "--branch", name, place))
            assert done[-1].returncode in (0, 3)
            assert done[-1].returncode == 0 or len(done[-1].stderr.splitlines()) == 1
    finally:
        os.killpg(busy.pid, signal.SIGTERM)
        busy.wait()
    time.sleep(0.1)
    for lock in place.glob(".git/**/*.lock"):  # of the git that was ended
        lock.unlink()
    assert fsck(env, place) == ""
    for number in range(5):
        again = patcher(
            env, "apply", "--proof", "off", "--branch", f"fix-{number}",
            "--on-existing", "replace", place,
        )  # fmt: skip
        assert again.returncode == 0, again.stderr
    assert fsck(env, place) == ""
    assert (place / "README").read_text() == "neither staged nor committed\n"


def test_a_repository_deleted_meanwhile(env: Env, tmp_path: Path) -> None:
    places = [repository(env, tmp_path / f"src/{number:02}") for number in range(6)]
    shutil.copytree(tmp_path / "src", tmp_path / "spare", symlinks=True)
    for delay in (0.15, 0.25, 0.35):
        process = subprocess.Popen(
            command("apply", "--proof", "off", "--jobs", "1", str(tmp_path / "src")),
            env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        time.sleep(delay)
        shutil.rmtree(places[3], ignore_errors=True)
        _, errors = process.communicate(timeout=60)
        assert process.returncode in (0, 3), errors
        # One of the walk, which was in it, and one of the search, at most.
        lines = errors.splitlines()
        assert len(lines) <= 2 and bool(lines) == (process.returncode == 3), errors
        assert all(line.startswith(f"patcher: {places[3]}") for line in lines), errors
        assert all(tip(env, place) for place in places if place != places[3])
        shutil.rmtree(tmp_path / "src")
        shutil.copytree(tmp_path / "spare", tmp_path / "src", symlinks=True)
    assert leftovers(env) == []


# -- the end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind(number: int, env: Env, tmp_path: Path) -> None:
    places = [repository(env, tmp_path / f"src/{name}") for name in "abcd"]
    before = [snapshot(place) for place in places]
    for delay in (0.1, 0.2, 0.3, 0.4):
        process = begun(env, "apply", "--proof", "off", tmp_path / "src")
        time.sleep(delay)
        os.killpg(process.pid, number)
        _, errors = process.communicate(timeout=30)
        starting = process.returncode == -number or "init_import_site" in errors
        if not starting and "runpy" not in errors:  # that early, it is Python's own affair
            assert process.returncode in (0, 128 + number), errors
            assert errors.strip() in ("", "patcher: interrupted")
        assert leftovers(env) == []
        assert [fsck(env, place) for place in places] == [""] * 4
        assert [snapshot(place) for place in places] == before
    assert applied(env, tmp_path / "src").returncode == 0


def begun(env: Env, *arguments: str | Path) -> subprocess.Popen[str]:
    """patcher in a process group of its own."""
    return subprocess.Popen(
        command(*map(str, arguments)),
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _own_git(env: Env, folder: Path, step: str) -> Env:
    """An environment with a git that does something of its own in place of moving a branch; where
    that lies is in ``$refs``."""
    real = shutil.which("git", path=env["PATH"])
    lock = f'"${{1#--git-dir=}}/{REF}.lock"'
    folder.mkdir()
    (folder / "git").write_text(
        f'#!/bin/sh\ncase " $* " in *" update-ref "*)\n  lock={lock}\n'
        f'  refs=$(readlink "${{1#--git-dir=}}/refs")\n  {step} ;;\nesac\n'
        f'exec {real} "$@"\n'
    )
    (folder / "git").chmod(0o755)
    return env | {"PATH": f"{folder}:{env['PATH']}"}


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("name", ["INT", "TERM", "HUP"])
def test_a_signal_waits_for_a_branch_that_is_being_moved(
    name: str, times: int, env: Env, places: tuple[Path, Path], tmp_path: Path
) -> None:
    # Not by the shell itself: it takes the signals that it was started to leave alone.
    program = (
        f"import os, signal, sys, time\n"
        f"for _ in range({times}): os.kill(0, signal.SIG{name})\n"
        f"time.sleep(0.2)\n"
        f"os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    step = f"exec {sys.executable} -I -S -c '{program}' {shutil.which('git')} \"$@\""
    theirs = _own_git(env, tmp_path / "bin", step)
    process = begun(theirs, "apply", "--proof", "off", "--jobs", "1", *places)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + getattr(signal, f"SIG{name}")
    assert errors.split() == ["patcher:", "interrupted"]
    assert tip(env, places[0])
    assert leftovers(env) == []
    assert list(tmp_path.glob("src/**/*.lock")) == []
    assert [fsck(env, place) for place in places] == ["", ""]
    assert applied(env, tmp_path / "src").returncode == 0


def test_the_end_waits_for_a_branch_that_another_thread_moves(
    env: Env, places: tuple[Path, Path], tmp_path: Path
) -> None:
    # The first repository is done in the main thread; the signal comes while the second is moved.
    step = f'case "$refs" in *{places[1]}/*) : >{tmp_path}/moving; sleep 0.8 ;; esac'
    theirs = _own_git(env, tmp_path / "bin", step)
    process = begun(theirs, "apply", "--proof", "off", "--jobs", "2", *places)
    while not (tmp_path / "moving").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.split()) == (143, ["patcher:", "interrupted"])
    assert [bool(tip(env, place)) for place in places] == [True, True]
    assert leftovers(env) == []


def test_a_later_signal_ends_even_what_hangs(
    env: Env, places: tuple[Path, Path], tmp_path: Path
) -> None:
    place, _ = places
    theirs = _own_git(
        env, tmp_path / "bin", f': >{tmp_path}/there; mkdir -p "${{lock%/*}}"; : >"$lock"; sleep 60'
    )
    process = begun(theirs, "apply", "--proof", "off", place)
    while not (place / f".git/{REF}.lock").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    time.sleep(1.2)
    assert process.poll() is None, "git may still make it"
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (143, "patcher: interrupted\n")
    assert leftovers(env) == []
    one_line(applied(env, place), "another git is at work there", "remove that file")
    os.killpg(process.pid, signal.SIGKILL)
    (place / f".git/{REF}.lock").unlink()
    assert applied(env, place).returncode == 0
    assert tip(env, place)
    assert leftovers(env) == []


def test_the_lock_of_a_git_that_was_killed_is_named(
    env: Env, places: tuple[Path, Path], tmp_path: Path
) -> None:
    place, _ = places
    theirs = _own_git(env, tmp_path / "bin", 'mkdir -p "${lock%/*}"; : >"$lock"; kill -9 $$')
    one_line(applied(theirs, place), "was not written")
    assert leftovers(env) == []
    one_line(applied(env, place), f"{place}/.git/{REF}.lock exists", "remove that file")


def _dead(env: Env) -> tuple[int, Path]:
    """The scratch folder of a process that is no more, with the id that it had."""
    process = subprocess.Popen(["true"])
    process.wait()
    folder = Path(env["TMPDIR"]) / f"patcher-{process.pid}-0123456789abcdef"
    folder.mkdir(mode=0o700)
    for name in ("objects", "refs"):
        (folder / name).mkdir()
    for name in ("HEAD", "config"):
        (folder / name).touch()
    return process.pid, folder


def test_what_a_killed_patcher_left_is_cleaned_by_the_next(
    env: Env, places: tuple[Path, Path]
) -> None:
    _, dead = _dead(env)
    living = dead.with_name(f"patcher-{os.getpid()}-0123456789abcdef")
    shutil.copytree(dead, living)
    held = dead.with_name(dead.name[:-1] + "0")
    shutil.copytree(dead, held)
    strange = dead.with_name(dead.name[:-1] + "1")
    shutil.copytree(dead, strange)
    (strange / "mine").write_text("no patcher made this\n")
    link = dead.with_name(dead.name[:-1] + "2")
    link.symlink_to(places[0])
    other = dead.with_name("patcher-notes")
    other.mkdir()
    descriptor = locks.hold(str(held / "HEAD"))
    try:
        assert applied(env, places[0]).returncode == 0
    finally:
        os.close(descriptor)
    assert leftovers(env) == sorted(path.name for path in (living, held, strange, link, other))
    assert (strange / "mine").exists()
    assert (places[0] / "README").exists()


def test_what_a_killed_fix_left_is_neither_checked_nor_kept(env: Env, tmp_path: Path) -> None:
    folder = tmp_path / "apparmor.d"
    folder.mkdir()
    file = folder / "docker-default"
    file.write_text(profile())
    process = subprocess.Popen(["true"])
    process.wait()
    dead = folder / f".docker-default.{process.pid}-abc123_x.patcher-new"
    dead.write_text(profile()[:200])
    living = folder / f".docker-default.{os.getpid()}-abc123_x.patcher-new"
    living.write_text("")
    done = patcher(env, "check", "--fix", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "patcher-new" not in done.stdout
    assert sorted(folder.iterdir()) == sorted([file, living])
    assert "deny network alg," in file.read_text()


def rows(env: Env) -> dict[str, dict[str, str]]:
    """What the ledger says of each repository of the campaign, by its name."""
    done = patcher(env, "status", "c", "--format", "jsonl")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {Path(row["repository"]).name: row for row in found}


@pytest.mark.parametrize("hanging", ["a", "b"])
def test_what_was_planned_committed_and_recorded_outlives_a_power_cut(
    env: Env, tmp_path: Path, hanging: str
) -> None:
    """The first repository is done alone, so that where it hangs nothing is recorded."""
    machine = tmp_path / "machine"
    places = [repository(env, machine / name) for name in ("a", "b", "c")]
    env |= {"PATCHER_STATE_DIR": str(machine / "state")}
    power = Power(machine, tmp_path / "synced")
    hangs = _own_git(
        env, tmp_path / "bin", f'case "$refs" in *{machine / hanging}/*) sleep 600 ;; esac'
    )
    process = begun(
        hangs | power.env, "apply", "--proof", "off", "--campaign", "c", "--jobs", "2", *places
    )
    reached = ["planned"] * 3 if hanging == "a" else ["committed", "planned", "committed"]
    before: dict[str, dict[str, str]] = {}
    while [row["stage"] for row in before.values()] != reached:
        assert process.poll() is None
        time.sleep(0.1)
        before = rows(env | power.env)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    power.cut()
    assert rows(env).keys() == before.keys()
    assert [row["stage"] for row in rows(env).values()] == reached
    tips = {place.name: tip(env, place) for place in places}
    assert tips == {name: row["new_commit"] or "" for name, row in rows(env).items()}
    assert [fsck(env, place) for place in places] == ["", "", ""]
    # And the campaign goes on where it was.
    done = patcher(env, "apply", "--campaign", "c")
    assert (done.returncode, done.stderr.count("\n")) == (0, 1), done.stderr
    assert f"{reached.count('planned')} committed, 0 up to date, 0 failed." in done.stdout
    assert [row["stage"] for row in rows(env).values()] == ["committed"] * 3
    assert all(tip(env, machine / name) == tips[name] for name in tips if tips[name])

"""Only the lock file of a git that a killed patcher started is taken back: nobody else's."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from patcher.git import leftovers
from tests.git.conftest import NOBODY, left_behind


class Scene:
    """A lock file, and the scratch folder of a dead patcher with a note of it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.folder = root / "tmp"
        self.lock = root / "refs/heads/x.lock"
        self.lock.parent.mkdir(parents=True)
        self.scratch = left_behind(self.folder, self.lock)
        self.note = self.scratch / "moving-0123456789abcdef"
        self.lock.touch()

    def belongs_to_another(self, path: Path) -> None:
        """From now on a file is another user's, as far as patcher can see."""

        def other(status: os.stat_result) -> SimpleNamespace:
            names = [name for name in dir(status) if name.startswith("st_")]
            seen = {name: getattr(status, name) for name in names}
            return SimpleNamespace(**seen | {"st_uid": status.st_uid + 1})

        inode, lstat, fstat = path.lstat().st_ino, os.lstat, os.fstat

        def seen(status: os.stat_result) -> object:
            return other(status) if status.st_ino == inode else status

        self._patch.setattr(os, "lstat", lambda name: seen(lstat(name)))
        self._patch.setattr(os, "fstat", lambda descriptor: seen(fstat(descriptor)))

    def take_back(self) -> bool:
        return leftovers.take_back(os.fspath(self.folder), os.fspath(self.lock))


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(leftovers, "SETTLED", 0.05)
    with monkeypatch.context() as patch:
        yield Scene(tmp_path, patch)


def test_the_lock_of_a_killed_git_is_taken_back(scene: Scene) -> None:
    assert scene.take_back()
    assert not scene.lock.exists()
    assert list(scene.folder.iterdir()) == []
    assert not scene.take_back()


def test_a_note_of_another_lock_stays(scene: Scene) -> None:
    other = scene.lock.with_name("y.lock")
    other.touch()
    (scene.scratch / "moving-0").write_text(os.fspath(other))
    assert scene.take_back()
    assert other.exists() and not scene.lock.exists()
    assert {path.name for path in scene.scratch.iterdir()} == {"HEAD", "moving-0"}


def test_another_users_lock_is_left_alone(scene: Scene) -> None:
    scene.belongs_to_another(scene.lock)
    assert not scene.take_back()
    assert scene.lock.exists()


@pytest.mark.parametrize("whose", ["scratch", "note"])
def test_what_another_user_noted_is_not_believed(scene: Scene, whose: str) -> None:
    scene.belongs_to_another(getattr(scene, whose))
    assert not scene.take_back()
    leftovers.clean(os.fspath(scene.folder))
    assert scene.lock.exists() and scene.note.exists()


def test_what_another_user_may_have_written_is_not_believed(scene: Scene) -> None:
    for mode in (0o720, 0o702, 0o750):
        scene.scratch.chmod(mode)
        assert not scene.take_back()
        assert scene.lock.exists() and scene.note.exists()


def test_another_users_scratch_folder_is_not_removed(scene: Scene) -> None:
    scene.lock.unlink()
    scene.belongs_to_another(scene.scratch)
    leftovers.clean(os.fspath(scene.folder))
    assert scene.note.exists()


def test_a_link_or_a_folder_in_the_place_of_the_lock_is_left_alone(
    scene: Scene, tmp_path: Path
) -> None:
    scene.lock.unlink()
    scene.lock.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").touch()
    assert not scene.take_back()
    assert scene.lock.is_symlink() and (tmp_path / "elsewhere").exists()
    scene.lock.unlink()
    scene.lock.mkdir()
    assert not scene.take_back()
    assert scene.lock.is_dir()


def test_a_lock_that_is_older_than_the_note_is_left_alone(scene: Scene) -> None:
    noted = scene.note.stat().st_mtime_ns
    os.utime(scene.lock, ns=(noted - 1, noted - 1))
    assert not scene.take_back()
    os.utime(scene.lock, ns=(noted, noted))
    assert scene.take_back()


def test_a_lock_that_no_note_tells_of_is_left_alone(scene: Scene) -> None:
    scene.note.write_text(f"{scene.lock}2")
    os.utime(scene.note, (0, 0))
    assert not scene.take_back()
    assert scene.lock.exists() and scene.note.exists()


@pytest.mark.parametrize("name", ["HEAD", "moving-0123456789abcdef"])
def test_the_lock_of_one_that_lives_is_left_alone(scene: Scene, name: str) -> None:
    descriptor = leftovers.hold(os.fspath(scene.scratch / name))
    try:
        assert not scene.take_back()
        leftovers.clean(os.fspath(scene.folder))
        assert scene.lock.exists() and scene.note.exists()
    finally:
        os.close(descriptor)
    assert scene.take_back()


def test_a_folder_of_a_process_that_runs_is_left_alone(scene: Scene) -> None:
    living = scene.scratch.with_name(f"patcher-{os.getpid()}-0123456789abcdef")
    scene.scratch.rename(living)
    assert not scene.take_back()
    assert scene.lock.exists()


@pytest.mark.parametrize("renewed", [False, True])
def test_a_lock_that_changes_meanwhile_is_left_alone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, renewed: bool
) -> None:
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if renewed:  # by another git, in the same place
            new = scene.lock.with_name("new")
            shutil.copy2(scene.lock, new)
            new.replace(scene.lock)
        else:
            os.utime(scene.lock)

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(leftovers, "SETTLED", 60)
    assert not scene.take_back()
    assert scene.lock.exists()
    [seconds] = slept
    assert 0 < seconds <= 60
    # One that has long been as it is need not be waited for.
    long_ago = time.time() - 90
    os.utime(scene.note, (long_ago, long_ago))
    os.utime(scene.lock, (long_ago, long_ago))
    monkeypatch.setattr(time, "sleep", slept.append)
    assert scene.take_back()
    assert slept[1:] == [0]


def test_the_note_of_a_move_goes_with_it_and_stays_when_it_was_killed(scene: Scene) -> None:
    def notes() -> list[str]:
        return sorted(path.name for path in scene.scratch.iterdir() if path.name != "HEAD")

    def by_itself(error: BaseException) -> bool:
        return True

    def killed(error: BaseException) -> bool:
        return False

    scene.note.unlink()
    lock = os.fspath(scene.lock)
    scene.lock.unlink()
    with leftovers.moving(os.fspath(scene.scratch), lock, by_itself):
        [name] = notes()
        assert (scene.scratch / name).read_text() == lock
        assert not leftovers.is_abandoned(os.fspath(scene.scratch / name))
    assert notes() == []
    # What ended by itself took its lock along: one that is there then is another's.
    for ended in (by_itself, killed):
        with (
            pytest.raises(KeyboardInterrupt),
            leftovers.moving(os.fspath(scene.scratch), lock, ended),
        ):
            time.sleep(0.01)
            scene.lock.touch()
            raise KeyboardInterrupt
        assert notes() == []
        assert scene.lock.exists() is (ended is by_itself)
        scene.lock.unlink(missing_ok=True)
    scene.lock.touch()
    os.utime(scene.lock, (0, 0))  # there before
    with (
        pytest.raises(KeyboardInterrupt),
        leftovers.moving(os.fspath(scene.scratch), lock, killed),
    ):
        raise KeyboardInterrupt
    assert scene.lock.exists()
    assert len(notes()) == 1
    assert not leftovers.is_done_with(os.fspath(scene.scratch))
    scene.lock.unlink()
    assert leftovers.is_done_with(os.fspath(scene.scratch))


@pytest.mark.parametrize(("age", "goes"), [(3500, False), (3700, True)])
def test_a_folder_that_was_never_finished_goes_after_an_hour(
    scene: Scene, age: int, goes: bool
) -> None:
    scene.note.unlink()
    new = scene.scratch.with_name(f"{scene.scratch.name}.new")
    scene.scratch.rename(new)
    then = time.time() - age
    os.utime(new, (then, then))
    leftovers.clean(os.fspath(scene.folder))
    assert new.exists() is not goes


def test_what_is_no_scratch_folder_is_left_alone(scene: Scene, tmp_path: Path) -> None:
    strange = scene.scratch / "mine"
    strange.write_text("no patcher made this\n")
    scene.lock.unlink()
    link = scene.folder / f"patcher-{NOBODY}-0123456789abcde0"
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(scene.scratch, elsewhere)
    elsewhere.chmod(0o700)
    link.symlink_to(elsewhere)
    name = scene.scratch.name
    names = [name[:-1], f"{name}0", f"{name}.old", f"my-{name}", "patcher-notes"]
    for name in names:
        (scene.folder / name).mkdir(mode=0o700)
        (scene.folder / name / "HEAD").touch()
    leftovers.clean(os.fspath(scene.folder))
    assert strange.exists()
    assert (elsewhere / "HEAD").exists() and link.is_symlink()
    assert all((scene.folder / name / "HEAD").exists() for name in names)

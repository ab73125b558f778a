"""Only what a killed patcher of the same user left behind is removed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from patcher import locks
from patcher.git import scratch
from tests.git.conftest import NOBODY


class Scene:
    """The scratch folder of a dead patcher."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.folder = root / "tmp"
        self.scratch = self.folder / f"patcher-{NOBODY}-0123456789abcdef"
        self.scratch.mkdir(parents=True, mode=0o700)
        (self.scratch / "HEAD").touch()

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

    def is_removed(self) -> bool:
        scratch.clean(os.fspath(self.folder))
        return not self.scratch.exists()


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with monkeypatch.context() as patch:
        yield Scene(tmp_path, patch)


def test_the_folder_of_a_dead_patcher_goes(scene: Scene) -> None:
    assert scene.is_removed()


@pytest.mark.parametrize("name", [".", "HEAD"])
def test_another_users_folder_is_left_alone(scene: Scene, name: str) -> None:
    scene.belongs_to_another(scene.scratch / name)
    assert not scene.is_removed()


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o750])
def test_what_another_user_may_have_written_is_left_alone(scene: Scene, mode: int) -> None:
    scene.scratch.chmod(mode)
    assert not scene.is_removed()


def test_the_folder_of_one_that_lives_is_left_alone(scene: Scene) -> None:
    descriptor = locks.hold(os.fspath(scene.scratch / "HEAD"))
    try:
        assert not scene.is_removed()
    finally:
        os.close(descriptor)
    assert scene.is_removed()


def test_a_folder_of_a_process_that_runs_is_left_alone(scene: Scene) -> None:
    dead = scene.scratch
    scene.scratch = dead.with_name(f"patcher-{os.getpid()}-0123456789abcdef")
    dead.rename(scene.scratch)
    assert not scene.is_removed()


@pytest.mark.parametrize(("age", "goes"), [(3500, False), (3700, True)])
def test_a_folder_that_was_never_finished_goes_after_an_hour(
    scene: Scene, age: int, goes: bool
) -> None:
    dead = scene.scratch
    scene.scratch = dead.with_name(f"{dead.name}.new")
    dead.rename(scene.scratch)
    then = time.time() - age
    os.utime(scene.scratch, (then, then))
    assert scene.is_removed() is goes


def test_what_is_no_scratch_folder_is_left_alone(scene: Scene, tmp_path: Path) -> None:
    strange = scene.scratch / "mine"
    strange.write_text("no patcher made this\n")
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
    assert not scene.is_removed()
    assert strange.exists()
    assert (elsewhere / "HEAD").exists() and link.is_symlink()
    assert all((scene.folder / name / "HEAD").exists() for name in names)

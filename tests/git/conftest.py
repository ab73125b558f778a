"""Real repositories, built by plain git under a user of their own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests import images
from tests.conftest import new_folder

GLOBAL = """\
[user]
\tname = Ada Maintainer
\temail = ada@example.org
[init]
\tdefaultBranch = main
[advice]
\tdetachedHead = false
[protocol "file"]
\tallow = always
[gc]
\tauto = 0
"""

PROFILE = b"profile docker-default flags=(attach_disconnected) {\n  network,\n  file,\n}\n"


class Work:
    """A place for repositories, and plain git to build and inspect them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(
        self,
        where: Path,
        *arguments: str | bytes,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> str:
        """Run plain git, and return what it wrote without the last newline."""
        done = subprocess.run(
            ["git", "-C", where, *arguments],
            input=stdin,
            env={**os.environ, **(env or {})},
            capture_output=True,
            check=False,
            timeout=60,
        )
        if check:
            assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")

    def fill(self, where: Path, files: Mapping[str | bytes, bytes]) -> None:
        """Write files below a folder; names may be any bytes."""
        for name, content in files.items():
            path = Path(os.fsdecode(os.fsencode(where) + b"/" + os.fsencode(name)))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def commit(self, where: Path, files: Mapping[str | bytes, bytes], message: str = "x") -> str:
        """Commit files in a work tree."""
        self.fill(where, files)
        self.git(where, "add", "-A")
        self.git(where, "commit", "-q", "-m", message)
        return images.tip(where / ".git") or self.git(where, "rev-parse", "HEAD")

    def repository(
        self,
        name: str = "repo",
        files: Mapping[str | bytes, bytes] | None = None,
        *options: str,
    ) -> Path:
        """A work tree with one commit."""
        path = self.root / name
        given: Mapping[str | bytes, bytes] = {"profile": PROFILE} if files is None else files

        def make() -> None:
            path.mkdir(parents=True)
            self.git(path, "init", "-q", "--template=", *options)
            images.without_samples(path / ".git")
            self.commit(path, given)

        images.write(path, make, options, images.contents(given))
        return path

    def bare(self, source: Path, place: Path, kind: str = "--bare") -> Path:
        """A bare clone of a work tree, or its mirror."""
        arguments = ("clone", "-q", kind, "--template=", os.fspath(source), os.fspath(place))

        def make() -> None:
            self.git(self.root, *arguments)
            images.without_samples(place)

        images.clone(source, place, make, kind)
        return place

    def fsck(self, where: Path) -> None:
        """Assert that git finds nothing wrong."""
        assert self.git(where, "fsck", "--full", "--strict", "--no-dangling") == ""


NOBODY = 10**9  # no kernel gives a process so high an id


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a user's git configuration, and none of the machine's."""
    path = new_folder(tmp_path_factory, "home")
    for name in list(os.environ):
        if name.startswith("GIT_") or name in ("EMAIL", "XDG_CONFIG_HOME"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", os.fspath(path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (path / ".gitconfig").write_text(GLOBAL)
    return path


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    yield Work(tmp_path)


def snapshot(where: Path) -> dict[str, bytes]:
    """Every file, link and mode below a folder, but for git objects."""
    found = {}
    for path in sorted(where.rglob("*")):
        name = path.relative_to(where).as_posix()
        if "/objects/" in f"/{name}":
            continue
        kind = f"{path.lstat().st_mode:o} ".encode()
        if path.is_symlink():
            found[name] = kind + os.fsencode(path.readlink())
        elif path.is_file():
            found[name] = kind + path.read_bytes()
    return found


@pytest.fixture(name="snapshot")
def snapshot_fixture() -> object:
    return snapshot

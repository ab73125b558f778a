"""What the screens and pictures of the documentation are made of: real repositories and a forge.

The sample forks of ``patcher demo``, a repository that is damaged, and a GitHub on loopback that
has two of the forks, as the tests have it. Each time they are the same, to the commits.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.damage import damaged
from tests.forges.branches import GitBranches
from tests.forges.github import GitHub
from tests.git.server import Server
from tests.sources.servers import serving

ROOT = Path(__file__).resolve().parent.parent
FORKS = ("engine-fork", "helm-chart")
"""Those that the forge has, as ``acme/...``."""
BOT = "bot"
"""A user of the forge, and the token for it."""
_WHEN = "2026-05-04T08:00:00+00:00"
_CLOCK = re.compile(r"\b20\d\d-\d\d-\d\d \d\d:\d\d(?= UTC)")
_HOME = "/home/jo/patches"
_FORGE = "https://github.example"


class Sample:
    """A directory with the sample, and patcher's environment there."""

    def __init__(self, place: Path, server: Server, forge: GitHub) -> None:
        self.place, self.server, self.forge = place, server, forge
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(place),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "PATCHER_STATE_DIR": str(place / "state"),
            "PATCHER_CACHE_DIR": str(place / "cache"),
            "GITHUB_API_URL": forge.api,
            "GITHUB_SERVER_URL": _FORGE,
            "GH_TOKEN": BOT,
        }
        for role in ("AUTHOR", "COMMITTER"):
            self.environment |= {
                f"GIT_{role}_NAME": "Jo Doe",
                f"GIT_{role}_EMAIL": "jo@example.org",
                f"GIT_{role}_DATE": _WHEN,
            }

    def run(self, *words: str | Path) -> str:
        """Run a program; its standard output. Raises CalledProcessError."""
        return subprocess.run(
            [str(word) for word in words],
            cwd=self.place, env=self.environment, check=True, stdout=subprocess.PIPE, text=True,
        ).stdout  # fmt: skip

    def shown(self, text: str) -> str:
        """What patcher printed, with names and a time that are the same each time."""
        text = text.replace(self.forge.url, _FORGE).replace(str(self.place), _HOME)
        return _CLOCK.sub("2026-05-04 08:00", text)

    def build(self) -> None:
        """Make the repositories; those of the demo without their review branches."""
        instead = f"url.{self.server.url}/ok/.insteadOf"
        self.run("git", "config", "--global", instead, f"{_FORGE}/")
        patcher = (sys.executable, "-m", "patcher")
        self.run(*patcher, "demo", "src")
        self.run(*patcher, "undo", "--base", "main", "--base", "release/*", "src")
        for fork in sorted((self.place / "src").iterdir()):
            self._date(fork)
        damaged(self.place / "src/node-image", self.place / "broken")
        for name in FORKS:
            served = self.server.root / f"acme/{name}.git"
            self.run("git", "clone", "-q", "--bare", self.place / "src" / name, served)
            self.forge.add(f"acme/{name}")
            self.forge.repository(f"acme/{name}").roles |= {BOT: "write", "ada": "write"}

    def _date(self, fork: Path) -> None:
        """Make the same commits as of one time, so that they have the same ids each time."""
        git = ("git", "-C", fork)
        for branch in self.run(*git, "for-each-ref", "--format=%(refname)", "refs/heads").split():
            words = self.run(*git, "log", "-1", "--format=%s", branch).strip()
            tree = self.run(*git, "rev-parse", f"{branch}^{{tree}}").strip()
            commit = self.run(*git, "commit-tree", tree, "-m", words).strip()
            self.run(*git, "update-ref", branch, commit)


@contextlib.contextmanager
def sample() -> Iterator[Sample]:
    """Make the sample; it is gone afterwards."""
    # The width of names decides where lines break, so they are as long on every machine.
    with tempfile.TemporaryDirectory(dir="/tmp") as scratch:
        place = Path(scratch)
        forge = GitHub(GitBranches(place / "served"))
        forge.users[BOT] = BOT
        with Server(place / "served") as server, serving(forge):
            forge.clone_base = _FORGE
            made = Sample(place, server, forge)
            made.build()
            yield made

"""Repositories and files to break things in, what must stay as it is, and patcher as a process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BRANCH = "patcher/deny-af-alg"
RULES = """\
  network,
  capability,
  file,
  umount,
  deny @{PROC}/sysrq-trigger rwklx,
  deny @{PROC}/kcore rwklx,
  deny mount,
"""


def quick_folder() -> str | None:
    """A folder in memory, if there is one: most of the time on a disk goes to waiting for fsync."""
    place = Path("/dev/shm")
    return str(place) if place.is_dir() and os.access(place, os.W_OK) else None


def profile(name: str = "docker-default", rules: str = RULES, filling: int = 0) -> str:
    """A moby-style profile, with so many more rules."""
    more = "".join(f"  deny /srv/{number}/** wklx,\n" for number in range(filling))
    flags = "flags=(attach_disconnected,mediate_deleted)"
    return f"profile {name} {flags} {{\n{rules}{more}}}\n"


def fixed(text: str) -> str:
    """The same after the edit."""
    return text.replace("  network,\n", "  network,\n  deny network alg,\n")


def environment(home: Path) -> dict[str, str]:
    """For git and patcher: a user of their own, and a folder for temporary files of their own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GIT_", "XDG_", "PATCHER_"))
    }
    temporary = home / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    (home / ".gitconfig").write_text(
        "[user]\n\tname = A Tester\n\temail = tester@example.org\n[init]\n\tdefaultBranch = main\n"
        "[gc]\n\tauto = 0\n"
    )
    return kept | {
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "GIT_CONFIG_NOSYSTEM": "1",
        "PYTHONPATH": str(ROOT),
    }


def git(env: Mapping[str, str], place: Path, *arguments: str, check: bool = True) -> str:
    """Run the real git; what it wrote to standard output, and where it fails also to standard
    error."""
    done = subprocess.run(
        ["git", "-C", str(place), *arguments], env=env, capture_output=True, check=False
    )
    errors = done.stderr.decode("utf-8", "replace")
    assert done.returncode == 0 or not check, errors
    return done.stdout.decode("utf-8", "replace") + (errors if done.returncode else "")


def put_in_the_way(env: Mapping[str, str], place: Path, branch: str) -> None:
    """Let a branch be someone else's, with a commit that the base lacks."""
    who = ["-c", "user.name=Someone", "-c", "user.email=someone@example.org"]
    commit = git(env, place, *who, "commit-tree", "-p", "main", "-m", "Mine", "main^{tree}").strip()
    git(env, place, "update-ref", f"refs/heads/{branch}", commit)


def command(*arguments: str) -> list[str]:
    """patcher's command line."""
    return [sys.executable, "-m", "patcher", *arguments]


def patcher(
    env: Mapping[str, str], *arguments: str | Path, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run patcher as a process."""
    return subprocess.run(
        command(*map(str, arguments)),
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def repository(env: Mapping[str, str], place: Path, *options: str, files: int = 1) -> Path:
    """A work tree with a commit, that its user is in the middle of working in."""
    place.mkdir(parents=True)
    git(env, place, "init", "-q", *options)
    for number in range(files):
        file = place / f"profiles/{number}/docker-default"
        file.parent.mkdir(parents=True)
        file.write_text(profile(f"docker-default-{number}", filling=20 * number))
    (place / "README").write_text("A fork\n")
    git(env, place, "add", "-A")
    git(env, place, "commit", "-q", "-m", "Sample")
    git(env, place, "branch", "other")
    git(env, place, "tag", "v1")
    (place / "README").write_text("stashed\n")
    git(env, place, "stash")
    (place / "README").write_text("staged\n")
    git(env, place, "add", "README")
    (place / "README").write_text("neither staged nor committed\n")
    (place / "untracked").write_text("new\n")
    return place


def fsck(env: Mapping[str, str], place: Path) -> str:
    """What git finds wrong; empty when nothing is."""
    done = subprocess.run(
        ["git", "-C", str(place), "fsck", "--full", "--strict", "--no-dangling", "--no-progress"],
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return (done.stdout + done.stderr).strip() or (
        f"exit status {done.returncode}" if done.returncode else ""
    )


def _belongs_to_branch(name: str) -> bool:
    for part in (f"refs/heads/{BRANCH}", f"logs/refs/heads/{BRANCH}"):
        if name.endswith((part, f"{part}.lock")):
            return True
    return False


def snapshot(place: Path) -> dict[str, tuple[int, int, bytes]]:
    """All that is the user's: every file but objects and what belongs to the review branch."""
    inner = place / ".git" if (place / ".git").is_dir() else place
    seen = {}
    for file in sorted(place.rglob("*")):
        name = file.relative_to(place).as_posix()
        if file.is_dir() or _belongs_to_branch(name) or file.is_relative_to(inner / "objects"):
            continue
        status = file.lstat()
        seen[name] = (status.st_mode, status.st_mtime_ns, file.read_bytes())
    return seen


def leftovers(env: Mapping[str, str]) -> list[str]:
    """What lies in the folder for temporary files."""
    return sorted(file.name for file in Path(env["TMPDIR"]).iterdir())


@dataclass(frozen=True)
class World:
    """Several repositories of different kinds, and a folder of plain files."""

    root: Path
    env: dict[str, str]

    @property
    def repositories(self) -> list[Path]:
        return sorted((self.root / "src").iterdir())

    @property
    def files(self) -> Path:
        return self.root / "files"

    def tree(self, place: Path) -> str:
        """The tree of the review branch; empty when there is none."""
        name = f"refs/heads/{BRANCH}"
        if not git(self.env, place, "for-each-ref", name):
            return ""
        return git(self.env, place, "rev-parse", f"{name}^{{tree}}").strip()


def build(root: Path) -> World:
    """Make the world below an empty folder."""
    env = environment(root / "home")
    src = root / "src"
    repository(env, src / "plain")
    repository(env, src / "sha256", "--object-format=sha256", files=3)
    packed = repository(env, src / "packed", files=5)
    git(env, packed, "gc", "-q")
    git(env, packed, "pack-refs", "--all")
    bare = repository(env, root / "bare-source", files=2)
    git(env, root, "clone", "-q", "--bare", str(bare), str(src / "bare.git"))
    shutil.rmtree(bare)
    files = root / "files"
    files.mkdir()
    for number in range(12):
        (files / f"profile-{number}").write_text(profile(f"p-{number}", filling=number * 20))
    return World(root, env)


def copied(world: World, root: Path) -> World:
    """The same world once more, times and all."""
    shutil.copytree(world.root, root, symlinks=True)
    return World(root, environment(root / "home"))

"""Many small bare repositories with release branches, behind a server, and what should become of
them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.world import command, environment, fixed, git, profile
from tests.git.server import Server

BASES = ("main", "release/1.0", "release/2.0")
OPTIONS = ["--base", "main", "--base", "release/*", "--proof", "off"]
NAMED = ("docker-default", "profiles/apparmor", "deploy/node/docker-default")
DATES = {"GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000"}
"""With these, a commit's id says all that is in it."""


def review(base: str) -> str:
    """The review branch of a base."""
    return "patcher/deny-af-alg" + ("" if base == "main" else f"-{base}")


@dataclass(frozen=True)
class World:
    """The repositories below ``root``/served, and an environment for patcher beside them."""

    root: Path
    env: dict[str, str]
    expected: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    """For each repository and each of its review branches the files that differ from the base."""

    @property
    def served(self) -> Path:
        return self.root / "served"

    @property
    def names(self) -> list[str]:
        return list(self.expected)

    @property
    def branches(self) -> int:
        """Review branches that there should be in the end."""
        return sum(map(len, self.expected.values()))

    def urls(self, server: Server, fault: str = "ok") -> Path:
        """A list of all repositories."""
        path = self.root / "list.txt"
        path.write_text("".join(f"{server.url}/{fault}/{name}\n" for name in self.names))
        return path

    def elsewhere(self, name: str) -> dict[str, str]:
        """The environment of another user's machine: a cache and a ledger of its own."""
        own = {"PATCHER_CACHE_DIR": "cache", "PATCHER_STATE_DIR": "state"}
        return self.env | {key: str(self.root / name / part) for key, part in own.items()}

    def faults(self) -> Iterator[str]:
        """What is not as it should be in the end, a line for each repository."""
        with ThreadPoolExecutor(4) as threads:
            yield from filter(None, threads.map(self._fault, self.names))

    def _fault(self, name: str) -> str:
        place = self.served / name
        wrong = git(self.env, place, "fsck", "--strict", "--no-dangling", "--no-progress")
        if wrong:
            return f"{name}: {wrong}"
        there = set(
            git(self.env, place, "for-each-ref", "--format=%(refname:lstrip=2)", "refs").split()
        )
        if there != {*BASES, *self.expected[name]}:
            return f"{name}: it has the branches {sorted(there)}"
        for branch, changed in self.expected[name].items():
            base = next(each for each in BASES if review(each) == branch)
            count = git(self.env, place, "rev-list", "--count", f"{base}..{branch}").strip()
            paths = git(self.env, place, "diff", "--name-only", base, branch).split()
            if (count, sorted(paths)) != ("1", sorted(changed)):
                return f"{name}: {branch} has {count} commits and changes {paths}"
            for path, text in changed.items():
                if git(self.env, place, "show", f"{branch}:{path}") != text:
                    return f"{name}: {branch} has another {path}"
        return ""

    def tips(self) -> dict[str, str]:
        """Every review branch, and its commit."""
        tips = {}
        for name in self.names:
            refs = git(
                self.env, self.served / name, "for-each-ref", "refs/heads/patcher",
                "--format=%(objectname) %(refname:lstrip=2)",
            )  # fmt: skip
            for line in refs.splitlines():
                commit, _, branch = line.partition(" ")
                tips[f"{name} {branch}"] = commit
        return tips


def build(root: Path, repositories: int, *, affected: int = 4) -> World:
    """Make the world below an empty folder; one repository in ``affected`` has something to fix, on
    each of its branches, but some releases are fixed or do not have the file."""
    env = environment(root / "home")
    env |= {"PATCHER_CACHE_DIR": str(root / "cache"), "PATCHER_STATE_DIR": str(root / "state")}
    world = World(root, env)
    world.served.mkdir()
    empty = root / "empty.git"
    git(env, root, "init", "-q", "--bare", "--initial-branch=main", "--template=", str(empty))
    made = range(repositories)
    streams = []
    for number in made:
        name = f"team-{number % 7}/fork-{number:05}.git"
        contents, expected = _contents(number, number % affected == 0)
        world.expected[name] = expected
        streams.append((name, _stream(contents)))

    def make(one: tuple[str, bytes]) -> None:
        name, stream = one
        place = world.served / name
        (place / "refs").mkdir(parents=True)
        (place / "objects").mkdir()
        for file in ("HEAD", "config"):
            (place / file).write_bytes((empty / file).read_bytes())
        command = ["git", f"--git-dir={place}", "fast-import", "--quiet"]
        subprocess.run(command, input=stream, env=env, check=True)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(make, streams))
    return world


def _contents(
    number: int, affected: bool
) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """The files of each branch, and those that should differ on each review branch."""
    contents, expected = {}, {}
    for at, base in enumerate(BASES):
        files = {"README": f"Fork {number}, {base}\n", "src/net.go": f"// {number}\nnetwork,\n" * 9}
        path = NAMED[number % len(NAMED)]
        text = profile(f"docker-default-{number % 11}", filling=number % 5 + at)
        if affected and (number // 4 + at) % 5 == 4:
            text = fixed(text)  # the release was fixed by hand
        elif affected and not ((number // 4) % 6 == 5 and at == 1):
            expected[review(base)] = {path: fixed(text)}
        elif affected:
            path = "none"
        elif number % 3 == 0:
            text = fixed(text)
        else:
            path = "none"
        if path != "none":
            files[path] = text
        contents[base] = files
    return contents, expected


def _stream(contents: Mapping[str, Mapping[str, str]]) -> bytes:
    """What git-fast-import(1) makes the branches of."""
    lines = []
    for base, files in contents.items():
        lines.append(f"commit refs/heads/{base}\ncommitter a <a@example.org> 1690000000 +0000")
        lines.append("data 7\nSample\n")
        for path, text in files.items():
            lines.append(f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}")
        lines.append("")
    return "\n".join(lines).encode()


def ran(
    world: World, *arguments: str | Path, env: Mapping[str, str] | None = None, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run patcher as a process, to its end."""
    return subprocess.run(
        command(*map(str, arguments)),
        env=env or world.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def started(
    world: World, *arguments: str | Path, env: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start patcher, in a session and process group of its own."""
    return subprocess.Popen(
        command(*map(str, arguments)),
        env=env or world.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def exported(
    world: World, name: str, env: Mapping[str, str] | None = None
) -> dict[tuple[str, str], dict[str, Any]]:
    """What the ledger says of each target, without times and attempts."""
    done = ran(world, "status", name, "--format", "jsonl", env=env)
    assert done.returncode == 0, done.stderr
    rows = {}
    for line in done.stdout.splitlines():
        row = json.loads(line)
        del row["at"], row["attempts"]
        rows[row["repository"], row["base"]] = row
    return rows

"""A place to build hostile repositories in, and plain git to show that they bite."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from click.testing import CliRunner, Result

from patcher.cli import group
from patcher.proof import parser
from tests.needs import open_terminal

BRANCH = "patcher/deny-af-alg"
COMMANDS = ("scan", "diff", *(["verify"] if parser.installed() else []), "apply")
"""The commands that read repositories; `verify` does not start without apparmor_parser."""

GLOBAL = """\
[user]
\tname = Ada Maintainer
\temail = ada@example.org
[init]
\tdefaultBranch = main
"""

PROFILE = """\
profile docker-default flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,
  deny @{PROC}/sysrq-trigger rwklx,
  deny @{PROC}/kcore rwklx,
  deny mount,
  deny /sys/[^f]*/** wklx,
}
"""
FIXED = PROFILE.replace("  network,\n", "  network,\n  deny network alg,\n")

VICTIM = "the victim's own file\n"


def patcher(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    """The command line, in this process; whatever it raises is raised here."""
    result = CliRunner().invoke(group, [str(argument) for argument in arguments], input=stdin)
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    return result


@dataclass(frozen=True, slots=True)
class Bench:
    """``place`` is the repository that attacks, ``victim`` one of the user's own beside it. The
    program ``run`` leaves a marker."""

    root: Path
    place: Path
    victim: Path
    run: Path

    @property
    def git_dir(self) -> Path:
        return self.place / ".git"

    def git(
        self,
        *arguments: str,
        where: Path | None = None,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> str:
        """Run plain git; its standard output."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=where or self.place,
            input=stdin,
            env={**os.environ, **(env or {})},
            capture_output=True,
            check=False,
            timeout=60,
        )
        if check:
            assert done.returncode == 0, (arguments, done.stderr.decode(errors="replace"))
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def git_on_a_terminal(self, *arguments: str) -> None:
        """Run plain git with a terminal for its output, where it starts pagers."""
        on_a_terminal(["git", *arguments], self.place)

    def config(self, text: str) -> None:
        """Append to the repository's own configuration; ``{run}`` is the program."""
        with (self.git_dir / "config").open("a") as file:
            file.write(self.filled(text))

    def filled(self, text: str) -> str:
        names = {"run": self.run, "root": self.root, "victim": self.victim, "place": self.place}
        for name, value in names.items():
            text = text.replace("{" + name + "}", str(value))
        return text

    def commit(self, files: Mapping[str, str]) -> str:
        for name, content in files.items():
            path = self.place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.filled(content))
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "more")
        return self.git("rev-parse", "HEAD")

    def commit_tree(self, tree: str) -> str:
        """Move the branch to a new commit of a tree, without a work tree."""
        commit = self.git("commit-tree", "-p", "HEAD", "-m", "tree", tree)
        self.git("update-ref", "refs/heads/main", commit)
        return commit

    def put(self, kind: str, content: bytes) -> str:
        """Write an object as it is, however odd."""
        whole = b"%b %d\0%b" % (kind.encode(), len(content), content)
        oid = hashlib.sha1(whole).hexdigest()
        path = self.git_dir / "objects" / oid[:2] / oid[2:]
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)  # git makes objects read-only
        path.write_bytes(zlib.compress(whole, 1))
        return oid

    def tree(self, *entries: tuple[str, bytes, str]) -> str:
        """Write a tree of entries (mode, name, object id), in the order given."""
        return self.put(
            "tree",
            b"".join(b"%b %b\0%b" % (m.encode(), n, bytes.fromhex(oid)) for m, n, oid in entries),
        )

    def ran(self) -> list[str]:
        """What the program was run for."""
        file = self.root / "markers" / "ran"
        return file.read_text(errors="replace").splitlines() if file.exists() else []

    def snapshot(self) -> dict[str, tuple[int, bytes]]:
        """Everything on the bench but the attacker's git objects and the review branch."""
        own = [f".git/{top}refs/heads/patcher" for top in ("", "logs/")]
        seen = {}
        for folder, folders, files in os.walk(self.root):
            at = Path(folder)
            if at == self.git_dir:
                folders.remove("objects") if "objects" in folders else None
            if at.is_relative_to(self.place) and str(at.relative_to(self.place)) in own:
                folders.clear()
                continue
            for name in [*files, *folders]:
                path = at / name
                inside = path.is_relative_to(self.place)
                if inside and str(path.relative_to(self.place)) in own:
                    continue
                status = path.lstat()
                if path.is_symlink():
                    content = os.fsencode(path.readlink())
                elif path.is_file():
                    content = path.read_bytes()
                else:
                    content = b""
                seen[str(path)] = (status.st_mode, content)
        return seen


def on_a_terminal(command: list[str], where: Path) -> tuple[int, bytes]:
    """Run a program with a terminal for its output and errors: exit status, and what it wrote."""
    ours, theirs = open_terminal()
    pieces: list[bytes] = []

    def read() -> None:
        try:
            while piece := os.read(ours, 65536):
                pieces.append(piece)
        except OSError:  # how a terminal ends on Linux
            pass

    reader = threading.Thread(target=read)
    reader.start()
    env = {**os.environ, "TERM": "xterm"}
    done = subprocess.run(
        command, cwd=where, env=env, stdin=theirs, stdout=theirs, stderr=theirs, timeout=60
    )
    os.close(theirs)
    reader.join()
    os.close(ours)
    return done.returncode, b"".join(pieces)


@dataclass(frozen=True, slots=True)
class Lure:
    """One attack.

    ``bait`` builds it. ``springs`` are plain git commands that set it off, as ``fired`` tells; they
    are run after patcher, which must not. Patcher does its job, unless ``refused`` says which of
    its commands decline, and with which words.
    """

    name: str
    bait: Callable[[Bench], None]
    springs: tuple[tuple[str, ...], ...]
    fired: Callable[[Bench], bool] = field(default=lambda bench: bool(bench.ran()))
    refused: str = ""
    by: tuple[str, ...] = ("scan", "diff", "apply", "verify")
    terminal: bool = False
    stdin: bytes = b""

    def spring(self, bench: Bench) -> None:
        for arguments in self.springs:
            command = [bench.filled(argument) for argument in arguments]
            if self.terminal:
                bench.git_on_a_terminal(*command)
            else:
                bench.git(*command, stdin=self.stdin, check=False)


def copied(template: Path, root: Path) -> Bench:
    """A bench with a copy of the repositories in ``template``."""
    shutil.copytree(template, root, symlinks=True)
    (root / "markers").mkdir()
    run = root / "run"
    run.write_text(f'#!/bin/sh\necho "$0 $*" >> {root}/markers/ran\nexit 1\n')
    run.chmod(0o755)
    return Bench(root, root / "downloads" / "fork", root / "victim", run)

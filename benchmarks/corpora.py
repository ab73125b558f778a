"""Repositories to measure on, built by one `git fast-import` each, the same bytes in every run.

small   many bare repositories of about 40 files of 2 kB; every twentieth has an affected profile
large   one bare repository of about 6,000 files in 600 folders, 80 MB unpacked, as big as moby/moby
family  bare forks of the large one: each a repository of its own, with a few commits of its own

Each has the branches main, release/1.0 and release/1.1. Objects lie in packs, as in a fresh clone;
where a repository was pushed to in small pieces they lie in files of their own (``loose``).
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PROFILE = """\
package apparmor

const profile = `
profile {{.Name}} flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,

  deny @{PROC}/sysrq-trigger rwklx,
  deny mount,
  deny /sys/firmware/** rwklx,
}
`
"""

BRANCHES = ("main", "release/1.0", "release/1.1")
AFFECTED_EVERY = 20
"""One small repository in so many has the profile: 5%."""

SMALL_FILES = 40
LARGE_FOLDERS = 600
LARGE_FILES = 10
"""Files in each folder of the large repository."""

Files = Mapping[str, bytes]


def environment() -> dict[str, str]:
    """What git needs to do the same for everybody: no configuration but the repository's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {
        **kept,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Benchmark",
        "GIT_AUTHOR_EMAIL": "benchmark@example.org",
        "GIT_COMMITTER_NAME": "Benchmark",
        "GIT_COMMITTER_EMAIL": "benchmark@example.org",
    }


def small(folder: Path, count: int, *, loose: bool = False) -> None:
    """Build ``count`` small repositories, those that are not there yet."""
    missing = [number for number in range(count) if not _place(folder, number).exists()]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for _ in threads.map(lambda number: _small(_place(folder, number), number, loose), missing):
            pass


def affected(folder: Path, count: int) -> list[Path]:
    """Those of the first ``count`` small repositories that have the profile."""
    return [_place(folder, number) for number in range(0, count, AFFECTED_EVERY)]


def groups(folder: Path, count: int) -> list[Path]:
    """The folders that hold the first ``count`` small repositories, a hundred each."""
    return [folder / f"{number:03}" for number in range(-(-count // _GROUP))]


def repositories(folders: Iterable[Path]) -> list[Path]:
    """The repositories in folders."""
    return [place for folder in folders for place in sorted(folder.glob("*.git"))]


_GROUP = 100


def _place(folder: Path, number: int) -> Path:
    return folder / f"{number // _GROUP:03}" / f"repository-{number:05}.git"


def _small(place: Path, number: int, loose: bool) -> None:
    text = _Text(number)
    files = {
        f"pkg/part{part % 7}/file{part}.go": text.source(f"part{part % 7}", 2_000)
        for part in range(SMALL_FILES)
    }
    if number % AFFECTED_EVERY == 0:
        files["pkg/apparmor/template.go"] = PROFILE.encode()
    later = {"VERSION": b"1.1\n", "pkg/part0/file0.go": text.source("part0", 2_000)}
    latest = {"VERSION": b"2.0-dev\n", "pkg/part1/file1.go": text.source("part1", 2_000)}
    with _built(place) as new:
        _import(
            new,
            [
                *_commit("release/1.0", {"VERSION": b"1.0\n", **files}),
                *_commit("release/1.1", later, parent="refs/heads/release/1.0"),
                *_commit("main", latest, parent="refs/heads/release/1.1"),
            ],
            unpack_limit=1_000 if loose else 1,
        )


def large(place: Path, *, folders: int = LARGE_FOLDERS) -> None:
    """Build the large repository at ``place``, if it is not there; ``folders`` sets its size."""
    if place.exists():
        return
    text = _Text(-1)
    sizes = random.Random(1)
    files = {"VERSION": b"1.0\n", "pkg/apparmor/template.go": PROFILE.encode()}
    for number in range(folders):
        folder = f"{_TOP[number % len(_TOP)]}/area{number % 31}/part{number}"
        for file in range(LARGE_FILES):
            size = min(200_000, int(sizes.lognormvariate(8.7, 1.2)) + 200)
            files[f"{folder}/file{file}.go"] = text.source(f"part{number}", size)
    names = [name for name in files if name.endswith(("0.go", "5.go"))]

    def changes(version: str) -> dict[str, bytes]:
        some = sizes.sample(names, max(1, len(names) // 20))
        return {"VERSION": version.encode(), **{name: text.source("x", 8_000) for name in some}}

    with _built(place) as new:
        _import(
            new,
            [
                *_commit("release/1.0", files),
                *_commit("release/1.1", changes("1.1\n"), parent="refs/heads/release/1.0"),
                *_commit("main", changes("2.0-dev\n"), parent="refs/heads/release/1.1"),
            ],
        )
        git("--git-dir", new, "repack", "-a", "-d", "-q")


def family(folder: Path, upstream: Path, count: int) -> None:
    """Build forks of ``upstream``, those that are not there yet: a full copy each, and on each
    branch two commits of its own, which change a dozen files."""
    listed = git("--git-dir", upstream, "ls-tree", "-r", "-z", "--name-only", "main")
    names = [name for name in listed.split("\0") if name.endswith(".go") and "template" not in name]
    for number in range(count):
        place = folder / f"fork-{number:03}.git"
        if place.exists():
            continue
        text = _Text(1_000_000 + number)
        chosen = random.Random(number)
        stream: list[bytes] = []
        for branch in BRANCHES:
            for step in range(2):
                changed = {name: text.source("own", 4_000) for name in chosen.sample(names, 6)}
                changed[f"fork/{step}.go"] = text.source("fork", 2_000)
                stream += _commit(branch, changed, parent=f"refs/heads/{branch}^0")
        with _built(place, upstream) as new:
            _import(new, stream)


_TOP = ("api", "builder", "cmd", "daemon", "integration", "libnetwork", "pkg", "vendor/x", "volume")


class _Text:
    """Source text that compresses about as real source does, each file with lines of its own."""

    _lines: tuple[str, ...] = ()

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._seed = seed
        if not _Text._lines:
            _Text._lines = tuple(self._pool())

    @staticmethod
    def _pool() -> Iterator[str]:
        words = random.Random(0)
        for _ in range(4_000):
            a, b, c = (f"{words.choice(_WORDS)}{words.choice(_WORDS).title()}" for _ in range(3))
            yield words.choice(_SHAPES).format(a=a, b=b, c=c, n=words.randrange(1_000))

    def source(self, package: str, size: int) -> bytes:
        """About ``size`` bytes. As in moby, one file in 30 has the word that a blanket rule begins
        with and its comma, and some more speak of networks."""
        head = f"package {package}\n\n// {self._seed} {self._random.getrandbits(64):x}\n"
        lines = self._random.choices(self._lines, k=max(1, (size - len(head)) // 63))
        chance = self._random.random()
        if chance < 0.15:
            lines[::10] = ["\tn.network = network // the network is up\n"] * len(lines[::10])
        if chance < 1 / 30:
            head += "func dial(network, address string) error {\n\treturn nil\n}\n\n"
        return (head + "".join(lines)).encode()


_WORDS = (
    *("address", "archive", "attach", "backend", "bridge", "buffer", "bundle", "cache", "client"),
    *("cluster", "config", "container", "context", "copy", "create", "daemon", "device", "driver"),
    *("endpoint", "error", "event", "exec", "filter", "handler", "header", "health", "image"),
    *("layer", "length", "limit", "listen", "manager", "mount", "node", "option"),
    *("parse", "plugin", "port", "process", "reader", "registry", "remote", "request", "response"),
    *("restart", "router", "runtime", "sandbox", "scope", "secret", "server", "service", "session"),
    *("signal", "socket", "state", "storage", "stream", "swarm", "task", "token", "volume"),
)
_SHAPES = (
    "\t{a} := {b}.{c}({n})\n",
    "\tif err := {a}({b}, {c}); err != nil {{\n\t\treturn err\n\t}}\n",
    "// {a} keeps the {b} of each {c}.\n",
    "func ({a} *{b}) {c}() int {{\n\treturn {n}\n}}\n\n",
    '\tlog.G(ctx).WithField("{a}", {b}).Debug("{c}")\n',
    "\t{a}.{b} = append({a}.{b}, {c})\n",
)


def git(*arguments: str | Path, stdin: bytes = b"") -> str:
    """Run git and return what it prints."""
    command = ["git", *(os.fspath(argument) for argument in arguments)]
    done = subprocess.run(
        command, input=stdin, env=environment(), stdout=subprocess.PIPE, check=True
    )
    return done.stdout.decode()


@contextlib.contextmanager
def _built(place: Path, like: Path | None = None) -> Iterator[Path]:
    """An empty bare repository, or a copy of another, that gets its name once it is complete."""
    new = place.with_name(f"{place.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    if like is not None:
        shutil.copytree(like, new)
    else:
        for name in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
            (new / name).mkdir(parents=True)
        (new / "HEAD").write_text("ref: refs/heads/main\n")
        (new / "config").write_text(
            "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"
        )
    yield new
    new.rename(place)


def _commit(branch: str, files: Files, parent: str = "") -> Iterator[bytes]:
    yield b"commit refs/heads/%b\n" % branch.encode()
    yield b"committer Benchmark <benchmark@example.org> 1700000000 +0000\ndata 2\nx\n"
    if parent:
        yield b"from %b\n" % parent.encode()
    for path, content in files.items():
        yield b"M 100644 inline %b\ndata %d\n%b\n" % (path.encode(), len(content), content)


def _import(place: Path, stream: Sequence[bytes], unpack_limit: int = 1) -> None:
    limit = f"fastimport.unpackLimit={unpack_limit}"
    git("--git-dir", place, "-c", limit, "fast-import", "--quiet", stdin=b"".join(stream))

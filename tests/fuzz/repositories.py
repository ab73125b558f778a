"""Repositories with random trees and refs, and what holds for each of them."""

from __future__ import annotations

import hashlib
import os
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

from patcher import git
from patcher.campaign import caches
from patcher.campaign.commits import Commits
from patcher.campaign.selection import Selection
from patcher.campaign.steps import Item, Steps
from patcher.results import Outcome, Target
from patcher.sources.found import Found
from tests.fuzz.inputs import Input, mutated
from tests.fuzz.properties import Broken

KEEP = 1 << 24

NAMES = [
    b"a", b"b.go", b"profile", b"docker-default", b"x.yaml", b"d", b"dir", b".git", b"..", b".",
    b".GIT", b"git~1", b".git ", b"\xff\xfe", b"a\nb", b"a\x1b[2J", b"-x", b"--output=x", b"a b",
    b"\xe2\x80\xae", b"x" * 300, b".gitattributes", b".gitmodules", b"README.md", b"a\\b", b"con",
    b'"', b"'", b"$(x)", b"a:b",
]  # fmt: skip
MODES = [b"100644", b"100644", b"100644", b"100755", b"40000", b"40000", b"120000", b"160000",
         b"100664", b"040000", b"644", b"0", b"777777", b"20000"]  # fmt: skip
REFS = [
    "refs/heads/main", "refs/heads/next", "refs/heads/release/1.0", "refs/heads/release/1.1",
    "refs/heads/-x", "refs/heads/a\nb", "refs/heads/patcher/deny-af-alg", "refs/heads/a..b",
    "refs/heads/patcher", "refs/remotes/origin/main", "refs/remotes/origin/HEAD", "refs/tags/v1",
    "refs/heads/\x1b[31m", "refs/heads/" + "x" * 200, "refs/replace/" + "0" * 40,
]  # fmt: skip
"""What refs are called; some are no names for git."""

BASES = [(), (), (), ("main",), ("release/*", "main"), ("*",), ("refs/**",), ("v1", "next")]


class Made:
    """A bare repository, written object by object."""

    def __init__(self, random: Random, place: Path, corpus: list[Input]) -> None:
        self.random, self.place, self._corpus = random, place, corpus
        for folder in ("objects", "refs/heads"):
            (place / folder).mkdir(parents=True)
        (place / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
        self._blobs = [self.put(b"blob", self._content()) for _ in range(random.randint(1, 4))]
        self._trees: list[str] = []
        for _ in range(random.randint(1, 4)):
            self._trees.append(self.put(b"tree", self._tree()))
        self.commits = [self._commit() for _ in range(random.randint(1, 3))]
        self._refs()

    def put(self, kind: bytes, content: bytes) -> str:
        data = b"%b %d\0%b" % (kind, len(content), content)
        oid = hashlib.sha1(data).hexdigest()
        file = self.place / "objects" / oid[:2] / oid[2:]
        file.parent.mkdir(exist_ok=True)
        if not file.exists():
            file.write_bytes(zlib.compress(data, 1))
        return oid

    def _content(self) -> bytes:
        if self.random.random() < 0.5:
            return self.random.choice(self._corpus).content
        return mutated(self.random, self._corpus).content

    def _any(self) -> str:
        """The id of some object, or of none."""
        pick = self.random.random()
        if pick < 0.05:
            return self.random.randbytes(20).hex()
        return self.random.choice(self._blobs + (self._trees if pick < 0.4 else []))

    def _tree(self) -> bytes:
        entries = []
        for _ in range(self.random.randint(0, 6)):
            mode = self.random.choice(MODES)
            folder = mode.endswith(b"40000") and self._trees and self.random.random() < 0.9
            name = self.random.choice(NAMES)
            if not folder and self.random.random() < 0.6:
                mode, name = (
                    b"100644",
                    os.fsencode(Path(self.random.choice(self._corpus).path).name),
                )
            file = mode.startswith(b"100") and self.random.random() < 0.95
            pool = self._trees if folder else self._blobs if file else None
            oid = self.random.choice(pool) if pool else self._any()
            entries.append((name, mode, oid))
        if self.random.random() < 0.8:
            entries = sorted({name: (name, mode, oid) for name, mode, oid in entries}.values())
        return b"".join(b"%b %b\0%b" % (m, n, bytes.fromhex(oid)) for n, m, oid in entries)

    def _commit(self) -> str:
        tree = self._trees[-1] if self.random.random() < 0.9 else self._any()
        who = b"A <a@example.org> 1700000000 +0000"
        return self.put(
            b"commit", b"tree %b\nauthor %b\ncommitter %b\n\nx\n" % (tree.encode(), who, who)
        )

    def _refs(self) -> None:
        packed = []
        for name in {"refs/heads/main", *self.random.sample(REFS, self.random.randint(0, 5))}:
            oid = self.random.choice(self.commits)
            if self.random.random() < 0.05:
                oid = self._any()
            text = (
                f"{oid}\n" if self.random.random() < 0.9 else f"ref: {self.random.choice(REFS)}\n"
            )
            if self.random.random() < 0.3 and "\n" not in name:
                packed.append(f"{oid} {name}\n")
                continue
            file = self.place / name
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            except OSError:  # one is a folder of the other
                continue
        if packed:
            head = "# pack-refs with: peeled fully-peeled sorted\n"
            (self.place / "packed-refs").write_text(
                head + "".join(sorted(packed, key=lambda x: x[41:]))
            )
        head = "ref: refs/heads/main\n" if self.random.random() < 0.9 else f"{self.commits[0]}\n"
        (self.place / "HEAD").write_text(head)


def check_repositories(random: Random, corpus: list[Input], scratch: Path) -> int:
    """Scan some repositories together, commit, scan again; how many commits there were. Raises
    Broken."""
    folder = scratch / "repositories"
    shutil.rmtree(folder, ignore_errors=True)
    made = [Made(random, folder / f"r{n}.git", corpus) for n in range(random.randint(1, 3))]
    options = random.randrange(4)
    selection = Selection(
        profiles="all" if options & 1 else "moby",
        docs=bool(options & 2),
        bases=random.choice(BASES),
    )
    before = {one.place: _files(one.place) for one in made}
    first = _run(Steps(selection, fresh=True), folder)
    if any(_files(place) != files for place, files in before.items()):
        raise Broken("a scan writes")
    for _ in range(2):
        if _run(Steps(selection), folder) != first:
            raise Broken("what is remembered is not what was found")
        caches.close()
    commits = Steps(selection, Commits(author="A <a@example.org>"))
    done = _run(commits, folder)
    for target in done:
        if target.outcome is Outcome.COMMITTED:
            _look(target)
    for place, files in before.items():
        now = {name: content for name, content in _files(place).items() if not _ours(name)}
        if now != {name: content for name, content in files.items() if not _ours(name)}:
            raise Broken("something else than the review branch was written")
    for target in _run(commits, folder):
        if target.outcome is Outcome.COMMITTED:
            raise Broken("a second run commits again")
    return sum(target.outcome is Outcome.COMMITTED for target in done)


def _run(campaign: Steps, folder: Path) -> list[Target]:
    items: list[Item] = [
        item if isinstance(item, git.Failure) else Found(item) for item in git.discover([folder])
    ]
    batch = [item for item in items if isinstance(item, Found)]
    targets = [target for each in campaign(batch) for target in each]
    for target in targets:
        if target.cause == "unexpected":
            raise Broken(f"raised {target.error}")
        for text in (target.error, target.note):
            if text is not None and not text.isprintable():
                raise Broken(f"not one printable line: {text!r}")
    return targets


def _ours(name: str) -> bool:
    return name.startswith(("objects/", "refs/heads/patcher/", "logs/refs/heads/patcher/"))


def _files(place: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(place)): file.read_bytes()
        for file in place.rglob("*")
        if file.is_file()
    }


def _look(target: Target) -> None:
    """What was committed differs from its base by what was to be inserted, and by nothing else."""
    assert target.commit and target.new_commit
    with git.Objects(Path(target.repository) / "objects", hexsize=40) as objects:
        old = dict(_walk(objects, _content(objects, target.commit)[5:45].decode(), b""))
        new = dict(_walk(objects, _content(objects, target.new_commit)[5:45].decode(), b""))
    changed = {file.path: file for file in target.files}
    for path in old.keys() | new.keys():
        name = path[0]
        if old.get(path) == new.get(path):
            continue
        file = changed.get(name)
        if file is None or path not in old or path not in new:
            raise Broken(f"{name!r} is not as it was")
        if new[path] != file.new_oid or old[path] != file.old_oid:
            raise Broken(f"{name!r} is not as it was to become")


def _walk(
    objects: git.Objects, tree: str, folder: bytes
) -> Iterator[tuple[tuple[bytes, bytes, int], str]]:
    """Every entry, by path, mode and place in its folder."""
    data, at, number = _content(objects, tree), 0, 0
    while at < len(data):
        space, nul = data.index(b" ", at), data.index(b"\0", at)
        mode, name, oid = data[at:space], data[space + 1 : nul], data[nul + 1 : nul + 21].hex()
        at, number = nul + 21, number + 1
        if mode in (b"40000", b"040000"):
            yield from _walk(objects, oid, folder + name + b"/")
        else:
            yield (folder + name, mode, number), oid


def _content(objects: git.Objects, oid: str) -> bytes:
    return objects.one(oid.encode(), KEEP).content or b"" if oid else b""

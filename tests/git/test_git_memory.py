"""What is remembered of one repository is never believed of another where it may be a lie.

git does not look whether what a pack says an object holds fits its id. Here a repository gives the
ids of another one's profile, tree or commit to something else, in every order and way of reading.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from patcher import git
from patcher.campaign import caches
from patcher.campaign.selection import Selection
from patcher.campaign.steps import Steps
from patcher.git.tree_search import blobs, grep
from patcher.results import Target
from patcher.sources.found import Found
from tests import stores
from tests.hostile.bench import FIXED, PROFILE
from tests.stores import Object
from tests.variants import few, pairs

AFFECTED = PROFILE.encode()
CLEAN = FIXED.encode()
LIMIT = 1 << 16
"""The size limit of these scans."""

GIANT = 4 * LIMIT
"""From here on nothing is streamed."""

LINE = b"x" * 99 + b"\n"


class World:
    """An honest repository, and one that lies about an object of its."""

    def __init__(self, root: Path, text: bytes) -> None:
        self.root = root
        self.blob = stores.make("blob", text)
        self.other = stores.make("blob", b"nothing to see here\n" * 9)
        self.below = stores.tree(("100644", b"docker-default", self.blob))
        self.sums = stores.make("blob", hashlib.sha256(text).hexdigest().encode() + b"\n")
        self.top = self.around(self.below)
        self.tip = stores.commit(self.top)
        self.objects = [self.blob, self.other, self.below, self.sums, self.top, self.tip]

    def around(self, below: Object) -> Object:
        return stores.tree(
            ("100644", b"README", self.other),
            ("100644", b"SUMS", self.sums),
            ("40000", b"sub", below),
        )

    def honest(self, store: Callable[[Path, Sequence[Object]], None]) -> git.Repository:
        path = stores.bare(self.root / "honest.git", self.tip)
        store(path, self.objects)
        return opened(path)

    def liar(
        self,
        name: str,
        lie: Object,
        more: Sequence[Object],
        store: Callable[[Path, Sequence[Object]], None],
        way: str,
    ) -> git.Repository:
        """``way``: what names the lie is the honest repository's commit, a commit of the liar's own
        with the same tree, or one with that tree in a folder."""
        tip, wrapped = self.tip, []
        if way == "tree":
            tip = stores.commit(self.top, "mine")
        elif way == "folder":
            around = stores.tree(("40000", b"copy", self.top), ("100644", b"z", self.other))
            tip, wrapped = stores.commit(around), [around]
        path = stores.bare(self.root / f"{name}.git", tip)
        honest = [*self.objects, *wrapped, *more, tip]
        if store is both:
            both(path, honest, [lie])
        else:
            stored = {held.oid: held for held in [*honest, lie]}
            store(path, list(stored.values()))
        return opened(path)


def both(path: Path, objects: Sequence[Object], lies: Sequence[Object] = ()) -> None:
    """Honest in files of their own, where Python finds them first, and lies in a pack, where git
    does."""
    stores.loose(path, objects)
    stores.packed(path, lies or objects)


def opened(path: Path) -> git.Repository:
    (item,) = git.discover([path])
    assert isinstance(item, git.Repository), item
    return item


def lies(world: World, text: bytes) -> dict[str, tuple[Object, list[Object]]]:
    """Each lie, and what it needs beside it; ``text`` is what the liar would like to be seen."""
    blob = world.blob
    mine = stores.make("blob", text)
    below = stores.tree(("100644", b"docker-default", mine))
    top = world.around(below)
    tag = f"object {world.other.oid}\ntype blob\ntag x\ntagger A <a@b> 1 +0000\n\n".encode()
    return {
        "small": (blob.lying("blob", text), []),
        "empty": (blob.lying("blob", b""), []),
        "large": (blob.lying("blob", LINE * 1000), []),
        "large match": (blob.lying("blob", LINE * 1000 + AFFECTED), []),
        "large binary": (blob.lying("blob", AFFECTED + b"\0" * LIMIT), []),
        "giant": (blob.lying("blob", LINE * 5000), []),
        "giant match": (blob.lying("blob", AFFECTED + LINE * 5000), []),
        "giant binary": (blob.lying("blob", AFFECTED + b"\0" * 5 * LIMIT), []),
        "blob as tree": (blob.lying("tree", world.below.content), []),
        "blob as tag": (blob.lying("tag", tag), []),
        "blob as large tag": (blob.lying("tag", tag + LINE * 1000), []),
        "sums": (world.sums.lying("blob", b"nothing\n"), []),
        "large sums": (world.sums.lying("blob", LINE * 1000), []),
        "folder": (world.below.lying("tree", below.content), [mine]),
        "empty folder": (world.below.lying("tree", b""), []),
        "folder as blob": (world.below.lying("blob", text), []),
        "root": (world.top.lying("tree", top.content), [mine, below]),
        "root as commit": (  # which git follows
            world.top.lying("commit", stores.commit(top).content),
            [mine, below, top],
        ),
        "commit": (world.tip.lying("commit", stores.commit(top).content), [mine, below, top]),
        "large commit": (
            world.tip.lying("commit", stores.commit(top).content + LINE * 11_000),
            [mine, below, top],
        ),
        "commit as tag": (
            world.tip.lying("tag", tag.replace(world.other.oid.encode(), top.oid.encode())),
            [mine, below, top],
        ),
    }


NAMES = (
    "small;empty;large;large match;large binary;giant;giant match;giant binary;blob as tree;"
    "blob as tag;blob as large tag;sums;large sums;folder;empty folder;folder as blob;root;"
    "root as commit;commit;large commit;commit as tag"
).split(";")
STORES = {"packed": stores.packed, "loose": stores.loose, "both": both}


class Scan:
    """Scans that share a memory, each as in a process of its own."""

    def __init__(self, selection: Selection, together: bool) -> None:
        self._campaign, self._together = Steps(selection), together

    def __call__(self, *repositories: git.Repository) -> dict[str, Target]:
        if self._together:
            found = self._all(repositories)
        else:
            found = [self._all([repository])[0] for repository in repositories]
        caches.close()
        return {Path(targets[0].repository).stem: targets[0] for targets in found}

    def _all(self, repositories: Sequence[git.Repository]) -> list[tuple[Target, ...]]:
        # With two jobs, for on one thread no `git grep` is started.
        return [tuple(one) for one in self._campaign.each([*map(Found, repositories)], jobs=2)]


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "_STREAM", GIANT)


PLACES = (
    ("packed", "packed", "commit"),
    ("packed", "packed", "tree"),
    ("loose", "packed", "folder"),
    ("packed", "loose", "commit"),
    ("packed", "both", "commit"),
)


@pytest.mark.parametrize(
    ("name", "truth", "wish", "searched"),
    pairs(
        NAMES,
        [
            (AFFECTED, CLEAN, "read"),
            (CLEAN, AFFECTED, "grep"),
            (AFFECTED, CLEAN, "grep"),
            (CLEAN, AFFECTED, "read"),
        ],
    ),
)
def test_a_lie_about_an_id_is_believed_of_nobody_else(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    truth: bytes,
    wish: bytes,
    searched: str,
) -> None:
    monkeypatch.setattr(grep, "GREP_FROM", 10**9 if searched == "read" else -1)
    selection = Selection(max_bytes=LIMIT)
    places = PLACES if truth is AFFECTED else PLACES[:1]
    for number, (of_honest, of_liar, way) in enumerate(places):
        world = World(tmp_path / str(number), truth)
        lie, more = lies(world, wish)[name]
        honest = world.honest(STORES[of_honest])
        expected = _fresh(honest, selection)
        liar = world.liar("liar", lie, more, STORES[of_liar], way)
        if not number:  # git believes it
            assert _plainly(liar, lie.oid) == f"{lie.kind} {len(lie.content)}"
        orders = product((True, False), repeat=2) if not number else [(True, True)]
        for together, liar_first in orders:
            state = tmp_path / f"{number}-{together}-{liar_first}"
            monkeypatch.setenv("PATCHER_STATE_DIR", str(state))
            scan = Scan(selection, together)
            order = [liar, honest] if liar_first else [honest, liar]
            for repositories in (order, [honest, liar]):
                found = scan(*repositories)["honest"]
                assert found == expected, (of_honest, of_liar, way, together, repositories)


def answer(held: Object, oid: str | None = None) -> bytes:
    """What `git cat-file --batch` says of an object."""
    return f"{oid or held.oid} {held.kind} {len(held.content)}\n".encode() + held.content + b"\n"


@pytest.mark.parametrize(
    ("searched", "together", "spilled"),
    few(
        product(
            ["read", "grep"], [True, False], ["another", "none", "itself", "large", "for ever"]
        ),
        3,
    ),
)
def test_answers_that_a_blob_makes_up_are_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spilled: str, together: bool, searched: str
) -> None:
    """Of a loose blob git writes all there is, whatever its size is said to be: here what git would
    say to whatever is asked next, be it the profile, the tree below, or the next repository's
    commit."""
    monkeypatch.setattr(grep, "GREP_FROM", 10**9 if searched == "read" else -1)
    world = World(tmp_path, AFFECTED)
    clean = stores.make("blob", CLEAN)
    below = stores.tree(("100644", b"docker-default", clean))
    top = world.around(below)
    large = Object("blob", LINE * 1000, clean.oid)
    asked = [world.sums, world.blob, world.below, world.tip, world.top]
    made_up = {
        "another": [clean, clean, below, stores.commit(top), top],
        "none": [],
        "itself": [clean, clean, below, stores.commit(top), top],
        "large": [large] * 5,
        "for ever": [],
    }[spilled]
    honest = world.honest(stores.packed)
    expected = _fresh(honest, Selection(max_bytes=LIMIT))
    for number, start in enumerate(range(len(asked))):
        text = b"".join(
            answer(held, one.oid if spilled in ("itself", "large") else None)
            for one, held in zip(asked[start:], made_up[start:], strict=False)
        )
        if spilled == "none":
            text = b"".join(f"{one.oid} missing\n".encode() for one in asked[start:])
        path = stores.bare(tmp_path / f"liar{number}.git", world.tip)
        more = [clean, below, top, stores.commit(top)]
        stores.packed(path, [held for held in [*world.objects, *more] if held != world.other])
        stores.spilling(path, world.other, b"\n" + text[:-1] if text else LINE * 10_000)
        liar = opened(path)
        monkeypatch.setenv("PATCHER_STATE_DIR", str(tmp_path / f"state{number}"))
        scan = Scan(Selection(max_bytes=LIMIT), together)
        for repositories in ([liar, honest], [honest, liar]):
            found = scan(*repositories)
            assert found["honest"] == expected, (start, repositories)


SELECTIONS = (
    Selection(max_bytes=LIMIT, include=("sub/",)),
    Selection(max_bytes=LIMIT, exclude=("SUMS",)),
    Selection(max_bytes=LIMIT, profiles="all", docs=True, comment=True),
    Selection(max_bytes=10),
    Selection(max_bytes=LIMIT, bases=("main", "x*")),
)


@pytest.mark.parametrize(
    ("name", "searched", "selection"),
    pairs(
        product(["small", "large", "giant", "folder", "root", "commit"], ["read", "grep"]),
        SELECTIONS,
    ),
)
def test_whatever_is_asked_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    selection: Selection,
    searched: str,
) -> None:
    """Also after scans with other options, of which nothing counts; and with several branches."""
    monkeypatch.setattr(grep, "GREP_FROM", 10**9 if searched == "read" else -1)
    world = World(tmp_path, AFFECTED)
    lie, more = lies(world, CLEAN)[name]
    honest = world.honest(stores.packed)
    expected = _fresh(honest, selection)
    liar = world.liar("liar", lie, more, stores.packed, "tree")
    (liar.git_dir / "refs/heads/x1").write_text(f"{world.tip.oid}\n")
    scan = Scan(selection, together=True)
    for repositories in ([liar, honest], [honest, liar]):
        Scan(Selection(max_bytes=LIMIT), together=True)(liar)
        found = scan(*repositories)
        assert found["honest"] == expected, repositories


@pytest.mark.parametrize("name", ["small", "large", "sums", "folder"])
def test_what_counts_for_one_alone_is_not_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The liar's tree is remembered of the liar, then it stands in a larger one, then in the honest
    repository's own commit."""
    monkeypatch.setattr(grep, "GREP_FROM", -1)
    world = World(tmp_path, AFFECTED)
    lie, more = lies(world, CLEAN)[name]
    honest = world.honest(stores.packed)
    expected = _fresh(honest, Selection(max_bytes=LIMIT))
    liar = world.liar("liar", lie, more, both, "tree")
    around = stores.tree(("40000", b"copy", world.top), ("40000", b"sub", world.below))
    wrapped = stores.commit(around)
    stores.loose(liar.git_dir, [around, wrapped])
    scan = Scan(Selection(max_bytes=LIMIT), together=False)
    for tip in (None, wrapped, world.tip):
        if tip is not None:
            (liar.git_dir / "refs/heads/main").write_text(f"{tip.oid}\n")
        scan(liar)
    assert scan(honest)["honest"] == expected


@pytest.mark.parametrize("searched", ["read", "grep"])
@pytest.mark.parametrize("name", ["small", "large", "sums", "folder", "root", "commit"])
def test_another_repository_in_the_place_of_a_liar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, searched: str
) -> None:
    """Even the folder's inode is the same."""
    monkeypatch.setattr(grep, "GREP_FROM", 10**9 if searched == "read" else -1)
    world = World(tmp_path, AFFECTED)
    lie, more = lies(world, CLEAN)[name]
    honest = world.honest(stores.packed)
    expected = _fresh(honest, Selection(max_bytes=LIMIT))
    liar = world.liar("liar", lie, more, stores.packed, "commit")
    inode = liar.git_dir.stat().st_ino
    scan = Scan(Selection(max_bytes=LIMIT), together=False)
    scan(liar)
    for entry in list(liar.git_dir.iterdir()):
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for entry in list(honest.git_dir.iterdir()):
        entry.rename(liar.git_dir / entry.name)
    assert liar.git_dir.stat().st_ino == inode
    found = scan(opened(liar.git_dir))["liar"]
    assert found == replace(expected, repository=found.repository)


def _fresh(repository: git.Repository, selection: Selection) -> Target:
    ((target, *_),) = Steps(selection, fresh=True)([Found(repository)])
    assert target.error is None and len(target.findings) == 1
    return target


def _plainly(repository: git.Repository, oid: str) -> str:
    """What plain git says that an id is."""
    done = subprocess.run(
        ["git", "--git-dir", repository.git_dir, "cat-file", "--batch-check"],
        input=oid.encode(),
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip().partition(" ")[2]

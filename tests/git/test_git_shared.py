"""Many repositories read by one git: each gives what it gives alone, whatever is beside it."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from patcher import git
from patcher.campaign.selection import Selection
from patcher.campaign.steps import Steps
from patcher.git.tree_search import grep
from patcher.results import Target
from patcher.sources.found import Found
from tests import stores
from tests.gits import Gits
from tests.hostile.bench import PROFILE
from tests.stores import Object
from tests.variants import few

if TYPE_CHECKING:
    from tests.git.conftest import Work

LIMIT = 1 << 16


def opened(path: Path) -> git.Repository:
    (item,) = git.discover([path])
    assert isinstance(item, git.Repository), item
    return item


def together(paths: Sequence[Path]) -> list[tuple[Target, ...]]:
    found = [Found(opened(path)) for path in paths]
    # With two jobs, for on one thread no `git grep` is started.
    campaign = Steps(Selection(max_bytes=LIMIT), fresh=True)
    return [tuple(targets) for targets in campaign.each(found, jobs=2)]


def alone(path: Path) -> tuple[Target, ...]:
    (targets,) = together([path])
    return targets


def store_packed(work: Work, path: Path) -> None:
    work.git(path, "repack", "-q", "-a", "-d")


def store_mixed(work: Work, path: Path) -> None:
    work.git(path, "repack", "-q", "-a", "-d")
    work.commit(path, {"later/profile": PROFILE.encode() + b"# later\n"})


def store_borrowed(work: Work, path: Path) -> None:
    """All objects lie in an alternate, which is named by a relative path."""
    work.git(path, "repack", "-q", "-a", "-d")
    lent = path.parent / f"lent {path.name}"
    (path / ".git/objects").rename(lent)
    (path / ".git/objects/info").mkdir(parents=True)
    (path / ".git/objects/info/alternates").write_bytes(
        os.fsencode(os.path.relpath(lent, path / ".git/objects")) + b"\n"
    )


STORES: tuple[Callable[[Work, Path], None], ...] = (
    store_packed,
    lambda work, path: None,
    store_mixed,
    store_borrowed,
)
ODD = ("plain", "a:b", 'say "x"', '"', "new\nline", os.fsdecode(b"latin-\xe9"), "back\\slash", "#")


@pytest.mark.campaigns
def test_forty_of_every_kind(work: Work) -> None:
    paths = []
    rng = random.Random(5)
    for number in range(40):
        files: dict[str | bytes, bytes] = {
            f"d{part % 3}/f{part}": b"%d\n" % rng.randrange(9) for part in range(9)
        }
        if number % 3:
            files[b"etc/\xff docker"] = PROFILE.encode() + b"# %d\n" % (number % 4)
        options = ["--object-format=sha256"] if number % 5 == 4 else []
        path = work.repository(f"{ODD[number % len(ODD)]} {number}", files, *options)
        STORES[number % 4](work, path)
        paths.append(path)
    found = together(paths)
    assert found == [alone(path) for path in paths]
    targets = [target for (target,) in found]
    assert all(target.error is None for target in targets)
    assert sum(bool(target.findings) for target in targets) > 25
    assert {len(target.commit or "") for target in targets} == {40, 64}


def test_it_is_one_git_that_reads_them(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [work.repository(f"r{number}", {"f": b"%d\n" % number}) for number in range(9)]
    for path in paths:
        store_packed(work, path)
    gits = Gits(work.root / "bin", monkeypatch)
    assert not any(target.failed for (target,) in together(paths))
    assert gits.calls() == ["cat-file --batch"]


class Bad:
    """A repository with something wrong in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.profile = stores.make("blob", PROFILE.encode() + b"# bad\n")
        self.other = stores.make("blob", b"x" * 60_000)
        self.root = stores.tree(
            ("100644", b"docker-default", self.profile), ("100644", b"other", self.other)
        )
        self.tip = stores.commit(self.root)
        stores.bare(path, self.tip)

    @property
    def objects(self) -> list[Object]:
        return [self.profile, self.other, self.root, self.tip]


def corrupt(bad: Bad) -> None:
    stores.packed(bad.path, bad.objects)
    (pack,) = (bad.path / "objects/pack").glob("*.pack")
    data = bytearray(pack.read_bytes())
    for at in range(20, len(data) - 20, 7):
        data[at] ^= 0x55
    pack.write_bytes(data)


def bad_index(bad: Bad) -> None:
    stores.packed(bad.path, bad.objects)
    (index,) = (bad.path / "objects/pack").glob("*.idx")
    index.write_bytes(b"\xfftOc" + os.urandom(2000))


def bad_multi_pack_index(bad: Bad) -> None:
    stores.packed(bad.path, bad.objects)
    (bad.path / "objects/pack/multi-pack-index").write_bytes(b"MIDX\1\1\xff\0" + os.urandom(500))


def lacking(bad: Bad) -> None:
    stores.packed(bad.path, [held for held in bad.objects if held != bad.other])


def lacking_its_tree(bad: Bad) -> None:
    stores.packed(bad.path, [bad.tip])


def lying(bad: Bad) -> None:
    lie = bad.profile.lying("blob", b"clean\n")
    stores.packed(bad.path, [bad.other, bad.root, bad.tip, lie])


def lying_often(bad: Bad) -> None:
    """More often than a git may die."""
    lies = [stores.make("blob", b"%d" % number).lying("blob", b"lie") for number in range(99)]
    entries = [("100644", b"f%03d" % number, lie) for number, lie in enumerate(lies)]
    root = stores.tree(*entries)
    tip = stores.commit(root)
    stores.packed(bad.path, [*lies, root, tip])
    (bad.path / "refs/heads/main").write_text(f"{tip.oid}\n")


def blob_bomb(bad: Bad) -> None:
    bomb = stores.make("blob", bytes(64 << 20))
    _with(bad, bomb)
    stores.loose(bad.path, [bomb])


def delta_bomb(bad: Bad) -> None:
    """A gigabyte that git has to hold in its memory."""
    base, copies = bad.other, 20_000
    digest = hashlib.sha1(b"blob %d\0" % (len(base.content) * copies))
    for _ in range(copies):
        digest.update(base.content)
    bomb = Object("blob", b"", digest.hexdigest())
    _with(bad, bomb, stores.delta(bomb.oid, base, copies))


def _with(bad: Bad, bomb: Object, *more: tuple[str, bytes]) -> None:
    root = stores.tree(
        ("100644", b"bomb", bomb),
        ("100644", b"docker-default", bad.profile),
        ("100644", b"other", bad.other),
    )
    tip = stores.commit(root)
    held = [bad.profile, bad.other, root, tip]
    stores.pack(bad.path, [*map(stores.plain, held), *more])
    (bad.path / "refs/heads/main").write_text(f"{tip.oid}\n")


def no_commit(bad: Bad) -> None:
    stores.packed(bad.path, bad.objects)
    (bad.path / "refs/heads/main").write_text(f"{bad.root.oid}\n")


def a_tag(bad: Bad) -> None:
    text = f"object {bad.tip.oid}\ntype commit\ntag x\ntagger A <a@b> 1 +0000\n\nx\n"
    tag = stores.make("tag", text.encode())
    stores.packed(bad.path, [*bad.objects, tag])
    (bad.path / "refs/heads/main").write_text(f"{tag.oid}\n")


WRONG = (
    *(corrupt, bad_index, bad_multi_pack_index, lacking, lacking_its_tree, lying, lying_often),
    *(blob_bomb, delta_bomb, no_commit, a_tag),
)
FINE = (a_tag, no_commit, blob_bomb, delta_bomb, bad_multi_pack_index)
"""Odd, but no failure: each leads to a tree, a file that is too large is told of if it may match,
and git does without that index."""
BELIEVED = (lying, lying_often)
"""By `git grep`, of the repository alone."""


@pytest.mark.parametrize("searched", ["read", "grep"])
@pytest.mark.parametrize("wrong", few(WRONG, 3), ids=lambda wrong: wrong.__name__)
def test_one_that_is_bad_is_so_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: Callable[[Bad], None], searched: str
) -> None:
    monkeypatch.setattr(grep, "GREP_FROM", 10**9 if searched == "read" else -1)
    bad = Bad(tmp_path / "bad.git")
    wrong(bad)
    good = []
    for number in range(6):
        blob = stores.make("blob", PROFILE.encode() + b"# %d\n" % number)
        root = stores.tree(("100644", b"docker-default", blob))
        tip = stores.commit(root)
        path = stores.bare(tmp_path / f"good{number}.git", tip)
        (stores.packed if number % 2 else stores.loose)(path, [blob, root, tip])
        good.append(path)
    apart = {path: alone(path) for path in (bad.path, *good)}
    assert all(len(apart[path][0].findings) == 1 and not apart[path][0].error for path in good)
    (target,) = apart[bad.path]
    fine = wrong in FINE or (wrong in BELIEVED and searched == "grep")
    assert target.failed == (not fine), target.error
    for place in (0, 3, 6):
        order = [*good[:place], bad.path, *good[place:]]
        for path, found in zip(order, together(order), strict=True):
            assert found == apart[path], (path, place)

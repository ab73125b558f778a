"""Loose objects read without git: what git says, or nothing, so that git is asked."""

from __future__ import annotations

import os
import subprocess
import tempfile
import tracemalloc
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patcher.git import GitError
from patcher.git.loose import Loose
from patcher.git.objects import Objects
from tests import stores
from tests.stores import Object
from tests.variants import few

KEEP = 1000
BOMB = 1 << 24
SHORT = 2.0
"""Seconds."""
KINDS = ("blob", "tree", "commit", "tag")


def file_of(path: Path, held: Object) -> Path:
    return path / "objects" / held.oid[:2] / held.oid[2:]


def read(path: Path, held: Object, keep: int = KEEP) -> tuple[str, bytes] | None:
    return Loose(path / "objects").read(held.oid, keep)


@pytest.mark.parametrize("hexsize", [40, 64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [0, 1, 60, KEEP - 1, KEEP])
def test_every_kind_up_to_the_limit(tmp_path: Path, kind: str, size: int, hexsize: int) -> None:
    path = stores.bare(tmp_path / "r", "0" * hexsize)
    held = stores.make(kind, os.urandom(size), hexsize)
    stores.loose(path, [held])
    assert read(path, held) == (kind, held.content)


def test_what_is_larger_is_for_git_to_read(tmp_path: Path) -> None:
    path = stores.bare(tmp_path / "r")
    held = [stores.make("blob", text) for text in (os.urandom(KEEP + 1), b"x" * (KEEP + 1))]
    stores.loose(path, held)
    for one in held:
        assert read(path, one) is None
        with Objects(path / "objects", hexsize=40) as objects:
            header = objects.one(one.oid.encode(), KEEP)
        assert (header.kind, header.size, header.content) == ("blob", KEEP + 1, None)


@cache
def damaged(held: Object) -> dict[str, bytes]:
    """What may lie in an object's file that git does not take for that object."""
    text = stores.whole(held.kind, held.content)
    good = zlib.compress(text)
    return {
        "nothing": b"",
        "truncated": good[:-5],
        "without its checksum": good[:-4],
        "a wrong checksum": good[:-4] + b"\0\0\0\0",
        "something behind it": good + b"x",
        "another one behind it": good + good,
        "no zlib": b"garbage" * 9,
        "no header": zlib.compress(held.content),
        "no kind": zlib.compress(b" 5\0hello"),
        "an unknown kind": zlib.compress(b"blub 5\0hello"),
        "no size": zlib.compress(b"blob \0hello"),
        "a negative size": zlib.compress(b"blob -5\0hello"),
        "no number": zlib.compress(b"blob x\0hello"),
        "a size with zeros": zlib.compress(text.replace(b" ", b" 00", 1)),
        "a size of a thousand digits": zlib.compress(b"blob " + b"1" * 1000 + b"\0hello"),
        "too small a size": zlib.compress(b"blob 4\0hello"),
        "too large a size": zlib.compress(b"blob 6\0hello"),
        "a bomb that says it is small": zlib.compress(b"blob 10\0" + bytes(BOMB)),
        "a bomb that says it is a byte less than its start": zlib.compress(
            b"blob 55\0" + bytes(BOMB)
        ),
        "a bomb that says what it is": zlib.compress(b"blob %d\0" % BOMB + bytes(BOMB)),
        "an endless header": zlib.compress(b"blob" + b" " * BOMB),
        "another object": zlib.compress(stores.whole("blob", b"hallo")),
    }


@pytest.mark.parametrize("what", few(damaged(stores.make("blob", b"hello")), 3))
def test_what_git_did_not_write_never_passes(tmp_path: Path, what: str) -> None:
    path = stores.bare(tmp_path / "r")
    held = stores.make("blob", b"hello")
    file_of(path, held).parent.mkdir()
    file_of(path, held).write_bytes(damaged(held)[what])
    tracemalloc.start()
    found = read(path, held)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found is None or what == "another object"
    assert peak < 1 << 17
    with Objects(path / "objects", hexsize=40) as objects:
        header = objects.one(held.oid.encode(), KEEP)
        # Of a small one git does not see what lies behind it.
        assert header.content == (b"hello" if "behind" in what else None)
    # And where a good one lies in a pack, that counts.
    stores.packed(path, [held])
    with Objects(path / "objects", hexsize=40) as objects:
        assert objects.one(held.oid.encode(), KEEP).content == b"hello"


@pytest.mark.parametrize("what", ["fifo", "link", "folder", "unreadable", "no folder"])
def test_what_is_no_file_is_passed_over_at_once(tmp_path: Path, what: str) -> None:
    path = stores.bare(tmp_path / "r")
    held = stores.make("blob", b"hello")
    stores.packed(path, [held])
    file = file_of(path, held)
    file.parent.mkdir()
    if what == "fifo":
        os.mkfifo(file)
    elif what == "link":
        (tmp_path / "elsewhere").write_bytes(zlib.compress(stores.whole("blob", b"hello")))
        file.symlink_to(tmp_path / "elsewhere")
    elif what == "folder":
        file.mkdir()
    elif what == "unreadable":
        file.write_bytes(b"")
        file.chmod(0)
    else:
        file.parent.rmdir()
        file.parent.write_bytes(b"")
    assert read(path, held) is None
    with Objects(path / "objects", hexsize=40) as objects:
        if what == "fifo":  # for which git would wait, were it not in a pack
            with pytest.raises(GitError, match="is no regular file"):
                objects.one(held.oid.encode(), KEEP)
        else:
            assert objects.one(held.oid.encode(), KEEP).content == b"hello"


def test_loose_objects_that_are_read_ahead_take_little_memory(tmp_path: Path) -> None:
    """Each of them is a few kilobytes that unpack to megabytes."""
    path = stores.bare(tmp_path / "r")
    size = 4 << 20
    held = [stores.make("blob", b"%d" % number + bytes(size)) for number in range(40)]
    stores.loose(path, held)
    names = [one.oid.encode() for one in held]
    held.clear()
    tracemalloc.start()
    with Objects(path / "objects", hexsize=40) as objects:
        sizes = [header.size for header in objects.read(names, 2 * size)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(sizes) == 40 and min(sizes) > size
    assert peak < 8 * size


PLACES = st.sampled_from(["loose", "packed", "both"])
CONTENTS = st.one_of(st.binary(max_size=80), st.binary(min_size=KEEP - 2, max_size=KEEP + 2))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    objects=st.lists(st.tuples(CONTENTS, PLACES), min_size=1, max_size=8),
    hexsize=st.sampled_from([40, 64]),
    spoiled=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 2000), st.binary(max_size=3))),
)
def test_it_agrees_with_git(
    folder: Path,
    objects: list[tuple[bytes, str]],
    hexsize: int,
    spoiled: list[tuple[int, int, bytes]],
) -> None:
    path = stores.bare(Path(tempfile.mkdtemp(dir=folder)) / "r", "0" * hexsize)
    held = [stores.make("blob", content, hexsize) for content, _ in objects]
    stores.loose(
        path, [one for one, (_, place) in zip(held, objects, strict=True) if place != "packed"]
    )
    packed = {
        one.oid: one for one, (_, place) in zip(held, objects, strict=True) if place != "loose"
    }
    if packed:
        stores.packed(path, list(packed.values()))
    for number, at, put in spoiled:
        file = file_of(path, held[number % len(held)])
        if file.exists():
            data = file.read_bytes()
            file.write_bytes(data[:at] + put + data[at + len(put) :])
    told = subprocess.run(
        ["git", "--git-dir", path, "cat-file", "--batch-check"],
        input="".join(f"{one.oid}\n" for one in held),
        capture_output=True,
        text=True,
        check=not spoiled,  # on some that are damaged git dies
    ).stdout.splitlines()
    names = [one.oid.encode() for one in held]
    with Objects(path / "objects", hexsize=hexsize, timeout=SHORT) as reader:
        headers = list(reader.read(names, KEEP))
    for one, header in zip(held, headers, strict=True):
        if header.content is not None:
            assert header.content == one.content
        elif header.kind == "blob":
            assert header.size == len(one.content) > KEEP
        else:  # damaged, and nowhere else
            assert spoiled and one.oid not in packed
    if not spoiled:
        assert told == [f"{header.oid} {header.kind} {header.size}" for header in headers]

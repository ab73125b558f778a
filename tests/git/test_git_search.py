"""Searching a commit gives the same answer whichever way it is done, and misses nothing in
silence."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tracemalloc
import zlib
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patcher.git import (
    Blob,
    BoundExceeded,
    GitError,
    GitTimeout,
    Query,
    Repository,
    discover,
    entries,
    mentions,
    objects,
    search,
)
from patcher.git.tree_search import blobs, digests, grep, trees
from tests.gits import query

if TYPE_CHECKING:
    from tests.git.conftest import Work

PATTERN = (
    rb"\bnetwork(?=[ \t]*(?:,(?:\W|$)|$|\\)|[ \t]+(?:alg|vsock|seqpacket|inet6?|stream)\b)"
    rb"|mediate_deleted"
)
LIMIT = 1 << 20


@pytest.fixture(params=["cat-file", "grep"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to look at blobs, whatever the size of the tree."""
    monkeypatch.setattr(grep, "GREP_FROM", 10**9 if request.param == "cat-file" else -1)
    return str(request.param)


def opened(path: Path) -> Repository:
    item = next(discover([path]))
    assert isinstance(item, Repository), item
    return item


def head(work: Work, path: Path) -> str:
    return work.git(path, "rev-parse", "HEAD")


def look(
    work: Work,
    path: Path,
    pattern: bytes = PATTERN,
    wanted: Callable[[bytes], bool] | None = None,
    max_bytes: int = LIMIT,
) -> list[Blob]:
    commit = head(work, path)
    return list(search(opened(path), commit, query(pattern, max_bytes, wanted), jobs=2))


def lose(work: Work, path: Path, oid: str) -> None:
    """Take a loose object out of a repository, as a partial clone lacks it."""
    (path / ".git/objects" / oid[:2] / oid[2:]).unlink()


def put(path: Path, kind: bytes, content: bytes) -> str:
    """Write a loose object of any content, well-formed or not."""
    data = kind + b" %d\0" % len(content) + content
    oid = hashlib.sha1(data).hexdigest()
    file = path / ".git/objects" / oid[:2] / oid[2:]
    file.parent.mkdir(exist_ok=True)
    if not file.exists():
        file.write_bytes(zlib.compress(data, 1))
    return oid


def put_commit(path: Path, tree: str) -> str:
    text = (
        f"tree {tree}\nauthor A <a@b> 1700000000 +0000\ncommitter A <a@b> 1700000000 +0000\n\nx\n"
    )
    return put(path, b"commit", text.encode())


def test_names_modes_and_contents_of_every_kind(work: Work) -> None:
    files: dict[str | bytes, bytes] = {
        "a": b"  network,\n",
        "a b/c\nd": b"network,",
        b"latin-\xe9/\xff": b"x\r\n\tnetwork,\r\ny\r\n",
        "deep/" * 40 + "f": b"audit network,\n",
        "go.go": b'fmt.Println("network,\\n")\n',
        "no": b"networks, and network\x00,\n",
        "binary": b"network,\n\0",
        "prose": b"the networked, world\n",
        "other": b"attach_disconnected,mediate_deleted\n",
        "-x": b"network inet,\n",
        "long": b"x" * 300_000 + b" network,\n",
        ":(glob)*": b"network,\n",
    }
    path = work.root / "repo"
    path.mkdir()
    work.git(path, "init", "-q")
    work.fill(path, files)
    (path / "run").write_bytes(b"network,\n")
    (path / "run").chmod(0o755)
    (path / "link").symlink_to("network,")
    (path / ".gitattributes").write_text("* -diff binary filter=x\n")
    work.git(path, "add", "-A")
    work.git(path, "commit", "-q", "-m", "x")
    found = look(work, path)
    assert {blob.path: blob.content for blob in found} == {
        (name if isinstance(name, bytes) else name.encode()): content
        for name, content in [*files.items(), ("run", b"network,\n")]
        if name not in ("no", "binary", "prose")
    }
    assert {blob.path for blob in found if blob.mode == "100755"} == {b"run"}
    assert all(blob.problem is None and blob.size == len(blob.content or b"") for blob in found)
    listed = work.git(path, "ls-tree", "-r", "-z", "HEAD").encode("utf-8", "surrogateescape")
    order = [line.split(b"\t", 1)[1] for line in listed.split(b"\0")[:-1]]
    assert [blob.path for blob in found] == [name for name in order if name in {*map(_path, found)}]


def _path(blob: Blob) -> bytes:
    return blob.path


def test_the_commit_counts_and_not_the_work_tree(work: Work) -> None:
    path = work.repository("repo", {"a": b"network,\n", "b": b"nothing\n"})
    work.fill(path, {"a": b"gone\n", "b": b"network,\n", "c": b"network,\n"})
    work.git(path, "add", "c")
    assert [blob.path for blob in look(work, path)] == [b"a"]


def test_wanted_passes_over_files(work: Work) -> None:
    path = work.repository("repo", {"a/x": b"network,\n", "b/x": b"network,\n"})
    asked: list[bytes] = []

    def wanted(name: bytes) -> bool:
        asked.append(name)
        return name.startswith(b"b/")

    assert [blob.path for blob in look(work, path, wanted=wanted)] == [b"b/x"]
    assert set(asked) == {b"a/x", b"b/x"}


@pytest.mark.parametrize("options", [["--object-format=sha256"], []])
def test_object_formats_packs_and_bare_clones(work: Work, options: list[str]) -> None:
    path = work.repository("repo", {"d/a": b"network,\n", "b": b"x\n"}, *options)
    work.git(path, "gc", "-q")
    work.git(work.root, "clone", "-q", "--bare", "repo", "bare.git")
    for place in (path, work.root / "bare.git"):
        [blob] = look(work, place)
        assert (blob.path, blob.oid) == (b"d/a", work.git(path, "rev-parse", "HEAD:d/a"))


def test_a_shallow_clone_alternates_and_a_linked_work_tree(work: Work) -> None:
    path = work.repository("repo", {"a": b"x\n"})
    work.commit(path, {"a": b"network,\n"})
    work.git(work.root, "clone", "-q", "--depth=1", f"file://{path}", "shallow")
    work.git(work.root, "clone", "-q", "--shared", "repo", "shared")
    work.git(path, "worktree", "add", "-q", str(work.root / "linked"))
    for name in ("shallow", "shared", "linked"):
        assert [blob.path for blob in look(work, work.root / name)] == [b"a"]


def test_a_submodule_entry_is_passed_over(work: Work) -> None:
    work.repository("library", {"in": b"network,\n"})
    path = work.repository("repo", {"a": b"network,\n"})
    work.git(path, "-c", "protocol.file.allow=always", "submodule", "add", "-q", "../library")
    work.git(path, "commit", "-q", "-m", "x")
    assert [blob.path for blob in look(work, path)] == [b"a"]


def test_a_partial_clone_misses_nothing_in_silence_and_fetches_nothing(work: Work) -> None:
    path = work.repository("repo", {"a": b"network,\n", "big": b"network,\n" * 9000, "z": b"1"})
    work.git(path, "config", "uploadpack.allowFilter", "true")
    where = ["-q", "--bare", "--filter=blob:limit=2k", f"file://{path}", "partial"]
    work.git(work.root, "clone", *where)
    partial = work.root / "partial"
    marker = work.root / "fetched"
    work.git(partial, "config", "remote.origin.uploadpack", f"touch {marker}; git-upload-pack")
    before = sorted(partial.rglob("*"))
    found = look(work, partial)
    assert [(blob.path, blob.content) for blob in found] == [(b"a", b"network,\n"), (b"big", None)]
    assert "partial clone" in (found[1].problem or "")
    assert sorted(partial.rglob("*")) == before and not marker.exists()
    # Plain git does fetch here: the marker is no empty promise.
    work.git(partial, "grep", "-l", "network", "HEAD", check=False)
    assert marker.exists()


def test_a_missing_and_a_corrupt_blob_are_named_and_the_rest_is_found(work: Work) -> None:
    files: dict[str | bytes, bytes] = {
        f"f{n}": b"network, # %d\n" % n + random.Random(n).randbytes(50_000).hex().encode()
        for n in range(9)
    }
    path = work.repository("repo", files)
    lose(work, path, work.git(path, "rev-parse", "HEAD:f2"))
    for name, keep in (("f5", 0), ("f7", 30_000)):
        oid = work.git(path, "rev-parse", f"HEAD:{name}")
        file = path / ".git/objects" / oid[:2] / oid[2:]
        file.chmod(0o644)
        file.write_bytes(file.read_bytes()[:keep] + b"garbage")
    found = {blob.path: blob for blob in look(work, path)}
    assert len(found) == 9
    assert "not in the repository" in (found.pop(b"f2").problem or "")
    assert "not in the repository" in (found.pop(b"f5").problem or "")
    assert "cannot be read" in (found.pop(b"f7").problem or "")
    assert all(blob.content == files[name.decode()] for name, blob in found.items())


def test_names_cannot_pass_for_gits_own_words(work: Work) -> None:
    name = "x': unable to read " + "0" * 40
    path = work.repository("repo", {name: b"network, # 1\n", "y": b"network, # 2\n"})
    lose(work, path, work.git(path, "rev-parse", "HEAD:" + name))
    found = look(work, path)
    assert sorted((blob.path, blob.content is None) for blob in found) == [
        (name.encode(), True),
        (b"y", False),
    ]


MANY: dict[str | bytes, bytes] = {
    **{f"{'abc'[n % 3]}/{n:03}": b"network, # %d\n" % n for n in range(120)},
    **{f"{name}/.gitmodules": b"[submodule]\n" for name in "abcd"},
}


def wrapped(monkeypatch: pytest.MonkeyPatch, folder: Path, and_then: str) -> None:
    """Have a git whose `grep` gives half of what it finds, to the middle of a path, and then does
    something else."""
    real = shutil.which("git")
    program = folder / "git"
    program.write_text(
        f"""#!/bin/sh
case "$*" in *" grep "* | grep\\ *) ;; *) exec {real} "$@" ;; esac
{real} "$@" > "$0.found" || exit
half=$(($(wc -c < "$0.found") / 2 + 7))
head -c $half "$0.found"
{and_then}
"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.parametrize("and_then", ["exit 128", "kill -9 $$", "exit 0", "printf 'x\\0'; exit 0"])
def test_a_git_grep_that_ends_early_loses_nothing_and_nothing_comes_twice(
    work: Work, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str, and_then: str
) -> None:
    path = work.repository("repo", MANY)
    wanted = Query((PATTERN,), query(PATTERN, 0).matches, LIMIT, always=frozenset([b".gitmodules"]))
    expected = [blob.path for blob in search(opened(path), head(work, path), wanted, jobs=2)]
    assert expected == sorted(name.encode() for name in map(str, MANY))
    wrapped(monkeypatch, tmp_path, and_then)
    found = [blob.path for blob in search(opened(path), head(work, path), wanted, jobs=2)]
    assert sorted(found) == expected
    assert (tmp_path / "git.found").exists() is (way == "grep")


def test_files_come_while_git_grep_is_searching(
    work: Work, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str
) -> None:
    path = work.repository("repo", MANY)
    os.mkfifo(tmp_path / "git.go")
    wrapped(monkeypatch, tmp_path, 'cat "$0.go"; tail -c +$((half + 1)) "$0.found"')
    found = search(opened(path), head(work, path), query(PATTERN, LIMIT), jobs=2)
    first = [next(found).path for _ in range(50)]
    if way == "grep":
        (tmp_path / "git.go").write_bytes(b"")
    assert [*first, *(blob.path for blob in found)] == sorted(
        str(name).encode() for name in MANY if ".git" not in str(name)
    )


def test_a_missing_tree_or_commit_is_an_error(work: Work) -> None:
    path = work.repository("repo", {"d/a": b"network,\n"})
    lose(work, path, work.git(path, "rev-parse", "HEAD:d"))
    with pytest.raises(GitError, match="is not in the repository"):
        look(work, path)
    with pytest.raises(GitError, match="is not in the repository"):
        list(search(opened(path), "0" * 40, query(PATTERN, LIMIT)))


def test_over_the_size_limit_is_told_only_of_text_that_matches(work: Work) -> None:
    text = b"x" * 99 + b"\n"
    files: dict[str | bytes, bytes] = {
        "hit": text * 30_000 + b"  network,\n" + text,
        "miss": text * 30_000,
        "binary": text * 30_000 + b"network,\n\0",
        "small": b"network,\n",
    }
    path = work.repository("repo", files)
    found = look(work, path)
    assert [blob.path for blob in found] == [b"hit", b"small"]
    assert found[0].content is None and found[0].size == len(files["hit"])
    assert found[0].problem == "2.861 MiB is over the size limit of 1 MiB"


PIECE = 1 << 20  # a file over the size limit is read in pieces of so many bytes


def across(at: int, line: bytes, filling: bytes) -> bytes:
    """A text of two pieces in which ``line`` begins ``at`` bytes before the end of the first."""
    before = filling * (PIECE // len(filling) + 1)
    start = before[-(PIECE - at) :]
    return start + line + before[: at + 99]


def test_a_rule_that_lies_across_two_pieces_is_found(work: Work) -> None:
    rule = b"  network,\n"
    files: dict[str | bytes, bytes] = {
        f"at {at:02}": across(at, rule, b"x" * 62 + b"\n") for at in range(len(rule) + 2)
    }
    files["one long line"] = across(5, b" network, ", b"x")
    files["miss"] = across(5, b" netmork,\n", b"x" * 62 + b"\n")
    path = work.repository("repo", files)
    found = look(work, path)
    assert [blob.path.decode() for blob in found] == [*sorted(files.keys() - {"miss"})]
    assert all("over the size limit" in (blob.problem or "") for blob in found)


def test_where_a_piece_begins_no_line_does(work: Work) -> None:
    """What is kept of one piece for the next is whole lines, as long as they are not longer."""
    inside = across(blobs._OVERLAP, b"network,\n", b"x" * 62 + b"\n")
    assert inside[PIECE - blobs._OVERLAP - 1 : PIECE - blobs._OVERLAP + 8] == b"\nnetwork,"
    inside = inside.replace(b"\nnetwork,", b"-network,")
    path = work.repository(
        "repo", {"hit": inside.replace(b"-network", b"\nnetwork"), "miss": inside}
    )
    assert [blob.path for blob in look(work, path, b"^network,")] == [b"hit"]


def test_what_is_too_large_to_stream_is_told_unread(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "_STREAM", 2 << 20)
    monkeypatch.setattr(objects, "_SKIP", 1 << 20)
    files: dict[str | bytes, bytes] = {f"{n}": b"network, # %d\n" % n for n in range(5)}
    path = work.repository("repo", files | {"2big": b"network,\n" * (3 << 17)})
    found = {blob.path: blob for blob in look(work, path)}
    assert len(found) == 6
    assert "not searched" in (found[b"2big"].problem or "")


MEASURE = """
import resource, sys
from pathlib import Path
from patcher.git import Query, discover, search
from patcher.git.tree_search import grep
grep.GREP_FROM = int(sys.argv[3])
query = Query((b"network",), lambda content: b"network" in content, 1 << 20)
[repository] = discover([Path(sys.argv[1])])
for blob in search(repository, sys.argv[2], query):
    print(blob.path.decode(), blob.size, blob.content is None)
# What rusage says of this process counts from the fork on, when it was as large as its parent.
_, _, own = Path("/proc/self/status").read_text().partition("VmHWM:")
print(max(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, int(own.split()[0])))
"""


@pytest.mark.bombs
def test_a_blob_bomb_takes_little_memory(work: Work) -> None:
    """A megabyte that unpacks to a gigabyte."""
    path = work.repository("repo", {"a": b"network,\n"})
    size = 1 << 30
    packer, digest = zlib.compressobj(1), hashlib.sha1()
    pieces = []
    for piece in [b"blob %d\0" % size, *[b"x" * (1 << 20)] * (size >> 20)]:
        digest.update(piece)
        pieces.append(packer.compress(piece))
    oid = digest.hexdigest()
    (path / ".git/objects" / oid[:2]).mkdir(exist_ok=True)
    file = path / ".git/objects" / oid[:2] / oid[2:]
    file.write_bytes(b"".join(pieces) + packer.flush())
    a = bytes.fromhex(work.git(path, "rev-parse", "HEAD:a"))
    tree = put(path, b"tree", b"100644 a\0%b100644 bomb\0%b" % (a, bytes.fromhex(oid)))
    command = [
        sys.executable,
        "-c",
        MEASURE,
        str(path),
        put_commit(path, tree),
        str(grep.GREP_FROM),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    *blobs, peak = done.stdout.splitlines()
    assert blobs[0] == "a 9 False"
    assert blobs[1] in (f"bomb {size} True", "bomb None True")
    assert int(peak) < 300 << 10  # KiB, of Python and of the largest git


def test_a_tree_bomb_is_over_the_bound(work: Work) -> None:
    """Ten trees that each hold the next one ten times: 10^10 paths in a few hundred bytes."""
    path = work.repository()
    below = put(path, b"blob", b"network,\n")
    mode = b"100644"
    for _ in range(10):
        names = [b"%b %d\0" % (mode, n) + bytes.fromhex(below) for n in range(10)]
        below = put(path, b"tree", b"".join(names))
        mode = b"40000"
    commit = put_commit(path, below)
    with pytest.raises(BoundExceeded, match="more than 5000000 entries"):
        list(search(opened(path), commit, query(PATTERN, LIMIT)))


def test_more_missing_blobs_than_errors_are_kept_of(work: Work) -> None:
    """None of them is taken for read."""
    path = work.repository()
    entries = [
        b"100644 %04d%b\0" % (number, b"x" * 240) + hashlib.sha1(b"%d" % number).digest()
        for number in range(4_000)
    ]
    commit = put_commit(path, put(path, b"tree", b"".join(entries)))
    found = list(search(opened(path), commit, query(PATTERN, LIMIT)))
    assert len(found) == len(entries)
    assert all("not in the repository" in (blob.problem or "") for blob in found)


def test_the_same_blob_at_many_paths(work: Work) -> None:
    path = work.repository()
    hit, miss = put(path, b"blob", b"network,\n"), put(path, b"blob", b"no\n")
    leaves = [b"100644 %d\0" % n + bytes.fromhex(miss) for n in range(10)]
    tree = put(path, b"tree", b"".join([*leaves, b"100644 x\0" + bytes.fromhex(hit)]))
    for _ in range(3):
        names = [b"40000 %d\0" % n + bytes.fromhex(tree) for n in range(10)]
        tree = put(path, b"tree", b"".join(names))
    found = list(search(opened(path), put_commit(path, tree), query(PATTERN, LIMIT)))
    assert len(found) == len({blob.path for blob in found}) == 1000


@pytest.mark.parametrize(
    "names", [[*[b"d"] * 2047, b"ee"], [b"f" * 4096], [b"f", b"d" * 4000, b"e" * 93]]
)
def test_a_path_that_is_too_long_is_over_the_bound(work: Work, names: list[bytes]) -> None:
    path = work.repository()
    for more in (b"", b"x"):
        below, mode = put(path, b"blob", b"network,\n"), b"100644"
        for name in [*names[:-1], names[-1] + more]:
            below = put(path, b"tree", mode + b" " + name + b"\0" + bytes.fromhex(below))
            mode = b"40000"
        found = search(opened(path), put_commit(path, below), query(PATTERN, LIMIT))
        if more:
            with pytest.raises(BoundExceeded, match="a path longer than 4096 bytes"):
                next(found)
        else:
            assert len(next(found).path) == trees.MAX_PATH


@pytest.mark.parametrize("second", [b"d", b"e"])
def test_what_stands_twice_in_a_tree_is_looked_at_twice(work: Work, second: bytes) -> None:
    """Whichever of them git or a checkout takes, as in trees that `git fsck` complains of."""
    path = work.repository()
    yes, no = (put(path, b"blob", each + b"\n") for each in (b"network,", b"nothing"))

    def tree(*entries: tuple[bytes, bytes, str]) -> str:
        return put(
            path,
            b"tree",
            b"".join(
                mode + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries
            ),
        )

    file, folder = b"100644", b"40000"
    one = tree((file, b"x", no), (file, b"x", yes), (file, b"y", yes))
    other = tree((file, b"w", no), (file, b"x", yes))
    commit = put_commit(path, tree((folder, b"d", one), (folder, second, other)))
    found = search(opened(path), commit, query(PATTERN, LIMIT))
    assert [blob.path for blob in found] == [b"d/x", b"d/y", second + b"/x"]


@pytest.mark.parametrize(
    "tree", [b"garbage", b"1 " * 200_000, b"100644 a\0short", b"100644 \0" + b"x" * 20, b"100644 a"]
)
def test_a_corrupt_tree_is_an_error_in_linear_time(work: Work, tree: bytes) -> None:
    path = work.repository()
    commit = put_commit(path, put(path, b"tree", tree))
    with pytest.raises(GitError, match=r"corrupt|cannot be read"):
        list(search(opened(path), commit, query(PATTERN, LIMIT)))


MODES = [
    *(
        "100644",
        "100755",
        "0100644",
        "100664",
        "40000",
        "040000",
        "120000",
        "160000",
        "0",
        "100000",
    ),
    *("1100644", "1040000", "104644", "107777", "040755", "44444", "140000", "777777", "1120000"),
    *("7" * 40 + "100644", "1" * 9 + "040000", "20000000000100644", "0" * 300 + "100600"),
]
CHANCE = random.Random(7)
MODES += [f"{CHANCE.randrange(8 ** CHANCE.randint(5, 9)):o}" for _ in range(20)]


def checked_out(work: Work, path: Path, commit: str) -> dict[bytes, str]:
    """The regular files that git makes of a commit, and their modes; none where it refuses it."""
    place = Path(tempfile.mkdtemp(dir=work.root))
    for command in (["read-tree", commit], ["checkout-index", "-a"]):
        done = subprocess.run(
            ["git", f"--git-dir={path}/.git", f"--work-tree={place}", *command],
            env={**os.environ, "GIT_INDEX_FILE": f"{place}-index"},
            capture_output=True,
            check=False,
        )
        if done.returncode:
            return {}
    return {
        os.fsencode(file.relative_to(place)): "100755" if file.stat().st_mode & 0o100 else "100644"
        for file in place.rglob("*")
        if file.is_file() and not file.is_symlink()
    }


@pytest.mark.parametrize("kind", [b"blob", b"tree"])
def test_the_number_of_a_mode_counts_not_its_digits(work: Work, kind: bytes) -> None:
    """Git checks out an entry of mode 1100644 as a regular file."""
    path = work.repository()
    oid = put(path, b"blob", b"network,\n")
    if kind == b"tree":
        oid = put(path, b"tree", b"100644 below\0" + bytes.fromhex(oid))
    seen = 0
    for mode in MODES:
        tree = put(path, b"tree", mode.encode() + b" x\0" + bytes.fromhex(oid))
        commit = put_commit(path, tree)
        files = checked_out(work, path, commit)
        seen += len(files)
        try:
            found = list(search(opened(path), commit, query(PATTERN, LIMIT)))
        except GitError:
            assert not files, mode
        else:
            assert files.items() <= {blob.path: blob.mode for blob in found}.items(), mode
            there = entries(opened(path), commit, list(files))
            assert {name: mode for name, (mode, _) in there.items()} == files, mode
    assert seen >= 4


def test_strange_names_in_trees_do_no_harm(work: Work) -> None:
    path = work.repository()
    oid = bytes.fromhex(put(path, b"blob", b"network,\n"))
    names = [b"..", b".git", b".GIT", b"\x1b[31m", b"a\\b", b"git~1"]
    tree = put(path, b"tree", b"".join(b"100644 %b\0%b" % (name, oid) for name in sorted(names)))
    found = list(search(opened(path), put_commit(path, tree), query(PATTERN, LIMIT)))
    assert [blob.path for blob in found] == sorted(names)


def test_time_is_limited(work: Work) -> None:
    path = work.repository()
    with pytest.raises(GitTimeout, match="took longer than"):
        search_slowly(opened(path), head(work, path))


def search_slowly(repository: Repository, commit: str) -> None:
    found = objects.Objects(repository.common_dir / "objects", hexsize=40, timeout=0.05)

    def names() -> list[bytes]:
        return [f"{commit}^{{commit}}".encode()]

    with found:
        for _ in range(10**6):
            list(found.read(names(), LIMIT))


def test_a_search_that_is_left_early_ends_git(work: Work) -> None:
    path = work.repository("repo", {str(n): b"network,\n" for n in range(500)})
    found = search(opened(path), head(work, path), query(PATTERN, LIMIT))
    assert next(found).content == b"network,\n"
    found.close()  # type: ignore[attr-defined]
    children = Path("/proc/self/task").glob("*/children")
    running = {pid for file in children for pid in file.read_text().split()}
    assert not any(b"git" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in running)


DIGESTS = [
    *(hashlib.new(name, b"a").hexdigest().encode() for name in ("md5", "sha1", "sha256", "sha512")),
    *(b64encode(hashlib.new(name, b"a").digest()) for name in ("sha256", "sha384", "sha512")),
    b"0" * 32,  # one that overlaps with itself
]
AMONG = [*DIGESTS, *DIGESTS, *(b"\n \n0 sha256- = x +/ \xff A".split(b" ")), b" "]


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(AMONG), max_size=24).map(b"".join),
    st.sets(st.sampled_from(DIGESTS), min_size=1),
)
def test_every_line_with_a_digest_is_found(content: bytes, sought: set[bytes]) -> None:
    expected = {
        (number, digest)
        for number, line in enumerate(content.split(b"\n"), 1)
        for digest in sought
        if digest in line
    }
    many = {hashlib.sha256(b"%d" % n).hexdigest().encode() for n in range(digests._FEW)}
    for wanted in (frozenset(sought), frozenset(sought | many)):
        assert digests._query(wanted).matches(content) is bool(expected)
        found = list(digests._standing(content, wanted, digests._lengths(wanted)))
        assert [at for at, _ in found] == sorted(at for at, _ in found)
        assert {(content.count(b"\n", 0, at) + 1, digest) for at, digest in found} == expected


def test_a_digest_over_and_over_costs_no_memory(work: Work) -> None:
    digest = b"0123abcd" * 8
    path = work.repository("repo", {"SUMS": (digest + b"\n") * 100_000, "line": digest * 1000})
    found = mentions(opened(path), head(work, path), [digest])
    tracemalloc.start()
    assert sum(1 for _ in found) == 100_001
    assert tracemalloc.get_traced_memory()[1] < 40 << 20
    tracemalloc.stop()


def test_thousands_of_digests_at_once(work: Work) -> None:
    sought = [hashlib.sha256(b"%d" % number).hexdigest().encode() for number in range(5000)]
    files: dict[str | bytes, bytes] = {
        f"d{folder}/SUMS": b"".join(b"%b  f\n" % one for one in sought[folder::4])
        for folder in range(4)
    }
    path = work.repository("repo", files)
    found = list(mentions(opened(path), head(work, path), sought))
    assert found == [
        (b"d%d/SUMS" % folder, number, digest)
        for folder in range(4)
        for number, digest in enumerate(sought[folder::4], 1)
    ]


def test_mentions_and_entries(work: Work) -> None:
    digest, md5 = b"0123abcd" * 8, b"beef" * 8
    files: dict[str | bytes, bytes] = {
        "SHA256SUMS": b"x  y\n" + digest + b"  profile\n" + digest + b"\n",
        "d/lock.json": b'{"sum": "' + digest + b'", "also": "%b"}' % md5,
        "profile": b"x",
    }
    path = work.repository("repo", files)
    commit = head(work, path)
    assert list(mentions(opened(path), commit, [digest, md5])) == [
        (b"SHA256SUMS", 2, digest),
        (b"SHA256SUMS", 3, digest),
        (b"d/lock.json", 1, digest),
        (b"d/lock.json", 1, md5),
    ]
    assert list(mentions(opened(path), commit, [])) == []
    with pytest.raises(ValueError, match="no digest"):
        list(mentions(opened(path), commit, [digest, b"beef"]))
    asked = [b"d/lock.json", b"d", b"profile", b"none", b"profile/below", b""]
    assert entries(opened(path), commit, asked) == {
        name: (mode, work.git(path, "rev-parse", b"HEAD:" + name))
        for name, mode in [(b"d/lock.json", "100644"), (b"d", "40000"), (b"profile", "100644")]
    }

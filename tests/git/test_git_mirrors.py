"""Mirrors: as the remote is, whatever was there before, whoever else is at work."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from patcher.git import (
    Address,
    BoundExceeded,
    GitError,
    Identity,
    NoSuchBase,
    RemoteError,
    Repository,
    UnbornHead,
    bases,
    branch_tip,
    entries,
    limited,
    move_branch,
    remote,
    write_commit,
)
from patcher.git.mirrors import Mirrors, folder_name, networks, refs, store, update
from patcher.git.remote import transport
from patcher.git.values import FileChange
from tests.git.conftest import Work
from tests.git.server import PASSWORD, USER, Server
from tests.variants import few

ME = Identity("Ada", "ada@example.org", "1700000000 +0000")


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "RETRIES", remote.Retries(3, 0.01, 0.05, 0.01))
    monkeypatch.setattr(transport, "STALL", 1)


@pytest.fixture
def cache(work: Work) -> Mirrors:
    return Mirrors(work.root / "cache", timeout=60)


class Origin:
    """A remote: a work tree to commit in, and the bare repository that it is pushed to."""

    def __init__(self, work: Work, name: str = "repo", *options: str) -> None:
        self._work = work
        self.source = work.repository(f"source/{name}", None, *options)
        self.bare = work.root / f"srv/{name}.git"
        work.bare(self.source, self.bare)
        work.git(self.bare, "config", "uploadpack.allowFilter", "true")
        self.address = Address.parse(f"file://{self.bare}")

    def git(self, *arguments: str) -> str:
        return self._work.git(self.bare, *arguments)

    def commit(self, branch: str = "main", files: dict[str | bytes, bytes] | None = None) -> str:
        self._work.git(self.source, "checkout", "-q", "--detach")
        tip = self._work.commit(self.source, files or {"file": os.urandom(20)})
        place = f"HEAD:refs/heads/{branch}"
        self._work.git(self.source, "push", "-q", "-f", os.fspath(self.bare), place)
        return tip


@pytest.fixture
def origin(work: Work) -> Origin:
    return Origin(work)


def fetches(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The object ids of each fetch from now on."""
    seen: list[list[str]] = []
    real = remote.fetch

    def fetch(address: Address, git_dir: Path, oids: list[str], **options: object) -> None:
        seen.append(list(oids))
        real(address, git_dir, oids, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(remote, "fetch", fetch)
    return seen


def heads(repository: Repository, *patterns: str) -> dict[str, str]:
    return {base.name: base.commit for base in bases(repository, patterns)}


def whole(work: Work, repository: Repository) -> None:
    """git itself finds nothing wrong, and everything that refs name is there."""
    env = {"GIT_ALLOW_PROTOCOL": "", "GIT_NO_LAZY_FETCH": "1"}
    assert work.git(repository.git_dir, "fsck", "--no-dangling", env=env) == ""
    work.git(repository.git_dir, "rev-list", "--objects", "--all", env=env)


def test_a_mirror_is_as_a_clone_and_one_commit_deep(
    work: Work, origin: Origin, cache: Mirrors
) -> None:
    origin.commit("release/1")
    tip = origin.commit("main")
    mirror = cache.update(origin.address)
    assert (mirror.place, mirror.name, mirror.work_tree) == (origin.address.url, "repo", None)
    [base] = bases(mirror)
    assert (base.ref, base.name, base.commit) == ("refs/remotes/origin/main", "main", tip)
    assert base.default
    assert list(entries(mirror, tip, [b"profile"])) == [b"profile"]
    assert work.git(mirror.git_dir, "rev-list", "--all", "--count") == "1"
    whole(work, mirror)
    assert not (mirror.git_dir / "FETCH_HEAD").exists()


def test_what_did_not_move_is_not_fetched(
    origin: Origin, cache: Mirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = fetches(monkeypatch)
    first = cache.update(origin.address)
    again = cache.update(origin.address)
    assert again == first
    assert len(seen) == 1
    tip = origin.commit()
    cache.update(origin.address)
    assert seen[1:] == [[tip]]


def test_only_wanted_branches_come(
    work: Work, origin: Origin, cache: Mirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, deep = (origin.commit(name) for name in ("release/1", "release/2", "release/x/y"))
    other = origin.commit("other")
    seen = fetches(monkeypatch)
    cache.update(origin.address)
    assert other not in seen[0]
    assert one not in seen[0]
    mirror = cache.update(origin.address, ("release/*",))
    assert heads(mirror, "release/*") == {"release/1": one, "release/2": two}
    assert set(seen[1]) == {one, two}
    mirror = cache.update(origin.address, ("release/**", "release/?"))
    assert heads(mirror, "release/**") == {"release/1": one, "release/2": two, "release/x/y": deep}
    assert heads(mirror, "release/?") == {"release/1": one, "release/2": two}
    mirror = cache.update(origin.address, ("main", "other"))
    assert set(heads(mirror, "main", "other")) == {"main", "other"}
    with pytest.raises(NoSuchBase):
        bases(mirror, ("release/1",))
    whole(work, mirror)


def test_tags_commits_and_full_names_are_bases_too(
    work: Work, origin: Origin, cache: Mirrors
) -> None:
    old = origin.git("rev-parse", "main")
    origin.git("tag", "-a", "-m", "x", "v1", "main")
    origin.git("update-ref", "refs/pull/1/head", "main")
    tip = origin.commit()
    names = ("v1", "refs/pull/*/head", old, tip[:8], "HEAD", "refs/heads/main", "none", "no*")
    mirror = cache.update(origin.address, names)
    assert heads(mirror, "v1") == {"v1": old}
    assert heads(mirror, "refs/pull/*/head") == {"pull/1/head": old}
    assert heads(mirror, old) == {old: old}
    assert heads(mirror, tip[:8]) == {tip: tip}
    assert heads(mirror, "HEAD") == heads(mirror, "refs/heads/main") == {"main": tip}
    with pytest.raises(NoSuchBase):
        bases(mirror, ("none",))


def test_the_remotes_review_branches_are_local_ones_exactly(
    work: Work, origin: Origin, cache: Mirrors
) -> None:
    mine = origin.commit("patcher/deny-af-alg")
    release = origin.commit("patcher/deny-af-alg-release/1.7")
    origin.commit("feature")
    mirror = cache.update(origin.address)
    assert branch_tip(mirror, "patcher/deny-af-alg") == mine
    assert branch_tip(mirror, "patcher/deny-af-alg-release/1.7") == release
    assert branch_tip(mirror, "feature") is None
    # Written here and never pushed: the next update forgets it.
    tip = bases(mirror)[0].commit
    commit = write_commit(mirror, tip, [FileChange(b"profile", b"x")], "x", ME, ME)
    move_branch(mirror, "patcher/deny-af-alg", commit, mine)
    move_branch(mirror, "patcher/new", commit, None)
    assert branch_tip(mirror, "patcher/new") == commit
    cache.update(origin.address)
    assert branch_tip(mirror, "patcher/deny-af-alg") == mine
    assert branch_tip(mirror, "patcher/new") is None
    # Gone there, forced there: the same here.
    origin.git("branch", "-D", "patcher/deny-af-alg-release/1.7")
    forced = origin.commit("patcher/deny-af-alg")
    cache.update(origin.address, review=("refs/heads/patcher/*", "refs/heads/fea*"))
    assert branch_tip(mirror, "patcher/deny-af-alg-release/1.7") is None
    assert branch_tip(mirror, "patcher/deny-af-alg") == forced
    assert branch_tip(mirror, "feature") is not None
    assert "patcher/deny-af-alg" not in heads(cache.update(origin.address, ("**",)), "**")


def test_what_was_pushed_from_here_is_not_fetched_back(
    work: Work, origin: Origin, cache: Mirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = cache.update(origin.address)
    tip = bases(mirror)[0].commit
    commit = write_commit(mirror, tip, [FileChange(b"profile", b"x")], "x", ME, ME)
    move_branch(mirror, "patcher/x", commit, None)
    cache.push(mirror, "patcher/x", commit, None)
    seen = fetches(monkeypatch)
    cache.update(origin.address)
    cache.update(origin.address)
    assert seen == []
    assert branch_tip(mirror, "patcher/x") == commit
    whole(work, mirror)


def test_branches_that_are_forced_renamed_or_in_each_others_way(
    work: Work, origin: Origin, cache: Mirrors
) -> None:
    origin.commit("a/b")
    mirror = cache.update(origin.address, ("**",))
    assert "a/b" in heads(mirror, "**")
    origin.git("branch", "-D", "a/b")
    flat = origin.commit("a")
    mirror = cache.update(origin.address, ("**",))
    assert heads(mirror, "a") == {"a": flat}
    origin.git("branch", "-D", "a")
    back = origin.commit("a/b")
    forced = origin.commit("main")
    mirror = cache.update(origin.address, ("**",))
    assert heads(mirror, "**") == {"a/b": back, "main": forced}
    origin.git("branch", "-m", "main", "trunk")
    assert heads(cache.update(origin.address)) == {"trunk": forced}
    whole(work, mirror)


def test_heads_of_every_kind(work: Work, origin: Origin, cache: Mirrors) -> None:
    tip = origin.git("rev-parse", "main")
    origin.git("update-ref", "refs/heads/HEAD", "main")
    assert heads(cache.update(origin.address, ("**",))) == {"main": tip}
    (origin.bare / "HEAD").write_text(tip + "\n")
    [base] = bases(cache.update(origin.address))
    assert (base.ref, base.commit) == ("HEAD", tip)
    (origin.bare / "HEAD").write_text("ref: refs/heads/unborn\n")
    mirror = cache.update(origin.address, ("main",))
    assert heads(mirror, "main") == {"main": tip}
    with pytest.raises(NoSuchBase, match="name one with --base"):  # `HEAD` is a branch as well
        cache.update(origin.address)
    origin.git("update-ref", "-d", "refs/heads/HEAD")
    assert heads(cache.update(origin.address)) == {"main": tip}
    (origin.bare / "HEAD").write_text("ref: refs/heads/main\n")
    assert heads(cache.update(origin.address)) == {"main": tip}


def test_the_forge_knows_the_default_branch_of_a_head_that_names_none(
    origin: Origin, cache: Mirrors
) -> None:
    origin.git("branch", "other", "main")
    (origin.bare / "HEAD").write_text("ref: refs/heads/gone\n")
    [base] = bases(cache.update(origin.address, default="other"))
    assert base.ref == "refs/remotes/origin/other"
    assert base.default
    with pytest.raises(NoSuchBase):
        cache.update(origin.address, default="gone")


def test_an_empty_remote_and_then_one_that_is_sha256(work: Work, cache: Mirrors) -> None:
    path = work.root / "srv/x.git"
    work.git(work.root, "init", "-q", "--bare", os.fspath(path))
    address = Address.parse(f"file://{path}")
    with pytest.raises(UnbornHead, match="no commit yet"):
        bases(cache.update(address))
    work.git(path, "rev-parse")
    path.rename(work.root / "gone")
    other = Origin(work, "y", "--object-format=sha256")
    other.bare.rename(path)
    tip = work.git(path, "rev-parse", "main")
    mirror = cache.update(address)
    assert heads(mirror) == {"main": tip}
    assert len(tip) == 64
    whole(work, mirror)
    assert heads(cache.update(address)) == {"main": tip}


@pytest.mark.parametrize(
    "url",
    [
        "https://forge.example/" + "x/" * 300 + "y",
        "https://forge.example/%2e%2e%2f%2e%2e/x",
        "file:///a b/ü/-x",
        "git@host.example:~user/x",
        "https://forge.example/.git",
        "https://forge.example/x;rm -rf".replace(" ", "%20"),
    ],
)
def test_folder_names_are_tame(url: str) -> None:
    try:
        address = Address.parse(url)
    except GitError:
        return
    name = folder_name(address)
    assert store.MIRROR.match(name)
    assert len(name) < 130
    assert not name.startswith((".", "-"))


def test_folder_names_tell_addresses_apart() -> None:
    urls = ["https://h/a/b", "https://h/a-b", "http://h/a/b", "https://h/A/b", "https://h/a/b.git"]
    assert len({folder_name(Address.parse(url)) for url in urls}) == len(urls)
    secret = folder_name(Address.parse("https://user:token@h/a/b"))
    assert secret == folder_name(Address.parse("https://h/a/b"))
    assert secret.startswith("h-a-b-")


def break_pack(path: Path) -> None:
    pack = next((path / "objects/pack").glob("*.pack"))
    pack.chmod(0o600)
    pack.write_bytes(pack.read_bytes()[:-30])


def remove_pack(path: Path) -> None:
    next((path / "objects/pack").glob("*.pack")).unlink()


def remove_config(path: Path) -> None:
    (path / "config").unlink()


def spoil_note(path: Path) -> None:
    (path / "patcher").write_text("{")


def remove_note(path: Path) -> None:
    (path / "patcher").unlink()


def spoil_shallow(path: Path) -> None:
    (path / "shallow").write_text("garbage\n")


@pytest.mark.parametrize(
    "damage", [break_pack, remove_pack, remove_config, spoil_note, remove_note, spoil_shallow]
)
def test_a_broken_mirror_is_made_anew(
    work: Work, origin: Origin, cache: Mirrors, damage: object
) -> None:
    assert callable(damage)
    mirror = cache.update(origin.address)
    damage(mirror.git_dir)
    tip = origin.commit()
    mirror = cache.update(origin.address)
    assert heads(mirror) == {"main": tip}
    whole(work, mirror)
    work.git(mirror.git_dir, "rev-list", "--objects", tip)


def test_a_mirror_whose_bytes_are_wrong_is_made_anew_on_request(
    work: Work, origin: Origin, cache: Mirrors
) -> None:
    mirror = cache.update(origin.address)
    pack = next((mirror.git_dir / "objects/pack").glob("*.pack"))
    content = bytearray(pack.read_bytes())
    content[20:40] = bytes(20)
    pack.chmod(0o600)
    pack.write_bytes(content)
    [listed] = cache.list()
    assert cache.verify(listed) is not None
    mirror = cache.update(origin.address)
    whole(work, mirror)
    [listed] = cache.list()
    assert cache.verify(listed) is None
    marker = mirror.git_dir / "marker"
    marker.touch()
    cache.update(origin.address)
    assert marker.exists()
    cache.update(origin.address, fresh=True)
    assert not marker.exists()


def test_what_a_killed_git_left_is_no_hindrance(work: Work, origin: Origin, cache: Mirrors) -> None:
    mirror = cache.update(origin.address)
    left = [mirror.git_dir / name for name in ("shallow.lock", "packed-refs.lock", "HEAD.lock")]
    left += [mirror.git_dir / "objects/pack/tmp_pack_abc123", mirror.git_dir / "packed-refs.new"]
    ref = mirror.git_dir / "refs/heads/patcher/x.lock"
    ref.parent.mkdir(parents=True)
    half = cache.folder / f".new-{mirror.git_dir.name}"
    (half / "objects").mkdir(parents=True)
    for file in (*left, ref):
        file.write_bytes(b"x")
    tip = origin.commit()
    mirror = cache.update(origin.address)
    assert heads(mirror) == {"main": tip}
    assert not [file for file in (*left, ref) if file.exists()]
    cache.sweep()
    assert not half.exists()
    whole(work, mirror)


@pytest.mark.kill
def test_killed_at_any_moment_the_next_update_is_right(
    work: Work, origin: Origin, cache: Mirrors
) -> None:
    """A process that updates on and on is killed again and again; then all is well."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from patcher.git import Address\n"
        "from patcher.git.mirrors import Mirrors\n"
        f"mirrors = Mirrors(Path({os.fspath(cache.folder)!r}), timeout=60)\n"
        f"address = Address.parse({origin.address.url!r})\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    mirrors.update(address, ('**',), fresh=True)\n"
        "    mirrors.update(address)\n"
        "    mirrors.update(address, ('**',))\n"
    )
    for number in range(8):
        tip = origin.commit(f"b{number % 3}")
        with subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=subprocess.PIPE,
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(0.05 + 0.037 * number)
            child.send_signal(signal.SIGKILL)
        mirror = cache.update(origin.address, ("**",))
        assert heads(mirror, f"b{number % 3}") == {f"b{number % 3}": tip}
        whole(work, mirror)
    cache.sweep()
    names = {path.name for path in cache.folder.iterdir() if not path.name.endswith(".lock")}
    assert names == {mirror.git_dir.name}


@pytest.mark.parametrize("written", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("back", [False, True], ids=["stays", "goes back"])
def test_a_kill_while_refs_are_written_leaves_no_note_of_refs_that_are_not_there(
    origin: Origin, cache: Mirrors, monkeypatch: pytest.MonkeyPatch, written: bool, back: bool
) -> None:
    """Whether the remote stays as the killed update saw it, or is what it was before again."""
    old = origin.git("rev-parse", "main")
    cache.update(origin.address)
    new = origin.commit()

    class Killed(BaseException):
        pass

    real = refs.write_refs

    def killed(path: Path, refs: dict[str, str], head: str) -> None:
        if written:
            real(path, refs, head)
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(refs, "write_refs", killed)
        cache.update(origin.address)
    if back:
        origin.git("update-ref", "refs/heads/main", old)
    assert heads(cache.update(origin.address)) == {"main": old if back else new}


def test_threads_and_processes_take_turns(work: Work, origin: Origin, cache: Mirrors) -> None:
    names = [f"b{number}" for number in range(4)]
    tips = {name: origin.commit(name) for name in names}
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from patcher.git import Address, bases\n"
        "from patcher.git.mirrors import Mirrors\n"
        f"mirrors = Mirrors(Path({os.fspath(cache.folder)!r}), timeout=60)\n"
        f"address = Address.parse({origin.address.url!r})\n"
        "for number in range(10):\n"
        "    mirrors.update(address, ('**',), fresh=number % 4 == 0)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    children = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for mirror in pool.map(lambda _: cache.update(origin.address, ("**",)), range(20)):
            assert mirror.address == origin.address
    for child in children:
        _, errors = child.communicate(timeout=120)
        assert child.returncode == 0, errors.decode()
    mirror = cache.update(origin.address, ("**",))
    assert heads(mirror, "b*") == tips
    whole(work, mirror)


def test_one_who_waits_too_long_is_told_for_whom(work: Work, origin: Origin) -> None:
    cache = Mirrors(work.root / "cache", timeout=0.3)
    with (
        cache._store.locked(folder_name(origin.address)),
        pytest.raises(GitError, match="another patcher is at work"),
    ):
        cache.update(origin.address)


def test_a_host_is_not_asked_by_more_than_so_many_at_once(work: Work) -> None:
    for number in range(8):
        Origin(work, f"r{number}")
    running = [0, 0]
    guard = threading.Lock()
    with Server(work.root / "srv") as server:
        cache = Mirrors(work.root / "cache", per_host=2, timeout=60)
        real = remote.list_refs

        def counted(*arguments: object, **options: object) -> object:
            with guard:
                running[0] += 1
                running[1] = max(running)
            time.sleep(0.02)
            try:
                return real(*arguments, **options)  # type: ignore[arg-type]
            finally:
                with guard:
                    running[0] -= 1

        with (
            pytest.MonkeyPatch.context() as patch,
            concurrent.futures.ThreadPoolExecutor(8) as pool,
        ):
            patch.setattr(remote, "list_refs", counted)
            urls = [f"{server.url}/ok/r{number}.git" for number in range(8)]
            assert len(list(pool.map(lambda url: cache.update(Address.parse(url)), urls))) == 8
    assert running == [0, 2]


@pytest.fixture
def server(origin: Origin) -> Iterator[Server]:
    with Server(origin.bare.parent) as running:
        yield running


@pytest.mark.parametrize("fault", ["500x1", "429x2", "resetx2", "hangx1"])
def test_a_server_that_recovers_is_waited_for(
    work: Work, origin: Origin, cache: Mirrors, server: Server, fault: str
) -> None:
    mirror = cache.update(Address.parse(f"{server.url}/{fault}/repo.git"))
    assert heads(mirror) == {"main": origin.git("rev-parse", "main")}
    whole(work, mirror)


@pytest.mark.parametrize(
    ("fault", "cause", "requests"),
    few(
        [
            ("500", "server error", 3),
            ("429", "rate limit", 3),
            ("reset", "network", 3),
            ("hang", "timeout", 3),
            ("401", "authentication", 1),
            ("403", "authentication", 1),
            ("404", "not found", 1),
            ("cut", "network", 3),
            ("short", "network", 3),
            ("junk", "protocol", 1),
        ],
        3,
    ),
)
def test_a_server_that_does_not_is_told_on_one_line_and_leaves_nothing(
    cache: Mirrors, server: Server, fault: str, cause: str, requests: int
) -> None:
    with pytest.raises(RemoteError) as caught:
        cache.update(Address.parse(f"{server.url}/{fault}/repo.git"))
    assert caught.value.cause == cause
    assert str(caught.value).isprintable()
    # Each attempt begins with asking for the refs.
    asked = [one for one in server.requests if one.method == "GET"]
    begun = [one for one in asked if one.path.endswith("/info/refs")]
    assert len(begun) in (requests, 2 * requests)  # a fetch asks what the server can, too
    assert cache.list() == []
    assert not [path for path in cache.folder.iterdir() if not path.name.endswith(".lock")]


def test_a_mirror_survives_a_server_that_fails(
    work: Work, origin: Origin, cache: Mirrors, server: Server
) -> None:
    address = Address.parse(f"{server.url}/ok/repo.git")
    mirror = cache.update(address)
    before = heads(mirror)
    origin.commit()
    real = remote.call

    def elsewhere(address: Address, *arguments: object, **options: object) -> bytes:
        broken = Address.parse(address.url.replace("/ok/", "/cut/"))
        return real(broken, *arguments, **options)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remote, "call", elsewhere)
        with pytest.raises(RemoteError):
            cache.update(address)
    assert heads(mirror) == before
    whole(work, mirror)


def test_names_of_a_server_that_lies_lead_nowhere(
    work: Work, origin: Origin, cache: Mirrors, server: Server
) -> None:
    tip = origin.git("rev-parse", "main")
    good = [b"refs/heads/main", b"refs/heads/a", b"refs/heads/a/b", b"refs/heads/-x"]
    good += [b"refs/heads/\xff\xfe", "refs/heads/\u202ex".encode(), b"refs/heads/patcher/x"]
    bad = [b"refs/heads/../../../../outside", b"refs/heads/\x1b[31m", b"refs/heads/x.lock"]
    bad += [
        b"refs/heads/..",
        b"refs/heads/.hidden",
        b"refs/heads/x\ty",
        b"refs/heads//x",
        b"objects",
    ]
    bad += [b"../../outside", b"refs/heads/" + b"x" * 3000, b"refs/heads/patcher/../../y"]
    server.names = [(name, tip) for name in (b"HEAD", *good, *bad)]
    before = sorted(path for path in work.root.rglob("*") if cache.folder not in path.parents)
    mirror = cache.update(Address.parse(f"{server.url}/names/repo.git"), ("**",))
    found = bases(mirror, ("**",))
    assert {os.fsencode(base.name) for base in found} == {
        name.removeprefix(b"refs/heads/") for name in good if b"patcher" not in name
    }
    assert {base.commit for base in found} == {tip}
    assert heads(mirror, "a", "a/b") == {"a": tip, "a/b": tip}
    assert branch_tip(mirror, "patcher/x") == tip
    after = sorted(path for path in work.root.rglob("*") if cache.folder not in path.parents)
    assert after == before
    assert "outside" not in (mirror.git_dir / "packed-refs").read_text(errors="replace")


def test_a_server_that_lies_about_ids_is_told(
    work: Work, origin: Origin, cache: Mirrors, server: Server
) -> None:
    blob = origin.git("rev-parse", "main:profile")
    for oid in ("1" * 40, blob):
        server.names = [(b"HEAD", oid), (b"refs/heads/main", oid)]
        with pytest.raises(GitError) as caught:
            bases(cache.update(Address.parse(f"{server.url}/names/repo.git")), ("main",))
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 300


def test_a_repositorys_own_time_limit_ends_waiting_and_retries(
    cache: Mirrors, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "RETRIES", remote.Retries(100, 0.01, 0.01, 0.01))
    monkeypatch.setattr(transport, "STALL", 60)
    for fault in ("hang", "500"):
        server.requests.clear()
        with pytest.raises(GitError) as caught, limited(1):
            cache.update(Address.parse(f"{server.url}/{fault}/repo.git"))
        assert "limit of 1 s" in str(caught.value) or "error: 500" in str(caught.value)
        assert len(server.requests) < 100


def test_no_secret_is_left_in_the_cache(work: Work, cache: Mirrors, server: Server) -> None:
    address = Address.parse(f"http://{USER}:{PASSWORD}@{server.host}/401/repo.git")
    mirror = cache.update(address)
    assert heads(mirror)
    for file in cache.folder.rglob("*"):
        assert PASSWORD not in file.name
        if file.is_file():
            assert PASSWORD.encode() not in file.read_bytes(), file
    [listed] = cache.list()
    assert PASSWORD not in repr(listed)


@pytest.fixture
def family(work: Work, monkeypatch: pytest.MonkeyPatch) -> list[Origin]:
    """Three forks of one repository, each with a file of its own, and larger than what is worth
    sharing."""
    monkeypatch.setattr(networks, "MIN_SHARED", 50_000)
    files: dict[str | bytes, bytes] = {
        f"d{number % 7}/f{number}": os.urandom(2000) for number in range(100)
    }
    members = []
    for number in range(3):
        member = Origin(work, f"org{number}/moby")
        member.commit("main", {**files, "own": b"%d\n" % number})
        members.append(member)
    return members


def packed(path: Path) -> int:
    return sum(file.stat().st_size for file in (path / "objects/pack").glob("*.pack"))


def test_a_family_shares_objects(work: Work, family: list[Origin], cache: Mirrors) -> None:
    first, *others = [cache.update(member.address) for member in family]
    assert packed(first.git_dir) > 200_000
    for mirror, member in zip(others, family[1:], strict=True):
        assert packed(mirror.git_dir) < 20_000
        assert heads(mirror) == {"main": member.git("rev-parse", "main")}
        # Nothing is missing, so what looks for patterns reads every file.
        tip = heads(mirror)["main"]
        assert networks.missing_blobs(mirror.git_dir, [tip]) == []
        whole(work, mirror)
    listed = cache.list()
    assert [one.family for one in listed] == [None, first.git_dir, first.git_dir]
    assert [cache.verify(one) for one in listed] == [None, None, None]
    # A member moves on, and is fetched without what the family has.
    tip = family[1].commit("main", {"new": b"new\n"})
    mirror = cache.update(family[1].address)
    assert heads(mirror) == {"main": tip}
    assert networks.missing_blobs(mirror.git_dir, [tip]) == []


def test_a_commit_on_a_mirror_that_shares_objects_is_pushed(
    work: Work, family: list[Origin], cache: Mirrors
) -> None:
    cache.update(family[0].address)
    mirror = cache.update(family[1].address)
    tip = heads(mirror)["main"]
    commit = write_commit(mirror, tip, [FileChange(b"d1/f1", b"x\n")], "x", ME, ME)
    move_branch(mirror, "patcher/x", commit, None)
    remote.push(mirror, "patcher/x", commit, None)
    assert family[1].git("rev-parse", "patcher/x") == commit
    work.fsck(family[1].bare)


def test_a_fork_of_another_name_belongs_to_its_parents_family(
    work: Work, family: list[Origin], cache: Mirrors
) -> None:
    fork = work.root / "srv/org9/engine.git"
    fork.parent.mkdir(parents=True)
    family[2].bare.rename(fork)
    address = Address.parse(f"file://{fork}")
    cache.update(family[0].address)
    mirror = cache.update(address, family=family[0].address.url)
    assert packed(mirror.git_dir) < 20_000
    whole(work, mirror)


def test_members_without_their_first_are_made_anew(
    work: Work, family: list[Origin], cache: Mirrors
) -> None:
    first = cache.update(family[0].address)
    cache.update(family[1].address)
    cache.update(family[0].address, fresh=True)
    mirror = cache.update(family[1].address)
    whole(work, mirror)
    break_pack(first.git_dir)
    mirror = cache.update(family[1].address)
    whole(work, mirror)
    assert packed(mirror.git_dir) > 200_000


def test_a_member_does_not_share_with_a_first_that_was_made_anew_without_its_objects(
    work: Work, family: list[Origin], cache: Mirrors
) -> None:
    cache.update(family[0].address)
    mirror = cache.update(family[1].address)
    assert packed(mirror.git_dir) < 20_000
    work.git(family[0].source, "rm", "-r", "-q", "-f", ".")
    family[0].commit("main", {"other": os.urandom(100_000)})
    cache.update(family[0].address, fresh=True)
    [listed] = [one for one in cache.list() if one.repository == mirror]
    assert "is not whole" in (cache.verify(listed) or "")
    mirror = cache.update(family[1].address)
    whole(work, mirror)
    assert networks.missing_blobs(mirror.git_dir, list(heads(mirror).values())) == []


def test_members_that_come_at_once_wait_for_the_first(
    work: Work, family: list[Origin], cache: Mirrors
) -> None:
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda member: cache.update(member.address), family))
    assert sorted(packed(mirror.git_dir) > 200_000 for mirror in found) == [False, False, True]
    for mirror in found:
        whole(work, mirror)


def test_a_server_that_sends_no_blobs_by_id_is_fetched_from_in_full(
    work: Work, family: list[Origin], cache: Mirrors
) -> None:
    with Server(work.root / "srv") as server:
        urls = [f"{server.url}/v0/org{number}/moby.git" for number in range(2)]
        for url, member in zip(urls, family, strict=False):
            mirror = cache.update(Address.parse(url))
            assert heads(mirror) == {"main": member.git("rev-parse", "main")}
            whole(work, mirror)
        assert packed(mirror.git_dir) > 200_000


def test_a_server_without_filters_is_fetched_from_all_the_same(
    work: Work, family: list[Origin], cache: Mirrors
) -> None:
    for member in family:
        member.git("config", "uploadpack.allowFilter", "false")
        mirror = cache.update(member.address)
        whole(work, mirror)
        assert networks.missing_blobs(mirror.git_dir, list(heads(mirror).values())) == []


def test_hosts_are_no_family(work: Work, family: list[Origin], cache: Mirrors) -> None:
    cache.update(family[0].address)
    with Server(work.root / "srv") as server:
        mirror = cache.update(
            Address.parse(f"{server.url}/ok/org1/moby.git"), family=family[0].address.url
        )
    assert packed(mirror.git_dir) > 200_000


def test_clearing_takes_the_family_along(work: Work, family: list[Origin], cache: Mirrors) -> None:
    other = Origin(work, "other")
    for member in (*family, other):
        cache.update(member.address)
    listed = {one.repository.place: one for one in cache.list()}
    assert len(listed) == 4
    assert cache.clear([listed[family[1].address.url]]) == 1
    assert cache.clear([listed[family[0].address.url]]) == 2
    [left] = cache.list()
    assert left.repository.place == other.address.url
    whole(work, cache.update(family[2].address))


def test_many_packs_are_made_one_again(
    work: Work, origin: Origin, cache: Mirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(update, "MAX_PACKS", 3)
    for _ in range(8):
        origin.commit()
        mirror = cache.update(origin.address)
        assert len(list((mirror.git_dir / "objects/pack").glob("*.pack"))) <= 4
    whole(work, mirror)


def test_too_many_branches_are_refused(
    work: Work, origin: Origin, cache: Mirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refs, "MAX_BASES", 10)
    tip = origin.git("rev-parse", "main")
    for number in range(12):
        origin.git("update-ref", f"refs/heads/b{number}", tip)
    with pytest.raises(BoundExceeded, match="MAX_BASES"):
        cache.update(origin.address, ("**",))
    assert heads(cache.update(origin.address)) == {"main": tip}
    for number in range(24):
        origin.git("update-ref", f"refs/heads/patcher/b{number}", tip)
    with pytest.raises(BoundExceeded, match="review branches"):
        cache.update(origin.address)


def test_a_cache_that_cannot_be_written_is_told(work: Work, origin: Origin) -> None:
    cache = Mirrors(work.root / "cache")
    mirror = cache.update(origin.address)
    (cache.folder / f".{mirror.git_dir.name}.lock").unlink()
    (cache.folder / f".{mirror.git_dir.name}.lock").mkdir()
    with pytest.raises(GitError, match="cannot be written"):
        cache.update(origin.address)

"""The commit holds the change and nothing else, and nothing else in the repository changes."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from patcher.git import (
    FileChange,
    GitError,
    Identity,
    Repository,
    Signing,
    Store,
    bases,
    discover,
    move_branch,
    signing,
    write_commit,
)

if TYPE_CHECKING:
    from tests.git.conftest import Work

Snapshot = Callable[[Path], Mapping[str, bytes]]

ADA = Identity("Ada Maintainer", "ada@example.org", "1700000000 +0100")
BEA = Identity("Béa", "bea@example.org", "1700000001 -0930")
BRANCH = "patcher/deny-af-alg"


def opened(path: Path) -> Repository:
    item = next(discover([path]))
    assert isinstance(item, Repository), item
    return item


def apply(repository: Repository, *changes: FileChange) -> str:
    [base] = bases(repository)
    commit = write_commit(repository, base.commit, changes, "Deny\n\nBody é\n", ADA, BEA)
    move_branch(repository, BRANCH, commit, None)
    return commit


def test_the_commit_is_the_one_that_git_itself_would_write(work: Work) -> None:
    path = work.repository("repo", {"a/b/c": b"1\n", "a/d": b"2\n", "e": b"3\n", "ab": b"4\n"})
    parent = work.git(path, "rev-parse", "HEAD")
    changes = [FileChange(b"a/b/c", b"one\n"), FileChange(b"e", b""), FileChange(b"ab", b"\xff\0")]
    commit = write_commit(opened(path), parent, changes, "Deny\n\nBody é", ADA, BEA)
    work.fill(path, {change.path: change.content for change in changes})
    person = {
        "GIT_AUTHOR_NAME": ADA.name,
        "GIT_AUTHOR_EMAIL": ADA.email,
        "GIT_AUTHOR_DATE": "1700000000 +0100",
        "GIT_COMMITTER_NAME": BEA.name,
        "GIT_COMMITTER_EMAIL": BEA.email,
        "GIT_COMMITTER_DATE": "1700000001 -0930",
    }
    work.git(path, "commit", "-q", "-a", "-m", "Deny\n\nBody é", env=person)
    assert commit == work.git(path, "rev-parse", "HEAD")
    work.fsck(path)


GC = """
import os, sys, time
from pathlib import Path
note, lost = map(Path, sys.argv[1:])
note.write_text(f"{os.getpid()} here")
print(flush=True)
time.sleep(0.5)
lost.unlink()
note.unlink()
"""


def test_new_objects_outlive_a_gc_until_their_store_is_closed(work: Work) -> None:
    path = work.repository("repo", {"f": b"1\n"})
    repository = opened(path)
    [base] = bases(repository)
    with Store(repository) as store:
        for number in range(2):
            change = FileChange(b"f", b"%d\n" % (number + 2))
            commit = write_commit(repository, base.commit, [change], "m", ADA, BEA, store=store)
        work.git(path, "gc", "-q", "--prune=now")
        assert work.git(path, "cat-file", "-t", commit) == "commit"
        move_branch(repository, BRANCH, commit, None)
    work.git(path, "gc", "-q", "--prune=now")
    assert work.git(path, "show", f"{commit}:f") == "3"
    work.fsck(path)
    [_] = (path / ".git/objects/pack").glob("*.pack")  # gc took it in


def test_what_a_killed_run_kept_from_gc_is_given_up_after_an_hour(work: Work) -> None:
    path = work.repository("repo", {"f": b"1\n"})
    packs = path / ".git/objects/pack"
    written = {"old": "patcher\n", "new": "patcher\n", "theirs": "my own\n"}
    for name, text in written.items():
        keep = packs / f"pack-{name}.keep"
        keep.write_text(text)
        if name != "new":
            os.utime(keep, (time.time() - 4000,) * 2)
    apply(opened(path), FileChange(b"f", b"2\n"))
    assert sorted(keep.name for keep in packs.glob("*.keep")) == [
        "pack-new.keep", "pack-theirs.keep",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["work tree", "bare", "linked", "shallow", "sha256", "packed"])
def test_every_kind_of_repository(work: Work, kind: str, snapshot: Snapshot) -> None:
    options = ["--object-format=sha256"] if kind == "sha256" else []
    path = work.repository("repo", {"d/f": b"network,\n", "x": b"x"}, *options)
    work.commit(path, {"x": b"y"})
    if kind == "bare":
        work.git(work.root, "clone", "-q", "--bare", "repo", "place")
        path = work.root / "place"
    elif kind == "shallow":
        work.git(work.root, "clone", "-q", "--depth=1", f"file://{path}", "place")
        path = work.root / "place"
    elif kind == "linked":
        work.git(path, "worktree", "add", "-q", str(work.root / "place"))
        path = work.root / "place"
    elif kind == "packed":
        work.git(path, "gc", "-q")
    repository = opened(path)
    before = snapshot(repository.common_dir)
    [base] = bases(repository)
    commit = apply(repository, FileChange(b"d/f", b"network,\ndeny network alg,\n"))
    assert work.git(path, "diff", "--numstat", base.commit, BRANCH) == "1\t0\td/f"
    assert work.git(path, "rev-parse", f"{BRANCH}^") == base.commit
    assert work.git(path, "log", "-1", "--format=%an %ae %cn %ce %at %ct %B", BRANCH) == (
        f"{ADA.name} {ADA.email} {BEA.name} {BEA.email} 1700000000 1700000001 Deny\n\nBody é\n"
    )
    work.fsck(path)
    after = dict(snapshot(repository.common_dir))
    ref = after.pop(f"refs/heads/{BRANCH}")
    assert ref.endswith(commit.encode() + b"\n")
    after.pop(f"logs/refs/heads/{BRANCH}", None)
    assert after == before


def test_nothing_of_the_users_is_touched(work: Work, snapshot: Snapshot) -> None:
    """A dirty work tree, a stash, a half-staged index, untracked and ignored files, other
    branches."""
    path = work.repository("repo", {"f": b"network,\n", "g": b"1\n", ".gitignore": b"*.o\n"})
    work.git(path, "branch", "other")
    work.fill(path, {"g": b"stashed\n"})
    work.git(path, "stash", "-q")
    work.fill(path, {"f": b"network, # mine\n", "g": b"staged\n"})
    work.git(path, "add", "g")
    work.fill(path, {"g": b"unstaged\n", "new": b"untracked\n", "x.o": b"ignored\n"})
    before = snapshot(path)
    status = work.git(path, "--no-optional-locks", "status", "--porcelain", "--ignored")
    assert snapshot(path) == before
    apply(opened(path), FileChange(b"f", b"network,\ndeny network alg,\n"))
    after = dict(snapshot(path))
    del after[f".git/refs/heads/{BRANCH}"], after[f".git/logs/refs/heads/{BRANCH}"]
    assert after == before
    assert work.git(path, "--no-optional-locks", "status", "--porcelain", "--ignored") == status
    assert work.git(path, "show", f"{BRANCH}:f") == "network,\ndeny network alg,"
    assert work.git(path, "stash", "list") != ""
    work.fsck(path)


def test_modes_and_names_stay(work: Work) -> None:
    names = [b"a b", b"new\nline", b"latin-\xe9", b"-x", b'"quoted"', b"deep/" * 60 + b"f", b"run"]
    path = work.repository("repo", dict.fromkeys(names, b"network,\n"))
    (path / "run").chmod(0o755)
    (path / "link").symlink_to("run")
    work.commit(path, {})
    before = work.git(path, "ls-tree", "-r", "-z", "HEAD").split("\0")
    apply(opened(path), *[FileChange(name, b"changed\n") for name in names])
    after = work.git(path, "ls-tree", "-r", "-z", BRANCH).split("\0")
    assert [(line.split(" ")[0], line.partition("\t")[2]) for line in after] == [
        (line.split(" ")[0], line.partition("\t")[2]) for line in before
    ]
    assert len(set(before) - set(after)) == len(names)
    work.fsck(path)


def test_many_and_large_files(work: Work) -> None:
    files: dict[str | bytes, bytes] = {f"{n % 7}/{n}": b"%d\n" % n for n in range(300)}
    files["lines"] = b"  capability,\n" * 100_000
    path = work.repository("repo", files)
    apply(
        opened(path),
        *[FileChange(os.fsencode(name), content + b"x\n") for name, content in files.items()],
    )
    assert work.git(path, "diff", "--shortstat", "HEAD", BRANCH) == (
        " 301 files changed, 301 insertions(+)"
    )
    work.fsck(path)


def test_a_partial_clone_gets_its_commit_without_a_fetch(work: Work) -> None:
    path = work.repository("repo", {"d/f": b"network,\n", "big": b"x" * 9999})
    work.git(path, "config", "uploadpack.allowFilter", "true")
    url = f"file://{path}"
    work.git(work.root, "clone", "-q", "--bare", "--filter=blob:limit=2k", url, "place")
    place = work.root / "place"
    path.rename(work.root / "gone")
    apply(opened(place), FileChange(b"d/f", b"network,\ndeny network alg,\n"))
    assert work.git(place, "ls-tree", "--name-only", BRANCH) == "big\nd"
    work.fsck(place)


def test_odd_entries_pass_through(work: Work) -> None:
    """What git itself would not write again stays as it is: an old mode, a submodule, `.GIT`. The
    zeros before a mode go, as they do where git writes the tree again."""
    path = work.repository("repo", {"f": b"network,\n"})
    oid = work.git(path, "rev-parse", "HEAD:f")
    raw = bytes.fromhex(oid)
    entries = [
        (b"100664", b".GIT"),
        (b"160000", b"module"),
        (b"0100644", b"old"),
        (b"100755", b"z"),
    ]
    data = b"".join(b"%b %b\0%b" % (mode, name, raw) for mode, name in entries)
    tree = work.git(path, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=data)
    parent = work.git(path, "commit-tree", "-m", "odd", tree)
    commit = write_commit(opened(path), parent, [FileChange(b"z", b"new\n")], "m", ADA, ADA)
    new = work.git(path, "rev-parse", f"{commit}^{{tree}}")
    done = subprocess.run(["git", "-C", path, "cat-file", "tree", new], stdout=subprocess.PIPE)
    changed = bytes.fromhex(work.git(path, "rev-parse", f"{commit}:z"))
    assert done.stdout == data.replace(b"0100644", b"100644")[:-20] + changed


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (b"absent", "is not in the commit"),
        (b"d/absent", "is not in the commit"),
        (b"d", "is not a regular file"),
        (b"link", "is not a regular file"),
        (b"f/below", "is not a folder"),
        (b"../f", "is not in the commit|no path"),
        (b"/f", "no path"),
        (b"", "no path"),
        (b"d//f", "no path"),
        (b".git/config", "no path"),
        (b"d/.GIT/hooks/x", "no path"),
        (b"git~1/x", "no path"),
        (b".g\xe2\x80\x8cit/x", "no path"),
        (b"\x1b[31m", r"\\x1b\[31m is not in"),
    ],
)
def test_paths_that_are_refused(work: Work, path: bytes, why: str) -> None:
    place = work.repository("repo", {"f": b"1", "d/f": b"2"})
    (place / "link").symlink_to("f")
    parent = work.commit(place, {})
    with pytest.raises(GitError, match=why):
        write_commit(opened(place), parent, [FileChange(path, b"x")], "m", ADA, ADA)


def test_a_change_that_changes_nothing_is_refused(work: Work) -> None:
    path = work.repository("repo", {"f": b"1"})
    parent = work.git(path, "rev-parse", "HEAD")
    with pytest.raises(GitError, match="change nothing"):
        write_commit(opened(path), parent, [FileChange(b"f", b"1")], "m", ADA, ADA)
    with pytest.raises(GitError, match="no commit"):
        tree = work.git(path, "rev-parse", "HEAD^{tree}")
        write_commit(opened(path), tree, [FileChange(b"f", b"2")], "m", ADA, ADA)


@pytest.mark.parametrize(
    ("person", "message"),
    [
        (Identity("A\nparent 0", "a@b", None), "m"),
        (Identity("A <x>", "a@b", None), "m"),
        (Identity("A", "a@b", "1700000000 +0000\nx y"), "m"),
        (ADA, "a\0b"),
    ],
)
def test_nothing_can_be_smuggled_into_the_commit(
    work: Work, person: Identity, message: str
) -> None:
    path = work.repository("repo", {"f": b"1"})
    parent = work.git(path, "rev-parse", "HEAD")
    with pytest.raises(GitError) as error:
        write_commit(opened(path), parent, [FileChange(b"f", b"2")], message, person, ADA)
    assert str(error.value).isprintable()


def test_without_a_date_it_is_now(work: Work) -> None:
    path = work.repository("repo", {"f": b"1"})
    now = Identity("A", "a@b", None)
    parent = work.git(path, "rev-parse", "HEAD")
    commit = write_commit(opened(path), parent, [FileChange(b"f", b"2")], "m", now, now)
    shown = work.git(path, "log", "-2", "--format=%ct %ci", commit).splitlines()
    assert 0 <= int(shown[0].split()[0]) - int(shown[1].split()[0]) < 60
    assert shown[0].split()[-1] == shown[1].split()[-1]  # the same offset as git's


def test_a_repository_that_cannot_be_written_is_said(work: Work) -> None:
    path = work.repository("repo", {"f": b"1"})
    parent = work.git(path, "rev-parse", "HEAD")
    packs = path / ".git/objects/pack"
    packs.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.access(packs, os.W_OK):  # root may write anywhere: put a file where the folder belongs
        packs.rmdir()
        packs.touch()
    with pytest.raises(GitError, match="new objects were not written"):
        write_commit(opened(path), parent, [FileChange(b"f", b"2")], "m", ADA, ADA)


def test_shared_repositories_stay_shared(work: Work) -> None:
    path = work.repository("repo", {"f": b"1"}, "--shared=group")
    parent = work.git(path, "rev-parse", "HEAD")
    write_commit(opened(path), parent, [FileChange(b"f", b"2")], "m", ADA, ADA)
    pack, index = sorted((path / ".git/objects/pack").iterdir(), reverse=True)
    assert (pack.suffix, index.suffix) == (".pack", ".idx")
    for file in (pack, index, pack.parent):
        assert file.stat().st_mode & stat.S_IRGRP, file
    assert pack.parent.stat().st_mode & stat.S_IWGRP


def ssh_key(work: Work) -> Path:
    key = work.root / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada@example.org", "-f"]
    subprocess.run([*command, str(key)], check=True)
    return key


needs_ssh = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed"
)
needs_gpg = pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")


@needs_ssh
@pytest.mark.parametrize("named", [True, False])
def test_ssh_signatures(work: Work, home: Path, named: bool) -> None:
    key = ssh_key(work)
    public = key.with_suffix(".pub").read_text()
    config = home / ".gitconfig"
    lines = f"[gpg]\n\tformat = ssh\n[user]\n\tsigningKey = {key if not named else '/nowhere'}\n"
    config.write_text(config.read_text() + lines)
    path = work.repository("repo", {"f": b"1"})
    # The repository's own idea of a signing program and key must not count.
    work.git(path, "config", "gpg.ssh.program", "/bin/false")
    work.git(path, "config", "user.signingKey", "/etc/passwd")
    parent = work.git(path, "rev-parse", "HEAD")
    sign = signing(str(key) if named else None)
    assert sign.format == "ssh" and sign.program is None
    commit = write_commit(
        opened(path), parent, [FileChange(b"f", b"2")], "m\n\nbody", ADA, BEA, sign
    )
    allowed = work.root / "allowed"
    allowed.write_text(f"ada@example.org {public}")
    work.git(path, "config", "--unset", "gpg.ssh.program")
    verify = ["-c", f"gpg.ssh.allowedSignersFile={allowed}", "verify-commit", commit]
    work.git(path, *verify)
    shown = work.git(path, "log", "-1", "--format=%an|%at|%cn|%ct|%B", commit)
    assert shown == f"{ADA.name}|1700000000|{BEA.name}|1700000001|m\n\nbody\n"
    work.fsck(path)
    # The same once more, as two branches at one commit have it within a second.
    again = write_commit(
        opened(path), parent, [FileChange(b"f", b"2")], "m\n\nbody", ADA, BEA, sign
    )
    assert again == commit


@needs_gpg
def test_openpgp_signatures(work: Work, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gnupg = Path("/tmp") / f"patcher-test-{os.getpid()}"  # a socket's path must be short
    gnupg.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(gnupg))
    try:
        who = f"{BEA.name} <{BEA.email}>"
        made = ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-gen-key", who]
        subprocess.run([*made, "ed25519", "sign"], check=True, capture_output=True)
        path = work.repository("repo", {"f": b"1"})
        work.git(path, "config", "gpg.program", "/bin/false")
        work.git(path, "config", "user.signingKey", "nobody@example.org")
        parent = work.git(path, "rev-parse", "HEAD")
        assert signing(None) == Signing("openpgp", None, None)
        # Without a key it is the committer's, as git has it.
        commit = write_commit(
            opened(path), parent, [FileChange(b"f", b"2")], "m", ADA, BEA, signing(None)
        )
        work.git(path, "-c", "gpg.program=gpg", "verify-commit", commit)
        missing = signing("nobody@example.org")
        with pytest.raises(GitError) as failed:
            write_commit(opened(path), parent, [FileChange(b"f", b"3")], "m", ADA, BEA, missing)
        assert str(failed.value) in (
            "the commit was not signed: gpg: signing failed: No secret key",  # git 2.41
            "the commit was not signed: gpg failed: sign something with it by hand to see why",
        )
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True)
        shutil.rmtree(gnupg)


def not_signed(path: Path, sign: Signing) -> str:
    """Why a commit was not signed."""
    parent = subprocess.check_output(["git", "-C", path, "rev-parse", "HEAD"], text=True).strip()
    with pytest.raises(GitError) as failed:
        write_commit(opened(path), parent, [FileChange(b"f", b"3")], "m", ADA, BEA, sign)
    reason = str(failed.value)
    assert reason.startswith("the commit was not signed: ")
    return reason.removeprefix("the commit was not signed: ")


@needs_ssh
def test_why_ssh_did_not_sign(work: Work) -> None:
    path = work.repository("repo", {"f": b"1"})
    nowhere = Signing("ssh", f"{work.root}/nowhere", None)
    assert not_signed(path, nowhere).endswith("/nowhere: No such file or directory")
    key = ssh_key(work)
    key.unlink()
    assert "No private key found" in not_signed(path, Signing("ssh", f"{key}.pub", None))
    missing = Signing("ssh", f"{key}.pub", "/nowhere/ssh-keygen")
    assert not_signed(path, missing) == "cannot run /nowhere/ssh-keygen: No such file or directory"


def test_why_a_program_of_the_users_did_not_sign(work: Work) -> None:
    path = work.repository("repo", {"f": b"1"})
    program = work.root / "sign er"

    def why(script: str) -> str:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return not_signed(path, Signing("openpgp", "key", str(program)))

    failed = f"{program} failed: sign something with it by hand to see why"
    assert why("exit 0") == failed
    # git passes on what the program says from 2.41 on.
    assert why("printf 'gpg: no card\\033[31m\\n' >&2; exit 2") in (failed, "gpg: no card\\x1b[31m")
    assert why("echo gpg: https://me:secret@card/ is away >&2; exit 2") in (
        failed,
        "gpg: https://card/ is away",
    )
    missing = not_signed(path, Signing("openpgp", "key", "/nowhere/gpg"))
    assert missing == "cannot run /nowhere/gpg: No such file or directory"


def test_what_another_repository_has_is_not_committed(work: Work) -> None:
    """A tree may name a file that is only in another repository of the user's."""
    private = work.repository("private", {"profile": b"network,\n"})
    path = work.repository("repo", {"profile": b"network, # mine\n"})
    theirs = work.git(private, "rev-parse", "HEAD:profile")
    tree = work.git(path, "mktree", "--missing", stdin=f"100644 blob {theirs}\tprofile\n".encode())
    work.git(path, "reset", "-q", "--soft", work.git(path, "commit-tree", "-m", "x", tree))
    change = FileChange(b"profile", b"network,\ndeny network alg,\n")
    with pytest.raises(GitError, match=f"{theirs} is not in the repository: run git fsck"):
        apply(opened(path), change)
    objects = path / ".git/objects"
    (objects / "info/alternates").write_text(f"{private}/.git/objects\n")
    for _ in range(2):  # loose there, and packed
        with pytest.raises(GitError, match=r"profile: object .* git repack -a"):
            apply(opened(path), change)
        work.git(private, "repack", "-a", "-d", "-q")


@pytest.mark.parametrize("stored", ["loose", "packed"])
def test_a_repository_with_alternates_and_its_own_file_gets_its_commit(
    work: Work, stored: str
) -> None:
    path, other = work.repository("repo", {"f": b"1\n"}), work.repository("other", {"g": b"2\n"})
    if stored == "packed":
        work.git(path, "gc", "-q", "--prune=now")
    (path / ".git/objects/info/alternates").write_text(f"{other}/.git/objects\n")
    commit = apply(opened(path), FileChange(b"f", b"2\n"))
    assert work.git(path, "show", f"{commit}:f") == "2"


def test_the_advice_for_a_file_in_an_alternate_helps(work: Work) -> None:
    other = work.repository("other", {"f": b"1\n"})
    work.git(work.root, "clone", "-q", "--shared", str(other), "repo")
    path = work.root / "repo"
    with pytest.raises(GitError, match="it comes from an alternate"):
        apply(opened(path), FileChange(b"f", b"2\n"))
    work.git(path, "repack", "-a", "-d", "-q")
    commit = apply(opened(path), FileChange(b"f", b"2\n"))
    assert work.git(path, "show", f"{commit}:f") == "2"


@pytest.mark.parametrize("where", ["objects/{two}", "objects/pack", "file in pack", "objects"])
def test_nothing_is_written_through_a_link(work: Work, where: str) -> None:
    path, other = work.repository("repo", {"f": b"1\n"}), work.root / "other"
    other.mkdir()
    objects = path / ".git/objects"
    link = {
        "objects/{two}": objects / "fe",
        "objects/pack": objects / "pack",
        "file in pack": objects / "pack/pack-1234.pack",
        "objects": objects,
    }[where]
    repository = opened(path)
    if link.is_dir():
        link.rename(other / link.name)
    link.symlink_to(other / link.name if (other / link.name).exists() else other)
    before = sorted(work.root.rglob("*"))
    with pytest.raises(GitError, match="is a symbolic link: patcher writes only where"):
        apply(repository, FileChange(b"f", b"2\n"))
    assert sorted(work.root.rglob("*")) == before

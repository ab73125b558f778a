"""Write a commit: new blobs, the trees above them, the commit, and nothing else.

Only the trees on the way to a changed file are rewritten, entry by entry as they stand, so what
git itself would refuse to write again (old modes, strange names) passes through. The new objects
go into the repository as one small pack on the input of `git unpack-objects`: one process whatever
their number, no index, no hook, no ref. Their ids follow from their content.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from patcher.git.discovery import read_small
from patcher.git.errors import GitError, GitFailed, printable
from patcher.git.objects import MAX_TREE, Objects, is_directory, is_file, tree_content, tree_entries
from patcher.git.runner import require_version, run, scratch, spool, time_left
from patcher.git.values import Change, Identity, Repository, Signing

# A commit must outlive a power cut before a ref names it; by default git leaves loose objects to
# the system. Not with core.fsyncMethod=batch, which git 2.39 uses without looking whether it
# worked.
_DURABLE = {"core.fsync": "committed,loose-object"}

_COMMIT, _TREE, _BLOB = 1, 2, 3
_KINDS = {_COMMIT: b"commit", _TREE: b"tree", _BLOB: b"blob"}
_NAMES = frozenset(("commit", "tree", "blob"))
_MOST_COMMIT = 1 << 24
_MOST_KEPT = 1 << 20

_DEFAULT_PROGRAM = {"openpgp": "gpg", "ssh": "ssh-keygen", "x509": "gpgsm"}


def write_commit(
    repository: Repository,
    parent: str,
    changes: Sequence[Change],
    message: str,
    author: Identity,
    committer: Identity,
    sign: Signing | None = None,
    written: list[Pack] | None = None,
) -> str:
    """Write a commit on top of ``parent`` and return its object id.

    Each change names a regular file of ``parent`` and its whole new content; all else in the tree
    stays. No ref moves, and work tree and index are not looked at. What was written is added to
    ``written``, for `restore`. Raises `GitError` when a path
    is no regular file there, when nothing would change, or when git cannot write.
    """
    require_version()
    new = Pack(len(parent))
    with Objects(repository.common_dir / "objects", hexsize=len(parent)) as objects:
        header = objects.one(f"{parent}^{{commit}}".encode(), 0)
        if header.oid != parent or header.kind != "commit":
            raise GitError(f"{parent} is no commit of this repository")
        tree = _new_tree(objects, parent, changes, new)
    if sign is None:
        text = _commit(tree, parent, message, author, committer)
        commit = new.add(_COMMIT, text).hex()
        _store(repository, new)
    else:
        _store(repository, new)
        commit = _signed(repository, tree, parent, message, author, committer, sign)
        with Objects(repository.common_dir / "objects", hexsize=len(parent)) as objects:
            signed = objects.one(commit.encode(), _MOST_COMMIT)
        if signed.kind != "commit" or signed.content is None:
            raise GitError(f"the signed commit {commit} is not in the repository: run again")
        new.add(_COMMIT, signed.content)
    if written is not None:
        written.append(new)
    return commit


def restore(repository: Repository, packs: Sequence[Pack]) -> None:
    """Write again what is no longer there.

    As long as no ref names them, a `git gc --prune=now` of the user's may remove new objects; once
    a branch does, this brings them back. A gc that is under way may have looked before the branch
    was there, and has yet to remove: its end is waited for, for some seconds. Raises `GitError`
    where that cannot be done.
    """
    if packs:
        _wait_for_gc(repository)
    for pack in packs:
        for _ in range(3):
            with Objects(repository.common_dir / "objects", hexsize=pack.hexsize) as objects:
                if all(header.kind in _NAMES for header in objects.read(pack.names(), _MOST_KEPT)):
                    break
            _store(repository, pack)
        else:
            raise GitError("new objects vanish as they are written: wait for git gc, run again")


_GC_PATIENCE = 10.0
"""Seconds to wait for a gc. One that takes longer is that of a large repository, and most keep what
is younger than two weeks."""


def _wait_for_gc(repository: Repository) -> None:
    """Wait until the `git gc` that runs now, if one does, has ended; another may run by then."""
    first = gc = _gc(repository)
    deadline = time.monotonic() + time_left(_GC_PATIENCE)
    while gc is not None and gc == first and time.monotonic() < deadline:
        time.sleep(0.02)
        gc = _gc(repository)


def _gc(repository: Repository) -> int | None:
    """The process id of the `git gc` at work here, as it notes it for others like it."""
    try:
        said = read_small(repository.common_dir / "gc.pid", 300, links=False) or b""
        process = int(said.split(b" ", 1)[0])
        if process <= 0:  # which would stand for many
            return None
        os.kill(process, 0)
    except PermissionError:
        return process
    except (OSError, ValueError, OverflowError):
        return None
    return process


class Pack:
    """New objects, as git's pack format has them (gitformat-pack(5)), without deltas."""

    def __init__(self, hexsize: int) -> None:
        self.hexsize = hexsize
        self._objects: dict[bytes, bytes] = {}

    def hash(self, content: bytes) -> bytes:
        import hashlib

        kind = hashlib.sha1 if self.hexsize == 40 else hashlib.sha256
        return kind(content, usedforsecurity=False).digest()

    def add(self, kind: int, content: bytes) -> bytes:
        """Take an object in, and give its binary id."""
        import zlib

        oid = self.hash(_KINDS[kind] + b" %d\0" % len(content) + content)
        if oid not in self._objects:
            size = len(content) >> 4
            head = [kind << 4 | len(content) & 15]
            while size:
                head[-1] |= 0x80
                head.append(size & 0x7F)
                size >>= 7
            self._objects[oid] = bytes(head) + zlib.compress(content, 1)
        return oid

    def names(self) -> list[bytes]:
        """The ids of the objects, as `Objects.read` takes them."""
        return [oid.hex().encode() for oid in self._objects]

    def stream(self) -> bytes:
        """The pack, whole."""
        parts = [b"PACK", (2).to_bytes(4, "big"), len(self._objects).to_bytes(4, "big")]
        body = b"".join([*parts, *self._objects.values()])
        return body + self.hash(body)


def _new_tree(objects: Objects, parent: str, changes: Sequence[Change], new: Pack) -> str:
    contents: dict[bytes, bytes] = {}
    for change in changes:
        _check_path(change.path)
        contents[change.path] = change.content
    # The folders on the way to a changed file, each with the object id of its tree.
    trees: dict[bytes, bytes] = {}
    listings: dict[bytes, list[tuple[bytes, bytes, bytes]]] = {}
    folders = {b""}
    for path in contents:
        at = path.find(b"/")
        while at >= 0:
            folders.add(path[:at])
            at = path.find(b"/", at + 1)
    for folder in sorted(folders):  # a folder comes before what is in it
        if folder == b"":
            name = f"{parent}^{{tree}}".encode()
        else:
            mode, oid = _entry(listings, folder)
            if not is_directory(mode):
                raise GitError(f"{printable(folder)} is not a folder in the commit")
            name = oid.hex().encode()
        header = objects.one(name, MAX_TREE)
        trees[folder] = bytes.fromhex(header.oid)
        listings[folder] = tree_entries(tree_content(header), objects.hexsize)
    _check_own(objects, [_entry(listings, path)[1] for path in contents])
    before = trees[b""]
    replaced: dict[bytes, dict[bytes, bytes]] = {folder: {} for folder in folders}
    for path, content in contents.items():
        mode, _ = _entry(listings, path)
        if not is_file(mode):
            raise GitError(f"{printable(path)} is not a regular file in the commit")
        folder, _slash, name = path.rpartition(b"/")
        replaced[folder][name] = new.add(_BLOB, content)
    for folder in sorted(folders, reverse=True):
        names = replaced[folder]
        data = b"".join(
            b"%b %b\0%b" % (mode, name, names.get(name, oid))
            for mode, name, oid in listings[folder]
        )
        trees[folder] = new.add(_TREE, data)
        if folder:
            above, _slash, name = folder.rpartition(b"/")
            replaced[above][name] = trees[folder]
    if trees[b""] == before:
        raise GitError("the commit would change nothing")
    return trees[b""].hex()


def _check_own(objects: Objects, oids: Sequence[bytes]) -> None:
    """What is to change has to be in the repository itself: a tree may name what only another
    repository of the user's has, and its content was read from there."""
    for header in objects.read((oid.hex().encode() for oid in oids), _MOST_KEPT):
        if header.kind in ("missing", "unreadable"):
            raise GitError(f"object {header.oid} is not in the repository: run git fsck")


def _entry(
    listings: dict[bytes, list[tuple[bytes, bytes, bytes]]], path: bytes
) -> tuple[bytes, bytes]:
    folder, _, name = path.rpartition(b"/")
    found = [(mode, oid) for mode, entry, oid in listings[folder] if entry == name]
    if not found:
        raise GitError(f"{printable(path)} is not in the commit")
    if len(found) > 1:
        raise GitError(f"{printable(path)} is in the commit twice: run git fsck")
    return found[0]


def _check_path(path: bytes) -> None:
    """Refuse names that git would not check out: a change there is an attack, or will be lost."""
    for part in path.split(b"/"):
        plain = part.decode("utf-8", "replace").casefold()
        plain = "".join(char for char in plain if char.isprintable())  # HFS+ passes over the others
        if plain.rstrip(" .") in ("", ".git", "git~1") or plain.startswith(".git:"):
            raise GitError(f"{printable(path)} is no path that git would check out: left alone")


def _raw_date(date: str | None) -> str:
    """git's raw date; now, in local time's offset, for None."""
    if date is not None:
        return date
    now = time.time()
    return f"{int(now)} {time.strftime('%z', time.localtime(now))}"


def _person(identity: Identity) -> bytes:
    text = f"{identity.name} <{identity.email}> {_raw_date(identity.date)}"
    if any(char in "<>\n\0" for char in identity.name + identity.email) or "\n" in text:
        raise GitError(f"{identity.name!r} <{identity.email!r}> cannot stand in a commit")
    return text.encode("utf-8", "surrogateescape")


def _body(message: str) -> bytes:
    if "\0" in message:
        raise GitError("the commit message has a NUL character")
    body = message.encode("utf-8", "replace")
    return body if body.endswith(b"\n") else body + b"\n"


def _commit(tree: str, parent: str, message: str, author: Identity, committer: Identity) -> bytes:
    return b"tree %b\nparent %b\nauthor %b\ncommitter %b\n\n%b" % (
        tree.encode(),
        parent.encode(),
        _person(author),
        _person(committer),
        _body(message),
    )


def _store(repository: Repository, new: Pack) -> None:
    try:
        run(
            ["unpack-objects", "-q"],
            git_dir=repository.git_dir,
            stdin=new.stream(),
            config=_DURABLE,
        )
    except GitError as error:
        raise GitError(f"the new objects were not written: {error}") from None


def _signed(
    repository: Repository,
    tree: str,
    parent: str,
    message: str,
    author: Identity,
    committer: Identity,
    sign: Signing,
) -> str:
    """`git commit-tree -S`, with the user's program and key, and no configuration of the
    repository in sight."""
    _person(author), _person(committer)
    from patcher.git import signer

    program = sign.program or _DEFAULT_PROGRAM[sign.format]
    config = _DURABLE | {"gpg.format": sign.format}
    if sign.key_command is not None:
        config["gpg.ssh.defaultKeyCommand"] = sign.key_command
    if sign.key is not None:
        config["user.signingKey"] = sign.key
    config |= _sharing(repository)
    extra = {
        "GIT_OBJECT_DIRECTORY": os.fspath(repository.common_dir / "objects"),
        "LC_ALL": "C.UTF-8",  # in plain C gpg does not find a key by a name like Béa
    }
    for role, person in (("AUTHOR", author), ("COMMITTER", committer)):
        extra[f"GIT_{role}_NAME"] = person.name
        extra[f"GIT_{role}_EMAIL"] = person.email
        extra[f"GIT_{role}_DATE"] = "@" + _raw_date(person.date)
    folder = scratch(len(parent))
    said = spool()
    try:
        through = program
        if sign.format != "ssh":
            through, more = signer.heard(program, folder, said)
            extra |= more
        config[f"gpg.{sign.format}.program"] = through
        if sign.format == "openpgp":
            config["gpg.program"] = through
        output = run(
            ["commit-tree", "-S", "-p", parent, "-F", "-", tree],
            git_dir=folder,
            stdin=_body(message),
            config=config,
            extra=extra,
            pass_fds=(said,),
            signals=True,
        )
    except GitFailed as error:
        reason = signer.why(program, os.pread(said, 1 << 16, 0), error.stderr)
        raise GitError(f"the commit was not signed: {reason}") from None
    except GitError as error:
        raise GitError(f"the commit was not signed: {error}") from None
    finally:
        os.close(said)
    return output.decode("ascii").strip()


def _sharing(repository: Repository) -> dict[str, str]:
    """Who may write to the objects of a repository that several people share."""
    path: Path = repository.common_dir / "config"
    text = read_small(path, 1 << 20)
    if text is None or b"sharedrepository" not in text.lower():
        return {}
    command = ["config", "--file", "-", "--no-includes", "--get", "core.sharedRepository"]
    value = run(command, stdin=text, allowed=(0, 1)).decode("utf-8", "replace").strip()
    return {"core.sharedRepository": value} if value else {}

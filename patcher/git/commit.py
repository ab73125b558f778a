"""Write a commit: new blobs, the trees above them, the commit, and nothing else.

Only the trees on the way to a changed file are rewritten, entry by entry as they stand, so what
git itself would refuse to write again (old modes, strange names) passes through. The new objects
go into the repository as one small pack: one process whatever their number, no index, no hook, no
ref. Their ids follow from their content.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from patcher.git.errors import BoundExceeded, GitError, GitFailed
from patcher.git.loose import Loose
from patcher.git.objects import (
    MAX_TREE,
    Objects,
    is_directory,
    is_file,
    quoted,
    tree_content,
    tree_entries,
)
from patcher.git.packs import BLOB, COMMIT, TREE, Pack, Store
from patcher.git.process import last_words
from patcher.git.runner import require_version, run
from patcher.git.scratch import object_directory, scratch
from patcher.git.values import FileChange, Identity, Repository, Signing
from patcher.text import printable

_MOST_COMMIT = 1 << 24

_FOLDER_COST = 500
"""Bytes that a folder of files to change takes in memory, besides its path and tree."""

_DEFAULT_PROGRAM = {"openpgp": "gpg", "ssh": "ssh-keygen", "x509": "gpgsm"}


def write_commit(
    repository: Repository,
    parent: str,
    changes: Sequence[FileChange],
    message: str,
    author: Identity,
    committer: Identity,
    sign: Signing | None = None,
    store: Store | None = None,
    objects: Objects | None = None,
) -> str:
    """Write a commit on top of ``parent`` and return its object id.

    Each change names a regular file of ``parent`` and its whole new content; all else in the tree
    stays. No ref moves, and work tree and index are not looked at. ``store`` keeps the new objects
    from `git gc` until it is closed; without one they are not kept. ``objects`` reads this
    repository alone, and stays open. Raises `GitError` when a path is no regular file there, when
    nothing would change, or when git cannot write.
    """
    commit = (repository, parent, changes, message, author, committer, sign)
    if store is None:
        with Store(repository) as store:
            return write_commit(*commit, store, objects)
    if objects is None:
        with Objects(repository.common_dir / "objects", hexsize=len(parent)) as objects:
            return write_commit(*commit, store, objects)
    require_version()
    new = Pack(len(parent))
    header = objects.one(f"{parent}^{{commit}}".encode(), 0)
    if header.oid != parent or header.kind != "commit":
        raise GitError(f"{parent} is no commit of this repository")
    tree, changed = _new_tree(objects, parent, changes, new)
    _check_own(objects, repository, changed)
    if sign is None:
        text = _commit(tree, parent, message, author, committer)
    else:
        text = _signed(repository, new, tree, parent, message, author, committer, sign)
    oid = new.add(COMMIT, text).hex()
    store.add(new)
    return oid


def _new_tree(
    objects: Objects, parent: str, changes: Sequence[FileChange], new: Pack
) -> tuple[str, dict[bytes, bytes]]:
    """The id of the new tree, and those of the blobs that are replaced, by path."""
    contents: dict[bytes, bytes] = {}
    for change in changes:
        _check_path(change.path)
        contents[change.path] = change.content
    folders = _Folders(objects, parent, contents)
    changed = {path: folders.entry(path)[1] for path in contents}
    trees = folders.trees
    before = trees[b""]
    replaced: dict[bytes, dict[bytes, bytes]] = {folder: {} for folder in trees}
    for path, content in contents.items():
        mode, _ = folders.entry(path)
        if not is_file(mode):
            raise GitError(f"{printable(path)} is not a regular file in the commit")
        folder, _slash, name = path.rpartition(b"/")
        replaced[folder][name] = new.add(BLOB, content)
    for folder in sorted(trees, reverse=True):
        names = replaced[folder]
        data = b"".join(
            b"%b %b\0%b" % (mode, name, names.get(name, oid))
            for mode, name, oid in folders.listings[folder]
        )
        trees[folder] = new.add(TREE, data)
        if folder:
            above, _slash, name = folder.rpartition(b"/")
            replaced[above][name] = trees[folder]
    if trees[b""] == before:
        raise GitError("the commit would change nothing")
    return trees[b""].hex(), changed


class _Folders:
    """The folders above the files that are to change, as the commit has them."""

    def __init__(self, objects: Objects, parent: str, paths: Iterable[bytes]) -> None:
        self._left = MAX_TREE
        self._wanted: dict[bytes, set[bytes]] = {}
        """What changes in each, by name."""
        for path in paths:
            folder = b""
            for name in path.split(b"/"):
                if folder not in self._wanted:
                    self._take(_FOLDER_COST + len(folder))
                    self._wanted[folder] = set()
                self._wanted[folder].add(name)
                folder = folder + b"/" + name if folder else name
        self.trees: dict[bytes, bytes] = {}
        """The object id of each."""
        self.listings: dict[bytes, list[tuple[bytes, bytes, bytes]]] = {}
        self._entries: dict[bytes, list[tuple[bytes, bytes]]] = {}
        for folder in sorted(self._wanted):  # a folder comes before what is in it
            self._read(objects, folder, parent)

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise BoundExceeded(
                f"the folders of the files to change are over the limit of {MAX_TREE >> 20} MiB: "
                "use --include or --exclude"
            )

    def _read(self, objects: Objects, folder: bytes, parent: str) -> None:
        if folder == b"":
            name = f"{parent}^{{tree}}".encode()
        else:
            mode, oid = self.entry(folder)
            if not is_directory(mode):
                raise GitError(f"{printable(folder)} is not a folder in the commit")
            name = oid.hex().encode()
        header = objects.one(name, MAX_TREE)
        data = tree_content(header)
        self._take(len(data))
        self.trees[folder] = bytes.fromhex(header.oid)
        self.listings[folder] = tree_entries(data, objects.hexsize)
        wanted = self._wanted[folder]
        for mode, name, oid in self.listings[folder]:
            if name in wanted:
                path = folder + b"/" + name if folder else name
                self._entries.setdefault(path, []).append((mode, oid))

    def entry(self, path: bytes) -> tuple[bytes, bytes]:
        """Mode and object id of a file or folder."""
        found = self._entries.get(path, [])
        if not found:
            raise GitError(f"{printable(path)} is not in the commit")
        if len(found) > 1:
            raise GitError(f"{printable(path)} is in the commit twice: run git fsck")
        return found[0]


def _check_own(objects: Objects, repository: Repository, blobs: Mapping[bytes, bytes]) -> None:
    """Raise `GitError` unless the repository itself has the blobs that are to change, by path: a
    tree may name what only another repository of the user's has, and it would be committed here.

    A mirror is patcher's own, and so is the mirror that it shares objects with.
    """
    own = repository.common_dir / "objects"
    if repository.address is not None or not os.path.lexists(own / "info/alternates"):
        _check_present(objects, blobs, "run git fsck")
        return
    loose = Loose(own)
    packed = {path: oid for path, oid in blobs.items() if not loose.holds(oid.hex())}
    with object_directory(objects.hexsize) as alone:
        Path(alone, "pack").symlink_to(own / "pack")  # the same packs, and no list of alternates
        with Objects(Path(alone), hexsize=objects.hexsize) as there:
            advice = "it comes from an alternate: copy it with git repack -a -d, then run again"
            _check_present(there, packed, advice)


def _check_present(objects: Objects, blobs: Mapping[bytes, bytes], advice: str) -> None:
    found = objects.read((oid.hex().encode() for oid in blobs.values()), 0)
    for path, header in zip(blobs, found, strict=True):
        if header.kind in ("missing", "unreadable"):
            raise GitError(
                f"{printable(path)}: object {header.oid} is not in the repository: {advice}"
            )


def _check_path(path: bytes) -> None:
    """Refuse names that git would not check out: a change there is an attack, or will be lost."""
    for part in path.split(b"/"):
        places = [0, *(at + 1 for at in range(1, len(part)) if part[at] == 0x5C)]
        if (
            part in (b"", b".", b"..")
            or any(_NTFS_DOT_GIT.match(part, place) for place in places)
            or _is_hfs_dot_git(part)
        ):
            raise GitError(f"{printable(path)} is no path that git would check out: left alone")


_NTFS_DOT_GIT = re.compile(rb"(?:\.git|git~1)[. ]*(?:[:\\]|\Z)", re.IGNORECASE)
"""``is_ntfs_dotgit`` in git's ``path.c``; ``verify_path`` in its ``read-cache.c`` looks behind each
backslash too, but a first one."""

_HFS_IGNORED = re.compile(rb"\xe2\x80[\x8c-\x8f\xaa-\xae]|\xe2\x81[\xaa-\xaf]|\xef\xbb\xbf")
"""What HFS+ ignores in names (``next_hfs_char`` in git's ``utf8.c``)."""


def _is_hfs_dot_git(name: bytes) -> bool:
    """``is_hfs_dotgit`` in git's ``utf8.c``, to which a name ends where it is no UTF-8."""
    plain = _HFS_IGNORED.sub(b"", name).lower()
    after = plain[4:].decode("utf-8", "surrogateescape")[:1]
    ends = after in ("", "\ufffe", "\uffff") or "\udc80" <= after <= "\udcff"
    return plain.startswith(b".git") and ends


def _raw_date(date: str | None) -> str:
    """git's raw date; now, in local time's offset, for None."""
    if date is not None:
        return date
    now = time.time()
    return f"{int(now)} {time.strftime('%z', time.localtime(now))}"


def dated(identity: Identity) -> Identity:
    """The same with a date, where it has none: now."""
    return replace(identity, date=_raw_date(identity.date))


def person(identity: Identity) -> str:
    """A person as they stand in a commit."""
    return _person(identity).decode("utf-8", "surrogateescape")


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


def _signed(
    repository: Repository,
    new: Pack,
    tree: str,
    parent: str,
    message: str,
    author: Identity,
    committer: Identity,
    sign: Signing,
) -> bytes:
    """The commit that `git commit-tree -S` writes, with the user's program and key, and no
    configuration of the repository in sight. It is written beside the repository."""
    _person(author), _person(committer)
    program = sign.program or _DEFAULT_PROGRAM[sign.format]
    config = {"gpg.format": sign.format, f"gpg.{sign.format}.program": program}
    if sign.format == "openpgp":
        config["gpg.program"] = program
    if sign.key_command is not None:
        config["gpg.ssh.defaultKeyCommand"] = sign.key_command
    if sign.key is not None:
        config["user.signingKey"] = sign.key
    extra = {"LC_ALL": "C.UTF-8"}  # in plain C gpg does not find a key by a name like Béa
    for role, person in (("AUTHOR", author), ("COMMITTER", committer)):
        extra[f"GIT_{role}_NAME"] = person.name
        extra[f"GIT_{role}_EMAIL"] = person.email
        extra[f"GIT_{role}_DATE"] = "@" + _raw_date(person.date)
    folder = scratch(new.hexsize)
    try:
        with object_directory(new.hexsize) as beside:
            extra["GIT_OBJECT_DIRECTORY"] = beside
            run(["unpack-objects", "-q"], git_dir=folder, stdin=new.stream(), extra=extra)
            parents = repository.common_dir / "objects"
            output = run(
                ["commit-tree", "-S", "-p", parent, "-F", "-", tree],
                git_dir=folder,
                stdin=_body(message),
                config=config,
                extra=extra | {"GIT_ALTERNATE_OBJECT_DIRECTORIES": quoted(os.fspath(parents))},
                signals=True,
            )
            # git writes nothing where the repository has the very commit already.
            with Objects(Path(beside), parents, hexsize=new.hexsize) as objects:
                signed = objects.one(output.strip(), _MOST_COMMIT)
    except GitFailed as error:
        raise GitError(f"the commit was not signed: {_why_unsigned(program, error)}") from None
    except GitError as error:
        raise GitError(f"the commit was not signed: {error}") from None
    if signed.kind != "commit" or signed.content is None:
        raise GitError(f"the commit was not signed: {signed.oid} cannot be read")
    return signed.content


_SILENT = frozenset(("", "gpg failed to sign the data", "failed to write commit object"))


def _why_unsigned(program: str, failed: GitFailed) -> str:
    """Why nothing was signed. git before 2.41 does not pass on what gpg says."""
    lines = failed.stderr.split(b"\n")
    said = [last_words(line) for line in lines if line.startswith((b"gpg: ", b"gpgsm: "))][-1:]
    by_git = [line for line in lines if line.startswith((b"error: ", b"fatal: "))]
    said += [last_words(line).rstrip("?: ") for line in by_git]
    telling = [words for words in said if words not in _SILENT]
    if telling:
        return telling[0]
    return f"{printable(program)} failed: sign something with it by hand to see why"

"""Find repositories: work trees, bare ones, linked work trees, submodule checkouts.

A repository may come from anyone, so what stands in it decides nothing about where patcher reads
and writes. A ``.git`` file or symbolic link may lead out of the folder that the user named only as
git's own linked work trees and submodules do, and only where the other side agrees.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from patcher.git.errors import GitError, printable
from patcher.git.values import Failure, Repository


class _Unusable(Exception):
    pass


def discover(paths: Iterable[Path]) -> Iterator[Repository | Failure]:
    """Yield the repositories that ``paths`` name, each once, and a `Failure` for what is unusable.

    A path may be a work tree, a bare repository, a git directory, or a folder, which is walked for
    repositories, nested ones too (sorted; not into ``.git``, not through symbolic links). A folder
    without any stands for the work tree that it lies in. A work tree and its linked work
    trees are one repository: the first that is met counts.

    As git does, a repository that belongs to another user is refused unless the user's own
    ``safe.directory`` allows it.
    """
    seen: set[tuple[int, int]] = set()
    for path in paths:
        root = Path(os.path.abspath(path))  # noqa: PTH100 - the name stays as the user wrote it
        found = False
        for item in _below(root):
            found = True
            if _is_new(item, seen):
                yield item
        if not found:
            item = _around(root)
            if _is_new(item, seen):
                yield item


def _is_new(item: Repository | Failure, seen: set[tuple[int, int]]) -> bool:
    if isinstance(item, Failure):
        return True
    status = item.common_dir.stat()
    key = (status.st_dev, status.st_ino)
    if key in seen:
        return False
    seen.add(key)
    return True


def _below(root: Path) -> Iterator[Repository | Failure]:
    """The repositories at and under ``root``."""
    try:
        mode = root.stat().st_mode
    except OSError as error:
        yield Failure(root, _os_error(error))
        return
    if not stat.S_ISDIR(mode):
        yield Failure(root, "is a file: name a repository or a folder")
        return
    if root.name == ".git" and is_git_dir(root):
        root = root.parent
    stack = [os.fspath(root)]
    while stack:
        folder = stack.pop()
        try:
            with os.scandir(folder) as scanned:
                entries = list(scanned)
            names = {entry.name for entry in entries}
            folders = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError as error:
            yield Failure(Path(folder), f"cannot be read: {_os_error(error)}")
            continue
        if ".git" in names:
            yield _work_tree(Path(folder), root)
        elif "HEAD" in names and "objects" in names and is_git_dir(Path(folder)):
            yield _bare(Path(folder), root)
            continue
        folders.sort(reverse=True)
        stack.extend(f"{folder}/{name}" for name in folders if name != ".git")


def _around(root: Path) -> Repository | Failure:
    """The repository that ``root`` lies in."""
    for folder in root.parents:
        if os.path.lexists(folder / ".git"):
            return _work_tree(folder, folder)
        if folder.name != ".git" and is_git_dir(folder):
            return _bare(folder, folder)
    return Failure(root, "no git repository here: name a repository or a folder that holds some")


def _bare(folder: Path, root: Path) -> Repository | Failure:
    try:
        git_dir = Path(os.path.realpath(folder))
        _check_git_dir(git_dir, root)
        _check_owner([git_dir], git_dir)
    except _Unusable as error:
        return Failure(folder, str(error))
    return Repository(folder, git_dir, None)


def _work_tree(folder: Path, root: Path) -> Repository | Failure:
    try:
        real = Path(os.path.realpath(folder))
        git_dir = _resolve(real, Path(os.path.realpath(root)))
        _check_git_dir(git_dir, root)
        _check_owner([real / ".git", real, git_dir], real)
    except _Unusable as error:
        return Failure(folder, str(error))
    return Repository(folder, git_dir, folder)


def is_git_dir(folder: Path) -> bool:
    """Whether ``folder`` looks like a repository to git: a HEAD that is a ref or an id, and
    objects and refs folders."""
    return _has_head(folder) and (folder / "objects").is_dir() and (folder / "refs").is_dir()


def _has_head(folder: Path) -> bool:
    head = folder / "HEAD"
    if head.is_symlink():
        return os.fspath(head.readlink()).startswith("refs/")
    text = read_small(head)
    if text is None:
        return False
    text = text.strip()
    if text.startswith(b"ref:"):
        return text[4:].strip().startswith(b"refs/")
    return len(text) in (40, 64) and not text.strip(b"0123456789abcdef")


def read_small(path: Path | str, limit: int = 8192) -> bytes | None:
    """A small regular file of a repository, or None; never blocks on a FIFO or device."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        content = os.read(descriptor, limit + 1)
        return content if len(content) <= limit else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _resolve(folder: Path, root: Path) -> Path:
    """The git directory that ``folder``'s ``.git`` stands for. Both arguments are resolved."""
    dot_git = folder / ".git"
    mode = os.lstat(dot_git).st_mode
    if stat.S_ISDIR(mode):
        return dot_git
    if stat.S_ISLNK(mode):
        target = Path(os.path.realpath(dot_git))
        if target.is_dir():
            if _inside(target, root) or _is_submodule(folder, target):
                return target
            raise _Unusable(
                f".git is a symbolic link that leads out of here, to {printable(target)}: "
                f"name that folder instead"
            )
        raise _Unusable(".git is a symbolic link to no folder")
    if not stat.S_ISREG(mode):
        raise _Unusable(".git is neither a folder nor a file")
    target = _pointed_at(dot_git)
    if _is_linked(folder, target) or _is_submodule(folder, target) or _inside(target, root):
        return target
    raise _Unusable(
        f".git leads out of here, to {printable(target)}, which does not name this folder as its "
        f"work tree or submodule: name that folder instead"
    )


def _pointed_at(dot_git: Path) -> Path:
    text = read_small(dot_git)
    if text is None or not text.startswith(b"gitdir: ") or b"\0" in text:
        raise _Unusable(".git is a file that names no repository")
    return Path(os.path.realpath(dot_git.parent / os.fsdecode(text[8:].rstrip(b"\r\n"))))


def _inside(path: Path, root: Path) -> bool:
    return path.is_relative_to(root)


def _is_linked(folder: Path, git_dir: Path) -> bool:
    """Whether ``git_dir`` is that of a linked work tree, and points back at ``folder``."""
    if git_dir.parent.name != "worktrees" or not is_git_dir(git_dir.parent.parent):
        return False
    back = read_small(git_dir / "gitdir")
    if back is None or b"\0" in back:
        return False
    there = Path(os.path.normpath(git_dir / os.fsdecode(back.rstrip(b"\r\n"))))
    return there.name == ".git" and os.path.realpath(there.parent) == os.fspath(folder)


def _is_submodule(folder: Path, git_dir: Path) -> bool:
    """Whether ``git_dir`` lies where a work tree around ``folder`` keeps its submodules."""
    for around in folder.parents:
        try:
            mode = os.lstat(around / ".git").st_mode
        except OSError:
            continue
        if stat.S_ISDIR(mode):
            if _inside(git_dir, around / ".git" / "modules"):
                return True
        elif stat.S_ISREG(mode):
            try:
                own = _pointed_at(around / ".git")
            except _Unusable:
                continue
            if _is_linked(around, own) and _inside(git_dir, own / "modules"):
                return True
    return False


def _check_git_dir(git_dir: Path, root: Path) -> None:
    if not _has_head(git_dir):
        raise _Unusable("is not a git repository: no valid HEAD")
    common = git_dir
    shared = git_dir / "commondir"
    if os.path.lexists(shared):
        text = read_small(shared)
        if text is None or b"\0" in text:
            raise _Unusable("commondir cannot be read")
        common = Path(os.path.realpath(git_dir / os.fsdecode(text.rstrip(b"\r\n"))))
        if git_dir.parent.name != "worktrees" or common != git_dir.parent.parent:
            raise _Unusable(
                f"commondir leads to another repository, {printable(common)}: name that instead"
            )
    if not is_git_dir(common):
        raise _Unusable("is not a git repository: HEAD, objects or refs is missing")
    for folder, name in (
        (common, "config"),
        (common, "packed-refs"),
        (common, "objects/info/alternates"),
        (git_dir, "config.worktree"),
    ):
        if not _is_file_or_absent(folder / name):
            raise _Unusable(f"{name} is no regular file")
    for name in ("objects", "refs", "refs/heads", "packed-refs", "logs", "worktrees", "reftable"):
        entry = common / name
        if entry.is_symlink():
            target = Path(os.path.realpath(entry))
            if not (_inside(target, common) or _inside(target, Path(os.path.realpath(root)))):
                raise _Unusable(
                    f"{name} is a symbolic link that leads out of the repository, "
                    f"to {printable(target)}"
                )


def _is_file_or_absent(path: Path) -> bool:
    """Not a FIFO or device, for which git would wait for ever."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _check_owner(paths: list[Path], named: Path) -> None:
    """git's check for repositories of other users (CVE-2022-24765), which naming the git directory
    outright skips. See safe.directory in git-config(1)."""
    user = os.geteuid()
    owners = {user}
    if user == 0:
        sudo = os.environ.get("SUDO_UID", "")
        if sudo.isdigit():
            owners.add(int(sudo))
    try:
        foreign = any(os.lstat(path).st_uid not in owners for path in paths)
    except OSError as error:
        raise _Unusable(_os_error(error)) from error
    if foreign and not _is_safe(named):
        raise _Unusable(
            "belongs to another user: if you trust it, run "
            f"git config --global --add safe.directory {printable(named)}"
        )


def _is_safe(named: Path) -> bool:
    from patcher.git.identity import user_configuration

    safe = False
    try:
        values = [value for key, value in user_configuration() if key == "safe.directory"]
    except GitError:
        return False
    path = os.fspath(named)
    for value in values:
        if value == "":
            safe = False
        elif value == "*":
            safe = True
        else:
            allowed = os.path.expanduser(value)  # noqa: PTH111 - git's own meaning of ~
            if allowed.endswith("/*"):
                safe = safe or path.startswith(os.path.realpath(allowed[:-2]) + "/")
            elif allowed.startswith("/"):
                safe = safe or path == os.path.realpath(allowed)
    return safe


def _os_error(error: OSError) -> str:
    return (error.strerror or str(error)).lower()

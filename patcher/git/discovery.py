"""Find repositories: work trees, bare ones, linked work trees, submodule checkouts.

A repository may come from anyone, so what stands in it decides nothing about where patcher reads
and writes. A ``.git`` file or symbolic link may lead out of the folder that the user named only as
git's own linked work trees and submodules do, and only where the other side agrees.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from patcher.git.errors import GitError
from patcher.git.small import read_small
from patcher.git.values import Failure, Repository
from patcher.text import printable


class _Unusable(Exception):
    pass


def discover(paths: Iterable[Path], seen: set[int] | None = None) -> Iterator[Repository | Failure]:
    """Yield the repositories that ``paths`` name, each once, and a `Failure` for what is unusable.

    A path may be a work tree, a bare repository, a git directory, or a folder, which is walked for
    repositories, nested ones too (sorted; not into ``.git``, not through symbolic links). A folder
    without any stands for the work tree that it lies in. A work tree and its linked work
    trees are one repository: the first that is met counts.

    As git does, a repository that belongs to another user is refused unless the user's own
    ``safe.directory`` allows it. ``seen`` has the `place_key` of those that came before, which do
    not come again, and gets those of these.
    """
    seen = set() if seen is None else seen
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


def place_key(repository: Repository) -> int:
    """Stands for where a repository lies, whatever its path is called. Raises OSError."""
    status = os.stat(repository.common_dir)  # noqa: PTH116 - on the path of every scan, as all below
    return status.st_ino << 64 | status.st_dev  # a third of what a pair takes: there may be 100,000


def _is_new(item: Repository | Failure, seen: set[int]) -> bool:
    if isinstance(item, Failure):
        return True
    try:
        key = place_key(item)
    except OSError:  # gone since it was found: whoever opens it says so
        return True
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
    if root.name == ".git" and is_git_dir(os.fspath(root), _kinds(os.fspath(root))):
        root = root.parent
    top = os.fspath(root)
    real_top = os.path.realpath(top)
    stack = [top]
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
        # No link was followed on the way here.
        plain = "/" not in (top, real_top)
        real = real_top + folder[len(top) :] if plain else os.path.realpath(folder)
        if ".git" in names:
            yield _work_tree(folder, real, real_top)
        elif "HEAD" in names and "objects" in names:
            kinds = {entry.name: _kind(entry) for entry in entries}
            if is_git_dir(folder, kinds):
                yield _bare(folder, real, real_top, kinds)
                continue
        folders.sort(reverse=True)
        stack.extend(f"{folder}/{name}" for name in folders if name != ".git")


def _around(root: Path) -> Repository | Failure:
    """The repository that ``root`` lies in."""
    for folder in map(os.fspath, root.parents):
        real = os.path.realpath(folder)
        if os.path.lexists(f"{folder}/.git"):
            return _work_tree(folder, real, real)
        if os.path.basename(folder) != ".git":  # noqa: PTH119
            kinds = _kinds(folder)
            if is_git_dir(folder, kinds):
                return _bare(folder, real, real, kinds)
    return Failure(root, "no git repository here: name a repository or a folder that holds some")


def _bare(folder: str, real: str, root: str, kinds: Mapping[str, str]) -> Repository | Failure:
    """``folder`` is a git directory; ``real`` is the same, and ``root`` where the walk began, with
    links resolved."""
    try:
        _check_git_dir(real, root, kinds)
        _check_owner([real], real)
    except _Unusable as error:
        return Failure(Path(folder), str(error))
    path = Path(folder)
    return Repository(path, path if real == folder else Path(real), None)


def _work_tree(folder: str, real: str, root: str) -> Repository | Failure:
    """``folder`` has a ``.git``; of the others see `_bare`."""
    path = Path(folder)
    try:
        git_dir = _resolve(real, root)
        kinds = _kinds(git_dir)
        if not _has_head(git_dir, kinds):
            raise _Unusable("is not a git repository: no valid HEAD")
        _check_git_dir(git_dir, root, kinds)
        _check_owner([f"{real}/.git", real, git_dir], real)
    except _Unusable as error:
        return Failure(path, str(error))
    return Repository(path, Path(git_dir), path)


_LINK, _FOLDER, _FILE, _ELSE = "link", "folder", "file", "else"


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return _LINK
    if entry.is_dir(follow_symlinks=False):
        return _FOLDER
    return _FILE if entry.is_file(follow_symlinks=False) else _ELSE


def _kinds(folder: str) -> dict[str, str]:
    """What lies in a folder; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as scanned:
            return {entry.name: _kind(entry) for entry in scanned}
    except OSError:
        return {}


def is_git_dir(folder: str, kinds: Mapping[str, str]) -> bool:
    """Whether ``folder``, in which these lie, looks like a repository to git: a HEAD that is a ref
    or an id, and objects and refs folders."""
    return _has_folders(folder, kinds) and _has_head(folder, kinds)


def _has_folders(folder: str, kinds: Mapping[str, str]) -> bool:
    return _is_folder(f"{folder}/objects", kinds.get("objects")) and _is_folder(
        f"{folder}/refs", kinds.get("refs")
    )


def _is_folder(path: str, kind: str | None) -> bool:
    return kind == _FOLDER or (kind == _LINK and os.path.isdir(path))  # noqa: PTH112


def _has_head(folder: str, kinds: Mapping[str, str]) -> bool:
    """As ``validate_headref`` in git's ``path.c`` says."""
    kind = kinds.get("HEAD")
    if kind == _LINK:
        return os.readlink(f"{folder}/HEAD").startswith("refs/")  # noqa: PTH115
    if kind == _ELSE:
        return True  # for `_check_git_dir` to say what is wrong
    text = read_small(f"{folder}/HEAD", 255, whole=False) if kind == _FILE else None
    return text is not None and _HEAD.match(text) is not None


_HEAD = re.compile(rb"ref:[ \t\n\r]*refs/|[0-9a-fA-F]{40}")


def _resolve(folder: str, root: str) -> str:
    """The git directory that ``folder``'s ``.git`` stands for. Both arguments are resolved."""
    dot_git = f"{folder}/.git"
    try:
        mode = os.lstat(dot_git).st_mode
    except OSError as error:
        raise _Unusable(_os_error(error)) from error
    if stat.S_ISDIR(mode):
        return dot_git
    if stat.S_ISLNK(mode):
        target = Path(os.path.realpath(dot_git))
        if target.is_dir():
            if _inside(target, root) or _is_submodule(Path(folder), target):
                return os.fspath(target)
            raise _Unusable(
                f".git is a symbolic link that leads out of here, to {printable(target)}: "
                f"name that folder instead"
            )
        raise _Unusable(".git is a symbolic link to no folder")
    if not stat.S_ISREG(mode):
        raise _Unusable(".git is neither a folder nor a file")
    here = Path(folder)
    target = _pointed_at(here / ".git")
    if _is_linked(here, target) or _is_submodule(here, target) or _inside(target, root):
        return os.fspath(target)
    raise _Unusable(
        f".git leads out of here, to {printable(target)}, which does not name this folder as its "
        f"work tree or submodule: name that folder instead"
    )


def _pointed_at(dot_git: Path) -> Path:
    text = read_small(dot_git)
    if text is None or not text.startswith(b"gitdir: ") or b"\0" in text:
        raise _Unusable(".git is a file that names no repository")
    return Path(os.path.realpath(dot_git.parent / os.fsdecode(text[8:].rstrip(b"\r\n"))))


def _inside(path: Path, root: Path | str) -> bool:
    return path.is_relative_to(root)


def _is_linked(folder: Path, git_dir: Path) -> bool:
    """Whether ``git_dir`` is that of a linked work tree, and points back at ``folder``."""
    common = os.fspath(git_dir.parent.parent)
    if git_dir.parent.name != "worktrees" or not is_git_dir(common, _kinds(common)):
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


def _check_git_dir(git_dir: str, root: str, kinds: Mapping[str, str]) -> None:
    """``git_dir``, in which these lie, has a HEAD."""
    common, inside = git_dir, kinds
    if "commondir" in kinds:
        text = read_small(f"{git_dir}/commondir")
        if text is None or b"\0" in text:
            raise _Unusable("commondir cannot be read")
        common = os.path.realpath(os.path.join(git_dir, os.fsdecode(text.rstrip(b"\r\n"))))  # noqa: PTH118
        above = Path(git_dir).parent
        if above.name != "worktrees" or common != os.fspath(above.parent):
            raise _Unusable(
                f"commondir leads to another repository, {printable(common)}: name that instead"
            )
        inside = _kinds(common)
    if not _has_folders(common, inside) or (common != git_dir and not _has_head(common, inside)):
        raise _Unusable("is not a git repository: HEAD, objects or refs is missing")
    for folder, its, name in (
        (git_dir, kinds, "HEAD"),
        (common, inside, "config"),
        (common, inside, "packed-refs"),
        (git_dir, kinds, "config.worktree"),
    ):
        if its.get(name, _FILE) != _FILE and not _is_file_or_absent(f"{folder}/{name}"):
            raise _Unusable(f"{name} is no regular file")
    if not _is_file_or_absent(f"{common}/objects/info/alternates"):
        raise _Unusable("objects/info/alternates is no regular file")
    for name in ("objects", "refs", "refs/heads", "packed-refs", "logs", "worktrees", "reftable"):
        entry = f"{common}/{name}"
        if os.path.islink(entry) if "/" in name else inside.get(name) == _LINK:  # noqa: PTH114
            target = Path(os.path.realpath(entry))
            if not (_inside(target, common) or _inside(target, root)):
                raise _Unusable(
                    f"{name} is a symbolic link that leads out of the repository, "
                    f"to {printable(target)}"
                )


def _is_file_or_absent(path: str) -> bool:
    """Not a FIFO or device, for which git would wait for ever."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _check_owner(paths: Iterable[str], named: str) -> None:
    """git's check for repositories of other users (CVE-2022-24765), which naming the git directory
    outright skips. See safe.directory in git-config(1)."""
    user = os.geteuid()
    owners = {user}
    if user == 0:
        sudo = os.environ.get("SUDO_UID", "")
        if re.fullmatch("[0-9]{1,10}", sudo):
            owners.add(int(sudo))
    try:
        foreign = any(os.lstat(path).st_uid not in owners for path in paths)
    except OSError as error:
        raise _Unusable(_os_error(error)) from error
    if foreign and not _is_safe(named):
        import shlex

        raise _Unusable(
            "belongs to another user: if you trust it, run "
            f"git config --global --add safe.directory {shlex.quote(printable(named))}"
        )


def _is_safe(named: str) -> bool:
    from patcher.git.identity import user_configuration

    safe = False
    try:
        values = [value for key, value in user_configuration() if key == "safe.directory"]
    except GitError:
        return False
    for value in values:
        if value == "":
            safe = False
        elif value == "*":
            safe = True
        else:
            allowed = os.path.expanduser(value)  # noqa: PTH111 - git's own meaning of ~
            if allowed.endswith("/*"):
                safe = safe or named.startswith(os.path.realpath(allowed[:-2]) + "/")
            elif allowed.startswith("/"):
                safe = safe or named == os.path.realpath(allowed)
    return safe


def _os_error(error: OSError) -> str:
    return (error.strerror or str(error)).lower()

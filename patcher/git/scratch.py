"""Scratch folders: empty repositories of our own, through which git reads and writes objects.

A patcher holds a lock on the ``HEAD`` of its scratch folder as long as it lives. What a killed one
left behind goes when the next one makes its own.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import stat
import threading
import time
from collections.abc import Iterator

from patcher import interrupts, locks
from patcher.git.errors import GitError

_NAME = re.compile(r"patcher-([0-9]+)-[0-9a-f]{16}(\.new)?\Z")
_FILES = ("config", "HEAD", "trusted")
_FOLDERS = ("objects", "refs", "view-")
"""What begins the names of what lies in a scratch folder; in folders that are views of a repository
there are links, which are not followed."""

UNFINISHED = 3600.0
"""Seconds after which a folder that was never finished is taken for left behind."""

_scratch: dict[tuple[int, int], str] = {}
_scratch_lock = threading.Lock()


def scratch(hexsize: int = 40) -> str:
    """An empty repository of our own, as a git directory, for object ids of ``hexsize`` digits.

    Objects are read through it: with ``GIT_DIR`` here and ``GIT_OBJECT_DIRECTORY`` in the
    repository at hand, git reads no configuration, no refs and no attributes of that repository,
    and does not know that it is a partial clone, so there is nothing to run and nothing to fetch.
    It goes when the process ends; those of killed processes go when the next one makes its own.
    """
    key = (os.getpid(), hexsize)
    if key in _scratch:
        return _scratch[key]
    with interrupts.shielded(), _scratch_lock:
        if key not in _scratch:
            folder = temporary_folder()
            if not _scratch:
                clean(folder)
            path = f"{folder}/patcher-{os.getpid()}-{os.urandom(8).hex()}"
            try:
                _make_scratch(path, hexsize)
            except OSError as error:
                raise no_room(error) from error
            _scratch[key] = path
            interrupts.at_end(functools.partial(_remove_scratch, path, os.getpid()))
        return _scratch[key]


@contextlib.contextmanager
def object_directory(hexsize: int = 40) -> Iterator[str]:
    """A directory for objects that are of use within the block alone. Raises `GitError`."""
    path = f"{scratch(hexsize)}/objects/{os.urandom(8).hex()}"
    try:
        os.mkdir(path)  # noqa: PTH102
    except OSError as error:
        raise no_room(error) from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def no_room(error: OSError) -> GitError:
    """Return the error that a scratch folder could not be made."""
    folder = temporary_folder()
    return GitError(f"no room for a scratch folder in {folder} ({error.strerror}): set TMPDIR")


def setting(section: str, name: str, value: str) -> str:
    """A key as it stands in a file of configuration (git-config(1))."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'[{section}]\n\t{name} = "{quoted}"\n'


def temporary_folder() -> str:
    """Where scratch folders lie, as an absolute path: git would look for another one elsewhere."""
    return os.path.abspath(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108, PTH100 - mode 0700


_FORMATS = {40: "sha1", 64: "sha256"}


def _make_scratch(path: str, hexsize: int) -> None:
    new = f"{path}.new"
    config = "[core]\n\trepositoryFormatVersion = 1\n\tbare = true\n"
    config += f"[extensions]\n\tobjectFormat = {_FORMATS[hexsize]}\n" if hexsize != 40 else ""
    try:
        os.mkdir(new, 0o700)  # noqa: PTH102
        for folder in ("objects", "refs"):
            os.mkdir(f"{new}/{folder}")  # noqa: PTH102
        for name, text in (("HEAD", "ref: refs/heads/none\n"), ("config", config)):
            with open(f"{new}/{name}", "x") as file:  # noqa: PTH123
                file.write(text)
        locks.hold(f"{new}/HEAD")  # until the process ends
        os.rename(new, path)  # noqa: PTH104
    except OSError:
        _remove(new)
        raise


def _remove_scratch(path: str, pid: int) -> None:
    if os.getpid() == pid:
        _remove(path)


def _remove(path: str) -> None:
    """Remove a scratch folder, and nothing in it that patcher did not make."""
    with contextlib.suppress(OSError):
        for name in os.listdir(path):  # noqa: PTH208
            if name.startswith(_FOLDERS):
                shutil.rmtree(f"{path}/{name}", ignore_errors=True)
            elif name.startswith(_FILES):
                os.unlink(f"{path}/{name}")  # noqa: PTH108
        os.rmdir(path)  # noqa: PTH106


def clean(folder: str) -> None:
    """Remove scratch folders of our own user's processes that are no more."""
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except OSError:
        return
    for name in names:
        match = _NAME.match(name)
        if match is None or locks.is_running(int(match[1])):
            continue
        path = f"{folder}/{name}"
        try:
            status = os.lstat(path)
        except OSError:
            continue
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            continue
        if status.st_mode & 0o077:
            continue
        finished = match[2] is None and os.path.lexists(f"{path}/HEAD")
        old = time.time() - status.st_mtime > UNFINISHED
        if locks.is_abandoned(f"{path}/HEAD") if finished else old:
            _remove(path)

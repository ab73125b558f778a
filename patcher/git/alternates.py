"""Which other folders of objects a repository reads (``objects/info/alternates``).

git follows them by itself, in silence; here it is told whose objects these are. How they are
written is said in gitrepository-layout(5), what git makes of it in its odb code.
"""

from __future__ import annotations

import os
import re
import stat

from patcher.git.errors import BoundExceeded, GitError
from patcher.git.small import read_small
from patcher.git.values import Alternates, Repository
from patcher.text import printable

MAX_FILE = 1 << 16
"""Bytes of one list of alternates."""

MAX_FOLDERS = 1000
"""Alternates of one repository, those of its alternates among them."""

_DEPTH = 6
"""Lists that git follows, one from the other."""

_NONE = Alternates()
_ESCAPE = rb"\\([0-3][0-7]{2}|.)"
_QUOTED = rb'"((?:[^"\\]|\\(?:[0-3][0-7]{2}|[abfnrtv"\\]))*)"'
_LETTERS = dict(zip(b"abfnrtv", b"\a\b\f\n\r\t\v", strict=True))


def alternates(repository: Repository) -> Alternates:
    """The folders of objects that git reads besides the repository's own, in its order.

    Raises `GitError` for a list that is no file, for which git would wait, or over its bounds.
    """
    _, *others = folders(f"{repository.common_dir}/objects").items()
    if not others:
        return _NONE
    return Alternates(
        tuple(folder for folder, there in others if there),
        tuple(folder for folder, there in others if not there),
    )


def folders(objects: str) -> dict[str, bool]:
    """A folder of objects, and those that git reads besides it, each with whether it is there.

    Raises `GitError` as `alternates` does.
    """
    if not os.path.lexists(f"{objects}/info/alternates"):
        return {objects: True}
    own = os.path.realpath(objects)
    seen: dict[str, bool] = {own: True}
    below = [own]
    for _ in range(_DEPTH):
        named = [folder for reader in below for folder in _named(reader)]
        below = []
        for folder in named:
            if folder not in seen:
                seen[folder] = os.path.isdir(folder)  # noqa: PTH112
                below += [folder] if seen[folder] else []
            if len(seen) > MAX_FOLDERS:
                raise BoundExceeded(f"it reads more than {MAX_FOLDERS} alternates")
    return seen


def _named(objects: str) -> list[str]:
    """What the list of one folder of objects names."""
    path = f"{objects}/info/alternates"
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return []
    if not stat.S_ISREG(status.st_mode):
        raise GitError(f"{printable(path)} is no regular file: remove it")
    if status.st_size > MAX_FILE:
        raise BoundExceeded(f"{printable(path)} is over the limit of {MAX_FILE >> 10} KiB")
    folders = []
    text = read_small(path, MAX_FILE) or b""
    while text:
        line, _, rest = text.partition(b"\n")
        quoted = re.match(_QUOTED, text, re.DOTALL)
        if quoted is not None:
            line, rest = _unquoted(quoted[1]), text[quoted.end() + 1 :]
        text = rest
        if line and b"\0" not in line and (quoted or not line.startswith(b"#")):
            folders.append(os.path.realpath(os.path.join(objects, os.fsdecode(line))))  # noqa: PTH118
    return folders


def _unquoted(text: bytes) -> bytes:
    def plain(match: re.Match[bytes]) -> bytes:
        what = match[1]
        return bytes([int(what, 8) if len(what) == 3 else _LETTERS.get(what[0], what[0])])

    return re.sub(_ESCAPE, plain, text, flags=re.DOTALL)

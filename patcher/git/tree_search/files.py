"""Look up files of a commit by their paths."""

from __future__ import annotations

from collections.abc import Sequence

from patcher.git.errors import BoundExceeded
from patcher.git.objects import MAX_TREE, Objects, mode_of, tree_content, tree_entries
from patcher.git.values import Repository

_FOLDER = "40000"
_MOST_LISTED = 6 << 20
"""Bytes of the tree objects in which files are looked up; in memory they take ten times as much."""


class Files:
    """The files of one commit, by their paths; each folder is read once."""

    def __init__(self, objects: Objects, commit: str) -> None:
        self._objects = objects
        self.root = f"{commit}^{{tree}}".encode()
        """What `folder` knows the uppermost folder by."""
        self._known: dict[bytes, dict[bytes, tuple[str, bytes]]] = {}
        self._left = _MOST_LISTED

    def entry(self, path: bytes) -> tuple[str, bytes] | None:
        """Mode and object id of a file or folder; None where there is none."""
        mode, name = _FOLDER, self.root
        for part in path.split(b"/"):
            entry = self.folder(name).get(part) if mode == _FOLDER else None
            if entry is None:
                return None
            mode, name = entry
        return mode, name

    def folder(self, oid: bytes) -> dict[bytes, tuple[str, bytes]]:
        """Mode and object id of what lies in a folder, by name."""
        if oid not in self._known:
            data = tree_content(self._objects.one(oid, MAX_TREE))
            self._left -= len(data)
            if self._left < 0:
                raise BoundExceeded(
                    f"the folders of files to look up are over the limit of {_MOST_LISTED >> 20} "
                    f"MiB"
                )
            self._known[oid] = {
                child: (mode_of(mode), oid.hex().encode())
                # Of two that have one name, git takes the first.
                for mode, child, oid in reversed(tree_entries(data, self._objects.hexsize))
            }
        return self._known[oid]


def entries(
    repository: Repository, commit: str, paths: Sequence[bytes]
) -> dict[bytes, tuple[str, str]]:
    """Mode and object id of the paths that ``commit`` has; the others are left out."""
    with Objects(repository.common_dir / "objects", hexsize=len(commit)) as objects:
        files = Files(objects, commit)
        found = {path: files.entry(path) for path in paths}
    return {path: (entry[0], entry[1].decode()) for path, entry in found.items() if entry}

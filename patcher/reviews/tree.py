"""Files of a base, by their paths: what a review says of the repository stands there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from patcher import git

MOST_BYTES = 1 << 20
"""Of one file. vendor/modules.txt of Kubernetes, which has the most modules, has 60,000."""


class BaseTree:
    """The tree of one commit. What cannot be read is as if it were not there."""

    def __init__(self, objects: git.Objects, commit: str) -> None:
        self._objects = objects
        self._files = git.Files(objects, commit)

    def read(self, path: bytes) -> bytes | None:
        """The content of a file; None where there is none, or a larger one than `MOST_BYTES`."""
        entry = self._entry(path)
        if entry is None or not entry[0].startswith("100"):
            return None
        try:
            found = self._objects.one(entry[1], MOST_BYTES)
        except git.GitTimeout:
            raise
        except git.GitError:
            return None
        return found.content if found.kind == "blob" else None

    def names(self, folder: bytes) -> list[bytes]:
        """What lies in a folder, in order; nothing where it is none."""
        entry = self._entry(folder) if folder else (_FOLDER, self._files.root)
        if entry is None or entry[0] != _FOLDER:
            return []
        try:
            return sorted(self._files.folder(entry[1]))
        except git.GitTimeout:
            raise
        except git.GitError:
            return []

    def _entry(self, path: bytes) -> tuple[str, bytes] | None:
        try:
            return self._files.entry(path)
        except git.GitTimeout:
            raise
        except git.GitError:
            return None


_FOLDER = "40000"

TEMPLATES = (
    # https://docs.github.com/communities/using-templates-to-encourage-useful-issues-and-pull-requests/creating-a-pull-request-template-for-your-repository
    b".github/pull_request_template.md",
    b"pull_request_template.md",
    b"docs/pull_request_template.md",
    b".github/pull_request_template.txt",
    # https://docs.gitlab.com/user/project/description_templates/
    b".gitlab/merge_request_templates/default.md",
    # https://docs.gitea.com/usage/issue-pull-request-templates
    b".gitea/pull_request_template.md",
    b".forgejo/pull_request_template.md",
)
"""Where forges look for the text that a review begins with, in lower case."""


def review_template(tree: BaseTree) -> bytes | None:
    """The text that the repository wants in its reviews."""
    for wanted in TEMPLATES:
        *folders, name = wanted.split(b"/")
        # Names in any case: forges take both.
        at = b""
        for folder in (*folders, name):
            there = next((each for each in tree.names(at) if each.lower() == folder), None)
            if there is None:
                break
            at = at + b"/" + there if at else there
        else:
            return tree.read(at)
    return None


@contextmanager
def opened(repository: git.Repository, commit: str) -> Iterator[BaseTree]:
    """The tree of a commit that the repository has."""
    with git.Objects(repository.common_dir / "objects", hexsize=len(commit)) as objects:
        yield BaseTree(objects, commit)

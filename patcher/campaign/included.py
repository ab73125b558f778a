"""Whether the globs of ``--include`` match a file: one that is mistyped leaves nothing to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from patcher import git
from patcher.campaign.globs import matcher
from patcher.results import Target

_MOST = 1_000_000
"""Paths of a commit that are looked at; of one that has more, no glob is called wrong."""


def matched(
    repository: git.Repository, target: Target, globs: Sequence[str]
) -> tuple[tuple[str, bool], ...]:
    """Of each glob, whether it matches a file at the target's base. Nothing where that is not
    known."""
    left = {glob: matcher([glob]) for glob in globs}
    try:
        for path in _paths(repository, target):
            for glob in [glob for glob, matches in left.items() if matches(path)]:
                del left[glob]
            if not left:
                break
    except git.GitTimeout:
        raise
    except git.GitError:
        return ()
    return tuple((glob, glob not in left) for glob in globs)


def _paths(repository: git.Repository, target: Target) -> Iterator[bytes]:
    """The paths of files at the target's base, those with findings first."""
    yield from (located.path for located in target.findings)
    commit = target.commit or ""
    with git.Objects(repository.common_dir / "objects", hexsize=len(commit)) as objects:
        files = git.Files(objects, commit)
        folders = [(b"", f"{commit}^{{tree}}".encode())]
        number = 0
        while folders:
            git.time_left()
            prefix, oid = folders.pop()
            for name, (mode, child) in files.folder(oid).items():
                number += 1
                if number > _MOST:
                    raise git.BoundExceeded(f"more than {_MOST} paths")
                if mode == "40000":
                    folders.append((prefix + name + b"/", child))
                elif mode.startswith("100"):
                    yield prefix + name
